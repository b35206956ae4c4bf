"""Checks of what starts a workflow by itself."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from oncue.core import plan as plans
from oncue.core import trigger
from oncue.core.condition import Match
from oncue.core.errors import Refusal
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.calls import call_findings
from oncue.manifests.document import Path_
from oncue.manifests.expressions import templates
from oncue.manifests.finding import NEVER_AGAIN, Finding
from oncue.manifests.scopes import absent, read
from oncue.manifests.selectors import selector_findings

_CRON: Final = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, or L for the last, and has to come in the month",
    "month": "1 to 12, or JAN to DEC",
    "day-of-week": "0 to 7, or MON to SUN",
}
"""What each field of cron may be."""


def _of_cron(detail: str) -> str:
    """`; minute is 0 to 59` if that field cannot be read."""
    field = detail.rpartition(": bad ")[2]
    return f"; {field} is {_CRON[field]}" if field in _CRON else ""


def _past(schedule: trigger.ScheduleSpec, path: Path_) -> Iterator[Finding]:
    """A rule of which all times have passed: it starts nothing."""
    if schedule.rrule is not None and next(trigger.instants(schedule, datetime.now(UTC)), None) is None:
        yield Finding((*path, "rrule"), NEVER_AGAIN, "workflow.unreachable", "warning")


def trigger_findings(spec: WorkflowSpec) -> Iterator[Finding]:
    """What of the triggers does not hold together."""
    for index, one in enumerate(spec.triggers):
        path: Path_ = ("triggers", index)
        if any(other.id == one.id for other in spec.triggers[:index]):
            yield Finding((*path, "id"), f"there is another trigger {one.id}", "workflow.duplicate_name")
        try:
            trigger.check(one)
        except Refusal as refusal:
            detail = f"{refusal.detail}{_of_cron(refusal.detail)}"
            yield Finding(path if one.schedule is None else (*path, "schedule"), detail)
        else:
            yield from _past(one.schedule, (*path, "schedule")) if one.schedule is not None else ()
        if one.event is not None:
            yield from selector_findings(one.event, (*path, "event"))
            if one.event == Match():
                yield Finding((*path, "event"), "it is empty: every event starts a run", level="warning")
        yield from templates(one.with_, (*path, "with"))
        seen = ("event", "alert", "incident", "now") if one.event is not None else ("now",)
        if one.event is not None and one.event.where is not None:
            yield from absent(read(one.event.where), ("event", "now"), (*path, "event", "where"))
        for place, text in plans.expressions_at(one.with_, (*path, "with")):
            yield from absent(read(text), seen, place)
        for found in call_findings(spec.inputs, one.with_, "the workflow"):
            yield msgspec.structs.replace(found, path=(*path, *found.path))
