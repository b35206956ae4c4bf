"""The monitor `prometheus`: what a PromQL query answers; each series of the answer is an instance of its own.

For servers that speak Prometheus' HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics.
"""

import math
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from oncue.plugins.monitors import reaching
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading, SecretRef, fetch

SERIES_LIMIT: Final = 1000
ANSWER_LIMIT: Final = 8 * 1024 * 1024


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which server, and what to ask it."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=4096)]
    """Of the server, as `http://prometheus:9090`; with the path that stands before `/api/v1`, if there is one."""
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
    """PromQL; its answer is a scalar or an instant vector."""
    unit: Annotated[str, msgspec.Meta(max_length=16)] = ""
    """Of the values, as `%`, `B`, `s`, `ms`."""
    by: tuple[str, ...] = ()
    """The labels that tell the series apart, in this order; empty takes all."""
    empty_is_fault: bool = True
    """Whether an answer without series is bad. False suits queries that answer only if something is wrong."""
    headers: dict[str, str] = {}
    """As `X-Scope-OrgID`."""
    token: SecretRef | None = None
    """Sent as `Authorization: Bearer VALUE`."""
    verify_tls: bool = True


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class Prometheus:
    """Asks once per probe, for the present moment of the server's own clock."""

    name = "prometheus"
    settings = Settings
    primary = "prometheus.value"
    remote = True
    passive = False
    metrics = (
        MetricDoc("prometheus.value", "", "Value", "A series' value, in the unit that the manifest says."),
        MetricDoc("prometheus.series", "", "Series", "How many series the answer holds."),
        MetricDoc("prometheus.time", "ms", "Query time", "From the request to the end of the answer."),
    )
    errors = (
        reaching.REFUSED,
        ErrorDoc("prometheus.query", "The server refuses the query; the detail is its own words."),
        ErrorDoc("prometheus.credentials", "The server wants other credentials (401 or 403)."),
        ErrorDoc("prometheus.result", "The answer is neither a scalar nor an instant vector."),
        ErrorDoc("prometheus.too_many", f"The answer holds more than {SERIES_LIMIT} series: aggregate, or use topk."),
        ErrorDoc("prometheus.by", "Two series of the answer cannot be told apart by the labels of `by`."),
    )

    def subject(self, settings: Settings) -> str:
        """The server's host."""
        return urlsplit(settings.url).hostname or settings.url

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One query."""
        private = {"Authorization": f"Bearer {context.secret(settings.token)}"} if settings.token else {}
        parts = urlsplit(settings.url)
        name = parts.hostname or settings.url
        try:
            async with context.client(verify=settings.verify_tls) as client:
                answer = await fetch(
                    client,
                    "POST",
                    f"{settings.url.rstrip('/')}/api/v1/query",
                    headers={**settings.headers, "content-type": "application/x-www-form-urlencoded"},
                    private_headers=private,
                    content=urlencode({"query": settings.query}).encode(),
                    body_limit=ANSWER_LIMIT,
                )
        except ActionError as error:
            if error.code in (*reaching.CANNOT, "http.url"):
                raise
            return Probe(fault=Fault(code=error.code, title=f"Prometheus {name} does not answer", detail=error.detail))
        if answer.status in (401, 403):
            raise ActionError("prometheus.credentials", f"status {answer.status}: {answer.text[:300]}")
        if answer.status in (400, 422):
            raise ActionError("prometheus.query", _reason(answer.body))
        if answer.status != 200:
            title = f"Prometheus {name} answers with status {answer.status}"
            return Probe(fault=Fault(code="http.status", title=title, detail=answer.text[:500]))
        if answer.truncated:
            raise ActionError("prometheus.too_many", f"the answer is longer than {ANSWER_LIMIT} bytes")
        found = _series(answer.body)
        if len(found) > SERIES_LIMIT:
            raise ActionError("prometheus.too_many", f"{len(found)} series; {SERIES_LIMIT} are the limit")
        readings = _readings(settings, found)
        fault = None
        if not readings and settings.empty_is_fault:
            title = f"Prometheus {name} has no value for a query"
            fault = Fault(code="prometheus.empty", title=title, detail=settings.query[:500])
        readings.append(Reading(metric="prometheus.series", value=float(len(found)), unit=""))
        readings.append(Reading(metric="prometheus.time", value=round(answer.duration_ms, 2), unit="ms"))
        return Probe(readings=readings, fault=fault)


def _reason(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body[:300].decode("utf-8", "replace")
    return str(said.get("error", said))[:500] if isinstance(said, dict) else str(said)[:500]


def _series(body: bytes) -> list[_Series]:
    try:
        data: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])["data"]
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return [msgspec.convert({"metric": {}, "value": result}, _Series)]
        if kind == "vector":
            return msgspec.convert(result, list[_Series])
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise ActionError("prometheus.result", f"the answer is not Prometheus': {error}") from error
    raise ActionError("prometheus.result", f"the query gives a {kind}; a scalar or an instant vector is needed")


def _readings(settings: Settings, found: list[_Series]) -> list[Reading]:
    readings: dict[str, Reading] = {}
    for one in found:
        labels = {name: value for name, value in sorted(one.metric.items()) if name != "__name__"}
        told = [labels.get(name, "") for name in settings.by] if settings.by else list(labels.values())
        instance = ",".join(told)[:200]
        if instance in readings:
            by = ", ".join(settings.by) or "their labels"
            raise ActionError("prometheus.by", f"two series have {instance!r} as {by}")
        value = _number(one.value[1])
        if value is not None:
            readings[instance] = Reading(
                metric="prometheus.value", value=value, unit=settings.unit, instance=instance, labels=labels
            )
    return list(readings.values())


def _number(text: str) -> float | None:
    """None for NaN and infinities, which no limit and no chart can hold."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
