"""What happens to incidents: they open, are worked on, merge and split, resolve, close. `correlate` says which alerts
belong together; here is what that, and people, make of an incident.

A firing alert that belongs to an incident is filed under its resource and its service (`State.failing`), so that the
next alert finds the incident; all alerts of an incident, those that may return included, are its `State.members`.
"""

from functools import lru_cache
from typing import Final

import msgspec

from oncue.core import checklists, escalations, place, problems, recent_changes, targets, tasks, ticket_notes
from oncue.core.alert import Alert
from oncue.core.errors import Refusal
from oncue.core.incident import CauseOf, Comment, Incident, Membership, Resolution, Role, subject
from oncue.core.prioritise import Impact, Priority, priority
from oncue.core.severity import RANK
from oncue.core.tx import Tx

STRAYED: Final = 200
GREW: Final = 4
"""Joining alerts of which the instants are kept: so many within a short time are a burst."""
CLOSE_AFTER_S: Final = 86400.0
"""A resolved incident closes by itself after a day."""


def start(tx: Tx, alert: Alert, impact: Impact, owner: str | None) -> Incident:
    """A new incident for this alert, which is not in it yet."""
    return begin(tx, alert.namespace, alert.title, alert.severity, alert.service, alert.resource, impact, owner)


def begin(
    tx: Tx, namespace: str, title: str, severity: str, service: str | None, resource: str | None, impact: Impact,
    owner: str | None,
) -> Incident:  # fmt: skip
    """A new incident without alerts."""
    rank, reason = priority(impact, severity, tx.state.matrices.get(namespace))
    incident = Incident(
        id=f"INC-{tx.count('incident')}",
        namespace=namespace,
        title=title,
        state="open",
        severity=severity,
        priority=rank,
        priority_reason=reason,
        service=service,
        resource=resource if service is None else None,
        alerts_firing=0,
        alerts_total=0,
        opened_at=tx.now,
        began_at=tx.now,
        updated_at=tx.now,
        owner=owner,
        impact=impact,
    )
    tx.save("incident", incident)
    tx.set(tx.state.members, incident.id, {})
    return incident


def stand_for(tx: Tx, incident: Incident, subjects: tuple[str, ...]) -> None:
    """New alerts about these join this incident from now on, and no other."""
    of = tx.state.incident_of
    for one in subjects:
        other = tx.state.incidents.get(of.get((incident.namespace, one), ""))
        if other is not None and other is not incident:
            tx.touch(other)
            other.subjects = tuple(kept for kept in other.subjects if kept != one)
            tx.save("incident", other)
        tx.set(of, (incident.namespace, one), incident.id)
    incident.subjects = tuple(dict.fromkeys((*incident.subjects, *subjects)))


def weigh(
    tx: Tx, incident: Incident, alert: Alert, impact: Impact, before: str | None = None, *, say: bool = True
) -> None:
    """An alert of the incident is new or has changed: raise severity, impact and priority if it is worse than all others.
    Those who were told hear of a higher priority, unless the caller has something else to `say`; `before` is what they
    know, if that is not the present one.
    """
    tx.touch(incident)
    before = before or incident.priority
    _worsen(incident, alert.severity, alert.title, impact)
    rank, reason = ranked(tx, incident)
    if (rank, reason) != (incident.priority, incident.priority_reason) or rank != before:
        incident.priority, incident.priority_reason = rank, reason
        targets.reckon(tx, incident)
        report(tx, incident, "oncue.incident.updated")
    if say and incident.priority < before:
        escalations.tell(tx, incident, alert, "escalated")


def _worsen(incident: Incident, severity: str, title: str, impact: Impact) -> None:
    """Take over what is worse. What a person set stays."""
    if RANK[severity] > RANK[incident.severity] and not incident.by_hand("severity"):
        incident.severity = severity
        if not incident.by_hand("title"):
            incident.title = title
    if impact.over(incident.impact):
        incident.impact = impact


