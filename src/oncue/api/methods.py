"""Which methods each address takes: a 405 has to name them (RFC 9110, 15.5.6).

OPTIONS is not among them. A browser asks by it whether a page of another site may call the API (CORS); no page may.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from oncue.core.errors import Refusal

KNOWN: Final = ("get", "put", "post", "delete", "patch")


class Methods:
    """By the paths of the OpenAPI document. Where several paths fit an address, the one with the fewest parameters stands for it."""

    def __init__(self, paths: Mapping[str, Collection[str]]) -> None:
        by_parameters = sorted(paths, key=lambda path: (path.count("{"), path))
        self._routes = [
            (_pattern(path).fullmatch, ", ".join(method.upper() for method in KNOWN if method in paths[path]))
            for path in by_parameters
        ]

    def require(self, method: str, path: str) -> None:
        """Raises `Refusal` request.method_not_allowed if something is at this path, and takes other methods only."""
        allow = next((allow for matches, allow in self._routes if matches(path)), None)
        if allow is not None and method not in allow.split(", "):
            raise Refusal("request.method_not_allowed", f"{method}; {allow} are taken", allow=allow)


def _pattern(path: str) -> re.Pattern[str]:
    """Of the addresses that a path of the document stands for, such as `/api/v1/alerts/{id}`."""
    parts = re.split(r"\{[^}]*\}", path)
    return re.compile("[^/]+".join(map(re.escape, parts)) + "/?")
