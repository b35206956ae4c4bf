"""What a run would do, without doing it: everything is evaluated that can be before anything has happened, and each action
says what it would do.

What depends on the outcome of a step is not known: such a step may run, and shows what it waits to be told.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from oncue.core import run_acts, run_scope
from oncue.core.act_inputs import NotifySend
from oncue.core.effect_classes import effect_class
from oncue.core.errors import Refusal
from oncue.core.expression import (
    Failed,
    decoded,
    holds,
    stored,
)
from oncue.core.hidden import placeholders
from oncue.core.inputs import complete
from oncue.core.plan import Node, Plan, compares, compiled, looks, tolerated
from oncue.core.run import ACTIVE, Run, Step
from oncue.core.state import State
from oncue.core.workflow_spec import StepSpec, WorkflowSpec
from oncue.manifests.shape import near
from oncue.rehearsal import saying
from oncue.rehearsal.fitting import Here, fitting, permitted, reached
from oncue.rehearsal.known import Known, Unknown
from oncue.sdk import ActionError, registry

ITEMS_SHOWN: Final = 20
"""Items of a `for_each` that are gone through one by one."""
DEPTH_SHOWN: Final = 8
"""How many runs within each other are gone through."""
Verdict = Literal["runs", "may run", "skipped", "fails"]


class Planned(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A step as far as it is known before the run."""

    step: str
    """Its address."""
    title: str | None = None
    form: str
    """The action, or `run`, `steps`, `for_each`, `item`, `parallel`, `switch`, `case`, `try`, `catch`, `finally`, `wait`,
    `approval`, `emit`, `set`."""
    verdict: Verdict
    why: str | None = None
    """What it depends on, why it is skipped, or would fail. Behind a step that is sure to fail others are skipped."""
    does: str | None = None
    """What it would do, in a sentence."""
    inputs: Any = None
    """With everything evaluated that is known; `${...}` is left where it is not."""
    effect_class: str | None = None
    """What a crash in the middle would mean."""
    undo: str | None = None
    """The action that would undo it."""
    validate: str | None = None
    """What must hold after it."""
    items: int | None = None
    """Of a `for_each`, how many; the first ones are shown."""
    tolerated: bool = False
    """Of one that would fail: whether what it lies in goes on all the same."""
    steps: "list[Planned]" = []


class DryRun(msgspec.Struct, kw_only=True):
    """What a run would do."""

    workflow: str
    inputs: dict[str, Any]
    """With the defaults of the schema."""
    steps: list[Planned]
    fails: list[str]
    """Addresses of the steps by which the run would fail as it is: without those that it goes on after."""
    unknown: int
    """How many steps depend on what others come to."""


class Ahead(msgspec.Struct, kw_only=True):
    """What a run would do from here on, if what it waits for comes and people agree."""

    steps: list[Planned]
    """Those that have not begun, in the order of the workflow, within those that hold them."""
    fails: list[str]
    """Addresses of the steps by which the run would fail as it is: without those that it goes on after."""
    unknown: int
    """How many steps depend on what others come to."""


def dry_run(
    state: State, namespace: str, name: str, inputs: dict[str, Any], now: datetime, requester: str,
    may: tuple[str, ...] | None = None, here: Here | None = None,
) -> DryRun:  # fmt: skip
    """Go through the workflow of this name in the state's configuration, on a server of which this is known.

    Raises `Refusal` workflow.not_found, workflow.inputs_invalid.
    """
    spec = _workflow(state, namespace, name)
    given = complete(spec.inputs, decoded(msgspec.json.encode(placeholders(spec.inputs, inputs)), dict))
    run = {"id": "run-dry", "workflow": name, "namespace": namespace, "started_at": stored(now), "requester": requester,
           "trigger": "manual"}  # fmt: skip
    variables = {"inputs": given, "vars": {}, "now": now, "run": run}
    seen = Known(namespace, state, now, variables, set(), {}, may, here)
    steps, _ = _block(compiled(spec), compiled(spec).root.nodes, seen, "", certain=True)
    found = list(_all(steps))
    return DryRun(
        workflow=name,
        inputs=given,
        steps=steps,
        fails=_failing(found),
        unknown=sum(one.verdict == "may run" for one in found),
    )


