"""Trying policies on an event: what the engine decides in memory, and which clause it decided on."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from oncue.core.manifest import Manifest
from oncue.rehearsal.trial import Trial, TriedPolicy, trial

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def manifest(name: str, spec: dict[str, Any], kind: str = "Policy") -> Manifest:
    return Manifest(
        id=f"{kind}/default/{name}", kind=kind, namespace="default", name=name, generation=1, hash="", spec=spec, labels={}, owner=None, review_by=None, description=None,
        applied_by="user:test", updated_at=AT,
    )  # fmt: skip


def tried(*manifests: Manifest, **attributes: Any) -> Trial:
    event = {
        "specversion": "1.0", "id": "1", "source": "/test", "type": "net.flap", "severity": "major",
        "resource": "sw-1", "labels": '{"role":"core"}', "data": {"members": 3}, **attributes,
    }  # fmt: skip
    return trial(list(manifests), msgspec.json.encode(event), "default", "api", AT)


def one(spec: dict[str, Any], **attributes: Any) -> TriedPolicy:
    (policy,) = tried(manifest("p", spec), **attributes).policies
    return policy


def deciding(policy: TriedPolicy) -> list[tuple[str, str]]:
    return [(clause.name, clause.has) for clause in policy.clauses if clause.decides]


MATCH = {"types": ["net.flap"]}


@pytest.mark.parametrize(
    ("spec", "attributes", "outcome", "reason", "clause"),
    [
        ({"match": MATCH}, {}, "fires", "matched", []),
        ({"match": {**MATCH, "labels": {"role": "edge"}}}, {}, "not_taken", "selector", [("labels.role", "core")]),
        ({"match": {**MATCH, "labels": {"site": "a"}}}, {}, "not_taken", "selector", [("labels.site", "none")]),
        ({"match": {**MATCH, "severities": ["critical"]}}, {}, "not_taken", "selector", [("severities", "major")]),
        ({"match": {**MATCH, "resources": ["sw-2*"]}}, {}, "not_taken", "selector", [("resources", "sw-1")]),
        ({"match": {**MATCH, "services": ["shop"]}}, {}, "not_taken", "selector", [("services", "none")]),
        (
            {"match": {**MATCH, "where": "event.data.members < 2"}}, {}, "not_taken", "where_false",
            [("where", "false: event.data.members is 3")],
        ),
        (
            {"match": MATCH, "skip_when": ["event.data.members == 3"]}, {}, "held_back", "guard_blocked",
            [("skip_when", "true: event.data.members is 3")],
        ),
        ({"match": MATCH, "mode": "observe"}, {}, "held_back", "observe_only", [("mode", "observe: it decides, and does nothing")]),
        (
            {"match": MATCH, "only_during": "Sat-Sun 00:00-24:00"}, {}, "held_back", "outside_hours",
            [("only_during", "Monday 09:00 (UTC)")],
        ),
        (
            {"match": MATCH, "condition": {"count": 2, "within": "5m", "by": ["event.resource"]}}, {}, "waits",
            "window_not_met", [("condition", "1 of 2 within 300 s")],
        ),
    ],
)  # fmt: skip
def test_a_policy_says_what_it_would_do_and_on_which_clause_it_decided(
    spec: dict[str, Any], attributes: dict[str, Any], outcome: str, reason: str, clause: list[tuple[str, str]]
) -> None:
    policy = one(spec, **attributes)
    assert (policy.outcome, policy.reason, deciding(policy)) == (outcome, reason, clause)


def test_a_field_that_is_not_there_is_named_with_a_near_one() -> None:
    policy = one({"match": {**MATCH, "where": "event.data.membrs < 2"}})
    assert (policy.outcome, policy.reason) == ("not_taken", "where_failed")
    (where,) = [clause for clause in policy.clauses if clause.name == "where"]
    assert "members" in where.has, where.has


def test_what_would_come_of_it_is_said_and_policies_of_other_types_are_counted() -> None:
    found = tried(
        manifest("ops", {"channels": ["mail"]}, "Team"),
        manifest("mail", {"type": "email", "with": {"to": ["ops@localhost"]}}, "Channel"),
        manifest("look", {"steps": [{"id": "note", "uses": "incident.comment", "with": {"text": "x"}}]}, "Workflow"),
        manifest("elsewhere", {"match": {"types": ["other"]}}),
        manifest(
            "flap",
            {
                "match": MATCH, "alert": {"title": "Flap on ${event.resource}"}, "notify": {"team": "ops"},
                "respond": [{"run": {"workflow": "look"}}, {"ticket": {"type": "incident", "title": "Look at it"}}],
            },
        ),
    )  # fmt: skip
    assert found.others == 1
    assert [(alert.title, alert.severity) for alert in found.alerts] == [("Flap on sw-1", "major")]
    assert (found.runs, found.tickets) == (["look"], ["Look at it"])
    assert found.notifications[0].to == "mail"


def test_a_sample_is_tried_reading_by_reading() -> None:
    data = {"monitor": "default/m", "resource": "h-1", "readings": [{"metric": "cpu", "value": 50.0}]}
    high = manifest("high", {"match": {"types": ["cpu"]}, "condition": {"value": "event.data.value", "fire_above": 90}})
    (policy,) = tried(high, type="oncue.sample", data=data, severity=None, labels=None).policies
    assert (policy.outcome, policy.reason) == ("not_taken", "threshold_not_met")
    assert deciding(policy) == [("condition", "event.data.value is 50, not above 90")]
