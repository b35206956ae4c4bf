"""What nobody gets a change to do: pass over what was agreed to, over its calendar, over its ticket."""

from typing import Any

import pytest

from oncue.core.state import minute_of
from tests.unit.runs import waiting
from tests.unit.story import Story
from tests.unit.test_changes import TEMPLATE, UPGRADE, approve, begun, made, now, say, story, template, trail, want

__all__ = ["story"]

NIGHT: dict[str, Any] = {"windows": [{"starts_at": "2026-03-01T03:00", "duration": "2h", "rrule": "FREQ=DAILY"}]}


def in_its_window(story: Story, on_close: str = "pause", **more: Any) -> Any:
    """A change that runs in a window of two hours. Gives its run."""
    story.apply("ChangeCalendar", "night", NIGHT)
    template(story, window={"calendar": "night", "on_close": on_close}, **more)
    want(story)
    approve(story)
    story.wait("1s")
    (run,) = story.state.runs.values()
    return run


@pytest.mark.parametrize(
    "more",
    [
        {"plan": {**TEMPLATE, "expects": [{"types": ["host.down"], "at_most": "10h"}]}},
        {"plan": {**TEMPLATE, "preconditions": {"healthy": False, "alone": False, "no_incidents": []}}},
        {"plan": {**TEMPLATE, "review": "never"}},
        {"start_at": "2026-03-09T00:00:00Z"},
    ],
)
def test_what_keeps_it_safe_is_agreed_to_as_well(story: Story, more: dict[str, Any]) -> None:
    wanted = {"plan": TEMPLATE, "reason": "A hole is closed"}
    story.send("oncue.command.change.create", wanted, actor="user:basis-1")
    assert approve(story) is None
    assert say(story, "change.edit", wanted={**wanted, **more}) is None
    assert (now(story)["state"], now(story)["approved"]) == ("authorise", None)


def test_a_calendar_that_is_not_there_opens_nothing(story: Story) -> None:
    wanted = {"plan": {**TEMPLATE, "window": {"calendar": "nihgt"}}, "reason": "A hole is closed"}
    change = story.send("oncue.command.change.create", wanted, actor="user:basis-1")
    assert (change["state"], change["said"]) == (
        "assess", "there is no ChangeCalendar nihgt: apply it, or name another one",
    )  # fmt: skip


def test_a_calendar_that_is_deleted_while_a_change_waits_for_it_opens_nothing(story: Story) -> None:
    story.apply("ChangeCalendar", "night", {"windows": [{"starts_at": "2026-03-01T22:00", "duration": "2h"}]})
    wanted = {"plan": {**TEMPLATE, "window": {"calendar": "night"}}, "reason": "A hole is closed"}
    story.send("oncue.command.change.create", wanted, actor="user:basis-1")
    approve(story)
    gone = {"op": "delete", "kind": "ChangeCalendar", "namespace": "default", "name": "night"}
    story.send("oncue.config.applied", {"changes": [gone]})
    assert now(story)["state"] == "assess"
    assert say(story, "change.start") == "change.state"
    assert "there is no ChangeCalendar night" in now(story)["said"]


def test_passing_over_a_step_does_not_take_a_change_past_the_end_of_its_window(story: Story) -> None:
    run = in_its_window(story)
    made(story, "web-1")
    story.wait("2h")
    assert run.state == "paused"
    assert say(story, "run.skip", run=run.id, step=waiting(story)[0], reason="It hangs") == "change.not_clear"
    assert run.state == "paused"


def test_trying_a_step_again_does_not_take_a_change_past_the_end_of_its_window(story: Story) -> None:
    run = in_its_window(story, on_failure={"pause": True, "rollback": "none"})
    made(story, "web-1", outcome="failed", error_code="http.status", detail="500")
    story.wait("2h")
    assert say(story, "run.retry", run=run.id, step=run.failed_at) == "change.not_clear"
    story.wait("22h")
    assert say(story, "run.retry", run=run.id, step=run.failed_at) is None
    assert run.state == "running"


def test_a_change_that_nobody_agreed_to_by_its_deadline_is_cancelled(story: Story) -> None:
    template(story)
    want(story, deadline="2026-03-01T05:00:00Z")
    story.wait("3h")
    assert now(story)["state"] == "cancelled"
    assert now(story)["said"].startswith("it has not begun by its deadline, 2026-03-01 05:00 UTC")
    assert not story.state.approvals


