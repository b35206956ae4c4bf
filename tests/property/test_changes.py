"""Random changes and random lives of theirs: restarts change nothing, nothing hangs, and none is done without agreement."""

import contextlib
import random
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oncue.core import change_rules
from oncue.core.change import ENDED, OPEN
from tests.property.test_determinism import bytes_of, restart_from_dump, restart_from_rows
from tests.property.test_runs import result, say, steer, wakes
from tests.unit.story import Story

URL = {"url": "https://a.example"}
HOSTS = [f"web-{number}" for number in range(1, 6)]
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def template(choice: random.Random) -> dict[str, Any]:
    """How a change is made, at random."""

    def step(number: int) -> dict[str, Any]:
        made: dict[str, Any] = {"id": f"s{number}", "uses": "http.request", "with": URL}
        looks = {"uses": "http.request", "with": URL, "that": "result.x == 1", "every": "10s", "within": "25s"}
        if choice.random() < 0.5:
            made["validate"] = {**looks, **choice.choice(({}, {"failure_limit": 1}, {"inconclusive": "result.x == 2"}))}
        if choice.random() < 0.3:
            compared = {
                **looks,
                "that": "result.x >= baseline.x",
                "when": choice.choice((["before", "after"], ["before", "during"])),
            }
            made["validate"] = [looks, compared, {**looks, "when": "before"}][choice.randrange(2) :]
        if choice.random() < 0.7:
            made["rollback"] = {"uses": "http.request", "with": URL}
            if choice.random() < 0.5:
                made["rollback"]["validate"] = looks
        return made

    kind = choice.choice(("standard", "normal", "normal", "emergency"))
    spec: dict[str, Any] = {
        "type": kind,
        "targets": {"labels": {"role": ["web"]}},
        "steps": [step(number) for number in range(choice.randrange(1, 3))],
        "waves": {
            "canary": choice.randrange(2),
            "then": choice.choice((1, 2, "50%")),
            "max_failures": choice.randrange(2),
        },
        "on_failure": {"rollback": choice.choice(("none", "target", "wave", "all")), "pause": choice.random() < 0.5},
        "approvals": [] if kind == "standard" else [{"by": ["user:cab-1", "user:cab-2"], "expires": "10m"}],
        "review": choice.choice(("always", "on_failure", "never")),
        "preconditions": {"healthy": choice.random() < 0.5, "alone": choice.random() < 0.5},
    }
    if choice.random() < 0.4:
        spec["waves"]["bake"] = "30s"
    if choice.random() < 0.3:
        spec["waves"]["gate"] = [{"by": ["user:cab-1"]}]
    if choice.random() < 0.4:
        closing = choice.choice(("finish_wave_then_pause", "pause", "rollback", "continue"))
        spec["window"] = {"calendar": "nights", "on_close": closing}
    if choice.random() < 0.3:
        spec["owner"] = "user:basis-1"
    if choice.random() < 0.4:
        spec["expects"] = [{"types": ["disk.full"], "at_most": "5m"}]
    return spec


def setting(choice: random.Random) -> Story:
    story = Story()
    windows = [{"starts_at": "2026-03-01T00:00", "duration": "20m", "rrule": "FREQ=DAILY;BYHOUR=0,2,3,4,5,6,12,18"}]
    freezes = [{"starts_at": "2026-03-01T04:10", "duration": "5m"}]
    story.apply("ChangeCalendar", "nights", {"windows": windows, "freezes": freezes, "for_all": choice.random() < 0.5})
    for name in HOSTS:
        story.apply("Resource", name, {"labels": {"role": "web"}})
    story.apply("Channel", "mail", {"type": "email", "with": {"to": ["basis@example.com"]}})
    story.apply("Person", "basis-1", {"default": [{"channel": "mail"}]})
    for number in range(2):
        story.apply("ChangeTemplate", f"t{number}", template(choice))
    if choice.random() < 0.5:
        story.apply("ChangeRule", "cab", rule(choice))
    protecting = {**rule(choice), "configuration": "by_change"}
    story.apply("ChangeRule", "four-eyes", protecting, namespace=GUARDED)
    return story


