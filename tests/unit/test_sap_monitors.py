"""What the SAP monitors find in a simulated system, and what they say of one that does not answer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncue.demo.sap_system import Instance, SapSystem
from oncue.sdk import ActionError, Context, Fault, Monitor, Probe, registry
from oncue.sdk.outbound import Allow
from oncue.sdk.testing import context

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def system() -> Iterator[SapSystem]:
    with SapSystem(takes_s=0.1) as running:
        yield running


@pytest.fixture
def surroundings(tmp_path: Path) -> Context:
    return context(tmp_path, allows=[Allow("127.0.0.1")])


async def probe(
    monitor: str | Monitor, instance: Instance, surroundings: Context, at: datetime = AT, **more: Any
) -> Probe:
    found = registry.monitor(monitor) if isinstance(monitor, str) else monitor
    given = {"host": "127.0.0.1", "hostname": instance.host, "instance": instance.number, "port": instance.port, **more}
    return await found.probe(registry.fit({"sid": "DMO", **given}, found.settings), surroundings, at)


def values(probe: Probe) -> dict[str, float]:
    return {"/".join(filter(None, (one.metric, one.instance))): one.value for one in probe.readings}


def fault(probe: Probe) -> Fault:
    assert probe.fault is not None
    return probe.fault


async def test_a_running_instance_has_all_its_programs(system: SapSystem, surroundings: Context) -> None:
    found = await probe("sap.processes", system.primary, surroundings)
    assert found.fault is None
    assert values(found)["sap.processes.running"] == 4.0
    assert values(found)["sap.process.state/disp+work"] == 0.0
    assert found.readings[0].labels == {"sid": "DMO", "instance": "00", "host": "dmopas"}


async def test_a_program_that_died_is_named(system: SapSystem, surroundings: Context) -> None:
    system.primary.broken.add("icman")
    found = await probe("sap.processes", system.primary, surroundings)
    assert fault(found).title == "dmopas_DMO_00: icman not running"
    assert fault(found).labels["sid"] == "DMO"
    assert values(found)["sap.processes.failed"] == 1.0
    assert (await probe("sap.processes", system.primary, surroundings, ignore=["icman"])).fault is None


async def test_a_program_that_should_be_there_and_is_not_listed_is_missing(
    system: SapSystem, surroundings: Context
) -> None:
    found = await probe("sap.processes", system.primary, surroundings, expect=["webdisp"])
    assert "webdisp is not there" in fault(found).detail


async def test_a_stopped_instance_does_not_run(system: SapSystem, surroundings: Context) -> None:
    system.primary.turn("GRAY", 0, 0)
    found = await probe("sap.processes", system.primary, surroundings)
    assert fault(found).title == "dmopas_DMO_00 does not run"
    assert fault(await probe("sap.workprocesses", system.primary, surroundings)).code == "sap.instance_down"


async def test_the_dialog_response_time_is_a_metric_of_its_own(system: SapSystem, surroundings: Context) -> None:
    system.response_ms = 2750
    found = await probe("sap.alerts", system.primary, surroundings)
    assert found.fault is None
    assert values(found)["sap.dialog.response_time"] == 2750.0
    assert values(found)["sap.dialog.users"] == 42.0
    assert {one.unit for one in found.readings if one.metric == "sap.dialog.response_time"} == {"ms"}


async def test_nodes_that_are_asked_for_have_colour_and_value_and_red_is_a_fault(
    system: SapSystem, surroundings: Context
) -> None:
    calm = await probe("sap.alerts", system.primary, surroundings, nodes=["*/Dialog/ResponseTime", "*/Background/*"])
    path = "DMO/dmopas_DMO_00/R3Services/Dialog/ResponseTime"
    assert values(calm)[f"sap.alert.colour/{path}"] == 0.0
    assert values(calm)["sap.alert.value/DMO/dmopas_DMO_00/R3Services/Background/Utilisation"] == 12.0
    system.response_ms = 3200
    red = await probe("sap.alerts", system.primary, surroundings, nodes=["*/Dialog/ResponseTime"])
    assert fault(red).title == "dmopas_DMO_00: ResponseTime is red"
    assert values(red)[f"sap.alert.colour/{path}"] == 2.0
    system.response_ms = 2200
    assert (await probe("sap.alerts", system.primary, surroundings, nodes=["*/Dialog/ResponseTime"])).fault is None
    yellow = await probe("sap.alerts", system.primary, surroundings, nodes=["*/Dialog/ResponseTime"], fault_on="yellow")
    assert fault(yellow).title == "dmopas_DMO_00: ResponseTime is yellow"


async def test_a_node_that_is_not_there_is_a_mistake_of_the_monitor(system: SapSystem, surroundings: Context) -> None:
    with pytest.raises(ActionError, match=r"sap\.node_unknown.*Dialogue"):
        await probe("sap.alerts", system.primary, surroundings, nodes=["*/Dialogue/*"])


async def test_busy_work_processes_and_what_waits_for_them_are_counted(
    system: SapSystem, surroundings: Context
) -> None:
    system.response_ms = 4200
    work = values(await probe("sap.workprocesses", system.primary, surroundings))
    assert (work["sap.wp.used/DIA"], work["sap.wp.free/DIA"], work["sap.wp.used/BTC"]) == (100.0, 0.0, 0.0)
    assert work["sap.wp.longest/DIA"] > 20
    queues = values(await probe("sap.queues", system.primary, surroundings))
    assert queues["sap.queue.length/ABAP/DIA"] == 28.0
    assert queues["sap.queue.used/ABAP/DIA"] == 0.2


async def test_only_new_errors_of_the_system_log_count_and_only_for_their_time(
    system: SapSystem, surroundings: Context
) -> None:
    system.log("EE1", "RED", "An old error")
    monitor = registry.monitor("sap.syslog")
    first = await probe(monitor, system.primary, surroundings, AT)
    assert (first.fault, values(first)["sap.syslog.errors"]) == (None, 0.0)
    system.log("R49", "RED", "Too few work processes")
    system.log("R49", "YELLOW", "Something else")
    second = await probe(monitor, system.primary, surroundings, AT + timedelta(minutes=1))
    assert fault(second).title == "dmopas_DMO_00: R49 Too few work processes"
    assert values(second) == {"sap.syslog.errors": 1.0, "sap.syslog.warnings": 1.0}
    ignored = await probe(monitor, system.primary, surroundings, AT + timedelta(minutes=2), ignore="few work")
    assert ignored.fault is None
    assert (await probe(monitor, system.primary, surroundings, AT + timedelta(minutes=12))).fault is None


async def test_a_locks_age_is_told_by_its_owner_or_by_how_long_it_was_seen(
    system: SapSystem, surroundings: Context
) -> None:
    ascs = system.instances[1]
    system.enqueue("VBAK", "1", "CLERK-1", AT.replace(tzinfo=None) - timedelta(hours=1))
    monitor = registry.monitor("sap.locks")
    assert values(await probe(monitor, ascs, surroundings, AT)) == {"sap.locks.oldest": 0.0, "sap.locks.count": 1.0}
    later = await probe(monitor, ascs, surroundings, AT + timedelta(minutes=5))
    assert values(later)["sap.locks.oldest"] == 300.0
    told = await probe(monitor, ascs, surroundings, AT, time_zone="UTC")
    assert values(told)["sap.locks.oldest"] == 3600.0
    with pytest.raises(ActionError, match=r"inputs\.invalid.*Nowhere"):
        await probe(monitor, ascs, surroundings, AT, time_zone="Nowhere")


async def test_all_instances_of_a_system_are_discovered_and_watched(system: SapSystem, surroundings: Context) -> None:
    found = await probe("sap.system", system.primary, surroundings, sid=None)
    assert found.fault is None
    assert values(found)["sap.instances.running"] == 4.0
    labels = {one.instance: one.labels for one in found.readings if one.instance}
    assert labels["dmodb_DMO_02"] == {"sid": "DMO", "instance": "02", "host": "dmodb", "features": "HDB|HDB_WORKER"}
    system.instances[3].turn("GRAY", 0, 0)
    found = await probe("sap.system", system.primary, surroundings)
    assert fault(found).title == "SAP system DMO: 1 of 4 instances do not run"
    assert fault(found).detail == "dmoaas 03 is GRAY"


async def test_a_system_that_lists_no_instances_is_not_well(system: SapSystem, surroundings: Context) -> None:
    asked = system.primary
    system.instances = []
    assert fault(await probe("sap.system", asked, surroundings)).code == "sap.answer"


def landscape(system: SapSystem, *hosts: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The system, declared with the instances on these hosts."""
    numbers = {one.host: one.number for one in system.instances}
    instances = [{"host": host, "number": numbers.get(host.lower().partition(".")[0], "07")} for host in hosts]
    return {("SAPSystem", "dmo"): {"sid": "DMO", "instances": instances}}


