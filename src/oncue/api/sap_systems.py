"""SAP systems: what is declared of each, and how its instances are by the newest readings of its monitors."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from sqlalchemy import Connection, func, select

from oncue.access.roles import Principal, namespaces
from oncue.api.context import Ctx, Who
from oncue.api.guard import require
from oncue.api.integrations import resource_of
from oncue.api.params import Listing, listing
from oncue.api.shapes import SAPInstanceView, SAPState, SAPSystemView
from oncue.core.duration import seconds
from oncue.core.manifest import Manifest, SAPInstance, SAPSystemSpec
from oncue.core.severity import RANK
from oncue.store.queries import is_quiet, manifests
from oncue.store.schema import entity, sample

METRIC: Final = "sap.instance.state"
COLOURS: Final[tuple[SAPState, ...]] = ("GREEN", "YELLOW", "RED", "GRAY")
"""By the value of the reading."""
SERIES_LIMIT: Final = 1_000
"""Of one resource: an instance has a new one when its features or labels change."""
STALE_AFTER: Final = 3
"""Probes that may be missed until the last state is no longer believed."""


class Seen(msgspec.Struct, frozen=True):
    """The newest reading about an instance."""

    instance: SAPInstance
    state: SAPState
    at: datetime


Firing = dict[tuple[str, str], tuple[str, int]]
"""(namespace, resource) to the worst severity of its audible firing alerts, and how many fire."""


@get("/sap-systems", opt={"permission": "manifest:read"})
async def list_sap_systems(
    ctx: Ctx,
    who: Who,
    namespace: Annotated[str | None, QueryParameter(max_length=63, description="Only of this one")] = None,
) -> Response[Listing[SAPSystemView]]:
    """SAP systems with their instances, as they were declared and as they are, those with alerts first."""
    if namespace:
        require(who, "manifest:read", namespace)
    visible = _visible(who)
    found = await ctx.recently(("sap", visible), partial(overview, visible=visible, now=datetime.now(UTC)))
    shown = [view for view in found if not namespace or view.namespace == namespace]
    ordered = sorted(shown, key=lambda view: (-RANK[view.severity], view.id))
    return listing([msgspec.json.encode(view) for view in ordered], None)


def overview(connection: Connection, visible: frozenset[str] | None, now: datetime) -> list[SAPSystemView]:
    """All systems of these namespaces as they are now, with their alerts."""
    systems = [_decoded(body) for body in manifests(connection, "SAPSystem", visible)]
    if not systems:
        return []
    monitors: dict[tuple[str, str], list[Manifest]] = {}
    for monitor in (_decoded(body) for body in manifests(connection, "Monitor", visible)):
        monitors.setdefault((monitor.namespace, _sid(monitor)), []).append(monitor)
    views = [_view(connection, each, monitors.get((each.namespace, each.spec["sid"]), []), now) for each in systems]
    resources = {one.name for view in views for one in view.instances} | {view.sid for view in views}
    firing = _firing(connection, {view.namespace for view in views}, sorted(resources))
    for view in views:
        for one in view.instances:
            one.severity, one.alerts_firing = firing.get((view.namespace, one.name), ("clear", 0))
        view.severity, view.alerts_firing = firing.get((view.namespace, view.sid), ("clear", 0))
        view.severity = max((view.severity, *(one.severity for one in view.instances)), key=RANK.__getitem__)
        view.alerts_firing += sum(one.alerts_firing for one in view.instances)
    return views


def _visible(who: Principal) -> frozenset[str] | None:
    """The namespaces in which one may read all that is shown; None for every one."""
    held = [namespaces(who, permission) for permission in ("manifest:read", "alert:read", "sample:read")]
    bounds = [one for one in held if one is not None]
    return frozenset.intersection(*bounds) if bounds else None


def _decoded(body: bytes) -> Manifest:
    return msgspec.json.decode(body, type=Manifest)


def _view(connection: Connection, manifest: Manifest, own: Sequence[Manifest], now: datetime) -> SAPSystemView:
    """The system without its alerts. `own` are its monitors."""
    spec = msgspec.convert(manifest.spec, SAPSystemSpec)
    stale_at = now - _patience(own)
    named = _named(own)
    seen = _seen(connection, manifest.namespace, spec.sid, own)
    declared = {one.key: one for one in spec.instances}
    undeclared = {key: one.instance for key, one in sorted(seen.items()) if key not in declared and one.at >= stale_at}
    instances = []
    for key, one in {**declared, **undeclared}.items():
        last = seen.get(key)
        # As the system calls the host, which a manifest may write with its domain.
        host = last.instance.host if last is not None else one.host
        instances.append(
            SAPInstanceView(
                name=named.get(key, f"{host}_{spec.sid}_{one.number}"),
                host=one.host,
                number=one.number,
                features=one.features,
                start_priority=one.start_priority,
                declared=key in declared,
                state=last.state if last is not None and last.at >= stale_at else "unknown",
                seen_at=last.at if last is not None else None,
            )
        )
    return SAPSystemView(
        id=f"{manifest.namespace}/{manifest.name}",
        namespace=manifest.namespace,
        name=manifest.name,
        sid=spec.sid,
        description=spec.description or manifest.description,
        tier=spec.tier,
        role=spec.role,
        owner=spec.owner or manifest.owner,
        service=spec.service,
        database=spec.database,
        instances=instances,
        monitors=sorted(one.name for one in own),
        manifest=manifest,
    )


def _sid(monitor: Manifest) -> str:
    """Of the system that it asks; empty if it asks none, or does not say."""
    given = monitor.spec.get("with")
    is_sap = str(monitor.spec.get("uses", "")).startswith("sap.") and isinstance(given, dict)
    return str(given.get("sid") or "") if is_sap else ""


def _named(monitors: Iterable[Manifest]) -> dict[tuple[str, str], str]:
    """What the monitors of single instances call them: the resources of their alerts. The first by name counts."""
    found: dict[tuple[str, str], str] = {}
    for one in monitors:
        given = one.spec["with"]
        host, number = given.get("hostname") or given.get("host"), given.get("instance")
        resource = resource_of(one)
        if one.spec["uses"] != "sap.system" and isinstance(number, str) and resource is not None:
            found.setdefault(SAPInstance(host=str(host), number=number).key, resource)
    return found


def _patience(monitors: Iterable[Manifest]) -> timedelta:
    """How old the newest reading may be. Points are of whole minutes, named by their beginning."""
    periods = [seconds(one.spec.get("every", "30s")) for one in monitors if one.spec["uses"] == "sap.system"]
    return timedelta(seconds=STALE_AFTER * max(periods, default=30.0) + 60)


def _seen(
    connection: Connection, namespace: str, sid: str, monitors: Iterable[Manifest]
) -> dict[tuple[str, str], Seen]:
    """What the system's own list said of each instance, in the newest minute that there is of it."""
    found: dict[tuple[str, str], Seen] = {}
    for resource in sorted(filter(None, {resource_of(one) for one in monitors if one.spec["uses"] == "sap.system"})):
        for series in _series(connection, namespace, resource):
            labels = msgspec.json.decode(series)[3]
            if labels.get("sid") != sid or not labels.get("host") or not labels.get("instance"):
                continue
            features = [one for one in labels.get("features", "").split("|") if one]
            instance = SAPInstance(host=labels["host"], number=labels["instance"], features=features)
            row = connection.execute(
                select(sample.c.at, sample.c.max)
                .where(sample.c.series == series, sample.c.step_s == 60)
                .order_by(sample.c.at.desc())
                .limit(1)
            ).first()
            if row is None:
                continue
            at = datetime.fromtimestamp(row.at / 1_000_000, UTC)
            if instance.key not in found or found[instance.key].at < at:
                state = COLOURS[int(row.max)] if 0 <= row.max < len(COLOURS) else "unknown"
                found[instance.key] = Seen(instance, state, at)
    return found


