"""How far the changes of a system were read: an instant, and how many of the changes of that very instant."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

PAGE = 50
"""Tickets that one question brings."""


class Place(NamedTuple):
    """A cursor, read: changes since `at`, of which the first `skip` are known."""

    at: datetime
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).isoformat()}~{self.skip}"


def place(cursor: str) -> Place:
    """The place that a cursor means."""
    at, _, skip = cursor.partition("~")
    return Place(datetime.fromisoformat(at), int(skip or 0))


def after(before: Place, changed: Sequence[datetime], more: bool) -> str:
    """The cursor behind these changes, the oldest first. Without more of them the next question begins with the last instant
    again, for more may follow in it; what is known by then is no news."""
    if not changed:
        return str(before)
    last = changed[-1]
    if not more:
        return str(Place(last))
    same = sum(at == last for at in changed)
    return str(Place(last, same + (before.skip if last == before.at else 0)))
