"""Takes a run on: from step to step, through the steps that hold others, until it waits or is over.

A run is a tree of steps. When one is over, what it lies in is looked at again: it begins the next one, or is over itself.
Nothing is counted or kept beside the rows of the steps, so a restart goes on where it was. How much a run may do within one
input is bounded; the rest goes on with the next one, so that a long run never holds up what else happens.
"""

from collections import deque
from typing import Any, Final

from oncue.core import forms, last_steps, run_life, run_scope, steps, validation
from oncue.core import plan as plans
from oncue.core.expression import Failed, Scope, evaluate, holds, naming, render, spoken, stored
from oncue.core.plan import Block, Node, Plan
from oncue.core.run import ACTIVE, WELL, Items, Run, Step
from oncue.core.tx import Tx
from oncue.core.validation import BEFORE
from oncue.core.workflow_spec import ITEMS_LIMIT

AT_ONCE: Final = 50
"""Steps that a run begins within one input."""


def go(tx: Tx, run: Run, *addresses: str) -> None:
    """Look at what lies at these addresses again, and take the run on. What a pause puts off is kept for later."""
    agenda = deque(dict.fromkeys((*run.agenda, *addresses)))
    if _runs(run):
        plan, begun = steps.plan(tx.state, run), 0
        while agenda and _runs(run) and begun < AT_ONCE:
            begun += _look(tx, run, plan, agenda.popleft(), agenda)
    left = tuple(dict.fromkeys(agenda)) if run.state in ("running", "paused") else ()
    if left != run.agenda:
        tx.touch(run)
        run.agenda = left
        tx.save("run", run)
    if left and _runs(run):
        tx.timer(f"run.go/{run.id}", tx.now)


def _runs(run: Run) -> bool:
    """Whether it may begin anything now; what it begins may end it."""
    return run.state == "running"


def over(tx: Tx, run: Run, step: Step) -> None:
    """The step is over: what it lies in goes on."""
    go(tx, run, _counted(tx, run, step))


def _counted(tx: Tx, run: Run, step: Step) -> str:
    """The address of what the step lies in; of an item's group it is noted that one is over."""
    within = plans.parent(step.address) or ""
    if step.uses == "item":
        group = steps.find(tx.state, run, within)
        failed = step.state not in WELL
        steps.change(tx, run, group, None, under_way=group.under_way - 1, failures=group.failures + failed,
                     failed_at=step.failed_at if failed else group.failed_at)  # fmt: skip
    return within


def is_failure(node: Node, step: Step) -> bool:
    """Whether what the step lies in fails with it."""
    if step.state in WELL or step.state in ACTIVE:
        return False
    if step.state == "failed_validation":
        return node.spec.on_failed_validation == "fail" and node.spec.on_failure == "fail"
    return node.spec.on_failure == "fail"


def _look(tx: Tx, run: Run, plan: Plan, address: str, agenda: deque[str]) -> int:
    """Look at the run, or at a step that holds others, again. Gives how many steps began."""
    if not address:
        return _sequence(tx, run, plan, None, "", plan.root, agenda)
    step = tx.state.step(run.id, address)
    if step is None or step.state not in ACTIVE:
        return 0
    node = plan.nodes[step.node]
    if step.uses == "for_each":
        return _items(tx, run, plan, node, step, agenda)
    if step.uses == "parallel":
        return _branches(tx, run, plan, node, step, agenda)
    return _sequence(tx, run, plan, step, address, node.blocks[step.block], agenda)


def _sequence(tx: Tx, run: Run, plan: Plan, holder: Step | None, address: str, block: Block, agenda: deque[str]) -> int:
    begun, stopped, last = 0, last_steps.stops(tx.state, run, address), None
    for node in block.nodes:
        step = tx.state.step(run.id, plans.child(address, node.id))
        if step is None:
            if stopped:
                break
            if begun >= AT_ONCE:
                agenda.append(address)
                return begun
            begun += 1
            step = _begin(tx, run, plan, node, address, agenda)
        if step.state in ACTIVE:
            return begun
        if not _runs(run):
            agenda.append(address)  # what it began may have paused it: from here it goes on
            return begun
        if is_failure(node, step):
            _failed(tx, run, holder, step, agenda)
            return begun
        last = step
    if stopped and last is not None:
        _failed(tx, run, holder, last, agenda)
    elif holder is None:
        run_life.succeed(tx, run)
    else:
        _done(tx, run, plan, holder, agenda)
    return begun


