"""The shipped restart of a SAP system on a real server, against a simulated system."""

from collections.abc import Iterator
from typing import Any

import pytest

from oncue.demo.sap_system import SapSystem
from tests.server import ROOT, Server, eventually

SHIPPED = ROOT / "examples" / "workflows"
QUICKER = {"wait: {for: 5m}": "wait: {for: 1s}", "timeout: 30m": "timeout: 8s", "every: 20s": "every: 1s", "10m": "5s"}
ALLOWED = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: sap}
spec: {host: 127.0.0.1, port: PORT, reason: the simulated system}
---
"""
CHANGES = ("StopSystem", "StartSystem")


@pytest.fixture(scope="module")
def system() -> Iterator[SapSystem]:
    with SapSystem(password="initial-4711", takes_s=0.5) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, system: SapSystem) -> Iterator[Server]:
    """Only the name, the port, the waits and what the secret holds are other than shipped."""
    port = str(system.primary.port)
    shipped = (SHIPPED / "50-sap-restart.yaml").read_text()
    for before, after in {"name: sap-restart": "name: shipped", "tls: true": f"port: {port}", **QUICKER}.items():
        assert before in shipped
        shipped = shipped.replace(before, after)
    people = (SHIPPED / "10-people.yaml").read_text()
    with Server(tmp_path_factory.mktemp("sap-shipped") / "data") as running:
        assert running.cli("secret", "set", "sap-admin", stdin="initial-4711").returncode == 0
        done = running.cli("apply", "-f", "-", stdin=ALLOWED.replace("PORT", port) + people + "---\n" + shipped)
        assert done.returncode == 0, done.stdout + done.stderr
        yield running
    running.verify()


@pytest.fixture(scope="module")
def agreeing(server: Server) -> dict[str, str]:
    """The credentials of someone of team:platform."""
    user = {"name": "platform-1", "bindings": [{"role": "operator", "namespace": "default"}]}
    assert server.client.post("/api/v1/users", json=user).status_code == 201
    token = {"name": "own", "role": "operator", "namespaces": ["default"], "user": "platform-1"}
    return {"Authorization": f"Bearer {server.client.post('/api/v1/tokens', json=token).json()['token']}"}


def restart(server: Server, system: SapSystem, agreeing: dict[str, str]) -> str:
    inputs = {"host": "127.0.0.1", "instance": "00", "user": system.user, "tell": ["channel:sap-users"]}
    started = server.client.post("/api/v1/runs", json={"workflow": "shipped", "inputs": inputs})
    assert started.status_code == 201, started.text
    (approval,) = eventually(lambda: server.items("approvals", state="pending"), what="the approval")
    path = f"/api/v1/approvals/{approval['id']}/decide"
    assert server.client.post(path, json={"decision": "approve"}, headers=agreeing).status_code == 200
    return str(started.json()["id"])


def seen(server: Server, run: str, *states: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        one: dict[str, Any] = server.client.get(f"/api/v1/runs/{run}").json()
        return one if one["state"] in states else None

    return eventually(found, what=f"{run} in {states}")


def test_a_system_is_stopped_and_started_and_well_again(
    server: Server, system: SapSystem, agreeing: dict[str, str]
) -> None:
    before = len(system.calls)
    found = seen(server, restart(server, system, agreeing), "succeeded", "failed", "rolled_back", "rollback_failed")
    assert found["state"] == "succeeded", found
    changes = [(call.method, call.user, call.refused) for call in system.calls[before:] if call.method in CHANGES]
    assert changes == [(method, system.user, False) for method in CHANGES]
    assert {one.state() for one in system.instances} == {"GREEN"}


def test_a_system_of_which_a_program_stays_down_is_not_said_to_be_back(
    server: Server, system: SapSystem, agreeing: dict[str, str]
) -> None:
    system.instances[-1].broken.add("disp+work")
    run = restart(server, system, agreeing)
    seen(server, run, "rolling_back")
    system.instances[-1].broken.clear()
    found = seen(server, run, "rolled_back", "rollback_failed")
    assert (found["state"], found["failed_at"]) == ("rolled_back", "start"), found
