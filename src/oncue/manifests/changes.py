"""What a schema cannot say of changes: their steps hold together as a workflow's do, and name what is there."""

from collections.abc import Iterator

from oncue.core import change_calendar, change_checks, change_plan, change_rules
from oncue.core import plan as plans
from oncue.core.change_spec import (
    ChangeCalendarSpec,
    ChangeFailure,
    ChangeRuleSpec,
    ChangeTemplateSpec,
    PlannedChangeSpec,
)
from oncue.core.duration import length_s
from oncue.core.errors import Refusal
from oncue.core.workflow_spec import ForEach, StepSpec, WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.expressions import compiles
from oncue.manifests.finding import Finding, past_findings, positive_findings
from oncue.manifests.hidden import told_findings
from oncue.manifests.self_service import stages_findings
from oncue.manifests.workflows import workflow_findings

_WITHIN: Path_ = ("steps", 0, "steps")
"""Where the steps stand in the workflow that is checked in their place."""


def template_findings(spec: ChangeTemplateSpec) -> Iterator[Finding]:
    """Everything in a template that does not hold together by itself."""
    try:
        change_plan.check(spec)
    except Refusal as refusal:
        yield Finding((), refusal.detail, refusal.code)
    each = StepSpec(id="targets", steps=spec.steps, for_each=ForEach(items=["target"], as_="target"))
    for found in workflow_findings(WorkflowSpec(inputs=spec.inputs, timeout=spec.timeout, steps=[each])):
        path = found.path
        if path[: len(_WITHIN)] == _WITHIN:
            path = ("steps", *path[len(_WITHIN) :])
        yield Finding(path, found.detail, found.code, found.level)
    yield from told_findings(spec.inputs)
    yield from stages_findings(spec.approvals, ())
    yield from positive_findings(spec.bake, ("bake",))
    yield from positive_findings(spec.waves.bake, ("waves", "bake"))
    bakes = length_s(spec.bake or "0s") + length_s(spec.waves.bake or "0s")
    if bakes and bakes >= length_s(spec.timeout):
        yield Finding(("timeout",), f"the change is over after {spec.timeout}, and is to bake for longer than that")
    for index, one in enumerate(spec.expects):
        yield from positive_findings(one.at_most, ("expects", index, "at_most"))
    if spec.preconditions.that is not None:
        yield from compiles(spec.preconditions.that, ("preconditions", "that"), "bool", change_checks.THAT)
    nodes = plans.compiled(WorkflowSpec(steps=spec.steps)).nodes.values()
    acts = [node for node in nodes if node.spec.uses is not None and not node.spec.irreversible]
    if spec.on_failure.rollback != "none" and acts and all(node.spec.rollback is None for node in acts):
        said = f"nothing undoes {', '.join(node.id for node in acts)}; give `rollback`, or say `irreversible: true`"
        yield Finding(("on_failure",) if spec.on_failure != ChangeFailure() else ("steps",), said, level="warning")


def change_findings(spec: PlannedChangeSpec) -> Iterator[Finding]:
    """Everything in a change that does not hold together by itself."""
    if (spec.template is None) == (spec.plan is None):
        yield Finding((), "give template or plan, and not both", "change.template")
    if spec.plan is not None:
        for found in template_findings(spec.plan):
            yield Finding(("plan", *found.path), found.detail, found.code, found.level)


def rule_findings(spec: ChangeRuleSpec) -> Iterator[Finding]:
    """Stages that nobody could pass, an emergency that would have several, and a protection that could be taken away."""
    try:
        change_rules.check(spec)
    except Refusal as refusal:
        yield Finding(("open_kinds",), refusal.detail.removeprefix("open_kinds: "), refusal.code)
    yield from stages_findings(spec.approvals, ())
    if "emergency" in spec.types and len(spec.approvals) > 1:
        said = "an emergency change is approved in one stage; give the other types a rule of their own"
        yield Finding(("approvals", 1), said)


def calendar_findings(spec: ChangeCalendarSpec) -> Iterator[Finding]:
    """Windows and freezes that never are, come no more, or cost too much to follow. Those that are once stay in the calendar when
    they have passed."""
    for member, times in (("windows", spec.windows), ("freezes", spec.freezes)):
        for index, one in enumerate(times):
            try:
                change_calendar.check(ChangeCalendarSpec(windows=[one]))
            except Refusal as refusal:
                yield Finding((member, index), refusal.detail, refusal.code)
            else:
                yield from past_findings(one, (member, index)) if one.rrule is not None else ()
