"""The live stream: facts after their commit, as server-sent events.

The hub is given what is new with the word of the commit, or reads it once, however many listen. Every message and every heartbeat carries an `id:`, the
cursor to resume from (`Last-Event-ID`); past retention the client gets a `reset` and starts over. A client that does not
keep up is cut, and resumes from where it was.

Whoever asks for the log of a run is told, too, when it grew (`event: log`); what it says is read where it is kept. That is no
fact, has no place of its own, and is not told again to those who come back.
"""

import asyncio
import contextlib
import fnmatch
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from oncue.access.roles import Principal, namespaces
from oncue.core.errors import Refusal
from oncue.runtime import frames
from oncue.store.queries import FactRow, Queries, cursor_of, facts_after, heads, instant, position_of

HEARTBEAT_S: Final = 15.0
WRITE_WITHIN_S: Final = 30.0
"""For what a client has been sent to leave this process; one that does not read is cut."""
QUEUE_LIMIT: Final = 2_000
"""Messages that may wait for one client."""
READ_LIMIT: Final = 1_000
GIVEN_LIMIT: Final = 100
"""Commits whose facts wait for the hub at most; what it was given before that it reads."""
CLIENTS_LIMIT: Final = 1_000

Send = Callable[[Any], Any]


class Grown(msgspec.Struct, frozen=True):
    """That the log of a run grew."""

    run: str


class Subscriber:
    """One client's queue and what it asked for."""

    def __init__(
        self,
        types: tuple[str, ...],
        wanted: tuple[str, ...],
        visible: frozenset[str] | None,
        logs: tuple[str, ...] = (),
    ) -> None:
        self.types = types
        self.wanted = wanted
        self.visible = visible
        self.logs = logs
        """Runs of whose log it wants to know when it grew."""
        self.waiting: deque[FactRow | Grown] = deque()
        self.news = asyncio.Event()
        """Set when something waits for it, it was cut, or it has left."""
        self.cut = False

    def takes(self, row: FactRow) -> bool:
        """Whether this fact is for the client."""
        return (
            (self.visible is None or row.namespace in self.visible)
            and (not self.wanted or row.namespace in self.wanted)
            and (not self.types or any(fnmatch.fnmatchcase(row.type, pattern) for pattern in self.types))
        )

    def follows(self, namespace: str, run: str) -> bool:
        """Whether the client wants to know that this run's log grew, and may."""
        return run in self.logs and (self.visible is None or namespace in self.visible)

    def offer(self, one: FactRow | Grown) -> None:
        """It is to be sent this; cut if it does not keep up."""
        if len(self.waiting) >= QUEUE_LIMIT:
            self.end()
        elif not self.cut:
            self.waiting.append(one)
            self.news.set()

    def end(self) -> None:
        """Its stream ends. What it was not sent it resumes from."""
        self.cut = True
        self.news.set()

    async def take(self) -> list[FactRow | Grown]:
        """What waits for it; nothing when it is time for a heartbeat, or it was cut or has left."""
        if not self.news.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_S):
                    await self.news.wait()
        self.news.clear()
        taken = [*self.waiting]
        self.waiting.clear()
        return taken


