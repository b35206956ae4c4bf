"""What is otherwise between two versions of a manifest, for people."""

import difflib
from typing import Any, Final

import msgspec

_FIELDS: Final = ("labels", "owner", "review_by", "description", "spec")


def difference(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    """A unified diff of what they say, or of how they are written if only comments differ. None for what is not there."""
    old, new = _lines(before), _lines(after)
    if old == new and (after is None or "text" in after):
        old, new = _written(before), _written(after)
    return list(difflib.unified_diff(old, new, "in force", "given", lineterm="", n=2))


def _lines(manifest: dict[str, Any] | None) -> list[str]:
    if manifest is None:
        return []
    said = {name: manifest.get(name) or None for name in _FIELDS}
    return msgspec.json.format(msgspec.json.encode(said, order="sorted"), indent=2).decode().splitlines()


def _written(manifest: dict[str, Any] | None) -> list[str]:
    text: str = (manifest or {}).get("text") or ""
    return text.splitlines()
