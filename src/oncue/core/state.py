"""The engine's live state: everything a decision may depend on, and nothing else.

It is a set of keyed rows: entities (alerts, incidents, runs, ...) and cells (timers, windows, counters, ...). The store
keeps the same rows, so recovery is reading them back, and a snapshot is all of them in order. Iteration over state
always has an explicit order, because live dicts are in insertion order and reloaded ones are not.
"""

import hashlib
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from oncue.core.alert import Alert
from oncue.core.approval import Approval
from oncue.core.change import Change, History
from oncue.core.change_record import Changed, ChangeRecord
from oncue.core.change_rules import ChangeRules
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
from oncue.core.mirror import KIND as TICKET_MIRROR
from oncue.core.mirror import Mirrored, MirrorState
from oncue.core.monitor import MonitorState
from oncue.core.pause import Pause
from oncue.core.plan import plan_of
from oncue.core.policy import Policies, PolicyStats
from oncue.core.prioritise import Matrix, matrices
from oncue.core.problem import Known, ProblemRecord
from oncue.core.resting import Runs
from oncue.core.review import Review
from oncue.core.run import Definition, Items, Outcome, Pins, Rejected, Retried, Run, Step, Story, UndoneFor
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

_Row = tuple[str, str, bytes]

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
    "change": Change,
    "ticket_mirror": Mirrored,
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
    "retried": Retried,
    "rejected": Rejected,
    "undone_for": UndoneFor,
    "pins": Pins,
    "wait": EventWait,
    "schedule": Schedule,
    "change_history": History,
    "mirror": MirrorState,
    "hidden": int,
    "absent": str,
}


