"""What a workflow can say: each form of step, what it does, and how it fails."""

from typing import Any

import pytest

from oncue.core.bounds import NESTED_LIMIT, VALUE_LIMIT
from oncue.core.engine import RUN_FACTS_AT_ONCE
from oncue.core.event_waits import MAIL_LIMIT
from oncue.core.run_life import SWEEP
from oncue.core.running import AT_ONCE
from tests.unit.runs import act, answer, ended, order, run, step, waiting
from tests.unit.story import Story


@pytest.fixture
def story() -> Story:
    return Story()


def test_variables_are_set_and_seen_by_what_follows(story: Story) -> None:
    run(story, step("a", set={"x": 1}), step("b", set={"y": "${vars.x + 1}"}), outputs={"y": "vars.y"})
    assert ended(story) == ("succeeded", None)
    assert story.of("run.succeeded")[0]["outputs"] == {"y": 2}


def test_steps_at_the_same_time_begin_together_and_all_must_end(story: Story) -> None:
    run(
        story,
        step("both", parallel=[act("left"), step("right", steps=[act("one"), act("two")])]),
        step("after", set={"x": 1}),
    )
    assert waiting(story) == ["both/left", "both/right/one"]
    answer(story, "both/right/one")
    answer(story, "both/left")
    assert waiting(story) == ["both/right/two"]
    answer(story, "both/right/two")
    assert order(story)[-3:] == ["both/right succeeded", "both succeeded", "after succeeded"]
    assert ended(story) == ("succeeded", None)


def test_the_first_case_that_is_true_is_taken(story: Story) -> None:
    cases = [
        {"when": "inputs.n > 10", "steps": [step("many", set={"x": 1})]},
        {"when": "inputs.n > 5", "steps": [step("some", set={"x": 2})]},
        {"steps": [step("few", set={"x": 3})]},
    ]
    run(story, step("how", switch=cases), inputs={"n": 7}, outputs={"x": "vars.x"})
    assert story.of("run.succeeded")[0]["outputs"] == {"x": 2}


def test_items_are_worked_on_as_many_at_a_time_as_allowed(story: Story) -> None:
    inner = [act("check", outputs={"who": "host"})]
    run(
        story,
        step("all", for_each={"items": "inputs.hosts", "as": "host", "max_parallel": 2}, steps=inner),
        inputs={"hosts": ["a", "b", "c"]},
        outputs={"n": "size(steps.all.items)", "who": "steps.all.items[2].steps.check.outputs.who"},
    )
    assert waiting(story) == ["all[a]/check", "all[b]/check"]
    answer(story, "all[a]/check")
    assert waiting(story) == ["all[b]/check", "all[c]/check"]
    answer(story, "all[c]/check")
    answer(story, "all[b]/check")
    assert ended(story) == ("succeeded", None)
    assert story.of("run.succeeded")[0]["outputs"] == {"n": 3, "who": "c"}


@pytest.mark.parametrize(
    ("tolerated", "end"), [(0, "failed"), (1, "succeeded"), ("34%", "succeeded"), ("20%", "failed")]
)
def test_so_many_items_may_fail(story: Story, tolerated: Any, end: str) -> None:
    inner = [act("check")]
    run(story, step("all", for_each={"items": ["a", "b", "c"], "max_failures": tolerated}, steps=inner))
    answer(story, "all[a]/check", "failed", error_code="http.status")
    while waiting(story):
        answer(story, waiting(story)[0])
    assert ended(story)[0] == end
    if end == "failed":
        assert order(story).count("all[b]/check succeeded") == 0, "no other is begun"


def test_a_failure_is_caught_and_what_must_be_done_is_done(story: Story) -> None:
    attempt = step("t", **{"try": [act("risky")], "catch": [step("note", set={"why": "${error.code} at ${error.step}"})],
                           "finally": [step("tidy", set={"tidy": True})]})  # fmt: skip
    run(story, attempt, outputs={"why": "vars.why", "tidy": "vars.tidy"})
    answer(story, "t/risky", "failed", error_code="http.status", detail="500")
    assert ended(story) == ("succeeded", None)
    assert story.of("run.succeeded")[0]["outputs"] == {"why": "http.status at t/risky", "tidy": True}


