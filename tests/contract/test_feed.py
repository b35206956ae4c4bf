"""The feed over a real journal: each reader gets what its filter takes, in order, once; what is gone is named."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oncue.core.manifest import Manifest
from oncue.runtime import feed as feeding
from oncue.runtime.feed import Feed, Filter, Item, Reader
from oncue.store.following import position_before
from oncue.store.queries import Queries
from oncue.store.revision import FILE_NAME
from tests.contract.writing import START_US, Writing

AT = datetime(2026, 1, 1, tzinfo=UTC)


def manifest(name: str, namespace: str = "default", **spec: Any) -> Manifest:
    return Manifest(
        id=f"Subscription/{namespace}/{name}", kind="Subscription", namespace=namespace, name=name, generation=1,
        hash="", labels={}, owner=None, review_by=None, description=None, spec=spec, applied_by="x", updated_at=AT,
    )  # fmt: skip


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Writing]:
    made = Writing(tmp_path)
    yield made
    made.close()


async def read(writing: Writing, *readers: tuple[Filter, int], feed: Feed | None = None) -> list[list[Item]]:
    """All that readers at these places get."""
    database = Queries(writing.data / FILE_NAME, threads=2)
    feed = Feed(database)
    made = [feed.open(*one) for one in readers]
    feed.committed_to(writing.state.position)
    running = asyncio.create_task(feed.run())
    found: list[list[Item]] = [[] for _ in made]
    async with asyncio.timeout(20):
        while any(one.place < feed.committed or one.waiting for one in made):
            for reader, items in zip(made, found, strict=True):
                items += reader.take(100)
            feed.roomy()
            await asyncio.sleep(0)
    lost.clear()
    lost.extend(gap for reader in made for gap in reader.lost)
    running.cancel()
    await asyncio.wait([running])
    database.close()
    return found


lost: list[tuple[int, int]] = []


def inputs(name: str = "erp", **match: Any) -> Filter:
    return Filter(manifest(name, events="inputs", match=match))


async def test_a_reader_gets_what_its_filter_takes_in_order_from_its_place_on(writing: Writing) -> None:
    for number in range(30):
        type = "disk.full" if number % 3 else "net.drop"
        writing.submit(writing.event(type, severity="major", resource=f"db-{number}", labels='{"env":"prod"}'))
    (everything, some, late) = await read(
        writing,
        (inputs(), 0),
        (inputs(types=["net.*"], severities=["major"], labels={"env": ["prod"]}, where="event.resource != 'db-0'"), 0),
        (inputs(), writing.state.position),
    )
    assert [b'"db-%d"' % number in item.body for number, item in enumerate(everything)] == [True] * 30
    assert [item.position for item in everything] == sorted(item.position for item in everything)
    assert [item.type for item in some] == ["net.drop"] * 9
    assert late == []


async def test_facts_and_inputs_are_told_apart_and_commands_are_neither(writing: Writing) -> None:
    writing.submit(writing.event(severity="major", resource="db-1"))
    writing.submit(writing.event("oncue.clock.advanced"), urgent=True)
    writing.submit(writing.event("oncue.audit.signed_in", data={"actor": "user:a"}), urgent=True)
    facts, both, only = await read(
        writing,
        (Filter(manifest("a", events="facts")), 0),
        (Filter(manifest("b", events="both")), 0),
        (inputs(), 0),
    )
    assert {item.type.split(".")[1] for item in facts} >= {"alert", "incident"}
    assert len(both) == len(facts) + len(only)
    assert [item.type for item in only] == ["disk.full"]


async def test_a_subscription_sees_its_own_namespace_alone(writing: Writing) -> None:
    writing.submit(writing.event(namespace="alpha"), writing.event(namespace="beta"), writing.event())
    alpha, beta = await read(
        writing,
        (Filter(manifest("a", "alpha", events="both")), 0),
        (Filter(manifest("a", "beta", events="both")), 0),
    )
    assert [b'"alpha"' in item.body for item in alpha] == [True]
    assert [b'"beta"' in item.body for item in beta] == [True]


async def test_readers_at_different_places_share_sweeps_and_miss_nothing(
    writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "QUEUE", 7)
    places = []
    for _ in range(40):
        places.append(writing.state.position)
        writing.submit(*(writing.event() for _ in range(3)))
    found = await read(writing, *((inputs(f"n{number}"), place) for number, place in enumerate(places)))
    assert [len(items) for items in found] == [3 * (40 - number) for number in range(40)]
    assert all(len({item.id for item in items}) == len(items) for items in found)


async def test_what_is_past_retention_is_named_and_the_rest_is_read(writing: Writing) -> None:
    for _ in range(5):
        writing.submit(writing.event())
    gone_to = writing.state.position
    writing.maintenance().snapshot()
    writing.pass_time(10 * 86400)
    writing.submit(writing.event("net.drop"))
    writing.maintenance(max_age_days=5).retain()
    oldest = writing.records()[0].position
    assert 2 < oldest <= gone_to + 1
    items, fresh = await read(writing, (inputs(), 2), (inputs("new"), 0))
    assert [item.type for item in items] == ["net.drop"]
    assert lost == [(3, oldest - 1)]
    assert [item.type for item in fresh] == ["net.drop"]


def test_an_instant_is_found_between_records(writing: Writing) -> None:
    writing.submit(writing.event())
    before = writing.state.position
    writing.pass_time(60)
    writing.submit(writing.event())
    with writing.reading.connect() as connection:
        assert position_before(connection, START_US - 1) == 0
        assert before <= position_before(connection, START_US + 30_000_000) < writing.state.position
        assert position_before(connection, START_US + 10**12) == writing.state.position


def test_a_reader_takes_at_least_one_event_however_large() -> None:
    reader = Reader(inputs(), 0)
    reader.give([Item(1, 0, "a", "t", b"x" * 1000), Item(2, 0, "b", "t", b"x")], 2, None)
    assert [item.id for item in reader.take(10, 100)] == ["a"]
    assert (reader.waiting, reader.place) == (1, 2)
