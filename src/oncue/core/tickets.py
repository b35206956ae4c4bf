"""What happens to tickets: they are written, commented on, moved on, assigned."""

from oncue.core.errors import Refusal
from oncue.core.incident import Comment
from oncue.core.ticket import TRANSITIONS, Ticket, TicketState
from oncue.core.tx import Tx


def create(
    tx: Tx,
    *,
    namespace: str,
    type: str,
    title: str,
    description: str,
    opened_by: str,
    severity: str | None = None,
    priority: str | None = None,
    service: str | None = None,
    resource: str | None = None,
    incident: str | None = None,
    run: str | None = None,
    change: str | None = None,
) -> Ticket:
    """Write a ticket; an incident that it is about notes it."""
    ticket = Ticket(
        id=f"TCK-{tx.count('ticket')}", namespace=namespace, type=type, title=title, description=description,
        state="new", severity=severity, priority=priority, service=service, resource=resource, opened_by=opened_by,
        opened_at=tx.now, updated_at=tx.now, incident=incident, run=run, change=change,
    )  # fmt: skip
    _fact(tx, ticket, "oncue.ticket.created")
    return ticket


def comment(tx: Tx, ticket: Ticket, text: str, by: str) -> Comment:
    """Add a remark. Raises `Refusal` ticket.state if it is closed."""
    remark = Comment(
        id=tx.new_id("co"), namespace=ticket.namespace, on_kind="ticket", on_id=ticket.id, by=by, text=text, at=tx.now
    )
    tx.fact("oncue.ticket.commented", "comment", remark, refs=(("ticket", ticket.id),), service=ticket.service)
    tx.save("comment", remark)
    return remark


def transition(tx: Tx, ticket: Ticket, to: TicketState) -> None:
    """Move it on. Raises `Refusal` ticket.state with the states it can go to."""
    allowed = TRANSITIONS[ticket.state]
    if to not in allowed:
        raise Refusal("ticket.state", f"{ticket.id} is {ticket.state}; it can go to {', '.join(allowed) or 'no other'}")
    tx.touch(ticket)
    ticket.state = to
    ticket.resolved_at = tx.now if to == "resolved" else None
    ticket.closed_at = tx.now if to == "closed" else None
    _fact(tx, ticket, "oncue.ticket.updated", live=to != "closed")


def assign(tx: Tx, ticket: Ticket, assignee: str | None) -> None:
    """Give it to someone; "" or None takes it from whoever had it."""
    tx.touch(ticket)
    ticket.assignee = assignee or None
    _fact(tx, ticket, "oncue.ticket.updated")


def _fact(tx: Tx, ticket: Ticket, type: str, live: bool = True) -> None:
    ticket.updated_at = tx.now
    refs = [("incident", ticket.incident), ("run", ticket.run), ("change", ticket.change)]
    tx.fact(
        type, "ticket", ticket, refs=tuple((kind, id) for kind, id in refs if id is not None),
        severity=ticket.severity, resource=ticket.resource, service=ticket.service,
    )  # fmt: skip
    tx.save("ticket", ticket, live)
