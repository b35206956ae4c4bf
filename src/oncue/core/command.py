"""What people ask for: each command is an event with an actor, answered with a value or a refusal."""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from oncue.core import (
    configure,
    correlate,
    deduplicate,
    detect,
    incidents,
    silences,
    snooze,
    suppress,
    tickets,
    workflow,
)
from oncue.core.alert import Alert
from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.normalise import Seen
from oncue.core.severity import RANK
from oncue.core.tx import Tx


class OnAlert(msgspec.Struct):
    """An alert is meant."""

    alert: str
    reason: str | None = None


class OnIncident(msgspec.Struct):
    """An incident is meant."""

    incident: str
    reason: str | None = None


class Merge(msgspec.Struct):
    """Incidents are to become one."""

    incident: str
    """The one that goes on."""
    incidents: list[str]
    """Those that become part of it."""
    reason: str | None = None


class MoveAlerts(msgspec.Struct):
    """Alerts are to leave an incident."""

    incident: str
    alerts: list[str]
    to: str | None = None
    """Another incident; None leaves them on their own."""
    reason: str | None = None


class Split(msgspec.Struct):
    """Some alerts of an incident are to be one of their own."""

    incident: str
    alerts: list[str]
    reason: str | None = None


class Assign(msgspec.Struct):
    """Someone is to have it."""

    assignee: str | None
    """None for nobody."""
    incident: str = ""
    ticket: str = ""


class Remark(msgspec.Struct):
    """Something is to be said."""

    text: str
    incident: str = ""
    ticket: str = ""


class NewTicket(msgspec.Struct):
    """A ticket is to be written."""

    title: str
    type: Literal["incident", "change", "request", "problem"] = "incident"
    description: str = ""
    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    service: str | None = None
    resource: str | None = None
    incident: str | None = None


class Move(msgspec.Struct):
    """A ticket is to go on."""

    ticket: str
    state: Literal["new", "in_progress", "resolved", "closed"]


class EndSilence(msgspec.Struct):
    """A silence is to end."""

    silence: str


class StartRun(msgspec.Struct):
    """A workflow is to run."""

    workflow: str
    inputs: dict[str, Any] = {}
    incident: str | None = None


class StopRun(msgspec.Struct):
    """A run is to stop."""

    run: str
    reason: str = "cancelled by hand"


def _alert(tx: Tx, seen: Seen, id: str) -> Alert:
    alert = tx.state.alerts.get(id)
    if alert is None or alert.namespace != seen.namespace:
        raise Refusal("alert.not_found", id)
    if alert.state != "firing":
        raise Refusal("alert.resolved", f"{id} was resolved by {alert.resolved_by}")
    return alert


def _incident(tx: Tx, seen: Seen, id: str) -> Incident:
    incident = tx.state.incidents.get(id)
    if incident is None or incident.namespace != seen.namespace:
        raise Refusal("incident.not_found", f"{id} is not there, or is closed")
    return incident


def _ticket(tx: Tx, seen: Seen, id: str) -> Any:
    ticket = tx.state.tickets.get(id)
    if ticket is None or ticket.namespace != seen.namespace:
        raise Refusal("ticket.not_found", f"{id} is not there, or is closed")
    return ticket


def _acknowledge_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    tx.touch(alert)
    alert.acknowledged_by, alert.acknowledged_at = tx.actor, tx.now
    deduplicate.changed(tx, alert, "oncue.alert.acknowledged")
    return alert


def _unacknowledge_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    tx.touch(alert)
    alert.acknowledged_by = alert.acknowledged_at = None
    deduplicate.changed(tx, alert, "oncue.alert.unacknowledged")
    return alert


def _resolve_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    detect.recovered(tx, alert.namespace, alert.fingerprint)
    deduplicate.resolve(tx, alert, tx.actor)
    suppress.settle_these(tx, suppress.ended(tx, alert, by_hand=True))
    return alert


def _snooze_alert(tx: Tx, seen: Seen, asked: snooze.Wanted) -> Any:
    alert = _alert(tx, seen, asked.alert)
    snooze.snooze(tx, alert, asked)
    return alert