def test_a_draft_that_nobody_submits_by_its_deadline_is_cancelled(story: Story) -> None:
    template(story)
    wanted = {"template": "upgrade", "reason": "A hole is closed", "submit": False}
    want(story, **wanted, deadline="2026-03-01T04:00:00Z")
    assert say(story, "change.edit", wanted={**wanted, "deadline": "2026-03-01T05:00:00Z"}) is None
    story.wait("1h")
    assert [one.state for one in story.state.changes.values()] == ["draft"]
    story.wait("1h")
    assert (now(story)["state"], now(story)["said"]) == (
        "cancelled", "it has not begun by its deadline, 2026-03-01 05:00 UTC",
    )  # fmt: skip
    assert "Cancelled: it has not begun by its deadline, 2026-03-01 05:00 UTC" in trail(story)


def test_a_deadline_that_was_taken_away_cancels_nothing(story: Story) -> None:
    template(story)
    wanted = {"template": "upgrade", "reason": "A hole is closed"}
    want(story, **wanted, deadline="2026-03-01T04:00:00Z")
    assert say(story, "change.edit", wanted=wanted) is None
    story.wait("2h")
    assert now(story)["state"] == "authorise"


def test_a_deadline_that_has_passed_is_refused_but_cancels_what_a_manifest_brings(story: Story) -> None:
    template(story)
    wanted = {"template": "upgrade", "reason": "r", "deadline": "2026-03-01T03:00:00Z"}
    assert story.refused("oncue.command.change.create", wanted) == "request.invalid"
    want(story)
    assert say(story, "change.edit", wanted=wanted) == "request.invalid"
    story.apply("Change", "old", wanted)
    story.wait("1s")
    assert now(story)["state"] == "cancelled"


def test_who_did_not_agree_to_broken_glass_is_asked_again(story: Story) -> None:
    template(story)
    want(story)
    assert say(story, "change.break_glass", "user:basis-2", reason="The hole is being used") is None
    approve(story, "user:cab-1", now(story)["approval"], "reject")
    for names in (["web-1"], ["web-2", "web-3"], ["web-4"]):
        made(story, *names)
    story.wait("1s")
    assert say(story, "change.review", code="successful") == "change.unapproved"
    assert say(story, "change.submit") is None
    assert say(story, "change.submit") == "change.state"
    again = now(story)["approval"]
    assert approve(story, "user:basis-2", again) in ("approval.own", "approval.not_asked")
    assert approve(story, "user:cab-1", again) is None
    assert say(story, "change.review", code="successful") is None


def test_a_target_that_has_become_something_else_takes_the_agreement_away(story: Story) -> None:
    template(story)
    want(story, start_at="2026-03-01T04:00:00Z")
    approve(story)
    story.apply("Resource", "web-3", {"type": "host", "labels": {"role": "db"}})
    story.wait("2h")
    assert now(story)["state"] == "assess"
    assert "web-3: no longer among the targets that it may have" in now(story)["said"]


def test_what_fits_as_well_after_the_approval_is_no_target_however_many_that_are(story: Story) -> None:
    template(story, targets={**TEMPLATE["targets"], "at_most": 4})
    want(story)
    approve(story)
    story.apply("Resource", "web-5", {"type": "host", "labels": {"role": "web"}})
    assert say(story, "change.start") is None
    assert list(now(story)["plan"]["waves"][-1]["targets"]) == ["web-4"]
    another = {"template": "upgrade", "reason": "Another"}
    assert story.refused("oncue.command.change.create", another) == "change.targets"


def test_broken_glass_makes_the_plan_that_was_agreed_to_whatever_fits_as_well_by_now(story: Story) -> None:
    template(story)
    agreed = want(story)["plan"]["hash"]
    approve(story)
    story.apply("Resource", "web-5", {"type": "host", "labels": {"role": "web"}})
    assert say(story, "change.break_glass", "user:basis-2", reason="The hole is being used") is None
    change = now(story)
    assert (change["plan"]["hash"], change["approved"], change["approval"]) == (agreed, agreed, "APR-1")


