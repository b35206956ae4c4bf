"""The disk fills up, or refuses to be written: no lie, reads go on, and it recovers without a restart."""

import random
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.server import Server, event, eventually
from tests.system import must_be_root

pytestmark = pytest.mark.soak

MEBIBYTE = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    must_be_root("mounts a small file system")
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "oncue-soak", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def send(server: Server, first: int, data: str = "") -> httpx.Response:
    """One batch of 50 events with ids of their own."""
    members = [
        event(id=f"event-{number}", type="org.example.full", resource=f"host-{number % 50}", data={"noise": data})
        for number in range(first, first + 50)
    ]
    return server.client.post(
        "/api/v1/events", json=members, headers={"Content-Type": "application/cloudevents-batch+json"}
    )


def assert_refused_for_now(response: httpx.Response) -> None:
    assert response.status_code == 503, response.text
    assert response.json()["code"] in {"store.unavailable", "engine.unavailable"}
    assert int(response.headers["retry-after"]) >= 1


def test_a_full_disk_refuses_writes_serves_reads_and_recovers(small_disk: Path) -> None:
    log = small_disk.parent / "server.log"
    server = Server(small_disk / "data")
    server.log = log
    with server:
        assert send(server, 0).status_code == 200
        acknowledged = 50
        ballast = small_disk / "ballast"
        free = psutil.disk_usage(str(small_disk)).free
        with ballast.open("wb") as file:
            file.write(b"\0" * max(0, free - 2 * MEBIBYTE))
        chance = random.Random(1)
        refused: httpx.Response | None = None
        for _ in range(2_000):
            response = send(server, acknowledged, data=chance.randbytes(400).hex())
            if response.status_code != 200:
                refused = response
                break
            acknowledged += 50
        assert refused is not None, "the disk never filled up"
        assert_refused_for_now(refused)
        assert_refused_for_now(send(server, acknowledged, data="x" * 1_000))
        assert len(server.items("alerts")) == 50, "reads go on"
        assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
        process = server.process
        ballast.unlink()
        eventually(lambda: send(server, acknowledged).status_code == 200, within_s=60, what="it takes events again")
        assert server.process is process
        listed = [item["id"] for item in server.items("events", type="org.example.full")]
        assert sorted(listed) == sorted({f"event-{number}" for number in range(acknowledged + 50)})
    server.verify()


def test_writes_that_fail_are_refused_and_it_recovers(fresh_server: Server) -> None:
    assert send(fresh_server, 0).status_code == 200
    engine = next(p for p in fresh_server.processes() if any("engine" in part for part in p.cmdline()))
    limits = engine.rlimit(resource.RLIMIT_FSIZE)
    engine.rlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))  # every write beyond the first KiB of a file fails
    assert_refused_for_now(send(fresh_server, 50))
    assert len(fresh_server.items("alerts")) == 50, "reads go on"
    if engine.is_running():
        engine.rlimit(resource.RLIMIT_FSIZE, limits)
    eventually(lambda: send(fresh_server, 50).status_code == 200, within_s=60, what="it takes events again")
    listed = [item["id"] for item in fresh_server.items("events", type="org.example.full")]
    assert sorted(listed) == sorted({f"event-{number}" for number in range(100)})
