"""The keys of a data directory, made at its first start, readable by its owner alone."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

FOLDER: Final = "keys"


def journal_key(data: Path) -> bytes:
    """The secret that ids are hashed with: 32 bytes."""
    return _file(data / FOLDER / "journal.key", lambda: secrets.token_bytes(32))


def signing_key(data: Path) -> Ed25519PrivateKey:
    """The key that signs checkpoints. Its public half lies beside it, for whoever checks."""
    path = data / FOLDER / "checkpoint.pem"

    def make() -> bytes:
        key = Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (data / FOLDER / "checkpoint.pub").write_bytes(public)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    key = load_pem_private_key(_file(path, make), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    return key


def _file(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    return path.read_bytes()
