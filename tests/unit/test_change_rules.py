"""Who must agree at least to the changes of a namespace, whomever those name themselves."""

from typing import Any

import msgspec
import pytest

from oncue.core.change_spec import ChangeRuleSpec
from oncue.manifests.meaning import findings
from tests.unit.story import Story
from tests.unit.test_changes import TEMPLATE, approve, now, say, story, template, trail, want

__all__ = ["story"]

FRIEND: dict[str, Any] = {**TEMPLATE, "approvals": [{"by": ["user:friend-1"]}]}


def rule(story: Story, name: str = "cab", **more: Any) -> None:
    story.apply("ChangeRule", name, {"approvals": [{"by": ["team:cab"]}], **more})


def own(story: Story, **more: Any) -> dict[str, Any]:
    """A change with a plan of its own, to which a friend may agree. Gives it."""
    data = {"plan": {**FRIEND, **more}, "reason": "A hole is closed"}
    found: dict[str, Any] = story.send("oncue.command.change.create", data, actor="user:basis-1")
    return found


def stages(change: dict[str, Any]) -> list[tuple[str, list[str]]]:
    return [(one.get("stage", "approve"), list(one["by"])) for one in change["plan"]["approvals"]]


def test_a_plan_that_names_a_friend_needs_those_as_well_whom_the_rule_names(story: Story) -> None:
    rule(story)
    change = own(story)
    assert stages(change) == [("approve", ["user:friend-1"]), ("rule_cab_approve", ["team:cab"])]
    assert approve(story, "user:friend-1") is None
    assert say(story, "change.start") == "change.state"
    assert approve(story, "user:friend-1") == "approval.not_asked"
    assert approve(story, "user:cab-1") is None
    assert now(story)["state"] == "scheduled"
    factors = {one["name"]: (one["points"], one["said"]) for one in change["risk"]["factors"]}
    assert factors["approvals"] == (
        0, "it asks for less than the namespace's rules do, which add rule_cab_approve: 1 of team:cab",
    )  # fmt: skip


def test_a_plan_that_asks_the_same_people_is_not_asked_for_twice(story: Story) -> None:
    template(story)
    rule(story)
    assert stages(want(story)) == [("approve", ["team:cab"])]
    rule(story, approvals=[{"by": ["team:cab"], "quorum": 2}])
    assert stages(want(story)) == [("approve", ["team:cab"]), ("rule_cab_approve", ["team:cab"])]


def test_a_stage_that_is_called_like_the_rules_does_not_count_for_those_whom_the_rule_asks(story: Story) -> None:
    rule(story, approvals=[{"by": ["team:cab"], "quorum": 2}])
    change = own(story, approvals=[{"stage": "rule_cab_approve_2", "by": ["user:friend-1"]}])
    assert stages(change) == [("rule_cab_approve_2", ["user:friend-1"]), ("rule_cab_approve", ["team:cab"])]
    assert approve(story, "user:friend-1") is None
    assert approve(story, "user:cab-1") is None
    assert now(story)["state"] == "authorise", "one of the two is yet to agree"
    change = own(story, approvals=[{"stage": "rule_cab_approve", "by": ["user:friend-1"]}])
    assert [name for name, _ in stages(change)] == ["rule_cab_approve", "rule_cab_approve_2"]


def test_a_rule_holds_from_its_risk_on_and_for_its_types(story: Story) -> None:
    rule(story, min_risk="very_high")
    assert stages(own(story)) == [("approve", ["user:friend-1"])]
    rule(story, types=["emergency"])
    assert stages(own(story)) == [("approve", ["user:friend-1"])]


def test_standard_changes_are_left_alone_unless_the_rule_names_them(story: Story) -> None:
    template(story, type="standard", approvals=[])
    rule(story)
    assert want(story)["state"] == "scheduled"
    rule(story, types=["standard"])
    change = want(story)
    assert (change["state"], stages(change)) == ("authorise", [("rule_cab_approve", ["team:cab"])])
    assert approve(story, approval=change["approval"]) is None
    assert now(story)["state"] == "scheduled"


