"""What people do with runs: pause, resume, cancel, undo, try a step again, pass over it, begin anew from a step.

Each is a command with an actor, checked against the state as it is when it arrives: of two people who act at the same time
one is told what the other did.
"""

from typing import Annotated, Any

import msgspec

from oncue.core import (
    change_clear,
    change_trail,
    hidden,
    last_steps,
    pins,
    rejections,
    rollback,
    run_life,
    running,
    steps,
    validation,
    workflow,
)
from oncue.core import plan as plans
from oncue.core.errors import Refusal
from oncue.core.normalise import Seen
from oncue.core.plan import Node
from oncue.core.run import ACTIVE, OVER, WELL, Retried, Run, Step
from oncue.core.state import State
from oncue.core.tx import Tx
from oncue.core.workflow_spec import WorkflowSpec

Said = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class OnRun(msgspec.Struct):
    """A run is meant."""

    run: str
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


class Cancel(msgspec.Struct):
    """A run is no longer wanted."""

    run: str
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = "cancelled by hand"
    rollback: bool = False
    """Whether what it did is undone."""
    at_once: bool = False
    """Whether it ends without what is done in any case, or in the middle of that."""


class OnStep(msgspec.Struct):
    """A step of a run is meant."""

    run: str
    step: str
    """Its address."""
    reason: Said | None = None


class Skip(msgspec.Struct):
    """A step is to be passed over."""

    run: str
    step: str
    reason: Said


class Fork(msgspec.Struct):
    """A run is to be run again from a step on."""

    run: str
    workflow: str
    """The workflow's name."""
    step: str
    """The id of one of its outermost steps: from this one on it is run anew."""
    inputs: dict[str, Any]
    steps: list[Step] = []
    """The outermost steps of the run as they are."""
    again: bool = False
    """Whether it is meant that steps before that one, which have begun and cannot be taken over, are done again."""
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    requester: str | None = None
    """Who asks for it; the actor if it is not said."""
    may: tuple[str, ...] | None = None
    """As in `Run`."""


def pause(tx: Tx, seen: Seen, asked: OnRun) -> Run:
    """It begins nothing more; what is under way ends. If OnCue has paused it already, it stays so until someone resumes it.
    Raises `Refusal` run.not_found, run.state."""
    run, why = _run(tx, seen, asked.run), asked.reason or "paused by hand"
    if run.state == "paused" and run.paused_by == "oncue":
        run_life.keep_held(tx, run, tx.actor, why)
    elif last_steps.under_way(run):
        raise Refusal("run.stopping", f"{run.id} does what is under finally, and cannot be paused")
    elif run.state == "running":
        run_life.hold(tx, run, tx.actor, why)
    else:
        by = f" by {run.paused_by} already" if run.state == "paused" else ""
        raise Refusal("run.state", f"{run.id} is {run.state.replace('_', ' ')}{by}; only what runs can be paused")
    change_trail.paused(tx, run, tx.actor, why)
    return run


def resume(tx: Tx, seen: Seen, asked: OnRun) -> Run:
    """It goes on. If a step has failed, it is tried again or passed over first. Raises `Refusal` run.not_found,
    run.state."""
    run = _run(tx, seen, asked.run)
    if run.state != "paused":
        stands = "was stopped" if last_steps.under_way(run) else f"is {run.state.replace('_', ' ')}, not paused"
        raise Refusal("run.state", f"{run.id} {stands}")
    if run.failed_at is not None:
        raise Refusal("run.state", f"step {run.failed_at} has failed: try it again or skip it, or cancel the run")
    change_clear.require(tx, run)
    run_life.let_go(tx, run)
    running.go(tx, run, "")
    return run


def cancel(tx: Tx, seen: Seen, asked: Cancel) -> Run:
    """It is over, or undone first; before that it does what is done in any case, unless it is to end at once. Of one that was
    stopped already, only more can be asked: that it ends at once, or is undone. Raises `Refusal` run.not_found, run.state,
    run.stopping."""
    run, why = _run(tx, seen, asked.run), f"{asked.reason} ({tx.actor})"
    stopping = last_steps.under_way(run)
    if stopping and not asked.at_once and (run.wants == "undo" or not asked.rollback):
        raise Refusal("run.stopping", f"{run.id} was stopped: {run.reason}")
    if run.state == "rolling_back":
        raise Refusal("run.state", f"{run.id} is being rolled back; wait for that to end")
    if run.state == "rollback_failed":
        run_life.loudest(tx, run, "clear", f"{run.workflow}: the rollback was given up by {tx.actor}")
        run_life.finish(tx, run, "failed", f"{run.reason}; the rollback was given up by {tx.actor}: {asked.reason}")
        return run
    run_life.cancel(tx, run, why, rollback=asked.rollback)
    if asked.at_once and last_steps.under_way(run):
        tx.touch(run)
        run.reason = f"{run.reason}; ended at once{f': {why}' if stopping else ''}"
        run_life.stop_now(tx, run)
    return run


