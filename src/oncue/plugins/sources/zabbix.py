"""Zabbix' webhook media type: what its script posts, with the parameters that the how-to page names.

| event | from |
|---|---|
| `type` | `zabbix.problem`, `zabbix.recovery`, `zabbix.update` |
| `severity` | `clear` when the event's value is 0 or its status says so; else `severity`: a name or 0 to 5 |
| `resource` | `host` |
| `check` | `trigger` (its name) |
| `fingerprint` | the trigger's id and the host, else host and name |
| `id` | the event's id and value, so that a retry counts once |
| `title` | `name`, else `trigger` |
| `labels` | `tags`: a list of `{tag, value}`, a map, or either as text |
| `startsat` | `time` of a problem |
| `data` | the message, verbatim; `value` from `item_value`, `link` from `url` |

Every value may be text, as Zabbix' macros give it, and a macro that was not filled counts as absent. Older scripts call
members otherwise; the usual other names are known, too.
"""

import re
from typing import Any, Final

from oncue.plugins.sources.envelope import (
    WORDS,
    Wrapping,
    crossing,
    decoded,
    first_line,
    instant,
    line,
    links,
    listing,
    mapping,
    unknown,
    word,
)
from oncue.sdk.source import Message, NoSettings, Parsed, Refusal

NUMBERED: Final = {"0": "info", "1": "info", "2": "warning", "3": "minor", "4": "major", "5": "critical"}
RECOVERED: Final = ("resolved", "ok", "recovery", "recovered", "closed")

NAMES: Final = {
    "event": ("event_id", "eventid", "id"),
    "trigger_id": ("trigger_id", "triggerid", "triggerId", "alert_uid"),
    "value": ("event_value", "value"),
    "status": ("status", "event_status", "trigger_status", "state"),
    "severity": ("severity", "event_nseverity", "event_severity", "trigger_severity", "nseverity"),
    "host": ("host", "hostname", "host_name", "host_host", "service", "host_ip"),
    "trigger": ("trigger", "trigger_name", "name", "event_name", "title", "subject", "alert_subject"),
    "title": ("name", "event_name", "title", "subject", "alert_subject", "trigger"),
    "time": ("time", "event_time", "lastReceived"),
    "tags": ("tags", "event_tags", "event_tags_json"),
    "measured": ("item_value", "operational_data", "opdata"),
    "metric": ("item", "item_name", "item_key"),
    "link": ("url", "link", "event_url", "link_to_upstream_details"),
    "update": ("update_action", "event_update_action", "event_update_status"),
}
"""Ours first, then what scripts in use call it."""

_MACRO: Final = re.compile(r"\s*(?:\{[$#?A-Z][^{}]*\}|\*UNKNOWN\*)\s*").fullmatch
_ID_IN_LINK: Final = re.compile(r"[?&](triggerid|eventid)=(\d{1,20})")


class ZabbixSource:
    """Zabbix' webhook media type. Its script sends a token in the Authorization header; without one, in the address."""

    name = "zabbix"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The event; a neutral one for JSON of another form. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        said = _parameters(body)
        found = {what: _pick(said, names) for what, names in NAMES.items()}
        if found["trigger"] is None or (found["status"] is None and found["value"] is None):
            return unknown(message, body, "zabbix")
        linked = dict(_ID_IN_LINK.findall(line(found["link"]) or ""))
        event = line(found["event"]) or linked.get("eventid")
        trigger = line(found["trigger_id"]) or linked.get("triggerid")
        recovered = word(found["status"]) in RECOVERED or _is(found["value"], "0")
        updated = (line(found["update"]) or "0").lower() not in ("0", "false", "none")
        host = line(found["host"]) or message.name
        kind = "recovery" if recovered else "update" if updated else "problem"
        wrapping = Wrapping(message)
        wrapping.add(
            message.body,
            type=f"zabbix.{kind}",
            id=None if event is None or updated else f"{event}/{kind}",
            severity="clear" if recovered else _severity(found["severity"]),
            resource=host,
            check=found["trigger"],
            fingerprint=f"zabbix:{trigger}:{host}" if trigger else None,
            title=first_line(found["title"]),
            labels=_tags(found["tags"]),
            time=instant(found["time"]),
            starts_at=None if recovered else instant(found["time"]),
            more={
                **(crossing(found["measured"], metric=found["metric"]) if not recovered else {}),
                **links(("link", found["link"])),
            },
        )
        return wrapping.parsed()


def _parameters(body: Any) -> dict[str, Any]:
    """The message's members; a list of `{name, value}`, as a media type's parameters are, counts as an object."""
    if isinstance(body, list):
        pairs = [mapping(one) for one in body]
        body = {str(one["name"]): one["value"] for one in pairs if "name" in one and "value" in one}
    inner = mapping(body)
    return {name: value for name, value in inner.items() if not (isinstance(value, str) and _MACRO(value))}


def _pick(said: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((said[name] for name in names if said.get(name) not in (None, "")), None)


def _is(value: Any, text: str) -> bool:
    return line(value) == text


def _severity(said: Any) -> str:
    text = word(said) or ""
    found = NUMBERED.get(text) or WORDS.get(text) or "warning"
    return "warning" if found == "clear" else found


def _tags(tags: Any) -> dict[str, Any]:
    if isinstance(tags, str):
        try:
            tags = decoded(tags.encode())
        except (Refusal, UnicodeEncodeError):
            pairs = (part.partition(":") for part in tags.split(","))
            return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}
    if isinstance(tags, dict):
        return tags
    pairs_of_tags = [mapping(tag) for tag in listing(tags)]
    return {str(tag["tag"]): tag.get("value") or "true" for tag in pairs_of_tags if tag.get("tag")}
