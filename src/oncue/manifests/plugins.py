"""What manifests give to plugins: that there is such a plugin, and that it takes what it is given."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from oncue.core.effect_classes import effect_class
from oncue.manifests.document import Path_
from oncue.manifests.engine_actions import ENGINE_INPUTS
from oncue.manifests.finding import Finding
from oncue.manifests.shape import misfits, near
from oncue.sdk import registry
from oncue.sdk.source import Checked

_CREDENTIAL: Final = re.compile(r"(password|passwd|token|secret|api_?key|private_?key)$", re.IGNORECASE)

_SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "cookie"})


def uses(name: str, group: str, more: tuple[str, ...], path: Path_, code: str) -> Iterator[Finding]:
    known = sorted({*registry.names(group), *more})
    if name not in known:
        what = group.removeprefix("oncue.").removesuffix("s")
        others = (
            f" (there are {', '.join(known)}; one that was installed just now is there once OnCue is started again)"
        )
        yield Finding(path, f"there is no {what} {name!r}{near(name, known) or others}", code, of_here=True)
    elif name not in more and (problem := registry.problem(group, name)) is not None:
        yield Finding(path, problem, code, of_here=True)


def fits(name: str, group: str, given: dict[str, Any], path: Path_) -> Iterator[Finding]:
    """What is given to a plugin fits its struct; values with `${...}` are known at run time only."""
    struct: type[msgspec.Struct]
    if group == registry.ACTIONS and name in ENGINE_INPUTS:
        struct = ENGINE_INPUTS[name]
    elif name not in registry.names(group) or registry.problem(group, name) is not None:
        return
    elif group == registry.ACTIONS:
        struct = registry.action(name).inputs
    elif group == registry.NOTIFIERS:
        struct = registry.notifier(name).settings
    elif group == registry.ITSM:
        struct = registry.itsm(name).settings
    elif group == registry.SOURCES:
        struct = registry.source_settings(name)
    else:
        struct = registry.monitor(name).settings
    found = [one for one in misfits(given, struct, path) if not _templated(given, one.path[len(path) :])]
    for misfit in found:
        if misfit.path == (*path, "effect_class") and given["effect_class"] == "check-first":
            yield Finding(misfit.path, f"{name} cannot look first whether it was done: {misfit.detail}")
        else:
            yield Finding(misfit.path, misfit.detail)
    if group == registry.ACTIONS and name == "event.emit" and str(given.get("type")).startswith("oncue."):
        yield Finding((*path, "type"), f"{given['type']}: such types are OnCue's own", "event.type_reserved")
    if group == registry.ACTIONS and name not in ENGINE_INPUTS and not found:
        action = registry.action(name)
        if isinstance(action, Checked):
            yield from (Finding((*path, *place), detail) for place, detail in action.faults(given))


_DECIDING: Final = ("effect_class", "method", "type", "write")
"""What of the inputs says whether an action may be done again."""


def done_once(name: str, given: dict[str, Any]) -> bool:
    """Whether the action must not be done again after it may have begun, as far as that is known before it runs."""
    if name not in registry.names(registry.ACTIONS) or any(_templated(given, (one,)) for one in _DECIDING):
        return False
    if effect_class(name, given) != "at-most-once" or registry.origin(registry.ACTIONS, name)[0] == registry.OWN:
        return effect_class(name, given) == "at-most-once"
    try:
        return registry.effect_class(name, given) == "at-most-once"
    except (Exception, SystemExit):  # noqa: BLE001 - a plugin's defect, or inputs that are known when it runs
        return False


def _templated(value: Any, path: Path_) -> bool:
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
    return isinstance(value, str) and "${" in value


def written_out(name: str, given: dict[str, Any], path: Path_) -> Iterator[Finding]:
    """A request's credential in a manifest can be read by everyone who may read manifests, or runs."""
    headers = given.get("headers") if name == "http.request" else None
    for header, value in headers.items() if isinstance(headers, dict) else ():
        if header.lower() in _SECRET_HEADERS and "${" not in str(value):
            scheme = str(value).partition(" ")[0] if " " in str(value) and header.lower() != "cookie" else "''"
            members = ["`secret: secret://NAME`"]
            members += [f"`secret_header: {header}`"] if header.lower() != "authorization" else []
            members += [f"`secret_scheme: {scheme}`"] if scheme.lower() != "bearer" else []
            detail = (
                f"this looks like a credential in clear text; write {', '.join(members)} after `oncue secret set NAME`"
            )
            yield Finding((*path, "headers", header), detail, level="warning")


def credentials(given: Any, path: Path_) -> Iterator[Finding]:
    """A credential in a manifest can be read by everyone who may read manifests."""
    if isinstance(given, dict):
        for key, value in given.items():
            if _CREDENTIAL.search(key) and isinstance(value, str) and value and not value.startswith("secret://"):
                detail = "this looks like a credential in clear text; write secret://NAME after `oncue secret set NAME`"
                yield Finding((*path, key), detail, level="warning")
            else:
                yield from credentials(value, (*path, key))
