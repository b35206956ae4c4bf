"""The trail of a change: its ticket writes itself, what was done, when, by what means, and what came of it."""

from typing import Final

from oncue.core import plan as plans
from oncue.core import tickets
from oncue.core.change import Change
from oncue.core.run import ACTIVE, WELL, Run, Step
from oncue.core.tx import Tx

TARGETS_TOLD: Final = 200
"""With more targets, those that went well are told of by their wave alone."""
GROUP: Final = "targets"
WAVES: Final = "waves"


def note(tx: Tx, change: Change, text: str) -> None:
    """A line in the change's ticket."""
    ticket = tx.state.tickets.get(change.ticket or "")
    if ticket is not None:
        tickets.comment(tx, ticket, text, f"change:{change.id}")


def ended(tx: Tx, run: Run, step: Step) -> None:
    """A step of a change is over."""
    change = tx.state.changes.get(str(run.trigger.get("change")))
    if change is None:
        return
    if step.address.endswith("~rollback"):
        note(tx, change, f"Rollback of {where(step.address.removesuffix('~rollback'))}: {_said(step)}")
    elif step.uses == "item":
        _item(tx, run, change, step)
    elif step.uses == "approval":
        note(tx, change, f"Gate before {_wave(step.address)}: {_said(step)}")
    elif step.node.startswith("bake"):
        note(tx, change, f"Bake of {_wave(step.address) or 'all targets'}: {_said(step)}")


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
