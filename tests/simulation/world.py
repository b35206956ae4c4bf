"""A whole OnCue from one seed: the real core, writer, journal and dispatcher over a disk, clock, network and workers that
do what the seed says.

The store is a real SQLite file. Its commits can be refused, by a full disk or an error of the device; a sync can fail, and
the batch be there or not; reads can fail; and the process can die before or after each commit. A restart then finds exactly
what was committed. Producers send until they are acknowledged, so units come late, twice, and out of order.
Workers act on a ledger outside, report until they are heard, are slow, die in mid-effect, and come back with results that
nobody waits for any more. Time is the seed's, too.
"""

import heapq
import itertools
import math
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.exc import OperationalError

from oncue import __version__
from oncue.core.effect import Effect
from oncue.runtime import frames
from oncue.runtime.dispatch import Dispatcher, lost
from oncue.runtime.making import After
from oncue.store.revision import FILE_NAME
from oncue.store.writer import Driver, SyncFailed
from tests.contract.writing import START_US, Writing

SECOND: Final = 1_000_000
SEVERITIES: Final = ("clear", "info", "warning", "minor", "major", "critical")

MANIFESTS: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("Channel", "mail", {"type": "email", "with": {"to": ["basis-1@example.com"]}}),
    ("Channel", "sms", {"type": "email", "with": {"to": ["basis-2@example.com"]}, "failover": ["mail"]}),
    ("Person", "basis-1", {"default": [{"channel": "mail"}, {"channel": "sms", "after": "2m"}]}),
    (
        "EscalationPolicy",
        "rota",
        {
            "levels": [{"tell": ["user:basis-1"], "wait": "3m"}, {"tell": ["channel:sms"], "wait": "2m"}],
            "repeat": 1,
            "acknowledge_timeout": "5m",
            "targets": {"P2": {"respond": "2m"}, "P1": {"resolve": "6m"}},
        },
    ),
    ("Team", "basis", {"channels": ["mail"], "escalation": "rota"}),
    ("Service", "shop", {"owner": "team:basis", "criticality": "high", "resources": ["db-*"]}),
    ("Service", "front", {"criticality": "critical", "depends_on": ["shop", "db-1"]}),
    ("Resource", "db-3", {"type": "database", "runs_on": ["db-4"], "service": "front"}),
    ("Resource", "db-4", {"depends_on": ["db-3", "db-0"], "part_of": ["rack"]}),
    (
        "Workflow",
        "look",
        {
            "steps": [
                {"id": "get", "uses": "http.request", "with": {"url": "https://a.example"}, "retry": {"attempts": 3}},
                {"id": "put", "uses": "http.request", "with": {"url": "https://a.example", "method": "POST"}},
                {"id": "say", "uses": "event.emit", "with": {"type": "net.drop", "severity": "warning"}},
            ]
        },
    ),
    (
        "Policy",
        "lasting",
        {"match": {"types": ["disk.*"]}, "condition": {"for": "3m"}, "alert": {"severity": "critical"}},
    ),
    (
        "Policy",
        "often",
        {
            "match": {"types": ["net.drop"]},
            "condition": {"count": 3, "within": "5m", "by": ["event.resource"]},
            "respond": [{"ticket": {}}],
            "limits": {"max_runs": {"count": 2, "within": "20m"}},
        },
    ),
    (
        "Policy",
        "hot",
        {
            "match": {"types": ["cpu.used"]},
            "condition": {"value": "event.data.value", "fire_above": 90, "clear_below": 70, "for": "1m"},
            "alert": {"severity": "minor"},
        },
    ),
    ("Policy", "run", {"match": {"types": ["job.failed"]}, "respond": [{"run": {"workflow": "look"}}]}),
    ("Policy", "own", {"match": {"types": ["oncue.incident.opened"]}, "respond": [{"ticket": {"type": "problem"}}]}),
    ("Policy", "patient", {"match": {"types": ["net.drop"], "severities": ["warning"]}, "alert": {"wait": "1m"}}),
    (
        "MaintenanceWindow",
        "nightly",
        {
            "matchers": [{"name": "resource", "value": "app-[01]", "is_regex": True}],
            "starts_at": "2020-01-01T00:00",
            "rrule": f"FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))};BYMINUTE=0,20,40",
            "duration": "7m",
            "zone": "Europe/Berlin",
        },
    ),
    (
        "Inhibition",
        "disk",
        {
            "source": [{"name": "type", "value": "disk.full"}],
            "target": [{"name": "type", "value": "net.drop"}],
            "equal": ["resource"],
        },
    ),
    (
        "Inhibition",
        "worst",
        {"source": [{"name": "severity", "value": "critical"}], "target": [{"name": "resource", "value": "db-0"}]},
    ),
    ("Monitor", "beat", {"uses": "heartbeat", "every": "4m", "grace": "1m"}),
]


