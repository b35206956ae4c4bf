"""Parameters of a statement: `:name` in its text becomes a numbered place, and the value goes beside the text, never into it.

What stands in quotes and comments is left alone, and so are PostgreSQL's casts (`::text`), slices and named arguments (`:=`).
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from oncue.sdk import ActionError

_COMMON: Final = r"""
    '(?:[^']|'')*+'             # text
  | "(?:[^"]|"")*+"             # a name
  | --[^\n]*+                   # comments
  | /\*.*?\*/
  | ::                          # a cast
  | :=
  | (?<!\w):(?P<name>[A-Za-z_]\w*+)
"""
POSTGRESQL: Final = re.compile(
    r"\b[eE]'(?:[^'\\]|\\.|'')*+' | \$(?P<tag>(?:[A-Za-z_]\w*+)?)\$.*?\$(?P=tag)\$ |" + _COMMON, re.VERBOSE | re.DOTALL
)
"""It has text with backslashes and between dollars as well."""
SQLITE: Final = re.compile(r"`(?:[^`]|``)*+` | \[[^\]]*+\] |" + _COMMON, re.VERBOSE | re.DOTALL)
"""It has names in backquotes and brackets as well."""


def mismatches(text: str, given: Collection[str]) -> tuple[list[str], list[str]]:
    """Names of the text that are not given, and those given that it does not have, whatever the dialect."""
    dialects = [{found["name"] for found in one.finditer(text) if found["name"]} for one in (POSTGRESQL, SQLITE)]
    missing = sorted(set.intersection(*dialects) - set(given))
    return missing, [name for name in given if not any(name in names for names in dialects)]


def numbered(text: str, parameters: Mapping[str, Any], dialect: re.Pattern[str], sign: str) -> tuple[str, list[Any]]:
    """The text with `sign` and a number for each name, and the values in that order.

    Raises `ActionError` inputs.invalid for a name without a value, and a value whose name the text does not have.
    """
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in parameters:
            raise ActionError("inputs.invalid", f"parameters: the query has :{name}, which is not given")
        return f"{sign}{places.setdefault(name, len(places) + 1)}"

    bound = dialect.sub(place, text)
    unused = [name for name in parameters if name not in places]
    if unused:
        raise ActionError("inputs.invalid", f"parameters: the query has no :{unused[0]}")
    return bound, [parameters[name] for name in places]
