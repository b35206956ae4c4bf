"""What is given to a run and must not be written down: nowhere in the data directory, in the worker's hands alone, and gone
when the run is over."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine

from oncue.store.journal_reader import JournalReader
from tests.receiver import Receiver
from tests.server import Server, eventually

PASSWORD = "hunter2-is-no-password"
PERSONS_PASSWORD = "correct horse battery staple"
INPUTS = """
  inputs:
    type: object
    required: [password]
    properties:
      path: {type: string, default: /reset}
      password: {type: string, writeOnly: true, minLength: 8}
"""
SEND = 'http.request, with: {method: PUT, url: "%(url)s${inputs.path}", secret: "${inputs.password}"}'
WORKFLOWS = f"""
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {{name: outside, namespace: desk}}
spec: {{host: 127.0.0.1, port: %(port)d}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: reset, namespace: desk}}
spec:
  {INPUTS.strip()}
  steps: [{{id: send, uses: {SEND}, timeout: 60s}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: later, namespace: desk}}
spec:
  {INPUTS.strip()}
  steps:
    - {{id: come, wait: {{event: {{types: [org.example.go]}}, timeout: 1h}}}}
    - {{id: below, run: {{workflow: reset, with: {{path: "${{inputs.path}}", password: "${{inputs.password}}"}}}}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: undone, namespace: desk}}
spec:
  {INPUTS.strip()}
  on_failure: {{rollback: all}}
  steps:
    - {{id: send, uses: {SEND}, rollback: {{uses: {SEND.replace("PUT", "POST")}}}}}
    - {{id: fails, set: {{a: "${{1 / 0}}"}}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: leaves, namespace: desk}}
spec:
  {INPUTS.strip()}
  steps: [{{id: below, run: {{workflow: later, detached: true, with: {{path: /left, password: "${{inputs.password}}"}}}}}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: asked, namespace: desk}}
spec:
  {INPUTS.strip()}
  self_service:
    title: Reset it
    by: [anyone]
    inputs: {{password: {{pattern: "^hunter"}}}}
    approvals: [{{stage: operate, by: ["user:agrees"], expires: 1h}}]
  steps: [{{id: send, uses: {SEND}}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: open, namespace: desk}}
spec:
  inputs: {{type: object, properties: {{name: {{type: string}}, usual: {{type: string, default: "secret://usual"}}}}}}
  steps: [{{id: note, set: {{a: "${{inputs.name}}"}}}}]
