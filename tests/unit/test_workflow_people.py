"""What people do with runs: agree or not, pause, resume, try again, pass over, undo; and what runs do to each other."""

from datetime import timedelta
from typing import Any

import pytest

from oncue.core import action_calls, forms, run_life, workflow
from oncue.core.run import Run
from oncue.core.tx import Tx
from tests.unit.runs import act, answer, ended, order, run, step, waiting
from tests.unit.story import Story

UNDO = {"uses": "http.request", "with": {"url": "http://127.0.0.1/undo"}}


@pytest.fixture
def story() -> Story:
    found = Story()
    found.apply("Team", "basis", {"members": ["basis-1", "basis-2", "basis-3"], "channels": []})
    return found


def asks(id: str = "ask", *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return step(id, approvals=list(stages) or [{"by": ["team:basis"]}], ask="Extend?", **more)


def decide(story: Story, who: str, decision: str = "approve", approval: str = "APR-1") -> str | None:
    """What a person says. Gives the code if it is refused."""
    data = {"approval": approval, "decision": decision}
    return say(story, "oncue.command.approval.decide", data, who)


def say(story: Story, type: str, data: dict[str, Any], who: str | None = None) -> str | None:
    """A command by someone. Gives the code if it is refused."""
    try:
        story.send(type, data, actor=who)
    except AssertionError as refused:
        return str(refused).partition(":")[0]
    return None


def failed(story: Story, address: str, **more: Any) -> None:
    answer(story, address, "failed", error_code="http.status", detail="500", **more)


# approvals


def test_enough_people_agree_and_the_run_goes_on(story: Story) -> None:
    run(story, asks("ask", {"by": ["team:basis"], "quorum": 2}), step("after", set={"x": 1}))
    assert decide(story, "user:basis-2") is None
    assert not story.of("run.succeeded")
    assert decide(story, "user:basis-2") == "approval.decided"
    assert decide(story, "user:basis-3") is None
    assert order(story) == ["ask approved", "after succeeded"]
    assert not story.state.approvals


@pytest.mark.parametrize(
    ("who", "code"),
    [("user:basis-1", "approval.own"), ("user:other", "approval.not_asked"), ("token:robot", "approval.person"),
     (None, "approval.person")],
)  # fmt: skip
def test_nobody_decides_who_may_not(story: Story, who: str | None, code: str) -> None:
    run(story, asks())
    assert decide(story, str(who) if who else "system") == code
    assert story.state.approvals


def test_whoever_asked_for_the_run_above_never_counts(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [asks()]})
    run(story, step("each", for_each={"items": ["a"]}, steps=[step("call", run={"workflow": "inner"})]))
    assert decide(story, "user:basis-1") == "approval.own"
    assert decide(story, "user:basis-2") is None


def test_whoever_asked_for_the_run_whose_event_starts_another_never_counts(story: Story) -> None:
    started = {"triggers": [{"id": "go", "event": {"types": ["wanted"]}}], "steps": [asks()]}
    story.apply("Workflow", "started", started)
    wanted = step("tell", emit={"type": "wanted", "resource": "db-1"})
    run(story, wanted)
    run(story, step("later", wait={"for": "5m"}), wanted)
    id = run(story, step("hang", wait={"for": "1h"}), wanted)
    story.wait("5m")
    story.send("oncue.command.run.skip", {"run": id, "step": "hang", "reason": "now"}, actor="user:basis-2")
    assert [one.requester for one in story.state.runs.values()] == ["user:basis-1"] * 3
    for number in (1, 2, 3):
        assert decide(story, "user:basis-1", approval=f"APR-{number}") == "approval.own"
        assert decide(story, "user:basis-2", approval=f"APR-{number}") is None


def test_a_run_that_nobody_asked_for_has_no_requester(story: Story) -> None:
    started = {"triggers": [{"id": "go", "event": {"types": ["wanted"]}}], "steps": [asks()]}
    story.apply("Workflow", "started", started)
    run(story, step("hang", wait={"for": "1h"}))
    story.send("wanted", resource="db-1")
    assert [one.requester for one in story.state.runs.values() if one.workflow == "started"] == [None]


def test_a_token_of_a_person_is_that_person(story: Story) -> None:
    story.apply("Workflow", "w", {"steps": [asks()]})
    data = {"workflow": "w", "inputs": {}, "requester": "user:basis-2"}
    story.send("oncue.command.run.start", data, actor="token:laptop")
    assert decide(story, "user:basis-2") == "approval.own"


@pytest.mark.parametrize(("more", "end"), [({}, "failed"), ({"on_failure": "continue"}, "succeeded")])
def test_who_rejects_ends_it_unless_the_step_says_otherwise(story: Story, more: dict[str, Any], end: str) -> None:
    run(story, asks(**more), step("after", **{"if": "steps.ask.state == 'approved'"}, set={"x": 1}))
    assert decide(story, "user:basis-2", "reject") is None
    assert ended(story)[0] == end
    assert "after succeeded" not in order(story)


@pytest.mark.parametrize(("on_expiry", "state"), [("fail", "failed"), ("reject", "rejected")])
def test_nobody_decides_in_time(story: Story, on_expiry: str, state: str) -> None:
    run(story, asks("ask", {"by": ["team:basis"], "expires": "30m", "on_expiry": on_expiry}))
    story.wait("29m")
    assert story.state.approvals
    story.wait("1m")
    assert order(story) == [f"ask {state}"]
    assert decide(story, "user:basis-2") == "approval.not_found"


def test_stages_follow_each_other(story: Story) -> None:
    run(story, asks("ask", {"by": ["user:basis-2"]}, {"stage": "owner", "by": ["user:basis-3"]}))
    assert decide(story, "user:basis-3") == "approval.not_asked"
    decide(story, "user:basis-2")
    assert decide(story, "user:basis-3") is None
    assert order(story) == ["ask approved"]


def test_one_decides_in_the_place_of_another_and_only_once(story: Story) -> None:
    run(story, asks("ask", {"by": ["user:basis-2", "user:basis-3"], "quorum": 2}))
    delegate = "oncue.command.approval.delegate"
    assert say(story, delegate, {"approval": "APR-1", "to": "user:basis-1"}, "user:basis-2") == "approval.own"
    assert say(story, delegate, {"approval": "APR-1", "to": "user:other"}, "user:else") == "approval.not_asked"
    assert say(story, delegate, {"approval": "APR-1", "to": "user:other"}, "user:basis-2") is None
    assert decide(story, "user:other") is None
    assert decide(story, "user:basis-2") == "approval.decided"
    assert decide(story, "user:basis-3") is None
    assert order(story) == ["ask approved"]


def test_nobody_decides_in_the_place_of_someone_who_is_not_asked_any_more(story: Story) -> None:
    run(
        story,
        asks("ask", {"by": ["user:basis-2", "user:basis-3"]}, {"stage": "owner", "by": ["team:basis"], "quorum": 2}),
    )
    delegate = "oncue.command.approval.delegate"
    assert say(story, delegate, {"approval": "APR-1", "to": "user:other"}, "user:basis-2") is None
    assert decide(story, "user:basis-3") is None
    story.apply("Team", "basis", {"members": ["basis-1", "basis-3"], "channels": []})
    assert decide(story, "user:other") == "approval.not_asked"
    story.apply("Team", "basis", {"members": ["basis-1", "basis-2", "basis-3"], "channels": []})
    assert decide(story, "user:other") is None


