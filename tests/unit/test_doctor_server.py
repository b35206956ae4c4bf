"""What `oncue doctor` says of the workers, by the engine's report."""

from typing import Any

import pytest

from oncue.cli.doctor_server import workers


@pytest.mark.parametrize(
    ("report", "state", "seen"),
    [
        ({"workers": {"w1": 4.0}}, "ok", "1 connected"),
        ({"workers": {}}, "fail", "0 connected"),
        ({"workers": {"w1": 4.0, "w2": 61.4}}, "fail", "2 connected, w2 has said nothing for 61 s"),
        ({"workers": {"w1": 4.0}, "effects_overdue_seconds": 70}, "fail", "1 connected, an action has waited 70 s for one"),
    ],
)  # fmt: skip
def test_workers_that_say_nothing_or_have_no_room_are_told_of(report: dict[str, Any], state: str, seen: str) -> None:
    (found,) = workers(report)
    assert (found.state, found.seen) == (state, seen)