def rule(choice: random.Random) -> dict[str, Any]:
    """Who must agree at least, at random."""
    types = choice.choice((["normal", "emergency"], ["standard", "normal"], ["emergency"]))
    by = choice.choice((["user:cab-1"], ["user:cab-2"], ["user:cab-1", "user:cab-2"]))
    return {"types": types, "min_risk": choice.choice(("low", "medium")), "approvals": [{"by": by, "expires": "10m"}]}


def proposed(story: Story, choice: random.Random, who: str) -> None:
    """Someone wants the configuration of the protected namespace otherwise; or tries it without asking."""
    kind, name = choice.choice((("Service", "shop"), ("Service", "orders"), ("Resource", "web-1")))
    edit: dict[str, Any] = {"op": "delete", "kind": kind, "namespace": GUARDED, "name": name}
    if choice.random() < 0.8:
        spec: dict[str, Any] = {"criticality": choice.choice(("low", "high"))}
        edit |= {"op": "apply", "spec": spec}
    data: dict[str, Any] = {"changes": [edit], "reason": "r"}
    with contextlib.suppress(AssertionError):
        if choice.random() < 0.2:
            story.send("oncue.config.applied", data, actor=who, namespace=GUARDED)
        else:
            story.send("oncue.command.change.propose", data, actor=who, namespace=GUARDED)


def happen(story: Story, choice: random.Random) -> None:
    """One thing that happens."""
    what, state = choice.randrange(16), story.state
    who = choice.choice(("user:basis-1", "user:cab-1", "user:cab-2"))
    if what < 2:
        wanted = {"template": choice.choice(("t0", "t1")), "reason": "r", "submit": choice.random() < 0.8}
        if choice.random() < 0.3:
            wanted["targets"] = choice.sample(HOSTS, 2)
        if choice.random() < 0.3:
            wanted["deadline"] = f"{story.now + timedelta(minutes=choice.choice((1, 20, 90))):%Y-%m-%dT%H:%M:%SZ}"
        if state.changes and choice.random() < 0.4:
            say(story, "change.edit", {"change": choice.choice(sorted(state.changes)), "wanted": wanted}, who)
        else:
            say(story, "change.create", wanted, who)
    elif what < 7 and state.effects:
        result(story, choice)
    elif what < 9:
        story.wait(choice.choice(("1s", "10s", "40s", "6m", "30m")))
    elif what == 9:
        (story.problem if choice.random() < 0.5 else story.clear)(resource=choice.choice(HOSTS))
    elif what == 10 and state.approvals:
        decision = choice.choice(("approve", "approve", "approve", "reject"))
        say(story, "approval.decide", {"approval": choice.choice(sorted(state.approvals)), "decision": decision}, who)
    elif what < 13 and state.changes:
        verb = choice.choice(("submit", "start", "start", "start", "cancel", "break_glass", "review"))
        data: dict[str, Any] = {"change": choice.choice(sorted(state.changes))}
        if verb in ("cancel", "break_glass"):
            data["reason"] = "r"
        if verb == "review":
            data["code"] = "successful"
        say(story, f"change.{verb}", data, who)
    elif what == 13 and state.runs:
        steer(story, choice)
    elif what == 14 and choice.random() < 0.3:
        story.apply("ChangeRule", choice.choice(("cab", "basis")), rule(choice))
    elif what == 15:
        proposed(story, choice, who)


GUARDED = "guarded"


def told(seed: int, steps: int = 80, between: Any = None) -> Story:
    """A random life."""
    choice, other = random.Random(seed), random.Random(seed + 1)
    story = setting(choice)
    for _ in range(steps):
        happen(story, choice)
        if between is not None:
            between(story, other)
    return story


@SLOW
@given(seed=st.integers(0, 2**32))
def test_restarts_at_random_boundaries_change_nothing(seed: int) -> None:
    straight = told(seed)
    assert "oncue.timer.failed" not in {fact.type for fact in straight.facts}
    for restart in (restart_from_dump, restart_from_rows):
        broken = told(seed, between=restart)
        assert bytes_of(broken) == bytes_of(straight)
        assert broken.state.dump() == straight.state.dump()


