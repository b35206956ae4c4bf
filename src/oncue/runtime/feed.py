"""The journal as those who follow it see it: one reading, handed to all who want it.

A reader has a filter, a place in the journal, and a small queue. The feed sweeps over new records once for all readers that
stand at the journal's end, and in between once more from the place of the one that is furthest behind, for all whose place
lies on the way. A reader with a full queue stays where it is. So what waits is in the journal, not in memory, and a
thousand readers cost one reading.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from oncue.core import event as events
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, glob, holds, is_glob
from oncue.core.manifest import Manifest
from oncue.core.normalise import Seen
from oncue.core.policy import Policies, Selector
from oncue.core.state import Identity, State
from oncue.core.subscription import SubscriptionSpec
from oncue.core.subscriptions import TESTED
from oncue.core.topology import NODE_KINDS, Topology
from oncue.store.following import following
from oncue.store.journal import Record
from oncue.store.queries import Queries

QUEUE: Final = 1_000
"""Events that wait for one reader."""
QUEUE_BYTES: Final = 1024 * 1024
CALM_S: Final = 0.01
"""Between two sweeps, so that many small commits are read together."""
AGAIN_S: Final = 0.5
"""Before another try when the database cannot be read."""
SWEEP_WITHIN_S: Final = 10.0

OWN: Final = "oncue."


class Item(NamedTuple):
    """An event for a reader."""

    position: int
    recorded_at: int
    """Microseconds since 1970 UTC."""
    id: str
    type: str
    body: bytes
    """As stored: a CloudEvent in structured mode."""


class Filter:
    """What a subscription wants, compiled as policies compile their selectors."""

    def __init__(self, manifest: Manifest) -> None:
        spec = msgspec.convert(manifest.spec, SubscriptionSpec)
        self.id: Final = f"{manifest.namespace}/{manifest.name}"
        self.namespace: Final = manifest.namespace
        self.which: Final = spec.events
        self.match: Final = spec.match
        self.catalogued: Final = bool(spec.match.services) or spec.match.where is not None
        """Whether it asks for the service of an event, which the catalogue may know."""
        self._selector: Final = Selector(spec.match)
        self._types: dict[str, bool] = {}

    def may_be_in(self, types: list[str], namespaces: list[str]) -> bool:
        """Whether a segment with these types, in these namespaces, may hold something for it."""
        return self.namespace in namespaces and any(map(self.covers, types))

    def covers(self, type: str) -> bool:
        """Whether events of this type may be for it."""
        known = self._types.get(type)
        if known is None:
            if len(self._types) >= 10_000:
                self._types.clear()
            own = type.startswith(OWN)
            wanted = self.which == "both" or (self.which == "facts") is own
            wanted = wanted and (not self.match.types or any(_is(pattern, type) for pattern in self.match.types))
            known = self._types[type] = wanted or type == TESTED
        return known

    def takes(self, seen: Seen) -> bool:
        """Whether this event, of a type that it covers, is for it. A condition that fails on it is not met."""
        if seen.type == TESTED:
            return seen.event.subject == self.id
        if seen.type.startswith("oncue.subscription.") and seen.event.subject == self.id:
            return False
        needs_service = self.match.services
        if not self._selector.selects(
            seen.type, seen.severity, seen.resource, seen.service if needs_service else None, seen.event.source,
            seen.labels if self.match.labels else _NO_LABELS,
        ):  # fmt: skip
            return False
        if self.match.where is None:
            return True
        try:
            return holds(self.match.where, seen.scope)
        except Failed:
            return False


_NO_LABELS: Final[dict[str, str]] = {}


def _is(pattern: str, type: str) -> bool:
    return pattern == type or (is_glob(pattern) and glob(pattern).match(type) is not None)


class Reader:
    """One who follows the journal."""

    def __init__(self, wants: Filter, after: int) -> None:
        self.filter: Final = wants
        self.place = after
        """Every record up to here has been looked at; what is for the reader waits in the queue, or was taken."""
        self.news = asyncio.Event()
        """Something waits, or the place has moved."""
        self.lost: list[tuple[int, int]] = []
        """Positions that were past retention when they would have been read, for whoever takes them."""
        self._queue: deque[Item] = deque()
        self._bytes = 0

    @property
    def waiting(self) -> int:
        """Events in the queue."""
        return len(self._queue)

    @property
    def oldest(self) -> Item | None:
        """The first in the queue."""
        return self._queue[0] if self._queue else None

    @property
    def has_room(self) -> bool:
        """Whether more may wait."""
        return len(self._queue) < QUEUE and self._bytes < QUEUE_BYTES

    def take(self, most: int, most_bytes: int = QUEUE_BYTES) -> list[Item]:
        """The next events, `most` and `most_bytes` at most, one at least if there is one."""
        taken: list[Item] = []
        size = 0
        while self._queue and len(taken) < most and (not taken or size + len(self._queue[0].body) <= most_bytes):
            size += len(self._queue[0].body)
            taken.append(self._queue.popleft())
        self._bytes -= size
        return taken

    def give(self, found: list[Item], upto: int, lost: tuple[int, int] | None) -> None:
        """What a sweep up to `upto` found for it."""
        self._queue += found
        self._bytes += sum(len(item.body) for item in found)
        self.place = upto
        if lost is not None:
            self.lost.append(lost)
        self.news.set()


class Feed:
    """Reads the journal for its readers."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._readers: dict[int, Reader] = {}
        self._something = asyncio.Event()
        self._catalogue = Catalogue()
        self.committed = 0
        """Where the journal ends, as far as is known."""

    def committed_to(self, position: int) -> None:
        """The engine committed up to here."""
        if position > self.committed:
            self.committed = position
            if self._readers:
                self._something.set()

    def know(self, catalogue: "Catalogue") -> None:
        """These services and resources are in force."""
        self._catalogue = catalogue

    def open(self, wants: Filter, after: int) -> Reader:
        """A reader of what follows a position. Close it when it is done with."""
        reader = Reader(wants, after)
        self._readers[id(reader)] = reader
        self._something.set()
        return reader

    def close(self, reader: Reader) -> None:
        """It reads no more."""
        self._readers.pop(id(reader), None)

    def roomy(self) -> None:
        """A reader has room again, or another place."""
        self._something.set()

    async def run(self) -> None:
        """Read until cancelled."""
        front = True
        while True:
            await self._something.wait()
            self._something.clear()
            while (group := self._next(front)) is not None:
                front = not front
                try:
                    await self._sweep(*group)
                except Refusal:
                    await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(CALM_S)

    def _next(self, front: bool) -> tuple[int, list[Reader]] | None:
        """(from where, for whom) the next sweep is: from the furthest ahead, or the furthest behind."""
        behind = [one for one in self._readers.values() if one.place < self.committed and one.has_room]
        if not behind:
            return None
        places = [one.place for one in behind]
        place = max(places) if front else min(places)
        return place, [one for one in behind if one.place >= place]

    async def _sweep(self, place: int, readers: list[Reader]) -> None:
        asked = [(one.filter, one.place) for one in readers]
        swept = await self._queries.run(
            partial(sweep, after=place, until=self.committed, asked=asked, catalogue=self._catalogue), SWEEP_WITHIN_S
        )
        for reader, found in zip(readers, swept.found, strict=True):
            if id(reader) in self._readers and reader.place <= swept.upto:
                lost = swept.lost
                if lost is not None:
                    lost = (max(lost[0], reader.place + 1), lost[1]) if lost[1] > reader.place else None
                # What begins with the journal has nothing to miss.
                reader.give(found, swept.upto, lost if reader.place > 0 else None)


