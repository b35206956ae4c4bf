"""`make bench-workflows`: how fast runs of workflows go, what they cost while they wait, and whom they hold up.

Everything is measured on a real server in one go. `python -m bench.workflows --quick rate waiting` measures less, only these
rows, and writes nothing. Ends with 1 if a bar is missed.
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import uvloop
import yaml

from bench import dbos, load, machine, page, peers
from bench.rows import BATCH, STRUCTURED, Row, bodies
from tests.server import ADMIN_TOKEN, ROOT, Server, eventually

PAGE: Final = ROOT / "docs" / "explanation" / "workflow-speed.md"
CONNECTIONS: Final = 32
AT_ONCE: Final = 50
"""Items of a `for_each` that are worked on at the same time."""
FINISHED_WITHIN_S: Final = 900.0
SLICE: Final = 10
"""Runs that are measured alone before as many commits are."""
REST_S: Final = dbos.REST_S
"""Between runs, and between commits, that are measured alone."""
PEER_EVERY: Final = 5
"""Of so many slices of ours one is followed by one of the peer."""
LINE: Final = 2**24
"""Bytes of a run with all of its inputs, in one line of the stream."""
IDLE_S: Final = 20.0
EVENTS_PER_S: Final = 50
"""Sent one by one while timers are due."""
BEFORE_S: Final = 10.0
"""For how long they are sent before."""


class Scale(msgspec.Struct, frozen=True):
    """How much work a measurement is."""

    runs: int = 1_000
    """Per turn; of the peer a tenth."""
    turns: int = 5
    alone: int = 300
    """Runs one after the other."""
    items: int = 10_000
    waiting: int = 100_000
    timers: int = 10_000


QUICK: Final = Scale(runs=200, turns=1, alone=50, items=1_000, waiting=2_000, timers=500)


# What is run

ACTION: Final = '''\
"""The action `bench.next`: the number after this one."""

import msgspec


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A number."""

    n: int


class Outputs(msgspec.Struct, kw_only=True):
    """The next one."""

    n: int


class Next:
    """Adds one."""

    name = "bench.next"
    inputs = Inputs
    outputs = Outputs
    errors = ()

    def effect_class(self, inputs):
        return "idempotent"

    def plan(self, inputs):
        return f"add one to {inputs.n}"

    async def run(self, inputs, context):
        return Outputs(n=inputs.n + 1)
