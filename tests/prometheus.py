"""A real Prometheus for tests: it scrapes itself, and a target that is not there."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.server import free_port
from tests.system import program


@contextmanager
def prometheus_server(directory: Path) -> Iterator[str]:
    """The server's URL, once it has scraped both."""
    port = free_port()
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: self, static_configs: [{{targets: ['127.0.0.1:{port}', '127.0.0.1:9']}}]}}]\n"
    )
    process = subprocess.Popen(
        [program("prometheus"), f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
         f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
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


def _scraped(result: list[Any]) -> set[str]:
    """What `up` says of the targets that were scraped so far."""
    return {series["value"][1] for series in result}
