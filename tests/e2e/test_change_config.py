"""The configuration of a protected namespace on a real server: refused, proposed, agreed to, taken, and brought back."""

from pathlib import Path

import pytest

from oncue.evidence.check import verify
from tests.e2e.test_cli_workflows import made, oncue
from tests.server import Server, eventually

PLACE = "guarded"
PROTECTED = """
apiVersion: oncue/v1
kind: Team
metadata: {name: cab}
spec: {members: [cab-9], channels: []}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: oncue/v1
kind: ChangeRule
metadata: {name: four-eyes}
spec:
  configuration: by_change
  approvals: [{by: ["team:cab"]}]
"""
EDITED = """
apiVersion: oncue/v1
kind: Service
metadata: {name: shop}
spec:
  criticality: high  # orders matter more
"""


@pytest.fixture(scope="module")
def cab(oncue_server: Server) -> str:
    """The token of the one who must agree."""
    answer = oncue_server.client.post(f"/api/v1/manifests?namespace={PLACE}", content=PROTECTED)
    assert answer.status_code == 200, answer.text
    bindings = [{"role": "operator", "namespace": PLACE}]
    made(oncue_server.client.post("/api/v1/users", json={"name": "cab-9", "bindings": bindings}))
    token = {"name": "cab-9", "user": "cab-9", "role": "operator", "namespaces": [PLACE]}
    return str(made(oncue_server.client.post("/api/v1/tokens", json=token))["token"])


def test_a_protected_namespace_on_the_command_line(oncue_server: Server, cab: str, tmp_path: Path) -> None:
    edited = tmp_path / "shop.yaml"
    edited.write_text(EDITED)
    given = ("-f", str(edited), "-n", PLACE)
    path = f"/api/v1/manifests/Service/{PLACE}/shop"

    def criticality() -> str | None:
        found = oncue_server.client.get(path).json()["spec"].get("criticality")
        return str(found) if found is not None else None

    refused = oncue(oncue_server, "apply", *given, code=1)
    assert "manifest.protected" in refused
    assert f"ChangeRule four-eyes protects {PLACE}" in refused
    assert "--propose" in refused
    assert "manifest.protected" in oncue(oncue_server, "delete", "service", "shop", "-n", PLACE, code=1)
    assert "would be updated" in oncue(oncue_server, "apply", *given, "--dry-run")

    proposed = oncue(oncue_server, "apply", *given, "--propose", "Orders matter more")
    change = proposed.split(" proposes it")[0].split()[-1]
    shown = oncue(oncue_server, "change", "configuration", change)
    assert f"Service/{PLACE}/shop: updated" in shown
    assert '+    "criticality": "high"' in shown
    assert criticality() is None

    approval = oncue_server.client.get(f"/api/v1/changes/{change}").json()["approval"]
    oncue(oncue_server, "approval", "approve", approval, token=cab)
    eventually(lambda: criticality() == "high", what="the manifest to be taken")
    taken = oncue_server.client.get(path).json()
    assert taken["applied_by"] == f"change:{change}"
    closed = eventually(lambda: _closed(oncue_server, change), what="the change to be closed")
    assert closed == "successful"
    assert verify(oncue_server.client.get(f"/api/v1/changes/{change}/evidence").content).result == "intact"

    back = oncue(oncue_server, "change", "revert", change, "--reason", "They do not").split()[0]
    assert '-    "criticality": "high"' in oncue(oncue_server, "change", "configuration", back)
    approval = oncue_server.client.get(f"/api/v1/changes/{back}").json()["approval"]
    oncue(oncue_server, "approval", "approve", approval, token=cab)
    eventually(lambda: criticality() is None, what="the manifest to be as it was")


def _closed(server: Server, change: str) -> str | None:
    found = server.client.get(f"/api/v1/changes/{change}").json()
    return str(found["close_code"]) if found["state"] == "closed" else None
