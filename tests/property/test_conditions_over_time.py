"""Whatever comes, and whenever: conditions over time do what the reference, which keeps every event, works out."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncue.core.duration import delta
from oncue.core.engine import Engine
from oncue.core.state import State
from tests.property.reference_conditions import (
    Happened,
    OwnCount,
    OwnLasting,
    Reference,
    numbers_for,
    reference_of,
)
from tests.unit.story import START, Story

EPOCH = datetime(1970, 1, 1, tzinfo=START.tzinfo)
VALUE = "event.data.value"
A, B, C = ({"types": [type]} for type in ("a", "b", "c"))

CONDITIONS: dict[str, dict[str, Any]] = {
    "count": {"count": 3, "within": "1m"},
    "count of one": {"count": 1, "within": "20s"},
    "count in slots": {"count": 33, "within": "20m"},
    "rate": {"rate": {"per": "1m"}, "within": "3m", "fire_above": 1, "clear_below": 0.7},
    "avg": {"avg": VALUE, "within": "1m", "fire_above": 50, "clear_below": 30},
    "avg below": {"avg": VALUE, "within": "1m", "fire_below": 20, "clear_above": 40, "min_count": 2},
    "min": {"min": VALUE, "within": "1m", "fire_above": 10},
    "max": {"max": VALUE, "within": "1m", "fire_above": 89, "clear_below": 60},
    "sum": {"sum": VALUE, "within": "1m", "fire_above": 100, "clear_below": 40, "min_count": 3},
    "p95": {"p95": VALUE, "within": "2m", "fire_above": 60, "clear_below": 50},
    "p95 below": {"p95": VALUE, "within": "2m", "fire_below": 60, "clear_above": 80, "min_count": 2},
    "value": {"value": VALUE, "fire_above": 60, "clear_below": 20},
    "value below for": {"value": VALUE, "fire_below": 40, "for": "1m"},
    "absent": {"absent": "1m", "forget_after": "3m"},
    "sequence": {"sequence": [A, B], "within": "1m"},
    "sequence of three": {"sequence": [A, B, A], "within": "1m"},
    "sequence without": {"sequence": [A, {**B, "not": True}], "within": "1m"},
    "sequence of two without": {"sequence": [A, A, {**B, "not": True}], "within": "1m"},
    "all": {"all": [A, B, C], "within": "1m"},
    "any": {"any": [A, B], "within": "1m"},
    "two of three": {"any": [A, B, C], "at_least": 2, "within": "1m"},
    "first": {"first": 2, "within": "1m"},
    "once after": {"once_after": "1m"},
    "accumulate": {"accumulate": 3, "within": "1m"},
    "new value": {"new_value": VALUE, "within": "2m", "learn": "20s"},
}

DELAYS = ("0s", "1s", "3s", "20s", "30s", "57s", "1m", "63s", "2m", "3m")
NUDGES = (0, 0, 0, -1, 1)
"""Microseconds beside a boundary."""

steps = st.lists(
    st.tuples(
        st.sampled_from(DELAYS), st.sampled_from(NUDGES), st.sampled_from(("a", "a", "b", "c", "time", "late")),
        st.sampled_from(("k1", "k1", "k2")), st.sampled_from((0, 10, 30, 60, 61, 90)),
        st.sampled_from((1, 1, 1, 1, 4, 33)), st.booleans(),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


QUIET = ("flapping", "late")
"""Why an alert may be quiet whose condition is met; nothing is done then, and the condition is met all the same."""


def transitions(story: Story) -> dict[str, list[tuple[int, str]]]:
    """Per key (instant, `fires` or `clears`) as the engine said it."""
    found: dict[str, list[tuple[int, str]]] = {}
    for fact in story.facts:
        withheld = fact.type == "oncue.policy.blocked" and msgspec.json.decode(fact.body)["data"]["reason"] in QUIET
        if fact.type == "oncue.policy.fired" or withheld:
            what = "fires"
        elif fact.type == "oncue.alert.resolved":
            what = "clears"
        else:
            continue
        found.setdefault(fact.resource or "", []).append(
            (told_at(msgspec.convert(msgspec.json.decode(fact.body)["time"], datetime)), what)
        )
    return found


def told_at(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


OTHERWISE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "count": ({"count": 5}, {"count": 2}),
    "count in slots": ({"count": 40}, {"count": 36}),
    "rate": ({"fire_above": 2, "clear_below": 1.2}, {"fire_above": 0.5, "clear_below": 0.3}),
    "avg": ({"fire_above": 80, "clear_below": 60}, {"fire_above": 20, "clear_below": 10}),
    "avg below": ({"min_count": 4}, {"fire_below": 50, "clear_above": 70}),
    "min": ({"fire_above": 30}, {"fire_above": 0, "clear_below": -1}),
    "max": ({"fire_above": 60, "clear_below": 30}, {"fire_above": 95, "clear_below": 90}),
    "sum": ({"min_count": 5}, {"fire_above": 300, "clear_below": 200}),
    "p95": ({"fire_above": 30, "clear_below": 10}, {"fire_above": 89, "clear_below": 61}),
    "p95 below": ({"fire_below": 30, "clear_above": 30}, {"min_count": 4}),
    "value": ({"fire_above": 10, "clear_below": 5}, {"fire_above": 80, "clear_below": 61}),
    "value below for": ({"for": "20s", "fire_below": 61}, {"for": "2m"}),
    "absent": ({"absent": "30s"}, {"absent": "2m"}),
    "any": ({"at_least": 2}, {"at_least": 1}),
    "two of three": ({"at_least": 3}, {"at_least": 1}),
    "sequence without": ({}, {}),
    "first": ({"first": 4}, {"first": 1}),
    "once after": ({"once_after": "20s"}, {"once_after": "2m"}),
    "accumulate": ({"accumulate": 5}, {"accumulate": 2}),
}
"""By condition, what it has otherwise for one of the keys, and at some hours."""


def overriding(of: str) -> list[dict[str, Any]]:
    mine, at_hours = OTHERWISE[of]
    return [
        {"match": {"resources": ["k2"]}, "condition": mine},
        {"during": "daily 03:01-03:04", "condition": at_hours},
        {"match": {"resources": ["k2"], "types": ["c"]}, "mode": "off"},
    ]


def play(
    condition: dict[str, Any], happenings: list[Any], restarts: bool, overrides: list[dict[str, Any]] | None = None
) -> tuple[Story, dict[str, Reference]]:
    story, references = Story(), {"k1": reference_of(condition), "k2": reference_of(condition)}
    spec = {
        "match": {"types": ["a", "b", "c"]},
        "condition": {**condition, "by": ["event.resource"]},
        "alert": {"severity": "major"},
        "overrides": overrides or [],
    }
    story.apply("Policy", "p", spec)
    policies = 1
    for delay, nudge, what, key, value, times, restart in happenings:
        story.now = max(story.now, story.now + delta(delay) + timedelta(microseconds=nudge))
        now = told_at(story.now)
        for reference in references.values():
            reference.pass_to(now)
        if what == "time" and nudge:
            policies += 1
            story.apply("Policy", "p", {**spec, "description": f"change {policies}"})  # windows survive that
        elif what == "time":
            story.send("oncue.clock.advanced")
        else:
            own = story.now - timedelta(minutes=10, microseconds=1) if what == "late" else story.now
            type = "a" if what == "late" else what
            for _ in range(times):
                story.send(type, {"value": value}, resource=key, time=own.isoformat())
                numbers = numbers_for(condition, overrides or [], type, key, f"{story.now:%H:%M}")
                references[key].hear(Happened(now, type, value, late=what == "late"), numbers)
        if restart and restarts:
            state = State(story.state.identity)
            state.restore(story.state.dump())
            assert state.windows_of == story.state.windows_of
            story.state, story.engine = state, Engine(state)
    return story, references


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=steps)
def test_a_condition_fires_and_clears_as_its_reference_does(condition: dict[str, Any], happenings: list[Any]) -> None:
    story, references = play(condition, happenings, restarts=True)
    assert not story.of("timer.failed")
    said = transitions(story)
    for key, reference in references.items():
        assert said.get(key, []) == reference.said, key


@pytest.mark.parametrize("of", OTHERWISE)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=steps)
def test_overrides_judge_each_event_by_the_numbers_that_count_when_it_comes(of: str, happenings: list[Any]) -> None:
    story, references = play(CONDITIONS[of], happenings, restarts=True, overrides=overriding(of))
    assert not story.of("timer.failed")
    said = transitions(story)
    for key, reference in references.items():
        assert said.get(key, []) == reference.said, key


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=steps)
def test_after_long_quiet_nothing_is_left_but_what_still_holds(
    condition: dict[str, Any], happenings: list[Any]
) -> None:
    story, references = play(condition, happenings, restarts=False)
    story.wait("1d")
    for reference in references.values():
        reference.pass_to(told_at(story.now))
    firing = {f"default/p|{key}" for key, reference in references.items() if reference.fired}
    assert set(story.state.windows) == firing
    assert story.state.windows_of == ({"default/p": len(firing), "": len(firing)} if firing else {})
    timed = {key.partition("/")[2] for key in story.state.timers.by_key if key.startswith("window.")}
    assert timed <= firing


OWN = {"for": ({"for": "1m"}, OwnLasting), "count": ({"count": 3, "within": "1m"}, OwnCount)}


OWN_OTHERWISE = {"for": ({"for": "2m"}, {"for": "20s"}), "count": ({"count": 5}, {"count": 2})}


@pytest.mark.parametrize("overridden", [False, True], ids=["", "with overrides"])
@pytest.mark.parametrize("of", OWN)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=steps)
def test_an_alert_is_held_back_until_its_condition_is_met(of: str, overridden: bool, happenings: list[Any]) -> None:
    condition, kind = OWN[of]
    mine, at_hours = OWN_OTHERWISE[of]
    overrides: list[dict[str, Any]] = [
        {"match": {"resources": ["k2"]}, "condition": mine},
        {"during": "daily 03:01-03:04", "condition": at_hours},
    ]
    overrides = overrides if overridden else []
    story, references = Story(), {"k1": kind(condition), "k2": kind(condition)}
    match = {"types": ["a", "b", "c"], "severities": ["warning", "major"]}
    spec = {"match": match, "condition": condition, "alert": {"severity": "critical"}, "overrides": overrides}
    story.apply("Policy", "p", spec)
    for delay, nudge, what, key, value, times, restart in happenings:
        story.now = max(story.now, story.now + delta(delay) + timedelta(microseconds=nudge))
        now = told_at(story.now)
        for reference in references.values():
            reference.pass_to(now)
        type = "a" if what == "late" else what
        severity = "clear" if type == "b" else "major" if value > 50 else "warning"
        for _ in range(times if what != "time" else 0):
            story.send(type, severity=severity, resource=key, check="x")
            numbers = numbers_for(condition, overrides, type, key, f"{story.now:%H:%M}")
            references[key].hear(Happened(now, type, value), numbers)
        if what == "time":
            story.send("oncue.clock.advanced")
        if restart:
            state = State(story.state.identity)
            state.restore(story.state.dump())
            story.state, story.engine = state, Engine(state)
        assert {alert.severity for alert in story.state.alerts.values() if alert.state == "firing"} <= {"critical"}
    said: dict[str, list[tuple[int, str]]] = {"k1": [], "k2": []}
    for fact in story.facts:
        if fact.type in ("oncue.alert.fired", "oncue.alert.reopened", "oncue.alert.resolved"):
            at = told_at(msgspec.convert(msgspec.json.decode(fact.body)["time"], datetime))
            said[fact.resource or ""].append((at, "clears" if fact.type == "oncue.alert.resolved" else "fires"))
    assert said == {key: reference.said for key, reference in references.items()}
