"""Events that runs wait for: looked up by type, and by resource where the wait names one.

A run subscribes what it can when it begins, so that an event that comes before the run has reached its wait is not lost: it
lies in the wait's mailbox, which keeps the first few that may be what is waited for.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from oncue.core import run_scope, steps
from oncue.core.expression import Failed, Scope, holds, render, spoken
from oncue.core.normalise import Seen
from oncue.core.plan import Node
from oncue.core.run import Run, Step
from oncue.core.tx import Tx
from oncue.core.waiting import EventWait

MAIL_LIMIT: Final = 16
"""Events that a mailbox keeps."""
FAULT: Final = "where_failed"
"""What is said of a step, once, whose condition cannot be told of an event."""
FAULT_LIMIT: Final = 500
TOGETHER: Final = 500
"""Runs that one event may wake that wait for its type without naming a resource; more must name one."""


def subscribe(tx: Tx, run: Run) -> None:
    """The run begins: its waits that are no item's gather what comes from now on."""
    plan = steps.plan(tx.state, run)
    for address in plan.listening:
        node = plan.nodes[address.rpartition("/")[2]]
        spec = node.spec.wait
        if spec is None or spec.event is None:
            raise AssertionError(address)
        scope = run_scope.of_step(tx, run, plan, node, address)
        try:
            resource = spoken(render(spec.event.resource, scope)) if spec.event.resource is not None else None
        except Failed:
            continue  # it is not known before the step begins
        _put(tx, f"{run.id}/{address}", EventWait(run.namespace, tuple(dict.fromkeys(spec.event.types)), resource))


def begin(tx: Tx, run: Run, node: Node, step: Step, scope: Scope) -> dict[str, Any] | None:
    """The step waits from now on. Gives the event that has come already. Raises `Failed`."""
    spec = node.spec.wait.event if node.spec.wait is not None else None
    if spec is None:
        raise AssertionError(step.id)
    known: EventWait | None = tx.state.cells["wait"].get(step.id)
    resource = spoken(render(spec.resource, scope)) if spec.resource is not None else None
    fault = known.fault if known is not None else None
    for event in known.mail if known is not None else ():
        fits, why = _judged(tx, run, node, step.address, event)
        if fits:
            end(tx, step.id)
            return event
        fault = fault or why
    types = tuple(dict.fromkeys(spec.types))
    _put(tx, step.id, EventWait(run.namespace, types, resource, waiting=True, fault=fault))
    if fault is not None:
        steps.change(tx, run, step, FAULT, reason=fault)
    return None


def end(tx: Tx, id: str) -> None:
    """Nothing is waited for any more."""
    known: EventWait | None = tx.state.cells["wait"].get(id)
    if known is None:
        return
    for type in known.types:
        by_resource = tx.state.waits[(known.namespace, type)]
        rows = by_resource[known.resource]
        if not isinstance(rows, str) and len(rows) > 1:
            tx.unset(rows, id)
        elif len(by_resource) > 1:
            tx.unset(by_resource, known.resource)
        else:
            tx.unset(tx.state.waits, (known.namespace, type))
    tx.cell("wait", id, None)


def forget(tx: Tx, run: Run) -> None:
    """The run is over: none of its waits gathers any more."""
    for id in tx.state.waits_of(run):
        end(tx, id)


def come(tx: Tx, seen: Seen) -> list[tuple[Run, Step, dict[str, Any]]]:
    """The steps for which this event is what they wait for. What waits later finds it in its mailbox."""
    found: list[tuple[Run, Step, dict[str, Any]]] = []
    by_resource = tx.state.waits.get((seen.namespace, seen.type), {})
    for resource in (seen.resource, None):
        rows = by_resource.get(resource)
        if not rows:
            continue
        for id in [rows] if isinstance(rows, str) else sorted(rows)[:TOGETHER]:
            run_id, _, address = id.partition("/")
            run = tx.state.runs[run_id]
            wait: EventWait = tx.state.cells["wait"][id]
            node = steps.plan(tx.state, run).nodes[address.rpartition("/")[2]]
            if not wait.waiting:
                fits, fault = _may_fit(tx, run, node, address, seen.view())
                if fits and len(wait.mail) < MAIL_LIMIT:
                    tx.cell("wait", id, msgspec.structs.replace(wait, mail=(*wait.mail, seen.view())))
                elif fault is not None and wait.fault is None:
                    tx.cell("wait", id, msgspec.structs.replace(wait, fault=fault))
                continue
            step = steps.find(tx.state, run, address)
            fits, fault = _judged(tx, run, node, address, seen.view())
            if fits:
                found.append((run, step, seen.view()))
            elif fault is not None and wait.fault is None:
                tx.cell("wait", id, msgspec.structs.replace(wait, fault=fault))
                steps.change(tx, run, step, FAULT, reason=fault)
    return found


_CHANGING: Final = frozenset(
    ("vars", "steps", "alert", "incident", "error", "now", "lookup", "change_alerts", "change_running_on")
)
"""What a condition may speak of that may be otherwise when the run has reached the wait."""


@lru_cache(maxsize=4096)
def _lasts(where: str) -> bool:
    """Whether what the condition says of an event stays so for as long as the run goes on."""
    return not _CHANGING.intersection(re.findall(r"[a-z_]+", where))


def _may_fit(tx: Tx, run: Run, node: Node, address: str, event: dict[str, Any]) -> tuple[bool, str | None]:
    """Whether an early event may be what the step will wait for, or why that cannot be said."""
    spec = node.spec.wait.event if node.spec.wait is not None else None
    if spec is None or spec.where is None or not _lasts(spec.where):
        return True, None
    return _judged(tx, run, node, address, event)


def _judged(tx: Tx, run: Run, node: Node, address: str, event: dict[str, Any]) -> tuple[bool, str | None]:
    """Whether the event is what the step waits for, or why that cannot be said."""
    spec = node.spec.wait.event if node.spec.wait is not None else None
    if spec is None or spec.where is None:
        return spec is not None, None
    scope = run_scope.of_step(tx, run, steps.plan(tx.state, run), node, address, event=event)
    try:
        return holds(spec.where, scope), None
    except Failed as failure:
        return False, f"where cannot be told of event {event['id']}: {run_scope.why(failure, scope)}"[:FAULT_LIMIT]


def _put(tx: Tx, id: str, wait: EventWait) -> None:
    end(tx, id)
    for type in dict.fromkeys(wait.types):
        by_resource = tx.state.waits.get((wait.namespace, type))
        rows = by_resource.get(wait.resource) if by_resource is not None else None
        if by_resource is None:
            tx.set(tx.state.waits, (wait.namespace, type), {wait.resource: id})
        elif rows is None:
            tx.set(by_resource, wait.resource, id)
        elif isinstance(rows, str):
            tx.set(by_resource, wait.resource, {rows: True, id: True})
        else:
            tx.set(rows, id, True)
    tx.cell("wait", id, wait)
