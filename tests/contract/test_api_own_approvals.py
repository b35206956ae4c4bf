"""Nobody approves what an event of theirs has started, through whichever door and with whichever credential they sent it."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.server import Server, event, eventually

PASSWORD = "correct horse battery staple"
MANIFESTS = """
apiVersion: oncue/v1
kind: Source
metadata: {name: own-door, namespace: own}
spec: {type: cloudevents}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: starts, namespace: own}
spec:
  match: {types: [org.example.wanted, prometheus.alert]}
  respond: [{run: {workflow: agreed, with: {about: "${event.resource}"}}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: agreed, namespace: own}
spec:
  inputs: {type: object, properties: {about: {type: string}}}
  steps: [{id: ask, approvals: [{by: ["user:%(sender)s", "user:%(other)s", "user:%(maker)s"]}]}]
"""

Send = Callable[[httpx.Client, str], httpx.Response]


def as_event(client: httpx.Client, about: str) -> httpx.Response:
    body = event(type="org.example.wanted", resource=about)
    return client.post("/api/v1/events", json=body, headers={"Content-Type": "application/cloudevents+json"})


def as_batch(client: httpx.Client, about: str) -> httpx.Response:
    body = [event(type="org.example.wanted", resource=about)]
    return client.post("/api/v1/events", json=body, headers={"Content-Type": "application/cloudevents-batch+json"})


def by_a_source(client: httpx.Client, about: str) -> httpx.Response:
    body = event(type="org.example.wanted", resource=about)
    return client.post("/in/own-door", json=body, headers={"Content-Type": "application/cloudevents+json"})


def as_prometheus(client: httpx.Client, about: str) -> httpx.Response:
    labels = {"alertname": "wanted", "severity": "critical", "instance": about, "resource": about}
    return client.post("/alertmanager/api/v2/alerts", json=[{"labels": labels}])


DOORS: list[Send] = [as_event, as_batch, by_a_source, as_prometheus]


class People:
    """Two people in the namespace `own`, and whoever else sends events there."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.names = {who: f"{who}-{secrets.token_hex(3)}" for who in ("sender", "other", "maker")}
        self.signed_in = {who: self._sign_in(name) for who, name in self.names.items()}

    def _sign_in(self, name: str) -> httpx.Client:
        bindings = [{"role": role, "namespace": "own"} for role in ("operator", "approver")]
        if name.startswith("maker"):
            bindings.append({"role": "admin", "namespace": "own"})
        body = {"name": name, "password": PASSWORD, "bindings": bindings}
        assert self.server.client.post("/api/v1/users", json=body).status_code == 201
        client = httpx.Client(base_url=self.server.url, trust_env=False, timeout=20)
        assert client.post("/api/v1/sign-in", json={"username": name, "password": PASSWORD}).status_code == 200
        client.headers["X-CSRF-Token"] = client.cookies["oncue_csrf"]
        return client

    def token(self, **more: Any) -> httpx.Client:
        """A client with a new token."""
        body = {"name": f"t-{secrets.token_hex(3)}", "scope": "source", "namespaces": ["own"], **more}
        issued = self.server.client.post("/api/v1/tokens", json=body)
        assert issued.status_code == 201, issued.text
        headers = {"Authorization": f"Bearer {issued.json()['token']}"}
        return httpx.Client(base_url=self.server.url, headers=headers, trust_env=False, timeout=20)

    def run_about(self, about: str) -> dict[str, Any]:
        """The run that an event about this has started, with its approval."""

        def found() -> dict[str, Any] | None:
            runs = self.server.client.get("/api/v1/runs?workflow=agreed").json()["items"]
            return next((run for run in runs if run["inputs"] == {"about": about}), None)

        run = eventually(found, within_s=10, what=f"a run about {about}")
        (asks,) = self.server.client.get(f"/api/v1/runs/{run['id']}/why").json()["waits"]
        return {**run, "approval": asks["approval"]}

    def decide(self, who: str, approval: str) -> str | None:
        """They approve it. Gives the code if that is refused."""
        answer = self.signed_in[who].post(f"/api/v1/approvals/{approval}/decide", json={"decision": "approve"})
        return None if answer.status_code == 200 else str(answer.json()["code"])


@pytest.fixture(scope="module")
def people(oncue_server: Server) -> Iterator[People]:
    found = People(oncue_server)
    applied = oncue_server.client.post("/api/v1/manifests", content=MANIFESTS % found.names)
    assert applied.status_code == 200, applied.text
    yield found
    for client in found.signed_in.values():
        client.close()


@pytest.mark.parametrize("send", DOORS, ids=[door.__name__ for door in DOORS])
@pytest.mark.parametrize("with_", ["sign-in", "token", "source token"])
def test_whoever_sent_the_event_asked_for_the_run(people: People, send: Send, with_: str) -> None:
    sender = people.names["sender"]
    more = {"scope": "role", "role": "operator"} if with_ == "token" else {}
    client = people.signed_in["sender"] if with_ == "sign-in" else people.token(user=sender, **more)
    about = f"db-{secrets.token_hex(3)}"
    answer = send(client, about)
    assert answer.status_code == 200, answer.text
    run = people.run_about(about)
    assert run["requester"] == f"user:{sender}"
    assert people.decide("sender", run["approval"]) == "approval.own"
    assert people.decide("other", run["approval"]) is None


@pytest.mark.parametrize("send", DOORS, ids=[door.__name__ for door in DOORS])
def test_nobody_asked_for_what_an_integration_sent(people: People, send: Send) -> None:
    about = f"db-{secrets.token_hex(3)}"
    assert send(people.token(), about).status_code == 200
    run = people.run_about(about)
    assert run["requester"] is None
    assert people.decide("sender", run["approval"]) is None


def test_an_event_still_says_with_which_token_it_was_sent(people: People) -> None:
    about = f"db-{secrets.token_hex(3)}"
    as_event(people.token(user=people.names["sender"]), about)
    people.run_about(about)
    items = people.server.client.get(f"/api/v1/events?resource={about}").json()["items"]
    assert [one["actor"][:8] for one in items if one["type"] == "org.example.wanted"] == ["token:t-"]


def test_whoever_made_the_token_of_a_program_does_not_approve_what_that_asked_for(people: People) -> None:
    made = {"name": "ci", "scope": "role", "role": "operator", "namespaces": ["own"]}
    issued = people.signed_in["maker"].post("/api/v1/tokens", json=made)
    assert issued.status_code == 201, issued.text
    about = f"db-{secrets.token_hex(3)}"
    program = {"Authorization": f"Bearer {issued.json()['token']}"}
    asked = {"workflow": "agreed", "namespace": "own", "inputs": {"about": about}}
    answer = httpx.post(f"{people.server.url}/api/v1/runs", json=asked, headers=program, trust_env=False, timeout=20)
    assert answer.status_code == 201, answer.text
    run = people.run_about(about)
    assert people.decide("maker", run["approval"]) == "approval.own"
    assert people.decide("other", run["approval"]) is None


def test_nobody_approves_by_a_token_that_they_made_for_somebody_else(people: People) -> None:
    about = f"db-{secrets.token_hex(3)}"
    asked = {"workflow": "agreed", "namespace": "own", "inputs": {"about": about}}
    assert people.signed_in["maker"].post("/api/v1/runs", json=asked).status_code == 201
    made = {"name": "imp", "scope": "role", "role": "approver", "namespaces": ["own"], "user": people.names["other"]}
    issued = people.signed_in["maker"].post("/api/v1/tokens", json=made)
    assert issued.status_code == 201, issued.text
    approval = people.run_about(about)["approval"]
    assert decided_by(people, issued.json()["token"], approval) == "approval.own"
    assert people.decide("other", approval) is None


def test_a_service_account_is_nobody_who_agrees(people: People) -> None:
    about = f"db-{secrets.token_hex(3)}"
    as_event(people.signed_in["sender"], about)
    approval = people.run_about(about)["approval"]
    robot = f"robot-{secrets.token_hex(3)}"
    bindings = [{"role": "approver", "namespace": "own"}]
    account = {"name": robot, "kind": "service", "bindings": bindings}
    assert people.server.client.post("/api/v1/users", json=account).status_code == 201
    to = {"to": f"user:{robot}"}
    delegated = people.signed_in["other"].post(f"/api/v1/approvals/{approval}/delegate", json=to)
    assert (delegated.status_code, delegated.json()["code"]) == (404, "user.not_found")
    made = {"name": robot, "scope": "role", "role": "approver", "namespaces": ["own"], "user": robot}
    token = people.server.client.post("/api/v1/tokens", json=made).json()["token"]
    assert decided_by(people, token, approval) == "approval.person"


def decided_by(people: People, token: str, approval: str) -> str | None:
    """The approval is approved with this token. Gives the code if that is refused."""
    answer = httpx.post(
        f"{people.server.url}/api/v1/approvals/{approval}/decide", json={"decision": "approve"},
        headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20,
    )  # fmt: skip
    return None if answer.status_code == 200 else str(answer.json()["code"])


def test_links_that_act_are_read_by_those_whose_mail_it_is_and_by_administrators(people: People) -> None:
    link = "https://oncue.example.com/act/abc.def-1_2?do=approve"
    folder = people.server.data / "mailbox" / "new"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "asked").write_text(f"From: a@example.com\nTo: b@example.com\nSubject: Approve?\n\nApprove: {link}\n")
    reader = people.token(scope="role", role="viewer", namespaces=["*"])
    assert (
        reader.get("/api/v1/mailbox/asked").json()["text"] == "Approve: https://oncue.example.com/act/cut?do=approve\n"
    )
    assert people.server.client.get("/api/v1/mailbox/asked").json()["text"] == f"Approve: {link}\n"


def test_why_a_run_waits_for_people_says_whom_and_that_too_few_are_left(people: People) -> None:
    def said() -> str:
        (waits,) = people.server.client.get(f"/api/v1/runs/{run['id']}/why").json()["waits"]
        return str(waits["what"])

    about = f"db-{secrets.token_hex(3)}"
    as_event(people.signed_in["sender"], about)
    run = people.run_about(about)
    sender, other, maker = (f"user:{name}" for name in people.names.values())
    asks = f"people must agree: approval {run['approval']} asks {sender}, {other}, {maker}; 0 of 1 have agreed"
    assert said() == f"{asks}, {other}, {maker} may"
    for name in (people.names["other"], people.names["maker"]):
        assert people.server.client.patch(f"/api/v1/users/{name}", json={"disabled": True}).status_code == 200
    assert said() == f"{asks}, and nobody may still: it cannot be met as it is"
    for name in (people.names["other"], people.names["maker"]):
        assert people.server.client.patch(f"/api/v1/users/{name}", json={"disabled": False}).status_code == 200
