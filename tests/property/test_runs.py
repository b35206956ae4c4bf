"""Random workflows and random lives of their runs: restarts change nothing, nothing hangs, and nothing is left behind."""

import random
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from oncue.core import last_steps, quorums
from oncue.core.run import ACTIVE, OVER, WELL
from oncue.core.state import State
from oncue.core.steps import plan
from tests.property.test_determinism import bytes_of, restart_from_dump, restart_from_rows
from tests.unit.story import Story

LEAVES = ("act", "act", "act", "set", "emit", "wait", "event", "approval", "run")
HOLDERS = ("steps", "parallel", "switch", "try", "for_each")
URL = {"url": "https://a.example"}


def workflow(choice: random.Random, *, calls: bool) -> dict[str, Any]:
    """A random workflow; one that `calls` may run the other."""
    number = iter(range(1000))

    def some(depth: int, least: int = 1) -> list[dict[str, Any]]:
        return [one(depth) for _ in range(choice.randrange(least, 4))]

    def one(depth: int) -> dict[str, Any]:
        form = choice.choice(LEAVES + (HOLDERS if depth < 3 else ()))
        made: dict[str, Any] = {"id": f"s{next(number)}"}
        if choice.random() < 0.15:
            made["if"] = choice.choice(("inputs.n > 3", "inputs.n <= 3", "inputs.missing == 1"))
        if choice.random() < 0.15:
            made["on_failure"] = "continue"
        made |= leaf(form, depth) if form in LEAVES else holder(form, depth)
        return made

    def leaf(form: str, depth: int) -> dict[str, Any]:
        if form == "act":
            made: dict[str, Any] = {"uses": "http.request", "with": URL, "outputs": {"x": "result.x"}}
            if choice.random() < 0.4:
                made["retry"] = {"attempts": 2, "jitter": choice.random() < 0.5}
            if choice.random() < 0.4:
                made["rollback"] = {"uses": "http.request", "with": {"url": "https://a.example/${result.x}"}}
                if choice.random() < 0.4:
                    looked = {
                        "uses": "http.request",
                        "with": URL,
                        "that": "result.x == 1",
                        "every": "10s",
                        "within": "15s",
                    }
                    made["rollback"]["validate"] = looked
            elif choice.random() < 0.1:
                made["irreversible"] = True
            if choice.random() < 0.3:
                made["validate"] = {
                    "uses": "http.request",
                    "with": URL,
                    "that": "result.x == 1",
                    "every": "10s",
                    "within": "25s",
                    **choice.choice(
                        ({}, {"failure_limit": 2}, {"success_limit": 2}, {"inconclusive": "result.x == 2"})
                    ),
                }
                made["on_failed_validation"] = choice.choice(("fail", "continue"))
            if choice.random() < 0.3:
                looks = {"uses": "http.request", "with": URL, "every": "10s", "within": "25s", "that": "result.x == 1"}
                compared = {
                    **looks,
                    "that": "result.x >= baseline.x",
                    "when": ["before", choice.choice(("during", "after"))],
                }
                made["validate"] = [{**looks, "when": "before"}, compared, looks][choice.randrange(2) :]
            return made
        if form == "set":
            return {"set": {"v": choice.choice(("${inputs.n}", "${vars.v}", 1))}}
        if form == "emit":
            return {"emit": {"type": choice.choice(("x.wanted", "x.other")), "resource": "db-1"}}
        if form == "wait":
            return {"wait": {"for": choice.choice(("0s", "30s", "5m"))}}
        if form == "event":
            return {"wait": {"event": {"types": ["x.wanted"], "resource": choice.choice(("db-1", None))},
                             "timeout": choice.choice(("2m", None)), "on_timeout": choice.choice(("fail", "continue"))}}  # fmt: skip
        if form == "approval":
            asked = choice.choice((["user:basis-2", "user:basis-3"], ["team:basis"]))
            return {"approvals": [{"by": asked, "quorum": choice.randrange(1, 3), "expires": "4m"}]}
        if calls:
            return {"run": {"workflow": "inner", "detached": choice.random() < 0.2}}
        return {"set": {"w": 2}}

    def holder(form: str, depth: int) -> dict[str, Any]:
        inner = some(depth + 1)
        if form == "switch":
            return {
                "switch": [{"when": "inputs.n > 5", "steps": inner}, {"when": "inputs.n > 2", "steps": some(depth + 1)}]
            }
        if form == "try":
            made: dict[str, Any] = {"try": inner}
            if choice.random() < 0.7:
                made["catch"] = some(depth + 1)
            if "catch" not in made or choice.random() < 0.4:
                made["finally"] = some(depth + 1)
            return made
        if form == "for_each":
            each = {"items": choice.choice((["a", "b", "c"], [], [1, 1])), "max_parallel": choice.randrange(1, 4),
                    "as": f"item{depth}", "max_failures": choice.choice((0, 1, "50%"))}  # fmt: skip
            return {"for_each": each, "steps": inner}
        made = {form: inner}
        if choice.random() < 0.2:
            phases = choice.choice((["before"], ["after"], ["before", "after"]))
            made["validate"] = {
                "uses": "http.request",
                "with": URL,
                "that": "result.x == 1",
                "within": "25s",
                "when": phases,
            }
        return made

    spec: dict[str, Any] = {
        "inputs": {"type": "object", "additionalProperties": True},
        "steps": some(0, 2),
        "timeout": "2h",
    }
    spec["on_failure"] = choice.choice(
        (
            {}, {"rollback": "all"}, {"pause": True}, {"rollback": "item"}, {"rollback": "batch"},
            {"pause": True, "pause_for": "1m", "rollback": "all"},
        )
    )  # fmt: skip
    if choice.random() < 0.4:
        spec["concurrency"] = {"limit": choice.randrange(1, 3), "when_busy": choice.choice(("queue", "restart", "reject")), "max_queued": 2,
                               "by": choice.choice(([], ["inputs.n"]))}  # fmt: skip
    if choice.random() < 0.3:
        spec["rate"] = {"count": 3, "within": "10m"}
    return spec