def ahead(
    state: State, run: Run, plan: Plan, steps: dict[str, Step], now: datetime, about: dict[str, Any],
    here: Here | None = None,
) -> Ahead:  # fmt: skip
    """Go on with a run of which these steps have begun, by address. `about` is what else its expressions see: `event`,
    `alert`, `incident`; `here` is what is so on this server."""
    said = {"id": run.id, "workflow": run.workflow, "namespace": run.namespace, "requester": run.requester or "",
            "started_at": stored(run.started_at or run.created_at), "trigger": run.trigger.get("kind", "")}  # fmt: skip
    variables = {"inputs": run.inputs, "vars": run.variables, "now": now, "run": said, **about}
    known = {one.node: run_scope.outcome(one) for one in steps.values() if _is_told(one, plan)}
    asking = frozenset(one.node for one in steps.values() if one.uses == "approval" and one.state in ACTIVE)
    known |= {id: {"state": "approved", "outputs": {}, "attempt": 0} for id in asking}
    seen = Known(run.namespace, state, now, variables, set(), known, run.may, here, agreed=asking)
    rest, _ = _left(plan, plan.root.nodes, seen, "", steps)
    found = list(_all(rest))
    return Ahead(
        steps=rest, fails=_failing(found),
        unknown=sum(one.verdict == "may run" for one in found),
    )  # fmt: skip


def _is_told(step: Step, plan: Plan) -> bool:
    """Whether all steps to come may know what it came to: what lies in an item is that item's, and items are not laid out."""
    return (
        step.state not in ACTIVE and not any(sign in step.address for sign in "[~") and not plan.nodes[step.node].items
    )


def _left(
    plan: Plan, nodes: tuple[Node, ...], seen: Known, above: str, steps: dict[str, Step]
) -> tuple[list[Planned], "_Failure | None"]:
    """Of these steps, those that have not begun, and what is left of those that hold others."""
    found: list[Planned] = []
    failure = None
    for node in nodes:
        address = f"{above}/{node.id}" if above else node.id
        step = steps.get(address)
        if step is None and failure is not None:
            found.append(_never(node, above, failure))
        elif step is None:
            one, failure = _step(plan, node, seen, above, certain=True)
            found.append(one)
        elif step.state in ACTIVE and node.blocks:
            one = Planned(step=address, title=node.spec.title, form=_form(node), verdict="runs")
            own = _left_within(plan, node, seen, step, steps, one)
            failure = own if node.spec.on_failure == "fail" else None
            if one.steps:
                found.append(one)
    return found, failure


def _left_within(
    plan: Plan, node: Node, seen: Known, step: Step, steps: dict[str, Step], planned: Planned
) -> "_Failure | None":
    """What is left of a step that holds others and has begun. Gives what in it is sure to fail it."""
    if node.items:
        planned.steps = _left_items(plan, node, seen, step, steps)
        return None
    planned.steps, failure = _left(plan, node.blocks[step.block].nodes, seen, step.address, steps)
    if step.block == "":
        return _closing(plan, node, seen, planned, failure)
    if step.block == "catch" and "finally" in node.blocks:
        own = _after(plan, node, "finally", seen, planned, certain=True, why=None)
        failure = failure or own
    return _later(failure)


def _left_items(plan: Plan, node: Node, seen: Known, step: Step, steps: dict[str, Step]) -> list[Planned]:
    """What is left of the items that have begun."""
    found = []
    for item in steps.values():
        if item.uses != "item" or item.node != node.id or item.state not in ACTIVE:
            continue
        spec = node.spec.for_each
        assert spec is not None
        below = seen.within(tuple(dict.fromkeys(node.names)), set(), {spec.as_: item.item, "index": item.index})
        inside = [one for one in steps.values() if one.address.startswith(f"{item.address}/")]
        below.steps |= {one.node: run_scope.outcome(one) for one in inside if one.state not in ACTIVE}
        inner, _ = _left(plan, node.blocks[""].nodes, below, item.address, steps)
        if inner:
            found.append(Planned(step=item.address, form="item", verdict="runs", inputs=item.item, steps=inner))
    return found


def _all(steps: list[Planned]) -> Any:
    for one in steps:
        yield one
        yield from _all(one.steps)


def _failing(steps: list[Planned]) -> list[str]:
    return [one.step for one in steps if one.verdict == "fails" and not one.tolerated]


def _tolerate(steps: list[Planned]) -> None:
    """What of these fails does not fail what they lie in."""
    for one in _all(steps):
        if one.verdict == "fails" and not one.tolerated:
            one.tolerated, one.why = True, f"{one.why}; the run goes on"


def _workflow(state: State, namespace: str, name: str) -> WorkflowSpec:
    manifest = state.manifests.get(f"Workflow/{namespace}/{name}")
    if manifest is None:
        named = [one.name for one in state.manifests.values() if (one.kind, one.namespace) == ("Workflow", namespace)]
        raise Refusal("workflow.not_found", f"{name} in {namespace}{near(name, named)}")
    return msgspec.convert(manifest.spec, WorkflowSpec)


