"""Syslog: messages of RFC 5424 and RFC 3164, received over UDP, TCP or TLS, or posted as lines.

| event | from |
|---|---|
| `type` | `syslog.message` |
| `severity` | emerg, alert and crit `critical`, err `major`, warning `warning`; none below `alert_from`, by default none at all |
| `resource` | the host's name, else the sender's address |
| `check` | the program and its MSGID, else the program and the first structured element that has no standard meaning |
| `fingerprint` | host, check and the message without its numbers, addresses and ids |
| `title` | program, host and the first line of the message |
| `labels` | `facility`, `level` |
| `time` | the message's; of RFC 3164 in `zone`, the last such time up to now |
| `endsat` | of what makes an alert, `expire_after` from now: a line does not say that it is over |
| `data` | `message`, `facility`, `severity`, `level`, `app`, `procid`, `msgid`, `structured`, `peer`, `format`, `raw`, `faults` |

`raw` is the message as it came, `raw_base64` one that is not UTF-8 text. `faults` names what was wrong with it: `priority`,
`header`, `time`, `structured_data`, `encoding`, `truncated`. Nothing is refused: what follows no rule is a message
of user.notice, as RFC 3164 section 4.3.3 says.

A structured element `alarm` (RFC 5674) is an alarm whatever `alert_from` says: `perceivedSeverity` is its severity, `cleared`
its end, `resource` its resource, `probableCause` its check.
Source: RFC 5424, RFC 3164, RFC 5674; ITU-T X.733 for the severities of alarms.
"""

import ipaddress
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import blake2b
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from oncue.plugins.sources.envelope import Wrapping, encode, first_line, fitted, instant, line
from oncue.plugins.sources.syslog_receiving import MESSAGE_LIMIT, address_of, receive
from oncue.sdk.context import SecretRef
from oncue.sdk.source import (
    BATCH_LIMIT,
    EVENT_LIMIT,
    Duration,
    Fault,
    Inbox,
    Message,
    Parsed,
    Received,
    Refusal,
    seconds,
)

FACILITIES: Final = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
SEVERITY: Final = ("critical", "critical", "critical", "major", "warning", None, None, None)
RANKED: Final = ("warning", "major", "critical")
PERCEIVED: Final = {"critical": "critical", "major": "major", "minor": "minor", "warning": "warning",
                    "indeterminate": "warning", "cleared": "clear"}  # fmt: skip
STANDARD: Final = ("timeQuality", "origin", "meta", "alarm")
"""Structured elements that IANA has registered; they do not tell one problem from another."""
USER_NOTICE: Final = 13
AHEAD: Final = timedelta(days=2)
"""A time without a year that is further ahead than this is of a year before."""
LEAP_YEARS: Final = 8
"""Years in which there is a 29 February for certain."""
SKELETON_LIMIT: Final = 512
"""Characters of a message that its fingerprint is made of."""


class SyslogSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where it listens, and how it reads."""

    listen: str | None = None
    """Address and port, as in `0.0.0.0:5514` or `[::]:5514`. Without it, lines are taken at `/in/NAME` only."""
    protocol: Literal["udp", "tcp", "tls"] = "udp"
    """What is spoken there."""
    framing: Literal["auto", "octet-counting", "newline"] = "auto"
    """How messages are told apart on a connection (RFC 6587); `auto` sees it at each message."""
    certificate: SecretRef | None = None
    """TLS: the server's certificate and its chain, PEM."""
    key: SecretRef | None = None
    """TLS: the certificate's private key, PEM."""
    client_ca: SecretRef | None = None
    """TLS: authorities, PEM; senders must show a certificate of one of them."""
    senders: list[str] = []
    """Addresses and networks that may send, as in `10.0.0.0/8`; all if it is empty."""
    connections: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000
    """Connections that may be open at once."""
    format: Literal["auto", "rfc5424", "rfc3164"] = "auto"
    """What senders write; `auto` sees it at each message."""
    zone: str = "UTC"
    """The time zone of RFC 3164's times, as in `Europe/Berlin`."""
    alert_from: Literal["never", "warning", "major", "critical"] = "never"
    """From which severity a message makes an alert; milder ones are neutral."""
    expire_after: Duration = "15m"
    """An alert that no message repeats for so long is over."""


