"""Runs over HTTP: why one does not move, and what comes next."""

from typing import Any

import httpx
import pytest

from tests.server import Server, eventually, free_port

WORKFLOWS = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: settle}
spec:
  inputs: {type: object, required: [host], properties: {host: {type: string}}}
  concurrency: {by: [inputs.host]}
  steps:
    - id: both
      parallel:
        - {id: fails, wait: {event: {types: [a.b, a.c], resource: "${inputs.host}"}, timeout: 1h}}
        - {id: bears, wait: {event: {types: [a.d]}, timeout: 1h, on_timeout: continue}}
        - {id: rests, wait: {for: 1h}}
---
apiVersion: oncue/v1
kind: Team
metadata: {name: storage}
spec: {members: [basis-1, basis-2, guest-1, long-gone]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: asks}
spec:
  inputs: {type: object, required: [host], properties: {host: {type: string}}}
  steps:
    - {id: look, set: {seen: "${inputs.host}"}}
    - {id: ask, approvals: [{by: ["team:storage", "user:basis-3"]}]}
    - {id: extend, uses: http.request, with: {url: "http://web.example.com/${vars.seen}", method: POST}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: guarded}
spec:
  steps:
    - {id: guard, try: [{id: rests, wait: {for: 1h}}], finally: [{id: tidy, wait: {event: {types: [a.tidy]}}}]}
    - {id: after, set: {x: 1}}
"""
CALLS = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: calls}
spec:
  steps: [{id: call, run: {workflow: settle, with: {host: web-9}}}]
"""
PEOPLE = {"basis-1": "operator", "basis-2": "operator", "basis-3": "approver", "guest-1": "viewer"}


@pytest.fixture(scope="module")
def server(oncue_server: Server) -> Server:
    """A server with the workflows of these tests."""
    applied = oncue_server.client.post("/api/v1/manifests", content=WORKFLOWS)
    assert applied.status_code == 200, applied.text
    for name, role in PEOPLE.items():
        person = {"name": name, "bindings": [{"role": role, "namespace": "default"}]}
        assert oncue_server.client.post("/api/v1/users", json=person).status_code == 201
    return oncue_server


def started(server: Server, workflow: str, state: str, **inputs: Any) -> str:
    """The id of a new run that has come to this state."""
    answer = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    run = str(answer.json()["id"])
    eventually(lambda: server.client.get(f"/api/v1/runs/{run}").json()["state"] == state, what=f"{workflow} {state}")
    return run


def test_why_says_what_is_waited_for_and_what_comes_of_it(server: Server) -> None:
    first = started(server, "settle", "running", host="web-1")
    second = started(server, "settle", "queued", host="web-1")
    why = server.client.get(f"/api/v1/runs/{first}/why").json()
    waits = {one["step"]: one for one in why["waits"]}
    server.client.post(f"/api/v1/runs/{first}/pause", json={"reason": "lunch"})
    resting = {one["step"]: one for one in server.client.get(f"/api/v1/runs/{first}/why").json()["waits"]}
    assert resting["both/rests"]["then"] == "the run goes on, once it is resumed"
    server.client.post(f"/api/v1/runs/{first}/resume")
    assert (waits["both/fails"]["types"], waits["both/fails"]["resource"]) == (["a.b", "a.c"], "web-1")
    assert "resource" not in waits["both/bears"]
    assert [waits[f"both/{id}"]["then"] for id in ("fails", "bears", "rests")] == [
        "the step fails", "the run goes on without it", "the run goes on",
    ]  # fmt: skip
    assert why["room"] == {"limit": 1, "by": ["web-1"], "under_way": [first], "queued": 1}
    assert server.client.get(f"/api/v1/runs/{second}/why").json()["room"] == why["room"]


