"""The worker's process: acts, senses and listens for the server, and knows nothing that it was not told by the engine.

Started by the supervisor in the data directory. It leases effects over the engine's socket, reads manifests and secrets
from the database, which it never writes, and says everything by events.
"""

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import structlog

from oncue import config as configuration
from oncue.config import Config
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.runtime import frames
from oncue.runtime.acting import Acting
from oncue.runtime.client import EngineClient
from oncue.runtime.delivering import Deliveries
from oncue.runtime.inspection import Inspection
from oncue.runtime.listening import Listeners
from oncue.runtime.logs import configure
from oncue.runtime.parent import die_with_parent
from oncue.runtime.pulse import Pulse
from oncue.runtime.sensing import Sensing
from oncue.runtime.surroundings import LANDSCAPE, Surroundings
from oncue.runtime.watchdog import Watchdog
from oncue.sdk import ActionError, Log, registry
from oncue.sdk.outbound import tls_context
from oncue.store import queries
from oncue.store.queries import Queries

DATABASE: Final = "oncue.db"
SLOTS: Final = 64
"""Effects that one worker has in hand at most."""
GRACE_S: Final = 5.0
"""How long work in hand may take to end when the server stops."""
GATHER_S: Final = 0.2
"""Samples of monitors due together travel together; states do not wait."""
KEPT: Final = 20_000
"""Samples that are kept while the engine is away; beyond that the oldest go."""
BATCH: Final = 1000
"""Samples in one submission at most."""
AT_ONCE: Final = 500
"""States under way at the same time at most."""
RELOAD_S: Final = 60.0
"""Manifests are read again at least this often, should word of a change have been missed."""


class Reports:
    """What monitors and listeners say of themselves, on its way to the engine: gathered, kept while the engine is away, in order."""

    def __init__(self, client: EngineClient, worker: str, log: Log) -> None:
        self._client = client
        self._worker = worker
        self._log = log
        self._states: deque[tuple[str, bytes]] = deque()
        self._samples: deque[bytes] = deque(maxlen=KEPT)
        self._any = asyncio.Event()
        self._now = asyncio.Event()

    def send(self, body: bytes, origin: str | None) -> None:
        """Queue an event; one without an origin is a sample, which a long outage may drop."""
        if origin is None:
            self._samples.append(body)
        else:
            self._states.append((origin, body))
            self._now.set()
        self._any.set()

    async def run(self) -> None:
        """Submit what is queued until cancelled."""
        while True:
            await self._any.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), GATHER_S)
            self._any.clear()
            self._now.clear()
            await self._flush()

    async def _flush(self) -> None:
        while self._samples:
            sent = list(islice(self._samples, BATCH))
            if await self._submit(sent, self._worker):
                for body in sent:
                    if self._samples and self._samples[0] is body:  # the oldest may have gone meanwhile
                        self._samples.popleft()
        while self._states:
            taken = list(islice(self._states, AT_ONCE))
            bodies: dict[str, list[bytes]] = {}
            for origin, body in taken:
                bodies.setdefault(origin, []).append(body)
            # Those of one origin stay in order, in one unit; the engine commits many units together.
            accepted = await asyncio.gather(*(self._submit(those, origin) for origin, those in bodies.items()))
            done = {origin for origin, well in zip(bodies, accepted, strict=True) if well}
            for _ in taken:
                self._states.popleft()
            self._states.extendleft(state for state in reversed(taken) if state[0] not in done)

    async def _submit(self, bodies: list[bytes], origin: str) -> bool:
        try:
            answer = await self._client.submit(bodies, namespace="default", origin=origin)
        except Refusal as refusal:
            await asyncio.sleep(float(str(refusal.more.get("retry_after_s") or 0.25)))
            return False
        for index, code, detail in answer.rejected:
            self._log.warning("report.rejected", origin=origin, index=index, code=code, detail=detail)
        return True


