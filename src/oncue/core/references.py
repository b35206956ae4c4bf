"""What manifests name in other manifests: a policy its workflows, team and channel, a service its owner, a team its channels.

Names are of the same namespace. An apply is refused if a name it needs is neither in force nor applied with it, and a
delete if something in force needs what it deletes; so a response never fails for a name alone.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from oncue.core.manifest import (
    KINDS,
    Manifest,
    MonitorSpec,
    PolicySpec,
    ResourceSpec,
    SAPSystemSpec,
    ServiceSpec,
    SourceSpec,
    Spec,
    TeamSpec,
)
from oncue.core.state import State

TARGETS: Final = frozenset({"Workflow", "Team", "Channel"})
"""Kinds that others need. A service may be named without being in the catalogue."""
_OWNED: Final = ("Service", "Resource", "Team", "SAPSystem")
"""Kinds besides Policy that need others."""


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
    match spec:
        case PolicySpec():
            for index, response in enumerate(spec.respond):
                if response.run is not None:
                    path = ("spec", "respond", index, "run", "workflow")
                    yield Reference(path, "Workflow", response.run.workflow)
            if spec.notify is not None and spec.notify.team is not None:
                yield Reference(("spec", "notify", "team"), "Team", spec.notify.team)
            if spec.notify is not None and spec.notify.channel is not None:
                yield Reference(("spec", "notify", "channel"), "Channel", spec.notify.channel)
        case ServiceSpec() | SAPSystemSpec() | ResourceSpec():
            owned = spec.owner or owner
            if owned is not None and owned.startswith("team:"):
                where = ("spec", "owner") if spec.owner else ("metadata", "owner")
                yield Reference(where, "Team", owned.removeprefix("team:"))
            if not isinstance(spec, ServiceSpec) and spec.service is not None:
                yield Reference(("spec", "service"), "Service", spec.service)
        case TeamSpec():
            for index, channel in enumerate(spec.channels):
                yield Reference(("spec", "channels", index), "Channel", channel)
        case MonitorSpec() | SourceSpec() if spec.service is not None:
            yield Reference(("spec", "service"), "Service", spec.service)
        case _:
            return


def users(state: State, id: str) -> list[str]:
    """The ids of the manifests in force that need this one."""
    kind, namespace, name = id.split("/", 2)
    if kind not in TARGETS:
        return []
    found = [
        f"Policy/{policy.id}"
        for policy in state.policies.by_id.values()
        if policy.namespace == namespace and _needs(references(policy.spec), kind, name)
    ]
    found += [
        other.id
        for other in state.manifests.values()
        if other.namespace == namespace and other.kind in _OWNED and _needs(_of(other), kind, name)
    ]
    return sorted(found)


def _of(manifest: Manifest) -> Iterator[Reference]:
    return references(msgspec.convert(manifest.spec, KINDS[manifest.kind]), manifest.owner)


def _needs(found: Iterator[Reference], kind: str, name: str) -> bool:
    return any(reference.kind == kind and reference.name == name for reference in found)