# steps


class _Failure(msgspec.Struct, frozen=True):
    """A step that fails for sure once what it lies in has come to it, and fails that as well."""

    step: str
    at_once: bool = False
    """Whether it does as soon as it begins, without anybody having been asked."""


def _block(
    plan: Plan, nodes: tuple[Node, ...], seen: Known, above: str, *, certain: bool
) -> tuple[list[Planned], _Failure | None]:
    """Steps one after the other: none begins behind one that is sure to fail."""
    planned: list[Planned] = []
    failure = None
    for node in nodes:
        if failure is not None:
            planned.append(_never(node, above, failure))
        else:
            one, failure = _step(plan, node, seen, above, certain=certain)
            planned.append(one)
    return planned, failure


def _branches(
    plan: Plan, nodes: tuple[Node, ...], seen: Known, above: str, *, certain: bool
) -> tuple[list[Planned], _Failure | None]:
    """Steps at the same time: one that fails as it begins keeps those from beginning that are named after it."""
    planned: list[Planned] = []
    failure = None
    for node in nodes:
        if failure is not None and failure.at_once:
            planned.append(_never(node, above, failure))
        else:
            one, own = _step(plan, node, seen, above, certain=certain)
            planned.append(one)
            failure = own if failure is None or (own is not None and own.at_once) else failure
    return planned, _later(failure)


def _later(failure: _Failure | None) -> _Failure | None:
    """As what the step lies in has it."""
    return _Failure(failure.step) if failure is not None else None


def _never(node: Node, above: str, failure: _Failure) -> Planned:
    address = f"{above}/{node.id}" if above else node.id
    why = f"step {failure.step} fails before it"
    return Planned(step=address, title=node.spec.title, form=_form(node), verdict="skipped", why=why)


def _step(plan: Plan, node: Node, seen: Known, above: str, *, certain: bool) -> tuple[Planned, _Failure | None]:
    spec, address = node.spec, f"{above}/{node.id}" if above else node.id
    planned = Planned(step=address, title=spec.title, form=_form(node), verdict="runs" if certain else "may run")
    begins = True
    failure: _Failure | None
    try:
        if spec.if_ is not None:
            seen.require(spec.if_)
            if not holds(spec.if_, seen.scope()):
                planned.verdict, planned.why = "skipped", f"if: {spec.if_}"
                seen.steps[node.id] = {"state": "skipped", "outputs": {}, "attempt": 0}
                return planned, None
    except Unknown as unknown:
        planned.verdict, planned.why = "may run", str(unknown)
        begins = False
    except Failed as failed:
        planned.verdict, planned.why = "fails", str(failed)
        return planned, _unless_continued(spec, planned, _Failure(address, at_once=True))
    try:
        failure = _do(plan, node, seen, planned)
    except (Failed, ActionError) as failed:
        planned.verdict, planned.why = "fails", str(failed)
        failure = _Failure(address, at_once=isinstance(failed, Failed) and spec.run is None)
    failure = _unless_continued(spec, planned, failure)
    return planned, failure if begins else None


def _unless_continued(spec: StepSpec, planned: Planned, failure: _Failure | None) -> _Failure | None:
    if spec.on_failure == "fail":
        return failure
    _tolerate([planned])
    return None


def _form(node: Node) -> str:
    if node.items:
        return "for_each"
    if node.form == "uses":
        return node.spec.uses or ""
    return "approval" if node.form == "approvals" else node.form.rstrip("_")


def _do(plan: Plan, node: Node, seen: Known, planned: Planned) -> _Failure | None:
    """What the step would do. Gives what in it is sure to fail it. Raises `Failed`, `ActionError` if it is sure to itself."""
    spec = node.spec
    if spec.rollback is not None:
        planned.undo = spec.rollback.uses
    if spec.validate is not None:
        first, later = looks(spec, "before"), (*looks(spec, "during"), *looks(spec, "after"))
        said = [
            *(f"before it, {one.that}" for _, one in first if not compares(one, node.names)),
            *(one.that for _, one in later),
        ]
        planned.validate = "; ".join(dict.fromkeys(said))
    if spec.uses is not None or spec.emit is not None:
        _act(plan, node, seen, planned)
    elif spec.run is not None:
        return _run(node, seen, planned)
    elif spec.set_ is not None:
        _set(node, seen, planned)
    elif spec.wait is not None:
        _wait(node, seen, planned)
    elif spec.approvals is not None:
        asked, _ = seen.rendered(spec.ask or spec.title or spec.id)
        stages = "; ".join(f"{one.quorum} of {', '.join(one.by)}" for one in spec.approvals)
        planned.does = f"asks {stages}: {asked}"
    elif spec.for_each is not None:
        return _each(plan, node, seen, planned)
    else:
        return _holding(plan, node, seen, planned)
    return None


