"""Who has the work of a run in hand, asked of a real server whose workers and engine come and go."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import process, stopped
from tests.ledger import Ledger
from tests.server import Server, eventually

WORKFLOWS = """
apiVersion: oncue/v1
kind: Workflow
metadata: {name: slow}
spec:
  steps:
    - {id: act, uses: ledger.again, with: {run: slow, step: act, takes_ms: 600000}, timeout: 15m}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: there}
spec:
  inputs: {type: object, required: [site], properties: {site: {type: string}}}
  labels: {site: "${inputs.site}"}
  steps:
    - {id: act, uses: ledger.again, with: {run: there, step: "act-${inputs.site}"}, start_within: 2s, rollback: {uses: ledger.again, with: {run: there, step: undo}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: many}
spec:
  inputs: {type: object, properties: {those: {type: array}}}
  steps:
    - id: each
      for_each: {items: inputs.those, as: one, max_parallel: 100}
      steps: [{id: act, uses: ledger.again, with: {run: many, step: act, takes_ms: 600000}, timeout: 15m}]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose actions take as long as nobody stops them."""
    folder = tmp_path_factory.mktemp("in-hand")
    with Server(
        folder / "data", variables={**Ledger(folder).variables, "ONCUE_WORKER_LABELS": "site=east,os=linux"}
    ) as server:
        applied = server.client.post("/api/v1/manifests", content=WORKFLOWS)
        assert applied.status_code == 200, applied.text
        yield server
    server.verify()


def started(server: Server, workflow: str, **inputs: Any) -> str:
    answer = server.client.post("/api/v1/runs", json={"workflow": workflow, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def why(server: Server, run: str) -> dict[str, Any]:
    answer = server.client.get(f"/api/v1/runs/{run}/why")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def held(server: Server, run: str, by: int) -> dict[str, Any]:
    """What is waited for, once the worker of this process has it."""

    def found() -> dict[str, Any] | None:
        (wait,) = why(server, run)["waits"]
        return wait if str(wait.get("worker")).endswith(f"-{by}") else None

    return eventually(found, what=f"the worker {by} has it")


def test_who_has_it_is_said_and_that_another_has_it_when_the_first_is_gone(server: Server) -> None:
    run = started(server, "slow")
    first = process(server, "worker")
    wait = held(server, run, first.pid)
    assert wait["what"] == f"ledger.again is being done, attempt 1: {wait['worker']} has it"
    assert wait["leased_at"] < wait["until"]
    assert wait["then"] == "it is handed out again"
    assert wait["worker"] in server.cli("runs", "why", run).stdout
    assert f"{wait['worker']} has it since {wait['leased_at']}" in server.cli("explain", "run", run).stdout
    with stopped(server.processes()[0]):  # it starts no other
        first.kill()
        eventually(lambda: not why(server, run)["moving"], what="nobody has it")
        (nobody,) = why(server, run)["waits"]
        assert (nobody["code"], nobody.get("worker"), nobody.get("until")) == ("worker", None, None)
        assert nobody["what"] == "ledger.again waits for a worker, attempt 1: no worker is connected"
    again = held(server, run, process(server, "worker").pid)
    assert again["leased_at"] > wait["leased_at"]
    assert why(server, run)["moving"]
    server.client.post(f"/api/v1/runs/{run}/cancel")


def test_the_workers_are_listed_with_what_each_has_in_hand(server: Server) -> None:
    run = started(server, "slow")
    wait = held(server, run, process(server, "worker").pid)
    (worker,) = json.loads(server.cli("get", "workers", "-o", "json").stdout)
    assert (worker["name"], worker["labels"], worker["silent"]) == (
        wait["worker"],
        {"site": "east", "os": "linux"},
        False,
    )
    (taken,) = worker["in_hand"]
    assert (taken["uses"], taken["run"], taken["step"], taken["attempt"]) == ("ledger.again", run, "act", 1)
    assert taken["leased_at"] == wait["leased_at"].replace("+00:00", "Z")
    assert worker["connected_at"] <= worker["heard_at"]
    heading, row = server.cli("get", "workers").stdout.splitlines()
    assert heading.split("\t") == ["NAME", "STATE", "HEARD", "IN HAND", "LABELS", "DOING", "ROOM"]
    name, state, _, in_hand, labels, doing, room = row.split("\t")
    assert (name, state, in_hand, labels) == (wait["worker"], "well", "1", "site=east, os=linux")
    assert doing == f"ledger.again {run}" and int(room) == worker["room"]
    server.client.post(f"/api/v1/runs/{run}/cancel")


def test_while_the_engine_does_not_answer_the_rest_is_said(server: Server) -> None:
    run = started(server, "slow")
    held(server, run, process(server, "worker").pid)
    with stopped(process(server, "engine")):
        (wait,) = why(server, run)["waits"]
    assert wait["what"] == "ledger.again is being done or waits for a worker, attempt 1"
    assert "worker" not in wait
    server.client.post(f"/api/v1/runs/{run}/cancel")


def test_what_waits_for_others_says_how_many_may_be_under_way(server: Server) -> None:
    others = started(server, "many", those=list(range(32)))
    run = started(server, "slow")
    full = "32 actions are under way, which is all that may be at the same time"
    # Until the worker has said that it has ended what was stopped before, there is room for one less.
    eventually(
        lambda: why(server, run)["waits"][0]["what"] == f"ledger.again waits for a worker, attempt 1: {full}",
        what="it waits",
    )
    server.client.post(f"/api/v1/runs/{others}/cancel")
    held(server, run, process(server, "worker").pid)
    server.client.post(f"/api/v1/runs/{run}/cancel")


def test_a_step_is_given_to_a_worker_with_its_labels_or_to_none(server: Server) -> None:
    there = started(server, "there", site="east")
    assert eventually(lambda: ended(server, there), what="it ends")["state"] == "succeeded"
    run = started(server, "there", site="west")
    waits = eventually(lambda: [one for one in why(server, run)["waits"] if one["code"] == "worker"], what="it waits")
    lacking = (
        "ledger.again waits for a worker, attempt 1: no worker that is connected has site=west; connected: worker-"
    )
    assert waits[0]["what"].startswith(lacking)
    assert waits[0]["then"] == "the attempt fails"
    failed = eventually(lambda: ended(server, run), what="it waits no longer")
    assert (failed["state"], failed["failed_at"]) == ("failed", "act")


def ended(server: Server, run: str) -> dict[str, Any] | None:
    found = dict(server.client.get(f"/api/v1/runs/{run}").json())
    return found if found["ended_at"] is not None else None
