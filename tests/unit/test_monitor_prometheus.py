"""`prometheus` on a real Prometheus that scrapes itself."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from oncue.sdk import ActionError
from tests.monitors import code, listening, probe, value, values
from tests.server import free_port
from tests.system import program

PORT = free_port()


def _scraped(result: list[Any]) -> set[str]:
    """What `up` says of the targets that were scraped so far."""
    return {series["value"][1] for series in result}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("prometheus")
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{PORT}', '127.0.0.1:9']}}]}}]\n"
    )
    process = subprocess.Popen(
        [program("prometheus"), f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
         f"--web.listen-address=127.0.0.1:{PORT}", "--log.level=error"],
    )  # fmt: skip
    url = f"http://127.0.0.1:{PORT}"
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, "Prometheus ended"
            assert time.monotonic() < deadline, "Prometheus scraped nothing"
            try:
                answer = httpx.get(f"{url}/api/v1/query", params={"query": "up"}, trust_env=False)
                if answer.is_success and _scraped(answer.json()["data"]["result"]) == {"0", "1"}:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


async def test_each_series_is_an_instance(prometheus: str, tmp_path: Path) -> None:
    found = await probe("prometheus", {"url": prometheus, "query": "up", "by": ["instance"]}, tmp_path)
    assert values(found, "prometheus.value") == {f"127.0.0.1:{PORT}": 1, "127.0.0.1:9": 0}
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
