"""The CloudEvents codec: structured, batched and binary HTTP messages to validated structured-mode documents.

What passes here is what the engine trusts, so the rules are strict, and a producer's structured document is kept byte
for byte. One typed decode per event settles nearly all of them; whatever that decode does not take (a broken rule, an
extension that OnCue does not know) goes to `_explain`, which applies the same rules one by one and names the first
that is broken. Both accept the same documents: a property test holds them to it. Where a member's name stands twice the last
one counts, here and in every reader of the journal.

Sources: CloudEvents 1.0.2 (sections 3 and 3.1 of the core, JSON format, HTTP protocol binding), RFC 3339, RFC 3986.
"""

import binascii
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import unquote_to_bytes

import msgspec

from oncue.sdk.source import (
    BATCH_LIMIT,
    EVENT_LIMIT,
    LABELS_LIMIT,
    SEVERITIES,
    Headers,
    Letter,
    Message,
    Outline,
    Parsed,
    Refusal,
    decode_document,
    outline,
)

DEPTH_LIMIT: Final = 64
"""Levels of objects and arrays in one event, its own braces included."""
ATTRIBUTE_LIMIT: Final = 2_048
"""Characters of one attribute, except `labels`."""
LABELS_SIZE_LIMIT: Final = 16_384
"""Characters of `labels`, as the string on the wire."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=ATTRIBUTE_LIMIT)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class _Known(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event that has no attribute beyond these; most have none. The others take `_explain`."""

    id: Text
    source: Text
    type: Text
    specversion: Literal["1.0"]
    time: Instant | None = None
    subject: Text | None = None
    datacontenttype: Text | None = None
    severity: Literal["clear", "info", "warning", "minor", "major", "critical"] | None = None
    resource: Text | None = None
    service: Text | None = None
    namespace: Text | None = None
    check: Text | None = None
    fingerprint: Text | None = None
    title: Text | None = None
    labels: Annotated[str, msgspec.Meta(min_length=2, max_length=LABELS_SIZE_LIMIT)] | None = None
    data: Any = None
    endsat: ClassVar[None] = None


OPERATIONAL: Final = frozenset(
    ("resource", "service", "namespace", "check", "fingerprint", "title", "causationid", "correlationid", "traceparent")
)
"""OnCue's own attributes that are plain, non-empty strings."""

_known: Final = msgspec.json.Decoder(_Known).decode
_members: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_attributes: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value: Final = msgspec.json.Decoder().decode
_labels: Final = msgspec.json.Decoder(dict[str, str]).decode
_encode: Final = msgspec.json.Encoder().encode


class CloudEventsSource:
    """Configured sources of type `cloudevents`: any of the three modes."""

    name = "cloudevents"

    def parse(self, message: Message) -> Parsed:
        """The events, with the manifest's service and labels added where they have none."""
        parsed = parse(message.headers, message.body)
        if message.service is not None or message.labels:
            parsed.events = [with_defaults(event, message.service, message.labels) for event in parsed.events]
        return parsed


# Messages


