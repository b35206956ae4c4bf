"""One glance: what is wrong now, and how much noise became how few calls."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from sqlalchemy import Connection, and_, func, select

from oncue.access.roles import Principal, namespaces
from oncue.api.context import Ctx, Who
from oncue.api.guard import require
from oncue.api.params import json_response
from oncue.api.shapes import Now
from oncue.store.json_text import json_text
from oncue.store.queries import cursor_of, heads, instant, is_quiet, micros
from oncue.store.schema import dead_letter, entity, fact, segment

SHOWN = 20
FAILURES = 1_000
"""Failed decisions that are counted at the most."""
MINUTE_US = 60_000_000


class _Decision(msgspec.Struct):
    policy: str
    detail: str = ""


class _Failed(msgspec.Struct):
    data: _Decision


@get("/stats/now", opt={"permission": "stats:read"})
async def get_now(
    ctx: Ctx,
    who: Who,
    namespace: Annotated[
        list[str] | None, QueryParameter(description="Only these; without it all that you may read")
    ] = None,
) -> Response[Now]:
    """What is wrong now, in the namespaces that you name or may read. The journal counts received events only as a
    whole: the rate and the events of the funnel are of every namespace."""
    visible = namespaces(who, "stats:read")
    if namespace:
        visible = _named(namespace, who)
    return json_response(await ctx.recently(("now", visible), partial(_now, visible=visible, at=datetime.now(UTC))))


def _named(given: list[str], who: Principal) -> frozenset[str]:
    """The named namespaces. Raises `Refusal` for one that the principal may not read."""
    found = frozenset(part.strip() for one in given for part in one.split(",") if part.strip())
    for name in sorted(found):
        require(who, "stats:read", name)
    return found


def _now(connection: Connection, visible: frozenset[str] | None, at: datetime) -> bytes:
    here = [] if visible is None else [entity.c.namespace.in_(sorted(visible))]
    working = and_(entity.c.kind == "incident", entity.c.state.in_(("open", "acknowledged")), *here)
    priority = json_text(entity.c.body, "priority")
    by_priority = {
        row.priority: row.n
        for row in connection.execute(
            select(priority.label("priority"), func.count().label("n")).where(working).group_by(priority)
        )
    }
    worst = select(entity.c.body).where(working).order_by(priority, entity.c.created_at, entity.c.id).limit(SHOWN)
    firing = and_(entity.c.kind == "alert", entity.c.state == "firing", *here)
    quiet = is_quiet()
    by_severity: dict[str, int] = {}
    quiet_count = 0
    for row in connection.execute(
        select(entity.c.severity, quiet.label("quiet"), func.count().label("n"))
        .where(firing)
        .group_by(entity.c.severity, quiet)
    ):
        by_severity[row.severity or "info"] = by_severity.get(row.severity or "info", 0) + row.n
        quiet_count += row.n if row.quiet else 0
    return msgspec.json.encode(
        {
            "at": at,
            "position": cursor_of(heads(connection)[1]),
            "incidents_by_priority": by_priority,
            "alerts_by_severity": by_severity,
            "alerts_quiet": quiet_count,
            "incidents": [msgspec.Raw(body) for body in connection.execute(worst).scalars()],
            "rate": _rate(connection, at),
            "funnel": _funnel(connection, at, visible),
            "runs_active": _count(connection, entity.c.kind == "run", entity.c.state == "running", *here),
            "monitors_failing": _count(connection, entity.c.kind == "monitor", entity.c.state == "failing", *here),
            "dead_letters": connection.execute(
                select(func.count())
                .select_from(dead_letter)
                .where(
                    dead_letter.c.redriven_at.is_(None),
                    *([] if visible is None else [dead_letter.c.namespace.in_(sorted(visible))]),
                )
            ).scalar(),
            "policies_failed": _failed(connection, at, visible),
        }
    )


def _failed(connection: Connection, at: datetime, visible: frozenset[str] | None) -> list[dict[str, Any]]:
    """The policies whose decisions failed within the last day, by what the newest of them say."""
    here = [] if visible is None else [fact.c.namespace.in_(sorted(visible))]
    newest = (
        select(fact.c.recorded_at, fact.c.body)
        .where(fact.c.type == "oncue.policy.failed", fact.c.recorded_at >= micros(at - timedelta(hours=24)), *here)
        .order_by(fact.c.position.desc())
        .limit(FAILURES)
    )
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(newest):
        decision = msgspec.json.decode(row.body, type=_Failed).data
        last = {"policy": decision.policy, "failed": 0, "last_at": instant(row.recorded_at), "detail": decision.detail}
        found.setdefault(decision.policy, last)["failed"] += 1
    return list(found.values())[:SHOWN]


def _count(connection: Connection, *conditions: Any) -> int:
    return connection.execute(select(func.count()).select_from(entity).where(*conditions)).scalar() or 0


def _rate(connection: Connection, at: datetime) -> list[dict[str, Any]]:
    last = micros(at) // MINUTE_US
    counts = {minute: [0, 0] for minute in range(last - 59, last + 1)}
    for row in connection.execute(
        select(segment.c.last_recorded_at, segment.c.inputs, segment.c.count.label("events")).where(
            segment.c.last_recorded_at >= (last - 59) * MINUTE_US
        )
    ):
        bucket = counts.get(row.last_recorded_at // MINUTE_US)
        if bucket is not None:
            bucket[0] += row.inputs
            bucket[1] += row.events
    return [
        {"at": instant(minute * MINUTE_US), "inputs": inputs, "events": events}
        for minute, (inputs, events) in counts.items()
    ]


def _funnel(connection: Connection, at: datetime, visible: frozenset[str] | None) -> dict[str, int]:
    since = micros(at - timedelta(hours=24))
    here = [] if visible is None else [fact.c.namespace.in_(sorted(visible))]

    def facts(type: str, *conditions: Any) -> int:
        counted = select(func.count()).select_from(fact)
        return (
            connection.execute(
                counted.where(fact.c.type == type, fact.c.recorded_at >= since, *here, *conditions)
            ).scalar()
            or 0
        )

    inputs = connection.execute(select(func.sum(segment.c.inputs)).where(segment.c.last_recorded_at >= since)).scalar()
    return {
        "events": int(inputs or 0),
        "alerts": facts("oncue.alert.fired"),
        "incidents": facts("oncue.incident.opened"),
        "notifications": facts("oncue.effect.requested", json_text(fact.c.body, "data", "kind") == "notify"),
    }


HANDLERS = [get_now]
