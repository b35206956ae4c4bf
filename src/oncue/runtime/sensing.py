"""Senses: probes what Monitor manifests name, each on its own clock.

A probe's readings leave as one sample. What they mean is judged by `series`; only a change of state makes an event that
bears an alert. The first conclusive reading after a start is always reported, and a problem again every `REPEAT_S`, so
that a restart on either side loses none. A monitor that cannot work says so by its own health, and is probed less often
until it can.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from oncue.core.duration import seconds
from oncue.core.event import said
from oncue.core.hours import Hours
from oncue.core.hours import parse as parse_hours
from oncue.core.manifest import Manifest, MonitorSpec, Threshold
from oncue.core.threshold import choose
from oncue.runtime.inputs import document, instant
from oncue.runtime.series import Reachability, Series
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import ActionError, Fault, Happening, Log, Monitor, Probe, Reading, registry

REPEAT_S: Final = 300.0
"""How often a problem that goes on is said again."""
BACKOFF_S: Final = 300.0
"""The longest pause of a monitor that cannot work, unless its own period is longer."""
JITTER_S: Final = 2.0
"""Monitors start spread over this time, and keep their place; more of them over more time, up to their period."""
STARTS_PER_S: Final = 200
"""Probes that begin in a second at the most, as far as the periods allow: thousands must not begin all at once."""
AT_ONCE: Final = 256
"""Probes of one kind that go on at the same time, unless the monitor's `at_once` says otherwise."""
GONE_AFTER: Final = 3
"""Probes without an instance that was there before, until it counts as gone."""

Send = Callable[[bytes, str | None], None]
"""Takes an event on its way to the engine, and its origin; one without an origin is a sample, which may be dropped."""


