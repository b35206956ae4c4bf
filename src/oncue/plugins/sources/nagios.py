"""Check results of Nagios, Icinga and what speaks like them: NRDP, passive results as lines, Icinga 2's events.

| event | from |
|---|---|
| `type` | `nagios.service_check`, `nagios.host_check` |
| `severity` | service: 0 `clear`, 1 `warning`, 2 `critical`, 3 `minor`; host: 0 `clear`, 1 `critical` (down), 2 `major` |
| `resource` | the host |
| `check` | the service; `host` for the host itself |
| `fingerprint` | host and check |
| `title` | check, host and the first line of the output |
| `time` | the result's, if it has one |
| `data` | the result: JSON verbatim, other forms as an object of its fields |

`value`, `limit` and `unit` come from the performance data: of its first figure beyond its threshold, else of the first.
A soft state (Icinga's `state_type` 0) is neutral, because another check is still to confirm it. NRDP gets NRDP's answer.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from oncue.plugins.sources.envelope import (
    Wrapping,
    crossing,
    decoded,
    elements,
    encode,
    first,
    first_line,
    instant,
    line,
    mapping,
    media_type,
    members,
    number,
    unknown,
    word,
)
from oncue.sdk.source import BATCH_LIMIT, Message, NoSettings, Parsed, Refusal, Reply

SERVICE: Final = {"0": "clear", "1": "warning", "2": "critical", "3": "minor",
                  "ok": "clear", "warning": "warning", "critical": "critical", "unknown": "minor"}  # fmt: skip
HOST: Final = {"0": "clear", "1": "critical", "2": "major",
               "up": "clear", "ok": "clear", "down": "critical", "unreachable": "major"}  # fmt: skip

_PASSIVE: Final = re.compile(r"\[(\d{9,12})\] PROCESS_(SERVICE|HOST)_CHECK_RESULT;(.*)", re.DOTALL).fullmatch
_STAMPED: Final = re.compile(rb"\[\d{9,12}\] ").match
_FIGURE: Final = re.compile(r"(?:^|(?<=\s))('(?:[^']|'')+'|[^\s=']+)=(-?[0-9.,]+)([^;\s0-9]*)((?:;[^;\s]*){0,4})")


class NagiosSource:
    """NRDP (`send_nrdp`), passive check results as `send_nsca` takes them, external commands, and Icinga 2's events.

    NRDP's `token` is a token of OnCue; other senders use a header or the address.
    """

    name = "nagios"
    settings = NoSettings

    def parse(self, message: Message) -> Parsed:
        """The results. Raises `Refusal`: request.malformed, request.invalid."""
        media = media_type(message.headers)
        body = message.body
        if media in ("application/x-www-form-urlencoded", "multipart/form-data") or body.startswith(b"cmd="):
            body = _submitted(body, media)
        text = body.lstrip()
        wrapping = Wrapping(message)
        if text.startswith(b"<"):
            for index, result in enumerate(_from_xml(text)):
                _add(wrapping, index, encode(result), result)
            return wrapping.parsed()
        if text.startswith((b"{", b"[")) and not _STAMPED(text):
            return self._from_json(message, body)
        for index, fields in enumerate(_from_lines(body)):
            if isinstance(fields, dict):
                _add(wrapping, index, encode(fields), fields)
            else:
                reason = "a line is HOST, SERVICE, STATE, OUTPUT with tabs between (HOST, STATE, OUTPUT for a host)"
                wrapping.refuse(index, Refusal("event.malformed", reason), fields.encode())
        return wrapping.parsed()

    def answer(self, message: Message, accepted: int, duplicates: int, rejected: list[tuple[int, str, str]]) -> Reply:
        """NRDP's answer to NRDP, in the form of the question; JSON to everyone else."""
        if not message.body.startswith(b"cmd=") and b"&cmd=" not in message.body:
            refused = [{"index": index, "code": code, "detail": detail} for index, code, detail in rejected]
            body = encode({"accepted": accepted, "duplicates": duplicates, "rejected": refused})
            return Reply(status=200, body=body, content_type="application/json")
        status = -1 if rejected and not accepted + duplicates else 0
        said = rejected[0][2] if status else "OK"
        output = f"{accepted + duplicates} checks processed."
        if b"json=" in message.body.lower() or b"jsondata=" in message.body.lower():
            result = {"result": {"status": status, "message": said, "meta": {"output": output}}}
            return Reply(status=200, body=encode(result), content_type="application/json")
        root = ET.Element("result")
        ET.SubElement(root, "status").text = str(status)
        ET.SubElement(root, "message").text = line(said)
        ET.SubElement(ET.SubElement(root, "meta"), "output").text = output
        ET.indent(root)
        body = b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root) + b"\n"
        return Reply(status=200, body=body, content_type="text/xml")

    def _from_json(self, message: Message, body: bytes) -> Parsed:
        try:
            said = decoded(body)
        except Refusal:
            rows = [row for row in body.splitlines() if row.strip()]
            if len(rows) < 2 or len(rows) > BATCH_LIMIT:
                raise
            said, raws = [decoded(row) for row in rows], rows
        else:
            raws = elements(body) if isinstance(said, list) else [body]
            if isinstance(said, dict) and isinstance(said.get("checkresults"), list):
                said, raws = said["checkresults"], elements(members(body)["checkresults"])
            elif isinstance(said, dict):
                said = [said]
        if not isinstance(said, list) or not any(_host(mapping(one)) for one in said):
            return unknown(message, said, "nagios")
        wrapping = Wrapping(message)
        for index, (raw, result) in enumerate(zip(raws, said, strict=True)):
            _add(wrapping, index, raw, mapping(result))
        return wrapping.parsed()


