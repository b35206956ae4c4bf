"""A sender's payload wrapped into an event: what the sources of foreign formats share.

The payload is the event's `data`, verbatim but for credentials. Behind its own members stand those that OnCue reads and
the payload lacks: `value`, `limit`, `unit`, `metric`, `since`, `summary`, `description`, `runbook_url`, `generator_url`,
`link`. What is wrapped here is vetted by the rules of every other event; what breaks one is refused by itself.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Literal, TypeVar
from uuid import uuid4

import msgspec

from oncue.plugins.sources.cloudevents import ATTRIBUTE_LIMIT, DEPTH_LIMIT, LABELS_SIZE_LIMIT, too_deep, vet
from oncue.sdk.redact import redacted
from oncue.sdk.source import BATCH_LIMIT, EVENT_LIMIT, LABELS_LIMIT, Message, Parsed, Refusal

Settings = TypeVar("Settings", bound=msgspec.Struct)

TITLE_LIMIT: Final = 1_024
FINGERPRINT_LIMIT: Final = 255

WORDS: Final = {
    "critical": "critical", "crit": "critical", "fatal": "critical", "emergency": "critical", "emerg": "critical",
    "disaster": "critical", "alert": "critical", "panic": "critical", "severe": "critical",
    "major": "major", "error": "major", "err": "major", "high": "major", "page": "major", "danger": "major",
    "minor": "minor", "average": "minor", "medium": "minor", "moderate": "minor",
    "warning": "warning", "warn": "warning", "low": "warning", "ticket": "warning",
    "info": "info", "information": "info", "informational": "info", "notice": "info", "debug": "info", "trace": "info",
    "none": "info", "not classified": "info", "not_classified": "info",
    "clear": "clear", "cleared": "clear", "ok": "clear", "okay": "clear", "normal": "clear", "resolved": "clear",
    "recovered": "clear", "recovery": "clear", "closed": "clear", "up": "clear",
}  # fmt: skip
"""What senders call severities, in lower case, to OnCue's."""

_decode: Final = msgspec.json.Decoder().decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
encode: Final = msgspec.json.Encoder().encode
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+")
_BLANKS: Final = re.compile(r"\s+")


def decoded(body: bytes) -> Any:
    """The JSON value. Raises `Refusal`: request.malformed, event.too_deep."""
    try:
        body.decode()
        if too_deep(body):
            raise Refusal("event.too_deep", f"more than {DEPTH_LIMIT} levels")
        return _decode(body)
    except UnicodeDecodeError as error:
        raise Refusal("request.malformed", f"not UTF-8: byte {error.start} cannot be read") from error
    except RecursionError as error:
        raise Refusal("event.too_deep", f"more than {DEPTH_LIMIT} levels") from error
    except msgspec.DecodeError as error:
        raise Refusal("request.malformed", f"not JSON: {error}") from error


def members(raw: bytes) -> dict[str, bytes]:
    """The members of a JSON object that has been decoded before, each verbatim."""
    return {name: bytes(value) for name, value in _members(raw).items()}


def elements(raw: bytes) -> list[bytes]:
    """The elements of a JSON array that has been decoded before, each verbatim. Raises `Refusal` request.too_large."""
    found = [bytes(value) for value in _elements(raw)]
    if len(found) > BATCH_LIMIT:
        raise Refusal("request.too_large", f"{len(found)} in one message, the limit is {BATCH_LIMIT}")
    return found


def fitted(message: Message, settings: type[Settings]) -> Settings:
    """The manifest's `with`. Raises `Refusal` manifest.invalid, for one that was applied before it had to fit."""
    try:
        return msgspec.convert(message.settings, settings)
    except msgspec.ValidationError as error:
        raise Refusal("manifest.invalid", f"with of the source {message.name}: {error}") from error