def test_of_many_runs_one_answer_says_what_each_waits_for(server: Server) -> None:
    events = started(server, "settle", "running", host="web-3")
    people = started(server, "asks", "running", host="web-3")
    foreign = {"workflow": "guarded", "namespace": "foreign"}
    manifest = WORKFLOWS[WORKFLOWS.rindex("---") :].replace("name: guarded", "name: guarded, namespace: foreign")
    assert server.client.post("/api/v1/manifests", content=manifest).status_code == 200
    elsewhere = server.client.post("/api/v1/runs", json=foreign).json()["id"]
    eventually(lambda: server.client.get(f"/api/v1/runs/{elsewhere}/why").json()["waits"], what="it waits")
    asked = [people, "run-unknown", events, elsewhere]
    every = server.client.get("/api/v1/runs/why", params={"run": asked}).json()
    assert every["items"] == [
        server.client.get(f"/api/v1/runs/{one}/why").json() for one in (people, events, elsewhere)
    ]
    scope = {"scope": "role", "role": "viewer", "namespaces": ["default"]}
    token = server.client.post("/api/v1/tokens", json={"name": "sees-default", **scope}).json()["token"]
    seen = httpx.get(
        f"{server.url}/api/v1/runs/why",
        params={"run": asked},
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert seen.json()["items"] == every["items"][:2], "not those of another namespace"
    many = server.client.get("/api/v1/runs/why", params={"run": [f"run-{one}" for one in range(101)]})
    assert (many.status_code, many.json()["code"]) == (400, "request.invalid")
    assert server.client.get("/api/v1/runs/why").status_code == 400
    for one in (events, people, elsewhere):
        server.client.post(f"/api/v1/runs/{one}/cancel")


def test_whoever_asks_people_who_are_not_there_or_too_few_is_warned(server: Server) -> None:
    text = CALLS.replace("name: calls", "name: lonely").replace(
        "{id: call, run: {workflow: settle, with: {host: web-9}}}",
        "{id: ask, approvals: [{by: [user:nobody, user:basis-1], expires: 10m}, {stage: more, by: [team:storage], quorum: 5, expires: 10m}]}",
    )
    warnings = server.client.post("/api/v1/manifests", content=text, params={"dry_run": True}).json()["warnings"]
    assert [one.partition("spec.")[2] for one in warnings] == [
        "steps[0].approvals[0].by[0]: nobody of the name nobody can sign in by now",
        "steps[0].approvals: as it is, they can never agree: stage more asks team:storage for 5; user:basis-1, "
        "user:basis-2, user:guest-1, user:long-gone had no hand in it and may agree",
    ]


def test_whoever_asks_a_team_of_which_nobody_is_there_is_warned(server: Server) -> None:
    text = CALLS.replace("name: calls", "name: haunted").replace(
        "{id: call, run: {workflow: settle, with: {host: web-9}}}",
        "{id: ask, approvals: [{by: [team:ghosts], expires: 10m}]}",
    )
    text = f"apiVersion: oncue/v1\nkind: Team\nmetadata: {{name: ghosts}}\nspec: {{members: [ghost-1]}}\n---\n{text}"
    warnings = server.client.post("/api/v1/manifests", content=text, params={"dry_run": True}).json()["warnings"]
    assert [one.partition("spec.")[2] for one in warnings] == [
        "steps[0].approvals[0].by[0]: nobody of team:ghosts can sign in by now"
    ]


def test_whoever_tells_people_whom_nothing_reaches_is_warned(server: Server) -> None:
    text = CALLS.replace("name: calls", "name: shouts").replace(
        "{id: call, run: {workflow: settle, with: {host: web-9}}}",
        "{id: tell, uses: notify.send, with: {to: [team:storage, channel:nowhere], title: Full}}",
    )
    warnings = server.client.post("/api/v1/manifests", content=text, params={"dry_run": True}).json()["warnings"]
    assert [one.partition("spec.")[2] for one in warnings] == [
        "steps[0].with.to[0]: this reaches nobody: no Person basis-1 in default says how to reach user:basis-1",
        "steps[0].with.to[1]: this reaches nobody: there is no channel nowhere in default",
    ]


@pytest.mark.parametrize("path", ["/api/v1/runs", "/api/v1/runs/dry-run"])
def test_whoever_misspells_a_workflow_is_told_the_near_one(server: Server, path: str) -> None:
    for name, near in (("setle", "; did you mean settle?"), ("entirely-else", "")):
        refused = server.client.post(path, json={"workflow": name, "inputs": {"host": "web-1"}})
        assert (refused.status_code, refused.json()["code"]) == (404, "workflow.not_found")
        assert refused.json()["detail"] == f"{name} in default{near}"


def test_a_dry_run_names_secrets_that_do_not_exist_and_addresses_that_are_closed(server: Server) -> None:
    client = server.client
    text = CALLS.replace("name: calls", "name: reaches").replace(
        "{id: call, run: {workflow: settle, with: {host: web-9}}}",
        "{id: ask, uses: http.request, with: {url: 'http://10.77.0.1:9000/', secret: 'secret://reaches'}}",
    )
    assert client.post("/api/v1/manifests", content=text).status_code == 200

    def why() -> str:
        (step,) = client.post("/api/v1/runs/dry-run", json={"workflow": "reaches"}).json()["steps"]
        return f"{step['verdict']} {step.get('why', '').partition(':')[0]}"

    assert why() == "fails secret.not_found"
    assert client.put("/api/v1/secrets/other/reaches", json={"value": "x"}).status_code < 300
    assert why() == "fails secret.not_found", "it is another namespace's"
    assert client.put("/api/v1/secrets/default/reaches", json={"value": "x"}).status_code < 300
    assert why() == "fails outbound.refused"
    opened = {"apiVersion": "oncue/v1", "kind": "OutboundAllow", "metadata": {"name": "reaches"}}
    for spec, said in (
        ({"host": "10.77.0.1", "port": 9001}, "fails outbound.refused"),
        ({"host": "10.77.0.0/24"}, "runs "),
    ):
        assert client.post("/api/v1/manifests", json={**opened, "spec": {**spec, "reason": "test"}}).status_code == 200
        assert why() == said


def test_of_a_run_that_waits_for_its_turn_whoever_waits_for_it_says_what_has_the_turn(server: Server) -> None:
    assert server.client.post("/api/v1/manifests", content=CALLS).status_code == 200
    first = started(server, "settle", "running", host="web-9")
    above = started(server, "calls", "running")
    path = f"/api/v1/runs/{above}/why"
    eventually(lambda: server.client.get(path).json()["waits"][0]["run"].startswith("run-"), what="the run is begun")
    (wait,) = server.client.get(path).json()["waits"]
    assert wait["what"] == (f"another run must end: run {wait['run']}, which waits for its turn: {first} is running")
    server.client.post(f"/api/v1/runs/{first}/cancel")
    server.client.post(f"/api/v1/runs/{wait['run']}/pause", json={"reason": "lunch"})
    (wait,) = server.client.get(path).json()["waits"]
    assert wait["what"] == f"another run must end: run {wait['run']}, which token:preset-admin paused: lunch"
    server.client.post(f"/api/v1/runs/{above}/cancel")


def test_one_that_was_stopped_says_what_it_still_does_until_it_is_to_end_at_once(server: Server) -> None:
    run = started(server, "guarded", "running")
    stopped = server.client.post(f"/api/v1/runs/{run}/cancel", json={"reason": "not wanted"}).json()
    assert (stopped["state"], stopped["wants"]) == ("running", "cancel")
    why = server.client.get(f"/api/v1/runs/{run}/why").json()
    assert why["waits"][0]["what"] == (
        "it was stopped: not wanted (token:preset-admin); what is under finally is still being done"
    )
    assert {one["step"] for one in why["waits"][1:]} == {"guard/tidy"}
    assert server.client.get(f"/api/v1/runs/{run}/ahead").json()["steps"] == []
    assert server.client.post(f"/api/v1/runs/{run}/pause").json()["code"] == "run.stopping"
    again = server.client.post(f"/api/v1/runs/{run}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "run.stopping")
    assert "--at-once" in again.json()["hint"]
    assert server.client.post(f"/api/v1/runs/{run}/cancel", json={"at_once": True}).json()["state"] == "cancelled"


def test_the_steps_to_come_say_what_they_would_do_with_what_is_known_by_now(server: Server) -> None:
    run = started(server, "asks", "running", host="web-7")
    ahead = server.client.get(f"/api/v1/runs/{run}/ahead").json()
    (step,) = ahead["steps"]
    assert (step["step"], step["verdict"]) == ("extend", "runs")
    assert "POST http://web.example.com/web-7" in step["does"]
    assert (ahead["fails"], ahead["unknown"]) == ([], 0)
    server.client.post(f"/api/v1/runs/{run}/cancel")
    assert server.client.get(f"/api/v1/runs/{run}/ahead").json()["steps"] == []


def test_what_nobody_can_agree_to_any_more_is_said(server: Server) -> None:
    for name, kind in (("leaver-1", "person"), ("robot-1", "service")):
        person = {"name": name, "kind": kind, "bindings": [{"role": "approver", "namespace": "default"}]}
        assert server.client.post("/api/v1/users", json=person).status_code == 201
    written = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: left-alone}
spec: {steps: [{id: ask, approvals: [{by: ["user:leaver-1", "user:robot-1"]}]}]}
"""
    assert server.client.post("/api/v1/manifests", content=written).status_code == 200
    run = started(server, "left-alone", "running")

    def wait() -> str:
        return str(server.client.get(f"/api/v1/runs/{run}/why").json()["waits"][0]["what"])

    def alerts() -> list[str]:
        return [one["title"] for one in server.items("alerts", type="workflow.run.stuck", state="firing")]

    assert wait().endswith("0 of 1 have agreed, user:leaver-1 may")
    assert server.client.patch("/api/v1/users/leaver-1", json={"disabled": True}).status_code == 200
    assert "nobody may still: it cannot be met as it is" in eventually(
        lambda: wait() if "cannot" in wait() else None, what="it is said"
    )
    (title,) = eventually(alerts, what="the alert")
    assert title.startswith("left-alone cannot go on: step ask: stage approve asks user:leaver-1, user:robot-1 for 1")
    assert server.client.patch("/api/v1/users/leaver-1", json={"disabled": False}).status_code == 200
    eventually(lambda: not alerts(), what="it is over")
    server.client.post(f"/api/v1/runs/{run}/cancel")


def test_an_approval_names_those_whose_word_it_waits_for_and_who_may_say_it(server: Server) -> None:
    run = started(server, "asks", "running", host="web-8")
    (wait,) = server.client.get(f"/api/v1/runs/{run}/why").json()["waits"]
    path = f"/api/v1/approvals/{wait['approval']}"
    assert server.client.get(path).json()["may_decide"] == ["user:basis-1", "user:basis-2", "user:basis-3"]
    server.client.post(f"/api/v1/runs/{run}/cancel")
    assert server.client.get(path).json()["may_decide"] == []


OUTER = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: outer}
spec:
  steps:
    - {id: call, run: {workflow: inner}}
    - {id: breaks, uses: event.emit, with: {type: "${'oncue.' + 'reserved'}"}}
  on_failure: {rollback: all}
"""
INNER = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: inner}
spec:
  steps:
    - {id: done, set: {done: true}}
    - id: never
      if: "false"
      uses: http.request
      with: {url: "http://127.0.0.1/"}
      rollback: {uses: http.request, with: {url: "http://127.0.0.1/"}}
