"""`sql` on a real SQLite file and a real PostgreSQL, reached by TCP."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from oncue.sdk import ActionError, Probe
from tests.databases import by_tcp, postgresql_server
from tests.monitors import code, probe, value, values


@pytest.fixture
def orders(tmp_path: Path) -> str:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (state TEXT, age REAL)")
        connection.executemany("INSERT INTO orders VALUES (?, ?)", [("new", 5), ("new", 7.5), ("stuck", 90)])
    connection.close()
    return f"sqlite:///{path}"


async def ask(url: str, query: str, tmp_path: Path, timeout_s: float = 10.0, **settings: Any) -> Probe:
    asked = {"url": "secret://shop-db", "query": query, **settings}
    return await probe("sql", asked, tmp_path, secrets={"shop-db": url}, timeout_s=timeout_s)


@pytest.fixture(scope="module")
def socket_path() -> Iterator[Path]:
    with postgresql_server(
        "CREATE TABLE orders (state TEXT, age NUMERIC)",
        "INSERT INTO orders VALUES ('new', 5), ('new', 7.5), ('stuck', 90)",
        "CREATE ROLE reader LOGIN PASSWORD 'geheim'; GRANT SELECT ON orders TO reader",
    ) as found:
        yield found


@pytest.fixture
async def postgresql(socket_path: Path) -> AsyncIterator[str]:
    async with by_tcp(socket_path) as port:
        yield f"postgresql://reader:geheim@127.0.0.1:{port}/postgres"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("orders" if request.param == "sqlite" else "postgresql")
    return url


async def test_a_single_value_is_one_reading(database: str, tmp_path: Path) -> None:
    found = await ask(database, "SELECT max(age) FROM orders", tmp_path, unit="min")
    assert (code(found), value(found, "sql.value"), value(found, "sql.up")) == (None, 90, 1)
    assert next(one.unit for one in found.readings if one.metric == "sql.value") == "min"


async def test_each_row_is_an_instance_told_apart_by_its_other_columns(database: str, tmp_path: Path) -> None:
    found = await ask(database, "SELECT state, count(*) AS value FROM orders GROUP BY state", tmp_path)
    assert values(found, "sql.value") == {"new": 2, "stuck": 1}
    assert {"state": "new"} in [one.labels for one in found.readings]


async def test_no_rows_are_a_fault_unless_they_are_the_good_case(database: str, tmp_path: Path) -> None:
    query = "SELECT age FROM orders WHERE state = 'lost'"
    assert code(await ask(database, query, tmp_path)) == "sql.empty"
    assert code(await ask(database, query, tmp_path, empty_is_fault=False)) is None


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM orders",
        "UPDATE orders SET age = 0 RETURNING age",
        "SELECT 1; DELETE FROM orders",
        "CREATE TABLE mine (a INT)",
        "SELEC 1",
        "SELECT age FROM nowhere",
    ],
)
async def test_what_writes_or_is_no_query_is_refused_and_changes_nothing(
    database: str, tmp_path: Path, query: str
) -> None:
    with pytest.raises(ActionError, match=r"sql\.query"):
        await ask(database, query, tmp_path)
    assert value(await ask(database, "SELECT count(*) FROM orders", tmp_path), "sql.value") == 3


async def test_a_query_that_takes_too_long_is_ended(database: str, tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    assert code(await ask(database, endless, tmp_path, timeout_s=1.0)) == "timeout"


@pytest.mark.parametrize(
    ("query", "expected"),
    [("SELECT age FROM orders", "sql.result"), ("SELECT 'new'", "sql.result")],
)
async def test_an_answer_that_makes_no_readings_says_why(
    database: str, tmp_path: Path, query: str, expected: str
) -> None:
    query = query.replace("age FROM orders", "1 FROM orders")
    with pytest.raises(ActionError) as raised:
        await ask(database, query, tmp_path)
    assert raised.value.code == expected


async def test_sqlite_opens_no_other_file(orders: str, tmp_path: Path) -> None:
    for query in (f"ATTACH '{tmp_path}/other.db' AS o", "PRAGMA writable_schema=1", "SELECT load_extension('x')"):
        with pytest.raises(ActionError, match=r"sql\.query"):
            await ask(orders, query, tmp_path)
    for url in (f"sqlite:///{Path.cwd()}/oncue.db", "sqlite://", "sqlite:///relative.db", f"{orders}?mode=rwc"):
        with pytest.raises(ActionError, match=r"sql\.url|file\.refused"):
            await ask(url, "SELECT 1", tmp_path)
    assert code(await ask(f"sqlite:///{tmp_path}/none.db", "SELECT 1", tmp_path)) == "sql.connect"
    assert not (tmp_path / "none.db").exists()


async def test_postgresql_cannot_be_led_elsewhere_or_out_of_its_transaction(postgresql: str, tmp_path: Path) -> None:
    for url in (
        f"{postgresql}?host=/tmp",
        f"{postgresql}?service=other",
        "postgresql:///postgres",
        "mysql://h/d",
        "nonsense",
    ):
        with pytest.raises(ActionError, match=r"sql\.url"):
            await ask(url, "SELECT 1", tmp_path)
    settings = {"url": "secret://shop-db", "query": "SELECT 1"}
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await probe("sql", settings, tmp_path, secrets={"shop-db": postgresql}, allows=())
    with pytest.raises(ActionError, match=r"sql\.query"):
        await ask(postgresql, "SELECT set_config('transaction_read_only', 'off', false)", tmp_path)


async def test_a_database_that_is_gone_is_a_finding_and_a_wrong_user_is_not(postgresql: str, tmp_path: Path) -> None:
    port = urlsplit(postgresql).port
    with pytest.raises(ActionError, match=r"sql\.credentials"):
        await ask(postgresql.replace("reader", "nobody-1"), "SELECT 1", tmp_path)
    gone = postgresql.replace(f":{port}", ":9")
    assert code(await ask(gone, "SELECT 1", tmp_path)) == "sql.connect"
