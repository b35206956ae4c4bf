"""A problem: what is behind incidents. Once its cause or a way around it is known, it is a known error."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from oncue.core.alert import Alert
from oncue.core.silence import Filed, Matcher, all_match

ProblemState = Literal["open", "known_error", "resolved", "closed"]

TRANSITIONS: Final[dict[ProblemState, tuple[ProblemState, ...]]] = {
    "open": ("known_error", "resolved", "closed"),
    "known_error": ("open", "resolved", "closed"),
    "resolved": ("open", "known_error", "closed"),
    "closed": (),
}


class ProblemRecord(msgspec.Struct, kw_only=True):
    """A problem's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`PRB-` and a number, counted per journal."""
    namespace: str
    title: str
    description: str
    state: ProblemState
    workaround: str
    root_cause: str
    service: str | None
    resource: str | None
    assignee: str | None
    matchers: tuple[Matcher, ...]
    """As those of a silence, on the alerts of an incident: all must hold."""
    fingerprints: tuple[str, ...]
    """An alert with one of these is its, too."""
    incidents: tuple[str, ...]
    """Those that matched it or were put to it, the newest last; not more than 100."""
    incidents_total: int
    opened_by: str
    opened_at: datetime
    updated_at: datetime
    last_seen_at: datetime | None = None
    """When an incident last matched it."""
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    position: str = ""

    @property
    def watches(self) -> bool:
        """Whether new incidents are compared with it."""
        return bool(self.matchers or self.fingerprints) and self.state in ("open", "known_error")

    def is_of(self, alert: Alert) -> bool:
        """Whether the alert is one of its."""
        return alert.fingerprint in self.fingerprints or (bool(self.matchers) and all_match(self.matchers, alert))


class Known:
    """The problems that new incidents are compared with, filed so that an alert meets few that are not about it. A look-up
    over rows."""

    __slots__ = ("_by_fingerprint", "_by_matchers", "_fingerprints")

    def __init__(self) -> None:
        self._by_matchers = Filed()
        self._by_fingerprint: dict[tuple[str, str], dict[str, None]] = {}
        self._fingerprints: dict[str, tuple[tuple[str, str], ...]] = {}

    def __len__(self) -> int:
        return len(self._by_matchers) + len(self._fingerprints)

    def put(self, problem: ProblemRecord) -> None:
        """File it as it is now."""
        self.drop(problem.id)
        if not problem.watches:
            return
        if problem.matchers:
            self._by_matchers.put(problem.id, problem.namespace, problem.matchers)
        if problem.fingerprints:
            keys = tuple((problem.namespace, one) for one in problem.fingerprints)
            self._fingerprints[problem.id] = keys
            for key in keys:
                self._by_fingerprint.setdefault(key, {})[problem.id] = None

    def drop(self, id: str) -> None:
        """Forget it, if it is there."""
        self._by_matchers.drop(id)
        for key in self._fingerprints.pop(id, ()):
            ids = self._by_fingerprint[key]
            del ids[id]
            if not ids:
                del self._by_fingerprint[key]

    def candidates(self, alert: Alert) -> list[str]:
        """Those that may be about the alert, in order."""
        found = dict.fromkeys(self._by_matchers.candidates(alert))
        found.update(self._by_fingerprint.get((alert.namespace, alert.fingerprint), {}))
        return sorted(found)
