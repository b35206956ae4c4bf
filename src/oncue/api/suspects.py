"""What is suspected to be behind an incident, with the evidence, and a piece of the topology that can be drawn."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec
from litestar import Response, get
from sqlalchemy import Connection

from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import found
from oncue.api.guard import require
from oncue.api.landscape import Land, Landscape
from oncue.api.params import json_response
from oncue.api.places import EdgeView, Place, edges, fill, place
from oncue.core.change_record import ChangeRecord
from oncue.core.incident import Incident
from oncue.core.suspects import SOON, Change, Failing, Findings, Part, find
from oncue.store.members import first_of
from oncue.store.queries import Filters, entities

CHANGES: Final = 500
"""Changes that are looked at, the newest."""


class _Alert(msgspec.Struct, gc=False):
    """What suspicion needs of an alert: hundreds are looked at."""

    id: str
    resource: str
    service: str | None
    first_seen_at: datetime
    fired_at: datetime | None = None


_alert: Final = msgspec.json.Decoder(_Alert).decode


class SuspectView(msgspec.Struct, kw_only=True):
    """A place that may be behind an incident."""

    name: str
    place: Place | None
    """None for a place that the topology does not know."""
    score: int
    """0 to 100: the sum of the points of its parts. It ranks; it is no probability."""
    parts: list[Part]
    alerts: list[str]
    """Ids of the incident's alerts there; empty if nothing reports it."""
    began_at: datetime | None
    explains: list[str]
    """Ids of the failing nodes that need it."""


class AffectedView(msgspec.Struct, kw_only=True):
    """A service that needs what fails."""

    place: Place
    way: str
    """How, in words."""
    fails: bool
    """Whether alerts of the incident are about it."""


class ExcerptNode(msgspec.Struct, kw_only=True):
    """A node to be drawn."""

    place: Place
    rank: int | None
    """1 for the first suspect, and so on; None for others."""
    fails: bool
    """Whether alerts of the incident are about it. What neither fails nor is suspected lies on the way between."""


class SuspectsView(msgspec.Struct, kw_only=True):
    """Who is suspected, what is affected, and how it hangs together."""

    suspects: list[SuspectView]
    """The most suspect first."""
    affected: list[AffectedView]
    """The most critical first."""
    nodes: list[ExcerptNode]
    edges: list[EdgeView]
    unknown: list[str]
    """Failing resources that the topology does not know."""
    alerts: int
    """Alerts that were looked at: those that began first, at most 500."""


@get("/incidents/{incident_id:str}/suspects", opt={"permission": "incident:read"})
async def list_incident_suspects(ctx: Ctx, who: Who, landscape: Land, incident_id: str) -> Response[SuspectsView]:
    """What is suspected to be behind an incident: at most 5 places, ranked, with the evidence in sentences; the services
    that are affected; and the piece of the topology between suspects and what fails."""
    incident = msgspec.json.decode(await found(ctx, who, "incident", incident_id, "incident:read"), type=Incident)
    for permission in ("alert:read", "manifest:read"):
        require(who, permission, incident.namespace)
    view = await ctx.shared(("suspects", incident.id), partial(suspected, ctx, landscape, incident))
    return json_response(msgspec.json.encode(view))


async def suspected(ctx: Context, landscape: Landscape, incident: Incident) -> SuspectsView:
    """What is suspected to be behind the incident; for whoever may read alerts and manifests there."""
    failing = await ctx.queries.run(partial(_failing, incident=incident))
    first = min((one.began_at for one in failing), default=incident.opened_at)
    changes = await ctx.queries.run(partial(_changes, namespace=incident.namespace, before=first))
    view = await landscape.ask(partial(_look, namespace=incident.namespace, failing=failing, changes=changes))
    places = [one.place for one in view.suspects if one.place is not None]
    places += [*(one.place for one in view.affected), *(one.place for one in view.nodes)]
    await fill(ctx, incident.namespace, places)
    return view


def _failing(connection: Connection, incident: Incident) -> list[Failing]:
    alerts = [_alert(body) for body in first_of(connection, incident)]
    return [Failing(one.id, one.resource, one.service, one.fired_at or one.first_seen_at) for one in alerts]


def _changes(connection: Connection, namespace: str, before: datetime) -> list[Change]:
    """The newest changes that were on record about then."""
    about = Filters(namespace=(namespace,), since=before - timedelta(days=1), until=before + SOON, limit=CHANGES)
    records = (
        msgspec.json.decode(body, type=ChangeRecord) for body in entities(connection, "change_record", about).items
    )
    return [Change(one.id, one.title, one.resources, one.services, one.started_at, one.ended_at) for one in records]


def _look(land: Landscape, namespace: str, failing: list[Failing], changes: list[Change]) -> SuspectsView:
    # The first alerts of a large incident stay the same while others join it, and its page asks again and again.
    key = ("suspects", namespace, tuple(failing), tuple(changes))
    seen: Findings | None = land.memo.get(key)
    if seen is None:
        seen = land.memo[key] = find(land.topology, namespace, failing, changes)
    ranks = {one.node.id: rank for rank, one in enumerate(seen.suspects, 1) if one.node is not None}
    fails = _nodes_of(land, namespace, failing)
    return SuspectsView(
        suspects=_suspects(seen),
        affected=[AffectedView(place=place(one.node), way=one.way, fails=one.fails) for one in seen.affected],
        nodes=[
            ExcerptNode(place=place(node), rank=ranks.get(node.id), fails=node.id in fails)
            for node in seen.excerpt
        ],
        edges=edges(land.topology, seen.excerpt),
        unknown=list(seen.unknown),
        alerts=len(failing),
    )  # fmt: skip


def _suspects(seen: Findings) -> list[SuspectView]:
    return [
        SuspectView(
            name=one.name,
            place=place(one.node) if one.node is not None else None,
            score=one.score,
            parts=list(one.parts),
            alerts=list(one.alerts),
            began_at=one.began_at,
            explains=list(one.explains),
        )
        for one in seen.suspects
    ]


def _nodes_of(land: Landscape, namespace: str, failing: list[Failing]) -> set[str]:
    nodes = (land.topology.node_for(namespace, one.resource, one.service) for one in failing)
    return {node.id for node in nodes if node is not None}


HANDLERS = [list_incident_suspects]
