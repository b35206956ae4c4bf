"""People, service accounts and tokens. A change and its audit event are one transaction."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, delete, get, patch, post

from oncue.access import passwords, records
from oncue.access.records import Link, Token, User
from oncue.access.roles import ANY, Binding, Principal, Role, TokenScope, allowed
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.params import Listing, json_response
from oncue.core.errors import Refusal
from oncue.core.spec import Name

LINK_LASTS: timedelta = timedelta(hours=24)

UserName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9._@-]{0,61}[a-z0-9])?$")]
Where = Annotated[str, msgspec.Meta(pattern=r"^(\*|[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?)$")]


class Grant(msgspec.Struct, forbid_unknown_fields=True):
    """A role on a namespace, or on every one (`*`)."""

    role: Role
    namespace: Where = ANY


class UserView(msgspec.Struct, kw_only=True):
    """A person or a service account."""

    name: str
    kind: Literal["person", "service"]
    display_name: str | None
    email: str | None
    bindings: list[Binding]
    disabled: bool
    has_password: bool
    created_at: datetime
    created_by: str
    updated_at: datetime


class NewUser(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Someone to add. Without a password, make a link with which they set their own."""

    name: UserName
    kind: Literal["person", "service"] = "person"
    display_name: str | None = None
    email: str | None = None
    bindings: list[Grant] = []
    password: str | None = None


class UserChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to change; what is left out stays."""

    display_name: str | msgspec.UnsetType | None = msgspec.UNSET
    email: str | msgspec.UnsetType | None = msgspec.UNSET
    bindings: list[Grant] | msgspec.UnsetType = msgspec.UNSET
    password: str | msgspec.UnsetType = msgspec.UNSET
    disabled: bool | msgspec.UnsetType = msgspec.UNSET


class LinkView(msgspec.Struct, kw_only=True):
    """A link to hand to someone; it works once."""

    url: str
    expires_at: datetime


class TokenView(msgspec.Struct, kw_only=True):
    """A token, without its text."""

    id: str
    name: str
    scope: TokenScope
    role: str | None
    namespaces: list[str]
    user: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


class NewToken(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A token to make. `source` tokens can only send events, `worker` tokens only lease effects."""

    name: Name
    scope: TokenScope = "role"
    role: Role | None = None
    namespaces: Annotated[list[Where], msgspec.Meta(min_length=1, max_length=100)]
    user: str | None = None
    expires_in_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] | None = None


class IssuedToken(TokenView, kw_only=True):
    """A new token. Its text is shown this once."""

    token: str


@get("/users", opt={"permission": "user:read"})
async def list_users(ctx: Ctx, who: Who) -> Response[Listing[UserView]]:
    """People and service accounts."""
    require(who, "user:read", None)
    return _items([_user_view(user) for _, user in sorted(ctx.access.users.items())])


@post("/users", status_code=201, opt={"permission": "user:write"})
async def create_user(ctx: Ctx, who: Who, data: NewUser) -> Response[UserView]:
    """Add a person or a service account."""
    require(who, "user:write", None)
    if data.name in ctx.access.users:
        raise Refusal("user.exists", data.name)
    if data.kind == "service" and data.password is not None:
        raise Refusal("request.invalid", "password: a service account has none; give it a token")
    now = datetime.now(UTC)
    user = User(
        name=data.name,
        kind=data.kind,
        display_name=data.display_name,
        email=data.email,
        bindings=[Binding(grant.role, grant.namespace) for grant in data.bindings],
        password_hash=await _hashed(data.password, data.name),
        created_at=now,
        created_by=who.actor,
        updated_at=now,
    )
    shown = {"user": user.name, "kind": user.kind, "bindings": msgspec.to_builtins(user.bindings)}
    await ctx.record("user_created", shown, actor=who.actor, side=[records.put(user)])
    return json_response(msgspec.json.encode(_user_view(user)), 201)


@patch("/users/{name:str}", opt={"permission": "user:write"})
async def change_user(ctx: Ctx, who: Who, name: str, data: UserChange) -> Response[UserView]:
    """Change someone. A new password, or disabling, ends their sessions."""
    require(who, "user:write", None)
    user = msgspec.structs.replace(_user(ctx, name))
    changed: dict[str, Any] = {}
    if data.display_name is not msgspec.UNSET:
        user.display_name = changed["display_name"] = data.display_name
    if data.email is not msgspec.UNSET:
        user.email = changed["email"] = data.email
    if data.bindings is not msgspec.UNSET:
        user.bindings = [Binding(grant.role, grant.namespace) for grant in data.bindings]
        changed["bindings"] = msgspec.to_builtins(user.bindings)
    if data.disabled is not msgspec.UNSET:
        user.disabled = changed["disabled"] = data.disabled
    if data.password is not msgspec.UNSET:
        if user.kind == "service":
            raise Refusal("request.invalid", "password: a service account has none; give it a token")
        user.password_hash = await _hashed(data.password, name)
        changed["password"] = "set"
    user.updated_at = datetime.now(UTC)
    side = [records.put(user)]
    if user.disabled or "password" in changed:
        side += [records.drop(session) for session in ctx.access.sessions.values() if session.user == name]
    await ctx.record("user_changed", {"user": name, "changed": changed}, actor=who.actor, side=side)
    return json_response(msgspec.json.encode(_user_view(user)))