def minute_of(at: datetime) -> int:
    """The minute since 1970 in which the instant lies."""
    return int(at.timestamp()) // 60


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
        self.runs = Runs(self)
        """Runs that have not ended, by id."""
        self.entities: dict[str, MutableMapping[str, Any]] = {**{kind: {} for kind in ENTITIES}, "run": self.runs}
        self.cells: dict[str, dict[str, Any]] = {kind: {} for kind in CELLS if kind != "timer"}
        self.timers = Timers()
        self.policies = Policies()
        self.inhibitions = Inhibitions()
        self.matrices: dict[str, Matrix] = {}
        """Namespaces that have a priority matrix of their own."""
        self.groupings = Groupings()
        """Correlation rules of the configuration."""
        self.change_rules = ChangeRules()
        """Who must agree to changes at least."""
        self.mirrors: dict[str, tuple[str, ...]] = {}
        """Namespace -> ids of the ticket mirrors in force there."""
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
        self.heard: dict[int, dict[str, bool]] = {}
        """Minute since 1970 -> ids of the live alerts that people were last called for then, each with True."""
        self.topology = Topology()
        self.held_of: dict[tuple[str, str], tuple[str, ...]] = {}
        """(namespace, fingerprint) -> keys of windows that wait on this condition to last."""
        self.steps_of: dict[str, dict[str, Step]] = {}
        """Run that is awake -> its steps that have begun, by address."""
        self.pinned: dict[str, int] = {}
        """Version of a workflow -> how many runs go by it."""
        self.waits: dict[tuple[str, str], dict[str | None, str | dict[str, bool]]] = {}
        """(namespace, type of an event) -> resource, None for any -> the step that waits for it, or several, each with
        True."""
        self.windows_of: dict[str, int] = {}
        """Policy -> how many windows its condition has; `` -> how many there are. A policy's limits have theirs apart."""

    @property
    def alerts(self) -> MutableMapping[str, Alert]:
        """Live alerts by id."""
        return self.entities["alert"]

    @property
    def incidents(self) -> MutableMapping[str, Incident]:
        """Incidents that are not closed, by id."""
        return self.entities["incident"]

    @property
    def escalations(self) -> MutableMapping[str, Escalation]:
        """Escalations that have not ended, by id."""
        return self.entities["escalation"]

    @property
    def definitions(self) -> MutableMapping[str, Definition]:
        """Versions of workflows that runs go by, by their hashes."""
        return self.entities["definition"]

    @property
    def approvals(self) -> MutableMapping[str, Approval]:
        """Approvals that are not settled, by id."""
        return self.entities["approval"]

    def step(self, run: str, address: str) -> Step | None:
        """The step of a run at this address, if it has begun."""
        return self.steps_of.get(run, {}).get(address)

    def waits_of(self, run: Run) -> list[str]:
        """Ids of the steps of a run that wait for an event, or gather what they will wait for."""
        plan = plan_of(run.version, self.definitions[run.version].spec)
        addresses = {*self.steps_of.get(run.id, ()), *plan.listening}
        return [id for address in sorted(addresses) if (id := f"{run.id}/{address}") in self.cells["wait"]]

    def patient_timer(self, until: datetime) -> Timer | None:
        """The timer that takes a run on and fires next, if it is due by then."""
        timer = self.timers.patient()
        while self.runs.wake_next(until, timer):
            timer = self.timers.patient()
        return timer if timer is not None and timer.due_at <= until else None

    def next_at(self) -> datetime | None:
        """When the next timer is due; None if there is none."""
        timer = self.timers.first()
        resting = self.runs.next_at()
        if timer is None or resting is None:
            return resting if timer is None else timer.due_at
        return min(timer.due_at, resting)

    def items_of(self, run: str, address: str) -> list[Step]:
        """The items of a `for_each` that have begun, in their order."""
        items: Items | None = self.cells["items"].get(f"{run}/{address}")
        found = (self.step(run, f"{address}[{key}]") for key in (items.keys if items is not None else ()))
        return [step for step in found if step is not None]

    @property
    def effects(self) -> MutableMapping[str, Effect]:
        """Effects without a final result, by id."""
        return self.entities["effect"]

    @property
    def tickets(self) -> MutableMapping[str, Ticket]:
        """Tickets that are not closed, by id."""
        return self.entities["ticket"]

    @property
    def ticket_mirrors(self) -> MutableMapping[str, Mirrored]:
        """Counterparts of tickets in other systems that have not ended, by id."""
        return self.entities["ticket_mirror"]

    @property
    def silences(self) -> MutableMapping[str, Silence]:
        """Silences that are not expired, by id."""
        return self.entities["silence"]

    @property
    def tasks(self) -> MutableMapping[str, Task]:
        """Tasks that are open, or whose incident is not closed, by id."""
        return self.entities["task"]

    @property
    def problems(self) -> MutableMapping[str, ProblemRecord]:
        """Problems that are not closed, by id."""
        return self.entities["problem"]

    @property
    def checklists(self) -> MutableMapping[str, Checklist]:
        """Checklists of incidents that are not closed, by id."""
        return self.entities["checklist"]

    @property
    def reviews(self) -> MutableMapping[str, Review]:
        """Reviews that may still change, by their incidents' ids."""
        return self.entities["review"]

    @property
    def handovers(self) -> MutableMapping[str, Handover]:
        """Handovers that nobody has confirmed yet, by id."""
        return self.entities["handover"]

    @property
    def change_records(self) -> MutableMapping[str, ChangeRecord]:
        """Changes that run, or were made not long ago, by id."""
        return self.entities["change_record"]

    @property
    def changes(self) -> MutableMapping[str, Change]:
        """Changes that are not closed, by id."""
        return self.entities["change"]

    @property
    def manifests(self) -> MutableMapping[str, Manifest]:
        """Configuration by `Kind/namespace/name`."""
        return self.entities["manifest"]

    @property
    def windows(self) -> dict[str, Window]:
        """Windows of conditions over time by `policy|key`."""
        return self.cells["window"]

    def load(self, entities: list[_Row], cells: list[_Row], runs: Iterable[tuple[list[_Row], list[_Row]]] = ()) -> None:
        """Read rows back: (kind, id, JSON body) and (kind, key, msgpack body). Of runs there may be too many to have all their
        rows at the same time: some entities and cells after the others, each run with all that is its own."""
        self._read(entities, cells)
        self.index()
        for some_entities, some_cells in runs:
            self._read(some_entities, some_cells)
            self.runs.turn += 1
            self.runs.rest(self.runs.turn, len(some_entities))

    def _read(self, entities: list[_Row], cells: list[_Row]) -> None:
        for kind, id, body in entities:
            self.entities[kind][id] = _ENTITY_DECODERS[kind](body)
        for kind, key, body in cells:
            if kind == "timer":
                self.timers.put(_CELL_DECODERS[kind](body))
            else:
                self.cells[kind][key] = _CELL_DECODERS[kind](body)
        self._index_runs(
            sorted(id for kind, id, _ in entities if kind == "run"),
            sorted(id for kind, id, _ in entities if kind == "step"),
            sorted(key for kind, key, _ in cells if kind == "wait"),
            sorted(key for kind, key, _ in cells if kind == "pins"),
        )

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
            if alert.heard_at is not None:
                self.heard.setdefault(minute_of(alert.heard_at), {})[id] = True
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
        self.policies.catalogue(self.manifests)
        self.inhibitions.rebuild(self)
        self.groupings.rebuild(self)
        self.change_rules.rebuild(self)
        self.matrices = matrices(self)
        self.exports.rebuild(self)
        self.file_mirrors()
        self.file_quiet()
        self.file_problems()
        self.file_changes()

    def file_mirrors(self) -> None:
        """Find the ticket mirrors in force among the manifests."""
        self.mirrors = {}
        for id in sorted(one.id for one in self.manifests.values() if one.kind == TICKET_MIRROR):
            namespace = self.manifests[id].namespace
            self.mirrors[namespace] = (*self.mirrors.get(namespace, ()), id)

    def _index_manifests(self) -> None:
        for id in sorted(self.manifests):
            manifest = self.manifests[id]
            if manifest.kind == "Policy":
                self.policies.put(manifest)
            elif manifest.kind == "Workflow":
                self.policies.put_triggers(manifest)
            elif manifest.kind in NODE_KINDS:
                self.topology.put(manifest)

    def _index_runs(self, runs: Iterable[str], steps: Iterable[str], waits: Iterable[str], pins: Iterable[str]) -> None:
        for id in pins:
            held: Pins = self.cells["pins"][id]
            for version in held.of.values():
                self.pinned[version] = self.pinned.get(version, 0) + 1
        for id in runs:
            self.steps_of[id] = {}
            version = self.runs[id].version
            self.pinned[version] = self.pinned.get(version, 0) + 1
        for id in steps:
            step: Step = self.entities["step"][id]
            self.steps_of.setdefault(step.run, {})[step.address] = step
        for id in waits:
            wait: EventWait = self.cells["wait"][id]
            self._wait_for(id, wait)

    def _wait_for(self, id: str, wait: EventWait) -> None:
        for type in wait.types:
            by_resource = self.waits.setdefault((wait.namespace, type), {})
            rows = by_resource.get(wait.resource)
            if rows is None:
                by_resource[wait.resource] = id
            elif isinstance(rows, str):
                by_resource[wait.resource] = {rows: True, id: True}
            else:
                rows[id] = True

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
        all = self.rows()
        return msgspec.msgpack.encode(
            {
                "position": self.position,
                "now": self.now,
                "entities": {kind: [rows[id] for id in sorted(rows)] for kind, rows in all.entities.items()},
                "cells": {kind: [(key, rows[key]) for key in sorted(rows)] for kind, rows in all.cells.items()},
                "timers": [all.timers[key] for key in sorted(all.timers)],
            }
        )

    def rows(self) -> "AllRows":
        """Its rows, with those of the runs that rest."""
        entities = {kind: dict(rows) for kind, rows in self.entities.items() if kind != "run"}
        entities["run"] = self.runs.awake()
        cells = {kind: dict(rows) for kind, rows in self.cells.items()}
        timers = dict(self.timers.by_key)
        for one in self.runs.rows():
            entities["run"][one.run.id] = one.run
            entities["step"].update((step.id, step) for step in one.steps)
            cells["wait"].update(one.waits)
            timers.update((timer.key, timer) for timer in one.timers)
        return AllRows({kind: entities[kind] for kind in ENTITIES}, cells, timers)

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
        waits, pins = sorted(self.cells["wait"]), sorted(self.cells["pins"])
        self._index_runs(sorted(self.runs), sorted(self.entities["step"]), waits, pins)

    def digest(self) -> bytes:
        """SHA-256 of the dump."""
        return hashlib.sha256(self.dump()).digest()


class AllRows(msgspec.Struct, frozen=True):
    """Rows of the live state, by kind and by id or key."""

    entities: dict[str, dict[str, Any]]
    cells: dict[str, dict[str, Any]]
    timers: dict[str, Timer]


class _Dump(msgspec.Struct):
    position: int
    now: datetime
    entities: dict[str, list[msgspec.Raw]]
    cells: dict[str, list[tuple[str, msgspec.Raw]]]
    timers: list[Timer]


_ENTITY_DECODERS: Final = {kind: msgspec.json.Decoder(type).decode for kind, type in ENTITIES.items()}
_ENTITY_UNPACKERS: Final = {kind: msgspec.msgpack.Decoder(type).decode for kind, type in ENTITIES.items()}
_CELL_DECODERS: Final = {kind: msgspec.msgpack.Decoder(type).decode for kind, type in CELLS.items()}