def _act(plan: Plan, node: Node, seen: Known, planned: Planned) -> None:
    spec = node.spec
    uses = "event.emit" if spec.emit is not None else spec.uses or ""
    given, why = seen.rendered(spec.emit if spec.emit is not None else spec.with_)
    planned.inputs = given
    if (lacking := run_acts.beyond(uses, plan.spec.identity, seen.may)) is not None:
        raise Failed(f"run.denied: {uses} needs {lacking}")
    fitting(uses, given)
    planned.why = planned.why or why
    if uses in run_acts.ACTS:
        planned.does = saying.acting(uses, given)
        if uses == "notify.send" and why is None:
            missing = reached(seen.state, seen.namespace, msgspec.convert(given, NotifySend), seen.now)
            planned.does += f"; it does not reach everyone: {missing}" if missing else ""
        return
    action = registry.action(uses)
    try:
        inputs = registry.fit(given, action.inputs) if why is None else None
        permitted(action, given, inputs, seen.namespace, seen.here)
        if inputs is None:
            return
        planned.effect_class = effect_class(uses, given)
        planned.does = action.plan(inputs)
    except (ActionError, Failed):
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's defect; what the step would do is not known
        planned.does = f"{uses} cannot say what it would do: {type(error).__name__}: {error}"
    planned.does += _by_whom(plan, spec, seen)


def _by_whom(plan: Plan, spec: StepSpec, seen: Known) -> str:
    """Which workers may be given the step, if not all."""
    wanted, why = seen.rendered(plan.spec.labels if spec.labels is None else spec.labels)
    if why is not None:
        return f"; by which workers is not known: {why}"
    return saying.by_whom(wanted)


def _run(node: Node, seen: Known, planned: Planned) -> _Failure | None:
    spec = node.spec.run
    assert spec is not None
    given, why = seen.rendered(spec.with_)
    planned.inputs = given
    planned.does = f"runs {spec.workflow}" + (", and does not wait for it" if spec.detached else "")
    if why is not None:
        planned.why = planned.why or why
        return None
    if seen.depth >= DEPTH_SHOWN:
        planned.why = "it lies too deep to be shown"
        return None
    try:
        inner = _workflow(seen.state, seen.namespace, spec.workflow)
        inputs = complete(inner.inputs, stored(given))
    except Refusal as refusal:
        raise Failed(f"{refusal.code}: {refusal.detail}") from refusal
    run = {**seen.variables["run"], "workflow": spec.workflow, "trigger": "run"}
    variables = {"inputs": inputs, "vars": {}, "now": seen.now, "run": run}
    below = Known(seen.namespace, seen.state, seen.now, variables, set(), {}, seen.may, seen.here, depth=seen.depth + 1)
    whole, certain = compiled(inner), planned.verdict == "runs"
    planned.steps, failure = _block(whole, whole.root.nodes, below, planned.step, certain=certain)
    if spec.detached:
        _tolerate(planned.steps)
    return None if spec.detached else _later(failure)


def _set(node: Node, seen: Known, planned: Planned) -> None:
    planned.inputs = {}
    for name, value in sorted((node.spec.set_ or {}).items()):
        planned.inputs[name], why = seen.rendered(value)
        if why is not None or planned.verdict == "may run":
            planned.why = planned.why or why
            seen.unknown.add(name)
        else:
            seen.unknown.discard(name)
            seen.variables["vars"] = {**seen.variables["vars"], name: stored(planned.inputs[name])}
    planned.does = saying.setting(planned.inputs)


def _wait(node: Node, seen: Known, planned: Planned) -> None:
    spec = node.spec.wait
    assert spec is not None
    if spec.event is not None:
        about, _ = seen.rendered(spec.event.resource)
        at = f" about {about}" if about else ""
        until = f", for {spec.timeout} at most" if spec.timeout is not None else ""
        planned.does = f"waits for {' or '.join(spec.event.types)}{at}{until}"
    elif spec.until is not None:
        try:
            planned.does = f"waits until {stored(seen.value(spec.until))}"
        except Unknown as unknown:
            planned.does, planned.why = f"waits until {spec.until}", planned.why or str(unknown)
    else:
        planned.does = f"waits for {spec.for_}"


