"""When a value is a problem: levels, hysteresis, consecutive readings, the first reading, retries."""

from datetime import UTC, datetime, timedelta

import pytest

from oncue.core.manifest import Threshold
from oncue.runtime.series import Reachability, Series

START = datetime(2026, 1, 1, tzinfo=UTC)


def changes(threshold: Threshold, values: list[float]) -> list[str | None]:
    """The state after each reading if it changed, else None."""
    series = Series(threshold)
    return [
        series.state if series.take(value, START + timedelta(seconds=index)) else None
        for index, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("threshold", "values", "expected"),
    [
        (Threshold(metric="m", major=90), [10, 95, 96, 10], ["clear", "major", None, "clear"]),
        (Threshold(metric="m", major=90), [90], ["major"]),
        (
            Threshold(metric="m", warning=80, critical=95),
            [99, 85, 96, 20],
            ["critical", "warning", "critical", "clear"],
        ),
        (Threshold(metric="m", major=90, hysteresis=5), [91, 86, 85, 89], ["major", None, "clear", None]),
        (
            Threshold(metric="m", warning=80, major=90, hysteresis=5),
            [91, 86, 84, 76, 75],
            ["major", None, "warning", None, "clear"],
        ),
        (Threshold(metric="m", major=10, below=True, hysteresis=2), [50, 9, 11, 12], ["clear", "major", None, "clear"]),
        (
            Threshold(metric="m", major=90, readings=3),
            [10, 10, 10, 95, 95, 10, 95, 95, 95],
            [None, None, "clear", None, None, None, None, None, "major"],
        ),
        (
            Threshold(metric="m", warning=80, critical=95, readings=2),
            [85, 99, 99, 99],
            [None, "warning", None, "critical"],
        ),
        (Threshold(metric="m", major=90, readings=2), [10, 95, 95], [None, None, "major"]),
        (Threshold(metric="m"), [10, 1e9], ["clear", None]),
    ],
)
def test_states_follow_the_threshold(threshold: Threshold, values: list[float], expected: list[str | None]) -> None:
    assert changes(threshold, values) == expected


def test_a_problem_began_with_its_first_reading_and_keeps_that_time_when_it_worsens() -> None:
    series = Series(Threshold(metric="m", warning=80, critical=95, readings=2))
    for index, value in enumerate([10, 10, 85, 85, 99, 99]):
        series.take(value, START + timedelta(seconds=index))
    assert (series.state, series.since) == ("critical", START + timedelta(seconds=2))


def test_what_is_told_of_a_state_is_a_reading_that_bears_it_out() -> None:
    series = Series(Threshold(metric="m", warning=80, critical=95, readings=3, hysteresis=5))
    told = [(series.take(value, START), series.state, series.value)[1:] for value in (99, 99, 99, 85, 9, 9, 9, 9, 99)]
    assert told[2:] == [
        ("critical", 99), ("critical", 99), ("critical", 99), ("warning", 85),
        ("warning", 85), ("warning", 85), ("warning", 99),
    ]  # fmt: skip
    assert [series.take(value, START) for value in (9, 9, 9)][-1] and (series.state, series.value) == ("clear", 9)


def test_the_limit_is_that_of_the_present_level_and_the_lowest_while_clear() -> None:
    series = Series(Threshold(metric="m", warning=80, critical=95))
    assert series.limit() == 80
    series.take(99, START)
    assert series.limit() == 95


def test_a_target_is_at_fault_after_its_retries_and_well_at_once() -> None:
    target = Reachability(retries=2, severity="critical")
    found = [
        target.take(fault, START + timedelta(seconds=i))
        for i, fault in enumerate([False, True, True, True, True, False])
    ]
    assert found == [True, False, False, True, False, True]
    assert target.state == "clear"


def test_a_fault_began_with_the_first_failed_probe() -> None:
    target = Reachability(retries=1, severity="major")
    target.take(True, START)
    target.take(True, START + timedelta(seconds=30))
    assert (target.state, target.since) == ("major", START)
