"""Events come in: the hot path, raw ASGI, from the socket to the engine's answer after its commit.

`POST /api/v1/events` for CloudEvents, `/in/{source}` for configured sources, `/heartbeat/{namespace}/{monitor}`. Whoever
calls has been recognised by `app.Front`. Valid members of a message are kept whatever the others are; refused ones are
named in the answer and kept as dead letters.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import entry_points
from typing import Any, Final

import msgspec

from oncue.access.roles import Principal, allowed, namespaces
from oncue.api.admission import Admission
from oncue.api.asgi import JSON, Disconnected, Receive, Scope, Send, answer, read_body, refuse
from oncue.api.catalogue import Catalogue
from oncue.api.connection import Respond
from oncue.api.context import Context, document
from oncue.api.guard import header, require
from oncue.api.problems import body_of
from oncue.core.errors import Refusal
from oncue.plugins.sources import cloudevents
from oncue.runtime.frames import Answer
from oncue.sdk.redact import redacted
from oncue.sdk.source import EVENT_LIMIT, Admitting, Answering, Message, Outline, Parsed, Source
from oncue.store.queries import entity_body

IN_FLIGHT_LIMIT: Final = 128 * 1024 * 1024
"""Bytes of bodies that may be on their way to the engine at once."""
RATE_MINUTES: Final = 5


class Traffic:
    """What came through one source since the process started."""

    def __init__(self) -> None:
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0
        self._last_event_s = 0.0
        self.last_error: str | None = None
        self.last_error_at: datetime | None = None
        self._minutes: deque[tuple[int, int]] = deque(maxlen=RATE_MINUTES)

    def took(self, taken: int, duplicates: int) -> None:
        """Events were journaled."""
        now_s = self._last_event_s = time.time()
        self.accepted += taken
        self.duplicates += duplicates
        minute = int(now_s) // 60
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1] = (minute, self._minutes[-1][1] + taken)
        else:
            self._minutes.append((minute, taken))

    @property
    def last_event_at(self) -> datetime | None:
        """When events were journaled last."""
        return datetime.fromtimestamp(self._last_event_s, UTC) if self._last_event_s else None

    def refused(self, count: int, why: str) -> None:
        """Members, or a whole message, were refused."""
        self.rejected += count
        self.last_error = why[:500]
        self.last_error_at = datetime.now(UTC)

    def rate_per_minute(self) -> float:
        """Events a minute, over the last five."""
        since = int(datetime.now(UTC).timestamp()) // 60 - RATE_MINUTES
        return sum(count for minute, count in self._minutes if minute > since) / RATE_MINUTES


class Outcome(msgspec.Struct):
    """What became of a message's members."""

    accepted: int
    duplicates: int
    rejected: list[tuple[int, str, str]]


