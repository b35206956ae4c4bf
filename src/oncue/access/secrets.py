"""Secrets: encrypted at rest, resolved where they are used, masked wherever text leaves.

The key is `DATA/keys/secrets.key`, made at the first need, readable by its owner only. A row's id (`namespace/name`) is
authenticated with its ciphertext, so rows cannot be swapped. `secret://name` means the secret of that name in the
namespace of whatever refers to it.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oncue.access.records import Secret
from oncue.core.errors import Refusal
from oncue.core.hidden import OF_RUNS, ROW
from oncue.core.inputs import REFERENCE

SCHEME: Final = REFERENCE
MASK: Final = "[secret]"
SHORTEST_MASKED: Final = 4
"""Shorter values are not masked: they would blot out half of every text."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


def load_key(data: Path) -> bytes:
    """The data directory's key; makes one if there is none yet."""
    path = data / "keys" / "secrets.key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_name(f".secrets.key.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(AESGCM.generate_key(bit_length=8 * _KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # fails if another process was faster; its key is then the one
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise Refusal("config.invalid", f"{path} does not hold a key of {_KEY_BYTES} bytes")
    return key


def seal(key: bytes, namespace: str, name: str, value: str) -> str:
    """The encrypted form of a value, for `Secret.sealed`."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, value.encode(), f"{namespace}/{name}".encode())
    return base64.b64encode(nonce + sealed).decode("ascii")


def unseal(key: bytes, secret: Secret) -> str:
    """The value. Raises `Refusal` secret.not_found if it was sealed with another key or for another row."""
    raw = base64.b64decode(secret.sealed)
    try:
        opened = AESGCM(key).decrypt(
            raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], f"{secret.namespace}/{secret.name}".encode()
        )
    except InvalidTag as error:
        raise Refusal("secret.not_found", f"{secret.name} was encrypted with another key; set it again") from error
    return opened.decode()


class SecretStore:
    """Resolves references. `read_row(kind, id)` gives the body of the row `namespace/name`, or None: of the kind `secret`, or
    `input` of what was given to a run."""

    def __init__(self, data: Path, read_row: Callable[[str, str], bytes | None]) -> None:
        self._data = data
        self._read_row = read_row

    def resolve(self, reference: str, namespace: str) -> str:
        """The value that `secret://name` stands for in this namespace. Raises `Refusal` secret.not_found."""
        name = reference.removeprefix(SCHEME)
        of_run = reference.startswith(OF_RUNS)
        body = self._read_row(ROW if of_run else "secret", f"{namespace}/{name}")
        if of_run and body is None:
            raise Refusal("secret.not_found", f"{name[:200]} was given to a run that is over: it is forgotten")
        if not reference.startswith(SCHEME) or body is None:
            raise Refusal("secret.not_found", f"There is no secret {name!r} in the namespace {namespace}")
        return unseal(load_key(self._data), msgspec.json.decode(body, type=Secret))

    def resolve_all(self, value: Any, namespace: str, found: list[str]) -> Any:
        """The JSON value with every string that is a reference replaced; the values are appended to `found`."""
        if isinstance(value, str) and value.startswith(SCHEME):
            resolved = self.resolve(value, namespace)
            found.append(resolved)
            return resolved
        if isinstance(value, dict):
            return {key: self.resolve_all(item, namespace, found) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve_all(item, namespace, found) for item in value]
        return value


def mask(text: str, values: Iterable[str]) -> str:
    """The text with every form of these values blotted out: plain, base64, percent-encoded, JSON-escaped."""
    forms = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, forms)), MASK, text) if forms else text


def mask_json(value: Any, values: Iterable[str]) -> Any:
    """The JSON value with every string in it masked, keys too."""
    kept = tuple(values)
    if isinstance(value, str):
        return mask(value, kept)
    if isinstance(value, dict):
        return {mask(str(key), kept): mask_json(item, kept) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_json(item, kept) for item in value]
    return value


def _forms(value: str) -> Iterable[str]:
    if len(value) < SHORTEST_MASKED:
        return
    yield value
    raw = value.encode("utf-8", "surrogatepass")
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(raw).decode("ascii")
        yield encoded
        yield encoded.rstrip("=")
    # Inside longer base64, as in `user:password`, the value starts at one of three alignments.
    for skip in (1, 2):
        shifted = base64.b64encode(b"\0" * skip + raw).decode("ascii").rstrip("=")
        inner = shifted[skip + 1 : len(shifted) - 1]
        if len(inner) >= 2 * SHORTEST_MASKED:
            yield inner
    aligned = base64.b64encode(raw[: len(raw) - len(raw) % 3]).decode("ascii")
    if len(aligned) >= 2 * SHORTEST_MASKED:
        yield aligned
    yield quote(value, safe="")
    yield quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