def parse(headers: Headers, body: bytes) -> Parsed:
    """What the HTTP message holds, in whichever of the three modes its content type names.

    Raises `Refusal`: request.unsupported_media_type, and as `parse_batch` does.
    """
    pairs = list(headers)
    content_type = next((value for name, value in pairs if name.lower() == b"content-type"), b"")
    media = content_type.partition(b";")[0].strip().lower()
    if not media.startswith(b"application/cloudevents"):
        if any(name.lower() == b"ce-specversion" for name, _ in pairs):
            return parse_binary(pairs, body)
        raise Refusal(
            "request.unsupported_media_type",
            "send application/cloudevents+json, application/cloudevents-batch+json, or the ce- headers of binary mode",
        )
    charset = re.search(rb'charset\s*=\s*"?([^\s;"]+)', content_type, re.IGNORECASE)
    if charset is not None and charset[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Refusal("request.unsupported_media_type", "CloudEvents in JSON are UTF-8")
    if media == b"application/cloudevents+json":
        return parse_structured(body)
    if media == b"application/cloudevents-batch+json":
        return parse_batch(body)
    raise Refusal("request.unsupported_media_type", "of the CloudEvents formats, JSON is taken here")


def parse_structured(body: bytes) -> Parsed:
    """One event in structured mode. A refused one is `rejected[0]`; nothing is raised."""
    try:
        outlined = vet(body)
    except Refusal as refusal:
        return Parsed([], [], [(0, refusal.code, refusal.detail, body[:EVENT_LIMIT])])
    return Parsed([body], [outlined])


def parse_batch(body: bytes) -> Parsed:
    """A batch of events: the valid members, and the refused ones by index.

    Raises `Refusal`: request.malformed when the body is not a JSON array, request.too_large past `BATCH_LIMIT` members.
    """
    try:
        members: list[bytes] = [bytes(member) for member in _members(body)]
    except RecursionError:
        members = _split(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("request.malformed", f"a batch is a JSON array of events: {error}") from error
    if len(members) > BATCH_LIMIT:
        raise Refusal("request.too_large", f"{len(members)} events in one batch, the limit is {BATCH_LIMIT}")
    outlines: list[Outline] = []
    rejected: list[Letter] = []
    for index, member in enumerate(members):
        try:
            outlines.append(vet(member))
        except Refusal as refusal:
            rejected.append((index, refusal.code, refusal.detail, member[:EVENT_LIMIT]))
    if not rejected:
        return Parsed(members, outlines)
    refused = {index for index, *_ in rejected}
    indexes = [index for index in range(len(members)) if index not in refused]
    return Parsed([members[index] for index in indexes], outlines, rejected, indexes)


def parse_binary(headers: Headers, body: bytes) -> Parsed:
    """One event in binary mode, turned into a structured document with its payload verbatim if that is JSON, as a
    string if it is text, in base64 otherwise. A refused one is `rejected[0]`; nothing is raised."""
    try:
        document = structured(headers, body)
        outlined = vet(document)
    except Refusal as refusal:
        return Parsed([], [], [(0, refusal.code, refusal.detail, body[:EVENT_LIMIT])])
    return Parsed([document], [outlined])


_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


def _split(body: bytes) -> list[bytes]:
    """The members of a batch in which one is nested beyond what the JSON decoder follows."""
    members: list[bytes] = []
    depth, start = 0, 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if depth == 1:
                if mark == b"{":
                    break
                start = token.end()
        elif mark in b"]}":
            depth -= 1
            if depth == 0:
                if body[token.end() :].strip():
                    break
                members.append(body[start : token.start()].strip())
                return members
        elif mark == b"," and depth == 1:
            members.append(body[start : token.start()].strip())
            start = token.end()
    raise Refusal("request.malformed", "a batch is a JSON array of events; its brackets do not close")


def with_defaults(document: bytes, service: str | None, labels: dict[str, str]) -> bytes:
    """The vetted document with extension attributes added behind its own, as an intermediary may: the service if it
    names none, and the labels it lacks, as far as the limits allow."""
    event = decode_document(document)
    added: dict[str, str] = {}
    if service is not None and event.service is None:
        added["service"] = service
    own = _labels(event.labels) if event.labels else {}
    merged = {**labels, **own}
    if merged != own and len(merged) <= LABELS_LIMIT:
        added["labels"] = _encode(merged).decode()
    if not added:
        return document
    return document.rstrip()[:-1] + b"," + _encode(added)[1:]


# Rules


def vet(document: bytes) -> Outline:
    """The outline of a structured document that is a valid event within our limits.

    Raises `Refusal`: event.malformed, event.type_reserved, event.too_large, event.too_deep, event.labels_invalid.
    """
    try:
        event = _known(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _explain(document)
    if (
        len(document) > EVENT_LIMIT
        or (_nests(event.data) and document.count(b"{") + document.count(b"[") > DEPTH_LIMIT)
        or not event.id.isprintable()
        or _type_fault(event.type)
        or _source_fault(event.source)
        or (event.labels is not None and _labels_fault(event.labels))
        or (event.namespace is not None and _namespace_fault(event.namespace))
        or (event.datacontenttype is not None and _content_type_fault(event.datacontenttype))
        or (event.time is not None and _time_unsure(event.time, document))
        or (event.resource is not None and not event.resource.isprintable())
        or (event.subject is not None and not event.subject.isprintable())
        or (event.service is not None and not event.service.isprintable())
        or (event.check is not None and not event.check.isprintable())
        or (event.title is not None and not event.title.isprintable())
        or (event.fingerprint is not None and not event.fingerprint.isprintable())
    ):
        return _explain(document)
    return outline(event)


_CONTAINERS: Final = frozenset({dict, list})


def _nests(data: Any) -> bool:
    """Whether the payload has objects or arrays within it."""
    if type(data) is dict:
        return not _CONTAINERS.isdisjoint(map(type, data.values()))
    return type(data) is list and not _CONTAINERS.isdisjoint(map(type, data))


def _time_unsure(time: datetime, document: bytes) -> bool:
    """Whether the typed decode may have been more lenient than RFC 3339 (an offset without a colon), or the instant
    does not exist in UTC."""
    return time.tzinfo is not UTC or not 1 < time.year < 9999 or document.rfind(b'0000"') >= 0


def _explain(document: bytes) -> Outline:
    """`vet`, rule by rule, slower and with words."""
    if len(document) > EVENT_LIMIT:
        raise Refusal("event.too_large", f"{len(document)} bytes, the limit is {EVENT_LIMIT}")
    try:
        document.decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"not UTF-8: byte {error.start} cannot be read") from error
    if too_deep(document):
        raise Refusal("event.too_deep", f"more than {DEPTH_LIMIT} levels")
    try:
        _value(document)
        attributes = _attributes(document)
    except msgspec.ValidationError as error:
        if not document.lstrip().startswith(b"{"):
            raise _malformed("not a JSON object") from error
        raise _malformed(str(error)) from error
    except msgspec.DecodeError as error:
        raise _malformed(str(error)) from error
    data, base64 = attributes.pop("data", None), attributes.pop("data_base64", None)
    values = _values(attributes)
    for name in ("specversion", "id", "source", "type"):
        if name not in values:
            raise _malformed(f"{name} is missing")
    for name, value in values.items():
        fault = _attribute_fault(name, value)
        if fault:
            raise Refusal("event.labels_invalid" if name == "labels" else "event.malformed", f"{name}: {fault}")
    if values["type"].startswith("oncue."):
        raise Refusal("event.type_reserved", f"type: {_quoted(values['type'])}")
    if base64 is not None and bytes(base64) != b"null":
        _check_base64(base64, data)
    try:
        return outline(decode_document(document))
    except msgspec.DecodeError as error:
        # The last of several members of one name counts, but whoever reads the event by type looks at each of them.
        raise _malformed(f"a name stands twice: {error}") from error


def _values(attributes: dict[str, msgspec.Raw]) -> dict[str, Any]:
    """The attributes that are present: null is as good as absent."""
    values: dict[str, Any] = {}
    for name, raw in attributes.items():
        if not _NAME(name):
            raise _malformed(f"{_quoted(name)}: attribute names are lower-case letters and digits")
        value = _value(raw)
        if value is not None:
            values[name] = value
    return values


def _attribute_fault(name: str, value: Any) -> str:
    """What is wrong with this attribute's value; empty if nothing is."""
    if name in _CHECKS or name in OPERATIONAL:
        if not isinstance(value, str):
            return f"must be a string, not {_kind(value)}"
        if not value:
            return "must not be empty"
    elif isinstance(value, bool):
        return ""
    elif isinstance(value, int):
        return "" if -(2**31) <= value < 2**31 else "an integer attribute has 32 bits"
    elif not isinstance(value, str):
        return f"must be a string, an integer or a boolean, not {_kind(value)}"
    if name == "labels":
        return _labels_fault(value)
    if len(value) > ATTRIBUTE_LIMIT:
        return f"{len(value)} characters, the limit is {ATTRIBUTE_LIMIT}"
    if not value.isprintable() and _CONTROL(value):
        return "control characters are not allowed"
    check = _CHECKS.get(name)
    return check(value) if check else ""


_NAME: Final = re.compile(r"[a-z0-9]+").fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]").search
_URI_REFERENCE: Final = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?:[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=\u00a0-\U0010ffff-]|%[0-9A-Fa-f]{2})*"
    r"(?:#(?:[A-Za-z0-9._~:/?@!$&'()*+,;=\u00a0-\U0010ffff-]|%[0-9A-Fa-f]{2})*)?"
).fullmatch
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+").fullmatch
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?").fullmatch
_TCHAR: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_CONTENT_TYPE: Final = re.compile(
    rf'{_TCHAR}/{_TCHAR}(?:\s*;\s*(?:{_TCHAR}=(?:{_TCHAR}|"(?:[^"\\]|\\.)*"))?)*\s*'
).fullmatch
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
).fullmatch


