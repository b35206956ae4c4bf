"""What happens to changes once they are planned: agreed to, begun when they may, carried out by a run, looked back on, closed."""

from typing import Annotated, Any, Final

import msgspec

from oncue.core import (
    approvals,
    change_checks,
    change_clear,
    change_config,
    change_drafts,
    change_life,
    change_plan,
    change_records,
    change_risk,
    change_trail,
    last_steps,
    operators,
    run_life,
    running,
    tickets,
    workflow,
)
from oncue.core.approval import Approval
from oncue.core.change import OPEN, Change, CloseCode, Glass
from oncue.core.change_life import OnChange
from oncue.core.change_spec import PlannedChangeSpec
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.normalise import Seen
from oncue.core.run import OVER, Outcome, Run
from oncue.core.silence import Matcher
from oncue.core.tx import Tx

AGAIN_S: Final = 60.0
"""How long after something spoke against beginning it is looked again."""
GRACE_S: Final = 60.0
"""How long after it is over what it expects calls nobody."""

Said = Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


class BreakGlass(msgspec.Struct):
    """A change is to begin now, whatever the calendar says and whoever has not agreed yet."""

    change: str
    reason: Said


class Look(msgspec.Struct):
    """Someone has looked back on a change."""

    change: str
    code: CloseCode
    note: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


def decided(tx: Tx, id: str) -> None:
    """Those who were asked have decided, or did not. They may be others by now, who have not: under load this comes later than
    an edit that was made after the decision."""
    change = tx.state.changes.get(id)
    approval: Approval | None = tx.state.approvals.get((change.approval if change is not None else None) or "")
    if change is None or approval is None or change.plan is None or approval.state == "pending":
        return
    approvals.taken(tx, approval)
    tx.touch(change)
    by = ", ".join(
        f"{one.by}{f' for {one.instead_of}' if one.instead_of else ''}: {one.decision}" for one in approval.decisions
    )
    change_trail.note(tx, change, f"{approval.id} {approval.state}: {by or approval.reason}")
    if approval.state == "approved":
        change.approved = change.plan.hash
        if change.state == "authorise":
            change_life.schedule(tx, change)
        else:
            change.approval = None
            change_life.say(tx, change, "updated")
    elif change.state == "authorise":
        change_life.become(
            tx, change, "assess", f"{approval.id} {approval.state}: {approval.reason or 'no reason given'}"
        )
    else:
        change_life.say(tx, change, "updated")
    if change.state == "review":
        _reviewed_by_itself(tx, change)


def start(tx: Tx, seen: Seen, asked: OnChange) -> Change:
    """It begins now. Raises `Refusal` change.not_found, change.state, change.not_clear."""
    change = change_life.unbegun(tx, seen, asked.change)
    if change.state != "scheduled":
        raise Refusal("change.state", f"{change.id} is in {change.state}: {change.said or 'it is not agreed to yet'}")
    why = _against(tx, change)
    if why:
        raise Refusal("change.not_clear", "; ".join(why))
    tx.touch(change)
    _begin(tx, change)
    return change


def due(tx: Tx, id: str) -> None:
    """Its time has come."""
    change = tx.state.changes.get(id)
    if change is None or change.state != "scheduled" or change.plan is None:
        return
    tx.touch(change)
    if stale := change_checks.of_plan(tx.state, change, change.plan):
        change.approved = None
        change_life.unschedule(tx, change)
        change_life.become(
            tx, change, "assess", f"what was agreed to is no longer what would be done: {'; '.join(stale)}"
        )
        return
    why = _against(tx, change)
    if not why:
        _begin(tx, change)
        return
    if change.said != "; ".join(why):
        change.said = "; ".join(why)
        change_trail.note(tx, change, f"It cannot begin yet: {change.said}")
        change_life.say(tx, change, "held")
    if change.window_until is not None and tx.now >= change.window_until:
        change_life.schedule(tx, change)
    else:
        tx.timer_after(f"change.start/{change.id}", AGAIN_S)


