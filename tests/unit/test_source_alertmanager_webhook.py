"""Alertmanager's webhook: each alert of a group, the same alert as by the API, recoveries."""

from typing import Any

import pytest

from oncue.plugins.sources.alertmanager import parse_alerts
from oncue.sdk.source import Refusal, decode_document
from tests.sources import NOW, event, events, parse, told

LABELS = {"alertname": "DiskFull", "instance": "db-1:9100", "severity": "critical", "service": "orders"}


def group(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "oncue", "groupLabels": {},
            "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am.example:9093", "alerts": list(alerts), **more}  # fmt: skip


def alert(status: str = "firing", **more: Any) -> dict[str, Any]:
    ends = "2026-03-01T11:59:00Z" if status == "resolved" else "0001-01-01T00:00:00Z"
    return {"status": status, "labels": LABELS, "annotations": {"summary": "Disk is full", "runbook_url": "https://r.example/d"},
            "startsAt": "2026-03-01T11:00:00.123456789Z", "endsAt": ends, "generatorURL": "http://p.example/graph", **more}  # fmt: skip


def test_an_alert_becomes_an_event() -> None:
    found = event("alertmanager_webhook", group(alert()))
    assert (found["severity"], found["resource"], found["check"], found["service"], found["title"]) == (
        "critical", "db-1:9100", "DiskFull", "orders", "Disk is full",
    )  # fmt: skip
    assert found["startsat"] == "2026-03-01T11:00:00.123456Z"
    assert found["labels"] == LABELS
    assert found["data"] == {**alert(), "link": "http://am.example:9093"}


def test_it_is_the_same_alert_as_by_the_api() -> None:
    parsed, _ = parse_alerts(
        b'[{"labels":{"alertname":"DiskFull","instance":"db-1:9100","severity":"critical","service":"orders"}}]', NOW
    )
    by_api = decode_document(parsed.events[0])
    found = event("alertmanager_webhook", group(alert()))
    assert (found["fingerprint"], found["resource"]) == (by_api.fingerprint, by_api.resource)


def test_a_group_fires_repeats_and_ends_one_alert_each() -> None:
    other = alert(labels={**LABELS, "instance": "db-2:9100"})
    ended = [alert("resolved"), {**other, "status": "resolved"}]
    story = told("alertmanager_webhook", group(alert(), other), group(alert(), other), group(*ended))
    assert [name for name in story.types() if name in ("alert.fired", "alert.resolved")] == [
        "alert.fired", "alert.fired", "alert.resolved", "alert.resolved",
    ]  # fmt: skip
    (fired, _) = story.of("alert.fired")
    assert fired["annotations"]["runbook"] == "https://r.example/d"


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({"status": "resolved"}, "clear"),
        ({"status": None, "endsAt": "2026-03-01T11:00:00Z"}, "clear"),
        ({"status": None, "endsAt": "2026-03-01T13:00:00Z"}, "critical"),
        ({"labels": {"alertname": "x"}}, "warning"),
        ({"labels": {"alertname": "x", "severity": "page"}}, "major"),
        ({"labels": {"alertname": "x", "severity": "ok"}}, "warning"),
    ],
)
def test_severity_and_status(more: dict[str, Any], severity: str) -> None:
    assert event("alertmanager_webhook", group(alert() | more, status=None))["severity"] == severity


def test_an_alert_without_labels_is_refused_alone() -> None:
    parsed = parse("alertmanager_webhook", group(alert(), alert(labels={}), "nonsense"))
    assert [(index, code) for index, code, _, _ in parsed.rejected] == [(1, "event.malformed"), (2, "event.malformed")]
    assert parsed.indexes == [0]


def test_an_empty_group_is_nothing() -> None:
    assert events("alertmanager_webhook", group()) == []


def test_other_json_is_a_neutral_event_and_anything_else_is_refused() -> None:
    found = event("alertmanager_webhook", {"hello": "there"})
    assert found["type"] == "alertmanager.unknown" and "severity" not in found
    for body in (b"hello", b"17", b'"text"', b"null"):
        with pytest.raises(Refusal):
            parse("alertmanager_webhook", body)
