"""What expressions may ask of state: is a change running there, what is known of this key?

An expression sees the event; the functions here see what OnCue knows besides. They belong to an evaluation by the scope
that it is given, and fail where there is none: of what is judged outside the engine, nothing is known.
"""

from datetime import datetime

from oncue.core import changed_alerts, recent_changes
from oncue.core.state import State


class Asked:
    """State as the expressions of a namespace may ask it."""

    __slots__ = ("_namespace", "_state")

    def __init__(self, state: State, namespace: str) -> None:
        self._state = state
        self._namespace = namespace

    def change_running_on(self, resource: str) -> bool:
        """Whether a change runs on what goes by this name."""
        return recent_changes.running_on(self._state, self._namespace, resource)

    def change_alerts(self, change: str, since: datetime | None = None) -> int:
        """How many alerts fire where the change was made, or on what needs that, or have called people `since` then, which
        began since it did, and which it does not expect. Raises `ValueError` if there is no such change."""
        return changed_alerts.many(self._state, self._namespace, change, since)

    def lookup(self, table: str, key: str) -> dict[str, str]:
        """The row of a key, empty if there is none. Raises `ValueError` if there is no such table."""
        id = f"Lookup/{self._namespace}/{table}"
        manifest = self._state.manifests.get(id)
        if manifest is None:
            raise ValueError(f"there is no Lookup {table} in {self._namespace}")
        return self._state.tables.of(id, manifest.spec).find(key) or {}
