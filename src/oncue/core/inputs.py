"""What a workflow takes: the JSON Schema of its inputs, and whether values fit it.

A subset of JSON Schema 2020-12 (https://json-schema.org/draft/2020-12/json-schema-validation): every keyword of `RULES` is
checked, those of `NOTES` only tell people something, and no other may stand in a schema, so that nothing that looks like a
rule goes unchecked. Patterns are RE2's, search anywhere in the text as JSON Schema has it, and take linear time.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import re2

from oncue.core.bounds import NESTED_LIMIT, too_deep
from oncue.core.errors import Refusal

Place = tuple[str | int, ...]

PROGRAM_LIMIT: Final = 1_000
"""Instructions of a pattern: a value is compared with them, at worst all of them for each byte."""
SHOWN_LIMIT: Final = 100
"""Characters of a value, pattern or name that a refusal repeats."""
_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}

NOTES: Final = frozenset(
    {"title", "description", "default", "examples", "format", "deprecated", "readOnly", "writeOnly", "$comment", "$schema",
     "$id"}
)  # fmt: skip
"""Keywords without a rule. `writeOnly` says of an input that its value must not be written down: see `hidden`."""
REFERENCE: Final = "secret://"
"""What a text begins with that stands for a secret: a worker puts the value in its place when it acts."""

_BOUNDS: Final[dict[str, tuple[Callable[[Any, Any], bool], str]]] = {
    "minimum": (lambda value, bound: value >= bound, "at least"),
    "maximum": (lambda value, bound: value <= bound, "at most"),
    "exclusiveMinimum": (lambda value, bound: value > bound, "more than"),
    "exclusiveMaximum": (lambda value, bound: value < bound, "less than"),
}
_SIZES: Final[dict[str, tuple[type, bool, str]]] = {
    "minLength": (str, True, "character"),
    "maxLength": (str, False, "character"),
    "minItems": (list, True, "item"),
    "maxItems": (list, False, "item"),
    "minProperties": (dict, True, "member"),
    "maxProperties": (dict, False, "member"),
}
RULES: Final = frozenset(
    {"type", "enum", "const", "pattern", "items", "uniqueItems", "properties", "required", "additionalProperties"}
    | _BOUNDS.keys()
    | _SIZES.keys()
)
"""Keywords that are checked."""


def faults(schema: dict[str, Any], path: Place = ()) -> Iterator[tuple[Place, str]]:
    """Everything in a schema that cannot be checked, with its path."""
    for keyword, rule in schema.items():
        at = (*path, keyword)
        if keyword in _FORMS:
            fits, form = _FORMS[keyword]
            if not fits(rule):
                yield at, f"must be {form}"
        elif keyword not in NOTES:
            yield at, f"{keyword} is not checked here; use {', '.join(sorted(RULES))}"
    if isinstance(pattern := schema.get("pattern"), str):
        try:
            _pattern(pattern)
        except ValueError as error:
            yield (*path, "pattern"), str(error)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        for name, rule in properties.items():
            yield from _inner_faults(rule, (*path, "properties", name), f"as in {name}: {{type: string}}")
    for keyword in ("items", "additionalProperties"):
        rule = schema.get(keyword)
        if isinstance(rule, dict):
            yield from faults(rule, (*path, keyword))
    if "default" in schema and not _is_hidden(schema):
        yield from _default_faults(schema, path)


def _default_faults(schema: dict[str, Any], path: Place) -> Iterator[tuple[Place, str]]:
    try:
        check("default", schema["default"], schema)
    except Refusal as refusal:
        yield (*path, "default"), refusal.detail
    except Unsound:
        return  # told where it is unsound


def _inner_faults(rule: Any, path: Place, example: str) -> Iterator[tuple[Place, str]]:
    if isinstance(rule, dict):
        yield from faults(rule, path)
    else:
        yield path, f"must be a mapping, {example}"


def hidden(schema: dict[str, Any]) -> tuple[str, ...]:
    """The inputs whose values must not be written down, `writeOnly: true`: what stands for them is kept."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return ()
    return tuple(name for name, rule in properties.items() if _is_hidden(rule))


def _is_hidden(rule: Any) -> bool:
    return isinstance(rule, dict) and rule.get("writeOnly") is True


