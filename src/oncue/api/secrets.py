"""Secrets: set, list, delete. Their values go in and never come out."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, put

from oncue.access import records
from oncue.access.records import Secret
from oncue.access.roles import allowed
from oncue.access.secrets import load_key, seal
from oncue.api.context import Ctx, Who
from oncue.api.guard import require
from oncue.api.params import Listing, json_response
from oncue.core.errors import Refusal
from oncue.core.spec import Name


class SecretView(msgspec.Struct, kw_only=True):
    """A secret, without its value. Refer to it as `secret://name` from its namespace."""

    namespace: str
    name: str
    reference: str
    updated_at: datetime
    updated_by: str


class NewSecret(msgspec.Struct, forbid_unknown_fields=True):
    """A value to keep."""

    value: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]


class _Names(msgspec.Struct):
    namespace: Name
    name: Name


@get("/secrets", opt={"permission": "secret:read"})
async def list_secrets(ctx: Ctx, who: Who) -> Response[Listing[SecretView]]:
    """The names of secrets in the namespaces where you may see them."""
    shown = [
        _view(secret)
        for _, secret in sorted(ctx.access.secrets.items())
        if allowed(who, "secret:read", secret.namespace)
    ]
    return json_response(msgspec.json.encode({"items": shown, "next": None}))


@put("/secrets/{namespace:str}/{name:str}", opt={"permission": "secret:write"})
async def set_secret(ctx: Ctx, who: Who, namespace: str, name: str, data: NewSecret) -> Response[SecretView]:
    """Set or replace a secret."""
    require(who, "secret:write", namespace)
    try:
        msgspec.convert({"namespace": namespace, "name": name}, _Names)
    except msgspec.ValidationError as error:
        raise Refusal("request.invalid", str(error).replace("$.", "")) from error
    secret = Secret(
        namespace=namespace,
        name=name,
        sealed=seal(load_key(ctx.config.data), namespace, name, data.value),
        updated_at=datetime.now(UTC),
        updated_by=who.actor,
    )
    await ctx.record("secret_set", {"secret": name}, actor=who.actor, namespace=namespace, side=[records.put(secret)])
    return json_response(msgspec.json.encode(_view(secret)))


@delete("/secrets/{namespace:str}/{name:str}", status_code=204, opt={"permission": "secret:write"})
async def delete_secret(ctx: Ctx, who: Who, namespace: str, name: str) -> None:
    """Forget a secret."""
    require(who, "secret:write", namespace)
    secret = ctx.access.secrets.get(f"{namespace}/{name}")
    if secret is None:
        raise Refusal("secret.not_found", f"{namespace}/{name}"[:200])
    await ctx.record(
        "secret_deleted", {"secret": name}, actor=who.actor, namespace=namespace, side=[records.drop(secret)]
    )


def _view(secret: Secret) -> SecretView:
    return SecretView(
        namespace=secret.namespace,
        name=secret.name,
        reference=f"secret://{secret.name}",
        updated_at=secret.updated_at,
        updated_by=secret.updated_by,
    )


HANDLERS = [list_secrets, set_secret, delete_secret]
