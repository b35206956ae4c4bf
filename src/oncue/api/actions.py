"""The actions that steps may use, with what each takes, gives and may fail with: for editors of workflows."""

import asyncio
import inspect
from typing import Any, Final, get_args

import msgspec
from litestar import Response, get

from oncue import __version__
from oncue.api.params import Listing, listing
from oncue.api.shapes import ActionFailure, ActionView
from oncue.manifests.engine_actions import ENGINE_INPUTS
from oncue.sdk import Action, ActionError, EffectClass, registry

CLASSES: Final[tuple[str, ...]] = get_args(EffectClass)


@get("/actions", opt={"permission": "manifest:read"})
async def list_actions() -> Response[Listing[ActionView]]:
    """What a step may use: the actions of every installed package, and those that the engine does itself."""
    return listing([msgspec.json.encode(one) for one in await asyncio.to_thread(_actions)], None)


def _actions() -> list[ActionView]:
    found = [_own(name, inputs) for name, inputs in ENGINE_INPUTS.items()]
    found += [_plugin(name) for name in registry.names(registry.ACTIONS)]
    return sorted(found, key=lambda one: one.name)


def _own(name: str, inputs: type[msgspec.Struct]) -> ActionView:
    summary, description = _said(inputs)
    return ActionView(
        name=name, summary=summary, description=description, inputs=msgspec.json.schema(inputs), outputs={},
        effect_classes=[], errors=[], package=registry.OWN, version=__version__,
    )  # fmt: skip


def _plugin(name: str) -> ActionView:
    package, version = registry.origin(registry.ACTIONS, name)
    try:
        action = registry.action(name)
    except ActionError as error:
        return ActionView(
            name=name, summary="", description="", inputs={}, outputs={}, effect_classes=[], errors=[], package=package,
            version=version, problem=error.detail,
        )  # fmt: skip
    summary, description = _said(type(action))
    return ActionView(
        name=name,
        summary=summary,
        description=description,
        inputs=msgspec.json.schema(action.inputs),
        outputs=msgspec.json.schema(action.outputs),
        effect_classes=effect_classes(action),
        errors=[ActionFailure(code=one.code, meaning=one.meaning, transient=one.transient) for one in action.errors],
        package=package,
        version=version,
    )


def effect_classes(action: Action) -> list[str]:
    """What a crash in the middle of an action may mean, by its inputs: any class if a step may say which, but `check-first`
    only where it may say that."""
    fields = msgspec.structs.fields(action.inputs)
    told = next((field.type for field in fields if field.name == "effect_class"), None)
    if told is not None:
        return [one for one in CLASSES if one != "check-first" or _takes(told, one)]
    required = {field.name: None for field in fields if field.required}
    try:
        return [action.effect_class(action.inputs(**required))]
    except Exception:  # noqa: BLE001 - it looks at what is not there: only real inputs tell
        return list(CLASSES)


def _takes(type: Any, value: str) -> bool:
    try:
        msgspec.convert(value, type)
    except msgspec.ValidationError:
        return False
    return True


def _said(what: type[Any]) -> tuple[str, str]:
    """The first paragraph of a docstring, and all of it."""
    text = inspect.getdoc(what) or ""
    return " ".join(text.split("\n\n")[0].split()), text


HANDLERS = [list_actions]
