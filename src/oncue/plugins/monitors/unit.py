"""The monitor `unit`: whether a service of this machine runs, and that it was stopped, started or restarted meanwhile.

Where systemd runs, it is asked. Elsewhere, a service is known by its pid file or by the name of its program.
"""

import asyncio
import contextlib
import socket
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import psutil

from oncue.plugins.monitors import local
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, Happening, MetricDoc, Probe, Reading

_SYSTEMCTL: Final = ("/usr/bin/systemctl", "/bin/systemctl")
_ASKED: Final = (
    "LoadState", "ActiveState", "SubState", "Result", "MainPID", "NRestarts", "MemoryCurrent", "InvocationID",
    "ActiveEnterTimestamp",
)  # fmt: skip


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which service."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]{0,254}$")]
    """As systemd calls it, as `nginx.service`; elsewhere what it is called in alerts."""
    manager: Literal["auto", "systemd", "process"] = "auto"
    """`auto` is systemd where it runs, unless `pidfile` or `process` is given."""
    pidfile: Annotated[str, msgspec.Meta(pattern="^/", max_length=4096)] | None = None
    """An absolute path; the file holds the number of the process."""
    process: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    """The program's name, as `ps` shows it. Of several, the oldest counts."""


class State(msgspec.Struct, frozen=True):
    """A service at one moment."""

    active: bool
    said: str
    """In the manager's words, as `failed (exit-code)`."""
    identity: str
    """Another one after each start; empty while it does not run."""
    pid: int = 0
    restarts: int | None = None
    memory: int | None = None
    started: float | None = None
    """Seconds since 1970."""


class Unit:
    """Asks once per probe. What changed between two probes is an event, `unit.changed`, even if it runs again."""

    name = "unit"
    settings = Settings
    primary = ""
    remote = False
    passive = False
    metrics = (
        MetricDoc("unit.up", "", "Up", "1 if it runs, else 0."),
        MetricDoc("unit.uptime", "s", "Uptime", "Since it was started."),
        MetricDoc("unit.restarts", "", "Restarts", "How often systemd has restarted it by itself."),
        MetricDoc("unit.memory", "B", "Memory", "Of the unit, or of the process (resident)."),
    )
    errors = (
        local.REFUSED,
        ErrorDoc("monitor.needs", "There is no systemd here, and neither `pidfile` nor `process` is given."),
        ErrorDoc("unit.unknown", "systemd does not know such a unit."),
        ErrorDoc("unit.manager", "systemd does not answer; the detail is what systemctl said."),
        ErrorDoc("unit.pidfile", "The pid file may not be read, or does not begin with a number."),
    )

    def __init__(self) -> None:
        self._before: State | None = None

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The service's state."""
        state = await _state(settings)
        happenings = changes(settings.name, self._before, state)
        self._before = state
        readings = [Reading(metric="unit.up", value=1.0 if state.active else 0.0, unit="")]
        if state.active and state.started is not None:
            uptime = max(0.0, round(at.timestamp() - state.started, 1))
            readings.append(Reading(metric="unit.uptime", value=uptime, unit="s"))
        if state.restarts is not None:
            readings.append(Reading(metric="unit.restarts", value=float(state.restarts), unit=""))
        if state.memory is not None:
            readings.append(Reading(metric="unit.memory", value=float(state.memory), unit="B"))
        fault = None
        if not state.active:
            fault = Fault(code="unit.down", title=f"{settings.name} does not run", detail=f"it is {state.said}")
        return Probe(readings=readings, fault=fault, happenings=happenings)


def changes(name: str, before: State | None, now: State) -> list[Happening]:
    """What was done to the service between two looks."""
    if before is None or (before.active == now.active and before.identity == now.identity):
        return []
    what = "restarted" if before.active and now.active else "started" if now.active else "stopped"
    data = {"unit": name, "change": what, "from": before.said, "to": now.said, "pid_before": before.pid, "pid": now.pid}
    return [Happening(type="unit.changed", title=f"{name} was {what}", data=data)]


