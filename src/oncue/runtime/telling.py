"""What one attempt tells while it is under way, on its way to the engine's process: gathered, bounded, in order.

It may be told from any thread, and never waits. What goes beyond a bound is counted, and the count is told in its place.
Of progress only the newest word is kept.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from oncue.runtime.frames import Saying
from oncue.sdk import Told
from oncue.store.step_log import size_of

LINES_A_SECOND: Final = 2_000
ATTEMPT_LIMIT: Final = 256 * 1024
"""Bytes of lines that one attempt may tell."""
SEND_EVERY_S: Final = 0.2


def _now_us() -> int:
    return time.time_ns() // 1000


class Telling:
    """What one attempt of a step told and has not been sent."""

    def __init__(
        self, namespace: str, run: str, step: str, attempt: int, *,
        monotonic: Callable[[], float] = time.monotonic, now_us: Callable[[], int] = _now_us,
    ) -> None:  # fmt: skip
        self._of = (namespace, run, step, attempt)
        self._monotonic = monotonic
        self._now_us = now_us
        self._lock = threading.Lock()
        self._lines: list[Saying] = []
        self._progress: Saying | None = None
        self._size = 0
        """Of all lines that were taken."""
        self._second = 0
        self._in_second = 0
        self._left_out = 0
        self._full = False
        self._over = False

    def tell(self, told: Told) -> None:
        """Take a line or a word on progress. After the end nothing more is taken."""
        text = _storable(told.text)
        with self._lock:
            if self._over:
                return
            if told.done is not None:
                self._progress = self._saying(text, done=told.done)
            elif self._has_room(text):
                self._say_what_is_missing()
                self._lines.append(self._saying(text, told.stream))
            else:
                self._left_out += 1

    def take(self) -> list[Saying]:
        """What is to be sent now."""
        with self._lock:
            taken, self._lines = self._lines, []
            if self._progress is not None:
                taken.append(self._progress)
                self._progress = None
            return taken

    def put_back(self, taken: list[Saying]) -> None:
        """It could not be sent."""
        with self._lock:
            self._lines = [one for one in taken if one.done is None] + self._lines
            newest = next((one for one in taken if one.done is not None), None)
            self._progress = self._progress or newest

    def end(self) -> None:
        """The work is over; whatever it left running tells nothing more."""
        with self._lock:
            self._over = True
            self._say_what_is_missing()

    def _has_room(self, text: str) -> bool:
        if self._full:
            return False
        size = self._size + size_of(text)
        if size > ATTEMPT_LIMIT:
            self._full = True
            self._say_what_is_missing()
            self._lines.append(self._saying(f"{ATTEMPT_LIMIT // 1024} KB were told: what follows is left out"))
            return False
        second = int(self._monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        if self._in_second >= LINES_A_SECOND:
            return False
        self._in_second += 1
        self._size = size
        return True

    def _say_what_is_missing(self) -> None:
        if self._left_out:
            lines = "1 line" if self._left_out == 1 else f"{self._left_out} lines"
            self._lines.append(self._saying(f"{lines} left out"))
            self._left_out = 0

    def _saying(self, text: str, stream: str = "", done: float | None = None) -> Saying:
        return Saying(*self._of, self._now_us(), stream, text, done)


def _storable(text: str) -> str:
    """The text without what no database takes: NUL characters, and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
