"""Configuration swaps in at its position: each change of a manifest is a fact, with a generation and an author.

Windows of a policy survive if its `match` and `condition` did not change.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import msgspec

from oncue.core import (
    change_calendar,
    change_clear,
    change_drafts,
    change_plan,
    change_rules,
    concurrency,
    delivery,
    detect,
    export,
    grouping,
    heartbeats,
    inhibition,
    lookup,
    maintenance,
    maintenances,
    mirror,
    mirror_news,
    mirrors,
    monitors,
    prioritise,
    recursion,
    schedules,
    sharing,
    subscriptions,
    suppress,
    trigger,
    unattainable,
    unreached,
    wall_clock,
)
from oncue.core.change_spec import ChangeCalendarSpec, ChangeRuleSpec, ChangeTemplateSpec
from oncue.core.config_edit import ConfigEdit, ConfigEdits
from oncue.core.contact import EscalationPolicySpec, PersonSpec
from oncue.core.errors import Refusal
from oncue.core.lookup import LookupSpec
from oncue.core.manifest import (
    KINDS,
    CorrelationRuleSpec,
    InhibitionSpec,
    MaintenanceWindowSpec,
    Manifest,
    MonitorSpec,
    PolicySpec,
)
from oncue.core.references import references, users
from oncue.core.spec import Spec
from oncue.core.state import State
from oncue.core.subscription import SubscriptionSpec
from oncue.core.topology import NODE_KINDS
from oncue.core.tx import Tx
from oncue.core.workflow_spec import WorkflowSpec


def apply(tx: Tx, changes: ConfigEdits, *, agreed: bool = False) -> list[dict[str, Any]]:
    """Take the changes, all of them or none; `agreed` says that they are those of a change that was agreed to. Raises `Refusal`
    manifest.kind_unknown, manifest.invalid, manifest.not_found, manifest.reference_unknown, manifest.in_use,
    manifest.changed_meanwhile, manifest.protected, policy.keys_full, escalation.cyclic, workflow.cyclic, and as
    `change_drafts.applied`.
    """
    if not agreed:
        change_rules.require_open(tx.state, changes.changes)
    specs = [_check(tx, change) for change in changes.changes]
    _check_references(tx, changes, specs)
    applied = zip(changes.changes, specs, strict=True)
    detect.check_room(
        tx, {f"{one.namespace}/{one.name}": spec for one, spec in applied if isinstance(spec, PolicySpec)}
    )
    before = tx.savepoint()
    try:
        outcome = [_one(tx, change) for change in changes.changes]
    except Refusal:  # only what the others bring can say whether a change can be planned
        tx.back_to(before)
        raise
    tx.go_on(before)
    for kind, rebuild in _REBUILT.items():
        if any(change.kind == kind for change in changes.changes):
            tx.afterwards("", rebuild)
            rebuild(tx.state, "")
    _look_again(tx, changes.changes)
    return outcome


def _look_again(tx: Tx, changes: list[ConfigEdit]) -> None:
    """What is quiet, shared, or told to nobody may be otherwise with the configuration as it is now."""
    policies = {f"{one.namespace}/{one.name}" for one in changes if one.kind == "Policy"}
    if policies:
        suppress.policies_changed(tx, policies)
    fewer = any(one.kind == "Policy" and one.op == "delete" for one in changes)
    if any(one.kind == export.KIND for one in changes) or (fewer and tx.state.exports.by_home):
        sharing.reconfigure(tx)
    along = tx.state.inhibitions.along
    inhibiting = {
        one.namespace
        for one in changes
        if one.kind == inhibition.KIND or (one.kind in NODE_KINDS and one.namespace in along)
    }
    if inhibiting:
        inhibition.reconfigure(tx)
    for namespace in sorted(inhibiting):
        suppress.settle_all(tx, namespace)
    if calendars := {one.namespace for one in changes if one.kind == change_calendar.KIND}:
        change_clear.calendars_changed(tx, calendars)
    if ruled := {one.namespace for one in changes if one.kind == change_rules.KIND}:
        change_drafts.rules_changed(tx, ruled)
    if staffed := {one.namespace for one in changes if one.kind == "Team"}:
        change_drafts.teams_changed(tx, staffed)
        unattainable.teams_changed(tx, staffed)
    if saying := {one.namespace for one in changes if one.kind in unreached.SAYS}:
        unreached.look(tx, saying)


def _check(tx: Tx, change: ConfigEdit) -> Spec | None:
    spec = KINDS.get(change.kind)
    if spec is None:
        raise Refusal("manifest.kind_unknown", change.kind)
    if change.based_on is not None:
        known = tx.state.manifests.get(f"{change.kind}/{change.namespace}/{change.name}")
        generation = known.generation if known is not None else 0
        if generation != change.based_on:
            by = f", by {known.applied_by}" if known is not None else ""
            raise Refusal(
                "manifest.changed_meanwhile",
                f"{change.kind} {change.name} is at generation {generation}{by}, not at {change.based_on}",
            )
    if change.op == "delete":
        if f"{change.kind}/{change.namespace}/{change.name}" not in tx.state.manifests:
            raise Refusal("manifest.not_found", f"{change.kind} {change.name} in {change.namespace}")
        return None
    try:
        read = msgspec.convert(change.spec, spec)
    except msgspec.ValidationError as error:
        raise Refusal("manifest.invalid", f"{change.kind} {change.name}: {error}") from error
    _check_whole(change, read)
    return read


def _check_whole(change: ConfigEdit, read: Spec) -> None:
    """What a spec's members mean together."""
    for text in _hours_of(read):
        wall_clock.check(text)
    if isinstance(read, MaintenanceWindowSpec):
        maintenance.check(read)
    elif isinstance(read, CorrelationRuleSpec):
        grouping.check(read)
    elif isinstance(read, prioritise.PriorityMatrixSpec) and change.name != prioritise.NAME:
        raise Refusal("manifest.invalid", f"{change.kind} {change.name}: a namespace has one matrix, named default")
    elif isinstance(read, PolicySpec) and read.stage == "shape" and read.set_ is None:
        raise Refusal(
            "manifest.invalid", f"{change.kind} {change.name}: a policy with `stage: shape` says what to `set`"
        )
    elif isinstance(read, WorkflowSpec):
        for one in read.triggers:
            trigger.check(one)
    elif isinstance(read, InhibitionSpec):
        inhibition.check(read)
    elif isinstance(read, LookupSpec):
        lookup.check(read)
    elif isinstance(read, ChangeTemplateSpec):
        change_plan.check(read)
    elif isinstance(read, ChangeCalendarSpec):
        change_calendar.check(read)
    elif isinstance(read, ChangeRuleSpec):
        change_rules.check(read)
    elif isinstance(read, SubscriptionSpec):
        subscriptions.check(read)
    elif isinstance(read, mirror.TicketMirrorSpec):
        mirrors.check(read)