class SyslogSource:
    """Listens where its manifest says. Syslog has no tokens: restrict senders by `senders`, or by certificates."""

    name = "syslog"
    settings = SyslogSettings

    def faults(self, given: dict[str, Any]) -> Iterator[Fault]:
        """What fits the schema and cannot be."""
        settings = msgspec.convert(given, SyslogSettings)
        if settings.listen is not None and address_of(settings.listen) is None:
            yield ("listen",), f"{settings.listen!r} is not ADDRESS:PORT, as in 0.0.0.0:5514 or [::]:5514"
        try:
            ZoneInfo(settings.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield ("zone",), f"{settings.zone!r} is no time zone; write one as Europe/Berlin"
        for number, sender in enumerate(settings.senders):
            try:
                ipaddress.ip_network(sender, strict=False)
            except ValueError as error:
                yield ("senders", number), str(error)
        for name in ("certificate", "key"):
            if settings.protocol == "tls" and settings.listen and getattr(settings, name) is None:
                yield (name,), "TLS needs it; write secret://NAME after `oncue secret set NAME`"
        for name in ("certificate", "key", "client_ca"):
            if settings.protocol != "tls" and getattr(settings, name) is not None:
                yield (name,), f"the protocol is {settings.protocol}; only tls has certificates"

    def listens(self, given: dict[str, Any]) -> str | None:
        """What it listens at, as people write it."""
        settings = msgspec.convert(given, SyslogSettings)
        return f"{settings.protocol}://{settings.listen}" if settings.listen else None

    async def listen(self, given: dict[str, Any], inbox: Inbox) -> None:
        """Receive until cancelled. Raises `OSError`, and `Refusal` secret.not_found, manifest.invalid."""
        settings = msgspec.convert(given, SyslogSettings)
        assert settings.listen is not None
        await receive(
            inbox,
            listen=settings.listen,
            protocol=settings.protocol,
            framing=settings.framing,
            senders=settings.senders,
            connections=settings.connections,
            certificate=settings.certificate,
            key=settings.key,
            client_ca=settings.client_ca,
        )

    def gathered(self, message: Message, received: Sequence[Received]) -> Parsed:
        """An event from each message that was received."""
        reading = _Reading(message)
        for index, one in enumerate(received):
            reading.add(index, one)
        return reading.parsed()

    def parse(self, message: Message) -> Parsed:
        """An event from each line that was posted. Raises `Refusal`: request.malformed, request.too_large."""
        rows = [row for row in message.body.split(b"\n") if row.strip(_PADDING)]
        if not rows:
            raise Refusal("request.malformed", "the message is empty")
        if len(rows) > BATCH_LIMIT:
            raise Refusal("request.too_large", f"{len(rows)} lines in one message, the limit is {BATCH_LIMIT}")
        return self.gathered(message, [Received(row[:MESSAGE_LIMIT], cut=len(row) > MESSAGE_LIMIT) for row in rows])


class _Reading:
    """The messages that came together, on their way to being events."""

    def __init__(self, message: Message) -> None:
        self._settings = fitted(message, SyslogSettings)
        self._zone = ZoneInfo(self._settings.zone)
        self._wrapping = Wrapping(message)
        ranks = () if self._settings.alert_from == "never" else RANKED[RANKED.index(self._settings.alert_from) :]
        self._alarming = frozenset(ranks)
        self._ends_at = message.now + timedelta(seconds=seconds(self._settings.expire_after))

    def parsed(self) -> Parsed:
        """The events."""
        return self._wrapping.parsed()

    def add(self, index: int, received: Received) -> None:
        """An event from this message; none from one that is empty."""
        raw = received.body.strip(_PADDING)
        if not raw:
            return
        found = read(raw, self._wrapping.now, self._settings.format, self._zone)
        if received.cut:
            found.faults.append("truncated")
        severity = SEVERITY[found.priority & 7]
        ends_at = self._ends_at if severity in self._alarming else None
        host = line(found.host) or line(received.peer) or self._wrapping.name
        check = _check(found)
        alarm = found.structured.get("alarm")
        perceived = PERCEIVED.get(_first(alarm.get("perceivedSeverity")).lower()) if alarm else None
        fingerprint = None
        if alarm is not None and perceived is not None:
            severity, ends_at = perceived, None
            host = line(_first(alarm.get("resource"))) or host
            check = line(_first(alarm.get("probableCause"))) or check
        else:
            severity = severity if ends_at else None
            fingerprint = fingerprint_of(host, check or "", found.text)
        said = first_line(found.text) or found.level
        self._wrapping.add(
            _payload(raw, found, received.peer),
            index=index,
            type="syslog.message",
            severity=severity,
            resource=host,
            check=check,
            fingerprint=fingerprint,
            title=f"{found.app} on {host}: {said}" if found.app else f"{host}: {said}",
            labels={"facility": found.facility, "level": found.level},
            time=found.at,
            ends_at=ends_at,
        )


# One message


class Line(msgspec.Struct):
    """One message, taken apart."""

    priority: int = USER_NOTICE
    form: Literal["rfc5424", "rfc3164", "text"] = "text"
    """`text` follows neither."""
    at: datetime | None = None
    host: str | None = None
    app: str | None = None
    procid: str | None = None
    msgid: str | None = None
    structured: dict[str, dict[str, Any]] = {}
    text: str = ""
    faults: list[str] = []

    @property
    def facility(self) -> str:
        """The facility's name."""
        return FACILITIES[self.priority >> 3]

    @property
    def level(self) -> str:
        """The severity's name, as syslog has it."""
        return LEVELS[self.priority & 7]


_PADDING: Final = b" \t\r\n\0"
_PRIORITY: Final = re.compile(r"<(\d{1,3})>").match
_HEADER: Final = re.compile(r"([1-9]\d{0,2}) (\S{1,512}) (\S{1,512}) (\S{1,512}) (\S{1,512}) (\S{1,512}) ?").match
_ELEMENT: Final = re.compile(r'\[([^\s=\]"]+)((?: +[^\s=\]"]+="(?:[^"\\]|\\.)*")*) *\]', re.DOTALL).match
_PARAMETER: Final = re.compile(r' ([^\s=\]"]+)="((?:[^"\\]|\\.)*)"', re.DOTALL).findall
_ESCAPED: Final = re.compile(r'\\(["\\\]])')
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STAMP: Final = re.compile(
    r"(?:\d{1,10}: +)?[*.]?(" + "|".join(_MONTHS) + r") {1,2}(\d{1,2})(?: (\d{4}))? (\d\d):(\d\d):(\d\d)(\.\d{1,9})?"
    r"(?: (UTC|GMT|Z)(?=[ :]|$))?(:?)(?: +|$)"
).match
_ZONED: Final = re.compile(r"[A-Z]{2,5} (\d{4}) +").match
_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*)(?: +|$)").match
_TAG: Final = re.compile(r"([^\s\[\]:<>]{1,128})(?:\[([^\]\s]{0,128})\]:?|:(?=\s|$)) ?").match
_HOST: Final = re.compile(r"([A-Za-z0-9._:/-]{1,255})(?: +|$)").match
_VARYING: Final = re.compile(r"(?=[0-9a-fA-F]*\d)\b[0-9a-fA-F]+(?:[-:.][0-9a-fA-F]+)*\b|\d+")


