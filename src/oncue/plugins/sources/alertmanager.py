"""Alerts as Prometheus posts them to Alertmanager's API v2, turned into events.

| event | from the alert |
|---|---|
| `type` | `prometheus.alert` |
| `check` | label `alertname` |
| `resource` | the first of the labels `instance`, `pod`, `node`, `host`, `hostname`, `device`, `job`, `alertname` |
| `service` | label `service`; without it, the catalogue of services decides |
| `severity` | label `severity`, by `SEVERITY`; `warning` where it is missing or unknown; `clear` once `endsAt` has passed |
| `fingerprint` | FNV-1a 64 over the sorted label set, as Alertmanager computes it |
| `title` | the first of the annotations `summary`, `title`, `message`, else alert name and resource |
| `startsat`, `endsat` | when it began; until when it holds unless repeated (`resolve_timeout` from now if it does not say) |
| `data` | the alert, verbatim |

A repeat is an event of its own with an id of its own; what makes it one alert is the fingerprint. What a label set says
is worked out once and kept, because Prometheus repeats it for as long as the alert fires.

Source: Alertmanager 0.25, api/v2/openapi.yaml and model/labels; its answers were compared with the real one's.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from oncue.plugins.sources.cloudevents import with_defaults
from oncue.sdk.source import BATCH_LIMIT, EVENT_LIMIT, LABELS_LIMIT, Message, Outline, Parsed, Refusal

SEVERITY: Final = {
    "critical": "critical", "crit": "critical", "fatal": "critical", "emergency": "critical", "disaster": "critical",
    "page": "major", "major": "major", "error": "major", "high": "major",
    "minor": "minor", "average": "minor", "medium": "minor",
    "warning": "warning", "warn": "warning", "low": "warning", "ticket": "warning",
    "info": "info", "information": "info", "informational": "info", "notice": "info", "debug": "info", "none": "info",
}  # fmt: skip
"""The label `severity`, in lower case, to OnCue's."""

RESOURCE_LABELS: Final = ("instance", "pod", "node", "host", "hostname", "device", "job", "alertname")
TITLE_ANNOTATIONS: Final = ("summary", "title", "message")
RESOLVE_TIMEOUT: Final = timedelta(minutes=5)
TITLE_LIMIT: Final = 1_024
VALUE_LIMIT: Final = 2_048
"""Characters of a label's name or value."""
CACHED_LABELS_LIMIT: Final = 1_024
"""Bytes of a label set that is kept."""

TYPE: Final = "prometheus.alert"


class Unacceptable(Exception):
    """The message as a whole is answered as Alertmanager answers it: status and JSON body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


def unparsable(what: str, why: str) -> Unacceptable:
    """JSON that is none, or of another shape."""
    return Unacceptable(400, {"code": 400, "message": f'parsing {what} body from "" failed, because {why}'})


def unfit(code: int, message: str) -> Unacceptable:
    """A value that breaks a rule of the API's schema."""
    return Unacceptable(422, {"code": code, "message": message})


_WIRE_NAMES: Final = {"starts_at": "startsAt", "ends_at": "endsAt", "generator_url": "generatorURL"}


class Postable(msgspec.Struct, forbid_unknown_fields=True, gc=False, rename=_WIRE_NAMES):
    """An alert as the API takes it, label set still as JSON."""

    labels: msgspec.Raw
    annotations: dict[str, str] | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = ""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What a label set says."""

    fault: str
    """Why it cannot be taken, in Alertmanager's words; empty if it can."""
    name: str = ""
    resource: str = ""
    severity: str = "warning"
    fingerprint: str = ""
    attributes: str = ""
    """JSON members: resource, service, check, fingerprint, labels."""


_members: Final = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_postable: Final = msgspec.json.Decoder(Postable).decode
_labels: Final = msgspec.json.Decoder(dict[str, str]).decode
_value: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").fullmatch
_YEAR_2: Final = datetime(2, 1, 1, tzinfo=UTC)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]+")


class AlertmanagerSource:
    """Configured sources of type `alertmanager`: the alerts of API v2, at an address of their own."""

    name = "alertmanager"

    def parse(self, message: Message) -> Parsed:
        """The alerts as events. Raises `Refusal` request.malformed."""
        try:
            parsed, _ = parse_alerts(message.body, message.now, source=f"/in/{message.name}")
        except Unacceptable as error:
            raise Refusal("request.malformed", _reason(error.body)) from error
        if message.service is not None or message.labels:
            parsed.events = [with_defaults(event, message.service, message.labels) for event in parsed.events]
        return parsed


def _reason(body: Any) -> str:
    return str(body["message"]) if isinstance(body, dict) else str(body)


