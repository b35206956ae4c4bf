"""Severity and category: how bad it is, in one word, everywhere.

Severities are those of ITU-T X.733, plus `info`; categories are ITIL's. An event without a severity is
neutral: recorded, and quiet unless a policy says otherwise.
"""

from typing import Final, Literal

NAMES: Final = ("clear", "info", "warning", "minor", "major", "critical")

Severity = Literal["clear", "info", "warning", "minor", "major", "critical"]
Category = Literal["informational", "warning", "exception"]
Signal = Literal["recovery", "problem", "neutral"]

RANK: Final[dict[str, int]] = {name: rank for rank, name in enumerate(NAMES)}

CATEGORY: Final[dict[str, Category]] = {
    "clear": "informational",
    "info": "informational",
    "warning": "warning",
    "minor": "warning",
    "major": "exception",
    "critical": "exception",
}


PROBLEMS: Final = frozenset({"warning", "minor", "major", "critical"})


def signal(severity: str | None) -> Signal:
    """`clear` is a recovery, `warning` and above a problem, everything else neutral."""
    if severity is None or severity == "info":
        return "neutral"
    return "recovery" if severity == "clear" else "problem"
