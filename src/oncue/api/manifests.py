"""Configuration: apply (or see what would change), get, list, delete, and the schemas of the kinds."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import QueryParameter

from oncue import manifests as documents
from oncue.access.roles import Principal, allowed, namespaces
from oncue.api import config_changes
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.manifest_diff import difference
from oncue.api.params import Listing, json_response, listing
from oncue.api.shapes import Applied, Change
from oncue.core.errors import Refusal
from oncue.core.event import decode
from oncue.core.manifest import KINDS, Manifest
from oncue.manifests.approvers import ASKING
from oncue.manifests.calls import CALLING
from oncue.manifests.shape import near
from oncue.manifests.told import REACHING, TELLING
from oncue.store.queries import FactRow, Filters, cursor_of, manifest_bodies, manifests, timeline

VERSIONS: Final = 50

DryRun = Annotated[bool, QueryParameter(name="dry_run", description="Only say what would change")]
Force = Annotated[bool, QueryParameter(name="force", description="Even if other manifests need it")]
BasedOn = Annotated[
    int | None,
    QueryParameter(
        ge=0,
        description="Of a single document: its generation when it was read, 0 for a new one; refused if it is another by now",
    ),
]
Propose = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=5000,
        description="Draft a change that does it, for this reason, where a ChangeRule asks for one",
    ),
]
Namespace = Annotated[str | None, QueryParameter(max_length=63, description="Of documents that name none")]


class ApplyOperation(Operation):
    """Says in the OpenAPI document that the body is YAML or JSON."""

    def __post_init__(self) -> None:
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description="Documents separated by `---`"))
        anything = OpenAPIMediaType(schema=Schema(description="One manifest, or an array of them"))
        self.request_body = RequestBody(content={"application/yaml": text, "application/json": anything}, required=True)


@get("/manifests/{kind:str}", opt={"permission": "manifest:read"})
async def list_manifests(ctx: Ctx, who: Who, kind: str) -> Response[Listing[Manifest]]:
    """Every manifest of a kind, in the namespaces that you may read."""
    _check_kind(kind)
    shown = namespaces(who, "manifest:read")
    return listing(await ctx.queries.run(partial(manifests, kind=kind, namespaces=shown)), None)


@get("/manifests/{kind:str}/{namespace:str}/{name:str}", opt={"permission": "manifest:read"})
async def get_manifest(ctx: Ctx, who: Who, kind: str, namespace: str, name: str) -> Response[Manifest]:
    """One manifest."""
    _check_kind(kind)
    body = await _in_force(ctx, f"{kind}/{namespace}/{name}")
    if body is None or not allowed(who, "manifest:read", namespace):
        raise Refusal("manifest.not_found", f"{kind} {namespace}/{name}"[:200])
    return json_response(body)


@post("/manifests", status_code=200, opt={"permission": "manifest:write"}, operation_class=ApplyOperation)
async def apply_manifests(
    request: Request[Any, Any, Any],
    ctx: Ctx,
    who: Who,
    dry_run: DryRun = False,
    namespace: Namespace = None,
    based_on: BasedOn = None,
    propose: Propose = None,
) -> Response[Applied]:
    """Apply manifests, all of them or none; with `dry_run`, say what would change; with `propose`, draft a change that people
    agree to before it is done."""
    body = await request.body()
    parsed = await asyncio.to_thread(documents.parse_yaml, body, "")
    accepted, problems = await asyncio.to_thread(documents.load, parsed)
    refuse_errors(problems)
    if not accepted:
        raise Refusal("manifest.malformed", "There is no manifest in the body")
    changes = documents.changes(accepted, namespace or who.home)
    if based_on is not None:
        if len(changes) != 1:
            raise Refusal("request.invalid", "based_on is for a single document")
        changes[0]["based_on"] = based_on
    for place in sorted({change["namespace"] for change in changes}):
        require(who, "manifest:write", place)
    problems += await _unresolved(ctx, accepted, namespace or who.home)
    problems += await _running(ctx, accepted, namespace or who.home)
    problems += await _asking(ctx, accepted, namespace or who.home)
    refuse_errors(problems)
    warnings = [problem for problem in problems if problem.level == "warning"]
    proposed = None
    if propose is not None or dry_run:
        bodies = await ctx.queries.run(partial(manifest_bodies, ids=[_id(change) for change in changes]))
        shown = [_compared(change, bodies.get(_id(change))) for change in changes]
        if propose is not None and not dry_run:
            proposed = (await config_changes.propose(ctx, who, changes, propose))["id"]
    else:
        shown = await apply(ctx, who, changes)
    said = [f"{one.manifest}: {one}" for one in warnings]
    view = Applied(dry_run=dry_run, changes=shown, warnings=said, proposed=proposed)
    return json_response(msgspec.json.encode(view))


class Version(msgspec.Struct, kw_only=True):
    """A manifest as it was once."""

    generation: int
    applied_at: datetime
    applied_by: str
    deleted: bool
    position: str
    """Of the event in the journal."""
    manifest: Manifest


@get("/manifests/{kind:str}/{namespace:str}/{name:str}/versions", opt={"permission": "manifest:read"})
async def list_manifest_versions(
    ctx: Ctx, who: Who, kind: str, namespace: str, name: str
) -> Response[Listing[Version]]:
    """What a manifest has been, the newest first: the last 50 versions that retention has kept."""
    _check_kind(kind)
    if not allowed(who, "manifest:read", namespace):
        raise Refusal("manifest.not_found", f"{kind} {namespace}/{name}"[:200])
    wanted = Filters(type=("oncue.manifest.applied", "oncue.manifest.deleted"))
    id = f"{kind}/{namespace}/{name}"
    rows = await ctx.queries.run(partial(timeline, kind="manifest", id=id, before=None, limit=VERSIONS, filters=wanted))
    if not rows:
        raise Refusal("manifest.not_found", f"{kind} {namespace}/{name}"[:200])
    return listing([msgspec.json.encode(_version(row)) for row in rows], None)


def _version(row: FactRow) -> Version:
    manifest = msgspec.json.decode(decode(row.body).data, type=Manifest)
    return Version(
        generation=manifest.generation,
        applied_at=manifest.updated_at,
        applied_by=manifest.applied_by,
        deleted=manifest.deleted,
        position=cursor_of(row.position),
        manifest=manifest,
    )


@delete("/manifests/{kind:str}/{namespace:str}/{name:str}", status_code=200, opt={"permission": "manifest:write"})
async def delete_manifest(
    ctx: Ctx, who: Who, kind: str, namespace: str, name: str, force: Force = False, propose: Propose = None
) -> Response[Applied]:
    """Take a manifest out of force; refused while others need it, unless with `force`. With `propose`, draft a change that does
    it when people have agreed."""
    _check_kind(kind)
    require(who, "manifest:write", namespace)
    if await _in_force(ctx, f"{kind}/{namespace}/{name}") is None:
        raise Refusal("manifest.not_found", f"{kind} {namespace}/{name}"[:200])
    change = {"op": "delete", "kind": kind, "namespace": namespace, "name": name}
    if propose is not None:
        made = await config_changes.propose(ctx, who, [change], propose, force=force)
        gone = Change(id=_id(change), change="deleted", generation=None)
        return json_response(msgspec.json.encode(Applied(dry_run=False, changes=[gone], proposed=made["id"])))
    shown = await apply(ctx, who, [change], force=force)
    return json_response(msgspec.json.encode(Applied(dry_run=False, changes=shown)))


@get("/schemas/{kind:str}", opt={"permission": "manifest:read"})
async def get_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind's manifests."""
    return documents.schema(kind)


