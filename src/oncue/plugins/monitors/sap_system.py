"""The monitor `sap.system`: all instances of a SAP system, as one of them knows them (GetSystemInstanceList).

What runs where is discovered at each probe: an instance that is added is watched from then on.
"""

from datetime import datetime

from oncue.plugins.sap import control
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import Instance, Property, colour
from oncue.sdk import ActionError, Context, Fault, MetricDoc, Probe, Reading


class SapSystem:
    """Asks two questions per probe. The system is at fault unless every instance is GREEN."""

    name = "sap.system"
    settings = Target
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.instances.running", "", "Instances", "Instances of the system that are GREEN."),
        MetricDoc("sap.instances.failed", "", "Instances not running", "Instances that are yellow, red or gray."),
        MetricDoc("sap.instance.state", "", "State", "Per instance: 0 green, 1 yellow, 2 red, 3 gray (stopped)."),
    )
    errors = control.ERRORS

    def subject(self, settings: Target) -> str:
        """The system's id, if it is told."""
        return settings.sid or control.resource(settings)

    async def probe(self, settings: Target, context: Context, at: datetime) -> Probe:
        """One GetSystemInstanceList, and one GetInstanceProperties if the system's id is not told."""
        client = SapControl(settings, context)
        try:
            found = await client.rows("GetSystemInstanceList", Instance)
            sid = settings.sid or await _sid(client)
        except ActionError as error:
            return control.silent(settings, error)
        bad = [one for one in found if one.dispstatus != "GREEN"]
        whole = {"sid": sid}
        readings = [
            Reading(metric="sap.instances.running", value=float(len(found) - len(bad)), unit="", labels=whole),
            Reading(metric="sap.instances.failed", value=float(len(bad)), unit="", labels=whole),
        ]
        for one in found:
            number = f"{one.instance_nr:02}"
            labels = {"sid": sid, "instance": number, "host": one.hostname, "features": one.features}
            state = float(colour(one.dispstatus))
            name = f"{one.hostname}_{sid}_{number}"
            readings.append(Reading(metric="sap.instance.state", value=state, unit="", instance=name, labels=labels))
        return Probe(readings=readings, fault=_fault(sid, len(found), bad))


async def _sid(client: SapControl) -> str:
    properties = await client.rows("GetInstanceProperties", Property)
    return next((one.value for one in properties if one.property == "SAPSYSTEMNAME"), "")


def _fault(sid: str, total: int, bad: list[Instance]) -> Fault | None:
    if not bad:
        return None
    said = ", ".join(f"{one.hostname} {one.instance_nr:02} is {one.dispstatus}" for one in bad)
    return Fault(
        code="sap.instance",
        title=f"SAP system {sid}: {len(bad)} of {total} instances do not run",
        detail=said,
        value=float(len(bad)),
        limit=0.0,
        metric="sap.instances.failed",
        labels={"sid": sid},
    )
