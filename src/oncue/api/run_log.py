"""What the work of a run told while it was under way: lines of its steps, and how far each is."""

from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response, delete, get
from litestar.params import QueryParameter

from oncue.api.context import Ctx, Who
from oncue.api.entities import entity_of, found
from oncue.api.params import json_response
from oncue.api.shapes import LogLine, RunLog, StepProgress
from oncue.runtime.frames import SideWrite
from oncue.runtime.making import LOG
from oncue.store.queries import instant
from oncue.store.step_log import Part, part

LINES: Final = 5_000
"""On one page."""
CURSOR: Final = 2**53 - 1
"""The largest that JSON's readers agree on."""


@get("/runs/{run_id:str}/log", opt={"permission": "run:read"})
async def get_run_log(
    ctx: Ctx,
    who: Who,
    run_id: str,
    step: Annotated[
        str | None, QueryParameter(max_length=500, description="Only of the step with this address")
    ] = None,
    attempt: Annotated[int | None, QueryParameter(ge=1, le=1_000_000, description="Only of this attempt")] = None,
    after: Annotated[int, QueryParameter(ge=0, le=CURSOR, description="`sequence` of the last line that is known")] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=LINES)] = 500,
) -> Response[RunLog]:
    """What a run's steps told, the oldest line first, and how far each attempt is. Lines are kept for 30 days, 1 MB a run."""
    await found(ctx, who, "run", run_id, "run:read")
    told = await ctx.queries.run(partial(part, run=run_id, step=step, attempt=attempt, after=after, limit=limit))
    return json_response(msgspec.json.encode(_shown(told)))


@delete("/runs/{run_id:str}/log", status_code=204, opt={"permission": "run:erase"})
async def erase_run_log(ctx: Ctx, who: Who, run_id: str) -> None:
    """Erase what a run's steps told, for good: it may hold what should not have been said. The run itself stays."""
    namespace = await entity_of(ctx, who, "run", run_id, "run:read", "run:erase")
    await ctx.record(
        "run_log_erased", {"run": run_id}, actor=who.actor, namespace=namespace, side=[SideWrite(LOG, run_id, None)]
    )


def _shown(told: Part) -> RunLog:
    lines = [
        LogLine(
            sequence=line.sequence, at=instant(line.at), step=line.step, attempt=line.attempt, stream=line.stream,
            text=line.text,
        )
        for line in told.lines
    ]  # fmt: skip
    progress = [
        StepProgress(step=one.step, attempt=one.attempt, at=instant(one.at), done=one.done, text=one.text)
        for one in told.progress
    ]
    return RunLog(
        items=lines, next=told.lines[-1].sequence if told.more else None, progress=progress, left_out=told.left_out
    )


HANDLERS = [get_run_log, erase_run_log]
