"""What the engine decides: given, when, then."""

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from oncue.core import deduplicate, incidents
from oncue.core.normalise import Outlines
from oncue.core.timer import VOID_LIMIT, Timer, Timers
from tests.unit.story import START, Story, owned


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_problem_fires_an_alert_and_opens_an_incident(story: Story) -> None:
    story.problem()
    assert story.new() == ["alert.fired", "incident.opened", "incident.alert_added", "notification.skipped"]
    assert story.of("notification.skipped")[0]["reason"] == "no_addressee"


def test_ids_sort_as_what_they_name_began(story: Story) -> None:
    """They are keys of tables: what is written together lies together."""
    for number in range(400):
        story.problem(resource=f"host-{number}")
    assert story.state.position > 32 * 32, "their positions have up to three digits"
    began = list(story.state.alerts)
    assert began == sorted(began)
    assert len({len(id) for id in began}) == 1
    assert len({id[8:] for id in began}) == len(began), "they are not their positions alone"


def test_the_owner_of_the_service_is_told_once(story: Story) -> None:
    owned(story)
    story.problem(resource="db-1")
    story.problem(resource="db-2")
    assert story.types().count("effect.requested") == 1
    message = story.of("effect.requested")[0]["payload"]
    assert message["channel"] == "default/mail"
    assert message["reason"] == "first"
    assert message["message"]["incident"] == "INC-1"
    assert story.state.incidents["INC-1"].alerts_firing == 2


def test_policies_that_make_an_alert_of_mere_information_have_one_alert_and_tell_all_whom_they_name(
    story: Story,
) -> None:
    for name in ("one", "two"):
        story.apply("Channel", name, {"type": "email", "with": {"to": [f"{name}@example.com"]}})
        story.apply("Policy", f"tell-{name}", {"match": {"types": ["disk.full"]}, "notify": {"channel": name}})
    story.apply("Policy", "raise", {"match": {"types": ["disk.full"]}, "alert": {"severity": "warning"}})
    story.problem("info")
    (alert,) = story.state.alerts.values()
    assert (alert.severity, alert.policies) == (
        "warning", ("default/raise@1", "default/tell-one@1", "default/tell-two@1"),
    )  # fmt: skip
    told = [(effect["payload"]["channel"], effect["payload"]["reason"]) for effect in story.of("effect.requested")]
    assert told == [("default/one", "first"), ("default/two", "first")]


def test_a_repeat_makes_no_fact_but_at_powers_of_two(story: Story) -> None:
    story.problem()
    before = len(story.facts)
    for _ in range(9):
        story.problem()
    assert story.types(before) == ["alert.updated"] * 3
    (alert,) = story.state.alerts.values()
    assert alert.count == 10


def test_recovery_resolves_alert_and_incident_and_tells_those_who_were_told(story: Story) -> None:
    owned(story)
    story.problem()
    story.result()
    story.clear()
    assert story.new() == ["alert.resolved", "incident.resolved", "effect.requested"]
    assert story.of("effect.requested")[1]["payload"]["reason"] == "resolved"


def test_a_clear_without_an_alert_is_quiet(story: Story) -> None:
    story.clear()
    assert story.new() == []


def test_an_alert_that_returns_within_its_window_is_the_same_one(story: Story) -> None:
    story.problem()
    story.clear()
    story.wait("9m")
    story.problem()
    assert story.new() == ["alert.reopened", "incident.reopened", "notification.skipped"]
    assert len(story.state.alerts) == 1


def test_an_alert_that_returns_after_its_window_is_a_new_one(story: Story) -> None:
    story.problem()
    story.clear()
    story.wait("11m")
    assert not story.state.alerts
    story.problem()
    assert "alert.fired" in story.new()


def test_worse_severity_raises_alert_and_priority(story: Story) -> None:
    owned(story)
    story.problem("warning")
    assert story.state.incidents["INC-1"].priority == "P4"
    story.problem("critical")
    assert story.new() == ["alert.severity_changed", "incident.updated", "effect.requested"]
    assert story.state.incidents["INC-1"].priority == "P1"
    assert story.of("effect.requested")[-1]["payload"]["reason"] == "escalated"


def test_a_lease_that_is_not_renewed_resolves_the_alert(story: Story) -> None:
    story.problem(endsat="2026-03-01T03:05:00Z")
    story.skip("4m")
    story.problem(endsat="2026-03-01T03:09:00Z")
    story.wait("2m")
    assert story.state.alerts and story.new() == []
    story.wait("4m")
    assert story.new()[0] == "alert.resolved"
    assert story.of("alert.resolved")[0]["resolved_by"] == "deadline"


