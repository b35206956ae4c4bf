"""What the parts of a change's life have in common: how it comes to be in a state, is told of, gets its time, and is dropped."""

from datetime import datetime
from typing import Annotated

import msgspec

from oncue.core import approvals, change_calendar, change_trail, tickets
from oncue.core.approval import Approval
from oncue.core.change import ENDED, OPEN, Change, ChangeState, CloseCode
from oncue.core.change_calendar import Opening
from oncue.core.errors import Refusal
from oncue.core.normalise import Seen
from oncue.core.notify import message
from oncue.core.run import OVER, Run
from oncue.core.tx import Tx


class OnChange(msgspec.Struct):
    """A change is meant."""

    change: str
    reason: Annotated[str, msgspec.Meta(max_length=5000)] | None = None


def schedule(tx: Tx, change: Change) -> None:
    """It begins with its window, or at its time, or when someone starts it."""
    opening = next_opening(tx, change)
    if opening is None:
        become(tx, change, "assess", change_calendar.never(tx.state, change.namespace, change.calendar))
        return
    change.window_until = opening.ends_at if change.calendar is not None else None
    if change.calendar is None and change.not_before is None:
        change.starts_at = None
        said = "it waits for someone to start it"
    else:
        change.starts_at = opening.starts_at
        tx.timer(f"change.start/{change.id}", opening.starts_at)
        said = f"it begins at {spoken(opening.starts_at)}"
    become(tx, change, "scheduled", said)


def bound(tx: Tx, change: Change) -> None:
    """It is cancelled if it has not begun by its deadline, whatever keeps it."""
    timer = f"change.late/{change.id}"
    if change.state in OPEN and change.deadline_at is not None:
        tx.timer(timer, max(change.deadline_at, tx.now))
    else:
        tx.cancel(timer)


def next_opening(tx: Tx, change: Change) -> Opening | None:
    """When it may be made next, and not before it is to be."""
    after = max(tx.now, change.not_before or tx.now)
    return change_calendar.opening(tx.state, change.namespace, change.calendar, after)


def unschedule(tx: Tx, change: Change) -> None:
    """No time is set for it any more."""
    for timer in ("start", "clear", "window"):
        tx.cancel(f"change.{timer}/{change.id}")
    change.starts_at = change.window_until = None


def drop(tx: Tx, change: Change, why: str) -> None:
    """It is over before it began. It was touched."""
    unschedule(tx, change)
    withdraw(tx, change, "it was cancelled")
    change.closed_at = tx.now
    change_trail.note(tx, change, f"Cancelled: {why}")
    become(tx, change, "cancelled", why)
    ticket = tx.state.tickets.get(change.ticket or "")
    if ticket is not None and ticket.state != "closed":
        tickets.transition(tx, ticket, "closed", "not_done", why)


def become(tx: Tx, change: Change, state: ChangeState, said: str | None) -> None:
    """It is in this state now; `said` is why. It was touched."""
    change.said = said
    was, change.state = change.state, state
    bound(tx, change)
    if state not in (was, "review"):
        change_trail.note(tx, change, f"{state}{f': {said}' if said and state != 'closed' else ''}")
    ticket = tx.state.tickets.get(change.ticket or "")
    if state == "implement" and ticket is not None and ticket.state == "new":
        tickets.transition(tx, ticket, "in_progress")
    say(tx, change, state)
    if state == "assess" and was != "assess":
        tell(tx, change, f"{change.id} needs another look: {change.title}", said or "")


def moved(tx: Tx, run: Run) -> None:
    """The run of a change stands otherwise than before. That it begins and ends, the change says by its own state."""
    change = change_trail.of(tx, run)
    if change is None or change.run is None or change.run_state == run.state or run.state in OVER:
        return
    tx.touch(change)
    change.run_state = run.state
    if run.state in ("paused", "rollback_failed"):
        change.said = run.reason
    say(tx, change, "updated")


def withdraw(tx: Tx, change: Change, why: str) -> None:
    """Who was asked need not decide any more. It was touched."""
    approval: Approval | None = tx.state.approvals.get(change.approval or "")
    if approval is not None:
        approvals.withdraw(tx, approval, why)
        change.approval = None


def tell(tx: Tx, change: Change, title: str, summary: str) -> None:
    """Whoever owns it, and whoever wants it, is told."""
    those = tuple(dict.fromkeys(one for one in (change.spec.owner, change.requester) if one is not None and ":" in one))
    people = tuple(one for one in those if not one.startswith(("token:", "run:", "policy:")))
    if people:
        message(
            tx, change.namespace, people, title[:300], summary, [["Change", change.id], ["Ticket", change.ticket or ""]],
            url_path=f"/changes/{change.id}",
        )  # fmt: skip


def unbegun(tx: Tx, seen: Seen, id: str) -> Change:
    """A change that has not begun. Raises `Refusal` change.not_found, change.state."""
    change = found(tx, seen, id)
    if change.state not in OPEN:
        raise Refusal("change.state", f"{change.id} is in {change.state}")
    return change


def found(tx: Tx, seen: Seen, id: str) -> Change:
    """A change that is not closed. Raises `Refusal` change.not_found."""
    change = tx.state.changes.get(id)
    if change is None or change.namespace != seen.namespace:
        raise Refusal("change.not_found", f"{id} is not there, or is closed")
    return change


def say(tx: Tx, change: Change, what: str) -> None:
    """The fact of what became of it. It was touched."""
    change.updated_at = tx.now
    given = (
        ("run", change.run),
        ("ticket", change.ticket),
        ("approval", change.approval),
        ("change_record", change.record),
    )
    tx.fact(f"oncue.change.{what}", "change", change, refs=tuple((kind, id) for kind, id in given if id is not None))
    tx.save("change", change, live=change.state not in ENDED)


def spoken(at: datetime) -> str:
    """An instant for people."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def words(code: CloseCode | None) -> str:
    """A close code for people."""
    return (code or "").replace("_", " ")
