"""PagerDuty's Events API v2: alert events and change events of any client that speaks it.

| event | from the request |
|---|---|
| `type` | `pagerduty.trigger`, `pagerduty.acknowledge`, `pagerduty.resolve`, `pagerduty.change` |
| `fingerprint` | the source's name, a colon, `dedup_key` |
| `severity` | `critical`, `error` (major), `warning`, `info`; `clear` for resolve, none for acknowledge and change |
| `resource` | `payload.source` |
| `check` | `payload.class` |
| `service` | the source manifest's |
| `labels` | the source manifest's, and `component`, `group`, `class`, `client` |
| `title` | `payload.summary` |
| `startsat` | `payload.timestamp` |
| `data` | the request without `routing_key`; the key is masked wherever else it stands |

The routing key is the sender's credential. It names the source, and is cut before anything is kept. A source of this
type that is posted to at an address of its own is known by its token, and needs no key in the body.

Source: PagerDuty's Events API v2 and its OpenAPI document; wording of the errors as clients report it.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec

from oncue.plugins.sources.cloudevents import ATTRIBUTE_LIMIT, DEPTH_LIMIT, too_deep
from oncue.sdk.source import (
    EVENT_LIMIT,
    Alert,
    Clock,
    Command,
    Ingest,
    Message,
    Parsed,
    Refusal,
    Reply,
    Request,
    decode_document,
    outline,
)

BODY_LIMIT: Final = 524_288
"""Bytes of one request."""
KEY_LENGTH: Final = 32
DEDUP_KEY_LIMIT: Final = 255
SUMMARY_LIMIT: Final = 1_024
SEVERITY: Final = {"critical": "critical", "error": "major", "warning": "warning", "info": "info"}
LABELS: Final = ("component", "group", "class")
MASK: Final = b"********"

PATHS: Final = {"/v2/enqueue": "alert", "/v2/change/enqueue": "change"}
"""Path below the mount to the kind of event."""

_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]+")


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """The source that a routing key belongs to, as its manifest describes it."""

    name: str
    namespace: str
    service: str | None = None
    labels: dict[str, str] = {}


class Enqueued(msgspec.Struct, kw_only=True):
    """A valid request."""

    action: str
    """`trigger`, `acknowledge`, `resolve`, `change`."""
    dedup_key: str | None
    document: bytes
    """The event, in structured mode."""
    fingerprint: str | None


class Invalid(Exception):
    """The request breaks the API's rules: answered with 400, which clients do not retry."""

    def __init__(self, *errors: str) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


ResolveKey = Callable[[str], Awaitable[Sender | None]]
"""The source whose manifest names a secret with this value. Compares in constant time; None if there is none."""
FindAlert = Callable[[str, str], Awaitable[Alert | None]]
"""The firing alert of this namespace and fingerprint."""


class PagerDutySource:
    """Configured sources of type `pagerduty`, at an address of their own."""

    name = "pagerduty"

    def parse(self, message: Message) -> Parsed:
        """The alert event in the message; a refused one is `rejected[0]`, and nothing is raised. An acknowledgement is
        recorded, but acknowledges nothing here: that is what the endpoint `/pagerduty` is for."""
        try:
            fields, data, _ = opened(message.body, "")
            sender = Sender(name=message.name, namespace="", service=message.service, labels=message.labels)
            enqueued = enqueue(fields, data, sender, "alert", message.now)
        except Invalid as error:
            return Parsed([], [], [(0, "event.malformed", str(error), redacted(message.body))])
        except Refusal as refusal:
            return Parsed([], [], [(0, refusal.code, refusal.detail, redacted(message.body))])
        return Parsed([enqueued.document], [outline(decode_document(enqueued.document))])


