"""Changes over HTTP: whom a rule adds to their plan, what the calendar says of changes that meet, what is said of one that is over."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import Server

MANIFESTS = """
apiVersion: oncue/v1
kind: Channel
metadata: {name: mail, namespace: changing}
spec: {type: email, with: {to: [basis@example.com]}}
---
apiVersion: oncue/v1
kind: Person
metadata: {name: basis-1, namespace: changing}
spec: {default: [{channel: mail}]}
---
apiVersion: oncue/v1
kind: ChangeRule
metadata: {name: cab, namespace: changing}
spec: {approvals: [{by: ["user:cab-1"]}]}
---
apiVersion: oncue/v1
kind: ChangeCalendar
metadata: {name: always, namespace: changing}
spec: {windows: [{starts_at: "2026-01-01T22:00", duration: 2h, rrule: FREQ=DAILY}]}
"""


def own(owner: str | None = None, **more: Any) -> dict[str, Any]:
    """A plan of one's own, to which a friend may agree."""
    step = {"id": "wait", "uses": "http.request", "with": {"url": "http://127.0.0.1:9/"}}
    return {
        "targets": {"names": ["web-1"]}, "steps": [step], "approvals": [{"by": ["user:friend-1"]}],
        **({"owner": owner} if owner is not None else {}), **more,
    }  # fmt: skip


def wanted(server: Server, **plan: Any) -> dict[str, Any]:
    body = {"namespace": "changing", "reason": "A hole is closed", "plan": own(**plan)}
    made = server.client.post("/api/v1/changes", json=body)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def test_a_rule_and_a_busy_owner_are_seen(oncue_server: Server) -> None:
    applied = oncue_server.client.post("/api/v1/manifests", content=MANIFESTS)
    assert applied.status_code == 200, applied.text
    change = wanted(oncue_server)
    assert [one["by"] for one in change["plan"]["approvals"]] == [["user:friend-1"], ["user:cab-1"]]
    times: dict[str, Any] = {"window": {"calendar": "always"}, "owner": "user:basis-1"}
    template = {"apiVersion": "oncue/v1", "kind": "ChangeTemplate"}
    ids, then = [], datetime.now(UTC) + timedelta(days=40)
    for name, target in (("one", "web-2"), ("two", "web-3")):
        spec = {**own(**times), "type": "standard", "approvals": [], "targets": {"names": [target]}}
        document = {**template, "metadata": {"name": name, "namespace": "changing"}, "spec": spec}
        assert oncue_server.client.post("/api/v1/manifests", json=document).status_code == 200
        body = {"namespace": "changing", "reason": "Monthly", "template": name, "start_at": then.isoformat()}
        ids.append(oncue_server.client.post("/api/v1/changes", json=body).json()["id"])
    asked = {"namespace": "changing", "since": then.isoformat(), "until": (then + timedelta(days=3)).isoformat()}
    planned = oncue_server.client.get("/api/v1/change-calendar", params=asked).json()["changes"]
    found = {one["id"]: (one["conflicts"], one["owner_busy"]) for one in planned}
    assert found == {ids[0]: ([], [ids[1]]), ids[1]: ([], [ids[0]])}


def test_a_change_that_is_over_is_not_said_to_be_missing(oncue_server: Server) -> None:
    id = wanted(oncue_server)["id"]

    def ask(verb: str, **data: Any) -> tuple[int, str, str]:
        answer = oncue_server.client.post(f"/api/v1/changes/{id}/{verb}", json=data or None)
        return answer.status_code, answer.json().get("code", ""), answer.json().get("detail", "")

    assert ask("cancel")[0] == 200
    for verb, data in (("cancel", {}), ("start", {}), ("submit", {}), ("review", {"code": "successful"})):
        assert ask(verb, **data) == (409, "change.state", f"{id} is cancelled; it does not change any more")
    edited = {"reason": "Another", "plan": own()}
    assert oncue_server.client.put(f"/api/v1/changes/{id}", json=edited).json()["code"] == "change.state"
    id = "CHG-99999"
    assert ask("cancel")[:2] == (404, "change.not_found")
