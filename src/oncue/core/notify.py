"""Notify: what people are told of an incident, and how it leaves. Whom to tell, and when, is for `escalations`.

Every notification has a reason; so has every one that is not sent. A channel that has been told a lot within a minute is
told the rest together, unless it matters more than what it was told before.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from oncue.core import event as events
from oncue.core import flapping, outbox, problems, recent_changes
from oncue.core.addressing import Delivery, deliveries
from oncue.core.alert import Alert
from oncue.core.channel import BUNDLE_S, ChannelState, Held
from oncue.core.contact import ChannelSpec
from oncue.core.effect import Effect
from oncue.core.enriched import Enriched
from oncue.core.expression import stored
from oncue.core.incident import Incident
from oncue.core.manifest import Manifest
from oncue.core.severity import RANK
from oncue.core.tx import Tx

TIMEOUT_S: Final = 60.0
IMPORTANT: Final = ("P1", "P2")
"""What cannot wait."""
LISTED: Final = 30
"""Incidents that a bundle lists."""
NOTES: Final = 3
"""Notes on an alert that a message has, the newest, and characters of each."""
NOTED: Final = 500
LINKS_FOR: Final = timedelta(hours=24)
"""How long the links in a message may be used."""
OVER: Final = ("resolved", "closed")


class Skipped(msgspec.Struct, kw_only=True):
    """That nobody was told, and why: the data of `oncue.notification.skipped`."""

    id: str
    namespace: str
    incident: str | None
    reason: str
    detail: str


def tell(
    tx: Tx, subject: Incident, alert: Alert | None, reason: str, to: list[Delivery], *,
    escalation: str | None = None, details: tuple[tuple[str, str], ...] = (),
) -> list[Effect]:  # fmt: skip
    """Tell these of the incident, which was touched. Gives the notifications that are on their way; what a bundle will
    tell is not among them.
    """
    if not to:
        return []
    content = about(tx, subject, alert)
    content["details"] = [*content["details"], *map(list, details)]
    sent: list[Effect] = []
    for one in to:
        name = f"{one.channel.namespace}/{one.channel.name}"
        if not one.after_s and name not in subject.told:
            subject.told = (*subject.told, name)
            subject.unheard = {**subject.unheard, name: ""}
        if not one.after_s and _held(tx, name, subject, reason):
            continue
        sent.append(_send(tx, one, reason, content, subject, alert, escalation))
        if name in subject.unheard:
            subject.unheard = {**subject.unheard, name: sent[-1].id}
    return sent


def end(tx: Tx, subject: Incident) -> None:
    """The incident, which was touched, is over: those who were told are told so. Whom nothing has reached so far, and who
    is not being told just now, hears nothing of it any more.
    """
    effects = tx.state.effects
    lost = {name: id for name, id in subject.unheard.items() if id and _waits(tx, effects.get(id))}
    for id in lost.values():
        if id in effects:
            outbox.cancel(tx, effects[id], f"{subject.id} is over")
    subject.unheard = lost
    those_told(tx, subject, None, "resolved", but=tuple(lost))


def _waits(tx: Tx, effect: Effect | None) -> bool:
    """Whether the notification waits for its time or for another try, or was given up."""
    return effect is None or effect.not_before_at > tx.now


def reached(tx: Tx, subject: Incident, channel: str) -> None:
    """Something about the incident has arrived. What came when it was over already is followed by that."""
    if channel in subject.told and channel not in subject.unheard:
        return
    tx.touch(subject)
    if channel not in subject.told:
        subject.told = (*subject.told, channel)
    subject.unheard = {name: id for name, id in subject.unheard.items() if name != channel}
    if subject.state in OVER:
        those_told(tx, subject, None, "resolved", but=tuple(name for name in subject.told if name != channel))
    tx.save("incident", subject)


def those_told(
    tx: Tx, subject: Incident, alert: Alert | None, reason: str, but: tuple[str, ...] = (),
    details: tuple[tuple[str, str], ...] = (),
) -> None:  # fmt: skip
    """Tell those who were told before, except the channels `but`, as `namespace/name`."""
    to = [
        Delivery(channel, f"channel:{channel.name}")
        for id in subject.told
        if id not in but and (channel := tx.state.manifests.get(f"Channel/{id}")) is not None
    ]
    tell(tx, subject, alert, reason, to, details=details)


def message(
    tx: Tx, namespace: str, tell: tuple[str, ...], title: str, summary: str, details: list[list[str]],
    url_path: str | None = None, approval: tuple[str, datetime] | None = None,
) -> str:  # fmt: skip
    """A message without an incident: it pages nobody. `approval` is what may be decided by links in it, and until when.
    Gives why nobody could be told, or ""."""
    to, missing = deliveries(tx.state, namespace, tell, tx.now, important=False)
    if not to:
        skip(tx, namespace, None, "no_addressee", missing)
    content: dict[str, Any] = {"title": title, "summary": summary, "details": details}
    if url_path is not None:
        content["url_path"] = url_path
    post(tx, to, content, approval)
    return "" if to else missing


def remind(
    tx: Tx, namespace: str, to: str, title: str, summary: str, details: list[list[str]], url_path: str, until: datetime
) -> list[Effect]:  # fmt: skip
    """A message that is worth nothing from `until` on: by ways that are used before then."""
    ways, _ = deliveries(tx.state, namespace, (to,), tx.now, important=False)
    content = {"title": title, "summary": summary, "details": details, "url_path": url_path}
    return post(tx, [one for one in ways if tx.now + timedelta(seconds=one.after_s) < until], content)


def post(
    tx: Tx, to: list[Delivery], content: dict[str, Any], approval: tuple[str, datetime] | None = None
) -> list[Effect]:
    """A message without an incident is on its way there; `content` is as a notifier's `Message`."""
    return [_send(tx, one, "message", content, None, None, None, approval) for one in to]


