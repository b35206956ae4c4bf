"""What the expressions of a workflow may speak of, and where it is said that one speaks of something else."""

from typing import Any

import msgspec
import pytest

from oncue import manifests
from oncue.core.named import named
from oncue.manifests import Problem

INPUTS: dict[str, Any] = {"type": "object", "properties": {"host": {"type": "string"}, "hosts": {"type": "array"}}}


def problems(*steps: dict[str, Any], **spec: Any) -> list[Problem]:
    """Everything that is wrong with a workflow of these steps."""
    document = {
        "apiVersion": "oncue/v1", "kind": "Workflow", "metadata": {"name": "w"},
        "spec": {"inputs": INPUTS, "steps": list(steps), **spec},
    }  # fmt: skip
    _, found = manifests.load(manifests.parse_yaml(msgspec.json.encode(document)))
    return found


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
