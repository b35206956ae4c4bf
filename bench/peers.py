"""What is measured against each other: OnCue, and Debian's Alertmanager, each started fresh."""

import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from tests.server import Server, eventually, free_port
from tests.system import program


class Alertmanager:
    """Debian's prometheus-alertmanager with one receiver that does nothing."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        configuration = directory / "alertmanager.yml"
        configuration.write_text("route: {receiver: none, group_by: [alertname]}\nreceivers: [{name: none}]\n")
        self.process = subprocess.Popen(
            [
                str(program("prometheus-alertmanager")),
                f"--config.file={configuration}",
                f"--storage.path={directory / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._ready, what="Alertmanager is ready")

    def _ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def version(self) -> str:
        """As its API tells."""
        status = httpx.get(f"http://127.0.0.1:{self.port}/api/v2/status", trust_env=False).json()
        return str(status["versionInfo"]["version"])


@contextmanager
def alertmanager() -> Iterator[Alertmanager]:
    """A fresh Alertmanager for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as directory:
        peer = Alertmanager(Path(directory))
        try:
            yield peer
        finally:
            peer.process.terminate()
            peer.process.wait(30)


@contextmanager
def oncue(
    policies: int = 0, manifests: str = "", keep: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A fresh OnCue with so many policies applied, and these variables set, that is verified after the block."""
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as directory:
        data = keep or Path(directory) / "data"
        with Server(data, variables=variables) as server:
            for first in range(0, policies, 1_000):
                numbers = range(first, min(policies, first + 1_000))
                apply(server, "\n---\n".join(policy(number, policies) for number in numbers))
            if manifests:
                apply(server, manifests)
            yield server
        server.verify()


def apply(server: Server, text: str) -> None:
    """Apply manifests with the command line. Fails with what it printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        done = server.cli("apply", "-f", file.name)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def policy(number: int, of: int) -> str:
    """One of `of` policies as they come: by type, label and expression. Two match each event of the load."""
    return f"""\
apiVersion: oncue/v1
kind: Policy
metadata: {{name: bench-{number}}}
spec:
  match:
    types: [org.example.bench.kind{number % (of // 2)}]
    labels: {{team: team-{number % 5}}}
    where: event.severity == 'major' && event.resource.startsWith('host-')
  alert: {{labels: {{shaped: "{number}"}}}}
"""


def memory(server: Server) -> int:
    """Resident bytes of the engine's process."""
    for process in server.processes():
        if any("engine" in part for part in process.cmdline()):
            return int(process.memory_info().rss)
    raise AssertionError("no engine process")


def settled(server: Server, seconds: float = 1.0) -> None:
    """Return once all processes of the server have been nearly idle for so long."""
    quiet_since = time.monotonic()
    deadline = quiet_since + 60
    processes = server.processes()
    for process in processes:
        _busy(process)
    while time.monotonic() < deadline:
        time.sleep(0.25)
        if sum(map(_busy, processes)) > 10.0:
            quiet_since = time.monotonic()
        if time.monotonic() - quiet_since > seconds:
            return


def _busy(process: psutil.Process) -> float:
    """Percent of a processor since it was asked before; none if it has ended, as a snapshot's process does."""
    try:
        return float(process.cpu_percent())
    except psutil.NoSuchProcess:
        return 0.0