def retry(tx: Tx, seen: Seen, asked: OnStep) -> Run:
    """A step that failed is tried again; of steps that hold others, those in it that failed; of a rollback that stopped, what
    it stopped at. Raises `Refusal` run.not_found, step.not_found, step.state, change.not_clear, approval.reason."""
    run = _run(tx, seen, asked.run)
    if run.state == "rollback_failed":
        rollback.again(tx, run)
        return run
    step = steps.find(tx.state, run, asked.step)
    if step.state in ACTIVE or step.state in WELL or run.state != "paused":
        raise Refusal("step.state", f"step {step.address} is {step.state}, {run.id} {run.state}: only a step that failed"
                      " in a run that is paused can be tried again")  # fmt: skip
    _refuse_within(tx, run, step)
    if last_steps.put_off(run, step):
        raise Refusal("step.state", f"step {step.address} is to be tried again already, as {step.again_by} asked: it is when"
                      f" {run.failed_at} is tried again or skipped")  # fmt: skip
    change_clear.require(tx, run)
    failed = _failed_in(tx, run, step)
    rejections.asked_again(tx, run, failed, asked.reason)
    _remember(tx, run, failed)
    for one in failed:
        _reopen(tx, run, one)
        if _is_branch(tx, run, one):
            steps.change(tx, run, one, None, again_by=tx.actor)
        else:
            steps.forget_all(tx, run, one.address)
    run_life.let_go(tx, run)
    running.go(tx, run, *(plans.parent(one.address) or "" for one in failed))
    for one in failed:
        if tx.state.step(run.id, one.address) is one and one.again_by is not None:
            steps.change(tx, run, one, "retrying")
    return run


def _is_branch(tx: Tx, run: Run, step: Step) -> bool:
    """Whether it is one of a `parallel`, whose other branches may have to be dealt with before it begins."""
    above = plans.parent(step.address) or ""
    return bool(above) and steps.find(tx.state, run, above).uses == "parallel"


def _refuse_within(tx: Tx, run: Run, step: Step) -> None:
    """What lies in a step that is over and well, or was passed over, stays as it is: what follows that has begun already. So
    does what a `try` has gone on from. Raises `Refusal` step.state."""
    nodes, below, at = steps.plan(tx.state, run).nodes, step, plans.parent(step.address)
    while at:
        above = steps.find(tx.state, run, at)
        if above.state in WELL:
            raise Refusal("step.state", f"step {above.address}, in which {step.address} lies, is {above.state} already")
        gone_on = above.uses == "try" and nodes[below.node] not in nodes[above.node].blocks[above.block].nodes
        if above.state in ACTIVE and gone_on:
            raise Refusal("step.state", f"step {above.address} has gone on from {step.address} to its {above.block}")
        below, at = above, plans.parent(at)


def _failed_in(tx: Tx, run: Run, step: Step) -> list[Step]:
    """The step itself, or of one that holds others those that made it fail."""
    if step.uses == "for_each":
        items = tx.state.items_of(run.id, step.address)
        failed = [one for item in items if item.state not in WELL for one in _failed_in(tx, run, item)]
        return failed or [step]
    if step.uses == "parallel":
        nodes, rows = steps.plan(tx.state, run).nodes, tx.state.steps_of[run.id]
        branches = [rows[at] for at in sorted(rows) if plans.parent(at) == step.address and "~" not in at]
        return [
            one
            for inner in branches
            if running.is_failure(nodes[inner.node], inner)
            for one in _failed_in(tx, run, inner)
        ] or [step]
    if step.failed_at is None or step.failed_at == step.address:
        return [step]
    return _failed_in(tx, run, steps.find(tx.state, run, step.failed_at))


def _remember(tx: Tx, run: Run, failed: list[Step]) -> None:
    """These steps may have changed something, whatever comes of their next try."""
    before: Retried | None = tx.state.cells["retried"].get(run.id)
    known = before.addresses if before is not None else []
    more = [one.address for one in failed if one.attempt and not one.nothing_done and one.address not in known]
    if more:
        tx.cell("retried", run.id, Retried([*known, *more]))


