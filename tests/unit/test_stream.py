"""Who is told what on the live stream."""

import pytest

from oncue.api.stream import Subscriber


@pytest.mark.parametrize(
    ("visible", "logs", "namespace", "expected"),
    [
        (None, ("run-1",), "alpha", True),
        (frozenset({"alpha"}), ("run-1",), "alpha", True),
        (frozenset({"alpha"}), ("run-1",), "beta", False),
        (None, ("run-2",), "alpha", False),
        (None, (), "alpha", False),
    ],
)
def test_that_a_log_grew_is_for_those_who_asked_and_may_see_its_run(
    visible: frozenset[str] | None, logs: tuple[str, ...], namespace: str, expected: bool
) -> None:
    assert Subscriber((), (), visible, logs).follows(namespace, "run-1") is expected
