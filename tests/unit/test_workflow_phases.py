"""What must hold of a step before it begins, while it runs, and after it, compared with what was before."""

from typing import Any

import msgspec
import pytest

from oncue import manifests
from tests.unit.runs import act, answer, ended, order, run, step, waiting
from tests.unit.story import Story

LOOK: dict[str, Any] = {"uses": "http.request", "with": {"url": "http://127.0.0.1/look"}}
UNDO: dict[str, Any] = {"uses": "http.request", "with": {"url": "http://127.0.0.1/back"}}
SLOWER: dict[str, Any] = {**LOOK, "when": ["before", "after"], "that": "result.p95 <= double(baseline.p95) * 1.2"}


@pytest.fixture
def story() -> Story:
    return Story()


def look(when: Any, that: str = "result.ok", **more: Any) -> dict[str, Any]:
    return {**LOOK, "when": when, "that": that, **more}


# before


def test_a_step_is_not_begun_before_what_must_hold_before_it_does(story: Story) -> None:
    run(story, act("restart", validate=look("before", every="10s", within="1m")))
    assert waiting(story) == ["restart~before~validate"]
    answer(story, "restart~before~validate", result={"ok": False})
    story.wait("10s")
    answer(story, "restart~before~validate", result={"ok": True})
    assert waiting(story) == ["restart"]
    answer(story, "restart")
    assert ended(story) == ("succeeded", None)


def test_a_step_that_was_not_begun_has_failed_and_nothing_of_it_is_undone(story: Story) -> None:
    before = look("before", failure_limit=1)
    run(
        story,
        act("first", rollback=UNDO),
        act("second", rollback=UNDO, validate=before),
        on_failure={"rollback": "all"},
    )
    answer(story, "first")
    answer(story, "second~before~validate", result={"ok": False})
    story.wait("1s")
    assert waiting(story) == ["first~rollback"]
    answer(story, "first~rollback")
    story.wait("1s")
    assert ended(story)[0] == "rolled_back"
    (failed,) = [one for one in story.of("step.failed_validation") if one["address"] == "second"]
    assert failed["error_code"] == "precondition.failed"
    assert failed["reason"] == "it was not begun: result.ok is false, which 1 look found"


@pytest.mark.parametrize(
    ("more", "outcome", "code"),
    [
        (
            {"no_data": "fail"},
            {"outcome": "failed", "error_code": "http.status", "detail": "500"},
            "validation.no_data",
        ),
        ({"inconclusive": "result.odd"}, {"result": {"ok": False, "odd": True}}, "validation.inconclusive"),
    ],
)
def test_a_look_before_counts_as_one_after_would(
    story: Story, more: dict[str, Any], outcome: dict[str, Any], code: str
) -> None:
    run(story, act("restart", validate=look("before", **more)))
    answer(story, "restart~before~validate", **outcome)
    assert story.of("step.failed_validation")[-1]["error_code"] == code
    assert "restart" not in waiting(story)


def test_whoever_tries_it_again_has_it_looked_at_again(story: Story) -> None:
    id = run(story, act("restart", validate=look("before", failure_limit=1)), on_failure={"pause": True})
    answer(story, "restart~before~validate", result={"ok": False})
    story.send("oncue.command.run.retry", {"run": id, "step": "restart"}, actor="user:basis-1")
    answer(story, "restart~before~validate", result={"ok": True})
    answer(story, "restart")
    assert ended(story) == ("succeeded", None)


def test_a_step_that_is_looked_at_before_it_can_be_passed_over(story: Story) -> None:
    id = run(story, act("restart", validate=look("before")), step("after", set={"x": 1}))
    skip = {"run": id, "step": "restart", "reason": "not today"}
    story.send("oncue.command.run.skip", skip, actor="user:basis-1")
    assert "restart skipped" in order(story)
    assert waiting(story) == []
    assert ended(story) == ("succeeded", None)


