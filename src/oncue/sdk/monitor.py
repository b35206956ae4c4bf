"""What a monitor is: an active probe that takes readings.

A monitor is a class without arguments, named by an entry point of the group `oncue.monitors`; one file each. There is
one object per Monitor manifest, so it may keep what it needs between probes. Thresholds, hysteresis, retries and the
reporting of samples and states are not its business.
"""

from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from oncue.sdk.context import Context
from oncue.sdk.errors import ErrorDoc


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value of one metric."""

    metric: str
    """Dotted, as in `host.cpu.used`; the type of the events about it."""
    value: float
    unit: str
    """`%`, `B`, `s`, `ms`, `d`, or empty for a count."""
    instance: str = ""
    """Which of several, as the mount point of a disk; its alerts are told apart by it."""
    labels: dict[str, str] = {}
    detail: str = ""
    """What people should read beside the value when it is a problem; never matched on."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """The probed thing is not as it should be, whatever its readings."""

    code: str
    """Dotted and stable, as in `http.status`."""
    title: str
    detail: str
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    metric: str | None = None
    labels: dict[str, str] = {}
    """Given to its alert, beside the manifest's."""
    severity: Literal["warning", "minor", "major", "critical"] | None = None
    """If the probe knows how bad it is; None leaves it to the manifest."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something that took place since the last probe, as a restart: an event that bears no alert."""

    type: str
    """The event's type, dotted, as in `unit.changed`."""
    title: str
    data: dict[str, Any] = {}


class Probe(msgspec.Struct, kw_only=True):
    """What one probe found."""

    readings: list[Reading] = []
    fault: Fault | None = None
    happenings: list[Happening] = []


class MetricDoc(msgspec.Struct, frozen=True):
    """One metric of a monitor, for its reference page."""

    metric: str
    unit: str
    label: str
    """What people call it, as in `CPU`: the first word of its alerts' titles."""
    meaning: str


@runtime_checkable
class Monitor(Protocol):
    """Probes one thing. `settings` is the schema of the manifest's `with`.

    `primary` is the metric whose alerts bear the monitor's bare name as their check; empty if that is kept for faults.
    `remote` says that a probe that takes too long is the target's fault, not the monitor's. A `passive` monitor is the
    engine's to watch and is never probed. One whose probes are heavy may have `at_once`: how many of its kind go on at the
    same time. An `ActionError` from `probe` says that the monitor itself cannot work.
    """

    @property
    def name(self) -> str:
        """What manifests call it."""
        ...

    @property
    def settings(self) -> type[msgspec.Struct]:
        """The schema of the manifest's `with`."""
        ...

    @property
    def metrics(self) -> tuple[MetricDoc, ...]:
        """What it reads."""
        ...

    @property
    def errors(self) -> tuple[ErrorDoc, ...]:
        """What it may fail with, beside what anything may."""
        ...

    @property
    def primary(self) -> str:
        """The metric whose alerts bear the monitor's bare name; empty for none."""
        ...

    @property
    def remote(self) -> bool:
        """Whether one that takes too long is the target's fault."""
        ...

    @property
    def passive(self) -> bool:
        """Whether it is the engine's to watch, and never probed."""
        ...

    def subject(self, settings: Any) -> str:
        """The resource that its readings are about, if the manifest names none."""
        ...

    async def probe(self, settings: Any, context: Context, at: datetime) -> Probe:
        """Take the readings of this moment. Raises `ActionError` if the monitor cannot work."""
        ...
