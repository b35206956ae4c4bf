"""Google Cloud Monitoring's webhook and Pub/Sub notification channels: incidents, schemas 1.0 to 1.2.

| event | from the incident |
|---|---|
| `type` | `gcp.incident` |
| `severity` | `clear` if closed; else its `severity`, else label `severity` of the policy, metadata or resource, else `warning` |
| `resource` | `resource_display_name`, else `resource_name`, else `resource_id` |
| `check` | `condition_name`, else `policy_name` |
| `fingerprint` | `incident_id`, else policy, condition and resource |
| `id` | `incident_id` and state, so that a message that is sent again counts once |
| `title` | `summary` |
| `labels` | the resource's, the metric's, the policy's |
| `startsat` | `started_at` |
| `data` | the message, verbatim; of a Pub/Sub push the message inside it |

`value` and `limit` come from `observed_value` and `threshold_value`, in older schemas from the summary. `link` is `url`.
"""

import binascii
import re
from base64 import b64decode
from typing import Any, Final

from oncue.plugins.sources.envelope import (
    WORDS,
    Wrapping,
    crossing,
    decoded,
    first,
    first_line,
    instant,
    line,
    links,
    mapping,
    number,
    unknown,
    word,
)
from oncue.sdk.source import Message, NoSettings, Parsed, Refusal

_VALUE: Final = re.compile(r"value of (-?[0-9][0-9.,]*)\s?([A-Za-z%/]{0,16})")
_LIMIT: Final = re.compile(r"threshold of (-?[0-9][0-9.,]*)")


class GcpMonitoringSource:
    """A webhook notification channel, with the token in its address or as the password of its basic authentication; or a
    push subscription of Pub/Sub, with the token in the address."""

    name = "gcp_monitoring"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The incident; a neutral event for JSON of another form. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        raw, said = message.body, mapping(body)
        pushed = mapping(said.get("message"))
        if isinstance(pushed.get("data"), str) and "subscription" in said:
            raw = _unpacked(pushed["data"])
            said = mapping(decoded(raw))
        incident = mapping(said.get("incident"))
        if not incident or "state" not in incident:
            return unknown(message, body, "gcp")
        wrapping = Wrapping(message)
        _add(wrapping, message, raw, incident)
        return wrapping.parsed()


def _unpacked(data: str) -> bytes:
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("request.malformed", "the Pub/Sub message's data is not base64") from error


def _add(wrapping: Wrapping, message: Message, raw: bytes, incident: dict[str, Any]) -> None:
    resource, metric, condition = (mapping(incident.get(name)) for name in ("resource", "metric", "condition"))
    metadata, policy_labels = mapping(incident.get("metadata")), mapping(incident.get("policy_user_labels"))
    labels = {
        **mapping(resource.get("labels")),
        **mapping(metric.get("labels")),
        **mapping(metadata.get("user_labels")),
        **policy_labels,
    }
    identity = line(incident.get("incident_id"))
    closed = word(incident.get("state")) == "closed"
    name = first(incident.get("resource_display_name"), incident.get("resource_name"), incident.get("resource_id"))
    check = first(incident.get("condition_name"), incident.get("policy_name")) or "incident"
    told = first(
        incident.get("severity"), labels.get("severity"), mapping(metadata.get("system_labels")).get("severity")
    )
    started = instant(incident.get("started_at"))
    documentation = mapping(incident.get("documentation"))
    state = "closed" if closed else "open"
    wrapping.add(
        raw,
        type="gcp.incident",
        id=f"{identity}/{state}" if identity else None,
        severity="clear" if closed else _rated(told),
        resource=name or message.name,
        check=check,
        fingerprint=identity or f"gcp:{incident.get('policy_name')}:{check}:{name}",
        title=first_line(incident.get("summary")) or f"{check} on {name or message.name}",
        labels={
            **labels,
            "policy": incident.get("policy_name"),
            "project": incident.get("scoping_project_id"),
            "resource_type": resource.get("type"),
        },
        time=(instant(incident.get("ended_at")) if closed else None) or started,
        starts_at=None if closed else started,
        more={
            **(_crossed(incident, metric, condition) if not closed else {}),
            "description": line(documentation.get("content")),
            **links(("link", incident.get("url"))),
        },
    )


def _crossed(incident: dict[str, Any], metric: dict[str, Any], condition: dict[str, Any]) -> dict[str, Any]:
    summary = line(incident.get("summary")) or ""
    in_text, limit_in_text = _VALUE.search(summary), _LIMIT.search(summary)
    threshold = mapping(condition.get("conditionThreshold")).get("thresholdValue")
    observed = number(incident.get("observed_value"))
    limit = next(
        (one for one in (number(incident.get("threshold_value")), number(threshold)) if one is not None),
        limit_in_text[1].rstrip(".") if limit_in_text else None,
    )
    name = first(metric.get("displayName"), metric.get("type"))
    if observed is None and in_text:
        return crossing(in_text[1].rstrip("."), limit, in_text[2], name)
    return crossing(observed, limit, None, name)


def _rated(said: str | None) -> str:
    text = word(said) or ""
    if text == "no severity":
        return "warning"
    found = WORDS.get(text, "warning")
    return "warning" if found == "clear" else found
