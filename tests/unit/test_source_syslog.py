"""What syslog's messages become: both formats, what is wrong with them, alarms, alerts that nobody ends."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncue.plugins.sources.cloudevents import vet
from oncue.plugins.sources.syslog import Line, SyslogSource, fingerprint_of, read
from oncue.sdk.source import Message, Received
from tests.sources import NOW, event, events, faults, parse, told

EXAMPLE = (
    b'<165>1 2003-10-11T22:14:15.003Z web.example evntslog - ID47 [exampleSDID@32473 iut="3" eventID="1011"] An entry'
)
OLD = b"<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed for lonvick on /dev/pts/8"


def of(raw: bytes, **more: Any) -> Line:
    return read(raw, NOW, **more)


def test_a_message_of_rfc_5424_is_read_whole() -> None:
    found = of(EXAMPLE)
    assert (found.form, found.facility, found.level, found.faults) == ("rfc5424", "local4", "notice", [])
    assert (found.host, found.app, found.procid, found.msgid) == ("web.example", "evntslog", None, "ID47")
    assert found.structured == {"exampleSDID@32473": {"iut": "3", "eventID": "1011"}}
    assert (found.at, found.text) == (datetime(2003, 10, 11, 22, 14, 15, 3000, UTC), "An entry")


def test_a_message_of_rfc_3164_is_read_whole() -> None:
    found = of(OLD)
    assert (found.form, found.facility, found.level, found.faults) == ("rfc3164", "auth", "crit", [])
    assert (found.host, found.app, found.procid) == ("mymachine", "su", "230")
    assert (found.at, found.text) == (
        datetime(2025, 10, 11, 22, 14, 15, tzinfo=UTC),
        "'su root' failed for lonvick on /dev/pts/8",
    )


@pytest.mark.parametrize(
    ("raw", "host", "app", "text"),
    [
        (b"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", "10.0.0.99", None, "Use the BFG!"),
        (b"<13>Feb  5 17:32:18 cron[12]: no host is named", None, "cron", "no host is named"),
        (b"<13>Feb  5 17:32:18 fe80::1 su: over IPv6", "fe80::1", "su", "over IPv6"),
        (b"<13>Feb  5 17:32:18 combo sshd(pam_unix)[1]: x", "combo", "sshd(pam_unix)", "x"),
        (b"<13>2026-02-05T17:32:18.123456+01:00 web-1 app: as rsyslog forwards", "web-1", "app", "as rsyslog forwards"),
        (b"<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% it's time", "mymachine", "myproc", "%% it's time"),
        (b"<189>29: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured", None, "%SYS-5-CONFIG_I", "Configured"),
        (b"<13>Feb  5 2026 17:32:18 fw-1 %ASA-4-106023: Deny", "fw-1", "%ASA-4-106023", "Deny"),
    ],
)
def test_headers_as_senders_write_them(raw: bytes, host: str | None, app: str | None, text: str) -> None:
    found = of(raw)
    assert (found.host, found.app, found.text, found.faults) == (host, app, text, [])


@pytest.mark.parametrize(
    ("now", "stamp", "at"),
    [
        ("2026-01-01T00:00:05Z", b"Dec 31 23:59:58", "2025-12-31T23:59:58Z"),
        ("2025-12-31T23:59:58Z", b"Jan  1 00:00:05", "2026-01-01T00:00:05Z"),
        ("2026-03-01T12:00:00Z", b"Mar  2 11:00:00", "2026-03-02T11:00:00Z"),
        ("2026-03-01T12:00:00Z", b"Jul 27 14:42:00", "2025-07-27T14:42:00Z"),
        ("2026-03-01T12:00:00Z", b"Feb 29 08:00:00", "2024-02-29T08:00:00Z"),
    ],
)
def test_a_time_without_a_year_is_the_last_one(now: str, stamp: bytes, at: str) -> None:
    assert read(b"<13>" + stamp + b" h a: x", datetime.fromisoformat(now)).at == datetime.fromisoformat(at)


def test_a_time_without_a_zone_is_in_the_sources() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert of(b"<13>Feb  5 17:32:18 h a: x", zone=berlin).at == datetime(2026, 2, 5, 16, 32, 18, tzinfo=UTC)
    assert event("syslog", OLD, settings={"zone": "Europe/Berlin"})["time"] == "2025-10-11T20:14:15Z"


@pytest.mark.parametrize(
    ("raw", "wrong", "text"),
    [
        (b"no priority at all", ["priority", "header"], "no priority at all"),
        (b"<192>too high", ["priority", "header"], "<192>too high"),
        (b"<13>neither", ["header"], "neither"),
        (b"<1>2", ["header"], "2"),
        (b"<13>Feb 30 17:32:18 h a: x", ["time"], "x"),
        (b"<1>1 2003-09-31T22:14:15Z h a - - - x", ["time"], "x"),
        (b"<1>1 - - - - - X", ["structured_data"], "X"),
        (b'<1>1 - - - - - [a b="c"] [d', [], "[d"),
        (b'<1>1 - h a - - [a b="c" x', ["structured_data"], '[a b="c" x'),
        (b"<1>1 - h a - - [id][id]", ["structured_data"], ""),
        (b"<13>Feb  3 17:32:18 h a: caf\xe9", ["encoding"], "caf\ufffd"),
        (b"<1>1 - - - - - -  as rsyslog forwards", [], "as rsyslog forwards"),
        (b"<1>1 - - - - - - \xef\xbb\xbfcaf\xc3\xa9", [], "café"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(raw: bytes, wrong: list[str], text: str) -> None:
    found = of(raw)
    assert (found.faults, found.text) == (wrong, text)


def test_an_escaped_value_and_a_repeated_parameter() -> None:
    found = of(rb'<1>1 - - - - - [origin ip="192.0.2.1" ip="192.0.2.129"][x y="a\"b\]c\\d\e"] m')
    assert found.structured == {"origin": {"ip": ["192.0.2.1", "192.0.2.129"]}, "x": {"y": 'a"b]c\\d\\e'}}
    assert found.text == "m"


@pytest.mark.parametrize(("form", "is_5424"), [("auto", True), ("rfc5424", True), ("rfc3164", False)])
def test_a_format_can_be_imposed(form: str, is_5424: bool) -> None:
    assert (of(EXAMPLE, form=form).form == "rfc5424") is is_5424


def test_what_the_event_says() -> None:
    found = event("syslog", EXAMPLE, labels={"site": "b"}, service="shop")
    assert "severity" not in found and "endsat" not in found
    assert (found["type"], found["resource"], found["check"]) == ("syslog.message", "web.example", "evntslog/ID47")
    assert (found["title"], found["service"]) == ("evntslog on web.example: An entry", "shop")
    assert found["labels"] == {"facility": "local4", "level": "notice", "site": "b"}
    assert found["data"] == {
        "message": "An entry", "facility": "local4", "severity": 5, "level": "notice", "app": "evntslog",
        "msgid": "ID47", "structured": {"exampleSDID@32473": {"iut": "3", "eventID": "1011"}}, "format": "rfc5424",
        "raw": EXAMPLE.decode(),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("level", "alert_from", "severity"),
    [
        (0, "critical", "critical"), (1, "critical", "critical"), (2, "critical", "critical"), (3, "critical", None),
        (3, "major", "major"), (4, "major", None), (4, "warning", "warning"), (5, "warning", None), (7, "warning", None),
        (0, "never", None),
    ],
)  # fmt: skip
def test_from_which_severity_a_message_makes_an_alert(level: int, alert_from: str, severity: str | None) -> None:
    found = event("syslog", f"<{8 + level}>Feb  5 17:32:18 h a: x", settings={"alert_from": alert_from})
    assert found.get("severity") == severity
    assert found.get("endsat") == ("2026-03-01T12:15:00Z" if severity else None)


def test_a_flood_of_errors_is_no_alert_unless_it_is_asked_for() -> None:
    assert told("syslog", *[b"<11>Feb  5 17:32:18 h a: broken"] * 5).types() == []


def test_an_alert_that_nobody_repeats_is_over() -> None:
    story = told("syslog", b"<11>Mar  1 02:59:58 h a[1]: broken 17", b"<11>Mar  1 02:59:59 h a[2]: broken 18",
                 settings={"alert_from": "major", "expire_after": "5m"})  # fmt: skip
    assert [one for one in story.types() if one.startswith("alert")] == ["alert.fired", "alert.updated"]
    story.wait("1d")
    assert "alert.resolved" in story.types()


def test_an_alarm_fires_and_ends_whatever_makes_alerts() -> None:
    alarm = b'<29>1 - nm-1 alarmd - - [alarm resource="link-7" probableCause="lossOfSignal" perceivedSeverity="%s"] x'
    story = told("syslog", alarm % b"critical", alarm % b"cleared")
    assert [one for one in story.types() if one.startswith("alert")] == ["alert.fired", "alert.resolved"]
    (found,) = events("syslog", alarm % b"Major")
    assert (found["severity"], found["resource"], found["check"]) == ("major", "link-7", "lossOfSignal")


def test_numbers_addresses_and_ids_do_not_tell_problems_apart() -> None:
    one = fingerprint_of("h", "sshd", "Failed password for root from 10.0.0.7 port 2201 id 9f86d081-884c")
    assert one == fingerprint_of("h", "sshd", "Failed password for root from 192.168.3.200 port 7 id 1b2c3d4e-0001")
    assert one != fingerprint_of("h", "sshd", "Failed password for admin from 10.0.0.7 port 2201 id 9f86d081-884c")
    assert one != fingerprint_of("i", "sshd", "Failed password for root from 10.0.0.7 port 2201 id 9f86d081-884c")


def test_bytes_that_are_no_text_are_kept_in_base64() -> None:
    for raw in (b"<13>Feb  3 17:32:18 h a: caf\xe9", b"<13>Feb  3 17:32:18 h a: x\0y"):
        data = event("syslog", raw)["data"]
        assert "raw" not in data
        assert base64.b64decode(data["raw_base64"]) == raw
    assert data["message"] == "xy"


@pytest.mark.parametrize("filler", [b"\x01", b'"', b"\\", b"a", "ü".encode(), b"[{"])
def test_the_longest_message_is_an_event(filler: bytes) -> None:
    raw = b"<13>Feb  5 17:32:18 h a: " + filler * (70_000 // len(filler))
    found = event("syslog", raw)
    assert found["data"]["faults"][-1] == "truncated"


def test_the_sender_stands_for_a_host_that_is_not_named() -> None:
    message = Message(name="in-1", headers=[], body=b"", now=NOW)
    parsed = SyslogSource().gathered(message, [Received(b"<13>hello", peer="192.0.2.7"), Received(b"\0\n")])
    (found,) = map(json.loads, parsed.events)
    assert (found["resource"], found["data"]["peer"]) == ("192.0.2.7", "192.0.2.7")


def test_posted_lines_are_messages() -> None:
    found = events("syslog", b"<13>Feb  5 17:32:18 h a: one\r\n\n<13>Feb  5 17:32:18 h a: two\n")
    assert [one["data"]["message"] for one in found] == ["one", "two"]


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"listen": "5514"}, "with.listen"),
        ({"listen": "0.0.0.0:0"}, "with.listen"),
        ({"listen": "0.0.0.0:70000"}, "with.listen"),
        ({"zone": "Europe/Nowhere"}, "with.zone"),
        ({"zone": "../etc/passwd"}, "with.zone"),
        ({"senders": ["10.0.0.0/33"]}, "with.senders[0]"),
        ({"listen": "[::]:6514", "protocol": "tls", "certificate": "secret://c"}, "with.key"),
        ({"listen": "[::]:6514", "certificate": "secret://c"}, "with.certificate"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], where: str) -> None:
    assert [path for path, _ in faults("syslog", settings)] == [where]


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"<13>", b"<13>1 ", b"<13>1 - - - - - ", b"<13>Feb  5 17:32:18 "])
)
def test_whatever_is_sent_becomes_a_valid_event(rest: bytes, start: bytes) -> None:
    message = Message(name="in-1", headers=[], body=b"", now=NOW)
    parsed = SyslogSource().gathered(message, [Received(start + rest)])
    assert parsed.rejected == []
    assert len(parsed.events) == (1 if (start + rest).strip(b" \t\r\n\0") else 0)
    for document in parsed.events:
        vet(document)


CORPUS = Path(os.environ.get("ONCUE_CORPUS") or "/nowhere") / "syslog"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="ONCUE_CORPUS is not set")
class TestCorpus:
    """Messages that others recorded, and other parsers' cases."""

    def test_what_another_parser_takes_is_read_without_fault(self) -> None:
        for case in json.loads((CORPUS / "rfc5424_parser_cases.json").read_text()):
            found = of(bytes.fromhex(case["hex"]))
            assert (found.form == "rfc5424" and found.faults == []) == case["valid"], case["label"]

    @pytest.mark.parametrize(("file", "host"), [("OpenSSH", "LabSZ"), ("Linux", "combo"), ("Mac", None)])
    def test_recorded_logs_have_hosts_and_times(self, file: str, host: str | None) -> None:
        for row in (CORPUS / f"loghub_{file}_2k.log").read_bytes().splitlines():
            found = of(row)
            assert (found.form, found.faults) == ("rfc3164", ["priority"]), row
            assert found.at is not None and NOW - timedelta(days=367) < found.at < NOW + timedelta(days=2)
            assert found.host == host if host else found.host
            assert found.text or found.app

    @pytest.mark.parametrize("file", ["Apache", "HDFS", "Thunderbird"])
    def test_what_is_no_syslog_is_a_neutral_message(self, file: str) -> None:
        body = (CORPUS / f"loghub_{file}_2k.log").read_bytes()
        parsed = parse("syslog", body)
        assert (len(parsed.events), parsed.rejected) == (2000, [])

    def test_failed_logins_of_one_kind_are_one_problem(self) -> None:
        rows = (CORPUS / "loghub_OpenSSH_2k.log").read_bytes().splitlines()
        failed = [of(row) for row in rows if b"]: Failed password for root from" in row]
        assert len(failed) > 100
        assert len({fingerprint_of(one.host or "", one.app or "", one.text) for one in failed}) == 1