class Crash(BaseException):
    """The engine's process dies here."""


class DeviceError(sqlite3.OperationalError):
    """What SQLite says of a disk that fails."""

    def __init__(self, code: int) -> None:
        super().__init__("disk I/O error")
        self.sqlite_errorcode = code


class Unreadable(OperationalError):
    """What SQLAlchemy makes of it when it reads."""

    def __init__(self) -> None:
        super().__init__("SELECT", None, DeviceError(sqlite3.SQLITE_IOERR_READ))


DEATHS: Final = (Crash, SyncFailed, DeviceError, Unreadable)
"""What ends the engine's process, which the supervisor then starts again."""


class Op(msgspec.Struct, frozen=True):
    """One thing that the seed has happen. A failure is shrunk by leaving such things out."""

    at: int
    """Microseconds since the start."""
    what: str
    """`send`, `flap`, `fault`, `letter`, `command`, `window`, `snapshot`, `worker_dies`, `crash`, `clock`."""
    seed: int
    """Of everything that is left to chance in it."""


def plan(seed: int, length: int = 40) -> list[Op]:
    """What happens, in order."""
    chance = random.Random(seed)
    kinds = (
        ("send",) * 12
        + ("fault",) * 5
        + ("letter", "command", "flap") * 2
        + ("window", "snapshot", "worker_dies", "crash", "clock")
    )
    at, ops = 0, []
    for _ in range(length):
        at += int(chance.expovariate(1 / 20) * SECOND)
        ops.append(Op(at, chance.choice(kinds), chance.getrandbits(32)))
    return ops


def prepare(folder: Path) -> Path:
    """A data directory whose schema is made, and whose journal has the same name in every run."""
    folder.mkdir(parents=True, exist_ok=True)
    Writing(folder).close()
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.execute("UPDATE journal SET journal_id = 'simulation'")
    connection.commit()
    connection.close()
    return folder


FATES: Final = (
    "works", "works", "works", "works", "full", "dies before", "dies after", "device error", "device error twice",
    "sync lost", "sync kept", "unreadable",
)  # fmt: skip


class Disk:
    """SQLite's driver, on a disk that the seed can break. What COMMIT did is there; nothing else is."""

    def __init__(self, driver: Driver, fates: list[str]) -> None:
        self._driver = driver
        self._fates = fates
        self._broken = False
        self._unsynced = False
        self.dialect = driver.dialect
        self.transient = driver.transient

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def begin(self) -> None:
        assert not self._unsynced, "after a failed sync this process knows nothing of the disk"
        self._driver.begin()

    def commit(self) -> None:
        fate = self._fates.pop() if self._fates else "works"
        if fate == "full":
            raise sqlite3.OperationalError("database or disk is full")
        if fate.startswith("device error"):
            self._broken = fate.endswith("twice")
            raise DeviceError(sqlite3.SQLITE_IOERR_WRITE)
        if fate == "dies before":
            raise Crash
        if fate == "sync lost":
            self._driver.rollback()
        else:
            self._driver.commit()
        if fate.startswith("sync"):
            self._unsynced = True
            raise DeviceError(sqlite3.SQLITE_IOERR_FSYNC)
        if fate == "dies after":
            raise Crash

    def rollback(self) -> None:
        if self._broken:
            raise DeviceError(sqlite3.SQLITE_IOERR_WRITE)
        self._driver.rollback()


class Readings:
    """What the engine's process reads with, from the same disk."""

    def __init__(self, engine: SqlEngine, fates: list[str]) -> None:
        self._engine = engine
        self._fates = fates

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def connect(self) -> Any:
        if "unreadable" in self._fates:
            self._fates.remove("unreadable")
            raise Unreadable
        return self._engine.connect()


