"""Escalation: who is told of an incident, level by level, until someone acknowledges it; and nobody else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from oncue.core import event as events
from oncue.core.engine import Engine
from oncue.core.state import Identity, State
from tests.unit.story import START, Story

LEVELS: list[dict[str, Any]] = [
    {"tell": ["channel:desk"], "wait": "5m"},
    {"tell": ["user:basis-1"], "wait": "10m"},
    {"tell": ["team:managers"], "wait": "15m"},
]


def landscape(story: Story, **policy: Any) -> None:
    """A service `shop` owned by the team `basis`, whose escalation policy is `rota`."""
    for name in ("desk", "mail", "push", "sms", "call", "boss", "spare"):
        story.apply("Channel", name, {"type": "email", "with": {"to": [f"{name}@example.com"]}})
    story.apply("Person", "basis-1", {"default": [{"channel": "mail"}], "important": [{"channel": "push"}]})
    story.apply("Team", "managers", {"channels": ["boss"]})
    story.apply("EscalationPolicy", "rota", {"levels": LEVELS, **policy})
    story.apply("Team", "basis", {"channels": ["mail"], "escalation": "rota"})
    story.apply("Service", "shop", {"owner": "team:basis", "criticality": "high", "resources": ["db-*"]})


def story_with(**policy: Any) -> Story:
    story = Story()
    landscape(story, **policy)
    return story


def told(story: Story, since: int = 0) -> list[tuple[str, str]]:
    """(channel, reason) of every notification asked for, in order; what was called off is left out."""
    off = {effect["id"] for effect in story.of("effect.cancelled")}
    asked = [effect for effect in story.of("effect.requested") if effect["kind"] == "notify"]
    return [
        (one["payload"]["channel"].partition("/")[2], one["payload"]["reason"])
        for one in asked[since:]
        if one["id"] not in off
    ]


def delivered(story: Story) -> None:
    """All that is due is delivered."""
    for id, effect in list(story.state.effects.items()):
        if effect.kind == "notify" and effect.not_before_at <= story.now:
            story.result(effect=id)


def undelivered(story: Story, channel: str) -> None:
    """A try to tell the channel fails."""
    for id, effect in list(story.state.effects.items()):
        if effect.payload["channel"] == f"default/{channel}":
            story.result("failed", effect=id, error_code="smtp.unavailable", transient=True)


def incident(story: Story) -> dict[str, Any]:
    return story.of("incident.opened")[-1]


def command(story: Story, what: str, **data: Any) -> Any:
    return story.send(
        f"oncue.command.incident.{what}", {"incident": incident(story)["id"], **data}, actor="user:basis-1"
    )


def test_one_level_after_the_other_is_told_while_nobody_acknowledges() -> None:
    story = story_with()
    story.problem("critical")
    seen = [told(story)]
    for wait in ("4m59s", "1s", "9m59s", "1s", "2h"):
        story.wait(wait)
        seen.append(told(story))
    first, second, third = ("desk", "first"), ("push", "not_acknowledged"), ("boss", "not_acknowledged")
    assert seen == [[first], [first], [first, second], [first, second], [first, second, third], [first, second, third]]
    assert [one["incident"] for one in story.of("escalation.exhausted")] == [incident(story)["id"]]


def test_whoever_acknowledges_stops_it() -> None:
    story = story_with()
    story.problem("critical")
    story.wait("5m")
    command(story, "acknowledge")
    before = told(story)
    story.wait("2d")
    assert told(story) == before


def test_the_end_is_told_to_those_who_were_told_and_to_no_one_else() -> None:
    story = story_with()
    story.problem("critical")
    story.wait("5m")
    before = len(told(story))
    story.clear()
    assert told(story, before) == [("desk", "resolved"), ("push", "resolved")]
    story.wait("1d")
    assert len(told(story)) == before + 2
    assert not story.state.escalations
    assert story.of("escalation.ended")[-1]["ended_by"] == "resolved"


def test_it_begins_again_as_often_as_the_policy_says() -> None:
    story = story_with(levels=LEVELS[:1], repeat=2)
    story.problem("critical")
    for _ in range(5):
        story.wait("5m")
    assert told(story) == [("desk", "first"), ("desk", "not_acknowledged"), ("desk", "not_acknowledged")]
    assert len(story.of("escalation.exhausted")) == 1


def test_an_acknowledged_incident_that_goes_on_for_too_long_calls_people_again() -> None:
    story = story_with(acknowledge_timeout="30m")
    story.problem("critical")
    command(story, "acknowledge")
    story.wait("29m59s")
    assert told(story) == [("desk", "first")]
    story.wait("1s")
    assert told(story) == [("desk", "first"), ("desk", "acknowledgement_lapsed")]
    assert story.state.incidents[incident(story)["id"]].state == "open"
    story.wait("5m")
    assert told(story)[-1] == ("push", "not_acknowledged")


def test_who_takes_an_acknowledgement_back_has_people_called_again() -> None:
    story = story_with()
    story.problem("critical")
    command(story, "acknowledge")
    command(story, "unacknowledge")
    assert told(story) == [("desk", "first"), ("desk", "called")]


BRANCHES = [
    {"priorities": ["P1"], "levels": [{"tell": ["channel:call"]}]},
    {"during": "daily 08:00-18:00", "levels": [{"tell": ["channel:spare"]}]},
]


@pytest.mark.parametrize(
    ("severity", "hour", "channel"),
    [("critical", 3, "call"), ("critical", 12, "call"), ("warning", 3, "desk"), ("warning", 12, "spare")],
)
def test_the_first_branch_that_fits_priority_and_hour_is_taken(severity: str, hour: int, channel: str) -> None:
    story = story_with(branches=BRANCHES)
    story.now = START.replace(hour=hour)
    story.problem(severity)
    assert told(story) == [(channel, "first")]


def test_a_higher_priority_has_the_levels_of_its_branch() -> None:
    story = story_with(branches=BRANCHES)
    story.problem("warning")
    story.problem("critical")
    assert told(story) == [("desk", "first"), ("call", "escalated"), ("desk", "escalated")]


def test_a_changed_policy_is_for_what_begins_afterwards() -> None:
    story = story_with()
    story.problem("critical")
    story.apply("EscalationPolicy", "rota", {"levels": [{"tell": ["channel:spare"]}]})
    story.wait("5m")
    assert told(story) == [("desk", "first"), ("push", "not_acknowledged")]
    story.problem("critical", resource="web-1", service="other")
    story.apply("Service", "other", {"owner": "team:basis"})
    story.problem("critical", resource="web-2", service="other")
    assert told(story)[-1] == ("spare", "first")


def test_another_policy_goes_on_where_one_has_told_everybody() -> None:
    story = story_with()
    story.apply("EscalationPolicy", "last", {"levels": [{"tell": ["channel:boss"]}]})
    story.apply("EscalationPolicy", "rota", {"levels": LEVELS[:1], "then": "last"})
    story.problem("critical")
    story.wait("5m")
    story.wait("5m")
    assert told(story) == [("desk", "first"), ("boss", "not_acknowledged")]


def test_policies_that_lead_to_each_other_are_refused() -> None:
    story = story_with()
    story.apply("EscalationPolicy", "last", {"levels": LEVELS[:1], "then": "rota"})
    change = {"op": "apply", "kind": "EscalationPolicy", "namespace": "default", "name": "rota",
              "spec": {"levels": LEVELS, "then": "last"}}  # fmt: skip
    assert story.refused("oncue.config.applied", {"changes": [change]}) == "escalation.cyclic"


def test_a_policy_names_whom_its_alerts_call() -> None:
    story = story_with()
    story.apply("EscalationPolicy", "dba", {"levels": [{"tell": ["channel:spare"]}]})
    story.apply("Policy", "databases", {"match": {"types": ["disk.*"]}, "alert": {}, "notify": {"escalation": "dba"}})
    story.problem("critical")
    assert told(story) == [("spare", "first")]


def test_a_service_may_have_an_escalation_policy_of_its_own() -> None:
    story = story_with()
    story.apply("EscalationPolicy", "shop", {"levels": [{"tell": ["channel:call"]}]})
    story.apply("Service", "shop", {"owner": "team:basis", "resources": ["db-*"], "escalation": "shop"})
    story.problem("critical")
    assert told(story) == [("call", "first")]


# quiet


def test_while_all_is_quiet_nobody_more_is_told_and_it_goes_on_when_something_is_heard() -> None:
    story = story_with()
    story.problem("critical")
    silence = {
        "matchers": [{"name": "resource", "value": "db-1"}], "starts_at": story.now, "comment": "", "created_by": "x",
        "ends_at": story.now + timedelta(hours=2),
    }  # fmt: skip
    story.send("oncue.command.silence.set", silence)
    story.wait("1h")
    assert told(story) == [("desk", "first")]
    story.wait("1h")
    assert told(story) == [("desk", "first"), ("desk", "audible")]
    story.wait("5m")
    assert told(story)[-1] == ("push", "not_acknowledged")


def test_a_snoozed_incident_is_told_of_once_when_the_snooze_is_over() -> None:
    story = story_with()
    story.problem("critical")
    story.problem("critical", type="cpu.load")
    command(story, "snooze", until=story.now + timedelta(hours=1), reason="on the train", remind_before_s=0)
    story.wait("59m")
    assert told(story) == [("desk", "first")]
    story.wait("1m")
    assert told(story) == [("desk", "first"), ("desk", "snooze_over")]


# people


def test_important_incidents_reach_a_person_by_other_ways_and_one_after_the_other() -> None:
    story = story_with()
    ladder = [{"channel": "push"}, {"channel": "sms", "after": "2m"}, {"channel": "call", "after": "4m"}]
    story.apply("Person", "basis-1", {"default": [{"channel": "mail"}], "important": ladder})
    story.apply("EscalationPolicy", "rota", {"levels": [{"tell": ["user:basis-1"], "wait": "30m"}]})
    story.problem("critical")
    due = [(e.payload["channel"], (e.not_before_at - story.now).total_seconds()) for e in story.state.effects.values()]
    assert due == [("default/push", 0), ("default/sms", 120), ("default/call", 240)]
    story.wait("2m")
    delivered(story)
    assert story.state.incidents[incident(story)["id"]].told == ("default/push", "default/sms")
    command(story, "acknowledge")
    assert [effect["payload"]["channel"] for effect in story.of("effect.cancelled")] == ["default/call"]
    story.problem("minor", resource="web-9", service="other")


def test_what_can_wait_waits_for_the_end_of_quiet_hours() -> None:
    story = story_with(levels=[{"tell": ["user:basis-1"]}, {"tell": ["channel:boss"]}])
    night = {"default": [{"channel": "mail"}], "quiet_hours": "daily 22:00-07:00 Europe/Berlin"}
    story.apply("Person", "basis-1", night)
    story.problem("warning")
    (effect,) = story.state.effects.values()
    assert effect.not_before_at == datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
    (waiting,) = story.state.escalations.values()
    assert waiting.next_at == datetime(2026, 3, 1, 6, 5, tzinfo=UTC)
    story.clear()
    assert told(story) == [], "it was over before anyone heard of it"


def test_a_team_without_channels_is_told_by_telling_its_members() -> None:
    story = story_with()
    story.apply("Team", "night", {"members": ["basis-1"]})
    story.apply("EscalationPolicy", "rota", {"levels": [{"tell": ["team:night"]}]})
    story.problem("critical")
    assert told(story) == [("push", "first")]


# channels


def test_a_channel_that_cannot_be_reached_is_replaced_by_its_next_one() -> None:
    story = story_with()
    story.apply("Channel", "desk", {"type": "email", "with": {"to": ["x@example.com"]}, "failover": ["spare", "boss"]})
    story.problem("critical")
    undelivered(story, "desk")
    assert told(story) == [("desk", "first")]
    undelivered(story, "desk")
    assert told(story)[:2] == [("desk", "first"), ("spare", "first")]
    undelivered(story, "spare")
    undelivered(story, "spare")
    assert ("boss", "first") in told(story)
    assert len([one for one in told(story) if one[0] == "spare"]) == 1


def test_where_no_channel_of_a_level_is_reached_the_next_one_is_told_at_once() -> None:
    story = story_with()
    story.problem("critical")
    undelivered(story, "desk")
    undelivered(story, "desk")
    assert ("push", "unreachable") in told(story)
    (one,) = story.state.escalations.values()
    assert one.level == 2


def test_a_channel_that_is_reached_keeps_the_level_though_another_is_not() -> None:
    story = story_with(levels=[{"tell": ["channel:desk", "channel:mail"]}, {"tell": ["channel:boss"]}])
    story.problem("critical")
    undelivered(story, "desk")
    undelivered(story, "desk")
    assert told(story)[:2] == [("desk", "first"), ("mail", "first")]
    assert ("boss", "unreachable") not in told(story), "the mail may still arrive"
    story.wait("1s")
    for id, effect in list(story.state.effects.items()):
        if effect.payload["channel"] == "default/mail":
            story.result(effect=id)
    assert ("boss", "unreachable") not in told(story)


def test_there_is_an_alert_about_a_channel_until_it_can_be_reached() -> None:
    story = story_with()
    story.problem("critical")
    undelivered(story, "desk")
    assert not [alert for alert in story.of("alert.fired") if alert["resource"] == "channel/default/desk"]
    undelivered(story, "desk")
    (alert,) = [alert for alert in story.of("alert.fired") if alert["resource"] == "channel/default/desk"]
    assert alert["title"] == "The channel default/desk cannot be reached"
    undelivered(story, "desk")
    for id, effect in list(story.state.effects.items()):
        if effect.payload["channel"] == "default/desk":
            story.result(effect=id)
    assert [alert["id"] for alert in story.of("alert.resolved")] == [alert["id"]]


# by hand, merged, missed


def test_who_escalates_has_the_next_level_told_at_once() -> None:
    story = story_with()
    story.problem("critical")
    command(story, "escalate")
    assert told(story) == [("desk", "first"), ("push", "called")]
    story.wait("10m")
    assert told(story)[-1] == ("boss", "not_acknowledged")


def test_who_works_on_it_may_call_more_people_and_it_stays_acknowledged() -> None:
    story = story_with()
    story.problem("critical")
    command(story, "acknowledge")
    command(story, "escalate")
    command(story, "escalate", to="channel:spare")
    assert told(story) == [("desk", "first"), ("push", "called"), ("spare", "called")]
    story.wait("1d")
    assert len(told(story)) == 3
    id = incident(story)["id"]
    assert story.refused("oncue.command.incident.escalate", {"incident": id, "to": "user:nobody"}) == (
        "escalation.no_addressee"
    )


def test_merged_incidents_call_people_once() -> None:
    story = story_with()
    story.problem("critical")
    story.problem("critical", resource="web-1", service="other")
    story.apply("Service", "other", {"owner": "team:basis"})
    story.problem("critical", resource="mq-1", service="third")
    story.apply("Service", "third", {"owner": "team:basis"})
    story.clear(resource="mq-1")
    story.problem("critical", resource="mq-2", service="third")
    first, *others = [one["id"] for one in story.of("incident.opened")]
    story.send("oncue.command.incident.acknowledge", {"incident": others[0]})
    story.send("oncue.command.incident.merge", {"incident": first, "incidents": others[-1:]})
    before = len(told(story))
    story.wait("5m")
    assert told(story, before) == [("push", "not_acknowledged")]


TARGETS = {"targets": {"P2": {"respond": "3m", "resolve": "1h"}}, "missed": ["channel:boss"]}


def test_missed_targets_are_told_even_of_an_incident_that_someone_works_on() -> None:
    story = story_with(**TARGETS)
    story.problem("major")
    assert incident(story)["priority"] == "P2"
    story.wait("3m")
    assert told(story) == [("desk", "first"), ("boss", "target_missed")]
    command(story, "acknowledge")
    story.wait("56m59s")
    assert len(told(story)) == 2
    story.wait("1s")
    assert told(story)[2:] == [("boss", "target_missed")]
    assert story.state.incidents[incident(story)["id"]].missed == ("respond", "resolve")


def test_who_acknowledges_in_time_misses_nothing() -> None:
    story = story_with(**TARGETS)
    story.problem("major")
    story.wait("2m59s")
    command(story, "acknowledge")
    story.wait("10m")
    assert told(story) == [("desk", "first")]


def test_the_targets_of_the_service_come_first_and_go_by_the_priority() -> None:
    story = story_with(**TARGETS)
    fast = {"P1": {"respond": "1m"}, "P3": {"respond": "1h"}}
    story.apply(
        "Service", "shop", {"owner": "team:basis", "criticality": "high", "resources": ["db-*"], "targets": fast}
    )
    story.problem("warning")
    assert incident(story)["respond_by"] is None or incident(story)["priority"] == "P3"
    story.problem("critical")
    story.wait("1m")
    assert ("boss", "target_missed") in told(story)


# floods


def test_what_a_channel_is_told_beyond_a_few_within_a_minute_comes_together() -> None:
    story = story_with()
    for number in range(20):
        story.problem("critical", resource=f"db-{number}", service=f"s-{number}")
        story.apply("Service", f"t-{number}", {"owner": "team:basis"})
        story.problem("critical", resource=f"web-{number}", service=f"t-{number}")
    asked = [one for one in story.of("effect.requested") if one["payload"]["channel"] == "default/desk"]
    assert len(asked) == 5
    story.wait("1m")
    (bundle,) = [one for one in story.of("effect.requested") if one["payload"]["reason"] == "bundle"]
    assert bundle["payload"]["message"]["title"].startswith("15 more incidents within a minute")
    assert len(bundle["incidents"]) == 15
    assert len(bundle["payload"]["message"]["details"]) == 15


def test_what_matters_more_is_told_at_once_however_much_was_told_before() -> None:
    story = story_with()
    for number in range(8):
        story.apply("Service", f"t-{number}", {"owner": "team:basis", "criticality": "low"})
        story.problem("warning", resource=f"web-{number}", service=f"t-{number}")
    assert len(told(story)) == 5
    story.problem("critical")
    assert told(story)[-1] == ("desk", "first")


# restarts


def test_wherever_it_restarts_each_level_is_told_once_and_nobody_is_forgotten() -> None:
    whole = story_with(acknowledge_timeout="30m", repeat=1)
    _live_through(whole, restart=False)
    broken = story_with(acknowledge_timeout="30m", repeat=1)
    _live_through(broken, restart=True)
    assert told(broken) == told(whole)
    assert len(told(whole)) >= 8
    assert broken.state.dump() == whole.state.dump()


def _live_through(story: Story, *, restart: bool) -> None:
    steps: list[Any] = [
        lambda: story.problem("critical"),
        *[lambda: story.wait("5m")] * 8,
        lambda: delivered(story),
        lambda: command(story, "acknowledge"),
        lambda: story.wait("31m"),
        lambda: story.wait("6m"),
        lambda: story.clear("db-1"),
    ]
    for step in steps:
        step()
        if restart:
            fresh = State(Identity("story"))
            fresh.restore(story.state.dump())
            story.state, story.engine = fresh, Engine(fresh)


def test_after_a_long_absence_one_step_is_taken_and_not_all_that_were_missed() -> None:
    story = story_with()
    story.problem("critical")
    story.now += timedelta(hours=5)
    story.send("oncue.engine.started", {"engine": "x", "down_since": story.now - timedelta(hours=5)})
    assert told(story) == [("desk", "first"), ("push", "not_acknowledged")]


def test_the_message_says_which_level_it_is_and_who_comes_next() -> None:
    story = story_with()
    story.problem("critical")
    story.wait("5m")
    body = msgspec.json.decode([fact for fact in story.facts if fact.type == "oncue.effect.requested"][-1].body)
    details = dict(map(tuple, body["data"]["payload"]["message"]["details"]))
    assert details["Escalation"] == "default/rota@1: level 2 of 3"
    assert details["Unless acknowledged"] == f"team:managers at {events.said(story.now + timedelta(minutes=10))}"
    assert details["Told before"] == "default/desk"