def test_an_emergency_is_approved_in_one_stage_which_is_the_rules(story: Story) -> None:
    rule(story)
    assert stages(own(story, type="emergency")) == [("rule_cab_approve", ["team:cab"])]
    covered = own(story, type="emergency", approvals=[{"by": ["team:cab"], "stage": "ours"}])
    assert stages(covered) == [("ours", ["team:cab"])]


def test_broken_glass_is_approved_afterwards_by_those_whom_the_rule_names(story: Story) -> None:
    rule(story)
    own(story)
    assert say(story, "change.break_glass", "user:basis-2", reason="The hole is being used") is None
    approval = now(story)["approval"]
    assert approve(story, "user:friend-1", approval) is None
    assert now(story)["approved"] is None
    assert approve(story, "user:cab-1", approval) is None
    story.wait("1s")
    assert now(story)["approved"] == now(story)["plan"]["hash"]


def test_a_rule_that_asks_for_more_after_the_approval_takes_it_away_and_one_that_asks_for_less_does_not(
    story: Story,
) -> None:
    rule(story)
    own(story)
    approve(story, "user:friend-1")
    approve(story, "user:cab-1")
    rule(story, min_risk="very_high")
    assert now(story)["state"] == "scheduled"
    rule(story, name="two", approvals=[{"by": ["team:cab"], "quorum": 2}])
    change = now(story)
    assert (change["state"], change["approved"]) == ("authorise", None)
    assert stages(change)[-1] == ("rule_two_approve", ["team:cab"])
    assert "Rules of default ask for more by now: rule_two_approve: 2 of team:cab" in trail(story)


def test_what_those_who_are_left_can_agree_to_no_more_waits_for_nobody(story: Story) -> None:
    story.apply("Team", "board", {"members": ["cab-1", "cab-2", "cab-3"], "channels": []})
    rule(story, approvals=[{"by": ["team:board"], "quorum": 2}])
    own(story)
    asked = now(story)["approval"]
    approve(story, "user:friend-1")
    approve(story, "user:cab-1")
    story.apply("Team", "board", {"members": ["cab-3"], "channels": []})
    assert now(story)["state"] == "authorise"  # who left had agreed, and who is left may
    story.apply("Team", "board", {"members": ["basis-1"], "channels": []})
    change = now(story)
    assert (change["state"], change["approval"]) == ("assess", None)
    assert "asks team:board for 2; none of them may agree" in change["said"]
    assert approve(story, "user:cab-3", asked) in ("approval.not_found", "approval.decided")
    story.apply("Team", "board", {"members": ["cab-2", "cab-3"], "channels": []})
    assert say(story, "change.submit") is None
    assert now(story)["state"] == "authorise"


def test_a_rule_that_can_never_be_met_is_said_at_once(story: Story) -> None:
    story.apply("Team", "small", {"members": ["basis-1"], "channels": []})
    rule(story, approvals=[{"by": ["team:small"]}])
    change = own(story)
    assert change["state"] == "assess"
    assert "stage rule_cab_approve asks team:small for 1" in change["said"]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({"approvals": [{"by": ["user:cab-1"], "quorum": 2}]}, ("approvals", 0, "quorum")),
        ({"approvals": [{"by": ["team:a"]}, {"by": ["team:b"]}]}, ("approvals", 1, "stage")),
        ({"approvals": [{"by": ["team:a"]}, {"by": ["team:b"], "stage": "b"}]}, ("approvals", 1)),
    ],
)
def test_what_is_wrong_with_a_rule_is_found_where_it_stands(rule: dict[str, Any], path: tuple[Any, ...]) -> None:
    assert path in [found.path for found in findings(msgspec.convert(rule, ChangeRuleSpec))]
