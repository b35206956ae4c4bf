"""What one input causes. Deterministic: no clock, no I/O, no randomness.

An input is an event: a producer's, a person's command, an effect's result, a change of configuration, the passing of time.
Before it is handled, the timers due up to its instant fire. Facts that policies want re-enter at the front, first in,
first out, to a bounded depth. Either all of an input happens, or, if it raises, none of it.
"""

from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Final, Protocol

import msgspec

from oncue.core import (
    change_events,
    command,
    configure,
    deduplicate,
    delivery,
    detect,
    due,
    expression,
    heartbeats,
    mirror_news,
    mirrors,
    monitors,
    normalise,
    outbox,
    stages,
    suppress,
    unattainable,
    workflow,
)
from oncue.core import event as events
from oncue.core.alert import Alert
from oncue.core.effect import TOLD, BeganActing, Effect, EffectResult, StillTelling
from oncue.core.errors import Refusal
from oncue.core.event import Event
from oncue.core.normalise import UNREADABLE, Kind, Outlines, Seen
from oncue.core.policy import EMPTY
from oncue.core.severity import PROBLEMS
from oncue.core.state import State
from oncue.core.timer import Timer
from oncue.core.tx import Batch, Cause, Derived, Tx

DEPTH_LIMIT: Final = 8
"""How often facts of one input may cause events that cause facts."""

FAN_OUT_LIMIT: Final = 5_000
"""Facts that facts of one input may derive, before the rest of them cause nothing more."""

RUNS_AT_ONCE: Final = 16
"""Timers of runs that fire with one input."""

RUN_FACTS_AT_ONCE: Final = 200
"""Facts that they may derive before the others are left for the next input."""

_Repeatable = tuple[str, str, datetime | None]


_lease_end: Final = lru_cache(maxsize=1024)(events.instant)
"""The alerts of one message mostly hold until the same instant."""


class Limited(msgspec.Struct):
    """That facts caused nothing more, because of a bound: the data of `oncue.event.limited`."""

    id: str
    reason: str
    """`depth` or `fan_out`."""
    facts: int
    """How many were left without consequences."""


class Bodies(Protocol):
    """The stored bytes of events."""

    def __getitem__(self, index: int) -> bytes: ...


class TimerFailed(msgspec.Struct):
    """That what a timer was for could not be done, a defect of ours: the data of `oncue.timer.failed`."""

    id: str
    """What it was for: `what/of`."""
    reason: str


class Poison(Exception):
    """The engine could not handle an input; nothing of it was done."""


class Started(msgspec.Struct):
    """The data of `oncue.engine.started`."""

    engine: str
    down_since: datetime | None = None
    python: str = ""
    cel: str = ""
    tzdata: str = ""


