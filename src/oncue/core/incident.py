"""The incident: alerts correlated into the one thing people work on. It has a priority P1 to P5."""

from datetime import datetime
from typing import Literal

import msgspec

IncidentState = Literal["open", "acknowledged", "resolved", "closed"]


class Incident(msgspec.Struct, kw_only=True, gc=False):
    """An incident's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`INC-` and a number, counted per journal."""
    namespace: str
    title: str
    state: IncidentState
    severity: str
    priority: Literal["P1", "P2", "P3", "P4", "P5"]
    priority_reason: str
    """The computation, in words: impact, urgency, and where each comes from."""
    service: str | None
    resource: str | None
    alerts_firing: int
    alerts_total: int
    opened_at: datetime
    updated_at: datetime
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    assignee: str | None = None
    owner: str | None = None
    """The owner of the service, as `team:name`."""
    told: tuple[str, ...] = ()
    """Channels, as `namespace/name`, that were notified and will hear of the end."""
    tickets: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    reopened: int = 0
    joinable: bool = True
    """Whether it is the one that new alerts about the same thing join, or reopen."""
    position: str = ""


def about(incident: Incident) -> str:
    """What an incident is about: alerts about the same thing join it."""
    return subject(incident.service, incident.resource)


def subject(service: str | None, resource: str | None) -> str:
    """The service if there is one, else the resource."""
    return f"service:{service}" if service is not None else f"resource:{resource}"


class Membership(msgspec.Struct, kw_only=True):
    """That an alert belongs to an incident, and which rule put it there."""

    id: str
    namespace: str
    incident: str
    alert: str
    rule: str
    reason: str
    at: datetime


class Comment(msgspec.Struct, kw_only=True):
    """A remark on an incident or a ticket."""

    id: str
    namespace: str
    on_kind: Literal["incident", "ticket"]
    on_id: str
    by: str
    text: str
    at: datetime
