"""Opening a data directory's database: migrations, identity, and what the engine starts from."""

import secrets
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, create_engine, event, func, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool, QueuePool

from oncue.store import schema
from oncue.store.hot import HotRow, hot_rows
from oncue.store.journal import GENESIS
from oncue.store.writer import PostgreSQLDriver, SQLiteDriver, Writer

FILE_NAME: Final = "oncue.db"


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


def live_rows(
    connection: Connection,
) -> tuple[list[tuple[str, str, bytes]], list[tuple[str, str, bytes]], list[HotRow]]:
    """Live entities (kind, id, body), cells (kind, key, body), and the hot rows of alerts."""
    entity = schema.entity.c
    entities = connection.execute(select(entity.kind, entity.id, entity.body).where(entity.live)).all()
    cells = connection.execute(select(schema.cell)).all()
    return [tuple(row) for row in entities], [tuple(row) for row in cells], hot_rows(connection)
