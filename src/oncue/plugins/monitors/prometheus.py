"""The monitor `prometheus`: what a PromQL query answers; each series of the answer is an instance of its own.

For servers that speak Prometheus' HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics.
"""

from datetime import datetime
from typing import Annotated

import msgspec

from oncue.plugins import promql
from oncue.plugins.monitors import reaching
from oncue.plugins.promql import Series, Server
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading


class Settings(Server, kw_only=True, forbid_unknown_fields=True):
    """Which server, and what to ask it."""

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
    """PromQL; its answer is a scalar or an instant vector."""
    unit: Annotated[str, msgspec.Meta(max_length=16)] = ""
    """Of the values, as `%`, `B`, `s`, `ms`."""
    by: tuple[str, ...] = ()
    """The labels that tell the series apart, in this order; empty takes all."""
    empty_is_fault: bool = True
    """Whether an answer without series is bad. False suits queries that answer only if something is wrong."""


class Prometheus:
    """Asks once per probe, for the present moment of the server's own clock."""

    name = "prometheus"
    settings = Settings
    primary = "prometheus.value"
    remote = True
    passive = False
    metrics = (
        MetricDoc("prometheus.value", "", "Value", "A series' value, in the unit that the manifest says."),
        MetricDoc("prometheus.series", "", "Series", "How many series the answer holds."),
        MetricDoc("prometheus.time", "ms", "Query time", "From the request to the end of the answer."),
    )
    errors = (
        reaching.REFUSED,
        *promql.ERRORS,
        ErrorDoc("prometheus.by", "Two series of the answer cannot be told apart by the labels of `by`."),
    )

    def subject(self, settings: Settings) -> str:
        """The server's host."""
        return promql.name_of(settings)

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One query."""
        name = promql.name_of(settings)
        try:
            answer = await promql.ask(settings, "query", {"query": settings.query}, context)
        except ActionError as error:
            if error.code in (*reaching.CANNOT, *_OURS):
                raise
            what = "does not do as it is asked" if error.code == "http.status" else "does not answer"
            return Probe(fault=Fault(code=error.code, title=f"Prometheus {name} {what}", detail=error.detail))
        if answer.kind == "matrix":
            detail = "the query gives a matrix; a scalar or an instant vector is needed"
            raise ActionError("prometheus.result", detail)
        readings = _readings(settings, answer.series)
        fault = None
        if not readings and settings.empty_is_fault:
            title = f"Prometheus {name} has no value for a query"
            fault = Fault(code="prometheus.empty", title=title, detail=settings.query[:500])
        readings.append(Reading(metric="prometheus.series", value=float(len(answer.series)), unit=""))
        readings.append(Reading(metric="prometheus.time", value=answer.duration_ms, unit="ms"))
        return Probe(readings=readings, fault=fault)


_OURS = frozenset({"http.url", *(one.code for one in promql.ERRORS)})
"""Errors that say nothing about the server: the monitor is set up wrongly."""


def _readings(settings: Settings, found: list[Series]) -> list[Reading]:
    readings: dict[str, Reading] = {}
    for one in found:
        labels = promql.labels_of(one)
        told = [labels.get(name, "") for name in settings.by] if settings.by else list(labels.values())
        instance = ",".join(told)[:200]
        if instance in readings:
            by = ", ".join(settings.by) or "their labels"
            raise ActionError("prometheus.by", f"two series have {instance!r} as {by}")
        ((_, value),) = one.points
        if value is not None:
            readings[instance] = Reading(
                metric="prometheus.value", value=value, unit=settings.unit, instance=instance, labels=labels
            )
    return list(readings.values())
