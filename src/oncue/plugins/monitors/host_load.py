"""The monitor `host.load`: how many tasks want to run on this machine."""

import os
import socket
from datetime import datetime

import msgspec
import psutil

from oncue.sdk import Context, ErrorDoc, MetricDoc, Probe, Reading


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing to set."""


class HostLoad:
    """Load averages, as they are and per processor."""

    name = "host.load"
    settings = Settings
    primary = "host.load.per_cpu"
    remote = False
    passive = False
    metrics = (
        MetricDoc(
            "host.load.per_cpu", "", "Load per processor", "The 5-minute load divided by the number of processors."
        ),
        MetricDoc("host.load.1m", "", "Load", "Tasks running or waiting, mean of a minute."),
        MetricDoc("host.load.5m", "", "Load", "The same of five minutes."),
        MetricDoc("host.load.15m", "", "Load", "The same of fifteen minutes."),
    )
    errors: tuple[ErrorDoc, ...] = ()

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The present figures."""
        one, five, fifteen = psutil.getloadavg()
        values = {"per_cpu": five / (os.cpu_count() or 1), "1m": one, "5m": five, "15m": fifteen}
        return Probe(
            readings=[
                Reading(metric=f"host.load.{name}", value=round(value, 3), unit="") for name, value in values.items()
            ]
        )
