"""The store's contract, the same on every database: one transaction per batch, read back as it was written."""

import hashlib
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy import Engine, event, insert, inspect, select

from oncue.runtime.clock import instant
from oncue.store import database, dead_letters, migrate, queries, schema
from oncue.store.database import (
    Origin,
    is_postgresql,
    live_rows,
    open_writer,
    read_origin,
    reading_engine,
    writing_engine,
)
from oncue.store.hot import HotRow, seal
from oncue.store.journal import (
    CONFLICT,
    DERIVED,
    GENESIS,
    INPUT,
    REJECTED,
    OpenSegment,
    Record,
    Segment,
    chain_hash,
    digest,
    digests,
    seal_envelope,
)
from oncue.store.journal_reader import JournalReader
from oncue.store.queries import Filters
from oncue.store.revision import HEAD
from oncue.store.writer import WAL_RESERVED, Rows, SQLiteDriver, SyncFailed, Unavailable, Writer

T0 = 1_750_000_000_000_000


@pytest.fixture
def store(address: str) -> Iterator[tuple[Writer, Origin]]:
    writer, origin = open_writer(address)
    yield writer, origin
    writer.driver.close()


@pytest.fixture
def writer(store: tuple[Writer, Origin]) -> Writer:
    return store[0]


@pytest.fixture
def reader(address: str, writer: Writer) -> Iterator[Engine]:
    engine = reading_engine(address)
    yield engine
    engine.dispose()


def record(position: int, body: bytes = b"{}", *, flags: int = INPUT, namespace: str = "default") -> Record:
    return Record(position, T0 + position, flags, seal_envelope((namespace, "/test", None)), body)


def segment(*records: Record, types: tuple[str, ...] = ("a",), namespaces: tuple[str, ...] = ("default",)) -> Segment:
    made = OpenSegment()
    for r in records:
        content = digest(r.envelope, r.body)
        if r.derived:
            made.add(r.position, r.recorded_at, r.flags, r.envelope, r.body, content, types[0], namespaces[0])
        else:
            made.add_input(
                r.position, r.recorded_at, r.flags, r.envelope, r.body, content, types[0], namespaces[0], 1, 2
            )
    return msgspec.structs.replace(made.close(records[0].position - 1), types=list(types), namespaces=list(namespaces))


def test_hashing_many_is_hashing_each() -> None:
    envelope, bodies = seal_envelope(("default", "/test", "user:basis-1")), [b"", b"{}", b"x" * 5_000]
    assert digests(envelope, bodies) == b"".join(digest(envelope, body) for body in bodies)


def test_a_batch_is_hashed_as_the_journal_says() -> None:
    """Worked out a second time, from the words of `journal.py` alone."""
    records = [record(position, b"%d" % position, flags=position % 3 == 0) for position in range(10, 10 + 71)]
    sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()  # noqa: E731
    leaves = []
    for first in range(0, len(records), 32):
        some = records[first : first + 32]
        leaves.append(
            sha(
                b"\0", some[0].position.to_bytes(8, "big"), *(one.recorded_at.to_bytes(8, "little") for one in some),
                bytes(one.flags for one in some),
                *(sha(len(one.envelope).to_bytes(4, "big"), one.envelope, one.body) for one in some),
            )
        )  # fmt: skip
    assert len(leaves) == 3
    assert segment(*records).root == sha(b"\1", sha(b"\1", leaves[0], leaves[1]), leaves[2])


def at(us: int) -> datetime:
    return instant(T0 + us)


def fact(position: int, *, kind: str = "alert", id: str = "A-1", type: str = "oncue.alert.fired", **more: Any) -> tuple:
    values = {
        "position": position, "type": type, "namespace": "default", "kind": kind, "id": id, "recorded_at": T0 + position,
        "input_position": position, "cause_position": position, "severity": None, "resource": None, "service": None,
        "body": b"{}", **more,
    }  # fmt: skip
    return tuple(values[column.name] for column in schema.fact.columns)


