"""What a check of `oncue doctor` saw."""

from typing import Literal, NamedTuple

State = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """One line of the report."""

    part: str
    state: State
    seen: str
    hint: str = ""
    """What to do about it, for whoever runs the server."""


def some(names: list[str], shown: int = 5) -> str:
    """The first few of a list, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")
