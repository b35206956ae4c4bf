"""What runs do inside OnCue: in their own namespace, named as who did it, and without a trace where it is refused."""

from typing import Any

import pytest

from oncue.core.alert import Alert
from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.run import Run
from oncue.core.run_acts import ACTS, OWN, act
from oncue.core.tx import Cause
from oncue.manifests.engine_actions import ENGINE_INPUTS
from oncue.sdk import registry
from tests.unit.story import Story, owned


@pytest.fixture
def story() -> Story:
    """A service whose owner can be reached, and an incident."""
    found = Story()
    owned(found)
    found.problem()
    return found


def run_of(story: Story, incident: str | None = "INC-1") -> Run:
    """A run that waits, as one that belongs to the incident and its alert does."""
    step = {"id": "look", "uses": "http.request", "with": {"url": "https://example.com/"}}
    story.apply("Workflow", "w", {"steps": [step]})
    id = story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}, "incident": incident})["id"]
    run = story.state.runs[id]
    if incident is not None:
        run.alert = next(iter(story.state.members[incident]))
    return run


def done(story: Story, uses: str, run: Run | None = None, **inputs: Any) -> Any:
    """What the step gives. Its facts are the story's newest."""
    tx = story.engine._tx
    of = run or run_of(story)
    tx.begin(story.now, Cause("e-act", "e-act", story.state.position + 1), "user:basis-1")
    result = act(tx, of, "operator", uses, inputs)
    assert tx.actor == "user:basis-1"
    story.newest = tx.derived
    story.facts += tx.derived
    tx.queue.clear()
    tx.take(story.batch)
    return result


def refused(story: Story, uses: str, run: Run | None = None, **inputs: Any) -> str:
    """The code with which it is refused. Nothing may have changed."""
    of = run or run_of(story)
    facts, position = len(story.facts), story.state.position
    with pytest.raises(Refusal) as raised:
        done(story, uses, of, **inputs)
    assert len(story.facts) == facts
    assert story.state.position == position + 1  # the input's own record
    assert story.engine._tx.derived == []
    story.state.position = position
    return raised.value.code


def incident_of(story: Story, id: str = "INC-1") -> Incident:
    return story.state.incidents[id]


def alert_of(story: Story) -> Alert:
    (alert,) = story.state.alerts.values()
    return alert


def test_manifests_and_plugins_know_the_same_acts() -> None:
    assert set(ENGINE_INPUTS) == set(registry.ENGINE_ACTIONS) == set(ACTS) - OWN


# notify.send


def test_people_are_told_by_their_channels_with_what_the_step_says(story: Story) -> None:
    given = {"to": ["team:basis"], "title": "Moved", "text": "To node 2", "severity": "info", "details": {"Node": 2}}
    run = run_of(story)
    result = done(story, "notify.send", run, **given)
    assert (result["channels"], result["missing"]) == (["default/mail"], "")
    (id,) = result["notifications"]
    effect = story.state.effects[id]
    assert (effect.kind, effect.uses, effect.payload["to"]) == ("notify", "email", "team:basis")
    assert (effect.payload["reason"], effect.payload.get("links")) == ("message", None)
    message = effect.payload["message"]
    assert (message["title"], message["summary"], message["severity"]) == ("Moved", "To node 2", "info")
    assert message["details"] == [["Node", "2"], ["Workflow", "w"], ["Incident", "INC-1"]]
    assert message["url_path"] == f"/runs/{run.id}"


def test_a_message_makes_nobody_responsible(story: Story) -> None:
    told = incident_of(story).told
    story.apply("Channel", "chat", {"type": "webhook", "with": {"url": "https://chat.example.com/"}})
    done(story, "notify.send", to=["channel:chat"], title="Moved")
    story.result(effect=next(id for id, one in story.state.effects.items() if one.uses == "webhook"))
    assert incident_of(story).told == told


def test_who_cannot_be_told_is_said_and_the_others_are_told(story: Story) -> None:
    result = done(story, "notify.send", to=["team:none", "channel:mail"], title="Moved")
    assert result["channels"] == ["default/mail"]
    assert result["missing"] == "there is no team none in default"
    assert refused(story, "notify.send", to=["team:none"], title="Moved") == "escalation.no_addressee"


def test_what_can_wait_waits_for_the_end_of_quiet_hours_and_what_cannot_does_not(story: Story) -> None:
    story.apply("Person", "basis-1", {
        "default": [{"channel": "mail"}], "quiet_hours": "daily 00:00-07:00 UTC",
    })  # fmt: skip
    later = done(story, "notify.send", to=["user:basis-1"], title="Moved")["notifications"][0]
    now = done(story, "notify.send", to=["user:basis-1"], title="Lost", important=True)["notifications"][0]
    assert story.state.effects[later].not_before_at.hour == 7
    assert story.state.effects[now].not_before_at == story.now


