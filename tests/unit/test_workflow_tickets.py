"""A workflow moves tickets on, within its own namespace, and says why it cannot."""

from typing import Any

import pytest

from tests.unit.story import Story


@pytest.fixture
def story() -> Story:
    found = Story()
    found.send("oncue.command.ticket.create", {"type": "incident", "title": "Slow", "description": ""})
    return found


def moved(story: Story, **inputs: Any) -> None:
    story.apply("Workflow", "w", {"steps": [{"id": "move", "uses": "ticket.transition", "with": inputs}]})
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}})


def test_a_ticket_is_resolved_with_a_remark(story: Story) -> None:
    moved(story, ticket="TCK-1", state="resolved", comment="It is over.")
    assert story.of("ticket.updated")[-1]["state"] == "resolved"
    assert story.of("ticket.commented")[-1]["text"] == "It is over."
    assert story.of("run.succeeded")


def test_a_ticket_that_is_there_already_is_left_alone(story: Story) -> None:
    moved(story, ticket="TCK-1", state="new")
    assert story.of("ticket.updated") == []
    assert story.of("run.succeeded")


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"ticket": "TCK-9", "state": "resolved"}, "ticket.not_found"),
        ({"ticket": "TCK-1", "state": "done"}, "request.invalid"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(story: Story, inputs: dict[str, str], code: str) -> None:
    moved(story, **inputs)
    assert story.of("step.failed")[-1]["error_code"] == code


def test_a_way_that_does_not_exist_is_refused(story: Story) -> None:
    moved(story, ticket="TCK-1", state="resolved")
    moved(story, ticket="TCK-1", state="new")
    assert story.of("step.failed")[-1]["error_code"] == "ticket.state"


def test_a_ticket_of_another_namespace_is_not_there(story: Story) -> None:
    story.state.tickets["TCK-1"].namespace = "other"
    moved(story, ticket="TCK-1", state="resolved")
    assert story.of("step.failed")[-1]["error_code"] == "ticket.not_found"


@pytest.mark.parametrize("nobody", [None, ""])
def test_what_was_assigned_may_be_taken_from_whoever_had_it(nobody: str | None) -> None:
    story = Story()
    ticket = story.send("oncue.command.ticket.create", {"title": "More disks"})["id"]
    story.problem()
    for kind, id in (("ticket", ticket), ("incident", "INC-1")):
        command = f"oncue.command.{kind}.assign"
        assert story.send(command, {kind: id, "assignee": "basis-1"})["assignee"] == "basis-1"
        assert story.send(command, {kind: id, "assignee": nobody})["assignee"] is None