def refuse_errors(problems: list[documents.Problem]) -> None:
    """Raises `Refusal` with every error, each with its place in the text."""
    errors = [problem for problem in problems if problem.level == "error"]
    if errors:
        found = [msgspec.to_builtins(problem) for problem in errors[:100]]
        raise Refusal(errors[0].code, str(errors[0]), problems=found)


async def _unresolved(ctx: Context, accepted: list[documents.Document], home: str) -> list[documents.Problem]:
    """Names in the documents that are neither among them nor in force."""
    own = {f"{one.kind}/{one.namespace or home}/{one.name}" for one in accepted}
    wanted = {id: reference.kind for _, reference, id in documents.named(accepted, home) if id not in own}
    there = set(await ctx.queries.run(partial(manifest_bodies, ids=sorted(wanted))))
    for kind in sorted({kind for id, kind in wanted.items() if id not in there}):  # for a near name
        there.update(_Named.id_of(body) for body in await ctx.queries.run(partial(manifests, kind=kind)))
    return documents.missing(accepted, there, home, complete=True)


async def _running(ctx: Context, accepted: list[documents.Document], home: str) -> list[documents.Problem]:
    """What is wrong or doubtful of what the documents run, with what is in force: workflows that run themselves, which the engine
    looks at again, inputs that they do not take, and those that no rollback reaches."""
    places = frozenset(one.namespace or home for one in accepted if one.kind in CALLING)
    if not places:
        return []
    changed = any(one.kind == "Workflow" for one in accepted)  # else it is nobody's concern who else runs some
    bodies = [
        body
        for kind in (CALLING if changed else ("Workflow",))
        for body in await ctx.queries.run(partial(manifests, kind=kind, namespaces=places))
    ]

    def looked() -> list[documents.Problem]:
        known = [msgspec.json.decode(body, type=Manifest) for body in bodies]
        return (
            documents.recursive(accepted, known, home)
            + documents.misgiven(accepted, known, home)
            + documents.unreached(accepted, known, home)
        )

    return await asyncio.to_thread(looked)


