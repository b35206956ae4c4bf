"""Correlate: alerts of one fault become the one incident that people work on.

An audible alert that begins, or returns, is compared with what began to fail near it a short time ago. The strongest tie
to an open incident puts it there, and its membership says which one that was, and why:

    same_alert   it was in this incident before
    fields       a rule of the configuration says that its values make it one with alerts of the incident
    resource     another alert of its resource is
    upstream     what it needs fails
    downstream   what needs it fails: it explains those alerts
    nearby       something else along the topology fails, as what needs the same
    service      an alert of its service is, or the incident is about that service
    change       what else fails there began, as it did, soon after a change on it or upstream

What fails further away must have begun more recently, and what is far away counts for an incident that grows in a burst
alone. Several places near the alert tie more than one. Incidents that alerts tie to each other again and again become one,
unless people gave one of them its shape, or different people have taken them on.
"""

from datetime import timedelta
from typing import Final

import msgspec

from oncue.core import checklists, escalations, incidents, problems, recent_changes, targets
from oncue.core.alert import Alert
from oncue.core.grouping import SUBJECTS, Rule
from oncue.core.incident import Incident, Role, subject
from oncue.core.prioritise import CRITICALITIES, Impact, impact
from oncue.core.recent_changes import Near
from oncue.core.severity import CATEGORY
from oncue.core.topology import DOWN, UP, Around, Node, Way
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


_NONE: Final[dict[str, int]] = {}
_DIRECT: Final = timedelta(seconds=DIRECT_S)
_CLOSE: Final = len(NEAR_S)
_ALLOWED: Final = tuple(timedelta(seconds=seconds) for seconds in (*NEAR_S, *FAR_S))


class Tie(msgspec.Struct, frozen=True, gc=False):
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
    known = node is not None and bool(_incidents_at(tx, node.places))
    rules = tx.state.groupings.rules_for(alert)
    ties = _ties(tx, alert, node, rules)
    changes = recent_changes.near(tx, alert, node)
    ties += _changes(tx, changes)
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
        incident.began_at, incident.missed = tx.now, ()
    if role == "cause":
        incident.cause = alert.id
    _stand_for_rules(tx, incident, alert, rules)
    if new:
        problems.recognise(tx, incident, alert)
        recent_changes.recognise(tx, incident, changes)
        checklists.named(tx, incident, alert)
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
        escalations.tell(tx, incident, alert, "first" if opened else "repeat", tell)
        targets.reckon(tx, incident)
    elif not incident.told and incident.owner is None and (owner := _owner(tx, alert, node)) is not None:
        # So far it concerned no one who could be told.
        incident.owner = owner
        incidents.weigh(tx, incident, alert, how_much, before, say=False)
        escalations.tell(tx, incident, alert, "first", tell)
        targets.reckon(tx, incident)
    else:
        incidents.weigh(tx, incident, alert, how_much, before)
        if new and incident.priority >= before and _says_more(tx, incident, rule):
            escalations.tell(tx, incident, alert, "new_alerts", tell)
    escalations.heard(tx, incident)
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
        escalations.tell(tx, incident, alert, "again")
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
    incidents.stray(tx, incident, alert)


def weigh(tx: Tx, incident: Incident, alert: Alert, *, say: bool = True) -> None:
    """An alert of the incident has changed: its severity may be the worst now, which those who were told hear of, unless
    the caller has something else to `say`.
    """
    node = tx.state.topology.node_for(alert.namespace, alert.resource, alert.service)
    incidents.weigh(tx, incident, alert, _impact(tx, alert, node, wide=False), say=say)
    if say and incident.escalations:
        escalations.heard(tx, incident)


def concern(tx: Tx, incident: Incident, alert: Alert, tell: tuple[str, ...]) -> None:
    """An alert of the incident was quiet and is heard now. If the incident concerned no one so far who could be told, it
    may concern someone by now.
    """
    if incident.told or incident.owner is not None or incident.escalations:
        return
    owner = _owner(tx, alert, tx.state.topology.node_for(alert.namespace, alert.resource, alert.service))
    if owner is not None:
        tx.touch(incident)
        incident.owner = owner
        escalations.tell(tx, incident, alert, "first", tell)
        targets.reckon(tx, incident)
        tx.save("incident", incident)