def late(tx: Tx, id: str) -> None:
    """It had to begin by now."""
    change = tx.state.changes.get(id)
    if change is not None and change.state in OPEN:
        tx.touch(change)
        change_life.drop(
            tx,
            change,
            f"it has not begun by its deadline, {change_life.spoken(change.deadline_at or tx.now)}: {change.said or ''}".rstrip(
                ": "
            ),
        )


def _against(tx: Tx, change: Change) -> list[str]:
    if change.plan is None:
        return ["it is not planned"]
    stale = change_checks.of_plan(tx.state, change, change.plan)
    if change.not_before is not None and tx.now < change.not_before:
        stale.append(f"it is not to begin before {change_life.spoken(change.not_before)}")
    timely = change_checks.of_calendar(tx.state, change, tx.now)
    return [*stale, *timely, *change_checks.of_targets(tx.state, change, change.plan, change.plan.targets)]


def _begin(tx: Tx, change: Change) -> None:
    plan, spec = change.plan, change.spec
    if plan is None:
        raise AssertionError(change.id)
    tx.cancel(f"change.start/{change.id}")
    does = change_plan.workflow_of(change, plan.waves)
    change.began_at, change.starts_at = tx.now, tx.now
    change.record = change_records.start(tx, change.namespace, change_records.Wanted(
        title=f"{change.id}: {change.title}"[:300], key=change.id, kind="change", by=change.requester,
        resources=list(plan.targets), expects=_expected(change), here=True,
        at_most_s={kind: seconds(one.at_most) for one in spec.expects for kind in one.types},
        grace_s=GRACE_S, lasts_s=change_records.LONGEST_S, source=f"change:{change.id}",
    )).id  # fmt: skip
    how = Manifest(
        id=f"Change/{change.namespace}/{change.id}", kind="Change", namespace=change.namespace,
        name=change.template or change.name or change.id.lower(), generation=1, hash=plan.hash, labels={}, owner=None,
        review_by=None, description=change.title, spec=msgspec.to_builtins(does), applied_by=change.requester, updated_at=tx.now,
    )  # fmt: skip
    trigger = {"kind": "change", "change": change.id, "actor": tx.actor, "hands": list(change.hands)}
    change_life.become(tx, change, "implement", None)
    if change.window_until is not None:
        tx.timer(f"change.window/{change.id}", change.window_until)
    run = workflow.start(tx, how, change.inputs, trigger, requester=change.requester)
    tx.touch(change)
    change.run, change.run_state = run.id, run.state
    if run.state in OVER:
        _ran(tx, change, Outcome(run.id, run.state, run.reason, run.outputs))
    else:
        change_life.say(tx, change, "updated")


def _expected(change: Change) -> list[Matcher]:
    types = [kind for one in change.spec.expects for kind in one.types]
    if not types:
        return []
    return [Matcher("type", "|".join(_quoted(kind) for kind in dict.fromkeys(types)), is_regex=True)]


def _quoted(text: str) -> str:
    return "".join(one if one.isalnum() or one in "_-" else f"\\{one}" for one in text)


def break_glass(tx: Tx, seen: Seen, asked: BreakGlass) -> Change:
    """It begins now, past windows, freezes and those who have not agreed, who are asked afterwards. Raises `Refusal`
    change.not_found, change.state, change.targets, approval.person."""
    change = change_life.unbegun(tx, seen, asked.change)
    person = next(iter(change_drafts.people(tx)), None)
    if person is None:
        raise Refusal("approval.person", f"{tx.actor} is not a person who is signed in")
    before = tx.savepoint()
    try:
        tx.touch(change)
        change.glass = Glass(person, asked.reason, tx.now)
        change.hands = tuple(dict.fromkeys((*change.hands, *change_drafts.hands(tx))))
        plan = change.plan
        if plan is None or change_checks.of_plan(tx.state, change, plan):
            plan, change.risk = change_plan.made(tx.state, change, tx.now)
        change.plan = plan
        change_life.unschedule(tx, change)
        change_trail.note(tx, change, f"Glass broken by {person}: {asked.reason}")
        if not change.agreed:
            change_life.withdraw(tx, change, "it began without")
            change_drafts.ask(tx, change)
        _begin(tx, change)
        change_life.tell(tx, change, f"{change.id} began by broken glass", asked.reason)
    except Refusal:
        tx.back_to(before)
        raise
    tx.go_on(before)
    return change


