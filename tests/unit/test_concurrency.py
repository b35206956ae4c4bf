"""What a policy does when it fires while a run of its own is under way."""

from typing import Any

import pytest

from oncue.core.engine import Engine
from oncue.core.state import State
from tests.unit.story import Story

WORK = {"steps": [{"id": "get", "uses": "http.request", "with": {"url": "https://a.example"}}]}


@pytest.fixture
def story() -> Story:
    story = Story()
    story.apply("Workflow", "work", WORK)
    return story


def policy(story: Story, **concurrency: Any) -> None:
    spec = {"match": {"types": ["a"]}, "respond": [{"run": {"workflow": "work"}}], "concurrency": concurrency}
    story.apply("Policy", "p", spec)


def send(story: Story, resource: str = "r1", **more: Any) -> None:
    story.send("a", {"n": 1}, resource=resource, **more)


def reasons(story: Story) -> list[str]:
    return [told["reason"] for told in story.of("policy.blocked")]


def end(story: Story) -> None:
    """The oldest run ends, and the next tick comes."""
    oldest = min(story.state.effects, key=lambda id: story.state.effects[id].created_at)
    story.result(effect=oldest)
    story.wait("1s")


def restarted(story: Story) -> None:
    state = State(story.state.identity)
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)


def test_what_fires_meanwhile_waits_for_its_turn(story: Story) -> None:
    policy(story, max_queued=2)
    for number in range(4):
        send(story, fingerprint=f"f{number}")
        story.skip("1s")
    send(story, "r2")
    assert reasons(story) == ["queued", "queued", "queue_full"] and len(story.state.runs) == 2
    restarted(story)
    for left in (2, 1, 1, 0):
        end(story)
        assert len(story.state.runs) == left
    fired = [told["event"] for told in story.of("policy.fired")]
    assert len(fired) == len(set(fired)) == 4
    assert not story.state.cells["lane"]


def test_skip_does_nothing_while_a_run_is_under_way(story: Story) -> None:
    policy(story, when_busy="skip", by=["'all'"])
    send(story)
    send(story, "r2")
    assert reasons(story) == ["busy"] and len(story.state.runs) == 1
    end(story)
    send(story)
    assert len(story.of("policy.fired")) == 2


def test_restart_stops_the_run_and_starts_anew(story: Story) -> None:
    policy(story, when_busy="restart")
    send(story)
    (first,) = story.state.runs
    send(story)
    (second,) = story.state.runs
    assert first != second and story.of("run.cancelled")[0]["reason"] == "policy default/p fired again"
    story.wait("1s")
    assert story.state.cells["lane"]["default/p|r1"].runs == (second,)


def test_parallel_starts_another(story: Story) -> None:
    policy(story, when_busy="parallel")
    send(story)
    send(story)
    assert len(story.state.runs) == 2 and not reasons(story)
    end(story)
    end(story)
    assert not story.state.cells["lane"]


def test_a_run_that_is_cancelled_or_overdue_frees_its_lane(story: Story) -> None:
    policy(story)
    for _ in range(3):
        send(story)
    (run,) = story.state.runs
    story.send("oncue.command.run.cancel", {"run": run})
    story.wait("1s")
    assert run not in story.state.runs and len(story.state.runs) == 1
    story.wait("1h")
    story.wait("1s")
    assert len(story.of("run.failed")) == 1 and len(story.state.runs) == 1


def test_what_waits_for_an_alert_that_is_over_is_not_done(story: Story) -> None:
    policy(story, by=["'all'"])
    for name in ("r1", "r2"):
        story.send("a", severity="major", resource=name)
    story.send("other", severity="clear", resource="r2", fingerprint="x")
    (alert,) = [alert for alert in story.state.alerts.values() if alert.resource == "r2"]
    story.send("oncue.command.alert.resolve", {"alert": alert.id})
    end(story)
    assert reasons(story) == ["queued", "resolved_meanwhile"]
    assert not story.state.runs and not story.state.cells["lane"]


def test_what_cannot_start_does_not_keep_the_others_waiting(story: Story) -> None:
    policy(story)
    for _ in range(3):
        send(story)
    story.send("oncue.config.applied", {"changes": [
        {"op": "delete", "kind": "Workflow", "namespace": "default", "name": "work"}], "force": True})  # fmt: skip
    end(story)
    assert len(story.of("policy.failed")) == 2 and not story.state.cells["lane"]


def test_a_policy_that_goes_takes_its_queue_along_and_leaves_its_run(story: Story) -> None:
    policy(story)
    send(story)
    send(story)
    story.send(
        "oncue.config.applied", {"changes": [{"op": "delete", "kind": "Policy", "namespace": "default", "name": "p"}]}
    )
    assert not story.state.cells["lane"] and len(story.state.runs) == 1
    end(story)
    assert not story.state.runs
