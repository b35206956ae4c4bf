"""Self-service: who may ask for what, how often, who must agree, and what a run that was asked for may do."""

from typing import Any

import msgspec
import pytest

from oncue.core.self_service import SelfService, form
from oncue.core.workflow_spec import StepSpec, WorkflowSpec
from oncue.manifests.workflows import workflow_findings
from tests.unit.runs import answer
from tests.unit.story import Story

INPUTS = {
    "type": "object", "required": ["host", "force"],
    "properties": {"host": {"type": "string"}, "force": {"type": "boolean"}, "size": {"type": "integer", "default": 1}},
}  # fmt: skip
EVERYTHING = ["alert:resolve", "event:write", "silence:write", "ticket:create"]


def offered(story: Story, *steps: dict[str, Any], **how: Any) -> None:
    story.apply("Team", "shop", {"members": ["app-1"]})
    story.apply("Team", "platform", {"members": ["basis-1", "basis-2", "app-1"]})
    offer = {"by": ["team:shop"], "fixed": {"force": False}, "inputs": {"host": {"enum": ["web-1", "web-2"]}}, **how}
    spec = {"inputs": INPUTS, "steps": list(steps) or [{"id": "note", "set": {"host": "${inputs.host}"}}]}
    story.apply("Workflow", "clean", {**spec, "self_service": offer})


def ask(story: Story, actor: str = "user:app-1", /, **more: Any) -> Any:
    given = {"workflow": "clean", "inputs": {"host": "web-1"}, "may": EVERYTHING, **more}
    return story.send("oncue.command.request.ask", given, actor=actor)


def refused(story: Story, actor: str = "user:app-1", /, **more: Any) -> str:
    with pytest.raises(AssertionError) as failed:
        ask(story, actor, **more)
    return str(failed.value)


def decide(story: Story, who: str, decision: str = "approve", **more: Any) -> Any:
    (approval,) = story.state.approvals
    given = {"approval": approval, "decision": decision, **more}
    return story.send("oncue.command.approval.decide", given, actor=who)


def test_what_is_offered_runs_with_what_was_asked_for_and_what_is_fixed() -> None:
    story = Story()
    offered(story)
    request = ask(story, reason="the disk is full")
    assert (request["state"], request["id"]) == ("started", "REQ-1")
    (run,) = story.of("run.started")
    assert run["inputs"] == {"host": "web-1", "force": False, "size": 1}
    assert (run["trigger"]["kind"], run["requester"]) == ("request", "user:app-1")
    assert story.state.entities["request"] == {}, "it is history"


@pytest.mark.parametrize(
    ("actor", "member", "by", "allowed"),
    [
        ("user:app-1", False, ["team:shop"], True),
        ("user:app-2", True, ["team:shop"], False),
        ("user:app-2", False, ["user:app-2"], True),
        ("user:app-2", True, ["anyone"], True),
        ("user:app-2", False, ["anyone"], False),
        ("token:ci", True, ["anyone"], False),
    ],
)
def test_only_those_ask_whom_it_is_offered_to(actor: str, member: bool, by: list[str], allowed: bool) -> None:
    story = Story()
    offered(story, by=by)
    if allowed:
        assert ask(story, actor, member=member)["state"] == "started"
    else:
        assert refused(story, actor, member=member).startswith("self_service.")
        assert story.of("run.started") == []


def test_inputs_outside_of_the_offer_are_refused() -> None:
    story = Story()
    offered(story)
    assert "workflow.inputs_invalid" in refused(story, inputs={"host": "db-1"})
    assert "workflow.inputs_invalid" in refused(story, inputs={"host": "web-1", "force": True})
    assert "workflow.inputs_invalid" in refused(story, inputs={})


def test_an_offer_cannot_allow_what_the_workflow_does_not() -> None:
    story = Story()
    offered(story, inputs={"size": {"type": "string"}})
    assert "workflow.inputs_invalid" in refused(story, inputs={"host": "web-1", "size": "big"})


def test_the_form_shows_what_is_to_be_given_and_nothing_else() -> None:
    how = SelfService(by=["anyone"], fixed={"force": True}, inputs={"host": {"enum": ["web-1"]}})
    assert form(INPUTS, how) == {
        "type": "object", "required": ["host"], "additionalProperties": False,
        "properties": {"host": {"type": "string", "enum": ["web-1"]}, "size": {"type": "integer", "default": 1}},
    }  # fmt: skip


