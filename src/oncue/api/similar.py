"""Past incidents that are like one: what it was then, how it ended and how long it took.

Found by comparison of what is stored, among the newest `LOOKED_AT` of the namespace: the same service, resource and checks,
and words of the title. A score ranks; it is no probability.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from litestar import Response, get
from sqlalchemy import Connection, func, or_, select

from oncue.api.context import Ctx, Who
from oncue.api.entities import found
from oncue.api.params import Listing, listing
from oncue.core.alert import Alert
from oncue.core.incident import Incident, Resolution
from oncue.store.members import alerts_of
from oncue.store.queries import title_of
from oncue.store.schema import LISTED, entity

LOOKED_AT: Final = 5_000
NARROWED: Final = 300
COMPARED: Final = 30
"""Incidents of which the alerts are compared, too."""
SHOWN: Final = 10
LEAST: Final = 30
"""A score under which two incidents have little to do with each other."""

_WORD: Final = re.compile(r"[^\W\d_]{4,}")


class Similar(msgspec.Struct, kw_only=True):
    """An incident that is like another one."""

    id: str
    title: str
    state: str
    priority: str
    service: str | None
    resource: str | None
    opened_at: datetime
    resolved_at: datetime | None
    duration_s: float | None
    resolved_by: str | None
    """The person, or `alerts` where they ended it."""
    acknowledged_by: str | None
    assignee: str | None
    resolution: Resolution | None
    known_errors: tuple[str, ...]
    score: int
    """0 to 100."""
    reasons: list[str]


@get("/incidents/{incident_id:str}/similar", opt={"permission": "incident:read"})
async def list_similar_incidents(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Similar]]:
    """Past incidents of the namespace that are like this one, the most alike first, at most ten; with how they ended."""
    incident = msgspec.json.decode(await found(ctx, who, "incident", incident_id, "incident:read"), type=Incident)
    return listing(
        [msgspec.json.encode(one) for one in await ctx.queries.run(partial(similar, incident=incident))], None
    )


def similar(connection: Connection, incident: Incident) -> list[Similar]:
    """Those that are like it, the most alike first; of equals the newest."""
    words = _words(incident.title)
    candidates = _narrowed(connection, incident, words)
    own = _checks(connection, incident)
    places = {incident.resource, *(place for place, _ in own)} - {None}
    rough = sorted(
        ((_roughly(incident, words, one, places), number, one) for number, one in enumerate(candidates)),
        key=lambda found: (-found[0][0], found[1]),
    )
    found = []
    for (score, reasons), _, one in rough[:COMPARED]:
        theirs = _checks(connection, one)
        shared = own & theirs
        if shared:
            score += round(40 * len(shared) / len(own | theirs))
            some = ", ".join(sorted({f"{check} on {place}" for place, check in shared})[:3])
            reasons = [*reasons, f"the same alerts: {some}"]
        else:
            if kinds := {check for _, check in own} & {check for _, check in theirs}:
                score += 20
                reasons = [*reasons, f"the same kind of alert: {sorted(kinds)[0]}"]
            if place := {place for place, _ in theirs} & places:
                score += 10
                reasons = [*reasons, f"the same resource: {sorted(place)[0]}"]
        if score >= LEAST:
            found.append(_shown(one, min(score, 100), reasons))
    return sorted(found, key=lambda one: (-one.score, -one.opened_at.timestamp(), one.id))[:SHOWN]


def _words(title: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _WORD.findall(title))


def _narrowed(connection: Connection, incident: Incident, words: Iterable[str]) -> list[Incident]:
    """Newest first: those with the same service, resource, or one of the longest words."""
    newest = (
        select(entity.c.id)
        .where(
            entity.c.kind == "incident", LISTED, entity.c.namespace == incident.namespace, entity.c.id != incident.id
        )
        .order_by(entity.c.position.desc())
        .limit(LOOKED_AT)
        .subquery()
    )
    alike = []
    if incident.service is not None:
        alike.append(entity.c.service == incident.service)
    if incident.resource is not None:
        alike.append(entity.c.resource == incident.resource)
    longest = sorted(words, key=lambda word: (-len(word), word))[:4]
    alike += [title_of().icontains(word, autoescape=True) for word in longest]
    if not alike:
        return []
    whole = func.instr(entity.c.body, b'"merged_into":null') > 0
    rows = connection.execute(
        select(entity.c.body)
        .where(entity.c.kind == "incident", entity.c.id.in_(select(newest.c.id)), or_(*alike), whole)
        .order_by(entity.c.position.desc())
        .limit(NARROWED)
    ).scalars()
    return [msgspec.json.decode(body, type=Incident) for body in rows]


def _roughly(
    incident: Incident, words: frozenset[str], other: Incident, places: set[str | None]
) -> tuple[int, list[str]]:
    score, reasons = 0, []
    if incident.service is not None and other.service == incident.service:
        score += 25
        reasons.append(f"the same service: {incident.service}")
    if other.resource is not None and other.resource in places:
        score += 15
        reasons.append(f"the same resource: {other.resource}")
    theirs = _words(other.title)
    shared = words & theirs
    if shared:
        score += round(30 * len(shared) / len(words | theirs))
        reasons.append(f"words of the title: {', '.join(sorted(shared)[:5])}")
    return score, reasons


def _checks(connection: Connection, incident: Incident) -> set[tuple[str, str]]:
    alerts = (msgspec.json.decode(body, type=Alert) for body in alerts_of(connection, incident, first=True, most=50))
    return {(alert.resource, alert.check or alert.type) for alert in alerts}


def _shown(one: Incident, score: int, reasons: list[str]) -> Similar:
    ended = one.resolved_at
    return Similar(
        id=one.id,
        title=one.title,
        state=one.state,
        priority=one.priority,
        service=one.service,
        resource=one.resource,
        opened_at=one.opened_at,
        resolved_at=ended,
        duration_s=(ended - one.opened_at).total_seconds() if ended is not None else None,
        resolved_by=one.resolved_by,
        acknowledged_by=one.acknowledged_by,
        assignee=one.assignee,
        resolution=one.resolution,
        known_errors=one.known_errors,
        score=score,
        reasons=reasons,
    )


HANDLERS = [list_similar_incidents]
