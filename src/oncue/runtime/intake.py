"""What the sender of a unit works out of its events, so that the engine's process need not.

The engine has one thread that decides; whoever talks to it has time. So the sender reads of each event what is needed to
recognise it and to see whether it merely repeats a firing alert, and hashes its content for the journal.
"""

import hashlib
from array import array
from typing import Final
from zlib import crc32

import msgspec

from oncue.core.normalise import UNREADABLE, Kind, Outlines
from oncue.core.normalise import fingerprint as default_fingerprint
from oncue.runtime.frames import SideWrite, Submit
from oncue.store.journal import digests, seal_envelope

_NO_NUMBER: Final = bytes(8)


class _Glimpse(msgspec.Struct, gc=False):
    """The attributes of an event that an outline is made of."""

    id: str
    source: str
    type: str
    subject: str | None = None
    severity: str | None = None
    resource: str | None = None
    namespace: str | None = None
    check: str | None = None
    fingerprint: str | None = None
    endsat: str | None = None


_glimpse: Final = msgspec.json.Decoder(_Glimpse).decode


class Intake:
    """Makes units for the engine. Ids are hashed with the journal's secret, so that nobody can make two of them meet.

    An id's number is 64 bits of a keyed BLAKE2b hash of (namespace, source, id).
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(digest_size=8, key=key).copy

    def unit(
        self, seq: int, namespace: str, origin: str, actor: str | None, bodies: list[bytes], *,
        urgent: bool = False, side: list[SideWrite] | None = None,
    ) -> Submit:  # fmt: skip
        """A unit of these events, to be accepted or refused as a whole."""
        envelope = seal_envelope((namespace, origin, actor))
        numbers: list[bytes] = []
        kinds: dict[Kind, int] = {}
        kind: list[int] = []
        fingerprints: list[str] = []
        keyed = self._keyed
        for body in bodies:
            try:
                seen = _glimpse(body)
            except msgspec.DecodeError:
                numbers.append(_NO_NUMBER)
                kind.append(UNREADABLE)
                fingerprints.append("")
                continue
            hashing = keyed()
            hashing.update(f"{seen.namespace or namespace}\0{seen.source}\0{seen.id}".encode())
            numbers.append(hashing.digest())
            fingerprint = seen.fingerprint
            if fingerprint is None:
                resource = seen.resource or seen.subject or seen.source
                fingerprint = default_fingerprint(resource, seen.check or seen.type)
            fingerprints.append(fingerprint)
            kind.append(kinds.setdefault((seen.namespace, seen.type, seen.severity, seen.endsat), len(kinds)))
        outlines = Outlines(list(kinds), kind, fingerprints)
        marks = array("I", map(crc32, bodies)).tobytes()
        contents = digests(envelope, bodies)
        return Submit(
            seq, namespace, origin, actor, bodies, b"".join(numbers), marks, contents, outlines, urgent, side or []
        )
