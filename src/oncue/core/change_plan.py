"""The plan of a change: its targets as they are now, in waves, and the workflow that changes them.

There is no second engine: a change runs as a run of the workflow that is made here, whose hash is what people agree to.
"""

import math
from datetime import datetime
from typing import Any, Final

import msgspec

from oncue.core import change_risk, change_rules
from oncue.core import plan as plans
from oncue.core.change import Change, ChangePlan, Risk, Wave
from oncue.core.change_spec import RESERVED, ChangeTargets, ChangeTemplateSpec, Waves
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.inputs import complete
from oncue.core.recursion import runs_of
from oncue.core.spec import content_hash
from oncue.core.state import State
from oncue.core.workflow_spec import ForEach, OnFailure, StepSpec, Validate, WorkflowSpec

CLEAR: Final = "change.clear"
"""The act by which a wave asks whether it may begin."""
BAKE_EVERY_S: Final = 10.0
_SCOPES: Final = {"none": "none", "target": "item", "wave": "batch", "all": "all"}


def made(state: State, change: Change, at: datetime) -> tuple[ChangePlan, Risk]:
    """The plan as it would be made now, and how risky it is to begin with it then. Raises `Refusal` change.targets, change.steps,
    workflow.inputs_invalid."""
    spec = change.spec
    complete(spec.inputs, change.inputs)
    found = _targets(state, change)
    waves = _waves(found, spec.waves, _spread(state, change.namespace, spec.waves.spread_by))
    workflows = workflows_of(state, change)
    unknown = tuple(name for name in found if state.topology.node(change.namespace, name) is None)
    if stale := config_stale(state, change):
        raise Refusal("manifest.changed_meanwhile", "; ".join(stale))
    plan = ChangePlan("", waves, unknown, workflows)
    risk = change_risk.of(state, change, plan, at)
    plan = msgspec.structs.replace(plan, approvals=change_rules.stages(state, change, risk.level))
    added = [one for one in plan.approvals if one not in spec.approvals]
    if added:
        risk = change_risk.with_rules(risk, change_rules.said(added))
    return msgspec.structs.replace(plan, hash=content_hash(agreed(change, plan))), risk


def agreed(change: Change, plan: ChangePlan) -> list[Any]:
    """What people agree to: the plan's hash is that of this."""
    spec = change.spec
    does = msgspec.to_builtins(workflow_of(change, plan.waves))
    rules = [spec.window, plan.approvals, spec.preconditions, spec.expects, spec.review, change.not_before]
    found = [does, change.inputs, change.type, msgspec.to_builtins(rules), plan.workflows]
    if change.configuration:
        found.append([msgspec.to_builtins(change.configuration), change.force])
    return found


def config_stale(state: State, change: Change) -> list[str]:
    """Of a change of configuration, which manifests are not as they were when it was proposed."""
    return [
        f"{one.edit.id} is at generation {_generation(state, one.edit.id)}, and was at {one.edit.based_on} when this was proposed"
        for one in change.configuration
        if _generation(state, one.edit.id) != one.edit.based_on
    ]


def _generation(state: State, manifest: str) -> int:
    known = state.manifests.get(manifest)
    return known.generation if known is not None else 0


def _targets(state: State, change: Change) -> tuple[str, ...]:
    spec = change.spec.targets
    found = eligible(state, change)
    if change.wanted:
        beyond = [name for name in change.wanted if name not in found]
        if beyond:
            raise Refusal(
                "change.targets", f"{', '.join(beyond[:5])}: none of the {len(found)} targets that it may have"
            )
        found = [name for name in found if name in set(change.wanted)]
    if not found:
        raise Refusal("change.targets", "nothing in the catalogue fits, and nothing is named")
    if len(found) > spec.at_most:
        raise Refusal("change.targets", f"{len(found)} targets; at most {spec.at_most} are allowed (targets.at_most)")
    if strange := [name for name in found if "${" in name]:
        raise Refusal("change.targets", f"{strange[0]!r} is no name of a target")
    return tuple(found)


def eligible(state: State, change: Change) -> list[str]:
    """What it may have for targets now, however many those are."""
    spec = change.spec.targets
    return list(dict.fromkeys([*spec.names, *_fitting(state, change.namespace, spec)]))


def _fitting(state: State, namespace: str, wanted: ChangeTargets) -> list[str]:
    if not wanted.labels and wanted.type is None and wanted.service is None:
        return []
    found = []
    for node in state.topology.nodes(namespace):
        if node.is_service:
            continue
        spec = state.manifests[f"Resource/{namespace}/{node.name}"].spec
        labels = spec.get("labels") or {}
        if (
            (wanted.type is None or node.type == wanted.type)
            and (wanted.service is None or spec.get("service") == wanted.service)
            and all(labels.get(name) in values for name, values in wanted.labels.items())
        ):
            found.append(node.name)
    return found


def _spread(state: State, namespace: str, label: str | None) -> dict[str, str]:
    """Resource to its value of the label."""
    if label is None:
        return {}
    nodes = (node for node in state.topology.nodes(namespace) if not node.is_service)
    labels = (
        (node.name, state.manifests[f"Resource/{namespace}/{node.name}"].spec.get("labels") or {}) for node in nodes
    )
    return {name: found[label] for name, found in labels if label in found}


