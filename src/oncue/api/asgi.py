"""The few things that the routes outside Litestar need: read a bounded body, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from oncue.api.encoding import codec, decoded
from oncue.api.guard import header
from oncue.api.problems import body_of
from oncue.core.errors import Refusal

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

BODY_TIMEOUT_S: Final = 30.0
"""For a whole body to arrive."""

READING_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of incomplete bodies, over all connections."""

JSON: Final = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class Disconnected(Exception):
    """The client left before its request was complete; nobody is there to answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The request's body, made plain if it came compressed; `limit` holds for what comes and for what that makes.

    Raises `Refusal`: request.too_large as soon as it exceeds `limit`, request.timeout, request.malformed for a
    Content-Length that is none or a body that is not of its encoding, request.unsupported_encoding, ingest.overloaded when
    too much is being read at once. Raises `Disconnected`.
    """
    declared = header(scope, b"content-length")
    if declared is not None and (not declared.isdigit() or int(declared) > limit):
        if not declared.isdigit():
            raise Refusal("request.malformed", "Content-Length is not a number")
        raise Refusal("request.too_large", f"{declared.decode()[:20]} bytes, the limit is {limit}")
    coding = codec(header(scope, b"content-encoding"))
    body = await _whole(receive, limit)
    return decoded(coding, body, limit) if coding is not None and body else body


async def with_body(scope: Scope, receive: Receive, limit: int) -> tuple[bytes, Receive]:
    """The plain body, and what gives it again to whoever reads the request after this. Raises as `read_body`."""
    body = await read_body(scope, receive, limit)
    scope["headers"] = [one for one in scope["headers"] if one[0] not in (b"content-encoding", b"content-length")]
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


async def _whole(receive: Receive, limit: int) -> bytes:
    first = await receive()
    if first["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = first.get("body", b"")
    if len(body) > limit:
        raise Refusal("request.too_large", f"The limit is {limit} bytes")
    return await _READING.rest(receive, body, limit) if first.get("more_body") else body


class Reading:
    """The bodies that come in pieces: how many bytes of them are held at once."""

    def __init__(self, limit: int = READING_LIMIT) -> None:
        self._limit = limit
        self._held = 0

    async def rest(self, receive: Receive, first: bytes, limit: int) -> bytes:
        """The whole body whose first piece this is. Raises as `read_body`."""
        parts, size = [], 0
        message: Any = {"body": first, "more_body": True}
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                while True:
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    self._held += len(parts[-1])
                    if size > limit:
                        raise Refusal("request.too_large", f"The limit is {limit} bytes")
                    if self._held > self._limit:
                        detail = "Too many large bodies are arriving at once"
                        raise Refusal("ingest.overloaded", detail, retry_after_s=1.0)
                    if not message.get("more_body"):
                        return b"".join(parts)
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
        except TimeoutError as error:
            raise Refusal("request.timeout", f"The body took longer than {BODY_TIMEOUT_S:g} s") from error
        finally:
            self._held -= size


_READING: Final = Reading()


async def answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send a whole response."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*headers, (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, refusal: Refusal, *more: tuple[bytes, bytes]) -> None:
    """Send a problem document."""
    status, body, headers = body_of(refusal)
    await answer(send, status, [*headers, *more], body)
