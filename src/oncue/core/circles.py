"""Circles in the topology: nodes that need each other all round. They are tolerated, and shown to people, because one who
says so rarely means it. That parts and wholes feel each other is no circle."""

from oncue.core.topology import Node, Topology


def circles(topology: Topology, namespace: str) -> list[list[Node]]:
    """Of each set of nodes that all depend or run on each other a shortest way around, in the order of the way, from the
    first one by id. By the ids; a node that needs itself is a circle of its own."""
    nodes = {node.id: node for node in topology.nodes(namespace)}
    needs = {id: _needs(topology, node) for id, node in nodes.items()}
    knots = (group for group in _knots(needs) if len(group) > 1 or group[0] in needs[group[0]])
    found = [[nodes[id] for id in _around(min(group), needs, frozenset(group))] for group in knots]
    return sorted(found, key=lambda circle: circle[0].id)


def _needs(topology: Topology, node: Node) -> list[str]:
    targets = (
        topology.node(node.namespace, link.target)
        for link in node.links
        if link.relation in ("depends_on", "runs_on")
    )  # fmt: skip
    return sorted({target.id for target in targets if target is not None})


def _around(start: str, needs: dict[str, list[str]], group: frozenset[str]) -> list[str]:
    """A shortest way from a node back to itself within the group."""
    before: dict[str, str] = {}
    front = [start]
    while front:
        following = []
        for id in front:
            for target in needs[id]:
                if target == start:
                    way = [id]
                    while way[-1] != start:
                        way.append(before[way[-1]])
                    return way[::-1]
                if target in group and target not in before:
                    before[target] = id
                    following.append(target)
        front = following
    raise AssertionError(f"{start} is in no circle")


def _knots(needs: dict[str, list[str]]) -> list[list[str]]:
    """Tarjan's strongly connected components, without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    pending: list[str] = []
    waits: dict[str, None] = {}
    found: list[list[str]] = []
    for root, first in needs.items():
        if root in index:
            continue
        index[root] = low[root] = len(index)
        pending.append(root)
        waits[root] = None
        path = [(root, iter(first))]
        while path:
            id, rest = path[-1]
            target = next(rest, None)
            if target is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[id])
                if low[id] == index[id]:
                    group: list[str] = []
                    while not group or group[-1] != id:
                        group.append(pending.pop())
                        del waits[group[-1]]
                    found.append(group)
            elif target not in index:
                index[target] = low[target] = len(index)
                pending.append(target)
                waits[target] = None
                path.append((target, iter(needs[target])))
            elif target in waits:
                low[id] = min(low[id], index[target])
    return found
