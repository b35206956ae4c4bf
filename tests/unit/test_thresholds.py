"""Hours of the week, and which of several thresholds counts."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from oncue.core.hours import parse
from oncue.core.manifest import Threshold
from oncue.core.threshold import choose, tied

MONDAY = 5
"""Of January 2026."""


@pytest.mark.parametrize(
    ("text", "day", "time", "covered"),
    [
        ("Mon-Fri 08:00-18:00", MONDAY, "08:00", True),
        ("Mon-Fri 08:00-18:00", MONDAY, "17:59", True),
        ("Mon-Fri 08:00-18:00", MONDAY, "18:00", False),
        ("Mon-Fri 08:00-18:00", MONDAY + 5, "12:00", False),
        ("Mon,Wed 08:00-12:00,13:00-18:00", MONDAY + 2, "12:30", False),
        ("Mon-Fri 08:00-18:00; Sat 09:00-12:00", MONDAY + 5, "09:00", True),
        ("Fri 22:00-06:00", MONDAY + 4, "23:00", True),
        ("Fri 22:00-06:00", MONDAY + 5, "05:59", True),
        ("Fri 22:00-06:00", MONDAY + 4, "05:00", False),
        ("Sun 22:00-06:00", MONDAY, "03:00", True),
        ("Sat-Mon 00:00-24:00", MONDAY, "23:59", True),
        ("Sat-Mon 00:00-24:00", MONDAY + 1, "00:00", False),
        ("daily 00:00-24:00 Europe/Berlin", MONDAY + 3, "00:00", True),
    ],
)
def test_hours_cover_what_they_say(text: str, day: int, time: str, covered: bool) -> None:
    assert parse(text).cover(datetime.fromisoformat(f"2026-01-{day:02} {time}")) is covered


@pytest.mark.parametrize(
    ("text", "zone"), [("daily 08:00-18:00", "UTC"), ("daily 08:00-18:00 Asia/Tokyo", "Asia/Tokyo")]
)
def test_hours_without_a_zone_are_utc(text: str, zone: str) -> None:
    assert parse(text).zone == zone


@pytest.mark.parametrize(
    "text",
    [
        "",
        "08:00-18:00",
        "Mon",
        "Mon 8-18",
        "Mon 08:00-08:00",
        "Mon 25:00-26:00",
        "Noday 08:00-09:00",
        "Mon 08:00-18:60",
    ],
)
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not"):
        parse(text)


def threshold(warning: float = 1, **more: Any) -> Threshold:
    return msgspec.convert({"metric": "disk.used", "warning": warning, **more}, Threshold)


@pytest.mark.parametrize(
    ("instance", "labels", "in_hours", "expected"),
    [
        ("/", {}, False, 1),
        ("/var", {}, False, 3),
        ("/var/log", {}, False, 2),
        ("/", {"tier": "prod"}, False, 4),
        ("/var", {"tier": "prod"}, False, 5),
        ("/", {}, True, 6),
        ("/var", {}, True, 3),
    ],
)
def test_the_most_precise_threshold_counts(
    instance: str, labels: dict[str, str], in_hours: bool, expected: float
) -> None:
    thresholds = [
        threshold(1),
        threshold(2, match={"instance": "/var*"}),
        threshold(3, match={"instance": "/var"}),
        threshold(4, match={"labels": {"tier": "prod"}}),
        threshold(5, match={"labels": {"tier": "prod"}, "instance": "/var"}),
        threshold(6, hours="daily 08:00-18:00"),
    ]
    chosen = choose(thresholds, "host-1", instance, labels, lambda hours: in_hours)
    assert chosen is not None
    assert chosen.warning == expected


def test_a_reading_that_nothing_fits_is_not_judged() -> None:
    only = [threshold(match={"resource": "db-*"}), threshold(hours="daily 08:00-18:00")]
    assert choose(only, "host-1", "", {}, lambda hours: False) is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({}, {}, True),
        ({}, {"match": {"instance": "/"}}, False),
        ({"match": {"instance": "/"}}, {"match": {"instance": "/var"}}, False),
        ({"match": {"instance": "/"}}, {"match": {"resource": "db-1"}}, True),
        ({"match": {"instance": "/v*"}}, {"match": {"instance": "*r"}}, True),
        ({"hours": "Mon-Fri 08:00-18:00"}, {"hours": "Mon-Fri 18:00-08:00"}, False),
        ({"hours": "Mon-Fri 08:00-18:00"}, {"hours": "Fri 17:00-19:00"}, True),
        ({"hours": "Sun 22:00-06:00"}, {"hours": "Mon 05:00-07:00"}, True),
        ({"hours": "Mon 08:00-18:00 Asia/Tokyo"}, {"hours": "Tue 08:00-18:00"}, True),
    ],
)
def test_a_tie_is_two_of_equal_precision_that_may_fit_the_same_reading(
    one: dict[str, Any], other: dict[str, Any], expected: bool
) -> None:
    assert tied(threshold(**one), threshold(**other)) is expected
    assert tied(threshold(**other), threshold(**one)) is expected
