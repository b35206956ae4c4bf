"""What starts workflows by itself: events that match, and schedules: when, how often, and what is done about missed ones."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oncue.core import trigger
from oncue.core.errors import Refusal
from oncue.core.trigger import ScheduleSpec, Trigger
from oncue.core.workflow_spec import StepSpec, WorkflowSpec
from oncue.manifests.triggers import trigger_findings
from tests.unit.story import START, Story

STEPS = [{"id": "note", "set": {"x": "${inputs.x}"}}]
INPUTS = {"type": "object", "properties": {"x": {"type": "string"}}}


def workflow(story: Story, *triggers: dict[str, Any], **more: Any) -> None:
    story.apply("Workflow", "w", {"steps": STEPS, "inputs": INPUTS, "triggers": list(triggers), **more})


def started(story: Story) -> list[dict[str, Any]]:
    return story.of("run.started")


def schedule(**given: Any) -> dict[str, Any]:
    return {"id": "nightly", "schedule": given, "with": {"x": "${string(now)}"}}


def row(story: Story) -> Any:
    return story.state.cells["schedule"]["default/w/nightly"]


# events


def test_an_event_that_matches_starts_a_run_with_what_it_says() -> None:
    story = Story()
    workflow(
        story,
        {
            "id": "resized",
            "event": {"types": ["volume.resized"], "where": "event.data.size > 3"},
            "with": {"x": "${event.resource}"},
        },
    )
    story.send("volume.resized", {"size": 2}, resource="vol-1")
    assert started(story) == []
    story.send("volume.resized", {"size": 4}, resource="vol-2")
    (run,) = started(story)
    assert run["inputs"] == {"x": "vol-2"}
    assert (run["trigger"]["kind"], run["trigger"]["trigger"]) == ("event", "resized")
    (decision,) = story.of("policy.fired")
    assert (decision["policy"], decision["runs"]) == ("default/w:resized", [run["id"]])


@pytest.mark.parametrize("policy", [False, True])
def test_nothing_is_started_with_a_number_that_is_none(policy: bool) -> None:
    story = Story()
    given = {"x": "${1.0 / event.data.size}"}
    match = {"types": ["volume.resized"]}
    workflow(story, *([] if policy else [{"id": "resized", "event": match, "with": given}]))
    if policy:
        respond = [{"run": {"workflow": "w", "with": given}}]
        story.apply("Policy", "p", {"match": match, "respond": respond})
    story.send("volume.resized", {"size": 0.0}, resource="vol-1")
    assert started(story) == []
    (decision,) = story.of("policy.failed")
    assert decision["detail"].startswith("1.0 / event.data.size: gives inf, which is no number")


def test_the_outputs_of_a_run_see_its_event_though_no_step_does() -> None:
    story = Story()
    one = {"id": "resized", "event": {"types": ["volume.resized"]}, "with": {"x": "${event.resource}"}}
    workflow(story, one, outputs={"size": "event.data.size"})
    story.send("volume.resized", {"size": 4}, resource="vol-2")
    (run,) = story.of("run.succeeded")
    assert run["outputs"] == {"size": 4}


def test_a_problem_starts_one_run_however_often_it_is_repeated_and_the_run_knows_its_alert() -> None:
    story = Story()
    workflow(story, {"id": "full", "event": {"types": ["disk.full"]}, "with": {"x": "${event.resource}"}})
    for _ in range(3):
        story.problem()
    (run,) = started(story)
    assert run["alert"] == next(iter(story.state.alerts))


def test_a_trigger_that_is_gone_starts_nothing_nor_does_one_of_a_workflow_that_is_gone() -> None:
    story = Story()
    event = {"types": ["volume.resized"]}
    workflow(story, {"id": "one", "event": event}, {"id": "two", "event": event})
    story.send("volume.resized", resource="vol-1")
    assert len(started(story)) == 2
    workflow(story, {"id": "two", "event": event})
    story.send("volume.resized", resource="vol-1")
    assert [one["trigger"]["trigger"] for one in started(story)] == ["one", "two", "two"]
    story.send(
        "oncue.config.applied",
        {"changes": [{"op": "delete", "kind": "Workflow", "namespace": "default", "name": "w"}]},
    )
    story.send("volume.resized", resource="vol-1")
    assert len(started(story)) == 3
    assert not story.state.policies.by_id


def test_while_runs_are_paused_an_event_starts_none() -> None:
    story = Story()
    workflow(story, {"id": "one", "event": {"types": ["volume.resized"]}})
    until = (story.now + timedelta(hours=1)).isoformat()
    story.send("oncue.command.pause.begin", {"until": until, "reason": "freeze"}, actor="user:basis-1")
    story.send("volume.resized", resource="vol-1")
    assert started(story) == []
    assert story.of("policy.blocked")[-1]["reason"] == "paused"


# schedules


def test_a_schedule_starts_a_run_at_each_of_its_instants_on_the_wall_clock_of_its_zone() -> None:
    story = Story()  # Sunday, 1 March 2026, 03:00 UTC
    workflow(story, schedule(cron="30 4 * * *", zone="Europe/Berlin"))
    assert row(story).next_at == START + timedelta(minutes=30)
    story.wait("29m")
    assert started(story) == []
    story.wait("1m")
    (run,) = started(story)
    assert run["inputs"] == {"x": "2026-03-01T03:30:00Z"}
    assert run["trigger"] == {"kind": "schedule", "trigger": "nightly", "planned_at": "2026-03-01T03:30:00Z"}
    assert row(story).run == run["id"]
    story.wait("24h")
    assert len(started(story)) == 2


def test_across_a_change_of_the_clocks_it_stays_with_the_wall_clock() -> None:
    spec = ScheduleSpec(cron="30 2 * * *", zone="Europe/Berlin")
    found = trigger.instants(spec, datetime(2026, 3, 28, tzinfo=UTC))
    assert [next(found).strftime("%d %H:%M") for _ in range(3)] == ["28 01:30", "29 01:00", "30 00:30"]
    found = trigger.instants(spec, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert [next(found).strftime("%d %H:%M") for _ in range(2)] == ["25 00:30", "26 01:30"]


def test_an_rrule_is_a_schedule_too() -> None:
    story = Story()
    workflow(story, schedule(rrule="FREQ=WEEKLY;BYDAY=MO", starts_at="2026-01-05T06:00", zone="Europe/Berlin"))
    assert row(story).next_at == datetime(2026, 3, 2, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("catch_up", "planned", "missed"),
    [("latest", ["03"], 2), ("all", ["01", "02", "03"], 0), ("none", [], 3)],
)
def test_what_passed_while_oncue_was_away_is_caught_up_with_as_the_schedule_says(
    catch_up: str, planned: list[str], missed: int
) -> None:
    story = Story()
    workflow(story, schedule(cron="0 5 * * *", catch_up=catch_up, catch_up_within="7d"))
    story.wait("55h")  # from Sunday 03:00 to Tuesday 10:00
    assert [run["trigger"]["planned_at"][8:10] for run in started(story)] == planned
    assert row(story).missed == missed
    assert len(story.of("schedule.missed")) == (1 if missed else 0)
    story.wait("19h")
    assert started(story)[-1]["trigger"]["planned_at"] == "2026-03-04T05:00:00Z", "on time, it starts in any case"


@pytest.mark.parametrize(("late", "runs"), [(10, 1), (60, 1), (61, 0)])
def test_what_is_at_most_a_minute_late_is_in_time_also_where_nothing_is_caught_up_with(late: int, runs: int) -> None:
    story = Story()
    workflow(story, schedule(cron="0 5 * * *", catch_up="none"))
    story.wait(f"{2 * 3600 + late}s")
    assert len(started(story)) == runs
    assert row(story).missed == 1 - runs


def test_what_passed_too_long_ago_is_not_caught_up_with() -> None:
    story = Story()
    workflow(story, schedule(cron="0 5 1 * *", catch_up="all", catch_up_within="1h"))
    story.wait("24h")
    assert started(story) == []
    assert (row(story).missed, row(story).next_at) == (1, datetime(2026, 4, 1, 5, tzinfo=UTC))


def test_a_year_away_costs_no_more_than_a_day_and_at_most_a_hundred_are_started() -> None:
    story = Story()
    workflow(story, schedule(cron="* * * * *", catch_up="all"))
    story.wait("365d")
    for _ in range(3):
        story.wait("1s")
    assert len(started(story)) == trigger.ALL_LIMIT
    assert row(story).missed > 1_000


def test_a_schedule_that_is_as_it_was_goes_on_as_it_did_and_one_that_changed_begins_anew() -> None:
    story = Story()
    workflow(story, schedule(cron="*/10 * * * *"))
    story.wait("15m")
    before = row(story)
    workflow(story, schedule(cron="*/10 * * * *"), description="other words")
    assert row(story) == before
    workflow(story, schedule(cron="0 * * * *"))
    assert row(story).next_at == START + timedelta(hours=1)
    workflow(story)
    assert story.state.cells["schedule"] == {}
    story.wait("2h")
    assert len(started(story)) == 1


def test_what_cannot_be_started_is_an_alert_until_it_can() -> None:
    story = Story()
    workflow(story, schedule(cron="*/10 * * * *"), rate={"count": 1, "within": "15m"})
    story.wait("10m")
    assert story.state.alerts == {}
    story.wait("10m")
    assert len(started(story)) == 1
    (alert,) = story.state.alerts.values()
    assert (alert.state, alert.severity) == ("firing", "major")
    assert "run.too_often" in alert.title
    assert story.of("schedule.failed")[-1]["fault"].startswith("run.too_often")
    story.wait("10m")
    assert len(started(story)) == 2
    assert "alert.resolved" in story.types()


def test_while_runs_are_paused_a_schedule_starts_none_and_says_so() -> None:
    story = Story()
    workflow(story, schedule(cron="*/10 * * * *"))
    until = (story.now + timedelta(minutes=15)).isoformat()
    story.send("oncue.command.pause.begin", {"until": until, "reason": "freeze"}, actor="user:basis-1")
    story.wait("10m")
    assert started(story) == []
    assert story.of("schedule.blocked")[-1]["fault"] == "paused by user:basis-1: freeze"
    assert story.state.alerts == {}
    story.wait("10m")
    assert len(started(story)) == 1


def test_a_thousand_workflows_of_one_instant_all_start() -> None:
    story = Story()
    for number in range(1_100):
        story.apply(
            "Workflow", f"w{number}",
            {"steps": [{"id": "s", "set": {"a": "1"}}], "triggers": [{"id": "t", "schedule": {"cron": "0 4 * * *"}}]},
        )  # fmt: skip
    story.wait("1h")
    for _ in range(80):
        story.wait("1s")
    assert len(started(story)) == 1_100


# what is refused


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give event or schedule"),
        ({"schedule": {}}, "give cron or rrule"),
        ({"schedule": {"cron": "0 3 * *"}}, "4 fields"),
        ({"schedule": {"cron": "61 3 * * *"}}, "bad minute"),
        ({"schedule": {"cron": "0 3 30 2 *"}}, "cannot be read"),
        ({"schedule": {"cron": "0 3 * * *", "zone": "Mars/Base"}}, "there is no time zone"),
        ({"schedule": {"rrule": "FREQ=DAILY"}}, "needs starts_at"),
        ({"schedule": {"rrule": "FREQ=HOURLY", "starts_at": "2026-01-01T00:00"}}, "FREQ=HOURLY"),
        ({"schedule": {"cron": "0 3 * * *", "catch_up_within": "8d"}}, "at most 7d"),
        ({"schedule": {"cron": "0 3 * * *", "starts_at": "soon"}}, "is not a time"),
    ],
)
def test_what_is_no_trigger_is_refused_with_what_is_wrong(given: dict[str, Any], said: str) -> None:
    import msgspec

    one = msgspec.convert({"id": "t", **given}, Trigger)
    with pytest.raises(Refusal) as refused:
        trigger.check(one)
    assert said in refused.value.detail
    spec = WorkflowSpec(steps=[StepSpec(id="s", set_={"a": "1"})], triggers=[one])
    assert any(said in finding.detail for finding in trigger_findings(spec))
    story = Story()
    change = {
        "op": "apply", "kind": "Workflow", "namespace": "default", "name": "w", "spec": {"steps": STEPS, "triggers": [{"id": "t", **given}]},
    }  # fmt: skip
    reply = story.answer("oncue.config.applied", {"changes": [change]})
    assert reply.code == refused.value.code


def test_a_trigger_gives_what_the_workflow_needs_and_nothing_else() -> None:
    spec = WorkflowSpec(
        steps=[StepSpec(id="s", set_={"a": "1"})],
        inputs={"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}}},
        triggers=[Trigger(id="t", schedule=ScheduleSpec(cron="0 3 * * *"), with_={"hots": "a"})],
    )
    said = [finding.detail for finding in trigger_findings(spec)]
    assert any("does not give the input host" in one for one in said)
    assert any("no input hots" in one and "host" in one for one in said)
