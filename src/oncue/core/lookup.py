"""The lookup table: what is known of a key, for expressions: `lookup("owners", event.resource).team`.

A table is a manifest: versioned, a part of the configuration, and so the same when a journal is replayed. Finding a row costs
the same in a table of ten rows and of ten thousand, but for globs, which are tried one after the other.
"""

import ipaddress
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.errors import Refusal
from oncue.core.expression import glob
from oncue.core.spec import Spec

ROWS: Final = 50_000
GLOBS: Final = 500
"""Rows of a table whose keys are globs."""
COLUMNS: Final = 30
ROW_BYTES: Final = 4096

Row = dict[str, str]


class LookupSpec(Spec, kw_only=True, frozen=True):
    """What is known of a key, for expressions: `lookup("owners", event.resource).team`."""

    description: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    """What it holds, and where that comes from."""
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "key"
    """The column that is looked in."""
    match: Literal["exact", "prefix", "cidr", "glob"] = "exact"
    """`prefix`: the longest key that the text begins with; `cidr`: the smallest network that the address is in; `glob`: the
    pattern with * and ? that says most."""
    rows: Annotated[list[Row], msgspec.Meta(max_length=ROWS)]
    """At most 50,000, 500 with globs; each has the key's column, and the same key only once."""


class Table:
    """A table, ready to be looked in."""

    __slots__ = ("_exact", "_globs", "_lengths", "_match", "_networks")

    def __init__(self, spec: LookupSpec) -> None:
        self._match: Final = spec.match
        self._exact: dict[str, Row] = {}
        self._lengths: list[int] = []
        self._globs: list[tuple[Any, Row]] = []
        self._networks: list[tuple[int, int, dict[int, Row]]] = []
        if spec.match == "glob":
            rows = sorted(spec.rows, key=lambda row: (-_said(row[spec.key]), row[spec.key]))
            self._globs = [(glob(row[spec.key]), row) for row in rows]
        elif spec.match == "cidr":
            networks: dict[tuple[int, int], dict[int, Row]] = {}
            for row in spec.rows:
                network = ipaddress.ip_network(row[spec.key], strict=False)
                found = networks.setdefault((network.version, network.prefixlen), {})
                found[int(network.network_address)] = row
            self._networks = [
                (version, length, networks[(version, length)])
                for version, length in sorted(networks, key=lambda one: (one[0], -one[1]))
            ]
        else:
            self._exact = {row[spec.key]: row for row in spec.rows}
            self._lengths = sorted({len(key) for key in self._exact}, reverse=True)

    def find(self, key: str) -> Row | None:
        """The row of a key; None if there is none."""
        match self._match:
            case "exact":
                return self._exact.get(key)
            case "prefix":
                rows = self._exact
                return next((rows[key[:size]] for size in self._lengths if key[:size] in rows), None)
            case "glob":
                return next((row for pattern, row in self._globs if pattern.match(key) is not None), None)
            case "cidr":
                return self._network_of(key)

    def _network_of(self, text: str) -> Row | None:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return None
        number, bits = int(address), address.max_prefixlen
        for version, length, networks in self._networks:
            if version == address.version:
                row = networks.get(number >> (bits - length) << (bits - length))
                if row is not None:
                    return row
        return None


def _said(pattern: str) -> int:
    return sum(character not in "*?" for character in pattern)


def check(spec: LookupSpec) -> None:
    """Refuse rows without a key, keys that are there twice or no network, and what is too large. Raises `Refusal`
    manifest.invalid."""
    if spec.match == "glob" and len(spec.rows) > GLOBS:
        raise Refusal("manifest.invalid", f"rows: {len(spec.rows)} with globs; at most {GLOBS} are taken")
    seen: dict[Any, int] = {}
    for number, row in enumerate(spec.rows, 1):
        key = row.get(spec.key)
        if not key:
            raise Refusal("manifest.invalid", f"rows: the {number}. has no {spec.key!r}, which is the key")
        if len(row) > COLUMNS or sum(len(name) + len(text) for name, text in row.items()) > ROW_BYTES:
            raise Refusal("manifest.invalid", f"rows: the {number}. ({key[:100]!r}) is too large")
        known: Any = key
        if spec.match == "cidr":
            try:
                known = ipaddress.ip_network(key, strict=False)
            except ValueError as error:
                raise Refusal("manifest.invalid", f"rows: the {number}.: {error}") from error
        if known in seen:
            raise Refusal(
                "manifest.invalid", f"rows: the {number}. and the {seen[known]}. have the same key {key[:100]!r}"
            )
        seen[known] = number


class Tables:
    """Tables that have been looked in. Each is made of its manifest at first use, and again when that has changed."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[str, tuple[Any, Table]] = {}

    def of(self, id: str, spec: Any) -> Table:
        """The table of the manifest of this id, whose spec this is."""
        made = self._made.get(id)
        if made is None or made[0] is not spec:
            made = self._made[id] = (spec, Table(msgspec.convert(spec, LookupSpec)))
        return made[1]
