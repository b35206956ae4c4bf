"""Looks whether what must hold of a step does: before it begins, while it runs, and whether it brought about what it should.

A look is a call of an action, whose results no other step sees, or an expression alone. What a look finds is `result`. It is
looked again and again until it holds or the time is up; while the step runs, until that is over. What is looked at before and
during a step has a row of its own beside it.
"""

from datetime import timedelta
from typing import Any, Final

from oncue.core import action_calls, run_life, run_scope, steps
from oncue.core import plan as plans
from oncue.core.duration import seconds
from oncue.core.effect import Effect
from oncue.core.expression import Failed, Scope, evaluate, holds, render, stored
from oncue.core.outbox import NO_RETRY
from oncue.core.plan import Node, Plan
from oncue.core.run import ACTIVE, Run, Step
from oncue.core.steps import DURING
from oncue.core.tx import Tx
from oncue.core.workflow_spec import Phase, Validate

UNDO: Final = "~rollback"
"""What stands behind the step's address in that of what undoes it."""
LOOK: Final = "~validate"
"""What stands behind the step's address in that of its looks."""
MEANWHILE: Final = DURING + LOOK
"""What stands behind the step's address in that of the looks while it runs."""
BEFORE: Final = "~before"
"""What stands behind the step's address in that of what is looked at before it begins."""
PREVENTED: Final = "precondition.failed"
"""Code of a step that was not begun because of what was found before."""


def prepare(tx: Tx, run: Run, node: Node, address: str) -> Step | None:
    """What must hold before the step begins is looked at. Gives its row; None if there is nothing of the kind."""
    return _beside(tx, run, node, address, "before")


def prevented(tx: Tx, run: Run, node: Node, before: Step, uses: str) -> Step:
    """The step is not begun, for what must hold before it does not: it has failed, and there is nothing to undo."""
    code = PREVENTED if before.error_code == "validation.failed" else before.error_code
    return steps.begin(
        tx, run, before.address.removesuffix(BEFORE), node.id, uses, "failed_validation",
        reason=f"it was not begun: {before.reason}", error_code=code,
    )  # fmt: skip


def watch(tx: Tx, run: Run, node: Node, step: Step) -> None:
    """The step has begun: what must hold as long as it runs is looked at."""
    if step.state in ("running", "waiting"):
        _beside(tx, run, node, step.address, "during")


def _beside(tx: Tx, run: Run, node: Node, address: str, phase: Phase) -> Step | None:
    wanted = plans.looks(node.spec, phase)
    if not wanted:
        return None
    at = address + (BEFORE if phase == "before" else DURING)
    step = steps.begin(tx, run, at, node.id, wanted[0][1].uses or "validate", "validating")
    begin(tx, run, node, step)
    return step


def begin(tx: Tx, run: Run, node: Node, step: Step) -> None:
    """From now on it is looked whether what comes next of what must hold does."""
    lasts = timedelta(seconds=seconds(_spec(node, step).within))
    steps.change(tx, run, step, None, validate_until=None if _phase(step) == "during" else tx.now + lasts)
    look(tx, run, node, step)


def look(tx: Tx, run: Run, node: Node, step: Step) -> None:
    """Look once."""
    spec, plan = _spec(node, step), steps.plan(tx.state, run)
    looker = plan.nodes.get(spec.repeat) if spec.repeat is not None else None
    uses, given = (looker.spec.uses, looker.spec.with_) if looker is not None else (spec.uses, spec.with_)
    if looker is not None and (out := _left_out(tx, run, looker, step)) is not None:
        _fail(tx, run, step, f"nobody can say: {out}", "validation.inconclusive")
        return
    steps.change(tx, run, step, None, looks=step.looks + 1, next_try_at=None)
    if uses is None:
        _judge(tx, run, node, step, _scope(tx, run, plan, node, step), None)
        return
    scope = run_scope.of_step(tx, run, plan, looker or node, step.address)
    try:
        inputs = stored(render(given, scope))
        labels = action_calls.labels(plan.spec, (looker or node).spec, scope)
    except Failed as failure:
        _fail(tx, run, step, str(failure), "expression.failed")
        return
    timeout_s = seconds(looker.spec.timeout if looker is not None else node.spec.timeout)
    effect = action_calls.ask(tx, run, step.address + LOOK, uses, inputs, timeout_s, NO_RETRY, labels=labels)
    steps.change(tx, run, step, None, effect=effect.id, awaits=f"validation: {spec.that}")


def _left_out(tx: Tx, run: Run, looker: Node, step: Step) -> str | None:
    """Why the step that would be called again was not done by this run, so that a look does not do it either; None if it was."""
    address = plans.instance(looker, step.address)
    before = tx.state.step(run.id, address) if address is not None else None
    if before is None:
        return f"{looker.id}, which would be called again to look, has not begun"
    if before.state == "skipped":
        return f"{looker.id}, which would be called again to look, was left out: {before.reason}"
    return None


