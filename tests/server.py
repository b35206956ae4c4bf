"""A real OnCue server in processes of its own, as tests, soak and benchmark start it."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx
import psutil

from oncue.replay import verify as replay
from oncue.store import verify as journal
from tests import preloaded

ROOT: Final = Path(__file__).resolve().parent.parent
ONCUE: Final = Path(sys.executable).with_name("oncue")
ADMIN_TOKEN: Final = "admin-token-of-the-test-suite"
READY_WITHIN_S: Final = 60.0
DRAINED_WITHIN_S: Final = 30.0

T = TypeVar("T")


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], T | None], within_s: float = 60.0, what: str = "the condition") -> T:
    """What `check` returns once it is neither None nor False. Fails after `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while True:
        found = check()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {within_s:g} s")
        time.sleep(0.05)


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without OnCue's own variables, and with `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONCUE_")}
    return {**kept, **(more or {})}


def event(**attributes: Any) -> dict[str, Any]:
    """A CloudEvent that raises an alert; override or add attributes, None leaves one out."""
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "/test/probe",
        "type": "org.example.disk.full",
        "severity": "major",
        "resource": "host-1",
        "data": {"summary": "Disk is full"},
        **attributes,
    }
    return {name: value for name, value in made.items() if value is not None}


class Server:
    """`oncue up` on a data directory; started, killed and restarted at will.

    `client` speaks to it as an administrator. `verify` proves the data directory after it has stopped.
    """

    def __init__(
        self,
        data: Path,
        *,
        port: int | None = None,
        arguments: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        program: Path = ONCUE,
    ) -> None:
        self.data = data
        self.program = program
        self.port = port or free_port()
        self.arguments = list(arguments)
        self.variables = {"ONCUE_ADMIN_TOKEN": ADMIN_TOKEN, **(variables or {})}
        self.log = data.parent / f"{data.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.client = _plain_client(base_url=self.url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=30.0)
        self._anonymous = _plain_client(base_url=self.url, timeout=5.0)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            if error is None:
                self.stop()
            else:
                self.kill()
        self.close()

    def close(self) -> None:
        """Let go of the connections to it."""
        self.client.close()
        self._anonymous.close()

    def start(self, *, wait: bool = True) -> None:
        """Start `oncue up`; with `wait`, return when it is ready."""
        assert self.process is None or self.process.poll() is not None, "it runs already"
        command = [str(self.program), "up", "--data", str(self.data), "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(self.variables),
                start_new_session=True,
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return once /readyz is 200. Fails with the log's end if it exits or takes too long."""
        deadline = time.monotonic() + within_s
        while not self.ready():
            assert self.process is not None
            assert self.process.poll() is None, f"oncue up exited with {self.process.returncode}:\n{self.log_tail()}"
            assert time.monotonic() < deadline, f"not ready within {within_s:g} s:\n{self.log_tail()}"
            time.sleep(0.05)

    def ready(self) -> bool:
        """Whether /readyz is 200 now."""
        try:
            return self._anonymous.get("/readyz", headers={"Connection": "close"}).status_code == 200
        except httpx.TransportError:
            return False

    def processes(self) -> list[psutil.Process]:
        """The supervisor and its children that live now."""
        assert self.process is not None
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> int:
        """SIGTERM, and wait until it has drained; returns its exit status."""
        assert self.process is not None
        children = self.processes()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(DRAINED_WITHIN_S)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise AssertionError(f"it did not drain within {DRAINED_WITHIN_S:g} s:\n{self.log_tail()}") from error
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive, f"left behind after SIGTERM: {alive}"
        return status

    def kill(self) -> None:
        """kill -9 of the supervisor; its children must die with it."""
        assert self.process is not None
        children = self.processes()
        self.process.kill()
        self.process.wait()
        _, alive = psutil.wait_procs(
            children, timeout=60
        )  # those that have just begun look for their parent when loaded
        assert not alive, f"children that outlived the supervisor: {alive}"

    def restart(self) -> None:
        """Stop and start on the same port and data."""
        self.stop()
        self.start()

    def log_tail(self, lines: int = 60) -> str:
        """The end of what it wrote to stdout and stderr."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def cli(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command line against this server as an administrator."""
        return run_cli(*arguments, stdin=stdin, variables={"ONCUE_SERVER": self.url, "ONCUE_TOKEN": ADMIN_TOKEN})

    def emit(self, *events: Mapping[str, Any]) -> dict[str, Any]:
        """Send events as one batch; returns the answer."""
        response = self.client.post(
            "/api/v1/events", json=list(events), headers={"Content-Type": "application/cloudevents-batch+json"}
        )
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, over all its pages."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            parameters = {"limit": 500, **query, **({"cursor": cursor} if cursor else {})}
            response = self.client.get(f"/api/v1/{path}", params=parameters)
            assert response.status_code == 200, response.text
            page = response.json()
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    def verify(self) -> None:
        """Assert that the journal is intact and that replay reproduces every derived event. It must not run."""
        assert self.process is None or self.process.poll() is not None, "stop it first"
        verdict = journal.verify(self.data, None)
        assert verdict.exit_code == 0, verdict
        outcome = replay.verify(self.data)
        assert outcome.exit_code == 0, outcome


def _plain_client(**options: Any) -> httpx.Client:
    """A client for plain HTTP: to load the certificates that it would trust takes as long as fifty requests."""
    return httpx.Client(trust_env=False, verify=False, **options)


def run_cli(
    *arguments: str, stdin: str = "", variables: Mapping[str, str] | None = None, timeout_s: int = 300
) -> subprocess.CompletedProcess[str]:
    """Run `oncue` with these arguments, in an environment without OnCue's variables but for those given."""
    if all(name.startswith("ONCUE_") for name in variables or ()):
        return preloaded.run(arguments, stdin, environment(variables), timeout_s)
    return subprocess.run(
        [str(ONCUE), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(variables),
        timeout=timeout_s,
        check=False,
    )
