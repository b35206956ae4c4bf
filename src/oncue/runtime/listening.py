"""Listens: opens the sockets that Source manifests ask for, and takes what arrives to the engine.

What arrives waits in an inbox, bounded in number and bytes. Every `GATHER_S`, or as soon as `BATCH` have come, they leave as
one submission, in order, again and again until the engine has taken them. While the inbox is full, a stream is not read
and a datagram is lost, counted and said. What was received and not yet committed is lost if this process is killed:
protocols without an acknowledgement cannot do better.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest, SourceSpec
from oncue.runtime import reception
from oncue.runtime.client import EngineClient
from oncue.runtime.inputs import document
from oncue.runtime.reception import Rate, Reception, State
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import ActionError, Log, registry
from oncue.sdk.source import Listening, Message, Parsed, Received

GATHER_S: Final = 0.05
BATCH: Final = 500
BATCH_BYTES: Final = 4 * 1024 * 1024
WAITING: Final = 50_000
"""Datagrams of one source that wait at most."""
STREAM_WAITING: Final = 2_000
"""Messages of streams that wait at most: what has not been read is safe with its sender."""
WAITING_BYTES: Final = 32 * 1024 * 1024
RETRY_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before a socket that could not be had is tried again."""
CALM_S: Final = 30.0
"""A source that has lost nothing for so long is no longer overloaded."""
REPORT_S: Final = 1.0
DRAIN_S: Final = 5.0
"""How long what has arrived may take to leave when its source is changed or deleted."""

Send = Callable[[bytes, str | None], None]


class Listeners:
    """All sources of this server that listen."""

    def __init__(self, data: Path, client: EngineClient, surroundings: Surroundings, send: Send, log: Log) -> None:
        self._data = data
        self._client = client
        self._surroundings = surroundings
        self._send = send
        self._log = log
        self._ears: dict[str, Ear] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    def configure(self, manifests: Sequence[Manifest]) -> None:
        """Listen for exactly these. One that is unchanged goes on undisturbed."""
        wanted = {manifest.id: manifest for manifest in manifests}
        gone = {id: ear for id, ear in self._ears.items() if id not in wanted or not _alike(ear.manifest, wanted[id])}
        for id, ear in gone.items():
            del self._ears[id]
            leaving = asyncio.create_task(ear.close(DRAIN_S), name=f"leaving {id}")
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        for id, manifest in wanted.items():
            if id not in self._ears:
                self._begin(id, manifest, list(gone.values()), gone.get(id))

    def _begin(self, id: str, manifest: Manifest, gone: "list[Ear]", before: "Ear | None") -> None:
        try:
            spec = registry.fit(manifest.spec, SourceSpec)
            source = registry.source(spec.type)
            if not isinstance(source, Listening):
                return
            address = source.listens(spec.with_)
        except (ActionError, msgspec.ValidationError) as error:
            self._log.warning("source.unusable", source=f"{manifest.namespace}/{manifest.name}", detail=str(error))
            return
        if address is None:
            return
        ear = Ear(manifest, spec, source, address, self._client, self._surroundings, self._send, self._log)
        if before is not None:
            ear.inherit(before)
        self._ears[id] = ear
        ear.start(gone)

    async def run(self) -> None:
        """Write down how the sources are, until cancelled."""
        said: list[Reception] = []
        written_at = 0.0
        while True:
            receptions = [ear.report() for ear in self._ears.values()]
            late = time.monotonic() - written_at > reception.STALE.total_seconds() / 4
            if receptions != said or (late and receptions):
                try:
                    reception.write(self._data, receptions)
                except OSError as error:  # a full disk must not keep us from listening
                    self._log.warning("source.report_unwritten", detail=str(error))
                said = [msgspec.structs.replace(one) for one in receptions]
                written_at = time.monotonic()
            await asyncio.sleep(REPORT_S)

    async def drain(self, grace_s: float) -> None:
        """Receive no more; return when what has arrived is committed, or after `grace_s`."""
        ears, self._ears = list(self._ears.values()), {}
        await asyncio.gather(*(ear.close(grace_s) for ear in ears), *self._leaving)
        (self._data / reception.FILE).unlink(missing_ok=True)


def _alike(one: Manifest, other: Manifest) -> bool:
    return one.hash == other.hash and one.generation == other.generation


