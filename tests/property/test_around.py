"""What is found around a node is what one finds who goes from step to step, gathers all and puts it in order."""

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oncue.core.manifest import Manifest
from oncue.core.topology import DOWN, NEAR, SHARED_BY, UP, Node, Step, Topology
from tests.unit.story import START
from tests.unit.test_topology import manifest, of

LEVELS = 5
ORDER = {UP: 0, UP | DOWN: 1, DOWN: 2, 0: 3}
"""Straight along the needs, then what both need each other, then what needs, then what is reached with a turn."""
RECENT, TURNED, LONG_AGO = START, START + timedelta(minutes=1), START - timedelta(hours=1)


def landscape(chance: random.Random) -> Topology:
    """Applications of services, on hosts in racks; some are called otherwise, too, and some all need one network."""
    hosts, apps = chance.randrange(1, 20), chance.randrange(5, 400)
    services = chance.randrange(1, 1 + apps // 4)
    found = [manifest("Resource", "network"), manifest("Resource", "svc-0"), manifest("Resource", "rack")]
    for number in range(services):
        found.append(manifest("Service", f"svc-{number}", depends_on=[f"svc-{chance.randrange(services)}"]))
    for number in range(hosts):
        found.append(manifest("Resource", f"host-{number}", part_of=["rack"] if chance.random() < 0.5 else []))
    for number in range(apps):
        spec: dict[str, object] = {"runs_on": [f"host-{chance.randrange(hosts)}"]}
        if chance.random() < 0.7:
            spec["service"] = f"svc-{chance.randrange(services)}"
        if chance.random() < 0.3:
            spec["aliases"] = [f"b-{number}", f"a-{number}"]
        spec["depends_on"] = ["network"] * (chance.random() < 0.4) + [f"app-{chance.randrange(apps)}"] * (
            chance.random() < 0.2
        )
        found.append(manifest("Resource", f"app-{number}", **spec))
    return of(*found)


def gathered(topology: Topology, start: Node) -> list[list[Step]]:
    """Level by level, all that is around."""
    came, front, levels = {start.id}, [Step(start)], []
    for _ in range(LEVELS):
        level: list[Step] = []
        for step in front:
            if len(came) > NEAR:
                break
            beside = {other.id: (UP, edge, other) for edge, other in topology.needs(step.node)}
            for edge, other in topology.needed_by(step.node):
                beside[other.id] = (beside[other.id][0] | DOWN if other.id in beside else DOWN, edge, other)
            if len(beside) > SHARED_BY and step.edge is not None:
                continue
            for id in beside.keys() - came:
                way, edge, other = beside[id]
                level.append(Step(other, edge, step, step.hops + 1, step.ways & way))
            came |= beside.keys()
        front = sorted(level, key=lambda step: (ORDER[step.ways], step.node.id))
        levels.append(front)
    return levels


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_began_around_a_node_is_found_in_the_order_of_its_nearness(seed: int) -> None:
    chance = random.Random(seed)
    topology = landscape(chance)
    start = chance.choice(topology.nodes("default"))
    places = [place for node in topology.nodes("default") for place in node.places]
    share = chance.choice((0.02, 0.3, 1.0))
    begun = {place: chance.choice((LONG_AGO, RECENT, TURNED)) for place in places if chance.random() < share}

    def fails(step: Step) -> bool:
        since = RECENT if step.ways else TURNED
        return any(begun.get(place, LONG_AGO) >= since for place in step.node.places)

    around = topology.around(start)
    for level in gathered(topology, start):
        found = [around.step(way) for way in around.further(begun, RECENT, TURNED)]
        assert [(step.node.id, step.ways, step.hops, step.spoken()) for step in found] == [
            (step.node.id, step.ways, step.hops, step.spoken()) for step in level if fails(step)
        ]


def test_who_looks_no_further_than_the_first_goes_on_over_all_of_the_level() -> None:
    topology = of(
        manifest("Resource", "app", depends_on=["a", "b"]),
        manifest("Resource", "a"),
        manifest("Resource", "b", depends_on=["c"]),
        manifest("Resource", "c"),
    )
    start = topology.node("default", "app")
    assert start is not None
    begun = {place: RECENT for node in topology.nodes("default") for place in node.places}
    around = topology.around(start)
    assert around.step(next(around.further(begun, RECENT, RECENT))).node.name == "a"
    assert [around.step(way).spoken() for way in around.further(begun, RECENT, RECENT)] == [
        "app depends on b, b depends on c"
    ]


@pytest.mark.parametrize(("shared_by", "seen"), [(SHARED_BY, SHARED_BY - 1), (SHARED_BY + 1, 0)])
def test_nothing_is_found_over_what_too_many_share(shared_by: int, seen: int) -> None:
    topology = of(manifest("Resource", "network"), *apps(shared_by, "network"))
    begun = {place: RECENT for node in topology.nodes("default") for place in node.places}
    start = topology.node("default", "app-0")
    assert start is not None
    around = topology.around(start)
    assert [way[0][0] for way in around.further(begun, RECENT, RECENT)] == ["resource:network"]
    assert len(list(around.further(begun, RECENT, RECENT))) == seen


@pytest.mark.parametrize(("parts", "last"), [(NEAR - 3, 1), (NEAR - 2, 0)])
def test_nothing_is_found_behind_so_many_that_are_nearer(parts: int, last: int) -> None:
    """The start, what it needs and what needs it are near; the last thing behind them is, if there is room for it."""
    behind = manifest("Resource", "z-behind")
    topology = of(
        manifest("Resource", "start", depends_on=["y", "z"]),
        manifest("Resource", "y"),
        manifest("Resource", "z", depends_on=["z-behind"]),
        behind,
        *apps(parts, "start"),
    )
    begun = {place: RECENT for node in topology.nodes("default") for place in node.places}
    start = topology.node("default", "start")
    assert start is not None
    around = topology.around(start)
    assert len(list(around.further(begun, RECENT, RECENT))) == parts + 2
    assert len(list(around.further(begun, RECENT, RECENT))) == last


def apps(count: int, on: str) -> list[Manifest]:
    return [manifest("Resource", f"app-{number}", depends_on=[on]) for number in range(count)]