def test_a_lease_that_comes_with_a_repeat_holds_and_one_that_becomes_shorter_too(story: Story) -> None:
    story.problem()
    story.problem(endsat="2026-03-01T03:30:00Z")
    story.problem(endsat="2026-03-01T03:10:00Z")
    story.wait("9m")
    assert story.state.alerts and next(iter(story.state.alerts.values())).state == "firing"
    story.wait("2m")
    assert next(iter(story.state.alerts.values())).resolved_by == "deadline"


def test_an_alert_whose_text_does_not_evaluate_is_raised_without_it_and_the_policy_has_failed(story: Story) -> None:
    shape = {"title": "${ event.data.nope.x }", "labels": {"a": "${ event.data.nope.x }", "b": "kept"}}
    story.apply("Policy", "p", {"match": {"types": ["disk.full"]}, "alert": shape})
    story.problem(data={"summary": "The disk is full"})
    (alert,) = story.state.alerts.values()
    assert (alert.title, alert.labels) == ("The disk is full", {"b": "kept"})
    (failed,) = story.of("policy.failed")
    assert (failed["reason"], failed["alert"]) == ("shape_failed", alert.id)
    assert "event.data.nope.x" in failed["detail"]


def test_a_held_alert_whose_text_does_not_evaluate_is_raised_when_its_time_comes(story: Story) -> None:
    shape = {"title": "${ event.data.nope.x }"}
    story.apply("Policy", "p", {"match": {"types": ["disk.full"]}, "condition": {"for": "1m"}, "alert": shape})
    story.problem()
    assert not story.state.alerts
    story.wait("61s")
    assert "alert.fired" in story.new() and "policy.failed" in story.new()


