"""A client of SAPControl, the web service of sapstartsrv that each SAP instance has on port 5NN13 (5NN14 with TLS).

Built from the interface that SAP publishes (the service's WSDL; "SAPControl Web Service Interface"), so that neither a
SAP library nor the `sapcontrol` program is needed. A call is one guarded HTTP request, bounded in time and size. What the
start service refuses becomes a stable code with a hint; its own words are kept.
"""

import base64
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from oncue.plugins.sap import rows, soap
from oncue.plugins.sap.rows import Row
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, Place, Probe, SecretRef, fetch, place_of
from oncue.sdk.http import ERRORS as HTTP_ERRORS

ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of an answer: an alert tree of a large system has a few."""

ERRORS: Final = (
    *HTTP_ERRORS,
    ErrorDoc("sap.credentials", "The user or password is wrong: it is an operating-system user of the SAP host, as SIDadm."),
    ErrorDoc("sap.permission", "The user may not call this method: see service/admin_users and service/protectedwebmethods."),
    ErrorDoc("sap.method_unknown", "This start service does not have the method: its kernel or kind of instance lacks it."),
    ErrorDoc("sap.instance_down", "The start service answers, but the instance behind it does not run.", transient=True),
    ErrorDoc("sap.network", "The start service could not reach another part of the system (NIE...).", transient=True),
    ErrorDoc("sap.fault", "The start service refused for another reason, which the detail gives."),
    ErrorDoc("sap.answer", "What answered is not SAPControl, or not as SAP describes it.", transient=True),
)  # fmt: skip

READS: Final[dict[str, type[Row]]] = {
    "GetProcessList": rows.Process,
    "GetSystemInstanceList": rows.Instance,
    "GetInstanceProperties": rows.Property,
    "ABAPGetWPTable": rows.WorkProcess,
    "GetQueueStatistic": rows.Queue,
    "GetAlertTree": rows.AlertNode,
    "ABAPReadSyslog": rows.SyslogEntry,
    "EnqGetLockTable": rows.Lock,
    "GetVersionInfo": rows.Version,
}
"""Methods that change nothing, with what their rows are."""

SIGNATURES: Final[dict[str, dict[str, str | int]]] = {
    "GetSystemInstanceList": {"timeout": 10},
    "Stop": {"softtimeout": 0, "IsSystemStop": 0},
    "RestartInstance": {"softtimeout": 0, "IsSystemStop": 0},
    "StartSystem": {"options": "SAPControl-ALL-INSTANCES", "prioritylevel": "", "waittimeout": 0, "runlevel": ""},
    "StopSystem": {"options": "SAPControl-ALL-INSTANCES", "prioritylevel": "", "softtimeout": 0, "waittimeout": 0},
    "RestartSystem": {
        "options": "SAPControl-ALL-INSTANCES", "prioritylevel": "", "softtimeout": 0, "waittimeout": 0, "runlevel": "",
    },
    "Start": {"runlevel": ""},
}  # fmt: skip
"""What a method takes, in its order, with what is sent unless told otherwise."""

_LOGON: Final = "user and password are those of an operating-system user of the SAP host"
_FAULTS: Final = (
    (r"invalid credentials", "sap.credentials", _LOGON),
    (
        r"permission denied",
        "sap.permission",
        "service/admin_users and service/protectedwebmethods of the profile decide",
    ),
    (r"not implemented|not recognized", "sap.method_unknown", "this kernel or kind of instance lacks the method"),
    (r"\bnieconn_refused", "sap.instance_down", "nothing listens there: the instance is stopped, or starting"),
    (r"dpattachstartservice failed", "sap.instance_down", "the dispatcher does not run"),
    (r"shared memory", "sap.instance_down", "the instance's shared memory is not there: it does not run"),
    (r"\bnie[a-z]+_?[a-z]+", "sap.network", "the SAP network layer could not reach its target"),
)
"""A pattern of a fault's text, to code and hint. The first that is found counts."""


