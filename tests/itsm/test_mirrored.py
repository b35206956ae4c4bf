"""A whole server and a ServiceNow beside it: one record for each ticket, whoever is killed or away."""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.itsm.github import REPOSITORY, TOKEN, GitHub
from tests.itsm.servicenow import PASSWORD, USER, ServiceNow
from tests.itsm.system import Request
from tests.server import Server, event, eventually

HOOK = "hook-key-91d2"
MANIFESTS = f"""
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {{name: here}}
spec: {{host: 127.0.0.1, reason: the system beside us}}
---
apiVersion: oncue/v1
kind: TicketMirror
metadata: {{name: desk}}
spec:
  system: servicenow
  url: URL
  with: {{user: {USER}, password: "secret://sn"}}
  types: [incident]
  inbound: true
  poll: 5s
---
apiVersion: oncue/v1
kind: TicketMirror
metadata: {{name: forge}}
spec:
  system: github
  url: FORGE
  with: {{repository: {REPOSITORY}, token: "secret://forge"}}
  types: [problem]
  inbound: true
  poll: 1h
  hears: ["github.issue*"]
---
apiVersion: oncue/v1
kind: Source
metadata: {{name: forge}}
spec:
  type: github
  with: {{secret: "secret://forge-hook"}}
---
apiVersion: oncue/v1
kind: Service
metadata: {{name: shop}}
spec: {{description: Sells, resources: ["db-*"]}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: full}}
spec:
  match: {{types: [disk.full], severities: [major]}}
  respond: [{{ticket: {{}}}}]
"""


@pytest.fixture(scope="module")
def system() -> Iterator[ServiceNow]:
    with ServiceNow() as running:
        running.now = datetime.now(UTC).replace(microsecond=0)
        yield running


@pytest.fixture(scope="module")
def forge() -> Iterator[GitHub]:
    with GitHub() as running:
        running.now = datetime.now(UTC).replace(microsecond=0)
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, system: ServiceNow, forge: GitHub) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("mirrored")
    with Server(home / "data") as running:
        for name, value in (("sn", PASSWORD), ("forge", TOKEN), ("forge-hook", HOOK)):
            done = running.cli("secret", "set", name, stdin=value)
            assert done.returncode == 0, done.stderr
        file = Path(home / "mirror.yaml")
        file.write_text(MANIFESTS.replace("URL", system.url).replace("FORGE", forge.url))
        applied = running.cli("apply", "-f", str(file))
        assert applied.returncode == 0, applied.stderr
        yield running
    running.verify()


def mirrored(server: Server, ticket: str) -> dict[str, Any]:
    (row,) = server.client.get(f"/api/v1/tickets/{ticket}/mirrors").json()["items"]
    found: dict[str, Any] = row
    return found


def in_step(server: Server, ticket: str) -> dict[str, Any]:
    return eventually(lambda: row if (row := mirrored(server, ticket))["state"] == "in_step" else None)


def written(server: Server, title: str, type: str = "incident") -> str:
    answer = server.client.post("/api/v1/tickets", json={"title": title, "type": type})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def of(system: ServiceNow, title: str) -> list[dict[str, Any]]:
    return [one for one in system.records() if one["short_description"] == title]


def test_an_incidents_ticket_lives_there_as_it_does_here(server: Server, system: ServiceNow) -> None:
    server.emit(event(type="disk.full", resource="db-1", severity="major", title="Full"))
    ticket = eventually(lambda: server.items("tickets"))[0]["id"]
    row = in_step(server, ticket)
    (record,) = of(system, "Full")
    assert (row["number"], row["remote"]) == (record["number"], record["sys_id"])
    server.emit(event(type="disk.full", resource="db-1", severity="clear", title="Full"))
    eventually(lambda: of(system, "Full")[0]["state"] == "6")
    eventually(lambda: any("nothing of it fires any more" in note for note in system.notes()))
    shown = server.cli("get", "ticket-mirrors")
    assert record["number"] in shown.stdout


