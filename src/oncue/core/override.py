"""Overrides of a policy: for some events, or at some hours, it has other numbers, says otherwise, or only looks on.

Of the overrides that fit an event the most precise one counts, and it alone: what it does not give is as the policy has it.
Precise is first what states the most exact conditions, then what states the most with wildcards, then what has hours, as
with a monitor's thresholds. Two that are equally precise and may fit the same event at the same moment are a tie, which is
refused when they are applied.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, Protocol

import msgspec

from oncue.core import hours, wall_clock
from oncue.core.condition import Condition, Match
from oncue.core.duration import Duration
from oncue.core.expression import glob, is_glob
from oncue.core.spec import Spec

LISTS: Final = ("types", "resources", "services", "sources")
"""Members of a selector that are texts or globs."""


class OverrideMatch(Spec, kw_only=True, frozen=True):
    """Which of the policy's events an override is for. All that is given must hold."""

    types: list[str] = []
    """Exact types, or globs with `*`."""
    resources: list[str] = []
    """Exact, or globs with `*`."""
    services: list[str] = []
    """Exact, or globs with `*`."""
    sources: list[str] = []
    """CloudEvents' `source`: exact, or globs with `*`."""
    labels: dict[str, str | list[str]] = {}
    """Each label must have the value, or one of the values."""


class OverrideCondition(Spec, kw_only=True, frozen=True, rename={"for_": "for"}):
    """Numbers and durations of the policy's own condition; what a window holds is the policy's affair."""

    fire_above: float | None = None
    clear_below: float | None = None
    fire_below: float | None = None
    clear_above: float | None = None
    for_: Duration | None = None
    absent: Duration | None = None
    once_after: Duration | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    min_count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    first: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    accumulate: Annotated[int, msgspec.Meta(ge=2, le=100_000)] | None = None
    at_least: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = None


class OverrideAlert(Spec, kw_only=True, frozen=True):
    """What the alert has otherwise. Strings may hold `${CEL}`. Which alert it is, is the policy's affair."""

    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    title: str | None = None
    description: str | None = None
    runbook: str | None = None
    labels: dict[str, str] = {}
    """Beside those of the policy."""
    ttl: Duration | None = None
    wait: Duration | None = None


class Override(Spec, kw_only=True, frozen=True):
    """What a policy has otherwise for some of its events, or at some hours."""

    name: str | None = None
    """For people; `overrides[0]` and so on if none is given."""
    match: OverrideMatch | None = None
    """Without it, for all of the policy's events."""
    during: str | None = None
    """Hours, as in `Mon-Fri 08:00-18:00 Europe/Berlin`."""
    condition: OverrideCondition | None = None
    alert: OverrideAlert | None = None
    mode: Literal["active", "observe", "off"] | None = None
    """`off`: such events are as if the policy were not there."""


FIELDS: Final = {
    "for": ("for",),
    "value": ("fire_above", "clear_below", "fire_below", "clear_above", "for"),
    **dict.fromkeys(
        ("avg", "min", "max", "p95"), ("fire_above", "clear_below", "fire_below", "clear_above", "min_count")
    ),
    "sum": ("fire_above", "clear_below", "min_count"),
    "rate": ("fire_above", "clear_below"),
    "count": ("count",),
    "absent": ("absent",),
    "any": ("at_least",),
    "first": ("first",),
    "once_after": ("once_after",),
    "accumulate": ("accumulate",),
}  # fmt: skip
"""By the form of the policy's condition, what an override may give."""

Precision = tuple[int, int, bool]
Stated = dict[str, tuple[str, ...]]


def label(overrides: Sequence[Override], index: int) -> str:
    """What people call it."""
    return overrides[index].name or f"overrides[{index}]"


def stated(match: OverrideMatch | Match | None) -> Stated:
    """What an event must be, by name: any of the texts, of which those with wildcards are globs except for labels'."""
    if match is None:
        return {}
    found = {name: tuple(getattr(match, name)) for name in LISTS if getattr(match, name)}
    for name, wanted in sorted(match.labels.items()):
        found[f"labels.{name}"] = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    return found


