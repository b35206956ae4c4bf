"""The monitor `sap.alerts`: nodes of a SAP instance's alert tree, their colours and values (SAPControl GetAlertTree).

The tree is the one of RZ20. Its well-known performance values, as the dialog response time, are metrics of their own, so
that a threshold of OnCue can stand on them whatever thresholds the system has itself.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from oncue.plugins.sap import control, rows
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import AlertNode
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading

NAMED: Final = (
    ("Dialog/ResponseTime", MetricDoc("sap.dialog.response_time", "ms", "Dialog response time", "Mean over the last minute, without the network to the user.")),
    ("Dialog/FrontendResponseTime", MetricDoc("sap.dialog.frontend_time", "ms", "Frontend response time", "Response time with the network to the user.")),
    ("Dialog/QueueTime", MetricDoc("sap.dialog.queue_time", "ms", "Dialog queue time", "How long requests wait for a work process.")),
    ("Dialog/DBRequestTime", MetricDoc("sap.dialog.db_time", "ms", "Database request time", "The database's part of the response time.")),
    ("Dialog/UsersLoggedIn", MetricDoc("sap.dialog.users", "", "Users", "Users who are signed in.")),
    ("CPU/CPU_Utilization", MetricDoc("sap.os.cpu", "%", "CPU", "The host's processors, as the instance's agent sees them.")),
)  # fmt: skip
"""The end of a node's path, and the metric that it is."""

_SCALE: Final[dict[tuple[str, str], float]] = {("s", "ms"): 1000.0, ("ms", "s"): 0.001}


class Settings(Target, kw_only=True, forbid_unknown_fields=True):
    """Which instance, and which nodes."""

    nodes: Annotated[tuple[str, ...], msgspec.Meta(max_length=100)] = ()
    """Paths of further nodes, exact or globs: `*/Spool/*`. Each gives `sap.alert.colour`, and `sap.alert.value` if its
    text begins with a number. The metrics of their own need no entry."""
    fault_on: Literal["yellow", "red", "never"] = "red"
    """From which colour of one of `nodes` on the instance is at fault."""


class SapAlerts:
    """Asks once per probe."""

    name = "sap.alerts"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        *(doc for _, doc in NAMED),
        MetricDoc("sap.alert.colour", "", "Alert", "Per node of `nodes`: 0 green, 1 yellow, 2 red, 3 gray (no value)."),
        MetricDoc("sap.alert.value", "", "Value", "Per node of `nodes`: the number that its text begins with."),
    )
    errors = (
        *control.ERRORS,
        ErrorDoc("sap.node_unknown", "No node of the alert tree fits an entry of `nodes`."),
    )

    def subject(self, settings: Settings) -> str:
        """The instance's name."""
        return control.resource(settings)

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One GetAlertTree."""
        try:
            nodes = await SapControl(settings, context).rows("GetAlertTree", AlertNode)
        except ActionError as error:
            return control.silent(settings, error)
        labels = control.labels(settings)
        readings: list[Reading] = []
        chosen: list[tuple[str, AlertNode]] = []
        used: set[str] = set()
        for path, node in zip(rows.paths(nodes), nodes, strict=True):
            named = _named(path, node, labels)
            if named is not None:
                readings.append(named)
            fitting = [pattern for pattern in settings.nodes if rows.fits(pattern, path)]
            if fitting:
                used.update(fitting)
                chosen.append((path, node))
                readings += _readings(path, node, labels)
        unknown = [pattern for pattern in settings.nodes if pattern not in used]
        if unknown:
            raise ActionError("sap.node_unknown", f"no node of the alert tree fits {unknown[0]}")
        return Probe(readings=readings, fault=_fault(settings, chosen))


def _named(path: str, node: AlertNode, labels: dict[str, str]) -> Reading | None:
    for end, doc in NAMED:
        if path.endswith("/" + end) or path == end:
            found = rows.measure(node.description)
            if found is None:
                return None
            value, unit = found
            value *= _SCALE.get((unit, doc.unit), 1.0)
            return Reading(metric=doc.metric, value=value, unit=doc.unit, labels=labels)
    return None


def _readings(path: str, node: AlertNode, labels: dict[str, str]) -> list[Reading]:
    shade = float(rows.colour(node.actual_value))
    labels = {**labels, "node": path}
    found = [Reading(metric="sap.alert.colour", value=shade, unit="", instance=path, labels=labels)]
    measured = rows.measure(node.description)
    if measured is not None:
        value, unit = measured
        found.append(Reading(metric="sap.alert.value", value=value, unit=unit, instance=path, labels=labels))
    return found


def _fault(settings: Settings, chosen: list[tuple[str, AlertNode]]) -> Fault | None:
    if settings.fault_on == "never":
        return None
    wrong = ("YELLOW", "RED") if settings.fault_on == "yellow" else ("RED",)
    bad = [(path, node) for path, node in chosen if node.actual_value in wrong]
    if not bad:
        return None
    first = bad[0][1]
    said = "; ".join(
        f"{path} is {node.actual_value}: {node.al_description or node.description}" for path, node in bad[:20]
    )
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    return Fault(
        code="sap.alert",
        title=f"{control.resource(settings)}: {first.name} is {first.actual_value.lower()}{more}",
        detail=said,
        labels=control.labels(settings),
    )
