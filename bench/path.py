"""`make profile`: where each microsecond of an event goes, from the bytes of a request to the commit.

The front's and the engine's own functions run in one process here, without sockets, and each is charged with the processor
time that it used itself, without what it called. A second look, at a real server, gives what the processes used in all.
"""

import functools
import itertools
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psutil
import yaml

from bench import load, peers, rows
from oncue.core import deduplicate, shape
from oncue.core.engine import Engine
from oncue.core.tx import Tx
from oncue.plugins.sources import alertmanager, cloudevents
from oncue.runtime import frames, intake, making, writing
from oncue.runtime.clock import instant
from oncue.runtime.dedup import Dedup
from oncue.runtime.making import Making
from oncue.runtime.writing import WriterLoop
from oncue.sdk.source import Parsed
from oncue.store.journal import OpenSegment, Segment
from oncue.store.writer import SQLiteDriver, Writer
from tests.contract.writing import Writing
from tests.server import ADMIN_TOKEN

HERE: Final = Path(__file__).resolve().parent
PAGE: Final = HERE.parent / "docs" / "explanation" / "event-path.md"
EVENTS: Final = 50_000
AT_ONCE: Final = 16
"""Requests that are under way at the same time."""

STAGES: Final[list[tuple[str, str, Any, str]]] = [
    ("front", "read and vet the events of a request", cloudevents, "parse_batch"),
    ("front", "read alerts, make them events", alertmanager, "parse_alerts"),
    ("front", "gather what tells a repeat, hash the ids", intake.Intake, "unit"),
    ("front", "hash the contents, for the Merkle tree", intake, "digests"),
    ("engine", "hash the contents of facts", making, "digest"),
    ("front", "pack the frame for the engine", frames, "encode"),
    ("engine", "unpack it", frames, "decode"),
    ("engine", "take turns, answer", WriterLoop, "_batch"),
    ("engine", "queue", WriterLoop, "submit"),
    ("engine", "after the commit", WriterLoop, "_committed"),
    ("engine", "recognise duplicates", Dedup, "judge"),
    ("engine", "handle the unit", Making, "unit"),
    ("engine", "decide repeats", Engine, "repeats"),
    ("engine", "journal a run of repeats: leaves and headers", OpenSegment, "add_inputs"),
    ("engine", "bring a run of repeats together", Making, "_repeats"),
    ("engine", "handle an input that may do more", Making, "_input"),
    ("engine", "decide it: the stages", Engine, "process"),
    ("engine", "shape the alert", shape, "draft"),
    ("engine", "raise or repeat the alert", deduplicate, "raise_alert"),
    ("engine", "make facts", Tx, "fact"),
    ("engine", "journal a record", OpenSegment, "add"),
    ("engine", "rows of facts", Making, "_facts"),
    ("engine", "rows of what changed", Making, "made"),
    ("engine", "Merkle root, segment", OpenSegment, "close"),
    ("commit", "compress", Segment, "compressed"),
    ("commit", "statements of the transaction", SQLiteDriver, "run"),
    ("commit", "COMMIT: write and sync", SQLiteDriver, "commit"),
    ("commit", "the rest of the commit", Writer, "commit"),
]
"""Where it runs, what it does, the function."""


Parse = Callable[[bytes, datetime], Parsed]
"""A request, and when it came, to events."""


