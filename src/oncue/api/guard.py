"""Who asks, and whether they may: run before every handler. A route that declares no permission is denied.

A request carries a bearer token, basic credentials whose password is a token, `?token=` where a sender can set no header, or
a session's cookie. What a session changes needs the CSRF token, too, in the header and in its cookie. The permission is
checked here for some namespace; the handler then checks it with `require` for the namespace of the thing itself.
"""

import base64
import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from oncue.access.roles import Principal, allowed, namespaces
from oncue.access.store import AccessStore
from oncue.core.errors import Refusal

PUBLIC: Final = "public"
"""The permission of routes that need none."""
SIGNED_IN: Final = "signed-in"
"""The permission of routes that need no more than to be someone."""
SESSION_COOKIE: Final = "oncue_session"
CSRF_COOKIE: Final = "oncue_csrf"
CSRF_HEADER: Final = b"x-csrf-token"
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")

Scope = Any


def header(scope: Scope, wanted: bytes) -> bytes | None:
    """The request's first header of this lower-case name."""
    for name, value in scope["headers"]:
        if name == wanted:
            found: bytes = value
            return found
    return None


def cookie(scope: Scope, wanted: str) -> str | None:
    """The request's cookie of this name."""
    raw = header(scope, b"cookie")
    if raw is None:
        return None
    try:
        found = SimpleCookie(raw.decode("latin-1")).get(wanted)
    except CookieError:
        return None
    return None if found is None else found.value


def authenticate(
    scope: Scope, access: AccessStore, *, in_query: bool = False, changes: bool | None = None
) -> Principal | None:
    """Who asks; None for nobody.

    `in_query` takes `?token=` as well; `changes` says whether the request changes something, where its method does not
    tell. Raises `Refusal`: auth.invalid for a credential that is not one (any more),
    auth.csrf for a change from a session without its CSRF token, engine.unavailable before the credentials have been read.
    """
    text = _presented(scope, in_query)
    if text is not None:
        principal = access.by_token(text)
        if principal is None:
            raise Refusal("auth.invalid") if access.loaded else Refusal("engine.unavailable")
        return principal
    value = cookie(scope, SESSION_COOKIE)
    principal = access.by_session(value) if value else None
    if value and not access.loaded:
        raise Refusal("engine.unavailable")
    if changes is None:
        changes = scope["method"] not in SAFE_METHODS
    if principal is not None and changes:
        sent = (header(scope, CSRF_HEADER) or b"").decode("latin-1").encode()
        twin = (cookie(scope, CSRF_COOKIE) or "").encode()
        expected = (principal.csrf or "").encode()
        if not expected or not (hmac.compare_digest(sent, expected) and hmac.compare_digest(twin, expected)):
            raise Refusal("auth.csrf")
    return principal


def _presented(scope: Scope, in_query: bool) -> str | None:
    raw = header(scope, b"authorization")
    if raw is not None:
        # Senders put a token's bytes on the wire as they are; one that is not ASCII is UTF-8.
        scheme, _, value = raw.decode("utf-8", "replace").partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer" and value:
            return value
        if scheme.lower() == "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[2]
            except ValueError as error:  # not base64, or not UTF-8 in it
                raise Refusal("auth.invalid", "The Authorization header is not basic credentials") from error
        raise Refusal("auth.invalid", "Send `Authorization: Bearer TOKEN`")
    if in_query and b"token=" in scope["query_string"]:
        found = parse_qs(scope["query_string"].decode("utf-8", "replace")).get("token")
        return found[0] if found else None
    return None


def check(principal: Principal | None, permission: str | None) -> None:
    """Raises `Refusal` unless the principal holds the permission in some namespace."""
    if permission == PUBLIC:
        return
    if permission is None:
        raise Refusal("access.denied", "The route declares no permission")
    if principal is None:
        raise Refusal("auth.required")
    if permission == SIGNED_IN:
        return
    held = namespaces(principal, permission)
    if held is not None and not held:
        raise Refusal("access.denied", f"It needs the permission {permission}")


def require(principal: Principal, permission: str, namespace: str | None) -> None:
    """Raises `Refusal` access.denied unless the principal may do this there; None is what belongs to no namespace."""
    if not allowed(principal, permission, namespace):
        where = f"in the namespace {namespace}" if namespace is not None else "in every namespace"
        raise Refusal("access.denied", f"It needs the permission {permission} {where}")


async def permission_guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Litestar's guard of every route: who asks comes from `app.Front`."""
    check(connection.scope.get("user"), handler.opt.get("permission"))
