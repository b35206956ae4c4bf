"""A real server and a simulated SAP system: what is asked of the system once is done once, whatever dies meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oncue.demo.sap_system import Instance, SapSystem
from tests.server import Server, eventually

MANIFESTS = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: sap}
spec: {host: 127.0.0.1, port: PORT, reason: the simulated system}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: programs}
spec:
  uses: sap.processes
  every: 1s
  labels: {tier: test}
  with: {host: 127.0.0.1, port: PORT, instance: "00", sid: DMO, hostname: dmopas}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: stop}
spec:
  steps:
    - id: stop
      uses: sapcontrol.stop
      with: {host: 127.0.0.1, port: PORT, instance: "00", sid: DMO, user: dmoadm, password: "secret://sap"}
      timeout: 1m
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: restart}
spec:
  steps:
    - id: restart
      uses: sapcontrol.restart
      with: {host: 127.0.0.1, port: PORT, instance: "00", sid: DMO, user: dmoadm, password: "secret://sap"}
      timeout: 1m
"""


@pytest.fixture(scope="module")
def system() -> Iterator[SapSystem]:
    with SapSystem(password="initial-4711", takes_s=5) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, system: SapSystem) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("sap")
    with Server(home / "data") as running:
        assert running.cli("secret", "set", "sap", stdin="initial-4711").returncode == 0
        path: Path = home / "manifests.yaml"
        path.write_text(MANIFESTS.replace("PORT", str(system.primary.port)))
        done = running.cli("apply", "-f", str(path))
        assert done.returncode == 0, done.stderr
        yield running
    running.verify()


def asked(system: SapSystem, method: str) -> int:
    return sum(call.method == method for call in system.calls)


def ended(server: Server, run: str) -> dict[str, Any] | None:
    found: dict[str, Any] = server.client.get(f"/api/v1/runs/{run}").json()
    return found if found["state"] != "running" else None


@pytest.mark.parametrize(
    ("workflow", "method", "state"), [("restart", "RestartInstance", "GREEN"), ("stop", "Stop", "GRAY")]
)
def test_a_server_that_dies_in_the_middle_finishes_the_work_and_asks_once(
    server: Server, system: SapSystem, workflow: str, method: str, state: str
) -> None:
    started = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": {}})
    assert started.status_code == 201, started.text
    eventually(lambda: asked(system, method), what=f"{method} at the SAP system")
    server.kill()
    server.start()
    run = eventually(lambda: ended(server, started.json()["id"]), 50, "the end of the run")
    assert run["state"] == "succeeded", run
    assert system.primary.state() == state
    assert asked(system, method) == 1


def test_an_instance_that_does_not_run_is_an_alert_with_its_labels(server: Server, system: SapSystem) -> None:
    system.primary.turn("GRAY", 0, 0)

    def alert() -> dict[str, Any] | None:
        mine = (one for one in server.items("alerts", state="firing") if one["resource"] == "dmopas_DMO_00")
        return next((one for one in mine if one["title"] == "dmopas_DMO_00 does not run"), None)

    found = eventually(alert, what="the alert")
    assert found["labels"] == {"sid": "DMO", "instance": "00", "host": "dmopas", "tier": "test"}
    system.primary.turn("GREEN", 0, 0)
    eventually(lambda: alert() is None, what="its end")


