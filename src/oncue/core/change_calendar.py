"""When a change may be made: the windows of the calendar that it names, without the freezes that hold for it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec

from oncue.core import period
from oncue.core.change_spec import ChangeCalendarSpec, Times
from oncue.core.state import State

KIND: Final = "ChangeCalendar"
AHEAD: Final = timedelta(days=366)
"""How far the next opening is looked for."""
LOOKS: Final = 1_000
"""How many windows and freezes are looked at for it."""


class Opening(msgspec.Struct, frozen=True):
    """A time in which a change may be made."""

    starts_at: datetime
    ends_at: datetime | None
    """None if nothing ends it."""


class Frozen(msgspec.Struct, frozen=True):
    """A freeze, and whose it is."""

    calendar: str
    title: str
    starts_at: datetime
    ends_at: datetime


def check(spec: ChangeCalendarSpec) -> None:
    """Raises `Refusal` recurrence.invalid, recurrence.costly."""
    for one in (*spec.windows, *spec.freezes):
        period.check(one)


def freeze(state: State, namespace: str, calendar: str | None, now: datetime) -> Frozen | None:
    """The freeze that holds now, of those the one that ends last."""
    return max(_frozen(state, namespace, calendar, now, now), key=lambda one: one.ends_at, default=None)


def opening(state: State, namespace: str, calendar: str | None, now: datetime) -> Opening | None:
    """The window that is open now, or the next one that is not frozen from its beginning to its end; None if there is none
    within a year, or no such calendar. A freeze within it ends it."""
    spec = _spec(state, namespace, calendar)
    if calendar is not None and spec is None:
        return None
    until = now + AHEAD
    freezes = sorted(_frozen(state, namespace, calendar, now, until), key=lambda one: (one.starts_at, one.ends_at))
    if spec is not None and spec.windows:
        found = sorted(
            one for times in spec.windows for one in islice(period.occurrences(times, now), LOOKS) if one[0] <= until
        )
    else:
        found = [(now, until)]
    for starts_at, ends_at in found:
        free_at = max(starts_at, now)
        closes_at: datetime = ends_at
        for frozen in freezes:
            if frozen.starts_at <= free_at < frozen.ends_at:
                free_at = frozen.ends_at
            elif free_at < frozen.starts_at < closes_at:
                closes_at = frozen.starts_at
        if free_at < closes_at:
            return Opening(free_at, closes_at if closes_at < until else None)
    return None


def never(state: State, namespace: str, calendar: str | None) -> str:
    """Why there is no opening."""
    if calendar is not None and _spec(state, namespace, calendar) is None:
        return f"there is no ChangeCalendar {calendar}: apply it, or name another one"
    return f"the calendar {calendar} has no window within a year that is not frozen"


def _frozen(state: State, namespace: str, calendar: str | None, since: datetime, until: datetime) -> Iterator[Frozen]:
    for name, spec in _calendars(state, namespace):
        if spec.for_all or name == calendar:
            for times in spec.freezes:
                for starts_at, ends_at in islice(period.occurrences(times, since), LOOKS):
                    if starts_at > until:
                        break
                    yield Frozen(name, times.title or _title(times), starts_at, ends_at)


def _title(times: Times) -> str:
    return f"freeze from {times.starts_at}"


def _calendars(state: State, namespace: str) -> Iterator[tuple[str, ChangeCalendarSpec]]:
    # few, and looked for only where a change is planned or begins
    prefix = f"{KIND}/{namespace}/"
    for id in sorted(id for id in state.manifests if id.startswith(prefix)):
        yield id.removeprefix(prefix), msgspec.convert(state.manifests[id].spec, ChangeCalendarSpec)


def _spec(state: State, namespace: str, calendar: str | None) -> ChangeCalendarSpec | None:
    manifest = state.manifests.get(f"{KIND}/{namespace}/{calendar}") if calendar is not None else None
    return msgspec.convert(manifest.spec, ChangeCalendarSpec) if manifest is not None else None
