"""The topology: resources and services, and what each of them needs.

A fault travels along it: what fails explains the failure of what needs it. `depends_on` and `runs_on` say so in one
direction. `part_of` goes both ways: a whole that fails takes its parts with it, and a part that fails is felt by the
whole. So does `provides`, which a resource says of its service: they need each other, and what the service needs. But no
way leads from one part over the whole to another. Where a resource says nothing of the kind, its name may: `shop-2` is
taken for a part of `shop`.

What a manifest names need not be there, and may be there later; cycles are taken as they are. The look-ups are kept up
to date manifest by manifest, and are the same in whatever order these came.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final, Literal, TypeVar

import msgspec

from oncue.core import place
from oncue.core.manifest import Manifest, ResourceSpec, ServiceSpec
from oncue.core.prioritise import CRITICALITIES

NODE_KINDS: Final = ("Resource", "Service")
SHARED_BY: Final = 100
"""Neighbours from which on a node is too common to tell anything of those around it."""
REACH: Final = 500
"""Nodes that a walk visits at the most: what lies behind them is not looked at."""
NEAR: Final = 300
"""Nodes around another one that are near it at the most."""

UP: Final = 1
DOWN: Final = 2

Relation = Literal["depends_on", "runs_on", "part_of", "provides", "named_after"]

_MEMBERSHIP: Final = ("part_of", "provides", "named_after")
_JOINTS: Final = re.compile(r"[-._:/]")
"""What separates a name from what is added to it."""

_SPOKEN: Final[dict[str, tuple[str, str]]] = {
    "depends_on": ("depends on", "is needed by"),
    "runs_on": ("runs on", "carries"),
    "part_of": ("is part of", "contains"),
    "provides": ("provides", "is provided by"),
    "named_after": ("is named after", "lends its name to"),
}


One = TypeVar("One")


class Link(msgspec.Struct, frozen=True, gc=False):
    """What a manifest says of its node and another one, by the name that it uses."""

    relation: Relation
    target: str


class Node(msgspec.Struct, frozen=True, gc=False):
    """A resource or a service."""

    id: str
    """`resource:name` or `service:name`."""
    namespace: str
    name: str
    names: tuple[str, ...]
    """What events and other manifests call it."""
    type: str
    criticality: str | None
    owner: str | None
    links: tuple[Link, ...]
    places: tuple[str, ...] = ()
    """Where alerts about it are: a place for each name by which they may call it; a service may be called a resource, too. The
    first one is its own, and no other node's."""
    is_service: bool = False
    """Whether it is a service, and not a resource."""

    @property
    def called(self) -> tuple[str, ...]:
        """Its name and its aliases: those of its names that do not say what it is."""
        return self.names[:-1]


class Edge(msgspec.Struct, frozen=True, gc=False):
    """Two nodes as one of them says: `of` depends on, runs on, is part of or provides `on`."""

    of: str
    relation: Relation
    on: str


class Step(msgspec.Struct, frozen=True, gc=False):
    """A node that a walk came to, and how."""

    node: Node
    edge: Edge | None = None
    """The edge that it was reached by; None for the node that the walk began at."""
    before: "Step | None" = None
    hops: int = 0
    ways: int = 3
    """Whether all of the way leads to what is needed (`UP`), or to what needs (`DOWN`); neither if it turns."""

    def edges(self) -> list[Edge]:
        """The edges from the walk's beginning to here."""
        step, found = self, []
        while step.edge is not None and step.before is not None:
            found.append(step.edge)
            step = step.before
        return found[::-1]

    def spoken(self) -> str:
        """The way in words: `checkout depends on orders, orders runs on host-3`."""
        step, words = self, []
        while step.edge is not None and step.before is not None:
            forth = step.edge.of == step.before.node.id
            words.append(f"{step.before.node.name} {_SPOKEN[step.edge.relation][not forth]} {step.node.name}")
            step = step.before
        return ", ".join(words[::-1])


