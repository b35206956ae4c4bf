"""What a run would do, without doing it: everything is evaluated that can be before anything has happened, and each action
says what it would do.

What depends on the outcome of a step is not known: such a step may run, and shows what it waits to be told. Of a run that
is under way, `ahead` says the same of the steps to come, with what the others came to.
"""

import re
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from oncue.core import run_acts, run_scope
from oncue.core.asking import Asked
from oncue.core.effect_classes import effect_class
from oncue.core.errors import Refusal
from oncue.core.expression import (
    VARIABLES,
    Failed,
    Scope,
    activation,
    decoded,
    evaluate,
    expressions_in,
    holds,
    naming,
    render,
    stored,
)
from oncue.core.inputs import complete
from oncue.core.plan import Node, Plan, compiled, mentions
from oncue.core.run import ACTIVE, Run, Step
from oncue.core.state import State
from oncue.core.workflow_spec import WorkflowSpec
from oncue.sdk import ActionError, registry

ITEMS_SHOWN: Final = 20
"""Items of a `for_each` that are gone through one by one."""
DEPTH_SHOWN: Final = 8
"""How many runs within each other are gone through."""
_OUTCOMES: Final = frozenset({"error", "result", "outputs"})
"""What expressions speak of that is not known before it has happened."""
_OF_STEP: Final = re.compile(r"\bsteps(\.\w+)+")
"""What is said of a step, whose `result` and `outputs` are its own."""

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
    """What it depends on, why it is skipped, or would fail."""
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
    steps: "list[Planned]" = []


class DryRun(msgspec.Struct, kw_only=True):
    """What a run would do."""

    workflow: str
    inputs: dict[str, Any]
    """With the defaults of the schema."""
    steps: list[Planned]
    fails: list[str]
    """Addresses of the steps that would fail as it is."""
    unknown: int
    """How many steps depend on what others come to."""


class Ahead(msgspec.Struct, kw_only=True):
    """What a run would do from here on, if what it waits for comes and people agree."""

    steps: list[Planned]
    """Those that have not begun, in the order of the workflow, within those that hold them."""
    fails: list[str]
    """Addresses of the steps that would fail as it is."""
    unknown: int
    """How many steps depend on what others come to."""


class _Unknown(Exception):
    """It depends on something that has not happened."""


class _Seen(msgspec.Struct):
    """What is known at a place of the run."""

    namespace: str
    state: State
    now: datetime
    variables: dict[str, Any]
    """What expressions see."""
    unknown: set[str]
    """Variables whose value is not known: of items, and `vars.NAME`."""
    steps: dict[str, dict[str, Any]]
    """Steps of which it is known what becomes of them."""
    may: tuple[str, ...] | None
    names: tuple[str, ...] = ()
    depth: int = 0
    agreed: frozenset[str] = frozenset()
    """Steps that ask people, who are taken to agree: what they come to is known, and not who they are."""


def dry_run(
    state: State, namespace: str, name: str, inputs: dict[str, Any], now: datetime, requester: str,
    may: tuple[str, ...] | None = None,
) -> DryRun:  # fmt: skip
    """Go through the workflow of this name in the state's configuration.

    Raises `Refusal` workflow.not_found, workflow.inputs_invalid.
    """
    spec = _workflow(state, namespace, name)
    given = complete(spec.inputs, decoded(msgspec.json.encode(inputs), dict))
    run = {"id": "run-dry", "workflow": name, "namespace": namespace, "started_at": stored(now), "requester": requester,
           "trigger": "manual"}  # fmt: skip
    variables = {"inputs": given, "vars": {}, "now": now, "run": run}
    seen = _Seen(namespace, state, now, variables, set(), {}, may)
    steps = _block(compiled(spec), compiled(spec).root.nodes, seen, "", certain=True)
    found = list(_all(steps))
    fails = [one.step for one in found if one.verdict == "fails"]
    return DryRun(
        workflow=name, inputs=given, steps=steps, fails=fails, unknown=sum(one.verdict == "may run" for one in found)
    )


def ahead(state: State, run: Run, plan: Plan, steps: dict[str, Step], now: datetime, about: dict[str, Any]) -> Ahead:
    """Go on with a run of which these steps have begun, by address. `about` is what else its expressions see: `event`,
    `alert`, `incident`."""
    said = {"id": run.id, "workflow": run.workflow, "namespace": run.namespace, "requester": run.requester or "",
            "started_at": stored(run.started_at or run.created_at), "trigger": run.trigger.get("kind", "")}  # fmt: skip
    variables = {"inputs": run.inputs, "vars": run.variables, "now": now, "run": said, **about}
    known = {one.node: run_scope.outcome(one) for one in steps.values() if _is_told(one, plan)}
    asking = frozenset(one.node for one in steps.values() if one.uses == "approval" and one.state in ACTIVE)
    known |= {id: {"state": "approved", "outputs": {}, "attempt": 0} for id in asking}
    seen = _Seen(run.namespace, state, now, variables, set(), known, run.may, agreed=asking)
    rest = _rest(plan, plan.root.nodes, seen, "", steps)
    found = list(_all(rest))
    return Ahead(
        steps=rest, fails=[one.step for one in found if one.verdict == "fails"],
        unknown=sum(one.verdict == "may run" for one in found),
    )  # fmt: skip


