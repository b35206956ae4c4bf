"""Undoes what a run did: step by step, the last thing first, until all is undone or a person is needed.

Covered are steps that have something to undo them, or say that nothing can, and were begun: those that succeeded, and those
that failed or of which nobody knows how they ended. Of those that failed, the ones that are known to have changed nothing are
left out. What cannot be undone, and what fails while it undoes, stops and asks.

It does not reach into other runs that steps began; a step with `run` may say what undoes all of that, which is done when the other
run is over. Whoever reads how the run ended is told of which runs nothing was undone.
"""

from typing import Final

from oncue.core import action_calls, change_trail, run_life, steps, validation
from oncue.core.duration import seconds
from oncue.core.effect import Effect
from oncue.core.errors import Refusal
from oncue.core.run import ACTIVE, UNDOING, Run, RunState, Step, StepState, UndoneFor
from oncue.core.tx import Tx

UNDO: Final = validation.UNDO
UNDONE_BY_ITSELF: Final = "run.rolled_back"
"""Code of a step whose run was rolled back."""
NAMED: Final = 4
"""Runs out of reach that are named; the others are counted."""


def undo_next(tx: Tx, run: Run) -> None:
    """Undo what was done last of what is not undone yet."""
    if run.state != "rolling_back":
        return
    tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
    step = _next(tx, run)
    if step is None:
        _undone(tx, run)
        return
    if _still_begun(tx, step):
        return  # the end of that run goes on with it
    spec = steps.plan(tx.state, run).nodes[step.node].spec
    if spec.rollback is None:
        _ask(tx, run, step, f"step {step.address} cannot be undone: it is irreversible")
        return
    registered = step.compensation
    if registered is None or registered.inputs is None:
        why = registered.missing if registered is not None and registered.missing else "what it needs is not known"
        _ask(tx, run, step, f"step {step.address} cannot be undone: {why}")
        return
    address = step.address + UNDO
    known = tx.state.step(run.id, address)
    if known is not None:
        steps.forget(tx, run, known)
    undoing = steps.begin(
        tx, run, address, step.node, spec.rollback.uses, "running", inputs=registered.inputs, attempt=1
    )
    undoing.effect = action_calls.ask(
        tx,
        run,
        address,
        spec.rollback.uses,
        registered.inputs,
        seconds(spec.rollback.timeout),
        spec.rollback.retry,
        labels=registered.labels,
    ).id
    tx.touch(run)
    run.undoing = step.address
    tx.save("run", run)


def _next(tx: Tx, run: Run) -> Step | None:
    covered = steps.covered(tx.state, run)
    done = [step for step in covered if not (step.undone or step.nothing_done or _nothing_left(tx, run, step))]
    return max(done, key=lambda step: (step.ended_in, step.address), default=None)


def _nothing_left(tx: Tx, run: Run, step: Step) -> bool:
    """Whether the step was to run another workflow, and that did not begin, or undid by itself what it did."""
    if step.uses != "run" or steps.changed_before(tx.state, run, step.address):
        return False
    return step.error_code == UNDONE_BY_ITSELF or not isinstance(step.result, dict)


def _still_begun(tx: Tx, step: Step) -> bool:
    """Whether the run that the step waited for is not over yet: it does what is done in any case, or is being undone."""
    began = step.result.get("run") if step.uses == "run" and isinstance(step.result, dict) else None
    child = tx.state.runs.get(str(began)) if began is not None else None
    return child is not None and child.parent == step.id


def went_on(tx: Tx, run: Run) -> None:
    """A run that a step had begun is over: if the rollback has waited for that, it goes on."""
    if run.state == "rolling_back" and run.undoing is None:
        tx.timer(f"run.undo/{run.id}", tx.now)


def found(tx: Tx, run: Run, undoing: Step, effect: Effect) -> None:
    """What undoes a step has come to something."""
    step = steps.find(tx.state, run, undoing.address.removesuffix(UNDO))
    if effect.state == "succeeded":
        node = steps.plan(tx.state, run).nodes[undoing.node]
        if node.spec.rollback is not None and node.spec.rollback.validate is not None:
            steps.change(tx, run, undoing, "validating", state="validating", reason=None, error_code=None)
            validation.begin(tx, run, node, undoing)
            looked(tx, run, undoing)
        else:
            steps.end(tx, run, undoing, "succeeded")
            settled(tx, run, step, f"{undoing.uses} undid it")
        return
    state: StepState = "unknown" if effect.state == "unknown" else "failed"
    steps.end(tx, run, undoing, state, reason=effect.reason, error_code="rollback.failed")
    _ask(tx, run, step, f"undoing step {step.address} {state}: {effect.reason}")


