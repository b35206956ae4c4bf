"""`oncue doctor`: looks at every part of an installation, with or without a running server.

Each check yields findings: ok, warn or fail, what was seen, and what to do about it. A check that cannot be made says so;
none of them changes anything.
"""

import os
import shutil
import smtplib
import socket
import sqlite3
import ssl
import stat
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import typer
from rich.markup import escape

from oncue import __version__, config
from oncue.cli import show
from oncue.cli.server import Server
from oncue.core.errors import Refusal
from oncue.runtime import frames

TIMEOUT_S: Final = 5.0
GIB: Final = 1024**3
SPACE_FAIL: Final = GIB // 4
SPACE_WARN: Final = 2 * GIB
WAL_WARN: Final = 256 * 1024 * 1024
CLOCK_WARN_S: Final = 5.0
CERTIFICATE_WARN_DAYS: Final = 21
SILENT_WARN_H: Final = 24

ENGINE_SHOWN: Final = ("version", "position", "problem", "queue_events", "effects_pending", "commit_failures")
"""What is worth a look in the engine's report."""

State = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """What one check saw."""

    part: str
    state: State
    seen: str
    hint: str = ""


def doctor(
    data: Path | None = typer.Option(None, "--data", help="The data directory. [default: oncue-data]"),
    output: show.Format = show.Output,
) -> None:
    """Look at every part, and say what is wrong and what to do about it. Exit code 1 if something fails.

    Looks at this machine, the data directory, and the server at ONCUE_SERVER as far as ONCUE_TOKEN may see it.
    """
    found = list(findings(data))
    if output is show.Format.table:
        for finding in found:
            style = show.STYLES[finding.state]
            show.out.print(f"[{style}]{finding.state:<4}[/]  {finding.part:<14}  {escape(show.clean(finding.seen))}")
            if finding.hint and finding.state != "ok":
                show.out.print(f"      {'':<14}  [dim]{escape(finding.hint)}[/]")
    else:
        show.document([finding._asdict() for finding in found], output)
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(1)


def findings(data: Path | None = None) -> Iterator[Finding]:
    """All findings, in the order in which one would look."""
    yield from _python()
    yield from _sqlite()
    yield from _clock()
    try:
        loaded = config.load({"data": data})
    except Refusal as refusal:
        yield Finding("configuration", "fail", refusal.detail, refusal.entry.hint)
    else:
        source = loaded.data / config.FILE
        yield Finding("configuration", "ok", f"{source}" if source.exists() else "defaults and environment")
        yield from _directory(loaded.data)
        yield from _database(loaded.data)
        yield from _engine(loaded.data)
        yield from _mail(loaded)
        yield from _shell(loaded)
    yield from _server()


# This machine


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    state: State = "ok" if sys.version_info >= (3, 11) else "fail"
    yield Finding("python", state, f"{version}, oncue {__version__}", "OnCue needs Python 3.11 or newer.")


def _sqlite() -> Iterator[Finding]:
    state: State = "ok" if sqlite3.sqlite_version_info >= (3, 35, 0) else "fail"
    yield Finding("sqlite", state, sqlite3.sqlite_version, "OnCue needs SQLite 3.35 or newer.")


def _clock() -> Iterator[Finding]:
    now = datetime.now(UTC)
    if now.year < 2025:
        yield Finding("clock", "fail", now.isoformat(), "The clock is wrong; synchronise it (NTP).")
        return
    synchronised = Path("/run/systemd/timesync/synchronized").exists() or Path("/run/chrony").exists()
    yield Finding(
        "clock",
        "ok",
        now.isoformat(timespec="seconds") + ("" if synchronised else ", not seen to be synchronised (NTP)"),
    )


# The data directory