def setting(choice: random.Random) -> Story:
    story = Story()
    story.apply("Team", "basis", {"members": ["basis-2", "basis-3"], "channels": []})
    story.apply("Workflow", "inner", workflow(choice, calls=False))
    story.apply("Workflow", "outer", workflow(choice, calls=True))
    return story


def say(story: Story, type: str, data: dict[str, Any], who: str) -> None:
    """A command, where what it is about is; it may be refused."""
    state = story.state
    about = ("change", state.changes), ("approval", state.approvals), ("run", state.runs)
    found = [rows[data[name]].namespace for name, rows in about if data.get(name) in rows]
    document = {
        "specversion": "1.0",
        "namespace": next(iter(found), "default"),
        "id": f"c{len(story.inputs)}",
        "source": "/test",
        "type": f"oncue.command.{type}",
        "data": data,
    }
    story.feed(msgspec.json.encode(document), story.now, actor=who)


def happen(story: Story, choice: random.Random, *, steered: bool = True) -> None:
    """One thing that happens; people do something with runs only if they are `steered`."""
    what, state = choice.randrange(15), story.state
    if what < 2:
        say(
            story,
            "run.start",
            {"workflow": choice.choice(("inner", "outer")), "inputs": {"n": choice.randrange(8)}},
            "user:basis-1",
        )
    elif what < 7 and state.effects:
        result(story, choice)
    elif what < 9:
        story.wait(choice.choice(("1s", "10s", "40s", "6m")))
    elif what == 9:
        story.send(choice.choice(("x.wanted", "x.other")), resource=choice.choice(("db-1", "db-2")))
    elif what == 10 and state.approvals:
        data = {
            "approval": choice.choice(sorted(state.approvals)),
            "decision": choice.choice(("approve", "approve", "reject")),
        }
        say(story, "approval.decide", data, choice.choice(("user:basis-1", "user:basis-2", "user:basis-3")))
    elif what == 14:
        staff(story, choice)
    elif what > 10 and state.runs and steered:
        steer(story, choice)


def staff(story: Story, choice: random.Random) -> None:
    """People come and go, hand on what they are asked, and work tells something."""
    what, who, other = choice.randrange(4), *choice.sample(("basis-2", "basis-3", "basis-4"), 2)
    if what == 0:
        gone = choice.random() < 0.5
        story.send("oncue.audit.user_changed", {"user": who, "changed": {"disabled": gone}}, actor="user:admin-1")
    elif what == 1:
        members = choice.sample(("basis-2", "basis-3", "basis-4"), choice.randrange(4))
        story.apply("Team", "basis", {"members": members, "channels": []})
    elif what == 2 and story.state.effects:
        effect = story.state.effects[choice.choice(sorted(story.state.effects))]
        story.send("oncue.effect.told", {"effects": [[effect.id, effect.attempt]]})
    elif story.state.approvals and who not in story.state.cells["absent"]:
        approval = choice.choice(sorted(story.state.approvals))
        say(story, "approval.delegate", {"approval": approval, "to": f"user:{other}"}, f"user:{who}")


def result(story: Story, choice: random.Random) -> None:
    """An action comes to something."""
    effect = choice.choice(sorted(story.state.effects))
    outcome = choice.choice(("succeeded", "succeeded", "succeeded", "failed", "failed", "unknown"))
    more: dict[str, Any] = (
        {"result": choice.choice(({"x": 1}, {"x": 1}, {"x": 2}, {}))} if outcome == "succeeded" else {}
    )
    if outcome == "failed":
        transient, nothing_done = choice.random() < 0.5, choice.random() < 0.4
        more = {"error_code": "http.status", "transient": transient, "nothing_done": nothing_done}
    story.result(outcome, effect=effect, **more)


