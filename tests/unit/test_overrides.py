"""Overrides of a policy: which counts, what it changes, and what is said of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from oncue import manifests
from oncue.core.engine import Engine
from oncue.core.manifest import PolicySpec
from oncue.core.override import Overrides, tied
from oncue.core.state import State
from oncue.manifests.meaning import findings
from tests.unit.story import Story
from tests.unit.test_trial import manifest, tried

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday."""
VALUE = {"value": "event.data.value", "fire_above": 50}


class About:
    """An event, as overrides see it."""

    def __init__(self, type: str = "a", resource: str = "db-1", service: str | None = None, **labels: str) -> None:
        self.type, self.resource, self.service, self.source, self.labels = type, resource, service, "/test", labels


def spec(overrides: list[dict[str, Any]], **more: Any) -> PolicySpec:
    given = {"match": {"types": ["a"]}, "condition": VALUE, "alert": {"severity": "major"}, "overrides": overrides}
    return msgspec.convert({**given, **more}, PolicySpec)


@pytest.mark.parametrize(
    ("overrides", "about", "fitting"),
    [
        ([{}, {"match": {"resources": ["db-*"]}}, {"match": {"resources": ["db-1"]}}], About(), [3, 2, 1]),
        ([{"match": {"resources": ["db-*"], "labels": {"role": "x"}}}, {"match": {"resources": ["db-1"]}}], About(role="x"), [1, 2]),
        ([{"match": {"services": ["shop*"], "types": ["a"]}}, {"match": {"resources": ["db-1"]}}], About(service="shop-eu"), [1, 2]),
        ([{"match": {"services": ["shop"]}}], About(), []),
        ([{"match": {"labels": {"role": ["x", "y"]}}}], About(role="y"), [1]),
        ([{"match": {"labels": {"role": "x*"}}}], About(role="xy"), []),
        ([{}, {"during": "Mon 10:00-11:00 Europe/Berlin"}, {"during": "Mon 09:00-10:00 Europe/Berlin"}], About(), [2, 1]),
        ([{"match": {"sources": ["/other"]}}, {"match": {"sources": ["/t*"]}}], About(), [2]),
    ],
)  # fmt: skip
def test_the_most_precise_override_that_fits_counts(
    overrides: list[dict[str, Any]], about: About, fitting: list[int]
) -> None:
    assert list(Overrides(spec(overrides).overrides).fitting(about, AT)) == fitting


@pytest.mark.parametrize(
    ("one", "other", "tie"),
    [
        ({"match": {"resources": ["a"]}}, {"match": {"resources": ["a", "b"]}}, True),
        ({"match": {"resources": ["a"]}}, {"match": {"resources": ["b"]}}, False),
        ({"match": {"resources": ["a"]}}, {"match": {"services": ["s"]}}, True),
        ({"match": {"resources": ["a*"]}}, {"match": {"resources": ["*b"]}}, True),
        ({"match": {"labels": {"r": "a*"}}}, {"match": {"labels": {"r": "ab"}}}, False),
        ({"during": "Mon 08:00-10:00"}, {"during": "Mon 10:00-12:00"}, False),
        ({"during": "Mon 08:00-10:00"}, {"during": "Mon 09:00-12:00"}, True),
        ({"during": "Mon 08:00-10:00"}, {"during": "Mon 10:00-12:00 Asia/Tokyo"}, True),
        ({}, {"during": "Mon 10:00-12:00"}, False),
    ],
)
def test_a_tie_is_what_may_fit_the_same_event_at_the_same_moment(
    one: dict[str, Any], other: dict[str, Any], tie: bool
) -> None:
    first, second = spec([one, other]).overrides
    assert tied(first, second) is tied(second, first) is tie