def test_without_a_catch_the_failure_stays_after_what_must_be_done(story: Story) -> None:
    run(
        story,
        step("t", **{"try": [act("risky")], "finally": [step("tidy", set={"tidy": True})]}),
        step("after", set={"x": 1}),
    )
    answer(story, "t/risky", "failed", error_code="http.status", detail="500")
    state, reason = ended(story)
    assert (state, reason) == ("failed", "step t/risky failed: http.status: 500")
    assert order(story) == ["t/risky failed", "t/tidy succeeded", "t failed"]


def test_a_run_waits_for_a_time(story: Story) -> None:
    run(story, step("pause", wait={"for": "10m"}), step("b", set={"x": 1}))
    story.wait("9m")
    assert not story.of("run.succeeded")
    story.wait("1m")
    assert ended(story) == ("succeeded", None)


@pytest.mark.parametrize("until", ["9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00", "2026-03-01", "soon"])
def test_a_wait_until_what_is_no_instant_fails_its_step(story: Story, until: str) -> None:
    run(story, step("far", wait={"until": "inputs.until"}), inputs={"until": until})
    state, reason = ended(story)
    assert state == "failed"
    assert str(reason).startswith("step far failed: inputs.until: gives ")
    assert "instant" in str(reason)


def test_a_run_waits_for_an_event_about_what_it_is_about(story: Story) -> None:
    event = {"types": ["volume.resized"], "resource": "${inputs.host}", "where": "event.data.size > inputs.least"}
    run(story, step("settled", wait={"event": event, "timeout": "10m"}), inputs={"host": "db-1", "least": 5},
        outputs={"size": "steps.settled.result.data.size"})  # fmt: skip
    story.send("volume.resized", {"size": 9}, resource="db-2")
    story.send("volume.resized", {"size": 3}, resource="db-1")
    assert not story.of("run.succeeded")
    story.send("volume.resized", {"size": 7}, resource="db-1")
    assert story.of("run.succeeded")[0]["outputs"] == {"size": 7}
    assert not story.state.waits
    assert not story.state.cells["wait"]


def test_an_event_that_came_before_the_run_has_reached_its_wait_is_not_lost(story: Story) -> None:
    run(story, act("first"), step("settled", wait={"event": {"types": ["volume.resized"]}}))
    story.send("volume.resized", {"size": 9}, resource="db-2")
    answer(story, "first")
    assert ended(story) == ("succeeded", None)


@pytest.mark.parametrize(
    ("where", "end"),
    [("event.data.size > inputs.least", "succeeded"), ("event.data.size > vars.least", "failed")],
    ids=["what-cannot-fit-is-not-kept", "what-may-fit-later-is"],
)
def test_a_mailbox_is_not_filled_by_events_that_cannot_be_what_the_run_waits_for(
    story: Story, where: str, end: str
) -> None:
    event = {"types": ["volume.resized"], "where": where}
    run(story, act("first"), step("least", set={"least": 5}), step("settled", wait={"event": event, "timeout": "1m"}),
        inputs={"least": 5})  # fmt: skip
    for _ in range(MAIL_LIMIT):
        story.send("volume.resized", {"size": 3})
    story.send("volume.resized", {"size": 9})
    answer(story, "first")
    story.wait("1m")
    assert ended(story)[0] == end


@pytest.mark.parametrize("early", [False, True], ids=["while-it-waits", "before"])
def test_a_condition_that_cannot_be_told_of_an_event_is_told_of_once(story: Story, early: bool) -> None:
    event = {"types": ["volume.resized"], "where": "event.data.size > 5"}
    run(story, act("first"), step("settled", wait={"event": event, "timeout": "10m"}))
    if not early:
        answer(story, "first")
    for unit in ("GB", "MB"):
        story.send("volume.resized", {"unit": unit})
    if early:
        answer(story, "first")
    (said,) = story.of("step.where_failed")
    assert (said["address"], said["state"]) == ("settled", "waiting")
    assert said["reason"].startswith("where cannot be told of event e")
    assert "size" in said["reason"]
    story.wait("10m")
    reason = story.of("run.failed")[0]["reason"]
    assert "came within 10m; where cannot be told of event" in reason
    run(story, step("settled", wait={"event": event}))
    story.send("volume.resized", {"unit": "GB"})
    story.send("volume.resized", {"size": 7})
    assert ended(story) == ("succeeded", None)


