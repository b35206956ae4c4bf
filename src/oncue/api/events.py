"""Events: every record of the journal, one of them, and its story; the audit log; decisions of policies."""

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from oncue.access.roles import Principal, allowed, namespaces
from oncue.api.context import Context, Ctx, Who
from oncue.api.params import Listing, Narrowing, json_response, listing, visible
from oncue.api.shapes import DecisionRecord, EventRecord, Story
from oncue.core.errors import Refusal
from oncue.core.event import decode
from oncue.store import history
from oncue.store.queries import FactRow, cursor_of, decisions, instant, position_of

Policy = Annotated[str | None, QueryParameter(description="`namespace/name`", max_length=200)]


@get("/events", opt={"permission": "event:read"})
async def list_events(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[EventRecord]]:
    """Every event, newest first, those of OnCue's own included; `state` is `input`, `received` (an input from outside),
    `derived` or `rejected`.

    A page may hold less than `limit`, even nothing, and still have a `next`: the search goes on from there.
    """
    shown = visible(narrowing, who, "event:read")
    audit = namespaces(who, "audit:read")
    return listing(*await ctx.queries.run(partial(history.events, filters=shown, audit=audit)))


@get("/audit", opt={"permission": "audit:read"})
async def list_audit(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[EventRecord]]:
    """Who did what: sign-ins, refusals, changes of people, tokens, secrets and configuration, and commands."""
    shown = visible(narrowing, who, "audit:read")
    if not shown.type:
        shown = msgspec.structs.replace(shown, type=("oncue.audit.*", "oncue.command.*", "oncue.config.*"))
    audit = namespaces(who, "audit:read")
    return listing(*await ctx.queries.run(partial(history.events, filters=shown, audit=audit)))


@get("/events/{position:str}", opt={"permission": "event:read"})
async def get_event(ctx: Ctx, who: Who, position: str) -> Response[EventRecord]:
    """One event, by its position."""
    return json_response(history.entry_json(await _found(ctx, who, position)))


@get("/events/{position:str}/story", opt={"permission": "event:read"})
async def get_event_story(ctx: Ctx, who: Who, position: str) -> Response[Story]:
    """What the event caused, and what it did not, with reasons: the graph."""
    await _found(ctx, who, position)
    tale = await ctx.queries.run(partial(history.story, position=position_of(position)))
    if tale is None or any(not allowed(who, "event:read", namespace) for namespace in tale.namespaces):
        raise Refusal("event.not_found", position[:40])
    return json_response(
        msgspec.json.encode(
            {
                "root": tale.root,
                "nodes": tale.nodes,
                "edges": [{"from": start, "to": end, "kind": kind} for start, end, kind in tale.edges],
                "truncated": tale.truncated,
            }
        )
    )


@get("/decisions", opt={"permission": "decision:read", "states": ("fired", "blocked", "failed")})
async def list_decisions(
    ctx: Ctx, who: Who, narrowing: Narrowing, policy: Policy = None
) -> Response[Listing[DecisionRecord]]:
    """What policies decided, newest first; `state` is `fired`, `blocked` or `failed`."""
    shown = visible(narrowing, who, "decision:read")
    rows, following = await ctx.queries.run(partial(decisions, filters=shown, policy=policy))
    return listing([decision_json(row) for row in rows], following)


def decision_json(row: FactRow) -> bytes:
    """A decision as the API shows it."""
    event = decode(row.body)
    data: dict[str, Any] = msgspec.json.decode(event.data) if event.data else {}
    where = {"position": cursor_of(row.position), "recorded_at": instant(row.recorded_at)}
    return msgspec.json.encode(
        {
            "detail": "",
            "values": {},
            "alert": None,
            "incident": None,
            "runs": [],
            "tickets": [],
            "change_records": [],
            "override": None,
            "also_fitted": [],
            **data,
            **where,
        }
    )


async def _found(ctx: Context, who: Principal, position: str) -> history.Entry:
    found = await ctx.queries.run(partial(history.event_at, position=position_of(position)))
    if found is None or not allowed(who, "event:read", found.namespace):
        raise Refusal("event.not_found", position[:40])
    if found.event.type.startswith(history.AUDIT) and not allowed(who, "audit:read", found.namespace):
        raise Refusal("event.not_found", position[:40])
    return found


HANDLERS = [list_events, list_audit, get_event, get_event_story, list_decisions]
