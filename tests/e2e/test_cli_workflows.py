"""Workflows on the command line, against a real server: what people see of runs, approvals and requests."""

import json
import os
import pty
import subprocess
from typing import Any

import httpx
import pytest

from tests.server import ADMIN_TOKEN, ONCUE, Server, environment, eventually, run_cli

MANIFESTS = """
apiVersion: oncue/v1
kind: Team
metadata: {name: leads}
spec: {members: [lead-1]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: asks}
spec:
  self_service: {title: Ask nicely, by: [anyone], approvals: [{by: ["team:leads"]}]}
  steps:
    - {id: zeta, set: {began: true}}
    - {id: ask, ask: May it go on?, approvals: [{by: ["team:leads"]}]}
    - {id: alpha, set: {ended: true}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: stops}
spec:
  steps:
    - {id: breaks, uses: event.emit, with: {type: "${'oncue.' + 'reserved'}"}}
  on_failure: {pause: true}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: nobody-listens}
spec: {host: 127.0.0.1, port: 9, reason: Nobody listens there.}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: probes}
spec:
  on_failure: {pause: true}
  steps:
    - {id: probe, uses: http.request, with: {url: "http://127.0.0.1:9/"}, retry: {attempts: 1}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: tries}
spec:
  steps:
    - {id: fails, uses: http.request, with: {url: "http://127.0.0.1:9/"}, retry: {attempts: 3, initial: 2s, errors: [http]}}
"""


@pytest.fixture(scope="module")
def tokens(oncue_server: Server) -> dict[str, str]:
    """Name to token, of two leads of whom one is in the team, and of one who only looks."""
    applied = oncue_server.client.post("/api/v1/manifests", content=MANIFESTS)
    assert applied.status_code == 200, applied.text
    found = {}
    for name, role in (("lead-1", "operator"), ("lead-2", "operator"), ("guest-1", "viewer")):
        person = {"name": name, "bindings": [{"role": role, "namespace": "default"}]}
        made(oncue_server.client.post("/api/v1/users", json=person))
        token = {"name": name, "user": name, "role": role, "namespaces": ["default"]}
        found[name] = str(made(oncue_server.client.post("/api/v1/tokens", json=token))["token"])
    return found


def made(answer: httpx.Response) -> dict[str, object]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def oncue(server: Server, *arguments: str, token: str = ADMIN_TOKEN, code: int = 0) -> str:
    """What the command says, on both streams."""
    ran = run_cli(*arguments, variables={"ONCUE_SERVER": server.url, "ONCUE_TOKEN": token}, timeout_s=60)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def started(server: Server, workflow: str, state: str) -> str:
    run = oncue(server, "run", workflow).split()[0]
    eventually(lambda: server.client.get(f"/api/v1/runs/{run}").json()["state"] == state, what=f"{workflow} {state}")
    return run


def waiting(server: Server, run: str) -> str:
    """The approval that the run waits for."""

    def asked() -> str | None:
        waits = server.client.get(f"/api/v1/runs/{run}/why").json()["waits"]
        return next((one["approval"] for one in waits if one.get("approval")), None)

    return eventually(asked, what="an approval")


def test_steps_are_told_in_the_order_of_the_workflow_with_who_agreed(
    oncue_server: Server, tokens: dict[str, str]
) -> None:
    run = started(oncue_server, "asks", "running")
    approval = waiting(oncue_server, run)
    oncue(oncue_server, "approval", "approve", approval, token=tokens["lead-1"])
    assert f"{run} succeeded" in oncue(oncue_server, "logs", run, "--follow")
    shown = oncue(oncue_server, "runs", "show", run).splitlines()
    assert shown[0] == f"{run} succeeded"
    assert [line.split("\t")[0] for line in shown[-3:]] == ["zeta", "ask", "alpha"]
    explained = oncue(oncue_server, "explain", "run", run)
    assert explained.index("Step zeta") < explained.index("Step ask") < explained.index("Step alpha")
    assert "Step ask (approval): approved by user:lead-1." in explained
    assert oncue(oncue_server, "runs", "why", run) == f"{run}: it is over: succeeded\n"
    assert "told nothing" in oncue(oncue_server, "logs", run)


