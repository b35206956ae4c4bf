"""What senders of configured sources need beyond a parser: signatures, handshakes, a token in a form, their own answers."""

from functools import partial
from typing import Final
from urllib.parse import parse_qs

import httpx
import msgspec

from oncue.access.secrets import SCHEME, load_key, unseal
from oncue.api.asgi import Receive, Scope, with_body
from oncue.api.context import Context
from oncue.api.guard import SESSION_COOKIE, cookie, header
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.runtime.surroundings import exception_of
from oncue.sdk import Guard
from oncue.sdk.source import Host
from oncue.store.queries import manifests

FORM: Final = b"application/x-www-form-urlencoded"
FORM_LIMIT: Final = 4_194_304
"""Bytes of a form that is read before it is known who sends it."""
TIMEOUT_S: Final = 10.0
"""For what a source does outside before its message is parsed."""


class Admission(Host):
    """The surroundings of a source in one namespace."""

    def __init__(self, ctx: Context, namespace: str) -> None:
        self._ctx = ctx
        self._namespace = namespace

    def secret(self, reference: str) -> str:
        """The value of `secret://name`. Raises `Refusal` secret.not_found."""
        name = reference.removeprefix(SCHEME)
        row = self._ctx.access.secrets.get(f"{self._namespace}/{name}") if reference.startswith(SCHEME) else None
        if row is None:
            raise Refusal("secret.not_found", f"There is no secret {name[:100]!r} in the namespace {self._namespace}")
        return unseal(load_key(self._ctx.config.data), row)

    async def client(self) -> httpx.AsyncClient:
        """An HTTP client that reaches what the guard and the namespace's `OutboundAllow` manifests permit."""
        wanted = partial(manifests, kind="OutboundAllow", namespaces=frozenset((self._namespace,)))
        bodies = await self._ctx.queries.run(wanted)
        allows = [exception_of(msgspec.json.decode(body, type=Manifest)) for body in bodies]
        return Guard(allows).client(timeout_s=TIMEOUT_S)


async def with_form_token(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Where a sender posts a form and no other credential, the form's `token` is its token, as in NRDP.

    The token becomes the request's Authorization header. Returns what gives the body, which has been read, and is plain, by
    then.
    """
    media = (header(scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if (
        media != FORM
        or header(scope, b"authorization") is not None
        or b"token=" in scope["query_string"]
        or cookie(scope, SESSION_COOKIE) is not None
    ):
        return receive
    body, again = await with_body(scope, receive, min(limit, FORM_LIMIT))
    found = form(body).get("token")
    if found and found.isascii() and found.isprintable():
        scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer " + found.encode())]
    return again


def form(body: bytes) -> dict[str, str]:
    """The fields of a form, the first of each name."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}
