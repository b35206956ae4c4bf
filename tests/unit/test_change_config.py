"""The configuration of a protected namespace is changed by changes that people agreed to."""

from typing import Any

import pytest

from tests.unit.story import Story
from tests.unit.test_changes import approve, now, say

RULE: dict[str, Any] = {"configuration": "by_change", "approvals": [{"by": ["team:cab"]}]}
SERVICE: dict[str, Any] = {"criticality": "high"}


@pytest.fixture
def story() -> Story:
    found = Story()
    found.apply("Team", "cab", {"members": ["cab-1", "cab-2", "basis-1"], "channels": []})
    found.apply("Service", "shop", {})
    found.apply("ChangeRule", "four-eyes", RULE)
    return found


def edit(kind: str, name: str, spec: Any = None, op: str = "apply") -> dict[str, Any]:
    return {"op": op, "kind": kind, "namespace": "default", "name": name, **({} if spec is None else {"spec": spec})}


def apply(story: Story, *edits: dict[str, Any]) -> str | None:
    """Give them to the engine as they are. Gives the code if it refuses them."""
    reply = story.answer("oncue.config.applied", {"changes": list(edits)})
    return reply.code


def propose(story: Story, *edits: dict[str, Any], who: str = "user:basis-1", **more: Any) -> dict[str, Any]:
    data = {"changes": list(edits), "reason": "Orders matter more", **more}
    found: dict[str, Any] = story.send("oncue.command.change.propose", data, actor=who)
    return found


def agree(story: Story, who: str = "user:cab-1", approval: str = "APR-1") -> None:
    """Someone agrees, and its time comes."""
    assert approve(story, who, approval) is None
    story.wait("1s")


def spec_of(story: Story, id: str) -> Any:
    known = story.state.manifests.get(id)
    return known.spec if known is not None else None


def test_a_protected_namespace_refuses_what_is_not_by_a_change_and_takes_what_alters_nothing(story: Story) -> None:
    assert apply(story, edit("Service", "shop", SERVICE)) == "manifest.protected"
    assert apply(story, edit("Service", "shop", op="delete")) == "manifest.protected"
    assert apply(story, edit("ChangeRule", "four-eyes", {**RULE, "configuration": "open"})) == "manifest.protected"
    assert apply(story, edit("ChangeRule", "four-eyes", op="delete")) == "manifest.protected"
    assert apply(story, edit("Service", "shop", {})) is None, "it is in force as it is given"
    assert spec_of(story, "Service/default/shop") == {}


def test_other_namespaces_and_open_kinds_are_taken_as_ever(story: Story) -> None:
    elsewhere = {**edit("Service", "shop", SERVICE), "namespace": "elsewhere"}
    assert apply(story, elsewhere) is None
    propose(story, edit("ChangeRule", "four-eyes", {**RULE, "open_kinds": ["Service"]}))
    agree(story)
    assert apply(story, edit("Service", "shop", SERVICE)) is None
    assert apply(story, edit("Resource", "web-1", {})) == "manifest.protected"


def test_a_rule_cannot_open_itself() -> None:
    story = Story()
    spec = {**RULE, "open_kinds": ["ChangeRule"], "approvals": [{"by": ["user:cab-1"]}]}
    assert apply(story, edit("ChangeRule", "four-eyes", spec)) == "manifest.invalid"


def test_a_rule_does_not_let_people_make_themselves_one_of_those_whom_it_asks() -> None:
    story = Story()
    story.apply("Team", "cab", {"members": ["cab-1"], "channels": []})
    rule = {**RULE, "open_kinds": ["Team"]}
    assert apply(story, edit("ChangeRule", "four-eyes", rule)) == "manifest.invalid"
    assert apply(story, edit("ChangeRule", "four-eyes", {**rule, "approvals": [{"by": ["user:cab-1"]}]})) is None


