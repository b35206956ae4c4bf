"""Durations as Prometheus writes them, and as OnCue does."""

import re
from typing import Final

_PARTS: Final = (
    ("y", 365 * 86400.0), ("w", 7 * 86400.0), ("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001),
)  # fmt: skip
_FORM: Final = re.compile("".join(rf"(?:(\d{{1,12}}){unit})?" for unit, _ in _PARTS))


def seconds(text: str | None) -> float | None:
    """The duration in seconds; None if it is none."""
    if text == "0":
        return 0.0
    found = _FORM.fullmatch(text) if text else None
    if found is None:
        return None
    return sum(int(number) * unit_s for number, (_, unit_s) in zip(found.groups(), _PARTS, strict=True) if number)


def written(length_s: float) -> str:
    """The duration as OnCue writes it, whole milliseconds: `1h30m`."""
    rest = round(length_s * 1000)
    said = ""
    for unit, unit_s in _PARTS[2:]:
        count, rest = divmod(rest, round(unit_s * 1000))
        if count:
            said += f"{count}{unit}"
    return said or "0s"
