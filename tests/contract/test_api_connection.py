"""Clients that dawdle, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from oncue.api.connection import Connection, Respond

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


async def test_a_bare_line_end_after_an_answer_does_not_keep_the_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"hi"), 10)
    writer.write(b"\r\n")
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


async def test_a_connection_that_rests_between_requests_stays(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(REQUEST)
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"hi"), 10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 3 * Impatient.head_within_s)
    writer.close()


# Answers without a task


class Application:
    """Takes POSTs at once and answers them when it is told to; everything else is ASGI."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, Respond]] = []
        self.tasks = 0

    def at_once(self, scope: Any, body: bytes, respond: Respond) -> bool:
        if scope["method"] != "POST":
            return False
        self.waiting.append((body, respond))
        return True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.tasks += 1
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def answer(self, count: int = 1) -> list[bytes]:
        """Answer the next `count` requests, each with its own body."""
        bodies = []
        for _ in range(count):
            while not self.waiting:
                await asyncio.sleep(0.005)
            body, respond = self.waiting.pop(0)
            respond(201, [(b"x-taken", b"at once")], body)
            bodies.append(body)
        return bodies


def server_for(app: Application) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, port=0, http=Connection, lifespan="off", log_config=None, proxy_headers=False)
    )


@pytest.fixture
async def taking() -> AsyncIterator[tuple[Application, int]]:
    app = Application()
    server = server_for(app)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield app, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await asyncio.wait_for(serving, 10)


def post(body: bytes, *headers: bytes, version: bytes = b"1.1") -> bytes:
    lines = [b"POST /x HTTP/" + version, b"Host: oncue", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await asyncio.wait_for(reader.readexactly(size), 10)


async def test_a_request_that_came_whole_is_answered_without_a_task(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in (b"one", b"two"):
        writer.write(post(body))
        assert await app.answer() == [body]
        head, answered = await read_answer(reader)
        assert head.startswith(b"HTTP/1.1 201 Created\r\n") and b"x-taken: at once" in head and b"date: " in head
        assert answered == body
    assert app.tasks == 0
    writer.close()


async def test_a_body_that_comes_in_pieces_is_served_by_a_task(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    whole = post(b"in pieces")
    writer.write(whole[:-4])
    while not app.tasks:
        await asyncio.sleep(0.005)
    writer.write(whole[-4:])
    assert (await read_answer(reader))[1] == b"in pieces"
    assert not app.waiting
    writer.close()


async def test_requests_sent_together_are_answered_in_their_order(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    get = b"GET / HTTP/1.1\r\nHost: oncue\r\nContent-Length: 3\r\n\r\nget"
    writer.write(post(b"one") + get + post(b"two") + post(b"three"))
    assert await app.answer() == [b"one"]
    for expected in (b"one", b"get", b"two", b"three"):
        assert (await read_answer(reader))[1] == expected
    assert not app.waiting, "what waited behind another is served by a task"
    writer.close()


async def test_a_client_that_left_is_not_written_to(taking: tuple[Application, int]) -> None:
    app, port = taking
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(b"gone"))
    while not app.waiting:
        await asyncio.sleep(0.005)
    writer.transport.abort()
    await asyncio.sleep(0.05)
    assert await app.answer() == [b"gone"]


@pytest.mark.parametrize(("header", "version"), [(b"Connection: close", b"1.1"), (b"X-Any: thing", b"1.0")])
async def test_a_connection_that_is_to_end_ends_with_its_answer(
    taking: tuple[Application, int], header: bytes, version: bytes
) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(b"last", header, version=version))
    await app.answer()
    answered = await asyncio.wait_for(reader.read(), 10)
    assert b"connection: close" in answered and answered.endswith(b"\r\n\r\nlast")
    writer.close()


async def test_a_stop_waits_for_answers_that_are_due() -> None:
    app = Application()
    server = server_for(app)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(b"late"))
    while not app.waiting:
        await asyncio.sleep(0.005)
    server.should_exit = True
    await asyncio.sleep(0.3)
    assert not serving.done()
    await app.answer()
    assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"late")
    await asyncio.wait_for(serving, 10)
    writer.close()


# What is not HTTP


