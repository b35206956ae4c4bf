"""What a rollback does not reach is named when it is written, and the run is not said to be undone where it is not."""

from typing import Any

import pytest

from oncue import manifests
from oncue.manifests.document import parse_yaml
from oncue.manifests.reach import out_of_reach
from tests.unit.runs import act, answer, ended, run, step
from tests.unit.story import Story

UNDO = {"uses": "http.request", "with": {"url": "http://127.0.0.1/undo"}}
ALL = {"on_failure": {"rollback": "all"}}
INNER = {"steps": [act("look"), step("both", parallel=[act("open", rollback=UNDO), act("close", rollback=UNDO)])]}


def calls(workflow: str, id: str = "call", **more: Any) -> dict[str, Any]:
    return step(id, run={"workflow": workflow, **more})


def named(
    *given: tuple[str, str, dict[str, Any]], known: tuple[tuple[str, str, dict[str, Any]], ...] = ()
) -> list[tuple[int, str]]:
    """Index and path of what is doubtful, of (kind, name, spec)."""
    found = out_of_reach(
        [(kind, "default", name, spec) for kind, name, spec in given],
        [(kind, "default", name, spec) for kind, name, spec in known],
    )
    return [(index, ".".join(map(str, finding.path))) for index, finding in found if finding.level == "warning"]


def test_a_step_whose_workflow_could_be_undone_and_will_not_be_is_doubtful() -> None:
    outer = {"steps": [act("first"), step("some", steps=[calls("inner")])], **ALL}
    assert named(("Workflow", "outer", outer), ("Workflow", "inner", INNER)) == [(0, "spec.steps.1.steps.0.run")]
    assert named(("Workflow", "outer", outer), known=(("Workflow", "inner", INNER),)) == [
        (0, "spec.steps.1.steps.0.run")
    ]


def test_so_it_is_whatever_lies_in_between_and_of_changes() -> None:
    between = ("Workflow", "between", {"steps": [calls("inner")]})
    inner = ("Workflow", "inner", INNER)
    assert named(("Workflow", "outer", {"steps": [calls("between")], **ALL}), between, inner) == [
        (0, "spec.steps.0.run")
    ]
    template = {"steps": [calls("inner")], "approvals": [{"by": ["team:basis"]}]}
    assert named(("ChangeTemplate", "t", template), inner) == [(0, "spec.steps.0.run")]
    assert named(("Change", "c", {"reason": "why", "plan": template}), inner) == [(0, "spec.plan.steps.0.run")]


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ({"steps": [calls("inner")]}, INNER),
        ({"steps": [calls("inner", detached=True)], **ALL}, INNER),
        ({"steps": [{**calls("inner"), "rollback": UNDO}], **ALL}, INNER),
        ({"steps": [calls("inner")], **ALL}, {"steps": [act("look")]}),
        ({"steps": [calls("other")], **ALL}, INNER),
        ({"steps": [act("alone")], **ALL}, INNER),
    ],
    ids=[
        "nothing asks for it",
        "its own affair",
        "the step says what undoes it",
        "nothing to undo",
        "not known",
        "none is run",
    ],
)
def test_nothing_else_is(outer: dict[str, Any], inner: dict[str, Any]) -> None:
    assert named(("Workflow", "outer", outer), ("Workflow", "inner", inner)) == []


def test_what_is_applied_goes_before_what_was_in_force() -> None:
    outer = ("Workflow", "outer", {"steps": [calls("inner")], **ALL})
    plain = ("Workflow", "inner", {"steps": [act("look")]})
    assert named(outer, plain, known=(("Workflow", "inner", INNER),)) == []


def test_the_words_say_what_to_write_and_where() -> None:
    text = b"""
apiVersion: oncue/v1
kind: Workflow
metadata: {name: inner}
spec:
  steps:
    - id: open
      uses: http.request
      with: {url: "http://127.0.0.1/"}
      rollback: {uses: http.request, with: {url: "http://127.0.0.1/"}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: outer}
spec:
  steps:
    - {id: call, run: {workflow: inner}}
  on_failure: {rollback: all}
"""
    documents, problems = manifests.load(parse_yaml(text, "both.yaml"))
    assert not problems
    (problem,) = manifests.unreached(documents)
    assert (problem.level, problem.manifest, problem.path, problem.line) == (
        "warning",
        "Workflow outer",
        "spec.steps[0].run",
        17,
    )
    assert problem.detail == (
        "a rollback does not undo what Workflow inner did, though its steps say how (open); say with `rollback` what undoes it, "
        "write those steps here, or undo them in the `catch` of a `try` around this one"
    )


