"""One statement, and what a database answers; what may go wrong, for every database."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from oncue.sdk import ErrorDoc

ERRORS = (
    ErrorDoc("sql.needs", "PostgreSQL needs psycopg: install oncue[postgresql]."),
    ErrorDoc("sql.url", "The secret is not a URL of PostgreSQL or SQLite, or says what is not permitted here."),
    ErrorDoc("sql.credentials", "The database refuses the user or the password."),
    ErrorDoc("sql.query", "The database refuses the query, as it does one that would write; in its own words."),
    ErrorDoc("file.refused", "The path leads into OnCue's own data, or into /proc, /sys or /dev."),
)
"""What any plugin that asks a database may report."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask."""

    text: str
    """One statement; `:name` stands for a parameter."""
    parameters: Mapping[str, Any] = {}
    write: bool = False
    """Whether it may change something: then it is a transaction of its own, which is kept if all went well."""
    rows: int
    """How many are read at the most."""


class Answer(msgspec.Struct):
    """What came."""

    columns: list[str]
    """As the database names them. PostgreSQL tells them with the first row only, unless the statement may write."""
    rows: list[Sequence[Any]]
    """As the driver gives them."""
    more: bool
    """Whether there were more rows than were to be read."""
    changed: int | None = None
    """Rows that the statement changed; None of one that may not write."""
