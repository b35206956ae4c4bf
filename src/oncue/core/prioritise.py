"""Prioritise: ITIL's impact by urgency, with the computation in words."""

from typing import Final, Literal

from oncue.core.severity import RANK

Priority = Literal["P1", "P2", "P3", "P4", "P5"]

MATRIX: Final[dict[str, dict[str, Priority]]] = {
    "critical": {"critical": "P1", "major": "P1", "minor": "P2", "warning": "P3"},
    "high": {"critical": "P1", "major": "P2", "minor": "P3", "warning": "P4"},
    "medium": {"critical": "P2", "major": "P3", "minor": "P3", "warning": "P4"},
    "low": {"critical": "P3", "major": "P4", "minor": "P4", "warning": "P5"},
}
"""Criticality of the service, then severity."""


def priority(criticality: str | None, service: str | None, severity: str) -> tuple[Priority, str]:
    """The priority, and how it came about. A service that is not in the catalogue counts as medium."""
    urgency = severity if RANK[severity] >= RANK["warning"] else "warning"
    impact = criticality or "medium"
    result = MATRIX[impact][urgency]
    if service is None:
        source = "no service is known"
    elif criticality is None:
        source = f"{service} is not in the catalogue"
    else:
        source = f"{service} is {criticality}"
    return result, f"impact {impact} ({source}) x urgency {urgency} (severity {severity})"
