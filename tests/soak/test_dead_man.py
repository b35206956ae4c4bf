"""The dead-man ping through faults that last: a full disk, a front or an engine that stands still."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.test_dead_man import allow, came, doctor_line, part
from tests.receiver import Receiver
from tests.server import Server, event, eventually
from tests.system import must_be_root

pytestmark = pytest.mark.soak


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def test_a_front_that_stands_still_stops_the_ping(
    make_server: Callable[..., Server], receiver: Receiver, tmp_path: Path
) -> None:
    server = make_server(variables={"ONCUE_DEAD_MAN_URL": f"{receiver.url}/ping/key", "ONCUE_DEAD_MAN_EVERY_S": "1"})
    server.start()
    allow(server, tmp_path)
    eventually(came(receiver, "GET", "/ping/key"), 30, "the first ping")
    front = part(server, "oncue.api.front")
    front.suspend()
    try:
        eventually(came(receiver, "POST", "/ping/key/fail"), 40, "failure is said")
    finally:
        front.resume()
    eventually(came(receiver, "GET", "/ping/key"), 30, "it comes back with the front")


def test_the_address_may_be_a_secret_and_says_down_as_its_service_wants_it(
    make_server: Callable[..., Server], receiver: Receiver, tmp_path: Path
) -> None:
    server = make_server(variables={"ONCUE_DEAD_MAN_URL": "secret://kuma", "ONCUE_DEAD_MAN_EVERY_S": "1"})
    server.start()
    eventually(lambda: "secret.not_found" in doctor_line(server), 20, "the missing secret is told")
    allow(server, tmp_path)
    done = server.cli("secret", "set", "kuma", stdin=f"{receiver.url}/api/push/T0kenOfKuma?status=up&msg=OK&ping=")
    assert done.returncode == 0, done.stderr
    eventually(came(receiver, "GET", "/api/push/T0kenOfKuma?status=up&msg=OK"), 30, "the ping")
    engine = part(server, "oncue.runtime.engine_process")
    engine.send_signal(signal.SIGSTOP)
    try:
        begun = time.monotonic()
        eventually(lambda: any("status=down" in one.path for one in receiver.since(begun)), 60, "down is said")
    finally:
        engine.send_signal(signal.SIGCONT)
    eventually(came(receiver, "GET", "/api/push/T0kenOfKuma?status=up&msg=OK"), 30, "and up again")
    assert "T0kenOfKuma" not in server.log.read_text() + doctor_line(server)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    must_be_root("mounts a small file system")
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "oncue-test", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def refuses(server: Server) -> bool:
    """Whether a batch of events is refused as it cannot be written."""
    batch = [event(data={"noise": os.urandom(2_000).hex()}) for _ in range(50)]
    content = {"Content-Type": "application/cloudevents-batch+json"}
    return server.client.post("/api/v1/events", json=batch, headers=content).status_code == 503


def test_a_full_disk_stops_the_ping_and_room_brings_it_back(
    small_disk: Path, receiver: Receiver, tmp_path: Path
) -> None:
    server = Server(
        small_disk / "data",
        variables={"ONCUE_DEAD_MAN_URL": f"{receiver.url}/ping/key-of-check", "ONCUE_DEAD_MAN_EVERY_S": "1"},
    )
    server.log = tmp_path / "server.log"
    with server:
        allow(server, tmp_path)
        eventually(came(receiver, "GET", "/ping/key-of-check"), 30, "the first ping")
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        failed = came(receiver, "POST", "/ping/key-of-check/fail")
        eventually(lambda: refuses(server), 60, "no room is left even where the log of writes had some")
        eventually(failed, 60, "failure is said")

        def again_and_again() -> bool:  # a small proof may fit where the load did not, a few times
            newest = receiver.since(time.monotonic() - 5)
            return len(newest) >= 2 and {one.method for one in newest} == {"POST"}

        eventually(again_and_again, 60, "failure is said again and again, and nothing else")
        ballast.unlink()
        eventually(came(receiver, "GET", "/ping/key-of-check"), 60, "it comes back")
    server.verify()
