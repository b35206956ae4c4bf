"""The state of one thing that a monitor watches: when a value is a problem, and when it no longer is.

Pure: values and instants come in, states come out. A state is `clear` or a severity; None before the first conclusive
reading, so that a restart neither invents nor forgets an alarm.
"""

from collections import deque
from datetime import datetime
from typing import Final

from oncue.core.manifest import Threshold
from oncue.core.severity import RANK

LEVELS: Final = ("critical", "major", "minor", "warning")


class Series:
    """One metric of one instance, judged by its threshold.

    A level is reached at its limit, and left when the value has come back by more than the hysteresis. A change needs as
    many consecutive readings as the threshold says, all on the same side; then it goes as far as all of them agree.
    """

    def __init__(self, threshold: Threshold) -> None:
        self.threshold = threshold
        self.state: str | None = None
        self.since: datetime | None = None
        """When the present problem began: its first reading; None while clear."""
        self.value: float | None = None
        """The newest reading that bears the present state out; one that does not may be the first of a change."""
        self._latest: deque[tuple[str, float, datetime]] = deque(maxlen=threshold.readings)

    def take(self, value: float, at: datetime) -> bool:
        """Judge a reading. Gives whether the state changed; the first conclusive reading counts as a change."""
        found = self._level(value)
        if self.state is not None and _bears_out(found, self.state):
            self.value = value
        if self.state is not None and found == self.state:
            self._latest.clear()
            return False
        self._latest.append((found, value, at))
        if len(self._latest) < self.threshold.readings:
            return False
        agreed = _agreed([level for level, _, _ in self._latest], self.state)
        if agreed is None:
            return False
        if agreed == "clear":
            self.since = None
        elif self.since is None:
            self.since = self._latest[0][2]
        self.state = agreed
        self.value = next(value for level, value, _ in reversed(self._latest) if _bears_out(level, agreed))
        self._latest.clear()
        return True

    def adopt(self, threshold: Threshold) -> None:
        """Judge by this threshold from the next reading on; the state stays until readings say otherwise."""
        if threshold != self.threshold:
            self.threshold = threshold
            self._latest = deque(maxlen=threshold.readings)

    def limit(self) -> float | None:
        """The limit of the present level; of the lowest one while clear."""
        if self.state in LEVELS:
            found: float | None = getattr(self.threshold, self.state)
            return found
        limits = [limit for level in LEVELS if (limit := getattr(self.threshold, level)) is not None]
        return limits[-1] if limits else None

    def _level(self, value: float) -> str:
        held = RANK[self.state or "clear"]
        sign = -1.0 if self.threshold.below else 1.0
        for level in LEVELS:
            limit = getattr(self.threshold, level)
            if limit is None:
                continue
            beyond = sign * (value - limit)
            if beyond >= 0 or (held >= RANK[level] and beyond > -self.threshold.hysteresis):
                return level
        return "clear"


def _agreed(levels: list[str], state: str | None) -> str | None:
    """How far consecutive readings agree to go from the present state; None if they do not agree on the direction."""
    ranks = [RANK[level] for level in levels]
    if state is None:
        low = min(levels, key=RANK.__getitem__)
        return low if low != "clear" or max(ranks) == RANK["clear"] else None
    if min(ranks) > RANK[state]:
        return min(levels, key=RANK.__getitem__)
    if max(ranks) < RANK[state]:
        return max(levels, key=RANK.__getitem__)
    return None


def _bears_out(level: str, state: str) -> bool:
    """Whether a reading of this level is a reason for the state."""
    return level == state if state == "clear" else RANK[level] >= RANK[state]


class Reachability:
    """Whether a target is at fault: that many failed probes in a row are forgiven."""

    def __init__(self, retries: int, severity: str) -> None:
        self._retries = retries
        self._severity = severity
        self.state: str | None = None
        self.since: datetime | None = None
        self._failed = 0
        self._first_at: datetime | None = None

    def take(self, at_fault: bool, at: datetime, severity: str | None = None) -> bool:
        """Judge a probe; `severity` is how bad it found its fault. Gives whether the state changed; the first conclusive
        probe counts as a change."""
        if not at_fault:
            self._failed, self._first_at, self.since = 0, None, None
            changed = self.state != "clear"
            self.state = "clear"
            return changed
        self._failed += 1
        self._first_at = self._first_at or at
        found = severity or self._severity
        if self._failed <= self._retries or self.state == found:
            return False
        self.state, self.since = found, self._first_at
        return True
