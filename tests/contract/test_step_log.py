"""What work told is written with the next commit, on every database, and goes by age, by size and by run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from oncue.runtime.frames import Saying, SideWrite
from oncue.runtime.making import LOG
from oncue.store import step_log
from oncue.store.step_log import LINE_COST, Statement, part, size_of, too_much, too_old
from oncue.store.writer import Rows, Unavailable, Writer
from tests.contract.test_store import reader, store, writer
from tests.contract.writing import START_US, Writing

__all__ = ["reader", "store", "writer"]

DAY_S = 86_400


def put(writer: Writer, *texts: str, run: str = "run-1", step: str = "copy", at: int = 0) -> None:
    lines = [(run, step, 1, at, "", text) for text in texts]
    writer.commit(None, Rows(log=lines, log_sizes=[(run, sum(map(size_of, texts)), 0, at)]))


def run_all(writer: Writer, statements: list[Statement]) -> None:
    mark = "?" if writer.driver.dialect.name == "sqlite" else "%s"
    writer.write(*[(sql.replace("?", mark), rows) for sql, rows in statements])


def texts(reader: Engine, run: str = "run-1", step: str | None = None, after: int = 0, limit: int = 100) -> list[str]:
    with reader.connect() as connection:
        return [line.text for line in part(connection, run, step, None, after, limit).lines]


def test_lines_are_read_in_the_order_they_were_written_in_a_part_at_a_time(writer: Writer, reader: Engine) -> None:
    put(writer, "b", "a", "c")
    put(writer, "of another run", run="run-2")
    put(writer, "d", step="others[host-1]/check")
    with reader.connect() as connection:
        first = part(connection, "run-1", None, None, 0, 2)
        second = part(connection, "run-1", None, None, first.lines[-1].sequence, 2)
    assert [line.text for line in first.lines + second.lines] == ["b", "a", "c", "d"]
    assert (first.more, second.more) == (True, False)
    assert texts(reader, step="others[host-1]/check") == ["d"]
    assert texts(reader, run="run-3") == []


def test_of_progress_the_newest_word_of_each_attempt_is_kept(writer: Writer, reader: Engine) -> None:
    for at, attempt, done in ((1, 1, 0.1), (2, 1, 0.4), (3, 2, 0.2)):
        writer.commit(None, Rows(progress=[("run-1", "copy", attempt, at, done, "copying")]))
    with reader.connect() as connection:
        found = part(connection, "run-1", None, None, 0, 10).progress
        of_first = part(connection, "run-1", "copy", 1, 0, 10).progress
    assert [(one.attempt, one.done) for one in found] == [(2, 0.2), (1, 0.4)]
    assert [one.done for one in of_first] == [0.4]


def test_of_a_run_that_told_too_much_the_oldest_lines_go_and_that_is_said(writer: Writer, reader: Engine) -> None:
    put(writer, "1", "2", "3", "4")
    put(writer, "5", run="run-2")
    with reader.connect() as connection:
        assert too_much(connection, 4 * (LINE_COST + 1)) == []
        statements = too_much(connection, 3 * (LINE_COST + 1))
    run_all(writer, statements)
    assert (texts(reader), texts(reader, run="run-2")) == (["2", "3", "4"], ["5"])
    with reader.connect() as connection:
        assert part(connection, "run-1", None, None, 0, 10).left_out == 1
        assert too_much(connection, 3 * (LINE_COST + 1)) == []
    put(writer, "6")
    with reader.connect() as connection:
        run_all(writer, too_much(connection, 3 * (LINE_COST + 1)))
    assert texts(reader) == ["3", "4", "6"]
    with reader.connect() as connection:
        assert part(connection, "run-1", None, None, 0, 10).left_out == 2


def test_what_is_too_old_goes_a_part_at_a_time(writer: Writer, reader: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_log, "AT_ONCE", 2)
    put(writer, "1", "2", "3", at=10)
    put(writer, "4", at=20)
    put(writer, "5", run="run-2", at=10)
    writer.commit(None, Rows(progress=[("run-2", "copy", 1, 10, 0.5, "")]))
    more, rounds = True, 0
    while more:
        with reader.connect() as connection:
            statements, more = too_old(connection, 20)
        run_all(writer, statements)
        rounds += 1
    assert rounds == 3
    assert (texts(reader), texts(reader, run="run-2")) == (["4"], [])
    with reader.connect() as connection:
        assert part(connection, "run-2", None, None, 0, 10).progress == []
        assert too_old(connection, 20) == ([], False)


def test_a_run_can_be_forgotten(writer: Writer, reader: Engine) -> None:
    put(writer, "1", "2")
    put(writer, "3", run="run-2")
    writer.commit(None, Rows(progress=[("run-1", "copy", 1, 0, 0.5, "")]))
    writer.commit(None, Rows(log_gone=[("run-1",)]))
    with reader.connect() as connection:
        gone = part(connection, "run-1", None, None, 0, 10)
    assert (gone.lines, gone.progress, texts(reader, run="run-2")) == ([], [], ["3"])


# With the writer's loop


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Writing]:
    writing = Writing(tmp_path)
    yield writing
    writing.close()


def saying(text: str, run: str = "run-1", done: float | None = None) -> Saying:
    return Saying("default", run, "copy", 1, START_US, "", text, done)


def test_what_was_told_before_a_result_is_in_its_commit(life: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[tuple[bool, int]] = []
    commit = life.writer.commit
    monkeypatch.setattr(
        life.writer,
        "commit",
        lambda part, rows: (commits.append((part is not None, len(rows.log))), commit(part, rows)),
    )
    life.loop.say([saying("before")])
    life.submit(life.event())
    assert commits == [(True, 1)]
    assert texts(life.reading) == ["before"]


def test_what_is_told_while_nothing_else_happens_is_written_and_watchers_learn_of_it(life: Writing) -> None:
    life.loop.say([saying("alone"), saying("", run="run-2", done=0.5)])
    life.work()
    assert texts(life.reading) == ["alone"]
    assert life.after[-1].told == [("default", "run-1"), ("default", "run-2")]


def test_what_is_told_is_in_no_journal(life: Writing) -> None:
    life.submit(life.event())
    before = life.records()
    life.loop.say([saying("alone")])
    life.work()
    assert life.records() == before


def test_what_could_not_be_written_is_written_when_the_store_is_back(
    life: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise Unavailable("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(life.writer, "commit", fails)
        life.loop.say([saying("first")])
        life.work()
    assert texts(life.reading) == []
    life.loop.retry_now()
    life.loop.say([saying("second")])
    life.work()
    assert texts(life.reading) == ["first", "second"]


def test_maintenance_keeps_thirty_days(life: Writing) -> None:
    maintenance = life.maintenance()
    life.loop.say([saying("old")])
    life.work()
    life.pass_time(29 * DAY_S)
    maintenance.forget_sayings()
    assert texts(life.reading) == ["old"]
    life.pass_time(2 * DAY_S)
    maintenance = life.maintenance()
    while maintenance.forget_sayings():
        pass
    assert texts(life.reading) == []


def test_maintenance_keeps_a_megabyte_of_each_run(life: Writing) -> None:
    line = "x" * (1024 - LINE_COST)
    life.loop.say([saying(f"{number:04}{line[4:]}") for number in range(1_030)])
    life.work()
    maintenance = life.maintenance()
    while maintenance.forget_sayings():
        pass
    kept = texts(life.reading, limit=2_000)
    assert (len(kept), kept[0][:4], kept[-1][:4]) == (1_024, "0006", "1029")


def test_erasing_is_part_of_the_input_that_asks_for_it(life: Writing) -> None:
    life.loop.say([saying("private")])
    life.work()
    life.submit(life.event("oncue.audit.run_log_erased"), urgent=True, side=[SideWrite(LOG, "run-1", None)])
    assert texts(life.reading) == []
