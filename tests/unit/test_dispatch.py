"""Handing out effects: who has which, and what is said of work that somebody may have begun before."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from oncue.core.effect import Effect
from oncue.runtime import frames
from oncue.runtime.clock import Clock
from oncue.runtime.dispatch import ENDED, GRACE_S, LOSSES, Dispatcher, lost
from oncue.runtime.lane import Lane

AT = datetime(2026, 1, 1, tzinfo=UTC)


class _Never:
    def cancel(self) -> None:
        pass


class Bench:
    """A dispatcher under a clock of its own, and what it sends to whom."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.lost: list[str] = []
        self.sent: list[tuple[str, frames.Frame]] = []
        tokens = itertools.count()
        wall = int(AT.timestamp() * 1e9) + 10**9
        self.dispatcher = Dispatcher(
            Clock(lambda: wall + int(self.at_s * 1e9), lambda: int(self.at_s * 1e9)),
            lambda effect, code: self.lost.append(effect.id if code == "worker.lost" else f"{effect.id} {code}"),
            later=lambda delay_s, what: _Never(),
            monotonic=lambda: self.at_s,
            token=lambda: f"t{next(tokens)}",
        )

    def offer(self, connection: int, name: str, slots: int = 4, **labels: str) -> None:
        self.dispatcher.offer(connection, name, slots, lambda frame: self.sent.append((name, frame)), labels)

    def leased(self) -> list[tuple[str, str, bool]]:
        """(worker, effect, redelivered)."""
        return [
            (name, msgspec.json.decode(body)["id"], redelivered)
            for name, frame in self.sent
            if isinstance(frame, frames.Leased)
            for _, body, redelivered in frame.items
        ]


def effect(id: str = "ef-1", **more: Any) -> tuple[str, str, bytes]:
    made = Effect(
        **{
            "id": id, "namespace": "default", "kind": "action", "uses": "http.request", "payload": {},
            "effect_class": "check-first", "state": "pending", "attempt": 1, "not_before_at": AT, "timeout_s": 20.0,
            "max_attempts": 1, "backoff_initial_s": 1, "backoff_factor": 1, "backoff_max_s": 1, "created_at": AT,
            "updated_at": AT, **more,
        }
    )  # fmt: skip
    return id, made.state, msgspec.json.encode(made)


def test_what_a_lost_worker_had_is_redelivered_and_says_so() -> None:
    bench = Bench()
    bench.offer(1, "w1")
    bench.dispatcher.changed([effect()])
    assert bench.leased() == [("w1", "ef-1", False)]
    bench.dispatcher.gone(1)
    bench.offer(2, "w2")
    assert bench.leased()[1:] == [("w2", "ef-1", True)]


def test_a_lease_that_runs_out_is_redelivered() -> None:
    bench = Bench()
    bench.offer(1, "w1")
    bench.dispatcher.changed([effect()])
    bench.at_s = 20.0 + GRACE_S
    bench.offer(1, "w1")
    assert bench.leased()[1:] == [("w1", "ef-1", True)]
    assert any(isinstance(frame, frames.Cancel) for _, frame in bench.sent)


def test_a_lease_that_runs_out_is_seen_however_many_were_over_before() -> None:
    bench = Bench()
    bench.offer(1, "w1", slots=1_000)
    bench.dispatcher.changed([effect("ef-slow", timeout_s=60.0)])
    for number in range(3 * ENDED):
        bench.dispatcher.changed([effect(f"ef-{number}", timeout_s=600.0)])
        bench.dispatcher.changed([effect(f"ef-{number}", state="succeeded")])
    assert ("w1", "ef-slow", True) not in bench.leased()
    bench.at_s = 60.0 + GRACE_S
    bench.offer(1, "w1", slots=1_000)
    assert ("w1", "ef-slow", True) in bench.leased()


def test_a_look_at_what_is_overdue_disturbs_nothing_that_is_handed_out_later() -> None:
    bench = Bench()
    bench.dispatcher.changed([effect(), effect("ef-2", kind="notify", uses="email", payload={"channel": "desk"})])
    bench.dispatcher.changed([effect(state="cancelled")])
    assert bench.dispatcher.overdue_s > 0.0
    bench.dispatcher.changed([effect("ef-3")])
    bench.offer(1, "w1")
    assert sorted(id for _, id, _ in bench.leased()) == ["ef-2", "ef-3"]


