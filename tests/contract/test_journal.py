"""What the journal promises, on a real SQLite file: once, in order, provable, and still so after retention."""

import base64
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from sqlalchemy import func, select

from oncue.replay.verify import verify as replay
from oncue.runtime import frames
from oncue.store import queries, schema
from oncue.store.journal import LEAF_RECORDS, Segment
from oncue.store.revision import FILE_NAME
from oncue.store.verify import check_proof, checkpoint, prove, verify
from oncue.store.writer import Rows, SyncFailed, Unavailable
from tests.contract.writing import Writing, decompressed
from tests.simulation.world import Disk, Readings


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Writing]:
    writing = Writing(tmp_path)
    yield writing
    writing.close()


def problem(life: Writing, resource: str = "db-1", **more: object) -> bytes:
    return life.event(severity="major", resource=resource, **more)


def both(life: Writing) -> tuple[int, int]:
    return verify(life.data).exit_code, replay(life.data).exit_code


def test_an_event_enters_once_and_a_retry_is_a_duplicate(life: Writing) -> None:
    body = problem(life)
    assert life.submit(body).accepted == 1
    again = life.submit(body)
    assert (again.accepted, again.duplicates, again.rejected) == (0, 1, [])
    (alert,) = life.state.alerts.values()
    assert alert.count == 1
    assert both(life) == (0, 0)


def test_a_duplicate_within_one_batch_counts_once(life: Writing) -> None:
    body = problem(life)
    answer = life.submit(body, body)
    assert (answer.accepted, answer.duplicates) == (1, 1)


def test_the_facts_of_repeats_stand_behind_the_events_that_made_them(life: Writing) -> None:
    life.submit(problem(life))
    answer = life.submit(*[problem(life, f"db-{n % 3}") for n in range(1, 100)])
    assert answer.accepted == 99
    bodies = [msgspec.json.decode(record.body) for record in life.records()]
    told = [
        (fact["data"]["resource"], fact["data"]["count"], bodies[at - 1]["id"] == fact["causationid"])
        for at, fact in enumerate(bodies)
        if fact["type"] == "oncue.alert.updated"
    ]
    assert sorted(told) == sorted((f"db-{n}", 2**k, True) for n in range(3) for k in range(1, 6))
    assert [alert.count for alert in life.state.alerts.values()] == [34, 33, 33]
    assert both(life) == (0, 0)


def test_policies_hear_of_the_facts_of_repeats(life: Writing) -> None:
    life.apply(
        "Policy",
        "noisy",
        {"match": {"types": ["oncue.alert.updated"]}, "respond": [{"ticket": {"title": "Noise", "type": "incident"}}]},
    )
    life.submit(*[problem(life) for _ in range(40)])
    assert len(life.state.tickets) == 5
    assert both(life) == (0, 0)


def test_an_event_that_the_edge_should_not_have_let_through_is_refused_alone(life: Writing) -> None:
    unreadable = life.event(title="x").replace(b'"title":', b'"title":5,"title":')
    answer = life.submit(problem(life), unreadable, problem(life))
    assert (answer.accepted, answer.rejected[0][:2]) == (2, (1, "event.malformed"))
    assert both(life) == (0, 0)


@pytest.mark.parametrize("endsat", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "soon"])
def test_a_repeat_with_an_end_that_is_no_instant_is_refused_alone(life: Writing, endsat: str) -> None:
    life.submit(*(problem(life) for _ in range(2)))
    answer = life.submit(problem(life), problem(life, endsat=endsat), problem(life))
    assert (answer.accepted, answer.rejected[0][:2]) == (2, (1, "event.poison"))
    assert both(life) == (0, 0)


def test_the_same_id_with_other_bytes_is_kept_as_evidence_and_changes_nothing(life: Writing) -> None:
    body = problem(life)
    life.submit(body)
    other = body.replace(b"major", b"minor")
    assert life.submit(other).duplicates == 1
    (alert,) = life.state.alerts.values()
    assert (alert.count, alert.severity) == (1, "major")
    assert both(life) == (0, 0)


