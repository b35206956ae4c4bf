"""What breaks under a running server: its disk, its clock, its file descriptors, or one of its processes stands still.

All of it is done from outside, to the processes of one server: system calls are made to fail or to take long by strace,
the wall clock is libfaketime's, and the machine's own disk and clock are never touched.
"""

import contextlib
import itertools
import resource
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import psutil
import pytest

from oncue.store.database import reading_engine
from oncue.store.journal import Record
from oncue.store.journal_reader import JournalReader
from oncue.store.revision import FILE_NAME
from tests.receiver import Receiver
from tests.server import Server, eventually
from tests.soak.load import Load
from tests.system import must_be_root, program

MODULES: Final = {"engine": "engine_process", "front": "api.front", "worker": "runtime.worker"}
SYNCS: Final = "fdatasync,fsync"
WRITES: Final = "pwrite64,ftruncate"

MANIFESTS: Final = """\
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {{name: ledger}}
spec: {{host: 127.0.0.1, port: {port}, reason: witness}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: act}}
spec:
  inputs: {{type: object, properties: {{subject: {{type: string}}}}}}
  steps:
    - id: call
      uses: http.request
      with: {{method: PUT, url: "http://127.0.0.1:{port}/${{inputs.subject}}"}}
      retry: {{attempts: 20, initial: 1s, max_delay: 5s}}
    - id: ticket
      uses: ticket.create
      with: {{title: "Acted on ${{inputs.subject}}"}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: once}}
spec:
  inputs: {{type: object, properties: {{subject: {{type: string}}}}}}
  steps:
    - id: call
      uses: http.request
      with: {{method: POST, url: "http://127.0.0.1:{port}/once/${{inputs.subject}}"}}
      timeout: 20s
      retry: {{attempts: 10, initial: 1s, max_delay: 5s}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: act}}
spec:
  match: {{types: [org.example.soak.act]}}
  respond:
    - run: {{workflow: act, with: {{subject: "${{event.subject}}"}}}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: once}}
spec:
  match: {{types: [org.example.soak.once]}}
  respond:
    - run: {{workflow: once, with: {{subject: "${{event.subject}}"}}}}
"""
"""An event of type `.act` has an idempotent call made to the ledger, one of type `.once` a call that is made at most once."""


def process(server: Server, name: str) -> psutil.Process:
    """The engine, front or worker of a server, as it runs now."""

    def running() -> psutil.Process | None:
        for child in server.processes()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(MODULES[name] in part for part in child.cmdline()):
                    return child
        return None

    return eventually(running, within_s=30, what=f"{name} runs")


