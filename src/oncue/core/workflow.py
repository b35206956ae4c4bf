"""Runs of workflows: how one begins, and what takes it on from outside: results, times, events, decisions, other runs."""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from oncue.core import (
    approvals,
    event_waits,
    forms,
    gates,
    hidden,
    incidents,
    pins,
    rejections,
    rollback,
    run_acts,
    run_life,
    run_scope,
    running,
    steps,
    validation,
)
from oncue.core.alert import Alert
from oncue.core.approval import Approval
from oncue.core.asking import Asked
from oncue.core.duration import seconds
from oncue.core.effect import Effect, EffectResult
from oncue.core.errors import Refusal
from oncue.core.expression import activation, stored
from oncue.core.incident import Incident
from oncue.core.inputs import complete
from oncue.core.manifest import Manifest
from oncue.core.normalise import Seen
from oncue.core.plan import Node, plan_of
from oncue.core.run import ACTIVE, Definition, Outcome, Run, Step, StepState
from oncue.core.tx import Tx
from oncue.core.workflow_spec import WorkflowSpec

DEPTH_LIMIT: Final = 8
"""How many runs may lie in each other."""


def start(
    tx: Tx,
    workflow: Manifest,
    inputs: dict[str, Any],
    trigger: dict[str, Any],
    *,
    alert: Alert | None = None,
    incident: Incident | None = None,
    event: Seen | None = None,
    above: Run | None = None,
    parent: str | None = None,
    copies: tuple[Step, ...] = (),
    forked_from: str | None = None,
    requester: str | None = None,
    may: tuple[str, ...] | None = None,
) -> Run:
    """Start a run and take it as far as it goes, or let it wait for its turn.

    Raises `Refusal` workflow.inputs_invalid, run.busy, run.queue_full, run.too_often, run.too_deep.
    """
    spec = msgspec.convert(workflow.spec, WorkflowSpec)
    given = complete(spec.inputs, stored(inputs))
    hidden.bound(given, trigger["kind"], above.inputs if above is not None else {})
    depth = above.depth + 1 if above is not None else 0
    if depth > DEPTH_LIMIT:
        raise Refusal("run.too_deep", f"{workflow.name} would be the {depth + 1}th run within another")
    definition = tx.state.definitions.get(workflow.hash) or Definition(
        id=workflow.hash, namespace=workflow.namespace, workflow=workflow.name, spec=spec, updated_at=tx.now
    )
    plan = plan_of(definition.id, definition.spec)
    scope = activation({"inputs": given, "now": tx.now}, Asked(tx.state, workflow.namespace))
    gate = pace = None
    if spec.rate is not None:
        pace = gates.key_of(workflow.namespace, workflow.name, spec.rate.by, scope)
    if spec.concurrency is not None:
        gate = gates.key_of(workflow.namespace, workflow.name, spec.concurrency.by, scope)
    asked_by = trigger.get("actor")
    if tx.cause.hands and above is None and not (requester or asked_by):
        trigger = {**trigger, "hands": list(tx.cause.hands)}
    run = Run(
        id=tx.new_id("run"),
        namespace=workflow.namespace,
        workflow=workflow.name,
        version=workflow.hash,
        state="queued",
        inputs=given,
        trigger=trigger,
        requester=above.requester if above is not None else requester or asked_by or tx.cause.requester,
        may=run_acts.rights(steps.plan(tx.state, above).spec.identity, above.may) if above is not None else may,
        created_at=tx.now,
        updated_at=tx.now,
        incident=incident.id if incident is not None else above.incident if above is not None else None,
        alert=alert.id if alert is not None else above.alert if above is not None else None,
        service=alert.service if alert is not None else above.service if above is not None else None,
        resource=alert.resource if alert is not None else above.resource if above is not None else None,
        priority=min(spec.priority, above.priority) if above is not None else spec.priority,
        gate=gate,
        parent=parent,
        depth=depth,
        forked_from=forked_from,
        story=above.story if above is not None else tx.cause.correlation,
        hops=above.hops if above is not None else tx.cause.depth,
    )
    mentioned = (plan.ending, *(node.mentions for node in plan.nodes.values()))
    if event is not None and any("event" in one.words for one in mentioned):
        run.trigger = {**trigger, "event_view": stored(event.view())}
    begins, others = _admitted(tx, run, spec, pace)
    hidden.hold(tx, run.namespace, given)
    tx.set(tx.state.steps_of, run.id, {})
    pins.pin(tx, definition)
    pins.hold(tx, run, plan, above)
    for copy in copies:
        _copy(tx, run, copy)
    if incident is not None:
        incidents.link(tx, incident, run=run.id)
    for id in others:
        run_life.cancel(tx, tx.state.runs[id], f"{run.id} took its place")
    if begins:
        cause = tx.asked_by(run.requester, run.behind)
        _begin(tx, run, spec)
        tx.cause = cause
    else:
        run_life.say(tx, run, "oncue.run.queued")
        tx.timer_after(f"run.stuck/{run.id}", seconds(spec.stuck_after))
        if spec.concurrency is not None and spec.concurrency.queue_timeout is not None:
            tx.timer_after(f"run.queue/{run.id}", seconds(spec.concurrency.queue_timeout))
    return run