@pytest.mark.parametrize(
    ("given", "path", "code", "said"),
    [
        (spec([{"match": {"resources": ["a"]}}, {"match": {"resources": ["a"]}}]), ("overrides", 1), "policy.override_tied", "as precise as overrides[0]"),
        (spec([{"name": "x"}, {"name": "x", "during": "Mon 08:00-10:00"}]), ("overrides", 1, "name"), "manifest.invalid", "another override x"),
        (spec([{"during": "Mon 8-10"}]), ("overrides", 0, "during"), "manifest.invalid", "write"),
        (spec([{"condition": {"count": 3}}]), ("overrides", 0, "condition", "count"), "manifest.invalid", "an override of value may give fire_above"),
        (spec([{"condition": {"clear_below": 60}}]), ("overrides", 0, "condition", "clear_below"), "manifest.invalid", "would clear while it fires"),
        (spec([{"condition": {"fire_below": 10}}]), ("overrides", 0, "condition"), "manifest.invalid", "exactly one"),
        (spec([{"condition": {"fire_above": 1}}], condition=None), ("overrides", 0, "condition"), "manifest.invalid", "no condition"),
        (spec([{"alert": {"severity": "info"}}], alert=None), ("overrides", 0, "alert"), "manifest.invalid", "no alert"),
        (spec([{"alert": {"title": "${event.x +}"}}]), ("overrides", 0, "alert", "title"), "expression.invalid", ""),
        (spec([{"match": {"types": ["b"]}}]), ("overrides", 0), "policy.override_dead", "the policy's own match"),
        (spec([{"during": "Sat 08:00-10:00"}], only_during="Mon-Fri 08:00-18:00"), ("overrides", 0), "policy.override_dead", "does nothing outside"),
        (spec([{"name": "all"}, {"match": {"types": ["a"]}}]), ("overrides", 0), "policy.override_dead", "all can never win: overrides[1] is more precise"),
        (
            spec([{"match": {"resources": ["db-1"]}}, {"match": {"resources": ["db-*"], "types": ["a"], "labels": {"role": "x"}}}],
                 match={"types": ["a"], "labels": {"role": "x"}}),
            ("overrides", 0), "policy.override_dead", "overrides[1] is more precise, and fits whenever this one does",
        ),
    ],
)  # fmt: skip
def test_what_does_not_hold_together_is_named(given: PolicySpec, path: tuple[Any, ...], code: str, said: str) -> None:
    (found,) = [one for one in findings(given) if one.path[:1] == ("overrides",)]
    assert (found.path, found.code) == (path, code)
    assert said in found.detail


def test_a_tie_is_refused_with_its_line() -> None:
    text = """apiVersion: oncue/v1
kind: Policy
metadata: {name: p}
spec:
  match: {types: [a]}
  alert: {}
  overrides:
    - match: {resources: [a]}
    - match: {services: [b]}
"""
    _, problems = manifests.load(manifests.parse_yaml(text, "p.yaml"))
    assert [(problem.code, problem.line, problem.level) for problem in problems] == [
        ("policy.override_tied", 9, "error")
    ]


@pytest.mark.parametrize("overrides", [[{"match": {"resources": ["db-1"]}}, {"match": {"resources": ["db-*"]}}], [{}]])
def test_what_holds_together_is_not_complained_of(overrides: list[dict[str, Any]]) -> None:
    assert not [one for one in findings(spec(overrides)) if one.path[0] == "overrides"]


# what they change


def told(overrides: list[dict[str, Any]], **more: Any) -> Story:
    story = Story()
    given = msgspec.to_builtins(spec(overrides, **more))
    story.apply("Policy", "p", given)
    return story


def test_a_decision_says_which_override_counted_and_which_others_fitted() -> None:
    exact = {
        "name": "one",
        "match": {"resources": ["db-1"]},
        "condition": {"fire_above": 80},
        "alert": {"severity": "minor", "labels": {"tier": "gold"}},
    }
    story = told([{"name": "all", "match": {"resources": ["db-*"]}, "condition": {"fire_above": 60}}, exact])  # fmt: skip
    story.send("a", {"value": 70}, resource="db-1")
    (miss,) = story.state.cells["policy_stats"]["default/p"].near_misses
    assert (miss.reason, miss.detail) == ("threshold_not_met", "event.data.value is 70, not above 80 (override one)")
    story.send("a", {"value": 90}, resource="db-1")
    (fired,) = story.of("policy.fired")
    assert (fired["override"], fired["also_fitted"], fired["values"]["limit"]) == ("one", ["all"], 80)
    (alert,) = story.state.alerts.values()
    assert (alert.severity, alert.labels) == ("minor", {"tier": "gold"})
    story.send("a", {"value": 90}, resource="other")
    assert "override" not in story.of("policy.fired")[1]


def test_an_override_that_only_looks_on_decides_and_does_nothing() -> None:
    story = told([{"name": "new", "match": {"resources": ["db-1"]}, "mode": "observe"}])
    story.send("a", {"value": 90}, resource="db-1")
    (blocked,) = story.of("policy.blocked")
    assert (blocked["reason"], blocked["override"]) == ("observe_only", "new")
    assert not story.state.alerts


