"""Asking the HTTP APIs of other ticket systems: JSON both ways, and each failure with a code of its own."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import httpx
import msgspec

from oncue.sdk import ActionError, Context, ErrorDoc, Fetched, SecretRef, fetch
from oncue.sdk.http import ERRORS as HTTP_ERRORS

BODY_LIMIT: Final = 4_000_000
SHOWN: Final = 300

ERRORS: Final = (
    *HTTP_ERRORS,
    ErrorDoc("itsm.unauthorised", "The system does not know these credentials."),
    ErrorDoc("itsm.forbidden", "The credentials may not do this there."),
    ErrorDoc("itsm.not_found", "There is no such ticket, project or table there, or these credentials do not see it."),
    ErrorDoc("itsm.conflict", "Someone changed it at the same time.", transient=True),
    ErrorDoc("itsm.busy", "The system asks for a pause, which is kept.", transient=True),
    ErrorDoc("itsm.refused", "The system refuses what it is asked; the detail has its words."),
    ErrorDoc("itsm.unavailable", "The system fails.", transient=True),
    ErrorDoc(
        "itsm.nonsense", "The answer is not what the system's API says: HTML, or fields are missing.", transient=True
    ),
)


class Answer(NamedTuple):
    """An answer of an API."""

    body: Any
    """Its JSON; None for an empty one."""
    headers: dict[str, str]


class Exchange:
    """One API, for the time of one piece of work."""

    def __init__(
        self, client: httpx.AsyncClient, base: str, private: Mapping[str, str], accept: str = "application/json"
    ) -> None:
        self._client = client
        self._base = base.rstrip("/")
        self._private = private
        self._accept = accept

    async def ask(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """The answer to a request. Raises `ActionError` with a code of `ERRORS`."""
        url = self._base + path + (f"?{urlencode(params)}" if params else "")
        content = msgspec.json.encode(body) if body is not None else None
        given = {"Accept": self._accept, **(headers or {})}
        if content is not None:
            given["Content-Type"] = "application/json"
        answer = await fetch(
            self._client, method, url, headers=given, private_headers=self._private, content=content,
            body_limit=BODY_LIMIT,
        )  # fmt: skip
        if not 200 <= answer.status < 300:
            raise _failure(method, path, answer)
        if not answer.body:
            return Answer(None, answer.headers)
        try:
            return Answer(msgspec.json.decode(answer.body), answer.headers)
        except msgspec.DecodeError as error:
            raise nonsense(f"{method} {path} gave status {answer.status} and {answer.text[:SHOWN]!r}") from error


def basic_or_bearer(
    user: str | None, password: SecretRef | None, token: SecretRef | None, context: Context
) -> dict[str, str]:
    """The header that signs in."""
    if token is not None and user is None:
        return {"Authorization": f"Bearer {context.secret(token)}"}
    secret = password or token
    if user is None or secret is None:
        return {}
    pair = f"{user}:{context.secret(secret)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def nonsense(detail: str) -> ActionError:
    """The system did not answer as its API says."""
    return ActionError("itsm.nonsense", detail, transient=True)


def shaped(value: Any, shape: Any, what: str) -> Any:
    """The value as the API says it is. Raises `ActionError` itsm.nonsense, naming what is missing."""
    try:
        return msgspec.convert(value, shape, strict=False)
    except msgspec.ValidationError as error:
        raise nonsense(f"{what}: {error}") from error


def _failure(method: str, path: str, answer: Fetched) -> ActionError:
    detail = f"{method} {path} gave status {answer.status}: {' '.join(answer.text.split())[:SHOWN]}"
    status, pause_s = answer.status, _pause_s(answer)
    if 300 <= status < 400:
        return nonsense(f"{detail}; it leads to {answer.headers.get('location', 'nowhere')}")
    if status == 401:
        return ActionError("itsm.unauthorised", detail)
    if status == 429 or (status in (403, 503) and pause_s is not None):
        return ActionError("itsm.busy", detail, transient=True, retry_after_s=pause_s)
    if status == 403:
        return ActionError("itsm.forbidden", detail)
    if status in (404, 410):
        return ActionError("itsm.not_found", detail)
    if status == 409:
        return ActionError("itsm.conflict", detail, transient=True)
    if status >= 500 or status in (408, 425):
        return ActionError("itsm.unavailable", detail, transient=True)
    return ActionError("itsm.refused", detail)


def _pause_s(answer: Fetched) -> float | None:
    """Seconds that `Retry-After` asks for, in either of its forms (RFC 9110, section 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
