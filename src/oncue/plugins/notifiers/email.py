"""The notifier `email`: plain text and HTML that reads on a phone.

The subject says what and where; the first lines say what crossed, by how much, since when; then what else is known, the
runbook and the link; last why one gets it: the reason, the policies that had a say, and where the decision can be read. The HTML has no pictures, scripts or outside references, and all that came with events is escaped.
"""

import re
from datetime import UTC, datetime
from html import escape
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec

from oncue.sdk import Context, Delivery, Mailer, Message, Notification, SecretRef
from oncue.sdk.mail import ERRORS, RECIPIENTS_LIMIT

REASONS: Final = {
    "first": "it has just begun",
    "new_alerts": "new alerts joined the incident",
    "escalated": "its priority rose",
    "steady": "it has stopped flapping",
    "snooze_over": "its snooze is over, and it still fires",
    "not_acknowledged": "nobody has acknowledged it in time",
    "unreachable": "those before you could not be reached",
    "acknowledgement_lapsed": "it was acknowledged, and went on for too long",
    "target_missed": "it was not dealt with in the time that its target says",
    "called": "someone wants you to have a look at it",
    "audible": "it was quiet for a while, and goes on",
    "update_due": "a status update was promised, and has not come",
    "bundle": "so much happened within a minute that it comes together",
    "again": "it was reported again after a long silence",
    "repeat": "it has come back after it was resolved",
    "resolved": "it is over, and you were told of its beginning",
    "message": "a policy or workflow sends this message",
}

NOTHING: Final[dict[str, str]] = {}

_POLICY: Final = re.compile(r"([a-z0-9.-]+)/([a-z0-9.-]+)@([0-9]+)")
"""A policy and its generation, as the row `Policy` names them."""

_COLOURS: Final = {
    "critical": "#b3261e",
    "major": "#c4500b",
    "minor": "#8a6100",
    "warning": "#8a6100",
    "info": "#1f5f99",
    "clear": "#1e7a3c",
}
_RESOLVED: Final = "#1e7a3c"
_PLAIN: Final = "#4a5560"


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whom to mail."""

    to: Annotated[list[str], msgspec.Meta(min_length=1, max_length=RECIPIENTS_LIMIT)]
    relay: SecretRef | None = None
    """Another relay than the operator's, as a secret that holds `smtp://user:password@host:port?starttls`. The guard on
    outbound connections applies to it."""
    sender: str | None = None
    """For that other relay."""


class Email:
    """Mails all addressees of the channel at once."""

    name = "email"
    settings = Settings
    errors = ERRORS

    async def send(self, settings: Settings, notification: Notification, context: Context) -> Delivery:
        """The relay took it for at least one addressee."""
        mailer = context.mailer
        if settings.relay is not None:
            mailer = Mailer(
                context.secret(settings.relay),
                settings.sender or mailer.sender,
                mailer.data,
                guard=context.guard,
            )
        text, html = render(notification, context.base_url, links(notification, context))
        message = mailer.compose(context.key, subject(notification), text, html, settings.to)
        if notification.message.incident:
            # Mail programs show all mails of one incident as one conversation.
            thread = f"<incident.{notification.message.incident}@oncue>"
            message["References"] = thread
            message["In-Reply-To"] = thread
        refused = await mailer.send(message, settings.to, context.remaining_s)
        reached = [one for one in settings.to if one not in refused]
        return Delivery(to=reached, id=str(message["Message-ID"]), refused=refused)


def subject(notification: Notification) -> str:
    """`[P1 critical] CPU 97 % on db-1, limit 90 % (INC-7)`; `[Resolved] ...` when it is over."""
    message = notification.message
    mark = "Resolved" if _is_over(notification) else " ".join(filter(None, (message.priority, message.severity)))
    incident = f" ({message.incident})" if message.incident else ""
    return f"[{mark}] {message.title}{incident}" if mark else f"{message.title}{incident}"


def links(notification: Notification, context: Context) -> dict[str, str]:
    """What its reader may do by a link: the action's name to the address."""
    given = notification.links
    if given is None:
        return {}
    to = notification.to or f"channel:{notification.channel}"
    if given.approval is not None:
        return context.action_links("approval", given.approval, to, given.until)
    return context.action_links("incident", given.incident or "", to, given.until)


def render(notification: Notification, base_url: str, acts: dict[str, str] = NOTHING) -> tuple[str, str]:
    """The mail as plain text and as HTML. `acts` is what its reader may do by a link."""
    message = notification.message
    rows = _rows(notification)
    url = base_url + message.url_path if message.url_path else None
    why, pages = _why(notification, base_url)
    return _text(message, rows, url, why, pages, acts), _html(notification, rows, url, why, pages, acts)


def _why(notification: Notification, base_url: str) -> tuple[str, list[tuple[str, str]]]:
    """Why it was sent and by which way, and the pages that show who decided so."""
    message = notification.message
    reason = REASONS.get(notification.reason, notification.reason)
    policies = [
        policy for label, value in message.details[-4:] if label == "Policy" for policy in _POLICY.findall(str(value))
    ]
    pages = []
    if message.incident:
        pages.append(("Who was told, and why", f"{base_url}/incidents/{quote(message.incident)}#told"))
    pages += [(f"Policy {place}/{name}", f"{base_url}/policies/{place}/{name}") for place, name, _ in policies]
    named = ", ".join(f"{place}/{name}, generation {generation}" for place, name, generation in policies)
    had_a_say = f" By the policy {named}." if len(policies) == 1 else f" By the policies {named}." if policies else ""
    return f"{reason}.{had_a_say} It reaches you through the channel {notification.channel}.", pages


