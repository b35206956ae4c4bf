"""Periods: from an instant to another, once or again and again, as manifests write them.

Their times are the wall clock's of their zone unless they carry an offset; how long one lasts is counted in real time, so a
period of eight hours lasts eight hours also in the night in which the clocks change.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from oncue.core import recurrence
from oncue.core.duration import length_s
from oncue.core.errors import Refusal

LONGEST: Final = timedelta(days=366)
LONGEST_RECURRING: Final = timedelta(days=31)
"""Occurrences may overlap; all that began within this long are looked at."""
_YEARS: Final = (1971, 9000)


class Period(Protocol):
    """What of a spec says when."""

    @property
    def starts_at(self) -> str:
        """As 2027-05-01T22:00, on the wall clock of `zone`, or with an offset."""

    @property
    def ends_at(self) -> str | None:
        """As `starts_at`."""

    @property
    def duration(self) -> str | None:
        """How long it lasts."""

    @property
    def rrule(self) -> str | None:
        """When it begins again."""

    @property
    def zone(self) -> str:
        """Whose wall clock is meant."""


def check(spec: Period) -> None:
    """Refuse one that never is, or costs too much to follow. Raises `Refusal` recurrence.invalid, recurrence.costly."""
    start = _wall(spec.starts_at, spec.zone)
    if spec.rrule is None:
        if (spec.ends_at is None) == (spec.duration is None):
            raise Refusal("recurrence.invalid", "give ends_at or duration, and not both")
        begins, ends = _once(spec)
        if ends <= begins:
            raise Refusal("recurrence.invalid", "it ends before it starts")
        if ends - begins > LONGEST:
            raise Refusal("recurrence.invalid", f"it lasts more than {LONGEST.days} days")
        return
    if spec.duration is None or spec.ends_at is not None:
        raise Refusal("recurrence.invalid", "with rrule, give a duration, and no ends_at")
    if not 0 < length_s(spec.duration) <= LONGEST_RECURRING.total_seconds():
        raise Refusal("recurrence.costly", f"duration is more than 0 and at most {LONGEST_RECURRING.days} days")
    recurrence.check(spec.rrule, start, spec.zone)


def occurrences(spec: Period, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    """(beginning, end) in UTC of those that end after this instant, in order. The spec must have passed `check`."""
    if spec.rrule is None:
        begins, ends = _once(spec)
        if ends > after:
            yield begins, ends
        return
    lasts = timedelta(seconds=length_s(spec.duration or "0s"))
    for begins in recurrence.starts(spec.rrule, _wall(spec.starts_at, spec.zone), spec.zone, after - lasts):
        yield begins, begins + lasts


def at(spec: Period, now: datetime) -> tuple[tuple[datetime, datetime] | None, datetime | None]:
    """(the occurrence that is open, the latest if several are; when to look next, None if never again)."""
    open_: tuple[datetime, datetime] | None = None
    for begins, ends in occurrences(spec, now):
        if begins > now:
            return open_, begins if open_ is None else open_[1]
        open_ = (begins, ends)
    return open_, open_[1] if open_ is not None else None


def _once(spec: Period) -> tuple[datetime, datetime]:
    zone = recurrence.zone_of(spec.zone)
    begins = _wall(spec.starts_at, spec.zone).replace(tzinfo=zone).astimezone(UTC)
    if spec.ends_at is not None:
        return begins, _wall(spec.ends_at, spec.zone).replace(tzinfo=zone).astimezone(UTC)
    return begins, begins + timedelta(seconds=length_s(spec.duration or "0s"))


def _wall(text: str, zone: str) -> datetime:
    """An instant or a local time as the wall clock of the zone shows it, without a zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(
            "recurrence.invalid", f"{text!r} is not a time; write 2027-05-01T22:00, or with an offset 2027-05-01T22:00Z"
        ) from error
    if not _YEARS[0] <= found.year <= _YEARS[1]:
        raise Refusal("recurrence.invalid", f"{text!r} is not within the years {_YEARS[0]} to {_YEARS[1]}")
    if found.tzinfo is not None:
        found = found.astimezone(recurrence.zone_of(zone)).replace(tzinfo=None)
    else:
        recurrence.zone_of(zone)
    return found.replace(microsecond=0)
