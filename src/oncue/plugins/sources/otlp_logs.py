"""OTLP/HTTP logs: log records of OpenTelemetry exporters and collectors, as JSON or protobuf.

| event | from each log record |
|---|---|
| `type` | `otlp.log`, or its event name |
| `severity` | severity number: 1 to 12 none, 13 to 16 `warning`, 17 to 20 `major`, 21 to 24 `critical`; none below `alert_from` |
| `resource` | the first of the resource attributes `host.name`, `k8s.pod.name`, ..., `service.name` |
| `service` | resource attribute `service.name` |
| `check` | event name, attribute `exception.type`, the scope's name, else `log` |
| `id` | a hash of the record, so that an export that is sent again counts once |
| `title` | the body's first line |
| `labels` | resource attributes that are single values; `severity_text`, `scope` |
| `traceparent` | trace and span |
| `endsat` | `expire_after` from now: a log does not say that it is over |
| `data` | the record (protobuf: in OTLP's JSON form), and behind it `message`, `resource`, `values`, `scope` as plain maps |

Bodies may be compressed, as exporters do by default (gzip). Answers are OTLP's, with `partial_success`.
Source: OpenTelemetry protocol specification 1.x, opentelemetry/proto/logs/v1.
"""

import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec

from oncue.plugins.sources.envelope import (
    Wrapping,
    decoded,
    encode,
    first,
    first_line,
    fitted,
    instant,
    line,
    listing,
    mapping,
    media_type,
    unknown,
)
from oncue.sdk.source import BATCH_LIMIT, Duration, Message, Parsed, Refusal, Reply, seconds

PROTOBUF: Final = ("application/x-protobuf", "application/protobuf")
RESOURCES: Final = (
    "host.name", "k8s.pod.name", "k8s.node.name", "container.name", "service.instance.id", "host.id", "service.name",
)  # fmt: skip
RANKED: Final = ("warning", "major", "critical")
DEPTH_LIMIT: Final = 24
"""Messages inside messages."""
VALUES_LIMIT: Final = 256
"""Attributes of one record, scope or resource that are read."""


class OtlpLogsSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which records are problems."""

    alert_from: Literal["warning", "major", "critical"] = "major"
    """From which severity a record makes an alert; milder ones are neutral."""
    expire_after: Duration = "15m"
    """An alert that no record repeats for so long is over."""


class OtlpLogsSource:
    """An `otlphttp` exporter of logs, with a token in its headers."""

    name = "otlp_logs"
    settings = OtlpLogsSettings

    def parse(self, message: Message) -> Parsed:
        """The records. Raises `Refusal`: request.malformed, request.too_large."""
        settings = fitted(message, OtlpLogsSettings)
        if media_type(message.headers) in PROTOBUF:
            body: Any = _message(message.body, REQUEST, 0)
        else:
            body = decoded(message.body)
            if not isinstance(mapping(body).get("resourceLogs", mapping(body).get("resource_logs")), list):
                return unknown(message, body, "otlp")
        wrapping = Wrapping(message)
        index = 0
        for group in _part(body, "resourceLogs"):
            resource = _plain(mapping(mapping(group).get("resource")).get("attributes"))
            for scoped in _part(mapping(group), "scopeLogs"):
                scope = line(mapping(mapping(scoped).get("scope")).get("name"))
                for record in _part(mapping(scoped), "logRecords"):
                    if index >= BATCH_LIMIT:
                        raise Refusal("request.too_large", f"more than {BATCH_LIMIT} records in one message")
                    _add(wrapping, message, settings, index, mapping(record), resource, scope)
                    index += 1
        return wrapping.parsed()

    def answer(self, message: Message, accepted: int, duplicates: int, rejected: list[tuple[int, str, str]]) -> Reply:
        """ExportLogsServiceResponse, in the form of the request."""
        text = f"{rejected[0][1]}: {rejected[0][2]}"[:500] if rejected else ""
        if media_type(message.headers) in PROTOBUF:
            inner = b""
            if rejected:
                said = text.encode()
                inner = b"\x08" + _varint(len(rejected)) + b"\x12" + _varint(len(said)) + said
                inner = b"\x0a" + _varint(len(inner)) + inner
            return Reply(status=200, body=inner, content_type=PROTOBUF[0])
        partial = (
            {"partialSuccess": {"rejectedLogRecords": str(len(rejected)), "errorMessage": text}} if rejected else {}
        )
        return Reply(status=200, body=encode(partial), content_type="application/json")


def _part(said: Any, name: str) -> list[Any]:
    """A repeated field, by its JSON name or, as some senders write it, its protobuf name."""
    fields = mapping(said)
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return listing(fields.get(name, fields.get(snake)))


def _field(record: dict[str, Any], name: str) -> Any:
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return record.get(name, record.get(snake))


def _add(
    wrapping: Wrapping,
    message: Message,
    settings: OtlpLogsSettings,
    index: int,
    record: dict[str, Any],
    resource: dict[str, Any],
    scope: str | None,
) -> None:
    values = _plain(record.get("attributes"))
    body = _value(record.get("body"), 0)
    told = body if isinstance(body, str) else encode(body).decode() if body not in (None, {}, []) else None
    raw = encode(record)
    name = first(_field(record, "eventName"), values.get("event.name"))
    severity = _severity(_field(record, "severityNumber"), line(_field(record, "severityText")))
    if severity is not None and RANKED.index(severity) < RANKED.index(settings.alert_from):
        severity = None
    at = instant(_field(record, "timeUnixNano")) or instant(_field(record, "observedTimeUnixNano"))
    wrapping.add(
        raw,
        index=index,
        type=name if name and not name.startswith("oncue.") else "otlp.log",
        id=sha256(raw + encode(resource)).hexdigest() if at is not None else None,
        severity=severity,
        resource=first(*(resource.get(attribute) for attribute in RESOURCES)) or message.name,
        service=resource.get("service.name"),
        check=first(name, values.get("exception.type"), scope) or "log",
        title=first_line(first_line(told) or first(values.get("exception.message"), name)),
        labels={
            **resource,
            "severity_text": _field(record, "severityText"),
            "scope": scope,
        },
        time=at,
        ends_at=message.now + timedelta(seconds=seconds(settings.expire_after)) if severity is not None else None,
        traceparent=_traceparent(_field(record, "traceId"), _field(record, "spanId")),
        more={"message": told, "resource": resource, "values": values, "scope": scope},
    )


def _severity(number: Any, text: str | None) -> str | None:
    if isinstance(number, str):  # ProtoJSON may name the value: SEVERITY_NUMBER_ERROR2
        text, number = number.upper().removeprefix("SEVERITY_NUMBER_").rstrip("234"), 0
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        return {
            "WARN": "warning",
            "WARNING": "warning",
            "ERROR": "major",
            "FATAL": "critical",
            "CRITICAL": "critical",
        }.get((text or "").upper())
    return None if number < 13 else "warning" if number < 17 else "major" if number < 21 else "critical"


def _traceparent(trace: Any, span: Any) -> str | None:
    if not (isinstance(trace, str) and isinstance(span, str) and len(trace) == 32 and len(span) == 16):
        return None
    text = f"00-{trace}-{span}-01".lower()
    return text if all(letter in "0123456789abcdef-" for letter in text) and set(trace) != {"0"} else None


def _plain(attributes: Any) -> dict[str, Any]:
    """Key-value pairs as a map."""
    pairs = [mapping(one) for one in listing(attributes)[:VALUES_LIMIT]]
    return {key: _value(one.get("value"), 0) for one in pairs if isinstance(key := one.get("key"), str) and key}


def _value(value: Any, depth: int) -> Any:
    """An AnyValue as a plain one."""
    said = mapping(value)
    if not said or depth > DEPTH_LIMIT:
        return None
    kind, inner = next(iter(said.items()))
    match kind:
        case "stringValue" | "boolValue" | "doubleValue" | "bytesValue" | "string_value" | "bool_value":
            return inner
        case "intValue" | "int_value":
            text = line(inner) or ""
            return int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else inner
        case "arrayValue" | "array_value":
            return [_value(one, depth + 1) for one in listing(mapping(inner).get("values"))[:VALUES_LIMIT]]
        case "kvlistValue" | "kvlist_value":
            pairs = [mapping(one) for one in listing(mapping(inner).get("values"))[:VALUES_LIMIT]]
            return {
                key: _value(one.get("value"), depth + 1)
                for one in pairs
                if isinstance(key := one.get("key"), str) and key
            }
        case _:
            return None


# Protobuf: the few messages of the request, into their JSON form

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5

Read = Callable[[Any], Any]


class _Field(msgspec.Struct, frozen=True):
    name: str
    wire: int
    read: Read | None = None
    """From the wire's value; None for a message of the schema `inner`."""
    inner: "Schema | Callable[[], Schema] | None" = None
    repeated: bool = False


Schema = dict[int, _Field]


def _text(raw: Any) -> str:
    return bytes(raw).decode("utf-8", "replace")


def _hex(raw: Any) -> str:
    return bytes(raw).hex()


