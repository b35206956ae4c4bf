"""What happens to handovers: one shift makes them and may add notes, the next one confirms."""

from datetime import UTC, datetime
from typing import Any

from oncue.core.errors import Refusal
from oncue.core.expression import stored
from oncue.core.handover import Handover
from oncue.core.tx import Tx


def create(
    tx: Tx, namespace: str, team: str | None, since: datetime, until: datetime, drawn: dict[str, Any], notes: str
) -> Handover:
    """Make a handover. Raises `Refusal` request.invalid if it ends before it begins."""
    if until <= since:
        raise Refusal("request.invalid", "it ends before it begins")
    handover = Handover(
        id=f"HND-{tx.count('handover')}", namespace=namespace, team=team, since=since.astimezone(UTC),
        until=until.astimezone(UTC), state="open", drawn=stored(drawn), notes=notes, created_by=tx.actor,
        created_at=tx.now, updated_at=tx.now,
    )  # fmt: skip
    _fact(tx, handover, "oncue.handover.created")
    return handover


def note(tx: Tx, handover: Handover, notes: str) -> None:
    """Its notes are these from now on."""
    tx.touch(handover)
    handover.notes = notes
    _fact(tx, handover, "oncue.handover.updated")


def confirm(tx: Tx, handover: Handover, remark: str) -> None:
    """The next shift has it. Whoever made it cannot confirm it: raises `Refusal` handover.own."""
    if tx.actor == handover.created_by:
        raise Refusal("handover.own", f"{handover.id} was made by {handover.created_by}")
    tx.touch(handover)
    handover.state = "confirmed"
    handover.confirmed_by, handover.confirmed_at, handover.remark = tx.actor, tx.now, remark
    _fact(tx, handover, "oncue.handover.confirmed", live=False)


def _fact(tx: Tx, handover: Handover, type: str, live: bool = True) -> None:
    handover.updated_at = tx.now
    tx.fact(type, "handover", handover)
    tx.save("handover", handover, live)
