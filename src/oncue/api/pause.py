"""Pause: automatic runs are stopped in a namespace, or everywhere, for a while."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import msgspec
from litestar import Response, delete, get, put
from litestar.params import QueryParameter

from oncue.access.roles import allowed
from oncue.api.context import Ctx, Who
from oncue.api.guard import require
from oncue.api.params import Listing, json_response
from oncue.core.duration import length_s
from oncue.core.errors import Refusal
from oncue.core.pause import EVERYWHERE, Pause
from oncue.store.queries import cells

Where = Annotated[
    str | None, QueryParameter(max_length=63, description="The namespace; `*` for all; your home if not given")
]


class Pausing(msgspec.Struct, forbid_unknown_fields=True):
    """For how long, and why."""

    reason: str
    length: str = "1h"
    """From now on, as `30m`; 30 days at most."""


@get("/pauses", opt={"permission": "run:read"})
async def list_pauses(ctx: Ctx, who: Who) -> Response[Listing[Pause]]:
    """What is paused, as far as you may see it: whoever may see runs sees what keeps them from starting."""
    rows = await ctx.queries.run(partial(cells, kind="pause"))
    pauses = [msgspec.msgpack.decode(row, type=Pause) for _, row in sorted(rows.items())]
    shown = [one for one in pauses if one.id == EVERYWHERE or allowed(who, "run:read", one.id)]
    return json_response(msgspec.json.encode({"items": shown, "next": None}))


@put("/pause", status_code=200, opt={"permission": "pause:write"})
async def begin_pause(ctx: Ctx, who: Who, data: Pausing, namespace: Where = None) -> Response[Pause]:
    """No policy starts a run there from now on; people are told of everything as before. Again, it takes a new end."""
    place = _place(who, namespace)
    try:
        until = datetime.now(UTC) + timedelta(seconds=length_s(data.length))
    except ValueError as error:
        raise Refusal("pause.invalid", f"length: {error}") from error
    given = {"until": until, "reason": data.reason, "everywhere": place == EVERYWHERE}
    made = await ctx.command("oncue.command.pause.begin", given, who=who, namespace=_home(place))
    return json_response(msgspec.json.encode(made))


@delete("/pause", status_code=200, opt={"permission": "pause:write"})
async def end_pause(ctx: Ctx, who: Who, namespace: Where = None) -> Response[Pause]:
    """Policies start runs there again."""
    place = _place(who, namespace)
    given = {"everywhere": place == EVERYWHERE}
    ended = await ctx.command("oncue.command.pause.end", given, who=who, namespace=_home(place))
    return json_response(msgspec.json.encode(ended))


def _place(who: Who, namespace: str | None) -> str:
    place = namespace or who.home
    require(who, "pause:write", None if place == EVERYWHERE else place)
    return place


def _home(place: str) -> str:
    return "default" if place == EVERYWHERE else place


HANDLERS = [list_pauses, begin_pause, end_pause]