def test_what_was_seen_before_a_restart_is_a_duplicate_after_it(life: Writing) -> None:
    body = problem(life)
    life.submit(body)
    again = Writing(life.data, life.at_us)
    assert again.submit(body).duplicates == 1
    again.close()


def test_a_restart_goes_on_where_it_was(life: Writing) -> None:
    for number in range(20):
        life.submit(problem(life, f"db-{number % 5}"))
    again = Writing(life.data, life.at_us)
    assert again.state.dump() == life.state.dump()
    again.submit(problem(again, "db-1"))
    assert both(again) == (0, 0)
    again.close()


def test_a_commit_that_fails_leaves_nothing_and_refuses_with_503(
    life: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.submit(problem(life))
    before = life.state.dump()
    body = problem(life, "db-2")

    def full(*_: object) -> None:
        raise Unavailable("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(life.writer, "commit", full)
        answer = life.submit(body)
    assert answer.error == ("store.unavailable", "database or disk is full")
    assert answer.retry_after_s >= 1
    assert life.state.dump() == before
    life.loop.resume()
    assert life.loop.problem is not None
    life.loop.retry_now()
    assert life.submit(body).accepted == 1
    assert life.loop.problem is None
    assert both(life) == (0, 0)


def under_load(life: Writing, units: int, size: int = 300) -> list[frames.Answer]:
    """Give the loop more than it takes at once: repeats of 50 alerts, and new alerts among them."""
    answers: list[frames.Answer] = []
    bodies = [problem(life, f"r{n % 50}" if n % 7 else f"n{n}") for n in range(units * size)]
    for first in range(0, len(bodies), size):
        life.loop.submit(
            [life.intake.unit(first, "default", "test", None, bodies[first : first + size])], answers.append
        )
    return answers


def test_under_load_the_next_batch_is_decided_while_one_is_committed(life: Writing) -> None:
    deciding = []

    def look(*args: Any) -> None:
        deciding.append(life.state.position)
        commit(*args)

    commit, life.writer.commit = life.writer.commit, look  # type: ignore[method-assign]
    answers = under_load(life, 10)
    life.work()
    assert [(answer.error, answer.accepted) for answer in answers] == [(None, 300)] * 10
    assert [answer.seq for answer in answers] == sorted(answer.seq for answer in answers)
    assert len(deciding) > 2, "several batches"
    assert sum(alert.count for alert in life.state.alerts.values()) == 3000
    assert both(life) == (0, 0)
    again = Writing(life.data, life.at_us)
    assert again.state.dump() == life.state.dump()
    again.close()


def test_lists_are_exact_after_every_commit_though_hot_rows_are_behind(life: Writing) -> None:
    life.submit(*[problem(life, f"r{number}") for number in range(400)])
    held = []

    def look(part: Segment | None, rows: Rows) -> None:
        commit(part, rows)
        if part is None:
            return
        held.append(part.hot is not None)
        with life.reading.connect() as connection:
            page = queries.entities(connection, "alert", queries.Filters(limit=500))
            (one,) = queries.entity_bodies(connection, "alert", [msgspec.json.decode(page.items[7])["id"]])
        assert one == page.items[7]
        assert sum(msgspec.json.decode(item)["count"] for item in page.items) == part.events

    commit, life.writer.commit = life.writer.commit, look  # type: ignore[method-assign]
    bodies = [problem(life, f"r{n % 400}") for n in range(4000)]
    answers: list[frames.Answer] = []
    for first in range(0, 4000, 400):
        unit = life.intake.unit(first, "default", "test", None, bodies[first : first + 400])
        life.loop.submit([unit], answers.append)
    life.work()
    assert [answer.error for answer in answers] == [None] * 10
    assert True in held
    assert both(life) == (0, 0)


def test_hot_rows_that_were_behind_at_a_crash_are_not_lost_at_the_next_one(life: Writing) -> None:
    life.submit(*[problem(life, f"r{number}") for number in range(40)])
    unit = life.intake.unit(1, "default", "test", None, [problem(life, f"r{number}") for number in range(40)])
    life.loop.submit([unit], lambda answer: None)
    life.loop._batch()  # and then it is killed
    life.close()
    for crash in range(3):
        life = Writing(life.data, life.at_us)
        counts = sorted(alert.count for alert in life.state.alerts.values())
        assert counts == [2] * (40 - crash) + [3] * crash
        unit = life.intake.unit(1, "default", "test", None, [problem(life, f"r{crash}")])
        life.loop.submit([unit], lambda answer: None)
        life.loop._batch()
        life.close()
    assert both(life) == (0, 0)


def test_retention_leaves_what_hot_rows_that_are_behind_are_made_of(life: Writing) -> None:
    life.submit(*[problem(life, f"r{number}") for number in range(40)])
    unit = life.intake.unit(1, "default", "test", None, [problem(life, f"r{number}") for number in range(40)])
    life.loop.submit([unit], lambda answer: None)
    life.loop._batch()
    life.maintenance().snapshot()
    life.maintenance(max_size_gb=0).retain()
    life.close()
    again = Writing(life.data, life.at_us)
    assert {alert.count for alert in again.state.alerts.values()} == {2}
    assert both(again) == (0, 0)
    again.maintenance(max_size_gb=0).retain()
    again.submit(problem(again, "r1"))
    again.maintenance(max_size_gb=0).retain()
    assert len(again.records()) == 1, "it goes once they are written"
    again.close()


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_commit_that_fails_under_load_takes_what_was_decided_after_it_along(
    life: Writing, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    commits = 0

    def fail(*args: Any) -> None:
        nonlocal commits
        commits += 1
        if commits >= fails_at:
            raise Unavailable("database or disk is full")
        commit(*args)

    commit = life.writer.commit
    with monkeypatch.context() as patch:
        patch.setattr(life.writer, "commit", fail)
        answers = under_load(life, 10)
        life.work()
    accepted = [answer.seq for answer in answers if answer.error is None]
    refused = [answer.seq for answer in answers if answer.error is not None]
    assert sorted(accepted + refused) == [300 * n for n in range(10)]
    assert not accepted or max(accepted) < min(refused)
    assert sum(alert.count for alert in life.state.alerts.values()) == 300 * len(accepted)
    held = Writing(life.data, life.at_us)
    assert held.state.dump() == life.state.dump(), "memory went back to what the disk has"
    held.close()
    life.loop.resume()
    life.loop.retry_now()
    again = under_load(life, 3)
    life.work()
    assert [answer.accepted for answer in again] == [300] * 3
    assert both(life) == (0, 0)


def test_a_crash_under_load_loses_no_repeat_though_its_row_was_not_written(
    life: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop's process dies right after each commit in turn; what was committed is there, counts included."""

    class Died(BaseException):
        pass

    for number in range(50):
        life.submit(problem(life, f"r{number}"))
    for survives in range(1, 4):
        commits, commit = 0, life.writer.commit

        def die(*args: Any, survives: int = survives, commit: Any = commit) -> None:
            nonlocal commits
            commits += 1
            if commits > survives:
                raise Died
            commit(*args)

        before = sum(alert.count for alert in life.state.alerts.values())
        with monkeypatch.context() as patch:
            patch.setattr(life.writer, "commit", die)
            answers = under_load(life, 12)
            with pytest.raises(Died):
                life.work()
        life.close()
        life.__init__(life.data, life.at_us + 1_000_000)  # type: ignore[misc]
        assert sum(alert.count for alert in life.state.alerts.values()) == before + sum(a.accepted for a in answers)
        assert both(life) == (0, 0)


def test_the_person_who_sent_an_event_is_on_record_and_replay_knows_them(
    life: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oncue.core import shape

    life.apply("Workflow", "look", {"steps": [{"id": "hold", "wait": {"for": "1h"}}]})
    life.apply("Policy", "look", {"match": {"types": ["disk.full"]}, "respond": [{"run": {"workflow": "look"}}]})
    life.submit(problem(life), person="user:basis-2")
    life.submit(problem(life, "db-2"))

    def broken(*_: object) -> None:
        raise ZeroDivisionError("broken on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(shape, "draft", broken)
        life.submit(problem(life, "db-3"), person="user:basis-2")
    with life.reading.connect() as connection:
        letter = connection.execute(select(schema.dead_letter.c.id)).scalar_one()
    life.submit(
        life.event("oncue.command.dead_letter.redrive", data={"id": letter}), urgent=True, person="user:basis-3"
    )
    persons = [one.person for one in life.records() if not one.derived and b"disk.full" in one.body][-4:]
    assert persons == ["user:basis-2", None, "user:basis-2", "user:basis-3"]
    runs = sorted(life.state.runs.values(), key=lambda run: run.resource or "")
    assert [run.requester for run in runs] == ["user:basis-2", None, "user:basis-3"]
    assert both(life) == (0, 0)


def test_what_no_person_sent_is_on_record_as_it_always_was(life: Writing) -> None:
    life.submit(problem(life))
    sent = next(one for one in life.records() if one.namespace == "default" and b"disk.full" in one.body)
    assert msgspec.msgpack.decode(sent.envelope) == ["default", "test", "user:basis-1"]


def test_a_poison_event_is_a_dead_letter_and_can_be_redriven(life: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    from oncue.core import shape

    def broken(*_: object) -> None:
        raise ZeroDivisionError("broken on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(shape, "draft", broken)
        answer = life.submit(problem(life), life.event())
    assert answer.rejected == [(0, "event.poison", "ZeroDivisionError: broken on purpose")]
    assert answer.accepted == 1
    assert not life.state.alerts
    with life.reading.connect() as connection:
        letter = connection.execute(select(schema.dead_letter)).one()
    assert letter.code == "event.poison"
    redrive = life.event("oncue.command.dead_letter.redrive", data={"id": letter.id})
    reply = life.submit(redrive, urgent=True).replies
    assert reply is not None and reply[0]["code"] is None
    assert len(life.state.alerts) == 1
    assert both(life) == (0, 0)


def dead_letter(life: Writing, code: str, body: bytes) -> int:
    """The number of a letter that the edge refused."""
    answers: list[frames.Answer] = []
    life.loop.submit([frames.Dead(1, "default", "events", [(0, code, "", body)])], answers.append)
    life.work()
    assert answers[0].error is None
    with life.reading.connect() as connection:
        found = connection.execute(select(func.max(schema.dead_letter.c.id))).scalar()
    assert found is not None
    return int(found)


def test_a_dead_letter_that_claims_a_type_of_our_own_is_not_redriven(life: Writing) -> None:
    life.submit(problem(life))
    (alert,) = life.state.alerts.values()
    forged = life.event("oncue.command.alert.resolve", data={"alert": alert.id})
    number = dead_letter(life, "event.type_reserved", forged)
    reply = life.submit(life.event("oncue.command.dead_letter.redrive", data={"id": number}), urgent=True).replies
    assert reply is not None and reply[0]["code"] == "event.type_reserved"
    assert alert.state == "firing"
    assert both(life) == (0, 0)


def test_a_dead_letter_that_is_not_utf_8_does_not_enter_the_journal(life: Writing) -> None:
    number = dead_letter(life, "event.malformed", problem(life, data="text").replace(b"text", b"\xff\xfe"))
    reply = life.submit(life.event("oncue.command.dead_letter.redrive", data={"id": number}), urgent=True).replies
    assert reply is not None and reply[0]["code"] == "event.malformed"
    assert [record.body.isascii() for record in life.records()] == [True]
    assert both(life) == (0, 0)


def test_of_two_redrives_of_a_dead_letter_in_one_batch_the_second_finds_none(life: Writing) -> None:
    number = dead_letter(life, "event.malformed", problem(life))
    twice = [life.event("oncue.command.dead_letter.redrive", data={"id": number}) for _ in range(2)]
    replies = life.submit(*twice, urgent=True).replies
    assert replies is not None and [reply["code"] for reply in replies] == [None, "dead_letter.not_found"]
    assert [alert.count for alert in life.state.alerts.values()] == [1]
    assert both(life) == (0, 0)


def test_every_flipped_bit_that_changes_a_record_is_found(life: Writing) -> None:
    """A few bits of a zstd frame mean nothing: what is read back without them is what was written."""
    for number in range(3):
        life.submit(problem(life, f"db-{number}"))
    life.close()
    path = life.data / FILE_NAME
    connection = sqlite3.connect(path)
    body = connection.execute("SELECT body FROM segment WHERE batch = 2").fetchone()[0]
    written, found = decompressed(body), 0
    for at in range(0, len(body), max(1, len(body) // 40)):
        flipped = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        connection.execute("UPDATE segment SET body = ? WHERE batch = 2", (flipped,))
        connection.commit()
        verdict = verify(life.data)
        found += verdict.exit_code == 1
        assert verdict.exit_code == (0 if decompressed(flipped) == written else 1), at
    assert found > 30
    connection.execute("UPDATE segment SET body = ? WHERE batch = 2", (body,))
    connection.commit()
    connection.close()
    assert verify(life.data).exit_code == 0


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chain SET root = zeroblob(32) WHERE batch = 2",
        "DELETE FROM chain WHERE batch = 2",
        "DELETE FROM segment WHERE batch = 2",
        "UPDATE fact SET body = replace(body, 'db-1', 'db-9') WHERE kind = 'alert'",
        "UPDATE journal SET cursor = cursor - 1",
    ],
)
def test_tampering_is_found(life: Writing, damage: str) -> None:
    for number in range(3):
        life.submit(problem(life, f"db-{number}"))
    connection = sqlite3.connect(life.data / FILE_NAME)
    connection.execute(damage)
    connection.commit()
    connection.close()
    assert verify(life.data).exit_code == 1


def cut_off_the_tail(life: Writing, batches: int) -> None:
    """What someone with the database and its keys can do: nothing in it shows that there was more."""
    connection = sqlite3.connect(life.data / FILE_NAME)
    head, last = connection.execute("SELECT hash, last_position FROM chain WHERE batch = ?", (batches,)).fetchone()
    for damage in (
        f"DELETE FROM chain WHERE batch > {batches}",
        f"DELETE FROM segment WHERE batch > {batches}",
        f"DELETE FROM checkpoint WHERE batch > {batches}",
        f"DELETE FROM fact WHERE position > {last}",
    ):
        connection.execute(damage)
    connection.execute("UPDATE journal SET cursor = ?, chain_head = ?", (last, head))
    connection.commit()
    connection.close()


def test_a_checkpoint_that_was_kept_shows_that_the_tail_was_cut_off(life: Writing) -> None:
    assert checkpoint(life.data) is None
    for number in range(3):
        life.submit(problem(life, f"db-{number}"))
    life.maintenance().checkpoint()
    kept = checkpoint(life.data)
    assert kept is not None
    life.submit(problem(life, "later"))
    assert verify(life.data, kept).exit_code == 0
    cut_off_the_tail(life, 2)
    assert verify(life.data).exit_code == 0, "from inside it cannot be seen"
    verdict = verify(life.data, kept)
    assert verdict.exit_code == 1 and "cut off" in verdict.detail


def test_a_checkpoint_that_was_kept_shows_that_history_was_written_anew(life: Writing) -> None:
    life.submit(problem(life))
    life.maintenance().checkpoint()
    kept = checkpoint(life.data)
    assert kept is not None
    origin, batch, _, *rest = kept.split("\n")
    other = "\n".join([origin, batch, base64.b64encode(bytes(32)).decode(), *rest])
    assert verify(life.data, other).exit_code == 1
    for useless in ("", "three\nlines\nhere", kept.replace("oncue/", "oncue/another-")):
        assert verify(life.data, useless).exit_code == 2


def test_a_live_row_that_was_changed_is_found_by_replay(life: Writing) -> None:
    life.submit(problem(life))
    connection = sqlite3.connect(life.data / FILE_NAME)
    connection.execute("UPDATE entity SET body = replace(body, 'firing', 'resolved') WHERE kind = 'alert'")
    connection.commit()
    connection.close()
    outcome = replay(life.data)
    assert outcome.exit_code == 1 and "alert" in outcome.detail


def test_a_record_can_be_proven_and_the_proof_cannot_be_bent(life: Writing) -> None:
    life.submit(*[problem(life, f"db-{number}") for number in range(7)])
    proof = prove(life.data, 3)
    assert proof is not None and check_proof(proof)
    last = len(proof.leaf) - 1
    for bent in (
        {"body": proof.body + " "},
        {"recorded_at": proof.recorded_at + 1},
        {"position": proof.position + 1},
        {"position": proof.leaf_first_position - 1},
        {"position": proof.leaf_first_position + last + 1},
        {"leaf": [*proof.leaf[:last], (proof.leaf[last][0] + 1, *proof.leaf[last][1:])]},
        {"leaf": [*proof.leaf[:last], (proof.leaf[last][0], proof.leaf[last][1] ^ 1, proof.leaf[last][2])]},
        {"leaf": proof.leaf[:last]},
    ):
        assert not check_proof(msgspec.structs.replace(proof, **bent)), bent


def test_each_record_of_a_large_batch_can_be_proven(life: Writing) -> None:
    life.submit(*[problem(life, f"db-{number}") for number in range(30)])
    with life.reading.connect() as connection:
        batch = connection.execute(select(schema.chain).order_by(schema.chain.c.batch.desc())).first()
    assert batch is not None and batch.last_position - batch.first_position > 3 * LEAF_RECORDS
    for position in range(batch.first_position, batch.last_position + 1):
        proof = prove(life.data, position)
        assert proof is not None and check_proof(proof) and proof.root == batch.root.hex()


def test_a_proof_cannot_have_its_leaf_cut_otherwise_to_name_another_position(life: Writing) -> None:
    """The leaf's bytes stay the same: three records' instants, flags and hashes, read as those of two."""
    life.submit(*[life.event() for _ in range(3)])
    proof = prove(life.data, 3)
    assert proof is not None and len(proof.leaf) == 3
    times = [at for at, _, _ in proof.leaf]
    third = times[2].to_bytes(8, "little")
    flags = bytes(flags for _, flags, _ in proof.leaf)
    first = third[2:] + flags + b"".join(bytes.fromhex(one) for _, _, one in proof.leaf[:2])
    leaf = [(times[0], third[0], first.hex()), (times[1], third[1], proof.content_sha256)]
    assert not check_proof(msgspec.structs.replace(proof, position=2, recorded_at=times[1], leaf=leaf))


@pytest.mark.parametrize("wrong", [-1, 2**63, 2**64])
@pytest.mark.parametrize("member", ["position", "leaf_first_position", "batch", "first_position", "last_position"])
def test_a_proof_with_a_number_that_no_journal_has_does_not_hold(life: Writing, member: str, wrong: int) -> None:
    life.submit(problem(life))
    proof = prove(life.data, 1)
    assert proof is not None
    assert not check_proof(msgspec.structs.replace(proof, **{member: wrong}))
    assert not check_proof(msgspec.structs.replace(proof, leaf=[(wrong, *proof.leaf[0][1:]), *proof.leaf[1:]]))


@pytest.mark.parametrize("member", ["envelope", "previous_hash", "root", "chain_hash", "content_sha256"])
def test_a_proof_with_a_text_that_is_no_hash_does_not_hold(life: Writing, member: str) -> None:
    life.submit(problem(life))
    proof = prove(life.data, 1)
    assert proof is not None
    for wrong in ("", "zz", "11" * 32, "\u00e4"):
        assert not check_proof(msgspec.structs.replace(proof, **{member: wrong}))


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("body", lambda stored: zstandard.compress(zstandard.decompress(stored) + b"more")),
        ("body", lambda stored: stored + b"more"),
        ("head", lambda stored: stored + b"more"),
        ("head", lambda stored: zstandard.compress(zstandard.decompress(stored)[:-1])),
        ("body", lambda stored: b"\x28\xb5\x2f\xfd\xe0" + (2**50).to_bytes(8, "little") + b"\1\0\0"),
        ("body", lambda stored: "text"),
        ("head", lambda stored: 5),
        ("first_position", lambda stored: "text"),
        ("last_position", lambda stored: "text"),
        ("first_recorded_at", lambda stored: 1),
        ("last_recorded_at", lambda stored: 1),
        ("count", lambda stored: 1),
    ],
)
def test_a_segment_that_is_not_as_it_was_written_is_named_and_replay_does_not_fall_over_it(
    life: Writing, column: str, change: Any
) -> None:
    for number in range(3):
        life.submit(problem(life, f"db-{number}"))
    connection = sqlite3.connect(life.data / FILE_NAME)
    (stored,) = connection.execute(f"SELECT {column} FROM segment WHERE batch = 2").fetchone()
    first, last = connection.execute("SELECT first_position, last_position FROM chain WHERE batch = 2").fetchone()
    connection.execute(f"UPDATE segment SET {column} = ? WHERE batch = 2", (change(stored),))
    connection.commit()
    connection.close()
    verdict = verify(life.data)
    assert verdict.exit_code == 1 and verdict.position in range(first, last + 1)
    assert replay(life.data).exit_code in (0, 1)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE chain SET root = 'text' WHERE batch = 2",
        "UPDATE segment SET first_position = 'text' WHERE batch = 1",
        "UPDATE chain SET last_position = 'text' WHERE batch = 2",
        "UPDATE journal SET cursor = 'text'",
        "INSERT INTO fact SELECT 99, type, namespace, kind, id, recorded_at, input_position, cause_position, severity,"
        " resource, service, body FROM fact LIMIT 1",
    ],
)
def test_a_value_of_another_type_and_a_row_of_no_record_are_tampering(life: Writing, damage: str) -> None:
    for number in range(3):
        life.submit(problem(life, f"db-{number}"))
    connection = sqlite3.connect(life.data / FILE_NAME)
    connection.execute(damage)
    connection.commit()
    connection.close()
    assert verify(life.data).exit_code == 1
    assert replay(life.data).exit_code in (0, 1, 2)


def test_a_body_that_was_shifted_into_its_neighbour_is_a_difference_to_replay(life: Writing) -> None:
    life.submit(*[life.event() for _ in range(2)])
    connection = sqlite3.connect(life.data / FILE_NAME)
    (head,) = connection.execute("SELECT head FROM segment").fetchone()
    plain = bytearray(zstandard.decompress(head))
    sizes = 12 * (len(plain) // 17)
    plain[sizes] += 1
    plain[sizes + 4] -= 1
    connection.execute("UPDATE segment SET head = ?", (zstandard.compress(bytes(plain)),))
    connection.commit()
    connection.close()
    assert both(life) == (1, 1)


def test_a_flag_that_was_changed_is_found(life: Writing) -> None:
    life.submit(problem(life))
    connection = sqlite3.connect(life.data / FILE_NAME)
    batch, head = connection.execute("SELECT batch, head FROM segment ORDER BY batch DESC").fetchone()
    plain = bytearray(zstandard.decompress(head))
    plain[-1] ^= 1  # whether the last record is a fact
    connection.execute("UPDATE segment SET head = ? WHERE batch = ?", (zstandard.compress(bytes(plain)), batch))
    connection.commit()
    connection.close()
    assert verify(life.data).exit_code == 1


def test_retention_keeps_a_start_for_replay(life: Writing) -> None:
    maintenance = life.maintenance(max_age_days=1)
    life.submit(problem(life, "old"))
    life.pass_time(2 * 86400)
    maintenance.checkpoint()
    maintenance.snapshot()
    life.submit(problem(life, "new"))
    life.pass_time(60)
    maintenance.retain()
    connection = sqlite3.connect(life.data / FILE_NAME)
    assert connection.execute("SELECT min(first_position) FROM segment").fetchone()[0] > 1
    connection.close()
    assert both(life) == (0, 0)
    assert verify(life.data).erased_up_to > 0
    again = Writing(life.data, life.at_us)
    assert {alert.resource for alert in again.state.alerts.values()} == {"old", "new"}
    again.close()


@pytest.mark.parametrize("what", ["checkpoint", "snapshot"])
def test_maintenance_does_not_go_on_after_a_failed_sync(life: Writing, what: str) -> None:
    life.submit(problem(life))
    life.writer.driver = Disk(life.writer.driver, ["sync lost"])
    with pytest.raises(SyncFailed):
        getattr(life.maintenance(), what)()


def test_maintenance_that_cannot_read_is_put_off_and_made_up_for(life: Writing) -> None:
    life.submit(problem(life))
    maintenance = life.maintenance()
    maintenance._slow_at = 0.0
    maintenance._reading = Readings(life.reading, ["unreadable"])  # type: ignore[assignment]
    maintenance.idle()
    assert maintenance._taking is None
    maintenance._slow_at = 0.0
    maintenance.idle()
    assert maintenance._taking is not None
    assert maintenance._taking.wait(60) == 0
    maintenance.finish()
    assert both(life) == (0, 0)


def test_a_snapshot_made_beside_the_engine_is_the_engines_state(life: Writing) -> None:
    under_load(life, 10)
    life.work()
    maintenance, before = life.maintenance(), life.state.digest()
    maintenance.begin()
    life.submit(problem(life, "meanwhile"))
    deadline = time.monotonic() + 60
    taken = None
    while taken is None and time.monotonic() < deadline:
        maintenance.finish()
        with life.reading.connect() as connection:
            taken = connection.execute(select(schema.snapshot)).one_or_none()
        time.sleep(0.05)
    assert taken is not None
    assert taken.hash == (before if taken.position < life.state.position else life.state.digest())
    assert not list(life.data.glob("snapshot*"))


def test_without_a_start_replay_says_what_is_erased(life: Writing) -> None:
    life.submit(problem(life, "old"))
    life.submit(problem(life, "new"))
    connection = sqlite3.connect(life.data / FILE_NAME)
    connection.execute("DELETE FROM segment WHERE batch = 1")
    connection.commit()
    connection.close()
    outcome = replay(life.data)
    assert outcome.exit_code == 2 and "1 to" in outcome.detail


def test_timers_fire_once_when_their_time_has_come(life: Writing) -> None:
    life.submit(problem(life, endsat="2027-01-15T08:10:00Z"))
    (alert,) = life.state.alerts.values()
    life.pass_time(1200)
    assert alert.state == "resolved"
    assert both(life) == (0, 0)


def test_too_much_at_once_is_refused_and_said_so(life: Writing) -> None:
    answers: list[object] = []
    for _ in range(12):
        unit = life.intake.unit(1, "default", "t", None, [problem(life, f"r{n}") for n in range(1000)])
        life.loop.submit([unit], answers.append)
    refused = [answer for answer in answers if getattr(answer, "error", None)]
    assert len(refused) == 2
    life.work()
    assert len(answers) == 12


def test_pauses_grow_while_small_writes_work_and_batches_do_not(life: Writing, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    with monkeypatch.context() as patch:
        patch.setattr(life.writer, "commit", lambda *_: (_ for _ in ()).throw(Unavailable("disk full")))
        for _ in range(4):
            answer = life.submit(problem(life), urgent=True)
            assert answer.error is not None and answer.error[0] == "store.unavailable"
            pauses.append(life.loop._pause_s())
            life.loop.retry_now()
    assert pauses == sorted(set(pauses))
    assert life.submit(problem(life)).accepted == 1
    assert life.loop._failures == 0