class Place(msgspec.Struct, frozen=True):
    """What something is about, where no alert says it."""

    namespace: str
    resource: str
    service: str | None


def impact_of(tx: Tx, alert: Alert | Place) -> Impact:
    """How much depends on what the alert is about."""
    node = tx.state.topology.node_for(alert.namespace, alert.resource, alert.service)
    return _impact(tx, alert, node, wide=True)


def owner_of(tx: Tx, about: Alert | Place) -> str | None:
    """Who looks after what it is about."""
    return _owner(tx, about, tx.state.topology.node_for(about.namespace, about.resource, about.service))


# rules


def _ties(tx: Tx, alert: Alert, node: Node | None, rules: list[Rule]) -> list[Tie]:
    """What ties the alert to incidents, the strongest first."""
    state = tx.state
    own = state.incidents.get(alert.incident or "")
    if own is not None and own.state != "resolved":
        return [Tie(own, "same_alert", "it was in this incident before")]
    reach = min((rule.reach for rule in rules if rule.reach is not None), default=len(_ALLOWED))
    here = _incidents_at(tx, alert.places[:1])
    # To what fails in a large incident already, its surroundings have been told apart or tied when it began.
    told = any(len(state.members[one.id]) > MOVED for one in here)
    near = _near(tx, node, reach) if node is not None and reach and not told else []
    ties = _by_rule(tx, alert, rules)
    if here:
        ties.append(Tie(incidents.oldest(here), "resource", f"same resource: {alert.resource}"))
    ties += near
    if alert.service is not None:
        same = _incidents_at(tx, alert.places[1:])
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


def _by_rule(tx: Tx, alert: Alert, rules: list[Rule]) -> list[Tie]:
    """Open incidents that stand for what the alert is about by the rules of the configuration."""
    if not rules:
        return []
    stands = ((rule, _standing(tx, alert, rule, rule.subject(alert))) for rule in rules)
    return [
        Tie(incident, "fields", rule.spoken(alert), places=DIRECT) for rule, incident in stands if incident is not None
    ]


def _standing(tx: Tx, alert: Alert, rule: Rule, about: str | None) -> Incident | None:
    """The open incident that alerts about this join by the rule, if it has grown not long ago."""
    incident = tx.state.incidents.get(tx.state.incident_of.get((alert.namespace, about or ""), ""))
    if incident is None or incident.state == "resolved" or not incident.grew_at:
        return None
    return incident if (tx.now - incident.grew_at[-1]).total_seconds() <= rule.within_s else None


def _stand_for_rules(tx: Tx, incident: Incident, alert: Alert, rules: list[Rule]) -> None:
    """Alerts that a rule finds alike join this incident from now on, unless they join another one that goes on."""
    fresh: list[str] = []
    for rule in rules:
        wanted = rule.subject(alert)
        if wanted is None or wanted in incident.subjects or len(incident.subjects) + len(fresh) >= SUBJECTS:
            continue
        if _standing(tx, alert, rule, wanted) is None:
            fresh.append(wanted)
    if fresh:
        incidents.stand_for(tx, incident, tuple(fresh))


def _changes(tx: Tx, changes: list[Near]) -> list[Tie]:
    """Young incidents that have to do with the same change: the weakest tie, which makes no two incidents one."""
    ties = []
    for one in changes:
        known = (tx.state.incidents.get(id) for id in reversed(one.record.incidents))
        for incident in known:
            if incident is not None and incident.state != "resolved" and tx.now - incident.opened_at <= YOUNG:
                reason = f"both began soon after {one.record.id}, {one.record.title}, {one.way}"
                ties.append(Tie(incident, "change", reason))
    return ties


