"""What a schema cannot say of a workflow: that its steps are whole, in an order that works, and speak of what is there."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from oncue.core import plan as plans
from oncue.core import run_acts
from oncue.core.duration import seconds
from oncue.core.expression import VARIABLES
from oncue.core.plan import FORMS, Node, Plan
from oncue.core.workflow_spec import DEPTH_LIMIT, Retry, StepSpec, Validate, WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.expressions import compiles, templates
from oncue.manifests.finding import Finding, interval_findings, positive_findings
from oncue.manifests.hidden import hidden_findings, partial_findings
from oncue.manifests.idle import idle_findings
from oncue.manifests.input_schema import schema_findings
from oncue.manifests.plugins import done_once, fits, uses, written_out
from oncue.manifests.scopes import BEFORE_RUNS, absent, of_plan, read, undeclared
from oncue.manifests.self_service import self_service_findings, stages_findings
from oncue.manifests.shape import near
from oncue.manifests.triggers import trigger_findings
from oncue.sdk import registry

_WORDS: Final = {form: form.rstrip("_") for form in FORMS}
_ONLY: Final[dict[str, tuple[str, ...]]] = {
    "with_": ("uses",),
    "timeout": ("uses",),
    "labels": ("uses",),
    "start_within": ("uses",),
    "heartbeat": ("uses",),
    "retry": ("uses",),
    "rollback": ("uses", "run"),
    "irreversible": ("uses",),
    "validate": ("uses", "set_", "emit", "run", "steps", "parallel"),
    "for_each": ("steps",),
    "catch": ("try_",),
    "finally_": ("try_",),
    "ask": ("approvals",),
}
"""Members that mean something only beside one of these forms."""
_CONDITIONS: Final = ("if", "when", "that", "where", "inconclusive")
"""Members that are true or false."""
_GLOB: Final = frozenset("*?[")


def workflow_findings(spec: WorkflowSpec) -> Iterator[Finding]:
    """Everything in a workflow that does not hold together by itself."""
    yield from _inputs(spec.inputs)
    yield from positive_findings(spec.timeout, ("timeout",))
    yield from positive_findings(spec.stuck_after, ("stuck_after",))
    yield from positive_findings(spec.on_failure.pause_for, ("on_failure", "pause_for"))
    if spec.concurrency is not None:
        yield from _keys(spec, spec.concurrency.by, ("concurrency", "by"))
        yield from positive_findings(spec.concurrency.queue_timeout, ("concurrency", "queue_timeout"))
    yield from templates(spec.labels, ("labels",))
    for place, text in plans.expressions_at(spec.labels, ("labels",)):
        yield from absent(read(text), BEFORE_RUNS, place)
        yield from undeclared(read(text), spec.inputs, place)
    if spec.rate is not None:
        yield from positive_findings(spec.rate.within, ("rate", "within"))
        yield from _keys(spec, spec.rate.by, ("rate", "by"))
    yield from trigger_findings(spec)
    yield from self_service_findings(spec)
    if deep := list(_deep(spec)):
        yield from deep
        return
    if twice := list(_twice(spec)):
        yield from twice
        spec = _told_apart(spec, [finding.path for finding in twice])
    plan = plans.compiled(spec)
    for node in plan.nodes.values():
        yield from _step(plan, node)
        yield from partial_findings(spec, node)
    yield from _flow(plan)
    yield from idle_findings(plan)
    yield from _speaks(plan)
    for name, text in spec.outputs.items():
        yield from compiles(text, ("outputs", name))
        yield from of_plan(plan, text, ("outputs", name), frozenset(plan.nodes))


def _keys(spec: WorkflowSpec, by: list[str], path: Path_) -> Iterator[Finding]:
    """What runs are counted by is known before they begin."""
    for index, text in enumerate(by):
        yield from compiles(text, (*path, index))
        yield from absent(read(text), BEFORE_RUNS, (*path, index))
        yield from undeclared(read(text), spec.inputs, (*path, index))


def _all(spec: WorkflowSpec) -> Iterator[tuple[StepSpec, Path_, int]]:
    """Every step, with its place and how deep it lies."""
    left: list[tuple[StepSpec, Path_, int]] = [(step, ("steps", index), 1) for index, step in enumerate(spec.steps)]
    while left:
        step, path, depth = left.pop(0)
        yield step, path, depth
        for _, member, inner in plans.blocks_of(step):
            left += [(one, (*path, *member, index), depth + 1) for index, one in enumerate(inner)]


def _twice(spec: WorkflowSpec) -> Iterator[Finding]:
    seen: dict[str, Path_] = {}
    for step, path, _ in _all(spec):
        if step.id in seen:
            yield Finding(
                (*path, "id"),
                f"there is another step {step.id}; ids are unique in a workflow",
                "workflow.duplicate_name",
            )
        seen[step.id] = path


def _told_apart(spec: WorkflowSpec, places: list[Path_]) -> WorkflowSpec:
    """The workflow with other ids at these places, so that the rest of it can be looked at."""
    value = msgspec.to_builtins(spec)
    for number, place in enumerate(places):
        step: Any = value
        for part in place[:-1]:
            step = step[part]
        step["id"] = f"again_{number}_{step['id']}"[:63]
    return msgspec.convert(value, WorkflowSpec)


def _deep(spec: WorkflowSpec) -> Iterator[Finding]:
    for _, path, depth in _all(spec):
        if depth > DEPTH_LIMIT:
            yield Finding(
                path, f"it lies in {depth - 1} others; at most {DEPTH_LIMIT - 1} are allowed", "workflow.step_form"
            )
            return


def _step(plan: Plan, node: Node) -> Iterator[Finding]:
    """A step by itself: its form, its expressions, what it gives to its action."""
    spec, path, names = node.spec, node.place, tuple(dict.fromkeys(node.names))
    given = _forms(spec)
    if len(given) != 1:
        those = f"it has {' and '.join(_WORDS[one] for one in given)}" if given else "it has none"
        yield Finding(path, f"give exactly one of {', '.join(_WORDS.values())}; {those}", "workflow.step_form")
    for member, forms in _ONLY.items():
        if getattr(spec, member) != _default(member) and not set(forms) & set(given):
            detail = f"it means nothing without {' or '.join(_WORDS[one] for one in forms)}"
            if member == "with_" and spec.run is not None:
                detail = f"what another workflow is given stands in `run`: write run: {{workflow: {spec.run.workflow}, with: {{...}}}}"
            yield Finding((*path, member.rstrip("_")), detail, "workflow.step_form")
    around = tuple(name for one in node.above for name in ((one.spec.for_each.as_,) if one.spec.for_each else ()))
    for place, text in plans.written(spec):
        inner = names if place[:2] == ("for_each", "key") else around
        expected = "bool" if place[0] != "outputs" and place[-1] in _CONDITIONS else None
        yield from compiles(text, (*path, *place), expected, inner)
    for place, value in plans.templates(spec):
        yield from templates(value, (*path, *place), around)
    if spec.uses is not None:
        yield from uses(spec.uses, registry.ACTIONS, registry.ENGINE_ACTIONS, (*path, "uses"), "action.unknown")
        yield from _given(spec.uses, spec.with_, (*path, "with"))
        if spec.labels is not None and spec.uses in registry.ENGINE_ACTIONS:
            yield Finding((*path, "labels"), f"they mean nothing: no worker does {spec.uses}, OnCue does it itself")
        for member in ("timeout", "start_within", "heartbeat"):
            yield from positive_findings(getattr(spec, member), (*path, member))
        yield from _retried(spec.retry, (*path, "retry"))
    yield from _parts(plan, node, around)


def _given(action: str, given: dict[str, Any], path: Path_) -> Iterator[Finding]:
    yield from fits(action, registry.ACTIONS, given, path)
    yield from written_out(action, given, path)


def _default(member: str) -> Any:
    return getattr(_PLAIN, member)


_PLAIN: Final = StepSpec(id="plain")


def _retried(retry: Retry | None, path: Path_) -> Iterator[Finding]:
    if retry is not None:
        yield from interval_findings(retry.initial, (*path, "initial"))
        yield from interval_findings(retry.max_delay, (*path, "max_delay"))


def _parts(plan: Plan, node: Node, around: tuple[str, ...]) -> Iterator[Finding]:
    """What belongs to a step's form."""
    spec, path = node.spec, node.place
    if spec.for_each is not None and (spec.for_each.as_ in VARIABLES or spec.for_each.as_ in around):
        yield Finding(
            (*path, "for_each", "as"),
            f"{spec.for_each.as_} is something else already; call the item otherwise",
            "workflow.duplicate_name",
        )
    if spec.try_ is not None and spec.catch is None and spec.finally_ is None:
        yield Finding((*path, "try"), "it needs catch or finally", "workflow.step_form")
    if spec.wait is not None:
        given = [name for name in ("for_", "until", "event") if getattr(spec.wait, name) is not None]
        if len(given) != 1:
            yield Finding((*path, "wait"), "give exactly one of for, until and event", "workflow.step_form")
        if spec.wait.timeout is not None and spec.wait.event is None:
            yield Finding((*path, "wait", "timeout"), "only a wait for an event has a timeout", "workflow.step_form")
        yield from positive_findings(spec.wait.for_, (*path, "wait", "for"))
        yield from positive_findings(spec.wait.timeout, (*path, "wait", "timeout"))
        if spec.wait.event is not None:
            yield from _exact(spec.wait.event.types, (*path, "wait", "event", "types"))
    if spec.emit is not None:
        yield from fits("event.emit", registry.ACTIONS, spec.emit, (*path, "emit"))
    if spec.rollback is not None:
        yield from _outside(spec.rollback.uses, (*path, "rollback", "uses"), "undo: write it as a step in a `catch`")
        yield from _given(spec.rollback.uses, spec.rollback.with_, (*path, "rollback", "with"))
        yield from positive_findings(spec.rollback.timeout, (*path, "rollback", "timeout"))
        yield from _retried(spec.rollback.retry, (*path, "rollback", "retry"))
        if spec.irreversible:
            yield Finding((*path, "irreversible"), "it has a rollback: one of the two is wrong", "workflow.rollback")
    yield from stages_findings(spec.approvals or [], path)
    act = "event.emit" if spec.emit is not None else spec.uses or ""
    if (lacking := run_acts.beyond(act, plan.spec.identity, None)) is not None:
        yield Finding(path, f"{act} needs {lacking}; the workflow acts as {plan.spec.identity}", "workflow.identity")
    yield from _validated(plan, node)