@pytest.mark.parametrize("more", [{"min_risk": "high"}, {"types": ["emergency"]}])
def test_whom_the_rule_asks_by_now_must_agree_to_what_was_proposed_before(story: Story, more: dict[str, Any]) -> None:
    story.apply("Team", "cab", {"members": ["cab-1"], "channels": []}, namespace="second")
    story.apply("ChangeRule", "four-eyes", {**RULE, **more}, namespace="second")
    stricter = {**RULE, **more, "approvals": [{"by": ["user:board-1"]}]}
    for one in (edit("Service", "shop", SERVICE), edit("ChangeRule", "four-eyes", stricter)):
        data = {"changes": [{**one, "namespace": "second"}], "reason": "Orders matter more"}
        story.send("oncue.command.change.propose", data, actor="user:basis-1", namespace="second")
    decide = {"approval": "APR-2", "decision": "approve"}
    story.send("oncue.command.approval.decide", decide, actor="user:cab-1", namespace="second")
    story.wait("1s")
    (waits,) = story.state.changes.values()
    assert [tuple(one.by) for one in waits.plan.approvals] == [("team:cab",), ("user:board-1",)]
    assert waits.state == "authorise"


def test_stages_of_several_rules_all_stay_whatever_they_are_called() -> None:
    story = Story()
    first = {**RULE, "approvals": [{"stage": "approve_3", "by": ["user:cab-1"]}, {"by": ["user:cab-2"]}]}
    second = {**RULE, "approvals": [{"by": ["user:cab-3"]}]}
    assert apply(story, edit("ChangeRule", "first", first), edit("ChangeRule", "second", second)) is None
    change = propose(story, edit("Service", "shop", SERVICE))
    asked = [(one.get("stage", "approve"), one["by"]) for one in change["plan"]["approvals"]]
    assert asked == [("approve_3", ["user:cab-1"]), ("approve", ["user:cab-2"]), ("approve_2", ["user:cab-3"])]


def test_what_was_there_before_counts_as_well_for_how_large_a_change_may_be() -> None:
    story = Story()
    for number in range(20):
        story.apply("Service", f"large-{number}", {"description": "x" * 60_000})
    story.apply("ChangeRule", "four-eyes", {**RULE, "approvals": [{"by": ["user:cab-1"]}]})
    edits = [edit("Service", f"large-{number}", op="delete") for number in range(20)]
    data = {"changes": edits, "reason": "Nobody needs them"}
    assert story.refused("oncue.command.change.propose", data) == "change.configuration"
    assert propose(story, *edits[:8])["state"] == "authorise"


def test_what_is_proposed_is_taken_as_soon_as_it_is_agreed_to(story: Story) -> None:
    change = propose(story, edit("Service", "shop", SERVICE), edit("Resource", "web-1", {"service": "shop"}))
    assert (change["state"], change["title"]) == ("authorise", "Apply Service shop and 1 more")
    assert [one["edit"]["based_on"] for one in change["configuration"]] == [1, 0]
    assert "Apply Service shop and 1 more, on 2 manifests; risk" in story.of("approval.requested")[-1]["ask"]
    assert spec_of(story, "Service/default/shop") == {}, "nothing is taken yet"
    assert approve(story, "user:basis-1") == "approval.own"
    agree(story)
    assert (now(story)["state"], now(story)["close_code"]) == ("closed", "successful")
    taken = story.state.manifests["Service/default/shop"]
    assert (taken.spec, taken.generation, taken.applied_by) == (SERVICE, 2, "change:CHG-1")
    assert spec_of(story, "Resource/default/web-1") == {"service": "shop"}
    assert story.state.topology.node("default", "web-1") is not None
    assert not story.state.changes


def test_what_was_rejected_is_not_taken(story: Story) -> None:
    propose(story, edit("Service", "shop", SERVICE))
    assert approve(story, decision="reject") is None
    assert spec_of(story, "Service/default/shop") == {}


def test_what_cannot_be_taken_is_not_proposed(story: Story) -> None:
    def code(*edits: dict[str, Any], **more: Any) -> str:
        return story.refused("oncue.command.change.propose", {"changes": list(edits), "reason": "Why not", **more})

    assert code(edit("Service", "shop", {})) == "change.configuration", "it is in force"
    assert code(edit("Service", "shop", {"criticality": "extreme"})) == "manifest.invalid"
    assert code(edit("Resource", "web-1", {"depends_on": "shop"})) == "manifest.invalid"
    assert (
        code(edit("Policy", "p", {"match": {}, "respond": [{"run": {"workflow": "none"}}]}))
        == "manifest.reference_unknown"
    )
    assert code(edit("Service", "orders", op="delete")) == "change.configuration", "it is not there"
    assert code(edit("Change", "one", {"reason": "x", "template": "t"})) == "change.configuration"
    assert code({**edit("Service", "shop", SERVICE), "namespace": "elsewhere"}) == "change.configuration"
    many = [edit("Resource", f"host-{number}", {}) for number in range(201)]
    assert code(*many) == "change.configuration"
    assert not story.state.changes
    assert set(story.state.manifests) == {"Team/default/cab", "Service/default/shop", "ChangeRule/default/four-eyes"}
    assert (
        story.refused("oncue.command.change.propose", {"changes": [edit("Service", "shop", SERVICE)], "reason": ""})
        != ""
    )


