"""Changes, from a draft to their review: planned, agreed to, made in waves, validated, undone."""

from typing import Any

import pytest

from tests.unit.runs import answer, waiting
from tests.unit.story import Story

HOSTS = ("web-1", "web-2", "web-3", "web-4")
UPGRADE: dict[str, Any] = {
    "id": "upgrade", "uses": "http.request", "with": {"url": "http://127.0.0.1/${target}"},
    "rollback": {"uses": "http.request", "with": {"url": "http://127.0.0.1/${target}/back"}},
}  # fmt: skip
TEMPLATE: dict[str, Any] = {
    "description": "Upgrade the web servers",
    "targets": {"labels": {"role": ["web"]}},
    "waves": {"canary": 1, "then": "50%"},
    "steps": [UPGRADE],
    "approvals": [{"by": ["team:cab"]}],
}


@pytest.fixture
def story() -> Story:
    found = Story()
    found.apply("Team", "cab", {"members": ["cab-1", "cab-2", "basis-1"], "channels": []})
    for name in HOSTS:
        found.apply("Resource", name, {"type": "host", "labels": {"role": "web"}})
    return found


def template(story: Story, **more: Any) -> None:
    story.apply("ChangeTemplate", "upgrade", {**TEMPLATE, **more})


def want(story: Story, who: str = "user:basis-1", **more: Any) -> dict[str, Any]:
    """A change by the template. Gives it."""
    data = {"template": "upgrade", "reason": "A hole is closed", **more}
    found: dict[str, Any] = story.send("oncue.command.change.create", data, actor=who)
    return found


def say(story: Story, what: str, who: str = "user:basis-1", **data: Any) -> str | None:
    """A command about the change. Gives the code if it is refused."""
    try:
        story.send(
            f"oncue.command.{what}", {"change": "CHG-1", **data} if what.startswith("change.") else data, actor=who
        )
    except AssertionError as refused:
        return str(refused).partition(":")[0]
    return None


def approve(story: Story, who: str = "user:cab-1", approval: str = "APR-1", decision: str = "approve") -> str | None:
    return say(story, "approval.decide", who, approval=approval, decision=decision)


def now(story: Story) -> Any:
    """The change as it is, or as it was closed."""
    found = [fact for fact in story.facts if fact.type.startswith("oncue.change.")]
    return story.of(found[-1].type.removeprefix("oncue."))[-1]


def trail(story: Story) -> list[str]:
    """What its ticket says."""
    return [str(one["text"]) for one in story.of("ticket.commented")]


def made(story: Story, *targets: str, outcome: str = "succeeded", step: str = "upgrade", **more: Any) -> None:
    """What is being done to these targets comes to something."""
    for name in targets:
        (address,) = [one for one in waiting(story) if one.endswith(f"[{name}]/{step}")]
        answer(story, address, outcome, **more)


def begun(story: Story, **more: Any) -> None:
    """A change that was agreed to and begun."""
    template(story, **more)
    want(story)
    assert approve(story) is None
    assert say(story, "change.start") is None


def test_it_is_planned_agreed_to_made_in_waves_and_closed_with_its_ticket(story: Story) -> None:
    template(story)
    change = want(story)
    assert (change["id"], change["state"], change["ticket"]) == ("CHG-1", "authorise", "TCK-1")
    waves = [(one["name"], list(one["targets"])) for one in change["plan"]["waves"]]
    assert waves == [("canary", ["web-1"]), ("wave-1", ["web-2", "web-3"]), ("wave-2", ["web-4"])]
    assert say(story, "change.start") == "change.state"
    assert approve(story) is None
    assert now(story)["state"] == "scheduled"
    assert say(story, "change.start") is None
    assert now(story)["state"] == "implement"
    assert waiting(story) == ["waves[canary]/targets[web-1]/upgrade"]
    made(story, "web-1")
    assert len(waiting(story)) == 2
    made(story, "web-2", "web-3")
    made(story, "web-4")
    story.wait("1s")
    closed = now(story)
    assert (closed["state"], closed["close_code"]) == ("closed", "successful")
    assert not story.state.changes
    (ticket,) = story.of("ticket.created")
    assert (ticket["type"], ticket["change"]) == ("change", "CHG-1")
    assert story.of("ticket.updated")[-1]["state"] == "closed"
    said = "\n".join(trail(story))
    for words in (
        "APR-1 approved: user:cab-1",
        "canary, web-1: succeeded",
        "- upgrade (http.request): succeeded",
        "wave-1 succeeded, 2 of 2",
        "Done: successful",
    ):
        assert words in said


