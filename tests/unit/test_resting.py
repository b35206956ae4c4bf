"""Runs that rest: what wakes them, what keeps them awake, and that nobody who asks sees a difference."""

from datetime import timedelta

from tests.unit.story import Story

WAITS = {
    "steps": [{"id": "back", "wait": {"event": {"types": ["x.back"], "resource": "${inputs.host}"}}}],
    "timeout": "2h",
}
HOST = {"type": "object", "properties": {"host": {"type": "string"}}}


def lay_down(story: Story) -> int:
    """Between two batches, long after. Gives how many rest."""
    story.batch.undo.clear()
    runs = story.state.runs
    runs.turn += 1
    runs.rest(runs.turn, 1_000)
    return runs.resting


def act(story: Story, verb: str, id: str) -> None:
    story.send(f"oncue.command.run.{verb}", {"run": id, "reason": "r"}, actor="user:basis-2")


def some(*hosts: str) -> tuple[Story, list[str]]:
    story = Story()
    story.apply("Workflow", "w", {**WAITS, "inputs": HOST})
    ids = [
        story.send("oncue.command.run.start", {"workflow": "w", "inputs": {"host": host}}, actor="user:basis-1")["id"]
        for host in hosts
    ]
    return story, ids


def test_a_run_that_rests_leaves_the_look_ups_that_wake_it_and_nothing_else() -> None:
    story, ids = some("a", "b", "a")
    assert lay_down(story) == 3
    state = story.state
    assert not state.steps_of and not state.entities["step"] and not state.cells["wait"] and not state.timers.by_key
    assert sorted(state.runs) == sorted(ids) and len(state.runs) == 3 and ids[0] in state.runs
    assert state.next_at() == story.now + timedelta(hours=1), "the look for runs that stand still"


def test_the_event_that_it_waits_for_wakes_it_and_no_other() -> None:
    story, ids = some("a", "b", "a")
    lay_down(story)
    story.send("x.back", resource="b")
    assert [run["id"] for run in story.of("run.succeeded")] == [ids[1]]
    assert story.state.runs.resting == 2
    story.send("x.back", resource="a")
    assert len(story.of("run.succeeded")) == 3 and not story.state.runs


def test_its_time_wakes_it() -> None:
    story, ids = some("a", "b")
    lay_down(story)
    story.wait("3h")
    assert [run["id"] for run in story.of("run.failed")] == ids
    assert not story.state.runs and story.state.runs.next_at() is None


def test_of_many_that_are_due_at_once_only_those_wake_whose_turn_it_is() -> None:
    story, _ = some(*map(str, range(100)))
    assert lay_down(story) == 100
    story.wait("2h")
    assert story.state.runs.resting > 50
    for _ in range(30):
        story.wait("1s")
    assert len(story.of("run.failed")) == 100


def test_who_asks_for_it_gets_all_of_it() -> None:
    story, (id,) = some("a")
    before = (story.state.runs[id].__copy__(), story.state.steps_of[id]["back"].__copy__())
    dump = story.state.dump()
    lay_down(story)
    assert story.state.dump() == dump, "to look at all of the state wakes nobody"
    assert story.state.runs.resting == 1
    assert (story.state.runs[id], story.state.steps_of[id]["back"]) == before
    assert story.state.runs.resting == 0
    act(story, "cancel", id)
    assert not story.state.runs and story.state.next_at() is None


def test_one_that_was_asked_for_lately_stays_awake() -> None:
    story, (_first, second) = some("a", "b")
    story.batch.undo.clear()
    runs = story.state.runs
    runs.turn = 7
    assert runs[second].id == second
    assert runs.rest(7, 1_000) == 1 and runs.resting == 1, "only what was last asked for before turn 7"
    assert runs.rest(8, 1_000) == 1 and runs.resting == 2


def test_one_with_many_steps_and_one_that_moves_stay_awake() -> None:
    story = Story()
    each = {"items": [str(n) for n in range(40)], "max_parallel": 40}
    story.apply(
        "Workflow", "wide", {"steps": [{"id": "all", "for_each": each, "steps": [{"id": "w", "wait": {"for": "1h"}}]}]}
    )
    story.send("oncue.command.run.start", {"workflow": "wide"}, actor="user:basis-1")
    assert lay_down(story) == 0 and len(story.state.runs) == 1


def test_rests_paused_and_queued() -> None:
    story = Story()
    story.apply("Workflow", "w", {**WAITS, "inputs": HOST, "concurrency": {"limit": 1, "when_busy": "queue"}})
    first, second = (
        story.send("oncue.command.run.start", {"workflow": "w", "inputs": {"host": host}}, actor="user:basis-1")["id"]
        for host in ("a", "b")
    )
    act(story, "pause", first)
    assert lay_down(story) == 2
    assert [story.state.runs[id].state for id in (first, second)] == ["paused", "queued"]
    lay_down(story)
    act(story, "cancel", first)
    assert story.state.runs[second].state == "running", "its turn has come"
    lay_down(story)
    story.send("x.back", resource="b")
    assert not story.state.runs


def test_what_rests_is_small() -> None:
    story, _ = some(*(f"host-{number}" for number in range(200)))
    assert lay_down(story) == 200
    assert story.state.runs.resting_bytes / 200 < 300, "most of their bytes are the first one's"
