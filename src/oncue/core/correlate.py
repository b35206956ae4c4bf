"""Correlate: alerts of one fault become the one incident that people work on.

An audible alert that begins, or returns, is compared with what began to fail near it a short time ago. The strongest tie
to an open incident puts it there, and its membership says which one that was, and why:

    same_alert   it was in this incident before
    resource     another alert of its resource is
    upstream     what it needs fails
    downstream   what needs it fails: it explains those alerts
    nearby       something else along the topology fails, as what needs the same
    service      an alert of its service is, or the incident is about that service

What fails further away must have begun more recently, and what is far away counts for an incident that grows in a burst
alone. Several places near the alert tie more than one. Incidents that alerts tie to each other again and again become one,
unless people gave one of them its shape, or different people have taken them on.
"""

from datetime import timedelta
from typing import Final

import msgspec

from oncue.core import incidents, notify
from oncue.core.alert import Alert
from oncue.core.incident import Incident, Role, subject
from oncue.core.prioritise import CRITICALITIES, Impact, impact
from oncue.core.severity import CATEGORY
from oncue.core.topology import DOWN, UP, Node, Step
from oncue.core.tx import Tx

REOPEN: Final = timedelta(minutes=15)
"""How long after its end an incident is the same one if an alert about the same returns."""
YOUNG: Final = timedelta(minutes=15)
"""How old incidents may be to be merged by a rule."""

DIRECT_S: Final = 180.0
"""How long ago what an alert needs directly, or what needs it, may have begun to fail to have to do with it."""
NEAR_S: Final = (60.0, 40.0, 30.0)
"""And anything that is one, two, three steps away."""
FAR_S: Final = (20.0, 15.0)
"""And anything that is four or five steps away, in an incident that grows in a burst."""
BURST_S: Final = 30.0
"""An incident that several alerts joined within this time grows in a burst."""
DIRECT: Final = 3
"""What something that an alert needs directly, or that needs it, counts for."""
TIED: Final = 2.0
"""Two incidents are one when alerts tied them to each other so often for each alert that fires in the smaller one."""
THIN: Final = 2
"""Places that must fail where the nearest is not straight along the needs of the alert."""
THIN_SHARE: Final = 0.05
"""And the share of what fires in the incident that they must be: near a large one something fails by chance."""
THIN_COUNTS: Final = 0.25
"""What a place of a tie that is too thin counts for."""
ENOUGH: Final = 12
"""Places that fail near an alert, after which no more are looked for."""
MOVED: Final = 500
"""Alerts that a rule moves at the most when it merges two incidents: one input must not hold up the next for long."""
FLOOD_S: Final = 5.0
"""Of an incident that several alerts joined within this time, no further one is told."""
TOLD: Final = 50
"""Nor of one that has more alerts than so many."""
LINKS: Final = 20
"""Other incidents that one keeps count of, those with the most ties."""
REACHED: Final = 3
"""How many steps downstream count for how much a fault matters."""


class Tie(msgspec.Struct, frozen=True):
    """Evidence that an alert belongs to an incident."""

    incident: Incident
    rule: str
    reason: str
    role: Role = "related"
    places: float = 0
    """How many places near the alert fail in this incident; a direct need counts `DIRECT` times."""
    thin: bool = False
    """Whether it is too little to put the alert there: it counts towards the two being one."""


def join(tx: Tx, alert: Alert, tell: tuple[str, ...]) -> Incident:
    """Put the alert, which is audible and in no open incident, where it belongs; a new incident if there is none."""
    node = tx.state.topology.node_for(alert.namespace, alert.resource, alert.service)
    known = node is not None and bool(_incidents_at(tx, node))
    ties = _ties(tx, alert, node)
    how_much = _impact(tx, alert, node, wide=not known)
    best = next((tie for tie in ties if not tie.thin), None)
    opened = best is None
    if best is not None:
        incident, rule, reason, role = best.incident, best.rule, best.reason, best.role
    else:
        incident = incidents.start(tx, alert, how_much, _owner(tx, alert, node))
        incidents.stand_for(tx, incident, (subject(alert.service, alert.resource),))
        rule, reason, role = "first", "nothing that fails is known to belong to it", "related"
    tx.touch(incident)
    before, reopened = incident.priority, incident.state == "resolved"
    new = incidents.add(tx, incident, alert)
    if reopened:
        incidents.resume(tx, incident)
        incident.acknowledged_at = incident.acknowledged_by = None
    if role == "cause":
        incident.cause = alert.id
    if opened or reopened:
        incidents.report(tx, incident, "oncue.incident.opened" if opened else "oncue.incident.reopened")
    if new:
        incidents.enrol(tx, incident, alert, rule, reason, role)
    for tie in ties:
        if _tied(tx, incident, tie):
            kept = _kept(tx, incident, tie.incident)
            other = tie.incident if kept is incident else incident
            # Whoever heard of both incidents knows the higher priority already.
            heard = before if kept is incident else kept.priority
            before = min(heard, other.priority) if set(kept.told) <= set(other.told) else heard
            incidents.absorb(tx, kept, other, f"{alert.resource} is part of both: {tie.reason}")
            incident = kept
    if opened or reopened:
        notify.incident(tx, incident, alert, "first" if opened else "repeat", tell)
    elif not incident.told and incident.owner is None and (owner := _owner(tx, alert, node)) is not None:
        # So far it concerned no one who could be told.
        incident.owner = owner
        incidents.weigh(tx, incident, alert, how_much, before, say=False)
        notify.incident(tx, incident, alert, "first", tell)
    else:
        incidents.weigh(tx, incident, alert, how_much, before)
        if new and incident.priority >= before and _says_more(tx, incident, rule):
            notify.incident(tx, incident, alert, "new_alerts", tell)
    tx.save("incident", incident)
    return incident


