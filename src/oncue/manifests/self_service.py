"""Checks of what is offered to whom: inputs that are there, schemas that can be checked, stages that differ."""

from collections.abc import Iterator

from oncue.core import inputs
from oncue.core.approval import ApprovalSpec
from oncue.core.errors import Refusal
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding, positive_findings
from oncue.manifests.hidden import narrowed_findings
from oncue.manifests.input_schema import schema_findings
from oncue.manifests.shape import near


def self_service_findings(spec: WorkflowSpec) -> Iterator[Finding]:
    """What of the offer does not hold together."""
    how, path = spec.self_service, ("self_service",)
    if how is None:
        return
    declared = spec.inputs.get("properties", {})
    for member, given in (("inputs", how.inputs), ("fixed", how.fixed)):
        for name in given:
            if name not in declared:
                detail = f"the workflow has no input {name}{near(name, list(declared))}"
                yield Finding((*path, member, name), detail)
    for name, schema in how.inputs.items():
        if name in how.fixed:
            yield Finding((*path, "inputs", name), f"{name} is fixed: nobody gives it")
        yield from schema_findings(schema, (*path, "inputs", name))
        yield from narrowed_findings(schema, (*path, "inputs", name))
    yield from _fixed(spec)
    if how.limit is not None:
        yield from positive_findings(how.limit.within, (*path, "limit", "within"))
    yield from stages_findings(how.approvals, path)


def _fixed(spec: WorkflowSpec) -> Iterator[Finding]:
    """Values that are fixed fit the workflow's schema."""
    how = spec.self_service
    assert how is not None
    whole = spec.inputs.get("properties", {})
    if not isinstance(whole, dict) or not all(isinstance(one, dict) for one in whole.values()):
        return
    for name, value in how.fixed.items():
        if name in whole and not list(inputs.faults(whole[name])):
            try:
                inputs.complete({"type": "object", "properties": {name: whole[name]}}, {name: value})
            except Refusal as refusal:
                yield Finding(("self_service", "fixed", name), refusal.detail)


def stages_findings(stages: list[ApprovalSpec], path: Path_) -> Iterator[Finding]:
    """Each stage of an approval has a name of its own, some time, and as many people as must agree."""
    for index, one in enumerate(stages):
        at: Path_ = (*path, "approvals", index)
        if one.stage in [other.stage for other in stages[:index]]:
            yield Finding((*at, "stage"), f"there is another stage {one.stage}", "workflow.duplicate_name")
        yield from positive_findings(one.expires, (*at, "expires"))
        people = set(one.by)
        if one.quorum > len(people) and all(name.startswith("user:") for name in people):
            yield Finding((*at, "quorum"), f"{one.quorum} must agree, and {len(people)} may")
