"""What is given to workflows is compared with what they take before anything runs."""

from typing import Any

import pytest

from oncue.manifests.calls import misgiven
from tests.unit.runs import step
from tests.unit.story import Story

TAKES = {
    "inputs": {
        "type": "object",
        "required": ["host", "zone"],
        "properties": {
            "host": {"type": "string"},
            "zone": {"type": "string", "default": "a"},
            "count": {"type": "integer", "minimum": 1},
            "password": {"type": "string", "writeOnly": True},
        },
    },
    "steps": [{"id": "a", "set": {"x": 1}}],
}
INNER = ("Workflow", "inner", TAKES)
Given = tuple[str, str, dict[str, Any]]


def wrong(*given: Given, known: tuple[Given, ...] = ()) -> list[tuple[int, str, str, str]]:
    """Index, level, path and words of what is found, of (kind, name, spec)."""
    found = misgiven(
        [(kind, "default", name, spec) for kind, name, spec in given],
        [(kind, "default", name, spec) for kind, name, spec in known],
    )
    return [(index, one.level, ".".join(map(str, one.path)), one.detail) for index, one in found]


def run(**inputs: Any) -> dict[str, Any]:
    return {"workflow": "inner", "with": inputs}


def policy(**inputs: Any) -> Given:
    return ("Policy", "p", {"match": {"types": ["a.b"]}, "respond": [{"run": run(**inputs)}]})


def outer(**inputs: Any) -> Given:
    return ("Workflow", "outer", {"steps": [step("some", steps=[step("call", run=run(**inputs))])]})


WRONG = [
    ({}, "", "it does not give the input host, which Workflow inner needs"),
    ({"host": "db", "hots": "db"}, ".with.hots", "Workflow inner has no input hots; did you mean host?"),
    ({"host": 5}, ".with.host", "host must be of type string, not integer"),
    ({"host": "db", "count": 0}, ".with.count", "count must be at least 1, not 0"),
    (
        {"host": "db", "password": "plain"}, ".with.password",
        "what is written here is no secret; write secret://NAME after `oncue secret set NAME`",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "member", "words"), WRONG)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_a_policy_or_a_step_gives_must_be_what_the_workflow_takes(
    inputs: dict[str, Any], member: str, words: str, elsewhere: bool
) -> None:
    callers = [(policy(**inputs), "spec.respond.0.run"), (outer(**inputs), "spec.steps.0.steps.0.run")]
    for caller, path in callers:
        found = wrong(caller, known=(INNER,)) if elsewhere else wrong(caller, INNER)
        assert found == [(0, "error", f"{path}{member}", words)]


@pytest.mark.parametrize(
    "inputs",
    [
        {"host": "db"},
        {"host": "${event.resource}", "count": "${event.data.count}"},
        {"host": "db", "count": 3.0},
        {"host": "db", "password": "secret://db"},
        {"host": "db", "password": "${inputs.password}"},
    ],
)
def test_what_fits_and_what_only_an_expression_knows_is_taken(inputs: dict[str, Any]) -> None:
    assert wrong(policy(**inputs), outer(**inputs), INNER) == []


def test_so_it_is_with_changes_and_their_templates() -> None:
    plan = {"steps": [step("call", run=run())], "approvals": [{"by": ["team:basis"]}]}
    words = "it does not give the input host, which Workflow inner needs"
    assert wrong(("ChangeTemplate", "t", plan), INNER) == [(0, "error", "spec.steps.0.run", words)]
    assert wrong(("Change", "c", {"reason": "why", "plan": plan}), INNER) == [
        (0, "error", "spec.plan.steps.0.run", words)
    ]


def test_a_workflow_that_takes_other_inputs_from_now_on_says_whom_that_concerns() -> None:
    before = {**TAKES, "inputs": {**TAKES["inputs"], "required": []}}
    assert wrong(("Workflow", "inner", before), known=(policy(),)) == []
    words = "it does not give the input host, which Workflow inner needs"
    assert wrong(INNER, known=(policy(), outer())) == [
        (0, "warning", "spec.inputs", f"Policy p, which runs it: {words}"),
        (0, "warning", "spec.inputs", f"Workflow outer, which runs it: {words}"),
    ]
    assert wrong(INNER, policy(host="db"), known=(policy(),)) == []


def test_another_namespaces_workflow_of_that_name_is_not_meant() -> None:
    found = misgiven([("Policy", "one", "p", policy()[2]), ("Workflow", "other", "inner", TAKES)], [])
    assert list(found) == []


@pytest.mark.parametrize("inputs", [*(one for one, _, _ in WRONG), {"host": "db"}])
def test_what_is_refused_would_not_have_run(inputs: dict[str, Any]) -> None:
    story = Story()
    story.apply("Workflow", "inner", TAKES)
    story.apply("Policy", "p", policy(**inputs)[2])
    story.problem(type="a.b")
    assert ("run.started" in story.types()) is (not wrong(policy(**inputs), INNER))
