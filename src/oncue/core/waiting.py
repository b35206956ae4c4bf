"""A wait of a run for an event."""

from typing import Any

import msgspec


class EventWait(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step waits for, or will. A cell by the step's id, replaced and never changed in place."""

    namespace: str
    types: tuple[str, ...]
    resource: str | None
    """What the event is about; None for anything."""
    waiting: bool = False
    """Whether the step has been reached; before that, what comes is gathered."""
    mail: tuple[dict[str, Any], ...] = ()
    """What has come before, the oldest first."""
    fault: str | None = None
    """Why it cannot be said of an event that came whether it is what is waited for: the first one of which that is so."""
