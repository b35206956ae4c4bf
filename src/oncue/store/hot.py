"""What repeats change of firing alerts: count and times, in narrow rows that may be behind under load.

The table `alert_hot` has them as of the batch `journal.hot_batch`; the segments after it hold what changed since. Whoever
reads an alert reads both.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from oncue.store.schema import PARTITION, alert_hot, journal, segment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class HotRow(msgspec.Struct, array_like=True, gc=False):
    """A row of `alert_hot`."""

    id: str
    count: int
    last_seen_at: datetime
    deadline_at: datetime | None
    updated_at: datetime
    position: str
    """Cursor of the alert's newest fact."""


class Changes(msgspec.Struct, array_like=True, gc=False):
    """What a batch changed of the hot rows without writing them: the `hot` of its segment."""

    gone: list[str]
    """Alerts whose whole row was written, so that older changes no longer hold."""
    rows: list[HotRow]


seal: Final = msgspec.msgpack.Encoder().encode
"""`Changes`, or a tuple like it, to what a segment stores."""
_open: Final = msgspec.msgpack.Decoder(Changes).decode


def hot_rows(connection: Connection) -> list[HotRow]:
    """All of them, up to date."""
    found = {row.id: _of_table(row) for row in connection.execute(select(alert_hot))}
    found.update(newer(connection))
    return list(found.values())


def newer(connection: Connection) -> dict[str, HotRow]:
    """Those that changed since the table was written; nothing, mostly."""
    written = select(journal.c.hot_batch).scalar_subquery()
    query = select(segment.c.hot).where(segment.c.batch > written, segment.c.hot.is_not(None))
    found: dict[str, HotRow] = {}
    for sealed in connection.execute(query.order_by(segment.c.batch)).scalars():
        changes = _open(sealed)
        for id in changes.gone:
            found.pop(id, None)
        found.update((row.id, row) for row in changes.rows)
    return found


def _of_table(row: Any) -> HotRow:
    """A row of the table as read."""
    deadline_at = _instant(row.deadline_at) if row.deadline_at is not None else None
    seen_at, updated_at = _instant(row.last_seen_at), _instant(row.updated_at)
    return HotRow(row.id, row.count, seen_at, deadline_at, updated_at, f"{PARTITION}-{row.last_position}")


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