def ranked(tx: Tx, incident: Incident) -> tuple[Priority, str]:
    """Its priority as it should be now, and why: what a person set, or what follows from impact and severity."""
    if incident.by_hand("priority"):
        return incident.priority, incident.priority_reason
    return priority(incident.impact, incident.severity, tx.state.matrices.get(incident.namespace))


# which alerts belong to it


def add(tx: Tx, incident: Incident, alert: Alert) -> bool:
    """Take the alert, which fires and is in no other incident. Gives whether it was not known here before."""
    members = tx.state.members[incident.id]
    new = alert.incident != incident.id and alert.id not in incident.strayed
    tx.touch(incident)
    incident.alerts_firing += 1
    incident.alerts_total += new
    if incident.service is None and alert.service is not None:
        incident.service, incident.resource = alert.service, None
    # Its incident until now is resolved, and not the one that it returned to.
    if alert.incident != incident.id and alert.incident in tx.state.members:
        tx.unset(tx.state.members[alert.incident], alert.id)
    incident.grew_at = (*incident.grew_at[1 - GREW :], tx.now)
    tx.touch(alert)
    alert.incident = incident.id
    tx.set(members, alert.id, True)
    tx.save("alert", alert)
    file(tx, alert, incident.id, 1)
    return new


def stray(tx: Tx, incident: Incident, alert: Alert) -> None:
    """An alert of the incident, which is over, returned and calls no one: it is on its own, and known here."""
    tx.touch(incident)
    incident.strayed = (*(id for id in incident.strayed if id != alert.id), alert.id)[-STRAYED:]
    tx.touch(alert)
    tx.unset(tx.state.members[incident.id], alert.id)
    alert.incident = None
    tx.save("incident", incident)
    tx.save("alert", alert)


def file(tx: Tx, alert: Alert, incident: str, change: int) -> None:
    """Count the firing alert in or out (1, -1) where alerts about the same look for an incident."""
    for at in alert.places:
        _count(tx, at, incident, change)


def refile(tx: Tx, alert: Alert, before: str | None, *, counted: bool) -> None:
    """The alert had this service before; `counted` if it was filed there. A change is rare, and costs a look at all."""
    if alert.service == before:
        return
    for service, change in ((before, -1), (alert.service, 1)):
        if service is None:
            continue
        at = place.of_service(alert.namespace, service)
        if counted and alert.incident in tx.state.members:
            _count(tx, at, alert.incident, change)
        began = [
            one.fired_at for one in tx.state.alerts.values()
            if one.fired_at is not None and (one.namespace, one.service) == (alert.namespace, service)
        ]  # fmt: skip
        if began:
            tx.set(tx.state.begun, at, max(began))
        else:
            tx.unset(tx.state.begun, at)


def _count(tx: Tx, at: str, incident: str, change: int) -> None:
    # Replaced, never changed in place: that is its before-image.
    rows = tx.state.failing
    others = dict(rows.get(at, ()))
    firing = others.pop(incident, 0) + change
    if firing:
        tx.set(rows, at, {**others, incident: firing} if others else _only(incident, firing))
    elif others:
        tx.set(rows, at, others)
    else:
        tx.unset(rows, at)


@lru_cache(maxsize=4096)
def _only(incident: str, firing: int) -> dict[str, int]:
    """What most places have in common in a storm: one row for all of them."""
    return {incident: firing}


def counts(tx: Tx, alert: Alert) -> bool:
    """Whether the alert counts as firing in an incident."""
    return alert.counts and alert.incident in tx.state.members


def enrol(tx: Tx, incident: Incident, alert: Alert, rule: str, reason: str, role: Role, by: str = "system") -> None:
    """Note by which rule the alert belongs to the incident, and by whom if someone put it there."""
    member = Membership(
        id=f"{incident.id}/{alert.id}", namespace=alert.namespace, incident=incident.id, alert=alert.id, rule=rule,
        reason=reason, at=tx.now, role=role, by=by,
    )  # fmt: skip
    tx.fact(
        "oncue.incident.alert_added", "membership", member,
        refs=(("incident", incident.id), ("alert", alert.id)),
        severity=alert.severity, resource=alert.resource, service=alert.service,
    )  # fmt: skip
    tx.save("membership", member)


