"""How a run ends, stands still and is undone: whatever becomes of it besides going on."""

from collections.abc import Container
from typing import Any, Final

from oncue.core import (
    approvals,
    change_life,
    change_trail,
    event_waits,
    gates,
    hidden,
    last_steps,
    notify,
    outbox,
    pins,
    rejections,
    run_scope,
    steps,
    ticket_notes,
)
from oncue.core import plan as plans
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, evaluate, stored
from oncue.core.run import ACTIVE, OVER, UNDOING, Outcome, Run, RunState, Step, Story, Wants
from oncue.core.tx import Tx

INCONCLUSIVE: Final = "validation.inconclusive"
"""Code of a step of which nobody can say whether it did what it should."""
SWEEP: Final = 500
"""Rows of a run that is over that leave the live state within one input."""
TIMERS: Final = ("run.wait", "run.look", "run.call", "run.decided")
"""Timers of a step. `run.joined` is left to fire: it takes away what became of the run that the step waited for."""


def succeed(tx: Tx, run: Run) -> None:
    """All its steps are over and well."""
    scope = run_scope.of_ending(tx, run, steps.plan(tx.state, run))
    try:
        outputs = {
            name: stored(evaluate(text, scope)) for name, text in sorted(steps.plan(tx.state, run).spec.outputs.items())
        }
    except Failed as failure:
        fail(tx, run, f"outputs: {run_scope.why(failure, scope)}", None)
        return
    tx.touch(run)
    run.outputs = outputs
    finish(tx, run, "succeeded", None)


def fail(tx: Tx, run: Run, reason: str, failed_at: str | None) -> None:
    """It cannot go on: it waits for a person, is undone, or is over, as the workflow says, or as was wanted when it was stopped."""
    if last_steps.under_way(run):
        stop_now(tx, run)
        return
    tx.touch(run)
    run.reason = reason
    run.failed_at = failed_at
    how = steps.plan(tx.state, run).spec.on_failure
    _notify(tx, run, reason, failed_at)
    run.undo_within = _scope(how.rollback, failed_at)
    if how.pause or _undecided(tx, run, failed_at):
        hold(tx, run, "oncue", reason)
        change_trail.failed(tx, run, failed_at)
        if how.pause_for is not None and not _undecided(tx, run, failed_at):
            tx.timer_after(f"run.patience/{run.id}", seconds(how.pause_for))
    elif how.rollback != "none":
        change_trail.failed(tx, run, failed_at)
        undo(tx, run, "fail", reason)
    else:
        change_trail.failed(tx, run, failed_at)
        finish(tx, run, "failed", reason)


def _scope(rollback: str, failed_at: str | None) -> str | None:
    """The item to which undoing is limited."""
    at, items = failed_at or "", []
    while at:
        if at.endswith("]"):
            items.append(at)
        at = plans.parent(at) or ""
    if rollback not in ("item", "batch") or not items:
        return None
    return items[0] if rollback == "item" else items[-1]


def _undecided(tx: Tx, run: Run, failed_at: str | None) -> bool:
    """Whether it failed for that nobody can say whether a step did what it should."""
    step = tx.state.step(run.id, failed_at) if failed_at is not None else None
    return step is not None and step.error_code == INCONCLUSIVE


def patience(tx: Tx, run: Run) -> None:
    """Nobody has come to look at what failed: it is undone."""
    if run.state == "paused" and run.failed_at is not None:
        tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
        undo(tx, run, "fail", run.reason or "")


def _notify(tx: Tx, run: Run, reason: str, failed_at: str | None) -> None:
    """Those whom the workflow names are told that it has failed."""
    those = steps.plan(tx.state, run).spec.on_failure.notify
    if those:
        details = [["Workflow", run.workflow], ["Run", run.id], ["Step", failed_at or ""]]
        notify.message(
            tx, run.namespace, tuple(those), f"{run.workflow} failed", reason, details, url_path=f"/runs/{run.id}"
        )


def hold(tx: Tx, run: Run, by: str, reason: str) -> None:
    """It begins nothing more until someone resumes it. What is under way ends."""
    tx.touch(run)
    run.state = "paused"
    run.paused_by = by
    run.paused_at = tx.now
    run.reason = reason
    tx.cancel(f"run.deadline/{run.id}")
    say(tx, run, "oncue.run.paused")


