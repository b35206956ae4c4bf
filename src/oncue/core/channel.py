"""What the engine knows of a channel: whether it can be reached, and what it has been told within the last minute."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

BUNDLE_S: Final = 60.0
"""How long what is held back for a bundle waits, and how long what a channel was told counts."""
BURST: Final = 5
"""Notifications within that time after which a channel is told the rest together."""
HELD: Final = 500
"""Notifications that one bundle keeps; more are counted."""


class Held(msgspec.Struct, frozen=True):
    """A notification that waits for a bundle."""

    incident: str
    reason: str
    at: datetime


class ChannelState(msgspec.Struct, frozen=True):
    """One channel's state: a cell."""

    failures: int = 0
    """Tries in a row that failed."""
    failing_since: datetime | None = None
    """Since when it has counted as unreachable, and an alert says so."""
    error: str = ""
    """Why the last try failed."""
    recent: tuple[tuple[datetime, int], ...] = ()
    """When it was last told at once, and of which priority: 1 to 5."""
    held: tuple[Held, ...] = ()
    """What waits for a bundle."""
    more: int = 0
    """And how many more than are kept."""

    def told(self, now: datetime, rank: int, what: Held) -> tuple["ChannelState", bool]:
        """It is to be told something of this priority. Gives what is known then, and whether that is held back."""
        since = now - timedelta(seconds=BUNDLE_S)
        recent = tuple(one for one in self.recent if one[0] > since)
        if len(recent) >= BURST and rank >= min(before for _, before in recent):
            full = len(self.held) >= HELD
            held = self.held if full else (*self.held, what)
            return msgspec.structs.replace(self, recent=recent, held=held, more=self.more + full), True
        return msgspec.structs.replace(self, recent=(*recent[1 - 2 * BURST :], (now, rank))), False

    def bundled(self, now: datetime, rank: int) -> "ChannelState":
        """The bundle is on its way. While more comes, the next minute ends with another."""
        return msgspec.structs.replace(self, recent=((now, rank),) * BURST, held=(), more=0)
