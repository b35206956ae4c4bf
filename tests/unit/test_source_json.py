"""Generic JSON: a mapping in CEL, its mistakes by name, and neutral events where there is none."""

from typing import Any

import pytest

from oncue.sdk.source import Refusal
from tests.sources import event, events, faults, parse, told
from tests.unit.story import START

BACKUP = {
    "job": "nightly",
    "host": "db-7",
    "code": 5,
    "env": "prod",
    "run": "r-12",
    "at": 1770000000,
    "used": 93,
    "max": 90,
}
MAPPING: dict[str, Any] = {
    "type": "'com.example.backup'",
    "id": "body.run",
    "severity": "body.code",
    "resource": "body.host",
    "check": "body.job",
    "title": "'Backup ' + body.job + ' ended with ' + string(int(body.code))",
    "time": "body.at",
    "labels": "{'env': body.env, 'agent': headers['user-agent']}",
    "value": "body.used",
    "limit": "body.max",
    "unit": "'%'",
    "link": "'https://backup.example.com/' + body.run",
}
SETTINGS: dict[str, Any] = {"mapping": MAPPING, "severities": {"5": "critical", "0": "clear"}}
AGENT = {"user-agent": "backup/2"}


def test_a_mapping_makes_the_event() -> None:
    found = event("json", BACKUP, AGENT, settings=SETTINGS, service="orders", labels={"env": "x", "site": "north"})
    assert {
        name: found[name] for name in ("type", "id", "severity", "resource", "check", "title", "time", "service")
    } == {
        "type": "com.example.backup",
        "id": "r-12",
        "severity": "critical",
        "resource": "db-7",
        "check": "nightly",
        "title": "Backup nightly ended with 5",
        "time": "2026-02-02T02:40:00Z",
        "service": "orders",
    }
    assert found["labels"] == {"env": "prod", "agent": "backup/2", "site": "north"}
    more = {"value": 93.0, "limit": 90.0, "unit": "%", "link": "https://backup.example.com/r-12"}
    assert found["data"] == {**BACKUP, **more}


def test_firing_and_recovery_are_one_alert() -> None:
    failed = BACKUP | {"at": int(START.timestamp())}
    story = told("json", failed, failed | {"run": "r-13", "code": 0}, headers=AGENT, settings=SETTINGS)
    assert [name for name in story.types() if name.startswith("alert.")] == ["alert.fired", "alert.resolved"]
    (alert,) = story.of("alert.fired")
    assert alert["crossing"]["value"] == 93.0 and alert["crossing"]["limit"] == 90.0
    assert alert["annotations"] == {"link": "https://backup.example.com/r-12"}


def test_without_a_mapping_the_payload_is_a_neutral_event() -> None:
    found = event("json", {"anything": [1, {"is": "kept"}]})
    assert found["type"] == "json.event" and "severity" not in found
    assert found["data"] == {"anything": [1, {"is": "kept"}]}
    assert told("json", {"anything": 1}).types() == []


def test_the_payload_is_kept_byte_for_byte() -> None:
    body = b'{ "a":1.50,\n"b" : "\\u00e9" }'
    assert body in parse("json", body).events[0]


def test_items_make_an_event_each_and_a_bad_one_is_refused_alone() -> None:
    body = {"alarms": [{"host": "a", "sev": "high"}, {"sev": "low"}, {"host": "c", "sev": "OK"}]}
    settings = {
        "mapping": {
            "items": "body.alarms",
            "resource": "item.host",
            "severity": "item.sev",
            "check": "'n-' + string(index)",
        }
    }
    parsed = parse("json", body, settings=settings)
    assert [(index, code) for index, code, _, _ in parsed.rejected] == [(1, "expression.failed")]
    assert "mapping.resource: item.host: there is no 'host'; guard it with has()" in parsed.rejected[0][2]
    assert parsed.indexes == [0, 2]
    found = list(events("json", {"alarms": body["alarms"][::2]}, settings=settings))
    assert [(one["resource"], one["severity"], one["check"]) for one in found] == [
        ("a", "major", "n-0"),
        ("c", "clear", "n-1"),
    ]