def read(raw: bytes, now: datetime, form: str = "auto", zone: tzinfo = UTC) -> Line:
    """The message. Whatever it is, it can be read; what was wrong with it is in `faults`."""
    found = Line(structured={}, faults=[])
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode(errors="replace")
        found.faults.append("encoding")
    text = text.removeprefix("\ufeff")
    priority = _PRIORITY(text)
    if priority is not None and int(priority[1]) < 8 * len(FACILITIES):
        found.priority = int(priority[1])
        text = text[priority.end() :]
    else:
        found.faults.append("priority")
    if form != "rfc3164":
        header = _HEADER(text)
        if header is not None and (form == "rfc5424" or _is_time(header[2])):
            _take_5424(found, header, text[header.end() :])
            return found
    if form == "rfc5424" or not _take_3164(found, text, now, zone):
        found.text = text
        found.faults.append("header")
    return found


def _is_time(text: str) -> bool:
    """Whether this can be RFC 5424's TIMESTAMP, be it one that does not exist."""
    return text == "-" or (text[:4].isdigit() and text[4:5] == "-")


def _take_5424(found: Line, header: re.Match[str], rest: str) -> None:
    _, at, *names = header.groups()
    found.form = "rfc5424"
    found.host, found.app, found.procid, found.msgid = (None if name == "-" else name for name in names)
    if at != "-":
        found.at = instant(at)
        if found.at is None:
            found.faults.append("time")
    if rest.startswith("-"):
        text = rest[1:]
    else:
        position = 0
        while (element := _ELEMENT(rest, position)) is not None:
            _keep(found, element[1], element[2])
            position = element.end()
        if not position:
            found.faults.append("structured_data")
        text = rest[position:]
    if text and not text.startswith(" ") and "structured_data" not in found.faults:
        found.faults.append("structured_data")
    # The second blank: what rsyslog forwards of RFC 3164 keeps the one behind the tag.
    found.text = text.removeprefix(" ").removeprefix("\ufeff").removeprefix(" ")


