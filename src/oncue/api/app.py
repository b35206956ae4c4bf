"""All routes of the server, put together: who asks is found out here, once, for every route.

The hot and the streaming routes are plain ASGI; the rest is Litestar's. A route declares its permission beside itself; one
that declares none is denied.
"""

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
import structlog
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.response import Response

from oncue import __version__
from oncue.access.roles import PERMISSIONS, Principal
from oncue.api import (
    action_links,
    actions,
    alerts,
    approvals,
    availability,
    bulk,
    change_plans,
    change_records,
    changes,
    config_changes,
    contact,
    dead_letters,
    escalations,
    events,
    evidence,
    explain,
    handbook,
    handovers,
    incidents,
    integrations,
    itself,
    mailbox,
    maintenance,
    manifests,
    mirrors,
    openapi,
    pause,
    people,
    policies,
    problem_records,
    reviews,
    run_attempts,
    run_log,
    runs,
    samples,
    sap_systems,
    schedules,
    secrets,
    self_service,
    session,
    silences,
    similar,
    stats,
    subscriptions,
    suspects,
    tickets,
    topology,
    topology_map,
    trial,
    work,
    workers,
)
from oncue.api.admission import with_form_token
from oncue.api.asgi import JSON, Receive, Scope, Send, answer, refuse, with_body
from oncue.api.catalogue import Catalogue
from oncue.api.connection import Respond
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import PUBLIC, SAFE_METHODS, SIGNED_IN, authenticate, check, header, permission_guard
from oncue.api.health import Health
from oncue.api.ingest import Ingest, guarded
from oncue.api.landscape import Landscape
from oncue.api.methods import Methods
from oncue.api.params import filters
from oncue.api.problems import on_error, on_http_exception, on_refusal, shortage
from oncue.api.protocols import Protocols
from oncue.api.static import Console
from oncue.core.errors import Refusal

T = TypeVar("T")

BY_PROTOCOL: Final = "by-protocol"
"""The permission of routes whose protocol's own rules say who may do what."""

REFUSAL_EVERY_S: Final = 10.0

PUBLIC_LIMIT: Final = 65_536
"""Bytes of a body from someone who has shown no credential."""

_log: Final = structlog.get_logger("oncue.api")

OUTSIDE: Final = [
    ("GET", "/healthz", PUBLIC, "Whether the process answers"),
    ("GET", "/readyz", PUBLIC, "Whether events are taken"),
    ("GET", "/metrics", "metrics:read", "Metrics in Prometheus' text format"),
    ("GET", "/api/v1/openapi.json", PUBLIC, "This document"),
    ("POST", "/api/v1/events", "event:write", "Send CloudEvents: structured, batched, or in binary mode"),
    ("GET", "/api/v1/stream", "stream:read", "Facts as they are committed, as server-sent events"),
    (
        "GET",
        "/api/v1/subscriptions/{namespace}/{name}/events",
        "stream:read",
        "Events of a subscription that is a stream: as server-sent events, or a page of JSON",
    ),
    ("POST", "/in/{source}", "event:write", "Send to a configured source in its own format"),
    ("GET", "/heartbeat/{namespace}/{monitor}", "heartbeat:write", "Say that one is alive"),
    ("POST", "/heartbeat/{namespace}/{monitor}", "heartbeat:write", "Say that one is alive"),
    ("GET", "/alertmanager/{path}", BY_PROTOCOL, "Alertmanager's API v2"),
    ("POST", "/alertmanager/{path}", BY_PROTOCOL, "Alertmanager's API v2"),
    ("DELETE", "/alertmanager/{path}", BY_PROTOCOL, "Alertmanager's API v2"),
    ("POST", "/pagerduty/{path}", BY_PROTOCOL, "PagerDuty's Events API v2"),
]
"""Routes outside Litestar: method, path, permission, what they do."""

