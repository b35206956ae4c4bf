"""Durations as people write them: `90s`, `5m`, `1h30m`, `2d`."""

import re
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Final

import msgspec

PATTERN: Final = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"

Duration = Annotated[
    str, msgspec.Meta(pattern=PATTERN, description="A duration: a number and ms, s, m, h or d, as in 90s or 1h30m")
]

LONGEST_S: Final = 3650 * 86400.0

_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@lru_cache(maxsize=4096)
def length_s(text: str) -> float:
    """The duration in seconds, however long. Raises `ValueError` if the text is not a duration."""
    if not re.match(PATTERN, text):
        raise ValueError(f"{text!r} is not a duration; write 90s, 5m, 1h30m or 2d")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def seconds(text: str) -> float:
    """The duration in seconds, ten years at the most. Raises `ValueError` if the text is not a duration."""
    return min(LONGEST_S, length_s(text))


def delta(text: str) -> timedelta:
    """The duration as a `timedelta`. Raises `ValueError` if the text is not a duration."""
    return timedelta(seconds=seconds(text))


def seconds_of(text: str | None) -> float | None:
    """A duration in seconds; None for None."""
    return None if text is None else seconds(text)
