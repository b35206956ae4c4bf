"""Bodies that come compressed: made plain within a bound, so that a small body cannot become a large one in memory.

`Content-Encoding` as RFC 9110 (8.4) has it, one coding at most: gzip (RFC 1952), deflate (RFC 1950), zstd (RFC 8878, with
the window of RFC 9659).
"""

import zlib
from typing import Any, Final

import zstandard

from oncue.core.errors import Refusal

TAKEN: Final = ("gzip", "deflate", "zstd")
PARTS_LIMIT: Final = 64
"""Gzip members, or zstd frames, that one body may consist of."""
ZSTD_WINDOW: Final = 8 * 1024 * 1024
_ZSTD_SLICE: Final = 256
"""Bytes that are handed over at a time. A block of 4 bytes can stand for 128 KiB, so they make 8 MiB at the most."""
_CODECS: Final = {b"gzip": "gzip", b"x-gzip": "gzip", b"deflate": "deflate", b"zstd": "zstd"}


def codec(value: bytes | None) -> str | None:
    """Which of `TAKEN` a Content-Encoding names; None for a plain body. Raises `Refusal` request.unsupported_encoding."""
    name = (value or b"").strip().lower()
    if name in (b"", b"identity"):
        return None
    found = _CODECS.get(name)
    if found is None:
        said = name[:60].decode("latin-1")
        raise Refusal("request.unsupported_encoding", f"{said!r} is none of {', '.join(TAKEN)}, or several of them")
    return found


def decoded(codec: str, body: bytes, limit: int) -> bytes:
    """The plain body, at most `limit` bytes long.

    Raises `Refusal`: request.too_large as soon as it would be longer, request.malformed if it is not of the coding, is cut
    off, or consists of too many parts.
    """
    try:
        plain = _unzstd(body, limit) if codec == "zstd" else _inflated(codec, body, limit)
    except (zlib.error, zstandard.ZstdError) as error:
        raise Refusal("request.malformed", f"The body is not {codec}: {str(error)[:200]}") from error
    return plain


def _inflated(codec: str, body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit
    for _ in range(PARTS_LIMIT):
        inflating = zlib.decompressobj(31 if codec == "gzip" else 15)
        parts.append(inflating.decompress(body, room + 1))
        room -= len(parts[-1])
        if room < 0:
            raise _too_large(limit)
        if not inflating.eof:
            raise _cut_off(codec)
        body = inflating.unused_data
        if not body:
            return b"".join(parts)
        if codec != "gzip":
            raise Refusal("request.malformed", f"Something follows the {codec} body")
    raise _too_many(codec)


def _unzstd(body: bytes, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    at = 0
    for _ in range(PARTS_LIMIT):
        frame: Any = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()
        while not frame.eof:
            if at >= len(body):
                raise _cut_off("zstd")
            parts.append(frame.decompress(body[at : at + _ZSTD_SLICE]))
            at += _ZSTD_SLICE
            size += len(parts[-1])
            if size > limit:
                raise _too_large(limit)
        at = min(at, len(body)) - len(frame.unused_data)
        if at == len(body):
            return b"".join(parts)
    raise _too_many("zstd")


def _too_large(limit: int) -> Refusal:
    return Refusal(
        "request.too_large", f"The limit is {limit} bytes, and it holds for what a compressed body expands to"
    )


def _cut_off(codec: str) -> Refusal:
    return Refusal("request.malformed", f"The {codec} body is cut off")


def _too_many(codec: str) -> Refusal:
    return Refusal("request.malformed", f"The body has more than {PARTS_LIMIT} {codec} parts")
