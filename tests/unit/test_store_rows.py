"""Rows that go to SQLite many at a time are there as if each had gone alone."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from oncue.store.writer import AT_ONCE, SQLiteDriver

COUNTS = sorted(
    {0, 1, 2, *(size + more for size in AT_ONCE for more in (-1, 0, 1)), 3 * max(AT_ONCE) + min(AT_ONCE) + 3}
)
UPSERT = "INSERT INTO t (id, said) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET said = excluded.said"
ADD = "INSERT INTO t (id, said) VALUES (?, ?)"


@pytest.fixture
def driver(tmp_path: Path) -> SQLiteDriver:
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, said TEXT NOT NULL)")
    return SQLiteDriver(path)


def rows(driver: SQLiteDriver) -> list[Any]:
    return driver._connection.execute("SELECT id, said FROM t ORDER BY id").fetchall()


def written(driver: SQLiteDriver, sql: str, values: list[Any]) -> None:
    driver.begin()
    driver.run(sql, values)
    driver.commit()


@pytest.mark.parametrize("count", COUNTS)
def test_all_of_them_are_there_once(driver: SQLiteDriver, count: int) -> None:
    given = [(number, f"said {number}") for number in range(count)]
    written(driver, ADD, given)
    assert rows(driver) == given


@pytest.mark.parametrize("count", COUNTS)
def test_of_what_is_written_twice_the_last_counts(driver: SQLiteDriver, count: int) -> None:
    written(driver, ADD, [(number, "before") for number in range(count // 2)])
    given = [(number, word) for number in range(count) for word in ("first", "last")]
    written(driver, UPSERT, given)
    assert rows(driver) == [(number, "last") for number in range(count)]


@pytest.mark.parametrize("count", COUNTS)
def test_of_what_is_deleted_nothing_stays_and_all_else_does(driver: SQLiteDriver, count: int) -> None:
    written(driver, ADD, [(number, "here") for number in range(count + 5)])
    written(driver, "DELETE FROM t WHERE t.id = ?", [(number,) for number in range(count)])
    assert [id for id, _ in rows(driver)] == list(range(count, count + 5))


def test_what_takes_one_row_at_a_time_gets_each(driver: SQLiteDriver) -> None:
    written(driver, ADD, [(number, "before") for number in range(200)])
    written(driver, "UPDATE t SET said = ? WHERE id = ?", [(f"said {number}", number) for number in range(200)])
    written(
        driver, "DELETE FROM t WHERE t.id = ? AND t.said = ?", [(number, f"said {number}") for number in range(199)]
    )
    assert rows(driver) == [(199, "said 199")]


def test_a_row_that_does_not_fit_takes_all_of_its_transaction_with_it(driver: SQLiteDriver) -> None:
    driver.begin()
    with pytest.raises(sqlite3.IntegrityError):
        driver.run(ADD, [*((number, "here") for number in range(300)), (7, "again")])
    driver.rollback()
    assert rows(driver) == []
