"""Reads manifests' YAML into plain values that remember where they stood.

YAML 1.2 core schema, built straight from the parser's events, so that nothing is constructed before the limits have been
checked: size, depth, aliases, number of values. A document's values are JSON values; dates stay text. Tags, merge keys,
duplicate keys and keys that are not text are refused. JSON is taken, too (and read faster, without lines).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from oncue.core.errors import Refusal

TEXT_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one YAML text. JSON may be as large as the caller allows."""
DEPTH_LIMIT: Final = 64
ALIAS_LIMIT: Final = 100
VALUES_LIMIT: Final = 200_000
"""Values of one text, those that aliases repeat included."""
FILES_LIMIT: Final = 10_000

Path_ = tuple[str | int, ...]

_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SEPARATOR: Final = re.compile(r"\A\s*---[ \t]*\n")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class Place(msgspec.Struct, frozen=True):
    """Where something stands in a text; both count from 1. 0 means unknown."""

    line: int
    column: int


NOWHERE: Final = Place(0, 0)


class Parsed(msgspec.Struct):
    """One document of a text: its value, and the place of every value and key in it."""

    value: Any
    places: dict[Path_, Place]
    """By path into the value; a mapping's entry is placed at its key."""
    plain: dict[Path_, str]
    """The source text of every unquoted scalar that YAML may read as something else than text."""
    file: str = ""
    text: str = ""
    """The document as it is written, comments included; empty if it is JSON."""

    def place(self, path: Path_) -> Place:
        """The place of the value at this path, or of the nearest one around it."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return NOWHERE


def malformed(detail: str, place: Place = NOWHERE, file: str = "") -> Refusal:
    """A refusal manifest.malformed that names the place."""
    where = f"line {place.line}, column {place.column}: " if place.line else ""
    return Refusal(
        "manifest.malformed",
        f"{file}: {where}{detail}" if file else where + detail,
        **({"line": place.line, "column": place.column} if place.line else {}),
    )


def parse_yaml(text: str | bytes, file: str = "", *, merging: bool = False) -> list[Parsed]:
    """The documents of a text, empty ones left out. `file` is only for messages. With `merging`, merge keys of YAML 1.1 are
    ordinary keys, `<<`, for whoever knows what to do with them.

    Raises `Refusal` manifest.malformed with `line` and `column` in `more`.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise malformed(f"not UTF-8 at byte {error.start}", file=file) from error
    json = _parse_json(text, file)
    if json is not None:
        return json
    if len(text) > TEXT_LIMIT:
        raise malformed(f"longer than {TEXT_LIMIT} characters; split it into several files", file=file)
    try:
        return list(_documents(text, file, merging))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = Place(mark.line + 1, mark.column + 1) if mark is not None else NOWHERE
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise malformed(_in_words(reason), place, file) from error


_WORDS: Final = (
    (r"mapping values are not allowed here", "a colon does not fit here: indent the line as those that it belongs to, or quote a text that has a colon in it"),
    (r"expected <block end>, but found '<scalar>'", "text follows a quoted one: put all of it in quotes, as 'a == \"b\"'"),
    (r"expected <block end>, but found|expected '<document start>', but found", "the line does not stand below the ones that it belongs to: indent it as those, with the same number of spaces"),
    (r"found character '\\t' that cannot start any token", "a tab is there: indent with spaces"),
    (r"found character '(.)' that cannot start any token", r"a text cannot begin with \1: quote it"),
    (r"found unexpected end of stream", "a quote is not closed"),
    (r"but found '<stream end>'", "a bracket is not closed"),
    (r"expected ',' or '[\]}]', but got '\{'", "a text with ${...} must be quoted between brackets: \"${...}\"; or a comma is missing before it"),
    (r"expected ',' or '([\]}])'.*", r"a comma or a \1 is missing before it"),
)  # fmt: skip
"""What the parser says, and the same for people who write manifests."""


def _in_words(reason: str) -> str:
    """The parser's reason in words, and as it is if there are none."""
    for pattern, words in _WORDS:
        if found := re.search(pattern, reason):
            return found.expand(words)
    return reason


def read(paths: list[Path]) -> list[Parsed]:
    """The documents of files, and of the `*.yaml`, `*.yml` and `*.json` files anywhere under directories, by name.

    Files that end in `.test.yaml` are policy tests and left out of directories. Raises `Refusal` manifest.malformed.
    """
    found: list[Parsed] = []
    for path in paths:
        files = _files(path) if path.is_dir() else [path]
        if not files:
            raise malformed("no *.yaml, *.yml or *.json file in it", file=str(path))
        for file in files:
            try:
                text = file.read_bytes()
            except OSError as error:
                reason = error.strerror or str(error)
                raise Refusal("manifest.malformed", f"{file}: {reason}", hint="Check the path.") from error
            found += parse_yaml(text, str(file))
    return found


def _files(directory: Path) -> list[Path]:
    found = sorted(
        path
        for path in directory.rglob("*")
        if path.suffix in (".yaml", ".yml", ".json") and path.is_file() and not path.name.endswith(".test.yaml")
    )
    if len(found) > FILES_LIMIT:
        raise malformed(f"more than {FILES_LIMIT} files in it", file=str(directory))
    return found


