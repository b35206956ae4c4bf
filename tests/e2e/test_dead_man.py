"""The dead-man ping against a real receiver: it comes while the whole loop works, and only then."""

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.receiver import Receiver
from tests.server import Server, eventually

ALLOW = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: receiver}
spec: {host: 127.0.0.1}
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def part(server: Server, module: str) -> psutil.Process:
    """The process of the server that runs this module."""
    return next(one for one in server.processes() if module in " ".join(one.cmdline()))


def allow(server: Server, tmp_path: Path) -> None:
    (tmp_path / "allow.yaml").write_text(ALLOW)
    done = server.cli("apply", "-f", str(tmp_path / "allow.yaml"))
    assert done.returncode == 0, done.stderr


def came(receiver: Receiver, method: str, path: str) -> Callable[[], bool]:
    """Whether such a request comes from now on."""
    begun = time.monotonic()
    return lambda: any((one.method, one.path) == (method, path) for one in receiver.since(begun))


def ping(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get("/readyz").json().get("dead_man", {})
    return found


def outside(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get("/api/v1/itself").json()["outside"]
    return found


def test_pings_stop_with_the_worker_and_the_journal_and_come_back(
    make_server: Callable[..., Server], receiver: Receiver, tmp_path: Path
) -> None:
    server = make_server(
        variables={"ONCUE_DEAD_MAN_URL": f"{receiver.url}/ping/0f1e2d3c-key", "ONCUE_DEAD_MAN_EVERY_S": "1"}
    )
    server.start()
    refused = eventually(lambda: (ping(server).get("well") and doctor_line(server)) or None, 20, "a proof")
    assert receiver.requests == [], "an address of the own network is closed until it is allowed"
    assert "outbound.refused" in refused and "0f1e2d3c" not in refused
    allow(server, tmp_path)
    well, failed = ("GET", "/ping/0f1e2d3c-key"), ("POST", "/ping/0f1e2d3c-key/fail")
    eventually(came(receiver, *well), 30, "the first ping")
    eventually(lambda: ping(server)["last_success_at"], 10, "it is written down")
    metrics = server.client.get("/metrics").text
    assert "oncue_dead_man_well 1.0" in metrics
    assert outside(server)["state"] == "ok" and "0f1e2d3c" not in str(outside(server))

    # the worker stands still: silence
    worker = part(server, "oncue.runtime.worker")
    worker.suspend()
    try:
        silent_from = time.monotonic()
        time.sleep(3.5)
        assert receiver.since(silent_from + 1.0) == []
    finally:
        worker.resume()
    eventually(came(receiver, *well), 20, "it comes back with the worker")

    # the worker dies: its successor pings
    worker.kill()
    eventually(came(receiver, *well), 30, "the next worker pings")

    # the journal cannot be written: failure is said, with the reason, and no well-being
    engine = part(server, "oncue.runtime.engine_process")
    limits = engine.rlimit(resource.RLIMIT_FSIZE)
    engine.rlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    begun = time.monotonic()
    try:
        eventually(came(receiver, *failed), 30, "failure is said")
        said = receiver.since(begun)
        first = next(one for one in said if one.method == "POST")
        assert b"store.unavailable" in first.body or b"503" in first.body
        later = time.monotonic()
        eventually(lambda: len(receiver.since(later)) >= 2, 10, "more of it")
        assert {one.method for one in receiver.since(later)} == {"POST"}
    finally:
        if engine.is_running():
            engine.rlimit(resource.RLIMIT_FSIZE, limits)
    eventually(came(receiver, *well), 60, "it comes back with the journal")

    # the service outside refuses: that is seen here
    receiver.status = 503
    eventually(lambda: "http.status" in doctor_line(server), 20, "its refusal is told")
    assert outside(server)["state"] == "fail" and outside(server)["hint"]
    receiver.status = 200
    eventually(lambda: "http.status" not in doctor_line(server), 30, "and forgotten")


def doctor_line(server: Server) -> str:
    """What is written down about the ping."""
    try:
        return (server.data / "dead-man.json").read_text()
    except FileNotFoundError:
        return ""