@pytest.mark.parametrize("wrong", [{"to": []}, {"to": ["everyone"]}, {"title": ""}, {"severity": "bad"}, {"cc": "x"}])
def test_a_message_that_does_not_fit_is_refused(story: Story, wrong: dict[str, Any]) -> None:
    given = {"to": ["team:basis"], "title": "Moved", **wrong}
    assert refused(story, "notify.send", **given) == "request.invalid"


# incidents


def test_an_incident_is_acknowledged_by_the_run_and_only_once(story: Story) -> None:
    run = run_of(story)
    assert done(story, "incident.acknowledge", run) == {"incident": "INC-1", "changed": True}
    assert (incident_of(story).state, incident_of(story).acknowledged_by) == ("acknowledged", f"run:{run.id}")
    assert incident_of(story).escalations == ()
    assert done(story, "incident.acknowledge", run)["changed"] is False
    assert story.new() == []


def test_an_incident_is_resolved_with_its_alerts(story: Story) -> None:
    run = run_of(story)
    assert done(story, "incident.resolve", run, note="Cleaned", cause="capacity")["changed"]
    incident = incident_of(story)
    assert (incident.state, alert_of(story).state) == ("resolved", "resolved")
    assert incident.resolution is not None
    assert (incident.resolution.note, incident.resolution.by) == ("Cleaned", f"run:{run.id}")
    assert done(story, "incident.resolve", run)["changed"] is False
    assert story.new() == []
    assert refused(story, "incident.acknowledge", run) == "incident.state"


def test_what_a_run_sets_of_an_incident_stands_and_says_why(story: Story) -> None:
    run = run_of(story)
    result = done(story, "incident.update", run, title="No disk", severity="critical", priority="P1", reason="Full")
    assert result == {"incident": "INC-1", "severity": "critical", "priority": "P1"}
    story.problem(severity="critical", resource="db-2")
    incident = incident_of(story)
    assert incident.title == "No disk"
    assert incident.priority_reason == f"set by run:{run.id}: Full"


def test_an_incident_that_a_run_opens_tells_the_owner_and_knows_the_run(story: Story) -> None:
    run = run_of(story, incident=None)
    result = done(story, "incident.open", run, title="Backup failed thrice", service="shop", severity="critical")
    incident = incident_of(story, result["incident"])
    assert (incident.title, incident.service, incident.runs) == ("Backup failed thrice", "shop", (run.id,))
    assert incident.held_by == f"run:{run.id}"
    assert incident.told == ("default/mail",)
    assert result["priority"] == incident.priority


def test_more_people_are_called_for_an_incident(story: Story) -> None:
    story.apply("Channel", "pager", {"type": "webhook", "with": {"url": "https://pager.example.com/"}})
    done(story, "incident.escalate", to="channel:pager")
    assert "default/pager" in incident_of(story).told
    assert refused(story, "incident.escalate", to="channel:none") == "escalation.no_addressee"


def test_a_remark_is_the_runs_and_whatever_the_expression_gave_is_text(story: Story) -> None:
    run = run_of(story)
    done(story, "incident.comment", run, text=93.0)
    remark = story.of("incident.commented")[-1]
    assert (remark["text"], remark["by"]) == ("93", f"run:{run.id}")


# alerts and silences


def test_the_runs_own_alert_is_acknowledged_and_resolved_once(story: Story) -> None:
    run = run_of(story)
    assert done(story, "alert.acknowledge", run)["changed"]
    assert alert_of(story).acknowledged_by == f"run:{run.id}"
    assert done(story, "alert.acknowledge", run)["changed"] is False
    assert done(story, "alert.resolve", run)["changed"]
    assert (alert_of(story).state, incident_of(story).state) == ("resolved", "resolved")
    assert done(story, "alert.resolve", run)["changed"] is False
    assert refused(story, "alert.acknowledge", run) == "alert.resolved"


def test_an_alert_is_quiet_for_as_long_as_the_run_says(story: Story) -> None:
    run = run_of(story)
    assert done(story, "alert.snooze", run, **{"for": "2h"}, reason="Reboot")["until"] == "2026-03-01T05:00:00Z"
    assert [(one.reason, one.by, one.detail) for one in alert_of(story).quiet] == [
        ("snoozed", f"run:{run.id}", "Reboot")
    ]
    done(story, "alert.unsnooze", run)
    assert alert_of(story).quiet == ()
    assert refused(story, "alert.snooze", run, **{"for": "400d"}) == "silence.too_long"