def test_a_discovered_system_that_changes_is_seen_and_taken_over(server: Server, system: SapSystem) -> None:
    asked = ("sap", "discover", "127.0.0.1", "--port", str(system.primary.port))

    def apply(printed: str) -> None:
        quick = printed.replace("every: 30s", "every: 1s").replace("retries: 1", "retries: 0")
        done = server.cli("apply", "-f", "-", stdin=quick)
        assert done.returncode == 0, done.stderr

    def drift() -> dict[str, Any] | None:
        mine = (one for one in server.items("alerts", state="firing") if one["resource"] == "DMO")
        return next((one for one in mine if one["title"].startswith("SAP system DMO")), None)

    def shown() -> dict[str, str]:
        (found,) = (one for one in server.items("sap-systems") if one["sid"] == "DMO")
        return {one["name"]: one["state"] for one in found["instances"]}

    unknown = server.cli(*asked, "--update")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "manifest.not_found" in unknown.stderr
    described = server.cli(*asked, "--tier", "test", "--role", "erp")
    assert described.returncode == 0, described.stderr
    # Its hosts have no address here: only the system as a whole, which one start service knows, is watched.
    parts = described.stdout.split("---\n")
    apply("---\n".join([*parts[:3], *(part for part in parts if "name: dmo-system" in part)]))
    eventually(
        lambda: len(shown()) == 4 and set(shown().values()) == {"GREEN"}, what="the present state of all instances"
    )
    assert drift() is None
    kept = {"name": "dmo", "namespace": "default", "labels": {"cost": "k4711"}, "review_by": "2031-05-01"}
    spec = server.client.get("/api/v1/manifests/SAPSystem/default/dmo").json()["spec"]
    document = {"apiVersion": "oncue/v1", "kind": "SAPSystem", "metadata": kept}
    edited = {**spec, "description": "Order entry", "instances": spec["instances"][::-1]}
    assert server.client.post("/api/v1/manifests", json={**document, "spec": edited}).status_code == 200
    settled = server.cli(*asked, "--update")
    assert (settled.stdout, "DMO: nothing has changed" in settled.stderr) == ("", True)

    added = Instance("D04", "04", "ABAP", "dmo new", "DMO")
    system.instances.append(added)
    odd = server.cli(*asked, "--update")
    assert (odd.returncode, odd.stdout) == (1, "")
    assert "sap.answer: what DMO says of itself cannot be declared" in " ".join(odd.stderr.split())
    added.host = "dmonew"
    said = "SAP system DMO: dmonew 04 is there and not declared"
    eventually(lambda: (drift() or {}).get("title") == said, what="the alert about the new instance, by its new name")
    assert (drift() or {})["severity"] == "warning"
    changed = server.cli(*asked, "--update")
    assert "DMO: new: dmonew 04" in changed.stderr
    assert changed.stdout.startswith("apiVersion: oncue/v1\nkind: SAPSystem")
    for part in ("role: erp", "description: Order entry", "cost: k4711", "review_by: '2031-05-01'"):
        assert part in changed.stdout
    assert [part.split("name: ")[1].split()[0] for part in changed.stdout.split("---\n")] == [
        "dmo", "sap-dmo-dmonew", "dmo-04-dmonew-processes", "dmo-04-dmonew-performance", "dmo-04-dmonew-work",
        "dmo-04-dmonew-queues", "dmo-04-dmonew-syslog",
    ]  # fmt: skip
    difference = server.cli("diff", "-f", "-", stdin=changed.stdout.split("---\n")[0])
    assert difference.returncode == 1
    assert "+  - host: dmonew" in difference.stdout
    assert not [line for line in difference.stdout.splitlines() if line.startswith("-") and not line.startswith("---")]
    apply(changed.stdout)
    eventually(lambda: drift() is None, what="the end of the alert")
    eventually(lambda: shown().get("dmonew_DMO_04") == "GREEN", what="the page, which is some seconds old, has it")

    system.instances.remove(added)
    gone = eventually(drift, what="the alert about the instance that is gone")
    assert (gone["severity"], gone["title"]) == ("critical", "SAP system DMO: dmonew 04 is declared and not there")
    left = server.cli(*asked, "--update")
    assert "DMO: no longer there: dmonew 04" in left.stderr
    assert "oncue delete monitor default/dmo-04-dmonew-syslog" in " ".join(left.stderr.split())
    apply(left.stdout)
    eventually(lambda: drift() is None, what="the end of the alert")