def test_what_an_earlier_process_left_may_have_been_begun() -> None:
    bench = Bench()
    bench.dispatcher.recover([effect()])
    bench.offer(1, "w1")
    bench.dispatcher.changed([effect("ef-2")])
    assert bench.leased() == [("w1", "ef-1", True), ("w1", "ef-2", False)]


def test_what_could_be_taken_and_is_not_is_overdue() -> None:
    bench = Bench()
    assert bench.dispatcher.overdue_s == 0.0
    bench.dispatcher.changed([effect(), effect("ef-2", state="failed")])
    bench.at_s = 9.0
    assert bench.dispatcher.overdue_s == 10.0, "since it could have been taken"
    bench.offer(1, "w1", slots=1)
    assert bench.dispatcher.overdue_s == 0.0, "in someone's hands"
    bench.dispatcher.changed([effect("ef-3", not_before_at=AT + timedelta(hours=1))])
    assert bench.dispatcher.overdue_s == 0.0, "not yet due"
    bench.dispatcher.changed([effect("ef-4")])
    assert bench.dispatcher.overdue_s == 10.0
    bench.dispatcher.changed([effect("ef-4", state="cancelled")])
    assert bench.dispatcher.overdue_s == 0.0, "no longer wanted"


def test_begun_work_that_must_not_be_done_twice_is_lost_with_its_worker() -> None:
    bench = Bench()
    bench.offer(1, "w1")
    bench.dispatcher.changed([effect(effect_class="at-most-once")])
    bench.dispatcher.changed([effect(effect_class="at-most-once", started_token="t0")])
    bench.dispatcher.gone(1)
    bench.offer(2, "w2")
    assert (bench.lost, len(bench.leased())) == (["ef-1"], 1)


def minutes(at: int) -> float:
    """Since the bench's clock began, which is a second after `AT`."""
    return (at - int(AT.timestamp() * 1e6) - 10**6) / 60e6


def test_who_has_an_effect_since_when_and_until_when() -> None:
    bench = Bench()
    bench.at_s = 60.0
    bench.offer(1, "w1")
    bench.dispatcher.changed([effect(timeout_s=30.0)])
    bench.at_s = 75.0
    (held,) = bench.dispatcher.held(["ef-1", "ef-gone"])
    assert (held.effect, held.attempt, held.worker, held.lacks) == ("ef-1", 1, "w1", "")
    assert minutes(held.leased_at) == 1.0
    assert minutes(held.until) == 1.0 + (30.0 + GRACE_S) / 60
    bench.dispatcher.changed([effect(state="succeeded")])
    assert bench.dispatcher.held(["ef-1"]) == []


def test_what_waits_for_its_time_is_in_nobodys_way() -> None:
    bench = Bench()
    bench.dispatcher.changed([effect(not_before_at=AT + timedelta(seconds=30))])
    assert bench.dispatcher.held(["ef-1"]) == []
    bench.at_s = 29.0
    assert [one.lacks for one in bench.dispatcher.held(["ef-1"])] == ["worker"]


def test_what_a_lost_worker_had_is_in_nobodys_hands_until_another_takes_it() -> None:
    bench = Bench()
    bench.dispatcher.changed([effect()])
    assert [(one.worker, one.lacks) for one in bench.dispatcher.held(["ef-1"])] == [(None, "worker")]
    bench.offer(1, "w1")
    bench.dispatcher.gone(1)
    assert [(one.worker, one.lacks) for one in bench.dispatcher.held(["ef-1"])] == [(None, "worker")]
    bench.at_s = 120.0
    bench.offer(2, "w2")
    (held,) = bench.dispatcher.held(["ef-1"])
    assert (held.worker, minutes(held.leased_at)) == ("w2", 2.0)


def test_what_waits_for_others_to_end_says_how_many_are_under_way() -> None:
    bench = Bench()
    bench.offer(1, "w1", slots=8)
    bench.dispatcher.changed([effect(f"ef-{number}") for number in range(5)])
    (held,) = bench.dispatcher.held(["ef-4"])
    assert (held.worker, held.lacks, held.under_way) == (None, "share", 4)
    bench.dispatcher.changed([told(f"no-{number}", f"desk-{number}", f"kind-{number}") for number in range(4)])
    (held,) = bench.dispatcher.held(["ef-4"])
    assert (held.worker, held.lacks, held.under_way) == (None, "slot", 8)
    bench.offer(2, "w2", slots=8)
    assert [one.worker for one in bench.dispatcher.held(["ef-0", "ef-4"])] == ["w1", "w2"]


