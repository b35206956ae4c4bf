"""Runs: list, detail, steps, timeline, why one does not move; start, and what people do with them."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from litestar import Response, get, post
from sqlalchemy import Connection

from oncue.api.alerts import Reason
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found, looked_up, timeline_response, told
from oncue.api.guard import require
from oncue.api.hidden_inputs import give
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.api.self_service import rights
from oncue.api.shapes import Fact
from oncue.core.effect import Effect
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.plan import Plan, plan_of
from oncue.core.run import OVER, UNDOING, Run, Step
from oncue.core.state import Identity, State
from oncue.core.waiting import EventWait
from oncue.core.workflow_spec import StepSpec, WorkflowSpec
from oncue.rehearsal.dry_run import Ahead, DryRun, ahead
from oncue.rehearsal.dry_run import dry_run as rehearsed
from oncue.runtime.surroundings import allowed
from oncue.sdk import Rules
from oncue.store import runs as reading
from oncue.store.queries import entities, entity_body, manifests


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
    reason: str | None = None


class RunDetail(Run, kw_only=True):
    """A run with the workflow that it goes by, and its steps."""

    definition: WorkflowSpec | None = None
    """The version of the workflow that it pins."""
    steps: list[Step] = msgspec.field(default_factory=list)
    """Those that have begun, in the order of the workflow; a thousand at most."""
    more_steps: bool = False
    """Whether there are more of them: page through `/runs/{id}/steps`."""


class Waits(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One thing that a run waits for."""

    step: str | None
    what: str
    """In a sentence."""
    code: str
    """`action`, `retry`, `time`, `event`, `approval`, `run`, `validation`, `turn`, `person`, `rollback`."""
    since: str | None = None
    until: str | None = None
    """When the next timer is due; of an approval, when it expires."""
    effect: str | None = None
    approval: str | None = None
    run: str | None = None
    then: str | None = None
    """What happens at `until`: `the step fails`."""
    types: tuple[str, ...] = ()
    """Of a wait for an event: the types that it takes."""
    resource: str | None = None
    """What the event has to be about; absent for anything."""


class Room(msgspec.Struct, kw_only=True):
    """How many runs of the workflow may be under way together, and how many are."""

    limit: int
    """As the version that the run pins has it."""
    by: list[str]
    """The values by which they are counted apart, one for each expression of `concurrency.by`; empty if all runs count
    together."""
    under_way: list[str]
    """The runs that have the room."""
    queued: int
    """How many wait for it."""


class Why(msgspec.Struct, kw_only=True):
    """Why a run is not moving."""

    run: str
    state: str
    moving: bool
    """Whether something is being done for it right now, as far as is known here."""
    waits: list[Waits]
    room: Room | None = None
    """What limits how many runs go beside each other; None if nothing does."""


@get("/runs", opt={"permission": "run:read"})
async def list_runs(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Run]]:
    """Runs, the last changed first; without `state` the ended ones, too."""
    shown = visible(narrowing, who, "run:read")
    return page_response(await ctx.queries.run(partial(entities, kind="run", filters=shown)))


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
    return json_response(msgspec.json.encode(await ctx.queries.run(partial(why, run=run))))


@get("/runs/{run_id:str}/ahead", opt={"permission": "run:read"})
async def get_run_ahead(ctx: Ctx, who: Who, run_id: str) -> Response[Ahead]:
    """What a run would do from here on, if what it waits for comes and people agree: a dry run of the steps to come, with
    what the others came to. Nothing is begun, and nothing outside is asked."""
    run = msgspec.json.decode(await found(ctx, who, "run", run_id, "run:read"), type=Run)
    known = await ctx.queries.run(partial(_under_way, run=run))
    if known is None:
        return json_response(msgspec.json.encode(Ahead(steps=[], fails=[], unknown=0)))
    rules = allowed(ctx.config.actions)
    return json_response(msgspec.json.encode(await asyncio.to_thread(_ahead, run, *known, rules)))


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

    def shown(given: list[Manifest]) -> DryRun:
        may = tuple(rights(who, namespace))
        rules = allowed(ctx.config.actions)
        return rehearsed(state_of(given), namespace, name, data.inputs, datetime.now(UTC), who.person, may, rules)

    found = await asyncio.to_thread(shown, await ctx.queries.run(partial(asked_of, namespace=namespace)))
    return json_response(msgspec.json.encode(found))


