"""Labelled alert storms: what the monitoring of a landscape says when something breaks, and what it really was.

A fault begins at one part and spreads along true dependencies, each step with its own chance and delay. Tools notice late,
repeat themselves, miss parts that nobody watches, and say when it is over, mostly. Beside it runs noise: alerts that have
nothing to do with anything. Each event is labelled with its true fault. The same seed gives the same storm. Nothing here is
taken from the product, which is told `Storm.told` and the events, and neither the truth nor the labels.
"""

import heapq
import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from bench.landscape import Check, Edge, Landscape, Topology, landscape, told

KINDS: Final = ("cascade", "partition", "database", "two faults", "change", "noise")
DEVELOPMENT: Final = tuple(range(1, 9))
"""Seeds that whoever writes rules may look at. Figures are measured on others."""

BEGAN: Final = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)
LEAD_S: Final = 3600.0
"""Noise before the first fault."""
FEWEST, MOST = 20, 700
"""Parts that a fault must reach to be a storm, and may reach to be bearable."""
TRIES: Final = 60
CASCADES: Final = (("service",), ("queue", "cache"), ("host",), ("storage",))
"""Kinds of parts at which a cascade begins."""

SOURCES: Final = {
    "router": "network", "switch": "network", "storage": "network", "host": "machines", "vm": "machines",
    "database": "stores", "queue": "stores", "cache": "stores", "instance": "applications", "service": "applications",
    "business": "journeys",
}  # fmt: skip
"""Kind of part to the tool that watches it."""

NOISE: Final = (
    ("disk.filling", "warning"), ("backup.failed", "minor"), ("certificate.expiring", "warning"), ("clock.drifting", "minor"),
    ("job.failed", "major"), ("memory.high", "warning"), ("restart.unexpected", "minor"), ("login.failures", "warning"),
)  # fmt: skip
"""What is said of parts now and then, whatever else happens."""
CHANGES_EVERY_S: Final = 240.0
"""How long on average between two changes somewhere, where changes are on record."""
NOISE_EVERY_S: Final = 300_000.0
"""Of one part: how long it is quiet on average between two noise alerts."""


class Labelled(NamedTuple):
    """One event, when it arrives, and which fault it is of."""

    at_s: float
    event: dict[str, Any]
    label: str
    first: bool
    """Whether a problem begins with it, as far as arrived: it is not a repeat, nor a recovery."""


@dataclass(frozen=True)
class Storm:
    """One storm."""

    kind: str
    seed: int
    truth: Topology
    told: Topology
    roots: dict[str, str]
    """Label of a fault to the part where it began."""
    events: tuple[Labelled, ...]
    """In the order in which they arrive."""
    changes: tuple[tuple[float, dict[str, Any]], ...] = ()
    """What was said of changes, and when it arrives; where it is a change that broke something, all of them."""
    broke: str | None = None
    """The key of the change that the fault came of."""


class _Hit(NamedTuple):
    """That a part is affected."""

    at_s: float
    """Since the fault began."""
    mode: str


def storm(kind: str, seed: int) -> Storm:
    """The storm of this kind and seed."""
    random = Random(f"{kind}/{seed}")
    while True:
        made = landscape(random)
        faults = _faults(made, random, kind)
        if faults is not None:
            break
    truth = made.truth()
    writer = _Writer(made, random)
    end_s = LEAD_S + 7200.0
    for number, (label, (_, hits)) in enumerate(faults.items()):
        begin_s = LEAD_S + (0.0 if number == 0 else random.uniform(0.0, 600.0))
        end_s = max(end_s if number else 0.0, writer.fault(label, hits, begin_s) + 600.0)
    writer.noise(end_s, NOISE_EVERY_S / (3 if kind == "noise" else 1))
    roots = {label: root for label, (root, _) in faults.items()}
    found = Storm(kind, seed, truth, told(truth, random), roots, writer.arrived())
    if kind != "change":
        return found
    changes = _changes(made, Random(f"changes/{seed}"), end_s, roots["fault-1"])
    return replace(found, changes=tuple(changes), broke="change-1")


def _changes(made: Landscape, random: Random, end_s: float, root: str) -> list[tuple[float, dict[str, Any]]]:
    """The change that broke the root, some seconds to minutes before, and others all the time that broke nothing."""
    begun = [(LEAD_S - random.uniform(20.0, 600.0), root)]
    at = 0.0
    names = list(made.nodes)
    while (at := at + random.expovariate(1 / CHANGES_EVERY_S)) < end_s:
        begun.append((at, random.choice(names)))
    said = []
    for number, (at_s, name) in enumerate(begun):
        over_s = at_s + _delay(random, 300.0)
        said.append((at_s, _change("started", f"change-{number + 1}", name)))
        said.append((over_s, _change("finished", f"change-{number + 1}", name)))
    return sorted(said, key=lambda one: one[0])