def _hours_of(spec: Spec) -> list[str]:
    """The hours of the week that the spec names."""
    found: list[str | None] = []
    if isinstance(spec, PersonSpec):
        found = [spec.quiet_hours]
    elif isinstance(spec, EscalationPolicySpec):
        found = [branch.during for branch in spec.branches]
    elif isinstance(spec, PolicySpec):
        found = [spec.only_during, *(override.during for override in spec.overrides)]
    elif isinstance(spec, MonitorSpec):
        found = [threshold.hours for threshold in spec.thresholds]
    return [text for text in found if text is not None]


def _check_references(tx: Tx, changes: ConfigEdits, specs: list[Spec | None]) -> None:
    """Afterwards, every name that is needed must be there."""
    after: dict[str, bool] = {}
    for change in changes.changes:
        after[f"{change.kind}/{change.namespace}/{change.name}"] = change.op == "apply"
    for change, spec in zip(changes.changes, specs, strict=True):
        if spec is None:
            continue
        for reference in references(spec, change.owner):
            id = reference.id(change.namespace)
            if reference.needed and not after.get(id, id in tx.state.manifests):
                detail = f"{change.kind} {change.name} names the {reference.kind} {reference.name}, which is not there"
                raise Refusal("manifest.reference_unknown", detail)
    _check_circles(tx, changes, specs)
    _check_recursion(tx, changes, specs)
    if changes.force:
        return
    for id, stays in after.items():
        if not stays:
            left = [user for user in users(tx.state, id) if user not in after]
            if left:
                more = f" and {len(left) - 10} more" if len(left) > 10 else ""
                raise Refusal("manifest.in_use", f"{id} is needed by {', '.join(left[:10])}{more}")


def _check_circles(tx: Tx, changes: ConfigEdits, specs: list[Spec | None]) -> None:
    """No escalation policy may lead to itself."""
    given = {
        (change.namespace, change.name): spec
        for change, spec in zip(changes.changes, specs, strict=True)
        if isinstance(spec, EscalationPolicySpec)
    }
    for (namespace, name), spec in given.items():
        path, then = [name], spec.then
        while then is not None:
            path.append(then)
            if then in path[:-1]:
                raise Refusal("escalation.cyclic", f"in {namespace}: {' -> '.join(path)}")
            known = tx.state.manifests.get(f"EscalationPolicy/{namespace}/{then}")
            after = given.get((namespace, then))
            if after is None and known is not None:
                after = msgspec.convert(known.spec, EscalationPolicySpec)
            then = after.then if after is not None else None


