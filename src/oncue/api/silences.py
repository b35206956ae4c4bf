"""Silences: list, detail, set, expire; and what one would be about."""

from datetime import datetime
from functools import partial

import msgspec
from litestar import Response, delete, get, post

from oncue.api.context import Ctx, Who
from oncue.api.entities import entity_of, found
from oncue.api.guard import require
from oncue.api.matching import Matching, matching
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.core.duration import Duration, seconds_of
from oncue.core.silence import Matcher, Silence, check_matchers
from oncue.store.queries import entities


class NewSilence(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A silence to set; with the `id` of one that is there, to change it."""

    id: str | None = None
    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    comment: str
    namespace: str | None = None
    remind_before: Duration | None = None
    """How long before its end you are reminded; by default 15m or a tenth of it, whichever is shorter; 0s for not at all."""


class SilenceIdea(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The matchers of a silence that may be set later."""

    matchers: list[Matcher]
    namespace: str | None = None


@get("/silences", opt={"permission": "silence:read"})
async def list_silences(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Silence]]:
    """Silences, the last changed first; without `state` the expired ones, too."""
    shown = visible(narrowing, who, "silence:read")
    return page_response(await ctx.queries.run(partial(entities, kind="silence", filters=shown)))


@get("/silences/{silence_id:str}", opt={"permission": "silence:read"})
async def get_silence(ctx: Ctx, who: Who, silence_id: str) -> Response[Silence]:
    """One silence."""
    return json_response(await found(ctx, who, "silence", silence_id, "silence:read"))


@post("/silences/preview", status_code=200, opt={"permission": "silence:read"})
async def preview_silence(ctx: Ctx, who: Who, data: SilenceIdea) -> Response[Matching]:
    """Which of the alerts that fire now a silence would be about. Changes nothing."""
    namespace = data.namespace or who.home
    require(who, "silence:read", namespace)
    matchers = tuple(data.matchers)
    check_matchers(matchers)
    return json_response(msgspec.json.encode(await matching(ctx, who, matchers, namespace)))


@post("/silences", status_code=201, opt={"permission": "silence:write"})
async def set_silence(ctx: Ctx, who: Who, data: NewSilence) -> Response[Silence]:
    """Set or change a silence. Changed matchers, or a change of an expired one, make a new one with an id of its own."""
    namespace = data.namespace or who.home
    if data.id is not None:
        namespace = await entity_of(ctx, who, "silence", data.id, "silence:read", "silence:write")
    require(who, "silence:write", namespace)
    fields = msgspec.to_builtins(data)
    fields.pop("namespace")
    fields["remind_before_s"] = seconds_of(fields.pop("remind_before"))
    if fields["id"] is None:
        del fields["id"]
    fields["created_by"] = who.user or who.actor.partition(":")[2] or who.actor
    answer = await ctx.command("oncue.command.silence.set", fields, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(answer), 201)


@delete("/silences/{silence_id:str}", status_code=200, opt={"permission": "silence:write"})
async def expire_silence(ctx: Ctx, who: Who, silence_id: str) -> Response[Silence]:
    """End a silence now."""
    namespace = await entity_of(ctx, who, "silence", silence_id, "silence:read", "silence:write")
    await ctx.command("oncue.command.silence.expire", {"silence": silence_id}, who=who, namespace=namespace)
    return json_response(await found(ctx, who, "silence", silence_id, "silence:read"))


HANDLERS = [list_silences, get_silence, preview_silence, set_silence, expire_silence]
