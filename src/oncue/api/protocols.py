"""The endpoints of protocols that others already speak: what they need from this server is handed to them here."""

import hmac
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Text, cast, func, select

from oncue.access.records import Secret
from oncue.access.roles import Principal, allowed, namespaces
from oncue.access.secrets import SCHEME, load_key, unseal
from oncue.api.asgi import Receive, Scope, Send, answer, read_body
from oncue.api.catalogue import Catalogue
from oncue.api.connection import Respond
from oncue.api.context import Context, document
from oncue.api.guard import authenticate, check, header
from oncue.api.ingest import Ingest, Outcome
from oncue.api.problems import body_of
from oncue.core.alert import Alert
from oncue.core.errors import Refusal
from oncue.core.silence import Silence
from oncue.plugins.sources.alertmanager_endpoint import AlertmanagerEndpoint
from oncue.plugins.sources.alertmanager_endpoint import permission as alertmanager_permission
from oncue.plugins.sources.alertmanager_endpoint import refused as alertmanager_refused
from oncue.plugins.sources.pagerduty import PagerDutyEndpoint, Sender
from oncue.sdk.source import Reply, Request
from oncue.store.queries import Filters, entities, entity_body
from oncue.store.schema import entity

LISTED: int = 20_000
"""Alerts or silences that one question lists."""


PAGERDUTY_LIMIT: Final = 1_048_576
"""Bytes of a body that is read before it is known who sends it; PagerDuty's own limit is half of it."""


