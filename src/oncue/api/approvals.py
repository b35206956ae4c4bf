"""Approvals: what waits for people, and what they say."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, get, post

from oncue.access.roles import Principal, allowed
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import commanded, entity_of, found, timeline_response
from oncue.api.params import Listing, Narrowing, json_response, page_response, visible
from oncue.api.shapes import Fact
from oncue.core import quorums
from oncue.core.approval import Approval
from oncue.core.contact import TeamSpec
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.store import queries
from oncue.store.queries import entities

NAMED: Final = 5
"""People who are named in a sentence."""


class Decision(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says."""

    decision: Literal["approve", "reject"]
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


class Delegation(msgspec.Struct, forbid_unknown_fields=True):
    """Who decides instead."""

    to: str
    """`user:name`."""


class Inbox(msgspec.Struct):
    """What waits for whoever asks."""

    items: list[Approval]
    """Those that they may decide, the oldest first."""
    own: list[Approval]
    """Those about what they asked for themselves, which others must decide."""


class ApprovalDetail(Approval, kw_only=True):
    """An approval with those whose word it waits for."""

    may_decide: list[str] = msgspec.field(default_factory=list)
    """`user:name` of those whom the present stage still asks, by name or by a team, and who may decide there; empty when it
    is over."""


@get("/approvals", opt={"permission": "approval:read"})
async def list_approvals(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Approval]]:
    """Approvals, the last changed first; those that are over, too, without `state`."""
    shown = visible(narrowing, who, "approval:read")
    return page_response(await ctx.queries.run(partial(entities, kind="approval", filters=shown)))


@get("/approvals/inbox", opt={"permission": "approval:read"})
async def get_inbox(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Inbox]:
    """What waits for the person who asks, in every namespace that they may read."""
    shown = visible(msgspec.structs.replace(narrowing, state=("pending",), limit=queries.LIMIT), who, "approval:read")
    page = await ctx.queries.run(partial(entities, kind="approval", filters=shown))
    pending = [msgspec.json.decode(body, type=Approval) for body in page.items][::-1]
    teams = await ctx.queries.run(partial(queries.manifests))
    members = _teams([msgspec.json.decode(body, type=Manifest) for body in teams])
    person = who.person
    mine = [one for one in pending if person not in one.barred and _asks(one, person, members)]
    own = [one for one in pending if person in one.barred]
    return json_response(msgspec.json.encode(Inbox(mine, own)))


def _teams(manifests: list[Manifest]) -> dict[tuple[str, str], list[str]]:
    return {
        (one.namespace, one.name): msgspec.convert(one.spec, TeamSpec).members
        for one in manifests
        if one.kind == "Team"
    }


def _asks(approval: Approval, person: str, members: dict[tuple[str, str], list[str]]) -> bool:
    """Whether the present stage still asks this person, themselves or in the place of another."""
    stage = approval.stages[approval.at]
    said = {name for one in quorums.counted(approval, stage) for name in (one.by, one.instead_of)}
    if person in said:
        return False
    places = [one.by for one in approval.delegations if one.to == person and one.by not in said]
    return any(_named(approval, one, members) for one in (person, *places))


def _named(approval: Approval, person: str, members: dict[tuple[str, str], list[str]]) -> bool:
    """Whether the present stage names this person, or a team of theirs."""
    name = person.removeprefix("user:")
    return any(
        one == person
        or (one.startswith("team:") and name in members.get((approval.namespace, one.partition(":")[2]), ()))
        for one in approval.stages[approval.at].by
    )


@get("/approvals/{approval_id:str}", opt={"permission": "approval:read"})
async def get_approval(ctx: Ctx, who: Who, approval_id: str) -> Response[ApprovalDetail]:
    """One approval, with what was said, and who may still say something."""
    body = await found(ctx, who, "approval", approval_id, "approval:read")
    approval = msgspec.json.decode(body, type=ApprovalDetail)
    if approval.state == "pending":
        approval.may_decide = (await _may_decide(ctx, [approval]))[approval.id]
    return json_response(msgspec.json.encode(approval))


async def _may_decide(ctx: Context, approvals: Sequence[Approval]) -> dict[str, list[str]]:
    """Of each of these approvals who may still say something, by its id."""
    where = frozenset(one.namespace for one in approvals)
    teams = await ctx.queries.run(partial(queries.manifests, kind="Team", namespaces=where))
    members = _teams([msgspec.json.decode(one, type=Manifest) for one in teams])
    return {
        approval.id: [one for one in _candidates(approval, members) if _decides(ctx, approval, one, members)]
        for approval in approvals
    }


