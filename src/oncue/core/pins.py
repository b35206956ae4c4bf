"""Versions of the workflows that a run's steps run, and of those that these run: fixed when the outermost of them begins.

So what people agree to in a run is what is done then, whatever is applied meanwhile. A workflow that was not there yet is taken as it is
when a step comes to it.
"""

import msgspec

from oncue.core.manifest import Manifest
from oncue.core.plan import Plan, plan_of
from oncue.core.run import Definition, Pins, Run
from oncue.core.state import State
from oncue.core.tx import Tx
from oncue.core.workflow_spec import WorkflowSpec


def hold(tx: Tx, run: Run, plan: Plan, above: Run | None) -> None:
    """The run has begun: it goes by these versions, which are those of the run above it where that has any."""
    found: dict[str, str] = {}
    left = _called(plan)
    while left:
        name = left.pop()
        definition = _definition(tx, run, name, above)
        if name in found or definition is None:
            continue
        found[name] = definition.id
        left += _called(plan_of(definition.id, definition.spec))
        pin(tx, definition)
    if found:
        tx.cell("pins", run.id, Pins(dict(sorted(found.items()))))


def let_go(tx: Tx, run: Run) -> None:
    """The run is over."""
    pins: Pins | None = tx.state.cells["pins"].get(run.id)
    if pins is not None:
        tx.cell("pins", run.id, None)
        for id in pins.of.values():
            unpin(tx, id)


def pinned(state: State, run: Run, manifest: Manifest) -> Manifest:
    """The workflow as the run goes by it."""
    id = _pinned(state, run, manifest.name)
    if id is None or id == manifest.hash:
        return manifest
    spec = msgspec.to_builtins(state.definitions[id].spec)
    return msgspec.structs.replace(manifest, hash=id, spec=spec)


def pin(tx: Tx, definition: Definition) -> None:
    """A run goes by this version of a workflow, whatever becomes of the manifest."""
    holders = tx.state.pinned.get(definition.id, 0)
    tx.set(tx.state.pinned, definition.id, holders + 1)
    if not holders:
        tx.save("definition", definition)


def unpin(tx: Tx, id: str) -> None:
    """One run less goes by this version."""
    holders = tx.state.pinned[id]
    if holders > 1:
        tx.set(tx.state.pinned, id, holders - 1)
        return
    tx.unset(tx.state.pinned, id)
    tx.save("definition", tx.state.definitions[id], live=False)


def _definition(tx: Tx, run: Run, name: str, above: Run | None) -> Definition | None:
    manifest = tx.state.manifests.get(f"Workflow/{run.namespace}/{name}")
    if manifest is None:
        return None
    id = (_pinned(tx.state, above, name) if above is not None else None) or manifest.hash
    spec = msgspec.convert(manifest.spec, WorkflowSpec)
    return tx.state.definitions.get(id) or Definition(
        id=id, namespace=run.namespace, workflow=name, spec=spec, updated_at=tx.now
    )


def _pinned(state: State, run: Run, name: str) -> str | None:
    pins: Pins | None = state.cells["pins"].get(run.id)
    return pins.of.get(name) if pins is not None else None


def _called(plan: Plan) -> list[str]:
    return [node.spec.run.workflow for node in plan.nodes.values() if node.spec.run is not None]
