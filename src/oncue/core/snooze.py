"""Snooze: someone wants quiet about one alert until then, and is told if it still fires."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from oncue.core import suppress
from oncue.core.alert import Alert, Quiet
from oncue.core.errors import Refusal
from oncue.core.tx import Tx

LONGEST: Final = timedelta(days=366)
REASON_LIMIT: Final = 1000


class Wanted(msgspec.Struct):
    """The data of `oncue.command.alert.snooze`."""

    alert: str
    until: datetime
    reason: str = ""


def snooze(tx: Tx, alert: Alert, wanted: Wanted) -> None:
    """Nobody is told of the firing alert until then. Raises `Refusal` silence.invalid, silence.too_long."""
    if wanted.until.tzinfo is None:
        raise Refusal("silence.invalid", "its end has no offset")
    if wanted.until <= tx.now:
        raise Refusal("silence.invalid", "it ends in the past")
    if wanted.until - tx.now > LONGEST:
        raise Refusal("silence.too_long", f"at most {LONGEST.days} days")
    suppress.keep(tx, alert, Quiet("snoozed", tx.actor, tx.now, wanted.until, (wanted.reason or "")[:REASON_LIMIT]))


def unsnooze(tx: Tx, alert: Alert) -> None:
    """Whoever it concerns is told of the firing alert again."""
    suppress.take_back(tx, alert, "snoozed")
    suppress.settle(tx, alert, newly=True)