async def _asking(ctx: Context, accepted: list[documents.Document], home: str) -> list[documents.Problem]:
    """What is doubtful about whom approvals ask and messages tell, by the people, teams and channels that are there."""
    places = frozenset(one.namespace or home for one in accepted if one.kind in (*ASKING, *TELLING))
    if not places:
        return []
    known = [
        msgspec.json.decode(body, type=Manifest)
        for kind in REACHING
        for body in await ctx.queries.run(partial(manifests, kind=kind, namespaces=places))
    ]
    return [
        *documents.unanswerable(accepted, known, home, lambda name: ctx.access.person(name) is not None),
        *documents.unheard(accepted, known, home),
    ]


class _Named(msgspec.Struct):
    """As much of a manifest as names need."""

    id: str

    @classmethod
    def id_of(cls, body: bytes) -> str:
        """The manifest's id."""
        return msgspec.json.decode(body, type=cls).id


async def apply(ctx: Context, who: Principal, changes: list[dict[str, Any]], *, force: bool = False) -> list[Change]:
    """Give the changes to the engine; says what came of each."""
    bodies = await ctx.queries.run(partial(manifest_bodies, ids=[_id(change) for change in changes]))
    place = changes[0]["namespace"]
    reply = await ctx.command("oncue.config.applied", {"changes": changes, "force": force}, who=who, namespace=place)
    applied = {item["id"]: item for item in reply or [] if isinstance(item, dict)}
    shown = []
    for change in changes:
        body = bodies.get(_id(change))
        item = applied.get(_id(change), {})
        kind = "unchanged"
        if change["op"] == "delete":
            kind = "deleted" if item.get("changed", True) else "absent"
        elif item.get("changed", True):
            kind = "created" if body is None else "updated"
        diff = _diff(change, body) if kind == "updated" else []
        shown.append(Change(id=_id(change), change=kind, generation=item.get("generation"), diff=diff))  # type: ignore[arg-type]
    return shown


def _compared(change: dict[str, Any], body: bytes | None) -> Change:
    if body is None:
        return Change(id=_id(change), change="created", generation=None, diff=_diff(change, None))
    diff = _diff(change, body)
    generation = msgspec.json.decode(body, type=Manifest).generation
    return Change(id=_id(change), change="updated" if diff else "unchanged", generation=generation, diff=diff)


def _diff(change: dict[str, Any], body: bytes | None) -> list[str]:
    return difference(msgspec.json.decode(body) if body is not None else None, change)


def _id(change: dict[str, Any]) -> str:
    return f"{change['kind']}/{change['namespace']}/{change['name']}"


async def _in_force(ctx: Context, id: str) -> bytes | None:
    return (await ctx.queries.run(partial(manifest_bodies, ids=[id]))).get(id)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise Refusal(
            "manifest.kind_unknown", f"{kind[:60]!r} is none of {', '.join(KINDS)}{near(kind[:60], list(KINDS))}"
        )


HANDLERS = [list_manifests, get_manifest, list_manifest_versions, apply_manifests, delete_manifest, get_schema]
