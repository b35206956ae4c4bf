"""What the plan of a change has otherwise than the one that was agreed to, over HTTP and on the command line."""

from typing import Any

import pytest

from tests.server import Server, eventually

MANIFESTS = """
apiVersion: oncue/v1
kind: Team
metadata: {name: cab}
spec: {members: [cab-1]}
---
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: patch}
spec:
  description: Patch the kernel
  targets: {names: [web-1, web-2, web-3]}
  inputs: {type: object, properties: {version: {type: string}}}
  approvals: [{by: ["team:cab"]}]
  steps: [{id: patch, uses: http.request, with: {url: "http://127.0.0.1/${target}"}}]
"""


@pytest.fixture(scope="module")
def server(oncue_server: Server) -> Server:
    applied = oncue_server.client.post("/api/v1/manifests", content=MANIFESTS)
    assert applied.status_code == 200, applied.text
    person = {"name": "cab-1", "bindings": [{"role": "approver", "namespace": "default"}]}
    assert oncue_server.client.post("/api/v1/users", json=person).status_code == 201
    return oncue_server


def answered(response: Any) -> dict[str, Any]:
    assert response.status_code in (200, 201), response.text
    return dict(response.json())


def agreed(server: Server) -> dict[str, Any]:
    """A change on two targets that was agreed to."""
    body = {"template": "patch", "reason": "A hole", "targets": ["web-1", "web-2"], "with": {"version": "6.1"}}
    change = answered(server.client.post("/api/v1/changes", json=body))
    token = {"name": f"of-{change['id']}".lower(), "user": "cab-1", "role": "approver", "namespaces": ["default"]}
    cab = answered(server.client.post("/api/v1/tokens", json=token))["token"]
    path = f"/api/v1/approvals/{change['approval']}/decide"
    headers = {"Authorization": f"Bearer {cab}"}
    answered(server.client.post(path, json={"decision": "approve", "reason": "Go"}, headers=headers))
    path = f"/api/v1/changes/{change['id']}"
    eventually(lambda: answered(server.client.get(path))["state"] == "scheduled", what="it is agreed to")
    return answered(server.client.get(path))


def edited(server: Server, id: str, **more: Any) -> dict[str, Any]:
    body = {"template": "patch", "reason": "A hole", "targets": ["web-1", "web-2"], "with": {"version": "6.1"}, **more}
    return answered(server.client.put(f"/api/v1/changes/{id}", json=body))


def difference(server: Server, id: str, **query: str) -> dict[str, Any]:
    return answered(server.client.get(f"/api/v1/changes/{id}/plan/difference", params=query))


def told(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(one["part"], one["what"], one["name"], one["before"], one["after"]) for one in found["differences"]]


def test_what_was_edited_is_told_against_the_plan_that_was_agreed_to(server: Server) -> None:
    change = agreed(server)
    edited(server, change["id"], targets=["web-1"])
    now = edited(server, change["id"], targets=["web-1", "web-3"], **{"with": {"version": "6.2"}})
    assert (now["state"], now["approved"]) == ("authorise", None)
    found = difference(server, change["id"])
    assert (found["before"]["hash"], found["before"]["agreed"]) == (change["plan"]["hash"], True)
    assert (found["after"]["hash"], found["after"]["agreed"]) == (now["plan"]["hash"], False)
    assert told(found) == [
        ("targets", "added", "web-3", None, None),
        ("targets", "removed", "web-2", None, None),
        ("waves", "changed", "wave-1", ["web-1", "web-2"], ["web-1", "web-3"]),
        ("inputs", "changed", "version", "6.1", "6.2"),
    ]
    assert difference(server, change["id"], against=now["plan"]["hash"])["differences"] == []


