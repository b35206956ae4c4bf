"""Dedup by (namespace, source, id): an event enters the journal once within a stated horizon.

The horizon: at least the newest 500,000 ids, unless they are older than 24 hours. Ids are kept as keyed BLAKE2b hashes of
64 bits, so that nobody can make two of them meet; the key is the journal's own secret.
"""

from array import array
from collections.abc import Iterable
from typing import Final, Literal

GENERATION: Final = 500_000
HORIZON_US: Final = 24 * 3600 * 1_000_000

Verdict = Literal["new", "duplicate", "conflict"]


class Dedup:
    """The ids of the newest events, in two generations."""

    def __init__(self) -> None:
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._began = 0

    def judge(self, numbers: "array[int]", marks: "array[int]") -> list[Verdict] | None:
        """Whether each event was there before, with the same bytes or others; None if all are new.

        New ones count as seen from now on, unless `forget` takes them back. See `intake.py` for number and mark.
        """
        newer, older = self._newer, self._older
        if newer.keys().isdisjoint(numbers) and older.keys().isdisjoint(numbers):
            before = len(newer)
            newer.update(zip(numbers, marks, strict=True))
            if len(newer) - before == len(numbers):
                return None
            for number in numbers:
                newer.pop(number, None)
        verdicts: list[Verdict] = []
        for number, mark in zip(numbers, marks, strict=True):
            known = newer.get(number)
            if known is None:
                known = older.get(number)
            if known is None:
                newer[number] = mark
                verdicts.append("new")
            else:
                verdicts.append("duplicate" if known == mark else "conflict")
        return verdicts

    def keep(self, at: int) -> None:
        """What was new is committed, at `at` microseconds."""
        if len(self._newer) >= GENERATION or (self._newer and at - self._began > HORIZON_US):
            self._older, self._newer = self._newer, {}
            self._began = at
        elif not self._began:
            self._began = at

    def forget(self, numbers: Iterable[int]) -> None:
        """These were new and were not committed."""
        for number in numbers:
            self._newer.pop(number, None)
            self._older.pop(number, None)

    def load(self, ids: bytes, digests: bytes) -> None:
        """Take the ids of a segment, in the order of the journal."""
        numbers, marks = array("Q", ids), array("I", digests)
        self._newer.update(zip(numbers, marks, strict=True))
        if len(self._newer) >= GENERATION:
            self._older, self._newer = self._newer, {}
