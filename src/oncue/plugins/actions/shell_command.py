"""The action `shell.command`: one program on this machine, off until the operator allows it.

There is no shell: the command is an array, and nothing in it is interpreted. The program must be on the operator's
list, its environment is empty but for what the step gives, its memory and output are bounded, and its whole process
group is killed at the deadline.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import msgspec

from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc

OUTPUT_LIMIT: Final = 32_768
"""Characters of each stream that are kept: the end, where the reason usually stands."""
MEMORY_LIMIT: Final = 2 * 1024**3
FILE_LIMIT: Final = 1024**3

_LAUNCHER: Final = str(Path(__file__).with_name("limited.py"))
_FORBIDDEN: Final = ("LD_", "DYLD_", "PYTHON", "BASH_ENV", "ENV", "IFS")


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One command."""

    argv: Annotated[list[str], msgspec.Meta(min_length=1, max_length=256)]
    """The program, as an absolute path, and its arguments."""
    env: dict[str, str] = {}
    """Its environment, besides PATH and LANG."""
    cwd: str = "/"
    """The directory that it runs in."""
    stdin: str | None = None
    """What it reads from its input."""
    expect: tuple[int, ...] = (0,)
    """Exit codes that count as success."""
    effect_class: EffectClass = "at-most-once"
    """What a crash in the middle may mean."""


class Outputs(msgspec.Struct, kw_only=True):
    """What the program did."""

    exit_code: int
    """As it ended."""
    stdout: str
    """The end of its output."""
    stderr: str
    """The end of its error output."""
    truncated: bool = False
    """Whether more was written than is kept."""


class ShellCommand:
    """Runs one allowed program."""

    name = "shell.command"
    inputs = Inputs
    outputs = Outputs
    errors = (
        ErrorDoc("action.disabled", "The operator has not switched it on (actions.shell.enabled)."),
        ErrorDoc("shell.not_allowed", "The command is not on the operator's list (actions.shell.allow)."),
        ErrorDoc("shell.not_found", "There is no such program, or it may not be executed."),
        ErrorDoc("shell.exit", "The exit code is not one that counts as success."),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """As the step says."""
        return inputs.effect_class

    def plan(self, inputs: Inputs) -> str:
        """The command, quoted for reading."""
        return shlex.join(inputs.argv)

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The program ended with an exit code that counts as success."""
        rules = context.shell
        if not rules.enabled:
            raise ActionError("action.disabled", "shell.command is off; an administrator can allow it in oncue.toml")
        if not permitted(inputs.argv, rules.allow):
            raise ActionError(
                "shell.not_allowed", f"{shlex.join(inputs.argv)} is not on the list of actions.shell.allow"
            )
        check(inputs)
        exit_code, stdout, stderr, truncated = await execute(inputs)
        if exit_code not in inputs.expect:
            last = (stderr or stdout).strip()[-500:]
            raise ActionError("shell.exit", f"exit code {exit_code}: {last}")
        return Outputs(exit_code=exit_code, stdout=stdout, stderr=stderr, truncated=truncated)


def permitted(argv: list[str], allow: tuple[str, ...]) -> bool:
    """Whether the list names the program, or a beginning of the command word for word."""
    if not argv[0].startswith("/") or os.path.normpath(argv[0]) != argv[0]:
        return False
    return any(argv[: len(words)] == words for words in map(shlex.split, allow) if words)


def check(inputs: Inputs) -> None:
    """Raises `ActionError` inputs.invalid, shell.not_found if this cannot be run as it is."""
    for text in (*inputs.argv, *inputs.env, *inputs.env.values(), inputs.cwd):
        if "\0" in text:
            raise ActionError("inputs.invalid", "a NUL character cannot be part of a command")
    for name in inputs.env:
        if name.upper().startswith(_FORBIDDEN) or "=" in name or not name:
            raise ActionError("inputs.invalid", f"env: {name!r} may not be set")
    if not os.access(inputs.argv[0], os.X_OK) or not Path(inputs.argv[0]).is_file():
        raise ActionError("shell.not_found", f"{inputs.argv[0]} is not a program that may be executed")
    if not Path(inputs.cwd).is_dir():
        raise ActionError("inputs.invalid", f"cwd: {inputs.cwd} is not a directory")


async def execute(inputs: Inputs) -> tuple[int, str, str, bool]:
    """Exit code, output, error output, and whether some of them was cut. All that it started in its group has ended."""
    # The pipes are ours, not asyncio's, whose wait() would go on until everything that inherited them has ended.
    streams, ends = [], []
    for _ in range(2):
        stream, end = await _pipe()
        streams.append(stream)
        ends.append(end)
    try:
        with tempfile.TemporaryFile() as stdin:
            stdin.write((inputs.stdin or "").encode())
            stdin.seek(0)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", _LAUNCHER, str(MEMORY_LIMIT), str(FILE_LIMIT), *inputs.argv,
                stdin=stdin,
                stdout=ends[0],
                stderr=ends[1],
                env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", **inputs.env},
                cwd=inputs.cwd,
                start_new_session=True,
            )  # fmt: skip
    finally:
        for end in ends:
            os.close(end)
    outputs = asyncio.gather(*(_tail(stream) for stream in streams))
    try:
        exit_code = await process.wait()
    finally:
        # Also after a good end: what it left running in its group must not outlive the step.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    stdout, stderr = await outputs
    return exit_code, stdout[0], stderr[0], stdout[1] or stderr[1]


async def _pipe() -> tuple[asyncio.StreamReader, int]:
    """A stream, and the file descriptor of the end that writes to it."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    return stream, writing


async def _tail(stream: asyncio.StreamReader) -> tuple[str, bool]:
    kept = bytearray()
    truncated = False
    while chunk := await stream.read(65_536):
        kept += chunk
        if len(kept) > OUTPUT_LIMIT:
            truncated = True
            del kept[:-OUTPUT_LIMIT]
    return kept.decode("utf-8", "replace"), truncated
