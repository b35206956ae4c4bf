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


PATIENT: Final = "run."
"""What timers begin with that may fire somewhat later than they are due: those that take runs on. Any number of them may be
due at once, so the engine fires a few with each input and leaves the others for the next. All others are exact."""


class Timers:
    """All timers, fired in the order (due_at, created, index); exact ones before the input at or after their instant."""

    def __init__(self) -> None:
        self.by_key: dict[str, Timer] = {}
        self._exact = _Queue(self.by_key)
        self._patient = _Queue(self.by_key)
        self.next_at: datetime | None = None
        """No exact timer is due before this instant; None if there is none. May be too early, never too late."""

    def put(self, timer: Timer) -> None:
        """Set the timer of this key. What the key had before is void."""
        self.by_key[timer.key] = timer
        if timer.key.startswith(PATIENT):
            self._patient.put(timer)
            return
        self._exact.put(timer)
        if self.next_at is None or timer.due_at < self.next_at:
            self.next_at = timer.due_at

    def drop(self, key: str) -> None:
        """Forget the timer of this key."""
        del self.by_key[key]

    def exact(self) -> Timer | None:
        """The exact timer that fires next; None if there is none."""
        timer = self._exact.first()
        self.next_at = timer.due_at if timer is not None else None
        return timer

    def patient(self) -> Timer | None:
        """The patient timer that fires next; None if there is none."""
        return self._patient.first()

    def first(self) -> Timer | None:
        """The timer that is due next, exact or not; None if there is none."""
        exact, patient = self.exact(), self.patient()
        if exact is None or patient is None:
            return exact or patient
        return min(exact, patient, key=lambda timer: timer.due_at)


class _Queue:
    """Timers of one sort, the one that fires next first. Of those that were moved or dropped void entries may lie about."""

    def __init__(self, by_key: dict[str, Timer]) -> None:
        self._by_key = by_key
        self._heap: list[tuple[datetime, int, int, str]] = []

    def put(self, timer: Timer) -> None:
        heapq.heappush(self._heap, (timer.due_at, timer.created, timer.index, timer.key))
        if len(self._heap) > 2 * len(self._by_key) + VOID_LIMIT:
            self._heap = [entry for entry in self._heap if self._stands(entry)]
            heapq.heapify(self._heap)

    def first(self) -> Timer | None:
        heap = self._heap
        while heap:
            if self._stands(heap[0]):
                return self._by_key[heap[0][3]]
            heapq.heappop(heap)
        return None

    def _stands(self, entry: tuple[datetime, int, int, str]) -> bool:
        timer = self._by_key.get(entry[3])
        return timer is not None and (timer.due_at, timer.created, timer.index) == entry[:3]
