"""What happens to maintenance windows: they open, are changed, close; each time, what they touch is looked at again."""

import msgspec

from oncue.core import period, reminders, suppress
from oncue.core.maintenance import Window
from oncue.core.manifest import MaintenanceWindowSpec, Manifest
from oncue.core.tx import Tx


def expect(tx: Tx, manifest: Manifest) -> None:
    """A window was applied: it may be open already, or have been and be so no more."""
    turn(tx, f"{manifest.namespace}/{manifest.name}")


def forget(tx: Tx, id: str) -> None:
    """Its manifest is gone."""
    tx.cancel(f"maintenance.turn/{id}")
    _become(tx, id, None)


def turn(tx: Tx, id: str) -> None:
    """It opens or closes now, or may: see what is so, and when to look next."""
    manifest = tx.state.manifests.get(f"MaintenanceWindow/{id}")
    if manifest is None:
        return
    spec = msgspec.convert(manifest.spec, MaintenanceWindowSpec)
    open_, look_at = period.at(spec, tx.now)
    if look_at is not None:
        tx.timer(f"maintenance.turn/{id}", look_at)
    else:
        tx.cancel(f"maintenance.turn/{id}")
    if open_ is None:
        _become(tx, id, None)
        return
    since, until = open_
    known: Window | None = tx.state.cells["maintenance"].get(id)
    if known is not None and known.until >= since:
        since = known.since
    description = spec.description or manifest.description or ""
    window = Window(id, manifest.namespace, spec.matchers, since, until, description)
    _become(tx, id, window)
    reminders.plan_window(tx, manifest, window)


def _become(tx: Tx, id: str, window: Window | None) -> None:
    known: Window | None = tx.state.cells["maintenance"].get(id)
    if window is None:
        reminders.drop(tx, "maintenance", id)
    if window == known:
        return
    tx.cell("maintenance", id, window)
    shown = window or known
    assert shown is not None
    type = "ended" if window is None else "started" if known is None else "updated"
    tx.fact(f"oncue.maintenance.{type}", "maintenance", shown, refs=(("manifest", f"MaintenanceWindow/{id}"),))
    matchers = window.matchers if window is not None else None
    suppress.settle_for(tx, tx.state.closing, id, shown.namespace, matchers)
