"""What runs do inside OnCue: actions that touch nothing outside, done by the engine in the transaction of their step.

A run acts in its own namespace, and is named as who acted (`run:ID`). What it names and is not there is a `Refusal`. An act
that finds things as they are to be changes nothing, so that a step may be tried again.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from oncue.core import act_inputs as asks
from oncue.core import (
    change_clear,
    change_config,
    change_plan,
    enrichment,
    handling,
    incidents,
    silences,
    snooze,
    tickets,
    verdicts,
)
from oncue.core.alert import Alert
from oncue.core.duration import delta
from oncue.core.errors import Refusal
from oncue.core.expression import spoken, stored
from oncue.core.incident import Incident
from oncue.core.roles import ROLES
from oncue.core.run import Run
from oncue.core.run_notices import told_by_run
from oncue.core.ticket import Ticket
from oncue.core.tx import Tx

_TEXTS: Final = frozenset(
    {
        "check", "comment", "description", "fingerprint", "note", "reason", "resource", "service", "subject", "text",
        "title",
    }
)  # fmt: skip
"""Inputs for people to read, whatever an expression gave for them."""
_TABLES: Final = frozenset({"labels", "annotations", "details"})
"""Inputs that are names with such texts."""


def act(tx: Tx, run: Run, identity: str, uses: str, inputs: dict[str, Any]) -> Any:
    """Do it, and give the step's result as a JSON value. A refused act leaves nothing behind. `identity` is the role as
    which the run's workflow acts.

    Raises `Refusal` run.denied, request.invalid, and what the act says.
    """
    if (lacking := beyond(uses, identity, run.may)) is not None:
        who = f"{run.requester} may not" if lacking in ROLES[identity] else f"the workflow acts as {identity}"
        raise Refusal("run.denied", f"{uses} needs {lacking}; {who}")
    asked = _fit(inputs, ACTS[uses].takes)
    before, actor = tx.savepoint(), tx.actor
    tx.actor = f"run:{run.id}"
    try:
        result = stored(ACTS[uses].do(tx, run, asked))
    except Refusal:
        tx.back_to(before)
        raise
    finally:
        tx.actor = actor
    tx.go_on(before)
    return result


def _fit(inputs: dict[str, Any], shape: type[msgspec.Struct]) -> Any:
    """The inputs as the act takes them; null is as left out. Raises `Refusal` request.invalid, naming the field."""
    given = {name: _said(name, value) for name, value in inputs.items() if value is not None}
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise Refusal("request.invalid", str(error)) from error


def _said(name: str, value: Any) -> Any:
    if name in _TEXTS:
        return spoken(value)
    if name in _TABLES and isinstance(value, dict):
        return {str(key): spoken(one) for key, one in value.items()}
    return value


# what they are about


def _alert(tx: Tx, run: Run, id: str | None) -> Alert:
    """The named alert, or the run's. Raises `Refusal` alert.not_found."""
    wanted = id or run.alert
    alert = tx.state.alerts.get(wanted or "")
    if alert is None or alert.namespace != run.namespace:
        detail = f"{wanted} is not there, or was over long ago" if wanted else "the run has no alert, and none is named"
        raise Refusal("alert.not_found", detail)
    return alert


def _firing(tx: Tx, run: Run, id: str | None) -> Alert:
    """As `_alert`. Raises `Refusal` alert.resolved as well."""
    alert = _alert(tx, run, id)
    if alert.state != "firing":
        raise Refusal("alert.resolved", f"{alert.id} was resolved by {alert.resolved_by}")
    return alert


def _incident(tx: Tx, run: Run, id: str | None) -> Incident:
    """The named incident, or the run's. Raises `Refusal` incident.not_found."""
    wanted = id or run.incident
    incident = tx.state.incidents.get(wanted or "")
    if incident is None or incident.namespace != run.namespace:
        detail = f"{wanted} is not there, or is closed" if wanted else "the run has no incident, and none is named"
        raise Refusal("incident.not_found", detail)
    return incident


def _ticket(tx: Tx, run: Run, id: str) -> Ticket:
    """Raises `Refusal` ticket.not_found."""
    ticket = tx.state.tickets.get(id)
    if ticket is None or ticket.namespace != run.namespace:
        raise Refusal("ticket.not_found", f"{id} is not there, or is closed")
    return ticket


# alerts


def _acknowledge_alert(tx: Tx, run: Run, asked: asks.OnAlert) -> Any:
    alert = _firing(tx, run, asked.alert)
    changed = alert.acknowledged_by is None
    if changed:
        verdicts.acknowledge_alert(tx, alert)
    return {"alert": alert.id, "changed": changed}


def _resolve_alert(tx: Tx, run: Run, asked: asks.OnAlert) -> Any:
    alert = _alert(tx, run, asked.alert)
    changed = alert.state == "firing"
    if changed:
        verdicts.resolve_alert(tx, alert)
    return {"alert": alert.id, "changed": changed}


