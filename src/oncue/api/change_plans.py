"""The plans that a change had, and what differs between two of them.

Each fact about a change carries all of it, so the journal has every plan that it had, as long as retention keeps that.
"""

import re
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.api.context import Ctx, Who
from oncue.api.entities import found
from oncue.api.params import json_response
from oncue.core.change import Change
from oncue.core.change_difference import Difference, between
from oncue.core.errors import Refusal
from oncue.store.json_text import json_text
from oncue.store.queries import facts_where
from oncue.store.schema import fact

EDITED: Final = "oncue.change.edited"
"""What was edited has its steps anew, and its plan still as it was: the fact after that has both."""
_HASH: Final = re.compile(r"[0-9a-f]{7,64}").fullmatch


class PlanNamed(msgspec.Struct, kw_only=True):
    """A plan that the change had, or has."""

    hash: str
    agreed: bool
    """Whether it was agreed to."""
    at: datetime
    """When the change was last otherwise with it."""


class PlanDifference(msgspec.Struct, kw_only=True):
    """What the plan of a change has otherwise than an earlier one."""

    before: PlanNamed | None
    """None if it never had another one, or the journal has it no more."""
    after: PlanNamed
    differences: list[Difference]


class _Data(msgspec.Struct):
    data: Change


@get("/changes/{change_id:str}/plan/difference", opt={"permission": "change:read"})
async def get_change_plan_difference(
    ctx: Ctx,
    who: Who,
    change_id: str,
    against: Annotated[
        str | None,
        QueryParameter(
            description="The hash of an earlier plan, or how it begins, at least 7 characters; by default the last other one that was "
            "agreed to, or else the one before"
        ),
    ] = None,
) -> Response[PlanDifference]:
    """What the plan of a change has otherwise than an earlier one: targets, waves, steps, inputs, and each term that people
    agree to. What is not part of the plan, as the reason, is there with `agreed` false."""
    change = msgspec.json.decode(await found(ctx, who, "change", change_id, "change:read"), type=Change)
    if change.plan is None:
        raise Refusal("change.state", f"{change.id} is a draft; it is planned when it is submitted")
    if against is not None and _HASH(against) is None:
        raise Refusal("request.invalid", f"against: {against[:80]!r} is no hash of a plan, nor 7 characters of one")
    before = await ctx.queries.run(partial(_earlier, change=change, against=against))
    if against is not None and before is None:
        raise Refusal("change.plan_unknown", f"{change.id} had no plan {against}, or the journal has it no more")
    differences = between(before, change) if before is not None else []
    named = PlanDifference(
        before=_name(before) if before is not None else None, after=_name(change), differences=differences
    )
    return json_response(msgspec.json.encode(named))


def _earlier(connection: Connection, change: Change, against: str | None) -> Change | None:
    """The change as it was with an earlier plan; None if it had no such one."""
    if change.plan is None:
        return None
    planned = json_text(fact.c.body, "data", "plan", "hash")
    agreed = json_text(fact.c.body, "data", "approved") == planned
    other = planned != change.plan.hash
    asked: list[list[Any]] = [[other, agreed], [other]]
    if against is not None:
        asked = [[planned.startswith(against), agreed], [planned.startswith(against)]]
    for conditions in asked:
        about = (fact.c.kind == "change", fact.c.id == change.id, fact.c.namespace == change.namespace)
        where = (*about, fact.c.type != EDITED, *conditions)
        rows = facts_where(connection, *where, limit=1, newest_first=True)
        if rows:
            return msgspec.json.decode(rows[0].body, type=_Data).data
    return None


def _name(change: Change) -> PlanNamed:
    if change.plan is None:
        raise AssertionError(change.id)
    hash = change.plan.hash
    return PlanNamed(hash=hash, agreed=change.approved == hash, at=change.updated_at)


HANDLERS = [get_change_plan_difference]
