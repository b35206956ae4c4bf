"""Lists, details and look-ups: everything that is read, outside the engine's process.

Connections are read-only and live in a small pool; each query is one short transaction, cut off after `DEADLINE_S`, so
that no reader holds the write-ahead log back. Lists are keyset-paged by position, newest first; a cursor is opaque to
clients and made of the partition, the position, and what breaks ties.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    create_engine,
    func,
    or_,
    select,
    tuple_,
    union,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from oncue.core.errors import Refusal
from oncue.store import hot
from oncue.store.json_text import json_text, text_of
from oncue.store.prepared import Prepared
from oncue.store.schema import LISTED, access, alert_hot, cell, entity, fact, fact_ref, journal, segment

DEADLINE_S: Final = 2.0
THREADS: Final = 4
LIMIT: Final = 500
"""Items on one page."""

DECISIONS: Final = ("oncue.policy.fired", "oncue.policy.blocked", "oncue.policy.failed")

T = TypeVar("T")


class Filters(msgspec.Struct, kw_only=True, frozen=True):
    """What a list is narrowed to. An empty tuple narrows nothing."""

    state: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    """Exact, or with `*` at the end."""
    severity: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    """A part of the title or the id, whatever the case of its letters."""
    visible: frozenset[str] | None = None
    """Namespaces that the asker may read; None for every one."""
    limit: int = 50
    cursor: str | None = None
    by_priority: bool = False
    """By priority, then age, the oldest first, instead of the last changed first; for what has a priority."""


class Page(msgspec.Struct):
    """JSON documents, and the cursor of the next page; None at the end."""

    items: list[bytes]
    next: str | None


class FactRow(msgspec.Struct, frozen=True):
    """A row of `fact`."""

    position: int
    type: str
    namespace: str
    kind: str
    id: str
    recorded_at: int
    input_position: int
    cause_position: int
    body: bytes


FACT_COLUMNS: Final[tuple[Column[Any], ...]] = (
    fact.c.position,
    fact.c.type,
    fact.c.namespace,
    fact.c.kind,
    fact.c.id,
    fact.c.recorded_at,
    fact.c.input_position,
    fact.c.cause_position,
    fact.c.body,
)


class Queries:
    """The pool of read-only connections to one data directory's database."""

    def __init__(self, database: Path, threads: int = THREADS) -> None:
        self._uri = f"file:{quote(str(database))}?mode=ro"
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="query")
        self._engine: Engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, pool_size=threads, max_overflow=0
        )

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._uri, uri=True, check_same_thread=False, isolation_level=None, timeout=1.0)
        connection.execute("PRAGMA query_only=ON")
        return connection

    async def run(self, query: Callable[[Connection], T], deadline_s: float = DEADLINE_S) -> T:
        """The answer of `query`, run in a thread within one transaction.

        Raises `Refusal`: query.too_slow, engine.unavailable while there is no database, or it cannot be read, and what
        `query` raises.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(self.run_here, query, deadline_s)
        )

    def run_here(self, query: Callable[[Connection], T], deadline_s: float = DEADLINE_S) -> T:
        """As `run`, in the calling thread."""
        ends_at = time.monotonic() + deadline_s
        try:
            with self._engine.connect() as connection:
                driver = connection.connection.driver_connection
                assert isinstance(driver, sqlite3.Connection)
                driver.set_progress_handler(lambda: time.monotonic() > ends_at, 20_000)
                driver.execute("BEGIN")
                try:
                    return query(connection)
                finally:
                    driver.set_progress_handler(None, 0)
                    driver.execute("ROLLBACK")
        except (DatabaseError, sqlite3.DatabaseError) as error:
            cause = error.orig if isinstance(error, DatabaseError) else error
            if type(cause) not in (
                sqlite3.DatabaseError,
                sqlite3.OperationalError,
            ):  # a statement of ours that is wrong
                raise
            if "interrupted" in str(cause):
                raise Refusal("query.too_slow", f"It was cut off after {deadline_s:g} s") from error
            raise Refusal("engine.unavailable", f"The database cannot be read: {cause}") from error

    def close(self) -> None:
        """Close every connection; running queries end first."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()


# Cursors and instants


def cursor_of(position: int) -> str:
    """A position as text: partition and sequence."""
    return f"0-{position}"


