"""What happens to a change between one thing and what follows from it: an edit under load, days of baking, a gate, what must hold."""

import msgspec
import pytest

from oncue.core.change_spec import ChangeTemplateSpec
from oncue.manifests.meaning import findings
from tests.unit.story import Story
from tests.unit.test_changes import HOSTS, TEMPLATE, approve, begun, made, now, say, story, template, want

__all__ = ["story"]


def agreed_under_load(story: Story) -> None:
    """Someone agreed to a change, and so much else is due at the same time that nothing has followed from it yet."""
    template(story)
    want(story)
    story.apply("Workflow", "idle", {"steps": [{"id": "rest", "wait": {"for": "1h"}}]})
    for _ in range(40):
        story.send("oncue.command.run.start", {"workflow": "idle", "inputs": {}}, actor="user:other-1")
    story.skip("1h")
    assert approve(story) is None
    assert now(story)["state"] == "authorise"


def all_has_followed(story: Story) -> None:
    while story.state.runs:
        story.wait("1s")


def test_what_was_agreed_to_before_an_edit_does_not_end_what_is_asked_after_it(story: Story) -> None:
    agreed_under_load(story)
    assert say(story, "change.edit", wanted={"template": "upgrade", "reason": "Less", "targets": ["web-1"]}) is None
    all_has_followed(story)
    assert (now(story)["state"], now(story)["approval"]) == ("authorise", "APR-2")
    assert approve(story, approval="APR-2") is None
    story.wait("1s")
    assert now(story)["state"] == "scheduled"


def test_glass_that_is_broken_before_the_agreement_was_noted_asks_once_more(story: Story) -> None:
    agreed_under_load(story)
    assert say(story, "change.break_glass", "user:basis-1", reason="The hole is being used") is None
    for _ in range(5):
        story.wait("1s")
    assert "APR-2" in story.state.approvals
    assert approve(story, approval="APR-2") is None
    story.wait("1s")
    assert now(story)["approved"] == now(story)["plan"]["hash"]


@pytest.mark.parametrize("bake", ["6d", "30d", "400d"])
def test_a_change_may_bake_for_days(story: Story, bake: str) -> None:
    begun(story, waves={}, bake=bake, timeout="1000d")
    made(story, *HOSTS)
    days = int(bake.removesuffix("d"))
    story.wait(f"{days - 1}d")
    assert now(story)["state"] == "implement"
    story.wait("26h")
    assert (now(story)["state"], now(story)["close_code"]) == ("closed", "successful")


def test_who_bakes_for_longer_than_the_whole_may_take_is_told_so() -> None:
    def found(**more: object) -> list[str]:
        spec = msgspec.convert({**TEMPLATE, **more}, ChangeTemplateSpec)
        return [one.detail for one in findings(spec) if one.path == ("timeout",)]

    assert found(bake="6d") == ["the change is over after 8h, and is to bake for longer than that"]
    assert found(bake="5h", waves={"bake": "3h"}) != []
    assert found(bake="6d", timeout="8d") == found(bake="5h") == []


@pytest.mark.parametrize("title", ["Costs ${5", "Raise ${limit}", "${1/0}", "${inputs}", "Plain, for $5"])
def test_what_people_call_a_change_is_no_expression_at_its_gate(story: Story, title: str) -> None:
    template(story, waves={"then": 2, "gate": [{"by": ["team:cab"]}]})
    want(story, title=title)
    assert approve(story) is None
    assert say(story, "change.start") is None
    made(story, "web-1", "web-2")
    assert [one.ask for one in story.state.approvals.values()] == [f"CHG-1 {title}: go on with wave-2?"]


@pytest.mark.parametrize(
    ("that", "why"),
    [
        ("size(targets) == 4", None),
        ("'web-1' in targets && 'web-1' in inputs.targets", None),
        ("targets.exists(one, change_running_on(one))", "targets.exists(one, change_running_on(one)) is false"),
        ("targets[9] == 'web-1'", "targets[9] == 'web-1': "),
    ],
)
def test_what_must_hold_of_the_targets_may_be_said_of_them(story: Story, that: str, why: str | None) -> None:
    spec = {**TEMPLATE, "preconditions": {"that": that}}
    assert not [one for one in findings(msgspec.convert(spec, ChangeTemplateSpec)) if one.level == "error"]
    template(story, **spec)
    want(story)
    assert approve(story) is None
    refused = story.answer("oncue.command.change.start", {"change": "CHG-1"})
    assert refused.code == ("change.not_clear" if why is not None else None)
    assert (refused.detail or "").startswith(why or "")