def test_each_person_may_ask_so_often_and_what_was_refused_does_not_count() -> None:
    story = Story()
    offered(story, by=["anyone"], limit={"count": 1, "within": "1h"})
    assert "workflow.inputs_invalid" in refused(story, inputs={}, member=True)
    ask(story, member=True)
    assert "self_service.too_often" in refused(story, member=True)
    ask(story, "user:app-2", member=True)
    story.wait("61m")
    ask(story, member=True)


def test_it_runs_when_those_who_must_agree_have_and_never_by_ones_own_word() -> None:
    story = Story()
    offered(story, approvals=[{"stage": "operate", "by": ["team:platform"], "quorum": 1}])
    request = ask(story, reason="the disk is full")
    assert (request["state"], request["approval"]) == ("pending", "APR-1")
    (asked,) = story.of("approval.requested")
    assert asked["ask"] == "clean: host web-1, size 1, for app-1 (the disk is full)"
    assert story.of("run.started") == []
    with pytest.raises(AssertionError, match=r"approval\.own"):
        decide(story, "user:app-1")
    decide(story, "user:basis-1")
    story.wait("1s")
    (run,) = story.of("run.started")
    assert run["requester"] == "user:app-1"
    assert story.of("request.started")[-1]["run"] == run["id"]


@pytest.mark.parametrize("how", ["rejected", "expired"])
def test_what_is_not_agreed_to_does_not_run(how: str) -> None:
    story = Story()
    offered(story, approvals=[{"by": ["team:platform"], "expires": "1h"}])
    ask(story)
    if how == "rejected":
        decide(story, "user:basis-2", "reject", reason="not today")
    story.wait("2h")
    assert story.of("run.started") == []
    said = story.of(f"request.{how}")[-1]["said"]
    assert ("not today" if how == "rejected" else "in time") in said
    assert story.state.entities["request"] == {}
    assert story.state.approvals == {}


def test_a_workflow_that_changed_after_it_was_asked_for_is_not_run() -> None:
    story = Story()
    offered(story, approvals=[{"by": ["team:platform"]}])
    ask(story)
    offered(story, {"id": "other", "set": {"a": "1"}}, approvals=[{"by": ["team:platform"]}])
    decide(story, "user:basis-1")
    story.wait("1s")
    assert story.of("run.started") == []
    assert story.of("request.failed")[-1]["said"].startswith("self_service.changed")


@pytest.mark.parametrize(
    ("by", "outcome"),
    [(["team:shop"], "failed"), (["team:shop", "user:app-1"], "started"), (["team:shop", "anyone"], "started")],
)
def test_whoever_left_the_team_meanwhile_does_not_get_what_was_agreed_to(by: list[str], outcome: str) -> None:
    story = Story()
    story.apply("Channel", "mail", {"type": "email", "with": {"to": ["app-1@example.com"]}})
    story.apply("Person", "app-1", {"default": [{"channel": "mail"}]})
    offered(story, by=by, approvals=[{"by": ["user:basis-1"]}])
    ask(story, member=True)
    story.apply("Team", "shop", {"members": ["app-2"]})
    decide(story, "user:basis-1")
    story.wait("1s")
    assert len(story.of("run.started")) == (outcome == "started")
    request = story.of(f"request.{outcome}")[-1]
    if outcome == "failed":
        assert request["said"].startswith(
            "self_service.not_yours: clean is offered to team:shop; user:app-1 is no longer"
        )
        told = [one for one in story.of("effect.requested") if request["said"] in str(one["payload"])]
        assert len(told) == 1, "whoever asked is told why"


def test_whoever_asked_and_nobody_else_can_withdraw_what_is_not_decided() -> None:
    story = Story()
    offered(story, approvals=[{"by": ["team:platform"]}])
    ask(story)
    with pytest.raises(AssertionError, match=r"self_service\.not_yours"):
        story.send("oncue.command.request.withdraw", {"request": "REQ-1"}, actor="user:basis-1")
    story.send("oncue.command.request.withdraw", {"request": "REQ-1", "reason": "solved"}, actor="user:app-1")
    assert story.of("request.withdrawn")[-1]["said"] == "solved"
    assert story.of("approval.cancelled")
    with pytest.raises(AssertionError, match=r"self_service\.not_found"):
        story.send("oncue.command.request.withdraw", {"request": "REQ-1"}, actor="user:app-1")


