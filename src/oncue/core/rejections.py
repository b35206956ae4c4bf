"""Asks that people rejected, and that are asked again since someone has the step tried again.

That must be meant: it needs a reason, whoever rejected it is told, and those who are asked read both what was said then and why they are
asked again.
"""

from typing import Final

from oncue.core import notify
from oncue.core.errors import Refusal
from oncue.core.run import AskedAgain, Rejected, Run, Step
from oncue.core.state import State
from oncue.core.tx import Tx

CODE: Final = "approval.rejected"
_SAID_LIMIT: Final = 500


def asked_again(tx: Tx, run: Run, failed: list[Step], why: str | None) -> None:
    """These steps are to be tried again: what was rejected at them, or in them, is asked again. Raises `Refusal`
    approval.reason."""
    rows = tx.state.steps_of[run.id]
    found = [
        rows[address]
        for address in sorted(rows)
        if _rejected(rows[address])
        and any(address == one.address or address.startswith((f"{one.address}/", f"{one.address}[")) for one in failed)
    ]
    if not found:
        return
    if not (why or "").strip():
        raise Refusal("approval.reason", f"step {found[0].address} was rejected: {found[0].reason}")
    cell: Rejected | None = tx.state.cells["rejected"].get(run.id)
    known = dict(cell.of) if cell is not None else {}
    for step in found:
        times = known[step.address].times + 1 if step.address in known else 1
        known[step.address] = AskedAgain(f"{step.reason}"[:_SAID_LIMIT], tx.actor, f"{why}"[:_SAID_LIMIT], times)
        by = _by(step)
        if by is not None:
            notify.message(
                tx, run.namespace, (by,), f"Asked again: {run.workflow}, step {step.address}",
                f"You rejected it. {tx.actor} has it asked again: {why}",
                [["Workflow", run.workflow], ["Run", run.id], ["Rejected", f"{step.reason}"]], url_path=f"/runs/{run.id}",
            )  # fmt: skip
    tx.cell("rejected", run.id, Rejected(known))


def rejected_by(state: State, run: Run) -> str | None:
    """Who rejected what the run asked, or what a run within it did; None if nobody has."""
    rows = state.steps_of[run.id]
    return next((by for address in sorted(rows) if (by := _by(rows[address])) is not None), None)


def _rejected(step: Step) -> bool:
    return step.error_code == CODE or _by(step) is not None


def _by(step: Step) -> str | None:
    return (
        step.result.get("rejected_by") if step.uses in ("approval", "run") and isinstance(step.result, dict) else None
    )


def said(state: State, run: Run, address: str) -> str:
    """What those read who are asked again; empty for those who are asked for the first time."""
    cell: Rejected | None = state.cells["rejected"].get(run.id)
    again = cell.of.get(address) if cell is not None else None
    if again is None:
        # It may be asked by a run that a step has begun anew.
        above, _, at = (run.parent or "").partition("/")
        return said(state, state.runs[above], at) if above in state.runs else ""
    often = f", {again.times} times" if again.times > 1 else ""
    return f" [Rejected before{often}, last by {again.said}. Asked again by {again.by}: {again.why}]"
