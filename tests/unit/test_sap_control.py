"""SAPControl: the client against a simulated system over real SOAP, and against answers recorded from real ones."""

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncue.demo.sap_system import Instance, SapSystem
from oncue.plugins.sap import control, rows, soap
from oncue.plugins.sap.control import READS, SapControl, Target
from oncue.sdk import ActionError, Context
from oncue.sdk.outbound import Allow
from oncue.sdk.testing import context

ROOT = Path(os.environ.get("ONCUE_CORPUS") or "/nowhere") / "sap"
CORPUS = pytest.mark.skipif(not ROOT.is_dir(), reason="ONCUE_CORPUS is not set")
AT = datetime(2026, 5, 1, tzinfo=UTC)
ANSWER = (
    b'<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" '
    b'xmlns:C="urn:SAPControl"><S:Body><C:GetProcessListResponse><process><item><name>gwrd</name><pid>4</pid></item>'
    b"</process></C:GetProcessListResponse></S:Body></S:Envelope>"
)


@pytest.fixture
def system() -> Iterator[SapSystem]:
    with SapSystem(password="initial-4711", takes_s=0.1) as running:
        yield running


@pytest.fixture
def surroundings(tmp_path: Path) -> Context:
    return context(tmp_path, allows=[Allow("127.0.0.1")], secrets={"sap": "initial-4711", "wrong": "no"})


def target(instance: Instance, **more: Any) -> Target:
    told = {"host": "127.0.0.1", "instance": instance.number, "port": instance.port, "sid": "DMO", **more}
    return msgspec.convert(told, Target)


@pytest.mark.parametrize("method", sorted(READS))
async def test_every_reading_method_is_answered_and_read(system: SapSystem, surroundings: Context, method: str) -> None:
    instance = system.instances[1] if method == "EnqGetLockTable" else system.primary
    system.enqueue("VBAK", "100000004711", "CLERK-1", AT)
    found = await SapControl(target(instance), surroundings).rows(method, READS[method])
    assert found
    assert found[0] != READS[method](), "the columns have their values"
    assert [(call.method, call.instance) for call in system.calls] == [(method, instance.number)]


async def test_what_the_simulated_system_says_reads_as_it_is(system: SapSystem, surroundings: Context) -> None:
    client = SapControl(target(system.primary), surroundings)
    processes = await client.rows("GetProcessList", rows.Process)
    assert (processes[0].name, processes[0].dispstatus) == ("disp+work", "GREEN")
    instances = await client.rows("GetSystemInstanceList", rows.Instance)
    assert [(one.instance_nr, one.features) for one in instances][1] == (1, "MESSAGESERVER|ENQUE")
    system.response_ms = 4200
    nodes = await client.rows("GetAlertTree", rows.AlertNode)
    place = rows.paths(nodes).index("DMO/dmopas_DMO_00/R3Services/Dialog/ResponseTime")
    assert nodes[place].actual_value == "RED"
    assert rows.measure(nodes[place].description) == (4200.0, "ms")
    work = await client.rows("ABAPGetWPTable", rows.WorkProcess)
    assert sum(one.status == "Run" and one.typ == "DIA" for one in work) == 10


