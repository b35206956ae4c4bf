"""The topology: what needs what, by which names, and how a walk goes along it."""

import random
import tracemalloc

import pytest

from oncue.core.manifest import Manifest
from oncue.core.topology import REACH, Topology
from tests.unit.story import START


def manifest(kind: str, name: str, **spec: object) -> Manifest:
    return Manifest(
        id=f"{kind}/default/{name}", kind=kind, namespace="default", name=name, generation=1, hash="", labels={},
        owner=None, review_by=None, description=None, spec=spec, applied_by="system", updated_at=START,
    )  # fmt: skip


def of(*manifests: Manifest) -> Topology:
    topology = Topology()
    for one in manifests:
        topology.put(one)
    return topology


def reached(topology: Topology, name: str, *, up: bool, hops: int = 9) -> list[tuple[str, int]]:
    node = topology.node("default", name)
    assert node is not None
    return [(step.node.id, step.hops) for step in topology.walk(node, up=up, hops=hops)]


def taken_by(topology: Topology, one: Manifest) -> int:
    """Bytes that putting it there takes for a moment, which grow with what is copied. A look-up grows now and then."""
    tracemalloc.start()
    topology.put(one)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


CHAIN = (
    manifest("Service", "shop", depends_on=["orders"]),
    manifest("Resource", "orders", runs_on=["host-1"], depends_on=["db"]),
    manifest("Resource", "db", aliases=["db.example.com:5432"], runs_on=["host-2"]),
    manifest("Resource", "host-1"),
)


def test_what_fails_is_found_upstream_nearest_first_and_what_it_takes_with_it_downstream() -> None:
    topology = of(*CHAIN)
    assert reached(topology, "shop", up=True) == [("resource:orders", 1), ("resource:db", 2), ("resource:host-1", 2)]
    assert reached(topology, "db", up=False) == [("resource:orders", 1), ("service:shop", 2)]
    assert reached(topology, "shop", up=True, hops=1) == [("resource:orders", 1)]


def test_the_way_is_told_in_words_in_both_directions() -> None:
    topology = of(*CHAIN)
    shop, db = topology.node("default", "shop"), topology.node("default", "db.example.com:5432")
    assert shop is not None and db is not None
    up = [step.spoken() for step in topology.walk(shop, up=True, hops=3)]
    assert up[1] == "shop depends on orders, orders depends on db"
    assert [step.spoken() for step in topology.walk(db, up=False, hops=2)][
        1
    ] == "db is needed by orders, orders is needed by shop"


def test_what_is_named_and_not_there_is_missing_until_it_comes() -> None:
    topology = of(*CHAIN)
    assert [(id, link.target) for id, link in topology.missing("default")] == [("resource:db", "host-2")]
    topology.put(manifest("Resource", "host-2"))
    assert topology.missing("default") == []
    assert reached(topology, "host-2", up=False)[0] == ("resource:db", 1)
    topology.drop("Resource", "default", "host-2")
    assert [link.target for _, link in topology.missing("default")] == ["host-2"]


def test_a_resource_goes_before_a_service_of_its_name_and_a_name_before_an_alias() -> None:
    topology = of(
        manifest("Service", "shop"),
        manifest("Resource", "shop"),
        manifest("Resource", "a", aliases=["b"]),
        manifest("Resource", "b"),
    )
    found = {name: topology.node("default", name) for name in ("shop", "service:shop", "resource:shop", "b")}
    assert {name: node.id for name, node in found.items() if node is not None} == {
        "shop": "resource:shop", "service:shop": "service:shop", "resource:shop": "resource:shop", "b": "resource:b",
    }  # fmt: skip


def test_circles_end() -> None:
    topology = of(
        manifest("Resource", "a", depends_on=["b"]),
        manifest("Resource", "b", depends_on=["c"]),
        manifest("Resource", "c", depends_on=["a", "c"]),
    )
    assert reached(topology, "a", up=True) == [("resource:b", 1), ("resource:c", 2)]
    assert reached(topology, "a", up=False) == [("resource:c", 1), ("resource:b", 2)]