@lru_cache(8_192)
def _source_fault(text: str) -> str:
    if not text.isprintable() and _CONTROL(text):
        return "control characters are not allowed"
    return "" if _URI_REFERENCE(text) else "must be a URI reference (RFC 3986): encode spaces and the like as %XX"


@lru_cache(8_192)
def _type_fault(text: str) -> str:
    if text.startswith("oncue."):
        return "reserved"
    return "control characters are not allowed" if not text.isprintable() and _CONTROL(text) else ""


@lru_cache(1_024)
def _namespace_fault(text: str) -> str:
    return "" if _NAMESPACE(text) else "must be lower-case letters, digits, dots and hyphens, at most 63"


@lru_cache(1_024)
def _content_type_fault(text: str) -> str:
    return "" if _CONTENT_TYPE(text) else "must be a media type such as application/json"


@lru_cache(16_384)
def _labels_fault(text: str) -> str:
    if len(text) > LABELS_SIZE_LIMIT:
        return f"{len(text)} characters, the limit is {LABELS_SIZE_LIMIT}"
    try:
        labels = _labels(text)
    except msgspec.DecodeError as error:
        return str(error)
    if len(labels) > LABELS_LIMIT:
        return f"{len(labels)} labels, the limit is {LABELS_LIMIT}"
    for name, value in labels.items():
        if not name:
            return "a label needs a name"
        if len(name) > ATTRIBUTE_LIMIT or len(value) > ATTRIBUTE_LIMIT:
            return f"a name and a value have at most {ATTRIBUTE_LIMIT} characters each"
        if "\0" in name or "\0" in value:
            return "NUL is not allowed"
    return ""


