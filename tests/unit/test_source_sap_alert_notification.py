"""SAP Alert Notification service: its events, and the status that closes them."""

from typing import Any

import pytest

from tests.sources import event, events, told


def ans(status: str = "CREATE_OR_UPDATE", **more: Any) -> dict[str, Any]:
    return {
        "id": "e-1", "eventType": "HighCpu", "severity": "ERROR", "category": "ALERT", "subject": "CPU of shop is high", "body": "It is at 95 %",
        "region": "cf-eu10", "eventTimestamp": 1772362800, "priority": 1,
        "resource": {"resourceName": "shop", "resourceType": "application", "resourceInstance": "0", "tags": {"space": "prod"}},
        "tags": {"ans:status": status, "ans:correlationId": "c-1", "ans:detailsLink": "https://d.example/",
                 "ans:recommendedActionLink": "https://r.example/", "team": "shop"}, **more,
    }  # fmt: skip


def test_an_event() -> None:
    found = event("sap_alert_notification", ans())
    assert {
        name: found[name] for name in ("type", "severity", "resource", "check", "fingerprint", "title", "startsat")
    } == {
        "type": "sap.ans.HighCpu",
        "severity": "major",
        "resource": "shop/0",
        "check": "HighCpu",
        "fingerprint": "sap.ans:c-1",
        "title": "CPU of shop is high",
        "startsat": "2026-03-01T11:00:00Z",
    }
    assert found["labels"] == {
        "category": "ALERT",
        "region": "cf-eu10",
        "resource_type": "application",
        "space": "prod",
        "team": "shop",
    }
    data = found["data"]
    assert (data["link"], data["runbook_url"], data["description"]) == (
        "https://d.example/",
        "https://r.example/",
        "It is at 95 %",
    )


def test_it_is_sent_again_and_closed() -> None:
    assert event("sap_alert_notification", ans())["id"] == event("sap_alert_notification", ans())["id"]
    story = told("sap_alert_notification", ans(), ans("CLOSE"))
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]


@pytest.mark.parametrize(
    ("more", "severity"),
    [({"severity": "FATAL"}, "critical"), ({"severity": "WARNING"}, "warning"), ({"severity": "NOTICE"}, "info"), ({"severity": "INFO"}, "info"),
     ({"severity": "odd"}, "warning"), ({"category": "NOTIFICATION"}, "info")],
)  # fmt: skip
def test_severities(more: dict[str, Any], severity: str) -> None:
    assert event("sap_alert_notification", ans(**more))["severity"] == severity


def test_lists_and_other_json() -> None:
    assert len(events("sap_alert_notification", [ans(), ans()])) == 2
    assert len(events("sap_alert_notification", {"results": [ans()], "totalPages": 1})) == 1
    assert event("sap_alert_notification", {"hello": 1})["type"] == "sap.ans.unknown"
    without = ans(tags=None, resource=None)
    assert event("sap_alert_notification", without)["fingerprint"] == "sap.ans:HighCpu:in-1"