def test_what_asks_people_is_not_passed_over_while_it_is_looked_at_before_it(story: Story) -> None:
    asks = [step("ask", approvals=[{"by": ["user:basis-2"]}])]
    id = run(story, step("all", steps=asks, validate=look("before")))
    skip = {"run": id, "step": "all", "reason": "not today"}
    assert story.refused("oncue.command.run.skip", skip) == "approval.unskippable"
    assert waiting(story) == ["all~before~validate"]
    answer(story, "all~before~validate", result={"ok": True})
    assert list(story.state.approvals) == ["APR-1"]


def test_a_step_that_holds_others_and_one_of_several_at_once_are_looked_at_before_as_well(story: Story) -> None:
    each = {"items": ["a", "b"], "as": "host", "max_parallel": 2}
    inner = act("check", validate=look("before", "result.ok", **{"with": {"url": "http://127.0.0.1/${host}"}}))
    run(story, step("all", for_each=each, steps=[inner], validate=look("before")),
        step("both", parallel=[act("left", validate=look("before")), act("right")]))  # fmt: skip
    answer(story, "all~before~validate", result={"ok": True})
    assert waiting(story) == ["all[a]/check~before~validate", "all[b]/check~before~validate"]
    for host in "ab":
        answer(story, f"all[{host}]/check~before~validate", result={"ok": True})
        answer(story, f"all[{host}]/check")
    assert waiting(story) == ["both/left~before~validate", "both/right"]
    answer(story, "both/right", "failed", error_code="http.status", detail="500")
    assert ended(story)[0] == "running"
    answer(story, "both/left~before~validate", result={"ok": True})
    assert ended(story)[0] == "failed"
    assert waiting(story) == []


# compared with what was before


@pytest.mark.parametrize(("p95", "state"), [(119, "succeeded"), (121, "failed")])
def test_what_is_found_after_is_compared_with_what_was_found_before(story: Story, p95: int, state: str) -> None:
    run(story, act("deploy", validate={**SLOWER, "failure_limit": 1}))
    answer(story, "deploy~before~validate", result={"p95": 100})
    answer(story, "deploy")
    answer(story, "deploy~validate", result={"p95": p95})
    assert ended(story)[0] == state


def test_each_validation_has_a_baseline_of_its_own(story: Story) -> None:
    errors = {**SLOWER, "that": "result.errors <= baseline.errors"}
    run(story, act("deploy", validate=[{**LOOK, "that": "result.up"}, SLOWER, errors]))
    answer(story, "deploy~before~validate", result={"p95": 100})
    answer(story, "deploy~before~validate", result={"errors": 3})
    answer(story, "deploy")
    answer(story, "deploy~validate", result={"up": True})
    answer(story, "deploy~validate", result={"p95": 110})
    answer(story, "deploy~validate", result={"errors": 3})
    assert ended(story) == ("succeeded", None)


def test_a_text_that_has_the_word_baseline_is_no_comparison(story: Story) -> None:
    run(story, act("deploy", validate=look("before", "result.kind != 'baseline'", within="5s")))
    answer(story, "deploy~before~validate", result={"kind": "baseline"})
    assert ended(story)[0] == "failed"


def test_a_baseline_that_could_not_be_had_is_null(story: Story) -> None:
    that = "baseline == null || result.p95 <= baseline.p95"
    run(story, act("deploy", validate={**SLOWER, "that": that, "no_data": "pass"}))
    answer(story, "deploy~before~validate", "failed", error_code="http.status", detail="500")
    answer(story, "deploy")
    answer(story, "deploy~validate", result={"p95": 900})
    assert ended(story) == ("succeeded", None)


def test_several_validations_are_looked_at_one_after_the_other(story: Story) -> None:
    run(story, act("deploy", validate=[look("after", success_limit=2, every="1s"), look("after", "result.n == 1")]))
    answer(story, "deploy")
    answer(story, "deploy~validate", result={"ok": True})
    story.wait("1s")
    answer(story, "deploy~validate", result={"ok": True})
    answer(story, "deploy~validate", result={"n": 1})
    assert ended(story) == ("succeeded", None)


