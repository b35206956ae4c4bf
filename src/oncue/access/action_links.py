"""Links in messages by which their readers acknowledge or snooze an incident, or decide about an approval, without signing in.

A link's token says which notification it came with, of which incident, to whom, and until when; it is signed with a key
that is derived from the data directory's. Who has the message has the right, and no other: looking at a link changes
nothing, for mail scanners open links, and the engine takes each action of a link once.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from oncue.access.secrets import load_key
from oncue.core.errors import Refusal

_PURPOSE: Final = b"oncue/action-links/v1"
_MAC_BYTES: Final = 16
TOKEN_LIMIT: Final = 1024


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """What a token says."""

    effect: str
    """The notification it came with: what is used once."""
    namespace: str
    about: str
    """The id of what may be acted on."""
    to: str
    """Whom the notification was for: `user:name`, `team:name` or `channel:name`."""
    until: datetime
    kind: Literal["incident", "approval"] = "incident"


def link_key(data: Path) -> bytes:
    """The key that signs the links of this data directory."""
    return hmac.new(load_key(data), _PURPOSE, hashlib.sha256).digest()


def sign(key: bytes, claim: Claim) -> str:
    """The token: URL-safe, about 200 characters."""
    body = msgspec.msgpack.encode(claim)
    return _text(body + _mac(key, body))


def read(key: bytes, token: str, now: datetime) -> Claim:
    """What the token says. Raises `Refusal` link.invalid if it is not ours or its time is over."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)) if len(token) <= TOKEN_LIMIT else b""
    except (binascii.Error, ValueError):
        raw = b""
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    # What is no part of base64 is passed over when it is read, so a token with more in it would do as well.
    if not body or _text(raw) != token or not hmac.compare_digest(mac, _mac(key, body)):
        raise Refusal("link.invalid", "the link is damaged; copy all of it, or open the console")
    claim = msgspec.msgpack.decode(body, type=Claim)
    if claim.until <= now:
        raise Refusal("link.invalid", "its time is over; open the console")
    return claim


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()[:_MAC_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
