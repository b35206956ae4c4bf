"""Which alerts matchers are about: what a silence or a window would make quiet, before it is set."""

import asyncio
from functools import partial
from typing import Final

import msgspec

from oncue.access.roles import Principal
from oncue.api.context import Context
from oncue.api.guard import require
from oncue.core.alert import Alert
from oncue.core.silence import Matcher, all_match
from oncue.store.queries import Filters, entities

SHOWN: Final = 100
LOOKED_AT: Final = 10_000


class Matched(msgspec.Struct):
    """A firing alert that matches."""

    id: str
    title: str
    severity: str
    resource: str
    service: str | None


class Matching(msgspec.Struct, kw_only=True):
    """Which of the alerts that fire now match."""

    matching: int
    """How many of the firing alerts that were looked at match."""
    looked_at: int
    """How many were looked at: the ten thousand that changed last, if there are more."""
    alerts: list[Matched]
    """A hundred of those that match at the most, the last changed first."""


async def matching(ctx: Context, who: Principal, matchers: tuple[Matcher, ...], namespace: str) -> Matching:
    """The firing alerts of the namespace that match, which the principal must be allowed to read."""
    require(who, "alert:read", namespace)
    wanted = Filters(state=("firing",), namespace=(namespace,), limit=LOOKED_AT)
    page = await ctx.queries.run(partial(entities, kind="alert", filters=wanted))
    return await asyncio.to_thread(_compared, matchers, page.items)


def _compared(matchers: tuple[Matcher, ...], bodies: list[bytes]) -> Matching:
    decode = msgspec.json.Decoder(Alert).decode
    found = [alert for body in bodies if all_match(matchers, alert := decode(body))]
    alerts = [Matched(one.id, one.title, one.severity, one.resource, one.service) for one in found[:SHOWN]]
    return Matching(matching=len(found), looked_at=len(bodies), alerts=alerts)