class Engine:
    """The decisions, over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._tx = Tx(state)
        self._tx.configure = partial(configure.apply, agreed=True)
        self._where = ""

    def process(
        self, event: Event, body: bytes, namespace: str, origin: str, actor: str | None, at: datetime, batch: Batch,
        person: str | None = None,
    ) -> tuple[list[Derived], command.Reply | None]:  # fmt: skip
        """Handle one input, which takes the next position. `at` must not lie before the state's time. Runs that it leads to
        the `person` who sent it has asked for; what time leads to meanwhile they have not.

        Gives the facts it caused, in order of position, and the reply if it was a command. Raises `Poison` if it cannot
        be handled; state is then as before, but for the position that the input's own record takes.
        """
        state, tx = self.state, self._tx
        position = state.position + 1
        where = event.namespace or namespace
        cause = Cause(event.id, event.correlationid or event.id, position)
        tx.begin(at, cause, actor)
        self._where = where
        reply = None
        try:
            if event.type == "oncue.engine.started":
                self._excuse(event)
            next_at = state.timers.next_at
            if next_at is not None and next_at <= at:
                self._fire_timers(at)
            if person is not None:
                tx.asked_by(person)
            tx.owner = event.tokenowner
            seen = Seen(state, event, body, where, origin, position)
            if event.type.startswith("oncue."):
                reply = self._own(seen)
            else:
                stages.event(tx, seen)
            began = len(tx.derived)
            if tx.queue:
                self._re_enter(began)
            tx.cause = cause
            if state.patient_timer(at) is not None:
                self._fire_patient(at, began)
        except Exception as error:  # whatever went wrong, this input must leave no trace and be named
            tx.rollback()
            state.position = position
            state.now = at
            raise Poison(f"{type(error).__name__}: {error}") from error
        derived = tx.derived
        tx.take(batch)
        return derived, reply

    def repeats(
        self, outlines: Outlines, bodies: Bodies, first: int, last: int, home: str, at: datetime, batch: Batch
    ) -> tuple[int, list[Derived]]:
        """Handle the inputs from `first` up to `last` that merely repeat firing alerts, until one may do more; that one
        is for `process`. Gives how many, and the facts that they caused.

        They are the commonest input by far, and take none of the stages. What is done is exactly what `process` does
        with such an input; replay, which knows only `process`, holds it to that. None may be a monitor's, those that
        name no namespace are in `home`, and `at` must not lie before the state's time.
        """
        state, hot = self.state, batch.hot
        next_at = state.timers.next_at
        if next_at is not None and next_at <= at:
            return 0, []
        facts: list[Derived] = []
        lookup, keep = state.alert_of.get, batch.keep_hot
        kinds, kind, fingerprints = outlines.kinds, outlines.kind, outlines.fingerprints
        known: dict[int, _Repeatable | None] = {UNREADABLE: None}
        position, stale_at, silent_at = state.position, at - deduplicate.FACT_EVERY, at - deduplicate.AGAIN
        index = first
        while index < last:
            number = kind[index]
            if number not in known:
                known[number] = self._repeatable(kinds[number], home)
            asked = known[number]
            if asked is None:
                break
            where, severity, until = asked
            alert = lookup((where, fingerprints[index]))
            if alert is None or alert.event_severity != severity or alert.state != "firing":
                break
            if alert.last_seen_at <= silent_at:
                break
            if until is not None and (alert.deadline_at is None or until < alert.deadline_at):
                break
            count = alert.count + 1
            if not count & alert.count or alert.updated_at <= stale_at:
                told = self._told(alert, bodies[index], until, position + 1, at, batch)
                if told is None:
                    break
                facts += told
                position = state.position
            else:
                position += 1
                if alert.id not in hot:
                    keep(alert)
                alert.count = count
                alert.last_seen_at = at
                if until is not None:
                    alert.deadline_at = until
            index += 1
        if index > first:
            state.position = position
            state.now = at
        return index - first, facts

    def _repeatable(self, kind: Kind, home: str) -> "_Repeatable | None":
        """(namespace, severity, until when they hold) of events of this kind if they may merely repeat, else None."""
        named, type, severity, endsat = kind
        where, policies = named or home, self.state.policies
        if (
            severity not in PROBLEMS
            or type.startswith("oncue.")
            or change_events.tells(type)
            or (where, type) in self.state.waits
            or policies.bucket(where, type, True) is not EMPTY
            or policies.shaping(where, type) is not EMPTY
            or self.state.exports.wants(where, type, policies)
        ):
            return None
        try:
            return where, severity, _lease_end(endsat)
        except ValueError:
            return None

    def _told(
        self, alert: Alert, body: bytes, until: datetime | None, position: int, at: datetime, batch: Batch
    ) -> list[Derived] | None:
        """The facts of a repeat that has some; None if they may cause more, or its bytes are no event."""
        if self.state.policies.wants(alert.namespace, deduplicate.REPEATED):
            return None
        if (alert.namespace, deduplicate.REPEATED) in self.state.waits:
            return None
        try:
            event = events.decode(body)
        except msgspec.DecodeError:
            return None
        tx = self._tx
        tx.begin(at, Cause(event.id, event.correlationid or event.id, position), None)
        deduplicate.repeat(tx, alert, until)
        derived = tx.derived
        tx.take(batch)
        return derived

    # time

    def _fire_timers(self, until: datetime) -> None:
        timers = self.state.timers
        while (timer := timers.exact()) is not None and timer.due_at <= until:
            self._fire(timer)

    def _fire_patient(self, until: datetime, began: int) -> None:
        """Take runs on whose time has come, a few, and each once; those that are left go on with the next input."""
        tx = self._tx
        derived, fired = len(tx.derived), set[str]()
        while len(fired) < RUNS_AT_ONCE and len(tx.derived) - derived < RUN_FACTS_AT_ONCE:
            timer = self.state.patient_timer(until)
            if timer is None or timer.key in fired or len(tx.derived) - began > FAN_OUT_LIMIT:
                return
            fired.add(timer.key)
            self._fire(timer)
            if tx.queue:
                self._re_enter(began)

    def _fire(self, timer: Timer) -> None:
        tx = self._tx
        what, _, of = timer.key.partition("/")
        tx.cancel(timer.key)
        cause, before = tx.cause, tx.savepoint()
        try:
            due.due(tx, what, of)
        except Exception as error:  # noqa: BLE001 - a timer that stays due would stop all inputs for ever
            tx.back_to(before)
            self._failed(timer, f"{type(error).__name__}: {error}"[:1000])
        else:
            tx.go_on(before)
        tx.cause = cause

    def _failed(self, timer: Timer, reason: str) -> None:
        """Say that what a timer was for could not be done, and to whom that matters."""
        tx = self._tx
        tx.fact("oncue.timer.failed", "timer", TimerFailed(timer.key, reason), namespace=self._where)
        what, _, of = timer.key.partition("/")
        before = tx.savepoint()
        try:
            due.failed(tx, what, of, reason)
        except Exception as error:  # noqa: BLE001 - what cannot even be ended must not stop all inputs either
            tx.back_to(before)
            again = TimerFailed(timer.key, f"{type(error).__name__}: {error}"[:1000])
            tx.fact("oncue.timer.failed", "timer", again, namespace=self._where)
        else:
            tx.go_on(before)

    # own inputs

    def _own(self, seen: Seen) -> command.Reply | None:
        tx, kind = self._tx, seen.type
        if kind in command.COMMANDS:
            return command.handle(tx, seen)
        if kind == "oncue.sample":
            for reading in normalise.readings(self.state, seen):
                stages.event(tx, reading)
        elif kind == "oncue.effect.result":
            self._result(expression.decoded(seen.event.data, EffectResult))
        elif kind == "oncue.effect.started":
            began = msgspec.json.decode(seen.event.data, type=BeganActing)
            effect = self.state.effects.get(began.effect)
            if effect is None or effect.attempt != began.attempt or effect.started_token not in (None, began.token):
                return command.Reply("request.conflict", f"{began.effect} is settled or was taken over")
            outbox.started(tx, effect, began.token)
            return command.Reply()
        elif kind == TOLD:
            for id, attempt in msgspec.json.decode(seen.event.data, type=StillTelling).effects:
                effect = self.state.effects.get(id)
                if effect is not None and effect.attempt == attempt:
                    outbox.told(tx, effect)
                    workflow.told(tx, effect)
        elif kind == "oncue.heartbeat.received":
            try:
                heartbeats.received(tx, msgspec.json.decode(seen.event.data, type=heartbeats.Beat), seen.namespace)
            except Refusal as refusal:
                return command.Reply(refusal.code, refusal.detail)
            return command.Reply()
        elif kind == "oncue.monitor.health":
            monitors.health(tx, msgspec.json.decode(seen.event.data, type=monitors.Health))
        elif kind in unattainable.PEOPLE:
            unattainable.recorded(tx, kind, msgspec.json.decode(seen.event.data, type=unattainable.Audited))
        elif kind == "oncue.engine.started":
            self._settle_begun()
        return None

    def _result(self, result: EffectResult) -> None:
        tx = self._tx
        effect = self.state.effects.get(result.effect)
        if effect is None or result.late or effect.attempt != result.attempt:
            where = effect.namespace if effect is not None else "default"
            refs = (("effect", result.effect),)
            tx.fact("oncue.effect.late", "effect_result", result, id=result.effect, namespace=where, refs=refs)
            return
        final = outbox.settle(tx, effect, result)
        if effect.kind == "notify":
            delivery.settled(tx, effect, final=final)
        elif effect.kind == "itsm":
            (mirrors if effect.payload["do"] == "push" else mirror_news).settled(tx, effect, result)
        if effect.run is not None:
            self._taken_on(effect, result, final)

    def _taken_on(self, effect: Effect, result: EffectResult, final: bool) -> None:
        """The run of the effect goes on with its result. If it cannot, the result counts all the same, and the run ends."""
        tx = self._tx
        before = tx.savepoint()
        try:
            workflow.on_result(tx, effect, result, final)
        except Exception as error:  # a result that is refused would come again and again, and the run stand still
            tx.back_to(before)
            run = self.state.runs.get(effect.run or "")
            if run is None:
                raise
            workflow.broken(tx, run, f"{type(error).__name__}: {error}"[:1000])
        else:
            tx.go_on(before)

    def _excuse(self, event: Event) -> None:
        """After an absence nothing is blamed for what we could not hear; it must be said before timers fire."""
        tx, state = self._tx, self.state
        started = msgspec.json.decode(event.data, type=Started)
        if started.down_since is None or started.down_since >= tx.now:
            return
        absence: timedelta = tx.now - started.down_since
        for id in sorted(state.alerts):
            alert = state.alerts[id]
            if alert.deadline_at is not None and alert.state == "firing":
                tx.touch(alert)
                alert.deadline_at += absence
                tx.save("alert", alert)
        for id in sorted(state.cells["heartbeat"]):
            heartbeats.extend(tx, id, absence)
        detect.excuse(tx, absence)
        suppress.excuse(tx, absence)

    def _settle_begun(self) -> None:
        """What had begun, and must not be done twice, has an unknown outcome."""
        state = self.state
        for id in sorted(state.effects):
            effect = state.effects[id]
            if effect.effect_class == "at-most-once" and effect.started_token is not None:
                lost = EffectResult(
                    effect=id, attempt=effect.attempt, outcome="unknown", error_code="worker.lost",
                    detail="OnCue stopped while this was being done; whether it was done is not known",
                )  # fmt: skip
                self._result(lost)

    # re-entry

    def _re_enter(self, began: int) -> None:
        tx = self._tx
        first = tx.cause
        left: dict[str, int] = {}
        while tx.queue:
            derived, cause = tx.queue.popleft()
            reason = self._bound(cause, began)
            if reason is not None:
                left[reason] = left.get(reason, 0) + 1
                continue
            tx.cause = cause
            seen = Seen(
                self.state, events.decode(derived.body), derived.body, derived.namespace, "engine", derived.position
            )
            if derived.kind == "event":
                stages.event(tx, seen)
            else:
                stages.fact(tx, seen)
        tx.cause = first
        for reason in sorted(left):
            limited = Limited(first.event_id, reason, left[reason])
            tx.fact("oncue.event.limited", "limit", limited, namespace=self._where)

    def _bound(self, cause: Cause, began: int) -> str | None:
        if cause.depth > DEPTH_LIMIT:
            return "depth"
        return "fan_out" if len(self._tx.derived) - began > FAN_OUT_LIMIT else None