def _submitted(body: bytes, media: str) -> bytes:
    """The results inside an NRDP form. Raises `Refusal`."""
    if media == "multipart/form-data":
        raise Refusal("request.unsupported_media_type", "NRDP's form is application/x-www-form-urlencoded")
    try:
        fields = {name.lower(): values[0] for name, values in parse_qs(body.decode(), max_num_fields=100).items()}
    except ValueError as error:
        raise Refusal("request.malformed", "the form cannot be read as UTF-8") from error
    if fields.get("cmd") != "submitcheck":
        raise Refusal("request.invalid", f"NRDP's cmd=submitcheck is taken here, not {line(fields.get('cmd'), 64)!r}")
    for name in ("json", "jsondata", "xml", "xmldata"):
        if name in fields:
            return fields[name].encode()
    raise Refusal("request.invalid", "the form has neither json nor xml")


def _from_xml(text: bytes) -> Iterator[dict[str, Any]]:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise Refusal("request.malformed", "XML with a document type is not taken here")
    try:
        root = ET.fromstring(text)  # noqa: S314 - document types, and with them entities, are refused above
    except (ET.ParseError, ValueError, LookupError) as error:
        raise Refusal("request.malformed", f"not XML: {error}"[:300]) from error
    results = [root] if root.tag == "checkresult" else root.findall("checkresult")
    if not results:
        raise Refusal("request.invalid", "the XML holds no checkresult")
    if len(results) > BATCH_LIMIT:
        raise Refusal("request.too_large", f"{len(results)} results in one message, the limit is {BATCH_LIMIT}")
    for result in results:
        yield {**result.attrib, **{child.tag: child.text or "" for child in result}}


def _from_lines(body: bytes) -> Iterator[dict[str, Any] | str]:
    try:
        rows = [row for row in re.split(r"\r?\n|\x17", body.decode()) if row.strip()]
    except UnicodeDecodeError as error:
        raise Refusal("request.malformed", f"not UTF-8: byte {error.start} cannot be read") from error
    if not rows:
        raise Refusal("request.malformed", "the message is empty")
    if len(rows) > BATCH_LIMIT:
        raise Refusal("request.too_large", f"{len(rows)} lines in one message, the limit is {BATCH_LIMIT}")
    read = [_from_line(row) for row in rows]
    if not any(isinstance(row, dict) for row in read):
        raise Refusal("request.malformed", "no NRDP form, JSON, XML, check result or external command can be made out")
    yield from read