def _is_told(step: Step, plan: Plan) -> bool:
    """Whether all steps to come may know what it came to: what lies in an item is that item's, and items are not laid out."""
    return (
        step.state not in ACTIVE and not any(sign in step.address for sign in "[~") and not plan.nodes[step.node].items
    )


def _rest(plan: Plan, nodes: tuple[Node, ...], seen: _Seen, above: str, steps: dict[str, Step]) -> list[Planned]:
    """Of these steps, those that have not begun, and what is left of those that hold others."""
    found = []
    for node in nodes:
        address = f"{above}/{node.id}" if above else node.id
        step = steps.get(address)
        if step is None:
            found.append(_step(plan, node, seen, above, certain=True))
        elif step.state in ACTIVE and node.blocks and (inner := _left(plan, node, seen, step, steps)):
            found.append(Planned(step=address, title=node.spec.title, form=_form(node), verdict="runs", steps=inner))
    return found


def _left(plan: Plan, node: Node, seen: _Seen, step: Step, steps: dict[str, Step]) -> list[Planned]:
    """What is left of a step that holds others and has begun."""
    if not node.items:
        inner = _rest(plan, node.blocks[step.block].nodes, seen, step.address, steps)
        return inner if step.block else [*inner, *_closing(plan, node, seen, step.address, "runs")]
    found = []
    for item in steps.values():
        if item.uses != "item" or item.node != node.id or item.state not in ACTIVE:
            continue
        spec = node.spec.for_each
        assert spec is not None
        below = _below(seen, tuple(dict.fromkeys(node.names)), set(), {spec.as_: item.item, "index": item.index})
        inside = [one for one in steps.values() if one.address.startswith(f"{item.address}/")]
        below.steps |= {one.node: run_scope.outcome(one) for one in inside if one.state not in ACTIVE}
        if inner := _rest(plan, node.blocks[""].nodes, below, item.address, steps):
            found.append(Planned(step=item.address, form="item", verdict="runs", inputs=item.item, steps=inner))
    return found


def _all(steps: list[Planned]) -> Any:
    for one in steps:
        yield one
        yield from _all(one.steps)


def _workflow(state: State, namespace: str, name: str) -> WorkflowSpec:
    manifest = state.manifests.get(f"Workflow/{namespace}/{name}")
    if manifest is None:
        raise Refusal("workflow.not_found", f"{name} in {namespace}")
    return msgspec.convert(manifest.spec, WorkflowSpec)


# expressions


def _scope(seen: _Seen) -> Scope:
    variables = {**seen.variables, "steps": seen.steps}
    if not seen.names:
        return activation(variables, Asked(seen.state, seen.namespace))
    return naming(seen.names).activation(variables, Asked(seen.state, seen.namespace))


def _depends(text: str, seen: _Seen) -> None:
    """Raises `_Unknown` if the expression speaks of what is not known."""
    said = mentions([text])
    waits = sorted(id for id in said.steps if id not in seen.steps)
    if waits:
        what = "other steps" if waits == ["*"] else f"{'step' if len(waits) == 1 else 'steps'} {', '.join(waits)}"
        raise _Unknown(f"depends on {what}: {text}")
    if any(re.search(rf"\bsteps\.{id}\.(?!state\b)", text) for id in said.steps & seen.agreed):
        raise _Unknown(f"depends on who agrees: {text}")
    words = mentions([_OF_STEP.sub("steps", text)]).words
    others = sorted((words & (_OUTCOMES | seen.unknown)) - {"vars"})
    if others:
        raise _Unknown(f"depends on {', '.join(others)}: {text}")


def _known(text: str, seen: _Seen) -> Any:
    """Raises `_Unknown`, `Failed`."""
    _depends(text, seen)
    return evaluate(text, _scope(seen))


def _rendered(value: Any, seen: _Seen) -> tuple[Any, str | None]:
    """(the value with everything evaluated that is known, what it depends on besides). Raises `Failed`."""
    if isinstance(value, str):
        try:
            for text in expressions_in(value):
                _depends(text, seen)
        except _Unknown as unknown:
            return value, str(unknown)
        return render(value, _scope(seen)), None
    if isinstance(value, dict):
        parts = {key: _rendered(inner, seen) for key, inner in value.items()}
        return {key: one for key, (one, _) in parts.items()}, next((why for _, why in parts.values() if why), None)
    if isinstance(value, list):
        each = [_rendered(inner, seen) for inner in value]
        return [one for one, _ in each], next((why for _, why in each if why), None)
    return value, None