def _each(plan: Plan, node: Node, seen: Known, planned: Planned) -> _Failure | None:
    spec = node.spec.for_each
    assert spec is not None
    inner = node.blocks[""].nodes
    names = tuple(dict.fromkeys(node.names))
    try:
        items = seen.value(spec.items) if isinstance(spec.items, str) else None
        if items is None:
            items, why = seen.rendered(spec.items)
            if why is not None:
                raise Unknown(why)
    except Unknown as unknown:
        planned.why = planned.why or str(unknown)
        below = seen.within(names, {spec.as_, "index"}, {})
        planned.steps, _ = _block(plan, inner, below, f"{planned.step}[...]", certain=False)
        return None
    if not isinstance(items, list):
        raise Failed(f"for_each: {spec.items} gives {items!r}, no list")
    planned.items = len(items)
    planned.does = f"{len(items)} {'item' if len(items) == 1 else 'items'}, {min(spec.max_parallel, max(1, len(items)))} at the same time"
    failures = 0
    failure: _Failure | None = None
    for index, item in enumerate(items[:ITEMS_SHOWN]):
        below = seen.within(names, set(), {spec.as_: item, "index": index})
        key = item if isinstance(item, str) else index
        address = f"{planned.step}[{key}]"
        if failure is not None and spec.max_parallel == 1:
            why = f"step {failure.step} fails before it"
            planned.steps.append(Planned(step=address, form="item", verdict="skipped", inputs=item, why=why))
            continue
        steps, own = _block(plan, inner, below, address, certain=planned.verdict == "runs")
        planned.steps.append(Planned(step=address, form="item", verdict=planned.verdict, inputs=item, steps=steps))
        failures += own is not None
        if failures > tolerated(spec.max_failures, len(items)):
            failure = _later(failure or own)
    if sum(bool(_failing(list(_all([one])))) for one in planned.steps) <= tolerated(spec.max_failures, len(items)):
        _tolerate(planned.steps)
    return failure


def _holding(plan: Plan, node: Node, seen: Known, planned: Planned) -> _Failure | None:
    """A step that holds others."""
    certain = planned.verdict == "runs"
    if node.spec.switch is not None:
        return _switch(plan, node, seen, planned)
    through = _branches if node.form == "parallel" else _block
    planned.steps, failure = through(plan, node.blocks[""].nodes, seen, planned.step, certain=certain)
    return _closing(plan, node, seen, planned, failure)


def _closing(plan: Plan, node: Node, seen: Known, planned: Planned, failure: _Failure | None) -> _Failure | None:
    """What a `try` does after its steps, of which one is sure to fail or none. Gives what is sure to fail it itself."""
    certain = planned.verdict == "runs"
    if "catch" in node.blocks:
        _tolerate(planned.steps)
        caught = failure is not None
        why = f"step {failure.step} fails" if failure is not None else "if a step before it fails"
        own = _after(plan, node, "catch", seen, planned, certain=certain and caught, why=why)
        failure = own if caught else None
    if "finally" in node.blocks:
        own = _after(plan, node, "finally", seen, planned, certain=certain, why=None)
        failure = failure or own
    return _later(failure)


def _after(
    plan: Plan, node: Node, name: str, seen: Known, planned: Planned, *, certain: bool, why: str | None
) -> _Failure | None:
    """A block of a `try` that follows others. Gives what in it is sure to fail it."""
    below = seen.within(seen.names, set(), {})
    steps, failure = _block(plan, node.blocks[name].nodes, below, planned.step, certain=certain)
    verdict: Verdict = "runs" if certain else "may run"
    planned.steps.append(Planned(step=f"{planned.step}/{name}", form=name, why=why, steps=steps, verdict=verdict))
    return failure


def _switch(plan: Plan, node: Node, seen: Known, planned: Planned) -> _Failure | None:
    certain, known = planned.verdict == "runs", True
    for number, case in enumerate(node.spec.switch or ()):
        verdict: Verdict = "runs" if certain else "may run"
        why = None
        try:
            if case.when is not None:
                seen.require(case.when)
                if not holds(case.when, seen.scope()):
                    continue
        except Unknown as unknown:
            verdict, why, certain, known = "may run", str(unknown), False, False
        steps, failure = _block(plan, node.blocks[str(number)].nodes, seen, planned.step, certain=verdict == "runs")
        when = case.when or "otherwise"
        planned.steps.append(
            Planned(step=f"{planned.step}/{number}", form="case", verdict=verdict, why=why, does=when, steps=steps)
        )
        if known or case.when is None:
            return _later(failure) if known else None
    return None
