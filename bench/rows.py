"""The rows of the table: one function measures one kind of work, on OnCue and on its peer in turn."""

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from bench import load, peers, rulebook
from oncue.replay.verify import verify
from tests.server import ADMIN_TOKEN, Server, free_port

BATCH: Final = "application/cloudevents-batch+json"
STRUCTURED: Final = "application/cloudevents+json"
LIVE_ALERTS: Final = 5_000
ROUNDS: Final = 3
SETTLE_S: Final = 2.0
"""Before each measurement, so that none pays for what another puts off until there is a pause."""


class Scale(msgspec.Struct, frozen=True):
    """How much work a run does."""

    events: int = 200_000
    """Per measurement of batches."""
    singles: int = 20_000
    journal: int = 1_000_000
    open_alerts: int = 100_000
    latency_s: float = 20.0
    rounds: int = ROUNDS


QUICK: Final = Scale(events=20_000, singles=3_000, journal=50_000, open_alerts=10_000, latency_s=5.0, rounds=1)


class Row(msgspec.Struct):
    """One line of the table. `ratio` is what the bar is about: more is better unless `less` is set."""

    work: str
    peer: str
    ours: float
    theirs: float | None
    unit: str
    ratio: float
    bar: float | None
    """None for what is only there to be seen."""
    less: bool = False
    note: str = ""

    @property
    def reached(self) -> bool:
        """Whether the first bar is reached."""
        return self.bar is None or (self.ratio <= self.bar if self.less else self.ratio >= self.bar)


# What is sent

_serial = itertools.count()
_run = uuid.uuid4().hex[:8]


def cloudevent(number: int, kinds: int = 50) -> bytes:
    """One of `LIVE_ALERTS` alerts, as a new event."""
    alert = number % LIVE_ALERTS
    kind = alert % kinds
    return (
        f'{{"specversion":"1.0","id":"{_run}-{next(_serial)}","source":"/bench","type":"org.example.bench.kind{kind}",'
        f'"severity":"major","resource":"host-{alert}","service":"service-{alert % 100}","check":"bench",'
        f'"labels":"{{\\"team\\":\\"team-{kind % 5}\\",\\"zone\\":\\"zone-{alert % 3}\\"}}",'
        f'"data":{{"summary":"Something is wrong with host-{alert}","value":{number % 100}}}}}'
    ).encode()


def prometheus_alert(number: int, alerts: int = LIVE_ALERTS) -> bytes:
    """The same in Alertmanager's form."""
    alert = number % alerts
    kind = alert % 50
    return (
        f'{{"labels":{{"alertname":"bench{kind}","severity":"major","instance":"host-{alert}",'
        f'"service":"service-{alert % 100}","team":"team-{kind % 5}","zone":"zone-{alert % 3}"}},'
        f'"annotations":{{"summary":"Something is wrong with host-{alert}","value":"{number % 100}"}}}}'
    ).encode()


def bodies(total: int, size: int, one: Callable[[int], bytes]) -> Iterator[bytes]:
    """JSON arrays of `size` members each."""
    for first in range(0, total, size):
        yield b"[" + b",".join(one(number) for number in range(first, min(total, first + size))) + b"]"


def _rate_of_oncue(
    server: Server, parts: list[bytes], content_type: str, each: int, connections: int, path: str = "/api/v1/events"
) -> float:
    made = [load.request("127.0.0.1", server.port, path, content_type, body, ADMIN_TOKEN) for body in parts]
    time.sleep(SETTLE_S)
    result = load.run(server.port, made, connections=connections)
    assert not result.failures, f"answers other than 2xx: {result.failures} {result.refusals}"
    return result.per_second * each


def _rate_of_alertmanager(peer: peers.Alertmanager, parts: list[bytes], each: int, connections: int) -> float:
    made = [load.request("127.0.0.1", peer.port, "/api/v2/alerts", "application/json", body) for body in parts]
    time.sleep(SETTLE_S)
    result = load.run(peer.port, made, connections=connections)
    assert not result.failures, f"answers other than 2xx: {result.failures} {result.refusals}"
    return result.per_second * each


# The rows


