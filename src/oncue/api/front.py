"""The front process: one port for everything, on the socket that the supervisor holds.

It never writes: changes go to the engine, reads come from read-only connections. Run as `python -m oncue.api.front`.
"""

import asyncio
import contextlib
import gc
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401 - it is loaded when first needed, and there may be no file left to open then
import msgspec
import structlog
import uvicorn

from oncue import config as configuration
from oncue import manifests as documents
from oncue.access import records
from oncue.access.roles import ANY, Binding, Principal
from oncue.access.store import AccessStore
from oncue.access.throttle import Throttle
from oncue.api.app import Front
from oncue.api.catalogue import Catalogue
from oncue.api.connection import Connection
from oncue.api.consuming import Consuming
from oncue.api.context import Context
from oncue.api.landscape import Landscape
from oncue.api.manifests import apply
from oncue.api.people import new_link
from oncue.api.static import Console
from oncue.api.stream import Hub
from oncue.config import Config
from oncue.core.errors import Refusal
from oncue.runtime import frames
from oncue.runtime.client import EngineClient
from oncue.runtime.logs import configure
from oncue.runtime.parent import die_with_parent
from oncue.store.queries import Queries, access_rows, heads, manifests
from oncue.store.revision import FILE_NAME

USED_EVERY_S = 60.0
DRAIN_S = 5

_log = structlog.get_logger("oncue.front")

SYSTEM = Principal(actor="system", bindings=(Binding("admin", ANY),))


class Server(uvicorn.Server):
    """Ends the live streams first when it is told to stop, so that draining does not wait for them."""

    hub: Hub
    consuming: Consuming

    def handle_exit(self, sig: int, frame: object) -> None:
        """A signal to stop: no new connections, what runs is finished."""
        self.hub.close()
        self.consuming.close()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