@pytest.mark.parametrize(("on_timeout", "end"), [("fail", "failed"), ("continue", "succeeded")])
def test_a_wait_for_an_event_ends(story: Story, on_timeout: str, end: str) -> None:
    run(story, step("settled", wait={"event": {"types": ["x.y"]}, "timeout": "10m", "on_timeout": on_timeout}))
    story.wait("10m")
    assert ended(story)[0] == end
    story.send("x.y")
    assert not story.state.waits


def test_a_run_runs_another_and_gets_its_outputs(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [step("double", set={"x": "${inputs.n * 2}"})], "outputs": {"twice": "vars.x"},
                                      "inputs": {"type": "object", "properties": {"n": {"type": "integer"}}}})  # fmt: skip
    run(story, step("call", run={"workflow": "inner", "with": {"n": 21}}), outputs={"n": "steps.call.result.twice"})
    assert story.of("run.succeeded")[-1]["outputs"] == {"n": 42}
    assert not story.state.cells["outcome"]


def test_a_run_fails_with_the_run_that_it_waits_for(story: Story) -> None:
    story.apply("Workflow", "inner", {"steps": [act("a")]})
    run(story, step("call", run={"workflow": "inner"}))
    answer(story, "a", "failed", error_code="http.status")
    state, reason = ended(story)
    assert state == "failed"
    assert "step call failed" in str(reason)
    assert "http.status" in str(reason)


def test_a_refusal_says_its_code_and_what_it_is_about(story: Story) -> None:
    story.apply("Workflow", "inner", {"inputs": {"type": "object", "required": ["n"], "properties": {"n": {}}},
                                      "steps": [step("a", set={"x": 1})]})  # fmt: skip
    run(story, step("sub", run={"workflow": "inner"}))
    story.wait("1s")
    assert ended(story) == ("failed", "step sub failed: workflow.inputs_invalid: n is missing")
    run(story, step("end", uses="incident.resolve", **{"with": {"incident": "INC-9"}}))
    assert str(ended(story)[1]).startswith("step end failed: incident.not_found: ")


def test_workflows_lie_only_so_deep_in_each_other(story: Story) -> None:
    story.apply("Workflow", "w9", {"steps": [step("a", set={"x": 1})]})
    for number in range(8, 0, -1):
        story.apply("Workflow", f"w{number}", {"steps": [step("call", run={"workflow": f"w{number + 1}"})]})
    run(story, step("call", run={"workflow": "w1"}))
    for _ in range(9):
        story.wait("1s")
    assert not story.state.runs
    assert story.of("step.failed")[0]["error_code"] == "run.too_deep"


def test_an_event_is_emitted(story: Story) -> None:
    run(story, step("tell", emit={"type": "disk.tidy", "resource": "${inputs.host}"}), inputs={"host": "db-1"})
    assert "disk.tidy" in [fact.type for fact in story.facts]


def test_it_is_looked_whether_a_step_had_its_effect(story: Story) -> None:
    look = {"uses": "http.request", "with": {"url": "http://127.0.0.1/health"}, "that": "result.status == 200", "every": "10s",
            "within": "1m"}  # fmt: skip
    run(story, act("restart", validate=look))
    answer(story, "restart")
    answer(story, "restart~validate", result={"status": 503})
    assert waiting(story) == []
    story.wait("10s")
    answer(story, "restart~validate", result={"status": 200})
    assert ended(story) == ("succeeded", None)