"""


def test_what_no_rollback_reaches_is_said_when_it_is_applied_and_when_it_has_happened(server: Server) -> None:
    assert server.client.post("/api/v1/manifests", content=INNER).status_code == 200
    applied = server.client.post("/api/v1/manifests", content=OUTER)
    assert applied.status_code == 200, applied.text
    (warning,) = applied.json()["warnings"]
    assert warning.startswith(
        "Workflow outer: 7:18: spec.steps[0].run: a rollback does not undo what Workflow inner did"
    )
    run = started(server, "outer", "failed")
    (call,) = [one for one in server.client.get(f"/api/v1/runs/{run}").json()["steps"] if one["address"] == "call"]
    (over,) = server.client.get(f"/api/v1/runs/{run}/why").json()["waits"]
    assert over["what"].endswith(f"; what {call['result']['run']} did is not undone")


TRIES = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: itself}
spec: {host: 127.0.0.1, port: PORT}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: nobody}
spec: {host: 127.0.0.1, port: DEAD}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: tries}
spec:
  steps:
    - id: probe
      uses: http.request
      with: {url: "http://127.0.0.1:DEAD/"}
      retry: {attempts: 1}
      on_failure: continue
    - id: look
      uses: http.request
      with: {url: "http://127.0.0.1:PORT/healthz"}
      validate: {uses: http.request, with: {url: "http://127.0.0.1:PORT/healthz"}, that: result.status == 200}
"""