class Process:
    """The parts of the front process, and the tasks that keep them up to date."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.queries = Queries(config.data / FILE_NAME)
        self.access = AccessStore(config.admin_token)
        self.hub = Hub(self.queries)
        self.client = EngineClient(Path(frames.SOCKET_NAME), self._on_frame)
        self.client.greet(frames.Watch(facts=True))
        self.catalogue = Catalogue(self.queries)
        self.landscape = Landscape(self.queries)
        self.ctx = Context(config, self.client, self.queries, self.access, self.hub, Throttle(time.monotonic))
        self.app = Front(self.ctx, self.catalogue, self.landscape, Console())
        self._access_changed = asyncio.Event()
        self._config_changed = asyncio.Event()
        self._landscape_changed = asyncio.Event()

    def _on_frame(self, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Committed):
            self.hub.committed_to(frame.position, frame.news)
            self.hub.grown(frame.told)
            self.ctx.consuming.feed.committed_to(frame.position)
            if frame.access_changed:
                self._access_changed.set()
            if frame.config_changed:
                self._config_changed.set()
                self._landscape_changed.set()

    async def run(self, listener: socket.socket | None) -> None:
        """Serve until told to stop."""
        settings = uvicorn.Config(
            self.app,
            host=self.config.host,
            port=self.config.port,
            loop="uvloop",
            http=Connection,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_S,
            timeout_keep_alive=75,
            backlog=2048,
        )
        server = Server(settings)
        server.hub, server.consuming = self.hub, self.ctx.consuming
        tasks = [
            asyncio.create_task(one, name=name)
            for name, one in (
                ("line", self.client.run()),
                ("hub", self.hub.run()),
                ("feed", self.ctx.consuming.feed.run()),
                ("access", self._follow(self._access_changed, self._reload_access)),
                ("configuration", self._follow(self._config_changed, self.catalogue.reload)),
                ("landscape", self._follow(self._landscape_changed, self.landscape.reload)),
                ("first start", self._first_start()),
                ("used tokens", self._write_used()),
            )
        ]
        serving = asyncio.create_task(server.serve([listener] if listener is not None else None), name="serve")
        # A task that fails ends the process; the supervisor starts it anew. The first start alone may end well.
        pending = {serving, *tasks}
        try:
            while not serving.done():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if task is not serving and (error := task.exception()) is not None:
                        _log.error("a part of the front process failed", part=task.get_name(), exc_info=error)
                        server.should_exit = True
                        await serving
                        raise SystemExit(1)
            await serving
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.queries.close()

    async def _follow(self, changed: asyncio.Event, reload: Callable[[], Awaitable[None]]) -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await reload()
            except Refusal as refusal:
                _log.warning("cannot read the database, trying again", code=refusal.code)
                await asyncio.sleep(0.5)
                changed.set()

    async def _reload_access(self) -> None:
        rows = await self.queries.run(access_rows)
        self.access.load(rows)

    async def _first_start(self) -> None:
        """Once the engine is there: read what it keeps, apply the starter, and offer the first sign-in."""
        while True:
            try:
                if self.client.connected and (await self.client.health()).ready:
                    break
            except Refusal:
                pass
            await asyncio.sleep(0.05)
        while True:
            # A store that cannot be written now (a full disk) must not keep this process from serving what can be read.
            try:
                await self._prepare()
                return
            except Refusal as refusal:
                _log.warning("cannot finish the start, trying again", code=refusal.code, detail=refusal.detail)
                await asyncio.sleep(2.0)

    async def _prepare(self) -> None:
        await self.catalogue.reload()
        self._landscape_changed.set()
        await self._reload_access()
        _, newest = await self.queries.run(heads)
        self.hub.committed_to(newest)
        gc.collect()
        gc.freeze()
        gc.set_threshold(
            10_000, 20, 20
        )  # a request leaves some dozens of objects: to look at them at each tenth is too often
        if self.config.first_start_apply is not None and not await self.queries.run(manifests):
            await self._apply_starter(self.config.first_start_apply)
        if not self.access.has_administrator:
            await self._offer_sign_in()

    async def _apply_starter(self, path: Path) -> None:
        try:
            accepted, problems = documents.load(documents.read([path]))
            errors = [str(problem) for problem in problems if problem.level == "error"]
            if errors:
                raise Refusal("manifest.invalid", "; ".join(errors[:5]))
            if accepted:
                here = documents.served_at(accepted, self.config.host, self.config.port)
                await apply(self.ctx, SYSTEM, documents.changes(here))
                _log.info("applied the first manifests", path=str(path), manifests=len(accepted))
        except Refusal as refusal:
            _log.error("cannot apply the first manifests", path=str(path), code=refusal.code, detail=refusal.detail)

    async def _offer_sign_in(self) -> None:
        text, link = new_link("first_admin", None)
        old = [records.drop(one) for one in self.access.links.values() if one.purpose == "first_admin"]
        await self.ctx.record("link_created", {"purpose": link.purpose}, actor="system", side=[*old, records.put(link)])
        print(f"Open this link to sign in: {self.config.url}/sign-in?link={text}", flush=True)  # noqa: T201

    async def _write_used(self) -> None:
        """Keep when tokens were last used, without a write per use."""
        while True:
            await asyncio.sleep(USED_EVERY_S)
            used, self.access.used = self.access.used, {}
            tokens = self.access.tokens
            changed = [
                msgspec.structs.replace(tokens[id], last_used_at=at)
                for id, at in used.items()
                if id in tokens and _is_news(tokens[id].last_used_at, at)
            ]
            if not changed:
                continue
            side = [records.put(token) for token in changed]
            try:
                await self.ctx.record("tokens_used", {"tokens": len(changed)}, actor="system", side=side)
            except Refusal:
                self.access.used = {**used, **self.access.used}


def _is_news(known: datetime | None, at: datetime) -> bool:
    """Written once an hour at most: it tells whether a token is in use, not how often."""
    return known is None or (at - known).total_seconds() >= 3600


def listener() -> socket.socket | None:
    """The socket that the supervisor opened; None to bind one here."""
    descriptor = os.environ.get("ONCUE_LISTEN_FD")
    return socket.socket(fileno=int(descriptor)) if descriptor else None


def main() -> None:
    """Run the front process of the configured server."""
    die_with_parent()
    config = configuration.load()
    configure(config.log, "front")
    os.chdir(config.data)  # a Unix socket's path may have 107 bytes at the most

    async def run() -> None:
        await Process(config).run(listener())

    sys.setswitchinterval(0.0005)
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(run())


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


if __name__ == "__main__":
    main()
