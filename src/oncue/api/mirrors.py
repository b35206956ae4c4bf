"""Ticket mirrors: what each ticket has in other systems, and whether it is in step; have what waits tried now."""

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.api.context import Ctx, Who
from oncue.api.entities import found
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.core.mirror import ROW, Mirrored
from oncue.store.json_text import json_text
from oncue.store.queries import Filters, Page, entities
from oncue.store.schema import entity

Member = Annotated[str | None, QueryParameter(max_length=200)]


class Retry(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be tried now: of one ticket, of one mirror, or both; else all that waits."""

    ticket: str | None = None
    mirror: str | None = None
    """Its name, without the namespace."""
    namespace: str | None = None


class Tried(msgspec.Struct):
    """What came of it."""

    tried: int
    """How many were waiting, and leave now."""


@get("/ticket-mirrors", opt={"permission": "ticket:read"})
async def list_ticket_mirrors(
    ctx: Ctx, who: Who, narrowing: Narrowing, ticket: Member = None, mirror: Member = None
) -> Response[Listing[Mirrored]]:
    """What tickets have in other systems, the last changed first; those of closed tickets, too, without `state`. `mirror`
    is `namespace/name`."""
    shown = visible(narrowing, who, "ticket:read")
    return page_response(await ctx.queries.run(partial(_rows, filters=shown, ticket=ticket, mirror=mirror)))


@get("/tickets/{ticket_id:str}/mirrors", opt={"permission": "ticket:read"})
async def list_mirrors_of_ticket(ctx: Ctx, who: Who, ticket_id: str) -> Response[Listing[Mirrored]]:
    """What a ticket has in other systems."""
    await found(ctx, who, "ticket", ticket_id, "ticket:read")
    page = await ctx.queries.run(partial(_rows, filters=Filters(limit=200), ticket=ticket_id, mirror=None))
    return listing(page.items, None)


@post("/ticket-mirrors/retry", status_code=200, opt={"permission": "ticket:transition"})
async def retry_ticket_mirrors(ctx: Ctx, who: Who, data: Retry) -> Response[Tried]:
    """Try now what waits for another try."""
    namespace = data.namespace or who.home
    require(who, "ticket:transition", namespace)
    asked = {name: value for name, value in (("ticket", data.ticket), ("mirror", data.mirror)) if value is not None}
    answer = await ctx.command("oncue.command.mirror.retry", asked, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(answer))


def _rows(connection: Connection, filters: Filters, ticket: str | None, mirror: str | None) -> Page:
    more: list[Any] = [
        json_text(entity.c.body, name) == wanted
        for name, wanted in (("ticket", ticket), ("mirror", mirror))
        if wanted is not None
    ]
    return entities(connection, ROW, filters, *more)


HANDLERS = [list_ticket_mirrors, list_mirrors_of_ticket, retry_ticket_mirrors]