def _exact(types: list[str], path: Path_) -> Iterator[Finding]:
    """Waits are found by the exact type of an event."""
    for index, type in enumerate(types):
        if not type:
            yield Finding((*path, index), "it is empty: write the type of an event, as volume.resized")
        elif set(type) & _GLOB:
            detail = (
                f"{type!r} is a pattern, and a wait is for exact types: write each, as [volume.resized, volume.failed]"
            )
            yield Finding((*path, index), detail)


def _validated(plan: Plan, node: Node) -> Iterator[Finding]:
    """What must hold of a step, when, and what it is compared with."""
    spec, path, during = node.spec, node.place, list[Path_]()
    for place, one in plans.validations(spec):
        yield from _validation(plan, node, one, (*path, *place))
        yield from _compared(one, node.names, (*path, *place))
        if place[0] == "rollback" and one.when != "after":
            yield Finding(
                (*path, *place, "when"),
                "what undoes a step is validated after it; leave `when` out",
                "workflow.validation",
            )
        elif "during" in one.when:
            during.append((*path, *place, "when"))
    if during and not {"uses", "run"} & set(_forms(spec)):
        yield Finding(
            during[0],
            "only a step that calls an action, or runs a workflow, lasts: `during` is for those",
            "workflow.validation",
        )
    for place in during[1:]:
        yield Finding(
            place, "one validation looks while the step runs; put both into one `that`", "workflow.validation"
        )


