"""Deduplicate: one alert per condition. Fires, repeats, worsens, recovers, comes back.

A repeat of a firing alert emits no fact, except at each doubling of its count or a minute after its last one. Resolved
alerts stay in memory through their reopen window; if the condition returns in it, the same alert is firing again.
"""

from datetime import datetime, timedelta
from sys import intern
from typing import Final, Literal

from oncue.core import changed_alerts, flapping, inhibition
from oncue.core.alert import Alert, Peak
from oncue.core.enriched import lay_over
from oncue.core.severity import CATEGORY, RANK
from oncue.core.shape import Draft
from oncue.core.shaped import Shaped
from oncue.core.tx import Tx

REOPEN_S: Final = 600.0
"""How long after its end an alert that returns is the same one."""
FACT_EVERY: Final = timedelta(seconds=60)
"""After how long without a fact about it a repeat makes one."""

AGAIN: Final = timedelta(minutes=90)
"""After how long without a word a repeat of a firing alert is news."""

REPEATED: Final = "oncue.alert.updated"
"""The fact that a repeat makes now and then."""

Transition = Literal["fired", "reopened", "severity_changed", "repeat"]


def repeat(tx: Tx, alert: Alert, deadline_at: datetime | None) -> None:
    """The condition was reported again, unchanged."""
    tx.touch_hot(alert)
    alert.count = count = alert.count + 1
    alert.last_seen_at = now = tx.now
    if deadline_at is not None:
        if alert.deadline_at is None or deadline_at < alert.deadline_at:
            tx.timer(f"alert.deadline/{alert.id}", max(deadline_at, now))
        alert.deadline_at = deadline_at
    if count & (count - 1) == 0 or now - alert.updated_at >= FACT_EVERY:
        alert.updated_at = now
        # Not looked up by what it is about: a flood of repeats must not fill the index, nor rewrite the alert's row.
        tx.fact(
            REPEATED, "alert", alert, severity=alert.severity, resource=alert.resource,
            service=alert.service, indexed=False,
        )  # fmt: skip


def reword(tx: Tx, alert: Alert, asked: Draft) -> None:
    """The condition goes on, and is described otherwise: the alert says what holds now."""
    tx.touch(alert)
    alert.title = asked.title
    alert.annotations = asked.annotations
    if alert.enriched is not None:
        lay_over(alert, labels=False)
    alert.crossing = asked.crossing
    changed(tx, alert, REPEATED)


def raise_alert(tx: Tx, asked: Draft, counted: Alert | None = None) -> tuple[Alert, Transition]:
    """The condition holds: fire its alert, or bring the one that is there up to date.

    `counted` is the alert that the present event has been counted for already.
    """
    key = (asked.namespace, asked.fingerprint)
    alert = tx.state.alert_of.get(key)
    if alert is None:
        return _fire(tx, asked), "fired"
    if alert.state == "firing":
        changed = alert.severity != asked.severity
        if not changed:
            if alert is not counted:
                repeat(tx, alert, asked.deadline_at)
            if alert.event_severity != asked.event_severity:
                tx.touch(alert)
                alert.event_severity = asked.event_severity
                tx.save("alert", alert)
            return alert, "repeat"
        tx.touch(alert)
        alert.count += alert is not counted
        _keep_peak(tx, alert, asked)
        _take(tx, alert, asked)
        _fact(tx, alert, "oncue.alert.severity_changed")
        return alert, "severity_changed"
    tx.touch(alert)
    tx.cancel(f"alert.forget/{alert.id}")
    alert.state = "firing"
    alert.reopened += 1
    alert.count += 1
    alert.resolved_at = alert.resolved_by = None
    alert.acknowledged_at = alert.acknowledged_by = None
    flapping.turn(alert, tx.now)
    _keep_peak(tx, alert, asked)
    _take(tx, alert, asked)
    _begin(tx, alert)
    _fact(tx, alert, "oncue.alert.reopened")
    return alert, "reopened"


def reshape(tx: Tx, alert: Alert, asked: Draft) -> None:
    """Policies shape the condition, which goes on, otherwise than before: the alert is as they have it now."""
    tx.touch(alert)
    _keep_peak(tx, alert, asked)
    _take(tx, alert, asked)
    changed(tx, alert, REPEATED)


def _fire(tx: Tx, asked: Draft) -> Alert:
    alert = Alert(
        id=tx.new_id("al"),
        fingerprint=asked.fingerprint,
        namespace=intern(asked.namespace),
        title=asked.title,
        severity=asked.severity,
        category=CATEGORY[asked.severity],
        state="firing",
        resource=asked.resource,
        service=asked.service,
        check=intern(asked.check) if asked.check is not None else None,
        labels=asked.labels,
        count=1,
        first_seen_at=min(asked.starts_at or tx.now, tx.now),
        last_seen_at=tx.now,
        updated_at=tx.now,
        source=intern(asked.source),
    )
    _take(tx, alert, asked)
    _begin(tx, alert)
    tx.set(tx.state.alert_of, (alert.namespace, alert.fingerprint), alert)
    _fact(tx, alert, "oncue.alert.fired")
    return alert


