"""Small segments become large ones: neighbours are merged, once nobody looks at them batch by batch any more.

A segment per batch is fast to write, and wasteful where batches are small: one event alone takes some 250 bytes, one among
4,096 a tenth of that. The chain keeps its row per batch; whatever verifies a batch finds its records by position.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import zstandard
from sqlalchemy import select
from sqlalchemy.engine import Connection

from oncue.store.journal import joined, unpack
from oncue.store.schema import PARTITION, journal, segment

EVENTS: Final = 4_096
"""Records from which on a segment is large."""
AT_ONCE: Final = 512
"""Segments that are merged in one go, some 10 ms of work."""
BYTES: Final = 4 * 1024 * 1024
"""Of events, before compression, in what merging makes."""
AFTER_US: Final = 2 * 3600 * 1_000_000
"""Age from which on segments are merged: the rates of the last hour are counted by segment."""
SPAN_US: Final = 6 * 3600 * 1_000_000
"""Of time in one segment: what asks for a day must not be given two."""

_compress: Final = zstandard.ZstdCompressor(level=3).compress
_decompress: Final = zstandard.ZstdDecompressor().decompress


class Run(msgspec.Struct):
    """Neighbouring segments that are worth merging."""

    batches: tuple[int, int]
    """First and last of them."""
    after: int
    """All up to this position is done; look on from here."""


def next_run(connection: Connection, after: int, now: int) -> Run:
    """The first segments beyond position `after` to merge at `now`; none if both numbers of `batches` are the same."""
    column = segment.c
    hot_batch = connection.execute(select(journal.c.hot_batch).where(journal.c.partition == PARTITION)).scalar() or 0
    rows: Sequence[Any] = connection.execute(
        select(
            column.batch, column.first_position, column.last_position, column.first_recorded_at,
            column.last_recorded_at, column.count, column.size,
        )
        .where(column.first_position > after)
        .order_by(column.first_position)
        .limit(AT_ONCE)
    ).all()  # fmt: skip
    run: list[Any] = []
    events = size = 0
    for row in rows:
        if row.last_recorded_at >= now - AFTER_US or row.batch > hot_batch:
            break
        joins = bool(run) and (
            row.count < EVENTS
            and row.first_position == run[-1].last_position + 1
            and row.last_recorded_at - run[0].first_recorded_at <= SPAN_US
            and size + row.size <= BYTES
        )
        if not joins:
            if len(run) > 1:
                return _run(run)
            run, events, size, after = [], 0, 0, row.first_position - 1
        run.append(row)
        events, size = events + row.count, size + row.size
        if events >= EVENTS:
            if len(run) > 1:
                return _run(run)
            run, events, size, after = [], 0, 0, row.last_position
    else:
        if len(rows) == AT_ONCE and len(run) > 1:
            return _run(run)
    return Run((0, 0), after)  # the end waits for more


def _run(run: Sequence[Any]) -> Run:
    return Run((run[0].batch, run[-1].batch), run[0].first_position - 1)


def merged(connection: Connection, run: Run) -> tuple[Any, ...]:
    """The row of `segment` that takes the place of the run's.

    Raises `zstandard.ZstdError`, `ValueError` or `msgspec.DecodeError` if one of them is damaged.
    """
    column = segment.c
    rows: Sequence[Any] = connection.execute(
        select(segment).where(column.batch.between(*run.batches)).order_by(column.batch)
    ).all()
    heads, bodies = [], []
    for row in rows:
        if len(list(unpack(row.first_position, row.head, row.body))) != row.count:
            raise ValueError(f"the segment of batch {row.batch} does not hold its {row.count} records")
        heads.append(_decompress(row.head))
        bodies.append(_decompress(row.body))
    first, last = rows[0], rows[-1]
    return (
        last.batch, first.first_position, last.last_position, first.first_recorded_at, last.last_recorded_at,
        sum(row.count for row in rows), sum(row.inputs for row in rows), sum(row.size for row in rows),
        _union(row.types for row in rows), _union(row.namespaces for row in rows),
        b"".join([row.ids for row in rows]), b"".join([row.digests for row in rows]), None,
        _compress(joined(heads)), _compress(b"".join(bodies)),
    )  # fmt: skip


def _union(lists: Any) -> str:
    names: dict[str, None] = {}
    for text in lists:
        names.update(dict.fromkeys(msgspec.json.decode(text)))
    return msgspec.json.encode(list(names)).decode()


DELETE: Final = "DELETE FROM segment WHERE batch BETWEEN ? AND ?"
INSERT: Final = f"INSERT INTO segment VALUES ({', '.join('?' * len(segment.columns))})"  # noqa: S608 - marks alone
