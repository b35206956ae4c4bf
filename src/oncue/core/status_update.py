"""A status update: what stakeholders were told of an incident, and how it stood then."""

from datetime import datetime

import msgspec


class StatusUpdate(msgspec.Struct, kw_only=True):
    """One update. It does not change any more."""

    id: str
    namespace: str
    incident: str
    text: str
    template: str | None
    """The template that the text was made from."""
    by: str
    at: datetime
    state: str
    """The incident's then, as severity and priority."""
    severity: str
    priority: str
    service: str | None
    audience: tuple[str, ...]
    """Whom it went to, as `channel:name` or `team:name`."""
    unreached: str = ""
    """Why nobody could be told; empty if someone was."""
    next_at: datetime | None = None
    """When the next one was promised for."""
