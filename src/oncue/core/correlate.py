"""Correlate: alerts of one fault become the one incident that people work on.

An audible alert that begins, or returns, is compared with what fails already. The first rule that finds an open incident
puts the alert into it, and its membership says which one did, and why:

    same_alert   it was in this incident before
    resource     another alert of its resource is
    upstream     what it needs fails, directly or over a few hops
    service      an alert of its service is, or the incident is about that service
    downstream   what needs it fails: it explains those alerts
    common       much of what shares a need with it fails, so the need itself is suspected, though no one watches it

An alert that explains alerts of several young incidents makes one of them, for they were one fault all along. Nothing
that people gave its shape is merged by a rule.
"""

from datetime import timedelta
from typing import Final

import msgspec

from oncue.core import incidents, notify
from oncue.core.alert import Alert
from oncue.core.incident import Incident, Role, subject
from oncue.core.prioritise import CRITICALITIES, Impact, impact
from oncue.core.topology import Node, Step
from oncue.core.tx import Tx

REOPEN: Final = timedelta(minutes=15)
"""How long after its end an incident is the same one if an alert about the same returns."""
WINDOW: Final = timedelta(minutes=15)
"""An incident that has not grown for so long is joined along the topology no more."""
YOUNG: Final = timedelta(minutes=15)
"""How old an incident may be to be merged by a rule."""
HOPS: Final = 4
"""How far along dependencies a fault is followed."""
SHARE: Final = 0.5
"""How much of what shares a need must fail until the need is suspected."""
SHARED_BY: Final = 200
"""A need of more than so many is too common to tell anything."""


class Place(msgspec.Struct, frozen=True):
    """Where an alert belongs, and why."""

    incident: Incident | None
    rule: str = "first"
    reason: str = "nothing that fails is known to belong to it"
    role: Role = "related"


def join(tx: Tx, alert: Alert, tell: tuple[str, ...]) -> Incident:
    """Put the alert, which is audible and in no open incident, where it belongs; a new incident if there is none."""
    state = tx.state
    node = state.topology.node_for(alert.namespace, alert.resource, alert.service)
    below: list[Step] = []
    if node is not None and not _incidents_at(tx, node):
        below = list(state.topology.walk(node, up=False, hops=HOPS))
    explained = _explained(tx, below)
    place = _place(tx, alert, node, explained)
    how_much = _impact(tx, alert, node, below)
    incident, opened = place.incident, place.incident is None
    if incident is None:
        incident = incidents.start(tx, alert, how_much, _owner(tx, alert, node))
        incidents.stand_for(tx, incident, (subject(alert.service, alert.resource),))
    tx.touch(incident)
    before, reopened = incident.priority, incident.state == "resolved"
    new = incidents.add(tx, incident, alert)
    if reopened:
        incidents.resume(tx, incident)
        incident.acknowledged_at = incident.acknowledged_by = None
    if place.role == "cause":
        incident.cause = alert.id
    if opened or reopened:
        incidents.report(tx, incident, "oncue.incident.opened" if opened else "oncue.incident.reopened")
    if new:
        incidents.enrol(tx, incident, alert, place.rule, place.reason, place.role)
    for other, step in explained:
        if other is not incident and _mergeable(tx, incident, other):
            incidents.absorb(tx, incident, other, f"{_name(node)} fails: {step.spoken()}")
    if opened or reopened:
        notify.incident(tx, incident, alert, "first" if opened else "repeat", tell)
    elif not incident.told and incident.owner is None and (owner := _owner(tx, alert, node)) is not None:
        # So far it concerned no one who could be told.
        incident.owner = owner
        incidents.weigh(tx, incident, alert, how_much, before)
        notify.incident(tx, incident, alert, "first", tell)
    else:
        incidents.weigh(tx, incident, alert, how_much, before)
    tx.save("incident", incident)
    return incident


def stay(tx: Tx, alert: Alert) -> None:
    """The alert returned and calls no one: it counts in the incident that it was in if that still goes on."""
    incident = tx.state.incidents.get(alert.incident or "")
    if incident is None:
        return
    if incident.state != "resolved":
        incidents.add(tx, incident, alert)
        tx.save("incident", incident)
        return
    tx.touch(alert)
    tx.unset(tx.state.members[incident.id], alert.id)
    alert.incident = None
    tx.save("alert", alert)


def weigh(tx: Tx, incident: Incident, alert: Alert) -> None:
    """An alert of the incident has changed: its severity may be the worst now."""
    node = tx.state.topology.node_for(alert.namespace, alert.resource, alert.service)
    incidents.weigh(tx, incident, alert, _impact(tx, alert, node, []))


def impact_of(tx: Tx, alert: Alert) -> Impact:
    """How much depends on what the alert is about."""
    node = tx.state.topology.node_for(alert.namespace, alert.resource, alert.service)
    below = list(tx.state.topology.walk(node, up=False, hops=HOPS)) if node is not None else []
    return _impact(tx, alert, node, below)


# rules