def found(tx: Tx, run: Run, node: Node, step: Step, effect: Effect, result: Any) -> None:
    """A look has come to something, or could not be made."""
    spec, plan = _spec(node, step), steps.plan(tx.state, run)
    if effect.state != "succeeded":
        if spec.no_data == "pass":
            _well(tx, run, node, step, None, f"it could not be looked ({effect.reason}), which passes")
        elif spec.no_data == "fail":
            _fail(tx, run, step, f"it could not be looked: {effect.reason}", "validation.no_data")
        else:
            _again(tx, run, node, step, f"it could not be looked: {effect.reason}")
        return
    looker = plan.nodes.get(spec.repeat) if spec.repeat is not None else None
    scope = _scope(tx, run, plan, node, step, result=result)
    if looker is not None and looker.spec.outputs:
        try:
            outputs = {name: stored(evaluate(text, scope)) for name, text in sorted(looker.spec.outputs.items())}
        except Failed as failure:
            _again(tx, run, node, step, str(failure))
            return
        scope = _scope(tx, run, plan, node, step, result=result, outputs=outputs)
    _judge(tx, run, node, step, scope, result)


def _judge(tx: Tx, run: Run, node: Node, step: Step, scope: Scope, result: Any) -> None:
    spec, phase = _spec(node, step), _phase(step)
    if phase == "before" and plans.compares(spec, node.names):
        _well(tx, run, node, step, result)
        return
    try:
        well = holds(spec.that, scope)
        undecided = not well and spec.inconclusive is not None and holds(spec.inconclusive, scope)
    except Failed as failure:
        _again(tx, run, node, step, str(failure))
        return
    if undecided:
        _fail(tx, run, step, f"nobody can say: {spec.inconclusive} is true", "validation.inconclusive")
        return
    if not well:
        steps.change(tx, run, step, None, holding_since=None, well=0, ill=step.ill + 1)
        limit = spec.failure_limit or (1 if phase == "during" else None)
        if limit is not None and step.ill >= limit:
            looks = f"{step.ill} look{'s' if step.ill > 1 else ''}"
            _fail(tx, run, step, f"{spec.that} is false, which {looks} found", "validation.failed")
        else:
            _again(tx, run, node, step, f"{spec.that} is false")
        return
    if step.well + 1 < spec.success_limit:
        steps.change(tx, run, step, None, well=step.well + 1)
        _again(tx, run, node, step, f"{spec.that} holds, {step.well} of {spec.success_limit} times")
        return
    since = step.holding_since or tx.now
    if spec.lasting is not None and tx.now - since < timedelta(seconds=seconds(spec.lasting)):
        if step.holding_since is None:
            steps.change(tx, run, step, None, holding_since=since)
        _again(tx, run, node, step, f"{spec.that} holds, but not yet for {spec.lasting}")
        return
    _well(tx, run, node, step, result)


def _well(tx: Tx, run: Run, node: Node, step: Step, result: Any, reason: str | None = None) -> None:
    """It holds: what comes next is looked at, or all is well. While the step runs, it is looked again."""
    phase, spec = _phase(step), _spec(node, step)
    if phase == "during":
        _again(tx, run, node, step, reason or f"{spec.that} holds")
        return
    wanted = _specs(node, step)
    if phase == "before" and plans.compares(spec, node.names):
        measured = {**(step.result or {}), str(wanted[step.held][0]): steps.bounded(stored(result))}
        steps.change(tx, run, step, None, result=measured)
    if step.held + 1 < len(wanted):
        steps.change(tx, run, step, None, held=step.held + 1, well=0, ill=0, holding_since=None)
        begin(tx, run, node, step)
    else:
        steps.end(tx, run, step, "succeeded", reason=reason)


def _again(tx: Tx, run: Run, node: Node, step: Step, why: str) -> None:
    spec = _spec(node, step)
    at = tx.now + timedelta(seconds=max(seconds(spec.every), 0.1))
    if step.validate_until is not None and at > step.validate_until:
        _fail(tx, run, step, f"{why}, after {step.looks} looks within {spec.within}", "validation.failed")
        return
    steps.change(tx, run, step, None, next_try_at=at, awaits=f"validation: {why}")
    tx.timer(f"run.look/{step.id}", at)


def _fail(tx: Tx, run: Run, step: Step, why: str, code: str) -> None:
    steps.end(tx, run, step, "failed_validation", reason=why, error_code=code)
    watched = tx.state.step(run.id, step.address.removesuffix(DURING)) if _phase(step) == "during" else None
    if watched is not None and watched.state in ACTIVE:
        run_life.drop(tx, run, watched)
        steps.end(tx, run, watched, "failed_validation", reason=f"it was stopped: {why}", error_code=code)


def _phase(step: Step) -> Phase:
    return "before" if step.address.endswith(BEFORE) else "during" if step.address.endswith(DURING) else "after"


def _specs(node: Node, step: Step) -> tuple[tuple[int, Validate], ...]:
    """What must hold, one after the other, each with its number."""
    if not step.address.endswith(UNDO):
        return plans.looks(node.spec, _phase(step))
    undoing = node.spec.rollback.validate if node.spec.rollback is not None else None
    return ((0, undoing),) if undoing is not None else ()


def _spec(node: Node, step: Step) -> Validate:
    return _specs(node, step)[step.held][1]


def _scope(tx: Tx, run: Run, plan: Plan, node: Node, step: Step, **more: Any) -> Scope:
    before = tx.state.step(run.id, step.address.removesuffix(DURING) + BEFORE)
    measured = before.result if before is not None and before.result is not None else {}
    baseline = measured.get(str(_specs(node, step)[step.held][0]))
    return run_scope.of_step(tx, run, plan, node, step.address, baseline=baseline, **more)
