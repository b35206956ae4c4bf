"""The action `prometheus.query`: what a PromQL query answers, at an instant or over a range.

For servers that speak Prometheus' HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.plugins import promql
from oncue.plugins.promql import Series, Server
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc
from oncue.sdk.http import ERRORS as HTTP_ERRORS

BYTES_LIMIT: Final = 60 * 1024
"""Of the series' JSON: series are left out rather than cut."""
POINTS: Final = 60
"""Of a range, unless `step` says otherwise."""
POINTS_LIMIT: Final = 11_000
"""What Prometheus itself gives of a series at most."""

_SHARE: Final = 0.9
"""Of the time that is left: the server ends the query before, and says so."""
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Length = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h|d)$")]


class Inputs(Server, kw_only=True, forbid_unknown_fields=True):
    """Which server, and what to ask it."""

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
    """PromQL."""
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    """The instant, or the end of the range, as `2026-03-01T03:00:00Z`; by default now."""
    range: Length | None = None
    """How far back from there, as `1h`; without it the query is of one instant."""
    step: Length | None = None
    """Between two points of a range, as `1m`; by default a sixtieth of it."""
    expect: Literal["one", "any"] = "any"
    """`one` fails unless the answer is exactly one series, whose `value` is then at hand."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=promql.SERIES_LIMIT)] = 100
    """Series that are kept at most; all of them have 60 KB at most."""


class Point(msgspec.Struct):
    """A value at an instant."""

    at: str
    """RFC 3339."""
    value: float | None
    """None is NaN or infinity, for which JSON has no number."""


class Found(msgspec.Struct, kw_only=True):
    """One series."""

    name: str
    """Of the metric; empty if the query has computed something."""
    labels: dict[str, str]
    """What tells it from the others."""
    value: float | None
    """The newest one; None is NaN or infinity."""
    points: list[Point]
    """Of a range, from the oldest to the newest; empty of an instant."""


class Outputs(msgspec.Struct, kw_only=True):
    """What the server answered."""

    value: float | None = None
    """Of the only series; None if there are none or several."""
    series: list[Found]
    """Each series."""
    count: int
    """Series of the answer, whether or not they were kept."""
    truncated: bool
    """Whether series were left out."""
    warnings: list[str]
    """The server's own."""
    duration_ms: float
    """From the request to the end of the answer."""


class PrometheusQuery:
    """Asks Prometheus."""

    name = "prometheus.query"
    inputs = Inputs
    outputs = Outputs
    errors = (
        *HTTP_ERRORS,
        *promql.ERRORS,
        ErrorDoc("prometheus.empty", "`expect: one`, and there is no series."),
        ErrorDoc("http.status", "The server fails; 408, 429 and 5xx are transient."),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """Asking twice is as good as once."""
        return "pure"

    def plan(self, inputs: Inputs) -> str:
        """The query and the server's host."""
        over = f" over {inputs.range}" if inputs.range is not None else ""
        return f"ask {promql.name_of(inputs)}{over}: {' '.join(inputs.query.split())[:500]}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The server answered, with one series if that is expected."""
        endpoint, form = _request(inputs)
        context.say(f"asking {promql.name_of(inputs)}")
        within = f"{max(1, int(context.remaining_s * _SHARE * 1000))}ms"
        answer = await promql.ask(inputs, endpoint, {**form, "timeout": within}, context)
        count = len(answer.series)
        context.say(f"{count} series")
        for warning in answer.warnings:
            context.say(warning)
        if inputs.expect == "one" and count == 0:
            raise ActionError("prometheus.empty", f"no series: {inputs.query[:500]}")
        if inputs.expect == "one" and count > 1:
            raise ActionError("prometheus.too_many", f"{count} series where one is expected: {inputs.query[:500]}")
        found = [_found(one, ranged=answer.kind == "matrix") for one in answer.series]
        kept = _kept(found, inputs.limit)
        return Outputs(
            value=found[0].value if count == 1 else None,
            series=kept,
            count=count,
            truncated=len(kept) < count,
            warnings=answer.warnings,
            duration_ms=answer.duration_ms,
        )


def _request(inputs: Inputs) -> tuple[str, dict[str, str]]:
    """The endpoint and its form. Raises `ActionError` inputs.invalid."""
    if inputs.range is None:
        if inputs.step is not None:
            raise ActionError("inputs.invalid", "step: there is one only of a range")
        at = {"time": f"{inputs.at.timestamp():.3f}"} if inputs.at is not None else {}
        return "query", {"query": inputs.query, **at}
    back_s = _seconds(inputs.range)
    step_s = _seconds(inputs.step) if inputs.step is not None else max(1.0, back_s / POINTS)
    if not 0 < step_s <= back_s or back_s / step_s > POINTS_LIMIT:
        raise ActionError("inputs.invalid", f"step: between a {POINTS_LIMIT}th of the range and all of it")
    end_s = (inputs.at or datetime.now(UTC)).timestamp()
    form = {"start": f"{end_s - back_s:.3f}", "end": f"{end_s:.3f}", "step": f"{step_s:.3f}"}
    return "query_range", {"query": inputs.query, **form}


def _seconds(length: str) -> float:
    number = length.rstrip("mshd")
    return float(number) * _SECONDS[length[len(number) :]]


def _found(series: Series, *, ranged: bool) -> Found:
    points = [Point(datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"), value) for at, value in series.points]  # fmt: skip
    return Found(
        name=series.labels.get("__name__", ""),
        labels=promql.labels_of(series),
        value=points[-1].value if points else None,
        points=points if ranged else [],
    )


def _kept(found: list[Found], limit: int) -> list[Found]:
    kept: list[Any] = []
    size = 0
    for one in found[:limit]:
        size += len(msgspec.json.encode(one)) + 1
        if size > BYTES_LIMIT:
            break
        kept.append(one)
    return kept