def test_it_can_be_read_who_paused_resumed_and_agreed_and_why(oncue_server: Server, tokens: dict[str, str]) -> None:
    run = oncue(oncue_server, "run", "asks").split()[0]
    approval = waiting(oncue_server, run)
    oncue(oncue_server, "runs", "pause", run, "--reason", "a freeze", token=tokens["lead-2"])
    oncue(oncue_server, "runs", "resume", run, token=tokens["lead-1"])
    oncue(oncue_server, "approval", "approve", approval, "--reason", "go on", token=tokens["lead-1"])
    eventually(lambda: oncue_server.client.get(f"/api/v1/runs/{run}").json()["state"] == "succeeded", what="its end")
    facts = [
        line.split("\t") for line in oncue(oncue_server, "explain", "run", run).splitlines() if "oncue.run." in line
    ]
    assert [(fact, by) for _, fact, _, by, _ in reversed(facts)] == [
        ("oncue.run.started", "token:preset-admin"),
        ("oncue.run.paused", "token:lead-2"),
        ("oncue.run.resumed", "token:lead-1"),
        ("oncue.run.succeeded", ""),
    ]
    assert " by token:preset-admin\n" in oncue(oncue_server, "runs", "show", run)
    listed = next(line for line in oncue(oncue_server, "get", "approvals").splitlines() if line.startswith(approval))
    assert listed.endswith("approve by user:lead-1: go on")


