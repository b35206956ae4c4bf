"""What steps tell while they are under way, from the program to whoever looks on, through real processes."""

import re
import signal
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from oncue.cli.following import waits_said
from tests import telling
from tests.server import ADMIN_TOKEN, ONCUE, Server, environment, eventually

WORKFLOW = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: tell}
spec:
  inputs:
    type: object
    required: [do]
    properties: {do: {type: string}, gate: {type: string}}
  steps:
    - id: first
      uses: test.tell
      with: {do: "${inputs.do}", gate: "${has(inputs.gate) ? inputs.gate : ''}"}
      timeout: 60s
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: whisper}
spec:
  steps:
    - {id: first, uses: test.tell, with: {do: say, secret: "secret://door"}}
"""
PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("telling")
    with Server(base / "data", variables=telling.install(base / "site")) as server:
        assert server.client.put("/api/v1/secrets/default/door", json={"value": PASSWORD}).status_code < 300
        applied = server.client.post("/api/v1/manifests", content=WORKFLOW)
        assert applied.status_code == 200, applied.text
        yield server
    server.verify()


def start(server: Server, workflow: str = "tell", **inputs: str) -> str:
    answer = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    id: str = answer.json()["id"]
    return id


def log(server: Server, run: str, **query: Any) -> dict[str, Any]:
    answer = server.client.get(f"/api/v1/runs/{run}/log", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lines(server: Server, run: str, **query: Any) -> list[str]:
    return [line["text"] for line in log(server, run, **query)["items"]]


def ended(server: Server, run: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = server.client.get(f"/api/v1/runs/{run}").json()
        return found if found["ended_at"] is not None else None

    return eventually(look, within_s=40, what=f"{run} ends")


def worker(server: Server) -> psutil.Process:
    return next(one for one in server.processes() if "oncue.runtime.worker" in one.cmdline())


def test_lines_and_progress_are_there_when_the_run_has_ended(server: Server) -> None:
    run = start(server, do="say")
    assert ended(server, run)["state"] == "succeeded"
    found = log(server, run)
    assert [(one["step"], one["attempt"], one["stream"], one["text"]) for one in found["items"]] == [
        ("first", 1, "", "begun False"),
        ("first", 1, "", "ended"),
    ]
    assert [(one["done"], one["text"]) for one in found["progress"]] == [(0.25, "the first quarter")]
    assert (found["next"], found["left_out"]) == (None, 0)
    assert lines(server, run, step="another") == []


def test_a_part_of_the_lines_names_the_next_one(server: Server) -> None:
    run = start(server, do="say")
    ended(server, run)
    first = log(server, run, limit=1)
    assert [one["text"] for one in first["items"]] == ["begun False"]
    assert lines(server, run, after=first["next"]) == ["ended"]


def test_secrets_are_masked(server: Server) -> None:
    run = start(server, "whisper")
    ended(server, run)
    assert lines(server, run)[0] == "the password is [secret]"
    assert PASSWORD not in server.client.get(f"/api/v1/runs/{run}/log").text


def test_why_says_what_the_work_in_hand_told_last(server: Server, tmp_path: Path) -> None:
    run = start(server, do="wait", gate=str(tmp_path / "gate"))
    eventually(lambda: len(log(server, run)["progress"]) == 1, what="its progress is there")
    (waits,) = server.client.get(f"/api/v1/runs/{run}/why").json()["waits"]
    assert (waits["told"], datetime.fromisoformat(waits["told_at"]) >= datetime.fromisoformat(waits["leased_at"])) == (
        "25% the first quarter",
        True,
    )
    assert waits_said(waits).endswith("s ago it told: 25% the first quarter")
    (tmp_path / "gate").touch()
    ended(server, run)


def test_what_is_told_is_seen_while_the_step_works_and_who_asks_is_told_that_it_grew(
    server: Server, tmp_path: Path
) -> None:
    run = start(server, do="wait", gate=str(tmp_path / "gate"))
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    eventually(lambda: lines(server, run) == ["begun False"], what="the first line is there")
    seen = []
    with httpx.stream(
        "GET", f"{server.url}/api/v1/stream", params={"log": run, "types": "none"}, headers=headers, trust_env=False,
        timeout=20,
    ) as answer:  # fmt: skip
        for line in answer.iter_lines():
            if line == "event: heartbeat":
                (tmp_path / "gate").touch()
            seen.append(line)
            if line == f'data: {{"run":"{run}"}}':
                break
    assert "event: log" in seen
    assert ended(server, run)["state"] == "succeeded"


def test_endless_lines_are_bounded_and_counted(server: Server) -> None:
    run = start(server, do="flood")
    assert ended(server, run)["state"] == "succeeded"
    found = lines(server, run, limit=5_000)
    assert len(found) < 4_500
    left_out = [int(counted[1]) for line in found if (counted := re.fullmatch(r"(\d+) lines? left out", line))]
    told = [line for line in found if not line.endswith("left out")]
    assert len(told) + sum(left_out) == 20_002, "each of the 20,000 lines, the first and the last is told or counted"


def test_what_was_told_before_a_worker_was_killed_is_there(server: Server, tmp_path: Path) -> None:
    run = start(server, do="wait", gate=str(tmp_path / "gate"))
    eventually(lambda: lines(server, run) == ["begun False"], what="the first line is there")
    worker(server).kill()
    eventually(lambda: lines(server, run) == ["begun False", "begun True"], what="another worker takes it up")
    (tmp_path / "gate").touch()
    assert ended(server, run)["state"] == "succeeded"
    assert lines(server, run) == ["begun False", "begun True", "ended"]


def test_a_log_can_be_erased_and_that_is_on_record(server: Server) -> None:
    run = start(server, do="say")
    ended(server, run)
    assert server.client.delete(f"/api/v1/runs/{run}/log").status_code == 204
    assert log(server, run)["items"] == []
    recorded = server.items("audit", type="oncue.audit.run_log_erased")
    assert [one["event"]["data"]["run"] for one in recorded] == [run]


# On the command line


def test_run_follow_shows_steps_and_their_lines_and_ends_as_the_run_does(server: Server) -> None:
    done = server.cli("run", "tell", "-i", "do=say", "--follow")
    assert done.returncode == 0, done.stderr
    shown = [re.sub(r"^\S+Z  ", "", line) for line in done.stdout.splitlines()]
    run = shown[0].split()[0]
    wanted = ["first  running", "first  | begun False", "first  25%  the first quarter", "first  | ended"]
    assert [line for line in shown if line in wanted[1:]] == wanted[1:]
    assert shown[-2:] == ["first  succeeded", f"{run} succeeded"]
    failed = server.cli("run", "tell", "-i", "do=raise", "--follow")
    assert failed.returncode == 1
    assert "action.crashed" in failed.stdout
    again = server.cli("logs", run)
    assert again.stdout.splitlines()[0].endswith("first  | begun False")
    assert server.cli("logs", run, "--step", "another").stdout == ""
    assert server.cli("logs", "run-none").returncode == 1


def test_ctrl_c_ends_the_looking_and_not_the_run(server: Server, tmp_path: Path) -> None:
    run = start(server, do="wait", gate=str(tmp_path / "gate"))
    variables = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
    looking = subprocess.Popen(
        [str(ONCUE), "logs", run, "--follow"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert looking.stdout is not None
    while "begun False" not in looking.stdout.readline():
        assert looking.poll() is None
    looking.send_signal(signal.SIGINT)
    _, said = looking.communicate(timeout=20)
    assert looking.returncode == 130
    assert f"oncue logs {run} --follow" in said
    assert server.client.get(f"/api/v1/runs/{run}").json()["ended_at"] is None
    (tmp_path / "gate").touch()
    assert ended(server, run)["state"] == "succeeded"


def test_whoever_looks_on_sees_the_end_though_the_server_was_killed_meanwhile(server: Server, tmp_path: Path) -> None:
    run = start(server, do="wait", gate=str(tmp_path / "gate"))
    variables = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
    looking = subprocess.Popen(
        [str(ONCUE), "logs", run, "--follow"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert looking.stdout is not None
    while "begun False" not in looking.stdout.readline():
        assert looking.poll() is None
    server.kill()
    server.start()
    (tmp_path / "gate").touch()
    shown, said = looking.communicate(timeout=60)
    assert looking.returncode == 0, said
    assert shown.splitlines()[-1] == f"{run} succeeded"
    assert lines(server, run) == ["begun False", "begun True", "ended"]


# Plugins that misbehave


def test_a_plugin_that_ends_the_worker_is_done_again_or_unknown_as_its_class_says(
    server: Server, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    again, once = start(server, do="exit", gate=str(gate)), start(server, do="exit once", gate=str(gate))
    eventually(lambda: lines(server, again) == lines(server, once) == ["begun False"], what="both have begun")
    before = worker(server).pid
    gate.touch()
    assert ended(server, again)["state"] == "succeeded"
    assert lines(server, again) == ["begun False", "begun True", "ended"]
    (step,) = ended(server, once)["steps"]
    assert (step["state"], step["error_code"]) == ("unknown", "worker.lost")
    assert lines(server, once) == ["begun False"]
    assert worker(server).pid != before
    assert ended(server, start(server, do="say"))["state"] == "succeeded"


def test_a_plugin_that_ends_every_worker_fails_and_others_go_on(server: Server, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    run = start(server, do="exit always", gate=str(tmp_path / "gate"))
    (step,) = ended(server, run)["steps"]
    assert (step["state"], step["error_code"]) == ("failed", "worker.lost")
    assert ended(server, start(server, do="say"))["state"] == "succeeded"
