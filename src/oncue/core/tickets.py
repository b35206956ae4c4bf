"""What happens to tickets: they are written, commented on, linked, moved on, assigned. `ticket_notes` has them write
themselves.
"""

from typing import Final

from oncue.core import mirrors
from oncue.core.change import ENDED
from oncue.core.errors import Refusal
from oncue.core.incident import Comment, Link
from oncue.core.ticket import TRANSITIONS, CloseCode, Ticket, TicketState
from oncue.core.tx import Tx

LINKS: Final = 100


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


def comment(tx: Tx, ticket: Ticket, text: str, by: str, but: str | None = None) -> Comment:
    """Add a remark. Its mirrors get it, except the one `but` that it came from."""
    remark = Comment(
        id=tx.new_id("co"), namespace=ticket.namespace, on_kind="ticket", on_id=ticket.id, by=by, text=text, at=tx.now
    )
    tx.fact("oncue.ticket.commented", "comment", remark, refs=(("ticket", ticket.id),), service=ticket.service)
    tx.save("comment", remark)
    mirrors.commented(tx, ticket, remark, but)
    return remark


def transition(
    tx: Tx, ticket: Ticket, to: TicketState, close_code: CloseCode | None = None, resolution: str = "", by: str = ""
) -> None:
    """Move it on; `by` is who says so, if not the actor. What is resolved or closed says how it ended; what goes on again
    no longer does.

    Raises `Refusal` ticket.state with the states it can go to, request.invalid for an end of what goes on.
    """
    allowed = ways(tx, ticket)
    if to not in allowed:
        rest = f"; {ticket.change} closes it" if to == "closed" and ticket.state != "closed" else ""
        raise Refusal(
            "ticket.state", f"{ticket.id} is {ticket.state}; it can go to {', '.join(allowed) or 'no other'}{rest}"
        )
    over = to in ("resolved", "closed")
    if not over and (close_code is not None or resolution):
        raise Refusal("request.invalid", f"a close code and a resolution are for what is resolved or closed, not {to}")
    tx.touch(ticket)
    if over:
        ticket.close_code = close_code or ticket.close_code
        ticket.resolution = resolution or ticket.resolution
        if ticket.resolved_at is None:
            ticket.resolved_at, ticket.resolved_by = tx.now, by or tx.actor
        ticket.closed_at = tx.now if to == "closed" else None
    else:
        ticket.reopened += ticket.state == "resolved"
        ticket.resolved_at = ticket.resolved_by = ticket.close_code = None
        ticket.resolution = ""
    ticket.state = to
    _fact(tx, ticket, "oncue.ticket.updated", live=to != "closed")


def ways(tx: Tx, ticket: Ticket) -> tuple[str, ...]:
    """The states that it can go to. A change writes to its ticket as long as it lasts, and closes it."""
    change = tx.state.changes.get(ticket.change or "")
    lasts = change is not None and change.state not in ENDED
    return tuple(state for state in TRANSITIONS[ticket.state] if not (lasts and state == "closed"))


def assign(tx: Tx, ticket: Ticket, assignee: str | None) -> None:
    """Give it to someone; "" or None takes it from whoever had it."""
    tx.touch(ticket)
    ticket.assignee = assignee or None
    _fact(tx, ticket, "oncue.ticket.updated")


def link(tx: Tx, ticket: Ticket, target: str, title: str) -> None:
    """Note what it has to do with; the same target again has another title. Another ticket that is not closed notes it as
    well. Raises `Refusal` ticket.full, request.invalid for a link to itself.
    """
    if target == ticket.id:
        raise Refusal("request.invalid", f"{ticket.id} cannot be linked to itself")
    _link(tx, ticket, target, title)
    if (other := _beside(tx, ticket, target)) is not None and all(one.target != ticket.id for one in other.links):
        _link(tx, other, ticket.id, ticket.title)


def unlink(tx: Tx, ticket: Ticket, target: str) -> None:
    """Take a link away, and that back from another ticket. Raises `Refusal` request.invalid if there is none."""
    if all(one.target != target for one in ticket.links):
        raise Refusal("request.invalid", f"{ticket.id} has no link to {target}")
    _unlink(tx, ticket, target)
    if (other := _beside(tx, ticket, target)) is not None and any(one.target == ticket.id for one in other.links):
        _unlink(tx, other, ticket.id)


def _beside(tx: Tx, ticket: Ticket, target: str) -> Ticket | None:
    """The ticket of the same namespace that is meant, if it is one that is not closed."""
    other = tx.state.tickets.get(target)
    return other if other is not None and other.namespace == ticket.namespace else None


def _link(tx: Tx, ticket: Ticket, target: str, title: str) -> None:
    others = tuple(one for one in ticket.links if one.target != target)
    if len(others) >= LINKS:
        raise Refusal("ticket.full", f"{ticket.id} has {LINKS} links")
    tx.touch(ticket)
    ticket.links = (*others, Link(target, title or target, tx.actor, tx.now))
    _fact(tx, ticket, "oncue.ticket.linked")


def _unlink(tx: Tx, ticket: Ticket, target: str) -> None:
    tx.touch(ticket)
    ticket.links = tuple(one for one in ticket.links if one.target != target)
    _fact(tx, ticket, "oncue.ticket.unlinked")


def _fact(tx: Tx, ticket: Ticket, type: str, live: bool = True) -> None:
    ticket.updated_at = tx.now
    refs = [("incident", ticket.incident), ("run", ticket.run), ("change", ticket.change)]
    tx.fact(
        type, "ticket", ticket, refs=tuple((kind, id) for kind, id in refs if id is not None),
        severity=ticket.severity, resource=ticket.resource, service=ticket.service,
    )  # fmt: skip
    tx.save("ticket", ticket, live)
    mirrors.ticket_changed(tx, ticket)
