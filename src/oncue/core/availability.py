"""Availability: when a service was down, reckoned from what is known of its alerts and incidents.

A service is down while something holds that counts: an alert of at least a given severity that belongs to it and fires, or
an incident of at least that severity that a person opened about it and that is not over. While everything that counts is
expected, by a maintenance window or a change record, the service is not down but in maintenance. What holds at an instant
is what holds after all that was decided in it; times are half open. Overlapping things count once. Of time in which OnCue
was not there, or the service was not declared, nothing is known.

Instants and lengths are microseconds since 1970 UTC, so that sums are exact.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final

import msgspec

from oncue.core.severity import RANK

Interval = tuple[int, int]

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND


class Turn(msgspec.Struct, frozen=True, gc=False):
    """From `at` on, a thing is so: an alert, or an incident that a person opened."""

    at: int
    kind: str
    """`alert` or `incident`."""
    id: str
    severity: str
    holds: bool
    """Whether it fires, or is not over."""
    expected: bool
    acknowledged: bool
    notices: bool = False
    """Whether with this an incident of the service was acknowledged."""


class Outage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A time in which something counted all along."""

    began_at: int
    ended_at: int | None
    """None while it goes on."""
    acknowledged_at: int | None
    """When one of those that counted, or an incident of the service, was first acknowledged while it lasted."""
    kind: str
    id: str
    """Of what it began with."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """How it went with a service up to an instant. Intervals are in order and do not touch."""

    until: int
    down: Sequence[Interval]
    expected: Sequence[Interval]
    unknown: Sequence[Interval]
    outages: Sequence[Outage]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """How long a service was so within a time."""

    begin: int
    end: int
    down: int
    expected: int
    unknown: int

    @property
    def known(self) -> int:
        """How long it is known how it was."""
        return self.end - self.begin - self.unknown

    @property
    def availability(self) -> float | None:
        """Percent of the known time in which it was not down; None if nothing is known."""
        return 100.0 * (self.known - self.down) / self.known if self.known else None

    @property
    def availability_with_maintenance(self) -> float | None:
        """The same, with maintenance taken for downtime."""
        return 100.0 * (self.known - self.down - self.expected) / self.known if self.known else None


def course(turns: Iterable[Turn], unknown: Iterable[Interval], counts: str, until: int) -> Course:
    """How it went, by turns in the order in which they were decided, with those at `until` and later left out."""
    standing = _Standing(RANK[counts])
    raw: dict[str, list[Interval]] = {"down": [], "expected": []}
    outages: list[Outage] = []
    level, since, first, acknowledged_at = "up", 0, None, None
    for at, together in groupby(turns, key=_at):
        if at >= until:
            break
        noticed = standing.take(together)
        now = standing.level()
        if now != level:
            if level != "up":
                raw[level].append((since, at))
            if level == "down":
                outages.append(_outage(since, at, acknowledged_at, first))
            if now == "down":
                first, acknowledged_at = standing.first(), None
            level, since = now, at
        if level == "down" and acknowledged_at is None and (noticed or standing.acknowledged):
            acknowledged_at = at
    if level != "up":
        raw[level].append((since, until))
    if level == "down":
        outages.append(_outage(since, None, acknowledged_at, first))
    unclear = union(unknown)
    return Course(
        until=until,
        down=without(raw["down"], unclear),
        expected=without(raw["expected"], unclear),
        unknown=unclear,
        outages=outages,
    )


_at: Final = attrgetter("at")


def _outage(began_at: int, ended_at: int | None, acknowledged_at: int | None, first: Turn | None) -> Outage:
    assert first is not None
    return Outage(began_at=began_at, ended_at=ended_at, acknowledged_at=acknowledged_at, kind=first.kind, id=first.id)


class _Standing:
    """What holds at an instant."""

    def __init__(self, least: int) -> None:
        self._least = least
        self._down: dict[tuple[str, str], Turn] = {}
        self._expected: set[tuple[str, str]] = set()
        self.acknowledged = 0
        """How many of those that count are acknowledged."""

    def take(self, turns: Iterable[Turn]) -> bool:
        """What is decided in one instant. Gives whether an incident was acknowledged with it."""
        noticed = False
        for turn in turns:
            key = (turn.kind, turn.id)
            before = self._down.pop(key, None)
            self.acknowledged -= before is not None and before.acknowledged
            self._expected.discard(key)
            noticed |= turn.notices
            if not turn.holds or RANK[turn.severity] < self._least:
                continue
            if turn.expected:
                self._expected.add(key)
            else:
                self._down[key] = turn
                self.acknowledged += turn.acknowledged
        return noticed

    def level(self) -> str:
        """`up`, `expected` or `down`."""
        return "down" if self._down else "expected" if self._expected else "up"

    def first(self) -> Turn:
        """The first of those that count, of which there must be one."""
        return next(iter(self._down.values()))


def within(known: Course, begin: int, end: int) -> Span:
    """How long the service was so from `begin` to `end`."""
    return Span(
        begin=begin,
        end=end,
        down=overlap(known.down, begin, end),
        expected=overlap(known.expected, begin, end),
        unknown=overlap(known.unknown, begin, end) + max(0, end - max(begin, known.until)),
    )


def days(known: Course, begin: int, end: int) -> list[Span]:
    """The same for each day in UTC; the first and the last one may be parts of days."""
    edges = [begin, *range((begin // DAY + 1) * DAY, end, DAY), end]
    return [within(known, first, last) for first, last in pairwise(edges)]


def outages_within(known: Course, begin: int, end: int) -> list[Outage]:
    """Outages of which some known time lies there, in order. What happens to them at `end` or later is left out."""
    found = []
    for one in known.outages:
        last = known.until if one.ended_at is None else one.ended_at
        if one.began_at >= end or last <= begin:
            continue
        if overlap(known.down, max(begin, one.began_at), min(end, last)) > 0:
            found.append(one if last < end else _as_of(one, end))
    return found


def _as_of(one: Outage, end: int) -> Outage:
    noticed = one.acknowledged_at is not None and one.acknowledged_at < end
    return msgspec.structs.replace(one, ended_at=None, acknowledged_at=one.acknowledged_at if noticed else None)


def mean(lengths: Sequence[int]) -> float | None:
    """In microseconds; None of nothing."""
    return sum(lengths) / len(lengths) if lengths else None


def overlap(intervals: Sequence[Interval], begin: int, end: int) -> int:
    """How much of the intervals, which are in order and do not overlap, lies from `begin` to `end`."""
    total = 0
    for index in range(max(0, bisect_right(intervals, (begin, begin)) - 1), len(intervals)):
        first, last = intervals[index]
        if first >= end:
            break
        total += max(0, min(last, end) - max(first, begin))
    return total


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time, in order, in intervals that do not touch."""
    found: list[Interval] = []
    for first, last in sorted(one for one in intervals if one[0] < one[1]):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def without(intervals: Iterable[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """The intervals, in order, less the holes, which are in order and do not touch."""
    found: list[Interval] = []
    index = 0
    for first, last in intervals:
        while index < len(holes) and holes[index][1] <= first:
            index += 1
        at = index
        while at < len(holes) and holes[at][0] < last:
            if first < holes[at][0]:
                found.append((first, holes[at][0]))
            first = max(first, holes[at][1])
            at += 1
        if first < last:
            found.append((first, last))
    return found
