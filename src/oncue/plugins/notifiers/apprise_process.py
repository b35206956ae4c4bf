"""The process in which apprise sends: reads a `Job` on standard input, writes a `Verdict` on standard output.

Connections are judged in an audit hook, which no code in the process can remove: an address that the guard would refuse
raises in the middle of apprise's work, whatever library made the connection.
"""

import ipaddress
import logging
import os
import socket
import sys
from typing import Any, Final

import msgspec

from oncue.plugins.notifiers.apprise import Job, Verdict
from oncue.sdk.outbound import Allow, Guard

_FORBIDDEN: Final = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "pty.spawn")


class _Refused(OSError):
    """The guard refuses this connection."""


def main() -> None:
    """Send, and say what became of it."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    # Standard output carries the verdict alone; apprise's plugins may print.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    import apprise  # what it does at import is not to be judged

    records = _Records()
    logging.getLogger("apprise").addHandler(records)
    logging.getLogger("apprise").setLevel(logging.WARNING)
    judge = _Judge(job.allows)
    sys.addaudithook(judge.hook)
    out.write(msgspec.json.encode(_send(apprise, job, judge, records)))
    out.flush()


class _Judge:
    """Refuses what the guard refuses, and remembers it: libraries swallow what is raised in them."""

    def __init__(self, allows: list[tuple[str, int | None]]) -> None:
        self.refused: list[str] = []
        opened = [Allow(host, port) for host, port in allows]
        for host, port in allows:
            # The hook sees addresses; so the names among the exceptions are exchanged for theirs now.
            if not _is_address(host):
                opened += [Allow(address, port) for address in _addresses(host) if not _is_link_local(address)]
        self._guard = Guard(opened)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FORBIDDEN:
            self._refuse(event)
        if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            return
        sock, address = arguments[0], arguments[-1]
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            if sock.family == socket.AF_UNIX or address is not None:
                self._refuse(f"{event} {sock.family!r}")
            return
        if address is None:
            return
        host, port = str(address[0]).split("%")[0], int(address[1])
        if not _is_address(host) or not self._guard.permits(host, host, port):
            self._refuse(f"{host} port {port}")

    def _refuse(self, what: str) -> None:
        self.refused.append(what)
        raise _Refused(f"{what} is not allowed from here")


class _Records(logging.Handler):
    """Keeps what apprise logs: its only account of why something failed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _send(apprise: Any, job: Job, judge: _Judge, records: _Records) -> Verdict:
    sent: list[str] = []
    kind = {"clear": apprise.NotifyType.SUCCESS, "critical": apprise.NotifyType.FAILURE}.get(job.severity)
    kind = kind or (apprise.NotifyType.INFO if job.severity == "info" else apprise.NotifyType.WARNING)
    for url in job.urls:
        service = apprise.Apprise.instantiate(url)
        if service is None:
            return Verdict(sent, "apprise.url", "a URL of the channel is not one that apprise knows")
        name = str(service.service_name or service.schemas)
        if not service.notify(title=job.title, body=job.body, notify_type=kind):
            if judge.refused:
                detail = f"{name}: {judge.refused[-1]} is not allowed; an OutboundAllow manifest can open an exception"
                return Verdict(sent, "outbound.refused", detail)
            detail = "; ".join(records.lines[-3:])[:500]
            return Verdict(sent, "apprise.failed", f"{name}: {detail}", transient=True)
        sent.append(name)
    return Verdict(sent)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_link_local(text: str) -> bool:
    return ipaddress.ip_address(text).is_link_local


def _addresses(host: str) -> list[str]:
    try:
        return sorted({str(found[4][0]).split("%")[0] for found in socket.getaddrinfo(host, None)})
    except (socket.gaierror, UnicodeError):
        return []


if __name__ == "__main__":
    main()
