"""A simulated SAP system: an ASCS, two application servers and a HANA database, each with the web service of a start
service on a loopback port of its own.

It speaks real SOAP 1.1 over HTTP as SAP's published interface of SAPControl describes it. Its load is one dial, the
dialog response time: work processes, queues, alert tree and system log follow. Starting and stopping take time,
modifying methods want credentials, and any method can be told to fail. Every call that arrives is kept in `calls`: what
a client did is read there, not believed.
"""

import base64
import threading
import time
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Literal, Self
from xml.sax.saxutils import escape

import msgspec

from oncue.plugins.sap import soap

Kind = Literal["ASCS", "ABAP", "HDB"]
State = Literal["GREEN", "YELLOW", "GRAY"]

PROTECTED: Final = ("Start", "Stop", "RestartInstance", "StartSystem", "StopSystem", "RestartSystem")
BODY_LIMIT: Final = 1024 * 1024
YELLOW_MS: Final = 2000
RED_MS: Final = 3000
"""Thresholds of the system's own alert on the dialog response time."""

_PROGRAMS: Final[dict[Kind, tuple[tuple[str, str], ...]]] = {
    "ASCS": (("msg_server", "MessageServer"), ("enserver", "EnqueueServer")),
    "ABAP": (("disp+work", "Dispatcher"), ("igswd_mt", "IGS Watchdog"), ("gwrd", "Gateway"), ("icman", "ICM")),
    "HDB": (
        ("hdbdaemon", "HDB Daemon"), ("hdbcompileserver", "HDB Compileserver"), ("hdbindexserver", "HDB Indexserver"),
        ("hdbnameserver", "HDB Nameserver"), ("hdbpreprocessor", "HDB Preprocessor"),
    ),
}  # fmt: skip
_FEATURES: Final[dict[Kind, str]] = {
    "ASCS": "MESSAGESERVER|ENQUE",
    "ABAP": "ABAP|GATEWAY|ICMAN|IGS",
    "HDB": "HDB|HDB_WORKER",
}
_PRIORITY: Final[dict[Kind, str]] = {"HDB": "0.3", "ASCS": "1", "ABAP": "3"}


class Call(msgspec.Struct, frozen=True):
    """One request that arrived."""

    at: float
    """Seconds since the epoch."""
    instance: str
    method: str
    user: str | None
    client: str
    """Address and port of whoever asked."""
    refused: bool = False


class Instance:
    """One instance: its programs, and where it is between started and stopped."""

    def __init__(self, name: str, number: str, kind: Kind, host: str, sid: str) -> None:
        self.name = name
        self.sid = sid
        self.number = number
        self.kind = kind
        self.host = host
        self.port = 0
        """Where its start service listens, once the system is open."""
        self.broken: set[str] = set()
        """Programs that have died while the instance runs."""
        self._changes: list[tuple[float, State]] = [(time.time(), "GREEN")]

    def state(self) -> State:
        """GREEN runs, YELLOW starts or stops, GRAY is stopped."""
        return self._present()[1]

    def started_at(self) -> float:
        """When it began to run or last changed, in seconds since the epoch."""
        return self._present()[0]

    def turn(self, to: State, after_s: float, takes_s: float) -> None:
        """It begins to change after a while, and has changed after another."""
        begins = time.time() + after_s
        self._changes = [self._present(), (begins, "YELLOW"), (begins + takes_s, to)]

    def restart(self, takes_s: float) -> None:
        """It stops, and starts again."""
        now = time.time()
        self._changes = [self._present(), (now, "YELLOW"), (now + takes_s, "GRAY"), (now + takes_s, "YELLOW"),
                         (now + 2 * takes_s, "GREEN")]  # fmt: skip
        self.broken.clear()

    def processes(self) -> list[dict[str, str]]:
        """Rows of GetProcessList."""
        at, state = self._present()
        found = []
        for place, (name, description) in enumerate(_PROGRAMS[self.kind]):
            dead = state == "GREEN" and name in self.broken
            runs = state == "GREEN" and not dead
            found.append({
                "name": name,
                "description": f"{description}-{self.sid}" if name == "hdbindexserver" else description,
                "dispstatus": "SAPControl-" + ("GRAY" if dead else state),
                "textstatus": "Running" if runs else self._changing() if state == "YELLOW" else "Stopped",
                "starttime": _instant(at) if runs else "",
                "elapsedtime": _elapsed(time.time() - at) if runs else "",
                "pid": str(4000 + int(self.number) * 100 + place + int(at * 10) % 1000 * 1000) if runs else "-1",
            })  # fmt: skip
        return found

    def _changing(self) -> str:
        """What it is doing while it is YELLOW: by what comes next."""
        now = time.time()
        following = next((state for at, state in self._changes if at > now and state != "YELLOW"), "GREEN")
        return "Stopping" if following == "GRAY" else "Starting"

    def _present(self) -> tuple[float, State]:
        now = time.time()
        return [change for change in self._changes if change[0] <= now][-1]