@pytest.mark.parametrize(("then", "end"), [("fail", "failed"), ("continue", "succeeded")])
def test_a_step_that_does_not_have_its_effect_in_time_fails_by_a_name_of_its_own(
    story: Story, then: str, end: str
) -> None:
    look = {"repeat": "usage", "that": "outputs.percent < 85", "every": "10s", "within": "20s"}
    run(
        story,
        act("usage", outputs={"percent": "result.n"}),
        act("clean", validate=look, on_failed_validation=then),
        step("after", **{"if": "steps.clean.state == 'failed_validation'"}, set={"x": 1}),
    )
    answer(story, "usage", result={"n": 95})
    answer(story, "clean")
    for _ in range(3):
        answer(story, "clean~validate", result={"n": 91})
        story.wait("10s")
    assert ended(story)[0] == end
    assert ("after succeeded" in order(story)) == (then == "continue")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_step_that_was_left_out_is_not_done_to_look(story: Story, when: str) -> None:
    look = {"repeat": "usage", "that": "result.n < 85", "when": when}
    run(story, act("usage", **{"if": "false"}), act("clean", validate=look), on_failure={"pause": True})
    if when == "after":
        answer(story, "clean")
    assert waiting(story) == []
    assert story.of("step.failed_validation")[-1]["error_code"] == "validation.inconclusive"
    said = "nobody can say: usage, which would be called again to look, was left out: if is false: false"
    assert said in story.of("run.paused")[-1]["reason"]


def test_what_holds_must_last(story: Story) -> None:
    look = {"that": "vars.x == 1", "every": "10s", "within": "5m", "lasting": "30s"}
    run(story, step("a", set={"x": 1}, validate=look))
    for _ in range(2):
        story.wait("10s")
        assert not story.of("run.succeeded")
    story.wait("10s")
    assert ended(story) == ("succeeded", None)


def test_an_item_has_an_address_that_is_safe_and_its_own(story: Story) -> None:
    run(story, step("all", for_each={"items": ["a/b", "a b", "a_b", 7], "max_parallel": 9}, steps=[act("x")]))
    assert waiting(story) == ["all[3]/x", "all[a_b.1]/x", "all[a_b.2]/x", "all[a_b]/x"]


def test_no_item_is_passed_over_because_another_is_called_like_its_address(story: Story) -> None:
    run(story, step("all", for_each={"items": ["a", "a.2", "a"], "max_parallel": 9}, steps=[act("x")]))
    assert waiting(story) == ["all[a.2.2]/x", "all[a.2]/x", "all[a]/x"]


def test_ten_thousand_steps_do_not_hold_up_an_input(story: Story) -> None:
    run(story, step("all", for_each={"items": "inputs.n", "max_parallel": 1000}, steps=[step("x", set={"a": 1})]),
        inputs={"n": list(range(2000))})  # fmt: skip
    longest, left = len(story.newest), 0
    for _ in range(100):
        rows = len(story.state.entities["step"])
        story.wait("1s")
        longest = max(longest, len(story.newest))
        left = max(left, rows - len(story.state.entities["step"]))
    assert ended(story) == ("succeeded", None)
    assert longest <= AT_ONCE + 2
    assert 0 < left <= 2 * SWEEP  # as it ends, and by its timer
    assert not story.state.steps_of
    assert not story.state.entities["step"]
    assert not story.state.cells["items"]
    assert not story.state.definitions


def test_runs_that_are_due_at_once_do_not_hold_up_an_input(story: Story) -> None:
    story.apply("Workflow", "w", {"steps": [
        step("then", wait={"for": "1m"}),
        step("all", for_each={"items": list(range(100)), "max_parallel": 100}, steps=[act("x")]),
    ]})  # fmt: skip
    for _ in range(20):
        story.send("oncue.command.run.start", {"workflow": "w", "inputs": {}}, actor="user:basis-1")
    most = 0
    for _ in range(100):
        story.wait("1m" if not most else "1s")
        most = max(most, len(story.newest))
    assert len(waiting(story)) == 20 * 100
    assert RUN_FACTS_AT_ONCE <= most <= RUN_FACTS_AT_ONCE + 3 * AT_ONCE


