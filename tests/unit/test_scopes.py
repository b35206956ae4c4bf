"""What the expressions of a workflow may speak of, and where it is said that one speaks of something else."""

from typing import Any

import msgspec
import pytest

from oncue import manifests
from oncue.core.named import named
from oncue.manifests import Problem

INPUTS: dict[str, Any] = {"type": "object", "properties": {"host": {"type": "string"}, "hosts": {"type": "array"}}}


def problems(*steps: dict[str, Any], **spec: Any) -> list[Problem]:
    """Everything for which a workflow of these steps is refused."""
    document = {
        "apiVersion": "oncue/v1", "kind": "Workflow", "metadata": {"name": "w"},
        "spec": {"inputs": INPUTS, "steps": list(steps), **spec},
    }  # fmt: skip
    _, found = manifests.load(manifests.parse_yaml(msgspec.json.encode(document)))
    return [one for one in found if one.level == "error"]


def given(text: str, **more: Any) -> dict[str, Any]:
    """A step whose condition is this expression."""
    return {"id": "b", "if": text, "set": {"x": 1}, **more}


@pytest.mark.parametrize(
    ("text", "variables", "members"),
    [
        ("event.data.inputs.name == 'x'", ("event",), (("event", "data"),)),
        ("'see inputs.zzz or steps.yyy'", (), ()),
        ("[{'inputs': {'zz': 1}}].all(e, e.inputs.zz == 1)", (), ()),
        ("[1].all(inputs, inputs == 1)", (), ()),
        ("[1].all(inputs, .inputs.host == 1)", ("inputs",), (("inputs", "host"),)),
        ("inputs['host'] == steps.a['state']", ("inputs", "steps"), (("inputs", "host"), ("steps", "a"))),
        ("inputs.?host.orValue(1) == inputs[?'b'].orValue(2)", ("inputs",), (("inputs", "host"), ("inputs", "b"))),
        ("inputs.?host.optMap(v, v + index).orValue(1)", ("inputs", "index"), (("inputs", "host"),)),
        ("has(vars.x) && inputs[vars.y] == 1", ("vars", "inputs"), (("vars", "x"), ("vars", "y"))),
        ("{'inputs': 1}.inputs == 1", (), ()),
    ],
)
def test_what_an_expression_names_is_read_from_its_tree(
    text: str, variables: tuple[str, ...], members: tuple[tuple[str, str], ...]
) -> None:
    found = named(text)
    assert (found.variables, found.members) == (variables, members)


@pytest.mark.parametrize(
    "text",
    [
        "event.data.inputs.name == 'x'",
        "'see inputs.zzz, vars.q or steps.yyy' != ''",
        "[{'inputs': {'zz': 1}}].all(e, e.inputs.zz == 1)",
        "event.data.steps.zzz.state == 'x' && event.data.vars.q == 1",
        "inputs['host'] == 'a' && steps['a'].state == 'succeeded'",
    ],
)
def test_what_only_looks_like_an_input_or_a_step_is_taken(text: str) -> None:
    assert problems({"id": "a", "set": {"x": 1}}, given(text)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps['zzz'].state == 'skipped'", "there is no step zzz before this one"),
        ("inputs['hosst'] == 'a'", "hosst is not declared in inputs; did you mean host?"),
        ("inputs.hosts.exists(one, one == inputs.hosst)", "hosst is not declared in inputs; did you mean host?"),
        ("vars['y'] == 1", "no step sets the variable y"),
    ],
)
def test_what_is_not_there_is_named_however_it_is_written(text: str, said: str) -> None:
    (found,) = problems(given(text))
    assert (found.path, found.detail.startswith(said)) == ("spec.steps[0].if", True)


def test_an_output_may_be_called_as_a_member_that_is_true_or_false() -> None:
    assert problems({"id": "a", "set": {"x": 1}, "outputs": {"when": "'now'", "that": "1 + 1"}}) == []


WRITTEN = """apiVersion: oncue/v1
kind: Workflow
metadata: {name: w}
spec:
  inputs: {type: object, properties: {host: {}}}
  steps:
    - id: a
      uses: http.request
      with:
        url: https://example.com
        json:
          - {host: "${inputs.host}"}
          - host: "${inputs.hosst}"
    - id: b
      set:
        x: 1
        y: "${steps.zzz.state}"
    - id: c
      run:
        workflow: v
        with:
          x: 1
          y: "${vars.z}"
"""


def test_a_mistake_is_placed_at_the_text_that_holds_it() -> None:
    _, found = manifests.load(manifests.parse_yaml(WRITTEN))
    assert [(one.line, one.path) for one in found if one.level == "error"] == [
        (13, "spec.steps[0].with.json[1].host"),
        (17, "spec.steps[1].set.y"),
        (23, "spec.steps[2].run.with.y"),
    ]


CALL: dict[str, Any] = {"uses": "http.request", "with": {"url": "https://example.com"}}
LOOK: dict[str, Any] = {**CALL, "that": "result.ok"}
IN_RUNS = "event, alert, incident, run, now, inputs, steps, vars"


