"""Signing in and out: passwords, one-time links, sessions in cookies; and who one is."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie

from oncue.access import passwords, records
from oncue.access.records import Session, User
from oncue.access.roles import ANY, PERMISSIONS, Binding, namespaces
from oncue.access.store import home_of
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import CSRF_COOKIE, PUBLIC, SESSION_COOKIE, SIGNED_IN
from oncue.api.params import json_response
from oncue.api.people import UserName
from oncue.core.errors import Refusal
from oncue.evidence import printing

SESSION_LASTS: Final = timedelta(days=7)
SESSIONS_PER_USER: Final = 20


class Credentials(msgspec.Struct, forbid_unknown_fields=True):
    """A name and a password."""

    username: str
    password: str


class Enrolment(msgspec.Struct, forbid_unknown_fields=True):
    """What to set with a one-time link. The name of someone who exists already is not theirs to choose."""

    password: str
    username: UserName | None = None


class LinkInfo(msgspec.Struct, kw_only=True):
    """What a one-time link is for."""

    purpose: str
    user: str | None
    expires_at: datetime


class Me(msgspec.Struct, kw_only=True):
    """Who one is, and what one may do where."""

    actor: str
    user: str | None
    display_name: str | None
    bindings: list[Binding]
    home: str
    permissions: dict[str, list[str]]
    """Permission to the namespaces it holds in; `*` is every one."""
    session_expires_at: datetime | None
    pdf: bool
    """Whether this server can make PDF of evidence."""


@post("/sign-in", status_code=200, opt={"permission": PUBLIC})
async def sign_in(request: Request[Any, Any, Any], ctx: Ctx, data: Credentials) -> Response[Me]:
    """Sign in with a password; the answer sets the session's cookies."""
    address = f"address:{request.client.host if request.client else ''}"
    key = f"user:{data.username[:200].lower()}"
    if not ctx.access.loaded:
        raise Refusal("engine.unavailable")
    ctx.throttle.check(key, address)
    user = ctx.access.users.get(data.username)
    known = user if user is not None and not user.disabled and user.kind == "person" else None
    # Counted before the slow part, so that a burst of guesses does not slip through together.
    ctx.throttle.failed(key, address)
    hashed = None if known is None else known.password_hash
    if not await asyncio.to_thread(passwords.verify, data.password, hashed) or known is None:
        # A name that is nobody's may be a password typed into the wrong field, so it is not kept.
        named = user.name if user is not None else None
        await ctx.record("sign_in_refused", {"user": named, "address": address[8:]}, actor="anonymous")
        raise Refusal("auth.invalid", "The name or the password is wrong")
    ctx.throttle.succeeded(key, address)
    return await _begin(ctx, known, "password", [])


@get("/links/{token:str}", opt={"permission": PUBLIC})
async def get_link(ctx: Ctx, token: str) -> LinkInfo:
    """What a one-time link is for; looking does not use it up."""
    link = ctx.access.link(token)
    if link is None:
        raise Refusal("link.invalid")
    return LinkInfo(purpose=link.purpose, user=link.user, expires_at=link.expires_at)


@post("/links/{token:str}", status_code=200, opt={"permission": PUBLIC})
async def use_link(ctx: Ctx, token: str, data: Enrolment) -> Response[Me]:
    """Set a password with a one-time link, which is then used up, and sign in."""
    async with ctx.sign_in_lock:
        link = ctx.access.link(token)
        if link is None:
            raise Refusal("link.invalid")
        now = datetime.now(UTC)
        if link.purpose == "first_admin":
            if ctx.access.has_administrator:
                raise Refusal("link.invalid", "There is an administrator already")
            if data.username is None:
                raise Refusal("request.invalid", "username: choose one")
            known = ctx.access.users.get(data.username)
            user = User(
                name=data.username,
                bindings=[Binding("admin", ANY)],
                created_at=now if known is None else known.created_at,
                created_by="link" if known is None else known.created_by,
                updated_at=now,
            )
        else:
            found = ctx.access.users.get(link.user or "")
            if found is None or found.disabled:
                raise Refusal("link.invalid")
            user = msgspec.structs.replace(found, updated_at=now)
        user.password_hash = await asyncio.to_thread(passwords.hashed, data.password, user.name)
        side = [records.drop(session) for session in ctx.access.sessions.values() if session.user == user.name]
        return await _begin(ctx, user, "link", [records.drop(link), records.put(user), *side])


