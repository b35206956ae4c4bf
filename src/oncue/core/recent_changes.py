"""Recent changes: which of them an alert has to do with, because it began where something was changed a short time ago, or
behind that along the topology.
"""

from datetime import timedelta
from typing import Final

import msgspec

from oncue.core.alert import Alert
from oncue.core.change_record import ChangeRecord
from oncue.core.incident import Incident
from oncue.core.silence import all_match
from oncue.core.state import State
from oncue.core.topology import SHARED_BY, Node
from oncue.core.tx import Tx

SOON: Final = timedelta(minutes=15)
"""How soon after a change began, or ended, what fails has to do with it."""
STEPS: Final = 2
"""How far upstream of what fails changes are looked for."""
NAMED: Final = 10
"""Changes that an incident names."""
INCIDENTS: Final = 100
"""Incidents that a change names, the newest."""
LINES: Final = 3
"""Changes that a message tells of."""


class Near(msgspec.Struct, frozen=True):
    """A change that an alert has to do with."""

    record: ChangeRecord
    way: str
    """Where it was made, seen from the alert."""


def running_on(state: State, namespace: str, resource: str) -> bool:
    """Whether a change runs on what goes by this name."""
    if not state.changed:
        return False
    records = state.change_records
    node = state.topology.node_for(namespace, resource, None)
    places = [(namespace, "resource", resource), (namespace, "service", resource.removeprefix("service:"))]
    places += [*_places(node)] if node is not None else []
    return any(records[id].state == "running" for place in places for id in state.changed.at(place))


def expected_by(state: State, alert: Alert) -> list[ChangeRecord]:
    """Changes that expect the alert, in the order in which they were written down."""
    found = [state.change_records[id] for id in state.changed.expecting.candidates(alert)]
    return [
        record
        for record in found
        if all_match(record.expects, alert) and (not record.here or _at(state, record, alert))
    ]


def _at(state: State, record: ChangeRecord, alert: Alert) -> bool:
    """Whether the alert is about what is changed."""
    node = state.topology.node_for(alert.namespace, alert.resource, alert.service)
    places = {(alert.namespace, "resource", alert.resource), *(_places(node) if node is not None else ())}
    if alert.service is not None:
        places.add((alert.namespace, "service", alert.service))
    return not places.isdisjoint(record.places)


def near(tx: Tx, alert: Alert, node: Node | None) -> list[Near]:
    """Changes on what the alert is about, then upstream of it, that run or were made a short time ago."""
    state = tx.state
    if not state.changed:
        return []
    found: dict[str, Near] = {}

    def look(places: list[tuple[str, str, str]], way: str) -> None:
        for place in places:
            for id in state.changed.at(place):
                record = state.change_records[id]
                if id not in found and _recent(tx, record):
                    found[id] = Near(record, way)

    here = [(alert.namespace, "resource", alert.resource)]
    if alert.service is not None:
        here.append((alert.namespace, "service", alert.service))
    look(here + (_places(node) if node is not None else []), f"on {alert.resource}")
    if node is not None:
        for step in state.topology.walk(node, up=True, hops=STEPS):
            places = _places(step.node)
            changed = any(state.changed.at(place) for place in places)
            if changed and len(state.topology.needed_by(step.node)) <= SHARED_BY:
                look(places, f"on {step.node.name}: {step.spoken()}")
    return list(found.values())


def recognise(tx: Tx, incident: Incident, changes: list[Near]) -> None:
    """A new alert of the incident has to do with these: both name each other. The caller touches and saves the incident."""
    for one in changes:
        if len(incident.changes) < NAMED and one.record.id not in incident.changes:
            incident.changes = (*incident.changes, one.record.id)
            _name(tx, one.record, incident)


def carry(tx: Tx, into: Incident, other: Incident) -> None:
    """What the other incident has to do with, this one has. Both were touched."""
    for id in other.changes:
        if id not in into.changes and len(into.changes) < NAMED:
            into.changes = (*into.changes, id)
            record = tx.state.change_records.get(id)
            if record is not None:
                _name(tx, record, into)


def _name(tx: Tx, record: ChangeRecord, incident: Incident) -> None:
    tx.touch(record)
    record.incidents = (*record.incidents, incident.id)[-INCIDENTS:]
    tx.save("change_record", record)


def details(tx: Tx, incident: Incident) -> list[list[str]]:
    """Lines for a message about the incident: what was changed a short time before."""
    records = [tx.state.change_records[id] for id in incident.changes if id in tx.state.change_records]
    return [["Changed recently", said(record, incident)] for record in records[:LINES]]


def said(record: ChangeRecord, incident: Incident) -> str:
    """A change in a line: what, by whom, how long before the incident."""
    return f"{record.id}: {record.title} ({record.kind} by {record.by}, {record.state}, {_when(record, incident)})"


def _when(record: ChangeRecord, incident: Incident) -> str:
    before = (incident.opened_at - record.started_at).total_seconds()
    if before < 0:
        return "began after it"
    return f"began {before:.0f} s before" if before < 120 else f"began {before / 60:.0f} min before"


def _recent(tx: Tx, record: ChangeRecord) -> bool:
    last = record.ended_at or tx.now
    return record.state == "running" or tx.now - last <= SOON or tx.now - record.started_at <= SOON


def _places(node: Node) -> list[tuple[str, str, str]]:
    kind = "service" if node.is_service else "resource"
    return [(node.namespace, kind, name) for name in node.called]
