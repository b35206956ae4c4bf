"""How available a service was: downtime, outages, what is left of its objective's budget."""

import time
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.api.context import Ctx, Who
from oncue.api.params import asked_instant, json_response
from oncue.api.topology import may_see
from oncue.core.availability import SECOND, Course, Span, days, mean, outages_within, within
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.objective import Budget, Counted
from oncue.store.availability import budget_of, course_of, declared
from oncue.store.queries import instant, micros

SPAN: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=400)
OUTAGES: Final = 100
"""Outages that are shown, the newest first; how many there are is said beside them."""


class ServiceOutage(msgspec.Struct, kw_only=True):
    """A time in which a service was down without a break."""

    began_at: datetime
    ended_at: datetime | None
    """Null if it went on at `to`."""
    acknowledged_at: datetime | None
    """When someone first took it up while it lasted."""
    began_with: str
    """What it began with: `alert/ID`, or `incident/ID` of one that a person opened."""


class AvailabilityDay(msgspec.Struct, kw_only=True):
    """One day in UTC, as far as it lies within the asked time."""

    date: str
    """As 2026-05-01."""
    availability: float | None
    """Percent of the known time; null if nothing is known of it."""
    down_s: float
    expected_s: float
    unknown_s: float


class ServiceAvailability(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """How available a service was from `from` to `to`. Lengths are seconds."""

    namespace: str
    service: str
    from_: datetime
    to: datetime
    counts: Counted
    """From which severity on an alert meant that it was down."""
    availability: float | None
    """Percent of the known time in which it was not down; null if nothing is known."""
    availability_with_maintenance: float | None
    """The same, with expected downtime counted as well."""
    down_s: float
    """Without what maintenance windows and change records expected."""
    expected_s: float
    """Down as a maintenance window or a change record expected."""
    known_s: float
    unknown_s: float
    """OnCue was not there, the service was not declared, or what happened has been removed."""
    outages: int
    """That lasted at some time of it."""
    mttr_s: float | None
    """Mean time from the beginning of an outage to its end, of those that have ended."""
    mtta_s: float | None
    """Mean time from the beginning of an outage to its first acknowledgement, of those that were acknowledged."""
    acknowledged: int
    """Outages that somebody took up while they lasted."""
    down: bool
    """Whether it was down at `to`."""
    latest: list[ServiceOutage]
    """The outages, newest first, at most 100."""
    days: list[AvailabilityDay]
    budget: Budget | None
    """As of `to`; null if the service has no objective."""


@get("/services/{namespace:str}/{name:str}/availability", opt={"permission": "manifest:read"})
async def get_service_availability(
    ctx: Ctx,
    who: Who,
    namespace: str,
    name: str,
    from_: Annotated[
        str | None, QueryParameter(name="from", description="RFC 3339; by default 30 days before `to`")
    ] = None,
    to: Annotated[str | None, QueryParameter(description="RFC 3339; by default now, and not later")] = None,
    counts: Annotated[
        Counted | None,
        QueryParameter(description="The least severity that counts; by default the objective's, or major"),
    ] = None,
) -> Response[ServiceAvailability]:
    """How available a service was over a time of at most 400 days, and what is left of its objective's budget."""
    now = instant(time.time_ns() // 1000)
    until = min(asked_instant("to", to) or now, now)
    since = asked_instant("from", from_) or until - SPAN
    if not timedelta(0) < until - since <= LONGEST:
        raise Refusal("request.invalid", f"from is to lie before to and now, by at most {LONGEST.days} days")
    may_see(who, namespace)
    look = partial(availability, namespace=namespace, name=name, since=since, until=until, counts=counts)
    return json_response(msgspec.json.encode(await ctx.queries.run(look)))


def availability(
    connection: Connection, namespace: str, name: str, since: datetime, until: datetime, counts: Counted | None
) -> ServiceAvailability:
    """How available it was. Raises `Refusal` topology.not_found."""
    found = declared(connection, namespace, name)
    if found is None:
        raise Refusal("topology.not_found", f"{namespace}/{name}"[:200])
    manifest, objective = found
    least = counts or (objective.counts if objective is not None else "major")
    begin, end = micros(since), micros(until)
    known = course_of(connection, namespace, name, least, end)
    left = None
    if objective is not None:
        by_objective = (
            known if objective.counts == least else course_of(connection, namespace, name, objective.counts, end)
        )
        left = budget_of(by_objective, objective)
    return _shown(known, manifest, least, begin, end, left)


def _shown(
    known: Course, manifest: Manifest, counts: Counted, begin: int, end: int, left: Budget | None
) -> ServiceAvailability:
    whole = within(known, begin, end)
    outages = outages_within(known, begin, end)
    mttr = mean([one.ended_at - one.began_at for one in outages if one.ended_at is not None])
    taken = [one.acknowledged_at - one.began_at for one in outages if one.acknowledged_at is not None]
    mtta = mean(taken)
    return ServiceAvailability(
        namespace=manifest.namespace,
        service=manifest.name,
        from_=instant(begin),
        to=instant(end),
        counts=counts,
        availability=whole.availability,
        availability_with_maintenance=whole.availability_with_maintenance,
        down_s=whole.down / SECOND,
        expected_s=whole.expected / SECOND,
        known_s=whole.known / SECOND,
        unknown_s=whole.unknown / SECOND,
        outages=len(outages),
        mttr_s=mttr / SECOND if mttr is not None else None,
        mtta_s=mtta / SECOND if mtta is not None else None,
        acknowledged=len(taken),
        down=bool(outages) and outages[-1].ended_at is None,
        latest=[
            ServiceOutage(
                began_at=instant(one.began_at),
                ended_at=_at(one.ended_at),
                acknowledged_at=_at(one.acknowledged_at),
                began_with=f"{one.kind}/{one.id}",
            )
            for one in reversed(outages[-OUTAGES:])
        ],
        days=[_day(one) for one in days(known, begin, end)],
        budget=left,
    )


def _at(us: int | None) -> datetime | None:
    return instant(us) if us is not None else None


def _day(one: Span) -> AvailabilityDay:
    return AvailabilityDay(
        date=instant(one.begin).date().isoformat(),
        availability=one.availability,
        down_s=one.down / SECOND,
        expected_s=one.expected / SECOND,
        unknown_s=one.unknown / SECOND,
    )


HANDLERS = [get_service_availability]
