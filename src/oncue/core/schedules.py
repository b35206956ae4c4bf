"""What happens to schedules: each starts runs of its workflow at its instants, and says what it could not start."""

from datetime import datetime
from typing import Any

import msgspec

from oncue.core import pauses, trigger, workflow
from oncue.core.asking import Asked
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, activation, render, stored
from oncue.core.manifest import Manifest
from oncue.core.trigger import Schedule, Trigger
from oncue.core.tx import Tx
from oncue.core.workflow_spec import WorkflowSpec


def expect(tx: Tx, manifest: Manifest, before: Any) -> None:
    """The workflow was applied, with `before` as its spec until now. A schedule that is as it was goes on as it did."""
    given = {one.id: one for one in _scheduled(manifest.spec)}
    known = {one.id: one for one in _scheduled(before)}
    for name in sorted(known.keys() - given.keys()):
        _drop(tx, f"{manifest.namespace}/{manifest.name}/{name}")
    for name, one in given.items():
        id = f"{manifest.namespace}/{manifest.name}/{name}"
        row: Schedule | None = tx.state.cells["schedule"].get(id)
        was = known.get(name)
        if row is None or was is None or was.schedule != one.schedule:
            _plan(tx, Schedule(id, manifest.namespace, manifest.name, name, None), one, tx.now)


def forget(tx: Tx, manifest: Manifest) -> None:
    """The workflow is gone."""
    for one in _scheduled(manifest.spec):
        _drop(tx, f"{manifest.namespace}/{manifest.name}/{one.id}")


def due(tx: Tx, id: str) -> None:
    """An instant of the schedule is there, or was while OnCue was away."""
    row: Schedule | None = tx.state.cells["schedule"].get(id)
    manifest = tx.state.manifests.get(f"Workflow/{id.rpartition('/')[0]}")
    if row is None or manifest is None or row.next_at is None:
        return
    one = next(one for one in _scheduled(manifest.spec) if one.id == row.trigger)
    assert one.schedule is not None
    chosen, passed = trigger.due(one.schedule, row.next_at, tx.now)
    run, fault = row.run, None
    held = pauses.holding(tx, row.namespace) if chosen else None
    if held is not None:
        chosen, passed, fault = [], passed + len(chosen), f"paused by {held.by}: {held.reason}"
    for at in chosen:
        try:
            run = _start(tx, manifest, one, row, at)
        except (Refusal, Failed) as failure:
            fault = f"{failure.code}: {failure.detail}" if isinstance(failure, Refusal) else str(failure)
            passed += 1
    planned = chosen[-1] if chosen else row.next_at
    row = msgspec.structs.replace(row, planned_at=planned, run=run, missed=passed, fault=fault and fault[:1000])
    _plan(tx, row, one, tx.now)
    if fault is not None or passed:
        type = "blocked" if held is not None else "failed" if fault is not None else "missed"
        tx.fact(f"oncue.schedule.{type}", "schedule", tx.state.cells["schedule"][id], refs=(("manifest", manifest.id),))
    _tell(tx, manifest, row, fault if held is None else None)


def _start(tx: Tx, manifest: Manifest, one: Trigger, row: Schedule, at: datetime) -> str:
    """Raises `Refusal` as `workflow.start` does, `Failed`."""
    scope = activation({"now": at}, Asked(tx.state, row.namespace))
    cause = tx.cause
    tx.go_on_telling(f"schedule/{row.id}@{at:%Y%m%dT%H%M%SZ}", 0)
    given = {"kind": "schedule", "trigger": one.id, "planned_at": stored(at)}
    run = workflow.start(tx, manifest, render(one.with_, scope), given)
    tx.cause = cause
    return run.id


def _tell(tx: Tx, manifest: Manifest, row: Schedule, fault: str | None) -> None:
    """What a schedule cannot start is an alert, until it can."""
    key = f"workflow.schedule.failed/{row.id}"
    if fault is None and (row.namespace, key) not in tx.state.alert_of:
        return
    title = f"{row.workflow} did not start by its schedule {row.trigger}: {fault}"
    tx.emit(
        {
            "type": "workflow.schedule.failed", "namespace": row.namespace, "resource": f"workflow:{row.workflow}",
            "severity": "clear" if fault is None else "major", "check": "workflow.schedule.failed", "fingerprint": key,
            "title": (title if fault is not None else f"{row.workflow} starts by its schedule {row.trigger} again")[:500],
        },
        refs=(("manifest", manifest.id),),
    )  # fmt: skip


def _plan(tx: Tx, row: Schedule, one: Trigger, after: datetime) -> None:
    assert one.schedule is not None
    row = msgspec.structs.replace(row, next_at=next(trigger.instants(one.schedule, after), None))
    tx.cell("schedule", row.id, row)
    if row.next_at is not None:
        tx.timer(f"run.schedule/{row.id}", row.next_at)
    else:
        tx.cancel(f"run.schedule/{row.id}")


def _drop(tx: Tx, id: str) -> None:
    tx.cell("schedule", id, None)
    tx.cancel(f"run.schedule/{id}")


def _scheduled(spec: Any) -> list[Trigger]:
    if not spec or not spec.get("triggers"):
        return []
    return [one for one in msgspec.convert(spec, WorkflowSpec).triggers if one.schedule is not None]
