"""Runs: list, detail, steps, timeline, why one does not move; start, and what people do with them."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.access.roles import allowed as permits
from oncue.api.alerts import Reason
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found, looked_up, timeline_response, told
from oncue.api.guard import require
from oncue.api.hidden_inputs import give
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.api.run_why import MANY, Why, followed, why, whys
from oncue.api.self_service import rights
from oncue.api.shapes import Fact
from oncue.core import last_steps
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.plan import Plan, plan_of
from oncue.core.run import OVER, UNDOING, Run, Step
from oncue.core.state import Identity, State
from oncue.core.workflow_spec import WorkflowSpec
from oncue.rehearsal.dry_run import Ahead, DryRun, ahead
from oncue.rehearsal.dry_run import dry_run as rehearsed
from oncue.rehearsal.fitting import Here
from oncue.runtime.surroundings import allowed, exception_of
from oncue.sdk import Guard
from oncue.store import runs as reading
from oncue.store.json_text import json_text
from oncue.store.queries import entities, entity_bodies, entity_body, manifests
from oncue.store.schema import entity


class Start(msgspec.Struct, forbid_unknown_fields=True):
    """What to run."""

    workflow: str
    inputs: dict[str, Any] = {}
    namespace: str | None = None


class Cancelling(msgspec.Struct, forbid_unknown_fields=True):
    """How a run is stopped."""

    reason: str | None = None
    rollback: bool = False
    """Whether what it did is undone."""
    at_once: bool = False
    """Whether it ends without what is under `finally`, or in the middle of that."""


class OnStep(msgspec.Struct, forbid_unknown_fields=True):
    """A step of the run."""

    step: str
    """Its address, as `others[host-1]/check`."""
    reason: str | None = None


class Forking(msgspec.Struct, forbid_unknown_fields=True):
    """From where a run is run anew."""

    step: str
    """The id of one of its outermost steps."""
    inputs: dict[str, Any] | None = None
    """Those of the run unless they are given."""
    again: bool = False
    """Whether steps before it that have begun and cannot be taken over may be done again."""
    reason: str | None = None


class RunDetail(Run, kw_only=True):
    """A run with the workflow that it goes by, and its steps."""

    definition: WorkflowSpec | None = None
    """The version of the workflow that it pins."""
    steps: list[Step] = msgspec.field(default_factory=list)
    """Those that have begun, in the order of the workflow; a thousand at most."""
    more_steps: bool = False
    """Whether there are more of them: page through `/runs/{id}/steps`."""


@get("/runs", opt={"permission": "run:read"})
async def list_runs(
    ctx: Ctx, who: Who, narrowing: Narrowing,
    requester: Annotated[str | None, QueryParameter(max_length=200, description="Only what this person asked for: `user:NAME`")] = None,
) -> Response[Listing[Run]]:  # fmt: skip
    """Runs, the last changed first; without `state` the ended ones, too."""
    shown = visible(narrowing, who, "run:read")
    conditions = [] if requester is None else [json_text(entity.c.body, "requester") == requester]
    return page_response(await ctx.queries.run(lambda connection: entities(connection, "run", shown, *conditions)))


@get("/runs/{run_id:str}", opt={"permission": "run:read"})
async def get_run(ctx: Ctx, who: Who, run_id: str) -> Response[RunDetail]:
    """One run, with its steps and the workflow that it goes by."""
    return json_response(msgspec.json.encode(await _detail(ctx, await found(ctx, who, "run", run_id, "run:read"))))


@get("/runs/{run_id:str}/steps", opt={"permission": "run:read"})
async def list_run_steps(ctx: Ctx, who: Who, run_id: str, narrowing: Narrowing) -> Response[Listing[Step]]:
    """Steps of a run in the order of their addresses; `state` narrows them."""
    await found(ctx, who, "run", run_id, "run:read")
    after, limit = narrowing.cursor or "", narrowing.limit
    steps = await ctx.queries.run(partial(reading.steps_of, run=run_id, after=after, limit=limit + 1))
    following = steps[limit - 1].address if len(steps) > limit else None
    shown = [one for one in steps[:limit] if not narrowing.state or one.state in narrowing.state]
    return json_response(msgspec.json.encode({"items": shown, "next": following}))


@get("/runs/{run_id:str}/timeline", opt={"permission": "run:read"})
async def get_run_timeline(ctx: Ctx, who: Who, run_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened in a run, newest first."""
    await found(ctx, who, "run", run_id, "run:read")
    return await timeline_response(ctx, "run", run_id, narrowing)


