"""What a step does within OnCue, in the same pass: on tickets, incidents and alerts of the run's namespace, and by events."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from oncue.core import enrichment, incidents, tickets
from oncue.core.errors import Refusal
from oncue.core.expression import spoken
from oncue.core.incident import Incident
from oncue.core.run import Run
from oncue.core.ticket import TRANSITIONS
from oncue.core.tx import Tx


def _enrich(tx: Tx, run: Run, inputs: dict[str, Any]) -> Any:
    return enrichment.by_run(tx, run.id, run.namespace, run.alert, inputs)


def _incident(tx: Tx, run: Run, inputs: dict[str, Any]) -> Incident | None:
    """The incident that is named, else the run's. Raises `Refusal` incident.not_found for one that is named and not there."""
    incident = tx.state.incidents.get(str(inputs.get("incident") or run.incident or ""))
    if incident is not None and incident.namespace != run.namespace:
        incident = None
    if incident is None and inputs.get("incident"):
        raise Refusal("incident.not_found", f"{inputs['incident']} is not there, or is closed")
    return incident


def _comment(tx: Tx, run: Run, inputs: dict[str, Any]) -> Any:
    incident = _incident(tx, run, inputs)
    if incident is None:
        raise Refusal("incident.not_found", "the run belongs to no open incident, and none is given")
    remark = incidents.comment(tx, incident, spoken(inputs.get("text", "")), f"run:{run.id}")
    return {"comment": remark.id, "incident": incident.id}


def _create_ticket(tx: Tx, run: Run, inputs: dict[str, Any]) -> Any:
    incident = _incident(tx, run, inputs)
    ticket = tickets.create(
        tx, namespace=run.namespace, type=str(inputs.get("type", "incident")),
        title=spoken(inputs.get("title") or (incident.title if incident else run.workflow)),
        description=spoken(inputs.get("description", "")), opened_by=f"run:{run.id}",
        severity=incident.severity if incident else None, priority=incident.priority if incident else None,
        service=run.service, resource=run.resource, incident=incident.id if incident else None, run=run.id,
    )  # fmt: skip
    if incident is not None:
        incidents.link(tx, incident, ticket=ticket.id)
    return {"ticket": ticket.id}


def _move_ticket(tx: Tx, run: Run, inputs: dict[str, Any]) -> Any:
    ticket = tx.state.tickets.get(str(inputs.get("ticket")))
    if ticket is None or ticket.namespace != run.namespace:
        raise Refusal("ticket.not_found", f"{inputs.get('ticket')} is not there, or is closed")
    if inputs.get("comment"):
        tickets.comment(tx, ticket, spoken(inputs["comment"]), f"run:{run.id}")
    wanted = inputs.get("state")
    if wanted not in TRANSITIONS:
        raise Refusal("ticket.state", f"{wanted!r} is no state; there are {', '.join(TRANSITIONS)}")
    if ticket.state != wanted:
        tickets.transition(tx, ticket, wanted)
    return {"ticket": ticket.id, "state": ticket.state}


def _emit(tx: Tx, run: Run, inputs: dict[str, Any]) -> Any:
    type = inputs.get("type")
    if not isinstance(type, str) or not type or type.startswith("oncue."):
        raise Refusal("event.type_reserved", f"event.emit cannot emit the type {type!r}")
    document: dict[str, Any] = {"type": type, "namespace": run.namespace}
    for name in ("subject", "severity", "resource", "service", "check", "fingerprint", "title"):
        if inputs.get(name) is not None:
            document[name] = spoken(inputs[name])
    labels = inputs.get("labels")
    if isinstance(labels, dict):
        named = {str(key): spoken(value) for key, value in sorted(labels.items())}
        document["labels"] = msgspec.json.encode(named).decode()
    if inputs.get("data") is not None:
        document["datacontenttype"] = "application/json"
        document["data"] = inputs["data"]
    derived = tx.emit(document, refs=(("run", run.id),))
    return {"event": derived.event_id}


ACTS: Final[dict[str, Callable[[Tx, Run, dict[str, Any]], Any]]] = {
    "alert.enrich": _enrich,
    "event.emit": _emit,
    "incident.comment": _comment,
    "ticket.create": _create_ticket,
    "ticket.transition": _move_ticket,
}
"""Actions that the engine does itself. Raises `Refusal`."""
