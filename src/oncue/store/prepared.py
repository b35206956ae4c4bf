"""Queries that are asked again and again: compiled once, by SQLAlchemy for the database at hand, and run through the driver.

To have SQLAlchemy build and run a query for one row takes a fifth of a millisecond, of which the database needs some
microseconds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, Select


class _Compiled(NamedTuple):
    sql: str
    names: Sequence[str] | None
    """Of the values in their order; None where the driver takes them by name."""
    constants: dict[str, Any]
    """Values that stand in the query."""


class Prepared:
    """A query whose values are `bindparam`s or constants."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        self._compiled: dict[str, _Compiled] = {}
        """By the name of the dialect."""

    def rows(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """All rows for these values, by the names of the `bindparam`s."""
        sql, names, constants = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect)
        given = {**constants, **values}
        driver: Any = connection.connection.driver_connection
        cursor = driver.execute(sql, given if names is None else [given[name] for name in names])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def one(self, connection: Connection, **values: Any) -> tuple[Any, ...] | None:
        """The row for these values; None if there is none, the first of several."""
        return next(iter(self.rows(connection, **values)), None)

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiled = self._query.compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._compiled[dialect.name] = made = _Compiled(str(compiled), compiled.positiontup, constants)
        return made
