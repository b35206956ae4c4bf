"""Steps of workflows at bad times, on a real server: floods of output, what never ends, targets that are down, expressions
that fail, people who act at the same time. Each ends with a reason that can be read, and the server goes on."""

import http.server
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpx
import psutil
import pytest

from tests.faults import process
from tests.packages import install, seeing
from tests.server import Server, eventually, free_port

MEBIBYTE: Final = 1024 * 1024
PLUGIN: Final = """
import asyncio
import time

import msgspec


class Inputs(msgspec.Struct):
    '''What to do.'''

    do: str


class Outputs(msgspec.Struct):
    '''What came of it.'''

    text: str = ""
    data: dict = {}


class Bad:
    '''Does what nobody should.'''

    name = "bad.act"
    inputs = Inputs
    outputs = Outputs
    errors = ()

    def effect_class(self, inputs):
        return "idempotent"

    def plan(self, inputs):
        return inputs.do

    async def run(self, inputs, context):
        if inputs.do == "deaf":
            until = time.monotonic() + 6
            while time.monotonic() < until:
                try:
                    await asyncio.sleep(0.5)
                except asyncio.CancelledError:
                    pass
        if inputs.do == "huge":
            return Outputs("x" * 100_000_000)
        if inputs.do == "deep":
            data = {}
            for _ in range(500):
                data = {"a": data}
            return Outputs(data=data)
        if inputs.do == "odd":
            return Outputs("\\x00 \\u202e \\x1b[31m")
        if inputs.do == "half":
            return Outputs("half of a character: \\ud800")
        if inputs.do == "wrong":
            return {"not": object()}
        return Outputs("well")
"""
WORKFLOWS: Final = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: command}
spec:
  inputs: {type: object, required: [argv], properties: {argv: {type: array, items: {type: string}}}}
  steps:
    - id: act
      uses: shell.command
      with: {argv: "${inputs.argv}", effect_class: idempotent}
      timeout: 20s
    - {id: after, set: {length: "${size(steps.act.result.stdout)}"}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: endless}
spec:
  inputs: {type: object, required: [argv, is], properties: {argv: {type: array, items: {type: string}}, is: {type: string}}}
  steps:
    - id: act
      uses: shell.command
      with: {argv: "${inputs.argv}", effect_class: "${inputs.is}"}
      timeout: 2s
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: bad}
spec:
  inputs: {type: object, required: [do], properties: {do: {type: string}}}
  steps:
    - {id: act, uses: bad.act, with: {do: "${inputs.do}"}, timeout: 2s}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: reckon}
spec:
  inputs: {type: object, required: [text], properties: {text: {type: string}}}
  steps:
    - id: each
      for_each: {items: [a], as: host}
      steps:
        - {id: sum, set: {sum: "${int(inputs.text) + 1}"}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: fetch}
spec:
  inputs: {type: object, required: [port], properties: {port: {type: integer}}}
  steps:
    - id: call
      uses: http.request
      with: {url: "http://127.0.0.1:${inputs.port}/"}
      timeout: 5s
      retry: {attempts: 4, initial: 500ms, factor: 2}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: post}
spec:
  inputs: {type: object, required: [port], properties: {port: {type: integer}}}
  steps:
    - id: call
      uses: http.request
      with: {method: POST, url: "http://127.0.0.1:${inputs.port}/"}
      retry: {attempts: 3, initial: 100ms, errors: [http]}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: watched}
spec:
  inputs: {type: object, required: [port], properties: {port: {type: integer}}}
  steps:
    - id: act
      uses: shell.command
      with: {argv: [/bin/sleep, "1.5"]}
      timeout: 20s
      validate:
        when: during
        uses: http.request
        with: {url: "http://127.0.0.1:${inputs.port}/"}
        that: "result.status == 204"
        every: 200ms
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: waits}
spec:
  steps:
    - {id: rest, wait: {for: 1h}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: stops}
spec:
  on_failure: {pause: true}
  steps:
    - {id: fails, uses: bad.act, with: {do: wrong}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: asks}
spec:
  steps:
    - {id: ask, ask: Go on?, approvals: [{by: ["user:basis-1", "user:basis-2"]}]}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: here}
spec: {host: 127.0.0.1, reason: Targets of the test}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("bad")
    install(base / "site", "oncue_bad", PLUGIN, "[oncue.actions]\nbad.act = oncue_bad:Bad\n")
    allowed = {
        "ONCUE_ACTIONS_SHELL_ENABLED": "true",
        "ONCUE_ACTIONS_SHELL_ALLOW": "/usr/bin/head,/usr/bin/yes,/bin/sleep",
    }
    with Server(base / "data", variables={**seeing(base / "site"), **allowed}) as server:
        applied = server.client.post("/api/v1/manifests", content=WORKFLOWS)
        assert applied.status_code == 200, applied.text
        yield server
    server.verify()