def test_of_two_changes_on_the_same_targets_the_one_that_began_later_waits(story: Story) -> None:
    begun(story)
    made(story, "web-1")
    second = want(story)
    glass = {"change": second["id"], "reason": "The hole is being used"}
    story.send("oncue.command.change.break_glass", glass, actor="user:basis-2")
    for names in (["web-2", "web-3"], ["web-4"]):
        made(story, *names)
    story.wait("2m")
    assert list(story.state.changes) == [second["id"]]
    assert waiting(story) == ["waves[canary]/targets[web-1]/upgrade"]


def owned(story: Story, name: str, target: str, owner: str, **more: Any) -> str:
    """A change on one host that is agreed to. Gives its id."""
    targets = {"names": [target]}
    story.apply("Channel", "mail", {"type": "email", "with": {"to": ["basis@example.com"]}})
    for person in ("basis-1", "basis-2"):
        story.apply("Person", person, {"default": [{"channel": "mail"}]})
    story.apply("ChangeTemplate", name, {**TEMPLATE, "targets": targets, "waves": {}, "owner": owner, **more})
    change = want(story, template=name)
    assert approve(story, approval=change["approval"]) is None
    return str(change["id"])


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("user:basis-2", "user:basis-2", "change.not_clear"),
        ("user:basis-2", "user:basis-1", None),
        ("team:cab", "team:cab", None),
    ],
    ids=["the same person", "another person", "a team"],
)
def test_a_person_who_owns_a_change_that_runs_is_busy_with_it(
    story: Story, first: str, second: str, code: str | None
) -> None:
    for number, owner in enumerate((first, second)):
        owned(story, f"t{number}", f"web-{number + 1}", owner)
    assert say(story, "change.start") is None
    assert say(story, "change.start", change="CHG-2") == code
    made(story, "web-1")
    story.wait("1s")
    if code is not None:
        assert say(story, "change.start", change="CHG-2") is None


def test_whose_owner_is_busy_says_so_and_begins_when_they_are_free(story: Story) -> None:
    story.apply("ChangeCalendar", "always", {})
    for number in (1, 2):
        owned(story, f"t{number}", f"web-{number}", "user:basis-2", window={"calendar": "always"})
    story.wait("1s")
    assert waiting(story) == ["waves[wave-1]/targets[web-1]/upgrade"]
    assert story.state.changes["CHG-2"].said == "user:basis-2 is busy with CHG-1 (Upgrade the web servers)"
    made(story, "web-1")
    story.wait("2m")
    assert waiting(story) == ["waves[wave-1]/targets[web-2]/upgrade"]


def test_a_change_may_say_that_its_owner_can_look_after_several(story: Story) -> None:
    for number in (1, 2):
        owned(story, f"t{number}", f"web-{number}", "user:basis-2", preconditions={"owner_free": False})
    assert say(story, "change.start") is None
    assert say(story, "change.start", change="CHG-2") is None


def test_its_ticket_is_not_closed_before_it_and_has_the_whole_trail(story: Story) -> None:
    begun(story)
    closing = {"ticket": "TCK-1", "state": "closed"}
    assert story.refused("oncue.command.ticket.transition", closing) == "ticket.state"
    made(story, "web-1", outcome="failed", error_code="http.status", detail="500")
    story.wait("1s")
    made(story, "web-1", step="upgrade~rollback")
    assert "Rollback of canary, web-1: upgrade: succeeded" in "\n".join(trail(story))


def test_cancelling_what_is_being_rolled_back_is_refused_and_leaves_no_word_in_its_ticket(story: Story) -> None:
    begun(story)
    assert say(story, "change.cancel", reason="Not now") is None
    said = trail(story)
    assert say(story, "change.cancel", "user:basis-2", reason="Stop it") == "change.state"
    assert trail(story) == said


def test_a_record_that_others_report_under_its_name_is_not_taken_for_its_own(story: Story) -> None:
    template(story, expects=[{"types": ["host.down"], "at_most": "5m"}], preconditions={"alone": False})
    change = want(story)
    report = {"title": "A deployment", "key": change["id"], "resources": ["db-9"]}
    theirs = story.send("oncue.command.change_record.start", report)["id"]
    approve(story)
    assert say(story, "change.start") is None
    own = now(story)["record"]
    assert own != theirs
    story.send("oncue.command.change_record.start", {**report, "title": "Another"})
    assert story.state.change_records[own].resources == ("web-1", "web-2", "web-3", "web-4")
    story.problem(type="host.down", resource="elsewhere-1")
    assert [alert.quiet for alert in story.state.alerts.values()] == [()]