def test_a_timer_that_cannot_be_handled_is_named_and_stops_nothing(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.problem(endsat="2026-03-01T03:05:00Z")
    before = story.state.dump()

    def broken(*_: Any) -> bool:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(deduplicate, "deadline", broken)
        story.wait("6m")
    assert story.new() == ["timer.failed"]
    (failed,) = story.of("timer.failed")
    assert failed["id"].startswith("alert.deadline/") and failed["reason"] == "ZeroDivisionError: a defect"
    assert story.state.dump() != before
    story.problem(resource="db-2")
    assert len(story.state.alerts) == 2
    story.wait("1m")
    assert story.new() == []


def test_what_a_timer_did_before_it_failed_is_undone(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.problem(endsat="2026-03-01T03:05:00Z")
    (alert,) = story.state.alerts.values()
    entities, position = msgspec.json.encode(story.state.alerts), story.state.position

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(incidents, "left", broken)
        story.wait("6m")
    assert story.new() == ["timer.failed"]
    assert msgspec.json.encode(story.state.alerts) == entities
    assert story.state.position == position + 2
    assert alert.state == "firing"


def test_downtime_extends_leases(story: Story) -> None:
    story.problem(endsat="2026-03-01T03:05:00Z")
    story.skip("10m")
    story.send("oncue.engine.started", {"engine": "t", "down_since": "2026-03-01T03:00:00Z"})
    assert "alert.resolved" not in story.types()
    story.wait("6m")
    assert "alert.resolved" in story.types()


def test_a_silence_makes_quiet_and_its_end_makes_heard(story: Story) -> None:
    owned(story)
    silence = story.send(
        "oncue.command.silence.set",
        {
            "matchers": [{"name": "resource", "value": "db-.*", "is_regex": True}],
            "starts_at": "2026-03-01T03:00:00Z",
            "ends_at": "2026-03-01T04:00:00Z",
            "comment": "patching",
        },
    )
    story.problem()
    assert story.new() == ["alert.fired", "alert.quieted"]
    story.wait("1h")
    assert story.new() == [
        "silence.expired", "alert.audible", "incident.opened", "incident.alert_added", "effect.requested",
    ]  # fmt: skip
    assert silence["id"] not in story.state.silences


@pytest.mark.parametrize(
    "matchers",
    [
        [],
        [{"name": "x", "value": ""}],
        [{"name": "x", "value": "(", "is_regex": True}],
        [{"name": "", "value": "a"}],
    ],
)
def test_silences_that_cannot_be_meant_are_refused(story: Story, matchers: list[dict[str, object]]) -> None:
    asked = {"matchers": matchers, "starts_at": "2026-03-01T03:00:00Z", "ends_at": "2026-03-01T04:00:00Z"}
    assert story.refused("oncue.command.silence.set", asked) == "silence.invalid"


def test_a_silence_that_ends_beyond_the_calendar_is_refused(story: Story) -> None:
    asked = {"matchers": [{"name": "x", "value": "y"}], "starts_at": "2026-03-01T03:00:00Z"}
    never = "9999-12-31T23:59:59"
    assert story.refused("oncue.command.silence.set", {**asked, "ends_at": f"{never}-10:00"}) == "silence.invalid"
    story.send("oncue.command.silence.set", {**asked, "ends_at": f"{never}Z"})


def test_a_timer_is_at_an_instant_that_a_row_can_hold(story: Story) -> None:
    story.engine._tx.timer("x/1", datetime.fromisoformat("2026-03-01T05:00:00+02:00"))
    assert story.state.timers.by_key["x/1"].due_at.isoformat() == "2026-03-01T03:00:00+00:00"
    with pytest.raises(OverflowError):
        story.engine._tx.timer("x/2", datetime.fromisoformat("9999-12-31T23:59:59-10:00"))


def test_a_policy_shapes_the_same_alert(story: Story) -> None:
    story.apply(
        "Policy",
        "p",
        {
            "match": {"types": ["disk.*"], "where": "event.data.value > 90"},
            "alert": {"severity": "critical", "title": "Disk ${event.data.value} % on ${event.resource}"},
        },
    )
    story.problem("warning", data={"value": 95})
    (alert,) = story.state.alerts.values()
    assert (alert.severity, alert.title) == ("critical", "Disk 95 % on db-1")
    assert alert.policies == ("default/p@1",)


def test_a_near_miss_says_what_was_missing(story: Story) -> None:
    story.apply("Policy", "p", {"match": {"types": ["disk.*"], "where": "event.data.nosuch > 90"}})
    story.problem(data={"value": 95})
    (miss,) = story.state.cells["policy_stats"]["default/p"].near_misses
    assert miss.reason == "where_failed"
    assert "'nosuch'; guard it with has()" in miss.detail


THRESHOLD = {
    "match": {"types": ["cpu.used"]},
    "condition": {"value": "event.data.value", "fire_above": 90, "clear_below": 80},
    "alert": {"severity": "major", "title": "CPU ${value} % (limit ${limit})"},
}


def test_a_threshold_fires_once_and_clears_below_its_hysteresis(story: Story) -> None:
    story.apply("Policy", "cpu", THRESHOLD)
    for value in (50, 95, 97, 85):
        story.sample("cpu.used", value)
    (alert,) = story.state.alerts.values()
    assert alert.state == "firing" and alert.title == "CPU 95 % (limit 90)"
    assert alert.crossing is not None and alert.crossing.value == 95
    story.sample("cpu.used", 79)
    assert alert.state == "resolved" and alert.resolved_by == "condition"
    assert story.types().count("policy.fired") == 1


def test_a_threshold_with_for_waits_and_forgets(story: Story) -> None:
    story.apply("Policy", "cpu", {**THRESHOLD, "condition": {**THRESHOLD["condition"], "for": "2m"}})  # type: ignore[dict-item]
    story.sample("cpu.used", 95)
    story.wait("1m")
    story.sample("cpu.used", 70)
    story.wait("5m")
    assert not story.state.alerts
    story.sample("cpu.used", 95)
    story.wait("2m")
    assert len(story.state.alerts) == 1


def test_a_lasting_condition_holds_the_alert_back(story: Story) -> None:
    spec = {"match": {"types": ["disk.full"]}, "condition": {"for": "5m"}, "alert": {"severity": "critical"}}
    story.apply("Policy", "held", spec)
    story.problem()
    assert not story.state.alerts
    assert story.of("policy.blocked")[0]["reason"] == "window_not_met"
    story.skip("1m")
    story.problem()
    assert story.new() == []
    story.wait("3m")
    story.clear()
    story.wait("5m")
    assert not story.state.alerts
    story.problem()
    story.wait("5m")
    (alert,) = story.state.alerts.values()
    assert alert.severity == "critical"


def test_count_within_fires_at_the_nth_and_rearms_when_the_window_empties(story: Story) -> None:
    spec = {
        "match": {"types": ["login.failed"]},
        "condition": {"count": 3, "within": "1m", "by": ["event.labels.user"]},
        "alert": {"severity": "major", "title": "Failed logins of ${event.labels.user}"},
    }
    story.apply("Policy", "logins", spec)
    for user in ("a", "b", "a"):
        story.send("login.failed", labels=f'{{"user":"{user}"}}', resource="vpn")
    assert not story.state.alerts
    story.send("login.failed", labels='{"user":"a"}', resource="vpn")
    (alert,) = story.state.alerts.values()
    assert alert.title == "Failed logins of a"
    story.wait("2m")
    assert alert.state == "resolved"
    for _ in range(2):
        story.send("login.failed", labels='{"user":"a"}', resource="vpn")
    assert alert.state == "resolved"


def test_an_event_counts_once_however_many_policies_it_meets(story: Story) -> None:
    spec = {
        "match": {"types": ["disk.full"]},
        "condition": {"count": 3, "within": "1h", "by": ["event.resource"]},
        "respond": [{"ticket": {}}],
    }
    story.apply("Policy", "often", spec)
    for _ in range(3):
        story.problem()
    (alert,) = story.state.alerts.values()
    assert alert.count == 3 and len(story.state.tickets) == 1


def test_a_policy_has_one_ticket_for_an_incident(story: Story) -> None:
    story.apply("Service", "shop", {"resources": ["db-*"]})
    story.apply("Policy", "p", {"match": {"types": ["disk.full"]}, "respond": [{"ticket": {}}]})
    story.problem(resource="db-1")
    story.problem(resource="db-2")
    assert [ticket["id"] for ticket in story.of("ticket.created")] == ["TCK-1"]
    assert "on db-2" in story.of("ticket.commented")[0]["text"]
    assert story.of("policy.fired")[-1]["tickets"] == ["TCK-1"]
    story.send("oncue.command.ticket.transition", {"ticket": "TCK-1", "state": "resolved"})
    story.problem(resource="db-3")
    assert story.state.tickets["TCK-1"].state == "in_progress"
    story.send("oncue.command.ticket.transition", {"ticket": "TCK-1", "state": "closed"})
    story.problem(resource="db-4")
    assert [ticket["id"] for ticket in story.of("ticket.created")] == ["TCK-1", "TCK-2"]


def test_observe_decides_and_does_nothing(story: Story) -> None:
    spec = {"mode": "observe", "match": {"types": ["disk.full"]}, "respond": [{"ticket": {}}]}
    story.apply("Policy", "o", spec)
    story.problem()
    assert story.of("policy.blocked")[0]["reason"] == "observe_only"
    assert not story.state.tickets


def test_skip_when_and_cooldown_are_reasons(story: Story) -> None:
    spec = {
        "match": {"types": ["job.done"]},
        "skip_when": ["event.resource == 'lab'"],
        "respond": [{"ticket": {"title": "Job on ${event.resource}"}}],
        "limits": {"cooldown": "10m"},
    }
    story.apply("Policy", "j", spec)
    story.send("job.done", resource="lab")
    story.send("job.done", resource="a")
    story.send("job.done", resource="a")
    story.wait("10m")
    story.send("job.done", resource="a")
    assert [d["reason"] for d in story.of("policy.blocked")] == ["guard_blocked", "cooldown"]
    assert len(story.state.tickets) == 2


WORKFLOW = {
    "inputs": {"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}}},
    "steps": [
        {
            "id": "look",
            "uses": "http.request",
            "with": {"url": "https://${inputs.host}/health"},
            "outputs": {"status": "result.status"},
            "retry": {"attempts": 2, "initial": "5s"},
        },
        {"id": "skip", "if": "steps.look.outputs.status != 200", "uses": "event.emit", "with": {"type": "x.y"}},
        {"id": "note", "uses": "incident.comment", "with": {"text": "status ${steps.look.outputs.status}"}},
        {"id": "write", "uses": "ticket.create", "with": {"title": "Check of ${inputs.host}"}},
    ],
}


def test_a_policy_runs_a_workflow_to_its_end(story: Story) -> None:
    owned(story)
    story.apply("Workflow", "check", WORKFLOW)
    respond = [{"run": {"workflow": "check", "with": {"host": "${event.resource}"}}}]
    story.apply("Policy", "p", {"match": {"types": ["disk.full"]}, "respond": respond})
    story.problem()
    (run,) = story.state.runs.values()
    effect = next(effect for effect in story.state.effects.values() if effect.run == run.id)
    assert effect.payload == {"url": "https://db-1/health"} and effect.effect_class == "pure"
    story.result("failed", effect=effect.id, error_code="http.unreachable", transient=True)
    assert story.new() == ["effect.retrying", "step.retrying"]
    story.result("succeeded", effect=effect.id, result={"status": 200})
    ended = [fact["state"] for type in ("succeeded", "skipped") for fact in story.of(f"step.{type}")]
    assert sorted(ended) == ["skipped", "succeeded", "succeeded", "succeeded"]
    assert run.state == "succeeded" and run.id not in story.state.runs
    assert story.of("incident.commented")[0]["text"] == "status 200"
    assert story.of("ticket.created")[0]["incident"] == "INC-1"


def test_a_failed_step_ends_the_run_with_its_reason(story: Story) -> None:
    story.apply("Workflow", "check", WORKFLOW)
    run = story.send("oncue.command.run.start", {"workflow": "check", "inputs": {"host": "h"}}, actor="user:basis-1")
    story.result("failed", error_code="http.status", detail="503", transient=False)
    ended = story.of("run.failed")[0]
    assert ended["id"] == run["id"] and ended["reason"] == "step look failed: http.status: 503"


@pytest.mark.parametrize("inputs", [{}, {"host": 1}, {"host": "a", "other": 1}])
def test_inputs_that_do_not_fit_are_refused(story: Story, inputs: dict[str, object]) -> None:
    story.apply("Workflow", "check", WORKFLOW)
    code = story.refused("oncue.command.run.start", {"workflow": "check", "inputs": inputs})
    assert code == "workflow.inputs_invalid" and not story.state.runs


def test_what_had_begun_and_must_not_be_done_twice_is_unknown_after_a_crash(story: Story) -> None:
    step = {"id": "act", "uses": "shell.command", "with": {"argv": ["/bin/true"]}, "retry": {"attempts": 3}}
    story.apply("Workflow", "w", {"steps": [step]})
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}})
    (effect,) = story.state.effects.values()
    story.send("oncue.effect.started", {"effect": effect.id, "attempt": 1, "token": "t"})
    story.send("oncue.engine.started", {"engine": "t"})
    assert story.new() == ["effect.unknown", "step.unknown", "run.failed"]
    story.send("oncue.effect.result", {"effect": effect.id, "attempt": 1, "outcome": "succeeded"})
    assert story.new() == ["effect.late"]


