"""Any JSON, mapped to events by expressions in the manifest.

| event | from |
|---|---|
| `type` | `mapping.type`, else `json.event` |
| `severity` | `mapping.severity`, by `severities`, then by common words; without it the event is neutral |
| `resource`, `check`, `service`, `fingerprint`, `title` | the expression of that name |
| `labels` | `mapping.labels`: a map; the manifest's are added |
| `id`, `time` | the expression of that name; without an `id`, every message is an event of its own |
| `data` | the payload, verbatim; with `mapping.items`, one element of that list |

Expressions see `body`, `headers` (lower-case names, without credentials) and, with `mapping.items`, `item` and `index`.
Without a mapping every payload is a neutral event that can be looked at, and mapped then.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from oncue.plugins.sources.envelope import (
    WORDS,
    Wrapping,
    crossing,
    decoded,
    elements,
    encode,
    fitted,
    instant,
    line,
    links,
    mapping,
    members,
    word,
)
from oncue.sdk.expression import Failed, Language, spoken, tame
from oncue.sdk.source import BATCH_LIMIT, Fault, Message, Parsed, Refusal

TYPE: Final = "json.event"
HIDDEN: Final = frozenset(
    ("authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token", "x-hub-signature-256")
)
"""Headers that expressions do not see."""

_PATH: Final = re.compile(r"\s*body(?:\.[A-Za-z_][A-Za-z0-9_]*)*\s*").fullmatch

Severity = Literal["clear", "info", "warning", "minor", "major", "critical"]


class Mapping(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How a payload becomes an event: CEL over `body` and `headers`, and over `item` and `index` with `items`."""

    items: str | None = None
    """Gives a list: each element becomes an event. Without it, the payload is one event."""
    id: str | None = None
    """What the sender calls this event. With it, a message that is sent again counts once."""
    type: str | None = None
    """The event's type, as in `'com.example.backup.' + body.state`; `json.event` without it."""
    severity: str | None = None
    """A word or a number, looked up in `severities`, then among common words. Null or empty makes it neutral."""
    resource: str | None = None
    """What it is about; the source's name without it."""
    check: str | None = None
    """Which aspect of the resource; alerts of one resource and check are the same alert."""
    service: str | None = None
    """Who suffers, if the payload says so."""
    fingerprint: str | None = None
    """What makes two problems the same alert; by default resource and check."""
    title: str | None = None
    """One line for people."""
    time: str | None = None
    """When it happened: RFC 3339, or seconds or milliseconds since 1970."""
    labels: str | None = None
    """Gives a map of texts, as in `{'env': body.environment}`."""
    value: str | None = None
    """The number that crossed a limit."""
    limit: str | None = None
    """The limit that it crossed."""
    unit: str | None = None
    """Of both."""
    link: str | None = None
    """An address to look at."""
    runbook_url: str | None = None
    """An address that says what to do."""


class JsonSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to read the payload."""

    mapping: Mapping = Mapping()
    """Without one, every payload is a neutral event."""
    severities: dict[str, Severity] = {}
    """What the sender's words or numbers mean, as in `{"5": critical, "done": clear}`. Case does not matter."""
    unknown_severity: Severity = "warning"
    """For a word that is not known."""


