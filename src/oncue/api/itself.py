"""Who watches this server: something outside, by the dead-man ping, and its own monitors."""

import asyncio
from datetime import UTC, datetime

import msgspec
from litestar import Response, get

from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.integrations import monitor_views
from oncue.api.params import json_response
from oncue.api.shapes import ItselfView, MonitorView, OutsideView
from oncue.runtime import dead_man
from oncue.runtime.surroundings import OWN_NAMESPACE

OWN_TYPE = "oncue"
"""Of the monitor that looks at this installation."""


@get("/itself", opt={"permission": "metrics:read"})
async def get_itself(ctx: Ctx, who: Who) -> Response[ItselfView]:
    """Who watches this server. It is of no namespace, so it needs the permission in every one."""
    require(who, "metrics:read", None)
    found = ItselfView(outside=await asyncio.to_thread(_outside, ctx), monitors=await _monitors(ctx, who))
    return json_response(msgspec.json.encode(found))


def _outside(ctx: Context) -> OutsideView:
    ping = ctx.config.dead_man
    state = dead_man.read(ctx.config.data)
    standing = dead_man.standing(ping, state, datetime.now(UTC))
    return OutsideView(
        state=standing.state,
        seen=standing.seen,
        hint=standing.hint,
        set_up=ping.url is not None,
        host=state.host if state is not None else None,
        every_s=ping.every_s if ping.url is not None else None,
        last_success_at=state.last_success_at if state is not None else None,
        last_error_at=state.last_error_at if state is not None else None,
    )


async def _monitors(ctx: Context, who: Principal) -> list[MonitorView]:
    views = await monitor_views(ctx, who)
    own = [(view, view.manifest.spec) for view in views if view.manifest and view.manifest.namespace == OWN_NAMESPACE]
    services = {spec.get("service") for _, spec in own if spec.get("uses") == OWN_TYPE} - {None}
    return [view for view, spec in own if spec.get("uses") == OWN_TYPE or spec.get("service") in services]


HANDLERS = [get_itself]