def test_attempts_say_how_they_ended_and_what_a_look_found(server: Server) -> None:
    written = TRIES.replace("PORT", str(server.port)).replace("DEAD", str(free_port()))
    assert server.client.post("/api/v1/manifests", content=written).status_code == 200
    run = started(server, "tries", "succeeded")

    def attempts(step: str) -> list[dict[str, Any]]:
        answer = server.client.get(f"/api/v1/runs/{run}/attempts", params={"step": step}).json()
        assert answer["more"] is False
        return list(answer["items"])

    (failed,) = attempts("probe")
    assert (failed["attempt"], failed["state"], failed["error_code"]) == (1, "failed", "http.connect")
    assert failed["started_at"] <= failed["ended_at"]
    assert (failed["next_try_at"], failed["result"]) == (None, None)
    done, saw = attempts("look")
    assert (done["look"], done["state"], done["result"]) == (False, "succeeded", None)
    assert (saw["look"], saw["state"], saw["result"]["status"]) == (True, "succeeded", 200)
    assert attempts("elsewhere") == []
    whole = server.client.get(f"/api/v1/runs/{run}/attempts").json()
    assert [one["step"] for one in whole["items"]] == ["probe", "look", "look"]
    assert (whole["items"][1:], whole["more"]) == ([done, saw], False)