def test_without_agreement_it_is_told_against_the_plan_before(server: Server) -> None:
    body = {"template": "patch", "reason": "A hole", "targets": ["web-1"]}
    change = answered(server.client.post("/api/v1/changes", json=body))
    found = difference(server, change["id"])
    assert (found["before"], found["differences"]) == (None, [])
    edited(server, change["id"], targets=["web-2"], **{"with": {}})
    last = edited(server, change["id"], targets=["web-3"], reason="Another hole", **{"with": {}})
    found = difference(server, change["id"])
    assert told(found)[:2] == [("targets", "added", "web-3", None, None), ("targets", "removed", "web-2", None, None)]
    (reason,) = [one for one in found["differences"] if one["part"] == "reason"]
    assert (reason["after"], reason["agreed"]) == ("Another hole", False)
    first = difference(server, change["id"], against=change["plan"]["hash"][:12])
    assert first["before"]["hash"] == change["plan"]["hash"]
    assert ("targets", "removed", "web-1", None, None) in told(first)
    assert last["plan"]["hash"] == first["after"]["hash"]


def test_steps_are_those_that_the_plan_had(server: Server) -> None:
    """Also of what was edited more than once, and not those of the edit that took them away."""

    def plan(*ids: str) -> dict[str, Any]:
        steps = [{"id": id, "uses": "http.request", "with": {"url": "http://127.0.0.1/"}} for id in ids]
        return {"targets": {"names": ["web-1"]}, "steps": steps, "approvals": [{"by": ["team:cab"]}]}

    change = answered(server.client.post("/api/v1/changes", json={"reason": "A hole", "plan": plan("one")}))
    for ids in (("two",), ("two", "three")):
        answered(server.client.put(f"/api/v1/changes/{change['id']}", json={"reason": "A hole", "plan": plan(*ids)}))
    steps = [(one["what"], one["name"]) for one in difference(server, change["id"])["differences"]]
    assert steps == [("added", "three")]
    since = difference(server, change["id"], against=change["plan"]["hash"])["differences"]
    assert [(one["what"], one["name"]) for one in since] == [("removed", "one"), ("added", "two"), ("added", "three")]


def test_a_draft_a_strange_hash_and_one_that_it_never_had_are_refused(server: Server) -> None:
    body = {"template": "patch", "reason": "A hole", "submit": False}
    draft = answered(server.client.post("/api/v1/changes", json=body))
    refused = server.client.get(f"/api/v1/changes/{draft['id']}/plan/difference")
    assert (refused.status_code, refused.json()["code"]) == (409, "change.state")
    planned = answered(server.client.post(f"/api/v1/changes/{draft['id']}/submit"))
    path = f"/api/v1/changes/{planned['id']}/plan/difference"
    for against, status, code in (("no hash", 400, "request.invalid"), ("0" * 64, 404, "change.plan_unknown")):
        refused = server.client.get(path, params={"against": against})
        assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_the_command_line_says_it_in_lines(server: Server) -> None:
    change = agreed(server)
    edited(server, change["id"], targets=["web-2", "web-3"], reason="Another hole")
    ran = server.cli("change", "plan", change["id"], "--diff")
    assert ran.returncode == 0, ran.stderr
    first, *lines = ran.stdout.splitlines()
    assert first.startswith(f"Plan {change['plan']['hash'][:12]} (agreed to, ")
    assert lines == [
        "  targets",
        "    + web-3",
        "    - web-1",
        "  waves",
        "    ~ wave-1",
        "      - web-1, web-2",
        "      + web-2, web-3",
        "  reason (not part of the plan)",
        "    - A hole",
        "    + Another hole",
    ]
    ran = server.cli("change", "plan", change["id"], "--against", "abcdef0")
    assert (ran.returncode, "error change.plan_unknown" in ran.stderr) == (1, True)


def test_show_tells_whoever_agrees_when_it_is_to_begin(server: Server) -> None:
    body = {
        "template": "patch",
        "reason": "A hole",
        "start_at": "2099-05-01T22:00:00Z",
        "deadline": "2099-05-02T04:00:00Z",
    }
    change = answered(server.client.post("/api/v1/changes", json=body))
    ran = server.cli("change", "show", change["id"])
    assert ran.returncode == 0, ran.stderr
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert ["earliest", "2099-05-01T22:00:00Z"] in lines
    assert ["deadline", "2099-05-02T04:00:00Z"] in lines
