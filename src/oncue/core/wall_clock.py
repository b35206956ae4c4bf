"""Hours as people write them, held against an instant on the wall clock of their zone."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oncue.core.errors import Refusal
from oncue.core.hours import Hours, parse


def covers(text: str | None, now: datetime) -> bool:
    """Whether these hours cover the instant; without any, always."""
    if text is None:
        return True
    wanted = _hours(text)
    return wanted.cover(now.astimezone(zone(wanted.zone)))


def left_s(text: str, now: datetime) -> float:
    """For how many seconds these hours still go on; 0 outside of them. A change of the clocks meanwhile is heeded."""
    wanted = _hours(text)
    local = now.astimezone(zone(wanted.zone))
    left = wanted.left_min(local)
    if not left:
        return 0.0
    end = local.replace(second=0, microsecond=0) + timedelta(minutes=left)
    seconds = (end.astimezone(UTC) - now).total_seconds()
    # Where the clocks were set back meanwhile, the end is the first such time that is yet to come.
    return seconds if seconds > 0 else (end.replace(fold=1).astimezone(UTC) - now).total_seconds()


def check(text: str) -> None:
    """Raises `Refusal` manifest.invalid for what are no hours, or of a zone that nobody knows."""
    try:
        zone(_hours(text).zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refusal("manifest.invalid", f"hours {text[:100]!r}: {error}") from error


@lru_cache(maxsize=1024)
def _hours(text: str) -> Hours:
    return parse(text)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo:
    """The zone of this name."""
    return ZoneInfo(name)
