"""What has begun to fire where a change is made, since it began."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from oncue.core import place
from oncue.core.change import Change
from oncue.core.state import State


def many(state: State, namespace: str, id: str) -> int:
    """How many alerts there are of that kind. Raises `ValueError` if there is no such change."""
    change = state.changes.get(id)
    if change is None or change.namespace != namespace:
        raise ValueError(f"there is no change {id} in {namespace}, or it is closed")
    return len(alerts_since(state, change))


def places_of(state: State, namespace: str, target: str) -> tuple[str, ...]:
    """Where alerts about a target are."""
    node = state.topology.node(namespace, target)
    if node is not None:
        return node.places
    return place.of_resource(namespace, target), place.of_service(namespace, target)


def alerts_since(state: State, change: Change) -> list[str]:
    """Alerts that fire on its targets, or on what needs those, which began since it did, and which it does not expect."""
    plan, began = change.plan, change.began_at
    if plan is None or began is None:
        return []
    places: dict[str, None] = {}
    for target in plan.targets:
        places.update(dict.fromkeys(places_of(state, change.namespace, target)))
        node = state.topology.node(change.namespace, target)
        if node is not None:
            for step in state.topology.walk(node, up=False, hops=1):
                places.update(dict.fromkeys(step.node.places))
    return sorted(set(_new(state, places, began)))


def _new(state: State, places: Iterable[str], since: datetime) -> Iterator[str]:
    for where in places:
        for incident in state.failing.get(where, ()):
            for id in state.members[incident]:
                alert = state.alerts[id]
                if (
                    alert.state == "firing"
                    and not alert.quiet
                    and where in alert.places
                    and (alert.fired_at or since) >= since
                ):
                    yield id
