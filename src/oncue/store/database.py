"""Opening a data directory's database: migrations, identity, and what the engine starts from."""

import secrets
import sqlite3
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Engine, Select, and_, create_engine, event, func, insert, not_, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool, QueuePool

from oncue.core.resting import LASTING
from oncue.store import schema
from oncue.store.hot import HotRow, hot_rows
from oncue.store.journal import GENESIS
from oncue.store.writer import PostgreSQLDriver, SQLiteDriver, Writer


def is_postgresql(url: str) -> bool:
    """Whether a store's address is a PostgreSQL URL; otherwise it is the path of a SQLite file."""
    return url.startswith(("postgresql://", "postgres://"))


def writing_engine(address: str) -> Engine:
    """A SQLAlchemy engine that may write: for migrations, and offline maintenance."""
    if is_postgresql(address):
        return create_engine("postgresql+psycopg://" + address.partition("://")[2], poolclass=NullPool)
    engine = create_engine(f"sqlite:///{address}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def reading_engine(address: str, pool_size: int = 4) -> Engine:
    """A SQLAlchemy engine that can only read. SQLite files are opened `mode=ro`, and so never checkpoint."""
    if is_postgresql(address):
        return create_engine(
            "postgresql+psycopg://" + address.partition("://")[2],
            pool_size=pool_size,
            execution_options={"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"},
        )
    path = Path(address).absolute()

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA busy_timeout = 2000")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=pool_size)


class Origin(msgspec.Struct):
    """Where the journal stands."""

    journal_id: str
    incarnation: int
    partition: int
    cursor: int
    chain_head: bytes
    recorded_at: int
    events: int
    hot_batch: int
    batch: int


def open_writer(address: str) -> tuple[Writer, Origin]:
    """Bring the schema up to date, make the journal if there is none, and open the single writer."""
    from oncue.store.migrate import migrate

    engine = writing_engine(address)
    migrate(engine)
    with engine.begin() as connection:
        origin = _origin(connection)
    engine.dispose()
    driver = PostgreSQLDriver(address) if is_postgresql(address) else SQLiteDriver(Path(address))
    return Writer(driver, origin.batch, origin.chain_head, origin.hot_batch), origin


def _origin(connection: Connection) -> Origin:
    """Where the journal stands; it is made if there is none."""
    if connection.execute(select(schema.journal)).first() is None:
        connection.execute(
            insert(schema.journal).values(
                partition=0, journal_id=secrets.token_hex(8), incarnation=1, created_at=time.time_ns() // 1000,
                cursor=0, chain_head=GENESIS, recorded_at=0, events=0, hot_batch=0,
            )
        )  # fmt: skip
    origin = read_origin(connection)
    assert origin is not None
    return origin


def read_origin(connection: Connection) -> Origin | None:
    """Where the journal stands; None if there is none yet."""
    row = connection.execute(select(schema.journal)).first()
    if row is None:
        return None
    batch = connection.execute(select(func.max(schema.chain.c.batch))).scalar() or 0
    return Origin(
        row.journal_id,
        row.incarnation,
        row.partition,
        row.cursor,
        row.chain_head,
        row.recorded_at,
        row.events,
        row.hot_batch,
        batch,
    )


def hold(connection: Connection) -> None:
    """See the database as it is now until the connection closes, whatever a running server commits meanwhile."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT 1 FROM sqlite_master").fetchall()


Row = tuple[str, str, bytes]
"""Of an entity: kind, id, JSON; of a cell: kind, key, msgpack."""


class LiveRows(msgspec.Struct, frozen=True):
    """What the engine's state is read from."""

    entities: list[Row]
    """Live ones, but for runs and their steps."""
    cells: list[Row]
    """But for those of runs."""
    hot: list[HotRow]
    """Of alerts."""
    runs: Iterator[tuple[list[Row], list[Row]]]
    """Entities and cells of runs, `RUNS_AT_ONCE` runs at a time: there may be very many. Read while the connection is open."""


RUNS_AT_ONCE: Final = 500


def live_rows(connection: Connection) -> LiveRows:
    """The rows of the live state."""
    entity, cell = schema.entity.c, schema.cell.c
    entities = select(entity.kind, entity.id, entity.body).where(entity.live, entity.kind.not_in(("run", "step")))
    cells = select(cell.kind, cell.key, cell.body).where(not_(or_(*_cells_of_runs())))
    return LiveRows(
        [tuple(row) for row in connection.execute(entities)], [tuple(row) for row in connection.execute(cells)],
        hot_rows(connection), _live_runs(connection),
    )  # fmt: skip


def _cells_of_runs() -> list[ColumnElement[bool]]:
    """Of which cells there are some for most runs: keys end with `/run` or `/run/address`, or are `run/address`."""
    cell = schema.cell.c
    return [
        cell.kind == "wait",
        *(and_(cell.kind == "timer", cell.key >= f"{timer}/", cell.key < f"{timer}0") for timer in LASTING),
    ]


def _live_runs(connection: Connection) -> Iterator[tuple[list[Row], list[Row]]]:
    entity, cell = schema.entity.c, schema.cell.c
    runs = select(entity.kind, entity.id, entity.body).where(entity.live, entity.kind == "run")
    steps = select(entity.kind, entity.id, entity.body).where(entity.live, entity.kind == "step")
    cells = [select(cell.kind, cell.key, cell.body).where(those) for those in _cells_of_runs()]
    ahead = [
        _Ahead(_ordered(connection, query, key))
        for query, key in ((steps, entity.id), *((one, cell.key) for one in cells))
    ]
    rows = _ordered(connection, runs, entity.id)
    while taken := list(islice(rows, RUNS_AT_ONCE)):
        last = taken[-1][1]
        yield [*taken, *ahead[0].until(last)], [row for one in ahead[1:] for row in one.until(last)]
    yield list(ahead[0].rest()), [row for one in ahead[1:] for row in one.rest()]


def _ordered(connection: Connection, query: Select[Any], key: ColumnElement[Any]) -> Iterator[Row]:
    """Rows in the order of their keys' bytes, a few at a time."""
    if connection.dialect.name == "postgresql":
        key = key.collate("C")
    for row in connection.execute(query.order_by(key).execution_options(yield_per=RUNS_AT_ONCE)):
        yield row[0], row[1], row[2]


class _Ahead:
    """Rows in the order of the runs they belong to, of which one may have been looked at."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def until(self, run: str) -> Iterator[Row]:
        """Those of this run and of runs before it."""
        while self._next is not None and _run_of(self._next) <= run:
            yield self._next
            self._next = next(self._rows, None)

    def rest(self) -> Iterator[Row]:
        """All others."""
        while self._next is not None:
            yield self._next
            self._next = next(self._rows, None)


def _run_of(row: Row) -> str:
    kind, key, _ = row
    return key.split("/", 2)[1] if kind == "timer" else key.partition("/")[0]