def failing(story: Story, *before: dict[str, Any], **more: Any) -> str:
    """A run of these steps, after one that can be undone; then one fails, and what was done is undone."""
    story.apply("Workflow", "inner", {"steps": [act("open", rollback=UNDO)], **more})
    id = run(story, act("first", rollback=UNDO), *before, act("breaks"), **ALL)
    answer(story, "first")
    return id


def child(story: Story, number: int = 0) -> str:
    """The run that was begun within another, by its number."""
    begun = [fact["id"] for fact in story.of("run.started") if fact["parent"] or fact["trigger"]["kind"] == "run"]
    return str(begun[number])


def undo(story: Story) -> None:
    answer(story, "breaks", "failed", error_code="http.status", detail="500")
    answer(story, "first~rollback")


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_run_that_was_rolled_back_names_the_run_whose_doings_were_not(story: Story) -> None:
    failing(story, calls("inner"))
    answer(story, "open")
    undo(story)
    state, reason = ended(story)
    assert state == "rolled_back"
    assert str(reason).endswith(f"; 1 step undone; what {child(story)} did is not")


def test_so_does_one_of_which_nothing_could_be_undone(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [act("open", rollback=UNDO)]})
    run(story, calls("inner"), act("breaks"), **ALL)
    answer(story, "open")
    answer(story, "breaks", "failed", error_code="http.status", detail="500")
    state, reason = ended(story)
    assert state == "failed"
    assert str(reason).endswith(f"; what {child(story)} did is not undone")


def test_and_one_that_was_stopped_while_the_other_was_under_way(story: Story) -> None:
    id = failing(story, calls("inner"))
    story.send("oncue.command.run.cancel", {"run": id, "rollback": True, "reason": "enough"}, actor="user:basis-2")
    answer(story, "first~rollback")
    assert story.of("run.cancelled")[-1]["id"] == child(story)
    assert str(ended(story)[1]).endswith(f"; 1 step undone; what {child(story)} did is not")


def test_a_run_that_was_undone_by_itself_is_not_named(story: Story) -> None:
    failing(story, calls("inner"), steps=[act("open", rollback=UNDO), act("stuck")], **ALL)
    answer(story, "open")
    answer(story, "stuck", "failed", error_code="http.status", detail="500")
    answer(story, "open~rollback")
    answer(story, "first~rollback")
    state, reason = ended(story)
    assert (state, str(reason).endswith("1 step undone")) == ("rolled_back", True)


def test_nor_one_that_is_being_undone_as_this_one_is_stopped(story: Story) -> None:
    id = failing(story, calls("inner"), steps=[act("open", rollback=UNDO), act("stuck")], **ALL)
    answer(story, "open")
    answer(story, "stuck", "failed", error_code="http.status", detail="500")
    story.send("oncue.command.run.cancel", {"run": id, "rollback": True}, actor="user:basis-2")
    answer(story, "open~rollback")
    assert story.of("run.rolled_back")[-1]["id"] == child(story)
    answer(story, "first~rollback")
    state, reason = ended(story)
    assert (state, "did is not" in str(reason)) == ("rolled_back", False)


def test_of_many_runs_some_are_named_and_the_others_counted(story: Story) -> None:
    many = step("each", for_each={"items": ["a", "b", "c", "d", "e", "f"]}, steps=[calls("inner")])
    failing(story, many)
    for _ in range(6):
        answer(story, "open")
    undo(story)
    named = ", ".join(child(story, number) for number in range(4))
    assert str(ended(story)[1]).endswith(f"; 1 step undone; what {named} and 2 more did is not")


def test_of_an_item_only_its_own_runs_are_named(story: Story) -> None:
    each = step(
        "each", for_each={"items": ["a", "b"]}, steps=[act("first", rollback=UNDO), calls("inner"), act("breaks")]
    )
    story.apply("Workflow", "inner", {"steps": [act("open", rollback=UNDO)]})
    run(story, each, on_failure={"rollback": "item"})
    answer(story, "each[a]/first")
    answer(story, "open")
    answer(story, "each[a]/breaks")
    answer(story, "each[b]/first")
    answer(story, "open")
    answer(story, "each[b]/breaks", "failed", error_code="http.status", detail="500")
    answer(story, "each[b]/first~rollback")
    assert str(ended(story)[1]).endswith(f"; 1 step undone; what {child(story, 1)} did is not")
