"""Correlate: alerts about one service become the one incident that people work on.

An alert without a service stands for its resource. It belongs to one open incident at the most, and its membership says
which rule put it there. An incident resolves when its last alert does, and reopens if one returns within the window.
"""

from datetime import timedelta
from typing import Final

from oncue.core import notify
from oncue.core.alert import Alert
from oncue.core.errors import Refusal
from oncue.core.incident import Comment, Incident, Membership, subject
from oncue.core.prioritise import priority
from oncue.core.severity import RANK
from oncue.core.tx import Tx

REOPEN: Final = timedelta(minutes=15)
CLOSE_AFTER_S: Final = 86400.0
"""A resolved incident closes by itself after a day."""


def join(tx: Tx, alert: Alert, tell: tuple[str, ...]) -> Incident:
    """Put the alert, which is audible and in no open incident, into the incident of its service."""
    what = subject(alert.service, alert.resource)
    incident = tx.state.incidents.get(tx.state.incident_of.get((alert.namespace, what), ""))
    if incident is not None and incident.state == "resolved":
        assert incident.resolved_at is not None
        if tx.now - incident.resolved_at > REOPEN:
            incident = None
    opened = reopened = False
    if incident is None:
        incident, opened = _open(tx, alert, what), True
    tx.touch(incident)
    again = alert.incident == incident.id
    incident.alerts_firing += 1
    incident.alerts_total += 0 if again else 1
    if incident.state == "resolved":
        incident.state = "open"
        incident.reopened += 1
        incident.resolved_at = incident.resolved_by = None
        incident.acknowledged_at = incident.acknowledged_by = None
        tx.cancel(f"incident.close/{incident.id}")
        reopened = True
    tx.touch(alert)
    alert.incident = incident.id
    tx.save("alert", alert)
    if opened:
        _fact(tx, incident, "oncue.incident.opened")
    elif reopened:
        _fact(tx, incident, "oncue.incident.reopened")
    if not again:
        rule = "service" if alert.service is not None else "resource"
        member = Membership(
            id=f"{incident.id}/{alert.id}", namespace=alert.namespace, incident=incident.id, alert=alert.id,
            rule=rule, reason=f"same {rule}: {alert.service or alert.resource}", at=tx.now,
        )  # fmt: skip
        tx.fact(
            "oncue.incident.alert_added", "membership", member,
            refs=(("incident", incident.id), ("alert", alert.id)),
            severity=alert.severity, resource=alert.resource, service=alert.service,
        )  # fmt: skip
        tx.save("membership", member)
    if opened:
        notify.incident(tx, incident, alert, "first", tell)
    elif reopened:
        notify.incident(tx, incident, alert, "repeat", tell)
    else:
        weigh(tx, incident, alert)
    tx.save("incident", incident)
    return incident


def _open(tx: Tx, alert: Alert, what: str) -> Incident:
    service = tx.state.policies.service(alert.namespace, alert.service) if alert.service is not None else None
    rank, reason = priority(service.criticality if service else None, alert.service, alert.severity)
    incident = Incident(
        id=f"INC-{tx.count('incident')}",
        namespace=alert.namespace,
        title=alert.title,
        state="open",
        severity=alert.severity,
        priority=rank,
        priority_reason=reason,
        service=alert.service,
        resource=alert.resource if alert.service is None else None,
        alerts_firing=0,
        alerts_total=0,
        opened_at=tx.now,
        updated_at=tx.now,
        owner=service.owner if service is not None else None,
    )
    tx.save("incident", incident)
    _make_joinable(tx, incident)
    return incident


def _make_joinable(tx: Tx, incident: Incident) -> None:
    what = (incident.namespace, subject(incident.service, incident.resource))
    other = tx.state.incidents.get(tx.state.incident_of.get(what, ""))
    if other is not None and other is not incident:
        tx.touch(other)
        other.joinable = False
        tx.save("incident", other)
    incident.joinable = True
    tx.set(tx.state.incident_of, what, incident.id)


