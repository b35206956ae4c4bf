"""Lets runs of a workflow begin as its `concurrency` and `rate` allow: now, later, or not at all."""

import msgspec

from oncue.core import last_steps
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, Scope, evaluate, spoken
from oncue.core.gate import Gate
from oncue.core.run import UNDOING, Run
from oncue.core.tx import Tx
from oncue.core.window import Window, instants, micros, packed, span, window_key
from oncue.core.workflow_spec import WorkflowSpec

KEY_LIMIT = 500


def key_of(namespace: str, workflow: str, by: list[str], scope: Scope) -> str:
    """What counts together. Raises `Refusal` workflow.inputs_invalid if an expression of `by` fails."""
    try:
        parts = [spoken(evaluate(text, scope)) for text in by]
    except Failed as failure:
        raise Refusal("workflow.inputs_invalid", f"concurrency or rate: {failure}") from failure
    return f"{namespace}/{workflow}|{'|'.join(parts)[:KEY_LIMIT]}"


def begins(tx: Tx, spec: WorkflowSpec, key: str) -> None:
    """The workflow begins once more. Raises `Refusal` run.too_often."""
    rate = spec.rate
    if rate is None:
        return
    cell = window_key(f"{key.partition('|')[0]}#rate", key.partition("|")[2])
    if (often := paced(tx, cell, rate.count, rate.within)) is not None:
        raise Refusal("run.too_often", f"it began {often} times within {rate.within}; at most {rate.count} are allowed")


def paced(tx: Tx, cell: str, count: int, within: str) -> int | None:
    """It happens once more, unless it has happened `count` times within that time: then how often it has."""
    now, within_s = micros(tx.now), seconds(within)
    window = tx.state.windows.get(cell) or Window()
    times = [at for at in instants(window.times) if at > now - span(within_s)]
    if len(times) >= count:
        return len(times)
    tx.cell("window", cell, Window(times=packed([*times, now])))
    tx.timer_after(f"window.limits/{cell}", within_s)
    return None


def enter(tx: Tx, run: Run, spec: WorkflowSpec, key: str) -> tuple[bool, list[str]]:
    """Whether the run may begin now, and which ones make way for it; else it waits. Raises `Refusal` run.busy,
    run.queue_full."""
    how = spec.concurrency
    if how is None:
        return True, []
    gate: Gate = tx.state.cells["gate"].get(key) or Gate()
    if len(gate.runs) < how.limit:
        tx.cell("gate", key, msgspec.structs.replace(gate, runs=(*gate.runs, run.id)))
        return True, []
    if how.when_busy == "restart":
        return _takes_over(tx, run, gate, key, how.limit)
    under_way = ", ".join(gate.runs[:5])
    if how.when_busy == "reject":
        raise Refusal("run.busy", f"{under_way} under way; at most {how.limit} may be")
    if len(gate.queued) >= how.max_queued:
        raise Refusal(
            "run.queue_full", f"{under_way} under way, and {len(gate.queued)} wait; max_queued is {how.max_queued}"
        )
    _wait(tx, run, gate, key)
    return False, []


def _takes_over(tx: Tx, run: Run, gate: Gate, key: str, limit: int) -> tuple[bool, list[str]]:
    """Those under way make way, but for those that are being undone, or still do what is done in any case: where these take all
    the room it waits for them, in the place of what has waited until now."""
    runs = {id: tx.state.runs[id] for id in gate.runs}
    ending = [id for id, one in runs.items() if one.state in UNDOING or last_steps.under_way(one)]
    others = [id for id in gate.runs if id not in ending]
    lasting = [id for id in others if last_steps.spared(tx.state, runs[id])]
    if len(ending) + len(lasting) < limit:
        tx.cell("gate", key, msgspec.structs.replace(gate, runs=(*gate.runs, run.id)))
        return True, others
    _wait(tx, run, gate, key)
    return False, [*others, *(id for _, _, id in gate.queued)]


def _wait(tx: Tx, run: Run, gate: Gate, key: str) -> None:
    queued = tuple(sorted((*gate.queued, (run.priority, tx.cause.position, run.id))))
    tx.cell("gate", key, msgspec.structs.replace(gate, queued=queued))


def leave(tx: Tx, run: Run) -> None:
    """The run is over, or waits no more: what has waited the longest may begin."""
    if run.gate is None:
        return
    gate: Gate | None = tx.state.cells["gate"].get(run.gate)
    if gate is None:
        return
    runs = tuple(id for id in gate.runs if id != run.id)
    queued = tuple(one for one in gate.queued if one[2] != run.id)
    if queued and len(runs) < len(gate.runs):
        _, _, following = queued[0]
        runs, queued = (*runs, following), queued[1:]
        tx.timer(f"run.admit/{following}", tx.now)
    tx.cell("gate", run.gate, Gate(runs, queued) if runs or queued else None)