def _unsnooze_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    snooze.unsnooze(tx, alert)
    return alert


def _on_incident(change: Callable[[Tx, Incident], None]) -> Callable[[Tx, Seen, OnIncident], Any]:
    def run(tx: Tx, seen: Seen, asked: OnIncident) -> Any:
        incident = _incident(tx, seen, asked.incident)
        change(tx, incident)
        return incident

    return run


def _resolve_incident(tx: Tx, seen: Seen, asked: OnIncident) -> Any:
    """The incident is over, and so are its alerts: one that is reported again comes back, and brings it back."""
    incident = _incident(tx, seen, asked.incident)
    incidents.resolve(tx, incident)
    inhibited: list[str] = []
    for id in sorted(tx.state.members[incident.id]):
        alert = tx.state.alerts[id]
        if not alert.counts:
            continue
        if alert.state == "firing":
            detect.recovered(tx, alert.namespace, alert.fingerprint)
            deduplicate.resolve(tx, alert, tx.actor)
        inhibited += suppress.ended(tx, alert, by_hand=True)
    suppress.settle_these(tx, inhibited)
    return incident


def _assign_incident(tx: Tx, seen: Seen, asked: Assign) -> Any:
    incident = _incident(tx, seen, asked.incident)
    incidents.assign(tx, incident, asked.assignee)
    return incident


def _comment_incident(tx: Tx, seen: Seen, asked: Remark) -> Any:
    return incidents.comment(tx, _incident(tx, seen, asked.incident), asked.text, tx.actor)


def _merge_incidents(tx: Tx, seen: Seen, asked: Merge) -> Any:
    into = _incident(tx, seen, asked.incident)
    others = [_incident(tx, seen, id) for id in dict.fromkeys(asked.incidents)]
    incidents.merge(tx, into, others, asked.reason or "")
    return into


def _move_alerts(tx: Tx, seen: Seen, asked: MoveAlerts) -> Any:
    home = _incident(tx, seen, asked.incident)
    to = _incident(tx, seen, asked.to) if asked.to is not None else None
    incidents.move(tx, home, _members(tx, home, asked.alerts), to, asked.reason or "")
    return to if to is not None else home


def _split_incident(tx: Tx, seen: Seen, asked: Split) -> Any:
    home = _incident(tx, seen, asked.incident)
    alerts = _members(tx, home, asked.alerts)
    impact = correlate.impact_of(tx, max(alerts, key=lambda alert: (RANK[alert.severity], alert.id)))
    return incidents.split(tx, home, alerts, impact, asked.reason or "")


def _members(tx: Tx, home: Incident, ids: list[str]) -> list[Alert]:
    """The named alerts, which must be live and in the incident. Raises `Refusal` incident.not_member, request.invalid."""
    if not ids:
        raise Refusal("request.invalid", "name the alerts")
    for id in ids:
        if id not in tx.state.members[home.id]:
            raise Refusal("incident.not_member", f"{id} is not in {home.id}, or was over long ago")
    return [tx.state.alerts[id] for id in dict.fromkeys(ids)]


def _create_ticket(tx: Tx, seen: Seen, asked: NewTicket) -> Any:
    incident = _incident(tx, seen, asked.incident) if asked.incident else None
    ticket = tickets.create(
        tx, namespace=seen.namespace, type=asked.type, title=asked.title, description=asked.description,
        opened_by=tx.actor, severity=asked.severity, priority=asked.priority, service=asked.service,
        resource=asked.resource, incident=asked.incident,
    )  # fmt: skip
    if incident is not None:
        incidents.link(tx, incident, ticket=ticket.id)
    return ticket


def _comment_ticket(tx: Tx, seen: Seen, asked: Remark) -> Any:
    return tickets.comment(tx, _ticket(tx, seen, asked.ticket), asked.text, tx.actor)


def _move_ticket(tx: Tx, seen: Seen, asked: Move) -> Any:
    ticket = _ticket(tx, seen, asked.ticket)
    tickets.transition(tx, ticket, asked.state)
    return ticket


def _assign_ticket(tx: Tx, seen: Seen, asked: Assign) -> Any:
    ticket = _ticket(tx, seen, asked.ticket)
    tickets.assign(tx, ticket, asked.assignee)
    return ticket