'''

MANIFESTS: Final = f"""\
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: acting}}
spec:
  inputs: {{type: object, properties: {{n: {{type: integer}}}}}}
  steps:
    - {{id: one, uses: bench.next, with: {{n: "${{inputs.n}}"}}}}
    - {{id: two, uses: bench.next, with: {{n: "${{steps.one.result.n}}"}}}}
    - {{id: three, uses: bench.next, with: {{n: "${{steps.two.result.n}}"}}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: setting}}
spec:
  inputs: {{type: object, properties: {{n: {{type: integer}}}}}}
  steps:
    - {{id: one, set: {{n: "${{inputs.n + 1}}"}}}}
    - {{id: two, set: {{n: "${{vars.n + 1}}"}}}}
    - {{id: three, emit: {{type: bench.set, subject: "${{vars.n + 1}}"}}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: acting-on-each}}
spec:
  inputs: {{type: object, properties: {{items: {{type: array}}}}}}
  steps:
    - id: each
      for_each: {{items: inputs.items, as: n, max_parallel: {AT_ONCE}}}
      steps: [{{id: next, uses: bench.next, with: {{n: "${{n}}"}}}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: setting-each}}
spec:
  inputs: {{type: object, properties: {{items: {{type: array}}}}}}
  steps:
    - id: each
      for_each: {{items: inputs.items, as: n, max_parallel: {AT_ONCE}}}
      steps: [{{id: next, set: {{n: "${{n + 1}}"}}}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: waiting}}
spec:
  inputs: {{type: object, properties: {{host: {{type: string}}}}}}
  timeout: 7d
  steps:
    - id: back
      wait: {{event: {{types: [bench.back], resource: "${{inputs.host}}"}}}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: until}}
spec:
  inputs: {{type: object, properties: {{at: {{type: string}}}}}}
  steps:
    - {{id: then, wait: {{until: inputs.at}}}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: waiting}}
spec:
  match: {{types: [bench.waiting]}}
  respond: [{{run: {{workflow: waiting, with: {{host: "${{event.resource}}"}}}}}}]
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: until}}
spec:
  match: {{types: [bench.until]}}
  respond: [{{run: {{workflow: until, with: {{at: "${{event.data.at}}"}}}}}}]
"""


@contextmanager
def oncue() -> Iterator[Server]:
    """A fresh server that knows the workflows, and has the trivial action installed beside it; verified after the block."""
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as folder:
        package = Path(folder)
        (package / "bench_next.py").write_text(ACTION)
        metadata = package / "bench_next-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-next\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text("[oncue.actions]\nbench.next = bench_next:Next\n")
        with peers.oncue(variables={"PYTHONPATH": _path(package)}) as server:
            # The server has the action, and the command line, which checks first, has not.
            answer = server.client.post("/api/v1/manifests", json=list(yaml.safe_load_all(MANIFESTS)))
            assert answer.status_code == 200, answer.text
            yield server


def _path(package: Path) -> str:
    return ":".join([str(package), *(part for part in sys.path if part)])


def _start(server: Server, workflow: str, inputs: dict[str, Any]) -> bytes:
    body = msgspec.json.encode({"workflow": workflow, "inputs": inputs})
    return load.request("127.0.0.1", server.port, "/api/v1/runs", "application/json", body, ADMIN_TOKEN)


def _over(server: Server) -> None:
    """Return once no run is under way, and none has failed."""
    eventually(lambda: not _runs(server, "running"), FINISHED_WITHIN_S, "all runs are over")
    assert not _runs(server, "failed"), _runs(server, "failed")


def _runs(server: Server, state: str) -> list[dict[str, Any]]:
    answer = server.client.get("/api/v1/runs", params={"state": state, "limit": 1})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def _rate(server: Server, workflow: str, count: int) -> float:
    """Runs a second, from sending the first request until all are over."""
    requests = [_start(server, workflow, {"n": number}) for number in range(count)]
    began = time.perf_counter()
    result = load.run(server.port, requests, connections=CONNECTIONS)
    assert not result.failures, result.refusals
    _over(server)
    return count / (time.perf_counter() - began)


def _event(number: int, type: str, data: dict[str, Any] | None = None) -> bytes:
    made = {
        "specversion": "1.0",
        "id": f"{type}-{number}",
        "source": "/bench",
        "type": type,
        "resource": f"host-{number}",
    }
    return msgspec.json.encode({**made, "data": data or {}})


def _feed(server: Server, count: int, one: Callable[[int], bytes], first: int = 0) -> float:
    """Send so many events in batches; gives how long that took."""
    requests = [
        load.request("127.0.0.1", server.port, "/api/v1/events", BATCH, body, ADMIN_TOKEN)
        for body in bodies(count, 100, lambda number: one(first + number))
    ]
    result = load.run(server.port, requests, connections=4)
    assert not result.failures, result.refusals
    return result.seconds


# The rows


def rate(scale: Scale) -> list[Row]:
    """Durable runs of three trivial steps, here and with DBOS, in turn within the same minutes."""
    why = dbos.missing()
    if why is not None:
        print(f"rate: left out, as DBOS cannot run here: {why}", file=sys.stderr)
        return []
    acting: list[float] = []
    setting: list[float] = []
    plain: list[dbos.Measured] = []
    wal: list[dbos.Measured] = []
    with oncue() as server:
        for workflow in ("acting", "setting"):
            _rate(server, workflow, 200)  # warm-up
        for _ in range(scale.turns):
            peers.settled(server)
            acting.append(_rate(server, "acting", scale.runs))
            plain.append(dbos.measure(scale.runs // 10, "delete"))
            setting.append(_rate(server, "setting", scale.runs))
            wal.append(dbos.measure(scale.runs // 10, "wal"))
    commits = f"{statistics.median(one.commits for one in plain):.1f} commits a run there"
    return [
        _against("3-step runs, each step a Python function that a worker calls", acting, plain, "DBOS as it comes", 5.0, commits),
        _against("the same, with the peer's SQLite in WAL mode, as here", acting, wal, "DBOS, WAL", None),
        _against("3-step runs, steps that the engine does itself", setting, plain, "DBOS as it comes", 5.0),
        _against("the same, with the peer's SQLite in WAL mode, as here", setting, wal, "DBOS, WAL", None),
    ]  # fmt: skip


def _against(
    work: str, ours: list[float], theirs: list[dbos.Measured], peer: str, bar: float | None, note: str = ""
) -> Row:  # fmt: skip
    ratios = [own / other.best for own, other in zip(ours, theirs, strict=True)]
    note += f"{note and '; '}{len(ratios)} turns, {min(ratios):.1f} to {max(ratios):.1f}"
    other = statistics.median(one.best for one in theirs)
    return Row(work, peer, statistics.median(ours), other, "runs/s", statistics.median(ratios), bar, note=note)


def alone(scale: Scale) -> list[Row]:
    """One run at a time on a server that does nothing else, against one commit of SQLite, and against one run of DBOS."""
    why = dbos.missing()
    peer: dict[dbos.Log, list[float]] = {"delete": [], "wal": []}
    rows = []
    with oncue() as server:
        for workflow, what in (("acting", "a worker calls"), ("setting", "the engine does itself")):
            uvloop.run(_one_by_one(server.port, workflow, [{"n": 0}] * 20))  # warm-up
            peers.settled(server)
            ids, told, commits = [], [], []
            for turn in range(scale.alone // SLICE):
                # In turn, a few at a time: the disk's speed changes with the machine's neighbours.
                some, times = uvloop.run(_one_by_one(server.port, workflow, [{"n": 0}] * SLICE))
                ids += some
                told += times
                commits += _commits_ms(SLICE)
                if workflow == "acting" and why is None and turn % PEER_EVERY == 0:
                    for log, p50s in peer.items():
                        p50s.append(dbos.measure(SLICE, log).p50_ms)
            commit = statistics.median(commits)
            work = f"one 3-step run alone, steps that {what}: p50 from sending its request to being told of its end"
            p50 = statistics.median(told)
            # One that passes between processes for each step is held to the peer's, which does not.
            bar = 12.0 if workflow == "setting" else None
            rows.append(Row(work, "a commit", p50, commit, "ms", p50 / commit, bar, less=True))
            if workflow == "acting":
                # What the engine does itself is over within the input that asks for it.
                own = statistics.median(_lasted_ms(server, id) for id in ids)
                rows.append(
                    Row("the same, by its own times", "a commit", own, commit, "ms", own / commit, None, less=True)
                )
                for name, p50s, most in (("DBOS as it comes", peer["delete"], 1.0), ("DBOS, WAL", peer["wal"], None)):
                    if p50s:
                        other = statistics.median(p50s)
                        rows.append(
                            Row("the same, from request to end", name, p50, other, "ms", p50 / other, most, less=True)
                        )
    return rows


async def _one_by_one(port: int, workflow: str, inputs: list[dict[str, Any]]) -> tuple[list[str], list[float]]:
    """Runs with these inputs, and how many milliseconds after its request was sent each was told to be over."""
    over: dict[str, asyncio.Future[float]] = {}
    listening, listened = await asyncio.open_connection("127.0.0.1", port, limit=LINE)
    listened.write(
        b"GET /api/v1/stream?types=oncue.run.succeeded HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer %s\r\n\r\n" % ADMIN_TOKEN.encode()
    )
    await listening.readuntil(b"\r\n\r\n")

    def of(id: str) -> "asyncio.Future[float]":
        return over.setdefault(id, asyncio.get_running_loop().create_future())

    async def listen() -> None:
        async for line in listening:
            at = line.find(b'"id":"run-')
            if at >= 0:
                future = of(line[at + 6 : line.index(b'"', at + 6)].decode())
                if not future.done():
                    future.set_result(time.perf_counter())

    told = asyncio.create_task(listen())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ids: list[str] = []
    times: list[float] = []
    for given in inputs:
        body = json.dumps({"workflow": workflow, "inputs": given}).encode()
        before = time.perf_counter()
        writer.write(load.request("127.0.0.1", port, "/api/v1/runs", "application/json", body, ADMIN_TOKEN))
        status, answered = await load.answer(reader)
        assert status == 201, answered
        ids.append(json.loads(answered)["id"])
        async with asyncio.timeout(FINISHED_WITHIN_S):
            times.append((await of(ids[-1]) - before) * 1000)
        await asyncio.sleep(REST_S)
    told.cancel()
    writer.close()
    listened.close()
    return ids, times


def _lasted_ms(server: Server, id: str) -> float:
    run = server.client.get(f"/api/v1/runs/{id}").json()
    assert run["state"] == "succeeded", run
    return (_instant(run["ended_at"]) - _instant(run["created_at"])) / timedelta(milliseconds=1)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _commits_ms(count: int) -> list[float]:
    """What SQLite alone takes for each of so many commits of one small row: in WAL mode, with `synchronous=FULL`, as here."""
    times = []
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "one.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, body BLOB)")
        for number in range(count):
            before = time.perf_counter()
            connection.execute("INSERT INTO one VALUES (?, ?)", (number, b"x" * 200))
            times.append((time.perf_counter() - before) * 1000)
            time.sleep(REST_S)
        connection.close()
    return times


def items(scale: Scale) -> list[Row]:
    """A `for_each` over ten times as many items."""
    rows = []
    with oncue() as server:
        for workflow, what in (("acting-on-each", "a worker calls"), ("setting-each", "the engine does itself")):
            took: dict[int, list[float]] = {scale.items // 10: [], scale.items: []}
            for _ in range(min(3, scale.turns)):
                for count, times in took.items():
                    peers.settled(server)
                    _, told = uvloop.run(_one_by_one(server.port, workflow, [{"items": list(range(count))}]))
                    times.append(told[0] / 1000)
            few, many = (statistics.median(times) for times in took.values())
            work = f"for_each over {scale.items:,} items, each a step that {what}, {AT_ONCE} at the same time"
            rows.append(Row(work, f"over {scale.items // 10:,}", many, few, "s", many / few, 12.0, less=True))
    return rows


def waiting(scale: Scale) -> list[Row]:
    """What runs cost that wait, each for an event about a host of its own."""
    before = scale.waiting // 10
    with oncue() as server:
        _feed(server, before, lambda number: _event(number, "bench.waiting"))
        none = _resting(server)
        seconds = _feed(server, scale.waiting, lambda number: _event(number, "bench.waiting"), before)
        all_of_them = _resting(server)
    per_run, restarted = (
        (there - here) / scale.waiting / 1000 for there, here in zip(all_of_them.memory, none.memory, strict=True)
    )
    points = all_of_them.processor - none.processor
    many = f"{scale.waiting:,} waiting runs, beside {before:,}"
    note = f"after a restart {restarted:.2f} KB; {scale.waiting / seconds:,.0f} of them began a second"
    restart = (
        f"{all_of_them.processor:.1f} % with them, {none.processor:.1f} % without; "
        f"a restart takes {all_of_them.start_s:.1f} s with them, {none.start_s:.1f} s without"
    )
    return [
        Row(f"memory per waiting run, {many}", "", per_run, None, "KB", per_run, 1.0, less=True, note=note),
        Row(f"idle processor time with {many}, more than with none", "", points, None, "points", points, 1.0, less=True,
            note=restart),
    ]  # fmt: skip


class Resting(msgspec.Struct, frozen=True):
    """A server that has nothing to do."""

    memory: tuple[int, int]
    """Resident bytes of the engine's process, before and after a restart."""
    processor: float
    """Percent of one processor that all its processes use; the lesser of before and after the restart."""
    start_s: float


def _resting(server: Server) -> Resting:
    peers.settled(server, 3.0)
    before = peers.memory(server)
    worked = _idle(server)
    server.stop()
    began = time.perf_counter()
    server.start()
    start_s = time.perf_counter() - began
    peers.settled(server, 3.0)
    return Resting((before, peers.memory(server)), min(worked, _idle(server)), start_s)


def _idle(server: Server) -> float:
    """Percent of one processor that those of its processes use which live all the time: a snapshot's ends."""
    used, began = _processor_s(server), time.perf_counter()
    time.sleep(IDLE_S)
    now, seconds = _processor_s(server), time.perf_counter() - began
    return sum(now[process] - used[process] for process in used.keys() & now.keys()) / seconds * 100


def _processor_s(server: Server) -> dict[int, float]:
    """What each process has used, by its id."""
    found = {}
    for process in server.processes():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[process.pid] = times.user + times.system
    return found


def beside(scale: Scale) -> list[Row]:
    """Events one by one while the times of many runs come at once, and while long runs go on."""
    with oncue() as server:
        began = time.perf_counter()
        _feed(server, 100, lambda number: _event(number, "bench.until", {"at": "2020-01-01T00:00:00Z"}))
        each_s = (time.perf_counter() - began) / 100
        at = datetime.now(UTC) + timedelta(seconds=15 + BEFORE_S + 3 * each_s * scale.timers)
        data = {"at": at.isoformat()}
        _feed(server, scale.timers, lambda number: _event(number, "bench.until", data), 100)
        peers.settled(server)
        left = (at - datetime.now(UTC)).total_seconds()
        assert left > BEFORE_S, f"the runs took too long to begin: {left:.0f} s are left"
        time.sleep(left - BEFORE_S)
        rows = [_held_up(server, f"{scale.timers:,} timers of runs are due at once", lambda: _over(server))]
        for workflow, what in (("acting-on-each", "a worker calls"), ("setting-each", "the engine does itself")):

            def each(workflow: str = workflow) -> None:
                uvloop.run(_one_by_one(server.port, workflow, [{"items": list(range(scale.items))}]))

            peers.settled(server)
            work = f"a for_each over {scale.items:,} items goes on, each a step that {what}"
            rows.append(_held_up(server, work, each))
    return rows


def _held_up(server: Server, work: str, until_over: Callable[[], None]) -> Row:
    """Events for a while before, and then until that is over."""
    before, during = asyncio.run(_events(server.port, until_over))
    calm, busy = ([took for _, took in answers] for answers in (before, during))
    note = (
        f"{len(busy)} events, p50 {statistics.median(busy):.1f} ms; in the {BEFORE_S:g} s before, the slowest took "
        f"{max(calm):.1f} ms, p50 {statistics.median(calm):.1f} ms; all over after {during[-1][0] - before[-1][0]:.1f} s"
    )
    work = f"the slowest answer to an event while {work}"
    return Row(work, "", max(busy), None, "ms", max(busy), 100.0, less=True, note=note)


Answers = list[tuple[float, float]]
"""When an event was sent, and how many milliseconds its answer took."""


async def _events(port: int, until_over: Callable[[], None]) -> tuple[Answers, Answers]:
    """Events one by one: for a while before, and then until that has returned."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers: tuple[Answers, Answers] = ([], [])
    begins, tag = time.perf_counter() + BEFORE_S, time.time_ns()
    work: asyncio.Task[None] | None = None
    while work is None or not work.done():
        before = time.perf_counter()
        if work is None and before >= begins:
            work = asyncio.create_task(asyncio.to_thread(until_over))
        number = sum(map(len, answers))
        body = _event(number, f"bench.beside.{tag}")
        writer.write(load.request("127.0.0.1", port, "/api/v1/events", STRUCTURED, body, ADMIN_TOKEN))
        status, answered = await load.answer(reader)
        assert status == 200, answered
        answers[work is not None].append((before, (time.perf_counter() - before) * 1000))
        await asyncio.sleep(max(0.0, 1 / EVENTS_PER_S - (time.perf_counter() - before)))
    await work
    writer.close()
    return answers


ROWS: Final[dict[str, Callable[[Scale], list[Row]]]] = {
    "rate": rate,
    "alone": alone,
    "items": items,
    "waiting": waiting,
    "beside": beside,
}


def main() -> int:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.workflows", description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures; writes nothing")
    chosen = parser.parse_args()
    unknown = set(chosen.rows) - ROWS.keys()
    if unknown:
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    measured: list[Row] = []
    for name, measure in ROWS.items():
        if not chosen.rows or name in chosen.rows:
            began = time.monotonic()
            found = measure(QUICK if chosen.quick else Scale())
            measured += found
            print("\n".join(map(page.line, found)), flush=True)
            print(f"    ({name}: {time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as folder:
        described = machine.describe(Path(folder))
    if dbos.missing() is None:
        described["dbos"] = dbos.version()
    text = f"{page.ratios(measured)}\n\n{page.description(described)}"
    print("\n" + text)
    if not chosen.quick and not chosen.rows:
        page.put(PAGE, text)
    return 0 if all(row.reached for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
