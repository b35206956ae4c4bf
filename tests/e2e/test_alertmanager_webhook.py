"""A real Alertmanager notifies OnCue: the alert fires, and ends when Alertmanager says so."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server import ADMIN_TOKEN, Server, eventually, free_port
from tests.system import program

SOURCE = """
apiVersion: oncue/v1
kind: Source
metadata: {name: am}
spec: {type: alertmanager_webhook, labels: {site: north}}
"""
CONFIG = """
route: {receiver: oncue, group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h}
receivers:
  - name: oncue
    webhook_configs:
      - url: %s/in/am
        send_resolved: true
        http_config: {authorization: {credentials: %s}}
"""


@pytest.fixture
def alertmanager(oncue_server: Server, tmp_path: Path) -> Iterator[str]:
    """The address of an Alertmanager that notifies OnCue."""
    binary = program("prometheus-alertmanager")
    source = tmp_path / "source.yaml"
    source.write_text(SOURCE)
    assert oncue_server.cli("apply", "-f", str(source)).returncode == 0
    config = tmp_path / "alertmanager.yml"
    config.write_text(CONFIG % (oncue_server.url, ADMIN_TOKEN))
    url = f"http://127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, f"--config.file={config}", f"--storage.path={tmp_path}", f"--web.listen-address={url[7:]}",
             "--cluster.listen-address="], stdout=log, stderr=log,
        )  # fmt: skip
        try:
            eventually(lambda: _ready(url), what="Alertmanager")
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_a_real_alertmanager_fires_and_ends_an_alert(oncue_server: Server, alertmanager: str) -> None:
    labels = {"alertname": "DiskFull", "instance": "am-1:9100", "severity": "critical"}
    alert = {"labels": labels, "annotations": {"summary": "Disk is full"}, "generatorURL": "http://p.example/graph"}

    def post(**more: Any) -> None:
        httpx.post(f"{alertmanager}/api/v2/alerts", json=[alert | more], trust_env=False).raise_for_status()

    def seen() -> list[dict[str, Any]]:
        return [one for one in oncue_server.items("alerts") if one["resource"] == "am-1:9100"]

    post()
    (fired,) = eventually(lambda: seen() or None, what="the alert")
    (known,) = httpx.get(f"{alertmanager}/api/v2/alerts", trust_env=False).json()
    assert (fired["state"], fired["severity"], fired["title"]) == ("firing", "critical", "Disk is full")
    assert fired["fingerprint"] == known["fingerprint"]
    assert fired["labels"] == {**labels, "site": "north"}
    assert fired["annotations"]["generator_url"] == "http://p.example/graph", json.dumps(fired)

    post(endsAt=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    eventually(lambda: seen()[0]["state"] == "resolved", what="its end")
    assert len(seen()) == 1