def start(server: Server, workflow: str, **inputs: Any) -> str:
    answer = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def get(server: Server, run: str) -> dict[str, Any]:
    found: dict[str, Any] = server.client.get(f"/api/v1/runs/{run}").json()
    return found


def ended(server: Server, run: str) -> dict[str, Any]:
    return eventually(
        lambda: found if (found := get(server, run))["ended_at"] else None, within_s=90, what=f"{run} ends"
    )


def step(run: dict[str, Any], address: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in run["steps"] if one["address"] == address)
    return found


def marked(mark: str) -> list[psutil.Process]:
    """Processes with this word in their command line."""
    return [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or ())]


# What comes out of a step


def test_a_hundred_megabytes_of_output_leave_their_end_and_a_small_worker(server: Server) -> None:
    run = ended(server, start(server, "command", argv=["/usr/bin/head", "-c", "100000000", "/dev/zero"]))
    assert run["state"] == "succeeded", run["reason"]
    act = step(run, "act")
    assert act["result"]["truncated"] is True
    assert len(act["result"]["stdout"]) <= 30_000
    assert process(server, "worker").memory_info().rss < 500 * MEBIBYTE


def test_bytes_that_are_no_text_become_text(server: Server) -> None:
    run = ended(server, start(server, "command", argv=["/usr/bin/head", "-c", "100000", "/dev/urandom"]))
    assert run["state"] == "succeeded", run["reason"]
    assert step(run, "act")["result"]["stdout"]
    assert run["variables"]["length"] > 0


@pytest.mark.parametrize(("effects", "state"), [("idempotent", "failed"), ("at-most-once", "unknown")])
@pytest.mark.parametrize("argv", [["/usr/bin/yes"], ["/bin/sleep", "1000000"]], ids=["endless-output", "never-returns"])
def test_what_does_not_end_is_killed_at_its_timeout(server: Server, argv: list[str], effects: str, state: str) -> None:
    mark = f"{3_000_000 + os.getpid()}.{state}"
    argv = [*argv, mark] if "yes" in argv[0] else [argv[0], mark.partition(".")[0] + f".{len(state)}"]
    run = ended(server, start(server, "endless", argv=argv, **{"is": effects}))
    act = step(run, "act")
    assert (run["state"], act["state"], act["error_code"]) == ("failed", state, "timeout")
    assert "not done within 2 s" in run["reason"]
    eventually(lambda: not marked(argv[-1]), what="nothing of it is left running")


@pytest.mark.parametrize(
    ("do", "state", "code"),
    [
        ("huge", "succeeded", None),
        ("deep", "succeeded", None),
        ("odd", "succeeded", None),
        ("half", "failed", "action.crashed"),
        ("wrong", "failed", "action.crashed"),
        ("deaf", "succeeded", None),  # its time was over, and it is known that it was done all the same
    ],
)
def test_whatever_a_plugin_gives_the_run_ends_and_so_does_the_next_one(
    server: Server, do: str, state: str, code: str | None
) -> None:
    run = ended(server, start(server, "bad", do=do))
    act = step(run, "act")
    assert (run["state"], act.get("error_code")) == (state, code), run["reason"]
    assert ended(server, start(server, "bad", do="well"))["state"] == "succeeded"


def test_an_expression_that_fails_names_the_step_the_expression_and_the_value(server: Server) -> None:
    run = ended(server, start(server, "reckon", text="ninety"))
    assert run["state"] == "failed"
    assert run["failed_at"] == "each[a]/sum"
    for word in ("each[a]/sum", "int(inputs.text) + 1", "ninety"):
        assert word in run["reason"], run["reason"]


# Targets that are down


def test_a_target_that_is_down_for_a_while_is_called_again(server: Server) -> None:
    port = free_port()
    run = start(server, "fetch", port=port)
    waiting = eventually(
        lambda: next((one for one in get(server, run)["steps"] if one["state"] == "waiting"), None),
        what="a try has failed",
    )
    assert waiting["next_try_at"] is not None
    assert waiting["error_code"] == "http.connect"
    with http.server.HTTPServer(("127.0.0.1", port), Answering) as target:
        serving = threading.Thread(target=target.serve_forever, args=(0.05,))
        serving.start()
        found = ended(server, run)
        target.shutdown()
        serving.join()
    assert found["state"] == "succeeded", found["reason"]
    assert 2 <= step(found, "call")["attempt"] <= 4


