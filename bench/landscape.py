"""Made-up landscapes for labelled alert storms: what there is, what stands on what, how each part is watched.

A landscape is known twice: as it is, which decides how a fault spreads, and as its operators have written it down, with
edges that are missing and edges that are wrong. Nothing here is taken from the product.
"""

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

MISSING: Final = 0.20
"""Share of the true edges that are not written down."""
WRONG: Final = 0.05
"""Share of the edges written down that are not true: a part that has moved, and still stands at its old place."""

PEOPLE: Final = ("basis", "network", "payments", "logistics", "platform", "retail", "warehouse", "reporting")


class Edge(NamedTuple):
    """`source` depends_on, runs_on or is part_of `target`."""

    source: str
    relation: str
    target: str


class Check(NamedTuple):
    """One thing that a monitoring tool looks at, and how fast it says so."""

    name: str
    severity: str
    mode: str
    """`down`: it speaks when the part is gone; `erring`: when the part answers badly."""
    every_s: float
    hold_s: float
    """How long it must be so before the tool says it."""
    repeat_s: float
    """How often it says it again; 0 is never."""


@dataclass(frozen=True)
class Node:
    """A part of the landscape."""

    name: str
    kind: str
    criticality: str
    owner: str
    site: str


@dataclass(frozen=True)
class Topology:
    """Parts, and edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass
class Landscape:
    """The truth: parts, edges, how each is watched, and how hard each dependency is."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    checks: dict[str, list[Check]] = field(default_factory=dict)
    hardness: dict[Edge, float] = field(default_factory=dict)
    """The chance that the source fails with the target."""
    tagged: set[str] = field(default_factory=set)
    """Parts whose alerts name the service that they are part of."""
    rests_on: dict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    carries: dict[str, list[Edge]] = field(default_factory=lambda: defaultdict(list))

    def of(self, *kinds: str) -> list[str]:
        """Names of the parts of these kinds, in the order in which they were made."""
        return [node.name for node in self.nodes.values() if node.kind in kinds]

    def service_of(self, name: str) -> str | None:
        """The service that this part is one of several of."""
        return next((edge.target for edge in self.rests_on[name] if edge.relation == "part_of"), None)

    def truth(self) -> Topology:
        """The landscape as it is."""
        return Topology(tuple(self.nodes.values()), tuple(self.edges))


DOWN: Final = {
    "router": (("bgp.session", "major"), ("device.unreachable", "critical")),
    "switch": (("device.unreachable", "critical"), ("uplink.down", "major")),
    "storage": (("array.path_lost", "critical"), ("array.offline", "critical")),
    "host": (("ping.lost", "critical"), ("agent.silent", "major")),
    "vm": (("ping.lost", "major"), ("agent.silent", "warning")),
    "instance": (("process.down", "major"), ("probe.failed", "minor")),
    "database": (("database.down", "critical"), ("replication.broken", "major")),
    "queue": (("broker.down", "critical"), ("broker.partitioned", "major")),
    "cache": (("cache.down", "major"),),
    "service": (("synthetic.failed", "critical"), ("slo.burn", "major")),
    "business": (("journey.failed", "critical"), ("orders.fallen", "major")),
}
"""Kind to what is said of a part that is gone."""

ERRING: Final = {
    "router": (("packets.lost", "major"),),
    "switch": (("packets.lost", "minor"),),
    "storage": (("array.latency", "major"), ("array.queue", "minor")),
    "host": (("io.wait", "minor"), ("load.high", "warning")),
    "vm": (("io.wait", "warning"), ("load.high", "warning")),
    "instance": (("http.errors", "major"), ("latency.high", "minor"), ("threads.exhausted", "minor")),
    "database": (("connections.used_up", "critical"), ("queries.slow", "major"), ("locks.waiting", "minor")),
    "queue": (("backlog.growing", "major"), ("publish.slow", "minor")),
    "cache": (("hits.fallen", "minor"), ("evictions.high", "warning")),
    "service": (("slo.burn", "major"), ("errors.rate", "major"), ("latency.high", "minor")),
    "business": (("orders.fallen", "major"), ("journey.slow", "minor")),
}
"""Kind to what is said of a part that answers badly."""

