"""Suspects: which place is behind what fails, as far as the topology and the time tell, with the evidence in sentences.

A failing place is the more suspect the more of the others it explains: they need it, directly or over something. It counts
that nothing that it needs fails, that it failed early, and that it was changed soon before. A place that nobody reports is suspected if more of what fails
needs it than any failing place explains: a switch without monitoring is found by what hangs on it.

It ranks; it proves nothing. Shares are of at most `PLACES` failing places, those that began first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from oncue.core.prioritise import CRITICALITIES
from oncue.core.topology import Node, Step, Topology

SUSPECTS: Final = 5
"""Suspects that are named at the most."""
PLACES: Final = 100
"""Failing places that are looked at, those that began first."""
HOPS: Final = 4
"""How far a fault is followed."""
SILENT: Final = 2
"""Failing places that must need what nobody reports."""
EXCERPT: Final = 40
"""Nodes of the excerpt at the most."""
SERVICES: Final = 20
"""Services that are named at the most as affected."""

SOON: Final = timedelta(hours=1)
"""How long before the first failure a change counts."""

EXPLAINS: Final = 60
DEEPEST: Final = 20
EARLY: Final = 20
"""Points for explaining all the others, for needing nothing that fails, for having begun before all others: 100 in all."""
CHANGED: Final = 30
"""And for a change right before; less the longer before it was, and never beyond 100 in all."""


class Failing(msgspec.Struct, frozen=True):
    """An alert of the incident, or what is left of it."""

    alert: str
    resource: str
    service: str | None
    began_at: datetime


class Change(msgspec.Struct, frozen=True):
    """Something that was changed."""

    id: str
    title: str
    resources: tuple[str, ...]
    services: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None


class Part(msgspec.Struct, frozen=True):
    """A reason to suspect a place."""

    kind: Literal["explains", "deepest", "early", "silent", "changed"]
    points: int
    reason: str
    """The evidence in a sentence."""


class Suspect(msgspec.Struct, frozen=True):
    """A place that may be behind it."""

    node: Node | None
    """None for a place that the topology does not know."""
    name: str
    score: int
    """0 to 100: the sum of its parts."""
    parts: tuple[Part, ...]
    alerts: tuple[str, ...]
    """Ids of the alerts there; empty if nothing reports it."""
    began_at: datetime | None
    explains: tuple[str, ...]
    """Ids of the failing nodes that need it."""


class Affected(msgspec.Struct, frozen=True):
    """A service that needs what fails."""

    node: Node
    way: str
    """How, in words."""
    fails: bool
    """Whether alerts of the incident are about it."""


class Findings(msgspec.Struct, frozen=True):
    """What is known of what is behind an incident, and of what it reaches."""

    suspects: tuple[Suspect, ...]
    """The most suspect first."""
    affected: tuple[Affected, ...]
    """The most critical first."""
    excerpt: tuple[Node, ...]
    """Suspects, failing places, and what lies between them."""
    unknown: tuple[str, ...]
    """Failing resources that the topology does not know."""


class _Place:
    """Where something fails."""

    def __init__(self, name: str, node: Node | None) -> None:
        self.name = name
        self.node = node
        self.alerts: list[str] = []
        self.began_at: datetime | None = None
        self.up: dict[str, Step] = {}
        self.down: dict[str, Step] = {}


def find(topology: Topology, namespace: str, failing: list[Failing], changes: Sequence[Change] = ()) -> Findings:
    """What is behind the alerts of an incident, and what they reach; `changes` are those that may have to do with it."""
    places = _places(topology, namespace, failing)
    known = {place.node.id: place for place in places if place.node is not None}
    for place in known.values():
        assert place.node is not None
        place.up = {step.node.id: step for step in topology.walk(place.node, up=True, hops=HOPS)}
        down = topology.walk(place.node, up=False, hops=HOPS)
        place.down = {step.node.id: step for step in down if not _provides(step)}
    suspects = [_suspect(place, places, known) for place in places]
    most = max((len(one.explains) + 1 for one in suspects if one.node is not None), default=0)
    suspects += _silent(known, most)
    suspects = _with_changes(suspects, _changes(topology, namespace, places, changes), places, known)
    ranked = sorted(suspects, key=_rank)[:SUSPECTS]
    return Findings(
        suspects=tuple(ranked),
        affected=_affected(known),
        excerpt=_excerpt(ranked, known),
        unknown=tuple(place.name for place in places if place.node is None),
    )


def _provides(step: Step | None) -> bool:
    """Whether the way down leads from a service to what provides it: that a service fails does not make its parts fail."""
    while step is not None and step.edge is not None:
        if step.edge.relation == "provides" and step.edge.of == step.node.id:
            return True
        step = step.before
    return False


def _rank(suspect: Suspect) -> tuple[int, bool, str, str]:
    began = suspect.began_at.isoformat() if suspect.began_at is not None else ""
    return -suspect.score, suspect.began_at is None, began, suspect.name


def _places(topology: Topology, namespace: str, failing: list[Failing]) -> list[_Place]:
    """Where something fails, what began first first."""
    found: dict[str, _Place] = {}
    for one in sorted(failing, key=lambda one: (one.began_at, one.alert)):
        node = topology.node_for(namespace, one.resource, one.service)
        id = node.id if node is not None else one.resource
        place = found.get(id)
        if place is None:
            if len(found) == PLACES:
                continue
            place = found[id] = _Place(node.name if node is not None else one.resource, node)
            place.began_at = one.began_at
        place.alerts.append(one.alert)
    return list(found.values())


def _suspect(place: _Place, places: list[_Place], known: dict[str, _Place]) -> Suspect:
    parts = []
    explained = [id for id in place.down if id in known]
    others = len(places) - 1
    if explained:
        share = len(explained) / others
        way = place.down[explained[0]].spoken()
        parts.append(
            Part("explains", round(EXPLAINS * share), f"It explains {len(explained)} of {others} other places: {way}.")
        )
    deeper = [id for id, step in place.up.items() if id in known and id not in place.down and step.hops]
    if place.node is not None and not deeper:
        if explained or others == 0:
            parts.append(Part("deepest", DEEPEST, "Nothing that it needs fails."))
    elif deeper:
        nearest = place.up[deeper[0]]
        parts.append(Part("deepest", 0, f"What it needs fails, too: {nearest.spoken()}."))
    assert place.began_at is not None
    later = [one for one in places if one.began_at is not None and one.began_at > place.began_at]
    if later and others:
        points = round(EARLY * len(later) / others)
        first = len(later) == others
        before_s = (min(one.began_at for one in later if one.began_at is not None) - place.began_at).total_seconds()
        said = f"It was the first to fail, {_span(before_s)} before {later[0].name}." if first else (
            f"It failed before {len(later)} of {others} other places."
        )  # fmt: skip
        parts.append(Part("early", points, said))
    return Suspect(
        node=place.node,
        name=place.name,
        score=sum(part.points for part in parts),
        parts=tuple(parts),
        alerts=tuple(place.alerts),
        began_at=place.began_at,
        explains=tuple(explained),
    )


def _silent(known: dict[str, _Place], most: int) -> list[Suspect]:
    """What nobody reports, and more failing places need than any of them explains."""
    needing: dict[str, list[Step]] = {}
    for place in known.values():
        for id, step in place.up.items():
            # A part that is well says nothing of what fails; only what is straight along the needs is needed.
            if id not in known and id not in place.down:
                needing.setdefault(id, []).append(step)
    found = [steps for steps in needing.values() if len(steps) >= SILENT and len(steps) > most]
    found.sort(key=lambda steps: (-len(steps), sum(step.hops for step in steps), steps[0].node.id))
    return [_unseen(steps, len(known)) for steps in found[:2]]


def _unseen(steps: list[Step], of: int) -> Suspect:
    node = steps[0].node
    nearest = min(steps, key=lambda step: step.hops)
    said = f"Nothing reports it, and {len(steps)} of {of} failing places need it: {nearest.spoken()}."
    points = round(EXPLAINS * len(steps) / of)
    return Suspect(
        node=node,
        name=node.name,
        score=points,
        parts=(Part("silent", points, said),),
        alerts=(),
        began_at=None,
        explains=tuple(sorted(_start(step) for step in steps)),
    )


_Made = dict[str, tuple[str, Node | None, Part]]


def _changes(topology: Topology, namespace: str, places: list[_Place], changes: Sequence[Change]) -> _Made:
    """What was changed soon before the first failure, by id of the node or name: its name, node, and the latest change."""
    if not places or places[0].began_at is None:
        return {}
    first, found = places[0].began_at, _Made()
    for change in sorted(changes, key=lambda one: (one.started_at, one.id)):
        before = first - change.started_at
        if before > SOON and change.ended_at is not None and first - change.ended_at > SOON:
            continue
        if before < timedelta():
            continue
        points = round(CHANGED * max(1 - before / SOON, 0.3))
        for name, service in (*((one, None) for one in change.resources), *(("", one) for one in change.services)):
            node = topology.node_for(namespace, name, service)
            said = f"{change.id} was made there {_span(before.total_seconds())} before: {change.title}."
            called = node.name if node is not None else name or str(service)
            found[node.id if node is not None else called] = (called, node, Part("changed", points, said))
    return found


def _with_changes(
    suspects: list[Suspect], changes: _Made, places: list[_Place], known: dict[str, _Place]
) -> list[Suspect]:
    """The suspects, with what was changed there; and what was changed upstream of what fails, though nothing reports it."""
    if not changes:
        return suspects
    left, found = dict(changes), []
    for one in suspects:
        _, _, part = left.pop(one.node.id if one.node is not None else one.name, (None, None, None))
        found.append(one if part is None else _more_suspect(one, part))
    for id, (name, node, part) in left.items():
        steps = [place.up[id] for place in known.values() if id in place.up]
        if steps:
            unseen = _unseen(steps, len(places))
            found.append(_more_suspect(msgspec.structs.replace(unseen, node=node, name=name), part))
    return found


def _more_suspect(one: Suspect, part: Part) -> Suspect:
    points = min(part.points, 100 - one.score)
    part = msgspec.structs.replace(part, points=points)
    return msgspec.structs.replace(one, score=one.score + points, parts=(*one.parts, part))


def _start(step: Step) -> str:
    while step.before is not None:
        step = step.before
    return step.node.id


def _affected(known: dict[str, _Place]) -> tuple[Affected, ...]:
    found: dict[str, Affected] = {}
    for id, place in known.items():
        if place.node is not None and place.node.is_service:
            found[id] = Affected(place.node, f"{place.name} itself fails", True)
    for place in known.values():
        for id, step in place.down.items():
            if step.node.is_service and id not in found:
                found[id] = Affected(step.node, step.spoken(), False)
    return tuple(sorted(found.values(), key=lambda one: (-_level(one.node), not one.fails, one.node.id))[:SERVICES])


def _level(node: Node) -> int:
    return CRITICALITIES.index(node.criticality) if node.criticality is not None else -1


def _excerpt(suspects: list[Suspect], known: dict[str, _Place]) -> tuple[Node, ...]:
    """Suspects first, then by turns the way to a failing place that one explains, then what else fails."""
    found = {one.node.id: one.node for one in suspects if one.node is not None}
    for one in suspects:
        if one.node is None:
            continue
        for id in one.explains:
            up = known[id].up.get(one.node.id)
            way = [known[id].node] if up is None else [*_nodes(up)]
            fresh = {node.id: node for node in way if node is not None and node.id not in found}
            if len(found) + len(fresh) <= EXCERPT:
                found.update(fresh)
    for id, place in known.items():
        if len(found) < EXCERPT and id not in found and place.node is not None:
            found[id] = place.node
    return tuple(found.values())


def _nodes(step: Step | None) -> list[Node]:
    found = []
    while step is not None:
        found.append(step.node)
        step = step.before
    return found


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
