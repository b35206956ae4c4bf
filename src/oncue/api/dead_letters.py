"""Dead letters: what was refused or could not be processed, and its redrive."""

from functools import partial
from typing import Any

import msgspec
from litestar import Response, get, post

from oncue.access.roles import Principal, allowed
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, listing, visible
from oncue.api.shapes import DeadLetter
from oncue.core.errors import Refusal
from oncue.plugins.sources.cloudevents import vet
from oncue.store.dead_letters import dead_letter_of, dead_letters
from oncue.store.queries import cursor_of, instant

SHOWN_BYTES = 16_384


@get("/dead-letters", opt={"permission": "dead_letter:read"})
async def list_dead_letters(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[DeadLetter]]:
    """Dead letters, newest first. `state` is `waiting` or `redriven`, `type` an error code."""
    shown = visible(narrowing, who, "dead_letter:read")
    rows, following = await ctx.queries.run(partial(dead_letters, filters=shown))
    return listing([msgspec.json.encode(_view(row)) for row in rows], following)


@get("/dead-letters/{letter_id:int}", opt={"permission": "dead_letter:read"})
async def get_dead_letter(ctx: Ctx, who: Who, letter_id: int) -> Response[DeadLetter]:
    """One dead letter."""
    return json_response(msgspec.json.encode(_view(await _found(ctx, who, letter_id))))


@post("/dead-letters/{letter_id:int}/redrive", status_code=200, opt={"permission": "dead_letter:redrive"})
async def redrive_dead_letter(ctx: Ctx, who: Who, letter_id: int) -> Response[DeadLetter]:
    """Send it through again, now that the reason is mended."""
    row = await _found(ctx, who, letter_id)
    require(who, "dead_letter:redrive", row.namespace)
    if row.position is None:  # refused before it was an event: the rules for events hold now as they did then
        named = vet(bytes(row.body)).namespace
        if named is not None and named != row.namespace:
            require(who, "event:write", named)
    await ctx.command("oncue.command.dead_letter.redrive", {"id": letter_id}, who=who, namespace=row.namespace)
    return json_response(msgspec.json.encode(_view(await _found(ctx, who, letter_id))))


async def _found(ctx: Context, who: Principal, letter_id: int) -> Any:
    row = await ctx.queries.run(partial(dead_letter_of, id=letter_id)) if abs(letter_id) < 2**63 else None
    if row is None or not allowed(who, "dead_letter:read", row.namespace):
        raise Refusal("dead_letter.not_found", str(letter_id)[:40])
    return row


def _view(row: Any) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        namespace=row.namespace,
        origin=row.origin,
        code=row.code,
        detail=row.detail,
        at=instant(row.at),
        position=None if row.position is None else cursor_of(row.position),
        redriven_at=None if row.redriven_at is None else instant(row.redriven_at),
        state="waiting" if row.redriven_at is None else "redriven",
        body=bytes(row.body)[:SHOWN_BYTES].decode("utf-8", "backslashreplace"),
    )


HANDLERS = [list_dead_letters, get_dead_letter, redrive_dead_letter]
