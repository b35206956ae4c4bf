"""The action `ssh.script`: a script that an interpreter on another machine reads from its input.

Nothing is written to a file there. Logging in is as for `ssh.command`.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from oncue.plugins import remote
from oncue.plugins.output import Ended, length
from oncue.sdk import Context, EffectClass, ErrorDoc
from oncue.sdk.source import Fault


class Inputs(remote.Task, kw_only=True, forbid_unknown_fields=True):
    """One script, on which machine, as whom."""

    script: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
    """Its text. What it runs reads from the same input: give such programs `</dev/null`, or they take the rest of it."""
    interpreter: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=16)] = ("/bin/sh", "-s", "--")
    """A command that reads the script from its input, and takes `args` behind it: `[python3, "-"]`."""
    args: Annotated[tuple[str, ...], msgspec.Meta(max_length=256)] = ()
    """What the script gets as its arguments, word for word. Put what events say here, not into the text."""


class SshScript:
    """Runs a script on another machine."""

    name = "ssh.script"
    inputs = Inputs
    outputs = Ended
    errors = (
        *remote.ERRORS,
        ErrorDoc("inputs.invalid", "Inputs do not go together, or a word cannot be part of a command."),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """As the step says."""
        return inputs.effect_class

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """As those of `remote`."""
        return remote.faults(given)

    def plan(self, inputs: Inputs) -> str:
        """The machine, the interpreter with the arguments, and how long the script is."""
        return f"{remote.shown(inputs, [*inputs.interpreter, *inputs.args])} (a script of {length(inputs.script)})"

    async def run(self, inputs: Inputs, context: Context) -> Ended:
        """The script ended with an exit code that counts as success."""
        return await remote.execute(inputs, [*inputs.interpreter, *inputs.args], inputs.script, context)
