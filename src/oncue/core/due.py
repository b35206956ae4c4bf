"""What is due when time has passed: each timer, and what it was set for."""

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

from oncue.core import (
    approvals,
    change_records,
    changes,
    deduplicate,
    detect,
    escalations,
    heartbeats,
    incidents,
    link,
    maintenances,
    mirror_news,
    mirrors,
    notify,
    pauses,
    reminders,
    requests,
    respond,
    reviews,
    rollback,
    run_life,
    schedules,
    shaping,
    silences,
    stages,
    status_updates,
    suppress,
    workflow,
)
from oncue.core.alert import Alert
from oncue.core.escalation import Escalation
from oncue.core.incident import Incident
from oncue.core.run import Run
from oncue.core.state import State
from oncue.core.tx import Tx

_Due = Callable[[Tx, str], None]
_Row = TypeVar("_Row")


def due(tx: Tx, what: str, of: str) -> None:
    """The timer `what/of` is due; what it was about may be gone or settled meanwhile. Raises `KeyError` if nobody sets
    such a timer.
    """
    TIMERS[what](tx, of)


def failed(tx: Tx, what: str, of: str, error: str) -> None:
    """What the timer was for raised `error`, and nothing of it was done: a run that it was to take on ends with that."""
    run = tx.state.runs.get(of.partition("/")[0]) if what in TAKING_ON else None
    if run is not None:
        workflow.broken(tx, run, error)


def _about(rows: Callable[[State], Mapping[str, _Row]], act: Callable[[Tx, _Row], object]) -> _Due:
    """`act` on the row that the timer names, if it is still there."""

    def on_time(tx: Tx, of: str) -> None:
        row = rows(tx.state).get(of)
        if row is not None:
            act(tx, row)

    return on_time


def _window(what: str) -> _Due:
    def on_time(tx: Tx, of: str) -> None:
        finding = detect.due(tx, what, of)
        if finding is not None and finding.outcome == "cleared":
            stages.cleared(tx, finding)
        elif finding is not None:
            seen = shaping.shaped(tx, detect.carried(tx, finding))
            stages.met(tx, seen, [detect.present(tx, finding, seen)])

    return on_time


def _holds_no_more(tx: Tx, alert: Alert) -> None:
    if deduplicate.deadline(tx, alert):
        stages.resolve(tx, alert, "deadline")


def _close(tx: Tx, incident: Incident) -> None:
    if incident.state == "resolved":
        incidents.close(tx, incident)


def _missed(target: Literal["respond", "resolve"]) -> Callable[[Tx, Incident], None]:
    def miss(tx: Tx, incident: Incident) -> None:
        if incident.state in suppress.OPEN:
            incidents.target_missed(tx, incident, target)

    return miss


def _lapse(tx: Tx, escalation: Escalation) -> None:
    incidents.lapse(tx, tx.state.incidents[escalation.incident])


def _alerts(state: State) -> Mapping[str, Alert]:
    return state.alerts


def _incidents(state: State) -> Mapping[str, Incident]:
    return state.incidents


def _runs(state: State) -> Mapping[str, Run]:
    return state.runs


def _escalations(state: State) -> Mapping[str, Escalation]:
    return state.escalations


TIMERS: Final[dict[str, _Due]] = {
    "alert.deadline": _about(_alerts, _holds_no_more),
    "alert.forget": _about(_alerts, deduplicate.forget),
    "approval.expire": _about(lambda state: state.approvals, approvals.expire),
    "change.clear": changes.look_again,
    "change.late": changes.late,
    "change.start": changes.due,
    "change.window": changes.window_closes,
    "change_record.due": change_records.due,
    "channel.bundle": notify.bundle,
    "escalation.due": _about(_escalations, escalations.due),
    "escalation.lapse": _about(_escalations, _lapse),
    "heartbeat.due": heartbeats.due,
    "incident.close": _about(_incidents, _close),
    "incident.resolve": _about(_incidents, _missed("resolve")),
    "incident.respond": _about(_incidents, _missed("respond")),
    "incident.update": _about(_incidents, status_updates.due),
    "lane.free": respond.resume,
    "maintenance.turn": maintenances.turn,
    "mirror.again": _about(lambda state: state.ticket_mirrors, mirrors.again),
    "mirror.poll": mirror_news.due,
    "pause.end": pauses.over,
    "quiet.end": _about(_alerts, suppress.time_over),
    reminders.TIMER: reminders.due,
    "review.settle": reviews.settle,
    "run.admit": _about(_runs, workflow.admit),
    "run.authorised": changes.decided,
    "run.call": workflow.call,
    "run.change": changes.ran,
    "run.deadline": _about(_runs, workflow.overdue),
    "run.decided": workflow.decided,
    "run.go": _about(_runs, workflow.go_on),
    "run.joined": workflow.joined,
    "run.look": workflow.look,
    "run.patience": _about(_runs, run_life.patience),
    "run.queue": _about(_runs, workflow.waited_enough),
    "run.requested": requests.decided,
    "run.schedule": schedules.due,
    "run.stuck": _about(_runs, workflow.stuck),
    "run.sweep": run_life.sweep,
    "run.undo": _about(_runs, rollback.undo_next),
    "run.wait": workflow.wait_over,
    "silence.end": _about(lambda state: state.silences, silences.expire),
    "silence.start": _about(lambda state: state.silences, silences.start),
    "throttle.room": suppress.room_again,
    "used_link.forget": link.forget,
    detect.LIMITS: respond.limits_over,
    **{what: _window(what) for what in detect.TIMERS},
}
"""What is done, by the timer's name before the `/`."""

TAKING_ON: Final = frozenset(
    {
        "run.admit",
        "run.call",
        "run.deadline",
        "run.decided",
        "run.go",
        "run.joined",
        "run.look",
        "run.patience",
        "run.queue",
        "run.undo",
        "run.wait",
    }
)
"""Timers without which a run, or a step of `run/address`, stands still."""