def entity(kind: str, id: str, position: int, **more: Any) -> tuple[Any, ...]:
    values = {
        "kind": kind, "id": id, "live": True, "namespace": "default", "state": "firing", "severity": "major",
        "type": "org.example.a", "resource": "host-1", "service": None, "created_at": T0 + position,
        "updated_at": T0 + position, "position": position, "body": msgspec.json.encode({"id": id, "title": f"Title of {id}"}),
        **more,
    }  # fmt: skip
    return tuple(values[column.name] for column in schema.entity.columns)


# Migrations


@pytest.mark.parametrize("way", [migrate.migrate, migrate.upgrade])
def test_a_new_database_and_the_migrations_lead_to_the_schema(address: str, way: Callable[[Engine], None]) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = writing_engine(address)
    way(engine)
    migrate.migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, schema.metadata)
        tables = (
            {}
            if connection.dialect.name != "sqlite"
            else dict(connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all())
        )
    engine.dispose()
    assert [one for one in differences if "comment" not in str(one[0])] == []
    assert all(
        "WITHOUT ROWID" in tables[name] for name in ("entity", "alert_hot", "cell", "sample", "access") if tables
    )


def test_of_what_kind_facts_are_that_concern_an_incident_is_filled_in_from_those_that_are_there(address: str) -> None:
    engine = writing_engine(address)
    migrate.migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX fact_ref_of")
        connection.exec_driver_sql('ALTER TABLE fact_ref DROP COLUMN "of"')
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0005'")
        common = {
            "type": "t", "namespace": "default", "id": "i", "recorded_at": 0, "input_position": 0, "cause_position": 0,
            "body": b"{}",
        }  # fmt: skip
        for position, kind in enumerate(("comment", "alert", "membership", "escalation")):
            connection.execute(insert(schema.fact).values(position=position, kind=kind, **common))
            connection.exec_driver_sql(
                f"INSERT INTO fact_ref (kind, id, position) VALUES ('incident', 'x', {position})"
            )
    migrate.migrate(engine)
    with engine.connect() as connection:
        found = connection.execute(select(schema.fact_ref.c.of).order_by(schema.fact_ref.c.position)).scalars().all()
    engine.dispose()
    assert found == ["comment", None, None, "escalation"]


def test_what_no_list_has_leaves_the_indexes_of_lists(address: str) -> None:
    engine = writing_engine(address)
    migrate.upgrade(engine, "0006")
    kinds = ("run", "step", "effect", "definition")
    with engine.begin() as connection:
        for number, kind in enumerate(kinds):
            row = entity(kind, f"{kind}-1", number, state="running", body=b"{}")
            connection.execute(insert(schema.entity).values(row))
    migrate.migrate(engine)
    with engine.connect() as connection:
        columns = (schema.entity.c.kind, schema.entity.c.state, schema.entity.c.position, schema.entity.c.body)
        found = {row[0]: tuple(row)[1:] for row in connection.execute(select(*columns))}
    engine.dispose()
    assert found["run"] == ("running", 0, b"{}")
    assert {found[kind] for kind in schema.PARTS} == {(None, None, b"{}")}