class Topology:
    """All nodes of all namespaces."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, str], Node] = {}
        self._called: dict[tuple[str, str], tuple[Node, ...]] = {}
        """(namespace, a name) -> the nodes that it may mean; the first one is meant."""
        self._said: dict[tuple[str, str], dict[tuple[str, Relation], None]] = {}
        """(namespace, a name) -> the nodes that name it in a link, in no order. Half the landscape may name one network."""
        self._begun: dict[tuple[str, str], dict[str, None]] = {}
        """(namespace, the beginning of a name) -> ids of the resources that are called so and more, in no order."""
        self._beside: dict[tuple[str, str], Beside] = {}
        self._around: dict[tuple[str, str], tuple[Neighbours, Neighbours]] = {}
        self._ranks: dict[str, list[int]] = {}
        """Namespace -> how many nodes there are of each criticality, the least first."""

    def __len__(self) -> int:
        return len(self._nodes)

    def nodes(self, namespace: str) -> list[Node]:
        """The nodes of a namespace, by id."""
        return [self._nodes[key] for key in sorted(self._nodes) if key[0] == namespace]

    def put(self, manifest: Manifest) -> None:
        """Add or replace the node of a manifest."""
        self.drop(manifest.kind, manifest.namespace, manifest.name)
        node = _node(manifest)
        space = node.namespace
        self._nodes[(space, node.id)] = node
        self._rank(node, 1)
        for name in dict.fromkeys(node.names):
            known = self._called.get((space, name), ())
            # Who has it for an id, whatever others call themselves; a resource before a service, and its own name before another's alias.
            self._called[(space, name)] = tuple(sorted((*known, node), key=lambda one: _precedence(one.id, name)))
        for link in node.links:
            self._said.setdefault((space, link.target), {})[(node.id, link.relation)] = None
        for beginning in _beginnings(node):
            self._begun.setdefault((space, beginning), {})[node.id] = None
        self._around.clear()
        self._beside.clear()

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """Remove the node of a manifest, if it is there."""
        node = self._nodes.pop((namespace, f"{kind.lower()}:{name}"), None)
        if node is None:
            return
        self._rank(node, -1)
        for called in dict.fromkeys(node.names):
            left = tuple(one for one in self._called[(namespace, called)] if one is not node)
            if left:
                self._called[(namespace, called)] = left
            else:
                del self._called[(namespace, called)]
        for link in dict.fromkeys(node.links):
            _without(self._said, (namespace, link.target), (node.id, link.relation))
        for beginning in _beginnings(node):
            _without(self._begun, (namespace, beginning), node.id)
        self._around.clear()
        self._beside.clear()

    def _rank(self, node: Node, change: int) -> None:
        rank = _CRITICAL.get(node.criticality)
        if rank is not None:
            self._ranks.setdefault(node.namespace, [0] * len(CRITICALITIES))[rank] += change

    def node(self, namespace: str, name: str) -> Node | None:
        """The node that a name means: a resource by its name or alias, else a service. `resource:x` and `service:x` say
        which."""
        found = self._called.get((namespace, name))
        return found[0] if found else None

    def node_for(self, namespace: str, resource: str, service: str | None) -> Node | None:
        """Where an alert is: at its resource if that is known, else at its service."""
        if not self._nodes:
            return None
        found = self.node(namespace, f"resource:{resource}") or self.node(namespace, resource)
        if found is None and service is not None:
            found = self.node(namespace, f"service:{service}")
        return found

    def service_of(self, namespace: str, resource: str) -> str | None:
        """The service that a known resource says it provides."""
        node = self.node(namespace, resource) if self._nodes else None
        if node is None or node.is_service:
            return None
        for link in node.links:
            if link.relation == "provides":
                return link.target.removeprefix("service:")
        return None

    def missing(self, namespace: str) -> list[tuple[str, Link]]:
        """What links name that is not there, as (id of the node, its link)."""
        return [
            (node.id, link)
            for node in self.nodes(namespace)
            for link in node.links
            if self.node(namespace, link.target) is None
        ]

    # walking

    def needs(self, node: Node) -> "Neighbours":
        """What the node needs: its direct causes, by id."""
        return self._neighbours(node)[0]

    def needed_by(self, node: Node) -> "Neighbours":
        """What needs the node: what it takes with it, by id."""
        return self._neighbours(node)[1]

    def _neighbours(self, node: Node) -> tuple["Neighbours", "Neighbours"]:
        key = (node.namespace, node.id)
        known = self._around.get(key)
        if known is None:
            needs, needed_by = self._look(node)
            known = self._around[key] = _by_id(needs), _by_id(needed_by)
        return known

    def _look(self, node: Node) -> tuple["Found", "Found"]:
        needs: Found = {}
        needed_by: Found = {}
        for link in node.links:
            target = self.node(node.namespace, link.target)
            if target is not None and target.id != node.id:
                one = (Edge(node.id, link.relation, target.id), target)
                needs.setdefault(target.id, one)
                if link.relation in _MEMBERSHIP:
                    needed_by.setdefault(target.id, one)
        for name in node.names:
            said = self._said.get((node.namespace, name))
            if said is None or self.node(node.namespace, name) is not node:
                continue
            for id, relation in sorted(said):
                if id != node.id:
                    one = (Edge(id, relation, node.id), self._nodes[(node.namespace, id)])
                    needed_by.setdefault(id, one)
                    if relation in _MEMBERSHIP:
                        needs.setdefault(id, one)
        for edge, other in self._alike(node):
            needs.setdefault(other.id, (edge, other))
            needed_by.setdefault(other.id, (edge, other))
        return needs, needed_by

    def _alike(self, node: Node) -> Iterator[tuple[Edge, Node]]:
        """What the node is named after, and what is named after it."""
        after = self._named_after(node)
        if after is not None:
            yield Edge(node.id, "named_after", after.id), after
        for id in self._begun.get((node.namespace, node.name), ()):
            other = self._nodes[(node.namespace, id)]
            if self._named_after(other) is node:
                yield Edge(id, "named_after", node.id), other

    def _named_after(self, node: Node) -> Node | None:
        """What a resource is taken for a part of, for its name."""
        for beginning in _beginnings(node):
            whole = self.node(node.namespace, beginning)
            if whole is not None and whole.id != node.id:
                return whole
        return None

    def walk(self, start: Node, *, up: bool, hops: int) -> Iterator[Step]:
        """The nodes around `start`, nearest first and then by id: what it needs (`up`), or what needs it."""
        seen = {start.id}
        front = [Step(start)]
        for distance in range(1, hops + 1):
            following: list[Step] = []
            for step in front:
                for edge, node in self._neighbours(step.node)[not up]:
                    if node.id in seen or _turns(step, edge):
                        continue
                    if len(seen) > REACH:
                        return
                    seen.add(node.id)
                    reached = Step(node, edge, step, distance)
                    following.append(reached)
                    yield reached
            front = following

    def needing(self, start: Node, *, up: bool, hops: int) -> Iterator[Step]:
        """The nodes that `start` needs (`up`), or that need it, nearest first and then by id, all of them. Other than for
        `walk`, a part needs its whole, and the whole not its parts.
        """
        seen = {start.id}
        front = [Step(start)]
        for distance in range(1, hops + 1):
            following: list[Step] = []
            for step in front:
                for edge, node in self._neighbours(step.node)[not up]:
                    if node.id not in seen and _needs(edge, step.node if up else node):
                        seen.add(node.id)
                        reached = Step(node, edge, step, distance)
                        following.append(reached)
                        yield reached
            front = following

    def worst(self, start: Node, *, hops: int, least: int) -> Step | None:
        """Of what needs `start`, the node of the highest criticality, of these the first that `walk` comes to; None if
        there is none of at least the criticality of this number, as `CRITICALITIES` counts them.
        """
        there = self._ranks.get(start.namespace, ())
        highest = max((rank for rank, count in enumerate(there) if count), default=-1)
        if highest < least:
            return None
        came: dict[str, tuple[Node, Edge | None, str]] = {start.id: (start, None, "")}
        front, best, most = [start.id], "", least - 1
        for _ in range(hops):
            following: list[str] = []
            for id in front:
                of, before, _ = came[id]
                onwards = before is not None and before.relation in _MEMBERSHIP and before.on == id
                for edge, node in self._neighbours(of)[1]:
                    if node.id in came or (onwards and edge.relation in _MEMBERSHIP and edge.on == id):
                        continue
                    if len(came) > REACH:
                        return self._found(came, best)
                    came[node.id] = (node, edge, id)
                    following.append(node.id)
                    rank = _CRITICAL.get(node.criticality, -1)
                    if rank > most:
                        best, most = node.id, rank
                        if rank == highest:
                            return self._found(came, best)
            front = following
        return self._found(came, best)

    def _found(self, came: dict[str, tuple[Node, Edge | None, str]], id: str) -> Step | None:
        if not id:
            return None
        node, edge, before = came[id]
        if edge is None:
            return Step(node)
        last = self._found(came, before)
        assert last is not None
        return Step(node, edge, last, last.hops + 1)

    def around(self, start: Node) -> "Around":
        """The nodes around `start`, to be gone through level by level."""
        return Around(self, start)

    def beside(self, node: Node) -> "Beside":
        """The nodes beside this one."""
        key = (node.namespace, node.id)
        known = self._beside.get(key)
        if known is None:
            needs, needed_by = self._look(node)
            rows: dict[int, list[Reached]] = {}
            for id in sorted({**needs, **needed_by}):
                edge, other = needed_by[id] if id in needed_by else needs[id]
                way = UP * (id in needs) | DOWN * (id in needed_by)
                rows.setdefault(way, []).append((id, other.places, other, edge))
            known = self._beside[key] = Beside(rows)
        return known


Neighbours = tuple[tuple[Edge, Node], ...]
"""What lies beside a node in one direction, by id."""

Found = dict[str, tuple[Edge, Node]]

Reached = tuple[str, tuple[str, ...], Node, Edge]
"""(id, `Node.places`, the node, the edge by which it is reached). Plain, for an alert looks at a hundred of them."""

Way = tuple[Reached, int, "Way | None"]
"""(a node that was reached, `Step.ways`, the way to the node before it; None if it lies beside the start)."""


class Beside:
    """The nodes beside one."""

    __slots__ = ("places", "rows")

    def __init__(self, rows: dict[int, list[Reached]]) -> None:
        self.places = frozenset(places[0] for row in rows.values() for _, places, _, _ in row)
        """Their own places."""
        self.rows = tuple(
            (way, tuple(at for one in row for at in one[1]), tuple(one for one in row for _ in one[1]))
            for way, row in rows.items()
        )
        """By the ways there, as `Step.ways` has them: the places of those that are reached so, and the node of each place. By
        id; nodes that are called otherwise, too, are there more than once."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """A part of a level: nodes that are reached over the same one, in the same way."""

    places: tuple[str, ...]
    nodes: tuple[Reached, ...]
    known: AbstractSet[str]
    """The own places of those that were reached before."""
    ways: int
    before: Way | None


class Around:
    """The nodes around one, nearest first; at the same distance what lies straight along the needs before what is reached
    with a turn, then by id. Nothing is reached over a node that too many share.

    Who looks around mostly wants the first few where something began. So a level is put in order only as far as it is looked
    at, and all of it only when the next one is reached over it."""

    __slots__ = ("_came", "_last", "_rows", "_start", "_topology")

    def __init__(self, topology: Topology, start: Node) -> None:
        self._topology = topology
        self._start = start
        self._came = {start.places[0]}
        """Own places of the nodes that were reached, but for what lies beside the last one that was passed."""
        self._last: AbstractSet[str] | None = None
        self._rows: list[list[Row]] = []
        """The level that was reached last, by the order within it."""

    def further(self, begun: dict[str, datetime], straight: datetime, turned: datetime) -> Iterator[Way]:
        """Of the nodes that are one step further than those before, the ones where something began since an instant, which
        for those that lie `straight` along the needs is another than for those that are reached with a turn."""
        self._reach()
        for rows in self._rows:
            ways = _where(rows, begun, straight, turned)
            yield from ways if len(rows) == 1 else sorted(ways)

    def _reach(self) -> None:
        """Go one step further."""
        before, self._rows = self._rows, [[] for _ in _ORDER]
        if self._last is None:
            self._pass(self._topology.beside(self._start), UP | DOWN, None)
            return
        for rows in before:
            for way in sorted(_all(rows)):
                (_, _, node, _), ways, _ = way
                self._came |= self._last
                if len(self._came) > NEAR:
                    return
                beside = self._topology.beside(node)
                if len(beside.places) <= SHARED_BY:
                    self._pass(beside, ways, way)

    def _pass(self, beside: Beside, ways: int, way: Way | None) -> None:
        """What lies beside the end of this way, which leads `ways`, is reached by it."""
        known, self._last = self._came & beside.places, beside.places
        for there, places, nodes in beside.rows:
            self._rows[_ORDER[ways & there]].append(Row(places, nodes, known, ways & there, way))

    def step(self, way: Way) -> Step:
        """The way there, for people."""
        (_, _, node, edge), ways, before = way
        last = Step(self._start) if before is None else self.step(before)
        return Step(node, edge, last, last.hops + 1, ways)


def _where(rows: list[Row], begun: dict[str, datetime], straight: datetime, turned: datetime) -> Iterator[Way]:
    """The nodes in these rows, new ones, where something began since then."""
    for row in rows:
        since = straight if row.ways else turned
        last: Reached | None = None
        for number, began in enumerate(map(begun.get, row.places)):
            if began is not None and began >= since:
                reached = row.nodes[number]
                if reached is not last and reached[1][0] not in row.known:
                    yield reached, row.ways, row.before
                last = reached


def _all(rows: list[Row]) -> Iterator[Way]:
    """The nodes in these rows, new ones."""
    for row in rows:
        last: Reached | None = None
        for reached in row.nodes:
            if reached is not last and reached[1][0] not in row.known:
                yield reached, row.ways, row.before
            last = reached


def _by_id(found: Found) -> Neighbours:
    return tuple([found[id] for id in sorted(found)])


_CRITICAL: Final[dict[str | None, int]] = {level: number for number, level in enumerate(CRITICALITIES)}
_ORDER: Final = (3, 0, 2, 1)
"""By the ways of a step: up, both, down, neither."""


def _beginnings(node: Node) -> list[str]:
    """The beginnings of the node's name, longest first, if it is a resource that says of nothing that it is a part of it."""
    if node.is_service or any(link.relation in _MEMBERSHIP for link in node.links):
        return []
    return [node.name[: joint.start()] for joint in _JOINTS.finditer(node.name)][::-1]


