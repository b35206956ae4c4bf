"""Windows: what a policy remembers of the past, per key, to judge a condition over time."""

from datetime import datetime

import msgspec


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """One policy's memory for one key. Replaced, never changed in place."""

    policy: str
    """`namespace/name`."""
    namespace: str
    key: str
    times: tuple[datetime, ...] = ()
    """`count`: when the newest matching events were recorded, at most as many as the policy counts."""
    since: datetime | None = None
    """`for` and thresholds: since when the condition holds without a break."""
    fired: bool = False
    value: float | None = None
    limit: float | None = None
    fingerprint: str | None = None
    """Of the condition whose lasting is watched, where it is one alert's."""
    alert: str | None = None
    """The alert that firing raised."""
    event: bytes = b""
    """The newest matching event, for the alert's text when the time is up."""
    event_namespace: str = ""
    origin: str = ""
    event_position: int = 0
