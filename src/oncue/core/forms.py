"""How a step of each form begins, and how it is over. Those that hold others are `running`'s."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from oncue.core import (
    action_calls,
    approvals,
    event_waits,
    outbox,
    rejections,
    run_acts,
    run_scope,
    steps,
    unattainable,
    validation,
)
from oncue.core import plan as plans
from oncue.core.bounds import kept
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, Scope, evaluate, render, spoken, stored
from oncue.core.plan import Node
from oncue.core.run import Compensation, Run, Step
from oncue.core.tx import Tx


def _action(tx: Tx, run: Run, node: Node, address: str, scope: Scope) -> Step:
    spec = node.spec
    if spec.uses is None:
        raise AssertionError(address)
    inputs = kept(render(spec.with_, scope), "with")
    labels = action_calls.labels(steps.plan(tx.state, run).spec, spec, scope)
    undoing = _compensation(node, scope, labels)
    step = steps.begin(tx, run, address, node.id, spec.uses, "running", inputs=inputs, attempt=1, compensation=undoing)
    if spec.uses in run_acts.ACTS:
        return _act(tx, run, node, step, spec.uses)
    retry = spec.retry or outbox.NO_RETRY
    step.effect = action_calls.ask(
        tx, run, address, spec.uses, inputs, seconds(spec.timeout), retry,
        labels=labels, start_within=spec.start_within, heartbeat=spec.heartbeat,
    ).id  # fmt: skip
    return step


def _act(tx: Tx, run: Run, node: Node, step: Step, uses: str) -> Step:
    """What the engine does itself is done, or refused."""
    try:
        result = run_acts.act(tx, run, steps.plan(tx.state, run).spec.identity, uses, step.inputs)
    except Refusal as refusal:
        steps.end(
            tx, run, step, "failed", reason=f"{refusal.code}: {refusal.detail}", error_code=refusal.code,
            nothing_done=not steps.changed_before(tx.state, run, step.address),
        )  # fmt: skip
    else:
        succeed(tx, run, node, step, result)
    return step


def _compensation(node: Node, scope: Scope, labels: dict[str, str]) -> Compensation | None:
    """What would undo the step, as far as it is known before the step has a result."""
    if node.spec.rollback is None:
        return None
    try:
        return Compensation(kept(render(node.spec.rollback.with_, scope), "rollback"), labels=labels)
    except Failed as failure:
        return Compensation(None, str(failure), labels)


def succeed(tx: Tx, run: Run, node: Node, step: Step, result: Any) -> None:
    """The step has done what it is there for; it is over, unless it is to be looked whether that had its effect."""
    plan = steps.plan(tx.state, run)
    scope = run_scope.of_step(tx, run, plan, node, step.address, result=result)
    shown = steps.bounded(result)
    try:
        outputs = kept({name: evaluate(text, scope) for name, text in sorted(node.spec.outputs.items())}, "outputs")
    except Failed as failure:
        steps.end(
            tx, run, step, "failed", reason=run_scope.why(failure, scope), result=shown, error_code="expression.failed"
        )
        return
    undoing = step.compensation
    if undoing is not None and undoing.missing is not None:
        steps.change(tx, run, step, None, result=shown, outputs=outputs)
        scope = run_scope.of_step(tx, run, plan, node, step.address, result=result, outputs=outputs)
        undoing = _compensation(node, scope, undoing.labels)
    if plans.looks(node.spec, "after"):
        steps.unwatch(tx, run, step)
        steps.change(tx, run, step, "validating", state="validating", result=shown, outputs=outputs, reason=None,
                     error_code=None, compensation=undoing)  # fmt: skip
        validation.begin(tx, run, node, step)
    else:
        steps.end(tx, run, step, "succeeded", result=shown, outputs=outputs, compensation=undoing)


def _set(tx: Tx, run: Run, node: Node, address: str, scope: Scope) -> Step:
    values = render(node.spec.set_ or {}, scope)
    variables = kept({**run.variables, **values}, "set")
    values = {name: variables[name] for name in values}
    tx.touch(run)
    run.variables = variables
    tx.save("run", run)
    step = steps.begin(tx, run, address, node.id, "set", "running", say=False, inputs=values)
    succeed(tx, run, node, step, values)
    return step


def _emit(tx: Tx, run: Run, node: Node, address: str, scope: Scope) -> Step:
    inputs = kept(render(node.spec.emit or {}, scope), "emit")
    return _act(
        tx, run, node, steps.begin(tx, run, address, node.id, "emit", "running", inputs=inputs, attempt=1), "event.emit"
    )


def _wait(tx: Tx, run: Run, node: Node, address: str, scope: Scope) -> Step:
    spec = node.spec.wait
    if spec is None:
        raise AssertionError(address)
    if spec.event is not None:
        step = steps.begin(tx, run, address, node.id, "wait", "waiting", awaits=f"event {', '.join(spec.event.types)}")
        if spec.timeout is not None:
            _until(tx, run, step, tx.now + timedelta(seconds=seconds(spec.timeout)))
        mail = event_waits.begin(tx, run, node, step, scope)
        if mail is not None:
            come(tx, run, node, step, mail)
        return step
    until = (
        tx.now + timedelta(seconds=seconds(spec.for_)) if spec.for_ is not None else _instant(spec.until or "", scope)
    )
    step = steps.begin(tx, run, address, node.id, "wait", "waiting", awaits="time")
    if until <= tx.now:
        succeed(tx, run, node, step, {"until": stored(until)})
    else:
        _until(tx, run, step, until)
    return step


def _instant(text: str, scope: Scope) -> datetime:
    value = evaluate(text, scope)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise Failed(f"{text}: gives {value[:100]!r}, not an instant") from error
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise Failed(f"{text}: gives {str(value)[:100]!r}, not an instant with its offset from UTC")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise Failed(
            f"{text}: gives {str(value)[:100]!r}, which is no instant of the years 1 to 9999 in UTC"
        ) from error


def _until(tx: Tx, run: Run, step: Step, until: datetime) -> None:
    steps.change(tx, run, step, None, next_try_at=until)
    tx.timer(f"run.wait/{step.id}", until)


def come(tx: Tx, run: Run, node: Node, step: Step, event: dict[str, Any]) -> None:
    """What the step waited for has come."""
    tx.cancel(f"run.wait/{step.id}")
    event_waits.end(tx, step.id)
    succeed(tx, run, node, step, event)


def wait_over(tx: Tx, run: Run, node: Node, step: Step) -> None:
    """The time that the step waits for is there, or it has waited long enough for an event."""
    spec = node.spec.wait
    if spec is None or spec.event is None:
        succeed(tx, run, node, step, {"until": stored(tx.now)})
        return
    event_waits.end(tx, step.id)
    reason = (
        f"no event {', '.join(spec.event.types)} came within {spec.timeout}{f'; {step.reason}' if step.reason else ''}"
    )
    if spec.on_timeout == "continue":
        steps.end(tx, run, step, "timed_out", reason=reason)
    else:
        steps.end(tx, run, step, "failed", reason=reason, error_code="timeout")


def _approval(tx: Tx, run: Run, node: Node, address: str, scope: Scope) -> Step:
    asked = spoken(render(node.spec.ask, scope)) if node.spec.ask else ""
    step = steps.begin(tx, run, address, node.id, "approval", "waiting", inputs={"ask": asked} if asked else None)
    before = rejections.said(tx.state, run, address)
    what = asked or node.spec.title or node.id
    approval = approvals.request(
        tx, approvals.of_step(run, step), node.spec.approvals or [], what[: approvals.ASK_LIMIT - len(before)] + before
    )
    steps.change(tx, run, step, None, awaits=f"approval {approval.id}", result={"approval": approval.id})
    unattainable.asked(tx, approval)
    return step


def _sub_run(tx: Tx, run: Run, node: Node, address: str, scope: Scope) -> Step:
    spec = node.spec.run
    if spec is None:
        raise AssertionError(address)
    inputs = kept(render(spec.with_, scope), "with")
    undoing = _compensation(node, scope, action_calls.labels(steps.plan(tx.state, run).spec, node.spec, scope))
    step = steps.begin(
        tx, run, address, node.id, "run", "waiting", inputs=inputs, awaits=f"workflow {spec.workflow}",
        attempt=int(undoing is not None), compensation=undoing,
    )  # fmt: skip
    tx.timer(f"run.call/{step.id}", tx.now)
    return step


LEAVES: Final[dict[str, Callable[[Tx, Run, Node, str, Scope], Step]]] = {
    "uses": _action,
    "run": _sub_run,
    "wait": _wait,
    "approvals": _approval,
    "emit": _emit,
    "set_": _set,
}
"""How a step begins that holds no others, by its form. Raises `Failed`."""
