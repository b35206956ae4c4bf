"""Alerts: list, detail, timeline, history; acknowledge, unacknowledge, resolve, snooze, unsnooze."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import not_

from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found, timeline_response
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.alert import Alert
from oncue.store.life import Change, changes
from oncue.store.queries import entities, is_acknowledged, is_quiet


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """Why a person does it."""

    reason: str | None = None


class Snooze(msgspec.Struct, forbid_unknown_fields=True):
    """Until when nobody is told of it, and why."""

    until: datetime
    reason: str | None = None


@get("/alerts", opt={"permission": "alert:read"})
async def list_alerts(
    ctx: Ctx,
    who: Who,
    narrowing: Narrowing,
    quiet: Annotated[bool | None, QueryParameter(description="Only with, or without, a reason for quiet")] = None,
    acknowledged: Annotated[bool | None, QueryParameter(description="Only acknowledged, or only others")] = None,
) -> Response[Listing[Alert]]:
    """Alerts, the last changed first; without `state` the resolved ones, too."""
    shown = visible(narrowing, who, "alert:read")
    conditions = [
        is_true if wanted else not_(is_true)
        for is_true, wanted in ((is_quiet(), quiet), (is_acknowledged(), acknowledged))
        if wanted is not None
    ]
    return page_response(await ctx.queries.run(lambda connection: entities(connection, "alert", shown, *conditions)))


@get("/alerts/{alert_id:str}", opt={"permission": "alert:read"})
async def get_alert(ctx: Ctx, who: Who, alert_id: str) -> Response[Alert]:
    """One alert."""
    return json_response(await found(ctx, who, "alert", alert_id, "alert:read"))


@get("/alerts/{alert_id:str}/timeline", opt={"permission": "alert:read"})
async def get_alert_timeline(ctx: Ctx, who: Who, alert_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened to an alert and around it, newest first."""
    await found(ctx, who, "alert", alert_id, "alert:read")
    return await timeline_response(ctx, "alert", alert_id, narrowing)


@get("/alerts/{alert_id:str}/history", opt={"permission": "alert:read"})
async def get_alert_history(ctx: Ctx, who: Who, alert_id: str) -> Response[Listing[Change]]:
    """When an alert's state, severity or value was another one, newest first: the newest 50 changes."""
    await found(ctx, who, "alert", alert_id, "alert:read")
    return listing([msgspec.json.encode(one) for one in await ctx.queries.run(partial(changes, id=alert_id))], None)


@post("/alerts/{alert_id:str}/acknowledge", status_code=200, opt={"permission": "alert:acknowledge"})
async def acknowledge_alert(ctx: Ctx, who: Who, alert_id: str, data: Reason | None = None) -> Response[Alert]:
    """Say that you have taken it on."""
    return await _command(ctx, who, alert_id, "acknowledge", "alert:acknowledge", data)


@post("/alerts/{alert_id:str}/unacknowledge", status_code=200, opt={"permission": "alert:acknowledge"})
async def unacknowledge_alert(ctx: Ctx, who: Who, alert_id: str, data: Reason | None = None) -> Response[Alert]:
    """Take the acknowledgement back."""
    return await _command(ctx, who, alert_id, "unacknowledge", "alert:acknowledge", data)


@post("/alerts/{alert_id:str}/resolve", status_code=200, opt={"permission": "alert:resolve"})
async def resolve_alert(ctx: Ctx, who: Who, alert_id: str, data: Reason | None = None) -> Response[Alert]:
    """Resolve it by hand."""
    return await _command(ctx, who, alert_id, "resolve", "alert:resolve", data)


@post("/alerts/{alert_id:str}/snooze", status_code=200, opt={"permission": "alert:snooze"})
async def snooze_alert(ctx: Ctx, who: Who, alert_id: str, data: Snooze) -> Response[Alert]:
    """Have nobody told of it until then; who was told before hears of it again if it still fires. Another snooze of it
    takes the place of this one."""
    return await _command(ctx, who, alert_id, "snooze", "alert:snooze", data)


@post("/alerts/{alert_id:str}/unsnooze", status_code=200, opt={"permission": "alert:snooze"})
async def unsnooze_alert(ctx: Ctx, who: Who, alert_id: str, data: Reason | None = None) -> Response[Alert]:
    """Take the snooze back."""
    return await _command(ctx, who, alert_id, "unsnooze", "alert:snooze", data)


async def _command(
    ctx: Context, who: Principal, id: str, verb: str, permission: str, data: Reason | Snooze | None
) -> Response[Any]:
    namespace = await entity_of(ctx, who, "alert", id, "alert:read", permission)
    given = {name: value for name, value in msgspec.to_builtins(data or {}).items() if value}
    await ctx.command(f"oncue.command.alert.{verb}", {"alert": id, **given}, who=who, namespace=namespace)
    return json_response(await found(ctx, who, "alert", id, "alert:read"))


HANDLERS = [
    list_alerts,
    get_alert,
    get_alert_timeline,
    acknowledge_alert,
    unacknowledge_alert,
    resolve_alert,
    get_alert_history,
    snooze_alert,
    unsnooze_alert,
]
