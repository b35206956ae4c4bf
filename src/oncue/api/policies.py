"""Policies: how each fares. Their documents are manifests of the kind Policy."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from oncue.access.roles import allowed
from oncue.api.context import Ctx, Who
from oncue.api.params import Listing, Narrowing, json_response, listing, visible
from oncue.api.shapes import PolicyView
from oncue.core.conditions.contents import Contents, contents
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.policy import Policy, PolicyStats
from oncue.core.window import Window
from oncue.store.queries import LIMIT, cells, entities, entity_body, manifest_id_is, windows
from oncue.store.schema import entity


@get("/policies", opt={"permission": "manifest:read", "states": ("active", "observe")})
async def list_policies(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[PolicyView]]:
    """Policies, the last changed first, with what they fired, blocked, and nearly did. `state` is `active` or `observe`,
    `type` an event type that the policy names."""
    shown = visible(narrowing, who, "manifest:read")
    wanted = msgspec.structs.replace(shown, state=(), type=(), severity=(), resource=(), service=())
    conditions: list[Any] = [manifest_id_is("Policy"), entity.c.state != "deleted"]
    page = await ctx.queries.run(lambda connection: entities(connection, "manifest", wanted, *conditions))
    found = [msgspec.json.decode(body, type=Manifest) for body in page.items]
    keys = [f"{manifest.namespace}/{manifest.name}" for manifest in found]
    stats = await ctx.queries.run(partial(cells, kind="policy_stats", keys=keys))
    views = [_view(manifest, stats) for manifest in found if not manifest.deleted]
    views = [view for view in views if _fits(view, "mode", shown.state) and _names(view, "types", shown.type)]
    views = [view for view in views if _names(view, "severities", shown.severity)]
    views = [view for view in views if _names(view, "resources", shown.resource)]
    views = [view for view in views if _names(view, "services", shown.service)]
    return listing([msgspec.json.encode(view) for view in views], page.next)


@get("/policies/{namespace:str}/{name:str}", opt={"permission": "manifest:read"})
async def get_policy(ctx: Ctx, who: Who, namespace: str, name: str) -> Response[PolicyView]:
    """One policy."""
    manifest = await _manifest(ctx, who, namespace, name)
    stats = await ctx.queries.run(partial(cells, kind="policy_stats", keys=[f"{namespace}/{name}"]))
    return json_response(msgspec.json.encode(_view(manifest, stats)))


@get("/policies/{namespace:str}/{name:str}/windows", opt={"permission": "manifest:read"})
async def list_windows(
    ctx: Ctx,
    who: Who,
    namespace: str,
    name: str,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT)] = 50,
    cursor: Annotated[str | None, QueryParameter(max_length=600, description="`next` of the page before")] = None,
) -> Response[Listing[Contents]]:
    """What the policy's condition over time remembers, key by key, in the order of the keys."""
    policy = Policy(await _manifest(ctx, who, namespace, name))
    rows = await ctx.queries.run(partial(windows, policy=policy.id, after=cursor or "", limit=limit + 1))
    now = datetime.now(UTC)
    shown = [contents(policy, cell, msgspec.msgpack.decode(body, type=Window), now) for cell, body in rows[:limit]]
    following = shown[-1].key if len(rows) > limit else None
    return listing([msgspec.json.encode(one) for one in shown], following)


async def _manifest(ctx: Ctx, who: Who, namespace: str, name: str) -> Manifest:
    row = await ctx.queries.run(partial(entity_body, kind="manifest", id=f"Policy/{namespace}/{name}"))
    manifest = None if row is None else msgspec.json.decode(row[1], type=Manifest)
    if manifest is None or manifest.deleted or not allowed(who, "manifest:read", namespace):
        raise Refusal("manifest.not_found", f"Policy {namespace}/{name}"[:200])
    return manifest


def _view(manifest: Manifest, stats: dict[str, bytes]) -> PolicyView:
    key = f"{manifest.namespace}/{manifest.name}"
    return PolicyView(
        id=key,
        namespace=manifest.namespace,
        name=manifest.name,
        generation=manifest.generation,
        mode=manifest.spec.get("mode", "active"),
        description=manifest.description or manifest.spec.get("description"),
        owner=manifest.owner,
        labels=manifest.labels,
        spec=manifest.spec,
        stats=msgspec.msgpack.decode(stats[key], type=PolicyStats) if key in stats else PolicyStats(),
        updated_at=manifest.updated_at,
        applied_by=manifest.applied_by,
    )


def _fits(view: PolicyView, field: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or getattr(view, field) in wanted


def _names(view: PolicyView, selector: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or any(one in (view.spec.get("match") or {}).get(selector, ()) for one in wanted)


HANDLERS = [list_policies, get_policy, list_windows]
