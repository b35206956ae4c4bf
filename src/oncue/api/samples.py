"""Samples: monitors' readings, rolled up per minute and hour, for charts."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from sqlalchemy import Connection, func, select

from oncue.access.roles import allowed, namespaces
from oncue.api.context import Ctx, Who
from oncue.api.params import Listing, asked_instant, json_response
from oncue.api.shapes import Series
from oncue.core.errors import Refusal
from oncue.store.queries import instant, micros
from oncue.store.schema import sample

SERIES_LIMIT = 200
POINTS_LIMIT = 20_000


class _Key(msgspec.Struct, array_like=True):
    namespace: str
    resource: str
    metric: str
    labels: dict[str, str]


class SeriesKey(msgspec.Struct, kw_only=True):
    """A series that there are samples of."""

    series: str
    namespace: str
    resource: str
    metric: str
    labels: dict[str, str]


@get("/samples/series", opt={"permission": "sample:read"})
async def list_series(
    ctx: Ctx, who: Who, resource: str | None = None, metric: str | None = None
) -> Response[Listing[SeriesKey]]:
    """The series that there are samples of in the last hours."""
    since = micros(datetime.now(UTC) - timedelta(hours=48))
    rows = await ctx.queries.run(partial(_series_names, since=since))
    found = []
    for text in rows:
        key = _key_of(text)
        if key is None or not allowed(who, "sample:read", key.namespace):
            continue
        if resource not in (None, key.resource) or metric not in (None, key.metric):
            continue
        found.append({"series": text, **msgspec.structs.asdict(key)})
    return json_response(msgspec.json.encode({"items": found, "next": None}))


@get("/samples", opt={"permission": "sample:read"})
async def get_samples(
    ctx: Ctx,
    who: Who,
    series: Annotated[list[str] | None, QueryParameter(description="Exact names, from /samples/series")] = None,
    resource: str | None = None,
    metric: str | None = None,
    namespace: str | None = None,
    since: str | None = None,
    until: str | None = None,
    step: Annotated[int | None, QueryParameter(ge=60, le=86_400, description="Seconds; a multiple of 60")] = None,
) -> Response[Listing[Series]]:
    """Points of the series that fit: count, mean, least and greatest of each interval."""
    now = datetime.now(UTC)
    ends_at = asked_instant("until", until) or now
    try:
        begins_at = asked_instant("since", since) or ends_at - timedelta(hours=1)
    except OverflowError as error:
        raise Refusal("request.invalid", "until: lies before all time") from error
    if begins_at >= ends_at:
        raise Refusal("request.invalid", "since: must be before until")
    span_s = (ends_at - begins_at).total_seconds()
    step_s = step or (60 if span_s <= 6 * 3600 else 300 if span_s <= 24 * 3600 else 3600)
    if step_s % 60:
        raise Refusal("request.invalid", "step: must be a multiple of 60")
    visible = namespaces(who, "sample:read")
    names = series
    if not names:
        names = await ctx.queries.run(partial(_series_names, since=micros(begins_at)))
    wanted: dict[str, _Key] = {}
    for text in names:
        key = _key_of(text)
        if key is None or (visible is not None and key.namespace not in visible):
            continue
        if all(
            given in (None, own)
            for given, own in ((resource, key.resource), (metric, key.metric), (namespace, key.namespace))
        ):
            wanted[text] = key
    chosen = dict(sorted(wanted.items())[:SERIES_LIMIT])
    points = await ctx.queries.run(
        partial(_points, names=list(chosen), since=micros(begins_at), until=micros(ends_at), step_s=step_s)
    )
    items = [
        {"series": text, **msgspec.structs.asdict(key), "step_s": step_s, "points": points.get(text, [])}
        for text, key in chosen.items()
    ]
    return json_response(msgspec.json.encode({"items": items, "next": None}))


def _key_of(text: str) -> _Key | None:
    try:
        return msgspec.json.decode(text, type=_Key)
    except (msgspec.DecodeError, RecursionError):
        return None


def _series_names(connection: Connection, since: int) -> list[str]:
    rows = connection.execute(
        select(sample.c.series).where(sample.c.step_s == 3600, sample.c.at >= since - 3_600_000_000).distinct()
    )
    return sorted(rows.scalars())


def _points(
    connection: Connection, names: list[str], since: int, until: int, step_s: int
) -> dict[str, list[dict[str, Any]]]:
    stored_s = 3600 if step_s % 3600 == 0 else 60
    width = step_s * 1_000_000
    interval = sample.c.at - sample.c.at % width
    rows = connection.execute(
        select(
            sample.c.series,
            interval.label("at"),
            func.sum(sample.c.count).label("readings"),
            func.sum(sample.c.sum).label("sum"),
            func.min(sample.c.min).label("min"),
            func.max(sample.c.max).label("max"),
        )
        .where(
            sample.c.series.in_(names),
            sample.c.step_s == stored_s,
            sample.c.at >= since - since % width,
            sample.c.at <= until,
        )
        .group_by(sample.c.series, interval)
        .order_by(sample.c.series, interval)
        .limit(POINTS_LIMIT)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        mean = row.sum / row.readings if row.readings else 0.0
        point = {"at": instant(row.at), "count": row.readings, "mean": mean, "min": row.min, "max": row.max}
        found.setdefault(row.series, []).append(point)
    return found


HANDLERS = [list_series, get_samples]
