"""The CloudEvents codec: which documents are events, what becomes of each HTTP mode, and what is said of the others."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from oncue.core import event as events
from oncue.core.errors import CODES
from oncue.plugins.sources import cloudevents
from oncue.plugins.sources.cloudevents import CloudEventsSource, parse, parse_batch, parse_binary, parse_structured
from oncue.sdk.source import BATCH_LIMIT, EVENT_LIMIT, Message, Refusal

MINIMAL: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/test", "type": "test.happened"}


def body(**more: Any) -> bytes:
    return json.dumps({**MINIMAL, **more}).encode()


def refusal_of(document: bytes) -> tuple[str, str]:
    parsed = parse_structured(document)
    assert parsed.events == []
    assert parsed.outlines == []
    ((index, code, detail, kept),) = parsed.rejected
    assert index == 0
    assert code in CODES
    assert kept == document[:EVENT_LIMIT]
    return code, detail


VALID: dict[str, dict[str, Any]] = {
    "minimal": {},
    "null optional attributes": {"subject": None, "time": None, "datacontenttype": None, "dataschema": None},
    "null operational attributes": {"severity": None, "labels": None, "namespace": None, "startsat": None},
    "every operational attribute": {
        "severity": "critical", "resource": "db-1", "service": "orders", "namespace": "team-a", "check": "disk",
        "fingerprint": "f", "title": "Disk full", "labels": '{"env":"prod"}', "startsat": "2026-01-01T00:00:00Z",
        "endsat": "2026-01-01T01:00:00+01:00", "causationid": "c", "correlationid": "r", "traceparent": "00-a-b-01",
    },
    "unknown extensions of the three types": {"sequence": "7", "sampled": True, "priority": -2147483648},
    "empty unknown extension": {"note": ""},
    "nanoseconds": {"time": "2018-04-05T17:31:00.000000001Z"},
    "offset": {"time": "2018-04-05T18:31:00-01:00"},
    "lower-case time": {"time": "2018-04-05t18:31:00z"},
    "relative source": {"source": "#fragment"},
    "percent in source": {"source": "/a%20b?c=[d]"},
    "source beyond ASCII": {"source": "urn:büro:1"},
    "text data": {"datacontenttype": "text/plain", "data": "Simple text"},
    "null data": {"data": None},
    "data beyond int64": {"data": {"n": 123456789012345678901234567890}},
    "data with control characters": {"data": {"text": "a\x00\x07\x9f"}},
    "binary data": {"data_base64": "TWE="},
    "null data beside binary data": {"data": None, "data_base64": "TWE="},
    "media type with parameters": {"datacontenttype": 'application/json; charset="utf-8"'},
    "text beyond ASCII": {"subject": "Zürich \u200b 東京 🚨", "title": "Überlast"},
    "64 levels": {"data": json.loads("[" * 63 + "]" * 63)},
    "many shallow objects": {"data": [{"a": [1]} for _ in range(100)]},
    "brackets in strings": {"data": "[" * 500 + '"\\' + "{" * 500},
    "64 labels": {"labels": json.dumps({f"l{n}": "v" for n in range(64)})},
    "no labels": {"labels": "{}"},
}  # fmt: skip


@pytest.mark.parametrize("more", VALID.values(), ids=VALID.keys())
def test_a_valid_event_is_kept_byte_for_byte(more: dict[str, Any]) -> None:
    document = body(**more)
    parsed = parse_structured(document)
    assert parsed.rejected == []
    assert parsed.events == [document]
    assert [outline.namespace for outline in parsed.outlines] == [more.get("namespace")]
    assert events.decode(document).id == "1"


INVALID: dict[str, tuple[dict[str, Any], str, str]] = {
    "number as id": ({"id": 25}, "event.malformed", "id: must be a string, not an integer"),
    "object as id": ({"id": {"a": "b"}}, "event.malformed", "id: must be a string, not an object"),
    "null id": ({"id": None}, "event.malformed", "id is missing"),
    "empty id": ({"id": ""}, "event.malformed", "id: must not be empty"),
    "long id": ({"id": "x" * 2049}, "event.malformed", "id: 2049 characters, the limit is 2048"),
    "newline in id": ({"id": "a\nb"}, "event.malformed", "id: control characters"),
    "noncharacter in id": ({"id": "a\uffff"}, "event.malformed", "id: control characters"),
    "newline in title": ({"title": "a\nb"}, "event.malformed", "title: control characters"),
    "C1 control in fingerprint": ({"fingerprint": "a\x85"}, "event.malformed", "fingerprint: control characters"),
    "control in type": ({"type": "a\x7f"}, "event.malformed", "type: control characters"),
    "control in trace": ({"traceparent": "a\x00"}, "event.malformed", "traceparent: control characters"),
    "control in unknown": ({"mine": "a\x00"}, "event.malformed", "mine: control characters"),
    "old version": ({"specversion": "0.3"}, "event.malformed", "specversion: 1.0 is taken here, not '0.3'"),
    "number as version": ({"specversion": 1.0}, "event.malformed", "specversion: must be a string"),
    "space in source": ({"source": "a b"}, "event.malformed", "source: must be a URI reference"),
    "broken escape in source": ({"source": "/%zz"}, "event.malformed", "source: must be a URI reference"),
    "relative schema": ({"dataschema": "x"}, "event.malformed", "dataschema: must be an absolute URI"),
    "media type": ({"datacontenttype": "json"}, "event.malformed", "datacontenttype: must be a media type"),
    "time without offset": ({"time": "2018-04-05T18:31:00"}, "event.malformed", "time: must be an RFC 3339"),
    "offset without colon": ({"time": "2018-04-05T18:31:00+0100"}, "event.malformed", "time: must be an RFC 3339"),
    "zero offset without colon": ({"time": "2018-04-05T18:31:00+0000"}, "event.malformed", "time: must be an RFC 3339"),
    "hour 25": ({"time": "2018-04-05T25:31:00Z"}, "event.malformed", "time: there is no such instant"),
    "before year 1": ({"time": "0001-01-01T00:00:00+05:00"}, "event.malformed", "time: there is no such instant"),
    "after year 9999": ({"endsat": "9999-12-31T23:59:59-05:00"}, "event.malformed", "endsat: there is no such instant"),
    "number as time": ({"time": 1522952000}, "event.malformed", "time: must be a string, not an integer"),
    "severity": ({"severity": "CRITICAL"}, "event.malformed", "severity: one of clear, info, warning"),
    "number as severity": ({"severity": 5}, "event.malformed", "severity: must be a string"),
    "empty resource": ({"resource": ""}, "event.malformed", "resource: must not be empty"),
    "namespace": ({"namespace": "Team A"}, "event.malformed", "namespace: must be lower-case"),
    "capital in name": ({"MyExtension": "x"}, "event.malformed", "'MyExtension': attribute names"),
    "underscore in name": ({"my_extension": "x"}, "event.malformed", "'my_extension': attribute names"),
    "empty name": ({"": "x"}, "event.malformed", "'': attribute names"),
    "fraction as extension": ({"mine": 1.5}, "event.malformed", "mine: must be a string, an integer or a boolean"),
    "array as extension": ({"mine": []}, "event.malformed", "mine: must be a string, an integer or a boolean"),
    "33 bits": ({"mine": 2**31}, "event.malformed", "mine: an integer attribute has 32 bits"),
    "two payloads": ({"data": 1, "data_base64": "TWE="}, "event.malformed", "data and data_base64 exclude each other"),
    "no base64": ({"data_base64": "T-E="}, "event.malformed", "data_base64"),
    "object as base64": ({"data_base64": {}}, "event.malformed", "data_base64: must be a string"),
    "reserved type": ({"type": "oncue.command.run.start"}, "event.type_reserved", "type: 'oncue.command.run.start'"),
    "object as labels": ({"labels": {"a": "b"}}, "event.labels_invalid", "labels: must be a string, not an object"),
    "text as labels": ({"labels": "a=b"}, "event.labels_invalid", "labels: "),
    "number as label": ({"labels": '{"a":1}'}, "event.labels_invalid", "labels: "),
    "65 labels": ({"labels": json.dumps({str(n): "" for n in range(65)})}, "event.labels_invalid", "labels: 65 labels"),
    "nameless label": ({"labels": '{"":"a"}'}, "event.labels_invalid", "labels: a label needs a name"),
    "NUL in label": ({"labels": '{"a":"\\u0000"}'}, "event.labels_invalid", "labels: NUL"),
    "large labels": ({"labels": json.dumps({"a": "b" * 17000})}, "event.labels_invalid", "labels: 17009 characters"),
    "65 levels": ({"data": json.loads("[" * 64 + "]" * 64)}, "event.too_deep", "more than 64 levels"),
    "huge": ({"data": "x" * EVENT_LIMIT}, "event.too_large", "the limit is 262144"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "code", "detail"), INVALID.values(), ids=INVALID.keys())
def test_an_invalid_event_is_refused_by_name(more: dict[str, Any], code: str, detail: str) -> None:
    found, said = refusal_of(body(**more))
    assert found == code
    assert said.startswith(detail) or detail in said


@pytest.mark.parametrize("name", ["id", "source", "type", "specversion"])
def test_each_required_attribute_is_missed(name: str) -> None:
    event = {key: value for key, value in MINIMAL.items() if key != name}
    assert refusal_of(json.dumps(event).encode()) == ("event.malformed", f"{name} is missing")


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "event.malformed"),
    "not JSON": (b"hello", "event.malformed"),
    "cut off": (body()[:-1], "event.malformed"),
    "two documents": (body() + body(), "event.malformed"),
    "array": (b"[1]", "event.malformed"),
    "string": (b'"x"', "event.malformed"),
    "byte order mark": (b"\xef\xbb\xbf" + body(), "event.malformed"),
    "not UTF-8 in data": (body(data="X").replace(b"X", b"\xff"), "event.malformed"),
    "not UTF-8 in an extension": (body(mine="X").replace(b"X", b"\xff"), "event.malformed"),
    "UTF-16": (body().decode().encode("utf-16"), "event.malformed"),
    "lone surrogate in id": (body(id="X").replace(b"X", b"\\ud800"), "event.malformed"),
    "lone surrogate in data": (body(data="X").replace(b"X", b"\\ud800"), "event.malformed"),
    "raw control character": (body(id="X").replace(b"X", b"\x01"), "event.malformed"),
    "number out of range in data": (body(data=1).replace(b'"data": 1', b'"data": 1e999'), "event.malformed"),
    "number out of range in an extension": (body(mine=1).replace(b'"mine": 1', b'"mine": 1e999'), "event.malformed"),
    "NaN": (body(data=1).replace(b'"data": 1', b'"data": NaN'), "event.malformed"),
    "a hundred thousand levels": (b"[" * 100_000, "event.too_deep"),
    "an integer of a million digits": (body(data=1).replace(b": 1}", b": " + b"1" * 1_000_000 + b"}"), "event.too_large"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "code"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_event_at_all_is_refused(document: bytes, code: str) -> None:
    assert refusal_of(document)[0] == code


@pytest.mark.parametrize("name", ["title", "labels", "startsat", "time", "service", "traceparent"])
def test_a_name_that_stands_twice_must_be_of_its_type_each_time(name: str) -> None:
    last = {"labels": "{}", "startsat": "2026-01-31T23:59:00Z", "time": "2026-01-31T23:59:00Z"}.get(name, "x")
    document = f'{{"specversion":"1.0","id":"a","source":"/x","type":"t","{name}":5,"{name}":"{last}"}}'.encode()
    code, detail = refusal_of(document)
    assert code == "event.malformed"
    assert "stands twice" in detail
    harmless = document.replace(b"5,", b"null,")
    assert parse_structured(harmless).events == [harmless]
    events.decode(harmless)


def test_an_error_says_nothing_that_a_terminal_acts_on() -> None:
    _, detail = refusal_of(body(severity="\x1b[31m" + "x" * 1000))
    assert detail.isprintable()
    assert len(detail) < 200


def test_a_batch_keeps_the_valid_members_and_names_the_others() -> None:
    members = [body(id="a"), body(id=""), body(id="b", namespace="team-a"), b'"text"', body(type="oncue.x")]
    parsed = parse_batch(b" [ " + b" , ".join(members) + b" ] ")
    assert parsed.events == [members[0], members[2]]
    assert [outline.namespace for outline in parsed.outlines] == [None, "team-a"]
    assert [parsed.index(number) for number in range(2)] == [0, 2]
    assert [(index, code) for index, code, _, _ in parsed.rejected] == [
        (1, "event.malformed"),
        (3, "event.malformed"),
        (4, "event.type_reserved"),
    ]
    assert [kept for *_, kept in parsed.rejected] == [members[1], members[3], members[4]]


def test_an_empty_batch_is_valid() -> None:
    assert parse_batch(b"[]").events == []


def test_a_member_that_is_not_utf8_leaves_the_others_alone() -> None:
    broken = body(data="X").replace(b"X", b"\xff")
    parsed = parse_batch(b"[" + body() + b"," + broken + b"]")
    assert parsed.events == [body()]
    assert parsed.rejected[0][:2] == (1, "event.malformed")


def test_a_member_nested_without_end_leaves_the_others_alone() -> None:
    deep = body(data="X").replace(b'"X"', b"[" * 50_000 + b'"],{"' + b"]" * 50_000)
    parsed = parse_batch(b"[" + body(id="a") + b",\n" + deep + b" ," + body(id="b") + b"]")
    assert parsed.events == [body(id="a"), body(id="b")]
    assert [(index, code) for index, code, *_ in parsed.rejected] == [(1, "event.too_deep")]


@pytest.mark.parametrize("text", [b"", b"{}", body(), b"[" + body(), b"[{]", b"nope", b"[" * 50_000, b"[1]]", b"[\xff"])
def test_a_batch_that_cannot_be_read_is_refused_as_a_whole(text: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse_batch(text)
    assert refused.value.code == "request.malformed"


def test_a_batch_has_a_bound() -> None:
    with pytest.raises(Refusal) as refused:
        parse_batch(b"[" + b",".join([b"{}"] * (BATCH_LIMIT + 1)) + b"]")
    assert refused.value.code == "request.too_large"


# Binary mode

HEADERS = [(b"ce-specversion", b"1.0"), (b"ce-id", b"1"), (b"ce-source", b"/test"), (b"ce-type", b"test.happened")]


def binary(payload: bytes, *more: tuple[bytes, bytes]) -> dict[str, Any]:
    parsed = parse_binary([*HEADERS, *more], payload)
    assert parsed.rejected == []
    document: dict[str, Any] = json.loads(parsed.events[0])
    return document


def test_a_json_body_is_embedded_verbatim() -> None:
    payload = b' {"a": 1.50, "b":[ 1 ,2 ]}\n'
    parsed = parse_binary([*HEADERS, (b"content-type", b"application/json")], payload)
    assert payload in parsed.events[0]
    assert msgspec.json.decode(events.decode(parsed.events[0]).data) == {"a": 1.5, "b": [1, 2]}


@pytest.mark.parametrize("media", ["application/vnd.acme+json", "text/json", "application/json; charset=utf-8"])
def test_every_kind_of_json_is_json(media: str) -> None:
    assert binary(b"[1]", (b"content-type", media.encode()))["data"] == [1]


def test_text_becomes_a_string() -> None:
    document = binary("grüß\n".encode(), (b"content-type", b"text/plain; charset=utf-8"))
    assert document["data"] == "grüß\n"
    assert document["datacontenttype"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("media", [b"application/octet-stream", b"image/png", b"text/plain; charset=latin1"])
def test_other_bytes_become_base64(media: bytes) -> None:
    payload = b"\xff\x00\xfe"
    assert base64.b64decode(binary(payload, (b"content-type", media))["data_base64"]) == payload


def test_a_body_without_a_type_is_json_if_it_can_be() -> None:
    assert binary(b'{"a":1}')["data"] == {"a": 1}
    assert binary(b"\x00\x01")["data_base64"] == "AAE="
    assert "data" not in binary(b"")


def test_header_values_are_percent_decoded_and_unquoted() -> None:
    assert binary(b"", (b"ce-subject", b"Euro%20%E2%82%AC%20%F0%9F%98%80"))["subject"] == "Euro € 😀"
    assert binary(b"", (b"CE-Subject", b'"a \\"b\\" c"'))["subject"] == 'a "b" c'


def test_labels_travel_in_a_header() -> None:
    document = binary(b"", (b"ce-labels", b"%7B%22env%22:%22prod%22%7D"), (b"ce-severity", b"major"))
    assert document["labels"] == '{"env":"prod"}'


@pytest.mark.parametrize(
    ("more", "payload", "code"),
    [
        ([(b"ce-id", b"2")], b"", "event.malformed"),
        ([(b"ce-data", b"x")], b"", "event.malformed"),
        ([(b"ce-datacontenttype", b"a/b")], b"", "event.malformed"),
        ([(b"ce-subject", b"%ff")], b"", "event.malformed"),
        ([(b"ce-subject", b"%00")], b"", "event.malformed"),
        ([(b"ce-my_name", b"x")], b"", "event.malformed"),
        ([(b"content-type", b"application/json")], b"{", "event.malformed"),
        ([(b"content-type", b"application/json")], b'1},"type":"oncue.audit.x","y":{"z":1', "event.malformed"),
        ([(b"content-type", b"application/json")], b"[" * 100_000, "event.too_deep"),
        ([(b"content-type", b"application/json")], b"[" * 70 + b"]" * 70, "event.too_deep"),
        ([(b"content-type", b"nonsense")], b"x", "event.malformed"),
        ([(b"ce-type", b"x")], b"", "event.malformed"),
    ],
)
def test_a_broken_binary_message_is_refused(more: list[tuple[bytes, bytes]], payload: bytes, code: str) -> None:
    parsed = parse_binary([*HEADERS, *more], payload)
    assert parsed.events == []
    assert [letter[1] for letter in parsed.rejected] == [code]


def test_a_reserved_type_is_refused_in_binary_mode() -> None:
    parsed = parse_binary([*HEADERS[:3], (b"ce-type", b"oncue.audit.x")], b"")
    assert parsed.rejected[0][1] == "event.type_reserved"


# The three modes by content type


def test_the_content_type_chooses_the_mode() -> None:
    one = parse([(b"Content-Type", b"application/cloudevents+json; charset=UTF-8")], body())
    many = parse([(b"content-type", b"application/cloudevents-batch+json")], b"[" + body() + b"]")
    headers = parse([*HEADERS, (b"content-type", b"text/plain")], b"x")
    assert len(one.events) == len(many.events) == len(headers.events) == 1


@pytest.mark.parametrize(
    "media",
    [b"", b"application/json", b"text/plain", b"application/cloudevents+avro", b"application/cloudevents+json; charset=utf-16"],
)  # fmt: skip
def test_another_content_type_is_refused(media: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse([(b"content-type", media)], body())
    assert refused.value.code == "request.unsupported_media_type"


# Configured sources


def received(document: bytes, **manifest: Any) -> events.Event:
    message = Message(
        name="ci",
        headers=[(b"content-type", b"application/cloudevents+json")],
        body=document,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        **manifest,
    )
    (event,) = CloudEventsSource().parse(message).events
    cloudevents.vet(event)
    return events.decode(event)


def test_a_source_adds_its_service_and_labels_to_events_that_have_none() -> None:
    event = received(body(service=None), service="orders", labels={"env": "prod"})
    assert event.service == "orders"
    assert events.labels_of(event) == {"env": "prod"}


def test_what_the_event_says_comes_first() -> None:
    event = received(body(service="own", labels='{"env":"dev"}'), service="orders", labels={"env": "prod", "dc": "1"})
    assert event.service == "own"
    assert events.labels_of(event) == {"env": "dev", "dc": "1"}


def test_an_event_that_lacks_nothing_stays_as_it_came() -> None:
    document = body(service="own", labels='{"env":"dev"}')
    message = Message(
        name="ci",
        headers=[(b"content-type", b"application/cloudevents+json")],
        body=document,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        service="orders",
        labels={"env": "prod"},
    )
    assert CloudEventsSource().parse(message).events == [document]
