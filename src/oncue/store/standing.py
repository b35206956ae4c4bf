"""What held of services, and since when: the table `standing`, drawn from the facts about alerts, incidents and manifests.

The writer draws it in pauses (`drawn`), so that no event waits for it; whoever reads takes the facts that are not in it yet
from `fact` (`rows`). It is narrow, ordered by service, and kept longer than the facts.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, func, or_, select, true

from oncue.core.objective import OWN
from oncue.store.queries import FACT_COLUMNS, heads, micros
from oncue.store.schema import fact, journal, progress, segment

NAME: Final = "standing"
ROUND: Final = 500
"""Facts that are looked at in one round."""

HOLDS: Final = 1
"""An alert fires, an incident that a person opened is not over, a service is declared."""
EXPECTED: Final = 2
"""A maintenance window or a change record expects it."""
ACKNOWLEDGED: Final = 4
NOTICES: Final = 8
"""An incident was acknowledged."""
BEGINS: Final = 16
"""It is known that it did not hold for this service just before."""

EXPECTING: Final = frozenset({"maintenance", "expected_by_change"})
STARTED: Final = "oncue.engine.started"
_MOVING: Final = ("oncue.alert.severity_changed", "oncue.alert.reopened")
"""Facts with which an alert may have gone over to another service."""
_BEGINNING: Final = frozenset({"oncue.alert.fired", "oncue.alert.reopened", "oncue.incident.opened"})


class Row(NamedTuple):
    """A row of the table."""

    namespace: str
    service: str
    position: int
    at: int
    kind: str
    id: str
    severity: str | None
    flags: int
    since: int | None = None


class Reach(msgspec.Struct, frozen=True):
    """From where to where the table goes."""

    position: int
    """Facts up to here are in it."""
    first_position: int
    first_at: int
    """What was before is not in it."""


class Drawn(msgspec.Struct, frozen=True):
    """Rows for the table, and the position up to which they go."""

    rows: list[Row]
    upto: int
    more: bool
    """Whether there may be more."""


class _Reason(msgspec.Struct):
    reason: str


class _Data(msgspec.Struct, frozen=True):
    type: str | None = None
    state: str = ""
    quiet: tuple[_Reason, ...] = ()
    acknowledged_at: datetime | None = None
    opened_by: str = "system"
    generation: int = 0
    down_since: datetime | None = None


class _Fact(msgspec.Struct):
    data: _Data = _Data()


_decode: Final = msgspec.json.Decoder(_Fact).decode

COLUMNS: Final = ", ".join(Row._fields)
INSERT: Final = f"INSERT INTO standing ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608
MOVE_ON: Final = (
    "INSERT INTO progress (name, position, first_position, first_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
    "position = excluded.position, first_position = excluded.first_position, first_at = excluded.first_at"
)
TRIM: Final = "DELETE FROM standing WHERE at < ?"


def reach(connection: Connection) -> Reach:
    """From where to where the table goes; where facts were removed before they came into it, it begins after them."""
    row = connection.execute(select(progress).where(progress.c.name == NAME)).one_or_none()
    oldest, _ = heads(connection)
    if row is not None and row.position + 1 >= oldest:
        return Reach(row.position, row.first_position, row.first_at)
    first_at = connection.execute(
        select(segment.c.first_recorded_at).order_by(segment.c.first_position).limit(1)
    ).scalar()
    if first_at is None or oldest == 1:
        first_at = connection.execute(select(func.min(journal.c.created_at))).scalar() or 0
    return Reach(oldest - 1, oldest, first_at)


def drawn(connection: Connection, known: Reach) -> Drawn:
    """What the next facts say."""
    following = select(fact.c.position).where(fact.c.position > known.position).order_by(fact.c.position).limit(ROUND)
    count, upto = connection.execute(select(func.count(), func.max(following.subquery().c.position))).one()
    if upto is None:
        return Drawn([], known.position, more=False)
    return Drawn(rows(connection, known.position, upto), upto, more=count == ROUND)


def rows(connection: Connection, after: int, upto: int | None = None, of: tuple[str, str] | None = None) -> list[Row]:
    """What the facts after one position and up to another say of services, in their order; of one (namespace, service)
    and what concerns every service, if it is named.
    """
    # In their positions' order, as they lie: an index of kinds or types would have the whole journal looked through.
    kind, type = func.coalesce(fact.c.kind, ""), func.coalesce(fact.c.type, "")
    things, moving = kind.in_(("alert", "incident")), type.in_(_MOVING)
    if of is None:
        about: Any = and_(things, or_(fact.c.service.is_not(None), moving))
        declared: Any = and_(kind == "manifest", fact.c.id.startswith("Service/"))
    else:
        namespace, service = of
        about = and_(things, fact.c.namespace == namespace, or_(fact.c.service == service, moving))
        declared = and_(kind == "manifest", fact.c.id == f"Service/{namespace}/{service}")
    found = connection.execute(
        select(*FACT_COLUMNS, fact.c.severity, fact.c.service)
        .where(fact.c.position > after, true() if upto is None else fact.c.position <= upto)
        .where(or_(about, declared, type == STARTED))
        .order_by(fact.c.position)
    )
    made = [row for one in found for row in _of(connection, one)]
    return made if of is None else [row for row in made if row[:2] in (of, ("", ""))]


def _of(connection: Connection, one: Any) -> list[Row]:
    data = _decode(one.body).data
    match one.kind:
        case "alert":
            return _alert(connection, one, data)
        case "incident":
            return _incident(one, data)
        case "manifest":
            flags = HOLDS if one.type == "oncue.manifest.applied" else 0
            service = one.id.rpartition("/")[2]
            flags |= BEGINS if data.generation == 1 else 0
            return [Row(one.namespace, service, one.position, one.recorded_at, "manifest", one.id, None, flags)]
    if data.down_since is None:
        return []
    return [Row("", "", one.position, one.recorded_at, "absence", "", None, 0, micros(data.down_since))]


def _alert(connection: Connection, one: Any, data: _Data) -> list[Row]:
    if (data.type or "").startswith(OWN):
        return []
    made = []
    flags = HOLDS if data.state == "firing" else 0
    if any(reason.reason in EXPECTING for reason in data.quiet):
        flags |= EXPECTED
    if data.acknowledged_at is not None:
        flags |= ACKNOWLEDGED
    if one.type in _BEGINNING:
        flags |= BEGINS
    if one.type in _MOVING and (before := _before(connection, one)) is not None and before.service != one.service:
        flags |= BEGINS
        if before.service is not None:
            gone = Row(one.namespace, before.service, one.position, one.recorded_at, "alert", one.id, one.severity, 0)
            made.append(gone)
    if one.service is not None:
        made.append(
            Row(one.namespace, one.service, one.position, one.recorded_at, "alert", one.id, one.severity, flags)
        )
    return made


def _before(connection: Connection, one: Any) -> Any:
    """The fact before this one about the same thing; None if there is none, or none any more."""
    return connection.execute(
        select(fact.c.service)
        .where(fact.c.kind == one.kind, fact.c.id == one.id, fact.c.position < one.position)
        .order_by(fact.c.position.desc())
        .limit(1)
    ).one_or_none()


def _incident(one: Any, data: _Data) -> list[Row]:
    """Of those that a person opened, everything; of the others, that someone took them up."""
    notices = NOTICES if one.type == "oncue.incident.acknowledged" else 0
    by_hand = data.opened_by != "system"
    if not notices and not by_hand:
        return []
    flags = notices
    if by_hand and data.state in ("open", "acknowledged"):
        flags |= HOLDS
    if by_hand and data.acknowledged_at is not None:
        flags |= ACKNOWLEDGED
    if one.type in _BEGINNING or not by_hand:
        flags |= BEGINS
    return [Row(one.namespace, one.service, one.position, one.recorded_at, "incident", one.id, one.severity, flags)]
