"""Reviews of incidents: begun from what the journal has, written by people, published; their actions stay open until done."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, patch, post
from litestar.params import QueryParameter
from sqlalchemy import Connection, exists, select

from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found
from oncue.api.guard import require
from oncue.api.incidents import noted
from oncue.api.landscape import Land
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.api.suspects import suspected
from oncue.api.work import NewTask, Text
from oncue.core.alert import Alert
from oncue.core.errors import Refusal
from oncue.core.incident import Comment, Incident
from oncue.core.review import SECTIONS, Review
from oncue.core.run import Run
from oncue.core.status_update import StatusUpdate
from oncue.core.task import Task
from oncue.store.json_text import json_text
from oncue.store.members import alerts_of
from oncue.store.queries import (
    LIMIT,
    FactRow,
    cursor_of,
    entities,
    entity_bodies,
    entity_body,
    instant,
    timeline,
)
from oncue.store.schema import entity

ALERTS: Final = 100
MOMENTS: Final = 200
DUE: Final = ("P1", "P2")
"""Priorities of incidents that ought to have a review."""

_LEFT_OUT: Final = ("oncue.policy.", "oncue.effect.", "oncue.step.", "oncue.alert.updated", "oncue.incident.updated")


class Sections(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What people write; what is left out stays."""

    summary: Text | None = None
    impact: Text | None = None
    causes: Text | None = None
    went_well: Text | None = None
    went_badly: Text | None = None
    lessons: Text | None = None


class Moment(msgspec.Struct, kw_only=True):
    """One line of a timeline."""

    at: datetime
    position: str
    type: str
    about: str
    said: str


class Drawn(msgspec.Struct, kw_only=True):
    """What the journal has of an incident."""

    opened_at: datetime
    detect_s: float | None
    """From the first sign to the opening."""
    acknowledge_s: float | None
    """From the opening until someone took it."""
    resolve_s: float | None
    """From the opening to the end."""
    people: list[str]
    alerts: list[dict[str, Any]]
    alerts_total: int
    suspects: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    updates: int
    known_errors: list[str]
    timeline: list[Moment]
    timeline_cut: bool
    """Whether there is more than is shown."""


@get("/reviews", opt={"permission": "incident:read"})
async def list_reviews(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Review]]:
    """Reviews, the last changed first."""
    shown = visible(narrowing, who, "incident:read")
    return page_response(await ctx.queries.run(partial(entities, kind="review", filters=shown)))


@get("/reviews/missing", opt={"permission": "incident:read"})
async def list_missing_reviews(
    ctx: Ctx,
    who: Who,
    narrowing: Narrowing,
    priority: Annotated[list[str] | None, QueryParameter(description="P1 and P2 if not given")] = None,
) -> Response[Listing[Incident]]:
    """Incidents of a high priority that are over and have no review. Nothing forces one."""
    shown = visible(narrowing, who, "incident:read")
    other = entity.alias()
    reviewed = exists(select(other.c.id).where(other.c.kind == "review", other.c.id == entity.c.id))
    over = entity.c.state.in_(("resolved", "closed"))
    high = json_text(entity.c.body, "priority").in_(priority or list(DUE))
    whole = json_text(entity.c.body, "merged_into").is_(None)
    conditions = (over, high, whole, ~reviewed)
    return page_response(await ctx.queries.run(lambda connection: entities(connection, "incident", shown, *conditions)))


@get("/incidents/{incident_id:str}/review", opt={"permission": "incident:read"})
async def get_review(ctx: Ctx, who: Who, incident_id: str) -> Response[Review]:
    """The review of an incident."""
    return json_response(await found(ctx, who, "review", incident_id, "incident:read"))