async def _state(settings: Settings) -> State:
    told = settings.pidfile is not None or settings.process is not None
    if settings.manager == "systemd" or (settings.manager == "auto" and not told):
        return await _systemd(_systemctl(), settings.name)
    if settings.pidfile is not None:
        pid = await asyncio.to_thread(_pid_of, settings.pidfile)
        return await asyncio.to_thread(_process, pid, "its pid file is missing" if pid is None else f"no process {pid}")
    if settings.process is not None:
        pid = await asyncio.to_thread(_oldest, settings.process)
        return await asyncio.to_thread(_process, pid, f"no process {settings.process!r}")
    raise ActionError("monitor.needs", "manager: process needs pidfile or process")


def _systemctl() -> str:
    """The program that asks systemd. Raises `ActionError` monitor.needs where systemd does not run."""
    if not Path("/run/systemd/system").is_dir():
        raise ActionError("monitor.needs", "there is no systemd here: give pidfile or process")
    program = next((one for one in _SYSTEMCTL if Path(one).exists()), None)
    if program is None:
        raise ActionError("monitor.needs", "systemctl is not installed")
    return program


async def _systemd(program: str, name: str) -> State:
    process = await asyncio.create_subprocess_exec(
        program, "show", "--timestamp=unix", f"--property={','.join(_ASKED)}", "--", name,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ActionError("unit.manager", errors.decode("utf-8", "replace").strip()[:500])
    return read(name, output.decode("utf-8", "replace"))


def read(name: str, output: str) -> State:
    """What `systemctl show` says. Raises `ActionError` unit.unknown."""
    said = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if said.get("LoadState") == "not-found":
        raise ActionError("unit.unknown", f"systemd does not know {name}")
    active, sub, result = said.get("ActiveState", ""), said.get("SubState", ""), said.get("Result", "")
    state = f"{active} ({sub}{'' if result in ('', 'success') else f', {result}'})"
    since = said.get("ActiveEnterTimestamp", "").removeprefix("@")
    memory = said.get("MemoryCurrent", "")
    runs = active in ("active", "reloading")
    return State(
        active=runs,
        said=state,
        identity=said.get("InvocationID", "") if runs else "",
        pid=_whole(said.get("MainPID", "")) or 0,
        restarts=_whole(said.get("NRestarts", "")),
        # Unset is all bits.
        memory=_whole(memory) if memory != str(2**64 - 1) else None,
        started=_whole(since),
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _pid_of(pidfile: str) -> int | None:
    try:
        with local.vet(Path(pidfile)).open("rb") as opened:
            words = opened.read(64).split()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ActionError("unit.pidfile", f"{pidfile}: {error.strerror}") from error
    if not words or not words[0].isdigit():
        raise ActionError("unit.pidfile", f"{pidfile} does not begin with a number")
    return int(words[0])


def _oldest(name: str) -> int | None:
    found: list[tuple[float, int]] = []
    for process in psutil.process_iter(["name", "create_time", "status"]):
        info = process.info
        if info["name"] == name and info["status"] != psutil.STATUS_ZOMBIE:
            found.append((info["create_time"] or 0.0, process.pid))
    return min(found)[1] if found else None


def _process(pid: int | None, otherwise: str) -> State:
    try:
        if pid is None:
            return State(active=False, said=otherwise, identity="")
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return State(active=False, said=f"process {pid} has ended and waits for its parent", identity="")
            started = process.create_time()
            memory = process.memory_info().rss
    except psutil.NoSuchProcess:
        return State(active=False, said=otherwise, identity="")
    except psutil.AccessDenied as error:
        raise ActionError("unit.manager", f"process {pid} may not be looked at: {error.msg}") from error
    return State(
        active=True, said=f"process {pid}", identity=f"{pid}@{started}", pid=pid, memory=memory, started=started
    )
