"""Quiet on a real server: windows, snoozes and what an alert has been, from the command line and the API."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import Server, event, eventually

WINDOW = """
apiVersion: oncue/v1
kind: MaintenanceWindow
metadata: {name: patching}
spec:
  description: Kernel updates
  matchers: [{name: resource, value: "db-.*", is_regex: true}]
  starts_at: STARTS
  duration: DURATION
"""

NIGHTLY = """
apiVersion: oncue/v1
kind: MaintenanceWindow
metadata: {name: nightly}
spec:
  matchers: [{name: resource, value: "db-.*", is_regex: true}]
  starts_at: 2026-03-01T22:00
  rrule: FREQ=DAILY
  duration: 2h
  zone: Europe/Berlin
"""


def ran(server: Server, *arguments: str, stdin: str = "") -> str:
    done = server.cli(*arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def alert_of(server: Server, resource: str) -> dict[str, Any]:
    (found,) = server.items("alerts", resource=resource)
    return found


def reasons(server: Server, resource: str) -> list[str]:
    return [reason["reason"] for reason in alert_of(server, resource)["quiet"]]


def test_a_window_is_tried_applied_and_outlives_a_crash_in_its_middle(fresh_server: Server) -> None:
    server = fresh_server
    server.emit(event(resource="db-1"), event(resource="app-1"))
    starts_at = datetime.now(UTC)
    window = WINDOW.replace("STARTS", starts_at.isoformat())
    tried = ran(server, "quiet", "preview", "-f", "-", stdin=window.replace("DURATION", "2h"))
    assert "1 of 2 firing alerts match" in tried
    assert alert_of(server, "db-1")["id"] in tried
    assert reasons(server, "db-1") == [], "a preview changes nothing"
    ran(server, "apply", "-f", "-", stdin=window.replace("DURATION", "2h"))
    server.emit(event(resource="db-2"))
    assert (reasons(server, "db-1"), reasons(server, "db-2")) == (["maintenance"], ["maintenance"])
    assert alert_of(server, "db-2")["incident"] is None
    assert reasons(server, "app-1") == []
    assert "\topen\t" in ran(server, "quiet", "windows")
    server.kill()
    server.restart()
    assert reasons(server, "db-2") == ["maintenance"]
    lasted = datetime.now(UTC) - starts_at
    server.client.post("/api/v1/manifests", content=window.replace("DURATION", f"{lasted.seconds + 3}s"))
    eventually(lambda: reasons(server, "db-2") == [], 30, "the end of the window")
    assert alert_of(server, "db-2")["incident"] is not None, "what still fires is heard then"
    assert "\tover\t" in ran(server, "quiet", "windows")


def test_a_recurring_window_says_when_it_opens_next(oncue_server: Server) -> None:
    ran(oncue_server, "apply", "-f", "-", stdin=NIGHTLY)
    found = json.loads(ran(oncue_server, "quiet", "preview", "nightly", "-o", "json"))["default/nightly"]
    assert len(found["next"]) == 10
    for one in found["next"]:
        begins, ends = datetime.fromisoformat(one["starts_at"]), datetime.fromisoformat(one["ends_at"])
        assert begins.hour in (20, 21), "22:00 in Berlin"
        assert ends - begins == timedelta(hours=2)
    refused = oncue_server.cli("apply", "-f", "-", stdin=NIGHTLY.replace("DAILY", "SECONDLY;UNTIL=30260101"))
    assert refused.returncode == 1
    assert "FREQ=SECONDLY" in refused.stderr
    answer = oncue_server.client.post(
        "/api/v1/manifests", content=NIGHTLY.replace("DAILY", "DAILY;BYMONTH=2;BYMONTHDAY=30")
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "recurrence.invalid")


def test_an_alert_is_snoozed_and_heard_again(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="host-7"))
    id = alert_of(oncue_server, "host-7")["id"]
    said = ran(oncue_server, "alert", "snooze", id, "2h", "--reason", "the vendor is on it")
    assert f"{id} firing; quiet: snoozed until " in said
    (reason,) = alert_of(oncue_server, "host-7")["quiet"]
    assert reason["detail"] == "the vendor is on it"
    assert reason["by"].startswith("token:") or reason["by"]
    assert "the vendor is on it" in oncue_server.client.get(f"/api/v1/explain/alert/{id}").text
    soon = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    assert oncue_server.client.post(f"/api/v1/alerts/{id}/snooze", json={"until": soon}).status_code == 200
    eventually(lambda: reasons(oncue_server, "host-7") == [], 20, "the end of the snooze")
    ran(oncue_server, "alert", "snooze", id, "1d")
    assert f"{id} firing\n" in ran(oncue_server, "alert", "unsnooze", id)
    assert oncue_server.cli("alert", "snooze", id, "soon").returncode == 2
    past = oncue_server.cli("alert", "snooze", id, "2020-01-01T00:00:00Z")
    assert (past.returncode, "silence.invalid" in past.stderr) == (1, True)


def test_a_silence_can_be_tried_before_it_is_set(oncue_server: Server) -> None:
    oncue_server.emit(event(resource="host-9"))
    matchers = [{"name": "resource", "value": "host-9"}]
    tried = oncue_server.client.post("/api/v1/silences/preview", json={"matchers": matchers}).json()
    assert (tried["matching"], [one["resource"] for one in tried["alerts"]]) == (1, ["host-9"])
    assert tried["looked_at"] >= 1
    assert reasons(oncue_server, "host-9") == []
    all_ = [{"name": "resource", "value": ".*", "is_regex": True}]
    refused = oncue_server.client.post("/api/v1/silences/preview", json={"matchers": all_})
    assert (refused.status_code, refused.json()["code"]) == (400, "silence.invalid")


def test_an_alert_tells_what_it_has_been(oncue_server: Server) -> None:
    for severity, value in (("warning", 81), ("warning", 82), ("critical", 97), ("clear", 40), ("major", 91)):
        data = {"value": value, "limit": 80, "unit": "%"}
        oncue_server.emit(event(resource="host-8", severity=severity, data=data))
    id = alert_of(oncue_server, "host-8")["id"]
    items = oncue_server.items(f"alerts/{id}/history")
    assert [(one["state"], one["severity"], one["value"]) for one in items] == [
        ("firing", "major", 91),
        ("resolved", "critical", 97),
        ("firing", "critical", 97),
        ("firing", "warning", 81),
    ]
    table = ran(oncue_server, "alert", "history", id)
    assert "97 %, limit 80" in table