@get("/runs/{run_id:str}/why", opt={"permission": "run:read"})
async def get_run_why(ctx: Ctx, who: Who, run_id: str) -> Response[Why]:
    """Why the run is not moving: what it waits for, since when, and what would take it on."""
    run = msgspec.json.decode(await found(ctx, who, "run", run_id, "run:read"), type=Run)
    return json_response(msgspec.json.encode(await why(ctx, run)))


@get("/runs/why", opt={"permission": "run:read"})
async def list_run_whys(
    ctx: Ctx, who: Who,
    run: Annotated[list[str], QueryParameter(max_items=MANY, description="Ids of runs; repeat it")],
) -> Response[Listing[Why]]:  # fmt: skip
    """Why each of these runs is not moving, in the order of the ids; left out are those that you may not read, and those that
    there are not."""
    bodies = await ctx.queries.run(partial(entity_bodies, kind="run", ids=list(dict.fromkeys(run))))
    runs = [msgspec.json.decode(body, type=Run) for body in bodies]
    said = await whys(ctx, [one for one in runs if permits(who, "run:read", one.namespace)])
    return json_response(msgspec.json.encode({"items": said, "next": None}))


@get("/runs/{run_id:str}/ahead", opt={"permission": "run:read"})
async def get_run_ahead(ctx: Ctx, who: Who, run_id: str) -> Response[Ahead]:
    """What a run would do from here on, if what it waits for comes and people agree: a dry run of the steps to come, with
    what the others came to. Nothing is begun, and nothing outside is asked."""
    run = msgspec.json.decode(await found(ctx, who, "run", run_id, "run:read"), type=Run)
    known = await ctx.queries.run(partial(_under_way, run=run))
    if known is None:
        return json_response(msgspec.json.encode(Ahead(steps=[], fails=[], unknown=0)))
    here = here_of(ctx, run.namespace, known[2])
    return json_response(msgspec.json.encode(await asyncio.to_thread(_ahead, run, *known, here)))


@post("/runs", status_code=201, opt={"permission": "run:start"})
async def start_run(ctx: Ctx, who: Who, data: Start) -> Response[RunDetail]:
    """Start a workflow by hand."""
    named, _, name = data.workflow.rpartition("/")
    namespace = data.namespace or named or who.home
    require(who, "run:start", namespace)
    answer = await give(
        ctx,
        "oncue.command.run.start",
        {"workflow": name, "inputs": data.inputs, "requester": who.person, "may": rights(who, namespace)},
        who=who,
        namespace=namespace,
    )
    return await _new(ctx, answer)


@post("/runs/dry-run", status_code=200, opt={"permission": "run:start"})
async def dry_run(ctx: Ctx, who: Who, data: Start) -> Response[DryRun]:
    """What a run would do: every expression is evaluated that can be before anything has happened, and each action says
    what it would do. Nothing is started, and nothing outside is asked."""
    named, _, name = data.workflow.rpartition("/")
    namespace = data.namespace or named or who.home
    require(who, "run:start", namespace)

    given = await ctx.queries.run(partial(asked_of, namespace=namespace))
    here = here_of(ctx, namespace, given)

    def shown() -> DryRun:
        may = tuple(rights(who, namespace))
        return rehearsed(state_of(given), namespace, name, data.inputs, datetime.now(UTC), who.person, may, here)

    found = await asyncio.to_thread(shown)
    return json_response(msgspec.json.encode(found))


