"""Schedules: when workflows start by themselves next, and what became of the last time."""

from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Final

import msgspec
from litestar import Response, get

from oncue.access.roles import namespaces
from oncue.api.context import Ctx, Who
from oncue.api.params import Listing, json_response
from oncue.core.manifest import Manifest
from oncue.core.trigger import Schedule, ScheduleSpec, instants
from oncue.core.workflow_spec import WorkflowSpec
from oncue.store.queries import cells, manifests

NEXT_SHOWN: Final = 5


class ScheduleView(msgspec.Struct, kw_only=True):
    """A schedule of a workflow, and where it stands."""

    id: str
    """`namespace/workflow/trigger`."""
    namespace: str
    workflow: str
    trigger: str
    spec: ScheduleSpec
    next: list[datetime]
    """When it starts runs next, five at the most."""
    planned_at: datetime | None
    """The instant that it was last due for."""
    run: str | None
    """The run that it started last."""
    missed: int
    """Of the instants that were due then, how many were passed over."""
    fault: str | None
    """Why nothing could be started then."""


@get("/schedules", opt={"permission": "run:read"})
async def list_schedules(ctx: Ctx, who: Who) -> Response[Listing[ScheduleView]]:
    """Every schedule, in the namespaces whose runs you may see; the next one to start a run first."""
    shown = namespaces(who, "run:read")
    bodies = await ctx.queries.run(partial(manifests, kind="Workflow", namespaces=shown))
    rows = await ctx.queries.run(partial(cells, kind="schedule"))
    views = [
        view
        for body in bodies
        if b'"triggers"' in body
        for view in _views(msgspec.json.decode(body, type=Manifest), rows, datetime.now(UTC))
    ]
    never = datetime.max.replace(tzinfo=UTC)
    views.sort(key=lambda one: (one.next[0] if one.next else never, one.id))
    return json_response(msgspec.json.encode({"items": views, "next": None}))


def _views(workflow: Manifest, rows: dict[str, bytes], now: datetime) -> list[ScheduleView]:
    found = []
    for one in msgspec.convert(workflow.spec, WorkflowSpec).triggers:
        id = f"{workflow.namespace}/{workflow.name}/{one.id}"
        if one.schedule is None or id not in rows:
            continue
        row = msgspec.msgpack.decode(rows[id], type=Schedule)
        found.append(
            ScheduleView(
                id=id, namespace=row.namespace, workflow=row.workflow, trigger=row.trigger, spec=one.schedule,
                next=list(islice(instants(one.schedule, now), NEXT_SHOWN)), planned_at=row.planned_at, run=row.run,
                missed=row.missed, fault=row.fault,
            )
        )  # fmt: skip
    return found


HANDLERS = [list_schedules]
