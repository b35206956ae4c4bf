"""Incidents: list, detail, timeline, alerts, memberships, comments; acknowledge, assign, resolve, reopen, close, comment,
merge, split, move alerts."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection, func, or_, select

from oncue.access.roles import Principal
from oncue.api.alerts import Reason
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found, timeline_response
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.alert import Alert
from oncue.core.incident import Comment, Incident, Membership
from oncue.core.run import Run
from oncue.store.queries import LIMIT, entities, entity_bodies
from oncue.store.schema import entity, fact, fact_ref

Order = Annotated[
    Literal["changed", "priority"],
    QueryParameter(description="`changed`: the last changed first; `priority`: by priority, then age"),
]


Ids = Annotated[list[str], msgspec.Meta(min_length=1, max_length=500)]


class Assignment(msgspec.Struct, forbid_unknown_fields=True):
    """Who takes it; null takes it from whoever has it."""

    assignee: str | None


class Remark(msgspec.Struct, forbid_unknown_fields=True):
    """A remark."""

    text: str


class Merging(msgspec.Struct, forbid_unknown_fields=True):
    """Incidents that are about the same."""

    incidents: Ids
    """Those that become part of this one."""
    reason: str | None = None


class Splitting(msgspec.Struct, forbid_unknown_fields=True):
    """Alerts that are about something else."""

    alerts: Ids
    reason: str | None = None


class Moving(msgspec.Struct, forbid_unknown_fields=True):
    """Alerts that belong elsewhere."""

    alerts: Ids
    to: str | None = None
    """The incident that they belong to; null leaves them on their own."""
    reason: str | None = None


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
    """The alerts of an incident, as far as you may read alerts: those that were moved away are not, and of one that was
    merged into another those that it had then."""
    incident = msgspec.json.decode(await found(ctx, who, "incident", incident_id, "incident:read"), type=Incident)
    require(who, "alert:read", incident.namespace)
    return listing(await ctx.queries.run(partial(alerts_of, incident=incident)), None)


@get("/incidents/{incident_id:str}/memberships", opt={"permission": "incident:read"})
async def list_incident_memberships(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Membership]]:
    """Why each alert is in the incident: the rule, its evidence, who put it there, and when; also those that left it. The
    newest 500."""
    await found(ctx, who, "incident", incident_id, "incident:read")
    return listing(await ctx.queries.run(partial(_memberships, incident=incident_id)), None)


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


@post("/incidents/{incident_id:str}/merge", status_code=200, opt={"permission": "incident:group"})
async def merge_incidents(ctx: Ctx, who: Who, incident_id: str, data: Merging) -> Response[Incident]:
    """Make other incidents part of this one. They close; their alerts, tickets and runs are this one's."""
    given = {"incidents": data.incidents, "reason": data.reason}
    return await _command(ctx, who, incident_id, "merge", "incident:group", given)


@post("/incidents/{incident_id:str}/split", status_code=201, opt={"permission": "incident:group"})
async def split_incident(ctx: Ctx, who: Who, incident_id: str, data: Splitting) -> Response[Incident]:
    """Make an incident of its own of some of the alerts. Gives the new one; nobody is told of it again."""
    namespace = await entity_of(ctx, who, "incident", incident_id, "incident:read", "incident:group")
    given = {"incident": incident_id, "alerts": data.alerts, "reason": data.reason}
    made = await ctx.command("oncue.command.incident.split", given, who=who, namespace=namespace)
    return json_response(await found(ctx, who, "incident", made["id"], "incident:read"), 201)


@post("/incidents/{incident_id:str}/move", status_code=200, opt={"permission": "incident:group"})
async def move_alerts(ctx: Ctx, who: Who, incident_id: str, data: Moving) -> Response[Incident]:
    """Move some of the alerts to another incident of the same namespace, or leave them on their own. Gives the incident
    that they left."""
    given = {"alerts": data.alerts, "to": data.to, "reason": data.reason}
    return await _command(ctx, who, incident_id, "move", "incident:group", given)


def _reason(data: Reason | None) -> dict[str, Any]:
    return {"reason": data.reason} if data is not None and data.reason else {}


async def _command(
    ctx: Context, who: Principal, id: str, verb: str, permission: str, data: dict[str, Any]
) -> Response[Any]:
    namespace = await entity_of(ctx, who, "incident", id, "incident:read", permission)
    await ctx.command(f"oncue.command.incident.{verb}", {"incident": id, **data}, who=who, namespace=namespace)
    return json_response(await found(ctx, who, "incident", id, "incident:read"))


def alerts_of(connection: Connection, incident: Incident, *, first: bool = False) -> list[bytes]:
    """The alerts of an incident, at most `LIMIT`: those that joined it last first, or with `first` those that joined it
    first."""
    stays = func.instr(entity.c.body, b'"left_at":null') > 0
    if incident.merged_into is not None:
        stays = or_(stays, func.instr(entity.c.body, b'"rule":"merge"') > 0)
    order = entity.c.position if first else entity.c.position.desc()
    ids = connection.execute(select(entity.c.id).where(*_of(incident.id), stays).order_by(order).limit(LIMIT)).scalars()
    return entity_bodies(connection, "alert", [id.partition("/")[2] for id in ids])


def _memberships(connection: Connection, incident: str) -> list[bytes]:
    rows = connection.execute(
        select(entity.c.body).where(*_of(incident)).order_by(entity.c.position.desc()).limit(LIMIT)
    ).scalars()
    return list(rows)


def _of(incident: str) -> tuple[Any, ...]:
    """The incident's memberships, which are called after it."""
    return entity.c.kind == "membership", entity.c.id >= f"{incident}/", entity.c.id < f"{incident}0"


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
    list_incident_memberships,
    list_incident_runs,
    list_incident_comments,
    acknowledge_incident,
    resolve_incident,
    reopen_incident,
    close_incident,
    assign_incident,
    comment_incident,
    merge_incidents,
    split_incident,
    move_alerts,
]