def _parse_json(text: str, file: str) -> list[Parsed] | None:
    """The documents of a JSON object or array of objects; None if the text is not JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None  # It may be YAML in flow style; if it is not, that parser names line and column.
    if not _shallow(value, DEPTH_LIMIT):
        raise malformed(f"nested deeper than {DEPTH_LIMIT} levels", file=file)
    documents = value if isinstance(value, list) else [value]
    return [Parsed(document, {}, {}, file) for document in documents]


def _shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_shallow(part, levels - 1) for part in parts)


class _Open(msgspec.Struct):
    """A collection that is being filled."""

    value: Any
    path: Path_
    anchor: str | None
    key: str | None = None


def _documents(text: str, file: str, merging: bool) -> Iterator[Parsed]:
    builder, begins = _Builder(file, merging=merging), 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, DocumentStartEvent):
            builder = _Builder(file, builder.values, merging=merging)
        elif isinstance(event, DocumentEndEvent):
            ends = event.end_mark.index
            if builder.parsed.value is not None:
                builder.parsed.text = _SEPARATOR.sub("", text[begins:ends]).strip("\n") + "\n"
                yield builder.parsed
            begins = ends
        else:
            builder.take(event)


class _Builder:
    """Makes one document from its events."""

    def __init__(self, file: str, values: int = 0, *, merging: bool = False) -> None:
        self.parsed = Parsed(None, {}, {}, file)
        self.values = values
        self._file = file
        self._merging = merging
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliases = 0

    def take(self, event: Any) -> None:
        """Take the next event of the document."""
        if isinstance(event, SequenceEndEvent | MappingEndEvent):
            done = self._stack.pop()
            if done.anchor is not None:
                self._anchors[done.anchor] = (done.value, _weight(done.value))
            return
        place = (
            Place(event.start_mark.line + 1, event.start_mark.column + 1) if hasattr(event, "start_mark") else NOWHERE
        )
        if isinstance(event, AliasEvent):
            self._put(self._alias(event.anchor, place), place, plain=None)
        elif isinstance(event, ScalarEvent):
            self._scalar(event, place)
        elif isinstance(event, SequenceStartEvent | MappingStartEvent):
            self._refuse_tag(event, place)
            value: Any = [] if isinstance(event, SequenceStartEvent) else {}
            path = self._put(value, place, plain=None)
            if len(self._stack) >= DEPTH_LIMIT:
                raise malformed(f"nested deeper than {DEPTH_LIMIT} levels", place, self._file)
            self._stack.append(_Open(value, path, event.anchor))

    def _scalar(self, event: ScalarEvent, place: Place) -> None:
        self._refuse_tag(event, place)
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            try:  # JSON writes what lies beyond 16 bits as a pair of escapes
                event.value = event.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            except UnicodeDecodeError as error:
                raise malformed("half a surrogate pair is not a character", place, self._file) from error
        quoted = bool(event.style) or _is_tag(event, "str")
        value = event.value if quoted else self._resolve(event.value, place)
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            # A key. Its text counts, whatever YAML would make of it; only merge keys mean something else.
            if not quoted and event.value == "<<" and not self._merging:
                raise malformed("merge keys (<<) are not part of YAML 1.2; repeat the values", place, self._file)
            value = event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._put(value, place, plain=None if quoted else event.value)

    def _put(self, value: Any, place: Place, *, plain: str | None) -> Path_:
        """Give the value its place in the collection that is open; returns its path."""
        self._count(1, place)
        if not self._stack:
            self.parsed.value = value
            self.parsed.places[()] = place
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            path: Path_ = (*top.path, len(top.value))
            top.value.append(value)
            self.parsed.places[path] = place
        elif top.key is None:
            if not isinstance(value, str):
                raise malformed("a key must be text", place, self._file)
            if value in top.value:
                raise malformed(f"the key {value} is there twice", place, self._file)
            top.key = value
            self.parsed.places[(*top.path, value)] = place
            return (*top.path, value)
        else:
            path = (*top.path, top.key)
            top.value[top.key] = value
            top.key = None
        if plain is not None:
            self.parsed.plain[path] = plain
        return path

    def _alias(self, anchor: str, place: Place) -> Any:
        self._aliases += 1
        if self._aliases > ALIAS_LIMIT:
            raise malformed(f"more than {ALIAS_LIMIT} aliases", place, self._file)
        if anchor not in self._anchors:
            raise malformed(f"the alias *{anchor} has no anchor before it", place, self._file)
        value, weight = self._anchors[anchor]
        self._count(weight, place)
        return value

    def _count(self, more: int, place: Place) -> None:
        self.values += more
        if self.values > VALUES_LIMIT:
            raise malformed(f"more than {VALUES_LIMIT} values; split it into several files", place, self._file)

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag is not None and not _is_tag(event, "str", "map", "seq"):
            raise malformed(f"tags such as {event.tag} are not taken", place, self._file)

    def _resolve(self, text: str, place: Place) -> Any:
        """An unquoted scalar by YAML 1.2's core schema."""
        if _NULL.fullmatch(text):
            return None
        if _BOOL.fullmatch(text):
            return text[0] in "tT"
        if _INT.fullmatch(text):
            if len(text) > 20 or not -(2**63) <= (number := _integer(text)) < 2**64:
                raise malformed(f"the number {text[:24]} is too large; quote it if it is text", place, self._file)
            return number
        if _FLOAT.fullmatch(text):
            number_ = float(text)
            if number_ in (float("inf"), float("-inf")):
                raise malformed(f"the number {text[:24]} is too large; quote it if it is text", place, self._file)
            return number_
        if _NOT_FINITE.fullmatch(text):
            raise malformed(f"{text} is not a number that JSON knows", place, self._file)
        return text


def _integer(text: str) -> int:
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text[2:], 16) if text.startswith("0x") else int(text, 10)


def _is_tag(event: Any, *names: str) -> bool:
    return event.tag is not None and str(event.tag) in {f"tag:yaml.org,2002:{name}" for name in names}


def _weight(value: Any) -> int:
    """How many values a value is made of."""
    if isinstance(value, dict):
        return 1 + sum(1 + _weight(part) for part in value.values())
    return 1 + sum(_weight(part) for part in value) if isinstance(value, list) else 1
