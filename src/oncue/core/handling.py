"""What people set on an incident by hand: that it exists, what it is called and how much it matters, who does what in it,
what it has to do with.

What a person sets stands until it is taken back: alerts that come later do not change it.
"""

from typing import Final, Literal

import msgspec

from oncue.core import correlate, escalations, incidents, targets
from oncue.core.errors import Refusal
from oncue.core.incident import CauseOf, Edit, Incident, Link, Part, Resolution, Responder, subject
from oncue.core.prioritise import Priority
from oncue.core.severity import RANK
from oncue.core.tx import Tx

LINKS: Final = 100
RESPONDERS: Final = 100

Severity = Literal["warning", "minor", "major", "critical"]
Field = Literal["title", "severity", "priority"]


class Changes(msgspec.Struct, kw_only=True, frozen=True):
    """What is to be otherwise; None leaves it as it is."""

    title: str | None = None
    description: str | None = None
    severity: Severity | None = None
    priority: Priority | None = None
    note: str | None = None
    """How a resolved one ended."""
    cause: CauseOf | None = None
    take_back: tuple[Field, ...] = ()
    """What is to be computed again."""


def opened(
    tx: Tx, namespace: str, title: str, description: str, severity: Severity, service: str | None, resource: str | None
) -> Incident:
    """An incident that a person opens, without an alert. Alerts about the same join it; it ends when a person resolves it.

    The owner of the service is told, as of any other.
    """
    place = correlate.Place(namespace, resource or "", service)
    incident = incidents.begin(
        tx, namespace, title, severity, service, resource, correlate.impact_of(tx, place), correlate.owner_of(tx, place)
    )
    incident.description, incident.opened_by, incident.held_by = description, tx.actor, tx.actor
    if service is not None or resource is not None:
        wanted = subject(service, resource)
        if (namespace, wanted) not in tx.state.incident_of:
            incidents.stand_for(tx, incident, (wanted,))
    incidents.report(tx, incident, "oncue.incident.opened")
    escalations.tell(tx, incident, None, "first")
    targets.reckon(tx, incident)
    tx.save("incident", incident)
    return incident


def edit(tx: Tx, incident: Incident, wanted: Changes, reason: str) -> None:
    """Change what is given, and take back what is named. Those who were told hear of a higher priority.

    Raises `Refusal` request.invalid if nothing is asked, incident.state for an end of one that goes on.
    """
    if wanted == Changes():
        raise Refusal("request.invalid", "nothing is to be changed")
    ends = wanted.note is not None or wanted.cause is not None
    if ends and incident.state != "resolved":
        raise Refusal("incident.state", f"{incident.id} is {incident.state}; say how it ended when it is resolved")
    tx.touch(incident)
    before = incident.priority
    _take_back(tx, incident, wanted.take_back)
    if wanted.title is not None:
        _set(tx, incident, "title", reason)
        incident.title = wanted.title
    if wanted.severity is not None:
        _set(tx, incident, "severity", reason)
        incident.severity = wanted.severity
    if wanted.priority is not None:
        _set(tx, incident, "priority", reason)
        incident.priority = wanted.priority
        incident.priority_reason = f"set by {tx.actor}" + (f": {reason}" if reason else "")
    incident.priority, incident.priority_reason = incidents.ranked(tx, incident)
    if incident.priority != before and incident.state != "resolved":
        targets.reckon(tx, incident)
    if wanted.description is not None:
        incident.description = wanted.description
    if ends:
        was = incident.resolution
        note = wanted.note if wanted.note is not None else was.note if was is not None else ""
        cause = wanted.cause or (was.cause if was is not None else None)
        incident.resolution = Resolution(note, cause, tx.actor, tx.now)
    incidents.report(tx, incident, "oncue.incident.edited")
    if incident.priority < before and incident.state != "resolved":
        escalations.tell(tx, incident, None, "escalated")
        tx.save("incident", incident)


def _set(tx: Tx, incident: Incident, field: Field, reason: str) -> None:
    others = tuple(one for one in incident.edited if one.field != field)
    incident.edited = (*others, Edit(field, tx.actor, tx.now, reason))


def _take_back(tx: Tx, incident: Incident, fields: tuple[Field, ...]) -> None:
    """From now on these follow from its alerts again; without any, they stay as they are."""
    incident.edited = tuple(one for one in incident.edited if one.field not in fields)
    alerts = [tx.state.alerts[id] for id in tx.state.members[incident.id]]
    if not alerts:
        return
    worst = max(alerts, key=lambda alert: (RANK[alert.severity], alert.id))
    if "severity" in fields:
        incident.severity = worst.severity
    if "title" in fields:
        incident.title = worst.title


def respond(tx: Tx, incident: Incident, name: str, role: Part | None) -> None:
    """Give someone a part in the incident; None takes them off. Whoever had a part that one person has stays a responder.

    Raises `Refusal` incident.full, request.invalid for one who has no part to lose.
    """
    others = tuple(one for one in incident.responders if one.name != name)
    if role is None:
        if len(others) == len(incident.responders):
            raise Refusal("request.invalid", f"{name} does not respond to {incident.id}")
        found = others
    else:
        if len(others) >= RESPONDERS:
            raise Refusal("incident.full", f"{incident.id} has {RESPONDERS} responders")
        if role != "responder":
            others = tuple(
                msgspec.structs.replace(one, role="responder") if one.role == role else one for one in others
            )
        found = (*others, Responder(name, role, tx.now, tx.actor))
    tx.touch(incident)
    incident.responders = found
    incidents.report(tx, incident, "oncue.incident.responders_changed")


def link(tx: Tx, incident: Incident, target: str, title: str) -> None:
    """Note what it has to do with; the same target again has another title. Raises `Refusal` incident.full."""
    others = tuple(one for one in incident.links if one.target != target)
    if len(others) >= LINKS:
        raise Refusal("incident.full", f"{incident.id} has {LINKS} links")
    tx.touch(incident)
    incident.links = (*others, Link(target, title or target, tx.actor, tx.now))
    incidents.report(tx, incident, "oncue.incident.linked")


def unlink(tx: Tx, incident: Incident, target: str) -> None:
    """Take a link away. Raises `Refusal` request.invalid if there is none."""
    others = tuple(one for one in incident.links if one.target != target)
    if len(others) == len(incident.links):
        raise Refusal("request.invalid", f"{incident.id} has no link to {target}")
    tx.touch(incident)
    incident.links = others
    incidents.report(tx, incident, "oncue.incident.unlinked")
