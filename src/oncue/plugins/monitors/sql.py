"""The monitor `sql`: values that a query answers, from PostgreSQL or an SQLite file.

How a database is asked, and kept from changing anything, is said in `plugins/database`.
"""

import math
import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec

from oncue.plugins.database import asking
from oncue.plugins.database.statement import ERRORS, Statement
from oncue.plugins.monitors import reaching
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading, SecretRef

ROWS_LIMIT: Final = 200


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
        *ERRORS,
        ErrorDoc("sql.result", "No column of the answer is a number, or two rows cannot be told apart."),
        ErrorDoc("sql.too_many", f"The answer has more than {ROWS_LIMIT} rows: aggregate, or limit it."),
    )

    def subject(self, settings: Settings) -> str:
        """The secret's name: what it holds is not told."""
        return settings.url.removeprefix("secret://")

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One query."""
        url = asking.address(settings.url, context)
        started = time.monotonic()
        try:
            answer = await asking.ask(url, Statement(text=settings.query, rows=ROWS_LIMIT), context)
        except ActionError as error:
            if not error.transient:
                raise
            title = f"Database {self.subject(settings)} does not answer"
            return Probe(
                readings=[Reading(metric="sql.up", value=0.0, unit="")],
                fault=Fault(code=error.code, title=title, detail=error.detail),
            )
        took_ms = reaching.ms_since(started)
        if answer.more:
            raise ActionError("sql.too_many", f"more than {ROWS_LIMIT} rows")
        readings = _readings(answer.columns, answer.rows, settings.unit)
        fault = None
        if not readings and settings.empty_is_fault:
            title = f"Database {self.subject(settings)} has no value for a query"
            fault = Fault(code="sql.empty", title=title, detail=settings.query[:500])
        readings.append(Reading(metric="sql.up", value=1.0, unit=""))
        readings.append(Reading(metric="sql.rows", value=float(len(answer.rows)), unit=""))
        readings.append(Reading(metric="sql.time", value=took_ms, unit="ms"))
        return Probe(readings=readings, fault=fault)


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