def _rows(notification: Notification) -> list[tuple[str, str]]:
    message = notification.message
    rows: list[tuple[str, Any]] = [
        ("Severity", message.severity),
        ("Priority", message.priority),
        ("State", message.state),
        ("Value", _crossing(message)),
        ("Since", _since(message)),
        ("Service", message.service),
        ("Resource", message.resource),
        ("Incident", message.incident),
        ("Alert", message.alert),
        *message.details,
    ]
    seen = set()
    shown = []
    for label, value in rows:
        if value in (None, "", [], {}) or label in seen:
            continue
        seen.add(label)
        shown.append((str(label), value if isinstance(value, str) else msgspec.json.encode(value).decode()))
    return shown


def _since(message: Message) -> str | None:
    crossed = message.crossing.since if message.crossing is not None else None
    if crossed is not None:
        return crossed.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if message.since is None:
        return None
    try:
        return datetime.fromisoformat(message.since).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return message.since


def _crossing(message: Message) -> str | None:
    crossing = message.crossing
    if crossing is None or crossing.value is None:
        return None
    unit = f" {crossing.unit}" if crossing.unit else ""
    metric = f"{crossing.metric}: " if crossing.metric else ""
    limit = ""
    if crossing.limit is not None:
        limit = f" (limit {crossing.limit:g}{unit}, by {crossing.value - crossing.limit:+.4g}{unit})"
    return f"{metric}{crossing.value:g}{unit}{limit}"


_ACTS: Final = {
    "acknowledge": "Acknowledge", "snooze": "Snooze for 1 hour", "approve": "Approve", "reject": "Reject",
}  # fmt: skip


def _text(
    message: Message, rows: list[tuple[str, str]], url: str | None, why: str, pages: list[tuple[str, str]],
    acts: dict[str, str],
) -> str:  # fmt: skip
    width = max((len(label) for label, _ in rows), default=0) + 1
    lines = [message.title, ""]
    if message.summary and message.summary != message.title:
        lines += [message.summary, ""]
    lines += [f"{label + ':':<{width}} {value}" for label, value in rows]
    lines.append("")
    if message.runbook:
        lines += [f"Runbook: {message.runbook}"]
    lines += [f"{_ACTS[action]}: {target}" for action, target in acts.items()]
    if url:
        lines += [f"Open in OnCue: {url}"]
    lines += ["", f"Why you get this: {why}"]
    lines += [f"{label}: {target}" for label, target in pages]
    return "\n".join(lines) + "\n"


def _html(
    notification: Notification, rows: list[tuple[str, str]], url: str | None, why: str, pages: list[tuple[str, str]],
    acts: dict[str, str],
) -> str:  # fmt: skip
    message = notification.message
    colour = _RESOLVED if _is_over(notification) else _COLOURS.get(message.severity or "", _PLAIN)
    mark = "Resolved" if _is_over(notification) else " ".join(filter(None, (message.priority, message.severity)))
    summary = (
        f'<p style="margin:0 0 16px;font-size:16px;line-height:1.45">{escape(message.summary)}</p>'
        if message.summary and message.summary != message.title
        else ""
    )
    table = "".join(
        '<tr><td style="padding:6px 12px 6px 0;color:#5b6670;vertical-align:top;white-space:nowrap">'
        f'{escape(label)}</td><td style="padding:6px 0;word-break:break-word">{escape(value)}</td></tr>'
        for label, value in rows
    )
    targets = [(_ACTS[action], target) for action, target in acts.items()] + ([("Open in OnCue", url)] if url else [])
    button = "".join(_button(label, target, first=index == 0) for index, (label, target) in enumerate(targets))
    runbook = (
        f'<p style="margin:16px 0 0;font-size:15px">Runbook: {_link(message.runbook)}</p>' if message.runbook else ""
    )
    more = "".join(
        f'<br><a href="{escape(target)}" style="color:#1f4e79">{escape(label)}</a>' for label, target in pages
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light">'
        f"<title>{escape(message.title)}</title></head>"
        '<body style="margin:0;padding:12px;background:#f2f4f6;color:#1b232b;'
        'font-family:-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif">'
        '<div style="max-width:600px;margin:0 auto;background:#ffffff;border-radius:10px;overflow:hidden">'
        f'<div style="height:6px;background:{colour}"></div><div style="padding:20px">'
        f'<p style="margin:0 0 6px;color:{colour};font-size:14px;font-weight:600">{escape(mark)}</p>'
        f'<h1 style="margin:0 0 14px;font-size:20px;line-height:1.3">{escape(message.title)}</h1>'
        f'{summary}<table role="presentation" style="border-collapse:collapse;font-size:15px;line-height:1.4">'
        f"{table}</table>{runbook}{button}"
        f'<p style="margin:18px 0 0;color:#5b6670;font-size:13px;line-height:1.5">Why you get this: {escape(why)}{more}</p>'
        "</div></div></body></html>"
    )


def _button(label: str, target: str, *, first: bool) -> str:
    """The first one is what most readers want."""
    colours = "background:#1f4e79;color:#ffffff;" if first else "background:#ffffff;color:#1f4e79;"
    return (
        f'<a href="{escape(target)}" style="display:block;margin:{20 if first else 10}px 0 0;padding:13px;{colours}'
        "border:1px solid #1f4e79;text-align:center;text-decoration:none;border-radius:8px;font-size:16px;"
        f'font-weight:600">{escape(label)}</a>'
    )


def _link(target: str) -> str:
    """A link if it is a web address; else text, so that no other scheme becomes clickable."""
    if target.startswith(("https://", "http://")):
        return f'<a href="{escape(target)}" style="color:#1f4e79">{escape(target)}</a>'
    return escape(target)


def _is_over(notification: Notification) -> bool:
    return notification.reason == "resolved" or notification.message.state == "resolved"