def test_a_step_that_is_to_be_tried_again_when_the_run_goes_on_says_so(server: Server) -> None:
    both = [{"id": id, "wait": {"event": {"types": ["a.never"]}, "timeout": "1s"}} for id in ("amo", "sh")]
    spec = {"steps": [{"id": "p", "parallel": both}], "on_failure": {"pause": True}}
    workflow = {"apiVersion": "oncue/v1", "kind": "Workflow", "metadata": {"name": "twice"}, "spec": spec}
    assert server.client.post("/api/v1/manifests", json=workflow).status_code == 200
    run = started(server, "twice", "paused")
    again = server.client.post(f"/api/v1/runs/{run}/retry", json={"step": "p/amo"})
    assert (again.status_code, again.json()["state"]) == (200, "paused")
    by = next(one["again_by"] for one in again.json()["steps"] if one["address"] == "p/amo")
    waits = server.client.get(f"/api/v1/runs/{run}/why").json()["waits"]
    assert [(one["step"], one["code"]) for one in waits] == [("p/sh", "person"), ("p/amo", "retry")]
    assert waits[1]["what"].startswith(f"it is tried again when the run goes on, as {by} asked; it failed before: ")
    shown = server.cli("runs", "show", run)
    assert f"tried again when the run goes on, as {by} asked" in " ".join(shown.stdout.split())
    refused = server.client.post(f"/api/v1/runs/{run}/retry", json={"step": "p/amo"})
    assert (refused.status_code, refused.json()["code"]) == (409, "step.state")
    assert "is to be tried again already" in refused.json()["detail"]
