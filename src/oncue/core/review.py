"""A review: what people learned from an incident. Written when it is over, from what the journal has of it."""

from datetime import datetime
from typing import Any, Literal

import msgspec


class Review(msgspec.Struct, kw_only=True):
    """A review's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """The incident's."""
    namespace: str
    incident: str
    title: str
    service: str | None
    priority: str
    state: Literal["draft", "published"]
    drawn: dict[str, Any]
    """What was drawn from the journal when it was begun: timeline, durations, who, alerts, suspects, what was run."""
    summary: str
    impact: str
    causes: str
    went_well: str
    went_badly: str
    lessons: str
    actions: tuple[str, ...]
    """Ids of tasks of the kind `action`."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    published_by: str | None = None
    published_at: datetime | None = None
    position: str = ""


SECTIONS = ("summary", "impact", "causes", "went_well", "went_badly", "lessons")
"""The parts that people write."""