def _says_more(tx: Tx, incident: Incident, rule: str) -> bool:
    """Whether another alert is worth a word. Of an exception people know enough; of a mere warning that no one works on
    they do not, and what else is wrong matters, if nothing else explains it, and not everything goes wrong at once."""
    if incident.state != "open" or CATEGORY[incident.severity] != "warning" or rule not in ("resource", "service"):
        return False
    return incident.alerts_total <= TOLD and not _bursts(tx, incident, FLOOD_S)


def again(tx: Tx, alert: Alert) -> None:
    """After a long silence the firing alert was reported again: news, unless someone works on it or it calls no one."""
    incident = tx.state.incidents.get(alert.incident or "")
    if incident is not None and incident.state == "open" and not alert.quiet:
        tx.touch(incident)
        notify.incident(tx, incident, alert, "again", ())
        tx.save("incident", incident)


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


def weigh(tx: Tx, incident: Incident, alert: Alert, *, say: bool = True) -> None:
    """An alert of the incident has changed: its severity may be the worst now, which those who were told hear of, unless
    the caller has something else to `say`.
    """
    node = tx.state.topology.node_for(alert.namespace, alert.resource, alert.service)
    incidents.weigh(tx, incident, alert, _impact(tx, alert, node, wide=False), say=say)


def impact_of(tx: Tx, alert: Alert) -> Impact:
    """How much depends on what the alert is about."""
    node = tx.state.topology.node_for(alert.namespace, alert.resource, alert.service)
    return _impact(tx, alert, node, wide=True)


# rules


def _ties(tx: Tx, alert: Alert, node: Node | None) -> list[Tie]:
    """What ties the alert to incidents, the strongest first."""
    state = tx.state
    own = state.incidents.get(alert.incident or "")
    if own is not None and own.state != "resolved":
        return [Tie(own, "same_alert", "it was in this incident before")]
    near = _near(tx, node) if node is not None else []
    ties: list[Tie] = []
    resources, services = state.failing
    here = _open(tx, resources.get((alert.namespace, alert.resource)))
    if here:
        ties.append(Tie(incidents.oldest(here), "resource", f"same resource: {alert.resource}"))
    ties += near
    if alert.service is not None:
        same = _open(tx, services.get((alert.namespace, alert.service)))
        ties += [
            Tie(one, "service", f"same service: {alert.service}", places=1) for one in sorted(same, key=incidents.age)
        ]
    about = state.incidents.get(state.incident_of.get((alert.namespace, subject(alert.service, alert.resource)), ""))
    if about is not None and not _over(tx, about):
        rule = "service" if alert.service is not None else "resource"
        ties.append(Tie(about, rule, f"same {rule}: {alert.service or alert.resource}"))
    if own is not None and not _over(tx, own):
        ties.append(Tie(own, "same_alert", "it was in this incident before"))
    return ties


