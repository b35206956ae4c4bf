"""A handover: how things stand when one shift goes and the next one comes."""

from datetime import datetime
from typing import Any, Literal

import msgspec


class Handover(msgspec.Struct, kw_only=True):
    """A handover's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`HND-` and a number, counted per journal."""
    namespace: str
    team: str | None
    """Whose services it is about; None for all of the namespace."""
    since: datetime
    """When the shift that goes began."""
    until: datetime
    """When the shift that comes ends."""
    state: Literal["open", "confirmed"]
    drawn: dict[str, Any]
    """What was drawn from state and journal when it was made."""
    notes: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    remark: str = ""
    """What the next shift said to it."""
    position: str = ""
