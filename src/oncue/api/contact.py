"""How one wants to be told: one's own `Person` manifest; and trying whether a channel works."""

from functools import partial
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post, put
from litestar.params import QueryParameter

from oncue import manifests as documents
from oncue.access.roles import Principal
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import found
from oncue.api.guard import SIGNED_IN, require
from oncue.api.manifests import apply
from oncue.api.params import json_response
from oncue.core.contact import PersonSpec
from oncue.core.effect import Effect
from oncue.core.errors import Refusal
from oncue.core.manifest import API_VERSION, Manifest
from oncue.store.queries import manifest_bodies

Where = Annotated[str | None, QueryParameter(max_length=63, description="The namespace; your home if not given")]


@get("/me/contact", opt={"permission": SIGNED_IN})
async def get_contact(ctx: Ctx, who: Who, namespace: Where = None) -> Response[Manifest | None]:
    """How you are told of incidents in a namespace: your own `Person` manifest there; null if there is none."""
    place = namespace or who.home
    require(who, "incident:acknowledge", place)
    id = f"Person/{place}/{who.user}"
    return json_response((await ctx.queries.run(partial(manifest_bodies, ids=[id]))).get(id, b"null"))


@put("/me/contact", status_code=200, opt={"permission": SIGNED_IN})
async def set_contact(ctx: Ctx, who: Who, data: PersonSpec, namespace: Where = None) -> Response[Manifest]:
    """Say how you want to be told of incidents in a namespace where you work on them. The channels must be there. What
    else your manifest says (labels, owner, description) stays."""
    name, place = _myself(who, namespace)
    id = f"Person/{place}/{name}"
    known = (await ctx.queries.run(partial(manifest_bodies, ids=[id]))).get(id)
    stays: dict[str, Any] = {}
    if known is not None:
        before = msgspec.json.decode(known, type=Manifest)
        stays = {one: said for one in ("labels", "owner", "review_by", "description") if (said := getattr(before, one))}
    document = {
        "apiVersion": API_VERSION, "kind": "Person", "metadata": {**stays, "name": name, "namespace": place},
        "spec": msgspec.to_builtins(data),
    }  # fmt: skip
    await apply(ctx, who, documents.changes([documents.validate(document)], place))
    return json_response(await _person(ctx, who, name, place))


@post("/channels/{namespace:str}/{name:str}/test", status_code=202, opt={"permission": "incident:acknowledge"})
async def test_channel(ctx: Ctx, who: Who, namespace: str, name: str) -> Response[Effect]:
    """Send a message by a channel, to see whether it works. Gives the effect; `/explain/effect/ID` says what became of it."""
    require(who, "incident:acknowledge", namespace)
    made = await ctx.command("oncue.command.channel.test", {"channel": name}, who=who, namespace=namespace)
    return json_response(await found(ctx, who, "effect", made["id"], "run:read"), 202)


def _myself(who: Principal, namespace: str | None) -> tuple[str, str]:
    """(name, namespace) of one's own manifest. Raises `Refusal` contact.nobody for a token that is no one's."""
    place = namespace or who.home
    require(who, "incident:acknowledge", place)
    if who.user is None:
        raise Refusal("contact.nobody", f"{who.actor} is no person")
    return who.user, place


async def _person(ctx: Context, who: Principal, name: str, namespace: str) -> bytes:
    return await found(ctx, who, "manifest", f"Person/{namespace}/{name}", "incident:acknowledge")


HANDLERS = [get_contact, set_contact, test_channel]
