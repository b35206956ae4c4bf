"""Heartbeats: a URL to call, a period, a grace. Its staying away is a problem; its return the recovery."""

from datetime import datetime

import msgspec


class Heartbeat(msgspec.Struct, frozen=True):
    """One heartbeat monitor's memory: when it last came, and when it is overdue."""

    monitor: str
    """`namespace/name`."""
    last_at: datetime | None
    due_at: datetime
    overdue: bool = False
