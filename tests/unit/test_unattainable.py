"""Approvals that can be met no more as it is, and who is told of that."""

import random
from typing import Any

import pytest

from tests.property.test_determinism import restart_from_rows
from tests.unit.runs import act, answer, ended, run, step
from tests.unit.story import Story

NOBODY = "stage approve asks team:basis for 1; none of them may agree"


@pytest.fixture
def story() -> Story:
    found = Story()
    staffed(found, "basis-3", "basis-2")
    return found


def staffed(story: Story, *members: str) -> None:
    story.apply("Team", "basis", {"members": list(members), "channels": []})


def asks(*by: str, **more: Any) -> dict[str, Any]:
    return step("ask", approvals=[{"by": list(by), **more}], ask="Extend?")


def user(story: Story, what: str, name: str, **more: Any) -> None:
    story.send(f"oncue.audit.{what}", {"user": name, **more}, actor="user:admin-1", origin="api")


def stuck(story: Story) -> list[str]:
    """The titles of the alerts that fire."""
    return [one.title for one in story.state.alerts.values() if one.state == "firing"]


def test_a_team_that_was_emptied_is_told_of_once_and_no_more_when_it_is_staffed_again(story: Story) -> None:
    id = run(story, asks("team:basis"))
    assert not stuck(story)
    staffed(story)
    (approval,) = story.state.approvals.values()
    assert approval.unattainable == NOBODY
    assert story.state.step(id, "ask").reason == NOBODY
    assert stuck(story) == [f"w cannot go on: step ask: {NOBODY}"]
    staffed(story, "basis-2")
    staffed(story)
    staffed(story)
    assert [len(story.of(f"approval.{what}")) for what in ("unattainable", "attainable")] == [2, 1]
    staffed(story, "basis-2")
    assert (approval.unattainable, story.state.step(id, "ask").reason, stuck(story)) == (None, None, [])


def test_the_same_is_told_at_the_ask_itself(story: Story) -> None:
    user(story, "user_created", "robot", kind="service")
    run(story, asks("user:robot"))
    assert stuck(story) == ["w cannot go on: step ask: stage approve asks user:robot for 1; none of them may agree"]


@pytest.mark.parametrize(
    ("gone", "back"),
    [
        (("user_changed", {"changed": {"disabled": True}}), ("user_changed", {"changed": {"disabled": False}})),
        (("user_deleted", {}), ("user_created", {"kind": "person"})),
        (("user_deleted", {}), ("signed_in", {"how": "link"})),
    ],
)
def test_whoever_cannot_sign_in_any_more_is_nobody_who_agrees_until_they_can(
    story: Story, gone: Any, back: Any
) -> None:
    run(story, asks("team:basis", quorum=2))
    user(story, "user_changed", "basis-2", changed={"email": "b@example.org"})
    assert not stuck(story)
    user(story, gone[0], "basis-2", **gone[1])
    assert len(stuck(story)) == 1
    restart_from_rows(story, random.Random(1))
    user(story, back[0], "basis-2", **back[1])
    assert not stuck(story)
    for who in ("basis-3", "basis-2"):
        story.send("oncue.command.approval.decide", {"approval": "APR-1", "decision": "approve"}, actor=f"user:{who}")
    assert ended(story)[0] == "succeeded"


def test_a_service_account_that_is_switched_on_again_is_still_none(story: Story) -> None:
    user(story, "user_created", "robot", kind="service")
    user(story, "user_changed", "robot", changed={"disabled": False})
    run(story, asks("user:robot"))
    assert len(stuck(story)) == 1


