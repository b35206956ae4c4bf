"""Azure Monitor: the common schema and those before it, health alerts judged by what they say."""

from typing import Any

import pytest

from tests.sources import event, told

ALERT = "/subscriptions/s-1/providers/Microsoft.AlertsManagement/alerts/a-1"
TARGET = "/subscriptions/s-1/resourcegroups/web/providers/microsoft.compute/virtualmachines/web-1"


def common(
    condition: str | None = "Fired", service: str = "Platform", context: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    essentials = {
        "alertId": ALERT, "alertRule": "CPU", "severity": "Sev1", "signalType": "Metric", "monitorCondition": condition,
        "monitoringService": service, "alertTargetIDs": [TARGET], "configurationItems": ["web-1"],
        "firedDateTime": "2026-03-01T11:00:00.3713213Z", "resolvedDateTime": "2026-03-01T11:30:00.1Z" if condition == "Resolved" else None,
        "description": "CPU is high", **more,
    }  # fmt: skip
    criterion = {"metricName": "Percentage CPU", "operator": "GreaterThan", "threshold": "90", "metricValue": 95.2}
    default = {"properties": {"runbook_url": "https://r.example/cpu"}, "condition": {"allOf": [criterion]}}
    return {
        "schemaId": "azureMonitorCommonAlertSchema",
        "data": {"essentials": essentials, "alertContext": context or default},
    }


def test_a_metric_alert() -> None:
    found = event("azure_monitor", common())
    assert {
        name: found[name] for name in ("type", "severity", "resource", "check", "fingerprint", "title", "startsat")
    } == {
        "type": "azure.alert",
        "severity": "major",
        "resource": "web-1",
        "check": "CPU",
        "fingerprint": ALERT,
        "title": "CPU: CPU is high",
        "startsat": "2026-03-01T11:00:00.371321Z",
    }
    data = found["data"]
    assert (data["value"], data["limit"], data["metric"]) == (95.2, 90.0, "Percentage CPU")
    assert data["runbook_url"] == "https://r.example/cpu" and data["link"].startswith("https://portal.azure.com/")
    assert (found["labels"]["subscription"], found["labels"]["resource_group"]) == ("s-1", "web")


def test_it_fires_is_sent_again_and_ends() -> None:
    assert event("azure_monitor", common())["id"] == event("azure_monitor", common())["id"]
    story = told("azure_monitor", common(), common("Resolved"))
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]


@pytest.mark.parametrize(
    ("said", "severity"),
    [("Sev0", "critical"), ("Sev2", "minor"), ("Sev3", "warning"), ("Sev4", "info"), (None, "warning")],
)
def test_severities(said: str | None, severity: str) -> None:
    assert event("azure_monitor", common(severity=said))["severity"] == severity


@pytest.mark.parametrize(
    ("now", "severity"), [("Unavailable", "major"), ("Degraded", "minor"), ("Available", "clear"), ("Unknown", "info")]
)
def test_resource_health(now: str, severity: str) -> None:
    body = common(
        service="Resource Health",
        severity="Sev4",
        context={"properties": {"currentHealthStatus": now, "title": "Rebooted"}},
    )
    found = event("azure_monitor", body)
    assert (found["severity"], found["fingerprint"]) == (severity, f"azure:resource-health:{TARGET}")


def test_all_messages_of_a_service_incident_are_one_alert() -> None:
    def health(stage: str, alert: str) -> dict[str, Any]:
        properties = {
            "incidentType": "Incident",
            "trackingId": "T-1",
            "service": "Storage",
            "stage": stage,
            "title": "Storage is slow",
        }
        return common(service="ServiceHealth", severity="Sev4", alertId=alert, context={"properties": properties})

    story = told("azure_monitor", health("Active", "a-1"), health("Active", "a-2"), health("Resolved", "a-3"))
    assert [name for name in story.types() if name in ("alert.fired", "alert.resolved")] == [
        "alert.fired",
        "alert.resolved",
    ]


def metric(status: str, **more: Any) -> dict[str, Any]:
    context = {"timestamp": "2026-03-01T11:00:00.1Z", "id": "/rules/cpu", "name": "CPU", "severity": "0", "resourceName": "web-1",
               "resourceId": TARGET, "condition": {"allOf": [{"metricName": "CPU", "threshold": "90", "metricValue": 95}]},
               "portalLink": "https://portal.azure.com/x"}  # fmt: skip
    return {
        "schemaId": "AzureMonitorMetricAlert",
        "data": {"version": "2.0", "status": status, "context": context, **more},
    }


def test_alerts_before_the_common_schema() -> None:
    fired, ended = event("azure_monitor", metric("Activated")), event("azure_monitor", metric("Deactivated"))
    assert (fired["severity"], fired["resource"], fired["data"]["value"]) == ("critical", "web-1", 95.0)
    assert (ended["severity"], ended["fingerprint"]) == ("clear", fired["fingerprint"])
    classic = metric("Activated")["data"]
    assert event("azure_monitor", classic)["fingerprint"] == fired["fingerprint"]


def test_a_log_alert_lapses() -> None:
    body = {"AlertRuleName": "Errors", "SearchQuery": "x", "WorkspaceId": "w", "ResultCount": 7, "AlertThresholdValue": 0,
            "SearchIntervalInSeconds": 3600, "Severity": "Error", "LinkToSearchResults": "https://l.example/"}  # fmt: skip
    found = event("azure_monitor", body)
    assert (found["severity"], found["endsat"], found["data"]["value"]) == ("major", "2026-03-01T14:00:00Z", 7.0)
    story = told("azure_monitor", body)
    story.wait("12h")
    assert story.types()[0] == "alert.fired" and "alert.resolved" in story.types()


def test_budgets() -> None:
    old = {"schemaId": "AIP Budget Notification", "data": {"SubscriptionId": "s-1", "BudgetName": "b", "SpendingAmount": "1111.32",
           "NotificationThresholdAmount": "1000.0", "Unit": "USD"}}  # fmt: skip
    found = event("azure_monitor", old)
    assert (found["type"], found["severity"], found["data"]["value"], found["data"]["limit"]) == (
        "azure.budget",
        "warning",
        1111.32,
        1000.0,
    )
    nulls: dict[str, Any] = dict.fromkeys(("alertRule", "severity", "signalType", "alertTargetIDs", "originAlertId"))
    spent = {
        "BudgetName": "b",
        "BudgetId": "/budgets/b",
        "SpentAmount": "$11,111.00",
        "NotificationThresholdAmount": "$25.00",
        "Unit": "USD",
    }
    found = event("azure_monitor", common(None, "CostAlerts", {"AlertData": spent}, **nulls))
    assert (found["severity"], found["fingerprint"], found["data"]["value"], found["data"]["limit"]) == (
        "warning",
        "/budgets/b",
        11111.0,
        25.0,
    )


def test_the_activity_log_is_neutral_unless_it_failed() -> None:
    def entry(level: str) -> dict[str, Any]:
        log = {
            "level": level,
            "operationName": "Microsoft.Compute/restart",
            "resourceId": TARGET,
            "eventDataId": "e",
            "status": "Failed",
        }
        return {
            "schemaId": "Microsoft.Insights/activityLogs",
            "data": {"status": "Activated", "context": {"activityLog": log}},
        }

    assert "severity" not in event("azure_monitor", entry("Informational"))
    assert event("azure_monitor", entry("Error"))["severity"] == "major"


def test_other_json_is_neutral() -> None:
    assert event("azure_monitor", {"alertContext": {}})["type"] == "azure.unknown"
