"""Targets: how fast an incident is to be acknowledged, and to be over. One that is missed is told, even where someone
works on the incident.

Its service says how fast, else the escalation policy that it goes by. Time counts from when the incident opened, or opened
again; with another priority the targets are others, counted from the same instant.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

from oncue.core import escalations
from oncue.core.incident import Incident
from oncue.core.tx import Tx

Which = Literal["respond", "resolve"]
WORDS: Final = {"respond": "acknowledged", "resolve": "resolved"}


def reckon(tx: Tx, incident: Incident) -> None:
    """Work out by when what is to be done. The caller touches and saves the incident."""
    respond_s, resolve_s = _lengths(tx, incident)
    waits = incident.state == "open" and "respond" not in incident.missed
    incident.respond_by = _set(tx, incident, "respond", respond_s if waits else None)
    incident.resolve_by = _set(tx, incident, "resolve", resolve_s if "resolve" not in incident.missed else None)


def responded(tx: Tx, incident: Incident) -> None:
    """Someone has acknowledged it."""
    incident.respond_by = _set(tx, incident, "respond", None)


def over(tx: Tx, incident: Incident) -> None:
    """Nothing is to be done any more."""
    incident.respond_by = _set(tx, incident, "respond", None)
    incident.resolve_by = _set(tx, incident, "resolve", None)


def missed(tx: Tx, incident: Incident, which: Which) -> str:
    """The time is up: those are told who are to hear of it. The caller touched the incident, and reports."""
    by = incident.respond_by if which == "respond" else incident.resolve_by
    incident.missed = (*incident.missed, which)
    if which == "respond":
        incident.respond_by = None
    else:
        incident.resolve_by = None
    since = incident.began_at or incident.opened_at
    allowed = (by - since).total_seconds() if by is not None else 0.0
    detail = f"{incident.priority} is to be {WORDS[which]} within {_spoken(allowed)}, and is not"
    escalations.missed(tx, incident, detail)
    return detail


def _set(tx: Tx, incident: Incident, which: Which, length_s: float | None) -> datetime | None:
    timer = f"incident.{which}/{incident.id}"
    if length_s is None:
        tx.cancel(timer)
        return None
    by = (incident.began_at or incident.opened_at) + timedelta(seconds=length_s)
    tx.timer(timer, max(by, tx.now))
    return by


def _lengths(tx: Tx, incident: Incident) -> tuple[float | None, float | None]:
    service = tx.state.policies.service(incident.namespace, incident.service) if incident.service is not None else None
    for priority, respond_s, resolve_s in service.targets if service is not None else ():
        if priority == incident.priority:
            return respond_s, resolve_s
    for id in incident.escalations:
        if (found := tx.state.escalations[id].targets.get(incident.priority)) is not None:
            return found
    return None, None


def _spoken(seconds: float) -> str:
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"
