"""Sources, monitors, channels, services, teams, workflows: what is configured, and how it is right now."""

import asyncio
import inspect
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from sqlalchemy import Connection, func, select

from oncue.access.roles import Principal, allowed, namespaces
from oncue.api.catalogue import Catalogue
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.ingest import Ingest, Traffic
from oncue.api.params import Listing, json_response, listing
from oncue.api.shapes import ListeningView, MetricView, MonitorView, ServiceView, SourceType, SourceView
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest, MonitorSpec
from oncue.core.monitor import MonitorState
from oncue.core.severity import RANK
from oncue.runtime import reception
from oncue.runtime.reception import Reception
from oncue.sdk import Monitor, registry
from oncue.sdk.errors import ActionError
from oncue.store.queries import LIMIT, Filters, entities, is_quiet, manifests
from oncue.store.schema import entity

Traffics = NamedDependency[SkipValidation[Ingest]]
Sources = NamedDependency[SkipValidation[Catalogue]]

ENDPOINTS = {"events": "/api/v1/events", "alertmanager": "/alertmanager", "heartbeat": "/heartbeat"}
"""Where senders reach what is there without a manifest."""


@get("/sources", opt={"permission": "manifest:read"})
async def list_sources(ctx: Ctx, who: Who, ingest: Traffics, catalogue: Sources) -> Response[Listing[SourceView]]:
    """Sources, those of the protocols included, with what came through each since the server started."""
    views = []
    seen = set()
    received = await asyncio.to_thread(reception.read, ctx.config.data, datetime.now(UTC))
    for manifest in catalogue.sources:
        if not allowed(who, "manifest:read", manifest.namespace):
            continue
        type = manifest.spec.get("type", "")
        origin = f"source:{manifest.name}" if type == "pagerduty" else manifest.name
        seen.add((manifest.namespace, origin))
        path = "/pagerduty/v2/enqueue" if manifest.spec.get("routing_key") else f"/in/{manifest.name}"
        traffic = ingest.traffic.get((manifest.namespace, origin), Traffic())
        description = manifest.description or manifest.spec.get("description")
        view = _source(manifest.namespace, manifest.name, type, path, description, True, traffic)
        listened = received.get((manifest.namespace, manifest.name))
        views.append(view if listened is None else _with(view, listened))
    for (namespace, origin), traffic in sorted(ingest.traffic.items()):
        if (namespace, origin) not in seen and origin in ENDPOINTS and allowed(who, "manifest:read", namespace):
            type = "cloudevents" if origin == "events" else origin
            views.append(_source(namespace, origin, type, ENDPOINTS[origin], None, False, traffic))
    return listing([msgspec.json.encode(view) for view in views], None)


@get("/sources/types", opt={"permission": "manifest:read"})
async def list_source_types() -> Response[Listing[SourceType]]:
    """What the type of a source may be, with the settings that each takes."""
    return listing([msgspec.json.encode(one) for one in await asyncio.to_thread(_source_types)], None)


@get("/monitors", opt={"permission": "manifest:read"})
async def list_monitors(ctx: Ctx, who: Who) -> Response[Listing[MonitorView]]:
    """Monitors, with what each found last and how it is itself."""
    return listing([msgspec.json.encode(view) for view in await monitor_views(ctx, who)], None)


@get("/monitors/{namespace:str}/{name:str}", opt={"permission": "manifest:read"})
async def get_monitor(ctx: Ctx, who: Who, namespace: str, name: str) -> Response[MonitorView]:
    """One monitor."""
    for view in await monitor_views(ctx, who):
        if view.manifest is not None and (view.manifest.namespace, view.manifest.name) == (namespace, name):
            return json_response(msgspec.json.encode(view))
    raise Refusal("monitor.not_found", f"{namespace}/{name}"[:200])