@post("/runs/{run_id:str}/cancel", status_code=200, opt={"permission": "run:cancel"})
async def cancel_run(ctx: Ctx, who: Who, run_id: str, data: Cancelling | None = None) -> Response[RunDetail]:
    """Stop a run; steps that have begun are told to stop. With `rollback`, what it did is undone."""
    given: dict[str, Any] = {"rollback": data.rollback} if data is not None else {}
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
    again."""
    namespace, body = await looked_up(ctx, who, "run", run_id, "run:read")
    require(who, "run:operate", namespace)
    run = msgspec.json.decode(body, type=Run)
    steps = await ctx.queries.run(partial(reading.outermost_of, run=run_id))
    given = {
        "run": run_id, "requester": who.person, "may": rights(who, namespace), "workflow": run.workflow, "step": data.step, "reason": data.reason,
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
        for kind in ("Workflow", "Lookup", "Service", "Team")
        for body in manifests(connection, kind, frozenset({namespace}))
    ]


def state_of(given: list[Manifest]) -> State:
    state = State(Identity("dry-run"))
    state.load([("manifest", one.id, msgspec.json.encode(one)) for one in given], [])
    return state


def _under_way(connection: Connection, run: Run) -> tuple[Plan, dict[str, Step], list[Manifest], dict[str, Any]] | None:
    """What is known of a run that goes on: its plan, its steps by address, the configuration, and what it is about."""
    plan = _plan(connection, run)
    if plan is None or run.state in OVER | UNDOING:
        return None
    steps = [*reading.steps_of(connection, run.id), *reading.outermost_of(connection, run.id)]
    about = {} if "event_view" not in run.trigger else {"event": run.trigger["event_view"]}
    for kind, id in (("alert", run.alert), ("incident", run.incident)):
        row = entity_body(connection, kind, id) if id is not None else None
        if row is not None:
            about[kind] = {name: one for name, one in msgspec.json.decode(row[1]).items() if one is not None}
    return plan, {one.address: one for one in steps}, asked_of(connection, run.namespace), about


def _ahead(
    run: Run, plan: Plan, steps: dict[str, Step], given: list[Manifest], about: dict[str, Any], rules: Rules
) -> Ahead:
    return ahead(state_of(given), run, plan, steps, datetime.now(UTC), about, rules)


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


def why(connection: Connection, run: Run) -> Why:
    """What the run waits for."""
    if run.state in OVER:
        said = f"it is over: {run.state}" + (f", {run.reason}" if run.reason else "")
        return Why(run=run.id, state=run.state, moving=False, waits=[Waits(step=None, what=said, code="over")])
    waits: list[Waits] = []
    if run.state == "queued":
        waits.append(Waits(step=None, what="it waits for its turn: others of its workflow are under way", code="turn",
                           since=run.created_at.isoformat()))  # fmt: skip
    if run.state == "paused":
        then = "try the step again, skip it, or cancel the run" if run.failed_at is not None else "resume or cancel it"
        by = "OnCue" if run.paused_by == "oncue" else run.paused_by
        waits.append(Waits(step=run.failed_at, what=f"{by} paused it: {run.reason or 'no reason given'}; {then}", code="person",
                           since=run.paused_at.isoformat() if run.paused_at else None))  # fmt: skip
    if run.state == "rollback_failed":
        waits.append(Waits(step=run.undoing, what=f"{run.reason}; retry it, skip it when it is settled by hand, or cancel the run",
                           code="rollback"))  # fmt: skip
    steps = reading.active_steps(connection, run.id)
    effects = reading.effects_of(connection, [one.effect for one in steps if one.effect is not None])
    found = [_waits(step, effects.get(step.effect or "")) for step in steps if step.uses not in _HOLDING]
    approvals = reading.approvals_of(connection, [one.approval for one in found if one.approval is not None])
    for one in found:
        if one.approval in approvals:
            one.until = approvals[one.approval].expires_at.isoformat()
    waits += found
    moving = any(one.code in ("action", "validation") for one in waits) or not waits
    plan = _plan(connection, run)
    _complete(waits, steps, reading.event_waits_of(connection, steps), plan)
    return Why(run=run.id, state=run.state, moving=moving, waits=waits, room=_room(connection, run, plan))


_HOLDING = frozenset({"steps", "parallel", "switch", "try", "for_each", "item"})


def _plan(connection: Connection, run: Run) -> Plan | None:
    known = reading.definition_of(connection, run)
    return plan_of(known.id, known.spec) if known is not None else None


def _complete(waits: list[Waits], steps: list[Step], events: dict[str, EventWait], plan: Plan | None) -> None:
    """Add to what is waited for what the workflow and the engine's own notes say of it."""
    by_address = {one.address: one for one in steps}
    for said in waits:
        step = by_address.get(said.step or "")
        if step is None:
            continue
        if (event := events.get(step.id)) is not None:
            said.types, said.resource = event.types, event.resource
        if said.until is not None and plan is not None:
            said.then = _then(said.code, plan.nodes[step.node].spec)


