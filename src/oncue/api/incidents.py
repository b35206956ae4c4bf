"""Incidents: list, detail, timeline, alerts, memberships, comments; acknowledge, assign, resolve, reopen, close, comment,
merge, split, move alerts."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.api.alerts import Reason
from oncue.api.context import Ctx, Who
from oncue.api.entities import commanded, entity_of, found, timeline_response
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.alert import Alert
from oncue.core.incident import CauseOf, Comment, Incident, Membership
from oncue.core.run import Run
from oncue.store.members import alerts_of, memberships_of
from oncue.store.queries import LIMIT, concerning, entities, entity_bodies

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


class Ending(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How an incident ended."""

    reason: str | None = None
    note: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    """What was done and found; without it the reason stands for it."""
    cause: CauseOf | None = None
    """What kind of thing was behind it."""


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
    """Everything that concerns an incident, newest first; `type` narrows it, as in `type=oncue.task.*`."""
    await found(ctx, who, "incident", incident_id, "incident:read")
    return await timeline_response(ctx, "incident", incident_id, narrowing)


@get("/incidents/{incident_id:str}/alerts", opt={"permission": "incident:read"})
async def list_incident_alerts(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Alert]]:
    """The alerts of an incident, as far as you may read alerts: those that were moved away are not, and of one that was
    merged into another those that it had then. The 500 that began last."""
    incident = msgspec.json.decode(await found(ctx, who, "incident", incident_id, "incident:read"), type=Incident)
    require(who, "alert:read", incident.namespace)
    return listing(await ctx.queries.run(partial(alerts_of, incident=incident)), None)


@get("/incidents/{incident_id:str}/memberships", opt={"permission": "incident:read"})
async def list_incident_memberships(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Membership]]:
    """Why each alert is in the incident: the rule, its evidence, who put it there, and when; also those that left it. Of
    the 500 alerts that began last."""
    await found(ctx, who, "incident", incident_id, "incident:read")
    return listing(await ctx.queries.run(partial(memberships_of, incident=incident_id)), None)


@get("/incidents/{incident_id:str}/runs", opt={"permission": "incident:read"})
async def list_incident_runs(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Run]]:
    """The runs of an incident."""
    body = await found(ctx, who, "incident", incident_id, "incident:read")
    runs = msgspec.json.decode(body).get("runs") or []
    return listing(await ctx.queries.run(partial(entity_bodies, kind="run", ids=runs)), None)


@get("/incidents/{incident_id:str}/comments", opt={"permission": "incident:read"})
async def list_incident_comments(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Comment]]:
    """The remarks on an incident and on those that became part of it, newest first."""
    incident = msgspec.json.decode(await found(ctx, who, "incident", incident_id, "incident:read"), type=Incident)
    return listing(await ctx.queries.run(partial(noted, incident=incident, kind="comment")), None)


@post("/incidents/{incident_id:str}/acknowledge", status_code=200, opt={"permission": "incident:acknowledge"})
async def acknowledge_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Say that you have taken it on."""
    return await commanded(ctx, who, "incident", incident_id, "acknowledge", "incident:acknowledge", _reason(data))


@post("/incidents/{incident_id:str}/resolve", status_code=200, opt={"permission": "incident:resolve"})
async def resolve_incident(ctx: Ctx, who: Who, incident_id: str, data: Ending | None = None) -> Response[Incident]:
    """Resolve it, and the alerts in it that still fire; say how it ended."""
    given = {name: value for name, value in msgspec.to_builtins(data or Ending()).items() if value}
    return await commanded(ctx, who, "incident", incident_id, "resolve", "incident:resolve", given)


@post("/incidents/{incident_id:str}/reopen", status_code=200, opt={"permission": "incident:resolve"})
async def reopen_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Open a resolved one again."""
    return await commanded(ctx, who, "incident", incident_id, "reopen", "incident:resolve", _reason(data))


@post("/incidents/{incident_id:str}/close", status_code=200, opt={"permission": "incident:close"})
async def close_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Close it for good; a later alert opens another."""
    return await commanded(ctx, who, "incident", incident_id, "close", "incident:close", _reason(data))


@post("/incidents/{incident_id:str}/assign", status_code=200, opt={"permission": "incident:assign"})
async def assign_incident(ctx: Ctx, who: Who, incident_id: str, data: Assignment) -> Response[Incident]:
    """Give it to someone."""
    return await commanded(ctx, who, "incident", incident_id, "assign", "incident:assign", {"assignee": data.assignee})


@post("/incidents/{incident_id:str}/comments", status_code=201, opt={"permission": "incident:comment"})
async def comment_incident(ctx: Ctx, who: Who, incident_id: str, data: Remark) -> Response[Incident]:
    """Remark on it."""
    answer = await commanded(ctx, who, "incident", incident_id, "comment", "incident:comment", {"text": data.text})
    answer.status_code = 201
    return answer


@post("/incidents/{incident_id:str}/merge", status_code=200, opt={"permission": "incident:group"})
async def merge_incidents(ctx: Ctx, who: Who, incident_id: str, data: Merging) -> Response[Incident]:
    """Make other incidents part of this one. They close; their alerts, tickets and runs are this one's."""
    given = {"incidents": data.incidents, "reason": data.reason}
    return await commanded(ctx, who, "incident", incident_id, "merge", "incident:group", given)


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
    return await commanded(ctx, who, "incident", incident_id, "move", "incident:group", given)


def _reason(data: Reason | None) -> dict[str, Any]:
    return {"reason": data.reason} if data is not None and data.reason else {}


def comments_on(connection: Connection, kind: str, id: str) -> list[bytes]:
    """The remarks on an incident or a ticket, newest first."""
    return concerning(connection, kind, [id], "comment")


def noted(connection: Connection, incident: Incident, kind: str) -> list[bytes]:
    """What was noted (`comment`, `status_update`) on an incident and on those that became part of it, newest first."""
    return concerning(connection, "incident", [incident.id, *incident.merged[:LIMIT]], kind)


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
