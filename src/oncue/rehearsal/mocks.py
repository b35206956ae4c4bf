"""What a test says that actions come to, compared with the manifests that it is about: a name that none of them has would leave
the action to succeed, and the test to prove nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from oncue.core import plan as plans
from oncue.core.plan import Plan
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests import Document
from oncue.manifests.document import Path_
from oncue.manifests.shape import Misfit, near
from oncue.rehearsal.cases import Story

_CHANGES: Final = frozenset({"Change", "ChangeTemplate"})
"""Kinds whose steps become workflows of names that nobody wrote."""


def misnamed(test: Story, documents: list[Document]) -> list[Misfit]:
    """The names of actions and steps in the test that the manifests do not have."""
    workflows = {
        one.name: plans.compiled(msgspec.convert(one.spec, WorkflowSpec)) for one in documents if one.kind == "Workflow"
    }
    changes = any(one.kind in _CHANGES for one in documents)
    places: list[tuple[Path_, Mapping[str, Any]]] = [(("spec", "actions"), test.actions)]
    places += [(("spec", "cases", number, "actions"), case.actions) for number, case in enumerate(test.cases)]
    return [
        Misfit((*path, name), wrong)
        for path, actions in places
        for name in actions
        if (wrong := _wrong(name, workflows, changes)) is not None
    ]


def _wrong(name: str, workflows: Mapping[str, Plan], changes: bool) -> str | None:
    workflow, of_step, address = name.partition("/")
    plan = workflows.get(workflow)
    if of_step and plan is not None:
        step = address.partition("~")[0].rpartition("/")[2].partition("[")[0]
        if step not in plan.nodes:
            return f"Workflow {workflow} has no step {step}{near(step, plan.nodes)}"
    elif of_step and not changes:
        return f"there is no Workflow {workflow} in the manifests{near(workflow, workflows)}"
    elif not of_step and not changes:
        called = sorted({one for plan in workflows.values() for one in _called(plan)})
        if name not in called:
            return f"no step calls {name}{near(name, called)}"
    return None


def _called(plan: Plan) -> Iterator[str]:
    for node in plan.nodes.values():
        if node.spec.uses is not None:
            yield node.spec.uses
        if node.spec.rollback is not None:
            yield node.spec.rollback.uses
        for _, look in plans.validations(node.spec):
            if look.uses is not None:
                yield look.uses
