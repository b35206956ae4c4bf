"""The trail of a change: its ticket writes itself, what was done, when, by what means, and what came of it."""

from typing import Any, Final

import msgspec

from oncue.core import plan as plans
from oncue.core import tickets
from oncue.core.change import Change
from oncue.core.run import ACTIVE, WELL, Run, Step
from oncue.core.tx import Tx

TARGETS_TOLD: Final = 200
"""With more targets, those that went well are told of by their wave alone."""
NOTHING_DONE: Final = "nothing was done there, so there is nothing to take back"
GROUP: Final = "targets"
WAVES: Final = "waves"


def note(tx: Tx, change: Change, text: str) -> None:
    """A line in the change's ticket."""
    ticket = tx.state.tickets.get(change.ticket or "")
    if ticket is not None:
        tickets.comment(tx, ticket, text, f"change:{change.id}")


def ended(tx: Tx, run: Run, step: Step) -> None:
    """A step of a change is over."""
    change = of(tx, run)
    if change is None:
        return
    if step.address.endswith("~rollback"):
        note(tx, change, f"Rollback of {where(step.address.removesuffix('~rollback'))}: {_said(step)}")
    elif step.uses == "item":
        _item(tx, run, change, step)
    elif step.uses == "approval":
        note(tx, change, f"Gate before {_wave(step.address)}: {_said(step)}")
    elif step.uses == "for_each" and step.state == "skipped":
        note(tx, change, f"{where(step.address)} {_said(step)}")
    elif step.node.startswith("bake"):
        note(tx, change, f"Bake of {_wave(step.address) or 'all targets'}: {_said(step)}")


def passed_over(tx: Tx, run: Run, step: Step) -> None:
    """Someone skips a step of a change by hand: whatever comes of it, it is looked back on."""
    change = of(tx, run)
    if change is not None:
        tx.touch(change)
        change.close_code = "successful_with_issues"
        tx.save("change", change)
        note(tx, change, f"{tx.actor} passes over {where(step.address)}")


def paused(tx: Tx, run: Run, by: str, why: str) -> None:
    """Someone has paused the run of a change."""
    change = of(tx, run)
    if change is not None:
        note(tx, change, f"Paused by {by}: {why}")


def failed(tx: Tx, run: Run, at: str | None) -> None:
    """The run of a change has failed at a step, and has not been undone yet."""
    change, step = of(tx, run), tx.state.step(run.id, at or "")
    if change is None:
        return
    tx.touch(change)
    change.said = run.reason
    if step is not None:
        change.said = f"{where(step.address)} {step.state.replace('_', ' ')}: {step.reason or 'no reason given'}"
    tx.save("change", change)
    note(tx, change, f"{'Paused' if run.state == 'paused' else 'Failed'}: {change.said}")


def undoing(tx: Tx, run: Run, left_out: list[Step]) -> None:
    """What the run of a change did is being undone, but for the steps that are known to have changed nothing."""
    change = of(tx, run)
    if change is None:
        return
    what = f" of {where(run.undo_within)}" if run.undo_within is not None else ""
    lines = [f"Rolling back what was done{what}, the last thing first"]
    lines += [f"- {where(one.address)}: {NOTHING_DONE}" for one in left_out[:TARGETS_TOLD]]
    if len(left_out) > TARGETS_TOLD:
        lines.append(f"- {len(left_out) - TARGETS_TOLD} more: {NOTHING_DONE}")
    note(tx, change, "\n".join(lines))


def stopped(tx: Tx, run: Run, step: Step, why: str, undo: tuple[str, Any] | None) -> None:
    """The rollback of a change cannot go on: what a person has to do now."""
    change = of(tx, run)
    if change is None:
        return
    tx.touch(change)
    change.said = why
    tx.save("change", change)
    lines = [f"ROLLBACK STOPPED at {where(step.address)}: {why}"]
    if undo is not None:
        lines.append(f"- by hand: {_by_hand(*undo)}")
    lines.append(f"- when that is done: oncue runs skip {run.id} '{step.address}' --reason 'done by hand'")
    lines.append(f"- to try it again: oncue runs retry {run.id} '{step.address}'")
    note(tx, change, "\n".join(lines))


def _by_hand(uses: str, inputs: Any) -> str:
    """What a person does in place of what undoes the step, as far as it is known."""
    if inputs is None:
        return f"see what the step did, and undo that; {uses} cannot, for want of its inputs"
    return f"{uses} with {msgspec.json.encode(inputs).decode()[:2000]}"


def of(tx: Tx, run: Run) -> Change | None:
    """The change that the run carries out."""
    return tx.state.changes.get(str(run.trigger.get("change"))) if "change" in run.trigger else None


def _item(tx: Tx, run: Run, change: Change, step: Step) -> None:
    if step.node == WAVES:
        group = tx.state.step(run.id, plans.child(step.address, GROUP))
        many = f", {group.total - group.failures} of {group.total} targets well" if group is not None else ""
        note(tx, change, f"{_wave(step.address)} {step.state}{many}")
        return
    total = len(change.plan.targets) if change.plan is not None else 0
    if step.node != GROUP or (total > TARGETS_TOLD and step.state in WELL):
        return
    rows = tx.state.steps_of[run.id]
    inner = sorted(
        (one for at, one in rows.items() if plans.parent(at) == step.address and "~" not in at),
        key=lambda one: (one.started_at or tx.now, one.ended_in, one.address),
    )
    lines = [f"{_wave(step.address)}, {step.item}: {step.state}"]
    lines += [f"- {one.node} ({one.uses}): {_said(one)}" for one in inner]
    note(tx, change, "\n".join(lines))


def where(address: str) -> str:
    """A step's address for people: `wave-2, web-3: restart`."""
    parts = [part for part in address.split("/") if part]
    items = [part[part.index("[") + 1 : -1] for part in parts if part.endswith("]")]
    inner = [part for part in parts if not part.endswith("]")]
    return f"{', '.join(items)}: {'/'.join(inner)}" if items else "/".join(inner)


def _wave(address: str) -> str:
    first = address.partition("/")[0]
    return first[len(WAVES) + 1 : -1] if first.startswith(f"{WAVES}[") else ""


def _said(step: Step) -> str:
    lasted = ""
    if step.started_at is not None and step.ended_at is not None and step.state not in ACTIVE:
        lasted = f" in {(step.ended_at - step.started_at).total_seconds():.1f} s"
    looks = (
        f", validated in {step.looks} look{'s' if step.looks > 1 else ''}" if step.looks and step.state in WELL else ""
    )
    why = f": {step.reason}" if step.reason else ""
    return f"{step.state.replace('_', ' ')}{lasted}{looks}{why}"
