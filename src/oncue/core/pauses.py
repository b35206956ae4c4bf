"""Pauses: no policy starts a run, in a namespace or anywhere, until someone resumes or its time is over. People are told of
everything as before, tickets are written, and what is under way goes on.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from oncue.core.errors import Refusal
from oncue.core.pause import EVERYWHERE, Pause
from oncue.core.tx import Tx

LONGEST: Final = timedelta(days=30)


class Wanted(msgspec.Struct):
    """The data of `oncue.command.pause.begin`."""

    until: datetime
    reason: str
    everywhere: bool = False


class Over(msgspec.Struct):
    """The data of `oncue.command.pause.end`."""

    everywhere: bool = False


def holding(tx: Tx, namespace: str) -> Pause | None:
    """The pause that holds in the namespace; None if none does."""
    pauses = tx.state.cells["pause"]
    if not pauses:
        return None
    found: Pause | None = pauses.get(EVERYWHERE) or pauses.get(namespace)
    return found


def begin(tx: Tx, namespace: str, wanted: Wanted) -> Pause:
    """No policy starts a run there from now on. A pause that holds there takes over the new end and reason.

    Raises `Refusal` pause.invalid.
    """
    if wanted.until.tzinfo is None:
        raise Refusal("pause.invalid", "its end has no offset")
    if not tx.now < wanted.until <= tx.now + LONGEST:
        raise Refusal("pause.invalid", f"it ends in the past, or later than {LONGEST.days} days from now")
    if not wanted.reason.strip():
        raise Refusal("pause.invalid", "say why: whoever wonders reads it")
    key = EVERYWHERE if wanted.everywhere else namespace
    known: Pause | None = tx.state.cells["pause"].get(key)
    since = known.since if known is not None else tx.now
    pause = Pause(key, namespace, tx.actor, wanted.reason[:1000], since, wanted.until)
    tx.cell("pause", key, pause)
    tx.timer(f"pause.end/{key}", wanted.until)
    tx.fact("oncue.pause.began", "pause", pause)
    return pause


def end(tx: Tx, namespace: str, wanted: Over) -> Pause:
    """Policies start runs there again. Raises `Refusal` pause.none if nothing is paused there."""
    key = EVERYWHERE if wanted.everywhere else namespace
    known: Pause | None = tx.state.cells["pause"].get(key)
    if known is None:
        raise Refusal("pause.none", "everywhere" if wanted.everywhere else namespace)
    over(tx, key)
    return known


def over(tx: Tx, key: str) -> None:
    """The pause is over, by hand or because its time is."""
    known: Pause | None = tx.state.cells["pause"].get(key)
    if known is not None:
        tx.cell("pause", key, None)
        tx.cancel(f"pause.end/{key}")
        tx.fact("oncue.pause.ended", "pause", known)