@get("/services", opt={"permission": "manifest:read"})
async def list_services(
    ctx: Ctx,
    who: Who,
    namespace: Annotated[str | None, QueryParameter(max_length=63, description="Only of this one")] = None,
) -> Response[Listing[ServiceView]]:
    """Services, those that only events name included, with their health."""
    if namespace:
        require(who, "manifest:read", namespace)
    visible = namespaces(who, "alert:read")
    health = await ctx.recently(("health", visible), partial(_health, visible=visible))
    views = {}
    for manifest in await _manifests(ctx, who, "Service"):
        views[_key(manifest)] = _service(manifest.namespace, manifest.name, health, manifest)
    for place, name in health:
        if f"{place}/{name}" not in views and allowed(who, "manifest:read", place):
            views[f"{place}/{name}"] = _service(place, name, health, None)
    shown = [view for view in views.values() if not namespace or view.namespace == namespace]
    ordered = sorted(shown, key=lambda view: (-RANK[view.severity], -view.incidents_open, view.id))
    return listing([msgspec.json.encode(view) for view in ordered], None)


@get("/teams", opt={"permission": "manifest:read"})
async def list_teams(ctx: Ctx, who: Who) -> Response[Listing[Manifest]]:
    """Teams."""
    return _listed(await _manifests(ctx, who, "Team"))


@get("/channels", opt={"permission": "manifest:read"})
async def list_channels(ctx: Ctx, who: Who) -> Response[Listing[Manifest]]:
    """Channels. Credentials in them are references to secrets."""
    return _listed(await _manifests(ctx, who, "Channel"))


@get("/workflows", opt={"permission": "manifest:read"})
async def list_workflows(ctx: Ctx, who: Who) -> Response[Listing[Manifest]]:
    """Workflows."""
    return _listed(await _manifests(ctx, who, "Workflow"))


async def monitor_views(ctx: Context, who: Principal) -> list[MonitorView]:
    """The monitors that one may read, with what each found last."""
    states = await _states(ctx, who)
    manifests = await _manifests(ctx, who, "Monitor")
    return await asyncio.to_thread(lambda: [_monitor(one, states.get(_key(one))) for one in manifests])


def resource_of(manifest: Manifest) -> str | None:
    """What a monitor's readings are about; None if it cannot work."""
    try:
        spec = registry.fit(manifest.spec, MonitorSpec)
        plugin = _plugin(spec.uses)
        return spec.resource or plugin.subject(registry.fit(spec.with_, plugin.settings)) or None
    except ActionError:
        return None


def _monitor(manifest: Manifest, state: MonitorState | None) -> MonitorView:
    try:
        metrics = [MetricView(metric=doc.metric, label=doc.label, unit=doc.unit) for doc in
                   _plugin(manifest.spec["uses"]).metrics]  # fmt: skip
    except ActionError:
        metrics = []
    return MonitorView(manifest=manifest, state=state, resource=resource_of(manifest), metrics=metrics)


@lru_cache(maxsize=256)
def _plugin(uses: str) -> Monitor:
    """One of its type, for what does not depend on a probe."""
    return registry.monitor(uses)


def _source_types() -> list[SourceType]:
    types = []
    for name in registry.names(registry.SOURCES):
        try:
            found, settings = registry.source(name), registry.source_settings(name)
        except ActionError as error:
            types.append(SourceType(type=name, summary="", settings={}, problem=error.detail))
            continue
        summary = " ".join((inspect.getdoc(type(found)) or "").split("\n\n")[0].split())
        types.append(SourceType(type=name, summary=summary, settings=msgspec.json.schema(settings)))
    return types


def _listed(found: list[Manifest]) -> Response[Any]:
    return listing([msgspec.json.encode(manifest) for manifest in found], None)


async def _manifests(ctx: Context, who: Principal, kind: str) -> list[Manifest]:
    shown = namespaces(who, "manifest:read")
    bodies = await ctx.queries.run(partial(manifests, kind=kind, namespaces=shown))
    return [msgspec.json.decode(body, type=Manifest) for body in bodies]


