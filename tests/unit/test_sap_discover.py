"""`oncue sap discover` asks a real (simulated) instance, and prints manifests that hold together."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue import manifests
from oncue.demo.sap_system import SapSystem
from oncue.plugins.sap import discovery, landscape, rows
from oncue.sdk import SAPDatabase, SAPSystemSpec
from tests.server import free_port, run_cli

ROOT = Path(os.environ.get("ONCUE_CORPUS") or "/nowhere") / "sap"
CORPUS = pytest.mark.skipif(not ROOT.is_dir(), reason="ONCUE_CORPUS is not set")


def discovered(printed: str) -> dict[str, dict[str, Any]]:
    """The manifests by kind and name; all of them can be taken."""
    documents, problems = manifests.load(manifests.parse_yaml(printed, "stdout"))
    assert [one for one in problems if one.level == "error"] == []
    assert [one for one in manifests.missing(documents) if not one.path.endswith("owner")] == []
    return {f"{one.kind}/{one.name}": one.spec for one in documents}


@pytest.fixture
def system() -> Iterator[SapSystem]:
    with SapSystem("PRD") as running:
        yield running


def test_one_instance_is_asked_and_all_are_watched_by_what_they_are(system: SapSystem) -> None:
    port = str(system.primary.port)
    done = run_cli("sap", "discover", "127.0.0.1", "-i", "00", "--port", port, "--tier", "production")
    assert done.returncode == 0, done.stderr
    assert "PRD: 4 instances" in done.stderr
    documents, problems = manifests.load(manifests.parse_yaml(done.stdout, "stdout"))
    assert [one for one in problems if one.level == "error"] == []
    monitors = {one.name: one.source.value["spec"] for one in documents if one.kind == "Monitor"}
    assert sorted(one["uses"] for one in monitors.values()) == sorted(
        ["sap.system", "sap.locks", *["sap.processes"] * 4]
        + ["sap.alerts", "sap.workprocesses", "sap.queues", "sap.syslog"] * 2
    )
    assert monitors["prd-01-prdascs-locks"]["with"] == {
        "host": "prdascs", "instance": "01", "sid": "PRD", "port": system.instances[1].port,
    }  # fmt: skip
    assert {one["service"] for one in monitors.values()} == {"sap-prd"}
    assert {one["labels"]["tier"] for one in monitors.values()} == {"production"}
    service = next(one for one in documents if one.kind == "Service")
    assert service.source.value["spec"]["resources"] == ["PRD", "PRD/*", "*_PRD_*"]
    assert {call.method for call in system.calls} == {"GetInstanceProperties", "GetSystemInstanceList"}


def test_the_system_itself_comes_first_with_its_instances_and_its_database(system: SapSystem) -> None:
    port = str(system.primary.port)
    done = run_cli("sap", "discover", "127.0.0.1", "--port", port, "--tier", "production", "--role", "erp")
    found = discovered(done.stdout)
    assert next(iter(found)) == "SAPSystem/prd"
    spec = msgspec.convert(found["SAPSystem/prd"], SAPSystemSpec)
    assert (spec.sid, spec.tier, spec.role, spec.service) == ("PRD", "production", "erp", "sap-prd")
    assert [(one.host, one.number, one.start_priority) for one in spec.instances] == [
        ("prddb", "02", "0.3"), ("prdascs", "01", "1"), ("prdpas", "00", "3"), ("prdaas", "03", "3"),
    ]  # fmt: skip
    assert spec.instances[1].features == ["MESSAGESERVER", "ENQUE"]
    assert spec.instances[1].http_port == system.instances[1].port
    assert spec.database == SAPDatabase(type="hdb", host="prddb", instance="02")
    assert "PRD: database: hdb prddb 02" in done.stderr


def test_a_hana_tells_the_name_of_its_tenant(system: SapSystem) -> None:
    done = run_cli("sap", "discover", "127.0.0.1", "-i", "02", "--port", str(system.instances[0].port))
    assert discovered(done.stdout)["SAPSystem/prd"]["database"] == {
        "type": "hdb", "name": "PRD", "host": "prddb", "instance": "02",
    }  # fmt: skip


def test_a_database_with_a_sid_of_its_own_is_found_in_the_profile_by_who_may_read_it(system: SapSystem) -> None:
    system.password = "initial-4711"
    system.instances = [one for one in system.instances if one.kind != "HDB"]
    port = str(system.primary.port)
    left_out = run_cli("sap", "discover", "127.0.0.1", "--port", port)
    assert "database" not in discovered(left_out.stdout)["SAPSystem/prd"]
    assert "the database is left out, as the profile is not told (sap.credentials)" in left_out.stderr
    system.user = "prdadm"
    asked = ("sap", "discover", "127.0.0.1", "--port", port, "--user", "prdadm")
    untold = run_cli(*asked, stdin="initial-4711")
    assert "neither the list of instances nor the profile names it" in untold.stderr
    system.parameters |= {"SAPDBHOST": "10.74.1.12", "j2ee/dbtype": "hdb", "dbs/hdb/dbname": "HDP"}
    told = run_cli(*asked, stdin="initial-4711")
    assert discovered(told.stdout)["SAPSystem/prd"]["database"] == {"type": "hdb", "name": "HDP", "host": "10.74.1.12"}
    system.parameters = {"SAPDBHOST": "oradb", "dbms/type": "ORA"}
    other = run_cli(*asked, stdin="initial-4711")
    assert discovered(other.stdout)["SAPSystem/prd"]["database"] == {"type": "ora", "host": "oradb"}


def test_monitors_of_protected_methods_have_the_user_or_are_told(system: SapSystem) -> None:
    system.user, system.password = "prdadm", "initial-4711"
    system.protected |= {"GetAlertTree", "EnqGetLockTable"}
    asked = ("sap", "discover", "127.0.0.1", "--port", str(system.primary.port))
    without = run_cli(*asked)
    assert "sap.alerts (GetAlertTree), sap.locks (EnqGetLockTable); give --user" in " ".join(without.stderr.split())
    given = run_cli(*asked, "--user", "prdadm", stdin="initial-4711")
    assert "oncue secret set sap-prd" in given.stderr
    with_user = {
        spec["uses"]: spec["with"]["password"]
        for name, spec in discovered(given.stdout).items()
        if name.startswith("Monitor/") and "user" in spec["with"]
    }
    assert with_user == {"sap.alerts": "secret://sap-prd", "sap.locks": "secret://sap-prd"}
    assert "initial-4711" not in given.stdout + given.stderr


def test_who_does_not_answer_or_refuses_is_told_with_the_code(system: SapSystem) -> None:
    done = run_cli("sap", "discover", "127.0.0.1", "--port", str(free_port()))
    assert (done.returncode, done.stdout) == (1, "")
    assert "http.connect" in done.stderr
    system.faults["GetInstanceProperties"] = "Invalid Credentials"
    done = run_cli(
        "sap", "discover", "127.0.0.1", "--port", str(system.primary.port), "--user", "prdadm", stdin="wrong-4711"
    )
    assert done.returncode == 1
    assert "sap.credentials" in done.stderr and "wrong-4711" not in done.stderr
    assert system.calls[-1].user == "prdadm"
    system.faults["GetInstanceProperties"] = "Invalid Credentials: prdadm/wrong-4711"
    done = run_cli(
        "sap", "discover", "127.0.0.1", "--port", str(system.primary.port), "--user", "prdadm", stdin="wrong-4711"
    )
    assert "sap.credentials" in done.stderr and "wrong-4711" not in done.stderr


def test_the_monitors_of_a_host_with_a_long_name_have_names_of_their_own(system: SapSystem) -> None:
    host = "prdaas.applications.sap.production.europe-central.example.com"
    system.instances[3].host = host
    found = discovered(run_cli("sap", "discover", "127.0.0.1", "--port", str(system.primary.port)).stdout)
    watching = [name for name, spec in found.items() if spec.get("with", {}).get("host") == host]
    assert len(watching) == 5, watching


def test_what_a_system_says_of_itself_does_not_steer_the_terminal(system: SapSystem) -> None:
    system.instances[3].host = "prd\x9b31maas"
    done = run_cli("sap", "discover", "127.0.0.1", "--port", str(system.primary.port))
    assert "prd 31maas 03" in done.stderr
    assert "\x9b" not in done.stdout + done.stderr


def test_an_instance_number_has_two_digits() -> None:
    assert run_cli("sap", "discover", "127.0.0.1", "-i", "7").returncode == 2


# answers that others recorded


def recorded(kind: str) -> tuple[list[rows.Instance], list[rows.Process], dict[str, str], dict[str, str]]:
    """Instances, programs, properties of the asked instance, and profile of a discovered system."""
    (system,) = json.loads((ROOT / f"trento_sap_system_discovery_{kind}.json").read_text())
    (asked,) = system["Instances"]
    told = asked["SAPControl"]

    def read(key: str, row: type[Any]) -> list[Any]:
        return [rows.read({name: str(value) for name, value in one.items()}, row) for one in told[key]]

    properties = {one["property"]: one["value"] for one in told["Properties"]}
    return read("Instances", rows.Instance), read("Processes", rows.Process), properties, system["Profile"]


@CORPUS
@pytest.mark.parametrize(
    ("kind", "sid", "instances", "database"),
    [
        (
            "application",
            "HA1",
            ["sapha1as 00", "sapha1er 10", "sapha1pas 01", "sapha1aas1 02"],
            SAPDatabase(type="hdb", name="PRD", host="10.74.1.12"),
        ),
        ("database", "PRD", ["vmhana01 00"], SAPDatabase(type="hdb", name="PRD", host="vmhana01", instance="00")),
        ("diagnostics", "DAA", ["vmhana01 98"], None),
    ],
)
def test_recorded_systems_are_described_as_they_were(
    kind: str, sid: str, instances: list[str], database: SAPDatabase | None
) -> None:
    listed, programs, properties, profile = recorded(kind)
    assert properties["SAPSYSTEMNAME"] == sid
    found = [landscape.declared(one) for one in listed]
    assert sorted(f"{one.host} {one.number}" for one in found) == sorted(instances)
    assert discovery.database_of(listed, programs, profile) == database
    spec = SAPSystemSpec(sid=sid, instances=found, database=database)
    manifests.validate(
        {
            "apiVersion": "oncue/v1",
            "kind": "SAPSystem",
            "metadata": {"name": sid.lower()},
            "spec": msgspec.to_builtins(spec),
        }
    )
    assert landscape.drift(spec, listed) == landscape.Drift([], [])


@CORPUS
def test_recorded_systems_protect_all_but_the_lists_of_instances_and_programs() -> None:
    for kind in ("application", "database", "diagnostics"):
        protected = set(recorded(kind)[2]["Protected Webmethods"].split(","))
        assert protected.isdisjoint({"GetProcessList", "GetSystemInstanceList", "GetInstanceProperties"})
        assert {"GetAlertTree", "ABAPGetWPTable", "GetQueueStatistic", "ABAPReadSyslog", "EnqGetLockTable"} <= protected