@pytest.mark.parametrize(
    ("what", "more", "said"),
    [
        ("user_changed", {"changed": {"disabled": True}}, "user:basis-2 was switched off"),
        ("user_deleted", {}, "user:basis-2 was removed"),
        ("user_created", {"kind": "service"}, "user:basis-2 is a service account"),
    ],
)
@pytest.mark.parametrize("verb", [{"decision": "approve"}, {"to": "user:other"}])
def test_what_was_on_its_way_when_someone_went_counts_no_more(
    story: Story, what: str, more: Any, said: str, verb: dict[str, str]
) -> None:
    run(story, asks("team:basis"))
    user(story, what, "basis-2", **more)
    does = "decide" if "decision" in verb else "delegate"
    with pytest.raises(AssertionError, match=f"approval.person: {said}"):
        story.send(f"oncue.command.approval.{does}", {"approval": "APR-1", **verb}, actor="user:basis-2")


def test_whoever_takes_the_place_of_one_who_is_gone_may_agree(story: Story) -> None:
    run(story, asks("user:basis-3"))
    handed_on = {"approval": "APR-1", "to": "user:other"}
    story.send("oncue.command.approval.delegate", handed_on, actor="user:basis-3")
    user(story, "user_deleted", "basis-3")
    assert not stuck(story)
    user(story, "user_deleted", "other")
    assert len(stuck(story)) == 1


@pytest.mark.parametrize("stand_in", ["basis-2", "other"])
def test_whoever_takes_the_place_of_those_who_are_gone_counts_once(story: Story, stand_in: str) -> None:
    run(story, asks("team:basis", quorum=2))
    for who in {"basis-3", "basis-2"} - {stand_in}:
        handed_on = {"approval": "APR-1", "to": f"user:{stand_in}"}
        story.send("oncue.command.approval.delegate", handed_on, actor=f"user:{who}")
        assert not stuck(story)
        user(story, "user_deleted", who)
    assert len(stuck(story)) == 1


def test_the_alert_ends_when_the_approval_does(story: Story) -> None:
    run(story, asks("team:basis", expires="1h"))
    staffed(story)
    story.wait("1h")
    assert (ended(story)[0], stuck(story)) == ("failed", [])


@pytest.mark.parametrize("how", ["tells something", "ends", "is agreed to"])
def test_the_alert_stays_when_only_what_lies_beside_the_approval_goes_on(story: Story, how: str) -> None:
    run(story, step("p", parallel=[asks("team:basis"), act("b"), {**asks("user:basis-2"), "id": "other"}]))
    staffed(story)
    (effect,) = (one for one in story.state.effects.values() if one.kind == "action")
    if how == "tells something":
        story.send("oncue.effect.told", {"effects": [[effect.id, effect.attempt]]})
    elif how == "ends":
        answer(story, "p/b")
    else:
        decision = {"approval": "APR-2", "decision": "approve"}
        story.send("oncue.command.approval.decide", decision, actor="user:basis-2")
    assert len(stuck(story)) == 1
    staffed(story, "basis-2")
    assert not stuck(story)


def test_the_alert_ends_when_the_run_is_stopped_and_still_does_what_is_done_in_any_case(story: Story) -> None:
    id = run(story, {"id": "t", "try": [asks("team:basis")], "finally": [act("tidy")]})
    staffed(story)
    story.send("oncue.command.run.cancel", {"run": id}, actor="user:basis-2")
    assert (story.state.runs[id].state, stuck(story)) == ("running", [])


def test_who_asked_for_what_they_are_offered_is_told(story: Story) -> None:
    story.apply("Channel", "desk", {"type": "webhook", "with": {"url": "http://127.0.0.1/"}})
    story.apply("Person", "app-1", {"default": [{"channel": "desk"}]})
    story.apply("Team", "apps", {"members": ["app-1"], "channels": []})
    offer = {"by": ["team:apps"], "title": "Extend", "approvals": [{"by": ["team:basis"]}]}
    story.apply("Workflow", "w", {"steps": [step("a", set={"x": 1})], "self_service": offer})
    story.send("oncue.command.request.ask", {"workflow": "w", "inputs": {}, "may": []}, actor="user:app-1")
    before = len(story.state.effects)
    staffed(story)
    told = [one.payload["message"]["title"] for one in list(story.state.effects.values())[before:]]
    assert told == ["Nobody can agree: Extend, for app-1"]
