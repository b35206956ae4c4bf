"""What an action is: something that a workflow's step calls.

An action is a class without arguments, named by an entry point of the group `oncue.actions`; one file each.
"""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import msgspec

from oncue.core.effect import EffectClass
from oncue.sdk.context import Context, Rules
from oncue.sdk.errors import ErrorDoc
from oncue.sdk.outbound import Place


@runtime_checkable
class Action(Protocol):
    """Does one thing outside, once per attempt.

    `inputs` and `outputs` are msgspec structs: schema, validation and reference page in one. `run` gets valid inputs; it
    raises `ActionError` for what it foresees, and stops what it started when it is cancelled.
    """

    @property
    def name(self) -> str:
        """What manifests call it."""
        ...

    @property
    def inputs(self) -> type[msgspec.Struct]:
        """The schema of the step's `with`."""
        ...

    @property
    def outputs(self) -> type[msgspec.Struct]:
        """The schema of its result."""
        ...

    @property
    def errors(self) -> tuple[ErrorDoc, ...]:
        """What it may fail with, beside what anything may."""
        ...

    def effect_class(self, inputs: Any) -> EffectClass:
        """What a crash in the middle may mean, for these inputs."""
        ...

    def plan(self, inputs: Any) -> str:
        """One line: what `run` would do. Touches nothing."""
        ...

    async def run(self, inputs: Any, context: Context) -> msgspec.Struct:
        """The thing is done. Raises `ActionError` with a code of `errors`."""
        ...


@runtime_checkable
class Permitted(Protocol):
    """An action that does nothing unless the operator allows it. `run` asks that first; a dry run asks it alone."""

    def permit(self, inputs: Any, rules: Rules) -> None:
        """Whether it may be done; of inputs that are not known yet, which are None, whether anything may. Touches nothing.

        Raises `ActionError` with a code of `errors`.
        """
        ...


@runtime_checkable
class Reaching(Protocol):
    """The inputs' struct of an action that connects to what they name. A dry run asks whether it may."""

    @staticmethod
    def reaches(given: dict[str, Any]) -> Iterable[Place | None]:
        """Each connection; None of one that is not known. What is `given` fits the struct, with `${...}` where something is not
        known."""
        ...
