"""The clock that inputs are accepted at: steps of the wall clock, believed and not."""

from oncue.runtime.clock import Clock

START_S = 1_800_000_000
HOUR_S = 3600


class Hands:
    """A wall clock and a monotonic one that the test moves, and the time that OnCue makes of them."""

    def __init__(self, floor_s: int = 0) -> None:
        self.wall_s = float(START_S)
        self.monotonic_s = 0.0
        self._clock = Clock(lambda: int(self.wall_s * 1e9), lambda: int(self.monotonic_s * 1e9), floor_s * 1_000_000)

    def after(self, seconds: float = 0.0, *, step_s: float = 0.0) -> float:
        """Time since the start once the wall clock was stepped, and then so many seconds passed; looked at every second."""
        self.wall_s += step_s
        now = self._clock.now()
        for _ in range(int(seconds)):
            self.wall_s += 1
            self.monotonic_s += 1
            before, now = now, self._clock.now()
            assert now >= before
        return now / 1e6 - START_S


def test_time_is_the_wall_clocks_and_small_corrections_are_followed() -> None:
    hands = Hands()
    assert hands.after(100) == 100
    assert hands.after(1, step_s=5) == 106
    assert hands.after(5, step_s=-1) == 110


def test_a_small_step_back_slows_time_down_until_the_wall_clock_has_caught_up() -> None:
    hands = Hands()
    hands.after(100)
    assert hands.after(4, step_s=-8) == 102
    assert hands.after(20) == 116


def test_a_jump_forth_and_back_leaves_no_trace() -> None:
    hands = Hands()
    hands.after(100)
    assert hands.after(30, step_s=5 * HOUR_S) == 130
    assert hands.after(30, step_s=-5 * HOUR_S) == 160
    assert hands.after(30, step_s=-5 * HOUR_S) == 190
    assert hands.after(100, step_s=5 * HOUR_S) == 290


def test_a_step_that_stands_for_a_minute_is_believed() -> None:
    hands = Hands()
    assert hands.after(59, step_s=HOUR_S) == 59
    assert hands.after(1) == HOUR_S + 60


def test_a_step_that_keeps_moving_is_not_believed() -> None:
    hands = Hands()
    for _ in range(10):
        hands.after(30, step_s=HOUR_S)
    assert hands.after() == 300


def test_time_goes_on_at_half_the_pace_after_a_wrong_clock_was_believed_and_put_right() -> None:
    hands = Hands()
    hands.after(60, step_s=HOUR_S)
    assert hands.after(59, step_s=-HOUR_S) == HOUR_S + 119
    assert hands.after(41) == HOUR_S + 119 + 20, "the right time is believed, and lies behind"
    assert hands.after(60) == HOUR_S + 119 + 50
    assert hands.after(2 * HOUR_S) == 160 + 60 + 2 * HOUR_S, "it has caught up"


def test_a_journal_that_is_ahead_of_the_clock_does_not_stop_time() -> None:
    hands = Hands(floor_s=START_S + HOUR_S)
    assert hands.after() == HOUR_S
    assert hands.after(600) == HOUR_S + 300
    assert hands.after(2 * HOUR_S) == 600 + 2 * HOUR_S


def test_time_does_not_stand_still_however_often_it_is_asked_for() -> None:
    at_ns = [0]
    clock = Clock(lambda: 0, lambda: at_ns[0], floor_us=1_000_000)
    first = clock.now()
    for _ in range(10_000):
        at_ns[0] += 1_000
        clock.now()
    assert clock.now() - first == 5_000
