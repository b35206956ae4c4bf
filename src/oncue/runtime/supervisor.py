"""`oncue up`: one process that holds the listening socket and keeps three others alive.

    engine   the only writer of the database
    front    HTTP, sources, queries, streams
    worker   effects and monitors

A child that ends is started again, with a pause that grows while it keeps ending. The listening socket is the
supervisor's, so the port stays ours through every restart. On SIGTERM the front stops taking requests first, then the
worker, then the engine, so that nothing accepted is left undone.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import structlog

from oncue import config
from oncue.core.errors import Refusal
from oncue.runtime.logs import configure
from oncue.runtime.running import LOCK, PARENT, announce

log = structlog.get_logger()

CHILDREN: Final = (
    ("engine", "oncue.runtime.engine_process"),
    ("front", "oncue.api.front"),
    ("worker", "oncue.runtime.worker"),
)
DRAIN_S: Final = 20.0
PAUSE_MAX_S: Final = 10.0


class _Child:
    def __init__(self, name: str, module: str) -> None:
        self.name = name
        self.module = module
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started_at = 0.0
        self.again_at = 0.0


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises `Refusal` server.cannot_listen if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        server.bind((host, port))
    except OSError as error:
        raise Refusal("server.cannot_listen", f"{host} port {port}: {error.strerror}") from error
    server.listen(2048)
    server.set_inheritable(True)
    return server


def main(settings: config.Config) -> int:
    """Run the server until SIGTERM or SIGINT. Gives the exit code."""
    configure(settings.log, "supervisor")
    settings.data.mkdir(parents=True, exist_ok=True)
    lock = _lock(settings.data)
    server = listen(settings.host, settings.port)
    settings = msgspec.structs.replace(settings, port=server.getsockname()[1])
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    children = [_Child(name, module) for name, module in CHILDREN]
    environment = {
        **os.environ,
        **config.environment(settings),
        "ONCUE_LISTEN_FD": str(server.fileno()),
        PARENT: str(os.getpid()),
    }
    try:
        while not stopping:
            for child in children:
                _keep(child, settings.data, environment, server.fileno())
            time.sleep(0.1)
    finally:
        _stop(children)
        server.close()
        os.close(lock)
    return 0


def _lock(data: Path) -> int:
    """One server per data directory. The kernel drops the lock with the process."""
    import fcntl

    descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Refusal("server.running", f"{data}") from error
    announce(descriptor)
    return descriptor


def _keep(child: _Child, data: Path, environment: dict[str, str], descriptor: int) -> None:
    now = time.monotonic()
    if child.process is not None:
        code = child.process.poll()
        if code is None:
            if now - child.started_at > 60.0:
                child.failures = 0
            return
        child.process = None
        pause_s = min(PAUSE_MAX_S, 0.1 * 2**child.failures)
        child.failures += 1
        child.again_at = now + pause_s
        log.error("process ended", child=child.name, code=code, again_in_s=round(pause_s, 1))
    if now >= child.again_at:
        child.started_at = now
        child.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            [sys.executable, "-m", child.module], cwd=data, env=environment, pass_fds=(descriptor,)
        )


def _stop(children: list[_Child]) -> None:
    by_name = {child.name: child for child in children}
    for name in ("front", "worker", "engine"):
        process = by_name[name].process
        if process is None:
            continue
        process.terminate()
        try:
            process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            log.warning("process did not end in time", child=name)
            process.kill()
            process.wait()
