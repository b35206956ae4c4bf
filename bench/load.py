"""A cheap HTTP/1.1 load generator: prebuilt requests over raw keep-alive connections, one thread per process.

The client shares the machine with what it measures, so it must cost little: requests are bytes made beforehand, answers
are read only as far as status and length.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import uvloop

REFUSALS: Final = 3
"""Bodies of refusals that are kept."""


class Result(msgspec.Struct, frozen=True):
    """What one run of the generator saw."""

    requests: int
    seconds: float
    failures: dict[int, int]
    """Status to number, of answers other than 2xx."""
    refusals: list[str]
    """The first of their bodies."""
    latencies_ms: list[float]
    """Of each request, in order of completion."""

    @property
    def per_second(self) -> float:
        """Completed requests per second."""
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share of requests did not exceed."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request(host: str, port: int, path: str, content_type: str, body: bytes, token: str | None = None) -> bytes:
    """One POST as bytes on the wire."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run(port: int, requests: Sequence[bytes], *, connections: int, rate: float | None = None) -> Result:
    """Send all requests over so many connections, each waiting for its answer; at `rate` per second if given."""
    return uvloop.run(_run(port, requests, connections, rate))


async def _run(port: int, requests: Sequence[bytes], connections: int, rate: float | None) -> Result:
    queue = iter(requests)
    latencies: list[float] = []
    failures: dict[int, int] = {}
    refusals: list[str] = []
    due = _schedule(rate)
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(_connection(port, queue, due, latencies, failures, refusals))
    return Result(len(latencies), time.perf_counter() - started, failures, refusals, latencies)


def _schedule(rate: float | None) -> Iterator[float]:
    started, number = time.perf_counter(), 0
    while True:
        yield 0.0 if rate is None else started + number / rate
        number += 1


async def _connection(
    port: int,
    queue: Iterator[bytes],
    due: Iterator[float],
    latencies: list[float],
    failures: dict[int, int],
    refusals: list[str],
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for message in queue:
            at = next(due)
            if at:
                await asyncio.sleep(max(0.0, at - time.perf_counter()))
            before = time.perf_counter()
            writer.write(message)
            status, body = await answer(reader)
            latencies.append((time.perf_counter() - before) * 1000)
            if not 200 <= status < 300:
                failures[status] = failures.get(status, 0) + 1
                if len(refusals) < REFUSALS:
                    refusals.append(body.decode(errors="replace")[:500])
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the next answer on a connection; the body of a chunked one is passed over."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    at = head.find(b"content-length:")
    body = b""
    if at >= 0:
        body = await reader.readexactly(int(head[at + 15 : head.index(b"\r", at)]))
    elif b"transfer-encoding: chunked" in head:
        while (size := int(await reader.readline(), 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    return int(head[9:12]), body