class Producer:
    """Sends what it has until that is acknowledged, as it sees fit: in units of any size, again and again."""

    def __init__(self) -> None:
        self.unacknowledged: dict[str, bytes] = {}
        self.acknowledged: set[str] = set()


class Hand:
    """A worker's grip on one effect."""

    def __init__(self, effect: Effect, token: str) -> None:
        self.effect = effect
        self.token = token


class World:
    """One run of one plan."""

    def __init__(self, folder: Path, template: Path, seed: int) -> None:
        self.data = folder
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.chance = random.Random(seed)
        self.now_us = START_US
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._ids = itertools.count()
        self.fates: list[str] = []
        self.producer = Producer()
        self.ledger: list[tuple[str, int, str]] = []
        """What was done outside: (effect, attempt, its class)."""
        self.reports: dict[str, bytes] = {}
        """Results that no answer has confirmed yet, by input id."""
        self.announced: dict[str, tuple[Hand, bytes]] = {}
        self.worker = 1
        self._letters = 0
        """How many were sent."""
        self.crashes = 0
        self.calm = False
        """After the plan nothing breaks any more."""
        self._start()
        self._stay_heard(self.worker)

    # time

    def later(self, delay_s: float, what: Callable[[], None]) -> "_Planned":
        """Have something happen."""
        planned = _Planned(what)
        due = self.now_us + max(0, math.ceil(delay_s * SECOND))
        heapq.heappush(self._heap, (due, next(self._count), planned))
        return planned

    def _while(self, life: Writing) -> Callable[[float, Callable[[], None]], "_Planned"]:
        """`later`, for what dies with the engine's process."""
        return lambda delay_s, what: self.later(delay_s, lambda: what() if self.life is life else None)

    def run(self, ops: Iterable[Op]) -> None:
        """Have the plan happen, then wait until nothing is left to do."""
        self._configure()
        for op in ops:
            self._until(START_US + op.at)
            getattr(self, f"_{op.what}")(random.Random(op.seed))
        self.calm = True
        self.fates.clear()
        deadline = self.now_us + 7200 * SECOND
        while self._busy():
            assert self.now_us < deadline, f"the backlog does not drain: {self._busy()}"
            self._until(self.now_us + 10 * SECOND)

    def _busy(self) -> str:
        state = self.life.state
        for name, what in (
            ("unacknowledged events", self.producer.unacknowledged),
            ("unconfirmed results", self.reports),
            ("effects", state.effects),
            ("runs", state.runs),
        ):
            if what:
                return f"{len(what)} {name}"
        return ""

    def _until(self, at_us: int) -> None:
        while self._heap and self._heap[0][0] <= at_us:
            due, _, planned = heapq.heappop(self._heap)
            self.now_us = self.life.at_us = max(self.now_us, due)
            planned()
            self._work()
        self.now_us = max(self.now_us, at_us)
        self._work()

    # the engine's process

    def _start(self) -> None:
        while True:
            try:
                self.life = life = Writing(self.data, self.now_us, self._seconds)
                life.writer.driver = Disk(life.writer.driver, self.fates)
                life.loop._reading = Readings(life.reading, self.fates)  # type: ignore[assignment]
                life.loop._after = self._committed
                self.dispatcher = Dispatcher(
                    life.clock, self._lost, later=self._while(life), monotonic=self._seconds,
                    token=lambda: f"t{next(self._ids)}",
                )  # fmt: skip
                self.answers: dict[int, Callable[[frames.Answer], None]] = {}
                down_since = msgspec.to_builtins(life.state.now) if life.state.position else None
                while not self._announced({"engine": __version__, "down_since": down_since}):
                    pass
            except DEATHS:
                self._died()
                continue
            pending = [
                (id, effect.state, msgspec.json.encode(effect)) for id, effect in sorted(life.state.effects.items())
            ]
            self.dispatcher.recover(pending)
            self._offer(self.worker)
            return

    def _announced(self, data: Any) -> bool:
        """Whether the first input of a start was taken."""
        begun: list[bool] = []
        self._input("oncue.engine.started", data, lambda answer: begun.append(answer.error is None))
        self.life.loop.retry_now()
        self.life.work()
        return any(begun)

    def _seconds(self) -> float:
        return self.now_us / SECOND

    def _died(self) -> None:
        self.crashes += 1
        self.life.close()
        self.now_us += self.chance.choice((0, 1, 30, 400)) * SECOND

    def _work(self) -> None:
        """Let the writer's loop do what waits; if the process dies in it, start it again."""
        life = self.life
        life.at_us = self.now_us
        try:
            if life.loop.problem is not None:
                life.loop.retry_now()
            life.work()
        except DEATHS:
            self._died()
            self._start()

    def _committed(self, after: After) -> None:
        self.dispatcher.changed(after.effects)

    def _submit(self, bodies: list[bytes], done: Callable[[frames.Answer], None], urgent: bool = False) -> None:
        unit = self.life.intake.unit(next(self._ids), "default", "network", "user:basis-1", bodies, urgent=urgent)
        self.life.loop.submit([unit], done)

    def _input(self, type: str, data: Any, done: Callable[[frames.Answer], None]) -> tuple[str, bytes]:
        id = f"i{next(self._ids)}"
        body = msgspec.json.encode({"specversion": "1.0", "id": id, "source": "/sim", "type": type, "data": data})
        self._submit([body], done, urgent=True)
        return id, body

    def _configure(self) -> None:
        changes = [
            {"op": "apply", "kind": kind, "namespace": "default", "name": name, "spec": spec}
            for kind, name, spec in MANIFESTS
        ]
        self._input("oncue.config.applied", {"changes": changes}, lambda _: None)
        self._work()

    # what the seed has happen

    def _send(self, chance: random.Random) -> None:
        for _ in range(chance.choice((1, 1, 1, 2, 2, 5, 5, 30) if chance.random() < 0.99 else (600,))):
            body = self._event(chance)
            self.producer.unacknowledged[msgspec.json.decode(body)["id"]] = body
        self._try(chance)

    def _event(self, chance: random.Random) -> bytes:
        document: dict[str, Any] = {"specversion": "1.0", "id": f"e{next(self._ids)}", "source": "/producer"}
        resource = f"{chance.choice(('db', 'app'))}-{chance.randrange(5)}"
        what = chance.randrange(10)
        if what == 0:
            reading = {"metric": "cpu.used", "value": chance.randrange(100)}
            document |= {
                "type": "oncue.sample",
                "data": {"monitor": "default/m", "resource": resource, "readings": [reading]},
            }
        elif what == 1:
            document |= {"type": "oncue.heartbeat.received", "data": {"monitor": "default/beat"}}
        else:
            type = chance.choice(("disk.full",) * 6 + ("net.drop",) * 5 + ("job.failed",))
            document |= {"type": type, "severity": chance.choice(SEVERITIES), "resource": resource}
            if chance.random() < 0.1:
                document["time"] = self._text(self.now_us - chance.choice((0, 599, 601, 4000)) * SECOND)
        return msgspec.json.encode(document)

    def _flap(self, chance: random.Random) -> None:
        """Something comes and goes."""
        resource = f"db-{chance.randrange(3)}"
        for number in range(chance.choice((6, 9, 14))):
            id = f"e{next(self._ids)}"
            document = {"specversion": "1.0", "id": id, "source": "/producer", "type": "disk.full"}
            document |= {"severity": ("major", "clear")[number % 2], "resource": resource}
            self.producer.unacknowledged[id] = msgspec.json.encode(document)
        self._try(chance)

    def _window(self, chance: random.Random) -> None:
        """Someone plans work for now or soon, changes the plan, or drops it."""
        name = chance.choice(("now", "soon"))
        begins, ends = chance.choice((-60, 0, 120)), chance.choice((240, 900))
        spec = {
            "matchers": [{"name": "resource", "value": chance.choice(("db-1", "app-3"))}],
            "starts_at": self._text(self.now_us + begins * SECOND), "ends_at": self._text(self.now_us + ends * SECOND),
        }  # fmt: skip
        change: dict[str, Any] = {"op": "apply", "kind": "MaintenanceWindow", "namespace": "default", "name": name}
        if f"MaintenanceWindow/default/{name}" in self.life.state.manifests and chance.random() < 0.4:
            change["op"] = "delete"
        else:
            change["spec"] = spec
        self._input("oncue.config.applied", {"changes": [change]}, lambda _: None)

    def _try(self, chance: random.Random) -> None:
        """Send all that is not acknowledged, in some order; answers get lost; what is refused is tried again."""
        waiting = list(self.producer.unacknowledged.items())
        if not waiting:
            return
        if not self.calm:
            chance.shuffle(waiting)
        size = chance.choice((1, 7, 100, 300)) if len(waiting) > 20 else chance.choice((1, 3, 10))
        for first in range(0, len(waiting), size):
            part = waiting[first : first + size]
            copies = 2 if not self.calm and chance.random() < 0.1 else 1
            for _ in range(copies):
                deaf = not self.calm and chance.random() < 0.2
                self._submit([body for _, body in part], self._answered([id for id, _ in part], deaf))
        again = random.Random(chance.getrandbits(32))
        self.later(chance.choice((1.0, 5.0, 40.0)), lambda: self._try(again))

    def _answered(self, ids: list[str], deaf: bool) -> Callable[[frames.Answer], None]:
        def done(answer: frames.Answer) -> None:
            assert not answer.rejected, answer.rejected
            if answer.error is None and not deaf:
                assert answer.accepted + answer.duplicates == len(ids)
                self.producer.acknowledged.update(ids)
                for id in ids:
                    self.producer.unacknowledged.pop(id, None)

        return done

    def _fault(self, chance: random.Random) -> None:
        """What the next commits do."""
        self.fates[:] = [chance.choice(FATES) for _ in range(4)]
        self._send(chance)

    def _letter(self, chance: random.Random) -> None:
        """Something is refused at the edge and kept, and someone has one of those tried again."""
        body = self._event(chance)
        self._bury(msgspec.json.decode(body)["id"], body)
        self._input("oncue.command.dead_letter.redrive", {"id": chance.randint(1, self._letters)}, lambda _: None)

    def _bury(self, id: str, body: bytes) -> None:
        self._letters += 1
        unit = frames.Dead(next(self._ids), "default", "network", [(0, "event.too_large", id, body)])
        self.life.loop.submit([unit], lambda _: None)

    def _command(self, chance: random.Random) -> None:
        state = self.life.state
        if state.incidents and chance.random() < 0.6:
            verb = chance.choice(("acknowledge", "resolve", "reopen", "close"))
            data: Any = {"incident": chance.choice(sorted(state.incidents))}
            if chance.random() < 0.4:
                verb = chance.choice(("merge", "move", "split"))
                other, members = chance.choice(sorted(state.incidents)), sorted(state.members[data["incident"]])
                alerts = chance.sample(members, min(len(members), chance.randrange(1, 3)))
                data |= {"incidents": [other]} if verb == "merge" else {"alerts": alerts}
                data |= {"to": other} if verb == "move" and chance.random() < 0.7 else {}
            self._input(f"oncue.command.incident.{verb}", data, lambda _: None)
        elif state.alerts and chance.random() < 0.6:
            verb = chance.choice(("snooze", "snooze", "unsnooze", "resolve"))
            data = {"alert": chance.choice(sorted(state.alerts))}
            if verb == "snooze":
                data["until"] = self._text(self.now_us + chance.choice((30, 600, 7200)) * SECOND)
            self._input(f"oncue.command.alert.{verb}", data, lambda _: None)
        else:
            matcher = {"name": "resource", "value": f"db-{chance.randrange(5)}"}
            begins, ends = (self._text(self.now_us + s * SECOND) for s in (chance.choice((0, 60)), 600))
            data = {"matchers": [matcher], "starts_at": begins, "ends_at": ends, "comment": "x"}
            self._input("oncue.command.silence.set", data, lambda _: None)

    @staticmethod
    def _text(us: int) -> str:
        from oncue.runtime.clock import instant

        return str(msgspec.to_builtins(instant(us)))

    def _snapshot(self, _: random.Random) -> None:
        self._work()
        try:
            self.life.maintenance().snapshot()
            self.life.maintenance().checkpoint()
        except DEATHS:
            self._died()
            self._start()

    def _crash(self, _: random.Random) -> None:
        self._died()
        self._start()

    def _clock(self, chance: random.Random) -> None:
        """Time passes with nobody there to notice."""
        self.now_us += chance.choice((1, 300, 3600)) * SECOND

    # workers

    def _worker_dies(self, _: random.Random) -> None:
        old, self.worker = self.worker, self.worker + 1
        self.announced.clear()
        self.dispatcher.gone(old)
        self._offer(self.worker)
        self._stay_heard(self.worker)

    def _offer(self, worker: int) -> None:
        self.dispatcher.offer(worker, f"w{worker}", 4, self._leased, {})

    def _stay_heard(self, worker: int) -> None:
        """A worker says again and again that it is there."""
        if worker == self.worker:
            self._offer(worker)
            self.later(frames.HEARD_EVERY_S, lambda: self._stay_heard(worker))

    def _leased(self, frame: frames.Frame) -> None:
        if not isinstance(frame, frames.Leased):
            return
        worker = self.worker
        for token, body, _ in frame.items:
            hand = Hand(msgspec.json.decode(body, type=Effect), token)
            self.later(0.0, lambda hand=hand, worker=worker: self._begin(hand, worker))  # type: ignore[misc]

    def _begin(self, hand: Hand, worker: int) -> None:
        """What must not be done twice is announced first, and done only once that is on record."""
        if worker != self.worker:
            return
        if hand.effect.effect_class != "at-most-once":
            self._act(hand, worker)
            return

        def done(answer: frames.Answer) -> None:
            reply = (answer.replies or [None])[0]
            refused = answer.error is not None or (isinstance(reply, dict) and reply.get("code") is not None)
            if not refused:
                self.later(0.0, lambda: self._act(hand, worker))

        data = {"effect": hand.effect.id, "attempt": hand.effect.attempt, "token": hand.token}
        self._input("oncue.effect.started", data, done)

    def _act(self, hand: Hand, worker: int) -> None:
        if worker != self.worker:
            return
        effect, chance = hand.effect, self.chance
        self.ledger.append((effect.id, effect.attempt, effect.effect_class))
        outcome = "succeeded" if self.calm or chance.random() < 0.6 else "failed"
        result = {"effect": effect.id, "attempt": effect.attempt, "outcome": outcome, "transient": True}
        delay_s = chance.choice((0.0, 0.5, 20.0, 90.0))
        self.later(delay_s, lambda: self._report(result, worker))

    def _report(self, result: dict[str, Any], worker: int) -> None:
        """A worker that died says nothing more, but what it had sent may still arrive."""
        if worker != self.worker and self.chance.random() < 0.7:
            return
        id = f"r{next(self._ids)}"
        self.reports[id] = msgspec.json.encode(
            {"specversion": "1.0", "id": id, "source": "/worker", "type": "oncue.effect.result", "data": result}
        )
        self._deliver(id)
        if worker == self.worker:
            self._offer(worker)

    def _deliver(self, id: str) -> None:
        body = self.reports.get(id)
        if body is None:
            return

        def done(answer: frames.Answer) -> None:
            assert not answer.rejected, answer.rejected
            if answer.error is None and (self.calm or self.chance.random() < 0.8):
                self.reports.pop(id, None)

        self._submit([body], done, urgent=True)
        self.later(3.0, lambda: self._deliver(id))

    def _lost(self, effect: Effect, code: str) -> None:
        data = lost(effect, code)
        self.later(0.0, lambda: self._report(data, self.worker))

    # what must hold

    def outcomes(self) -> Counter[tuple[str, str]]:
        """(effect, final state) -> how often the journal says so."""
        found: Counter[tuple[str, str]] = Counter()
        for record in self.records():
            if record.derived:
                document = msgspec.json.decode(record.body)
                state = document["type"].removeprefix("oncue.effect.")
                if state in ("succeeded", "failed", "unknown", "cancelled"):
                    found[(document["subject"], state)] += 1
        return found

    def records(self) -> list[Any]:
        """The whole journal."""
        from oncue.store.journal_reader import JournalReader

        with self.life.reading.connect() as connection:
            return list(JournalReader(connection).records(1))


class _Planned:
    """Something that will happen unless it is called off."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._what: Callable[[], None] | None = what

    def cancel(self) -> None:
        self._what = None

    def __call__(self) -> None:
        if self._what is not None:
            self._what()