class Protocols:
    """Serves `/alertmanager` and `/pagerduty`."""

    def __init__(self, ctx: Context, ingest: Ingest, catalogue: Catalogue) -> None:
        self._ctx = ctx
        self._ingest = ingest
        self._catalogue = catalogue
        self._keys: dict[str, str] = {}
        self._limit = ctx.config.limits.body_bytes
        self._alertmanager = AlertmanagerEndpoint(
            ingest=ingest,
            command=self._command,
            query_alerts=self._alerts,
            query_silences=self._silences,
            version=version("oncue"),
        )
        self._pagerduty = PagerDutyEndpoint(
            ingest=ingest, command=self._command, resolve_key=self._sender, find_alert=self._find_alert
        )

    async def alertmanager(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/alertmanager/*`; the permission depends on what is asked. Refusals have Alertmanager's form, too."""
        try:
            reply = await self._alertmanager_reply(scope, receive)
        except Refusal as refusal:
            reply = _refused(refusal)
        await _reply(send, reply)

    def at_once(self, scope: Scope, body: bytes, respond: Respond) -> bool:
        """A post of alerts without a task, if nothing is wrong with it: False, with nothing done, otherwise.

        Raises `Refusal` where `alertmanager` would answer with one.
        """
        if len(body) > self._limit or header(scope, b"content-encoding") is not None:
            return False
        who = scope["user"] = authenticate(scope, self._ctx.access, in_query=True)
        check(who, "event:write")
        assert who is not None
        request = _request(scope, scope["path"].removeprefix("/alertmanager"), body, place(who, "event:write"), who)

        def done(outcome: Outcome | Refusal) -> None:
            reply = _refused(outcome) if isinstance(outcome, Refusal) else Reply(status=200)
            respond(reply.status, _headers(reply), reply.body)

        return self._alertmanager.at_once(request, partial(self._ingest.hand_over, done=done))

    async def _alertmanager_reply(self, scope: Scope, receive: Receive) -> Reply:
        who = scope["user"] = authenticate(scope, self._ctx.access, in_query=True)
        path = scope["path"].removeprefix("/alertmanager")
        permission = alertmanager_permission(scope["method"], path)
        namespace = "default"
        if permission is not None:
            check(who, permission)
            assert who is not None
            namespace = place(who, permission)
        body = await read_body(scope, receive, self._limit)
        request = _request(scope, path, body, namespace, who)
        return await self._alertmanager(request)

    async def pagerduty(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`/pagerduty/*`; the routing key in the body is the credential."""
        body = await read_body(scope, receive, min(self._limit, PAGERDUTY_LIMIT))
        path = scope["path"].removeprefix("/pagerduty")
        await _reply(send, await self._pagerduty(_request(scope, path, body, "default", None)))

    async def _command(
        self, type: str, data: dict[str, Any], *, namespace: str, actor: str | None, person: str | None = None
    ) -> dict[str, Any]:
        taken = await self._ctx.client.submit(
            [document(type, data)], namespace=namespace, origin="api", actor=actor, person=person, urgent=True
        )
        if taken.rejected:
            _, code, detail = taken.rejected[0]
            return {"code": code, "detail": detail, "data": None}
        reply = taken.replies[0] if taken.replies else None
        return reply if isinstance(reply, dict) else {"code": None, "detail": "", "data": None}

    async def _alerts(self, namespace: str) -> list[Alert]:
        filters = Filters(state=("firing",), namespace=(namespace,), limit=LISTED)
        page = await self._ctx.queries.run(partial(entities, kind="alert", filters=filters))
        return [msgspec.json.decode(body, type=Alert) for body in page.items]

    async def _silences(self, namespace: str) -> list[Silence]:
        filters = Filters(namespace=(namespace,), limit=LISTED)
        page = await self._ctx.queries.run(partial(entities, kind="silence", filters=filters))
        return [msgspec.json.decode(body, type=Silence) for body in page.items]

    async def _find_alert(self, namespace: str, fingerprint: str) -> Alert | None:
        body = await self._ctx.queries.run(partial(_firing, namespace=namespace, fingerprint=fingerprint))
        return None if body is None else msgspec.json.decode(body, type=Alert)

    async def _sender(self, routing_key: str) -> Sender | None:
        found = None
        for manifest in self._catalogue.sources:
            reference = manifest.spec.get("routing_key")
            if manifest.spec.get("type") != "pagerduty" or not isinstance(reference, str):
                continue
            secret = self._ctx.access.secrets.get(f"{manifest.namespace}/{reference.removeprefix(SCHEME)}")
            # Every key is compared, so that the time taken does not tell how far a guess got.
            if secret is not None and hmac.compare_digest(self._opened(secret).encode(), routing_key.encode()):
                found = Sender(
                    name=manifest.name,
                    namespace=manifest.namespace,
                    service=manifest.spec.get("service"),
                    labels=manifest.spec.get("labels") or {},
                )
        return found

    def _opened(self, secret: Secret) -> str:
        value = self._keys.get(secret.sealed)
        if value is None:
            if len(self._keys) > 1_000:
                self._keys.clear()
            try:
                value = unseal(load_key(self._ctx.config.data), secret)
            except Refusal:
                value = ""
            self._keys[secret.sealed] = value
        return value


def place(who: Principal, permission: str) -> str:
    """The namespace in which the principal holds the permission: its own, else the first. Raises access.denied."""
    if allowed(who, permission, who.home):
        return who.home
    held = namespaces(who, permission)
    if not held:
        raise Refusal("access.denied", f"It needs the permission {permission}")
    return min(held)


def _firing(connection: Connection, namespace: str, fingerprint: str) -> bytes | None:
    id = connection.execute(
        select(entity.c.id)
        .where(
            entity.c.kind == "alert",
            entity.c.state == "firing",
            entity.c.namespace == namespace,
            func.json_extract(cast(entity.c.body, Text), "$.fingerprint") == fingerprint,
        )
        .limit(1)
    ).scalar()
    row = entity_body(connection, "alert", id) if id is not None else None
    return None if row is None else row[1]


def _request(scope: Scope, path: str, body: bytes, namespace: str, who: Principal | None) -> Request:
    return Request(
        method=scope["method"],
        path=path,
        query=scope["query_string"],
        headers=list(scope["headers"]),
        body=body,
        namespace=namespace,
        actor=who.actor if who is not None else None,
        person=who.behind if who is not None else None,
    )


def _refused(refusal: Refusal) -> Reply:
    """In Alertmanager's form, with the headers of ours."""
    reply = alertmanager_refused(refusal)
    reply.headers = {name.decode(): value.decode() for name, value in body_of(refusal)[2] if name != b"content-type"}
    return reply


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    if reply.content_type is not None:
        headers.append((b"content-type", reply.content_type.encode()))
    return [*headers, (b"x-content-type-options", b"nosniff")]


async def _reply(send: Send, reply: Reply) -> None:
    await answer(send, reply.status, _headers(reply), reply.body)