FOUR_EYES = ({"by": ["team:basis"]}, {"stage": "owner", "by": ["team:basis"]})


def test_a_person_counts_once_over_all_stages(story: Story) -> None:
    run(story, asks("ask", *FOUR_EYES))
    assert decide(story, "user:basis-2") is None
    assert decide(story, "user:basis-2") == "approval.decided"
    assert decide(story, "user:basis-3") is None
    assert order(story) == ["ask approved"]


def test_unless_the_stage_says_otherwise(story: Story) -> None:
    run(story, asks("ask", FOUR_EYES[0], {**FOUR_EYES[1], "same_people": True}))
    assert decide(story, "user:basis-2") is None
    assert decide(story, "user:basis-2") is None
    assert order(story) == ["ask approved"]


def test_nor_do_they_count_again_by_someone_who_takes_their_place(story: Story) -> None:
    run(story, asks("ask", *FOUR_EYES))
    decide(story, "user:basis-2")
    delegate = {"approval": "APR-1", "to": "user:other"}
    assert say(story, "oncue.command.approval.delegate", delegate, "user:basis-2") is None
    assert decide(story, "user:other") == "approval.decided"


def test_who_alone_can_meet_a_later_stage_is_not_used_up_before(story: Story) -> None:
    run(story, asks("ask", {"by": ["team:basis"]}, {"stage": "owner", "by": ["user:basis-2"]}))
    assert decide(story, "user:basis-2") == "approval.needed_later"
    assert decide(story, "user:basis-3") is None
    assert decide(story, "user:basis-2") is None
    assert order(story) == ["ask approved"]


def test_nobody_is_used_up_by_a_token_that_others_are_made_answer_for(story: Story) -> None:
    run(story, asks("ask", {"by": ["user:basis-2", "user:basis-3"], "quorum": 2}))
    said = {"approval": "APR-1", "decision": "approve"}
    with pytest.raises(
        AssertionError, match=r"approval.needed_later: stage .* count once together, and the token is another's"
    ):
        story.send("oncue.command.approval.decide", said, actor="user:basis-2", tokenowner="user:basis-3")
    for who in ("user:basis-2", "user:basis-3"):
        assert decide(story, who) is None
    assert order(story) == ["ask approved"]


def test_what_was_rejected_within_another_run_needs_a_reason_as_well(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [asks()]})
    id = run(story, step("below", run={"workflow": "inner"}), on_failure={"pause": True})
    decide(story, "user:basis-2", "reject")
    retry = {"run": id, "step": "below"}
    assert say(story, "oncue.command.run.retry", retry, "user:basis-1") == "approval.reason"
    assert say(story, "oncue.command.run.retry", {**retry, "reason": "at night"}, "user:basis-1") is None
    (asked,) = [one for one in story.state.approvals.values() if one.state == "pending"]
    assert asked.ask.startswith("Extend? [Rejected before, last by run-")
    assert asked.ask.endswith("Asked again by user:basis-1: at night]")


def test_an_approval_ends_with_the_time_of_its_run_and_that_moves_with_a_pause(story: Story) -> None:
    id = run(story, asks("ask", {"by": ["team:basis"], "expires": "8h"}), timeout="2h")
    (asked,) = story.state.approvals.values()
    assert asked.expires_at - asked.created_at == timedelta(hours=2)
    story.send("oncue.command.run.pause", {"run": id}, actor="user:basis-1")
    story.wait("1h")
    story.send("oncue.command.run.resume", {"run": id}, actor="user:basis-1")
    assert asked.expires_at - asked.created_at == timedelta(hours=3)
    story.wait("110m")
    assert story.state.runs[id].state == "running"
    story.wait("10m")
    assert ended(story) == ("failed", "timeout: the run's time is up")


def test_who_stands_in_for_two_counts_once_and_is_told_so(story: Story) -> None:
    run(story, asks("ask", {"by": ["user:basis-2", "user:basis-3"], "quorum": 2}))
    for who in ("user:basis-2", "user:basis-3"):
        say(story, "oncue.command.approval.delegate", {"approval": "APR-1", "to": "user:other"}, who)
    assert decide(story, "user:other") is None
    with pytest.raises(AssertionError, match=r"in the place of user:basis-2, has decided .* counts once"):
        story.send("oncue.command.approval.decide", {"approval": "APR-1", "decision": "approve"}, actor="user:other")
    assert decide(story, "user:basis-3") is None
    assert order(story) == ["ask approved"]


def test_who_stands_in_for_two_takes_the_place_that_is_free(story: Story) -> None:
    run(story, asks("ask", {"by": ["user:basis-2", "user:basis-3"], "quorum": 2}))
    for who in ("user:basis-2", "user:basis-3"):
        say(story, "oncue.command.approval.delegate", {"approval": "APR-1", "to": "user:other"}, who)
    assert decide(story, "user:basis-2") is None
    assert decide(story, "user:other") is None
    assert order(story) == ["ask approved"]


def test_what_was_rejected_is_asked_again_only_with_a_reason_that_all_are_told(story: Story) -> None:
    for number in (2, 3):
        story.apply("Channel", f"mail-{number}", {"type": "email", "with": {"to": [f"basis-{number}@example.com"]}})
        story.apply("Person", f"basis-{number}", {"default": [{"channel": f"mail-{number}"}]})
    id = run(story, asks(), on_failure={"pause": True})
    story.send(
        "oncue.command.approval.decide",
        {"approval": "APR-1", "decision": "reject", "reason": "at noon?"},
        actor="user:basis-2",
    )
    retry = {"run": id, "step": "ask"}
    assert say(story, "oncue.command.run.retry", retry, "user:basis-1") == "approval.reason"
    assert say(story, "oncue.command.run.retry", {**retry, "reason": "at night"}, "user:basis-1") is None
    (asked,) = story.state.approvals.values()
    assert asked.ask == (
        "Extend? [Rejected before, last by user:basis-2: at noon?. Asked again by user:basis-1: at night]"
    )
    told = str([one.payload for one in story.state.effects.values() if one.uses == "email"])
    assert "Asked again: w, step ask" in told
    assert decide(story, "user:basis-3", "reject", asked.id) is None
    assert say(story, "oncue.command.run.retry", {**retry, "reason": "on Sunday"}, "user:basis-1") is None
    (asked,) = story.state.approvals.values()
    assert "Rejected before, 2 times, last by user:basis-3: no reason given." in asked.ask
    decide(story, "user:basis-2", approval=asked.id)
    assert ended(story)[0] == "succeeded"
    story.wait("1s")
    assert not story.state.cells["rejected"]


def test_an_approval_is_neither_skipped_nor_copied(story: Story) -> None:
    id = run(story, asks(), act("then"))
    skip = {"run": id, "step": "ask", "reason": "hurry"}
    assert say(story, "oncue.command.run.skip", skip, "user:basis-1") == "approval.unskippable"
    steps = story.of("step.started")
    forged = {**steps[0], "state": "approved", "run": id}
    fork = {"run": id, "workflow": "w", "step": "then", "inputs": {}, "steps": [forged]}
    assert say(story, "oncue.command.run.fork", fork, "user:basis-2") is None
    assert waiting(story) == []
    assert len(story.state.approvals) == 2


