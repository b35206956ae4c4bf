"""Small segments become large ones, and nobody can tell but by the space."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from oncue.replay.verify import verify as replay
from oncue.store import compaction, schema
from oncue.store.database import reading_engine
from oncue.store.journal import OpenSegment, Record, digest, seal_envelope
from oncue.store.journal_reader import JournalReader
from oncue.store.revision import FILE_NAME
from oncue.store.verify import check_proof, prove, verify
from oncue.store.writer import Rows, Writer
from tests.contract.test_store import reader, store, writer
from tests.contract.writing import Writing, decompressed

__all__ = ["reader", "store", "writer"]

LATER_S = 3 * 3600


@pytest.fixture
def life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writing]:
    monkeypatch.setattr(compaction, "AT_ONCE", 10)
    monkeypatch.setattr(compaction, "EVENTS", 40)
    writing = Writing(tmp_path)
    yield writing
    writing.close()


def small_batches(life: Writing, count: int) -> list[bytes]:
    bodies = [life.event(severity="major", resource=f"db-{number % 3}") for number in range(count)]
    for body in bodies:
        life.submit(body)
    return bodies


def segments(life: Writing) -> list[tuple[int, int, int]]:
    """(first position, last position, records), in order."""
    column = schema.segment.c
    with life.reading.connect() as connection:
        rows = connection.execute(
            select(column.first_position, column.last_position, column.count).order_by(column.first_position)
        )
        return [tuple(row) for row in rows]


def records(life: Writing) -> list[Record]:
    with life.reading.connect() as connection:
        return list(JournalReader(connection).records(1))


def compact(life: Writing) -> int:
    maintenance, rounds = life.maintenance(), 0
    while maintenance.compact():
        rounds += 1
    return rounds


def test_merging_changes_nothing_but_the_number_of_segments(life: Writing) -> None:
    bodies = small_batches(life, 100)
    life.pass_time(LATER_S)
    before, many = records(life), len(segments(life))
    assert compact(life)
    assert records(life) == before
    assert len(segments(life)) < many / 5
    assert (verify(life.data).exit_code, replay(life.data).exit_code) == (0, 0)
    again = Writing(life.data, life.at_us)
    assert again.submit(bodies[50]).duplicates == 1
    again.close()


def test_a_record_of_a_merged_segment_is_proven_by_its_own_batch(life: Writing) -> None:
    small_batches(life, 30)
    life.pass_time(LATER_S)
    before = prove(life.data, 12)
    compact(life)
    assert before is not None and check_proof(before)
    assert prove(life.data, 12) == before


def test_every_flipped_bit_that_changes_a_merged_record_is_found(life: Writing) -> None:
    small_batches(life, 30)
    life.pass_time(LATER_S)
    compact(life)
    connection = sqlite3.connect(life.data / FILE_NAME)
    batch, body = connection.execute("SELECT batch, body FROM segment ORDER BY first_position LIMIT 1").fetchone()
    for at in range(0, len(body), max(1, len(body) // 40)):
        flipped = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        connection.execute("UPDATE segment SET body = ? WHERE batch = ?", (flipped, batch))
        connection.commit()
        assert verify(life.data).exit_code == (0 if decompressed(flipped) == decompressed(body) else 1), at
    connection.execute("DELETE FROM segment WHERE batch = ?", (batch,))
    connection.commit()
    connection.close()
    assert verify(life.data).exit_code == 1


def test_it_comes_to_an_end_and_leaves_large_segments_alone(life: Writing) -> None:
    small_batches(life, 100)
    life.pass_time(LATER_S)
    compact(life)
    first = segments(life)
    assert compact(life) == 0
    small_batches(life, 60)
    life.pass_time(LATER_S)
    compact(life)
    large = [one for one in first if one[2] >= 40]
    assert large and segments(life)[: len(large)] == large


def test_what_is_recent_stays_batch_by_batch(life: Writing) -> None:
    small_batches(life, 30)
    life.pass_time(3600)
    before = segments(life)
    assert compact(life) == 0
    assert segments(life) == before


def test_hot_rows_that_only_a_segment_holds_keep_it(life: Writing) -> None:
    small_batches(life, 30)
    life.pass_time(LATER_S)
    with sqlite3.connect(life.data / FILE_NAME) as connection:
        connection.execute("UPDATE journal SET hot_batch = 5")
    assert compact(life) == 0


@pytest.mark.parametrize("damage", ["body = x'00'", "types = '['", "body = (SELECT body FROM segment WHERE batch = 3)"])
def test_a_segment_that_is_damaged_stays_for_verification_to_name(life: Writing, damage: str) -> None:
    small_batches(life, 100)
    life.pass_time(LATER_S)
    with sqlite3.connect(life.data / FILE_NAME) as connection:
        connection.execute(f"UPDATE segment SET {damage} WHERE batch = 14")
        at = connection.execute("SELECT first_position FROM segment WHERE batch = 14").fetchone()[0]
    many = len(segments(life))
    assert compact(life)
    assert len(segments(life)) < many
    verdict = verify(life.data)
    assert (verdict.exit_code, verdict.position) == ((1, at) if damage.startswith("body") else (0, None))


def test_a_merge_that_cannot_be_written_leaves_all_as_it_was(life: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(life, 30)
    life.pass_time(LATER_S)
    before, run = records(life), life.writer.driver.run

    def full(sql: str, rows: Any) -> None:
        if sql.startswith("INSERT INTO segment"):
            raise sqlite3.OperationalError("database or disk is full")
        run(sql, rows)

    with monkeypatch.context() as patch:
        patch.setattr(life.writer.driver, "run", full)
        assert not life.maintenance().compact()
    assert records(life) == before
    assert compact(life)
    assert verify(life.data).exit_code == 0


def test_retention_takes_merged_segments_whole(life: Writing) -> None:
    small_batches(life, 60)
    life.pass_time(LATER_S)
    maintenance = life.maintenance(max_age_days=1)
    maintenance.checkpoint()
    maintenance.snapshot()
    while maintenance.compact():
        pass
    life.pass_time(2 * 86400)
    small_batches(life, 3)
    maintenance.retain()
    verdict = verify(life.data)
    assert (verdict.exit_code, replay(life.data).exit_code) == (0, 0)
    assert 0 < verdict.erased_up_to < segments(life)[0][0]


def test_segments_of_hours_apart_are_not_put_into_one(life: Writing) -> None:
    for _ in range(4):
        small_batches(life, 5)
        life.pass_time(4 * 3600)
    life.pass_time(LATER_S)
    compact(life)
    column = schema.segment.c
    with life.reading.connect() as connection:
        widest = connection.execute(select(func.max(column.last_recorded_at - column.first_recorded_at))).scalar()
    assert widest is not None and widest <= compaction.SPAN_US


def test_it_is_the_same_on_every_database(writer: Writer, reader: Engine, address: str) -> None:
    at = 1_750_000_000_000_000
    for position in range(1, 6):
        made, envelope, body = OpenSegment(), seal_envelope(("default", "/test", None)), b"{%d}" % position
        made.add_input(
            position, at + position, 0, envelope, body, digest(envelope, body), f"t{position}", "default", position, 7
        )
        writer.commit(made.close(position - 1), Rows(hot_all=True))
    with reader.connect() as connection:
        row = compaction.merged(connection, compaction.Run((2, 4), 1))
    mark = "?" if writer.driver.dialect.name == "sqlite" else "%s"
    writer.write(
        (compaction.DELETE.replace("?", mark), [(2, 4)]), (compaction.INSERT.replace("?", mark), [row]),
    )  # fmt: skip
    fresh = reading_engine(address)
    with fresh.connect() as connection:
        kept = connection.execute(select(schema.segment).order_by(schema.segment.c.batch)).all()
        found = [record.body for record in JournalReader(connection).records(1)]
    fresh.dispose()
    assert [(one.batch, one.first_position, one.last_position, one.count) for one in kept] == [
        (1, 1, 1, 1), (4, 2, 4, 3), (5, 5, 5, 1),
    ]  # fmt: skip
    assert found == [b"{%d}" % position for position in range(1, 6)]
    assert kept[1].types == '["t2","t3","t4"]'
