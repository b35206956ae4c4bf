"""What a step would do, in words: what the engine does itself, `emits org.example.grown about erp-1`, and which workers may be given the rest.

Inputs are shown as far as they are known; `${...}` stays where they are not.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from oncue.core.effect import spoken_labels

SHOWN: Final = 160
"""Characters of a text, or of a value, that are shown."""

Given = dict[str, Any]


def acting(uses: str, given: Given) -> str:
    """What the act of this name would do with these inputs."""
    known = {name: value for name, value in given.items() if value is not None}
    return SENTENCES[uses](known) if uses in SENTENCES else f"does {uses}"


def setting(values: Given) -> str:
    """What a `set` would do."""
    return f"sets {', '.join(f'{name} to {_value(value)}' for name, value in values.items()) or 'nothing'}"


def by_whom(labels: dict[str, str]) -> str:
    """Which workers may be given a step that asks for these labels; empty if all may."""
    return f"; by a worker that has {spoken_labels(labels)}" if labels else ""


def _value(value: Any) -> str:
    said = value if isinstance(value, str) and value.startswith("${") else msgspec.json.encode(value).decode()
    return _short(said)


def _short(text: Any) -> str:
    said = " ".join(str(text).split())
    return said if len(said) <= SHOWN else f"{said[: SHOWN - 1]}…"


def _quoted(given: Given, name: str, before: str = ": ") -> str:
    return f"{before}“{_short(given[name])}”" if given.get(name) else ""


def _who(addressee: Any) -> str:
    kind, _, name = str(addressee).partition(":")
    return name if kind == "user" and name else f"{kind} {name}" if name else str(addressee)


def _own(given: Given, kind: str) -> str:
    """The one that is named, or the run's own."""
    return f"{kind} {given[kind]}" if kind in given else f"the run's {kind}"


def _each(value: Any) -> list[Any]:
    """The parts of a list; of what is known only as an expression, that."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _link(one: Any) -> str:
    return str(one.get("title") or one.get("url")) if isinstance(one, dict) else str(one)


def _names(table: Any) -> str:
    return (
        ", ".join(f"{name}={_short(value)}" for name, value in table.items()) if isinstance(table, dict) else str(table)
    )


def _emit(given: Given) -> str:
    about = f" about {given['resource']}" if given.get("resource") else ""
    severity = f", severity {given['severity']}" if given.get("severity") else ""
    return f"emits {given.get('type', 'an event')}{about}{severity}{_quoted(given, 'title')}"


def _enrich(given: Given) -> str:
    parts = [f"{kind} {_names(given[kind])}" for kind in ("labels", "annotations") if given.get(kind)]
    if given.get("links"):
        parts.append(f"links to {', '.join(_link(one) for one in _each(given['links']))}")
    if given.get("note"):
        parts.append(f"the remark “{_short(given['note'])}”")
    return f"adds to {_own(given, 'alert')}: {', '.join(parts) or 'nothing'}"


def _changes(given: Given) -> str:
    parts = [
        f"{name} to {_value(given[name])}" for name in ("title", "severity", "priority", "description") if name in given
    ]
    return f"sets of {_own(given, 'incident')} {', '.join(parts) or 'nothing'}"


def _matcher(one: Any) -> str:
    if not isinstance(one, dict):
        return str(one)
    sign = f"{'=' if one.get('is_equal', True) is True else '!'}{'~' if one.get('is_regex', False) is True else '='}"
    return f"{one.get('name')}{'=' if sign == '==' else sign}{one.get('value')}"


def _for(given: Given) -> str:
    return f" for incident {given['incident']}" if "incident" in given else ""


def _about(given: Given) -> str:
    about = given.get("resource") or given.get("service")
    return f" about {about}" if about else ""


SENTENCES: Final[dict[str, Callable[[Given], str]]] = {
    "alert.acknowledge": lambda given: f"acknowledges {_own(given, 'alert')}",
    "alert.enrich": _enrich,
    "alert.resolve": lambda given: f"resolves {_own(given, 'alert')}",
    "alert.snooze": lambda given: f"snoozes {_own(given, 'alert')} for {given.get('for')}{_quoted(given, 'reason')}",
    "alert.unsnooze": lambda given: f"takes the snooze of {_own(given, 'alert')} back",
    "change.clear": lambda given: "looks whether the change may go on",
    "config.apply": lambda given: "applies the configuration that was agreed to",
    "event.emit": _emit,
    "incident.acknowledge": lambda given: f"acknowledges {_own(given, 'incident')}",
    "incident.comment": lambda given: f"remarks on {_own(given, 'incident')}{_quoted(given, 'text')}",
    "incident.escalate": lambda given: (
        f"escalates {_own(given, 'incident')} to {_who(given['to']) if 'to' in given else 'the next level'}"
    ),
    "incident.open": lambda given: (
        f"opens an incident{_about(given)}, severity {given.get('severity', 'major')}{_quoted(given, 'title')}"
    ),
    "incident.resolve": lambda given: f"resolves {_own(given, 'incident')} and its alerts{_quoted(given, 'note')}",
    "incident.update": _changes,
    "notify.send": lambda given: (
        f"tells {', '.join(map(_who, _each(given.get('to', []))))}{_quoted(given, 'title')}"
        f"{', in their quiet hours, too' if given.get('important') is True else ''}"
    ),
    "silence.expire": lambda given: f"ends silence {given.get('silence')}",
    "silence.set": lambda given: (
        f"silences {' and '.join(map(_matcher, _each(given.get('matchers', []))))} for {given.get('for')}{_quoted(given, 'comment')}"
    ),
    "ticket.assign": lambda given: (
        f"gives ticket {given.get('ticket')} to {_who(given['assignee']) if 'assignee' in given else 'nobody'}"
    ),
    "ticket.comment": lambda given: f"remarks on ticket {given.get('ticket')}{_quoted(given, 'text')}",
    "ticket.create": lambda given: (
        f"writes a ticket of type {given.get('type', 'incident')}{_for(given)}{_quoted(given, 'title')}"
    ),
    "ticket.get": lambda given: f"reads ticket {given.get('ticket')}",
    "ticket.link": lambda given: (
        f"links ticket {given.get('ticket')} to {given.get('target')}{_quoted(given, 'title')}"
    ),
    "ticket.transition": lambda given: (
        f"moves ticket {given.get('ticket')} to {given.get('state')}{_quoted(given, 'comment', ', with the remark ')}"
    ),
}
"""By the act's name."""
