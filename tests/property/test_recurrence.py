"""Recurring times are those of a reference implementation, whatever the rule, and a look never takes long."""

import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from oncue.core import recurrence
from oncue.core.errors import Refusal

local = datetime.fromisoformat
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(("DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    parts = [f"FREQ={frequency}", f"INTERVAL={draw(st.sampled_from((1, 1, 1, 2, 3, 5)))}"]

    def some(name: str, values: st.SearchStrategy[str], odds: int = 3) -> None:
        if draw(st.integers(0, odds)) == 0:
            parts.append(f"{name}={','.join(draw(st.lists(values, min_size=1, max_size=3, unique=True)))}")

    some("BYMONTH", st.integers(1, 12).map(str))
    if frequency != "WEEKLY":
        some("BYMONTHDAY", st.integers(-31, 31).filter(bool).map(str))
    plain = st.sampled_from(DAYS)
    # The reference wants days with a number and without one both to hold where they are mixed; the RFC adds them up.
    numbered = st.tuples(st.sampled_from(("1", "2", "-1", "5")), plain).map("".join)
    numbered = plain if draw(st.booleans()) else numbered
    some("BYDAY", plain if frequency in ("DAILY", "WEEKLY") else numbered, 2)
    some("BYHOUR", st.integers(0, 23).map(str), 4)
    some("BYMINUTE", st.integers(0, 59).map(str), 5)
    # Of a week that the start is in the middle of, the reference counts from the start, and not from its first day.
    if frequency != "WEEKLY" and any(part.startswith(("BYMONTH", "BYDAY", "BYHOUR")) for part in parts):
        some("BYSETPOS", st.sampled_from(("1", "2", "-1", "-2")), 4)
    if draw(st.booleans()):
        parts.append(f"COUNT={draw(st.integers(1, 30))}")
    some("WKST", plain, 3) if draw(st.booleans()) else None
    return ";".join(part for part in parts if not part.startswith("WKST") or "," not in part)


@settings(max_examples=200, deadline=None)
@given(text=rules(), start=st.datetimes(local("2024-01-01"), local("2027-12-31")), later=st.integers(0, 900))
def test_a_rule_begins_when_the_reference_implementation_says(text: str, start: datetime, later: int) -> None:
    start = start.replace(microsecond=0)
    after = (start + timedelta(days=later)).replace(tzinfo=UTC)
    try:
        found = list(islice(recurrence.starts(text, start, "UTC", after), 8))
    except Refusal:
        assume(False)
    # No more is asked of the reference than there is: it looks for ever for what never comes.
    wanted: list[datetime] = []
    reference = rrulestr(text, dtstart=start, cache=False).xafter(start - timedelta(seconds=1), inc=True)
    while len(wanted) < len(found):
        at = next(reference).replace(tzinfo=UTC)
        if at > after:
            wanted.append(at)
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "start", "zone", "begins"),
    [
        # The clocks go from 02:00 to 03:00: 02:30 is not there, and comes with the offset from before.
        ("FREQ=DAILY", "2026-03-28T02:30", "Europe/Berlin", ["03-28T01:30", "03-29T01:30", "03-30T00:30"]),
        # They go from 03:00 to 02:00: 02:30 comes twice, and the first is meant.
        ("FREQ=DAILY", "2026-10-24T02:30", "Europe/Berlin", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        ("FREQ=DAILY", "2026-03-28T22:00", "Europe/Berlin", ["03-28T21:00", "03-29T20:00", "03-30T20:00"]),
        ("FREQ=DAILY", "2026-03-07T02:30", "America/New_York", ["03-07T07:30", "03-08T07:30", "03-09T06:30"]),
        # Half an hour only, and the other way round in the year.
        ("FREQ=DAILY", "2026-10-03T02:15", "Australia/Lord_Howe", ["10-02T15:45", "10-03T15:45", "10-04T15:15"]),
        # 02:30 is skipped to 03:30, so it comes after 03:00 of that day.
        (
            "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30", "2026-03-29T00:00", "Europe/Berlin",
            ["03-29T01:00", "03-29T01:00", "03-29T01:30", "03-29T01:30", "03-30T00:00"],
        ),
    ],
)  # fmt: skip
def test_rules_follow_the_wall_clock_over_both_changes(text: str, start: str, zone: str, begins: list[str]) -> None:
    first = datetime.fromisoformat(start)
    found = recurrence.starts(text, first, zone, first.replace(tzinfo=ZoneInfo(zone)) - timedelta(days=3))
    assert [at.isoformat()[5:16] for at in islice(found, len(begins))] == begins


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("FREQ=SECONDLY;UNTIL=30260101T000000Z", "recurrence.costly"),
        ("FREQ=MINUTELY", "recurrence.costly"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "recurrence.costly"),
        ("FREQ=DAILY;COUNT=99999", "recurrence.costly"),
        ("FREQ=DAILY;COUNT=" + "9" * 200, "recurrence.invalid"),
        ("FREQ=DAILY;INTERVAL=100000", "recurrence.costly"),
        ("FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,1,2,3,4", "recurrence.costly"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "recurrence.invalid"),
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTH=2", "recurrence.invalid"),
        ("FREQ=YEARLY;BYDAY=53MO;BYMONTH=2", "recurrence.invalid"),
        ("FREQ=YEARLY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=29", "recurrence.invalid"),
        ("FREQ=WEEKLY;BYWEEKNO=3", "recurrence.invalid"),
        ("FREQ=WEEKLY;BYDAY=1MO", "recurrence.invalid"),
        ("FREQ=WEEKLY;BYMONTHDAY=3", "recurrence.invalid"),
        ("FREQ=DAILY;FREQ=DAILY", "recurrence.invalid"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20270101", "recurrence.invalid"),
        ("FREQ=DAILY;UNTIL=20200101", "recurrence.invalid"),
        ("FREQ=DAILY;UNTIL=tomorrow", "recurrence.invalid"),
        ("FREQ=DAILY;BYHOUR=٣", "recurrence.invalid"),
        ("FREQ=DAILY;BYMONTHDAY=0", "recurrence.invalid"),
        ("DAILY", "recurrence.invalid"),
        ("", "recurrence.invalid"),
        ("FREQ=DAILY;BYDAY=" + ",".join(["MO"] * 400), "recurrence.invalid"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_meant_or_cost_too_much_are_refused_at_once(text: str, code: str) -> None:
    began = time.process_time()
    with pytest.raises(Refusal) as refused:
        recurrence.check(text, local("2026-03-01T22:00"), "Europe/Berlin")
    assert refused.value.code == code
    assert time.process_time() - began < 1


def test_a_rule_that_began_long_ago_is_looked_up_as_fast_as_a_new_one() -> None:
    began = time.process_time()
    start, after = local("1975-01-01"), datetime(2996, 1, 1, tzinfo=UTC)
    found = recurrence.starts("FREQ=DAILY;BYHOUR=1,2", start, "Europe/Berlin", after)
    assert next(found) == datetime(2996, 1, 1, 1, tzinfo=UTC)
    assert time.process_time() - began < 0.5


def test_a_leap_day_on_a_monday_is_found_though_it_is_rare() -> None:
    found = recurrence.starts(
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", local("2026-01-01"), "UTC", datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert next(found).date().isoformat() == "2044-02-29"
