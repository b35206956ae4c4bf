"""kill -9 while workflows run: engine, worker, front and the whole server are killed at random moments, and come back.

A ledger outside has every call that was really made (`tests/ledger.py`). At the end it and the journal must tell the same
story. `tests/soak/test_workflow_kills.py` does the same for longer.
"""

import random
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import psutil
import pytest

from tests.faults import process
from tests.ledger import Ledger, Line, Told, effects_told, left_over, steps_told
from tests.server import ADMIN_TOKEN, Server, event, eventually

SUBJECT: Final = "inputs: {type: object, required: [subject], properties: {subject: {type: string}}}"


def call(step: str, action: str, *, at: str = "", undo: str = "", more: str = "", **inputs: Any) -> str:
    """A step that calls an action of the ledger; `undo` names the one that undoes it."""
    address = at + step
    if action == "ledger.once":
        inputs = {"takes_ms": 400, **inputs}  # long enough for some to be hit in the middle
    given = "".join(f", {name}: {value}" for name, value in inputs.items())
    undoing = f', rollback: {{uses: {undo}, with: {{run: "${{run.id}}", step: "{address}~rollback"}}}}' if undo else ""
    return f'{{id: {step}, uses: {action}, with: {{run: "${{run.id}}", step: "{address}"{given}}}{undoing}{more}}}'


RETRY: Final = ", retry: {attempts: 4, initial: 200ms}"
EACH: Final = "both/each[${host}]/"
LOOK: Final = f"""
, validate: {{uses: ledger.look, with: {{run: "${{run.id}}", step: "{EACH}put"}},
 that: "result.done >= 1", every: 200ms, within: 1m}}"""

MANIFESTS: Final = f"""
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: inner}}
spec:
  {SUBJECT}
  outputs: {{said: vars.said}}
  steps:
    - {{id: note, set: {{said: "${{inputs.subject}}"}}}}
    - {call("do", "ledger.checked")}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: spread}}
spec:
  {SUBJECT}
  outputs: {{said: steps.below.result.said, items: steps.each.total}}
  steps:
    - id: both
      parallel:
        - id: each
          for_each: {{items: [a, b, c, d], as: host, max_parallel: 2}}
          steps:
            - {call("put", "ledger.again", at=EACH, more=LOOK)}
        - id: below
          run: {{workflow: inner, with: {{subject: "${{inputs.subject}}"}}}}
        - id: care
          try:
            - {call("risky", "ledger.once", at="both/care/")}
          catch:
            - {call("caught", "ledger.again", at="both/care/")}
          finally:
            - {call("swept", "ledger.checked", at="both/care/")}
    - id: which
      switch:
        - when: "steps.below.result.said == inputs.subject"
          steps:
            - {call("busy", "ledger.again", at="which/", more=RETRY, refuse=2)}
        - steps:
            - {call("lost", "ledger.again", at="which/")}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: patient}}
spec:
  {SUBJECT}
  steps:
    - {{id: rest, wait: {{for: 700ms}}}}
    - {{id: ready, emit: {{type: org.example.kills.ready, subject: "${{inputs.subject}}"}}}}
    - {{id: told, wait: {{event: {{types: [org.example.kills.go], resource: "${{inputs.subject}}"}}}}}}
    - {{id: ask, ask: "Go on with ${{inputs.subject}}?", approvals: [{{by: ["user:basis-2"]}}]}}
    - {call("do", "ledger.checked")}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: undone}}
spec:
  {SUBJECT}
  on_failure: {{rollback: all}}
  steps:
    - {call("first", "ledger.checked", undo="ledger.checked")}
    - id: each
      for_each: {{items: [x, y, z], as: host, max_parallel: 2}}
      steps:
        - {call("put", "ledger.again", at="each[${host}]/", undo="ledger.again")}
    - {call("once", "ledger.once", undo="ledger.checked")}
    - {call("breaks", "ledger.again", undo="ledger.again", wrong="true")}
    - {call("never", "ledger.again", undo="ledger.again")}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: careful}}
spec:
  {SUBJECT}
  concurrency: {{limit: 4, max_queued: 1000}}
  on_failure: {{pause: true}}
  steps:
    - {call("first", "ledger.once")}
    - {call("second", "ledger.once", more=RETRY, refuse=1)}
    - {call("third", "ledger.checked")}
""" + "".join(
    f"""---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: {workflow}}}
spec:
  match: {{types: [org.example.kills.{workflow}]}}
  respond: [{{run: {{workflow: {workflow}, with: {{subject: "${{event.subject}}"}}}}}}]
"""
    for workflow in ("spread", "patient", "undone", "careful")
)

