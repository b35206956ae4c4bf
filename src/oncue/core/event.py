"""The event: a CloudEvent 1.0 with OnCue's operational attributes as extensions.

The engine reads one form only, a CloudEvents JSON document in structured mode. Sources hand over the producer's
bytes when they are such a document, and otherwise wrap the producer's payload, verbatim, as its `data`. What is
decoded here has been validated at the edge (`plugins/sources/cloudevents.py`); this decoder is lenient and fast.
Source: CloudEvents 1.0.2, https://github.com/cloudevents/spec, sections 3 and 3.1 of the JSON format.
"""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

LABELS_LIMIT: Final = 64
"""Labels an event may carry."""


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One CloudEvent as the engine sees it. `labels` is on the wire a string that holds a JSON object."""

    id: str
    source: str
    type: str
    specversion: str = "1.0"
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    severity: str | None = None
    resource: str | None = None
    service: str | None = None
    namespace: str | None = None
    check: str | None = None
    fingerprint: str | None = None
    title: str | None = None
    labels: str | None = None
    startsat: str | None = None
    """When the condition began, if the producer says so (RFC 3339)."""
    endsat: str | None = None
    """Until when the alert holds unless it is repeated (RFC 3339): a lease, as Prometheus sends it."""
    causationid: str | None = None
    correlationid: str | None = None
    traceparent: str | None = None
    tokenowner: str | None = None
    """Of a command: `user:name` of whoever answers for the token with which it was given, where that is no person's own."""
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


decode: Final = msgspec.json.Decoder(Event).decode
"""Structured-mode JSON bytes to an `Event`. Raises `msgspec.DecodeError` on what validation should have refused."""

encode: Final = msgspec.json.Encoder().encode

_labels: Final = msgspec.json.Decoder(dict[str, str]).decode
_object: Final = msgspec.json.Decoder().decode


def labels_of(event: Event) -> dict[str, str]:
    """The event's labels as a mapping; empty if it has none."""
    return _labels(event.labels) if event.labels else {}


def data_of(event: Event) -> Any:
    """The event's payload as JSON value; None if it has none or it is not JSON."""
    return _object(event.data) if event.data else None


def said(at: datetime) -> str:
    """An instant in UTC as texts have it: RFC 3339, to the second."""
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def instant(text: str | None) -> datetime | None:
    """An RFC 3339 instant in UTC, None for None. Raises `ValueError` if the text is not one."""
    if text is None:
        return None
    try:
        parsed = msgspec.convert(text, datetime)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ValueError(str(error)) from error
