"""The topology of a namespace as one map: folded until it can be read, what fails first, and never more than can be drawn.

`whole` folds what is part of something, provides a service or is named after a resource into that; `type` folds
everything of a type. What still does not fit is left out by rank, and counted.
"""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from sqlalchemy import Connection, func, select

from oncue.api.context import Ctx, Who
from oncue.api.landscape import Land, Landscape
from oncue.api.params import json_response
from oncue.api.places import Place, place
from oncue.api.topology import Space, may_see
from oncue.core.prioritise import CRITICALITIES
from oncue.core.severity import RANK
from oncue.core.topology import Node, Topology
from oncue.store.queries import is_quiet
from oncue.store.schema import entity

DRAWN: Final = 500
"""Nodes of a map at the most."""
LINES: Final = 2_000
"""Edges of a map at the most."""
LEGIBLE: Final = 150
"""Nodes up to which nothing is folded unless one asks for it."""
FAILING: Final = 20_000
"""Rows of firing alerts that are looked at, one for each resource, service and severity."""
OPENED: Final = 50
MEMBERSHIP: Final = ("part_of", "provides", "named_after")

Fold = Literal["none", "whole", "type"]
Fires = dict[str, tuple[str, int]]
"""Id of a node to the worst severity of its audible alerts, and how many fire."""


class MapNode(msgspec.Struct, kw_only=True):
    """A place, or several that are drawn as one."""

    place: Place
    """Of several: the one that they are part of, or, for those of a type, one with the id `type:` and the type."""
    folded: int = 0
    """Places that are folded into it, itself not counted."""
    failing: int = 0
    """Places among all of these with audible alerts."""
    opens: bool = False
    """Whether it was unfolded, and can be folded again."""


class MapEdge(msgspec.Struct, kw_only=True):
    """`of` needs `on`."""

    of: str
    on: str
    count: int
    """Links that are drawn as this one."""


class TopologyMap(msgspec.Struct, kw_only=True):
    """The topology, as far as it can be drawn."""

    nodes: list[MapNode]
    """What fails first, then by criticality."""
    edges: list[MapEdge]
    fold: Fold
    """How it is folded."""
    total: int
    """Places in the namespace."""
    not_shown: int
    """Places that are neither drawn nor folded into what is."""
    edges_not_shown: int
    elsewhere: int
    """Firing alerts of the namespace about what the topology does not know."""


class _Folded(msgspec.Struct):
    """Which node stands for which, and what these need; the same until configuration changes."""

    stands: dict[str, str]
    """Id of every node to the id of that which is drawn for it."""
    members: dict[str, int]
    needs: dict[str, dict[str, int]]
    depth: dict[str, int]
    """Of those that are drawn: 0 for what nothing needs, and so on downwards."""


@get("/topology/map", opt={"permission": "manifest:read"})
async def get_topology_map(
    ctx: Ctx,
    who: Who,
    landscape: Land,
    namespace: Space = "default",
    fold: Annotated[
        Literal["auto", "none", "whole", "type"],
        QueryParameter(description="What is drawn as one; `auto` folds a large namespace into wholes"),
    ] = "auto",
    opened: Annotated[
        list[str] | None,
        QueryParameter(name="open", max_items=OPENED, description="Ids of what is unfolded all the same"),
    ] = None,
    depth: Annotated[
        int, QueryParameter(ge=0, le=9, description="Layers from the top, what nothing needs; 0 for all")
    ] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=DRAWN)] = DRAWN,
) -> Response[TopologyMap]:
    """The topology of a namespace to be drawn: at most 500 places, what fails first; says how many are not shown."""
    may_see(who, namespace)
    rows = await ctx.recently(("fires", namespace), partial(_fires, namespace=namespace))

    def look(land: Landscape) -> TopologyMap:
        return _map(land, namespace, rows, fold, frozenset(opened or ()), depth, limit)

    return json_response(msgspec.json.encode(await landscape.ask(look)))


Row = tuple[str, str | None, str, bool, int]
"""(resource, service, severity, whether quiet, how many)"""


def _fires(connection: Connection, namespace: str) -> list[Row]:
    quiet = is_quiet()
    found = connection.execute(
        select(entity.c.resource, entity.c.service, entity.c.severity, quiet.label("quiet"), func.count().label("n"))
        .where(entity.c.kind == "alert", entity.c.state == "firing", entity.c.namespace == namespace)
        .group_by(entity.c.resource, entity.c.service, entity.c.severity, quiet)
        .limit(FAILING)
    )
    return [(row.resource or "", row.service, row.severity or "info", bool(row.quiet), row.n) for row in found]


