"""uvicorn's connection, with four things added: patience that ends, answers without a task, an order of answers that what
is not HTTP does not disturb, and bodies of requests that offer another protocol.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from oncue.api.problems import body_of
from oncue.core.errors import Refusal

Respond = Callable[[int, list[tuple[bytes, bytes]], bytes], None]
"""Sends a whole response: status, headers, body."""
AtOnce = Callable[[Any, bytes, Respond], bool]
"""Takes a request (scope, whole body, how to answer) if it needs nothing to wait for but one answer; whether it did."""


class Connection(HttpToolsProtocol):
    """A connection on which whoever opens it has so long to send a request's line and headers, each time.

    uvicorn limits only the pause between requests. Bodies have a limit of their own (`asgi.read_body`).

    An application with a method `at_once` is asked to take each request that came whole in one piece. One that it takes
    costs no task, no event and one write; any other is served as ASGI has it.

    What cannot be read as HTTP ends the connection with a 400, after the answers to the requests that came before it.
    """

    head_within_s: ClassVar[float] = 15.0
    _late: asyncio.TimerHandle | None = None
    _at_once: AtOnce | None = None
    _receiving = False
    _in_head = False
    _held: Any = None
    """The request whose head has come, while the rest of what came with it is read."""
    _received = b""
    """What is being read."""
    _spoiled: str | None = None
    """Why nothing more can be read, while answers are due."""

    def connection_made(self, transport: Any) -> None:
        """The time for the first head begins."""
        super().connection_made(transport)
        self._at_once = getattr(self.app, "at_once", None)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """A piece of what the client sends, often a whole request."""
        if self._spoiled is not None:
            return
        self._receiving = True
        self._received = data
        super().data_received(data)
        self._received = b""
        self._receiving = False
        if self._late is None and not self.transport.is_closing() and (self._in_head or self._unattended()):
            self._wait()
        held, self._held = self._held, None
        if held is None:
            return
        cycle, app = held
        # A client that does not read its answers waits for them in a task, so that they do not pile up here.
        whole = not (
            cycle.more_body or cycle.waiting_for_100_continue or self._at_once is None or self.flow.write_paused
        )
        if not (whole and self._taken(cycle)):
            super()._start_asgi_task(cycle, app)

    def _unattended(self) -> bool:
        """Whether nothing would ever end the connection: what came (a bare line end) took the limit on its rest away."""
        return self.timeout_keep_alive_task is None and (not self.cycle or self.cycle.response_complete)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if self._receiving and app is self.app and self._at_once is not None:
            self._held = (cycle, app)
        else:
            super()._start_asgi_task(cycle, app)

    def _taken(self, cycle: Any) -> bool:
        assert self._at_once is not None

        def answer(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
            self._answer(cycle, status, headers, body)

        return self._at_once(cycle.scope, bytes(cycle.body), answer)

    def _answer(self, cycle: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        cycle.response_started = cycle.response_complete = True
        if cycle.disconnected or self.transport.is_closing():
            return
        parts = [STATUS_LINE[status]]
        for name, value in (*cycle.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"content-length: %d\r\n\r\n" % len(body), body)
        self.transport.write(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """A request offered another protocol, as Java's and curl's clients do with HTTP/2: it goes on in this one.

        RFC 9110 (7.8) has it so. The parser takes what follows the head for the other protocol's, the body included; so
        another parser is given a head that says how long the body is, and reads on.
        """
        upgrade = sys.exc_info()[1]
        while isinstance(upgrade, httptools.HttpParserUpgrade):
            framing = [
                b"%s: %s\r\n" % one for one in self.headers if one[0] in (b"content-length", b"transfer-encoding")
            ]
            head = b"POST / HTTP/1.1\r\n%s\r\n" % b"".join(framing)
            self._received = head + self._received[upgrade.args[0] :]
            self.cycle.more_body = True
            self.parser = httptools.HttpRequestParser(_Resumed(self))
            upgrade = None
            try:
                self.parser.feed_data(self._received)
            except httptools.HttpParserUpgrade as another:
                upgrade = another
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that has said all it will may still be waiting for its answers: it gets them first."""
        cycle: Any = self.cycle
        due = cycle is not None and not cycle.more_body and not cycle.response_started and not self._in_head
        if due and self._spoiled is None:
            cycle.keep_alive = False
        return due

    def send_400_response(self, msg: str) -> None:
        """Nothing more can be read: end the connection, with a 400 once the complete requests have been answered."""
        cycle: Any = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            # It is this request's own body that broke: nobody has acted on it, nor will.
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            else:
                self._held = None
                cycle.keep_alive = False
                self._end(msg)
                return
        elif cycle is None or cycle.response_complete:
            self._end(msg)
            return
        self._spoiled = msg
        self._in_head = False
        self._rest()

    def _end(self, msg: str) -> None:
        status, body, headers = body_of(Refusal("request.malformed", msg))
        head = [STATUS_LINE[status], *(b"%s: %s\r\n" % one for one in headers)]
        head.append(b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body))
        self.transport.write(b"".join((*head, body)))
        self.transport.close()

    def on_response_complete(self) -> None:
        """An answer was sent. The next one begins, or whatever could not be read ends the connection."""
        last = not self.pipeline
        super().on_response_complete()
        if self._spoiled is not None and last and not self.transport.is_closing():
            self._end(self._spoiled)

    def on_message_begin(self) -> None:
        """The first byte of a request. If its head does not come with it, the time for that begins."""
        self._rest()
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._rest()
        self._in_head = False
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


class _Resumed:
    """Tells a connection what a parser reads, but for the first head, which the connection knows already."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known = True
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_message_complete

    def on_message_begin(self) -> None:
        if not self._known:
            self._connection.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._known:
            self._connection.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._known:
            self._connection.on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._known:
            self._connection.on_headers_complete()
        self._known = False
