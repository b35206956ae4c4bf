"""Manifests that do not go together: what is said, and that the engine does what is said."""

from typing import Any

import pytest

from oncue.core.condition import Match
from oncue.manifests.contradictions import contradictions, includes
from tests.unit.story import Story

DISK = {"types": ["disk.full"]}


def found(*policies: tuple[str, dict[str, Any]], kind: str = "Policy") -> list[tuple[int, str, str]]:
    given = [(kind, "default", name, spec) for name, spec in policies]
    return [(index, ".".join(map(str, finding.path)), finding.code) for index, finding in contradictions(given)]


def test_a_severity_that_another_policy_overrules_is_named_and_so_the_engine_does() -> None:
    narrow = {"match": {**DISK, "labels": {"env": "prod"}}, "alert": {"severity": "critical"}}
    wide = {"match": DISK, "alert": {"severity": "minor"}}
    assert found(("a-prod", narrow), ("b-all", wide)) == [(0, "spec.alert.severity", "policy.contradicted")]
    story = Story()
    story.apply("Policy", "a-prod", narrow)
    story.apply("Policy", "b-all", wide)
    story.problem("major", labels='{"env":"prod"}')
    assert story.of("alert.fired")[0]["severity"] == "minor"


@pytest.mark.parametrize(
    "second",
    [
        {"match": DISK, "alert": {"severity": "critical"}},
        {"match": DISK, "alert": {"title": "full"}},
        {"match": {**DISK, "labels": {"env": "test"}}, "alert": {"severity": "minor"}},
        {"match": DISK, "alert": {"severity": "minor"}, "only_during": "daily 08:00-18:00"},
        {"match": DISK, "alert": {"severity": "minor"}, "mode": "observe"},
        {"match": DISK, "condition": {"for": "5m"}, "alert": {"severity": "minor"}},
    ],
    ids=["the same", "another member", "other events", "other hours", "observing", "later"],
)
def test_what_may_go_together_is_no_contradiction(second: dict[str, Any]) -> None:
    first = {"match": {**DISK, "labels": {"env": "prod"}}, "alert": {"severity": "critical"}}
    assert found(("a", first), ("b", second)) == []


def test_labels_that_differ_are_named_each() -> None:
    one = {"match": DISK, "alert": {"labels": {"team": "a", "tier": "1"}}}
    other = {"match": DISK, "alert": {"labels": {"team": "b", "tier": "1"}}}
    assert found(("a", one), ("b", other)) == [(0, "spec.alert.labels.team", "policy.contradicted")]


@pytest.mark.parametrize(
    ("wide", "narrow", "whether"),
    [
        ({}, DISK, True),
        (DISK, {}, False),
        ({"types": ["disk.*"]}, DISK, True),
        (DISK, {"types": ["disk.*"]}, False),
        ({"where": "true"}, {}, False),
        ({"where": "a"}, {"where": "a", **DISK}, True),
        ({"severities": ["major", "minor"]}, {"severities": ["major"]}, True),
        ({"labels": {"env": ["prod", "test"]}}, {"labels": {"env": "prod"}}, True),
        ({"labels": {"env": "prod"}}, {"labels": {"env": ["prod", "test"]}}, False),
    ],
)
def test_one_selector_includes_another(wide: dict[str, Any], narrow: dict[str, Any], whether: bool) -> None:
    assert includes(Match(**wide), Match(**narrow)) is whether


def test_workflows_that_run_each_other_in_a_circle_are_named() -> None:
    calls = {"x": "y", "y": "x", "z": "x"}
    given = [(name, {"steps": [{"id": "a", "run": {"workflow": other}}]}) for name, other in calls.items()]
    assert found(*given, kind="Workflow") == [
        (0, "spec.steps.0.run.workflow", "workflow.cyclic"), (1, "spec.steps.0.run.workflow", "workflow.cyclic"),
    ]  # fmt: skip


def calling(name: str, other: str) -> dict[str, Any]:
    spec = {"steps": [{"id": "a", "parallel": [{"id": "b", "run": {"workflow": other}}]}]}
    return {"op": "apply", "kind": "Workflow", "namespace": "default", "name": name, "spec": spec}


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ([], [("x", "x")]),
        ([], [("x", "y"), ("y", "x")]),
        ([("y", "end"), ("x", "y")], [("y", "x")]),
        ([("z", "end"), ("y", "z"), ("x", "y")], [("z", "x"), ("other", "end")]),
    ],
    ids=["itself", "both at once", "one before", "through others"],
)
def test_no_workflow_is_taken_that_runs_itself(before: list[tuple[str, str]], then: list[tuple[str, str]]) -> None:
    story = Story()
    story.apply("Workflow", "end", {"steps": [{"id": "a", "set": {"x": 1}}]})
    for name, other in before:
        story.send("oncue.config.applied", {"changes": [calling(name, other)]})
    known = set(story.state.manifests)
    changes = [calling(name, other) for name, other in then]
    assert story.refused("oncue.config.applied", {"changes": changes}) == "workflow.cyclic"
    assert set(story.state.manifests) == known
    story.send("oncue.config.applied", {"changes": [calling("other", "end")]})


def test_a_workflow_that_no_longer_runs_the_other_may_be_run_by_it() -> None:
    story = Story()
    story.apply("Workflow", "end", {"steps": [{"id": "a", "set": {"x": 1}}]})
    story.send("oncue.config.applied", {"changes": [calling("x", "end"), calling("y", "x")]})
    story.send("oncue.config.applied", {"changes": [calling("y", "end"), calling("x", "y")]})


def test_inhibitions_that_silence_each_other_and_escalations_in_a_circle_are_named() -> None:
    a, b = [{"name": "check", "value": "a"}], [{"name": "check", "value": "b"}]
    rules = (("x", {"source": a, "target": b}), ("y", {"source": b, "target": a}))
    assert found(*rules, kind="Inhibition") == [(0, "spec", "policy.contradicted")]
    level = [{"tell": ["channel:desk"]}]
    circle = [("x", {"levels": level, "then": "y"}), ("y", {"levels": level, "then": "x"}), ("z", {"levels": level})]
    assert found(*circle, kind="EscalationPolicy") == [
        (0, "spec.then", "escalation.cyclic"), (1, "spec.then", "escalation.cyclic"),
    ]  # fmt: skip