class Worker:
    """The process's parts, wired."""

    def __init__(self, config: Config, log: Log, slots: int = SLOTS) -> None:
        self._log = log
        self._database = Queries(config.data / DATABASE, threads=2)
        self._client = EngineClient(config.data / frames.SOCKET_NAME, self._on_frame)
        name = f"worker-{socket.gethostname()}-{os.getpid()}"
        self._surroundings = Surroundings(config, self._database, log)
        self._acting = Acting(self._client, self._surroundings, name, slots, config.worker.said, log)
        self._reports = Reports(self._client, name, log)
        self._sensing = Sensing(self._surroundings, self._reports.send, log)
        self._listeners = Listeners(config.data, self._client, self._surroundings, self._reports.send, log)
        self._deliveries = Deliveries(config.data, self._client, self._surroundings, self._database, log)
        self._pulse = Pulse(config, self._client, self._surroundings, log)
        self._inspection = Inspection(config, self._client, self._database, self._pulse)
        self._surroundings.inspect(self._inspection.itself)
        self._changed = asyncio.Event()
        self._client.greet(frames.Watch())

    def _on_frame(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Leased):
            self._acting.lease(frame)
        elif isinstance(frame, frames.Cancel):
            self._acting.cancel(frame)
        elif isinstance(frame, frames.Committed):
            self._pulse.committed(frame.position)
            self._deliveries.committed(frame.position)
            if frame.config_changed:
                self._changed.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; then end in order."""
        connection = asyncio.create_task(self._client.run(), name="engine connection")
        tasks = [
            connection,
            asyncio.create_task(self._follow_configuration(), name="configuration"),
            asyncio.create_task(self._reports.run(), name="reports"),
            asyncio.create_task(self._listeners.run(), name="listeners"),
            asyncio.create_task(self._deliveries.run(), name="deliveries"),
            asyncio.create_task(self._pulse.run(), name="pulse"),
            asyncio.create_task(self._acting.stay_heard(), name="word"),
            asyncio.create_task(self._acting.say_what_tells(), name="what tells"),
            asyncio.create_task(Watchdog().run(), name="watchdog"),
        ]
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        self._sensing.stop()
        await asyncio.gather(self._acting.drain(GRACE_S), self._listeners.drain(GRACE_S), self._deliveries.drain())
        for task in (stopping, *tasks):
            task.cancel()
        self._database.close()
        for task in done - {stopping}:
            task.result()  # a part that ended by itself ended with an error: let the supervisor see it

    async def _follow_configuration(self) -> None:
        ready = False
        while True:
            self._changed.clear()
            try:
                bodies = await self._database.run(partial(queries.manifests))
            except Refusal:
                await asyncio.sleep(0.2)
                continue
            manifests = [msgspec.json.decode(body, type=Manifest) for body in bodies]
            self._surroundings.allow([one for one in manifests if one.kind == "OutboundAllow"])
            self._surroundings.declare([one for one in manifests if one.kind in LANDSCAPE])
            self._inspection.configure(manifests)
            self._sensing.configure([one for one in manifests if one.kind == "Monitor"])
            self._listeners.configure([one for one in manifests if one.kind == "Source"])
            try:
                await self._deliveries.configure(manifests)
            except Refusal:
                await asyncio.sleep(0.2)
                continue
            if not ready:
                # Leases are asked for only when it is known where connections may go.
                ready = True
                self._client.greet(self._acting.offer)
                if self._client.connected:
                    self._client.send(self._acting.offer)
            try:
                await asyncio.wait_for(self._changed.wait(), RELOAD_S)
            except TimeoutError:
                continue


async def serve(config: Config, log: Log) -> None:
    """Work until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    warming = asyncio.create_task(asyncio.to_thread(_warm))
    log.info("worker.started", data=str(config.data))
    await Worker(config, log).run(stop)
    await warming
    log.info("worker.stopped")


def _warm() -> None:
    """Have at hand what the first effect would wait for: certificates, and the plugins' code."""
    tls_context(True)
    for name in registry.names(registry.ACTIONS):
        with contextlib.suppress(ActionError):  # a plugin that cannot be loaded says so when it is used
            registry.action(name)
    for name in registry.names(registry.NOTIFIERS):
        with contextlib.suppress(ActionError):
            registry.notifier(name)


def main() -> None:
    """Run the process. Its working directory is the data directory unless `ONCUE_DATA` says otherwise."""
    die_with_parent()
    config = configuration.load(None if "ONCUE_DATA" in os.environ else {"data": str(Path.cwd())})
    configure(config.log, "worker")
    asyncio.run(serve(config, structlog.get_logger("oncue.worker")))


if __name__ == "__main__":
    main()