def test_a_heartbeat_that_stays_away_fires_and_its_return_resolves(story: Story) -> None:
    spec = {"uses": "heartbeat", "every": "1h", "grace": "5m", "severity": "critical", "runbook": "https://wiki/backup"}
    story.apply("Monitor", "backup", spec)
    story.send("oncue.heartbeat.received", {"monitor": "default/backup"})
    story.wait("64m")
    assert not story.state.alerts
    story.wait("2m")
    (alert,) = story.state.alerts.values()
    assert alert.severity == "critical" and alert.state == "firing"
    assert alert.annotations == {"runbook": "https://wiki/backup"}
    story.send("oncue.heartbeat.received", {"monitor": "default/backup"})
    assert alert.state == "resolved"


def test_a_policy_on_own_facts_meets_them(story: Story) -> None:
    spec = {
        "match": {"types": ["oncue.incident.opened"], "where": "event.data.priority == 'P3'"},
        "respond": [{"ticket": {}}],
    }
    story.apply("Policy", "tickets", spec)
    story.problem()
    assert "ticket.created" in story.new()


def test_a_policy_that_feeds_itself_ends(story: Story) -> None:
    emit = {"steps": [{"id": "again", "uses": "event.emit", "with": {"type": "loop.event"}}]}
    story.apply("Workflow", "again", emit)
    story.apply("Policy", "loop", {"match": {"types": ["loop.event"]}, "respond": [{"run": {"workflow": "again"}}]})
    story.send("loop.event")
    assert 5 <= story.types().count("run.succeeded") <= 10


