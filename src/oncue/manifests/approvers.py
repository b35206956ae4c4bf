"""People who are asked to agree: names that nobody has by now, and more of them than there are. People may be added later, so
these are doubts."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from oncue.core import plan as plans
from oncue.core import quorums
from oncue.core.approval import ApprovalSpec
from oncue.core.change_spec import ChangeRuleSpec, ChangeTemplateSpec
from oncue.core.contact import TeamSpec
from oncue.core.manifest import KINDS
from oncue.core.workflow_spec import StepSpec, WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding

ASKING = ("Workflow", "ChangeTemplate", "ChangeRule")
"""Kinds whose approvals are looked at."""
_Given = Sequence[tuple[str, str, str, Any]]


def doubtful(given: _Given, known: _Given, exists: Callable[[str], bool]) -> Iterator[tuple[int, Finding]]:
    """(index, what is doubtful about whom it asks), of manifests that are each sound: (kind, namespace, name, spec). Teams are among
    them or `known`; `exists` says whether someone of a name can sign in."""
    teams = {(namespace, name): spec for kind, namespace, name, spec in (*known, *given) if kind == "Team"}
    for index, (kind, namespace, _, spec) in enumerate(given):
        if kind not in ASKING:
            continue

        def people(by: str, namespace: str = namespace) -> list[str]:
            team = teams.get((namespace, by.removeprefix("team:"))) if by.startswith("team:") else None
            if team is None:
                return [] if by.startswith("team:") else [by]
            return [f"user:{member}" for member in msgspec.convert(team, TeamSpec).members]

        for path, stages in _asked(msgspec.convert(spec, KINDS[kind])):
            for number, stage in enumerate(stages):
                for at, by in enumerate(stage.by):
                    if by.startswith("user:") and not exists(by.removeprefix("user:")):
                        detail = f"nobody of the name {by.removeprefix('user:')} can sign in by now"
                        yield index, Finding((*path, number, "by", at), detail, level="warning")
                    members = people(by) if by.startswith("team:") else []
                    if members and not any(exists(one.removeprefix("user:")) for one in members):
                        detail = f"nobody of {by} can sign in by now"
                        yield index, Finding((*path, number, "by", at), detail, level="warning")
            if (why := quorums.unattainable(people, (), stages)) is not None:
                yield index, Finding(path, f"as it is, they can never agree: {why}", level="warning")


def _asked(spec: Any) -> Iterator[tuple[Path_, list[ApprovalSpec]]]:
    if isinstance(spec, WorkflowSpec | ChangeTemplateSpec):
        yield from _of_steps(spec.steps)
    if isinstance(spec, WorkflowSpec) and spec.self_service is not None and spec.self_service.approvals:
        yield ("spec", "self_service", "approvals"), spec.self_service.approvals
    if isinstance(spec, ChangeTemplateSpec | ChangeRuleSpec) and spec.approvals:
        yield ("spec", "approvals"), spec.approvals


def _of_steps(steps: list[StepSpec]) -> Iterator[tuple[Path_, list[ApprovalSpec]]]:
    for node in plans.compiled(WorkflowSpec(steps=steps)).nodes.values():
        if node.spec.approvals:
            yield ("spec", *node.place, "approvals"), node.spec.approvals