def test_which_workers_there_are_when_each_was_heard_and_what_it_has_in_hand() -> None:
    bench = Bench()
    bench.offer(2, "w2", slots=1, site="east")
    bench.at_s = 60.0
    bench.offer(1, "w1", slots=4)
    bench.dispatcher.changed([effect("ef-2", run="run-2", step="act"), effect("ef-1", labels={"site": "east"})])
    bench.at_s = 75.0
    bench.offer(1, "w1", slots=3)
    first, second = bench.dispatcher.working()
    assert (first.name, first.silent, first.room) == ("w1", False, 3)
    assert (minutes(first.connected_at), minutes(first.heard_at)) == (1.0, 1.25)
    assert [(one.effect, one.run, one.step, minutes(one.leased_at)) for one in first.in_hand] == [
        ("ef-2", "run-2", "act", 1.0)
    ]
    assert (second.name, second.labels, second.silent, second.in_hand) == ("w2", {"site": "east"}, True, [])
    bench.offer(2, "w2", slots=1, site="east")
    (taken,) = bench.dispatcher.working()[1].in_hand
    assert (taken.effect, minutes(taken.until)) == ("ef-1", 1.25 + (20.0 + GRACE_S) / 60)
    bench.dispatcher.gone(1)
    assert [one.name for one in bench.dispatcher.working()] == ["w2"]


def told(id: str, channel: str, uses: str = "webhook", **more: Any) -> tuple[str, str, bytes]:
    return effect(id, kind="notify", uses=uses, payload={"channel": f"default/{channel}"}, **more)


def test_people_are_told_however_many_actions_hang() -> None:
    bench = Bench()
    bench.offer(1, "w1", slots=64)
    bench.dispatcher.changed([effect(f"ef-{number:03}") for number in range(200)])
    assert len(bench.leased()) == 32
    bench.dispatcher.changed([told("no-1", "desk")])
    assert bench.leased()[-1] == ("w1", "no-1", False)
    bench.dispatcher.changed([effect("ef-000", state="succeeded")])
    bench.offer(1, "w1", slots=32)
    assert bench.leased()[-1][1] == "ef-032"


def test_a_channel_and_a_notifier_that_hang_keep_no_other_waiting() -> None:
    bench = Bench()
    bench.offer(1, "w1", slots=64)
    bench.dispatcher.changed([told(f"a-{number:02}", "mail-a", "email") for number in range(40)])
    assert len(bench.leased()) == 4
    bench.dispatcher.changed(
        [told(f"{channel}-{number}", channel, "email") for channel in "bcdefg" for number in range(9)]
    )
    assert len(bench.leased()) == 16
    bench.dispatcher.changed([told("desk-1", "desk")])
    assert bench.leased()[-1][1] == "desk-1"
    bench.at_s = 10.0
    assert bench.dispatcher.overdue_s == 0


def test_of_what_waits_the_oldest_goes_first_whatever_it_is() -> None:
    bench = Bench()
    made = [effect("ef-1", not_before_at=AT - timedelta(seconds=3))]
    made += [told(f"no-{n}", f"desk-{n}", not_before_at=AT - timedelta(seconds=3 - n)) for n in (1, 2)]
    bench.dispatcher.changed(made[::-1])
    bench.offer(1, "w1", slots=16)
    assert [id for _, id, _ in bench.leased()] == ["ef-1", "no-1", "no-2"]


def test_the_more_urgent_goes_first_and_then_the_older() -> None:
    bench = Bench()
    made = [effect("ef-1", priority=5), effect("ef-2"), effect("ef-3", priority=1), effect("ef-4")]
    made.append(effect("ef-5", priority=1, not_before_at=AT + timedelta(minutes=1)))
    bench.dispatcher.changed(made)
    bench.offer(1, "w1", slots=1)
    for number in (3, 2):
        assert bench.leased()[-1][1] == f"ef-{number}"
        bench.dispatcher.changed([effect(f"ef-{number}", state="succeeded")])
        bench.offer(1, "w1", slots=1)
    assert bench.dispatcher.overdue_s == 1, "the least urgent waits as well"
    bench.dispatcher.changed([effect("ef-4", state="succeeded")])
    bench.at_s = 60.0
    bench.offer(1, "w1", slots=1)
    assert bench.leased()[-1][1] == "ef-5", "what became due later, and is more urgent"