def _change(what: str, key: str, name: str) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"{key}-{what}", "source": "/pipelines", "type": f"io.oncue.change.{what}",
        "resource": name, "data": {"key": key, "title": f"Change of {name}", "kind": "deployment"},
    }  # fmt: skip


# how a fault spreads

_Fault = tuple[str, dict[str, _Hit]]
"""Where it begins, and whom it reaches."""


def _faults(made: Landscape, random: Random, kind: str) -> dict[str, _Fault] | None:
    """Label to fault; None if this landscape has no room for them."""
    if kind == "noise":
        return {}
    kinds = (
        ["cascade" if kind == "change" else kind]
        if kind != "two faults"
        else [random.choice(KINDS[:3]), random.choice(KINDS[:3])]
    )
    found: dict[str, _Fault] = {}
    taken: set[str] = set()
    for number, one in enumerate(kinds):
        fault = _fault(made, random, one, taken)
        if fault is None:
            return None
        found[f"fault-{number + 1}"] = fault
        taken |= set(fault[1])
    return found


def _fault(made: Landscape, random: Random, kind: str, taken: set[str]) -> _Fault | None:
    """A fault that reaches many, and nobody of those `taken`."""
    kinds = CASCADES[random.randrange(len(CASCADES))]
    for _ in range(TRIES):
        root, mode = _root(made, random, kind, kinds)
        hits = _spread(made, random, root, mode)
        if FEWEST <= len(hits) <= MOST and taken.isdisjoint(hits):
            return root, hits
    return None