def _admitted(tx: Tx, run: Run, spec: WorkflowSpec, pace: str | None) -> tuple[bool, list[str]]:
    """Whether it may begin now, and which ones make way for it. What is refused leaves nothing behind."""
    before = tx.savepoint()
    try:
        if pace is not None:
            gates.begins(tx, spec, pace)
        run_life.told(tx, run, automatic=run.trigger["kind"] in ("policy", "event"))
        admitted = gates.enter(tx, run, spec, run.gate or "")
    except Refusal:
        tx.back_to(before)
        raise
    tx.go_on(before)
    return admitted


def _copy(tx: Tx, run: Run, copy: Step) -> None:
    """A step that another run has done counts as done."""
    step = msgspec.structs.replace(
        copy, id=f"{run.id}/{copy.address}", run=run.id, namespace=run.namespace, effect=None, copied_from=copy.run
    )
    tx.set(tx.state.steps_of[run.id], step.address, step)
    tx.save("step", step)
    if step.uses == "set" and step.inputs is not None:
        run.variables = {**run.variables, **step.inputs}


def _begin(tx: Tx, run: Run, spec: WorkflowSpec) -> None:
    run.state = "running"
    run.started_at = tx.now
    run.deadline_at = tx.now + timedelta(seconds=seconds(spec.timeout))
    tx.timer(f"run.deadline/{run.id}", run.deadline_at)
    tx.timer_after(f"run.stuck/{run.id}", seconds(spec.stuck_after))
    run_life.say(tx, run, "oncue.run.started")
    event_waits.subscribe(tx, run)
    running.go(tx, run, "")


def admit(tx: Tx, run: Run) -> None:
    """It has waited for its turn, which has come."""
    if run.state == "queued":
        tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
        tx.touch(run)
        tx.cancel(f"run.queue/{run.id}")
        run_life.moves(tx, run)
        _begin(tx, run, steps.plan(tx.state, run).spec)


def waited_enough(tx: Tx, run: Run) -> None:
    """It has waited for its turn for as long as it may."""
    if run.state == "queued":
        run_life.finish(tx, run, "failed", "timeout: its turn did not come in time")


def plain(entity: Any) -> Any:
    """An entity as expressions see it."""
    return run_scope.plain(entity)


# what takes it on


def _place(tx: Tx, id: str) -> tuple[Run, Step, Node] | None:
    """The run, step and node of a step's id, if the run still goes on. What follows belongs to the run's story."""
    run_id, _, address = id.partition("/")
    run = tx.state.runs.get(run_id)
    step = tx.state.step(run_id, address)
    if run is None or step is None:
        return None
    tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
    return run, step, steps.plan(tx.state, run).nodes[step.node]


def _went_on(tx: Tx, run: Run, step: Step) -> None:
    run_life.moves(tx, run)
    if step.address.endswith(rollback.UNDO):
        rollback.looked(tx, run, step)
    elif step.address.endswith(steps.DURING):
        watched = tx.state.step(run.id, step.address.removesuffix(steps.DURING))
        if watched is not None and watched.state not in ACTIVE:
            running.over(tx, run, watched)
    elif step.state not in ACTIVE:
        running.over(tx, run, step)


def on_result(tx: Tx, effect: Effect, result: EffectResult, final: bool) -> None:
    """An effect of a step has reported."""
    address = effect.step or ""
    found = _place(tx, f"{effect.run}/{address.removesuffix(validation.LOOK)}")
    if found is None:
        return
    run, step, node = found
    if step.effect != effect.id:
        return
    nothing_done = result.nothing_done and _nothing_done_before(tx, run, step)
    if not final:
        steps.change(
            tx, run, step, "retrying", state="waiting", attempt=effect.attempt, reason=effect.reason,
            error_code=result.error_code, next_try_at=effect.not_before_at, nothing_done=nothing_done,
        )  # fmt: skip
        return
    if address.endswith(validation.LOOK):
        validation.found(tx, run, node, step, effect, result.result)
        _went_on(tx, run, step)
    elif address.endswith(rollback.UNDO):
        rollback.found(tx, run, step, effect)
    elif effect.state == "succeeded":
        forms.succeed(tx, run, node, step, result.result)
        _went_on(tx, run, step)
    else:
        state: StepState = "unknown" if effect.state == "unknown" else "failed"
        steps.end(tx, run, step, state, reason=effect.reason, result=steps.bounded(result.result),
                  error_code=result.error_code or "unknown", nothing_done=nothing_done and state == "failed")  # fmt: skip
        _went_on(tx, run, step)


