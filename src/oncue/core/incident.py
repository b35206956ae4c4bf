"""The incident: alerts correlated into the one thing people work on. It has a priority P1 to P5."""

from datetime import datetime
from typing import Literal

import msgspec

from oncue.core.prioritise import Impact

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
    impact: Impact = Impact("medium", "")
    """The impact half of its priority."""
    subjects: tuple[str, ...] = ()
    """What it stands for, as `subject` says it: new alerts about these join it, or reopen it."""
    grew_at: tuple[datetime, ...] = ()
    """When alerts last joined it, the newest last."""
    linked: dict[str, float] = {}
    """Other incidents of which alerts lie near to alerts of this one, and by how many; enough of them make both one."""
    cause: str | None = None
    """The alert that explains others of it, as far as the topology tells."""
    merged: tuple[str, ...] = ()
    """Incidents that turned out to be about the same, and are part of it now."""
    merged_into: str | None = None
    """The incident that it became part of, which closed it."""
    touched: bool = False
    """Whether people gave it its shape: by hand it was merged, split, or had alerts moved. Then no rule merges it."""
    position: str = ""


def subject(service: str | None, resource: str | None) -> str:
    """The service if there is one, else the resource."""
    return f"service:{service}" if service is not None else f"resource:{resource}"


Role = Literal["cause", "symptom", "related"]


class Membership(msgspec.Struct, kw_only=True):
    """That an alert belongs to an incident, and which rule put it there."""

    id: str
    namespace: str
    incident: str
    alert: str
    rule: str
    """`first`, `same_alert`, `resource`, `service`, `upstream`, `downstream`, `nearby`, `merge` or `manual`."""
    reason: str
    """The rule's evidence in a sentence."""
    at: datetime
    role: Role = "related"
    """What the alert is to the others, as far as the rule tells."""
    by: str = "system"
    """Who put it there."""
    left_at: datetime | None = None
    """When it was moved away from the incident."""
    left_for: str | None = None
    """The incident that it went to; None with `left_at` if it stands alone."""


class Comment(msgspec.Struct, kw_only=True):
    """A remark on an incident or a ticket."""

    id: str
    namespace: str
    on_kind: Literal["incident", "ticket"]
    on_id: str
    by: str
    text: str
    at: datetime