def position_of(cursor: str) -> int:
    """The position in a cursor. Raises `Refusal` request.cursor_invalid."""
    return _keyset(cursor)[0]


_CURSOR: Final = re.compile(r"0-([0-9]{1,18})(?:~(.{1,300}))?", re.DOTALL | re.ASCII).fullmatch


def _keyset(cursor: str) -> tuple[int, str | None]:
    match = _CURSOR(cursor)
    if match is None:
        raise Refusal("request.cursor_invalid", "a cursor looks like 0-1234")
    return int(match[1]), match[2]


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return round(at.timestamp() * 1_000_000)


def instant(at: int) -> datetime:
    """The instant, in UTC, of microseconds since 1970."""
    return datetime.fromtimestamp(at / 1_000_000, UTC)


# Entities


def entities(connection: Connection, kind: str, filters: Filters, *more: Any) -> Page:
    """A page of the entities of one kind; `more` are further conditions on the table `entity`."""
    columns = [entity.c.id, entity.c.position, entity.c.body]
    source: Any = entity
    newer: dict[str, hot.HotRow] = {}
    if kind == "alert":
        columns += [alert_hot.c.count, alert_hot.c.last_seen_at, alert_hot.c.deadline_at]
        newer = hot.newer(connection)
        source = entity.outerjoin(alert_hot, alert_hot.c.id == entity.c.id)
    statement = (
        select(*columns)
        .select_from(source)
        .where(entity.c.kind == kind, LISTED, *conditions_of(filters, repeats=kind == "alert"), *more)
        .limit(filters.limit + 1)
    )
    if filters.by_priority:
        return _by_priority(connection, statement, filters)
    statement = statement.order_by(entity.c.position.desc(), entity.c.id.desc())
    if filters.cursor is not None:
        position, row_id = _keyset(filters.cursor)
        same = and_(entity.c.position == position, entity.c.id < (row_id or ""))
        statement = statement.where(entity.c.position <= position, or_(entity.c.position < position, same))
    rows = connection.execute(statement).all()
    more_follow = len(rows) > filters.limit
    rows = rows[: filters.limit]
    items = [row.body if kind != "alert" else _overlaid(row.body, newer.get(row.id), *row[3:]) for row in rows]
    return Page(items, f"{cursor_of(rows[-1].position)}~{rows[-1].id}" if more_follow else None)


_PRIORITY_CURSOR: Final = re.compile(r"(P[1-5])~([0-9]{1,18})~(.{1,300})", re.DOTALL | re.ASCII).fullmatch


def _by_priority(connection: Connection, statement: Select[Any], filters: Filters) -> Page:
    """The page of `statement` by priority, then age. A cursor is the key of the last row: an incident that changes its
    priority between two pages is met twice or not at all, one that is only worked on stays where it is."""
    priority = json_text(entity.c.body, "priority")
    key = tuple_(priority, entity.c.created_at, entity.c.id)
    if filters.cursor is not None:
        match = _PRIORITY_CURSOR(filters.cursor)
        if match is None:
            raise Refusal("request.cursor_invalid", "the cursor is of a list in another order")
        statement = statement.where(key > tuple_(match[1], int(match[2]), match[3]))
    statement = statement.add_columns(priority.label("priority"), entity.c.created_at)
    rows = connection.execute(statement.order_by(*key)).all()
    following = rows[filters.limit - 1] if len(rows) > filters.limit else None
    cursor = None if following is None else f"{following.priority}~{following.created_at}~{following.id}"
    return Page([row.body for row in rows[: filters.limit]], cursor)


def manifest_bodies(connection: Connection, ids: list[str]) -> dict[str, bytes]:
    """JSON of the manifests in force among `ids`, by id."""
    found: dict[str, bytes] = {}
    for first in range(0, len(ids), 500):
        some = entity.c.id.in_(ids[first : first + 500])
        rows = connection.execute(
            select(entity.c.id, entity.c.body).where(entity.c.kind == "manifest", entity.c.live, some)
        )
        found.update((row.id, row.body) for row in rows)
    return found


_ONE: Final = Prepared(
    select(entity.c.namespace, entity.c.body).where(entity.c.kind == bindparam("kind"), entity.c.id == bindparam("id"))
)
_ONE_HOT: Final = Prepared(
    select(alert_hot.c.count, alert_hot.c.last_seen_at, alert_hot.c.deadline_at).where(
        alert_hot.c.id == bindparam("id")
    )
)


