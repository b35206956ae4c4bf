"""The monitor `sap.queues`: what waits for a SAP instance's work processes and ICM (SAPControl GetQueueStatistic)."""

from datetime import datetime

from oncue.plugins.sap import control
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import Queue
from oncue.sdk import ActionError, Context, MetricDoc, Probe, Reading


class SapQueues:
    """Asks once per probe."""

    name = "sap.queues"
    settings = Target
    primary = "sap.queue.length"
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.queue.length", "", "Queue", "Per queue (ABAP/DIA, ICM/Intern, ...): requests that wait now."),
        MetricDoc("sap.queue.used", "%", "Queue filled", "Per queue: requests that wait, of as many as fit."),
        MetricDoc("sap.queue.high", "", "Queue's highest", "Per queue: most requests since the instance was started."),
    )
    errors = control.ERRORS

    def subject(self, settings: Target) -> str:
        """The instance's name."""
        return control.resource(settings)

    async def probe(self, settings: Target, context: Context, at: datetime) -> Probe:
        """One GetQueueStatistic."""
        try:
            found = await SapControl(settings, context).rows("GetQueueStatistic", Queue)
        except ActionError as error:
            return control.silent(settings, error)
        labels = control.labels(settings)
        readings = []
        for queue in found:
            used = round(100.0 * queue.now / queue.max, 2) if queue.max > 0 else 0.0
            values = (
                ("sap.queue.length", float(queue.now), ""),
                ("sap.queue.used", used, "%"),
                ("sap.queue.high", float(queue.high), ""),
            )
            readings += [
                Reading(
                    metric=metric, value=value, unit=unit, instance=queue.typ, labels={**labels, "queue": queue.typ}
                )
                for metric, value, unit in values
            ]
        return Probe(readings=readings)
