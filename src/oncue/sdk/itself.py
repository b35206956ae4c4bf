"""How an installation of OnCue is, as its own monitor sees it.

Counts that only grow do so from the start of the process that counts; they begin at zero again when it restarts. "Of
late" is the time that the monitor asks for.
"""

import msgspec


class Itself(msgspec.Struct, kw_only=True):
    """Figures of every namespace, taken at one moment. What could not be found out is None."""

    disk_free: int
    """Bytes that OnCue may still write to the file system of its data."""
    disk_size: int
    """Bytes of that file system that OnCue may use at all."""
    journal_size: int
    """Bytes of the database."""
    commits: int
    """Transactions so far."""
    commit_seconds: float
    """That they took together."""
    commit_failures: int
    """Transactions so far that could not be written."""
    queue_used: float
    """Events that wait for the engine, as a part of 1 of as many as may."""
    shed: int
    """Requests refused and messages lost so far, because more came than could be taken."""
    dead_letters_new: int
    """Dead letters of late that nobody has redriven."""
    dead_letters_waiting: int
    """All that nobody has redriven."""
    effects_overdue_s: float
    """For how long the effect that has waited the longest could have been taken by a worker, and was not."""
    escalations_overdue_s: float = 0.0
    """For how long the next level of an escalation should have been told, and was not."""
    effects_unknown: int
    """Effects of late of which nobody knows whether they were done."""
    effects_failed: int
    """Effects of late that failed for good."""
    policies_failed: int
    """Policies' decisions of late that could not be carried out, or not wholly."""
    named: dict[str, list[str]] = {}
    """The policies or actions that the newest of these are about, by the name of the count above."""
    starts: int
    """Starts of the engine of late."""
    monitors_failing: list[str] = []
    """Those that cannot measure, as `namespace/name`; some of them if they are many."""
    monitors_failing_count: int = 0
    sources_failing: list[str] = []
    """Those that should listen and do not, or lose messages."""
    subscriptions_failing: list[str] = []
    """Those whose consumer does not take what is sent, or wants no more."""
    secrets_missing: list[str] = []
    """Those that manifests refer to and that cannot be read, as `namespace/name`."""
    certificates: dict[str, float] = {}
    """Days until each certificate among the secrets expires."""
    snapshot_age_s: float | None = None
    """Since the newest snapshot; since the journal's beginning if there is none."""
    retention_overdue_s: float = 0.0
    """How much older than retention allows the oldest of the journal is."""
    dead_man_silent_s: float | None = None
    """Since the outside was last told that all is well; None if nothing outside is to be told."""
