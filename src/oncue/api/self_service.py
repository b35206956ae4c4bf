"""Self-service: what is offered to whoever asks, and what they asked for."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.access.roles import Principal, allowed
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import timeline_response
from oncue.api.hidden_inputs import give
from oncue.api.params import Listing, Narrowing, json_response, visible
from oncue.api.run_why import MANY, whys
from oncue.api.shapes import Fact
from oncue.core.approval import Approval, ApprovalSpec
from oncue.core.contact import TeamSpec
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.requests import may_ask
from oncue.core.run import Run
from oncue.core.run_acts import NEEDED
from oncue.core.self_service import PerPerson, Request, form
from oncue.core.workflow_spec import WorkflowSpec
from oncue.store import queries
from oncue.store import runs as reading
from oncue.store.json_text import json_text
from oncue.store.schema import entity

ROLE = "run:read"
"""What everyone with a role in a namespace holds there."""


class Offer(msgspec.Struct, kw_only=True):
    """A workflow that whoever asks may have run."""

    namespace: str
    workflow: str
    title: str
    description: str | None
    form: dict[str, Any]
    """JSON Schema of what is to be given."""
    limit: PerPerson | None
    """How often each person may ask."""
    approvals: list[ApprovalSpec]
    """Who must agree before it runs."""


class Asking(msgspec.Struct, forbid_unknown_fields=True):
    """What is asked for."""

    workflow: str
    inputs: dict[str, Any] = {}
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    namespace: str | None = None


class Withdrawing(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is not wanted any more."""

    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


class Awaited(msgspec.Struct, kw_only=True):
    """One thing that the run of a request waits for, as far as it concerns whoever asked: no worker, and no other run."""

    step: str | None
    code: str
    """As `Waits` has it."""
    until: str | None = None
    asks: tuple[str, ...] = ()
    """Of an approval: whom its present stage asks."""


class Came(msgspec.Struct, kw_only=True):
    """What became of the run of a request."""

    id: str
    state: str
    reason: str | None
    outputs: dict[str, Any]
    ended_at: str | None
    waits: list[Awaited] = []
    """What it waits for while it is running, of the first hundred of a list."""


class StepCame(msgspec.Struct, kw_only=True):
    """An outermost step of the run of a request."""

    step: str
    title: str | None
    state: str
    reason: str | None


class RequestView(Request, kw_only=True):
    """A request, and what became of it."""

    outcome: Came | None = None
    """None while there is no run."""


class RequestDetail(RequestView, kw_only=True):
    """A request with who is to agree and how far its run is."""

    approving: Approval | None = None
    steps: list[StepCame] = msgspec.field(default_factory=list)
    """The outermost ones that have begun."""


@get("/self-service", opt={"permission": "request:read"})
async def list_offers(ctx: Ctx, who: Who) -> Response[Listing[Offer]]:
    """The workflows that you may ask for, by title, with the forms to ask with."""
    bodies = await ctx.queries.run(partial(queries.manifests))
    given = [msgspec.json.decode(body, type=Manifest) for body in bodies]
    members = _members(one for one in given if one.kind == "Team")
    offers = []
    for one in given:
        if one.kind != "Workflow" or not one.spec.get("self_service"):
            continue
        spec = msgspec.convert(one.spec, WorkflowSpec)
        how = spec.self_service
        member = allowed(who, ROLE, one.namespace)
        if how is None or not may_ask(how, one.namespace, who.person, members.get, member=member):
            continue
        offers.append(
            Offer(
                namespace=one.namespace, workflow=one.name, title=how.title or one.name,
                description=one.description or spec.description, form=form(spec.inputs, how), limit=how.limit,
                approvals=how.approvals,
            )
        )  # fmt: skip
    offers.sort(key=lambda offer: (offer.title.lower(), offer.namespace, offer.workflow))
    return json_response(msgspec.json.encode({"items": offers, "next": None}))


@get("/requests", opt={"permission": "request:read"})
async def list_requests(
    ctx: Ctx, who: Who, narrowing: Narrowing,
    everyones: Annotated[bool, QueryParameter(description="Also those of others, where you may see runs")] = False,
) -> Response[Listing[RequestView]]:  # fmt: skip
    """What you asked for, the last changed first."""
    conditions = [] if everyones else [json_text(entity.c.body, "requester") == who.person]
    shown = visible(narrowing, who, ROLE) if everyones else narrowing
    page = await ctx.queries.run(lambda connection: queries.entities(connection, "request", shown, *conditions))
    views = [msgspec.json.decode(body, type=RequestView) for body in page.items]
    await ctx.queries.run(partial(_come, views=views))
    await _wait(ctx, views)
    return json_response(msgspec.json.encode({"items": views, "next": page.next}))


@post("/requests", status_code=201, opt={"permission": "request:write"})
async def ask(ctx: Ctx, who: Who, data: Asking) -> Response[RequestDetail]:
    """Ask for a workflow that is offered to you. It runs at once, or when those who must agree have."""
    named, _, name = data.workflow.rpartition("/")
    namespace = data.namespace or named or who.home
    member = allowed(who, ROLE, namespace)
    given = {
        "workflow": name, "inputs": data.inputs, "reason": data.reason, "member": member, "may": rights(who, namespace),
    }  # fmt: skip
    person = msgspec.structs.replace(who, actor=who.person)
    takes = partial(_asked_for, who=person, member=member)
    made = await give(ctx, "oncue.command.request.ask", given, who=person, namespace=namespace, takes=takes)
    return json_response(msgspec.json.encode(await _detail(ctx, who, made["id"])), 201)


