"""Prioritise: ITIL's impact by urgency, with the computation in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from oncue.core.severity import RANK
from oncue.core.spec import Spec

if TYPE_CHECKING:
    from oncue.core.state import State

Priority = Literal["P1", "P2", "P3", "P4", "P5"]

Urgency = Literal["critical", "major", "minor", "warning"]
Matrix = Mapping[str, Mapping[str, Priority]]
"""Impact, then urgency."""

KIND: Final = "PriorityMatrix"
NAME: Final = "default"
"""A namespace has one matrix, of this name."""

MATRIX: Final[Matrix] = {
    "critical": {"critical": "P1", "major": "P1", "minor": "P2", "warning": "P3"},
    "high": {"critical": "P1", "major": "P2", "minor": "P3", "warning": "P4"},
    "medium": {"critical": "P2", "major": "P3", "minor": "P3", "warning": "P4"},
    "low": {"critical": "P3", "major": "P4", "minor": "P4", "warning": "P5"},
}
"""What counts where a namespace does not say otherwise."""

CRITICALITIES: Final = ("low", "medium", "high", "critical")
"""What a service or resource may be, the least first; also the levels of impact."""


class PriorityMatrixSpec(Spec, kw_only=True, frozen=True):
    """Which priority incidents of the namespace have, by impact and urgency. What is not given is as usual. A namespace has
    one, with the name `default`.
    """

    description: str | None = None
    """Why it is so."""
    critical: dict[Urgency, Priority] = {}
    """Where something critical is affected: by the severity of its worst alert."""
    high: dict[Urgency, Priority] = {}
    medium: dict[Urgency, Priority] = {}
    low: dict[Urgency, Priority] = {}


def matrices(state: "State") -> dict[str, Matrix]:
    """Namespace to its matrix, from the configuration."""
    found: dict[str, Matrix] = {}
    for manifest in state.manifests.values():
        if manifest.kind == KIND and manifest.name == NAME:
            spec = msgspec.convert(manifest.spec, PriorityMatrixSpec)
            found[manifest.namespace] = {level: {**MATRIX[level], **getattr(spec, level)} for level in CRITICALITIES}
    return found


class Impact(msgspec.Struct, frozen=True, gc=False):
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


def priority(impact: Impact, severity: str, matrix: Matrix | None) -> tuple[Priority, str]:
    """The priority, and how it came about; `matrix` is the namespace's, if it has one."""
    urgency = severity if RANK[severity] >= RANK["warning"] else "warning"
    result = (matrix or MATRIX)[impact.level][urgency]
    own = ", by the namespace's matrix" if matrix is not None and result != MATRIX[impact.level][urgency] else ""
    return result, f"impact {impact.level} ({impact.reason}) x urgency {urgency} (severity {severity}){own}"
