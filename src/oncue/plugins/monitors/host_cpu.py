"""The monitor `host.cpu`: how busy this machine's processors were since the last probe."""

import asyncio
import socket
from datetime import datetime
from typing import Final

import msgspec
import psutil

from oncue.sdk import Context, ErrorDoc, MetricDoc, Probe, Reading

FIRST_WINDOW_S: Final = 1.0
"""How long the first probe looks; later ones see the time since the one before."""


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing to set."""


class HostCpu:
    """Shares of processor time, over all processors."""

    name = "host.cpu"
    settings = Settings
    primary = "host.cpu.used"
    remote = False
    passive = False
    metrics = (
        MetricDoc("host.cpu.used", "%", "CPU", "Time not idle."),
        MetricDoc("host.cpu.user", "%", "CPU in programs", "Time in programs."),
        MetricDoc("host.cpu.system", "%", "CPU in the kernel", "Time in the kernel."),
        MetricDoc("host.cpu.iowait", "%", "CPU waiting for disks", "Time idle while waiting for disks."),
        MetricDoc("host.cpu.steal", "%", "CPU taken by the hypervisor", "Time that the hypervisor gave to others."),
    )
    errors: tuple[ErrorDoc, ...] = ()

    def __init__(self) -> None:
        self._before: dict[str, float] | None = None

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """Shares since the last probe."""
        if self._before is None:
            self._before = _times()
            await asyncio.sleep(FIRST_WINDOW_S)
        before, now = self._before, _times()
        self._before = now
        spent = {name: max(0.0, now[name] - before[name]) for name in now}
        total = sum(spent.values())
        if total == 0:
            return Probe()
        share = {name: 100.0 * value / total for name, value in spent.items()}
        used = 100.0 - share["idle"] - share["iowait"]
        values = {
            "used": used,
            "user": share["user"] + share["nice"],
            "system": share["system"],
            "iowait": share["iowait"],
            "steal": share["steal"],
        }
        return Probe(
            readings=[
                Reading(metric=f"host.cpu.{name}", value=round(value, 2), unit="%") for name, value in values.items()
            ]
        )


def _times() -> dict[str, float]:
    times = psutil.cpu_times()
    # guest times are part of user's; platforms differ in what they count apart.
    names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return {name: float(getattr(times, name, 0.0)) for name in names}