def _nothing_done_before(tx: Tx, run: Run, step: Step) -> bool:
    """Whether it is known of all attempts before the one that has reported that they changed nothing."""
    return step.nothing_done if step.attempt > 1 else not steps.changed_before(tx.state, run, step.address)


def wait_over(tx: Tx, id: str) -> None:
    """The time that a step waits for is there."""
    found = _place(tx, id)
    if found is not None and found[1].state == "waiting":
        run, step, node = found
        forms.wait_over(tx, run, node, step)
        _went_on(tx, run, step)


def look(tx: Tx, id: str) -> None:
    """It is time to look again whether a step had its effect."""
    found = _place(tx, id)
    if found is not None and found[1].state == "validating":
        run, step, node = found
        validation.look(tx, run, node, step)
        _went_on(tx, run, step)


def event_came(tx: Tx, seen: Seen) -> None:
    """An event that runs may wait for."""
    cause = tx.cause
    for run, step, view in event_waits.come(tx, seen):
        tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
        forms.come(tx, run, steps.plan(tx.state, run).nodes[step.node], step, stored(view))
        _went_on(tx, run, step)
    tx.cause = cause


def decided(tx: Tx, id: str) -> None:
    """Those who were asked have decided, or did not."""
    found = _place(tx, id)
    if found is None or found[1].state != "waiting":
        return
    run, step, _ = found
    approval: Approval | None = tx.state.approvals.get(str((step.result or {}).get("approval")))
    if approval is None:
        return
    approvals.taken(tx, approval)
    outputs = {"by": [one.by for one in approval.decisions], "reason": approval.reason or ""}
    if approval.state == "approved":
        steps.end(tx, run, step, "approved", outputs=outputs)
    elif approval.state == "rejected":
        rejected_by = next((one.by for one in approval.decisions if one.decision == "reject"), None)
        steps.end(tx, run, step, "rejected", outputs=outputs, reason=approval.reason, error_code=rejections.CODE,
                  result={"approval": approval.id, "rejected_by": rejected_by})  # fmt: skip
    else:
        steps.end(tx, run, step, "failed", outputs=outputs, reason=approval.reason, error_code="approval.expired")
    _went_on(tx, run, step)


def call(tx: Tx, id: str) -> None:
    """A step runs another workflow."""
    found = _place(tx, id)
    if found is None or found[1].state != "waiting":
        return
    run, step, node = found
    spec = node.spec.run
    manifest = tx.state.manifests.get(f"Workflow/{run.namespace}/{spec.workflow}") if spec is not None else None
    try:
        if spec is None or manifest is None:
            raise Refusal("workflow.not_found", f"{spec.workflow if spec is not None else ''} in {run.namespace}")
        trigger: dict[str, Any] = {"kind": "run", "run": run.id, "step": step.address}
        if others := run.behind:
            trigger["hands"] = list(others)
        child = start(
            tx, pins.pinned(tx.state, run, manifest), step.inputs, trigger, above=run, parent=None if spec.detached else step.id,
            incident=tx.state.incidents.get(run.incident or ""),
        )  # fmt: skip
    except Refusal as refusal:
        steps.end(tx, run, step, "failed", reason=f"{refusal.code}: {refusal.detail}", error_code=refusal.code)
    else:
        if spec.detached:
            forms.succeed(tx, run, node, step, {"run": child.id})
        else:
            steps.change(tx, run, step, None, result={"run": child.id}, awaits=f"run {child.id}")
    _went_on(tx, run, step)


