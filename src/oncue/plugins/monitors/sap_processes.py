"""The monitor `sap.processes`: whether the programs of a SAP instance run (SAPControl GetProcessList)."""

from datetime import datetime

from oncue.plugins.sap import control
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import Process, colour
from oncue.sdk import ActionError, Context, Fault, MetricDoc, Probe, Reading


class Settings(Target, kw_only=True, forbid_unknown_fields=True):
    """Which instance, and what must run."""

    expect: tuple[str, ...] = ()
    """Programs that must be there, as `disp+work`; empty takes the list as it comes."""
    ignore: tuple[str, ...] = ()
    """Programs whose state does not matter."""


class SapProcesses:
    """Asks once per probe. The instance is at fault unless every program is GREEN."""

    name = "sap.processes"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.processes.running", "", "Programs", "Programs of the instance that are GREEN."),
        MetricDoc("sap.processes.failed", "", "Programs not running", "Programs that are yellow, red or gray."),
        MetricDoc("sap.process.state", "", "State", "Per program: 0 green, 1 yellow, 2 red, 3 gray (stopped)."),
    )
    errors = control.ERRORS

    def subject(self, settings: Settings) -> str:
        """The instance's name."""
        return control.resource(settings)

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One GetProcessList."""
        try:
            found = await SapControl(settings, context).rows("GetProcessList", Process)
        except ActionError as error:
            return control.silent(settings, error)
        watched = [process for process in found if process.name not in settings.ignore]
        labels = control.labels(settings)
        bad = [process for process in watched if process.dispstatus != "GREEN"]
        readings = [
            Reading(metric="sap.processes.running", value=float(len(watched) - len(bad)), unit="", labels=labels),
            Reading(metric="sap.processes.failed", value=float(len(bad)), unit="", labels=labels),
            *(
                Reading(
                    metric="sap.process.state",
                    value=float(colour(process.dispstatus)),
                    unit="",
                    instance=process.name,
                    labels={**labels, "program": process.name},
                )
                for process in watched
            ),
        ]
        return Probe(readings=readings, fault=_fault(settings, watched, bad))


def _fault(settings: Settings, watched: list[Process], bad: list[Process]) -> Fault | None:
    missing = [name for name in settings.expect if name not in {process.name for process in watched}]
    if not bad and not missing and watched:
        return None
    said = [f"{one.name} is {one.dispstatus}" + (f" ({one.textstatus})" if one.textstatus else "") for one in bad]
    said += [f"{name} is not there" for name in missing]
    place = control.resource(settings)
    if not watched:
        title, said = f"No programs of {place} run", ["the start service lists none"]
    elif len(bad) == len(watched):
        title = f"{place} does not run"
    else:
        title = f"{place}: {', '.join([one.name for one in bad] + missing)} not running"
    return Fault(
        code="sap.process",
        title=title,
        detail="; ".join(said),
        value=float(len(bad) + len(missing)),
        limit=0.0,
        metric="sap.processes.failed",
        labels=control.labels(settings),
    )
