"""Heartbeats as the engine watches them: each has one timer, due when it is late.

A beat leaves the timer where it is; when it is due, it looks whether a beat has come meanwhile. So a beat costs one cell.
"""

from datetime import timedelta
from typing import Any, Final

import msgspec

from oncue.core import event as events
from oncue.core import monitors
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.heartbeat import Heartbeat
from oncue.core.manifest import Manifest, MonitorSpec
from oncue.core.tx import Tx

_CHECK: Final = "heartbeat"


class Beat(msgspec.Struct):
    """The data of `oncue.heartbeat.received`."""

    monitor: str


def expect(tx: Tx, manifest: Manifest) -> None:
    """A heartbeat monitor was applied: the first beat is due a period and a grace from now."""
    id = f"{manifest.namespace}/{manifest.name}"
    known: Heartbeat | None = tx.state.cells["heartbeat"].get(id)
    due_at = tx.now + _allowed(manifest)
    tx.cell("heartbeat", id, Heartbeat(id, known.last_at if known else None, due_at, known.overdue if known else False))
    tx.timer(f"heartbeat.due/{id}", due_at)


def forget(tx: Tx, id: str) -> None:
    """Its monitor is gone."""
    tx.cell("heartbeat", id, None)
    tx.cancel(f"heartbeat.due/{id}")


def received(tx: Tx, beat: Beat, namespace: str) -> None:
    """It came. Raises `Refusal` manifest.not_found if no such heartbeat is expected."""
    manifest = tx.state.manifests.get(f"Monitor/{beat.monitor}")
    if manifest is None or beat.monitor not in tx.state.cells["heartbeat"] or manifest.namespace != namespace:
        raise Refusal("manifest.not_found", f"there is no heartbeat monitor {beat.monitor}")
    known: Heartbeat = tx.state.cells["heartbeat"][beat.monitor]
    due_at = tx.now + _allowed(manifest)
    tx.cell("heartbeat", beat.monitor, Heartbeat(beat.monitor, tx.now, due_at))
    timer = f"heartbeat.due/{beat.monitor}"
    if known.overdue or timer not in tx.state.timers.by_key:
        tx.timer(timer, due_at)
    if known.overdue or known.last_at is None:
        monitors.found(tx, beat.monitor, _CHECK, "clear", "the heartbeat came")
        _event(tx, manifest, "clear", f"Heartbeat {manifest.name} is back")


def due(tx: Tx, id: str) -> None:
    """It stayed away, or it has come since the timer was set, which is set anew then."""
    manifest = tx.state.manifests.get(f"Monitor/{id}")
    known: Heartbeat | None = tx.state.cells["heartbeat"].get(id)
    if manifest is None or known is None:
        return
    if known.due_at > tx.now:
        tx.timer(f"heartbeat.due/{id}", known.due_at)
        return
    tx.cell("heartbeat", id, msgspec.structs.replace(known, overdue=True))
    severity = msgspec.convert(manifest.spec, MonitorSpec).severity
    last = f"last came at {events.said(known.last_at)}" if known.last_at is not None else "has never come"
    monitors.found(tx, id, _CHECK, severity, f"the heartbeat {last}")
    _event(tx, manifest, severity, f"Heartbeat {manifest.name} stays away: {last}")


def extend(tx: Tx, id: str, absence: timedelta) -> None:
    """OnCue was down for `absence`, and could not have heard it."""
    known: Heartbeat | None = tx.state.cells["heartbeat"].get(id)
    if known is None or known.overdue:
        return
    due_at = known.due_at + absence
    tx.cell("heartbeat", id, msgspec.structs.replace(known, due_at=due_at))
    tx.timer(f"heartbeat.due/{id}", due_at)


def _allowed(manifest: Manifest) -> timedelta:
    spec = msgspec.convert(manifest.spec, MonitorSpec)
    return timedelta(seconds=seconds(spec.every) + seconds(spec.grace))


def _event(tx: Tx, manifest: Manifest, severity: str, title: str) -> None:
    spec = msgspec.convert(manifest.spec, MonitorSpec)
    document: dict[str, Any] = {
        "type": "heartbeat.missed" if severity != "clear" else "heartbeat.returned",
        "namespace": manifest.namespace,
        "severity": severity,
        "resource": spec.resource or manifest.name,
        "check": f"heartbeat:{manifest.name}",
        "title": title,
    }
    if spec.service is not None:
        document["service"] = spec.service
    if spec.runbook is not None and severity != "clear":
        document["data"] = {"runbook": spec.runbook}
    if spec.labels:
        document["labels"] = msgspec.json.encode(spec.labels, order="sorted").decode()
    tx.emit(document, refs=(("monitor", f"{manifest.namespace}/{manifest.name}"),))