# steps


def _block(plan: Plan, nodes: tuple[Node, ...], seen: _Seen, above: str, *, certain: bool) -> list[Planned]:
    return [_step(plan, node, seen, above, certain=certain) for node in nodes]


def _step(plan: Plan, node: Node, seen: _Seen, above: str, *, certain: bool) -> Planned:
    spec, address = node.spec, f"{above}/{node.id}" if above else node.id
    planned = Planned(step=address, title=spec.title, form=_form(node), verdict="runs" if certain else "may run")
    if spec.if_ is not None:
        try:
            _depends(spec.if_, seen)
            if not holds(spec.if_, _scope(seen)):
                planned.verdict, planned.why = "skipped", f"if: {spec.if_}"
                seen.steps[node.id] = {"state": "skipped", "outputs": {}, "attempt": 0}
                return planned
        except _Unknown as unknown:
            planned.verdict, planned.why = "may run", str(unknown)
        except Failed as failure:
            planned.verdict, planned.why = "fails", str(failure)
            return planned
    try:
        _do(plan, node, seen, planned)
    except (Failed, ActionError) as failure:
        planned.verdict, planned.why = "fails", str(failure)
    return planned


def _form(node: Node) -> str:
    if node.items:
        return "for_each"
    if node.form == "uses":
        return node.spec.uses or ""
    return "approval" if node.form == "approvals" else node.form.rstrip("_")


def _do(plan: Plan, node: Node, seen: _Seen, planned: Planned) -> None:
    """What the step would do. Raises `Failed`, `ActionError`."""
    spec = node.spec
    if spec.rollback is not None:
        planned.undo = spec.rollback.uses
    if spec.validate is not None:
        planned.validate = spec.validate.that
    if spec.uses is not None or spec.emit is not None:
        _act(plan, node, seen, planned)
    elif spec.run is not None:
        _run(node, seen, planned)
    elif spec.set_ is not None:
        _set(node, seen, planned)
    elif spec.wait is not None:
        _wait(node, seen, planned)
    elif spec.approvals is not None:
        asked, _ = _rendered(spec.ask or spec.title or spec.id, seen)
        stages = "; ".join(f"{one.quorum} of {', '.join(one.by)}" for one in spec.approvals)
        planned.does = f"asks {stages}: {asked}"
    elif spec.for_each is not None:
        _each(plan, node, seen, planned)
    else:
        _holding(plan, node, seen, planned)


def _act(plan: Plan, node: Node, seen: _Seen, planned: Planned) -> None:
    spec = node.spec
    uses = "event.emit" if spec.emit is not None else spec.uses or ""
    given, why = _rendered(spec.emit if spec.emit is not None else spec.with_, seen)
    planned.inputs = given
    if (lacking := run_acts.beyond(uses, plan.spec.identity, seen.may)) is not None:
        raise Failed(f"run.denied: {uses} needs {lacking}")
    if why is not None:
        planned.why = planned.why or why
        return
    if uses in run_acts.ACTS:
        planned.does = "OnCue does it itself, with the step"
        return
    planned.effect_class = effect_class(uses, given)
    action = registry.action(uses)
    planned.does = action.plan(registry.fit(given, action.inputs))


def _run(node: Node, seen: _Seen, planned: Planned) -> None:
    spec = node.spec.run
    assert spec is not None
    given, why = _rendered(spec.with_, seen)
    planned.inputs = given
    planned.does = f"runs {spec.workflow}" + (", and does not wait for it" if spec.detached else "")
    if why is not None:
        planned.why = planned.why or why
        return
    if seen.depth >= DEPTH_SHOWN:
        planned.why = "it lies too deep to be shown"
        return
    try:
        inner = _workflow(seen.state, seen.namespace, spec.workflow)
        inputs = complete(inner.inputs, stored(given))
    except Refusal as refusal:
        raise Failed(f"{refusal.code}: {refusal.detail}") from refusal
    run = {**seen.variables["run"], "workflow": spec.workflow, "trigger": "run"}
    variables = {"inputs": inputs, "vars": {}, "now": seen.now, "run": run}
    below = _Seen(seen.namespace, seen.state, seen.now, variables, set(), {}, seen.may, depth=seen.depth + 1)
    whole = compiled(inner)
    planned.steps = _block(whole, whole.root.nodes, below, planned.step, certain=planned.verdict == "runs")


