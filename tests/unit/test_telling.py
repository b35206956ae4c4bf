"""What an attempt tells is bounded, and what was left out is said in its place."""

import pytest

from oncue.runtime.frames import Saying
from oncue.runtime.telling import ATTEMPT_LIMIT, LINES_A_SECOND, Telling
from oncue.sdk import Told
from oncue.store.step_log import LINE_COST, size_of


class Clock:
    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telling(clock: Clock) -> Telling:
    return Telling("default", "run-1", "copy", 2, monotonic=clock, now_us=lambda: int(clock.at_s * 1e6))


def texts(sayings: list[Saying]) -> list[str]:
    return [one.text for one in sayings if one.done is None]


def test_each_line_says_whose_it_is_and_when_it_was_told(telling: Telling) -> None:
    telling.tell(Told("a line", "err"))
    assert telling.take() == [Saying("default", "run-1", "copy", 2, 100_000_000, "err", "a line")]
    assert telling.take() == []


def test_of_progress_only_the_newest_word_is_sent(telling: Telling) -> None:
    for done in (0.1, 0.2, 0.3):
        telling.tell(Told("copying", done=done))
    assert [(one.text, one.done) for one in telling.take()] == [("copying", 0.3)]


def test_lines_beyond_what_a_second_may_have_are_counted_in_their_place(telling: Telling, clock: Clock) -> None:
    for number in range(LINES_A_SECOND + 3):
        telling.tell(Told(str(number)))
    assert texts(telling.take())[-1] == str(LINES_A_SECOND - 1)
    clock.at_s += 1
    telling.tell(Told("on it goes"))
    assert texts(telling.take()) == ["3 lines left out", "on it goes"]


def test_lines_beyond_what_an_attempt_may_have_are_counted_at_its_end(telling: Telling, clock: Clock) -> None:
    line = "x" * (1024 - LINE_COST)
    for _ in range(ATTEMPT_LIMIT // size_of(line) + 2):
        telling.tell(Told(line))
        clock.at_s += 1
    told = texts(telling.take())
    assert (told.count(line), told[-1]) == (256, "256 KB were told: what follows is left out")
    telling.end()
    assert texts(telling.take()) == ["2 lines left out"]


def test_empty_lines_count_too(telling: Telling, clock: Clock) -> None:
    for number in range(ATTEMPT_LIMIT // LINE_COST + 10):
        clock.at_s += number % 1_000 == 0
        telling.tell(Told(""))
    assert len(telling.take()) == ATTEMPT_LIMIT // LINE_COST + 1


def test_what_could_not_be_sent_comes_first_the_next_time(telling: Telling) -> None:
    telling.tell(Told("first"))
    telling.tell(Told(done=0.1))
    taken = telling.take()
    telling.tell(Told("second"))
    telling.tell(Told(done=0.9))
    telling.put_back(taken)
    assert [(one.text, one.done) for one in telling.take()] == [("first", None), ("second", None), ("", 0.9)]


def test_after_the_end_nothing_is_taken(telling: Telling) -> None:
    telling.end()
    telling.tell(Told("what the work left running says"))
    assert telling.take() == []


def test_what_no_database_takes_is_replaced(telling: Telling) -> None:
    telling.tell(Told("a\0b\udc80c"))
    assert texts(telling.take()) == ["a\ufffdb?c"]
