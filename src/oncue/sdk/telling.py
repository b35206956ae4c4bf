"""What work tells of itself while it is under way: lines of a log, and how far it is.

It is for people who look on, and for whoever asks afterwards what a step did. Nothing is decided by it.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

Stream = Literal["", "out", "err"]
"""Where a line comes from: the plugin itself, or what a program writes to its output or its error output."""

LINE_LIMIT = 8_192
"""Characters of one line that are kept."""


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that work tells. Secrets are masked already."""

    text: str = ""
    """A line, without its end; of progress, what is being done."""
    stream: Stream = ""
    done: float | None = None
    """Progress, from 0 to 1; None for a line of the log."""


Tell = Callable[[Told], None]
"""Takes what work tells, at once and without waiting."""