NESTED = [("gate", [asks()]), ("around", [step("some", steps=[step("call", run={"workflow": "gate"})])])]


@pytest.mark.parametrize("called", ["gate", "around"])
def test_an_approval_in_a_run_within_is_neither_skipped_nor_copied(story: Story, called: str) -> None:
    for name, inner in NESTED:
        story.apply("Workflow", name, {"steps": inner})
    id = run(story, step("try_it", **{"try": [step("gate", run={"workflow": called})]}), act("then"))
    story.wait("1s")
    for address in ("try_it/gate", "try_it"):
        skip = {"run": id, "step": address, "reason": "hurry"}
        assert say(story, "oncue.command.run.skip", skip, "user:basis-1") == "approval.unskippable"
    assert [one.state for one in story.state.approvals.values()] == ["pending"]


@pytest.mark.parametrize("called", ["gate", "around"])
def test_nor_is_one_that_the_workflow_within_has_no_more(story: Story, called: str) -> None:
    """A run that is under way goes by the version that it pins."""
    for name, inner in NESTED:
        story.apply("Workflow", name, {"steps": inner})
    id = run(story, step("gate", run={"workflow": called}), act("then"))
    story.wait("1s")
    for name, _ in NESTED:
        story.apply("Workflow", name, {"steps": [step("x", set={"x": 1})]})
    skip = {"run": id, "step": "gate", "reason": "hurry"}
    assert say(story, "oncue.command.run.skip", skip, "user:basis-1") == "approval.unskippable"
    assert decide(story, "user:basis-2") is None
    story.wait("1s")
    assert waiting(story) == ["then"]


def test_a_fork_asks_again_what_a_run_within_had_asked(story: Story) -> None:
    story.apply("Workflow", "gate", {"steps": [asks()]})
    story.apply("Workflow", "other", {"steps": [step("x", set={"x": 1})]})
    id = run(story, step("gate", run={"workflow": "gate"}), step("other", run={"workflow": "other"}), act("then"))
    story.wait("1s")
    assert decide(story, "user:basis-2") is None
    story.wait("1s")
    done = [one for one in story.of("step.succeeded") if one["run"] == id]
    assert [one["address"] for one in done] == ["gate", "other"]
    fork = {"run": id, "workflow": "w", "step": "then", "inputs": {}, "steps": done}
    assert say(story, "oncue.command.run.fork", fork, "user:basis-1") == "run.does_again"
    assert say(story, "oncue.command.run.fork", {**fork, "again": True}, "user:basis-1") is None
    story.wait("1s")
    forked = next(one for one in story.state.runs.values() if one.forked_from == id)
    assert sorted(story.state.steps_of[forked.id]) == ["gate", "other"]
    assert story.state.steps_of[forked.id]["other"].copied_from == id
    assert [one.state for one in story.state.approvals.values()] == ["pending"]


def by_token(story: Story, type: str, data: dict[str, Any]) -> None:
    """A command with a token for which basis-2 answers."""
    story.send(type, data, actor="token:ci", tokenowner="user:basis-2")


def test_whoever_answers_for_a_token_has_no_say_in_what_it_forks(story: Story) -> None:
    story.apply("Workflow", "w", {"steps": [act("a"), asks()]})
    by_token(story, "oncue.command.run.start", {"workflow": "w"})
    answer(story, "a")
    assert decide(story, "user:basis-2") == "approval.own"
    (first,) = story.state.runs
    fork = {"run": first, "workflow": "w", "step": "ask", "inputs": {}, "steps": story.of("step.succeeded")}
    by_token(story, "oncue.command.run.fork", fork)
    assert decide(story, "user:basis-2", approval="APR-2") == "approval.own"
    assert decide(story, "user:basis-3", approval="APR-2") is None


def test_nor_in_what_runs_for_an_event_that_its_run_emits(story: Story) -> None:
    story.apply("Workflow", "asking", {"steps": [asks()]})
    respond = [{"run": {"workflow": "asking"}}]
    story.apply("Policy", "p", {"match": {"types": ["a.wanted"]}, "respond": respond})
    story.apply("Workflow", "emitting", {"steps": [step("e", emit={"type": "a.wanted"}), act("then")]})
    by_token(story, "oncue.command.run.start", {"workflow": "emitting"})
    assert [one.barred for one in story.state.approvals.values()] == [("token:ci", "user:basis-2")]
    assert decide(story, "user:basis-2") == "approval.own"


def test_a_step_that_was_undone_is_done_anew_in_a_fork(story: Story) -> None:
    id = run(story, act("a", rollback=UNDO), act("b"), act("c"), on_failure={"rollback": "all"})
    answer(story, "a")
    answer(story, "b")
    failed(story, "c")
    answer(story, "a~rollback")
    assert ended(story)[0] == "rolled_back"
    steps = {one["address"]: one for one in (*story.of("step.succeeded"), *story.of("step.undone"))}
    given = [{**steps["a"], "undone": True}, steps["b"]]
    fork = {"run": id, "workflow": "w", "step": "c", "inputs": {}, "steps": given}
    story.send("oncue.command.run.fork", fork, actor="user:basis-2")
    assert waiting(story) == ["a"]


def test_an_approval_goes_with_its_run(story: Story) -> None:
    id = run(story, asks())
    story.send("oncue.command.run.cancel", {"run": id}, actor="user:basis-1")
    assert not story.state.approvals
    assert story.of("approval.cancelled")


# pause, resume, retry, skip


def test_a_pause_lets_what_is_under_way_end_and_begins_nothing(story: Story) -> None:
    id = run(story, act("a"), act("b"))
    story.send("oncue.command.run.pause", {"run": id, "reason": "look first"}, actor="user:basis-1")
    answer(story, "a")
    assert waiting(story) == []
    story.wait("2h")
    assert story.state.runs[id].state == "paused", "the time that it is paused does not count"
    assert story.refused("oncue.command.run.pause", {"run": id}) == "run.state"
    story.send("oncue.command.run.resume", {"run": id}, actor="user:basis-1")
    assert waiting(story) == ["b"]
    answer(story, "b")
    assert ended(story) == ("succeeded", None)


@pytest.mark.parametrize(("on_expiry", "state"), [("fail", "failed"), ("reject", "rejected")])
def test_what_expires_while_a_run_is_paused_has_expired_and_counts_when_it_is_resumed(
    story: Story, on_expiry: str, state: str
) -> None:
    id = run(story, asks("ask", {"by": ["team:basis"], "expires": "30m", "on_expiry": on_expiry}), act("then"))
    story.send("oncue.command.run.pause", {"run": id}, actor="user:basis-1")
    story.wait("30m")
    assert order(story) == [f"ask {state}"]
    assert story.state.runs[id].state == "paused"
    assert decide(story, "user:basis-2") == "approval.not_found"
    story.send("oncue.command.run.resume", {"run": id}, actor="user:basis-1")
    assert ended(story)[0] == "failed"


