"""The engine's live state: everything a decision may depend on, and nothing else.

It is a set of keyed rows: entities (alerts, incidents, runs, ...) and cells (timers, windows, counters, ...). The store
keeps the same rows, so recovery is reading them back, and a snapshot is all of them in order. Iteration over state
always has an explicit order, because live dicts are in insertion order and reloaded ones are not.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from oncue.core.alert import Alert
from oncue.core.approval import Approval
from oncue.core.change_record import Changed, ChangeRecord
from oncue.core.channel import ChannelState
from oncue.core.checklist import Checklist
from oncue.core.effect import Effect
from oncue.core.escalation import Escalation
from oncue.core.exports import Exports
from oncue.core.gate import Gate
from oncue.core.grouping import Groupings
from oncue.core.handover import Handover
from oncue.core.heartbeat import Heartbeat
from oncue.core.incident import Incident
from oncue.core.inhibition import Inhibitions
from oncue.core.lane import Lane
from oncue.core.lookup import Tables
from oncue.core.maintenance import Window as MaintenanceWindow
from oncue.core.manifest import Manifest
from oncue.core.monitor import MonitorState
from oncue.core.pause import Pause
from oncue.core.policy import Policies, PolicyStats
from oncue.core.prioritise import Matrix, matrices
from oncue.core.problem import Known, ProblemRecord
from oncue.core.review import Review
from oncue.core.run import Definition, Items, Outcome, Run, Step, Story
from oncue.core.self_service import Request
from oncue.core.silence import Filed, Silence
from oncue.core.subscription import Progress
from oncue.core.task import Task
from oncue.core.ticket import Ticket
from oncue.core.timer import Timer, Timers
from oncue.core.topology import NODE_KINDS, Topology
from oncue.core.trigger import Schedule
from oncue.core.waiting import EventWait
from oncue.core.window import Window, owner_of

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

ENTITIES: Final[dict[str, type[Any]]] = {
    "alert": Alert,
    "incident": Incident,
    "escalation": Escalation,
    "run": Run,
    "effect": Effect,
    "ticket": Ticket,
    "silence": Silence,
    "manifest": Manifest,
    "monitor": MonitorState,
    "task": Task,
    "problem": ProblemRecord,
    "checklist": Checklist,
    "review": Review,
    "handover": Handover,
    "change_record": ChangeRecord,
    "step": Step,
    "definition": Definition,
    "approval": Approval,
    "request": Request,
}
"""Entity kinds that are part of live state, in the order of a snapshot."""

CELLS: Final[dict[str, type[Any]]] = {
    "timer": Timer,
    "window": Window,
    "heartbeat": Heartbeat,
    "maintenance": MaintenanceWindow,
    "policy_stats": PolicyStats,
    "counter": int,
    "lane": Lane,
    "channel": ChannelState,
    "subscription": Progress,
    "used_link": datetime,
    "pause": Pause,
    "gate": Gate,
    "items": Items,
    "outcome": Outcome,
    "story": Story,
    "wait": EventWait,
    "schedule": Schedule,
}


class Identity(msgspec.Struct, frozen=True):
    """Which journal this is; part of every id that the engine makes."""

    journal_id: str
    incarnation: int = 1
    """Raised by a restore, so that old idempotency keys never meet new ones."""
    partition: int = 0


class State:
    """Live state, with the look-ups that decisions need. Changed through `Tx` alone."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.position = 0
        """Position of the newest record."""
        self.now = EPOCH
        """`recorded_at` of the newest input."""
        self.entities: dict[str, dict[str, Any]] = {kind: {} for kind in ENTITIES}
        self.cells: dict[str, dict[str, Any]] = {kind: {} for kind in CELLS if kind != "timer"}
        self.timers = Timers()
        self.policies = Policies()
        self.inhibitions = Inhibitions()
        self.matrices: dict[str, Matrix] = {}
        """Namespaces that have a priority matrix of their own."""
        self.groupings = Groupings()
        """Correlation rules of the configuration."""
        self.exports = Exports()
        """What namespaces share with others."""
        self.silencing = Filed()
        """Active silences."""
        self.closing = Filed()
        """Open maintenance windows."""
        self.known = Known()
        """Problems that new incidents are compared with."""
        self.tables = Tables()
        """Lookup tables that expressions have looked in."""
        self.changed = Changed()
        """Where something was changed, and what is expected of it."""
        # look-ups over the rows above, rebuilt at load
        self.alert_of: dict[tuple[str, str], Alert] = {}
        """(namespace, fingerprint) -> the alert that a repeat belongs to."""
        self.ended_by: dict[tuple[str, str], tuple[str, ...]] = {}
        """(namespace, fingerprint of an event) -> ids of alerts with other fingerprints that its recovery ends."""
        self.incident_of: dict[tuple[str, str], str] = {}
        """(namespace, what it is about) -> id of the incident that a new alert joins."""
        self.members: dict[str, dict[str, bool]] = {}
        """Incident that is not closed -> ids of the live alerts that are its, each with True."""
        self.failing: dict[str, dict[str, int]] = {}
        """Place -> the incidents in which alerts fire there, and how many in each."""
        self.begun: dict[str, datetime] = {}
        """Place -> when an alert last began there. What began longer ago than a resolved alert is kept may be missing."""
        self.topology = Topology()
        self.held_of: dict[tuple[str, str], tuple[str, ...]] = {}
        """(namespace, fingerprint) -> keys of windows that wait on this condition to last."""
        self.steps_of: dict[str, dict[str, Step]] = {}
        """Run -> its steps that have begun, by address."""
        self.pinned: dict[str, dict[str, bool]] = {}
        """Version of a workflow -> the runs that go by it, each with True."""
        self.waits: dict[tuple[str, str], dict[str | None, dict[str, bool]]] = {}
        """(namespace, type of an event) -> resource, None for any -> steps that wait for it, each with True."""
        self.windows_of: dict[str, int] = {}
        """Policy -> how many windows its condition has; `` -> how many there are. A policy's limits have theirs apart."""

    @property
    def alerts(self) -> dict[str, Alert]:
        """Live alerts by id."""
        return self.entities["alert"]

    @property
    def incidents(self) -> dict[str, Incident]:
        """Incidents that are not closed, by id."""
        return self.entities["incident"]

    @property
    def escalations(self) -> dict[str, Escalation]:
        """Escalations that have not ended, by id."""
        return self.entities["escalation"]

    @property
    def runs(self) -> dict[str, Run]:
        """Runs that have not ended, by id."""
        return self.entities["run"]

    @property
    def definitions(self) -> dict[str, Definition]:
        """Versions of workflows that runs go by, by their hashes."""
        return self.entities["definition"]

    @property
    def approvals(self) -> dict[str, Approval]:
        """Approvals that are not settled, by id."""
        return self.entities["approval"]

    def step(self, run: str, address: str) -> Step | None:
        """The step of a run at this address, if it has begun."""
        return self.steps_of.get(run, {}).get(address)

    def items_of(self, run: str, address: str) -> list[Step]:
        """The items of a `for_each` that have begun, in their order."""
        items: Items | None = self.cells["items"].get(f"{run}/{address}")
        found = (self.step(run, f"{address}[{key}]") for key in (items.keys if items is not None else ()))
        return [step for step in found if step is not None]

    @property
    def effects(self) -> dict[str, Effect]:
        """Effects without a final result, by id."""
        return self.entities["effect"]

    @property
    def tickets(self) -> dict[str, Ticket]:
        """Tickets that are not closed, by id."""
        return self.entities["ticket"]

    @property
    def silences(self) -> dict[str, Silence]:
        """Silences that are not expired, by id."""
        return self.entities["silence"]

    @property
    def tasks(self) -> dict[str, Task]:
        """Tasks that are open, or whose incident is not closed, by id."""
        return self.entities["task"]

    @property
    def problems(self) -> dict[str, ProblemRecord]:
        """Problems that are not closed, by id."""
        return self.entities["problem"]

    @property
    def checklists(self) -> dict[str, Checklist]:
        """Checklists of incidents that are not closed, by id."""
        return self.entities["checklist"]

    @property
    def reviews(self) -> dict[str, Review]:
        """Reviews that may still change, by their incidents' ids."""
        return self.entities["review"]

    @property
    def handovers(self) -> dict[str, Handover]:
        """Handovers that nobody has confirmed yet, by id."""
        return self.entities["handover"]

    @property
    def change_records(self) -> dict[str, ChangeRecord]:
        """Changes that run, or were made not long ago, by id."""
        return self.entities["change_record"]

    @property
    def manifests(self) -> dict[str, Manifest]:
        """Configuration by `Kind/namespace/name`."""
        return self.entities["manifest"]

    @property
    def windows(self) -> dict[str, Window]:
        """Windows of conditions over time by `policy|key`."""
        return self.cells["window"]

    def load(self, entities: list[tuple[str, str, bytes]], cells: list[tuple[str, str, bytes]]) -> None:
        """Read rows back: (kind, id, JSON body) and (kind, key, msgpack body)."""
        for kind, id, body in entities:
            self.entities[kind][id] = _ENTITY_DECODERS[kind](body)
        for kind, key, body in cells:
            if kind == "timer":
                self.timers.put(_CELL_DECODERS[kind](body))
            else:
                self.cells[kind][key] = _CELL_DECODERS[kind](body)
        self.index()

    def index(self) -> None:
        """Build the look-ups from the rows."""
        for id in sorted(self.incidents):
            incident = self.incidents[id]
            self.members[id] = {}
            for one in incident.subjects:
                self.incident_of[(incident.namespace, one)] = id
        for id in sorted(self.alerts):
            alert = self.alerts[id]
            self.alert_of[(alert.namespace, alert.fingerprint)] = alert
            if alert.shaped is not None and alert.shaped.fingerprint is not None:
                by = (alert.namespace, alert.shaped.fingerprint)
                self.ended_by[by] = (*self.ended_by.get(by, ()), id)
            if alert.fired_at is not None:
                for place in alert.places:
                    self.begun[place] = max(alert.fired_at, self.begun.get(place, alert.fired_at))
            if alert.incident in self.members:
                self.members[alert.incident][id] = True
                if alert.counts:
                    self._file(alert, alert.incident)
        for key in sorted(self.windows):
            window = self.windows[key]
            policy, _ = owner_of(key)
            for owner in (policy, "") if "#" not in policy else ():
                self.windows_of[owner] = self.windows_of.get(owner, 0) + 1
            if window.fingerprint is not None:
                held = (policy.partition("/")[0], window.fingerprint)
                self.held_of[held] = (*self.held_of.get(held, ()), key)
        self._index_manifests()
        self._index_runs()
        self.policies.catalogue(self.manifests)
        self.inhibitions.rebuild(self)
        self.groupings.rebuild(self)
        self.matrices = matrices(self)
        self.exports.rebuild(self)
        self.file_quiet()
        self.file_problems()
        self.file_changes()

    def _index_manifests(self) -> None:
        for id in sorted(self.manifests):
            manifest = self.manifests[id]
            if manifest.kind == "Policy":
                self.policies.put(manifest)
            elif manifest.kind == "Workflow":
                self.policies.put_triggers(manifest)
            elif manifest.kind in NODE_KINDS:
                self.topology.put(manifest)

    def _index_runs(self) -> None:
        for id in sorted(self.runs):
            self.steps_of[id] = {}
            self.pinned.setdefault(self.runs[id].version, {})[id] = True
        for id in sorted(self.entities["step"]):
            step: Step = self.entities["step"][id]
            self.steps_of.setdefault(step.run, {})[step.address] = step
        for id in sorted(self.cells["wait"]):
            wait: EventWait = self.cells["wait"][id]
            for type in wait.types:
                self.waits.setdefault((wait.namespace, type), {}).setdefault(wait.resource, {})[id] = True

    def file_changes(self) -> None:
        """Build the look-up of change records from the rows."""
        self.changed = Changed()
        for record in self.change_records.values():
            self.changed.put(record)

    def file_problems(self) -> None:
        """Build the look-up of problems from the rows."""
        self.known = Known()
        for problem in self.problems.values():
            self.known.put(problem)

    def file_quiet(self) -> None:
        """Build the look-ups of what makes quiet from the rows."""
        self.silencing, self.closing = Filed(), Filed()
        for id, silence in self.silences.items():
            if silence.state == "active":
                self.silencing.put(id, silence.namespace, silence.matchers)
        for id, window in self.cells["maintenance"].items():
            self.closing.put(id, window.namespace, window.matchers)

    def _file(self, alert: Alert, incident: str) -> None:
        for place in alert.places:
            filed = self.failing.setdefault(place, {})
            filed[incident] = filed.get(incident, 0) + 1

    def dump(self) -> bytes:
        """All of it, in one canonical form: equal states give equal bytes."""
        return msgspec.msgpack.encode(
            {
                "position": self.position,
                "now": self.now,
                "entities": {kind: [rows[id] for id in sorted(rows)] for kind, rows in self.entities.items()},
                "cells": {kind: [(key, rows[key]) for key in sorted(rows)] for kind, rows in self.cells.items()},
                "timers": [self.timers.by_key[key] for key in sorted(self.timers.by_key)],
            }
        )

    def restore(self, dump: bytes) -> None:
        """Become the state that `dump` was made of."""
        shape = msgspec.msgpack.decode(dump, type=_Dump)
        self.position = shape.position
        self.now = shape.now
        for kind, rows in shape.entities.items():
            for row in rows:
                entity = _ENTITY_UNPACKERS[kind](row)
                self.entities[kind][entity.id] = entity
        for kind, cells in shape.cells.items():
            for key, cell in cells:
                self.cells[kind][key] = _CELL_DECODERS[kind](cell)
        for timer in shape.timers:
            self.timers.put(timer)
        self.index()

    def digest(self) -> bytes:
        """SHA-256 of the dump."""
        return hashlib.sha256(self.dump()).digest()


class _Dump(msgspec.Struct):
    position: int
    now: datetime
    entities: dict[str, list[msgspec.Raw]]
    cells: dict[str, list[tuple[str, msgspec.Raw]]]
    timers: list[Timer]


_ENTITY_DECODERS: Final = {kind: msgspec.json.Decoder(type).decode for kind, type in ENTITIES.items()}
_ENTITY_UNPACKERS: Final = {kind: msgspec.msgpack.Decoder(type).decode for kind, type in ENTITIES.items()}
_CELL_DECODERS: Final = {kind: msgspec.msgpack.Decoder(type).decode for kind, type in CELLS.items()}
