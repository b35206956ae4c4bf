"""What is said of an effect that a run waits for, by whose hands it is in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from oncue.api.explain import _waiting
from oncue.api.run_why import Waits, put
from oncue.cli.following import Looking, waits_said
from oncue.core.effect import Effect
from oncue.runtime.clock import microseconds
from oncue.runtime.frames import Held

AT = datetime(2026, 1, 1, tzinfo=UTC)
DOING = Waits(step="act", what="http.request is being done or waits for a worker, attempt 1", code="action")
AGAIN = Waits(
    step="act", what="attempt 2 of http.request follows: 503", code="retry", until="then", then="it is tried again"
)
LOOKS = Waits(step="act", what="it is looked whether the step had its effect: a look is under way", code="validation")


def said(waits: Waits, held: Held, **more: Any) -> Waits:
    effect = Effect(
        **{
            "id": "ef-1", "namespace": "default", "kind": "action", "uses": "http.request", "payload": {},
            "effect_class": "check-first", "state": "pending", "attempt": 1, "not_before_at": AT, "timeout_s": 20.0,
            "max_attempts": 1, "backoff_initial_s": 1, "backoff_factor": 1, "backoff_max_s": 1, "created_at": AT,
            "updated_at": AT, **more,
        }
    )  # fmt: skip
    found = Waits(step=waits.step, what=waits.what, code=waits.code, until=waits.until, then=waits.then)
    put(found, effect, held)
    return found


def held_by_w1(attempt: int = 1) -> Held:
    leased_at = microseconds(AT)
    return Held("ef-1", attempt, "w1", leased_at, leased_at + 50_000_000)


def test_whoever_has_it_is_named_with_the_lease() -> None:
    found = said(DOING, held_by_w1())
    assert found.what == "http.request is being done, attempt 1: w1 has it"
    assert (found.worker, found.leased_at) == ("w1", AT.isoformat())
    assert (found.until, found.then) == ((AT + timedelta(seconds=50)).isoformat(), "it is handed out again")


def test_of_whoever_has_it_and_says_nothing_that_is_told() -> None:
    held = held_by_w1()
    held.silent_s = 45.0
    found = said(DOING, held)
    assert (found.code, found.what) == (
        "silent",
        "http.request is being done, attempt 1: w1 has it, and has said nothing for 45 s",
    )
    told = waits_said(msgspec.to_builtins(found))
    assert told == f"{found.what}, until 2026-01-01T00:00:50Z; then it is handed out again", "one time that has passed"
    assert _waiting(found) == f"It waits: step act: {found.what}."


def test_what_was_begun_and_must_not_be_done_twice_is_not_handed_out_again() -> None:
    once = {"effect_class": "at-most-once"}
    assert said(DOING, held_by_w1(), **once).then == "it is handed out again"
    found = said(DOING, held_by_w1(), started_token="t1", **once)
    assert found.what == "http.request is being done, attempt 1 (begun): w1 has it"
    assert found.then == "it is unknown whether it was done"


def test_another_try_that_is_under_way_no_longer_follows() -> None:
    found = said(AGAIN, held_by_w1(2))
    assert (found.code, found.what) == ("action", "http.request is being done, attempt 2: w1 has it")
    assert said(AGAIN, Held("ef-1", 2)) == AGAIN, "one takes it next"


def test_a_look_stays_a_look() -> None:
    found = said(LOOKS, held_by_w1())
    assert (found.code, found.what) == ("validation", f"{LOOKS.what}; w1 has it")
    found = said(LOOKS, Held("ef-1", 1, lacks="worker"))
    assert (found.code, found.what) == ("worker", f"{LOOKS.what}; no worker is connected")


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (Held("ef-1", 2, lacks="worker"), "no worker is connected"),
        (Held("ef-1", 2, lacks="labels", connected=["w1 (site=west)", "w2 (no labels)"]), "no worker that is connected has os=linux, site=east; connected: w1 (site=west), w2 (no labels)"),
        (Held("ef-1", 2, lacks="word", silent_s=250.0), "none that is connected has said anything for 4 min"),
        (Held("ef-1", 2, lacks="share", under_way=32), "32 actions are under way, which is all that may be at the same time"),
        (Held("ef-1", 2, lacks="slot", under_way=64), "64 effects are under way, which is all that may be at the same time"),
    ],
)  # fmt: skip
def test_what_nobody_has_says_why(held: Held, why: str) -> None:
    found = said(AGAIN, held, labels={"os": "linux", "site": "east"})
    assert (found.code, found.what) == ("worker", f"http.request waits for a worker, attempt 2: {why}")
    assert (found.until, found.then, found.worker) == (None, None, None), "no time takes it on"
    assert (", for " in waits_said({**msgspec.to_builtins(found), "since": AT.isoformat()})) is (
        held.lacks != "word"
    ), "one time that has passed"


def test_what_may_not_wait_for_ever_says_until_when() -> None:
    found = said(DOING, Held("ef-1", 1, lacks="worker"), start_within_s=30.0)
    assert (found.until, found.then) == ((AT + timedelta(seconds=30)).isoformat(), "the attempt fails")


class _Waiting:
    """A server whose run waits for one thing, and then for another; and who is shown that."""

    def __init__(self) -> None:
        self.what = "people must agree"
        self.shown: list[str] = []

    def get(self, path: str, **_: Any) -> dict[str, Any]:
        return {"waits": [{"step": "ask", "code": "approval", "what": self.what}]}

    def waits(self, waits: dict[str, Any]) -> None:
        self.shown.append(waits["what"])


def test_whoever_follows_a_run_is_told_once_what_it_waits_for() -> None:
    run = _Waiting()
    looking = Looking(run, "run-1", run)  # type: ignore[arg-type]
    for what in ("people must agree", "people must agree", "it waits for a time"):
        run.what = what
        looking.look_why()
    assert run.shown == ["people must agree", "it waits for a time"]
