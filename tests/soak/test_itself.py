"""OnCue watches itself through what takes longer: a journal that fails, a disk that fills, a clock that jumps, restarts."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_itself import QUICK, apply, ended, firing, part, raised, run, watches
from tests.faults import WallClock
from tests.server import Server, eventually, free_port
from tests.system import must_be_root

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("itself")
    variables = {"ONCUE_ACTIONS_SHELL_ENABLED": "true", "ONCUE_ACTIONS_SHELL_ALLOW": "/bin/sleep"}
    with Server(directory / "data", variables=variables) as made:
        apply(made, directory, QUICK)
        eventually(lambda: watches(made), 30, "the first look")
        yield made
    made.verify()


def test_a_journal_that_cannot_be_written_is_told_when_it_can(server: Server) -> None:
    engine = part(server, "oncue.runtime.engine_process")
    limits = engine.rlimit(resource.RLIMIT_FSIZE)
    engine.rlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        eventually(lambda: httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 503, 20, "it says so")
    finally:
        if engine.is_running():
            engine.rlimit(resource.RLIMIT_FSIZE, limits)
    raised(server, "self.commit.failures")
    ended(server, "self.commit.failures")


def test_actions_that_wait_and_actions_that_were_cut_off_are_told(server: Server) -> None:
    for _ in range(33):  # a worker has 32 places
        run(server, "sleep")
    raised(server, "self.effects.overdue")
    part(server, "oncue.runtime.worker").kill()
    raised(server, "self.effects.unknown", 30)
    eventually(lambda: firing(server) == {}, 60, "all is well again")


def test_an_engine_that_does_not_stay_up_is_told(server: Server) -> None:
    for _ in range(2):
        part(server, "oncue.runtime.engine_process").kill()
        eventually(lambda: not server.ready(), 10, "it is away")
        eventually(server.ready, 30, "it is back")
    raised(server, "self.starts")
    ended(server, "self.starts", 40)


def test_a_certificate_that_runs_out_is_told_until_a_new_one_is_set(server: Server, tmp_path: Path) -> None:
    def make(days: int) -> str:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
             "-days", str(days), "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "pem")],
            check=True, capture_output=True,
        )  # fmt: skip
        return (tmp_path / "pem").read_text()

    assert server.cli("secret", "set", "tls-cert", stdin=make(5)).returncode == 0
    assert server.cli("secret", "set", "tls-key", stdin=(tmp_path / "key").read_text()).returncode == 0
    certificates = f"""
apiVersion: oncue/v1
kind: Source
metadata: {{name: secure}}
spec:
  type: syslog
  with: {{listen: "127.0.0.1:{free_port()}", protocol: tls, certificate: "secret://tls-cert", key: "secret://tls-key"}}
"""
    limit = "    - {metric: self.certificate.days, below: true, warning: 21}\n"
    apply(server, tmp_path, QUICK.replace("  thresholds:\n", "  thresholds:\n" + limit, 1) + "---" + certificates)
    raised(server, "self.certificate.days/default/tls-cert")
    assert server.cli("secret", "set", "tls-cert", stdin=make(90)).returncode == 0
    ended(server, "self.certificate.days/default/tls-cert")
    assert server.cli("delete", "Source", "secure").returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    must_be_root("mounts a small file system")
    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "oncue-test", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def test_a_disk_that_fills_is_told_while_there_is_room_to_tell_it(small_disk: Path, tmp_path: Path) -> None:
    made = Server(small_disk / "data")
    made.log = tmp_path / "server.log"
    with made:
        apply(made, tmp_path, QUICK.replace("warning: 1000}", "warning: 20971520, critical: 1000}"))
        eventually(lambda: watches(made), 20)
        assert firing(made) == {}
        (small_disk / "ballast").write_bytes(b"\0" * (45 * 1024**2))
        raised(made, "self.disk.free")
        (small_disk / "ballast").unlink()
        ended(made, "self.disk.free")
    made.verify()


def test_a_clock_that_jumps_is_told(make_server: Callable[..., Server], tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    made = make_server(variables=clock.variables)
    made.start()
    limit = "    - {metric: self.clock.step, warning: 5}\n"
    apply(made, tmp_path, QUICK.replace("  thresholds:\n", "  thresholds:\n" + limit, 1))
    eventually(lambda: watches(made), 30)
    assert firing(made) == {}
    clock.step(40)
    raised(made, "self.clock.step")
    ended(made, "self.clock.step")
    assert made.ready()
