"""Sends events to a webhook: CloudEvents' HTTP binding, signed, and asked for first.

Sources: CloudEvents HTTP Protocol Binding 1.0.2, sections 3.1 to 3.3; HTTP 1.1 Web Hooks for Event Delivery 1.0.2, sections
2 and 4; Standard Webhooks 1.0.0.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from oncue.core.duration import seconds
from oncue.core.manifest import Manifest
from oncue.core.subscription import WebhookDelivery
from oncue.runtime.feed import Item
from oncue.runtime.surroundings import Surroundings
from oncue.sdk import ActionError, Context, fetch
from oncue.sdk.http import Fetched
from oncue.sdk.signing import signature, signing_key

FRESH_S: Final = 30.0
"""Secrets, and exceptions to the guard, are read anew after so long; so is a name resolved."""
ANSWER_BYTES: Final = 4_096
SHOWN: Final = 300
LONGEST_RETRY_AFTER_S: Final = 3_600.0
JSON: Final = "application/json"

About = Literal["taken", "event", "passing", "away", "gone"]


class Outcome(NamedTuple):
    """What became of a request."""

    about: About
    """`taken`; `event`: it is wrong with the event, another try is in vain; `passing`: it may be; `away`: the consumer
    takes nothing at present; `gone`: it wants no more."""
    code: str = ""
    detail: str = ""
    after_s: float | None = None
    """How long the consumer asks to be left alone."""


TAKEN: Final = Outcome("taken")

_EVENT: Final = frozenset((400, 406, 409, 411, 412, 413, 414, 415, 416, 417, 422, 423, 424, 428, 431, 451))
"""Answers that are about this event alone."""
_PASSING: Final = frozenset((408, 425, 500, 501, 505, 506, 507, 508, 510))
"""Answers that may be about this event, and may pass."""


def outcome(status: int, headers: dict[str, str], text: str, now: datetime) -> Outcome:
    """What an answer means."""
    if 200 <= status < 300:
        return TAKEN
    detail = f"status {status}: {text.strip()[:SHOWN]}".rstrip(": ")
    if status == 410:
        return Outcome("gone", "webhook.gone", detail)
    after_s = retry_after_s(headers.get("retry-after"), now)
    if status == 429:
        return Outcome("away", "webhook.throttled", detail, after_s)
    about: About = "event" if status in _EVENT else "passing" if status in _PASSING else "away"
    return Outcome(about, "webhook.status", detail, after_s)


def retry_after_s(text: str | None, now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for: a number, or a date (RFC 9110, section 10.2.3). None if it is neither."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text), LONGEST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), LONGEST_RETRY_AFTER_S)


class Request(NamedTuple):
    """One request that carries events."""

    headers: dict[str, str]
    body: bytes


def encoded(items: Sequence[Item], mode: str) -> Request:
    """The events as the HTTP binding has them."""
    if mode == "batch":
        return Request(
            {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"},
            b"[%s]" % b",".join(item.body for item in items),
        )
    if mode == "structured":
        return Request({"Content-Type": "application/cloudevents+json; charset=utf-8"}, items[0].body)
    return binary(items[0].body)


def binary(document: bytes) -> Request:
    """An event in binary mode: attributes as headers, `data` as the body."""
    event = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    data, encoded_data = event.pop("data", None), event.pop("data_base64", None)
    attributes = {name: msgspec.json.decode(value) for name, value in event.items()}
    kind = attributes.pop("datacontenttype", None)
    headers = {f"ce-{name}": _header(value) for name, value in attributes.items() if value is not None}
    if encoded_data is not None:
        body = msgspec.json.decode(encoded_data, type=bytes)
    elif data is None:
        return Request(headers, b"")
    elif kind is None or _is_json(str(kind)):
        body = bytes(data)
    else:
        value = msgspec.json.decode(data)
        body = value.encode() if isinstance(value, str) else bytes(data)
    headers["Content-Type"] = _header(kind) if kind is not None else JSON
    return Request(headers, body)


def _is_json(kind: str) -> bool:
    essence = kind.partition(";")[0].strip().lower()
    return essence.endswith(("/json", "+json"))


_PLAIN: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


def _header(value: Any) -> str:
    """An attribute's value as a header: percent-encoded UTF-8 but for printable ASCII."""
    text = value if isinstance(value, str) else "true" if value is True else "false" if value is False else str(value)
    return quote(text, safe=_PLAIN)


