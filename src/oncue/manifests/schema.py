"""JSON Schema of each kind, for editors and for the reference."""

import inspect
import re
from typing import Any, Final

import msgspec

from oncue.core.errors import Refusal
from oncue.core.manifest import API_VERSION, KINDS, Metadata
from oncue.manifests.shape import near

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_STRING: Final = re.compile(r'^    (\w+): .*\n(?:^ {8}.*\n|^    [)\]].*\n)*?^    """((?:.|\n)*?)"""', re.MULTILINE)


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a whole manifest of this kind. Raises `Refusal` manifest.kind_unknown."""
    struct = KINDS.get(kind)
    if struct is None:
        raise Refusal("manifest.kind_unknown", f"{kind!r} is none of {', '.join(KINDS)}{near(kind, list(KINDS))}")
    (metadata, spec), components = msgspec.json.schema_components([Metadata, struct], ref_template="#/$defs/{name}")
    for name, component in components.items():
        _describe(component, STRUCTS[name])
    return {
        "$schema": DIALECT,
        "title": kind,
        "description": components[struct.__name__].get("description", ""),
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind},
            "metadata": metadata,
            "spec": spec,
        },
        "$defs": components,
    }


def descriptions(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The docstrings of a struct's fields, inherited ones included, by name in the code: the text in quotes after each."""
    bases = [one for one in reversed(struct.__mro__) if issubclass(one, msgspec.Struct) and one is not msgspec.Struct]
    found = (_STRING.findall(inspect.getsource(one)) for one in bases)
    return {name: " ".join(text.split()) for fields in found for name, text in fields}


def _describe(component: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    said = descriptions(struct)
    for field in msgspec.structs.fields(struct):
        if field.name in said:
            entry = component["properties"][field.encode_name]
            if "$ref" in entry:
                entry = component["properties"][field.encode_name] = {"allOf": [entry]}
            entry["description"] = said[field.name]


def _structs() -> dict[str, type[msgspec.Struct]]:
    """Every struct of the manifests' schemas, by name."""
    from oncue.core import (
        approval,
        change_spec,
        condition,
        contact,
        export,
        manifest,
        override,
        self_service,
        shaped,
        subscription,
        trigger,
        workflow_spec,
    )

    modules = (
        condition, override, shaped, contact, export, subscription, approval, trigger, self_service, workflow_spec, change_spec, manifest,
    )  # fmt: skip
    return {
        name: thing
        for module in modules
        for name, thing in vars(module).items()
        if isinstance(thing, type) and issubclass(thing, msgspec.Struct)
    }


STRUCTS: Final = _structs()
"""Every struct that a manifest may be made of, by name."""