class Profile:
    """Processor time by stage, each without what it called."""

    def __init__(self) -> None:
        self.seconds: Counter[int] = Counter()
        self._inner = threading.local()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Charge the stages for the length of the block."""
        kept = [(owner, name, getattr(owner, name)) for _, _, owner, name in STAGES]
        users = (making, writing, intake)
        try:
            for number, (owner, name, original) in enumerate(kept):
                charged = self._charged(number, original)
                setattr(owner, name, charged)
                for user in users:
                    if getattr(user, name, None) is original:
                        setattr(user, name, charged)
            yield
        finally:
            for owner, name, original in kept:
                charged = getattr(owner, name)
                for user in (owner, *users):
                    if getattr(user, name, None) is charged:
                        setattr(user, name, original)

    def _charged(self, number: int, function: Callable[..., Any]) -> Callable[..., Any]:
        seconds, inner = self.seconds, self._inner

        @functools.wraps(function)
        def charged(*given: Any, **named: Any) -> Any:
            stack: list[float] = inner.__dict__.setdefault("stack", [])
            stack.append(0.0)
            before = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                used = time.thread_time() - before
                seconds[number] += used - stack.pop()
                if stack:
                    stack[-1] += used

        return charged


class Whole:
    """The whole path in one process."""

    def __init__(self, data: Path) -> None:
        self._writing = Writing(data)
        documents = yaml.load_all("\n---\n".join(peers.policy(n, 1_000) for n in range(1_000)), yaml.CSafeLoader)
        changes = [
            {
                "op": "apply", "kind": one["kind"], "namespace": "default", "name": one["metadata"]["name"],
                "labels": {}, "owner": None, "review_by": None, "description": "", "spec": one["spec"],
            }
            for one in documents
        ]  # fmt: skip
        applied = self._writing.submit(
            self._writing.event("oncue.config.applied", data={"changes": changes}), urgent=True
        )
        assert (applied.error, applied.rejected) == (None, []), applied

    def feed(self, requests: list[bytes], parse: Parse) -> float:
        """Take the requests, some at a time, to the last commit. Gives the processor seconds of this process."""
        loop, unit = self._writing.loop, self._writing.intake.unit
        answered = itertools.count()
        done = 0

        def settle(answer: frames.Answer) -> None:
            nonlocal done
            assert (answer.error, answer.rejected) == (None, []), answer
            done = next(answered) + 1

        before, sent = time.process_time(), 0
        while done < len(requests):
            while sent - done < AT_ONCE and sent < len(requests):
                parsed = parse(requests[sent], instant(self._writing.at_us))
                made = unit(sent, "default", "events", "token:bench", parsed.events, outlines=parsed.outlines)
                loop.submit([frames.decode(frames.encode(made))], settle)
                sent += 1
            if loop.waiting:
                loop._batch()  # noqa: SLF001 - driven step by step
                self._writing.at_us += 20_000
            else:
                loop._catch_up()  # noqa: SLF001
        return time.process_time() - before

    def close(self) -> None:
        """Let go of the files."""
        self._writing.close()


def _cloudevents(body: bytes, _: datetime) -> Parsed:
    return cloudevents.parse_batch(body)


def _alerts(body: bytes, now: datetime) -> Parsed:
    return alertmanager.parse_alerts(body, now)[0]


FORMS: Final[dict[str, tuple[Callable[[int], bytes], Parse]]] = {
    "CloudEvents": (rows.cloudevent, _cloudevents),
    "Alertmanager's API": (rows.prometheus_alert, _alerts),
}


def stages(form: str, first: bool, size: int = 100) -> tuple[list[tuple[str, str, float]], float]:
    """([(where, what, µs an event)], all of it) for repeats of live alerts, or for alerts that are new."""
    one, parse = FORMS[form]
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as directory:
        path = Whole(Path(directory))
        if not first:
            for _ in range(20):
                path.feed(list(rows.bodies(rows.LIVE_ALERTS, 100, one)), parse)
        total = rows.LIVE_ALERTS if first else EVENTS
        requests = list(rows.bodies(total, size, one))
        profile = Profile()
        if first:
            with profile.watching():
                whole = path.feed(requests, parse)
        else:
            whole = path.feed(requests, parse)
            with profile.watching():
                path.feed(list(rows.bodies(total, size, one)), parse)
        path.close()
    found = [(where, what, profile.seconds[n] / total * 1e6) for n, (where, what, _, _) in enumerate(STAGES)]
    return [entry for entry in found if entry[2] >= 0.005], whole / total * 1e6


def processes() -> list[tuple[str, float, dict[str, float]]]:
    """[(load, events a second, {process: µs of processor time an event})] on a real server."""
    found = []
    with peers.oncue(policies=1_000) as server:
        watched = [(_role(process), process) for process in server.processes()]

        def measure(name: str, parts: list[bytes], path: str, media: str, each: int, connections: int) -> None:
            made = [load.request("127.0.0.1", server.port, path, media, body, ADMIN_TOKEN) for body in parts]
            before, own = [process.cpu_times() for _, process in watched], time.process_time()
            result = load.run(server.port, made, connections=connections)
            used: Counter[str] = Counter()
            for (role, process), was in zip(watched, before, strict=True):
                now = process.cpu_times()
                used[role] += now.user + now.system - was.user - was.system
            used["client"] = time.process_time() - own
            events = len(parts) * each
            assert not result.failures, result.failures
            found.append((name, result.per_second * each, {role: s / events * 1e6 for role, s in used.items()}))

        events, alerts = "/api/v1/events", "/alertmanager/api/v2/alerts"
        for _ in range(2):  # the first time is the warm-up
            found.clear()
            measure("CloudEvents, 100 a request", [*rows.bodies(200_000, 100, rows.cloudevent)], events, rows.BATCH,
                    100, 16)  # fmt: skip
            measure("CloudEvents, one a request", [rows.cloudevent(n) for n in range(20_000)], events, rows.STRUCTURED,
                    1, 32)  # fmt: skip
            measure("Alertmanager's API, 100 a request", [*rows.bodies(200_000, 100, rows.prometheus_alert)], alerts,
                    "application/json", 100, 16)  # fmt: skip
    return found


def _role(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next(
        (role for role, sign in (("engine", "engine_process"), ("front", "api.front")) if sign in line), "others"
    )


def table() -> str:
    """All of it as Markdown."""
    parts = ["### By stage\n", "µs of processor time an event, in requests of 100; each stage without what it calls.\n"]
    columns = {
        "repeat, CloudEvents": stages("CloudEvents", first=False),
        "repeat, Alertmanager's API": stages("Alertmanager's API", first=False),
        "first alert, CloudEvents": stages("CloudEvents", first=True),
    }
    parts.append(f"| where | what | {' | '.join(columns)} |\n|---|---|{'---|' * len(columns)}")
    for where, what, _, _ in STAGES:
        figures = [
            next((us for at, did, us in found if (at, did) == (where, what)), None) for found, _ in columns.values()
        ]
        if any(figure is not None for figure in figures):
            shown = " | ".join("" if figure is None else f"{figure:.2f}" for figure in figures)
            parts.append(f"| {where} | {what} | {shown} |")
    sums = " | ".join(f"{sum(us for _, _, us in found):.2f}" for found, _ in columns.values())
    parts.append(f"| | **sum** | {sums} |")
    parts.append(
        "\n### By process\n\nOn a real server, its client on the same two cores; µs of processor time an event.\n"
    )
    parts.append("| load | events/s | front | engine | other processes | client |\n|---|---|---|---|---|---|")
    for name, rate, used in processes():
        cells = " | ".join(f"{used.get(role, 0.0):.1f}" for role in ("front", "engine", "others", "client"))
        parts.append(f"| {name} | {rate:,.0f} | {cells} |")
    return "\n".join(parts)


def main() -> None:
    """Measure, print, write the page."""
    from bench import machine, page

    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as directory:
        described = machine.describe(Path(directory))
    text = f"{table()}\n\n{page.description(described)}"
    print(text)
    page.put(PAGE, text)


if __name__ == "__main__":
    main()