def test_or_is_asked_again_before_that(story: Story) -> None:
    id = run(story, asks("ask", {"by": ["team:basis"], "expires": "30m"}), act("then"))
    story.send("oncue.command.run.pause", {"run": id}, actor="user:basis-1")
    story.wait("30m")
    story.send("oncue.command.run.retry", {"run": id, "step": "ask"}, actor="user:basis-1")
    story.wait("29m")
    assert decide(story, "user:basis-2", approval="APR-2") is None
    assert waiting(story) == ["then"]


@pytest.mark.parametrize(
    ("wait", "state", "goes_on"),
    [({"for": "30m"}, "succeeded", ["then"]),
     ({"event": {"types": ["a.b"]}, "timeout": "30m", "on_timeout": "continue"}, "timed_out", ["then"]),
     ({"event": {"types": ["a.b"]}, "timeout": "30m"}, "failed", [])],
    ids=["time", "event-that-may-not-come", "event"],
)  # fmt: skip
def test_a_wait_that_ends_while_a_run_is_paused_has_ended_and_what_follows_waits(
    story: Story, wait: dict[str, Any], state: str, goes_on: list[str]
) -> None:
    id = run(story, step("wait", wait=wait), act("then"))
    story.send("oncue.command.run.pause", {"run": id}, actor="user:basis-1")
    story.wait("30m")
    assert order(story) == [f"wait {state}"]
    assert waiting(story) == []
    story.send("oncue.command.run.resume", {"run": id}, actor="user:basis-1")
    assert waiting(story) == goes_on


def test_a_failure_can_wait_for_a_person_who_tries_again(story: Story) -> None:
    id = run(story, step("group", steps=[act("a"), act("b")]), on_failure={"pause": True})
    answer(story, "group/a")
    failed(story, "group/b")
    assert story.state.runs[id].state == "paused"
    assert story.refused("oncue.command.run.resume", {"run": id}) == "run.state"
    assert story.refused("oncue.command.run.retry", {"run": id, "step": "group/a"}) == "step.state"
    story.send("oncue.command.run.retry", {"run": id, "step": "group/b"}, actor="user:basis-1")
    assert waiting(story) == ["group/b"]
    answer(story, "group/b")
    assert ended(story) == ("succeeded", None)


def test_a_failure_can_be_passed_over(story: Story) -> None:
    id = run(story, act("a"), act("b"), on_failure={"pause": True})
    failed(story, "a")
    story.send("oncue.command.run.skip", {"run": id, "step": "a", "reason": "done by hand"}, actor="user:basis-1")
    answer(story, "b")
    assert ended(story) == ("succeeded", None)
    assert "a skipped" in order(story)


def test_what_waits_can_be_passed_over(story: Story) -> None:
    id = run(story, step("group", steps=[act("a")]), step("w", wait={"for": "5h"}), act("b"))
    story.send("oncue.command.run.skip", {"run": id, "step": "group", "reason": "r"}, actor="user:basis-1")
    assert story.of("effect.cancelled")
    story.send("oncue.command.run.skip", {"run": id, "step": "w", "reason": "r"}, actor="user:basis-1")
    assert waiting(story) == ["b"]
    assert not [key for key in story.state.timers.by_key if key.startswith("run.wait")]


def test_an_item_that_failed_is_tried_again_where_it_is(story: Story) -> None:
    id = run(
        story,
        step("all", for_each={"items": ["a", "b"], "max_parallel": 2}, steps=[act("x")]),
        on_failure={"pause": True},
    )
    failed(story, "all[a]/x")
    answer(story, "all[b]/x")
    assert story.state.runs[id].state == "paused"
    story.send("oncue.command.run.retry", {"run": id, "step": "all[a]/x"}, actor="user:basis-1")
    answer(story, "all[a]/x")
    assert ended(story) == ("succeeded", None)


def test_of_items_that_failed_the_one_that_is_left_is_named(story: Story) -> None:
    id = run(
        story,
        step("all", for_each={"items": ["a", "b", "c"], "max_parallel": 3}, steps=[act("x")]),
        on_failure={"pause": True},
    )
    for item in "abc":
        failed(story, f"all[{item}]/x")
    story.send("oncue.command.run.skip", {"run": id, "step": "all[c]", "reason": "gone"}, actor="user:basis-1")
    assert story.state.runs[id].reason == (
        "2 of 3 failed, at most 0 may; step all[b]/x failed: http.status: 500"
    )  # fmt: skip
    assert story.state.steps_of[id]["all"].failed_at == "all[b]/x"


def test_a_run_is_run_again_from_a_step_on_with_other_inputs(story: Story) -> None:
    id = run(
        story,
        act("a", outputs={"n": "result.n"}),
        step("v", set={"x": "${steps.a.outputs.n}"}),
        act("b"),
        inputs={"k": 1},
    )
    answer(story, "a", result={"n": 7})
    done = [*story.of("step.succeeded")]
    failed(story, "b")
    fork = {"run": id, "workflow": "w", "step": "b", "inputs": {"k": 2}, "steps": done}
    story.send("oncue.command.run.fork", fork, actor="user:basis-2")
    (forked,) = story.state.runs.values()
    assert forked.inputs == {"k": 2}
    assert forked.variables == {"x": 7}
    assert waiting(story) == ["b"]
    assert story.state.steps_of[forked.id]["a"].copied_from == id


def test_a_fork_does_nothing_before_its_step_again_unless_that_is_meant(story: Story) -> None:
    each = step("each", for_each={"items": ["a"]}, steps=[act("x")])
    id = run(story, act("first"), each, step("last", set={"done": True}))
    answer(story, "first")
    answer(story, "each[a]/x")
    done = [one for one in story.of("step.succeeded") if one["address"] in ("first", "each")]
    fork = {"run": id, "workflow": "w", "step": "last", "inputs": {}, "steps": done}
    assert say(story, "oncue.command.run.fork", fork, "user:basis-2") == "run.does_again"
    assert waiting(story) == []
    assert say(story, "oncue.command.run.fork", {**fork, "step": "each"}, "user:basis-2") is None
    assert say(story, "oncue.command.run.fork", {**fork, "again": True}, "user:basis-2") is None
    assert waiting(story) == ["each[a]/x", "each[a]/x"]


def both_failed(story: Story, **more: Any) -> str:
    """A run that is paused, for both branches of its `parallel` failed."""
    branches = [act("amo", rollback=UNDO), act("sh")]
    id = run(story, step("p", parallel=branches), act("then"), **{"on_failure": {"pause": True}, **more})
    answer(story, "p/amo", "unknown", error_code="worker.lost")
    failed(story, "p/sh")
    return id


def retry(story: Story, id: str, address: str) -> str | None:
    return say(story, "oncue.command.run.retry", {"run": id, "step": address}, "user:basis-1")


def test_a_branch_that_is_tried_again_waits_for_the_others_that_failed_and_says_so(story: Story) -> None:
    id = both_failed(story)
    assert retry(story, id, "p/amo") is None
    amo = story.state.steps_of[id]["p/amo"]
    assert (story.state.runs[id].state, amo.state, amo.again_by) == ("paused", "unknown", "user:basis-1")
    assert [fact["again_by"] for fact in story.of("step.retrying")] == ["user:basis-1"]
    with pytest.raises(AssertionError, match="as user:basis-1 asked: it is when p/sh is tried again or skipped"):
        story.send("oncue.command.run.retry", {"run": id, "step": "p/amo"}, actor="user:basis-2")
    assert retry(story, id, "p/sh") is None
    assert waiting(story) == ["p/amo", "p/sh"]
    answer(story, "p/amo")
    answer(story, "p/sh")
    assert waiting(story) == ["then"]
    assert story.state.steps_of[id]["p/amo"].again_by is None