def test_whoever_wants_it_or_edited_it_does_not_agree_to_it(story: Story) -> None:
    template(story)
    want(story)
    assert approve(story, "user:basis-1") == "approval.own"
    wanted = {"template": "upgrade", "reason": "Two holes are closed"}
    assert say(story, "change.edit", "user:cab-2", wanted=wanted) is None
    assert approve(story, "user:cab-2", "APR-1") == "approval.not_found"
    assert approve(story, "user:cab-2", "APR-2") == "approval.own"
    assert approve(story, "user:cab-1", "APR-2") is None


def test_an_edit_after_the_approval_takes_it_away_if_the_plan_is_another(story: Story) -> None:
    template(story)
    want(story)
    approve(story)
    wanted = {"template": "upgrade", "reason": "Fewer", "targets": ["web-1"]}
    assert say(story, "change.edit", wanted=wanted) is None
    assert now(story)["state"] == "authorise"
    assert say(story, "change.start") == "change.state"
    assert approve(story, approval="APR-2") is None
    assert say(story, "change.edit", wanted={**wanted, "reason": "The same in other words"}) is None
    assert now(story)["state"] == "scheduled"


def test_a_failure_in_the_second_wave_undoes_all_that_was_done_the_last_first(story: Story) -> None:
    begun(story, on_failure={"pause": True, "rollback": "all", "notify": ["team:cab"]})
    made(story, "web-1")
    made(story, "web-2")
    made(story, "web-3", outcome="failed", error_code="http.status", detail="500")
    story.wait("2s")
    for name in ("web-3", "web-2", "web-1"):
        assert [one.rpartition("/")[2] for one in waiting(story)] == ["upgrade~rollback"]
        made(story, name, step="upgrade~rollback")
        story.wait("1s")
    change = now(story)
    assert (change["state"], change["close_code"]) == ("review", "backed_out")
    assert "run.paused" in story.types()
    assert say(story, "change.review", "user:cab-1", code="backed_out", note="Wrong build") is None
    assert now(story)["state"] == "closed"
    said = "\n".join(trail(story))
    assert "Rollback of wave-1, web-3: upgrade: succeeded" in said
    assert "Reviewed by user:cab-1: backed out. Wrong build" in said


@pytest.mark.parametrize(("scope", "undone"), [("target", ["web-3"]), ("wave", ["web-3", "web-2"])])
def test_only_as_much_is_undone_as_the_change_says(story: Story, scope: str, undone: list[str]) -> None:
    begun(story, on_failure={"rollback": scope})
    made(story, "web-1")
    made(story, "web-2")
    made(story, "web-3", outcome="failed", error_code="http.status", detail="500")
    for name in undone:
        story.wait("1s")
        made(story, name, step="upgrade~rollback")
    story.wait("1s")
    assert not waiting(story)
    assert now(story)["close_code"] == "backed_out"


def test_what_is_to_be_done_by_hand_is_told_where_a_step_failed_without_the_result_that_its_rollback_reads(
    story: Story,
) -> None:
    undo = {"uses": "http.request", "with": {"url": "http://127.0.0.1/${target}/${result.before}"}}
    begun(story, steps=[{**UPGRADE, "rollback": undo}])
    made(story, "web-1", outcome="failed", error_code="http.connect", detail="refused")
    story.wait("1s")
    (run,) = story.state.runs.values()
    assert run.state == "rollback_failed"
    (stopped,) = [said for said in trail(story) if "ROLLBACK STOPPED" in said]
    assert "- by hand: see what the step did, and undo that; http.request cannot, for want of its inputs" in stopped