"""
PEOPLE = {"starts": "operator", "agrees": "approver", "writes": "editor"}
"""Who they are by their role; only the last may write manifests."""


@pytest.fixture(scope="module")
def outside() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, outside: Receiver) -> Iterator[Server]:
    """A server of its own: at the end nothing of it may hold the password."""
    with Server(tmp_path_factory.mktemp("hidden") / "data") as server:
        applied = server.client.post(
            "/api/v1/manifests", content=WORKFLOWS % {"url": outside.url, "port": outside.port}
        )
        assert applied.status_code == 200, applied.text
        for name, role in PEOPLE.items():
            person = {"name": name, "password": PERSONS_PASSWORD, "bindings": [{"role": role, "namespace": "desk"}]}
            assert server.client.post("/api/v1/users", json=person).status_code == 201
        yield server
    server.verify()
    assert_nowhere(server)


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[dict[str, httpx.Client]]:
    clients = {}
    for name in PEOPLE:
        client = httpx.Client(base_url=f"{server.url}/api/v1", trust_env=False, timeout=20)
        assert client.post("/sign-in", json={"username": name, "password": PERSONS_PASSWORD}).status_code == 200
        client.headers["X-CSRF-Token"] = client.cookies["oncue_csrf"]
        clients[name] = client
    yield clients
    for client in clients.values():
        client.close()


def assert_nowhere(server: Server) -> None:
    """The password is in no record of the journal, no row, no file."""
    engine = create_engine(f"sqlite:///{server.data / 'oncue.db'}")
    with engine.connect() as connection:
        bodies = [record.body for record in JournalReader(connection).records(1)]
    engine.dispose()
    assert any(b"oncue.command.run.start" in body for body in bodies)
    assert not any(PASSWORD.encode() in body for body in bodies)
    with closing(sqlite3.connect(server.data / "oncue.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    holds = [
        path
        for path in [*server.data.rglob("*"), server.log]
        if path.is_file() and PASSWORD.encode() in path.read_bytes()
    ]
    assert holds == []


def started(server: Server, workflow: str, **inputs: Any) -> dict[str, Any]:
    answer = server.client.post(
        "/api/v1/runs", json={"workflow": workflow, "namespace": "desk", "inputs": {"password": PASSWORD, **inputs}}
    )
    assert answer.status_code == 201, answer.text
    assert PASSWORD not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(server: Server, run: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = server.client.get(f"/api/v1/runs/{run}").json()
        return found if found["ended_at"] is not None else None

    return eventually(look, what=f"{run} ends")


def rows(server: Server) -> list[str]:
    """The ids of what is kept of inputs."""
    with closing(sqlite3.connect(f"file:{server.data / 'oncue.db'}?mode=ro", uri=True, timeout=10)) as database:
        return [id for (id,) in database.execute("SELECT id FROM access WHERE kind = 'input' ORDER BY id")]


def row_of(thing: dict[str, Any]) -> str:
    """The row that keeps the password of a run or a request."""
    return f"desk/{thing['inputs']['password'].removeprefix('secret://')}"


def sent(outside: Receiver, path: str) -> list[tuple[str, str]]:
    return [(one.method, one.headers["authorization"]) for one in outside.to(path)]


def go(server: Server) -> None:
    assert server.emit({"specversion": "1.0", "id": secrets.token_hex(8), "source": "/test", "type": "org.example.go",
                        "namespace": "desk"})["accepted"] == 1  # fmt: skip


def test_the_worker_has_the_value_and_nobody_else_and_it_is_gone_with_the_run(
    server: Server, outside: Receiver
) -> None:
    run = started(server, "reset", path="/once")
    assert run["inputs"]["password"].startswith("secret://run/")
    assert ended(server, run["id"])["state"] == "succeeded"
    assert sent(outside, "/once") == [("PUT", f"Bearer {PASSWORD}")]
    assert row_of(run) not in rows(server)


def test_no_other_run_has_it_whatever_its_workflow_says(
    server: Server, outside: Receiver, people: dict[str, httpx.Client]
) -> None:
    run = started(server, "later", path="/theirs")
    url, reference = f"{outside.url}/stolen", run["inputs"]["password"]
    taking = {"uses": "http.request", "with": {"method": "PUT", "url": url, "secret": reference}}
    taker = {"apiVersion": "oncue/v1", "kind": "Workflow", "metadata": {"name": "takes", "namespace": "desk"},
             "spec": {"steps": [{"id": "send", **taking}]}}  # fmt: skip
    people["writes"].post("/manifests", json=[taker]).raise_for_status()
    taken = people["writes"].post("/runs", json={"workflow": "takes", "namespace": "desk"}).json()
    failed = ended(server, taken["id"])
    assert (failed["state"], failed["steps"][0]["error_code"]) == ("failed", "secret.not_found")
    assert outside.to("/stolen") == []
    go(server)
    assert ended(server, run["id"])["state"] == "succeeded"


def test_it_is_kept_as_long_as_the_run_waits_and_for_the_runs_within_it(server: Server, outside: Receiver) -> None:
    run = started(server, "later", path="/later")
    assert row_of(run) in rows(server)
    go(server)
    assert ended(server, run["id"])["state"] == "succeeded"
    assert sent(outside, "/later") == [("PUT", f"Bearer {PASSWORD}")]
    assert row_of(run) not in rows(server)


def test_a_run_that_nobody_waits_for_has_it_still_when_the_one_that_began_it_is_over(
    server: Server, outside: Receiver
) -> None:
    run = started(server, "leaves")
    assert ended(server, run["id"])["state"] == "succeeded"
    assert row_of(run) in rows(server)
    go(server)
    eventually(lambda: sent(outside, "/left") == [("PUT", f"Bearer {PASSWORD}")], what="it is sent")
    eventually(lambda: row_of(run) not in rows(server), what="it is forgotten")


def test_it_is_there_while_the_run_is_undone_and_gone_afterwards(server: Server, outside: Receiver) -> None:
    run = started(server, "undone", path="/undone")
    assert ended(server, run["id"])["state"] == "rolled_back"
    assert sent(outside, "/undone") == [("PUT", f"Bearer {PASSWORD}"), ("POST", f"Bearer {PASSWORD}")]
    assert row_of(run) not in rows(server)


def test_a_run_that_fails_or_is_cancelled_leaves_none(server: Server) -> None:
    failed = started(server, "reset", path="-is-no-port")
    assert ended(server, failed["id"])["state"] == "failed"
    cancelled = started(server, "later")
    assert server.client.post(f"/api/v1/runs/{cancelled['id']}/cancel").status_code == 200
    assert ended(server, cancelled["id"])["state"] == "cancelled"
    assert not {row_of(failed), row_of(cancelled)} & set(rows(server))


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ({"password": PASSWORD[:7]}, "workflow.inputs_invalid"),
        ({"password": 12345678}, "workflow.inputs_invalid"),
        ({"password": PASSWORD, "path": 1}, "workflow.inputs_invalid"),
        ({"pasword": PASSWORD}, "workflow.inputs_invalid"),
        ({"password": "secret://run/0123456789abcdef01234567/password"}, "workflow.inputs_hidden"),
        ({"password": PASSWORD, "path": "secret://run/0123456789abcdef01234567/password"}, "workflow.inputs_hidden"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(server: Server, inputs: dict[str, Any], code: str) -> None:
    before = rows(server)
    answer = server.client.post("/api/v1/runs", json={"workflow": "reset", "namespace": "desk", "inputs": inputs})
    assert (answer.status_code >= 400, answer.json()["code"]) == (True, code), answer.text
    assert PASSWORD not in answer.text
    assert rows(server) == before
    assert server.items("dead-letters") == []


def test_a_workflow_that_is_not_there_is_refused_and_what_was_given_not_written_down(server: Server) -> None:
    given = {"workflow": "rest", "namespace": "desk", "inputs": {"password": PASSWORD}}
    answer = server.client.post("/api/v1/runs", json=given)
    assert (answer.status_code, answer.json()["code"]) == (404, "workflow.not_found")


def test_another_runs_input_is_nobody_elses(server: Server) -> None:
    run = started(server, "later")
    given = {"workflow": "open", "namespace": "desk", "inputs": {"name": run["inputs"]["password"]}}
    assert server.client.post("/api/v1/runs", json=given).json()["code"] == "workflow.inputs_hidden"
    server.client.post(f"/api/v1/runs/{run['id']}/cancel")


def test_a_run_is_run_anew_with_its_password_given_anew(server: Server, outside: Receiver) -> None:
    run = started(server, "reset", path="/first")
    ended(server, run["id"])
    fork = f"/api/v1/runs/{run['id']}/fork"
    again = server.client.post(fork, json={"step": "send"})
    assert (again.status_code, again.json()["code"]) == (409, "workflow.inputs_hidden")
    again = server.client.post(fork, json={"step": "send", "inputs": {"path": "/anew", "password": PASSWORD}})
    assert again.status_code == 201, again.text
    assert again.json()["inputs"]["password"] != run["inputs"]["password"]
    assert ended(server, again.json()["id"])["state"] == "succeeded"
    assert sent(outside, "/anew") == [("PUT", f"Bearer {PASSWORD}")]
    assert row_of(again.json()) not in rows(server)


def test_only_who_may_write_manifests_names_a_secret(server: Server, people: dict[str, httpx.Client]) -> None:
    def start(who: str, **inputs: str) -> int:
        body = {"workflow": "open", "namespace": "desk", "inputs": inputs}
        return people[who].post("/runs", json=body).status_code

    assert start("starts", name="anything", usual="secret://usual") == 201, "the workflow itself has it for a default"
    assert start("starts", name="secret://usual") == 403
    assert start("writes", name="secret://usual") == 201
    asking = {"workflow": "asked", "namespace": "desk", "inputs": {"password": "secret://usual"}}
    assert people["starts"].post("/requests", json=asking).json()["code"] == "access.denied"


def requested(people: dict[str, httpx.Client], password: str = PASSWORD) -> dict[str, Any]:
    body = {"workflow": "asked", "namespace": "desk", "inputs": {"path": "/asked", "password": password}}
    answer = people["starts"].post("/requests", json=body)
    assert answer.status_code == 201, answer.text
    assert PASSWORD not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_who_agrees_reads_that_it_is_hidden_and_it_is_kept_until_the_run_is_over(
    server: Server, people: dict[str, httpx.Client], outside: Receiver
) -> None:
    request = requested(people)
    assert row_of(request) in rows(server)
    assert "password (hidden)" in request["approving"]["ask"]
    decided = people["agrees"].post(f"/approvals/{request['approval']}/decide", json={"decision": "approve"})
    assert decided.status_code == 200, decided.text
    run = eventually(lambda: people["starts"].get(f"/requests/{request['id']}").json()["run"], what="it runs")
    assert ended(server, run)["state"] == "succeeded"
    assert sent(outside, "/asked") == [("PUT", f"Bearer {PASSWORD}")]
    assert row_of(request) not in rows(server)


def test_a_request_that_does_not_run_leaves_none(server: Server, people: dict[str, httpx.Client]) -> None:
    rejected, withdrawn = requested(people), requested(people)
    no = people["agrees"].post(f"/approvals/{rejected['approval']}/decide", json={"decision": "reject", "reason": "no"})
    assert no.status_code == 200, no.text
    assert people["starts"].post(f"/requests/{withdrawn['id']}/withdraw").status_code == 200
    eventually(lambda: not {row_of(rejected), row_of(withdrawn)} & set(rows(server)), what="they are forgotten")


def test_the_offer_narrows_it_before_it_is_sealed(people: dict[str, httpx.Client]) -> None:
    body = {"workflow": "asked", "namespace": "desk", "inputs": {"password": "no-hunter-at-all"}}
    answer = people["starts"].post("/requests", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "workflow.inputs_invalid")
    assert answer.json()["detail"] == "password must match the pattern ^hunter"


def test_whom_it_is_not_offered_to_learns_nothing_of_its_inputs(
    server: Server, people: dict[str, httpx.Client]
) -> None:
    stranger = {"name": "stranger", "password": PERSONS_PASSWORD, "bindings": [{"role": "viewer", "namespace": "else"}]}
    assert server.client.post("/api/v1/users", json=stranger).status_code == 201
    with httpx.Client(base_url=f"{server.url}/api/v1", trust_env=False, timeout=20) as client:
        assert client.post("/sign-in", json={"username": "stranger", "password": PERSONS_PASSWORD}).status_code == 200
        client.headers["X-CSRF-Token"] = client.cookies["oncue_csrf"]
        for inputs in ({"password": "no-hunter-at-all"}, {"pasword": PASSWORD}, {"path": "secret://usual"}):
            answer = client.post("/requests", json={"workflow": "asked", "namespace": "desk", "inputs": inputs})
            assert answer.json()["detail"] == "asked is offered to anyone", answer.text


def test_a_dry_run_stores_nothing(server: Server) -> None:
    before = rows(server)
    body = {"workflow": "reset", "namespace": "desk", "inputs": {"password": PASSWORD}}
    found = server.client.post("/api/v1/runs/dry-run", json=body)
    assert found.status_code == 200, found.text
    assert (found.json()["fails"], PASSWORD in found.text) == ([], False)
    assert rows(server) == before


def test_it_outlives_a_kill_of_the_server(server: Server, outside: Receiver) -> None:
    run = started(server, "later", path="/killed")
    server.kill()
    server.start()
    assert row_of(run) in rows(server)
    go(server)
    assert ended(server, run["id"])["state"] == "succeeded"
    assert sent(outside, "/killed") == [("PUT", f"Bearer {PASSWORD}")]
    assert row_of(run) not in rows(server)


def test_secrets_are_listed_without_them(server: Server) -> None:
    run = started(server, "later")
    assert "run/" not in server.client.get("/api/v1/secrets").text
    server.client.post(f"/api/v1/runs/{run['id']}/cancel")