class JsonSource:
    """Any JSON, with a mapping in the manifest. The sender authenticates with a token in a header or in the address."""

    name = "json"
    settings = JsonSettings

    def __init__(self) -> None:
        self._language = Language("body", "headers", "item", "index")

    def faults(self, given: dict[str, Any]) -> Iterator[Fault]:
        """Expressions that do not compile."""
        for name, text in mapping(given.get("mapping")).items():
            try:
                self._language.compiled(text)
            except Refusal as refusal:
                yield ("mapping", name), refusal.detail

    def parse(self, message: Message) -> Parsed:
        """The events. Raises `Refusal`: request.malformed, event.too_deep, expression.failed when `items` fails."""
        settings = fitted(message, JsonSettings)
        wrapping = Wrapping(message)
        body = tame(decoded(message.body), message.body)
        headers = {
            name: value.decode("latin-1")
            for raw, value in message.headers
            if (name := raw.decode("latin-1").lower()) not in HIDDEN
        }
        variables = {"body": body, "headers": headers}
        if settings.mapping.items is None:
            self._add(wrapping, settings, variables, message.body, 0)
            return wrapping.parsed()
        items = self._evaluated("items", settings.mapping.items, self._language.activation(variables))
        if not isinstance(items, list):
            raise Refusal("expression.failed", f"mapping.items: gives {type(items).__name__}, not a list")
        if len(items) > BATCH_LIMIT:
            raise Refusal("request.too_large", f"{len(items)} items in one message, the limit is {BATCH_LIMIT}")
        verbatim = _verbatim(settings.mapping.items, message.body)
        for index, item in enumerate(items):
            payload = verbatim[index] if len(verbatim) == len(items) else _encoded(item)
            self._add(wrapping, settings, {**variables, "item": item, "index": index}, payload, index)
        return wrapping.parsed()

    def _add(
        self, wrapping: Wrapping, settings: JsonSettings, variables: dict[str, Any], payload: bytes, index: int
    ) -> None:
        found: dict[str, Any] = {}
        try:
            scope = self._language.activation(variables)
            for field in Mapping.__struct_fields__:
                text = getattr(settings.mapping, field)
                if text is not None and field != "items":
                    found[field] = self._evaluated(field, text, scope)
            labels = found.get("labels")
            if labels is not None and not isinstance(labels, dict):
                raise Refusal("expression.failed", f"mapping.labels: gives {type(labels).__name__}, not a map")
            time = instant_of(found.get("time"))
        except Refusal as refusal:
            wrapping.refuse(index, refusal, payload)
            return
        wrapping.add(
            payload,
            index=index,
            type=_text(found.get("type")) or TYPE,
            id=_text(found.get("id")),
            severity=_severity(settings, found.get("severity")),
            resource=_text(found.get("resource")) or wrapping.name,
            check=_text(found.get("check")),
            service=_text(found.get("service")),
            fingerprint=_text(found.get("fingerprint")),
            title=_text(found.get("title")),
            labels={name: spoken(value) for name, value in (labels or {}).items()},
            time=time,
            more={
                **crossing(found.get("value"), found.get("limit"), found.get("unit")),
                **links(("link", found.get("link")), ("runbook_url", found.get("runbook_url"))),
            },
        )

    def _evaluated(self, field: str, text: str, scope: Any) -> Any:
        try:
            return self._language.evaluate(text, scope)
        except Failed as failure:
            raise Refusal("expression.failed", f"mapping.{field}: {failure}"[:500]) from failure
        except Refusal as refusal:
            raise Refusal(refusal.code, f"mapping.{field}: {refusal.detail}"[:500]) from refusal


def _verbatim(expression: str, raw: bytes) -> list[bytes]:
    """The elements of the list that a plain path such as `body.alarms` leads to; empty for any other expression."""
    if _PATH(expression) is None:
        return []
    for name in expression.strip().split(".")[1:]:
        raw = members(raw)[name]
    return elements(raw)


def instant_of(value: Any) -> Any:
    """The instant that an expression gave. Raises `Refusal` expression.failed for what is none."""
    if value is None or value == "":
        return None
    at = instant(spoken(value) if not isinstance(value, int | float | str) else value)
    if at is None:
        raise Refusal("expression.failed", f"mapping.time: {spoken(value)[:64]!r} is no time that can be read")
    return at


def _severity(settings: JsonSettings, value: Any) -> str | None:
    said = word(_text(value))
    if said is None:
        return None
    known = {name.lower(): severity for name, severity in settings.severities.items()}
    return known.get(said) or WORDS.get(said) or settings.unknown_severity


def _text(value: Any) -> str | None:
    return None if value is None else line(spoken(value))


def _encoded(item: Any) -> bytes:
    """An element that an expression made, as JSON; keys that JSON does not have become text."""
    try:
        return encode(item)
    except TypeError:
        return encode(spoken(str(item)))
