"""How it went with a service, as the table `standing` and the newest facts tell it."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from oncue.core.availability import SECOND, Course, Interval, Turn, course, within
from oncue.core.manifest import Manifest, ServiceSpec
from oncue.core.objective import OWN, Budget, Objective, budget
from oncue.core.severity import RANK
from oncue.store.queries import entity_body
from oncue.store.schema import entity, standing
from oncue.store.standing import (
    ACKNOWLEDGED,
    BEGINS,
    EXPECTED,
    EXPECTING,
    HOLDS,
    NOTICES,
    Reach,
    Row,
    reach,
    rows,
)

EVERY: Final = ("", "")


def declared(connection: Connection, namespace: str, service: str) -> tuple[Manifest, Objective | None] | None:
    """The service's manifest, and its objective; None if there is no such service."""
    row = entity_body(connection, "manifest", f"Service/{namespace}/{service}")
    manifest = msgspec.json.decode(row[1], type=Manifest) if row is not None else None
    if manifest is None or manifest.deleted:
        return None
    return manifest, msgspec.convert(manifest.spec, ServiceSpec).objective


def budget_of(known: Course, objective: Objective) -> Budget:
    """What is left of the objective at the end of the course, which was reckoned with what it counts."""

    def down_s(span_s: float) -> float:
        return within(known, known.until - int(span_s * SECOND), known.until).down / SECOND

    return budget(objective, down_s)


def course_of(connection: Connection, namespace: str, service: str, counts: str, until: int) -> Course:
    """How it went with a service up to an instant, as far back as is known. See `oncue.core.availability`."""
    known = reach(connection)
    found = _rows(connection, known, namespace, service)
    things = [row for row in found if row.kind in ("alert", "incident")]
    known_from = max([known.first_at, *_straddling(things)])
    turns = [*_before(connection, known, namespace, service), *map(_turn, things)]
    unknown: list[Interval] = [(0, known_from)]
    unknown += [(row.since, row.at) for row in found if row.kind == "absence" and row.since is not None]
    unknown += _undeclared([row for row in found if row.kind == "manifest"], until)
    return course(turns, unknown, counts, until)


def _rows(connection: Connection, known: Reach, namespace: str, service: str) -> list[Row]:
    columns = [standing.c[name] for name in Row._fields]
    drawn: list[Row] = []
    for of in (EVERY, (namespace, service)):
        query = select(*columns).where(
            standing.c.namespace == of[0],
            standing.c.service == of[1],
            standing.c.position >= known.first_position,
            standing.c.position <= known.position,
        )
        drawn += map(Row._make, connection.execute(query.order_by(standing.c.position)).all())
    return [*drawn, *rows(connection, known.position, of=(namespace, service))]


def _turn(row: Row) -> Turn:
    return Turn(
        row.at,
        row.kind,
        row.id,
        row.severity if row.severity in RANK else "clear",
        bool(row.flags & HOLDS),
        bool(row.flags & EXPECTED),
        bool(row.flags & ACKNOWLEDGED),
        bool(row.flags & NOTICES),
    )


def _straddling(things: Sequence[Row]) -> list[int]:
    """When what began before all that is known is first heard of: how it was until then cannot be told."""
    seen: set[str] = set()
    found = []
    for row in things:
        if row.id not in seen:
            seen.add(row.id)
            if not row.flags & BEGINS:
                found.append(row.at)
    return found


class _Reason(msgspec.Struct):
    reason: str


class _Body(msgspec.Struct):
    severity: str
    type: str = ""
    quiet: list[_Reason] = []
    acknowledged_at: str | None = None
    opened_by: str = "system"


def _before(connection: Connection, known: Reach, namespace: str, service: str) -> list[Turn]:
    """What held before all that is known, and of which nothing has been said since: it holds all along."""
    found = []
    for kind, state in (("alert", "firing"), ("incident", "open"), ("incident", "acknowledged")):
        query = select(entity.c.id, entity.c.body).where(
            entity.c.kind == kind,
            entity.c.state == state,
            entity.c.position < known.first_position,
            entity.c.namespace == namespace,
            entity.c.service == service,
        )
        for id, raw in sorted(connection.execute(query).all()):
            body = msgspec.json.decode(raw, type=_Body)
            if body.type.startswith(OWN) or (kind == "incident" and body.opened_by == "system"):
                continue
            expected = any(one.reason in EXPECTING for one in body.quiet)
            acknowledged = body.acknowledged_at is not None
            found.append(Turn(known.first_at, kind, id, body.severity, True, expected, acknowledged))
    return found


def _undeclared(manifests: Sequence[Row], until: int) -> list[Interval]:
    """When the service was not declared."""
    found: list[Interval] = []
    gone_at = 0 if manifests and manifests[0].flags & BEGINS else None
    for row in manifests:
        if row.flags & HOLDS:
            if gone_at is not None:
                found.append((gone_at, row.at))
            gone_at = None
        elif gone_at is None:
            gone_at = row.at
    if gone_at is not None:
        found.append((gone_at, until))
    return found
