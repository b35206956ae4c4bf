"""Configuration swaps in at its position: each change of a manifest is a fact, with a generation and an author.

Windows of a policy survive if its `match` and `condition` did not change.
"""

from typing import Any, Literal

import msgspec

from oncue.core import concurrency, detect, heartbeats, inhibition, maintenance, maintenances, monitors, suppress
from oncue.core.errors import Refusal
from oncue.core.manifest import KINDS, InhibitionSpec, MaintenanceWindowSpec, Manifest, MonitorSpec, PolicySpec, Spec
from oncue.core.references import references, users
from oncue.core.state import State
from oncue.core.topology import NODE_KINDS
from oncue.core.tx import Tx
from oncue.core.workflow import content_hash


class Change(msgspec.Struct, kw_only=True):
    """One manifest to take or to remove."""

    op: Literal["apply", "delete"]
    kind: str
    namespace: str
    name: str
    labels: dict[str, str] = {}
    owner: str | None = None
    review_by: str | None = None
    description: str | None = None
    spec: Any = None


class Changes(msgspec.Struct):
    """The data of `oncue.config.applied`."""

    changes: list[Change]
    force: bool = False
    """Delete also what others need."""


def apply(tx: Tx, changes: Changes) -> list[dict[str, Any]]:
    """Take the changes, all of them or none. Raises `Refusal` manifest.kind_unknown, manifest.invalid, manifest.not_found,
    manifest.reference_unknown, manifest.in_use, policy.keys_full.
    """
    specs = [_check(tx, change) for change in changes.changes]
    _check_references(tx, changes, specs)
    applied = zip(changes.changes, specs, strict=True)
    detect.check_room(
        tx, {f"{one.namespace}/{one.name}": spec for one, spec in applied if isinstance(spec, PolicySpec)}
    )
    outcome = [_one(tx, change) for change in changes.changes]
    if any(change.kind == "Service" for change in changes.changes):
        tx.afterwards("", _recatalogue)
        tx.state.policies.catalogue(tx.state.manifests)
    if namespaces := sorted({change.namespace for change in changes.changes if change.kind == "Inhibition"}):
        inhibition.reconfigure(tx)
        for namespace in namespaces:
            suppress.settle_all(tx, namespace)
    return outcome


def _check(tx: Tx, change: Change) -> Spec | None:
    spec = KINDS.get(change.kind)
    if spec is None:
        raise Refusal("manifest.kind_unknown", change.kind)
    if change.op == "delete":
        if f"{change.kind}/{change.namespace}/{change.name}" not in tx.state.manifests:
            raise Refusal("manifest.not_found", f"{change.kind} {change.name} in {change.namespace}")
        return None
    try:
        read = msgspec.convert(change.spec, spec)
    except msgspec.ValidationError as error:
        raise Refusal("manifest.invalid", f"{change.kind} {change.name}: {error}") from error
    if isinstance(read, MaintenanceWindowSpec):
        maintenance.check(read)
    elif isinstance(read, InhibitionSpec):
        inhibition.check(read.source, read.target)
    return read


def _check_references(tx: Tx, changes: Changes, specs: list[Spec | None]) -> None:
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
    if changes.force:
        return
    for id, stays in after.items():
        if not stays:
            left = [user for user in users(tx.state, id) if user not in after]
            if left:
                more = f" and {len(left) - 10} more" if len(left) > 10 else ""
                raise Refusal("manifest.in_use", f"{id} is needed by {', '.join(left[:10])}{more}")


def _one(tx: Tx, change: Change) -> dict[str, Any]:
    id = f"{change.kind}/{change.namespace}/{change.name}"
    known = tx.state.manifests.get(id)
    if change.op == "delete":
        assert known is not None
        return _delete(tx, known)
    digest = content_hash([change.labels, change.owner, change.review_by, change.description, change.spec])
    if known is not None and known.hash == digest:
        return {"id": id, "generation": known.generation, "changed": False}
    if known is None:
        generation = tx.state.cells["counter"].get(f"generation/{id}", 0) + 1
        manifest = Manifest(
            id=id, kind=change.kind, namespace=change.namespace, name=change.name, generation=generation, hash=digest,
            labels=change.labels, owner=change.owner, review_by=change.review_by, description=change.description,
            spec=change.spec, applied_by=tx.actor, updated_at=tx.now,
        )  # fmt: skip
    else:
        manifest = known
        if known.kind == "Policy" and _judges_otherwise(known.spec, change.spec):
            detect.forget(tx, f"{known.namespace}/{known.name}")
        tx.touch(manifest)
        manifest.generation += 1
        manifest.hash, manifest.labels, manifest.owner = digest, change.labels, change.owner
        manifest.review_by, manifest.description, manifest.spec = change.review_by, change.description, change.spec
        manifest.applied_by, manifest.updated_at = tx.actor, tx.now
    tx.fact("oncue.manifest.applied", "manifest", manifest)
    tx.save("manifest", manifest)
    _took(tx, manifest)
    return {"id": id, "generation": manifest.generation, "changed": True}


def _took(tx: Tx, manifest: Manifest) -> None:
    if manifest.kind == "Policy":
        tx.afterwards(manifest.id, _repolicy)
        tx.state.policies.put(manifest)
        detect.expect(tx, tx.state.policies.by_id[f"{manifest.namespace}/{manifest.name}"])
    elif manifest.kind == "MaintenanceWindow":
        maintenances.expect(tx, manifest)
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
    elif manifest.kind == "MaintenanceWindow":
        maintenances.forget(tx, id)
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


def _renode(state: State, manifest_id: str) -> None:
    manifest = state.manifests.get(manifest_id)
    if manifest is not None:
        state.topology.put(manifest)
    else:
        state.topology.drop(*manifest_id.split("/", 2))


def _judges_otherwise(before: Any, after: Any) -> bool:
    return (before.get("match"), before.get("condition")) != (after.get("match"), after.get("condition"))


def _recatalogue(state: State, manifest_id: str) -> None:
    state.policies.catalogue(state.manifests)
