"""The mirror of a ticket in another system: what configuration says of it, its row, and what passes between the two.

A kind of manifest, as those of `manifest`, and the payloads of effects of the kind `itsm`, as plugins get them.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.duration import Duration
from oncue.core.prioritise import Priority
from oncue.core.spec import Spec
from oncue.core.ticket import Ticket, TicketState, TicketType

KIND: Final = "TicketMirror"
ROW: Final = "ticket_mirror"
CELL: Final = "mirror"
REMARKS_AT_ONCE: Final = 20
"""Remarks that one push carries."""
REMARKS_KEPT: Final = 500
"""Remarks that wait while the other system is away; of more only the number is kept."""
REMARK_LIMIT: Final = 8_000
"""Characters of a remark that are sent."""

Mapped = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class TicketMirrorSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """Keeps tickets of the namespace in step with another system. Each has one counterpart there, whatever crashes or is
    away in between; what waits goes out in order when the system is back."""

    system: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    """What it is: `servicenow`, `jira`, `github`, `gitlab`, `webhook`, or of a plugin."""
    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/][^\s]{0,2000}$")]
    """Where it answers, as `https://example.service-now.com`."""
    description: str | None = None
    """Who works there."""
    with_: dict[str, Any] = {}
    """What the system takes; credentials as `secret://name`."""
    types: list[TicketType] = []
    """Types of tickets that are mirrored; all if none is given."""
    when: str | None = None
    """CEL over `ticket`: which of them are mirrored. A ticket that is mirrored stays so."""
    states: dict[TicketState, Mapped] = {}
    """The system's state for each of ours, where it is not the usual one."""
    priorities: dict[Priority, Mapped] = {}
    """The system's priority for each of ours, where it is not the usual one."""
    assignees: dict[Mapped, Mapped] = {}
    """Whom the system means by our assignees; others are not sent."""
    fields: dict[str, Any] = {}
    """Fields of the system that every new ticket has there besides."""
    inbound: bool = False
    """Whether states and remarks come from there as well."""
    inbound_states: dict[Mapped, TicketState] = {}
    """Our state for each of the system's, where it is not the usual one."""
    poll: Duration = "1m"
    """How often the system is asked what is new; with `inbound`."""
    hears: Annotated[list[Mapped], msgspec.Meta(max_length=20)] = []
    """Types of events of the namespace after which it is asked within seconds, as `github.issue*`; `*` stands for any
    text. A Source receives them."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket as other systems are told of it."""

    id: str
    type: TicketType
    title: str
    description: str
    state: TicketState
    severity: str | None = None
    priority: Priority | None = None
    service: str | None = None
    resource: str | None = None
    assignee: str | None = None
    incident: str | None = None
    change: str | None = None
    close_code: str | None = None
    resolution: str = ""
    opened_by: str = ""
    opened_at: datetime


def view_of(ticket: Ticket) -> View:
    """The ticket as it is now."""
    return msgspec.convert(ticket, View, from_attributes=True)


class Remark(msgspec.Struct, frozen=True):
    """A comment on its way."""

    id: str
    """Its key: the other system gets it once."""
    by: str
    at: datetime
    text: str


class Mirrored(msgspec.Struct, kw_only=True, gc=False):
    """A ticket's counterpart in another system. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`TCK-1/namespace/name` of ticket and mirror."""
    namespace: str
    ticket: str
    mirror: str
    """`namespace/name`."""
    system: str
    state: Literal["pending", "in_step", "failing", "ended"]
    """`pending`: something is on its way, or waits for another try; `failing`: that has failed several times in a row;
    `ended`: the ticket is closed and the other one knows, or the mirror is gone."""
    key: str
    """By which the other system knows the ticket for ours."""
    remote: str | None = None
    """The other system's own id; None until there is one."""
    number: str | None = None
    """What people there call it."""
    url: str | None = None
    """Where people see it."""
    remote_state: str | None = None
    """The state that it has there, in the system's own word, as far as we know."""
    wanted: View
    """What the other system is to know."""
    wanted_at: datetime
    """When our state last changed."""
    version: int = 0
    """How often what it is to know has changed."""
    sent: View | None = None
    """What it knows."""
    waiting: tuple[Remark, ...] = ()
    """Remarks that it does not have yet, in order."""
    dropped: int = 0
    """Remarks that were too many to wait."""
    taken: tuple[str, ...] = ()
    """The system's ids of the newest remarks that came from there."""
    effect: str | None = None
    """What is on its way."""
    settled_in: int = 0
    """Position at which the last of it arrived."""
    failures: int = 0
    """Tries in a row that failed."""
    failing_since: datetime | None = None
    error_code: str | None = None
    error: str | None = None
    next_try_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    position: str = ""

    @property
    def behind(self) -> bool:
        """Whether the other system lacks something."""
        return self.wanted != self.sent or bool(self.waiting)


class MirrorState(msgspec.Struct, frozen=True):
    """What the engine knows of a mirror as a whole: a cell."""

    failing: int = 0
    """Tickets whose counterparts fail."""
    error: str = ""
    """Why the last try failed."""
    said: bool = False
    """Whether an alert says that it fails."""
    cursor: str | None = None
    """How far news was taken, as the system's plugin writes it."""
    asking: str | None = None
    """The effect that asks for news."""
    heard: bool = False
    """Whether something changed there while it was being asked, so that it is asked again at once."""
    vain: int = 0
    """How often in a row it was asked in vain."""


class Push(msgspec.Struct, kw_only=True, rename={"with_": "with"}):
    """What another system is to know of a ticket."""

    mirror: str
    url: str
    with_: dict[str, Any] = {}
    key: str
    """The ticket's stable key: there must never be two with it."""
    ticket: View
    before: View | None = None
    """What the system was told last; None if it may know nothing."""
    remote: str | None = None
    """The system's id of the ticket; None if it is not known, which does not mean that there is none."""
    remarks: list[Remark] = []
    """What is to be added, in order."""
    again: bool = False
    """Whether the same may have arrived before, wholly or in part."""
    version: int = 0
    """How often the ticket has changed by now: one that is as it was once before has another."""
    states: dict[TicketState, str] = {}
    priorities: dict[Priority, str] = {}
    assignees: dict[str, str] = {}
    fields: dict[str, Any] = {}


class Pushed(msgspec.Struct, kw_only=True):
    """That the other system knows it."""

    remote: str
    number: str | None = None
    url: str | None = None
    state: str | None = None
    """The state that the ticket has there now, in the system's own word."""


class Pull(msgspec.Struct, kw_only=True, rename={"with_": "with"}):
    """Ask for what changed in another system."""

    mirror: str
    url: str
    with_: dict[str, Any] = {}
    cursor: str
    """What the answer before gave; an instant, as `2026-03-01T03:00:00Z`, the first time."""
    types: list[str] = []
    """Types of tickets that are mirrored; all if empty."""
    states: dict[TicketState, str] = {}
    inbound_states: dict[str, TicketState] = {}


class News(msgspec.Struct, kw_only=True):
    """One ticket that changed there."""

    remote: str
    state: str
    """In the system's own word."""
    means: TicketState | None = None
    """Our state for it; None if there is none."""
    by: str | None = None
    updated_at: datetime
    remarks: list[Remark] = []
    """Those of other people there, the oldest first; never ours."""


class Pulled(msgspec.Struct, kw_only=True):
    """What changed."""

    news: list[News]
    cursor: str
    more: bool = False
    """Whether there is more to ask for at once."""
