"""What a run still does when it is stopped: `finally` is done in any case."""

import random
from typing import Any

import pytest

from oncue.core import last_steps
from tests.property.test_determinism import restart_from_rows
from tests.unit.runs import act, answer, ended, order, run, step, waiting
from tests.unit.story import Story

UNDO = {"uses": "http.request", "with": {"url": "http://127.0.0.1/undo"}}


@pytest.fixture
def story() -> Story:
    return Story()


def guarded(id: str, *inner: dict[str, Any], tidy: str = "tidy", **more: Any) -> dict[str, Any]:
    return step(id, **{"try": list(inner), "finally": [act(tidy)]}, **more)


def stop(story: Story, id: str, **how: Any) -> str | None:
    """A person cancels the run. Gives the code if that is refused."""
    return command(story, "cancel", id, reason="not wanted", **how)


def command(story: Story, verb: str, id: str, **data: Any) -> str | None:
    try:
        story.send(f"oncue.command.run.{verb}", {"run": id, **data}, actor="user:basis-2")
    except AssertionError as refused:
        return str(refused).partition(":")[0]
    return None


def test_a_run_that_is_cancelled_does_what_is_done_in_any_case_first(story: Story) -> None:
    id = run(story, guarded("t", act("long"), act("never")), step("after", set={"x": 1}))
    assert stop(story, id) is None
    assert waiting(story) == ["t/tidy"]
    assert story.of("run.stopping")[0]["reason"] == "not wanted (user:basis-2)"
    assert not story.of("run.cancelled")
    answer(story, "t/tidy")
    assert ended(story) == ("cancelled", "not wanted (user:basis-2)")
    assert order(story) == ["t/long cancelled", "t/tidy succeeded", "t failed"]


def test_one_whose_time_is_up_does_it_as_well(story: Story) -> None:
    run(story, guarded("t", act("long")), timeout="10m")
    story.wait("10m")
    assert waiting(story) == ["t/tidy"]
    answer(story, "t/tidy")
    assert ended(story) == ("failed", "timeout: the run's time is up")


def test_what_it_did_is_undone_after_that(story: Story) -> None:
    id = run(story, act("first", rollback=UNDO), guarded("t", act("long")))
    answer(story, "first")
    stop(story, id, rollback=True)
    assert waiting(story) == ["t/tidy"]
    answer(story, "t/tidy")
    assert waiting(story) == ["first~rollback"]
    answer(story, "first~rollback")
    assert ended(story) == ("rolled_back", "not wanted (user:basis-2); 1 step undone")


def test_a_workflow_that_wants_it_is_undone_after_its_time_is_up(story: Story) -> None:
    run(story, act("first", rollback=UNDO), guarded("t", act("long")), timeout="10m", on_failure={"rollback": "all"})
    answer(story, "first")
    story.wait("10m")
    answer(story, "t/tidy", "failed", error_code="http.status")
    answer(story, "first~rollback")
    assert ended(story) == ("rolled_back", "timeout: the run's time is up; 1 step undone")


def test_two_people_who_cancel_it_do_each_other_no_harm(story: Story) -> None:
    id = run(story, guarded("t", act("long")))
    stop(story, id)
    assert (command(story, "pause", id), command(story, "resume", id)) == ("run.stopping", "run.state")
    facts = len(story.facts)
    assert stop(story, id) == "run.stopping"
    assert (waiting(story), len(story.facts)) == (["t/tidy"], facts)
    answer(story, "t/tidy")
    assert ended(story) == ("cancelled", "not wanted (user:basis-2)")


def test_of_one_that_was_stopped_it_can_be_asked_that_it_is_undone_as_well(story: Story) -> None:
    id = run(story, act("first", rollback=UNDO), guarded("t", act("long")))
    answer(story, "first")
    stop(story, id)
    assert stop(story, id, rollback=True) is None
    assert waiting(story) == ["t/tidy"], "what is done in any case goes on"
    assert story.of("run.stopping")[-1]["wants"] == "undo"
    assert stop(story, id, rollback=True) == "run.stopping"
    answer(story, "t/tidy")
    assert waiting(story) == ["first~rollback"]


def test_one_that_is_not_stopped_yet_can_end_without_what_is_done_in_any_case(story: Story) -> None:
    id = run(story, guarded("t", act("long")))
    assert stop(story, id, at_once=True) is None
    assert ended(story) == ("cancelled", "not wanted (user:basis-2); ended at once")
    assert order(story) == ["t/long cancelled", "t cancelled"]
    assert not waiting(story)


def test_only_who_asks_for_it_ends_what_is_done_in_any_case(story: Story) -> None:
    id = run(story, guarded("t", act("long")))
    stop(story, id)
    assert stop(story, id, at_once=True) is None
    assert ended(story) == ("cancelled", "not wanted (user:basis-2); ended at once: not wanted (user:basis-2)")
    assert not waiting(story)


def test_it_may_not_take_for_ever(story: Story) -> None:
    id = run(story, guarded("t", act("long"), tidy="slow"))
    stop(story, id)
    story.wait(f"{int(last_steps.LASTS_S)}s")
    assert ended(story) == ("cancelled", "not wanted (user:basis-2)")
    assert order(story)[-2:] == ["t/slow cancelled", "t failed"]