class Poster:
    """Requests to the webhook of one subscription."""

    def __init__(self, manifest: Manifest, webhook: WebhookDelivery, surroundings: Surroundings) -> None:
        self.id: Final = f"{manifest.namespace}/{manifest.name}"
        self._namespace = manifest.namespace
        self._webhook = webhook
        self._surroundings = surroundings
        self._timeout_s = seconds(webhook.timeout)
        self._line: _Line | None = None

    async def close(self) -> None:
        """End the connections."""
        line, self._line = self._line, None
        if line is not None:
            await line.client.aclose()

    async def ask(self) -> tuple[Outcome, float | None]:
        """Whether the address agrees to be sent to, and to how many requests a minute; None is any number.

        A 2xx alone is no consent: the answer must allow our origin (section 4.2).
        """
        origin = urlsplit(self._surroundings.base_url).hostname or "oncue"
        answer = await self._exchange("OPTIONS", {"WebHook-Request-Origin": origin}, None)
        if isinstance(answer, Outcome):
            return answer, None
        if answer.status == 410:
            return outcome(answer.status, answer.headers, answer.text, datetime.now(UTC)), None
        allowed = answer.headers.get("webhook-allowed-origin", "").strip()
        if not 200 <= answer.status < 300 or allowed.lower() not in ("*", origin.lower()):
            detail = (
                f"status {answer.status}, WebHook-Allowed-Origin {allowed[:100]!r}: it does not agree to be sent to by "
                f"{origin}; `handshake: false` is for consumers that do not know the handshake"
            )
            return Outcome("away", "webhook.handshake", detail), None
        return TAKEN, _rate(answer.headers.get("webhook-allowed-rate"))

    async def post(self, items: Sequence[Item]) -> Outcome:
        """Send the events in one request."""
        webhook = self._webhook
        try:
            request = encoded(items, webhook.mode)
        except (msgspec.DecodeError, RecursionError) as error:
            return Outcome("event", "event.malformed", str(error)[:SHOWN])
        answer = await self._exchange("POST", {**request.headers, **_named(self.id, items)}, request.body)
        if isinstance(answer, Outcome):
            return answer
        told = outcome(answer.status, answer.headers, answer.text, datetime.now(UTC))
        return told._replace(detail=self._masked(told.detail))

    async def _exchange(self, method: str, headers: dict[str, str], body: bytes | None) -> Fetched | Outcome:
        try:
            async with asyncio.timeout(self._timeout_s):
                line = await self._connected()
                if body is not None:
                    now = int(time.time())
                    headers["webhook-timestamp"] = str(now)
                    signed = [signature(key, headers["webhook-id"], now, body) for key in line.keys]
                    if signed:
                        headers["webhook-signature"] = " ".join(signed)
                return await fetch(
                    line.client, method, line.url, headers={**line.headers, **headers}, private_headers=line.private,
                    content=body, body_limit=ANSWER_BYTES,
                )  # fmt: skip
        except TimeoutError:
            await self.close()
            return Outcome("away", "timeout", f"no answer within {self._timeout_s:g} s")
        except ActionError as error:
            detail = self._masked(error.detail)
            await self.close()
            return Outcome("away", error.code, detail[:SHOWN])

    def _masked(self, text: str) -> str:
        return self._line.context.mask.text(text) if self._line is not None else text

    async def _connected(self) -> "_Line":
        if self._line is not None and time.monotonic() - self._line.at < FRESH_S:
            return self._line
        await self.close()
        context = self._surroundings.context(self._namespace, self.id, 1, self._timeout_s)
        self._line = await asyncio.to_thread(_line, self._webhook, context)
        return self._line


class _Line(NamedTuple):
    """A client, and what it sends with each request."""

    at: float
    client: httpx.AsyncClient
    context: Context
    url: str
    headers: dict[str, str]
    private: dict[str, str]
    keys: list[bytes]


def _line(webhook: WebhookDelivery, context: Context) -> _Line:
    """Raises `ActionError` secret.not_found, webhook.secret."""
    url = context.secret(webhook.url) if webhook.url.startswith("secret://") else webhook.url
    hidden = {name: context.secret(value) for name, value in webhook.headers.items() if value.startswith("secret://")}
    if webhook.token is not None:
        hidden["Authorization"] = f"Bearer {context.secret(webhook.token)}"
    keys = [signing_key(context.secret(reference)) for reference in webhook.secrets]
    plain = {name: value for name, value in webhook.headers.items() if name not in hidden}
    client = context.guard.client(timeout_s=seconds(webhook.timeout))
    return _Line(time.monotonic(), client, context, url, plain, hidden, keys)


def _named(id: str, items: Sequence[Item]) -> dict[str, str]:
    """What tells a consumer which request this is: the same for every try."""
    first, last = items[0].position, items[-1].position
    name = hashlib.blake2b(f"{id}/{first}/{last}/{len(items)}".encode(), digest_size=12).hexdigest()
    return {"webhook-id": f"msg_{name}", "oncue-subscription": id, "oncue-position": f"0-{last}"}


def _rate(text: str | None) -> float | None:
    """`WebHook-Allowed-Rate`: requests a minute, or `*`."""
    try:
        found = float(text) if text is not None else 0.0
    except ValueError:
        return None
    return found if found > 0 else None