GARBAGE = b"\x16\x03\x01 this is not HTTP\r\n\r\n"


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection ends."""
    return await asyncio.wait_for(reader.read(), 10)


async def test_a_request_before_garbage_is_answered_before_the_garbage_is(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(b"good") + GARBAGE)
    assert await app.answer() == [b"good"]
    head, answered = await read_answer(reader)
    assert head.startswith(b"HTTP/1.1 201") and answered == b"good"
    end = await rest_of(reader)
    assert end.startswith(b"HTTP/1.1 400") and b'"code":"request.malformed"' in end
    writer.close()


async def test_garbage_that_comes_while_an_answer_is_due_waits_for_it(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(b"good"))
    while not app.waiting:
        await asyncio.sleep(0.005)
    writer.write(GARBAGE + post(b"never read"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    await app.answer()
    assert (await read_answer(reader))[1] == b"good"
    assert (await rest_of(reader)).startswith(b"HTTP/1.1 400")
    assert not app.waiting and not app.tasks
    writer.close()


async def test_all_requests_before_garbage_are_answered_in_their_order(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(b"one") + post(b"two") + post(b"three") + GARBAGE)
    await app.answer()
    for expected in (b"one", b"two", b"three"):
        assert (await read_answer(reader))[1] == expected
    assert (await rest_of(reader)).startswith(b"HTTP/1.1 400")
    writer.close()


@pytest.mark.parametrize("before", [b"", post(b"one")])
async def test_a_request_whose_body_breaks_is_not_served(taking: tuple[Application, int], before: bytes) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(before + b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n")
    if before:
        await app.answer()
        assert (await read_answer(reader))[1] == b"one"
    assert (await rest_of(reader)).startswith(b"HTTP/1.1 400")
    assert not app.waiting and not app.tasks
    writer.close()


async def test_garbage_alone_is_a_problem_document(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GARBAGE)
    end = await rest_of(reader)
    assert end.startswith(b"HTTP/1.1 400") and b"content-type: application/problem+json" in end
    writer.close()


async def test_garbage_after_an_answer_ends_the_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"hi"), 10)
    writer.write(GARBAGE)
    assert (await rest_of(reader)).startswith(b"HTTP/1.1 400")
    writer.close()


@pytest.mark.parametrize("pieces", [[post(b"last")], [post(b"first"), post(b"last")], [post(b"last") + GARBAGE]])
async def test_a_client_that_says_no_more_still_gets_its_answers(
    taking: tuple[Application, int], pieces: list[bytes]
) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.05)
    writer.write_eof()
    await asyncio.sleep(0.05)
    await app.answer()
    answers = await rest_of(reader)
    assert b"\r\n\r\nlast" in answers
    assert (b"HTTP/1.1 400" in answers) is (GARBAGE in pieces[-1])
    writer.close()


@pytest.mark.parametrize("sent", [REQUEST[:-2], post(b"in pieces")[:-3]])
async def test_a_client_that_leaves_in_the_middle_ends_the_connection(
    taking: tuple[Application, int], sent: bytes
) -> None:
    _, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    writer.write_eof()
    assert await rest_of(reader) == b""
    writer.close()


# Other protocols that are offered

UPGRADE = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__")


async def test_a_request_that_offers_another_protocol_is_served_in_this_one(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in (b"first", b"", b"third"):
        writer.write(post(body, *UPGRADE))
        assert await app.answer() == [body]
        assert (await read_answer(reader))[1] == body
    writer.write(post(b"and without"))
    assert await app.answer() == [b"and without"]
    assert app.tasks == 0
    writer.close()


async def test_its_body_may_come_later_in_pieces_or_in_chunks(taking: tuple[Application, int]) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    whole = post(b"in pieces", *UPGRADE)
    chunked = post(b"", *UPGRADE).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    for pieces, expected in (
        ((whole[:-9], whole[-9:]), b"in pieces"),
        ((whole[:40], whole[40:-4], whole[-4:]), b"in pieces"),
        ((chunked, b"2\r\nin\r\n", b"7\r\n chunks\r\n0\r\n\r\n"), b"in chunks"),
    ):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.05)
        assert (await read_answer(reader))[1] == expected
    assert not app.waiting
    writer.close()


async def test_requests_that_offer_another_protocol_together_are_answered_in_their_order(
    taking: tuple[Application, int],
) -> None:
    app, port = taking
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post(b"one", *UPGRADE) + post(b"two") + post(b"three", *UPGRADE) + GARBAGE)
    await app.answer()
    for expected in (b"one", b"two", b"three"):
        assert (await read_answer(reader))[1] == expected
    assert (await rest_of(reader)).startswith(b"HTTP/1.1 400")
    writer.close()