@SLOW
@given(seed=st.integers(0, 2**32))
def test_nothing_is_done_that_was_not_agreed_to_and_nothing_hangs(seed: int) -> None:
    def look(story: Story, choice: random.Random) -> None:
        for change in story.state.changes.values():
            assert change.state not in ENDED
            bound = change.state in OPEN and change.deadline_at is not None
            assert bound == (f"change.late/{change.id}" in story.state.timers.by_key)
            if change.state == "implement":
                assert change.plan is not None
                agreed = not change.plan.approvals or change.approved == change.plan.hash
                assert agreed or change.glass is not None, change
                run = story.state.runs[change.run or ""]
                assert run.version == change.plan.hash
                assert change.run_state == run.state
                for step in story.state.steps_of[run.id].values():
                    assert not (step.nothing_done and step.undone), step
                    assert step.address != run.undoing or not step.nothing_done, step
                assert wakes(story, run) or f"change.clear/{change.id}" in story.state.timers.by_key, run
                window = change.spec.window
                if run.state == "paused" and window is not None and window.on_close == "rollback":
                    assert change.window_until is None or f"change.window/{change.id}" in story.state.timers.by_key
            elif change.state == "scheduled":
                assert change.agreed
                assert not change_rules.unmet(story.state, change)
                assert change.starts_at is None or f"change.start/{change.id}" in story.state.timers.by_key
            elif change.state == "authorise":
                assert change.approval in story.state.approvals
            approval = story.state.approvals.get(change.approval or "")
            assert not {one.by for one in (approval.decisions if approval is not None else ())} & set(change.hands)

    story = told(seed, 100, look)
    for fact in story.of("manifest.applied") + story.of("manifest.deleted"):
        by_hand = fact["namespace"] != GUARDED or fact["kind"] == "ChangeRule"
        assert by_hand or fact["applied_by"].startswith("change:CHG-"), fact


@SLOW
@given(seed=st.integers(0, 2**32))
def test_a_batch_that_is_rolled_back_leaves_no_trace(seed: int) -> None:
    story, choice = told(seed, 40), random.Random(seed)
    before, position, now = story.state.dump(), story.state.position, story.state.now
    story.batch.undo.clear()
    for _ in range(15):
        happen(story, choice)
    story.batch.rollback(story.state)
    story.state.position, story.state.now = position, now
    assert story.state.dump() == before


@SLOW
@given(seed=st.integers(0, 2**32))
def test_when_all_is_over_nothing_is_left(seed: int) -> None:
    story, choice = told(seed, 60), random.Random(seed)
    for turn in range(600):
        if not story.state.changes:
            break
        for id in sorted(story.state.changes):
            change = story.state.changes.get(id)
            if change is None:
                continue
            if change.state == "review":
                say(story, "change.review", {"change": id, "code": "successful"}, "user:cab-2")
            elif change.state != "implement":
                say(story, "change.cancel", {"change": id, "reason": "r"}, "user:basis-1")
            elif change.run in story.state.runs and (
                turn > 300 or story.state.runs[change.run].state in ("paused", "rollback_failed")
            ):  # a gate may ask only those who had a hand in it
                say(story, "run.cancel", {"run": change.run, "rollback": False}, "user:basis-1")
        for effect in sorted(story.state.effects):
            if effect in story.state.effects:
                story.result("succeeded", effect=effect, result={"x": choice.choice((1, 2))})
        for approval in sorted(story.state.approvals):
            for who in ("user:cab-1", "user:cab-2"):
                say(story, "approval.decide", {"approval": approval, "decision": "approve"}, who)
        story.wait("40s")
    state = story.state
    left = {id: (one.state, one.said) for id, one in state.changes.items()}
    assert all(found[0] == "review" for found in left.values()), left
    assert not state.runs
    assert not state.cells["outcome"]
    assert not state.cells["retried"]
    live = [one for one in state.tickets.values() if one.change not in state.changes]
    assert not live
    kept = ("change.start", "change.late", "change.clear", "change.window", "run.")
    assert not [key for key in state.timers.by_key if key.startswith(kept)], state.timers.by_key
    msgspec.json.encode(left)
