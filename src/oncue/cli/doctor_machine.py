"""What `oncue doctor` sees of this machine and of the program itself."""

import ctypes
import resource
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from oncue import __version__
from oncue.cli.doctor_finding import Finding, State, some
from oncue.sdk import registry

CONSOLE: Final = Path(__file__).parent.parent / "console_build" / "index.html"
DESCRIPTORS_WARN: Final = 4096
_TIMEX_BYTES: Final = 512
_UNSYNCHRONISED: Final = 5


def findings() -> Iterator[Finding]:
    """Python, SQLite, plugins, console, clock, limits."""
    version = ".".join(map(str, sys.version_info[:3]))
    state: State = "ok" if sys.version_info >= (3, 11) else "fail"
    yield Finding("python", state, f"{version}, oncue {__version__}", "OnCue needs Python 3.11 or newer.")
    state = "ok" if sqlite3.sqlite_version_info >= (3, 35, 0) else "fail"
    yield Finding("sqlite", state, sqlite3.sqlite_version, "OnCue needs SQLite 3.35 or newer.")
    yield _plugins()
    built = CONSOLE.is_file()
    yield Finding(
        "console",
        "ok" if built else "fail",
        "built" if built else "not built",
        "Run `make build`, or install the wheel.",
    )
    yield _clock()
    yield _descriptors()


def _plugins() -> Finding:
    """Every plugin can be loaded: one that cannot fails only when it is needed, at night."""
    found = registry.installed()
    broken = [f"{one.name} of {one.package}: {one.problem}" for one in found if one.problem]
    if broken:
        return Finding(
            "plugins", "fail", some(broken), "Install what they need, or remove them; see `oncue plugin list`."
        )
    return Finding("plugins", "ok", f"{len(found)} sources, monitors, actions and notifiers can be loaded")


def _clock() -> Finding:
    now = datetime.now(UTC)
    seen = now.isoformat(timespec="seconds")
    if now.year < 2025:
        return Finding("clock", "fail", seen, "The clock is wrong; synchronise it (NTP).")
    synchronised = _is_synchronised()
    if synchronised is None:
        return Finding("clock", "ok", f"{seen}, the system does not say whether it is synchronised")
    if not synchronised:
        # A container and a virtual machine often get their time from the host, which their kernel does not know.
        return Finding("clock", "ok", f"{seen}, not seen to be synchronised (NTP)")
    return Finding("clock", "ok", f"{seen}, synchronised")


def _is_synchronised() -> bool | None:
    """What the kernel says, by adjtimex(2); None where it says nothing."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if answer < 0 else answer != _UNSYNCHRONISED


def _descriptors() -> Finding:
    """Of this shell; a service has those of its unit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft == resource.RLIM_INFINITY or soft >= DESCRIPTORS_WARN
    seen = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    hint = f"Each connection takes one: `ulimit -n 65536`, or LimitNOFILE= in the service's unit. Below {DESCRIPTORS_WARN} is little."
    return Finding("file limit", "ok" if enough else "warn", f"{seen} open files for a process started here", hint)
