"""A real Prometheus that pushes to OnCue as to an Alertmanager: its rule fires, and its recovery resolves the alert."""

import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server import ADMIN_TOKEN, Server, eventually, free_port
from tests.system import program

RULES = """
    groups:
      - name: test
        interval: 1s
        rules:
          - alert: LampIsOn
            expr: file_lamp > 0
            labels: {severity: critical, service: lamps}
            annotations: {summary: 'Lamp {{ $labels.room }} is on'}
"""


class Prometheus:
    """A Prometheus that scrapes one file-backed target and sends its alerts to a server."""

    def __init__(self, home: Path, server: Server, target_port: int) -> None:
        self.port = free_port()
        (home / "rules.yml").write_text(textwrap.dedent(RULES))
        config = f"""
            global: {{scrape_interval: 1s, evaluation_interval: 1s}}
            rule_files: [{home}/rules.yml]
            scrape_configs:
              - job_name: lamps
                static_configs: [{{targets: ['127.0.0.1:{target_port}'], labels: {{room: kitchen}}}}]
            alerting:
              alertmanagers:
                - path_prefix: /alertmanager
                  authorization: {{credentials: {ADMIN_TOKEN}}}
                  static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]
        """
        (home / "prometheus.yml").write_text(textwrap.dedent(config))
        self._log = (home / "prometheus.log").open("ab")
        self.process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={home}/prometheus.yml",
                f"--storage.tsdb.path={home}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--rules.alert.resend-delay=1s",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def notified(self) -> dict[str, float]:
        """Prometheus' own counts of alerts that it sent, and of those that failed."""
        text = httpx.get(f"http://127.0.0.1:{self.port}/metrics", trust_env=False).text
        names = ("prometheus_notifications_sent_total", "prometheus_notifications_errors_total")
        return {
            name: sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"{name}{{"))
            for name in names
        }

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)
        self._log.close()


@pytest.fixture
def lamp(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A target to scrape: `metrics` in a directory that a real web server serves. Gives its port and the file."""
    port = free_port()
    page = tmp_path / "www" / "metrics"
    page.parent.mkdir()
    page.write_text("file_lamp 0\n")
    command = ["python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(page.parent), str(port)]
    served = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield port, page
    served.terminate()
    served.wait(10)


def test_a_rule_fires_and_resolves(oncue_server: Server, lamp: tuple[int, Path], tmp_path: Path) -> None:
    port, page = lamp
    prometheus = Prometheus(tmp_path, oncue_server, port)
    try:
        page.write_text("file_lamp 1\n")

        def lamp_alert(state: str) -> dict[str, Any] | None:
            return next(
                (one for one in oncue_server.items("alerts", state=state) if one["labels"].get("room") == "kitchen"),
                None,
            )

        fired = eventually(lambda: lamp_alert("firing"), 60, "the alert")
        assert fired["title"] == "Lamp kitchen is on"
        assert fired["severity"] == "critical"
        assert fired["check"] == "LampIsOn"
        assert fired["service"] == "lamps"
        assert fired["resource"] == f"127.0.0.1:{port}"
        assert fired["namespace"] == "default"
        assert fired["quiet"] == []
        assert fired["annotations"]["generator_url"].startswith("http")

        repeated = eventually(lambda: (one := lamp_alert("firing")) and one["count"] >= 3 and one, 60, "repeats")
        assert repeated["id"] == fired["id"]

        page.write_text("file_lamp 0\n")
        resolved = eventually(lambda: lamp_alert("resolved"), 60, "the recovery")
        assert resolved["id"] == fired["id"]
        assert resolved["resolved_by"] == "recovery"
        assert resolved["fingerprint"] == fired["fingerprint"]
        assert lamp_alert("firing") is None

        counts = prometheus.notified()
        assert counts["prometheus_notifications_sent_total"] >= 4
        assert counts["prometheus_notifications_errors_total"] == 0
    finally:
        prometheus.stop()