def test_a_window_that_closes_after_a_hand_let_it_go_on_is_seen_too(story: Story) -> None:
    run = in_its_window(story)
    assert say(story, "run.pause", run=run.id) is None
    story.wait("2h")
    assert say(story, "run.resume", run=run.id) == "change.not_clear"
    story.wait("22h")
    assert say(story, "run.resume", run=run.id) is None
    story.wait("2h")
    assert run.state == "paused"


def test_what_is_to_be_back_when_its_window_closes_is_rolled_back_though_someone_paused_it(story: Story) -> None:
    run = in_its_window(story, on_close="rollback")
    made(story, "web-1")
    assert say(story, "run.pause", run=run.id, reason="Let me look") is None
    longer = {"windows": [{**NIGHT["windows"][0], "duration": "3h"}]}
    story.apply("ChangeCalendar", "night", longer)
    story.wait("2h")
    assert (run.state, run.paused_by) == ("paused", "user:basis-1")
    story.wait("1h")
    assert run.state == "rolling_back"
    assert "Paused by user:basis-1: Let me look" in trail(story)
    assert (
        "its window closed at 2026-03-01 06:00 UTC: it, which user:basis-1 had paused, is rolled back, as its plan says"
        in trail(story)
    )


def test_what_waits_to_be_clear_is_rolled_back_when_its_window_closes(story: Story) -> None:
    run = in_its_window(story, on_close="rollback", preconditions={"that": "!change_running_on('db-1')"})
    story.send("oncue.command.change_record.start", {"title": "A deployment", "key": "D", "resources": ["db-1"]})
    made(story, "web-1")
    assert (run.state, run.paused_by) == ("paused", "oncue")
    story.wait("2h")
    assert run.state == "rolling_back"


def test_what_oncue_has_paused_someone_may_pause_as_well_and_it_stays_so_until_they_resume_it(story: Story) -> None:
    begun(story)
    story.problem(resource="web-2", severity="critical")
    made(story, "web-1")
    (run,) = story.state.runs.values()
    assert (run.state, run.paused_by) == ("paused", "oncue")
    assert say(story, "run.pause", "user:basis-2", run=run.id, reason="I look at it") is None
    assert run.paused_by == "user:basis-2"
    assert str(run.reason).startswith("I look at it; before that: alerts fire on web-2")
    assert say(story, "run.pause", "user:basis-1", run=run.id) == "run.state"
    story.clear(resource="web-2")
    story.wait("10m")
    assert run.state == "paused"
    assert say(story, "run.resume", "user:basis-2", run=run.id) is None
    assert len(waiting(story)) == 2


def test_what_has_failed_and_someone_paused_is_not_undone_before_they_have_looked(story: Story) -> None:
    begun(story, on_failure={"pause": True, "rollback": "all"})
    made(story, "web-1", outcome="failed", error_code="http.status", detail="500")
    (run,) = story.state.runs.values()
    assert say(story, "run.pause", run=run.id) is None
    story.wait("10m")
    assert run.state == "paused"
    assert say(story, "change.cancel", reason="Back") is None
    story.wait("1s")
    assert waiting(story) == ["waves[canary]/targets[web-1]/upgrade~rollback"]


def test_what_is_rolled_back_is_said_to_be_once_however_often_its_calendar_changes_meanwhile(story: Story) -> None:
    guarded = {
        "id": "guarded", "try": [{"id": "upgrade", "uses": "http.request", "with": {"url": "http://127.0.0.1/up"}}],
        "finally": [{"id": "tidy", "uses": "http.request", "with": {"url": "http://127.0.0.1/tidy"}}],
    }  # fmt: skip
    run = in_its_window(story, on_close="rollback", steps=[guarded])
    story.wait("2h")
    assert (run.state, run.wants) == ("running", "undo"), "what is done in any case is under way"
    for minutes in ("1h", "1h30m"):
        story.apply("ChangeCalendar", "night", {"windows": [{**NIGHT["windows"][0], "duration": minutes}]})
        story.wait("1s")
    assert sum("is rolled back, as its plan says" in said for said in trail(story)) == 1


