"""What has begun to fire where a change is made, since it began."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from oncue.core import place
from oncue.core.alert import Alert
from oncue.core.change import Change
from oncue.core.state import State, minute_of
from oncue.core.tx import Tx


def many(state: State, namespace: str, id: str, since: datetime | None = None) -> int:
    """How many alerts there are of that kind. Raises `ValueError` if there is no such change."""
    change = state.changes.get(id)
    if change is None or change.namespace != namespace:
        raise ValueError(f"there is no change {id} in {namespace}, or it is closed")
    return len(alerts_since(state, change, since))


def places_of(state: State, namespace: str, target: str) -> tuple[str, ...]:
    """Where alerts about a target are."""
    node = state.topology.node(namespace, target)
    if node is not None:
        return node.places
    return place.of_resource(namespace, target), place.of_service(namespace, target)


def alerts_since(state: State, change: Change, since: datetime | None = None) -> list[str]:
    """Alerts on its targets, or on what needs those, which began since it did, and which it does not expect: those that fire
    now, and those that have begun to call people `since` then, whatever became of them."""
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
    found = set(_firing(state, places, began))
    if since is not None:
        found.update(_heard(state, places, began, since))
    return sorted(found)


def _firing(state: State, places: Iterable[str], began: datetime) -> Iterator[str]:
    for where in places:
        for incident in state.failing.get(where, ()):
            for id in state.members[incident]:
                alert = state.alerts[id]
                if alert.state == "firing" and not alert.quiet and where in alert.places and _since(alert, began):
                    yield id


def _heard(state: State, places: Iterable[str], began: datetime, since: datetime) -> Iterator[str]:
    """One that is over is kept for longer than lies between two looks, so none comes and goes unseen."""
    begun = {where for where in places if where in state.begun and state.begun[where] >= began}
    if not begun:
        return
    first = minute_of(since)
    for id in (id for minute, ids in state.heard.items() if minute >= first for id in ids):
        alert = state.alerts[id]
        called = alert.heard_at is not None and alert.heard_at >= since
        if called and _since(alert, began) and not begun.isdisjoint(alert.places):
            yield id


def hear(tx: Tx, alert: Alert, at: datetime) -> None:
    """People are called for the alert, which was touched: it is found by the minute from now on."""
    forget(tx, alert)
    alert.heard_at = at
    minute = minute_of(at)
    if minute not in tx.state.heard:
        tx.set(tx.state.heard, minute, {})
    tx.set(tx.state.heard[minute], alert.id, True)


def forget(tx: Tx, alert: Alert) -> None:
    """It is found no more by when it was last heard."""
    minute = minute_of(alert.heard_at) if alert.heard_at is not None else None
    if minute in tx.state.heard:
        tx.unset(tx.state.heard[minute], alert.id)
        if not tx.state.heard[minute]:
            tx.unset(tx.state.heard, minute)


def _since(alert: Alert, began: datetime) -> bool:
    return (alert.fired_at or began) >= began