def test_a_silence_holds_until_the_run_ends_it_or_its_time_is_up(story: Story) -> None:
    run = run_of(story)
    matchers = [{"name": "resource", "value": "db-1"}]
    id = done(story, "silence.set", run, matchers=matchers, **{"for": "30m"}, comment="Reboot")["silence"]
    assert story.state.silences[id].created_by == f"run:{run.id}"
    assert [one.reason for one in alert_of(story).quiet] == ["silenced"]
    assert done(story, "silence.expire", run, silence=id)["changed"]
    assert alert_of(story).quiet == ()
    assert done(story, "silence.expire", run, silence=id)["changed"] is False
    done(story, "silence.set", run, matchers=matchers, **{"for": "30m"})
    story.wait("31m")
    assert alert_of(story).quiet == ()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"matchers": [{"name": "resource", "value": ""}], "for": "1h"}, "silence.invalid"),
        ({"matchers": [{"name": "resource", "value": "db-1"}], "for": "900d"}, "silence.too_long"),
        ({"matchers": [], "for": "1h"}, "request.invalid"),
        ({"matchers": [{"name": "resource", "value": "db-1"}], "for": "soon"}, "request.invalid"),
    ],
)
def test_a_silence_of_all_or_for_ever_is_refused(story: Story, given: dict[str, Any], code: str) -> None:
    assert refused(story, "silence.set", **given) == code


# tickets


def test_a_ticket_is_written_read_remarked_on_and_moved(story: Story) -> None:
    run = run_of(story)
    id = done(story, "ticket.create", run, type="problem", description="Why?")["ticket"]
    assert id in incident_of(story).tickets
    found = done(story, "ticket.get", run, ticket=id)
    assert (found["state"], found["title"], found["incident"]) == ("new", incident_of(story).title, "INC-1")
    assert story.new() == []
    done(story, "ticket.comment", run, ticket=id, text="Look at the log")
    assert story.of("ticket.commented")[-1]["by"] == f"run:{run.id}"
    assert done(story, "ticket.transition", run, ticket=id, state="resolved") == {"ticket": id, "state": "resolved"}


def test_a_transition_that_cannot_be_leaves_no_remark_behind(story: Story) -> None:
    run = run_of(story)
    id = done(story, "ticket.create", run)["ticket"]
    done(story, "ticket.transition", run, ticket=id, state="resolved")
    assert refused(story, "ticket.transition", run, ticket=id, state="new", comment="Again") == "ticket.state"
    assert story.of("ticket.commented") == []


# what holds for all


@pytest.mark.parametrize(
    ("uses", "inputs", "code"),
    [
        ("alert.acknowledge", {}, "alert.not_found"),
        ("alert.enrich", {"note": "n"}, "alert.not_found"),
        ("alert.resolve", {}, "alert.not_found"),
        ("alert.snooze", {"for": "1h"}, "alert.not_found"),
        ("alert.unsnooze", {}, "alert.not_found"),
        ("incident.acknowledge", {}, "incident.not_found"),
        ("incident.comment", {"text": "t"}, "incident.not_found"),
        ("incident.escalate", {}, "incident.not_found"),
        ("incident.resolve", {}, "incident.not_found"),
        ("incident.update", {"title": "t"}, "incident.not_found"),
        ("ticket.comment", {"ticket": "TCK-1", "text": "t"}, "ticket.not_found"),
        ("ticket.create", {"incident": "INC-1"}, "incident.not_found"),
        ("ticket.get", {"ticket": "TCK-1"}, "ticket.not_found"),
        ("ticket.transition", {"ticket": "TCK-1", "state": "closed"}, "ticket.not_found"),
        ("notify.send", {"to": ["team:basis"], "title": "t"}, "escalation.no_addressee"),
    ],
)
def test_what_is_another_namespaces_is_not_there(story: Story, uses: str, inputs: dict[str, Any], code: str) -> None:
    run = run_of(story)
    done(story, "ticket.create", run)
    run.namespace = "other"
    assert refused(story, uses, run, **inputs) == code
    bare = run_of(story, incident=None)
    bare.namespace = "other"
    assert refused(story, uses, bare, **inputs) == code


def test_a_silence_of_another_namespace_is_left_alone(story: Story) -> None:
    run = run_of(story)
    id = done(story, "silence.set", run, matchers=[{"name": "resource", "value": "db-1"}], **{"for": "1h"})["silence"]
    run.namespace = "other"
    assert done(story, "silence.expire", run, silence=id)["changed"] is False
    assert story.state.silences[id].state == "active"


def test_an_event_is_emitted_into_the_runs_namespace_and_never_as_one_of_oncues_own(story: Story) -> None:
    result = done(story, "event.emit", type="shop.moved", title=7, labels={"b": 2, "a": True}, data={"to": "node-2"})
    (fact,) = story.newest
    assert (fact.type, fact.namespace, fact.event_id) == ("shop.moved", "default", result["event"])
    assert b'"labels":"{\\"a\\":\\"true\\",\\"b\\":\\"2\\"}"' in fact.body
    assert refused(story, "event.emit", type="oncue.alert.fired") == "event.type_reserved"