def _set(node: Node, seen: _Seen, planned: Planned) -> None:
    planned.inputs = {}
    for name, value in sorted((node.spec.set_ or {}).items()):
        planned.inputs[name], why = _rendered(value, seen)
        if why is not None or planned.verdict == "may run":
            planned.why = planned.why or why
            seen.unknown.add(name)
        else:
            seen.unknown.discard(name)
            seen.variables["vars"] = {**seen.variables["vars"], name: stored(planned.inputs[name])}


def _wait(node: Node, seen: _Seen, planned: Planned) -> None:
    spec = node.spec.wait
    assert spec is not None
    if spec.event is not None:
        about, _ = _rendered(spec.event.resource, seen)
        at = f" about {about}" if about else ""
        until = f", for {spec.timeout} at most" if spec.timeout is not None else ""
        planned.does = f"waits for {' or '.join(spec.event.types)}{at}{until}"
    elif spec.until is not None:
        try:
            planned.does = f"waits until {stored(_known(spec.until, seen))}"
        except _Unknown as unknown:
            planned.does, planned.why = f"waits until {spec.until}", planned.why or str(unknown)
    else:
        planned.does = f"waits for {spec.for_}"


def _each(plan: Plan, node: Node, seen: _Seen, planned: Planned) -> None:
    spec = node.spec.for_each
    assert spec is not None
    inner = node.blocks[""].nodes
    names = tuple(dict.fromkeys(node.names))
    try:
        items = _known(spec.items, seen) if isinstance(spec.items, str) else None
        if items is None:
            items, why = _rendered(spec.items, seen)
            if why is not None:
                raise _Unknown(why)
    except _Unknown as unknown:
        planned.why = planned.why or str(unknown)
        below = _below(seen, names, {spec.as_, "index"}, {})
        planned.steps = _block(plan, inner, below, f"{planned.step}[...]", certain=False)
        return
    if not isinstance(items, list):
        raise Failed(f"for_each: {spec.items} gives {items!r}, no list")
    planned.items = len(items)
    planned.does = f"{len(items)} items, {min(spec.max_parallel, max(1, len(items)))} at the same time"
    for index, item in enumerate(items[:ITEMS_SHOWN]):
        below = _below(seen, names, set(), {spec.as_: item, "index": index})
        key = item if isinstance(item, str) else index
        address = f"{planned.step}[{key}]"
        steps = _block(plan, inner, below, address, certain=planned.verdict == "runs")
        planned.steps.append(Planned(step=address, form="item", verdict=planned.verdict, inputs=item, steps=steps))


def _below(seen: _Seen, names: tuple[str, ...], unknown: set[str], known: dict[str, Any]) -> _Seen:
    """What is known within an item: what is found out there is not known outside."""
    return _Seen(
        seen.namespace, seen.state, seen.now, {**seen.variables, **known}, seen.unknown | unknown, dict(seen.steps),
        seen.may, tuple(name for name in names if name not in VARIABLES), seen.depth, seen.agreed,
    )  # fmt: skip


def _holding(plan: Plan, node: Node, seen: _Seen, planned: Planned) -> None:
    """A step that holds others."""
    certain = planned.verdict == "runs"
    if node.spec.switch is not None:
        _switch(plan, node, seen, planned)
        return
    planned.steps = [
        *_block(plan, node.blocks[""].nodes, seen, planned.step, certain=certain),
        *_closing(plan, node, seen, planned.step, planned.verdict),
    ]


def _closing(plan: Plan, node: Node, seen: _Seen, address: str, verdict: Verdict) -> list[Planned]:
    """What follows a `try`."""
    found = []
    for name in ("catch", "finally"):
        if name in node.blocks:
            below = _below(seen, seen.names, set(), {})
            certain = verdict == "runs" and name == "finally"
            steps = _block(plan, node.blocks[name].nodes, below, address, certain=certain)
            why = "if a step before it fails" if name == "catch" else None
            found.append(
                Planned(
                    step=f"{address}/{name}", form=name, why=why, steps=steps,
                    verdict=verdict if name == "finally" else "may run",
                )
            )  # fmt: skip
    return found


def _switch(plan: Plan, node: Node, seen: _Seen, planned: Planned) -> None:
    certain = planned.verdict == "runs"
    for number, case in enumerate(node.spec.switch or ()):
        verdict: Verdict = "runs" if certain else "may run"
        why = None
        try:
            if case.when is not None:
                _depends(case.when, seen)
                if not holds(case.when, _scope(seen)):
                    continue
        except _Unknown as unknown:
            verdict, why, certain = "may run", str(unknown), False
        steps = _block(plan, node.blocks[str(number)].nodes, seen, planned.step, certain=verdict == "runs")
        when = case.when or "otherwise"
        planned.steps.append(
            Planned(step=f"{planned.step}/{number}", form="case", verdict=verdict, why=why, does=when, steps=steps)
        )
        if verdict == "runs" or case.when is None:
            return
