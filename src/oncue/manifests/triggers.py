"""Checks of what starts a workflow by itself."""

from collections.abc import Iterator

from oncue.core import trigger
from oncue.core.condition import Match
from oncue.core.errors import Refusal
from oncue.core.trigger import Trigger
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.expressions import templates
from oncue.manifests.finding import Finding
from oncue.manifests.hidden import given_findings
from oncue.manifests.selectors import selector_findings
from oncue.manifests.shape import near


def trigger_findings(spec: WorkflowSpec) -> Iterator[Finding]:
    """What of the triggers does not hold together."""
    for index, one in enumerate(spec.triggers):
        path: Path_ = ("triggers", index)
        if any(other.id == one.id for other in spec.triggers[:index]):
            yield Finding((*path, "id"), f"there is another trigger {one.id}")
        try:
            trigger.check(one)
        except Refusal as refusal:
            yield Finding(path if one.schedule is None else (*path, "schedule"), refusal.detail)
        if one.event is not None:
            yield from selector_findings(one.event, (*path, "event"))
            if one.event == Match():
                yield Finding((*path, "event"), "it is empty: every event starts a run", level="warning")
        yield from templates(one.with_, (*path, "with"))
        yield from _inputs(spec, one, path)


def _inputs(spec: WorkflowSpec, one: Trigger, path: Path_) -> Iterator[Finding]:
    """It gives what the workflow needs, and nothing that it does not know."""
    declared = spec.inputs.get("properties", {})
    required = spec.inputs.get("required", [])
    if not isinstance(declared, dict) or not isinstance(required, list):
        return
    yield from given_findings(spec.inputs, one.with_, (*path, "with"))
    for name in required:
        if name not in one.with_:
            yield Finding(path, f"it does not give the input {name}, which the workflow needs")
    if not spec.inputs.get("additionalProperties"):
        for name in one.with_:
            if name not in declared:
                yield Finding((*path, "with", name), f"the workflow has no input {name}{near(name, list(declared))}")
