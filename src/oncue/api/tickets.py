"""Tickets: list, detail, timeline, comments; create, transition, assign, comment."""

from functools import partial
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post

from oncue.api.context import Ctx, Who
from oncue.api.entities import commanded, entity_of, found, timeline_response
from oncue.api.guard import require
from oncue.api.incidents import Assignment, Remark, comments_on
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.incident import Comment
from oncue.core.ticket import Ticket, TicketState
from oncue.store.queries import entities, entity_body


class NewTicket(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A ticket to write."""

    type: Literal["incident", "change", "request", "problem"] = "request"
    title: Annotated[str, msgspec.Meta(min_length=1)]
    description: str = ""
    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    service: str | None = None
    resource: str | None = None
    incident: str | None = None
    namespace: str | None = None


class Transition(msgspec.Struct, forbid_unknown_fields=True):
    """Where it goes."""

    state: TicketState


@get("/tickets", opt={"permission": "ticket:read"})
async def list_tickets(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Ticket]]:
    """Tickets, the last changed first; without `state` the closed ones, too."""
    shown = visible(narrowing, who, "ticket:read")
    return page_response(await ctx.queries.run(partial(entities, kind="ticket", filters=shown)))


@get("/tickets/{ticket_id:str}", opt={"permission": "ticket:read"})
async def get_ticket(ctx: Ctx, who: Who, ticket_id: str) -> Response[Ticket]:
    """One ticket."""
    return json_response(await found(ctx, who, "ticket", ticket_id, "ticket:read"))


@get("/tickets/{ticket_id:str}/timeline", opt={"permission": "ticket:read"})
async def get_ticket_timeline(ctx: Ctx, who: Who, ticket_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened to a ticket, newest first."""
    await found(ctx, who, "ticket", ticket_id, "ticket:read")
    return await timeline_response(ctx, "ticket", ticket_id, narrowing)


@get("/tickets/{ticket_id:str}/comments", opt={"permission": "ticket:read"})
async def list_ticket_comments(ctx: Ctx, who: Who, ticket_id: str) -> Response[Listing[Comment]]:
    """The remarks on a ticket, newest first."""
    await found(ctx, who, "ticket", ticket_id, "ticket:read")
    return listing(await ctx.queries.run(partial(comments_on, kind="ticket", id=ticket_id)), None)


@post("/tickets", status_code=201, opt={"permission": "ticket:create"})
async def create_ticket(ctx: Ctx, who: Who, data: NewTicket) -> Response[Ticket]:
    """Write a ticket."""
    namespace = data.namespace or who.home
    require(who, "ticket:create", namespace)
    if data.incident is not None:
        await entity_of(ctx, who, "incident", data.incident, "incident:read", "incident:read")
    fields = {name: value for name, value in msgspec.to_builtins(data).items() if value is not None}
    fields.pop("namespace", None)
    answer = await ctx.command("oncue.command.ticket.create", fields, who=who, namespace=namespace)
    ticket_id = answer.get("id") if isinstance(answer, dict) else answer
    row = await ctx.queries.run(partial(entity_body, kind="ticket", id=str(ticket_id)))
    return json_response(row[1] if row is not None else msgspec.json.encode(answer), 201)


@post("/tickets/{ticket_id:str}/transition", status_code=200, opt={"permission": "ticket:transition"})
async def transition_ticket(ctx: Ctx, who: Who, ticket_id: str, data: Transition) -> Response[Ticket]:
    """Move it on."""
    return await commanded(ctx, who, "ticket", ticket_id, "transition", "ticket:transition", {"state": data.state})


@post("/tickets/{ticket_id:str}/assign", status_code=200, opt={"permission": "ticket:assign"})
async def assign_ticket(ctx: Ctx, who: Who, ticket_id: str, data: Assignment) -> Response[Ticket]:
    """Give it to someone."""
    return await commanded(ctx, who, "ticket", ticket_id, "assign", "ticket:assign", {"assignee": data.assignee})


@post("/tickets/{ticket_id:str}/comments", status_code=201, opt={"permission": "ticket:comment"})
async def comment_ticket(ctx: Ctx, who: Who, ticket_id: str, data: Remark) -> Response[Ticket]:
    """Remark on it."""
    answer = await commanded(ctx, who, "ticket", ticket_id, "comment", "ticket:comment", {"text": data.text})
    answer.status_code = 201
    return answer


HANDLERS = [
    list_tickets,
    get_ticket,
    get_ticket_timeline,
    list_ticket_comments,
    create_ticket,
    transition_ticket,
    assign_ticket,
    comment_ticket,
]