@pytest.mark.parametrize(
    ("said", "code", "transient"),
    [
        ("Invalid Credentials", "sap.credentials", False),
        ("Permission denied", "sap.permission", False),
        (
            "FAIL: NIECONN_REFUSED (Connection refused), NiRawConnect failed in plugin_fopen()",
            "sap.instance_down",
            True,
        ),
        ("FAIL: NIEHOST_UNKNOWN (Hostname unknown)", "sap.network", True),
        ("DpAttachStartService failed", "sap.instance_down", True),
        (
            "Method 'HACheckConfig' not implemented: method name or namespace not recognized",
            "sap.method_unknown",
            False,
        ),
        ("Access denied by ACL", "sap.fault", False),
        ("Something else", "sap.fault", False),
    ],
)
async def test_a_fault_becomes_a_code_and_keeps_its_words(
    system: SapSystem, surroundings: Context, said: str, code: str, transient: bool
) -> None:
    system.faults["GetProcessList"] = said
    with pytest.raises(ActionError) as refused:
        await SapControl(target(system.primary), surroundings).rows("GetProcessList", rows.Process)
    assert (refused.value.code, refused.value.transient) == (code, transient)
    assert said in refused.value.detail


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "sap.credentials"),
        ({"user": "dmoadm", "password": "secret://wrong"}, "sap.credentials"),
        ({"user": "auditor", "password": "secret://sap"}, "sap.permission"),
    ],
)
async def test_a_protected_method_wants_a_user_who_may(
    system: SapSystem, surroundings: Context, given: dict[str, str], code: str
) -> None:
    system.denied.add("auditor")
    with pytest.raises(ActionError) as refused:
        await SapControl(target(system.primary, **given), surroundings).call("Stop")
    assert refused.value.code == code
    assert system.primary.state() == "GREEN"
    assert "initial-4711" not in refused.value.detail


async def test_credentials_are_sent_and_never_shown(system: SapSystem, surroundings: Context) -> None:
    given = target(system.primary, user="dmoadm", password="secret://sap")
    await SapControl(given, surroundings).call("Stop")
    assert system.calls[-1].user == "dmoadm"
    assert "initial-4711" not in surroundings.mask.text("password initial-4711, header ZG1vYWRtOmluaXRpYWwtNDcxMQ==")
    assert "ZG1vYWRtOmluaXRpYWwtNDcxMQ==" not in surroundings.mask.text("header ZG1vYWRtOmluaXRpYWwtNDcxMQ==")


async def test_a_stopped_instance_still_answers_and_says_so(system: SapSystem, surroundings: Context) -> None:
    system.primary.turn("GRAY", 0, 0)
    client = SapControl(target(system.primary), surroundings)
    assert {one.dispstatus for one in await client.rows("GetProcessList", rows.Process)} == {"GRAY"}
    with pytest.raises(ActionError, match=r"sap\.instance_down.*dispatcher"):
        await client.rows("ABAPGetWPTable", rows.WorkProcess)


async def test_a_method_that_the_kind_of_instance_lacks_is_told(system: SapSystem, surroundings: Context) -> None:
    with pytest.raises(ActionError, match=r"sap\.method_unknown"):
        await SapControl(target(system.instances[0]), surroundings).rows("ABAPGetWPTable", rows.WorkProcess)


async def test_a_private_address_is_refused_without_an_exception(system: SapSystem, tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await SapControl(target(system.primary), context(tmp_path)).rows("GetProcessList", rows.Process)
    assert system.calls == []


async def test_a_silent_port_is_a_connection_error(surroundings: Context) -> None:
    nobody = Target(host="127.0.0.1", instance="00", port=18_749)
    with pytest.raises(ActionError, match=r"http\.connect"):
        await SapControl(nobody, surroundings).rows("GetProcessList", rows.Process)


def test_the_port_is_that_of_the_instance_number() -> None:
    assert control.url(Target(host="sap.example", instance="07")) == "http://sap.example:50713/SAPControl.cgi"
    assert (
        control.url(Target(host="sap.example", instance="98", tls=True)) == "https://sap.example:59814/SAPControl.cgi"
    )
    assert control.url(Target(host="2001:db8::1", instance="00")) == "http://[2001:db8::1]:50013/SAPControl.cgi"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><body>It works</body></html>",
        b"<a/>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 1000 + b"</a>" * 1000,
        b"\xff\xfe<a/>",
        b"<a",
        b'<?xml version="1.0" encoding="x-unknown"?><a/>',
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
    ],
)
def test_what_is_no_soap_answer_is_refused(document: bytes) -> None:
    with pytest.raises(ActionError, match=r"sap\.answer"):
        control.read("GetProcessList", 200, document)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.builds(
            lambda at, junk: ANSWER[:at] + junk + ANSWER[at:], st.integers(0, 400), st.binary(min_size=1, max_size=20)
        ),
        st.builds(lambda at, length: ANSWER[:at] + ANSWER[at + length :], st.integers(0, 400), st.integers(1, 50)),
    )
)
def test_whatever_comes_back_is_read_or_refused_with_a_code(document: bytes) -> None:
    try:
        control.table(control.read("GetProcessList", 200, document), rows.Process)
    except ActionError as refused:
        code = refused.code
    else:
        code = "sap.read"
    assert code.startswith("sap.")


