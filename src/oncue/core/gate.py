"""A gate: the runs of a workflow that count together, and those that wait for room."""

import msgspec


class Gate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cell, there only while there is something in it. Replaced, never changed in place."""

    runs: tuple[str, ...] = ()
    """Those under way."""
    queued: tuple[tuple[int, int, str], ...] = ()
    """Those that wait: (priority, position at which it came, run), the next one first."""
