"""Handovers between shifts: drawn from state and journal, with notes, and confirmed by the shift that comes."""

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection, func, or_, select

from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import entity_of, found
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, asked_instant, json_response, page_response, visible
from oncue.api.work import Instant, Named, Text
from oncue.core import period
from oncue.core.alert import Alert
from oncue.core.change_record import ChangeRecord
from oncue.core.handover import Handover
from oncue.core.incident import Incident
from oncue.core.manifest import MaintenanceWindowSpec, Manifest, ServiceSpec
from oncue.core.run import Run
from oncue.core.silence import Silence
from oncue.core.task import Task
from oncue.store.queries import entities, manifests, micros
from oncue.store.schema import LISTED, entity

MOST: Final = 100
"""Things of each kind in a handover; how many there are is said beside them."""
SHIFT: Final = timedelta(hours=8)
NAMED: Final = 5
"""Places and incidents of a change that are named in its line."""


class NewHandover(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A shift that goes, and the one that comes."""

    since: Instant | None = None
    """When the shift that goes began; 8 hours ago if it is not given."""
    until: Instant | None = None
    """When the shift that comes ends; 8 hours from now."""
    team: Named | None = None
    """Only its services; null for all of the namespace."""
    notes: Text = ""
    namespace: str | None = None


class Notes(msgspec.Struct, forbid_unknown_fields=True):
    """What the next shift should know besides."""

    notes: Text


class Confirmation(msgspec.Struct, forbid_unknown_fields=True):
    """What the next shift says to it."""

    remark: Text = ""


class Line(msgspec.Struct, kw_only=True):
    """One thing of a handover."""

    id: str
    title: str
    state: str
    severity: str | None = None
    priority: str | None = None
    service: str | None = None
    who: str | None = None
    """Who has it, or set it."""
    at: datetime | None = None
    """Since when, or when it begins, as the part says."""
    until: datetime | None = None
    note: str = ""


class Lines(msgspec.Struct):
    """Things of one kind."""

    items: list[Line]
    total: int
    """At most 5,000 are looked at."""


class HandedOver(msgspec.Struct, kw_only=True):
    """How things stand."""

    at: datetime
    open: Lines
    """Incidents that nobody has acknowledged; `who` is whom one is assigned to."""
    acknowledged: Lines
    resolved: Lines
    """Incidents that ended since the shift began."""
    updates: Lines
    """Incidents of which stakeholders were promised an update; `until` is when."""
    snoozed: Lines
    """Firing alerts that someone snoozed."""
    silences: Lines
    """Those that end before the next shift does."""
    maintenance: Lines
    """Windows that are open, or open before the next shift ends."""
    runs: Lines
    """Runs under way."""
    overdue: Lines
    """Tasks and actions whose time is over."""
    due: Lines
    """Tasks and actions that are due before the next shift ends."""
    changes: Lines
    """Changes that run, or that ended since the shift began."""


@get("/handovers", opt={"permission": "handover:read"})
async def list_handovers(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Handover]]:
    """Handovers, the last changed first."""
    shown = visible(narrowing, who, "handover:read")
    return page_response(await ctx.queries.run(partial(entities, kind="handover", filters=shown)))


@get("/handovers/preview", opt={"permission": "handover:read"})
async def preview_handover(
    ctx: Ctx,
    who: Who,
    namespace: Annotated[str | None, QueryParameter(max_length=63)] = None,
    team: Annotated[str | None, QueryParameter(max_length=63)] = None,
    since: Annotated[str | None, QueryParameter(description="RFC 3339; 8 hours ago if not given")] = None,
    until: Annotated[str | None, QueryParameter(description="RFC 3339; 8 hours from now if not given")] = None,
) -> Response[HandedOver]:
    """How things stand now, as a handover would say it. Changes nothing."""
    wanted = NewHandover(since=since, until=until, team=team, namespace=namespace)
    drawn, _, _ = await _drawn(ctx, who, wanted, "handover:read")
    return json_response(msgspec.json.encode(drawn))


@get("/handovers/{handover_id:str}", opt={"permission": "handover:read"})
async def get_handover(ctx: Ctx, who: Who, handover_id: str) -> Response[Handover]:
    """One handover."""
    return json_response(await found(ctx, who, "handover", handover_id, "handover:read"))


@post("/handovers", status_code=201, opt={"permission": "handover:write"})
async def create_handover(ctx: Ctx, who: Who, data: NewHandover) -> Response[Handover]:
    """Make a handover: how things stand now is kept with it."""
    drawn, since, until = await _drawn(ctx, who, data, "handover:write")
    given = {
        "team": data.team, "since": since, "until": until, "drawn": msgspec.to_builtins(drawn), "notes": data.notes,
    }  # fmt: skip
    namespace = data.namespace or who.home
    made = await ctx.command("oncue.command.handover.create", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


@post("/handovers/{handover_id:str}/notes", status_code=200, opt={"permission": "handover:write"})
async def note_handover(ctx: Ctx, who: Who, handover_id: str, data: Notes) -> Response[Handover]:
    """Write its notes."""
    return await _command(ctx, who, handover_id, "note", {"notes": data.notes})


@post("/handovers/{handover_id:str}/confirm", status_code=200, opt={"permission": "handover:write"})
async def confirm_handover(
    ctx: Ctx, who: Who, handover_id: str, data: Confirmation | None = None
) -> Response[Handover]:
    """Say that you have it; whoever made it cannot."""
    return await _command(ctx, who, handover_id, "confirm", {"remark": data.remark if data is not None else ""})


async def _command(ctx: Context, who: Principal, id: str, verb: str, given: dict[str, Any]) -> Response[Any]:
    namespace = await entity_of(ctx, who, "handover", id, "handover:read", "handover:write")
    made = await ctx.command(f"oncue.command.handover.{verb}", {"handover": id, **given}, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made))


async def _drawn(
    ctx: Context, who: Principal, wanted: NewHandover, permission: str
) -> tuple[HandedOver, datetime, datetime]:
    namespace, now = wanted.namespace or who.home, datetime.now(UTC)
    for needed in (permission, "incident:read", "alert:read", "silence:read", "manifest:read", "run:read"):
        require(who, needed, namespace)
    since = asked_instant("since", wanted.since) or now - SHIFT
    until = asked_instant("until", wanted.until) or now + SHIFT
    look = partial(draw, namespace=namespace, team=wanted.team, since=since, until=until, now=now)
    return await ctx.queries.run(look), since, until


def draw(
    connection: Connection, namespace: str, team: str | None, since: datetime, until: datetime, now: datetime
) -> HandedOver:
    """How things stand in the namespace, or with what the team looks after."""
    services = _services(connection, namespace, team) if team is not None else None

    def theirs(service: str | None) -> bool:
        return services is None or service in services

    owner = f"team:{team}"
    going = [
        one
        for one in _incidents(connection, namespace, "open", "acknowledged")
        if theirs(one.service) or one.owner == owner
    ]
    ended = [
        one
        for one in _incidents(connection, namespace, "resolved", "closed", since=since)
        if (theirs(one.service) or one.owner == owner) and one.resolved_at is not None and one.resolved_at >= since
    ]
    snoozed = [alert for alert in _snoozed(connection, namespace) if theirs(alert.service)]
    tasks = [task for task in _open_tasks(connection, namespace) if theirs(task.service) and task.due_at is not None]
    silences = [one for one in _silences(connection, namespace) if one.state == "active" and one.ends_at < until]
    return HandedOver(
        at=now,
        open=_lines([_incident(one) for one in going if one.state == "open"]),
        acknowledged=_lines([_incident(one) for one in going if one.state == "acknowledged"]),
        resolved=_lines([_incident(one) for one in ended]),
        updates=_lines([
            msgspec.structs.replace(_incident(one), until=one.updates.due_at)
            for one in going if one.updates is not None
        ]),
        snoozed=_lines([_alert(one) for one in snoozed]),
        silences=_lines([
            Line(id=one.id, title=one.comment, state=one.state, who=one.created_by, at=one.starts_at, until=one.ends_at)
            for one in sorted(silences, key=lambda one: one.ends_at)
        ]),
        maintenance=_lines(_windows(connection, namespace, now, until)),
        runs=_lines([
            Line(id=one.id, title=one.workflow, state=one.state, at=one.started_at) for one in _runs(connection, namespace)
        ]),
        overdue=_lines([_task(one) for one in tasks if one.due_at is not None and one.due_at < now]),
        due=_lines([_task(one) for one in tasks if one.due_at is not None and now <= one.due_at < until]),
        changes=_lines([_change(one) for one in _changes(connection, namespace, since) if services is None or services & set(one.services)]),
    )  # fmt: skip


def _lines(lines: list[Line]) -> Lines:
    return Lines(lines[:MOST], len(lines))


def _incident(one: Incident) -> Line:
    ended = one.resolution.note if one.resolution is not None else ""
    return Line(
        id=one.id, title=one.title, state=one.state, severity=one.severity, priority=one.priority, service=one.service,
        who=one.assignee or one.acknowledged_by, at=one.opened_at, until=one.resolved_at, note=ended,
    )  # fmt: skip


def _alert(one: Alert) -> Line:
    snooze = next((reason for reason in one.quiet if reason.reason == "snoozed"), None)
    return Line(
        id=one.id, title=one.title, state=one.state, severity=one.severity, service=one.service,
        who=snooze.by if snooze is not None else None, at=one.first_seen_at,
        until=snooze.until if snooze is not None else None, note=snooze.detail if snooze is not None else "",
    )  # fmt: skip


def _task(one: Task) -> Line:
    return Line(
        id=one.id, title=one.title, state=one.state, service=one.service, who=one.assignee, at=one.created_at,
        until=one.due_at, note=f"{one.kind} of {one.incident}",
    )  # fmt: skip


def _change(one: ChangeRecord) -> Line:
    where = ", ".join((*one.services, *one.resources)[:NAMED])
    followed = f"followed by {', '.join(one.incidents[-NAMED:])}" if one.incidents else ""
    return Line(
        id=one.id, title=one.title, state=one.state, service=one.services[0] if one.services else None, who=one.by,
        at=one.started_at, until=one.ended_at, note=", ".join(part for part in (where, followed) if part),
    )  # fmt: skip


def _bodies(connection: Connection, kind: str, namespace: str, *more: Any) -> list[bytes]:
    rows = connection.execute(
        select(entity.c.body)
        .where(entity.c.kind == kind, LISTED, entity.c.namespace == namespace, *more)
        .order_by(entity.c.position.desc())
        .limit(5_000)
    ).scalars()
    return list(rows)


def _incidents(connection: Connection, namespace: str, *states: str, since: datetime | None = None) -> list[Incident]:
    more: list[Any] = [entity.c.state.in_(states)]
    if since is not None:
        more.append(entity.c.updated_at >= micros(since))
    found = [msgspec.json.decode(body, type=Incident) for body in _bodies(connection, "incident", namespace, *more)]
    return sorted(
        (one for one in found if one.merged_into is None), key=lambda one: (one.priority, one.opened_at, one.id)
    )


def _snoozed(connection: Connection, namespace: str) -> list[Alert]:
    snoozed = func.instr(entity.c.body, b'"reason":"snoozed"') > 0
    firing = entity.c.state == "firing"
    found = (msgspec.json.decode(body, type=Alert) for body in _bodies(connection, "alert", namespace, firing, snoozed))
    return [one for one in found if any(reason.reason == "snoozed" for reason in one.quiet)]


def _open_tasks(connection: Connection, namespace: str) -> list[Task]:
    bodies = _bodies(connection, "task", namespace, entity.c.state == "open")
    found = [msgspec.json.decode(body, type=Task) for body in bodies]
    return sorted(found, key=lambda one: (one.due_at or datetime.max.replace(tzinfo=UTC), one.id))


def _silences(connection: Connection, namespace: str) -> list[Silence]:
    bodies = _bodies(connection, "silence", namespace, entity.c.state == "active")
    return [msgspec.json.decode(body, type=Silence) for body in bodies]


def _runs(connection: Connection, namespace: str) -> list[Run]:
    bodies = _bodies(connection, "run", namespace, entity.c.live)
    return [msgspec.json.decode(body, type=Run) for body in bodies]


def _changes(connection: Connection, namespace: str, since: datetime) -> list[ChangeRecord]:
    late = or_(entity.c.state == "running", entity.c.updated_at >= micros(since))
    bodies = _bodies(connection, "change_record", namespace, late)
    found = [msgspec.json.decode(body, type=ChangeRecord) for body in bodies]
    recent = [one for one in found if one.ended_at is None or one.ended_at >= since]
    return sorted(recent, key=lambda one: (one.state != "running", -one.started_at.timestamp()))


def _windows(connection: Connection, namespace: str, now: datetime, until: datetime) -> list[Line]:
    found = []
    for body in manifests(connection, "MaintenanceWindow", frozenset({namespace})):
        manifest = msgspec.json.decode(body, type=Manifest)
        spec = msgspec.convert(manifest.spec, MaintenanceWindowSpec)
        open_, _ = period.at(spec, now)
        later = (one for one in period.occurrences(spec, now) if one[0] > now)
        coming = [("open", open_)] if open_ is not None else []
        coming += [("coming", one) for one in islice(later, 10) if one[0] < until]
        title = spec.description or manifest.description or manifest.name
        found += [
            Line(id=f"{namespace}/{manifest.name}", title=title, state=state, who=manifest.owner, at=starts, until=ends)
            for state, (starts, ends) in coming
        ]
    return sorted(found, key=lambda one: (one.at or now, one.id))


def _services(connection: Connection, namespace: str, team: str) -> frozenset[str]:
    found = []
    for body in manifests(connection, "Service", frozenset({namespace})):
        manifest = msgspec.json.decode(body, type=Manifest)
        owner = msgspec.convert(manifest.spec, ServiceSpec).owner or manifest.owner
        if owner == f"team:{team}":
            found.append(manifest.name)
    return frozenset(found)


HANDLERS = [
    list_handovers,
    preview_handover,
    get_handover,
    create_handover,
    note_handover,
    confirm_handover,
]
