"""What the specs of all kinds of manifest have in common."""

import hashlib
from typing import Annotated, Any, Final

import msgspec

_NAME: Final = r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"
Name = Annotated[str, msgspec.Meta(pattern=_NAME, description="Lower-case letters, digits, dots and hyphens")]

StepId = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Lower-case letters, digits, underscores")
]


class Spec(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What every kind's spec has in common: unknown keys are refused."""


def content_hash(document: Any) -> str:
    """SHA-256 of the canonical JSON of a document."""
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()
