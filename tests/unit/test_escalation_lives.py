"""Escalation where things come together badly: nobody is forgotten, and nobody is told after it is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oncue.core.wall_clock import left_s
from tests.unit.story import Story
from tests.unit.test_escalation import command, landscape, told, undelivered


@pytest.fixture
def story() -> Story:
    story = Story()
    landscape(story)
    both = [{"channel": "push"}, {"channel": "sms", "after": "2m"}]
    story.apply("Person", "basis-1", {"default": both, "important": both})
    return story


def goes_by(story: Story, levels: list[dict[str, Any]], **policy: Any) -> None:
    story.apply("EscalationPolicy", "rota", {"levels": levels, **policy})


def states(story: Story) -> list[tuple[str, str]]:
    """(policy, state) of what has not ended."""
    return [(one.policy.partition("@")[0], one.state) for one in story.state.escalations.values()]


def silence(story: Story, resource: str) -> None:
    matchers = [{"name": "resource", "value": resource}]
    span = {"starts_at": story.now.isoformat(), "ends_at": "2026-03-02T00:00:00Z"}
    story.send("oncue.command.silence.set", {"matchers": matchers, **span, "comment": "x"})


def test_an_alert_that_is_heard_resumes_what_was_held_though_nobody_is_told_of_it_alone(story: Story) -> None:
    story.problem("critical")
    silence(story, "db-1")
    story.wait("6m")
    assert states(story) == [("default/rota", "held")]
    story.problem("major", resource="db-2")
    assert states(story) == [("default/rota", "running")]
    assert told(story)[-1] == ("desk", "audible")


def test_an_incident_opened_by_hand_goes_on_when_its_quiet_alert_is_over(story: Story) -> None:
    story.send("oncue.command.incident.open", {"title": "slow", "service": "shop"}, actor="user:basis-2")
    story.problem()
    silence(story, "db-1")
    story.wait("6m")
    assert states(story) == [("default/rota", "held")]
    story.clear()
    assert states(story) == [("default/rota", "running")]


def test_an_incident_that_is_acknowledged_calls_nobody_when_its_owner_becomes_known(story: Story) -> None:
    story.problem(resource="host-1")
    command(story, "acknowledge")
    story.apply("Resource", "host-1", {"service": "shop"})
    story.problem("critical", resource="host-1", type="disk.gone")
    assert states(story) == [("default/rota", "acknowledged")]
    before = told(story)
    story.wait("2h")
    assert told(story) == before == [("desk", "first")]


def test_two_policies_that_go_on_at_once_tell_a_channel_once(story: Story) -> None:
    goes_by(story, [{"tell": ["channel:desk"], "wait": "5m"}] * 2)
    story.apply("EscalationPolicy", "night", {"levels": [{"tell": ["channel:desk"], "wait": "5m"}] * 2})
    story.problem("critical")
    command(story, "escalate", to="escalation:night")
    silence(story, "db-1")
    story.wait("6m")
    assert states(story) == [("default/rota", "held"), ("default/night", "held")]
    before = len(told(story))
    story.problem("critical", resource="db-2")
    assert states(story) == [("default/rota", "running"), ("default/night", "running")]
    assert [one for one in told(story)[before:] if one[1] == "audible"] == [("desk", "audible")]


@pytest.mark.parametrize(("repeat", "again"), [(1, False), (0, True)])
def test_a_policy_that_someone_called_for_sooner_is_not_begun_beside_itself(
    story: Story, repeat: int, again: bool
) -> None:
    """If it has told everybody by then, it begins again."""
    story.apply("EscalationPolicy", "night", {"levels": [{"tell": ["channel:boss"], "wait": "5m"}], "repeat": repeat})
    goes_by(story, [{"tell": ["channel:desk"], "wait": "9m"}], then="night")
    story.problem("critical")
    story.wait("1m")
    command(story, "escalate", to="escalation:night")
    story.wait("6m")
    before = told(story)
    story.wait("2m")
    assert [policy for policy, _ in states(story)] == ["default/night"]
    assert told(story)[len(before) :] == [("boss", "not_acknowledged")] * again


def test_a_policy_that_goes_on_by_hand_rests_while_someone_works_on_the_incident(story: Story) -> None:
    story.apply("EscalationPolicy", "night", {"levels": [{"tell": ["channel:boss"], "wait": "1m"}] * 2})
    goes_by(story, [{"tell": ["channel:desk"]}], then="night")
    story.problem()
    command(story, "acknowledge")
    command(story, "escalate")
    assert states(story) == [("default/night", "acknowledged")]
    story.wait("1h")
    assert told(story) == [("desk", "first"), ("boss", "not_acknowledged")]


def test_a_next_level_by_hand_that_leads_to_nobody_leaves_no_trace_of_what_ended(story: Story) -> None:
    story.apply("Team", "empty", {})
    story.apply("EscalationPolicy", "night", {"levels": [{"tell": ["channel:boss"]}]})
    goes_by(story, [{"tell": ["channel:desk"]}, {"tell": ["team:empty"]}], then="night")
    story.problem()
    command(story, "escalate")
    assert states(story) == [("default/night", "running")]
    (incident,) = story.state.incidents.values()
    assert incident.escalations == tuple(story.state.escalations)


def test_levels_that_lead_to_nobody_are_not_begun_again_and_again(story: Story) -> None:
    story.apply("Team", "empty", {})
    goes_by(story, [{"tell": ["team:empty"]}] * 20, repeat=50)
    story.problem()
    assert states(story) == [("default/rota", "exhausted")]
    assert len(story.of("escalation.exhausted")) == 1
    story.wait("1h")
    assert len(story.of("escalation.exhausted")) == 1


def test_rounds_do_not_pass_in_a_minute_while_no_channel_can_be_reached(story: Story) -> None:
    goes_by(story, [{"tell": ["channel:desk"], "wait": "5m"}], repeat=3)
    story.problem()
    for _ in range(3):
        undelivered(story, "desk")
        story.wait("30s")
    assert states(story) == [("default/rota", "running")]
    assert told(story) == [("desk", "first")]


def test_what_waits_is_called_off_though_another_policy_has_gone_on(story: Story) -> None:
    story.apply("EscalationPolicy", "night", {"levels": [{"tell": ["channel:boss"], "wait": "1h"}]})
    goes_by(story, [{"tell": ["user:basis-1"], "wait": "1m"}], then="night")
    story.problem("critical")
    story.wait("61s")
    command(story, "acknowledge")
    assert told(story) == [("push", "first"), ("boss", "not_acknowledged")]


def test_what_a_person_called_by_hand_has_not_been_told_yet_is_called_off_at_the_end(story: Story) -> None:
    story.problem("critical")
    command(story, "escalate", to="user:basis-1")
    assert ("sms", "called") in told(story)
    story.clear()
    assert ("sms", "called") not in told(story)


@pytest.mark.parametrize("what", ["acknowledge", "resolve"])
def test_what_was_leaving_and_fails_is_neither_repeated_nor_told_by_another_channel(story: Story, what: str) -> None:
    story.apply("Channel", "desk", {"type": "email", "with": {"to": ["d@example.com"]}, "failover": ["spare"]})
    story.problem()
    command(story, what)
    undelivered(story, "desk")
    story.wait("5s")
    undelivered(story, "desk")
    assert ("spare", "first") not in told(story)
    assert ("desk", "first") not in told(story)


def test_a_channel_that_two_ways_lead_to_is_told_once(story: Story) -> None:
    story.apply("EscalationPolicy", "night", {"levels": [{"tell": ["channel:desk"]}]})
    for name, notify in (("a", {"channel": "desk"}), ("b", {"escalation": "night"}), ("c", {"escalation": "rota"})):
        story.apply("Policy", name, {"match": {"types": ["disk.*"]}, "alert": {}, "notify": notify})
    story.problem()
    assert told(story) == [("desk", "first")]
    assert len(story.state.escalations) == 2


def test_an_incident_that_is_reopened_by_hand_calls_its_owner(story: Story) -> None:
    goes_by(story, [{"tell": ["channel:desk"]}], targets={"P1": {"respond": "10m"}, "P2": {"respond": "10m"}})
    story.problem("critical")
    command(story, "acknowledge")
    command(story, "resolve")
    story.wait("1h")
    command(story, "reopen")
    assert told(story)[-1] == ("desk", "repeat")
    assert states(story) == [("default/rota", "running")]
    (incident,) = story.state.incidents.values()
    assert incident.acknowledged_by is None
    assert incident.respond_by is not None
    assert incident.respond_by > story.now


def test_an_alert_about_a_channel_ends_with_the_channel(story: Story) -> None:
    story.problem()
    undelivered(story, "desk")
    story.wait("5s")
    undelivered(story, "desk")
    assert any("desk cannot be reached" in alert.title for alert in story.state.alerts.values())
    gone = {"op": "delete", "kind": "Channel", "namespace": "default", "name": "desk"}
    story.send("oncue.config.applied", {"changes": [gone], "force": True})
    undelivered(story, "desk")
    assert [alert.state for alert in story.state.alerts.values() if "desk" in alert.title] == ["resolved"]
    assert "default/desk" not in story.state.cells["channel"]


@pytest.mark.parametrize("owner", ["basis", "group:basis"])
def test_an_owner_of_no_known_kind_is_said_and_stops_no_event(story: Story, owner: str) -> None:
    story.apply("Service", "shop", {"owner": owner, "resources": ["db-*"]})
    story.problem()
    assert "begins with user:" in story.of("notification.skipped")[-1]["detail"]
    (incident,) = story.state.incidents
    asked = {"incident": incident, "to": owner}
    assert story.refused("oncue.command.incident.escalate", asked) == "escalation.no_addressee"


def test_a_link_whose_end_has_no_offset_is_refused(story: Story) -> None:
    story.problem()
    asked = {"incident": "INC-1", "effect": "ef-1", "action": "acknowledge", "expires_at": "2027-01-01T00:00:00"}
    assert story.refused("oncue.command.link.use", asked) == "request.invalid"


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_end_at_the_first_end_that_is_to_come() -> None:
    hours = "daily 22:00-02:30 Europe/Berlin"
    assert left_s(hours, datetime(2026, 10, 25, 0, 15, tzinfo=UTC)) == 900
    assert left_s(hours, datetime(2026, 10, 25, 1, 15, tzinfo=UTC)) == 900


def test_whoever_hears_of_an_incident_after_its_end_hears_of_the_end(story: Story) -> None:
    story.apply("Channel", "desk", {"type": "email", "with": {"to": ["d@example.com"]}, "failover": ["spare"]})
    story.problem()
    undelivered(story, "desk")
    story.wait("5s")
    undelivered(story, "desk")
    leaving = next(id for id, one in story.state.effects.items() if one.payload["channel"] == "default/spare")
    story.clear()
    assert ("spare", "resolved") not in told(story)
    story.result(effect=leaving)
    assert told(story).count(("spare", "resolved")) == 1
    assert ("desk", "resolved") not in told(story)  # nothing has ever reached it


def test_whom_nothing_has_reached_hears_nothing_of_the_end_either(story: Story) -> None:
    story.problem()
    undelivered(story, "desk")
    story.clear()
    assert told(story) == []
    assert not story.state.effects
    story.problem()
    delivered(story)
    story.clear()
    assert told(story)[-1] == ("desk", "resolved")


def test_what_is_told_with_others_is_told_of_its_end_with_them(story: Story) -> None:
    separate_problems(story, 7)
    delivered(story)
    assert [id for id, one in story.state.incidents.items() if one.unheard] == ["INC-6", "INC-7"]
    story.clear(resource="solo-5")
    assert ("desk", "resolved") not in told(story)
    story.wait("1m")
    delivered(story)
    assert not any(one.unheard for one in story.state.incidents.values())


def test_a_part_that_is_split_off_goes_on_where_its_whole_stood_and_calls_nobody_twice(story: Story) -> None:
    goes_by(story, [{"tell": ["channel:desk"], "wait": "5m"}, {"tell": ["channel:spare"]}])
    story.problem()
    story.problem(resource="db-2")
    home = next(iter(story.state.incidents))
    part = story.send("oncue.command.incident.split", {"incident": home, "alerts": [alert_of(story, "db-2")]})["id"]
    assert told(story) == [("desk", "first")]
    story.wait("5m")
    assert told(story)[1:] == [("spare", "not_acknowledged")] * 2
    command(story, "acknowledge", incident=part)
    assert [one.state for one in story.state.escalations.values() if one.incident == part] == ["acknowledged"]


def test_a_part_of_what_someone_works_on_is_theirs_for_as_long(story: Story) -> None:
    goes_by(story, [{"tell": ["channel:desk"], "wait": "5m"}], acknowledge_timeout="1h")
    story.problem()
    story.problem(resource="db-2")
    command(story, "acknowledge")
    home = next(iter(story.state.incidents))
    part = story.send("oncue.command.incident.split", {"incident": home, "alerts": [alert_of(story, "db-2")]})["id"]
    assert story.state.incidents[part].state == "acknowledged"
    story.wait("1h")
    assert told(story)[1:] == [("desk", "acknowledgement_lapsed")] * 2


def test_the_snooze_of_an_incident_is_taken_back_as_a_whole(story: Story) -> None:
    story.problem()
    story.problem(resource="db-2")
    command(story, "snooze", until=(story.now + timedelta(hours=1)).isoformat())
    assert {reason.reason for alert in story.state.alerts.values() for reason in alert.quiet} == {"snoozed"}
    command(story, "unsnooze")
    assert not any(alert.quiet for alert in story.state.alerts.values())
    assert next(iter(story.state.incidents.values())).snoozed_until is None
    assert story.refused("oncue.command.incident.unsnooze", {"incident": "INC-1"}) == "incident.state"


def test_what_waits_for_a_bundle_of_a_channel_that_is_deleted_is_said_to_be_lost(story: Story) -> None:
    separate_problems(story, 7)
    gone = {"op": "delete", "kind": "Channel", "namespace": "default", "name": "desk"}
    story.send("oncue.config.applied", {"changes": [gone], "force": True})
    skipped = [one for one in story.of("notification.skipped") if "default/desk" in one["detail"]]
    assert [one["incident"] for one in skipped] == ["INC-6", "INC-7"]


def separate_problems(story: Story, count: int) -> None:
    """An incident each, of services of their own, INC-1 and so on."""
    for number in range(count):
        story.apply("Service", f"s{number}", {"owner": "team:basis", "resources": [f"solo-{number}"]})
        story.problem(resource=f"solo-{number}")


def alert_of(story: Story, resource: str) -> str:
    return next(id for id, alert in story.state.alerts.items() if alert.resource == resource)


def delivered(story: Story) -> None:
    """All that is leaving arrives."""
    for id in sorted(story.state.effects):
        story.result(effect=id)


def test_an_incident_of_which_nobody_could_be_told_is_told_when_somebody_can() -> None:
    story = Story()
    story.apply("Team", "basis", {"channels": []})
    story.apply("Service", "shop", {"owner": "team:basis", "resources": ["db-*"]})
    story.problem()
    story.problem(resource="elsewhere")
    assert told(story) == []
    story.apply("Channel", "desk", {"type": "email", "with": {"to": ["d@example.com"]}})
    assert told(story) == []
    story.apply("EscalationPolicy", "rota", {"levels": [{"tell": ["channel:desk"], "wait": "5m"}]})
    story.apply("Team", "basis", {"escalation": "rota"})
    assert told(story) == [("desk", "first")]
    assert states(story) == [("default/rota", "running")]
    story.apply("Team", "basis", {"escalation": "rota", "channels": ["desk"]})
    assert told(story) == [("desk", "first")]


def test_what_is_quiet_or_taken_on_is_not_called_for_when_somebody_can_be_told() -> None:
    story = Story()
    story.apply("Team", "basis", {"channels": []})
    story.apply("Service", "shop", {"owner": "team:basis", "resources": ["db-*"]})
    story.problem()
    silence(story, "db-1")
    story.problem(resource="db-2", service="mail")
    story.send("oncue.command.incident.acknowledge", {"incident": "INC-2"})
    story.apply("Service", "mail", {"owner": "team:basis"})
    story.apply("Channel", "desk", {"type": "email", "with": {"to": ["d@example.com"]}})
    story.apply("Team", "basis", {"channels": ["desk"]})
    assert told(story) == []