def test_an_unchanged_manifest_changes_nothing(story: Story) -> None:
    story.apply("Policy", "p", {"match": {"types": ["a.b"]}})
    before = len(story.facts)
    story.apply("Policy", "p", {"match": {"types": ["a.b"]}})
    assert len(story.facts) == before


def test_incident_commands_follow_its_states(story: Story) -> None:
    story.problem()
    story.send("oncue.command.incident.acknowledge", {"incident": "INC-1"}, actor="user:basis-1")
    assert story.state.incidents["INC-1"].acknowledged_by == "user:basis-1"
    assert story.refused("oncue.command.incident.acknowledge", {"incident": "INC-1"}) == "incident.state"
    assert story.refused("oncue.command.incident.close", {"incident": "INC-1"}) == "incident.state"
    story.send("oncue.command.incident.resolve", {"incident": "INC-1"})
    story.send("oncue.command.incident.close", {"incident": "INC-1"})
    assert story.refused("oncue.command.incident.comment", {"incident": "INC-1", "text": "x"}) == "incident.not_found"


@pytest.mark.parametrize(("shaped", "shown"), [({}, "4 of 4 are down"), ({"title": "SAP is ill"}, "SAP is ill")])
def test_an_alert_says_what_its_monitor_finds_now(story: Story, shaped: dict[str, str], shown: str) -> None:
    story.apply("Monitor", "sap", {"uses": "sap.system"})
    story.apply("Policy", "p", {"match": {"types": ["sap.fault"]}, "alert": shaped})
    for down in (1, 1, 4):
        story.problem(
            type="sap.fault", check="sap", title=f"{down} of 4 are down", origin="monitor:default/sap",
            data={"value": down, "limit": 0},
        )  # fmt: skip
    (alert,) = story.state.alerts.values()
    assert (alert.title, alert.count) == (shown, 3)
    assert alert.crossing is not None and alert.crossing.value == (1 if shaped else 4)
    assert story.state.entities["monitor"]["default/sap"].detail == "4 of 4 are down"
    assert len(story.of("incident.opened")) == 1


