"""The single writer: one transaction per batch, with everything the batch caused.

Its few statements are compiled once, by SQLAlchemy for the database at hand, and run through the driver, many rows
at once.
"""

import os
import re
import shutil
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Dialect, Table, bindparam, delete, func, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from oncue.store import schema
from oncue.store.journal import Segment, chain_hash

OWED_PAGES: Final = 1_024
"""Pages of write-ahead log, about, from which on the first pause is used to move it."""
FULL_PAGES: Final = 4_096
"""Pages from which on it is moved even if there is no pause: 16 MiB, so that the file need not grow far. To cut it off again
takes a commit a tenth of a second."""
WAL_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of write-ahead log that the file keeps when it begins anew."""
WAL_RESERVED: Final = 8 * 1024 * 1024
"""Bytes of write-ahead log that are reserved at the start."""
WAL_STEP: Final = 2 * 1024 * 1024
"""By how much it is made longer after a commit: what is added must reach the disk with the next one."""
WAL_FRAME: Final = 4096 + 24
"""Bytes of a page in the log. Source: SQLite's file format, section 4.1."""
SPARE: Final = 16
"""Only where so many times as much is free on the disk is log reserved."""


AT_ONCE: Final = (128, 16)
"""Rows that one statement of SQLite takes. For each statement the interpreter changes from the thread that decides to the one that
commits, and back: with one for each row a commit beside a busy engine took longer than what it commits took to be decided."""
_VALUES: Final = re.compile(r"VALUES (\((?:\?, )*\?\))")


class Unavailable(Exception):
    """The store could not commit; nothing of the batch was kept, and the same writer can try again."""


class SyncFailed(Exception):
    """The store did not confirm a commit. What it holds is unknown until it is read again by a new process."""


_SYNC_FAILED: Final = (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC)


class Rows(msgspec.Struct):
    """What one transaction writes, beside the segment: rows in the order of their table's columns."""

    facts: list[tuple[Any, ...]] = []
    refs: list[tuple[str, str, int, str | None]] = []
    entities: list[tuple[Any, ...]] = []
    hot: list[tuple[str, int, int, int | None, int, int]] = []
    hot_gone: list[tuple[str]] = []
    cells: list[tuple[str, str, bytes]] = []
    cells_gone: list[tuple[str, str]] = []
    samples: list[tuple[str, int, int, int, float, float, float]] = []
    letters: list[tuple[str, str, str, str, int, int | None, bytes]] = []
    redriven: list[tuple[int, int]] = []
    access: list[tuple[str, str, bytes]] = []
    access_gone: list[tuple[str, str]] = []
    log: list[tuple[str, str, int, int, str, str]] = []
    progress: list[tuple[str, str, int, int, float, str]] = []
    log_sizes: list[tuple[str, int, int, int]] = []
    log_gone: list[tuple[str]] = []
    """Runs of whose log nothing is to be left."""
    hot_all: bool = False
    """Whether `alert_hot` is up to date with this batch, so that what older segments hold for it is written."""

    def any(self) -> bool:
        """Whether there is a row."""
        return any(getattr(self, name) for name in self.__struct_fields__)


class Driver(Protocol):
    """A connection of the database's own driver, and how it begins and ends a transaction."""

    dialect: Dialect
    transient: tuple[type[Exception], ...]

    def begin(self) -> None: ...
    def run(self, sql: str, rows: Sequence[Sequence[Any]]) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def owes(self) -> bool: ...
    def relieve(self, pages: int) -> bool: ...
    def close(self) -> None: ...


