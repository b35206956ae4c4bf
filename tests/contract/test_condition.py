"""What the database tells about how the server is."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from oncue.store.condition import Condition, condition
from oncue.store.database import open_writer
from oncue.store.queries import Queries
from oncue.store.revision import FILE_NAME

HOUR = 3_600_000_000
NOW = 1_800_000_000_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    writer, _ = open_writer(str(tmp_path / FILE_NAME))
    writer.driver.close()
    return tmp_path


def fill(data: Path, *statements: str) -> None:
    with sqlite3.connect(data / FILE_NAME) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def look(data: Path) -> Condition:
    queries = Queries(data / FILE_NAME, 1)
    types = ("oncue.policy.failed", "oncue.effect.unknown")
    try:
        return queries.run_here(partial(condition, now_us=NOW, recent_us=HOUR, types=types))
    finally:
        queries.close()


def segment(batch: int, first: int, last: int, at: int) -> str:
    return f"""INSERT INTO segment VALUES ({batch}, {first}, {last}, {at}, {at}, 1, 1, 1, '[]', '[]', x'', x'', NULL, x'', x'')"""


def fact(position: int, type: str, at: int) -> str:
    body = f'{{"data":{{"policy":"default/p{position % 2}","uses":null}}}}'.encode().hex()
    return f"""INSERT INTO fact VALUES ({position}, '{type}', 'default', '', 'x', {at}, 1, 1, NULL, NULL, NULL, x'{body}')"""


def test_an_empty_journal_has_nothing_to_tell(data: Path) -> None:
    fill(data, f"UPDATE journal SET created_at = {NOW - HOUR}")
    found = look(data)
    assert (found.facts, found.dead_letters_new, found.dead_letters_waiting, found.oldest_at) == ({}, 0, 0, None)
    assert found.snapshot_at == NOW - HOUR, "as old as the journal, where there is none"


def test_only_what_is_recent_counts(data: Path) -> None:
    old, new = NOW - 2 * HOUR, NOW - HOUR // 2
    fill(
        data,
        segment(1, 1, 10, old), segment(2, 11, 20, new),
        fact(5, "oncue.policy.failed", old), fact(15, "oncue.policy.failed", new), fact(16, "oncue.policy.failed", new),
        fact(17, "oncue.policy.fired", new),
        *(f"INSERT INTO dead_letter (namespace, origin, code, detail, at, redriven_at, body) VALUES ('a', 'b', 'c', 'd', {at}, "
          f"{redriven}, x'')" for at, redriven in ((old, "NULL"), (new, "NULL"), (new, new))),
        f"INSERT INTO snapshot VALUES (10, {old}, 'x', x'', x'')",
    )  # fmt: skip
    found = look(data)
    assert found.facts == {"oncue.policy.failed": 2}
    assert found.named == {"oncue.policy.failed": ["default/p0", "default/p1"]}, "the newest first"
    assert (found.dead_letters_new, found.dead_letters_waiting) == (1, 2)
    assert (found.snapshot_at, found.oldest_at) == (old, old)


def test_failing_monitors_are_counted_and_some_are_named(data: Path) -> None:
    fill(
        data,
        *(f"INSERT INTO entity VALUES ('monitor', 'default/m{number}', 1, 'default', '{state}', NULL, NULL, NULL, NULL, 1, 1, "
          f"{number}, x'')" for number, state in enumerate(["failing"] * 8 + ["clear"])),
    )  # fmt: skip
    found = look(data)
    assert found.monitors_failing_count == 8
    assert found.monitors_failing == [f"default/m{number}" for number in range(5)]
