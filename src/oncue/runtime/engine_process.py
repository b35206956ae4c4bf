"""The engine's process: the only one that writes. Listens on a Unix socket in the data directory.

An event loop talks to the front and the workers; a thread of its own runs the writer (`writing.py`). If that thread ends
with anything but a refusal of the store, the process exits, and the supervisor starts it again from what is on the disk.
"""

import asyncio
import gc
import os
import platform
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from typing import Any, Final

import msgspec
import structlog
import uvloop

from oncue import __version__, config
from oncue.core.effect import Effect
from oncue.runtime import frames
from oncue.runtime.client import read_frames
from oncue.runtime.clock import Clock, instant, microseconds
from oncue.runtime.dispatch import Dispatcher, lost
from oncue.runtime.intake import Intake
from oncue.runtime.keys import journal_key, signing_key
from oncue.runtime.logs import configure
from oncue.runtime.maintenance import Maintenance
from oncue.runtime.making import After
from oncue.runtime.parent import die_with_parent
from oncue.runtime.recovery import load_behind, load_dedup, load_state
from oncue.runtime.writing import WriterLoop
from oncue.store.database import open_writer, reading_engine
from oncue.store.revision import FILE_NAME

log = structlog.get_logger()

ANNOUNCE_EVERY_S: Final = 0.004
"""How long watchers may wait for the news of a commit that changed neither access nor configuration, while there are many."""
ANNOUNCE_AT_ONCE: Final = 10
"""Commits of which they are told without waiting, if there were not many before."""
NEWS_FACTS: Final = 64
NEWS_BYTES: Final = 64 * 1024
"""How many facts, and of which size, watchers are given with the news of commits; more they read themselves."""


