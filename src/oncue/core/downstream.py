"""Downstream: what makes alerts quiet along the topology, while what they need is broken as well.

Of one rule the firing alerts are kept by the node that they are about. An alert is looked up by walking from its node to what
that needs, and what begins by walking the other way. Nodes that need each other all round make one another quiet never, or
nobody would be told.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

import msgspec

from oncue.core.topology import Node, Topology

ROUND: Final = 2_000
"""How many nodes are looked at to see whether a cause needs its effect as well; beyond that it is taken to."""


class Spread:
    """The firing alerts that one rule concerns and whose equal labels agree, by node. Lists are sorted."""

    __slots__ = ("sources", "targets")

    def __init__(self) -> None:
        self.sources: Final[dict[str, list[str]]] = {}
        self.targets: Final[dict[str, list[str]]] = {}

    def put(self, alert: str, node: str, *, is_source: bool, is_target: bool) -> None:
        """The alert, which is about this node, is not in it yet."""
        for rows, wanted in ((self.sources, is_source), (self.targets, is_target)):
            if wanted:
                insort(rows.setdefault(node, []), alert)

    def drop(self, alert: str, node: str, *, is_source: bool, is_target: bool) -> bool:
        """Take the alert out again. Gives whether nothing is left."""
        for rows, wanted in ((self.sources, is_source), (self.targets, is_target)):
            if wanted:
                row = rows[node]
                del row[bisect_left(row, alert)]
                if not row:
                    del rows[node]
        return not self.sources and not self.targets


class Cause(msgspec.Struct, frozen=True):
    """An alert about something that is needed."""

    alert: str
    way: str
    """From what needs it, in words."""


def causes(topology: Topology, spread: Spread, node: Node, hops: int) -> Iterator[Cause]:
    """Alerts about what the node needs and that does not need it, nearest first, then by node and by id."""
    if not spread.sources:
        return
    for step in topology.needing(node, up=True, hops=hops):
        found = spread.sources.get(step.node.id)
        if found and not _needs(topology, step.node, node):
            way = step.spoken()
            for alert in found:
                yield Cause(alert, way)


def effects(topology: Topology, spread: Spread, node: Node, hops: int) -> Iterator[str]:
    """Alerts about what needs the node."""
    if spread.targets:
        for step in topology.needing(node, up=False, hops=hops):
            yield from spread.targets.get(step.node.id, ())


def _needs(topology: Topology, cause: Node, effect: Node) -> bool:
    """Whether the cause needs its effect in turn, over however many hops."""
    for count, step in enumerate(topology.needing(cause, up=True, hops=ROUND)):
        if step.node.id == effect.id or count >= ROUND:
            return True
    return False
