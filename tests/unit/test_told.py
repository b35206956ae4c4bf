"""Whoever is told of by a workflow and cannot be reached is named when it is applied, not when the message does not arrive."""

from typing import Any

import pytest

from oncue import manifests
from oncue.manifests.document import parse_yaml
from oncue.manifests.told import unheard

CHANNEL = ("Channel", "default", "desk", {"type": "email", "with": {"to": ["desk@example.com"]}})
PERSON = ("Person", "default", "basis-1", {"default": [{"channel": "desk"}]})
TEAMS = (
    ("Team", "default", "web", {"members": ["basis-1", "basis-2"]}),
    ("Team", "default", "night", {"members": ["basis-2", "basis-3"]}),
    ("Team", "default", "empty", {"escalation": "e"}),
    ("Team", "default", "desk", {"channels": ["desk"], "members": ["basis-2"]}),
)
KNOWN = (CHANNEL, PERSON, *TEAMS)


def doubts(kind: str, spec: dict[str, Any], namespace: str = "default") -> list[tuple[str, str]]:
    """Path and detail of each."""
    found = unheard([(kind, namespace, "w", spec)], KNOWN)
    return [(".".join(map(str, one.path)), one.detail) for _, one in found if one.level == "warning"]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("channel:desc", "there is no channel desc in default; did you mean desk?"),
        ("team:nigth", "there is no team nigth in default; did you mean night?"),
        ("user:basis-2", "no Person basis-2 in default says how to reach user:basis-2; did you mean basis-1?"),
        ("team:night", "no Person basis-2 in default says how to reach user:basis-2"),
        ("team:empty", "team empty has no channels"),
    ],
)
def test_whom_nothing_reaches_is_named_with_the_place(to: str, why: str) -> None:
    steps = [{"id": "some", "steps": [{"id": "tell", "uses": "notify.send", "with": {"to": ["team:web", to]}}]}]
    assert doubts("Workflow", {"steps": steps}) == [
        ("spec.steps.0.steps.0.with.to.1", f"this reaches nobody: {why}"),
    ]


@pytest.mark.parametrize("to", ["team:web", "team:desk", "user:basis-1", "channel:desk", "user:${inputs.who}"])
def test_whom_something_reaches_or_an_expression_names_is_not(to: str) -> None:
    assert doubts("Workflow", {"steps": [{"id": "tell", "uses": "notify.send", "with": {"to": [to]}}]}) == []


def test_those_of_another_namespace_reach_nobody_here() -> None:
    spec = {"steps": [{"id": "tell", "uses": "notify.send", "with": {"to": ["channel:desk"]}}]}
    assert [why for _, why in doubts("Workflow", spec, "other")] == [
        "this reaches nobody: there is no channel desk in other"
    ]


def test_so_it_is_of_changes_and_of_those_who_are_told_of_a_failure() -> None:
    told = {"steps": [{"id": "tell", "uses": "notify.send", "with": {"to": ["user:basis-2"]}}]}
    failing = {**told, "on_failure": {"notify": ["team:desk", "team:night"]}}
    template = {**told, "approvals": [{"by": ["team:web"]}]}
    assert [path for path, _ in doubts("Workflow", failing)] == ["spec.steps.0.with.to.0", "spec.on_failure.notify.1"]
    assert [path for path, _ in doubts("ChangeTemplate", template)] == ["spec.steps.0.with.to.0"]
    assert [path for path, _ in doubts("Change", {"reason": "why", "plan": template})] == [
        "spec.plan.steps.0.with.to.0"
    ]
    assert doubts("Change", {"reason": "why", "template": "t"}) == []


def test_what_is_applied_beside_it_counts_and_the_line_is_said() -> None:
    text = """
apiVersion: oncue/v1
kind: Channel
metadata: {name: chat}
spec: {type: email, with: {to: [chat@example.com]}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: tells}
spec:
  steps:
    - id: tell
      uses: notify.send
      with:
        title: Moved
        to: [channel:chat, channel:chart]
"""
    documents, problems = manifests.load(parse_yaml(text, "both.yaml"))
    assert not problems
    (problem,) = manifests.unheard(documents, [], "default")
    assert (problem.level, problem.code, problem.line, problem.column) == (
        "warning", "escalation.no_addressee", 16, 28
    )  # fmt: skip
