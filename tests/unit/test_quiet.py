"""Who is told of an alert, when, and why not: silences, windows, inhibitions, flapping, snoozes, waits, lateness."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from oncue.core import flapping
from oncue.core.alert import Alert
from oncue.core.engine import Engine
from oncue.core.state import State
from oncue.core.tx import Batch
from tests.unit.story import START, Story, owned


@pytest.fixture
def story() -> Story:
    """Someone owns the service `shop`, and can be told."""
    story = Story()
    owned(story)
    return story


def the(story: Story, resource: str = "db-1", type: str = "disk.full") -> Alert:
    """The newest alert of a type about a resource."""
    return [a for a in story.state.alerts.values() if (a.resource, a.type) == (resource, type)][-1]


def reasons(story: Story, resource: str = "db-1") -> list[str]:
    return [reason.reason for reason in the(story, resource).quiet]


def told(story: Story) -> list[str]:
    """Reasons of the notifications so far."""
    return [effect["payload"]["reason"] for effect in story.of("effect.requested")]


def matcher(name: str, value: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "value": value, **more}


def silence(story: Story, resource: str = "db-1", lasts: str = "10m") -> str:
    ends_at = story.now + {"10m": timedelta(minutes=10), "1h": timedelta(hours=1)}[lasts]
    data = {"matchers": [matcher("resource", resource)], "starts_at": story.now, "ends_at": ends_at, "comment": "work"}
    id: str = story.send("oncue.command.silence.set", data)["id"]
    return id


def window(story: Story, name: str = "patching", **spec: Any) -> None:
    story.apply("MaintenanceWindow", name, {"matchers": [matcher("resource", "db-.*", is_regex=True)], **spec})


def snooze(story: Story, lasts: timedelta, resource: str = "db-1") -> None:
    data = {"alert": the(story, resource).id, "until": story.now + lasts, "reason": "vendor is on it"}
    story.send("oncue.command.alert.snooze", data, actor="user:basis-1")


# what goes for all reasons


def test_people_are_told_when_the_last_reason_ends_and_it_still_fires(story: Story) -> None:
    silence(story)
    window(story, starts_at=(START + timedelta(minutes=5)).isoformat(), duration="10m")
    story.problem()
    assert (reasons(story), told(story)) == (["silenced"], [])
    story.wait("5m")
    assert reasons(story) == ["silenced", "maintenance"]
    story.wait("5m")
    assert (reasons(story), told(story)) == (["maintenance"], [])
    story.wait("5m")
    assert (reasons(story), told(story)) == ([], ["first"])
    assert story.new() == [
        "maintenance.ended", "alert.audible", "incident.opened", "incident.alert_added", "effect.requested",
    ]  # fmt: skip


def test_what_was_over_before_its_quiet_was_is_never_told(story: Story) -> None:
    silence(story)
    story.problem()
    story.clear()
    story.wait("20m")
    assert told(story) == []
    assert not story.state.incidents


def test_a_reason_that_begins_for_an_alert_in_an_incident_is_shown_and_stops_what_would_be_told_of_it(
    story: Story,
) -> None:
    story.problem("warning")
    silence(story)
    assert reasons(story) == ["silenced"]
    story.problem("critical")
    assert (told(story), story.state.incidents["INC-1"].priority) == (["first"], "P4")
    story.wait("11m")
    assert (told(story), story.state.incidents["INC-1"].priority) == (["first", "escalated"], "P1")


def test_an_alert_that_returns_quietly_is_told_when_its_quiet_ends(story: Story) -> None:
    story.problem()
    story.clear()
    silence(story)
    story.problem()
    assert told(story) == ["first", "resolved"]
    assert story.state.incidents["INC-1"].state == "resolved"
    story.wait("11m")
    assert told(story) == ["first", "resolved", "repeat"]
    assert story.state.incidents["INC-1"].alerts_firing == 1


def test_what_returned_quietly_and_ends_takes_no_incident_with_it(story: Story) -> None:
    story.problem()
    story.problem(resource="db-2")
    story.clear()
    silence(story)
    story.problem()
    story.clear()
    assert story.state.incidents["INC-1"].state == "open"
    assert story.state.incidents["INC-1"].alerts_firing == 1


def test_information_is_not_told_when_a_silence_ends(story: Story) -> None:
    story.apply("Policy", "info", {"match": {"types": ["disk.full"]}, "alert": {"severity": "info"}})
    silence(story)
    story.problem()
    story.wait("11m")
    assert (reasons(story), told(story)) == ([], [])


def test_information_that_becomes_a_problem_is_told(story: Story) -> None:
    spec = {"match": {"types": ["disk.full"], "severities": ["warning"]}, "alert": {"severity": "info"}}
    story.apply("Policy", "info", spec)
    story.problem("warning")
    assert told(story) == []
    story.problem("critical")
    assert told(story) == ["first"]


def test_whom_a_policy_names_is_told_also_after_quiet(story: Story) -> None:
    story.apply("Channel", "pager", {"type": "email", "with": {"to": ["basis-2@example.com"]}})
    story.apply("Policy", "other", {"match": {"types": ["disk.full"]}, "notify": {"channel": "pager"}})
    silence(story)
    story.problem()
    story.wait("11m")
    assert story.of("effect.requested")[0]["payload"]["channel"] == "default/pager"


def test_an_alert_is_compared_with_the_few_silences_that_could_be_about_it(story: Story) -> None:
    matchers = [matcher("severity", "major"), matcher("resource", "x")]
    ends_at = story.now + timedelta(hours=1)
    for number in range(500):
        matchers[1]["value"] = f"host-{number}"
        data = {"matchers": matchers, "starts_at": story.now, "ends_at": ends_at, "comment": "work"}
        story.send("oncue.command.silence.set", data)
    matchers[1] = matcher("resource", "host-9.", is_regex=True)
    data = {"matchers": matchers[1:], "starts_at": story.now, "ends_at": ends_at, "comment": "work"}
    loose = story.send("oncue.command.silence.set", data)["id"]
    story.problem(resource="host-99")
    assert reasons(story, "host-99") == ["silenced", "silenced"]
    candidates = story.state.silencing.candidates(the(story, "host-99"))
    assert len(candidates) == 2
    assert loose in candidates


# maintenance windows


def test_a_window_is_quiet_from_its_beginning_to_before_its_end(story: Story) -> None:
    window(story, starts_at="2026-03-01T04:00", ends_at="2026-03-01T05:00", description="new disks")
    story.now = datetime.fromisoformat("2026-03-01T03:59:59Z")
    story.problem(resource="db-1")
    story.now += timedelta(seconds=1)
    story.problem(resource="db-2")
    assert (reasons(story, "db-1"), reasons(story, "db-2")) == (["maintenance"], ["maintenance"])
    (reason,) = the(story, "db-2").quiet
    assert (reason.by, reason.detail) == ("default/patching", "new disks")
    assert reason.until == datetime.fromisoformat("2026-03-01T05:00:00Z")
    story.problem(resource="app-1")
    story.now = datetime.fromisoformat("2026-03-01T04:59:59Z")
    story.problem(resource="db-3")
    assert reasons(story, "db-3") == ["maintenance"]
    story.now += timedelta(seconds=1)
    story.problem(resource="db-4")
    assert [reasons(story, f"db-{number}") for number in (1, 2, 3, 4)] == [[], [], [], []]
    assert told(story) == ["first"], "the owner of the service once; nobody owns app-1"


def test_a_window_opens_again_by_its_rule_on_the_wall_clock_of_its_zone(story: Story) -> None:
    story.now = datetime.fromisoformat("2026-03-27T12:00:00Z")
    window(
        story, starts_at="2026-03-01T22:00", rrule="FREQ=WEEKLY;BYDAY=SA,SU", duration="8h", zone="Europe/Berlin",
    )  # fmt: skip
    seen = []
    while story.now < datetime.fromisoformat("2026-03-31T00:00:00Z"):
        timer = story.state.timers.first()
        assert timer is not None
        story.now = timer.due_at
        story.send("oncue.clock.advanced")
        seen += [f"{story.now:%d %H:%M} {type.removeprefix('maintenance.')}" for type in story.new()]
    # On the 29th the clocks go forward: it opens an hour earlier in UTC, and lasts eight hours each time.
    assert seen == ["28 21:00 started", "29 05:00 ended", "29 20:00 started", "30 04:00 ended", "04 20:00 started"]


def test_windows_overlap(story: Story) -> None:
    window(story, "one", starts_at="2026-03-01T03:00Z", duration="1h")
    window(story, "two", starts_at="2026-03-01T03:30Z", duration="1h")
    story.problem()
    story.wait("40m")
    assert [reason.by for reason in the(story).quiet] == ["default/one", "default/two"]
    story.wait("30m")
    assert [reason.by for reason in the(story).quiet] == ["default/two"]
    assert told(story) == []
    story.wait("30m")
    assert told(story) == ["first"]


def test_occurrences_that_overlap_are_one_long_one(story: Story) -> None:
    window(story, starts_at="2026-03-01T03:00", rrule="FREQ=DAILY;BYHOUR=3,4;COUNT=2", duration="90m")
    story.problem()
    story.wait("100m")
    assert reasons(story) == ["maintenance"]
    story.wait("50m")
    assert told(story) == ["first"]
    assert story.types().count("maintenance.started") == story.types().count("maintenance.ended") == 1


@pytest.mark.parametrize(
    ("change", "quiet"),
    [
        ({"ends_at": "2026-03-01T04:00Z"}, True),
        ({"ends_at": "2026-03-01T03:05Z"}, False),
        ({"ends_at": "2026-03-01T05:00Z", "starts_at": "2026-03-01T04:30Z"}, False),
        ({"ends_at": "2026-03-01T05:00Z", "matchers": [{"name": "resource", "value": "app-1"}]}, False),
        (None, False),
    ],
)
def test_a_window_may_be_changed_or_deleted_while_it_is_open(
    story: Story, change: dict[str, Any] | None, quiet: bool
) -> None:
    window(story, starts_at="2026-03-01T03:00Z", ends_at="2026-03-01T05:00Z")
    story.problem()
    story.wait("10m")
    if change is None:
        gone = {"op": "delete", "kind": "MaintenanceWindow", "namespace": "default", "name": "patching"}
        story.send("oncue.config.applied", {"changes": [gone]})
    else:
        window(story, **{"starts_at": "2026-03-01T03:00Z", **change})
    assert (reasons(story), told(story)) == ((["maintenance"], []) if quiet else ([], ["first"]))
    story.wait("3h")
    assert told(story) == ["first"]


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"starts_at": "2026-03-01T03:00"}, "recurrence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "ends_at": "2026-03-01T02:00"}, "recurrence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "ends_at": "2029-03-01T02:00"}, "recurrence.invalid"),
        ({"starts_at": "soon", "duration": "1h"}, "recurrence.invalid"),
        ({"starts_at": "0001-01-01T00:00", "duration": "1h"}, "recurrence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "duration": "0s"}, "recurrence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "duration": "1h", "zone": "Mars/Olympus"}, "recurrence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "duration": "1h", "zone": "../../etc/passwd"}, "recurrence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "rrule": "FREQ=DAILY"}, "recurrence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "rrule": "FREQ=DAILY", "duration": "400d"}, "recurrence.costly"),
        ({"starts_at": "2026-03-01T03:00", "rrule": "FREQ=SECONDLY", "duration": "1s"}, "recurrence.costly"),
        ({"starts_at": "2026-03-01T03:00", "duration": "1h", "matchers": []}, "silence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "duration": "1h", "matchers": [{"name": "a", "value": "", }]}, "silence.invalid"),
        ({"starts_at": "2026-03-01T03:00", "duration": "1h", "matchers": [{"name": "a", "valve": "b"}]}, "manifest.invalid"),
    ],
)  # fmt: skip
def test_windows_that_cannot_be_meant_are_refused(story: Story, spec: dict[str, Any], code: str) -> None:
    whole = {"matchers": [matcher("resource", "db-1")], **spec}
    change = {"op": "apply", "kind": "MaintenanceWindow", "namespace": "default", "name": "w", "spec": whole}
    assert story.refused("oncue.config.applied", {"changes": [change]}) == code
    assert not story.state.timers.by_key


# inhibition


def inhibit(story: Story, name: str = "node", equal: list[str] | None = None, **sides: Any) -> None:
    spec = {
        "source": [matcher("type", "node.down")], "target": [matcher("type", "disk.full")],
        "equal": ["resource"] if equal is None else equal, **sides,
    }  # fmt: skip
    story.apply("Inhibition", name, spec)


def test_what_only_follows_is_quiet_while_its_source_fires(story: Story) -> None:
    inhibit(story)
    story.problem(type="node.down")
    story.problem()
    story.problem(resource="db-2")
    (reason,) = the(story).quiet
    source = next(alert.id for alert in story.state.alerts.values() if alert.type == "node.down")
    assert (reason.reason, reason.by, reason.detail) == ("inhibited", source, "rule default/node")
    assert reasons(story, "db-2") == []
    story.clear(type="node.down")
    assert reasons(story) == []
    assert "alert.audible" in story.new()


def test_a_source_that_comes_later_makes_quiet_what_fires_already(story: Story) -> None:
    inhibit(story)
    story.problem()
    assert reasons(story) == []
    story.problem(type="node.down")
    assert reasons(story) == ["inhibited"]


def test_equal_labels_that_both_lack_are_equal_and_one_that_one_lacks_is_not(story: Story) -> None:
    inhibit(story, equal=["zone"])
    story.problem(type="node.down", resource="db-9")
    story.problem()
    story.problem(resource="db-2", labels='{"zone":"a"}')
    assert (reasons(story), reasons(story, "db-2")) == (["inhibited"], [])


def test_no_alert_inhibits_itself_and_what_both_sides_match_is_inhibited_by_a_mere_source_alone(story: Story) -> None:
    inhibit(story, equal=[], source=[matcher("severity", "major")], target=[matcher("type", "disk.full")])
    story.problem(resource="db-1")
    assert reasons(story) == []
    story.problem(resource="db-2")
    assert (reasons(story), reasons(story, "db-2")) == ([], [])
    story.problem("warning", resource="db-3")
    assert reasons(story, "db-3") == ["inhibited"]
    story.problem(type="node.down", resource="db-4")
    assert [reasons(story, f"db-{number}") for number in (1, 2, 3)] == [["inhibited"]] * 3


def test_another_source_takes_over_and_severity_decides_who_is_one(story: Story) -> None:
    inhibit(story, equal=[], source=[matcher("severity", "critical")])
    story.problem("critical", type="node.down", resource="db-8")
    story.problem("critical", type="node.down", resource="db-9")
    story.problem()
    first = the(story).quiet[0].by
    other = next(a.id for a in story.state.alerts.values() if a.type == "node.down" and a.id != first)
    story.problem("major", type="node.down", resource=story.state.alerts[first].resource)
    assert the(story).quiet[0].by == other
    story.clear(type="node.down", resource=story.state.alerts[other].resource)
    assert reasons(story) == []


def test_rules_that_come_and_go_are_in_force_at_once(story: Story) -> None:
    story.problem()
    story.problem(type="node.down")
    inhibit(story)
    assert reasons(story) == ["inhibited"]
    gone = {"op": "delete", "kind": "Inhibition", "namespace": "default", "name": "node"}
    story.send("oncue.config.applied", {"changes": [gone]})
    assert reasons(story) == []


def test_a_storm_under_a_hundred_rules_costs_look_ups_and_no_scans(story: Story) -> None:
    for number in range(100):
        source = [matcher("type", "node.down"), matcher("rack", f"r{number}")]
        inhibit(story, f"rack-{number}", ["rack"], source=source, target=[matcher("type", "disk.full")])
    whole = story.state.inhibitions._filed["default"][0]
    for number in range(2_000):
        story.problem(resource=f"x-{number}", labels=f'{{"rack":"r{number % 100}"}}', fingerprint=f"f{number}")
    alert = the(story, "x-1999")
    assert [rule.id for rule in whole.candidates(alert)] == ["default/rack-99"], "rules of other racks are not compared"
    story.problem(type="node.down", resource="n-7", labels='{"rack":"r7"}')
    quiet = [a for a in story.state.alerts.values() if a.quiet]
    assert len(quiet) == 20
    assert all(a.labels["rack"] == "r7" for a in quiet)


def test_an_alert_that_is_reworded_is_compared_with_the_rules_again(story: Story) -> None:
    def says(title: str) -> None:
        story.problem(origin="monitor:default/m", title=title)

    inhibit(story, source=[matcher("title", "disk gone")], target=[matcher("type", "net.drop")])
    says("disk full")
    story.problem(type="net.drop")
    says("disk gone")
    assert [reason.reason for reason in the(story, type="net.drop").quiet] == ["inhibited"]
    fresh = State(story.state.identity)
    fresh.restore(story.state.dump())
    assert fresh.inhibitions._parts.keys() == story.state.inhibitions._parts.keys()
    says("disk full")
    assert the(story, type="net.drop").quiet == ()


def test_what_was_inhibited_and_is_forgotten_is_inhibited_by_nothing(story: Story) -> None:
    inhibit(story)
    story.problem(type="node.down")
    story.problem()
    by = the(story).quiet[0].by
    story.clear()
    assert story.state.inhibitions.held(by)
    story.wait("11m")
    assert not story.state.inhibitions.held(by)


def test_an_incident_that_is_resolved_by_hand_is_not_opened_again_by_what_its_alerts_inhibited(story: Story) -> None:
    inhibit(story)
    story.problem()
    story.problem(type="node.down")
    story.send("oncue.command.incident.resolve", {"incident": "INC-1"}, actor="user:basis-1")
    assert told(story) == ["first", "resolved"]
    assert not [alert for alert in story.state.alerts.values() if alert.state == "firing"]


# flapping


def turn(story: Story, times: int, pause: str = "30s") -> None:
    for _ in range(times):
        story.clear()
        story.skip(pause)
        story.problem()
        story.skip(pause)


def test_the_share_of_changes_is_weighted_and_bounded() -> None:
    assert flapping.rate(0) == 0
    assert flapping.rate((1 << 20) - 1) == 100
    assert flapping.rate(0b11111) < 30 <= flapping.rate(0b111111)
    assert flapping.rate(1) == pytest.approx(100 * 1.2 / 20)
    assert flapping.rate(1 << 19) == pytest.approx(100 * 0.8 / 20)


def test_a_flapping_alert_is_told_once_and_once_more_when_it_is_steady(story: Story) -> None:
    story.problem()
    turn(story, 3)
    assert told(story) == ["first", "resolved", "repeat", "resolved", "repeat", "resolved", "repeat"]
    assert reasons(story) == ["flapping"]
    details = story.of("effect.requested")[-1]["payload"]["message"]["details"]
    assert any(name == "Flapping" for name, _ in details)
    before = len(told(story))
    turn(story, 10)
    assert len(told(story)) == before
    assert story.state.incidents["INC-1"].state == "open"
    assert story.state.incidents["INC-1"].alerts_firing == 1
    story.wait("40m")
    assert (reasons(story), told(story)[before:]) == ([], ["steady"])


def test_flapping_that_ends_resolved_ends_its_incident(story: Story) -> None:
    story.problem()
    turn(story, 3)
    before = len(told(story))
    story.clear()
    assert story.state.incidents["INC-1"].state == "open"
    story.wait("15m")
    assert len(story.state.alerts) == 1, "while it flaps, it is the same alert"
    story.wait("25m")
    assert told(story)[before:] == ["resolved"]
    assert story.state.incidents["INC-1"].state == "resolved"
    assert not story.state.alerts


def test_flapping_ends_at_the_instant_at_which_enough_states_have_passed(story: Story) -> None:
    story.problem()
    turn(story, 3, "10s")
    until = the(story).quiet[0].until
    assert until is not None
    story.now = until - timedelta(seconds=1)
    story.send("oncue.clock.advanced")
    assert reasons(story) == ["flapping"]
    story.now = until
    story.send("oncue.clock.advanced")
    assert reasons(story) == []


def test_slow_changes_are_no_flapping(story: Story) -> None:
    story.problem()
    turn(story, 20, "8m")
    assert reasons(story) == []


def test_a_repeat_changes_nothing_of_what_flapping_is_judged_by(story: Story) -> None:
    story.problem()
    turn(story, 2)
    before = (the(story).turns, the(story).turned_at)
    for _ in range(50):
        story.problem()
    assert (the(story).turns, the(story).turned_at) == before


def test_who_resolves_a_flapping_alert_by_hand_has_dealt_with_it(story: Story) -> None:
    story.problem()
    turn(story, 3)
    story.send("oncue.command.alert.resolve", {"alert": the(story).id}, actor="user:basis-1")
    assert (reasons(story), story.state.incidents["INC-1"].state) == ([], "resolved")
    story.problem()
    assert (reasons(story), told(story)[-1]) == ([], "repeat")


def test_an_incident_that_is_resolved_by_hand_lets_go_of_what_flaps(story: Story) -> None:
    story.problem()
    turn(story, 3)
    story.clear()
    story.send("oncue.command.incident.resolve", {"incident": "INC-1"}, actor="user:basis-1")
    assert story.state.incidents["INC-1"].alerts_firing == 0
    story.problem()
    assert told(story)[-1] == "repeat"
    assert story.state.incidents["INC-1"].alerts_firing == 1


def test_what_flapped_for_long_and_is_resolved_by_hand_with_its_incident_is_forgotten(story: Story) -> None:
    story.problem()
    turn(story, 6)
    story.clear()
    story.wait("15m")
    assert reasons(story) == ["flapping"]
    story.send("oncue.command.incident.resolve", {"incident": "INC-1"}, actor="user:basis-1")
    story.wait("1s")
    assert not story.state.alerts


def test_nobody_is_told_that_what_is_silenced_is_steady(story: Story) -> None:
    story.problem()
    story.problem(type="host.down")
    turn(story, 3)
    silence(story, lasts="1h")
    story.clear()
    before = len(told(story))
    story.wait("40m")
    assert (told(story)[before:], story.state.incidents["INC-1"].alerts_firing) == ([], 1)


# snooze


def test_the_end_of_a_snooze_is_one_message_also_if_it_became_worse_meanwhile(story: Story) -> None:
    story.problem("warning")
    snooze(story, timedelta(hours=1))
    story.problem("critical")
    story.wait("1h")
    assert told(story) == ["first", "snooze_over"]
    assert story.of("effect.requested")[-1]["payload"]["message"]["severity"] == "critical"


def test_the_end_of_a_snooze_of_what_is_information_by_now_is_not_told(story: Story) -> None:
    story.apply("Policy", "lower", {"match": {"severities": ["warning"]}, "alert": {"severity": "info"}})
    story.problem()
    snooze(story, timedelta(hours=1))
    story.problem("warning")
    assert the(story).severity == "info"
    story.wait("1h")
    assert (reasons(story), told(story)) == ([], ["first"])


def test_a_snooze_says_who_until_when_and_why_and_its_end_is_told_if_it_still_fires(story: Story) -> None:
    story.problem()
    snooze(story, timedelta(hours=2))
    (reason,) = the(story).quiet
    assert (reason.reason, reason.by, reason.detail) == ("snoozed", "user:basis-1", "vendor is on it")
    assert (reason.since, reason.until) == (story.now, story.now + timedelta(hours=2))
    story.now += timedelta(hours=2) - timedelta(seconds=1)
    story.send("oncue.clock.advanced")
    assert told(story) == ["first"]
    story.wait("1s")
    assert (reasons(story), told(story)) == ([], ["first", "snooze_over"])


def test_a_snooze_is_prolonged_shortened_and_taken_back(story: Story) -> None:
    story.problem()
    snooze(story, timedelta(hours=2))
    snooze(story, timedelta(hours=4))
    story.wait("3h")
    assert reasons(story) == ["snoozed"]
    snooze(story, timedelta(minutes=1))
    story.wait("1m")
    assert told(story) == ["first", "snooze_over"]
    snooze(story, timedelta(hours=1))
    story.send("oncue.command.alert.unsnooze", {"alert": the(story).id})
    assert (reasons(story), told(story)) == ([], ["first", "snooze_over"])
    story.wait("2h")
    assert told(story) == ["first", "snooze_over"]


def test_a_snooze_outlives_a_return_and_is_gone_with_its_alert(story: Story) -> None:
    story.problem()
    snooze(story, timedelta(hours=1))
    story.clear()
    story.wait("5m")
    story.problem()
    assert reasons(story) == ["snoozed"]
    story.clear()
    story.wait("11m")
    assert not story.state.alerts
    assert "quiet.end" not in "".join(story.state.timers.by_key)
    story.problem()
    assert reasons(story) == []


def test_a_snooze_that_cannot_be_meant_is_refused(story: Story) -> None:
    story.problem()
    alert = the(story).id
    for until, code in (
        (story.now, "silence.invalid"),
        (story.now + timedelta(days=400), "silence.too_long"),
        ("2026-03-01T09:00:00", "silence.invalid"),
    ):
        assert story.refused("oncue.command.alert.snooze", {"alert": alert, "until": until}) == code
    assert story.refused("oncue.command.alert.snooze", {"alert": alert}) == "request.invalid"
    story.clear()
    until = story.now + timedelta(hours=1)
    assert story.refused("oncue.command.alert.snooze", {"alert": alert, "until": until}) == "alert.resolved"


# wait and late


def waiting(story: Story, **more: Any) -> None:
    story.apply("Policy", "wait", {"match": {"types": ["disk.full"], **more}, "alert": {"wait": "2m"}})


def test_what_resolves_while_it_waits_is_never_told(story: Story) -> None:
    waiting(story)
    story.problem()
    (reason,) = the(story).quiet
    assert (reason.reason, reason.by) == ("transient_wait", "default/wait")
    story.skip("119s")
    story.clear()
    assert reasons(story) == []
    story.wait("1h")
    assert told(story) == []


def test_what_outlasts_its_wait_is_told_at_its_end(story: Story) -> None:
    waiting(story)
    story.problem()
    story.wait("119s")
    assert told(story) == []
    story.wait("1s")
    assert (reasons(story), told(story)) == ([], ["first"])


def test_what_becomes_worse_than_its_policy_says_waits_no_longer(story: Story) -> None:
    waiting(story, severities=["warning"])
    story.problem("warning")
    story.problem("critical")
    assert (reasons(story), told(story)) == ([], ["first"])


def test_a_policy_acts_while_people_wait(story: Story) -> None:
    spec = {"match": {"types": ["disk.full"]}, "alert": {"wait": "2m"}, "respond": [{"ticket": {}}]}
    story.apply("Policy", "mend", spec)
    story.problem()
    assert story.types().count("ticket.created") == 1


def late(story: Story, by: timedelta, severity: str = "major") -> None:
    story.problem(severity, time=(story.now - by).isoformat())


@pytest.mark.parametrize(("by", "quiet"), [(600, []), (601, ["late"]), (-600, [])])
def test_an_event_is_late_when_its_own_time_is_more_than_ten_minutes_ago(
    story: Story, by: int, quiet: list[str]
) -> None:
    late(story, timedelta(seconds=by))
    assert reasons(story) == quiet


def test_a_late_problem_is_told_if_it_still_holds(story: Story) -> None:
    late(story, timedelta(hours=1))
    story.wait("119s")
    assert told(story) == []
    story.wait("1s")
    assert told(story) == ["first"]


def test_a_late_problem_is_told_when_it_is_reported_in_time(story: Story) -> None:
    late(story, timedelta(hours=1))
    late(story, timedelta(hours=1))
    assert (reasons(story), the(story).count) == (["late"], 2)
    late(story, timedelta(seconds=1))
    assert (reasons(story), told(story), the(story).count) == ([], ["first"], 3)
    before = len(story.facts)
    story.problem()
    assert story.types(before) == ["alert.updated"], "from then on a repeat is one: the fourth"


def test_a_late_problem_that_ended_long_ago_is_never_told(story: Story) -> None:
    late(story, timedelta(hours=1))
    late(story, timedelta(minutes=50), "clear")
    story.wait("1h")
    assert told(story) == []


def test_a_policy_says_what_is_late(story: Story) -> None:
    story.apply("Policy", "batch", {"match": {"types": ["disk.full"]}, "alert": {"late_after": "2h"}})
    late(story, timedelta(hours=1))
    assert (reasons(story), told(story)) == ([], ["first"])
    story.problem(resource="db-2", time=(story.now - timedelta(hours=3)).isoformat())
    assert reasons(story, "db-2") == ["late"]


def test_what_a_condition_held_back_is_not_late(story: Story) -> None:
    spec = {"match": {"types": ["disk.full"]}, "condition": {"for": "15m"}, "alert": {"severity": "critical"}}
    story.apply("Policy", "lasting", spec)
    late(story, timedelta(0))
    story.wait("15m")
    assert (reasons(story), told(story)) == ([], ["first"])


@pytest.mark.parametrize("begin", ["wait", "late", "flapping"])
def test_downtime_is_no_time_in_which_something_could_have_been_heard(story: Story, begin: str) -> None:
    if begin == "wait":
        waiting(story)
        story.problem()
    elif begin == "late":
        late(story, timedelta(hours=1))
    else:
        story.problem()
        turn(story, 3)
    before = len(told(story))
    down_since = story.now + timedelta(seconds=1)
    story.skip("2h")
    story.send("oncue.engine.started", {"engine": "x", "down_since": down_since.isoformat()})
    assert len(told(story)) == before
    story.clear()
    story.wait("1h")
    assert told(story)[before:] == (["resolved"] if begin == "flapping" else [])


def test_a_snooze_ends_by_the_clock_also_after_downtime(story: Story) -> None:
    story.problem()
    snooze(story, timedelta(hours=1))
    down_since = story.now + timedelta(seconds=1)
    story.skip("2h")
    story.send("oncue.engine.started", {"engine": "x", "down_since": down_since.isoformat()})
    assert told(story) == ["first", "snooze_over"]


# restarts and undoing


def windows_and_silences(story: Story) -> None:
    window(story, starts_at="2026-03-01T03:02Z", rrule="FREQ=DAILY;COUNT=3", duration="20m")
    silence(story)
    story.problem()


def inhibited(story: Story) -> None:
    inhibit(story)
    story.problem(type="node.down")
    story.problem()
    story.problem(resource="db-2", type="node.down")


def flaps(story: Story) -> None:
    story.problem()
    turn(story, 4)
    story.clear()


def snoozed(story: Story) -> None:
    story.problem()
    snooze(story, timedelta(minutes=20))
    late(story, timedelta(hours=1), "critical")


def waits(story: Story) -> None:
    waiting(story)
    story.problem()
    late(story, timedelta(hours=2), "minor")


BEGINNINGS = [windows_and_silences, inhibited, flaps, snoozed, waits]


def goes_on(story: Story, between: Callable[[Story], None]) -> None:
    """What may come then: time, ends, returns."""
    for step in range(12):
        between(story)
        if step % 4 == 0:
            story.problem(resource="db-2")
        elif step % 4 == 1:
            story.wait("7m")
        elif step % 4 == 2:
            story.clear(type=("node.down", "disk.full")[step // 4 % 2])
        else:
            story.wait("40m")
            story.problem()


def restarts(story: Story) -> None:
    state = State(story.state.identity)
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_a_restart_in_the_middle_changes_no_decision(begin: Callable[[Story], None]) -> None:
    stories = []
    for between in (lambda _: None, restarts):
        story = Story()
        owned(story)
        begin(story)
        goes_on(story, between)
        stories.append(story)
    assert [fact.body for fact in stories[0].facts] == [fact.body for fact in stories[1].facts]
    assert stories[0].state.dump() == stories[1].state.dump()


def look_ups(story: Story) -> Any:
    groups = story.state.inhibitions._groups
    return sorted((key, tuple(one.sources), tuple(one.both), tuple(one.targets)) for key, one in groups.items())


@pytest.mark.parametrize("begin", BEGINNINGS)
def test_what_is_undone_leaves_no_trace(story: Story, begin: Callable[[Story], None]) -> None:
    begin(story)
    before, found = story.state.dump(), look_ups(story)
    position, now = story.state.position, story.state.now
    story.batch = Batch()
    goes_on(story, lambda _: None)
    if begin is inhibited:
        inhibit(story, "more", equal=[])
    story.batch.rollback(story.state)
    story.state.position, story.state.now = position, now
    assert story.state.dump() == before
    assert look_ups(story) == found


def test_rows_that_are_read_in_any_order_give_the_same_look_ups(story: Story) -> None:
    inhibited(story)
    rows = [
        (kind, id, msgspec.json.encode(row)) for kind, all_ in story.state.entities.items() for id, row in all_.items()
    ]
    state = State(story.state.identity)
    state.load(rows[::-1], [])
    found = look_ups(story)
    story.state = state
    assert look_ups(story) == found


def test_who_is_known_by_the_end_of_the_quiet_is_told_though_nobody_was_when_it_began(story: Story) -> None:
    story.problem(resource="host-1")
    assert told(story) == []
    silence(story, "host-1")
    story.apply("Resource", "host-1", {"owner": "team:basis"})
    story.wait("11m")
    assert told(story) == ["first"]
    silence(story, "host-1")
    story.wait("11m")
    assert told(story) == ["first"]
