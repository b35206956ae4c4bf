"""The API on SAP systems, over a real server whose monitor asks a simulated system."""

from collections.abc import Iterator
from typing import Any

import pytest

from oncue.demo.sap_system import SapSystem
from tests.server import Server, event, eventually

MANIFESTS = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: sap, namespace: sap}
spec: {host: 127.0.0.1, port: PORT, reason: the simulated system}
---
apiVersion: oncue/v1
kind: SAPSystem
metadata: {name: dmo, namespace: sap}
spec:
  sid: DMO
  tier: test
  role: erp
  service: erp
  instances:
    - {host: dmodb, number: "02", features: [HDB, HDB_WORKER], start_priority: "0.3"}
    - {host: dmoascs, number: "01", features: [MESSAGESERVER, ENQUE], start_priority: "1"}
    - {host: dmopas.example.com, number: "00", features: [ABAP], start_priority: "3"}
  database: {type: hdb, host: dmodb, instance: "02"}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: dmo-system, namespace: sap}
spec: {uses: sap.system, every: 1s, with: {host: 127.0.0.1, port: PORT, instance: "00", sid: DMO}}
"""


@pytest.fixture(scope="module")
def server(oncue_server: Server) -> Iterator[Server]:
    with SapSystem() as system:
        content = MANIFESTS.replace("PORT", str(system.primary.port))
        applied = oncue_server.client.post("/api/v1/manifests", content=content)
        assert applied.status_code == 200, applied.text
        assert "Service erp" in " ".join(applied.json()["warnings"])
        yield oncue_server
        gone = oncue_server.client.delete("/api/v1/manifests/Monitor/sap/dmo-system")
        assert gone.status_code == 200, gone.text


def system_of(server: Server) -> dict[str, Any]:
    (found,) = server.items("sap-systems", namespace="sap")
    return found


def test_a_system_is_shown_with_what_its_instances_do_now(server: Server) -> None:
    eventually(lambda: len(system_of(server)["instances"]) == 4, what="the readings")
    found = system_of(server)
    assert (found["sid"], found["tier"], found["role"], found["service"]) == ("DMO", "test", "erp", "erp")
    assert found["database"] == {"type": "hdb", "host": "dmodb", "instance": "02"}
    assert [(one["name"], one["state"], one["declared"]) for one in found["instances"]] == [
        ("dmodb_DMO_02", "GREEN", True),
        ("dmoascs_DMO_01", "GREEN", True),
        ("dmopas_DMO_00", "GREEN", True),
        ("dmoaas_DMO_03", "GREEN", False),
    ]
    assert found["monitors"] == ["dmo-system"]
    assert found["manifest"]["spec"]["instances"][2]["host"] == "dmopas.example.com"


def test_a_monitor_says_what_it_reads_and_about_what(server: Server) -> None:
    (view,) = [one for one in server.items("monitors") if one["manifest"]["name"] == "dmo-system"]
    assert view["resource"] == "DMO"
    assert {"sap.instances.running", "sap.instance.state"} <= {one["metric"] for one in view["metrics"]}
    read = eventually(lambda: server.items("samples", namespace="sap", resource="DMO"), what="its samples")
    assert {one["metric"] for one in read} <= {one["metric"] for one in view["metrics"]}


def test_an_instance_that_is_not_declared_is_an_alert_of_the_system(server: Server) -> None:
    alert = eventually(
        lambda: next((one for one in server.items("alerts", state="firing") if one["resource"] == "DMO"), None),
        what="the alert",
    )
    assert alert["title"] == "SAP system DMO: dmoaas 03 is there and not declared"
    assert (alert["severity"], alert["labels"]["sid"]) == ("warning", "DMO")
    eventually(lambda: system_of(server)["severity"] == "warning", what="the system's severity")


def test_alerts_on_an_instance_are_the_systems_too(server: Server) -> None:
    server.emit(event(namespace="sap", resource="dmopas_DMO_00", severity="critical", check="sap.job"))
    eventually(lambda: system_of(server)["severity"] == "critical", what="the system's severity")
    found = next(one for one in system_of(server)["instances"] if one["number"] == "00")
    assert (found["severity"], found["alerts_firing"]) == ("critical", 1)


def test_a_declaration_is_kept_and_deleted_as_any_manifest(server: Server) -> None:
    kept = server.client.get("/api/v1/manifests/SAPSystem/sap/dmo").json()
    assert (kept["kind"], kept["generation"], kept["spec"]["sid"]) == ("SAPSystem", 1, "DMO")
    assert server.client.get("/api/v1/schemas/SAPSystem").json()["title"] == "SAPSystem"
    table = server.cli("get", "sapsystem", "-n", "sap")
    assert table.returncode == 0, table.stderr
    head, row = table.stdout.splitlines()
    assert head.split("\t") == ["NAMESPACE", "NAME", "TIER", "ROLE", "DATABASE", "RUNNING", "DIFFERS", "ALERTS"]
    assert row.split("\t")[:7] == ["sap", "dmo", "test", "erp", "hdb dmodb 02", "3/3", "dmoaas 03 undeclared"]
    document = server.cli("get", "SAPSystem", "sap/dmo", "-o", "yaml")
    assert document.stdout.startswith("apiVersion: oncue/v1\nkind: SAPSystem\n")
    other = server.items("sap-systems", namespace="default")
    assert other == []
