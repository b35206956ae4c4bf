"""The monitor `http`: whether an address answers as it should, how fast, and how long its certificate lasts."""

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
import re2

from oncue.sdk import ActionError, Context, ErrorDoc, Fault, Fetched, MetricDoc, Probe, Reading, SecretRef, fetch

_CANNOT = ("outbound.refused", "http.url", "secret.not_found")
"""Errors that say nothing about the target: the monitor itself cannot work."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to ask, and what the answer should be."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=4096)]
    method: Literal["GET", "HEAD"] = "GET"
    headers: dict[str, str] = {}
    secret: SecretRef | None = None
    """Sent as `Authorization: Bearer VALUE`."""
    expect: tuple[int, ...] = ()
    """Statuses that are good; empty takes 200 to 399."""
    body: str | None = None
    """An RE2 expression that must be found in the first 256 KiB of the body."""
    body_absent: str | None = None
    """An RE2 expression that must not be found there."""
    follow_redirects: bool = True
    verify_tls: bool = True


class Http:
    """Asks once per probe. That the target does not answer is a finding, not an error of the monitor."""

    name = "http"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("http.up", "", "Up", "1 if the answer was as it should be, else 0."),
        MetricDoc("http.latency", "ms", "Latency", "From the request to the end of the body, redirects included."),
        MetricDoc("http.status", "", "Status", "The answer's status."),
        MetricDoc("http.tls_days", "d", "Certificate", "Days until the certificate expires."),
    )
    errors = (
        ErrorDoc("outbound.refused", "The address is not allowed; an OutboundAllow manifest opens an exception."),
        ErrorDoc("inputs.invalid", "`body` or `body_absent` is not an RE2 expression."),
    )

    def subject(self, settings: Settings) -> str:
        """The URL's host."""
        return urlsplit(settings.url).hostname or settings.url

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One request."""
        private = {"Authorization": f"Bearer {context.secret(settings.secret)}"} if settings.secret else {}
        try:
            async with context.client(verify=settings.verify_tls) as client:
                answer = await fetch(
                    client,
                    settings.method,
                    settings.url,
                    headers=settings.headers,
                    private_headers=private,
                    follow_redirects=settings.follow_redirects,
                    body_limit=256 * 1024,
                )
        except ActionError as error:
            if error.code in _CANNOT:
                raise
            return Probe(
                readings=[Reading(metric="http.up", value=0.0, unit="")],
                fault=Fault(code=error.code, title=f"{_place(settings)} does not answer", detail=error.detail),
            )
        fault = _fault(settings, answer)
        readings = [
            Reading(metric="http.up", value=0.0 if fault else 1.0, unit=""),
            Reading(metric="http.latency", value=round(answer.duration_ms, 2), unit="ms"),
            Reading(metric="http.status", value=float(answer.status), unit=""),
        ]
        if answer.tls_expires_at is not None:
            days = (answer.tls_expires_at - at).total_seconds() / 86_400
            readings.append(Reading(metric="http.tls_days", value=round(days, 2), unit="d"))
        return Probe(readings=readings, fault=fault)


def _fault(settings: Settings, answer: Fetched) -> Fault | None:
    good = answer.status in settings.expect if settings.expect else 200 <= answer.status < 400
    if not good:
        return Fault(
            code="http.status",
            title=f"{_place(settings)} answers with status {answer.status}",
            detail=answer.text[:500],
            value=float(answer.status),
            metric="http.status",
        )
    if settings.body is not None and not _found(settings.body, answer.text, "body"):
        return Fault(
            code="http.body",
            title=f"{_place(settings)} does not answer as it should",
            detail=f"{settings.body!r} is not in the body",
        )
    if settings.body_absent is not None and _found(settings.body_absent, answer.text, "body_absent"):
        return Fault(
            code="http.body",
            title=f"{_place(settings)} does not answer as it should",
            detail=f"{settings.body_absent!r} is in the body",
        )
    return None


def _found(expression: str, text: str, field: str) -> bool:
    try:
        return re2.search(expression, text) is not None
    except re2.error as error:
        raise ActionError("inputs.invalid", f"{field}: {error}") from error


def _place(settings: Settings) -> str:
    """The URL without user, password and query."""
    parts = urlsplit(settings.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
