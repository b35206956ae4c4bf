"""One request for many: alerts and incidents, named or found by a filter. Each is a command of its own with its own answer.

At most `MOST` at a time; how many more a filter finds is said. Commands go to the engine `AT_ONCE` at a time, so that events
get in between.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, post
from sqlalchemy import Connection, func, select

from oncue.access.roles import Principal, allowed
from oncue.api.context import ORIGIN, Context, Ctx, Who, document
from oncue.api.params import asked_instant, json_response, visible
from oncue.api.work import Instant
from oncue.core.errors import Refusal
from oncue.core.incident import CauseOf
from oncue.store.queries import Filters, conditions_of
from oncue.store.schema import LISTED, alert_hot, entity

MOST: Final = 1_000
AT_ONCE: Final = 50

Ids = Annotated[list[Annotated[str, msgspec.Meta(max_length=100)]], msgspec.Meta(min_length=1, max_length=MOST)]
Some = Annotated[list[Annotated[str, msgspec.Meta(max_length=300)]], msgspec.Meta(max_length=100)]


class BulkFilter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """As the filters of a list. What is empty narrows nothing; something must narrow."""

    state: Some = []
    severity: Some = []
    namespace: Some = []
    resource: Some = []
    service: Some = []
    type: Some = []
    q: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    since: Instant | None = None
    until: Instant | None = None


class ManyAlerts(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be done to many alerts. Give `ids` or `filter`."""

    do: Literal["acknowledge", "unacknowledge", "resolve", "snooze", "unsnooze"]
    ids: Ids | None = None
    filter: BulkFilter | None = None
    reason: str | None = None
    until: Instant | None = None
    """Needed to snooze."""