WATCHED: Final = {
    "router": 0.9, "switch": 0.85, "storage": 0.75, "host": 0.9, "vm": 0.8, "instance": 0.85, "database": 0.95,
    "queue": 0.9, "cache": 0.8, "service": 0.85, "business": 0.8,
}  # fmt: skip
"""Share of the parts of a kind that anything looks at."""


def landscape(random: Random) -> Landscape:
    """A landscape of some hundred to some thousand parts."""
    made = Landscape()
    size = int(400 * 10 ** random.random())
    sites = [f"site-{letter}" for letter in "abc"[: random.randint(1, 3)]]
    _network(made, random, sites, racks=max(2, size // 120))
    _machines(made, random, hosts=max(6, size // 18), machines=max(20, size // 4))
    services = _services(made, random, max(8, size // 10))
    _stores(made, random, services)
    _depend(made, random, services)
    for name in made.nodes:
        made.checks[name] = _checks(random, made.nodes[name].kind)
        if random.random() < 0.5:
            made.tagged.add(name)
    return made


def told(truth: Topology, random: Random) -> Topology:
    """What the operators have written down of it: every part, not every edge, and some that are not true."""
    kind = {node.name: node.kind for node in truth.nodes}
    peers = defaultdict(list)
    for node in truth.nodes:
        peers[node.kind].append(node.name)
    edges = list(truth.edges)
    random.shuffle(edges)
    count = round(len(edges) * MISSING)
    missing, kept = edges[:count], edges[count:]
    known, wrong = set(truth.edges), set[Edge]()
    wanted = round(len(kept) * WRONG / (1 - WRONG))
    while len(wrong) < wanted:
        edge = random.choice(missing)
        other = Edge(edge.source, edge.relation, random.choice(peers[kind[edge.target]]))
        if other not in known and other.target != other.source:
            wrong.add(other)
    return Topology(truth.nodes, tuple(sorted([*kept, *wrong])))


def _add(made: Landscape, random: Random, name: str, kind: str, site: str = "", owner: str = "") -> str:
    criticality = random.choice(("low", "medium", "medium", "high", "critical"))
    made.nodes[name] = Node(name, kind, criticality, owner or random.choice(PEOPLE), site)
    return name


def _join(made: Landscape, source: str, relation: str, target: str, hardness: float) -> None:
    edge = Edge(source, relation, target)
    if source == target or edge in made.hardness:
        return
    made.edges.append(edge)
    made.hardness[edge] = hardness
    made.rests_on[source].append(edge)
    made.carries[target].append(edge)


def _checks(random: Random, kind: str) -> list[Check]:
    if random.random() > WATCHED[kind]:
        return []
    found = []
    for mode, table in (("down", DOWN), ("erring", ERRING)):
        for number, (name, severity) in enumerate(table[kind]):
            if number and random.random() < 0.45:
                continue
            every = random.choice((10.0, 15.0, 30.0, 60.0))
            hold = random.choice((0.0, 0.0, 30.0, 60.0, 120.0))
            repeat = random.choice((0.0, 0.0, 60.0, 120.0, 300.0))
            found.append(Check(name, severity, mode, every, hold, repeat))
    return found


def _network(made: Landscape, random: Random, sites: list[str], racks: int) -> None:
    for site in sites:
        _add(made, random, f"{site}-router", "router", site, "network")
    for first, second in itertools.pairwise(sites):
        _join(made, f"{second}-router", "depends_on", f"{first}-router", 0.0)
    for number in range(racks):
        site = sites[number % len(sites)]
        name = _add(made, random, f"{site}-switch-{number + 1:02}", "switch", site, "network")
        _join(made, name, "depends_on", f"{site}-router", 1.0)


def _machines(made: Landscape, random: Random, hosts: int, machines: int) -> None:
    switches = made.of("switch")
    for number in range(hosts):
        switch = switches[number % len(switches)]
        name = _add(made, random, f"host-{number + 1:03}", "host", made.nodes[switch].site, "basis")
        _join(made, name, "depends_on", switch, 1.0)
    for number in range(hosts // 16 + 1):
        switch = random.choice(switches)
        name = _add(made, random, f"array-{number + 1:02}", "storage", made.nodes[switch].site, "basis")
        _join(made, name, "depends_on", switch, 1.0)
    names = made.of("host")
    for number in range(machines):
        host = random.choice(names)
        name = _add(made, random, f"vm-{number + 1:04}", "vm", made.nodes[host].site, "basis")
        _join(made, name, "runs_on", host, 1.0)


def _services(made: Landscape, random: Random, count: int) -> list[str]:
    """Services in domains, each of a few instances on machines of its own choice."""
    machines = made.of("vm")
    services = []
    for number in range(count):
        owner = PEOPLE[2 + number % (len(PEOPLE) - 2)]
        name = _add(made, random, f"{owner}-{number + 1:03}", "service", owner=owner)
        services.append(name)
        for copy in range(random.choice((1, 2, 2, 3, 3, 4))):
            machine = random.choice(machines)
            site = made.nodes[machine].site
            instance = _add(made, random, f"{name}-{copy + 1}", "instance", site, owner)
            _join(made, instance, "part_of", name, 0.0)
            _join(made, instance, "runs_on", machine, 1.0)
    return services


def _stores(made: Landscape, random: Random, services: list[str]) -> None:
    """Databases, queues and caches, on hosts and arrays, used by few services or by many."""
    hosts, arrays = made.of("host"), made.of("storage")
    for kind, share in (("database", 0.3), ("queue", 0.06), ("cache", 0.12)):
        for number in range(max(2, int(len(services) * share))):
            owner = random.choice(PEOPLE[2:])
            name = _add(made, random, f"{kind}-{number + 1:02}", kind, owner=owner)
            copies = random.choice((1, 2, 2))
            for host in random.sample(hosts, copies):
                _join(made, name, "runs_on", host, 0.9 if copies == 1 else 0.3)
            if kind == "database":
                _join(made, name, "depends_on", random.choice(arrays), 0.95)
    near = {owner: [s for s in services if made.nodes[s].owner == owner] for owner in PEOPLE}
    for kind, most in (("database", 9), ("queue", 12), ("cache", 5)):
        for store in made.of(kind):
            home = near[made.nodes[store].owner]
            for _ in range(random.randint(1, most)):
                user = random.choice(home if home and random.random() < 0.75 else services)
                hard = 0.95 if random.random() < (0.3 if kind == "cache" else 0.8) else 0.35
                _join(made, user, "depends_on", store, hard)


def _depend(made: Landscape, random: Random, services: list[str]) -> None:
    """Services call services, mostly of their own domain and mostly in one direction; business rests on them."""
    near = {owner: [s for s in services if made.nodes[s].owner == owner] for owner in PEOPLE}
    for number, name in enumerate(services):
        home = near[made.nodes[name].owner]
        for _ in range(random.choice((1, 1, 2, 2, 3, 4))):
            target = random.choice(home if random.random() < 0.75 else services)
            if services.index(target) < number and random.random() < 0.97:
                continue  # a call against the grain is rare
            _join(made, name, "depends_on", target, 0.9 if random.random() < 0.6 else 0.3)
    for number in range(max(2, len(services) // 8)):
        owner = random.choice(PEOPLE[2:])
        name = _add(made, random, f"business-{number + 1:02}", "business", owner=owner)
        for target in random.sample(near[owner] or services, min(3, len(near[owner] or services))):
            _join(made, name, "depends_on", target, 0.8)