class Ear:
    """One source that listens: its inbox, and the tasks that fill and empty it."""

    def __init__(
        self, manifest: Manifest, spec: SourceSpec, source: Listening, address: str, client: EngineClient,
        surroundings: Surroundings, send: Send, log: Log,
    ) -> None:  # fmt: skip
        self.manifest = manifest
        self.id = f"{manifest.namespace}/{manifest.name}"
        self.connections = 0
        """Set by the source."""
        self.deaf = asyncio.Event()
        """Its socket is closed for good."""
        self._spec = spec
        self._source = source
        self._client = client
        self._surroundings = surroundings
        self._send = send
        self._log = log
        self.reception = Reception(
            namespace=manifest.namespace, name=manifest.name, address=address, since=datetime.now(UTC)
        )
        self.rate = Rate()
        self._waiting: deque[Received] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._empty = asyncio.Event()
        """Nothing waits, and nothing is on its way to the engine."""
        self._empty.set()
        self._lost_at: float | None = None
        self._failures = 0
        """In a row; a socket that was there for `CALM_S` ends the row."""
        self._opened_at: float | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def inherit(self, before: "Ear") -> None:
        """Go on counting where an earlier version of the manifest ended."""
        for name in ("accepted", "duplicates", "rejected", "lost", "last_event_at", "last_error", "last_error_at"):
            setattr(self.reception, name, getattr(before.reception, name))
        self.rate = before.rate

    def start(self, gone: "list[Ear]") -> None:
        """Listen, as soon as those that are gone have left their sockets."""
        self._tasks = [
            asyncio.create_task(self._listen(gone), name=f"source {self.id}"),
            asyncio.create_task(self._forward(), name=f"inbox of {self.id}"),
        ]

    async def close(self, grace_s: float) -> None:
        """Receive no more; return when what has arrived is committed, or after `grace_s`."""
        listening, forwarding = self._tasks
        listening.cancel()
        await asyncio.wait([listening])
        self.deaf.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), grace_s)
        forwarding.cancel()
        await asyncio.wait([forwarding])
        if self._waiting:
            self._log.warning("source.undelivered", source=self.id, messages=len(self._waiting))

    def report(self) -> Reception:
        """How it is now. Raises what ended one of its tasks, which is a defect of ours."""
        for task in self._tasks:
            if task.done():
                task.result()
        if self.reception.state == "overloaded" and not self._is_losing():
            self._become("listening")
        self.reception.connections = self.connections
        self.reception.rate_per_minute = self.rate.at(datetime.now(UTC))
        return self.reception

    # What the source sees

    def opened(self) -> None:
        """It listens from now on."""
        self._opened_at = time.monotonic()
        self._become("listening")

    def offer(self, received: Received) -> bool:
        """Takes it; False if too much waits, and it is lost and counted."""
        if self._is_full(WAITING):
            self.lost(1)
            return False
        self._keep(received)
        return True

    async def put(self, received: Received) -> None:
        """Takes it, and waits while too much waits."""
        while self._is_full(STREAM_WAITING):
            self._room.clear()
            await self._room.wait()
        self._keep(received)

    def lost(self, count: int) -> None:
        """So many were lost."""
        if count <= 0:
            return
        self.reception.lost += count
        self._lost_at = time.monotonic()
        if self.reception.state == "listening":
            self._become(
                "overloaded", "source.overloaded", "messages come faster than they can be taken; some are lost"
            )

    def refused(self, why: str) -> None:
        """A connection, or what came from somewhere, was turned away."""
        self.reception.rejected += 1
        self.reception.error(why)

    def secret(self, reference: str) -> str:
        """The value of `secret://name`. Raises `Refusal` secret.not_found."""
        try:
            return self._surroundings.context(self.manifest.namespace, self.id, 1, 10.0).secret(reference)
        except ActionError as error:
            raise Refusal(error.code, error.detail) from error

    # Its tasks

    async def _listen(self, gone: "list[Ear]") -> None:
        for ear in gone:
            await ear.deaf.wait()
        while True:
            try:
                await self._source.listen(self._spec.with_, self)
                failure = ("source.closed", "it stopped listening")
            except OSError as error:
                failure = ("source.unavailable", f"{self.reception.address}: {error.strerror or error}")
            except Refusal as refusal:
                failure = (refusal.code, refusal.detail)
            except Exception as error:  # noqa: BLE001 - a plugin's defect is the source's ill health, not our end
                failure = ("source.crashed", f"{type(error).__name__}: {error}")
            self._become("failing", *failure)
            if self._opened_at is not None and time.monotonic() - self._opened_at >= CALM_S:
                self._failures = 0
            self._opened_at = None
            await asyncio.sleep(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
            self._failures += 1

    async def _forward(self) -> None:
        """Empties the inbox: one submission is on its way while the next is made."""
        delivering: asyncio.Task[None] | None = None
        try:
            while True:
                if not self._waiting:
                    if delivering is not None:
                        await delivering
                    if not self._waiting:
                        self._empty.set()
                    await self._arrived.wait()
                if len(self._waiting) < BATCH:
                    await asyncio.sleep(GATHER_S)
                parsed = self._parsed(self._gathered())
                if delivering is not None:
                    await delivering
                delivering = asyncio.create_task(self._deliver(parsed), name=f"delivery of {self.id}")
                await asyncio.sleep(0)
        finally:
            if delivering is not None:
                delivering.cancel()

    def _gathered(self) -> list[Received]:
        taken: list[Received] = []
        size = 0
        while self._waiting and len(taken) < BATCH and size < BATCH_BYTES:
            received = self._waiting.popleft()
            size += len(received.body)
            taken.append(received)
        self._bytes -= size
        if not self._waiting:
            self._arrived.clear()
        self._room.set()
        return taken

    async def _deliver(self, parsed: Parsed) -> None:
        namespace, name = self.manifest.namespace, self.manifest.name
        if parsed.events:
            answer = await self._until_taken(
                lambda: self._client.submit(parsed.events, outlines=parsed.outlines, namespace=namespace, origin=name)
            )
            now = datetime.now(UTC)
            self.reception.accepted += answer.accepted
            self.reception.duplicates += answer.duplicates
            self.reception.last_event_at = now
            self.rate.count(answer.accepted, now)
            self._refuse([(code, detail) for _, code, detail in answer.rejected])
        if parsed.rejected:
            await self._until_taken(lambda: self._client.bury(parsed.rejected, namespace=namespace, origin=name))
            self._refuse([(code, detail) for _, code, detail, _ in parsed.rejected])

    def _parsed(self, taken: list[Received]) -> Parsed:
        message = Message(
            name=self.manifest.name, headers=[], body=b"", now=datetime.now(UTC), service=self._spec.service,
            labels=self._spec.labels, settings=self._spec.with_,
        )  # fmt: skip
        try:
            return self._source.gathered(message, taken)
        except Refusal as refusal:
            code, detail = refusal.code, refusal.detail
        except Exception as error:  # noqa: BLE001 - a plugin's defect must not stop what comes after it
            code, detail = "internal", f"the source failed on it: {type(error).__name__}: {error}"
            self._log.warning("source.crashed", source=self.id, detail=detail)
        return Parsed([], [], [(index, code, detail, one.body) for index, one in enumerate(taken)])

    async def _until_taken(self, submit: Callable[[], Any]) -> Any:
        """What the engine answers, however often it takes. The same ids go again, so that nothing is counted twice."""
        while True:
            try:
                return await submit()
            except Refusal as refusal:
                self.reception.error(f"{refusal.code}: {refusal.detail}")
                await asyncio.sleep(float(str(refusal.more.get("retry_after_s") or 0.25)))

    def _refuse(self, refused: list[tuple[str, str]]) -> None:
        if refused:
            self.reception.rejected += len(refused)
            self.reception.error(": ".join(refused[-1]))

    def _keep(self, received: Received) -> None:
        self._waiting.append(received)
        self._bytes += len(received.body)
        self._arrived.set()
        self._empty.clear()

    def _is_full(self, limit: int) -> bool:
        return len(self._waiting) >= limit or self._bytes >= WAITING_BYTES

    def _is_losing(self) -> bool:
        return self._lost_at is not None and time.monotonic() - self._lost_at < CALM_S

    def _become(self, state: State, error_code: str | None = None, detail: str | None = None) -> None:
        known = self.reception
        if (known.state, known.detail) == (state, detail):
            return
        if known.state != state:
            known.since = datetime.now(UTC)
        known.state, known.detail = state, detail
        if detail is not None:
            known.error(f"{error_code}: {detail}")
            self._log.warning("source.unwell", source=self.id, state=state, error_code=error_code, detail=detail)
        else:
            self._log.info("source.listening", source=self.id, address=known.address)
        said = {"source": self.id, "address": known.address, "state": state, "error_code": error_code, "detail": detail}
        self._send(
            document(
                "oncue.source.health",
                f"/oncue/sources/{self.id}",
                {name: value for name, value in said.items() if value is not None},
                namespace=self.manifest.namespace,
            ),
            f"source:{self.id}",
        )
