"""Lookup tables: which row a key finds, what expressions see of it, and what is refused."""

import time
from typing import Any

import pytest

from oncue.core.errors import Refusal
from oncue.core.lookup import LookupSpec, Table, check
from tests.unit.story import Story


def spec(match: Any, *keys: str) -> LookupSpec:
    return LookupSpec(match=match, rows=[{"key": key, "is": key} for key in keys])


FINDS: list[tuple[str, list[str], str, str | None]] = [
    ("exact", ["db-1", "db-2"], "db-2", "db-2"),
    ("exact", ["db-1"], "db-10", None),
    ("prefix", ["db", "db-1", "d"], "db-10", "db-1"),
    ("prefix", ["db-1"], "db", None),
    ("glob", ["db-*", "db-1*", "*"], "db-10", "db-1*"),
    ("glob", ["db-?"], "db-10", None),
    ("cidr", ["10.0.0.0/8", "10.1.0.0/16", "::/0"], "10.1.2.3", "10.1.0.0/16"),
    ("cidr", ["10.0.0.0/8", "10.1.0.0/16"], "10.2.0.1", "10.0.0.0/8"),
    ("cidr", ["10.0.0.1"], "10.0.0.1", "10.0.0.1"),
    ("cidr", ["10.0.0.0/8", "fd00::/8"], "fd00::1", "fd00::/8"),
    ("cidr", ["0.0.0.0/0"], "host-1", None),
]


@pytest.mark.parametrize(("match", "keys", "asked", "found"), FINDS)
def test_a_key_finds_its_row(match: str, keys: list[str], asked: str, found: str | None) -> None:
    row = Table(spec(match, *keys)).find(asked)
    assert (row["is"] if row is not None else None) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (spec("exact", "a", "a"), "the 2. and the 1. have the same key"),
        (spec("cidr", "10.0.0.0/8", "10.1.0.0/8"), "same key"),
        (spec("cidr", "x"), "does not appear to be"),
        (LookupSpec(rows=[{"name": "a"}]), "has no 'key'"),
        (spec("glob", *(f"{number}*" for number in range(501))), "at most 500"),
        (LookupSpec(rows=[{"key": "a", "b": "x" * 5000}]), "too large"),
    ],
)
def test_what_makes_no_table_is_refused(given: LookupSpec, said: str) -> None:
    with pytest.raises(Refusal, match=said):
        check(given)


def test_fifty_thousand_rows_are_looked_in_as_fast_as_ten() -> None:
    table = Table(spec("exact", *(f"host-{number}" for number in range(50_000))))
    began = time.perf_counter()
    for number in range(10_000):
        assert table.find(f"host-{number}") is not None
    assert time.perf_counter() - began < 1


OWNERS = {"key": "host", "rows": [{"host": "db-1", "team": "dba", "room": "R1"}, {"host": "app-1", "team": "web"}]}


def labelled(story: Story, text: str) -> None:
    story.apply("Policy", "owner", {"match": {"types": ["disk.*"]}, "alert": {"labels": {"found": text}}})


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ('${lookup("owners", event.resource).team}', "dba"),
        ('${lookup("owners", event.resource, "room")}', "R1"),
        ('${lookup("owners", event.resource, "floor")}', ""),
        ('${lookup("owners", "nobody", "team")}', ""),
        ('${has(lookup("owners", "app-1").room) ? "yes" : "no"}', "no"),
        ('${lookup("owners", "nobody").size() == 0}', "true"),
    ],
)
def test_a_label_is_looked_up(expression: str, found: str) -> None:
    story = Story()
    story.apply("Lookup", "owners", OWNERS)
    labelled(story, expression)
    story.problem()
    assert story.of("alert.fired")[0]["labels"] == {"found": found}


def test_a_row_that_is_not_there_fails_the_text_alone() -> None:
    story = Story()
    story.apply("Lookup", "owners", OWNERS)
    labelled(story, '${lookup("owners", event.resource).team}')
    story.problem(resource="db-9")
    assert story.of("alert.fired")[0]["labels"] == {}
    assert "has()" in story.of("policy.failed")[0]["detail"]


def test_a_new_version_is_looked_in_from_then_on_and_an_undone_one_is_not() -> None:
    story = Story()
    story.apply("Lookup", "owners", OWNERS)
    labelled(story, '${lookup("owners", event.resource, "team")}')
    story.problem()
    story.batch.undo.clear()
    story.apply("Lookup", "owners", {"key": "host", "rows": [{"host": "db-1", "team": "web"}]})
    story.problem(check="second")
    story.batch.rollback(story.state)
    story.problem(check="third")
    assert [one["labels"]["found"] for one in story.of("alert.fired")] == ["dba", "web", "dba"]


def test_a_table_that_is_named_must_be_there_and_stays() -> None:
    story = Story()
    policy = {"match": {"types": ["a"], "where": 'lookup("owners", event.resource).team == "dba"'}}
    change = {"op": "apply", "kind": "Policy", "namespace": "default", "name": "p", "spec": policy}
    assert story.refused("oncue.config.applied", {"changes": [change]}) == "manifest.reference_unknown"
    story.apply("Lookup", "owners", OWNERS)
    story.apply("Policy", "p", policy)
    gone = {"op": "delete", "kind": "Lookup", "namespace": "default", "name": "owners"}
    assert story.refused("oncue.config.applied", {"changes": [gone]}) == "manifest.in_use"


def test_two_tables_in_one_expression_and_one_in_where() -> None:
    story = Story()
    story.apply("Lookup", "owners", OWNERS)
    story.apply("Lookup", "nets", {"match": "cidr", "rows": [{"key": "10.0.0.0/8", "site": "Ulm"}]})
    where = 'lookup("owners", event.resource, "team") == "dba" && lookup("nets", event.labels.ip).site == "Ulm"'
    story.apply("Policy", "p", {"match": {"types": ["disk.*"], "where": where}, "alert": {"severity": "critical"}})
    story.problem(labels='{"ip":"10.2.3.4"}')
    story.problem(resource="app-1", labels='{"ip":"10.2.3.4"}')
    assert [one["severity"] for one in story.of("alert.fired")] == ["critical", "major"]
