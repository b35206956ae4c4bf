"""Suspects: small landscapes, what fails in which order, and who is suspected, why."""

import time
from datetime import timedelta
from typing import Any

import pytest

from oncue.core.manifest import Manifest
from oncue.core.suspects import EXCERPT, SUSPECTS, Change, Failing, Findings, find
from tests.unit.story import START
from tests.unit.test_topology import manifest, of

SHOP = (
    manifest("Service", "shop", depends_on=["orders", "cart"], criticality="critical"),
    manifest("Resource", "orders", depends_on=["db"], runs_on=["host-1"]),
    manifest("Resource", "cart", depends_on=["db"], runs_on=["host-2"]),
    manifest("Resource", "db", runs_on=["host-3"]),
    manifest("Resource", "host-1", depends_on=["switch"]),
    manifest("Resource", "host-2", depends_on=["switch"]),
    manifest("Resource", "host-3", depends_on=["switch"]),
    manifest("Resource", "switch", type="switch"),
)


def looked(landscape: tuple[Manifest, ...], *failing: str | tuple[str, int]) -> Findings:
    """What fails, in this order, one second apart, or at the second that is given."""
    found = []
    for number, one in enumerate(failing):
        resource, second = one if isinstance(one, tuple) else (one, number)
        found.append(Failing(f"AL-{number}", resource, None, START + timedelta(seconds=second)))
    return find(of(*landscape), "default", found)


def reasons(found: Findings, number: int = 0) -> dict[str, str]:
    return {part.kind: part.reason for part in found.suspects[number].parts}


TABLE: list[tuple[str, list[str | tuple[str, int]], str, str]] = [
    ("the deepest, first to fail", ["db", "orders", "cart", "shop"], "db", "explains"),
    ("the deepest, though seen last", ["shop", "cart", "orders", "db"], "db", "explains"),
    ("the deepest, all at once", [("shop", 0), ("cart", 0), ("db", 0), ("orders", 0)], "db", "explains"),
    ("the carrier of one of two", ["orders", "host-1"], "host-1", "explains"),
    ("over something that is silent", ["shop", "db"], "db", "explains"),
    ("the common need that nobody reports", ["host-1", "host-2", "host-3"], "switch", "silent"),
    ("nearest of several common needs", ["orders", "cart"], "db", "silent"),
    ("the only one", ["cart"], "cart", "deepest"),
    ("the earliest of what has nothing to do with each other", ["host-1", "elsewhere"], "host-1", "early"),
]


@pytest.mark.parametrize(("case", "failing", "expected", "why"), TABLE, ids=[row[0] for row in TABLE])
def test_the_first_suspect_is(case: str, failing: list[str | tuple[str, int]], expected: str, why: str) -> None:
    found = looked(SHOP, *failing)
    assert found.suspects[0].name == expected
    assert why in reasons(found)
    assert all(0 <= one.score <= 100 for one in found.suspects)
    assert all(one.score == sum(part.points for part in one.parts) for one in found.suspects)


def test_the_evidence_is_told_in_sentences() -> None:
    found = looked(SHOP, "db", ("orders", 40), ("cart", 50), ("shop", 60))
    assert found.suspects[0].score == 100
    assert reasons(found) == {
        "explains": "It explains 3 of 3 other places: db is needed by cart.",
        "deepest": "Nothing that it needs fails.",
        "early": "It was the first to fail, 40 s before orders.",
    }
    assert reasons(found, 1)["deepest"] == "What it needs fails, too: orders depends on db."
    silent = looked(SHOP, "host-1", "host-2", "host-3")
    assert reasons(silent) == {
        "silent": "Nothing reports it, and 3 of 3 failing places need it: host-1 depends on switch."
    }
    assert silent.suspects[0].alerts == ()


def test_what_fails_is_not_blamed_on_what_needs_it_nor_on_what_is_beside_it() -> None:
    found = looked(SHOP, "shop", "orders", "cart", "db")
    assert found.suspects[0].name == "db"
    shop = next(one for one in found.suspects if one.name == "shop")
    assert shop.explains == ()
    cart = next(one for one in found.suspects if one.name == "cart")
    assert cart.explains == ("service:shop",)


def test_what_is_silent_is_not_suspected_where_something_that_fails_explains_as_much() -> None:
    found = looked(SHOP, "db", "orders", "cart")
    assert "host-3" not in [one.name for one in found.suspects]
    assert "switch" not in [one.name for one in found.suspects]


