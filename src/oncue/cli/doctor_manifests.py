"""What `oncue doctor` sees of what was applied: monitors, secrets, certificates, exceptions of the guard."""

import ipaddress
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from oncue import config
from oncue.access.secrets import SCHEME, SecretStore
from oncue.cli.doctor_finding import Finding, State, some
from oncue.core import duration
from oncue.core.errors import Refusal
from oncue.core.hidden import references
from oncue.core.manifest import Manifest
from oncue.runtime.certificates import days_left
from oncue.runtime.surroundings import exception_of
from oncue.store.revision import FILE_NAME

EXPIRES_SOON: Final = timedelta(days=7)
BEGIN: Final = timedelta(seconds=30)
CERTIFICATE_WARN_DAYS: Final = 21
CERTIFICATE_FAIL_DAYS: Final = 1


def findings(loaded: config.Config) -> Iterator[Finding]:
    """What stands in the database, whether the server runs or not."""
    file = loaded.data / FILE_NAME
    if not file.exists():
        return
    try:
        connection = sqlite3.connect(f"file:{file.absolute()}?mode=ro", uri=True, timeout=2)
        try:
            rows = connection.execute("SELECT body FROM entity WHERE kind = 'manifest' AND live").fetchall()
            manifests = [msgspec.json.decode(body, type=Manifest) for (body,) in rows]
            states = dict(connection.execute("SELECT id, body FROM entity WHERE kind = 'monitor' AND live").fetchall())
            yield _monitors(manifests, {id: msgspec.json.decode(body) for id, body in states.items()})
            yield from _secrets(connection, loaded, manifests)
            yield _outbound(manifests)
        finally:
            connection.close()
    except sqlite3.Error:
        return  # the check of the journal has said so


def _monitors(manifests: list[Manifest], states: dict[str, Any]) -> Finding:
    names = sorted(f"{one.namespace}/{one.name}" for one in manifests if one.kind == "Monitor")
    failing = [f"{name} ({states[name]['detail'] or states[name]['error_code']})" for name in names
               if name in states and states[name]["state"] == "failing"]  # fmt: skip
    waiting = [one for one in manifests if one.kind == "Monitor"
               and states.get(f"{one.namespace}/{one.name}", {"state": "pending"})["state"] == "pending"]  # fmt: skip
    silent = sorted(f"{one.namespace}/{one.name}" for one in waiting if not _has_just_begun(one))
    if failing:
        return Finding("monitors", "fail", f"cannot measure: {some(failing)}", "See each monitor's page for the error.")
    if silent:
        hint = "Wait a period; then see the worker's log."
        return Finding("monitors", "warn", f"no reading yet: {some(silent)}", hint)
    bad = sum(states[name]["state"] not in ("clear", "info", "pending") for name in names if name in states)
    found = (f", {bad} find something wrong" if bad else "") + (f", {len(waiting)} have just begun" if waiting else "")
    return Finding("monitors", "ok", f"{len(names) - len(waiting)} measure{found}" if names else "none configured")


def _has_just_begun(manifest: Manifest) -> bool:
    """Whether a monitor may still be without a reading: two of its periods, and some time to begin in."""
    grace = 2 * duration.delta(manifest.spec.get("every", "30s")) + BEGIN
    return datetime.now(UTC) - manifest.updated_at < grace


def _secrets(connection: sqlite3.Connection, loaded: config.Config, manifests: list[Manifest]) -> Iterator[Finding]:
    """Everything that manifests refer to can be read, and no certificate among it is about to expire."""
    wanted = sorted({(one.namespace, found) for one in manifests for found in references(one.spec)})
    if loaded.dead_man.url is not None and loaded.dead_man.url.startswith(SCHEME):
        wanted.append(("default", loaded.dead_man.url))

    def row(kind: str, id: str) -> bytes | None:
        found = connection.execute("SELECT body FROM access WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        return found[0] if found else None

    if not (Path(loaded.data) / "keys" / "secrets.key").exists() and not wanted:
        yield Finding("secrets", "ok", "none needed")
        return
    store = SecretStore(loaded.data, row)
    missing, ending, certificates = [], [], 0
    worst = float("inf")
    for namespace, reference in wanted:
        name = f"{namespace}/{reference.removeprefix(SCHEME)}"
        try:
            there = row("secret", name) is not None
            left = days_left(store.resolve(reference, namespace), datetime.now(UTC)) if there else None
        except Refusal:
            missing.append(f"{name} (encrypted with another key)")
            continue
        except OSError as error:
            yield Finding(
                "secrets", "warn", f"the key cannot be read: {error.strerror}", "Run this as the server's user."
            )
            return
        if not there:
            missing.append(name)
        elif left is not None:
            certificates += 1
            worst = min(worst, left)
            if left < CERTIFICATE_WARN_DAYS:
                ending.append(f"{name} in {left:.0f} days" if left >= 0 else f"{name} has expired")
    if missing:
        hint = "Set each in the namespace of its manifest: oncue secret set NAME."
        yield Finding("secrets", "fail", f"cannot be read: {some(missing)}", hint)
    else:
        yield Finding("secrets", "ok", f"{len(wanted)} needed, all can be read" if wanted else "none needed")
    if ending:
        state: State = "fail" if worst < CERTIFICATE_FAIL_DAYS else "warn"
        hint = "Set the renewed one under the same name."
        yield Finding("certificates", state, f"expire: {some(ending)}", hint)
    elif certificates:
        yield Finding("certificates", "ok", f"{certificates} among the secrets, the first expires in {worst:.0f} days")


def _outbound(manifests: list[Manifest]) -> Finding:
    """Exceptions of the guard on outbound connections."""
    now = datetime.now(UTC)
    found = [(f"{one.namespace}/{one.name}", exception_of(one)) for one in manifests if one.kind == "OutboundAllow"]
    over = [name for name, allow in found if allow.expires_at is not None and allow.expires_at <= now]
    soon = [
        name for name, allow in found if allow.expires_at is not None and now < allow.expires_at <= now + EXPIRES_SOON
    ]
    wide = [name for name, allow in found if _is_everything(allow.host)]
    if over or soon or wide:
        said = [f"{what}: {some(names)}" for what, names in
                (("expired", over), ("expire within a week", soon), ("open to every address", wide)) if names]  # fmt: skip
        hint = "Renew, narrow or delete them: `oncue get OutboundAllow`."
        return Finding("outbound", "warn", "; ".join(said), hint)
    return Finding("outbound", "ok", f"{len(found)} exceptions to the guard" if found else "no exceptions to the guard")


def _is_everything(host: str) -> bool:
    try:
        return ipaddress.ip_network(host, strict=False).prefixlen == 0
    except ValueError:
        return False
