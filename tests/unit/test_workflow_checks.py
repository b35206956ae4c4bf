"""What of a workflow is refused before it is taken, and what is said instead."""

from typing import Any

import msgspec
import pytest

from oncue import manifests
from tests.unit.runs import act, step

LOOK: dict[str, Any] = {"uses": "http.request", "with": {"url": "http://127.0.0.1/look"}, "that": "result.ok"}
UNDO: dict[str, Any] = {"uses": "http.request", "with": {"url": "http://127.0.0.1/back"}}


def said(*steps: dict[str, Any], **spec: Any) -> list[tuple[str, str]]:
    """For what a workflow of these steps is refused: path and detail."""
    document = {
        "apiVersion": "oncue/v1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": {"steps": list(steps), **spec},
    }  # fmt: skip
    return [
        (one.path, one.detail)
        for one in manifests.load(manifests.parse_yaml(msgspec.json.encode(document).decode()))[1]
        if one.level == "error"
    ]


@pytest.mark.parametrize(
    ("one", "path"),
    [
        (act("s", validate={**LOOK, "every": "0s"}), "validate.every"),
        (act("s", validate={**LOOK, "every": "99ms"}), "validate.every"),
        (act("s", retry={"initial": "0s"}), "retry.initial"),
        (act("s", retry={"max_delay": "0s"}), "retry.max_delay"),
        (act("s", rollback={**UNDO, "retry": {"initial": "50ms"}}), "rollback.retry.initial"),
        (act("s", rollback={**UNDO, "validate": {**LOOK, "every": "0s"}}), "rollback.validate.every"),
    ],
)
def test_what_is_done_again_and_again_leaves_a_tenth_of_a_second_in_between(one: dict[str, Any], path: str) -> None:
    assert [(at, "write at least 100ms" in detail) for at, detail in said(one)] == [(f"spec.steps[0].{path}", True)]


@pytest.mark.parametrize(
    ("one", "spec", "path"),
    [
        (step("s", wait={"for": "0s"}), {}, "steps[0].wait.for"),
        (step("s", wait={"event": {"types": ["a"]}, "timeout": "0s"}), {}, "steps[0].wait.timeout"),
        (act("s", rollback={**UNDO, "timeout": "0s"}), {}, "steps[0].rollback.timeout"),
        (act("s"), {"concurrency": {"queue_timeout": "0s"}}, "concurrency.queue_timeout"),
        (act("s"), {"on_failure": {"pause": True, "pause_for": "0s"}}, "on_failure.pause_for"),
    ],
)
def test_no_time_at_all_is_no_time_to_wait(one: dict[str, Any], spec: dict[str, Any], path: str) -> None:
    assert said(one, **spec) == [(f"spec.{path}", "it must be more than 0")]


def test_short_times_are_taken() -> None:
    looks = {**LOOK, "every": "100ms"}
    assert not said(act("s", retry={"initial": "100ms"}, validate=looks), step("t", wait={"for": "1ms"}))


@pytest.mark.parametrize(
    ("type", "detail"),
    [
        ("volume.*", "'volume.*' is a pattern, and a wait is for exact types: write each"),
        ("volume.resize?", "is a pattern"),
        ("volume.[ab]", "is a pattern"),
        ("", "it is empty: write the type of an event"),
    ],
)
def test_a_wait_names_exact_types_of_events(type: str, detail: str) -> None:
    ((path, found),) = said(step("s", wait={"event": {"types": ["volume.resized", type]}}))
    assert (path, detail in found) == ("spec.steps[0].wait.event.types[1]", True)


SILENCE: dict[str, Any] = {"uses": "silence.expire", "with": {"silence": "si-1"}}
TICKET: dict[str, Any] = {"uses": "ticket.get", "with": {"ticket": "T-1"}, "that": "result.ok"}


@pytest.mark.parametrize(
    ("more", "path", "detail"),
    [
        ({"rollback": SILENCE}, "rollback.uses", "the engine does silence.expire itself, as a step"),
        ({"rollback": SILENCE}, "rollback.uses", "cannot call it to undo: write it as a step in a `catch`"),
        ({"validate": TICKET}, "validate.uses", "cannot call it to look: write it as a step before"),
        ({"rollback": {**UNDO, "validate": TICKET}}, "rollback.validate.uses", "the engine does ticket.get itself"),
    ],
)
def test_what_the_engine_does_itself_neither_undoes_nor_looks(more: dict[str, Any], path: str, detail: str) -> None:
    ((at, found),) = said(act("s", **more))
    assert (at, detail in found) == (f"spec.steps[0].{path}", True)


AGAIN: dict[str, Any] = {"repeat": "usage", "that": "result.ok"}
USAGE = act("usage")


