"""Hours of the week as people write them: `Mon-Fri 08:00-18:00 Europe/Berlin`.

Several times of a day are separated by commas, several kinds of day by semicolons, and the zone stands last; without one
it is UTC: `Mon-Fri 08:00-12:00,13:00-18:00; Sat 09:00-12:00 Europe/Berlin`. `daily` is every day. A time that ends
before it begins goes on after midnight: `Fri 22:00-06:00` ends on Saturday. Hours are the wall clock's.

Pure: zones are named here, and looked up by whoever asks.
"""

import re
from datetime import datetime
from typing import Final

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK_MIN: Final = 7 * 24 * 60

_ZONE: Final = re.compile(r"^(?P<rest>.*\d{2}:\d{2})\s+(?P<zone>[A-Za-z][A-Za-z0-9_+/-]*)$")
_PART: Final = re.compile(r"^(?P<days>[A-Za-z,-]+)\s+(?P<times>[0-9:,\s-]+)$")
_SPAN: Final = re.compile(r"^(\d{2}):(\d{2})-(\d{2}):(\d{2})$")


class Hours(msgspec.Struct, frozen=True):
    """Hours of a week in one zone."""

    spans: tuple[tuple[int, int], ...]
    """First minute of the week and the one after the last, from Monday 00:00 on; an end may lie in the week after."""
    zone: str

    def cover(self, local: datetime) -> bool:
        """Whether they cover this instant, which is given in their zone."""
        minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
        return any(first <= at < after for first, after in self.spans for at in (minute, minute + WEEK_MIN))

    @property
    def always(self) -> bool:
        """Whether they cover every minute of the week."""
        return self.left_min(datetime(2026, 1, 5)) == WEEK_MIN  # a Monday, 00:00; hours are the wall clock's  # noqa: DTZ001

    def left_min(self, local: datetime) -> int:
        """For how many minutes from that of this instant on, given in their zone, they cover each one; a week at most."""
        first = at = (local.weekday() * 24 + local.hour) * 60 + local.minute
        while at < first + WEEK_MIN:
            ends = [
                after + shift
                for begin, after in self.spans
                for shift in (-WEEK_MIN, 0, WEEK_MIN)
                if begin + shift <= at < after + shift
            ]
            if not ends:
                break
            at = max(ends)
        return min(at - first, WEEK_MIN)

    def overlap(self, other: "Hours") -> bool:
        """Whether there may be a minute that both cover; of different zones, always."""
        return self.zone != other.zone or any(
            first < later + shift and earlier + shift < after
            for first, after in self.spans
            for earlier, later in other.spans
            for shift in (-WEEK_MIN, 0, WEEK_MIN)
        )


def parse(text: str) -> Hours:
    """The hours. Raises `ValueError`, saying what is wrong."""
    found = _ZONE.match(text.strip())
    rest, zone = (found["rest"], found["zone"]) if found else (text.strip(), "UTC")
    spans: list[tuple[int, int]] = []
    for part in rest.split(";"):
        read = _PART.match(part.strip())
        if read is None:
            raise ValueError(f"{part.strip()!r} is not days and times; write Mon-Fri 08:00-18:00 Europe/Berlin")
        days = _days(read["days"])
        spans += [_span(day, time.strip()) for time in read["times"].split(",") for day in days]
    return Hours(tuple(spans), zone)


def _days(text: str) -> list[int]:
    if text.lower() == "daily":
        return list(range(7))
    days: list[int] = []
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        for name in (first, last if dash else first):
            if name not in DAYS:
                raise ValueError(f"{name!r} is not a day; there are Mon, Tue, Wed, Thu, Fri, Sat, Sun and daily")
        start, end = DAYS.index(first), DAYS.index(last if dash else first)
        days += [(start + step) % 7 for step in range((end - start) % 7 + 1)]
    return days


def _span(day: int, text: str) -> tuple[int, int]:
    found = _SPAN.match(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time of the day; write 08:00-18:00")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if start >= 1440 or end > 1440 or minute > 59 or end_minute > 59 or start == end:
        raise ValueError(f"{text!r} is not a time of the day; write 08:00-18:00, or 00:00-24:00 for all of it")
    if end < start:
        end += 1440
    return day * 1440 + start, day * 1440 + end
