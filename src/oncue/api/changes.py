"""Changes: list, detail, timeline; draft, edit, submit, start, cancel, break the glass, review. And the calendar of them."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post, put
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.api.context import Ctx, Who
from oncue.api.entities import commanded, found, timeline_response
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.api.runs import asked_of, here_of, state_of
from oncue.api.shapes import Fact
from oncue.api.work import Instant, Named, Title
from oncue.core import period
from oncue.core.change import Change, ChangeState, CloseCode
from oncue.core.change_calendar import KIND
from oncue.core.change_plan import workflow_of
from oncue.core.change_spec import TARGETS_LIMIT, ChangeCalendarSpec, PlannedChangeSpec, Times
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.run import RunState
from oncue.manifests.changes import change_findings
from oncue.rehearsal.dry_run import DryRun, dry_run
from oncue.store import queries
from oncue.store.json_text import json_text
from oncue.store.queries import Filters, Page, entities
from oncue.store.schema import entity

MOST: Final = 1_000
"""Windows, freezes and changes that a calendar shows at most."""
LONGEST: Final = timedelta(days=400)

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


class WantedChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, rename={"with_": "with"}):
    """A change as it is wanted, as the spec of a manifest `Change` has it. Give `template`, or `plan`."""

    title: Title | None = None
    """By default the template's description, or its name."""
    reason: Reason
    """Why it is wanted."""
    template: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] | None = None
    """A `ChangeTemplate` of the namespace."""
    plan: dict[str, Any] | None = None
    """How it is made, if there is no template for it: as the spec of a `ChangeTemplate`."""
    with_: dict[str, Any] = {}
    """Its inputs."""
    targets: Annotated[list[Named], msgspec.Meta(max_length=TARGETS_LIMIT)] = []
    """Fewer targets than the template has."""
    start_at: Instant | None = None
    """Not before this instant."""
    deadline: Instant | None = None
    """If it has not begun by this instant, it is cancelled."""
    submit: bool = True
    """Whether it is submitted at once."""


class NewChange(WantedChange, forbid_unknown_fields=True, kw_only=True, rename={"with_": "with"}):
    """A change that is wanted."""

    namespace: str | None = None


class ChangeView(Change, kw_only=True):
    """A change."""

    spec: dict[str, Any]  # type: ignore[assignment]
    """How it is made: as the spec of a `ChangeTemplate`."""


class CancelChange(msgspec.Struct, forbid_unknown_fields=True):
    """Why, if that needs saying."""

    reason: Annotated[str, msgspec.Meta(max_length=5000)] | None = None


class BreakGlass(msgspec.Struct, forbid_unknown_fields=True):
    """Why it cannot wait."""

    reason: Reason


class ReviewChange(msgspec.Struct, forbid_unknown_fields=True):
    """What came of it."""

    code: CloseCode
    note: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


class CalendarSlot(msgspec.Struct, kw_only=True):
    """A time in a calendar."""

    calendar: str
    namespace: str
    title: str
    starts_at: datetime
    ends_at: datetime


class CalendarChange(msgspec.Struct, kw_only=True):
    """A change in a calendar."""

    id: str
    namespace: str
    title: str
    type: str
    state: ChangeState
    run_state: RunState | None
    close_code: CloseCode | None
    starts_at: datetime
    ends_at: datetime | None
    """When it was done; of one that is not, when its window closes."""
    targets: int
    conflicts: list[str]
    """Other changes at that time that share a target."""
    owner_busy: list[str]
    """Other changes at that time that the same person owns."""


class ForwardSchedule(msgspec.Struct, kw_only=True):
    """What is planned, and when nothing may be."""

    windows: list[CalendarSlot]
    freezes: list[CalendarSlot]
    changes: list[CalendarChange]


@get("/changes", opt={"permission": "change:read"})
async def list_changes(
    ctx: Ctx,
    who: Who,
    narrowing: Narrowing,
    template: Annotated[list[str] | None, QueryParameter(description="Any of these templates")] = None,
) -> Response[Listing[ChangeView]]:
    """Changes, the last changed first."""
    shown = visible(narrowing, who, "change:read")
    conditions = [json_text(entity.c.body, "template").in_(template)] if template else []
    return page_response(await ctx.queries.run(partial(_page, filters=shown, conditions=conditions)))


def _page(connection: Connection, filters: Filters, conditions: list[Any]) -> Page:
    return entities(connection, "change", filters, *conditions)


