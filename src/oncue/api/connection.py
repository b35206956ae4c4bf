"""Connections that dawdle are closed: whoever opens one has so long to send a request's head, each time."""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Connection(HttpToolsProtocol):
    """uvicorn's connection with a limit on how long a request's line and headers may take.

    uvicorn limits only the pause between requests. Bodies have a limit of their own (`asgi.read_body`).
    """

    head_within_s: ClassVar[float] = 15.0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """The time for the first head begins."""
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        """The first byte of a request: the time for its head begins."""
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._rest()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there to wait for."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._rest()
        self._late = self.loop.call_later(self.head_within_s, self._give_up)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()
