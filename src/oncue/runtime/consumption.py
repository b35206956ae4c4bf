"""How the consumers of subscriptions are right now: what the worker, which delivers, writes down, and the front shows.

One small file in the data directory, replaced as a whole. It is no record: that is in the journal.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = "delivering.json"
STALE: Final = timedelta(seconds=20)
"""A worker that has not written for so long does not deliver either."""


class Consumption(msgspec.Struct, kw_only=True):
    """One subscription that is delivered by webhook."""

    id: str
    settled: int
    epoch: int
    """Of the place: it was moved by hand so often."""
    behind_events: int = 0
    """Events that are known to wait, the one that is being sent included; at least so many."""
    behind_records: int = 0
    """Records of the journal beyond the place, be they for the consumer or not."""
    oldest_at: datetime | None = None
    """When the first event that waits was recorded; None if none waits."""
    attempts: int = 0
    """Of the request that is being tried."""
    next_try_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


class _Report(msgspec.Struct):
    written_at: datetime
    consumers: list[Consumption]


def write(data: Path, consumers: list[Consumption]) -> None:
    """Write down how they are. Raises `OSError`."""
    fresh = data / f"{FILE}.new"
    fresh.write_bytes(msgspec.json.encode(_Report(datetime.now(UTC), consumers)))
    fresh.replace(data / FILE)


def read(data: Path, now: datetime) -> dict[str, Consumption]:
    """`namespace/name` to how it is; empty if no worker has written of late."""
    try:
        report = msgspec.json.decode((data / FILE).read_bytes(), type=_Report)
    except (OSError, msgspec.DecodeError):
        return {}
    return {} if now - report.written_at > STALE else {one.id: one for one in report.consumers}