class ManyIncidents(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be done to many incidents. Give `ids` or `filter`."""

    do: Literal["acknowledge", "assign", "resolve", "close", "snooze", "merge"]
    ids: Ids | None = None
    filter: BulkFilter | None = None
    reason: str | None = None
    assignee: str | None = None
    """Needed to assign; "" for nobody."""
    note: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    """Of those that are resolved: how they ended."""
    cause: CauseOf | None = None
    until: Instant | None = None
    """Needed to snooze: all alerts that fire in them."""
    into: str | None = None
    """Needed to merge: the one that goes on."""


class BulkOutcome(msgspec.Struct, kw_only=True):
    """What became of one of them."""

    id: str
    code: str | None
    """Null where it was done, else the refusal's code."""
    detail: str = ""


class BulkOutcomes(msgspec.Struct, kw_only=True):
    """What became of each."""

    items: list[BulkOutcome]
    done: int
    refused: int
    left: int
    """How many more the filter finds: ask again for them."""


_PERMISSIONS: Final = {
    "acknowledge": "acknowledge", "unacknowledge": "acknowledge", "resolve": "resolve", "snooze": "snooze",
    "unsnooze": "snooze", "assign": "assign", "close": "close", "merge": "group",
}  # fmt: skip


class _Target(msgspec.Struct, frozen=True):
    """One thing, and what the answer about it is called after."""

    id: str
    namespace: str | None
    """None if there is no such thing."""


@post("/alerts/bulk", status_code=200, opt={"permission": "alert:read"})
async def act_on_alerts(ctx: Ctx, who: Who, data: ManyAlerts) -> Response[BulkOutcomes]:
    """Acknowledge, resolve or snooze many alerts, or take that back. What you may not do is refused alert by alert."""
    until = asked_instant("until", data.until)
    if data.do == "snooze" and until is None:
        raise Refusal("request.invalid", "say until when they are to be snoozed")
    targets, left = await _targets(ctx, who, "alert", data.ids, data.filter)
    given: dict[str, Any] = {"until": until, "by": who.person} if data.do == "snooze" else {}
    if data.reason:
        given["reason"] = data.reason
    asked = _each(f"oncue.command.alert.{data.do}", "alert", given)
    return await _answer(ctx, who, "alert", f"alert:{_PERMISSIONS[data.do]}", targets, left, asked)


@post("/incidents/bulk", status_code=200, opt={"permission": "incident:read"})
async def act_on_incidents(ctx: Ctx, who: Who, data: ManyIncidents) -> Response[BulkOutcomes]:
    """Acknowledge, assign, resolve, close or merge many incidents, or snooze all that fires in them. What you may not do is
    refused incident by incident. Of a merge each incident is one answer; the one that goes on has none."""
    until = asked_instant("until", data.until)
    targets, left = await _targets(ctx, who, "incident", data.ids, data.filter)
    reason = {"reason": data.reason} if data.reason else {}
    if data.do == "snooze":
        return await _snooze(ctx, who, until, reason, targets, left)
    if data.do == "assign":
        if data.assignee is None:
            raise Refusal("request.invalid", 'say who takes them; "" is nobody')
        asked = _each("oncue.command.incident.assign", "incident", {"assignee": data.assignee})
    elif data.do == "merge":
        if data.into is None:
            raise Refusal("request.invalid", "say which of them goes on: into")
        into = data.into
        targets = [one for one in targets if one.id != into]

        def asked(id: str) -> bytes:
            return document("oncue.command.incident.merge", {"incident": into, "incidents": [id], **reason})

    else:
        more = reason
        if data.do == "resolve":
            more = {**reason, **{k: v for k, v in (("note", data.note), ("cause", data.cause)) if v is not None}}
        asked = _each(f"oncue.command.incident.{data.do}", "incident", more)
    return await _answer(ctx, who, "incident", f"incident:{_PERMISSIONS[data.do]}", targets, left, asked)


def _each(type: str, what: str, given: dict[str, Any]) -> Callable[[str], bytes]:
    return lambda id: document(type, {what: id, **given})


async def _snooze(
    ctx: Context, who: Principal, until: datetime | None, reason: dict[str, str], targets: list[_Target], left: int
) -> Response[BulkOutcomes]:
    """One answer per incident: refused if one of its alerts was, or none fires."""
    if until is None:
        raise Refusal("request.invalid", "say until when they are to be snoozed")
    more = {"until": until, "by": who.person, **reason}
    there = [one for one in targets if one.namespace is not None]
    firing = await ctx.queries.run(partial(_firing, incidents=[one.id for one in there]))
    alerts = [_Target(alert, one.namespace) for one in there for alert in firing.get(one.id, ())]
    if len(alerts) > MOST:
        raise Refusal("request.invalid", f"{len(alerts)} alerts fire in them; at most {MOST} are snoozed at a time")
    found = await _submit(ctx, who, "alert", "alert:snooze", alerts, _each("oncue.command.alert.snooze", "alert", more))
    of = {one.id: one for one in found}
    items = []
    for target in targets:
        mine = [of[alert] for alert in firing.get(target.id, ())]
        refused = next((one for one in mine if one.code is not None), None)
        if target.namespace is None:
            items.append(BulkOutcome(id=target.id, code="incident.not_found"))
        elif refused is not None:
            items.append(BulkOutcome(id=target.id, code=refused.code, detail=f"{refused.id}: {refused.detail}"))
        elif not mine:
            items.append(BulkOutcome(id=target.id, code="incident.state", detail="nothing fires in it"))
        else:
            items.append(BulkOutcome(id=target.id, code=None, detail=f"{len(mine)} alerts"))
    return _response(items, left)


def _firing(connection: Connection, incidents: list[str]) -> dict[str, list[str]]:
    """The alerts that fire in each of these."""
    found: dict[str, list[str]] = {}
    wanted = set(incidents)
    for incident in incidents:
        rows = connection.execute(
            select(entity.c.id).where(
                entity.c.kind == "membership",
                entity.c.id >= f"{incident}/",
                entity.c.id < f"{incident}0",
                func.instr(entity.c.body, b'"left_at":null') > 0,
            )
        ).scalars()
        ids = [id.partition("/")[2] for id in rows]
        for first in range(0, len(ids), 500):
            some = connection.execute(
                select(entity.c.id).where(
                    entity.c.kind == "alert", entity.c.id.in_(ids[first : first + 500]), entity.c.state == "firing"
                )
            ).scalars()
            found.setdefault(incident, []).extend(sorted(some))
    return {id: alerts for id, alerts in found.items() if id in wanted}


async def _targets(
    ctx: Context, who: Principal, kind: str, ids: list[str] | None, which: BulkFilter | None
) -> tuple[list[_Target], int]:
    """What is meant, and how many more there are. Raises `Refusal` request.invalid."""
    if (ids is None) == (which is None):
        raise Refusal("request.invalid", "give either ids or a filter")
    if ids is not None:
        wanted = list(dict.fromkeys(ids))
        where = await ctx.queries.run(partial(_namespaces, kind=kind, ids=wanted))
        read = f"{kind}:read"
        seen = {id: space for id, space in where.items() if allowed(who, read, space)}
        return [_Target(id, seen.get(id)) for id in wanted], 0
    assert which is not None
    if which == BulkFilter():
        raise Refusal("request.invalid", "the filter is empty; it would be about everything")
    narrowed = Filters(
        state=tuple(which.state), severity=tuple(which.severity), namespace=tuple(which.namespace),
        resource=tuple(which.resource), service=tuple(which.service), type=tuple(which.type), q=which.q or None,
        since=asked_instant("since", which.since), until=asked_instant("until", which.until),
    )  # fmt: skip
    shown = visible(narrowed, who, f"{kind}:read")
    return await ctx.queries.run(partial(_matching, kind=kind, filters=shown))


def _namespaces(connection: Connection, kind: str, ids: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for first in range(0, len(ids), 500):
        some = entity.c.id.in_(ids[first : first + 500])
        rows = connection.execute(select(entity.c.id, entity.c.namespace).where(entity.c.kind == kind, some))
        found.update((row.id, row.namespace) for row in rows)
    return found


def _matching(connection: Connection, kind: str, filters: Filters) -> tuple[list[_Target], int]:
    source = entity.outerjoin(alert_hot, alert_hot.c.id == entity.c.id)
    conditions = (entity.c.kind == kind, LISTED, *conditions_of(filters, repeats=kind == "alert"))
    rows = connection.execute(
        select(entity.c.id, entity.c.namespace)
        .select_from(source)
        .where(*conditions)
        .order_by(entity.c.position, entity.c.id)
        .limit(MOST)
    ).all()
    total = len(rows)
    if total == MOST:
        total = connection.execute(select(func.count()).select_from(source).where(*conditions)).scalar_one()
    return [_Target(row.id, row.namespace) for row in rows], total - len(rows)


async def _answer(
    ctx: Context, who: Principal, kind: str, permission: str, targets: list[_Target], left: int,
    asked: Callable[[str], bytes],
) -> Response[BulkOutcomes]:  # fmt: skip
    return _response(await _submit(ctx, who, kind, permission, targets, asked), left)


def _response(items: list[BulkOutcome], left: int) -> Response[Any]:
    done = sum(one.code is None for one in items)
    whole = BulkOutcomes(items=items, done=done, refused=len(items) - done, left=left)
    return json_response(msgspec.json.encode(whole))


async def _submit(
    ctx: Context, who: Principal, kind: str, permission: str, targets: list[_Target], asked: Callable[[str], bytes]
) -> list[BulkOutcome]:
    """Give each command to the engine. What the engine cannot take at all is said of each one that is left."""
    outcomes: dict[str, BulkOutcome] = {}
    by_namespace: dict[str, list[str]] = {}
    for target in targets:
        if target.namespace is None:
            outcomes[target.id] = BulkOutcome(id=target.id, code=f"{kind}.not_found")
        elif not allowed(who, permission, target.namespace):
            outcomes[target.id] = BulkOutcome(id=target.id, code="access.denied", detail=permission)
        else:
            by_namespace.setdefault(target.namespace, []).append(target.id)
    for namespace, ids in by_namespace.items():
        for first in range(0, len(ids), AT_ONCE):
            some = ids[first : first + AT_ONCE]
            for outcome in await _some(ctx, who, namespace, some, [asked(id) for id in some]):
                outcomes[outcome.id] = outcome
    return [outcomes[target.id] for target in targets]


async def _some(ctx: Context, who: Principal, namespace: str, ids: list[str], bodies: list[bytes]) -> list[BulkOutcome]:
    try:
        answer = await ctx.client.submit(
            bodies, namespace=namespace, origin=ORIGIN, actor=who.actor, person=who.behind, urgent=True
        )
    except Refusal as refusal:
        return [BulkOutcome(id=id, code=refusal.code, detail=refusal.detail) for id in ids]
    rejected = {index: (code, detail) for index, code, detail in answer.rejected}
    replies = answer.replies or []
    found = []
    for index, id in enumerate(ids):
        reply = replies[index] if index < len(replies) else None
        code, detail = rejected.get(index, (None, ""))
        if reply and reply.get("code"):
            code, detail = reply["code"], reply.get("detail") or ""
        found.append(BulkOutcome(id=id, code=code, detail=detail))
    return found


HANDLERS = [act_on_alerts, act_on_incidents]
