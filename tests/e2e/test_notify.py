"""What a server does outside, seen from outside: mails, webhooks, steps of runs; nothing lost, nothing twice, no secret told."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.receiver import Receiver
from tests.server import Server, event, eventually, free_port

HOOK_KEY = "hook-key-7f3a9c"
API_TOKEN = "api-token-51c0ffee"


class Inbox:
    """A relay that takes everything."""

    def __init__(self) -> None:
        self.mail: list[EmailMessage] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        assert isinstance(parsed, EmailMessage)
        self.mail.append(parsed)
        return "250 OK"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture(scope="module")
def relay_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def inbox(relay_port: int) -> Iterator[Inbox]:
    handler = Inbox()
    controller = Controller(handler, hostname="127.0.0.1", port=relay_port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, inbox: Inbox, relay_port: int
) -> Iterator[Server]:
    """A server with a relay, two channels that reach a team, a service of that team, and workflows that act."""
    home = tmp_path_factory.mktemp("notify")
    variables = {"ONCUE_SMTP_URL": f"smtp://127.0.0.1:{relay_port}", "ONCUE_SMTP_SENDER": "oncue@example.com"}
    with Server(home / "data", variables=variables) as running:
        for name, value in (("hook-key", HOOK_KEY), ("api-token", API_TOKEN)):
            done = running.cli("secret", "set", name, stdin=value)
            assert done.returncode == 0, done.stderr
        apply(running, home, MANIFESTS.replace("RECEIVER", receiver.url).replace("PORT", str(receiver.port)))
        yield running
    running.verify()


MANIFESTS = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: receiver}
spec: {host: 127.0.0.1, port: PORT}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: mail}
spec: {type: email, with: {to: [ops@example.com]}}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: hook}
spec: {type: webhook, with: {url: "RECEIVER/hook", secret: "secret://hook-key"}}
---
apiVersion: oncue/v1
kind: Team
metadata: {name: ops}
spec: {channels: [mail, hook]}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: shop}
spec: {owner: "team:ops", resources: ["shop-*"]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: call}
spec:
  inputs: {type: object, properties: {url: {type: string}}}
  steps:
    - id: call
      uses: http.request
      with: {method: POST, url: "${inputs.url}", json: {note: "secret://api-token"}, secret: "secret://api-token"}
      timeout: 30s
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: shell}
spec:
  steps:
    - {id: shell, uses: shell.command, with: {argv: [/bin/true]}}
"""


def apply(server: Server, home: Path, text: str) -> None:
    path = home / "manifests.yaml"
    path.write_text(text)
    done = server.cli("apply", "-f", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def run(server: Server, workflow: str, **inputs: str) -> str:
    response = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": inputs})
    assert response.status_code < 300, response.text
    found: str = response.json()["id"]
    return found


def ended(server: Server, run_id: str) -> dict[str, Any]:
    def check() -> dict[str, Any] | None:
        found: dict[str, Any] = server.client.get(f"/api/v1/runs/{run_id}").json()
        return found if found["state"] != "running" else None

    return eventually(check, 40, f"the end of {run_id}")


def test_an_incident_is_told_by_mail_and_by_signed_webhook_and_so_is_its_end(
    server: Server, receiver: Receiver, inbox: Inbox
) -> None:
    server.emit(event(resource="shop-1", title="Shop is slow"))
    mail = eventually(lambda: next(iter(inbox.mail), None), what="the first mail")
    assert "Shop is slow" in mail["Subject"]
    _, _, _, headers, body = eventually(lambda: next(iter(receiver.to("/hook")), None), what="the webhook")
    told = json.loads(body)
    assert told["data"]["message"]["resource"] == "shop-1"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(HOOK_KEY.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    incident = told["subject"]
    assert mail["Subject"].endswith(f"({incident})")

    server.emit(event(resource="shop-1", severity="clear"))
    eventually(lambda: len(inbox.mail) == 2, what="the mail of the end")
    assert inbox.mail[1]["Subject"].startswith("[Resolved]")
    eventually(lambda: len(receiver.to("/hook")) == 2, what="the webhook of the end")
    assert len(inbox.mail) == 2


def test_a_step_sends_its_secret_and_nobody_else_sees_it(server: Server, receiver: Receiver) -> None:
    done = ended(server, run(server, "call", url=f"{receiver.url}/echo"))
    assert done["state"] == "succeeded", done
    [(_, _, _, headers, body)] = receiver.to("/echo")
    assert headers["authorization"] == f"Bearer {API_TOKEN}"
    assert json.loads(body) == {"note": "secret://api-token"}
    assert headers["idempotency-key"] == done["steps"][0]["effect"]
    assert done["steps"][0]["result"]["json"] == {"you_sent": "Bearer [secret]"}
    for shown in (json.dumps(server.items("events")), json.dumps(done), server.log.read_text()):
        for secret in (API_TOKEN, HOOK_KEY):
            assert secret not in shown


def test_an_address_inside_is_refused_without_an_exception(server: Server) -> None:
    done = ended(server, run(server, "call", url=f"http://127.0.0.1:{free_port()}/"))
    assert (done["state"], done["steps"][0]["error_code"]) == ("failed", "outbound.refused")


def test_the_shell_is_off_until_the_operator_allows_it(server: Server) -> None:
    done = ended(server, run(server, "shell"))
    assert (done["state"], done["steps"][0]["error_code"]) == ("failed", "action.disabled")


def test_a_worker_killed_in_the_middle_does_not_repeat_what_must_not_be_repeated(
    server: Server, receiver: Receiver
) -> None:
    receiver.answers.clear()
    run_id = run(server, "call", url=f"{receiver.url}/hang")
    eventually(lambda: len(receiver.to("/hang")) == 1, what="the request")
    worker = next(process for process in server.processes() if "oncue.runtime.worker" in process.cmdline())
    worker.kill()
    psutil.wait_procs([worker], timeout=10)
    done = ended(server, run_id)
    assert done["steps"][0]["state"] == "unknown"
    receiver.answers.set()
    after = ended(server, run(server, "call", url=f"{receiver.url}/echo2"))
    assert after["state"] == "succeeded"
    assert len(receiver.to("/hang")) == 1


def test_a_relay_that_is_down_gets_the_mail_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with Server(tmp_path / "data", variables={"ONCUE_SMTP_URL": f"smtp://127.0.0.1:{port}"}) as server:
        apply(server, tmp_path, MANIFESTS.replace("RECEIVER", "http://127.0.0.1:9").replace("PORT", "9"))
        server.emit(event(resource="shop-2"))

        def waits() -> bool:
            return any(one["type"] == "oncue.effect.retrying" for one in server.items("events"))

        eventually(waits, what="a failed try")
        handler = Inbox()
        controller = Controller(handler, hostname="127.0.0.1", port=port)
        controller.start()
        try:
            eventually(lambda: handler.mail or None, 40, "the mail")
        finally:
            controller.stop()
        assert len(handler.mail) == 1
    server.verify()