async def _states(ctx: Context, who: Principal) -> dict[str, MonitorState]:
    filters = Filters(limit=LIMIT * 20, visible=namespaces(who, "manifest:read"))
    page = await ctx.queries.run(partial(entities, kind="monitor", filters=filters))
    states = [msgspec.json.decode(body, type=MonitorState) for body in page.items]
    return {state.id: state for state in states}


def _key(manifest: Manifest) -> str:
    return f"{manifest.namespace}/{manifest.name}"


def _source(
    namespace: str, name: str, type: str, path: str, description: str | None, configured: bool, traffic: Traffic
) -> SourceView:
    return SourceView(
        id=f"{namespace}/{name}",
        namespace=namespace,
        name=name,
        type=type,
        path=path,
        description=description,
        configured=configured,
        accepted=traffic.accepted,
        duplicates=traffic.duplicates,
        rejected=traffic.rejected,
        rate_per_minute=traffic.rate_per_minute(),
        last_event_at=traffic.last_event_at,
        last_error=traffic.last_error,
        last_error_at=traffic.last_error_at,
    )


def _with(view: SourceView, received: Reception) -> SourceView:
    """The source with what came through its own socket, too."""
    view.listening = msgspec.convert(received, ListeningView, from_attributes=True)
    view.accepted += received.accepted
    view.duplicates += received.duplicates
    view.rejected += received.rejected
    view.rate_per_minute += received.rate_per_minute
    view.last_event_at = max(filter(None, (view.last_event_at, received.last_event_at)), default=None)
    if received.last_error_at is not None and (
        view.last_error_at is None or received.last_error_at > view.last_error_at
    ):
        view.last_error, view.last_error_at = received.last_error, received.last_error_at
    return view


Health = dict[tuple[str, str], tuple[str, int, int]]


def _health(connection: Connection, visible: frozenset[str] | None) -> Health:
    """(namespace, service) to the worst severity of its audible firing alerts, alerts firing, incidents open."""
    quiet = is_quiet()
    where = [entity.c.service.is_not(None)]
    if visible is not None:
        where.append(entity.c.namespace.in_(sorted(visible)))
    columns = (entity.c.namespace, entity.c.service)
    found: Health = {}
    alerts = (
        select(*columns, entity.c.severity, quiet.label("quiet"), func.count().label("n"))
        .where(entity.c.kind == "alert", entity.c.state == "firing", *where)
        .group_by(*columns, entity.c.severity, quiet)
    )
    for row in connection.execute(alerts):
        worst, firing, open_ = found.get((row.namespace, row.service), ("clear", 0, 0))
        if not row.quiet and RANK.get(row.severity or "", 0) > RANK[worst]:
            worst = row.severity
        found[(row.namespace, row.service)] = (worst, firing + row.n, open_)
    incidents = (
        select(*columns, func.count().label("n"))
        .where(entity.c.kind == "incident", entity.c.state.in_(("open", "acknowledged")), *where)
        .group_by(*columns)
    )
    for row in connection.execute(incidents):
        worst, firing, _ = found.get((row.namespace, row.service), ("clear", 0, 0))
        found[(row.namespace, row.service)] = (worst, firing, row.n)
    return found


def _service(namespace: str, name: str, health: Health, manifest: Manifest | None) -> ServiceView:
    worst, firing, open_ = health.get((namespace, name), ("clear", 0, 0))
    spec = {} if manifest is None else manifest.spec
    return ServiceView(
        id=f"{namespace}/{name}",
        namespace=namespace,
        name=name,
        description=spec.get("description") or (manifest.description if manifest is not None else None),
        owner=spec.get("owner") or (manifest.owner if manifest is not None else None),
        criticality=spec.get("criticality", "medium"),
        severity=worst,
        alerts_firing=firing,
        incidents_open=open_,
        manifest=manifest,
    )


HANDLERS = [
    list_sources,
    list_source_types,
    list_monitors,
    get_monitor,
    list_services,
    list_teams,
    list_channels,
    list_workflows,
]
