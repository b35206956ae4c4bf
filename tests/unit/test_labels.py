"""What steps ask of the workers that are given them."""

from typing import Any

import pytest

from oncue import manifests
from tests.unit.runs import act, answer, ended, run
from tests.unit.story import Story

LOOK: dict[str, Any] = {"uses": "http.request", "with": {"url": "http://127.0.0.1/look"}, "that": "result.ok"}
UNDO: dict[str, Any] = {"uses": "http.request", "with": {"url": "http://127.0.0.1/back"}}


@pytest.fixture
def story() -> Story:
    return Story()


def asked(story: Story) -> dict[str | None, dict[str, str]]:
    return {one.step: one.labels for one in story.state.effects.values()}


def test_the_labels_of_a_step_count_for_what_looks_and_undoes_and_else_those_of_the_workflow(story: Story) -> None:
    whole = {"labels": {"site": "${inputs.site}"}, "on_failure": {"rollback": "all"}}
    east = act("there", labels={"os": "${inputs.os}"}, validate={**LOOK, "when": ["before", "after"]}, rollback=UNDO)
    run(story, east, act("last"), inputs={"site": "east", "os": "linux"}, **whole)
    seen: dict[str | None, dict[str, str]] = {}
    for address in ("there~before~validate", "there", "there~validate", "last"):
        seen |= asked(story)
        failed = address == "last"
        answer(story, address, "failed" if failed else "succeeded", **({} if failed else {"result": {"ok": True}}))
    seen |= asked(story)
    assert seen == {
        "there~before~validate": {"os": "linux"}, "there": {"os": "linux"}, "there~validate": {"os": "linux"},
        "last": {"site": "east"}, "there~rollback": {"os": "linux"},
    }  # fmt: skip


def test_a_look_that_repeats_a_step_asks_for_what_that_asks_for(story: Story) -> None:
    again = {"repeat": "look", "that": "result.ok", "when": "after"}
    run(story, act("look", labels={"site": "east"}), act("do", labels={"site": "west"}, validate=again))
    answer(story, "look", result={"ok": True})
    answer(story, "do", result={})
    assert asked(story) == {"do~validate": {"site": "east"}}


@pytest.mark.parametrize(
    ("given", "said"), [(" ", "has 0 characters; it takes 1 to 200"), (["a"], "is a list; it takes one value")]
)
def test_a_step_whose_labels_cannot_be_said_fails(story: Story, given: Any, said: str) -> None:
    run(story, act("a", labels={"site": "${inputs.site}"}), inputs={"site": given})
    assert ended(story) == ("failed", f"step a failed: labels: site {said}")


@pytest.mark.parametrize(
    ("spec", "line", "said"),
    [
        ("  labels: {site: '${steps.a.state}'}", 5, "there is no steps here"),
        ("  labels: {site: '${inputs.hots}'}", 5, "hots is not declared"),
        ("  labels: {Site: x}", 5, "Site"),
        ("  steps: [{id: a, wait: {for: 1s}, labels: {site: east}}]", 5, "it means nothing without uses"),
        ("  steps: [{id: a, uses: incident.update, with: {title: x}, labels: {site: east}}]", 5, "no worker does incident.update"),
        ("  steps: [{id: a, uses: http.request, with: {url: 'http://x/'}, labels: {site: '${inputs.'}}]", 5, "is not closed"),
    ],
)  # fmt: skip
def test_labels_that_mean_nothing_are_refused_at_their_place(spec: str, line: int, said: str) -> None:
    inputs = "  inputs: {type: object, properties: {host: {type: string}}}"
    steps = "" if "steps:" in spec else "\n  steps: [{id: a, uses: http.request, with: {url: 'http://x/'}}]"
    text = f"apiVersion: oncue/v1\nkind: Workflow\nmetadata: {{name: w}}\nspec:\n{spec}\n{inputs}{steps}\n"
    (problem,) = manifests.load(manifests.parse_yaml(text))[1]
    assert problem.line == line
    assert said in problem.detail
