"""Reads the journal's records, from the segments of a database."""

import json
from collections.abc import Iterator

from sqlalchemy import Connection, select

from oncue.store.journal import Record, unpack
from oncue.store.schema import segment


class JournalReader:
    """Reads the journal over a SQLAlchemy connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def records(self, first: int, last: int | None = None) -> Iterator[Record]:
        """Records from `first` to `last`, both included, in order; those past retention are left out."""
        query = (
            select(segment.c.first_position, segment.c.head, segment.c.body)
            .where(segment.c.last_position >= first)
            .order_by(segment.c.first_position)
        )
        if last is not None:
            query = query.where(segment.c.first_position <= last)
        for row in self._connection.execute(query).yield_per(16):
            for record in unpack(row.first_position, row.head, row.body):
                if record.position >= first and (last is None or record.position <= last):
                    yield record

    def record(self, position: int) -> Record | None:
        """The record at this position; None if there is none, or it is past retention."""
        query = (
            select(segment.c.first_position, segment.c.head, segment.c.body)
            .where(segment.c.first_position <= position)
            .order_by(segment.c.first_position.desc())
            .limit(1)
        )
        row = self._connection.execute(query).one_or_none()
        records = unpack(row.first_position, row.head, row.body) if row is not None else ()
        return next((one for one in records if one.position == position), None)

    def backwards(
        self,
        before: int | None = None,
        *,
        types: set[str] | None = None,
        namespaces: set[str] | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[Record]:
        """Records from the newest, or from just before `before`, downwards.

        Segments that hold no event of `types` (exact names) or `namespaces`, or lie outside [`since`, `until`] in
        microseconds, are passed over; records in the others are not filtered.
        """
        columns = (segment.c.first_position, segment.c.types, segment.c.namespaces, segment.c.batch)
        query = select(*columns).order_by(segment.c.first_position.desc())
        if before is not None:
            query = query.where(segment.c.first_position < before)
        if since is not None:
            query = query.where(segment.c.last_recorded_at >= since)
        if until is not None:
            query = query.where(segment.c.first_recorded_at <= until)
        for row in self._connection.execute(query).yield_per(64):
            if types is not None and types.isdisjoint(json.loads(row.types)):
                continue
            if namespaces is not None and namespaces.isdisjoint(json.loads(row.namespaces)):
                continue
            content = self._connection.execute(
                select(segment.c.head, segment.c.body).where(segment.c.batch == row.batch)
            ).first()
            if content is None:
                continue
            for record in reversed(list(unpack(row.first_position, content.head, content.body))):
                if before is None or record.position < before:
                    yield record