@post("/incidents/{incident_id:str}/review", status_code=201, opt={"permission": "incident:edit"})
async def begin_review(ctx: Ctx, who: Who, landscape: Land, incident_id: str) -> Response[Review]:
    """Begin the review of an incident that is over, with what the journal has of it."""
    namespace = await entity_of(ctx, who, "incident", incident_id, "incident:read", "incident:edit")
    require(who, "alert:read", namespace)
    incident = msgspec.json.decode(await found(ctx, who, "incident", incident_id, "incident:read"), type=Incident)
    if incident.state not in ("resolved", "closed"):
        raise Refusal("incident.state", f"{incident_id} is {incident.state}; a review begins when it is over")
    if await ctx.queries.run(partial(entity_body, kind="review", id=incident_id)) is not None:
        raise Refusal("review.state", f"{incident_id} has a review")
    drawn = await ctx.queries.run(partial(draw, incident=incident))
    view = await suspected(ctx, landscape, incident)
    drawn.suspects = [
        {"name": one.name, "score": one.score, "reasons": [part.reason for part in one.parts]} for one in view.suspects
    ]
    given = {
        "incident": incident_id,
        "title": incident.title,
        "service": incident.service,
        "priority": incident.priority,
        "drawn": msgspec.to_builtins(drawn),
    }
    made = await ctx.command("oncue.command.review.begin", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


@patch("/incidents/{incident_id:str}/review", opt={"permission": "incident:edit"})
async def write_review(ctx: Ctx, who: Who, incident_id: str, data: Sections) -> Response[Review]:
    """Write some of its sections."""
    sections = {name: text for name in SECTIONS if (text := getattr(data, name)) is not None}
    return await _command(ctx, who, incident_id, "write", {"sections": sections})


@post("/incidents/{incident_id:str}/review/publish", status_code=200, opt={"permission": "incident:edit"})
async def publish_review(ctx: Ctx, who: Who, incident_id: str) -> Response[Review]:
    """Publish it."""
    return await _command(ctx, who, incident_id, "publish", {})


@post("/incidents/{incident_id:str}/review/withdraw", status_code=200, opt={"permission": "incident:edit"})
async def withdraw_review(ctx: Ctx, who: Who, incident_id: str) -> Response[Review]:
    """Make it a draft again; within 30 days after it was published."""
    return await _command(ctx, who, incident_id, "withdraw", {})


@post("/incidents/{incident_id:str}/review/actions", status_code=201, opt={"permission": "incident:edit"})
async def create_action(ctx: Ctx, who: Who, incident_id: str, data: NewTask) -> Response[Task]:
    """Decide on something to be done so that it does not come again. It is a task, and outlives the incident."""
    namespace = await entity_of(ctx, who, "review", incident_id, "incident:read", "incident:edit")
    given = {name: value for name, value in msgspec.to_builtins(data).items() if value is not None}
    given |= {"incident": incident_id, "action": True}
    made = await ctx.command("oncue.command.task.create", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


async def _command(ctx: Context, who: Principal, id: str, verb: str, given: dict[str, Any]) -> Response[Any]:
    namespace = await entity_of(ctx, who, "review", id, "incident:read", "incident:edit")
    made = await ctx.command(f"oncue.command.review.{verb}", {"review": id, **given}, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made))


def draw(connection: Connection, incident: Incident) -> Drawn:
    """What is stored of the incident; its suspects are for whoever has the topology."""
    alerts = [
        msgspec.json.decode(body, type=Alert) for body in alerts_of(connection, incident, first=True, most=ALERTS)
    ]
    facts = timeline(connection, "incident", incident.id, None, LIMIT)
    moments = [moment for row in reversed(facts) if (moment := _moment(row)) is not None]
    runs = [
        msgspec.json.decode(body, type=Run)
        for body in entity_bodies(connection, "run", list(incident.runs)[:ALERTS])
    ]  # fmt: skip
    updates = noted(connection, incident, "status_update")
    taken = [_taken(row) for row in reversed(facts) if row.type == "oncue.incident.acknowledged"]
    first = min((alert.first_seen_at for alert in alerts), default=incident.opened_at)
    return Drawn(
        opened_at=incident.opened_at,
        detect_s=_between(min(first, incident.opened_at), incident.opened_at),
        acknowledge_s=_between(incident.opened_at, taken[0][0] if taken else incident.acknowledged_at),
        resolve_s=_between(incident.opened_at, incident.resolved_at),
        people=_people(connection, incident, updates, [who for _, who in taken]),
        alerts=[
            {
                "id": one.id,
                "title": one.title,
                "severity": one.severity,
                "resource": one.resource,
                "first_seen_at": one.first_seen_at,
                "resolved_at": one.resolved_at,
                "cause": one.id == incident.cause,
            }
            for one in alerts
        ],
        alerts_total=incident.alerts_total,
        suspects=[],
        runs=[
            {"id": one.id, "workflow": one.workflow, "state": one.state, "started_at": one.started_at} for one in runs
        ],
        updates=len(updates),
        known_errors=list(incident.known_errors),
        timeline=moments[:MOMENTS],
        timeline_cut=len(moments) > MOMENTS or len(facts) == LIMIT,
    )


def _between(start: datetime, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if end is not None else None


def _taken(row: FactRow) -> tuple[datetime, str | None]:
    """When someone took it on, and who; they may have given it back since."""
    data = msgspec.json.decode(row.body).get("data") or {}
    return instant(row.recorded_at), data.get("acknowledged_by")


def _people(
    connection: Connection, incident: Incident, updates: list[bytes], taken: list[str | None]
) -> list[str]:  # fmt: skip
    """Who had to do with it, by name."""
    found = [*taken, incident.acknowledged_by, incident.assignee, incident.resolved_by, incident.opened_by]
    found += [one.name for one in incident.responders]
    found += [msgspec.json.decode(body, type=Comment).by for body in noted(connection, incident, "comment")]
    found += [msgspec.json.decode(body, type=StatusUpdate).by for body in updates]
    for body in entity_bodies(connection, "task", list(incident.tasks)):
        task = msgspec.json.decode(body, type=Task)
        found += [task.assignee, task.ended_by]
    names = {one.removeprefix("user:") for one in found if one is not None}
    return sorted(name for name in names if name not in ("system", "alerts") and not name.startswith("policy:"))


def _moment(row: FactRow) -> Moment | None:
    """A fact as a line of the timeline; None for what nobody asks about afterwards."""
    if row.type.startswith(_LEFT_OUT):
        return None
    data = msgspec.json.decode(row.body).get("data") or {}
    said = data.get("text") or data.get("title") or data.get("reason") or data.get("workflow") or ""
    at, position = instant(row.recorded_at), cursor_of(row.position)
    return Moment(at=at, position=position, type=row.type, about=row.id, said=str(said)[:300])


HANDLERS = [
    list_reviews,
    list_missing_reviews,
    get_review,
    begin_review,
    write_review,
    publish_review,
    withdraw_review,
    create_action,
]
