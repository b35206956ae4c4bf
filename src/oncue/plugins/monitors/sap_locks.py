"""The monitor `sap.locks`: enqueue locks and how long they are held (SAPControl EnqGetLockTable, as SM12).

Asked of the instance that holds the enqueue server, the ASCS. A lock's owner begins with the SAP host's local time at
which it was taken: with `time_zone` the age is counted from there, else from when OnCue first saw the lock.
"""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from oncue.plugins.sap import control
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import Lock
from oncue.sdk import ActionError, Context, ErrorDoc, MetricDoc, Probe, Reading


class Settings(Target, kw_only=True, forbid_unknown_fields=True):
    """Which instance, and where its clock is."""

    time_zone: str | None = None
    """The SAP host's, as `Europe/Berlin`."""


class SapLocks:
    """Asks once per probe."""

    name = "sap.locks"
    settings = Settings
    primary = "sap.locks.oldest"
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.locks.oldest", "s", "Oldest lock", "How long the oldest lock is held."),
        MetricDoc("sap.locks.count", "", "Locks", "Locks that are held now."),
    )
    errors = (*control.ERRORS, ErrorDoc("inputs.invalid", "There is no such `time_zone`."))

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], datetime] = {}

    def subject(self, settings: Settings) -> str:
        """The instance's name."""
        return control.resource(settings)

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One EnqGetLockTable."""
        zone = _zone(settings.time_zone)
        try:
            found = await SapControl(settings, context).rows("EnqGetLockTable", Lock)
        except ActionError as error:
            return control.silent(settings, error)
        keys = {(lock.lock_name, lock.lock_arg, lock.owner): lock for lock in found}
        self._seen = {key: self._seen.get(key, at) for key in keys}
        ages = [(at - (_taken(lock, zone) or self._seen[key])).total_seconds() for key, lock in keys.items()]
        labels = control.labels(settings)
        return Probe(
            readings=[
                Reading(metric="sap.locks.oldest", value=max(0.0, round(max(ages, default=0.0), 1)), unit="s", labels=labels),
                Reading(metric="sap.locks.count", value=float(len(found)), unit="", labels=labels),
            ]
        )  # fmt: skip


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name is not None else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ActionError("inputs.invalid", f"time_zone: {name} is not known") from error


def _taken(lock: Lock, zone: ZoneInfo | None) -> datetime | None:
    """When the lock was taken, by its owner's first fourteen digits."""
    if zone is None or len(lock.owner) < 14 or not lock.owner[:14].isdigit():
        return None
    try:
        return datetime.strptime(lock.owner[:14], "%Y%m%d%H%M%S").replace(tzinfo=zone)
    except ValueError:
        return None
