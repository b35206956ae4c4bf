"""Builds the server's own input events: commands, results, samples, states."""

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec


def document(type_: str, source: str, data: Any, *, at: datetime | None = None, **attributes: str | None) -> bytes:
    """A structured-mode CloudEvent with a new id. Attributes that are None are left out."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": source,
        "type": type_,
        "time": instant(at or datetime.now(UTC)),
        "datacontenttype": "application/json",
    }
    event.update({name: value for name, value in attributes.items() if value is not None})
    event["data"] = data
    return msgspec.json.encode(event)


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
