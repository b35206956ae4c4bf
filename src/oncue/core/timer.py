"""Timers: when the engine must look again. They fire before the first input at or after their instant."""

import heapq
from datetime import datetime
from typing import Final

import msgspec

VOID_LIMIT: Final = 1_000
"""How many void entries of timers that were moved or dropped may lie about, beside as many as there are timers."""


class Timer(msgspec.Struct, frozen=True, gc=False):
    """One timer. A key has at most one; setting it again moves it."""

    key: str
    """`what/of`, as in `run.deadline/run-abc`; the part before the first slash names the handler."""
    due_at: datetime
    created: int
    """Position of the input that set it."""
    index: int
    """Counts the timers set by that input."""


class Timers:
    """All timers, fired in the order (due_at, created, index)."""

    def __init__(self) -> None:
        self.by_key: dict[str, Timer] = {}
        self._heap: list[tuple[datetime, int, int, str]] = []
        self.next_at: datetime | None = None
        """No timer is due before this instant; None if there is no timer. May be too early, never too late."""

    def put(self, timer: Timer) -> None:
        """Set the timer of this key. What the key had before is void."""
        self.by_key[timer.key] = timer
        heapq.heappush(self._heap, (timer.due_at, timer.created, timer.index, timer.key))
        if len(self._heap) > 2 * len(self.by_key) + VOID_LIMIT:
            self._heap = [(one.due_at, one.created, one.index, one.key) for one in self.by_key.values()]
            heapq.heapify(self._heap)
        if self.next_at is None or timer.due_at < self.next_at:
            self.next_at = timer.due_at

    def drop(self, key: str) -> None:
        """Forget the timer of this key."""
        del self.by_key[key]

    def first(self) -> Timer | None:
        """The timer that fires next; None if there is none."""
        heap = self._heap
        while heap:
            due_at, created, index, key = heap[0]
            timer = self.by_key.get(key)
            if timer is not None and (timer.due_at, timer.created, timer.index) == (due_at, created, index):
                self.next_at = due_at
                return timer
            heapq.heappop(heap)
        self.next_at = None
        return None
