"""Subscriptions: how far each consumer is, what it did not take, and how it is steered. Their documents are manifests."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection, and_, func, select

from oncue.access.roles import Principal, allowed, namespaces
from oncue.api.consuming import AT_ONCE, LONGEST_POLL_S
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import header, require
from oncue.api.params import Listing, asked_instant, json_response, listing, page_response
from oncue.core.condition import Match
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.subscription import REDRIVEN_AT_ONCE, Progress, SubscriptionSpec, Undelivered
from oncue.runtime import consumption
from oncue.runtime.consumption import Consumption
from oncue.store.following import position_before
from oncue.store.queries import (
    LIMIT,
    Filters,
    cells,
    cursor_of,
    entities,
    entity_body,
    heads,
    manifests,
    micros,
    position_of,
)
from oncue.store.schema import entity

KIND: Final = "Subscription"
COUNTED: Final = 10_000
"""Dead letters of one subscription that are counted at most."""


class SubscriptionView(msgspec.Struct, kw_only=True):
    """A subscription, and how far it is."""

    id: str
    """`namespace/name`."""
    namespace: str
    name: str
    description: str | None
    owner: str | None
    delivery: Literal["webhook", "stream"]
    url: str | None
    """Of the webhook."""
    mode: str | None
    """Of the webhook: `structured`, `binary` or `batch`."""
    events: str
    """`inputs`, `facts` or `both`."""
    match: Match
    state: Literal["active", "failing", "stopped", "paused"]
    since: datetime
    error_code: str | None
    detail: str | None
    """Why it fails, or was stopped."""
    settled: str
    """Cursor: every event up to here was taken, became a dead letter, or was not meant, and that is on record."""
    delivered: int
    last_delivered_at: datetime | None
    behind_events: int | None
    """Events that are known to wait, at least so many; null where it is not known."""
    behind_records: int
    """Records of the journal beyond `settled`, for the consumer or not."""
    behind_s: float | None
    """Since the first event that waits was recorded; 0 if none waits, null where it is not known."""
    attempts: int
    """Of the request that is being tried."""
    next_try_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    per_minute: float | None
    """Requests that the consumer allows."""
    dead_letters: int
    """Events that it did not take and that nobody has redriven; 10,000 is that many or more."""
    redriving: int
    gaps: int
    """How often events were past retention before they could be delivered."""
    spec: dict[str, Any]


class SeekTo(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where a subscription is to go on. Give one."""

    position: str | None = None
    """After this cursor."""
    at: str | None = None
    """With the first event that was recorded at or after this instant (RFC 3339)."""
    to: Literal["now", "earliest"] | None = None
    reason: str | None = None


class SteerReason(msgspec.Struct, forbid_unknown_fields=True):
    """A reason, for the journal."""

    reason: str | None = None


class Acknowledgement(msgspec.Struct, forbid_unknown_fields=True):
    """The consumer has everything up to here."""

    position: str