def keep_held(tx: Tx, run: Run, by: str, reason: str) -> None:
    """It stands still by itself, and someone wants it to stay so until they resume it."""
    tx.touch(run)
    run.reason = f"{reason}; before that: {run.reason}" if run.reason else reason
    run.paused_by = by
    tx.cancel(f"run.patience/{run.id}")
    say(tx, run, "oncue.run.paused")


def let_go(tx: Tx, run: Run) -> None:
    """It goes on from now on, and has as much time left as it had."""
    tx.touch(run)
    run.undo_within = None
    tx.cancel(f"run.patience/{run.id}")
    if run.deadline_at is not None and run.paused_at is not None:
        run.deadline_at += tx.now - run.paused_at
        tx.timer(f"run.deadline/{run.id}", run.deadline_at)
        for step in tx.state.steps_of[run.id].values():
            if step.uses == "approval" and step.state == "waiting":
                approvals.run_goes_on(tx, tx.state.approvals[step.result["approval"]])
    run.state = "running"
    run.paused_by = run.paused_at = run.reason = None
    say(tx, run, "oncue.run.resumed")


def undo(tx: Tx, run: Run, wants: Any, reason: str) -> None:
    """What it did is undone, the last thing first."""
    stop(tx, run, reason)
    tx.touch(run)
    run.state = "rolling_back"
    run.wants = wants
    run.reason = reason
    run.agenda = ()
    tx.cancel(f"run.deadline/{run.id}")
    tx.cancel(f"run.patience/{run.id}")
    say(tx, run, "oncue.run.rolling_back")
    change_trail.undoing(tx, run, [step for step in steps.covered(tx.state, run) if step.nothing_done])
    tx.timer(f"run.undo/{run.id}", tx.now)


def cancel(tx: Tx, run: Run, reason: str, *, rollback: bool = False) -> None:
    """Stop the run: what it waits for is no longer wanted. It is over, or undone, when it has done what is done in any case."""
    if not last_steps.under_way(run):
        _stopped(tx, run, "undo" if rollback else "cancel", reason)
    elif rollback and run.wants != "undo":
        tx.touch(run)
        run.wants, run.reason = "undo", f"{run.reason}; to be undone: {reason}"
        say(tx, run, "oncue.run.stopping")


def overdue(tx: Tx, run: Run) -> None:
    """The run's time is up, or that for what it does in any case now: what lies around that does its own."""
    if not last_steps.under_way(run):
        _stopped(tx, run, "fail", "timeout: the run's time is up")
        return
    late = last_steps.finishing(tx.state, run)
    if not late:
        stop_now(tx, run)
        return
    for guard in late:
        others = {at for at in tx.state.steps_of[run.id] if not at.startswith(f"{guard.address}/")}
        stop(tx, run, last_steps.LATE, others)
        steps.end(tx, run, guard, "failed", reason=last_steps.LATE, error_code="timeout")
    last_steps.allow(tx, run)
    run.agenda = tuple(dict.fromkeys((*run.agenda, *(plans.parent(guard.address) or "" for guard in late))))
    tx.save("run", run)
    tx.timer(f"run.go/{run.id}", tx.now)


def give_up(tx: Tx, run: Run, reason: str) -> None:
    """It fails wherever it is, with nothing done in any case, and is undone if the workflow says so."""
    stop(tx, run, reason)
    _notify(tx, run, reason, None)
    _ended(tx, run, "fail", reason)


def _stopped(tx: Tx, run: Run, wants: Wants, reason: str) -> None:
    """Nothing more of it is wanted but what is done in any case, if there is any."""
    spared = last_steps.spared(tx.state, run)
    stop(tx, run, reason, spared)
    if wants == "fail":
        _notify(tx, run, reason, None)
    if not spared:
        _ended(tx, run, wants, reason)
        return
    tx.touch(run)
    run.state, run.wants, run.reason = "running", wants, reason
    run.paused_by = run.paused_at = None
    run.agenda = tuple(dict.fromkeys((*run.agenda, *last_steps.begin(tx, run, spared, reason))))
    last_steps.allow(tx, run)
    tx.cancel(f"run.patience/{run.id}")
    tx.timer(f"run.go/{run.id}", tx.now)
    say(tx, run, "oncue.run.stopping")