def test_what_is_off_is_as_if_the_policy_were_not_there() -> None:
    story = told([{"name": "night", "during": "daily 03:30-04:00", "mode": "off"}])
    story.send("a", {"value": 90})
    story.skip("40m")
    story.send("a", {"value": 95})
    (alert,) = story.state.alerts.values()
    assert (alert.state, alert.resolved_by) == ("resolved", "condition")
    assert not story.state.windows
    assert story.state.cells["policy_stats"]["default/p"].near_misses[-1].reason == "override_off"
    immediate = told([{"match": {"resources": ["db-2"]}, "mode": "off"}], condition=None)
    immediate.problem(type="a", resource="db-2")
    assert [alert.policies for alert in immediate.state.alerts.values()] == [()]


def test_what_a_timer_finds_has_the_alert_and_the_mode_of_its_moment() -> None:
    condition = {"absent": "10m"}
    night = {"during": "daily 03:05-04:00", "alert": {"severity": "critical"}}
    story = told([night], condition=condition)
    story.send("a", resource="r1")
    story.wait("10m")
    assert [alert.severity for alert in story.state.alerts.values()] == ["critical"]
    silent = told([{"during": "daily 03:05-04:00", "mode": "off"}], condition=condition)
    silent.send("a", resource="r1")
    silent.wait("10m")
    assert [one["reason"] for one in silent.of("policy.blocked")] == ["override_off"]
    assert not silent.state.alerts


def test_a_declared_key_is_expected_by_its_own_override() -> None:
    mine = {"match": {"resources": ["db-2"]}, "condition": {"absent": "20m"}}
    never = {"match": {"resources": ["db-3"]}, "mode": "off"}
    story = told([mine, never], condition={"absent": "10m", "keys": ["db-1", "db-2", "db-3"]})
    story.wait("10m")
    story.wait("10m")
    assert [alert.resource for alert in story.state.alerts.values()] == ["db-1", "db-2"]


def test_a_window_knows_its_override_after_a_restart() -> None:
    condition = {"avg": "event.data.value", "within": "10m", "fire_above": 50}
    story = told(
        [{"match": {"resources": ["db-1"]}, "condition": {"fire_above": 50, "clear_below": 10}}], condition=condition
    )
    story.send("a", {"value": 100}, resource="db-1")
    for _ in range(3):
        story.send("a", {"value": 20}, resource="db-1")
    state = State(story.state.identity)
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)
    assert [window.override for window in state.windows.values()] == [1]
    story.now += timedelta(minutes=9)
    story.send("oncue.clock.advanced")
    assert [alert.state for alert in story.state.alerts.values()] == ["firing"]  # 40 on average: not below 10


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"alert": {"severity": "minor"}}, True),
        ({"mode": "observe"}, True),
        ({"mode": "off"}, False),
        ({"condition": {"fire_above": 40}}, False),
        ({"during": "daily 03:00-04:00"}, False),
    ],
)
def test_windows_survive_a_change_of_what_an_override_says_and_not_of_what_it_judges(
    change: dict[str, Any], kept: bool
) -> None:
    story = told([{"name": "x"}])
    story.send("a", {"value": 90})
    story.apply("Policy", "p", msgspec.to_builtins(spec([{"name": "x", **change}])))
    assert bool(story.state.windows) is kept


def test_a_trial_says_which_override_counts_and_why() -> None:
    given = {
        "match": {"types": ["net.flap"]},
        "overrides": [{"name": "wide", "match": {"resources": ["sw-*"]}}, {"name": "off", "match": {"resources": ["sw-1"]}, "mode": "off"}],
    }  # fmt: skip
    (policy,) = tried(manifest("p", given)).policies
    (clause,) = [one for one in policy.clauses if one.name == "override"]
    assert (policy.outcome, policy.reason, clause.decides, clause.wants) == (
        "not_taken", "override_off", True, "match (resources sw-1)",
    )  # fmt: skip
    assert clause.has == ("off counts, and goes before wide; mode off: the event is as if the policy were not there")
    (policy,) = tried(manifest("p", given), resource="fw-1").policies
    assert [one.has for one in policy.clauses if one.name == "override"] == [
        "none fits: the policy is as it is without them"
    ]
