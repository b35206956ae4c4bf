"""Grafana's webhook contact point: unified alerting, and the notifications of the alerting before it.

| event | unified, from each alert | legacy, from the notification |
|---|---|---|
| `type` | `grafana.alert` | `grafana.alert` |
| `severity` | `clear` if resolved; else label `severity`, else `warning` | by `state`; tag `severity` for `alerting` |
| `resource` | the first of the labels `instance`, `pod`, `node`, `host`, ..., `alertname` | tag of that name, else the rule |
| `check` | label `alertname` | `ruleName` |
| `fingerprint` | the alert's own; FNV-1a 64 over its labels if it has none | organisation and rule |
| `title` | annotation `summary`, `title` or `message`, else alert name and resource | `title` |
| `startsat` | `startsAt` | |
| `data` | the alert, verbatim; `link` to the panel or dashboard | the notification, verbatim; `link` is `ruleUrl` |

`value` is filled where the notification says without doubt which of its values crossed.
"""

from typing import Any, Final

from oncue.plugins.sources.alertmanager import RESOURCE_LABELS
from oncue.plugins.sources.alertmanager_webhook import add_alert, texts
from oncue.plugins.sources.envelope import (
    WORDS,
    Wrapping,
    crossing,
    decoded,
    elements,
    first,
    first_line,
    line,
    links,
    listing,
    mapping,
    members,
    number,
    unknown,
    word,
)
from oncue.sdk.source import Message, NoSettings, Parsed

TYPE: Final = "grafana.alert"
QUIET_STATES: Final = ("pending", "paused")


class GrafanaSource:
    """Grafana's webhook contact point. It authenticates with an Authorization header (scheme `Bearer`), with basic
    credentials whose password is a token, or with a token in the address."""

    name = "grafana"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The alerts; a neutral event for JSON of another form. Raises `Refusal`: request.malformed."""
        body = decoded(message.body)
        if isinstance(body, dict) and isinstance(body.get("alerts"), list):
            wrapping = Wrapping(message)
            for index, raw in enumerate(elements(members(message.body)["alerts"])):
                alert = mapping(body["alerts"][index])
                urls = links(*((("link", alert.get(name))) for name in ("panelURL", "dashboardURL")))
                more = {**_measured(alert.get("values")), **urls}
                add_alert(wrapping, index, raw, alert, body, TYPE, more, line(alert.get("fingerprint")))
            return wrapping.parsed()
        if isinstance(body, dict) and "state" in body and ("ruleId" in body or "ruleName" in body):
            return _legacy(message, body)
        return unknown(message, body, "grafana")


def _measured(values: Any) -> dict[str, Any]:
    """The value that crossed: the only one that is not the 0 or 1 of a condition."""
    found = [
        (name, measured)
        for name, value in mapping(values).items()
        if (measured := number(value)) is not None and measured not in (0.0, 1.0)
    ]
    return crossing(found[0][1], metric=found[0][0]) if len(found) == 1 else {}


def _legacy(message: Message, body: dict[str, Any]) -> Parsed:
    matches = [match for match in listing(body.get("evalMatches")) if isinstance(match, dict)]
    match = matches[0] if matches else {}
    tags = texts(body.get("tags"))
    labels = {**texts(match.get("tags")), **tags}
    rule = first(body.get("ruleName"), body.get("title")) or "rule"
    number_of_rule = body.get("ruleId") or rule
    wrapping = Wrapping(message)
    wrapping.add(
        message.body,
        type=TYPE,
        severity=_state(word(body.get("state")), tags),
        # What a match says is absent from the recovery, so only the rule's own tags tell the resource.
        resource=first(*(tags.get(label) for label in RESOURCE_LABELS)) or rule,
        check=rule,
        service=tags.get("service"),
        fingerprint=f"grafana:{line(body.get('orgId')) or '1'}:{line(number_of_rule)}",
        title=first_line(body.get("title")),
        labels=labels,
        more={
            **crossing(match.get("value"), metric=match.get("metric")),
            **links(("link", body.get("ruleUrl"))),
        },
    )
    return wrapping.parsed()


def _state(state: str | None, tags: dict[str, str]) -> str | None:
    if state == "ok":
        return "clear"
    if state is None or state in QUIET_STATES:
        return None
    if state != "alerting":  # no_data, error: the rule could not be evaluated
        return "warning"
    found = WORDS.get(word(tags.get("severity")) or "", "warning")
    return "warning" if found == "clear" else found
