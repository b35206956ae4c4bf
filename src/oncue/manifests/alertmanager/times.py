"""Time intervals: when a route is mute, as maintenance windows and as hours of the week.

Of an interval, days of the week and times of the day can be put together and turned round; with days of the month, months or
years it can only be repeated by a rule. A zone's wall clock counts; windows last in real time, which differs from it in the
nights in which the clocks change.

Source: Alertmanager 0.28, timeinterval/timeinterval.go.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from oncue.core.errors import Refusal
from oncue.core.hours import WEEK_MIN
from oncue.core.recurrence import zone_of
from oncue.manifests.alertmanager import durations
from oncue.manifests.alertmanager.reading import Reading
from oncue.manifests.document import Path_

DAY_MIN: Final = 24 * 60
FIRST: Final = "2024-01-01"
"""A Monday from which on windows recur."""
FIELDS: Final = frozenset({"times", "weekdays", "days_of_month", "months", "years", "location"})
_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_TIME: Final = re.compile(r"(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")

Spans = list[tuple[int, int]]
"""First minute of the week, from Monday 00:00 on, and the one after the last."""


class Interval(msgspec.Struct, frozen=True):
    """All of it must hold; None is always."""

    zone: str = "UTC"
    times: tuple[tuple[int, int], ...] = ((0, DAY_MIN),)
    """Minutes of the day, the one after the last."""
    week_days: tuple[int, ...] | None = None
    """From Monday 0."""
    month_days: tuple[int, ...] | None = None
    months: tuple[int, ...] | None = None
    years: tuple[tuple[int, int], ...] | None = None

    @property
    def weekly(self) -> bool:
        """Whether every week is the same."""
        return self.month_days is None and self.months is None and self.years is None


class Opening(msgspec.Struct, frozen=True):
    """When a maintenance window is open: fields of its manifest."""

    starts_at: str
    duration: str
    rrule: str
    zone: str


class Wrong(ValueError):
    """Something is no time, day, month or year."""


def read(reading: Reading, given: dict[str, Any]) -> dict[str, list[Interval] | None]:
    """Every named list of intervals; None for one that could not be read."""
    found: dict[str, list[Interval] | None] = {}
    for section in ("time_intervals", "mute_time_intervals"):
        for index, one in enumerate(reading.items(given.get(section), (section,))):
            path: Path_ = (section, index)
            one = reading.mapping(one, path)
            reading.unknown(one, frozenset({"name", "time_intervals"}), path)
            name = reading.text(one.get("name"), (*path, "name")) or ""
            intervals: list[Interval] | None = []
            for number, inner in enumerate(reading.items(one.get("time_intervals"), (*path, "time_intervals"))):
                below: Path_ = (*path, "time_intervals", number)
                inner = reading.mapping(inner, below)
                reading.unknown(inner, FIELDS, below)
                try:
                    if intervals is not None:
                        intervals.append(_interval(reading, inner, below))
                except Wrong as error:
                    reading.left_out(
                        below, str(error), "write a MaintenanceWindow by hand; routes that name it are never mute"
                    )
                    intervals = None
            found[name] = intervals
    return found


def _interval(reading: Reading, given: dict[str, Any], path: Path_) -> Interval:
    zone = reading.text(given.get("location"), (*path, "location")) or "UTC"
    if zone == "Local":
        raise Wrong("the location Local is the server's, which is not known here; name a zone, as Europe/Berlin")
    try:
        zone_of(zone)
    except Refusal as refusal:
        raise Wrong(refusal.detail) from refusal
    times = [
        _times(reading, reading.mapping(one, (*path, "times", index)), (*path, "times", index))
        for index, one in enumerate(reading.items(given.get("times"), (*path, "times")))
    ]
    return Interval(
        zone,
        tuple(times) or ((0, DAY_MIN),),
        _ranges(reading, given, "weekdays", path, _week_days),
        _ranges(reading, given, "days_of_month", path, _month_days),
        _ranges(reading, given, "months", path, _months),
        _years(reading, given, path),
    )


def _times(reading: Reading, given: dict[str, Any], path: Path_) -> tuple[int, int]:
    minutes = []
    for name in ("start_time", "end_time"):
        text = reading.text(given.get(name), (*path, name)) or ""
        found = _TIME.fullmatch(text)
        if found is None:
            raise Wrong(f"{name} {text!r} is not a time as 08:00")
        minutes.append(int(found[1] or found[3]) * 60 + int(found[2] or found[4]))
    if minutes[0] >= minutes[1]:
        raise Wrong("a time begins before it ends; what goes over midnight is two of them")
    return minutes[0], minutes[1]


def _ranges(reading: Reading, given: dict[str, Any], name: str, path: Path_, one: Any) -> tuple[int, ...] | None:
    texts = reading.texts(given.get(name), (*path, name))
    if not texts:
        return None
    return tuple(sorted({number for text in texts for number in one(text.strip().lower())}))


def _between(text: str, number: Any) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    return number(first), number(last if colon else first)


def _number_of(names: tuple[str, ...], what: str, base: int) -> Any:
    def number(text: str) -> int:
        if text in names:
            return names.index(text) + base
        if base and text.isascii() and text.isdigit() and 1 <= int(text) <= len(names):
            return int(text)
        raise Wrong(f"{text!r} is not a {what}")

    return number


def _week_days(text: str) -> Iterable[int]:
    first, last = _between(text, _number_of(_WEEKDAYS, "day of the week", 0))
    if first > last:
        raise Wrong(f"{text!r} ends before it begins: weeks begin on Sunday")
    return [(day - 1) % 7 for day in range(first, last + 1)]


def _months(text: str) -> Iterable[int]:
    first, last = _between(text, _number_of(_MONTHS, "month", 1))
    if first > last:
        raise Wrong(f"{text!r} ends before it begins")
    return range(first, last + 1)


def _month_days(text: str) -> Iterable[int]:
    def number(day: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,2}", day) or not 1 <= abs(int(day)) <= 31:
            raise Wrong(f"{day!r} is not a day of a month")
        return int(day)

    first, last = _between(text, number)
    if first > 0 > last:
        if last != -1:
            raise Wrong(f"{text!r} counts from both ends of a month, which one rule cannot")
        last = 31
    if first > last:
        raise Wrong(f"{text!r} ends before it begins")
    return range(first, last + 1)


def _years(reading: Reading, given: dict[str, Any], path: Path_) -> tuple[tuple[int, int], ...] | None:
    texts = reading.texts(given.get("years"), (*path, "years"))
    found = []
    for text in texts:
        read_ = re.fullmatch(r"([0-9]{4})(?::([0-9]{4}))?", text.strip())
        if read_ is None or int(read_[2] or read_[1]) < int(read_[1]) or int(read_[1]) < 1971:
            raise Wrong(f"{text!r} is not a year or years")
        found.append((int(read_[1]), int(read_[2] or read_[1])))
    return tuple(found) or None


# weeks


def weeks(intervals: Iterable[Interval]) -> dict[str, Spans]:
    """By zone, the spans of the week that these weekly intervals cover."""
    found: dict[str, Spans] = {}
    for one in intervals:
        days = range(7) if one.week_days is None else one.week_days
        spans = found.setdefault(one.zone, [])
        spans += [(day * DAY_MIN + first, day * DAY_MIN + after) for day in days for first, after in one.times]
    return {zone: joined(spans) for zone, spans in found.items()}


def joined(spans: Spans) -> Spans:
    """The same minutes in as few spans as there can be; one may go on into the next week."""
    found: Spans = []
    for first, after in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], after))
        else:
            found.append((first, after))
    if len(found) > 1 and found[0][0] == 0 and found[-1][1] == WEEK_MIN:
        found = [*found[1:-1], (found[-1][0], WEEK_MIN + found[0][1])]
    return found


def rest(spans: Spans) -> Spans:
    """The other minutes of the week."""
    found: Spans = []
    at = 0
    for first, after in sorted(piece for span in spans for piece in _within_week(span)):
        if first > at:
            found.append((at, first))
        at = max(at, after)
    if at < WEEK_MIN:
        found.append((at, WEEK_MIN))
    return joined(found)


def _within_week(span: tuple[int, int]) -> Spans:
    first, after = span
    return [(first, after)] if after <= WEEK_MIN else [(first, WEEK_MIN), (0, after - WEEK_MIN)]


def hours(spans: Spans, zone: str) -> str:
    """The spans as a policy's `only_during` has them."""
    by_day: dict[int, list[str]] = {}
    for span in spans:
        for first, after in _within_week(span):
            while first < after:
                day = first // DAY_MIN
                until = min(after, (day + 1) * DAY_MIN)
                by_day.setdefault(day, []).append(f"{_clock(first - day * DAY_MIN)}-{_clock(until - day * DAY_MIN)}")
                first = until
    by_times: dict[str, list[int]] = {}
    for day in sorted(by_day):
        by_times.setdefault(",".join(sorted(by_day[day])), []).append(day)
    said = [f"{','.join(_DAYS[day] for day in days)} {times}" for times, days in by_times.items()]
    return f"{'; '.join(said)} {zone}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


