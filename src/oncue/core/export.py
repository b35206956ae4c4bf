"""Exports: events that a namespace shares with others, whose policies see them as they see their own.

The namespace that the event came to is its home, and decides about it as ever. Another one has its own decisions about it:
its own alert if a policy there asks for one, its own windows, runs and messages. What is shared with it, it cannot share on.
"""

from typing import Annotated, Final

import msgspec

from oncue.core.condition import Match
from oncue.core.spec import Spec

KIND: Final = "Export"
EVERYONE: Final = "*"
"""All other namespaces."""

Reached = Annotated[str, msgspec.Meta(pattern=r"^(\*|[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)$")]


class ExportSpec(Spec, kw_only=True, frozen=True):
    """Events that this namespace shares with others."""

    to: Annotated[list[Reached], msgspec.Meta(min_length=1, max_length=1000)]
    """Namespaces; `*` for all others."""
    match: Match = Match()
    """Which events. The recovery of what was shared is shared in any case."""
    description: str | None = None
    """What it is for."""