def test_a_step_that_is_looked_at_while_it_runs_goes_on_to_its_end(server: Server) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as target:
        serving = threading.Thread(target=target.serve_forever, args=(0.05,))
        serving.start()
        runs = [start(server, "watched", port=target.server_port) for _ in range(4)]
        found = [ended(server, run) for run in runs]
        target.shutdown()
        serving.join()
    assert [run["state"] for run in found] == ["succeeded"] * 4, [run["reason"] for run in found]
    assert {step(run, "act~during")["state"] for run in found} == {"succeeded"}
    assert all(step(run, "act~during")["looks"] > 2 for run in found)


@pytest.mark.parametrize("there", [True, False])
def test_what_must_be_done_once_is_not_sent_again_after_an_answer(server: Server, there: bool) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Answering) as target:
        serving = threading.Thread(target=target.serve_forever, args=(0.05,))
        serving.start()
        port = target.server_port if there else free_port()
        call = step(ended(server, start(server, "post", port=port)), "call")
        target.shutdown()
        serving.join()
    seen = (call["state"], call["attempt"], call["error_code"])
    assert seen == (("failed", 1, "http.status") if there else ("failed", 3, "http.connect"))


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def do_POST(self) -> None:
        self.send_response(503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_a_target_that_stays_down_is_given_up_with_its_reason(server: Server) -> None:
    run = ended(server, start(server, "fetch", port=free_port()))
    call = step(run, "call")
    assert (run["state"], call["state"], call["attempt"], call["error_code"]) == ("failed", "failed", 4, "http.connect")
    assert "step call failed: http.connect" in run["reason"]


# Two people at the same time


def at_the_same_time(*asks: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Each asks when all are ready to."""
    ready = threading.Barrier(len(asks))

    def ask(one: Callable[[], httpx.Response]) -> httpx.Response:
        ready.wait(10)
        return one()

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(ask, asks))


def post(server: Server, path: str, body: dict[str, Any], token: str = "") -> Callable[[], httpx.Response]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return lambda: server.client.post(f"/api/v1/{path}", json=body, headers=headers)


def test_of_a_pause_and_a_cancel_at_the_same_time_the_run_is_cancelled_and_the_pause_may_be_too_late(
    server: Server,
) -> None:
    for _ in range(5):
        run = start(server, "waits")
        paused, cancelled = at_the_same_time(
            post(server, f"runs/{run}/pause", {}), post(server, f"runs/{run}/cancel", {})
        )
        assert cancelled.status_code == 200, cancelled.text
        assert get(server, run)["state"] == "cancelled"
        if paused.status_code != 200:
            assert (paused.status_code, paused.json()["code"]) == (409, "run.ended")


def test_of_two_who_try_a_step_again_one_is_told_that_it_is_under_way(server: Server) -> None:
    for _ in range(5):
        run = start(server, "stops")
        eventually(lambda run=run: get(server, run)["state"] == "paused", what="it waits for a person")  # type: ignore[misc]
        again = post(server, f"runs/{run}/retry", {"step": "fails"})
        answers = at_the_same_time(again, again)
        codes = sorted(one.status_code for one in answers)
        if codes == [200, 200]:
            continue  # the first try had failed again by then, and the run waited once more
        assert codes == [200, 409], [one.text for one in answers]
        (late,) = [one.json() for one in answers if one.status_code == 409]
        assert late["code"] == "step.state"
        assert "fails" in late["detail"] and "running" in late["detail"]
        return
    pytest.fail("the two never met")


def test_of_two_decisions_the_first_counts_and_the_second_is_told_that_it_is_over(server: Server) -> None:
    tokens = [person(server, name) for name in ("basis-1", "basis-2")]
    run = start(server, "asks")
    (approval,) = [one["id"] for one in server.items("approvals", state="pending") if one["run"] == run]
    path = f"approvals/{approval}/decide"
    answers = at_the_same_time(
        post(server, path, {"decision": "approve"}, tokens[0]),
        post(server, path, {"decision": "reject", "reason": "not now"}, tokens[1]),
    )
    won, lost = sorted(answers, key=lambda one: one.status_code)
    assert (won.status_code, lost.status_code) == (200, 409), [one.text for one in answers]
    assert lost.json()["code"] == "approval.decided"
    assert "over" in lost.json()["detail"]
    found = ended(server, run)
    assert (found["state"], len(won.json()["decisions"])) == ("succeeded" if answers[0] is won else "failed", 1)


def person(server: Server, name: str) -> str:
    """The token of someone who may decide."""
    user = {"name": name, "bindings": [{"role": "operator", "namespace": "default"}]}
    assert server.client.post("/api/v1/users", json=user).status_code == 201
    token = {"name": f"own-{name}", "role": "operator", "namespaces": ["default"], "user": name}
    return str(server.client.post("/api/v1/tokens", json=token).json()["token"])
