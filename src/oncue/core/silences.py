"""What happens to silences: they begin, are edited, end; each time, what they touch is looked at again."""

import uuid
from datetime import datetime

import msgspec

from oncue.core import reminders, suppress
from oncue.core.errors import Refusal
from oncue.core.silence import Matcher, Silence, check
from oncue.core.tx import Tx


class Wanted(msgspec.Struct):
    """The data of `oncue.command.silence.set`."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    comment: str = ""
    created_by: str = ""
    id: str | None = None
    remind_before_s: float | None = None
    """None for the usual time, or of a known one as it is."""


def put(tx: Tx, wanted: Wanted, namespace: str) -> Silence:
    """Make a silence or edit one. Changed matchers, or an expired one, make a new one.

    Raises `Refusal` silence.invalid, silence.not_found.
    """
    check(wanted.matchers, wanted.starts_at, wanted.ends_at)
    if wanted.ends_at <= tx.now:
        raise Refusal("silence.invalid", "it ends in the past")
    reminders.check(wanted.remind_before_s)
    known = tx.state.silences.get(wanted.id) if wanted.id else None
    if wanted.id and (known is None or known.namespace != namespace):
        raise Refusal("silence.not_found", f"{wanted.id} is not there, or has expired")
    if known is not None and known.matchers == wanted.matchers:
        if known.state != "active" or wanted.starts_at > tx.now:
            known = _moved(tx, known, wanted)
        else:
            tx.touch(known)
            known.ends_at, known.comment = wanted.ends_at, wanted.comment
            _take_reminder(known, wanted)
            known.updated_at = tx.now
            _fact(tx, known, "oncue.silence.updated")
        _until(tx, known)
        _settle(tx, known)
        return known
    if known is not None:
        expire(tx, known)
    silence = Silence(
        id=str(uuid.UUID(bytes=tx.digest(16), version=4)),
        namespace=namespace,
        matchers=wanted.matchers,
        starts_at=max(wanted.starts_at, tx.now),
        ends_at=wanted.ends_at,
        created_by=wanted.created_by or tx.actor,
        comment=wanted.comment,
        state="active" if wanted.starts_at <= tx.now else "pending",
        updated_at=tx.now,
        remind_before_s=wanted.remind_before_s,
    )
    _fact(tx, silence, "oncue.silence.created")
    if silence.state == "pending":
        tx.timer(f"silence.start/{silence.id}", silence.starts_at)
    _until(tx, silence)
    _settle(tx, silence)
    return silence


def _until(tx: Tx, silence: Silence) -> None:
    tx.timer(f"silence.end/{silence.id}", silence.ends_at)
    reminders.plan(tx, "silence", silence.id, silence.starts_at, silence.ends_at, silence.remind_before_s)


def _take_reminder(known: Silence, wanted: Wanted) -> None:
    if wanted.remind_before_s is not None:
        known.remind_before_s = wanted.remind_before_s


def _moved(tx: Tx, known: Silence, wanted: Wanted) -> Silence:
    tx.touch(known)
    known.starts_at, known.ends_at, known.comment = max(wanted.starts_at, tx.now), wanted.ends_at, wanted.comment
    known.updated_at = tx.now
    _take_reminder(known, wanted)
    known.state = "active" if known.starts_at <= tx.now else "pending"
    if known.state == "pending":
        tx.timer(f"silence.start/{known.id}", known.starts_at)
    else:
        tx.cancel(f"silence.start/{known.id}")
    _fact(tx, known, "oncue.silence.updated")
    return known


def start(tx: Tx, silence: Silence) -> None:
    """Its time has come."""
    tx.touch(silence)
    silence.state = "active"
    silence.updated_at = tx.now
    _fact(tx, silence, "oncue.silence.activated")
    _settle(tx, silence)


def expire(tx: Tx, silence: Silence) -> None:
    """Its time is over, or someone ended it: what still fires is heard again."""
    tx.touch(silence)
    silence.state = "expired"
    silence.ends_at = min(silence.ends_at, tx.now)
    silence.updated_at = tx.now
    tx.cancel(f"silence.start/{silence.id}")
    tx.cancel(f"silence.end/{silence.id}")
    reminders.drop(tx, "silence", silence.id)
    _fact(tx, silence, "oncue.silence.expired", live=False)
    _settle(tx, silence)


def _settle(tx: Tx, silence: Silence) -> None:
    matchers = silence.matchers if silence.state == "active" else None
    suppress.settle_for(tx, tx.state.silencing, silence.id, silence.namespace, matchers)


def _fact(tx: Tx, silence: Silence, type: str, live: bool = True) -> None:
    tx.fact(type, "silence", silence)
    tx.save("silence", silence, live)