def weigh(tx: Tx, incident: Incident, alert: Alert) -> None:
    """An alert of the incident is new or has changed: raise severity and priority if it is worse than all before."""
    if RANK[alert.severity] <= RANK[incident.severity]:
        return
    tx.touch(incident)
    service = tx.state.policies.service(incident.namespace, incident.service) if incident.service is not None else None
    before = incident.priority
    incident.severity = alert.severity
    incident.priority, incident.priority_reason = priority(
        service.criticality if service else None, incident.service, alert.severity
    )
    incident.title = alert.title
    _fact(tx, incident, "oncue.incident.updated")
    if incident.priority < before:
        notify.incident(tx, incident, alert, "escalated", ())


def left(tx: Tx, alert: Alert) -> None:
    """A firing alert has resolved: its incident resolves with its last one."""
    incident = tx.state.incidents.get(alert.incident or "")
    if incident is None or incident.alerts_firing == 0:
        return
    tx.touch(incident)
    incident.alerts_firing -= 1
    incident.updated_at = tx.now
    tx.save("incident", incident)
    if incident.alerts_firing == 0 and incident.state in ("open", "acknowledged"):
        _resolve(tx, incident, "alerts", alert)


def _resolve(tx: Tx, incident: Incident, by: str, alert: Alert | None) -> None:
    incident.state = "resolved"
    incident.resolved_at = tx.now
    incident.resolved_by = by
    tx.timer_after(f"incident.close/{incident.id}", CLOSE_AFTER_S)
    _fact(tx, incident, "oncue.incident.resolved")
    notify.incident(tx, incident, alert, "resolved", ())


# what people do


def acknowledge(tx: Tx, incident: Incident) -> None:
    """Someone works on it. Raises `Refusal` incident.state unless it is open."""
    _must(incident, "open")
    tx.touch(incident)
    incident.state = "acknowledged"
    incident.acknowledged_by, incident.acknowledged_at = tx.actor, tx.now
    _fact(tx, incident, "oncue.incident.acknowledged")


def resolve(tx: Tx, incident: Incident) -> None:
    """Someone says that it is over. Raises `Refusal` incident.state if it is over already."""
    _must(incident, "open", "acknowledged")
    tx.touch(incident)
    _resolve(tx, incident, tx.actor, None)


def reopen(tx: Tx, incident: Incident) -> None:
    """It was not over. Raises `Refusal` incident.state unless it is resolved."""
    _must(incident, "resolved")
    what = (incident.namespace, subject(incident.service, incident.resource))
    other = tx.state.incidents.get(tx.state.incident_of.get(what, ""))
    if other is not None and other.state in ("open", "acknowledged"):
        raise Refusal("incident.state", f"{other.id} is {other.state} for the same {what[1].partition(':')[0]}")
    tx.touch(incident)
    incident.state = "open"
    incident.reopened += 1
    incident.resolved_at = incident.resolved_by = None
    tx.cancel(f"incident.close/{incident.id}")
    _make_joinable(tx, incident)
    _fact(tx, incident, "oncue.incident.reopened")


def close(tx: Tx, incident: Incident) -> None:
    """It is done with. Raises `Refusal` incident.state unless it is resolved."""
    _must(incident, "resolved")
    tx.touch(incident)
    incident.state = "closed"
    incident.closed_at = tx.now
    tx.cancel(f"incident.close/{incident.id}")
    what = (incident.namespace, subject(incident.service, incident.resource))
    if tx.state.incident_of.get(what) == incident.id:
        tx.unset(tx.state.incident_of, what)
    incident.joinable = False
    _fact(tx, incident, "oncue.incident.closed", live=False)


def assign(tx: Tx, incident: Incident, assignee: str | None) -> None:
    """Give it to someone; "" or None takes it from whoever had it."""
    tx.touch(incident)
    incident.assignee = assignee or None
    _fact(tx, incident, "oncue.incident.assigned")


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


def _must(incident: Incident, *states: str) -> None:
    if incident.state not in states:
        raise Refusal("incident.state", f"{incident.id} is {incident.state}")


def _fact(tx: Tx, incident: Incident, type: str, live: bool = True) -> None:
    incident.updated_at = tx.now
    tx.fact(
        type, "incident", incident, severity=incident.severity, resource=incident.resource, service=incident.service
    )
    tx.save("incident", incident, live)
