"""Work on incidents, on a real server, from the command line and the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.server import Server, event, eventually

MANIFESTS = """
apiVersion: oncue/v1
kind: Channel
metadata: {name: status}
spec: {type: email, with: {to: [shop-users@example.com]}}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: mail}
spec: {type: email, with: {to: [basis-1@example.com]}}
---
apiVersion: oncue/v1
kind: Team
metadata: {name: basis}
spec: {channels: [mail]}
---
apiVersion: oncue/v1
kind: Service
metadata: {name: shop}
spec: {owner: "team:basis", criticality: critical, resources: ["app-*"], audience: ["channel:status"]}
---
apiVersion: oncue/v1
kind: StatusTemplate
metadata: {name: begun}
spec: {text: "We look into ${incident.title}."}
---
apiVersion: oncue/v1
kind: Runbook
metadata: {name: disk-full, description: Free space on a disk}
spec:
  steps:
    - {title: Find what fills it, text: du -x}
    - {title: Rotate the logs, link: "https://wiki.example/logs"}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: disk}
spec:
  match: {types: [org.example.disk.full]}
  alert: {runbook: "runbook:disk-full"}
"""


def ran(server: Server, *arguments: str, code: int = 0) -> str:
    done = server.cli(*arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout


def get(server: Server, path: str) -> Any:
    answer = server.client.get(f"/api/v1{path}")
    assert answer.is_success, answer.text
    return answer.json()


def of_shop(server: Server) -> list[dict[str, Any]]:
    return [one for one in server.items("incidents") if one["service"] == "shop"]


def test_an_incident_is_worked_on_from_opening_to_review(oncue_server: Server) -> None:
    server = oncue_server
    assert server.client.post("/api/v1/manifests", content=MANIFESTS).is_success
    server.emit(event(resource="app-1", severity="critical"))
    (incident,) = of_shop(server)
    id = incident["id"]
    assert (incident["service"], incident["priority"]) == ("shop", "P1")

    ran(server, "incident", "acknowledge", id)
    ran(server, "incident", "unacknowledge", id, "--reason", "not mine")

    # the checklist that the policy's runbook brought
    table = ran(server, "incident", "checklist", id)
    checklist = table.splitlines()[1].split("\t")[0]
    assert "Find what fills it" in table
    assert ran(server, "incident", "tick", checklist, "1") == f"{checklist} step 1 done; 1 of 2 open\n"
    assert "skipped; 0 of 2" in ran(server, "incident", "tick", checklist, "2", "--skip", "there are none")

    # tasks, responders, links, edits
    task = ran(server, "task", "add", id, "Call the vendor", "--assignee", "basis-2").split()[0]
    assert ran(server, "task", "done", task).startswith(f"{task} done: Call the vendor, for basis-2")
    assert "commander\tbasis-1" in ran(server, "incident", "respond", id, "basis-1", "--role", "commander")
    assert "https://wiki.example/shop" in ran(server, "incident", "link", id, "https://wiki.example/shop")
    assert f"{id} P3" in ran(server, "incident", "edit", id, "--priority", "P3", "-r", "a test shop")

    # stakeholders
    said = ran(server, "incident", "update", id, "-t", "begun", "--next", "30m")
    assert said.startswith(f"{id} told channel:status; the next by ")
    mail = eventually(
        lambda: next((one for one in server.items("mailbox") if one["to"] == ["shop-users@example.com"]), None)
    )
    assert "status update" in mail["subject"]
    assert "We look into" in ran(server, "incident", "updates", id)

    # a known error, made of it
    problem = ran(server, "problem", "create", "Logs fill the disk", "-w", "rotate by hand", "--incident", id).split()[
        0
    ]
    assert get(server, f"/incidents/{id}")["known_errors"] == [problem]

    # it ends, and comes again
    ran(server, "incident", "resolve", id, "--note", "logs rotated", "--cause", "capacity")
    ran(server, "incident", "close", id)
    server.emit(event(resource="app-1", severity="critical"))
    (again,) = [one for one in of_shop(server) if one["state"] == "open"]
    assert again["known_errors"] == [problem]
    (alike,) = get(server, f"/incidents/{again['id']}/similar")["items"]
    assert (alike["id"], alike["resolution"]["note"], alike["resolved_by"]) == (
        id,
        "logs rotated",
        again["held_by"] or alike["resolved_by"],
    )
    assert any("same alerts" in reason for reason in alike["reasons"])
    assert "logs rotated" in ran(server, "incident", "similar", again["id"])
    mail = eventually(
        lambda: next(
            (one for one in server.items("mailbox") if "rotate by hand" in str(get(server, f"/mailbox/{one['id']}"))),
            None,
        )
    )
    assert mail["to"] == ["basis-1@example.com"]

    # the review
    review = ran(server, "incident", "review", id, "--begin", "--write", "summary=The disk was full.",
                 "--action", "Watch growth", "--due", "2026-01-01T00:00:00Z")  # fmt: skip
    assert "The disk was full." in review
    drawn = get(server, f"/incidents/{id}/review")["drawn"]
    assert {"basis-1", "basis-2"} <= set(drawn["people"]) and drawn["resolve_s"] >= 0
    assert drawn["acknowledge_s"] is not None and drawn["acknowledge_s"] >= 0
    assert [one["resource"] for one in drawn["alerts"]] == ["app-1"]
    assert any(one["type"] == "oncue.checklist.ticked" for one in drawn["timeline"])
    assert f"{id} published" in ran(server, "incident", "review", id, "--publish")
    (action,) = get(server, "/tasks?type=action&overdue=true")["items"]
    assert (action["title"], action["incident"], action["state"]) == ("Watch growth", id, "open")
    assert get(server, "/reviews/missing")["items"] == [], "P3 needs none"
    facts = get(server, f"/incidents/{id}/timeline?type=oncue.task.*")["items"]
    assert {one["type"] for one in facts} == {"oncue.task.created", "oncue.task.done"}

    # the handover
    table = ran(server, "handover", "preview")
    assert "Watch growth" in table and again["id"] in table and "Resolved since: 1" in table
    handover = ran(server, "handover", "create", "--notes", "watch app-1").split()[0]
    assert server.cli("handover", "confirm", handover).returncode == 1, "not by oneself"
    other = server.client.post("/api/v1/tokens", json={"name": "next", "role": "responder", "namespaces": ["default"]})
    bearer = {"Authorization": f"Bearer {other.json()['token']}"}
    confirmed = server.client.post(f"/api/v1/handovers/{handover}/confirm", json={"remark": "got it"}, headers=bearer)
    assert (confirmed.json()["state"], confirmed.json()["confirmed_by"]) == ("confirmed", "token:next")
    assert "watch app-1" in ran(server, "handover", "show", handover)
    for kind, one in (("tasks", action["id"]), ("problems", problem), ("reviews", id), ("handovers", handover)):
        assert one in ran(server, "get", kind)


def test_many_are_acted_on_at_once_and_each_is_answered(fresh_server: Server) -> None:
    server = fresh_server
    server.emit(*(event(resource=f"place-{number}") for number in range(120)))
    open_ = [one["id"] for one in server.items("incidents")]
    assert len(open_) == 120

    def bulk(what: str, **asked: Any) -> Any:
        answer = server.client.post(f"/api/v1/{what}/bulk", json=asked)
        assert answer.is_success, answer.text
        return answer.json()

    found = bulk("incidents", do="acknowledge", ids=[*open_[:70], "INC-999999", open_[0]])
    assert (found["done"], found["refused"], found["left"]) == (70, 1, 0)
    assert found["items"][70] == {"id": "INC-999999", "code": "incident.not_found", "detail": ""}
    found = bulk("incidents", do="acknowledge", filter={"state": ["open", "acknowledged"]})
    assert (found["done"], found["refused"]) == (50, 70)
    assert {one["code"] for one in found["items"]} == {None, "incident.state"}
    assert bulk("incidents", do="assign", assignee="basis-1", filter={"q": "INC-"})["done"] == 120
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert bulk("incidents", do="snooze", until=until, ids=open_[:2])["done"] == 2
    assert len([one for one in server.items("alerts") if one["quiet"]]) == 2
    assert bulk("alerts", do="unsnooze", filter={"state": ["firing"]})["done"] >= 2
    merged = bulk("incidents", do="merge", into=open_[0], ids=open_[:4])
    assert (merged["done"], merged["refused"]) == (3, 0)
    assert get(server, f"/incidents/{open_[0]}")["alerts_firing"] == 4
    table = ran(server, "bulk", "alerts", "resolve", "--state", "firing")
    assert "done" in table
    assert ran(server, "bulk", "incidents", "resolve", "INC-999999", code=1).splitlines()[1].split("\t")[:2] == [
        "INC-999999", "incident.not_found",
    ]  # fmt: skip
    for wrong in ({"do": "resolve"}, {"do": "resolve", "filter": {}}, {"do": "snooze", "ids": ["x"]},
                  {"do": "resolve", "ids": ["x"], "filter": {"q": "x"}}):  # fmt: skip
        assert server.client.post("/api/v1/alerts/bulk", json=wrong).json()["code"] == "request.invalid"
    unknown = server.client.post("/api/v1/incidents", json={"title": "slow", "severity": "ok"}).json()
    assert unknown["detail"].endswith("Invalid enum value 'ok'; it is one of critical, major, minor, warning")


def test_what_was_written_on_a_merged_incident_is_seen_on_the_other(oncue_server: Server) -> None:
    server = oncue_server
    server.emit(event(resource="merged-apple"), event(resource="merged-brick"))
    one, two = (server.items("incidents", resource=f"merged-{name}")[0]["id"] for name in ("apple", "brick"))
    ran(server, "incident", "comment", two, "it is the switch")
    ran(server, "incident", "update", two, "We look.", "--to", "channel:none")
    ran(server, "task", "add", two, "Replace it")
    ran(server, "incident", "merge", one, two)
    assert [found["text"] for found in server.items(f"incidents/{one}/comments")] == ["it is the switch"]
    assert [found["text"] for found in server.items(f"incidents/{one}/updates")] == ["We look."]
    assert [found["title"] for found in server.items(f"incidents/{one}/tasks")] == ["Replace it"]