def _specversion_fault(text: str) -> str:
    return "" if text == "1.0" else f"1.0 is taken here, not {_quoted(text)}"


def _severity_fault(text: str) -> str:
    return "" if text in SEVERITIES else f"one of {', '.join(SEVERITIES)}, not {_quoted(text)}"


def _schema_fault(text: str) -> str:
    return "" if _URI(text) and not _source_fault(text) else "must be an absolute URI"


def _time_fault(text: str) -> str:
    if not _RFC3339(text):
        return "must be an RFC 3339 timestamp such as 2026-01-31T23:59:00Z"
    try:
        msgspec.convert(text, Instant).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        return "there is no such instant"
    return ""


def _no_fault(text: str) -> str:
    return ""


_CHECKS: Final[dict[str, Callable[[str], str]]] = {
    "specversion": _specversion_fault,
    "id": _no_fault,
    "source": _source_fault,
    "type": _no_fault,
    "time": _time_fault,
    "subject": _no_fault,
    "datacontenttype": _content_type_fault,
    "dataschema": _schema_fault,
    "severity": _severity_fault,
    "namespace": _namespace_fault,
    "labels": _labels_fault,
    "startsat": _time_fault,
    "endsat": _time_fault,
}


def too_deep(document: bytes) -> bool:
    """Whether brackets outside strings nest beyond `DEPTH_LIMIT`: peel the innermost pairs, level by level."""
    if document.count(b"{") + document.count(b"[") <= DEPTH_LIMIT:
        return False
    brackets = re.sub(rb'"(?:[^"\\]|\\.)*"|[^\[\]{}]', b"", document, flags=re.DOTALL)
    brackets = brackets.translate(bytes.maketrans(b"{}", b"[]"))
    depth = deepest = 0
    for bracket in brackets:
        depth += 1 if bracket == 0x5B else -1
        deepest = max(deepest, depth)
    return deepest > DEPTH_LIMIT


