"""The action `shell.command`: one program on this machine, off until the operator allows it.

There is no shell: the command is an array, and nothing in it is interpreted. The program must be on the operator's
list, its environment is empty but for what the step gives, its memory and output are bounded, and its whole process
group is killed at the deadline.
"""

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from oncue.plugins import processes
from oncue.plugins.output import Ended, last_words
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc, Rules, StatedClass, nothing_done_yet
from oncue.sdk.source import Fault


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One command."""

    argv: Annotated[list[str], msgspec.Meta(min_length=1, max_length=256)]
    """The program, as an absolute path, and its arguments."""
    env: dict[str, str] = {}
    """All that it gets besides `PATH` and `LANG`."""
    cwd: str = "/"
    """The directory that it starts in."""
    stdin: str | None = None
    """What it reads."""
    expect: tuple[int, ...] = (0,)
    """Exit codes that count as success."""
    effect_class: StatedClass = "at-most-once"
    """What a crash in the middle may mean."""


class ShellCommand:
    """Runs one allowed program."""

    name = "shell.command"
    inputs = Inputs
    outputs = Ended
    errors = (
        ErrorDoc("action.disabled", "The operator has not switched it on (actions.shell.enabled)."),
        ErrorDoc("shell.not_allowed", "The command is not on the operator's list (actions.shell.allow)."),
        ErrorDoc("shell.not_found", "There is no such program, or it may not be executed."),
        ErrorDoc("shell.exit", "The exit code is not one that counts as success."),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """As the step says."""
        return inputs.effect_class

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """The program is an absolute path."""
        program = given["argv"][0] if isinstance(given["argv"], list) else "${"
        if "${" not in program and not program.startswith("/"):
            yield ("argv", 0), f"{program!r} is no absolute path: write it as /usr/bin/{program}"

    def plan(self, inputs: Inputs) -> str:
        """The command, quoted for reading."""
        return processes.shown(inputs.argv)

    def permit(self, inputs: Inputs | None, rules: Rules) -> None:
        """Raises `ActionError` action.disabled, shell.not_allowed."""
        if not rules.shell.enabled:
            raise ActionError("action.disabled", "shell.command is off; an administrator can allow it in oncue.toml")
        if inputs is not None and not permitted(inputs.argv, rules.shell.allow):
            raise ActionError(
                "shell.not_allowed", f"{shlex.join(inputs.argv)} is not on the list of actions.shell.allow"
            )

    async def run(self, inputs: Inputs, context: Context) -> Ended:
        """The program ended with an exit code that counts as success."""
        with nothing_done_yet():
            self.permit(inputs, context)
            check(inputs)
        done = await processes.execute(
            inputs.argv, env=inputs.env, cwd=inputs.cwd, stdin=inputs.stdin or "", context=context
        )
        if done.exit_code not in inputs.expect:
            raise ActionError("shell.exit", f"exit code {done.exit_code}: {last_words(done, context)}")
        return done


def permitted(argv: list[str], allow: tuple[str, ...]) -> bool:
    """Whether the list names the program, or a beginning of the command word for word."""
    if not argv[0].startswith("/") or os.path.normpath(argv[0]) != argv[0]:
        return False
    return any(argv[: len(words)] == words for words in map(shlex.split, allow) if words)


def check(inputs: Inputs) -> None:
    """Raises `ActionError` inputs.invalid, shell.not_found if this cannot be run as it is."""
    processes.check_words([*inputs.argv, inputs.cwd])
    processes.check_environment(inputs.env)
    if not os.access(inputs.argv[0], os.X_OK) or not Path(inputs.argv[0]).is_file():
        raise ActionError("shell.not_found", f"{inputs.argv[0]} is not a program that may be executed")
    if not Path(inputs.cwd).is_dir():
        raise ActionError("inputs.invalid", f"cwd: {inputs.cwd} is not a directory")
