"""The engine in memory, fed with events at instants of our own: which incident each event's alert is in, and who is told."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from oncue.core import event as events
from oncue.core.alert import Alert
from oncue.core.engine import Engine
from oncue.core.normalise import outline
from oncue.core.state import Identity, State
from oncue.core.tx import Batch, Derived

NAMESPACE: Final = "default"
INPUTS_A_BATCH: Final = 1000
"""A batch keeps what would undo it; one that went on for ever would keep everything."""


class Told(NamedTuple):
    """That people are told something, or would be if anybody were responsible."""

    incident: str
    alert: str | None


class Deciding:
    """One engine with its configuration, and what it made of each event."""

    def __init__(self, changes: Sequence[dict[str, Any]], start: datetime) -> None:
        self.state = State(Identity("bench"))
        self._engine = Engine(self.state)
        self._batch = Batch()
        self._at = start
        self._numbers = itertools.count(1)
        self._heard: dict[str, tuple[str, int]] = {}
        """Event to its alert, and how often that had begun by then."""
        self._alerts: dict[str, Alert] = {}
        self._begun: dict[str, int] = {}
        self._before: dict[tuple[str, int], str | None] = {}
        """An earlier spell of an alert to the incident that it was in."""
        self._merged: dict[str, str] = {}
        self._named: dict[str, tuple[str, ...]] = {}
        """Incident to the change records that it names."""
        self._keys: dict[str, str] = {}
        """Change record to its key."""
        if changes:
            self._own("oncue.config.applied", {"changes": list(changes)})

    def feed(self, body: bytes, at: datetime) -> list[Told]:
        """An event. Gives whom it made people be told of, and what fell due before it."""
        self._at = max(self._at, at)
        event = events.decode(body)
        key = (NAMESPACE, outline(event).fingerprint)
        alert = self.state.alert_of.get(key)
        was = (alert.state, alert.incident) if alert is not None else ("", None)
        facts = self._process(event, body)
        alert = self.state.alert_of.get(key)
        if alert is not None:
            spell = self._begun.get(alert.id, 0)
            if alert.state == "firing" and was[0] != "firing":
                self._before[(alert.id, spell)] = was[1]
                spell = self._begun[alert.id] = spell + 1
                self._alerts[alert.id] = alert
            self._heard[event.id] = (alert.id, spell)
        return self._told(facts) if facts else []

    def end(self) -> list[Told]:
        """Let an hour pass. Gives what people were still told."""
        self._at += timedelta(hours=1)
        return self._told(self._own("oncue.clock.advanced", None))

    def alert(self, event: str) -> str | None:
        """The alert that this event began, repeated or ended; None if there was none."""
        return self._heard[event][0] if event in self._heard else None

    def changes(self, incident: str) -> tuple[str, ...]:
        """The keys of the changes that an incident names, as of now or when it closed."""
        return tuple(self._keys[id] for id in self._named.get(incident, ()))

    def incident(self, event: str) -> str | None:
        """The incident, as of now, of the alert that this event began, repeated or ended; None if it has none."""
        if event not in self._heard:
            return None
        id, spell = self._heard[event]
        found = self._alerts[id].incident if spell == self._begun[id] else self._before[(id, spell)]
        while found in self._merged:
            found = self._merged[found]
        return found

    def _own(self, type: str, data: Any) -> list[Derived]:
        document = {
            "specversion": "1.0",
            "id": f"own-{next(self._numbers)}",
            "source": "/bench",
            "type": type,
            "data": data,
        }
        body = msgspec.json.encode(document)
        return self._process(events.decode(body), body)

    def _process(self, event: events.Event, body: bytes) -> list[Derived]:
        if self.state.position % INPUTS_A_BATCH == 0:
            self._batch = Batch()
        facts, reply = self._engine.process(event, body, NAMESPACE, "bench", None, self._at, self._batch)
        if reply is not None and reply.code is not None:
            raise ValueError(f"{reply.code}: {reply.detail}")
        return facts

    def _told(self, facts: Sequence[Derived]) -> list[Told]:
        found = []
        for fact in facts:
            if fact.kind == "incident" and b'"changes":["' in fact.body:
                self._named[fact.id] = tuple(msgspec.json.decode(fact.body)["data"]["changes"])
            if fact.type == "oncue.incident.merged":
                self._merged[fact.id] = msgspec.json.decode(fact.body)["data"]["merged_into"]
            elif fact.type == "oncue.change_record.started":
                self._keys[fact.id] = msgspec.json.decode(fact.body)["data"]["key"]
            elif fact.type == "oncue.effect.requested":
                effect = msgspec.json.decode(fact.body)["data"]
                if effect["kind"] == "notify" and effect["payload"]["reason"] != "resolved" and effect["incident"]:
                    found.append(Told(effect["incident"], effect["alert"]))
            elif fact.type == "oncue.notification.skipped" and fact.id:
                found.append(Told(fact.id, None))
        return found