def window_closes(tx: Tx, id: str) -> None:
    """The window closes in which it runs, or stands still. A pause says that it goes no further, and not that it may stay half
    done: what is to be back when the window closes is rolled back then, whoever paused it."""
    change = tx.state.changes.get(id)
    run = tx.state.runs.get((change.run if change is not None else None) or "")
    window = change.spec.window if change is not None else None
    if change is None or run is None or window is None or change.state != "implement":
        return
    if run.state != "running" and not (run.state == "paused" and window.on_close == "rollback"):
        return
    if last_steps.under_way(run) and (window.on_close != "rollback" or run.wants == "undo"):
        return
    tx.touch(change)
    if not change_checks.of_calendar(tx.state, change, tx.now):
        (change_clear.goes_on if run.state == "running" else change_clear.within_window)(tx, change)
        tx.save("change", change)
        return
    why = f"its window closed at {change_life.spoken(tx.now)}"
    if window.on_close == "rollback":
        held = f", which {run.paused_by} had paused," if run.state == "paused" and run.paused_by != "oncue" else ""
        change_trail.note(tx, change, f"{why}: it{held} is rolled back, as its plan says")
        run_life.cancel(tx, run, why, rollback=True)
    elif window.on_close == "pause":
        change_clear.stand(tx, change, run, why)
    else:
        change.closing = window.on_close == "finish_wave_then_pause"
        rest = "this wave is finished, and no other begun" if change.closing else "it goes on"
        change_trail.note(tx, change, f"{why}: {rest}")
    change_life.say(tx, change, "updated")


def look_again(tx: Tx, id: str) -> None:
    """It stands still: whether it may go on is looked at again."""
    change = tx.state.changes.get(id)
    run = tx.state.runs.get((change.run if change is not None else None) or "")
    if change is None or run is None or change.plan is None or run.state != "paused" or run.failed_at is not None:
        return
    if run.paused_by != "oncue":
        return
    tx.touch(change)
    why = change_clear.against(tx, change, _left(tx, change, run))
    if why:
        change.said = "; ".join(why)
        tx.save("change", change)
        tx.timer_after(f"change.clear/{id}", AGAIN_S)
        return
    change_clear.goes_on(tx, change)
    change_trail.note(tx, change, "It goes on")
    change_life.say(tx, change, "updated")
    tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
    run_life.let_go(tx, run)
    running.go(tx, run, "")


def _left(tx: Tx, change: Change, run: Run) -> list[str]:
    """Targets that it has not come to."""
    begun = {
        step.item
        for step in tx.state.steps_of[run.id].values()
        if step.uses == "item" and step.node == change_trail.GROUP
    }
    return [name for name in (change.plan.targets if change.plan is not None else ()) if name not in begun]


def ran(tx: Tx, id: str) -> None:
    """Its run is over."""
    change = tx.state.changes.get(id)
    outcome: Outcome | None = tx.state.cells["outcome"].get(f"change/{id}")
    tx.cell("outcome", f"change/{id}", None)
    if change is not None and outcome is not None and change.state == "implement":
        tx.touch(change)
        _ran(tx, change, outcome)


def _ran(tx: Tx, change: Change, outcome: Outcome) -> None:
    change.ended_at, change.run_state, change.closing = tx.now, outcome.state, False
    for timer in ("window", "clear"):
        tx.cancel(f"change.{timer}/{change.id}")
    well = outcome.state == "succeeded"
    if not well:
        change.close_code = "backed_out" if outcome.state == "rolled_back" else "unsuccessful"
    elif change.close_code is None:  # otherwise something was passed over by hand
        change.close_code = "successful"
    record = tx.state.change_records.get(change.record or "")
    if record is not None and record.state == "running":
        how = change_records.Finish(change_record=record.id, outcome="succeeded" if well else "failed")
        change_records.finish(tx, change.namespace, how, own=True)
    said = (change.said or outcome.reason) if not well else None
    change_life.become(tx, change, "review", said)
    change_trail.note(tx, change, f"Done: {change_life.words(change.close_code)}{f'. {said}' if said else ''}")
    change_life.tell(tx, change, f"{change.id} {change_life.words(change.close_code)}: {change.title}", said or "")
    _reviewed_by_itself(tx, change)


