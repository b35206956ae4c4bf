"""Approvals that can be met no more as it is: those who are asked have left their team, were switched off or removed, or are service
accounts.

That is said once, when it is asked or when it becomes so: as an alert of the run, which ends if they can agree again, or to whoever
asked for what they are offered. Of people the engine knows nothing but that some are not there: what is recorded when they are
changed says so.
"""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from oncue.core import approvals, change_drafts, notify, run_life, steps
from oncue.core.approval import Approval
from oncue.core.self_service import Request
from oncue.core.tx import Tx

CREATED: Final = "oncue.audit.user_created"
CHANGED: Final = "oncue.audit.user_changed"
DELETED: Final = "oncue.audit.user_deleted"
SIGNED_IN: Final = "oncue.audit.signed_in"
PEOPLE: Final = (CREATED, CHANGED, DELETED, SIGNED_IN)
"""What is recorded of people that may matter to approvals."""
SERVICE: Final = "service"


class Audited(msgspec.Struct):
    """The data of what is recorded."""

    user: str
    kind: str = "person"
    changed: dict[str, Any] = {}


def recorded(tx: Tx, type: str, said: Audited) -> None:
    """Someone was added, changed or removed, or has signed in: the link for a first administrator brings back who was not there."""
    known: str | None = tx.state.cells["absent"].get(said.user)
    now = known
    if type == CREATED:
        now = SERVICE if said.kind == SERVICE else None
    elif type == DELETED:
        now = "removed"
    elif type == SIGNED_IN:
        now = None
    elif "disabled" in said.changed and known != SERVICE:
        now = "disabled" if said.changed["disabled"] else None
    if now != known:
        tx.cell("absent", said.user, now)
        _look(tx, None)
        change_drafts.teams_changed(tx, {one.namespace for one in tx.state.changes.values()})


def teams_changed(tx: Tx, namespaces: Collection[str]) -> None:
    """Teams are otherwise: who was asked may be there no more, or is there again."""
    _look(tx, namespaces)


def asked(tx: Tx, approval: Approval) -> None:
    """It is asked for now."""
    if approvals.look(tx, approval):
        _tell(tx, approval)


def _look(tx: Tx, namespaces: Collection[str] | None) -> None:
    for _, approval in sorted(tx.state.approvals.items()):
        if approval.change is None and (namespaces is None or approval.namespace in namespaces):
            asked(tx, approval)


def _tell(tx: Tx, approval: Approval) -> None:
    why = approval.unattainable
    run = tx.state.runs.get(approval.run or "")
    step = tx.state.step(run.id, approval.step or "") if run is not None else None
    if run is not None and step is not None:
        steps.change(tx, run, step, None, reason=why)
        if why is not None:
            run_life.cannot_go_on(tx, run, f"step {step.address}: {why}")
        else:
            run_life.moves(tx, run)
    request: Request | None = tx.state.entities["request"].get(approval.request or "")
    if request is not None and why is not None:
        notify.message(
            tx, approval.namespace, (request.requester,), f"Nobody can agree: {approval.ask}", f"{approval.id}: {why}",
            [["Workflow", approval.workflow], ["Request", request.id]], url_path=f"/self-service?show={request.id}",
        )  # fmt: skip
