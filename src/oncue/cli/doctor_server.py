"""What `oncue doctor` sees of the running server: the engine by its socket, the rest by HTTP."""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from oncue import __version__
from oncue.cli.doctor_finding import Finding, State, some
from oncue.cli.doctor_outside import certificate
from oncue.cli.server import Server, decoded
from oncue.core.errors import Refusal
from oncue.runtime import frames

TIMEOUT_S: Final = 5.0
CLOCK_WARN_S: Final = 5.0
SILENT_WARN_H: Final = 24
OVERDUE_WARN_S: Final = 60.0

ENGINE_SHOWN: Final = ("version", "position", "problem", "queue_events", "effects_pending", "commit_failures")
"""What is worth a look in the engine's report."""


def engine(data: Path) -> Iterator[Finding]:
    """The engine and the workers of this data directory."""
    path = data / frames.SOCKET_NAME
    if not path.exists():
        yield Finding(
            "engine",
            "warn",
            f"not running over {data}",
            "If it runs over another directory, name that: --data DIR. Else start it: oncue up --data DIR",
        )
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
    yield _engine(report.ready, f"answers in {took:.0f} ms" + (f": {known}" if known else ""), body)
    yield from workers(body)


def workers(body: dict[str, Any]) -> Iterator[Finding]:
    """The workers, by the engine's own report."""
    connected = body.get("workers")
    if not isinstance(connected, dict):
        return
    seen = f"{len(connected)} connected"
    overdue_s = float(body.get("effects_overdue_seconds") or 0.0)
    silent_s, name = max(((silent_s, name) for name, silent_s in connected.items()), default=(0.0, ""))
    if silent_s > frames.SILENT_S:
        hint = "It stands still, or its machine does. End it if it stays so: another is started at once."
        yield Finding("worker", "fail", f"{seen}, {name} has said nothing for {silent_s:.0f} s", hint)
    elif connected and overdue_s > OVERDUE_WARN_S:
        hint = "All its places are taken by what does not end: see `oncue get runs`."
        yield Finding("worker", "fail", f"{seen}, an action has waited {overdue_s:.0f} s for one", hint)
    else:
        hint = "Without a worker no action runs and no notification leaves; see the server's log."
        yield Finding("worker", "ok" if connected else "fail", seen, hint)


def _engine(ready: bool, seen: str, body: dict[str, Any]) -> Finding:
    if not ready:
        return Finding("engine", "fail", seen, "It is starting, or cannot write; see its log.")
    if body.get("version") not in (None, __version__):
        return Finding("engine", "warn", f"{seen}; this program is {__version__}", "Restart the server.")
    if body.get("commit_failures"):
        return Finding("engine", "warn", seen, "Writes have failed since it started; look at the disk and at its log.")
    return Finding("engine", "ok", seen)


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


def findings(*, remote: bool, url: str | None = None) -> Iterator[Finding]:
    """The server at ONCUE_SERVER, or without that at `url`. `remote` if nothing else tells of its monitors and dead letters."""
    try:
        with Server(url) as server:
            started = time.time()
            health = server.raw("GET", "/healthz", timeout=TIMEOUT_S)
            took = time.time() - started
            ready = server.raw("GET", "/readyz", timeout=TIMEOUT_S)
            seen = f"{server.url} answers in {took * 1000:.0f} ms"
            if health.is_success and ready.is_success:
                yield Finding("server", "ok", f"{seen}, {_version(decoded(ready))}")
            else:
                detail = f"{server.url}: /healthz {health.status_code}, /readyz {ready.status_code}"
                yield Finding("server", "fail", detail, "The engine is starting or cannot write; see the log.")
            yield from _skew(health.headers.get("date"), started + took / 2)
            yield from certificate(server.url)
            for check in (_sources, _monitors, _dead_letters) if remote else (_sources,):
                yield from _allowed(check, server)
    except Refusal as refusal:
        yield Finding(
            "server", "warn" if refusal.code == "server.unreachable" else "fail", refusal.detail, refusal.entry.hint
        )


def _version(ready: Any) -> str:
    engine = ready.get("engine") if isinstance(ready, dict) else None
    return f"version {engine['version']}" if isinstance(engine, dict) and "version" in engine else "version unknown"


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


def _monitors(server: Server) -> Iterator[Finding]:
    items = server.get("/monitors")["items"]
    states = [(item["manifest"] or item["state"], item["state"]) for item in items]
    failing = [f"{who['name']} ({state['detail'] or state['error_code']})" for who, state in states
               if state is not None and state["state"] == "failing"]  # fmt: skip
    silent = [who["name"] for who, state in states if state is None or state["state"] in ("pending", "unknown")]
    if failing:
        yield Finding("monitors", "fail", f"cannot work: {some(failing)}", "See each monitor's page for the error.")
    elif silent:
        yield Finding(
            "monitors", "warn", f"no reading yet: {some(silent)}", "Wait a period; then see the worker's log."
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
        seen = f"silent since the start or for a day: {some(silent)}"
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
