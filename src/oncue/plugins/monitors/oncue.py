"""The monitor `oncue`: how OnCue itself is.

What happens, as a failed write or a dead letter, is counted over a while, so that an alarm ends by itself. While the journal cannot be written no alarm can be written either: it follows when it can, and the dead-man ping
stops meanwhile.
"""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

import msgspec

from oncue.plugins.monitors.host_disk import seconds_to_zero
from oncue.sdk import Context, ErrorDoc, Itself, MetricDoc, Probe, Reading

TREND_POINTS: Final = 240
TREND_LEAST: Final = 30
"""Fewer probes than this make no trend: the first minutes of a server are not like its days."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Over which time things are counted; the thresholds of the manifest say what is too much."""

    window_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 600
    """Seconds over which failed commits, shed load and steps of the clock are counted."""
    recent_s: Annotated[int, msgspec.Meta(ge=1, le=604_800)] = 3600
    """Seconds over which what stands in the journal is counted: dead letters, failed actions and policies, starts."""


class OnCue:
    """Watches the server that it runs in; of the namespace `default` only, as its figures are of every namespace."""

    name = "oncue"
    settings = Settings
    primary = ""
    remote = False
    passive = False
    metrics = (
        MetricDoc("self.disk.free", "B", "Free space for OnCue's data", "Space that OnCue can still write to."),
        MetricDoc("self.disk.used", "%", "Disk of OnCue's data", "Of the file system that holds the data directory."),
        MetricDoc(
            "self.disk.time_to_full", "h", "Time to full disk of OnCue's data",
            f"At the present trend, from {TREND_LEAST} probes on; absent while it does not fill up.",
        ),
        MetricDoc("self.journal.size", "B", "Journal", "The database, as large as its file is."),
        MetricDoc("self.commit.time", "ms", "Commit to the journal", "Mean of the commits since the probe before."),
        MetricDoc("self.commit.failures", "", "Failed commits", "Writes to the journal that failed within `window_s`."),
        MetricDoc("self.queue.used", "%", "Queue of events", "Events that wait, of `limits.queue_events`."),
        MetricDoc(
            "self.shed", "", "Refused for overload",
            "Requests answered with 429, and messages of listening sources that were lost, within `window_s`.",
        ),
        MetricDoc("self.dead_letters.new", "", "New dead letters", "Refused within `recent_s`, and not redriven."),
        MetricDoc("self.dead_letters.waiting", "", "Dead letters", "All that nobody has redriven; at most 10,000."),
        MetricDoc(
            "self.effects.overdue", "s", "Action or notification without a worker",
            "For how long the oldest one could have been taken, and was not.",
        ),
        MetricDoc(
            "self.escalations.overdue", "s", "Escalation overdue",
            "For how long the next level of an escalation should have been told, and was not.",
        ),
        MetricDoc("self.effects.unknown", "", "Actions with unknown outcome", "Within `recent_s`: begun, and nobody knows the end."),
        MetricDoc("self.effects.failed", "", "Failed actions and notifications", "For good, after all tries, within `recent_s`."),
        MetricDoc("self.policies.failed", "", "Failed policy decisions", "`oncue.policy.failed` within `recent_s`."),
        MetricDoc("self.monitors.failing", "", "Monitors that cannot measure", "Whose own health is `failing`."),
        MetricDoc("self.sources.failing", "", "Sources that do not listen", "Or that lose messages."),
        MetricDoc(
            "self.subscriptions.failing", "", "Subscriptions that are not delivered",
            "Whose consumer does not take what is sent, or wants no more.",
        ),
        MetricDoc("self.secrets.missing", "", "Secrets that cannot be read", "Of those that manifests refer to."),
        MetricDoc("self.certificate.days", "d", "Certificate", "Days until a certificate among the secrets expires."),
        MetricDoc("self.clock.step", "s", "Step of the clock", "Of the wall clock against the monotonic one, within `window_s`."),
        MetricDoc("self.snapshot.age", "h", "Age of the newest snapshot", "One is made every day."),
        MetricDoc("self.retention.overdue", "h", "Retention overdue", "How much older than allowed the journal reaches back."),
        MetricDoc("self.starts", "", "Starts of the engine", "Within `recent_s`: more than a few mean that it does not stay up."),
        MetricDoc("self.dead_man.silent", "s", "Dead-man ping silent", "Since the outside was last told that all is well."),
    )  # fmt: skip
    errors = (
        ErrorDoc("oncue.elsewhere", "The monitor is in another namespace than `default`."),
        ErrorDoc("oncue.unknown", "The engine or its database does not answer the worker."),
    )

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._failures = _Growth()
        self._shed = _Growth()
        self._offsets: deque[tuple[float, float]] = deque()
        self._trend: deque[tuple[float, float]] = deque(maxlen=TREND_POINTS)
        self._commits: tuple[int, float] | None = None

    def subject(self, settings: Settings) -> str:
        """OnCue."""
        return "oncue"

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The figures of this moment."""
        found = await context.itself(settings.recent_s)
        now = self._monotonic()
        self._trend.append((now, float(found.disk_free)))
        used = 100.0 * (1 - found.disk_free / found.disk_size) if found.disk_size else 100.0
        readings = [
            _reading("self.disk.free", found.disk_free),
            _reading("self.disk.used", used),
            _reading("self.journal.size", found.journal_size),
            _reading("self.commit.failures", self._failures.over(found.commit_failures, now, settings.window_s)),
            _reading("self.queue.used", 100.0 * found.queue_used),
            _reading("self.shed", self._shed.over(found.shed, now, settings.window_s)),
            _reading("self.dead_letters.new", found.dead_letters_new),
            _reading("self.dead_letters.waiting", found.dead_letters_waiting),
            _reading("self.effects.overdue", found.effects_overdue_s),
            _reading("self.escalations.overdue", found.escalations_overdue_s),
            _reading("self.effects.unknown", found.effects_unknown, found.named.get("effects_unknown")),
            _reading("self.effects.failed", found.effects_failed, found.named.get("effects_failed")),
            _reading("self.policies.failed", found.policies_failed, found.named.get("policies_failed")),
            _reading("self.monitors.failing", found.monitors_failing_count, found.monitors_failing),
            _reading("self.sources.failing", len(found.sources_failing), found.sources_failing),
            _reading("self.subscriptions.failing", len(found.subscriptions_failing), found.subscriptions_failing),
            _reading("self.secrets.missing", len(found.secrets_missing), found.secrets_missing),
            _reading("self.clock.step", self._step(now, settings.window_s)),
            _reading("self.retention.overdue", found.retention_overdue_s / 3600),
            _reading("self.starts", found.starts),
        ]
        if (pace := self._pace(found)) is not None:
            readings.append(_reading("self.commit.time", pace))
        if (full_in_s := self._full_in_s()) is not None:
            readings.append(_reading("self.disk.time_to_full", full_in_s / 3600))
        if found.snapshot_age_s is not None:
            readings.append(_reading("self.snapshot.age", found.snapshot_age_s / 3600))
        if found.dead_man_silent_s is not None:
            readings.append(_reading("self.dead_man.silent", found.dead_man_silent_s))
        readings += [_reading("self.certificate.days", days, instance=one) for one, days in found.certificates.items()]
        return Probe(readings=readings)

    def _full_in_s(self) -> float | None:
        """By the slower half of the trend: a large file that was written once, or removed, is no trend."""
        points = list(self._trend)
        if len(points) < TREND_LEAST:
            return None
        halves = [seconds_to_zero(half) for half in (points[: len(points) // 2], points[len(points) // 2 :])]
        return None if None in halves else max(half for half in halves if half is not None)

    def _pace(self, found: Itself) -> float | None:
        """Milliseconds of a commit since the probe before; None if there was none."""
        before, self._commits = self._commits, (found.commits, found.commit_seconds)
        if before is None or found.commits <= before[0]:
            return None
        return 1000.0 * max(0.0, found.commit_seconds - before[1]) / (found.commits - before[0])

    def _step(self, now: float, window_s: float) -> float:
        """How far the wall clock has moved against the monotonic one. A clock that is slewed stays below a second."""
        self._offsets.append((now, self._wall() - now))
        while self._offsets[0][0] < now - window_s:
            self._offsets.popleft()
        seen = [offset for _, offset in self._offsets]
        return max(seen) - min(seen)


class _Growth:
    """By how much a count grew within a while. It may begin at zero again."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._grown: deque[tuple[float, int]] = deque()

    def over(self, count: int, now: float, window_s: float) -> int:
        """The growth up to now. What was counted before the first look is not known to be recent."""
        if self._last is not None:
            self._grown.append((now, count - self._last if count >= self._last else count))
        self._last = count
        while self._grown and self._grown[0][0] < now - window_s:
            self._grown.popleft()
        return sum(grown for _, grown in self._grown)


_UNITS: Final = {doc.metric: doc.unit for doc in OnCue.metrics}


def _reading(metric: str, value: float, which: list[str] | None = None, instance: str = "") -> Reading:
    shown = ", ".join(which or ())
    return Reading(
        metric=metric, value=round(float(value), 2), unit=_UNITS[metric], instance=instance, detail=shown[:500]
    )