def _enrich_alert(tx: Tx, run: Run, asked: asks.AlertEnrich) -> Any:
    return enrichment.by_run(tx, run.id, run.namespace, run.alert, msgspec.to_builtins(asked))


def _snooze_alert(tx: Tx, run: Run, asked: asks.AlertSnooze) -> Any:
    alert = _firing(tx, run, asked.alert)
    until = tx.now + delta(asked.for_)
    snooze.snooze(tx, alert, snooze.Wanted(alert=alert.id, until=until, reason=asked.reason))
    return {"alert": alert.id, "until": until}


def _unsnooze_alert(tx: Tx, run: Run, asked: asks.OnAlert) -> Any:
    alert = _firing(tx, run, asked.alert)
    snooze.unsnooze(tx, alert)
    return {"alert": alert.id}


def _set_silence(tx: Tx, run: Run, asked: asks.SilenceSet) -> Any:
    lasts = delta(asked.for_)
    if lasts > snooze.LONGEST:
        raise Refusal("silence.too_long", f"at most {snooze.LONGEST.days} days")
    wanted = silences.Wanted(asked.matchers, starts_at=tx.now, ends_at=tx.now + lasts, comment=asked.comment)
    silence = silences.put(tx, wanted, run.namespace)
    return {"silence": silence.id, "until": silence.ends_at}


def _expire_silence(tx: Tx, run: Run, asked: asks.SilenceExpire) -> Any:
    silence = tx.state.silences.get(asked.silence)
    changed = silence is not None and silence.namespace == run.namespace
    if silence is not None and changed:
        silences.expire(tx, silence)
    return {"silence": asked.silence, "changed": changed}


# incidents


def _open_incident(tx: Tx, run: Run, asked: asks.IncidentOpen) -> Any:
    about = (asked.service, asked.resource)
    service, resource = about if about != (None, None) else (run.service, run.resource)
    incident = handling.opened(tx, run.namespace, asked.title, asked.description, asked.severity, service, resource)
    incidents.link(tx, incident, run=run.id)
    return {"incident": incident.id, "priority": incident.priority}


def _update_incident(tx: Tx, run: Run, asked: asks.IncidentUpdate) -> Any:
    incident = _incident(tx, run, asked.incident)
    wanted = handling.Changes(
        title=asked.title, description=asked.description, severity=asked.severity, priority=asked.priority
    )
    handling.edit(tx, incident, wanted, asked.reason)
    return {"incident": incident.id, "severity": incident.severity, "priority": incident.priority}


def _acknowledge_incident(tx: Tx, run: Run, asked: asks.IncidentAcknowledge) -> Any:
    incident = _incident(tx, run, asked.incident)
    changed = incident.state != "acknowledged"
    if changed:
        incidents.acknowledge(tx, incident)
    return {"incident": incident.id, "changed": changed}


def _resolve_incident(tx: Tx, run: Run, asked: asks.IncidentResolve) -> Any:
    incident = _incident(tx, run, asked.incident)
    changed = incident.state != "resolved"
    if changed:
        verdicts.resolve_incident(tx, incident, asked.note, asked.cause)
    return {"incident": incident.id, "changed": changed}


def _escalate_incident(tx: Tx, run: Run, asked: asks.IncidentEscalate) -> Any:
    incident = _incident(tx, run, asked.incident)
    incidents.escalate(tx, incident, asked.to)
    return {"incident": incident.id}


def _comment_incident(tx: Tx, run: Run, asked: asks.IncidentComment) -> Any:
    incident = _incident(tx, run, asked.incident)
    return {"comment": incidents.comment(tx, incident, asked.text, tx.actor).id, "incident": incident.id}


# tickets


def _create_ticket(tx: Tx, run: Run, asked: asks.TicketCreate) -> Any:
    incident = _incident(tx, run, asked.incident) if asked.incident else tx.state.incidents.get(run.incident or "")
    ticket = tickets.create(
        tx, namespace=run.namespace, type=asked.type,
        title=asked.title or (incident.title if incident is not None else run.workflow),
        description=asked.description or "", opened_by=tx.actor,
        severity=incident.severity if incident is not None else None,
        priority=incident.priority if incident is not None else None,
        service=run.service, resource=run.resource, incident=incident.id if incident is not None else None, run=run.id,
    )  # fmt: skip
    if incident is not None:
        incidents.link(tx, incident, ticket=ticket.id)
    tx.touch(run)
    run.tickets = (*run.tickets, ticket.id)
    tx.save("run", run)
    return {"ticket": ticket.id}


def _read_ticket(tx: Tx, run: Run, asked: asks.TicketGet) -> Any:
    return _ticket(tx, run, asked.ticket)


def _comment_ticket(tx: Tx, run: Run, asked: asks.TicketComment) -> Any:
    ticket = _ticket(tx, run, asked.ticket)
    return {"comment": tickets.comment(tx, ticket, asked.text, tx.actor).id, "ticket": ticket.id}