class PagerDutyEndpoint:
    """Answers what is posted below `/pagerduty`.

    `await endpoint(request)` with `request.path` `/v2/enqueue` or `/v2/change/enqueue`. No token is asked for: the
    routing key in the body says who sends (`resolve_key`), and with it the namespace. Raises `Refusal` for overload and
    an unavailable store, whose statuses (429, 503) clients retry.
    """

    def __init__(
        self,
        *,
        ingest: Ingest,
        command: Command,
        resolve_key: ResolveKey,
        find_alert: FindAlert,
        clock: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._ingest = ingest
        self._command = command
        self._resolve_key = resolve_key
        self._find_alert = find_alert
        self._clock = clock

    async def __call__(self, request: Request) -> Reply:
        """The answer."""
        kind = PATHS.get(request.path.rstrip("/"))
        if kind is None:
            return _reply(404, {"status": "Not Found", "message": f"there is nothing at {request.path}"})
        if request.method != "POST":
            reply = _reply(405, {"status": "Method Not Allowed", "message": "events are posted"})
            reply.headers = {"allow": "POST"}
            return reply
        try:
            return await self._enqueue(kind, request)
        except Invalid as error:
            return _refused(error)

    async def _enqueue(self, kind: str, request: Request) -> Reply:
        fields, data, key = opened(request.body, request.header(b"x-routing-key"))
        sender = await self._resolve_key(_checked_key(key))
        if sender is None:
            raise Invalid("Invalid routing key")
        origin, actor = f"source:{sender.name}", f"source:{sender.name}"
        try:
            enqueued = enqueue(fields, data, sender, kind, self._clock())
        except Invalid as error:
            refused = Parsed([], [], [(0, "event.malformed", str(error), data)])
            await self._ingest(refused, namespace=sender.namespace, origin=origin, actor=actor)
            raise
        parsed = Parsed([enqueued.document], [outline(decode_document(enqueued.document))])
        await self._ingest(parsed, namespace=sender.namespace, origin=origin, actor=actor)
        if kind == "change":
            return _reply(202, {"status": "success", "message": "Change event processed"})
        if enqueued.action == "acknowledge" and enqueued.fingerprint is not None:
            await self._acknowledge(sender.namespace, enqueued.fingerprint, actor)
        return _reply(202, {"status": "success", "message": "Event processed", "dedup_key": enqueued.dedup_key})

    async def _acknowledge(self, namespace: str, fingerprint: str, actor: str) -> None:
        """Acknowledge the alert if it is open; without one there is nothing to do."""
        alert = await self._find_alert(namespace, fingerprint)
        if alert is None or alert.acknowledged_by is not None:
            return
        reply = await self._command(
            "oncue.command.alert.acknowledge", {"alert": alert.id}, namespace=namespace, actor=actor
        )
        code = reply.get("code")
        if code is not None and code not in ("alert.not_found", "alert.resolved"):
            raise Refusal(code, reply.get("detail", ""))


def opened(body: bytes, header_key: str) -> tuple[dict[str, Any], bytes, str]:
    """The request's members, its bytes without the routing key, and that key. Raises `Invalid`; `Refusal`
    request.too_large."""
    if len(body) > BODY_LIMIT:
        raise Refusal("request.too_large", f"{len(body)} bytes, the limit is {BODY_LIMIT}")
    try:
        body.decode()
        if too_deep(body):
            raise Invalid(f"JSON is nested more than {DEPTH_LIMIT} levels")
        fields = _value(body)
        members = _members(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"JSON cannot be parsed: {error}") from error
    members.pop("routing_key", None)
    key = fields.pop("routing_key", None) or header_key
    if not isinstance(key, str):
        raise Invalid("'routing_key' is not a string")
    data = _encode(members)
    if len(key) >= KEY_LENGTH and key.isalnum() and key.encode() in data:
        data = data.replace(key.encode(), MASK)
        fields = _value(data)
    return fields, data, key


_KEY_MEMBER: Final = re.compile(rb'("routing_key"\s*:\s*)"(?:[^"\\]|\\.)*"?')


def redacted(body: bytes) -> bytes:
    """What is kept of a body that was refused, perhaps because it cannot be read: without the routing key."""
    return _KEY_MEMBER.sub(rb'\1"' + MASK + b'"', body[:EVENT_LIMIT])


def _checked_key(key: str) -> str:
    errors = []
    if not key:
        raise Invalid("'routing_key' is missing or blank")
    if len(key) != KEY_LENGTH:
        errors.append(f"Length of 'routing_key' is incorrect (should be {KEY_LENGTH} characters)")
    if not (key.isascii() and key.isalnum()):
        errors.append("'routing_key' cannot contain non-alphanumeric characters.")
    if errors:
        raise Invalid(*errors)
    return key


def enqueue(fields: dict[str, Any], data: bytes, sender: Sender, kind: str, now: datetime) -> Enqueued:
    """The request as an event of this sender. `kind` is `alert` or `change`. Raises `Invalid`."""
    action = _action(fields, kind)
    dedup_key = _dedup_key(fields, action)
    payload = fields.get("payload")
    if payload is None and action in ("acknowledge", "resolve"):
        payload = {}
    elif not isinstance(payload, dict):
        raise Invalid("'payload' is missing or blank" if payload is None else "'payload' is not an object")
    elif action in ("trigger", "change"):
        _check_payload(payload, action)
    fingerprint = f"{sender.name}:{dedup_key}" if dedup_key is not None else None
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": f"/pagerduty/{sender.name}",
        "type": f"pagerduty.{action}",
        "time": now,
        "resource": _line(payload.get("source")) or sender.name,
        "check": _line(payload.get("class")),
        "service": sender.service,
        "severity": _severity(action, payload),
        "fingerprint": None if fingerprint is None else _CONTROLS.sub(" ", fingerprint),
        "title": _line(payload.get("summary")),
        "labels": _labels(fields, payload, sender),
        "startsat": _timestamp(payload.get("timestamp")),
        "datacontenttype": "application/json",
        "data": msgspec.Raw(data),
    }
    document = _encode({name: value for name, value in attributes.items() if value is not None})
    return Enqueued(action=action, dedup_key=dedup_key, document=document, fingerprint=attributes["fingerprint"])