def test_it_begins_when_the_others_are_passed_over(story: Story) -> None:
    id = both_failed(story)
    retry(story, id, "p/amo")
    story.send("oncue.command.run.skip", {"run": id, "step": "p/sh", "reason": "not needed"}, actor="user:basis-1")
    assert waiting(story) == ["p/amo"]


def test_it_can_be_passed_over_instead(story: Story) -> None:
    id = both_failed(story)
    retry(story, id, "p/amo")
    for address in ("p/amo", "p/sh"):
        story.send("oncue.command.run.skip", {"run": id, "step": address, "reason": "no"}, actor="user:basis-1")
    assert waiting(story) == ["then"]


def test_what_it_may_have_done_is_undone_if_the_run_is_not_gone_on_with(story: Story) -> None:
    id = both_failed(story)
    retry(story, id, "p/amo")
    story.send("oncue.command.run.cancel", {"run": id, "rollback": True}, actor="user:basis-1")
    assert waiting(story) == ["p/amo~rollback"]


def test_a_parallel_that_is_tried_again_tries_all_that_failed_in_it(story: Story) -> None:
    id = both_failed(story)
    assert retry(story, id, "p") is None
    assert waiting(story) == ["p/amo", "p/sh"]
    assert not story.of("step.retrying")


def test_the_only_branch_that_failed_begins_at_once(story: Story) -> None:
    id = run(story, step("p", parallel=[act("amo"), act("sh")]), on_failure={"pause": True})
    answer(story, "p/amo")
    failed(story, "p/sh")
    assert retry(story, id, "p/sh") is None
    assert waiting(story) == ["p/sh"]
    assert not story.of("step.retrying")


# rollback


def test_what_was_done_is_undone_the_last_thing_first(story: Story) -> None:
    run(story, act("a", rollback=UNDO), act("b"), act("c", rollback=UNDO), act("d"), on_failure={"rollback": "all"})
    for address in ("a", "b", "c"):
        answer(story, address)
    failed(story, "d")
    assert waiting(story) == ["c~rollback"]
    answer(story, "c~rollback")
    assert waiting(story) == ["a~rollback"]
    answer(story, "a~rollback")
    state, reason = ended(story)
    assert state == "rolled_back"
    assert "step d failed" in str(reason)


@pytest.mark.parametrize("outcome", ["failed", "unknown"])
def test_a_step_that_failed_after_it_began_is_undone_as_well(story: Story, outcome: str) -> None:
    run(story, act("a", rollback=UNDO), on_failure={"rollback": "all"})
    answer(story, "a", outcome, error_code="http.status")
    assert waiting(story) == ["a~rollback"]


def test_what_undoes_a_step_may_need_what_the_step_came_to(story: Story) -> None:
    undo = {"uses": "http.request", "with": {"url": "http://127.0.0.1/${result.id}"}}
    run(story, act("a", rollback=undo), act("b"), on_failure={"rollback": "all"})
    answer(story, "a", result={"id": "v7"})
    failed(story, "b")
    (effect,) = story.state.effects.values()
    assert effect.payload["url"] == "http://127.0.0.1/v7"


def test_what_oncue_did_itself_is_undone_too(story: Story) -> None:
    drain = step("drain", uses="event.emit", rollback=UNDO, **{"with": {"type": "node.drained"}})
    run(story, drain, act("b"), on_failure={"rollback": "all"})
    failed(story, "b")
    assert waiting(story) == ["drain~rollback"]
    answer(story, "drain~rollback")
    assert ended(story)[0] == "rolled_back"


CALL: dict[str, Any] = {"run": {"workflow": "inner"}, "rollback": UNDO}


def test_what_another_workflow_did_is_undone_as_the_step_says(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [step("x", set={"x": 1})], "outputs": {"made": "'vm-1'"}})
    undo = {**UNDO, "with": {"url": "http://127.0.0.1/${result.made}"}}
    run(story, step("call", **{**CALL, "rollback": undo}), act("b"), on_failure={"rollback": "all"})
    story.wait("1s")
    failed(story, "b")
    (effect,) = [one for one in story.state.effects.values() if one.step == "call~rollback"]
    assert effect.payload["url"] == "http://127.0.0.1/vm-1"
    answer(story, "call~rollback")
    assert story.of("run.rolled_back")[-1]["reason"] == "step b failed: http.status: 500; 1 step undone"


def test_what_another_run_undid_itself_is_not_undone_again(story: Story) -> None:
    inner = {"steps": [act("a", rollback=UNDO), act("x")], "on_failure": {"rollback": "all"}}
    story.apply("Workflow", "inner", inner)
    run(story, step("call", **CALL), on_failure={"rollback": "all"})
    story.wait("1s")
    answer(story, "a")
    failed(story, "x")
    answer(story, "a~rollback")
    story.wait("1s")
    assert waiting(story) == []
    assert ended(story)[0] == "failed"


def test_nor_is_a_run_that_never_began(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [act("x")], "concurrency": {"when_busy": "reject"}})
    story.send("oncue.command.run.start", {"workflow": "inner"}, actor="user:basis-1")
    run(story, step("call", **CALL), on_failure={"rollback": "all"})
    story.wait("1s")
    assert waiting(story) == ["x"]
    assert ended(story)[0] == "failed"


def test_another_run_is_over_before_what_it_did_is_undone(story: Story) -> None:
    inner = step("t", **{"try": [act("long")], "finally": [act("tidy")]})
    story.apply("Workflow", "inner", {"steps": [inner]})
    id = run(story, act("first", rollback=UNDO), step("call", **CALL))
    answer(story, "first")
    story.wait("1s")
    story.send("oncue.command.run.cancel", {"run": id, "rollback": True}, actor="user:basis-2")
    story.wait("1s")
    assert waiting(story) == ["t/tidy"]
    answer(story, "t/tidy")
    story.wait("1s")
    assert waiting(story) == ["call~rollback"]
    answer(story, "call~rollback")
    answer(story, "first~rollback")
    assert story.of("run.rolled_back")[-1]["id"] == id


def test_a_rollback_that_fails_is_the_loudest_alert_and_waits_for_a_person(story: Story) -> None:
    id = run(story, act("a", rollback={**UNDO, "retry": {"attempts": 1}}), act("b"), on_failure={"rollback": "all"})
    answer(story, "a")
    failed(story, "b")
    failed(story, "a~rollback")
    assert story.state.runs[id].state == "rollback_failed"
    (alert,) = story.state.alerts.values()
    assert (alert.severity, alert.state) == ("critical", "firing")
    story.send("oncue.command.run.retry", {"run": id, "step": "a"}, actor="user:basis-1")
    assert waiting(story) == ["a~rollback"]
    failed(story, "a~rollback")
    story.send("oncue.command.run.skip", {"run": id, "step": "a", "reason": "shrunk by hand"}, actor="user:basis-1")
    assert ended(story)[0] == "rolled_back"
    assert [one.state for one in story.state.alerts.values()] == ["resolved"]


