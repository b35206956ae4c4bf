"""Whom steps and failures tell that nothing reaches as it is: names that nobody has, people without a `Person`, teams of such.
They may be added later, so these are doubts."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from oncue.core import plan as plans
from oncue.core.addressing import deliveries
from oncue.core.change_spec import ChangeTemplateSpec, PlannedChangeSpec
from oncue.core.manifest import KINDS, Manifest
from oncue.core.state import EPOCH, Identity, State
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding
from oncue.manifests.shape import near

TELLING: Final = ("Workflow", "ChangeTemplate", "Change")
"""Kinds that tell people."""
REACHING: Final = ("Team", "Person", "Channel")
"""Kinds by which people are reached."""
_KIND: Final = {"team": "Team", "user": "Person", "channel": "Channel"}
_Specs = Sequence[tuple[str, str, str, Any]]
"""(kind, namespace, name, spec as it is written)."""


def unheard(given: _Specs, known: _Specs) -> Iterator[tuple[int, Finding]]:
    """(index, whom it tells that nothing reaches), of manifests that are each sound, with what is among them and `known`. Whom
    expressions name is not known."""
    state = _state([*known, *given])
    for index, (kind, namespace, _, spec) in enumerate(given):
        for path, addressee in _told(msgspec.convert(spec, KINDS[kind])) if kind in TELLING else ():
            if "${" in addressee:
                continue
            found, missing = deliveries(state, namespace, (addressee,), EPOCH, important=True)
            if not found:
                detail = f"this reaches nobody: {missing}{_near(state, namespace, addressee)}"
                yield index, Finding(path, detail, "escalation.no_addressee", level="warning")


def _state(specs: _Specs) -> State:
    state = State(Identity("told"))
    for kind, namespace, name, spec in specs:
        if kind in REACHING:
            id = f"{kind}/{namespace}/{name}"
            state.manifests[id] = Manifest(
                id=id, kind=kind, namespace=namespace, name=name, generation=0, hash="", labels={}, owner=None,
                review_by=None, description=None, spec=spec, applied_by="", updated_at=EPOCH,
            )  # fmt: skip
    return state


def _near(state: State, namespace: str, addressee: str) -> str:
    kind, _, name = addressee.partition(":")
    beginning = f"{_KIND[kind]}/{namespace}/"
    if beginning + name in state.manifests:
        return ""
    return near(name, sorted(id.removeprefix(beginning) for id in state.manifests if id.startswith(beginning)))


def _told(spec: Any) -> Iterator[tuple[Path_, str]]:
    """Each addressee, with its place."""
    if isinstance(spec, PlannedChangeSpec):
        for path, addressee in _told(spec.plan):
            yield ("spec", "plan", *path[1:]), addressee
    elif isinstance(spec, WorkflowSpec | ChangeTemplateSpec):
        for node in plans.compiled(WorkflowSpec(steps=spec.steps)).nodes.values():
            to = node.spec.with_.get("to") if node.spec.uses == "notify.send" else None
            for index, addressee in enumerate(to) if isinstance(to, list) else ():
                yield ("spec", *node.place, "with", "to", index), addressee
        for index, addressee in enumerate(spec.on_failure.notify):
            yield ("spec", "on_failure", "notify", index), addressee