@contextlib.contextmanager
def stopped(victim: psutil.Process) -> Iterator[None]:
    """It stands still within the block."""
    victim.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        victim.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def system_calls(victim: psutil.Process, calls: str, fate: str, *paths: Path) -> Iterator[None]:
    """Within the block these system calls of a process, on these files, have a fate: `error=EIO`, `delay_exit=200000`.

    Skips the test where processes cannot be traced.
    """
    must_be_root("traces the server's processes")
    files = [part for path in paths for part in ("-P", str(path))]
    tracer = subprocess.Popen(
        [str(program("strace")), "-f", "-qq", "-o", "/dev/null", *files, "-e", f"trace={calls}",
         "-e", f"inject={calls}:{fate}", "-p", str(victim.pid)],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        eventually(lambda: tracer.poll() is not None or _traced(victim), what="the tracer has hold of every thread")
        if tracer.poll() is not None:
            assert tracer.stderr is not None
            said = tracer.stderr.read()
            if "not permitted" in said:
                pytest.skip(f"needs ptrace: {said.strip()}")
            eventually(lambda: not victim.is_running(), within_s=2, what=f"its fate met it at once, or {said!r}")
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        try:
            tracer.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            tracer.kill()
            tracer.communicate()


def _traced(victim: psutil.Process) -> bool:
    try:
        tasks = list(Path(f"/proc/{victim.pid}/task").iterdir())
        return all("\nTracerPid:\t0\n" not in (task / "status").read_text() for task in tasks)
    except FileNotFoundError:
        return False


def database(server: Server) -> list[Path]:
    """The files that the engine writes events to."""
    return [server.data / f"{FILE_NAME}{suffix}" for suffix in ("", "-wal", "-shm")]


@contextlib.contextmanager
def no_more_descriptors(victim: psutil.Process) -> Iterator[None]:
    """Within the block it can open no file and no connection, until it closes one."""
    before = victim.rlimit(resource.RLIMIT_NOFILE)
    taken = {int(path.name) for path in Path(f"/proc/{victim.pid}/fd").iterdir()}
    free = next(number for number in itertools.count() if number not in taken)
    victim.rlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        if victim.is_running():
            victim.rlimit(resource.RLIMIT_NOFILE, before)


SLEEP: Final = """\
import select
import time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
"""libfaketime 0.9.10 takes an instant of the monotonic clock, until which Python's sleep waits, for one of its own."""


class WallClock:
    """The time that a server's processes see; give `variables` to the server that shall see it."""

    def __init__(self, folder: Path) -> None:
        program("faketime")
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
        self._file = folder / "wall-clock"
        self.step(0)
        python = folder / "python"
        python.mkdir()
        (python / "sitecustomize.py").write_text(SLEEP)
        self.variables = {
            "PYTHONPATH": str(python),
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def step(self, seconds: int) -> None:
        """Let it differ by so much from the machine's; seen within a second."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self._file)


def records(server: Server) -> list[Record]:
    """The whole journal, as it is on the disk."""
    engine = reading_engine(str(server.data / FILE_NAME), 1)
    try:
        with engine.connect() as connection:
            return list(JournalReader(connection).records(1))
    finally:
        engine.dispose()


def times_journaled(server: Server) -> Counter[str]:
    """Input id -> how often it is in the journal."""
    return Counter(msgspec.json.decode(record.body)["id"] for record in records(server) if not record.derived)


def runs(server: Server, workflow: str) -> dict[str, dict[str, Any]]:
    """Subject -> run."""
    return {run["inputs"]["subject"]: run for run in server.items("runs") if run["workflow"].endswith(workflow)}


def steps(server: Server, run: dict[str, Any]) -> list[dict[str, Any]]:
    """The run's steps."""
    found: list[dict[str, Any]] = server.client.get(f"/api/v1/runs/{run['id']}").json()["steps"]
    return found


def wait_until(moment: float) -> None:
    """Return at this moment of the monotonic clock: for faults that have to last."""
    while (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))


class Site:
    """A server, a ledger outside that it acts on, and producers that never give up."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ledger = Receiver()
        self._loads = 0

    def __enter__(self) -> Self:
        self.ledger.__enter__()
        manifests = self.server.data.with_name("faults.yaml")
        manifests.write_text(MANIFESTS.format(port=self.ledger.port))
        applied = self.server.cli("apply", "-f", str(manifests))
        assert applied.returncode == 0, applied.stdout + applied.stderr
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ledger.answers.set()
        self.ledger.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def load(self) -> Iterator[Load]:
        """Producers within the block, which have been heard when it begins. When it ends, they are heard again, whatever
        happened in it; then everything acknowledged is in the journal once, and was acted on.
        """
        self._loads += 1
        with Load(self.server, threads=2, batch=10, act_every=10, name=f"load-{self._loads}-", pause_s=0.05) as load:
            heard(load)
            yield load
            heard(load)
        assert not load.surprises, load.surprises[:5]
        eventually(lambda: load.acting <= self._acted(), within_s=60, what="every acknowledged event is acted on")
        times = times_journaled(self.server)
        assert all(times[id] == 1 for id in load.acknowledged), "acknowledged, and not there once"
        assert max(times.values()) == 1

    def _acted(self) -> set[str]:
        return {path.removeprefix("/") for path in list(self.ledger.paths)}  # calls go on coming meanwhile

    def settled(self) -> None:
        """Every run has come to its end: one per event, one key per call."""
        eventually(
            lambda: not [run for run in self.server.items("runs") if run["ended_at"] is None],
            within_s=60, what="every run ends",
        )  # fmt: skip
        assert len(self.ledger.keys) == len(self.ledger.paths), "one key for each thing that is done, whatever happens"
        assert "" not in self.ledger.keys


def heard(load: Load, within_s: float = 60.0) -> None:
    """Return when some more is acknowledged."""
    before = len(load.acknowledged)
    eventually(lambda: len(load.acknowledged) > before, within_s=within_s, what="events are acknowledged")


def refused(load: Load, within_s: float = 30.0) -> None:
    """Return when a producer is told to come back later."""
    before = load.statuses.get(503, 0)
    eventually(lambda: load.statuses.get(503, 0) > before, within_s=within_s, what="events are refused")