HANDLERS: Final[list[Any]] = [
    handler
    for module in (
        alerts,
        incidents,
        work,
        similar,
        problem_records,
        change_records,
        change_plans,
        changes,
        config_changes,
        evidence,
        reviews,
        handovers,
        bulk,
        escalations,
        contact,
        pause,
        suspects,
        events,
        run_attempts,
        runs,
        schedules,
        workers,
        self_service,
        approvals,
        run_log,
        actions,
        tickets,
        mirrors,
        silences,
        maintenance,
        policies,
        trial,
        manifests,
        integrations,
        subscriptions,
        topology,
        topology_map,
        availability,
        itself,
        sap_systems,
        samples,
        stats,
        explain,
        dead_letters,
        mailbox,
        people,
        secrets,
        session,
    )
    for handler in module.HANDLERS
]

_HEARTBEAT: Final = re.compile(r"/heartbeat/([^/]+)/([^/]+)/?").fullmatch
_CONSUMED: Final = re.compile(r"/api/v1/subscriptions/([^/]+)/([^/]+)/events").fullmatch
_SOURCE: Final = re.compile(r"/in/([^/]+)/?").fullmatch


class Front:
    """The ASGI application of the front process."""

    def __init__(self, ctx: Context, catalogue: Catalogue, landscape: Landscape, console: Console) -> None:
        self.ctx = ctx
        self.ingest = Ingest(ctx, catalogue)
        self.protocols = Protocols(ctx, self.ingest, catalogue)
        self.health = Health(ctx, self.ingest)
        self.litestar = _litestar(ctx, self.ingest, catalogue, landscape)
        self._methods = Methods(openapi.addresses(self.litestar, OUTSIDE))
        self._document: asyncio.Future[bytes] | None = None
        self._console = console
        self._handbook = handbook.Handbook()
        self._action_links = action_links.ActionLinks(ctx)
        self._refused_at: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._declared = {(method, path): permission for method, path, permission, _ in OUTSIDE}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            elif scope["type"] == "lifespan":
                await self.litestar(scope, receive, send)
            return
        path: str = scope["path"]
        if path == "/api/v1/events" and scope["method"] == "POST":
            await guarded(self._events(scope, receive, send), send)
            return
        counted = self._counting(scope, send)
        try:
            await self._dispatch(scope, receive, counted)
        except OSError as error:
            refusal = shortage(error)
            if refusal is None:
                raise
            await refuse(counted, refusal)

    async def _dispatch(self, scope: Scope, receive: Receive, counted: Send) -> None:
        path: str = scope["path"]
        if path.startswith("/api/"):
            await self._api(scope, receive, counted)
        elif path.startswith(("/in/", "/heartbeat/", "/alertmanager/", "/pagerduty/")) or path in (
            "/healthz",
            "/readyz",
            "/metrics",
        ):
            await guarded(self._outside(scope, receive, counted), counted)
        elif path.startswith(action_links.PREFIX):
            await guarded(self._action_links(scope, receive, counted), counted)
        elif path.startswith(handbook.PREFIX) or path == handbook.PREFIX.rstrip("/"):
            await self._handbook(scope, counted)
        else:
            await self._console(scope, counted)

    def at_once(self, scope: Scope, body: bytes, respond: Respond) -> bool:
        """Take events without a task, if they came whole and nothing is wrong with them; see `connection.py`."""
        if scope["method"] != "POST":
            return False
        path: str = scope["path"]
        try:
            if path == "/api/v1/events":
                who = self._permitted(scope, "POST", path, in_query=True)
                return self.ingest.at_once(scope, body, who, respond)
            if path == "/alertmanager/api/v2/alerts":
                return self.protocols.at_once(scope, body, self._counted(respond))
        except Refusal:
            pass  # the long way says why
        return False

    def _counted(self, respond: Respond) -> Respond:
        def counted(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
            self.health.requests.labels("POST", str(status)).inc()
            respond(status, headers, body)

        return counted

    def _counting(self, scope: Scope, send: Send) -> Send:
        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.health.requests.labels(scope["method"], str(message["status"])).inc()
                if message["status"] == 403:
                    self._record_refusal(scope)
            await send(message)

        return counted

    def _record_refusal(self, scope: Scope) -> None:
        """Journal that someone was refused; of a burst by the same actor only the first in a while."""
        who: Principal | None = scope.get("user")
        actor = who.actor if who is not None else "anonymous"
        now = time.monotonic()
        if now - self._refused_at.get(actor, -REFUSAL_EVERY_S) < REFUSAL_EVERY_S:
            return
        if len(self._refused_at) > 10_000:
            self._refused_at.clear()
        self._refused_at[actor] = now
        what = {"method": scope["method"], "path": scope["path"][:300]}
        task = asyncio.get_running_loop().create_task(self._audit_refusal(what, actor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _audit_refusal(self, what: dict[str, Any], actor: str) -> None:
        try:
            await self.ctx.record("access_refused", what, actor=actor)
        except Refusal as refusal:
            _log.warning("cannot record a refusal", code=refusal.code, actor=actor, **what)

    async def _events(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = self._permitted(scope, "POST", "/api/v1/events", in_query=True)
        await self.ingest.events(scope, receive, send, who)

    def _permitted(
        self, scope: Scope, method: str, route: str, *, in_query: bool = False, changes: bool | None = None
    ) -> Principal:
        """Who asks, if they hold the route's permission in some namespace."""
        who = scope["user"] = authenticate(scope, self.ctx.access, in_query=in_query, changes=changes)
        check(who, self._declared.get((method, route)))
        assert who is not None
        return who

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/api/v1/stream" and scope["method"] == "GET":
            await guarded(self._stream(scope, receive, send), send)
        elif scope["method"] == "GET" and (consumed := _CONSUMED(scope["path"])):
            await guarded(self._consume(scope, receive, send, *consumed.groups()), send)
        elif scope["path"] == "/api/v1/openapi.json" and scope["method"] == "GET":
            await answer(send, 200, JSON, await self._described())
        else:
            await guarded(self._litestar(scope, receive, send), send)

    async def _described(self) -> bytes:
        """The OpenAPI document, made when it is first asked for: that takes a second, which no start should."""
        if self._document is None:
            self._document = asyncio.ensure_future(asyncio.to_thread(lambda: msgspec.json.encode(self.document())))
        return await asyncio.shield(self._document)

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return openapi.build(self.litestar, OUTSIDE)

    async def _litestar(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._methods.require(scope["method"], scope["path"])
        public = scope["path"] == "/api/v1/sign-in" or scope["path"].startswith("/api/v1/links/")
        # Whoever signs in need not prove anything about the session that they may still have.
        scope["user"] = None if public else authenticate(scope, self.ctx.access)
        _same_site(scope)
        if scope["method"] not in SAFE_METHODS:
            # Read here, so that it has a bound in time and size before it is known what it is for.
            most = PUBLIC_LIMIT if public else self.ctx.config.limits.body_bytes
            _, receive = await with_body(scope, receive, most)

        async def hardened(message: Any) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                more = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
                message["headers"] = [*message["headers"], *(one for one in more if one[0] not in names)]
            await send(message)

        await self.litestar(scope, receive, hardened)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = self._permitted(scope, "GET", "/api/v1/stream")
        query = Request(scope).query_params
        last = header(scope, b"last-event-id")
        await self.ctx.hub.serve(
            scope,
            receive,
            send,
            principal=who,
            types=_parts(query.getall("types", [])),
            wanted=_parts(query.getall("namespace", [])),
            logs=_parts(query.getall("log", [])),
            last_event_id=last.decode("latin-1") if last else query.get("last_event_id"),
            still_valid=partial(self._still, scope, who),
        )

    async def _consume(self, scope: Scope, receive: Receive, send: Send, namespace: str, name: str) -> None:
        who = self._permitted(scope, "GET", "/api/v1/subscriptions/{namespace}/{name}/events")
        query = Request(scope).query_params
        still = partial(self._still, scope, who)
        page = await subscriptions.consume(self.ctx, who, scope, receive, send, namespace, name, query, still)
        if page is not None:
            await answer(send, 200, JSON, page)

    def _still(self, scope: Scope, who: Principal) -> bool:
        try:
            return authenticate(scope, self.ctx.access) == who
        except Refusal:
            return False

    async def _outside(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if path in ("/healthz", "/readyz", "/metrics"):
            _only(scope, "GET", "HEAD")
            if path == "/metrics":
                self._permitted(scope, "GET", path)
            routes: dict[str, Callable[[Send], Any]] = {
                "/healthz": self.health.healthz,
                "/readyz": self.health.readyz,
                "/metrics": self.health.metrics,
            }
            await routes[path](send)
        elif source := _SOURCE(path):
            _only(scope, "POST")
            receive = await with_form_token(scope, receive, self.ctx.config.limits.body_bytes)
            who = self._permitted(scope, "POST", "/in/{source}", in_query=True)
            await self.ingest.source(scope, receive, send, who, source[1])
        elif beat := _HEARTBEAT(path):
            _only(scope, "GET", "POST")
            who = self._permitted(scope, method, "/heartbeat/{namespace}/{monitor}", in_query=True, changes=True)
            await self.ingest.heartbeat(scope, receive, send, who, beat[1], beat[2])
        elif path.startswith("/alertmanager/"):
            await self.protocols.alertmanager(scope, receive, send)
        elif path.startswith("/pagerduty/"):
            await self.protocols.pagerduty(scope, receive, send)
        else:
            raise Refusal("request.not_found", path[:200])


def _same_site(scope: Scope) -> None:
    """Raises `Refusal` auth.csrf for a change that a page of another site has a browser make."""
    if scope["method"] not in SAFE_METHODS and header(scope, b"sec-fetch-site") == b"cross-site":
        raise Refusal("auth.csrf", "The request comes from a page of another site")


def _only(scope: Scope, *methods: str) -> None:
    if scope["method"] not in methods:
        allow = ", ".join(methods)
        raise Refusal("request.method_not_allowed", f"{scope['method']}; {allow} are taken", allow=allow)


def _parts(values: list[str]) -> tuple[str, ...]:
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())[:100]


def _litestar(ctx: Context, ingest: Ingest, catalogue: Catalogue, landscape: Landscape) -> Litestar:
    for handler in HANDLERS:
        permission = handler.opt.get("permission")
        if permission not in PERMISSIONS and permission not in (PUBLIC, SIGNED_IN):
            raise ValueError(f"{handler.handler_name} declares the permission {permission!r}, which is none")
    return Litestar(
        route_handlers=HANDLERS,
        path="/api/v1",
        guards=[permission_guard],
        dependencies={
            "ctx": Provide(lambda: ctx, sync_to_thread=False),
            "ingest": Provide(lambda: ingest, sync_to_thread=False),
            "catalogue": Provide(_after_who(catalogue), sync_to_thread=False),
            "landscape": Provide(_after_who(landscape), sync_to_thread=False),
            "who": Provide(_who),
            "narrowing": Provide(filters),
        },
        exception_handlers={Refusal: on_refusal, HTTPException: on_http_exception, Exception: on_error},
        openapi_config=OpenAPIConfig(
            title="OnCue",
            version=__version__,
            description="Event-driven IT operations: sense, decide by policy, respond.",
            use_handler_docstrings=True,
            render_plugins=[],
            enabled_endpoints=set(),
            path="/openapi",
            operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        ),
        logging_config=None,
        response_class=Response,
        request_max_body_size=ctx.config.limits.body_bytes,
    )


async def _who(request: Request[Any, Any, Any], ctx: Ctx) -> Principal | None:
    """It asks for `ctx`, which it does not need: what depends on each other is found one after the other. What does not,
    Litestar has found at once, in a task each, which takes longer than most requests."""
    principal: Principal | None = request.scope.get("user")
    return principal


def _after_who(given: T) -> Callable[[Principal], T]:
    def provide(who: Who) -> T:
        return given

    return provide
