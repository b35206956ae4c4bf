"""A connection to the engine's process: submit, watch, lease. Used by the front and the worker."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from oncue.core.errors import Refusal
from oncue.core.normalise import Outline, outline_of
from oncue.runtime import frames
from oncue.runtime.intake import Intake
from oncue.runtime.keys import journal_key

ANSWER_S: Final = 15.0
HEALTH_S: Final = 2.0
CHECKPOINT_S: Final = 45.0
"""A pause in which the engine signs may be some time in coming."""
EXPIRE_EVERY_S: Final = 0.25
STILL_S: Final = 1.0
"""Between two looks at who has waited too long, from which on this process stood still."""
AGAIN_S: Final = 0.05
"""Pause before another try to connect."""
UNSENT_BYTES: Final = 64 * 1024 * 1024
"""What may wait for an engine that does not read; beyond it nothing more is taken, or memory would grow without end."""
READ_BYTES: Final = 1024 * 1024
GATHERED_EVENTS: Final = 128
"""Of one origin and one turn of the loop that make one unit."""
GATHERED_BYTES: Final = 1024 * 1024
_Sender = tuple[str, str, str | None, str | None, bool]
"""(namespace, origin, actor, person, whether it is urgent)."""
_Question = (
    frames.Submit | frames.Dead | frames.Health | frames.WhoHas | frames.WhoWorks | frames.Checkpoint | frames.Seal
)
_Reply = frames.Answer | frames.HealthReport | frames.InHand | frames.AtWork | frames.Signed
Said = _Reply | Refusal
_SILENT: Final = (
    "the engine does not answer; whether it took this is not known, and the same id tells when it is sent again"
)


class EngineClient:
    """Talks frames with the engine; one per process.

    Reconnects by itself. What was in flight when the connection broke is refused with `engine.unavailable`: it may or
    may not have been committed, and the sender's retry is recognised by its id.
    """

    def __init__(self, socket_path: Path, on_frame: Callable[[frames.Frame], None] | None = None) -> None:
        self._path = socket_path
        self._intake: Intake | None = None
        """Made at the first connection: by then the engine has made the journal's key."""
        self._on_frame = on_frame
        self._seq = itertools.count(1)
        self._waiting: dict[int, tuple[Callable[[Said], None], float]] = {}
        """Sequence number -> (who is told, until when by the loop's clock)."""
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._hello: list[frames.Frame] = []
        self._outgoing: list[bytes] = []
        self._gathered: dict[_Sender, _Gathered] = {}

    def greet(self, frame: frames.Frame) -> None:
        """Send this frame whenever a connection is made: `Watch`, `Lease`."""
        self._hello.append(frame)

    @property
    def connected(self) -> bool:
        """Whether the engine is on the line."""
        return self._connected.is_set()

    async def run(self) -> None:
        """Keep connected until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._expire())
            group.create_task(self._connect())

    async def _expire(self) -> None:
        """An engine that is stopped, or stuck in a slow disk, must not keep people waiting for ever.

        For how long this process itself stood still, as it does with a machine that sleeps, does not count: the answers
        may be there, not read yet.
        """
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(EXPIRE_EVERY_S)
            now = loop.time()
            still_s, before = now - before - EXPIRE_EVERY_S, now
            if still_s > STILL_S:
                for seq, (done, deadline) in self._waiting.items():
                    self._waiting[seq] = (done, deadline + still_s)
            late = [seq for seq, (_, deadline) in self._waiting.items() if deadline <= now]
            for seq in late:
                done, _ = self._waiting.pop(seq)
                done(Refusal("engine.unavailable", _SILENT, retry_after_s=5.0))

    async def _connect(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path), limit=frames.FRAME_LIMIT)
            except OSError:  # not there, or this process has no file descriptor left: both pass
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                self._intake = self._intake or Intake(journal_key(self._path.parent))
            except OSError:
                writer.close()
                await asyncio.sleep(AGAIN_S)
                continue
            self._writer = writer
            self._outgoing = []
            for frame in self._hello:
                self.send(frame)
            self._connected.set()
            try:
                async for received in read_frames(reader):
                    for frame in received:
                        self._receive(frame)
            except (ConnectionResetError, BrokenPipeError):
                pass
            finally:
                self._connected.clear()
                self._writer = None
                writer.close()
                waiting, self._waiting = self._waiting, {}
                for done, _ in waiting.values():
                    done(Refusal("engine.unavailable", "the engine went away before it answered"))
            await asyncio.sleep(AGAIN_S)  # an engine without file descriptors hangs up at once

    def _receive(self, frame: frames.Frame) -> None:
        if isinstance(frame, _Reply):
            waiting = self._waiting.pop(frame.seq, None)
            if waiting is not None:
                waiting[0](frame)
        elif self._on_frame is not None:
            self._on_frame(frame)

    def send(self, frame: frames.Frame) -> None:
        """Send a frame that has no answer. Raises `Refusal` engine.unavailable when not connected."""
        if self._writer is None:
            raise Refusal("engine.unavailable", "the engine is not on the line")
        body = frames.encode(frame)
        self._outgoing += (len(body).to_bytes(4, "big"), body)
        if len(self._outgoing) == 2:
            # What one turn of the loop says goes out together: a system call less for every request but the first.
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if self._writer is not None:
            self._writer.write(b"".join(outgoing))

    def _check(self) -> None:
        if self._writer is None:
            raise Refusal("engine.unavailable", "the engine is not on the line")
        if self._writer.transport.get_write_buffer_size() > UNSENT_BYTES:
            raise Refusal("ingest.overloaded", "the engine does not read what is sent to it", retry_after_s=5.0)

    def _tell(self, frame: _Question, done: Callable[[Said], None]) -> None:
        within_s = _WITHIN_S.get(type(frame), ANSWER_S)
        self._check()
        self.send(frame)
        self._waiting[frame.seq] = (done, asyncio.get_running_loop().time() + within_s)

    async def _ask(self, frame: _Question) -> _Reply:
        future: asyncio.Future[_Reply] = asyncio.get_running_loop().create_future()
        self._tell(frame, _settling(future))
        del frame  # what it carries is on its way, and would be held here until the answer
        return await future

    def _unit(
        self,
        bodies: list[bytes],
        namespace: str,
        origin: str,
        actor: str | None,
        urgent: bool,
        side: list[frames.SideWrite] | None,
        outlines: Sequence[Outline] | None,
        person: str | None,
    ) -> frames.Submit:
        if self._intake is None:
            raise Refusal("engine.unavailable", "the engine is not on the line")
        seq = next(self._seq)
        return self._intake.unit(
            seq, namespace, origin, actor, bodies, outlines=outlines, urgent=urgent, side=side, person=person
        )

    async def submit(
        self,
        bodies: list[bytes],
        *,
        namespace: str,
        origin: str,
        actor: str | None = None,
        urgent: bool = False,
        side: list[frames.SideWrite] | None = None,
        outlines: Sequence[Outline] | None = None,
        person: str | None = None,
    ) -> frames.Answer:
        """Journal these events; returns after the commit. Whoever has read them gives their `outlines`. Of the `person` who
        sent them, `user:name`, they say so.

        Raises `Refusal`: store.unavailable, ingest.overloaded (both with `retry_after_s` in `more`),
        engine.unavailable.
        """
        return _checked(await self._ask(self._unit(bodies, namespace, origin, actor, urgent, side, outlines, person)))

    def submit_then(
        self,
        bodies: list[bytes],
        outlines: Sequence[Outline],
        done: Callable[[frames.Answer | Refusal], None],
        *,
        namespace: str,
        origin: str,
        actor: str | None = None,
        person: str | None = None,
        urgent: bool = False,
    ) -> None:
        """`submit` for who has no task to wait in: `done` is called after the commit, or with what `submit` would raise.

        Few events of one origin that come in the same turn of the loop make one unit: it costs the engine little more
        than each of them would alone. What the engine replies to commands is not told. Raises `Refusal` if nothing can be taken at
        present.
        """
        self._check()
        key = (namespace, origin, actor, person, urgent)
        gathered, size = self._gathered.get(key), sum(map(len, bodies))
        if gathered is None or not gathered.has_room(len(bodies), size):
            gathered = self._gathered[key] = _Gathered()
            asyncio.get_running_loop().call_soon(self._tell_gathered, key, gathered)
        gathered.bodies += bodies
        gathered.size += size
        gathered.outlines += outlines
        gathered.shares.append((len(bodies), done))

    def _tell_gathered(self, key: "_Sender", gathered: "_Gathered") -> None:
        if self._gathered.get(key) is gathered:
            del self._gathered[key]
        namespace, origin, actor, person, urgent = key
        try:
            self._tell(
                self._unit(gathered.bodies, namespace, origin, actor, urgent, None, gathered.outlines, person),
                gathered.told,
            )
        except Refusal as refusal:
            gathered.told(refusal)
        gathered.bodies = []

    async def submit_together(self, body: bytes, *, namespace: str, origin: str, actor: str | None) -> frames.Answer:
        """`submit` for one urgent event that is told of together with others: as `submit_then`."""
        future: asyncio.Future[frames.Answer] = asyncio.get_running_loop().create_future()
        self.submit_then(
            [body], [outline_of(body)], _settling(future), namespace=namespace, origin=origin, actor=actor, urgent=True
        )
        return await future

    async def bury(self, letters: list[tuple[int, str, str, bytes]], *, namespace: str, origin: str) -> frames.Answer:
        """Keep refused input as dead letters; returns after the commit. Raises as `submit` does."""
        answer = await self._ask(frames.Dead(next(self._seq), namespace, origin, letters))
        return _checked(answer)

    async def health(self) -> frames.HealthReport:
        """How the engine is. Raises `Refusal` engine.unavailable."""
        report = await self._ask(frames.Health(next(self._seq)))
        assert isinstance(report, frames.HealthReport)
        return report

    async def who_has(self, effects: list[str]) -> dict[str, frames.Held]:
        """In whose hands these effects are, by id; without those that are over or wait for their time. Raises `Refusal`
        engine.unavailable."""
        answer = await self._ask(frames.WhoHas(next(self._seq), effects))
        assert isinstance(answer, frames.InHand)
        return {one.effect: one for one in answer.items}

    async def who_works(self) -> list[frames.Working]:
        """The workers that are connected, and what each has in hand. Raises `Refusal` engine.unavailable."""
        answer = await self._ask(frames.WhoWorks(next(self._seq)))
        assert isinstance(answer, frames.AtWork)
        return answer.items

    async def checkpoint(self) -> str:
        """Have the head of the chain signed; gives the checkpoint, which is kept by then. Raises `Refusal` engine.unavailable,
        store.unavailable."""
        answer = await self._ask(frames.Checkpoint(next(self._seq)))
        assert isinstance(answer, frames.Signed)
        if answer.note is None:
            raise Refusal("store.unavailable", "the checkpoint cannot be kept now", retry_after_s=5.0)
        return answer.note

    async def seal(self, subject: str, digest: bytes) -> tuple[str, bytes]:
        """The seal of evidence with this SHA-256, and the public key of who sealed it. Raises `Refusal` engine.unavailable."""
        answer = await self._ask(frames.Seal(next(self._seq), subject, digest))
        assert isinstance(answer, frames.Signed)
        assert answer.note is not None
        return answer.note, answer.key


_WITHIN_S: Final[dict[type[Any], float]] = {
    frames.Health: HEALTH_S, frames.WhoHas: HEALTH_S, frames.WhoWorks: HEALTH_S,
    frames.Checkpoint: CHECKPOINT_S,
}  # fmt: skip


def _settling(future: "asyncio.Future[Any]") -> Callable[[Any], None]:
    def done(said: Any) -> None:
        if future.done():
            return
        if isinstance(said, Refusal):
            future.set_exception(said)
        else:
            future.set_result(said)

    return done


def _answer(said: _Reply) -> frames.Answer:
    assert isinstance(said, frames.Answer)
    return said


def _refused(said: _Reply) -> Refusal | None:
    answer = _answer(said)
    return Refusal(*answer.error, retry_after_s=answer.retry_after_s) if answer.error is not None else None


def _checked(said: _Reply) -> frames.Answer:
    refusal = _refused(said)
    if refusal is not None:
        raise refusal
    return _answer(said)


class _Gathered:
    """Events of one origin that came in one turn of the loop, and who waits for which of them."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.size = 0
        """Bytes."""
        self.outlines: list[Outline] = []
        self.shares: list[tuple[int, Callable[[frames.Answer | Refusal], None]]] = []

    def has_room(self, events: int, size: int) -> bool:
        """Whether so many more events of so many bytes fit."""
        return len(self.bodies) + events <= GATHERED_EVENTS and self.size + size <= GATHERED_BYTES

    def told(self, said: Said) -> None:
        """Each is told what became of its own."""
        whole = said if isinstance(said, Refusal) else _refused(said) or _answer(said)
        if isinstance(whole, Refusal):
            for _, done in self.shares:
                done(whole)
            return
        first = 0
        plain = not whole.known and not whole.rejected
        for count, done in self.shares:
            share = frames.Answer(whole.seq, count, position=whole.position)
            if not plain:
                end = first + count
                share.known = [index - first for index in whole.known if first <= index < end]
                share.rejected = [
                    (at - first, code, detail) for at, code, detail in whole.rejected if first <= at < end
                ]
                share.duplicates = len(share.known)
                share.accepted = count - len(share.known) - len(share.rejected)
                first = end
            done(share)


class Framing:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[frames.Frame]:
        """The frames that are complete with `data`."""
        data = self._rest + data if self._rest else data
        found: list[frames.Frame] = []
        at, end = 0, len(data)
        while end - at >= 4:
            after = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if after - at > frames.FRAME_LIMIT:
                raise ConnectionResetError("a frame is larger than any that is sent")
            if after > end:
                break
            found.append(frames.decode(data[at + 4 : after]))
            at = after
        self._rest = data[at:]
        return found


async def read_frames(reader: asyncio.StreamReader) -> AsyncIterator[list[frames.Frame]]:
    """Frames, as many at a time as have come, until the other side closes."""
    framing = Framing()
    while data := await reader.read(READ_BYTES):
        yield framing.feed(data)
