"""The real Alertmanager against what its configuration was imported as: the same receivers, the same inhibited alerts."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from tests import alertmanager
from tests.server import ADMIN_TOKEN, Server, eventually, free_port
from tests.system import program

SEEDS = 8
ALERTS = 5


@pytest.mark.parametrize("seed", range(SEEDS))
def test_amtool_routes_an_alert_to_the_receivers_that_are_told(seed: int, tmp_path: Path) -> None:
    choice = random.Random(seed)
    route = alertmanager.tree(choice)
    given = alertmanager.configuration(route)
    file = tmp_path / "alertmanager.yml"
    file.write_bytes(msgspec.json.encode(given))
    world = alertmanager.World(alertmanager.converted(given))
    for _ in range(ALERTS):
        labels = alertmanager.alert(choice)
        options = [f"{name}={msgspec.json.encode(value).decode()}" for name, value in labels.items()]
        done = subprocess.run(
            [program("amtool"), "config", "routes", "test", f"--config.file={file}", *options],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        routed = done.stdout.strip().split(",")
        assert sorted(routed) == sorted(alertmanager.receivers(route, labels)), "the slow reference is wrong"
        assert world.told(labels) == sorted(set(routed) - {"nobody"}), (route, labels)


def test_a_running_alertmanager_inhibits_the_same_alerts(tmp_path: Path) -> None:
    choice = random.Random(7)
    given = alertmanager.configuration({"receiver": "one"})
    file = tmp_path / "alertmanager.yml"
    file.write_bytes(msgspec.json.encode(given))
    inhibited = 0
    with running(file, tmp_path) as address:
        alerts = [{**alertmanager.alert(choice), "severity": choice.choice(("critical", "warning", "info")),
                   "instance": f"db-{number}"} for number in range(25)]  # fmt: skip
        posted = httpx.post(f"{address}/api/v2/alerts", json=[{"labels": labels} for labels in alerts])
        assert posted.status_code == 200, posted.text
        for _ in range(6):
            given["inhibit_rules"] = [alertmanager.inhibit_rule(choice) for _ in range(choice.randrange(1, 4))]
            file.write_bytes(msgspec.json.encode(given))
            loaded = httpx.post(f"{address}/-/reload")
            assert loaded.status_code == 200, loaded.text
            there = httpx.get(f"{address}/api/v2/alerts").json()
            assert len(there) == len(alerts)
            expected = sorted(one["labels"]["instance"] for one in there if one["status"]["inhibitedBy"])
            found = alertmanager.converted(given)
            assert alertmanager.World(found).inhibited(alerts) == expected, given["inhibit_rules"]
            inhibited += len(expected)
    assert inhibited, "no rule inhibited anything: the test proves nothing"


def test_silences_are_carried_over_and_the_imported_channels_are_told(oncue_server: Server, tmp_path: Path) -> None:
    given = alertmanager.configuration({"receiver": "one", "routes": [{"matchers": ["team=a"], "receiver": "two"}]})
    file, token = tmp_path / "alertmanager.yml", tmp_path / "http.yml"
    file.write_bytes(msgspec.json.encode(given))
    token.write_text(f"authorization:\n  credentials: {ADMIN_TOKEN}\n")
    with running(file, tmp_path) as theirs:
        amtool = [program("amtool"), "silence"]
        words = ["team=a", "env=~p.*", "--comment=known", "--author=operator-1", f"--alertmanager.url={theirs}"]
        subprocess.run([*amtool, "add", *words], check=True, capture_output=True, timeout=60)
        query = [*amtool, "query", "-o", "json", f"--alertmanager.url={theirs}"]
        (tmp_path / "silences.json").write_bytes(
            subprocess.run(query, check=True, capture_output=True, timeout=60).stdout
        )
    ours = [f"--alertmanager.url={oncue_server.url}/alertmanager", f"--http.config.file={token}"]
    done = subprocess.run(
        [*amtool, "import", "--force", str(tmp_path / "silences.json"), *ours], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (silence,) = oncue_server.items("silences")
    assert (silence["created_by"], silence["comment"], silence["state"]) == ("operator-1", "known", "active")

    for arguments in (
        ("import", "alertmanager", "-f", str(file), "-o", str(tmp_path / "made")),
        ("apply", "-f", str(tmp_path / "made")),
    ):
        ran = oncue_server.cli(*arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    for env in ("prod", "test"):
        labels = {"alertname": "X", "team": "a", "env": env, "instance": env}
        assert oncue_server.client.post("/alertmanager/api/v2/alerts", json=[{"labels": labels}]).is_success
    (incident,) = eventually(lambda: oncue_server.items("incidents") or None, what="the incident")
    assert incident["told"] == ["default/two"]


@contextmanager
def running(file: Path, data: Path) -> Iterator[str]:
    """A real Alertmanager with this configuration; gives its address."""
    port = free_port()
    command = [
        str(program("prometheus-alertmanager")), f"--config.file={file}", f"--storage.path={data / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: ready(f"http://127.0.0.1:{port}"), what="that Alertmanager answers")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def ready(address: str) -> bool:
    """Whether it answers."""
    try:
        return httpx.get(f"{address}/-/ready").is_success
    except httpx.HTTPError:
        return False