class _Turns:
    """Rates of contenders that run side by side and are measured in turn.

    A machine shared with others is twice as fast in one minute as in the next; so each of ours is compared with what the
    peer did within the same seconds, and the middle one of these ratios counts.
    """

    def __init__(self) -> None:
        self._rates: dict[str, list[float]] = {}

    def measure(self, contenders: dict[str, Callable[[], float]]) -> None:
        """Each once more."""
        for name, run in contenders.items():
            self._rates.setdefault(name, []).append(run())

    def row(self, work: str, name: str, against: str, bar: float, note: str = "") -> Row:
        """One of ours against the peer."""
        ours, theirs = self._rates[name], self._rates[against]
        ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
        note += f"{note and '; '}{len(ratios)} turns, {min(ratios):.2f} to {max(ratios):.2f}"
        return Row(
            work, "Alertmanager, in memory", statistics.median(ours), statistics.median(theirs), "alerts/s",
            statistics.median(ratios), bar, note=note,
        )  # fmt: skip


TURNS: Final = 2
"""Measurements of the same server."""


def ingest_in_batches(scale: Scale) -> list[Row]:
    """Durable ingest in batches of 100 with 1,000 policies, in OnCue's own form and in Alertmanager's."""
    turns, each = _Turns(), scale.events // TURNS
    path = "/alertmanager/api/v2/alerts"
    for _ in range(scale.rounds):
        with peers.oncue(policies=1_000) as native, peers.oncue(policies=1_000) as same, peers.alertmanager() as peer:

            def events(count: int, server: Server = native) -> float:
                return _rate_of_oncue(server, list(bodies(count, 100, cloudevent)), BATCH, 100, 16)

            def alerts(count: int, server: Server = same) -> float:
                parts = list(bodies(count, 100, prometheus_alert))
                return _rate_of_oncue(server, parts, "application/json", 100, 16, path)

            def theirs(count: int, peer: peers.Alertmanager = peer) -> float:
                return _rate_of_alertmanager(peer, list(bodies(count, 100, prometheus_alert)), 100, 16)

            contenders = {"events": events, "alerts": alerts, "theirs": theirs}
            for run in contenders.values():
                run(LIVE_ALERTS * 2)  # warm-up
            for _ in range(TURNS):
                turns.measure({name: partial(run, each) for name, run in contenders.items()})
    name = "durable ingest, batches of 100, 1,000 policies"
    return [
        turns.row(f"{name}: CloudEvents", "events", "theirs", 0.8),
        turns.row(f"{name}: Alertmanager's API", "alerts", "theirs", 0.8, "the same bytes to both"),
    ]


def ingest_one_by_one(scale: Scale) -> list[Row]:
    """Durable ingest, one event a request, with 1,000 policies. All alerts are live before, as in batches."""
    turns, each = _Turns(), scale.singles // TURNS
    for _ in range(scale.rounds):
        with peers.oncue(policies=1_000) as server, peers.alertmanager() as peer:

            def ours(server: Server = server) -> float:
                return _rate_of_oncue(server, [cloudevent(n) for n in range(each)], STRUCTURED, 1, 32)

            def theirs(peer: peers.Alertmanager = peer) -> float:
                return _rate_of_alertmanager(peer, list(bodies(each, 1, prometheus_alert)), 1, 32)

            _rate_of_oncue(server, list(bodies(LIVE_ALERTS * 2, 100, cloudevent)), BATCH, 100, 16)
            _rate_of_alertmanager(peer, list(bodies(LIVE_ALERTS * 2, 100, prometheus_alert)), 100, 16)
            for _ in range(TURNS):
                turns.measure({"ours": ours, "theirs": theirs})
    work = "durable ingest, one event a request, 1,000 policies"
    return [turns.row(work, "ours", "theirs", 0.4, "32 connections")]


