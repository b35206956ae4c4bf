"""Argo CD: syncs as changes and alerts, and health."""

from typing import Any

import pytest

from tests.sources import event, events, told

REVISION = "53e28ff20cc530b9ada2173fbbd64d48338583ba"


def posted(phase: str | None, health: str = "Progressing", **operation: Any) -> dict[str, Any]:
    ended = {} if phase == "Running" else {"finishedAt": "2026-03-01T11:51:00Z"}
    status: dict[str, Any] = {"health": {"status": health, "message": "why"}, "sync": {"revision": REVISION}}
    if phase is not None:
        status["operationState"] = {
            "phase": phase, "message": "said", "startedAt": "2026-03-01T11:50:00Z",
            "syncResult": {"revision": REVISION}, "operation": {"initiatedBy": {"username": "basis-1"}}, **ended,
            **operation,
        }  # fmt: skip
    app = {
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        },
        "status": status,
    }
    return {"app": app, "context": {"argocdUrl": "https://argocd.example.org/"}}


def test_a_failed_sync_and_its_health() -> None:
    sync, health = events("argocd", posted("Failed", "Degraded"))
    assert {name: sync[name] for name in ("type", "severity", "resource", "check", "title", "time")} == {
        "type": "argocd.sync", "severity": "major", "resource": "shop", "check": "sync",
        "title": "Sync of shop to 53e28ff2: Failed", "time": "2026-03-01T11:51:00Z",
    }  # fmt: skip
    assert sync["data"]["link"] == "https://argocd.example.org/applications/argocd/shop"
    assert (health["type"], health["severity"], health["check"], health["data"]["description"]) == (
        "argocd.health", "major", "health", "why",
    )  # fmt: skip


def test_a_sync_is_a_change_from_its_start_to_its_end() -> None:
    story = told("argocd", posted("Running"), posted("Succeeded", "Healthy"))
    (record,) = story.state.change_records.values()
    assert (record.state, record.kind, record.by, record.title) == (
        "succeeded", "sync", "basis-1", "53e28ff2 of shop to shop",
    )  # fmt: skip
    assert (record.ended_at or record.started_at) >= record.started_at


def test_the_same_sync_has_the_same_id_whatever_it_is_told_with() -> None:
    first, second = (events("argocd", posted("Succeeded", health))[0]["id"] for health in ("Healthy", "Degraded"))
    assert first == second


def test_alerts_are_fired_and_resolved_each_for_itself() -> None:
    story = told("argocd", posted("Failed", "Degraded"), posted("Succeeded", "Degraded"), posted(None, "Healthy"))
    assert [name for name in story.types() if name in ("alert.fired", "alert.resolved")] == [
        "alert.fired", "alert.fired", "alert.resolved", "alert.resolved",
    ]  # fmt: skip


def test_a_sync_of_long_ago_is_not_told_again() -> None:
    old = posted("Succeeded", "Degraded", finishedAt="2026-02-28T11:51:00Z")
    assert [one["type"] for one in events("argocd", old)] == ["argocd.health"]


@pytest.mark.parametrize("health", ["Progressing", "Suspended", "Missing", "Unknown"])
def test_other_health_is_neutral(health: str) -> None:
    assert "severity" not in event("argocd", posted(None, health))


def test_the_application_alone_is_taken_too() -> None:
    assert [one["type"] for one in events("argocd", posted("Succeeded")["app"])] == ["argocd.sync", "argocd.health"]


@pytest.mark.parametrize(
    "body", [{"x": 1}, {"app": {"metadata": {"name": "shop"}}}, {"app": {"status": {"health": {}}}}]
)
def test_what_is_no_application_can_be_looked_at(body: dict[str, Any]) -> None:
    assert event("argocd", body)["type"] == "argocd.unknown"