def test_one_that_takes_too_long_takes_nothing_from_those_around_it(story: Story) -> None:
    inner = guarded("i", act("long"), tidy="slow")
    id = run(story, step("o", **{"try": [inner], "finally": [act("last"), act("very_last")]}))
    stop(story, id)
    story.wait(f"{int(last_steps.LASTS_S)}s")
    assert waiting(story) == ["o/last"]
    assert order(story) == ["o/i/long cancelled", "o/i/slow cancelled", "o/i failed"]
    story.wait(f"{int(last_steps.LASTS_S) - 1}s")
    answer(story, "o/last")
    assert waiting(story) == ["o/very_last"]
    story.wait("1s")
    assert ended(story) == ("cancelled", "not wanted (user:basis-2)")


def test_one_that_ends_just_in_time_leaves_those_around_it_all_of_theirs(story: Story) -> None:
    id = run(story, step("o", **{"try": [guarded("i", act("long"), tidy="slow")], "finally": [act("last")]}))
    stop(story, id)
    story.wait(f"{int(last_steps.LASTS_S) - 1}s")
    answer(story, "o/i/slow")
    story.wait(f"{int(last_steps.LASTS_S) - 1}s")
    assert waiting(story) == ["o/last"]
    answer(story, "o/last")
    assert order(story)[-2:] == ["o/last succeeded", "o failed"]


def test_the_innermost_goes_first_and_nothing_is_caught(story: Story) -> None:
    outer = step("o", **{"try": [guarded("t", act("long"), on_failure="continue"), act("next")], "catch": [act("mend")],
                         "finally": [act("last")]})  # fmt: skip
    id = run(story, outer)
    stop(story, id)
    assert waiting(story) == ["o/t/tidy"]
    answer(story, "o/t/tidy")
    assert waiting(story) == ["o/last"]
    answer(story, "o/last")
    assert ended(story)[0] == "cancelled"
    assert order(story) == ["o/t/long cancelled", "o/t/tidy succeeded", "o/t failed", "o/last succeeded", "o failed"]


def test_what_is_under_way_in_a_finally_goes_on_with_its_own_try(story: Story) -> None:
    inner = step("i", **{"try": [act("risky")], "catch": [act("mend")]})
    id = run(story, step("t", **{"try": [act("quick")], "finally": [inner]}), act("after"))
    answer(story, "t/quick")
    assert waiting(story) == ["t/i/risky"]
    stop(story, id)
    assert waiting(story) == ["t/i/risky"], "it is not stopped"
    answer(story, "t/i/risky", "failed", error_code="http.status")
    answer(story, "t/i/mend")
    assert ended(story)[0] == "cancelled"
    assert order(story)[-2:] == ["t/i succeeded", "t succeeded"], "what followed never began"


def test_branches_and_items_that_guard_nothing_are_stopped_and_no_others_begin(story: Story) -> None:
    each = {"items": ["a", "b", "c", "d"], "max_parallel": 2, "max_failures": 4}
    items = step("all", for_each=each, steps=[guarded("t", act("long"), on_failure="continue"), act("more")])
    id = run(story, step("p", parallel=[items, act("beside")]), act("after"))
    assert waiting(story) == ["p/all[a]/t/long", "p/all[b]/t/long", "p/beside"]
    answer(story, "p/all[a]/t/long")
    answer(story, "p/all[a]/t/tidy")
    assert waiting(story) == ["p/all[a]/more", "p/all[b]/t/long", "p/beside"]
    stop(story, id)
    assert waiting(story) == ["p/all[b]/t/tidy"]
    answer(story, "p/all[b]/t/tidy")
    assert ended(story)[0] == "cancelled"
    assert not {"p/all[c]", "p/all[d]", "after"} & {one.split(" ")[0] for one in order(story)}


def test_one_that_people_paused_does_it_too(story: Story) -> None:
    id = run(story, guarded("t", act("long")))
    command(story, "pause", id)
    answer(story, "t/long")
    assert not waiting(story)
    stop(story, id)
    assert waiting(story) == ["t/tidy"]
    answer(story, "t/tidy")
    assert ended(story)[0] == "cancelled"


def test_a_run_that_takes_the_place_of_another_waits_for_that(story: Story) -> None:
    how = {"limit": 1, "when_busy": "restart"}
    first = run(story, guarded("t", act("long")), concurrency=how)
    second = story.send("oncue.command.run.start", {"workflow": "w"}, actor="user:basis-1")["id"]
    assert waiting(story) == ["t/tidy"]
    assert story.state.runs[second].state == "queued"
    third = story.send("oncue.command.run.start", {"workflow": "w"}, actor="user:basis-1")["id"]
    assert second not in story.state.runs
    answer(story, "t/tidy")
    assert first not in story.state.runs
    assert (story.state.runs[third].state, waiting(story)) == ("running", ["t/long"])