@post("/runs/{run_id:str}/cancel", status_code=200, opt={"permission": "run:cancel"})
async def cancel_run(ctx: Ctx, who: Who, run_id: str, data: Cancelling | None = None) -> Response[RunDetail]:
    """Stop a run: steps that have begun are told to stop, and each `try` that it is in the middle of does its `finally`;
    with `at_once`, that is left out, or ended. With `rollback`, what it did is undone then."""
    given: dict[str, Any] = {"rollback": data.rollback, "at_once": data.at_once} if data is not None else {}
    if data is not None and data.reason:
        given["reason"] = data.reason
    return await _done(ctx, who, run_id, "cancel", "run:cancel", given)


@post("/runs/{run_id:str}/pause", status_code=200, opt={"permission": "run:operate"})
async def pause_run(ctx: Ctx, who: Who, run_id: str, data: Reason | None = None) -> Response[RunDetail]:
    """Begin nothing more of it; what is under way ends."""
    return await _done(ctx, who, run_id, "pause", "run:operate", _reason(data))


@post("/runs/{run_id:str}/resume", status_code=200, opt={"permission": "run:operate"})
async def resume_run(ctx: Ctx, who: Who, run_id: str, data: Reason | None = None) -> Response[RunDetail]:
    """Go on with a run that was paused."""
    return await _done(ctx, who, run_id, "resume", "run:operate", _reason(data))


@post("/runs/{run_id:str}/retry", status_code=200, opt={"permission": "run:operate"})
async def retry_step(ctx: Ctx, who: Who, run_id: str, data: OnStep) -> Response[RunDetail]:
    """Try a step again that failed in a run that is paused, or what a rollback stopped at."""
    return await _done(ctx, who, run_id, "retry", "run:operate", {"step": data.step, "reason": data.reason})


@post("/runs/{run_id:str}/skip", status_code=200, opt={"permission": "run:operate"})
async def skip_step(ctx: Ctx, who: Who, run_id: str, data: OnStep) -> Response[RunDetail]:
    """Pass over a step that waits or failed, or say that what could not be undone is settled. It needs a reason."""
    return await _done(ctx, who, run_id, "skip", "run:operate", {"step": data.step, "reason": data.reason or ""})


@post("/runs/{run_id:str}/fork", status_code=201, opt={"permission": "run:operate"})
async def fork_run(ctx: Ctx, who: Who, run_id: str, data: Forking) -> Response[RunDetail]:
    """Run the workflow anew from a step on, as it is now, with what the steps before it came to. Approvals are asked for
    again. Steps before it that have begun and cannot be taken over (loops, steps side by side, what did not succeed) are done again only
    with `again`."""
    namespace, body = await looked_up(ctx, who, "run", run_id, "run:read")
    require(who, "run:operate", namespace)
    run = msgspec.json.decode(body, type=Run)
    steps = await ctx.queries.run(partial(reading.outermost_of, run=run_id))
    given = {
        "run": run_id, "requester": who.person, "may": rights(who, namespace), "workflow": run.workflow, "step": data.step, "again": data.again, "reason": data.reason,
        "inputs": data.inputs if data.inputs is not None else run.inputs,
        "steps": msgspec.to_builtins(steps),
    }  # fmt: skip
    unchanged = given["inputs"] == run.inputs
    made = await give(ctx, "oncue.command.run.fork", given, who=who, namespace=namespace, may_refer=unchanged)
    return await _new(ctx, made)


def asked_of(connection: Connection, namespace: str) -> list[Manifest]:
    """The configuration that a dry run asks."""
    return [
        msgspec.json.decode(body, type=Manifest)
        for kind in ("Workflow", "Lookup", "Service", "Team", "Person", "Channel", "EscalationPolicy", "OutboundAllow")
        for body in manifests(connection, kind, frozenset({namespace}))
    ]


def here_of(ctx: Context, namespace: str, given: list[Manifest]) -> Here:
    """What is so on this server, in a namespace of which this is the configuration."""
    secrets = frozenset(one.name for one in ctx.access.secrets.values() if one.namespace == namespace)
    allows = [exception_of(one) for one in given if one.kind == "OutboundAllow"]
    return Here(allowed(ctx.config.actions), secrets, Guard(allows))


def state_of(given: list[Manifest]) -> State:
    state = State(Identity("dry-run"))
    state.load([("manifest", one.id, msgspec.json.encode(one)) for one in given], [])
    return state