ENDS: Final = {
    "spread": "succeeded",
    "inner": "succeeded",
    "patient": "succeeded",
    "undone": "rolled_back",
    "careful": "succeeded",
}
"""How each run ends, whoever is killed meanwhile."""
STARTED: Final = ("spread", "patient", "undone", "careful")
PARTS: Final = ("engine", "worker", "front")


class Caller:
    """Someone who asks again when there is no answer."""

    def __init__(self, server: Server, token: str = ADMIN_TOKEN) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=f"{server.url}/api/v1", headers=headers, timeout=10.0, trust_env=False)
        self.surprises: list[str] = []

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        """The answer; None if there was none, or it is to come back later."""
        try:
            answer = self.client.request(method, path, **more)
        except httpx.TransportError:
            return None
        if answer.status_code in (429, 503):
            return None
        if not answer.is_success and answer.status_code not in (404, 409):
            self.surprises.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """As much of a list as is to be had now."""
        answer = self.ask("GET", path, params={"limit": 500, **query})
        return answer.json()["items"] if answer is not None and answer.is_success else []


class People(threading.Thread):
    """Whoever starts runs, sends the events that they wait for, agrees, and decides about what is unknown."""

    def __init__(self, server: Server, chance: random.Random, starts: int, over_s: float) -> None:
        super().__init__()
        self._chance, self._starts, self._pause_s = chance, starts, over_s / starts
        self._admin, self._person = Caller(server), Caller(server, _person(server))
        self._finishing = threading.Event()
        self._told: set[str] = set()
        self.started: dict[str, str] = {}
        """Subject to workflow, of each event that was acknowledged."""
        self.decided = 0
        """Runs that waited for a person because nobody knew whether something was done."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finishing.set()
        self.join(60)
        self._admin.client.close()
        self._person.client.close()

    @property
    def surprises(self) -> list[str]:
        """Answers that nobody should ever get."""
        return self._admin.surprises + self._person.surprises

    def run(self) -> None:
        """Work until told to stop."""
        began = time.monotonic()
        while not self._finishing.is_set():
            if len(self.started) < self._starts and time.monotonic() - began > len(self.started) * self._pause_s:
                self._start(len(self.started))
            else:
                self._look_after_runs()
                self._finishing.wait(0.05)

    def _start(self, number: int) -> None:
        workflow, subject = STARTED[number % len(STARTED)], f"s{number}"
        if self._emit(f"start-{subject}", f"org.example.kills.{workflow}", subject=subject):
            self.started[subject] = workflow

    def _emit(self, id: str, type: str, **more: Any) -> bool:
        body = event(id=id, type=type, severity=None, **more)
        headers = {"Content-Type": "application/cloudevents+json"}
        answer = self._admin.ask("POST", "/events", json=body, headers=headers)
        return answer is not None and answer.is_success

    def _look_after_runs(self) -> None:
        for run in self._admin.items("/runs", state="running"):
            subject = run["inputs"]["subject"]
            due = run["workflow"] == "patient" and subject not in self._told and self._chance.random() < 0.5
            if due and self._emit(f"go-{subject}", "org.example.kills.go", resource=subject):
                self._told.add(subject)
        for run in self._admin.items("/runs", state="paused"):
            verb = self._chance.choice(("retry", "skip"))
            body = {"step": run["failed_at"], "reason": "looked at"}
            answer = self._admin.ask("POST", f"/runs/{run['id']}/{verb}", json=body)
            self.decided += answer is not None and answer.is_success
        for approval in self._person.items("/approvals", state="pending"):
            self._person.ask("POST", f"/approvals/{approval['id']}/decide", json={"decision": "approve"})


def _person(server: Server) -> str:
    """The token of someone who may decide."""
    user = {"name": "basis-2", "bindings": [{"role": "operator", "namespace": "default"}]}
    assert server.client.post("/api/v1/users", json=user).status_code == 201
    token = {"name": "own", "role": "operator", "namespaces": ["default"], "user": "basis-2"}
    made = server.client.post("/api/v1/tokens", json=token)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def kill_something(server: Server, ledger: Ledger, chance: random.Random) -> str:
    """kill -9 a part of the server, or all of it, which is then started again; often when a call is just under way."""
    if chance.random() < 0.7:
        eventually(lambda: ledger.under_way() > 0, within_s=120, what="a call is under way")
    part = chance.choice((*PARTS, "all"))
    if part == "all":
        server.kill()
        server.start(wait=chance.random() < 0.5)
        return part
    try:
        process(server, part).kill()
    except psutil.NoSuchProcess:
        return f"{part}, which had ended already"
    return part


def killed(
    make_server: Callable[..., Server], folder: Path, seed: int, *, kills: int, starts: int, pause_s: float
) -> None:
    """Everything holds after so many kills, in pauses up to `pause_s`, while so many runs are started."""
    chance = random.Random(seed)
    ledger = Ledger(folder)
    server = make_server(variables=ledger.variables)
    server.start()
    applied = server.client.post("/api/v1/manifests", content=MANIFESTS)
    assert applied.status_code == 200, applied.text
    with People(server, random.Random(seed + 1), starts, kills * pause_s) as people:
        for number in range(kills):
            time.sleep(chance.uniform(0.05, pause_s))
            victim = kill_something(server, ledger, chance)
            print(f"seed {seed}, kill {number + 1}: {victim}, {len(people.started)} runs started", flush=True)
        eventually(server.ready, within_s=180, what="it is ready after the last kill")
        eventually(lambda: len(people.started) == starts, within_s=180, what="every run is started")
        eventually(lambda: _all_over(server, starts), within_s=240, what="every run comes to its end")
    assert not people.surprises, people.surprises[:3]
    assert server.items("dead-letters") == []
    runs = server.items("runs")
    assert server.stop() == 0
    database = server.data / "oncue.db"
    lines, told = ledger.lines(), effects_told(database)
    again = len({line.key for line in lines if line.again and line.what == "began"})
    unknown = sum(one.ends == ("unknown",) for one in told.values())
    print(f"seed {seed}: {len(runs)} runs, {len(told)} effects, {again} taken up again, {unknown} unknown, "
          f"{people.decided} decided by a person")  # fmt: skip
    assert again + unknown, "nothing was hit in the middle, so nothing is proven"
    each_event_led_to_one_run(people.started, runs)
    ledger_and_journal_agree(lines, told)
    what_was_begun_is_undone_backwards(runs, lines, told, steps_told(database))
    what_failed_in_a_try_was_caught(runs, lines, told)
    assert left_over(database) == []


def _all_over(server: Server, starts: int) -> bool:
    runs = server.items("runs")
    return len(runs) >= starts and all(run["ended_at"] is not None for run in runs)


def each_event_led_to_one_run(started: dict[str, str], runs: list[dict[str, Any]]) -> None:
    """Every acknowledged event started its run, once, and that ended as it should; so did those that runs started."""
    assert {run["id"]: run["state"] for run in runs} == {run["id"]: ENDS[run["workflow"]] for run in runs}
    outer = sorted((run["inputs"]["subject"], run["workflow"]) for run in runs if run["workflow"] != "inner")
    assert outer == sorted(started.items())
    inner = sorted(run["inputs"]["subject"] for run in runs if run["workflow"] == "inner")
    assert inner == sorted(subject for subject, workflow in started.items() if workflow == "spread")
    for run in runs:
        if run["workflow"] == "spread":
            assert run["outputs"] == {"said": run["inputs"]["subject"], "items": 4}


def ledger_and_journal_agree(lines: list[Line], told: dict[str, Told]) -> None:
    """What was done was asked for; what is called done was done; and nothing was done more often than its class allows."""
    assert {line.key for line in lines} <= set(told), "something was done that nobody asked for"
    for key, effect in told.items():
        of_it = [line for line in lines if line.key == key]
        began, done = ([line for line in of_it if line.what == what] for what in ("began", "done"))
        assert len(effect.ends) == 1, (effect, "ends once")
        assert {(line.run, line.step) for line in of_it} <= {(effect.run, effect.step)}
        if effect.ends == ("succeeded",) and effect.uses != "ledger.look":
            assert done, (effect, "is called done, and was not done")
        if effect.uses == "ledger.once":
            assert len(began) <= 1, (effect, "was begun twice under one key")
        else:
            assert effect.ends != ("unknown",), effect
        if effect.uses == "ledger.checked":
            assert len(done) <= 1, (effect, "was done again though it was done")
            assert [line.what for line in of_it][:1] in ([], ["looked"])
            for before, line in pairwise(of_it):
                assert line.what != "began" or before.what == "looked", (effect, "was done without a look")


def what_was_begun_is_undone_backwards(
    runs: list[dict[str, Any]], lines: list[Line], told: dict[str, Told], steps: list[tuple[str, str, str]]
) -> None:
    """Of a run that was rolled back each step that began was undone, the last to end first, and nothing of it came after."""
    for run in (one for one in runs if one["state"] == "rolled_back"):
        calls = {one.step for one in told.values() if one.run == run["id"] and "~" not in one.step}
        ended: dict[str, int] = {}
        undone: list[str] = []
        for number, (id, address, state) in enumerate(steps):
            if id == run["id"] and address in calls and state in ("succeeded", "failed", "unknown"):
                ended[address] = number
            if id == run["id"] and address.endswith("~rollback") and state == "succeeded":
                undone.append(address.removesuffix("~rollback"))
        assert undone == sorted(ended, key=lambda address: -ended[address]), run["id"]
        assert "never" not in ended and "first" in ended
        of_run = [line for line in lines if line.run == run["id"] and line.what in ("began", "done")]
        acted = [line.step for line in of_run if line.what == "done" and line.step.endswith("~rollback")]
        assert list(dict.fromkeys(acted)) == [f"{address}~rollback" for address in undone]
        for address in undone:
            since = next(n for n, line in enumerate(of_run) if line.step == f"{address}~rollback")
            assert address not in {line.step for line in of_run[since:]}, (
                run["id"],
                address,
                "went on while it was undone",
            )


def what_failed_in_a_try_was_caught(runs: list[dict[str, Any]], lines: list[Line], told: dict[str, Told]) -> None:
    """`catch` was done exactly where `try` did not succeed, and `finally` everywhere."""
    done = {(line.run, line.step) for line in lines if line.what == "done"}
    ends = {(one.run, one.step): one.ends[0] for one in told.values()}
    for run in (one["id"] for one in runs if one["workflow"] == "spread"):
        assert ((run, "both/care/caught") in done) is (ends[run, "both/care/risky"] == "unknown")
        assert {(run, "both/care/swept"), (run, "which/busy")} <= done
        assert (run, "which/lost") not in done


@pytest.mark.timeout(600)
def test_kills_at_random_moments_lose_nothing_and_do_nothing_twice_that_must_not_be(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    killed(make_server, tmp_path, seed=20, kills=7, starts=24, pause_s=1.5)


def test_what_is_still_being_done_when_the_engine_comes_back_is_stopped_before_it_is_undone(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    server = make_server(variables=ledger.variables)
    server.start()
    manifest = f"""
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: slow}}
spec:
  on_failure: {{rollback: all}}
  steps:
    - {call("once", "ledger.once", undo="ledger.checked", takes_ms=40_000)}
"""
    assert server.client.post("/api/v1/manifests", content=manifest).status_code == 200
    run = server.client.post("/api/v1/runs", json={"workflow": "slow"}).json()["id"]
    eventually(lambda: ledger.under_way() == 1, what="it is being done")
    process(server, "engine").kill()
    eventually(server.ready, within_s=60, what="the engine is back")
    found = eventually(lambda: _ended(server, run), within_s=60, what="the run ends")
    assert found["state"] == "rolled_back"
    assert {step["address"]: step["state"] for step in found["steps"]} == {
        "once": "unknown",
        "once~rollback": "succeeded",
    }
    assert server.stop() == 0
    assert [(line.step, line.what) for line in ledger.lines()] == [
        ("once", "began"), ("once", "stopped"),
        ("once~rollback", "looked"), ("once~rollback", "began"), ("once~rollback", "done"),
    ]  # fmt: skip


def _ended(server: Server, run: str) -> dict[str, Any] | None:
    found: dict[str, Any] = server.client.get(f"/api/v1/runs/{run}").json()
    return found if found["ended_at"] is not None else None
