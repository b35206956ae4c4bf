"""`prometheus.query` on a real Prometheus, and on servers that answer badly."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from oncue.plugins.actions.prometheus_query import BYTES_LIMIT, Inputs, Outputs, PrometheusQuery
from oncue.sdk import ActionError, Allow, Told, registry
from oncue.sdk.testing import check_action, context
from tests.monitors import listening
from tests.prometheus import prometheus_server


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_server(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


async def ask(url: str, query: str, tmp_path: Path, *, timeout_s: float = 10, tell: Any = None, **more: Any) -> Outputs:
    inputs = registry.fit({"url": url, "query": query, **more}, Inputs)
    surroundings = context(
        tmp_path, allows=(Allow("127.0.0.1"),), secrets={"t": "token-4711"}, timeout_s=timeout_s, tell=tell
    )
    return await PrometheusQuery().run(inputs, surroundings)


async def failure(url: str, query: str, tmp_path: Path, **more: Any) -> ActionError:
    with pytest.raises(ActionError) as raised:
        await ask(url, query, tmp_path, **more)
    return raised.value


def test_the_action_is_whole_and_may_be_done_again() -> None:
    action = PrometheusQuery()
    given = {"url": "https://prometheus.example", "query": "sum(\n  up)", "range": "1h"}
    check_action(action, given)
    inputs = registry.fit(given, Inputs)
    assert action.plan(inputs) == "ask prometheus.example over 1h: sum( up)"
    assert action.effect_class(inputs) == "pure"


async def test_one_series_has_its_value_at_hand(prometheus: str, tmp_path: Path) -> None:
    told: list[Told] = []
    answer = await ask(f"{prometheus}/", "count(up)", tmp_path, expect="one", tell=told.append)
    assert (answer.value, answer.count, answer.truncated) == (2, 1, False)
    assert answer.series[0].points == []
    assert [one.text for one in told] == ["asking 127.0.0.1", "1 series"]


async def test_each_series_has_its_labels_and_its_name(prometheus: str, tmp_path: Path) -> None:
    answer = await ask(prometheus, "up", tmp_path)
    found = {one.labels["instance"]: (one.name, one.value) for one in answer.series}
    assert found == {urlsplit(prometheus).netloc: ("up", 1), "127.0.0.1:9": ("up", 0)}
    assert answer.value is None


async def test_a_scalar_is_a_series_without_labels_and_no_number_is_null(prometheus: str, tmp_path: Path) -> None:
    assert (await ask(prometheus, "2 + 3", tmp_path, expect="one")).value == 5
    for query in ("0 / 0", "1 / 0"):
        assert (await ask(prometheus, query, tmp_path, expect="one")).value is None


async def test_a_range_gives_points_from_old_to_new(prometheus: str, tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 3, tzinfo=UTC).isoformat()
    answer = await ask(prometheus, "time()", tmp_path, at=at, range="1h", step="20m", expect="one")
    (one,) = answer.series
    assert [point.at for point in one.points] == [
        f"2026-03-01T0{time}:00Z" for time in ("2:00", "2:20", "2:40", "3:00")
    ]
    assert answer.value == one.points[-1].value == datetime(2026, 3, 1, 3, tzinfo=UTC).timestamp()
    assert len((await ask(prometheus, "time()", tmp_path, range="1h")).series[0].points) == 61


async def test_an_instant_in_the_past_is_asked_for(prometheus: str, tmp_path: Path) -> None:
    assert (await ask(prometheus, "time()", tmp_path, at="1970-01-01T00:01:00Z", expect="one")).value == 60


async def test_none_and_several_fail_where_one_is_expected(prometheus: str, tmp_path: Path) -> None:
    assert (await ask(prometheus, "up > 5", tmp_path)).series == []
    assert (await failure(prometheus, "up > 5", tmp_path, expect="one")).code == "prometheus.empty"
    assert (await failure(prometheus, "up", tmp_path, expect="one")).code == "prometheus.too_many"


async def test_a_bad_expression_is_refused_in_the_servers_words(prometheus: str, tmp_path: Path) -> None:
    error = await failure(prometheus, "sum(", tmp_path)
    assert (error.code, error.transient) == ("prometheus.query", False)
    assert "parse error" in error.detail
    assert (await failure(prometheus, '"text"', tmp_path)).code == "prometheus.result"


async def test_series_are_bounded_by_number_and_size(prometheus: str, tmp_path: Path) -> None:
    all_of_it = '{__name__=~"prometheus_.*"}'
    answer = await ask(prometheus, all_of_it, tmp_path, limit=5)
    assert (len(answer.series), answer.truncated, answer.count > 100) == (5, True, True)
    soon = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()  # a value holds for five minutes
    answer = await ask(prometheus, all_of_it, tmp_path, limit=1000, range="4m", step="2s", at=soon)
    assert answer.truncated
    assert BYTES_LIMIT // 2 < sum(len(msgspec.json.encode(one)) for one in answer.series) <= BYTES_LIMIT
    answer = await ask(prometheus, "vector(1)", tmp_path, range="30d", step="10m")
    assert (answer.series, answer.count, answer.truncated, answer.value) == ([], 1, True, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"step": "1m"},
        {"range": "1h", "step": "2h"},
        {"range": "900d", "step": "1s"},
        {"range": "0s"},
        {"range": "soon"},
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    assert (await failure("http://127.0.0.1:9", "up", tmp_path, **given)).code == "inputs.invalid"


@pytest.mark.parametrize(
    ("status", "body", "code", "transient"),
    [
        (401, "no", "prometheus.credentials", False),
        (404, "no", "http.status", False),
        (503, "starting", "http.status", True),
        (503, '{"status":"error","errorType":"timeout","error":"query timed out"}', "timeout", True),
        (200, "<html>", "prometheus.result", False),
        (200, '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}',
         "prometheus.result", False),
    ],
)  # fmt: skip
async def test_what_a_server_answers_badly_has_a_code(
    tmp_path: Path, status: int, body: str, code: str, transient: bool
) -> None:
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        heads.append(head + await reader.readexactly(length))
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())

    async with listening(answer) as port:
        error = await failure(f"http://127.0.0.1:{port}/prom", "up", tmp_path, token="secret://t", timeout_s=10)
    assert (error.code, error.transient) == (code, transient)
    head, _, form = heads[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /prom/api/v1/query ")
    assert b"Authorization: Bearer token-4711" in head
    sent = parse_qs(form.decode())
    assert sent["query"] == ["up"]
    assert 0 < int(sent["timeout"][0].removesuffix("ms")) <= 9000


async def test_warnings_of_the_server_are_passed_on(tmp_path: Path) -> None:
    body = '{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["a store is away"]}'

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())

    async with listening(answer) as port:
        assert (await ask(f"http://127.0.0.1:{port}", "up", tmp_path)).warnings == ["a store is away"]


async def test_nobody_listening_is_transient(tmp_path: Path) -> None:
    error = await failure("http://127.0.0.1:9", "up", tmp_path)
    assert (error.code, error.transient) == ("http.connect", True)