def test_a_change_says_by_itself_how_its_run_stands(story: Story) -> None:
    begun(story, on_failure={"pause": True, "rollback": "all"})
    assert now(story)["run_state"] == "running"
    (run,) = story.state.runs.values()
    assert say(story, "run.pause", run=run.id) is None
    assert (now(story)["state"], now(story)["run_state"], now(story)["said"]) == (
        "implement",
        "paused",
        "paused by hand",
    )
    assert say(story, "run.resume", run=run.id) is None
    assert (now(story)["run_state"], now(story)["said"]) == ("running", None)
    made(story, "web-1", outcome="failed", error_code="http.status", detail="500")
    assert now(story)["run_state"] == "paused"
    assert say(story, "change.cancel", reason="enough") is None
    assert now(story)["run_state"] == "rolling_back"
    story.wait("1s")
    made(story, "web-1", outcome="failed", step="upgrade~rollback", error_code="http.status", detail="500")
    assert (now(story)["state"], now(story)["run_state"]) == ("implement", "rollback_failed")
    assert now(story)["said"].startswith(
        "enough (user:basis-1); undoing step waves[canary]/targets[web-1]/upgrade failed"
    )
    assert say(story, "run.skip", run=run.id, step=str(run.undoing), reason="done by hand") is None
    story.wait("1s")
    assert (now(story)["state"], now(story)["run_state"]) == ("review", "rolled_back")


READING: dict[str, Any] = {"uses": "http.request", "with": {"url": "http://127.0.0.1/${target}/${result.before}"}}
"""A rollback that needs what the step itself found."""
NOTHING_DONE = "upgrade: nothing was done there, so there is nothing to take back"


def test_a_step_of_which_it_is_known_that_it_did_nothing_is_not_undone_and_alarms_nobody(story: Story) -> None:
    begun(story, steps=[{**UPGRADE, "rollback": READING}])
    made(story, "web-1", result={"before": 1})
    made(story, "web-2", result={"before": 2})
    made(story, "web-3", outcome="failed", error_code="http.connect", detail="refused", nothing_done=True)
    for name in ("web-2", "web-1"):
        story.wait("1s")
        assert waiting(story) == [address_of(name)]
        made(story, name, step="upgrade~rollback")
    story.wait("1s")
    assert now(story)["close_code"] == "backed_out"
    assert not story.state.alerts
    (undoing,) = [said for said in trail(story) if "Rolling back" in said]
    assert f"- wave-1, web-3: {NOTHING_DONE}" in undoing
    assert undoing.count("nothing was done") == 1


def test_where_nothing_was_done_at_all_the_change_failed_and_nothing_is_undone(story: Story) -> None:
    begun(story, steps=[{**UPGRADE, "rollback": READING}])
    made(story, "web-1", outcome="failed", error_code="http.connect", detail="refused", nothing_done=True)
    story.wait("1s")
    assert now(story)["close_code"] == "unsuccessful"
    assert not story.state.alerts
    assert not [said for said in trail(story) if "ROLLBACK STOPPED" in said]


@pytest.mark.parametrize("attempts", [(False, True), (True, False), (True, True)])
def test_a_step_that_is_tried_again_counts_as_untouched_only_if_no_attempt_did_anything(
    story: Story, attempts: tuple[bool, ...]
) -> None:
    begun(story, steps=[{**UPGRADE, "retry": {"attempts": 2, "initial": "1s"}}])
    for nothing_done in attempts:
        made(story, "web-1", outcome="failed", error_code="http.connect", transient=True, nothing_done=nothing_done)
        story.wait("2s")
    assert bool(waiting(story)) is not all(attempts)


@pytest.mark.parametrize("first", [True, False])
def test_what_was_done_before_a_person_had_it_tried_again_is_remembered(story: Story, first: bool) -> None:
    begun(story, on_failure={"pause": True, "rollback": "all"})
    made(story, "web-1", outcome="failed", error_code="http.status", detail="500", nothing_done=first)
    (run,) = story.state.runs.values()
    assert say(story, "run.retry", run=run.id, step=str(run.failed_at)) is None
    made(story, "web-1", outcome="failed", error_code="http.connect", detail="refused", nothing_done=True)
    assert say(story, "change.cancel", reason="enough") is None
    story.wait("1s")
    assert bool(waiting(story)) is not first
    if not first:
        made(story, "web-1", step="upgrade~rollback")
        story.wait("1s")
    assert not story.state.runs
    assert not story.state.cells["retried"]