@delete("/users/{name:str}", status_code=204, opt={"permission": "user:write"})
async def delete_user(ctx: Ctx, who: Who, name: str) -> None:
    """Remove someone, with their sessions, links and tokens."""
    require(who, "user:write", None)
    access = ctx.access
    side = [records.drop(_user(ctx, name))]
    side += [records.drop(session) for session in access.sessions.values() if session.user == name]
    side += [records.drop(link) for link in access.links.values() if link.user == name]
    side += [records.drop(token) for token in access.tokens.values() if token.user == name]
    await ctx.record("user_deleted", {"user": name}, actor=who.actor, side=side)


@post("/users/{name:str}/link", status_code=201, opt={"permission": "user:write"})
async def create_user_link(ctx: Ctx, who: Who, name: str) -> Response[LinkView]:
    """Make a link with which someone sets a password and signs in, once, within a day."""
    require(who, "user:write", None)
    if _user(ctx, name).kind == "service":
        raise Refusal("request.invalid", f"{name} is a service account; give it a token")
    text, link = new_link("set_password", name)
    side = [records.drop(old) for old in ctx.access.links.values() if old.user == name]
    await ctx.record("link_created", {"user": name}, actor=who.actor, side=[*side, records.put(link)])
    view = LinkView(url=f"{ctx.config.url}/sign-in?link={text}", expires_at=link.expires_at)
    return json_response(msgspec.json.encode(view), 201)


@get("/tokens", opt={"permission": "token:read"})
async def list_tokens(ctx: Ctx, who: Who) -> Response[Listing[TokenView]]:
    """Tokens, as far as they reach only namespaces whose tokens you may read."""
    tokens = sorted(ctx.access.tokens.values(), key=lambda token: token.created_at, reverse=True)
    return _items([_token_view(ctx, token) for token in tokens if _within(who, "token:read", token.namespaces)])


@post("/tokens", status_code=201, opt={"permission": "token:write"})
async def create_token(ctx: Ctx, who: Who, data: NewToken) -> Response[IssuedToken]:
    """Make a token. It can reach no further than you may make tokens."""
    for namespace in data.namespaces:
        require(who, "token:write", None if namespace == ANY else namespace)
    if (data.scope == "role") != (data.role is not None):
        raise Refusal("request.invalid", "role: needed with the scope `role`, and with no other")
    if data.user is not None:
        _user(ctx, data.user)
    text = records.new_credential()
    now = datetime.now(UTC)
    token = Token(
        id=secrets.token_hex(6),
        name=data.name,
        hash=records.digest(text),
        scope=data.scope,
        role=data.role,
        namespaces=list(data.namespaces),
        user=data.user,
        created_at=now,
        created_by=who.actor,
        owner=who.owner or who.behind,
        expires_at=None if data.expires_in_days is None else now + timedelta(days=data.expires_in_days),
    )
    shown = records.public(token, "hash")
    await ctx.record("token_created", shown, actor=who.actor, namespace=_home(token), side=[records.put(token)])
    view = IssuedToken(**msgspec.structs.asdict(_token_view(ctx, token)), token=text)
    return json_response(msgspec.json.encode(view), 201)


@delete("/tokens/{token_id:str}", status_code=204, opt={"permission": "token:write"})
async def revoke_token(ctx: Ctx, who: Who, token_id: str) -> None:
    """Revoke a token; it stops working at once."""
    token = ctx.access.tokens.get(token_id)
    if token is None or not _within(who, "token:read", token.namespaces):
        raise Refusal("token.not_found", token_id[:100])
    for namespace in token.namespaces:
        require(who, "token:write", None if namespace == ANY else namespace)
    shown = {"token": token.id, "name": token.name}
    await ctx.record("token_revoked", shown, actor=who.actor, namespace=_home(token), side=[records.drop(token)])


def new_link(purpose: Literal["first_admin", "set_password"], user: str | None) -> tuple[str, Link]:
    """(the link's token, its record)."""
    text = records.new_credential("")
    now = datetime.now(UTC)
    return text, Link(id=records.digest(text), purpose=purpose, user=user, created_at=now, expires_at=now + LINK_LASTS)


async def _hashed(password: str | None, user: str) -> str | None:
    return None if password is None else await asyncio.to_thread(passwords.hashed, password, user)


def _user(ctx: Context, name: str) -> User:
    user = ctx.access.users.get(name)
    if user is None:
        raise Refusal("user.not_found", name[:100])
    return user


def _home(token: Token) -> str:
    return next((namespace for namespace in token.namespaces if namespace != ANY), "default")


def _within(who: Principal, permission: str, places: list[str]) -> bool:
    return all(allowed(who, permission, None if place == ANY else place) for place in places)


def _user_view(user: User) -> UserView:
    return UserView(**records.public(user, "password_hash"), has_password=user.password_hash is not None)


def _token_view(ctx: Context, token: Token) -> TokenView:
    view = TokenView(**{name: getattr(token, name) for name in TokenView.__struct_fields__})
    view.last_used_at = ctx.access.used.get(token.id, token.last_used_at)
    return view


def _items(items: list[Any]) -> Response[Any]:
    return json_response(msgspec.json.encode({"items": items, "next": None}))


HANDLERS = [
    list_users,
    create_user,
    change_user,
    delete_user,
    create_user_link,
    list_tokens,
    create_token,
    revoke_token,
]