def _compared(spec: Validate, names: tuple[str, ...], path: Path_) -> Iterator[Finding]:
    """What a validation calls `baseline` was found before."""
    if not plans.compares(spec, names):
        return
    at = (*path, "that" if plans.speaks_of_baseline(spec.that, names) else "inconclusive")
    if "before" not in spec.when or spec.when in ("before", ["before"]):
        yield Finding(
            at,
            "baseline is what was found before the step, to look at later: write `when: [before, after]`",
            "workflow.validation",
        )
    elif spec.uses is None and spec.repeat is None:
        yield Finding(
            at, "baseline is what an action found before the step: give uses, or repeat", "workflow.validation"
        )


def _forms(spec: StepSpec) -> list[str]:
    return [form for form in FORMS if getattr(spec, form) is not None]


def _validation(plan: Plan, node: Node, spec: Validate, path: Path_) -> Iterator[Finding]:
    yield from interval_findings(spec.every, (*path, "every"))
    yield from positive_findings(spec.within, (*path, "within"))
    if spec.lasting is not None and seconds(spec.lasting) > seconds(spec.within):
        yield Finding(
            (*path, "lasting"), f"it would have to hold for longer than it is looked, {spec.within}", "workflow.timing"
        )
    if spec.repeat is not None and spec.uses is not None:
        yield Finding(path, "give repeat or uses, not both", "workflow.validation")
    if spec.repeat is not None:
        yield from _repeated(plan, node, spec.repeat, (*path, "repeat"))
    if spec.uses is not None:
        yield from _outside(spec.uses, (*path, "uses"), _LOOKS)
        yield from _given(spec.uses, spec.with_, (*path, "with"))


