"""Pause: no policy starts a run, people are told, and it ends by itself."""

from datetime import timedelta
from typing import Any

import pytest

from oncue.core.engine import Engine
from oncue.core.state import Identity, State
from tests.unit.story import Story, owned


@pytest.fixture
def story() -> Story:
    story = Story()
    owned(story)
    story.apply(
        "Workflow", "repair", {"steps": [{"id": "a", "uses": "http.request", "with": {"url": "https://a.example"}}]}
    )
    respond = [{"run": {"workflow": "repair"}}, {"ticket": {}}]
    story.apply("Policy", "auto", {"match": {"types": ["disk.full"]}, "alert": {}, "respond": respond})
    return story


def begin(story: Story, **more: Any) -> None:
    data = {"until": story.now + timedelta(hours=1), "reason": "storage is moved", **more}
    story.send("oncue.command.pause.begin", data, actor="user:basis-1")


@pytest.mark.parametrize("everywhere", [False, True])
def test_no_policy_starts_a_run_while_tickets_are_written_and_people_told(story: Story, everywhere: bool) -> None:
    begin(story, everywhere=everywhere)
    story.problem()
    assert story.of("run.started") == []
    assert len(story.of("ticket.created")) == 1
    assert [one["payload"]["reason"] for one in story.of("effect.requested")] == ["first"]
    (decision,) = story.of("policy.blocked")
    where = "everywhere" if everywhere else "in default"
    assert decision["reason"] == "paused"
    assert decision["detail"].startswith(f"user:basis-1 paused automatic runs {where} until")


def test_it_ends_at_its_time_over_a_restart_too(story: Story) -> None:
    begin(story)
    state = State(Identity("story"))
    state.restore(story.state.dump())
    story.state, story.engine = state, Engine(state)
    story.wait("59m59s")
    story.problem(resource="db-1")
    assert story.of("run.started") == []
    story.wait("1s")
    assert len(story.of("pause.ended")) == 1
    story.problem(resource="db-2")
    assert len(story.of("run.started")) == 1


def test_someone_resumes_and_another_namespace_was_never_paused(story: Story) -> None:
    begin(story)
    story.send("oncue.command.pause.end", {})
    story.problem()
    assert len(story.of("run.started")) == 1
    assert story.refused("oncue.command.pause.end", {}) == "pause.none"
    assert story.refused("oncue.command.pause.end", {"everywhere": True}) == "pause.none"


def test_a_run_that_a_person_starts_is_no_automatic_one(story: Story) -> None:
    begin(story, everywhere=True)
    story.send("oncue.command.run.start", {"workflow": "repair", "inputs": {}}, actor="user:basis-1")
    assert len(story.of("run.started")) == 1


@pytest.mark.parametrize(
    "wrong", [{"reason": " "}, {"until": "2020-01-01T00:00:00Z"}, {"until": "2099-01-01T00:00:00Z"}], ids=str
)
def test_a_pause_without_reason_or_with_no_near_end_is_refused(story: Story, wrong: dict[str, Any]) -> None:
    data = {"until": (story.now + timedelta(hours=1)).isoformat(), "reason": "x", **wrong}
    assert story.refused("oncue.command.pause.begin", data) == "pause.invalid"


def test_a_second_pause_takes_a_new_end(story: Story) -> None:
    begin(story)
    begin(story, until=story.now + timedelta(hours=3), reason="it takes longer")
    story.wait("2h")
    story.problem()
    assert story.of("run.started") == []
    assert len(story.of("pause.ended")) == 0