class Ingest:
    """Takes messages to the engine, within bounds, and counts."""

    def __init__(self, ctx: Context, catalogue: Catalogue) -> None:
        self._ctx = ctx
        self._catalogue = catalogue
        self._in_flight = 0
        self._limit = ctx.config.limits.body_bytes
        self.traffic: dict[tuple[str, str], Traffic] = {}
        """(namespace, source or protocol) -> its traffic."""
        self._parsers: dict[str, Source] = {}

    def traffic_of(self, namespace: str, origin: str) -> Traffic:
        """The counters of a source; made at the first use."""
        found = self.traffic.get((namespace, origin))
        if found is None:
            found = self.traffic[(namespace, origin)] = Traffic()
        return found

    async def __call__(
        self, parsed: Parsed, *, namespace: str, origin: str, actor: str | None, person: str | None = None
    ) -> Outcome:
        """Journal what was parsed, for a protocol's endpoint: events may name no other namespace."""
        for number, outline in enumerate(parsed.outlines):
            named = outline.namespace
            if named is not None and named != namespace:
                index = parsed.index(number)
                raise Refusal("event.namespace_forbidden", f"member {index} names the namespace {named}")
        return await self.take(parsed, namespace=namespace, origin=origin, actor=actor, person=person)

    async def take(
        self, parsed: Parsed, *, namespace: str, origin: str, actor: str | None, person: str | None,
        who: Principal | None = None,
    ) -> Outcome:  # fmt: skip
        """Journal what was parsed and keep what was refused; returns after the commits.

        Raises `Refusal` when nothing was taken: ingest.overloaded, store.unavailable, engine.unavailable.
        """
        traffic = self.traffic_of(namespace, origin)
        events, outlines, indexes = parsed.events, parsed.outlines, parsed.indexes
        letters = list(parsed.rejected)
        if who is not None and _elsewhere(parsed, namespace):
            events, outlines, indexes = self._permitted(parsed, who, namespace, letters)
        size = sum(map(len, events))
        if self._in_flight + size > IN_FLIGHT_LIMIT:
            raise Refusal("ingest.overloaded", "Too many bytes are on their way to the engine", retry_after_s=1.0)
        self._in_flight += size
        try:
            taken = (
                await self._ctx.client.submit(
                    events, outlines=outlines, namespace=namespace, origin=origin, actor=actor, person=person
                )
                if events
                else Answer(0)
            )
            if letters:
                await self._ctx.client.bury(letters, namespace=namespace, origin=origin)
        except Refusal as refusal:
            traffic.refused(len(events), f"{refusal.code}: {refusal.detail}")
            raise
        finally:
            self._in_flight -= size
        if events:
            traffic.took(taken.accepted, taken.duplicates)
        rejected = [(index, code, detail) for index, code, detail, _ in letters]
        rejected += [
            (number if indexes is None else indexes[number], code, detail) for number, code, detail in taken.rejected
        ]
        if rejected:
            rejected.sort()
            traffic.refused(len(rejected), f"{rejected[-1][1]}: {rejected[-1][2]}")
        return Outcome(taken.accepted, taken.duplicates, rejected)

    def _permitted(
        self, parsed: Parsed, who: Principal, home: str, letters: list[tuple[int, str, str, bytes]]
    ) -> tuple[list[bytes], list[Outline], list[int]]:
        """The events whose namespace the sender may write to, and where they stood; the others join `letters`."""
        events: list[bytes] = []
        outlines: list[Outline] = []
        indexes: list[int] = []
        for number, (body, outline) in enumerate(zip(parsed.events, parsed.outlines, strict=True)):
            index, named = parsed.index(number), outline.namespace
            if named is None or named == home or allowed(who, "event:write", named):
                events.append(body)
                outlines.append(outline)
                indexes.append(index)
            else:
                letters.append((index, "event.namespace_forbidden", f"the namespace {named}", body))
        return events, outlines, indexes

    @contextmanager
    def _holding(self, size: int) -> Iterator[None]:
        """Counts a body that a source looks at among the bytes on their way: what a signature needs may take seconds.

        Raises `Refusal` ingest.overloaded.
        """
        if self._in_flight + size > IN_FLIGHT_LIMIT:
            raise Refusal("ingest.overloaded", "Too many bodies are being looked at", retry_after_s=1.0)
        self._in_flight += size
        try:
            yield
        finally:
            self._in_flight -= size

    # Routes

    async def events(self, scope: Scope, receive: Receive, send: Send, who: Principal) -> None:
        """`POST /api/v1/events`."""
        # The body has no name here: what waits for the engine is held once, as events.
        parsed = cloudevents.parse(scope["headers"], await read_body(scope, receive, self._limit))
        await self._respond(send, parsed, who, namespace=home(who), origin="events", single=not _is_batch(scope))

    def at_once(self, scope: Scope, body: bytes, who: Principal, respond: Respond) -> bool:
        """`events` without a task, if there is nothing to do but to hand over: False, with nothing done, otherwise.

        Raises `Refusal` where `events` does.
        """
        if len(body) > self._limit or header(scope, b"content-encoding") is not None:
            return False
        parsed = cloudevents.parse(scope["headers"], body)
        single = not _is_batch(scope)

        def done(outcome: Outcome | Refusal) -> None:
            try:
                if isinstance(outcome, Refusal):
                    raise outcome
                said = _said(outcome, single)
            except Refusal as refusal:
                status, problem, headers = body_of(refusal)
                respond(status, headers, problem)
            else:
                respond(200, JSON, said)

        return self.hand_over(parsed, done, namespace=home(who), origin="events", actor=who.actor, person=who.behind)

    def hand_over(
        self,
        parsed: Parsed,
        done: Callable[[Outcome | Refusal], None],
        *,
        namespace: str,
        origin: str,
        actor: str | None,
        person: str | None = None,
    ) -> bool:
        """`take` for who has no task to wait in: `done` is told the outcome, or what `take` would raise.

        False, with nothing done, unless all of it can go to the engine as it is. Raises `Refusal` if nothing can.
        """
        if parsed.rejected or _elsewhere(parsed, namespace):
            return False
        size = sum(map(len, parsed.events))
        if not parsed.events or self._in_flight + size > IN_FLIGHT_LIMIT:
            return False
        traffic = self.traffic_of(namespace, origin)
        count = len(parsed.events)

        def told(taken: Answer | Refusal) -> None:
            self._in_flight -= size
            if isinstance(taken, Refusal):
                traffic.refused(count, f"{taken.code}: {taken.detail}")
                done(taken)
                return
            traffic.took(taken.accepted, taken.duplicates)
            if taken.rejected:
                traffic.refused(len(taken.rejected), f"{taken.rejected[-1][1]}: {taken.rejected[-1][2]}")
            done(Outcome(taken.accepted, taken.duplicates, taken.rejected))

        self._ctx.client.submit_then(
            parsed.events, parsed.outlines, told, namespace=namespace, origin=origin, actor=actor, person=person
        )
        self._in_flight += size
        return True

    async def source(self, scope: Scope, receive: Receive, send: Send, who: Principal, name: str) -> None:
        """`POST /in/{source}`."""
        manifest = self._catalogue.source(name, who)
        require(who, "event:write", manifest.namespace)
        body = await read_body(scope, receive, self._limit)
        spec = manifest.spec
        message = Message(
            name=name,
            headers=list(scope["headers"]),
            body=body,
            now=datetime.now(UTC),
            service=spec.get("service"),
            labels=spec.get("labels") or {},
            settings=spec.get("with") or {},
        )
        parser = self._parser(spec["type"])
        with self._holding(len(body)):
            parsed = await self._parsed(parser, message, manifest.namespace)
        if isinstance(parser, Answering):
            outcome = await self.take(
                parsed, namespace=manifest.namespace, origin=name, actor=who.actor, person=who.behind, who=who
            )
            reply = parser.answer(message, outcome.accepted, outcome.duplicates, outcome.rejected)
            media = (reply.content_type or "text/plain").encode()
            await answer(send, reply.status, [(b"content-type", media), (b"cache-control", b"no-store")], reply.body)
            return
        await self._respond(send, parsed, who, namespace=manifest.namespace, origin=name, single=False)

    async def _parsed(self, parser: Source, message: Message, namespace: str) -> Parsed:
        try:
            if isinstance(parser, Admitting):
                await parser.admit(message, Admission(self._ctx, namespace))
            return parser.parse(message)
        except Refusal as refusal:
            self.traffic_of(namespace, message.name).refused(1, f"{refusal.code}: {refusal.detail}")
            letter = (0, refusal.code, refusal.detail, redacted(message.body[:EVENT_LIMIT]))
            await self._ctx.client.bury([letter], namespace=namespace, origin=message.name)
            raise

    async def heartbeat(
        self, scope: Scope, receive: Receive, send: Send, who: Principal, namespace: str, monitor: str
    ) -> None:
        """`GET` or `POST /heartbeat/{namespace}/{monitor}`."""
        require(who, "heartbeat:write", namespace)
        if scope["method"] == "POST":
            await read_body(scope, receive, self._limit)
        row = await self._ctx.queries.run(partial(entity_body, kind="manifest", id=f"Monitor/{namespace}/{monitor}"))
        manifest: dict[str, Any] = msgspec.json.decode(row[1]) if row is not None else {"deleted": True}
        if manifest.get("deleted") or manifest["spec"].get("uses") != "heartbeat":
            raise Refusal("monitor.not_found", f"There is no heartbeat monitor {namespace}/{monitor}"[:300])
        taken = await self._ctx.client.submit(
            [document("oncue.heartbeat.received", {"monitor": f"{namespace}/{monitor}"})],
            namespace=namespace,
            origin="heartbeat",
            actor=who.actor,
            person=who.behind,
        )
        self.traffic_of(namespace, "heartbeat").took(taken.accepted, 0)
        await answer(send, 200, JSON, b'{"accepted":1}')

    async def _respond(
        self, send: Send, parsed: Parsed, who: Principal, *, namespace: str, origin: str, single: bool
    ) -> None:
        outcome = await self.take(
            parsed, namespace=namespace, origin=origin, actor=who.actor, person=who.behind, who=who
        )
        await answer(send, 200, JSON, _said(outcome, single))

    def _parser(self, type: str) -> Source:
        parser = self._parsers.get(type)
        if parser is None:
            points = [point for point in entry_points(group="oncue.sources") if point.name == type]
            if not points:
                raise Refusal("source.not_found", f"There is no source type {type!r} on this server")
            parser = self._parsers[type] = points[0].load()()
        return parser


