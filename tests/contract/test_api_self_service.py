"""Self-service over HTTP: what is offered to whom, asking, agreeing, withdrawing, and what others see of it."""

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.server import Server, eventually

PASSWORD = "correct horse battery staple"
WORKFLOWS = """
apiVersion: oncue/v1
kind: Team
metadata: {name: shop, namespace: desk}
spec: {members: [%(asker)s]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: clean, namespace: desk, description: Frees disk space.}
spec:
  inputs:
    type: object
    required: [host, force]
    properties: {host: {type: string}, force: {type: boolean}}
  self_service:
    title: Free disk space
    by: ["team:shop"]
    inputs: {host: {enum: [web-1, web-2]}}
    fixed: {force: false}
  outputs: {host: inputs.host}
  steps: [{id: note, title: Note it, set: {host: "${inputs.host}"}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: extend, namespace: desk}
spec:
  self_service: {by: [anyone], approvals: [{stage: operate, by: ["user:%(approver)s"]}]}
  triggers: [{id: weekly, schedule: {cron: "0 3 * * MON", zone: Europe/Berlin}}]
  steps: [{id: note, set: {a: "1"}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: hidden, namespace: desk}
spec: {steps: [{id: note, set: {a: "1"}}]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: careful, namespace: desk}
spec:
  self_service: {by: ["user:%(deputy)s"]}
  steps: [{id: ask, approvals: [{by: ["user:%(approver)s"]}]}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: staged, namespace: desk}
spec:
  steps:
    - id: ask
      approvals: [{stage: operate, by: ["user:%(approver)s"]}, {stage: own, by: ["user:%(stranger)s"]}]
"""


@pytest.fixture(scope="module")
def people(oncue_server: Server) -> Iterator[dict[str, httpx.Client]]:
    """Signed-in people: who asks, who agrees, who may in their place, and one who has a role elsewhere only."""
    names = {role: f"{role}-{secrets.token_hex(3)}" for role in ("asker", "approver", "deputy", "stranger")}
    bound = {
        "asker": ("viewer", "desk"),
        "approver": ("approver", "desk"),
        "deputy": ("approver", "desk"),
        "stranger": ("operator", "elsewhere"),
    }
    applied = oncue_server.client.post("/api/v1/manifests", content=WORKFLOWS % names)
    assert applied.status_code == 200, applied.text
    clients = {}
    for who, name in names.items():
        role, namespace = bound[who]
        body = {"name": name, "password": PASSWORD, "bindings": [{"role": role, "namespace": namespace}]}
        assert oncue_server.client.post("/api/v1/users", json=body).status_code == 201
        client = httpx.Client(base_url=f"{oncue_server.url}/api/v1", trust_env=False, timeout=20)
        assert client.post("/sign-in", json={"username": name, "password": PASSWORD}).status_code == 200
        client.headers["X-CSRF-Token"] = client.cookies["oncue_csrf"]
        clients[who] = client
    yield clients
    for client in clients.values():
        client.close()


