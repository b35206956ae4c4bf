"""Reads the journal forwards, a part at a time, for those who follow it.

Segments that hold nothing anybody wants, by their types and namespaces, are passed over without being opened.
"""

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from oncue.store.journal import Record, unpack
from oncue.store.schema import segment

READ_BYTES: Final = 2 * 1024 * 1024
"""Of records that are opened for one part, before compression; a segment is read whole."""
PASSED_OVER: Final = 5_000
"""Segments that are passed over for one part."""

Wanted = Callable[[list[str], list[str]], bool]
"""Whether a segment with these types, in these namespaces, may hold something."""


class Part(NamedTuple):
    """A part of the journal."""

    upto: int
    """Every record up to here has been looked at, or passed over."""
    records: list[Record]
    lost: tuple[int, int] | None
    """First and last position that should have come first, and are past retention."""


def following(connection: Connection, after: int, until: int, wanted: Wanted) -> Part:
    """The part that follows `after`, up to `until` at most, where the journal must reach. Raises what `unpack` does."""
    begins = connection.execute(
        select(func.max(segment.c.first_position)).where(segment.c.first_position <= after + 1)
    ).scalar()
    columns = (segment.c.first_position, segment.c.last_position, segment.c.size, segment.c.types, segment.c.namespaces)
    rows = connection.execute(
        select(segment.c.batch, *columns)
        .where(segment.c.first_position.between(begins or 0, until), segment.c.last_position > after)
        .order_by(segment.c.first_position)
        .limit(PASSED_OVER)
    ).all()
    if not rows:
        return Part(until, [], (after + 1, until) if until > after else None)
    lost = (after + 1, rows[0].first_position - 1) if rows[0].first_position > after + 1 else None
    records: list[Record] = []
    size, upto = 0, after
    for row in rows:
        if wanted(json.loads(row.types), json.loads(row.namespaces)):
            if records and size + row.size > READ_BYTES:
                break
            size += row.size
            records += _records(connection, row.batch, row.first_position, after, until)
        upto = min(row.last_position, until)
    else:
        if len(rows) < PASSED_OVER:
            upto = until
    return Part(upto, records, lost)


def _records(connection: Connection, batch: int, first: int, after: int, until: int) -> list[Record]:
    row = connection.execute(select(segment.c.head, segment.c.body).where(segment.c.batch == batch)).one()
    return [one for one in unpack(first, row.head, row.body) if after < one.position <= until]


def position_before(connection: Connection, at: int) -> int:
    """The position after which everything was recorded at or after `at`, in microseconds; the journal's end if nothing was."""
    row = connection.execute(
        select(segment.c.first_position, segment.c.head, segment.c.body)
        .where(segment.c.last_recorded_at >= at)
        .order_by(segment.c.first_position)
        .limit(1)
    ).one_or_none()
    if row is None:
        return connection.execute(select(func.max(segment.c.last_position))).scalar() or 0
    later = (record.position for record in unpack(row.first_position, row.head, row.body) if record.recorded_at >= at)
    return next(later, row.first_position) - 1
