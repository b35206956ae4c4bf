"""Kubernetes Events: both APIs, watches and lists, warnings that lapse, conditions of nodes that end."""

from typing import Any

import pytest

from tests.sources import event, events, faults, told


def core(
    type: str = "Warning", reason: str = "BackOff", version: str = "1", kind: str = "Pod", **more: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Event", "type": type, "reason": reason, "message": "Back-off restarting", "count": 4, "eventTime": None,
        "firstTimestamp": "2026-03-01T10:00:00Z", "lastTimestamp": "2026-03-01T11:00:00Z",
        "involvedObject": {"kind": kind, "namespace": "shop" if kind == "Pod" else "", "name": "web-1", "fieldPath": "spec.containers{web}"},
        "metadata": {"uid": "u-1", "resourceVersion": version}, "source": {"component": "kubelet", "host": "node-1"}, **more,
    }  # fmt: skip


def test_a_warning() -> None:
    found = event("kubernetes", core())
    assert {
        name: found[name]
        for name in ("type", "id", "severity", "resource", "check", "fingerprint", "title", "startsat", "endsat")
    } == {
        "type": "kubernetes.event",
        "id": "u-1/1",
        "severity": "warning",
        "resource": "shop/web-1",
        "check": "BackOff",
        "fingerprint": "k8s:Pod:shop/web-1:spec.containers{web}:BackOff",
        "title": "BackOff: Back-off restarting",
        "startsat": "2026-03-01T10:00:00Z",
        "endsat": "2026-03-01T12:30:00Z",
    }
    assert found["labels"] == {
        "kind": "Pod",
        "namespace": "shop",
        "name": "web-1",
        "reason": "BackOff",
        "component": "kubelet",
        "node": "node-1",
    }


def test_the_new_api() -> None:
    body = {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "type": "Warning", "reason": "Unhealthy", "note": "Probe failed",
        "regarding": {"kind": "Pod", "namespace": "shop", "name": "web-1"}, "eventTime": "2026-03-01T11:00:00.123456Z",
        "series": {"count": 3, "lastObservedTime": "2026-03-01T11:30:00.000000Z"}, "reportingController": "kubelet",
        "metadata": {"uid": "u", "resourceVersion": "9"},
    }  # fmt: skip
    found = event("kubernetes", body)
    assert (found["severity"], found["title"], found["time"], found["labels"]["component"]) == (
        "warning", "Unhealthy: Probe failed", "2026-03-01T11:30:00Z", "kubelet",
    )  # fmt: skip


def test_normal_events_are_neutral() -> None:
    assert "severity" not in event("kubernetes", core("Normal", "Pulled"))


def test_watches_and_lists() -> None:
    assert event("kubernetes", {"type": "MODIFIED", "object": core()})["check"] == "BackOff"
    assert events("kubernetes", {"type": "DELETED", "object": core()}) == []
    assert [one["id"] for one in events("kubernetes", {"kind": "List", "items": [core(), core(version="2")]})] == [
        "u-1/1",
        "u-1/2",
    ]
    assert len(events("kubernetes", [core(), {"type": "ADDED", "object": core()}])) == 2


def test_a_warning_lapses_and_a_repeated_one_lives_on() -> None:
    story = told("kubernetes", core(), settings={"expire_after": "5s"})
    story.wait("20h")
    assert "alert.resolved" in story.types()


def test_a_nodes_condition_ends() -> None:
    story = told(
        "kubernetes", core("Normal", "NodeNotReady", kind="Node"), core("Normal", "NodeReady", "2", kind="Node")
    )
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]
    assert story.of("alert.fired")[0]["resource"] == "web-1"


@pytest.mark.parametrize(("settings", "severity"), [({"BackOff": "major"}, "major"), ({"BackOff": "info"}, "info")])
def test_severities_by_reason(settings: dict[str, str], severity: str) -> None:
    assert event("kubernetes", core(), settings={"severities": settings})["severity"] == severity


def test_other_json_is_neutral_and_settings_are_checked() -> None:
    assert event("kubernetes", {"kind": "Pod"})["type"] == "kubernetes.unknown"
    assert faults("kubernetes", {"expire_after": "soon"}) != []
    assert faults("kubernetes", {"expire_after": "1h"}) == []
