"""The objective of a service: how much of the time it is to be available, and how fast it uses up what it may be down.

Burn rates and their pairs of a long and a short time are those of Google's SRE workbook, chapter 5, "Alerting on SLOs".
A rate of 1 uses up the budget exactly within the objective's window. The long time says that it matters, the short one
that it still goes on.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from oncue.core.duration import Duration, length_s
from oncue.core.spec import Spec

Counted = Literal["warning", "minor", "major", "critical"]

OWN: Final = "service.objective."
"""What the types of alerts about objectives begin with. They are no downtime: a budget that burns would burn for ever."""
SHORTEST_S: Final = 3600.0
LONGEST_S: Final = 366 * 86400.0
PAIRS: Final[dict[str, tuple[float, float]]] = {
    "fast": (3600.0, 300.0),
    "slow": (21600.0, 1800.0),
    "long": (259200.0, 21600.0),
}
"""Name to (long time, short time) in seconds; the rate of a pair is the lower one of the two."""
SPANS: Final[dict[str, float]] = {"5m": 300.0, "30m": 1800.0, "1h": 3600.0, "6h": 21600.0, "3d": 259200.0}


class Objective(Spec, kw_only=True, frozen=True):
    """How much of the time a service is to be available."""

    availability: Annotated[float, msgspec.Meta(gt=0.0, lt=100.0)]
    """In percent, as 99.9."""
    window: Duration = "30d"
    """Over which time, up to now; from 1h to 366d."""
    counts: Counted = "major"
    """From which severity on an alert of the service means that it is down."""


class Burn(msgspec.Struct, frozen=True, kw_only=True):
    """How fast the budget was used up over a time."""

    over: str
    """`5m`, `30m`, `1h`, `6h` or `3d`."""
    rate: float
    """1 uses it up exactly within the objective's window."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What a service may be down by its objective, and what is left of it. Time of which nothing is known uses up nothing."""

    availability: float
    """The objective, in percent."""
    window_s: float
    counts: Counted
    total_s: float
    """How long it may be down within the window."""
    used_s: float
    left_s: float
    """Negative if the objective is missed."""
    left_percent: float
    burn: list[Burn]
    """From the shortest to the longest time."""

    def pair(self, name: str) -> float:
        """The burn rate of one of `PAIRS`."""
        rates = {SPANS[one.over]: one.rate for one in self.burn}
        return min(rates[span_s] for span_s in PAIRS[name])


def check(objective: Objective) -> str | None:
    """What is wrong with it; None if nothing is."""
    if not SHORTEST_S <= length_s(objective.window) <= LONGEST_S:
        return f"{objective.window} is not from 1h to 366d"
    return None


def budget(objective: Objective, down_s: Callable[[float], float]) -> Budget:
    """The budget, where `down_s` says how long the service was down within the last so many seconds."""
    allowed = 1.0 - objective.availability / 100.0
    window_s = length_s(objective.window)
    total_s, used_s = window_s * allowed, down_s(window_s)
    return Budget(
        availability=objective.availability,
        window_s=window_s,
        counts=objective.counts,
        total_s=total_s,
        used_s=used_s,
        left_s=total_s - used_s,
        left_percent=100.0 * (total_s - used_s) / total_s,
        burn=[Burn(over=name, rate=down_s(span_s) / (span_s * allowed)) for name, span_s in SPANS.items()],
    )