def _check_recursion(tx: Tx, changes: ConfigEdits, specs: list[Spec | None]) -> None:
    """No workflow may run itself, with those that are in force in between."""
    given = {
        (change.namespace, change.name): spec
        for change, spec in zip(changes.changes, specs, strict=True)
        if isinstance(spec, WorkflowSpec)
    }

    @cache
    def runs(namespace: str, name: str) -> tuple[str, ...]:
        spec = given.get((namespace, name))
        known = tx.state.manifests.get(f"Workflow/{namespace}/{name}")
        if spec is None and known is not None:
            spec = msgspec.convert(known.spec, WorkflowSpec)
        return tuple(dict.fromkeys(one.name for one in recursion.runs_of(spec))) if spec is not None else ()

    for namespace, name in given:
        for first in runs(namespace, name):
            way = recursion.way_back(partial(runs, namespace), first, name)
            if way is not None:
                raise Refusal("workflow.cyclic", f"in {namespace}: {' -> '.join([name, *way])}")


def _one(tx: Tx, change: ConfigEdit) -> dict[str, Any]:
    id = f"{change.kind}/{change.namespace}/{change.name}"
    known = tx.state.manifests.get(id)
    if change.op == "delete":
        assert known is not None
        return _delete(tx, known)
    before = known.spec if known is not None else {}
    digest = change.content_hash
    if known is not None and not change.alters(known, digest):
        return {"id": id, "generation": known.generation, "changed": False}
    if known is None:
        generation = tx.state.cells["counter"].get(f"generation/{id}", 0) + 1
        manifest = Manifest(
            id=id, kind=change.kind, namespace=change.namespace, name=change.name, generation=generation, hash=digest,
            labels=change.labels, owner=change.owner, review_by=change.review_by, description=change.description,
            spec=change.spec, text=change.text or msgspec.UNSET, applied_by=tx.actor, updated_at=tx.now,
        )  # fmt: skip
    else:
        manifest = known
        if known.kind == "Policy" and _judges_otherwise(known.spec, change.spec):
            detect.forget(tx, f"{known.namespace}/{known.name}")
        tx.touch(manifest)
        manifest.generation += 1
        manifest.hash, manifest.labels, manifest.owner = digest, change.labels, change.owner
        manifest.review_by, manifest.description, manifest.spec = change.review_by, change.description, change.spec
        manifest.text = change.text or msgspec.UNSET
        manifest.applied_by, manifest.updated_at = tx.actor, tx.now
    tx.fact("oncue.manifest.applied", "manifest", manifest)
    tx.save("manifest", manifest)
    throttled = _throttle(before) if manifest.kind == "Policy" else None
    _took(tx, manifest, before)
    if manifest.kind == "Policy" and throttled != _throttle(manifest.spec):
        suppress.throttled_otherwise(tx, f"{manifest.namespace}/{manifest.name}")
    return {"id": id, "generation": manifest.generation, "changed": True}


def _took(tx: Tx, manifest: Manifest, before: Any) -> None:
    """The manifest counts now; `before` is its spec until then."""
    if manifest.kind == "Policy":
        tx.afterwards(manifest.id, _repolicy)
        tx.state.policies.put(manifest)
        detect.expect(tx, tx.state.policies.by_id[f"{manifest.namespace}/{manifest.name}"])
    elif manifest.kind == "Workflow":
        tx.afterwards(manifest.id, _retrigger)
        tx.state.policies.put_triggers(manifest)
        schedules.expect(tx, manifest, before)
    elif manifest.kind == change_rules.KIND:
        tx.afterwards(manifest.id, _rerule)
        tx.state.change_rules.put(manifest)
    elif manifest.kind == "Change":
        change_drafts.applied(tx, manifest)
    elif manifest.kind == "MaintenanceWindow":
        maintenances.expect(tx, manifest)
    elif manifest.kind == subscriptions.KIND:
        subscriptions.expect(tx, manifest)
    elif manifest.kind == mirror.KIND:
        mirrors.expect(tx, manifest, before)
        mirror_news.expect(tx, manifest)
    elif manifest.kind == "Monitor":
        monitors.expect(tx, manifest)
        if msgspec.convert(manifest.spec, MonitorSpec).uses == "heartbeat":
            heartbeats.expect(tx, manifest)
    elif manifest.kind in NODE_KINDS:
        tx.afterwards(manifest.id, _renode)
        tx.state.topology.put(manifest)


