"""Grafana: unified alerting and what came before it."""

from typing import Any

import pytest

from oncue.sdk.source import Refusal
from tests.sources import event, parse, told


def unified(status: str = "firing", **more: Any) -> dict[str, Any]:
    alert = {
        "status": status, "fingerprint": "c4edaaf9f9f839b0", "startsAt": "2026-03-01T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z",
        "labels": {"alertname": "High CPU", "instance": "web-1", "severity": "major", "grafana_folder": "Web"},
        "annotations": {"summary": "CPU at 93 %", "runbook_url": "https://r.example/cpu"}, "generatorURL": "https://g.example/a",
        "panelURL": "https://g.example/d/1?viewPanel=2", "dashboardURL": "https://g.example/d/1", "values": {"B": 93.5, "C": 1}, **more,
    }  # fmt: skip
    return {
        "receiver": "oncue",
        "status": status,
        "version": "1",
        "orgId": 1,
        "externalURL": "https://g.example/",
        "alerts": [alert],
    }


def legacy(state: str = "alerting", **more: Any) -> dict[str, Any]:
    return {"ruleId": 7, "ruleName": "CPU", "orgId": 3, "state": state, "title": f"[{state}] CPU", "ruleUrl": "https://g.example/d/9",
            "evalMatches": [{"metric": "user", "value": 97, "tags": {"instance": "web-1"}}] if state == "alerting" else [],
            "tags": {"severity": "critical", "team": "web"}, **more}  # fmt: skip


def test_unified_alerting() -> None:
    found = event("grafana", unified())
    assert (found["type"], found["severity"], found["resource"], found["check"], found["title"], found["fingerprint"]) == (
        "grafana.alert", "major", "web-1", "High CPU", "CPU at 93 %", "c4edaaf9f9f839b0",
    )  # fmt: skip
    data = found["data"]
    assert (data["value"], data["metric"], data["link"]) == (93.5, "B", "https://g.example/d/1?viewPanel=2")


@pytest.mark.parametrize("values", [None, {}, {"B": 0, "C": 1}, {"A": 5, "B": 7}, {"B": "x"}, []])
def test_a_value_is_not_guessed(values: Any) -> None:
    assert "value" not in event("grafana", unified(values=values))["data"]


def test_a_unified_alert_fires_and_ends() -> None:
    story = told("grafana", unified(), unified(), unified("resolved", values=None))
    assert [name for name in story.types() if name in ("alert.fired", "alert.resolved")] == [
        "alert.fired",
        "alert.resolved",
    ]


def test_legacy_alerting() -> None:
    found = event("grafana", legacy())
    assert (found["severity"], found["resource"], found["check"], found["fingerprint"]) == (
        "critical",
        "CPU",
        "CPU",
        "grafana:3:7",
    )
    assert found["labels"] == {"instance": "web-1", "severity": "critical", "team": "web"}
    assert (found["data"]["value"], found["data"]["link"]) == (97.0, "https://g.example/d/9")


def test_a_legacy_alert_fires_and_ends() -> None:
    story = told("grafana", legacy(), legacy("ok"))
    assert [name for name in story.types() if name in ("alert.fired", "alert.resolved")] == [
        "alert.fired",
        "alert.resolved",
    ]


@pytest.mark.parametrize(
    ("state", "severity"),
    [("ok", "clear"), ("no_data", "warning"), ("paused", None), ("pending", None), ("alerting", "critical")],
)
def test_legacy_states(state: str, severity: str | None) -> None:
    assert event("grafana", legacy(state)).get("severity") == severity


def test_other_json_is_a_neutral_event_and_anything_else_is_refused() -> None:
    assert event("grafana", {"state": "alerting"})["type"] == "grafana.unknown"
    with pytest.raises(Refusal, match="not JSON"):
        parse("grafana", b"state=alerting")
