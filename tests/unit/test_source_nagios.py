"""Nagios: NRDP as its clients send it and read the answer, passive results, external commands, Icinga 2's events."""

import json
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from oncue.sdk import registry
from oncue.sdk.source import Answering, Refusal
from tests.sources import FORM, event, events, message, parse, told

XML = (
    "<?xml version='1.0'?><checkresults><checkresult type='service' checktype='1'><hostname>db-1</hostname>"
    "<servicename>Disk</servicename><state>2</state><output>DISK CRITICAL - /var 97% | /=40%;80;90 /var=97%;80;90;0;100</output>"
    "</checkresult></checkresults>"
)
JSON = {
    "checkresults": [
        {"checkresult": {"type": "host", "checktype": "1"}, "hostname": "db-2", "state": "1", "output": "PING lost"},
        {"checkresult": {"type": "service"}, "hostname": "db-2", "servicename": "Load", "state": "0", "output": "fine"},
    ]
}


def nrdp(**fields: str) -> bytes:
    return urlencode({"token": "t-0123456789", "cmd": "submitcheck", **fields}).encode()


def test_nrdp_with_xml() -> None:
    found = event("nagios", nrdp(xml=XML), FORM)
    assert (found["type"], found["severity"], found["resource"], found["check"], found["title"]) == (
        "nagios.service_check", "critical", "db-1", "Disk", "Disk on db-1: DISK CRITICAL - /var 97%",
    )  # fmt: skip
    data = found["data"]
    assert (data["value"], data["limit"], data["unit"], data["metric"]) == (97.0, 90.0, "%", "/var")
    assert b"t-0123456789" not in parse("nagios", nrdp(xml=XML), FORM).events[0]


def test_nrdp_with_json() -> None:
    host, service = events("nagios", nrdp(json=json.dumps(JSON)), FORM)
    assert (host["type"], host["severity"], host["resource"], host["check"]) == (
        "nagios.host_check",
        "critical",
        "db-2",
        "host",
    )
    assert (service["severity"], service["check"]) == ("clear", "Load")
    assert host["data"] == JSON["checkresults"][0]


def test_nrdp_is_answered_as_nrdp_does() -> None:
    source = registry.source("nagios")
    assert isinstance(source, Answering)
    reply = source.answer(message(nrdp(xml=XML), FORM), 1, 0, [])
    root = ET.fromstring(reply.body)
    assert (root.findtext("status"), root.findtext("message"), root.findtext("meta/output")) == (
        "0",
        "OK",
        "1 checks processed.",
    )
    refused = source.answer(message(nrdp(json="{}"), FORM), 0, 0, [(0, "event.malformed", "it has no hostname")])
    assert refused.body == (
        b'{"result":{"status":-1,"message":"it has no hostname","meta":{"output":"0 checks processed."}}}'
    )
    plain = source.answer(message("db-1\tLoad\t0\tfine"), 1, 0, [])
    assert plain.body == b'{"accepted":1,"duplicates":0,"rejected":[]}'


def test_passive_results_as_lines() -> None:
    body = "db-1\tLoad\t1\tload 9|load=9;5;10\ndb-1\t2\tunreachable\n\ndb-1 Load 1 blanks\n"
    parsed = parse("nagios", body)
    assert [(index, code) for index, code, _, _ in parsed.rejected] == [(2, "event.malformed")]
    service, host = events("nagios", "\n".join(body.splitlines()[:2]))
    assert (service["severity"], service["check"], service["data"]["limit"]) == ("warning", "Load", 5.0)
    assert (host["severity"], host["check"]) == ("major", "host")


def test_external_commands() -> None:
    body = (
        "[1767225600] PROCESS_SERVICE_CHECK_RESULT;db-1;Load;2;too high; really\n"
        "[1767225600] PROCESS_HOST_CHECK_RESULT;db-1;0;alive\n"
    )
    service, host = events("nagios", body)
    assert (service["severity"], service["data"]["output"], service["time"]) == (
        "critical",
        "too high; really",
        "2026-01-01T00:00:00Z",
    )
    assert (host["severity"], host["resource"]) == ("clear", "db-1")


def icinga(state: float, **more: Any) -> dict[str, Any]:
    checked = {
        "output": "HTTP CRITICAL",
        "state": state,
        "performance_data": ["time=12s;5;10"],
        "execution_end": 1767225600.5,
    }
    return {"type": "StateChange", "host": "web-1", "service": "http", "state": state, "state_type": 1.0,
            "timestamp": 1767225601.5, "check_result": checked, **more}  # fmt: skip


def test_icinga_events() -> None:
    found = event("nagios", icinga(2.0))
    assert (found["severity"], found["resource"], found["check"]) == ("critical", "web-1", "http")
    assert (found["data"]["value"], found["data"]["limit"], found["data"]["unit"]) == (12.0, 10.0, "s")
    assert "severity" not in event("nagios", icinga(2.0, state_type=0.0))
    assert event("nagios", icinga(0.0, state_type=0.0))["severity"] == "clear"


@pytest.mark.parametrize(
    ("state", "service", "severity"),
    [("0", "s", "clear"), ("1", "s", "warning"), ("2", "s", "critical"), ("3", "s", "minor"), ("UNKNOWN", "s", "minor"),
     ("0", None, "clear"), ("1", None, "critical"), ("2", None, "major"), ("DOWN", None, "critical"), (2, "s", "critical")],
)  # fmt: skip
def test_states(state: Any, service: str | None, severity: str) -> None:
    result = {"hostname": "h", "state": state, "output": "x"} | ({"servicename": service} if service else {})
    assert event("nagios", result)["severity"] == severity


@pytest.mark.parametrize(
    ("figures", "state", "value", "limit"),
    [("a=5;10;20", "2", 5.0, None), ("a=5;~:4;20", "1", 5.0, 4.0), ("a=3;5:;1:", "1", 3.0, 5.0), ("'a b'=1.5GB;1;2", "1", 1.5, 1.0),
     ("a=7;@5:10;", "1", 7.0, 10.0), ("a=-1;10;20", "1", -1.0, None), ("nonsense", "1", None, None), ("a=U;1;2", "1", None, None)],
)  # fmt: skip
def test_thresholds_of_performance_data(figures: str, state: str, value: float | None, limit: float | None) -> None:
    data = event("nagios", f"h\ts\t{state}\tout|{figures}")["data"]
    assert (data.get("value"), data.get("limit")) == (value, limit)


def test_a_check_fails_and_recovers() -> None:
    story = told("nagios", "h\ts\t2\tbad", "h\ts\t2\tstill bad", "h\ts\t1\tbetter", "h\ts\t0\tfine")
    kept = ("alert.fired", "alert.severity_changed", "alert.resolved")
    assert [name for name in story.types() if name in kept] == list(kept)


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (urlencode({"cmd": "submitcmd", "command": "x"}), FORM, "submitcheck"),
        (urlencode({"cmd": "submitcheck"}), FORM, "neither json nor xml"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><checkresults/>", {}, "document type"),
        ("<checkresults>", {}, "not XML"),
        ("<html/>", {}, "no checkresult"),
        ("hello", {}, "can be made out"),
        ("", {}, "empty"),
        ("{", {}, "not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(body: str, headers: dict[str, str], detail: str) -> None:
    with pytest.raises(Refusal, match=detail):
        parse("nagios", body, headers)


def test_other_json_is_a_neutral_event() -> None:
    assert event("nagios", {"hello": "there"})["type"] == "nagios.unknown"
