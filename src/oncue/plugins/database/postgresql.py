"""PostgreSQL, by psycopg: reached through the guard at a judged address.

A service file, a socket or another host in the URL's query are refused. A statement that may not write runs in a read-only
transaction, and is one statement: none can follow that would leave it. Rows are taken one by one, so that an endless answer
costs no memory, and is ended.
"""

import contextlib
import math
import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final, cast

from sqlalchemy.engine import URL

from oncue.plugins.database import binding
from oncue.plugins.database.statement import Answer, Statement
from oncue.sdk import ActionError, Context, nothing_done_yet

if TYPE_CHECKING:
    import psycopg

_PARAMETERS: Final = frozenset({"sslmode", "application_name", "channel_binding", "target_session_attrs"})
_LOGON: Final = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "role ")
"""By these words the server refuses a user; psycopg gives no SQLSTATE of what happens while connecting."""


async def ask(url: URL, statement: Statement, context: Context, within_s: float) -> Answer:
    """What the server answers. Raises as `asking.ask`."""
    limit_ms = max(1, int(within_s * 1000))
    _refuse_copy(statement.text)
    with nothing_done_yet():
        try:
            import psycopg
            from psycopg.types.json import Jsonb
        except ImportError as error:
            raise ActionError("sql.needs", "PostgreSQL needs psycopg: install oncue[postgresql]") from error
        text, values = binding.numbered(statement.text, statement.parameters, binding.POSTGRESQL, "$")
        given = [Jsonb(value) if isinstance(value, dict) else value for value in values]
        connection = await _connect(url, context, limit_ms, write=statement.write)
    try:
        if statement.write:
            return await _changed(connection, text, given, statement.rows)
        return await _read(connection, text, given, statement.rows)
    except psycopg.errors.QueryCanceled as error:
        raise ActionError("timeout", f"the query took longer than {limit_ms} ms", transient=True) from error
    except psycopg.errors.LockNotAvailable as error:
        raise ActionError("timeout", f"others held a lock for {limit_ms} ms", transient=True) from error
    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
        raise ActionError("sql.conflict", _said(error), transient=True) from error
    except psycopg.OperationalError as error:
        # What was asked may have been done, if the connection went while it was being kept.
        raise ActionError("sql.connect", _said(error), transient=True, unknown=True) from error
    except psycopg.IntegrityError as error:
        raise ActionError("sql.constraint", _said(error)) from error
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise ActionError("sql.query", f"{_said(error)}; it may only read") from error
    except psycopg.Error as error:
        raise ActionError("sql.query", _said(error)) from error
    finally:
        await connection.close()


async def _connect(url: URL, context: Context, limit_ms: int, *, write: bool) -> "psycopg.AsyncConnection[Any]":
    import psycopg
    import psycopg.conninfo

    if not url.host:
        raise ActionError("sql.url", "the URL names no host; sockets of this machine are not reachable from here")
    unknown = sorted(set(url.query) - _PARAMETERS)
    if unknown:
        raise ActionError("sql.url", f"{', '.join(unknown)}: of the URL's parameters, only {', '.join(sorted(_PARAMETERS))} are permitted")  # fmt: skip
    port = url.port or 5432
    addresses = await context.guard.addresses(url.host, port)
    read_only = "off" if write else "on"
    try:
        return await psycopg.AsyncConnection.connect(
            psycopg.conninfo.make_conninfo(
                host=",".join([url.host] * len(addresses)),
                hostaddr=",".join(addresses),
                port=port,
                dbname=url.database or "postgres",
                user=url.username or "postgres",
                password=str(url.password or ""),
                passfile="/dev/null",
                client_encoding="UTF8",
                connect_timeout=max(2, math.ceil(limit_ms / 1000)),
                options=f"-c default_transaction_read_only={read_only} -c statement_timeout={limit_ms} -c lock_timeout={limit_ms}",
                **{"application_name": "oncue", **{name: str(value) for name, value in url.query.items()}},
            )
        )
    except psycopg.OperationalError as error:
        said = str(error).strip()[:500]
        if any(one in said for one in _LOGON):
            raise ActionError("sql.credentials", said) from error
        raise ActionError("sql.connect", said, transient=True) from error


_COPY: Final = re.compile(r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*copy\b", re.IGNORECASE | re.DOTALL)


def _refuse_copy(text: str) -> None:
    """The server would act on it, also in a read-only transaction, and nothing here takes or gives what it copies. Raises `ActionError`."""
    if _COPY.match(text) is not None:
        raise ActionError("sql.query", "COPY is not done here; read with SELECT, write with INSERT", nothing_done=True)


async def _read(connection: "psycopg.AsyncConnection[Any]", text: str, values: list[Any], limit: int) -> Answer:
    import psycopg

    cursor = psycopg.AsyncRawCursor(connection)
    rows: list[Any] = []
    more = False
    # It is a generator, whose end ends the query on the server, too.
    stream = cast(AsyncGenerator[Any, None], cursor.stream(text.encode(), values or None))
    async with contextlib.aclosing(stream) as found:
        async for row in found:
            if len(rows) == limit:
                more = True
                break
            rows.append(row)
    columns = [one.name for one in cursor.description] if cursor.description is not None else []
    return Answer(columns, rows, more)


async def _changed(connection: "psycopg.AsyncConnection[Any]", text: str, values: list[Any], limit: int) -> Answer:
    import psycopg

    cursor = psycopg.AsyncRawCursor(connection)
    await cursor.execute(text.encode(), values or None, prepare=True)
    rows = await cursor.fetchmany(limit + 1) if cursor.description is not None else []
    columns = [one.name for one in cursor.description] if cursor.description is not None else []
    changed = max(cursor.rowcount, 0)
    await connection.commit()
    return Answer(columns, rows[:limit], len(rows) > limit, changed)


def _said(error: "psycopg.Error") -> str:
    """The server's own words."""
    return str(error).strip()[:500] or type(error).__name__
