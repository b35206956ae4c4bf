"""A fleet for demonstrations: small HTTP services, each a process with a configuration file of its own, and the endpoint by
which they are controlled. Run as a module, it is one of the services.

A service reads its configuration when it starts. Version 2.0 needs a runtime of at least 2, which `runtime` in the service's
folder says; with an older one it starts, and says that it is degraded: what only a look after the change can find out.
"""

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

CONFIG: Final = "config.json"
PREVIOUS: Final = "config.previous.json"
RUNTIME: Final = "runtime"
BEGIN: Final = {"version": "1.4", "workers": 4}
START_S: Final = 15.0
BODY_LIMIT: Final = 4096


class Service:
    """One service: its folder, its port, its process."""

    def __init__(self, name: str, folder: Path, runtime: int) -> None:
        self.name = name
        self.folder = folder
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self._lock = threading.Lock()
        self._over = False
        folder.mkdir()
        (folder / RUNTIME).write_text(str(runtime))
        (folder / CONFIG).write_text(json.dumps(BEGIN))

    @property
    def config(self) -> dict[str, Any]:
        """The file as it is."""
        found: dict[str, Any] = json.loads((self.folder / CONFIG).read_text())
        return found

    def configure(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Write the file; what it was is kept until it is restored. Twice is as once."""
        before = self.config
        after = {**before, **wanted}
        if after != before:
            previous = self.folder / PREVIOUS
            if not previous.exists():
                previous.write_text(json.dumps(before))
            _replaced(self.folder / CONFIG, after)
        return {"before": before, "after": after}

    def restore(self) -> dict[str, Any]:
        """Put back what was there before the change. Twice is as once."""
        previous = self.folder / PREVIOUS
        before = self.config
        if previous.exists():
            previous.replace(self.folder / CONFIG)
        return {"before": before, "after": self.config}

    def settle(self) -> None:
        """What is there now stays."""
        (self.folder / PREVIOUS).unlink(missing_ok=True)

    def start(self) -> int:
        """Stop the process if there is one, start another, and wait until it answers. Gives its id."""
        command = [sys.executable, "-m", "oncue.demo.fleet", self.name, str(self.folder), str(self.port)]
        with self._lock:
            if self._over:
                raise OSError(f"{self.name} is not started any more")
            self._end()
            # It ends with its input, which this process holds: whatever ends this one, none is left behind.
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - this module
            self.restarts += 1
            deadline = time.monotonic() + START_S
            while self.health() is None:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise OSError(f"{self.name} does not answer on port {self.port}")
                time.sleep(0.05)
            return self.process.pid

    def stop(self) -> None:
        """End the process for good: a restart that is asked for at the same time comes too late."""
        with self._lock:
            self._over = True
            self._end()

    def _end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate()
            self.process = None

    def health(self) -> dict[str, Any] | None:
        """What the process answers; None if none does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", "/health")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        except OSError:
            return None
        finally:
            connection.close()
        return found


class Fleet:
    """A context manager: the services run, and their control endpoint listens on the loopback interface."""

    def __init__(self, names: Sequence[str], outdated: Sequence[str] = ()) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="oncue-fleet-")
        root = Path(self._folder.name)
        self.services = {name: Service(name, root / name, 1 if name in outdated else 2) for name in names}
        self.token = secrets.token_urlsafe(16)
        self.calls: list[str] = []
        """What the endpoint was asked: `PUT web-1/config`."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _control(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Of the control endpoint."""
        return int(self._server.server_address[1])

    @property
    def folder(self) -> Path:
        """Where the services' files are."""
        return Path(self._folder.name)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.callback(self._folder.cleanup)
            stack.callback(self._server.server_close)
            for service in self.services.values():
                stack.callback(service.stop)
                service.start()
            self._thread.start()
            stack.callback(self._thread.join)
            stack.callback(self._server.shutdown)
            self._running = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def act(self, method: str, name: str, verb: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What the endpoint does, and answers."""
        service = self.services.get(name)
        if service is None:
            return 404, {"error": f"no service {name}"}
        self.calls.append(f"{method} {name}/{verb}")
        if (method, verb) == ("PUT", "config"):
            return 200, service.configure(body)
        if (method, verb) == ("PUT", "restart"):
            return 200, {"pid": service.start()}
        if (method, verb) == ("PUT", "restore"):
            return 200, {**service.restore(), "pid": service.start()}
        return 404, {"error": f"{method} {verb} is not there"}


def _control(fleet: Fleet) -> type[BaseHTTPRequestHandler]:
    class Control(_Quiet):
        def do_PUT(self) -> None:
            if self.headers["Authorization"] != f"Bearer {fleet.token}":
                self.answer(401, {"error": "whose token is that?"})
                return
            size = int(self.headers["Content-Length"] or 0)
            parts = self.path.strip("/").split("/")
            if size > BODY_LIMIT or len(parts) != 2:
                self.answer(404, {"error": "PUT /SERVICE/config, /SERVICE/restart or /SERVICE/restore"})
                return
            self.answer(*fleet.act("PUT", parts[0], parts[1], json.loads(self.rfile.read(size) or b"{}")))

    return Control


class _Quiet(BaseHTTPRequestHandler):
    """Answers JSON, and writes no log."""

    def answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _replaced(file: Path, content: dict[str, Any]) -> None:
    """Write a file whole or not at all."""
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps(content))
    beside.replace(file)


def versions(fleet: Fleet) -> Iterator[tuple[str, str, str]]:
    """(service, version in its file, version that its process says)."""
    for name, service in fleet.services.items():
        yield name, str(service.config["version"]), str((service.health() or {}).get("version"))


def _serve(name: str, folder: Path, port: int) -> None:
    config = json.loads((folder / CONFIG).read_text())
    runtime = int((folder / RUNTIME).read_text())
    needed = int(str(config["version"]).partition(".")[0])
    well = runtime >= needed
    said = "ok" if well else f"degraded: version {config['version']} needs runtime {needed}, this is {runtime}"

    class Answers(_Quiet):
        def do_GET(self) -> None:
            self.answer(200, {"service": name, "status": "ok" if well else "degraded", "detail": said, **config})

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, which the demonstration gets as well
    threading.Thread(target=_end_with_input, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", port), Answers).serve_forever()


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
