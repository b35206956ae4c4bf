"""A story for the pure core: manifests, events and the passing of time go in, facts come out. Time is moved by hand."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from oncue.core import event as events
from oncue.core.command import Reply
from oncue.core.duration import delta
from oncue.core.engine import Engine, Poison
from oncue.core.state import Identity, State
from oncue.core.tx import Batch, Derived

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


class Story:
    """One engine, and what it derived so far."""

    def __init__(self) -> None:
        self.state = State(Identity("story"))
        self.engine = Engine(self.state)
        self.now = START
        self.facts: list[Derived] = []
        self.newest: list[Derived] = []
        self.inputs: list[tuple[bytes, datetime]] = []
        self.batch = Batch()
        self._ids = itertools.count(1)

    def feed(
        self, body: bytes, at: datetime, *, actor: str | None = None, origin: str = "test", person: str | None = None
    ) -> Reply | None:
        """One input at an instant. Gives the reply to a command."""
        self.inputs.append((body, at))
        event = events.decode(body)
        derived, reply = self.engine.process(event, body, "default", origin, actor, at, self.batch, person)
        self.newest = derived
        self.facts += derived
        return reply

    def send(
        self, type: str, data: Any = None, *, actor: str | None = None, origin: str = "test",
        person: str | None = None, **attributes: Any,
    ) -> Any:  # fmt: skip
        """An event now. Gives the reply's data if it is a command; raises AssertionError on a refusal."""
        document = {"specversion": "1.0", "id": f"e{next(self._ids)}", "source": "/test", "type": type, **attributes}
        if data is not None:
            document["data"] = data
        reply = self.feed(msgspec.json.encode(document), self.now, actor=actor, origin=origin, person=person)
        if reply is not None:
            assert reply.code is None, f"{reply.code}: {reply.detail}"
            return reply.data
        return None

    def answer(self, type: str, data: Any) -> Reply:
        """A command now. Gives the reply."""
        document = {"specversion": "1.0", "id": f"e{next(self._ids)}", "source": "/test", "type": type, "data": data}
        reply = self.feed(msgspec.json.encode(document), self.now)
        assert reply is not None
        return reply

    def refused(self, type: str, data: Any) -> str:
        """A command now that must be refused. Gives the code."""
        reply = self.answer(type, data)
        assert reply.code is not None
        return reply.code

    def problem(self, severity: str = "major", resource: str = "db-1", **attributes: Any) -> None:
        """A problem event of the type `disk.full`."""
        self.send(attributes.pop("type", "disk.full"), attributes.pop("data", None), severity=severity,
                  resource=resource, **attributes)  # fmt: skip

    def clear(self, resource: str = "db-1", **attributes: Any) -> None:
        """Its recovery."""
        self.send(attributes.pop("type", "disk.full"), severity="clear", resource=resource, **attributes)

    def sample(self, metric: str, value: float, resource: str = "db-1") -> None:
        """A monitor's reading."""
        reading = {"metric": metric, "value": value}
        self.send("oncue.sample", {"monitor": "default/m", "resource": resource, "readings": [reading]})

    def apply(self, kind: str, name: str, spec: dict[str, Any], **more: Any) -> None:
        """Take a manifest."""
        change = {"op": "apply", "kind": kind, "namespace": "default", "name": name, "spec": spec, **more}
        self.send("oncue.config.applied", {"changes": [change]})

    def wait(self, duration: str) -> None:
        """Let time pass; due timers fire at its end."""
        self.now += delta(duration)
        self.send("oncue.clock.advanced")

    def skip(self, duration: str) -> None:
        """Let time pass without saying so."""
        self.now += delta(duration)

    def types(self, since: int = 0) -> list[str]:
        """Types of the facts so far, without the prefix `oncue.`."""
        return [fact.type.removeprefix("oncue.") for fact in self.facts[since:]]

    def new(self) -> list[str]:
        """Types of the facts that the newest input derived."""
        return [fact.type.removeprefix("oncue.") for fact in self.newest]

    def of(self, type: str) -> list[dict[str, Any]]:
        """The data of every fact of a type."""
        return [msgspec.json.decode(f.body)["data"] for f in self.facts if f.type == f"oncue.{type}"]

    def result(self, outcome: str = "succeeded", *, effect: str | None = None, **more: Any) -> None:
        """A worker reports on the newest requested effect, or the named one."""
        id = effect or max(self.state.effects, key=lambda id: self.state.effects[id].created_at)
        attempt = self.state.effects[id].attempt
        self.send("oncue.effect.result", {"effect": id, "attempt": attempt, "outcome": outcome, **more})


def owned(story: Story) -> None:
    """A service `shop` whose owner can be reached by mail."""
    story.apply("Channel", "mail", {"type": "email", "with": {"to": ["basis-1@example.com"]}})
    story.apply("Team", "basis", {"channels": ["mail"]})
    story.apply("Service", "shop", {"owner": "team:basis", "criticality": "high", "resources": ["db-*"]})


__all__ = ["START", "Poison", "Story", "owned", "timedelta"]
