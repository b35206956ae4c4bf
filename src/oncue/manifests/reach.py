"""What a rollback does not reach: steps that run another workflow, whose own steps say what undoes them.

What a run undoes are its own steps. Whoever asks for a rollback and has a part of the work done by another workflow should
know that before they need it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from oncue.core import plan as plans
from oncue.core.change_spec import ChangeTemplateSpec, PlannedChangeSpec
from oncue.core.manifest import KINDS
from oncue.core.plan import Node
from oncue.core.workflow_spec import StepSpec, SubRun, WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding

CALLING: Final = ("Workflow", "ChangeTemplate", "Change")
"""Kinds whose steps may run workflows."""
_Workflows = Mapping[tuple[str, str], Any]
"""Specs as they are written, by namespace and name."""


def out_of_reach(
    given: Sequence[tuple[str, str, str, Any]], known: Sequence[tuple[str, str, str, Any]]
) -> Iterator[tuple[int, Finding]]:
    """(index, which step runs what cannot be undone from there), of manifests that are each sound: (kind, namespace, name, spec).
    Workflows that are neither among them nor `known` are nobody's doubt."""
    workflows = {(namespace, name): spec for kind, namespace, name, spec in (*known, *given) if kind == "Workflow"}
    for index, (kind, namespace, _, spec) in enumerate(given):
        if kind in CALLING:
            for path, steps in _undone(msgspec.convert(spec, KINDS[kind])):
                for node, called in _calls(steps):
                    yield from ((index, found) for found in _doubts(workflows, namespace, (*path, *node.place), called))


def _undone(spec: Any) -> Iterator[tuple[Path_, list[StepSpec]]]:
    """The steps that are to be undone when they fail, with what stands before their place."""
    if isinstance(spec, PlannedChangeSpec):
        if spec.plan is not None:
            yield from ((("spec", "plan"), steps) for _, steps in _undone(spec.plan))
    elif isinstance(spec, WorkflowSpec | ChangeTemplateSpec) and spec.on_failure.rollback != "none":
        yield ("spec",), spec.steps


def _calls(steps: list[StepSpec]) -> Iterator[tuple[Node, SubRun]]:
    """The steps that run other workflows, wait for them, and do not say what undoes that."""
    for node in plans.compiled(WorkflowSpec(steps=steps)).nodes.values():
        if node.spec.run is not None and not node.spec.run.detached and node.spec.rollback is None:
            yield node, node.spec.run


def _doubts(workflows: _Workflows, namespace: str, path: Path_, called: SubRun) -> Iterator[Finding]:
    found = _undoable(workflows, namespace, called.workflow)
    if found is None:
        return
    name, steps = found
    through = "" if name == called.workflow else f", which {called.workflow} runs"
    detail = (
        f"a rollback does not undo what Workflow {name} did{through}, though its steps say how ({', '.join(steps)}); "
        "say with `rollback` what undoes it, write those steps here, or undo them in the `catch` of a `try` around this one"
    )
    yield Finding((*path, "run"), detail, "workflow.rollback", level="warning")


def _undoable(workflows: _Workflows, namespace: str, called: str) -> tuple[str, list[str]] | None:
    """The nearest workflow, of the one called and those that it runs, that has steps with a rollback; and which they are."""
    left = [called]
    for name in left:
        spec = workflows.get((namespace, name))
        if spec is None:
            continue
        steps = msgspec.convert(spec, WorkflowSpec).steps
        undoable = [id for id, node in plans.compiled(WorkflowSpec(steps=steps)).nodes.items() if node.spec.rollback]
        if undoable:
            return name, undoable
        left += [inner.workflow for _, inner in _calls(steps) if inner.workflow not in left]
    return None
