"""Changes of OnCue's own configuration: proposed, shown with what they would change, and proposed the other way round."""

from typing import Annotated, Any

import msgspec
from litestar import Response, get, post

from oncue.access.roles import Principal
from oncue.api.changes import ChangeView
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import found
from oncue.api.guard import require
from oncue.api.manifest_diff import difference
from oncue.api.params import Listing, json_response, listing
from oncue.api.shapes import Change as Difference
from oncue.core.change import Change, Proposed
from oncue.core.errors import Refusal


class RevertChange(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is to be as it was."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


async def propose(
    ctx: Context,
    who: Principal,
    changes: list[dict[str, Any]],
    reason: str,
    *,
    force: bool = False,
    title: str | None = None,
) -> Any:
    """Have the engine draft a change of these manifests. Gives it."""
    place = changes[0]["namespace"]
    for permission in ("manifest:write", "change:write"):
        require(who, permission, place)
    data = {"changes": changes, "force": force, "reason": reason, "title": title}
    return await ctx.command("oncue.command.change.propose", data, who=who, namespace=place)


@get("/changes/{change_id:str}/configuration", opt={"permission": "change:read"})
async def list_change_configuration(ctx: Ctx, who: Who, change_id: str) -> Response[Listing[Difference]]:
    """Of a change of configuration, what it does to each manifest; nothing of other changes. Whoever may read the change may read
    its manifests: they are a part of it, and of every fact about it."""
    change = await _change(ctx, who, change_id)
    return listing([msgspec.json.encode(_shown(one)) for one in change.configuration], None)


@post("/changes/{change_id:str}/revert", status_code=201, opt={"permission": "change:write"})
async def revert_change(ctx: Ctx, who: Who, change_id: str, data: RevertChange) -> Response[ChangeView]:
    """Propose the manifests as they were before a change of configuration."""
    change = await _change(ctx, who, change_id)
    if not change.configuration:
        raise Refusal("change.configuration", f"{change.id} changed no configuration of OnCue's")
    if change.close_code not in ("successful", "successful_with_issues") and change.state != "review":
        raise Refusal("change.state", f"{change.id} has taken nothing: it is in {change.state}")
    back = [msgspec.to_builtins(one.back) for one in change.configuration]
    made = await propose(ctx, who, back, data.reason, force=True, title=f"Back to what was before {change.id}")
    return json_response(msgspec.json.encode(made), 201)


async def _change(ctx: Context, who: Principal, id: str) -> Change:
    return msgspec.json.decode(await found(ctx, who, "change", id, "change:read"), type=Change)


def _shown(one: Proposed) -> Difference:
    before, after = (None if edit.op == "delete" else msgspec.to_builtins(edit) for edit in (one.back, one.edit))
    kind = "deleted" if after is None else "created" if before is None else "updated"
    return Difference(
        id=one.edit.id,
        change=kind,  # type: ignore[arg-type]
        generation=one.edit.based_on,
        diff=difference(before, after),
    )


HANDLERS = [list_change_configuration, revert_change]
