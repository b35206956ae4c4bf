"""Inputs that must not be written down: what can be declared, what the engine takes for them, and how long they are held."""

from typing import Any

import msgspec
import pytest

from oncue.cli.inputs import shown as shown_on_the_command_line
from oncue.core import hidden, inputs
from oncue.core.errors import Refusal
from oncue.manifests import load, parse_yaml
from oncue.manifests.hidden import hidden_findings
from oncue.rehearsal import world
from oncue.rehearsal.cases import StartRun
from tests.unit.runs import answer
from tests.unit.story import START, Story

PASSWORD: dict[str, Any] = {"type": "string", "writeOnly": True, "minLength": 30}
SCHEMA = {"type": "object", "properties": {"password": PASSWORD, "host": {"type": "string"}}}
GIVEN = "secret://run/aa/password"
ROW = "default/run/aa/password"

WORKFLOW = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: reset}
spec:
  inputs:
    type: object
    properties:
      password: {type: string, writeOnly: true}
      host: {type: string}
      %(property)s
  %(spec)s
  steps:
    - id: send
      uses: http.request
      with: {url: "https://example.com/${inputs.host}", secret: "${inputs.password}"%(more)s}
"""


def problems(*, property: str = "{}", spec: str = "timeout: 1m", more: str = "") -> list[str]:
    """What is said of the workflow: level, path and detail."""
    property = "other: {type: string}" if property == "{}" else property
    text = WORKFLOW % {"property": property, "spec": spec, "more": more}
    _, found = load(parse_yaml(text))
    return [f"{one.level} {one.path}: {one.detail}" for one in found]


def test_a_text_may_be_hidden_and_refer_to_a_secret_by_default() -> None:
    assert problems() == []
    assert (
        problems(property='token: {type: string, writeOnly: true, maxLength: 8, default: "secret://the-token"}') == []
    )


@pytest.mark.parametrize(
    ("property", "said"),
    [
        ("pin: {type: integer, writeOnly: true}", "pin.type: a hidden input is a text"),
        ("pin: {writeOnly: true}", "pin.type: a hidden input is a text"),
        ("pin: {type: string, writeOnly: yes please}", "pin.writeOnly: must be true or false"),
        ("the pin: {type: string, writeOnly: true}", "the pin: the name of a hidden input has letters"),
        ("pin: {type: string, writeOnly: true, enum: [a]}", "pin.enum: what is listed here is no secret"),
        ("pin: {type: string, writeOnly: true, const: a}", "pin.const: what is listed here is no secret"),
        ("pin: {type: string, writeOnly: true, default: abc}", "pin.default: what is written here is no secret"),
        (
            'pin: {type: string, writeOnly: true, default: "secret://run/aa/pin"}',
            "pin.default: what is written here is no secret",
        ),
        (
            "db: {type: object, properties: {pin: {type: string, writeOnly: true}}}",
            "db.properties.pin.writeOnly: only a whole input can be hidden",
        ),
        ("pins: {type: array, items: {writeOnly: true}}", "pins.items.writeOnly: only a whole input can be hidden"),
    ],
)
def test_what_cannot_be_hidden_is_said_at_its_place(property: str, said: str) -> None:
    (problem,) = problems(property=property)
    assert problem.startswith(f"error spec.inputs.properties.{said}")


def test_the_whole_of_the_inputs_cannot_be_hidden() -> None:
    assert [one.path for one in hidden_findings({"type": "object", "writeOnly": True})] == [("inputs", "writeOnly")]


def test_a_part_of_a_text_is_no_reference_and_that_is_a_doubt() -> None:
    (problem,) = problems(more=', headers: {X-Password: "it is ${inputs.password}", X-Host: "at ${inputs.host}"}')
    assert problem.startswith("warning spec.steps[0].with.headers.X-Password: password is hidden, and known only where")


def test_what_a_manifest_gives_for_it_is_a_reference() -> None:
    trigger = "triggers: [{id: nightly, schedule: {cron: '0 3 * * *'}, with: {password: %s}}]"
    (problem,) = problems(spec=trigger % "hunter2")
    assert problem.startswith("error spec.triggers[0].with.password: what is written here is no secret")
    assert problems(spec=trigger % '"secret://the-password"') == []
    fixed = "self_service: {by: [anyone], fixed: {password: %s}}"
    (problem,) = problems(spec=fixed % "hunter2")
    assert problem == (
        "error spec.self_service.fixed.password: password is hidden, and what is given here is kept for ever; give secret://NAME"
    )
    assert problems(spec=fixed % '"secret://the-password"') == []


def test_an_offer_narrows_and_does_not_hide() -> None:
    assert problems(spec="self_service: {by: [anyone], inputs: {password: {minLength: 8}}}") == []
    (problem,) = problems(spec="self_service: {by: [anyone], inputs: {host: {writeOnly: true}}}")
    assert problem.startswith("error spec.self_service.inputs.host.writeOnly: an input is hidden for all")


def test_what_people_agree_to_is_not_hidden_from_them() -> None:
    template = """
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: rotate}
spec:
  type: standard
  targets: {names: [db-1]}
  inputs: {type: object, properties: {password: {type: string, writeOnly: true}}}
  on_failure: {rollback: none}
  steps: [{id: note, set: {a: "${inputs.password}"}}]
