"""The monitor `sql`: values that a query answers, from PostgreSQL or an SQLite file.

The connection is read-only, has a deadline on the server's side as well, and takes one statement. PostgreSQL is reached
through the guard at a judged address; a service file, a socket or another host in the URL's query are refused. In SQLite
an authorizer permits reading only, so that a query cannot attach another file.
"""

import asyncio
import math
import sqlite3
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from oncue.plugins.monitors import local, reaching
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading, SecretRef

ROWS_LIMIT: Final = 200

_PARAMETERS: Final = frozenset({"sslmode", "application_name", "channel_binding", "target_session_attrs"})
_LOGON: Final = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "role ")
"""By these words the server refuses a user; psycopg gives no SQLSTATE of what happens while connecting."""
_READING: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33})
"""What the authorizer permits; 33 is SQLITE_RECURSIVE, a common table expression, which has no name in Python 3.11."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which database, and what to ask it."""

    url: SecretRef
    """A secret whose value is an SQLAlchemy URL: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`, or
    `sqlite:////srv/app/app.db`."""
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
    """One statement that reads. Of each row, the column `value`, or else the first column with a number, is the value;
    the other columns tell the rows apart."""
    unit: Annotated[str, msgspec.Meta(max_length=16)] = ""
    """Of the value."""
    empty_is_fault: bool = True
    """Whether an answer without rows is bad. False suits queries that answer only if something is wrong."""


class Sql:
    """Connects, asks and disconnects at each probe. That the database does not answer is a finding."""

    name = "sql"
    settings = Settings
    primary = "sql.value"
    remote = True
    passive = False
    at_once = 32
    metrics = (
        MetricDoc("sql.up", "", "Up", "1 if the database answered, else 0."),
        MetricDoc("sql.value", "", "Value", "A row's value, in the unit that the manifest says."),
        MetricDoc("sql.rows", "", "Rows", "How many rows came."),
        MetricDoc("sql.time", "ms", "Query time", "Connecting, and the query to its last row."),
    )
    errors = (
        reaching.REFUSED,
        local.REFUSED,
        ErrorDoc("monitor.needs", "PostgreSQL needs psycopg: install oncue[postgresql]."),
        ErrorDoc("sql.url", "The secret is not a URL of PostgreSQL or SQLite, or says what is not permitted here."),
        ErrorDoc("sql.credentials", "The database refuses the user or the password."),
        ErrorDoc("sql.query", "The database refuses the query, as it does one that would write; in its own words."),
        ErrorDoc("sql.result", "No column of the answer is a number, or two rows cannot be told apart."),
        ErrorDoc("sql.too_many", f"The answer has more than {ROWS_LIMIT} rows: aggregate, or limit it."),
    )

    def subject(self, settings: Settings) -> str:
        """The secret's name: what it holds is not told."""
        return settings.url.removeprefix("secret://")

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One query."""
        secret = context.secret(settings.url)
        try:
            url = make_url(secret)
        except ArgumentError as error:
            raise ActionError("sql.url", "the secret is not a database URL") from error
        if url.password:
            context.mask.add(str(url.password))
        backend = url.get_backend_name()
        started = time.monotonic()
        try:
            if backend == "postgresql":
                columns, rows = await _postgresql(url, settings.query, context)
            elif backend == "sqlite":
                columns, rows = await _sqlite(url, settings.query, reaching.share(context))
            else:
                raise ActionError("sql.url", f"{backend} is not supported; postgresql and sqlite are")
        except _Silent as silence:
            title = f"Database {self.subject(settings)} does not answer"
            return Probe(
                readings=[Reading(metric="sql.up", value=0.0, unit="")],
                fault=Fault(code=silence.code, title=title, detail=silence.detail),
            )
        took_ms = reaching.ms_since(started)
        if len(rows) > ROWS_LIMIT:
            raise ActionError("sql.too_many", f"more than {ROWS_LIMIT} rows")
        readings = _readings(columns, rows, settings.unit)
        fault = None
        if not readings and settings.empty_is_fault:
            title = f"Database {self.subject(settings)} has no value for a query"
            fault = Fault(code="sql.empty", title=title, detail=settings.query[:500])
        readings.append(Reading(metric="sql.up", value=1.0, unit=""))
        readings.append(Reading(metric="sql.rows", value=float(len(rows)), unit=""))
        readings.append(Reading(metric="sql.time", value=took_ms, unit="ms"))
        return Probe(readings=readings, fault=fault)


class _Silent(Exception):
    """The database cannot be asked, or did not answer in time."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


