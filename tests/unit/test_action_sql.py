"""`sql.query` on a real SQLite file and a real PostgreSQL, reached by TCP."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from oncue.plugins.actions.sql_query import BYTES_LIMIT, Inputs, Outputs, SqlQuery
from oncue.plugins.database.binding import POSTGRESQL, SQLITE, numbered
from oncue.sdk import ActionError, Allow, Told, registry
from oncue.sdk.testing import check_action, context
from tests.databases import by_tcp, postgresql_server

LOOPBACK = (Allow("127.0.0.1"),)
TABLE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT NOT NULL, note TEXT)"
ROWS = "INSERT INTO orders VALUES (1, 'new', NULL), (2, 'new', 'a:b'), (3, 'stuck', NULL)"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(TABLE)
        connection.execute(ROWS)
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def socket_path() -> Iterator[Path]:
    with postgresql_server(
        "CREATE ROLE clerk LOGIN PASSWORD 'geheim-4711'; GRANT ALL ON SCHEMA public TO clerk"
    ) as found:
        yield found


@pytest.fixture
async def postgresql(socket_path: Path) -> AsyncIterator[str]:
    async with by_tcp(socket_path) as port:
        url = f"postgresql://clerk:geheim-4711@127.0.0.1:{port}/postgres"
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as own:
            await own.execute("DROP TABLE IF EXISTS orders")
            await own.execute(TABLE.encode())
            await own.execute(ROWS.encode())
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


async def ask(
    url: str, query: str, tmp_path: Path, *, timeout_s: float = 10.0, tell: Any = None, **more: Any
) -> Outputs:
    inputs = registry.fit({"url": "secret://shop-db", "query": query, **more}, Inputs)
    surroundings = context(tmp_path, allows=LOOPBACK, secrets={"shop-db": url}, timeout_s=timeout_s, tell=tell)
    return await SqlQuery().run(inputs, surroundings)


async def failure(url: str, query: str, tmp_path: Path, **more: Any) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await ask(url, query, tmp_path, **more)
    return raised.value


async def states(url: str, tmp_path: Path) -> list[str]:
    return [row["state"] for row in (await ask(url, "SELECT state FROM orders ORDER BY id", tmp_path)).rows]


def test_the_action_is_whole_and_its_plan_is_one_line() -> None:
    action = SqlQuery()
    check_action(action, {"url": "secret://shop-db", "query": "SELECT 1\n  FROM orders"})
    inputs = registry.fit({"url": "secret://shop-db", "query": "SELECT 1\n  FROM orders"}, Inputs)
    assert action.plan(inputs) == "query shop-db: SELECT 1 FROM orders"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "pure"),
        ({"effect_class": "idempotent"}, "idempotent"),
        ({"write": True}, "at-most-once"),
        ({"write": True, "effect_class": "idempotent"}, "idempotent"),
    ],
)
def test_only_a_change_is_not_done_twice(given: dict[str, Any], expected: str) -> None:
    inputs = registry.fit({"url": "secret://shop-db", "query": "SELECT 1", **given}, Inputs)
    assert SqlQuery().effect_class(inputs) == expected


# reading


async def test_rows_come_by_the_names_of_their_columns(database: str, tmp_path: Path) -> None:
    answer = await ask(
        database, "SELECT state, count(*) AS n, max(note) AS note FROM orders GROUP BY state ORDER BY 1", tmp_path
    )
    assert answer.columns == ["state", "n", "note"]
    assert answer.rows == [{"state": "new", "n": 2, "note": "a:b"}, {"state": "stuck", "n": 1, "note": None}]
    assert (answer.count, answer.truncated, answer.changed) == (2, False, None)


async def test_a_second_column_of_a_name_is_not_lost(database: str, tmp_path: Path) -> None:
    answer = await ask(database, "SELECT 1 AS a, 2 AS a, 3 AS a", tmp_path)
    assert answer.rows == [{"a": 1, "a_2": 2, "a_3": 3}]


async def test_values_are_bound_and_never_read_as_sql(database: str, tmp_path: Path) -> None:
    evil = "x' OR '1'='1"
    query = "SELECT id FROM orders WHERE state = :state OR note = :note ORDER BY id"
    assert (await ask(database, query, tmp_path, parameters={"state": evil, "note": evil})).rows == []
    found = await ask(database, query, tmp_path, parameters={"state": "stuck", "note": "a:b"})
    assert [row["id"] for row in found.rows] == [2, 3]


async def test_a_name_in_quotes_or_a_comment_is_no_parameter(database: str, tmp_path: Path) -> None:
    query = "SELECT ':a' AS \":b\", :c + 1 AS d /* :e */ -- :f"
    assert (await ask(database, query, tmp_path, parameters={"c": 4})).rows == [{":b": ":a", "d": 5}]


@pytest.mark.parametrize(
    ("dialect", "text", "expected"),
    [
        (POSTGRESQL, "SELECT :a::text, :b, :a", "SELECT $1::text, $2, $1"),
        (POSTGRESQL, r"SELECT E'\':a', $$ :a $$, $q$ :a $$ $q$, x[1:2], f(n := :b), :a", r"SELECT E'\':a', $$ :a $$, $q$ :a $$ $q$, x[1:2], f(n := $1), $2"),
        (SQLITE, "SELECT [:a], `:a`, ':a''', :a, :b", "SELECT [:a], `:a`, ':a''', $1, $2"),
    ],
)  # fmt: skip
def test_each_database_s_own_quotes_are_known(dialect: Any, text: str, expected: str) -> None:
    assert numbered(text, {"a": 1, "b": 2}, dialect, "$")[0] == expected


@pytest.mark.parametrize("parameters", [{}, {"state": "new", "other": 1}])
async def test_names_and_values_must_go_together(database: str, tmp_path: Path, parameters: dict[str, Any]) -> None:
    error = await failure(database, "SELECT 1 FROM orders WHERE state = :state", tmp_path, parameters=parameters)
    assert error.code == "inputs.invalid"
    assert ":other" in error.detail or ":state" in error.detail


async def test_a_list_is_an_array_or_json(sqlite: str, postgresql: str, tmp_path: Path) -> None:
    for url, query in (
        (postgresql, "SELECT id FROM orders WHERE id = ANY(:ids) ORDER BY id"),
        (sqlite, "SELECT id FROM orders WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id"),
    ):
        found = await ask(url, query, tmp_path, parameters={"ids": [1, 3]})
        assert [row["id"] for row in found.rows] == [1, 3]


async def test_every_kind_of_value_has_one_form(postgresql: str, tmp_path: Path) -> None:
    query = """
        SELECT NULL AS a, true AS b, 1.25::numeric AS c, 12::numeric AS d, 'NaN'::numeric AS e, 2::numeric ^ 64 AS f,
          '2026-03-01 03:00+01'::timestamptz AT TIME ZONE 'UTC' AS g, date '2026-03-01' AS h, time '03:00' AS i,
          interval '90 minutes' AS j, '\\x00ff'::bytea AS k, ARRAY[1, 2] AS l, '{"x": [1.5]}'::jsonb AS m,
          'infinity'::float8 AS n, '10.0.0.0/8'::cidr AS o, 'ü' AS p
    """
    (row,) = (await ask(postgresql, query, tmp_path)).rows
    assert row == {
        "a": None, "b": True, "c": 1.25, "d": 12, "e": "NaN", "f": "18446744073709551616",
        "g": "2026-03-01T02:00:00", "h": "2026-03-01", "i": "03:00:00",
        "j": 5400.0, "k": "AP8=", "l": [1, 2], "m": {"x": [1.5]}, "n": "inf", "o": "10.0.0.0/8", "p": "ü",
    }  # fmt: skip


async def test_sqlite_s_values_have_the_same_forms(sqlite: str, tmp_path: Path) -> None:
    (row,) = (await ask(sqlite, "SELECT NULL AS a, 1.5 AS b, x'00ff' AS c, 9e999 AS d", tmp_path)).rows
    assert row == {"a": None, "b": 1.5, "c": "AP8=", "d": "inf"}


async def test_rows_are_bounded_by_number(database: str, tmp_path: Path) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n"
    answer = await ask(database, many, tmp_path)
    assert (answer.count, answer.truncated) == (200, True)
    answer = await ask(database, many, tmp_path, limit=1000)
    assert (answer.count, answer.truncated) == (1000, False)


async def test_rows_are_bounded_by_size_and_none_is_cut(database: str, tmp_path: Path) -> None:
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT :text AS text FROM n"
    answer = await ask(database, query, tmp_path, parameters={"text": "x" * 1000})
    assert answer.truncated
    assert BYTES_LIMIT - 2000 < answer.count * 1013 <= BYTES_LIMIT
    assert {len(row["text"]) for row in answer.rows} == {1000}


async def test_an_endless_answer_is_ended_after_the_rows_that_are_kept(postgresql: str, tmp_path: Path) -> None:
    began = time.monotonic()
    answer = await ask(postgresql, "SELECT generate_series(1, 1000000000) AS i", tmp_path, limit=5)
    assert (answer.count, answer.truncated) == (5, True)
    assert time.monotonic() - began < 5


# what may not be


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM orders",
        "UPDATE orders SET state = 'x' RETURNING id",
        "WITH gone AS (DELETE FROM orders RETURNING id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM orders",
        "COMMIT",
        "CREATE TABLE mine (a INT)",
        "SELEC 1",
        "SELECT 1 FROM nowhere",
    ],
)
async def test_without_write_nothing_is_changed(database: str, tmp_path: Path, query: str) -> None:
    error = await failure(database, query, tmp_path)
    assert (error.code, error.transient) == ("sql.query", False)
    assert await states(database, tmp_path) == ["new", "new", "stuck"]


async def test_a_query_that_takes_too_long_is_ended_on_the_server(postgresql: str, tmp_path: Path) -> None:
    error = await failure(postgresql, f"/* slow */ {ENDLESS}", tmp_path, timeout_s=1.0)
    assert (error.code, error.transient) == ("timeout", True)
    assert await running(postgresql, "slow") == 0


async def test_a_query_that_is_no_longer_wanted_is_ended_on_the_server(postgresql: str, tmp_path: Path) -> None:
    task = asyncio.create_task(ask(postgresql, f"/* unwanted */ {ENDLESS}", tmp_path, timeout_s=60))
    while not await running(postgresql, "unwanted"):
        assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    while await running(postgresql, "unwanted"):
        await asyncio.sleep(0.01)


async def running(url: str, mark: str) -> int:
    async with await psycopg.AsyncConnection.connect(url) as own:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()"
        )
        row = await (await own.execute(query, [f"/* {mark} */%"])).fetchone()
        assert row is not None
        return int(row[0])


async def test_a_query_on_a_file_that_takes_too_long_is_ended(sqlite: str, tmp_path: Path) -> None:
    began = time.monotonic()
    error = await failure(sqlite, ENDLESS, tmp_path, timeout_s=0.5)
    assert (error.code, error.detail) == ("timeout", "the query took longer than its timeout")
    assert time.monotonic() - began < 5


async def test_wrong_urls_users_and_places_have_codes(postgresql: str, sqlite: str, tmp_path: Path) -> None:
    port = urlsplit(postgresql).port
    for url, code in (
        ("nonsense", "sql.url"),
        ("mysql://h/d", "sql.url"),
        ("postgresql:///d", "sql.url"),
        (f"{postgresql}?host=/tmp", "sql.url"),
        ("postgresql://clerk:x@192.0.2.1/d", "outbound.refused"),
        (postgresql.replace("clerk", "nobody-1"), "sql.credentials"),
        (postgresql.replace(f":{port}", ":9"), "sql.connect"),
        (f"{sqlite}?mode=rwc", "sql.url"),
        (f"sqlite:///{Path.cwd()}/oncue.db", "file.refused"),
        (f"sqlite:///{tmp_path}/none.db", "sql.connect"),
    ):
        error = await failure(url, "SELECT 1", tmp_path, write=True)
        assert error.code == code, url
        assert error.transient == (code == "sql.connect")
        assert error.nothing_done
    assert not (tmp_path / "none.db").exists()


async def test_the_password_is_told_to_nobody(postgresql: str, tmp_path: Path) -> None:
    told: list[Told] = []
    await ask(postgresql, "SELECT 'geheim-4711' AS found", tmp_path, tell=told.append)
    assert told
    assert not any("geheim" in one.text for one in told)


async def test_that_it_may_only_read_is_said(database: str, tmp_path: Path) -> None:
    assert (await failure(database, "DELETE FROM orders", tmp_path)).detail.endswith("; it may only read")


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("before", ["", " \n", "-- all of it\n", "/* all\n of it */ "])
async def test_nothing_is_copied_to_a_program(postgresql: str, tmp_path: Path, before: str, write: bool) -> None:
    made = tmp_path / "made"
    query = f"{before}Copy (SELECT 1) TO PROGRAM 'touch {made}'"
    error = await failure(postgresql, query, tmp_path, write=write)
    assert (error.code, error.nothing_done) == ("sql.query", True)
    assert not made.exists()


# changing


async def test_a_change_is_kept_and_counted(database: str, tmp_path: Path) -> None:
    query = "UPDATE orders SET state = :to WHERE state = :from"
    answer = await ask(database, query, tmp_path, write=True, parameters={"from": "new", "to": "done"})
    assert (answer.changed, answer.rows) == (2, [])
    assert await states(database, tmp_path) == ["done", "done", "stuck"]


async def test_a_change_may_give_rows(database: str, tmp_path: Path) -> None:
    query = "DELETE FROM orders WHERE state = 'new' RETURNING id"
    answer = await ask(database, query, tmp_path, write=True, limit=1)
    assert (answer.changed, answer.count, answer.truncated) == (2, 1, True)
    assert await states(database, tmp_path) == ["stuck"]


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO orders VALUES (9, 'new', NULL), (1, 'twice', NULL)",
        "UPDATE orders SET state = NULL",
    ],
)
async def test_what_breaks_a_rule_of_the_database_changes_nothing(database: str, tmp_path: Path, query: str) -> None:
    error = await failure(database, query, tmp_path, write=True)
    assert (error.code, error.transient, error.unknown) == ("sql.constraint", False, False)
    assert await states(database, tmp_path) == ["new", "new", "stuck"]


async def test_two_statements_are_not_one_change(database: str, tmp_path: Path) -> None:
    error = await failure(database, "DELETE FROM orders; SELECT 1", tmp_path, write=True)
    assert error.code == "sql.query"
    assert len(await states(database, tmp_path)) == 3


async def test_a_change_that_waits_too_long_for_others_is_not_made(database: str, tmp_path: Path) -> None:
    query = "UPDATE orders SET state = 'x'"
    if database.startswith("sqlite"):
        other = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        error = await failure(database, query, tmp_path, write=True, timeout_s=0.5)
        other.close()
    else:
        async with await psycopg.AsyncConnection.connect(database) as own:
            await own.execute("LOCK TABLE orders IN SHARE MODE")
            error = await failure(database, query, tmp_path, write=True, timeout_s=0.5)
    assert (error.code, error.transient, error.unknown) == ("timeout", True, False)
    assert await states(database, tmp_path) == ["new", "new", "stuck"]


async def test_a_file_is_not_left_even_with_write(sqlite: str, tmp_path: Path) -> None:
    for query in (
        f"ATTACH '{tmp_path}/other.db' AS o",
        f"VACUUM INTO '{tmp_path}/copy.db'",
        "PRAGMA writable_schema=1",
        "SELECT load_extension('x')",
    ):
        assert (await failure(sqlite, query, tmp_path, write=True)).code == "sql.query"
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["shop.db"]


async def test_a_server_that_goes_while_it_changes_may_have_done_it(
    socket_path: Path, postgresql: str, tmp_path: Path
) -> None:
    task = asyncio.create_task(failure(postgresql, f"/* cut off */ {ENDLESS}", tmp_path, write=True, timeout_s=60))
    while not await running(postgresql, "cut off"):
        assert not task.done()
    async with await psycopg.AsyncConnection.connect(postgresql) as own:
        await own.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '/* cut off */%'")
    error = await task
    assert (error.code, error.transient, error.unknown, error.nothing_done) == ("sql.connect", True, True, False)
