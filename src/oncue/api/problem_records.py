"""Problems: what is behind incidents. List, detail, timeline; write, change, move on, put incidents to them."""

from functools import partial
from typing import Any, Literal

import msgspec
from litestar import Response, delete, get, patch, post

from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found, timeline_response
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.api.work import Named, Text, Title
from oncue.core.incident import Incident
from oncue.core.problem import ProblemRecord, ProblemState
from oncue.core.silence import Matcher
from oncue.store.queries import entities, entity_bodies


class NewProblem(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A problem to be written."""

    title: Title
    description: Text = ""
    workaround: Text = ""
    """With one, it is a known error."""
    root_cause: Text = ""
    service: Named | None = None
    resource: Named | None = None
    matchers: list[Matcher] = []
    """As those of a silence: an incident with an alert for which all hold says that it is this problem."""
    incident: str | None = None
    """One that comes from it: whatever has the same alerts does, too. It must not be closed."""
    namespace: str | None = None


class ProblemChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be otherwise; what is left out stays."""

    title: Title | None = None
    description: Text | None = None
    workaround: Text | None = None
    root_cause: Text | None = None
    assignee: str | None = None
    """"" for nobody."""
    matchers: list[Matcher] | None = None
    alerts: Literal["forget"] | None = None
    """`forget`: it no longer knows the alerts of the incident that it was made of."""


class ProblemMove(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where it goes."""

    state: ProblemState


@get("/problems", opt={"permission": "problem:read"})
async def list_problems(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[ProblemRecord]]:
    """Problems, the last changed first; without `state` the closed ones, too."""
    shown = visible(narrowing, who, "problem:read")
    return page_response(await ctx.queries.run(partial(entities, kind="problem", filters=shown)))


@get("/problems/{problem_id:str}", opt={"permission": "problem:read"})
async def get_problem(ctx: Ctx, who: Who, problem_id: str) -> Response[ProblemRecord]:
    """One problem."""
    return json_response(await found(ctx, who, "problem", problem_id, "problem:read"))


@get("/problems/{problem_id:str}/timeline", opt={"permission": "problem:read"})
async def get_problem_timeline(ctx: Ctx, who: Who, problem_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened to a problem, newest first."""
    await found(ctx, who, "problem", problem_id, "problem:read")
    return await timeline_response(ctx, "problem", problem_id, narrowing)


@get("/problems/{problem_id:str}/incidents", opt={"permission": "problem:read"})
async def list_problem_incidents(ctx: Ctx, who: Who, problem_id: str) -> Response[Listing[Incident]]:
    """The incidents that come from it, the newest first, not more than 100."""
    body = await found(ctx, who, "problem", problem_id, "problem:read")
    problem = msgspec.json.decode(body, type=ProblemRecord)
    require(who, "incident:read", problem.namespace)
    ids = list(reversed(problem.incidents))
    return listing(await ctx.queries.run(partial(entity_bodies, kind="incident", ids=ids)), None)


@post("/problems", status_code=201, opt={"permission": "problem:write"})
async def create_problem(ctx: Ctx, who: Who, data: NewProblem) -> Response[ProblemRecord]:
    """Write a problem."""
    namespace = data.namespace or who.home
    if data.incident is not None:
        namespace = await entity_of(ctx, who, "incident", data.incident, "incident:read", "problem:write")
    require(who, "problem:write", namespace)
    given = {name: value for name, value in msgspec.to_builtins(data).items() if value is not None}
    given.pop("namespace", None)
    made = await ctx.command("oncue.command.problem.create", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


@patch("/problems/{problem_id:str}", opt={"permission": "problem:write"})
async def change_problem(ctx: Ctx, who: Who, problem_id: str, data: ProblemChange) -> Response[ProblemRecord]:
    """Change its text, assignee or matchers."""
    given = {name: value for name, value in msgspec.to_builtins(data).items() if value is not None}
    if given.pop("alerts", None) == "forget":
        given["forget_alerts"] = True
    return await _command(ctx, who, problem_id, "change", given)


@post("/problems/{problem_id:str}/transition", status_code=200, opt={"permission": "problem:write"})
async def transition_problem(ctx: Ctx, who: Who, problem_id: str, data: ProblemMove) -> Response[ProblemRecord]:
    """Move it on."""
    return await _command(ctx, who, problem_id, "transition", {"state": data.state})


@post("/problems/{problem_id:str}/incidents/{incident_id:str}", status_code=200, opt={"permission": "problem:write"})
async def put_incident_to_problem(ctx: Ctx, who: Who, problem_id: str, incident_id: str) -> Response[ProblemRecord]:
    """Say that an incident comes from it."""
    return await _command(ctx, who, problem_id, "put", {"incident": incident_id})


@delete("/problems/{problem_id:str}/incidents/{incident_id:str}", status_code=200, opt={"permission": "problem:write"})
async def take_incident_from_problem(ctx: Ctx, who: Who, problem_id: str, incident_id: str) -> Response[ProblemRecord]:
    """Say that an incident does not come from it."""
    return await _command(ctx, who, problem_id, "take", {"incident": incident_id})


async def _command(ctx: Context, who: Principal, id: str, verb: str, given: dict[str, Any]) -> Response[Any]:
    namespace = await entity_of(ctx, who, "problem", id, "problem:read", "problem:write")
    made = await ctx.command(f"oncue.command.problem.{verb}", {"problem": id, **given}, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made))


HANDLERS = [
    list_problems,
    get_problem,
    get_problem_timeline,
    list_problem_incidents,
    create_problem,
    change_problem,
    transition_problem,
    put_incident_to_problem,
    take_incident_from_problem,
]
