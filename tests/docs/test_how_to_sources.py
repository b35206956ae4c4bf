"""The commands and files of the how-to pages about sources, run as they stand against a real server."""

import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment, eventually
from tests.system import program

ROUTING_KEY = "0123456789abcdef0123456789abcdef"  # the one that the page on PagerDuty shows


def blocks(page: str, language: str) -> list[str]:
    """The page's code blocks in this language."""
    text = (ROOT / "docs" / "how-to" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def run(server: Server, home: Path, script: str, stdin: str = "") -> str:
    """What the block prints; it must not fail, nor be answered with a problem."""
    program("curl")
    variables = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        input=stdin, capture_output=True, text=True, cwd=home, env=variables, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    assert '"status":4' not in done.stdout.replace(" ", ""), done.stdout
    return done.stdout


def test_the_page_on_cloudevents(oncue_server: Server, tmp_path: Path) -> None:
    (source,) = blocks("send-cloudevents.md", "yaml")
    (tmp_path / "source.yaml").write_text(source)
    token, one, recovery, binary = blocks("send-cloudevents.md", "sh")
    sender = run(oncue_server, tmp_path, token).strip()
    assert '"accepted":1' in run(oncue_server, tmp_path, f"ONCUE_TOKEN={sender}\n{one}")
    (alert,) = oncue_server.items("alerts", state="firing")
    assert alert["title"] == "Backup failed"
    run(oncue_server, tmp_path, recovery)
    assert oncue_server.items("alerts", state="firing") == []
    assert '"accepted":1' in run(oncue_server, tmp_path, binary)

    run(oncue_server, tmp_path, "oncue apply -f source.yaml")

    def sent() -> bool:
        event = '{"specversion":"1.0","id":"in-1","source":"/x","type":"x","severity":"major","resource":"r"}'
        url, media = f"{oncue_server.url}/in/my-app?token={ADMIN_TOKEN}", "application/cloudevents+json"
        return httpx.post(url, content=event, headers={"Content-Type": media}, trust_env=False).status_code == 200

    eventually(sent, 10, "the source")
    (alert,) = [one for one in oncue_server.items("alerts") if one["resource"] == "r"]
    assert (alert["service"], alert["labels"]) == ("orders", {"env": "prod"})


def test_the_page_on_pagerduty(oncue_server: Server, tmp_path: Path) -> None:
    (source,) = blocks("receive-pagerduty-events.md", "yaml")
    (tmp_path / "source.yaml").write_text(source)
    secret, apply, send = blocks("receive-pagerduty-events.md", "sh")
    run(oncue_server, tmp_path, secret, stdin=ROUTING_KEY)
    run(oncue_server, tmp_path, apply)
    answer = eventually(lambda: (text := run(oncue_server, tmp_path, send)) and "success" in text and text, 10, "202")
    assert '"dedup_key":"mq-1/stuck"' in answer


def test_the_page_on_prometheus(oncue_server: Server, tmp_path: Path) -> None:
    prometheus, service, amtool = blocks("receive-prometheus-alerts.md", "yaml")
    (tmp_path / "service.yaml").write_text(service)
    (tmp_path / "amtool-http.yml").write_text(amtool)
    (tmp_path / "oncue.token").write_text(ADMIN_TOKEN)
    (tmp_path / "prometheus.yml").write_text(prometheus.replace("/etc/prometheus/", f"{tmp_path}/"))
    promtool = program("prometheus").with_name("promtool")
    subprocess.run([promtool, "check", "config", tmp_path / "prometheus.yml"], check=True, capture_output=True)
    run(oncue_server, tmp_path, "oncue validate -f service.yaml")

    token, listed, queried = blocks("receive-prometheus-alerts.md", "sh")
    sender = {"Authorization": f"Bearer {run(oncue_server, tmp_path, token).strip()}"}
    url, posted = "/alertmanager/api/v2/alerts", [{"labels": {"alertname": "DiskFull", "instance": "db-1"}}]
    assert oncue_server.client.post(url, json=posted, headers=sender).status_code == 200
    assert oncue_server.client.get(url, headers=sender).status_code == 403
    assert "DiskFull" in run(oncue_server, tmp_path, listed)
    program("amtool")
    assert "DiskFull" in run(oncue_server, tmp_path, queried)


@pytest.mark.parametrize("page", ["receive-prometheus-alerts.md", "receive-pagerduty-events.md", "send-cloudevents.md"])
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    path = ROOT / "docs" / "how-to" / page
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target
