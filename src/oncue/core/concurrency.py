"""Lanes: how many runs a policy has under way per key, and what waits until they have ended.

A lane is a cell, `namespace/policy|key`, replaced and never changed in place, there only while it is busy. A run that ends
frees its lane by a timer that is due at once, so the next input, or the next tick, starts what waits. What waits carries
its event; there are at most `max_queued` of it.
"""

import msgspec

from oncue.core import workflow
from oncue.core.alert import Alert
from oncue.core.conditions.finding import Finding, carrying
from oncue.core.expression import evaluate, spoken
from oncue.core.lane import Lane
from oncue.core.normalise import Seen
from oncue.core.tx import Tx
from oncue.core.window import Window, window_key

KEY_LIMIT = 500


def lane_of(finding: Finding, seen: Seen) -> str:
    """The cell of the lane that the finding's response runs in. Raises `Failed` if an expression of `by` fails."""
    concurrency = finding.policy.spec.concurrency
    by = concurrency.by if concurrency is not None else []
    key = "|".join(spoken(evaluate(part, seen.scope)) for part in by)[:KEY_LIMIT] if by else finding.key
    return window_key(finding.policy.id, key)


def admit(tx: Tx, finding: Finding, seen: Seen, alert: Alert | None, cell: str) -> tuple[str, str] | None:
    """None if the response may start now; else why not, as (reason, detail). It may have been queued, or have stopped
    the runs that were under way."""
    concurrency = finding.policy.spec.concurrency
    lane: Lane | None = tx.state.cells["lane"].get(cell)
    if concurrency is None or lane is None or concurrency.when_busy == "parallel":
        return None
    under_way = [id for id in lane.runs if id in tx.state.runs]
    busy = f"{', '.join(under_way)} under way" if under_way else f"{len(lane.queued)} before it"
    if concurrency.when_busy == "restart":
        for id in under_way:
            workflow.cancel(tx, tx.state.runs[id], f"policy {finding.policy.id} fired again")
        return None
    if concurrency.when_busy == "skip":
        return ("busy", busy) if under_way else None
    if len(lane.queued) >= concurrency.max_queued:
        return "queue_full", f"{busy}, and {len(lane.queued)} queued; max_queued is {concurrency.max_queued}"
    window = finding.window or Window()
    known = Window(since=window.since, value=window.value, limit=window.limit, alert=alert.id if alert else None)
    waits = carrying(tx, known, seen)
    tx.cell("lane", cell, msgspec.structs.replace(lane, queued=(*lane.queued, waits), keys=(*lane.keys, finding.key)))
    return "queued", f"{busy}; it is number {len(lane.queued) + 1} in the queue"


def enter(tx: Tx, cell: str, runs: list[str]) -> None:
    """These runs are in the lane from now on; nothing if all of them have ended already."""
    lane: Lane = tx.state.cells["lane"].get(cell) or Lane()
    under_way = tuple(id for id in (*lane.runs, *runs) if id in tx.state.runs)
    if under_way or lane.queued:
        tx.cell("lane", cell, msgspec.structs.replace(lane, runs=under_way))


def leave(tx: Tx, cell: str) -> tuple[str, Window] | None:
    """A run of the lane has ended: gives what has waited the longest, as (key, what it carries), if it may start now."""
    lane: Lane | None = tx.state.cells["lane"].get(cell)
    if lane is None:
        return None
    under_way = tuple(id for id in lane.runs if id in tx.state.runs)
    if under_way or not lane.queued:
        tx.cell("lane", cell, msgspec.structs.replace(lane, runs=under_way) if under_way else None)
        return None
    tx.cell("lane", cell, Lane((), lane.queued[1:], lane.keys[1:]))
    return lane.keys[0], lane.queued[0]


def forget(tx: Tx, policy: str) -> None:
    """The policy is gone, and with it what waits. Its runs go on."""
    for cell in sorted(cell for cell in tx.state.cells["lane"] if cell.startswith(f"{policy}|")):
        tx.cell("lane", cell, None)