def _branches(tx: Tx, run: Run, plan: Plan, node: Node, holder: Step, agenda: deque[str]) -> int:
    begun, active, stopped = 0, 0, last_steps.stops(tx.state, run, holder.address)
    known = [(inner, tx.state.step(run.id, plans.child(holder.address, inner.id))) for inner in node.blocks[""].nodes]
    failed = next(
        (step for inner, step in known if step is not None and step.again_by is None and is_failure(inner, step)), None
    )
    for inner, step in known:
        if (step is None or step.again_by is not None) and failed is None and not stopped:
            begun += 1
            if step is not None:
                steps.forget_all(tx, run, step.address)
            step = _begin(tx, run, plan, inner, holder.address, agenda)
        if step is None:
            before = tx.state.step(run.id, plans.child(holder.address, inner.id) + BEFORE)
            active += before is not None and before.state in ACTIVE
            continue
        if step.state in ACTIVE:
            active += 1
        elif failed is None and step.again_by is None and is_failure(inner, step):
            failed = step
    if active:
        return begun
    if failed is None and stopped:
        failed = next((step for _, step in known if step is not None), None)
    if failed is not None:
        _failed(tx, run, holder, failed, agenda)
    else:
        _done(tx, run, plan, holder, agenda)
    return begun


def _items(tx: Tx, run: Run, plan: Plan, node: Node, group: Step, agenda: deque[str]) -> int:
    spec = node.spec.for_each
    if spec is None:
        return 0
    cell: Items = tx.state.cells["items"][group.id]
    enough = group.failures > plans.tolerated(spec.max_failures, group.total) or last_steps.stops(
        tx.state, run, group.address
    )
    at, begun = group.at, 0
    while not enough and at < group.total and group.under_way + begun < spec.max_parallel and begun < AT_ONCE:
        address = f"{group.address}[{cell.keys[at]}]"
        if tx.state.step(run.id, address) is None:
            steps.begin(tx, run, address, node.id, "item", "running", say=False, item=cell.items[at], index=at)
            begun += 1
            agenda.append(address)
        at += 1
    if at != group.at:
        steps.change(tx, run, group, None, at=at, under_way=group.under_way + begun)
    if group.under_way:
        if begun >= AT_ONCE:
            agenda.append(group.address)
        return begun
    if enough:
        last = _last_failed(tx, run, group)
        steps.end(
            tx, run, group, "failed", error_code="items.failed", failed_at=last.address,
            reason=f"{group.failures} of {group.total} failed, at most {spec.max_failures} may; {_said(last.address, last)}",
        )  # fmt: skip
        agenda.append(_counted(tx, run, group))
    else:
        _done(tx, run, plan, group, agenda)
    return begun


def _last_failed(tx: Tx, run: Run, group: Step) -> Step:
    """The step that the last item failed with of those that have; if none has, for the run was stopped and people passed over
    those that went on, the last item."""
    items = tx.state.items_of(run.id, group.address)
    failed = [item for item in items if item.state not in WELL]
    last = max(failed or items, key=lambda item: (item.ended_in, item.index))
    return steps.find(tx.state, run, last.failed_at or last.address)


def _said(address: str, step: Step) -> str:
    return f"step {address} {step.state.replace('_', ' ')}: {step.reason or 'no reason given'}"


def _failed(tx: Tx, run: Run, holder: Step | None, step: Step, agenda: deque[str]) -> None:
    """What the step lies in fails with it, unless it takes failures."""
    at = step.failed_at or step.address
    reason = _said(at, step)
    if step.failed_at is not None and step.reason is not None:
        reason = step.reason
    if holder is None:
        run_life.fail(tx, run, reason, at)
        return
    how: dict[str, Any] = {"reason": reason, "error_code": step.error_code, "failed_at": at}
    node = steps.plan(tx.state, run).nodes[holder.node]
    if holder.uses == "try":
        if holder.block == "" and "catch" in node.blocks and not last_steps.stops(tx.state, run, holder.address):
            steps.change(tx, run, holder, None, block="catch", **how)
            agenda.append(holder.address)
            return
        if holder.block != "finally" and "finally" in node.blocks:
            last_steps.takes_its_turn(tx, run, holder)
            steps.change(tx, run, holder, None, block="finally", failures=1, **how)
            agenda.append(holder.address)
            return
    steps.end(tx, run, holder, "failed", say=holder.uses != "item", **how)
    agenda.append(_counted(tx, run, holder))


