"""Incidents: list, detail, timeline, alerts, comments; acknowledge, assign, resolve, reopen, close, comment."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection, select

from oncue.access.roles import Principal
from oncue.api.alerts import Reason
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found, timeline_response
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.alert import Alert
from oncue.core.incident import Comment, Incident
from oncue.core.run import Run
from oncue.store.queries import LIMIT, entities, entity_bodies
from oncue.store.schema import entity, fact, fact_ref

Order = Annotated[
    Literal["changed", "priority"],
    QueryParameter(description="`changed`: the last changed first; `priority`: by priority, then age"),
]


class Assignment(msgspec.Struct, forbid_unknown_fields=True):
    """Who takes it; null takes it from whoever has it."""

    assignee: str | None


class Remark(msgspec.Struct, forbid_unknown_fields=True):
    """A remark."""

    text: str


@get("/incidents", opt={"permission": "incident:read"})
async def list_incidents(
    ctx: Ctx, who: Who, narrowing: Narrowing, order: Order = "changed"
) -> Response[Listing[Incident]]:
    """Incidents, the last changed first or by priority; without `state` the closed ones, too."""
    shown = visible(narrowing, who, "incident:read")
    shown = msgspec.structs.replace(shown, by_priority=order == "priority")
    return page_response(await ctx.queries.run(partial(entities, kind="incident", filters=shown)))


@get("/incidents/{incident_id:str}", opt={"permission": "incident:read"})
async def get_incident(ctx: Ctx, who: Who, incident_id: str) -> Response[Incident]:
    """One incident."""
    return json_response(await found(ctx, who, "incident", incident_id, "incident:read"))


@get("/incidents/{incident_id:str}/timeline", opt={"permission": "incident:read"})
async def get_incident_timeline(ctx: Ctx, who: Who, incident_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """Everything that concerns an incident, newest first."""
    await found(ctx, who, "incident", incident_id, "incident:read")
    return await timeline_response(ctx, "incident", incident_id, narrowing)


@get("/incidents/{incident_id:str}/alerts", opt={"permission": "incident:read"})
async def list_incident_alerts(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Alert]]:
    """The alerts of an incident, as far as you may read alerts."""
    await found(ctx, who, "incident", incident_id, "incident:read")
    bodies = await ctx.queries.run(partial(_alerts_of, incident=incident_id))
    return listing(bodies, None)


@get("/incidents/{incident_id:str}/runs", opt={"permission": "incident:read"})
async def list_incident_runs(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Run]]:
    """The runs of an incident."""
    body = await found(ctx, who, "incident", incident_id, "incident:read")
    runs = msgspec.json.decode(body).get("runs") or []
    return listing(await ctx.queries.run(partial(entity_bodies, kind="run", ids=runs)), None)


@get("/incidents/{incident_id:str}/comments", opt={"permission": "incident:read"})
async def list_incident_comments(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Comment]]:
    """The remarks on an incident, newest first."""
    await found(ctx, who, "incident", incident_id, "incident:read")
    return listing(await ctx.queries.run(partial(comments_on, kind="incident", id=incident_id)), None)


@post("/incidents/{incident_id:str}/acknowledge", status_code=200, opt={"permission": "incident:acknowledge"})
async def acknowledge_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Say that you have taken it on."""
    return await _command(ctx, who, incident_id, "acknowledge", "incident:acknowledge", _reason(data))


@post("/incidents/{incident_id:str}/resolve", status_code=200, opt={"permission": "incident:resolve"})
async def resolve_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Resolve it, and the alerts in it that still fire."""
    return await _command(ctx, who, incident_id, "resolve", "incident:resolve", _reason(data))


@post("/incidents/{incident_id:str}/reopen", status_code=200, opt={"permission": "incident:resolve"})
async def reopen_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Open a resolved one again."""
    return await _command(ctx, who, incident_id, "reopen", "incident:resolve", _reason(data))


@post("/incidents/{incident_id:str}/close", status_code=200, opt={"permission": "incident:close"})
async def close_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Close it for good; a later alert opens another."""
    return await _command(ctx, who, incident_id, "close", "incident:close", _reason(data))


@post("/incidents/{incident_id:str}/assign", status_code=200, opt={"permission": "incident:assign"})
async def assign_incident(ctx: Ctx, who: Who, incident_id: str, data: Assignment) -> Response[Incident]:
    """Give it to someone."""
    return await _command(ctx, who, incident_id, "assign", "incident:assign", {"assignee": data.assignee})


@post("/incidents/{incident_id:str}/comments", status_code=201, opt={"permission": "incident:comment"})
async def comment_incident(ctx: Ctx, who: Who, incident_id: str, data: Remark) -> Response[Incident]:
    """Remark on it."""
    answer = await _command(ctx, who, incident_id, "comment", "incident:comment", {"text": data.text})
    answer.status_code = 201
    return answer


def _reason(data: Reason | None) -> dict[str, Any]:
    return {"reason": data.reason} if data is not None and data.reason else {}


async def _command(
    ctx: Context, who: Principal, id: str, verb: str, permission: str, data: dict[str, Any]
) -> Response[Any]:
    namespace = await entity_of(ctx, who, "incident", id, "incident:read", permission)
    await ctx.command(f"oncue.command.incident.{verb}", {"incident": id, **data}, who=who, namespace=namespace)
    return json_response(await found(ctx, who, "incident", id, "incident:read"))


def _alerts_of(connection: Connection, incident: str) -> list[bytes]:
    ids = connection.execute(
        select(entity.c.id)
        .where(entity.c.kind == "membership", entity.c.id >= f"{incident}/", entity.c.id < f"{incident}0")
        .order_by(entity.c.position.desc())
        .limit(LIMIT)
    ).scalars()
    return entity_bodies(connection, "alert", [id.partition("/")[2] for id in ids])


def comments_on(connection: Connection, kind: str, id: str) -> list[bytes]:
    """The remarks on an incident or a ticket, newest first."""
    ids = connection.execute(
        select(fact.c.id)
        .join(fact_ref, fact_ref.c.position == fact.c.position)
        .where(fact_ref.c.kind == kind, fact_ref.c.id == id, fact.c.kind == "comment")
        .order_by(fact.c.position.desc())
        .limit(LIMIT)
    ).scalars()
    return entity_bodies(connection, "comment", list(dict.fromkeys(ids)))


HANDLERS = [
    list_incidents,
    get_incident,
    get_incident_timeline,
    list_incident_alerts,
    list_incident_runs,
    list_incident_comments,
    acknowledge_incident,
    resolve_incident,
    reopen_incident,
    close_incident,
    assign_incident,
    comment_incident,
]