def test_of_the_more_urgent_what_nobody_wants_any_more_is_passed_by() -> None:
    bench = Bench()
    bench.dispatcher.changed([effect("ef-1", priority=1), effect("ef-2", priority=1), effect("ef-3")])
    bench.dispatcher.changed([effect(f"ef-{number}", state="cancelled") for number in (1, 2)])
    bench.offer(1, "w1")
    assert [id for _, id, _ in bench.leased()] == ["ef-3"]


def test_what_asks_for_labels_goes_to_a_worker_that_has_them_all() -> None:
    bench = Bench()
    bench.offer(1, "w1", site="west")
    bench.offer(2, "w2", site="east", os="linux")
    bench.dispatcher.changed(
        [
            effect("ef-1", labels={"site": "east"}),
            effect("ef-2", labels={"site": "east", "os": "aix"}),
            effect("ef-3"),
            effect("ef-4", labels={"os": "linux", "site": "east"}),
        ]
    )
    assert sorted(bench.leased()) == [("w1", "ef-3", False), ("w2", "ef-1", False), ("w2", "ef-4", False)]
    (held,) = bench.dispatcher.held(["ef-2"])
    assert (held.lacks, held.connected) == ("labels", ["w1 (site=west)", "w2 (site=east, os=linux)"])
    bench.at_s = 10.0
    assert bench.dispatcher.overdue_s == 0, "more workers of those that are there would not help"
    bench.offer(3, "w3", site="east", os="aix")
    assert bench.leased()[-1] == ("w3", "ef-2", False)


def test_the_more_urgent_goes_first_whatever_labels_it_asks_for() -> None:
    bench = Bench()
    bench.dispatcher.changed([effect("ef-1"), effect("ef-2", priority=1, labels={"site": "east"}), effect("ef-3")])
    for ended in ("ef-2", "ef-1"):
        bench.offer(1, "w1", slots=1, site="east")
        assert bench.leased()[-1][1] == ended
        bench.dispatcher.changed([effect(ended, state="succeeded")])


def test_what_waits_for_labels_that_nobody_has_is_not_looked_at_before_someone_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    bench.offer(1, "w1", site="west")
    apart = [effect(f"ef-{number}", labels={"host": f"h{number}"}) for number in range(100)]
    bench.dispatcher.changed(apart)
    looked: list[Lane] = []
    head = Lane.head
    monkeypatch.setattr(Lane, "head", lambda lane, now: looked.append(lane) or head(lane, now))
    bench.dispatcher.changed([effect("ef-one", labels={"site": "west"})])
    assert bench.leased() == [("w1", "ef-one", False)]
    assert set(looked) == {looked[0]}
    bench.dispatcher.changed([effect("ef-7", state="cancelled")])
    bench.offer(2, "w2", host="h7")
    bench.offer(3, "w3", slots=1, host="h8")
    bench.dispatcher.changed([effect("ef-more", labels={"host": "h8"})])
    assert bench.leased()[1:] == [("w3", "ef-8", False)]
    bench.dispatcher.gone(3)
    bench.offer(4, "w4", host="h8")
    assert sorted(bench.leased()[2:]) == [("w4", "ef-8", True), ("w4", "ef-more", False)]


def test_what_waits_for_labels_that_are_all_in_use_is_overdue() -> None:
    bench = Bench()
    bench.offer(1, "w1", slots=1, site="east")
    bench.offer(2, "w2", slots=1)
    bench.dispatcher.changed([effect(f"ef-{number}", labels={"site": "east"}) for number in (1, 2)])
    assert bench.leased() == [("w1", "ef-1", False)]
    (held,) = bench.dispatcher.held(["ef-2"])
    assert (held.lacks, held.under_way) == ("slot", 1)
    bench.at_s = 10.0
    assert bench.dispatcher.overdue_s == 11


