"""What is given to workflows: by their own triggers, by policies, and by steps of workflows and changes that run them.

What is known before anything runs is said before it does: an input that is missing, one that there is not, and a value that does
not fit. What an expression will give is not known.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from oncue.core import inputs
from oncue.core import plan as plans
from oncue.core.change_spec import ChangeTemplateSpec, PlannedChangeSpec
from oncue.core.errors import Refusal
from oncue.core.manifest import KINDS, PolicySpec
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.hidden import given_findings
from oncue.manifests.shape import near

CALLING: Final = ("Workflow", "Policy", "ChangeTemplate", "Change")
"""Kinds that run workflows."""
_Specs = Sequence[tuple[str, str, str, Any]]
"""(kind, namespace, name, spec as it is written)."""


class Call(NamedTuple):
    """Where a manifest has a workflow run, and with which inputs."""

    path: Path_
    workflow: str
    given: dict[str, Any]


def misgiven(given: _Specs, known: _Specs) -> Iterator[tuple[int, Finding]]:
    """(index, what is wrong with the inputs that it gives), of manifests that are each sound, with the workflows among them and
    `known`. Of a workflow that takes other inputs than those that are `known` give, that is a doubt."""
    workflows = {(namespace, name): spec for kind, namespace, name, spec in (*known, *given) if kind == "Workflow"}
    own = {(kind, namespace, name): index for index, (kind, namespace, name, _) in enumerate(given)}
    for index, (kind, namespace, _, spec) in enumerate(given):
        for call, found in _wrong(kind, namespace, spec, workflows):
            yield index, msgspec.structs.replace(found, path=(*call.path, *found.path))
    for kind, namespace, name, spec in known if any(one[0] == "Workflow" for one in given) else ():
        if (kind, namespace, name) not in own:
            for call, found in _wrong(kind, namespace, spec, workflows):
                changed = own.get(("Workflow", namespace, call.workflow))
                if changed is not None:
                    detail = f"{kind} {name}, which runs it: {found.detail}"
                    yield changed, Finding(("spec", "inputs"), detail, found.code, "warning")


def _wrong(
    kind: str, namespace: str, spec: Any, workflows: Mapping[tuple[str, str], Any]
) -> Iterator[tuple[Call, Finding]]:
    for call in _calls(msgspec.convert(spec, KINDS[kind])) if kind in CALLING else ():
        called = workflows.get((namespace, call.workflow))
        if called is not None:
            schema = called.get("inputs") or {}
            yield from ((call, found) for found in call_findings(schema, call.given, f"Workflow {call.workflow}"))


def _calls(spec: Any) -> Iterator[Call]:
    """Each with the path of what has `workflow` and `with`."""
    if isinstance(spec, PolicySpec):
        for index, response in enumerate(spec.respond):
            if response.run is not None:
                yield Call(("spec", "respond", index, "run"), response.run.workflow, response.run.with_)
    elif isinstance(spec, PlannedChangeSpec):
        if spec.plan is not None:
            for call in _calls(spec.plan):
                yield call._replace(path=("spec", "plan", *call.path[1:]))
    elif isinstance(spec, WorkflowSpec | ChangeTemplateSpec):
        for node in plans.compiled(WorkflowSpec(steps=spec.steps)).nodes.values():
            if node.spec.run is not None:
                yield Call(("spec", *node.place, "run"), node.spec.run.workflow, node.spec.run.with_)


def call_findings(schema: dict[str, Any], given: dict[str, Any], called: str) -> Iterator[Finding]:
    """It gives what the workflow needs, and nothing that it does not know or that does not fit. Paths begin where `with` is."""
    declared, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(declared, dict) or not isinstance(required, list):
        return  # it is refused for that
    yield from given_findings(schema, given, ("with",))
    for name in required:
        rule = declared.get(name)
        if name not in given and not (isinstance(rule, dict) and "default" in rule):
            yield Finding((), f"it does not give the input {name}, which {called} needs", "workflow.missing_input")
    for name, value in given.items():
        if name not in declared:
            if not schema.get("additionalProperties"):
                yield Finding(
                    ("with", name),
                    f"{called} has no input {name}{near(name, list(declared))}",
                    "workflow.inputs_invalid",
                )
        elif isinstance(declared[name], dict) and name not in inputs.hidden(schema) and not _has_expression(value):
            try:
                inputs.check(name, value, declared[name])
            except Refusal as refusal:
                yield Finding(("with", name), refusal.detail, "workflow.inputs_invalid")
            except inputs.Unsound:
                continue  # told where it is unsound


def _has_expression(value: Any) -> bool:
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(map(_has_expression, value.values()))
    return isinstance(value, list) and any(map(_has_expression, value))
