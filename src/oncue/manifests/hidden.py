"""Checks of inputs that must not be written down, `writeOnly: true`: what can be hidden, and what keeps it hidden."""

import re
from collections.abc import Iterator
from typing import Any, Final

from oncue.core import inputs
from oncue.core import plan as plans
from oncue.core.errors import Refusal
from oncue.core.expression import template
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.scopes import read

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SECRET: Final = re.compile(r"secret://[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
_PLAIN: Final = "what is written here is no secret; write secret://NAME after `oncue secret set NAME`"


def hidden_findings(schema: dict[str, Any]) -> Iterator[Finding]:
    """Whole inputs that are texts can be hidden, and no manifest says what they are."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        properties = {}
    for path in _marks(schema, ()):
        if len(path) != 3 or path[0] != "properties":
            yield Finding(("inputs", *path), "only a whole input can be hidden, not a part of one")
    for name in inputs.hidden(schema):
        path, rule = ("inputs", "properties", name), properties[name]
        if _NAME.fullmatch(name) is None:
            yield Finding(path, "the name of a hidden input has letters, digits, _ and -, 64 of them at most")
        if rule.get("type") != "string":
            yield Finding((*path, "type"), "a hidden input is a text; write type: string")
        for keyword in ("enum", "const"):
            if keyword in rule:
                yield Finding((*path, keyword), "what is listed here is no secret")
        if "default" in rule and (not isinstance(rule["default"], str) or _SECRET.fullmatch(rule["default"]) is None):
            yield Finding((*path, "default"), _PLAIN)


def _marks(schema: Any, path: Path_) -> Iterator[Path_]:
    """Where a schema says `writeOnly: true`."""
    if not isinstance(schema, dict):
        return
    if schema.get("writeOnly") is True:
        yield (*path, "writeOnly")
    properties = schema.get("properties")
    for name, rule in properties.items() if isinstance(properties, dict) else ():
        yield from _marks(rule, (*path, "properties", name))
    for keyword in ("items", "additionalProperties"):
        yield from _marks(schema.get(keyword), (*path, keyword))


def narrowed_findings(rule: dict[str, Any], path: Path_) -> Iterator[Finding]:
    """What narrows an input does not hide it."""
    for place in _marks(rule, path):
        yield Finding(place, "an input is hidden for all who start the workflow; write it in its inputs")


def told_findings(schema: dict[str, Any]) -> Iterator[Finding]:
    """What people agree to can be read by them."""
    for name in inputs.hidden(schema):
        detail = f"who agrees must see what {name} is; take the name of a secret, and refer to it as secret://NAME"
        yield Finding(("inputs", "properties", name, "writeOnly"), detail)


def given_findings(schema: dict[str, Any], given: dict[str, Any], path: Path_) -> Iterator[Finding]:
    """What a manifest gives for a hidden input refers to a secret."""
    for name in inputs.hidden(schema):
        value = given.get(name)
        if name in given and not inputs.is_reference(value) and not (isinstance(value, str) and "${" in value):
            yield Finding((*path, name), _PLAIN)


def partial_findings(spec: WorkflowSpec, step: plans.Node) -> Iterator[Finding]:
    """A hidden input stands alone where a step uses it: a part of a text is no reference."""
    concealed = inputs.hidden(spec.inputs)
    if not concealed:
        return
    for place, value in plans.templates(step.spec):
        for inner, text in _texts(value, ()):
            for name in dict.fromkeys(_mixed(text, step.names)):
                if name in concealed:
                    detail = f"{name} is hidden, and known only where it stands alone; write ${{inputs.{name}}} and nothing beside it"
                    yield Finding((*step.place, *place, *inner), detail, "workflow.inputs_hidden", level="warning")


def _texts(value: Any, path: Path_) -> Iterator[tuple[Path_, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))


def _mixed(text: str, names: tuple[str, ...]) -> list[str]:
    """The inputs that the expressions of a text name which is more than one expression."""
    try:
        parts = template(text) if "${" in text else ()
    except Refusal:  # a text that does not parse is refused for that
        return []
    found = [part for is_expression, part in parts if is_expression and len(parts) > 1]
    return [name for part in found for name in read(part, names).of("inputs")]
