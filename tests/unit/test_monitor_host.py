"""The host monitors on this very machine."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from oncue.plugins.monitors.host_disk import TREND_LEAST, seconds_to_zero
from oncue.sdk import ActionError, Monitor, Probe, registry
from oncue.sdk.testing import context

START = datetime(2026, 1, 1, tzinfo=UTC)


async def probe(monitor: Monitor, settings: Mapping[str, Any], tmp_path: Path, at: datetime = START) -> Probe:
    return await monitor.probe(registry.fit(dict(settings), monitor.settings), context(tmp_path), at)


@pytest.mark.parametrize("name", ["host.cpu", "host.memory", "host.disk", "host.load"])
async def test_readings_are_those_that_are_described(name: str, tmp_path: Path) -> None:
    monitor = registry.monitor(name)
    described = {doc.metric: doc.unit for doc in monitor.metrics}
    found = await probe(monitor, {}, tmp_path)
    assert found.fault is None
    assert monitor.primary in {one.metric for one in found.readings}
    for one in found.readings:
        assert described[one.metric] == one.unit
        assert one.value >= 0
        if one.unit == "%":
            assert one.value <= 100


async def test_cpu_is_reckoned_since_the_probe_before(tmp_path: Path) -> None:
    monitor = registry.monitor("host.cpu")
    await probe(monitor, {}, tmp_path)
    before = sum(psutil.cpu_times()[:8])
    while sum(psutil.cpu_times()[:8]) - before < 0.5:
        pass
    used = {one.metric: one.value for one in (await probe(monitor, {}, tmp_path)).readings}
    assert used["host.cpu.used"] > 10


async def test_memory_agrees_with_the_kernel(tmp_path: Path) -> None:
    found = {one.metric: one.value for one in (await probe(registry.monitor("host.memory"), {}, tmp_path)).readings}
    assert found["host.memory.used"] == pytest.approx(psutil.virtual_memory().percent, abs=5)


async def test_disk_agrees_with_the_kernel_and_names_the_mount(tmp_path: Path) -> None:
    found = await probe(registry.monitor("host.disk"), {"mounts": ["/"]}, tmp_path)
    used = next(one for one in found.readings if one.metric == "host.disk.used")
    assert used.value == pytest.approx(psutil.disk_usage("/").percent, abs=1)
    assert (used.instance, used.labels) == ("/", {"mount": "/"})


async def test_a_mount_point_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"host\.disk\.missing: /no/such"):
        await probe(registry.monitor("host.disk"), {"mounts": ["/no/such"]}, tmp_path)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1000 - 10 * i for i in range(20)], 81.0),
        ([1000.0] * 20, None),
        ([1000 + i for i in range(20)], None),
        ([1000 - 10 * i for i in range(TREND_LEAST - 1)], None),
        ([1e15 - i for i in range(20)], None),
    ],
)
def test_time_to_full_follows_the_line(values: list[float], expected: float | None) -> None:
    points = [(START.timestamp() + index, value) for index, value in enumerate(values)]
    found = seconds_to_zero(points)
    assert found is None if expected is None else found == pytest.approx(expected, rel=1e-3)


async def test_a_process_that_runs_is_found_by_its_command_and_name(tmp_path: Path) -> None:
    me = psutil.Process()
    for settings in ({"command": "pytest"}, {"name": me.name()}, {"name": me.name(), "user": me.username()}):
        found = await probe(registry.monitor("host.process"), settings, tmp_path)
        assert found.fault is None, settings
        assert found.readings[0].value >= 1
        assert found.readings[1].value > 1e6


@pytest.mark.parametrize(
    ("settings", "code", "limit"),
    [
        ({"name": "no-such-program"}, "host.process.missing", 1),
        ({"command": "pytest", "min_count": 0, "max_count": 0}, "host.process.too_many", 0),
        ({"command": "pytest", "min_count": 10_000}, "host.process.missing", 10_000),
    ],
)
async def test_too_few_or_too_many_processes_are_a_fault(
    settings: dict[str, Any], code: str, limit: float, tmp_path: Path
) -> None:
    fault = (await probe(registry.monitor("host.process"), settings, tmp_path)).fault
    assert fault is not None
    assert (fault.code, fault.limit) == (code, limit)


@pytest.mark.parametrize("settings", [{}, {"command": "("}])
async def test_a_process_monitor_that_says_nothing_or_nonsense_cannot_work(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ActionError, match=r"inputs\.invalid"):
        await probe(registry.monitor("host.process"), settings, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_load_agrees_with_the_kernel(tmp_path: Path) -> None:
    found = {one.metric: one.value for one in (await probe(registry.monitor("host.load"), {}, tmp_path)).readings}
    one = float(Path("/proc/loadavg").read_text().split()[0])
    assert found["host.load.1m"] == pytest.approx(one, abs=1)
