"""Notify: who is told what, and why. Every notification has a reason; so has every one that is not sent."""

from typing import Any, Final

import msgspec

from oncue.core import event as events
from oncue.core import flapping, outbox
from oncue.core.alert import Alert
from oncue.core.expression import stored
from oncue.core.incident import Incident
from oncue.core.manifest import ChannelSpec, Manifest, TeamSpec
from oncue.core.tx import Tx

TIMEOUT_S = 60.0


class Skipped(msgspec.Struct, kw_only=True):
    """That nobody was told, and why: the data of `oncue.notification.skipped`."""

    id: str
    namespace: str
    incident: str | None
    reason: str
    detail: str


TO_THE_SAME: Final = ("resolved", "escalated", "steady", "snooze_over", "new_alerts", "again")
"""Reasons of what those are told who were told before."""


def incident(tx: Tx, subject: Incident, alert: Alert | None, reason: str, tell: tuple[str, ...]) -> None:
    """Tell the owner of the incident's service, or those whom a policy names. The end is told to those told before."""
    if reason in TO_THE_SAME and subject.told:
        channels = [channel for id in subject.told if (channel := _manifest(tx, "Channel", *_split(id))) is not None]
    elif reason in ("resolved", "steady"):
        return
    else:
        channels, missing = _resolve(tx, subject.namespace, tell or ((subject.owner,) if subject.owner else ()))
        if not channels:
            detail = missing or (
                f"{subject.service} has no owner" if subject.service else "no service is known, so it has no owner"
            )
            skipped = Skipped(
                id=subject.id, namespace=subject.namespace, incident=subject.id, reason="no_addressee", detail=detail
            )
            tx.fact("oncue.notification.skipped", "notification", skipped, refs=(("incident", subject.id),))
            return
    for channel in channels:
        _send(tx, channel, reason, _about_incident(tx, subject, alert), incident=subject.id,
              alert=alert.id if alert is not None else None)  # fmt: skip
        name = f"{channel.namespace}/{channel.name}"
        if name not in subject.told:
            subject.told = (*subject.told, name)


def message(tx: Tx, namespace: str, tell: tuple[str, ...], title: str, summary: str, details: list[list[str]]) -> str:
    """A message without an incident: it pages nobody. Gives why nobody could be told, or ""."""
    channels, missing = _resolve(tx, namespace, tell)
    if not channels:
        skipped = Skipped(id="", namespace=namespace, incident=None, reason="no_addressee", detail=missing)
        tx.fact("oncue.notification.skipped", "notification", skipped)
    for channel in channels:
        _send(tx, channel, "message", {"title": title, "summary": summary, "details": details}, None, None)
    return "" if channels else missing


def _split(id: str) -> tuple[str, str]:
    namespace, _, name = id.partition("/")
    return namespace, name


def _manifest(tx: Tx, kind: str, namespace: str, name: str) -> Manifest | None:
    return tx.state.manifests.get(f"{kind}/{namespace}/{name}")


def _resolve(tx: Tx, namespace: str, tell: tuple[str, ...]) -> tuple[list[Manifest], str]:
    found: dict[str, Manifest] = {}
    missing = ""
    for addressee in tell:
        kind, _, name = addressee.partition(":")
        if kind == "channel":
            names = [name]
        else:
            team = _manifest(tx, "Team", namespace, name or kind)
            if team is None:
                missing = f"there is no team {name or kind} in {namespace}"
                continue
            names = msgspec.convert(team.spec, TeamSpec).channels
            if not names:
                missing = f"team {name or kind} has no channels"
        for channel_name in names:
            channel = _manifest(tx, "Channel", namespace, channel_name)
            if channel is None:
                missing = f"there is no channel {channel_name} in {namespace}"
            else:
                found[channel.id] = channel
    return list(found.values()), missing


def _send(
    tx: Tx, channel: Manifest, reason: str, content: dict[str, Any], incident: str | None, alert: str | None
) -> None:
    spec = msgspec.convert(channel.spec, ChannelSpec)
    payload = {
        "channel": f"{channel.namespace}/{channel.name}",
        "type": spec.type,
        "with": spec.with_,
        "reason": reason,
        "message": stored(content),
    }
    outbox.request(
        tx, namespace=channel.namespace, kind="notify", uses=spec.type, payload=payload, effect_class="idempotent",
        timeout_s=TIMEOUT_S, retry=outbox.NOTIFY_RETRY, incident=incident, alert=alert,
    )  # fmt: skip


def _about_incident(tx: Tx, subject: Incident, alert: Alert | None) -> dict[str, Any]:
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
        if alert.turned_at is not None and (share := flapping.rate(alert.turns)) >= flapping.HIGH:
            details.append(["Flapping", f"{share:.0f} %; the next word comes when it is steady"])
        if alert.policies:
            details.append(["Policy", ", ".join(alert.policies)])
    if subject.tickets:
        details.append(["Ticket", ", ".join(subject.tickets)])
    content["details"] = details
    return content
