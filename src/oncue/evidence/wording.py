"""How evidence is put into words, on a page and on paper alike: states, instants, values in lines, steps by their targets."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Literal

import msgspec

from oncue.evidence.story import Account, Agreement, Done

TEXT_LIMIT: Final = 2_000
"""Characters of a value that are shown; the bundle has the whole."""
LINE: Final = 90
"""Characters up to which a value stays in one line."""
RECORDS_SHOWN: Final = 1_000
"""Records whose digests are listed; the bundle has all of them."""
_WELL: Final = frozenset({"succeeded", "approved", "approve", "successful", "resolved"})
_ILL: Final = frozenset({"failed", "failed_validation", "rejected", "reject", "unsuccessful", "backed_out", "unknown", "timed_out", "expired", "rollback_failed", "rolled_back", "firing", "open"})  # fmt: skip


def mood(state: str) -> Literal["well", "ill", "so"]:
    """Whether a state is good news, bad news, or neither."""
    return "well" if state in _WELL else "ill" if state in _ILL else "so"


def plain(state: str) -> str:
    """A state, as people say it."""
    return state.replace("_", " ")


def time(text: str | None) -> str:
    """An instant in UTC, to the second."""
    if not text:
        return ""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def lasted(step: Done) -> str:
    """How long a step took; empty if it did not begin, or has not ended."""
    if step.started_at is None or step.ended_at is None:
        return ""
    seconds = (datetime.fromisoformat(step.ended_at) - datetime.fromisoformat(step.started_at)).total_seconds()
    return f"{seconds:.1f} s"


def asked(one: Agreement) -> str:
    """Who was asked, in which stages."""
    return "; ".join(f"{stage['stage']}: {stage['quorum']} of {', '.join(stage['by'])}" for stage in one.stages)


def compact(value: Any) -> str:
    """A value as JSON in one line."""
    return msgspec.json.encode(value).decode()


def shown(value: Any) -> str:
    """A value in lines, or the text that it is, as much of it as is shown."""
    return cut(value if isinstance(value, str) else "\n".join(_outline(value)))


def cut(text: str) -> str:
    """As much of a text as is shown, and how much more there is."""
    more = len(text) - TEXT_LIMIT
    return f"{text[:TEXT_LIMIT]}\n[{more} characters more, in the bundle]" if more > 0 else text


def _outline(value: Any) -> Iterator[str]:
    """JSON in lines that are short where they can be: what fits into one is not broken up."""
    if not isinstance(value, dict | list) or len(compact(value)) <= LINE:
        yield compact(value)
        return
    named = value.items() if isinstance(value, dict) else ((None, one) for one in value)
    for name, inner in named:
        first, *rest = _outline(inner)
        if name is None:
            yield f"- {first}"
        elif rest:
            yield f"{name}:"
            rest.insert(0, first)
        else:
            yield f"{name}: {first}"
        yield from (f"  {line}" for line in rest)


Place = tuple[str | None, str | None]
"""A wave and a target of it; None where a step concerns all."""


def by_place(story: Account) -> Iterator[tuple[Place, list[Done]]]:
    """The steps by wave and target, in the order in which these were come to; what only holds others together is left out."""
    kept = [one for one in story.steps if one.target is not None or one.uses not in ("for_each", "item")]
    first: dict[Place, int] = {}
    for one in kept:
        first.setdefault((one.wave, one.target), one.positions[0])

    def order(one: Done) -> tuple[int, int]:
        return first[one.wave, one.target], one.positions[0]

    for place, steps in groupby(sorted(kept, key=order), key=lambda one: (one.wave, one.target)):
        yield place, list(steps)


def named(place: Place) -> str:
    """Where steps were made."""
    return " ".join(part for part in place if part is not None) or "The change as a whole"


def called(step: Done) -> str:
    """A step's own name, and whether it undoes another."""
    name = step.address.rpartition("/")[2].removesuffix("~rollback")
    return f"undoes {name}" if step.undoes else name
