"""The monitor `host.memory`: how much of this machine's memory and swap is taken."""

import socket
from datetime import datetime

import msgspec
import psutil

from oncue.sdk import Context, ErrorDoc, MetricDoc, Probe, Reading


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing to set."""


class HostMemory:
    """Memory that programs could still get, and swap."""

    name = "host.memory"
    settings = Settings
    primary = "host.memory.used"
    remote = False
    passive = False
    metrics = (
        MetricDoc("host.memory.used", "%", "Memory", "Memory that no program could get without swapping."),
        MetricDoc("host.memory.available", "B", "Available memory", "Memory that programs could get without swapping."),
        MetricDoc("host.swap.used", "%", "Swap", "Swap in use; absent on machines without swap."),
    )
    errors: tuple[ErrorDoc, ...] = ()

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The present figures."""
        memory = psutil.virtual_memory()
        readings = [
            Reading(metric="host.memory.used", value=round(100.0 * (1 - memory.available / memory.total), 2), unit="%"),
            Reading(metric="host.memory.available", value=float(memory.available), unit="B"),
        ]
        swap = psutil.swap_memory()
        if swap.total:
            readings.append(Reading(metric="host.swap.used", value=round(100.0 * swap.used / swap.total, 2), unit="%"))
        return Probe(readings=readings)