def test_a_change_that_two_people_cancel_still_does_what_is_done_in_any_case(story: Story) -> None:
    tidy = {"id": "tidy", "uses": "http.request", "with": {"url": "http://127.0.0.1/tidy"}}
    begun(story, steps=[{"id": "guarded", "try": [UPGRADE], "finally": [tidy]}])
    assert say(story, "change.cancel", reason="Not now") is None
    under_way = waiting(story)
    assert {one.rpartition("/")[2] for one in under_way} == {"tidy"}
    assert say(story, "change.cancel", "user:basis-2", reason="Stop it") == "change.state"
    assert waiting(story) == under_way
    assert sum("Cancelled by" in said for said in trail(story)) == 1


def test_a_window_that_was_made_longer_meanwhile_does_not_end_it_at_the_old_time(story: Story) -> None:
    run = in_its_window(story, on_close="rollback")
    longer = {"windows": [{**NIGHT["windows"][0], "duration": "3h"}]}
    story.apply("ChangeCalendar", "night", longer)
    story.wait("2h")
    assert run.state == "running"
    story.wait("1h")
    assert run.state == "rolling_back"


def test_no_wave_begins_on_what_was_deleted_meanwhile(story: Story) -> None:
    begun(story)
    gone = {"op": "delete", "kind": "Resource", "namespace": "default", "name": "web-3"}
    story.send("oncue.config.applied", {"changes": [gone]})
    made(story, "web-1")
    (run,) = story.state.runs.values()
    assert (run.state, run.reason) == ("paused", "web-3: no longer in the catalogue")


def test_waves_that_someone_passed_over_are_in_the_trail(story: Story) -> None:
    begun(story)
    (run,) = story.state.runs.values()
    assert say(story, "run.skip", run=run.id, step="waves", reason="Done by hand") is None
    assert "waves skipped in 0.0 s: Done by hand (user:basis-1)" in trail(story)


def test_a_change_follows_its_calendar_when_that_is_edited(story: Story) -> None:
    night = {"starts_at": "2026-03-01T22:00", "duration": "2h", "rrule": "FREQ=DAILY"}
    story.apply("ChangeCalendar", "night", {"windows": [night]})
    template(story, window={"calendar": "night", "on_close": "pause"})
    want(story)
    approve(story)
    story.apply("ChangeCalendar", "night", {"windows": [{**night, "starts_at": "2026-03-01T10:00"}]})
    assert now(story)["starts_at"] == "2026-03-01T10:00:00Z"
    story.wait("7h")
    (run,) = story.state.runs.values()
    frozen = {"starts_at": "2026-03-01T00:00", "ends_at": "2026-03-03T00:00"}
    story.apply("ChangeCalendar", "close", {"for_all": True, "freezes": [frozen]})
    story.wait("1s")
    assert run.state == "paused"
    story.apply("ChangeCalendar", "close", {"for_all": True, "freezes": []})
    story.wait("1s")
    assert run.state == "running"


@pytest.mark.parametrize(
    ("comes", "well"),
    [({"resource": "web-1"}, False), ({"resource": "shop"}, False), ({"resource": "db-1"}, True),
     ({"resource": "web-1", "type": "host.down"}, True)],
)  # fmt: skip
def test_an_alert_that_comes_and_goes_between_two_looks_of_the_bake_is_seen(
    story: Story, comes: dict[str, Any], well: bool
) -> None:
    story.apply("Resource", "shop", {"depends_on": ["web-1"]})
    begun(story, waves={"canary": 1, "bake": "2m"}, expects=[{"types": ["host.down"]}])
    made(story, "web-1")
    story.wait("11s")
    story.problem(**comes)
    story.skip("2s")
    story.clear(**comes)
    story.wait("10s")
    (run,) = story.state.runs.values()
    assert run.state == ("running" if well else "rolling_back")


def test_an_alert_that_came_and_went_before_the_bake_does_not_fail_it(story: Story) -> None:
    begun(story, waves={"canary": 1, "bake": "1m"})
    story.problem(resource="web-1")
    story.wait("5s")
    story.clear(resource="web-1")
    made(story, "web-1")
    for _ in range(8):
        story.wait("10s")
    assert len(waiting(story)) == 3


def test_an_alert_of_the_bake_that_someone_silences_at_once_fails_it_all_the_same(story: Story) -> None:
    begun(story, waves={"canary": 1, "bake": "2m"})
    made(story, "web-1")
    story.problem(resource="web-1")
    times = {"starts_at": "2026-03-01T03:00:00Z", "ends_at": "2026-03-01T04:00:00Z"}
    matchers = [{"name": "resource", "value": "web-1"}]
    story.send("oncue.command.silence.set", {"matchers": matchers, "comment": "It is known", **times})
    assert [alert.quiet[0].reason for alert in story.state.alerts.values()] == ["silenced"]
    story.wait("10s")
    assert [one.rpartition("/")[2] for one in waiting(story)] == ["upgrade~rollback"]