def test_elements_at_a_plain_path_are_kept_verbatim() -> None:
    body, settings = b'{"a": {"b": [{"y": 1.0, "x": 2}]}}', {"mapping": {"items": "body.a.b", "value": "item.x"}}
    assert b'"data":{"y": 1.0, "x": 2,"value":2.0}}' in parse("json", body, settings=settings).events[0]
    filtered = {"mapping": {"items": "body.a.b.filter(one, one.x > 1)"}}
    assert event("json", body, settings=filtered)["data"] == {"x": 2, "y": 1.0}


def test_a_batch_keeps_each_element_verbatim() -> None:
    parsed = parse("json", b'[{"x": 1.0}, {"x": 2.00}]', settings={"mapping": {"items": "body", "resource": "'r'"}})
    assert b'"data":{"x": 2.00}}' in parsed.events[1]


@pytest.mark.parametrize(
    ("said", "severity"),
    [("CRITICAL", "critical"), ("Warn", "warning"), ("5", "critical"), (5, "critical"), ("resolved", "clear"),
     ("purple", "minor"), (None, None), ("", None), (True, "minor")],
)  # fmt: skip
def test_severity_words_are_looked_up(said: Any, severity: str | None) -> None:
    settings = {"mapping": {"severity": "body.s"}, "severities": {"5": "critical"}, "unknown_severity": "minor"}
    assert event("json", {"s": said}, settings=settings).get("severity") == severity


def test_credentials_are_masked_and_hidden_from_expressions() -> None:
    body = {"password": "hunter22", "nested": {"api_key": "k-123456"}, "url": "https://a.example/?token=t-123456&x=1"}
    settings = {"mapping": {"title": "has(headers.authorization) ? 'seen' : 'hidden'"}}
    found = event("json", body, {"Authorization": "Bearer secret"}, settings=settings)
    assert found["title"] == "hidden"
    assert found["data"] == {
        "password": "********",
        "nested": {"api_key": "********"},
        "url": "https://a.example/?token=********&x=1",
    }


@pytest.mark.parametrize(
    ("mapping", "code", "detail"),
    [
        ({"items": "body.x"}, "expression.failed", "mapping.items"),
        ({"items": "'text'"}, "expression.failed", "mapping.items: gives str, not a list"),
    ],
)
def test_items_that_are_no_list_refuse_the_message(mapping: dict[str, str], code: str, detail: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse("json", {"a": 1}, settings={"mapping": mapping})
    assert refused.value.code == code and detail in refused.value.detail


@pytest.mark.parametrize(
    ("mapping", "detail"),
    [
        ({"labels": "'text'"}, "mapping.labels: gives str, not a map"),
        ({"time": "'yesterday'"}, "mapping.time: 'yesterday' is no time"),
        ({"type": "'oncue.alert.fired'"}, "oncue.alert.fired"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(mapping: dict[str, str], detail: str) -> None:
    (letter,) = parse("json", {"a": 1}, settings={"mapping": mapping}).rejected
    assert detail in letter[2]


@pytest.mark.parametrize("body", [b"", b"not json", b"\xff", b"[" * 100 + b"]" * 100, b'{"a":1e999}'])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        parse("json", body)


def test_a_manifest_that_does_not_fit_is_refused_when_it_is_applied() -> None:
    assert faults("json", SETTINGS) == []
    ((path, detail),) = faults("json", {"mapping": {"severity": "body.("}})
    assert path == "with.mapping.severity" and "line 1, column" in detail
    ((path, detail),) = faults("json", {"mapping": {"severty": "body.x"}})
    assert path == "with.mapping.severty" and "did you mean severity?" in detail
    ((path, _),) = faults("json", {"severities": {"5": "catastrophic"}})
    assert path == "with.severities.5"
    assert faults("cloudevents", {"x": 1}) != []
