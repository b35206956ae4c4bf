"""A checklist: the steps of a runbook, as an incident has them."""

from datetime import datetime
from typing import Literal

import msgspec

Mark = Literal["open", "done", "skipped"]


class Item(msgspec.Struct, frozen=True):
    """One step, and who did it when."""

    title: str
    text: str
    link: str | None
    workflow: str | None
    state: Mark = "open"
    by: str | None = None
    at: datetime | None = None
    reason: str = ""
    """Why it was skipped."""


class Checklist(msgspec.Struct, kw_only=True):
    """A checklist's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`CHK-` and a number, counted per journal."""
    namespace: str
    incident: str
    runbook: str
    generation: int
    """The runbook's then: a later version does not change the steps."""
    title: str
    items: tuple[Item, ...]
    state: Literal["open", "done"]
    """`done` when no step is open."""
    added_by: str
    created_at: datetime
    updated_at: datetime
    position: str = ""
