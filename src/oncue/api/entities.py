"""What the modules of the entities share: look one up, check access to it, show its timeline."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
from litestar import Response
from sqlalchemy import Connection

from oncue.access.roles import Principal, allowed
from oncue.api.context import Context
from oncue.api.guard import require
from oncue.api.params import json_response, listing
from oncue.api.stream import fact_json
from oncue.core.errors import Refusal
from oncue.store.journal_reader import JournalReader
from oncue.store.queries import FactRow, Filters, cursor_of, entity_body, facts_where, position_of, timeline, type_is
from oncue.store.schema import fact


class Over(NamedTuple):
    """How it is refused to do anything with what is over; `said` has places for its id and its state."""

    code: str
    said: str
    more: Mapping[str, str] = MappingProxyType({})


OVER: Final = {
    "approval": Over(
        "approval.decided", "{} is over: {}", {"hint": "It does not change any more; get it to see who decided."}
    ),
    "change": Over("change.state", "{} is {}; it does not change any more"),
    "run": Over("run.ended", "{} is over: {}"),
}
"""Kinds that the engine forgets when they are over."""
RUN_COMMANDS: Final = "oncue.command.run.*"
"""The types of commands about runs."""


class _State(msgspec.Struct):
    state: str


async def looked_up(ctx: Context, who: Principal, kind: str, id: str, read: str) -> tuple[str, bytes]:
    """(namespace, JSON) of an entity that the principal may read.

    Raises `Refusal` KIND.not_found, whether it is not there or not theirs to see.
    """
    row = await ctx.queries.run(partial(entity_body, kind=kind, id=id))
    if row is None or not allowed(who, read, row[0]):
        raise Refusal(f"{kind}.not_found", id[:200])
    return row


async def found(ctx: Context, who: Principal, kind: str, id: str, read: str) -> bytes:
    """JSON of an entity that the principal may read. Raises as `looked_up` does."""
    return (await looked_up(ctx, who, kind, id, read))[1]


async def entity_of(ctx: Context, who: Principal, kind: str, id: str, read: str, permission: str) -> str:
    """The namespace of an entity on which the principal holds the permission. Raises also access.denied."""
    namespace, _ = await looked_up(ctx, who, kind, id, read)
    require(who, permission, namespace)
    return namespace


async def commanded(
    ctx: Context, who: Principal, kind: str, id: str, verb: str, permission: str, given: dict[str, Any]
) -> Response[Any]:
    """Give the engine a command about an entity; the entity as it is afterwards. Raises as `entity_of`, and as the engine
    refuses.
    """
    namespace = await entity_of(ctx, who, kind, id, f"{kind}:read", permission)
    await told(ctx, who, namespace, kind, id, verb, given)
    return json_response(await found(ctx, who, kind, id, f"{kind}:read"))


async def told(
    ctx: Context, who: Principal, namespace: str, kind: str, id: str, verb: str, given: dict[str, Any]
) -> None:
    """Give the engine a command about an entity that is there. Raises `Refusal` as the engine refuses, but for what it knows
    no more because it is over: run.ended, approval.decided, change.state.
    """
    try:
        await ctx.command(f"oncue.command.{kind}.{verb}", {kind: id, **given}, who=who, namespace=namespace)
    except Refusal as refusal:
        if kind not in OVER or refusal.code != f"{kind}.not_found":
            raise
        row = await ctx.queries.run(partial(entity_body, kind=kind, id=id))
        if row is None:
            raise
        over, state = OVER[kind], msgspec.json.decode(row[1], type=_State).state
        raise Refusal(over.code, over.said.format(id, state.replace("_", " ")), **over.more) from refusal


async def timeline_response(ctx: Context, kind: str, id: str, filters: Filters) -> Response[Any]:
    """A page of the facts that concern an entity, newest first."""
    before = position_of(filters.cursor) if filters.cursor is not None else None
    asked = partial(timeline, kind=kind, id=id, before=before, limit=filters.limit + 1, filters=filters)
    rows = await ctx.queries.run(asked)
    following = cursor_of(rows[filters.limit - 1].position) if len(rows) > filters.limit else None
    shown = rows[: filters.limit]
    return listing(await facts_json(ctx, shown), following)


async def facts_json(ctx: Context, rows: Sequence[FactRow]) -> list[bytes]:
    """Facts as a timeline shows them: what happened to runs with who asked for it."""
    asked = await ctx.queries.run(partial(_asked_for, rows=rows))
    return [fact_json(row, asked.get(row.input_position) if row.kind == "run" else None) for row in rows]


def _asked_for(connection: Connection, rows: Sequence[FactRow]) -> dict[int, str | None]:
    """Who gave the commands from which facts about runs followed, by the command's position."""
    causes = {row.input_position for row in rows if row.kind == "run"}
    meant = fact.c.position.in_(causes), type_is(fact.c.type, RUN_COMMANDS)
    journal = JournalReader(connection)
    commands = [journal.record(one.position) for one in facts_where(connection, *meant, limit=len(causes))]
    return {one.position: one.actor for one in commands if one is not None}
