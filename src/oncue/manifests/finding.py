"""What does not hold together in a manifest, and the checks of single values that several kinds share."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from oncue.core import hours, period
from oncue.core.duration import seconds
from oncue.manifests.document import Path_

NEVER_AGAIN: Final = "it never comes again: its last time has passed; write a later UNTIL, or leave it out"
"""Of a rule by which something recurs."""
SHORTEST_S: Final = 0.1
"""Between things that are done again and again."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that does not hold together."""

    path: Path_
    detail: str
    code: str = "manifest.invalid"
    level: Literal["error", "warning"] = "error"
    of_here: bool = False
    """Whether it is about what is installed here, and another machine may have more."""


def hours_findings(text: str, path: Path_) -> Iterator[Finding]:
    """Hours of the week that cannot be read, or whose zone nobody knows."""
    try:
        zone = hours.parse(text).zone
    except ValueError as error:
        yield Finding(path, str(error))
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Finding(path, f"there is no time zone {zone!r}; write one as Europe/Berlin")


def positive_findings(duration: str | None, path: Path_) -> Iterator[Finding]:
    if duration is not None and seconds(duration) <= 0:
        yield Finding(path, "it must be more than 0")


def interval_findings(duration: str | None, path: Path_) -> Iterator[Finding]:
    """What is done again and again leaves some time in between."""
    if duration is not None and seconds(duration) < SHORTEST_S:
        yield Finding(path, f"{duration} is too short: write at least {SHORTEST_S * 1000:.0f}ms")


def past_findings(times: period.Period, path: Path_) -> Iterator[Finding]:
    """Times that hold together, and of which none is to come."""
    if next(period.occurrences(times, datetime.now(UTC)), None) is not None:
        return
    if times.rrule is not None:
        yield Finding((*path, "rrule"), NEVER_AGAIN, "recurrence.invalid", "warning")
    else:
        member = "starts_at" if times.ends_at is None else "ends_at"
        detail = "it is over, and is once only: write a later time, or an rrule"
        yield Finding((*path, member), detail, "recurrence.invalid", "warning")
