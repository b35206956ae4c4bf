"""Sees whether code touches anything outside: files that it writes, connections, programs. For the conformance kit.

The interpreter's audit events tell. A hook cannot be taken away again, so there is one, which looks only while it is asked to.
"""

import contextvars
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_TOUCHES: Final = frozenset(
    {
        "os.exec", "os.fork", "os.forkpty", "os.kill", "os.link", "os.mkdir", "os.posix_spawn", "os.remove", "os.rename",
        "os.rmdir", "os.spawn", "os.symlink", "os.system", "os.truncate", "os.unlink", "socket.bind", "socket.connect",
        "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "subprocess.Popen",
    }
)  # fmt: skip
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_seen: Final[contextvars.ContextVar[list[str] | None]] = contextvars.ContextVar("touched", default=None)
_hooked = False


@contextmanager
def untouched() -> Iterator[list[str]]:
    """What the code inside touches, one entry each. What a module's first import writes as its bytecode does not count."""
    global _hooked  # noqa: PLW0603 - a hook is for the whole interpreter, and for good
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked = True
    touched: list[str] = []
    token = _seen.set(touched)
    try:
        yield touched
    finally:
        _seen.reset(token)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" and event not in _TOUCHES:
        return
    touched = _seen.get()
    if touched is None:
        return
    if event != "open":
        touched.append(event)
    elif isinstance(arguments[2], int) and arguments[2] & _WRITES and "__pycache__" not in str(arguments[0]):
        touched.append(f"open {arguments[0]!r} for writing")