@get("/requests/{request_id:str}", opt={"permission": "request:read"})
async def get_request(ctx: Ctx, who: Who, request_id: str) -> Response[RequestDetail]:
    """A request of yours, or of a namespace whose runs you may see."""
    return json_response(msgspec.json.encode(await _detail(ctx, who, request_id)))


@get("/requests/{request_id:str}/timeline", opt={"permission": "request:read"})
async def get_request_timeline(ctx: Ctx, who: Who, request_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened to it, newest first."""
    await _detail(ctx, who, request_id)
    return await timeline_response(ctx, "request", request_id, narrowing)


@post("/requests/{request_id:str}/withdraw", status_code=200, opt={"permission": "request:write"})
async def withdraw_request(
    ctx: Ctx, who: Who, request_id: str, data: Withdrawing | None = None
) -> Response[RequestDetail]:
    """Ask no more for what nobody has decided about yet."""
    request = await _detail(ctx, who, request_id)
    person = msgspec.structs.replace(who, actor=who.person)
    given = {"request": request_id, "reason": data.reason if data is not None else None}
    await ctx.command("oncue.command.request.withdraw", given, who=person, namespace=request.namespace)
    return json_response(msgspec.json.encode(await _detail(ctx, who, request_id)))


def _asked_for(connection: Connection, workflow: Manifest, who: Principal, member: bool) -> dict[str, Any]:
    """What whoever asks gives. Raises `Refusal` self_service.not_offered, self_service.not_yours."""
    spec = msgspec.convert(workflow.spec, WorkflowSpec)
    how = spec.self_service
    if how is None:
        raise Refusal("self_service.not_offered", f"{workflow.name} in {workflow.namespace}")
    bodies = queries.manifests(connection, "Team", frozenset({workflow.namespace}))
    members = _members(msgspec.json.decode(body, type=Manifest) for body in bodies)
    if not may_ask(how, workflow.namespace, who.person, members.get, member=member):
        raise Refusal("self_service.not_yours", f"{workflow.name} is offered to {', '.join(how.by)}")
    return form(spec.inputs, how)


def _members(teams: Iterable[Manifest]) -> dict[tuple[str, str], list[str]]:
    """Who is in each of these teams, by namespace and name."""
    return {(one.namespace, one.name): msgspec.convert(one.spec, TeamSpec).members for one in teams}


def rights(who: Principal, namespace: str) -> list[str]:
    """Of the permissions that acts within OnCue need, those that the principal holds there."""
    return [one for one in NEEDED if allowed(who, one, namespace)]


async def _detail(ctx: Context, who: Principal, id: str) -> RequestDetail:
    """Raises `Refusal` self_service.not_found, whether it is not there or not theirs to see."""
    row = await ctx.queries.run(partial(queries.entity_body, kind="request", id=id))
    request = None if row is None else msgspec.json.decode(row[1], type=RequestDetail)
    if request is None or not (request.requester == who.person or allowed(who, ROLE, request.namespace)):
        raise Refusal("self_service.not_found", id[:200])

    def read(connection: Connection) -> None:
        _come(connection, [request])
        if request.approval is not None and (found := queries.entity_body(connection, "approval", request.approval)):
            request.approving = msgspec.json.decode(found[1], type=Approval)
        if request.run is None or (body := queries.entity_body(connection, "run", request.run)) is None:
            return
        definition = reading.definition_of(connection, msgspec.json.decode(body[1], type=Run))
        begun = {step.node: step for step in reading.outermost_of(connection, request.run)}
        request.steps = [
            StepCame(step=one.id, title=one.title, state=begun[one.id].state, reason=begun[one.id].reason)
            for one in (definition.spec.steps if definition is not None else ())
            if one.id in begun
        ]

    await ctx.queries.run(read)
    await _wait(ctx, [request])
    return request


def _come(connection: Connection, views: list[Any]) -> None:
    """Add what became of the runs."""
    for view in views:
        found = queries.entity_body(connection, "run", view.run) if view.run is not None else None
        if found is not None:
            view.outcome = msgspec.json.decode(found[1], type=Came)


async def _wait(ctx: Context, views: Sequence[RequestView]) -> None:
    """Add what the runs wait for that go on."""
    going = {
        view.outcome.id: view.outcome for view in views if view.outcome is not None and view.outcome.state == "running"
    }
    bodies = await ctx.queries.run(partial(queries.entity_bodies, kind="run", ids=list(going)[:MANY]))
    for said in await whys(ctx, [msgspec.json.decode(body, type=Run) for body in bodies]):
        going[said.run].waits = msgspec.convert(said.waits, list[Awaited], from_attributes=True)


HANDLERS = [list_offers, list_requests, ask, get_request, get_request_timeline, withdraw_request]
