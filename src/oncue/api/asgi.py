"""The few things that the routes outside Litestar need: read a bounded body, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from oncue.api.guard import header
from oncue.api.problems import body_of
from oncue.core.errors import Refusal

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

BODY_TIMEOUT_S: Final = 30.0
"""For a whole body to arrive."""

JSON: Final = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class Disconnected(Exception):
    """The client left before its request was complete; nobody is there to answer."""


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The request's body.

    Raises `Refusal`: request.too_large as soon as it exceeds `limit`, request.timeout, request.malformed for a
    Content-Length that is none, request.unsupported_media_type for a compressed one. Raises `Disconnected`.
    """
    declared = header(scope, b"content-length")
    if declared is not None and (not declared.isdigit() or int(declared) > limit):
        if not declared.isdigit():
            raise Refusal("request.malformed", "Content-Length is not a number")
        raise Refusal("request.too_large", f"{declared.decode()[:20]} bytes, the limit is {limit}")
    if (header(scope, b"content-encoding") or b"identity").lower() != b"identity":
        raise Refusal("request.unsupported_media_type", "Send the body uncompressed, without Content-Encoding")
    first = await receive()
    if first["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = first.get("body", b"")
    if not first.get("more_body"):
        if len(body) > limit:
            raise Refusal("request.too_large", f"The limit is {limit} bytes")
        return body
    parts, size = [body], len(body)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Disconnected
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise Refusal("request.too_large", f"The limit is {limit} bytes")
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError as error:
        raise Refusal("request.timeout", f"The body took longer than {BODY_TIMEOUT_S:g} s") from error


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
