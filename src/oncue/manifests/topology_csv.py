"""A topology as a table: one row for each resource, lists separated by semicolons.

Columns, in any order, of which only `name` must be there: `name, type, aliases, depends_on, runs_on, part_of, criticality,
owner, service`. A row of the type `service` is a Service. A link names another row by its name or an alias, or anything
else that is or will be in the topology.
"""

import csv
import io
from typing import Final

from oncue.core.prioritise import CRITICALITIES
from oncue.core.topology import Relation
from oncue.manifests.imported import Import, Item, valid_name, valid_type
from oncue.manifests.shape import near

LINKS: Final[tuple[Relation, ...]] = ("depends_on", "runs_on", "part_of")
COLUMNS: Final = ("name", "type", "aliases", *LINKS, "criticality", "owner", "service")
LONGEST: Final = 255
"""Characters of a name or alias."""


def read(text: str, file: str, into: Import) -> None:
    """Add the rows of a file. What is wrong with them is added to the errors, with file and line."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        for name in header:
            if name not in COLUMNS:
                into.errors.append(f"{file}:1: there is no column {name!r}{near(name, list(COLUMNS))}")
        if "name" not in header:
            into.errors.append(f"{file}:1: there is no column 'name'")
        if into.errors:
            return
        for row in rows:
            if any(cell.strip() for cell in row):
                _row(header, row, f"{file}:{rows.line_num}", into)
    except csv.Error as error:
        into.errors.append(f"{file}:{rows.line_num}: {error}")


def link(into: Import) -> None:
    """Once all files are read: have links name the rows that they mean, and say what is there twice."""
    named: dict[str, Item] = {}
    for item in into.items:
        key = f"service:{item.name}" if item.kind == "Service" else item.name
        if key in named:
            into.errors.append(f"{item.place}: {item.name!r} is at {named[key].place}, too")
        named[key] = item
    for item in into.items:
        for name in (item.name, *item.aliases):
            named.setdefault(name, item)
    for item in into.items:
        item.links = [
            (relation, named.get(target, target) if isinstance(target, str) else target)
            for relation, target in item.links
        ]  # fmt: skip


def _row(header: list[str], row: list[str], place: str, into: Import) -> None:
    if len(row) > len(header):
        into.errors.append(f"{place}: there are {len(row)} fields, and {len(header)} columns")
        return
    cells = {name: cell.strip() for name, cell in zip(header, row, strict=False)}
    item = Item(name=cells.get("name", ""), place=place, type=valid_type(cells.get("type", "")))
    if not item.name:
        into.errors.append(f"{place}: the name is empty")
    if item.type == "service":
        item.kind = "Service"
    item.aliases = _list(cells.get("aliases", ""))
    item.criticality = cells.get("criticality", "").lower() or None
    if item.criticality is not None and item.criticality not in CRITICALITIES:
        into.errors.append(f"{place}: criticality: {item.criticality!r} is none of {', '.join(CRITICALITIES)}")
    owner = cells.get("owner", "")
    item.owner = (owner if ":" in owner else f"team:{valid_name(owner)}") if owner else None
    service = cells.get("service", "")
    item.service = valid_name(service.removeprefix("service:")) or None
    if item.kind == "Service" and (item.aliases or item.service):
        into.left_out.append(f"{place}: {item.name}: a service has no aliases and no service")
    for relation in LINKS:
        item.links += [(relation, target) for target in _list(cells.get(relation, ""))]
    for name in (item.name, *item.aliases, *(str(target) for _, target in item.links)):
        if len(name) > LONGEST:
            into.errors.append(f"{place}: {name[:40]!r}... has more than {LONGEST} characters")
    into.items.append(item)


def _list(cell: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in cell.split(";") if part.strip()))