def test_what_people_do_there_comes_here(server: Server, system: ServiceNow) -> None:
    ticket = written(server, "Inbound")
    row = in_step(server, ticket)
    system.change("incident", row["remote"], {"state": "2", "work_notes": "I look into it."}, "basis-2")
    eventually(lambda: server.client.get(f"/api/v1/tickets/{ticket}").json()["state"] == "in_progress")
    comments = server.client.get(f"/api/v1/tickets/{ticket}/comments").json()["items"]
    assert [(one["by"], one["text"]) for one in comments] == [("servicenow:basis-2", "I look into it.")]
    assert len(of(system, "Inbound")) == 1


def test_what_a_signed_word_of_theirs_says_is_looked_at_within_seconds(server: Server, forge: GitHub) -> None:
    ticket = written(server, "Known error", "problem")
    row = in_step(server, ticket)
    forge.remark(row["remote"], "Mended.", "basis-2")
    forge.end(row["remote"], "basis-2")
    body = b'{"action":"closed","issue":{"number":1},"repository":{"full_name":"basis/landscape"}}'
    for key, status in ((b"forged", 401), (HOOK.encode(), 200)):
        signature = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
        headers = {"X-GitHub-Event": "issues", "X-Hub-Signature-256": signature, "Content-Type": "application/json"}
        answer = server.client.post("/in/forge", content=body, headers=headers)
        assert answer.status_code == status, answer.text
    eventually(lambda: server.client.get(f"/api/v1/tickets/{ticket}").json()["state"] == "resolved", within_s=30)
    comments = server.client.get(f"/api/v1/tickets/{ticket}/comments").json()["items"]
    assert [(one["by"], one["text"]) for one in comments] == [("github:basis-2", "Mended.")]
    assert len(forge.issues) == 1


def test_a_worker_that_is_killed_between_their_record_and_our_note_of_it_leaves_one_record(
    server: Server, system: ServiceNow
) -> None:
    killed: list[int] = []

    def kill(request: Request) -> None:
        if request.method == "POST" and request.body.get("short_description") == "Killed" and not killed:
            worker = next(one for one in server.processes() if "oncue.runtime.worker" in " ".join(one.cmdline()))
            killed.append(worker.pid)
            worker.kill()
            psutil.wait_procs([worker], timeout=10)

    system.done.append(kill)
    try:
        ticket = written(server, "Killed")
        eventually(lambda: bool(killed))
        row = in_step(server, ticket)
    finally:
        system.done.remove(kill)
    (record,) = of(system, "Killed")
    assert row["remote"] == record["sys_id"]
    posts = [one for one in system.asked("POST") if one.body.get("short_description") == "Killed"]
    assert len(posts) == 1


def test_an_engine_that_is_killed_leaves_one_record_as_well(server: Server, system: ServiceNow) -> None:
    killed: list[bool] = []

    def kill(request: Request) -> None:
        if request.method == "POST" and request.body.get("short_description") == "All killed" and not killed:
            server.kill()
            killed.append(True)

    system.done.append(kill)
    try:
        ticket = written(server, "All killed")
        eventually(lambda: bool(killed))
    finally:
        system.done.remove(kill)
    server.start()
    in_step(server, ticket)
    assert len(of(system, "All killed")) == 1


def test_what_was_said_while_the_system_was_away_arrives_in_order_once_it_is_back(
    server: Server, system: ServiceNow
) -> None:
    ticket = written(server, "Away")
    in_step(server, ticket)
    system.fail(503, "<html>down</html>", times=1_000)
    for number in range(3):
        server.client.post(f"/api/v1/tickets/{ticket}/comments", json={"text": f"remark {number}"})
    row = eventually(lambda: row if (row := mirrored(server, ticket))["error_code"] else None)
    assert row["error_code"] == "itsm.unavailable"
    assert server.client.get(f"/api/v1/tickets/{ticket}").json()["state"] == "new", "nothing waits for it"
    system.well()
    assert server.cli("mirror", "retry", "desk").returncode == 0
    in_step(server, ticket)
    said = [note.splitlines()[1] for note in system.notes() if "remark " in note]
    assert said == ["remark 0", "remark 1", "remark 2"]
