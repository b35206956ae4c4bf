"""Changes of OnCue's own configuration: manifests that are taken when people have agreed to them.

Such a change is proposed by the manifests themselves. It has one target, the configuration of its namespace, and one step, which
takes all of them or none in one transaction. It knows the manifests as they were, so that the way back can be proposed as well.
"""

from typing import Annotated, Any, Final

import msgspec

from oncue.core import change_drafts, change_rules, change_trail, config_edit
from oncue.core.approval import ApprovalSpec
from oncue.core.change import Change, Proposed
from oncue.core.change_spec import ChangeTargets, ChangeTemplateSpec, PlannedChangeSpec, Preconditions
from oncue.core.config_edit import ConfigEdit, ConfigEdits
from oncue.core.errors import Refusal
from oncue.core.normalise import Seen
from oncue.core.run import Run
from oncue.core.tx import Tx
from oncue.core.workflow_spec import StepSpec

APPLY: Final = "config.apply"
TARGET: Final = "oncue configuration"
"""No resource can be called so."""
MANIFESTS: Final = 200
"""Manifests in one change."""
BYTES: Final = 512 * 1024
"""And how large they may be together, with what they were before: each fact about a change carries both."""


class Proposal(ConfigEdits, kw_only=True):
    """Configuration that is wanted, as `oncue.config.applied` has it, and why."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    start_at: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    """Not before this instant; as soon as people have agreed, if it is left out."""
    deadline: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class ConfigApply(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Takes the manifests of a change of configuration. Such a change has this step by itself. Gives `manifests`: their ids."""


def propose(tx: Tx, seen: Seen, asked: Proposal) -> Change:
    """Draft a change that takes these manifests, and put it before those who must agree by the rules of the namespace. Raises
    `Refusal` change.configuration, and what taking the manifests now would raise."""
    edits = [one for one in asked.changes if one.alters(tx.state.manifests.get(one.id))]
    _check(seen.namespace, edits, asked)
    rules = change_rules.protecting(tx.state, seen.namespace)
    if not rules:
        raise Refusal(
            "change.configuration",
            f"no ChangeRule protects the configuration of {seen.namespace}: it can be applied as it is",
        )
    _try(tx, asked)
    proposed = tuple(_proposed(tx, edit) for edit in edits)
    _bound(proposed)
    wanted = PlannedChangeSpec(
        reason=asked.reason, title=asked.title or _title(edits), plan=_plan([stage for _, rule in rules for stage in rule.approvals]),
        start_at=asked.start_at or tx.now.isoformat(), deadline=asked.deadline,
    )  # fmt: skip
    return change_drafts.create(tx, seen, wanted, proposed, force=asked.force)


def _check(namespace: str, edits: list[ConfigEdit], asked: Proposal) -> None:
    if not edits:
        raise Refusal("change.configuration", "all of it is in force as it is given")
    if others := sorted({one.namespace for one in edits} - {namespace}):
        raise Refusal("change.configuration", f"a change is of one namespace: {namespace}, or {', '.join(others[:3])}")
    if any(one.kind in change_rules.ALWAYS_OPEN for one in edits):
        raise Refusal("change.configuration", "a Change is applied as it is: it asks for agreement by itself")
    if len(edits) > MANIFESTS:
        raise Refusal("change.configuration", f"{len(edits)} manifests; a change takes at most {MANIFESTS}")


def _try(tx: Tx, asked: Proposal) -> None:
    """What cannot be taken now is not proposed."""
    before = tx.savepoint()
    try:
        _configure(tx, asked)
    finally:
        tx.back_to(before)


def _configure(tx: Tx, edits: ConfigEdits) -> list[dict[str, Any]]:
    if tx.configure is None:
        raise AssertionError("nothing takes configuration here")
    return tx.configure(tx, edits)


def _proposed(tx: Tx, edit: ConfigEdit) -> Proposed:
    known = tx.state.manifests.get(edit.id)
    generation = known.generation if known is not None else 0
    return Proposed(msgspec.structs.replace(edit, based_on=generation), config_edit.back(known, edit))


def _bound(proposed: tuple[Proposed, ...]) -> None:
    size = len(msgspec.json.encode(proposed))
    if size > BYTES:
        raise Refusal(
            "change.configuration",
            f"{len(proposed)} manifests of {size // 1024} KiB, as they are and as they are to be; a change takes at most"
            f" {BYTES // 1024} KiB",
        )


def _title(edits: list[ConfigEdit]) -> str:
    first = f"{edits[0].op.capitalize()} {edits[0].kind} {edits[0].name}"
    return first if len(edits) == 1 else f"{first} and {len(edits) - 1} more"


def _plan(approvals: list[ApprovalSpec]) -> ChangeTemplateSpec:
    apply = StepSpec(id="apply", title="Take the manifests", uses=APPLY)
    return ChangeTemplateSpec(
        targets=ChangeTargets(names=[TARGET]), steps=[apply], approvals=_distinct(approvals),
        preconditions=Preconditions(healthy=False, no_incidents=[], owner_free=False),
    )  # fmt: skip


def _distinct(stages: list[ApprovalSpec]) -> list[ApprovalSpec]:
    """Several rules may call a stage by the same name, and decisions are counted by it."""
    found: dict[str, ApprovalSpec] = {}
    for one in stages:
        name = change_rules.unused(one.stage, found)
        found[name] = msgspec.structs.replace(one, stage=name)
    return list(found.values())


# the act


def apply(tx: Tx, run: Run, asked: ConfigApply) -> Any:
    """Take them, in the change's name. Raises `Refusal` as taking them by hand does."""
    change = change_trail.of(tx, run)
    if change is None or not change.configuration:
        raise Refusal("change.not_found", f"{run.id} is no run of a change of configuration")
    actor, edits = tx.actor, [one.edit for one in change.configuration]
    tx.actor = f"change:{change.id}"
    try:
        _configure(tx, ConfigEdits(changes=edits, force=change.force))
    finally:
        tx.actor = actor
    return {"manifests": [one.id for one in edits]}
