"""Work on incidents: opened and edited by hand, responders, links, tasks, checklists, status updates."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.params import QueryParameter

from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import commanded, entity_of, found
from oncue.api.guard import require
from oncue.api.incidents import noted
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.core.checklist import Checklist, Mark
from oncue.core.duration import Duration, seconds
from oncue.core.handling import Severity
from oncue.core.incident import CauseOf, Incident, Part
from oncue.core.prioritise import Priority
from oncue.core.status_update import StatusUpdate
from oncue.core.task import Task, TaskState
from oncue.store.json_text import json_text
from oncue.store.queries import entities, entity_bodies, entity_body
from oncue.store.schema import entity

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Instant = Annotated[str, msgspec.Meta(max_length=40, extra_json_schema={"format": "date-time"})]
"""Text: a number would be taken for an instant in 1970 otherwise."""


class NewIncident(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An incident that no alert has opened."""

    title: Title
    description: Text = ""
    severity: Severity = "major"
    service: Named | None = None
    resource: Named | None = None
    namespace: str | None = None


class IncidentChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to be otherwise; what is left out stays."""

    title: Title | None = None
    description: Text | None = None
    severity: Severity | None = None
    priority: Priority | None = None
    note: Text | None = None
    """How a resolved one ended."""
    cause: CauseOf | None = None
    """What kind of thing was behind a resolved one."""
    take_back: list[Literal["title", "severity", "priority"]] = []
    """What is to be computed again."""
    reason: Text = ""


class Responding(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who has which part in an incident."""

    name: Named
    role: Part | None = "responder"
    """Null takes them off."""


