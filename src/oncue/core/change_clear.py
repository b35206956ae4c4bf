"""Whether a change may go on: asked before each wave. If not, its run stands still until it may."""

from collections.abc import Collection
from typing import Any, Final

import msgspec

from oncue.core import change_calendar, change_checks, change_life, change_trail, run_life
from oncue.core.change import Change
from oncue.core.errors import Refusal
from oncue.core.run import Run
from oncue.core.tx import Tx

AGAIN_S: Final = 60.0
"""How long after it was not clear it is looked again."""


class Wave(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Asks whether the next wave of a change may begin: its window is open, nothing is frozen, and its targets are as they should be. If it
    may not, the run pauses until it may. Changes have this step by themselves. Gives `clear` and `against`."""

    targets: list[str]


def asks(tx: Tx, run: Run, asked: Wave) -> Any:
    """The act. Raises `Refusal` change.not_found for a run that is no change's."""
    change = change_trail.of(tx, run)
    if change is None:
        raise Refusal("change.not_found", f"{run.id} is no run of a change")
    why = against(tx, change, asked.targets)
    if why:
        stand(tx, change, run, "; ".join(why))
    return {"clear": not why, "against": why}


def against(tx: Tx, change: Change, targets: list[str]) -> list[str]:
    """What speaks against changing these targets now."""
    if change.plan is None:
        return ["it has no plan"]
    gone = change_checks.gone(tx.state, change, change.plan, targets)
    return [*_timely(tx, change), *gone, *change_checks.of_targets(tx.state, change, change.plan, targets)]


def require(tx: Tx, run: Run) -> None:
    """Someone has the run go on. No hand passes over the calendar of a change. Raises `Refusal` change.not_clear."""
    change = change_trail.of(tx, run)
    if change is None:
        return
    why = _timely(tx, change)
    if why:
        raise Refusal("change.not_clear", "; ".join(why))
    tx.touch(change)
    goes_on(tx, change)
    tx.save("change", change)


def goes_on(tx: Tx, change: Change) -> None:
    """Nothing holds it any more, until the window closes in which it goes on. It was touched."""
    change.said, change.closing = None, False
    tx.cancel(f"change.clear/{change.id}")
    within_window(tx, change)


def within_window(tx: Tx, change: Change) -> None:
    """It is noted when the window closes that is open now. It was touched."""
    change.window_until = None
    window = change.spec.window
    if window is None or change.glass is not None:
        return
    opening = change_calendar.opening(tx.state, change.namespace, window.calendar, tx.now)
    change.window_until = opening.ends_at if opening is not None and opening.starts_at <= tx.now else None
    if change.window_until is not None:
        tx.timer(f"change.window/{change.id}", change.window_until)


def _timely(tx: Tx, change: Change) -> list[str]:
    """Why it is not the time for it."""
    if change.glass is not None:
        return []
    window = change.spec.window
    if window is not None and window.on_close == "continue":
        frozen = change_calendar.freeze(tx.state, change.namespace, window.calendar, tx.now)
        return [change_checks.frozen_by(frozen)] if frozen is not None else []
    return change_checks.of_calendar(tx.state, change, tx.now)


def stand(tx: Tx, change: Change, run: Run, why: str) -> None:
    """It stands still until nothing speaks against it."""
    run_life.hold(tx, run, "oncue", why)
    tx.touch(change)
    change.said = why
    tx.save("change", change)
    change_trail.note(tx, change, f"Paused: {why}")
    opening = change_calendar.opening(tx.state, change.namespace, change.calendar, tx.now)
    at = opening.starts_at if opening is not None and opening.starts_at > tx.now else None
    if at is not None:
        tx.timer(f"change.clear/{change.id}", at)
    else:
        tx.timer_after(f"change.clear/{change.id}", AGAIN_S)


def calendars_changed(tx: Tx, namespaces: Collection[str]) -> None:
    """Calendars are otherwise: what is scheduled gets its time anew, and what runs or stands still is looked at."""
    for _, change in sorted(tx.state.changes.items()):
        if change.namespace not in namespaces:
            continue
        run = tx.state.runs.get(change.run or "")
        if change.state == "scheduled":
            _timed_anew(tx, change)
        elif run is not None and run.state in ("running", "paused"):
            if change.glass is None:
                tx.timer(f"change.window/{change.id}", tx.now)
            if run.state == "paused":
                tx.timer(f"change.clear/{change.id}", tx.now)


def _timed_anew(tx: Tx, change: Change) -> None:
    if change.starts_at is None:
        return
    opening = change_life.next_opening(tx, change)
    if opening is None or (opening.starts_at, opening.ends_at) != (change.starts_at, change.window_until):
        tx.touch(change)
        change_life.unschedule(tx, change)
        change_life.schedule(tx, change)
