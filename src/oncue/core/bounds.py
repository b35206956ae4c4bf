"""How large, and how deep in each other, the values may be that runs keep.

An expression can make a value twice as long as what it sees, and a step can put it where the next one sees it: without a
bound a few steps would fill the memory of the engine. What lies too deep in each other cannot be taken apart again.
"""

from typing import Any, Final

import msgspec

from oncue.core.expression import Failed

VALUE_LIMIT: Final = 1024 * 1024
"""Bytes, as JSON, of what a step takes, of what it gives to later ones, and of all variables of a run."""
NESTED_LIMIT: Final = 100
"""How deep a value may lie in others."""


def kept(value: Any, what: str) -> Any:
    """The value as state keeps it and rows give it back. Raises `Failed` if it is too large or too deep; that says `what`."""
    text = msgspec.json.encode(value)
    if len(text) > VALUE_LIMIT:
        raise Failed(f"{what}: {len(text)} bytes, at most {VALUE_LIMIT} are kept")
    found = msgspec.json.decode(text)
    if text.count(b"{") + text.count(b"[") > NESTED_LIMIT and too_deep(found):
        raise Failed(f"{what}: values lie more than {NESTED_LIMIT} deep in each other")
    return found


def too_deep(value: Any) -> bool:
    """Whether lists and objects lie deeper in each other than they may."""
    level = [value]
    for _ in range(NESTED_LIMIT + 1):
        level = [inner for one in level if isinstance(one, dict | list) for inner in _within(one)]
        if not level:
            return False
    return True


def _within(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value
