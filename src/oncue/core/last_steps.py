"""What a run still does when it is stopped: the `finally` of whatever it is in the middle of.

A run that is cancelled, or whose time is up, begins nothing more but that. As long as it lasts the run goes on by the same
rules as ever, with `Run.wants` saying what becomes of it then: each `try` that it was in the middle of goes on with its
`finally`, and fails with what it lies in, the innermost first.
"""

from datetime import timedelta
from typing import Final

from oncue.core import plan as plans
from oncue.core import steps
from oncue.core.run import ACTIVE, Run, Step
from oncue.core.state import State
from oncue.core.tx import Tx

LASTS_S: Final = 600.0
"""How long each `finally` may take, with those that begin beside it: what runs on for longer is stopped, and the ones around it
have their own time."""
LATE: Final = "timeout: what is done in any case took longer than 10 minutes"
_FINALLY: Final = "finally"


def under_way(run: Run) -> bool:
    """Whether the run was stopped, and does what is done in any case."""
    return run.state == "running" and run.wants != ""


def stops(state: State, run: Run, address: str) -> bool:
    """Whether nothing more begins at this address, for the run was stopped and no `finally` lies around it."""
    return under_way(run) and _finally_around(state, run, address) is None


def put_off(run: Run, step: Step) -> bool:
    """Whether the step is to be tried again when the run, which failed beside it, goes on."""
    beside = f"{plans.parent(step.address)}/"
    return step.again_by is not None and run.failed_at is not None and run.failed_at.startswith(beside)


def spared(state: State, run: Run) -> dict[str, Step]:
    """The steps that go on when the run is stopped, by address: each `try` whose `finally` is to come or under way, what lies
    around it, and what is under way in a `finally`. In the order of their addresses. Empty if there is no such `try`."""
    rows = state.steps_of.get(run.id, {})
    guards = [step for step in rows.values() if step.uses == "try" and step.state == "running"]
    if not guards:
        return {}
    nodes = steps.plan(state, run).nodes
    found: dict[str, Step] = {}
    for guard in guards:
        if _FINALLY in nodes[guard.node].blocks:
            at = guard.address
            while at and at not in found:
                found[at] = rows[at]
                at = plans.parent(at) or ""
    if any(one.block == _FINALLY for one in guards):
        active = {at: step for at, step in rows.items() if step.state in ACTIVE}
        found |= {at: step for at, step in active.items() if _finally_around(state, run, at) is not None}
    return dict(sorted(found.items()))


def begin(tx: Tx, run: Run, spared: dict[str, Step], reason: str) -> tuple[str, ...]:
    """What else was under way has been stopped: each innermost `try` of those that go on does its `finally`. Gives the
    addresses that the run goes on with."""
    guards = [step for step in spared.values() if step.uses == "try" and step.state == "running"]
    going, around = [], set[str]()
    for guard in guards:
        at = plans.parent(guard.address)
        while at and at not in around:
            around.add(at)
            at = plans.parent(at)
    for guard in guards:
        innermost = guard.address not in around
        if guard.block != _FINALLY and innermost and _finally_around(tx.state, run, guard.address) is None:
            steps.change(tx, run, guard, None, block=_FINALLY, failures=1, reason=reason, error_code="cancelled")
            going.append(guard.address)
    for group in spared.values():
        if group.uses == "for_each" and _finally_around(tx.state, run, group.address) is None:
            going_on = sum(item.address in spared for item in tx.state.items_of(run.id, group.address))
            steps.change(tx, run, group, None, under_way=going_on)
    return tuple(going)


def takes_its_turn(tx: Tx, run: Run, guard: Step) -> None:
    """The `finally` of what lies around others begins, now that theirs are over: it has its own time."""
    if under_way(run) and _finally_around(tx.state, run, guard.address) is None:
        allow(tx, run)


def allow(tx: Tx, run: Run) -> None:
    """What is done in any case has its time from now on. The run was touched or is now."""
    tx.touch(run)
    run.deadline_at = tx.now + timedelta(seconds=LASTS_S)
    tx.timer(f"run.deadline/{run.id}", run.deadline_at)
    tx.save("run", run)


def finishing(state: State, run: Run) -> list[Step]:
    """Each outermost `try` whose `finally` is under way, in the order of their addresses."""
    rows = state.steps_of.get(run.id, {})
    return [
        step
        for _, step in sorted(rows.items())
        if step.uses == "try" and step.block == _FINALLY and step.state == "running"
        and _finally_around(state, run, plans.parent(step.address) or "") is None
    ]  # fmt: skip


def _finally_around(state: State, run: Run, address: str) -> str | None:
    """The address of a `finally` that is under way around this address, or at it."""
    at = address
    while at:
        step = state.step(run.id, at)
        if step is not None and step.uses == "try" and step.block == _FINALLY and step.state == "running":
            return at
        at = plans.parent(at) or ""
    return None
