"""OTLP logs: JSON and protobuf are the same records, errors are alerts that lapse, answers are OTLP's."""

import struct
from typing import Any

import pytest

from oncue.sdk import registry
from oncue.sdk.source import Answering, Refusal
from tests.sources import event, events, faults, message, parse, told

PROTOBUF = {"content-type": "application/x-protobuf"}


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def export(number: int = 17, nanos: int = 1772366400123456789, **more: Any) -> dict[str, Any]:
    record = {
        "timeUnixNano": str(nanos), "severityNumber": number, "severityText": "ERROR", "body": {"stringValue": "Cannot pay\n at line 1"},
        "attributes": [attribute("exception.type", stringValue="PaymentError"), attribute("tries", intValue="3"),
                       attribute("deep", kvlistValue={"values": [attribute("a", arrayValue={"values": [{"boolValue": True}, {"doubleValue": 1.5}]})]})],
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", **more,
    }  # fmt: skip
    resource = {
        "attributes": [attribute("service.name", stringValue="shop"), attribute("host.name", stringValue="web-1")]
    }
    return {
        "resourceLogs": [{"resource": resource, "scopeLogs": [{"scope": {"name": "payments"}, "logRecords": [record]}]}]
    }


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def protobuf(number: int = 17) -> bytes:
    """The same export as protobuf, as the specification's messages are numbered."""
    inner = field(1, varint(2 << 3 | 0) + b"\1") + field(1, varint(4 << 3 | 1) + struct.pack("<d", 1.5))
    deep = field(6, field(1, field(1, "a") + field(2, field(5, inner))))
    attributes = [
        field(1, "exception.type") + field(2, field(1, "PaymentError")),
        field(1, "tries") + field(2, varint(3 << 3) + varint(3)),
        field(1, "deep") + field(2, deep),
    ]
    record = (
        varint(1 << 3 | 1)
        + struct.pack("<Q", 1772366400123456789)
        + varint(2 << 3)
        + varint(number)
        + field(3, "ERROR")
    )
    record += field(5, field(1, "Cannot pay\n at line 1")) + b"".join(field(6, one) for one in attributes)
    record += field(9, bytes.fromhex("5b8efff798038103d269b633813fc60c")) + field(10, bytes.fromhex("eee19b7ec3c1b174"))
    resource = b"".join(
        field(1, field(1, key) + field(2, field(1, value)))
        for key, value in (("service.name", "shop"), ("host.name", "web-1"))
    )
    return field(1, field(1, resource) + field(2, field(1, field(1, "payments")) + field(2, record)))


def test_an_error() -> None:
    found = event("otlp_logs", export())
    assert {
        name: found[name]
        for name in ("type", "severity", "resource", "service", "check", "title", "time", "endsat", "traceparent")
    } == {
        "type": "otlp.log",
        "severity": "major",
        "resource": "web-1",
        "service": "shop",
        "check": "PaymentError",
        "title": "Cannot pay",
        "time": "2026-03-01T12:00:00.123456Z",
        "endsat": "2026-03-01T12:15:00Z",
        "traceparent": "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01",
    }
    assert found["data"]["values"] == {"exception.type": "PaymentError", "tries": 3, "deep": {"a": [True, 1.5]}}
    assert found["data"]["resource"] == {"service.name": "shop", "host.name": "web-1"}
    assert found["data"]["message"] == "Cannot pay\n at line 1"


def test_protobuf_is_the_same_record() -> None:
    by_json, by_protobuf = event("otlp_logs", export()), event("otlp_logs", protobuf(), PROTOBUF)
    changed = {name for name in by_json if by_json[name] != by_protobuf[name]}
    assert changed == {"id"} or changed == set()
    assert by_protobuf["data"]["values"] == by_json["data"]["values"]


def test_a_retried_export_counts_once() -> None:
    assert event("otlp_logs", export())["id"] == event("otlp_logs", export())["id"]
    assert event("otlp_logs", export())["id"] != event("otlp_logs", export(nanos=1772366400123456790))["id"]


@pytest.mark.parametrize(
    ("number", "alert_from", "severity"),
    [(0, "major", "major"), (5, "warning", None), (9, "warning", None), (13, "major", None), (13, "warning", "warning"), (17, "major", "major"),
     (20, "critical", None), (21, "critical", "critical"), (24, "major", "critical"), ("SEVERITY_NUMBER_ERROR2", "major", "major")],
)  # fmt: skip
def test_severities(number: Any, alert_from: str, severity: str | None) -> None:
    assert event("otlp_logs", export(number), settings={"alert_from": alert_from}).get("severity") == severity


def test_an_alert_lapses() -> None:
    story = told("otlp_logs", export())
    story.wait("1d")
    assert "alert.fired" in story.types() and "alert.resolved" in story.types()


def test_events_have_their_name_as_type() -> None:
    assert event("otlp_logs", export(9, eventName="shop.sold"))["type"] == "shop.sold"
    assert event("otlp_logs", export(9, eventName="oncue.alert.fired"))["type"] == "otlp.log"


def test_answers_are_otlps() -> None:
    source = registry.source("otlp_logs")
    assert isinstance(source, Answering)
    assert source.answer(message(export()), 1, 0, []).body == b"{}"
    assert source.answer(message(protobuf(), PROTOBUF), 1, 0, []).body == b""
    refused = [(0, "event.too_large", "big")]
    assert b'"rejectedLogRecords":"1"' in source.answer(message(export()), 0, 0, refused).body
    assert source.answer(message(protobuf(), PROTOBUF), 0, 0, refused).body == field(
        1, b"\x08\x01" + field(2, "event.too_large: big")
    )


@pytest.mark.parametrize("body", [b"\x0a", b"\x0a\x05", b"\x0b", b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f"])
def test_broken_protobuf_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal):
        parse("otlp_logs", body, PROTOBUF)


def test_nesting_without_end_is_refused() -> None:
    body = b""
    for _ in range(100):
        body = field(5, field(1, body))
    record = field(5, body)
    with pytest.raises(Refusal, match="too_deep"):
        parse("otlp_logs", field(1, field(2, field(2, record))), PROTOBUF)


def test_an_empty_export_is_nothing_and_other_signals_are_neutral() -> None:
    assert events("otlp_logs", {"resourceLogs": []}) == []
    assert events("otlp_logs", b"", PROTOBUF) == []
    assert event("otlp_logs", {"resourceSpans": []})["type"] == "otlp.unknown"
    assert faults("otlp_logs", {"alert_from": "loud"}) != []
