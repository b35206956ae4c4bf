"""What the sender of a unit works out of its events, so that the engine's process need not.

The engine has one thread that decides; whoever talks to it has time. So the sender reads of each event what is needed to
recognise it and to see whether it merely repeats a firing alert, and hashes its content for the journal.
"""

import hashlib
from array import array
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import msgspec

from oncue.core.normalise import UNREADABLE, Kind, Outline, Outlines, outline_of
from oncue.runtime.frames import SideWrite, Submit
from oncue.store.journal import digests, seal_input

_NO_NUMBER: Final = bytes(8)


class Intake:
    """Makes units for the engine. Ids are hashed with the journal's secret, so that nobody can make two of them meet.

    An id's number is 64 bits of a keyed BLAKE2b hash of (namespace, source, id).
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(digest_size=8, key=key).copy

    def unit(
        self, seq: int, namespace: str, origin: str, actor: str | None, bodies: list[bytes], *,
        outlines: Sequence[Outline | None] | None = None, urgent: bool = False, side: list[SideWrite] | None = None,
        person: str | None = None,
    ) -> Submit:  # fmt: skip
        """A unit of these events, to be accepted or refused as a whole. Whoever has read them gives their `outlines`."""
        if outlines is None:
            outlines = [_outline(body) for body in bodies]
        envelope = seal_input(namespace, origin, actor, person)
        numbers: list[bytes] = []
        kinds: dict[Kind, int] = {}
        kind: list[int] = []
        fingerprints: list[str] = []
        keyed = self._keyed
        begun = keyed
        begun_for: tuple[str | None, str] | None = None
        for seen in outlines:
            if seen is None:
                numbers.append(_NO_NUMBER)
                kind.append(UNREADABLE)
                fingerprints.append("")
                continue
            named, source = seen.namespace, seen.source
            if begun_for != (named, source):  # mostly one source sends many
                hashing = keyed()
                hashing.update(f"{named or namespace}\0{source}\0".encode())
                begun, begun_for = hashing.copy, (named, source)
            hashing = begun()
            hashing.update(seen.id.encode())
            numbers.append(hashing.digest())
            fingerprints.append(seen.fingerprint)
            kind.append(kinds.setdefault((named, seen.type, seen.severity, seen.endsat), len(kinds)))
        marks = array("I", map(crc32, bodies)).tobytes()
        contents = digests(envelope, bodies)
        return Submit(
            seq, namespace, origin, actor, array("I", map(len, bodies)).tobytes(),
            b"".join((envelope, envelope.join(bodies))), b"".join(numbers), marks, contents,
            Outlines(list(kinds), kind, fingerprints), urgent, side or [], person,
        )  # fmt: skip


def _outline(body: bytes) -> Outline | None:
    try:
        return outline_of(body)
    except msgspec.DecodeError:
        return None
