"""Asking servers that speak Prometheus' HTTP API (Prometheus, Thanos, Mimir, VictoriaMetrics), for the monitor and the action.

Built from the published API: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import math
from collections.abc import Iterable
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from oncue.sdk import ActionError, Context, ErrorDoc, Place, SecretRef, fetch, place_of

SERIES_LIMIT: Final = 1000
ANSWER_LIMIT: Final = 8 * 1024 * 1024

ERRORS: Final = (
    ErrorDoc("prometheus.query", "The server refuses the query; the detail is its own words."),
    ErrorDoc("prometheus.credentials", "The server wants other credentials (401 or 403)."),
    ErrorDoc("prometheus.result", "The answer is not of the kind that is needed here: a scalar, or series of numbers."),
    ErrorDoc("prometheus.too_many", f"The answer holds more than {SERIES_LIMIT} series: aggregate, or use topk."),
)
"""What any plugin that asks may report, besides those of HTTP."""


class Server(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which server, and how it knows us."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=4096)]
    """Of the server, as `http://prometheus:9090`; with the path that stands before `/api/v1`, if there is one."""
    headers: dict[str, str] = {}
    """As `X-Scope-OrgID`."""
    token: SecretRef | None = None
    """Sent as `Authorization: Bearer VALUE`."""
    verify_tls: bool = True
    """Whether its certificate must be valid."""

    @staticmethod
    def reaches(given: dict[str, Any]) -> Iterable[Place | None]:
        """The server."""
        return (place_of(given["url"]),)


class Series(msgspec.Struct):
    """One series of an answer."""

    labels: dict[str, str]
    """Its name, if it has one, is the label `__name__`."""
    points: list[tuple[float, float | None]]
    """Seconds since 1970 and value; one point of an instant query. None is what JSON has no number for: NaN, infinity."""


class Answer(msgspec.Struct):
    """What the server answered."""

    kind: str
    """`scalar`, `vector`, or `matrix` for several points of each series."""
    series: list[Series]
    warnings: list[str]
    duration_ms: float


class _Vector(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Matrix(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Said(msgspec.Struct, rename="camel"):
    data: _Data | None = None
    error: str = ""
    error_type: str = ""
    warnings: list[str] = []


def name_of(server: Server) -> str:
    """The server's host."""
    return urlsplit(server.url).hostname or server.url


async def ask(server: Server, endpoint: str, form: dict[str, str], context: Context) -> Answer:
    """What `query` or `query_range` answers.

    Raises `ActionError` with the codes of `ERRORS` and of HTTP, timeout, and http.status for any other failure.
    """
    private = {"Authorization": f"Bearer {context.secret(server.token)}"} if server.token else {}
    async with context.client(verify=server.verify_tls) as client:
        answer = await fetch(
            client,
            "POST",
            f"{server.url.rstrip('/')}/api/v1/{endpoint}",
            headers={**server.headers, "content-type": "application/x-www-form-urlencoded"},
            private_headers=private,
            content=urlencode(form).encode(),
            body_limit=ANSWER_LIMIT,
        )
    if answer.status in (401, 403):
        raise ActionError("prometheus.credentials", f"status {answer.status}: {answer.text[:300]}")
    if answer.truncated:
        raise ActionError("prometheus.too_many", f"the answer is longer than {ANSWER_LIMIT} bytes")
    said = _said(answer.body)
    if answer.status in (400, 422):
        raise ActionError("prometheus.query", (said.error if said is not None else answer.text)[:500])
    if said is not None and said.error_type == "timeout":
        raise ActionError("timeout", said.error[:500], transient=True)
    if answer.status != 200:
        transient = answer.status in (408, 425, 429) or answer.status >= 500
        raise ActionError("http.status", f"status {answer.status}: {answer.text[:500]}", transient=transient)
    if said is None or said.data is None:
        raise ActionError("prometheus.result", "the answer is not Prometheus'")
    series = _series(said.data)
    if len(series) > SERIES_LIMIT:
        raise ActionError("prometheus.too_many", f"{len(series)} series; {SERIES_LIMIT} are the limit")
    return Answer(said.data.result_type, series, said.warnings, round(answer.duration_ms, 2))


def _said(body: bytes) -> _Said | None:
    """The answer's envelope; None if it is not Prometheus'."""
    try:
        return msgspec.json.decode(body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _series(data: _Data) -> list[Series]:
    kind, result = data.result_type, data.result
    try:
        if kind == "scalar":
            return [_one({}, [msgspec.json.decode(result, type=tuple[float, str])])]
        if kind == "vector":
            return [_one(one.metric, [one.value]) for one in msgspec.json.decode(result, type=list[_Vector])]
        if kind == "matrix":
            return [_one(one.metric, one.values) for one in msgspec.json.decode(result, type=list[_Matrix])]
    except msgspec.DecodeError as error:
        raise ActionError(
            "prometheus.result", f"the answer holds what is no number, as a histogram: {error}"
        ) from error
    raise ActionError("prometheus.result", f"the query gives a {kind}; a scalar or series are needed")


def _one(labels: dict[str, str], points: list[tuple[float, str]]) -> Series:
    return Series(labels, [(at, _number(text)) for at, text in points])


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def labels_of(series: Series) -> dict[str, Any]:
    """The labels without the name, sorted."""
    return {name: value for name, value in sorted(series.labels.items()) if name != "__name__"}
