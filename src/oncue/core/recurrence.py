"""Recurrence: the instants at which something begins again and again, by RFC 5545's RRULE.

Taken are FREQ of DAILY, WEEKLY, MONTHLY and YEARLY with INTERVAL, COUNT or UNTIL, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS,
BYHOUR, BYMINUTE and WKST. What repeats within a day is written with BYHOUR and BYMINUTE. Anything else is refused, and so
is a rule that asks for too much work: every look is bounded, whatever the rule says.

Rules speak of the wall clock of a zone (section 3.3.10). A time that a change of the clocks skips is taken with the offset
from before it, so it comes that much later; a time that comes twice is the first of the two (section 3.3.5).
Pure: the start and the bounds are arguments.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from oncue.core.errors import Refusal

LENGTH_LIMIT: Final = 500
COUNT_LIMIT: Final = 1_000
"""Of COUNT: what is counted is counted from the start on."""
INTERVAL_LIMIT: Final = 1_000
TIMES_LIMIT: Final = 96
"""Occurrences on one day."""
SEARCH_DAYS: Final = 366 * 40
"""How far a look goes for the next occurrence: 29 February on a given weekday comes every 28 years, or 40 over 2100."""

_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY: Final = timedelta(days=1)
_LAST: Final = date(9998, 12, 31)


class Rule(msgspec.Struct, frozen=True):
    """A rule that was read."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    """The last instant at which it may begin, in UTC."""
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    week_days: tuple[tuple[int, int], ...] = ()
    """(which of them, 0 for every one; day of the week from Monday 0)."""
    positions: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    week_start: int = 0


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name. Raises `Refusal` recurrence.invalid."""
    try:
        return _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refusal("recurrence.invalid", f"there is no time zone {name!r}; write one as Europe/Berlin") from error


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=1024)
def parse(text: str, zone: str) -> Rule:
    """The rule. Raises `Refusal` recurrence.invalid, recurrence.costly."""
    if len(text) > LENGTH_LIMIT:
        raise _wrong(f"it has {len(text)} characters; at most {LENGTH_LIMIT} are taken")
    given: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").rstrip(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise _wrong(f"{part!r} is not NAME=VALUE")
        if name in given:
            raise _wrong(f"{name} is there twice")
        given[name] = value
    rule = _read(given, zone)
    if rule.frequency in ("WEEKLY",) and rule.month_days:
        raise _wrong("BYMONTHDAY does not go with FREQ=WEEKLY")
    if rule.frequency in ("DAILY", "WEEKLY") and any(which for which, _ in rule.week_days):
        raise _wrong(f"BYDAY with a number does not go with FREQ={rule.frequency}")
    if rule.positions and not (rule.months or rule.month_days or rule.week_days or rule.hours or rule.minutes):
        raise _wrong("BYSETPOS needs another BY rule")
    if rule.count is not None and rule.until is not None:
        raise _wrong("give COUNT or UNTIL, not both")
    if len(rule.hours or (0,)) * len(rule.minutes or (0,)) > TIMES_LIMIT:
        raise Refusal("recurrence.costly", f"it begins more than {TIMES_LIMIT} times on a day")
    return rule


def _read(given: dict[str, str], zone: str) -> Rule:
    names = (
        "FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS", "BYHOUR", "BYMINUTE", "WKST",
    )  # fmt: skip
    for name in given:
        if name not in names:
            raise _wrong(f"{name} is not taken; there are {', '.join(names)}")
    frequency = given.get("FREQ", "")
    if frequency in ("HOURLY", "MINUTELY", "SECONDLY"):
        raise Refusal("recurrence.costly", f"FREQ={frequency}; what repeats within a day is FREQ=DAILY with BYHOUR")
    if frequency not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
        raise _wrong("FREQ is one of DAILY, WEEKLY, MONTHLY and YEARLY")
    start = given.get("WKST", "MO")
    if start not in _DAYS:
        raise _wrong(f"WKST={start} is not a day")
    return Rule(
        frequency=frequency,
        interval=_bounded("INTERVAL", given.get("INTERVAL", "1"), INTERVAL_LIMIT),
        count=_bounded("COUNT", given["COUNT"], COUNT_LIMIT) if "COUNT" in given else None,
        until=_until(given["UNTIL"], zone) if "UNTIL" in given else None,
        months=_numbers("BYMONTH", given, 1, 12),
        month_days=_numbers("BYMONTHDAY", given, -31, 31),
        week_days=_week_days(given.get("BYDAY")),
        positions=_numbers("BYSETPOS", given, -366, 366),
        hours=_numbers("BYHOUR", given, 0, 23),
        minutes=_numbers("BYMINUTE", given, 0, 59),
        week_start=_DAYS.index(start),
    )