async def test_a_landscape_as_declared_is_no_fault(system: SapSystem, tmp_path: Path) -> None:
    given = landscape(system, "DMOdb", "dmoascs.example.com", "dmopas", "dmoaas")
    found = await probe("sap.system", system.primary, context(tmp_path, allows=[Allow("127.0.0.1")], declared=given))
    assert found.fault is None
    assert values(found)["sap.instances.drifted"] == 0.0


async def test_an_instance_that_nobody_declared_is_a_warning_with_what_to_do(system: SapSystem, tmp_path: Path) -> None:
    given = landscape(system, "dmodb", "dmoascs", "dmopas")
    around = context(tmp_path, allows=[Allow("127.0.0.1")], declared=given)
    for sid in ("DMO", None):
        found = fault(await probe("sap.system", system.primary, around, sid=sid))
        assert (found.code, found.severity) == ("sap.instance_undeclared", "warning")
        assert found.title == "SAP system DMO: dmoaas 03 is there and not declared"
        assert "oncue sap discover 127.0.0.1 -i 00" in found.detail
    calm = await probe("sap.system", system.primary, around, drift=False)
    assert calm.fault is None
    assert "sap.instances.drifted" not in values(calm)


async def test_an_instance_that_is_gone_is_as_bad_as_one_that_does_not_run(system: SapSystem, tmp_path: Path) -> None:
    given = landscape(system, "dmodb", "dmoascs", "dmopas", "dmoaas", "dmogone", "dmolost")
    around = context(tmp_path, allows=[Allow("127.0.0.1")], declared=given)
    found = fault(await probe("sap.system", system.primary, around))
    assert (found.code, found.severity, found.value) == ("sap.instance_missing", None, 2.0)
    assert found.title == "SAP system DMO: 2 instances are declared and not there"
    assert "dmogone 07, dmolost 07: declared in SAPSystem dmo, and not listed" in found.detail
    system.instances[3].turn("GRAY", 0, 0)
    worse = fault(await probe("sap.system", system.primary, around))
    assert (worse.code, worse.title) == ("sap.instance", "SAP system DMO: 1 of 4 instances do not run")
    assert worse.detail.startswith("dmoaas 03 is GRAY; dmogone 07, dmolost 07: declared")


