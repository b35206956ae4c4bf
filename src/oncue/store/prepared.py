"""Queries that are asked again and again: compiled once, by SQLAlchemy for the database at hand, and run through the driver.

To have SQLAlchemy build and run a query for one row takes a fifth of a millisecond, of which the database needs some
microseconds.
"""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.base import Executable


class Prepared:
    """A query whose values are `bindparam`s or constants, for databases of one kind."""

    def __init__(self, query: Executable) -> None:
        self._query = query
        self._sql = ""
        self._names: list[str] = []
        self._values: dict[str, Any] = {}
        """Of the constants in the query."""

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """All rows for these values, by the names of the `bindparam`s."""
        if not self._sql:
            self._compile(connection)
        given = {**self._values, **values}
        driver: Any = connection.connection.driver_connection
        found: list[tuple[Any, ...]] = driver.execute(self._sql, [given[name] for name in self._names]).fetchall()
        return found

    def one(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The row for these values; None if there is none, the first of several."""
        return next(iter(self.rows(connection, **values)), None)

    def _compile(self, connection: Connection) -> None:
        compiled = self._query.compile(dialect=connection.dialect)
        self._values = {name: value for name, value in compiled.params.items() if value is not None}
        self._names = list(compiled.positiontup or ())
        self._sql = str(compiled)