def _set_silence(tx: Tx, seen: Seen, asked: silences.Wanted) -> Any:
    return silences.put(tx, asked, seen.namespace)


def _expire_silence(tx: Tx, seen: Seen, asked: EndSilence) -> Any:
    silence = tx.state.silences.get(asked.silence)
    if silence is None or silence.namespace != seen.namespace:
        raise Refusal("silence.not_found", asked.silence)
    silences.expire(tx, silence)
    return silence


def _start_run(tx: Tx, seen: Seen, asked: StartRun) -> Any:
    manifest = tx.state.manifests.get(f"Workflow/{seen.namespace}/{asked.workflow}")
    if manifest is None:
        raise Refusal("workflow.not_found", f"{asked.workflow} in {seen.namespace}")
    incident = _incident(tx, seen, asked.incident) if asked.incident else None
    return workflow.start(tx, manifest, asked.inputs, {"kind": "manual", "actor": tx.actor}, incident=incident)


def _cancel_run(tx: Tx, seen: Seen, asked: StopRun) -> Any:
    run = tx.state.runs.get(asked.run)
    if run is None or run.namespace != seen.namespace:
        raise Refusal("run.not_found", f"{asked.run} is not there, or has ended")
    workflow.cancel(tx, run, f"{asked.reason} ({tx.actor})")
    return run


def _configure(tx: Tx, seen: Seen, asked: configure.Changes) -> Any:
    return configure.apply(tx, asked)


COMMANDS: Final[dict[str, tuple[type[Any], Callable[[Tx, Seen, Any], Any]]]] = {
    "oncue.command.alert.acknowledge": (OnAlert, _acknowledge_alert),
    "oncue.command.alert.unacknowledge": (OnAlert, _unacknowledge_alert),
    "oncue.command.alert.resolve": (OnAlert, _resolve_alert),
    "oncue.command.alert.snooze": (snooze.Wanted, _snooze_alert),
    "oncue.command.alert.unsnooze": (OnAlert, _unsnooze_alert),
    "oncue.command.incident.acknowledge": (OnIncident, _on_incident(incidents.acknowledge)),
    "oncue.command.incident.resolve": (OnIncident, _resolve_incident),
    "oncue.command.incident.reopen": (OnIncident, _on_incident(incidents.reopen)),
    "oncue.command.incident.close": (OnIncident, _on_incident(incidents.close)),
    "oncue.command.incident.assign": (Assign, _assign_incident),
    "oncue.command.incident.comment": (Remark, _comment_incident),
    "oncue.command.incident.merge": (Merge, _merge_incidents),
    "oncue.command.incident.move": (MoveAlerts, _move_alerts),
    "oncue.command.incident.split": (Split, _split_incident),
    "oncue.command.ticket.create": (NewTicket, _create_ticket),
    "oncue.command.ticket.comment": (Remark, _comment_ticket),
    "oncue.command.ticket.transition": (Move, _move_ticket),
    "oncue.command.ticket.assign": (Assign, _assign_ticket),
    "oncue.command.silence.set": (silences.Wanted, _set_silence),
    "oncue.command.silence.expire": (EndSilence, _expire_silence),
    "oncue.command.run.start": (StartRun, _start_run),
    "oncue.command.run.cancel": (StopRun, _cancel_run),
    "oncue.config.applied": (configure.Changes, _configure),
}
"""Type of the event -> (its data, what it does)."""


class Reply(msgspec.Struct):
    """What a command is answered with."""

    code: str | None = None
    detail: str = ""
    data: Any = None


def handle(tx: Tx, seen: Seen) -> Reply:
    """Carry out a command. A refusal leaves nothing behind: commands check before they change anything."""
    shape, run = COMMANDS[seen.type]
    try:
        asked = msgspec.json.decode(seen.event.data, type=shape)
    except msgspec.DecodeError as error:
        return Reply("request.invalid", str(error))
    try:
        return Reply(data=msgspec.to_builtins(run(tx, seen, asked)))
    except Refusal as refusal:
        return Reply(refusal.code, refusal.detail)
