"""Maintenance windows: when they are open, and what they would make quiet now. Their documents are manifests."""

from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, Final

import msgspec
from litestar import Response, get, post

from oncue.access.roles import Principal, allowed, namespaces
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.matching import Matching, matching
from oncue.api.params import Listing, json_response, listing
from oncue.core import maintenance, period
from oncue.core.errors import Refusal
from oncue.core.manifest import MaintenanceWindowSpec, Manifest
from oncue.store.queries import entity_body, manifests

NEXT_SHOWN: Final = 10


class Occurrence(msgspec.Struct):
    """From when until when a window is open."""

    starts_at: datetime
    ends_at: datetime


class WindowView(msgspec.Struct, kw_only=True):
    """A maintenance window, and when it is open."""

    id: str
    """`namespace/name`."""
    namespace: str
    name: str
    description: str | None
    owner: str | None
    state: str
    """`open`, `coming`, or `over` if it never opens again."""
    open: Occurrence | None
    """The occurrence that is open now."""
    next: list[Occurrence]
    """Those that begin later, ten at the most."""
    spec: dict[str, Any]


class WindowPreview(Matching, kw_only=True):
    """What a window does: when it opens, and which of the alerts that fire now it makes quiet while it is open."""

    state: str
    open: Occurrence | None
    next: list[Occurrence]


class Planned(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A window that may be applied later."""

    spec: dict[str, Any]
    """As in a manifest of the kind MaintenanceWindow."""
    namespace: str | None = None


@get("/maintenance-windows", opt={"permission": "manifest:read"})
async def list_maintenance_windows(ctx: Ctx, who: Who) -> Response[Listing[WindowView]]:
    """Every maintenance window, in the namespaces that you may read."""
    shown = namespaces(who, "manifest:read")
    bodies = await ctx.queries.run(partial(manifests, kind="MaintenanceWindow", namespaces=shown))
    views = [_view(msgspec.json.decode(body, type=Manifest), datetime.now(UTC)) for body in bodies]
    return listing([msgspec.json.encode(view) for view in views], None)


@get("/maintenance-windows/{namespace:str}/{name:str}", opt={"permission": "manifest:read"})
async def get_maintenance_window(ctx: Ctx, who: Who, namespace: str, name: str) -> Response[WindowPreview]:
    """When a window is open, and which of the alerts that fire now it is about."""
    row = await ctx.queries.run(partial(entity_body, kind="manifest", id=f"MaintenanceWindow/{namespace}/{name}"))
    manifest = None if row is None else msgspec.json.decode(row[1], type=Manifest)
    if manifest is None or manifest.deleted or not allowed(who, "manifest:read", namespace):
        raise Refusal("manifest.not_found", f"MaintenanceWindow {namespace}/{name}"[:200])
    return await _preview(ctx, who, msgspec.convert(manifest.spec, MaintenanceWindowSpec), namespace)


@post("/maintenance-windows/preview", status_code=200, opt={"permission": "manifest:read"})
async def preview_maintenance_window(ctx: Ctx, who: Who, data: Planned) -> Response[WindowPreview]:
    """What a window would do if it were applied. Changes nothing."""
    namespace = data.namespace or who.home
    require(who, "manifest:read", namespace)
    try:
        spec = msgspec.convert(data.spec, MaintenanceWindowSpec)
    except msgspec.ValidationError as error:
        raise Refusal("manifest.invalid", str(error)) from error
    maintenance.check(spec)
    return await _preview(ctx, who, spec, namespace)


async def _preview(
    ctx: Context, who: Principal, spec: MaintenanceWindowSpec, namespace: str
) -> Response[WindowPreview]:
    found = await matching(ctx, who, spec.matchers, namespace)
    state, open_, following = _times(spec, datetime.now(UTC))
    view = WindowPreview(
        state=state, open=open_, next=following, matching=found.matching, looked_at=found.looked_at, alerts=found.alerts
    )
    return json_response(msgspec.json.encode(view))


def _times(spec: MaintenanceWindowSpec, now: datetime) -> tuple[str, Occurrence | None, list[Occurrence]]:
    open_, _ = period.at(spec, now)
    later = (one for one in period.occurrences(spec, now) if one[0] > now)
    following = [Occurrence(*one) for one in islice(later, NEXT_SHOWN)]
    state = "open" if open_ is not None else "coming" if following else "over"
    return state, Occurrence(*open_) if open_ is not None else None, following


def _view(manifest: Manifest, now: datetime) -> WindowView:
    spec = msgspec.convert(manifest.spec, MaintenanceWindowSpec)
    state, open_, following = _times(spec, now)
    return WindowView(
        id=f"{manifest.namespace}/{manifest.name}",
        namespace=manifest.namespace,
        name=manifest.name,
        description=spec.description or manifest.description,
        owner=manifest.owner,
        state=state,
        open=open_,
        next=following,
        spec=manifest.spec,
    )


HANDLERS = [list_maintenance_windows, get_maintenance_window, preview_maintenance_window]
