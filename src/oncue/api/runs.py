"""Runs: list, detail, timeline; start and cancel."""

from functools import partial
from typing import Any

import msgspec
from litestar import Response, get, post

from oncue.api.alerts import Reason
from oncue.api.context import Ctx, Who
from oncue.api.entities import entity_of, found, timeline_response
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.run import Run
from oncue.store.queries import entities, entity_body


class Start(msgspec.Struct, forbid_unknown_fields=True):
    """What to run."""

    workflow: str
    inputs: dict[str, Any] = {}
    namespace: str | None = None


@get("/runs", opt={"permission": "run:read"})
async def list_runs(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Run]]:
    """Runs, the last changed first; without `state` the ended ones, too."""
    shown = visible(narrowing, who, "run:read")
    return page_response(await ctx.queries.run(partial(entities, kind="run", filters=shown)))


@get("/runs/{run_id:str}", opt={"permission": "run:read"})
async def get_run(ctx: Ctx, who: Who, run_id: str) -> Response[Run]:
    """One run, with its steps."""
    return json_response(await found(ctx, who, "run", run_id, "run:read"))


@get("/runs/{run_id:str}/timeline", opt={"permission": "run:read"})
async def get_run_timeline(ctx: Ctx, who: Who, run_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened in a run, newest first."""
    await found(ctx, who, "run", run_id, "run:read")
    return await timeline_response(ctx, "run", run_id, narrowing)


@post("/runs", status_code=201, opt={"permission": "run:start"})
async def start_run(ctx: Ctx, who: Who, data: Start) -> Response[Run]:
    """Start a workflow by hand."""
    named, _, name = data.workflow.rpartition("/")
    namespace = data.namespace or named or who.home
    require(who, "run:start", namespace)
    answer = await ctx.command(
        "oncue.command.run.start", {"workflow": name, "inputs": data.inputs}, who=who, namespace=namespace
    )
    run_id = answer.get("id") if isinstance(answer, dict) else answer
    row = await ctx.queries.run(partial(entity_body, kind="run", id=str(run_id)))
    return json_response(row[1] if row is not None else msgspec.json.encode(answer), 201)


@post("/runs/{run_id:str}/cancel", status_code=200, opt={"permission": "run:cancel"})
async def cancel_run(ctx: Ctx, who: Who, run_id: str, data: Reason | None = None) -> Response[Run]:
    """Stop a run; steps that have begun are told to stop."""
    namespace = await entity_of(ctx, who, "run", run_id, "run:read", "run:cancel")
    reason = {"reason": data.reason} if data is not None and data.reason else {}
    await ctx.command("oncue.command.run.cancel", {"run": run_id, **reason}, who=who, namespace=namespace)
    return json_response(await found(ctx, who, "run", run_id, "run:read"))


HANDLERS = [list_runs, get_run, get_run_timeline, start_run, cancel_run]
