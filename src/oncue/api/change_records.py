"""Change records: what was changed in the landscape. List, detail, timeline; begin one, end one."""

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection, or_

from oncue.api.context import Ctx, Who
from oncue.api.entities import found, looked_up, timeline_response
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.api.shapes import Fact
from oncue.api.work import Instant, Named, Title
from oncue.core.change_record import ChangeRecord, Outcome
from oncue.core.change_records import GRACE_S, LASTS_S, LONGEST_GRACE_S, LONGEST_S, PLACES, POINTERS
from oncue.core.duration import Duration, length_s
from oncue.core.errors import Refusal
from oncue.core.silence import Matcher
from oncue.store.json_text import json_lists, json_text
from oncue.store.queries import Filters, Page, entities
from oncue.store.schema import entity

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s]{1,2000}$")]


class ChangeLink(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where more about it can be read."""

    url: Url
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""


class NewChangeRecord(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A change that begins, or with `ended_at` one that has been made."""

    title: Title
    resources: Annotated[list[Named], msgspec.Meta(max_length=PLACES)] = []
    """What is changed: resources by name or alias, services by name. At least one of either."""
    services: Annotated[list[Named], msgspec.Meta(max_length=PLACES)] = []
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "change"
    """`deployment`, `configuration`, `transport`, ..."""
    key: Named | None = None
    """What you call it, as a build's number: it can be ended by that, and one that runs under it is brought up to date."""
    by: Named | None = None
    """Who changes it; whoever asks if it is left out."""
    links: Annotated[list[ChangeLink], msgspec.Meta(max_length=POINTERS)] = []
    expects: list[Matcher] = []
    """Alerts for which all of these hold call nobody until it is over and `grace` has passed."""
    grace: Duration = f"{GRACE_S:g}s"
    """At most a day."""
    lasts: Duration = f"{LASTS_S:g}s"
    """When it is taken for over if nobody says so before; at most a week."""
    started_at: Instant | None = None
    """Now if it is left out."""
    ended_at: Instant | None = None
    outcome: Outcome = "succeeded"
    """Of one that has ended."""
    namespace: str | None = None


class ChangeEnd(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How it ended."""

    outcome: Outcome = "succeeded"


class ChangeEndByKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The end of the newest change of a key."""

    key: Named
    outcome: Outcome = "succeeded"
    namespace: str | None = None


@get("/change-records", opt={"permission": "change_record:read"})
async def list_change_records(
    ctx: Ctx,
    who: Who,
    narrowing: Narrowing,
    source: Annotated[
        list[str] | None, QueryParameter(description="Any of these: an actor, or the type of an event")
    ] = None,
) -> Response[Listing[ChangeRecord]]:
    """Change records, the last changed first; with `resource` or `service`, those that changed any of these."""
    shown = visible(narrowing, who, "change_record:read")
    asked = {"resources": shown.resource, "services": shown.service}
    conditions = [
        or_(*(json_lists(entity.c.body, member, name) for name in names)) for member, names in asked.items() if names
    ]
    if source:
        conditions.append(json_text(entity.c.body, "source").in_(source))
    # A record has no one resource: what rows are narrowed by otherwise would find none.
    shown = msgspec.structs.replace(shown, resource=(), service=())
    look = partial(_page, filters=shown, conditions=conditions)
    return page_response(await ctx.queries.run(look))


def _page(connection: Connection, filters: Filters, conditions: list[Any]) -> Page:
    return entities(connection, "change_record", filters, *conditions)


@get("/change-records/{change_record_id:str}", opt={"permission": "change_record:read"})
async def get_change_record(ctx: Ctx, who: Who, change_record_id: str) -> Response[ChangeRecord]:
    """One change record."""
    return json_response(await found(ctx, who, "change_record", change_record_id, "change_record:read"))


@get("/change-records/{change_record_id:str}/timeline", opt={"permission": "change_record:read"})
async def get_change_record_timeline(
    ctx: Ctx, who: Who, change_record_id: str, narrowing: Narrowing
) -> Response[Listing[Fact]]:
    """What happened to a change record, newest first."""
    await found(ctx, who, "change_record", change_record_id, "change_record:read")
    return await timeline_response(ctx, "change_record", change_record_id, narrowing)


@post("/change-records", status_code=201, opt={"permission": "change_record:write"})
async def create_change_record(ctx: Ctx, who: Who, data: NewChangeRecord) -> Response[ChangeRecord]:
    """Write down that a change begins, or was made. With `expects`, silence:write is needed as well."""
    namespace = data.namespace or who.home
    require(who, "change_record:write", namespace)
    if data.expects:
        require(who, "silence:write", namespace)
    given = {name: value for name, value in msgspec.to_builtins(data).items() if value is not None}
    given.pop("namespace", None)
    given["grace_s"] = _seconds("grace", given.pop("grace", None), GRACE_S, LONGEST_GRACE_S)
    given["lasts_s"] = _seconds("lasts", given.pop("lasts", None), LASTS_S, LONGEST_S)
    made = await ctx.command("oncue.command.change_record.start", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


def _seconds(name: str, said: str | None, otherwise: float, most: float) -> float:
    length = length_s(said) if said is not None else otherwise
    if length > most or (name == "lasts" and length <= 0):
        raise Refusal("request.invalid", f"{name}: more than 0 and at most {most / 3600:g}h")
    return length


@post("/change-records/{change_record_id:str}/finish", status_code=200, opt={"permission": "change_record:write"})
async def finish_change_record(ctx: Ctx, who: Who, change_record_id: str, data: ChangeEnd) -> Response[ChangeRecord]:
    """Say that a change is over."""
    namespace, _ = await looked_up(ctx, who, "change_record", change_record_id, "change_record:read")
    require(who, "change_record:write", namespace)
    given = {"change_record": change_record_id, "outcome": data.outcome}
    made = await ctx.command("oncue.command.change_record.finish", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made))


@post("/change-records/finish", status_code=200, opt={"permission": "change_record:write"})
async def finish_change_record_by_key(ctx: Ctx, who: Who, data: ChangeEndByKey) -> Response[ChangeRecord]:
    """Say that the newest change of a key is over."""
    namespace = data.namespace or who.home
    require(who, "change_record:write", namespace)
    given: dict[str, Any] = {"change_record": data.key, "outcome": data.outcome}
    made = await ctx.command("oncue.command.change_record.finish", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made))


HANDLERS = [
    list_change_records,
    get_change_record,
    get_change_record_timeline,
    create_change_record,
    finish_change_record,
    finish_change_record_by_key,
]
