"""Dedup by (namespace, source, id): an event enters the journal once within a stated horizon.

The horizon: at least the newest 500,000 ids, unless they are older than 24 hours. Ids are kept as keyed BLAKE2b hashes of
64 bits, so that nobody can make two of them meet; the key is the journal's own secret.
"""

import hashlib
import zlib
from array import array
from typing import Final, Literal

GENERATION: Final = 500_000
HORIZON_US: Final = 24 * 3600 * 1_000_000

Verdict = Literal["new", "duplicate", "conflict"]


class Dedup:
    """The ids of the newest events, in two generations."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(digest_size=8, key=key).copy
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._began = 0
        self._fresh: list[int] = []

    def hash(self, namespace: str, source: str, id: str) -> int:
        """The number that stands for this id."""
        hashing = self._keyed()
        hashing.update(f"{namespace}\0{source}\0{id}".encode())
        return int.from_bytes(hashing.digest(), "little")

    def judge(self, number: int, body: bytes) -> tuple[Verdict, int]:
        """Whether this event was there before, with the same bytes or others; and the mark of its bytes.

        A new one counts as seen from now on, unless `forget` takes it back.
        """
        mark = zlib.crc32(body)
        known = self._newer.get(number)
        if known is None:
            known = self._older.get(number)
        if known is None:
            self._newer[number] = mark
            self._fresh.append(number)
            return "new", mark
        return ("duplicate" if known == mark else "conflict"), mark

    def keep(self, at: int) -> None:
        """What was new since the last call is committed, at `at` microseconds."""
        self._fresh.clear()
        if len(self._newer) >= GENERATION or (self._newer and at - self._began > HORIZON_US):
            self._older, self._newer = self._newer, {}
            self._began = at
        elif not self._began:
            self._began = at

    def forget(self) -> None:
        """What was new since the last `keep` was not committed."""
        for number in self._fresh:
            self._newer.pop(number, None)
        self._fresh.clear()

    def load(self, ids: bytes, digests: bytes) -> None:
        """Take the ids of a segment, in the order of the journal."""
        numbers, marks = array("Q", ids), array("I", digests)
        self._newer.update(zip(numbers, marks, strict=True))
        if len(self._newer) >= GENERATION:
            self._older, self._newer = self._newer, {}


def pack(numbers: list[int], marks: list[int]) -> tuple[bytes, bytes]:
    """A segment's ids and marks as stored."""
    return array("Q", numbers).tobytes(), array("I", marks).tobytes()