def _root(made: Landscape, random: Random, kind: str, kinds: tuple[str, ...]) -> tuple[str, str]:
    if kind == "partition":
        return random.choice(made.of("router", "switch", "switch")), "down"
    if kind == "database":
        users = {name: len(made.carries[name]) for name in made.of("database")}
        shared = sorted(users, key=lambda name: -users[name])
        return random.choice(shared[: max(2, len(shared) // 3)]), "erring"
    part = random.choice(made.of(*kinds))
    return part, "erring" if made.nodes[part].kind == "service" else "down"


def _spread(made: Landscape, random: Random, root: str, mode: str) -> dict[str, _Hit]:
    """Every part that the fault reaches. Parts that others stand on take them down; parts that others call make them err."""
    hits: dict[str, _Hit] = {}
    fallen: dict[str, int] = {}
    due: list[tuple[float, str, str]] = [(0.0, root, mode)]
    while due and len(hits) <= MOST:
        at, name, mode = heapq.heappop(due)
        before = hits.get(name)
        if before is not None:
            continue
        hits[name] = _Hit(at, mode)
        for edge in made.carries[name]:
            for next_mode, chance, median_s in _onward(made, edge, mode):
                if random.random() < chance:
                    heapq.heappush(due, (at + _delay(random, median_s), edge.source, next_mode))
        service = made.service_of(name)
        if service is not None and mode == "down":
            fallen[service] = fallen.get(service, 0) + 1
            copies = sum(edge.relation == "part_of" for edge in made.carries[service])
            if random.random() < (0.97 if fallen[service] * 2 > copies else 0.2):
                heapq.heappush(due, (at + _delay(random, 15.0), service, "erring"))
    return hits


def _onward(made: Landscape, edge: Edge, mode: str) -> list[tuple[str, float, float]]:
    """What an affected target does to the source of this edge: (mode, chance, median delay in seconds)."""
    hardness = made.hardness[edge]
    if edge.relation == "part_of":  # the service errs, and so do those that serve it
        return [("erring", 0.85, 10.0)]
    target = made.nodes[edge.target].kind
    if edge.relation == "runs_on" or target in ("router", "switch"):
        return [("down", hardness, 4.0)] if mode == "down" else [("erring", hardness * 0.4, 20.0)]
    return [("erring", hardness * (1.0 if mode == "down" else 0.85), 25.0)]


def _delay(random: Random, median_s: float) -> float:
    return median_s * math.exp(random.gauss(0.0, 0.7))


# what is said of it


class _Writer:
    """Writes down what the tools say, and when it arrives."""

    def __init__(self, made: Landscape, random: Random) -> None:
        self._made = made
        self._random = random
        self._said: list[tuple[float, dict[str, Any], str]] = []
        self._spoken_for: set[tuple[str, str]] = set()

    def fault(self, label: str, hits: dict[str, _Hit], begin_s: float) -> float:
        """Everything said of one fault. Gives when it was over."""
        random = self._random
        lasts_s = random.uniform(900.0, 3600.0)
        over_s = begin_s + lasts_s
        for name, hit in hits.items():
            for check in self._made.checks[name]:
                if check.mode != hit.mode or random.random() < 0.08:
                    continue
                noticed_s = begin_s + hit.at_s + random.uniform(0.0, check.every_s) + check.hold_s
                if random.random() < 0.05:
                    noticed_s += random.uniform(240.0, 1200.0)  # a straggler
                if noticed_s < over_s:
                    healed_s = over_s + min(hit.at_s, 600.0) * random.uniform(0.2, 1.0)
                    self._condition(label, name, check, noticed_s, healed_s)
        return over_s

    def noise(self, end_s: float, every_s: float) -> None:
        """Alerts of their own, at any time, about any part that is watched; one at the most about each."""
        random = self._random
        at = 0.0
        watched = [name for name in self._made.nodes if self._made.checks[name]]
        numbers = iter(range(1, len(watched) + 1))
        while (at := at + random.expovariate(len(watched) / every_s)) < end_s:
            name = watched.pop(random.randrange(len(watched)))
            check, severity = random.choice(NOISE)
            repeat = random.choice((0.0, 300.0, 600.0))
            lasts = _delay(random, 1200.0)
            self._condition(
                f"noise-{next(numbers)}", name, Check(check, severity, "", 60.0, 0.0, repeat), at, at + lasts
            )
            if not watched:
                break

    def arrived(self) -> tuple[Labelled, ...]:
        """All of it in the order of arrival, by which the events are numbered."""
        firing: set[tuple[str, str]] = set()
        found = []
        for number, (at_s, event, label) in enumerate(sorted(self._said, key=lambda said: said[0])):
            condition, ends = (event["resource"], event["check"]), event["severity"] == "clear"
            numbered = {**event, "id": f"e{number + 1:06}"}
            found.append(Labelled(at_s, numbered, label, not ends and condition not in firing))
            (firing.discard if ends else firing.add)(condition)
        return tuple(found)

    def _condition(self, label: str, name: str, check: Check, from_s: float, until_s: float) -> None:
        """A condition that holds for a while: its alert, its repeats, its end; now and then it comes and goes."""
        if (name, check.name) in self._spoken_for:
            return
        self._spoken_for.add((name, check.name))
        random = self._random
        spells = [(from_s, until_s)]
        if random.random() < 0.05 and until_s - from_s > 600.0:
            gap = from_s + random.uniform(120.0, 400.0)
            spells = [(from_s, gap), (gap + random.uniform(30.0, 120.0), until_s)]
        for begun, ended in spells:
            self._say(label, name, check, begun, check.severity)
            at = begun
            while check.repeat_s and (at := at + check.repeat_s) < ended:
                self._say(label, name, check, at, check.severity)
            if random.random() >= 0.03:  # some ends are never said
                cleared = (
                    ended
                    + random.uniform(0.0, check.every_s)
                    + (_delay(random, 300.0) if random.random() < 0.05 else 0)
                )
                self._say(label, name, check, cleared, "clear")

    def _say(self, label: str, name: str, check: Check, at_s: float, severity: str) -> None:
        random, node = self._random, self._made.nodes[name]
        late = random.uniform(30.0, 180.0) if random.random() < 0.02 else random.uniform(0.05, 3.0)
        labels = {"env": "prod"}
        if node.site:
            labels["site"] = node.site
        event: dict[str, Any] = {
            "specversion": "1.0",
            "source": f"/monitoring/{SOURCES[node.kind]}",
            "type": f"com.example.{check.name}",
            "time": (BEGAN + timedelta(seconds=round(at_s, 3))).isoformat().replace("+00:00", "Z"),
            "resource": name,
            "check": check.name,
            "severity": severity,
            "title": f"{check.name} on {name}" if severity != "clear" else f"{check.name} on {name} is over",
            "labels": json.dumps(labels),
        }
        service = name if node.kind in ("service", "business") else self._made.service_of(name)
        if service is not None and (node.kind in ("service", "business") or name in self._made.tagged):
            event["service"] = service
        self._said.append((at_s + late, event, label))
