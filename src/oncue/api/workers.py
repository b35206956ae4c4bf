"""Workers: which are connected, since when each was heard, and what it has in hand. The engine's process knows, and is asked."""

from datetime import datetime

import msgspec
from litestar import Response, get

from oncue.access.roles import allowed
from oncue.api.context import Ctx, Who
from oncue.api.params import Listing, json_response
from oncue.runtime.clock import instant
from oncue.runtime.frames import Taken, Working


class InHandView(msgspec.Struct, kw_only=True):
    """An effect that a worker has in hand."""

    effect: str
    namespace: str
    uses: str
    attempt: int
    run: str | None
    step: str | None
    leased_at: datetime
    """Since when."""
    until: datetime
    """When it is handed out again, or its outcome is unknown, unless the worker reports before."""


class WorkerView(msgspec.Struct, kw_only=True):
    """A worker that is connected."""

    name: str
    labels: dict[str, str]
    """What it says of itself."""
    connected_at: datetime
    heard_at: datetime
    """When it last said that it is there: every ten seconds."""
    silent: bool
    """Whether it has said nothing for half a minute: it is given nothing until it does."""
    room: int
    """How many more effects it takes."""
    in_hand_total: int
    in_hand: list[InHandView]
    """Of the namespaces whose runs you may see; the one that it has had the longest first."""


@get("/workers", opt={"permission": "run:read"})
async def list_workers(ctx: Ctx, who: Who) -> Response[Listing[WorkerView]]:
    """Every worker that is connected, by name, with what it has in hand."""
    views = [
        _worker(one, [taken for taken in one.in_hand if allowed(who, "run:read", taken.namespace)])
        for one in await ctx.client.who_works()
    ]
    return json_response(msgspec.json.encode({"items": views, "next": None}))


def _worker(one: Working, shown: list[Taken]) -> WorkerView:
    return WorkerView(
        name=one.name, labels=one.labels, connected_at=instant(one.connected_at), heard_at=instant(one.heard_at),
        silent=one.silent, room=one.room, in_hand_total=len(one.in_hand), in_hand=[_in_hand(taken) for taken in shown],
    )  # fmt: skip


def _in_hand(taken: Taken) -> InHandView:
    return InHandView(
        effect=taken.effect, namespace=taken.namespace, uses=taken.uses, attempt=taken.attempt, run=taken.run,
        step=taken.step, leased_at=instant(taken.leased_at), until=instant(taken.until),
    )  # fmt: skip


HANDLERS = [list_workers]