def _repeated(plan: Plan, node: Node, id: str, path: Path_) -> Iterator[Finding]:
    """What is called again to look was done before, and does no harm when it is done again."""
    looker, before = plan.nodes.get(id), plans.before(plan, node)
    if looker is None or looker.spec.uses is None:
        calls = [one.id for one in before if one.spec.uses is not None]
        yield Finding(path, f"{id} is no step that calls an action{near(id, calls)}", "workflow.unknown_step")
    elif looker not in before:
        detail = f"{id} need not have run when {node.id} has: name a step before it, where it lies or around that"
        yield Finding(path, f"{detail}, or give uses and with", "workflow.unknown_step")
    elif looker.spec.uses in registry.ENGINE_ACTIONS:
        yield from _outside(looker.spec.uses, path, _LOOKS)
    elif done_once(looker.spec.uses, looker.spec.with_):
        detail = (
            f"{id} calls {looker.spec.uses}, which must not be done twice (at-most-once): name a step that only looks"
        )
        yield Finding(path, f"{detail}, or say by `effect_class` in its `with` that it may be", "workflow.validation")


_LOOKS: Final = "look: write it as a step before, and `that` alone over what it gave"


def _outside(name: str, path: Path_, what: str) -> Iterator[Finding]:
    """An action that a worker calls; `what` is for what it is to be called, and what to write for one of the engine's."""
    if name in registry.ENGINE_ACTIONS:
        yield Finding(path, f"the engine does {name} itself, as a step, and cannot call it to {what}", "action.unknown")
    else:
        yield from uses(name, registry.ACTIONS, (), path, "action.unknown")


def _flow(plan: Plan) -> Iterator[Finding]:
    """What can never be reached."""
    for node in plan.nodes.values():
        for number, case in enumerate(node.spec.switch or ()):
            if case.when is None and number + 1 < len(node.spec.switch or ()):
                yield Finding(
                    (*node.place, "switch", number),
                    "the cases after it are never reached: it has no `when`",
                    "workflow.unreachable",
                )


def _speaks(plan: Plan) -> Iterator[Finding]:
    """Expressions speak of steps that come before, inputs that are declared, and variables that are set."""
    before: set[str] = set()

    def block(nodes: tuple[Node, ...], together: bool) -> Iterator[Finding]:
        begun = frozenset(before)
        for node in nodes:
            known = begun if together else frozenset(before)
            for place, text in plans.placed(node.spec):
                own = {node.id} if place[0] in ("outputs", "validate", "rollback") else set()
                yield from of_plan(plan, text, (*node.place, *place), known | own, node)
            for inner in node.blocks.values():
                yield from block(inner.nodes, node.form == "parallel")
            before.add(node.id)

    yield from block(plan.root.nodes, together=False)


def _inputs(schema: dict[str, Any]) -> Iterator[Finding]:
    if not schema:
        return
    if schema.get("type") != "object":
        yield Finding(("inputs",), "it is a JSON Schema with type: object", "workflow.inputs_schema")
    found = False
    for one in schema_findings(schema, ("inputs",), "workflow.inputs_schema"):
        found = True
        yield one
    yield from hidden_findings(schema)
    properties = schema.get("properties", {})
    for index, name in enumerate([] if found else schema.get("required", [])):
        if name not in properties and not schema.get("additionalProperties"):
            yield Finding(
                ("inputs", "required", index),
                f"{name} is not one of properties{near(name, list(properties))}",
                "workflow.inputs_schema",
            )
