"""Subscriptions without a webhook, as their consumers read them: a stream of server-sent events, or a page at a time.

Both read through one feed, once for all who read. Where a consumer is, it says itself (`Last-Event-ID`, `after`); what it
has acknowledged is where it goes on when it says nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from oncue.api.stream import HEARTBEAT_S, WRITE_WITHIN_S, message
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.runtime.feed import Catalogue, Feed, Filter, Item, Reader
from oncue.store.queries import Queries, cursor_of, instant, manifests

CONSUMERS: Final = 2_000
"""Who may read at the same time."""
AT_ONCE: Final = 500
"""Events written together, or on a page, at most."""
LONGEST_POLL_S: Final = 60.0

Send = Callable[[Any], Any]


class Consuming:
    """Who reads, and the feed they read through."""

    def __init__(self, queries: Queries) -> None:
        self.feed: Final = Feed(queries)
        self._queries = queries
        self._readers: set[Reader] = set()
        self._closed = False

    def close(self) -> None:
        """End every stream, for shutdown."""
        self._closed = True
        for reader in self._readers:
            reader.news.set()

    async def _open(self, manifest: Manifest, after: int) -> Reader:
        if len(self._readers) >= CONSUMERS:
            raise Refusal("ingest.overloaded", f"{CONSUMERS} consumers read already", retry_after_s=5.0)
        wants = Filter(manifest)
        if wants.catalogued:
            self.feed.know(await self._queries.run(_catalogue))
        reader = self.feed.open(wants, after)
        self._readers.add(reader)
        return reader

    def _leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        self.feed.close(reader)

    async def page(self, manifest: Manifest, after: int, limit: int, wait_s: float) -> bytes:
        """The next events after a position, as JSON; an empty page if none comes within `wait_s`."""
        reader = await self._open(manifest, after)
        try:
            ends_at = asyncio.get_running_loop().time() + min(wait_s, LONGEST_POLL_S)
            while not (reader.waiting or self._closed):
                left_s = ends_at - asyncio.get_running_loop().time()
                if left_s <= 0 and reader.place >= self.feed.committed:
                    break
                reader.news.clear()
                try:
                    # What is there already is looked for, however little time is given.
                    async with asyncio.timeout(max(left_s, 0.25)):
                        await reader.news.wait()
                except TimeoutError:
                    if left_s <= 0:
                        break
            items = reader.take(limit)
            place = items[-1].position if items else reader.place
            lost = [{"first": cursor_of(first), "last": cursor_of(last)} for first, last in reader.lost]
            return msgspec.json.encode(
                {"items": [_view(item) for item in items], "next": cursor_of(place), "gaps": lost}
            )
        finally:
            self._leave(reader)

    async def stream(
        self, receive: Callable[[], Any], send: Send, manifest: Manifest, after: int, still_valid: Callable[[], bool]
    ) -> None:
        """Events as they come, until the consumer leaves, does not keep up, or may no longer read."""
        reader = await self._open(manifest, after)
        gone = asyncio.ensure_future(_gone(receive))
        try:
            headers = [
                (b"content-type", b"text/event-stream; charset=utf-8"),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),
                (b"x-content-type-options", b"nosniff"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            sent = after
            await _write(send, message("heartbeat", cursor_of(sent), b"{}"))
            while not (gone.done() or self._closed) and still_valid():
                lost, reader.lost = reader.lost, []
                for first, last in lost:
                    said = msgspec.json.encode({"first": cursor_of(first), "last": cursor_of(last)})
                    await _write(send, message("gap", cursor_of(last), said))
                items = reader.take(AT_ONCE)
                if items:
                    sent = items[-1].position
                    self.feed.roomy()
                    await _write(send, b"".join(map(_message, items)))
                    continue
                reader.news.clear()
                if not await _either(reader.news, gone):
                    sent = max(sent, reader.place) if not reader.waiting else sent
                    await _write(send, message("heartbeat", cursor_of(sent), b"{}"))
            if not gone.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            return  # the response stays incomplete, so the server closes the connection
        finally:
            self._leave(reader)
            gone.cancel()


async def _either(news: asyncio.Event, gone: "asyncio.Future[None]") -> bool:
    """Whether something happened before it is time for a heartbeat."""
    waiting = asyncio.ensure_future(news.wait())
    done, _ = await asyncio.wait((waiting, gone), timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    return bool(done)


async def _gone(receive: Callable[[], Any]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes) -> None:
    async with asyncio.timeout(WRITE_WITHIN_S):
        await send({"type": "http.response.body", "body": body, "more_body": True})


def _view(item: Item) -> dict[str, Any]:
    return {
        "position": cursor_of(item.position), "recorded_at": instant(item.recorded_at), "event": msgspec.Raw(item.body)
    }  # fmt: skip


def _message(item: Item) -> bytes:
    # A producer's document may span lines; line ends in JSON are white space, in the stream they are syntax.
    body = item.body.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"id: %s\ndata: %s\n\n" % (cursor_of(item.position).encode(), body)


def _catalogue(connection: Connection) -> Catalogue:
    bodies = [body for kind in ("Service", "Resource") for body in manifests(connection, kind)]
    return Catalogue([msgspec.json.decode(body, type=Manifest) for body in bodies])