def steer(story: Story, choice: random.Random) -> None:
    """Someone does something with a run."""
    run = choice.choice(sorted(story.state.runs))
    workflow = story.state.runs[run].workflow
    verb = choice.choice(("pause", "resume", "cancel", "retry", "retry", "skip", "skip", "fork"))
    data: dict[str, Any] = {"run": run, "reason": "r"}
    addresses = sorted(story.state.steps_of[run])
    if verb in ("retry", "skip"):
        data["step"] = choice.choice(addresses) if addresses else "none"
    if verb == "cancel":
        data |= {"rollback": choice.random() < 0.5, "at_once": choice.random() < 0.5}
    if verb == "fork":
        steps = [msgspec.to_builtins(one) for _, one in sorted(story.state.steps_of[run].items())]
        data |= {"workflow": workflow, "inputs": {"n": 3}, "steps": steps, "step": "s1", "again": True}
    say(story, f"run.{verb}", data, "user:basis-2")


def told(seed: int, steps: int = 60, between: Any = None, *, steered: bool = True) -> Story:
    """A random life."""
    choice, other = random.Random(seed), random.Random(seed + 1)
    story = setting(choice)
    for _ in range(steps):
        happen(story, choice, steered=steered)
        if between is not None:
            between(story, other)
    return story


SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(seed=st.integers(0, 2**32))
def test_restarts_at_random_boundaries_change_nothing(seed: int) -> None:
    straight = told(seed)
    assert "oncue.timer.failed" not in {fact.type for fact in straight.facts}
    for restart in (restart_from_dump, restart_from_rows):
        broken = told(seed, between=restart)
        assert bytes_of(broken) == bytes_of(straight)
        assert broken.state.dump() == straight.state.dump()


def rest(story: Story, choice: random.Random) -> None:
    """All runs that can be, or one, are laid to rest."""
    if choice.random() < 0.5:
        story.batch.undo.clear()
        story.state.runs.turn += 1
        story.state.runs.rest(story.state.runs.turn, choice.choice((1, 1000)))


@SLOW
@given(seed=st.integers(0, 2**32))
def test_runs_that_rest_are_none_the_worse_for_it(seed: int) -> None:
    rested = []

    def between(story: Story, choice: random.Random) -> None:
        rest(story, choice)
        rested.append(story.state.runs.resting)
        restart_from_rows(story, choice)

    straight, broken = told(seed), told(seed, between=between)
    assert bytes_of(broken) == bytes_of(straight)
    assert broken.state.dump() == straight.state.dump()
    assert len(broken.state.runs) == len(straight.state.runs)
    target(float(sum(rested)))


def waits(state: State) -> dict[Any, list[str]]:
    """Who waits for what."""
    return {
        (type, resource): [ids] if isinstance(ids, str) else sorted(ids)
        for type, rows in state.waits.items()
        for resource, ids in rows.items()
    }


@SLOW
@given(seed=st.integers(0, 2**32))
def test_a_batch_that_is_rolled_back_leaves_no_trace(seed: int) -> None:
    story, choice = told(seed, 30), random.Random(seed)
    before, position, now = story.state.dump(), story.state.position, story.state.now
    rest(story, choice)
    story.batch.undo.clear()
    for _ in range(15):
        happen(story, choice)
    story.batch.rollback(story.state)
    story.state.position, story.state.now = position, now
    assert story.state.dump() == before
    fresh = State(story.state.identity)
    fresh.restore(before)
    assert story.state.pinned == fresh.pinned
    assert waits(story.state) == waits(fresh)
    assert all(story.state.runs[run] == fresh.runs[run] for run in fresh.runs)
    there = {run: sorted(rows) for run, rows in story.state.steps_of.items()}
    assert there == {run: sorted(rows) for run, rows in fresh.steps_of.items()}


def wakes(story: Story, run: Any) -> bool:
    """Whether something will take the run on: a result, a time, an event, a person, another run."""
    state = story.state
    if run.state in ("paused", "rollback_failed"):
        return True  # a person
    if run.state == "queued":
        gate = state.cells["gate"][run.gate]
        return bool(gate.runs) or f"run.admit/{run.id}" in state.timers.by_key
    keys = state.timers.by_key
    if any(f"run.{what}/{run.id}" in keys for what in ("go", "undo")):
        return True
    for step in state.steps_of[run.id].values():
        if step.state not in ACTIVE:
            continue
        if step.effect in state.effects or any(f"{what}/{step.id}" in keys for what in TIMERS):
            return True
        if step.id in state.cells["wait"] and state.cells["wait"][step.id].waiting:
            return True
        result = step.result if isinstance(step.result, dict) else {}
        if result.get("approval") in state.approvals or result.get("run") in state.runs:
            return True
    return False


