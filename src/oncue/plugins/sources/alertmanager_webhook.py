"""Notifications that Alertmanager posts to a webhook receiver: version 4, and 3 of old servers.

| event | from each alert of the group |
|---|---|
| `type` | `prometheus.alert` |
| `severity` | `clear` if its status is `resolved`, or if it has none and `endsAt` has passed; else label `severity`, by the words of `alertmanager` |
| `resource` | the first of the labels `instance`, `pod`, `node`, `host`, `hostname`, `device`, `job`, `alertname` |
| `check`, `service` | labels `alertname`, `service` |
| `fingerprint` | FNV-1a 64 over its labels, as Alertmanager computes it: the same alert as by the API |
| `title` | the first of the annotations `summary`, `title`, `message`, else alert name and resource |
| `startsat` | `startsAt` |
| `data` | the alert, verbatim, with the group's `externalURL` as `link` |

Group notifications are repeated; a repeat is an event of its own, and the same alert.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from oncue.plugins.sources.alertmanager import RESOURCE_LABELS, SEVERITY, TITLE_ANNOTATIONS, fnv1a
from oncue.plugins.sources.envelope import (
    WORDS,
    Wrapping,
    decoded,
    elements,
    first,
    first_line,
    instant,
    links,
    mapping,
    members,
    unknown,
    word,
)
from oncue.sdk.source import Message, NoSettings, Parsed, Refusal

TYPE: Final = "prometheus.alert"


class AlertmanagerWebhookSource:
    """Alertmanager's `webhook_configs`. It authenticates with `http_config.authorization`, or a token in the address."""

    name = "alertmanager_webhook"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The alerts of the group; a neutral event for JSON of another form. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
            return unknown(message, body, "alertmanager")
        wrapping = Wrapping(message)
        for index, raw in enumerate(elements(members(message.body)["alerts"])):
            add_alert(wrapping, index, raw, body["alerts"][index], body, TYPE)
        return wrapping.parsed()


def add_alert(
    wrapping: Wrapping,
    index: int,
    raw: bytes,
    alert: Any,
    group: dict[str, Any],
    type: str,
    more: Mapping[str, Any] | None = None,
    fingerprint: str | None = None,
) -> None:
    """Wrap one alert of a group; one without labels is refused by itself. Without a `fingerprint`, its labels make it."""
    labels = texts(mapping(alert).get("labels"))
    if not labels:
        wrapping.refuse(index, Refusal("event.malformed", f"alert {index} has no labels"), raw)
        return
    annotations = texts(alert.get("annotations"))
    name = labels.get("alertname") or "alert"
    resource = first(*(labels.get(label) for label in RESOURCE_LABELS)) or "unknown"
    wrapping.add(
        raw,
        index=index,
        type=type,
        severity=_severity(alert, group, labels, wrapping.now),
        resource=resource,
        check=name,
        service=labels.get("service"),
        fingerprint=fingerprint or fnv1a(labels),
        title=first(*(first_line(annotations.get(text)) for text in TITLE_ANNOTATIONS)) or f"{name} on {resource}",
        labels=labels,
        starts_at=instant(alert.get("startsAt")),
        more={**links(("link", group.get("externalURL"))), **(more or {})},
    )


def texts(value: Any) -> dict[str, str]:
    """The members of an object that are text and not empty."""
    return {name: text for name, text in mapping(value).items() if isinstance(text, str) and text}


def _severity(alert: dict[str, Any], group: dict[str, Any], labels: dict[str, str], now: datetime) -> str:
    ended_at = instant(alert.get("endsAt"))
    status = word(alert.get("status")) or word(group.get("status"))
    if status == "resolved" or (status is None and ended_at is not None and ended_at <= now):
        return "clear"
    said = word(labels.get("severity")) or ""
    found = SEVERITY.get(said) or WORDS.get(said) or "warning"
    return "warning" if found == "clear" else found
