"""The topology: resources and services, and what each of them needs.

A fault travels along it: what fails explains the failure of what needs it. `depends_on` and `runs_on` say so in one
direction. `part_of` goes both ways: a whole that fails takes its parts with it, and a part that fails is felt by the
whole. So does `provides`, which a resource says of its service: they need each other, and what the service needs. But no
way leads from one part over the whole to another.

What a manifest names need not be there, and may be there later; cycles are taken as they are. The look-ups are kept up
to date manifest by manifest, and are the same in whatever order these came.
"""

from collections.abc import Iterator
from typing import Final, Literal, TypeVar

import msgspec

from oncue.core.manifest import Manifest, ResourceSpec, ServiceSpec

NODE_KINDS: Final = ("Resource", "Service")
REACH: Final = 500
"""Nodes that one walk visits at the most: what lies behind them is not looked at."""

Relation = Literal["depends_on", "runs_on", "part_of", "provides"]

_MEMBERSHIP: Final = ("part_of", "provides")

_SPOKEN: Final[dict[str, tuple[str, str]]] = {
    "depends_on": ("depends on", "is needed by"),
    "runs_on": ("runs on", "carries"),
    "part_of": ("is part of", "contains"),
    "provides": ("provides", "is provided by"),
}


One = TypeVar("One")


class Link(msgspec.Struct, frozen=True):
    """What a manifest says of its node and another one, by the name that it uses."""

    relation: Relation
    target: str


class Node(msgspec.Struct, frozen=True):
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

    @property
    def is_service(self) -> bool:
        """Whether it is a service, and not a resource."""
        return self.id.startswith("service:")


class Edge(msgspec.Struct, frozen=True):
    """Two nodes as one of them says: `of` depends on, runs on, is part of or provides `on`."""

    of: str
    relation: Relation
    on: str


