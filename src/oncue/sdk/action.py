"""What an action is: something that a workflow's step calls.

An action is a class without arguments, named by an entry point of the group `oncue.actions`; one file each.
"""

from typing import Any, Protocol, runtime_checkable

import msgspec

from oncue.core.effect import EffectClass
from oncue.sdk.context import Context
from oncue.sdk.errors import ErrorDoc


@runtime_checkable
class Action(Protocol):
    """Does one thing outside, once per attempt.

    `inputs` and `outputs` are msgspec structs: schema, validation and reference page in one. `run` gets valid inputs; it
    raises `ActionError` for what it foresees, and stops what it started when it is cancelled.
    """

    name: str
    inputs: type[msgspec.Struct]
    outputs: type[msgspec.Struct]
    errors: tuple[ErrorDoc, ...]

    def effect_class(self, inputs: Any) -> EffectClass:
        """What a crash in the middle may mean, for these inputs."""
        ...

    def plan(self, inputs: Any) -> str:
        """One line: what `run` would do. Touches nothing."""
        ...

    async def run(self, inputs: Any, context: Context) -> msgspec.Struct:
        """The thing is done. Raises `ActionError` with a code of `errors`."""
        ...
