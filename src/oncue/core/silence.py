"""The silence: a person's reason for quiet, with matchers, an author, and an end."""

from datetime import datetime
from typing import Literal

import msgspec


class Matcher(msgspec.Struct, frozen=True):
    """A condition on one label, in Alertmanager's form. `is_regex` matches the whole value, RE2 syntax.

    Names are looked up among the alert's labels, then among its fields: `severity`, `resource`, `service`,
    `check`, `title`, `namespace`, `fingerprint`. A label that is not there has the value "".
    """

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


class Silence(msgspec.Struct, kw_only=True):
    """A silence's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """A UUID in text form, as Alertmanager's clients expect."""
    namespace: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    state: Literal["pending", "active", "expired"]
    updated_at: datetime
    position: str = ""