class Step(msgspec.Struct, frozen=True):
    """A node that a walk came to, and how."""

    node: Node
    edge: Edge | None = None
    """The edge that it was reached by; None for the node that the walk began at."""
    before: "Step | None" = None
    hops: int = 0

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
        self._called: dict[tuple[str, str], tuple[str, ...]] = {}
        """(namespace, a name) -> ids of the nodes that it may mean; the first one is meant."""
        self._said: dict[tuple[str, str], tuple[tuple[str, Relation], ...]] = {}
        """(namespace, a name) -> the nodes that name it in a link."""
        self._around: dict[tuple[str, str, bool], tuple[tuple[Edge, Node], ...]] = {}

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
        for name in node.names:
            known = self._called.get((space, name), ())
            # A resource before a service, and its own name before another's alias.
            self._called[(space, name)] = tuple(sorted({*known, node.id}, key=lambda id: _precedence(id, name)))
        for link in node.links:
            said = self._said.get((space, link.target), ())
            self._said[(space, link.target)] = tuple(sorted({*said, (node.id, link.relation)}))
        self._around.clear()

    def drop(self, kind: str, namespace: str, name: str) -> None:
        """Remove the node of a manifest, if it is there."""
        node = self._nodes.pop((namespace, f"{kind.lower()}:{name}"), None)
        if node is None:
            return
        for called in node.names:
            _keep(self._called, (namespace, called), [id for id in self._called[(namespace, called)] if id != node.id])
        for link in dict.fromkeys(node.links):
            key = (namespace, link.target)
            _keep(self._said, key, [one for one in self._said[key] if one != (node.id, link.relation)])
        self._around.clear()

    def node(self, namespace: str, name: str) -> Node | None:
        """The node that a name means: a resource by its name or alias, else a service. `resource:x` and `service:x` say
        which."""
        found = self._called.get((namespace, name))
        return self._nodes[(namespace, found[0])] if found else None

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
        return next((link.target.removeprefix("service:") for link in node.links if link.relation == "provides"), None)

    def missing(self, namespace: str) -> list[tuple[str, Link]]:
        """What links name that is not there, as (id of the node, its link)."""
        return [
            (node.id, link)
            for node in self.nodes(namespace)
            for link in node.links
            if self.node(namespace, link.target) is None
        ]

    # walking

    def needs(self, node: Node) -> tuple[tuple[Edge, Node], ...]:
        """What the node needs: its direct causes, by id."""
        return self._neighbours(node, True)

    def needed_by(self, node: Node) -> tuple[tuple[Edge, Node], ...]:
        """What needs the node: what it takes with it, by id."""
        return self._neighbours(node, False)

    def _neighbours(self, node: Node, up: bool) -> tuple[tuple[Edge, Node], ...]:
        key = (node.namespace, node.id, up)
        known = self._around.get(key)
        if known is None:
            known = self._around[key] = tuple(self._look(node, up))
        return known

    def _look(self, node: Node, up: bool) -> list[tuple[Edge, Node]]:
        found: dict[str, tuple[Edge, Node]] = {}
        along = ("depends_on", "runs_on", *_MEMBERSHIP) if up else _MEMBERSHIP
        for link in node.links:
            target = self.node(node.namespace, link.target)
            if target is not None and target.id != node.id and link.relation in along:
                found.setdefault(target.id, (Edge(node.id, link.relation, target.id), target))
        against = _MEMBERSHIP if up else ("depends_on", "runs_on", *_MEMBERSHIP)
        for name in node.names:
            if self.node(node.namespace, name) is not node:
                continue
            for id, relation in self._said.get((node.namespace, name), ()):
                if relation in against and id != node.id:
                    found.setdefault(id, (Edge(id, relation, node.id), self._nodes[(node.namespace, id)]))
        return [found[id] for id in sorted(found)]

    def walk(self, start: Node, *, up: bool, hops: int) -> Iterator[Step]:
        """The nodes around `start`, nearest first and then by id: what it needs (`up`), or what needs it."""
        seen = {start.id}
        front = [Step(start)]
        for distance in range(1, hops + 1):
            following: list[Step] = []
            for step in front:
                for edge, node in self._neighbours(step.node, up):
                    if node.id in seen or _turns(step, edge):
                        continue
                    if len(seen) > REACH:
                        return
                    seen.add(node.id)
                    reached = Step(node, edge, step, distance)
                    following.append(reached)
                    yield reached
            front = following


def _turns(step: Step, edge: Edge) -> bool:
    """Whether it would go from a part to its whole, and on to another part: parts do not need each other."""
    before = step.edge
    if before is None or before.relation not in _MEMBERSHIP or edge.relation not in _MEMBERSHIP:
        return False
    return before.on == step.node.id and edge.on == step.node.id


def _keep(rows: dict[tuple[str, str], tuple[One, ...]], key: tuple[str, str], left: list[One]) -> None:
    if left:
        rows[key] = tuple(left)
    else:
        del rows[key]


def _precedence(id: str, name: str) -> tuple[bool, bool, str]:
    kind, _, own = id.partition(":")
    return kind != "resource", own != name, id


def _node(manifest: Manifest) -> Node:
    name = manifest.name
    if manifest.kind == "Service":
        spec = msgspec.convert(manifest.spec, ServiceSpec)
        links = [Link("depends_on", target) for target in spec.depends_on]
        return Node(
            f"service:{name}", manifest.namespace, name, (name, f"service:{name}"), "service", spec.criticality,
            spec.owner or manifest.owner, tuple(links),
        )  # fmt: skip
    resource = msgspec.convert(manifest.spec, ResourceSpec)
    links = [Link("depends_on", target) for target in resource.depends_on]
    links += [Link("runs_on", target) for target in resource.runs_on]
    links += [Link("part_of", target) for target in resource.part_of]
    if resource.service is not None:
        links.append(Link("provides", f"service:{resource.service}"))
    return Node(
        f"resource:{name}", manifest.namespace, name,
        tuple(dict.fromkeys((name, f"resource:{name}", *resource.aliases))), resource.type, resource.criticality,
        resource.owner or manifest.owner, tuple(links),
    )  # fmt: skip
