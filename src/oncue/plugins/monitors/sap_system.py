"""The monitor `sap.system`: all instances of a SAP system, as one of them knows them (GetSystemInstanceList).

What runs where is discovered at each probe: an instance that is added is watched from then on. Where a SAPSystem of the
monitor's namespace declares the system, each probe also says which instances differ from it.
"""

from datetime import datetime

import msgspec

from oncue.plugins.sap import control, landscape
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.landscape import Drift
from oncue.plugins.sap.rows import Instance, Property, colour
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading, SAPInstance, SAPSystemSpec


class Settings(Target, kw_only=True, forbid_unknown_fields=True):
    """The start service of one instance, and whether the landscape is watched, too."""

    drift: bool = True
    """Whether instances that differ from those of the SAPSystem with this SID are a fault. Switch it off where application
    servers come and go by themselves."""


class SapSystem:
    """Asks two questions per probe. The system is at fault unless every instance is GREEN, and each is declared in its SAPSystem, if there is one."""

    name = "sap.system"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.instances.running", "", "Instances", "Instances of the system that are GREEN."),
        MetricDoc("sap.instances.failed", "", "Instances not running", "Instances that are yellow, red or gray."),
        MetricDoc("sap.instance.state", "", "State", "Per instance: 0 green, 1 yellow, 2 red, 3 gray (stopped)."),
        MetricDoc(
            "sap.instances.drifted",
            "",
            "Instances not as declared",
            "Instances that are declared and not listed, or listed and not declared; only where a SAPSystem declares them.",
        ),
    )
    errors = (
        *control.ERRORS,
        ErrorDoc("sap.instance", "An instance is not GREEN. As severe as the manifest says."),
        ErrorDoc("sap.instance_missing", "The SAPSystem declares an instance that the system does not list. As severe as the manifest says."),
        ErrorDoc("sap.instance_undeclared", "The system lists an instance that its SAPSystem does not declare: a warning."),
    )  # fmt: skip

    def subject(self, settings: Settings) -> str:
        """The system's id, if it is told."""
        return settings.sid or control.resource(settings)

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One GetSystemInstanceList, and one GetInstanceProperties if the system's id is not told."""
        client = SapControl(settings, context)
        try:
            found = await client.rows("GetSystemInstanceList", Instance)
            if not found:  # it lists at least the one that was asked
                raise ActionError("sap.answer", "GetSystemInstanceList: no instances are listed", transient=True)
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
        drift = _drift(settings, context, sid, found)
        if drift is not None:
            count = float(len(drift.missing) + len(drift.undeclared))
            readings.append(Reading(metric="sap.instances.drifted", value=count, unit="", labels=whole))
        return Probe(readings=readings, fault=_fault(settings, sid, len(found), bad, drift or Drift([], [])))


async def _sid(client: SapControl) -> str:
    properties = await client.rows("GetInstanceProperties", Property)
    return next((one.value for one in properties if one.property == "SAPSYSTEMNAME"), "")


def _drift(settings: Settings, context: Context, sid: str, found: list[Instance]) -> Drift | None:
    """None if nothing is declared, or if it does not matter."""
    spec = context.declared("SAPSystem", sid.lower()) if settings.drift else None
    return landscape.drift(msgspec.convert(spec, SAPSystemSpec), found) if spec is not None else None


def _fault(settings: Settings, sid: str, total: int, bad: list[Instance], drift: Drift) -> Fault | None:
    """The worst of what is wrong makes code and title; the detail says all of it."""
    said = [f"{one.hostname} {one.instance_nr:02} is {one.dispstatus}" for one in bad]
    if drift.missing:
        said.append(
            f"{landscape.named(drift.missing)}: declared in SAPSystem {sid.lower()}, and not listed by the system"
        )
    if drift.undeclared:
        said.append(
            f"{landscape.named(drift.undeclared)}: listed by the system, and not declared in SAPSystem {sid.lower()}"
        )
    if drift.missing or drift.undeclared:
        asked = f"{settings.host} -i {settings.instance}"
        said.append(f"if that is meant, apply what `oncue sap discover {asked} --update` prints")
    worst = (
        ("sap.instance", len(bad), f"{len(bad)} of {total} instances do not run"),
        ("sap.instance_missing", len(drift.missing), f"{_counted(drift.missing)} declared and not there"),
        ("sap.instance_undeclared", len(drift.undeclared), f"{_counted(drift.undeclared)} there and not declared"),
    )
    for code, count, title in worst:
        if count:
            return Fault(
                code=code,
                title=f"SAP system {sid}: {title}",
                detail="; ".join(said),
                value=float(count),
                limit=0.0,
                metric="sap.instances.failed" if bad else "sap.instances.drifted",
                labels={"sid": sid},
                severity="warning" if code == "sap.instance_undeclared" else None,
            )
    return None


def _counted(instances: list[SAPInstance]) -> str:
    if len(instances) == 1:
        return f"{landscape.named(instances)} is"
    return f"{len(instances)} instances are"
