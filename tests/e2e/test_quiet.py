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


def test_what_is_found_out_about_an_alert_is_added_and_silences_see_it(oncue_server: Server) -> None:
    server = oncue_server
    server.emit(event(resource="found-1"))
    id = alert_of(server, "found-1")["id"]
    silence = {"matchers": [{"name": "rack", "value": "r7"}], "starts_at": datetime.now(UTC).isoformat()}
    silence |= {"ends_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(), "comment": "the rack is moved"}
    assert server.client.post("/api/v1/silences", json=silence).is_success
    found = ("--label", "rack=r7", "--link", "CMDB=https://cmdb.example.com/found-1", "--note", "Its disk was swapped.")
    assert "quiet: silenced until" in ran(server, "alert", "enrich", id, *found)
    added = alert_of(server, "found-1")["enriched"]
    assert (added["links"][0]["title"], added["notes"][0]["text"]) == ("CMDB", "Its disk was swapped.")
    assert "rack=r7 was added by token:" in ran(server, "explain", "alert", id)
    ran(server, "alert", "enrich", id, "--label", "rack=")
    assert reasons(server, "found-1") == []
    assert server.cli("alert", "enrich", id, "--label", "rack").returncode == 2
    nothing = server.cli("alert", "enrich", id)
    assert (nothing.returncode, "request.invalid" in nothing.stderr) == (1, True)


def test_a_silence_is_set_and_ended_from_the_command_line(oncue_server: Server) -> None:
    server = oncue_server
    server.emit(event(resource="cli-1", labels='{"rack":"q7"}'), event(resource="cli-2", labels='{"rack":"q8"}'))
    tried = ran(server, "silence", "add", "rack=~q[78]", "resource!=cli-2", "--comment", "moving", "--preview")
    assert alert_of(server, "cli-1")["id"] in tried
    assert reasons(server, "cli-1") == [], "a preview changes nothing"
    made = ran(server, "silence", "add", "rack=~q[78]", "resource!=cli-2", "--comment", "moving", "--for", "2h")
    id = made.split()[0]
    assert (reasons(server, "cli-1"), reasons(server, "cli-2")) == (["silenced"], [])
    assert "expired" in ran(server, "silence", "expire", id)
    assert reasons(server, "cli-1") == []
    refused = server.cli("silence", "add", "rack", "--comment", "x")
    assert refused.returncode == 2
    assert "NAME=~REGEX" in refused.stderr


def test_of_alerts_about_the_same_thing_one_is_enough(oncue_server: Server) -> None:
    server = oncue_server
    server.emit(event(resource="same-1"), event(resource="same-2"))
    one, other = alert_of(server, "same-1")["id"], alert_of(server, "same-2")["id"]
    assert "quiet: duplicate" in ran(server, "alert", "duplicate", one, "--of", other, "--reason", "two agents")
    refused = server.cli("alert", "duplicate", other, "--of", one)
    assert (refused.returncode, "alert.duplicate" in refused.stderr) == (1, True)
    assert "quiet" not in ran(server, "alert", "distinct", one)
