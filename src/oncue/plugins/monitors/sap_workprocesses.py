"""The monitor `sap.workprocesses`: how busy a SAP instance's work processes are (SAPControl ABAPGetWPTable, as SM50)."""

from datetime import datetime

from oncue.plugins.sap import control
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import WorkProcess
from oncue.sdk import ActionError, Context, Fault, MetricDoc, Probe, Reading

_IDLE = ("wait", "waiting")
_ENDED = ("stop", "stopped", "ended", "shutdown", "died")


class SapWorkProcesses:
    """Asks once per probe. The instance is at fault if a work process has ended and is not started again."""

    name = "sap.workprocesses"
    settings = Target
    primary = "sap.wp.used"
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.wp.used", "%", "Work processes", "Per type (DIA, BTC, UPD, ...): work processes that are not waiting."),
        MetricDoc("sap.wp.free", "", "Free work processes", "Per type: work processes that wait for work."),
        MetricDoc("sap.wp.longest", "s", "Longest request", "Per type: how long the longest present request runs."),
        MetricDoc("sap.wp.private", "", "Private mode", "Work processes that one user holds (PRIV)."),
        MetricDoc("sap.wp.ended", "", "Ended work processes", "Work processes that have ended."),
    )  # fmt: skip
    errors = control.ERRORS

    def subject(self, settings: Target) -> str:
        """The instance's name."""
        return control.resource(settings)

    async def probe(self, settings: Target, context: Context, at: datetime) -> Probe:
        """One ABAPGetWPTable."""
        try:
            found = await SapControl(settings, context).rows("ABAPGetWPTable", WorkProcess)
        except ActionError as error:
            return control.silent(settings, error)
        labels = control.labels(settings)
        readings: list[Reading] = []
        for typ in sorted({one.typ for one in found}):
            mine = [one for one in found if one.typ == typ]
            free = sum(_is_idle(one) for one in mine)
            longest = max((_time(one) for one in mine if not _is_idle(one)), default=0.0)
            values = (
                ("sap.wp.used", round(100.0 * (len(mine) - free) / len(mine), 1), "%"),
                ("sap.wp.free", float(free), ""),
                ("sap.wp.longest", longest, "s"),
            )
            readings += [
                Reading(metric=metric, value=value, unit=unit, instance=typ, labels={**labels, "type": typ})
                for metric, value, unit in values
            ]
        private = sum(one.reason.upper() == "PRIV" for one in found)
        ended = [one for one in found if one.status.lower() in _ENDED]
        readings.append(Reading(metric="sap.wp.private", value=float(private), unit="", labels=labels))
        readings.append(Reading(metric="sap.wp.ended", value=float(len(ended)), unit="", labels=labels))
        return Probe(readings=readings, fault=_fault(settings, ended))


def _is_idle(process: WorkProcess) -> bool:
    return process.status.lower() in _IDLE


def _time(process: WorkProcess) -> float:
    return float(process.time) if process.time.isdigit() else 0.0


def _fault(settings: Target, ended: list[WorkProcess]) -> Fault | None:
    lost = [one for one in ended if one.start.lower() == "no"]
    if not lost:
        return None
    return Fault(
        code="sap.workprocess",
        title=f"{control.resource(settings)}: {len(lost)} work processes have ended and are not started again",
        detail="; ".join(f"{one.typ} {one.no}: {one.status}, {one.err or '0'} errors" for one in lost[:20]),
        value=float(len(lost)),
        limit=0.0,
        metric="sap.wp.ended",
        labels=control.labels(settings),
    )
