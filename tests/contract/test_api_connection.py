"""Clients that dawdle, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from oncue.api.connection import Connection

REQUEST = b"GET / HTTP/1.1\r\nHost: oncue\r\n\r\n"


class Impatient(Connection):
    head_within_s = 0.3


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    settings = uvicorn.Config(hello, port=0, http=Impatient, lifespan="off", log_config=None, timeout_keep_alive=30)
    server = uvicorn.Server(settings)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: oncue\r\nX-Slow: 1"])
async def test_a_head_that_does_not_come_ends_the_connection(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_second_head_that_does_not_come_ends_the_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST + b"GET /again HTTP/1.1\r\n")
    answered = await asyncio.wait_for(reader.read(), 10)
    assert answered.count(b"HTTP/1.1 200 OK") == 1
    writer.close()


async def test_a_connection_that_rests_between_requests_stays(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(REQUEST)
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"hi"), 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 3 * Impatient.head_within_s)
    writer.close()
