"""How the sources that listen are: what the worker, which has their sockets, writes down, and the front shows.

One small file in the data directory, replaced as a whole. It is no record: changes of state are events in the journal.
"""

from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec

FILE: Final = "listening.json"
STALE: Final = timedelta(seconds=20)
"""A worker that has not written for so long does not listen either."""
RATE_MINUTES: Final = 5

State = Literal["starting", "listening", "overloaded", "failing"]


class Reception(msgspec.Struct, kw_only=True):
    """One source that listens, and what came through it since the worker started. Only the worker changes it."""

    namespace: str
    name: str
    address: str
    state: State = "starting"
    """`overloaded` while messages are lost because more come than can be taken."""
    detail: str | None = None
    since: datetime
    connections: int = 0
    """Open at present."""
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    """Events that the rules refused, and connections and datagrams that were turned away."""
    lost: int = 0
    """Messages that were dropped, by us or by the kernel, because more came than could be taken."""
    rate_per_minute: float = 0.0
    last_event_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None

    @property
    def has_socket(self) -> bool:
        """Whether senders reach it."""
        return self.state in ("listening", "overloaded")

    def error(self, why: str) -> None:
        """Something went wrong, just now."""
        self.last_error = why[:500]
        self.last_error_at = datetime.now(UTC)


class Rate:
    """Events a minute, over the last `RATE_MINUTES`."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, int]] = deque(maxlen=RATE_MINUTES + 1)

    def count(self, events: int, at: datetime) -> None:
        """So many came."""
        minute = int(at.timestamp()) // 60
        if self._minutes and self._minutes[-1][0] == minute:
            events += self._minutes.pop()[1]
        self._minutes.append((minute, events))

    def at(self, at: datetime) -> float:
        """Events a minute."""
        since = int(at.timestamp()) // 60 - RATE_MINUTES
        return sum(events for minute, events in self._minutes if minute > since) / RATE_MINUTES


class _Report(msgspec.Struct):
    written_at: datetime
    sources: list[Reception]


def write(data: Path, sources: list[Reception]) -> None:
    """Write down how they are. Raises `OSError`."""
    report = _Report(datetime.now(UTC), sources)
    fresh = data / f"{FILE}.new"
    fresh.write_bytes(msgspec.json.encode(report))
    fresh.replace(data / FILE)


def read(data: Path, now: datetime) -> dict[tuple[str, str], Reception]:
    """(namespace, name) to how the source is; empty if no worker has written, or it cannot be read now.

    One that is late is not believed.
    """
    try:
        report = msgspec.json.decode((data / FILE).read_bytes(), type=_Report)
    except (OSError, msgspec.DecodeError):
        return {}
    if now - report.written_at > STALE:
        for source in report.sources:
            source.state = "failing"
            source.detail = "the worker that listens does not say how it is"
            source.since = report.written_at
    return {(source.namespace, source.name): source for source in report.sources}
