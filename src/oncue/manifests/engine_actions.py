"""What the actions take that the engine does itself, in the transaction of their step."""

from typing import Any, Final, Literal

import msgspec


class Link(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where more can be read."""

    url: str
    title: str = ""


class AlertEnrich(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Adds what was found out to an alert: the run's own unless another is named. An empty label or annotation takes the
    added one back."""

    alert: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    links: list[Link] = []
    note: str | None = None


class EventEmit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Emits an event; what is not given comes from the run."""

    type: str
    subject: str | None = None
    severity: Literal["clear", "info", "warning", "minor", "major", "critical"] | None = None
    resource: str | None = None
    service: str | None = None
    check: str | None = None
    fingerprint: str | None = None
    title: str | None = None
    labels: dict[str, str] = {}
    data: Any = None


class IncidentComment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Remarks on an incident: the run's own unless another is named."""

    text: str
    incident: str | None = None


class TicketCreate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Writes a ticket, and links it to the run's incident."""

    type: Literal["incident", "change", "request", "problem"] = "incident"
    title: str | None = None
    description: str | None = None
    incident: str | None = None


class TicketTransition(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Moves a ticket on; nothing if it is in the state already. `comment` is remarked on it before."""

    ticket: str
    state: Literal["new", "in_progress", "resolved", "closed"]
    comment: str | None = None


ENGINE_INPUTS: Final[dict[str, type[msgspec.Struct]]] = {
    "alert.enrich": AlertEnrich,
    "event.emit": EventEmit,
    "incident.comment": IncidentComment,
    "ticket.create": TicketCreate,
    "ticket.transition": TicketTransition,
}
"""What the actions that the engine does itself take."""