def _under_way(connection: Connection, run: Run) -> tuple[Plan, dict[str, Step], list[Manifest], dict[str, Any]] | None:
    """What is known of a run that goes on: its plan, its steps by address, the configuration, and what it is about."""
    plan = followed(connection, run)
    if plan is None or run.state in OVER | UNDOING or last_steps.under_way(run):
        return None
    steps = [*reading.steps_of(connection, run.id), *reading.outermost_of(connection, run.id)]
    about = {} if "event_view" not in run.trigger else {"event": run.trigger["event_view"]}
    for kind, id in (("alert", run.alert), ("incident", run.incident)):
        row = entity_body(connection, kind, id) if id is not None else None
        if row is not None:
            about[kind] = {name: one for name, one in msgspec.json.decode(row[1]).items() if one is not None}
    return plan, {one.address: one for one in steps}, asked_of(connection, run.namespace), about


def _ahead(
    run: Run, plan: Plan, steps: dict[str, Step], given: list[Manifest], about: dict[str, Any], here: Here
) -> Ahead:
    return ahead(state_of(given), run, plan, steps, datetime.now(UTC), about, here)


def _reason(data: Reason | None) -> dict[str, Any]:
    return {"reason": data.reason} if data is not None and data.reason else {}


async def _done(
    ctx: Context, who: Any, run_id: str, verb: str, permission: str, given: dict[str, Any]
) -> Response[RunDetail]:
    namespace = await entity_of(ctx, who, "run", run_id, "run:read", permission)
    await told(ctx, who, namespace, "run", run_id, verb, given)
    return json_response(msgspec.json.encode(await _detail(ctx, await found(ctx, who, "run", run_id, "run:read"))))


async def _new(ctx: Context, answer: Any) -> Response[RunDetail]:
    run_id = str(answer.get("id") if isinstance(answer, dict) else answer)

    def read(connection: Connection) -> RunDetail:
        row = entity_body(connection, "run", run_id)
        if row is None:
            raise Refusal("run.not_found", run_id)
        return detail_of(connection, row[1])

    return json_response(msgspec.json.encode(await ctx.queries.run(read)), 201)


async def _detail(ctx: Context, body: bytes) -> RunDetail:
    return await ctx.queries.run(partial(detail_of, body=body))


def detail_of(connection: Connection, body: bytes) -> RunDetail:
    """A run, given as JSON, with its steps in the order of the workflow that it goes by."""
    run = msgspec.json.decode(body, type=RunDetail)
    known = reading.definition_of(connection, run)
    steps = reading.steps_of(connection, run.id, limit=reading.STEPS_LIMIT + 1)
    run.more_steps = len(steps) > reading.STEPS_LIMIT
    run.steps = steps[: reading.STEPS_LIMIT]
    if known is not None:
        run.definition = known.spec
        run.steps = in_order(run.steps, plan_of(known.id, known.spec))
    return run


def in_order(steps: list[Step], plan: Plan) -> list[Step]:
    """The steps in the order of the workflow, items in theirs, each followed by what lies in it."""
    number = {id: index for index, id in enumerate(plan.nodes)}
    item = {one.address: one.index for one in steps if one.uses == "item"}

    def key(step: Step) -> tuple[tuple[int, int, int], ...]:
        found: list[tuple[int, int, int]] = []
        path = ""
        for part in step.address.split("/"):
            path = f"{path}/{part}" if path else part
            name, _, rest = part.partition("[")
            name, _, beside = name.partition("~")
            beside = beside or rest.partition("~")[2]
            turn = -1 if beside == "before" else 1 if beside else 0
            found.append((number.get(name, -1), item.get(path, -1) + 1 if rest else 0, turn))
        return tuple(found)

    return sorted(steps, key=key)


HANDLERS = [
    list_runs,
    get_run,
    list_run_steps,
    get_run_timeline,
    get_run_why,
    list_run_whys,
    get_run_ahead,
    start_run,
    dry_run,
    cancel_run,
    pause_run,
    resume_run,
    retry_step,
    skip_step,
    fork_run,
]