def entity_body(connection: Connection, kind: str, id: str) -> tuple[str, bytes] | None:
    """(namespace, JSON) of one entity; None if there is none."""
    row = _ONE.one(connection, kind=kind, id=id)
    if row is None:
        return None
    namespace, body = row
    if kind == "alert":
        body = _overlaid(body, hot.newer(connection).get(id), *(_ONE_HOT.one(connection, id=id) or ()))
    return namespace, body


def written_bodies(connection: Connection, kind: str, ids: Sequence[str]) -> dict[str, bytes]:
    """JSON of these entities by id, of alerts without what their repeats changed since: that is only counted."""
    rows = connection.execute(select(entity.c.id, entity.c.body).where(entity.c.kind == kind, entity.c.id.in_(ids)))
    return {row.id: row.body for row in rows}


def entity_bodies(connection: Connection, kind: str, ids: Sequence[str]) -> list[bytes]:
    """JSON of these entities, in the order of the ids; those that are gone are left out."""
    wanted = list(dict.fromkeys(ids[:LIMIT]))
    found = written_bodies(connection, kind, wanted)
    if kind == "alert" and found:
        newer = hot.newer(connection)
        hot_rows = connection.execute(
            select(alert_hot.c.id, alert_hot.c.count, alert_hot.c.last_seen_at, alert_hot.c.deadline_at).where(
                alert_hot.c.id.in_(wanted)
            )
        )
        written = {row.id: tuple(row)[1:] for row in hot_rows}
        found = {id: _overlaid(body, newer.get(id), *written.get(id, ())) for id, body in found.items()}
    return [found[id] for id in ids if id in found]


def concerning(connection: Connection, about: str, ids: Sequence[str], kind: str) -> list[bytes]:
    """JSON of the entities of this kind of which facts concern one of those that it is `about`, the newest fact's first:
    remarks, status updates and escalations. Not for `schema.MANY`."""
    rows = connection.execute(
        select(fact.c.id)
        .join(fact_ref, fact_ref.c.position == fact.c.position)
        .where(fact_ref.c.kind == about, fact_ref.c.id.in_(ids), fact_ref.c.of == kind)
        .order_by(fact_ref.c.position.desc())
        .limit(LIMIT)
    ).scalars()
    return entity_bodies(connection, kind, list(dict.fromkeys(rows)))


def _overlaid(
    body: bytes, newer: hot.HotRow | None, count: int | None = None, last_seen_at: int | None = None,
    deadline_at: int | None = None,
) -> bytes:  # fmt: skip
    """An alert with what its repeats changed since the body was written."""
    if newer is not None:
        return _with(body, newer.count, newer.last_seen_at, newer.deadline_at)
    if count is None or last_seen_at is None:
        return body
    return _with(body, count, instant(last_seen_at), instant(deadline_at) if deadline_at is not None else None)


def _with(body: bytes, count: int, last_seen_at: datetime, deadline_at: datetime | None) -> bytes:
    alert = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    alert["count"] = _raw(count)
    alert["last_seen_at"] = _raw(last_seen_at)
    if deadline_at is not None:
        alert["deadline_at"] = _raw(deadline_at)
    return msgspec.json.encode(alert)


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def title_of() -> Any:
    """SQL: the title in an entity's body."""
    return json_text(entity.c.body, "title")


def conditions_of(filters: Filters, *, repeats: bool) -> list[Any]:
    """SQL: what the filters ask of a row of `entity`. With `repeats`, `alert_hot` must be joined."""
    found: list[Any] = []
    for column, wanted in (
        (entity.c.state, filters.state),
        (entity.c.severity, filters.severity),
        (entity.c.namespace, filters.namespace),
        (entity.c.resource, filters.resource),
        (entity.c.service, filters.service),
    ):
        if wanted:
            found.append(column == wanted[0] if len(wanted) == 1 else column.in_(wanted))
    if filters.type:
        found.append(or_(*(type_is(entity.c.type, wanted) for wanted in filters.type)))
    if filters.visible is not None:
        found.append(entity.c.namespace.in_(sorted(filters.visible)))
    if filters.since is not None:
        since = entity.c.updated_at >= micros(filters.since)
        # A repeat of a firing alert leaves its entity as it is.
        found.append(or_(since, alert_hot.c.last_seen_at >= micros(filters.since)) if repeats else since)
    if filters.until is not None:
        found.append(entity.c.created_at <= micros(filters.until))
    if filters.q:
        found.append(
            or_(title_of().icontains(filters.q, autoescape=True), entity.c.id.icontains(filters.q, autoescape=True))
        )
    return found