def precision(override: Override) -> Precision:
    """What overrides are ordered by; the greatest that fits counts."""
    conditions = stated(override.match)
    wild = sum(name in LISTS and any(map(is_glob, texts)) for name, texts in conditions.items())
    return len(conditions) - wild, wild, override.during is not None


def tied(one: Override, other: Override) -> bool:
    """Whether neither goes before the other, although both may fit the same event at the same moment."""
    return precision(one) == precision(other) and may_meet(
        (one.during, stated(one.match)), (other.during, stated(other.match))
    )


def may_meet(one: tuple[str | None, Stated], other: tuple[str | None, Stated]) -> bool:
    """Whether both, each by its hours and what it states, may fit the same event at the same moment."""
    mine, theirs = one[1], other[1]
    if any(apart(name, mine[name], theirs[name]) for name in mine.keys() & theirs.keys()):
        return False
    return not (one[0] and other[0]) or hours.parse(one[0]).overlap(hours.parse(other[0]))


def apart(name: str, some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether no text is one of both; of two with wildcards, that is not reckoned."""
    return not any(_meet(name, one, other) for one in some for other in others)


def _meet(name: str, one: str, other: str) -> bool:
    if name not in LISTS or one == other:
        return one == other
    if is_glob(one) and is_glob(other):
        return True
    return like(one, other) or like(other, one)


def like(pattern: str, text: str) -> bool:
    """Whether the text is this one, or like this glob."""
    return pattern == text or (is_glob(pattern) and glob(pattern).match(text) is not None)


def merged(condition: Condition | None, given: OverrideCondition | None) -> Condition | None:
    """The condition with the numbers that are given."""
    if condition is None or given is None:
        return condition
    there = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not None}
    return msgspec.structs.replace(condition, **there)


class About(Protocol):
    """What of an event decides which override is for it."""

    type: str
    resource: str

    @property
    def source(self) -> str: ...
    @property
    def service(self) -> str | None: ...
    @property
    def labels(self) -> dict[str, str]: ...


class _Ready:
    """An override that is ready to be looked for."""

    __slots__ = ("conditions", "hours", "number")

    def __init__(self, number: int, override: Override) -> None:
        self.number = number
        self.conditions = list(stated(override.match).items())
        self.hours = hours.parse(override.during) if override.during is not None else None

    def fits(self, about: About, now: datetime) -> bool:
        for name, texts in self.conditions:
            if name in LISTS:
                has = getattr(about, name[:-1])
                if has is None or not any(like(text, has) for text in texts):
                    return False
            elif about.labels.get(name.removeprefix("labels.")) not in texts:
                return False
        return self.hours is None or self.hours.cover(now.astimezone(wall_clock.zone(self.hours.zone)))


class Overrides:
    """A policy's overrides, filed by resource where they name some, so that thousands of them cost little."""

    __slots__ = ("_by_resource", "_others", "_rank")

    def __init__(self, overrides: Sequence[Override]) -> None:
        ranked = sorted(range(len(overrides)), key=lambda index: precision(overrides[index]), reverse=True)
        self._rank = {index + 1: rank for rank, index in enumerate(ranked)}
        self._by_resource: dict[str, list[_Ready]] = {}
        self._others: list[_Ready] = []
        for index in ranked:
            ready = _Ready(index + 1, overrides[index])
            match = overrides[index].match
            if match is not None and match.resources and not any(map(is_glob, match.resources)):
                for resource in dict.fromkeys(match.resources):
                    self._by_resource.setdefault(resource, []).append(ready)
            else:
                self._others.append(ready)

    def fitting(self, about: About, now: datetime) -> Iterator[int]:
        """The numbers (the first is 1) of those that fit, the most precise first."""
        found = self._others
        if more := self._by_resource.get(about.resource):
            found = sorted([*more, *found], key=lambda one: self._rank[one.number])
        return (one.number for one in found if one.fits(about, now))
