"""Finds plugins by their entry points: the built-in ones use the same door as everyone's.

Where two packages have a plugin of one name, OnCue's own counts, else that of the package whose name comes first.
"""

from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeVar, cast

import msgspec

from oncue.core.effect import EffectClass
from oncue.sdk.action import Action
from oncue.sdk.errors import ActionError
from oncue.sdk.itsm import System
from oncue.sdk.monitor import Monitor
from oncue.sdk.notifier import Notifier
from oncue.sdk.source import NoSettings, Source

ACTIONS: Final = "oncue.actions"
NOTIFIERS: Final = "oncue.notifiers"
MONITORS: Final = "oncue.monitors"
SOURCES: Final = "oncue.sources"
ITSM: Final = "oncue.itsm"

GROUPS: Final = {"action": ACTIONS, "monitor": MONITORS, "notifier": NOTIFIERS, "source": SOURCES, "itsm": ITSM}
"""The group of each kind of plugin."""
OWN: Final = "oncue"
"""The package of the built-in ones."""

Inputs = TypeVar("Inputs", bound=msgspec.Struct)

ENGINE_ACTIONS: Final = (
    "alert.acknowledge", "alert.enrich", "alert.resolve", "alert.snooze", "alert.unsnooze",
    "event.emit",
    "incident.acknowledge", "incident.comment", "incident.escalate", "incident.open", "incident.resolve", "incident.update",
    "notify.send",
    "silence.expire", "silence.set",
    "ticket.assign", "ticket.comment", "ticket.create", "ticket.get", "ticket.link", "ticket.transition",
)  # fmt: skip
"""Actions that touch nothing outside: the engine does them itself, in the transaction of their step."""


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A plugin that is installed, whether it works or not."""

    kind: str
    """`action`, `monitor`, `notifier`, `source`, `itsm`."""
    name: str
    package: str
    version: str
    target: str
    """`module:Class`."""
    problem: str | None = None
    """Why it cannot be used."""


def installed() -> list[Installed]:
    """Every plugin of every package; each is loaded to see whether it can be."""
    found = []
    for kind, group in GROUPS.items():
        for point in sorted(entry_points(group=group), key=lambda one: (one.name, _rank(one))):
            chosen = _points(group)[point.name]
            package, version = _origin(point)
            problem = _problem(point) if point == chosen else f"{_origin(chosen)[0]} has one of this name, which counts"
            found.append(
                Installed(
                    kind=kind, name=point.name, package=package, version=version, target=point.value, problem=problem
                )
            )
    return found


def origin(group: str, name: str) -> tuple[str, str]:
    """The package that a plugin comes from, and its version. Raises `ActionError` action.unknown."""
    return _origin(_point(group, name))


@cache
def problem(group: str, name: str) -> str | None:
    """Why a plugin cannot be used; None if it can. Raises `ActionError` action.unknown."""
    return _problem(_point(group, name))


def names(group: str) -> list[str]:
    """The names of a group's plugins, sorted; nothing is imported."""
    return sorted(_points(group))


@cache
def action(name: str) -> Action:
    """The action of this name. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Action, _load(ACTIONS, name))


@cache
def notifier(name: str) -> Notifier:
    """The notifier of this name. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Notifier, _load(NOTIFIERS, name))


@cache
def itsm(name: str) -> System:
    """The system for ticket mirrors of this name. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(System, _load(ITSM, name))


def monitor(name: str) -> Monitor:
    """A new monitor of this name. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Monitor, _load(MONITORS, name))


@cache
def source(name: str) -> Source:
    """The source of this type. Raises `ActionError` action.unknown, plugin.broken."""
    return cast(Source, _load(SOURCES, name))


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
    problem.cache_clear()
    action.cache_clear()
    notifier.cache_clear()
    itsm.cache_clear()
    source.cache_clear()


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=_rank):
        found.setdefault(point.name, point)
    return found


def _rank(point: EntryPoint) -> tuple[bool, str, str]:
    package, _ = _origin(point)
    return package != OWN, package, point.value


def _origin(point: EntryPoint) -> tuple[str, str]:
    return (point.dist.name, point.dist.version) if point.dist is not None else ("", "")


def _point(group: str, name: str) -> EntryPoint:
    point = _points(group).get(name)
    if point is None:
        what = next(kind for kind, one in GROUPS.items() if one == group)
        meant = ", ".join(get_close_matches(name, names(group), 3, 0.8))
        hint = f"did you mean {meant}?" if meant else "install the package that brings it, and start OnCue again"
        raise ActionError("action.unknown", f"there is no {what} {name!r} here; {hint}")
    return point


def _problem(point: EntryPoint) -> str | None:
    try:
        found = _made(point)
    except ActionError as error:
        return error.detail
    own = getattr(found, "name", None)
    return None if own == point.name else f"its class is named {own!r}, its entry point {point.name!r}"


def _made(point: EntryPoint) -> object:
    try:
        found: object = point.load()()
    except (Exception, SystemExit) as error:
        raise ActionError("plugin.broken", f"{point.name} cannot be loaded: {type(error).__name__}: {error}") from error
    return found


def _load(group: str, name: str) -> object:
    return _made(_point(group, name))