async def asked(ctx: Context, approvals: Sequence[Approval]) -> dict[str, str]:
    """Whom these pending approvals ask, how many have agreed, and who still may; or that too few may. By their ids."""
    may = await _may_decide(ctx, approvals)
    return {one.id: _asked(one, may[one.id]) for one in approvals}


def _asked(approval: Approval, may: list[str]) -> str:
    stage = approval.stages[approval.at]
    agreed = sum(one.stage == stage.stage and one.decision == "approve" for one in approval.decisions)
    named = ", ".join(may[:NAMED]) + (f" and {len(may) - NAMED} more" if len(may) > NAMED else "")
    so_far = f"approval {approval.id} asks {', '.join(stage.by)}; {agreed} of {stage.quorum} have agreed"
    if agreed + len(may) < stage.quorum:
        return f"{so_far}, and {'only ' + named if may else 'nobody'} may still: it cannot be met as it is"
    if approval.unattainable is not None:
        return f"{so_far}; it cannot be met as it is: {approval.unattainable}"
    return f"{so_far}, {named} may"


def _candidates(approval: Approval, members: dict[tuple[str, str], list[str]]) -> list[str]:
    """All whom the present stage names, by name or by a team, and who take the place of another; each once."""
    found: list[str] = []
    for one in approval.stages[approval.at].by:
        kind, _, name = one.partition(":")
        found += [one] if kind == "user" else [f"user:{name}" for name in members.get((approval.namespace, name), ())]
    return list(dict.fromkeys([*found, *(one.to for one in approval.delegations)]))


def _decides(ctx: Context, approval: Approval, person: str, members: dict[tuple[str, str], list[str]]) -> bool:
    known = ctx.access.person(person.removeprefix("user:"))
    return (
        person not in approval.barred
        and _asks(approval, person, members)
        and allowed(known, "approval:decide", approval.namespace)
    )


@get("/approvals/{approval_id:str}/timeline", opt={"permission": "approval:read"})
async def get_approval_timeline(ctx: Ctx, who: Who, approval_id: str, narrowing: Narrowing) -> Response[Listing[Fact]]:
    """What happened to it, newest first."""
    await found(ctx, who, "approval", approval_id, "approval:read")
    return await timeline_response(ctx, "approval", approval_id, narrowing)


@post("/approvals/{approval_id:str}/decide", status_code=200, opt={"permission": "approval:decide"})
async def decide_approval(ctx: Ctx, who: Who, approval_id: str, data: Decision) -> Response[Approval]:
    """Approve or reject. Only people who are asked can, signed in, and never for what they asked for."""
    return await _said(ctx, who, approval_id, "decide", {"decision": data.decision, "reason": data.reason})


@post("/approvals/{approval_id:str}/delegate", status_code=200, opt={"permission": "approval:decide"})
async def delegate_approval(ctx: Ctx, who: Who, approval_id: str, data: Delegation) -> Response[Approval]:
    """Let another person decide in one's own place: one who exists, and may decide there."""
    namespace = await entity_of(ctx, who, "approval", approval_id, "approval:read", "approval:decide")
    person = ctx.access.person(data.to.removeprefix("user:"))
    if person is None:
        raise Refusal("user.not_found", f"{data.to}: nobody of this name can sign in")
    if not allowed(person, "approval:decide", namespace):
        raise Refusal(
            "access.denied", f"{data.to} could not decide, without the permission approval:decide in {namespace}"
        )
    return await _said(ctx, who, approval_id, "delegate", {"to": data.to})


async def _said(ctx: Context, who: Principal, id: str, verb: str, given: dict[str, Any]) -> Response[Approval]:
    if who.user is not None and ctx.access.person(who.user) is None:
        raise Refusal("approval.person", f"{who.person} is a service account")
    person = msgspec.structs.replace(who, actor=who.person)  # what they do by a token of their own they do themselves
    return await commanded(ctx, person, "approval", id, verb, "approval:decide", given)


HANDLERS = [
    list_approvals,
    get_inbox,
    get_approval,
    get_approval_timeline,
    decide_approval,
    delegate_approval,
]
"""The routes of this module."""
