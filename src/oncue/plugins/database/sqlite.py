"""An SQLite file of this machine, in a thread of its own.

An authorizer permits reading only, so that a query cannot attach another file; one that may write may do all but that, on a
file that is there already. A progress handler ends what takes too long.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
from sqlalchemy.engine import URL

from oncue.plugins.database import binding
from oncue.plugins.database.statement import Answer, Statement
from oncue.plugins.monitors import local
from oncue.sdk import ActionError, nothing_done_yet

_READING: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33})
"""What is permitted without `write`; 33 is SQLITE_RECURSIVE, a common table expression, which has no name in Python 3.11."""
_NEVER: Final = frozenset(
    {
        sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_CREATE_VTABLE,
        sqlite3.SQLITE_DROP_VTABLE,
    }
)  # fmt: skip
"""What leads out of the file, or changes how it is kept."""
_FUNCTIONS: Final = ("load_extension", "readfile", "writefile", "edit")
_JSON: Final = "SELECT 1 FROM json_each('[]'), json_tree('[]')"
"""SQLite makes these tables where they are first named, which the authorizer would not permit."""
_STEPS: Final = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""

_Judge = Callable[[int, str | None, str | None, str | None, str | None], int]


async def ask(url: URL, statement: Statement, within_s: float) -> Answer:
    """What is in the file. Raises as `asking.ask`."""
    with nothing_done_yet():
        if url.query or not url.database or not url.database.startswith("/"):
            raise ActionError("sql.url", "an SQLite URL is sqlite:///, an absolute path, and nothing more")
        path = local.vet(Path(url.database))
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_ask, path, statement, time.monotonic() + within_s, stop)
    finally:
        stop.set()


def _ask(path: Path, statement: Statement, until: float, stop: threading.Event) -> Answer:
    with nothing_done_yet():
        text, values = binding.numbered(statement.text, statement.parameters, binding.SQLITE, "?")
    given = [msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value for value in values]
    uri = f"file:{quote(str(path))}?mode={'rw' if statement.write else 'ro'}"
    connection = None
    opened = False
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=max(0.0, until - time.monotonic()), isolation_level=None)
        connection.execute(_JSON)
        opened = True
        connection.set_progress_handler(lambda: stop.is_set() or time.monotonic() > until, _STEPS)
        connection.set_authorizer(_judge(write=statement.write))
        return (_changed if statement.write else _read)(connection, text, given, statement.rows)
    except sqlite3.OperationalError as error:
        said = str(error)
        if "interrupted" in said:
            raise ActionError("timeout", "the query took longer than its timeout", transient=True) from error
        if "locked" in said:
            raise ActionError("timeout", f"{said}: others did not let go of it in time", transient=True) from error
        if "unable to open" in said or "disk I/O" in said:
            raise ActionError("sql.connect", f"{path}: {said}", transient=True, nothing_done=not opened) from error
        raise ActionError("sql.query", said) from error
    except sqlite3.IntegrityError as error:
        raise ActionError("sql.constraint", str(error)) from error
    except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
        said = str(error)
        if said == "not authorized" and not statement.write:
            said = "this is not permitted; it may only read"
        raise ActionError("sql.query", said) from error
    finally:
        if connection is not None:
            connection.close()


def _read(connection: sqlite3.Connection, text: str, values: list[Any], limit: int) -> Answer:
    cursor = connection.execute(text, values)
    if cursor.description is None:
        raise ActionError("sql.query", "the statement gives no rows")
    rows = cursor.fetchmany(limit + 1)
    return Answer([one[0] for one in cursor.description], rows[:limit], len(rows) > limit)


def _changed(connection: sqlite3.Connection, text: str, values: list[Any], limit: int) -> Answer:
    connection.execute("BEGIN IMMEDIATE")
    before = connection.total_changes
    cursor = connection.execute(text, values)
    rows = cursor.fetchmany(limit + 1)
    more = len(rows) > limit
    for _ in cursor:  # a statement with RETURNING has done all that it does when its last row is read
        pass
    changed = connection.total_changes - before
    connection.execute("COMMIT")
    return Answer([one[0] for one in cursor.description or ()], rows[:limit], more, changed)


def _judge(*, write: bool) -> _Judge:
    def judged(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS:
            return sqlite3.SQLITE_DENY
        permitted = action not in _NEVER if write else action in _READING
        return sqlite3.SQLITE_OK if permitted else sqlite3.SQLITE_DENY

    return judged
