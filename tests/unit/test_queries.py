"""Lists and look-ups over a real database file, read as the front process reads it."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import create_engine, insert, not_, text

from oncue.core.errors import Refusal
from oncue.store import schema
from oncue.store.queries import (
    Filters,
    Page,
    Queries,
    decisions,
    entities,
    entity_body,
    heads,
    instant,
    is_acknowledged,
    is_quiet,
    manifests,
    micros,
    position_of,
    timeline,
)

START = datetime(2026, 1, 31, tzinfo=UTC)


def row(number: int, kind: str = "alert", **fields: Any) -> dict[str, Any]:
    at = micros(START + timedelta(minutes=number))
    id = fields.pop("id", f"{kind}-{number}")
    body = {"id": id, "title": fields.pop("title", f"Title {number}"), "count": 1, **fields.pop("body", {})}
    made = {
        "kind": kind, "id": id, "live": True, "namespace": "basis", "state": "firing", "severity": "major",
        "type": "org.example.disk", "resource": f"host-{number}", "service": "erp", "created_at": at,
        "updated_at": at, "position": number, "body": msgspec.json.encode(body),
    }  # fmt: skip
    return {**made, **fields}


def fact(position: int, kind: str, id: str, type: str = "oncue.alert.fired", **fields: Any) -> dict[str, Any]:
    made = {
        "position": position, "type": type, "namespace": "basis", "kind": kind, "id": id,
        "recorded_at": micros(START) + position, "input_position": position, "cause_position": position,
        "severity": None, "resource": None, "service": None, "body": b'{"data":{}}',
    }  # fmt: skip
    return {**made, **fields}


class Database:
    """A database file and a pool that reads it."""

    def __init__(self, path: Path) -> None:
        self.writing = create_engine(f"sqlite:///{path}")
        schema.metadata.create_all(self.writing)
        self.queries = Queries(path)

    def put(self, table: Any, *rows: dict[str, Any]) -> None:
        with self.writing.begin() as connection:
            connection.execute(insert(table), list(rows))

    def page(self, **filters: Any) -> Page:
        return self.queries.run_here(partial(entities, kind="alert", filters=Filters(**filters)))

    def ids(self, **filters: Any) -> list[str]:
        return [msgspec.json.decode(item)["id"] for item in self.page(**filters).items]


@pytest.fixture
def database(tmp_path: Path) -> Any:
    made = Database(tmp_path / "oncue.db")
    yield made
    made.queries.close()
    made.writing.dispose()


def test_pages_join_into_the_whole_list_newest_first_even_at_equal_positions(database: Database) -> None:
    database.put(schema.entity, *(row(number, position=number // 3) for number in range(1, 31)))
    seen: list[str] = []
    cursor = None
    while True:
        page = database.page(limit=4, cursor=cursor)
        seen += [msgspec.json.decode(item)["id"] for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 30
    positions = [int(id.partition("-")[2]) // 3 for id in seen]
    assert positions == sorted(positions, reverse=True)


def test_pages_by_priority_join_into_the_whole_list_oldest_first(database: Database) -> None:
    rows = [row(number, position=99 - number, body={"priority": f"P{1 + number % 3}"}) for number in range(1, 21)]
    database.put(schema.entity, *rows)
    seen: list[str] = []
    cursor = None
    while True:
        page = database.page(limit=3, cursor=cursor, by_priority=True)
        seen += [msgspec.json.decode(item)["id"] for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    expected = sorted(range(1, 21), key=lambda number: (number % 3, number))
    assert seen == [f"alert-{number}" for number in expected]


@pytest.mark.parametrize("cursor", ["0-12~alert-1", "P9~1~x", "P1~x~y", ""])
def test_a_cursor_of_another_order_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(Refusal) as refused:
        database.page(cursor=cursor, by_priority=True)
    assert refused.value.code == "request.cursor_invalid"


def test_alerts_are_narrowed_to_the_quiet_and_the_acknowledged(database: Database) -> None:
    loud = {"quiet": [], "acknowledged_at": None}
    database.put(
        schema.entity,
        row(1, body=loud),
        row(2, body={**loud, "quiet": [{"reason": "silence"}]}),
        row(3, body={**loud, "acknowledged_at": "2026-01-31T00:00:00Z"}),
    )

    def ids(*conditions: Any) -> list[str]:
        page = database.queries.run_here(lambda connection: entities(connection, "alert", Filters(), *conditions))
        return [msgspec.json.decode(item)["id"] for item in page.items]

    assert ids(is_quiet()) == ["alert-2"]
    assert ids(is_acknowledged()) == ["alert-3"]
    assert ids(not_(is_quiet()), not_(is_acknowledged())) == ["alert-1"]


def test_the_last_full_page_has_no_next(database: Database) -> None:
    database.put(schema.entity, row(1), row(2))
    assert database.page(limit=2).next is None
    assert database.page(limit=1).next is not None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"state": ("resolved",)}, [2]),
        ({"state": ("resolved", "firing")}, [5, 4, 3, 2, 1]),
        ({"severity": ("critical",)}, [3]),
        ({"namespace": ("web",)}, [4]),
        ({"resource": ("host-5",)}, [5]),
        ({"service": ("crm",)}, [5]),
        ({"type": ("org.example.disk",)}, [5, 4, 3, 2]),
        ({"type": ("org.other*",)}, [1]),
        ({"type": ("org.%",)}, []),
        ({"since": START + timedelta(minutes=4)}, [5, 4]),
        ({"until": START + timedelta(minutes=2)}, [2, 1]),
        ({"q": "DISK"}, [1]),
        ({"q": "100%"}, [2]),
        ({"q": "alert-3"}, [3]),
        ({"visible": frozenset({"web"})}, [4]),
        ({"visible": frozenset()}, []),
        ({"visible": frozenset({"web"}), "namespace": ("basis",)}, []),
    ],
)
def test_filters_narrow_the_list(database: Database, filters: dict[str, Any], expected: list[int]) -> None:
    database.put(
        schema.entity,
        row(1, type="org.other.thing", title="A disk is full"),
        row(2, state="resolved", title="At 100% of it"),
        row(3, severity="critical"),
        row(4, namespace="web"),
        row(5, service="crm"),
    )
    assert database.ids(**filters) == [f"alert-{number}" for number in expected]


def test_an_alert_shows_what_its_repeats_changed(database: Database) -> None:
    database.put(schema.entity, row(1), row(2))
    seen_at = micros(START + timedelta(hours=1))
    database.put(
        schema.alert_hot,
        {
            "id": "alert-1", "count": 41, "last_seen_at": seen_at, "deadline_at": seen_at, "updated_at": seen_at,
            "last_position": 9,
        },
    )  # fmt: skip
    found = database.queries.run_here(partial(entity_body, kind="alert", id="alert-1"))
    assert found is not None
    shown = msgspec.json.decode(found[1])
    assert (shown["count"], shown["last_seen_at"]) == (41, "2026-01-31T01:00:00Z")
    assert shown["deadline_at"] == "2026-01-31T01:00:00Z"
    listed = {item["id"]: item["count"] for item in map(msgspec.json.decode, database.page().items)}
    assert listed == {"alert-1": 41, "alert-2": 1}
    assert database.ids(since=START + timedelta(minutes=30)) == ["alert-1"]


def test_manifests_of_a_kind_leave_out_deleted_ones_and_other_kinds(database: Database) -> None:
    def manifest(id: str, deleted: bool = False) -> dict[str, Any]:
        return row(1, "manifest", id=id, body={"deleted": deleted})

    database.put(
        schema.entity,
        manifest("Policy/basis/a"),
        manifest("Policy/basis/gone", deleted=True),
        manifest("Policies/basis/x"),
        manifest("Team/basis/a"),
    )
    found = database.queries.run_here(partial(manifests, kind="Policy"))
    assert [msgspec.json.decode(body)["id"] for body in found] == ["Policy/basis/a"]
    assert len(database.queries.run_here(manifests)) == 3


def test_a_timeline_holds_own_facts_and_those_that_refer_newest_first(database: Database) -> None:
    database.put(
        schema.fact, fact(1, "alert", "a"), fact(2, "incident", "i"), fact(3, "alert", "b"), fact(4, "alert", "a")
    )
    database.put(schema.fact_ref, {"kind": "incident", "id": "i", "position": 4, "of": None})
    found = database.queries.run_here(partial(timeline, kind="incident", id="i", before=None, limit=10))
    assert [one.position for one in found] == [4, 2]
    found = database.queries.run_here(partial(timeline, kind="incident", id="i", before=4, limit=10))
    assert [one.position for one in found] == [2]


def test_decisions_are_found_by_outcome_and_policy(database: Database) -> None:
    body = b'{"data":{"policy":"basis/p"}}'
    database.put(
        schema.fact,
        fact(1, "decision", "d1", "oncue.policy.fired", body=body),
        fact(2, "decision", "d2", "oncue.policy.blocked"),
        fact(3, "alert", "a"),
    )
    for filters, policy, expected in (
        (Filters(), None, [2, 1]),
        (Filters(state=("fired",)), None, [1]),
        (Filters(), "basis/p", [1]),
        (Filters(visible=frozenset({"web"})), None, []),
    ):
        rows, following = database.queries.run_here(partial(decisions, filters=filters, policy=policy))
        assert [one.position for one in rows] == expected
        assert following is None
    rows, following = database.queries.run_here(partial(decisions, filters=Filters(limit=1)))
    assert (len(rows), following) == (1, "0-2")


def test_an_empty_journal_has_heads(database: Database) -> None:
    assert database.queries.run_here(heads) == (1, 0)


def test_nothing_can_be_written_through_the_pool(database: Database) -> None:
    with pytest.raises(Refusal, match=r"readonly"):
        database.queries.run_here(lambda connection: connection.execute(text("DELETE FROM entity")))


def test_a_query_that_takes_too_long_is_cut_off_and_the_connection_lives_on(database: Database) -> None:
    endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
    with pytest.raises(Refusal) as refusal:
        database.queries.run_here(lambda connection: connection.execute(endless).scalar(), 0.05)
    assert refusal.value.code == "query.too_slow"
    assert database.ids() == []


async def test_queries_run_side_by_side_in_threads(database: Database) -> None:
    database.put(schema.entity, row(1))
    query = partial(entities, kind="alert", filters=Filters())
    pages = await asyncio.gather(*(database.queries.run(query) for _ in range(32)))
    assert {len(page.items) for page in pages} == {1}


def test_without_a_database_the_refusal_says_so(tmp_path: Path) -> None:
    queries = Queries(tmp_path / "missing" / "oncue.db")
    with pytest.raises(Refusal) as refusal:
        queries.run_here(heads)
    assert refusal.value.code == "engine.unavailable"
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize("cursor", ["", "x", "0", "1-2", "0--1", "0-1 ", "0-" + "9" * 19, "0-1~", "0-\u0661"])
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(Refusal) as refusal:
        position_of(cursor)
    assert refusal.value.code == "request.cursor_invalid"


def test_microseconds_and_instants_are_the_same_thing() -> None:
    at = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert instant(micros(at)) == at
