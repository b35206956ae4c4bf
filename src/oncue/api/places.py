"""Nodes of the topology as the API shows them, with what fires there."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, func, select

from oncue.access.roles import Principal, namespaces
from oncue.api.context import Context
from oncue.core.severity import RANK
from oncue.core.topology import Edge, Node, Topology
from oncue.store.queries import is_quiet
from oncue.store.schema import entity

CHUNK: Final = 500

Firing = dict[tuple[str, str], tuple[str, int]]
"""(`resource` or `service`, its name) to the worst severity of its audible firing alerts, and how many fire; `alone` are
those about a resource that are not at the same time about a service of its name."""


class Place(msgspec.Struct, kw_only=True):
    """A resource or a service, and how it is."""

    id: str
    """`resource:name` or `service:name`."""
    kind: Literal["Resource", "Service"]
    namespace: str
    name: str
    aliases: list[str]
    type: str
    criticality: str | None
    owner: str | None
    severity: str = "clear"
    """The worst of its firing alerts that are not quiet."""
    alerts_firing: int = 0


class EdgeView(msgspec.Struct, kw_only=True):
    """`of` depends on, runs on, is part of, provides or is named after `on`; both are ids."""

    of: str
    relation: str
    on: str


def readable(who: Principal) -> frozenset[str] | None:
    """The namespaces in which one may read both manifests and alerts; None for every one."""
    bounds = [one for one in (namespaces(who, "manifest:read"), namespaces(who, "alert:read")) if one is not None]
    return frozenset.intersection(*bounds) if bounds else None


def place(node: Node) -> Place:
    """The node, as if nothing fired."""
    return Place(
        id=node.id,
        kind="Service" if node.is_service else "Resource",
        namespace=node.namespace,
        name=node.name,
        aliases=[name for name in node.names if name not in (node.name, node.id)],
        type=node.type,
        criticality=node.criticality,
        owner=node.owner,
    )


def edges(topology: Topology, nodes: Iterable[Node]) -> list[EdgeView]:
    """What is between these nodes, by their ids."""
    known = {node.id: node for node in nodes}
    found: dict[Edge, None] = {}
    for id in sorted(known):
        for edge, other in topology.needs(known[id]):
            if other.id in known:
                found[edge] = None
    return [EdgeView(of=edge.of, relation=edge.relation, on=edge.on) for edge in found]


async def fill(ctx: Context, namespace: str, shown: Iterable[Place]) -> None:
    """Say of each place of a namespace what fires there. Where that takes long to count, because a great deal does, the same
    places are not counted again at once."""
    places = list(shown)
    called = {name for one in places if one.kind == "Resource" for name in (one.name, *one.aliases)}
    resources = tuple(sorted({name for one in places for name in (one.name, one.id, *one.aliases)}))
    services = tuple(sorted({one.name for one in places if one.kind == "Service"}))
    counting = partial(_fires, namespace=namespace, resources=resources, services=services)
    firing = await ctx.shared(("firing", namespace, resources, services), partial(ctx.queries.run, counting))
    for one in places:
        if one.kind == "Resource":
            names = [("resource", name) for name in (one.name, one.id, *one.aliases)]
        else:
            # What is about a service may name it as the resource, unless there is a resource of that name.
            names = [("service", one.name), ("alone", one.id)]
            names += [("alone", one.name)] if one.name not in called else []
        for key in names:
            severity, count = firing.get(key, ("clear", 0))
            one.severity = max(one.severity, severity, key=RANK.__getitem__)
            one.alerts_firing += count


def _fires(connection: Connection, namespace: str, resources: Sequence[str], services: Sequence[str]) -> Firing:
    found = _firing(connection, namespace, "resource", resources)
    return found | _firing(connection, namespace, "service", services)


def _firing(
    connection: Connection, namespace: str, column: Literal["resource", "service"], names: Sequence[str]
) -> Firing:
    quiet = is_quiet()
    of: Any = entity.c[column]
    alone = func.coalesce(entity.c.service, "") != entity.c.resource
    found: Firing = {}
    for first in range(0, len(names), CHUNK):
        for row in connection.execute(
            select(
                of.label("name"), entity.c.severity, quiet.label("quiet"), alone.label("alone"), func.count().label("n")
            )
            .where(
                entity.c.kind == "alert",
                entity.c.state == "firing",
                entity.c.namespace == namespace,
                of.in_(names[first : first + CHUNK]),
            )
            .group_by(of, entity.c.severity, quiet, alone)
        ):
            for key in (column, "alone") if row.alone and column == "resource" else (column,):
                worst, count = found.get((key, row.name), ("clear", 0))
                if not row.quiet and RANK.get(row.severity or "", 0) > RANK[worst]:
                    worst = row.severity
                found[(key, row.name)] = (worst, count + row.n)
    return found