def test_whoever_follows_a_run_that_pauses_is_told_how_to_go_on(oncue_server: Server) -> None:
    run = started(oncue_server, "stops", "paused")
    env = environment({"ONCUE_SERVER": oncue_server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
    follow = [str(ONCUE), "logs", run, "--follow"]
    with subprocess.Popen(follow, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as looking:
        assert looking.stderr is not None
        said = looking.stderr.readline()
        oncue(oncue_server, "runs", "cancel", run)
        assert looking.wait(timeout=30) == 1
    assert said == f"{run} is paused. What takes it on: oncue runs why {run}\n"


def test_whoever_follows_a_run_that_waits_is_told_what_for_and_who_may_act(
    oncue_server: Server, tokens: dict[str, str]
) -> None:
    run = started(oncue_server, "asks", "running")
    approval = waiting(oncue_server, run)
    env = environment({"ONCUE_SERVER": oncue_server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
    follow = [str(ONCUE), "logs", run, "--follow"]
    with subprocess.Popen(follow, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as looking:
        assert looking.stdout is not None
        told = next(line for line in looking.stdout if "people must agree" in line)
        oncue(oncue_server, "approval", "approve", approval, token=tokens["lead-1"])
        shown, said = looking.communicate(timeout=30)
    assert f"approval {approval} asks team:leads" in told and "people must agree" not in shown, (told, shown, said)
    assert shown.splitlines()[-1] == f"{run} succeeded" and said == ""


def test_each_try_of_a_step_has_its_own_time(oncue_server: Server, tokens: dict[str, str]) -> None:
    followed = oncue(oncue_server, "run", "tries", "--follow", code=1)
    tries = [line.split()[0] for line in followed.splitlines() if "attempt" in line]
    assert len(tries) >= 2 and len(set(tries)) >= 2 and tries == sorted(tries), followed
    run = json.loads(oncue(oncue_server, "get", "runs", "--type", "tries", "-o", "json"))[0]["id"]
    shown = oncue(oncue_server, "runs", "show", run).splitlines()
    step, first, second = [line.split("\t") for line in shown[-3:]]
    assert step[:3] == ["fails", "failed", "3"]
    assert [(row[0].strip(), row[1], row[2]) for row in (first, second)] == [
        ("earlier", "failed", "1"),
        ("earlier", "failed", "2"),
    ]
    assert first[4].startswith("http.connect: ") and "worker-" in first[4]
    whole = json.loads(oncue(oncue_server, "runs", "show", run, "-o", "json"))
    assert [one["attempt"] for one in whole["attempts"]] == [1, 2, 3]


def test_what_came_of_a_step_before_a_person_passed_over_it_stands_under_it(
    oncue_server: Server, tokens: dict[str, str]
) -> None:
    run = started(oncue_server, "probes", "paused")
    assert "earlier" not in oncue(oncue_server, "runs", "show", run)
    oncue(oncue_server, "runs", "skip", run, "probe", "--reason", "known")
    step, before = oncue(oncue_server, "runs", "show", run).splitlines()[-2:]
    assert step.split("\t")[:2] == ["probe", "skipped"]
    assert before.split("\t")[:3] == ["  earlier", "failed", "1"]


def test_a_run_and_an_approval_that_are_over_are_not_said_to_be_missing(
    oncue_server: Server, tokens: dict[str, str]
) -> None:
    run = started(oncue_server, "asks", "running")
    approval = waiting(oncue_server, run)
    oncue(oncue_server, "approval", "reject", approval, "--reason", "not today", token=tokens["lead-1"])
    assert "error approval.decided" in oncue(
        oncue_server, "approval", "approve", approval, token=tokens["lead-1"], code=1
    )
    oncue(oncue_server, "logs", run, "--follow", code=1)
    for verb in (["pause", run], ["cancel", run], ["retry", run, "ask"]):
        assert f"error run.ended: The run has ended\n  {run} is over: failed\n" in oncue(
            oncue_server, "runs", *verb, code=1
        )


def test_an_approval_is_handed_on_to_those_alone_who_can_decide(oncue_server: Server, tokens: dict[str, str]) -> None:
    approval = waiting(oncue_server, started(oncue_server, "asks", "running"))
    hand_on = ["approval", "delegate", approval]
    assert "error user.not_found" in oncue(oncue_server, *hand_on, "nobody-1", token=tokens["lead-1"], code=1)
    assert "approval:decide" in oncue(oncue_server, *hand_on, "guest-1", token=tokens["lead-1"], code=1)
    assert "user:lead-2 decides" in oncue(oncue_server, *hand_on, "lead-2", token=tokens["lead-1"])
    assert oncue(oncue_server, "approval", "approve", approval, token=tokens["lead-2"]) == f"{approval} approved\n"


def test_a_request_says_whom_it_waits_for_and_is_named_in_their_inbox(
    oncue_server: Server, tokens: dict[str, str]
) -> None:
    request = oncue(oncue_server, "request", "new", "asks", token=tokens["guest-1"]).split()[0]
    shown = oncue(oncue_server, "request", "show", request, token=tokens["guest-1"])
    assert "waits for 1 of team:leads" in shown
    inbox = oncue(oncue_server, "approval", "inbox", token=tokens["lead-1"]).splitlines()
    assert [line.split("\t")[5] for line in inbox if "Ask nicely" in line] == [request]
    assert request in oncue(oncue_server, "get", "requests"), "of others, too"
    assert request in oncue(oncue_server, "request", "mine", token=tokens["guest-1"])


HIDDEN = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: reset}
spec:
  inputs:
    type: object
    required: [password, token]
    properties:
      host: {type: string, default: db-1}
      password: {type: string, writeOnly: true, minLength: 8}
      token: {type: string, writeOnly: true}
  self_service: {by: [anyone]}
  steps: [{id: note, set: {host: "${inputs.host}"}}, {id: last, set: {ended: true}}]
"""


def test_what_must_not_be_written_down_is_read_from_standard_input(
    oncue_server: Server, tokens: dict[str, str]
) -> None:
    assert oncue_server.client.post("/api/v1/manifests", content=HIDDEN).status_code == 200
    hidden = ("--hidden", "password", "--hidden", "token")
    ran = oncue_server.cli("run", "reset", *hidden, stdin="correct horse\n12345678\n")
    assert ran.returncode == 0, ran.stderr
    run = ran.stdout.split()[0]
    shown = oncue(oncue_server, "runs", "show", run)
    assert "  password=(hidden)\n  token=(hidden)\n" in shown
    forked = oncue_server.cli("runs", "fork", run, "last", stdin="")
    assert (forked.returncode, "workflow.inputs_hidden" in forked.stderr) == (1, True), forked.stderr
    forked = oncue_server.cli("runs", "fork", run, "last", *hidden, stdin="correct horse\n12345678\n")
    assert forked.returncode == 0, forked.stderr
    few = oncue_server.cli("run", "reset", *hidden, stdin="correct horse\n")
    assert (few.returncode, "standard input has 1 lines for 2 inputs" in few.stderr) == (2, True), few.stderr
    asked = run_cli(
        "request", "new", "reset", *hidden, stdin="correct horse\n12345678\n",
        variables={"ONCUE_SERVER": oncue_server.url, "ONCUE_TOKEN": tokens["guest-1"]},
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout + asked.stderr
    mine = oncue(oncue_server, "request", "mine", token=tokens["guest-1"])
    assert "password=(hidden)" in mine


def test_a_request_has_the_same_state_wherever_it_is_read(oncue_server: Server, tokens: dict[str, str]) -> None:
    request = oncue(oncue_server, "request", "new", "asks", token=tokens["guest-1"]).split()[0]

    def states() -> set[str]:
        mine = oncue(oncue_server, "request", "mine", token=tokens["guest-1"]).splitlines()
        listed = oncue(oncue_server, "get", "requests").splitlines()
        shown = oncue(oncue_server, "request", "show", request, token=tokens["guest-1"])
        column = [line.split("\t")[at] for lines, at in ((mine, 1), (listed, 2)) for line in lines if request in line]
        return {*column, shown.split()[1].rstrip(":")}

    assert states() == {"pending"}
    approval = oncue_server.client.get(f"/api/v1/requests/{request}").json()["approval"]
    oncue(oncue_server, "approval", "approve", approval, token=tokens["lead-1"])
    eventually(lambda: states() == {"running"}, what="the request is said to be running, everywhere")


def test_on_a_terminal_it_is_asked_for_and_not_shown(oncue_server: Server, tokens: dict[str, str]) -> None:
    assert oncue_server.client.post("/api/v1/manifests", content=HIDDEN).status_code == 200
    before = len(oncue_server.items("runs", workflow="reset"))
    said = typed(oncue_server, ["run", "reset"], {"Value of password": "correct horse", "Value of token": "a-token"})
    assert "run-" in said
    assert "correct horse" not in said
    assert len(oncue_server.items("runs", workflow="reset")) == before + 1
    offered = {"Value of password": "correct horse", "Value of token": "a-token"}
    variables = {"ONCUE_TOKEN": tokens["guest-1"]}
    assert "REQ-" in typed(oncue_server, ["request", "new", "reset"], offered, variables)


def typed(server: Server, arguments: list[str], answers: dict[str, str], more: dict[str, str] | None = None) -> str:
    """What the command says on a terminal where each question is answered."""
    ours, theirs = pty.openpty()
    variables = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN, **(more or {})})
    with subprocess.Popen(
        [str(ONCUE), *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=variables
    ) as process:
        os.close(theirs)
        said = b""
        with os.fdopen(ours, "r+b", buffering=0) as terminal:
            for question, answer in answers.items():
                said += until(terminal, f"{question}: ".encode())
                terminal.write(f"{answer}\n".encode())
            said += until(terminal, None)
        assert process.wait(60) == 0, said
    return said.decode()


def until(terminal: Any, mark: bytes | None) -> bytes:
    """What comes up to the mark, or to the end."""
    said = b""
    while mark is None or mark not in said:
        try:
            part = terminal.read(1024)
        except OSError:  # the other side is closed
            part = b""
        if not part:
            assert mark is None, said
            break
        said += part
    return said