def _from_line(row: str) -> dict[str, Any] | str:
    """The fields of a line; the line itself if it is none."""
    command = _PASSIVE(row.strip())
    if command is not None:
        time, kind, rest = command.groups()
        parts = rest.split(";", 3 if kind == "SERVICE" else 2)
    else:
        time = None
        parts = row.split("\t", 3)
        if len(parts) == 4 and word(parts[2]) not in SERVICE and word(parts[1]) in HOST:
            parts = row.split("\t", 2)  # a host's result whose output has a tab
        kind = "SERVICE" if len(parts) == 4 else "HOST"
    names = ("hostname", "servicename", "state", "output") if kind == "SERVICE" else ("hostname", "state", "output")
    fields = dict(zip(names, parts, strict=False))
    if len(parts) != len(names) or word(fields["state"]) not in (SERVICE if kind == "SERVICE" else HOST):
        return row
    return fields if time is None else {**fields, "time": int(time)}


def _host(result: dict[str, Any]) -> str | None:
    return first(result.get("hostname"), result.get("host"), result.get("host_name"), result.get("HOSTNAME"))


def _add(wrapping: Wrapping, index: int, raw: bytes, result: dict[str, Any]) -> None:
    checked = mapping(result.get("check_result"))
    host = _host(result)
    service = first(*(result.get(name) for name in ("servicename", "service", "service_description", "SERVICEDESC")))
    said = next((value for value in (result.get("state"), checked.get("state")) if value is not None), None)
    if isinstance(said, float) and said.is_integer():  # Icinga writes 2.0
        said = int(said)
    state = word(said)
    severity = (SERVICE if service else HOST).get(state or "")
    if host is None or severity is None:
        reason = "it has no hostname" if host is None else f"its state is {line(said, 64)!r}"
        wrapping.refuse(index, Refusal("event.malformed", f"result {index}: {reason}"), raw)
        return
    output, _, figures = (line(checked.get("output"), 100_000) or _output(result)).partition("|")
    performance = checked.get("performance_data")
    if isinstance(performance, list):
        figures = " ".join(one for one in performance if isinstance(one, str))
    soft = result.get("state_type") in (0, 0.0, "0", "SOFT", "soft") and severity != "clear"
    check = service or "host"
    at = instant(next((result[name] for name in ("time", "timestamp") if name in result), checked.get("execution_end")))
    wrapping.add(
        raw,
        index=index,
        type="nagios.service_check" if service else "nagios.host_check",
        severity=None if soft else severity,
        resource=host,
        check=check,
        title=f"{check} on {host}: {first_line(output) or state}",
        labels={"state": state},
        time=at,
        more=_crossed(figures, severity) if severity != "clear" else {},
    )


def _output(result: dict[str, Any]) -> str:
    return next(
        (text for name in ("output", "plugin_output", "OUTPUT") if isinstance(text := result.get(name), str)), ""
    )


def _crossed(figures: str, severity: str) -> dict[str, Any]:
    """Of the performance data, the first figure beyond its threshold with that threshold, else the first figure."""
    found: dict[str, Any] = {}
    for label, text, unit, rest in _FIGURE.findall(figures[:4_096]):
        value = number(text)
        if value is None:
            continue
        bounds = (rest.split(";") + [""] * 3)[1:3]
        limit = _beyond(value, bounds[1] if severity == "critical" else bounds[0])
        one = crossing(value, limit, unit, label.strip("'"))
        if limit is not None:
            return one
        found = found or one
    return found


def _beyond(value: float, bound: str) -> float | None:
    """The end of the range `[@]start:end` that the value has passed; None if it has passed none."""
    inside = bound.startswith("@")
    start_text, colon, end_text = bound.removeprefix("@").rpartition(":")
    low = None if start_text == "~" else (number(start_text) if colon and start_text else 0.0)
    high = number(end_text)
    if inside:
        return high if low is not None and high is not None and low <= value <= high else None
    if high is not None and value > high:
        return high
    return low if low is not None and colon and value < low else None
