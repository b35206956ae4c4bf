"""The rows that SAPControl's methods answer with, as structs.

Field names are SAP's own, put into our way of writing. What a row leaves out or leaves empty has the default. Times are
the SAP host's local time and carry no zone, so that they are kept as text.
"""

import re
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar

import msgspec
import re2

COLOURS: Final = ("GREEN", "YELLOW", "RED", "GRAY")
"""From well to worst, where gray is stopped; their place is their value as a reading."""


Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
"""A number that JSON can carry exactly."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What rows have in common: each is read from text alone."""


class Process(Row, frozen=True, kw_only=True):
    """GetProcessList: a program of the instance."""

    name: str = ""
    description: str = ""
    dispstatus: str = "GRAY"
    textstatus: str = ""
    starttime: str = ""
    elapsedtime: str = ""
    pid: Whole | None = None


class Instance(Row, frozen=True, kw_only=True, rename="camel"):
    """GetSystemInstanceList: an instance of the system, wherever it runs."""

    hostname: str = ""
    instance_nr: Whole = 0
    http_port: Whole = 0
    https_port: Whole = 0
    start_priority: str = ""
    features: str = ""
    dispstatus: str = "GRAY"


class Property(Row, frozen=True, kw_only=True):
    """GetInstanceProperties: what the instance says of itself."""

    property: str = ""
    propertytype: str = ""
    value: str = ""


class WorkProcess(Row, frozen=True, kw_only=True, rename="pascal"):
    """ABAPGetWPTable: a work process. `cpu` is hours:minutes:seconds, `time` seconds in the present request."""

    no: Whole = 0
    typ: str = ""
    pid: Whole | None = None
    status: str = ""
    reason: str = ""
    start: str = ""
    err: str = ""
    sem: str = ""
    cpu: str = ""
    time: str = ""
    program: str = ""
    client: str = ""
    user: str = ""
    action: str = ""
    table: str = ""


class Queue(Row, frozen=True, kw_only=True, rename="pascal"):
    """GetQueueStatistic: a request queue of the dispatcher or of the ICM."""

    typ: str = ""
    now: Whole = 0
    high: Whole = 0
    max: Whole = 0
    writes: Whole = 0
    reads: Whole = 0


class AlertNode(
    Row,
    frozen=True,
    kw_only=True,
    rename={
        "actual_value": "ActualValue",
        "time": "Time",
        "visible_level": "VisibleLevel",
        "high_alert_value": "HighAlertValue",
        "al_description": "AlDescription",
        "al_time": "AlTime",
        "tid": "Tid",
    },
):
    """GetAlertTree: a node of the CCMS alert tree; `parent` is the place of its parent in the list."""

    name: str = ""
    parent: Whole = -1
    actual_value: str = "GRAY"
    description: str = ""
    time: str = ""
    visible_level: str = ""
    high_alert_value: str = "GRAY"
    al_description: str = ""
    al_time: str = ""
    tid: str = ""


class SyslogEntry(
    Row,
    frozen=True,
    kw_only=True,
    rename={
        "message": "MNo",
        "time": "Time",
        "typ": "Typ",
        "client": "Client",
        "user": "User",
        "tcode": "Tcode",
        "text": "Text",
        "severity": "Severity",
    },
):
    """ABAPReadSyslog: a line of the system log (SM21)."""

    time: str = ""
    typ: str = ""
    client: str = ""
    user: str = ""
    tcode: str = ""
    message: str = ""
    text: str = ""
    severity: str = "GREEN"


class Lock(Row, frozen=True, kw_only=True, rename="kebab"):
    """EnqGetLockTable: an enqueue lock (SM12). `owner` begins with the time at which it was taken."""

    lock_name: str = ""
    lock_arg: str = ""
    lock_mode: str = ""
    owner: str = ""
    owner_vb: str = ""
    use_count_owner: Whole = 0
    use_count_owner_vb: Whole = 0
    client: str = ""
    user: str = ""
    transaction: str = ""
    object: str = ""
    backup: str = ""


class Version(Row, frozen=True, kw_only=True, rename="pascal"):
    """GetVersionInfo: a program of the kernel and its version."""

    filename: str = ""
    version_info: str = ""
    time: str = ""


AnyRow = TypeVar("AnyRow", bound=Row)


def read(values: dict[str, str], row: type[AnyRow]) -> AnyRow:
    """A row from its columns. Colours lose their `SAPControl-`. Raises `msgspec.ValidationError`."""
    given: dict[str, Any] = {name: value.removeprefix("SAPControl-") for name, value in values.items() if value}
    return msgspec.convert(given, row, strict=False)


def colour(value: str) -> int:
    """A colour as a number, higher for worse; an unknown one is as good as gray."""
    return COLOURS.index(value) if value in COLOURS else COLOURS.index("GRAY")


def seconds(elapsed: str) -> int | None:
    """`847:25:31` as seconds; None if it is not such."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d)", elapsed.strip())
    return int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3]) if found else None


def paths(nodes: list[AlertNode]) -> list[str]:
    r"""The path of each node from the root, as in `HA1/sapha1pas_HA1_01/R3Services/Dialog/ResponseTime`."""
    found: list[str] = []
    for place, node in enumerate(nodes):
        names, at, steps = [node.name], node.parent, 0
        while 0 <= at < len(nodes) and at != place and steps < 32:
            names.append(nodes[at].name)
            at, steps = nodes[at].parent, steps + 1
        found.append("/".join(name.strip("/") for name in reversed(names) if name))
    return found


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> Any:
    text = "".join(".*" if mark == "*" else re2.escape(mark) for mark in pattern)
    return re2.compile(rf"(?s){text}\z")


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text is as the pattern, in which `*` stands for anything."""
    return _glob(pattern).match(text) is not None


_MEASURE: Final = re.compile(r"(-?\d+(?:[.,]\d+)*)\s*(%|[A-Za-z/]*)")
_UNITS: Final = {"msec": "ms", "ms": "ms", "secs": "s", "sec": "s", "s": "s", "%": "%", "mb": "MB", "kb": "kB", "": ""}


def measure(description: str) -> tuple[float, str] | None:
    """The value in an alert node's description, with its unit: `1,234 msec` is 1234 ms; None if it begins with none."""
    found = _MEASURE.match(description.strip())
    if found is None:
        return None
    digits, unit = found[1], found[2]
    for mark in ",.":
        # One mark with three digits after it groups thousands; otherwise it is a decimal mark.
        if mark in digits and re.fullmatch(rf"-?\d{{1,3}}(?:\{mark}\d{{3}})+", digits):
            digits = digits.replace(mark, "")
    try:
        value = float(digits.replace(",", "."))
    except ValueError:
        return None
    return value, _UNITS.get(unit.lower(), unit)