def _action(fields: dict[str, Any], kind: str) -> str:
    if kind == "change":
        return "change"
    match fields.get("event_action"):
        case "trigger" | "acknowledge" | "resolve" as action:
            return str(action)
    raise Invalid("'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')")


def _severity(action: str, payload: dict[str, Any]) -> str | None:
    """Only what opens or ends an alert has one."""
    if action == "trigger":
        return SEVERITY[payload["severity"]]
    return "clear" if action == "resolve" else None


def _dedup_key(fields: dict[str, Any], action: str) -> str | None:
    if action == "change":
        return None
    key = fields.get("dedup_key")
    if key is None or key == "":
        if action != "trigger":
            raise Invalid("'dedup_key' is missing or blank")
        return uuid4().hex
    if not isinstance(key, str):
        raise Invalid("'dedup_key' is not a string")
    if len(key) > DEDUP_KEY_LIMIT:
        raise Invalid(f"Length of 'dedup_key' is incorrect (should be at most {DEDUP_KEY_LIMIT} characters)")
    return key


def _check_payload(payload: dict[str, Any], action: str) -> None:
    errors = []
    for name in ("summary", "source") if action == "trigger" else ("summary",):
        value = payload.get(name)
        if value is None or value == "":
            errors.append(f"'payload.{name}' is missing or blank")
        elif not isinstance(value, str):
            errors.append(f"'payload.{name}' is not a string")
        elif len(value) > (SUMMARY_LIMIT if name == "summary" else ATTRIBUTE_LIMIT):
            errors.append(f"Length of 'payload.{name}' is incorrect (should be at most {SUMMARY_LIMIT} characters)")
    severity = payload.get("severity")
    if action == "trigger" and (not isinstance(severity, str) or severity not in SEVERITY):
        errors.append(
            "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
        )
    if errors:
        raise Invalid(*errors)


def _labels(fields: dict[str, Any], payload: dict[str, Any], sender: Sender) -> str | None:
    labels = dict(sender.labels)
    given = {name: payload.get(name) for name in LABELS} | {"client": fields.get("client")}
    labels.update({name: line for name, value in given.items() if (line := _line(value)) is not None})
    return _encode(labels).decode() if labels else None


def _line(value: Any) -> str | None:
    """The text as one line within the limit of an attribute; None for what is no text, or none that can be seen."""
    if not isinstance(value, str):
        return None
    return _CONTROLS.sub(" ", value).strip()[:ATTRIBUTE_LIMIT] or None


def _timestamp(value: Any) -> datetime | None:
    """When it happened, if the sender says so in a form that can be read."""
    try:
        instant = msgspec.convert(value, datetime)
        return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (msgspec.ValidationError, OverflowError):
        return None


def _refused(error: Invalid) -> Reply:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(error.errors)}
    return _reply(400, body)


def _reply(status: int, body: dict[str, Any]) -> Reply:
    return Reply(status=status, body=_encode(body), content_type="application/json")