def fnv1a(labels: dict[str, str]) -> str:
    """Alertmanager's fingerprint of a label set: FNV-1a 64 over `name 0xff value 0xff`, sorted; 16 hex digits."""
    value = 14695981039346656037
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            value = ((value ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def parse_alerts(
    body: bytes, now: datetime, resolve_timeout: timedelta = RESOLVE_TIMEOUT, source: str = "/alertmanager"
) -> tuple[Parsed, list[str]]:
    """The posted alerts as events, and why some are not among them, in Alertmanager's words.

    Raises `Unacceptable` when nothing is taken, `Refusal` request.too_large past `BATCH_LIMIT` alerts.
    """
    if not body:
        raise unfit(602, "alerts in body is required")
    try:
        members = _members(body) or []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unparsable("alerts", str(error)) from error
    if len(members) > BATCH_LIMIT:
        raise Refusal("request.too_large", f"{len(members)} alerts in one message, the limit is {BATCH_LIMIT}")
    whole = uuid4().hex
    envelope = _Envelope(now, resolve_timeout, source)
    events: list[bytes] = []
    indexes: list[int] = []
    outlines: list[Outline] = []
    parsed = Parsed(events, outlines, [], indexes)
    faults: list[str] = []
    for index, raw in enumerate(members):
        document = bytes(raw)
        try:
            alert = _postable(document)
            identity = _identity(alert)
            if alert.generator_url and (" " in alert.generator_url or not alert.generator_url.startswith("http")):
                document = _mended(index, document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            document = _mended(index, document)
            alert = _postable(document)
            identity = _identity(alert)
        event = envelope.event(f"{whole}-{index}", alert, identity, document)
        if isinstance(event, str):
            faults.append(event)
            parsed.rejected.append((index, "event.malformed", event, document[:EVENT_LIMIT]))
        else:
            events.append(event[0])
            outlines.append(event[1])
            indexes.append(index)
    return parsed, faults


class _Times(msgspec.Struct, frozen=True, gc=False):
    """What an alert's times say."""

    fault: str
    """Why they cannot be; empty if they can."""
    over: bool = False
    attributes: str = ""
    """JSON members: startsat, endsat."""
    until: str | None = None


class _Envelope:
    """What the events of one message have in common."""

    def __init__(self, now: datetime, resolve_timeout: timedelta, source: str) -> None:
        self._now = now
        self._lease = rfc3339(now + resolve_timeout)
        self._source = source
        self._times: dict[tuple[datetime | None, datetime | None], _Times] = {}
        """What the times say that alerts of this message give: most give the same."""
        self._head = (
            f'","source":{_encode(source).decode()},"type":"{TYPE}","specversion":"1.0","time":"{rfc3339(now)}"'
        )

    def event(self, id: str, alert: Postable, identity: Identity, document: bytes) -> tuple[bytes, Outline] | str:
        """The alert as an event, with its outline; as a string, why it is none."""
        if identity.fault:
            return identity.fault
        if len(document) > EVENT_LIMIT - 32_768:
            return f"the alert has {len(document)} bytes, which is too large"
        given = (alert.starts_at, alert.ends_at)
        times = self._times.get(given)
        if times is None:
            times = self._times[given] = self._times_of(*given)
        if times.fault:
            return times.fault
        severity = "clear" if times.over else identity.severity
        head = (
            f'{{"id":"{id}{self._head},"severity":"{severity}",{identity.attributes}{times.attributes}'
            f',"title":{_title(alert.annotations, identity)},"datacontenttype":"application/json","data":'
        )
        outline = Outline(id, self._source, None, TYPE, severity, identity.fingerprint, times.until)
        return b"%b%b}" % (head.encode(), document), outline

    def _times_of(self, starts_at: datetime | None, ends_at: datetime | None) -> _Times:
        now = self._now
        try:
            starts, ends = _given(starts_at), _given(ends_at)
        except OverflowError:
            return _Times("there is no such time")
        if starts is not None and ends is not None and ends < starts:
            return _Times("start time must be before end time")
        if ends is not None and ends <= now:
            return _Times("", True, f',"startsat":"{rfc3339(starts or ends)}"')
        until = rfc3339(ends) if ends is not None else self._lease
        return _Times("", False, f',"startsat":"{rfc3339(starts or now)}","endsat":"{until}"', until)


def _given(instant: datetime | None) -> datetime | None:
    """The instant in UTC; None for Go's zero time, which means that none was set."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    if instant < _YEAR_2:  # compared as instants: equal ones mean the same, whatever their zones
        return None
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


@lru_cache(4_096)
def rfc3339(instant: datetime) -> str:
    """The UTC instant as text, with milliseconds, as Alertmanager writes it."""
    return instant.isoformat(timespec="milliseconds")[:23] + "Z"


def _title(annotations: dict[str, str] | None, identity: Identity) -> str:
    if annotations:
        for name in TITLE_ANNOTATIONS:
            text = annotations.get(name)
            if text and (said := _known_title(text) if len(text) <= TITLE_LIMIT else _said(text)):
                return said
    return _said(f"{identity.name} on {identity.resource}")


def _said(text: str) -> str:
    """The text as a title in JSON; empty if nothing of it can be seen."""
    line = _line(text, TITLE_LIMIT)
    return _encode(line).decode() if line else ""


_known_title: Final = lru_cache(16_384)(_said)


def _line(text: str, limit: int) -> str:
    """The text as one line without control characters."""
    return (text if text.isprintable() else _CONTROLS.sub(" ", text)).strip()[:limit]


def identify(raw: bytes) -> Identity:
    """What a label set says, from its JSON. Empty values count as absent."""
    labels = {name: value for name, value in _labels(raw).items() if value}
    if not labels:
        return Identity("at least one label pair required")
    for name, value in labels.items():
        if not _LABEL_NAME(name):
            return Identity(f"invalid label set: invalid name {_go_quoted(name)}")
        if len(name) > VALUE_LIMIT or len(value) > VALUE_LIMIT:
            return Identity(f"invalid label set: {_go_quoted(name)} is longer than {VALUE_LIMIT} characters")
        if "\0" in value:
            return Identity(f"invalid label set: {_go_quoted(name)} holds a NUL")
    if len(labels) > LABELS_LIMIT:
        return Identity(f"invalid label set: {len(labels)} labels, the limit is {LABELS_LIMIT}")
    ordered = {name: labels[name] for name in sorted(labels)}
    text = _encode(ordered).decode()
    if len(text) > 16_384:
        return Identity("invalid label set: larger than 16 KiB")
    name = _line(labels.get("alertname", ""), VALUE_LIMIT) or "alert"
    resource = next((line for key in RESOURCE_LABELS if (line := _line(labels.get(key, ""), VALUE_LIMIT))), "unknown")
    attributes: dict[str, str] = {"resource": resource}
    service = _line(labels.get("service", ""), VALUE_LIMIT)
    if service:
        attributes["service"] = service
    attributes |= {"check": name, "fingerprint": fnv1a(labels), "labels": text}
    return Identity(
        "",
        name,
        resource,
        SEVERITY.get(labels.get("severity", "").lower(), "warning"),
        attributes["fingerprint"],
        _encode(attributes).decode()[1:-1],
    )


_known_identity: Final = lru_cache(32_768)(identify)


def _identity(alert: Postable) -> Identity:
    labels = bytes(alert.labels)
    return _known_identity(labels) if len(labels) <= CACHED_LABELS_LIMIT else identify(labels)


def _go_quoted(text: str) -> str:
    return _encode(text[:64]).decode()


# What the typed decode does not take: name the fault as the API does, or bring it into the form it takes


def _mended(index: int, document: bytes) -> bytes:
    """The alert without members that the API does not know, its times in one form. Raises `Unacceptable`."""
    try:
        alert = _value(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unparsable("alerts", str(error)) from error
    if not isinstance(alert, dict):
        raise unparsable("alerts", f"alert {index} is not an object")
    if alert.get("labels") is None:
        raise unfit(602, f"{index}.labels in body is required")
    mended: dict[str, Any] = {"labels": _strings(alert["labels"], "labels")}
    if alert.get("annotations") is not None:
        mended["annotations"] = _strings(alert["annotations"], "annotations")
    for name in ("startsAt", "endsAt"):
        instant = parse_time(alert.get(name), "alerts")
        if instant is not None:
            mended[name] = rfc3339(instant)
    url = alert.get("generatorURL")
    if url:
        if not isinstance(url, str):
            raise unparsable("alerts", "cannot unmarshal generatorURL into a string")
        if not _is_uri(url):
            raise unfit(601, f"{index}.generatorURL in body must be of type uri: {_go_quoted(url)}")
        mended["generatorURL"] = url
    return _encode(mended)


def _strings(value: Any, what: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise unparsable("alerts", f"cannot unmarshal {what}: they are an object of strings")
    return value


def parse_time(value: Any, what: str) -> datetime | None:
    """The instant in UTC, None if none is set. Raises `Unacceptable`."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return _given(msgspec.convert(value, datetime))
        except (msgspec.ValidationError, OverflowError):
            pass  # named below, as any other value that is no time
    raise unparsable(what, f'parsing time {_go_quoted(str(value))} as "2006-01-02T15:04:05Z07:00" failed')


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return " " not in text and bool(parts.scheme or text.startswith("/"))
