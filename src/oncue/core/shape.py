"""Shape: the alert that an event asks for, as the policies that matched it want it.

An event makes one alert at the most. Policies shape that same alert, in the order of their ids; none makes a second one.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from oncue.core import event as events
from oncue.core.alert import Alert, Crossing
from oncue.core.conditions.finding import Finding
from oncue.core.detect import policy_fingerprint, renaming
from oncue.core.duration import seconds
from oncue.core.normalise import Seen
from oncue.core.policy import LATE_AFTER
from oncue.core.shaped import PolicyLink, Shaped
from oncue.core.shaping import linked, said
from oncue.core.tx import Tx

ANNOTATIONS_LIMIT = 16
TEXT_LIMIT = 1024
_LATE_AFTER_S = seconds(LATE_AFTER)


class Draft(msgspec.Struct, gc=False):
    """An alert as it is asked for, before it meets the one that may be there already."""

    namespace: str
    fingerprint: str
    severity: str
    event_severity: str
    title: str
    resource: str
    service: str | None
    check: str | None
    labels: dict[str, str]
    annotations: dict[str, str]
    crossing: Crossing | None
    source: str
    type: str
    event_id: str
    policies: tuple[str, ...] = ()
    starts_at: datetime | None = None
    deadline_at: datetime | None = None
    wait: tuple[str, float] | None = None
    """The policy that waits before people are told, and how many seconds."""
    late: timedelta | None = None
    """How much later than its own time the event came, if that is too late."""
    tell: tuple[str, ...] = ()
    """Whom a policy names instead of the owner: `team:name`, `channel:name`."""
    shaped: Shaped | None = None
    """What policies of the stage `shape` set."""
    renamed: bool = False
    """Whether a policy gave the alert a fingerprint."""
    links: tuple[PolicyLink, ...] = ()
    faults: tuple[tuple[Finding, str], ...] = ()
    """Policies of which a text did not evaluate, and why; the alert is as it would be without that text."""


def draft(tx: Tx, seen: Seen, shapers: list[Finding]) -> Draft:
    """The alert for this event. A policy's text that does not evaluate must not keep it from people: see `faults`."""
    event = seen.event
    data = seen.data() if seen.view_override is None else seen.view()["data"]
    asked = Draft(
        namespace=seen.namespace,
        fingerprint=seen.fingerprint,
        severity=seen.severity if seen.severity and seen.signal != "recovery" else "warning",
        event_severity=seen.severity or "",
        title=_title(seen, data),
        resource=seen.resource,
        service=seen.service,
        check=seen.check,
        labels=seen.labels,
        annotations=_annotations(data, seen.shaped),
        crossing=_crossing(data),
        source=seen.origin,
        type=seen.type,
        event_id=seen.event_id,
        starts_at=events.instant(event.startsat),
        deadline_at=events.instant(event.endsat),
        links=seen.links,
    )
    for finding in shapers:
        _apply(tx, asked, seen, finding)
    asked.shaped = _shaped(asked, seen)
    if event.time is not None and seen.event_id == tx.cause.event_id:
        # What a condition has kept until now came when it came.
        asked.late = _lateness(tx, event.time, shapers)
    return asked


def renamed(tx: Tx, seen: Seen) -> list[Alert]:
    """The firing alerts that the event's recovery ends by a fingerprint that a policy gave them."""
    found: list[Alert] = []
    for policy in renaming(tx, seen):
        assert policy.alert is not None
        fingerprint = said(policy.alert.fingerprint, seen.scope_with(value=None, limit=None), [], 255)
        alert = tx.state.alert_of.get((seen.namespace, fingerprint)) if fingerprint is not None else None
        if alert is None or alert.state != "firing" or alert in found:
            continue
        if policy.id in [version.rpartition("@")[0] for version in alert.policies]:
            found.append(alert)
    return found


def _shaped(asked: Draft, seen: Seen) -> Shaped | None:
    """What the alert keeps of how its event was shaped; None if there is nothing."""
    if seen.shaped is None and not asked.renamed:
        return None
    shape = seen.shaped or Shaped()
    if asked.renamed and asked.fingerprint != seen.fingerprint:
        shape = msgspec.structs.replace(shape, fingerprint=seen.fingerprint)
    return shape if shape.values or shape.quiet_by or shape.fingerprint else None


def _lateness(tx: Tx, time: str, shapers: list[Finding]) -> timedelta | None:
    """How much later than its own time the event came, if that is too late."""
    try:
        sent_at = events.instant(time)
    except ValueError:
        return None
    assert sent_at is not None
    lateness = tx.now - sent_at
    said = [one.policy.late_after_s for one in shapers if one.policy.alert and one.policy.alert.late_after is not None]
    return lateness if lateness > timedelta(seconds=max(said, default=_LATE_AFTER_S)) else None