def _begin(tx: Tx, alert: Alert) -> None:
    alert.fired_at = tx.now
    for place in alert.places:
        tx.set(tx.state.begun, place, tx.now)


def _keep_peak(tx: Tx, alert: Alert, asked: Draft) -> None:
    """What a change of severity would make unreadable stays: the alert's title and value follow the newest event."""
    if asked.severity == alert.severity:
        return
    worst = alert.peak or Peak(alert.severity, alert.title, alert.first_seen_at, alert.crossing)
    if RANK[asked.severity] > RANK[worst.severity]:
        worst = Peak(intern(asked.severity), asked.title, tx.now, asked.crossing)
    alert.peak = worst


def _take(tx: Tx, alert: Alert, asked: Draft) -> None:
    # Words that many alerts share are kept once: 100,000 open alerts are mostly such words.
    alert.title = asked.title
    alert.severity = intern(asked.severity)
    alert.category = CATEGORY[asked.severity]
    alert.service = intern(asked.service) if asked.service is not None else None
    alert.labels = {intern(name): intern(value) for name, value in asked.labels.items()}
    alert.annotations = {
        intern(name): asked.title if text == asked.title else text for name, text in asked.annotations.items()
    }
    if alert.enriched is not None:
        lay_over(alert)
    alert.crossing = asked.crossing
    alert.policies = asked.policies
    _file(tx, alert, asked.shaped)
    alert.shaped = asked.shaped
    alert.links = asked.links
    alert.type = intern(asked.type)
    alert.event_id = asked.event_id
    alert.event_severity = intern(asked.event_severity)
    alert.last_seen_at = tx.now
    alert.updated_at = tx.now
    if asked.deadline_at is not None:
        alert.deadline_at = asked.deadline_at
        tx.timer(f"alert.deadline/{alert.id}", max(asked.deadline_at, tx.now))


def _file(tx: Tx, alert: Alert, after: Shaped | None) -> None:
    """Whose recovery ends the alert, where that is not seen of its fingerprint."""
    known = alert.shaped.fingerprint if alert.shaped is not None else None
    now = after.fingerprint if after is not None else None
    if known == now:
        return
    ended_by = tx.state.ended_by
    if known is not None:
        key = (alert.namespace, known)
        left = tuple(id for id in ended_by.get(key, ()) if id != alert.id)
        if left:
            tx.set(ended_by, key, left)
        else:
            tx.unset(ended_by, key)
    if now is not None:
        key = (alert.namespace, now)
        tx.set(ended_by, key, tuple(sorted({*ended_by.get(key, ()), alert.id})))


def resolve(tx: Tx, alert: Alert, by: str) -> None:
    """The condition has ended. The alert must be firing."""
    tx.touch(alert)
    alert.state = "resolved"
    alert.resolved_at = tx.now
    alert.resolved_by = by
    alert.updated_at = tx.now
    alert.deadline_at = None
    flapping.turn(alert, tx.now)
    tx.cancel(f"alert.deadline/{alert.id}")
    tx.timer_after(f"alert.forget/{alert.id}", REOPEN_S)
    _fact(tx, alert, "oncue.alert.resolved")


def deadline(tx: Tx, alert: Alert) -> bool:
    """An alert's timer is due: whether it really ends now. A repeat in between has moved the deadline."""
    if alert.deadline_at is not None and alert.deadline_at > tx.now:
        tx.timer(f"alert.deadline/{alert.id}", alert.deadline_at)
        return False
    return alert.state == "firing" and alert.deadline_at is not None


def forget(tx: Tx, alert: Alert) -> None:
    """The reopen window is over: the next occurrence is a new alert. One that flaps is the same until it is steady."""
    if alert.state != "resolved" or any(one.reason == "flapping" for one in alert.quiet):
        return
    tx.cancel(f"quiet.end/{alert.id}")
    tx.touch(alert)
    _file(tx, alert, None)
    inhibition.forget(tx, alert)
    key = (alert.namespace, alert.fingerprint)
    if tx.state.alert_of.get(key) is alert:
        tx.unset(tx.state.alert_of, key)
    for place in alert.places:
        if tx.state.begun.get(place) == alert.fired_at:
            tx.unset(tx.state.begun, place)
    if alert.incident in tx.state.members:
        tx.unset(tx.state.members[alert.incident], alert.id)
    changed_alerts.forget(tx, alert)
    tx.save("alert", alert, live=False)


def changed(tx: Tx, alert: Alert, type: str) -> None:
    """Report a change of the alert that was touched before."""
    alert.updated_at = tx.now
    _fact(tx, alert, type)


def _fact(tx: Tx, alert: Alert, type: str) -> None:
    refs = (("incident", alert.incident),) if alert.incident is not None else ()
    tx.fact(type, "alert", alert, refs=refs, severity=alert.severity, resource=alert.resource, service=alert.service)
    tx.save("alert", alert)
