"""Changes JSON documents in one place at a time: for what must find any of them."""

import json
from collections.abc import Callable, Iterator
from typing import Any


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values are in a JSON document, and where its lists and objects are."""
    if path:
        yield path
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*path, name))


def kinds(document: Any) -> list[tuple[Any, ...]]:
    """A place of each kind, the first and the last: list indexes aside, `records[3].body` is as `records[7].body`."""
    first: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    last: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for path in places(document):
        kind = tuple("#" if isinstance(part, int) else part for part in path)
        first.setdefault(kind, path)
        last[kind] = path
    return sorted({*first.values(), *last.values()}, key=repr)


def bent(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value[:-1] + ("0" if value[-1:] != "0" else "1") if value else "x"
        case None:
            return "x"
        case list():
            return [*value[:-1]] if value else ["x"]
        case _:
            return {**value, "x": 1}


def without(document: Any, path: tuple[Any, ...], make: Callable[[Any], Any] | None) -> Any:
    """The document with another value at a place, or, if `make` is None, without what is there."""
    whole = json.loads(json.dumps(document))
    inner = whole
    for part in path[:-1]:
        inner = inner[part]
    if make is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = make(inner[path[-1]])
    return whole
