"""Looks whether a step brought about what it should, again and again until it did or the time is up.

A look is a call of an action, whose results no other step sees, or an expression alone. What a look finds is `result`.
"""

from datetime import timedelta
from typing import Any, Final

from oncue.core import action_calls, run_scope, steps
from oncue.core.duration import seconds
from oncue.core.effect import Effect
from oncue.core.expression import Failed, Scope, evaluate, holds, render, stored
from oncue.core.outbox import NO_RETRY
from oncue.core.plan import Node
from oncue.core.run import Run, Step
from oncue.core.tx import Tx
from oncue.core.workflow_spec import Validate

UNDO: Final = "~rollback"
"""What stands behind the step's address in that of what undoes it."""
LOOK: Final = "~validate"
"""What stands behind the step's address in that of its looks."""


def begin(tx: Tx, run: Run, node: Node, step: Step) -> None:
    """The step has done what it is there for; from now on it is looked."""
    spec = _spec(node, step)
    step.validate_until = tx.now + timedelta(seconds=seconds(spec.within))
    look(tx, run, node, step)


def look(tx: Tx, run: Run, node: Node, step: Step) -> None:
    """Look once."""
    spec, plan = _spec(node, step), steps.plan(tx.state, run)
    looker = plan.nodes.get(spec.repeat) if spec.repeat is not None else None
    uses, given = (looker.spec.uses, looker.spec.with_) if looker is not None else (spec.uses, spec.with_)
    steps.change(tx, run, step, None, looks=step.looks + 1, next_try_at=None)
    if uses is None:
        _judge(tx, run, node, step, run_scope.of_step(tx, run, plan, node, step.address))
        return
    scope = run_scope.of_step(tx, run, plan, looker or node, step.address)
    try:
        inputs = stored(render(given, scope))
    except Failed as failure:
        _fail(tx, run, step, str(failure), "expression.failed")
        return
    timeout_s = seconds(looker.spec.timeout if looker is not None else node.spec.timeout)
    effect = action_calls.ask(tx, run, step.address + LOOK, uses, inputs, timeout_s, NO_RETRY)
    steps.change(tx, run, step, None, effect=effect.id, awaits=f"validation: {spec.that}")


def found(tx: Tx, run: Run, node: Node, step: Step, effect: Effect, result: Any) -> None:
    """A look has come to something, or could not be made."""
    spec, plan = _spec(node, step), steps.plan(tx.state, run)
    if effect.state != "succeeded":
        if spec.no_data == "pass":
            steps.end(tx, run, step, "succeeded", reason=f"it could not be looked ({effect.reason}), which passes")
        elif spec.no_data == "fail":
            _fail(tx, run, step, f"it could not be looked: {effect.reason}", "validation.no_data")
        else:
            _again(tx, run, node, step, f"it could not be looked: {effect.reason}")
        return
    looker = plan.nodes.get(spec.repeat) if spec.repeat is not None else None
    scope = run_scope.of_step(tx, run, plan, node, step.address, result=result)
    if looker is not None and looker.spec.outputs:
        try:
            outputs = {name: stored(evaluate(text, scope)) for name, text in sorted(looker.spec.outputs.items())}
        except Failed as failure:
            _again(tx, run, node, step, str(failure))
            return
        scope = run_scope.of_step(tx, run, plan, node, step.address, result=result, outputs=outputs)
    _judge(tx, run, node, step, scope)


def _judge(tx: Tx, run: Run, node: Node, step: Step, scope: Scope) -> None:
    spec = _spec(node, step)
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
        if spec.failure_limit is not None and step.ill >= spec.failure_limit:
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
    steps.end(tx, run, step, "succeeded")


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


def _spec(node: Node, step: Step) -> Validate:
    spec = node.spec.validate
    if step.address.endswith(UNDO):
        spec = node.spec.rollback.validate if node.spec.rollback is not None else None
    if spec is None:
        raise AssertionError(node.id)
    return spec
