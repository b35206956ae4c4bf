"""Conditions over time, one by one: what their alerts say, what stands beside them, what configuration does to them."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from oncue.core import detect
from oncue.core.conditions import absent, finding
from oncue.core.conditions.contents import contents
from oncue.core.engine import Engine
from oncue.core.manifest import PolicySpec
from oncue.core.policy import FORMS
from oncue.core.state import State
from oncue.manifests.meaning import findings
from tests.unit.story import Story

A, B = {"types": ["a"]}, {"types": ["b"]}


@pytest.fixture
def story() -> Story:
    return Story()


def policy(story: Story, condition: dict[str, Any], types: tuple[str, ...] = ("a", "b"), **more: Any) -> None:
    spec = {"match": {"types": list(types)}, "condition": condition, "alert": {"severity": "major"}, **more}
    story.apply("Policy", "p", spec)


def firing(story: Story) -> list[str]:
    return sorted(alert.resource for alert in story.state.alerts.values() if alert.state == "firing")


def misses(story: Story) -> list[tuple[str, str]]:
    return [(miss.reason, miss.detail) for miss in story.state.cells["policy_stats"]["default/p"].near_misses]


def restarted(story: Story) -> Story:
    state = State(story.state.identity)
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)
    return story


# what an alert says


def test_an_aggregate_says_its_figure_and_its_limit(story: Story) -> None:
    condition = {"avg": "event.data.value", "within": "5m", "fire_above": 50, "clear_below": 40}
    policy(story, condition, ("cpu.used",), alert={"title": "mean ${value} (limit ${limit}) on ${event.resource}"})
    for value in (30, 60, 90):
        story.sample("cpu.used", value)
        story.skip("10s")
    (alert,) = story.state.alerts.values()
    assert alert.title == "mean 60 (limit 50) on db-1" and alert.severity == "warning"
    assert misses(story)[0] == ("window_not_met", "avg of 1 is 30, not above 50, within 300 s")
    story.wait("10m")
    assert alert.state == "resolved" and alert.resolved_by == "condition"


def test_what_fires_by_a_timer_knows_the_reading_it_waited_with(story: Story) -> None:
    condition = {"value": "event.data.value", "fire_above": 90, "for": "1m", "by": ["event.labels.disk"]}
    policy(story, condition, ("disk.used",), alert={"title": "${event.labels.disk} at ${event.data.value}"})
    readings = [
        {"metric": "disk.used", "value": value, "labels": {"disk": disk}} for disk, value in (("/", 50), ("/var", 95))
    ]
    story.send("oncue.sample", {"monitor": "default/m", "resource": "db-1", "readings": readings})
    restarted(story).wait("1m")
    assert [alert.title for alert in story.state.alerts.values()] == ["/var at 95"]


def test_an_absence_is_told_of_with_the_attributes_of_the_newest_event(story: Story) -> None:
    policy(story, {"absent": "10m"}, ("a",), alert={"title": "${event.resource} of ${event.labels.team} is silent"})
    story.send("a", {"much": "x" * 1000}, resource="r1", labels='{"team":"blue"}')
    (window,) = story.state.windows.values()
    assert len(msgspec.msgpack.encode(window)) < 300
    restarted(story).wait("10m")
    (alert,) = story.state.alerts.values()
    assert alert.title == "r1 of blue is silent" and alert.resource == "r1" and alert.labels == {"team": "blue"}
    story.send("a", resource="r1")
    assert alert.state == "resolved"


def test_once_after_tells_how_many_came(story: Story) -> None:
    policy(
        story, {"once_after": "1m", "by": ["'all'"]}, alert={"title": "${value} events, the last on ${event.resource}"}
    )
    for name in ("r1", "r2", "r3"):
        story.send("a", resource=name)
    story.wait("1m")
    assert [alert.title for alert in story.state.alerts.values()] == ["3 events, the last on r3"]


# recoveries


def test_a_recovery_is_a_value_and_a_step_but_no_problem_to_count(story: Story) -> None:
    policy(
        story,
        {"sequence": [{**A, "severities": ["major"]}, {**A, "severities": ["clear"], "not": True}], "within": "5m"},
    )
    story.send("a", severity="major", resource="r1")
    story.wait("1m")
    story.send("a", severity="clear", resource="r1")
    story.wait("10m")
    assert story.types().count("policy.fired") == 0
    policy(story, {"count": 2, "within": "1h", "by": ["event.resource"]})
    story.send("b", severity="major", resource="r1")
    story.send("b", severity="clear", resource="r1")
    assert story.types().count("policy.fired") == 0


def test_an_alert_that_a_recovery_raises_is_a_warning_unless_the_policy_says_otherwise(story: Story) -> None:
    policy(story, {"sequence": [A, B], "within": "5m"}, alert={"title": "restarted"})
    story.send("a", resource="r1")
    story.send("b", severity="clear", resource="r1")
    assert [(alert.title, alert.severity) for alert in story.state.alerts.values()] == [("restarted", "warning")]


# keys


def test_different_parts_never_make_the_same_key(story: Story) -> None:
    policy(story, {"count": 2, "within": "1h", "by": ["event.data.x", "event.data.y"]}, ("a",))
    story.send("a", {"x": "1|2", "y": "3"}, resource="r1")
    story.send("a", {"x": "1", "y": "2|3"}, resource="r1")
    for end in ("y", "z"):
        story.send("a", {"x": "x" * 600, "y": end}, resource="r1")
    assert sorted(story.state.windows)[:2] == ["default/p|1\\|2|3", "default/p|1|2\\|3"]
    assert len(story.state.windows) == 4 and not story.state.alerts


def test_an_event_without_its_key_or_number_does_not_count_and_says_so(story: Story) -> None:
    policy(story, {"sum": "event.data.n", "within": "1h", "fire_above": 1, "by": ["event.data.k"]}, ("a",))
    for data in ({"n": 5}, {"k": "x", "n": "5"}, {"k": "x"}):
        story.send("a", data, resource="r1")
    assert not story.state.windows and [reason for reason, _ in misses(story)] == ["condition_failed"] * 3


def test_keys_beyond_max_keys_are_not_judged_and_that_is_said(story: Story) -> None:
    policy(story, {"count": 2, "within": "1m", "by": ["event.resource"], "max_keys": 3}, ("a",))
    for number in range(8):
        story.send("a", resource=f"r{number}")
    restarted(story).send("a", resource="r9")
    story.send("a", resource="r2")
    assert firing(story) == ["r2"] and len(story.state.windows) == 3
    stats = story.state.cells["policy_stats"]["default/p"]
    assert stats.unjudged == 6 and stats.near_misses[-1].reason == "keys_full"
    assert [(told["reason"], told["key"]) for told in story.of("policy.blocked")] == [
        ("keys_full", "r3"), ("keys_full", "r4"), ("keys_full", "r6"),
    ]  # fmt: skip
    story.wait("2m")
    assert story.state.windows_of == {}
    story.send("a", resource="r5")
    assert len(story.state.windows) == 1


def test_all_policies_together_have_a_bound(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "KEYS_LIMIT", 2)
    policy(story, {"first": 1, "within": "1m"})
    for number in range(3):
        story.send("a", resource=f"r{number}")
    assert misses(story)[-1] == ("keys_full", "r2: there are 2 windows of all policies; that is the most there may be")


def test_a_problem_that_is_resolved_by_hand_must_last_again(story: Story) -> None:
    policy(story, {"for": "5m"}, ("a",))
    story.problem(type="a", resource="r")
    story.wait("5m")
    (alert,) = story.state.alerts.values()
    story.send("oncue.command.alert.resolve", {"alert": alert.id}, actor="user:basis-1")
    story.problem(type="a", resource="r")
    assert firing(story) == []
    story.wait("5m")
    assert firing(story) == ["r"]


def test_a_problem_whose_lasting_cannot_be_watched_is_not_held_back(story: Story) -> None:
    policy(story, {"for": "5m", "max_keys": 1}, ("a",))
    for name in ("r1", "r2"):
        story.problem(type="a", resource=name)
    assert firing(story) == ["r2"]


# absence


def test_declared_keys_are_expected_from_the_moment_of_applying(story: Story) -> None:
    policy(story, {"absent": "10m", "keys": ["r1", "r2"]}, ("a",))
    story.wait("5m")
    story.send("a", resource="r2")
    story.send("a", resource="other")
    assert misses(story)[-1] == ("key_not_expected", "other is none of keys")
    story.wait("5m")
    assert firing(story) == ["r1"]
    story.wait("60d")
    assert firing(story) == ["r1", "r2"]
    story.send("a", resource="r1")
    assert firing(story) == ["r2"]


def test_declared_keys_for_which_there_is_no_room_are_refused(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absent, "KEYS_LIMIT", 3)
    policy(story, {"absent": "10m", "keys": ["r1", "r2"]})
    policy(story, {"absent": "10m", "keys": ["r1", "r2"]}, description="once more")
    for condition in ({"absent": "10m", "keys": ["r3", "r4"]}, {"absent": "1m", "keys": ["r3", "r4"], "max_keys": 1}):
        spec = {"match": {"types": ["a"]}, "condition": condition, "alert": {}}
        change = {"op": "apply", "kind": "Policy", "namespace": "default", "name": "q", "spec": spec}
        assert story.refused("oncue.config.applied", {"changes": [change]}) == "policy.keys_full"
    assert sorted(story.state.policies.by_id) == ["default/p"]


def test_a_late_event_is_no_sign_of_life(story: Story) -> None:
    policy(story, {"absent": "30m"}, ("a",), alert={"late_after": "5m"})
    story.send("a", resource="r1")
    story.skip("29m")
    story.send("a", resource="r1", time="2026-03-01T03:23:59Z")
    assert misses(story)[-1][0] == "late"
    story.wait("1m")
    assert firing(story) == ["r1"]


def test_what_came_while_oncue_was_away_is_not_held_against_anyone(story: Story) -> None:
    policy(story, {"absent": "10m"}, ("a",))
    story.apply("Policy", "q", {
        "match": {"types": ["a"]}, "alert": {}, "condition": {"sequence": [A, {**B, "not": True}], "within": "10m"},
    })  # fmt: skip
    story.send("a", resource="r1")
    story.skip("5m")
    down = story.now
    story.skip("1h")
    story.send("oncue.engine.started", {"engine": "t", "down_since": down.isoformat()})
    assert not story.state.alerts
    story.wait("4m")
    assert not story.state.alerts
    story.wait("1m")
    assert len(firing(story)) == 2


# configuration


def test_windows_survive_a_change_of_what_does_not_judge(story: Story) -> None:
    policy(story, {"accumulate": 3, "within": "1h"})
    story.send("a", resource="r1")
    story.send("a", resource="r1")
    policy(story, {"accumulate": 3, "within": "1h"}, description="another word", alert={"severity": "minor"})
    story.send("a", resource="r1")
    assert firing(story) == ["r1"]


def test_windows_go_with_a_change_of_what_judges(story: Story) -> None:
    for condition in (
        {"accumulate": 3, "within": "1h"},
        {"absent": "1h"},
        {"sequence": [A, B], "within": "1h"},
        {"for": "1h"},
    ):
        policy(story, condition)
        story.problem(type="a", resource="r1")
        assert story.state.windows
        policy(story, {**condition, "max_keys": 99})
        assert not story.state.windows and not story.state.windows_of and not story.state.held_of
        assert not [key for key in story.state.timers.by_key if key.startswith("window.")]
    story.apply("Policy", "p", {"match": {"types": ["a"]}})
    story.send("b", resource="r1")


def test_a_deleted_policy_leaves_nothing(story: Story) -> None:
    policy(story, {"absent": "1h", "keys": ["r1", "r2"]})
    story.send(
        "oncue.config.applied", {"changes": [{"op": "delete", "kind": "Policy", "namespace": "default", "name": "p"}]}
    )
    assert not story.state.windows and not story.state.windows_of
    assert story.state.timers.first() is None


# guards


def test_a_policy_does_nothing_outside_its_hours_and_says_so(story: Story) -> None:
    spec = {"match": {"types": ["a"]}, "only_during": "Mon-Fri 08:00-18:00 Europe/Berlin", "respond": [{"ticket": {}}]}
    story.apply("Policy", "p", spec)
    story.send("a", resource="r1")  # a Sunday
    story.skip("28h")  # Monday, 07:00 UTC
    story.send("a", resource="r1")
    assert [told["reason"] for told in story.of("policy.blocked")] == ["outside_hours"]
    assert len(story.state.tickets) == 1


# what is in a window


@pytest.mark.parametrize(
    ("condition", "what", "count"),
    [
        ({"for": "5m"}, ["event"], 1),
        ({"value": "event.data.n", "fire_above": 0, "for": "5m"}, ["event"], 1),
        ({"count": 3, "within": "5m"}, ["event", "event"], 2),
        ({"rate": {"per": "1s"}, "within": "5m", "fire_above": 9}, ["slot"], 2),
        ({"avg": "event.data.n", "within": "5m", "fire_above": 9}, ["slot"], 2),
        ({"p95": "event.data.n", "within": "5m", "fire_above": 9}, ["slot"], 2),
        ({"absent": "5m"}, ["event"], 1),
        ({"sequence": [A, A, B], "within": "5m"}, ["step 1", "step 2"], 2),
        ({"sequence": [A, {**B, "not": True}], "within": "5m"}, ["event"], 1),
        ({"all": [B, A], "within": "5m"}, ["selector 2"], 1),
        ({"any": [A, B], "at_least": 2, "within": "5m"}, ["selector 1"], 1),
        ({"first": 1, "within": "5m"}, [], 2),
        ({"once_after": "5m"}, [], 2),
        ({"accumulate": 3, "within": "5m"}, [], 2),
        ({"new_value": "event.data.n", "within": "5m"}, ["value", "value"], 2),
    ],
)
def test_a_window_can_be_looked_into(story: Story, condition: dict[str, Any], what: list[str], count: int) -> None:
    policy(story, condition)
    for number in (1, 2):
        story.send("a", {"n": number}, resource="r1", severity="major", fingerprint="f1")
    ((cell, window),) = story.state.windows.items()
    shown = contents(story.state.policies.by_id["default/p"], cell, window, story.now)
    assert shown.key == ("f1" if "for" in condition and "value" not in condition else "r1")
    assert ([part.what for part in shown.parts], shown.count) == (what, count)
    assert all(part.at <= story.now < part.until for part in shown.parts)
    later = contents(story.state.policies.by_id["default/p"], cell, window, story.now + timedelta(hours=1))
    assert not [part for part in later.parts if part.what != "event"]


# size


def test_no_window_is_larger_than_it_says(story: Story) -> None:
    for name, condition in {
        "p1": {"avg": "event.data.n", "within": "20m", "fire_above": 5e9},
        "p2": {"p95": "event.data.n", "within": "20m", "fire_above": 5e9},
        "p3": {"count": 32, "within": "20m"},
        "p4": {"new_value": "event.data.n", "within": "1d"},
        "p5": {"rate": {"per": "1s"}, "within": "20m", "fire_above": 900},
        "p6": {"sequence": [A] * 8, "within": "1h"},
    }.items():
        spec = {"match": {"types": ["a"]}, "condition": {**condition, "by": ["event.resource"]}, "alert": {}}
        story.apply("Policy", name, spec)
    for number in range(400):
        story.send("a", {"n": 1e9 / 7 + number}, resource="r1")
        story.skip("7s")
    sizes = {cell: len(msgspec.msgpack.encode(window)) for cell, window in story.state.windows.items()}
    assert len(sizes) == 6 and max(sizes.values()) <= 400, sizes


def test_a_key_with_too_many_values_forgets_the_one_unseen_for_the_longest(story: Story) -> None:
    policy(story, {"new_value": "event.data.n", "within": "30d"}, ("a",))
    for number in (*range(20), 0, 20, 0, 1):
        story.send("a", {"n": number}, resource="r1")
    fired = len(story.of("policy.fired"))
    assert fired == 19 + 1 + 1  # all but the first, then 20, then 1, which was forgotten for it


def test_every_form_is_judged() -> None:
    assert set(detect.JUDGES) == set(FORMS)


# what is refused


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({}, "give one of count, avg"),
        ({"count": 3}, "count and within belong together"),
        ({"count": 3, "within": "1m", "for": "1m"}, "count and for cannot be combined"),
        ({"avg": "1", "value": "1", "within": "1m", "fire_above": 1}, "avg and value cannot be combined"),
        ({"avg": "1", "within": "1m"}, "avg needs exactly one of fire_above and fire_below"),
        ({"avg": "1", "within": "1m", "fire_above": 1, "clear_below": 2}, "it would clear while it fires"),
        ({"rate": {"per": "1m"}, "within": "1m", "fire_above": 2, "fire_below": 1}, "would fire at the first event"),
        ({"sum": "1", "within": "1m", "fire_above": 1, "fire_below": 0}, "use absent for what stays away"),
        ({"rate": {"per": "0s"}, "within": "1m", "fire_above": 1}, "more than 0"),
        ({"count": 3, "within": "0s"}, "more than 0"),
        (
            {"count": 3, "within": "1m", "min_count": 2},
            "count does not take min_count; it goes with avg, min, max, p95, sum",
        ),
        ({"absent": "1m", "within": "1m"}, "absent does not take within"),
        ({"absent": "1m", "keys": ["a"], "forget_after": "1h"}, "never forgotten"),
        ({"absent": "1h", "forget_after": "1m"}, "forgotten before it is missed"),
        ({"absent": "1h", "keys": ["a", "b"], "max_keys": 1}, "max_keys is 1"),
        ({"sequence": [{**A, "not": True}, B], "within": "1m"}, "only the last step"),
        ({"sequence": [A, {"not": True}], "within": "1m"}, "every event would be this one"),
        ({"all": [A, {}], "within": "1m"}, "every event would be this one"),
        ({"any": [A, B], "at_least": 3, "within": "1m"}, "there are only 2 selectors"),
        ({"any": [A, {**B, "where": "1 +"}], "within": "1m"}, "line 1"),
        ({"new_value": "event.x", "within": "1h", "learn": "2h"}, "forgotten before"),
        ({"new_value": "event.(", "within": "1h"}, "line 1"),
        ({"first": 1}, "first and within belong together"),
        ({"once_after": "1m", "within": "1m"}, "once_after does not take within"),
        ({"value": "1", "fire_above": 1, "for": "0s"}, "more than 0"),
    ],
)
def test_a_senseless_condition_is_refused_with_what_is_wrong(condition: dict[str, Any], said: str) -> None:
    spec = msgspec.convert({"match": A, "condition": condition, "alert": {}}, PolicySpec)
    details = [found.detail for found in findings(spec) if found.level == "error"]
    assert len(details) == 1 and said in details[0], details


def test_hours_that_cannot_be_read_are_refused() -> None:
    spec = msgspec.convert({"match": A, "only_during": "business hours", "alert": {}}, PolicySpec)
    assert [found.path for found in findings(spec)] == [("only_during",)]