def left(tx: Tx, alert: Alert) -> None:
    """A firing alert has resolved: its incident resolves with its last one."""
    incident = tx.state.incidents.get(alert.incident or "")
    if incident is None:
        return
    file(tx, alert, incident.id, -1)
    tx.touch(incident)
    incident.alerts_firing -= 1
    incident.updated_at = tx.now
    tx.save("incident", incident)
    if incident.alerts_firing == 0 and incident.state in ("open", "acknowledged") and incident.held_by is None:
        _end(tx, incident, "alerts", alert)
    else:
        escalations.heard(tx, incident)


def absorb(tx: Tx, into: Incident, other: Incident, reason: str, by: str = "system") -> None:
    """The other incident is about the same: its alerts, tickets and runs are this one's from now on, and it closes."""
    tx.touch(into)
    tx.touch(other)
    for id in sorted(tx.state.members[other.id]):
        _transfer(tx, tx.state.alerts[id], other, into, "merge", reason, by)
    for kind, ids in (("ticket", other.tickets), ("run", other.runs)):
        for id in ids:
            one = tx.state.entities[kind].get(id)
            if one is not None:
                tx.touch(one)
                one.incident = into.id
                tx.save(kind, one)
    unheard = {**other.unheard, **into.unheard}
    into.unheard = {name: id for name, id in unheard.items() if _unheard_in_both(name, into, other)}
    into.told = tuple(dict.fromkeys((*into.told, *other.told)))
    escalations.merged(tx, into, other)
    targets.over(tx, other)
    into.tickets = tuple(dict.fromkeys((*into.tickets, *other.tickets)))
    into.runs = tuple(dict.fromkeys((*into.runs, *other.runs)))
    into.merged = tuple(dict.fromkeys((*into.merged, other.id, *other.merged)))
    _take_over(tx, into, other)
    subjects, other.subjects = other.subjects, ()
    stand_for(tx, into, subjects)
    other.merged_into = into.id
    other.state = "closed"
    other.closed_at = tx.now
    tx.cancel(f"incident.close/{other.id}")
    tx.unset(tx.state.members, other.id)
    report(tx, other, "oncue.incident.merged", live=False, refs=(("incident", into.id),))
    _worsen(into, other.severity, other.title, other.impact)
    into.priority, into.priority_reason = ranked(tx, into)
    if into.owner is None:
        into.owner = other.owner


def _take_over(tx: Tx, into: Incident, other: Incident) -> None:
    """What people did in the other incident goes on in this one. Both were touched."""
    tasks.carry(tx, into, other)
    checklists.carry(tx, into, other)
    problems.carry(tx, into, other)
    recent_changes.carry(tx, into, other)
    plan = other.updates
    promise_nothing(tx, other)
    if into.updates is None and plan is not None:
        into.updates = plan
        tx.timer(f"incident.update/{into.id}", plan.due_at)
    known = {one.name for one in into.responders}
    parts = {one.role for one in into.responders}
    more = [one for one in other.responders if one.name not in known]
    # One commands; who did so in the other incident goes on as a responder.
    more = [msgspec.structs.replace(one, role="responder") if one.role in parts else one for one in more]
    into.responders = (*into.responders, *more)
    there = {one.target for one in into.links}
    into.links = (*into.links, *(one for one in other.links if one.target not in there))
    into.held_by = into.held_by or other.held_by
    into.description = into.description or other.description
    if into.service is None and other.service is not None:
        into.service, into.resource = other.service, None