def _near(tx: Tx, node: Node, reach: int) -> list[Tie]:
    """Incidents in which places near the node began to fail a short time ago, those with the most such places first."""
    direct, since_of = tx.now - _DIRECT, [tx.now - allowed for allowed in _ALLOWED]
    begun, failing, around = tx.state.begun, tx.state.failing, tx.state.topology.around(node)
    found: dict[str, _Steps] = {}
    passed: set[str] = set()
    places = 0
    for hops in range(1, min(reach, len(since_of)) + 1):
        since = since_of[hops - 1]
        if hops == _CLOSE + 1:
            passed.update(id for id, steps in found.items() if not _bursts(tx, steps.incident))
        for way in around.further(begun, direct if hops == 1 else since, since):
            (_, at, _, _), ways, _ = way
            for place in at:
                for id in failing.get(place, _NONE):
                    if id in passed:
                        continue
                    steps = found.get(id)
                    if steps is None:
                        incident = tx.state.incidents[id]
                        if incident.state == "resolved" or (hops > _CLOSE and not _bursts(tx, incident)):
                            passed.add(id)
                            continue
                        steps = found[id] = _Steps(incident, way)
                    elif steps.last is way:
                        continue  # the same node, which is called otherwise, too
                    steps.last = way
                    steps.count += 1
                    steps.places += DIRECT if hops == 1 and ways else 1
                    places += 1
            if places >= ENOUGH:
                break
        if places >= ENOUGH:
            break
    ties = [_tie(tx, around, steps) for steps in found.values()]
    # No two incidents are of the same age: the order in which they were found does not show.
    return sorted(ties, key=lambda tie: (-tie.places, incidents.age(tie.incident)))


class _Steps(msgspec.Struct, gc=False):
    """The places near an alert that fail in one incident."""

    incident: Incident
    nearest: Way
    last: Way | None = None
    count: int = 0
    places: int = 0


def _tie(tx: Tx, around: Around, steps: _Steps) -> Tie:
    incident, nearest, places = steps.incident, around.step(steps.nearest), steps.places
    more = f", and {steps.count - 1} more near it" if steps.count > 1 else ""
    reason = f"{nearest.node.name} fails{more}: {nearest.spoken()}"
    if nearest.ways & UP:
        return Tie(incident, "upstream", reason, "symptom", places)
    if nearest.ways & DOWN:
        reason = f"it explains {nearest.node.name}{more}: {nearest.spoken()}"
        # A cause is heard of soon after what it explains: it began nothing that has gone on for long.
        thin = (tx.now - incident.opened_at).total_seconds() > DIRECT_S
        return Tie(incident, "downstream", reason, "cause", places, thin)
    thin = steps.count < max(THIN, THIN_SHARE * incident.alerts_firing)
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


def _incidents_at(tx: Tx, places: tuple[str, ...]) -> list[Incident]:
    """The open incidents with firing alerts at these places."""
    known = tx.state.incidents
    found = [known[id] for id in sorted(_ids_at(tx, places))]
    return [incident for incident in found if incident.state != "resolved"]


def _ids_at(tx: Tx, places: tuple[str, ...]) -> dict[str, int]:
    """The ids of all incidents with firing alerts at these places, in no order."""
    failing = tx.state.failing
    found = _NONE
    for place in places:
        here = failing.get(place)
        if here is not None:
            found = {**found, **here} if found else here
    return found


def _over(tx: Tx, incident: Incident) -> bool:
    return incident.resolved_at is not None and tx.now - incident.resolved_at > REOPEN


# how much it matters, and to whom


def _impact(tx: Tx, alert: Alert | Place, node: Node | None, *, wide: bool) -> Impact:
    """Of the service, of the resource itself, and with `wide` of all that needs it."""
    service = tx.state.policies.service(alert.namespace, alert.service) if alert.service is not None else None
    found = impact(service.criticality if service is not None else None, alert.service)
    known = service is not None
    if node is not None and node.criticality is not None:
        own = Impact(node.criticality, f"{node.name} is {node.criticality}")
        found = own if not known or own.over(found) else found
        known = True
    if node is not None and wide:
        least = CRITICALITIES.index(found.level) + 1 if known else 0
        worst = tx.state.topology.worst(node, hops=REACHED, least=least)
        if worst is not None:
            return Impact(
                str(worst.node.criticality), f"{worst.node.name} is {worst.node.criticality}: {worst.spoken()}"
            )
    return found


def _owner(tx: Tx, alert: Alert | Place, node: Node | None) -> str | None:
    service = tx.state.policies.service(alert.namespace, alert.service) if alert.service is not None else None
    if service is not None and service.owner is not None:
        return service.owner
    return node.owner if node is not None else None