def test(tx: Tx, channel: Manifest) -> Effect:
    """Someone wants to see whether the channel works."""
    content = {
        "title": f"A test of the channel {channel.namespace}/{channel.name}",
        "summary": f"{tx.actor} sent this to see whether messages arrive. There is nothing to do.",
        "severity": "info", "details": [],
    }  # fmt: skip
    return _send(tx, Delivery(channel, f"channel:{channel.name}"), "message", content, None, None, None)


def skip(tx: Tx, namespace: str, incident: str | None, reason: str, detail: str) -> None:
    """State as a fact that nobody was told."""
    skipped = Skipped(id=incident or "", namespace=namespace, incident=incident, reason=reason, detail=detail)
    refs = (("incident", incident),) if incident is not None else ()
    tx.fact("oncue.notification.skipped", "notification", skipped, refs=refs)


def instead(tx: Tx, failing: Effect, channel: Manifest, path: tuple[str, ...]) -> Effect:
    """Tell by another channel what one could not be told; `path` are the channels that were tried."""
    payload = failing.payload
    why = failing.reason or "no answer"
    content = {**payload["message"]}
    content["details"] = [*content.get("details", ()), ["Instead of", f"{payload['channel']}: {why}"[:300]]]
    spec = msgspec.convert(channel.spec, ChannelSpec)
    other = {
        **payload, "channel": f"{channel.namespace}/{channel.name}", "type": spec.type, "with": spec.with_,
        "message": content, "path": list(path),
    }  # fmt: skip
    if not spec.links:
        other.pop("links", None)
    return _request(tx, channel, spec, other, failing.incident, failing.incidents, failing.alert, tx.now)


# bundles


def _held(tx: Tx, channel: str, subject: Incident, reason: str) -> bool:
    """Whether the channel has been told so much that this is told with what comes next; else it is counted."""
    known: ChannelState = tx.state.cells["channel"].get(channel) or ChannelState()
    rank = int(subject.priority[1:])
    now, held = known.told(tx.now, rank, Held(subject.id, reason, tx.now))
    tx.cell("channel", channel, now)
    if held and not known.held:
        tx.timer_after(f"channel.bundle/{channel}", BUNDLE_S)
    return held


def bundle(tx: Tx, channel: str) -> None:
    """The time of a bundle has come: tell what was held back, as it is now."""
    known: ChannelState | None = tx.state.cells["channel"].get(channel)
    manifest = tx.state.manifests.get(f"Channel/{channel}")
    if known is None or not known.held:
        return
    by_incident: dict[str, list[str]] = {}
    for one in known.held:
        by_incident.setdefault(one.incident, []).append(one.reason)
    there = {id: incident for id in by_incident if (incident := tx.state.incidents.get(id)) is not None}
    gone = len(by_incident) - len(there)
    worst = min((int(incident.priority[1:]) for incident in there.values()), default=5)
    tx.cell("channel", channel, known.bundled(tx.now, worst))
    if manifest is None:
        return
    if len(by_incident) == 1 and there:
        ((id, reasons),) = by_incident.items()
        _send(tx, Delivery(manifest, f"channel:{manifest.name}"), reasons[-1], about(tx, there[id], None), there[id],
              None, None)  # fmt: skip
        return
    ranked = sorted(there.values(), key=lambda one: (one.state in OVER, one.priority, -RANK[one.severity], one.id))
    rows = [[one.id, f"{one.priority} {one.state}: {one.title}"] for one in ranked[:LISTED]]
    more = len(by_incident) - len(rows)
    if more:
        rows.append(["And", f"{more} more" + (f", {gone} of them closed meanwhile" if gone else "")])
    total = len(by_incident) + known.more
    first = ranked[0] if ranked else None
    content = {
        "title": f"{total} more incidents within a minute" + (f", first {first.title}" if first is not None else ""),
        "summary": f"This channel was told of so much that these come together. {sum(one.state in OVER for one in ranked)} "
        "of them are over.",
        "severity": first.severity if first is not None else None,
        "priority": first.priority if first is not None else None,
        "url_path": "/incidents",
        "details": rows,
    }
    spec = msgspec.convert(manifest.spec, ChannelSpec)
    payload = {"channel": channel, "type": spec.type, "with": spec.with_, "reason": "bundle", "message": content}
    _request(tx, manifest, spec, payload, None, tuple(by_incident), None, tx.now)


