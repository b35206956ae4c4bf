"""What manifests name in other manifests: a policy its workflows, team and channel, a service its owner, a team its
channels, an escalation policy whom it tells.

Names are of the same namespace. An apply is refused if a name it needs is neither in force nor applied with it, and a
delete if something in force needs what it deletes; so a response never fails for a name alone.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from oncue.core.approval import ApprovalSpec
from oncue.core.change_spec import ChangeRuleSpec, ChangeTemplateSpec, PlannedChangeSpec
from oncue.core.contact import ChannelSpec, EscalationLevel, EscalationPolicySpec, PersonSpec, TeamSpec
from oncue.core.errors import Refusal
from oncue.core.expression import expressions_in
from oncue.core.manifest import (
    KINDS,
    RUNBOOK,
    Manifest,
    MonitorSpec,
    PolicySpec,
    ResourceSpec,
    RunbookSpec,
    SAPSystemSpec,
    ServiceSpec,
    SourceSpec,
)
from oncue.core.plan import blocks_of
from oncue.core.spec import Spec
from oncue.core.state import State
from oncue.core.workflow_spec import StepSpec, WorkflowSpec

TARGETS: Final = frozenset(
    {
        "ChangeCalendar",
        "ChangeTemplate",
        "Lookup",
        "Workflow",
        "Team",
        "Channel",
        "Person",
        "EscalationPolicy",
        "Runbook",
    }
)
"""Kinds that others need. A service may be named without being in the catalogue."""
_NEEDING: Final = (
    "Service",
    "Resource",
    "Team",
    "SAPSystem",
    "Channel",
    "Person",
    "EscalationPolicy",
    "Runbook",
    "Monitor",
    "Workflow",
    "ChangeTemplate",
    "ChangeRule",
)
"""Kinds besides Policy that need others."""
_TABLE: Final = re.compile(r"""\blookup\(\s*["']([^"']+)["']""")
_CEL: Final[frozenset[str | int]] = frozenset(
    {
        "where",
        "skip_when",
        "if",
        "when",
        "that",
        "inconclusive",
        "until",
        "key",
        "items",
        "outputs",
        "by",
        "value",
        "avg",
        "min",
        "max",
        "sum",
        "p95",
        "new_value",
    }
)
"""Members that are expressions."""
_KIND_OF: Final = {"user": "Person", "team": "Team", "channel": "Channel"}
"""What an addressee is."""


class Reference(msgspec.Struct, frozen=True):
    """One name of another manifest. `path` leads to it from the document's root."""

    path: tuple[str | int, ...]
    kind: str
    name: str

    @property
    def needed(self) -> bool:
        """Whether nothing works without it."""
        return self.kind in TARGETS

    def id(self, namespace: str) -> str:
        """The id of the manifest that is meant."""
        return f"{self.kind}/{namespace}/{self.name}"


def references(spec: Spec, owner: str | None = None) -> Iterator[Reference]:
    """The other manifests that a spec names; `owner` is that of its metadata, which a service's default to."""
    find = _FIND.get(type(spec))
    if find is not None:
        yield from find(spec, owner)


def _tables(spec: PolicySpec | WorkflowSpec | ChangeTemplateSpec, owner: str | None) -> Iterator[Reference]:
    """Lookup tables that expressions name as constants."""
    if b"lookup(" not in msgspec.json.encode(spec):
        return
    for path, text in _texts(msgspec.to_builtins(spec), ("spec",)):
        try:
            parts = expressions_in(text) if "${" in text else [text] if _CEL.intersection(path) else []
        except Refusal:  # a text that does not parse is refused for that
            continue
        for part in parts:
            for name in dict.fromkeys(_TABLE.findall(part)):
                yield Reference(path, "Lookup", name)


def _texts(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))