def _check_base64(raw: msgspec.Raw, data: msgspec.Raw | None) -> None:
    if data is not None and bytes(data) != b"null":
        raise _malformed("data and data_base64 exclude each other")
    value = _value(raw)
    if not isinstance(value, str):
        raise _malformed(f"data_base64: must be a string, not {_kind(value)}")
    try:
        binascii.a2b_base64(value.encode(), strict_mode=True)
    except binascii.Error as error:
        raise _malformed(f"data_base64: {error}") from error


def _malformed(detail: str) -> Refusal:
    return Refusal("event.malformed", detail)


def _quoted(text: str) -> str:
    """The text for an error message: short, and without anything that a terminal would act on."""
    return ascii(text if len(text) <= 64 else text[:61] + "...")


def _kind(value: Any) -> str:
    return {dict: "an object", list: "an array", bool: "a boolean", int: "an integer", float: "a number"}.get(
        type(value), type(value).__name__
    )


# Binary mode

_JSON_MEDIA: Final = re.compile(r"(?:application|text)/(?:json|[^;\s]+\+json)", re.IGNORECASE).match
_TEXT_MEDIA: Final = re.compile(
    r"text/|application/(?:xml|yaml|x-yaml|x-www-form-urlencoded|[^;\s]+\+xml)", re.IGNORECASE
).match


def structured(headers: Headers, body: bytes) -> bytes:
    """The binary-mode message as a structured document, not vetted yet. Raises `Refusal` event.malformed."""
    attributes: dict[str, Any] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1").lower()
        if name == "content-type":
            attributes["datacontenttype"] = raw_value.decode("latin-1").strip()
        elif name.startswith("ce-"):
            name = name[3:]
            if name in ("data", "data_base64", "datacontenttype"):
                raise _malformed(f"ce-{name}: the payload is the body, and its type is Content-Type")
            if name in attributes:
                raise _malformed(f"{_quoted(name)} stands twice")
            attributes[name] = _header_value(name, raw_value)
    if not body:
        return _encode(attributes)
    media = attributes.get("datacontenttype", "")
    if _JSON_MEDIA(media) or not media:
        try:
            _value(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if media:
                if isinstance(error, RecursionError):
                    raise Refusal("event.too_deep", f"more than {DEPTH_LIMIT} levels") from error
                raise _malformed(f"the body is not the JSON that Content-Type says: {error}") from error
            attributes["datacontenttype"] = media = "application/octet-stream"
        else:
            attributes["data"] = msgspec.Raw(body)
            return _encode(attributes)
    if _TEXT_MEDIA(media):
        try:
            attributes["data"] = body.decode()
            return _encode(attributes)
        except UnicodeDecodeError:
            pass  # some other charset: its bytes are kept as they are
    attributes["data_base64"] = b64encode(body).decode("ascii")
    return _encode(attributes)


def _header_value(name: str, raw: bytes) -> str:
    """A ce- header's value: quotes taken off, then percent-decoded (HTTP binding, section 3.1.3.2)."""
    text = raw.strip()
    if len(text) >= 2 and text.startswith(b'"') and text.endswith(b'"'):
        text = re.sub(rb"\\(.)", rb"\1", text[1:-1])
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as error:
        raise _malformed(f"ce-{name}: percent-decodes to something that is not UTF-8") from error