def _wrong(detail: str) -> Refusal:
    return Refusal("recurrence.invalid", detail)


def _number(name: str, text: str, low: int, high: int) -> int:
    digits = text.lstrip("+-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 9 and len(text) - len(digits) < 2):
        raise _wrong(f"{name}: {text!r} is not a number")
    number = int(text)
    if not low <= number <= high or (low < 0 and number == 0):
        raise _wrong(f"{name}: {number} is not within {low} to {high}")
    return number


def _bounded(name: str, text: str, most: int) -> int:
    number = _number(name, text, 1, 99_999_999)
    if number > most:
        raise Refusal("recurrence.costly", f"{name} is {number}; at most {most} is taken")
    return number


def _numbers(name: str, given: dict[str, str], low: int, high: int) -> tuple[int, ...]:
    if name not in given:
        return ()
    return tuple(sorted({_number(name, part, low, high) for part in given[name].split(",")}))


def _week_days(text: str | None) -> tuple[tuple[int, int], ...]:
    if text is None:
        return ()
    found = set()
    for part in text.split(","):
        if part[-2:] not in _DAYS:
            raise _wrong(f"BYDAY: {part!r} is not a day as MO, 1MO or -1FR")
        which = _number("BYDAY", part[:-2], -53, 53) if part[:-2] else 0
        found.add((which, _DAYS.index(part[-2:])))
    return tuple(sorted(found))


def _until(text: str, zone: str) -> datetime:
    """A date means all of that day; a time without Z is the zone's."""
    try:
        if "T" not in text:
            day = datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
            return _instant(datetime.combine(day, time(23, 59, 59)), zone)
        if text.endswith("Z"):
            return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return _instant(datetime.strptime(text, "%Y%m%dT%H%M%S"), zone)  # noqa: DTZ007 - the zone is given apart
    except (ValueError, OverflowError) as error:
        raise _wrong(f"UNTIL={text} is not a date or an instant as 20270501T120000Z") from error


def _instant(wall: datetime, zone: str) -> datetime:
    """A wall clock's time in UTC; `fold` 0 is what the module's text says about changes of the clocks."""
    return wall.replace(tzinfo=zone_of(zone)).astimezone(UTC)


def check(text: str, start: datetime, zone: str) -> None:
    """Refuse a rule that cannot be read, or never begins. Raises `Refusal` recurrence.invalid, recurrence.costly."""
    parse(text, zone)
    if next(starts(text, start, zone, _instant(start, zone) - _DAY), None) is None:
        raise _wrong(f"it never begins within {SEARCH_DAYS // 366} years of its start")


def starts(text: str, start: datetime, zone: str, after: datetime) -> Iterator[datetime]:
    """The instants in UTC, later than `after`, at which the rule that begins at the wall clock's `start` begins, in order.

    Ends when there are no more, or none within `SEARCH_DAYS` of the one before.
    """
    rule = parse(text, zone)
    local = after.astimezone(zone_of(zone)).replace(tzinfo=None)
    # A clock change moves an occurrence by hours at most, so two days before nothing can be missed.
    skip_to = None if rule.count is not None else max(start, local - 2 * _DAY)
    pending: list[datetime] = []
    for wall in _walls(rule, start, skip_to):
        at = _instant(wall, zone)
        if rule.until is not None and at > rule.until + _DAY:
            break
        # Around a change of the clocks, what comes later on the wall clock may come earlier.
        pending.append(at)
        pending.sort()
        while pending and pending[0] < at - _DAY:
            yield from _due(pending.pop(0), rule, after)
    for at in pending:
        yield from _due(at, rule, after)


def _due(at: datetime, rule: Rule, after: datetime) -> Iterator[datetime]:
    if at > after and (rule.until is None or at <= rule.until):
        yield at


def _walls(rule: Rule, start: datetime, skip_to: datetime | None) -> Iterator[datetime]:
    """Wall clock times from `start` on; with `skip_to`, at least all from there on, without counting those before."""
    times = [
        time(hour, minute, start.second)
        for hour in rule.hours or (start.hour,)
        for minute in rule.minutes or (start.minute,)
    ]
    counted = 0
    looked_from: date | None = None
    for days in _periods(rule, start.date(), skip_to.date() if skip_to is not None else None):
        if not days:
            continue
        looked_from = looked_from or days[0]
        if (days[0] - looked_from).days > SEARCH_DAYS:
            return
        walls = [datetime.combine(day, at) for day in days if _fits(rule, day, start.date()) for at in times]
        if rule.positions and walls:
            size = len(walls)
            places = sorted({one - 1 if one > 0 else size + one for one in rule.positions})
            walls = [walls[place] for place in places if 0 <= place < size]
        for wall in walls:
            if wall < start:
                continue
            looked_from = days[0]
            counted += 1
            yield wall
            if counted == rule.count:
                return


def _periods(rule: Rule, start: date, skip_to: date | None) -> Iterator[list[date]]:
    """The days of each period of the rule, from the start's on, or from shortly before `skip_to`."""
    first, steps = _first_period(rule, start, skip_to)
    while True:
        if rule.frequency in ("DAILY", "WEEKLY"):
            size = 1 if rule.frequency == "DAILY" else 7
            begin = first.toordinal() + steps * size
            if begin + size > _LAST.toordinal():
                return
            yield [date.fromordinal(begin + day) for day in range(size)]
        else:
            year, month = divmod(
                first.year * 12 + first.month - 1 + steps * (12 if rule.frequency == "YEARLY" else 1), 12
            )
            if year > _LAST.year:
                return
            yield _days_of(year, month + 1, rule)
        steps += rule.interval


def _first_period(rule: Rule, start: date, skip_to: date | None) -> tuple[date, int]:
    """(where the counting of periods begins, number of the period to begin with: a multiple of the interval)."""
    target = max(start, skip_to) if skip_to is not None else start
    if rule.frequency == "DAILY":
        first, passed = start, (target - start).days
    elif rule.frequency == "WEEKLY":
        first = start - ((start.weekday() - rule.week_start) % 7) * _DAY
        passed = (target - first).days // 7
    elif rule.frequency == "MONTHLY":
        first, passed = start.replace(day=1), (target.year - start.year) * 12 + target.month - start.month
    else:
        first, passed = date(start.year, 1, 1), target.year - start.year
    return first, passed // rule.interval * rule.interval


def _days_of(year: int, month: int, rule: Rule) -> list[date]:
    """The days of a month, or of the months of a year that the rule names."""
    if rule.frequency == "YEARLY":
        # A numbered weekday without BYMONTH counts within the year, and then all of the year is looked at.
        months = rule.months or tuple(range(1, 13))
    else:
        months = () if rule.months and month not in rule.months else (month,)
    return [date(year, one, day) for one in months for day in range(1, _length(year, one) + 1)]


def _fits(rule: Rule, day: date, start: date) -> bool:
    """Whether the day is one of the rule's. What it does not say is as on the day of the start (section 3.3.10)."""
    if rule.months and day.month not in rule.months:
        return False
    if rule.month_days:
        length = _length(day.year, day.month)
        if day.day not in rule.month_days and day.day - length - 1 not in rule.month_days:
            return False
    if rule.week_days and not any(_is_weekday(rule, which, wanted, day) for which, wanted in rule.week_days):
        return False
    if rule.week_days or rule.month_days or rule.frequency == "DAILY":
        return True
    if rule.frequency == "WEEKLY":
        return day.weekday() == start.weekday()
    if rule.frequency == "MONTHLY" or rule.months:
        return day.day == start.day
    return (day.month, day.day) == (start.month, start.day)


def _is_weekday(rule: Rule, which: int, wanted: int, day: date) -> bool:
    if day.weekday() != wanted:
        return False
    if which == 0:
        return True
    if rule.frequency == "YEARLY" and not rule.months:
        number, last = day.timetuple().tm_yday, 337 + _length(day.year, 2)
    else:
        number, last = day.day, _length(day.year, day.month)
    return which == (number - 1) // 7 + 1 if which > 0 else -which == (last - number) // 7 + 1


def _length(year: int, month: int) -> int:
    """Of a month, in days."""
    return (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days