class RedriveWanted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which dead letters. Give one."""

    positions: list[str] | None = None
    all: bool = False


class Redriven(msgspec.Struct, kw_only=True):
    """What is on its way again."""

    redriven: int
    waiting: int
    """Dead letters that are left; they can be redriven when these are settled."""


class Tried(msgspec.Struct):
    """An event that is on its way to one consumer, to try it."""

    id: str
    position: str
    """It was taken, or became a dead letter, when `settled` of the subscription is as far."""
    event_id: str


class Acked(msgspec.Struct):
    """Where a stream goes on."""

    id: str
    settled: str


@get("/subscriptions", opt={"permission": "manifest:read"})
async def list_subscriptions(ctx: Ctx, who: Who, namespace: str | None = None) -> Response[Listing[SubscriptionView]]:
    """Subscriptions, with how far each is."""
    if namespace:
        require(who, "manifest:read", namespace)
    shown = namespaces(who, "manifest:read")
    views = await _views(ctx, partial(manifests, kind=KIND, namespaces=frozenset({namespace}) if namespace else shown))
    return listing([msgspec.json.encode(view) for view in views], None)


@get("/subscriptions/{namespace:str}/{name:str}", opt={"permission": "manifest:read"})
async def get_subscription(ctx: Ctx, who: Who, namespace: str, name: str) -> Response[SubscriptionView]:
    """One subscription."""
    return json_response(msgspec.json.encode(await _view_of(ctx, who, namespace, name)))


@post("/subscriptions/{namespace:str}/{name:str}/pause", status_code=200, opt={"permission": "subscription:steer"})
async def pause_subscription(
    ctx: Ctx, who: Who, namespace: str, name: str, data: SteerReason
) -> Response[SubscriptionView]:
    """Deliver nothing until it is resumed; its place is kept."""
    return await _steered(ctx, who, namespace, name, "pause", reason=data.reason)


@post("/subscriptions/{namespace:str}/{name:str}/resume", status_code=200, opt={"permission": "subscription:steer"})
async def resume_subscription(
    ctx: Ctx, who: Who, namespace: str, name: str, data: SteerReason
) -> Response[SubscriptionView]:
    """Go on where it was, also after the consumer said that it wants no more; do not wait for the next try."""
    return await _steered(ctx, who, namespace, name, "resume", reason=data.reason)


@post("/subscriptions/{namespace:str}/{name:str}/test", status_code=200, opt={"permission": "subscription:steer"})
async def test_subscription(ctx: Ctx, who: Who, namespace: str, name: str, data: SteerReason) -> Response[Tried]:
    """Send an event, `oncue.subscription.tested`, to this consumer alone: after all that waits, on the way of all others."""
    require(who, "subscription:steer", namespace)
    said = {"subscription": name, **({"reason": data.reason} if data.reason is not None else {})}
    answer = await ctx.command("oncue.command.subscription.test", said, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(answer))


@post("/subscriptions/{namespace:str}/{name:str}/seek", status_code=200, opt={"permission": "subscription:steer"})
async def seek_subscription(ctx: Ctx, who: Who, namespace: str, name: str, data: SeekTo) -> Response[SubscriptionView]:
    """Go on elsewhere: later events are skipped, earlier ones delivered again."""
    require(who, "subscription:steer", namespace)
    if [data.position, data.at, data.to].count(None) != 2:
        raise Refusal("request.invalid", "give one of position, at and to")
    if data.position is not None:
        position = position_of(data.position)
    elif data.at is not None:
        at = asked_instant("at", data.at)
        assert at is not None
        position = await ctx.queries.run(partial(position_before, at=micros(at)))
    else:
        oldest, newest = await ctx.queries.run(heads)
        position = newest if data.to == "now" else oldest - 1
    return await _steered(ctx, who, namespace, name, "seek", position=cursor_of(position), reason=data.reason)


@get("/subscriptions/{namespace:str}/{name:str}/dead-letters", opt={"permission": "dead_letter:read"})
async def list_subscription_dead_letters(
    ctx: Ctx,
    who: Who,
    namespace: str,
    name: str,
    state_: Annotated[list[str] | None, QueryParameter(name="state", description="Any of these")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=400, description="`next` of the page before")] = None,
) -> Response[Listing[Undelivered]]:
    """Events that the consumer did not take, newest first. `state` is `waiting`, `redriving`, `delivered` or `gone`."""
    require(who, "dead_letter:read", namespace)
    await _manifest(ctx, who, namespace, name)
    filters = Filters(state=tuple(state_ or ()), limit=limit, cursor=cursor)
    return page_response(await ctx.queries.run(lambda one: entities(one, "undelivered", filters, _of(namespace, name))))


@post(
    "/subscriptions/{namespace:str}/{name:str}/dead-letters/redrive",
    status_code=200,
    opt={"permission": "dead_letter:redrive"},
)
async def redrive_subscription_dead_letters(
    ctx: Ctx, who: Who, namespace: str, name: str, data: RedriveWanted
) -> Response[Redriven]:
    """Deliver dead letters again: those named, or all, at most 1,000 at a time."""
    require(who, "dead_letter:redrive", namespace)
    await _manifest(ctx, who, namespace, name)
    if (data.positions is None) is not data.all:
        raise Refusal("request.invalid", "give positions, or all")
    wanted = None if data.positions is None else [position_of(one) for one in data.positions[:REDRIVEN_AT_ONCE]]
    letters = await ctx.queries.run(
        partial(_waiting, of=_of(namespace, name), prefix=f"{namespace}/{name}/", only=wanted)
    )
    if wanted is not None and not letters:
        raise Refusal("dead_letter.not_found", f"none of these waits: {', '.join(data.positions or ())}"[:200])
    room = await ctx.queries.run(partial(_room, id=f"{namespace}/{name}"))
    if letters and not room:
        raise Refusal("subscription.busy", f"{REDRIVEN_AT_ONCE} are on their way", retry_after_s=5.0)
    said = {"subscription": name, "letters": letters[:room]}
    answer = await ctx.command("oncue.command.subscription.redrive", said, who=who, namespace=namespace)
    left = await ctx.queries.run(partial(_count_waiting, of=_of(namespace, name)))
    return json_response(msgspec.json.encode(Redriven(redriven=answer["redriven"], waiting=left)))


@post("/subscriptions/{namespace:str}/{name:str}/ack", status_code=200, opt={"permission": "subscription:consume"})
async def acknowledge_subscription(
    ctx: Ctx, who: Who, namespace: str, name: str, data: Acknowledgement
) -> Response[Acked]:
    """Say that the consumer of a stream has everything up to a position; there it goes on when it comes back."""
    require(who, "subscription:consume", namespace)
    said = {"subscription": name, "position": data.position}
    answer = await ctx.command("oncue.command.subscription.acknowledge", said, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(answer))


async def consume(
    ctx: Context, who: Principal, scope: Any, receive: Any, send: Any, namespace: str, name: str,
    query: Any, still_valid: Callable[[], bool],
) -> bytes | None:  # fmt: skip
    """The events of a stream: None when they were sent as server-sent events, else a page as JSON.

    Raises `Refusal` access.denied, subscription.not_found, subscription.not_stream, request.invalid,
    request.cursor_invalid.
    """
    require(who, "stream:read", namespace)
    require(who, "event:read", namespace)
    manifest = await _manifest(ctx, who, namespace, name)
    if manifest.spec.get("webhook") is not None:
        raise Refusal("subscription.not_stream", f"{namespace}/{name}")
    asked = header(scope, b"last-event-id")
    after = asked.decode("latin-1") if asked else query.get("after") or query.get("last_event_id")
    place = position_of(after) if after else await _place(ctx, f"{namespace}/{name}")
    _, newest = await ctx.queries.run(heads)
    if place > newest:
        raise Refusal("request.cursor_invalid", f"{after} lies beyond the journal's end, {cursor_of(newest)}")
    ctx.consuming.feed.committed_to(newest)
    if b"text/event-stream" in (header(scope, b"accept") or b""):
        await ctx.consuming.stream(receive, send, manifest, place, still_valid)
        return None
    limit, wait_s = _number(query, "limit", 100, AT_ONCE), _number(query, "wait_s", 0, LONGEST_POLL_S)
    return await ctx.consuming.page(manifest, place, max(1, int(limit)), wait_s)


def _number(query: Any, name: str, default: float, most: float) -> float:
    text = query.get(name)
    try:
        found = default if text is None else float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= most:
        raise Refusal("request.invalid", f"{name} is a number from 0 to {most:g}")
    return found


async def _place(ctx: Context, id: str) -> int:
    found = await ctx.queries.run(partial(cells, kind="subscription", keys=[id]))
    return msgspec.msgpack.decode(found[id], type=Progress).settled if id in found else 0


async def _manifest(ctx: Context, who: Principal, namespace: str, name: str) -> Manifest:
    row = await ctx.queries.run(partial(entity_body, kind="manifest", id=f"{KIND}/{namespace}/{name}"))
    manifest = None if row is None else msgspec.json.decode(row[1], type=Manifest)
    if manifest is None or manifest.deleted or not allowed(who, "manifest:read", namespace):
        raise Refusal("subscription.not_found", f"{namespace}/{name}"[:200])
    return manifest


async def _steered(ctx: Context, who: Principal, namespace: str, name: str, how: str, **data: Any) -> Response[Any]:
    require(who, "subscription:steer", namespace)
    said = {"subscription": name, **{key: value for key, value in data.items() if value is not None}}
    await ctx.command(f"oncue.command.subscription.{how}", said, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(await _view_of(ctx, who, namespace, name)))


async def _view_of(ctx: Context, who: Principal, namespace: str, name: str) -> SubscriptionView:
    manifest = await _manifest(ctx, who, namespace, name)
    (view,) = await _views(ctx, lambda _: [msgspec.json.encode(manifest)])
    return view


async def _views(ctx: Context, bodies: Callable[[Connection], Iterable[bytes]]) -> list[SubscriptionView]:
    now = datetime.now(UTC)
    live = await asyncio.to_thread(consumption.read, ctx.config.data, now)

    def look(connection: Connection) -> list[SubscriptionView]:
        known = cells(connection, "subscription")
        _, newest = heads(connection)
        views = []
        for body in bodies(connection):
            manifest = msgspec.json.decode(body, type=Manifest)
            id = f"{manifest.namespace}/{manifest.name}"
            if id in known:
                progress = msgspec.msgpack.decode(known[id], type=Progress)
                dead = _count_waiting(connection, _of(manifest.namespace, manifest.name)) if progress.dead else 0
                how = live.get(id)
                if how is not None and how.epoch != progress.epoch:
                    how = None  # it was moved since, and is on its way to its new place
                views.append(_view(manifest, progress, how, newest, dead, now))
        return views

    return await ctx.queries.run(look)


def _view(
    manifest: Manifest, progress: Progress, live: Consumption | None, newest: int, dead: int, now: datetime
) -> SubscriptionView:  # fmt: skip
    spec = msgspec.convert(manifest.spec, SubscriptionSpec)
    behind = max(0, newest - progress.settled) if live is None else live.behind_records
    known = live is not None and not progress.paused
    oldest = live.oldest_at if live is not None else None
    webhook = spec.webhook
    return SubscriptionView(
        id=f"{manifest.namespace}/{manifest.name}",
        namespace=manifest.namespace,
        name=manifest.name,
        description=spec.description or manifest.description,
        owner=manifest.owner,
        delivery="webhook" if webhook is not None else "stream",
        url=webhook.url if webhook is not None else None,
        mode=webhook.mode if webhook is not None else None,
        events=spec.events,
        match=spec.match,
        state="paused" if progress.paused else progress.state,
        since=progress.since,
        error_code=progress.error_code,
        detail=progress.detail,
        settled=cursor_of(progress.settled),
        delivered=progress.delivered,
        last_delivered_at=progress.last_delivered_at,
        behind_events=live.behind_events if live is not None and known else None,
        behind_records=behind,
        behind_s=None if not known else max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0,
        attempts=live.attempts if live is not None else 0,
        next_try_at=live.next_try_at if live is not None else None,
        last_error=live.last_error if live is not None else None,
        last_error_at=live.last_error_at if live is not None else None,
        per_minute=progress.per_minute,
        dead_letters=dead,
        redriving=len(progress.redrive),
        gaps=progress.gaps,
        spec=manifest.spec,
    )


def _of(namespace: str, name: str) -> Any:
    """SQL: the dead letter is this subscription's. A range on the primary key."""
    return and_(entity.c.id >= f"{namespace}/{name}/", entity.c.id < f"{namespace}/{name}0")


