"""The topology: what there is, what each of it needs and what needs it, and what is wrong with what was said of it."""

from itertools import islice
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from oncue.api.context import Ctx, Who
from oncue.api.guard import require
from oncue.api.landscape import Land, Landscape
from oncue.api.params import json_response
from oncue.api.places import EdgeView, Place, edges, fill, place, readable
from oncue.core.circles import circles
from oncue.core.errors import Refusal
from oncue.core.topology import Node, Step
from oncue.store.queries import LIMIT

SHOWN: Final = 200
"""Nodes that are shown at the most of what a node needs, and of what needs it."""
HOPS: Final = 9
FINDINGS: Final = 500
"""Links that lead nowhere which are named at the most, and circles."""

Space = Annotated[str, QueryParameter(max_length=63, description="The namespace")]


class Reached(msgspec.Struct, kw_only=True):
    """A node that another one needs, or that needs it."""

    place: Place
    hops: int
    way: str
    """How, in words."""


class MissingLink(msgspec.Struct, kw_only=True):
    """What a node says of something that is not there."""

    of: str
    """The id of the node."""
    relation: str
    target: str


class Surroundings(msgspec.Struct, kw_only=True):
    """A node and what is around it."""

    place: Place
    needs: list[Reached]
    """What explains it if it fails, nearest first."""
    needed_by: list[Reached]
    """What it takes with it if it fails, nearest first."""
    edges: list[EdgeView]
    """Between all of these."""
    missing: list[MissingLink]
    """What the node itself names that is not there."""
    truncated: bool
    """Whether there is more than is shown."""


class Places(msgspec.Struct, kw_only=True):
    """A page of nodes."""

    items: list[Place]
    next: str | None
    total: int
    """Nodes in the namespace, whatever was asked for."""
    missing: int
    """Links in the namespace that lead nowhere."""


class Findings(msgspec.Struct, kw_only=True):
    """What is doubtful about a namespace's topology."""

    nodes: int
    links: int
    missing: list[MissingLink]
    """Links that lead nowhere, at most 500."""
    missing_total: int
    circles: list[list[str]]
    """Ids of nodes that need each other all round, at most 500 circles."""


@get("/topology", opt={"permission": "manifest:read"})
async def list_places(
    ctx: Ctx,
    who: Who,
    landscape: Land,
    namespace: Space = "default",
    kind: Annotated[Literal["Resource", "Service"] | None, QueryParameter(description="Only of this kind")] = None,
    type_: Annotated[str | None, QueryParameter(name="type", max_length=63, description="Only of this type")] = None,
    q: Annotated[str | None, QueryParameter(max_length=200, description="A part of a name")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=400, description="`next` of the page before")] = None,
) -> Response[Places]:
    """Resources and services of a namespace, by id, with what fires there."""
    may_see(who, namespace)

    def look(land: Landscape) -> Places:
        nodes = land.nodes(namespace)
        part = q.lower() if q else ""
        fitting = (
            node
            for node in nodes
            if node.id > (cursor or "")
            and kind in (None, "Service" if node.is_service else "Resource")
            and type_ in (None, node.type)
            and any(part in name.lower() for name in node.names)
        )
        found = list(islice(fitting, limit + 1))
        following = found[limit - 1].id if len(found) > limit else None
        shown = [place(node) for node in found[:limit]]
        return Places(items=shown, next=following, total=len(nodes), missing=len(land.missing(namespace)))

    page = await landscape.ask(look)
    await fill(ctx, namespace, page.items)
    return json_response(msgspec.json.encode(page))


@get("/topology/findings", opt={"permission": "manifest:read"})
async def get_topology_findings(who: Who, landscape: Land, namespace: Space = "default") -> Response[Findings]:
    """What is doubtful in the topology of a namespace: links that lead nowhere, and circles. Both are tolerated."""
    may_see(who, namespace)

    def look(land: Landscape) -> Findings:
        missing = land.missing(namespace)
        nodes = land.nodes(namespace)
        found = circles(land.topology, namespace)
        return Findings(
            nodes=len(nodes),
            links=sum(len(node.links) for node in nodes),
            missing=[_missing(id, link.relation, link.target) for id, link in missing[:FINDINGS]],
            missing_total=len(missing),
            circles=[[node.id for node in circle] for circle in found[:FINDINGS]],
        )

    return json_response(msgspec.json.encode(await landscape.ask(look)))


@get("/topology/{namespace:str}/{name:str}", opt={"permission": "manifest:read"})
async def get_surroundings(
    ctx: Ctx,
    who: Who,
    landscape: Land,
    namespace: str,
    name: str,
    hops: Annotated[int, QueryParameter(ge=1, le=HOPS, description="How far to go")] = 2,
) -> Response[Surroundings]:
    """A resource or service by its name, an alias or its id (`service:name`): what it needs, what needs it, and how all of
    it is."""
    may_see(who, namespace)
    found = await landscape.ask(lambda land: _surroundings(land, namespace, name, hops))
    places = [found.place, *(one.place for one in found.needs), *(one.place for one in found.needed_by)]
    await fill(ctx, namespace, places)
    return json_response(msgspec.json.encode(found))


def may_see(who: Who, namespace: str) -> None:
    """Raises `Refusal` unless one may read both the configuration and the alerts of the namespace."""
    visible = readable(who)
    if visible is not None and namespace not in visible:
        require(who, "manifest:read", namespace)
        require(who, "alert:read", namespace)


def _surroundings(land: Landscape, namespace: str, name: str, hops: int) -> Surroundings:
    topology = land.topology
    node = topology.node(namespace, name)
    if node is None:
        raise Refusal("topology.not_found", f"{namespace}/{name}"[:200])
    up = list(islice(topology.walk(node, up=True, hops=hops), SHOWN + 1))
    down = list(islice(topology.walk(node, up=False, hops=hops), SHOWN + 1))
    nodes: list[Node] = [node, *(step.node for step in (*up[:SHOWN], *down[:SHOWN]))]
    return Surroundings(
        place=place(node),
        needs=[_reached(step) for step in up[:SHOWN]],
        needed_by=[_reached(step) for step in down[:SHOWN]],
        edges=edges(topology, nodes),
        missing=[
            _missing(node.id, link.relation, link.target)
            for link in node.links
            if topology.node(namespace, link.target) is None
        ],
        truncated=max(len(up), len(down)) > SHOWN,
    )


def _reached(step: Step) -> Reached:
    return Reached(place=place(step.node), hops=step.hops, way=step.spoken())


def _missing(of: str, relation: str, target: str) -> MissingLink:
    return MissingLink(of=of, relation=relation, target=target)


HANDLERS = [list_places, get_topology_findings, get_surroundings]
