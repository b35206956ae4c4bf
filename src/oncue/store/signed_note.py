"""Signed notes, in the form that C2SP calls so: a text, and below it who signed it. Checkpoints are such, and seals of evidence.

What a note is about is its first line: a checkpoint's is `oncue/JOURNAL`, a seal's `oncue/JOURNAL/evidence`, so that neither
can be passed off as the other.
"""

import base64
import binascii
import hashlib
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_ED25519: Final = b"\x01"
_MARK: Final = "\n\u2014 "


class Note(NamedTuple):
    """A note that can be read; whether it is signed by whom it should be is another question."""

    text: str
    signer: str
    hint: bytes
    """Which key is meant: 4 bytes."""
    signature: bytes

    @property
    def lines(self) -> list[str]:
        """Of the text."""
        return self.text.splitlines()


def journal_of(journal_id: str) -> str:
    """How a journal is called in notes."""
    return f"oncue/{journal_id}"


def signed(text: str, signer: str, key: Ed25519PrivateKey) -> str:
    """The text, which ends with a line's end, with its signature below."""
    raw = _hint(signer, raw_key(key.public_key())) + key.sign(text.encode())
    return f"{text}{_MARK}{signer} {base64.b64encode(raw).decode()}\n"


def checkpoint(journal_id: str, batch: int, head: bytes, key: Ed25519PrivateKey) -> str:
    """A signed checkpoint (tlog-checkpoint): origin, size, root."""
    origin = journal_of(journal_id)
    return signed(f"{origin}\n{batch}\n{base64.b64encode(head).decode()}\n", origin, key)


def seal_text(journal_id: str, subject: str, digest: bytes) -> str:
    """What is signed of evidence: of which journal, what it is about, its SHA-256."""
    return f"{journal_of(journal_id)}/evidence\n{subject}\n{base64.b64encode(digest).decode()}\n"


def seal(journal_id: str, subject: str, digest: bytes, key: Ed25519PrivateKey) -> str:
    """A signed seal of evidence."""
    return signed(seal_text(journal_id, subject, digest), journal_of(journal_id), key)


def opened(note: str) -> Note:
    """The parts of a note. Raises `ValueError` if it is none."""
    text, mark, line = note.partition(_MARK)
    signer, space, encoded = line.removesuffix("\n").rpartition(" ")
    if not mark or not space or not text.endswith("\n") or not line.endswith("\n") or "\n" in encoded:
        raise ValueError("not a signed note")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ValueError("the signature of the note is not base64") from error
    return Note(text, signer, raw[:4], raw[4:])


def holds(note: Note, key: bytes) -> bool:
    """Whether the owner of this key, 32 bytes, signed it."""
    if note.hint != _hint(note.signer, key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(note.signature, note.text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def raw_key(key: Ed25519PublicKey) -> bytes:
    """Its 32 bytes."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _hint(signer: str, key: bytes) -> bytes:
    return hashlib.sha256(f"{signer}\n".encode() + _ED25519 + key).digest()[:4]