def test_lists_are_read_from_an_index_that_has_their_order(tmp_path: Path) -> None:
    """In SQLite; PostgreSQL chooses by how much there is."""
    engine = writing_engine(str(tmp_path / "oncue.db"))
    migrate.migrate(engine)
    asked: list[Any] = []
    with engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
        queries.entities(connection, "run", queries.Filters())
        queries.entities(connection, "run", queries.Filters(state=("running",)))
        plans = [
            [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in list(asked)
        ]
    engine.dispose()
    assert [plan[0].partition(" (")[0] for plan in plans] == [
        "SEARCH entity USING INDEX entity_list", "SEARCH entity USING INDEX entity_state",
    ]  # fmt: skip
    assert not any("TEMP B-TREE" in step for plan in plans for step in plan)


def test_a_database_that_is_being_made_is_there_whole_or_not_at_all(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = writing_engine(address)

    def crash(*_: object) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as broken:
        broken.setattr(migrate.versions, "create", crash)
        with pytest.raises(SystemExit):
            migrate.migrate(engine)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    migrate.migrate(engine)
    open_writer(address)[0].driver.close()


# The journal


def test_an_empty_store_gets_an_identity_and_keeps_it(address: str) -> None:
    writer, first = open_writer(address)
    writer.driver.close()
    again, second = open_writer(address)
    again.driver.close()
    assert first == second
    assert (first.cursor, first.batch, first.events, first.chain_head) == (0, 0, 0, GENESIS)
    assert first.journal_id


def test_records_are_read_back_byte_for_byte(writer: Writer, reader: Engine) -> None:
    chance = random.Random(7)
    bodies = [b"", b"{}", "Ümläute ✓ \u0000".encode(), chance.randbytes(300_000), b"x" * 1_000_000]
    flags = [INPUT, DERIVED, REJECTED, CONFLICT, INPUT]
    written = [record(n + 1, body, flags=flag) for n, (body, flag) in enumerate(zip(bodies, flags, strict=True))]
    writer.commit(segment(*written[:2]), Rows())
    writer.commit(segment(*written[2:]), Rows())
    with reader.connect() as connection:
        journal = JournalReader(connection)
        assert list(journal.records(1)) == written
        assert list(journal.records(2, 3)) == written[1:3]
        assert list(journal.backwards()) == written[::-1]
        assert list(journal.backwards(before=4)) == written[2::-1]
        assert journal.record(3) == written[2]
        assert journal.record(6) is None
        assert queries.heads(connection) == (1, 5)


def test_reading_backwards_passes_over_segments_without_the_type_namespace_or_time(
    writer: Writer, reader: Engine
) -> None:
    writer.commit(segment(record(1), types=("a",)), Rows())
    writer.commit(segment(record(2), types=("b",), namespaces=("other",)), Rows())
    writer.commit(segment(record(3), types=("a", "b")), Rows())
    with reader.connect() as connection:
        journal = JournalReader(connection)

        def positions(**filters: Any) -> list[int]:
            return [found.position for found in journal.backwards(**filters)]

        assert positions(types={"a"}) == [3, 1]
        assert positions(types={"b"}) == [3, 2]
        assert positions(namespaces={"other"}) == [2]
        assert positions(since=T0 + 2) == [3, 2]
        assert positions(until=T0 + 2) == [2, 1]
        assert positions(types={"c"}) == []


def test_the_chain_links_each_batch_to_the_one_before_also_across_a_restart(address: str) -> None:
    for expected in (1, 2, 3):
        writer, origin = open_writer(address)
        assert (origin.batch, origin.cursor) == (expected - 1, expected - 1)
        assert writer.head == origin.chain_head
        writer.commit(segment(record(expected)), Rows())
        writer.driver.close()
    engine = reading_engine(address)
    with engine.connect() as connection:
        rows = connection.execute(select(schema.chain).order_by(schema.chain.c.batch)).all()
        previous = GENESIS
        for row in rows:
            assert row.prev_hash == previous
            assert row.hash == chain_hash(row.batch, row.first_position, row.last_position, row.root, previous)
            previous = row.hash
        found = read_origin(connection)
        assert found is not None
        assert (found.chain_head, found.cursor, found.events, found.batch) == (previous, 3, 3, 3)
        assert found.recorded_at == T0 + 3
    engine.dispose()


# State


def test_live_entities_cells_and_hot_rows_come_back_as_they_were_last_written(writer: Writer, reader: Engine) -> None:
    writer.commit(
        segment(record(1)),
        Rows(
            entities=[entity("alert", "A-1", 1), entity("alert", "A-2", 1), entity("run", "R-1", 1, live=False)],
            hot=[("A-1", 1, T0, None, T0, 1), ("A-2", 1, T0, T0 + 5, T0, 1)],
            cells=[("timer", "t1", b"\x00\xff"), ("timer", "t2", b"two"), ("window", "t1", b"w")],
        ),
    )
    writer.commit(
        segment(record(2)),
        Rows(
            entities=[entity("alert", "A-1", 2, body=b"new"), entity("alert", "A-2", 2, live=False)],
            hot=[("A-1", 9, T0 + 9, T0 + 10, T0 + 8, 2)],
            hot_gone=[("A-2",)],
            cells=[("timer", "t1", b"one")],
            cells_gone=[("timer", "t2"), ("timer", "unknown")],
        ),
    )
    with reader.connect() as connection:
        rows = live_rows(connection)
        assert rows.entities == [("alert", "A-1", b"new")]
        assert sorted(rows.cells) == [("timer", "t1", b"one"), ("window", "t1", b"w")]
        assert rows.hot == [HotRow("A-1", 9, at(9), at(10), at(8), "0-2")]


def test_hot_rows_that_segments_hold_count_until_they_are_written(writer: Writer, reader: Engine) -> None:
    def commit(position: int, gone: list[str], rows: list[HotRow] | None, **written: Any) -> None:
        part = segment(record(position))
        part.hot = seal((gone, rows)) if rows is not None else None
        writer.commit(part, Rows(**written, hot_all=rows is None))

    def hot() -> list[HotRow]:
        with reader.connect() as connection:
            return sorted(live_rows(connection).hot, key=lambda row: row.id)

    one, two = (HotRow("A-1", n, at(n), None, at(0), "0-1") for n in (5, 6))
    other = HotRow("A-2", 3, at(3), at(4), at(1), "0-1")
    commit(1, [], None, hot=[("A-1", 1, T0, None, T0, 1)])
    commit(2, [], [one, other])
    commit(3, [], [two])
    assert hot() == [two, other]
    commit(4, ["A-1"], [], hot_gone=[("A-1",)])
    assert hot() == [other], "a row written whole is newer than what was held"
    commit(5, [], None, hot=[("A-2", 4, T0 + 4, None, T0, 1)])
    assert hot() == [HotRow("A-2", 4, at(4), None, at(0), "0-1")]


def test_samples_add_up_within_their_interval(writer: Writer, reader: Engine) -> None:
    writer.commit(None, Rows(samples=[("s", 60, T0, 2, 3.0, 1.0, 2.0), ("s", 3600, T0, 1, 1.0, 1.0, 1.0)]))
    writer.commit(None, Rows(samples=[("s", 60, T0, 1, -4.5, -4.5, -4.5), ("s", 60, T0, 1, 9.0, 9.0, 9.0)]))
    with reader.connect() as connection:
        rows = connection.execute(select(schema.sample).order_by(schema.sample.c.step_s)).all()
    assert [tuple(row) for row in rows] == [("s", 60, T0, 4, 7.5, -4.5, 9.0), ("s", 3600, T0, 1, 1.0, 1.0, 1.0)]


def test_dead_letters_are_numbered_in_order_and_marked_when_redriven(writer: Writer, reader: Engine) -> None:
    letters = [("default", "/api", "event.malformed", f"detail {n}", T0 + n, None, b"\xff raw") for n in range(3)]
    writer.commit(None, Rows(letters=letters))
    with reader.connect() as connection:
        found, following = dead_letters.dead_letters(connection, Filters(limit=2))
        assert [row.detail for row in found] == ["detail 2", "detail 1"]
        rest, end = dead_letters.dead_letters(connection, Filters(limit=2, cursor=following))
        assert ([row.detail for row in rest], end) == (["detail 0"], None)
        assert found[0].body == b"\xff raw"
        newest = found[0].id
    writer.commit(None, Rows(redriven=[(T0 + 9, newest)]))
    with reader.connect() as connection:
        assert [row.id for row in dead_letters.dead_letters(connection, Filters(state=("redriven",)))[0]] == [newest]
        assert len(dead_letters.dead_letters(connection, Filters(state=("waiting",)))[0]) == 2
        row = dead_letters.dead_letter_of(connection, newest)
        assert row is not None
        assert row.redriven_at == T0 + 9


def test_access_rows_are_put_and_removed(writer: Writer, reader: Engine) -> None:
    writer.commit(None, Rows(access=[("token", "a", b"1"), ("user", "a", b"2")]))
    writer.commit(None, Rows(access=[("token", "a", b"3")], access_gone=[("user", "a"), ("user", "nobody")]))
    with reader.connect() as connection:
        assert queries.access_rows(connection) == [("token", "a", b"3")]
        assert queries.access_row(connection, "token", "a") == b"3"
        assert queries.access_row(connection, "user", "a") is None


# All or nothing


def test_a_full_store_keeps_nothing_of_the_batch_and_the_same_writer_goes_on(writer: Writer, reader: Engine) -> None:
    if not isinstance(writer.driver, SQLiteDriver):
        with pytest.raises(Unavailable):  # the server cuts the connection, as when it restarts
            cut_off_and_commit(writer)
    else:
        writer.commit(segment(record(1)), Rows())
        connection = writer.driver._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 5}")
        with pytest.raises(Unavailable, match="full"):
            writer.commit(segment(record(2, random.Random(1).randbytes(200_000))), Rows(cells=[("k", "lost", b"x")]))
        connection.execute("PRAGMA max_page_count = 1000000")
    with reader.connect() as connection:
        assert [found.position for found in JournalReader(connection).records(2)] == []
        assert queries.cells(connection, "k") == {}
    writer.commit(segment(record(2, b"after")), Rows(cells=[("k", "kept", b"x")]))
    with reader.connect() as connection:
        found = JournalReader(connection).record(2)
        assert found is not None
        assert found.body == b"after"
        assert queries.cells(connection, "k") == {"kept": b"x"}


def test_a_probe_is_written_to_the_disk_and_changes_nothing(address: str, writer: Writer, reader: Engine) -> None:
    writer.commit(segment(record(1)), Rows())
    with reader.connect() as connection:
        before = read_origin(connection)
    logged = log_of(address)
    writer.probe()
    assert log_of(address) != logged
    with reader.connect() as connection:
        assert read_origin(connection) == before


def log_of(address: str) -> Any:
    """What the database's write-ahead log is at."""
    if not is_postgresql(address):
        return hashlib.sha256(Path(f"{address}-wal").read_bytes()).digest()
    with psycopg.connect(address) as connection:
        return connection.execute("SELECT pg_current_wal_insert_lsn()::text").fetchone()


def test_the_log_is_reserved_and_what_is_in_it_is_found_after_a_crash(tmp_path: Path) -> None:
    writer, _ = open_writer(str(tmp_path / "oncue.db"))
    log = tmp_path / "oncue.db-wal"
    assert log.stat().st_size >= WAL_RESERVED
    writer.commit(segment(record(1)), Rows(cells=[("k", "kept", b"x")]))
    assert log.stat().st_size == WAL_RESERVED
    (tmp_path / "crashed").mkdir()
    for left in ("oncue.db", "oncue.db-wal"):
        shutil.copy(tmp_path / left, tmp_path / "crashed" / left)
    writer.driver.close()
    again, origin = open_writer(str(tmp_path / "crashed" / "oncue.db"))
    again.driver.close()
    assert (origin.cursor, origin.batch) == (1, 1)


def test_on_a_disk_that_is_nearly_full_no_log_is_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full = SimpleNamespace(free=WAL_RESERVED * 15)
    monkeypatch.setattr("oncue.store.writer.shutil.disk_usage", lambda _: nearly_full)
    writer, _ = open_writer(str(tmp_path / "oncue.db"))
    writer.commit(segment(record(1)), Rows())
    assert (tmp_path / "oncue.db-wal").stat().st_size < WAL_RESERVED
    writer.driver.close()


def cut_off_and_commit(writer: Writer) -> None:
    writer.commit(segment(record(1)), Rows())
    cut_off(writer)
    writer.commit(segment(record(2)), Rows(cells=[("k", "lost", b"x")]))


def cut_off(writer: Writer) -> None:
    driver: Any = writer.driver
    own = driver._connection.info
    with psycopg.connect(own.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (own.backend_pid,))


@pytest.mark.parametrize("address", ["postgresql"], indirect=True)
def test_a_commit_whose_outcome_is_not_known_is_not_called_refused(writer: Writer) -> None:
    driver: Any = writer.driver
    commit = driver.commit

    def commit_as_the_connection_breaks() -> None:
        cut_off(writer)
        commit()

    driver.commit = commit_as_the_connection_breaks
    with pytest.raises(SyncFailed):
        writer.commit(segment(record(1)), Rows())


# Queries


def test_lists_are_filtered_and_their_pages_join_without_gap_or_overlap(writer: Writer, reader: Engine) -> None:
    rows = [
        entity(
            "alert", f"A-{n}", 1 + n // 3, severity="major" if n % 2 else "minor", resource=f"host-{n % 5}",
            namespace="b" if n % 7 == 0 else "default", type=f"org.example.{n % 2}",
        )
        for n in range(20)
    ]  # fmt: skip
    writer.commit(segment(record(1)), Rows(entities=rows))
    with reader.connect() as connection:

        def ids(**filters: Any) -> list[str]:
            found: list[str] = []
            cursor = None
            while True:
                page = queries.entities(connection, "alert", Filters(limit=4, cursor=cursor, **filters))
                found += [msgspec.json.decode(item)["id"] for item in page.items]
                cursor = page.next
                if cursor is None:
                    return found

        everything = ids()
        assert len(everything) == len(set(everything)) == 20
        assert {everything.index("A-19"), everything.index("A-18")} == {0, 1}
        assert set(ids(severity=("major",))) == {f"A-{n}" for n in range(20) if n % 2}
        assert set(ids(resource=("host-1", "host-2"))) == {f"A-{n}" for n in range(20) if n % 5 in {1, 2}}
        assert set(ids(visible=frozenset({"b"}))) == {f"A-{n}" for n in range(0, 20, 7)}
        assert set(ids(type=("org.example.0",))) == {f"A-{n}" for n in range(0, 20, 2)}
        assert len(ids(type=("org.*",))) == 20
        assert ids(state=("resolved",)) == []
        assert ids(since=queries.instant(T0 + 7)) == ids(since=queries.instant(T0 + 6), until=None)[:2]
        assert set(ids(q="TITLE OF A-7")) == {"A-7"}
        assert ids(q="100%_") == []


def test_an_alert_shows_what_its_repeats_changed(writer: Writer, reader: Engine) -> None:
    body = msgspec.json.encode({"id": "A-1", "count": 1, "last_seen_at": "2026-01-01T00:00:00Z"})
    writer.commit(
        segment(record(1)), Rows(entities=[entity("alert", "A-1", 1, body=body)], hot=[("A-1", 7, T0, None, T0, 1)])
    )
    with reader.connect() as connection:
        found = queries.entity_body(connection, "alert", "A-1")
        assert found is not None
        alert = msgspec.json.decode(found[1])
        assert alert["count"] == 7
        assert alert["last_seen_at"].startswith("2025-06-15T")
        assert queries.entity_body(connection, "alert", "none") is None


def test_manifests_of_a_kind_are_those_whose_id_begins_with_it(writer: Writer, reader: Engine) -> None:
    ids = ["Policy/default/a", "Policy/default/Z", "Policy/b/ä", "PolicyTest/default/a", "Service/default/a"]
    rows = [entity("manifest", id, 1) for id in ids]
    deleted = msgspec.json.encode({"id": "Policy/default/gone", "deleted": True})
    rows.append(entity("manifest", "Policy/default/gone", 1, body=deleted))
    writer.commit(segment(record(1)), Rows(entities=rows))
    with reader.connect() as connection:
        found = {msgspec.json.decode(body)["id"] for body in queries.manifests(connection, "Policy")}
        assert found == set(ids[:3])
        assert len(queries.manifests(connection)) == 5


def test_a_timeline_holds_what_is_about_a_thing_and_what_concerns_it_newest_first(
    writer: Writer, reader: Engine
) -> None:
    facts = [
        fact(1, id="A-1"),
        fact(2, kind="incident", id="INC-1", type="oncue.incident.opened"),
        fact(3, id="A-2"),
        fact(4, id="A-1", type="oncue.alert.resolved"),
    ]
    refs = [
        ("incident", "INC-1", 1, None),
        ("incident", "INC-1", 4, None),
        ("incident", "INC-1", 2, None),
        ("incident", "INC-1", 1, None),
    ]
    writer.commit(segment(record(1)), Rows(facts=facts, refs=refs))
    with reader.connect() as connection:

        def positions(before: int | None, limit: int) -> list[int]:
            return [row.position for row in queries.timeline(connection, "incident", "INC-1", before, limit)]

        assert positions(None, 10) == [4, 2, 1]
        assert positions(4, 1) == [2]
        assert [row.position for row in queries.facts_after(connection, 2, 10)] == [3, 4]
        assert queries.fact_at(connection, 3) is not None
        assert queries.fact_at(connection, 5) is None


def test_decisions_are_found_by_policy_and_outcome(writer: Writer, reader: Engine) -> None:
    def decided(position: int, policy: str, outcome: str) -> tuple[Any, ...]:
        body = msgspec.json.encode({"data": {"policy": policy, "detail": f"it was {outcome}"}})
        return fact(position, kind="policy", id=policy, type=f"oncue.policy.{outcome}", body=body)

    facts = [decided(1, "default/a", "fired"), decided(2, "default/b", "blocked"), decided(3, "default/a", "blocked")]
    writer.commit(segment(record(1)), Rows(facts=[*facts, fact(4)]))
    with reader.connect() as connection:

        def positions(policy: str | None = None, **filters: Any) -> list[int]:
            return [row.position for row in queries.decisions(connection, Filters(**filters), policy)[0]]

        assert positions() == [3, 2, 1]
        assert positions("default/a") == [3, 1]
        assert positions(state=("blocked",)) == [3, 2]
        assert positions(q="WAS FIRED") == [1]


def test_readers_cannot_write(reader: Engine, address: str) -> None:
    with reader.connect() as connection, pytest.raises(Exception, match=r"readonly|read-only"):
        connection.execute(schema.cell.insert().values(kind="k", key="k", body=b""))


def test_runs_are_read_a_few_at_a_time_each_with_all_that_is_its_own(
    writer: Writer, reader: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "RUNS_AT_ONCE", 3)
    runs = [f"run-{letter}{number}" for letter in "ab7" for number in range(3)]
    swept = "run-a2x"
    steps = [f"{run}/{step}" for run in (*runs, swept) for step in ("one", "two/inner", "two-b")]
    timers = [f"run.stuck/{run}" for run in runs] + [f"run.wait/{runs[4]}/two/inner", f"run.deadline/{runs[0]}"]
    others = [f"run.go/{runs[1]}", "run.schedule/default/w", "alert.deadline/A-1"]
    waits = [f"{run}/one" for run in runs[::2]]
    writer.commit(
        segment(record(1)),
        Rows(
            entities=[
                entity("alert", "A-1", 1),
                *(entity("run", run, 1) for run in runs),
                entity("run", "run-over", 1, live=False),
                *(entity("step", step, 1) for step in steps),
            ],
            cells=[("timer", key, b"t") for key in (*timers, *others)] + [("wait", key, b"w") for key in waits],
        ),
    )
    with reader.connect() as connection:
        rows = live_rows(connection)
        assert [row[:2] for row in rows.entities] == [("alert", "A-1")]
        assert sorted(row[1] for row in rows.cells) == sorted(others)
        parts = [(list(entities), list(cells)) for entities, cells in rows.runs]
    assert [sum(kind == "run" for kind, _, _ in entities) for entities, _ in parts] == [3, 3, 3, 0]
    seen: list[str] = []
    for entities, cells in parts:
        own = {id for kind, id, _ in entities if kind == "run"}
        assert {run for kind, id, _ in entities if (run := id.partition("/")[0]) != swept} == own
        assert {run_of(kind, key) for kind, key, _ in cells} <= own
        seen += [id for kind, id, _ in entities if kind == "step"] + [key for _, key, _ in cells]
    assert sorted(seen) == sorted(steps + timers + waits)


def run_of(kind: str, key: str) -> str:
    return key.split("/")[1] if kind == "timer" else key.split("/", maxsplit=1)[0]


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_a_log_that_has_grown_is_moved_beside_the_commits(writer: Writer, address: str) -> None:
    count = 0

    def commit() -> None:
        nonlocal count
        count += 1
        writer.commit(segment(record(count)), Rows(entities=[entity("alert", f"A-{count}", count, body=bytes(5_000))]))

    while not writer.driver.relieve(40):
        commit()
    assert 4 < count < 40
    while writer.driver.relieve(40):
        commit()
    with closing(sqlite3.connect(address)) as other:
        _, log, moved = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        assert log == moved
        assert other.execute("SELECT count(*) FROM entity WHERE kind = 'alert'").fetchone()[0] == count