def looked(tx: Tx, run: Run, undoing: Step) -> None:
    """It was looked whether what undoes a step brought about what it should."""
    if undoing.state in ACTIVE or run.state != "rolling_back":
        return
    step = steps.find(tx.state, run, undoing.address.removesuffix(UNDO))
    if undoing.state == "succeeded":
        settled(tx, run, step, f"{undoing.uses} undid it")
    else:
        _ask(tx, run, step, f"undoing step {step.address} did not bring about what it should: {undoing.reason}")


def settled(tx: Tx, run: Run, step: Step, how: str, by_hand: str | None = None) -> None:
    """What the step did is undone, by OnCue or, as `by_hand` says, by a person; the rollback goes on."""
    steps.change(tx, run, step, "undone", undone=True, settled=by_hand)
    tx.touch(run)
    if run.state == "rollback_failed":
        _goes_on(tx, run, how)
    run.undoing = None
    tx.save("run", run)
    tx.timer(f"run.undo/{run.id}", tx.now)


def again(tx: Tx, run: Run) -> None:
    """Try once more to undo what could not be undone."""
    if run.undoing is None or run.state != "rollback_failed":
        raise Refusal("request.conflict", f"{run.id} does not wait for a rollback to be tried again")
    tx.touch(run)
    _goes_on(tx, run, "the rollback is tried again")
    tx.timer(f"run.undo/{run.id}", tx.now)


def _goes_on(tx: Tx, run: Run, why: str) -> None:
    """What the rollback stopped at is dealt with: its reason is again why it is undone at all. The run was touched."""
    # It may have stopped before this was kept.
    cause: UndoneFor = tx.state.cells["undone_for"].get(run.id) or UndoneFor(why)
    tx.cell("undone_for", run.id, None)
    run_life.loudest(tx, run, "clear", f"{run.workflow}: {why}")
    run.state = "rolling_back"
    run.reason = cause.reason
    run_life.say(tx, run, "oncue.run.rolling_back")


def stops(tx: Tx, run: Run, why: str) -> None:
    """It cannot go on, and not because of what a step did."""
    step = _next(tx, run)
    if step is not None:
        _ask(tx, run, step, why)
    else:
        run_life.finish(tx, run, "failed", why)


def _ask(tx: Tx, run: Run, step: Step, why: str) -> None:
    """A person must decide: try again, say that it is settled, or give up."""
    tx.touch(run)
    run.state = "rollback_failed"
    run.undoing = step.address
    tx.cell("undone_for", run.id, UndoneFor(run.reason))
    run.reason = f"{run.reason}; {why}" if run.reason else why
    run_life.say(tx, run, "oncue.run.rollback_failed")
    run_life.loudest(tx, run, "critical", f"The rollback of {run.workflow} has stopped: {why}")
    spec = steps.plan(tx.state, run).nodes[step.node].spec.rollback
    known = step.compensation.inputs if step.compensation is not None else None
    change_trail.stopped(tx, run, step, why, (spec.uses, known) if spec is not None else None)


def _undone(tx: Tx, run: Run) -> None:
    undone = [step for step in tx.state.steps_of[run.id].values() if step.undone]
    active = [step.address for step in tx.state.steps_of[run.id].values() if step.state in ACTIVE]
    if active:
        return
    others = _out_of_reach(tx, run)
    said = [run.reason] if run.reason else []
    if undone:
        said.append(_counted(tx, run, undone))
    if others:
        said.append(f"what {others} did is not{'' if undone else ' undone'}")
    state: RunState = "rolled_back" if undone else "cancelled" if run.wants == "cancel" else "failed"
    run_life.finish(tx, run, state, "; ".join(said) or None)


def _counted(tx: Tx, run: Run, undone: list[Step]) -> str:
    """How many steps something undid, and of how many a person said that they are settled."""
    by_hand = [step for step in undone if step.settled is not None]
    nodes, many = steps.plan(tx.state, run).nodes, len(undone) - len(by_hand)
    for_good = sum(nodes[step.node].spec.irreversible for step in by_hand)
    said = [f"{many or 'no'} step{'s' if many > 1 else ''} undone"]
    if len(by_hand) > for_good:
        said.append(f"{len(by_hand) - for_good} settled by hand")
    if for_good:
        said.append(f"{for_good} irreversible")
    return ", ".join(said)


def _out_of_reach(tx: Tx, run: Run) -> str:
    """The runs that its steps began, as far as those were not undone by themselves; empty if there are none."""
    found: list[str] = []
    for address, step in sorted(tx.state.steps_of[run.id].items()):
        began = step.result.get("run") if step.uses == "run" and isinstance(step.result, dict) else None
        within = run.undo_within is None or address.startswith(f"{run.undo_within}/")
        if (
            began is None
            or not within
            or step.undone
            or step.copied_from is not None
            or step.error_code == UNDONE_BY_ITSELF
        ):
            continue
        child = tx.state.runs.get(str(began))
        if child is None or child.state not in UNDOING:
            found.append(str(began))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more
