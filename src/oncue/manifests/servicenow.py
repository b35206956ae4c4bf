"""A topology from a ServiceNow CMDB: rows of the tables cmdb_ci and cmdb_rel_ci, exported as CSV or JSON.

A configuration item becomes a resource, or a service if its class is one of those; a relation becomes a link, by the name
of its type, `what the parent does::what the child does`. Rows that say nothing which a manifest could are listed, and the
others are taken: such exports are rarely whole.
"""

import csv
import io
from collections import Counter
from typing import Any, Final, Literal

import msgspec

from oncue.core.topology import Relation
from oncue.manifests.imported import Import, Item, valid_type

SERVICES: Final = frozenset(
    {"service", "service_auto", "service_discovered", "service_business", "service_technical", "service_calculated",
     "business_service", "technical_service", "application_service", "mapped_application_service"}
)  # fmt: skip
"""Classes that are services, without `cmdb_ci_`, or as people see them."""

RELATIONS: Final[dict[str, tuple[Relation, Literal["parent", "child"]]]] = {
    "depends on::used by": ("depends_on", "parent"),
    "uses::used by": ("depends_on", "parent"),
    "consumes::consumed by": ("depends_on", "parent"),
    "runs on::runs": ("runs_on", "parent"),
    "hosted on::hosts": ("runs_on", "parent"),
    "virtualized by::virtualizes": ("runs_on", "parent"),
    "instantiates::instantiated by": ("runs_on", "child"),
    "contains::contained by": ("part_of", "child"),
    "members::member of": ("part_of", "child"),
    "owns::owned by": ("part_of", "child"),
}
"""Name of a relation's type -> the link, and which of the two says it."""

CRITICALITIES: Final = {"1": "critical", "2": "high", "3": "medium", "4": "low"}
"""By the first character of the business criticality, `1 - most critical` to `4 - not critical`."""

ALIASES: Final = ("fqdn", "host_name", "ip_address", "correlation_id")
LABELS: Final = ("environment", "location", "support_group", "assignment_group", "u_environment", "used_for")


class Rows(msgspec.Struct):
    """Rows of both tables, each with its place."""

    items: list[tuple[str, dict[str, str]]] = []
    relations: list[tuple[str, dict[str, str]]] = []


def is_export(columns: list[str]) -> bool:
    """Whether a table with these columns is one of these exports."""
    known = {name.strip().lower() for name in columns}
    return {"parent", "child"} <= known or bool({"sys_id", "sys_class_name"} & known)


def read_csv(text: str, file: str, into: Rows, errors: list[str]) -> None:
    """Add the rows of a file."""
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        for row in rows:
            cells = {name.strip().lower(): (cell or "").strip() for name, cell in row.items() if name is not None}
            _add(f"{file}:{rows.line_num}", cells, into)
    except csv.Error as error:
        errors.append(f"{file}:{rows.line_num}: {error}")


def read_json(document: Any, file: str, into: Rows, errors: list[str]) -> None:
    """Add the records of a file: a list, or an object of lists, as `{"result": [...]}`, `{"records": [...]}` or
    `{"cmdb_ci": [...], "cmdb_rel_ci": [...]}`."""
    lists = list(document.values()) if isinstance(document, dict) else [document]
    if not lists or not all(isinstance(one, list) for one in lists):
        errors.append(f"{file}: this is no list of records, and no object of such lists")
        return
    for records in lists:
        for number, record in enumerate(records, 1):
            if not isinstance(record, dict):
                errors.append(f"{file}: record {number} is no object")
                continue
            _add(f"{file}: record {number}", {name: _text(name, value) for name, value in record.items()}, into)


def convert(rows: Rows, into: Import) -> None:
    """Make items of the rows, and links of the relations between them."""
    by_id: dict[str, Item] = {}
    by_name: dict[str, list[Item]] = {}
    for place, row in rows.items:
        name = row.get("name", "")
        if not name or len(name) > 255:
            into.left_out.append(f"{place}: its name is {'empty' if not name else 'too long'}")
            continue
        if row.get("sys_id") in by_id:
            into.left_out.append(f"{place}: {name!r} is at {by_id[row['sys_id']].place}, too")
            continue
        item = _item(name, place, row)
        into.items.append(item)
        if row.get("sys_id"):
            by_id[row["sys_id"]] = item
        by_name.setdefault(name, []).append(item)
    unknown: Counter[str] = Counter()
    for place, row in rows.relations:
        kind = " ".join(row.get("type", "").split())
        known = RELATIONS.get(kind.lower())
        if known is None:
            unknown[kind] += 1
            continue
        ends = {}
        for end in ("parent", "child"):
            wanted = row.get(end, "")
            found = [by_id[wanted]] if wanted in by_id else by_name.get(wanted, [])
            if len(found) == 1:
                ends[end] = found[0]
            else:
                said = "is not among the items" if not found else f"is the name of {len(found)} items"
                into.left_out.append(f"{place}: {end} {wanted!r} {said}")
        if len(ends) == 2:
            relation, teller = known
            _link(ends[teller], relation, ends["child" if teller == "parent" else "parent"], place, into)
    for kind, count in sorted(unknown.items()):
        into.left_out.append(f"{count} relations of the type {kind!r}: nothing is known of what needs what")


def _link(teller: Item, relation: Relation, target: Item, place: str, into: Import) -> None:
    if teller is target:
        into.left_out.append(f"{place}: {teller.name!r} is related to itself")
    elif teller.kind == "Service" and relation == "part_of":
        into.left_out.append(f"{place}: the service {teller.name!r} is part of {target.name!r}: a service is no part")
    else:
        teller.links.append((relation, target))


def _item(name: str, place: str, row: dict[str, str]) -> Item:
    kind = valid_type(row.get("sys_class_name", "")).removeprefix("cmdb_ci_")
    level = row.get("busines_criticality") or row.get("business_criticality") or ""
    return Item(
        name=name,
        place=place,
        kind="Service" if kind in SERVICES else "Resource",
        type="" if kind in ("cmdb_ci", "resource") else kind,
        aliases=[row[field] for field in ALIASES if row.get(field) and len(row[field]) <= 255],
        criticality=CRITICALITIES.get(level[:1]),
        description=row.get("short_description", "")[:500] or None,
        labels={field: row[field] for field in LABELS if row.get(field)},
    )


def _add(place: str, row: dict[str, str], into: Rows) -> None:
    (into.relations if "parent" in row and "child" in row else into.items).append((place, row))


def _text(name: str, value: Any) -> str:
    """A value is a string, or an object with what is kept and what people see. Of references the id is wanted, of
    everything else the words."""
    if isinstance(value, dict):
        first, second = (
            ("value", "display_value") if name in ("parent", "child", "sys_id") else ("display_value", "value")
        )
        value = value.get(first) or value.get(second) or ""
    return str(value if value is not None else "").strip()
