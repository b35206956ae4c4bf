"""Programs on this machine, for what the operator allows: `shell.command`, `python.script`, `ansible.playbook`, `script`.

There is no shell, and nothing of OnCue's environment: a program gets what it is given, with memory, files and, if wanted,
processor time limited. All that it started has ended when it ends, at the deadline and when the step is cancelled.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

from oncue.plugins.output import OUTPUT_LIMIT, Ended, Output, ended
from oncue.sdk import ActionError, Context

MEMORY_LIMIT: Final = 2 * 1024**3
FILE_LIMIT: Final = 1024**3
ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
"""What every program is given."""
DRAIN_S: Final = 1.0
"""Seconds in which the output of a program that has ended must have been read; what left its group may hold it open."""
PLAN_LIMIT: Final = 300
"""Characters of a command that a plan shows."""

_LAUNCHER: Final = str(Path(__file__).with_name("limited.py"))
_FORBIDDEN: Final = ("LD_", "DYLD_", "PYTHON", "BASH_ENV", "ENV", "IFS")


class Limits(msgspec.Struct, frozen=True):
    """What one program may use."""

    memory: int = MEMORY_LIMIT
    """Bytes of address space."""
    file_size: int = FILE_LIMIT
    """Bytes of each file that it writes."""
    cpu_s: int = 0
    """Seconds of processor time; 0 for no limit but the step's timeout."""


UNLIMITED_TIME: Final = Limits()


def check_words(words: Sequence[str]) -> None:
    """Raises `ActionError` inputs.invalid if one of them cannot be part of a command."""
    if any("\0" in word for word in words):
        raise ActionError("inputs.invalid", "a NUL character cannot be part of a command")


def check_environment(env: Mapping[str, str]) -> None:
    """Raises `ActionError` inputs.invalid if a variable would change what runs, or can be none."""
    check_words([*env, *env.values()])
    for name in env:
        if name.upper().startswith(_FORBIDDEN) or "=" in name or not name:
            raise ActionError("inputs.invalid", f"env: {name!r} may not be set")


def shown(words: Sequence[str]) -> str:
    """A command on one line, quoted for reading."""
    line = shlex.join(words).replace("\n", "\\n").replace("\r", "\\r")
    return line if len(line) <= PLAN_LIMIT else f"{line[:PLAN_LIMIT]}..."


async def execute(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    stdin: str = "",
    limits: Limits = UNLIMITED_TIME,
    context: Context | None = None,
    keep: int = OUTPUT_LIMIT,
    pass_fds: Sequence[int] = (),
) -> Ended:
    """The program has ended, with all that it started. `context` is told of its lines, `keep` bytes of each stream are
    kept. `argv[0]` is an absolute path.

    An exit code below zero is the signal that ended it.
    """
    outputs = (Output("out", context, keep), Output("err", context, keep))
    with tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        async with contextlib.AsyncExitStack() as stack:
            # The pipes are ours, not asyncio's, whose wait() would go on until everything that inherited them has ended.
            pipes = [await stack.enter_async_context(_pipe()) for _ in outputs]
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", "-S", _LAUNCHER,
                    str(limits.memory), str(limits.file_size), str(limits.cpu_s), *argv,
                    stdin=given,
                    stdout=pipes[0][1],
                    stderr=pipes[1][1],
                    env={**ENVIRONMENT, **env},
                    cwd=cwd,
                    start_new_session=True,
                    pass_fds=pass_fds,
                )  # fmt: skip
            finally:
                for _, end in pipes:
                    os.close(end)
            readers = [
                asyncio.create_task(output.read(stream)) for output, (stream, _) in zip(outputs, pipes, strict=True)
            ]
            try:
                try:
                    exit_code = await process.wait()
                finally:
                    # Also after a good end: what it left running in its group must not outlive the step.
                    _kill(process)
                    await process.wait()
                done, _ = await asyncio.wait(readers, timeout=DRAIN_S)
                for reader in done:
                    reader.result()
            finally:
                for reader in readers:
                    reader.cancel()
    return ended(exit_code, *outputs)


def _kill(process: Process) -> None:
    """End a program and what it started: its group and, if it still runs, also what has left its group."""
    family: list[psutil.Process] = []
    if process.returncode is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


@contextlib.asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A stream, and the file descriptor of the end that writes to it."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    try:
        yield stream, writing
    finally:
        transport.close()
