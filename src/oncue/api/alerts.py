"""Alerts: list, detail, timeline, history; acknowledge, unacknowledge, resolve, snooze, unsnooze, duplicate,
distinct, enrich."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import not_, or_

from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import commanded, found, timeline_response
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.alert import Alert
from oncue.core.change_record import Pointer
from oncue.core.duration import Duration, seconds_of
from oncue.store import facets
from oncue.store.facets import MOST, Facets
from oncue.store.life import Change, changes
from oncue.store.queries import entities, is_acknowledged, is_quiet, is_quiet_for

T = TypeVar("T")

OnlyQuiet = Annotated[bool | None, QueryParameter(description="Only with, or without, a reason for quiet")]
OnlyAcknowledged = Annotated[bool | None, QueryParameter(description="Only acknowledged, or only others")]
QuietReasons = Annotated[list[str] | None, QueryParameter(description="Only quiet ones, for any of these reasons")]


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """Why a person does it."""

    reason: str | None = None


class Snooze(msgspec.Struct, forbid_unknown_fields=True):
    """Until when nobody is told of it, and why."""

    until: datetime
    reason: str | None = None
    remind_before: Duration | None = None
    """How long before its end you are reminded; by default 15m or a tenth of it, whichever is shorter; 0s for not at all."""


class DuplicateOf(msgspec.Struct, forbid_unknown_fields=True):
    """Which alert is enough, and why."""

    of: str
    reason: str | None = None


class Enrichment(msgspec.Struct, forbid_unknown_fields=True):
    """What was found out. An empty label or annotation takes the added one back."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    links: list[Pointer] = []
    note: str | None = None


@get("/alerts", opt={"permission": "alert:read"})
async def list_alerts(
    ctx: Ctx,
    who: Who,
    narrowing: Narrowing,
    quiet: OnlyQuiet = None,
    acknowledged: OnlyAcknowledged = None,
    quiet_reason: QuietReasons = None,
) -> Response[Listing[Alert]]:
    """Alerts, the last changed first; without `state` the resolved ones, too."""
    shown = visible(narrowing, who, "alert:read")
    conditions = _conditions(quiet, acknowledged, quiet_reason)
    return page_response(await ctx.queries.run(lambda connection: entities(connection, "alert", shown, *conditions)))


@get("/alerts/facets", opt={"permission": "alert:read"})
async def get_alert_facets(
    ctx: Ctx,
    who: Who,
    narrowing: Narrowing,
    quiet: OnlyQuiet = None,
    acknowledged: OnlyAcknowledged = None,
    quiet_reason: QuietReasons = None,
) -> Response[Facets]:
    """How many of the alerts that the filters find have each state, severity, namespace, service, resource, type and reason
    for quiet: over all of them, a few seconds old at most."""
    shown = msgspec.structs.replace(visible(narrowing, who, "alert:read"), cursor=None, limit=1)
    conditions = _conditions(quiet, acknowledged, quiet_reason)
    asked = (shown, quiet, acknowledged, tuple(quiet_reason or ()))

    def counted(scan: Callable[..., T]) -> Awaitable[T]:
        return ctx.recently((scan.__name__, asked), partial(scan, filters=shown, conditions=conditions))

    counts, busiest, heard = await asyncio.gather(
        counted(facets.common), counted(facets.resources), counted(facets.told)
    )
    return json_response(msgspec.json.encode(facets.joined(counts, busiest, heard)))


def _conditions(quiet: bool | None, acknowledged: bool | None, reasons: list[str] | None) -> list[Any]:
    conditions = [
        is_true if wanted else not_(is_true)
        for is_true, wanted in ((is_quiet(), quiet), (is_acknowledged(), acknowledged))
        if wanted is not None
    ]
    if reasons:
        conditions.append(or_(*(is_quiet_for(reason) for reason in reasons[:MOST])))
    return conditions


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
    given = {
        "until": data.until,
        "reason": data.reason or "",
        "by": who.person,
        "remind_before_s": seconds_of(data.remind_before),
    }
    return await commanded(ctx, who, "alert", alert_id, "snooze", "alert:snooze", given)


@post("/alerts/{alert_id:str}/unsnooze", status_code=200, opt={"permission": "alert:snooze"})
async def unsnooze_alert(ctx: Ctx, who: Who, alert_id: str, data: Reason | None = None) -> Response[Alert]:
    """Take the snooze back."""
    return await _command(ctx, who, alert_id, "unsnooze", "alert:snooze", data)


@post("/alerts/{alert_id:str}/enrich", status_code=200, opt={"permission": "alert:enrich"})
async def enrich_alert(ctx: Ctx, who: Who, alert_id: str, data: Enrichment) -> Response[Alert]:
    """Add what was found out about it. Labels that are added count like its own from now on, for silences and all else
    that looks at labels; all of it lasts until a new alert about the same condition begins."""
    return await _command(ctx, who, alert_id, "enrich", "alert:enrich", data)


@post("/alerts/{alert_id:str}/duplicate", status_code=200, opt={"permission": "alert:snooze"})
async def duplicate_alert(ctx: Ctx, who: Who, alert_id: str, data: DuplicateOf) -> Response[Alert]:
    """Say that it is about the same thing as another alert that fires: nobody is told of it as long as that one does."""
    return await _command(ctx, who, alert_id, "duplicate", "alert:snooze", data)


@post("/alerts/{alert_id:str}/distinct", status_code=200, opt={"permission": "alert:snooze"})
async def distinct_alert(ctx: Ctx, who: Who, alert_id: str, data: Reason | None = None) -> Response[Alert]:
    """Say that it is no duplicate. Whoever it concerns is told of it."""
    return await _command(ctx, who, alert_id, "distinct", "alert:snooze", data)


async def _command(
    ctx: Context, who: Principal, id: str, verb: str, permission: str, data: Reason | DuplicateOf | Enrichment | None
) -> Response[Any]:
    given = {name: value for name, value in msgspec.to_builtins(data or {}).items() if value}
    return await commanded(ctx, who, "alert", id, verb, permission, given)


HANDLERS = [
    list_alerts,
    get_alert_facets,
    get_alert,
    get_alert_timeline,
    acknowledge_alert,
    unacknowledge_alert,
    resolve_alert,
    get_alert_history,
    snooze_alert,
    unsnooze_alert,
    duplicate_alert,
    distinct_alert,
    enrich_alert,
]