# openings


def openings(intervals: Iterable[Interval]) -> list[Opening]:
    """When windows are open that together cover these intervals."""
    intervals = list(intervals)
    found = [
        opening
        for zone, spans in weeks(one for one in intervals if one.weekly).items()
        for opening in weekly(spans, zone)
    ]
    for one in intervals:
        if not one.weekly:
            found += _dated(one)
    return found


def weekly(spans: Spans, zone: str) -> list[Opening]:
    """When windows are open that together cover these spans of every week."""
    alike: dict[tuple[int, int], list[int]] = {}
    for first, after in spans:
        alike.setdefault((first % DAY_MIN, after - first), []).append(first // DAY_MIN)
    return [
        Opening(
            f"{FIRST}T{_clock(start)}",
            durations.written(length * 60.0),
            f"FREQ=WEEKLY;BYDAY={','.join(_DAYS[day][:2].upper() for day in sorted(days))}",
            zone,
        )
        for (start, length), days in alike.items()
    ]


def _dated(one: Interval) -> list[Opening]:
    rule = "FREQ=DAILY"
    if one.months is not None:
        rule += f";BYMONTH={','.join(map(str, one.months))}"
    if one.month_days is not None:
        rule += f";BYMONTHDAY={','.join(map(str, one.month_days))}"
    if one.week_days is not None:
        rule += f";BYDAY={','.join(_DAYS[day][:2].upper() for day in one.week_days)}"
    return [
        Opening(
            f"{FIRST if first is None else f'{first:04d}-01-01'}T{_clock(start)}",
            durations.written((end - start) * 60.0),
            rule if last is None else f"{rule};UNTIL={last:04d}1231T235959",
            one.zone,
        )
        for first, last in (one.years or ((None, None),))
        for start, end in one.times
    ]