def test_an_attempt_that_came_to_nothing_says_nothing_of_the_next_one_that_was_cut_off(story: Story) -> None:
    begun(story, steps=[{**UPGRADE, "retry": {"attempts": 2, "initial": "1s"}}])
    made(story, "web-1", outcome="failed", error_code="http.connect", transient=True, nothing_done=True)
    story.wait("2s")
    assert say(story, "change.cancel", reason="enough") is None
    story.wait("1s")
    assert waiting(story) == [address_of("web-1")]


def address_of(target: str) -> str:
    """Where what undoes the step of a target is found."""
    wave = {"web-1": "canary", "web-2": "wave-1", "web-3": "wave-1"}[target]
    return f"waves[{wave}]/targets[{target}]/upgrade~rollback"


def test_a_rollback_that_does_not_bring_about_what_it_should_stops_and_is_as_loud_as_can_be(story: Story) -> None:
    looks = {
        "uses": "http.request",
        "with": {"url": "http://127.0.0.1/"},
        "that": "result.version == 1",
        "within": "1s",
        "every": "1s",
    }
    undo = {**UPGRADE["rollback"], "validate": looks}
    begun(story, steps=[{**UPGRADE, "rollback": undo}])
    made(story, "web-1", outcome="failed", error_code="http.status", detail="500")
    story.wait("1s")
    made(story, "web-1", step="upgrade~rollback")
    made(story, "web-1", step="upgrade~rollback~validate", result={"version": 2})
    story.wait("1s")
    made(story, "web-1", step="upgrade~rollback~validate", result={"version": 2})
    (run,) = story.state.runs.values()
    assert run.state == "rollback_failed"
    assert [alert.severity for alert in story.state.alerts.values()] == ["critical"]
    assert say(story, "run.retry", run=run.id, step=str(run.undoing)) is None
    story.wait("1s")
    made(story, "web-1", step="upgrade~rollback")
    made(story, "web-1", step="upgrade~rollback~validate", result={"version": 1})
    story.wait("1s")
    assert now(story)["close_code"] == "backed_out"


def test_it_waits_for_its_window_pauses_when_that_closes_and_goes_on_in_the_next(story: Story) -> None:
    story.apply(
        "ChangeCalendar",
        "night",
        {"windows": [{"starts_at": "2026-03-01T22:00", "duration": "2h", "rrule": "FREQ=DAILY"}]},
    )
    template(story, window={"calendar": "night"})
    want(story)
    approve(story)
    assert now(story)["starts_at"] == "2026-03-01T22:00:00Z"
    assert say(story, "change.start") == "change.not_clear"
    story.wait("19h")
    assert now(story)["state"] == "implement"
    made(story, "web-1")
    story.wait("2h")
    made(story, "web-2", "web-3")
    assert not waiting(story)
    (run,) = story.state.runs.values()
    assert run.state == "paused"
    assert say(story, "run.resume", run=run.id) == "change.not_clear"
    story.wait("22h")
    assert run.state == "running"
    made(story, "web-4")
    story.wait("1s")
    assert now(story)["close_code"] == "successful"


def test_no_approval_passes_over_a_freeze_but_broken_glass_does_and_is_approved_afterwards(story: Story) -> None:
    frozen = {"title": "Year end", "starts_at": "2026-03-01T00:00", "ends_at": "2026-03-03T00:00"}
    story.apply("ChangeCalendar", "close", {"for_all": True, "freezes": [frozen]})
    template(story)
    want(story)
    assert say(story, "change.break_glass", "user:basis-2", reason="The hole is being used") is None
    change = now(story)
    assert (change["state"], change["glass"]["by"]) == ("implement", "user:basis-2")
    for names in (["web-1"], ["web-2", "web-3"], ["web-4"]):
        made(story, *names)
    story.wait("1s")
    assert now(story)["state"] == "review"
    assert say(story, "change.review", code="successful") == "change.unapproved"
    approval = str(now(story)["approval"])
    assert approve(story, "user:basis-2", approval) in ("approval.own", "approval.not_asked")
    assert approve(story, "user:cab-1", approval) is None
    assert say(story, "change.review", code="successful") is None


def test_broken_glass_is_not_held_up_by_what_is_broken(story: Story) -> None:
    template(story)
    want(story)
    story.problem(resource="web-1", severity="critical")
    assert say(story, "change.break_glass", "user:basis-2", reason="It is down") is None
    assert waiting(story) == ["waves[canary]/targets[web-1]/upgrade"]