class Target(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The start service of one instance."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    instance: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}$")]
    """The instance number, as `00`."""
    sid: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{2}$")] | None = None
    """The system's id, as `PRD`; names the resource, and goes with readings as a label."""
    hostname: Annotated[str, msgspec.Meta(max_length=253)] | None = None
    """What the system calls the host, if `host` is an address or another name of it."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """None is 5NN13, with TLS 5NN14."""
    tls: bool = False
    verify_tls: bool = True
    user: str | None = None
    """An operating-system user, for methods that are protected."""
    password: SecretRef | None = None

    @staticmethod
    def reaches(given: dict[str, Any]) -> Iterable[Place | None]:
        """The start service."""
        where = {name: one for name, one in given.items() if name in ("host", "instance", "port", "tls")}
        return (place_of(url(msgspec.convert(where, Target))) if "${" not in str(where) else None,)


def resource(target: Target) -> str:
    """The instance's name as SAP writes it, `host_SID_NN`; `host:NN` if the system's id is not told."""
    host = target.hostname or target.host
    return f"{host}_{target.sid}_{target.instance}" if target.sid else f"{host}:{target.instance}"


def labels(target: Target) -> dict[str, str]:
    """What goes with each reading and finding about the instance."""
    known = {"sid": target.sid, "instance": target.instance, "host": target.hostname or target.host}
    return {name: value for name, value in known.items() if value}


def url(target: Target) -> str:
    """Where the start service listens."""
    number = int(target.instance)
    port = target.port or (50014 if target.tls else 50013) + number * 100
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{'https' if target.tls else 'http'}://{host}:{port}/SAPControl.cgi"


_OURS: Final = frozenset(
    {"outbound.refused", "http.url", "secret.not_found", "sap.credentials", "sap.permission", "sap.method_unknown"}
)
"""Errors that say nothing about the instance: the monitor is set up wrongly."""


def silent(target: Target, error: ActionError) -> Probe:
    """What a probe found that got no answer: a finding about the instance. Raises the error if it is the monitor's own."""
    if error.code in _OURS:
        raise error
    name = resource(target)
    title = f"{name} does not run" if error.code == "sap.instance_down" else f"SAPControl of {name} does not answer"
    return Probe(fault=Fault(code=error.code, title=title, detail=error.detail, labels=labels(target)))


AnyRow = TypeVar("AnyRow", bound=Row)


class SapControl:
    """Calls methods of one start service."""

    def __init__(self, target: Target, context: Context) -> None:
        self._target = target
        self._context = context

    async def rows(self, method: str, row: type[AnyRow]) -> list[AnyRow]:
        """What a reading method answers. Raises `ActionError` with the codes in `ERRORS`, outbound.refused, timeout."""
        found = _table(await self.call(method))
        try:
            return [rows.read(values, row) for values in found]
        except msgspec.ValidationError as error:
            raise ActionError("sap.answer", f"{method}: {error}", transient=True) from error

    async def parameter(self, name: str) -> str:
        """The value of a parameter of the instance's profile. Raises as `rows` does; sap.fault if there is none."""
        return (await self.call("ParameterValue", parameter=name)).said("value")

    async def call(self, method: str, **given: str | int) -> soap.Node:
        """The answer's element. `given` overrides what `SIGNATURES` sends. Raises as `rows` does."""
        target, context = self._target, self._context
        private = {}
        if target.user is not None:
            password = context.secret(target.password) if target.password is not None else ""
            pair = base64.b64encode(f"{target.user}:{password}".encode()).decode()
            context.mask.add(pair)
            private["Authorization"] = f"Basic {pair}"
        async with context.client(verify=target.verify_tls) as client:
            answer = await fetch(
                client,
                "POST",
                url(target),
                headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'},
                private_headers=private,
                content=soap.envelope(method, {**SIGNATURES.get(method, {}), **given}),
                body_limit=ANSWER_LIMIT,
            )
        if answer.truncated:
            raise ActionError("sap.answer", f"{method}: the answer is larger than {ANSWER_LIMIT} bytes")
        return read(method, answer.status, answer.body)


def read(method: str, status: int, document: bytes) -> soap.Node:
    """The answer to a call, from what came over HTTP. Raises `ActionError`."""
    try:
        found = soap.body(document)
    except soap.Malformed as error:
        if status in (401, 403):
            raise ActionError("sap.credentials", f"{method}: HTTP status {status}; {_LOGON}") from error
        raise ActionError("sap.answer", f"{method}: HTTP status {status}, {error}", transient=True) from error
    if found.name == "Fault":
        raise fault(method, found.said("faultstring") or f"HTTP status {status}")
    if found.name != f"{method}Response":
        raise ActionError("sap.answer", f"{method}: answered by {found.name}")
    return found


def fault(method: str, said: str) -> ActionError:
    """A fault's own words as a code, with what to look at."""
    for pattern, code, hint in _FAULTS:
        if re.search(pattern, said, re.IGNORECASE):
            transient = code in ("sap.instance_down", "sap.network")
            return ActionError(code, f"{method}: {said}; {hint}", transient=transient)
    return ActionError("sap.fault", f"{method}: {said}")


def _table(answer: soap.Node) -> list[dict[str, str]]:
    """The rows of an answer: its one list of items."""
    found: list[dict[str, str]] = []
    for part in answer.children:
        items = (item for item in part.children if item.name == "item")
        found += [{column.name: column.text.strip() for column in item.children} for item in items]
    return found


def table(answer: soap.Node, row: type[Row]) -> list[dict[str, Any]]:
    """The rows of an answer as JSON values. Raises `ActionError` sap.answer."""
    try:
        return [msgspec.structs.asdict(rows.read(values, row)) for values in _table(answer)]
    except msgspec.ValidationError as error:
        raise ActionError("sap.answer", str(error), transient=True) from error
