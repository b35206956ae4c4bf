"""What the sender of a unit works out of its events, so that the engine's process need not.

The engine has one thread that decides; whoever talks to it has time. So the sender reads of each event what is needed to
recognise it and to see whether it merely repeats a firing alert, and hashes its content for the journal.
"""

import hashlib
import zlib
from array import array
from collections.abc import Sequence
from typing import Final

import msgspec

from oncue.core import event as events
from oncue.core import normalise
from oncue.runtime.frames import Outline, SideWrite, Submit
from oncue.store.journal import digest, seal_envelope


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
    """Makes units for the engine. Ids are hashed with the journal's secret, so that nobody can make two of them meet."""

    def __init__(self, key: bytes) -> None:
        self._keyed = hashlib.blake2b(digest_size=8, key=key).copy

    def number(self, namespace: str, source: str, id: str) -> int:
        """What stands for this id: 64 bits of a keyed BLAKE2b hash."""
        hashing = self._keyed()
        hashing.update(f"{namespace}\0{source}\0{id}".encode())
        return int.from_bytes(hashing.digest(), "little")

    def unit(
        self, seq: int, namespace: str, origin: str, actor: str | None, bodies: Sequence[bytes], *,
        urgent: bool = False, side: list[SideWrite] | None = None,
    ) -> Submit:  # fmt: skip
        """A unit of these events, to be accepted or refused as a whole."""
        envelope = seal_envelope((namespace, origin, actor))
        numbers: list[int] = []
        outlines: list[Outline | None] = []
        number = self.number
        for body in bodies:
            try:
                seen = _glimpse(body)
            except msgspec.DecodeError:
                numbers.append(0)
                outlines.append(None)
                continue
            numbers.append(number(seen.namespace or namespace, seen.source, seen.id))
            outlines.append(outline(seen))
        return Submit(
            seq, namespace, origin, actor, list(bodies), array("Q", numbers).tobytes(),
            array("I", map(zlib.crc32, bodies)).tobytes(), b"".join([digest(envelope, body) for body in bodies]),
            outlines, urgent, side or [],
        )  # fmt: skip


def outline(event: events.Event | _Glimpse) -> Outline:
    """What of the event shows whether it repeats an alert."""
    fingerprint = event.fingerprint
    if fingerprint is None:
        resource = event.resource or event.subject or event.source
        fingerprint = normalise.fingerprint(resource, event.check or event.type)
    return Outline(event.namespace, event.type, event.severity, fingerprint, event.endsat)