def test_a_monitor_is_as_bad_as_the_worst_it_finds(story: Story) -> None:
    story.apply("Monitor", "disk", {"uses": "host.disk"})

    def finds(check: str, severity: str) -> str:
        title = f"{check} is {severity}"
        story.send("host.disk.used", severity=severity, resource="db-1", check=check, title=title,
                   origin="monitor:default/disk")  # fmt: skip
        state: str = story.state.entities["monitor"]["default/disk"].state
        return state

    assert finds("root", "warning") == "warning"
    assert finds("var", "critical") == "critical"
    assert finds("root", "clear") == "critical"
    assert story.state.entities["monitor"]["default/disk"].detail == "var is critical"
    story.send("oncue.monitor.health", {"monitor": "default/disk", "state": "failing", "error_code": "timeout"})
    assert story.state.entities["monitor"]["default/disk"].state == "failing"
    story.send("oncue.monitor.health", {"monitor": "default/disk", "state": "ok"})
    assert story.state.entities["monitor"]["default/disk"].state == "critical"
    assert story.state.entities["monitor"]["default/disk"].detail == "var is critical"
    assert finds("var", "clear") == "clear"
    assert story.state.entities["monitor"]["default/disk"].detail is None


def test_resolving_an_incident_resolves_its_alerts(story: Story) -> None:
    owned(story)
    story.problem(resource="db-1")
    story.problem(resource="db-2")
    story.send("oncue.command.incident.resolve", {"incident": "INC-1"}, actor="user:basis-1")
    assert {(alert.state, alert.resolved_by) for alert in story.state.alerts.values()} == {("resolved", "user:basis-1")}
    assert story.state.incidents["INC-1"].resolved_by == "user:basis-1"
    assert story.types().count("incident.resolved") == 1
    story.problem(resource="db-1")
    assert story.new()[:2] == ["alert.reopened", "incident.reopened"]


def test_maps_from_expressions_are_in_order(story: Story) -> None:
    spec = {"match": {"types": ["job.done"]}, "respond": [{"ticket": {"title": "${event.data}"}}]}
    story.apply("Policy", "p", spec)
    story.send("job.done", {"b": 1, "a": {"d": 1, "c": 2}})
    assert story.of("ticket.created")[0]["title"] == '{"a":{"c":2,"d":1},"b":1}'


def test_a_workflow_cannot_reach_an_incident_of_another_namespace(story: Story) -> None:
    story.problem(namespace="other")
    step = {"id": "say", "uses": "incident.comment", "with": {"incident": "INC-1", "text": "x"}}
    story.apply("Workflow", "w", {"steps": [step]})
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}})
    assert "incident.commented" not in story.new()
    assert story.of("step.failed")[0]["error_code"] == "incident.not_found"


def test_a_fan_out_is_bounded_and_said(story: Story) -> None:
    steps = [{"id": f"s{n}", "uses": "event.emit", "with": {"type": "x.fan"}} for n in range(100)]
    story.apply("Workflow", "fan", {"steps": steps})
    for number in range(5):
        respond = [{"run": {"workflow": "fan"}}]
        story.apply("Policy", f"p{number}", {"match": {"types": ["x.fan"]}, "respond": respond})
    story.send("x.fan")
    assert len(story.newest) < 12_000
    assert story.of("event.limited")[0]["reason"] == "fan_out"
    assert story.of("event.limited")[0]["facts"] > 0


def test_a_duration_beyond_all_reason_poisons_nothing(story: Story) -> None:
    story.apply("Policy", "p", {"match": {}, "alert": {"ttl": "99999999999h"}})
    story.problem()
    assert "alert.fired" in story.new()


NOTE = {"steps": [{"id": "note", "uses": "incident.comment", "with": {"text": "seen"}}]}
RUNS_NOTE = {"match": {"types": ["disk.full"]}, "respond": [{"run": {"workflow": "note"}}]}


@pytest.mark.parametrize(
    ("kind", "spec", "said"),
    [
        ("Policy", RUNS_NOTE, "the Workflow note"),
        ("Policy", {"match": {}, "notify": {"team": "basis"}}, "the Team basis"),
        ("Policy", {"match": {}, "notify": {"channel": "mail"}}, "the Channel mail"),
        ("Service", {"owner": "team:basis"}, "the Team basis"),
        ("Team", {"channels": ["mail"]}, "the Channel mail"),
    ],
)
def test_what_names_something_that_is_not_there_is_refused(
    story: Story, kind: str, spec: dict[str, Any], said: str
) -> None:
    change = {"op": "apply", "kind": kind, "namespace": "default", "name": "x", "spec": spec}
    assert story.refused("oncue.config.applied", {"changes": [change]}) == "manifest.reference_unknown"
    assert story.state.manifests == {}
    elsewhere = {"op": "apply", "kind": "Workflow", "namespace": "other", "name": "note", "spec": NOTE}
    reply = story.answer("oncue.config.applied", {"changes": [elsewhere, change]})
    assert reply.code == "manifest.reference_unknown"
    assert said in reply.detail


def test_an_apply_may_name_in_any_order_what_comes_with_it(story: Story) -> None:
    policy = {"op": "apply", "kind": "Policy", "namespace": "default", "name": "a", "spec": RUNS_NOTE}
    workflow = {"op": "apply", "kind": "Workflow", "namespace": "default", "name": "note", "spec": NOTE}
    assert [one["changed"] for one in story.send("oncue.config.applied", {"changes": [policy, workflow]})] == [True] * 2