def test_an_unauthorised_page_is_about_credentials() -> None:
    with pytest.raises(ActionError, match=r"sap\.credentials"):
        control.read("Stop", 401, b"<html>Unauthorized</html>")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("850 msec", (850.0, "ms")),
        ("0 Secs", (0.0, "s")),
        ("87 %", (87.0, "%")),
        ("1,234 msec", (1234.0, "ms")),
        ("3.5 MB", (3.5, "MB")),
        ("0,25 Secs", (0.25, "s")),
        ("42", (42.0, "")),
        ("-1", (-1.0, "")),
        ("Running", None),
        ("", None),
    ],
)
def test_a_nodes_text_gives_its_value_and_unit(text: str, found: tuple[float, str] | None) -> None:
    assert rows.measure(text) == found


def test_a_tree_with_a_ring_still_has_paths() -> None:
    nodes = [
        rows.AlertNode(name="a", parent=1),
        rows.AlertNode(name="b", parent=0),
        rows.AlertNode(name="c", parent=99),
    ]
    assert rows.paths(nodes)[2] == "c"
    assert all(len(path) < 200 for path in rows.paths(nodes))


# answers that others recorded


def recorded(name: str, method: str) -> list[dict[str, Any]]:
    return control.table(control.read(method, 200, (ROOT / name).read_bytes()), READS[method])


METHODS = {
    "abapgetwptable": "ABAPGetWPTable",
    "enqgetlocktable": "EnqGetLockTable",
    "getprocesslist": "GetProcessList",
    "getqueuestatistic": "GetQueueStatistic",
}


@CORPUS
def test_every_recorded_answer_reads_row_by_row_and_column_by_column() -> None:
    files = (
        sorted(ROOT.glob("soap_get*.xml")) + sorted(ROOT.glob("soap_abap*.xml")) + sorted(ROOT.glob("soap_enq*.xml"))
    )
    assert len(files) == 9
    for path in files:
        method = METHODS[path.name.removeprefix("soap_").partition("__")[0]]
        found = recorded(path.name, method)
        raw = re.findall(r"<item>(.*?)</item>", path.read_text(), re.DOTALL)
        assert len(found) == len(raw), path.name
        for row, text in zip(found, raw, strict=True):
            said = [value.removeprefix("SAPControl-") for value in re.findall(r">([^<]+)</", text)]
            values = {str(value) for value in row.values()}
            assert all(value in values for value in said), (path.name, said, row)


@CORPUS
def test_recorded_rows_have_the_values_that_were_recorded() -> None:
    processes = recorded("soap_getprocesslist__all_processes.xml", "GetProcessList")
    assert len(processes) == 7
    assert processes[0] == {
        "name": "hdbdaemon", "description": "HDB Daemon", "dispstatus": "GREEN", "textstatus": "Running",
        "starttime": "2023 05 10 05:27:05", "elapsedtime": "847:25:31", "pid": 9609,
    }  # fmt: skip
    assert rows.seconds("847:25:31") == 3_050_731
    assert recorded("soap_getprocesslist__no_pid.xml", "GetProcessList")[2]["pid"] is None
    assert "" in [one["name"] for one in recorded("soap_getprocesslist__no_name.xml", "GetProcessList")]
    assert recorded("soap_getqueuestatistic__one_queue.xml", "GetQueueStatistic") == [
        {"typ": "ABAP/NOWP", "now": 7, "high": 2, "max": 14000, "writes": 753221, "reads": 753221}
    ]
    lock = recorded("soap_enqgetlocktable__enqgetlocktable_success_response.xml", "EnqGetLockTable")[0]
    assert (lock["lock_name"], lock["user"], lock["use_count_owner_vb"]) == ("USR04", "CALM_USER", 1)


