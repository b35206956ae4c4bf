"""Syslog from real senders into a real server: logger, and rsyslog as a forwarder over TCP and TLS."""

import re
import socket
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.certificates import certify
from tests.server import ROOT, Server, eventually, free_port
from tests.system import install, must_be_root, program


def source(name: str, port: int, **settings: Any) -> str:
    given = {"listen": f"127.0.0.1:{port}", **settings}
    return (
        f"apiVersion: oncue/v1\nkind: Source\nmetadata: {{name: {name}}}\nspec:\n  type: syslog\n  with:\n"
        + "".join(f"    {key}: {value!r}\n" for key, value in given.items())
        + "---\n"
    )


def apply(server: Server, home: Path, *manifests: str) -> None:
    path = home / "sources.yaml"
    path.write_text("".join(manifests))
    done = server.cli("apply", "-f", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def view(server: Server, name: str) -> dict[str, Any]:
    return next(one for one in server.items("sources") if one["name"] == name)


def state(server: Server, name: str) -> str | None:
    listening = view(server, name)["listening"]
    return listening and listening["state"]


def heard(server: Server, name: str, count: int) -> list[dict[str, Any]]:
    """The messages of a source, oldest first, once there are so many."""

    def enough() -> list[dict[str, Any]] | None:
        found = [one for one in server.items("events") if one["origin"] == name and not one["derived"]]
        return found[::-1] if len(found) >= count else None

    return eventually(enough, what=f"{count} messages at {name}")


def logger(*arguments: str) -> None:
    subprocess.run([program("logger"), "-n", "127.0.0.1", *arguments], check=True, timeout=20)


class Ports:
    """Where the sources of this module listen."""

    def __init__(self) -> None:
        self.udp, self.tcp, self.tls = free_port(), free_port(), free_port()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("syslog")


@pytest.fixture(scope="module")
def authority(home: Path) -> Path:
    """The certificate of an authority; beside it that of the server, with its key."""
    certify(home, "ca", "server", "oncue.example.org")
    return home / "ca.pem"


@pytest.fixture(scope="module")
def ports(oncue_server: Server, home: Path, authority: Path) -> Ports:
    """Three sources that listen."""
    ports = Ports()
    for name in ("server.pem", "server.key"):
        done = oncue_server.cli("secret", "set", name, stdin=(home / name).read_text())
        assert done.returncode == 0, done.stderr
    tls = {"protocol": "tls", "certificate": "secret://server.pem", "key": "secret://server.key"}
    apply(
        oncue_server,
        home,
        source("udp", ports.udp),
        source("tcp", ports.tcp, protocol="tcp", alert_from="major"),
        source("tls", ports.tls, **tls),
    )
    for name in ("udp", "tcp", "tls"):
        eventually(lambda name=name: state(oncue_server, name) == "listening", what=f"the socket of {name}")
    return ports


@pytest.fixture
def rsyslog(home: Path) -> Iterator[Callable[[str], int]]:
    """Starts a real rsyslog that forwards, by these lines of its configuration, what comes at the UDP port returned."""
    running: list[subprocess.Popen[bytes]] = []

    def start(lines: str) -> int:
        port = free_port()
        config = home / f"rsyslog-{port}.conf"
        config.write_text(
            textwrap.dedent(f"""
                global(workDirectory="{home}" maxMessageSize="64k")
                module(load="imudp")
                input(type="imudp" address="127.0.0.1" port="{port}")
            """)
            + lines
        )
        with (home / f"rsyslog-{port}.log").open("wb") as log:
            command = [program("rsyslogd"), "-n", "-f", str(config), "-i", str(home / f"rsyslog-{port}.pid")]
            running.append(subprocess.Popen(command, stdout=log, stderr=log))
        return port

    yield start
    for process in running:
        process.terminate()
    for process in running:
        process.wait(20)


def test_logger_over_udp_in_both_formats(oncue_server: Server, ports: Ports) -> None:
    logger("-d", "-P", str(ports.udp), "--rfc5424", "-t", "job", "--msgid", "M1", "five thousand")
    logger("-d", "-P", str(ports.udp), "--rfc3164", "-t", "job", "-p", "local3.err", "three thousand")
    found = {one["event"]["data"]["format"]: one for one in heard(oncue_server, "udp", 2)}
    assert found["rfc5424"]["event"]["check"] == "job/M1"
    assert found["rfc5424"]["event"]["data"]["message"] == "five thousand"
    assert found["rfc3164"]["event"]["data"]["facility"] == "local3"
    assert {one["resource"] for one in found.values()} == {socket.gethostname().partition(".")[0]}
    assert all(one["severity"] is None and one["type"] == "syslog.message" for one in found.values())
    assert all("faults" not in one["event"]["data"] for one in found.values())
    eventually(lambda: view(oncue_server, "udp")["accepted"] == 2, what="the count")


def test_logger_over_tcp_in_both_framings_fires_alerts_where_asked(oncue_server: Server, ports: Ports) -> None:
    logger("-T", "-P", str(ports.tcp), "--octet-count", "-t", "backup", "-p", "daemon.err", "Backup 17 failed")
    logger("-T", "-P", str(ports.tcp), "--rfc3164", "-t", "backup", "-p", "daemon.err", "Backup 18 failed")
    logger("-T", "-P", str(ports.tcp), "--octet-count", "-t", "backup", "-p", "daemon.notice", "Backup 19 is well")
    heard(oncue_server, "tcp", 3)
    (alert,) = [one for one in oncue_server.items("alerts", state="firing") if one["check"] == "backup"]
    assert (alert["severity"], alert["count"], alert["labels"]["facility"]) == ("major", 2, "daemon")
    assert view(oncue_server, "tcp")["rejected"] == 0


def test_rsyslog_forwards_with_octet_counting(
    oncue_server: Server, ports: Ports, rsyslog: Callable[[str], int]
) -> None:
    before = len(heard(oncue_server, "tcp", 0))
    port = rsyslog(on_the_page(0).replace('port="5514"', f'port="{ports.tcp}"'))
    texts = sent_to(port, [f"message {number} of rsyslog" for number in range(200)])
    found = heard(oncue_server, "tcp", before + 200)[before:]
    assert [one["event"]["data"]["message"] for one in found] == texts
    assert {one["event"]["data"]["format"] for one in found} == {"rfc5424"}


def test_rsyslog_forwards_over_tls(
    oncue_server: Server, ports: Ports, rsyslog: Callable[[str], int], authority: Path
) -> None:
    needs_tls_of_rsyslog()
    lines = on_the_page(1).replace("/etc/ssl/oncue-ca.pem", str(authority))
    port = rsyslog(lines.replace('port="6514"', f'port="{ports.tls}"'))
    texts = sent_to(port, [f"secret message {number}" for number in range(50)])
    assert [one["event"]["data"]["message"] for one in heard(oncue_server, "tls", 50)] == texts


def on_the_page(number: int) -> str:
    """rsyslog's lines as the page on syslog has them, sent to this machine."""
    page = (ROOT / "docs" / "how-to" / "sources" / "syslog.md").read_text()
    block: str = re.findall(r"```rsyslog\n(.*?)```", page, re.DOTALL)[number]
    assert 'target="oncue.example.org"' in block
    return block.replace('target="oncue.example.org"', 'target="127.0.0.1"')


def needs_tls_of_rsyslog() -> None:
    """Its driver for TLS is a package of its own."""
    program("rsyslogd")
    if not any(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
        must_be_root("installs rsyslog-gnutls")
        install("rsyslog-gnutls")


def sent_to(port: int, texts: list[str]) -> list[str]:
    """Send to rsyslog, once it listens."""

    def listens() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return True
        return False

    eventually(listens, what="rsyslog")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for text in texts:
            sender.sendto(f"<30>Oct 11 22:14:15 web-1 app[7]: {text}".encode(), ("127.0.0.1", port))
    return texts


def test_a_stream_in_the_clear_is_no_tls(oncue_server: Server, ports: Ports) -> None:
    before = view(oncue_server, "tls")["accepted"]
    with socket.create_connection(("127.0.0.1", ports.tls)) as sender:
        sender.sendall(b"5 <13>x")
        sender.settimeout(20)
        try:
            while sender.recv(1_000):
                pass
        except ConnectionResetError:
            pass
    assert view(oncue_server, "tls")["accepted"] == before
    assert state(oncue_server, "tls") == "listening"


def test_an_address_in_use_is_shown_and_taken_when_it_is_free(oncue_server: Server, ports: Ports, home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        apply(oncue_server, home, source("late", port, protocol="tcp"))
        eventually(lambda: state(oncue_server, "late") == "failing", what="the failure")
        listening = view(oncue_server, "late")["listening"]
        assert "in use" in listening["detail"]
        told = oncue_server.cli("get", "source", "late").stdout
        assert "failing" in told and "in use" in told
        assert 'oncue_source_up{namespace="default",source="late"} 0.0' in oncue_server.client.get("/metrics").text
    eventually(lambda: state(oncue_server, "late") == "listening", what="the socket")
    said = [one["event"]["data"]["state"] for one in oncue_server.items("events", type="oncue.source.health")
            if one["event"]["data"]["source"] == "default/late"]  # fmt: skip
    assert said == ["listening", "failing"]


def test_a_changed_source_moves_and_a_deleted_one_is_deaf(oncue_server: Server, ports: Ports, home: Path) -> None:
    first, second = free_port(), free_port()
    apply(oncue_server, home, source("moving", first, protocol="tcp"))
    eventually(lambda: accepts(first), what="the first port")
    apply(oncue_server, home, source("moving", second, protocol="tcp"))
    eventually(lambda: accepts(second) and not accepts(first), what="the second port")
    done = oncue_server.cli("delete", "source", "moving")
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(lambda: not accepts(second), what="silence")


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_what_has_arrived_is_committed_when_the_server_stops_in_order(fresh_server: Server, home: Path) -> None:
    port = free_port()
    apply(fresh_server, home, source("tcp", port, protocol="tcp"))
    eventually(lambda: state(fresh_server, "tcp") == "listening", what="the socket")
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(b"".join(b"<14>Oct 11 22:14:15 web-1 app: %d\n" % number for number in range(3_000)))
        sender.shutdown(socket.SHUT_WR)
        assert sender.recv(1) == b""  # the worker has read it all
    fresh_server.restart()
    found = heard(fresh_server, "tcp", 3_000)
    assert [int(one["event"]["data"]["message"]) for one in found] == list(range(3_000))
    eventually(lambda: accepts(port), what="the socket after the restart")


def test_a_stream_outlives_an_engine_that_is_killed(fresh_server: Server, home: Path) -> None:
    port = free_port()
    apply(fresh_server, home, source("tcp", port, protocol="tcp"))
    eventually(lambda: state(fresh_server, "tcp") == "listening", what="the socket")
    with socket.create_connection(("127.0.0.1", port)) as sender:
        for number in range(4_000):
            sender.sendall(b"<14>Oct 11 22:14:15 web-1 app: %d\n" % number)
            if number == 1_000:
                process_of(fresh_server, "engine").kill()
        found = heard(fresh_server, "tcp", 4_000)
    assert [int(one["event"]["data"]["message"]) for one in found] == list(range(4_000))


def test_a_worker_that_is_killed_listens_again(fresh_server: Server, home: Path) -> None:
    port = free_port()
    apply(fresh_server, home, source("tcp", port, protocol="tcp"))
    eventually(lambda: accepts(port), what="the socket")
    worker = process_of(fresh_server, "worker")
    worker.kill()
    worker.wait(10)
    eventually(lambda: accepts(port), what="the socket of the next worker")
    logger("-T", "-P", str(port), "--octet-count", "-t", "job", "after the kill")
    (one,) = heard(fresh_server, "tcp", 1)
    assert one["event"]["data"]["message"] == "after the kill"


def process_of(server: Server, part: str) -> psutil.Process:
    return next(one for one in server.processes() if any(part in word for word in one.cmdline()[1:4]))
