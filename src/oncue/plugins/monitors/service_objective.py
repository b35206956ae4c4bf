"""The monitor `service.objective`: how fast a service uses up what it may be down.

What it reads is reckoned from the journal at each probe, so a restart forgets nothing; time in which OnCue was not there
uses up nothing. Its alerts are no downtime.
"""

from datetime import datetime
from typing import Annotated, Final

import msgspec

from oncue.sdk import Budget, Context, ErrorDoc, MetricDoc, Probe, Reading

PAIRS: Final = {"fast": ("1h", "5m"), "slow": ("6h", "30m"), "long": ("3d", "6h")}


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which service; its own manifest says what its objective is."""

    service: Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
    """Its name, in the monitor's namespace."""


class ServiceObjective:
    """Watches the error budget of a service that has an objective."""

    name = "service.objective"
    settings = Settings
    primary = ""
    remote = False
    passive = False
    metrics = (
        MetricDoc(
            "service.objective.burn.fast", "", "Burn rate of the error budget, 1 h and 5 min",
            "The lower one of the rates over 1 hour and over 5 minutes: how many times faster than sustainable the budget "
            "is used up, still now. Of a window of 30 days, 14.4 uses up 2 % in an hour.",
        ),
        MetricDoc(
            "service.objective.burn.slow", "", "Burn rate of the error budget, 6 h and 30 min",
            "The same over 6 hours and 30 minutes. Of a window of 30 days, 6 uses up 5 % in 6 hours.",
        ),
        MetricDoc(
            "service.objective.burn.long", "", "Burn rate of the error budget, 3 d and 6 h",
            "The same over 3 days and 6 hours. 1 uses up all of it just within the window.",
        ),
        MetricDoc(
            "service.objective.budget", "%", "Error budget left",
            "Of the downtime that the objective allows within its window; negative if the objective is missed.",
        ),
        MetricDoc("service.objective.down", "s", "Downtime", "Within the objective's window."),
    )  # fmt: skip
    errors = (
        ErrorDoc("objective.missing", "There is no such service in the namespace, or it has no objective."),
        ErrorDoc("objective.unknown", "The engine has journaled nothing of late, or its database does not answer."),
    )

    def subject(self, settings: Settings) -> str:
        """The service."""
        return f"service:{settings.service}"

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The budget of this moment."""
        found = await context.budget(settings.service)
        left = f"{found.left_percent:.1f} % of the budget of {found.total_s / 60:.1f} min is left"
        readings = [
            Reading(
                metric=f"service.objective.burn.{name}",
                value=round(found.pair(name), 3),
                unit="",
                detail=f"{_rates(found, spans)}; {left}",
            )
            for name, spans in PAIRS.items()
        ]
        readings.append(
            Reading(metric="service.objective.budget", value=round(found.left_percent, 3), unit="%", detail=left)
        )
        readings.append(Reading(metric="service.objective.down", value=round(found.used_s, 3), unit="s"))
        return Probe(readings=readings)


def _rates(found: Budget, spans: tuple[str, str]) -> str:
    rates = {one.over: one.rate for one in found.burn}
    return ", ".join(f"{rates[span]:.1f} over {span}" for span in spans)