TIMERS = ("run.wait", "run.look", "run.call", "run.joined", "run.decided")


@SLOW
@given(seed=st.integers(0, 2**32))
def test_nothing_ever_hangs_without_something_that_takes_it_on(seed: int) -> None:
    def look(story: Story, choice: random.Random) -> None:
        for run in story.state.runs.values():
            assert run.state not in OVER
            assert wakes(story, run), (
                run,
                sorted((s.address, s.state, s.uses) for s in story.state.steps_of[run.id].values()),
            )

    told(seed, 80, look)


@SLOW
@given(seed=st.integers(0, 2**32))
def test_a_run_is_stuck_as_long_as_it_asks_those_who_cannot_agree(seed: int) -> None:
    def look(story: Story, choice: random.Random) -> None:
        state = story.state
        for one in state.approvals.values():
            if one.state == "pending":
                people = quorums.people_of(state, one.namespace, one.delegations)
                assert (quorums.out_of_reach(people, one) is None) == (one.unattainable is None)
                assert one.unattainable is None or state.runs[str(one.run)].stuck
        told_of = [one for one in state.alerts.values() if one.check == "workflow.run.stuck" and one.state == "firing"]
        assert len(told_of) == sum(run.stuck for run in state.runs.values())

    told(seed, 80, look)


@SLOW
@given(seed=st.integers(0, 2**32))
def test_when_all_is_over_nothing_is_left(seed: int) -> None:
    story, choice = told(seed, 50), random.Random(seed)
    for _ in range(3000):
        if not story.state.runs:
            break
        for run in sorted(story.state.runs):
            if run in story.state.runs and story.state.runs[run].state in ("paused", "rollback_failed"):
                say(story, "run.cancel", {"run": run, "rollback": False}, "user:basis-2")
        for effect in sorted(story.state.effects):
            if effect in story.state.effects:
                story.result("succeeded", effect=effect, result={"x": choice.choice((1, 2))})
        for approval in sorted(story.state.approvals):
            say(story, "approval.decide", {"approval": approval, "decision": "approve"}, "user:basis-3")
        story.wait("40s")
    assert not story.state.runs
    story.wait("3h")
    state = story.state
    for what in (state.steps_of, state.pinned, state.waits, state.approvals, state.definitions, state.entities["step"]):
        assert not what, what
    for cell in ("gate", "items", "outcome", "wait", "story"):
        assert not state.cells[cell], (cell, state.cells[cell])
    assert not [key for key in state.timers.by_key if key.startswith(("run.", "approval."))]


@SLOW
@given(seed=st.integers(0, 2**32))
def test_a_step_that_is_under_way_or_well_never_begins_again_by_itself(seed: int) -> None:
    story = told(seed, 80, steered=False)
    known: dict[tuple[str, str], str] = {}
    for fact in story.facts:
        if fact.type.startswith("oncue.step."):
            data = msgspec.json.decode(fact.body)["data"]
            key = (data["run"], data["address"])
            if fact.type == "oncue.step.started":
                assert known.get(key) not in ACTIVE | WELL, key
            known[key] = data["state"]


@SLOW
@given(seed=st.integers(0, 2**32))
def test_what_is_done_in_any_case_is_done_when_a_run_is_stopped(seed: int) -> None:
    story, choice = told(seed, 30, steered=False), random.Random(seed)
    state, wanted = story.state, set[str]()
    for id, run in sorted(state.runs.items()):
        nodes = plan(state, run).nodes
        for step in last_steps.spared(state, run).values():
            if step.uses == "try" and "finally" in nodes[step.node].blocks and run.state in ("running", "paused"):
                wanted.add(f"{id}/{step.address}/{nodes[step.node].blocks['finally'].nodes[0].id}")
    for id in sorted(state.runs):
        if id in state.runs and not last_steps.under_way(state.runs[id]):
            say(story, "run.cancel", {"run": id, "rollback": choice.random() < 0.5}, "user:basis-2")
    target(float(len(wanted)))
    for _ in range(40):
        for effect in sorted(state.effects):
            if effect in state.effects:
                result(story, choice)
        for approval in sorted(state.approvals):
            say(story, "approval.decide", {"approval": approval, "decision": "approve"}, "user:basis-3")
        story.wait("10s")
    began = {fact.id for fact in story.facts if fact.type.startswith("oncue.step.")}
    assert all(one in began or f"{one}~before" in began for one in wanted), wanted - began
