"""Alertmanager's configuration on its way to becoming manifests: where each thing stands, and what is said about it."""

from typing import Any, Final, Literal

import msgspec

from oncue.manifests.document import Parsed, Path_

MERGE: Final = "<<"
DEPTH: Final = 120
"""Levels in which merge keys are looked for: more than a configuration may have."""


class Remark(msgspec.Struct, frozen=True):
    """Something that could not be converted, or means something else now."""

    level: Literal["left out", "differs"]
    """Whether nothing has come of it, or something that is not quite the same."""
    field: str
    """As `route.routes[0].group_by`."""
    line: int
    column: int
    why: str
    instead: str
    """What to do about it."""


class Secret(msgspec.Struct, frozen=True):
    """A credential that the manifests refer to. Its value is never copied."""

    name: str
    line: int
    """Where it, or what it is made of, stands."""
    value: str
    """What to set it to."""


class Reading:
    """One configuration that is being read."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        parsed.value = self._merged(parsed.value, (), DEPTH)
        self.remarks: list[Remark] = []
        self.secrets: list[Secret] = []

    def _merged(self, value: Any, path: Path_, depth: int) -> Any:
        """The value with what its merge keys (`<<`) bring; a mapping's own entries come first."""
        if isinstance(value, list) and depth:
            return [self._merged(one, (*path, index), depth - 1) for index, one in enumerate(value)]
        if not isinstance(value, dict) or not depth:
            return value
        found = {name: self._merged(one, (*path, name), depth - 1) for name, one in value.items() if name != MERGE}
        brought = value.get(MERGE)
        for one in brought if isinstance(brought, list) else [brought]:
            more = self._merged(one, (*path, MERGE), depth - 1)
            for name, inner in more.items() if isinstance(more, dict) else ():
                if name not in found:
                    found[name] = inner
                    self.parsed.places[(*path, name)] = self.parsed.place((*path, MERGE))
        return found

    def line(self, path: Path_) -> int:
        """Where the value stands."""
        return self.parsed.place(path).line

    def left_out(self, path: Path_, why: str, instead: str) -> None:
        """Nothing has come of it."""
        self._remark("left out", path, why, instead)

    def differs(self, path: Path_, why: str, instead: str) -> None:
        """What has come of it is not quite the same."""
        self._remark("differs", path, why, instead)

    def _remark(self, level: Literal["left out", "differs"], path: Path_, why: str, instead: str) -> None:
        place = self.parsed.place(path)
        found = Remark(level, dotted(path), place.line, place.column, why, instead)
        if found not in self.remarks:
            self.remarks.append(found)

    def secret(self, name: str, path: Path_, value: str) -> str:
        """A reference to a credential, which is to be set."""
        found = Secret(name, self.line(path), value)
        if found not in self.secrets:
            self.secrets.append(found)
        return f"secret://{name}"

    def mapping(self, value: Any, path: Path_) -> dict[str, Any]:
        """The value if it is a mapping, else an empty one; what is neither is said."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.left_out(path, "it is not a mapping", "Alertmanager refuses it, too")
        return {}

    def items(self, value: Any, path: Path_) -> list[Any]:
        """The value if it is a list, else an empty one; what is neither is said."""
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.left_out(path, "it is not a list", "Alertmanager refuses it, too")
        return []

    def texts(self, value: Any, path: Path_) -> list[str]:
        """The members that are text, or a number that was meant as text."""
        return [
            self.parsed.plain.get((*path, index), str(one))
            for index, one in enumerate(self.items(value, path))
            if isinstance(one, str | int | float) and not isinstance(one, bool)
        ]

    def text(self, value: Any, path: Path_) -> str | None:
        """The value as it was written; None if it is not one."""
        if value is None or isinstance(value, dict | list):
            return None
        return value if isinstance(value, str) else self.parsed.plain.get(path, str(value))

    def unknown(self, given: dict[str, Any], known: frozenset[str], path: Path_) -> None:
        """Say which fields are none that this importer knows."""
        for name in given:
            if name not in known:
                self.left_out(
                    (*path, name),
                    "it is no field of Alertmanager's configuration up to 0.29",
                    "look it up in Alertmanager's documentation",
                )


def dotted(path: Path_) -> str:
    """The path as people write it."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