def test_in_a_circle_none_is_deeper_and_the_earliest_goes_before() -> None:
    ring = (manifest("Resource", "a", depends_on=["b"]), manifest("Resource", "b", depends_on=["a"]))
    found = looked(ring, "b", "a")
    assert [one.name for one in found.suspects] == ["b", "a"]
    assert reasons(found)["deepest"] == "Nothing that it needs fails."


def test_what_the_topology_does_not_know_is_named() -> None:
    found = looked(SHOP, "elsewhere", "db")
    assert found.unknown == ("elsewhere",)
    assert {one.name for one in found.suspects} == {"elsewhere", "db"}
    assert [node.name for node in found.excerpt] == ["db"]
    assert looked((), "a", "b").suspects[0].name == "a"
    assert looked(SHOP) == Findings((), (), (), ())


def test_the_services_that_are_reached_are_named_the_most_critical_first() -> None:
    more = (*SHOP, manifest("Service", "reports", depends_on=["db"], criticality="low"))
    found = looked(more, "db", "orders")
    assert [(one.node.name, one.way, one.fails) for one in found.affected] == [
        ("shop", "db is needed by cart, cart is needed by shop", False),
        ("reports", "db is needed by reports", False),
    ]
    assert [one.fails for one in looked(more, "db", "shop").affected] == [True, False]


def test_the_excerpt_has_suspects_what_fails_and_what_is_between() -> None:
    found = looked(SHOP, "shop", "db")
    names = {node.name for node in found.excerpt}
    assert {"shop", "db"} < names and names & {"orders", "cart"}
    many = (
        manifest("Resource", "db"),
        *(manifest("Resource", f"app{number}", depends_on=["db"]) for number in range(300)),
    )
    wide = looked(many, "db", *(f"app{number}" for number in range(300)))
    assert (len(wide.excerpt), len(wide.suspects)) == (EXCERPT, SUSPECTS)
    assert wide.excerpt[0].name == "db"


def test_several_alerts_of_a_place_are_one_place_since_its_first() -> None:
    found = looked(SHOP, ("db", 5), ("db", 1), ("orders", 3))
    db = found.suspects[0]
    assert (db.name, len(db.alerts), db.began_at) == ("db", 2, START + timedelta(seconds=1))


def test_a_wide_landscape_is_looked_through_within_a_second() -> None:
    spec: dict[str, Any] = {}
    landscape = [manifest("Resource", "root")]
    for number in range(3_000):
        spec = {"depends_on": [f"n{number // 3}x"] if number > 2 else ["root"]}
        landscape.append(manifest("Resource", f"n{number}x", **spec))
    began = time.process_time()
    found = looked(tuple(landscape), *(f"n{number}x" for number in range(500)))
    assert found.suspects
    assert time.process_time() - began < 5


def test_what_was_changed_before_is_more_suspect() -> None:
    def change(id: str, resource: str, minutes: float) -> Change:
        at = START - timedelta(minutes=minutes)
        return Change(id, "New disks", (resource,), (), at, at)

    failing = [Failing(f"AL-{name}", name, None, START) for name in ("orders", "cart")]
    found = find(of(*SHOP), "default", failing, [change("CR-1", "host-1", 4), change("CR-2", "elsewhere", 1)])
    said = reasons(found, [one.name for one in found.suspects].index("host-1"))
    assert said["changed"] == "CR-1 was made there 4 min before: New disks."
    assert said["silent"] == "Nothing reports it, and 1 of 2 failing places need it: orders runs on host-1."
    about = [change("CR-1", "db", 59), change("CR-2", "cart", 61), change("CR-3", "cart", -1)]
    found = find(of(*SHOP), "default", failing, about)
    assert [one.name for number, one in enumerate(found.suspects) if "changed" in reasons(found, number)] == ["db"]
    began = Failing("AL-db", "db", None, START - timedelta(seconds=9))
    alone = find(of(*SHOP), "default", [*failing, began], [change("CR-1", "db", 4)])
    assert alone.suspects[0].score == 100 == sum(part.points for part in alone.suspects[0].parts)


def test_a_service_does_not_explain_what_provides_it() -> None:
    landscape = (manifest("Service", "pay", criticality="high"), manifest("Resource", "pay-app", service="pay"))
    found = looked(landscape, ("pay", 0), ("pay-app", 5))
    assert [one.name for one in found.suspects] == ["pay-app", "pay"]
    assert reasons(found)["deepest"] == "Nothing that it needs fails."
    assert reasons(found, 1)["deepest"] == "What it needs fails, too: pay is provided by pay-app."
    assert "explains" not in reasons(found, 1)
