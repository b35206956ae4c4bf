"""Whoever sent the event that a run came of has asked for it, whatever lay in between: they never approve it themselves."""

from typing import Any

import pytest

from tests.unit.runs import step
from tests.unit.story import Story

SENDER = "user:basis-1"
ASKS = [step("ask", approvals=[{"by": ["user:basis-1", "user:basis-2"]}])]
RUNS = [{"run": {"workflow": "asks"}}]
WANTED = {"types": ["wanted"]}


@pytest.fixture
def story() -> Story:
    found = Story()
    found.apply("Workflow", "asks", {"steps": ASKS})
    return found


def policy(story: Story, name: str = "starts", **spec: Any) -> None:
    story.apply("Policy", name, {"match": WANTED, "respond": RUNS, **spec})


def requesters(story: Story) -> list[str | None]:
    """Who asked for the runs so far, in the order in which they began."""
    return [run.get("requester") for run in story.of("run.started")]


def decide(story: Story, who: str) -> str | None:
    """Someone approves what was asked last. Gives the code if it is refused."""
    asked = {"approval": list(story.state.approvals)[-1], "decision": "approve"}
    try:
        story.send("oncue.command.approval.decide", asked, actor=who, person=who)
    except AssertionError as refused:
        return str(refused).partition(":")[0]
    return None


def test_whoever_sent_the_event_of_a_policy_never_counts(story: Story) -> None:
    policy(story)
    story.send("wanted", resource="db-1", person=SENDER, actor="token:laptop")
    assert requesters(story) == [SENDER]
    assert decide(story, SENDER) == "approval.own"
    assert decide(story, "user:basis-2") is None


def test_whoever_sent_the_event_of_a_trigger_never_counts(story: Story) -> None:
    story.apply("Workflow", "triggered", {"steps": ASKS, "triggers": [{"id": "go", "event": WANTED}]})
    story.send("wanted", resource="db-1", person=SENDER)
    assert decide(story, SENDER) == "approval.own"


@pytest.mark.parametrize("actor", [None, "token:prometheus", "user:basis-1"])
def test_of_an_event_that_no_person_is_known_to_have_sent_everyone_may_decide(story: Story, actor: str | None) -> None:
    policy(story)
    story.send("wanted", resource="db-1", actor=actor)
    assert requesters(story) == [None]
    assert decide(story, SENDER) is None


def test_what_the_event_leads_to_by_facts_they_have_asked_for_as_well(story: Story) -> None:
    policy(story, match={"types": ["oncue.alert.fired"]})
    story.problem(person=SENDER)
    assert requesters(story) == [SENDER]


def test_what_their_command_leads_to_they_have_asked_for_as_well(story: Story) -> None:
    policy(story, match={"types": ["oncue.alert.acknowledged"]})
    story.problem()
    (alert,) = story.state.alerts
    story.send("oncue.command.alert.acknowledge", {"alert": alert}, actor="token:laptop", person=SENDER)
    assert requesters(story) == [SENDER]


def test_what_is_due_when_they_send_something_they_have_not_asked_for(story: Story) -> None:
    story.apply("Workflow", "nightly", {"steps": ASKS, "triggers": [{"id": "go", "schedule": {"cron": "0 4 * * *"}}]})
    policy(story, condition={"for": "1h"})
    story.problem(type="wanted")
    story.skip("1h")
    story.send("other", resource="db-1", person=SENDER)
    assert requesters(story) == [None, None]


def test_of_what_waits_in_a_lane_they_stay_the_one_who_asked(story: Story) -> None:
    policy(story, concurrency={"by": [], "when_busy": "queue", "max_queued": 9})
    for person in (None, SENDER, None, "user:basis-2"):
        story.send("wanted", resource="db-1", person=person)
    for _ in range(3):
        assert decide(story, "user:basis-2" if requesters(story)[-1] != "user:basis-2" else SENDER) is None
        story.send("other", resource="db-1", person="user:basis-3")
        story.wait("1s")
    assert requesters(story) == [None, SENDER, None, "user:basis-2"]


@pytest.mark.parametrize(
    ("condition", "given", "requester"),
    [
        ({"count": 3, "within": "1h"}, ["user:basis-2", None, SENDER], SENDER),
        ({"count": 3, "within": "1h"}, [SENDER, SENDER, None], None),
        ({"count": 3, "within": "1h"}, ["user:basis-2", SENDER, "user:basis-3"], "user:basis-3"),
        ({"first": 1, "within": "1h"}, [SENDER, None], SENDER),
        ({"once_after": "30m"}, [None, SENDER], SENDER),
        ({"for": "30m"}, [SENDER, None], SENDER),
        ({"value": "event.data.n", "fire_above": 0, "for": "30m"}, [None, SENDER], SENDER),
        ({"absent": "30m"}, [None, SENDER], SENDER),
    ],
    ids=["the last of a count", "not the first ones", "the last of several", "first", "once_after", "for", "value", "absent"],
)  # fmt: skip
def test_a_condition_over_time_counts_who_sent_the_event_that_it_speaks_of(
    story: Story, condition: dict[str, Any], given: list[str | None], requester: str | None
) -> None:
    policy(story, condition=condition)
    for person in given:
        story.send("wanted", {"n": 1}, resource="db-1", severity="major", person=person)
    story.skip("59m")
    story.send("other", resource="db-2", person="user:basis-9")
    assert requesters(story) == [requester]


def test_of_a_sequence_counts_who_completed_it(story: Story) -> None:
    steps = [{"types": ["first"]}, {"types": ["then"]}]
    policy(story, match={}, condition={"sequence": steps, "within": "1h"})
    story.send("first", resource="db-1", person="user:basis-2")
    story.send("then", resource="db-1", person=SENDER)
    assert requesters(story) == [SENDER]


def test_of_a_sequence_whose_last_step_must_not_come_counts_who_sent_the_one_before(story: Story) -> None:
    steps = [{"types": ["first"]}, {"types": ["then"], "not": True}]
    policy(story, match={}, condition={"sequence": steps, "within": "1h"})
    story.send("first", resource="db-1", person=SENDER)
    story.skip("1h")
    story.send("other", resource="db-2")
    assert requesters(story) == [SENDER]
