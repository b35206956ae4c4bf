"""The action `ssh.command`: one program on another machine, by key or password, its host's key known.

The command is an array whose words arrive as they are: they are quoted for the shell of the user there. When the step's
time is over, or nobody wants it any more, the program there is killed.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from oncue.plugins import remote
from oncue.plugins.output import Ended
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc, SecretRef, nothing_done_yet
from oncue.sdk.source import Fault


class Inputs(remote.Task, kw_only=True, forbid_unknown_fields=True):
    """One command, on which machine, as whom."""

    argv: Annotated[list[str], msgspec.Meta(min_length=1, max_length=256)]
    """The program and its arguments. The user's shell there finds the program, and interprets nothing else."""
    stdin: str | None = None
    """What it reads."""
    stdin_secret: SecretRef | None = None
    """The same as a secret, with a line end behind it: arguments and variables can be seen by others there."""


class SshCommand:
    """Runs one command on another machine."""

    name = "ssh.command"
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
        """As those of `remote`; and one input at most."""
        yield from remote.faults(given)
        if given.get("stdin") is not None and given.get("stdin_secret") is not None:
            yield ("stdin",), "give stdin or stdin_secret, not both"

    def plan(self, inputs: Inputs) -> str:
        """The machine, and the command quoted for reading."""
        return remote.shown(inputs, inputs.argv)

    async def run(self, inputs: Inputs, context: Context) -> Ended:
        """The command ended with an exit code that counts as success."""
        stdin = inputs.stdin
        if inputs.stdin_secret is not None:
            with nothing_done_yet():
                if stdin is not None:
                    raise ActionError("inputs.invalid", "give stdin or stdin_secret, not both")
                stdin = context.secret(inputs.stdin_secret) + "\n"
        return await remote.execute(inputs, inputs.argv, stdin, context)