def _directory(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        yield Finding("data", "warn", f"{data} is not there", "`oncue up` makes it; or name another one with --data.")
        return
    if not os.access(data, os.W_OK):
        yield Finding("data", "fail", f"{data} cannot be written", "Give the server's user the right to write to it.")
    usage = shutil.disk_usage(data)
    seen = f"{data}: {usage.free / GIB:.1f} GiB free of {usage.total / GIB:.1f}"
    state: State = "fail" if usage.free < SPACE_FAIL else "warn" if usage.free < SPACE_WARN else "ok"
    yield Finding("disk", state, seen, "Free some space, or lower retention.max_size_gb; a full disk means 503.")
    keys = data / "keys"
    if keys.is_dir():
        private = [path for path in (keys, *keys.iterdir()) if path.suffix != ".pub"]
        loose = [path.name for path in private if stat.S_IMODE(path.stat().st_mode) & 0o077]
        hint = f"chmod -R go= {keys}; whoever reads these can read secrets and sign checkpoints."
        seen = f"readable by others: {', '.join(loose)}" if loose else "readable by their owner only"
        yield Finding("keys", "warn" if loose else "ok", seen, hint)


def _database(data: Path) -> Iterator[Finding]:
    file = data / "oncue.db"
    if not file.exists():
        yield Finding("journal", "ok", "empty: the server has not been started here")
        return
    try:
        connection = sqlite3.connect(f"file:{file.absolute()}?mode=ro", uri=True, timeout=2)
        try:
            mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
            row = connection.execute("SELECT cursor, recorded_at FROM journal").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield Finding("journal", "fail", f"{file}: {error}", "Stop the server and try `oncue journal verify`.")
        return
    wal = file.with_name("oncue.db-wal")
    wal_size = wal.stat().st_size if wal.exists() else 0
    size = f"{file.stat().st_size / 1024**2:.0f} MiB, write-ahead log {wal_size / 1024**2:.0f} MiB"
    if mode != "wal":
        yield Finding("journal", "fail", f"journal mode {mode}, not wal", "Start the server once; it sets the mode.")
    elif wal_size > WAL_WARN:
        yield Finding("journal", "warn", size, "A reader holds the log back, or nothing moves it; restart the server.")
    else:
        yield Finding("journal", "ok", size)
    if row is not None and row[1] / 1e6 > time.time() + CLOCK_WARN_S:
        seen = f"the newest event is {row[1] / 1e6 - time.time():.0f} s in the future"
        yield Finding("clock", "fail", seen, "The clock has gone back; mend it before anything else.")


def _engine(data: Path) -> Iterator[Finding]:
    path = data / "engine.sock"
    if not path.exists():
        yield Finding("engine", "warn", f"not running over {data}", "Start it: oncue up --data DIR")
        return
    started = time.monotonic()
    try:
        report = _ask_engine(path)
    except (OSError, ValueError) as error:
        yield Finding("engine", "fail", f"no answer: {error}", "See the server's log; restart it.")
        return
    took = (time.monotonic() - started) * 1000
    body = report.body
    known = ", ".join(f"{name.replace('_', ' ')} {body[name]}" for name in ENGINE_SHOWN if body.get(name) is not None)
    seen = f"answers in {took:.0f} ms" + (f": {known}" if known else "")
    yield Finding("engine", "ok" if report.ready else "fail", seen, "It is starting, or cannot write; see its log.")
    workers = body.get("workers")
    if isinstance(workers, int | list | dict):
        count = workers if isinstance(workers, int) else len(workers)
        hint = "Without a worker no action runs and no notification leaves; see the server's log."
        yield Finding("worker", "ok" if count else "fail", f"{count} connected", hint)


def _ask_engine(path: Path) -> frames.HealthReport:
    """The engine's own report. Raises `OSError`, `ValueError`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(TIMEOUT_S)
        line.connect(str(path))
        body = frames.encode(frames.Health(1))
        line.sendall(len(body).to_bytes(4, "big") + body)
        with line.makefile("rb") as reader:
            while True:
                size = int.from_bytes(reader.read(4), "big")
                if not size:
                    raise ValueError("it hung up")
                frame = frames.decode(reader.read(size))
                if isinstance(frame, frames.HealthReport):
                    return frame


# What the configuration names


def _mail(loaded: config.Config) -> Iterator[Finding]:
    parts = urlsplit(loaded.smtp.url)
    if parts.scheme == "mailbox":
        hint = "Set smtp.url in oncue.toml, so that mail leaves this machine."
        yield Finding("mail", "warn", "stays in the local mailbox", hint)
        return
    host, secure = parts.hostname or "", parts.scheme == "smtps"
    port = parts.port or (465 if secure else 25)
    try:
        transport = smtplib.SMTP_SSL if secure else smtplib.SMTP
        with transport(host, port, timeout=TIMEOUT_S) as smtp:
            smtp.ehlo()
            if "starttls" in parts.query:
                smtp.starttls(context=ssl.create_default_context())
            if parts.username:
                smtp.login(parts.username, parts.password or "")
            smtp.noop()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("mail", "fail", f"{host}:{port}: {error}", "Check smtp.url; nobody can be told by mail.")
    else:
        yield Finding("mail", "ok", f"{host}:{port} answers")


def _shell(loaded: config.Config) -> Iterator[Finding]:
    shell = loaded.actions.shell
    if not shell.enabled:
        return
    gone = [command for command in shell.allow if not os.access(command.split()[0], os.X_OK)]
    if not shell.allow:
        yield Finding(
            "shell", "warn", "switched on, and nothing is allowed", "Fill actions.shell.allow, or switch it off."
        )
    elif gone:
        yield Finding("shell", "warn", f"not there: {', '.join(gone)}", "Mend actions.shell.allow.")
    else:
        yield Finding("shell", "ok", f"{len(shell.allow)} commands allowed")


# The server


def _server() -> Iterator[Finding]:
    try:
        with Server() as server:
            started = time.time()
            health = server.raw("GET", "/healthz", timeout=TIMEOUT_S)
            took = time.time() - started
            ready = server.raw("GET", "/readyz", timeout=TIMEOUT_S)
            seen = f"{server.url} answers in {took * 1000:.0f} ms"
            if health.is_success and ready.is_success:
                yield Finding("server", "ok", seen)
            else:
                detail = f"{server.url}: /healthz {health.status_code}, /readyz {ready.status_code}"
                yield Finding("server", "fail", detail, "The engine is starting or cannot write; see the log.")
            yield from _skew(health.headers.get("date"), started + took / 2)
            yield from _certificate(server.url)
            for check in (_monitors, _sources, _dead_letters):
                yield from _allowed(check, server)
    except Refusal as refusal:
        yield Finding(
            "server", "warn" if refusal.code == "server.unreachable" else "fail", refusal.detail, refusal.entry.hint
        )


def _allowed(check: Callable[[Server], Iterator[Finding]], server: Server) -> Iterator[Finding]:
    part = check.__name__.strip("_").replace("_", " ")
    try:
        yield from check(server)
    except Refusal as refusal:
        state: State = "warn" if refusal.code in ("auth.required", "auth.invalid", "access.denied") else "fail"
        yield Finding(part, state, f"{refusal.code}: {refusal.detail or refusal.entry.title}", "Set ONCUE_TOKEN.")


def _skew(date: str | None, here: float) -> Iterator[Finding]:
    if date is None:
        return
    try:
        skew = parsedate_to_datetime(date).timestamp() - here
    except ValueError:
        return
    if abs(skew) > CLOCK_WARN_S:
        hint = "Synchronise both clocks (NTP)."
        yield Finding("clock", "warn", f"the server's clock differs by {skew:+.0f} s from this machine's", hint)


def _certificate(url: str) -> Iterator[Finding]:
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), timeout=TIMEOUT_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) as line,
        ):
            until = ssl.cert_time_to_seconds(str((line.getpeercert() or {})["notAfter"]))
    except (OSError, KeyError, ValueError) as error:
        yield Finding("certificate", "fail", f"{parts.hostname}: {error}", "Renew or trust the certificate.")
        return
    days = (until - time.time()) / 86400
    yield Finding(
        "certificate", "warn" if days < CERTIFICATE_WARN_DAYS else "ok", f"valid for {days:.0f} days", "Renew it."
    )


def _monitors(server: Server) -> Iterator[Finding]:
    items = server.get("/monitors")["items"]
    states = [(item["manifest"] or item["state"], item["state"]) for item in items]
    failing = [f"{who['name']} ({state['detail'] or state['error_code']})" for who, state in states
               if state is not None and state["state"] == "failing"]  # fmt: skip
    silent = [who["name"] for who, state in states if state is None or state["state"] in ("pending", "unknown")]
    if failing:
        yield Finding(
            "monitors", "fail", f"cannot work: {', '.join(failing)}", "See each monitor's page for the error."
        )
    elif silent:
        yield Finding(
            "monitors", "warn", f"no reading yet: {', '.join(silent)}", "Wait a period; then see the worker's log."
        )
    else:
        yield Finding("monitors", "ok", f"{len(items)} work" if items else "none configured")


def _sources(server: Server) -> Iterator[Finding]:
    items = [item for item in server.get("/sources")["items"] if item["configured"]]
    now = datetime.now(UTC)
    unwell = [item for item in items if item["listening"] and item["listening"]["state"] in ("failing", "overloaded")]
    for item in unwell:
        level: State = "fail" if item["listening"]["state"] == "failing" else "warn"
        said = f"{item['name']}: {item['listening']['detail']}"
        yield Finding("sources", level, said, "See what holds the address, or send less to it.")
    silent = []
    for item in items:
        last = item["last_event_at"]
        if last is None or (now - datetime.fromisoformat(last)).total_seconds() > SILENT_WARN_H * 3600:
            silent.append(item["name"])
    if silent:
        seen = f"silent since the start or for a day: {', '.join(silent)}"
        yield Finding("sources", "warn", seen, "Check the sender's address and token.")
    elif not unwell:
        yield Finding("sources", "ok", f"{len(items)} configured")


def _dead_letters(server: Server) -> Iterator[Finding]:
    items = server.get("/dead-letters", state="waiting", limit=500)["items"]
    count = f"{len(items)}{'+' if len(items) == 500 else ''}"
    seen = f"{count} waiting" if items else "none"
    yield Finding(
        "dead letters", "warn" if items else "ok", seen, "See `oncue get dead-letters`; redrive or ignore them."
    )
