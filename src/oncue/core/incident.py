"""The incident: alerts correlated into the one thing people work on. It has a priority P1 to P5."""

from datetime import datetime
from typing import Literal

import msgspec

from oncue.core.prioritise import Impact

IncidentState = Literal["open", "acknowledged", "resolved", "closed"]

Part = Literal["commander", "communications", "scribe", "responder"]
"""What someone does in an incident. All but `responder` are done by one person at a time."""

CauseOf = Literal[
    "capacity", "change", "configuration", "dependency", "false_alarm", "hardware", "human", "network", "security",
    "software", "unknown", "other",
]  # fmt: skip
"""What kind of thing was behind an incident."""


class Responder(msgspec.Struct, frozen=True):
    """Someone who works on an incident."""

    name: str
    role: Part
    since: datetime
    by: str
    """Who put them there."""


class Link(msgspec.Struct, frozen=True):
    """Something elsewhere that has to do with an incident."""

    target: str
    """An address (`https://...`), or the id of an incident, ticket or change."""
    title: str
    by: str
    at: datetime


class Edit(msgspec.Struct, frozen=True):
    """That a person set what is otherwise computed. It stands until it is taken back."""

    field: Literal["title", "severity", "priority"]
    by: str
    at: datetime
    reason: str


class Resolution(msgspec.Struct, frozen=True):
    """How an incident ended, as a person says it."""

    note: str
    cause: CauseOf | None
    by: str
    at: datetime


class UpdatePlan(msgspec.Struct, frozen=True):
    """When stakeholders are to hear of an incident again."""

    every_s: float
    """The period, in seconds."""
    due_at: datetime
    by: str
    """Who promised it."""
    missed: int = 0
    """How often it has been missed since the last one."""


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
    began_at: datetime | None = None
    """When it opened, or opened again: from then on targets count."""
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
    unheard: dict[str, str] = {}
    """Those of them that nothing has reached yet, with the newest notification that is on its way there, if it has left."""
    escalations: tuple[str, ...] = ()
    """Those that have not ended."""
    respond_by: datetime | None = None
    """When someone is to have acknowledged it; None if that is done, or no target says so."""
    resolve_by: datetime | None = None
    """When it is to be over; None if no target says so."""
    missed: tuple[str, ...] = ()
    """Targets that were missed: `respond`, `resolve`."""
    snoozed_until: datetime | None = None
    """When someone wants to be told that it goes on."""
    woke_at: datetime | None = None
    """The end of its last snooze, which people were told of."""
    tickets: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    reopened: int = 0
    impact: Impact = Impact("medium", "")
    """The impact half of its priority."""
    subjects: tuple[str, ...] = ()
    """What it stands for, as `subject` says it: new alerts about these join it, or reopen it."""
    grew_at: tuple[datetime, ...] = ()
    """When alerts last joined it, the newest last."""
    strayed: tuple[str, ...] = ()
    """Alerts of it that came back and call no one after it was over, the last 200: if one of them is heard and comes back to
    it, it is not counted again."""
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
    description: str = ""
    """What people should know of it, as they wrote it."""
    opened_by: str = "system"
    """Who opened it; `system` where an alert did."""
    held_by: str | None = None
    """Who opened or reopened it by hand: then it ends when a person resolves it, whatever its alerts do."""
    edited: tuple[Edit, ...] = ()
    """What of title, severity and priority a person set."""
    resolution: Resolution | None = None
    responders: tuple[Responder, ...] = ()
    links: tuple[Link, ...] = ()
    tasks: tuple[str, ...] = ()
    """Ids of its tasks; the actions of its review are with the review."""
    checklists: tuple[str, ...] = ()
    updates: UpdatePlan | None = None
    known_errors: tuple[str, ...] = ()
    """Problems that it matches, or that people say it comes from."""
    ruled_out: tuple[str, ...] = ()
    """Problems that people say it does not come from, whatever alerts join it."""
    changes: tuple[str, ...] = ()
    """Change records that its alerts have to do with: made where one of them began, or upstream of that, soon before."""
    position: str = ""

    def by_hand(self, field: str) -> bool:
        """Whether a person set this field."""
        return any(edit.field == field for edit in self.edited)


def subject(service: str | None, resource: str | None) -> str:
    """The service if there is one, else the resource."""
    return f"service:{service}" if service is not None else f"resource:{resource}"


Role = Literal["cause", "symptom", "related"]


class Membership(msgspec.Struct, kw_only=True, gc=False):
    """That an alert belongs to an incident, and which rule put it there."""

    id: str
    namespace: str
    incident: str
    alert: str
    rule: str
    """`first`, `same_alert`, `fields`, `resource`, `service`, `upstream`, `downstream`, `nearby`, `change`, `merge` or
    `manual`."""
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

    @property
    def state(self) -> str:
        """`member` or `left`: what lists go by."""
        return "member" if self.left_at is None else "left"


class Comment(msgspec.Struct, kw_only=True):
    """A remark on an incident or a ticket."""

    id: str
    namespace: str
    on_kind: Literal["incident", "ticket"]
    on_id: str
    by: str
    text: str
    at: datetime