def _keep(found: Line, id: str, parameters: str) -> None:
    """An element that comes twice, which RFC 5424 forbids, is kept as one; a parameter that comes twice is a list."""
    if id in found.structured:
        found.faults.append("structured_data")
    element = found.structured.setdefault(id, {})
    for name, value in _PARAMETER(parameters):
        value = _ESCAPED.sub(r"\1", value)
        if name in element:
            known = element[name]
            element[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            element[name] = value


def _take_3164(found: Line, text: str, now: datetime, zone: tzinfo) -> bool:
    """Whether the text has a header: a time, a host or none, a tag or none."""
    stamp = _STAMP(text)
    hostless = False
    if stamp is not None:
        month, day, year, hour, minute, second, fraction, utc, colon = stamp.groups()
        rest = text[stamp.end() :]
        late = _ZONED(rest)  # `Aug 24 05:34:00 CST 1987 host`, an example of RFC 3164 section 5.4
        if late is not None and year is None:
            year, rest = late[1], rest[late.end() :]
        parts = (_MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
        found.at = _instant(parts, int(year) if year else None, float(fraction or 0), UTC if utc else zone, now)
        hostless = bool(colon)
    else:
        iso = _ISO(text)
        if iso is None:
            return False
        rest = text[iso.end() :]
        found.at = instant(iso[1])
    if found.at is None:
        found.faults.append("time")
    found.form = "rfc3164"
    if not hostless and _TAG(rest) is None and (host := _HOST(rest)) is not None:
        found.host, rest = host[1], rest[host.end() :]
    tag = _TAG(rest)
    if tag is not None:
        found.app, found.procid = tag[1], tag[2] or None
        rest = rest[tag.end() :]
    found.text = rest.removeprefix("\ufeff")
    return True


def _instant(
    parts: tuple[int, int, int, int, int], year: int | None, fraction: float, zone: tzinfo, now: datetime
) -> datetime | None:
    """The instant; without a year the last one that is not `AHEAD` of now, so that in January December is past."""
    for candidate in (year,) if year else range(now.year + 1, now.year - LEAP_YEARS, -1):
        try:
            at = datetime(candidate, *parts, int(fraction * 1_000_000), zone).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        if 1 < at.year < 9999 and (year or at - now <= AHEAD):
            return at
    return None


def fingerprint_of(host: str, check: str, text: str) -> str:
    """The same for messages of one host and check that differ in numbers, addresses and ids only: 16 hex digits."""
    skeleton = _VARYING.sub("#", text[:SKELETON_LIMIT])
    return blake2b(f"{host}\0{check}\0{skeleton}".encode(errors="replace"), digest_size=8).hexdigest()


def _check(found: Line) -> str | None:
    what = found.msgid or next((id for id in found.structured if id not in STANDARD), None)
    return "/".join(filter(None, (found.app, what))) or None


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value or "")


def _payload(raw: bytes, found: Line, peer: str) -> bytes:
    """The event's data, within the limit of an event: what control characters blow up keeps its bytes in base64."""
    is_text = "encoding" not in found.faults and b"\0" not in raw
    said: dict[str, Any] = {
        "message": found.text.replace("\0", ""),
        "facility": found.facility,
        "severity": found.priority & 7,
        "level": found.level,
        "app": found.app,
        "procid": found.procid,
        "msgid": found.msgid,
        "structured": found.structured or None,
        "peer": peer or None,
        "format": found.form,
        "faults": sorted(set(found.faults)) or None,
        "raw" if is_text else "raw_base64": raw.decode() if is_text else b64encode(raw).decode(),
    }
    payload = encode({name: value for name, value in said.items() if value is not None})
    if len(payload) > EVENT_LIMIT - 16_384:
        said |= {"message": found.text[:4_096].replace("\0", ""), "structured": None, "raw": None}
        said["raw_base64"] = b64encode(raw).decode()
        payload = encode({name: value for name, value in said.items() if value is not None})
    return payload
