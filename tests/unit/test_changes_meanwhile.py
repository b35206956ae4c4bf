"""What happens to a change between one thing and what follows from it: under load, an edit may come in between."""

from tests.unit.story import Story
from tests.unit.test_changes import approve, now, say, story, template, want

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