class EngineProcess:
    """Ties socket, writer thread and dispatcher together."""

    def __init__(self, settings: config.Config) -> None:
        address = str(settings.data / FILE_NAME)
        began = time.perf_counter()
        self._writer, origin = open_writer(address)
        self._clock = Clock(floor_us=origin.recorded_at)
        self.state = load_state(address, origin)
        dedup = load_dedup(address, self._clock.now())
        self._intake = Intake(journal_key(settings.data))
        reading = reading_engine(address, 1)
        self.loop = WriterLoop(
            self.state, self._writer, dedup, self._intake, self._clock, reading,
            behind=load_behind(address, self.state), events_so_far=origin.events,
            queue_events=settings.limits.queue_events, after_commit=self._after_commit,
        )  # fmt: skip
        retention = settings.retention
        self._maintenance = Maintenance(
            self.state, self._writer, reading, signing_key(settings.data), max_age_days=retention.max_age_days,
            max_size_gb=retention.max_size_gb, minute_days=retention.samples_minute_days,
            hour_days=retention.samples_hour_days, address=address,
        )  # fmt: skip
        self._socket = settings.data / frames.SOCKET_NAME
        self._watchers: dict[int, tuple[asyncio.StreamWriter, bool]] = {}
        """By connection, each with whether it wants facts."""
        self._news: list[tuple[Any, ...]] = []
        """Rows of facts of which watchers were not told yet, up to one more than they are given."""
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._dispatcher = Dispatcher(self._clock, self._lost)
        self._ready = False
        self._origin = origin
        self._told = threading.Lock()
        self._unsent: After | None = None
        self._replies: list[tuple[asyncio.StreamWriter, frames.Answer]] = []
        self._asyncio: asyncio.AbstractEventLoop | None = None
        self._position = self._announced = self.state.position
        self._announced_at = 0.0
        self._to_announce = float(ANNOUNCE_AT_ONCE)
        """A token bucket: of how many commits watchers may be told at once, as of `_announced_at`."""
        self._grown: dict[tuple[str, str], None] = {}
        """Runs whose log grew and of which watchers were not told yet."""
        self._announcing: asyncio.TimerHandle | None = None
        self._load_s = time.perf_counter() - began

    async def run(self) -> None:
        """Serve until SIGTERM."""
        self._asyncio = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._asyncio.add_signal_handler(number, stop.set)
        thread = threading.Thread(target=self._write, name="writer", daemon=True)
        thread.start()
        await self._announce()
        self._dispatcher.recover(
            [(id, effect.state, msgspec.json.encode(effect)) for id, effect in sorted(self.state.effects.items())]
        )
        self._socket.unlink(missing_ok=True)
        os.chdir(self._socket.parent)  # a Unix socket's path may have 107 bytes at the most
        server = await asyncio.start_unix_server(self._serve, frames.SOCKET_NAME, limit=frames.FRAME_LIMIT)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 1_000_000)  # full collections stall the path; core makes no cycles
        self._ready = True
        log.info("engine ready", position=self.state.position, load_s=round(self._load_s, 2))
        idle = asyncio.create_task(self._idle())
        await stop.wait()
        idle.cancel()
        server.close()
        await asyncio.sleep(0)
        self.loop.stop()
        await asyncio.to_thread(thread.join, 30.0)
        await self._hang_up()
        self._maintenance.checkpoint()
        self._socket.unlink(missing_ok=True)
        self._writer.driver.close()

    async def _hang_up(self) -> None:
        """End the connections ourselves: one that the loop's end cancels leaves a traceback in the log."""
        tasks = list(self._connections)
        for writer in self._connections.values():
            writer.close()
        if tasks:
            await asyncio.wait(tasks, timeout=5.0)

    def _write(self) -> None:
        try:
            self.loop.run()
        except BaseException as failure:  # noqa: BLE001 - whatever it was, the process ends with it
            try:
                log.critical("the writer failed; starting again from the disk", reason=repr(failure), exc_info=True)
                sys.stderr.flush()
            finally:  # without its writer this process would look alive and answer nobody
                os._exit(70)

    async def _announce(self) -> None:
        """The first input of every start."""
        origin = self._origin
        data = {
            "down_since": instant(origin.recorded_at) if origin.recorded_at else None,
            "engine": __version__,
            "python": platform.python_version(),
            "cel": metadata.version("cel-expr-python"),
            "tzdata": metadata.version("tzdata"),
        }
        await self._submit("oncue.engine.started", data)

    async def _submit(self, type: str, data: Any) -> frames.Answer:
        body = msgspec.json.encode(
            {
                "specversion": "1.0",
                "id": uuid.uuid4().hex,
                "source": "/oncue/engine",
                "type": type,
                "time": datetime.now(UTC),
                "datacontenttype": "application/json",
                "data": data,
            }
        )
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[frames.Answer] = loop.create_future()

        def done(answer: frames.Answer) -> None:
            loop.call_soon_threadsafe(_settle, answered, answer)

        while True:
            self.loop.submit([self._intake.unit(0, "default", "engine", "system", [body], urgent=True)], done)
            answer = await answered
            if answer.error is None:
                return answer
            await asyncio.sleep(1.0)
            answered = loop.create_future()

    def _lost(self, effect: Effect, code: str) -> None:
        assert self._asyncio is not None
        result = lost(effect, code, handed=self._dispatcher.handed(effect.id))
        task = self._asyncio.create_task(self._submit("oncue.effect.result", result))
        task.add_done_callback(lambda finished: finished.exception())

    async def _idle(self) -> None:
        while True:
            await asyncio.sleep(5.0)
            self.loop.when_idle(self._maintain)

    def _maintain(self) -> None:
        """In the writer's thread. Events that have come meanwhile go before the next round."""
        if self._maintenance.idle():
            self.loop.when_idle(self._maintain)

    # after a commit

    def _after_commit(self, after: After) -> None:
        """In the writer's thread. What comes while the event loop is busy is put together."""
        with self._told:
            waiting = self._unsent
            if waiting is None:
                self._unsent = after
            else:
                waiting.position = after.position
                waiting.access_changed |= after.access_changed
                waiting.config_changed |= after.config_changed
                waiting.effects = [*waiting.effects, *after.effects]
                waiting.told = [*waiting.told, *after.told]
                waiting.facts = _few(waiting.facts, after.facts)
        if waiting is None and self._asyncio is not None:
            self._asyncio.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        with self._told:
            after, self._unsent = self._unsent, None
        if after is None:
            return
        if after.effects:
            self._dispatcher.changed(after.effects)
        self._position = after.position
        self._grown.update(dict.fromkeys(after.told))
        self._news = _few(self._news, after.facts)
        if after.access_changed or after.config_changed:
            self._announce_commit(after.access_changed, after.config_changed)
        elif self._announcing is None:
            assert self._asyncio is not None
            earned = (self._asyncio.time() - self._announced_at) / ANNOUNCE_EVERY_S
            if self._to_announce + earned >= 1.0:
                self._announce_commit()
            else:
                pause_s = (1.0 - self._to_announce - earned) * ANNOUNCE_EVERY_S
                self._announcing = self._asyncio.call_later(pause_s, self._announce_commit)

    def _announce_commit(self, access_changed: bool = False, config_changed: bool = False) -> None:
        assert self._asyncio is not None
        if self._announcing is not None:
            self._announcing.cancel()
            self._announcing = None
        now = self._asyncio.time()
        earned = (now - self._announced_at) / ANNOUNCE_EVERY_S
        self._to_announce = max(0.0, min(ANNOUNCE_AT_ONCE, self._to_announce + earned) - 1.0)
        self._announced_at = now
        grown, self._grown = list(self._grown), {}
        news, self._news = self._news, []
        committed = frames.Committed(self._position, access_changed, config_changed, grown)
        frame = _framed(committed)
        if len(news) <= NEWS_FACTS and sum(len(row[-1]) for row in news) <= NEWS_BYTES:
            committed.news = frames.News(self._announced, [(*row[:8], row[-1]) for row in news])
        self._announced = self._position
        frame_with_facts = _framed(committed)
        for writer, facts in self._watchers.values():
            _give(writer, frame_with_facts if facts else frame)

    def _reply(self, writer: asyncio.StreamWriter, answer: frames.Answer) -> None:
        """In the writer's thread, or the event loop's. The answers of one commit go out together."""
        with self._told:
            self._replies.append((writer, answer))
            first = len(self._replies) == 1
        if first and self._asyncio is not None:
            self._asyncio.call_soon_threadsafe(self._send_replies)

    def _send_replies(self) -> None:
        with self._told:
            replies, self._replies = self._replies, []
        together: dict[asyncio.StreamWriter, list[bytes]] = {}
        for writer, answer in replies:
            together.setdefault(writer, []).append(_framed(answer))
        for writer, parts in together.items():
            _give(writer, b"".join(parts))

    # connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = id(writer)
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer

        def done(answer: frames.Answer) -> None:
            self._reply(writer, answer)

        def send(frame: frames.Frame) -> None:
            _give(writer, _framed(frame))

        try:
            async for received in read_frames(reader):
                sayings = [saying for frame in received if isinstance(frame, frames.Sayings) for saying in frame.items]
                if sayings:
                    self.loop.say(sayings)
                units = [frame for frame in received if isinstance(frame, frames.Submit | frames.Dead)]
                if units:
                    self.loop.submit(units, done)
                for frame in received:
                    self._other(frame, connection, writer, send)
        except (ConnectionResetError, BrokenPipeError):
            pass
        finally:
            del self._connections[task]
            self._watchers.pop(connection, None)
            self._dispatcher.gone(connection)
            writer.close()

    def _other(
        self, frame: frames.Frame, connection: int, writer: asyncio.StreamWriter, send: Callable[[frames.Frame], None]
    ) -> None:
        if isinstance(frame, frames.Watch):
            self._watchers[connection] = (writer, frame.facts)
        elif isinstance(frame, frames.Lease):
            self._dispatcher.offer(connection, frame.worker, frame.slots, send, frame.labels)
        elif isinstance(frame, frames.Health):
            ready = self._ready and self.loop.problem is None
            send(frames.HealthReport(frame.seq, ready, self._health()))
        elif isinstance(frame, frames.WhoHas):
            send(frames.InHand(frame.seq, self._dispatcher.held(frame.effects)))
        elif isinstance(frame, frames.WhoWorks):
            send(frames.AtWork(frame.seq, self._dispatcher.working()))
        elif isinstance(frame, frames.Checkpoint):
            self.loop.when_idle(partial(self._checkpoint, frame.seq, send))
        elif isinstance(frame, frames.Seal):
            note = self._maintenance.seal(frame.subject, frame.digest)
            send(frames.Signed(frame.seq, note, self._maintenance.public_key))

    def _checkpoint(self, seq: int, send: Callable[[frames.Frame], None]) -> None:
        """In the writer's thread."""
        signed = frames.Signed(seq, self._maintenance.checkpoint(), self._maintenance.public_key)
        assert self._asyncio is not None
        self._asyncio.call_soon_threadsafe(send, signed)

    def _health(self) -> dict[str, Any]:
        state = self.state
        return {
            "position": f"0-{state.position}",
            "problem": self.loop.problem,
            "queue_events": self.loop.waiting,
            "lag_seconds": max(0.0, (self._clock.now() - microseconds(state.now)) / 1e6),
            "live": {kind: len(rows) for kind, rows in state.entities.items()},
            "runs_resting": state.runs.resting,
            "runs_resting_bytes": state.runs.resting_bytes,
            "timers": len(state.timers.by_key),
            "windows": len(state.windows),
            "effects_pending": self._dispatcher.pending,
            "effects_overdue_seconds": self._dispatcher.overdue_s,
            "workers": self._dispatcher.workers,
            "load_seconds": self._load_s,
            "version": __version__,
            "journal_id": state.identity.journal_id,
            **msgspec.to_builtins(self.loop.counters),
        }


def _few(facts: list[tuple[Any, ...]], more: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """These facts, as far as they may be given to watchers, and one more if they are too many."""
    return [*facts, *more[: NEWS_FACTS + 1 - len(facts)]] if len(facts) <= NEWS_FACTS else facts


def _settle(future: "asyncio.Future[frames.Answer]", answer: frames.Answer) -> None:
    if not future.done():
        future.set_result(answer)


def _give(writer: asyncio.StreamWriter, told: bytes) -> None:
    """Whoever is there is told. Of one who has gone nothing is said: others wait for theirs."""
    if not writer.is_closing():
        writer.write(told)


def _framed(frame: frames.Frame) -> bytes:
    body = frames.encode(frame)
    return len(body).to_bytes(4, "big") + body


def main() -> None:
    """Run the engine until told to stop."""
    die_with_parent()
    os.umask(0o077)  # what the journal holds is its owner's alone
    settings = config.load()
    configure(settings.log, "engine")
    sys.setswitchinterval(0.0001)
    settings.data.mkdir(parents=True, exist_ok=True)
    gc.disable()
    process = EngineProcess(settings)
    gc.enable()
    uvloop.run(process.run())


if __name__ == "__main__":
    main()