ONCE: dict[str, Any] = {**UNDO, "retry": {"attempts": 1}}


def test_what_people_settled_does_not_count_as_undone(story: Story) -> None:
    acts = (act("a", rollback=ONCE), act("b", rollback=ONCE), act("c", irreversible=True), act("d", rollback=ONCE))
    id = run(story, *acts, act("e"), on_failure={"rollback": "all"})
    for address in ("a", "b", "c", "d"):
        answer(story, address)
    failed(story, "e")
    answer(story, "d~rollback")
    story.send("oncue.command.run.skip", {"run": id, "step": "c", "reason": "stays"}, actor="user:basis-1")
    for address in ("b", "a"):
        failed(story, f"{address}~rollback")
        story.send("oncue.command.run.skip", {"run": id, "step": address, "reason": "by ssh"}, actor="user:basis-1")
    cause = "step e failed: http.status: 500"
    assert ended(story) == ("rolled_back", f"{cause}; 1 step undone, 2 settled by hand, 1 irreversible")
    told = {fact["address"]: fact.get("settled") for fact in story.of("step.undone")}
    assert told == {"d": None, "c": "stays (user:basis-1)", "b": "by ssh (user:basis-1)", "a": "by ssh (user:basis-1)"}


def test_where_nothing_was_undone_the_reason_says_so(story: Story) -> None:
    id = run(story, act("a", rollback=ONCE), act("b"), on_failure={"rollback": "all"})
    answer(story, "a")
    failed(story, "b")
    failed(story, "a~rollback")
    story.send("oncue.command.run.skip", {"run": id, "step": "a", "reason": "by ssh"}, actor="user:basis-1")
    assert ended(story)[1] == "step b failed: http.status: 500; no step undone, 1 settled by hand"


def test_why_a_run_is_undone_stays_its_reason(story: Story) -> None:
    id = run(story, act("a", rollback=ONCE), act("b"), on_failure={"rollback": "all"})
    answer(story, "a")
    failed(story, "b")
    cause = "step b failed: http.status: 500"
    failed(story, "a~rollback")
    assert story.state.runs[id].reason == f"{cause}; undoing step a failed: http.status: 500"
    story.send("oncue.command.run.retry", {"run": id, "step": "a"}, actor="user:basis-1")
    assert story.state.runs[id].reason == cause
    answer(story, "a~rollback")
    assert ended(story) == ("rolled_back", f"{cause}; 1 step undone")
    assert not story.state.cells["undone_for"]


def test_a_rollback_that_is_given_up_says_first_why_it_began(story: Story) -> None:
    id = run(story, act("a", rollback=ONCE), act("b"), on_failure={"rollback": "all"})
    answer(story, "a")
    failed(story, "b")
    failed(story, "a~rollback")
    story.send("oncue.command.run.cancel", {"run": id, "reason": "gone"}, actor="user:basis-1")
    stopped = "step b failed: http.status: 500; undoing step a failed: http.status: 500"
    assert ended(story) == ("failed", f"{stopped}; the rollback was given up by user:basis-1: gone")
    assert not story.state.cells["undone_for"]


def test_what_cannot_be_undone_stops_and_asks(story: Story) -> None:
    id = run(story, act("a", irreversible=True), act("b"), on_failure={"rollback": "all"})
    answer(story, "a")
    failed(story, "b")
    assert story.state.runs[id].state == "rollback_failed"
    story.send("oncue.command.run.cancel", {"run": id, "reason": "left as it is"}, actor="user:basis-1")
    state, reason = ended(story)
    assert state == "failed"
    assert "given up by user:basis-1" in str(reason)
    assert [one.state for one in story.state.alerts.values()] == ["resolved"]


def test_a_run_is_cancelled_with_what_it_did(story: Story) -> None:
    id = run(story, act("a", rollback=UNDO), act("b"))
    answer(story, "a")
    story.send("oncue.command.run.cancel", {"run": id, "rollback": True}, actor="user:basis-1")
    assert story.of("effect.cancelled")
    assert waiting(story) == ["a~rollback"]
    assert story.refused("oncue.command.run.cancel", {"run": id}) == "run.state"
    answer(story, "a~rollback")
    assert ended(story)[0] == "rolled_back"


def test_a_run_whose_time_is_up_is_undone(story: Story) -> None:
    run(story, act("a", rollback=UNDO), act("b"), timeout="10m", on_failure={"rollback": "all"})
    answer(story, "a")
    story.wait("10m")
    assert waiting(story) == ["a~rollback"]


def test_whoever_is_to_be_told_of_a_failure_is_told_that_the_time_was_up(story: Story) -> None:
    story.apply("Channel", "desk", {"type": "webhook", "with": {"url": "http://127.0.0.1/"}})
    run(story, act("a"), timeout="10m", on_failure={"notify": ["channel:desk"]})
    story.wait("10m")
    assert ended(story) == ("failed", "timeout: the run's time is up")
    (told,) = [effect.payload for effect in story.state.effects.values() if effect.kind == "notify"]
    assert "timeout: the run's time is up" in str(told)


def test_a_run_within_another_is_undone_though_nobody_waits_for_it_any_more(story: Story) -> None:
    alone = run(story, act("a", rollback={**UNDO, "retry": {"attempts": 1}}), act("b"))
    story.send("oncue.command.run.cancel", {"run": alone}, actor="user:basis-1")
    story.apply("Workflow", "outer", {"steps": [step("in", run={"workflow": "w"})]})
    outer = story.send("oncue.command.run.start", {"workflow": "outer"}, actor="user:basis-1")["id"]
    story.wait("1s")
    (inner,) = [id for id, one in story.state.runs.items() if one.parent is not None]
    answer(story, "a")
    story.send("oncue.command.run.cancel", {"run": inner, "rollback": True}, actor="user:basis-1")
    story.send("oncue.command.run.cancel", {"run": outer}, actor="user:basis-1")
    assert {id: one.state for id, one in story.state.runs.items()} == {inner: "rolling_back"}
    failed(story, "a~rollback")
    assert story.state.runs[inner].state == "rollback_failed"
    story.send("oncue.command.run.retry", {"run": inner, "step": "a"}, actor="user:basis-1")
    answer(story, "a~rollback")
    assert ended(story)[0] == "rolled_back"
    assert not story.state.runs


# concurrency


def begin(story: Story, **inputs: Any) -> str:
    id: str = story.send("oncue.command.run.start", {"workflow": "w", "inputs": inputs}, actor="user:basis-1")["id"]
    return id


def test_what_a_run_has_done_is_as_urgent_as_it_and_as_who_started_it(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [act("b")]})
    story.apply("Workflow", "urgent", {"steps": [act("c")], "priority": 1})
    run(story, act("a"), {"id": "x", "run": {"workflow": "inner"}}, priority=2)
    answer(story, "a")
    run(story, {"id": "y", "run": {"workflow": "urgent"}}, priority=4)
    priorities = {one.step: one.priority for one in story.state.effects.values()}
    assert priorities == {"b": 2, "c": 1}