def known(schema: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Raises `Refusal` workflow.inputs_invalid if one is given that is not declared."""
    try:
        _check_known(schema, inputs)
    except Unsound as error:
        raise _undeclared(error) from error


def complete(schema: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs with the defaults of those that were not given, and integers as such.

    Raises `Refusal` workflow.inputs_invalid, whose detail begins with the input's name and says the rule. Unlike JSON
    Schema's, `additionalProperties` is false for the inputs themselves if it is left out, so that a misspelt one is told.
    Of a hidden input only that it is a reference is looked at: whoever put one in the place of a value has checked that.
    """
    try:
        properties = _rule(schema, "properties") or {}
        _check_known(schema, inputs)
        for name in sorted(inputs):
            if too_deep(inputs[name]):
                raise _refused(name, f"has values that lie more than {NESTED_LIMIT} deep in each other")
        given = dict(inputs)
        for name in sorted(properties):
            rule = properties[name]
            if name not in given and isinstance(rule, dict) and "default" in rule:
                given[name] = rule["default"]
        if concealed := hidden(schema):
            schema = {**schema, "properties": {**properties, **dict.fromkeys(concealed, _REFERRED)}}
            for name in concealed:
                if name in given and not is_reference(given[name]):
                    raise _refused(name, "is hidden, and what is given here is kept for ever; give secret://NAME")
        check("", given, schema)
    except Unsound as error:
        raise _undeclared(error) from error
    return {name: _integral(value, properties.get(name)) for name, value in given.items()}


def _integral(value: Any, schema: Any) -> Any:
    """The value, which fits, with 10 where an integer was written as 10.0 or 1e1: expressions reckon with the two in different ways."""
    if not isinstance(schema, dict):
        return value
    if isinstance(value, float):
        kinds = schema.get("type", ())
        whole = (
            "integer" in kinds and "number" not in kinds and abs(value) < 2**63
        )  # beyond, no integer of expressions holds it
        return int(value) if whole else value
    if isinstance(value, list):
        return [_integral(one, schema.get("items")) for one in value]
    if isinstance(value, dict):
        members, others = schema.get("properties", {}), schema.get("additionalProperties")
        return {name: _integral(one, members.get(name, others)) for name, one in value.items()}
    return value


_REFERRED: Final[dict[str, Any]] = {"type": "string"}
"""The rule of what stands for a hidden input."""


def is_reference(value: Any) -> bool:
    """Whether it stands for a secret."""
    return isinstance(value, str) and value.startswith(REFERENCE)


def _check_known(schema: dict[str, Any], inputs: dict[str, Any]) -> None:
    properties = _rule(schema, "properties") or {}
    unknown = sorted(name for name in inputs if name not in properties)
    if unknown and _rule(schema, "additionalProperties") in (None, False):
        takes = ", ".join(sorted(properties)) or "none"
        raise _refused(unknown[0][:SHOWN_LIMIT], f"is not an input; it takes: {takes}")


def _undeclared(error: "Unsound") -> Refusal:
    return Refusal("workflow.inputs_invalid", f"The workflow's inputs are not declared soundly: {error}")


def check(name: str, value: Any, schema: dict[str, Any]) -> None:
    """Raises `Refusal` workflow.inputs_invalid if the value does not fit; the detail begins with `name`."""
    _check_type(name, value, schema)
    if "enum" in schema:
        allowed = _rule(schema, "enum")
        if not any(_same(value, one) for one in allowed):
            raise _refused(name, f"must be one of {', '.join(map(_said, allowed[:20]))}")
    if "const" in schema and not _same(value, schema["const"]):
        raise _refused(name, f"must be {_said(schema['const'])}")
    if _is_number(value):
        for keyword, (holds, words) in _BOUNDS.items():
            bound = _rule(schema, keyword)
            if bound is not None and not holds(value, bound):
                raise _refused(name, f"must be {words} {bound}, not {_said(value)}")
    if isinstance(value, str | list | dict):
        _check_size(name, value, schema)
    if isinstance(value, str):
        _check_text(name, value, schema)
    elif isinstance(value, list):
        _check_list(name, value, schema)
    elif isinstance(value, dict):
        _check_object(name, value, schema)


def _check_type(name: str, value: Any, schema: dict[str, Any]) -> None:
    wanted = _rule(schema, "type")
    if wanted is None:
        return
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if not any(TYPES[kind](value) for kind in kinds):
        raise _refused(name, f"must be of type {' or '.join(kinds)}, not {_type_of(value)}")


def _check_size(name: str, value: str | list[Any] | dict[str, Any], schema: dict[str, Any]) -> None:
    size = len(value)
    for keyword, (kind, least, unit) in _SIZES.items():
        bound = _rule(schema, keyword)
        if bound is not None and isinstance(value, kind) and (size < bound if least else size > bound):
            units = unit if bound == 1 else f"{unit}s"
            raise _refused(name, f"must have at {'least' if least else 'most'} {bound} {units}, not {size}")


def _check_text(name: str, value: str, schema: dict[str, Any]) -> None:
    text = _rule(schema, "pattern")
    if text is None:
        return
    try:
        fits = _pattern(text).search(value) is not None
    except ValueError as error:
        raise Unsound(f"pattern {error}") from error
    if not fits:
        raise _refused(name, f"must match the pattern {text[:SHOWN_LIMIT]}")


def _check_list(name: str, value: list[Any], schema: dict[str, Any]) -> None:
    if _rule(schema, "uniqueItems") and len({_key(one) for one in value}) < len(value):
        raise _refused(name, "must not hold an item twice")
    rule = _rule(schema, "items")
    if rule is False and value:
        raise _refused(name, "must be empty")
    if isinstance(rule, dict):
        for index, one in enumerate(value):
            check(f"{name} item {index}", one, rule)


def _check_object(name: str, value: dict[str, Any], schema: dict[str, Any]) -> None:
    properties = _rule(schema, "properties") or {}
    for needed in _rule(schema, "required") or ():
        if needed not in value:
            raise _refused(_member(name, needed), "is missing")
    more = _rule(schema, "additionalProperties")
    for key in sorted(value):
        rule = properties.get(key, True if more is None else more)
        if rule is False:
            known = ", ".join(sorted(properties)) or "none"
            raise _refused(_member(name, key), f"is not known; there are: {known}")
        if isinstance(rule, dict):
            check(_member(name, key), value[key], rule)


def _member(name: str, key: str) -> str:
    return f"{name} member {key[:SHOWN_LIMIT]}" if name else key[:SHOWN_LIMIT]


class Unsound(Exception):
    """A keyword of the schema itself is of the wrong form."""


def _rule(schema: dict[str, Any], keyword: str) -> Any:
    """The keyword's value, None if it is not there. Raises `Unsound` if it has not its form."""
    rule = schema.get(keyword)
    if keyword in schema:
        fits, form = _FORMS[keyword]
        if not fits(rule):
            raise Unsound(f"{keyword} must be {form}")
    return rule


def _refused(name: str, why: str) -> Refusal:
    return Refusal("workflow.inputs_invalid", f"{name} {why}" if name else f"The inputs {why}")


@lru_cache(maxsize=4096)
def _pattern(text: str) -> Any:
    """Raises ValueError."""
    try:
        found = re2.compile(text, _OPTIONS)
    except re2.error as error:
        raise ValueError(f"{text[:SHOWN_LIMIT]!r} is not a regular expression (RE2): {_why(error)}") from error
    if found.programsize > PROGRAM_LIMIT:
        raise ValueError(f"{text[:SHOWN_LIMIT]!r} is too large")
    return found


def _why(error: Exception) -> str:
    """What RE2 says, which are bytes."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _same(one: Any, other: Any) -> bool:
    return bool(_key(one) == _key(other))


def _key(value: Any) -> Any:
    """Equal for values that JSON Schema holds equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("array", tuple(map(_key, value)))
    if isinstance(value, dict):
        return ("object", tuple((name, _key(value[name])) for name in sorted(value)))
    return value


def _type_of(value: Any) -> str:
    return next((name for name in ("integer", *TYPES) if TYPES[name](value)), type(value).__name__)


def _said(value: Any) -> str:
    text = "true" if value is True else "false" if value is False else "null" if value is None else str(value)
    return text if len(text) <= SHOWN_LIMIT else f"{text[:SHOWN_LIMIT]}..."


def _is_type(rule: Any) -> bool:
    kinds = rule if isinstance(rule, list) else [rule]
    return bool(kinds) and all(isinstance(kind, str) and kind in TYPES for kind in kinds)


def _is_count(rule: Any) -> bool:
    return isinstance(rule, int) and not isinstance(rule, bool) and rule >= 0


_FORMS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "type": (_is_type, f"one of {', '.join(TYPES)}, or a list of them"),
    "enum": (lambda rule: isinstance(rule, list) and bool(rule), "a list of values"),
    "const": (lambda _: True, "a value"),
    "pattern": (lambda rule: isinstance(rule, str), "a regular expression (RE2)"),
    "items": (lambda rule: isinstance(rule, dict | bool), "a mapping, as in {type: string}"),
    "uniqueItems": (lambda rule: isinstance(rule, bool), "true or false"),
    "properties": (lambda rule: isinstance(rule, dict), "a mapping of names to their rules"),
    "required": (
        lambda rule: isinstance(rule, list) and all(isinstance(name, str) for name in rule),
        "a list of names",
    ),
    "additionalProperties": (lambda rule: isinstance(rule, dict | bool), "true, false, or a mapping"),
    "writeOnly": (lambda rule: isinstance(rule, bool), "true or false"),
    **dict.fromkeys(_BOUNDS, (_is_number, "a number")),
    **dict.fromkeys(_SIZES, (_is_count, "a whole number, 0 or more")),
}
"""Keyword to what its value must be."""
