"""Circles: named once each, by a shortest way around; what only belongs together is none."""

import pytest

from oncue.core.circles import circles
from oncue.core.manifest import Manifest
from tests.unit.test_topology import manifest, of


def found(*manifests: Manifest) -> list[list[str]]:
    return [[node.name for node in circle] for circle in circles(of(*manifests), "default")]


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, []),
        ({"a": ["b"], "b": ["c"], "c": ["a"]}, [["a", "b", "c"]]),
        ({"a": ["a"]}, [["a"]]),
        ({"a": ["b"], "b": ["c"], "c": ["b", "gone"]}, [["b", "c"]]),
        ({"a": ["b", "c"], "b": ["c"], "c": ["a"], "x": ["y"], "y": ["x"]}, [["a", "c"], ["x", "y"]]),
    ],
)
def test_each_knot_is_named_once_by_a_shortest_way_around(
    needs: dict[str, list[str]], expected: list[list[str]]
) -> None:
    assert found(*(manifest("Resource", name, depends_on=targets) for name, targets in needs.items())) == expected


def test_parts_and_what_provides_a_service_are_no_circle() -> None:
    assert (
        found(
            manifest("Service", "shop", depends_on=["shop-app"]),
            manifest("Resource", "shop-app", service="shop"),
            manifest("Resource", "rack", depends_on=["blade"]),
            manifest("Resource", "blade", part_of=["rack"]),
        )
        == []
    )


def test_a_circle_of_many_is_found_without_recursion() -> None:
    ring = [manifest("Resource", f"r{number}", runs_on=[f"r{(number + 1) % 5000}"]) for number in range(5000)]
    (circle,) = found(*ring)
    assert len(circle) == 5000