def by_token(story: Story, what: str, data: dict[str, Any], actor: str = "token:ci", owner: str = "user:cab-1") -> Any:
    """A command by a token that a person answers for."""
    return story.send(f"oncue.command.{what}", data, actor=actor, tokenowner=owner)


def test_whoever_answers_for_a_token_does_not_agree_to_what_it_drafted_or_edited(story: Story) -> None:
    template(story)
    change = by_token(story, "change.create", {"template": "upgrade", "reason": "Monthly"})
    assert (change["requester"], list(change["hands"])) == ("token:ci", ["token:ci", "user:cab-1"])
    assert approve(story, "user:cab-1") == "approval.own"
    assert approve(story, "user:cab-2") is None
    want(story)
    wanted = {"template": "upgrade", "reason": "Monthly"}
    by_token(story, "change.edit", {"change": "CHG-2", "wanted": wanted}, owner="user:cab-2")
    assert approve(story, "user:cab-2", now(story)["approval"]) == "approval.own"


def test_whoever_answers_for_a_token_does_not_agree_to_what_it_applied(story: Story) -> None:
    template(story)
    spec = {"template": "upgrade", "reason": "Monthly"}
    applied = {"op": "apply", "kind": "Change", "namespace": "default", "name": "monthly", "spec": spec}
    story.send("oncue.config.applied", {"changes": [applied]}, actor="token:ci", tokenowner="user:cab-1")
    assert approve(story, "user:cab-1") == "approval.own"


def test_nor_does_their_service_account_agree_to_what_they_drafted_or_a_second_time(story: Story) -> None:
    story.apply("Team", "cab", {"members": ["cab-1", "cab-2", "basis-1", "robot"], "channels": []})
    template(story, approvals=[{"by": ["team:cab"], "quorum": 2}])
    want(story)
    decide = {"approval": "APR-1", "decision": "approve"}
    with pytest.raises(AssertionError, match=r"approval\.own: user:basis-1, who answers for this token"):
        by_token(story, "approval.decide", decide, "user:robot", "user:basis-1")
    assert approve(story, "user:cab-1") is None
    with pytest.raises(AssertionError, match=r"approval\.decided: user:cab-1 has decided"):
        by_token(story, "approval.decide", decide, "user:robot", "user:cab-1")
    by_token(story, "approval.decide", decide, "user:robot", "user:admin-1")
    assert now(story)["state"] == "scheduled"


def test_nobody_with_a_hand_in_a_change_agrees_within_what_its_steps_run(story: Story) -> None:
    story.apply("Workflow", "asks", {"steps": [{"id": "ask", "approvals": [{"by": ["team:cab"]}]}]})
    template(story, steps=[{"id": "asks", "run": {"workflow": "asks"}}])
    by_token(story, "change.create", {"template": "upgrade", "reason": "Monthly"})
    assert approve(story, "user:cab-2") is None
    assert say(story, "change.start") is None
    story.wait("1s")
    asked = list(story.state.approvals)[-1]
    assert approve(story, "user:cab-1", asked) == "approval.own"
    assert approve(story, "user:basis-1", asked) == "approval.own"
    assert approve(story, "user:cab-2", asked) is None


def test_when_alerts_were_heard_is_known_by_the_minute_for_as_long_as_they_are_kept(story: Story) -> None:
    def expected() -> dict[int, dict[str, bool]]:
        found: dict[int, dict[str, bool]] = {}
        for alert in story.state.alerts.values():
            if alert.heard_at is not None:
                found.setdefault(minute_of(alert.heard_at), {})[alert.id] = True
        return found

    story.problem(resource="web-1", type="host.down")
    story.problem(resource="web-2", type="host.down")
    story.wait("3m")
    story.clear(resource="web-1", type="host.down")
    story.problem(resource="web-1", type="host.down")
    assert len(story.state.heard) == 2
    assert story.state.heard == expected()
    for name in ("web-1", "web-2"):
        story.clear(resource=name, type="host.down")
    story.wait("24h")
    assert not story.state.alerts
    assert story.state.heard == {}
