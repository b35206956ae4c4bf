"""Effects that wait for the same room: the more urgent first, then the one that has been due the longest."""

import heapq
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

PRIORITIES: Final = 5
"""1 is the most urgent."""


class Waiting(NamedTuple):
    """An attempt at an effect that nobody has in hand. What comes first goes first."""

    priority: int
    """From 1, the most urgent, to 5."""
    due: int
    """Microseconds since 1970 UTC from which on it may be taken."""
    id: str
    attempt: int


class Lane:
    """What waits for the same room. What is not wanted any more is dropped when it would be next."""

    def __init__(self, wanted: Callable[[str, int], bool]) -> None:
        """`wanted` says of an effect's id and attempt whether it is still to be handed out."""
        self._wanted = wanted
        self._later: list[tuple[int, Waiting]] = []
        """A heap, by when it is due, of what was not when it was last looked at."""
        self._ready: tuple[deque[Waiting], ...] = tuple(deque() for _ in range(PRIORITIES))
        """What is due, by priority; each in the order in which it became so."""

    def __bool__(self) -> bool:
        return bool(self._later) or any(self._ready)

    def add(self, one: Waiting) -> None:
        """It waits."""
        heapq.heappush(self._later, (one.due, one))

    def head(self, now: int) -> Waiting | None:
        """What goes next at this time."""
        self._move(now)
        return next((row[0] for row in self._ready if self._fresh(row)), None)

    def oldest(self, now: int) -> Waiting | None:
        """What has been due the longest at this time, however urgent the others are."""
        self._move(now)
        return min((row[0] for row in self._ready if self._fresh(row)), key=lambda one: one.due, default=None)

    def pop(self) -> None:
        """What was next has been handed out."""
        next(row for row in self._ready if row).popleft()

    @property
    def next_due(self) -> int | None:
        """When the next of those that are not due will be, as far as it was last looked at."""
        return self._later[0][0] if self._later else None

    def _move(self, now: int) -> None:
        while self._later and self._later[0][0] <= now:
            _, one = heapq.heappop(self._later)
            self._ready[one.priority - 1].append(one)

    def _fresh(self, row: deque[Waiting]) -> bool:
        while row and not self._wanted(row[0].id, row[0].attempt):
            row.popleft()
        return bool(row)