def _said(outcome: Outcome, single: bool) -> bytes:
    """The body of the answer. Raises the `Refusal` of an event that came alone."""
    if not outcome.rejected:
        return b'{"accepted":%d,"duplicates":%d,"rejected":[]}' % (outcome.accepted, outcome.duplicates)
    if single:
        _, code, detail = outcome.rejected[0]
        raise Refusal(code, detail)
    return msgspec.json.encode(
        {
            "accepted": outcome.accepted,
            "duplicates": outcome.duplicates,
            "rejected": [{"index": index, "code": code, "detail": detail} for index, code, detail in outcome.rejected],
        }
    )


def _elsewhere(parsed: Parsed, home: str) -> bool:
    """Whether an event names another namespace."""
    return any(one.namespace is not None and one.namespace != home for one in parsed.outlines)


def home(who: Principal) -> str:
    """The namespace of events that name none: the token's. Raises `Refusal` if it may not write there."""
    if allowed(who, "event:write", who.home):
        return who.home
    writable = namespaces(who, "event:write")
    if not writable:
        raise Refusal("event.namespace_forbidden", f"the namespace {who.home}")
    return min(writable)


def _is_batch(scope: Scope) -> bool:
    media = (header(scope, b"content-type") or b"").lower()
    return media.startswith(b"application/cloudevents-batch")


async def guarded(route: Any, send: Send) -> None:
    """Run a route outside Litestar; a refusal becomes a problem document."""
    try:
        await route
    except Refusal as refusal:
        await refuse(send, refusal)
    except Disconnected:
        pass