def _policy(spec: PolicySpec, owner: str | None) -> Iterator[Reference]:
    yield from _tables(spec, owner)
    for index, response in enumerate(spec.respond):
        if response.run is not None:
            yield Reference(("spec", "respond", index, "run", "workflow"), "Workflow", response.run.workflow)
    if spec.alert is not None:
        yield from _runbook(spec.alert.runbook, ("spec", "alert", "runbook"))
    for index, override in enumerate(spec.overrides):
        if override.alert is not None and override.alert.runbook is not None:
            yield from _runbook(override.alert.runbook, ("spec", "overrides", index, "alert", "runbook"))
    if spec.set_ is not None and (runbook := spec.set_.annotations.get("runbook")) is not None:
        yield from _runbook(runbook, ("spec", "set", "annotations", "runbook"))
    told = spec.notify
    if told is not None and told.team is not None:
        yield Reference(("spec", "notify", "team"), "Team", told.team)
    if told is not None and told.channel is not None:
        yield Reference(("spec", "notify", "channel"), "Channel", told.channel)
    if told is not None and told.escalation not in (None, "owner"):
        yield Reference(("spec", "notify", "escalation"), "EscalationPolicy", str(told.escalation))


def _owned(spec: ServiceSpec | SAPSystemSpec | ResourceSpec, owner: str | None) -> Iterator[Reference]:
    owned = spec.owner or owner
    if owned is not None and owned.startswith("team:"):
        where = ("spec", "owner") if spec.owner else ("metadata", "owner")
        yield Reference(where, "Team", owned.removeprefix("team:"))
    if not isinstance(spec, ServiceSpec) and spec.service is not None:
        yield Reference(("spec", "service"), "Service", spec.service)
    if isinstance(spec, ServiceSpec) and spec.escalation is not None:
        yield Reference(("spec", "escalation"), "EscalationPolicy", spec.escalation)
    if isinstance(spec, ServiceSpec):
        for index, addressee in enumerate(spec.audience):
            yield _addressee(addressee, ("spec", "audience", index))


def _team(spec: TeamSpec, owner: str | None) -> Iterator[Reference]:
    for index, channel in enumerate(spec.channels):
        yield Reference(("spec", "channels", index), "Channel", channel)
    if spec.escalation is not None:
        yield Reference(("spec", "escalation"), "EscalationPolicy", spec.escalation)


def _channel(spec: ChannelSpec, owner: str | None) -> Iterator[Reference]:
    for index, channel in enumerate(spec.failover):
        yield Reference(("spec", "failover", index), "Channel", channel)


def _person(spec: PersonSpec, owner: str | None) -> Iterator[Reference]:
    for member, rungs in (("default", spec.default), ("important", spec.important)):
        for index, rung in enumerate(rungs):
            yield Reference(("spec", member, index, "channel"), "Channel", rung.channel)


def _sensing(spec: MonitorSpec | SourceSpec, owner: str | None) -> Iterator[Reference]:
    if spec.service is not None:
        yield Reference(("spec", "service"), "Service", spec.service)
    if isinstance(spec, MonitorSpec):
        yield from _runbook(spec.runbook, ("spec", "runbook"))
        for index, threshold in enumerate(spec.thresholds):
            yield from _runbook(threshold.runbook, ("spec", "thresholds", index, "runbook"))


def _workflow(spec: WorkflowSpec, owner: str | None) -> Iterator[Reference]:
    yield from _tables(spec, owner)
    yield from _of_steps(spec.steps)
    for index, addressee in enumerate(spec.on_failure.notify):
        yield _addressee(addressee, ("spec", "on_failure", "notify", index))
    if spec.self_service is not None:
        for index, asker in enumerate(spec.self_service.by):
            if asker.startswith("team:"):
                yield _addressee(asker, ("spec", "self_service", "by", index))
        yield from _approvers(spec.self_service.approvals, ("spec", "self_service"))


def _template(spec: ChangeTemplateSpec, owner: str | None) -> Iterator[Reference]:
    yield from _tables(spec, owner)
    yield from _of_steps(spec.steps)
    yield from _approvers(spec.approvals, ("spec",))
    yield from _approvers(spec.waves.gate, ("spec", "waves"), "gate")
    for index, addressee in enumerate(spec.on_failure.notify):
        yield _addressee(addressee, ("spec", "on_failure", "notify", index))
    if spec.owner is not None:
        yield _addressee(spec.owner, ("spec", "owner"))
    if spec.window is not None:
        yield Reference(("spec", "window", "calendar"), "ChangeCalendar", spec.window.calendar)


def _rule(spec: ChangeRuleSpec, owner: str | None) -> Iterator[Reference]:
    yield from _approvers(spec.approvals, ("spec",))