def _count_waiting(connection: Connection, of: Any) -> int:
    waiting = (
        select(entity.c.id).where(entity.c.kind == "undelivered", entity.c.state == "waiting", of).limit(COUNTED)
    ).subquery()
    return connection.execute(select(func.count()).select_from(waiting)).scalar() or 0


def _waiting(connection: Connection, of: Any, prefix: str, only: list[int] | None) -> list[Undelivered]:
    query = select(entity.c.body).where(entity.c.kind == "undelivered", entity.c.state == "waiting", of)
    if only is not None:
        query = query.where(entity.c.id.in_([f"{prefix}{position}" for position in only]))
    rows = connection.execute(query.order_by(entity.c.position).limit(REDRIVEN_AT_ONCE)).scalars()
    return [msgspec.json.decode(body, type=Undelivered) for body in rows]


def _room(connection: Connection, id: str) -> int:
    """How many more dead letters may be on their way."""
    found = cells(connection, "subscription", [id])
    under_way = len(msgspec.msgpack.decode(found[id], type=Progress).redrive) if id in found else 0
    return max(0, REDRIVEN_AT_ONCE - under_way)


HANDLERS = [
    list_subscriptions,
    get_subscription,
    pause_subscription,
    resume_subscription,
    test_subscription,
    seek_subscription,
    list_subscription_dead_letters,
    redrive_subscription_dead_letters,
    acknowledge_subscription,
]
