"""What a workflow takes: every rule that may be declared is checked, and what is not checked may not be declared."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncue.core import inputs
from oncue.core.errors import Refusal
from oncue.manifests import load, parse_yaml
from tests.unit.story import Story

FITS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "integer", "minimum": 1, "maximum": 5}, 5),
    ({"type": "integer"}, 2.0),
    ({"type": "number", "exclusiveMinimum": 0}, 0.1),
    ({"type": ["string", "null"]}, None),
    ({"enum": [1, "one", None]}, 1.0),
    ({"const": {"a": [1]}}, {"a": [1.0]}),
    ({"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 4}, "abcd"),
    ({"type": "string", "pattern": "b"}, "abc"),
    ({"type": "string", "maxLength": 2}, "äö"),
    ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "uniqueItems": True}, ["a", "b"]),
    ({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}, {"a": 1, "b": 2}),
    ({"format": "uuid", "title": "Anything"}, "anything"),
    ({}, {"what": "ever"}),
]
MISFITS: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "integer", "minimum": 1}, 0, "x must be at least 1, not 0"),
    ({"type": "integer", "maximum": 5}, 6, "x must be at most 5, not 6"),
    ({"type": "number", "exclusiveMinimum": 0}, 0, "x must be more than 0, not 0"),
    ({"type": "number", "exclusiveMaximum": 1.5}, 1.5, "x must be less than 1.5, not 1.5"),
    ({"type": "integer"}, 1.5, "x must be of type integer, not number"),
    ({"type": "integer"}, True, "x must be of type integer, not boolean"),
    ({"type": "number"}, False, "x must be of type number, not boolean"),
    ({"type": ["string", "null"]}, 1, "x must be of type string or null, not integer"),
    ({"enum": ["a", 1]}, True, "x must be one of a, 1"),
    ({"enum": [[1]]}, [True], "x must be one of [1]"),
    ({"const": False}, 0, "x must be false"),
    ({"pattern": "^[a-z]+$"}, "A", "x must match the pattern ^[a-z]+$"),
    ({"minLength": 2}, "a", "x must have at least 2 characters, not 1"),
    ({"maxLength": 1}, "ab", "x must have at most 1 character, not 2"),
    ({"items": {"type": "string"}}, ["a", 1], "x item 1 must be of type string, not integer"),
    ({"items": False}, [1], "x must be empty"),
    ({"minItems": 1}, [], "x must have at least 1 item, not 0"),
    ({"maxItems": 1}, [1, 2], "x must have at most 1 item, not 2"),
    ({"uniqueItems": True}, [1, True, 1.0], "x must not hold an item twice"),
    ({"required": ["a"]}, {}, "x member a is missing"),
    ({"properties": {"a": {"maximum": 1}}}, {"a": 2}, "x member a must be at most 1, not 2"),
    ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 1}, "x member b is not known; there are: a"),
    ({"additionalProperties": {"type": "string"}}, {"b": 1}, "x member b must be of type string, not integer"),
    ({"minProperties": 1}, {}, "x must have at least 1 member, not 0"),
    ({"maxProperties": 0}, {"a": 1}, "x must have at most 0 members, not 1"),
]
UNSOUND: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
    ({"type": "text"}, ("type",)),
    ({"type": []}, ("type",)),
    ({"minimum": "1"}, ("minimum",)),
    ({"maximum": True}, ("maximum",)),
    ({"maxLength": -1}, ("maxLength",)),
    ({"minItems": 1.5}, ("minItems",)),
    ({"pattern": "("}, ("pattern",)),
    ({"pattern": "(?=a)"}, ("pattern",)),
    ({"pattern": "((a{30}){30}){30}"}, ("pattern",)),
    ({"pattern": 1}, ("pattern",)),
    ({"enum": "a"}, ("enum",)),
    ({"enum": []}, ("enum",)),
    ({"required": "a"}, ("required",)),
    ({"uniqueItems": "yes"}, ("uniqueItems",)),
    ({"anyOf": [{}]}, ("anyOf",)),
    ({"$ref": "#/x"}, ("$ref",)),
    ({"properties": {"a": {"maximun": 1}}}, ("properties", "a", "maximun")),
    ({"properties": {"a": 1}}, ("properties", "a")),
    ({"items": {"type": "text"}}, ("items", "type")),
    ({"items": [1]}, ("items",)),
    ({"type": "integer", "maximum": 1, "default": 2}, ("default",)),
]


@pytest.mark.parametrize(("schema", "value"), FITS)
def test_a_value_that_fits_is_taken(schema: dict[str, Any], value: Any) -> None:
    assert list(inputs.faults(schema)) == []
    inputs.check("x", value, schema)


@pytest.mark.parametrize(("schema", "value", "detail"), MISFITS)
def test_a_value_that_does_not_fit_is_refused_with_its_name_and_the_bound(
    schema: dict[str, Any], value: Any, detail: str
) -> None:
    assert list(inputs.faults(schema)) == []
    with pytest.raises(Refusal) as refused:
        inputs.check("x", value, schema)
    assert (refused.value.code, refused.value.detail) == ("workflow.inputs_invalid", detail)


@pytest.mark.parametrize(("schema", "path"), UNSOUND)
def test_what_cannot_be_checked_may_not_be_declared(schema: dict[str, Any], path: tuple[str | int, ...]) -> None:
    assert [place for place, _ in inputs.faults(schema)] == [path]


def test_what_is_wrong_with_a_pattern_is_said_in_words() -> None:
    ((_, detail),) = inputs.faults({"pattern": "(?=a)"})
    assert detail == "'(?=a)' is not a regular expression (RE2): invalid perl operator: (?="


def test_every_rule_that_may_be_declared_is_tried_here() -> None:
    tried = {keyword for schema, _, _ in MISFITS for keyword in schema}
    assert tried == inputs.RULES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
SCHEMAS = st.dictionaries(st.sampled_from(sorted(inputs.RULES | {"default", "anyOf", "writeOnly"})), JSON, max_size=5)


@settings(max_examples=200, deadline=None)
@given(schema=SCHEMAS, values=st.dictionaries(st.sampled_from(["a", "b"]), JSON, max_size=2))
def test_whatever_was_declared_and_given_the_engine_says_yes_or_refuses(
    schema: dict[str, Any], values: dict[str, Any]
) -> None:
    declared = {"type": "object", "properties": {"a": schema, "b": {}}, "additionalProperties": schema}
    sound = not list(inputs.faults(declared))
    refusal = _refusal(declared, values)
    if refusal is not None:
        assert refusal.code == "workflow.inputs_invalid"
        assert not (sound and "soundly" in refusal.detail)


def _refusal(declared: dict[str, Any], values: dict[str, Any]) -> Refusal | None:
    try:
        inputs.complete(declared, values)
    except Refusal as refusal:
        return refusal
    return None


# In the engine

WORKFLOW = {
    "inputs": {
        "type": "object",
        "required": ["host"],
        "properties": {
            "host": {"type": "string", "pattern": r"^[a-z0-9-]+$", "maxLength": 8},
            "tries": {"type": "integer", "minimum": 1, "maximum": 3, "default": 2},
        },
    },
    "steps": [
        {"id": "note", "uses": "event.emit", "with": {"type": "org.example.noted", "resource": "${inputs.host}"}}
    ],
}


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({}, "host is missing"),
        ({"host": "DB 1"}, "host must match the pattern ^[a-z0-9-]+$"),
        ({"host": "a-host-too-long"}, "host must have at most 8 characters, not 15"),
        ({"host": "db-1", "tries": 4}, "tries must be at most 3, not 4"),
        ({"host": "db-1", "trys": 1}, "trys is not an input; it takes: host, tries"),
    ],
)
def test_a_run_with_inputs_beyond_a_bound_does_not_start(given: dict[str, Any], detail: str) -> None:
    story = Story()
    story.apply("Workflow", "note", WORKFLOW)
    reply = story.answer("oncue.command.run.start", {"workflow": "note", "inputs": given})
    assert (reply.code, reply.detail) == ("workflow.inputs_invalid", detail)
    assert not story.of("run.started")


def test_defaults_stand_in_for_inputs_that_were_not_given() -> None:
    story = Story()
    story.apply("Workflow", "note", WORKFLOW)
    story.send("oncue.command.run.start", {"workflow": "note", "inputs": {"host": "db-1"}})
    assert story.of("run.started")[0]["inputs"] == {"host": "db-1", "tries": 2}


def test_a_policy_whose_inputs_do_not_fit_says_so_in_its_decision() -> None:
    story = Story()
    story.apply("Workflow", "note", WORKFLOW)
    respond = [{"run": {"workflow": "note", "with": {"host": "${event.resource}", "tries": 9}}}]
    story.apply("Policy", "p", {"match": {"types": ["disk.full"]}, "respond": respond})
    story.problem()
    assert not story.of("run.started")
    (decision,) = story.of("policy.failed")
    assert decision["reason"] == "response_failed" and "tries must be at most 3, not 9" in decision["detail"]


def test_a_workflow_of_old_with_an_unsound_rule_is_refused_with_the_reason() -> None:
    story = Story()
    story.apply("Workflow", "old", {**WORKFLOW, "inputs": {"type": "object", "properties": {"a": {"pattern": "("}}}})
    reply = story.answer("oncue.command.run.start", {"workflow": "old", "inputs": {"a": "x"}})
    assert reply.code == "workflow.inputs_invalid" and "not declared soundly: pattern" in reply.detail


def test_a_manifest_that_declares_what_is_not_checked_is_refused_at_its_place() -> None:
    text = b"""
