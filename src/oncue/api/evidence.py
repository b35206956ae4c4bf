"""The evidence of a change: every journaled record of it with its proof, told, sealed, and readable.

The front puts it together from what it reads; the engine signs, for the key stays in its process. One is put together at a
time, since a large one takes memory.
"""

import asyncio
import base64
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import MediaType, Response, get
from litestar.params import QueryParameter

from oncue import __version__
from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import found
from oncue.api.guard import require
from oncue.api.params import json_response
from oncue.core import change_plan
from oncue.core.change import Change
from oncue.core.errors import Refusal
from oncue.core.spec import content_hash
from oncue.evidence import bundle, gather, printing
from oncue.evidence.bundle import BYTES_LIMIT, FORM, Bundle, Evidence, Leaf, Made, Proven
from oncue.evidence.facts import Facts, instant
from oncue.evidence.html import page
from oncue.evidence.story import told
from oncue.store.journal import Record
from oncue.store.queries import micros

READ_S: Final = 20.0
"""What finding out which records concern a change may take, and the chain between."""
PERMISSIONS: Final = ("change:read", "run:read", "ticket:read", "alert:read", "incident:read")
"""A bundle tells of all of these."""

_one_at_a_time: Final = asyncio.Lock()


@get(
    "/changes/{change_id:str}/evidence",
    opt={
        "permission": "change:read",
        "refuses": (410, 422, 501),
        "gives": ("text/html", "application/pdf", "application/zip"),
    },
)
async def get_change_evidence(
    ctx: Ctx,
    who: Who,
    change_id: str,
    format_: Annotated[
        Literal["json", "html", "pdf", "zip"],
        QueryParameter(
            name="format",
            description="`json` can be verified; `html` and `pdf` can be read; `zip` has both, the JSON and the PDF of it",
        ),
    ] = "json",
) -> Response[Bundle]:
    """The evidence of a change: what was planned, who agreed, what was done and what came of it, with each journaled record
    of it and the proof that it is in the journal, up to a signed checkpoint, and sealed. `oncue evidence verify` checks it
    without a server. Whoever asks may read changes, runs, tickets, alerts and incidents of the namespace."""
    change = msgspec.json.decode(await found(ctx, who, "change", change_id, "change:read"), type=Change)
    for permission in PERMISSIONS:
        require(who, permission, change.namespace)
    async with _one_at_a_time:
        content = await _sealed(ctx, who, change)
        if format_ != "json":
            return await asyncio.to_thread(_rendered, change.id, content, format_)
    return json_response(content)


def _rendered(id: str, content: bytes, form: str) -> Response[Any]:
    """Evidence for people. Raises `Refusal` evidence.pdf_missing."""
    whole = msgspec.json.decode(content, type=Bundle)
    if form == "html":
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        return Response(page(whole).encode(), media_type=MediaType.HTML, headers={"content-security-policy": policy})
    if form == "pdf":
        named = {"content-disposition": f'inline; filename="{id}.pdf"'}
        return Response(printing.pdf(whole), media_type="application/pdf", headers=named)
    named = {"content-disposition": f'attachment; filename="{id}-evidence.zip"'}
    return Response(printing.archive(id, content, whole), media_type="application/zip", headers=named)


async def _sealed(ctx: Context, who: Principal, change: Change) -> bytes:
    """The bundle. Raises `Refusal` evidence.too_large, evidence.erased, engine.unavailable, store.unavailable."""
    concerned = await ctx.queries.run(partial(gather.concerned, change=change), READ_S)
    items: list[Proven] = []
    records: list[Record] = []
    leaves: list[Leaf] = []
    left, size = concerned.positions, 0
    while left:
        read = await ctx.queries.run(partial(gather.records, positions=left), READ_S)
        items += read.items
        records += read.records
        leaves += read.leaves
        left = read.left
        size += sum(len(one.body) for one in read.records)
        if size > BYTES_LIMIT:
            raise Refusal("evidence.too_large", f"the records of {change.id} have more than {BYTES_LIMIT} bytes")
    batches = sorted({one.batch for one in leaves})
    if await ctx.queries.run(gather.newest) < batches[-1]:
        await ctx.client.checkpoint()
    chain = await ctx.queries.run(partial(gather.chain, batches=batches), READ_S)
    journal_id = await ctx.queries.run(gather.journal_id)
    made = Made(journal_id, change.id, instant(micros(datetime.now(UTC))), who.person, __version__, concerned.left_out)

    def whole() -> bytes:
        story = told(Facts(records))
        evidence = Evidence(FORM, made, story, _agreed(story.change), items, leaves, chain)
        return bundle.canonical(evidence)

    content = await asyncio.to_thread(whole)
    seal, key = await ctx.client.seal(change.id, await asyncio.to_thread(bundle.digest, content))
    return bundle.packed(content, seal, base64.b64encode(key).decode())


def _agreed(data: dict[str, Any]) -> Any:
    """What the hash of the change's plan is of; None if this version would plan it otherwise."""
    change = msgspec.convert(data, Change)
    if change.plan is None:
        return None
    document = change_plan.agreed(change, change.plan)
    return msgspec.to_builtins(document) if content_hash(document) == change.plan.hash else None


HANDLERS = [get_change_evidence]