def _map(
    land: Landscape, namespace: str, rows: list[Row], asked: str, opened: frozenset[str], depth: int, limit: int
) -> TopologyMap:
    nodes = {node.id: node for node in land.nodes(namespace)}
    fold: Fold = ("none" if len(nodes) <= LEGIBLE else "whole") if asked == "auto" else asked  # type: ignore[assignment]
    key = ("map", namespace, fold, opened)
    folded: _Folded | None = land.memo.get(key)
    if folded is None:
        folded = land.memo[key] = _folded(land.topology, nodes, fold, opened)
    fires, elsewhere = _where(land.topology, namespace, rows)
    shown = _summed(nodes, folded, fires, opened)
    if depth:
        shown = [one for one in shown if folded.depth[one.place.id] < depth]
    shown.sort(key=lambda one: _rank(one, folded.depth[one.place.id]))
    kept = shown[:limit]
    ids = {one.place.id for one in kept}
    lines = [
        MapEdge(of=of, on=on, count=count)
        for of in sorted(ids)
        for on, count in folded.needs.get(of, {}).items()
        if on in ids
    ]
    lines.sort(key=lambda line: -line.count)
    return TopologyMap(
        nodes=kept,
        edges=lines[:LINES],
        fold=fold,
        total=len(nodes),
        not_shown=len(nodes) - sum(folded.members[id] for id in ids),
        edges_not_shown=max(0, len(lines) - LINES),
        elsewhere=elsewhere,
    )


def _rank(one: MapNode, depth: int) -> tuple[int, bool, int, int, str]:
    critical = one.place.criticality
    known = critical is not None and critical in CRITICALITIES
    weight = -CRITICALITIES.index(critical) if known and critical is not None else 1
    return -RANK[one.place.severity], one.place.kind != "Service", weight, depth, one.place.id


def _where(topology: Topology, namespace: str, rows: Iterable[Row]) -> tuple[Fires, int]:
    """What fires at each node, and how many alerts are about none."""
    found: Fires = {}
    elsewhere = 0
    for resource, service, severity, quiet, count in rows:
        node = topology.node_for(namespace, resource, service)
        if node is None:
            elsewhere += count
            continue
        worst, firing = found.get(node.id, ("clear", 0))
        if not quiet and RANK.get(severity, 0) > RANK[worst]:
            worst = severity
        found[node.id] = (worst, firing + count)
    return found, elsewhere


def _summed(nodes: dict[str, Node], folded: _Folded, fires: Fires, opened: frozenset[str]) -> list[MapNode]:
    shown: dict[str, MapNode] = {}
    for id, members in folded.members.items():
        node = nodes.get(id)
        drawn = place(node) if node is not None else _of_type(id, next(iter(nodes.values())).namespace)
        shown[id] = MapNode(place=drawn, folded=members - (node is not None), opens=id in opened)
    for id, (severity, count) in fires.items():
        one = shown[folded.stands[id]]
        one.place.severity = max(one.place.severity, severity, key=RANK.__getitem__)
        one.place.alerts_firing += count
        one.failing += severity != "clear"
    return list(shown.values())


def _of_type(id: str, namespace: str) -> Place:
    name = id.partition(":")[2]
    return Place(
        id=id, kind="Resource", namespace=namespace, name=name, aliases=[], type=name, criticality=None, owner=None
    )


def _folded(topology: Topology, nodes: dict[str, Node], fold: Fold, opened: frozenset[str]) -> _Folded:
    stands = {id: _stand_in(topology, node, fold, opened) for id, node in nodes.items()}
    needs: dict[str, dict[str, int]] = {}
    for id, node in nodes.items():
        of = stands[id]
        for edge, other in topology.needs(node):
            on = stands[other.id]
            # A whole and its part need each other; that is drawn once, as the part says it.
            if on != of and edge.of == id:
                targets = needs.setdefault(of, {})
                targets[on] = targets.get(on, 0) + 1
    members = Counter(stands.values())
    return _Folded(stands, dict(members), needs, _depths(members, needs))


def _stand_in(topology: Topology, node: Node, fold: Fold, opened: frozenset[str]) -> str:
    if fold == "none":
        return node.id
    if fold == "type":
        group = f"type:{node.type}"
        return node.id if node.is_service or not node.type or group in opened else group
    above = [node.id]
    while (whole := _whole(topology, node)) is not None and whole.id not in above:
        above.append(whole.id)
        node = whole
    # The topmost whole that is not unfolded stands for all below it.
    return next((id for id in reversed(above) if id not in opened), above[0])


def _whole(topology: Topology, node: Node) -> Node | None:
    wholes = [
        other for edge, other in topology.needs(node) if edge.of == node.id and edge.relation in MEMBERSHIP
    ]  # fmt: skip
    return min(wholes, key=lambda one: (one.is_service, one.id), default=None)


def _depths(members: Iterable[str], needs: dict[str, dict[str, int]]) -> dict[str, int]:
    """How far below the top each stands; what is only in circles counts as the top."""
    needed = {on for targets in needs.values() for on in targets}
    everyone = sorted(members)
    depth = {id: 0 for id in everyone if id not in needed}
    _descend(needs, list(depth), depth)
    for id in everyone:
        if id not in depth:
            depth[id] = 0
            _descend(needs, [id], depth)
    return depth


def _descend(needs: dict[str, dict[str, int]], front: list[str], depth: dict[str, int]) -> None:
    while front:
        following = []
        for id in front:
            for on in needs.get(id, {}):
                if on not in depth:
                    depth[on] = depth[id] + 1
                    following.append(on)
        front = following


HANDLERS = [get_topology_map]
