"""Try on an event: what the policies in force would make of it, and what an edited one would. Nothing is changed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import uuid4

import msgspec
from litestar import Response, post
from sqlalchemy import Connection

from oncue import manifests as documents
from oncue.access.roles import allowed
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.manifests import refuse_errors
from oncue.api.params import json_response
from oncue.core.errors import Refusal
from oncue.core.export import EVERYONE
from oncue.core.export import KIND as EXPORT
from oncue.core.manifest import KINDS, Manifest
from oncue.plugins.sources.cloudevents import vet
from oncue.rehearsal.trial import Trial, trial
from oncue.store import history
from oncue.store.queries import instant, manifests, position_of

KNOWN: Final = tuple(
    kind
    for kind in KINDS
    if kind not in ("Resource", "Monitor", "Source", "Subscription", "SAPSystem", "OutboundAllow")
)
"""Kinds that a trial knows; the topology is not among them, it may be large, and says nothing of policies."""
MANIFESTS: Final = 5_000
"""Manifests that a trial takes at the most."""
TEXT: Final = 262_144


class TryOn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An event to try policies on. Give `position` or `event`."""

    position: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    """Of an event in the journal that came from outside."""
    event: dict[str, Any] | None = None
    """A CloudEvent in structured mode; `type` is enough."""
    policy: Annotated[str, msgspec.Meta(max_length=TEXT)] | None = None
    """The YAML of one Policy, to be tried in the place of the one in force of that name."""
    namespace: Annotated[str, msgspec.Meta(max_length=63)] | None = None
    """Of an `event` that names none."""


class TriedOn(msgspec.Struct, kw_only=True):
    """What would come of an event."""

    event: Any
    """The CloudEvent, as it was tried."""
    at: datetime
    """The instant at which it was tried: when it was recorded, or now."""
    namespace: str
    in_force: Trial
    """With the configuration as it is."""
    edited: Trial | None
    """With the edited policy in its place; `edited_policy` names it."""
    edited_policy: str | None


class _Event(msgspec.Struct):
    body: bytes
    namespace: str
    origin: str
    at: datetime


@post("/policies/try", status_code=200, opt={"permission": "manifest:read"})
async def try_on_event(ctx: Ctx, who: Who, data: TryOn) -> Response[TriedOn]:
    """What each policy would make of one event, clause by clause, and what would be done: by an engine in memory that knows
    the configuration, and of nothing that has happened before. Nothing is changed, and nobody is told."""
    event = await _event(ctx, who, data)
    require(who, "manifest:read", event.namespace)
    may_read = partial(allowed, who, "manifest:read")
    known = await ctx.queries.run(partial(_known, namespace=event.namespace, may_read=may_read))
    edited = await asyncio.to_thread(_edited, data.policy, event.namespace) if data.policy else None
    in_force = await asyncio.to_thread(_try, known, event)
    other = None
    if edited is not None:
        require(who, "manifest:read", edited.namespace)
        other = await asyncio.to_thread(_try, [*(one for one in known if one.id != edited.id), edited], event)
    view = TriedOn(
        event=msgspec.Raw(event.body),
        at=event.at,
        namespace=event.namespace,
        in_force=in_force,
        edited=other,
        edited_policy=None if edited is None else f"{edited.namespace}/{edited.name}",
    )
    return json_response(msgspec.json.encode(view))


async def _event(ctx: Context, who: Who, data: TryOn) -> _Event:
    if (data.position is None) is (data.event is None):
        raise Refusal("request.invalid", "give position or event, and not both")
    if data.event is not None:
        namespace = data.namespace or who.home
        given = {"specversion": "1.0", "id": f"trial-{uuid4().hex}", "source": "/oncue/trial", **data.event}
        if isinstance(given.get("labels"), dict):
            given["labels"] = msgspec.json.encode(given["labels"]).decode()
        body = msgspec.json.encode(given)
        vet(body)
        named = given.get("namespace") or namespace
        require(who, "event:read", named)
        return _Event(body, named, "api", datetime.now(UTC))
    position = data.position or ""
    found = await ctx.queries.run(partial(history.event_at, position=position_of(position)))
    if found is None or not allowed(who, "event:read", found.namespace):
        raise Refusal("event.not_found", position)
    if found.record.derived or (found.event.type.startswith("oncue.") and found.event.type != "oncue.sample"):
        raise Refusal("request.invalid", f"{position} is OnCue's own; try the event that caused it")
    record = found.record
    return _Event(bytes(record.body), found.namespace, record.origin, instant(record.recorded_at))


def _known(connection: Connection, namespace: str, may_read: Callable[[str], bool]) -> list[Manifest]:
    """The configuration of a namespace, and the policies of those with which it shares events and that one may read,
    without what a trial need not know.
    """
    found: list[Manifest] = []
    for kind in KNOWN:
        bodies = manifests(connection, kind, frozenset({namespace}))
        found += [msgspec.json.decode(body, type=Manifest) for body in bodies]
        if len(found) > MANIFESTS:
            raise Refusal("request.invalid", f"{namespace} has more than {MANIFESTS} manifests, too many to try")
    to = {one for each in found if each.kind == EXPORT for one in each.spec["to"]} - {namespace}
    if to:
        bodies = manifests(connection, "Policy", None if EVERYONE in to else frozenset(to))
        policies = [msgspec.json.decode(body, type=Manifest) for body in bodies]
        readable = {one: may_read(one) for one in {policy.namespace for policy in policies} - {namespace}}
        found += [policy for policy in policies if readable.get(policy.namespace)][: MANIFESTS - len(found)]
    return found


def _edited(text: str, namespace: str) -> Manifest:
    accepted, problems = documents.load(documents.parse_yaml(text.encode(), ""))
    refuse_errors(problems)
    if len(accepted) != 1 or accepted[0].kind != "Policy":
        raise Refusal("manifest.invalid", "Give the YAML of one Policy")
    (change,) = documents.changes(accepted, namespace)
    fields = {name: change[name] for name in ("labels", "owner", "review_by", "description", "spec")}
    id = f"Policy/{change['namespace']}/{change['name']}"
    return Manifest(
        id=id, kind="Policy", namespace=change["namespace"], name=change["name"], generation=0, hash="",
        applied_by="", updated_at=datetime.now(UTC), **fields,
    )  # fmt: skip


def _try(known: list[Manifest], event: _Event) -> Trial:
    return trial(known, event.body, event.namespace, event.origin, event.at)


HANDLERS = [try_on_event]