async def _postgresql(url: URL, query: str, context: Context) -> tuple[list[str], Sequence[Sequence[Any]]]:
    try:
        import psycopg
        import psycopg.conninfo
    except ImportError as error:
        raise ActionError("monitor.needs", "PostgreSQL needs psycopg: install oncue[postgresql]") from error
    if not url.host:
        raise ActionError("sql.url", "the URL names no host; sockets of this machine are not reachable from here")
    unknown = sorted(set(url.query) - _PARAMETERS)
    if unknown:
        raise ActionError("sql.url", f"{', '.join(unknown)}: of the URL's parameters, only {', '.join(sorted(_PARAMETERS))} are permitted")  # fmt: skip
    port = url.port or 5432
    try:
        addresses = await context.guard.addresses(url.host, port)
    except ActionError as error:
        if error.code in reaching.CANNOT:
            raise
        raise _Silent(error.code, error.detail) from error
    limit_ms = int(reaching.share(context) * 1000)
    try:
        connection = await psycopg.AsyncConnection.connect(
            psycopg.conninfo.make_conninfo(
                host=",".join([url.host] * len(addresses)),
                hostaddr=",".join(addresses),
                port=port,
                dbname=url.database or "postgres",
                user=url.username or "postgres",
                password=str(url.password or ""),
                passfile="/dev/null",
                connect_timeout=max(2, math.ceil(limit_ms / 1000)),
                options=f"-c default_transaction_read_only=on -c statement_timeout={limit_ms} -c lock_timeout={limit_ms}",
                **{"application_name": "oncue", **{name: str(value) for name, value in url.query.items()}},
            )
        )
    except psycopg.OperationalError as error:
        said = str(error).strip()
        if any(one in said for one in _LOGON):
            raise ActionError("sql.credentials", said[:500]) from error
        raise _Silent("sql.connect", said[:500]) from error
    try:
        # A prepared statement is one statement: none can follow that would leave the read-only transaction.
        cursor = await connection.execute(query.encode(), prepare=True)
        if cursor.description is None:
            raise ActionError("sql.query", "the statement gives no rows")
        return [one.name for one in cursor.description], await cursor.fetchmany(ROWS_LIMIT + 1)
    except psycopg.errors.QueryCanceled as error:
        raise _Silent("timeout", f"the query took longer than {limit_ms} ms") from error
    except psycopg.OperationalError as error:
        raise _Silent("sql.connect", str(error).strip()[:500]) from error
    except psycopg.Error as error:
        raise ActionError("sql.query", str(error).strip()[:500]) from error
    finally:
        await connection.close()


async def _sqlite(url: URL, query: str, within_s: float) -> tuple[list[str], list[tuple[Any, ...]]]:
    if url.query or not url.database or not url.database.startswith("/"):
        raise ActionError("sql.url", "an SQLite URL is sqlite:///, an absolute path, and nothing more")
    path = local.vet(Path(url.database))
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_read_sqlite, path, query, time.monotonic() + within_s, stop)
    finally:
        stop.set()


def _read_sqlite(
    path: Path, query: str, until: float, stop: threading.Event
) -> tuple[list[str], list[tuple[Any, ...]]]:
    uri = f"file:{quote(str(path))}?mode=ro"
    connection = None
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=max(0.0, until - time.monotonic()))
        connection.set_progress_handler(lambda: stop.is_set() or time.monotonic() > until, 10_000)
        connection.set_authorizer(_authorize)
        cursor = connection.execute(query)
        if cursor.description is None:
            raise ActionError("sql.query", "the statement gives no rows")
        return [one[0] for one in cursor.description], cursor.fetchmany(ROWS_LIMIT + 1)
    except sqlite3.OperationalError as error:
        said = str(error)
        if "interrupted" in said or "locked" in said:
            raise _Silent("timeout", said) from error
        if "unable to open" in said or "disk I/O" in said:
            raise _Silent("sql.connect", f"{path}: {said}") from error
        raise ActionError("sql.query", said) from error
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ActionError("sql.query", str(error)) from error
    finally:
        if connection is not None:
            connection.close()


def _authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "readfile", "writefile", "edit"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _readings(columns: list[str], rows: Sequence[Sequence[Any]], unit: str) -> list[Reading]:
    if not rows:
        return []
    numeric = [index for index, cell in enumerate(rows[0]) if _number(cell) is not None]
    named = [index for index, name in enumerate(columns) if name.lower() == "value"]
    if not (named or numeric):
        raise ActionError("sql.result", f"none of {', '.join(columns)} is a number")
    at = (named or numeric)[0]
    readings: dict[str, Reading] = {}
    for row in rows:
        value = _number(row[at])
        if value is None:
            if row[at] is None:
                continue
            raise ActionError("sql.result", f"{columns[at]}: {str(row[at])[:100]!r} is not a number")
        labels = {columns[index]: str(cell)[:200] for index, cell in enumerate(row) if index != at and cell is not None}
        instance = ",".join(labels.values())[:200]
        if instance in readings:
            raise ActionError("sql.result", f"two rows cannot be told apart ({instance or 'there is no other column'})")
        readings[instance] = Reading(metric="sql.value", value=value, unit=unit, instance=instance, labels=labels)
    return list(readings.values())


def _number(cell: Any) -> float | None:
    """None for what is no finite number."""
    if isinstance(cell, str):
        try:
            cell = float(cell)
        except ValueError:
            return None
    if not isinstance(cell, int | float | Decimal):
        return None
    value = float(cell)
    return value if math.isfinite(value) else None
