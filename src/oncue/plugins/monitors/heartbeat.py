"""The monitor `heartbeat`: a URL for others to call. The engine watches the period and the grace; nothing is probed."""

from datetime import datetime

import msgspec

from oncue.sdk import ActionError, Context, ErrorDoc, MetricDoc, Probe


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing to set; `every` and `grace` of the manifest say when it is overdue."""


class Heartbeat:
    """Is called by others, at its URL, and alarms when that stays away."""

    name = "heartbeat"
    settings = Settings
    primary = ""
    remote = False
    passive = True
    metrics: tuple[MetricDoc, ...] = ()
    errors: tuple[ErrorDoc, ...] = ()

    def subject(self, settings: Settings) -> str:
        """Whoever sends it; the manifest names the resource."""
        return ""

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """Never called: a heartbeat comes from outside."""
        raise ActionError("monitor.passive", "a heartbeat is received, not probed")