def test_what_others_need_is_deleted_only_with_them_or_by_force(story: Story) -> None:
    owned(story)
    story.apply("Workflow", "note", NOTE)
    story.apply("Policy", "a", RUNS_NOTE)
    gone = {"op": "delete", "namespace": "default"}
    workflow, policy = {**gone, "kind": "Workflow", "name": "note"}, {**gone, "kind": "Policy", "name": "a"}
    reply = story.answer("oncue.config.applied", {"changes": [workflow]})
    assert (reply.code, reply.detail) == ("manifest.in_use", "Workflow/default/note is needed by Policy/default/a")
    team = story.answer("oncue.config.applied", {"changes": [{**gone, "kind": "Team", "name": "basis"}]})
    assert (team.code, team.detail) == ("manifest.in_use", "Team/default/basis is needed by Service/default/shop")
    story.apply("SAPSystem", "prd", {"sid": "PRD", "owner": "team:basis", "instances": [{"host": "a", "number": "00"}]})
    shop = {**gone, "kind": "Service", "name": "shop"}
    team = story.answer("oncue.config.applied", {"changes": [shop, {**gone, "kind": "Team", "name": "basis"}]})
    assert (team.code, team.detail) == ("manifest.in_use", "Team/default/basis is needed by SAPSystem/default/prd")
    story.send("oncue.config.applied", {"changes": [workflow], "force": True})
    story.apply("Workflow", "note", NOTE)
    story.send("oncue.config.applied", {"changes": [workflow, policy]})
    assert "Policy/default/a" not in story.state.manifests


def test_a_response_that_cannot_be_done_is_a_failure_not_a_firing(story: Story) -> None:
    story.apply("Workflow", "note", NOTE)
    story.apply("Policy", "a", {**RUNS_NOTE, "respond": [*RUNS_NOTE["respond"], {"ticket": {"type": "problem"}}]})
    gone = {"op": "delete", "kind": "Workflow", "namespace": "default", "name": "note"}
    story.send("oncue.config.applied", {"changes": [gone], "force": True})
    story.problem()
    assert "policy.fired" not in story.new()
    (decision,) = story.of("policy.failed")
    assert (decision["outcome"], decision["reason"]) == ("failed", "response_failed")
    assert "note" in decision["detail"]
    assert len(decision["tickets"]) == 1, "what could be done was done"
    stats = story.state.cells["policy_stats"]["default/a"]
    assert (stats.fired, stats.failed) == (0, 1)


def test_a_tickets_account_gives_the_instant_as_people_read_it(story: Story) -> None:
    story.apply("Policy", "a", {"match": {"types": ["*"]}, "respond": [{"ticket": {"type": "incident"}}]})
    story.problem(title="CPU at 99 %")
    since = story.now.strftime("%Y-%m-%d %H:%M:%S UTC")
    assert f"since {since}." in story.of("ticket.created")[0]["description"]


def test_a_message_that_reaches_nobody_is_a_failure(story: Story) -> None:
    story.apply("Channel", "mail", {"type": "email", "with": {"to": ["basis-1@example.com"]}})
    story.apply("Policy", "a", {"match": {"types": ["job.done"]}, "notify": {"channel": "mail"}})
    gone = {"op": "delete", "kind": "Channel", "namespace": "default", "name": "mail"}
    story.send("oncue.config.applied", {"changes": [gone], "force": True})
    story.send("job.done", resource="db-1")
    (decision,) = story.of("policy.failed")
    assert decision["detail"] == "notify: there is no channel mail in default"


def test_the_worst_that_an_alert_has_been_stays_readable(story: Story) -> None:
    story.problem("major", title="CPU at 91 %", data={"value": 91, "limit": 90})
    (alert,) = story.state.alerts.values()
    assert alert.peak is None, "it has had one severity only"
    story.wait("1m")
    story.problem("critical", title="CPU at 99 %", data={"value": 99, "limit": 95})
    worst = story.now
    story.wait("1m")
    story.problem("warning", title="CPU at 81 %", data={"value": 81, "limit": 80})
    assert (alert.title, alert.severity, alert.crossing.value) == ("CPU at 81 %", "warning", 81)
    assert (alert.peak.severity, alert.peak.title, alert.peak.crossing.value) == ("critical", "CPU at 99 %", 99)
    assert alert.peak.at == worst
    story.clear(title="CPU at 3 %", data={"value": 3})
    (resolved,) = story.of("alert.resolved")
    assert (resolved["title"], resolved["crossing"]["value"]) == ("CPU at 81 %", 81), "a recovery rewrites nothing"
    assert resolved["peak"]["title"] == "CPU at 99 %"


