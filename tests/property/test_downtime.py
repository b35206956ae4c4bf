"""Availability agrees with a slow, obvious reference that looks at every instant by itself."""

from hypothesis import given
from hypothesis import strategies as st

from oncue.core.availability import (
    DAY,
    Course,
    Interval,
    Turn,
    course,
    days,
    outages_within,
    overlap,
    union,
    within,
    without,
)
from oncue.core.severity import RANK

LAST = 24
TIMES = st.integers(0, LAST)
INTERVALS = st.lists(st.tuples(TIMES, TIMES), max_size=4)
TURNS = st.lists(
    st.builds(
        Turn,
        TIMES,
        st.sampled_from(["alert", "incident"]),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["warning", "major", "critical"]),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=14,
).map(lambda turns: sorted(turns, key=lambda turn: turn.at))


def standing_at(turns: list[Turn], at: int, counts: str) -> list[Turn]:
    """What counts at an instant, in the order in which it came to."""
    held: dict[tuple[str, str], Turn] = {}
    for turn in turns:
        if turn.at <= at:
            held.pop((turn.kind, turn.id), None)
            if turn.holds and RANK[turn.severity] >= RANK[counts]:
                held[(turn.kind, turn.id)] = turn
    return list(held.values())


def level_at(turns: list[Turn], at: int, counts: str) -> str:
    held = standing_at(turns, at, counts)
    return "up" if not held else "expected" if all(turn.expected for turn in held) else "down"


def is_in(intervals: list[Interval], at: int) -> bool:
    return any(first <= at < last for first, last in intervals)


@given(
    turns=TURNS,
    unknown=INTERVALS,
    counts=st.sampled_from(["warning", "major", "critical"]),
    edges=st.tuples(TIMES, TIMES),
)
def test_every_instant_counts_for_what_it_is(
    turns: list[Turn], unknown: list[Interval], counts: str, edges: tuple[int, int]
) -> None:
    begin, end = sorted(edges)
    known = course(turns, unknown, counts, LAST)
    span = within(known, begin, end)
    instants = [at for at in range(begin, end) if not is_in(unknown, at)]
    assert span.unknown == end - begin - len(instants)
    assert span.known == len(instants)
    assert span.down == sum(level_at(turns, at, counts) == "down" for at in instants)
    assert span.expected == sum(level_at(turns, at, counts) == "expected" for at in instants)
    assert (span.availability is None) == (not instants)
    if instants:
        assert span.availability == 100.0 * (len(instants) - span.down) / len(instants)


@given(turns=TURNS, unknown=INTERVALS, edges=st.tuples(TIMES, TIMES))
def test_outages_are_the_longest_times_without_a_break(
    turns: list[Turn], unknown: list[Interval], edges: tuple[int, int]
) -> None:
    begin, end = sorted(edges)
    expected = []
    first = 0
    while first < end:
        last = first
        while last < end and level_at(turns, last, "major") == "down":
            last += 1
        if any(begin <= at < end and not is_in(unknown, at) for at in range(first, last)):
            began_with = next(turn for turn in standing_at(turns, first, "major") if not turn.expected)
            taken = [at for at in range(first, last) if taken_up_at(turns, at)]
            expected.append((first, last if last < end else None, taken[0] if taken else None, began_with.id))
        first = max(last, first + 1)
    for until in (end, LAST):  # what comes later changes nothing
        found = outages_within(course(turns, unknown, "major", until), begin, end)
        assert [(one.began_at, one.ended_at, one.acknowledged_at, one.id) for one in found] == expected


def taken_up_at(turns: list[Turn], at: int) -> bool:
    if any(turn.at == at and turn.notices for turn in turns):
        return True
    return any(turn.acknowledged and not turn.expected for turn in standing_at(turns, at, "major"))


@given(turns=TURNS, unknown=INTERVALS, first=st.integers(0, 10), length=st.integers(1, 100))
def test_days_add_up_to_the_whole_and_break_at_midnight(
    turns: list[Turn], unknown: list[Interval], first: int, length: int
) -> None:
    hour = DAY // 24
    known = course(
        [scaled(turn, 5 * hour) for turn in turns], [(a * 3 * hour, b * 3 * hour) for a, b in unknown], "major", 5 * DAY
    )
    begin, end = first * hour, (first + length) * hour
    parts = days(known, begin, end)
    whole = within(known, begin, end)
    assert [part.end for part in parts[:-1]] == [part.begin for part in parts[1:]]
    assert (parts[0].begin, parts[-1].end) == (begin, end)
    assert all(part.begin % DAY == 0 for part in parts[1:])
    assert all(part.begin // DAY == (part.end - 1) // DAY for part in parts)
    assert sum(part.down for part in parts) == whole.down
    assert sum(part.expected for part in parts) == whole.expected
    assert sum(part.unknown for part in parts) == whole.unknown


def scaled(turn: Turn, by: int) -> Turn:
    return Turn(turn.at * by, turn.kind, turn.id, turn.severity, turn.holds, turn.expected, turn.acknowledged)


@given(some=INTERVALS, holes=INTERVALS, edges=st.tuples(TIMES, TIMES))
def test_intervals_are_sets_of_instants(some: list[Interval], holes: list[Interval], edges: tuple[int, int]) -> None:
    begin, end = sorted(edges)
    left = without(union(some), union(holes))
    instants = [at for at in range(LAST) if is_in(some, at) and not is_in(holes, at)]
    assert [at for at in range(LAST) if is_in(left, at)] == instants
    assert overlap(left, begin, end) == sum(begin <= at < end for at in instants)
    assert all(first < last for first, last in left)


def test_nothing_is_known_of_the_future() -> None:
    known: Course = course([], [], "major", 10)
    assert within(known, 5, 20).unknown == 10
