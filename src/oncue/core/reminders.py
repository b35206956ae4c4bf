"""Remind: some time before quiet ends, whoever made it is told, with how many firing alerts will be heard then.

Only a person can be reminded, who is found under the maker's name with ways to be told; what ends is a fact in any case.
One that is prolonged reminds again before its new end; one that someone ends sooner does not remind. A reminder that could
not be given before the end, for OnCue was down or the person has quiet hours, is not given.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from oncue.core import notify, period, suppress
from oncue.core.alert import Alert
from oncue.core.duration import seconds_of
from oncue.core.errors import Refusal
from oncue.core.maintenance import Window
from oncue.core.manifest import MaintenanceWindowSpec, Manifest
from oncue.core.tx import Tx

USUAL_S: Final = 900.0
"""How long before the end, unless a tenth of the whole is shorter."""
SHORTEST_S: Final = 300.0
"""What is shorter does not remind unless it says so."""
REFS: Final = 100
"""Other alerts by which the reminder about many is found."""
TIMER: Final = "quiet.remind"


class Reminder(msgspec.Struct, kw_only=True):
    """That quiet ends soon: the data of `oncue.silence.expiring`, `oncue.maintenance.expiring`, and
    `oncue.alert.snooze_expiring`, `oncue.incident.snooze_expiring`.
    """

    id: str
    """Of the silence, window (`namespace/name`), alert or incident; of alerts that were snoozed together, the first."""
    namespace: str
    ends_at: datetime
    by: str
    """Who made it."""
    detail: str
    """Why it was made, in their words."""
    firing: int
    """Alerts that fire and that it keeps quiet."""
    heard: int
    """Those of them that nothing else keeps quiet."""
    told: tuple[str, ...] = ()
    """The channels that are told, as `namespace/name`."""


def plan(tx: Tx, kind: str, id: str, begins: datetime, ends: datetime, before_s: float | None) -> None:
    """Remind `before_s` seconds before the end, or as long as is usual; not at all for 0, or if that has passed."""
    lasts_s = (ends - begins).total_seconds()
    if before_s is None:
        before_s = min(USUAL_S, lasts_s / 10) if lasts_s >= SHORTEST_S else 0.0
    at = ends - timedelta(seconds=before_s)
    if before_s and at > tx.now:
        tx.timer(f"{TIMER}/{kind}/{id}", at)
    else:
        drop(tx, kind, id)


def drop(tx: Tx, kind: str, id: str) -> None:
    """It ends sooner, or is no more: nobody is reminded."""
    tx.cancel(f"{TIMER}/{kind}/{id}")


def check(before_s: float | None) -> None:
    """Raises `Refusal` silence.invalid for a time that is no time before."""
    if before_s is not None and not 0 <= before_s <= 366 * 86400.0:
        raise Refusal("silence.invalid", "remind_before is at least 0 and at most 366 days")


def due(tx: Tx, of: str) -> None:
    """The time of a reminder has come."""
    kind, _, id = of.partition("/")
    _KINDS[kind](tx, id)


def plan_window(tx: Tx, manifest: Manifest, window: Window) -> None:
    """A window is open. One that opens again and again does not remind unless it says so."""
    spec = msgspec.convert(manifest.spec, MaintenanceWindowSpec)
    before_s = seconds_of(spec.remind_before)
    if before_s is None and spec.rrule is not None:
        before_s = 0.0
    plan(tx, "maintenance", window.id, window.since, window.until, before_s)


def _silence(tx: Tx, id: str) -> None:
    silence = tx.state.silences.get(id)
    if silence is None or silence.state != "active":
        return
    firing = _kept_quiet(tx, "silenced", id, silence.namespace)
    what = " and ".join(
        f"{m.name}{'=' if m.is_equal else '!='}{'~' if m.is_regex else ''}{m.value}" for m in silence.matchers
    )
    _remind(
        tx, "oncue.silence.expiring", "silence", id, silence.namespace, silence.ends_at, silence.created_by,
        silence.comment, firing, f"The silence for {what[:200]}", "/quiet/silences",
    )  # fmt: skip


def _maintenance(tx: Tx, id: str) -> None:
    window: Window | None = tx.state.cells["maintenance"].get(id)
    manifest = tx.state.manifests.get(f"MaintenanceWindow/{id}")
    if window is None or manifest is None:
        return
    spec = msgspec.convert(manifest.spec, MaintenanceWindowSpec)
    if period.at(spec, window.until)[0] is not None:
        return  # it opens again before it closes
    firing = _kept_quiet(tx, "maintenance", id, window.namespace)
    owner = manifest.owner or ""
    _remind(
        tx, "oncue.maintenance.expiring", "manifest", f"MaintenanceWindow/{id}", window.namespace, window.until,
        owner if owner.startswith("user:") else manifest.applied_by, window.description, firing,
        f"The maintenance window {id}", "/quiet/windows", shown=id,
    )  # fmt: skip


def _alert(tx: Tx, id: str) -> None:
    """Alerts that someone snoozed together remind together."""
    alert = tx.state.alerts.get(id)
    snooze = suppress.has(alert, "snoozed") if alert is not None else None
    if alert is None or snooze is None or snooze.until is None:
        return
    timers = tx.state.timers.by_key
    those = [alert]
    for other, one in tx.state.alerts.items():
        if one.quiet and one.namespace == alert.namespace and f"{TIMER}/alert/{other}" in timers:
            reason = suppress.has(one, "snoozed")
            if reason is not None and (reason.by, reason.until) == (snooze.by, snooze.until):
                those.append(one)
    for one in those:
        drop(tx, "alert", one.id)
    firing = [one for one in those if one.state == "firing"]
    if firing:
        first = firing[0]
        what = f"of “{first.title[:200]}”" if len(firing) == 1 else f"of {len(firing)} alerts"
        _remind(
            tx, "oncue.alert.snooze_expiring", "alert", first.id, first.namespace, snooze.until, snooze.by, snooze.detail,
            firing, f"The snooze {what}", f"/alerts/{first.id}" if len(firing) == 1 else "/alerts",
        )  # fmt: skip


def _incident(tx: Tx, id: str) -> None:
    incident = tx.state.incidents.get(id)
    if incident is None or incident.snoozed_until is None:
        return
    firing, by, detail = [], "", ""
    for member in sorted(tx.state.members[id]):
        alert = tx.state.alerts[member]
        for one in alert.quiet if alert.state == "firing" else ():
            if one.reason == "snoozed" and one.until == incident.snoozed_until:
                firing.append(alert)
                by, detail = one.by, one.detail
    if firing:
        _remind(
            tx, "oncue.incident.snooze_expiring", "incident", id, incident.namespace, incident.snoozed_until, by, detail,
            firing, f"The snooze of {id}, “{incident.title[:200]}”,", f"/incidents/{id}",
        )  # fmt: skip


_KINDS: Final[dict[str, Any]] = {
    "silence": _silence, "maintenance": _maintenance, "alert": _alert, "incident": _incident,
}  # fmt: skip


def _kept_quiet(tx: Tx, reason: str, by: str, namespace: str) -> list[Alert]:
    return [
        alert
        for alert in tx.state.alerts.values()
        if alert.quiet
        and alert.state == "firing"
        and alert.namespace == namespace
        and any(one.reason == reason and one.by == by for one in alert.quiet)
    ]


def _remind(
    tx: Tx, type: str, kind: str, id: str, namespace: str, ends_at: datetime, by: str, detail: str, firing: list[Alert],
    what: str, url_path: str, shown: str | None = None,
) -> None:  # fmt: skip
    """Say that it ends soon, unless its end has come already."""
    if ends_at <= tx.now:
        return
    heard = [alert for alert in firing if len(alert.quiet) == 1]
    name = by.removeprefix("user:")
    told: tuple[str, ...] = ()
    if f"Person/{namespace}/{name}" in tx.state.manifests:
        rows = [[alert.id, f"{alert.severity}: {alert.title}"] for alert in sorted(heard, key=lambda one: one.id)[:20]]
        effects = notify.remind(
            tx, namespace, f"user:{name}", f"{what} ends at {ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", _outlook(len(firing), len(heard)),
            [*([["Because", detail]] if detail else []), *rows], url_path, ends_at,
        )  # fmt: skip
        told = tuple(dict.fromkeys(one.payload["channel"] for one in effects))
    reminder = Reminder(
        id=shown or id, namespace=namespace, ends_at=ends_at, by=by, detail=detail, firing=len(firing), heard=len(heard),
        told=told,
    )  # fmt: skip
    others = [("alert", alert.id) for alert in firing if alert.id != id] if kind == "alert" else []
    tx.fact(type, "reminder", reminder, refs=((kind, id), *others[:REFS]))


def _outlook(firing: int, heard: int) -> str:
    if not firing:
        return "No alert that it is about fires now."
    them = "One alert that it is about fires" if firing == 1 else f"{firing} alerts that it is about fire"
    if heard == firing:
        return f"{them} now, and will be heard then."
    return f"{them} now; {heard} of them will be heard then, the others are quiet for another reason."
