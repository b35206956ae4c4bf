"""What differs between two plans of a change, member by member."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from oncue.core.change import Change, ChangePlan, Wave
from oncue.core.change_difference import Difference, between
from oncue.core.change_spec import ChangeTemplateSpec

AT = datetime(2026, 3, 1, tzinfo=UTC)
STEP: dict[str, Any] = {"id": "patch", "uses": "http.request", "with": {"url": "http://127.0.0.1/"}}
SPEC: dict[str, Any] = {"targets": {"names": ["web-1"]}, "steps": [STEP], "approvals": [{"by": ["team:cab"]}]}


def change(waves: tuple[Wave, ...] = (Wave("wave-1", ("web-1", "web-2")),), **more: Any) -> Change:
    """A change that is planned."""
    spec = msgspec.convert({**SPEC, **more.pop("spec", {})}, ChangeTemplateSpec)
    given = {
        "id": "CHG-1", "namespace": "default", "title": "Patch", "type": "normal", "reason": "A hole", "state": "authorise",
        "requester": "user:basis-1", "spec": spec, "created_at": AT, "updated_at": AT,
    }  # fmt: skip
    workflows = more.pop("workflows", {})
    return Change(**{**given, **more}, plan=ChangePlan("0" * 64, waves, (), workflows, tuple(spec.approvals)))


@pytest.mark.parametrize(
    ("more", "part", "before", "after"),
    [
        ({"title": "Mend"}, "title", "Patch", "Mend"),
        ({"type": "emergency"}, "type", "normal", "emergency"),
        ({"not_before": AT}, "not_before", None, "2026-03-01T00:00:00Z"),
        ({"spec": {"inputs": {"type": "object"}}}, "input_schema", {}, {"type": "object"}),
        ({"spec": {"waves": {"max_parallel": 3}}}, "max_parallel", 10, 3),
        ({"spec": {"waves": {"max_failures": "10%"}}}, "max_failures", 0, "10%"),
        ({"spec": {"waves": {"bake": "5m"}}}, "wave_bake", None, "5m"),
        ({"spec": {"bake": "5m"}}, "bake", None, "5m"),
        ({"spec": {"timeout": "1h"}}, "timeout", "8h", "1h"),
        ({"spec": {"review": "always"}}, "review", "on_failure", "always"),
        ({"spec": {"approvals": [{"by": ["user:cab-1"]}]}}, "approvals", [{"by": ["team:cab"]}], [{"by": ["user:cab-1"]}]),
        ({"spec": {"waves": {"gate": [{"by": ["team:cab"]}]}}}, "gate", [], [{"by": ["team:cab"]}]),
        ({"spec": {"window": {"calendar": "nights"}}}, "window", None, {"calendar": "nights"}),
        ({"spec": {"preconditions": {"alone": False}}}, "preconditions", {}, {"alone": False}),
        ({"spec": {"expects": [{"types": ["down"]}]}}, "expects", [], [{"types": ["down"]}]),
        ({"spec": {"on_failure": {"rollback": "wave"}}}, "on_failure", {}, {"rollback": "wave"}),
    ],
)  # fmt: skip
def test_each_term_that_is_agreed_to_is_told_alone(more: dict[str, Any], part: str, before: Any, after: Any) -> None:
    (found,) = between(change(), change(**more))
    assert (found.part, found.what, found.name, found.agreed) == (part, "changed", None, True)
    assert (brief(found.before), brief(found.after)) == (before, after)


def brief(value: Any) -> Any:
    """Without what is as it is by default."""
    if isinstance(value, dict):
        by_default = ("quorum", "stage", "expires", "on_expiry", "escalate", "on_close", "no_incidents", "at_most")
        return {name: one for name, one in value.items() if name not in by_default and one not in (None, [], {})}
    return [brief(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({"reason": "Another"}, "reason"),
        ({"deadline_at": AT + timedelta(days=1)}, "deadline"),
        ({"template": "patch"}, "template"),
        ({"spec": {"owner": "team:board"}}, "owner"),
        ({"spec": {"max_risk": "low"}}, "max_risk"),
    ],
)
def test_what_is_beside_the_plan_needs_no_other_agreement(more: dict[str, Any], part: str) -> None:
    assert [(one.part, one.agreed) for one in between(change(), change(**more))] == [(part, False)]


def test_targets_come_and_go_and_move_between_waves() -> None:
    now = change((Wave("canary", ("web-2",)), Wave("wave-1", ("web-3",))))
    assert between(change(), now) == [
        Difference("targets", "added", "web-3"),
        Difference("targets", "removed", "web-1"),
        Difference("waves", "changed", "wave-1", ["web-1", "web-2"], ["web-3"]),
        Difference("waves", "added", "canary", None, ["web-2"]),
    ]


def test_steps_are_told_by_their_ids_and_their_order_by_itself() -> None:
    one, two, other = STEP, {**STEP, "id": "check"}, {**STEP, "irreversible": True}
    added = between(change(), change(spec={"steps": [one, two]}))
    assert [(found.part, found.what, found.name) for found in added] == [("steps", "added", "check")]
    (changed,) = between(change(), change(spec={"steps": [other]}))
    assert (changed.name, changed.before.get("irreversible", False), changed.after["irreversible"]) == (
        "patch",
        False,
        True,
    )
    (turned,) = between(change(spec={"steps": [one, two]}), change(spec={"steps": [two, one]}))
    assert turned == Difference("steps", "changed", None, ["patch", "check"], ["check", "patch"])


def test_inputs_and_workflows_are_told_by_their_names() -> None:
    before = change(inputs={"version": "2.4", "mode": "quick"}, workflows={"tidy": "a"})
    after = change(inputs={"version": "2.5", "force": True}, workflows={"tidy": "b"})
    assert between(before, after) == [
        Difference("inputs", "changed", "version", "2.4", "2.5"),
        Difference("inputs", "removed", "mode", "quick"),
        Difference("inputs", "added", "force", None, True),
        Difference("workflows", "changed", "tidy", "a", "b"),
    ]