def type_is(column: Any, wanted: str) -> Any:
    """Whether it is this text, or begins with it if that ends with `*`."""
    if wanted.endswith("*"):
        return column.startswith(wanted[:-1], autoescape=True)
    return column == wanted


def is_quiet() -> Any:
    """SQL: the alert has a reason for quiet. The member is always written, and quotes inside strings are escaped, so a
    search in the bytes tells; taking 100,000 bodies apart as JSON costs a second."""
    return func.instr(entity.c.body, b'"quiet":[]') == 0


def quiet_part() -> Any:
    """SQL: the alert's reasons for quiet, as the bytes of their JSON; empty for one that has none. Members are written in
    the order of their fields, and that of `Alert` has `acknowledged_by` right behind them."""
    begin, end = func.instr(entity.c.body, b'"quiet":[{'), func.instr(entity.c.body, b'"acknowledged_by":')
    return case((begin > 0, func.substr(entity.c.body, begin, end - begin)), else_=b"")


def is_quiet_for(reason: str) -> Any:
    """SQL: this is among the alert's reasons for quiet."""
    return and_(is_quiet(), func.instr(quiet_part(), b'{"reason":"' + reason.encode() + b'"') > 0)


def is_acknowledged() -> Any:
    """SQL: somebody has acknowledged the alert. Found in the bytes as `is_quiet` is."""
    return func.instr(entity.c.body, b'"acknowledged_at":null') == 0


# Manifests


def manifest_id_is(kind: str) -> Any:
    """SQL: the entity is a manifest of this kind. A range on the primary key."""
    return and_(entity.c.id >= f"{kind}/", entity.c.id < f"{kind}0")


def manifests(connection: Connection, kind: str | None = None, namespaces: frozenset[str] | None = None) -> list[bytes]:
    """JSON of every manifest in force, by id."""
    statement = select(entity.c.body).where(entity.c.kind == "manifest").order_by(entity.c.id)
    if kind is not None:
        statement = statement.where(manifest_id_is(kind))
    if namespaces is not None:
        statement = statement.where(entity.c.namespace.in_(sorted(namespaces)))
    bodies = connection.execute(statement).scalars().all()
    return [body for body in bodies if b'"deleted":true' not in body or not msgspec.json.decode(body).get("deleted")]


def cells(connection: Connection, kind: str, keys: Iterable[str] | None = None) -> dict[str, bytes]:
    """The engine's cells of one kind, by key: msgpack."""
    statement = select(cell.c.key, cell.c.body).where(cell.c.kind == kind)
    if keys is not None:
        statement = statement.where(cell.c.key.in_(list(keys)))
    return {row.key: row.body for row in connection.execute(statement)}


def windows(connection: Connection, policy: str, after: str, limit: int) -> list[tuple[str, bytes]]:
    """(key, msgpack) of a policy's windows in the order of their keys, from the one after `after` on."""
    beyond = f"{policy}|{after}"
    statement = (
        select(cell.c.key, cell.c.body)
        .where(cell.c.kind == "window", cell.c.key > beyond, cell.c.key < f"{policy}}}")
        .order_by(cell.c.key)
        .limit(limit)
    )
    return [(row.key, row.body) for row in connection.execute(statement)]


# Facts


def _facts(rows: Iterable[Any]) -> list[FactRow]:
    return [FactRow(*row) for row in rows]


def fact_at(connection: Connection, position: int) -> FactRow | None:
    """The fact at a position; None if that record is none or is gone."""
    row = connection.execute(select(*FACT_COLUMNS).where(fact.c.position == position)).one_or_none()
    return None if row is None else FactRow(*row)


def facts_after(connection: Connection, position: int, limit: int) -> list[FactRow]:
    """The next facts, oldest first."""
    return _facts(connection.execute(_AFTER, {"position": position, "most": limit}))


_AFTER: Final = (
    select(*FACT_COLUMNS)
    .where(fact.c.position > bindparam("position"))
    .order_by(fact.c.position)
    .limit(bindparam("most", type_=Integer))
)
"""Asked after each commit for which someone listens: made once."""