class SQLiteDriver:
    """SQLite in WAL mode with `synchronous=FULL`: what is committed is on the disk."""

    transient: tuple[type[Exception], ...] = (sqlite3.OperationalError,)

    def __init__(self, path: Path) -> None:
        self.dialect: Dialect = sqlite.dialect(paramstyle="qmark")
        self._path = path
        self._pages = 0
        """About how many were written since the log was last moved into the database: one a row, in its table or an index, and
        what a lone row weighs beyond that."""
        self._beside = ThreadPoolExecutor(1, "log")
        self._moving: Future[None] | None = None
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._mover = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        """Only moves the log. Open all the time: there may be no more files to be had when it is needed."""
        self._connection.execute("PRAGMA busy_timeout = 5000")
        mode = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        for connection in (self._connection, self._mover):
            connection.execute("PRAGMA synchronous = FULL")
        synchronous = self._connection.execute("PRAGMA synchronous").fetchone()[0]
        if mode != "wal" or synchronous != 2:
            raise Unavailable(f"SQLite gives journal_mode={mode}, synchronous={synchronous}; it must be wal and 2")
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._connection.execute("PRAGMA cache_size = -16384")
        # The way back from half a statement: in a file it would need a descriptor, when there may be none left.
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        for connection in (self._connection, self._mover):
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the log
        self._reserved = self._wanted = WAL_RESERVED
        """Bytes of log that the file has been given, and that it should have."""
        self._reserve(self._reserved)

    def _reserve(self, size: int) -> None:
        """Make the log's file so long, with zeros that SQLite takes for its end.

        To overwrite blocks that a file has takes a sync less than half the time that adding some takes, for nothing
        but the blocks themselves must reach the disk. It is never needed: where it cannot be had, commits are slower.
        """
        path = self._path.with_name(self._path.name + "-wal")
        try:
            with path.open("r+b", buffering=0) as log:
                missing = size - log.seek(0, os.SEEK_END)
                if 0 < missing < shutil.disk_usage(path).free // SPARE:
                    log.write(bytes(missing))
        except OSError:
            return

    def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def run(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        done = 0
        for size in AT_ONCE:
            together = _together(sql, size)
            while together is not None and len(rows) - done >= size:
                self._connection.execute(together, [value for row in rows[done : done + size] for value in row])
                done += size
        if done < len(rows):
            self._connection.executemany(sql, rows[done:])
        self._pages += len(rows)
        if len(rows) == 1:
            self._pages += sum(len(value) for value in rows[0] if isinstance(value, bytes)) // WAL_FRAME

    def commit(self) -> None:
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def owes(self) -> bool:
        """Whether so much is in the write-ahead log that a short pause is worth being used for `relieve`."""
        return self._moving is not None or self._pages >= OWED_PAGES

    def relieve(self, pages: int) -> bool:
        """Move the write-ahead log into the database if it holds about so many pages, as far as readers and the disk allow, in a
        thread beside the commits. What they add meanwhile is moved at the end, here: the log begins anew only when all of it
        has been moved. Gives whether that is under way. Not while a commit is. Raises `SyncFailed`."""
        if self._reserved < self._wanted:
            self._reserved = min(self._reserved + WAL_STEP, self._wanted)
            self._reserve(self._reserved)
        if self._moving is None:
            if self._pages >= pages:
                self._moving = self._beside.submit(_move_log, self._mover)
        elif self._moving.done():
            moving, self._moving = self._moving, None
            moving.result()
            self._pages = 0
            size = _move(self._connection) * WAL_FRAME
            if 2 * size > self._reserved:
                self._wanted = min(4 * size, WAL_LIMIT)
        return self._moving is not None

    def close(self) -> None:
        self._beside.shutdown()
        self._mover.close()
        self._connection.close()


def _move_log(connection: sqlite3.Connection) -> None:
    """Twice: the second time it is what was committed during the first. Raises `SyncFailed`."""
    for _ in range(2):
        _move(connection)


def _move(connection: sqlite3.Connection) -> int:
    """Gives how many pages the log has. Raises `SyncFailed`."""
    try:
        _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in _SYNC_FAILED:
            raise SyncFailed(str(error)) from error
        return 0  # nothing is lost: the log holds it all, and the next time tries again
    return int(pages)


class PostgreSQLDriver:
    """PostgreSQL through psycopg, with `synchronous_commit` on."""

    def __init__(self, url: str) -> None:
        import psycopg

        self.transient: tuple[type[Exception], ...] = (psycopg.OperationalError,)
        self.dialect: Dialect = postgresql.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
        self._url = url
        self._connection = self._connect()

    def _connect(self) -> Any:
        import psycopg

        connection = psycopg.connect(self._url)
        connection.execute("SET synchronous_commit = on")
        connection.commit()
        return connection

    def begin(self) -> None:
        """A connection that was lost is made anew; the transaction itself begins with its first statement."""
        if self._connection.closed:
            self._connection = self._connect()

    def run(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, rows)

    def commit(self) -> None:
        """Raises `SyncFailed` if the connection was lost meanwhile: whether the server committed is then not known."""
        import psycopg

        try:
            self._connection.commit()
        except psycopg.OperationalError as error:
            if self._connection.closed:
                raise SyncFailed(str(error)) from error
            raise

    def rollback(self) -> None:
        if not self._connection.closed:
            self._connection.rollback()

    def owes(self) -> bool:
        return False

    def relieve(self, pages: int) -> bool:
        return False

    def close(self) -> None:
        self._connection.close()


@cache
def _together(sql: str, size: int) -> str | None:
    """The same for so many rows in one statement; None for what takes only one."""
    found = _VALUES.search(sql)
    if found is not None:
        return sql[: found.start(1)] + ", ".join([found[1]] * size) + sql[found.end(1) :]
    if sql.startswith("DELETE") and sql.endswith(" = ?") and sql.count("?") == 1:
        return f"{sql.removesuffix('= ?')}IN ({', '.join('?' * size)})"
    return None


def _upsert(dialect: Dialect, table: Table, keys: list[str], add: tuple[str, ...] = ()) -> Any:
    make = sqlite_insert if dialect.name == "sqlite" else postgresql_insert
    statement = make(table)
    changes: dict[str, Any] = {}
    for column in table.columns:
        if column.name in keys:
            continue
        new = statement.excluded[column.name]
        if column.name in add:
            changes[column.name] = column + new
        elif table is schema.sample and column.name in ("min", "max"):
            smaller = func.min if dialect.name == "sqlite" else func.least
            larger = func.max if dialect.name == "sqlite" else func.greatest
            changes[column.name] = (smaller if column.name == "min" else larger)(column, new)
        else:
            changes[column.name] = new
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


class _Statements(msgspec.Struct, frozen=True):
    """What the writer runs, in the words of one database."""

    segment: str
    chain: str
    fact: str
    ref: str
    entity: str
    hot: str
    hot_gone: str
    cell: str
    cell_gone: str
    sample: str
    letter: str
    redriven: str
    access: str
    access_gone: str
    log: str
    progress: str
    log_size: str
    log_gone: tuple[str, ...]
    cursor: str
    there_and_back: str
    hot_written: str


@cache
def _statements(name: str, paramstyle: Any) -> _Statements:
    dialect: Dialect = (
        sqlite.dialect(paramstyle=paramstyle) if name == "sqlite" else postgresql.dialect(paramstyle=paramstyle)  # type: ignore[no-untyped-call]
    )
    mark = "?" if name == "sqlite" else "%s"
    lenient = sqlite_insert if name == "sqlite" else postgresql_insert

    def sql(statement: Any, columns: list[str] | None = None) -> str:
        return str(statement.compile(dialect=dialect, column_keys=columns))

    def upsert(table: Table, keys: list[str], add: tuple[str, ...] = ()) -> str:
        return sql(_upsert(dialect, table, keys, add), _columns(table))

    def gone(table: Table, *keys: str) -> str:
        return sql(delete(table).where(*[table.c[key] == bindparam(key) for key in keys]))

    letters = [c.name for c in schema.dead_letter.columns if c.name not in ("id", "redriven_at")]
    return _Statements(
        segment=sql(insert(schema.segment), _columns(schema.segment)),
        chain=sql(insert(schema.chain), _columns(schema.chain)),
        fact=sql(insert(schema.fact), _columns(schema.fact)),
        ref=sql(lenient(schema.fact_ref).on_conflict_do_nothing(), _columns(schema.fact_ref)),
        entity=upsert(schema.entity, ["kind", "id"]),
        hot=upsert(schema.alert_hot, ["id"]),
        hot_gone=gone(schema.alert_hot, "id"),
        cell=upsert(schema.cell, ["kind", "key"]),
        cell_gone=gone(schema.cell, "kind", "key"),
        sample=upsert(schema.sample, ["series", "step_s", "at"], add=("count", "sum")),
        letter=sql(insert(schema.dead_letter), letters),
        redriven=f"UPDATE dead_letter SET redriven_at = {mark} WHERE id = {mark}",
        access=upsert(schema.access, ["kind", "id"]),
        access_gone=gone(schema.access, "kind", "id"),
        log=sql(insert(schema.step_log), [c.name for c in schema.step_log.columns if c.name != "sequence"]),
        progress=upsert(schema.step_progress, ["run", "step", "attempt"]),
        log_size=upsert(schema.run_log, ["run"], add=("size", "left_out")),
        log_gone=tuple(gone(table, "run") for table in (schema.step_log, schema.step_progress, schema.run_log)),
        cursor=(
            f"UPDATE journal SET cursor = {mark}, chain_head = {mark}, recorded_at = {mark}, events = {mark}, "
            f"hot_batch = {mark} WHERE partition = 0"
        ),
        there_and_back=f"UPDATE journal SET recorded_at = recorded_at + {mark} WHERE partition = 0",
        hot_written=f"UPDATE journal SET hot_batch = {mark} WHERE partition = 0",
    )


class Writer:
    """Commits batches. Knows the end of the journal: the next batch's number and the head of the chain."""

    def __init__(self, driver: Driver, batch: int, head: bytes, hot_batch: int) -> None:
        self.driver = driver
        self.batch = batch
        """Number of the newest batch."""
        self.head = head
        self._hot_batch = hot_batch
        self._sql = _statements(driver.dialect.name, driver.dialect.paramstyle)

    def commit(self, part: Segment | None, rows: Rows) -> None:
        """Write a batch, all of it or nothing, and wait until it is on the disk. From one thread at a time.

        Raises `Unavailable` if it could not be written; anything else means the state of the disk is unknown.
        """
        driver, run, sql = self.driver, self.driver.run, self._sql
        head, batch, hot_batch = self.head, self.batch, self._hot_batch
        try:
            driver.begin()
            if part is not None:
                first, last = part.first_position, part.last_position
                batch += 1
                hot_batch = batch if rows.hot_all else hot_batch
                head = chain_hash(batch, first, last, part.root, self.head)
                run(
                    sql.segment,
                    [(
                        batch, first, last, part.first_recorded_at, part.last_recorded_at, part.count, part.inputs,
                        len(part.body), _names(part.types), _names(part.namespaces), part.ids, part.digests, part.hot,
                        *part.compressed(),
                    )],
                )  # fmt: skip
                run(sql.chain, [(batch, first, last, part.root, self.head, head)])
                run(sql.cursor, [(last, head, part.last_recorded_at, part.events, hot_batch)])
            elif rows.hot_all:
                hot_batch = batch
                run(sql.hot_written, [(hot_batch,)])
            for statement, values in (
                (sql.fact, rows.facts),
                (sql.ref, rows.refs),
                (sql.entity, rows.entities),
                (sql.hot_gone, rows.hot_gone),
                (sql.hot, rows.hot),
                (sql.cell_gone, rows.cells_gone),
                (sql.cell, rows.cells),
                (sql.sample, rows.samples),
                (sql.letter, rows.letters),
                (sql.redriven, rows.redriven),
                (sql.access_gone, rows.access_gone),
                (sql.access, rows.access),
                (sql.log, rows.log),
                (sql.progress, rows.progress),
                (sql.log_size, rows.log_sizes),
                *((statement, rows.log_gone) for statement in sql.log_gone),
            ):
                if values:
                    run(statement, values)
            driver.commit()
        except driver.transient as error:
            self._give_up(error)
        self.head, self.batch, self._hot_batch = head, batch, hot_batch

    def probe(self) -> None:
        """Write something that changes nothing in the end, to see whether writing works. Raises as `commit` does.

        There and back, for SQLite does not write a row that is set to what it is.
        """
        self.write((self._sql.there_and_back, [(1,), (-1,)]))

    def write(self, *statements: tuple[str, Sequence[Sequence[Any]]]) -> None:
        """Write beside the batches, in a transaction of its own: (SQL, rows). Raises as `commit` does."""
        try:
            self.driver.begin()
            for sql, rows in statements:
                self.driver.run(sql, rows)
            self.driver.commit()
        except self.driver.transient as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """The batch was refused. A rollback that works makes that certain; after a failed sync nothing is."""
        if getattr(error, "sqlite_errorcode", None) in _SYNC_FAILED:
            raise SyncFailed(str(error)) from error
        self.driver.rollback()
        raise Unavailable(str(error)) from error


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _names(names: list[str]) -> str:
    return msgspec.json.encode(names).decode()