def test_a_run_that_another_no_longer_waits_for_does_it(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [guarded("t", act("long"))]})
    id = run(story, step("call", run={"workflow": "inner"}))
    stop(story, id)
    assert ended(story)[0] == "cancelled"
    assert waiting(story) == ["t/tidy"]
    answer(story, "t/tidy")
    assert not story.state.runs


def test_without_any_it_is_over_at_once(story: Story) -> None:
    id = run(story, step("t", **{"try": [act("long")], "catch": [act("mend")]}))
    stop(story, id)
    assert ended(story) == ("cancelled", "not wanted (user:basis-2)")
    assert not story.of("run.stopping")


@pytest.mark.parametrize("passed_over", ["all[a]", "all[a]/t", "all[a]/t/tidy"])
def test_what_it_does_in_any_case_can_be_passed_over_at_every_height(story: Story, passed_over: str) -> None:
    items = step("all", for_each={"items": ["a", "b"], "max_parallel": 1}, steps=[guarded("t", act("long"))])
    id = run(story, items, act("after"))
    stop(story, id)
    assert command(story, "skip", id, step=passed_over, reason="done by hand") is None
    assert ended(story) == ("cancelled", "not wanted (user:basis-2)")
    assert not waiting(story)


def test_nothing_that_was_stopped_is_taken_up_again_by_passing_over_a_step(story: Story) -> None:
    each = {"items": ["a", "b"], "max_parallel": 2, "max_failures": 2}
    items = step(
        "all", for_each=each, steps=[step("s", steps=[act("long")], on_failure="continue"), guarded("t", act("more"))]
    )
    id = run(story, items)
    answer(story, "all[a]/s/long")
    stop(story, id)
    assert waiting(story) == ["all[a]/t/tidy"]
    assert command(story, "skip", id, step="all[b]/s/long", reason="done by hand") == "run.state"
    assert command(story, "skip", id, step="all[b]", reason="done by hand") == "run.state"
    assert waiting(story) == ["all[a]/t/tidy"]


@pytest.mark.parametrize("block", ["catch", "finally"])
def test_what_a_try_has_gone_on_from_is_not_taken_up_again_beside_what_followed(story: Story, block: str) -> None:
    inner = step("s", steps=[act("first"), act("second")])
    id = run(story, step("t", **{"try": [inner], block: [act("mend")]}))
    answer(story, "t/s/first", "failed", error_code="http.status")
    assert waiting(story) == ["t/mend"]
    assert command(story, "skip", id, step="t/s/first", reason="done by hand") == "step.state"
    command(story, "pause", id)
    assert command(story, "retry", id, step="t/s/first") == "step.state"
    command(story, "resume", id)
    assert waiting(story) == ["t/mend"]


def test_a_step_that_is_tried_again_does_not_end_with_the_run_that_it_began_before(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [guarded("t", act("long"))]})
    holds = {"uses": "http.request", "with": {"url": "http://127.0.0.1/"}, "that": "result.ok", "when": "during", "every": "10s", "within": "1m"}  # fmt: skip
    id = run(story, step("call", run={"workflow": "inner"}, validate=holds), on_failure={"pause": True})
    story.wait("1s")
    answer(story, "call~during~validate", result={"ok": False})
    assert waiting(story) == ["t/tidy"], "the run that is no longer waited for does what is done in any case"
    command(story, "retry", id, step="call")
    story.wait("1s")
    answer(story, "t/tidy")
    assert story.of("run.cancelled"), "which is over"
    assert waiting(story) == ["call~during~validate", "t/long"], "and the one that is waited for goes on"
    answer(story, "t/long")
    answer(story, "t/tidy")
    story.wait("1s")
    assert ended(story)[0] == "succeeded"


def test_what_became_of_a_run_is_forgotten_with_the_step_that_waited_for_it(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [act("long")], "timeout": "9m"})
    run(story, step("call", run={"workflow": "inner"}), timeout="10m")
    story.wait("10m")
    assert [ended(story), len(story.of("run.failed"))] == [("failed", "timeout: the run's time is up"), 2]
    assert not story.state.cells["outcome"]


def test_a_restart_before_it_is_stopped_does_not_change_the_order(story: Story) -> None:
    other = Story()
    for one in (story, other):
        each = {"items": ["d", "b", "c", "a"], "max_parallel": 4}
        id = run(one, step("all", for_each=each, steps=[guarded("t", act("long"))]))
        if one is other:
            restart_from_rows(other, random.Random(1))
        stop(one, id)
    assert story.state is not other.state
    assert [fact.id for fact in story.facts] == [fact.id for fact in other.facts]


def test_items_of_what_is_forgotten_are_forgotten_with_it(story: Story) -> None:
    each = step("all", for_each={"items": ["a"]}, steps=[step("note", set={"x": 1})])
    id = run(story, step("t", **{"try": [act("risky")], "catch": [each, act("mend")]}), on_failure={"pause": True})
    answer(story, "t/risky", "failed", error_code="http.status")
    answer(story, "t/mend", "failed", error_code="http.status")
    command(story, "retry", id, step="t/risky")
    answer(story, "t/risky")
    assert ended(story)[0] == "succeeded"
    assert not story.state.cells["items"]