def many_policies(scale: Scale) -> list[Row]:
    """What 10,000 policies cost against 10, of which the same two match each event."""
    rates: dict[int, list[float]] = {10: [], 10_000: []}
    for _, policies in itertools.product(range(scale.rounds), rates):
        with peers.oncue(policies=policies) as server:

            def one(number: int) -> bytes:
                return cloudevent(number, kinds=5)

            _rate_of_oncue(server, list(bodies(LIVE_ALERTS * 2, 100, one)), BATCH, 100, 16)
            rates[policies].append(_rate_of_oncue(server, list(bodies(scale.events // 2, 100, one)), BATCH, 100, 16))
    few, many = statistics.median(rates[10]), statistics.median(rates[10_000])
    work = "10,000 policies against 10: cost per event"
    return [Row(work, "itself with 10", 1e6 / many, 1e6 / few, "µs/event", few / many, 2.0, less=True)]


ACTING: Final = """\
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {{name: bench}}
spec: {{host: 127.0.0.1, port: {port}, reason: benchmark}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: bench-act}}
spec:
  inputs: {{type: object, properties: {{number: {{type: string}}}}}}
  steps:
    - id: call
      uses: http.request
      with: {{method: PUT, url: "http://127.0.0.1:{port}/${{inputs.number}}"}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: bench-act}}
spec:
  match: {{types: [org.example.bench.act]}}
  respond:
    - run: {{workflow: bench-act, with: {{number: "${{event.subject}}"}}}}
"""
ACT_EVERY: Final = 20


def event_to_action(scale: Scale) -> list[Row]:
    """From just before the event is sent to the arrival of the action's HTTP call, at 1,000 events/s."""
    port = free_port()
    with peers.oncue(manifests=ACTING.format(port=port)) as server:
        times = uvloop.run(_event_to_action(server.port, port, scale.latency_s))
    p50, p99 = (times[min(len(times) - 1, int(share * len(times)))] for share in (0.5, 0.99))
    work = "accepted event → action started, 1,000 events/s"
    note = f"p99; p50 is {p50:.1f} ms; every {ACT_EVERY}th event starts a run; from sending to the arrival of its call"
    return [Row(work, "", p99, None, "ms", p99, 50.0, less=True, note=note)]


async def _event_to_action(port: int, sink_port: int, seconds: float) -> list[float]:
    sent: dict[str, float] = {}
    taken: dict[str, float] = {}

    async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            taken.setdefault(head.split(b" ", 2)[1][1:].decode(), time.perf_counter())
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    total = int(seconds * 1_000)
    numbers = iter(range(total))
    started = time.perf_counter() + 0.1

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            await asyncio.sleep(max(0.0, started + number / 1_000 - time.perf_counter()))
            body = cloudevent(number)
            if number % ACT_EVERY == 0:
                body = json.dumps(
                    {
                        "specversion": "1.0",
                        "id": f"{_run}-act-{number}",
                        "source": "/bench",
                        "type": "org.example.bench.act",
                        "subject": f"n{number}",
                        "resource": f"host-{number % LIVE_ALERTS}",
                    }
                ).encode()
                sent[f"n{number}"] = time.perf_counter()
            writer.write(load.request("127.0.0.1", port, "/api/v1/events", STRUCTURED, body, ADMIN_TOKEN))
            status, _ = await load.answer(reader)
            assert status == 200, status
        writer.close()

    async with await asyncio.start_server(sink, "127.0.0.1", sink_port):
        async with asyncio.TaskGroup() as group:
            for _ in range(32):
                group.create_task(connection())
        deadline = time.perf_counter() + 30
        while len(taken) < len(sent) and time.perf_counter() < deadline:
            await asyncio.sleep(0.05)
    assert taken.keys() == sent.keys(), f"{len(sent)} sent, {len(taken)} acted on"
    return sorted((taken[number] - at) * 1000 for number, at in sent.items())


def start_up(scale: Scale) -> list[Row]:
    """From the start of the process to /readyz, with a full journal."""
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as directory:
        data = Path(directory) / "data"
        with peers.oncue(keep=data) as server:
            alerts = scale.open_alerts

            def one(number: int) -> bytes:
                return cloudevent(number).replace(
                    b'"check":"bench"', b'"check":"bench-%d"' % (number % alerts // 5_000)
                )

            _rate_of_oncue(server, list(bodies(scale.journal, 500, one)), BATCH, 500, 4)
        times = []
        for _ in range(scale.rounds):
            before = time.perf_counter()
            with Server(data):
                times.append(time.perf_counter() - before)
    seconds = statistics.median(times)
    work = f"start with {scale.journal:,} events in the journal, {scale.open_alerts:,} open alerts"
    return [Row(work, "", seconds, None, "s", seconds, 5.0, less=True)]


def replay(scale: Scale) -> list[Row]:
    """`oncue replay --verify`: every input decided again, every derived event compared byte for byte."""
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as directory:
        data = Path(directory) / "data"
        with peers.oncue(policies=1_000, keep=data) as server:
            _rate_of_oncue(server, list(bodies(scale.events, 100, cloudevent)), BATCH, 100, 16)
        rates = []
        for _ in range(scale.rounds):
            before = time.perf_counter()
            outcome = verify(data)
            assert outcome.exit_code == 0, outcome.detail
            rates.append((outcome.inputs + outcome.derived) / (time.perf_counter() - before))
    rate = statistics.median(rates)
    work = f"replay of {scale.events:,} inputs, 1,000 policies, compared with what was derived"
    return [Row(work, "", rate, None, "events/s", rate, 50_000)]


def memory_per_alert(scale: Scale) -> list[Row]:
    """What an open alert adds to the resident memory."""
    alerts = scale.open_alerts

    def one(number: int) -> bytes:
        return prometheus_alert(number, alerts)

    with peers.oncue() as server:
        _rate_of_oncue(server, list(bodies(1_000, 100, one)), "application/json", 100, 4, "/alertmanager/api/v2/alerts")
        peers.settled(server)
        before = peers.memory(server)
        _rate_of_oncue(
            server, list(bodies(alerts, 100, one)), "application/json", 100, 4, "/alertmanager/api/v2/alerts"
        )
        peers.settled(server)
        ours = (peers.memory(server) - before) / (alerts - 1_000)
    with peers.alertmanager() as peer:
        _rate_of_alertmanager(peer, list(bodies(1_000, 100, one)), 100, 4)
        before = peer.memory()
        _rate_of_alertmanager(peer, list(bodies(alerts, 100, one)), 100, 4)
        theirs = (peer.memory() - before) / (alerts - 1_000)
    work = "memory per open alert"
    note = f"engine's process, {alerts:,} alerts"
    return [Row(work, "Alertmanager", ours / 1000, theirs / 1000, "KB", ours / theirs, 1.5, less=True, note=note)]


RULES: Final = 10
"""Few, which suits the peer: with more of them it slows down."""


def rules_end_to_end(scale: Scale) -> list[Row]:
    """The same events against the same rules, each a type and a comparison; every event meets one, which acts.

    Here an event comes by HTTP, is committed, and its policy labels its alert; there it is put into the queue of the
    process itself, nothing is kept, and the rule's action is `none`. Left out, with a word, where the peer cannot run.
    """
    why = rulebook.missing()
    if why is not None:
        print(f"rules: left out, as ansible-rulebook cannot run here: {why}", file=sys.stderr)
        return []
    policies = "\n---\n".join(
        f"""\
apiVersion: oncue/v1
kind: Policy
metadata: {{name: rule-{kind}}}
spec:
  match: {{types: [org.example.bench.kind{kind}], where: event.severity == 'major' && event.data.value >= 0}}
  alert: {{labels: {{rule: "{kind}"}}}}
"""
        for kind in range(RULES)
    )

    def one(number: int) -> bytes:
        return cloudevent(number, kinds=RULES)

    conditions = [
        f'event.type == "org.example.bench.kind{kind}" and event.severity == "major" and event.data.value >= 0'
        for kind in range(RULES)
    ]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(scale.rounds):
        with peers.oncue(manifests=policies) as server:
            _rate_of_oncue(server, list(bodies(LIVE_ALERTS * 2, 100, one)), BATCH, 100, 16)  # warm-up
            ours.append(_rate_of_oncue(server, list(bodies(scale.events, 100, one)), BATCH, 100, 16))
        sent = [json.loads(one(number)) for number in range(rulebook.WARM_UP + scale.singles)]
        theirs.append(rulebook.rate(sent, conditions))
    own, other = statistics.median(ours), statistics.median(theirs)
    work = f"rule evaluation end to end, {RULES} rules"
    note = "durable here, in memory there; batches of 100"
    return [Row(work, "ansible-rulebook", own, other, "events/s", own / other, 8.0, note=note)]


ROWS: Final[dict[str, Callable[[Scale], list[Row]]]] = {
    "batch": ingest_in_batches,
    "single": ingest_one_by_one,
    "policies": many_policies,
    "rules": rules_end_to_end,
    "action": event_to_action,
    "start": start_up,
    "replay": replay,
    "memory": memory_per_alert,
}