def _then(code: str, spec: StepSpec) -> str | None:
    """What the timer of a step brings about."""
    if code == "event":
        goes_on = spec.wait is not None and spec.wait.on_timeout == "continue"
        return "the run goes on without it" if goes_on else "the step fails"
    return {"time": "the run goes on", "retry": "it is tried again", "validation": "it is looked again"}.get(code)


def _room(connection: Connection, run: Run, plan: Plan | None) -> Room | None:
    how = plan.spec.concurrency if plan is not None else None
    gate = reading.gate_of(connection, run)
    if how is None or gate is None or run.gate is None:
        return None
    by = run.gate.partition("|")[2].split("|") if how.by else []
    return Room(limit=how.limit, by=by, under_way=list(gate.runs), queued=len(gate.queued))


def _waits(step: Step, effect: Effect | None) -> Waits:
    since = step.started_at.isoformat() if step.started_at is not None else None
    until = step.next_try_at.isoformat() if step.next_try_at is not None else None
    said = Waits(step=step.address, what="", code="action", since=since, until=until)
    if step.state == "validating":
        said.code, said.what = (
            "validation",
            f"it is looked whether the step had its effect: {step.awaits or 'a look is under way'}",
        )
    elif step.uses == "approval":
        said.code, said.what = "approval", f"people must agree: {step.awaits}"
        said.approval = (step.awaits or "").removeprefix("approval ")
    elif step.uses == "run":
        said.code, said.what = "run", f"another run must end: {step.awaits}"
        said.run = (step.awaits or "").removeprefix("run ")
    elif step.uses == "wait" and step.awaits == "time":
        said.code, said.what = "time", "it waits for a time"
    elif step.uses == "wait":
        said.code, said.what = "event", f"it waits for {step.awaits}"
    elif step.state == "waiting":
        said.code, said.what = "retry", f"attempt {step.attempt} of {step.uses} follows: {step.reason}"
    elif effect is not None:
        said.effect = effect.id
        began = " (begun)" if effect.started_token else ""
        said.what = f"{step.uses} is being done or waits for a worker, attempt {effect.attempt}{began}"
    else:
        said.what = f"{step.uses} goes on with the next input"
    return said


HANDLERS = [
    list_runs,
    get_run,
    list_run_steps,
    get_run_timeline,
    get_run_why,
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
