"""What the engine knows of each monitor: its finding, and its own health."""

from typing import Literal

import msgspec

from oncue.core.manifest import Manifest, MonitorSpec
from oncue.core.monitor import MonitorState
from oncue.core.severity import RANK
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


def found(tx: Tx, id: str, fingerprint: str, severity: str, detail: str | None) -> None:
    """A monitor found something, or found it gone. Its state is the worst of what it finds; nothing if it is unknown."""
    known: MonitorState | None = tx.state.entities["monitor"].get(id)
    if known is None:
        return
    findings = {name: level for name, level in known.findings.items() if name != fingerprint}
    details = {name: text for name, text in known.details.items() if name != fingerprint}
    if severity not in ("clear", "info"):
        findings[fingerprint] = severity
        details[fingerprint] = detail or ""
    if (known.findings, known.details, known.state) == (findings, details, _worst(findings)[0]):
        return
    tx.touch(known)
    known.findings = dict(sorted(findings.items()))
    known.details = dict(sorted(details.items()))
    severity, fingerprint = _worst(known.findings)
    _become(tx, known, severity, known.details.get(fingerprint) or None, None)


def _worst(findings: dict[str, str]) -> tuple[str, str]:
    """The severity of the worst, and its fingerprint; (`clear`, ``) if there are none."""
    fingerprint = max(sorted(findings), key=lambda name: RANK[findings[name]], default="")
    return findings.get(fingerprint, "clear"), fingerprint


def health(tx: Tx, report: Health) -> None:
    """A worker reports that a probe itself works or does not."""
    known: MonitorState | None = tx.state.entities["monitor"].get(report.monitor)
    if known is None:
        return
    if report.state == "failing":
        tx.touch(known)
        _become(tx, known, "failing", report.detail, report.error_code)
    elif known.state in ("failing", "pending"):
        tx.touch(known)
        severity, fingerprint = _worst(known.findings)
        _become(tx, known, severity, known.details.get(fingerprint) or report.detail, None)


def _become(tx: Tx, known: MonitorState, state: str, detail: str | None, error_code: str | None) -> None:
    if known.state != state:
        known.since = tx.now
    known.state, known.detail, known.error_code = state, detail, error_code
    known.updated_at = tx.now
    tx.fact("oncue.monitor.changed", "monitor", known)
    tx.save("monitor", known)