def test_runs_of_the_same_key_follow_each_other_in_the_order_of_their_coming(story: Story) -> None:
    first = run(story, act("a"), concurrency={"by": ["inputs.host"]}, inputs={"host": "a"})
    second, third = begin(story, host="a"), begin(story, host="a")
    other = begin(story, host="b")
    assert [story.state.runs[id].state for id in (first, second, third, other)] == [
        "running",
        "queued",
        "queued",
        "running",
    ]
    story.send("oncue.command.run.cancel", {"run": first}, actor="user:basis-1")
    assert story.state.runs[second].state == "running"
    story.send("oncue.command.run.cancel", {"run": third}, actor="user:basis-1")
    story.send("oncue.command.run.cancel", {"run": second}, actor="user:basis-1")
    story.send("oncue.command.run.cancel", {"run": other}, actor="user:basis-1")
    assert not story.state.cells["gate"]


@pytest.mark.parametrize(
    ("how", "code"),
    [({"when_busy": "reject"}, "run.busy"), ({"max_queued": 1}, "run.queue_full")],
)
def test_a_run_that_may_not_wait_is_refused(story: Story, how: dict[str, Any], code: str) -> None:
    run(story, act("a"), concurrency=how)
    if code == "run.queue_full":
        begin(story)
    assert story.refused("oncue.command.run.start", {"workflow": "w", "inputs": {}}) == code


def test_a_run_that_is_refused_leaves_nothing_behind(story: Story) -> None:
    run(story, act("a"), concurrency={"when_busy": "reject"}, rate={"count": 2, "within": "1h"})
    before = story.state.cells["story"].copy(), story.state.cells["window"].copy(), story.state.cells["gate"].copy()
    assert story.refused("oncue.command.run.start", {"workflow": "w", "inputs": {}}) == "run.busy"
    after = story.state.cells["story"], story.state.cells["window"], story.state.cells["gate"]
    assert after == before


def test_a_run_takes_the_place_of_those_under_way(story: Story) -> None:
    first = run(story, act("a"), concurrency={"when_busy": "restart"})
    second = begin(story)
    assert list(story.state.runs) == [second]
    assert story.of("run.cancelled")[0]["id"] == first


def test_a_run_that_takes_the_place_of_others_waits_for_what_is_being_undone(story: Story) -> None:
    first = run(story, act("a", rollback=UNDO), act("b"), concurrency={"when_busy": "restart"})
    answer(story, "a")
    story.send("oncue.command.run.cancel", {"run": first, "rollback": True}, actor="user:basis-1")
    second, third = begin(story), begin(story)
    assert {id: one.state for id, one in story.state.runs.items()} == {first: "rolling_back", third: "queued"}
    assert [one["id"] for one in story.of("run.cancelled")] == [second]
    answer(story, "a~rollback")
    assert {id: one.state for id, one in story.state.runs.items()} == {third: "running"}
    assert story.of("run.rolled_back")[0]["id"] == first


def test_a_run_waits_for_its_turn_only_so_long(story: Story) -> None:
    run(story, act("a"), concurrency={"queue_timeout": "5m"})
    second = begin(story)
    story.wait("5m")
    assert second not in story.state.runs
    assert story.of("run.failed")[0]["reason"].startswith("timeout")


def test_a_workflow_begins_only_so_often(story: Story) -> None:
    run(story, act("a"), rate={"count": 2, "within": "1h"})
    begin(story)
    assert story.refused("oncue.command.run.start", {"workflow": "w", "inputs": {}}) == "run.too_often"
    story.wait("1h")
    begin(story)


# standing still


def test_a_run_that_does_not_move_is_an_alert_until_it_moves(story: Story) -> None:
    run(story, act("a", timeout="5h"), act("b"), timeout="10h", stuck_after="30m")
    story.wait("29m")
    assert not story.state.alerts
    story.wait("1m")
    (alert,) = story.state.alerts.values()
    assert alert.title.startswith("w has not moved for 30 minutes: step a waits for http.request")
    answer(story, "a")
    assert alert.state == "resolved"


def test_a_run_whose_work_tells_something_is_not_stuck(story: Story) -> None:
    run(story, act("a", timeout="5h"), timeout="10h", stuck_after="30m")
    (effect,) = story.state.effects.values()
    for _ in range(3):
        story.wait("20m")
        story.send("oncue.effect.told", {"effects": [[effect.id, effect.attempt]]})
    story.wait("29m")
    assert not story.state.alerts
    story.wait("10m")
    (alert,) = story.state.alerts.values()
    assert alert.title.startswith("w has not moved for 39 minutes")
    story.send("oncue.effect.told", {"effects": [[effect.id, effect.attempt + 1], ["ef-gone", 1]]})
    assert alert.state == "firing"
    story.send("oncue.effect.told", {"effects": [[effect.id, effect.attempt]]})
    assert alert.state == "resolved"
    story.wait("40m")
    assert stuck(story) == ["w has not moved for 40 minutes: step a waits for http.request, attempt 1"]


def test_a_run_that_waits_for_people_or_times_is_not_stuck(story: Story) -> None:
    run(story, step("both", parallel=[step("t", wait={"for": "9h"}), asks("p", {"by": ["team:basis"], "expires": "9h"})]),
        timeout="10h", stuck_after="30m")  # fmt: skip
    for _ in range(4):
        story.wait("2h")
    assert not story.state.alerts


# defects of ours


def breaks(patch: pytest.MonkeyPatch, module: Any, name: str, run: str) -> None:
    """What the module does raises for one run."""
    working = getattr(module, name)

    def broken(tx: Tx, one: Run, *more: Any) -> Any:
        if one.id == run:
            raise ZeroDivisionError("a defect")
        return working(tx, one, *more)

    patch.setattr(module, name, broken)