def _transfer(tx: Tx, alert: Alert, home: Incident, to: Incident | None, rule: str, reason: str, by: str) -> None:
    """The alert, a member of `home`, is `to`'s from now on, or no one's. Both were touched."""
    firing = alert.counts
    tx.touch(alert)
    tx.unset(tx.state.members[home.id], alert.id)
    if firing:
        file(tx, alert, home.id, -1)
        home.alerts_firing -= 1
    home.alerts_total -= 1
    gone = Membership(
        id=f"{home.id}/{alert.id}", namespace=alert.namespace, incident=home.id, alert=alert.id, rule=rule,
        reason=reason, at=tx.now, by=by, left_at=tx.now, left_for=to.id if to is not None else None,
    )  # fmt: skip
    tx.fact(
        "oncue.incident.alert_removed", "membership", gone, refs=(("incident", home.id), ("alert", alert.id)),
        severity=alert.severity, resource=alert.resource, service=alert.service,
    )  # fmt: skip
    tx.save("membership", gone)
    if home.cause == alert.id:
        home.cause = None
    alert.incident = to.id if to is not None else None
    tx.save("alert", alert)
    if to is None:
        return
    tx.set(tx.state.members[to.id], alert.id, True)
    to.alerts_total += 1
    if firing:
        to.alerts_firing += 1
        file(tx, alert, to.id, 1)
    enrol(tx, to, alert, rule, reason, "related", by)


# its life


def resume(tx: Tx, incident: Incident) -> None:
    """A resolved incident goes on. The caller touches and saves it."""
    incident.state = "open"
    incident.reopened += 1
    incident.resolved_at = incident.resolved_by = None
    incident.resolution = None
    tx.cancel(f"incident.close/{incident.id}")


def promise_nothing(tx: Tx, incident: Incident) -> None:
    """No further status update is promised. The caller touched the incident, and saves it."""
    if incident.updates is not None:
        incident.updates = None
        tx.cancel(f"incident.update/{incident.id}")


def _end(tx: Tx, incident: Incident, by: str, alert: Alert | None) -> None:
    incident.state = "resolved"
    incident.resolved_at = tx.now
    incident.resolved_by = by
    incident.held_by = None
    promise_nothing(tx, incident)
    tx.timer_after(f"incident.close/{incident.id}", CLOSE_AFTER_S)
    targets.over(tx, incident)
    escalations.ended(tx, incident, "resolved")
    report(tx, incident, "oncue.incident.resolved")
    escalations.tell(tx, incident, alert, "resolved")


def close(tx: Tx, incident: Incident) -> None:
    """It is done with. Raises `Refusal` incident.state unless it is resolved."""
    _must(incident, "resolved")
    tx.touch(incident)
    incident.state = "closed"
    incident.closed_at = tx.now
    tx.cancel(f"incident.close/{incident.id}")
    of = tx.state.incident_of
    for one in incident.subjects:
        tx.unset(of, (incident.namespace, one))
    incident.subjects = ()
    tx.unset(tx.state.members, incident.id)
    tasks.rest(tx, incident)
    checklists.rest(tx, incident)
    report(tx, incident, "oncue.incident.closed", live=False)


# what people do


def acknowledge(tx: Tx, incident: Incident) -> None:
    """Someone works on it. Raises `Refusal` incident.state unless it is open."""
    _must(incident, "open")
    tx.touch(incident)
    incident.state = "acknowledged"
    incident.acknowledged_by, incident.acknowledged_at = tx.actor, tx.now
    targets.responded(tx, incident)
    escalations.acknowledged(tx, incident)
    report(tx, incident, "oncue.incident.acknowledged")


def unacknowledge(tx: Tx, incident: Incident) -> None:
    """Nobody works on it any more: people are called again. Raises `Refusal` incident.state unless it is acknowledged."""
    _must(incident, "acknowledged")
    _open_again(tx, incident, "called", "oncue.incident.unacknowledged")


def lapse(tx: Tx, incident: Incident) -> None:
    """It was acknowledged, and goes on for too long: people are called again."""
    _open_again(tx, incident, "acknowledgement_lapsed", "oncue.incident.acknowledgement_lapsed")