def _base64(raw: Any) -> str:
    return b64encode(raw).decode()


def _signed(value: Any) -> str:
    return str(value - 2**64 if value >= 2**63 else value)


def _double(value: Any) -> float | str:
    found: float = struct.unpack("<d", struct.pack("<Q", value))[0]
    return found if abs(found) < float("inf") else "Infinity" if found > 0 else "-Infinity" if found < 0 else "NaN"


def _any_value() -> Schema:
    return ANY_VALUE


def _key_value() -> Schema:
    return KEY_VALUE


KEY_VALUE: Final[Schema] = {1: _Field("key", _LEN, _text), 2: _Field("value", _LEN, inner=_any_value)}
ANY_VALUE: Final[Schema] = {
    1: _Field("stringValue", _LEN, _text),
    2: _Field("boolValue", _VARINT, bool),
    3: _Field("intValue", _VARINT, _signed),
    4: _Field("doubleValue", _I64, _double),
    5: _Field("arrayValue", _LEN, inner={1: _Field("values", _LEN, inner=_any_value, repeated=True)}),
    6: _Field("kvlistValue", _LEN, inner={1: _Field("values", _LEN, inner=_key_value, repeated=True)}),
    7: _Field("bytesValue", _LEN, _base64),
}
_ATTRIBUTES: Final = _Field("attributes", _LEN, inner=KEY_VALUE, repeated=True)
LOG_RECORD: Final[Schema] = {
    1: _Field("timeUnixNano", _I64, str),
    2: _Field("severityNumber", _VARINT, int),
    3: _Field("severityText", _LEN, _text),
    5: _Field("body", _LEN, inner=ANY_VALUE),
    6: _ATTRIBUTES,
    7: _Field("droppedAttributesCount", _VARINT, int),
    8: _Field("flags", _I32, int),
    9: _Field("traceId", _LEN, _hex),
    10: _Field("spanId", _LEN, _hex),
    11: _Field("observedTimeUnixNano", _I64, str),
    12: _Field("eventName", _LEN, _text),
}
SCOPE: Final[Schema] = {1: _Field("name", _LEN, _text), 2: _Field("version", _LEN, _text), 3: _ATTRIBUTES}
SCOPE_LOGS: Final[Schema] = {
    1: _Field("scope", _LEN, inner=SCOPE),
    2: _Field("logRecords", _LEN, inner=LOG_RECORD, repeated=True),
    3: _Field("schemaUrl", _LEN, _text),
}
RESOURCE_LOGS: Final[Schema] = {
    1: _Field("resource", _LEN, inner={1: _ATTRIBUTES}),
    2: _Field("scopeLogs", _LEN, inner=SCOPE_LOGS, repeated=True),
    3: _Field("schemaUrl", _LEN, _text),
}
REQUEST: Final[Schema] = {1: _Field("resourceLogs", _LEN, inner=RESOURCE_LOGS, repeated=True)}


def _message(raw: bytes, schema: Schema, depth: int) -> dict[str, Any]:
    """A protobuf message as its JSON form. Raises `Refusal`: request.malformed, event.too_deep."""
    if depth > DEPTH_LIMIT:
        raise Refusal("event.too_deep", f"more than {DEPTH_LIMIT} messages in one another")
    found: dict[str, Any] = {}
    for number, wire, value in _wire(raw):
        field = schema.get(number)
        if field is None or field.wire != wire:
            continue
        if field.read is not None:
            entry: Any = field.read(value)
        else:
            inner = field.inner() if callable(field.inner) else field.inner
            entry = _message(value, inner or {}, depth + 1)
        if field.repeated:
            found.setdefault(field.name, []).append(entry)
        else:
            found[field.name] = entry
    return found


def _wire(raw: bytes) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: number, wire type, value."""
    at, end = 0, len(raw)
    while at < end:
        key, at = _read_varint(raw, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value: Any
            value, at = _read_varint(raw, at)
            yield number, wire, value
            continue
        if wire in (_I64, _I32):
            size = 8 if wire == _I64 else 4
        elif wire == _LEN:
            size, at = _read_varint(raw, at)
        else:
            raise Refusal("request.malformed", f"not protobuf: wire type {wire}")
        if number == 0 or at + size > end:
            raise Refusal("request.malformed", "not protobuf of this form: it ends too early")
        piece = raw[at : at + size]
        at += size
        yield number, wire, piece if wire == _LEN else int.from_bytes(piece, "little")


def _read_varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(raw) or shift > 63:
            raise Refusal("request.malformed", "not protobuf: a number does not end")
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