class Wrapping:
    """The events of one message. `add` them in the sender's order, then take `parsed`."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._source = f"/in/{message.name}"
        self._whole = uuid4().hex
        self._number = 0
        self._parsed = Parsed([], [], [], [])

    @property
    def name(self) -> str:
        """The source's."""
        return self._message.name

    @property
    def now(self) -> datetime:
        """When the message came."""
        return self._message.now

    def add(
        self,
        payload: bytes,
        *,
        type: str,
        index: int | None = None,
        id: str | None = None,
        severity: str | None = None,
        resource: Any = None,
        check: Any = None,
        service: Any = None,
        fingerprint: str | None = None,
        title: Any = None,
        labels: Mapping[str, Any] | None = None,
        time: datetime | None = None,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        traceparent: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Wrap one payload. Text is made to fit the limits of attributes; a payload that breaks a rule is refused.

        `payload` is JSON, text, or bytes. `index` is its place in the sender's message. Without an `id` of the sender's
        the event gets one of its own, so that a repeat counts as a repeat. `more` are members of `data` that OnCue reads.
        """
        place = self._number if index is None else index
        self._number += 1
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": line(id) or f"{self._whole}-{self._number}",
            "source": self._source,
            "type": line(type) or "event",
            "time": time or self._message.now,
            "severity": severity,
            "resource": line(resource),
            "check": line(check),
            "service": line(service) or self._message.service,
            "fingerprint": short(fingerprint),
            "title": line(title, TITLE_LIMIT),
            "labels": self._labels(labels or {}),
            "startsat": starts_at,
            "endsat": ends_at,
            "traceparent": traceparent,
        }
        document = encode({name: value for name, value in attributes.items() if value is not None})
        payload = redacted(payload)
        document = document[:-1] + b"," + _data(payload, more or {}) + b"}"
        try:
            outline = vet(document)
        except Refusal as refusal:
            self.refuse(place, refusal, payload)
            return
        self._parsed.events.append(document)
        self._parsed.outlines.append(outline)
        assert self._parsed.indexes is not None
        self._parsed.indexes.append(place)

    def refuse(self, index: int, refusal: Refusal, payload: bytes) -> None:
        """Keep the payload as a dead letter, with the reason."""
        self._parsed.rejected.append((index, refusal.code, refusal.detail, redacted(payload)[:EVENT_LIMIT]))

    def parsed(self) -> Parsed:
        """What was added."""
        return self._parsed

    def _labels(self, own: Mapping[str, Any]) -> str | None:
        """The event's own labels and the manifest's, as far as the limits allow, as the string on the wire."""
        labels: dict[str, str] = {}
        size = 2
        for name, value in [*own.items(), *self._message.labels.items()]:
            text = _said(value).replace("\0", "")[:ATTRIBUTE_LIMIT]
            key = str(name).replace("\0", "")[:ATTRIBUTE_LIMIT]
            if not key or not text or key in labels:
                continue
            size += len(encode(key)) + len(encode(text)) + 2
            if len(labels) == LABELS_LIMIT or size > LABELS_SIZE_LIMIT:
                break
            labels[key] = text
        return encode(labels).decode() if labels else None


def _data(payload: bytes, more: Mapping[str, Any]) -> bytes:
    """The members `datacontenttype` and `data` (or `data_base64`) of the event."""
    try:
        value = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            encoded = b64encode(payload)
            return b'"datacontenttype":"application/octet-stream","data_base64":"' + encoded + b'"'
        return b'"datacontenttype":"text/plain","data":' + encode(text)
    if isinstance(value, dict):
        added = {name: entry for name, entry in more.items() if entry is not None and name not in value}
        if added:
            inner = payload.strip()[:-1].rstrip()
            payload = inner + (b"," if value else b"") + redacted(encode(added))[1:]
    return b'"datacontenttype":"application/json","data":' + payload


# Values


def line(value: Any, limit: int = ATTRIBUTE_LIMIT) -> str | None:
    """A scalar as one line of visible text within the limit; None for what is none."""
    text = _said(value)
    if not text:
        return None
    if not text.isprintable():
        text = _CONTROLS.sub(" ", text)
    return text.strip()[:limit].strip() or None


def first_line(value: Any) -> str | None:
    """The first line of a text that says something."""
    if not isinstance(value, str):
        return line(value, TITLE_LIMIT)
    return next((found for part in value.splitlines() if (found := line(part, TITLE_LIMIT))), None)


def short(fingerprint: str | None) -> str | None:
    """The fingerprint, hashed if it is too long to be one."""
    found = line(fingerprint, 1_000_000)
    if found is None or len(found) <= FINGERPRINT_LIMIT:
        return found
    return f"{found[: FINGERPRINT_LIMIT - 65].strip()}:{sha256(found.encode()).hexdigest()}"


def word(value: Any) -> str | None:
    """The text in lower case with single blanks; None for what is no text."""
    text = line(value)
    return None if text is None else _BLANKS.sub(" ", text).lower()


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(2**63) <= value < 2**64 else f"{float(value):.10g}"
    return f"{value:.10g}" if isinstance(value, float) else ""


def number(value: Any) -> float | None:
    """A number, or the number that a text is or begins with (`28.5%`); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e300 else None
    found = _NUMBER(value) if isinstance(value, str) and len(value) < 64 else None
    return float(found[1].replace(",", "")) if found else None


_NUMBER: Final = re.compile(r"\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d{1,2})?)").match


def mapping(value: Any) -> dict[str, Any]:
    """The object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[Any]:
    """The list, or an empty one for anything else."""
    return value if isinstance(value, list) else []


def first(*values: Any) -> str | None:
    """The first of the values that is a visible line."""
    return next((found for value in values if (found := line(value))), None)


def instant(value: Any) -> datetime | None:
    """The instant that a sender gives: RFC 3339 with or without a zone (UTC then), or seconds, milliseconds, micro- or
    nanoseconds since 1970, as number or text; None for what is none, zero times included."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit() and 9 <= len(text) <= 19:
            value = int(text)
        else:
            return _from_text(text)
    if not isinstance(value, int | float) or not 0 < value < 1e20:
        return None
    per_second = next((scale for scale in (10**9, 10**6, 10**3) if value >= 10**8 * scale), 1)
    try:
        return _EPOCH + timedelta(microseconds=int(value * 10**6) // per_second)
    except OverflowError:
        return None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOOSE: Final = re.compile(
    r"(\d{4})[-. /](\d\d)[-. /](\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)? ?(Z|UTC|GMT|[+-]\d\d[:.]?\d\d)?"
).match


def _from_text(text: str) -> datetime | None:
    found = _LOOSE(text) if len(text) < 64 else None
    if found is None:
        return None
    year, month, day, clock, fraction, zone = found.groups()
    if zone is None or zone[0] not in "+-":
        zone = "+00:00"
    zone = f"{zone[:3]}:{zone[-2:]}"
    try:
        at = datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{(fraction or '.0')[:7]:0<7}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if 1 < at.year < 9999 else None


def links(*candidates: tuple[str, Any]) -> dict[str, str]:
    """Those of the (name, value) pairs that are links on the web."""
    found: dict[str, str] = {}
    for name, value in candidates:
        text = line(value)
        if text is not None and text.startswith(("http://", "https://")):
            found.setdefault(name, text)
    return found


Stage = Literal["running", "succeeded", "failed", "cancelled"]
"""How far a change is."""


def change(
    stage: Stage | None, *, key: str, title: str, kind: str = "deployment", by: str | None = None, link: str | None = None,
    started_at: datetime | None = None, ended_at: datetime | None = None,
) -> dict[str, Any] | None:  # fmt: skip
    """The member `oncue_change` of `data`, from which a change record is written about the event's resource and service;
    None without a stage. What begins and what ends have the same `key`. The event's type must be one that tells of
    changes, see `core/change_events.py`.
    """
    if stage is None:
        return None
    told = {
        "stage": stage, "key": line(key), "title": line(title, TITLE_LIMIT), "kind": kind, "by": by,
        "link": links(("link", link)).get("link"), "started_at": started_at, "ended_at": ended_at,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def crossing(
    value: Any, limit: Any = None, unit: Any = None, metric: Any = None, since: datetime | None = None
) -> dict[str, Any]:
    """The members that say what crossed which limit; empty without a value."""
    measured = number(value)
    if measured is None:
        return {}
    return {"value": measured, "limit": number(limit), "unit": line(unit), "metric": line(metric), "since": since}


def media_type(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The media type of the message, in lower case, without parameters; empty if it names none."""
    for name, value in headers:
        if name.lower() == b"content-type":
            return value.partition(b";")[0].strip().lower().decode("latin-1")
    return ""


def header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    """The first header of this lower-case name; None if there is none."""
    return next((value.decode("latin-1").strip() for name, value in headers if name.lower() == wanted), None)


def unknown(message: Message, body: Any, vendor: str) -> Parsed:
    """A neutral event of type `VENDOR.unknown` for JSON that is not of the source's format, so that it can be looked at.

    Raises `Refusal` request.invalid for JSON that is no object or list.
    """
    if not isinstance(body, dict | list):
        raise Refusal("request.invalid", f"the source {message.name} takes objects, not {line(body, 64) or 'null'}")
    wrapping = Wrapping(message)
    wrapping.add(
        message.body,
        type=f"{vendor}.unknown",
        resource=message.name,
        title=f"{message.name} sent what is not known as {vendor}'s format",
    )
    return wrapping.parsed()