@get("/changes/{change_id:str}", opt={"permission": "change:read"})
async def get_change(ctx: Ctx, who: Who, change_id: str) -> Response[ChangeView]:
    """One change."""
    return json_response(await found(ctx, who, "change", change_id, "change:read"))


@get("/changes/{change_id:str}/timeline", opt={"permission": "change:read"})
async def get_change_timeline(ctx: Ctx, who: Who, change_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened to a change, newest first."""
    await found(ctx, who, "change", change_id, "change:read")
    return await timeline_response(ctx, "change", change_id, narrowing)


@get("/changes/{change_id:str}/plan", opt={"permission": "change:read"})
async def get_change_plan(ctx: Ctx, who: Who, change_id: str) -> Response[DryRun]:
    """What a change that was planned would do, target by target: a dry run of what people agree to. Nothing is done, and
    nothing outside is asked."""
    change = msgspec.json.decode(await found(ctx, who, "change", change_id, "change:read"), type=Change)
    if change.plan is None:
        raise Refusal("change.state", f"{change.id} is a draft; it is planned when it is submitted")
    waves = change.plan.waves

    def shown(given: list[Manifest]) -> DryRun:
        does = msgspec.to_builtins(workflow_of(change, waves))
        manifest = Manifest(
            id=f"Workflow/{change.namespace}/{change.id}", kind="Workflow", namespace=change.namespace, name=change.id,
            generation=1, hash="", labels={}, owner=None, review_by=None, description=change.title, spec=does,
            applied_by=change.requester, updated_at=change.updated_at,
        )  # fmt: skip
        now = datetime.now(UTC)
        return dry_run(
            state_of([*given, manifest]), change.namespace, change.id, change.inputs, now, change.requester, None, here
        )

    given = await ctx.queries.run(partial(asked_of, namespace=change.namespace))
    here = here_of(ctx, change.namespace, given)
    return json_response(msgspec.json.encode(await asyncio.to_thread(shown, given)))


@post("/changes", status_code=201, opt={"permission": "change:write"})
async def create_change(ctx: Ctx, who: Who, data: NewChange) -> Response[ChangeView]:
    """Draft a change, and submit it unless it says otherwise."""
    namespace = data.namespace or who.home
    require(who, "change:write", namespace)
    given = _sound(data)
    made = await ctx.command("oncue.command.change.create", given, who=who, namespace=namespace)
    return json_response(msgspec.json.encode(made), 201)


@put("/changes/{change_id:str}", opt={"permission": "change:write"})
async def edit_change(ctx: Ctx, who: Who, change_id: str, data: WantedChange) -> Response[ChangeView]:
    """Make it otherwise, as long as it has not begun. Another plan needs another approval."""
    given = _sound(data)
    return await commanded(ctx, who, "change", change_id, "edit", "change:write", {"wanted": given})


def _sound(wanted: WantedChange) -> dict[str, Any]:
    """What is wanted, for the engine. Raises `Refusal` manifest.invalid, change.template, change.steps for a plan of its own
    that does not hold together."""
    given = {name: value for name, value in msgspec.to_builtins(wanted).items() if value is not None}
    given.pop("namespace", None)
    try:
        spec = msgspec.convert(given, PlannedChangeSpec)
    except msgspec.ValidationError as error:
        raise Refusal("manifest.invalid", str(error)) from error
    for one in change_findings(spec):
        if one.level == "error":
            where = ".".join(map(str, one.path))
            raise Refusal(one.code, f"{where}: {one.detail}" if where else one.detail)
    return given


@post("/changes/{change_id:str}/submit", status_code=200, opt={"permission": "change:write"})
async def submit_change(ctx: Ctx, who: Who, change_id: str) -> Response[ChangeView]:
    """Have it planned, and put before those who must agree."""
    return await commanded(ctx, who, "change", change_id, "submit", "change:write", {})


@post("/changes/{change_id:str}/start", status_code=200, opt={"permission": "change:start"})
async def start_change(ctx: Ctx, who: Who, change_id: str) -> Response[ChangeView]:
    """Begin one that is agreed to, now."""
    return await commanded(ctx, who, "change", change_id, "start", "change:start", {})


@post("/changes/{change_id:str}/cancel", status_code=200, opt={"permission": "change:write"})
async def cancel_change(ctx: Ctx, who: Who, change_id: str, data: CancelChange | None = None) -> Response[ChangeView]:
    """It is no longer wanted; one that runs is stopped and rolled back."""
    given = {"reason": data.reason} if data is not None else {}
    return await commanded(ctx, who, "change", change_id, "cancel", "change:write", given)


@post("/changes/{change_id:str}/break-glass", status_code=200, opt={"permission": "change:override"})
async def break_glass(ctx: Ctx, who: Who, change_id: str, data: BreakGlass) -> Response[ChangeView]:
    """Begin now, past windows, freezes and those who have not agreed: they are asked afterwards, and it is not closed before."""
    return await commanded(ctx, who, "change", change_id, "break_glass", "change:override", {"reason": data.reason})


@post("/changes/{change_id:str}/review", status_code=200, opt={"permission": "change:write"})
async def review_change(ctx: Ctx, who: Who, change_id: str, data: ReviewChange) -> Response[ChangeView]:
    """Look back on one that is over, and close it."""
    given = {"code": data.code, "note": data.note}
    return await commanded(ctx, who, "change", change_id, "review", "change:write", given)


@get("/change-calendar", opt={"permission": "change:read"})
async def get_change_calendar(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[ForwardSchedule]:
    """Windows, freezes and changes between `since`, by default now, and `until`, by default four weeks later."""
    first = narrowing.since or datetime.now(UTC)
    last = narrowing.until or first + timedelta(days=28)
    if not first < last <= first + LONGEST:
        raise Refusal("request.invalid", f"until: after since, and at most {LONGEST.days} days")
    shown = visible(msgspec.structs.replace(narrowing, since=None, until=None, limit=MOST), who, "change:read")
    bodies = await ctx.queries.run(partial(queries.manifests))
    windows: list[CalendarSlot] = []
    freezes: list[CalendarSlot] = []
    for one in (msgspec.json.decode(body, type=Manifest) for body in bodies):
        if one.kind == KIND and (shown.visible is None or one.namespace in shown.visible):
            spec = msgspec.convert(one.spec, ChangeCalendarSpec)
            windows += _slots(one, spec.windows, first, last)
            freezes += _slots(one, spec.freezes, first, last)
    page = await ctx.queries.run(partial(_page, filters=shown, conditions=[]))
    rows = [msgspec.json.decode(body, type=Change) for body in page.items]
    within = [one for one in rows if one.state != "cancelled" and _within(one, first, last)]
    changes = [_planned(one, within) for one in sorted(within, key=lambda one: (_from(one), one.id))]
    return json_response(
        msgspec.json.encode(ForwardSchedule(windows=windows[:MOST], freezes=freezes[:MOST], changes=changes))
    )


def _slots(calendar: Manifest, times: list[Times], first: datetime, last: datetime) -> list[CalendarSlot]:
    found = (one for each in times for one in _occurring(each, first, last))
    return [
        CalendarSlot(
            calendar=calendar.name, namespace=calendar.namespace, title=title, starts_at=starts_at, ends_at=ends_at
        )
        for title, starts_at, ends_at in found
    ]


def _occurring(times: Times, first: datetime, last: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    for starts_at, ends_at in islice(period.occurrences(times, first), MOST):
        if starts_at >= last:
            return
        yield times.title, starts_at, ends_at


def _from(change: Change) -> datetime:
    return change.began_at or change.starts_at or change.not_before or change.created_at


def _to(change: Change) -> datetime | None:
    return change.ended_at or change.window_until


def _within(change: Change, first: datetime, last: datetime) -> bool:
    timed = change.began_at is not None or change.starts_at is not None
    return timed and _from(change) < last and (_to(change) or last) > first


def _planned(change: Change, others: list[Change]) -> CalendarChange:
    targets = set(change.plan.targets) if change.plan is not None else set[str]()

    def at_that_time(other: Change) -> bool:
        if other.id == change.id or other.plan is None or other.namespace != change.namespace:
            return False
        ends, begins = _to(change), _from(change)
        return not ((ends is not None and ends <= _from(other)) or (_to(other) or begins) < begins)

    meeting = [other for other in others if at_that_time(other)]
    return CalendarChange(
        id=change.id, namespace=change.namespace, title=change.title, type=change.type, state=change.state,
        run_state=change.run_state, close_code=change.close_code, starts_at=_from(change), ends_at=_to(change), targets=len(targets),
        conflicts=[one.id for one in meeting if one.plan is not None and not targets.isdisjoint(one.plan.targets)],
        owner_busy=[one.id for one in meeting if change.keeper is not None and one.keeper == change.keeper],
    )  # fmt: skip


HANDLERS = [
    list_changes,
    get_change,
    get_change_timeline,
    get_change_plan,
    create_change,
    edit_change,
    submit_change,
    start_change,
    cancel_change,
    break_glass,
    review_change,
    get_change_calendar,
]