def test_a_whole_and_its_parts_take_each_other_with_them_but_parts_not_their_siblings() -> None:
    topology = of(
        manifest("Resource", "rack"),
        manifest("Resource", "host-1", part_of=["rack"]),
        manifest("Resource", "host-2", part_of=["rack"]),
        manifest("Resource", "app", runs_on=["host-1"]),
    )
    assert reached(topology, "app", up=True) == [("resource:host-1", 1), ("resource:rack", 2)]
    assert reached(topology, "host-1", up=False) == [("resource:app", 1), ("resource:rack", 1)]
    assert reached(topology, "rack", up=False) == [("resource:host-1", 1), ("resource:host-2", 1), ("resource:app", 2)]


def test_a_service_needs_the_resources_that_provide_it() -> None:
    topology = of(manifest("Service", "shop"), manifest("Resource", "pod-1", service="shop"))
    assert topology.service_of("default", "pod-1") == "shop"
    assert reached(topology, "shop", up=True) == [("resource:pod-1", 1)]
    assert reached(topology, "pod-1", up=False) == [("service:shop", 1)]


def test_the_order_in_which_manifests_come_and_go_does_not_matter() -> None:
    every = [
        *CHAIN,
        manifest("Resource", "host-2", part_of=["rack"]),
        manifest("Resource", "rack", depends_on=["shop"]),
        manifest("Resource", "other", aliases=["db", "host-1"], depends_on=["db.example.com:5432"]),
    ]
    whole = of(*every)
    for seed in range(20):
        chance = random.Random(seed)
        shuffled = chance.sample(every, len(every))
        topology = of(*shuffled)
        for one in chance.sample(every, 3):
            topology.drop(one.kind, one.namespace, one.name)
            topology.put(one)
        for name in ("shop", "db", "rack", "other"):
            for up in (True, False):
                assert reached(topology, name, up=up) == reached(whole, name, up=up)
        assert topology.nodes("default") == whole.nodes("default")


def test_a_walk_does_not_look_at_more_than_it_can() -> None:
    many = [manifest("Resource", f"host-{number}", depends_on=["dns"]) for number in range(REACH + 100)]
    topology = of(manifest("Resource", "dns"), *many)
    assert len(reached(topology, "dns", up=False)) == REACH


@pytest.mark.parametrize("name", ["db-9", ""])
def test_what_no_one_declared_is_nowhere(name: str) -> None:
    assert of(*CHAIN).node_for("default", name, None) is None
    assert Topology().node_for("default", name, "shop") is None


def test_one_more_that_is_called_alike_or_part_of_the_same_network_copies_nothing_of_the_others() -> None:
    alike = [manifest("Resource", f"host-{number}") for number in range(5_000)]
    parts = [manifest("Resource", f"node{number}", part_of=["net"]) for number in range(5_000)]
    topology = of(*alike, *parts)
    assert min(taken_by(topology, manifest("Resource", f"host-more-{number}")) for number in range(8)) < 16_000
    assert min(taken_by(topology, manifest("Resource", f"x{number}", part_of=["net"])) for number in range(8)) < 16_000


def test_no_alias_takes_the_place_of_what_is_named_with_its_kind() -> None:
    topology = of(manifest("Service", "shop"), manifest("Resource", "db"), manifest("Resource", "db-2"))
    topology.put(manifest("Resource", "a", aliases=["service:shop", "resource:db"]))
    found = [topology.node("default", name) for name in ("service:shop", "resource:db", "a")]
    assert [one.id for one in found if one is not None] == ["service:shop", "resource:db", "resource:a"]


def test_an_alias_that_is_its_own_id_does_no_harm() -> None:
    topology = of(manifest("Resource", "db", aliases=["resource:db"]))
    topology.put(manifest("Resource", "db"))
    topology.drop("Resource", "default", "db")
    assert topology.node("default", "resource:db") is None
