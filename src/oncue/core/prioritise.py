"""Prioritise: ITIL's impact by urgency, with the computation in words."""

from typing import Final, Literal

import msgspec

from oncue.core.severity import RANK

Priority = Literal["P1", "P2", "P3", "P4", "P5"]

MATRIX: Final[dict[str, dict[str, Priority]]] = {
    "critical": {"critical": "P1", "major": "P1", "minor": "P2", "warning": "P3"},
    "high": {"critical": "P1", "major": "P2", "minor": "P3", "warning": "P4"},
    "medium": {"critical": "P2", "major": "P3", "minor": "P3", "warning": "P4"},
    "low": {"critical": "P3", "major": "P4", "minor": "P4", "warning": "P5"},
}
"""Impact, then severity."""

CRITICALITIES: Final = ("low", "medium", "high", "critical")
"""What a service or resource may be, the least first; also the levels of impact."""


class Impact(msgspec.Struct, frozen=True):
    """How much depends on what fails."""

    level: str
    """One of `CRITICALITIES`."""
    reason: str
    """Where it comes from, in words."""

    def over(self, other: "Impact") -> bool:
        """Whether it is more than the other."""
        return CRITICALITIES.index(self.level) > CRITICALITIES.index(other.level)


def impact(criticality: str | None, service: str | None) -> Impact:
    """That of a service by its name. One that is not in the catalogue counts as medium."""
    if service is None:
        return Impact("medium", "no service is known")
    if criticality is None:
        return Impact("medium", f"{service} is not in the catalogue")
    return Impact(criticality, f"{service} is {criticality}")


def priority(impact: Impact, severity: str) -> tuple[Priority, str]:
    """The priority, and how it came about."""
    urgency = severity if RANK[severity] >= RANK["warning"] else "warning"
    result = MATRIX[impact.level][urgency]
    return result, f"impact {impact.level} ({impact.reason}) x urgency {urgency} (severity {severity})"
