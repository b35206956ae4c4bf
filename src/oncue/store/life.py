"""What an alert has been: its changes of state, severity and value, from the facts about it."""

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from oncue.store.queries import FactRow, cursor_of, facts_where, instant
from oncue.store.schema import fact

CHANGES_LIMIT: Final = 50
FACTS_LIMIT: Final = 1_000
"""How many facts are looked through for them, newest first."""


class Change(msgspec.Struct, kw_only=True):
    """From when on an alert was so."""

    at: datetime
    position: str
    """Of the fact that says it."""
    type: str
    """Of that fact."""
    state: str
    severity: str
    value: float | None
    """What crossed the limit, where the alert says it."""
    limit: float | None
    unit: str | None
    title: str


class _Crossing(msgspec.Struct):
    value: float | None = None
    limit: float | None = None
    unit: str | None = None


class _Alert(msgspec.Struct):
    state: str
    severity: str
    title: str
    crossing: _Crossing | None = None


class _Fact(msgspec.Struct):
    data: _Alert


_decode: Final = msgspec.json.Decoder(_Fact).decode


def changes(connection: Connection, id: str) -> list[Change]:
    """The newest changes of an alert, newest first."""
    about: list[Any] = [fact.c.kind == "alert", fact.c.id == id]
    rows = facts_where(connection, *about, limit=FACTS_LIMIT, newest_first=True)
    found: list[Change] = []
    for row in reversed(rows):
        change = _change(row)
        if not found or _what(change) != _what(found[-1]):
            found.append(change)
    return found[::-1][:CHANGES_LIMIT]


def _what(change: Change) -> tuple[str, str, float | None, float | None]:
    return change.state, change.severity, change.value, change.limit


def _change(row: FactRow) -> Change:
    alert = _decode(row.body).data
    crossing = alert.crossing or _Crossing()
    return Change(
        at=instant(row.recorded_at),
        position=cursor_of(row.position),
        type=row.type,
        state=alert.state,
        severity=alert.severity,
        value=crossing.value,
        limit=crossing.limit,
        unit=crossing.unit,
        title=alert.title,
    )