def test_what_it_expects_calls_nobody_and_what_it_does_not_fails_the_bake(story: Story) -> None:
    begun(story, waves={"canary": 1, "bake": "10m"}, expects=[{"types": ["host.down"], "at_most": "5m"}])
    story.problem(type="host.down", resource="web-1")
    (alert,) = story.state.alerts.values()
    assert [one.reason for one in alert.quiet] == ["expected_by_change"]
    made(story, "web-1")
    story.clear(type="host.down", resource="web-1")
    story.wait("2m")
    story.problem(type="disk.full", resource="web-1")
    story.wait("1m")
    story.wait("1m")
    assert [one.rpartition("/")[2] for one in waiting(story)] == ["upgrade~rollback"]
    assert any("Bake of canary" in text for text in trail(story))


def test_an_expected_alert_that_outlives_what_was_said_calls_people(story: Story) -> None:
    begun(story, expects=[{"types": ["host.down"], "at_most": "5m"}, {"types": ["host.slow"], "at_most": "1h"}])
    story.problem(type="host.down", resource="web-1")
    story.problem(type="host.slow", resource="web-1")
    story.wait("6m")
    assert {alert.type: bool(alert.quiet) for alert in story.state.alerts.values()} == {
        "host.down": False,
        "host.slow": True,
    }


def test_it_does_not_begin_where_something_fires_or_another_change_runs(story: Story) -> None:
    template(story)
    want(story)
    approve(story)
    story.problem(resource="web-2", severity="critical")
    assert say(story, "change.start") == "change.not_clear"
    story.clear(resource="web-2")
    story.wait("1s")
    assert say(story, "change.start") is None
    want(story)
    approve(story, approval="APR-2")
    assert story.refused("oncue.command.change.start", {"change": "CHG-2"}) == "change.not_clear"


def test_a_target_that_vanished_takes_the_agreement_away(story: Story) -> None:
    template(story)
    want(story, start_at="2026-03-02T00:00:00Z")
    approve(story)
    story.send(
        "oncue.config.applied",
        {"changes": [{"op": "delete", "kind": "Resource", "namespace": "default", "name": "web-3"}]},
    )
    story.wait("22h")
    change = now(story)
    assert change["state"] == "assess"
    assert "web-3" in change["said"]


def test_a_standard_change_needs_no_approval_and_a_manifest_brings_one(story: Story) -> None:
    template(story, type="standard", approvals=[])
    story.apply("Change", "upgrade-march", {"template": "upgrade", "reason": "Monthly"})
    (change,) = story.state.changes.values()
    assert (change.name, change.state) == ("upgrade-march", "scheduled")
    story.apply("Change", "upgrade-march", {"template": "upgrade", "reason": "Monthly", "targets": ["web-4"]})
    assert change.plan is not None
    assert change.plan.targets == ("web-4",)


def test_what_was_passed_over_by_hand_is_looked_back_on_and_nobody_else_ends_its_record(story: Story) -> None:
    begun(story)
    (run,) = story.state.runs.values()
    assert story.refused("oncue.command.change_record.finish", {"change_record": "CR-1"}) == "change_record.over"
    assert story.refused("oncue.command.change_record.finish", {"change_record": "CHG-1"}) == "change_record.over"
    assert say(story, "run.skip", run=run.id, step="waves", reason="not now") is None
    story.wait("1s")
    change = now(story)
    assert (change["state"], change["close_code"]) == ("review", "successful_with_issues")
    assert any(text == "user:basis-1 passes over waves" for text in trail(story))


def test_its_risk_is_reckoned_from_what_is_known_and_each_factor_says_why(story: Story) -> None:
    story.apply("Service", "shop", {"criticality": "critical", "depends_on": ["web-1", "web-2"]})
    template(story, waves={})
    risk = want(story)["risk"]
    found = {one["name"]: (one["points"], one["said"]) for one in risk["factors"]}
    assert found["criticality"] == (25, "shop is of critical criticality")
    assert found["reach"] == (3, "one thing needs what is changed")
    assert found["waves"] == (15, "4 of 4 targets are changed at once, before anything is known")
    assert set(found) == {"criticality", "reach", "waves", "undoing", "history"}
    assert risk["score"] == sum(points for points, _ in found.values())
    assert risk["level"] == "high"
    approve(story)
    say(story, "change.start")
    made(story, "web-1", outcome="failed", error_code="http.status", detail="500")
    made(story, "web-2", "web-3", "web-4")
    for name in ("web-4", "web-3", "web-2", "web-1"):
        story.wait("1s")
        made(story, name, step="upgrade~rollback")
    story.wait("1s")
    assert say(story, "change.review", code="backed_out") is None
    later = {one["name"]: one["said"] for one in want(story)["risk"]["factors"]}
    assert later["history"] == "1 of the last 1 by upgrade were not successful"
    assert later["targets"] == "the last change of web-1, web-2, web-3 and 1 more was not successful"