def _open_again(tx: Tx, incident: Incident, why: str, type: str) -> None:
    tx.touch(incident)
    incident.state = "open"
    incident.acknowledged_by = incident.acknowledged_at = None
    report(tx, incident, type)
    escalations.taken_back(tx, incident, why)
    tx.save("incident", incident)


def target_missed(tx: Tx, incident: Incident, which: targets.Which) -> None:
    """It was not acknowledged, or is not over, by the time its target says."""
    tx.touch(incident)
    targets.missed(tx, incident, which)
    report(tx, incident, "oncue.incident.target_missed")


def escalate(tx: Tx, incident: Incident, to: str | None) -> None:
    """Someone wants more people called. Raises `Refusal` incident.state where it is over, and as `escalations.by_hand`."""
    _must(incident, "open", "acknowledged")
    escalations.by_hand(tx, incident, to)
    report(tx, incident, "oncue.incident.escalated")


def resolve(tx: Tx, incident: Incident, note: str = "", cause: CauseOf | None = None) -> None:
    """Someone says that it is over, and how it ended. Raises `Refusal` incident.state if it is over already."""
    _must(incident, "open", "acknowledged")
    tx.touch(incident)
    if note or cause is not None:
        incident.resolution = Resolution(note, cause, tx.actor, tx.now)
    _end(tx, incident, tx.actor, None)


def reopen(tx: Tx, incident: Incident) -> None:
    """It was not over, whatever its alerts say: it stays open until a person resolves it. Raises `Refusal` incident.state unless it is resolved, and nothing else is open for the same."""
    _must(incident, "resolved")
    wanted = subject(incident.service, incident.resource)
    other = tx.state.incidents.get(tx.state.incident_of.get((incident.namespace, wanted), ""))
    if other is not None and other.state in ("open", "acknowledged"):
        raise Refusal("incident.state", f"{other.id} is {other.state} for the same {wanted.partition(':')[0]}")
    tx.touch(incident)
    resume(tx, incident)
    incident.acknowledged_at = incident.acknowledged_by = None
    incident.began_at, incident.missed = tx.now, ()
    incident.held_by = tx.actor
    stand_for(tx, incident, (wanted,))
    report(tx, incident, "oncue.incident.reopened")


def assign(tx: Tx, incident: Incident, assignee: str | None) -> None:
    """Give it to someone; "" or None takes it from whoever had it."""
    tx.touch(incident)
    incident.assignee = assignee or None
    report(tx, incident, "oncue.incident.assigned")


def comment(tx: Tx, incident: Incident, text: str, by: str) -> Comment:
    """Add a remark to its timeline."""
    remark = Comment(
        id=tx.new_id("co"), namespace=incident.namespace, on_kind="incident", on_id=incident.id, by=by, text=text,
        at=tx.now,
    )  # fmt: skip
    tx.fact("oncue.incident.commented", "comment", remark, refs=(("incident", incident.id),), service=incident.service)
    tx.save("comment", remark)
    return remark


def link(tx: Tx, incident: Incident, *, ticket: str | None = None, run: str | None = None) -> None:
    """Note a ticket or a run on the incident."""
    tx.touch(incident)
    if ticket is not None:
        incident.tickets = (*incident.tickets, ticket)
    if run is not None:
        incident.runs = (*incident.runs, run)
    incident.updated_at = tx.now
    tx.save("incident", incident)


def merge(tx: Tx, into: Incident, others: list[Incident], reason: str) -> None:
    """Make several incidents one. Raises `Refusal` incident.state where one is resolved or closed, request.invalid for
    one that is to become part of itself.
    """
    for one in (into, *others):
        _must(one, "open", "acknowledged")
    if into in others or not others:
        raise Refusal("request.invalid", "name the other incidents that are to become part of this one")
    before = into.priority
    for other in others:
        absorb(tx, into, other, reason or "merged by hand", tx.actor)
    into.touched = True
    report(tx, into, "oncue.incident.updated")
    if into.priority < before:
        escalations.tell(tx, into, None, "escalated")
    escalations.heard(tx, into)
    targets.reckon(tx, into)
    tx.save("incident", into)


