"""What one input causes, stage by stage. Deterministic: no clock, no I/O, no randomness.

    normalise -> detect -> shape -> deduplicate -> suppress -> correlate -> prioritise -> respond

An input is an event: a producer's, a person's command, an effect's result, a change of configuration, the passing of time.
Before it is handled, the timers due up to its instant fire. Facts that policies want re-enter at the front, first in,
first out, to a bounded depth. Either all of an input happens, or, if it raises, none of it.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from oncue.core import (
    command,
    correlate,
    deduplicate,
    detect,
    heartbeats,
    incidents,
    maintenances,
    monitors,
    normalise,
    outbox,
    respond,
    shape,
    silences,
    suppress,
    workflow,
)
from oncue.core import event as events
from oncue.core.alert import Alert
from oncue.core.conditions.finding import Finding
from oncue.core.effect import EffectResult
from oncue.core.errors import Refusal
from oncue.core.event import Event
from oncue.core.normalise import UNREADABLE, Kind, Outlines, Seen
from oncue.core.policy import EMPTY
from oncue.core.severity import PROBLEMS
from oncue.core.state import State
from oncue.core.tx import Batch, Cause, Derived, Tx

DEPTH_LIMIT: Final = 8
"""How often facts of one input may cause events that cause facts."""

FAN_OUT_LIMIT: Final = 5_000
"""Facts that facts of one input may derive, before the rest of them cause nothing more."""

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


class BeganActing(msgspec.Struct):
    """The data of `oncue.effect.started`."""

    effect: str
    attempt: int
    token: str


class Engine:
    """The decisions, over one `State`."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._tx = Tx(state)
        self._where = ""

    def process(
        self, event: Event, body: bytes, namespace: str, origin: str, actor: str | None, at: datetime, batch: Batch
    ) -> tuple[list[Derived], command.Reply | None]:
        """Handle one input, which takes the next position. `at` must not lie before the state's time.

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
            seen = Seen(state, event, body, where, origin, position)
            if event.type.startswith("oncue."):
                reply = self._own(seen)
            else:
                self._event(seen)
            if tx.queue:
                self._re_enter()
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
        if severity not in PROBLEMS or type.startswith("oncue.") or policies.bucket(where, type, True) is not EMPTY:
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
        tx, timers = self._tx, self.state.timers
        while (timer := timers.first()) is not None and timer.due_at <= until:
            tx.cancel(timer.key)
            what, _, of = timer.key.partition("/")
            before = tx.savepoint()
            try:
                self._timer(what, of)
            except Exception as error:  # noqa: BLE001 - a timer that stays due would stop all inputs for ever
                tx.back_to(before)
                failed = TimerFailed(timer.key, f"{type(error).__name__}: {error}"[:1000])
                tx.fact("oncue.timer.failed", "timer", failed, namespace=self._where)
            else:
                tx.go_on(before)

    def _timer(self, what: str, of: str) -> None:
        """A timer is due; what it was about may be gone or settled meanwhile."""
        tx, state = self._tx, self.state
        about, _, _ = what.partition(".")
        if about == "window":
            self._window_timer(what, of)
        elif about == "silence":
            if (silence := state.silences.get(of)) is not None:
                (silences.start if what == "silence.start" else silences.expire)(tx, silence)
        elif about in ("alert", "quiet"):
            if (alert := state.alerts.get(of)) is not None:
                self._alert_timer(what, alert)
        elif about == "maintenance":
            maintenances.turn(tx, of)
        elif what == "incident.close":
            if (incident := state.incidents.get(of)) is not None and incident.state == "resolved":
                incidents.close(tx, incident)
        elif what == "lane.free":
            respond.resume(tx, of)
        elif what == "run.deadline":
            if (run := state.runs.get(of)) is not None:
                workflow.overdue(tx, run)
        elif what == "heartbeat.due":
            heartbeats.due(tx, of)
        else:
            raise ValueError(f"no one waits for the timer {what}/{of}")

    def _alert_timer(self, what: str, alert: Alert) -> None:
        if what == "alert.deadline":
            if deduplicate.deadline(self._tx, alert):
                self._resolve(alert, "deadline")
        elif what == "alert.forget":
            deduplicate.forget(self._tx, alert)
        else:
            suppress.time_over(self._tx, alert)

    def _window_timer(self, what: str, of: str) -> None:
        if what == detect.LIMITS:
            respond.limits_over(self._tx, of)
            return
        finding = detect.due(self._tx, what, of)
        if finding is not None and finding.outcome == "cleared":
            self._cleared(finding)
        elif finding is not None:
            self._raise(detect.carried(self._tx, finding), [finding])

    # own inputs

    def _own(self, seen: Seen) -> command.Reply | None:
        tx, kind = self._tx, seen.type
        if kind in command.COMMANDS:
            return command.handle(tx, seen)
        if kind == "oncue.sample":
            for reading in normalise.readings(self.state, seen):
                self._event(reading)
        elif kind == "oncue.effect.result":
            self._result(msgspec.json.decode(seen.event.data, type=EffectResult))
        elif kind == "oncue.effect.started":
            began = msgspec.json.decode(seen.event.data, type=BeganActing)
            effect = self.state.effects.get(began.effect)
            if effect is None or effect.attempt != began.attempt or effect.started_token not in (None, began.token):
                return command.Reply("request.conflict", f"{began.effect} is settled or was taken over")
            outbox.started(tx, effect, began.token)
            return command.Reply()
        elif kind == "oncue.heartbeat.received":
            try:
                heartbeats.received(tx, msgspec.json.decode(seen.event.data, type=heartbeats.Beat), seen.namespace)
            except Refusal as refusal:
                return command.Reply(refusal.code, refusal.detail)
            return command.Reply()
        elif kind == "oncue.monitor.health":
            monitors.health(tx, msgspec.json.decode(seen.event.data, type=monitors.Health))
        elif kind == "oncue.engine.started":
            self._settle_begun()
        return None

    def _result(self, result: EffectResult) -> None:
        tx = self._tx
        effect = self.state.effects.get(result.effect)
        if effect is None or result.late or effect.attempt != result.attempt:
            refs = (("effect", result.effect),)
            tx.fact("oncue.effect.late", "effect_result", result, id=result.effect, namespace=self._namespace(effect),
                    refs=refs)  # fmt: skip
            return
        final = outbox.settle(tx, effect, result)
        if effect.run is not None:
            workflow.on_result(tx, effect, result, final)

    def _namespace(self, effect: Any) -> str:
        return effect.namespace if effect is not None else "default"

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

    # events

    def _event(self, seen: Seen) -> None:
        self._heard(seen)
        if seen.origin.startswith("monitor:") and seen.event.severity is not None:
            monitor = seen.origin.removeprefix("monitor:")
            monitors.found(self._tx, monitor, seen.fingerprint, seen.event.severity, seen.event.title)

    def _heard(self, seen: Seen) -> None:
        tx, state = self._tx, self.state
        if seen.signal == "problem":
            alert = state.alert_of.get((seen.namespace, seen.fingerprint))
            if alert is not None and alert.state == "firing" and alert.event_severity == seen.severity:
                deadline = events.instant(seen.event.endsat) if seen.event.endsat is not None else None
                silent = tx.now - alert.last_seen_at
                deduplicate.repeat(tx, alert, deadline)
                if silent >= deduplicate.AGAIN:
                    correlate.again(tx, alert)
                if seen.origin.startswith("monitor:") and seen.event.title not in (None, alert.title):
                    self._reword(seen, alert)
                findings = self._judged(seen)
                if findings:
                    self._windows(seen, findings, alert)
                return
            self._problem(seen)
        elif seen.signal == "recovery":
            self._recovery(seen)
        else:
            findings = detect.immediate(tx, seen)
            windows = self._judged(seen)
            for finding in findings:
                if respond.guard(tx, finding, seen):
                    alert = self._raise_shaped(seen, [finding]) if finding.policy.alert is not None else None
                    respond.respond(tx, finding, seen, alert)
            if windows:
                self._windows(seen, windows, None)

    def _judged(self, seen: Seen) -> list[Finding]:
        """What the conditions over time make of the event. Of which there were windows for too many keys is said."""
        findings = detect.windowed(self._tx, seen)
        for finding in findings:
            if finding.outcome == "unjudged":
                detail = f"there are windows for too many keys; {finding.key} and others are not judged"
                respond.decide(self._tx, finding, seen, "blocked", "keys_full", detail)
        return findings

    def _reword(self, seen: Seen, alert: Alert) -> None:
        """A monitor finds the same thing otherwise than before. What a policy worded stays as it has it."""
        known = self.state.policies.by_id
        shapes = [known[id].alert for version in alert.policies if (id := version.rpartition("@")[0]) in known]
        if not any(one is not None and (one.title or one.description or one.runbook) for one in shapes):
            deduplicate.reword(self._tx, alert, shape.draft(self._tx, seen, []))
            suppress.reworded(self._tx, alert)

    def _problem(self, seen: Seen) -> None:
        """An alert begins, returns or changes, unless a condition over time holds it back."""
        tx = self._tx
        findings = [finding for finding in detect.immediate(tx, seen) if respond.guard(tx, finding, seen)]
        windows = self._judged(seen)
        own = [w for w in windows if w.policy.about_event]
        met = [w for w in own if w.outcome == "met" and respond.guard(tx, w, seen)]
        shaping = [w for w in own if w.outcome == "held" and w.policy.alert is not None and respond.guard(tx, w, seen)]
        holding = [w for w in own if w.outcome == "waiting" and w.policy.alert is not None and not w.policy.observe]
        shapers = sorted(
            [f for f in (*findings, *met, *shaping) if f.policy.alert is not None or f.policy.spec.notify is not None],
            key=lambda finding: finding.policy.id,
        )
        if holding and not any(finding.policy.alert is not None for finding in shapers):
            for finding in holding:
                if finding.began:
                    detail = "the alert is held until its condition is met"
                    respond.decide(tx, finding, seen, "blocked", "window_not_met", detail)
            for finding in findings:
                respond.respond(tx, finding, seen, None)
            return
        alert = self._raise_shaped(seen, shapers)
        for finding in (*findings, *met):
            respond.respond(tx, finding, seen, alert)
        others = [w for w in windows if not w.policy.about_event]
        if others:
            self._windows(seen, others, alert)

    def _raise(self, seen: Seen, findings: list[Finding], counted: Alert | None = None) -> None:
        """A condition over time has been met: its alert, if it makes one, and what it does."""
        tx = self._tx
        for finding in findings:
            if not respond.guard(tx, finding, seen):
                continue
            alert = None
            if finding.policy.alert is not None or (seen.signal == "problem" and finding.policy.about_event):
                alert = self._raise_shaped(seen, [finding], counted)
                if not finding.policy.about_event:
                    detect.remember_alert(tx, finding, alert.id)
            respond.respond(tx, finding, seen, alert)

    def _raise_shaped(self, seen: Seen, shapers: list[Finding], counted: Alert | None = None) -> Alert:
        tx = self._tx
        asked = shape.draft(tx, seen, shapers)
        known = self.state.alert_of.get((asked.namespace, asked.fingerprint))
        was = None if known is None else suppress.Before(known.service, known.severity, incidents.counts(tx, known))
        alert, transition = deduplicate.raise_alert(tx, asked, counted)
        suppress.raised(tx, alert, transition, asked, was)
        for finding, detail in asked.faults:
            respond.decide(tx, finding, seen, "failed", "shape_failed", detail, alert=alert)
        return alert

    def _windows(self, seen: Seen, findings: list[Finding], alert: Alert | None) -> None:
        for finding in findings:
            if finding.outcome == "met":
                self._raise(seen, [finding], alert)
            elif finding.outcome == "cleared":
                self._cleared(finding)
            elif finding.outcome == "held" and finding.window is not None and finding.window.alert is not None:
                own = self.state.alerts.get(finding.window.alert)
                if own is not None and own is not alert and own.state == "firing":
                    deduplicate.repeat(self._tx, own, None)

    def _cleared(self, finding: Finding) -> None:
        alert = self.state.alerts.get((finding.window.alert if finding.window is not None else None) or "")
        if alert is not None and alert.state == "firing":
            self._resolve(alert, "condition")

    def _recovery(self, seen: Seen) -> None:
        tx = self._tx
        alert = self.state.alert_of.get((seen.namespace, seen.fingerprint))
        if alert is not None and alert.state == "firing":
            self._resolve(alert, "recovery")
        else:
            detect.recovered(tx, seen.namespace, seen.fingerprint)
        for other in shape.renamed(tx, seen):
            if other.state == "firing":
                self._resolve(other, "recovery")
        for finding in detect.immediate(tx, seen):
            if respond.guard(tx, finding, seen):
                respond.respond(tx, finding, seen, None)
        windows = self._judged(seen)
        if windows:
            self._windows(seen, windows, None)

    def _resolve(self, alert: Alert, by: str) -> None:
        tx = self._tx
        detect.recovered(tx, alert.namespace, alert.fingerprint)
        deduplicate.resolve(tx, alert, by)
        suppress.settle_these(tx, suppress.ended(tx, alert))

    # re-entry

    def _re_enter(self) -> None:
        tx = self._tx
        began, first = len(tx.derived), tx.cause
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
                self._event(seen)
            else:
                self._fact(seen)
        tx.cause = first
        for reason in sorted(left):
            limited = Limited(first.event_id, reason, left[reason])
            tx.fact("oncue.event.limited", "limit", limited, namespace=self._where)

    def _bound(self, cause: Cause, began: int) -> str | None:
        if cause.depth > DEPTH_LIMIT:
            return "depth"
        return "fan_out" if len(self._tx.derived) - began > FAN_OUT_LIMIT else None

    def _fact(self, seen: Seen) -> None:
        """One of OnCue's own facts, for the policies that name its type. Facts make no alert by themselves."""
        tx = self._tx
        for finding in detect.immediate(tx, seen):
            if respond.guard(tx, finding, seen):
                alert = self._raise_shaped(seen, [finding]) if finding.policy.alert is not None else None
                respond.respond(tx, finding, seen, alert)
        windows = self._judged(seen)
        if windows:
            self._windows(seen, windows, None)
