"""Zabbix: its macros as they come, problems, updates and recoveries of one trigger as one alert."""

from typing import Any

import pytest

from tests.sources import event, told

PROBLEM = {
    "event_id": "10528", "event_value": "1", "status": "PROBLEM", "severity": "High", "trigger_id": "14032", "host": "web-1",
    "trigger": "Load is too high", "name": "Load is too high (5.2)", "time": "2026.03.01 11:58:00", "item": "system.cpu.load",
    "item_value": "5.2", "tags": '[{"tag":"service","value":"shop"},{"tag":"scope"}]', "url": "https://z.example/e?eventid=10528",
    "update_action": "",
}  # fmt: skip
RECOVERY = PROBLEM | {"event_value": "0", "status": "RESOLVED", "name": "Load is too high (5.2)"}


def test_a_problem() -> None:
    found = event("zabbix", PROBLEM)
    assert {
        name: found[name]
        for name in ("type", "id", "severity", "resource", "check", "fingerprint", "title", "startsat")
    } == {
        "type": "zabbix.problem",
        "id": "10528/problem",
        "severity": "major",
        "resource": "web-1",
        "check": "Load is too high",
        "fingerprint": "zabbix:14032:web-1",
        "title": "Load is too high (5.2)",
        "startsat": "2026-03-01T11:58:00Z",
    }
    assert found["labels"] == {"service": "shop", "scope": "true"}
    assert (found["data"]["value"], found["data"]["metric"], found["data"]["link"]) == (
        5.2,
        "system.cpu.load",
        PROBLEM["url"],
    )


def test_a_retry_counts_once_and_an_update_for_itself() -> None:
    assert event("zabbix", PROBLEM)["id"] == event("zabbix", PROBLEM)["id"]
    update = PROBLEM | {"update_action": "acknowledged"}
    assert event("zabbix", update)["type"] == "zabbix.update"
    assert event("zabbix", update)["id"] != event("zabbix", update)["id"]


def test_a_problem_is_updated_and_ends() -> None:
    story = told("zabbix", PROBLEM, PROBLEM | {"severity": "Disaster", "update_action": "severity changed"}, RECOVERY)
    assert [name for name in story.types() if name.startswith("alert.")] == [
        "alert.fired", "alert.severity_changed", "alert.resolved",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "severity"),
    [("Not classified", "info"), ("Information", "info"), ("Warning", "warning"), ("Average", "minor"), ("High", "major"),
     ("Disaster", "critical"), ("5", "critical"), ("0", "info"), ("{EVENT.SEVERITY}", "warning"), ("Ärger", "warning")],
)  # fmt: skip
def test_severities(said: str, severity: str) -> None:
    assert event("zabbix", PROBLEM | {"severity": said})["severity"] == severity


@pytest.mark.parametrize(
    ("change", "recovered"),
    [
        ({"event_value": "0"}, True),
        ({"status": "OK"}, True),
        ({"status": "RESOLVED"}, True),
        ({"event_value": "{EVENT.VALUE}"}, False),
    ],
)
def test_recoveries(change: dict[str, Any], recovered: bool) -> None:
    assert (event("zabbix", PROBLEM | change)["severity"] == "clear") is recovered


def test_scripts_that_call_things_otherwise_are_understood() -> None:
    found = event("zabbix", {"hostname": "www-1", "severity": "Average", "status": "PROBLEM", "trigger": "Agent is down",
                             "link": "https://z.example/tr_events.php?triggerid=1&eventid=2"})  # fmt: skip
    assert (found["resource"], found["fingerprint"], found["id"]) == ("www-1", "zabbix:1:www-1", "2/problem")


def test_unfilled_macros_and_other_json_are_neutral() -> None:
    for body in ({"trigger": "{TRIGGER.NAME}", "status": "{EVENT.STATUS}"}, {"x": 1}, [1, 2], []):
        found = event("zabbix", body)
        assert found["type"] == "zabbix.unknown" and "severity" not in found