class NewLink(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something that an incident has to do with."""

    target: Annotated[str, msgspec.Meta(min_length=3, max_length=2010)]
    """An address (`https://...`), or an id as `INC-7`, `TCK-2`, `CHG0012-3`."""
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""


class NewTask(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something to be done."""

    title: Title
    description: Text = ""
    assignee: Named | None = None
    due_at: Instant | None = None


class TaskChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is to be otherwise; what is left out stays."""

    title: Title | None = None
    description: Text | None = None
    assignee: str | None = None
    """"" for nobody."""
    due_at: Instant | None = None
    due: Literal["any_time"] | None = None
    """`any_time` takes the due time away."""


class TaskTurn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What became of a task."""

    state: TaskState
    reason: Text = ""


class NewChecklist(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A runbook whose steps are wanted."""

    runbook: str


class StepMark(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What became of a step."""

    state: Mark
    reason: Text = ""
    """Needed where it is skipped."""


class NewUpdate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What stakeholders are told. Give a text, or the name of a StatusTemplate."""

    text: Text | None = None
    template: str | None = None
    audience: list[str] | None = None
    """`channel:name` or `team:name`; null is the audience of the service."""
    next_update_in: Duration | None = None
    """A minute to a week; `0s` promises none, null keeps the period."""


class NewPromise(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """When stakeholders are to hear again."""

    next_update_in: Duration
    """A minute to a week; `0s` takes the promise back."""


# incidents


@post("/incidents", status_code=201, opt={"permission": "incident:edit"})
async def open_incident(ctx: Ctx, who: Who, data: NewIncident) -> Response[Incident]:
    """Open an incident that no alert has opened. The owner of its service is told; alerts about the same join it; it ends
    when a person resolves it."""
    namespace = data.namespace or who.home
    require(who, "incident:edit", namespace)
    made = await ctx.command("oncue.command.incident.open", _given(data, "namespace"), who=who, namespace=namespace)
    return json_response(await found(ctx, who, "incident", made["id"], "incident:read"), 201)


@patch("/incidents/{incident_id:str}", opt={"permission": "incident:edit"})
async def edit_incident(ctx: Ctx, who: Who, incident_id: str, data: IncidentChange) -> Response[Incident]:
    """Set title, severity, priority or description, or say how a resolved one ended. What a person set stands, whatever
    alerts come, until it is taken back."""
    return await _on_incident(ctx, who, incident_id, "edit", _given(data))


@post("/incidents/{incident_id:str}/responders", status_code=200, opt={"permission": "incident:edit"})
async def set_responder(ctx: Ctx, who: Who, incident_id: str, data: Responding) -> Response[Incident]:
    """Give someone a part in it, or take them off. One person is commander, one does the communications, one is scribe."""
    return await _on_incident(ctx, who, incident_id, "respond", {"name": data.name, "role": data.role})


@post("/incidents/{incident_id:str}/links", status_code=200, opt={"permission": "incident:edit"})
async def link_incident(ctx: Ctx, who: Who, incident_id: str, data: NewLink) -> Response[Incident]:
    """Link it to an address, or to another incident, a ticket or a change."""
    return await _on_incident(ctx, who, incident_id, "link", _given(data))


@delete("/incidents/{incident_id:str}/links", status_code=200, opt={"permission": "incident:edit"})
async def unlink_incident(
    ctx: Ctx, who: Who, incident_id: str, target: Annotated[str, QueryParameter(max_length=2010)]
) -> Response[Incident]:
    """Take a link away."""
    return await _on_incident(ctx, who, incident_id, "unlink", {"target": target})


# status updates


@get("/incidents/{incident_id:str}/updates", opt={"permission": "incident:read"})
async def list_incident_updates(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[StatusUpdate]]:
    """What stakeholders were told of it, newest first; also of incidents that became part of it."""
    incident = await _read(ctx, who, incident_id)
    return listing(await ctx.queries.run(partial(noted, incident=incident, kind="status_update")), None)


@post("/incidents/{incident_id:str}/updates", status_code=201, opt={"permission": "incident:edit"})
async def post_incident_update(ctx: Ctx, who: Who, incident_id: str, data: NewUpdate) -> Response[StatusUpdate]:
    """Tell stakeholders how it stands, and promise the next update."""
    namespace = await entity_of(ctx, who, "incident", incident_id, "incident:read", "incident:edit")
    given = {"incident": incident_id, **_given(data, "next_update_in")}
    if data.next_update_in is not None:
        given["next_update_in_s"] = seconds(data.next_update_in)
    made = await ctx.command("oncue.command.incident.update", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


@post("/incidents/{incident_id:str}/updates/promise", status_code=200, opt={"permission": "incident:edit"})
async def promise_incident_update(ctx: Ctx, who: Who, incident_id: str, data: NewPromise) -> Response[Incident]:
    """Promise the next update, or take the promise back. Those who were told of the incident are reminded when it is due."""
    return await _on_incident(ctx, who, incident_id, "promise", {"next_update_in_s": seconds(data.next_update_in)})


# tasks


@get("/tasks", opt={"permission": "incident:read"})
async def list_tasks(
    ctx: Ctx,
    who: Who,
    narrowing: Narrowing,
    assignee: Annotated[str | None, QueryParameter(description="Only theirs")] = None,
    overdue: Annotated[bool, QueryParameter(description="Only open ones whose due time is over")] = False,
) -> Response[Listing[Task]]:
    """Tasks of all incidents and actions of their reviews (`type=action`), the last changed first."""
    conditions = []
    if assignee is not None:
        conditions.append(json_text(entity.c.body, "assignee") == assignee)
    if overdue:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        conditions += [entity.c.state == "open", json_text(entity.c.body, "due_at") < now]
    shown = visible(narrowing, who, "incident:read")
    return page_response(await ctx.queries.run(lambda connection: entities(connection, "task", shown, *conditions)))


@get("/tasks/{task_id:str}", opt={"permission": "incident:read"})
async def get_task(ctx: Ctx, who: Who, task_id: str) -> Response[Task]:
    """One task."""
    return json_response(await found(ctx, who, "task", task_id, "incident:read"))


@get("/incidents/{incident_id:str}/tasks", opt={"permission": "incident:read"})
async def list_incident_tasks(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Task]]:
    """Its tasks in the order in which they were set, then the actions of its review."""
    incident = await _read(ctx, who, incident_id)
    review = await ctx.queries.run(partial(entity_body, kind="review", id=incident.id))
    actions = msgspec.json.decode(review[1])["actions"] if review is not None else []
    ids = [*incident.tasks, *actions]
    return listing(await ctx.queries.run(partial(entity_bodies, kind="task", ids=ids)), None)


@post("/incidents/{incident_id:str}/tasks", status_code=201, opt={"permission": "incident:edit"})
async def create_task(ctx: Ctx, who: Who, incident_id: str, data: NewTask) -> Response[Task]:
    """Set a task."""
    namespace = await entity_of(ctx, who, "incident", incident_id, "incident:read", "incident:edit")
    given = {"incident": incident_id, **_given(data)}
    made = await ctx.command("oncue.command.task.create", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


@patch("/tasks/{task_id:str}", opt={"permission": "incident:edit"})
async def change_task(ctx: Ctx, who: Who, task_id: str, data: TaskChange) -> Response[Task]:
    """Change its title, description, assignee or due time."""
    given = _given(data, "due")
    if data.due == "any_time":
        given["due_at"] = None
    return await _on_task(ctx, who, task_id, "change", given)


@post("/tasks/{task_id:str}/state", status_code=200, opt={"permission": "incident:edit"})
async def turn_task(ctx: Ctx, who: Who, task_id: str, data: TaskTurn) -> Response[Task]:
    """Say that it is done, cancelled, or open again."""
    return await _on_task(ctx, who, task_id, "turn", _given(data))


# checklists


@get("/incidents/{incident_id:str}/checklists", opt={"permission": "incident:read"})
async def list_incident_checklists(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Checklist]]:
    """Its checklists, with who did which step when."""
    incident = await _read(ctx, who, incident_id)
    return listing(await ctx.queries.run(partial(entity_bodies, kind="checklist", ids=list(incident.checklists))), None)


@post("/incidents/{incident_id:str}/checklists", status_code=201, opt={"permission": "incident:edit"})
async def add_checklist(ctx: Ctx, who: Who, incident_id: str, data: NewChecklist) -> Response[Checklist]:
    """Give it the steps of a runbook."""
    namespace = await entity_of(ctx, who, "incident", incident_id, "incident:read", "incident:edit")
    given = {"incident": incident_id, "runbook": data.runbook}
    made = await ctx.command("oncue.command.checklist.add", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


@post("/checklists/{checklist_id:str}/steps/{step:int}", status_code=200, opt={"permission": "incident:edit"})
async def mark_step(ctx: Ctx, who: Who, checklist_id: str, step: int, data: StepMark) -> Response[Checklist]:
    """Tick a step, counted from 1, skip it with a reason, or take that back."""
    namespace = await entity_of(ctx, who, "checklist", checklist_id, "incident:read", "incident:edit")
    given = {"checklist": checklist_id, "step": step, **_given(data)}
    made = await ctx.command("oncue.command.checklist.mark", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made))


def _given(data: msgspec.Struct, *without: str) -> dict[str, Any]:
    """What is given and not null, as a command takes it."""
    fields = msgspec.to_builtins(data)
    return {name: value for name, value in fields.items() if value is not None and name not in without}


async def _read(ctx: Context, who: Principal, id: str) -> Incident:
    return msgspec.json.decode(await found(ctx, who, "incident", id, "incident:read"), type=Incident)


async def _on_incident(ctx: Context, who: Principal, id: str, verb: str, given: dict[str, Any]) -> Response[Any]:
    return await commanded(ctx, who, "incident", id, verb, "incident:edit", given)


async def _on_task(ctx: Context, who: Principal, id: str, verb: str, given: dict[str, Any]) -> Response[Any]:
    namespace = await entity_of(ctx, who, "task", id, "incident:read", "incident:edit")
    made = await ctx.command(f"oncue.command.task.{verb}", {"task": id, **given}, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made))


HANDLERS = [
    open_incident,
    edit_incident,
    set_responder,
    link_incident,
    unlink_incident,
    list_incident_updates,
    post_incident_update,
    promise_incident_update,
    list_tasks,
    get_task,
    list_incident_tasks,
    create_task,
    change_task,
    turn_task,
    list_incident_checklists,
    add_checklist,
    mark_step,
]