def stop_now(tx: Tx, run: Run) -> None:
    """What it did in any case is over, or is stopped as well: it ends as was wanted."""
    stop(tx, run, run.reason or "")
    _ended(tx, run, run.wants, run.reason or "")


def _ended(tx: Tx, run: Run, wants: Wants, reason: str) -> None:
    """Nothing of it is under way any more: it is over, or undone."""
    begun = run.state != "queued"
    if wants == "undo" and begun:
        tx.touch(run)
        run.undo_within = None
        undo(tx, run, "cancel", reason)
    elif wants == "fail" and begun and steps.plan(tx.state, run).spec.on_failure.rollback != "none":
        undo(tx, run, "fail", reason)
    else:
        finish(tx, run, "failed" if wants == "fail" else "cancelled", reason)


def stop(tx: Tx, run: Run, reason: str, spared: Container[str] = ()) -> None:
    """Nothing of it is under way any more but what is spared, by address."""
    for address in sorted(tx.state.steps_of.get(run.id, ())):
        step = tx.state.steps_of[run.id][address]
        if step.state in ACTIVE and address not in spared:
            drop(tx, run, step)
            steps.end(tx, run, step, "cancelled", reason=reason, error_code="cancelled", say=step.uses != "item")


def drop(tx: Tx, run: Run, step: Step) -> None:
    """What the step waits for is no longer wanted."""
    effect = tx.state.effects.get(step.effect or "")
    if effect is not None:
        outbox.cancel(tx, effect, "the step is over")
    for timer in TIMERS:
        tx.cancel(f"{timer}/{step.id}")
    event_waits.end(tx, step.id)
    if step.uses == "approval" and isinstance(step.result, dict):
        approval = tx.state.approvals.get(str(step.result.get("approval")))
        if approval is not None:
            approvals.withdraw(tx, approval, "the step is over")
            if approval.unattainable is not None:
                moves(tx, run)
    if step.uses == "run" and isinstance(step.result, dict):
        child = tx.state.runs.get(str(step.result.get("run")))
        if child is not None and child.state not in OVER | UNDOING:
            cancel(tx, child, f"{run.id} no longer waits for it")


def finish(tx: Tx, run: Run, state: RunState, reason: str | None) -> None:
    """The run is over."""
    tx.touch(run)
    run.state = state
    run.reason = reason
    run.ended_at = tx.now
    run.agenda = ()
    for timer in ("deadline", "go", "undo", "stuck", "queue", "patience"):
        tx.cancel(f"run.{timer}/{run.id}")
    event_waits.forget(tx, run)
    moves(tx, run)
    say(tx, run, f"oncue.run.{state}", live=False)
    ticket_notes.run_ended(tx, run)
    pins.unpin(tx, run.version)
    pins.let_go(tx, run)
    _over(tx, run)
    hidden.let_go(tx, run.namespace, run.inputs)
    gates.leave(tx, run)
    if "lane" in run.trigger:
        tx.timer(f"lane.free/{run.trigger['lane']}", tx.now)
    if run.trigger.get("kind") == "request" and run.requester is not None:
        notify.message(
            tx, run.namespace, (run.requester,), f"{run.workflow} {state.replace('_', ' ')}", reason or "",
            [["Request", str(run.trigger["request"])], ["Run", run.id]], url_path=f"/self-service?show={run.trigger['request']}",
        )  # fmt: skip
    if "change" in run.trigger:
        tx.timer(f"run.change/{run.trigger['change']}", tx.now)
        tx.cell("outcome", f"change/{run.trigger['change']}", Outcome(run.id, state, reason, run.outputs))
    if run.parent is not None and _waited_for(tx, run.id, run.parent):
        tx.timer(f"run.joined/{run.parent}", tx.now)
        by = rejections.rejected_by(tx.state, run)
        tx.cell("outcome", run.parent, Outcome(run.id, state, reason, run.outputs, by))
    sweep(tx, run.id)


def _waited_for(tx: Tx, id: str, parent: str) -> bool:
    """Whether it is the run that the step began, or begins now: of one that was tried again, it may be the one before."""
    above, _, address = parent.partition("/")
    waiting = tx.state.runs.get(above)  # the steps of a run that rests are there once someone has asked for it
    step = tx.state.step(above, address) if waiting is not None else None
    return step is not None and (not isinstance(step.result, dict) or step.result.get("run") == id)