def asked(client: httpx.Client, workflow: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/requests", json={"workflow": workflow, "namespace": "desk", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_each_sees_what_is_offered_to_them_as_a_form(people: dict[str, httpx.Client]) -> None:
    offers = people["asker"].get("/self-service").json()["items"]
    assert [one["title"] for one in offers] == ["extend", "Free disk space"]
    clean = offers[1]
    assert clean["description"] == "Frees disk space."
    assert clean["form"]["properties"] == {"host": {"type": "string", "enum": ["web-1", "web-2"]}}
    assert clean["form"]["required"] == ["host"]
    assert [one["workflow"] for one in people["approver"].get("/self-service").json()["items"]] == ["extend"]
    assert people["stranger"].get("/self-service").json()["items"] == []


def test_who_may_start_nothing_has_run_what_is_offered_and_sees_what_came_of_it(
    people: dict[str, httpx.Client],
) -> None:
    client = people["asker"]
    assert client.post("/runs", json={"workflow": "clean", "namespace": "desk"}).status_code == 403
    made = asked(client, "clean", inputs={"host": "web-1"}, reason="full")
    shown = eventually(
        lambda: one if (one := client.get(f"/requests/{made['id']}").json())["outcome"]["ended_at"] else None,
        what="it has run",
    )
    assert (shown["outcome"]["state"], shown["outcome"]["outputs"]) == ("succeeded", {"host": "web-1"})
    assert shown["steps"] == [{"step": "note", "title": "Note it", "state": "succeeded", "reason": None}]
    assert made["id"] in [one["id"] for one in client.get("/requests").json()["items"]]
    types = [fact["type"] for fact in client.get(f"/requests/{made['id']}/timeline").json()["items"]]
    assert types == ["oncue.request.started"]


def test_who_asked_is_told_what_the_run_waits_for(people: dict[str, httpx.Client]) -> None:
    client = people["deputy"]
    made = asked(client, "careful")

    def waits() -> list[dict[str, Any]]:
        return client.get(f"/requests/{made['id']}").json()["outcome"]["waits"]

    (wait,) = eventually(lambda: waits() or None, what="it waits")
    approver = people["approver"].get("/me").json()["user"]
    assert (wait["step"], wait["code"], wait["asks"]) == ("ask", "approval", [f"user:{approver}"])
    (listed,) = [one for one in client.get("/requests").json()["items"] if one["id"] == made["id"]]
    assert listed["outcome"]["waits"] == [wait]
    inbox = people["approver"].get("/approvals/inbox").json()["items"]
    (approval,) = [one["id"] for one in inbox if one["run"] == made["run"]]
    people["approver"].post(f"/approvals/{approval}/decide", json={"decision": "approve"})
    eventually(lambda: client.get(f"/requests/{made['id']}").json()["outcome"]["ended_at"], what="it is over")
    assert waits() == []


@pytest.mark.parametrize(
    ("who", "workflow", "inputs", "code"),
    [
        ("asker", "clean", {"host": "db-1"}, "workflow.inputs_invalid"),
        ("asker", "clean", {"host": "web-1", "force": True}, "workflow.inputs_invalid"),
        ("approver", "clean", {"host": "web-1"}, "self_service.not_yours"),
        ("stranger", "extend", {}, "self_service.not_yours"),
        ("asker", "hidden", {}, "self_service.not_offered"),
        ("asker", "nothing", {}, "self_service.not_offered"),
    ],
)
def test_what_is_not_offered_is_refused(
    people: dict[str, httpx.Client], who: str, workflow: str, inputs: dict[str, Any], code: str
) -> None:
    answer = people[who].post("/requests", json={"workflow": workflow, "namespace": "desk", "inputs": inputs})
    assert answer.json()["code"] == code


def test_whoever_misspells_what_they_ask_for_is_told_the_near_one_if_that_is_offered_to_them(
    people: dict[str, httpx.Client],
) -> None:
    for who, workflow, near in (("asker", "cleen", "clean"), ("approver", "cleen", ""), ("asker", "hiden", "")):
        answer = people[who].post("/requests", json={"workflow": workflow, "namespace": "desk"})
        said = f"; did you mean {near}?" if near else ""
        assert (answer.json()["code"], answer.json()["detail"]) == (
            "self_service.not_offered", f"{workflow} in desk{said}"
        )  # fmt: skip


def test_what_needs_agreement_waits_in_the_inbox_of_those_who_give_it(people: dict[str, httpx.Client]) -> None:
    made = asked(people["asker"], "extend", reason="quarter end")
    assert (made["state"], made["approving"]["state"]) == ("pending", "pending")
    inbox = people["approver"].get("/approvals/inbox").json()["items"]
    (waiting,) = [one for one in inbox if one["request"] == made["id"]]
    assert "quarter end" in waiting["ask"]
    done = people["approver"].post(f"/approvals/{waiting['id']}/decide", json={"decision": "approve"})
    assert done.status_code == 200, done.text
    path = f"/requests/{made['id']}"
    eventually(lambda: people["asker"].get(path).json()["outcome"] is not None, what="it has run")
    assert people["asker"].get(path).json()["approving"]["decisions"][0]["decision"] == "approve"


def test_what_someone_decides_in_the_place_of_another_leaves_their_inbox_with_the_stage(
    oncue_server: Server, people: dict[str, httpx.Client]
) -> None:
    run = oncue_server.client.post("/api/v1/runs", json={"workflow": "staged", "namespace": "desk"}).json()["id"]

    def waits(who: str) -> list[str]:
        return [one["id"] for one in people[who].get("/approvals/inbox").json()["items"] if one["run"] == run]

    (approval,) = waits("approver")
    deputy = people["deputy"].get("/me").json()["user"]
    delegated = people["approver"].post(f"/approvals/{approval}/delegate", json={"to": f"user:{deputy}"})
    assert delegated.status_code == 200, delegated.text
    assert waits("deputy") == [approval]
    people["approver"].post(f"/approvals/{approval}/decide", json={"decision": "approve"})
    assert waits("deputy") == []


def test_a_request_is_its_askers_to_see_and_to_withdraw(people: dict[str, httpx.Client]) -> None:
    made = asked(people["asker"], "extend")
    path = f"/requests/{made['id']}"
    assert people["stranger"].get(path).json()["code"] == "self_service.not_found"
    assert people["approver"].get(path).status_code == 200, "who may see the namespace's runs sees its requests"
    assert people["approver"].post(f"{path}/withdraw").json()["code"] == "self_service.not_yours"
    assert made["id"] not in people["approver"].get("/requests").text
    assert made["id"] in people["approver"].get("/requests?everyones=true").text
    assert made["id"] not in people["stranger"].get("/requests?everyones=true").text
    withdrawn = people["asker"].post(f"{path}/withdraw", json={"reason": "solved"}).json()
    assert (withdrawn["state"], withdrawn["said"], withdrawn["approving"]["state"]) == (
        "withdrawn",
        "solved",
        "cancelled",
    )
    assert people["asker"].post(f"{path}/withdraw").json()["code"] == "self_service.not_found"


def test_schedules_say_when_they_start_runs_next(oncue_server: Server, people: dict[str, httpx.Client]) -> None:
    items = people["asker"].get("/schedules").json()["items"]
    (one,) = [one for one in items if one["workflow"] == "extend"]
    assert one["spec"] == {"cron": "0 3 * * MON", "zone": "Europe/Berlin"}
    assert len(one["next"]) == 5
    assert all(at.endswith(("T01:00:00Z", "T02:00:00Z")) for at in one["next"])
    assert people["stranger"].get("/schedules").json()["items"] == []