def test_a_run_that_cannot_be_taken_on_fails_and_says_what_to_report(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = step("wait", wait={"for": "5m"})
    bad, good = run(story, wait), run(story, wait)
    breaks(monkeypatch, forms, "wait_over", bad)
    story.skip("5m")
    story.problem()
    assert [one["id"] for one in story.of("run.succeeded")] == [good]
    assert len(story.state.alerts) == 1, "the input has its own effect"
    (failed,) = story.of("run.failed")
    assert failed["id"] == bad
    assert failed["reason"].startswith("a defect of OnCue: ZeroDivisionError: a defect. Please report it")
    assert f"oncue explain run {bad} -o json" in failed["reason"]
    (said,) = story.of("timer.failed")
    assert said == {"id": f"run.wait/{bad}/wait", "reason": "ZeroDivisionError: a defect"}
    assert not story.state.runs
    assert not [key for key in story.state.timers.by_key if key.startswith("run.")]


def test_a_run_that_cannot_be_taken_on_is_undone_if_it_says_so(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    id = run(story, act("a", rollback=UNDO), step("wait", wait={"for": "5m"}), on_failure={"rollback": "all"})
    answer(story, "a")
    breaks(monkeypatch, forms, "wait_over", id)
    story.wait("5m")
    answer(story, "a~rollback")
    assert story.of("run.rolled_back")[0]["reason"].startswith("a defect of OnCue")


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_a_run_that_cannot_be_taken_on_by_a_result_fails_as_well_and_is_undone(
    story: Story, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    id = run(story, act("a", rollback=UNDO), step("b", set={"x": 1}), on_failure={"rollback": "all"})
    with monkeypatch.context() as patch:
        breaks(patch, workflow, "_went_on", id)
        answer(story, "a", outcome)
    assert story.new().count(f"effect.{outcome}") == 1
    answer(story, "a~rollback")
    (over,) = story.of("run.rolled_back")
    assert over["reason"].startswith("a defect of OnCue: ZeroDivisionError: a defect. Please report it")
    assert not story.state.effects


def test_a_rollback_that_cannot_go_on_asks_a_person(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    id = run(story, act("a", rollback=UNDO), act("b"))
    answer(story, "a")
    with monkeypatch.context() as patch:
        breaks(patch, action_calls, "ask", id)
        story.send("oncue.command.run.cancel", {"run": id, "rollback": True}, actor="user:basis-2")
    assert story.state.runs[id].state == "rollback_failed"
    (alert,) = story.state.alerts.values()
    assert alert.severity == "critical"
    story.send("oncue.command.run.retry", {"run": id, "step": "a~rollback", "reason": "mended"}, actor="user:basis-2")
    answer(story, "a~rollback")
    assert story.of("run.rolled_back")[0]["id"] == id


def test_a_run_whose_turn_cannot_come_fails_and_the_next_has_its_turn(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(story, act("a"), concurrency={})
    bad, good = begin(story), begin(story)
    breaks(monkeypatch, workflow, "_begin", bad)
    answer(story, "a")
    story.wait("1s")
    story.wait("1s")
    assert [one["id"] for one in story.of("run.failed")] == [bad]
    assert {id: one.state for id, one in story.state.runs.items()} == {good: "running"}


def test_a_run_that_cannot_even_be_ended_stops_nothing(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    wait = step("wait", wait={"for": "5m"})
    bad, good = run(story, wait), run(story, wait)
    breaks(monkeypatch, forms, "wait_over", bad)
    breaks(monkeypatch, run_life, "stop", bad)
    story.wait("5m")
    assert [one["id"] for one in story.of("run.succeeded")] == [good]
    assert len(story.of("timer.failed")) == 2
    assert list(story.state.runs) == [bad]


def test_a_version_that_runs_pin_stays_as_it_was(story: Story) -> None:
    id = run(story, act("a"), act("b"))
    story.apply("Workflow", "w", {"steps": [act("a"), act("c")]})
    answer(story, "a")
    assert waiting(story) == ["b"]
    begin(story)
    assert len(story.state.definitions) == 2
    story.send("oncue.command.run.cancel", {"run": id}, actor="user:basis-1")
    assert len(story.state.definitions) == 1


def test_so_do_the_versions_that_its_steps_run_at_whatever_depth(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [act("agreed")]})
    story.apply("Workflow", "between", {"steps": [step("call", run={"workflow": "inner"})]})
    run(story, asks(), step("call", run={"workflow": "between"}))
    story.apply("Workflow", "inner", {"steps": [act("other")]})
    story.apply("Workflow", "between", {"steps": [act("another")]})
    again = Story()
    again.state.restore(story.state.dump())
    assert again.state.pinned == story.state.pinned
    decide(story, "user:basis-2")
    story.wait("1s")
    story.wait("1s")
    assert waiting(story) == ["agreed"]
    answer(story, "agreed")
    story.wait("1s")
    story.wait("1s")
    assert ended(story)[0] == "succeeded"
    assert not story.state.definitions
    assert not story.state.cells["pins"]
    assert not story.state.pinned


def test_an_approval_that_the_run_has_yet_to_come_to_is_not_passed_over_by_taking_it_out(story: Story) -> None:
    story.apply("Workflow", "gate", {"steps": [asks()]})
    id = run(story, act("a"), step("gate", run={"workflow": "gate"}), on_failure={"pause": True})
    story.apply("Workflow", "gate", {"steps": [step("x", set={"x": 1})]})
    answer(story, "a")
    skip = {"run": id, "step": "gate", "reason": "hurry"}
    assert say(story, "oncue.command.run.skip", skip, "user:basis-1") == "approval.unskippable"


def test_what_lies_in_a_step_that_was_passed_over_stays_as_it_is() -> None:
    story = Story()
    id = run(
        story,
        step("all", for_each={"items": [1, 2], "max_parallel": 2}, steps=[act("one")]),
        act("after"),
    )
    story.send("oncue.command.run.pause", {"run": id}, actor="user:basis-2")
    story.send("oncue.command.run.skip", {"run": id, "step": "all", "reason": "not needed"}, actor="user:basis-2")
    for verb in ("retry", "skip"):
        for address in ("all[1]", "all[1]/one"):
            asked = {"run": id, "step": address, "reason": "again"}
            assert story.refused(f"oncue.command.run.{verb}", asked) == "step.state"
    story.send("oncue.command.run.resume", {"run": id}, actor="user:basis-2")
    assert waiting(story) == ["after"]


def test_what_waits_for_its_turn_behind_what_someone_has_paused_is_told_of(story: Story) -> None:
    one_by_one = {"concurrency": {"limit": 1, "when_busy": "queue"}, "stuck_after": "20m"}
    run(story, act("a"), **one_by_one)
    second = story.send("oncue.command.run.start", {"workflow": "w"}, actor="user:basis-1")["id"]
    story.wait("30m")
    assert stuck(story) == ["w has not moved for 30 minutes: step a waits for http.request, attempt 1"]
    answer(story, "a")
    assert story.state.runs[second].state == "running"
    story.send("oncue.command.run.pause", {"run": second, "reason": "lunch"}, actor="user:basis-2")
    third = story.send("oncue.command.run.start", {"workflow": "w"}, actor="user:basis-1")["id"]
    story.wait("20m")
    assert stuck(story) == [f"w has not moved for 20 minutes: {second}, which has its turn, is paused by user:basis-2"]
    story.send("oncue.command.run.resume", {"run": second}, actor="user:basis-1")
    answer(story, "a")
    assert story.state.runs[third].state == "running"
    assert not stuck(story)


def test_a_run_that_waits_for_one_that_waits_for_its_turn_names_what_has_the_turn(story: Story) -> None:
    first = run(story, act("a"), concurrency={"limit": 1, "when_busy": "queue"})
    story.apply("Workflow", "above", {"steps": [step("call", run={"workflow": "w"})], "stuck_after": "20m"})
    story.send("oncue.command.run.start", {"workflow": "above"}, actor="user:basis-1")
    story.wait("1s")
    (queued,) = [one.id for one in story.state.runs.values() if one.state == "queued"]
    story.wait("30m")
    assert not [one for one in stuck(story) if one.startswith("above")]
    story.send("oncue.command.run.pause", {"run": first, "reason": "lunch"}, actor="user:basis-2")
    story.wait("10m")
    (said,) = [one for one in stuck(story) if one.startswith("above")]
    assert said.endswith(
        f"step call waits for run {queued}, which waits for its turn: {first}, which has its turn, is paused by user:basis-2"
    )


def stuck(story: Story) -> list[str]:
    """What is said of runs that stand still."""
    return [
        one.title for one in story.state.alerts.values() if one.type == "workflow.run.stuck" and one.state == "firing"
    ]