def test_a_worker_that_says_nothing_is_given_nothing_until_it_does() -> None:
    bench = Bench()
    bench.offer(1, "w1")
    bench.dispatcher.changed([effect("ef-1", timeout_s=300.0)])
    bench.at_s = frames.SILENT_S + 10.0
    bench.dispatcher.changed([effect("ef-2")])
    assert [id for _, id, _ in bench.leased()] == ["ef-1"]
    doing, waiting = bench.dispatcher.held(["ef-1", "ef-2"])
    assert (doing.worker, doing.silent_s) == ("w1", 40.0)
    assert (waiting.worker, waiting.lacks, waiting.silent_s) == (None, "word", 40.0)
    assert bench.dispatcher.workers == {"w1": 40.0}
    assert bench.dispatcher.overdue_s > 0
    bench.offer(1, "w1", slots=3)
    assert bench.leased()[1:] == [("w1", "ef-2", False)]
    (doing,) = bench.dispatcher.held(["ef-1"])
    assert doing.silent_s == 0


def test_a_worker_with_one_slot_does_all_of_it_one_after_the_other() -> None:
    bench = Bench()
    bench.offer(1, "w1", slots=1)
    bench.dispatcher.changed([effect("ef-1"), told("no-1", "desk")])
    assert len(bench.leased()) == 1
    ((_, first, _),) = bench.leased()
    bench.dispatcher.changed(
        [effect("ef-1", state="succeeded") if first == "ef-1" else told("no-1", "desk", state="succeeded")]
    )
    bench.offer(1, "w1", slots=1)
    assert {id for _, id, _ in bench.leased()} == {"ef-1", "no-1"}


def test_work_whose_worker_is_lost_again_and_again_is_not_handed_out_for_ever() -> None:
    bench = Bench()
    bench.dispatcher.changed([effect()])
    for connection in range(LOSSES):
        assert bench.lost == []
        bench.offer(connection, "w")
        bench.dispatcher.gone(connection)
    assert bench.lost == ["ef-1"]
    bench.offer(9, "w")
    assert len(bench.leased()) == LOSSES
    (made,) = [msgspec.json.decode(body, type=Effect) for id, _, body in [effect()]]
    assert (lost(made, "worker.lost")["outcome"], lost(made, "worker.lost")["error_code"]) == ("failed", "worker.lost")


def test_another_attempt_may_lose_as_many_workers() -> None:
    bench = Bench()
    bench.dispatcher.changed([effect()])
    for connection in range(LOSSES - 1):
        bench.offer(connection, "w")
        bench.dispatcher.gone(connection)
    bench.dispatcher.changed([effect(attempt=2)])
    bench.offer(9, "w")
    bench.dispatcher.gone(9)
    assert bench.lost == []


def test_what_nobody_could_take_in_time_fails_and_may_be_tried_again() -> None:
    bench = Bench()
    bench.offer(1, "w1", slots=1)
    bench.dispatcher.changed([effect("ef-1"), effect("ef-2", start_within_s=5.0), effect("ef-3")])
    assert bench.leased() == [("w1", "ef-1", False)]
    bench.at_s = 3.9
    bench.dispatcher.changed([])
    assert bench.lost == []
    bench.at_s = 4.0  # the clock began a second after they could be taken
    bench.dispatcher.changed([])
    assert bench.lost == ["ef-2 timeout.start"]
    assert [bench.dispatcher.handed(id) for id in ("ef-1", "ef-2", "ef-3")] == [True, False, False]
    bench.dispatcher.gone(1)
    bench.offer(2, "w2")
    assert sorted(id for _, id, _ in bench.leased()[1:]) == ["ef-1", "ef-3"]
    made = msgspec.json.decode(effect("ef-2", start_within_s=5.0)[2], type=Effect)
    result = lost(made, "timeout.start")
    assert (result["outcome"], result["transient"]) == ("failed", True)
    assert "within 5 s" in result["detail"]
    assert "nothing_done" not in result
    assert lost(made, "timeout.start", handed=False)["nothing_done"], "nobody had it, so nobody did anything"


def test_what_was_taken_in_time_may_take_as_long_as_it_may() -> None:
    bench = Bench()
    bench.offer(1, "w1")
    bench.dispatcher.changed([effect("ef-1", start_within_s=5.0)])
    bench.at_s = 10.0
    bench.dispatcher.changed([])
    assert bench.lost == []