def _delete(tx: Tx, manifest: Manifest) -> dict[str, Any]:
    id = f"{manifest.namespace}/{manifest.name}"
    tx.touch(manifest)
    manifest.deleted = True
    manifest.applied_by, manifest.updated_at = tx.actor, tx.now
    tx.cell("counter", f"generation/{manifest.id}", manifest.generation)
    tx.fact("oncue.manifest.deleted", "manifest", manifest)
    tx.save("manifest", manifest, live=False)
    if manifest.kind == "Policy":
        detect.forget(tx, id)
        concurrency.forget(tx, id)
        tx.cell("policy_stats", id, None)
        tx.afterwards(manifest.id, _repolicy)
        tx.state.policies.drop(manifest.namespace, manifest.name)
        suppress.throttled_otherwise(tx, id)
    elif manifest.kind == "Workflow":
        tx.afterwards(manifest.id, _retrigger)
        tx.state.policies.drop_triggers(manifest.namespace, manifest.name)
        schedules.forget(tx, manifest)
    elif manifest.kind == change_rules.KIND:
        tx.afterwards(manifest.id, _rerule)
        tx.state.change_rules.drop(manifest)
    elif manifest.kind == "Change":
        change_drafts.deleted(tx, manifest.namespace, manifest.name)
    elif manifest.kind == "MaintenanceWindow":
        maintenances.forget(tx, id)
    elif manifest.kind == "Channel":
        delivery.forget(tx, id)
    elif manifest.kind == subscriptions.KIND:
        subscriptions.forget(tx, id)
    elif manifest.kind == mirror.KIND:
        mirrors.forget(tx, id)
    elif manifest.kind == "Monitor":
        monitors.forget(tx, id)
        heartbeats.forget(tx, id)
    elif manifest.kind in NODE_KINDS:
        tx.afterwards(manifest.id, _renode)
        tx.state.topology.drop(manifest.kind, manifest.namespace, manifest.name)
    return {"id": manifest.id, "generation": manifest.generation, "changed": True}


def _repolicy(state: State, manifest_id: str) -> None:
    manifest = state.manifests.get(manifest_id)
    if manifest is not None:
        state.policies.put(manifest)
    else:
        _, namespace, name = manifest_id.split("/", 2)
        state.policies.drop(namespace, name)


def _retrigger(state: State, manifest_id: str) -> None:
    manifest = state.manifests.get(manifest_id)
    if manifest is not None:
        state.policies.put_triggers(manifest)
    else:
        _, namespace, name = manifest_id.split("/", 2)
        state.policies.drop_triggers(namespace, name)


def _renode(state: State, manifest_id: str) -> None:
    manifest = state.manifests.get(manifest_id)
    if manifest is not None:
        state.topology.put(manifest)
    else:
        state.topology.drop(*manifest_id.split("/", 2))


def _throttle(spec: Any) -> Any:
    return (spec.get("alert") or {}).get("throttle")


def _judges_otherwise(before: Any, after: Any) -> bool:
    return _judging(before) != _judging(after)


def _judging(spec: Any) -> list[Any]:
    """What of a policy decides what its windows hold."""
    overrides = [
        (one.get("match"), one.get("during"), one.get("condition"), one.get("mode") == "off")
        for one in spec.get("overrides") or ()
    ]
    return [spec.get("match"), spec.get("condition"), overrides]


def _recatalogue(state: State, manifest_id: str) -> None:
    state.policies.catalogue(state.manifests)


def _reexport(state: State, manifest_id: str) -> None:
    state.exports.rebuild(state)


def _rank(state: State, manifest_id: str) -> None:
    state.matrices = prioritise.matrices(state)


def _regroup(state: State, manifest_id: str) -> None:
    state.groupings.rebuild(state)


def _rerule(state: State, manifest_id: str) -> None:
    state.change_rules.rebuild(state)


def _remirror(state: State, manifest_id: str) -> None:
    state.file_mirrors()


_REBUILT: Final[dict[str, Callable[[State, str], None]]] = {
    "Service": _recatalogue,
    prioritise.KIND: _rank,
    grouping.KIND: _regroup,
    export.KIND: _reexport,
    mirror.KIND: _remirror,
}
"""Kinds of which a look-up is built from all manifests, and by what."""