def test_an_expression_that_fails_names_itself_and_its_step(story: Story) -> None:
    run(story, step("a", set={"x": "${inputs.nothing}"}))
    state, reason = ended(story)
    assert state == "failed"
    assert "step a failed" in str(reason)
    assert "inputs.nothing" in str(reason)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("int(inputs.text) + inputs.n", "cannot convert string to int; inputs.text is 'ninety'; inputs.n is 3"),
        ("inputs.many[5]", "inputs.many is [1,2]"),
        ("inputs.text == 'inputs.n' ? 1 : inputs.n / 0", "divide by zero; inputs.text is 'ninety'; inputs.n is 3"),
        ("inputs.long > 1", "; inputs.long is '" + "x" * 79 + "..."),
        ("inputs.gone == 1", "inputs.gone == 1: there is no 'gone'; guard it with has()"),
    ],
)
def test_an_expression_that_fails_says_what_it_looked_at(story: Story, text: str, said: str) -> None:
    given = {"text": "ninety", "n": 3, "many": [1, 2], "long": "x" * 500}
    run(story, step("a", set={"x": f"${{{text}}}"}), inputs=given)
    assert str(ended(story)[1]).endswith(said)


def test_a_group_whose_items_failed_says_where_the_last_one_did_and_why(story: Story) -> None:
    run(story, step("all", for_each={"items": ["a", "b"], "max_parallel": 2, "max_failures": 0}, steps=[act("check")]))
    answer(story, "all[b]/check")
    answer(story, "all[a]/check", "failed", error_code="http.status", detail="503")
    assert ended(story) == ("failed", "1 of 2 failed, at most 0 may; step all[a]/check failed: http.status: 503")


def test_expressions_see_the_run_itself(story: Story) -> None:
    run(story, step("a", **{"if": "run.trigger == 'manual' && run.requester == 'user:basis-1'"}, set={"at": "${run.started_at}"}),
        outputs={"at": "timestamp(vars.at) == now"})  # fmt: skip
    assert story.of("run.succeeded")[0]["outputs"] == {"at": True}


def test_a_result_that_is_too_long_keeps_its_form(story: Story) -> None:
    run(
        story,
        act("a", outputs={"whole": "size(result.stdout)"}),
        step("b", set={"code": "${steps.a.result.exit_code}"}),
    )
    answer(story, "a", result={"stdout": "x" * 60_000, "exit_code": 0})
    assert ended(story) == ("succeeded", None)
    (kept,) = [one for one in story.of("step.succeeded") if one["address"] == "a"]
    assert kept["outputs"] == {"whole": 60_000}
    assert len(kept["result"]["stdout"]) < 16_384
    assert "characters left out" in kept["result"]["stdout"]


# values that are too much


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**70)])
def test_an_integer_beyond_64_bits_becomes_a_double_wherever_it_comes_from(story: Story, number: int) -> None:
    run(story, act("get", outputs={"n": "result.json.n"}), step("see", set={"same": "${steps.get.outputs.n == inputs.n}"}),
        inputs={"n": number}, outputs={"same": "vars.same", "n": "inputs.n"})  # fmt: skip
    answer(story, "get", result={"json": {"n": number}})
    assert ended(story) == ("succeeded", None)
    assert story.of("run.succeeded")[0]["outputs"] == {"same": True, "n": float(number)}


def test_an_integer_beyond_doubles_is_the_largest_that_they_can_be(story: Story) -> None:
    event = {"types": ["x"], "where": "event.data.n > 1 && -event.data.n < -1"}
    run(story, step("wait", wait={"event": event}))
    story.send("x", {"n": 10**400})
    assert ended(story) == ("succeeded", None)


