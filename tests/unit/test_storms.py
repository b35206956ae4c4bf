"""Labelled storms are what they say, and the measure of grouping agrees with one that counts pair by pair."""

import itertools
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import storms
from bench.correlation import decide, manifests, oncue, pairs, score, summary
from bench.groupings import BASELINES, Groups
from bench.landscape import MISSING, WRONG, Edge, Node, Topology
from bench.storms import KINDS, Storm, storm

SEEDS = (1, 2)
ALL = [(kind, seed) for kind in KINDS for seed in SEEDS]


@pytest.fixture(scope="module")
def made() -> dict[tuple[str, int], Storm]:
    return {(kind, seed): storm(kind, seed) for kind, seed in ALL}


def truly(one: Storm) -> Groups:
    return {said.event["id"]: said.label for said in one.events}


def arrivals(one: Storm) -> list[tuple[float, dict[str, object]]]:
    return [(said.at_s, said.event) for said in one.events]


def test_the_same_seed_gives_the_same_storm(made: dict[tuple[str, int], Storm]) -> None:
    assert all(storm(*key) == one for key, one in made.items())
    assert made[("cascade", 1)] != made[("cascade", 2)]


@pytest.mark.parametrize("key", ALL, ids=str)
def test_a_fifth_of_the_true_edges_is_not_told_and_a_twentieth_of_the_told_ones_is_not_true(
    made: dict[tuple[str, int], Storm], key: tuple[str, int]
) -> None:
    true, told = set(made[key].truth.edges), set(made[key].told.edges)
    assert made[key].truth.nodes == made[key].told.nodes
    assert len(true - told) / len(true) == pytest.approx(MISSING, abs=0.005) == pytest.approx(0.2, abs=0.005)
    assert len(told - true) / len(told) == pytest.approx(WRONG, abs=0.005) == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize("key", ALL, ids=str)
def test_alerts_of_one_fault_are_about_parts_that_its_root_reaches_by_true_edges(
    made: dict[tuple[str, int], Storm], key: tuple[str, int]
) -> None:
    one = made[key]
    around = defaultdict(set)
    for edge in one.truth.edges:
        around[edge.target].add(edge.source)
        if edge.relation == "part_of":
            around[edge.source].add(edge.target)
    assert len(one.roots) == {"noise": 0, "two faults": 2}.get(one.kind, 1)
    for label, root in one.roots.items():
        reached, front = {root}, [root]
        while front:
            new = around[front.pop()] - reached
            reached |= new
            front += new
        hit = {said.event["resource"] for said in one.events if said.label == label}
        assert len(hit) >= 10
        assert hit <= reached


def test_two_faults_hit_different_parts(made: dict[tuple[str, int], Storm]) -> None:
    for seed in SEEDS:
        hit = defaultdict(set)
        for said in made[("two faults", seed)].events:
            hit[said.label].add(said.event["resource"])
        assert hit["fault-1"].isdisjoint(hit["fault-2"])


@pytest.mark.parametrize("key", ALL, ids=str)
def test_events_come_in_the_order_of_arrival_and_neither_they_nor_the_topology_name_the_fault(
    made: dict[tuple[str, int], Storm], key: tuple[str, int]
) -> None:
    one = made[key]
    times = [said.at_s for said in one.events]
    assert times == sorted(times)
    assert len({said.event["id"] for said in one.events}) == len(one.events)
    for word in ("fault-", "noise"):
        assert word not in repr([said.event for said in one.events])
        assert word not in repr(one.told)


def test_each_problem_begins_once_until_it_is_said_to_be_over(made: dict[tuple[str, int], Storm]) -> None:
    for one in made.values():
        firing = set()
        for said in one.events:
            condition = (said.event["resource"], said.event["check"])
            if said.event["severity"] == "clear":
                assert not said.first
                firing.discard(condition)
            else:
                assert said.first == (condition not in firing)
                firing.add(condition)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("123")), max_size=30))
def test_pairs_are_counted_as_one_by_one(alerts: list[tuple[str, str]]) -> None:
    both_ways = list(itertools.combinations(alerts, 2))
    together = sum(a[0] == b[0] for a, b in both_ways)
    belonging = sum(a[1] == b[1] for a, b in both_ways)
    both = sum(a == b for a, b in both_ways)
    found = pairs([group for group, _ in alerts], [label for _, label in alerts])
    assert found == (together, belonging, both)
    assert found.precision == (both / together if together else 1.0)
    assert found.recall == (both / belonging if belonging else 1.0)


def test_a_perfect_grouping_scores_one_and_singles_recall_nothing(made: dict[tuple[str, int], Storm]) -> None:
    for one in made.values():
        perfect, singles = score(one, truly(one)), score(one, BASELINES["each alert alone"](one.told, arrivals(one)))
        assert (perfect.pairs.precision, perfect.pairs.recall, perfect.incidents) == (1.0, 1.0, len(one.roots))
        assert perfect.noise_alone == perfect.noise
        assert (singles.pairs.precision, singles.incidents) == (1.0, singles.alerts)
        assert singles.pairs.both == 0
        assert singles.noise_alone == singles.noise


def test_everything_in_one_incident_recalls_all_and_leaves_no_noise_alone(
    made: dict[tuple[str, int], Storm],
) -> None:
    every = [score(one, dict.fromkeys(truly(one), "same")) for one in made.values()]
    found = summary(every)
    assert (found.recall, found.mean_recall, found.noise_alone) == (1.0, 1.0, 0.0)
    assert found.precision < 1.0


def test_neighbours_in_time_and_topology_are_grouped_and_those_too_late_or_too_far_are_not() -> None:
    nodes = tuple(Node(name, "host", "low", "basis", "") for name in "abcdefg")
    edges = tuple(Edge(left, "depends_on", right) for left, right in itertools.pairwise("abcdefg"))
    events = [(0.0, "a"), (10.0, "g"), (20.0, "d"), (300.0, "b"), (330.0, "f"), (700.0, "f")]
    said = [(at, {"id": f"{at:g}", "resource": name, "check": f"c{at}", "severity": "major"}) for at, name in events]
    found = BASELINES["within 2 told edges and 5 minutes"](Topology(nodes, edges), said)
    groups = defaultdict(set)
    for id, group in found.items():
        groups[group].add(id)
    assert sorted(map(sorted, groups.values())) == [["0", "20", "300"], ["10"], ["330"], ["700"]]


def test_the_engine_groups_every_alert_and_the_same_way_each_time(made: dict[tuple[str, int], Storm]) -> None:
    one = made[("database", 1)]
    groups, messages = decide(one.told, arrivals(one))
    assert all(groups[said.event["id"]] for said in one.events if said.first)
    assert messages > 0
    assert oncue(one.told, arrivals(one)) == groups


def test_every_part_and_only_told_edges_become_manifests(made: dict[tuple[str, int], Storm]) -> None:
    one = made[("cascade", 1)]
    changes = manifests(one.told)
    services = {change["name"] for change in changes if change["kind"] == "Service"}
    assert services == {node.name for node in one.told.nodes if node.kind in ("service", "business")}
    told = {(edge.source, edge.target) for edge in one.told.edges if edge.relation == "part_of"}
    listed = {(part, c["name"]) for c in changes if c["kind"] == "Service" for part in c["spec"]["resources"]}
    assert listed == told


def test_seeds_for_development_are_none_of_those_that_are_drawn() -> None:
    assert max(storms.DEVELOPMENT) < 1_000
