"""What the actions take that the engine does itself, in the transaction of their step. `run_acts` does them.

What is left out is the run's own: its alert, its incident.
"""

from typing import Annotated, Any

import msgspec

from oncue.core.change_record import Pointer
from oncue.core.contact import Addressee
from oncue.core.duration import Duration
from oncue.core.handling import Severity
from oncue.core.incident import CauseOf
from oncue.core.prioritise import Priority
from oncue.core.severity import Severity as EventSeverity
from oncue.core.silence import MATCHERS_LIMIT, Matcher
from oncue.core.ticket import CloseCode, Target, TicketState, TicketType

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Reason = Annotated[str, msgspec.Meta(max_length=1000)]


class OnAlert(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An alert is meant."""

    alert: str | None = None
    """Its id; the run's own unless another is named."""


class AlertAcknowledge(OnAlert, kw_only=True, forbid_unknown_fields=True):
    """Says that a firing alert is dealt with: by the run. Gives `alert` and `changed`, which is false if someone said so
    before."""


class AlertResolve(OnAlert, kw_only=True, forbid_unknown_fields=True):
    """Ends an alert: one that is reported again fires again. Gives `alert` and `changed`, which is false if it was over."""


class AlertUnsnooze(OnAlert, kw_only=True, forbid_unknown_fields=True):
    """Takes a snooze back: people are told of the firing alert again. Gives `alert`."""


class AlertEnrich(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Adds what was found out to an alert: the run's own unless another is named. An empty label or annotation takes the
    added one back. Gives `alert` and `changed`."""

    alert: str | None = None
    """Its id."""
    labels: dict[str, str] = {}
    """Names and values, at most 32."""
    annotations: dict[str, str] = {}
    """Names and values, at most 32."""
    links: list[Pointer] = []
    """`url`, and the `title` that is shown for it."""
    note: str | None = None
    """A remark."""


class AlertSnooze(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Keeps a firing alert quiet for a while; if it still fires then, people are told. Gives `alert` and `until`."""

    alert: str | None = None
    """Its id; the run's own unless another is named."""
    for_: Duration = msgspec.field(name="for")
    """How long, as `2h`."""
    reason: Reason = ""
    """What people read who ask why it is quiet."""


class SilenceSet(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Begins a silence, as of a host while it is rebooted. Gives its id as `silence`, for `silence.expire`, and `until`."""

    matchers: Annotated[tuple[Matcher, ...], msgspec.Meta(min_length=1, max_length=MATCHERS_LIMIT)]
    """`name`, `value`, and if need be `is_regex` and `is_equal`; all of them must hold."""
    for_: Duration = msgspec.field(name="for")
    """How long at the most, as `30m`: it ends by itself then, even if the run does not."""
    comment: Reason = ""
    """What people read who ask why it is quiet."""


class SilenceExpire(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Ends a silence now: what still fires is heard again. Gives `silence` and `changed`, which is false if it had ended."""

    silence: str
    """Its id."""


class EventEmit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Emits an event into the run's namespace; policies see it as one from outside. Gives its id as `event`."""

    type: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    """Of the event; those that begin with `oncue.` are OnCue's own."""
    subject: str | None = None
    """What in the source it is about."""
    severity: EventSeverity | None = None
    """`warning` and above begin an alert, `clear` ends it; without one it is recorded only."""
    resource: str | None = None
    """What it is about."""
    service: str | None = None
    """What people depend on that it concerns."""
    check: str | None = None
    """Which condition of the resource it is about."""
    fingerprint: str | None = None
    """Tells alerts apart, instead of type, resource and check."""
    title: str | None = None
    """One line for people."""
    labels: dict[str, str] = {}
    """Names and values that go with it."""
    data: Any = None
    """Its payload."""


class IncidentAcknowledge(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Says that an incident is dealt with, by the run: nobody else is called. Gives `incident` and `changed`, which is false
    if someone said so before."""

    incident: str | None = None
    """Its id; the run's own unless another is named."""


class IncidentOpen(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Opens an incident without an alert. The owner of the service is told; alerts about the same join it. It ends when a
    person or a step resolves it. Gives its id as `incident`, and its `priority`."""

    title: Title
    """One line for people."""
    description: Text = ""
    """What there is to know."""
    severity: Severity = "major"
    """With the service's criticality it makes the priority."""
    service: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """What it is about; the run's own unless another, or a resource, is named."""
    resource: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """What it is about, if that is no service."""


class IncidentUpdate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Changes what an incident is called and how much it matters. What is set stands, whatever alerts join it; those who
    were told hear of a higher priority. Gives `incident`, `severity` and `priority`."""

    incident: str | None = None
    """Its id; the run's own unless another is named."""
    title: Title | None = None
    """One line for people."""
    description: Text | None = None
    """What there is to know."""
    severity: Severity | None = None
    """How bad it is."""
    priority: Priority | None = None
    """How much it matters."""
    reason: Reason = ""
    """Why, for its timeline."""


class IncidentResolve(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Ends an incident and its alerts: one that is reported again brings it back. Gives `incident` and `changed`, which is
    false if it was over."""

    incident: str | None = None
    """Its id; the run's own unless another is named."""
    note: Text = ""
    """How it ended."""
    cause: CauseOf | None = None
    """What was behind it."""


class IncidentEscalate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Calls more people, as when the automation could not help. Gives `incident`."""

    incident: str | None = None
    """Its id; the run's own unless another is named."""
    to: str | None = None
    """`user:name`, `team:name`, `channel:name` or `escalation:name`; by default the next level of what is under way."""


class IncidentComment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Remarks on an incident: the run's own unless another is named. Gives `incident`, and the id of the `comment`."""

    text: Text
    """The remark."""
    incident: str | None = None
    """Its id."""


class NotifySend(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Tells people something. It pages nobody: nobody has to acknowledge it, and quiet hours are kept unless it is
    important. To have an incident dealt with, use `incident.escalate`. Gives the `channels` by which it leaves, the
    `notifications` that bring it there, and who is `missing`, if someone cannot be reached."""

    to: Annotated[tuple[Addressee, ...], msgspec.Meta(min_length=1, max_length=50)]
    """Whom: `user:name`, `team:name`, `channel:name`."""
    title: Title
    """One line."""
    text: Text = ""
    """The rest."""
    severity: EventSeverity | None = None
    """How it is shown where the medium has colours."""
    details: Annotated[dict[str, str], msgspec.Meta(max_length=50)] = {}
    """Names and values, shown as a table."""
    important: bool = False
    """It cannot wait: people are told by their ways for what is important, and in their quiet hours, too."""


class TicketGet(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Reads a ticket that is not closed; the result is the ticket as it is now."""

    ticket: str
    """Its id, as `TCK-12`."""


class TicketCreate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Writes a ticket, and links it to the run's incident. Gives its id as `ticket`."""

    type: TicketType = "incident"
    """What kind of work it records."""
    title: str | None = None
    """One line; that of the incident, or the workflow's name."""
    description: str | None = None
    """What there is to know."""
    incident: str | None = None
    """The incident that it is about; the run's own unless another is named."""


class TicketComment(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Remarks on a ticket. Gives `ticket`, and the id of the `comment`."""

    ticket: str
    """Its id, as `TCK-12`."""
    text: Text
    """The remark."""


class TicketTransition(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Moves a ticket on; nothing if it is in the state already. Gives `ticket` and `state`."""

    ticket: str
    """Its id, as `TCK-12`."""
    state: TicketState
    """Where it is to go."""
    comment: str | None = None
    """Remarked on it before."""
    close_code: CloseCode | None = None
    """How the work ended; for `resolved` and `closed`."""
    resolution: Text = ""
    """The same in words."""


class TicketAssign(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Gives a ticket to someone. Gives `ticket` and `assignee`."""

    ticket: str
    """Its id, as `TCK-12`."""
    assignee: str | None = None
    """Whom; nobody if it is left out."""


class TicketLink(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Notes what a ticket has to do with. Gives `ticket`."""

    ticket: str
    """Its id, as `TCK-12`."""
    target: Target
    """An address, or the id of a ticket, incident, alert, run, problem or change."""
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""
    """What it is."""
