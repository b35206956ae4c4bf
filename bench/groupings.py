"""Plain ways to group alerts, to compare with: a rule that does no better than these is not worth its code."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bench.landscape import Topology

Arrivals = Sequence[tuple[float, dict[str, Any]]]
"""Seconds since the beginning, and the event."""
Groups = Mapping[str, str | None]
"""Event id to the group of its alert; None if it is alone."""
Grouping = Callable[[Topology, Arrivals], Groups]

WITHIN_S: Final = 300.0


def alone(_: Topology, arrivals: Arrivals) -> Groups:
    """Each alert for itself."""
    return {event["id"]: None for _, event in arrivals}


def by_resource(_: Topology, arrivals: Arrivals) -> Groups:
    """All alerts about one resource."""
    return {event["id"]: event["resource"] for _, event in arrivals}


def by_service(topology: Topology, arrivals: Arrivals) -> Groups:
    """All alerts about one service, as the event says it or the topology knows it; without one, about one resource."""
    service = {edge.source: edge.target for edge in topology.edges if edge.relation == "part_of"}
    return {
        event["id"]: event.get("service") or service.get(event["resource"], event["resource"]) for _, event in arrivals
    }


def by_time(_: Topology, arrivals: Arrivals) -> Groups:
    """All alerts that begin within five minutes of the first of them."""
    found: dict[str, str | None] = {}
    began, number = -WITHIN_S, 0
    for at_s, event in arrivals:
        if event["severity"] != "clear" and at_s - began > WITHIN_S:
            began, number = at_s, number + 1
        found[event["id"]] = f"{number}"
    return found


def by_neighbours(topology: Topology, arrivals: Arrivals) -> Groups:
    """Alerts that begin within five minutes of each other and lie two told edges apart at the most, and so on from each."""
    around: dict[str, set[str]] = defaultdict(set)
    for edge in topology.edges:
        around[edge.source].add(edge.target)
        around[edge.target].add(edge.source)
    of: dict[tuple[str, str], str] = {}
    parent: dict[str, str] = {}
    begun: dict[str, list[tuple[float, str]]] = defaultdict(list)
    found: dict[str, str] = {}

    def top(id: str) -> str:
        while parent[id] != id:
            parent[id] = parent[parent[id]]
            id = parent[id]
        return id

    for at_s, event in arrivals:
        id: str = event["id"]
        name: str = event["resource"]
        condition = (name, event["check"])
        if condition not in of and event["severity"] != "clear":
            of[condition] = parent[id] = id
            near = {name, *around[name], *(far for one in around[name] for far in around[one])}
            for other in sorted(near):
                for other_s, other_id in begun[other]:
                    if at_s - other_s <= WITHIN_S:
                        parent[top(other_id)] = top(id)
            begun[name].append((at_s, id))
        found[id] = of.get(condition, id)
    return {id: top(first) if first in parent else None for id, first in found.items()}


BASELINES: Final[dict[str, Grouping]] = {
    "each alert alone": alone,
    "by resource": by_resource,
    "by service": by_service,
    "all within 5 minutes": by_time,
    "within 2 told edges and 5 minutes": by_neighbours,
}