def _done(tx: Tx, run: Run, plan: Plan, holder: Step, agenda: deque[str]) -> None:
    """All that lies in the step is over and well."""
    node = plan.nodes[holder.node]
    if holder.uses == "try":
        if holder.block != "finally" and "finally" in node.blocks:
            steps.change(tx, run, holder, None, block="finally")
            agenda.append(holder.address)
            return
        if holder.failures:
            steps.end(tx, run, holder, "failed", reason=holder.reason, error_code=holder.error_code)
            agenda.append(_counted(tx, run, holder))
            return
    if holder.uses == "item":
        steps.end(tx, run, holder, "succeeded", say=False)
    else:
        forms.succeed(tx, run, node, holder, None)
    agenda.append(_counted(tx, run, holder))


def _begin(tx: Tx, run: Run, plan: Plan, node: Node, within: str, agenda: deque[str]) -> Step:
    """The step begins: it is over already, or waits for something, or goes on by the agenda."""
    address, spec = plans.child(within, node.id), node.spec
    scope, before = run_scope.of_step(tx, run, plan, node, address), tx.state.step(run.id, address + BEFORE)
    try:
        if before is None and spec.if_ is not None and not holds(spec.if_, scope):
            return steps.begin(tx, run, address, node.id, uses(node), "skipped", reason=f"if is false: {spec.if_}")
        before = before or validation.prepare(tx, run, node, address)
        if before is not None and before.state in ACTIVE:
            return before
        if before is not None and before.state not in WELL:
            return validation.prevented(tx, run, node, before, uses(node))
        if node.form in forms.LEAVES:
            step = forms.LEAVES[node.form](tx, run, node, address, scope)
            validation.watch(tx, run, node, step)
            return step
        if node.form == "switch":
            number = _case(node, scope)
            if number is None:
                return steps.begin(tx, run, address, node.id, "switch", "skipped", reason="no case is true")
            step = steps.begin(tx, run, address, node.id, "switch", "running", block=str(number))
        elif node.items:
            step = _begin_items(tx, run, node, address, scope)
        else:
            step = steps.begin(tx, run, address, node.id, uses(node), "running", total=len(node.blocks[""].nodes))
    except Failed as failure:
        return steps.begin(
            tx,
            run,
            address,
            node.id,
            uses(node),
            "failed",
            reason=run_scope.why(failure, scope),
            error_code="expression.failed",
        )
    agenda.append(address)
    return step


def uses(node: Node) -> str:
    """What the step calls, for people and pages."""
    if node.spec.uses is not None:
        return node.spec.uses
    if node.items:
        return "for_each"
    return "approval" if node.form == "approvals" else node.form.rstrip("_")


def _case(node: Node, scope: Scope) -> int | None:
    for number, case in enumerate(node.spec.switch or ()):
        if case.when is None or holds(case.when, scope):
            return number
    return None


def _begin_items(tx: Tx, run: Run, node: Node, address: str, scope: Scope) -> Step:
    spec = node.spec.for_each
    if spec is None:
        raise AssertionError(address)
    items = stored(render(spec.items, scope)) if isinstance(spec.items, list) else stored(evaluate(spec.items, scope))
    if isinstance(items, dict):
        items = [{"key": key, "value": items[key]} for key in sorted(items)]
    if not isinstance(items, list):
        raise Failed(f"{spec.items}: gives {str(items)[:100]!r}, not a list")
    if len(items) > ITEMS_LIMIT:
        raise Failed(f"{spec.items}: gives {len(items)} items; at most {ITEMS_LIMIT} are taken")
    keys = _keys(node, items, scope)
    step = steps.begin(tx, run, address, node.id, "for_each", "running", total=len(items))
    tx.cell("items", step.id, Items(items, keys))
    return step


def _keys(node: Node, items: list[Any], scope: Scope) -> list[str]:
    spec = node.spec.for_each
    names: list[str] = []
    for index, item in enumerate(items):
        if spec is not None and spec.key is not None:
            inner = naming(node.names).activation({**scope.variables, spec.as_: item, "index": index}, scope.world)
            names.append(spoken(evaluate(spec.key, inner)))
        else:
            names.append(item if isinstance(item, str) else str(index))
    return plans.item_keys(names)
