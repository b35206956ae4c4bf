"""SAP Alert Notification service for SAP BTP: the events that its webhook actions post.

| event | from |
|---|---|
| `type` | `sap.ans.` and `eventType` |
| `severity` | `FATAL` critical, `ERROR` major, `WARNING` warning, `NOTICE` and `INFO` info; `clear` when tag `ans:status` is `CLOSE` |
| `resource` | `resource.resourceName`, with `resourceInstance` behind a slash |
| `check` | `eventType` |
| `fingerprint` | tag `ans:correlationId`, else event type and resource |
| `id` | `id`, else tag `ans:sourceEventId`, with the status |
| `title` | `subject` |
| `labels` | category, region, subaccount, resource type, the tags of event and resource |
| `startsat` | `eventTimestamp` |
| `data` | the event, verbatim; `description` from `body`, `link` and `runbook_url` from the tags with links |

A `NOTIFICATION` is information whatever its severity says: it makes no alert, but it may close one.
"""

from typing import Any, Final

from oncue.plugins.sources.envelope import (
    Wrapping,
    decoded,
    elements,
    first,
    first_line,
    instant,
    line,
    links,
    listing,
    mapping,
    members,
    unknown,
    word,
)
from oncue.sdk.source import Message, NoSettings, Parsed

SEVERITY: Final = {"fatal": "critical", "error": "major", "warning": "warning", "notice": "info", "info": "info"}
CLOSED: Final = ("close", "closed", "resolved")
_LISTS: Final = ("events", "results")


class SapAlertNotificationSource:
    """A webhook action of the service. It authenticates with basic credentials, a token as the password, with its own
    OAuth client in front of OnCue, or with a token in the address."""

    name = "sap_alert_notification"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The events; a neutral event for JSON of another form. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        raws, said = [message.body], [body]
        inside = next((name for name in _LISTS if isinstance(mapping(body).get(name), list)), None)
        if isinstance(body, list):
            raws, said = elements(message.body), body
        elif inside is not None:
            raws, said = elements(members(message.body)[inside]), listing(body[inside])
        if not any(_is_event(one) for one in said):
            return unknown(message, body, "sap.ans")
        wrapping = Wrapping(message)
        for index, (raw, one) in enumerate(zip(raws, said, strict=True)):
            _add(wrapping, message, index, raw, mapping(one))
        return wrapping.parsed()


def _is_event(one: Any) -> bool:
    said = mapping(one)
    return "eventType" in said and "severity" in said


def _add(wrapping: Wrapping, message: Message, index: int, raw: bytes, said: dict[str, Any]) -> None:
    if not _is_event(said):
        wrapping.add(raw, index=index, type="sap.ans.unknown", resource=message.name)
        return
    resource = mapping(said.get("resource"))
    tags, inner_tags = mapping(said.get("tags")), mapping(resource.get("tags"))
    kind = line(said.get("eventType")) or "event"
    name = line(resource.get("resourceName")) or message.name
    instance = line(resource.get("resourceInstance"))
    whole = f"{name}/{instance}" if instance else name
    closed = word(tags.get("ans:status")) in CLOSED
    notice = word(said.get("category")) == "notification"
    severity = SEVERITY.get(word(said.get("severity")) or "", "warning")
    at = instant(said.get("eventTimestamp"))
    given = first(said.get("id"), tags.get("ans:sourceEventId"))
    correlation = line(tags.get("ans:correlationId"))
    wrapping.add(
        raw,
        index=index,
        type=f"sap.ans.{kind}",
        id=f"{given}/{'close' if closed else at.isoformat() if at else 'open'}" if given else None,
        severity="clear" if closed else "info" if notice else severity,
        resource=whole,
        check=kind,
        fingerprint=f"sap.ans:{correlation}" if correlation else f"sap.ans:{kind}:{whole}",
        title=first_line(said.get("subject")) or f"{kind} of {whole}",
        labels={
            "category": said.get("category"),
            "region": said.get("region"),
            "subaccount": said.get("subaccount"),
            "resource_type": resource.get("resourceType"),
            **inner_tags,
            **{label: value for label, value in tags.items() if not label.startswith("ans:")},
        },
        time=at,
        starts_at=None if closed else at,
        more={
            "description": line(said.get("body")),
            **links(
                ("link", tags.get("ans:detailsLink")),
                ("link", inner_tags.get("detailsLink")),
                ("runbook_url", tags.get("ans:recommendedActionLink")),
            ),
        },
    )
