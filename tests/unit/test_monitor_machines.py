"""`icmp`, `ssh` and `unit`: real echo requests, a real OpenSSH server, real processes."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from oncue.plugins.monitors import icmp
from oncue.plugins.monitors.unit import State, Unit, changes, read
from oncue.sdk import ActionError, Allow
from tests import sshd
from tests.monitors import code, probe, value
from tests.sshd import Sshd


def may_ping() -> bool:
    try:
        icmp._socket("127.0.0.1")[0].close()
    except ActionError:
        return False
    return True


@pytest.mark.skipif(not may_ping(), reason="needs a ping socket: net.ipv4.ping_group_range or CAP_NET_RAW")
async def test_icmp_reckons_loss_and_round_trips(tmp_path: Path) -> None:
    found = await probe("icmp", {"host": "127.0.0.1", "count": 5, "interval_s": 0.01}, tmp_path)
    assert code(found) is None
    assert (value(found, "icmp.up"), value(found, "icmp.loss")) == (1, 0)
    assert 0 < value(found, "icmp.rtt") <= value(found, "icmp.rtt_max") < 1000


@pytest.mark.skipif(not may_ping(), reason="needs a ping socket: net.ipv4.ping_group_range or CAP_NET_RAW")
async def test_icmp_finds_a_host_that_does_not_answer(tmp_path: Path) -> None:
    nobody = "198.18.255.254"
    found = await probe("icmp", {"host": nobody, "count": 1}, tmp_path, allows=(Allow(nobody),), timeout_s=0.5)
    assert code(found) in ("icmp.silent", "icmp.unreachable", "icmp.refused")
    assert value(found, "icmp.up") == 0


async def test_icmp_asks_no_host_that_is_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match=r"outbound\.refused"):
        await probe("icmp", {"host": "127.0.0.1"}, tmp_path, allows=())


async def test_icmp_says_what_it_needs_if_it_may_not_ping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(icmp.socket, "socket", refuse)
    with pytest.raises(ActionError, match=r"monitor\.needs.*ping_group_range.*CAP_NET_RAW"):
        icmp._socket("127.0.0.1")


def test_icmp_checksum_and_answers() -> None:
    token = b"t" * 16
    asked = icmp.request(3, token, False)
    assert icmp._checksum(asked) == 0
    answer = b"\0" + asked[1:]
    assert icmp.answered(answer, False, False, token) == 3
    assert icmp.answered(b"\x45" + b"\0" * 19 + answer, True, False, token) == 3
    assert icmp.answered(answer, False, False, b"u" * 16) is None
    assert icmp.answered(asked, False, False, token) is None
    assert icmp.answered(b"", True, False, token) is None


@pytest.fixture(scope="module")
def ssh() -> Iterator[Sshd]:
    with sshd.running() as found:
        yield found


@pytest.mark.parametrize(
    ("command", "settings", "expected"),
    [
        ("true", {}, None),
        ("echo broken >&2; exit 3", {}, "ssh.exit"),
        ("exit 3", {"expect": [3]}, None),
        ("kill -9 $$", {}, "ssh.exit"),
        ("yes | head -c 3000000", {}, None),
    ],
)
async def test_ssh_judges_a_command_by_its_exit_code(
    ssh: Sshd, tmp_path: Path, command: str, settings: dict[str, Any], expected: str | None
) -> None:
    found = await probe("ssh", ssh.login(command=command, **settings), tmp_path, secrets={"key": ssh.key})
    assert code(found) == expected
    assert value(found, "ssh.up") == (0 if expected else 1)
    if "broken" in command:
        assert found.fault is not None
        assert found.fault.detail == "broken"


@pytest.mark.parametrize(
    ("command", "settings", "expected"),
    [
        ("echo 42", {}, 42.0),
        ("echo load: -1.5e2 of 7", {}, -150.0),
        ("echo used=7 free=8.25", {"pattern": r"free=([0-9.]+)"}, 8.25),
    ],
)
async def test_ssh_takes_the_number_that_a_command_prints(
    ssh: Sshd, tmp_path: Path, command: str, settings: dict[str, Any], expected: float
) -> None:
    found = await probe("ssh", ssh.login(command=command, number=True, **settings), tmp_path, secrets={"key": ssh.key})
    assert value(found, "ssh.value") == expected


async def test_ssh_sends_nothing_to_a_host_with_another_key(ssh: Sshd, tmp_path: Path) -> None:
    other, wrong = sshd.keypair(tmp_path, "other")
    mark = tmp_path / "ran"
    settings = ssh.login(command=f"touch {mark}", known_hosts=[wrong])
    assert code(await probe("ssh", settings, tmp_path, secrets={"key": ssh.key})) == "ssh.host_key"
    assert not mark.exists()
    with pytest.raises(ActionError, match=r"ssh\.credentials"):
        await probe("ssh", ssh.login(command="true"), tmp_path, secrets={"key": other})


@pytest.mark.parametrize(
    ("settings", "key", "expected"),
    [
        ({"known_hosts": ["nonsense"]}, None, "ssh.key"),
        ({}, "nonsense", "ssh.key"),
        ({"key": None}, None, "inputs.invalid"),
        ({"pattern": "[0-9]+"}, None, "inputs.invalid"),
        ({"command": "echo none", "number": True}, None, "ssh.no_number"),
    ],
)
async def test_ssh_says_what_is_wrong_with_its_settings(
    ssh: Sshd, tmp_path: Path, settings: dict[str, Any], key: str | None, expected: str
) -> None:
    with pytest.raises(ActionError) as raised:
        await probe("ssh", {**ssh.login(command="true"), **settings}, tmp_path, secrets={"key": key or ssh.key})
    assert raised.value.code == expected


async def test_ssh_finds_a_host_that_takes_too_long_and_one_that_is_gone(ssh: Sshd, tmp_path: Path) -> None:
    gone = {**ssh.login(command="true"), "port": 9}
    assert code(await probe("ssh", gone, tmp_path, secrets={"key": ssh.key})) == "ssh.refused"


SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


def start(pidfile: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(SLEEP, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    pidfile.write_text(f"{process.pid}\n")
    return process


async def test_unit_tells_that_a_service_was_stopped_and_started_from_outside(tmp_path: Path) -> None:
    monitor, pidfile = Unit(), tmp_path / "shop.pid"
    settings = {"name": "shop", "pidfile": str(pidfile)}
    first = start(pidfile)
    found = await probe(monitor, settings, tmp_path)
    assert (code(found), found.happenings) == (None, [])
    assert value(found, "unit.memory") > 0
    first.kill()
    first.communicate()
    found = await probe(monitor, settings, tmp_path)
    assert code(found) == "unit.down"
    assert [one.title for one in found.happenings] == ["shop was stopped"]
    second = start(pidfile)
    found = await probe(monitor, settings, tmp_path)
    assert [one.title for one in found.happenings] == ["shop was started"]
    second.kill()
    second.communicate()
    third = start(pidfile)
    try:
        found = await probe(monitor, settings, tmp_path)
        assert code(found) is None
        assert [(one.type, one.data["change"]) for one in found.happenings] == [("unit.changed", "restarted")]
        assert (found.happenings[0].data["pid_before"], found.happenings[0].data["pid"]) == (second.pid, third.pid)
        assert (await probe(monitor, settings, tmp_path)).happenings == []
    finally:
        third.kill()
        third.communicate()


async def test_unit_finds_a_process_by_its_name(tmp_path: Path) -> None:
    own = Path("/proc/self/comm").read_text().strip()
    assert code(await probe("unit", {"name": "x", "process": own}, tmp_path)) is None
    assert code(await probe("unit", {"name": "x", "process": "no-such-program"}, tmp_path)) == "unit.down"


async def test_unit_says_what_it_needs(tmp_path: Path) -> None:
    if not Path("/run/systemd/system").is_dir():
        with pytest.raises(ActionError, match=r"monitor\.needs.*pidfile or process"):
            await probe("unit", {"name": "nginx.service"}, tmp_path)
    with pytest.raises(ActionError, match=r"monitor\.needs"):
        await probe("unit", {"name": "nginx.service", "manager": "process"}, tmp_path)
    (tmp_path / "bad.pid").write_text("pid")
    with pytest.raises(ActionError, match=r"unit\.pidfile"):
        await probe("unit", {"name": "x", "pidfile": f"{tmp_path}/bad.pid"}, tmp_path)


SHOWN = """LoadState=loaded
ActiveState=active
SubState=running
Result=success
MainPID=812
NRestarts=3
MemoryCurrent=18446744073709551615
InvocationID=0f3a
ActiveEnterTimestamp=@1767225600
"""


def test_unit_reads_what_systemctl_shows() -> None:
    assert read("x.service", SHOWN) == State(
        active=True, said="active (running)", identity="0f3a", pid=812, restarts=3, memory=None, started=1767225600
    )
    failed = SHOWN.replace("=active", "=failed").replace("running", "failed").replace("success", "exit-code")
    assert (read("x", failed).active, read("x", failed).said) == (False, "failed (failed, exit-code)")
    with pytest.raises(ActionError, match=r"unit\.unknown"):
        read("x", "LoadState=not-found\nActiveState=inactive\n")
    restarted = msgspec.structs.replace(read("x", SHOWN), identity="1b2c")
    assert [one.data["change"] for one in changes("x", read("x", SHOWN), restarted)] == ["restarted"]