def _series(connection: Connection, namespace: str, resource: str) -> list[str]:
    """The series of the metric about a resource. Each is one step into the table's key, however many points there are."""
    begins = msgspec.json.encode([namespace, resource, METRIC]).decode()[:-1] + ","
    ends = begins[:-1] + "-"  # the character after the comma
    found: list[str] = []
    last = begins
    while len(found) < SERIES_LIMIT:
        following = connection.execute(
            select(func.min(sample.c.series)).where(sample.c.series > last, sample.c.series < ends)
        ).scalar_one()
        if following is None:
            break
        found.append(following)
        last = following
    return found


def _firing(connection: Connection, places: set[str], resources: list[str]) -> Firing:
    quiet = is_quiet()
    columns = (entity.c.namespace, entity.c.resource)
    found: Firing = {}
    for first in range(0, len(resources), 500):
        for row in connection.execute(
            select(*columns, entity.c.severity, quiet.label("quiet"), func.count().label("n"))
            .where(
                entity.c.kind == "alert",
                entity.c.state == "firing",
                entity.c.namespace.in_(sorted(places)),
                entity.c.resource.in_(resources[first : first + 500]),
            )
            .group_by(*columns, entity.c.severity, quiet)
        ):
            worst, count = found.get((row.namespace, row.resource), ("clear", 0))
            if not row.quiet and RANK.get(row.severity or "", 0) > RANK[worst]:
                worst = row.severity
            found[(row.namespace, row.resource)] = (worst, count + row.n)
    return found


HANDLERS = [list_sap_systems]
