"""Which events are shared with which namespaces, by the exports of the configuration.

They follow from the manifests, in whatever order those are read. A namespace without exports pays for a look into an empty table.
"""

from typing import TYPE_CHECKING

import msgspec

from oncue.core.export import EVERYONE, KIND, ExportSpec
from oncue.core.expression import Failed, holds
from oncue.core.policy import Policies, Selector, covers

if TYPE_CHECKING:
    from oncue.core.normalise import Seen
    from oncue.core.state import State


class Export(msgspec.Struct, frozen=True):
    """An export, ready to be used."""

    id: str
    """`namespace/name`."""
    to: frozenset[str]
    selector: Selector

    def reaches(self, namespace: str) -> bool:
        """Whether it shares with this one."""
        return EVERYONE in self.to or namespace in self.to

    def shares(self, seen: "Seen") -> bool:
        """Whether it is for this event; of a recovery it is not asked how bad it was."""
        match = self.selector.match
        severity = next(iter(match.severities), None) if seen.signal == "recovery" else seen.severity
        about = (severity, seen.resource, seen.service, seen.source, seen.labels)
        if not self.selector.selects(seen.type, *about):
            return False
        try:
            return match.where is None or holds(match.where, seen.scope)
        except Failed:
            return False


class Exports:
    """The exports in force, by the namespace that shares."""

    def __init__(self) -> None:
        self.by_home: dict[str, tuple[Export, ...]] = {}

    def rebuild(self, state: "State") -> None:
        """Take everything from the manifests."""
        found: dict[str, list[Export]] = {}
        for id in sorted(state.manifests):
            manifest = state.manifests[id]
            if manifest.kind == KIND:
                spec = msgspec.convert(manifest.spec, ExportSpec)
                export = Export(f"{manifest.namespace}/{manifest.name}", frozenset(spec.to), Selector(spec.match))
                found.setdefault(manifest.namespace, []).append(export)
        self.by_home = {home: tuple(exports) for home, exports in found.items()}

    def reaches(self, home: str, namespace: str) -> bool:
        """Whether anything of `home` is shared with `namespace`."""
        return home != namespace and any(export.reaches(namespace) for export in self.by_home.get(home, ()))

    def importing(self, home: str, policies: Policies) -> list[str]:
        """The namespaces with policies with which anything of `home` is shared, by name."""
        if home not in self.by_home:
            return []
        return [namespace for namespace in policies.namespaces() if self.reaches(home, namespace)]

    def wants(self, home: str, type: str, policies: Policies) -> bool:
        """Whether a policy elsewhere may want an event of this type, of which more than its type is not known."""
        return home in self.by_home and any(
            policies.wants(namespace, type)
            and any(e.reaches(namespace) and covers(e.selector.match.types, type) for e in self.by_home[home])
            for namespace in self.importing(home, policies)
        )

    def by(self, seen: "Seen", namespace: str) -> Export | None:
        """The export, the first by its name, by which the event is shared with this namespace."""
        exports = self.by_home.get(seen.namespace, ())
        return next((one for one in exports if one.reaches(namespace) and one.shares(seen)), None)

    def abroad(self, state: "State", seen: "Seen") -> list["Seen"]:
        """The event, which is at home in its namespace, as each of those sees it that it is shared with.

        The recovery of what something waits for is told in any case.
        """
        found = []
        for namespace in self.importing(seen.namespace, state.policies):
            wanted = state.policies.wants(namespace, seen.type)
            if not wanted and seen.signal != "recovery":
                continue
            there = seen.abroad(namespace)
            key = (namespace, there.fingerprint)
            waiting = (state.alert_of, state.held_of, state.ended_by)
            awaited = seen.signal == "recovery" and any(key in rows for rows in waiting)
            if awaited or (wanted and self.by(seen, namespace) is not None):
                found.append(there)
        return found
