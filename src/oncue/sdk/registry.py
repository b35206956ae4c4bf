"""Finds plugins by their entry points: the built-in ones use the same door as everyone's."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeVar, cast

import msgspec

from oncue.core.effect import EffectClass
from oncue.sdk.action import Action
from oncue.sdk.errors import ActionError
from oncue.sdk.monitor import Monitor
from oncue.sdk.notifier import Notifier
from oncue.sdk.source import NoSettings, Source

ACTIONS: Final = "oncue.actions"
NOTIFIERS: Final = "oncue.notifiers"
MONITORS: Final = "oncue.monitors"
SOURCES: Final = "oncue.sources"

Inputs = TypeVar("Inputs", bound=msgspec.Struct)

ENGINE_ACTIONS: Final = (
    "alert.acknowledge", "alert.enrich", "alert.resolve", "alert.snooze", "alert.unsnooze",
    "event.emit",
    "incident.acknowledge", "incident.comment", "incident.escalate", "incident.open", "incident.resolve", "incident.update",
    "notify.send",
    "silence.expire", "silence.set",
    "ticket.comment", "ticket.create", "ticket.get", "ticket.transition",
)  # fmt: skip
"""Actions that touch nothing outside: the engine does them itself, in the transaction of their step."""


def names(group: str) -> list[str]:
    """The names of a group's plugins, sorted; nothing is imported."""
    return sorted(_points(group))


@cache
def action(name: str) -> Action:
    """The action of this name. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Action, _load(ACTIONS, name, "action"))


@cache
def notifier(name: str) -> Notifier:
    """The notifier of this name. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Notifier, _load(NOTIFIERS, name, "notifier"))


def monitor(name: str) -> Monitor:
    """A new monitor of this name. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Monitor, _load(MONITORS, name, "monitor"))


@cache
def source(name: str) -> Source:
    """The source of this type. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Source, _load(SOURCES, name, "source"))


def source_settings(name: str) -> type[msgspec.Struct]:
    """The schema of what a source of this type takes. Raises as `source` does."""
    found: type[msgspec.Struct] = getattr(source(name), "settings", NoSettings)
    return found


def effect_class(uses: str, inputs: dict[str, Any]) -> EffectClass:
    """What a crash in the middle of this action may mean. Raises `ActionError` action.unknown, inputs.invalid."""
    found = action(uses)
    return found.effect_class(fit(inputs, found.inputs))


def fit(given: Any, schema: type[Inputs]) -> Inputs:
    """The given JSON value as the plugin's struct. Raises `ActionError` inputs.invalid, naming the field."""
    try:
        return msgspec.convert(given, schema, strict=True)
    except msgspec.ValidationError as error:
        raise ActionError("inputs.invalid", str(error).replace("$.", "")) from error


def forget() -> None:
    """Look for plugins anew: some were installed meanwhile."""
    _points.cache_clear()
    action.cache_clear()
    notifier.cache_clear()
    source.cache_clear()


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _load(group: str, name: str, what: str) -> object:
    point = _points(group).get(name)
    if point is None:
        raise ActionError("action.unknown", f"there is no {what} {name!r}; there are {', '.join(names(group))}")
    try:
        found: object = point.load()()
    except Exception as error:
        raise ActionError("plugin.broken", f"{name} cannot be loaded: {type(error).__name__}: {error}") from error
    return found
