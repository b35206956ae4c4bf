"""What the table `access` holds: users, tokens, sessions, one-time links, secrets, and inputs of runs that are sealed as
secrets are. Rows are JSON of these structs.

None of it is journaled; the audit events that accompany a change are. Of passwords, tokens, sessions and links only
hashes are kept.
"""

import hashlib
import secrets
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from oncue.access.roles import Binding, TokenScope
from oncue.core.hidden import ROW
from oncue.runtime.frames import SideWrite

TOKEN_PREFIX: Final = "oncue_"
"""So that secret scanners can tell what they found."""


class User(msgspec.Struct, kw_only=True):
    """A person, or a service account, which cannot sign in and only owns tokens."""

    name: str
    kind: Literal["person", "service"] = "person"
    display_name: str | None = None
    email: str | None = None
    bindings: list[Binding] = []
    password_hash: str | None = None
    disabled: bool = False
    created_at: datetime
    created_by: str
    updated_at: datetime


class Token(msgspec.Struct, kw_only=True):
    """A credential for programs."""

    id: str
    name: str
    hash: str
    """SHA-256, in hex, of the token's text."""
    scope: TokenScope = "role"
    """`role`: what `role` allows; `source`: only sending events; `worker`: only leasing effects."""
    role: str | None = None
    namespaces: list[str]
    user: str | None = None
    """Whose it is; it can then do no more than that user."""
    created_at: datetime
    created_by: str
    owner: str | None = None
    """`user:name` of whoever answers for it where it is no person's own: who made it."""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class Session(msgspec.Struct, kw_only=True):
    """A person's sign-in from one browser. The row's id is the SHA-256 of the cookie."""

    id: str
    user: str
    csrf: str
    created_at: datetime
    expires_at: datetime


class Link(msgspec.Struct, kw_only=True):
    """A link that can be used once. The row's id is the SHA-256 of its token."""

    id: str
    purpose: Literal["first_admin", "set_password"]
    user: str | None = None
    created_at: datetime
    expires_at: datetime


class Secret(msgspec.Struct, kw_only=True):
    """A secret, encrypted. The row's id is `namespace/name`."""

    namespace: str
    name: str
    sealed: str
    """Base64 of nonce and AES-256-GCM ciphertext; the row's id is authenticated with it."""
    updated_at: datetime
    updated_by: str


KINDS: Final[dict[str, type[User | Token | Session | Link | Secret]]] = {
    "user": User,
    "token": Token,
    "session": Session,
    "link": Link,
    "secret": Secret,
}

_encode: Final = msgspec.json.Encoder().encode


def row_id(record: User | Token | Session | Link | Secret) -> str:
    """The row's id of a record."""
    match record:
        case User():
            return record.name
        case Secret():
            return f"{record.namespace}/{record.name}"
        case _:
            return record.id


def put(record: User | Token | Session | Link | Secret) -> SideWrite:
    """The write that stores this record."""
    kind = next(kind for kind, struct in KINDS.items() if isinstance(record, struct))
    return SideWrite(kind, row_id(record), _encode(record))


def put_input(given: Secret) -> SideWrite:
    """The write that stores what was given to a run, under the name `run/WORD/INPUT`. It goes with the run; nothing here
    keeps it in memory."""
    return SideWrite(ROW, row_id(given), _encode(given))


def drop(record: User | Token | Session | Link | Secret) -> SideWrite:
    """The write that deletes this record."""
    written = put(record)
    return SideWrite(written.kind, written.id, None)


def digest(text: str) -> str:
    """What is kept of a credential: SHA-256 in hex. Credentials are random, so no salt is needed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def new_credential(prefix: str = TOKEN_PREFIX) -> str:
    """A fresh random credential of 256 bits."""
    return prefix + secrets.token_urlsafe(32)


def public(record: Any, *hidden: str) -> dict[str, Any]:
    """A record for people's eyes, without the named fields."""
    shown: dict[str, Any] = msgspec.to_builtins(record)
    return {name: value for name, value in shown.items() if name not in hidden}