def test_an_alert_that_only_got_better_began_with_its_worst(story: Story) -> None:
    story.problem("critical", title="down", data={"value": 1, "limit": 5})
    (alert,) = story.state.alerts.values()
    story.wait("1m")
    story.problem("minor", title="slow")
    assert (alert.peak.severity, alert.peak.title, alert.peak.at) == ("critical", "down", alert.first_seen_at)
    story.clear()
    story.problem("minor", title="slow again")
    assert alert.peak.title == "down", "one that returns is the same alert"


def test_a_silence_whose_expression_would_hold_the_engine_is_refused(story: Story) -> None:
    silence = {
        "matchers": [{"name": "host", "value": "((a?b?){30}){30}c", "is_regex": True}],
        "starts_at": "2026-03-01T03:00:00Z", "ends_at": "2026-03-02T03:00:00Z", "comment": "c", "created_by": "basis-1",
    }  # fmt: skip
    assert story.refused("oncue.command.silence.set", silence) == "silence.invalid"
    hosts = "|".join(f"host-{number}" for number in range(200))
    story.send("oncue.command.silence.set", {**silence, "matchers": [{**silence["matchers"][0], "value": hosts}]})


def test_a_policy_that_would_take_too_long_on_an_event_says_so_and_the_event_goes_on(story: Story) -> None:
    story.apply("Policy", "a", {"match": {"where": "event.data.list.map(x, x).size() > 3"}, "alert": {"title": "t"}})
    story.problem(data={"list": list(range(9000))})
    assert "alert.fired" in story.new()
    (miss,) = story.state.cells["policy_stats"]["default/a"].near_misses
    assert miss.reason == "where_failed"
    assert "too long" in miss.detail
    story.problem(resource="db-2", data={"list": list(range(9))})
    assert "policy.fired" in story.new()


def test_timers_that_move_leave_no_more_void_entries_than_there_are_timers() -> None:
    timers = Timers()
    for number in range(10_000):
        timers.put(Timer(f"t{number % 3}", START + timedelta(seconds=number), number, 0))
    assert len(timers._exact._heap) <= 2 * 3 + VOID_LIMIT
    order = []
    while (timer := timers.first()) is not None:
        order.append(timer.created)
        timers.drop(timer.key)
    assert order == [9_997, 9_998, 9_999]


def test_what_merely_repeats_is_taken_together_until_a_repeat_is_news(story: Story) -> None:
    story.problem()
    (alert,) = story.state.alerts.values()
    body = story.inputs[-1][0]
    outlines = Outlines([(None, "disk.full", "major", None)], [0] * 3, [alert.fingerprint] * 3)
    soon = story.now + timedelta(minutes=89)
    assert story.engine.repeats(outlines, [body] * 3, 0, 3, "default", soon, story.batch)[0] == 3
    late = soon + deduplicate.AGAIN
    story.now = late - timedelta(seconds=1)
    for verb in ("acknowledge", "unacknowledge"):  # of which there are facts, but no word from whoever reports it
        story.send(f"oncue.command.alert.{verb}", {"alert": alert.id})
    assert story.engine.repeats(outlines, [body] * 3, 0, 3, "default", late, story.batch) == (0, [])


@pytest.mark.parametrize("condition", [{}, {"condition": {"for": "5m"}}], ids=["at once", "lasting"])
def test_an_alert_whose_fingerprint_a_policy_gave_ends_with_the_recovery(
    story: Story, condition: dict[str, Any]
) -> None:
    match: dict[str, Any] = {"types": ["disk.full"], "severities": ["major"]}
    alert_shape: dict[str, Any] = {"fingerprint": "on ${event.service}"}
    story.apply("Policy", "cluster", {"match": match, "alert": alert_shape, **condition})
    story.problem(resource="db-1", service="shop")
    story.wait("5m")
    (alert,) = story.state.alerts.values()
    assert (alert.fingerprint, alert.state) == ("on shop", "firing")
    story.clear(resource="db-2", service="other")
    assert alert.state == "firing"
    story.clear(resource="db-1", service="shop")
    assert (alert.state, alert.resolved_by) == ("resolved", "recovery")
    assert not story.state.windows


@pytest.mark.parametrize("more", [{"data": {"user": "admin\0x"}}, {"labels": json.dumps({"user": "admin\0x"})}])
def test_no_condition_is_met_by_the_beginning_of_a_text(story: Story, more: dict[str, Any]) -> None:
    where = (
        "has(event.data.user) && event.data.user == 'admin' || 'user' in event.labels && event.labels.user == 'admin'"
    )
    story.apply("Policy", "p", {"match": {"types": ["a.b"], "where": where}, "alert": {"title": "Met"}})
    story.problem(type="a.b", **more)
    story.problem(type="a.b", resource="db-2", data={"user": "admin"})
    assert [alert["title"] == "Met" for alert in story.of("alert.fired")] == [False, True]