def skip(tx: Tx, seen: Seen, asked: Skip) -> Run:
    """The step is passed over: one that waits, failed, or could not be undone. Raises `Refusal` as `retry` does, run.state."""
    run = _run(tx, seen, asked.run)
    why = f"{asked.reason} ({tx.actor})"
    step = _preparing(tx, run, asked.step) or steps.find(tx.state, run, asked.step)
    if run.state == "rollback_failed":
        if step.address != run.undoing:
            raise Refusal("step.state", f"the rollback stopped at step {run.undoing}, not at {step.address}")
        rollback.settled(tx, run, step, f"step {step.address} was settled by hand: {why}", by_hand=why)
        return run
    if run.state not in ("running", "paused"):
        raise Refusal("run.state", f"{run.id} is {run.state.replace('_', ' ')}")
    if step.state in WELL:
        raise Refusal("step.state", f"step {step.address} is {step.state} already")
    if step.state not in ACTIVE and last_steps.stops(tx.state, run, step.address):
        raise Refusal("run.state", f"{run.id} was stopped: only what it does in any case can be passed over")
    _refuse_within(tx, run, step)
    asking = _approval_in(tx, run, step)
    if asking is not None:
        raise Refusal("approval.unskippable", f"step {asking} asks people, who decide it; or cancel the run")
    goes_on = run.state == "paused" and run.paused_by == "oncue"
    if goes_on:
        change_clear.require(tx, run)
    if step.address != asked.step:
        step = _not_prepared(tx, run, step, asked.step)
    change_trail.passed_over(tx, run, step)
    if step.state in ACTIVE:
        run_life.drop(tx, run, step)
        for address in sorted(tx.state.steps_of[run.id]):
            inner = tx.state.steps_of[run.id][address]
            if inner.state in ACTIVE and address.startswith((f"{step.address}/", f"{step.address}[")):
                run_life.drop(tx, run, inner)
                steps.end(tx, run, inner, "cancelled", reason=why, error_code="cancelled")
        steps.end(tx, run, step, "skipped", reason=why)
    else:
        _reopen(tx, run, step)
        steps.end(tx, run, step, "skipped", reason=why)
    if goes_on and run.failed_at is None:
        run_life.let_go(tx, run)
    running.over(tx, run, step)
    return run


def _preparing(tx: Tx, run: Run, address: str) -> Step | None:
    """What is looked at before the step at this address, which has not begun because of that."""
    before = tx.state.step(run.id, address + validation.BEFORE)
    begun = tx.state.step(run.id, address) is not None
    return before if before is not None and before.state in ACTIVE and not begun else None


def _not_prepared(tx: Tx, run: Run, before: Step, address: str) -> Step:
    """It is looked at no more, and the step begins, so that it can be passed over."""
    run_life.drop(tx, run, before)
    steps.end(tx, run, before, "cancelled", reason="the step is passed over", error_code="cancelled")
    return steps.begin(tx, run, address, before.node, before.uses, "running", say=False)


def fork(tx: Tx, seen: Seen, asked: Fork) -> Run:
    """Another run of the workflow as it is now, which takes over what the steps before one of them came to. Approvals are
    asked for anew. Raises `Refusal` workflow.not_found, step.not_found, run.does_again, and as `workflow.start`."""
    manifest = tx.state.manifests.get(f"Workflow/{seen.namespace}/{asked.workflow}")
    if manifest is None:
        raise Refusal("workflow.not_found", f"{asked.workflow} in {seen.namespace}")
    plan = plans.plan_of(manifest.hash, msgspec.convert(manifest.spec, WorkflowSpec))
    order = [node.id for node in plan.root.nodes]
    if asked.step not in order:
        raise Refusal("step.not_found", f"{asked.step} is none of the outermost steps: {', '.join(order)}")
    before = set(order[: order.index(asked.step)])
    copies = tuple(
        step
        for step in asked.steps
        if step.run == asked.run and step.address in before and step.state in WELL and not step.undone
        and step.uses != "approval" and plan.nodes[step.node].form in ("uses", "run", "wait", "emit", "set_")
        and _asking(tx.state, manifest.namespace, plan.nodes[step.node]) is None
        and not (step.uses == "set" and hidden.held(step.inputs))  # they are forgotten with that run
    )  # fmt: skip
    taken = {copy.address for copy in copies}
    again = [
        id for id in order
        if id in before and id not in taken and any(step.address == id and _did(step, asked.run) for step in asked.steps)
    ]  # fmt: skip
    if again and not asked.again:
        raise Refusal("run.does_again", f"{', '.join(again)}: begun in {asked.run}, and not taken over")
    trigger: dict[str, Any] = {"kind": "fork", "run": asked.run, "step": asked.step, "actor": tx.actor}
    if tx.owner is not None:
        trigger["hands"] = [tx.owner]
    return workflow.start(tx, manifest, asked.inputs, trigger, copies=copies, forked_from=asked.run,
                          requester=asked.requester, may=asked.may)  # fmt: skip