def facts_where(
    connection: Connection, *conditions: Any, limit: int = LIMIT, newest_first: bool = False
) -> list[FactRow]:
    """Facts that meet the conditions, in the journal's order."""
    order = fact.c.position.desc() if newest_first else fact.c.position
    return _facts(connection.execute(select(*FACT_COLUMNS).where(*conditions).order_by(order).limit(limit)))


def timeline(
    connection: Connection, kind: str, id: str, before: int | None, limit: int, filters: Filters | None = None
) -> list[FactRow]:
    """Facts about an entity, and those that concern it otherwise, newest first; of `filters`, type and instants narrow."""
    about = select(fact.c.position).where(fact.c.kind == kind, fact.c.id == id)
    concern = select(fact_ref.c.position).where(fact_ref.c.kind == kind, fact_ref.c.id == id)
    if before is not None:
        about = about.where(fact.c.position < before)
        concern = concern.where(fact_ref.c.position < before)
    if filters is None or not (filters.type or filters.since or filters.until):
        # Nothing narrows the page: of hundreds of thousands of facts about a large incident only the newest are looked at.
        about = select(about.order_by(fact.c.position.desc()).limit(limit).subquery().c.position)
        concern = select(concern.order_by(fact_ref.c.position.desc()).limit(limit).subquery().c.position)
    positions = union(about, concern).subquery()
    statement: Select[Any] = (
        select(*FACT_COLUMNS)
        .join(positions, positions.c.position == fact.c.position)
        .order_by(fact.c.position.desc())
        .limit(limit)
    )
    if filters is not None and filters.type:
        statement = statement.where(or_(*(type_is(fact.c.type, wanted) for wanted in filters.type)))
    if filters is not None and filters.since is not None:
        statement = statement.where(fact.c.recorded_at >= micros(filters.since))
    if filters is not None and filters.until is not None:
        statement = statement.where(fact.c.recorded_at <= micros(filters.until))
    return _facts(connection.execute(statement))


def decisions(connection: Connection, filters: Filters, policy: str | None = None) -> tuple[list[FactRow], str | None]:
    """A page of what policies decided, newest first."""
    types = tuple(f"oncue.policy.{state}" for state in filters.state) or DECISIONS
    conditions: list[Any] = [fact.c.type.in_(types)]
    for column, wanted in (
        (fact.c.severity, filters.severity),
        (fact.c.namespace, filters.namespace),
        (fact.c.resource, filters.resource),
        (fact.c.service, filters.service),
    ):
        if wanted:
            conditions.append(column.in_(wanted))
    if filters.type:
        conditions.append(or_(*(type_is(fact.c.type, wanted) for wanted in filters.type)))
    if filters.visible is not None:
        conditions.append(fact.c.namespace.in_(sorted(filters.visible)))
    if filters.since is not None:
        conditions.append(fact.c.recorded_at >= micros(filters.since))
    if filters.until is not None:
        conditions.append(fact.c.recorded_at <= micros(filters.until))
    if policy is not None:
        conditions.append(json_text(fact.c.body, "data", "policy") == policy)
    if filters.q:
        conditions.append(text_of(fact.c.body).icontains(filters.q, autoescape=True))
    if filters.cursor is not None:
        conditions.append(fact.c.position < position_of(filters.cursor))
    rows = facts_where(connection, *conditions, limit=filters.limit + 1, newest_first=True)
    following = cursor_of(rows[filters.limit - 1].position) if len(rows) > filters.limit else None
    return rows[: filters.limit], following


# The journal's outline


def heads(connection: Connection) -> tuple[int, int]:
    """(oldest position still there, newest position); (1, 0) for an empty journal."""
    newest = connection.execute(select(func.max(journal.c.cursor))).scalar() or 0
    oldest = connection.execute(select(func.min(segment.c.first_position))).scalar()
    return (oldest if oldest is not None else newest + 1), newest


# Access


def access_rows(connection: Connection) -> list[tuple[str, str, bytes]]:
    """Every row of the table `access`."""
    return [(row.kind, row.id, row.body) for row in connection.execute(select(access))]


def access_row(connection: Connection, kind: str, id: str) -> bytes | None:
    """The body of one row; None if there is none."""
    found: bytes | None = connection.execute(
        select(access.c.body).where(tuple_(access.c.kind, access.c.id) == (kind, id))
    ).scalar()
    return found
