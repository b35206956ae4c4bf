"""The ticket: the record of work, built in."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from oncue.core.incident import Link

TicketType = Literal["incident", "change", "request", "problem"]

TicketState = Literal["new", "in_progress", "resolved", "closed"]

CloseCode = Literal[
    "solved", "workaround", "by_itself", "no_fault", "duplicate", "not_done",
    "successful", "successful_with_issues", "unsuccessful", "backed_out",
]  # fmt: skip
"""How the work ended; the last four are those of changes."""

Target = Annotated[
    str,
    msgspec.Meta(pattern=r"^(https?://[^\s]{1,2000}|[A-Za-z][A-Za-z_]{0,19}-[A-Za-z0-9-]{1,60})$"),
]
"""An address, or the id of a ticket, incident, alert, run, problem or change."""

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
    """The run that wrote it."""
    change: str | None = None
    """The change whose work it records."""
    links: tuple[Link, ...] = ()
    """What it has to do with besides."""
    close_code: CloseCode | None = None
    resolution: str = ""
    """How it ended, as a person or a run says it."""
    resolved_by: str | None = None
    reopened: int = 0
    """How often it was resolved and went on."""
    position: str = ""
