"""What the engine knows of each monitor: its finding, and its own health."""

from typing import Literal

import msgspec

from oncue.core.manifest import Manifest, MonitorSpec
from oncue.core.monitor import MonitorState
from oncue.core.tx import Tx


class Health(msgspec.Struct):
    """The data of `oncue.monitor.health`."""

    monitor: str
    state: Literal["ok", "failing"]
    error_code: str | None = None
    detail: str | None = None


def expect(tx: Tx, manifest: Manifest) -> None:
    """A monitor was applied."""
    id = f"{manifest.namespace}/{manifest.name}"
    known: MonitorState | None = tx.state.entities["monitor"].get(id)
    uses = msgspec.convert(manifest.spec, MonitorSpec).uses
    if known is not None:
        tx.touch(known)
        known.uses = uses
        known.updated_at = tx.now
        tx.save("monitor", known)
        return
    state = MonitorState(
        id=id, namespace=manifest.namespace, name=manifest.name, uses=uses, state="pending", detail=None,
        error_code=None, since=tx.now, updated_at=tx.now,
    )  # fmt: skip
    tx.save("monitor", state)


def forget(tx: Tx, id: str) -> None:
    """A monitor was deleted."""
    known: MonitorState | None = tx.state.entities["monitor"].get(id)
    if known is not None:
        tx.touch(known)
        known.state = "deleted"
        tx.save("monitor", known, live=False)


def report(tx: Tx, manifest: Manifest, state: str, detail: str | None) -> None:
    """The monitor found something: a severity, or `clear`."""
    found(tx, f"{manifest.namespace}/{manifest.name}", state, detail, None)


def found(tx: Tx, id: str, state: str, detail: str | None, error_code: str | None) -> None:
    """Note a monitor's finding or health; nothing if it is unknown or unchanged."""
    known: MonitorState | None = tx.state.entities["monitor"].get(id)
    if known is None or (known.state, known.detail) == (state, detail):
        return
    tx.touch(known)
    if known.state != state:
        known.since = tx.now
    known.state = state
    known.detail = detail
    known.error_code = error_code
    known.updated_at = tx.now
    tx.fact("oncue.monitor.changed", "monitor", known)
    tx.save("monitor", known)


def health(tx: Tx, report: Health) -> None:
    """A worker reports that a probe itself works or does not."""
    if report.state == "failing":
        found(tx, report.monitor, "failing", report.detail, report.error_code)
    else:
        known: MonitorState | None = tx.state.entities["monitor"].get(report.monitor)
        if known is not None and known.state in ("failing", "pending"):
            found(tx, report.monitor, "clear", report.detail, None)
