"""Expressions in manifests: whether they compile, with the place of those that do not."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from oncue.core import expression
from oncue.core.errors import Refusal
from oncue.core.expression import FUNCTIONS, VARIABLES
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.shape import near

_UNDECLARED: Final = re.compile(r"there is no (?:function )?(\w+)$")


def compiles(
    text: str | None, path: Path_, expected: str | None = None, names: tuple[str, ...] = ()
) -> Iterator[Finding]:
    """An expression compiles; `names` are variables besides those that every place has."""
    if text is None:
        return
    try:
        expression.compile_check(text, expected, names)
    except Refusal as refusal:
        strange = _UNDECLARED.search(refusal.detail)
        hint = near(strange[1], (*VARIABLES, *names, *FUNCTIONS)) if strange is not None else ""
        yield Finding(path, refusal.detail + hint, refusal.code)


def templates(value: Any, path: Path_, names: tuple[str, ...] = ()) -> Iterator[Finding]:
    """Every `${...}` in a nested value compiles."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from templates(inner, (*path, key), names)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from templates(inner, (*path, index), names)
    elif isinstance(value, str) and "${" in value:
        try:
            for part in expression.expressions_in(value):
                yield from compiles(part, path, None, names)
        except Refusal as refusal:
            yield Finding(path, refusal.detail, refusal.code)