class SapSystem:
    """The system; a context manager. Ports are free ones of the loopback interface.

    `response_ms` is the dial. `faults` maps a method to the text of the fault that it answers with from now on.
    """

    def __init__(
        self, sid: str = "DMO", *, user: str = "dmoadm", password: str = "", tier: str = "demo", takes_s: float = 1.0
    ) -> None:
        self.sid = sid
        self.tier = tier
        self.user = user
        self.password = password
        """Empty refuses every modifying call."""
        self.takes_s = takes_s
        """How long an instance takes to start or stop."""
        self.response_ms = 620
        self.faults: dict[str, str] = {}
        self.denied: set[str] = set()
        """Users who sign in rightly and may do nothing."""
        self.protected = {*PROTECTED, "ParameterValue"}
        """Methods that want a user. Put reading ones in, too, for a system with SAP's own default."""
        self.parameters: dict[str, str] = {"SAPSYSTEMNAME": sid}
        """Of the profile."""
        low = sid.lower()
        self.instances = [
            Instance("HDB02", "02", "HDB", f"{low}db", sid),
            Instance("ASCS01", "01", "ASCS", f"{low}ascs", sid),
            Instance("D00", "00", "ABAP", f"{low}pas", sid),
            Instance("D03", "03", "ABAP", f"{low}aas", sid),
        ]
        self.syslog: list[dict[str, str]] = []
        self.locks: list[dict[str, str]] = []
        self._calls: list[Call] = []
        self._lock = threading.Lock()
        self._servers: list[ThreadingHTTPServer] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        for instance in self.instances:
            server = _Service(self, instance)
            instance.port = server.server_port
            self._servers.append(server)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            self._threads.append(thread)
        self.log("EE1", "GREEN", "The system runs")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    @property
    def primary(self) -> Instance:
        """The primary application server."""
        return next(one for one in self.instances if one.kind == "ABAP")

    @property
    def calls(self) -> list[Call]:
        """What has arrived until now, in order."""
        with self._lock:
            return list(self._calls)

    def note(self, call: Call) -> None:
        """Keep a call."""
        with self._lock:
            self._calls.append(call)

    def log(self, message: str, severity: str, text: str) -> None:
        """Write a line into the system log."""
        self.syslog.append({
            "Time": _instant(time.time()), "Typ": "DIA", "Client": "000", "User": "SAPSYS", "Tcode": "", "MNo": message,
            "Text": text, "Severity": f"SAPControl-{severity}",
        })  # fmt: skip

    def enqueue(self, name: str, argument: str, user: str, taken_at: datetime) -> None:
        """Take an enqueue lock."""
        owner = taken_at.strftime("%Y%m%d%H%M%S%f") + f"000002{self.primary.host}".ljust(36, ".")
        self.locks.append({
            "lock-name": name, "lock-arg": argument, "lock-mode": "E", "owner": owner, "owner-vb": owner,
            "use-count-owner": "0", "use-count-owner-vb": "1", "client": "100", "user": user, "transaction": "VA02",
            "object": f"E_{name}", "backup": "false",
        })  # fmt: skip

    def answer(self, instance: Instance, method: str, call: soap.Node) -> tuple[str, list[dict[str, str]]]:
        """Name of the list that a method answers with, and its rows. Raises `_Fault`."""
        if method in self.faults:
            raise _Fault(self.faults[method])
        if method in PROTECTED:
            self._change(instance, method)
            return "", []
        reads = {
            "GetProcessList": ("process", instance.processes),
            "GetSystemInstanceList": ("instance", self._instances),
            "GetInstanceProperties": ("properties", lambda: self._properties(instance)),
            "GetVersionInfo": ("version", lambda: self._versions(instance)),
        }
        abap = {
            "ABAPGetWPTable": ("workprocess", self._work_processes),
            "GetQueueStatistic": ("queue", self._queues),
            "GetAlertTree": ("tree", lambda: self._tree(instance)),
            "ABAPReadSyslog": ("log", lambda: list(self.syslog)),
        }
        enqueue = {"EnqGetLockTable": ("lock", lambda: list(self.locks))}
        if method in reads:
            name, rows = reads[method]
        elif method in abap and instance.kind == "ABAP":
            if instance.state() != "GREEN":
                raise _Fault("DpAttachStartService failed")
            name, rows = abap[method]
        elif method in enqueue and instance.kind == "ASCS":
            if instance.state() != "GREEN":
                raise _Fault("FAIL: NIECONN_REFUSED (Connection refused), NiRawConnect failed in plugin_fopen()")
            name, rows = enqueue[method]
        else:
            raise _Fault(f"Method '{method}' not implemented: method name or namespace not recognized")
        return name, rows()

    def parameter(self, name: str) -> str:
        """A value of the profile. Raises `_Fault`."""
        if "ParameterValue" in self.faults:
            raise _Fault(self.faults["ParameterValue"])
        if name not in self.parameters:
            raise _Fault(f"Invalid parameter: {name}")
        return self.parameters[name]

    def _change(self, instance: Instance, method: str) -> None:
        takes = self.takes_s
        if method == "Start" and instance.state() == "GRAY":
            instance.turn("GREEN", 0.0, takes)
        elif method == "Stop" and instance.state() == "GREEN":
            instance.turn("GRAY", 0.0, takes)
        elif method == "RestartInstance":
            instance.restart(takes)
        elif method in ("StartSystem", "StopSystem"):
            starts = method == "StartSystem"
            levels = sorted({float(_PRIORITY[one.kind]) for one in self.instances}, reverse=not starts)
            for one in self.instances:
                if one.state() != ("GREEN" if starts else "GRAY"):
                    wait = levels.index(float(_PRIORITY[one.kind])) * takes
                    one.turn("GREEN" if starts else "GRAY", wait, takes)
        elif method == "RestartSystem":
            for one in self.instances:
                one.restart(takes)

    def _instances(self) -> list[dict[str, str]]:
        return [
            {
                "hostname": one.host, "instanceNr": str(int(one.number)), "httpPort": str(one.port), "httpsPort": "0",
                "startPriority": _PRIORITY[one.kind], "features": _FEATURES[one.kind],
                "dispstatus": "SAPControl-" + ("YELLOW" if one.broken and one.state() == "GREEN" else one.state()),
            }
            for one in self.instances
        ]  # fmt: skip

    def _properties(self, instance: Instance) -> list[dict[str, str]]:
        values = {
            "SAPSYSTEM": instance.number, "SAPSYSTEMNAME": self.sid, "INSTANCE_NAME": instance.name,
            "SAPLOCALHOST": instance.host, "StartPriority": _PRIORITY[instance.kind],
            "Protected Webmethods": ",".join(sorted(self.protected)),
        }  # fmt: skip
        return [{"property": name, "propertytype": "Attribute", "value": value} for name, value in values.items()]

    def _versions(self, instance: Instance) -> list[dict[str, str]]:
        return [
            {"Filename": f"/usr/sap/{self.sid}/{instance.name}/exe/{name}", "VersionInfo": "793, patch 0", "Time": ""}
            for name, _ in _PROGRAMS[instance.kind]
        ]

    def _busy(self) -> int:
        """Dialog work processes of ten that work."""
        return max(1, min(10, self.response_ms // 420))

    def _work_processes(self) -> list[dict[str, str]]:
        busy = self._busy()
        found = []
        kinds = ["DIA"] * 10 + ["BTC"] * 3 + ["UPD"] * 2 + ["SPO"]
        for number, kind in enumerate(kinds):
            runs = kind == "DIA" and number < busy
            slow = runs and busy > 4
            found.append({
                "No": str(number), "Typ": kind, "Pid": str(7400 + number), "Status": "Run" if runs else "Wait",
                "Reason": "", "Start": "yes", "Err": "", "Sem": "", "Cpu": f"0:{number:02}:54",
                "Time": str(20 + 3 * (busy - number)) if slow else "1" if runs else "",
                "Program": "Z_OPEN_ORDERS" if slow else "SAPMV45A" if runs else "", "Client": "100" if runs else "",
                "User": f"CLERK-{number + 1}" if runs else "", "Action": "Sequential Read" if slow else "",
                "Table": "VBAP" if slow else "",
            })  # fmt: skip
        return found

    def _queues(self) -> list[dict[str, str]]:
        waiting = max(0, self._busy() - 6) * 7
        numbers = {"ABAP/NOWP": 0, "ABAP/DIA": waiting, "ABAP/UPD": 0, "ABAP/BTC": 0, "ICM/Intern": waiting // 4}
        return [
            {"Typ": typ, "Now": str(now), "High": str(max(now, 8)), "Max": "14000", "Writes": "270537", "Reads": str(270537 - now)}
            for typ, now in numbers.items()
        ]  # fmt: skip

    def _tree(self, instance: Instance) -> list[dict[str, str]]:
        response = self.response_ms
        colour = "RED" if response >= RED_MS else "YELLOW" if response >= YELLOW_MS else "GREEN"
        busy = "YELLOW" if self._busy() > 8 else "GREEN"
        # Name, place of the parent, colour, value.
        nodes: list[tuple[str, int, str, str]] = [
            (self.sid, -1, colour, ""),
            (f"{instance.host}_{self.sid}_{instance.number}", 0, colour, ""),
            ("R3Services", 1, colour, ""),
            ("Dialog", 2, colour, ""),
            ("ResponseTime", 3, colour, f"{response} msec"),
            ("FrontendResponseTime", 3, "GREEN", f"{response + 140} msec"),
            ("QueueTime", 3, busy, f"{max(1, (response - 2000) // 5)} msec"),
            ("DBRequestTime", 3, "GREEN", f"{response // 3} msec"),
            ("UsersLoggedIn", 3, "GREEN", "42"),
            ("Background", 2, "GREEN", ""),
            ("Utilisation", 9, "GREEN", "12 %"),
            ("Spool", 2, "GREEN", ""),
            ("ErrorsInWpSPO", 11, "GREEN", "0"),
            ("OperatingSystem", 1, "GREEN", ""),
            ("CPU", 13, "GREEN", ""),
            ("CPU_Utilization", 14, "GREEN", f"{min(99, 20 + 7 * self._busy())} %"),
        ]
        now = _instant(time.time())
        return [
            {
                "name": name, "parent": str(parent), "ActualValue": f"SAPControl-{shade}", "description": value,
                "Time": now, "AnalyseTool": "", "VisibleLevel": "OPERATOR", "HighAlertValue": f"SAPControl-{shade}",
                "AlDescription": f"{value} above {RED_MS} msec" if name == "ResponseTime" and shade == "RED" else "",
                "AlTime": now if shade == "RED" else "", "Tid": f"MTSYSID={self.sid};MTMCNAME={instance.host};",
            }
            for name, parent, shade, value in nodes
        ]  # fmt: skip


class _Fault(Exception):
    """What the service answers instead."""

    def __init__(self, said: str, status: int = 500) -> None:
        super().__init__(said)
        self.said = said
        self.status = status


class _Service(ThreadingHTTPServer):
    """The start service of one instance."""

    daemon_threads = True

    def __init__(self, system: SapSystem, instance: Instance) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.system = system
        self.instance = instance


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: _Service
    timeout = 10
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a call."""
        system, instance = self.server.system, self.server.instance
        method = ""
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 < length <= BODY_LIMIT:
                raise _Fault("Bad Request", 400)
            call = soap.body(self.rfile.read(length))
            method = call.name
            if method in system.protected:
                self._sign_in()
            content = _answered(system, instance, method, call)
        except _Fault as fault:
            self._note(method, refused=True)
            self._reply(fault.status, _fault(fault.said))
        except (soap.Malformed, ValueError) as error:
            self._note(method, refused=True)
            self._reply(400, _fault(f"Validation constraint violation: {error}"))
        else:
            self._note(method)
            self._reply(200, content)

    def _sign_in(self) -> None:
        system = self.server.system
        user, password = self._credentials()
        if (
            not system.password
            or user is None
            or password != system.password
            or user not in {system.user, *system.denied}
        ):
            raise _Fault("Invalid Credentials", 401)
        if user in system.denied:
            raise _Fault("Permission denied")

    def _credentials(self) -> tuple[str | None, str]:
        scheme, _, given = (self.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return None, ""
        try:
            user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            return None, ""
        return user, password

    def _note(self, method: str, *, refused: bool = False) -> None:
        client = f"{self.client_address[0]}:{self.client_address[1]}"
        user = self._credentials()[0]
        self.server.system.note(Call(time.time(), self.server.instance.number, method, user, client, refused))

    def _reply(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="SAPControl"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Calls are kept in the system, not printed."""


def _wrapped(content: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{soap.ENVELOPE}"'
        ' xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        f' xmlns:SAPControl="{soap.NAMESPACE}"><SOAP-ENV:Body>{content}</SOAP-ENV:Body></SOAP-ENV:Envelope>'
    ).encode()


def _answered(system: SapSystem, instance: Instance, method: str, call: soap.Node) -> bytes:
    if method == "ParameterValue":
        value = escape(system.parameter(call.said("parameter")))
        return _wrapped(f"<SAPControl:{method}Response><value>{value}</value></SAPControl:{method}Response>")
    return _response(method, *system.answer(instance, method, call))


def _response(method: str, name: str, rows: list[dict[str, str]]) -> bytes:
    items = "".join(
        "<item>" + "".join(f"<{column}>{escape(value)}</{column}>" for column, value in row.items()) + "</item>"
        for row in rows
    )
    listed = f"<{name}>{items}</{name}>" if name else ""
    return _wrapped(f"<SAPControl:{method}Response>{listed}</SAPControl:{method}Response>")


def _fault(said: str) -> bytes:
    return _wrapped(
        "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode>"
        f"<faultstring>{escape(said)}</faultstring></SOAP-ENV:Fault>"
    )


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y %m %d %H:%M:%S")


def _elapsed(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
