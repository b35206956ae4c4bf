"""The time that inputs are accepted at: the wall clock, guarded by the monotonic one.

A step of the wall clock beyond ten seconds is not believed at once. Until it has stood for a minute, time goes on as the
monotonic clock says, so that a jump forth and back neither fires timers early nor freezes time.

Time never goes back. Where it is ahead of the wall clock, because a wrong one was believed before, it goes on at half the
pace until the wall clock has caught up: what waits becomes due late, but it does.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

STEP_US: Final = 10_000_000
CONFIRM_US: Final = 60_000_000

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant(us: int) -> datetime:
    """Microseconds since 1970 as an instant in UTC, exactly."""
    return EPOCH + timedelta(microseconds=us)


def microseconds(at: datetime) -> int:
    """An instant as microseconds since 1970 UTC, exactly."""
    since = at - EPOCH
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


class Clock:
    """Gives microseconds since 1970 UTC; never goes back, and never stands still."""

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns,
        floor_us: int = 0,
    ) -> None:  # fmt: skip
        """Time begins at `floor_us` at the earliest: where the journal stands."""
        self._wall = wall_ns
        self._monotonic = monotonic_ns
        self._offset = wall_ns() // 1000 - monotonic_ns() // 1000
        self._stepped_at: int | None = None
        self._step = 0
        self._last = floor_us
        self._ahead: tuple[int, int] | None = None
        """Since when time is ahead of the wall clock: (time then, monotonic then)."""

    def now(self) -> int:
        """The present instant."""
        monotonic = self._monotonic() // 1000
        offset = self._wall() // 1000 - monotonic
        step = offset - self._offset
        if abs(step) <= STEP_US:
            self._offset = offset
            self._stepped_at = None
        elif self._stepped_at is None or abs(step - self._step) > STEP_US:
            self._stepped_at, self._step = monotonic, step
        elif monotonic - self._stepped_at >= CONFIRM_US:
            self._offset = offset
            self._stepped_at = None
        self._last = max(self._last, self._held(monotonic + self._offset, monotonic))
        return self._last

    def _held(self, wall: int, monotonic: int) -> int:
        """The wall clock's time, or what there is until it has caught up."""
        ahead = self._ahead
        if ahead is None:
            if wall >= self._last:
                return wall
            self._ahead = ahead = (self._last, monotonic)
        slow = ahead[0] + (monotonic - ahead[1]) // 2
        if wall < slow:
            return slow
        self._ahead = None
        return wall