# leaving


def _send(
    tx: Tx, to: Delivery, reason: str, content: dict[str, Any], subject: Incident | None, alert: Alert | None,
    escalation: str | None, approval: tuple[str, datetime] | None = None,
) -> Effect:  # fmt: skip
    channel = to.channel
    spec = msgspec.convert(channel.spec, ChannelSpec)
    payload = {
        "channel": f"{channel.namespace}/{channel.name}", "type": spec.type, "with": spec.with_, "reason": reason,
        "to": to.to, "message": stored(content),
    }  # fmt: skip
    if escalation is not None:
        payload["escalation"] = escalation
    at = tx.now + timedelta(seconds=to.after_s)
    if spec.links and subject is not None and subject.state not in OVER:
        payload["links"] = {"incident": subject.id, "until": events.said(at + LINKS_FOR)}
    elif spec.links and approval is not None and to.to.startswith("user:"):
        payload["links"] = {"approval": approval[0], "until": events.said(approval[1])}
    incident = subject.id if subject is not None else None
    return _request(tx, channel, spec, payload, incident, (), alert.id if alert is not None else None, at)


def _request(
    tx: Tx, channel: Manifest, spec: ChannelSpec, payload: dict[str, Any], incident: str | None,
    incidents: tuple[str, ...], alert: str | None, at: datetime,
) -> Effect:  # fmt: skip
    return outbox.request(
        tx, namespace=channel.namespace, kind="notify", uses=spec.type, payload=payload, effect_class="idempotent",
        timeout_s=TIMEOUT_S, retry=outbox.NOTIFY_RETRY, incident=incident, incidents=incidents, alert=alert,
        not_before_at=at,
    )  # fmt: skip


# what there is to say


def about(tx: Tx, subject: Incident, alert: Alert | None) -> dict[str, Any]:
    """What there is to say of an incident, and of one of its alerts."""
    details = [
        ["Incident", subject.id],
        ["Priority", f"{subject.priority}: {subject.priority_reason}"],
        ["Severity", subject.severity],
        ["State", subject.state],
    ]
    if subject.service is not None:
        details.append(["Service", subject.service])
    content: dict[str, Any] = {
        "title": subject.title,
        "summary": "",
        "severity": subject.severity,
        "priority": subject.priority,
        "state": subject.state,
        "incident": subject.id,
        "service": subject.service,
        "url_path": f"/incidents/{subject.id}",
        "opened_at": subject.opened_at,
    }
    if alert is not None:
        content["title"] = alert.title if subject.state != "resolved" else subject.title
        content["summary"] = alert.annotations.get("summary") or alert.annotations.get("description", "")
        content["resource"] = alert.resource
        content["alert"] = alert.id
        content["runbook"] = alert.annotations.get("runbook")
        content["since"] = alert.first_seen_at
        details += [["Resource", alert.resource], ["Since", events.said(alert.first_seen_at)]]
        crossing = alert.crossing
        if crossing is not None:
            content["crossing"] = crossing
            unit = f" {crossing.unit}" if crossing.unit else ""
            if crossing.value is not None and crossing.limit is not None:
                gap = crossing.value - crossing.limit
                details.append(
                    ["Value", f"{crossing.value:g}{unit}, limit {crossing.limit:g}{unit}, by {gap:+.4g}{unit}"]
                )
        if alert.peak is not None and alert.peak.severity != alert.severity:
            details.append(["Worst", f"{alert.peak.severity} at {events.said(alert.peak.at)}: {alert.peak.title}"])
        details += [[name, value] for name, value in sorted(alert.labels.items())]
        details += [[link.title or "Link", link.url] for link in alert.links]
        if alert.shaped is not None and (was := alert.shaped.values.get("severity")) is not None:
            details.append(["Severity set", f"{was.value}, by the policy {was.by}; it was {was.was or 'not given'}"])
        if alert.enriched is not None:
            details += _added(alert.enriched)
        if alert.turned_at is not None and (share := flapping.rate(alert.turns)) >= flapping.HIGH:
            details.append(["Flapping", f"{share:.0f} %; the next word comes when it is steady"])
        if alert.policies:
            details.append(["Policy", ", ".join(alert.policies)])
    details += problems.details(tx, subject)
    details += recent_changes.details(tx, subject)
    if subject.tickets:
        details.append(["Ticket", ", ".join(subject.tickets)])
    content["details"] = details
    return content


def _added(enriched: Enriched) -> list[list[str]]:
    """What was found out about an alert, as far as its labels do not say it."""
    details = [[name, one.value] for name, one in sorted(enriched.annotations.items())]
    details += [[link.title or "Link", link.url] for link in enriched.links]
    details += [["Note", f"{note.text[:NOTED]} ({note.by})"] for note in enriched.notes[-NOTES:]]
    return details
