"""What a bundle of evidence consists of. All of it is plain JSON, so that whoever gets it needs no OnCue to read it.

A record's digest stands in a leaf, the leaf's path leads to the root of its batch, the batch is a link of a stretch of the
chain, and each stretch ends at a signed checkpoint: `store/journal.py` says how each is hashed. The seal is a signed note
over SHA-256 of the evidence as canonical JSON (members sorted, no spaces, UTF-8).
"""

import hashlib
from typing import Any, Final, Literal

import msgspec

from oncue.evidence.story import Account

FORM: Final = "oncue.evidence/1"

RECORDS_LIMIT: Final = 150_000
"""Records in a bundle: a change of 2,000 targets with a dozen steps each."""
BYTES_LIMIT: Final = 256 * 1024 * 1024
"""Of the records' bodies."""
LINKS_LIMIT: Final = 50_000
"""Links of the chain that are given in one piece, from the first record to the newest checkpoint. Where there would be more,
each record is proven up to the next checkpoint after it, of which one is signed a minute."""


class Proven(msgspec.Struct, forbid_unknown_fields=True):
    """A record of the journal."""

    position: int
    envelope: str
    """Base64 of its bytes: namespace, where it came through, who sent it, as MessagePack."""
    body: str
    """The stored bytes of a CloudEvent."""


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    """Up to 32 neighbouring records of a batch, of which some are given."""

    batch: int
    first_position: int
    rows: list[tuple[int, int, str]]
    """(recorded at in microseconds since 1970 UTC, flags, SHA-256 of envelope and body) of each."""
    path: list[tuple[Literal["left", "right"], str]]
    """Hashes beside the way from the leaf to the batch's root."""


class Stretch(msgspec.Struct, forbid_unknown_fields=True):
    """A piece of the chain without a gap."""

    previous: str
    """Hash of the batch before the first link."""
    links: list[tuple[int, int, int, str]]
    """(batch, its first position, its last, its root)."""
    checkpoint: str
    """The signed note about the last link."""


class Made(msgspec.Struct, forbid_unknown_fields=True):
    """Of what, when, by whom the bundle was put together. Nothing but the seal vouches for it."""

    journal_id: str
    subject: str
    at: str
    by: str
    version: str
    left_out: list[str] = []
    """What was too much, in sentences."""


class Evidence(msgspec.Struct, forbid_unknown_fields=True):
    """All that the seal is about."""

    form: str
    made: Made
    story: Account
    agreed: Any
    """What the plan's hash is of; None if this version would plan it otherwise."""
    records: list[Proven]
    leaves: list[Leaf]
    chain: list[Stretch]


class Bundle(msgspec.Struct, forbid_unknown_fields=True):
    """Evidence and its seal."""

    evidence: Evidence
    seal: str
    key: str
    """Base64 of the 32 bytes of the Ed25519 key by which seal and checkpoints are signed. By itself it shows that all is from one
    hand, and not whose."""


canonical: Final = msgspec.json.Encoder(order="sorted").encode
"""JSON whose members are sorted."""


def digest(evidence: bytes) -> bytes:
    """SHA-256 of evidence in canonical JSON."""
    return hashlib.sha256(evidence).digest()


def packed(evidence: bytes, seal: str, key: str) -> bytes:
    """The bundle of evidence in canonical JSON."""
    return msgspec.json.encode({"evidence": msgspec.Raw(evidence), "seal": seal, "key": key})