@post("/sign-out", status_code=200, opt={"permission": SIGNED_IN})
async def sign_out(ctx: Ctx, who: Who, everywhere: bool = False) -> Response[dict[str, bool]]:
    """End this session, or with `everywhere` all of one's sessions."""
    ended = [
        session
        for session in ctx.access.sessions.values()
        if session.id == who.session or (everywhere and who.user is not None and session.user == who.user)
    ]
    if ended:
        await ctx.record(
            "signed_out", {"sessions": len(ended)}, actor=who.actor, side=[records.drop(session) for session in ended]
        )
    answer = json_response(b'{"signed_out":true}')
    for name in (SESSION_COOKIE, CSRF_COOKIE):
        answer.set_cookie(Cookie(key=name, value="", path="/", max_age=0))
    return answer


@get("/me", opt={"permission": SIGNED_IN})
async def get_me(ctx: Ctx, who: Who) -> Me:
    """Who one is, and what one may do where."""
    session = ctx.access.sessions.get(who.session or "")
    user = ctx.access.users.get(who.user or "")
    held = {permission: namespaces(who, permission) for permission in sorted(PERMISSIONS)}
    return Me(
        actor=who.actor,
        user=who.user,
        display_name=None if user is None else user.display_name,
        bindings=list(who.bindings),
        home=who.home,
        permissions={
            permission: [ANY] if places is None else sorted(places)
            for permission, places in held.items()
            if places is None or places
        },
        session_expires_at=None if session is None else session.expires_at,
        pdf=printing.possible(),
    )


async def _begin(ctx: Context, user: User, how: str, side: list[Any]) -> Response[Any]:
    text = records.new_credential("")
    now = datetime.now(UTC)
    session = Session(
        id=records.digest(text),
        user=user.name,
        csrf=records.new_credential(""),
        created_at=now,
        expires_at=now + SESSION_LASTS,
    )
    own = sorted((old for old in ctx.access.sessions.values() if old.user == user.name), key=lambda old: old.created_at)
    stale = [old for old in own if old.expires_at <= now]
    surplus = own[: max(0, len(own) - SESSIONS_PER_USER + 1)]
    ended = {old.id: records.drop(old) for old in (*stale, *surplus)}
    await ctx.record(
        "signed_in",
        {"user": user.name, "how": how},
        actor=f"user:{user.name}",
        side=[*side, *ended.values(), records.put(session)],
    )
    body: dict[str, Any] = {
        "actor": f"user:{user.name}",
        "user": user.name,
        "display_name": user.display_name,
        "bindings": user.bindings,
        "home": home_of(user.bindings),
        "permissions": {},
        "session_expires_at": session.expires_at,
    }
    principal = ctx.access.by_session(text)
    if principal is not None:
        held = {permission: namespaces(principal, permission) for permission in sorted(PERMISSIONS)}
        body["permissions"] = {
            permission: [ANY] if places is None else sorted(places)
            for permission, places in held.items()
            if places is None or places
        }
    answer = json_response(msgspec.json.encode(body))
    secure = ctx.config.url.startswith("https:")
    lasts = int(SESSION_LASTS.total_seconds())
    for name, value, hidden in ((SESSION_COOKIE, text, True), (CSRF_COOKIE, session.csrf, False)):
        answer.set_cookie(
            Cookie(key=name, value=value, path="/", max_age=lasts, secure=secure, httponly=hidden, samesite="lax")
        )
    return answer


HANDLERS = [sign_in, get_link, use_link, sign_out, get_me]
