"""A lane: the runs that a policy has under way for one key, and what waits for them to end."""

import msgspec

from oncue.core.window import Window


class Lane(msgspec.Struct, frozen=True, omit_defaults=True):
    """One policy's runs for one key. Replaced, never changed in place."""

    runs: tuple[str, ...] = ()
    """Those under way."""
    queued: tuple[Window, ...] = ()
    """What waits: the event and the alert of each firing, oldest first."""
    keys: tuple[str, ...] = ()
    """The key that each of them fired for."""