async def test_another_systems_landscape_does_not_matter(system: SapSystem, tmp_path: Path) -> None:
    other = {("SAPSystem", "qas"): {"sid": "QAS", "instances": [{"host": "qaspas", "number": "00"}]}}
    found = await probe("sap.system", system.primary, context(tmp_path, allows=[Allow("127.0.0.1")], declared=other))
    assert found.fault is None


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("sap.alerts", {"nodes": ["*/Dialog/*"]}), ("sap.processes", {}), ("sap.queues", {}), ("sap.system", {}),
        ("sap.workprocesses", {}),
    ],
)  # fmt: skip
async def test_what_is_read_of_several_things_is_a_series_of_each(
    system: SapSystem, surroundings: Context, name: str, more: dict[str, Any]
) -> None:
    readings = (await probe(name, system.primary, surroundings, **more)).readings
    series = {(one.metric, tuple(sorted(one.labels.items()))) for one in readings}
    assert len(series) == len(readings)
    assert {one.labels.get("sid") for one in readings} == {"DMO"}


@pytest.mark.parametrize(
    "name", ["sap.alerts", "sap.locks", "sap.processes", "sap.queues", "sap.syslog", "sap.system", "sap.workprocesses"]
)
async def test_silence_is_a_finding_and_bad_credentials_are_not(
    system: SapSystem, surroundings: Context, tmp_path: Path, name: str
) -> None:
    instance = system.instances[1] if name == "sap.locks" else system.primary
    for method in ("GetAlertTree", "EnqGetLockTable", "GetProcessList", "GetQueueStatistic", "ABAPReadSyslog",
                   "GetSystemInstanceList", "ABAPGetWPTable"):  # fmt: skip
        system.faults[method] = "Invalid Credentials"
    with pytest.raises(ActionError, match=r"sap\.credentials"):
        await probe(name, instance, surroundings)
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await probe(name, instance, context(tmp_path))
    port, instance.port = instance.port, 18_748
    silent = await probe(name, instance, surroundings)
    instance.port = port
    assert fault(silent).code == "http.connect"
    assert fault(silent).title.endswith("does not answer")
    assert silent.readings == []