def joined(tx: Tx, id: str) -> None:
    """The run that a step waits for is over."""
    outcome: Outcome | None = tx.state.cells["outcome"].get(id)
    tx.cell("outcome", id, None)
    found = _place(tx, id)
    if outcome is None or found is None:
        return
    run, step, node = found
    if not isinstance(step.result, dict) or step.result.get("run") != outcome.run:
        return  # the step was tried again, and this is the run before
    if step.state != "waiting":
        if step.state == "cancelled" and outcome.state == "rolled_back":  # which it was while this run was stopped
            steps.change(tx, run, step, None, error_code=rollback.UNDONE_BY_ITSELF)
        rollback.went_on(tx, run)
        return
    if outcome.state == "succeeded":
        forms.succeed(tx, run, node, step, {"run": outcome.run, **outcome.outputs})
    else:
        rejected = {"rejected_by": outcome.rejected_by} if outcome.rejected_by is not None else {}
        steps.end(tx, run, step, "failed", result={"run": outcome.run, **rejected}, error_code=f"run.{outcome.state}",
                  reason=f"{outcome.run} {outcome.state.replace('_', ' ')}: {outcome.reason or 'no reason given'}")  # fmt: skip
    _went_on(tx, run, step)


def stuck(tx: Tx, run: Run) -> None:
    """Look whether the run moves at all."""
    after = timedelta(seconds=seconds(steps.plan(tx.state, run).spec.stuck_after))
    since, why = _still_since(tx, run)
    if why is not None and tx.now - since >= after:
        if not run.stuck:
            run_life.stands_still(tx, run, since, why)
        tx.timer(f"run.stuck/{run.id}", tx.now + after)
    else:
        tx.timer(f"run.stuck/{run.id}", max(since + after, tx.now + after / 4))


def told(tx: Tx, effect: Effect) -> None:
    """What it has a worker do goes on."""
    run = tx.state.runs.get(effect.run or "")
    if run is not None:
        tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
        run_life.moves(tx, run)


def _still_since(tx: Tx, run: Run) -> tuple[datetime, str | None]:
    """Since when it has not moved, and why that should worry someone; None if it waits for a person or a time."""
    rows = tx.state.steps_of[run.id].values()
    effects = (tx.state.effects.get(step.effect or "") for step in rows)
    moments = [at for step in rows for at in (step.started_at, step.ended_at)]
    moments += [effect.told_at for effect in effects if effect is not None]
    since = max([run.started_at or run.created_at, *(at for at in moments if at is not None)])
    if run.state == "rollback_failed":
        return since, None
    if run.state == "queued":
        return since, _held_up(tx, run)
    if run.state == "paused":
        return max(since, run.paused_at or since), f"{run.paused_by} paused it" if run.paused_by == "oncue" else None
    for step in sorted(rows, key=lambda one: one.address):
        effect = tx.state.effects.get(step.effect or "")
        if step.state in ACTIVE and effect is not None and effect.not_before_at <= tx.now:
            return since, f"step {step.address} waits for {step.uses}, attempt {effect.attempt}"
        if step.state == "waiting" and step.uses == "wait" and step.next_try_at is None:
            return since, f"step {step.address} waits for {step.awaits}"
        below = _queued_below(tx, step)
        if below is not None and (why := _held_up(tx, below)) is not None:
            return since, f"step {step.address} waits for run {below.id}, which waits for its turn: {why}"
    return since, None


def _queued_below(tx: Tx, step: Step) -> Run | None:
    """The run that the step waits for, if that waits for its turn."""
    if step.state != "waiting" or step.uses != "run" or not isinstance(step.result, dict):
        return None
    below = tx.state.runs.get(str(step.result.get("run")))
    return below if below is not None and below.state == "queued" else None


def _held_up(tx: Tx, run: Run) -> str | None:
    """What keeps the next one of a queue from its turn that nobody is told of otherwise: someone paused what has it."""
    gate = tx.state.cells["gate"].get(run.gate or "")
    if gate is None or not gate.queued or gate.queued[0][-1] != run.id:
        return None
    those = (tx.state.runs.get(id) for id in gate.runs)
    paused = next((one for one in those if one is not None and one.state == "paused"), None)
    return f"{paused.id}, which has its turn, is paused by {paused.paused_by}" if paused is not None else None


def broken(tx: Tx, run: Run, error: str) -> None:
    """What was to take it on cannot be done, by a defect of ours: it would stand still for ever, so it fails."""
    reason = (
        f"a defect of OnCue: {error}. Please report it, with this text, the version of OnCue, and what "
        f"`oncue explain run {run.id} -o json` prints"
    )
    tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
    if run.state == "rolling_back":
        rollback.stops(tx, run, reason)
    elif run.state != "rollback_failed":
        run_life.give_up(tx, run, reason)


cancel = run_life.cancel
overdue = run_life.overdue


def go_on(tx: Tx, run: Run) -> None:
    """What was too much for one input goes on."""
    tx.go_on_telling(run.story, run.hops, run.requester, run.behind)
    running.go(tx, run)