@pytest.mark.parametrize(
    "grows",
    [
        {"set": {"x": "${vars.x}${vars.x}"}},
        {"set": {"x": {"in": "${vars.x}"}}},
        {"set": {"x": "${vars.x}"}, "outputs": {"y": "[vars.x, vars.x]"}},
        {"uses": "http.request", "with": {"url": "http://127.0.0.1/${vars.x}${vars.x}"}},
        {"emit": {"type": "grown", "data": {"x": "${vars.x}${vars.x}"}}},
    ],
    ids=["variables", "depth", "outputs", "inputs", "event"],
)
def test_a_value_that_grows_too_large_or_too_deep_fails_its_step(story: Story, grows: dict[str, Any]) -> None:
    start: Any = "x" * (VALUE_LIMIT * 2 // 3)
    if isinstance(grows.get("set", {}).get("x"), dict):
        start = 1
        for _ in range(NESTED_LIMIT - 1):
            start = [start]
    run(story, step("first", set={"x": "${inputs.x}"}), step("more", **grows), inputs={"x": start})
    state, reason = ended(story)
    assert state == "failed"
    assert str(reason).startswith("step more failed: ")
    assert f"at most {VALUE_LIMIT}" in str(reason) or f"more than {NESTED_LIMIT} deep" in str(reason)


SHARE = "1.0 / double(inputs.n)"
"""Which is infinite if n is 0."""


@pytest.mark.parametrize(
    "keeps",
    [
        {"set": {"x": f"${{{SHARE}}}"}},
        {"set": {"x": "a"}, "outputs": {"y": SHARE}},
        {"uses": "http.request", "with": {"url": "http://127.0.0.1/", "json": {"x": f"${{{SHARE}}}"}}},
        {"uses": "http.request", "with": {"url": f"http://127.0.0.1/${{{SHARE}}}"}},
        {"uses": "incident.open", "with": {"title": f"${{{SHARE}}} of it"}},
        {"emit": {"type": "grown", "data": {"x": f"${{{SHARE}}}"}}},
        {"run": {"workflow": "inner", "with": {"x": f"${{{SHARE}}}"}}},
        {"for_each": {"items": [f"${{{SHARE}}}"]}, "steps": [step("b", set={"y": 1})]},
        {"switch": [{"when": SHARE, "steps": [step("b", set={"y": 1})]}]},
        {"approvals": [{"by": ["user:basis-1"]}], "ask": f"Grow by ${{{SHARE}}}?"},
    ],
    ids=lambda keeps: next(iter(keeps)),
)
def test_a_number_that_is_none_fails_the_step_that_would_keep_it(story: Story, keeps: dict[str, Any]) -> None:
    story.apply("Workflow", "inner", {"steps": [step("a", set={"y": 1})]})
    run(story, step("grows", **keeps), inputs={"n": 0})
    (failed,) = [one for one in story.of("step.failed") if one["id"].endswith("/grows")]
    assert failed["error_code"] == "expression.failed"
    assert ended(story) == (
        "failed",
        f"step grows failed: {SHARE}: gives inf, which is no number that can be kept; guard what it divides by; inputs.n is 0",
    )


@pytest.mark.parametrize(
    ("items", "said"), [("[double(inputs.n) / 0.0]", "nan"), ("{'a': {'b': [1, -1.0 / double(inputs.n)]}}", "-inf")]
)
def test_so_it_is_however_deep_it_lies(story: Story, items: str, said: str) -> None:
    run(story, step("each", for_each={"items": items}, steps=[step("b", set={"y": 1})]), inputs={"n": 0})
    assert (ended(story)[1] or "").startswith(f"step each failed: {items}: gives {said}, which is no number")


def test_the_outputs_of_a_run_are_no_such_number_either_and_what_compares_with_it_is_told(story: Story) -> None:
    compares = step("b", switch=[{"when": f"{SHARE} > 3.0", "steps": [step("c", set={"y": 1})]}])
    run(story, compares, inputs={"n": 0}, outputs={"share": SHARE})
    assert order(story) == ["b/c succeeded", "b succeeded"]
    assert (ended(story)[1] or "").startswith(f"outputs: {SHARE}: gives inf, which is no number")


def test_inputs_that_lie_too_deep_are_refused(story: Story) -> None:
    run(story, step("a", set={"x": 1}))
    deep: Any = 1
    for _ in range(NESTED_LIMIT):
        deep = {"in": deep}
    story.send("oncue.command.run.start", {"workflow": "w", "inputs": {"deep": deep}})
    code = story.refused("oncue.command.run.start", {"workflow": "w", "inputs": {"deep": [deep]}})
    assert code == "workflow.inputs_invalid"
