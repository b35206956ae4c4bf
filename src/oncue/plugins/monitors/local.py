"""Looking at files of this machine: which are closed to monitors, and how a file system that hangs holds one thread only."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from oncue.sdk import ActionError, ErrorDoc

REFUSED: Final = ErrorDoc("file.refused", "The path leads into OnCue's own data, or into /proc, /sys or /dev.")
HANGS: Final = ErrorDoc("file.hangs", "The file system does not answer, as when the server of a network mount is away.")

_CLOSED: Final = ("/proc", "/sys", "/dev")

Given = ParamSpec("Given")
Result = TypeVar("Result")


def vet(path: Path) -> Path:
    """The path with its links followed. Raises `ActionError` file.refused: keys and other namespaces' data stay closed.

    The worker's working directory is the directory of OnCue's data.
    """
    try:
        found = path.resolve()
        own = Path.cwd().resolve()
    except (OSError, RuntimeError) as error:
        raise ActionError("file.refused", f"{path}: {error}") from error
    if found.is_relative_to(own) or any(found.is_relative_to(one) for one in _CLOSED):
        raise ActionError("file.refused", f"{path} is not open from here")
    return found


class Patient:
    """Asks in a thread, one question at a time: what hangs holds one thread, not one per probe."""

    def __init__(self) -> None:
        self._asked: asyncio.Future[Any] | None = None

    async def ask(self, question: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
        """The answer. Raises what the question does, and `ActionError` file.hangs while an earlier one has no answer."""
        if self._asked is not None and not self._asked.done():
            raise ActionError("file.hangs", "the file system has not answered since an earlier probe")
        asked = asyncio.ensure_future(asyncio.to_thread(question, *given, **named))
        asked.add_done_callback(_seen)
        self._asked = asked
        return await asyncio.shield(asked)


def _seen(asked: asyncio.Future[Any]) -> None:
    # A probe that has ended at its timeout waits for this no more; that it failed is then nobody's news.
    if not asked.cancelled():
        asked.exception()