def test_without_a_rule_there_is_nothing_to_propose() -> None:
    story = Story()
    data = {"changes": [edit("Service", "shop", SERVICE)], "reason": "Why not"}
    assert story.refused("oncue.command.change.propose", data) == "change.configuration"


def test_what_was_edited_meanwhile_is_not_overwritten(story: Story) -> None:
    propose(story, edit("Service", "shop", SERVICE))
    propose(story, edit("Service", "shop", {"criticality": "low"}), who="user:cab-2")
    agree(story, "user:basis-1", "APR-2")
    assert spec_of(story, "Service/default/shop") == {"criticality": "low"}
    agree(story)
    assert spec_of(story, "Service/default/shop") == {"criticality": "low"}
    (left,) = story.state.changes.values()
    assert left.state == "assess"
    assert "Service/default/shop is at generation 2, and was at 1" in (left.said or "")
    assert left.approved is None
    assert say(story, "change.cancel") is None


def test_glass_that_is_broken_takes_it_at_once_and_asks_afterwards(story: Story) -> None:
    propose(story, edit("Service", "shop", SERVICE))
    assert say(story, "change.break_glass", reason="The shop is down") is None
    assert spec_of(story, "Service/default/shop") == SERVICE
    assert now(story)["state"] == "review"


def test_nobody_holds_it_up_by_reporting_a_change_of_what_only_oncue_changes(story: Story) -> None:
    record = {"title": "Mine", "key": "mine", "resources": ["oncue configuration"], "lasts_s": 86_400}
    story.send("oncue.command.change_record.start", record, actor="user:other-1")
    story.send("io.oncue.change.started", record)
    propose(story, edit("Service", "shop", SERVICE))
    agree(story)
    assert spec_of(story, "Service/default/shop") == SERVICE


def test_it_is_proposed_anew_and_not_edited(story: Story) -> None:
    propose(story, edit("Service", "shop", SERVICE))
    wanted = {
        "reason": "Other",
        "plan": {"targets": {"names": ["x"]}, "approvals": [{"by": ["user:cab-1"]}], "steps": [{"id": "a", "set": {}}]},
    }
    assert say(story, "change.edit", wanted=wanted) == "change.configuration"


def test_it_waits_for_its_time_and_for_freezes(story: Story) -> None:
    freeze = {
        "for_all": True,
        "freezes": [{"starts_at": "2026-01-01T00:00:00Z", "duration": "300d", "title": "year end"}],
    }
    propose(story, edit("ChangeCalendar", "ours", freeze))
    agree(story)
    assert spec_of(story, "ChangeCalendar/default/ours") == freeze
    propose(story, edit("Service", "shop", SERVICE))
    (waits,) = story.state.changes.values()
    assert waits.starts_at is None or waits.starts_at > story.state.now
    assert spec_of(story, "Service/default/shop") == {}


def test_no_workflow_and_no_plan_names_its_steps(story: Story) -> None:
    propose(story, edit("Service", "shop", SERVICE))
    agree(story)
    steps = [{"id": "a", "uses": "config.apply"}]
    plan = {"targets": {"names": ["x"]}, "approvals": [{"by": ["team:cab"]}], "steps": steps}
    story.send("oncue.command.change.create", {"reason": "By stealth", "plan": plan}, actor="user:basis-1")
    assert say(story, "approval.decide", "user:cab-1", approval="APR-2", decision="approve") is None
    story.send("oncue.command.change.start", {"change": "CHG-2"}, actor="user:basis-1")
    assert spec_of(story, "Service/default/shop") == SERVICE
    assert any("is no run of a change of configuration" in str(one) for one in story.of("step.failed"))