def test_what_is_too_risky_or_cannot_be_agreed_to_goes_back(story: Story) -> None:
    story.apply("Service", "shop", {"criticality": "critical", "depends_on": ["web-1"]})
    template(story, max_risk="low", waves={})
    assert want(story)["said"].startswith("its risk is high")
    story.apply("Team", "small", {"members": ["basis-1"], "channels": []})
    template(story, approvals=[{"by": ["team:small"]}])
    change = want(story)
    assert change["state"] == "assess"
    assert change["said"] == "stage approve asks team:small for 1; none of them may agree"


def test_manifests_with_a_change_that_cannot_be_planned_are_refused_whole(story: Story) -> None:
    before = story.state.dump()
    nothing = {**TEMPLATE, "type": "standard", "approvals": [], "targets": {"labels": {"role": ["none"]}}}
    documents = [("Team", "late", {"members": ["cab-1"], "channels": []}), ("ChangeTemplate", "t", nothing),
                 ("Change", "c", {"template": "t", "reason": "r"})]  # fmt: skip
    applied = [
        {"op": "apply", "kind": kind, "namespace": "default", "name": name, "spec": spec}
        for kind, name, spec in documents
    ]
    assert story.refused("oncue.config.applied", {"changes": applied}) == "change.targets"
    assert story.new() == []
    assert len(story.state.manifests) == len(HOSTS) + 1
    assert len(story.state.dump()) == len(before)


def test_a_rejected_change_goes_back_and_a_cancelled_one_is_over(story: Story) -> None:
    template(story)
    want(story)
    say(story, "approval.decide", "user:cab-1", approval="APR-1", decision="reject", reason="Too soon")
    change = now(story)
    assert (change["state"], change["approval"], change["said"]) == (
        "assess", "APR-1", "APR-1 rejected: user:cab-1: Too soon",
    )  # fmt: skip
    assert say(story, "change.submit") is None
    assert (now(story)["state"], now(story)["approval"]) == ("authorise", "APR-2")
    assert say(story, "change.cancel", reason="Not now") is None
    assert (now(story)["state"], now(story)["approval"]) == ("cancelled", None)
    assert not story.state.approvals


def test_a_change_that_is_cancelled_after_a_rejection_still_says_who_rejected_it(story: Story) -> None:
    template(story)
    want(story)
    approve(story, decision="reject")
    assert say(story, "change.cancel", reason="Not now") is None
    assert (now(story)["state"], now(story)["approval"]) == ("cancelled", "APR-1")


def test_an_edit_that_makes_the_same_plan_leaves_its_approval_where_it_was(story: Story) -> None:
    template(story)
    want(story)
    approve(story)
    assert say(story, "change.edit", wanted={"template": "upgrade", "reason": "In other words"}) is None
    assert (now(story)["state"], now(story)["approval"]) == ("scheduled", "APR-1")


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"template": "none", "reason": "r"}, "change.template"),
        ({"reason": "r"}, "change.template"),
        ({"template": "upgrade", "reason": "r", "targets": ["db-1"]}, "change.targets"),
        ({"template": "upgrade", "reason": "r", "start_at": "soon"}, "request.invalid"),
        ({"plan": {**TEMPLATE, "type": "standard"}, "reason": "r"}, "change.template"),
        ({"plan": {**TEMPLATE, "approvals": []}, "reason": "r"}, "change.steps"),
        ({"plan": {**TEMPLATE, "steps": [{**UPGRADE, "id": "waves"}]}, "reason": "r"}, "change.steps"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(story: Story, wanted: dict[str, Any], code: str) -> None:
    template(story)
    assert story.refused("oncue.command.change.create", wanted) == code
    assert not story.state.changes
    assert not story.state.tickets