@pytest.mark.parametrize(
    ("step", "place", "said"),
    [
        ({"if": "index == 1", "set": {"x": 1}}, "if", "there is no index here, only in the steps of a `for_each`"),
        ({"if": "error.code == 'x'", "set": {"x": 1}}, "if", "there is no error here, only in `catch` and `finally`"),
        ({"if": "value > 1.0", "set": {"x": 1}}, "if", "there is no value here, only in policies"),
        ({"set": {"x": "${limit}"}}, "set.x", "there is no limit here, only in policies"),
        ({**CALL, "with": {"url": "${result.url}"}}, "with.url", "there is no result here, only in"),
        ({**CALL, "outputs": {"x": "outputs.y"}}, "outputs.x", "there is no outputs here, only in"),
        ({**CALL, "outputs": {"x": "baseline.y"}}, "outputs.x", "there is no baseline here, only in `that`"),
        ({**CALL, "validate": {"that": "result.ok"}}, "validate.that", "there is no result here, only in"),
        ({**CALL, "validate": {**LOOK, "that": "outputs.x"}}, "validate.that", "there is no outputs here, only in"),
        ({**CALL, "validate": {**LOOK, "with": {"url": "${result.url}"}}}, "validate.with.url", "there is no result here"),
        ({"try": [given("error.code == 'x'")], "finally": [given("true", id="c")]}, "try[0].if", "there is no error here"),
        ({"for_each": {"items": "[index]"}, "steps": [given("true")]}, "for_each.items", "there is no index here"),
    ],
)  # fmt: skip
def test_a_variable_that_means_nothing_at_its_place_is_refused(step: dict[str, Any], place: str, said: str) -> None:
    (found,) = problems({"id": "a", **step})
    assert (found.path, found.level, found.detail.startswith(said)) == (f"spec.steps[0].{place}", "error", True)
    assert f"(here are {IN_RUNS}" in found.detail


@pytest.mark.parametrize(
    "step",
    [
        {**CALL, "outputs": {"x": "result.y"}, "rollback": {**CALL, "with": {"url": "${outputs.x}/${result.y}"}}},
        {**CALL, "rollback": {**CALL, "validate": LOOK}},
        {**CALL, "validate": {**LOOK, "inconclusive": "result.unknown"}},
        {**CALL, "validate": {"repeat": "before", "that": "outputs.x == result.y"}},
        {**CALL, "validate": {**LOOK, "when": ["before", "after"], "that": "result.n <= baseline.n"}},
        {**CALL, "validate": {"that": "steps.a.result.ok"}},
        {**CALL, "validate": {**LOOK, "that": "result.what != 'baseline' && result.baseline == 1"}},
        {"try": [given("true")], "catch": [{"id": "c", "steps": [given("error.code == 'x'", id="d")]}]},
        {"try": [given("true")], "finally": [given("has(error.code)", id="c")], "outputs": {"x": "error.code"}},
        {"for_each": {"items": "[1]", "key": "string(index)"}, "steps": [given("index == item")]},
        given("event.type == 'x' || alert.id == incident.id || run.id == 'x' || now == now"),
        given("[1].all(result, result == 1)"),
    ],
)
def test_a_variable_is_taken_where_it_is_there(step: dict[str, Any]) -> None:
    assert problems({"id": "before", **CALL}, {"id": "a", **step}) == []


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"outputs": {"x": "error.code"}}, "outputs.x", "there is no error here"),
        ({"concurrency": {"by": ["inputs.hosst"]}}, "concurrency.by[0]", "did you mean host?"),
        ({"concurrency": {"by": ["steps.b.state"]}}, "concurrency.by[0]", "no steps here (here are inputs, now)"),
        ({"rate": {"count": 1, "within": "1m", "by": ["event.id"]}}, "rate.by[0]", "no event here (here are inputs, now)"),
        ({"triggers": [{"id": "t", "event": {"types": ["x"], "where": "inputs.host == 'a'"}}]}, "triggers[0].event.where",
         "no inputs here (here are event, now)"),
        ({"triggers": [{"id": "t", "event": {"types": ["x"]}, "with": {"host": "${steps.a.state}"}}]}, "triggers[0].with.host",
         "no steps here (here are event, alert, incident, now)"),
        ({"triggers": [{"id": "t", "schedule": {"cron": "0 3 * * *"}, "with": {"host": "${event.id}"}}]},
         "triggers[0].with.host", "no event here (here are now)"),
    ],
)  # fmt: skip
def test_what_stands_outside_of_the_steps_sees_less(spec: dict[str, Any], path: str, said: str) -> None:
    (found,) = problems(given("true"), **spec)
    assert (found.path, said in found.detail) == (f"spec.{path}", True)


def test_runs_are_counted_by_their_inputs_and_the_time() -> None:
    by = ["inputs.host", "string(now.getHours())"]
    assert problems(given("true"), concurrency={"by": by}, rate={"count": 1, "within": "1m", "by": by}) == []


@pytest.mark.parametrize(
    "text",
    [
        "steps.a.state == 'success'",
        "'success' != steps['a'].state",
        "steps.a.state in ['failed', 'success']",
        "[1].all(n, steps.a.state == 'success')",
    ],
)
def test_a_state_in_which_no_step_is_is_refused_with_those_that_there_are(text: str) -> None:
    (found,) = problems({"id": "a", "set": {"x": 1}}, given(text))
    assert found.path == "spec.steps[1].if"
    assert found.detail.startswith("'success' is no state of a step (there are running, waiting, validating, succeeded")
    assert found.detail.endswith("did you mean succeeded?")


@pytest.mark.parametrize(
    "text",
    [
        "steps.a.state in ['succeeded', 'timed_out', 'skipped']",
        "steps.a.result.state == 'success'",
        "steps.a.outputs.state == 'success' || steps.a.state == inputs.host",
        "event.data.steps.a.state == 'success'",
    ],
)
def test_other_states_are_nobodys_business(text: str) -> None:
    assert problems({"id": "a", "set": {"x": 1}, "outputs": {"state": "'success'"}}, given(text)) == []


def test_a_trigger_may_give_what_the_event_says_and_the_alert_that_it_is_about() -> None:
    given_ = {"host": "${event.resource + alert.id + incident.id + string(now)}"}
    assert problems(given("true"), triggers=[{"id": "t", "event": {"types": ["x"]}, "with": given_}]) == []