def _call(method: str) -> dict[str, Any]:
    return step("usage", uses="http.request", **{"with": {"url": "http://127.0.0.1/", "method": method}})


ELSEWHERE = "usage need not have run when s has"


@pytest.mark.parametrize(
    ("steps", "detail"),
    [
        ([act("s", validate=AGAIN), USAGE], ELSEWHERE),
        ([act("s", validate={**AGAIN, "repeat": "s"})], "s need not have run when s has"),
        ([step("how", switch=[{"when": "1 > 2", "steps": [USAGE]}]), act("s", validate=AGAIN)], ELSEWHERE),
        ([step("all", for_each={"items": ["a"]}, steps=[USAGE]), act("s", validate=AGAIN)], ELSEWHERE),
        ([step("both", parallel=[USAGE, act("s", validate=AGAIN)])], ELSEWHERE),
        ([step("safe", **{"try": [USAGE], "catch": [act("s", validate=AGAIN)]})], ELSEWHERE),
        ([_call("POST"), act("s", validate=AGAIN)], "http.request, which must not be done twice"),
        ([_call("POST"), act("s", rollback={**UNDO, "validate": AGAIN})], "must not be done twice"),
        (
            [step("usage", uses="shell.command", **{"with": {"argv": ["/bin/x"]}}), act("s", validate=AGAIN)],
            "only looks",
        ),
        (
            [step("usage", uses="ticket.get", **{"with": {"ticket": "T-1"}}), act("s", validate=AGAIN)],
            "the engine does ticket.get itself",
        ),
        ([step("usage", set={"x": 1}), act("s", validate=AGAIN)], "usage is no step that calls an action"),
    ],
)
def test_a_look_calls_again_only_what_was_done_before_and_may_be_done_again(
    steps: list[dict[str, Any]], detail: str
) -> None:
    ((path, found),) = said(*steps)
    assert (path.rpartition(".")[2], detail in found) == ("repeat", True)


@pytest.mark.parametrize(
    "steps",
    [
        [USAGE, act("s", validate=AGAIN)],
        [USAGE, step("all", for_each={"items": ["a"]}, steps=[act("s", validate=AGAIN)])],
        [
            step(
                "all",
                for_each={"items": ["a"]},
                steps=[USAGE, step("how", switch=[{"steps": [act("s", validate=AGAIN)]}])],
            )
        ],
        [
            step("usage", uses="shell.command", **{"with": {"argv": ["/bin/x"], "effect_class": "pure"}}),
            act("s", validate=AGAIN),
        ],
        [_call("${inputs.method}"), act("s", validate=AGAIN)],
    ],
)
def test_a_look_may_call_again_what_lies_before_it_or_before_what_is_around_it(steps: list[dict[str, Any]]) -> None:
    inputs = {"type": "object", "properties": {"method": {"type": "string"}}}
    assert not said(*steps, inputs=inputs)


CHECK: dict[str, Any] = {"check": {"url": "http://127.0.0.1/"}}
FIRST: dict[str, Any] = {"effect_class": "check-first"}


@pytest.mark.parametrize(
    ("uses", "given", "path", "detail"),
    [
        ("shell.command", {"argv": ["/bin/x"], **FIRST}, "effect_class", "none of at-most-once, idempotent, pure"),
        ("ssh.command", {"host": "h", "user": "u", "argv": ["/bin/x"], **FIRST}, "effect_class", "cannot look first"),
        ("ssh.script", {"host": "h", "user": "u", "script": "x", **FIRST}, "effect_class", "cannot look first"),
        ("python.script", {"script": "x", **FIRST}, "effect_class", "python.script cannot look first"),
        ("http.request", {"url": "http://127.0.0.1/", **FIRST}, "effect_class", "write `check: {url: ...}`"),
        ("http.request", {"url": "${run.id}", **FIRST}, "effect_class", "write `check: {url: ...}`"),
        ("http.request", {"url": "http://127.0.0.1/", **CHECK}, "check", "only with `effect_class: check-first`"),
    ],
)
def test_only_what_can_look_first_is_said_to(uses: str, given: dict[str, Any], path: str, detail: str) -> None:
    found = [one for at, one in said(step("s", uses=uses, **{"with": given})) if at == f"spec.steps[0].with.{path}"]
    assert [detail in one for one in found] == [True]


@pytest.mark.parametrize("more", [{**FIRST, **CHECK}, {"effect_class": "${inputs.is}", **CHECK}])
def test_a_request_that_is_checked_first_is_taken(more: dict[str, Any]) -> None:
    inputs = {"type": "object", "properties": {"is": {"type": "string"}}}
    assert not said(step("s", uses="http.request", **{"with": {"url": "http://127.0.0.1/", **more}}), inputs=inputs)