class Sensing:
    """All monitors of this server."""

    def __init__(self, surroundings: Surroundings, send: Send, log: Log) -> None:
        self._surroundings = surroundings
        self._send = send
        self._log = log
        self._watches: dict[str, Watch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._spread_s = JITTER_S

    def configure(self, manifests: Sequence[Manifest]) -> None:
        """Watch exactly these. One that is unchanged goes on undisturbed; one that is gone ends its alerts."""
        wanted = {f"{manifest.namespace}/{manifest.name}": manifest for manifest in manifests}
        self._spread_s = max(JITTER_S, len(wanted) / STARTS_PER_S)
        for name in list(self._watches):
            known = self._watches[name].manifest
            if name not in wanted:
                self._end(name).close("its monitor was deleted")
            elif known.hash != wanted[name].hash or known.generation != wanted[name].generation:
                self._begin(wanted[name], self._end(name))
        for name, manifest in wanted.items():
            if name not in self._watches:
                self._begin(manifest, None)

    def lateness(self) -> list[float]:
        """Of each monitor, by how many seconds its latest probe began after it was due."""
        return [watch.late_s for watch in self._watches.values()]

    def stop(self) -> None:
        """Probe no more; alerts stay as they are."""
        for name in list(self._watches):
            self._end(name)

    def _begin(self, manifest: Manifest, before: "Watch | None") -> None:
        try:
            spec = registry.fit(manifest.spec, MonitorSpec)
            monitor = registry.monitor(spec.uses)
            if monitor.passive:
                return
            watch = Watch(manifest, spec, monitor, self._surroundings, self._send, self._log)
        except ActionError as error:
            self._send(_health(manifest, error), _origin(manifest))
            self._log.warning("monitor.unusable", monitor=f"{manifest.namespace}/{manifest.name}", detail=error.detail)
            return
        if before is not None:
            watch.inherit(before)
        self._watches[watch.id] = watch
        turn = self._turns.setdefault(spec.uses, asyncio.Semaphore(getattr(monitor, "at_once", AT_ONCE)))
        self._tasks[watch.id] = asyncio.create_task(watch.run(self._spread_s, turn), name=f"monitor {watch.id}")

    def _end(self, name: str) -> "Watch":
        self._tasks.pop(name).cancel()
        return self._watches.pop(name)


class _Standing(msgspec.Struct):
    """The last event about one check, to be said again while it is a problem."""

    resource: str
    event_type: str
    title: str
    labels: dict[str, str]
    data: dict[str, Any]
    severity: str
    sent_at: float
    absent: int = 0


class Watch:
    """One monitor at work."""

    def __init__(
        self, manifest: Manifest, spec: MonitorSpec, monitor: Monitor, surroundings: Surroundings, send: Send, log: Log
    ) -> None:
        self.manifest = manifest
        self.id = f"{manifest.namespace}/{manifest.name}"
        self._spec = spec
        self._monitor = monitor
        self._surroundings = surroundings
        self._send = send
        self._log = log
        self._every_s = max(1.0, seconds(spec.every))
        self._timeout_s = seconds(spec.timeout)
        self._docs = {doc.metric: doc for doc in monitor.metrics}
        self._thresholds: dict[str, list[Threshold]] = {}
        for one in spec.thresholds:
            self._thresholds.setdefault(one.metric, []).append(one)
        self._hours = {one.hours: _hours(one.hours) for one in spec.thresholds if one.hours is not None}
        self._series: dict[tuple[str, str], Series] = {}
        self._target = Reachability(spec.retries, spec.severity)
        self._standing: dict[str, _Standing] = {}
        self._health: str | None = None
        self._failures = 0
        self.late_s = 0.0
        """By how much the latest probe began after it was due."""

    def inherit(self, before: "Watch") -> None:
        """Take over the problems that an earlier version of the monitor reported, so that they end when they should."""
        self._standing = before.problems()

    def problems(self) -> "dict[str, _Standing]":
        """What it reported and has not taken back, by check."""
        return {check: msgspec.structs.replace(one, absent=0) for check, one in self._standing.items()}

    def close(self, why: str) -> None:
        """End the alerts that it raised."""
        for check, standing in self._standing.items():
            self._clear(check, standing, why)
        self._standing.clear()

    async def run(self, spread_s: float, turn: asyncio.Semaphore) -> None:
        """Probe for ever, on a grid that does not drift; what was missed is not made up for.

        The place on the grid lies within `spread_s`. A probe waits for its turn among those of its kind.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() + min(spread_s, self._every_s) * zlib.crc32(self.id.encode()) / 2**32
        while True:
            await asyncio.sleep(max(0.0, due - loop.time()))
            async with turn:
                self.late_s = loop.time() - due
                await self.probe(datetime.now(UTC))
            missed = int(max(0.0, loop.time() - due) // self._every_s)
            due += self._every_s * (1 + max(missed, self._pause()))

    def _pause(self) -> int:
        """Periods to leave out while the monitor cannot work."""
        longest = int(BACKOFF_S // self._every_s)
        return int(min(2 ** min(self._failures, 16) - 1, longest)) if self._failures else 0

    async def probe(self, at: datetime) -> None:
        """Probe once, and report what follows."""
        context = self._surroundings.context(self.manifest.namespace, f"{self.id}@{instant(at)}", 1, self._timeout_s)
        try:
            settings = registry.fit(self._spec.with_, self._monitor.settings)
            resource = self._spec.resource or self._monitor.subject(settings)
            try:
                async with asyncio.timeout(self._timeout_s):
                    found = await self._monitor.probe(settings, context, at)
            except TimeoutError as error:
                if not self._monitor.remote:
                    raise ActionError("timeout", f"the probe took longer than {self._spec.timeout}") from error
                title = f"{resource} does not answer within {self._spec.timeout}"
                found = Probe(fault=Fault(code="timeout", title=title, detail=title))
        except ActionError as error:
            self._unwell(ActionError(error.code, context.mask.text(error.detail)))
            return
        except Exception as error:  # noqa: BLE001 - a plugin's defect is the monitor's ill health, not our end
            self._unwell(ActionError("action.crashed", context.mask.text(f"{type(error).__name__}: {error}")))
            return
        self._well()
        if found.readings:
            self._send(self._sample(found.readings, resource, at), None)
        for happening in found.happenings:
            self._send(self._happening(happening, resource, at, context.mask.text), _origin(self.manifest))
        self._judge(found, resource, at, context.mask.text)

    def _judge(self, found: Probe, resource: str, at: datetime, masked: Callable[[str], str]) -> None:
        present = set()
        if self._monitor.remote or found.fault is not None or self._target.state is not None:
            check = self.manifest.name
            present.add(check)
            severity = found.fault.severity if found.fault is not None else None
            changed = self._target.take(found.fault is not None, at, severity)
            if changed or self._is_due(check) or self._is_otherwise(check, found.fault, masked):
                self._report_target(check, found.fault, resource, at, masked)
        for reading in found.readings:
            thresholds = self._thresholds.get(reading.metric)
            if thresholds is None:
                continue
            check = self._check(reading)
            present.add(check)
            labels = {**self._spec.labels, **reading.labels}
            threshold = choose(thresholds, resource, reading.instance, labels, partial(self._holds, at))
            if threshold is not None:
                self._take(threshold, reading, resource, at, masked)
            elif (standing := self._standing.pop(check, None)) is not None:
                self._clear(check, standing, "no limit holds at this hour")
                self._series.pop((reading.metric, reading.instance), None)
        if found.fault is None:
            self._end_absent(present)

    def _is_otherwise(self, check: str, fault: Fault | None, masked: Callable[[str], str]) -> bool:
        """Whether what stands is another fault now, or the same one in other words."""
        standing = self._standing.get(check)
        if fault is None or standing is None:
            return False
        return (standing.data.get("code"), standing.title) != (fault.code, masked(fault.title))

    def _holds(self, at: datetime, hours: str) -> bool:
        covered, zone = self._hours[hours]
        return covered.cover(at.astimezone(zone))

    def _take(
        self, threshold: Threshold, reading: Reading, resource: str, at: datetime, masked: Callable[[str], str]
    ) -> None:
        series = self._series.setdefault((reading.metric, reading.instance), Series(threshold))
        series.adopt(threshold)
        check = self._check(reading)
        changed = series.take(reading.value, at)
        if series.state is None or series.value is None or not (changed or self._is_due(check)):
            return
        limit = series.limit()
        data: dict[str, Any] = {
            "value": series.value,
            "limit": limit,
            "unit": reading.unit,
            "metric": reading.metric,
            "since": instant(series.since) if series.since is not None else None,
            "monitor": self.id,
        }
        doc = self._docs.get(reading.metric)
        what = " ".join(filter(None, (doc.label if doc is not None else reading.metric, reading.instance)))
        title = f"{what} {shown(series.value, reading.unit)} on {resource}"
        if limit is not None:
            title += f", limit {shown(limit, reading.unit)}"
        if series.state != "clear":
            side = "Below" if threshold.below else "Above"
            since = said(series.since or at)
            data["summary"] = f"{side} the limit since {since}" + (
                f": {masked(reading.detail)}" if reading.detail else ""
            )
            data["runbook"] = threshold.runbook or self._spec.runbook
        labels = {**self._spec.labels, **reading.labels}
        self._report(check, _Standing(resource, reading.metric, title, labels, data, series.state, time.monotonic()))

    def _report_target(
        self, check: str, fault: Fault | None, resource: str, at: datetime, masked: Callable[[str], str]
    ) -> None:
        state = self._target.state
        if state is None or (state != "clear" and fault is None):
            return
        data: dict[str, Any] = {"monitor": self.id}
        title = f"{self.manifest.name}: {resource} is as it should be"
        labels = self._spec.labels
        if fault is not None and state != "clear":
            title = masked(fault.title)
            labels = {**labels, **fault.labels}
            data |= {
                "code": fault.code,
                "value": fault.value,
                "limit": fault.limit,
                "unit": fault.unit,
                "metric": fault.metric,
                "since": instant(self._target.since or at),
                "summary": masked(fault.detail),
                "runbook": self._spec.runbook,
            }
        event_type = f"{self._spec.uses}.fault"
        self._report(check, _Standing(resource, event_type, title, labels, data, state, time.monotonic()))

    def _end_absent(self, present: set[str]) -> None:
        for check, standing in list(self._standing.items()):
            if check in present:
                standing.absent = 0
                continue
            standing.absent += 1
            if standing.absent >= GONE_AFTER:
                self._clear(check, standing, "it is no longer there to be watched")
                del self._standing[check]
                self._series = {key: one for key, one in self._series.items() if self._named(*key) != check}

    def _is_due(self, check: str) -> bool:
        standing = self._standing.get(check)
        return standing is not None and time.monotonic() - standing.sent_at >= REPEAT_S

    def _report(self, check: str, standing: _Standing) -> None:
        if standing.severity == "clear":
            self._standing.pop(check, None)
        else:
            self._standing[check] = standing
        self._tell(check, standing)

    def _tell(self, check: str, standing: _Standing) -> None:
        self._send(self._event(check, standing), _origin(self.manifest))

    def _clear(self, check: str, standing: _Standing, why: str) -> None:
        gone = msgspec.structs.replace(standing, severity="clear", title=f"{standing.title}: {why}")
        self._tell(check, gone)

    def _event(self, check: str, standing: _Standing) -> bytes:
        return document(
            standing.event_type,
            f"/oncue/monitors/{self.id}",
            {key: value for key, value in standing.data.items() if value is not None},
            namespace=self.manifest.namespace,
            severity=standing.severity,
            resource=standing.resource,
            service=self._spec.service,
            check=check,
            title=standing.title[:500],
            labels=msgspec.json.encode(standing.labels, order="sorted").decode() if standing.labels else None,
        )

    def _sample(self, readings: list[Reading], resource: str, at: datetime) -> bytes:
        data = {
            "monitor": self.id,
            "at": instant(at),
            "resource": resource,
            "service": self._spec.service,
            "labels": self._spec.labels,
            "readings": [
                {"metric": one.metric, "value": one.value, "unit": one.unit, "labels": one.labels} for one in readings
            ],
        }
        return document(
            "oncue.sample",
            f"/oncue/monitors/{self.id}",
            data,
            at=at,
            namespace=self.manifest.namespace,
            resource=resource,
        )

    def _happening(self, one: Happening, resource: str, at: datetime, masked: Callable[[str], str]) -> bytes:
        return document(
            one.type,
            f"/oncue/monitors/{self.id}",
            {**one.data, "monitor": self.id},
            at=at,
            namespace=self.manifest.namespace,
            resource=resource,
            service=self._spec.service,
            title=masked(one.title)[:500],
            labels=msgspec.json.encode(self._spec.labels, order="sorted").decode() if self._spec.labels else None,
        )

    def _check(self, reading: Reading) -> str:
        return self._named(reading.metric, reading.instance)

    def _named(self, metric: str, instance: str) -> str:
        metric = "" if metric == self._monitor.primary else metric
        return "/".join(filter(None, (self.manifest.name, metric, instance.strip("/") or instance)))

    def _well(self) -> None:
        self._failures = 0
        if self._health == "ok":
            return
        self._health = "ok"
        self._send(_health(self.manifest, None), _origin(self.manifest))

    def _unwell(self, error: ActionError) -> None:
        self._failures += 1
        health = f"{error.code}: {error.detail}"
        if self._health != health:
            self._health = health
            self._send(_health(self.manifest, error), _origin(self.manifest))
            self._log.warning("monitor.failing", monitor=self.id, error_code=error.code, detail=error.detail)


def _hours(text: str) -> tuple[Hours, ZoneInfo]:
    """The hours and their zone. Raises `ActionError` inputs.invalid."""
    try:
        hours = parse_hours(text)
        return hours, ZoneInfo(hours.zone)
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise ActionError("inputs.invalid", f"thresholds: hours: {error}") from error


def _origin(manifest: Manifest) -> str:
    """By this origin the engine knows whose finding an event is; the worst of them is the monitor's state."""
    return f"monitor:{manifest.namespace}/{manifest.name}"


def _health(manifest: Manifest, error: ActionError | None) -> bytes:
    name = f"{manifest.namespace}/{manifest.name}"
    data: dict[str, Any] = {"monitor": name, "state": "ok" if error is None else "failing"}
    if error is not None:
        data |= {"error_code": error.code, "detail": error.detail}
    return document("oncue.monitor.health", f"/oncue/monitors/{name}", data, namespace=manifest.namespace)


def shown(value: float, unit: str) -> str:
    """A value as people read it: `97 %`, `1.5 GiB`, `250 ms`."""
    if unit == "B":
        for prefix in ("B", "KiB", "MiB", "GiB", "TiB"):
            if abs(value) < 1024 or prefix == "TiB":
                return f"{value:.3g} {prefix}"
            value /= 1024
    number = f"{value:.1f}".removesuffix(".0") if abs(value) < 1000 else f"{value:.0f}"
    return f"{number} {unit}" if unit else f"{value:.4g}"