def _move_ticket(tx: Tx, run: Run, asked: asks.TicketTransition) -> Any:
    ticket = _ticket(tx, run, asked.ticket)
    if asked.comment:
        tickets.comment(tx, ticket, asked.comment, tx.actor)
    if ticket.state != asked.state:
        tickets.transition(tx, ticket, asked.state, asked.close_code, asked.resolution)
    return {"ticket": ticket.id, "state": ticket.state}


def _link_ticket(tx: Tx, run: Run, asked: asks.TicketLink) -> Any:
    ticket = _ticket(tx, run, asked.ticket)
    tickets.link(tx, ticket, asked.target, asked.title)
    return {"ticket": ticket.id}


def _assign_ticket(tx: Tx, run: Run, asked: asks.TicketAssign) -> Any:
    ticket = _ticket(tx, run, asked.ticket)
    if ticket.assignee != (asked.assignee or None):
        tickets.assign(tx, ticket, asked.assignee)
    return {"ticket": ticket.id, "assignee": ticket.assignee}


# events


def _emit(tx: Tx, run: Run, asked: asks.EventEmit) -> Any:
    if asked.type.startswith("oncue."):
        raise Refusal("event.type_reserved", f"event.emit cannot emit the type {asked.type!r}")
    document: dict[str, Any] = {"type": asked.type, "namespace": run.namespace}
    for name in ("subject", "severity", "resource", "service", "check", "fingerprint", "title"):
        value = getattr(asked, name)
        if value is not None:
            document[name] = value
    if asked.labels:
        document["labels"] = msgspec.json.encode(asked.labels, order="sorted").decode()
    if asked.data is not None:
        document["datacontenttype"] = "application/json"
        document["data"] = asked.data
    return {"event": tx.emit(document, refs=(("run", run.id),)).event_id}


class Act(NamedTuple):
    """One act."""

    takes: type[msgspec.Struct]
    do: Callable[[Tx, Run, Any], Any]
    needs: str | None
    """The permission that whoever acts must hold."""


ACTS: Final[dict[str, Act]] = {
    "alert.acknowledge": Act(asks.AlertAcknowledge, _acknowledge_alert, "alert:acknowledge"),
    "alert.enrich": Act(asks.AlertEnrich, _enrich_alert, "alert:enrich"),
    "alert.resolve": Act(asks.AlertResolve, _resolve_alert, "alert:resolve"),
    "alert.snooze": Act(asks.AlertSnooze, _snooze_alert, "alert:snooze"),
    "alert.unsnooze": Act(asks.AlertUnsnooze, _unsnooze_alert, "alert:snooze"),
    change_plan.CLEAR: Act(change_clear.Wave, change_clear.asks, None),
    change_config.APPLY: Act(change_config.ConfigApply, change_config.apply, None),
    "event.emit": Act(asks.EventEmit, _emit, "event:write"),
    "incident.acknowledge": Act(asks.IncidentAcknowledge, _acknowledge_incident, "incident:acknowledge"),
    "incident.comment": Act(asks.IncidentComment, _comment_incident, "incident:comment"),
    "incident.escalate": Act(asks.IncidentEscalate, _escalate_incident, "incident:acknowledge"),
    "incident.open": Act(asks.IncidentOpen, _open_incident, "incident:edit"),
    "incident.resolve": Act(asks.IncidentResolve, _resolve_incident, "incident:resolve"),
    "incident.update": Act(asks.IncidentUpdate, _update_incident, "incident:edit"),
    "notify.send": Act(asks.NotifySend, told_by_run, None),
    "silence.expire": Act(asks.SilenceExpire, _expire_silence, "silence:write"),
    "silence.set": Act(asks.SilenceSet, _set_silence, "silence:write"),
    "ticket.assign": Act(asks.TicketAssign, _assign_ticket, "ticket:assign"),
    "ticket.comment": Act(asks.TicketComment, _comment_ticket, "ticket:comment"),
    "ticket.create": Act(asks.TicketCreate, _create_ticket, "ticket:create"),
    "ticket.get": Act(asks.TicketGet, _read_ticket, "ticket:read"),
    "ticket.link": Act(asks.TicketLink, _link_ticket, "ticket:comment"),
    "ticket.transition": Act(asks.TicketTransition, _move_ticket, "ticket:transition"),
}
"""By the action's name."""

OWN: Final = frozenset({change_plan.CLEAR, change_config.APPLY})
"""Those that changes have by themselves, and no manifest names."""


def beyond(uses: str, identity: str, may: tuple[str, ...] | None) -> str | None:
    """The permission that the act needs and that a run of this identity lacks, or whoever asked for it; None if none."""
    needed = ACTS[uses].needs if uses in ACTS else None
    if needed is None or (needed in ROLES[identity] and (may is None or needed in may)):
        return None
    return needed


NEEDED: Final = tuple(sorted({one.needs for one in ACTS.values() if one.needs is not None}))
"""Every permission that an act needs."""


def rights(identity: str, may: tuple[str, ...] | None) -> tuple[str, ...]:
    """Of the permissions that acts need, those that a run of this identity hands on to a run within it."""
    return tuple(one for one in NEEDED if one in ROLES[identity] and (may is None or one in may))
