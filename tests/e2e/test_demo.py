"""`oncue demo threshold` on a real server: what it did is seen from outside, and what it says is true."""

import email
import email.policy
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage

import psutil
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.server import ADMIN_TOKEN, ONCUE, Server, environment, free_port, run_cli


class Sink:
    """A real SMTP server that keeps the bytes of every mail; or refuses all of them."""

    def __init__(self) -> None:
        self.mail: list[tuple[list[str], bytes]] = []
        self.refuses = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuses:
            return "554 No mail here"
        assert isinstance(envelope.content, bytes)
        self.mail.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    handler, port = Sink(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo") / "data") as running:
        yield running
    running.verify()


def parsed(content: bytes) -> EmailMessage:
    found = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def manifests(server: Server) -> list[str]:
    kinds = ("Monitor", "SAPSystem", "Policy", "Workflow", "Service", "Team", "Channel", "OutboundAllow")
    return [one["id"] for kind in kinds for one in server.items(f"manifests/{kind}") if one["namespace"] == "demo"]


def test_the_story_of_a_threshold_is_told_and_its_mail_arrives_at_the_smtp_server(
    server: Server, sink: tuple[Sink, int]
) -> None:
    handler, port = sink
    done = server.cli("demo", "threshold", "--smtp", f"127.0.0.1:{port}", "--to", "basis-1@example.com")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seen from outside" in done.stdout

    assert [recipients for recipients, _ in handler.mail] == [["basis-1@example.com"]] * 2
    first, last = (parsed(content) for _, content in handler.mail)
    incident = re.search(r"\((INC-\d+)\)$", first["Subject"])
    assert incident is not None
    assert f"({incident[1]})" in last["Subject"] and last["Subject"].startswith("[Resolved]")
    body = first.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    value = re.search(r"sap\.dialog\.response_time: (\d+) ms \(limit 2000 ms, by \+(\d+) ms\)", text)
    assert value is not None, text
    assert int(value[1]) - 2000 == int(value[2]) > 0
    assert re.search(r"Since: +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", text)

    found = server.client.get(f"/api/v1/incidents/{incident[1]}").json()
    assert found["state"] == "resolved"
    assert [one["state"] for one in server.items("tickets") if one["incident"] == incident[1]] == ["resolved"]
    assert manifests(server) == []
    assert not [one for one in server.items("secrets") if one["namespace"] == "demo"]


def test_without_a_mail_server_the_mail_lies_in_oncues_own_mailbox_and_what_is_kept_stays(server: Server) -> None:
    done = server.cli("demo", "threshold", "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = list((server.data / "mailbox" / "new").iterdir())
    assert sorted(parsed(path.read_bytes())["Subject"].startswith("[Resolved]") for path in kept) == [False, True]
    left = {id.partition("/")[0] for id in manifests(server)}
    assert left == {"SAPSystem", "Policy", "Workflow", "Service", "Team", "Channel"}
    firing = [one for one in server.items("alerts") if one["state"] == "firing" and one["namespace"] == "demo"]
    assert firing == []


def test_a_mail_server_that_refuses_makes_it_fail_and_say_so(server: Server, sink: tuple[Sink, int]) -> None:
    handler, port = sink
    handler.refuses = True
    done = server.cli("demo", "threshold", "--smtp", f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert "missing: " in done.stderr and "554 No mail here" in done.stderr


def test_a_mail_server_that_is_not_there_is_told_before_anything_is_done(server: Server) -> None:
    before = manifests(server)
    with socket.socket() as held:  # bound and not listening: nobody else can take the port
        held.bind(("127.0.0.1", 0))
        done = server.cli("demo", "threshold", "--smtp", f"127.0.0.1:{held.getsockname()[1]}")
    assert done.returncode == 1
    assert "no SMTP server answers" in done.stderr
    assert manifests(server) == before


def test_a_change_fails_in_its_second_wave_is_undone_and_another_succeeds(server: Server) -> None:
    done = server.cli("demo", "change", "--namespace", "fleet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seen from outside" in done.stdout
    told = [one for one in server.items("changes") if one["namespace"] == "fleet"]
    first, second = sorted(told, key=lambda one: int(one["id"].removeprefix("CHG-")))
    assert (first["state"], first["close_code"]) == ("closed", "backed_out")
    assert (second["state"], second["close_code"]) == ("closed", "successful")
    run = server.client.get(f"/api/v1/runs/{first['run']}").json()
    assert run["state"] == "rolled_back"
    tickets = {one["change"]: one for one in server.items("tickets") if one["change"]}
    assert {tickets[one["id"]]["state"] for one in (first, second)} == {"closed"}
    left = [one["id"] for kind in ("ChangeTemplate", "Resource", "Lookup") for one in server.items(f"manifests/{kind}")]
    assert left == []


@pytest.mark.parametrize("until", ["A fleet of", "Applied into", "canary, shop-1: succeeded"])
def test_a_change_whose_telling_is_interrupted_is_undone_and_leaves_nothing_behind(server: Server, until: str) -> None:
    variables = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN, "PYTHONUNBUFFERED": "1"})
    command = [str(ONCUE), "demo", "change", "--namespace", "left"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=variables,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - a shell has it ignored by what it starts beside
    ) as telling:  # fmt: skip
        assert telling.stdout is not None
        said = next(line for line in telling.stdout if until in line)
        busy = server.cli("demo", "change", "--namespace", "left") if "canary" in said else None
        fleet = psutil.Process(telling.pid).children()
        telling.send_signal(signal.SIGINT)
        rest = telling.stdout.read()
    assert telling.returncode == 130, rest
    _, alive = psutil.wait_procs(fleet, timeout=10)
    assert alive == []
    if busy is not None:
        assert (busy.returncode, "wait for its end" in busy.stderr) == (1, True), busy.stdout + busy.stderr
    mine = [one for one in server.items("changes") if one["namespace"] == "left"]
    assert {one["state"] for one in mine} <= {"review", "closed", "cancelled"}
    kinds = ("ChangeTemplate", "Resource", "Lookup", "OutboundAllow")
    assert [
        one["id"] for kind in kinds for one in server.items(f"manifests/{kind}") if one["namespace"] == "left"
    ] == []


def test_a_server_that_is_not_there_is_told_as_such() -> None:
    variables = {"ONCUE_SERVER": f"http://127.0.0.1:{free_port()}", "ONCUE_TOKEN": ADMIN_TOKEN}
    assert run_cli("demo", "threshold", variables=variables).returncode == 3


@pytest.mark.parametrize("address", ["127.0.0.1", "host:", ":25", "host:0", "host:x"])
def test_an_address_that_is_none_is_wrong_usage(address: str) -> None:
    assert run_cli("demo", "threshold", "--smtp", address).returncode == 2
