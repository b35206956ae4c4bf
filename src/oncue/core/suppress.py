"""Suppress: reasons for quiet. Nothing is dropped: a quiet alert stays visible, with its reasons.

A silence that ends looks again at what still fires; so does one that begins.
"""

from datetime import datetime

from oncue.core.alert import Alert, Quiet
from oncue.core.deduplicate import changed
from oncue.core.silence import Matcher, Silence, compiled
from oncue.core.tx import Tx


def value_of(alert: Alert, name: str) -> str:
    """What a matcher compares: a label, else a field of the alert, else ""."""
    found = alert.labels.get(name)
    if found is not None:
        return found
    if name == "alertname":
        return alert.check or alert.type
    if name in ("severity", "resource", "service", "check", "title", "namespace", "fingerprint", "type", "source"):
        return getattr(alert, name) or ""
    return ""


def matches(matcher: Matcher, alert: Alert) -> bool:
    """Whether the matcher holds for the alert."""
    value = value_of(alert, matcher.name)
    hit = compiled(matcher.value).match(value) is not None if matcher.is_regex else value == matcher.value
    return hit is matcher.is_equal


def silenced_by(tx: Tx, alert: Alert) -> list[Silence]:
    """Active silences that hold for the alert, in the order of their ids."""
    silences = tx.state.silences
    return [
        silences[id]
        for id in sorted(silences)
        if silences[id].state == "active"
        and silences[id].namespace == alert.namespace
        and all(matches(matcher, alert) for matcher in silences[id].matchers)
    ]


def look(tx: Tx, alert: Alert) -> bool:
    """Bring the alert's reasons for quiet up to date. Gives whether it is audible."""
    if not tx.state.silences and not alert.quiet:
        return True
    before = {(reason.reason, reason.by): reason for reason in alert.quiet}
    now: list[Quiet] = []
    for silence in silenced_by(tx, alert):
        known = before.get(("silenced", silence.id))
        since: datetime = known.since if known is not None else tx.now
        now.append(Quiet("silenced", silence.id, since, silence.ends_at))
    quiet = tuple(now)
    if quiet != alert.quiet:
        was_audible = not alert.quiet
        tx.touch(alert)
        alert.quiet = quiet
        if was_audible and quiet:
            changed(tx, alert, "oncue.alert.quieted")
        elif not was_audible and not quiet:
            changed(tx, alert, "oncue.alert.audible")
        else:
            changed(tx, alert, "oncue.alert.updated")
    return not quiet