def move(tx: Tx, home: Incident, alerts: list[Alert], to: Incident | None, reason: str) -> None:
    """Take alerts out of the incident and put them into another, or leave them on their own.

    Raises `Refusal` incident.state where one of the two is over.
    """
    _must(home, "open", "acknowledged")
    if to is not None:
        _must(to, "open", "acknowledged")
        if to is home:
            raise Refusal("request.invalid", f"{home.id} is where they are")
    said = reason or ("moved by hand" if to is not None else "taken out by hand")
    for one in filter(None, (home, to)):
        tx.touch(one)
        one.touched = True
    for alert in alerts:
        _transfer(tx, alert, home, to, "manual", said, tx.actor)
    if to is not None:
        report(tx, to, "oncue.incident.updated")
    report(tx, home, "oncue.incident.updated")
    if home.alerts_firing == 0 and home.held_by is None:
        _end(tx, home, "alerts", None)
    for one in filter(None, (home, to)):
        escalations.heard(tx, one)


def split(tx: Tx, home: Incident, alerts: list[Alert], impact: Impact, reason: str) -> Incident:
    """Make an incident of its own of some of the alerts. It pages nobody at once: who works on the first one works on it,
    and if nobody does, both go on to call people. New alerts join the first one.

    Raises `Refusal` as `move`, and request.invalid if nothing would be left, or nothing that fires would go.
    """
    _must(home, "open", "acknowledged")
    firing = [alert for alert in alerts if alert.state == "firing"]
    if not firing:
        raise Refusal("request.invalid", "none of these alerts fires; an incident needs one that does")
    if {alert.id for alert in alerts} >= set(tx.state.members[home.id]):
        raise Refusal("request.invalid", f"these are all the alerts of {home.id}; leave one of them in it")
    worst = max(firing, key=lambda alert: (RANK[alert.severity], alert.id))
    incident = start(tx, worst, impact, home.owner)
    incident.told, incident.assignee, incident.unheard = home.told, home.assignee, home.unheard
    incident.state, incident.began_at, incident.missed = home.state, home.began_at, home.missed
    incident.acknowledged_by, incident.acknowledged_at = home.acknowledged_by, home.acknowledged_at
    escalations.split(tx, home, incident)
    targets.reckon(tx, incident)
    report(tx, incident, "oncue.incident.opened", refs=(("incident", home.id),))
    move(tx, home, alerts, incident, reason or f"split off {home.id} by hand")
    return incident


def _unheard_in_both(channel: str, *both: Incident) -> bool:
    """Whether nothing of either has reached the channel."""
    return all(channel in one.unheard for one in both if channel in one.told)


def _must(incident: Incident, *states: str) -> None:
    if incident.state not in states:
        raise Refusal("incident.state", f"{incident.id} is {incident.state}")


def report(tx: Tx, incident: Incident, type: str, live: bool = True, refs: tuple[tuple[str, str], ...] = ()) -> None:
    """State as a fact what happened to the incident, which was touched before."""
    incident.updated_at = tx.now
    tx.fact(
        type, "incident", incident, severity=incident.severity, resource=incident.resource,
        service=incident.service, refs=refs,
    )  # fmt: skip
    tx.save("incident", incident, live)
    ticket_notes.incident_changed(tx, incident, type)


def age(incident: Incident) -> tuple[bool, object, int, str]:
    """A key that puts what people have taken on first, and then what was there first."""
    return (incident.state != "acknowledged", incident.opened_at, len(incident.id), incident.id)


def oldest(found: list[Incident]) -> Incident:
    """The one that was there first, those that people have taken on before others."""
    return min(found, key=age)
