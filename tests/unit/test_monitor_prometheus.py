"""`prometheus` on a real Prometheus that scrapes itself."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from oncue.sdk import ActionError
from tests.monitors import code, listening, probe, value, values
from tests.prometheus import prometheus_server


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus_server(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


async def test_each_series_is_an_instance(prometheus: str, tmp_path: Path) -> None:
    found = await probe("prometheus", {"url": prometheus, "query": "up", "by": ["instance"]}, tmp_path)
    assert values(found, "prometheus.value") == {urlsplit(prometheus).netloc: 1, "127.0.0.1:9": 0}
    assert value(found, "prometheus.series") == 2
    labels = [one.labels for one in found.readings if one.metric == "prometheus.value"]
    assert {"instance": "127.0.0.1:9", "job": "self"} in labels


@pytest.mark.parametrize(("query", "expected"), [("sum(up)", 1.0), ("2 + 3", 5.0)])
async def test_a_scalar_and_a_sum_are_one_value(prometheus: str, tmp_path: Path, query: str, expected: float) -> None:
    found = await probe("prometheus", {"url": f"{prometheus}/", "query": query, "unit": "%"}, tmp_path)
    assert values(found, "prometheus.value") == {"": expected}


async def test_an_answer_without_series_or_without_numbers_is_a_fault_if_it_should_be(
    prometheus: str, tmp_path: Path
) -> None:
    assert code(await probe("prometheus", {"url": prometheus, "query": "up > 5"}, tmp_path)) == "prometheus.empty"
    assert (
        code(await probe("prometheus", {"url": prometheus, "query": "vector(0) / 0"}, tmp_path)) == "prometheus.empty"
    )
    quiet = {"url": prometheus, "query": "up > 5", "empty_is_fault": False}
    assert code(await probe("prometheus", quiet, tmp_path)) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"query": "sum("}, "prometheus.query"),
        ({"query": "up[5m]"}, "prometheus.result"),
        ({"query": "up", "by": ["job"]}, "prometheus.by"),
    ],
)
async def test_a_query_that_cannot_work_is_the_monitors_trouble(
    prometheus: str, tmp_path: Path, settings: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ActionError) as raised:
        await probe("prometheus", {"url": prometheus, **settings}, tmp_path)
    assert raised.value.code == expected


@pytest.mark.parametrize(
    ("status", "expected"), [("503 Service Unavailable", "http.status"), ("401 Unauthorized", "prometheus.credentials")]
)
async def test_a_server_that_fails_is_a_finding_and_wrong_credentials_are_not(
    tmp_path: Path, status: str, expected: str
) -> None:
    heads: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(len(b"query=up")))
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())

    async with listening(refuse) as port:
        settings = {"url": f"http://127.0.0.1:{port}", "query": "up", "token": "secret://t"}
        if expected == "http.status":
            assert code(await probe("prometheus", settings, tmp_path, secrets={"t": "abc"})) == expected
        else:
            with pytest.raises(ActionError, match=expected):
                await probe("prometheus", settings, tmp_path, secrets={"t": "abc"})
    assert b"Authorization: Bearer abc" in heads[0]
    assert heads[0].endswith(b"query=up")
    assert code(await probe("prometheus", settings, tmp_path, secrets={"t": "abc"})) == "http.connect"