@CORPUS
def test_the_recorded_fault_says_that_the_instance_is_down() -> None:
    with pytest.raises(ActionError) as refused:
        control.read("ABAPGetWPTable", 500, (ROOT / "soap_fault_response.xml").read_bytes())
    assert (refused.value.code, refused.value.transient) == ("sap.instance_down", True)


@CORPUS
@pytest.mark.parametrize("kind", ["application", "database", "diagnostics"])
def test_instance_and_process_lists_of_discovered_systems_read(kind: str) -> None:
    seen = 0
    for system in json.loads((ROOT / f"trento_sap_system_discovery_{kind}.json").read_text()):
        for instance in system["Instances"]:
            for key, row in (("Instances", rows.Instance), ("Processes", rows.Process), ("Properties", rows.Property)):
                for one in instance["SAPControl"][key]:
                    read = rows.read({name: str(value) for name, value in one.items()}, row)
                    assert getattr(read, "dispstatus", "GREEN") in rows.COLOURS
                    seen += 1
    assert seen


@CORPUS
def test_the_recorded_alert_node_of_a_real_system_has_value_and_colour() -> None:
    dump = (ROOT / "perl_dump_GetAlertTree_2.txt").read_text()
    said = dict(re.findall(r"'(\w+)' => '([^']*)'", dump))
    node = rows.read(
        {key: said[key] for key in ("name", "parent", "description", "ActualValue", "VisibleLevel")}, rows.AlertNode
    )
    assert (node.parent, node.actual_value, rows.measure(node.description)) == (556, "GREEN", (0.0, "s"))


@CORPUS
@pytest.mark.parametrize(
    ("name", "row"),
    [("perl_dump_ABAPGetWPTable_1.txt", rows.WorkProcess), ("perl_dump_GetProcessList_3.txt", rows.Process)],
)
def test_recorded_dumps_of_real_answers_read_column_by_column(name: str, row: type[rows.Row]) -> None:
    groups = re.findall(r"= \{\n(.*?)\};", (ROOT / name).read_text(), re.DOTALL)
    assert len(groups) >= 2
    given = {field.name: field.encode_name for field in msgspec.structs.fields(row)}
    for group in groups:
        said = dict(re.findall(r"'(\w+)' => '([^']*)'", group))
        read = msgspec.structs.asdict(rows.read({given[key]: value for key, value in said.items()}, row))
        assert {key: str(read[key]) for key, value in said.items() if value} == {
            key: value for key, value in said.items() if value
        }


@CORPUS
def test_tables_of_the_command_line_program_have_the_columns_that_rows_have() -> None:
    heads = {"cli_abapgetwptable_7.txt": rows.WorkProcess, "cli_sapcontrol_2_defaultenqtableoutput.txt": rows.Lock,
             "cli_sapcontrol_4_stdout.txt": rows.Queue}  # fmt: skip
    for name, row in heads.items():
        head = next(line for line in (ROOT / name).read_text().splitlines() if "," in line)
        columns = [column.strip().lower() for column in head.split(",")]
        assert columns == [field.name for field in msgspec.structs.fields(row)], name


@CORPUS
def test_a_number_beyond_all_bounds_is_refused_not_misread() -> None:
    line = (ROOT / "cli_sapcontrol_5_stdout.txt").read_text().splitlines()[0].split(", ")
    row = dict(zip(("Typ", "Now", "High", "Max", "Writes", "Reads"), line, strict=True))
    with pytest.raises(msgspec.ValidationError):
        rows.read(row, rows.Queue)


def test_an_envelope_is_soap_that_others_can_read(system: SapSystem) -> None:
    call = soap.body(soap.envelope("Stop", {"softtimeout": 5, "IsSystemStop": 0}))
    assert (call.name, [(one.name, one.text) for one in call.children]) == (
        "Stop", [("softtimeout", "5"), ("IsSystemStop", "0")],
    )  # fmt: skip
    url = f"http://127.0.0.1:{system.primary.port}/"
    assert httpx.post(url, content=b"<nonsense", trust_env=False).status_code == 400
    assert httpx.post(url, content=b"", trust_env=False).status_code == 400
