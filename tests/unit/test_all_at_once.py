"""Everything that is wrong with manifests is told in one go: what does not fit, names, and expressions."""

import random
from pathlib import Path
from typing import Any

import pytest

from oncue import manifests
from tests.server import run_cli

EXAMPLES = sorted(Path("examples").rglob("*.yaml"))
WRONG = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: b}
spec:
  inputs: {type: object, properties: {host: {type: string}}}
  timeuot: 5m
  steps:
    - {id: one, use: http.request, with: {url: "http://x/"}}
    - {id: two, if: "inputs.hst == 'a'", set: {y: 1}}
    - {id: three, if: "inputs.host ==", set: {y: 1}}
    - {id: four, uses: htp.request, with: {url: "http://x/"}}
    - {id: five, run: {workflow: nowhere}}
    - {id: six, set: {z: "${steps.nix.x}"}}
    - {id: seven, if: "steps.one.status == 200", set: {z: 1}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: c}
spec:
  steps:
    - {id: s, run: {workflow: b}}
    - {id: t, set: {x: 1}}
    - {id: t, if: "true ==", set: {z: 1}}
"""


def told(text: str) -> list[tuple[int, str]]:
    ran = run_cli("validate", "-f", "-", stdin=text)
    assert ran.returncode == 1
    lines = [line for line in ran.stderr.splitlines() if line.startswith(("error", "warning"))]
    return [(int(line.split("standard input:")[1].split(":")[0]), line.split()[1].rstrip(":")) for line in lines]


def test_what_does_not_fit_hides_neither_names_nor_expressions_nor_other_manifests() -> None:
    assert told(WRONG) == [
        (7, "manifest.invalid"),
        (9, "manifest.invalid"),
        (10, "workflow.unknown_name"),
        (11, "expression.invalid"),
        (12, "action.unknown"),
        (13, "manifest.reference_unknown"),
        (14, "workflow.unknown_step"),
        (24, "workflow.duplicate_name"),
        (24, "expression.invalid"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        WRONG.partition("---")[0].replace("timeuot: 5m", "").replace("  inputs:", "  input:").replace("hst", "host"),
        WRONG.partition("---")[0].replace("  inputs:", "  inptus:").replace("hst", "host"),
    ],
)
def test_what_may_be_right_when_the_rest_is_is_not_told(text: str) -> None:
    assert "workflow.unknown_name" not in [code for _, code in told(text)]


def test_a_policy_whose_types_are_misspelt_is_not_said_to_look_at_everything() -> None:
    text = """
apiVersion: oncue/v1
kind: Policy
metadata: {name: p}
spec: {match: {typs: [a.b]}, skip_when: ["event.count >"], alert: {severity: major}}
"""
    assert [code for _, code in told(text)] == ["manifest.invalid", "expression.invalid"]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_wrong_is_told_and_no_check_breaks(seed: int) -> None:
    choice = random.Random(seed)
    for file in choice.sample(EXAMPLES, 12):
        for parsed in manifests.read([file]):
            spec = parsed.value.get("spec")
            for _ in range(choice.randrange(1, 4)):
                spoil(spec, choice)
            accepted, problems = manifests.check(parsed)
            assert accepted is not None or problems
            manifests.unsound([parsed], [])


def spoil(value: Any, choice: random.Random) -> None:
    """Something in it is another thing, or called otherwise."""
    while isinstance(value, dict | list) and value:
        key = choice.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if choice.random() < 0.4 or not isinstance(value[key], dict | list):
            if isinstance(value, dict) and choice.random() < 0.4:
                value[f"{key}x"] = value.pop(key)
            else:
                value[key] = choice.choice([5, "x", None, [], {}, ["x"], {"a": 1}, "1 +", "${", True])
            return
        value = value[key]