def _change(spec: PlannedChangeSpec, owner: str | None) -> Iterator[Reference]:
    if spec.template is not None:
        yield Reference(("spec", "template"), "ChangeTemplate", spec.template)
    if spec.plan is not None:
        for one in _template(spec.plan, owner):
            yield Reference(("spec", "plan", *one.path[1:]), one.kind, one.name)


def _of_steps(steps: list[StepSpec]) -> Iterator[Reference]:
    left: list[tuple[tuple[str | int, ...], StepSpec]] = [(("spec", "steps", n), one) for n, one in enumerate(steps)]
    while left:
        path, step = left.pop(0)
        if step.run is not None:
            yield Reference((*path, "run", "workflow"), "Workflow", step.run.workflow)
        yield from _approvers(step.approvals or [], path)
        for _, member, inner in blocks_of(step):
            left += [((*path, *member, n), one) for n, one in enumerate(inner)]


def _approvers(
    stages: list[ApprovalSpec], path: tuple[str | int, ...], member: str = "approvals"
) -> Iterator[Reference]:
    for number, stage in enumerate(stages):
        for index, addressee in enumerate(stage.by):
            if addressee.startswith("team:"):
                yield _addressee(addressee, (*path, member, number, "by", index))


def _steps(spec: RunbookSpec, owner: str | None) -> Iterator[Reference]:
    for index, step in enumerate(spec.steps):
        if step.workflow is not None:
            yield Reference(("spec", "steps", index, "workflow"), "Workflow", step.workflow)


def _escalation(spec: EscalationPolicySpec, owner: str | None) -> Iterator[Reference]:
    yield from _levels(spec.levels, ("spec", "levels"))
    for index, branch in enumerate(spec.branches):
        yield from _levels(branch.levels, ("spec", "branches", index, "levels"))
    for index, addressee in enumerate(spec.missed):
        yield _addressee(addressee, ("spec", "missed", index))
    if spec.then is not None:
        yield Reference(("spec", "then"), "EscalationPolicy", spec.then)


def _levels(levels: list[EscalationLevel], path: tuple[str | int, ...]) -> Iterator[Reference]:
    for number, level in enumerate(levels):
        for index, addressee in enumerate(level.tell):
            yield _addressee(addressee, (*path, number, "tell", index))


def _addressee(addressee: str, path: tuple[str | int, ...]) -> Reference:
    kind, _, name = addressee.partition(":")
    return Reference(path, _KIND_OF[kind], name)


_FIND: Final[dict[type[Any], Callable[[Any, str | None], Iterator[Reference]]]] = {
    PolicySpec: _policy,
    WorkflowSpec: _workflow,
    ServiceSpec: _owned,
    SAPSystemSpec: _owned,
    ResourceSpec: _owned,
    TeamSpec: _team,
    ChannelSpec: _channel,
    PersonSpec: _person,
    EscalationPolicySpec: _escalation,
    MonitorSpec: _sensing,
    SourceSpec: _sensing,
    RunbookSpec: _steps,
    ChangeTemplateSpec: _template,
    ChangeRuleSpec: _rule,
    PlannedChangeSpec: _change,
}


def _runbook(text: str | None, path: tuple[str | int, ...]) -> Iterator[Reference]:
    """A `Runbook` by its name, where the text names one and is no other address or sentence."""
    if text is not None and text.startswith(RUNBOOK) and "${" not in text:
        yield Reference(path, "Runbook", text.removeprefix(RUNBOOK))


def users(state: State, id: str) -> list[str]:
    """The ids of the manifests in force that need this one."""
    kind, namespace, name = id.split("/", 2)
    if kind not in TARGETS:
        return []
    found = [
        f"Policy/{policy.id}"
        for policy in state.policies.by_id.values()
        if policy.trigger is None and policy.namespace == namespace and _needs(references(policy.spec), kind, name)
    ]
    found += [
        other.id
        for other in state.manifests.values()
        if other.namespace == namespace and other.kind in _NEEDING and _needs(_of(other), kind, name)
    ]
    return sorted(found)


def _of(manifest: Manifest) -> Iterator[Reference]:
    return references(msgspec.convert(manifest.spec, KINDS[manifest.kind]), manifest.owner)


def _needs(found: Iterator[Reference], kind: str, name: str) -> bool:
    return any(reference.kind == kind and reference.name == name for reference in found)