apiVersion: oncue/v1
kind: Workflow
metadata: {name: w}
spec:
  inputs:
    type: object
    properties:
      host: {type: string, oneOf: [{const: a}]}
      tries: {type: integer, maximum: "3"}
  steps: [{id: a, uses: event.emit, with: {type: org.example.x}}]
"""
    _, problems = load(parse_yaml(text))
    told = [str(problem) for problem in problems if problem.level == "error"]
    assert len(told) == 2 and "oneOf is not checked here" in told[0] and "must be a number" in told[1]


@pytest.mark.parametrize("ten", [10, 10.0])
def test_an_integer_is_one_however_it_was_written(ten: Any) -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer"},
            "each": {"type": "array", "items": {"type": ["integer", "null"]}},
            "by": {
                "type": "object",
                "properties": {"x": {"type": "number"}},
                "additionalProperties": {"type": "integer"},
            },
        },
    }
    found = inputs.complete(schema, {"n": ten, "each": [ten, None], "by": {"x": ten, "y": ten}})
    seen = [found["n"], found["each"][0], found["by"]["y"]]
    assert seen == [10, 10, 10]
    assert all(type(one) is int for one in seen)
    assert type(found["by"]["x"]) is type(ten)


@pytest.mark.parametrize("huge", [2.0**63, -(2.0**64), 1e300])
def test_a_whole_number_that_no_integer_holds_stays_as_it_was_written(huge: float) -> None:
    found = inputs.complete({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": huge})
    assert type(found["n"]) is float
