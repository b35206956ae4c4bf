"""What a run still does when it is stopped: `finally` is done in any case."""

from typing import Any

import pytest

from oncue.core import last_steps
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


def test_to_cancel_it_once_more_ends_that_too(story: Story) -> None:
    id = run(story, guarded("t", act("long")))
    stop(story, id)
    assert (command(story, "pause", id), command(story, "resume", id)) == ("run.state", "run.state")
    assert stop(story, id) is None
    assert ended(story) == ("cancelled", "not wanted (user:basis-2); ended at once: not wanted (user:basis-2)")
    assert not waiting(story)


def test_it_may_not_take_for_ever(story: Story) -> None:
    id = run(story, guarded("t", act("long"), tidy="slow"))
    stop(story, id)
    story.wait(f"{int(last_steps.LASTS_S)}s")
    assert ended(story) == ("cancelled", "not wanted (user:basis-2)")
    assert order(story)[-2:] == ["t cancelled", "t/slow cancelled"]


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