"""
    _, found = load(parse_yaml(template))
    assert [(one.path, one.level) for one in found] == [("spec.inputs.properties.password.writeOnly", "error")]
    assert found[0].detail.startswith("who agrees must see what password is")


@pytest.mark.parametrize("value", ["hunter2", "", 7, None, ["secret://a"]])
def test_the_engine_takes_nothing_but_a_reference_for_it(value: Any) -> None:
    with pytest.raises(Refusal) as refused:
        inputs.complete(SCHEMA, {"password": value})
    assert (refused.value.code, "hunter2" in refused.value.detail) == ("workflow.inputs_invalid", False)


def test_its_other_rules_are_not_those_of_the_reference() -> None:
    assert inputs.complete(SCHEMA, {"password": "secret://a"}) == {"password": "secret://a"}


def check(data: Any, *brought: str, type: str = "oncue.command.run.start") -> tuple[str, str] | None:
    """Code and detail with which a command is refused before it is written down."""
    story = Story()
    story.apply("Workflow", "reset", {"inputs": SCHEMA, "steps": [{"id": "a", "set": {"b": 1}}]})
    try:
        hidden.check(story.state, "default", type, msgspec.json.encode(data), brought)
    except Refusal as refusal:
        return refusal.code, refusal.detail
    return None


@pytest.mark.parametrize(
    ("given", "brought", "code"),
    [
        ({"host": "db-1"}, [], None),
        ({"password": "secret://a"}, [], None),
        ({"password": GIVEN}, [ROW], None),
        ({"password": "hunter2"}, [], "workflow.inputs_hidden"),
        ({"password": "hunter2"}, [ROW], "workflow.inputs_hidden"),
        ({"password": ["secret://a"]}, [], "workflow.inputs_hidden"),
        ({"password": GIVEN}, [], "workflow.inputs_hidden"),
        ({"password": GIVEN}, ["other/run/aa/password"], "workflow.inputs_hidden"),
        ({"host": {"at": [GIVEN]}}, [], "workflow.inputs_hidden"),
        ({"pasword": "hunter2"}, [], "workflow.inputs_hidden"),
    ],
)
def test_a_command_holds_what_may_be_written_down_or_is_refused(
    given: dict[str, Any], brought: list[str], code: str | None
) -> None:
    code_said, detail = check({"workflow": "reset", "inputs": given}, *brought) or (None, "")
    assert (code_said, "hunter2" in detail) == (code, False)


@pytest.mark.parametrize(("type", "code"), hidden.GIVEN.items())
def test_what_is_given_to_nothing_is_not_written_down(type: str, code: str) -> None:
    assert check({"workflow": "rest", "inputs": {"password": "hunter2"}}, type=type) == (code, "rest in default")
    code_said, detail = check({"workflow": "reset", "inputs": "hunter2"}, type=type) or ("", "")
    assert (code_said, "hunter2" in detail) == ("request.invalid", False)


# how long it is held


CALL = {"id": "call", "uses": "http.request", "with": {"url": "https://example.com", "secret": "${inputs.password}"}}


def start(story: Story, *steps: dict[str, Any], **spec: Any) -> None:
    story.apply("Workflow", "reset", {"inputs": SCHEMA, "steps": list(steps), **spec})
    given = {"workflow": "reset", "inputs": {"password": GIVEN}}
    story.send("oncue.command.run.start", given, actor="user:basis-1")


def held(story: Story) -> dict[str, int]:
    found: dict[str, int] = story.state.cells["hidden"]
    return found


def test_a_run_holds_it_until_it_is_over() -> None:
    story = Story()
    start(story, CALL)
    assert held(story) == {ROW: 1}
    (effect,) = story.state.effects.values()
    assert effect.payload["secret"] == GIVEN
    answer(story, "call")
    assert held(story) == {}
    assert story.batch.cells[("hidden", ROW)] is None


def test_a_run_within_it_holds_it_as_well() -> None:
    story = Story()
    story.apply("Workflow", "inner", {"inputs": SCHEMA, "steps": [CALL]})
    start(story, {"id": "below", "run": {"workflow": "inner", "with": {"password": "${inputs.password}"}}})
    story.wait("1s")
    assert held(story) == {ROW: 2}
    answer(story, "call")
    story.wait("1s")
    assert held(story) == {}


def test_a_run_that_was_refused_holds_nothing() -> None:
    story = Story()
    start(story, CALL, concurrency={"when_busy": "reject"})
    given = {"workflow": "reset", "inputs": {"password": GIVEN.replace("aa", "bb")}}
    assert story.refused("oncue.command.run.start", given) == "run.busy"
    assert held(story) == {ROW: 1}


def test_what_undoes_a_run_still_has_it() -> None:
    story = Story()
    undo = {"uses": "http.request", "with": {"url": "https://example.com", "secret": "${inputs.password}"}}
    start(story, {**CALL, "rollback": undo}, {"id": "fails", "set": {"a": "${inputs.host}"}},
          on_failure={"rollback": "all"})  # fmt: skip
    answer(story, "call")
    story.wait("1s")
    assert held(story) == {ROW: 1}
    answer(story, "call~rollback")
    story.wait("1s")
    assert held(story) == {}


@pytest.mark.parametrize("how", ["approve", "reject", "expire", "withdraw"])
def test_a_request_holds_it_until_it_runs_or_is_over(how: str) -> None:
    story = Story()
    offer = {"by": ["user:app-1"], "approvals": [{"by": ["user:basis-1"], "expires": "1h"}]}
    story.apply("Workflow", "reset", {"inputs": SCHEMA, "steps": [CALL], "self_service": offer})
    asked = {"workflow": "reset", "inputs": {"password": GIVEN, "host": "db-1"}}
    request = story.send("oncue.command.request.ask", asked, actor="user:app-1")
    ((id, approval),) = story.state.approvals.items()
    assert (held(story), approval.ask) == ({ROW: 1}, "reset: password (hidden), host db-1, for app-1")
    if how == "expire":
        story.wait("2h")
    elif how == "withdraw":
        story.send("oncue.command.request.withdraw", {"request": request["id"]}, actor="user:app-1")
    else:
        given = {"approval": id, "decision": how, "reason": "so"}
        story.send("oncue.command.approval.decide", given, actor="user:basis-1")
    story.wait("1s")
    assert held(story) == ({ROW: 1} if how == "approve" else {})
    if how == "approve":
        answer(story, "call")
        assert held(story) == {}


def test_no_event_brings_another_runs_input() -> None:
    story = Story()
    start(story, CALL)
    response = {"run": {"workflow": "reset", "with": {"host": "${event.data.host}"}}}
    story.apply("Policy", "p", {"match": {"types": ["disk.full"]}, "respond": [response]})
    story.send("disk.full", {"host": GIVEN}, severity="major", resource="db-1")
    assert len(story.of("run.started")) == 1
    assert held(story) == {ROW: 1}


def test_a_run_run_anew_does_not_take_over_what_is_forgotten() -> None:
    story = Story()
    start(story, {"id": "keep", "set": {"kept": "${inputs.password}"}}, {"id": "note", "set": {"a": "b"}}, CALL)
    (run,) = story.of("run.started")
    steps = [msgspec.to_builtins(step) for step in story.state.steps_of[run["id"]].values()]
    again = {
        "run": run["id"],
        "workflow": "reset",
        "step": "call",
        "steps": steps,
        "inputs": {"password": "secret://mine"},
    }
    story.send("oncue.command.run.fork", again, actor="user:basis-1")
    fork = story.of("run.started")[-1]
    assert story.state.runs[fork["id"]].variables == {"kept": "secret://mine", "a": "b"}


def test_a_test_of_a_workflow_may_give_anything() -> None:
    spec = {"inputs": SCHEMA, "steps": [CALL]}
    change = {"op": "apply", "kind": "Workflow", "namespace": "default", "name": "reset", "spec": spec}
    told = world.World([change], START, "default", {})
    told.run(StartRun(workflow="reset", inputs={"password": "hunter2-hunter2-hunter2-hunter2"}))
    (run,) = told.all("run")
    assert run["inputs"] == {"password": "secret://run/none/password"}
    with pytest.raises(Refusal, match="must have at least 30 characters"):
        told.run(StartRun(workflow="reset", inputs={"password": "short"}))


def test_the_command_line_knows_what_stands_for_it() -> None:
    assert shown_on_the_command_line(GIVEN) == "(hidden)"
    assert [shown_on_the_command_line(one) for one in ("secret://mail", "text", 7)] == ["secret://mail", "text", "7"]
