"""The engine in memory: manifests, events and the passing of time go in, what happened comes out."""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from oncue.core import event as events
from oncue.core.command import Reply
from oncue.core.effect import Effect
from oncue.core.engine import Engine, Poison
from oncue.core.errors import Refusal
from oncue.core.hidden import placeholders
from oncue.core.plan import Plan, plan_of
from oncue.core.state import Identity, State
from oncue.core.tx import Batch
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.plugins import done_once
from oncue.plugins.sources.cloudevents import vet
from oncue.rehearsal.cases import CancelRuns, Decide, Outcome, Sample, Silence, StartRun, Which, WhichIncident

RESULTS_LIMIT: Final = 5_000
"""Results of actions at one instant: workflows that start each other would never end."""
NOTHING: Final = Outcome()
_LIVE: Final = {"alert": "alerts", "incident": "incidents", "run": "runs", "ticket": "tickets",
                "change_record": "change_records"}  # fmt: skip
"""Kind to where the engine's state has those that live: what changes without a fact is there."""


class World:
    """One story's engine, and what has happened in it so far."""

    def __init__(
        self, changes: list[dict[str, Any]], start: datetime, namespace: str, actions: Mapping[str, Outcome]
    ) -> None:
        self.start = start
        self.now = start
        self.state = State(Identity("rehearsal"))
        self.seen: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        """Kind (`alert`, `incident`, `run`, `step`, `ticket`) to id to the newest that was said of it; decisions, notifications."""
        self._engine = Engine(self.state)
        self._namespace = namespace
        self._actions = actions
        self._batch = Batch()
        self._due: list[tuple[datetime, str, int]] = []
        """Attempts of effects that were asked for: (when, effect, attempt)."""
        self._asked: set[tuple[str, int]] = set()
        self._dead: set[str] = set()
        self._numbers = itertools.count(1)
        self._results = (start, 0)
        """How many actions came to something at the newest instant at which any did."""
        self._unheard = {change["name"]: change for change in changes if _is_heartbeat(change)}
        """Heartbeat monitors from which nothing was heard: their silence says nothing here, where no monitor runs."""
        if applied := [change for change in changes if not _is_heartbeat(change)]:
            self._command("oncue.config.applied", {"changes": applied})

    # what happens

    def wait(self, until: datetime) -> None:
        """Let time pass: timers fire, and effects come to something, each at its instant."""
        while (at := self._next_at()) is not None and at <= until:
            self.now = max(self.now, at)
            if self._due and self._due[0][0] <= self.now:
                self._perform(*heapq.heappop(self._due)[1:])
            else:
                self._feed("oncue.clock.advanced", None, source="/oncue/clock", origin="clock")
        self.now = until

    def event(self, attributes: Mapping[str, Any]) -> None:
        """An event from outside. Raises `Refusal` as the server would."""
        document = {"specversion": "1.0", "id": f"event-{next(self._numbers)}", "source": "/test", **attributes}
        if isinstance(document.get("labels"), dict):
            document["labels"] = msgspec.json.encode(document["labels"]).decode()
        body = msgspec.json.encode(document)
        vet(body)
        self._take(body, "test", None)

    def arrives(self, body: bytes, origin: str) -> None:
        """An event as it was stored, or would be. Raises `Refusal` as the engine would."""
        self._take(body, origin, None)

    def sample(self, sample: Sample) -> None:
        """A monitor's reading."""
        reading = {"metric": sample.metric, "value": sample.value, "unit": sample.unit, "labels": sample.labels}
        data = {
            "monitor": f"{self._namespace}/{sample.monitor}", "resource": sample.resource, "service": sample.service,
            "readings": [reading],
        }  # fmt: skip
        self._feed("oncue.sample", data, source="/oncue/monitor", origin="test")

    def heartbeat(self, name: str) -> None:
        """A beat of a heartbeat monitor. Raises `Refusal` monitor.not_found."""
        first = self._unheard.pop(name, None)
        if first is not None:
            self._command("oncue.config.applied", {"changes": [first]})
        if (manifest := self.state.manifests.get(f"Monitor/{self._namespace}/{name}")) is None:
            raise Refusal("monitor.not_found", f"There is no heartbeat monitor {name}")
        self._command("oncue.heartbeat.received", {"monitor": f"{manifest.namespace}/{name}"})

    def acknowledge(self, which: Which) -> None:
        """Someone has seen these alerts. Raises `Refusal` alert.not_found if there are none."""
        for id in self._alerts(which):
            self._command("oncue.command.alert.acknowledge", {"alert": id})

    def take(self, which: WhichIncident) -> None:
        """Someone acknowledges these incidents. Raises `Refusal` incident.not_found if there are none."""
        wanted = {name: value for name, value in msgspec.structs.asdict(which).items() if value is not None}
        found = [
            id
            for id, incident in sorted(self.state.incidents.items())
            if incident.state == "open" and all(getattr(incident, name) == value for name, value in wanted.items())
        ]
        if not found:
            raise Refusal("incident.not_found", f"no incident is open with {wanted}")
        for id in found:
            self._command("oncue.command.incident.acknowledge", {"incident": id})

    def run(self, asked: StartRun) -> None:
        """Someone starts a workflow. Raises `Refusal` as the server would."""
        manifest = self.state.manifests.get(f"Workflow/{self._namespace}/{asked.workflow}")
        schema = manifest.spec.get("inputs", {}) if manifest is not None else {}
        given = {"workflow": asked.workflow, "inputs": placeholders(schema, asked.inputs)}
        self._command("oncue.command.run.start", given, asked.by)

    def decide(self, asked: Decide) -> None:
        """Someone decides about what is asked. Raises `Refusal` approval.not_found if nothing is, and as the server would."""
        found = [id for id, one in sorted(self.state.approvals.items()) if asked.step in (None, one.step)]
        if not found:
            raise Refusal("approval.not_found", f"nothing is asked by {asked.step or 'any step'}")
        for id in found:
            self._command("oncue.command.approval.decide", {"approval": id, "decision": asked.decision}, asked.by)

    def cancel(self, asked: CancelRuns) -> None:
        """Someone cancels what is under way. Raises `Refusal` run.not_found if nothing is, and as the server would."""
        found = [id for id, one in sorted(self.state.runs.items()) if one.workflow == asked.workflow]
        if not found:
            raise Refusal("run.not_found", f"no run of {asked.workflow} is under way")
        for id in found:
            self._command(
                "oncue.command.run.cancel", {"run": id, "rollback": asked.rollback, "at_once": asked.at_once}, asked.by
            )

    def unreachable(self, channel: str) -> None:
        """From now on this channel cannot be reached. Raises `Refusal` manifest.not_found."""
        if f"Channel/{self._namespace}/{channel}" not in self.state.manifests:
            raise Refusal("manifest.not_found", f"There is no channel {channel}")
        self._dead.add(f"{self._namespace}/{channel}")

    def resolve(self, which: Which) -> None:
        """Someone says that these alerts are over. Raises `Refusal` alert.not_found if there are none."""
        for id in self._alerts(which):
            self._command("oncue.command.alert.resolve", {"alert": id})

    def silence(self, silence: Silence, seconds: float) -> None:
        """Someone wants quiet from now on."""
        matchers = [{"name": name, "value": value} for name, value in sorted(silence.matchers.items())]
        data = {
            "matchers": matchers, "starts_at": self.now, "ends_at": self.now + timedelta(seconds=seconds),
            "comment": "test", "created_by": "user:test",
        }  # fmt: skip
        self._command("oncue.command.silence.set", data)

    def _alerts(self, which: Which) -> list[str]:
        wanted = {name: value for name, value in msgspec.structs.asdict(which).items() if value is not None}
        found = [
            id
            for id, alert in sorted(self.state.alerts.items())
            if alert.state == "firing" and all(getattr(alert, name) == value for name, value in wanted.items())
        ]
        if not found:
            raise Refusal("alert.not_found", f"no alert fires with {wanted}")
        return found

    # the engine

    def _command(self, type: str, data: Any, actor: str = "user:test") -> None:
        reply = self._feed(type, data, source="/oncue/test", origin="api", actor=actor)
        if reply is not None and reply.code is not None:
            raise Refusal(reply.code, reply.detail)

    def _feed(self, type: str, data: Any, *, source: str, origin: str, actor: str | None = None) -> Reply | None:
        document = {"specversion": "1.0", "id": f"input-{next(self._numbers)}", "source": source, "type": type}
        if data is not None:
            document["data"] = data
        return self._take(msgspec.json.encode(document), origin, actor)

    def _take(self, body: bytes, origin: str, actor: str | None) -> Reply | None:
        event = events.decode(body)
        try:
            derived, reply = self._engine.process(event, body, self._namespace, origin, actor, self.now, self._batch)
        except Poison as poison:
            raise Refusal("event.poison", str(poison)) from poison
        for fact in derived:
            if fact.kind == "decision":
                self.seen["decision"][fact.event_id] = {**_data(fact.body), "at": self.now}
            elif fact.kind in ("alert", "incident", "run", "step", "ticket", "change_record", "approval"):
                self.seen[fact.kind][fact.id] = _data(fact.body)
            elif fact.type == "oncue.event.limited":
                reason = _data(fact.body)["reason"]
                raise Refusal(
                    "test.endless", f"events cause each other without end ({reason}) at {self.now - self.start}"
                )
            elif fact.kind == "effect":
                self._asked_for(self.state.effects.get(fact.id))
        return reply

    def _asked_for(self, effect: Effect | None) -> None:
        if effect is None or effect.state != "pending" or (effect.id, effect.attempt) in self._asked:
            return
        self._asked.add((effect.id, effect.attempt))
        heapq.heappush(self._due, (effect.not_before_at, effect.id, effect.attempt))

    def _next_at(self) -> datetime | None:
        at = self.state.next_at()
        times = [at] if at is not None else []
        if self._due:
            times.append(self._due[0][0])
        return min(times, default=None)

    def _perform(self, id: str, attempt: int) -> None:
        effect = self.state.effects.get(id)
        if effect is None or effect.state != "pending" or effect.attempt != attempt:
            return
        instant, count = self._results
        self._results = (self.now, count + 1 if instant == self.now else 1)
        if count >= RESULTS_LIMIT:
            raise Refusal("test.endless", f"more than {RESULTS_LIMIT} actions at {self.now - self.start}")
        outcome = NOTHING
        if effect.kind == "notify":
            payload = effect.payload
            if payload["channel"] in self._dead:
                outcome = Outcome(error="channel.unreachable", transient=True)
            else:
                self._hear(id, payload)
        elif effect.kind == "itsm":
            outcome = Outcome(result=self._mirrored(effect.payload))
        else:
            outcome = self._outcome(effect)
        result: dict[str, Any] = {"effect": id, "attempt": attempt, "outcome": "succeeded", "result": outcome.result}
        if outcome.error is not None:
            result |= {"outcome": "failed", "error_code": outcome.error, "transient": outcome.transient}
            result["nothing_done"] = outcome.nothing_done
            result["repeatable"] = (
                outcome.nothing_done or effect.kind != "action" or not done_once(effect.uses, effect.payload)
            )
        self._feed("oncue.effect.result", result, source="/oncue/worker", origin="worker")

    def _mirrored(self, payload: dict[str, Any]) -> dict[str, Any]:
        """What a system would answer that takes everything, and where nothing changes by itself."""
        if payload["do"] == "pull":
            return {"news": [], "cursor": payload["cursor"], "more": False}
        return {"remote": payload["key"]}

    def _hear(self, id: str, payload: dict[str, Any]) -> None:
        self.seen["notification"].setdefault(
            id,
            {
                "to": payload["channel"].partition("/")[2], "reason": payload["reason"],
                "title": payload["message"].get("title"), "at": self.now,
            },
        )  # fmt: skip

    def _outcome(self, effect: Effect) -> Outcome:
        """What the test says of the step at its address, else of the step by its id, else of the action."""
        run, address = self.state.runs.get(effect.run or ""), effect.step or ""
        named = [address, address.rpartition("/")[2], address.rpartition("/")[2].partition("[")[0]]
        for name in named if run is not None else ():
            if run is not None and (found := self._actions.get(f"{run.workflow}/{name}")) is not None:
                return found
        return self._actions.get(effect.uses, NOTHING)

    # what was seen

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Everything of a kind that there has been, in the order in which it came, as it is now."""
        live = _LIVE.get(kind)
        now: dict[str, Any] = getattr(self.state, live) if live is not None else {}
        return [msgspec.to_builtins(now[id]) if id in now else one for id, one in self.seen[kind].items()]

    def plans(self, workflow: str | None) -> list[Plan]:
        """What the workflows of this name go through; of any name if it is None."""
        manifests = [one for _, one in sorted(self.state.manifests.items()) if one.kind == "Workflow"]
        wanted = [one for one in manifests if workflow in (None, one.name)]
        return [plan_of(one.hash, msgspec.convert(one.spec, WorkflowSpec)) for one in wanted]

    def near_misses(self) -> Iterable[tuple[str, str, str, datetime]]:
        """Of each policy, what it nearly fired on: (policy, reason, detail, when)."""
        for policy, stats in sorted(self.state.cells["policy_stats"].items()):
            for miss in stats.near_misses:
                yield policy, miss.reason, miss.detail, miss.at


def _is_heartbeat(change: Mapping[str, Any]) -> bool:
    return bool(change["kind"] == "Monitor" and change["spec"].get("uses") == "heartbeat")


def _data(body: bytes) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(body)["data"]
    return data
