"""The ticket: the record of work, built in."""

from datetime import datetime
from typing import Literal

import msgspec

TicketState = Literal["new", "in_progress", "resolved", "closed"]

TRANSITIONS: dict[str, tuple[str, ...]] = {
    "new": ("in_progress", "resolved", "closed"),
    "in_progress": ("new", "resolved", "closed"),
    "resolved": ("in_progress", "closed"),
    "closed": (),
}


class Ticket(msgspec.Struct, kw_only=True, gc=False):
    """A ticket's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`TCK-` and a number, counted per journal."""
    namespace: str
    type: str
    """`incident`, `change`, `request` or `problem`."""
    title: str
    description: str
    state: TicketState
    severity: str | None
    priority: str | None
    service: str | None
    resource: str | None
    opened_by: str
    """The actor, or `policy:namespace/name`, or `run:id`."""
    opened_at: datetime
    updated_at: datetime
    assignee: str | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    incident: str | None = None
    run: str | None = None
    change: str | None = None
    position: str = ""