def _place(tx: Tx, alert: Alert, node: Node | None, explained: list[tuple[Incident, Step]]) -> Place:
    state = tx.state
    own = state.incidents.get(alert.incident or "")
    if own is not None and own.state != "resolved":
        return Place(own, "same_alert", "it was in this incident before")
    resources, services = state.failing
    here = _open(tx, resources.get((alert.namespace, alert.resource)))
    if here:
        return Place(incidents.oldest(here), "resource", f"same resource: {alert.resource}")
    if node is not None:
        for step in state.topology.walk(node, up=True, hops=HOPS):
            if step.node.id == f"service:{alert.service}":
                continue
            above = _growing(tx, _incidents_at(tx, step.node))
            if above:
                return Place(incidents.oldest(above), "upstream", f"{step.node.name} fails: {step.spoken()}", "symptom")
    if alert.service is not None:
        same = _open(tx, services.get((alert.namespace, alert.service)))
        if same:
            return Place(incidents.oldest(same), "service", f"same service: {alert.service}")
    about = state.incidents.get(state.incident_of.get((alert.namespace, subject(alert.service, alert.resource)), ""))
    if about is not None and (about.state != "resolved" or not _over(tx, about)):
        rule = "service" if alert.service is not None else "resource"
        return Place(about, rule, f"same {rule}: {alert.service or alert.resource}")
    if own is not None and not _over(tx, own):
        return Place(own, "same_alert", "it was in this incident before")
    if explained:
        chosen = incidents.oldest([incident for incident, _ in explained])
        step = next(step for incident, step in explained if incident is chosen)
        return Place(chosen, "downstream", f"it explains {step.node.name}: {step.spoken()}", "cause")
    return _common(tx, alert, node) if node is not None else Place(None)


def _common(tx: Tx, alert: Alert, node: Node) -> Place:
    """Something that the node needs is not known to fail, but much else that needs it does."""
    topology = tx.state.topology
    for _, need in topology.needs(node):
        sharing = topology.needed_by(need)
        if need.id == f"service:{alert.service}" or not 1 < len(sharing) <= SHARED_BY:
            continue
        failing = {other.id: found for _, other in sharing if other.id != node.id
                   and (found := _growing(tx, _incidents_at(tx, other)))}  # fmt: skip
        if failing and (len(failing) + 1) / len(sharing) >= SHARE:
            chosen = incidents.oldest([incident for id in sorted(failing) for incident in failing[id]])
            reason = f"{len(failing) + 1} of the {len(sharing)} that need {need.name} fail: it is suspected itself"
            return Place(chosen, "common", reason, "symptom")
    return Place(None)


def _explained(tx: Tx, below: list[Step]) -> list[tuple[Incident, Step]]:
    """The growing incidents of what needs a node, each with the nearest place where it fails."""
    found: dict[str, tuple[Incident, Step]] = {}
    for step in below:
        for incident in _growing(tx, _incidents_at(tx, step.node)):
            found.setdefault(incident.id, (incident, step))
    return [found[id] for id in sorted(found)]


def _mergeable(tx: Tx, into: Incident, other: Incident) -> bool:
    """Whether a rule may make the other incident a part of this one."""
    if other.touched or into.touched or other.state == "resolved":
        return False
    both_taken = into.acknowledged_by is not None and other.acknowledged_by is not None
    return tx.now - other.opened_at <= YOUNG and not (both_taken and into.acknowledged_by != other.acknowledged_by)


# what fails where


def _incidents_at(tx: Tx, node: Node) -> list[Incident]:
    """The open incidents with firing alerts at a node."""
    resources, services = tx.state.failing
    found: dict[str, int] = {}
    for name in node.names:
        key = (node.namespace, name)
        if key in resources:
            found.update(resources[key])
        if node.is_service and key in services:
            found.update(services[key])
    return _open(tx, found)


def _open(tx: Tx, ids: dict[str, int] | None) -> list[Incident]:
    if not ids:
        return []
    found = [tx.state.incidents[id] for id in sorted(ids)]
    return [incident for incident in found if incident.state != "resolved"]


def _growing(tx: Tx, found: list[Incident]) -> list[Incident]:
    return [one for one in found if one.grew_at is not None and tx.now - one.grew_at <= WINDOW]


def _over(tx: Tx, incident: Incident) -> bool:
    return incident.resolved_at is not None and tx.now - incident.resolved_at > REOPEN


# how much it matters, and to whom


def _impact(tx: Tx, alert: Alert, node: Node | None, below: list[Step]) -> Impact:
    service = tx.state.policies.service(alert.namespace, alert.service) if alert.service is not None else None
    found = impact(service.criticality if service is not None else None, alert.service)
    known = service is not None
    if node is not None and node.criticality is not None:
        own = Impact(node.criticality, f"{node.name} is {node.criticality}")
        found = own if not known or own.over(found) else found
        known = True
    for step in below:
        level = step.node.criticality
        if level is None:
            continue
        one = Impact(level, f"{step.node.name} is {level}: {step.spoken()}")
        found = one if not known or one.over(found) else found
        known = True
        if found.level == CRITICALITIES[-1]:
            break
    return found


def _owner(tx: Tx, alert: Alert, node: Node | None) -> str | None:
    service = tx.state.policies.service(alert.namespace, alert.service) if alert.service is not None else None
    if service is not None and service.owner is not None:
        return service.owner
    return node.owner if node is not None else None


def _name(node: Node | None) -> str:
    return node.name if node is not None else ""