class Catalogue:
    """Services and resources, for events that do not say which service they are about."""

    def __init__(self, manifests: Sequence[Manifest] = ()) -> None:
        self.policies: Final = Policies()
        self.topology: Final = Topology()
        for manifest in manifests:
            if manifest.kind in NODE_KINDS:
                self.topology.put(manifest)
        self.policies.catalogue({one.id: one for one in manifests})

    def state(self) -> State:
        """A state that knows no more than this."""
        state = State(Identity(""))
        state.policies, state.topology = self.policies, self.topology
        return state


class Swept(NamedTuple):
    """What a sweep found."""

    upto: int
    found: list[list[Item]]
    """Per reader."""
    lost: tuple[int, int] | None


def sweep(
    connection: Connection, after: int, until: int, asked: list[tuple[Filter, int]], catalogue: Catalogue
) -> Swept:
    """A part of the journal from `after` on, for each (filter, place) of `asked`; no place lies before `after`."""
    filters = list(dict.fromkeys(one for one, _ in asked))
    part = following(
        connection, after, until, lambda types, spaces: any(one.may_be_in(types, spaces) for one in filters)
    )
    found: list[list[Item]] = [[] for _ in asked]
    by_namespace: dict[str, list[tuple[Filter, int, list[Item]]]] = {}
    for (wants, place), items in zip(asked, found, strict=True):
        by_namespace.setdefault(wants.namespace, []).append((wants, place, items))
    state = catalogue.state()
    covering: dict[tuple[str, str], list[tuple[Filter, int, list[Item]]]] = {}
    for record in part.records:
        _hand_out(record, state, by_namespace, covering)
    return Swept(part.upto, found, part.lost)


def _hand_out(
    record: Record,
    state: State,
    by_namespace: dict[str, list[tuple[Filter, int, list[Item]]]],
    covering: dict[tuple[str, str], list[tuple[Filter, int, list[Item]]]],
) -> None:
    if record.rejected:
        return
    try:
        event = events.decode(record.body)
    except (msgspec.DecodeError, RecursionError):
        return
    if event.type.startswith(OWN) and not record.derived:
        return  # commands, results, samples and audit events are not for consumers; nor is what we report ourselves
    namespace = event.namespace or record.namespace
    key = (namespace, event.type)
    takers = covering.get(key)
    if takers is None:
        takers = covering[key] = [one for one in by_namespace.get(namespace, ()) if one[0].covers(event.type)]
    if not takers:
        return
    state.now = datetime.fromtimestamp(record.recorded_at / 1_000_000, UTC)
    seen = Seen(state, event, record.body, namespace, "feed", record.position)
    item = Item(record.position, record.recorded_at, event.id, event.type, record.body)
    for wants, place, items in takers:
        if record.position > place and wants.takes(seen):
            items.append(item)
