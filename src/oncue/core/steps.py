"""The rows of a run's steps: how one begins, changes and ends, each with the fact that says so."""

from typing import Any, Final

import msgspec

from oncue.core import change_trail, outbox
from oncue.core.errors import Refusal
from oncue.core.plan import Plan, plan_of
from oncue.core.run import ACTIVE, Retried, Run, Step, StepState
from oncue.core.state import State
from oncue.core.tx import Tx

DURING: Final = "~during"
"""What stands behind the step's address in that of what is looked at while it runs."""
COVERED: Final = frozenset({"succeeded", "failed", "failed_validation", "unknown", "cancelled"})
"""States of a step that may have changed something."""
STORED_LIMIT: Final = 16 * 1024
"""Bytes of a step's result that the run keeps."""


def plan(state: State, run: Run) -> Plan:
    """What the run goes through."""
    definition = state.definitions[run.version]
    return plan_of(definition.id, definition.spec)


def find(state: State, run: Run, address: str) -> Step:
    """The step at this address. Raises `Refusal` step.not_found."""
    step = state.step(run.id, address)
    if step is None:
        raise Refusal("step.not_found", f"{address} of {run.id} has not begun, or is not a step of it")
    return step


def begin(
    tx: Tx, run: Run, address: str, node: str, uses: str, state: StepState, *, say: bool = True, **more: Any
) -> Step:
    """A step begins, or is passed over. What lies in others begins without a word; `say` adds one."""
    step = Step(
        id=f"{run.id}/{address}", run=run.id, namespace=run.namespace, address=address, node=node, uses=uses, state=state,
        started_at=tx.now if state in ACTIVE else None, ended_at=None if state in ACTIVE else tx.now, **more,
    )  # fmt: skip
    if state not in ACTIVE:
        step.ended_in = tx.state.position
    tx.set(tx.state.steps_of[run.id], address, step)
    if say:
        _fact(tx, run, step, f"oncue.step.{'started' if state in ACTIVE else state}")
    tx.save("step", step)
    return step


def change(tx: Tx, run: Run, step: Step, fact: str | None, **changes: Any) -> None:
    """The step is otherwise; `fact` is what is said of it, None for nothing."""
    tx.touch(step)
    for name, value in changes.items():
        setattr(step, name, value)
    if fact is not None:
        _fact(tx, run, step, f"oncue.step.{fact}")
    tx.save("step", step)


def end(tx: Tx, run: Run, step: Step, state: StepState, *, say: bool = True, **changes: Any) -> None:
    """The step is over."""
    changes = {"reason": None, "error_code": None, "nothing_done": False, "again_by": None, **changes}
    change(
        tx, run, step, state if say else None, state=state, ended_at=tx.now, ended_in=tx.state.position, next_try_at=None,
        awaits=None, **changes,
    )  # fmt: skip
    unwatch(tx, run, step)
    if "change" in run.trigger:
        change_trail.ended(tx, run, step)


def unwatch(tx: Tx, run: Run, step: Step) -> None:
    """The step does not run any more: what had to hold as long as it did need not be looked at."""
    watch = tx.state.step(run.id, step.address + DURING)
    if watch is None or watch.state not in ACTIVE:
        return
    effect = tx.state.effects.get(watch.effect or "")
    unseen = watch.looks == 1 and effect is not None and effect.state == "pending"
    if effect is not None:
        outbox.cancel(tx, effect, "the step is over")
    tx.cancel(f"run.look/{watch.id}")
    end(
        tx,
        run,
        watch,
        "skipped" if unseen else "succeeded",
        reason="the step was over before the first look" if unseen else None,
    )


def changed_before(state: State, run: Run, address: str) -> bool:
    """Whether the step may have changed something before a person had it tried again."""
    retried: Retried | None = state.cells["retried"].get(run.id)
    return retried is not None and address in retried.addresses


def covered(state: State, run: Run) -> list[Step]:
    """Those that a rollback of the run is about: begun, and with something to undo them, or what cannot be undone. By address."""
    nodes = plan(state, run).nodes
    return [
        step
        for address, step in sorted(state.steps_of[run.id].items())
        if step.state in COVERED and step.attempt and "~" not in address and step.copied_from is None
        and (run.undo_within is None or address.startswith(f"{run.undo_within}/"))
        and (nodes[step.node].spec.rollback is not None or nodes[step.node].spec.irreversible)
    ]  # fmt: skip


def forget(tx: Tx, run: Run, step: Step) -> None:
    """The step is as if it had never begun; what it was, facts say."""
    if step.uses == "for_each":
        tx.cell("items", step.id, None)
    tx.unset(tx.state.steps_of[run.id], step.address)
    tx.save("step", step, live=False)


def forget_all(tx: Tx, run: Run, address: str) -> None:
    """The step, and all that lies in it or follows it, is as if it had never begun."""
    for one in sorted(tx.state.steps_of[run.id]):
        if one == address or one.startswith((f"{address}/", f"{address}[", f"{address}~")):
            forget(tx, run, tx.state.steps_of[run.id][one])


def bounded(result: Any) -> Any:
    """The result, or as much of it as is kept: long texts are cut in their middle, so that what is beside them stays."""
    for limit in (STORED_LIMIT, 4096, 1024, 256):
        kept = result if limit == STORED_LIMIT else _cut(result, limit)
        if len(msgspec.json.encode(kept)) <= STORED_LIMIT:
            return kept
    return {"truncated": True, "text": msgspec.json.encode(result)[:STORED_LIMIT].decode(errors="replace")}


def _cut(value: Any, limit: int) -> Any:
    if isinstance(value, str) and len(value) > limit:
        left_out = len(value) - limit
        return f"{value[: limit // 4]}\n[{left_out} characters left out]\n{value[-(limit - limit // 4) :]}"
    if isinstance(value, dict):
        return {key: _cut(inner, limit) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, limit) for inner in value]
    return value


def _fact(tx: Tx, run: Run, step: Step, type: str) -> None:
    refs = (("run", run.id), ("incident", run.incident), ("alert", run.alert))
    tx.fact(type, "step", step, refs=tuple((kind, id) for kind, id in refs if id is not None))
