"""`oncue sap discover` asks a real (simulated) instance, and prints manifests that hold together."""

from collections.abc import Iterator

import pytest

from oncue import manifests
from oncue.demo.sap_system import SapSystem
from tests.server import free_port, run_cli


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


def test_an_instance_number_has_two_digits() -> None:
    assert run_cli("sap", "discover", "127.0.0.1", "-i", "7").returncode == 2