def _waves(targets: tuple[str, ...], how: Waves, value_of: dict[str, str]) -> tuple[Wave, ...]:
    left = _in_turn(targets, value_of) if value_of else list(targets)
    found: list[Wave] = []
    if how.canary and len(left) > how.canary:
        found.append(Wave("canary", tuple(left[: how.canary])))
        left = left[how.canary :]
    size = float(how.then if isinstance(how.then, int) else max(1, plans.tolerated(how.then, len(targets))))
    while left:
        many = math.floor(size)
        number = len(found) + (not found or found[0].name != "canary")
        found.append(Wave(f"wave-{number}", tuple(left[:many])))
        left, size = left[many:], size * how.growth
    return tuple(found)


def _in_turn(targets: tuple[str, ...], value_of: dict[str, str]) -> list[str]:
    """One of each value, then another of each, and so on."""
    by_value: dict[str, list[str]] = {}
    for name in targets:
        by_value.setdefault(value_of.get(name, ""), []).append(name)
    turns = max(map(len, by_value.values()))
    return [names[turn] for turn in range(turns) for names in by_value.values() if turn < len(names)]


def workflows_of(state: State, change: Change) -> dict[str, str]:
    """What its steps run, and what that runs, each with its version. Raises `Refusal` change.steps."""
    found: dict[str, str] = {}
    left = [one.name for one in runs_of(WorkflowSpec(steps=change.spec.steps))]
    while left:
        name = left.pop()
        manifest = state.manifests.get(f"Workflow/{change.namespace}/{name}")
        if manifest is None:
            raise Refusal("change.steps", f"the workflow {name}, which a step runs, is not there")
        if name not in found:
            found[name] = manifest.hash
            left += [one.name for one in runs_of(msgspec.convert(manifest.spec, WorkflowSpec))]
    return dict(sorted(found.items()))


def workflow_of(change: Change, waves: tuple[Wave, ...]) -> WorkflowSpec:
    """What is run."""
    spec, how = change.spec, change.spec.waves
    each = StepSpec(
        id="targets", title="Targets of the wave", steps=spec.steps,
        for_each=ForEach(
            items="wave.targets", as_="target", key="target", max_parallel=how.max_parallel, max_failures=how.max_failures
        ),
    )  # fmt: skip
    inner = [StepSpec(id="clear", title="May it go on?", uses=CLEAR, with_={"targets": "${wave.targets}"}), each]
    if how.gate:
        title = change.title.replace("${", "${'$'}{")  # of people: it means no expression
        asked = f"{change.id} {title}: go on with ${{wave.name}}?"
        inner.insert(0, StepSpec(id="gate", title="Gate", if_="index > 0", approvals=how.gate, ask=asked))
    if how.bake is not None:
        inner.append(_bake("bake", "The wave stays well", change, how.bake))
    items: list[Any] = [{"name": wave.name, "targets": list(wave.targets)} for wave in waves]
    steps = [
        StepSpec(id="waves", title="Waves", for_each=ForEach(items=items, as_="wave", key="wave.name"), steps=inner)
    ]
    if spec.bake is not None:
        steps.append(_bake("bake_end", "All targets stay well", change, spec.bake))
    after = spec.on_failure
    return WorkflowSpec(
        description=change.title, inputs=spec.inputs, timeout=spec.timeout, steps=steps,
        on_failure=OnFailure(
            rollback=_SCOPES[after.rollback], pause=after.pause, notify=after.notify,  # type: ignore[arg-type]
            pause_for="1s" if after.pause and after.rollback != "none" else None,
        ),
    )  # fmt: skip


def _bake(id: str, title: str, change: Change, lasts: str) -> StepSpec:
    every = min(BAKE_EVERY_S, max(seconds(lasts) / 4, 0.1))
    well = Validate(
        that=f"change_alerts('{change.id}', timestamp(steps.{id}.outputs.since)) == 0", every=_written(every),
        within=_written(seconds(lasts) * 2 + 60), lasting=lasts, failure_limit=1,
    )  # fmt: skip
    return StepSpec(id=id, title=title, set_={}, outputs={"since": "now"}, validate=well)


def _written(duration_s: float) -> str:
    """As a manifest would have it: the days that a bake may last are no power of ten."""
    return f"{duration_s:.12g}s"


def check(spec: ChangeTemplateSpec) -> None:
    """What a schema cannot say. Raises `Refusal` change.steps."""
    taken = sorted(RESERVED & set(plans.compiled(WorkflowSpec(steps=spec.steps)).nodes))
    if taken:
        raise Refusal("change.steps", f"{', '.join(taken)}: a change has steps of its own that are called so")
    if spec.type != "standard" and not spec.approvals:
        raise Refusal("change.steps", f"a {spec.type} change names who must agree, in approvals")
    if spec.type == "emergency" and len(spec.approvals) > 1:
        raise Refusal("change.steps", "an emergency change is approved in one stage")
    targets = spec.targets
    if not (targets.names or targets.labels or targets.type or targets.service):
        raise Refusal("change.steps", "targets says what is changed: names, labels, type or service")