# during


def test_a_step_during_which_something_ceases_to_hold_is_stopped_and_undone(story: Story) -> None:
    run(
        story,
        act("copy", rollback=UNDO, timeout="10m", validate=look("during", every="10s")),
        on_failure={"rollback": "all"},
    )
    assert waiting(story) == ["copy", "copy~during~validate"]
    answer(story, "copy~during~validate", result={"ok": True})
    assert waiting(story) == ["copy"]
    story.wait("10s")
    answer(story, "copy~during~validate", result={"ok": False})
    assert "effect.cancelled" in story.types()
    (failed,) = [one for one in story.of("step.failed_validation") if one["address"] == "copy"]
    assert failed["reason"] == "it was stopped: result.ok is false, which 1 look found"
    story.wait("1s")
    assert waiting(story) == ["copy~rollback"]


def test_what_is_looked_at_during_a_step_ends_with_it_and_leaves_nothing(story: Story) -> None:
    run(story, act("copy", validate=[look("during"), look("after")]))
    answer(story, "copy")
    assert waiting(story) == ["copy~validate"]
    answer(story, "copy~validate", result={"ok": True})
    assert ended(story) == ("succeeded", None)
    assert not [key for key in story.state.timers.by_key if key.startswith("run.")]


def test_what_must_hold_during_a_step_may_be_compared_with_what_was_before(story: Story) -> None:
    run(story, act("copy", validate={**SLOWER, "when": ["before", "during"]}))
    answer(story, "copy~before~validate", result={"p95": 100})
    answer(story, "copy~during~validate", result={"p95": 200})
    assert ended(story)[0] == "failed"
    assert waiting(story) == []


# what is written wrongly


def checked(text: str) -> list[manifests.Problem]:
    """What is wrong with a document, with its place."""
    return manifests.load(manifests.parse_yaml(text))[1]


WORKFLOW = """apiVersion: oncue/v1
kind: Workflow
metadata: {name: w}
spec:
  steps:
    - id: deploy
      uses: http.request
      with: {url: "http://127.0.0.1/"}
      validate:
        - {uses: http.request, with: {url: "http://127.0.0.1/"}, that: "result.status == 200"}
        - %s
"""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            '{uses: http.request, with: {url: "http://127.0.0.1/"}, that: "result.status <= baseline.status"}',
            "when: [before, after]",
        ),
        (
            '{uses: http.request, with: {url: "http://127.0.0.1/"}, that: "baseline.status > 1", when: before}',
            "[before, after]",
        ),
        ('{that: "baseline.status > 1", when: [before, after]}', "give uses, or repeat"),
        (
            '{uses: http.request, with: {url: "${baseline.u}"}, that: "result.status == 200"}',
            "`that` and `inconclusive`",
        ),
    ],
)
def test_a_baseline_that_is_not_there_is_found_where_it_is_written(written: str, said: str) -> None:
    found = [one for one in checked(WORKFLOW % written) if "baseline" in one.detail]
    assert [(one.line, one.column > 11, said in one.detail) for one in found] == [(11, True, True)]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([step("s", set={"x": 1}, validate={"that": "true", "when": "during"})], "`during` is for those"),
        ([act("s", validate=[look("during"), look("during")])], "one validation looks while the step runs"),
        ([act("s", rollback={**UNDO, "validate": look("before")})], "what undoes a step is validated after it"),
    ],
)
def test_phases_that_mean_nothing_are_found(steps: list[dict[str, Any]], said: str) -> None:
    document = {"apiVersion": "oncue/v1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": {"steps": steps}}
    assert [one for one in checked(msgspec.json.encode(document).decode()) if said in one.detail]
