"""How tickets write themselves: what becomes of the incident that they are about, and of the runs that work on it.

Every ticket of an incident notes what happens to it. Those that OnCue itself wrote, for a policy or in a run, also go with
it: in progress when someone acknowledges it, resolved when it is, and on again when it returns.
"""

from typing import Final

from oncue.core import tickets
from oncue.core.incident import Incident
from oncue.core.run import Run, Step
from oncue.core.ticket import TRANSITIONS, CloseCode, Ticket, TicketState
from oncue.core.tx import Tx

STEPS: Final = 100
"""Steps of a run that a note lists."""
REASON: Final = 300
"""Characters of the reason that each of them has."""
_HOLDING: Final = frozenset({"steps", "item", "parallel", "switch", "try"})
"""Steps that only hold others."""


def incident_changed(tx: Tx, incident: Incident, type: str) -> None:
    """Something happened to the incident: `type` is that of the fact that says so."""
    if not incident.tickets:
        return
    note, state, close_code = _said(incident, type.removeprefix("oncue.incident."))
    if not note:
        return
    by = f"incident:{incident.id}"
    for ticket in _of(tx, incident):
        own = ticket.opened_by.startswith(("policy:", "run:")) and ticket.type == "incident"
        follows = own and ticket.incident == incident.id
        if follows and state is not None and state in TRANSITIONS[ticket.state] and _goes(ticket, state):
            resolution = note if state == "resolved" else ""
            tickets.transition(tx, ticket, state, close_code, resolution, by)
        tickets.comment(tx, ticket, note, by)


def _of(tx: Tx, incident: Incident) -> list[Ticket]:
    known = (tx.state.tickets.get(id) for id in incident.tickets)
    return [ticket for ticket in known if ticket is not None]


def _goes(ticket: Ticket, state: TicketState) -> bool:
    """An acknowledgement takes up what is new, and leaves what a person has moved on."""
    return state == "resolved" or ticket.state != "in_progress"


def _said(incident: Incident, what: str) -> tuple[str, TicketState | None, CloseCode | None]:
    """What the tickets note, the state they go to, and how they end."""
    id = incident.id
    match what:
        case "acknowledged":
            return f"{id} was acknowledged by {incident.acknowledged_by}.", "in_progress", None
        case "unacknowledged":
            return f"{id} is no longer acknowledged: people are called again.", None, None
        case "acknowledgement_lapsed":
            return f"{id} was acknowledged and goes on for too long: people are called again.", None, None
        case "target_missed":
            return f"{id} missed a target: {', '.join(incident.missed)}.", None, None
        case "resolved" if incident.resolved_by == "alerts":
            return f"{id} is over: nothing of it fires any more.", "resolved", "by_itself"
        case "resolved":
            how = incident.resolution
            cause = f" Cause: {how.cause}." if how is not None and how.cause is not None else ""
            note = f" {how.note}" if how is not None and how.note else ""
            return f"{id} was resolved by {incident.resolved_by}.{cause}{note}", "resolved", "solved"
        case "reopened":
            return f"{id} goes on: it was reopened.", "in_progress", None
        case "merged":
            return f"{id} is a part of {incident.merged_into} from now on.", None, None
        case "closed":
            return f"{id} is closed.", None, None
    return "", None, None


def run_ended(tx: Tx, run: Run) -> None:
    """The run is over, and its steps are still there: its tickets note how it ended, and what came of each step."""
    if not run.tickets and run.incident is None:
        return
    begun = tx.state.steps_of.get(run.id, {})
    steps = [step for step in begun.values() if step.uses not in _HOLDING]
    steps.sort(key=lambda step: (step.started_at or run.created_at, step.ended_in, step.address))
    lines = [_line(step) for step in steps[:STEPS]]
    if len(steps) > STEPS:
        lines.append(f"and {len(steps) - STEPS} more steps")
    why = f": {run.reason[:REASON]}" if run.reason else ""
    ended = f"{run.workflow} ({run.id}), {_why(run)}: {run.state.replace('_', ' ')}{why}"
    _note(tx, run, "\n".join([ended, *lines]))


def _why(run: Run) -> str:
    trigger = run.trigger
    if "policy" in trigger:
        return f"by the policy {trigger['policy']}"
    if run.requester is not None:
        return f"asked for by {run.requester}"
    return f"by {trigger.get('actor') or trigger.get('kind') or 'OnCue'}"


def _line(step: Step) -> str:
    """What a step did, when, and what came of it."""
    at = f"{step.started_at:%Y-%m-%d %H:%M:%S} UTC " if step.started_at is not None else ""
    undone = f", settled by hand, {step.settled}" if step.settled else ", undone" if step.undone else ""
    why = f": {step.reason[:REASON]}" if step.reason else ""
    return f"- {at}{step.address} ({step.uses}): {step.state.replace('_', ' ')}{undone}{why}"


def _note(tx: Tx, run: Run, text: str) -> None:
    incident = tx.state.incidents.get(run.incident or "")
    ids = dict.fromkeys((*run.tickets, *(incident.tickets if incident is not None else ())))
    for id in ids:
        ticket = tx.state.tickets.get(id)
        if ticket is not None:
            tickets.comment(tx, ticket, text, f"run:{run.id}")