def _reviewed_by_itself(tx: Tx, change: Change) -> None:
    """Closed, if nobody needs to look back on it."""
    review = change.spec.review
    if change.type == "emergency" or change.glass is not None:
        review = "always"
    if review == "never" or (review == "on_failure" and change.close_code == "successful"):
        _close(tx, change)


def review(tx: Tx, seen: Seen, asked: Look) -> Change:
    """Someone has looked back on it; it is closed. Raises `Refusal` change.not_found, change.state, change.unapproved."""
    change = change_life.found(tx, seen, asked.change)
    if change.state != "review":
        raise Refusal("change.state", f"{change.id} is in {change.state}; what is over is looked back on")
    if change.glass is not None and not change.agreed:
        raise Refusal(
            "change.unapproved",
            f"{change.id} began by broken glass, and {change.approval or 'nobody'} has not agreed to it; submit it to ask again",
        )
    tx.touch(change)
    change.close_code, change.close_note = asked.code, asked.note or None
    change_trail.note(
        tx, change, f"Reviewed by {tx.actor}: {change_life.words(asked.code)}{f'. {asked.note}' if asked.note else ''}"
    )
    _close(tx, change)
    return change


def _close(tx: Tx, change: Change) -> None:
    change_risk.remember(tx, change)
    change.closed_at = tx.now
    change_life.become(tx, change, "closed", change.said)
    ticket = tx.state.tickets.get(change.ticket or "")
    if ticket is not None and ticket.state != "closed":
        tickets.transition(tx, ticket, "closed", change.close_code, change.close_note or change.said or "")


def cancel(tx: Tx, seen: Seen, asked: OnChange) -> Change:
    """It is no longer wanted. What runs is stopped and rolled back. Raises `Refusal` change.not_found, change.state."""
    change = change_life.found(tx, seen, asked.change)
    if change.state == "implement":
        run = tx.state.runs.get(change.run or "")
        if run is None:
            raise Refusal("change.state", f"{change.id} is over already")
        if run.state == "rolling_back":
            raise Refusal("change.state", f"{change.id} is being rolled back already; wait for that to end")
        if last_steps.under_way(run) and run.wants == "undo":
            said = f"{change.id} was stopped already: {run.reason}; what is under finally is still being done, then it is rolled back"
            raise Refusal("change.state", said)
        what = "its rollback is given up" if run.state == "rollback_failed" else "it is rolled back"
        change_trail.note(tx, change, f"Cancelled by {tx.actor}: {asked.reason or 'no reason given'}; {what}")
        operators.cancel(tx, seen, operators.Cancel(run.id, asked.reason or "cancelled by hand", rollback=True))
        return change
    if change.state not in OPEN:
        raise Refusal("change.state", f"{change.id} is in {change.state}: it was done already")
    tx.touch(change)
    change_life.drop(tx, change, f"{asked.reason or 'cancelled by hand'} ({tx.actor})")
    return change


COMMANDS: Final[dict[str, tuple[type[Any], Any]]] = {
    "oncue.command.change.create": (PlannedChangeSpec, change_drafts.create),
    "oncue.command.change.propose": (change_config.Proposal, change_config.propose),
    "oncue.command.change.edit": (change_drafts.Edit, change_drafts.edit),
    "oncue.command.change.submit": (OnChange, change_drafts.submit),
    "oncue.command.change.start": (OnChange, start),
    "oncue.command.change.break_glass": (BreakGlass, break_glass),
    "oncue.command.change.cancel": (OnChange, cancel),
    "oncue.command.change.review": (Look, review),
}
"""Type of the event -> (its data, what it does)."""
