"""A ticket says what it has to do with, how it ended, and writes itself: what becomes of its incident and of runs on it."""

from typing import Any

import pytest

from tests.unit.story import Story, owned

CREATE = "oncue.command.ticket.create"
MOVE = "oncue.command.ticket.transition"


def ticketed() -> Story:
    """A story in which a policy has written a ticket for an incident."""
    story = Story()
    owned(story)
    story.apply(
        "Policy", "full", {"match": {"types": ["disk.full"], "severities": ["major"]}, "respond": [{"ticket": {}}]}
    )
    story.problem(service="shop")
    return story


def ticket(story: Story, id: str = "TCK-1") -> Any:
    return story.state.tickets[id]


def remarks(story: Story) -> list[tuple[str, str]]:
    return [(one["by"], one["text"]) for one in story.of("ticket.commented")]


def test_a_resolved_ticket_says_how_it_ended_and_one_that_goes_on_no_longer_does() -> None:
    story = Story()
    story.send(CREATE, {"title": "More disks"})
    story.send(MOVE, {"ticket": "TCK-1", "state": "resolved", "close_code": "workaround", "resolution": "Moved."})
    one = ticket(story)
    assert (one.close_code, one.resolution, one.resolved_by, one.reopened) == ("workaround", "Moved.", "system", 0)
    story.send(MOVE, {"ticket": "TCK-1", "state": "in_progress"})
    assert (one.close_code, one.resolution, one.resolved_by, one.resolved_at, one.reopened) == (None, "", None, None, 1)
    story.send(MOVE, {"ticket": "TCK-1", "state": "resolved", "close_code": "solved"})
    story.send(MOVE, {"ticket": "TCK-1", "state": "closed"})
    assert story.of("ticket.updated")[-1]["close_code"] == "solved"


def test_how_it_ended_is_for_what_is_over() -> None:
    story = Story()
    story.send(CREATE, {"title": "More disks"})
    assert story.refused(MOVE, {"ticket": "TCK-1", "state": "in_progress", "close_code": "solved"}) == "request.invalid"
    assert ticket(story).state == "new"


def test_two_tickets_are_linked_both_ways_and_unlinked_both_ways() -> None:
    story = Story()
    for title in ("One", "Two"):
        story.send(CREATE, {"title": title})
    story.send("oncue.command.ticket.link", {"ticket": "TCK-1", "target": "TCK-2"})
    assert [(one.links[0].target, one.links[0].title) for one in story.state.tickets.values()] == [
        ("TCK-2", "TCK-2"), ("TCK-1", "One"),
    ]  # fmt: skip
    story.send("oncue.command.ticket.unlink", {"ticket": "TCK-2", "target": "TCK-1"})
    assert [one.links for one in story.state.tickets.values()] == [(), ()]


@pytest.mark.parametrize(
    ("target", "code"),
    [("INC-1", None), ("https://example.com/a", None), ("al-abcdefgh", None), ("TCK-1", "request.invalid"),
     ("javascript:alert(1)", "request.invalid"), ("nothing", "request.invalid")],
)  # fmt: skip
def test_a_link_leads_to_a_thing_or_an_address(target: str, code: str | None) -> None:
    story = Story()
    story.send(CREATE, {"title": "One"})
    reply = story.answer("oncue.command.ticket.link", {"ticket": "TCK-1", "target": target})
    assert reply.code == code


def test_a_ticket_of_a_change_names_it() -> None:
    story = Story()
    story.send(CREATE, {"title": "Restart", "type": "change", "change": "CHG-7"})
    assert ticket(story).change == "CHG-7"
    assert story.facts[-1].refs == (("change", "CHG-7"),)


def test_a_policys_ticket_follows_its_incident_and_says_so() -> None:
    story = ticketed()
    story.send("oncue.command.incident.acknowledge", {"incident": "INC-1"}, actor="user:basis-1")
    assert ticket(story).state == "in_progress"
    story.clear(service="shop")
    one = ticket(story)
    assert (one.state, one.close_code, one.resolved_by) == ("resolved", "by_itself", "incident:INC-1")
    assert remarks(story) == [
        ("incident:INC-1", "INC-1 was acknowledged by user:basis-1."),
        ("incident:INC-1", "INC-1 is over: nothing of it fires any more."),
    ]
    assert len(story.of("ticket.created")) == 1


def test_how_a_person_resolved_the_incident_is_how_its_ticket_ends() -> None:
    story = ticketed()
    given = {"incident": "INC-1", "note": "Logs were moved.", "cause": "capacity"}
    story.send("oncue.command.incident.resolve", given, actor="user:basis-1")
    one = ticket(story)
    assert (one.state, one.close_code) == ("resolved", "solved")
    assert one.resolution == "INC-1 was resolved by user:basis-1. Cause: capacity. Logs were moved."


def test_a_ticket_goes_on_with_the_incident_that_returns() -> None:
    story = ticketed()
    story.clear(service="shop")
    story.wait("20m")
    story.send("oncue.command.incident.reopen", {"incident": "INC-1"})
    assert (ticket(story).state, ticket(story).reopened) == ("in_progress", 1)


def test_a_ticket_that_a_person_wrote_is_told_and_left_where_it_is() -> None:
    story = Story()
    owned(story)
    story.problem(service="shop")
    story.send(CREATE, {"title": "Order disks", "incident": "INC-1", "type": "incident"}, actor="user:basis-1")
    story.clear(service="shop")
    assert ticket(story).state == "new"
    assert [text for _, text in remarks(story)] == ["INC-1 is over: nothing of it fires any more."]


def test_a_ticket_that_a_person_closed_is_left_alone() -> None:
    story = ticketed()
    story.send(MOVE, {"ticket": "TCK-1", "state": "closed"})
    story.clear(service="shop")
    assert remarks(story) == []
    assert len(story.of("ticket.updated")) == 1


def test_the_ticket_of_a_run_has_what_became_of_each_step() -> None:
    story = Story()
    steps = [
        {"id": "write", "uses": "ticket.create", "with": {"title": "Clean up"}},
        {"id": "skipped", "if": "false", "uses": "event.emit", "with": {"type": "a.b"}},
        {"id": "look", "uses": "ticket.get", "with": {"ticket": "TCK-9"}},
    ]
    story.apply("Workflow", "w", {"steps": steps})
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}}, actor="user:basis-1")
    run = story.of("run.failed")[-1]["id"]
    ((by, text),) = remarks(story)
    assert by == f"run:{run}"
    first, *lines = text.splitlines()
    assert first.startswith(f"w ({run}), asked for by user:basis-1: failed: ")
    assert [line.split(" UTC ")[-1].removeprefix("- ").partition(": ")[0::2] for line in lines] == [
        ("write (ticket.create)", "succeeded"),
        ("skipped (event.emit)", "skipped: if is false: false"),
        ("look (ticket.get)", "failed: ticket.not_found: TCK-9 is not there, or is closed"),
    ]


def test_a_run_for_an_incident_is_noted_by_the_incidents_tickets() -> None:
    story = ticketed()
    story.apply("Workflow", "w", {"steps": [{"id": "tell", "uses": "event.emit", "with": {"type": "a.b"}}]})
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}, "incident": "INC-1"})
    ((_, text),) = remarks(story)
    assert ": succeeded\n- " in text