def _needs(edge: Edge, node: Node) -> bool:
    """Whether it is this node that needs the other one."""
    return (edge.on if edge.relation == "provides" else edge.of) == node.id


def _turns(step: Step, edge: Edge) -> bool:
    """Whether it would go from a part to its whole, and on to another part: parts do not need each other."""
    before = step.edge
    if before is None or before.relation not in _MEMBERSHIP or edge.relation not in _MEMBERSHIP:
        return False
    return before.on == step.node.id and edge.on == step.node.id


def _without(rows: dict[tuple[str, str], dict[One, None]], key: tuple[str, str], one: One) -> None:
    del rows[key][one]
    if not rows[key]:
        del rows[key]


def _precedence(id: str, name: str) -> tuple[bool, bool, bool, str]:
    kind, _, own = id.partition(":")
    return id != name, kind != "resource", own != name, id


def _node(manifest: Manifest) -> Node:
    if manifest.kind == "Service":
        service = msgspec.convert(manifest.spec, ServiceSpec)
        links = [Link("depends_on", target) for target in service.depends_on]
        return _made(manifest, (manifest.name,), "service", service.criticality, service.owner, links)
    spec = msgspec.convert(manifest.spec, ResourceSpec)
    links = [Link("depends_on", target) for target in spec.depends_on]
    links += [Link("runs_on", target) for target in spec.runs_on]
    links += [Link("part_of", target) for target in spec.part_of]
    if spec.service is not None:
        links.append(Link("provides", f"service:{spec.service}"))
    called = tuple(dict.fromkeys((manifest.name, *spec.aliases)))
    return _made(manifest, called, spec.type, spec.criticality, spec.owner, links)


def _made(
    manifest: Manifest, called: tuple[str, ...], type: str, criticality: str | None, owner: str | None,
    links: list[Link],
) -> Node:  # fmt: skip
    id, space = f"{manifest.kind.lower()}:{manifest.name}", manifest.namespace
    places = [place.of_service(space, manifest.name)] if manifest.kind == "Service" else []
    places += [place.of_resource(space, name) for name in called]
    return Node(
        id,
        space,
        manifest.name,
        (*called, id),
        type,
        criticality,
        owner or manifest.owner,
        tuple(links),
        tuple(places),
        manifest.kind == "Service",
    )