def test_what_cannot_begin_leaves_nothing_behind() -> None:
    story = Story()
    offered(story, limit={"count": 1, "within": "1h"})
    story.apply(
        "Workflow", "clean",
        {
            "inputs": INPUTS, "steps": [{"id": "hold", "wait": {"for": "2h"}}], "concurrency": {"when_busy": "reject"},
            "self_service": {"by": ["team:shop"], "fixed": {"force": False}},
        },
    )  # fmt: skip
    ask(story)
    assert "run.busy" in refused(story)
    assert len(story.of("request.started")) == 1


# what a run may do

TICKET = {"id": "write", "uses": "ticket.create", "with": {"title": "asked for"}}
CALL = {"id": "call", "run": {"workflow": "inner"}}


def test_nobody_has_done_for_them_what_they_may_not_do_themselves() -> None:
    story = Story()
    offered(story, TICKET)
    assert "needs ticket:create" in refused(story, may=["silence:write"])
    ask(story, may=["ticket:create"])
    assert story.of("ticket.created")


def test_not_by_a_run_within_the_run_either() -> None:
    story = Story()
    story.apply("Workflow", "inner", {"steps": [TICKET]})
    offered(story, CALL)
    assert "needs ticket:create" in refused(story, may=[])
    ask(story, may=["ticket:create"])
    story.wait("1s")
    assert story.of("ticket.created")


def test_a_run_that_a_person_started_is_bound_as_well_whatever_the_workflow_may() -> None:
    story = Story()
    story.apply("Workflow", "inner", {"steps": [TICKET]})
    story.apply("Workflow", "w", {"steps": [CALL]})
    story.send("oncue.command.run.start", {"workflow": "w", "may": ["alert:resolve"]}, actor="user:app-1")
    story.wait("1s")
    assert story.of("ticket.created") == []
    failed = [one for one in story.of("step.failed") if one["address"] == "write"]
    assert failed[0]["error_code"] == "run.denied"
    assert "user:app-1 may not" in failed[0]["reason"]


def test_a_workflow_acts_as_its_identity_and_hands_on_no_more() -> None:
    story = Story()
    story.apply("Workflow", "inner", {"steps": [TICKET]})
    story.apply("Workflow", "w", {"steps": [CALL], "identity": "responder"})
    story.send("oncue.command.run.start", {"workflow": "w"}, actor="user:basis-1")
    story.wait("1s")
    assert story.of("ticket.created") == []
    assert [one["error_code"] for one in story.of("step.failed") if one["address"] == "write"] == ["run.denied"]
    spec = WorkflowSpec(steps=[StepSpec(id="write", uses="ticket.create", with_={"title": "x"})], identity="responder")
    assert any("acts as responder" in finding.detail for finding in workflow_findings(spec))


def test_what_an_offer_names_is_there() -> None:
    spec = WorkflowSpec(
        steps=[StepSpec(id="s", set_={"a": "1"})],
        inputs={"type": "object", "properties": {"host": {"type": "string"}}},
        self_service=SelfService(by=["anyone"], fixed={"host": 3}, inputs={"hots": {"enum": ["a"]}}),
    )
    said = [finding.detail for finding in workflow_findings(spec)]
    assert any("no input hots" in one for one in said)
    assert any("host" in one and "string" in one for one in said)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ({"by": ["user:basis-1"], "expires": "0s"}, ["it must be more than 0"]),
        ({"by": ["user:basis-1", "user:basis-1"], "quorum": 2}, ["2 must agree, and 1 may"]),
        ({"by": ["user:basis-1", "user:basis-2"], "quorum": 2}, []),
        ({"by": ["user:basis-1", "team:basis"], "quorum": 5}, []),
    ],
)
def test_a_stage_that_nobody_could_pass_is_named(stage: dict[str, Any], said: list[str]) -> None:
    spec = msgspec.convert({"timeout": "2d", "steps": [{"id": "ask", "approvals": [stage]}]}, WorkflowSpec)
    assert [finding.detail for finding in workflow_findings(spec)] == said


def test_actions_outside_are_the_workflows_own_whoever_asked() -> None:
    story = Story()
    offered(story, {"id": "act", "uses": "http.request", "with": {"url": "http://127.0.0.1/"}})
    ask(story, may=[])
    answer(story, "act", result={"status": 200})
    assert story.of("run.succeeded")