def sweep(tx: Tx, run_id: str) -> None:
    """The rows of the run's steps leave the live state, some now and the others soon."""
    rows = tx.state.steps_of.get(run_id)
    if rows is None:
        return
    addresses = sorted(rows)
    for address in addresses[:SWEEP]:
        step = rows[address]
        tx.save("step", step, live=False)
        if step.uses == "for_each":
            tx.cell("items", step.id, None)
        tx.unset(rows, address)
    if len(addresses) > SWEEP:
        tx.timer(f"run.sweep/{run_id}", tx.now)
    else:
        tx.unset(tx.state.steps_of, run_id)
        tx.cell("retried", run_id, None)
        tx.cell("rejected", run_id, None)
        tx.cell("undone_for", run_id, None)


def stands_still(tx: Tx, run: Run, since: Any, why: str) -> None:
    """It has not moved for a long time: that is an alert."""
    tx.touch(run)
    run.stuck = True
    tx.save("run", run)
    still_s = (tx.now - since).total_seconds()
    length = f"{still_s / 60:.0f} minutes" if still_s >= 120 else f"{still_s:.0f} s"
    _alert(tx, run, "workflow.run.stuck", "major", f"{run.workflow} has not moved for {length}: {why}")


def cannot_go_on(tx: Tx, run: Run, why: str) -> None:
    """What it waits for cannot come as it is: that is an alert at once, unless it is one already."""
    if not run.stuck:
        tx.touch(run)
        run.stuck = True
        tx.save("run", run)
        _alert(tx, run, "workflow.run.stuck", "major", f"{run.workflow} cannot go on: {why}")


def moves(tx: Tx, run: Run) -> None:
    """It moves again, or is over: if it was said to be stuck, that ends, unless it still asks those who cannot agree."""
    if run.stuck and not _nobody_can_agree(tx, run):
        tx.touch(run)
        run.stuck = False
        tx.save("run", run)
        _alert(tx, run, "workflow.run.stuck", "clear", f"{run.workflow} moves again")


def _nobody_can_agree(tx: Tx, run: Run) -> bool:
    """Whether it still waits for an approval that cannot be met as it is."""
    return any(one.run == run.id and one.state == "pending" and one.unattainable for one in tx.state.approvals.values())


def loudest(tx: Tx, run: Run, severity: str, title: str) -> None:
    """What was done could not be undone: nothing is more urgent. `clear` when someone has settled it."""
    _alert(tx, run, "workflow.rollback.failed", severity, title)


def _alert(tx: Tx, run: Run, type: str, severity: str, title: str) -> None:
    document: dict[str, Any] = {
        "type": type, "namespace": run.namespace, "severity": severity, "resource": run.resource or f"workflow:{run.workflow}",
        "subject": run.id, "check": type, "fingerprint": f"{type}/{run.id}", "title": title[:500],
    }  # fmt: skip
    if run.service is not None:
        document["service"] = run.service
    tx.emit(document, refs=(("run", run.id),))


def say(tx: Tx, run: Run, type: str, live: bool = True) -> None:
    """The fact of what became of the run."""
    run.updated_at = tx.now
    refs = [("incident", run.incident), ("alert", run.alert)]
    tx.fact(
        type, "run", run, refs=tuple((kind, id) for kind, id in refs if id is not None),
        resource=run.resource, service=run.service,
    )  # fmt: skip
    tx.save("run", run, live)
    change_life.moved(tx, run)


STORY_LIMIT: Final = 1_000
"""Runs that what followed from one event may lead to, as long as any of them is under way: policies that start workflows whose
events start others end there. Those that the event itself starts are as many as policies say, and count for nothing."""


def told(tx: Tx, run: Run, *, automatic: bool) -> None:
    """The run is a part of its story, if it is not where that begins. Raises `Refusal` run.fan_out."""
    if not run.hops:
        return
    story: Story = tx.state.cells["story"].get(run.story) or Story(0, 0)
    if automatic and story.started >= STORY_LIMIT:
        raise Refusal(
            "run.fan_out", f"the event has led to {story.started} runs; no more are begun until those have ended"
        )
    tx.cell("story", run.story, Story(story.started + 1, story.under_way + 1))


def _over(tx: Tx, run: Run) -> None:
    if not run.hops:
        return
    story: Story = tx.state.cells["story"][run.story]
    tx.cell("story", run.story, Story(story.started, story.under_way - 1) if story.under_way > 1 else None)
