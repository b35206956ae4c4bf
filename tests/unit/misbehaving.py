"""An HTTP server that does what real ones do at bad times, and keeps what it was sent."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager


class Received:
    """One request as it came."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.path, _ = lines[0].split(" ", 2)
        self.headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
            if name
        }
        self.body = body


CANNED = {
    "/cut-short": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "/too-long": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 500 X\r\n\r\n",
    "/no-number": b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\nabc",
    "/two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "/bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    "/chunk-cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
    "/old": b"HTTP/1.0 200 OK\r\n\r\nas long as it lasts",
    "/latin": b'HTTP/1.1 200 OK\r\nX-Who: J\xfcrgen\r\nContent-Length: 7\r\n\r\n{"a\xff"}\n',
    "/no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
}
"""What is answered there, before the connection is closed."""

ENDLESS = {
    "/drip-head": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.02),
    "/headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000, 0),
    "/header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 10_000, 0),
    "/continue": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001),
    "/endless": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000, 0),
    "/chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n" * 1000, 0),
}
"""What is answered first, what then again and again, and the pause between."""


class Misbehaving:
    """`/status/N`, `/slow`, `/drip`, `/reset`, `/linger`, `/garbage`, `/huge`, `/json`, and those of `CANNED` and `ENDLESS`; anything else
    is 200 `ok`. `/to/STATUS?URL` redirects there."""

    def __init__(self) -> None:
        self.port = 0
        self.received: list[Received] = []
        self.canned = dict(CANNED)
        """Path to all that is answered there, before the connection is closed."""
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            request = Received(head, b"")
            request.body = await reader.readexactly(int(request.headers.get("content-length", 0)))
            self.received.append(request)
            await self._answer(request.path, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status, body = 200, b"ok"
        if path.startswith("/status/"):
            status = int(path.rpartition("/")[2])
            body = b"because"
        elif path == "/slow":
            await reader.read()
            return
        elif path == "/drip":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while not reader.at_eof():
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.02)
            return
        elif path == "/reset":
            writer.transport.abort()
            return
        elif path == "/linger":  # the kernel sends a reset
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        elif path == "/garbage":
            writer.write(b"\x00\xff not http at all\r\n\r\n")
            await writer.drain()
            return
        elif path == "/huge":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            for _ in range(1000):
                writer.write(b"x" * 65_536)
                await writer.drain()
            return
        elif path == "/json":
            body = b'{"a": [1, 2]}'
        elif path in self.canned:
            writer.write(self.canned[path])
            await writer.drain()
            return
        elif path in ENDLESS:
            first, again, pause_s = ENDLESS[path]
            writer.write(first)
            while not writer.is_closing():
                writer.write(again)
                await writer.drain()
                await asyncio.sleep(pause_s)
            return
        elif path == "/broken-off":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            await writer.drain()
            writer.transport.abort()
            return
        elif path.startswith("/to/"):
            way, _, where = path.partition("?")
            status = way.rpartition("/")[2]
            writer.write(f"HTTP/1.1 {status} X\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()

    def stop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()


@asynccontextmanager
async def misbehaving() -> AsyncIterator[Misbehaving]:
    """The server, running on a free port of loopback."""
    server = Misbehaving()
    running = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = running.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        running.close()
        server.stop()
        await asyncio.sleep(0)


@contextmanager
def unanswering() -> Iterator[int]:
    """The port of a host that never takes a call, as behind a firewall that drops it: nobody accepts, and the queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