def _apply(tx: Tx, asked: Draft, seen: Seen, finding: Finding) -> None:
    policy, window = finding.policy, finding.window
    asked.policies = (*asked.policies, policy.version)
    if window is not None and window.value is not None:
        asked.crossing = Crossing(value=window.value, limit=window.limit, metric=seen.type, since=window.since)
    if policy.spec.notify is not None:
        asked.tell = (*asked.tell, *addressees(policy.spec.notify))
    wanted = policy.alert
    if wanted is None:
        return
    scope = seen.scope_with(
        value=window.value if window is not None else None, limit=window.limit if window is not None else None
    )
    faults: list[str] = []
    own = window is not None and window.fingerprint is None and not policy.about_event
    fingerprint = said(wanted.fingerprint, scope, faults, 255)
    if fingerprint is not None:
        asked.fingerprint, asked.renamed = fingerprint, True
    elif own:
        asked.fingerprint = policy_fingerprint(policy, finding.key)
    if wanted.severity is not None:
        asked.severity = wanted.severity
    asked.title = said(wanted.title, scope, faults, TEXT_LIMIT) or asked.title
    asked.resource = said(wanted.resource, scope, faults, TEXT_LIMIT) or asked.resource
    asked.service = said(wanted.service, scope, faults, 255) or asked.service
    texts = {name: said(getattr(wanted, name), scope, faults, TEXT_LIMIT) for name in ("description", "runbook")}
    asked.annotations = {**asked.annotations, **{name: text for name, text in texts.items() if text is not None}}
    labels = {name: said(text, scope, faults, TEXT_LIMIT) for name, text in wanted.labels.items()}
    asked.labels = {**asked.labels, **{name: text for name, text in labels.items() if text is not None}}
    asked.links = linked(wanted.links, policy.version, scope, asked.links, faults)
    if wanted.ttl is not None:
        asked.deadline_at = tx.now + timedelta(seconds=seconds(wanted.ttl))
    if wanted.wait is not None and (asked.wait is None or seconds(wanted.wait) > asked.wait[1]):
        asked.wait = (policy.id, seconds(wanted.wait))
    if faults:
        asked.faults = (*asked.faults, (finding, "; ".join(faults)))


def addressees(notify: Any) -> tuple[str, ...]:
    """Whom a policy's `notify` names; empty for the owner."""
    if notify.channel is not None:
        return (f"channel:{notify.channel}",)
    if notify.team is not None:
        return (f"team:{notify.team}",)
    if notify.escalation not in (None, "owner"):
        return (f"escalation:{notify.escalation}",)
    return ()


def _title(seen: Seen, data: dict[str, Any]) -> str:
    if seen.event.title:
        return seen.event.title[:TEXT_LIMIT]
    for name in ("summary", "title", "message"):
        text = data.get(name)
        if isinstance(text, str) and text.strip():
            return text.strip().splitlines()[0][:TEXT_LIMIT]
    return f"{seen.check or seen.type} on {seen.resource}"[:TEXT_LIMIT]


def _annotations(data: dict[str, Any], shaped: Shaped | None) -> dict[str, str]:
    found: dict[str, str] = {}
    prefix = "annotations."
    values = shaped.values.items() if shaped is not None else ()
    own = {name.removeprefix(prefix): one.value for name, one in values if name.startswith(prefix)}
    inner = data.get("annotations")
    if isinstance(inner, dict):
        found.update({str(k): v[:TEXT_LIMIT] for k, v in inner.items() if isinstance(v, str)})
    for name, shown in (
        ("summary", "summary"), ("description", "description"), ("runbook", "runbook"), ("runbook_url", "runbook"),
        ("generatorURL", "generator_url"), ("generator_url", "generator_url"), ("link", "link"),
    ):  # fmt: skip
        text = data.get(name)
        if isinstance(text, str) and text:
            found[shown] = text[:TEXT_LIMIT]
    if "runbook_url" in found and "runbook" not in found:
        found["runbook"] = found["runbook_url"]
    return dict(list({**own, **found, **own}.items())[:ANNOTATIONS_LIMIT])


def _crossing(data: dict[str, Any]) -> Crossing | None:
    value, limit, since = data.get("value"), data.get("limit"), data.get("since")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        began = events.instant(since) if isinstance(since, str) else None
    except ValueError:
        began = None
    unit, metric = data.get("unit"), data.get("metric")
    return Crossing(
        value=float(value),
        limit=float(limit) if isinstance(limit, int | float) else None,
        unit=unit if isinstance(unit, str) else None,
        metric=metric if isinstance(metric, str) else None,
        since=began,
    )
