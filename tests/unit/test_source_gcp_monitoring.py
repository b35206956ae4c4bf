"""Google Cloud Monitoring: incidents of three schemas, by webhook and by Pub/Sub."""

import json
from base64 import b64encode
from typing import Any

import pytest

from oncue.sdk.source import Refusal
from tests.sources import event, parse, told


def incident(state: str = "open", **more: Any) -> dict[str, Any]:
    inner = {
        "incident_id": "0.abc", "state": state, "started_at": 1772362800, "ended_at": 1772363400 if state == "closed" else None,
        "severity": "Critical", "policy_name": "Web", "condition_name": "CPU above 90 %", "resource_display_name": "web-1",
        "resource": {"type": "gce_instance", "labels": {"instance_id": "1", "zone": "z"}}, "metric": {"displayName": "CPU", "labels": {}},
        "observed_value": "95.5", "threshold_value": "90", "summary": "CPU of web-1 is above 90", "url": "https://console.cloud.google.com/i",
        "policy_user_labels": {"team": "web"}, "documentation": {"content": "Look at the top"}, **more,
    }  # fmt: skip
    return {"version": "1.2", "incident": inner}


def test_an_incident() -> None:
    found = event("gcp_monitoring", incident())
    assert {
        name: found[name]
        for name in ("type", "id", "severity", "resource", "check", "fingerprint", "title", "startsat")
    } == {
        "type": "gcp.incident",
        "id": "0.abc/open",
        "severity": "critical",
        "resource": "web-1",
        "check": "CPU above 90 %",
        "fingerprint": "0.abc",
        "title": "CPU of web-1 is above 90",
        "startsat": "2026-03-01T11:00:00Z",
    }
    data = found["data"]
    assert (data["value"], data["limit"], data["metric"], data["description"]) == (95.5, 90.0, "CPU", "Look at the top")
    assert found["labels"]["team"] == "web" and found["labels"]["zone"] == "z"


def test_it_opens_and_closes() -> None:
    story = told("gcp_monitoring", incident(), incident("closed"))
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]
    assert event("gcp_monitoring", incident("closed"))["time"] == "2026-03-01T11:10:00Z"


@pytest.mark.parametrize(
    ("more", "severity"),
    [({"severity": "Error"}, "major"), ({"severity": "Warning"}, "warning"), ({"severity": "No severity"}, "warning"),
     ({"severity": None, "policy_user_labels": {"severity": "minor"}}, "minor"), ({"severity": None}, "warning"), ({"state": "CLOSED"}, "clear")],
)  # fmt: skip
def test_severities(more: dict[str, Any], severity: str) -> None:
    assert event("gcp_monitoring", incident(**more))["severity"] == severity


def test_older_schemas_tell_the_value_in_the_summary() -> None:
    body = incident(
        observed_value=None, threshold_value=None, summary="CPU is above the threshold of 1% with a value of 28.5%."
    )
    data = event("gcp_monitoring", body)["data"]
    assert (data["value"], data["limit"], data["unit"]) == (28.5, 1.0, "%")


def test_pubsub() -> None:
    inner = json.dumps(incident())
    body = {
        "message": {"data": b64encode(inner.encode()).decode(), "messageId": "1"},
        "subscription": "projects/p/subscriptions/s",
    }
    assert event("gcp_monitoring", body)["fingerprint"] == "0.abc"
    with pytest.raises(Refusal, match="base64"):
        parse("gcp_monitoring", {**body, "message": {"data": "%%"}})


def test_other_json_is_neutral() -> None:
    assert event("gcp_monitoring", {"incident": {}})["type"] == "gcp.unknown"