class Hub:
    """Reads new facts and hands them to whoever listens."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._subscribers: dict[int, Subscriber] = {}
        self._news = asyncio.Event()
        self.position = 0
        """Up to which facts have been handed out."""
        self.committed = 0
        """The newest position that the engine told of."""
        self.closed = False
        self._given: deque[tuple[int, frames.News]] = deque(maxlen=GIVEN_LIMIT)
        """Facts that came with the word of a commit, and up to where."""
        self._reads = False
        """Whether facts are being read; what is given meanwhile comes after them."""

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._subscribers)

    def committed_to(self, position: int, news: frames.News | None = None) -> None:
        """The engine committed up to here, and `news` are the newest facts."""
        self.committed = max(self.committed, position)
        if not self._subscribers:
            self.position = max(self.position, self.committed)
            return
        if news is not None:
            self._given.append((position, news))
        if not self._reads:
            self._hand_out_given()
        if self.position < self.committed:
            self._news.set()

    def grown(self, runs: list[tuple[str, str]]) -> None:
        """The logs of these runs, (namespace, id), grew."""
        for namespace, run in runs:
            for subscriber in self._subscribers.values():
                if subscriber.follows(namespace, run):
                    subscriber.offer(Grown(run))

    async def run(self) -> None:
        """Read and hand out what the hub was not given, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self.position < self.committed:
                self._reads = True
                try:
                    self._hand_out(*await self._read_next())
                except Refusal:
                    await asyncio.sleep(0.5)
                finally:
                    self._reads = False
                self._hand_out_given()

    def _hand_out(self, rows: list[FactRow], reached: int) -> None:
        # Whoever joined first while these were read joined at a later place.
        for row in (row for row in rows if row.position > self.position):
            for subscriber in self._subscribers.values():
                if subscriber.takes(row):
                    subscriber.offer(row)
        self.position = max(self.position, reached)

    def _hand_out_given(self) -> None:
        while (given := self._given_next()) is not None:
            self._hand_out(*given)

    def _given_next(self) -> tuple[list[FactRow], int] | None:
        """The next facts if they were given, and up to where they go."""
        while self._given and self._given[0][0] <= self.position:
            self._given.popleft()
        if not self._given or self._given[0][1].after > self.position:
            return None
        reached, news = self._given.popleft()
        return [FactRow(*fact) for fact in news.facts], reached

    async def _read_next(self) -> tuple[list[FactRow], int]:
        start, target = self.position, self.committed
        rows = await self._queries.run(partial(facts_after, position=start, limit=READ_LIMIT))
        # What was committed while it was read may be among them, before word of it has come.
        last = rows[-1].position if rows else start
        return rows, last if len(rows) == READ_LIMIT else max(target, last)

    def join(self, subscriber: Subscriber) -> int:
        """Listen from now on; returns the position after which facts will come."""
        if len(self._subscribers) >= CLIENTS_LIMIT:
            raise Refusal("ingest.overloaded", f"{CLIENTS_LIMIT} streams are open", retry_after_s=5.0)
        if not self._subscribers:
            self.position = max(self.position, self.committed)
        self._subscribers[id(subscriber)] = subscriber
        return self.position

    def leave(self, subscriber: Subscriber) -> None:
        """Listen no longer."""
        self._subscribers.pop(id(subscriber), None)

    def close(self) -> None:
        """End every stream, for shutdown."""
        self.closed = True
        for subscriber in self._subscribers.values():
            subscriber.end()

    async def serve(
        self,
        scope: Any,
        receive: Callable[[], Any],
        send: Send,
        *,
        principal: Principal,
        types: tuple[str, ...],
        wanted: tuple[str, ...],
        logs: tuple[str, ...],
        last_event_id: str | None,
        still_valid: Callable[[], bool],
    ) -> None:
        """One client's stream, until it leaves, is cut, or may no longer listen."""
        subscriber = Subscriber(types, wanted, namespaces(principal, "stream:read"), logs)
        resume = position_of(last_event_id) if last_event_id else None
        oldest, newest = await self._queries.run(heads)
        self.committed_to(newest)
        joined = self.join(subscriber)
        gone = asyncio.ensure_future(_gone(receive))
        gone.add_done_callback(lambda _: subscriber.news.set())
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [
                        (b"content-type", b"text/event-stream; charset=utf-8"),
                        (b"cache-control", b"no-store"),
                        (b"x-accel-buffering", b"no"),
                        (b"x-content-type-options", b"nosniff"),
                    ],
                }
            )
            sent = joined
            if resume is not None and (resume < oldest - 1 or resume > newest):
                await _write(send, message("reset", cursor_of(joined), b'{"reason":"past retention"}'))
            elif resume is not None and resume < joined:
                sent = resume
                while sent < joined and not gone.done():
                    rows = await self._queries.run(partial(facts_after, position=sent, limit=READ_LIMIT))
                    rows = [row for row in rows if row.position <= joined]
                    await _write(send, b"".join(fact_message(row) for row in rows if subscriber.takes(row)))
                    if len(rows) < READ_LIMIT:
                        break
                    sent = rows[-1].position
                sent = joined
            await _write(send, message("heartbeat", cursor_of(sent), b"{}"))
            while not subscriber.cut and not gone.done() and still_valid():
                news = await subscriber.take()
                if news:
                    parts = []
                    for one in news:
                        if isinstance(one, Grown):
                            parts.append(message("log", cursor_of(sent), msgspec.json.encode(one)))
                        else:
                            sent = one.position
                            parts.append(fact_message(one))
                    await _write(send, b"".join(parts))
                elif not gone.done() and not subscriber.cut:
                    sent = max(sent, self.position) if not subscriber.waiting else sent
                    await _write(send, message("heartbeat", cursor_of(sent), b"{}"))
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return  # the response stays incomplete, so the server closes the connection
        finally:
            self.leave(subscriber)
            gone.cancel()


async def _gone(receive: Callable[[], Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes) -> None:
    if body:
        async with asyncio.timeout(WRITE_WITHIN_S):
            await send({"type": "http.response.body", "body": body, "more_body": True})


def fact_json(row: FactRow, actor: str | None = None) -> bytes:
    """A fact as lists and the stream show it; `actor` is who asked for it."""
    return msgspec.json.encode(
        {
            "position": cursor_of(row.position),
            "recorded_at": instant(row.recorded_at),
            "type": row.type,
            "namespace": row.namespace,
            "kind": row.kind,
            "id": row.id,
            "input_position": cursor_of(row.input_position),
            "cause_position": cursor_of(row.cause_position),
            "actor": actor,
            "event": msgspec.Raw(row.body),
        }
    )


def fact_message(row: FactRow) -> bytes:
    """A fact as a server-sent event."""
    # A producer's document may span lines; line ends in JSON are white space, in the stream they are syntax.
    data = fact_json(row).replace(b"\n", b" ").replace(b"\r", b" ")
    return b"id: %s\ndata: %s\n\n" % (cursor_of(row.position).encode(), data)


def message(event: str, cursor: str, data: bytes) -> bytes:
    """A server-sent event of a name of its own."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (cursor.encode(), event.encode(), data)
