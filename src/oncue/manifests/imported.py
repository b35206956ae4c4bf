"""What is read from another inventory on its way to becoming manifests: `topology_csv` and `servicenow` fill it.

Names of manifests are narrower than those of inventories. A name that is not valid is made so, and the original is kept as
an alias, because events will say it. Links name what is in the import by its new name, and anything else as it was written.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec

from oncue.core.manifest import API_VERSION
from oncue.core.topology import Relation

NAME_LENGTH: Final = 63
ALIASES: Final = 50
TARGETS: Final = 1000
"""What a manifest takes of each."""

_INVALID: Final = re.compile(r"[^a-z0-9.-]+")


class Item(msgspec.Struct, kw_only=True):
    """A resource or service of the inventory."""

    name: str
    """As the inventory calls it."""
    place: str
    """Where it stands: file and line, or record."""
    kind: Literal["Resource", "Service"] = "Resource"
    type: str = ""
    aliases: list[str] = []
    criticality: str | None = None
    owner: str | None = None
    service: str | None = None
    description: str | None = None
    labels: dict[str, str] = {}
    links: list[tuple[Relation, "str | Item"]] = []
    """What it needs: another item, or a name that is none."""
    valid: str = ""
    """Its name as a manifest; see `settle`."""


class Import(msgspec.Struct):
    """What was read."""

    items: list[Item] = []
    errors: list[str] = []
    """What is wrong with the files, each with its place: nothing is to be applied."""
    left_out: list[str] = []
    """What could not be converted, each with its place; the rest is sound."""


def settle(read: Import) -> None:
    """Give every item its valid name: those whose own is valid keep it."""
    taken: dict[tuple[str, str], Item] = {}
    rest = []
    for item in read.items:
        if valid_name(item.name) == item.name and (item.kind, item.name) not in taken:
            item.valid = item.name
            taken[(item.kind, item.name)] = item
        else:
            rest.append(item)
    for item in rest:
        made = wanted = valid_name(item.name) or "unnamed"
        number = 2
        while (item.kind, made) in taken:
            # Without a hyphen: `shop-2` would be taken for a part of `shop`.
            made = f"{wanted[: NAME_LENGTH - len(str(number))].rstrip('.-')}{number}"
            number += 1
        item.valid = made
        taken[(item.kind, made)] = item


def valid_name(name: str) -> str:
    """The name as a manifest may have it; empty if nothing of it may stay."""
    return _INVALID.sub("-", name.lower()).strip(".-")[:NAME_LENGTH].rstrip(".-")


def valid_type(type: str) -> str:
    """The type as a manifest may have it; `resource` if nothing of it may stay."""
    plain = re.sub(r"[^a-z0-9_.-]+", "_", type.strip().lower())
    return plain.strip("_.-")[:NAME_LENGTH].rstrip("_.-") or "resource"


def manifests(read: Import, namespace: str | None) -> Iterator[tuple[Item, dict[str, Any]]]:
    """Every item with its manifest, in the order of the files. Lists that are too long are cut, and said so."""
    for item in read.items:
        metadata: dict[str, Any] = {"name": item.valid}
        if namespace is not None:
            metadata["namespace"] = namespace
        yield item, {"apiVersion": API_VERSION, "kind": item.kind, "metadata": metadata, "spec": _spec(read, item)}


def _spec(read: Import, item: Item) -> dict[str, Any]:
    links: dict[str, list[str]] = {"depends_on": [], "runs_on": [], "part_of": []}
    for relation, target in item.links:
        name = target if isinstance(target, str) else _called(target)
        into = links["depends_on" if item.kind == "Service" else relation]
        if name not in into:
            into.append(name)
    for said, names in links.items():
        if len(names) > TARGETS:
            read.left_out.append(f"{item.place}: {item.name}: {len(names) - TARGETS} of {len(names)} {said}")
            del names[TARGETS:]
    spec: dict[str, Any] = {}
    if item.kind == "Service":
        description = item.description or (item.name if item.valid != item.name else None)
        given: dict[str, Any] = {"description": description, "depends_on": links["depends_on"]}
    else:
        aliases = list(dict.fromkeys(name for name in (item.name, *item.aliases) if name != item.valid))
        if len(aliases) > ALIASES:
            read.left_out.append(f"{item.place}: {item.name}: {len(aliases) - ALIASES} of {len(aliases)} aliases")
        given = {"type": item.type or None, "aliases": aliases[:ALIASES], **links, "service": item.service}
        given["labels"] = item.labels  # those of a service would have events matched to it
    given |= {"criticality": item.criticality, "owner": item.owner}
    spec.update((name, value) for name, value in given.items() if value)
    return spec


def _called(item: Item) -> str:
    return item.valid if item.kind == "Resource" else f"service:{item.valid}"


def as_yaml(manifest: dict[str, Any]) -> str:
    """The manifest as a YAML document. What JSON writes is YAML; a library would take a minute for 50,000."""
    lines = [f"{name}: {manifest[name]}" for name in ("apiVersion", "kind")]
    lines.append(f"metadata: {_flow(manifest['metadata'])}")
    if not manifest["spec"]:
        lines.append("spec: {}")
    else:
        lines.append("spec:")
        lines += [f"  {name}: {_flow(value)}" for name, value in manifest["spec"].items()]
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(name)}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _quoted(value)


def _quoted(text: str) -> str:
    plain = re.fullmatch(r"[a-z][a-z0-9_.-]*", text) and text not in ("true", "false", "null", "yes", "no", "on", "off")
    return text if plain else msgspec.json.encode(text).decode()
