"""Snooze: someone wants quiet about an alert, or all of an incident, until then, and is told if it still fires."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from oncue.core import escalations, incidents, reminders, suppress
from oncue.core.alert import Alert, Quiet
from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.tx import Tx

LONGEST: Final = timedelta(days=366)
REASON_LIMIT: Final = 1000


class Wanted(msgspec.Struct):
    """The data of `oncue.command.alert.snooze`."""

    alert: str
    until: datetime
    reason: str = ""
    remind_before_s: float | None = None
    """How long before its end whoever snoozes is reminded; None for the usual time, 0 for not at all."""
    by: str = ""
    """Who snoozes, where that is not the actor but whose token it is."""


class WantedAll(msgspec.Struct):
    """The data of `oncue.command.incident.snooze`."""

    incident: str
    until: datetime
    reason: str = ""
    remind_before_s: float | None = None
    by: str = ""


def snooze(tx: Tx, alert: Alert, wanted: Wanted) -> None:
    """Nobody is told of the firing alert until then. Raises `Refusal` silence.invalid, silence.too_long."""
    _check(tx, wanted)
    suppress.keep(tx, alert, _reason(tx, wanted))
    reminders.plan(tx, "alert", alert.id, tx.now, wanted.until, wanted.remind_before_s)


def snooze_all(tx: Tx, incident: Incident, wanted: WantedAll) -> None:
    """Nobody is told of what fires in the incident until then, and then once. Raises `Refusal` as `snooze`, and
    incident.state if nothing of it fires.
    """
    _check(tx, wanted)
    firing = [id for id in sorted(tx.state.members.get(incident.id, ())) if tx.state.alerts[id].state == "firing"]
    if not firing:
        raise Refusal("incident.state", f"no alert of {incident.id} fires")
    reason = _reason(tx, wanted)
    for id in firing:
        suppress.keep(tx, tx.state.alerts[id], reason)
        reminders.drop(tx, "alert", id)
    tx.touch(incident)
    incident.snoozed_until = wanted.until
    reminders.plan(tx, "incident", incident.id, tx.now, wanted.until, wanted.remind_before_s)
    escalations.snoozed(tx, incident)
    incidents.report(tx, incident, "oncue.incident.snoozed")


def unsnooze_all(tx: Tx, incident: Incident) -> None:
    """The snooze of the whole incident is taken back: what fires in it is heard again. Raises `Refusal` incident.state if
    it is not snoozed.
    """
    until = incident.snoozed_until
    if until is None:
        raise Refusal("incident.state", f"{incident.id} is not snoozed")
    tx.touch(incident)
    incident.snoozed_until = None
    reminders.drop(tx, "incident", incident.id)
    incidents.report(tx, incident, "oncue.incident.unsnoozed")
    for id in sorted(tx.state.members.get(incident.id, ())):
        alert = tx.state.alerts[id]
        known = suppress.has(alert, "snoozed")
        if known is not None and known.until == until:
            suppress.take_back(tx, alert, "snoozed")
            if alert.state == "firing":
                suppress.settle(tx, alert, newly=True)


def _reason(tx: Tx, wanted: Wanted | WantedAll) -> Quiet:
    return Quiet("snoozed", wanted.by[:255] or tx.actor, tx.now, wanted.until, (wanted.reason or "")[:REASON_LIMIT])


def _check(tx: Tx, wanted: Wanted | WantedAll) -> None:
    until = wanted.until
    reminders.check(wanted.remind_before_s)
    if until.tzinfo is None:
        raise Refusal("silence.invalid", "its end has no offset")
    if until <= tx.now:
        raise Refusal("silence.invalid", "it ends in the past")
    if until - tx.now > LONGEST:
        raise Refusal("silence.too_long", f"at most {LONGEST.days} days")


def unsnooze(tx: Tx, alert: Alert) -> None:
    """Whoever it concerns is told of the firing alert again."""
    suppress.take_back(tx, alert, "snoozed")
    reminders.drop(tx, "alert", alert.id)
    suppress.settle(tx, alert, newly=True)