def _near(tx: Tx, node: Node) -> list[Tie]:
    """Incidents in which places near the node began to fail a short time ago, those with the most such places first."""
    allowed = [timedelta(seconds=seconds) for seconds in (*NEAR_S, *FAR_S)]
    direct, now, close = timedelta(seconds=DIRECT_S), tx.now, len(NEAR_S)

    resources, services = tx.state.begun

    def fails(other: Node, hops: int, ways: int) -> bool:
        since = now - (direct if hops == 1 and ways else allowed[hops - 1])
        for place in other.places:
            began = resources.get(place)
            if began is not None and began >= since:
                return True
            if other.is_service and (began := services.get(place)) is not None and began >= since:
                return True
        return False

    found: dict[str, list[Step]] = {}
    places = 0
    for step in tx.state.topology.around(node, hops=len(allowed), wanted=fails):
        for incident in _incidents_at(tx, step.node):
            if step.hops <= close or _bursts(tx, incident):
                found.setdefault(incident.id, []).append(step)
                places += 1
        if places >= ENOUGH:
            break
    ties = [_tie(tx, tx.state.incidents[id], steps) for id, steps in found.items()]
    return sorted(ties, key=lambda tie: (-tie.places, incidents.age(tie.incident)))


def _tie(tx: Tx, incident: Incident, steps: list[Step]) -> Tie:
    nearest = steps[0]
    places = sum(DIRECT if step.hops == 1 and step.ways else 1 for step in steps)
    more = f", and {len(steps) - 1} more near it" if len(steps) > 1 else ""
    reason = f"{nearest.node.name} fails{more}: {nearest.spoken()}"
    if nearest.ways & UP:
        return Tie(incident, "upstream", reason, "symptom", places)
    if nearest.ways & DOWN:
        reason = f"it explains {nearest.node.name}{more}: {nearest.spoken()}"
        # A cause is heard of soon after what it explains: it began nothing that has gone on for long.
        thin = (tx.now - incident.opened_at).total_seconds() > DIRECT_S
        return Tie(incident, "downstream", reason, "cause", places, thin)
    thin = len(steps) < max(THIN, THIN_SHARE * incident.alerts_firing)
    return Tie(incident, "nearby", reason, "related", places * (THIN_COUNTS if thin else 1), thin)


def _bursts(tx: Tx, incident: Incident, within_s: float = BURST_S) -> bool:
    grew = incident.grew_at
    return len(grew) == incidents.GREW and (tx.now - grew[0]).total_seconds() <= within_s


def _kept(tx: Tx, one: Incident, other: Incident) -> Incident:
    """Which of two incidents goes on: the older one, unless too many alerts would have to move."""
    first = incidents.oldest([one, other])
    second = other if first is one else one
    return first if len(tx.state.members[second.id]) <= MOVED else second


def _tied(tx: Tx, into: Incident, tie: Tie) -> bool:
    """Note that the alert which joined `into` has to do with another incident. Gives whether the two are one."""
    other = tie.incident
    if other is into or not tie.places or other.merged_into is not None or other.touched or into.touched:
        return False
    if other.state == "resolved" or tx.now - min(other.opened_at, into.opened_at) > YOUNG:
        return False
    if into.acknowledged_by is not None and other.acknowledged_by not in (None, into.acknowledged_by):
        return False
    if min(len(tx.state.members[one.id]) for one in (into, other)) > MOVED:
        return False
    links = {**into.linked, other.id: float(into.linked.get(other.id, 0.0) + tie.places)}
    ties = links[other.id] + other.linked.get(into.id, 0.0)
    into.linked = dict(sorted(links.items(), key=lambda link: (-link[1], link[0]))[:LINKS])
    return ties >= TIED * min(into.alerts_firing, other.alerts_firing)


# what fails where


def _incidents_at(tx: Tx, node: Node) -> list[Incident]:
    """The open incidents with firing alerts at a node."""
    resources, services = tx.state.failing
    found: dict[str, int] = {}
    for place in node.places:
        if place in resources:
            found.update(resources[place])
        if node.is_service and place in services:
            found.update(services[place])
    return _open(tx, found)


def _open(tx: Tx, ids: dict[str, int] | None) -> list[Incident]:
    if not ids:
        return []
    found = [tx.state.incidents[id] for id in sorted(ids)]
    return [incident for incident in found if incident.state != "resolved"]


def _over(tx: Tx, incident: Incident) -> bool:
    return incident.resolved_at is not None and tx.now - incident.resolved_at > REOPEN


# how much it matters, and to whom


def _impact(tx: Tx, alert: Alert, node: Node | None, *, wide: bool) -> Impact:
    """Of the service, of the resource itself, and with `wide` of all that needs it."""
    service = tx.state.policies.service(alert.namespace, alert.service) if alert.service is not None else None
    found = impact(service.criticality if service is not None else None, alert.service)
    known = service is not None
    if node is not None and node.criticality is not None:
        own = Impact(node.criticality, f"{node.name} is {node.criticality}")
        found = own if not known or own.over(found) else found
        known = True
    for step in tx.state.topology.walk(node, up=False, hops=REACHED) if node is not None and wide else ():
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
