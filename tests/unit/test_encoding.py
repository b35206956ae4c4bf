"""Compressed bodies: made plain within a bound; a bomb is refused before it expands."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from oncue import config
from oncue.api import asgi
from oncue.api.asgi import Reading, read_body
from oncue.api.encoding import PARTS_LIMIT, codec, decoded
from oncue.api.front import Process
from oncue.api.ingest import IN_FLIGHT_LIMIT
from oncue.core.errors import Refusal

PLAIN = b'{"specversion": "1.0"}' * 5_000
LIMIT = 1_000_000
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda plain: zstandard.ZstdCompressor(write_content_size=False).compress(plain),
}
NAMES = sorted(PACK)


def code(call: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


@pytest.mark.parametrize("name", NAMES)
def test_a_compressed_body_comes_out_as_it_was(name: str) -> None:
    assert decoded(name, PACK[name](PLAIN), LIMIT) == PLAIN
    assert decoded(name, PACK[name](PLAIN), len(PLAIN)) == PLAIN


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_parts_that_follow_each_other_are_one_body(name: str) -> None:
    assert decoded(name, PACK[name](b"one") + PACK[name](b"two"), LIMIT) == b"onetwo"


@pytest.mark.parametrize("name", NAMES)
def test_a_bomb_is_refused_before_it_expands(name: str) -> None:
    bomb = PACK[name](bytes(512 * 1024 * 1024))
    assert len(bomb) < LIMIT
    tracemalloc.start()
    assert code(lambda: decoded(name, bomb, LIMIT)) == "request.too_large"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 1024 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_one_byte_beyond_the_limit_is_too_large(name: str) -> None:
    assert code(lambda: decoded(name, PACK[name](PLAIN), len(PLAIN) - 1)) == "request.too_large"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", [lambda b: b[:-5], lambda b: b"\x00" + b, lambda b: b + b"more", lambda _: b"no"])
def test_what_is_not_whole_is_refused(name: str, spoil: Callable[[bytes], bytes]) -> None:
    assert code(lambda: decoded(name, spoil(PACK[name](PLAIN)), LIMIT)) == "request.malformed"


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_so_many_parts_that_their_number_costs_are_refused(name: str) -> None:
    assert code(lambda: decoded(name, PACK[name](b"") * (PARTS_LIMIT + 1), LIMIT)) == "request.malformed"


def test_a_frame_that_wants_a_large_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    packing = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packing.compress(PLAIN) + packing.flush()
    assert code(lambda: decoded("zstd", packed, LIMIT)) == "request.malformed"


@pytest.mark.parametrize(
    ("value", "found"),
    [(None, None), (b"", None), (b"identity", None), (b"GZIP", "gzip"), (b" x-gzip ", "gzip"), (b"zstd", "zstd")],
)
def test_a_coding_is_known_by_its_name(value: bytes | None, found: str | None) -> None:
    assert codec(value) == found


@pytest.mark.parametrize("value", [b"br", b"gzip, gzip", b"aws-chunked", b"\xff", b"x" * 10_000])
def test_other_codings_are_refused(value: bytes) -> None:
    assert code(lambda: codec(value)) == "request.unsupported_encoding"


# Reading


def receiving(*pieces: bytes) -> Callable[[], Any]:
    """What gives these pieces, and then nothing more."""
    queue: asyncio.Queue[Any] = asyncio.Queue()
    for number, piece in enumerate(pieces, 1):
        queue.put_nowait({"type": "http.request", "body": piece, "more_body": number < len(pieces)})
    return queue.get


async def test_a_compressed_body_may_come_in_pieces() -> None:
    packed = gzip.compress(PLAIN)
    scope = {"headers": [(b"content-encoding", b"gzip")]}
    assert await read_body(scope, receiving(packed[:10], packed[10:50], packed[50:]), LIMIT) == PLAIN


async def test_an_empty_body_is_plain_whatever_its_coding() -> None:
    assert await read_body({"headers": [(b"content-encoding", b"gzip")]}, receiving(b""), LIMIT) == b""


async def test_bodies_that_arrive_at_once_share_a_bound_and_give_it_back() -> None:
    reading = Reading(limit=100)
    waiting = asyncio.create_task(reading.rest(asyncio.Queue().get, b"x" * 80, LIMIT))
    await asyncio.sleep(0)
    with pytest.raises(Refusal) as refused:
        await reading.rest(receiving(b"y" * 10), b"y" * 30, LIMIT)
    assert refused.value.code == "ingest.overloaded" and refused.value.more["retry_after_s"] == 1.0
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await reading.rest(receiving(b"z" * 70), b"z" * 30, LIMIT) == b"z" * 100


async def test_a_body_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_TIMEOUT_S", 0.05)
    pieces: asyncio.Queue[Any] = asyncio.Queue()
    pieces.put_nowait({"type": "http.request", "body": b"{", "more_body": True})
    with pytest.raises(Refusal) as refused:
        await read_body({"headers": []}, pieces.get, LIMIT)
    assert refused.value.code == "request.timeout"


async def test_a_body_that_was_read_is_given_again_plain() -> None:
    packed = gzip.compress(PLAIN)
    scope = {"headers": [(b"content-encoding", b"gzip"), (b"content-length", b"%d" % len(packed)), (b"x-kept", b"1")]}
    body, again = await asgi.with_body(scope, receiving(packed), LIMIT)
    assert body == PLAIN and scope["headers"] == [(b"x-kept", b"1")]
    assert await read_body(scope, again, LIMIT) == PLAIN


def test_bodies_whose_signatures_are_being_checked_share_the_bound_of_what_is_on_its_way(tmp_path: Path) -> None:
    process = Process(config.load({"data": tmp_path}, {}))
    ingest = process.app.ingest
    with ingest._holding(IN_FLIGHT_LIMIT - 10):
        assert code(lambda: ingest._holding(11).__enter__()) == "ingest.overloaded"
        with ingest._holding(10):
            pass
    with ingest._holding(IN_FLIGHT_LIMIT):
        pass
    process.queries.close()
