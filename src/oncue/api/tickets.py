"""Tickets: list, detail, timeline, comments, links; create, transition, assign, comment, link."""

from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection, or_

from oncue.api.context import Ctx, Who
from oncue.api.entities import commanded, entity_of, found, timeline_response
from oncue.api.guard import require
from oncue.api.incidents import Assignment, Remark, comments_on
from oncue.api.naming import require_somebody, require_target
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.api.shapes import Fact
from oncue.core.incident import Comment
from oncue.core.ticket import CloseCode, Target, Ticket, TicketState, TicketType
from oncue.store.json_text import json_text
from oncue.store.queries import Filters, Page, entities, entity_body
from oncue.store.schema import entity


class NewTicket(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A ticket to write."""

    type: TicketType = "request"
    title: Annotated[str, msgspec.Meta(min_length=1)]
    description: str = ""
    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    service: str | None = None
    resource: str | None = None
    incident: str | None = None
    change: str | None = None
    """The id of the change that it is about."""
    namespace: str | None = None


class Transition(msgspec.Struct, forbid_unknown_fields=True):
    """Where it goes, and how it ended if that is its end."""

    state: TicketState
    close_code: CloseCode | None = None
    resolution: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


class NewTicketLink(msgspec.Struct, forbid_unknown_fields=True):
    """What a ticket has to do with."""

    target: Target
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""
    """The target by default."""


Member = Annotated[str | None, QueryParameter(max_length=200)]


@get("/tickets", opt={"permission": "ticket:read"})
async def list_tickets(
    ctx: Ctx, who: Who, narrowing: Narrowing, assignee: Member = None, incident: Member = None, change: Member = None,
    text: Annotated[
        str | None, QueryParameter(max_length=200, description="A part of title, description, resolution or id")
    ] = None,
) -> Response[Listing[Ticket]]:  # fmt: skip
    """Tickets, the last changed first; without `state` the closed ones, too. An empty `assignee` is nobody."""
    shown = visible(narrowing, who, "ticket:read")
    more: list[Any] = []
    for name, wanted in (("assignee", assignee), ("incident", incident), ("change", change)):
        if wanted is not None:
            member = json_text(entity.c.body, name)
            more.append(member == wanted if wanted else member.is_(None))
    if text:
        members = [json_text(entity.c.body, name) for name in ("title", "description", "resolution")]
        more.append(or_(*(one.icontains(text, autoescape=True) for one in (*members, entity.c.id))))
    asked = partial(_tickets, filters=shown, more=more)
    return page_response(await ctx.queries.run(asked))


def _tickets(connection: Connection, filters: Filters, more: list[Any]) -> Page:
    return entities(connection, "ticket", filters, *more)


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
    """Move it on. A resolved one that goes to `in_progress` is reopened."""
    given = msgspec.to_builtins(data)
    return await commanded(ctx, who, "ticket", ticket_id, "transition", "ticket:transition", given)


@post("/tickets/{ticket_id:str}/assign", status_code=200, opt={"permission": "ticket:assign"})
async def assign_ticket(ctx: Ctx, who: Who, ticket_id: str, data: Assignment) -> Response[Ticket]:
    """Give it to someone: a user, a person or member of a team of the namespace, or `team:NAME`."""
    namespace = await entity_of(ctx, who, "ticket", ticket_id, "ticket:read", "ticket:assign")
    if data.assignee:
        await require_somebody(ctx, namespace, data.assignee)
    return await commanded(ctx, who, "ticket", ticket_id, "assign", "ticket:assign", {"assignee": data.assignee})


@post("/tickets/{ticket_id:str}/comments", status_code=201, opt={"permission": "ticket:comment"})
async def comment_ticket(ctx: Ctx, who: Who, ticket_id: str, data: Remark) -> Response[Ticket]:
    """Remark on it."""
    answer = await commanded(ctx, who, "ticket", ticket_id, "comment", "ticket:comment", {"text": data.text})
    answer.status_code = 201
    return answer


@post("/tickets/{ticket_id:str}/links", status_code=200, opt={"permission": "ticket:comment"})
async def link_ticket(ctx: Ctx, who: Who, ticket_id: str, data: NewTicketLink) -> Response[Ticket]:
    """Link it to an address, or to a ticket, incident, alert, run, problem or change. Another ticket is linked back."""
    await entity_of(ctx, who, "ticket", ticket_id, "ticket:read", "ticket:comment")
    await require_target(ctx, who, data.target)
    return await commanded(ctx, who, "ticket", ticket_id, "link", "ticket:comment", msgspec.to_builtins(data))


@delete("/tickets/{ticket_id:str}/links", status_code=200, opt={"permission": "ticket:comment"})
async def unlink_ticket(
    ctx: Ctx, who: Who, ticket_id: str, target: Annotated[str, QueryParameter(max_length=2010)]
) -> Response[Ticket]:
    """Take a link away."""
    return await commanded(ctx, who, "ticket", ticket_id, "unlink", "ticket:comment", {"target": target})


HANDLERS = [
    list_tickets,
    get_ticket,
    get_ticket_timeline,
    list_ticket_comments,
    create_ticket,
    transition_ticket,
    assign_ticket,
    comment_ticket,
    link_ticket,
    unlink_ticket,
]