def _did(step: Step, run: str) -> bool:
    """Whether the step may have done something that was not undone."""
    return (
        step.run == run
        and step.state in steps.COVERED
        and not step.undone
        and step.uses not in ("approval", "set", "wait")
    )


def _approval_in(tx: Tx, run: Run, step: Step) -> str | None:
    """The step that asks people and is this one, or could lie in it, or in a workflow that it runs; None if there is none."""
    nodes = steps.plan(tx.state, run).nodes
    node = nodes[step.node]
    inner = (one for one in nodes.values() if one is node or node in one.above)
    found = next((found for one in inner if (found := _asking(tx.state, run.namespace, one, run)) is not None), None)
    return found or _asking_below(tx, run, step.address)


def _asking_below(tx: Tx, run: Run, within: str) -> str | None:
    """As `_asking`, of the runs that are under way at this address of the run, by the versions that they pin; all addresses if it
    is empty."""
    for address, step in sorted(tx.state.steps_of.get(run.id, {}).items()):
        here = not within or address == within or address.startswith((f"{within}/", f"{within}["))
        if not here or step.uses != "run" or step.state not in ACTIVE or not isinstance(step.result, dict):
            continue
        below = tx.state.runs.get(str(step.result.get("run")))
        if below is None:
            continue
        for node in steps.plan(tx.state, below).nodes.values():
            if (found := _asking(tx.state, run.namespace, node, below)) is not None:
                return f"{found} of {below.workflow}" if node.form == "approvals" else found
        if (found := _asking_below(tx, below, "")) is not None:
            return found
    return None


def _asking(state: State, namespace: str, node: Node, run: Run | None = None) -> str | None:
    """The step itself if it asks people, or which one does of the workflow that it runs, or of those that this one runs: as they are,
    or as the run goes by them."""
    if node.form == "approvals":
        return node.id
    called = [node.spec.run.workflow] if node.spec.run is not None else []
    for name in called:
        manifest = state.manifests.get(f"Workflow/{namespace}/{name}")
        if manifest is None:
            continue
        if run is not None:
            manifest = pins.pinned(state, run, manifest)
        nodes = plans.plan_of(manifest.hash, msgspec.convert(manifest.spec, WorkflowSpec)).nodes.values()
        for one in nodes:
            if one.form == "approvals":
                return f"{one.id} of {name}"
            if one.spec.run is not None and one.spec.run.workflow not in called:
                called.append(one.spec.run.workflow)
    return None


def _reopen(tx: Tx, run: Run, step: Step) -> None:
    """The steps that the step lies in, and that failed with it, go on where it lies."""
    nodes = steps.plan(tx.state, run).nodes
    below, at = step, plans.parent(step.address)
    if step.uses == "item":
        _counts_again(tx, run, step)
    while at:
        above = steps.find(tx.state, run, at)
        if above.state not in ACTIVE:
            block = above.block
            if above.uses == "try":
                block = _back(tx, run, above, nodes[below.node])
            steps.change(
                tx, run, above, None, state="running", ended_at=None, reason=None, error_code=None, failed_at=None,
                block=block, failures=0 if above.uses != "for_each" else above.failures,
            )  # fmt: skip
            if above.uses == "item":
                _counts_again(tx, run, above)
        below, at = above, plans.parent(at)
    tx.touch(run)
    run.failed_at = None
    tx.save("run", run)


def _counts_again(tx: Tx, run: Run, item: Step) -> None:
    """An item that failed is under way once more, as far as its group is concerned."""
    group = steps.find(tx.state, run, plans.parent(item.address) or "")
    steps.change(tx, run, group, None, under_way=group.under_way + 1, failures=group.failures - 1)


def _back(tx: Tx, run: Run, attempt: Step, inner: Node) -> str:
    """A `try` goes back to the block that a step lies in: what came after that block has not been. Gives the block's name."""
    blocks = list(steps.plan(tx.state, run).nodes[attempt.node].blocks.values())
    number = next(index for index, block in enumerate(blocks) if inner in block.nodes)
    for later in blocks[number + 1 :]:
        for node in later.nodes:
            steps.forget_all(tx, run, plans.child(attempt.address, node.id))
    return blocks[number].name


def _run(tx: Tx, seen: Seen, id: str) -> Run:
    run = tx.state.runs.get(id)
    if run is None or run.namespace != seen.namespace or run.state in OVER:
        raise Refusal("run.not_found", f"{id} is not there, or has ended")
    tx.asked_by(run.requester, run.behind)
    return run
