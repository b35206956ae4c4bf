"""One batch in the making: what the writer's loop has the engine decide, as records and rows for one commit.

Nothing here is on the disk yet. If the commit fails, `rollback` puts state back to where the batch began.
"""

from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import select

from oncue.core import event as events
from oncue.core import hidden
from oncue.core.alert import Alert
from oncue.core.command import Reply
from oncue.core.effect import TOLD
from oncue.core.engine import Engine, Poison
from oncue.core.errors import Refusal
from oncue.core.normalise import UNREADABLE, Sample
from oncue.core.state import State
from oncue.core.subscriptions import PROGRESSED, STEERING
from oncue.core.tx import Batch, Derived
from oncue.runtime import frames
from oncue.runtime.clock import Clock, instant, microseconds
from oncue.runtime.dedup import Dedup
from oncue.runtime.intake import Intake
from oncue.runtime.rows import entity_row, fact_row, hot_row, input_fact_row, sample_rows, sealed_hot
from oncue.store import schema
from oncue.store.journal import (
    CONFLICT,
    DERIVED,
    INPUT,
    REJECTED,
    Laid,
    OpenSegment,
    Segment,
    digest,
    seal_envelope,
    seal_input,
)
from oncue.store.step_log import size_of
from oncue.store.writer import Rows

log = structlog.get_logger()

_pack_cell: Final = msgspec.msgpack.Encoder().encode


_QUIET: Final = frozenset({"oncue.sample", "oncue.clock.advanced", "oncue.heartbeat.received", PROGRESSED, TOLD})
"""Inputs of our own that are looked up only if they caused something."""


LOG: Final = "log"
"""The kind of what is written beside the journal that stands for all that a run's work told."""


class After(msgspec.Struct):
    """What a commit changed that others wait for."""

    position: int
    access_changed: bool
    config_changed: bool
    effects: list[tuple[str, str, bytes]]
    """Effects that were saved, as (id, state, JSON of the effect)."""
    told: list[tuple[str, str]] = []
    """Runs whose work told something, as (namespace, id)."""
    facts: list[tuple[Any, ...]] = []
    """Rows of `fact` that were written."""


class Input(msgspec.Struct, gc=False):
    """One input on its way into the journal."""

    body: bytes
    envelope: bytes
    namespace: str
    """Of events that name none."""
    origin: str
    actor: str | None
    person: str | None
    number: int
    mark: int
    content: bytes


class Made(msgspec.Struct):
    """A batch as it is committed, and what the world is told once it is."""

    segment: Segment | None
    rows: Rows
    after: After
    hot: dict[str, Alert]
    """Hot rows that it changed and did not write."""
    hot_gone: list[str]
    """Alerts whose hot rows are no longer behind."""


def _readable(body: bytes) -> events.Event | None:
    """The event; None if the edge let through what its outline alone can be read of."""
    try:
        return events.decode(body)
    except msgspec.DecodeError:
        return None


class Making:
    """One batch in the making."""

    def __init__(
        self, state: State, engine: Engine, dedup: Dedup, intake: Intake, clock: Clock, reading: SqlEngine,
        redriving: set[int],
    ) -> None:  # fmt: skip
        self._state = state
        self._engine = engine
        self._dedup = dedup
        self._intake = intake
        self._clock = clock
        self._reading = reading
        self._redriving = redriving
        """Dead letters that were redriven and whose rows do not say so yet, in this batch and the one before it."""
        self._batch = Batch()
        self._start = (state.position, state.now)
        self._segment = OpenSegment()
        self._fresh: list[int] = []
        """Numbers of ids that were not known before."""
        self._newest: dict[tuple[str, str], int] = {}
        self._rows = Rows()
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0
        self._config = False
        self._told: dict[tuple[str, str], None] = {}
        self._now = 0
        self._at = state.now

    def unit(self, unit: frames.Submit | frames.Dead) -> frames.Answer:
        """Handle one unit. Gives the answer that holds if the commit works."""
        now = self._clock.now()
        if isinstance(unit, frames.Dead):
            for _, code, detail, body in unit.letters:
                self._rows.letters.append((unit.namespace, unit.origin, code, detail, now, None, body))
            self.rejected += len(unit.letters)
            return frames.Answer(unit.seq, position=self._state.position)
        answer = frames.Answer(unit.seq, rejected=[], known=[])
        replies: list[Any] = []
        laid = unit.laid()
        numbers, marks = array("Q", unit.numbers), array("I", unit.marks)
        verdicts = self._dedup.judge(numbers, marks)
        if verdicts is None:
            self._fresh += numbers
        else:
            self._fresh += [number for number, verdict in zip(numbers, verdicts, strict=True) if verdict == "new"]
        at = self._instant(now)
        may_repeat = at >= self._state.now and not unit.origin.startswith("monitor:")
        index, total = 0, len(numbers)
        while index < total:
            kind = unit.outlines.kind[index]
            verdict = verdicts[index] if verdicts is not None else "new"
            if may_repeat and verdict == "new" and kind != UNREADABLE:
                last = total if verdicts is None else index + 1
                if done := self._repeats(unit, laid, index, last, at, now, numbers, marks):
                    answer.accepted += done
                    index += done
                    continue
            one = Input(
                laid[index], laid.envelope, unit.namespace, unit.origin, unit.actor, unit.person, numbers[index],
                marks[index], unit.contents[32 * index : 32 * index + 32],
            )  # fmt: skip
            if kind == UNREADABLE or (event := _readable(one.body)) is None:
                self._unreadable(unit, index, one.body, now, answer)
            elif verdict != "new":
                answer.duplicates += 1
                answer.known.append(index)
                if verdict == "conflict":
                    self._conflict(one, event.type, event.namespace or unit.namespace, now)
            elif event.type in hidden.GIVEN and (refused := self._written_down(event, one, unit.side)) is not None:
                self._dedup.forget([numbers[index]])
                replies.append(refused)
            elif event.type == "oncue.command.dead_letter.redrive":
                replies.append(self._redrive(one, now))
                answer.accepted += 1
            else:
                reply, poison = self._input(event, one, now)
                if poison is not None:
                    answer.rejected.append((index, "event.poison", poison))
                else:
                    answer.accepted += 1
                    if reply is not None or unit.urgent:
                        replies.append(reply)
            index += 1
        taken = not answer.rejected and not answer.duplicates
        if unit.side and taken and all(reply is None or reply.code is None for reply in replies):
            self._beside(unit.side)
        answer.replies = [msgspec.to_builtins(reply) for reply in replies] if replies else None
        answer.position = self._state.position
        self.accepted += answer.accepted
        self.duplicates += answer.duplicates
        self.rejected += len(answer.rejected)
        return answer

    def _written_down(self, event: events.Event, one: Input, side: Sequence[frames.SideWrite]) -> Reply | None:
        """What is said of a command that holds what must not be written down: nothing of it is."""
        brought = {row.id for row in side if row.kind == hidden.ROW}
        try:
            hidden.check(self._state, event.namespace or one.namespace, event.type, event.data, brought)
        except Refusal as refusal:
            return Reply(refusal.code, refusal.detail)
        return None

    def _beside(self, sides: Sequence[frames.SideWrite]) -> None:
        for side in sides:
            if side.kind == LOG:
                self._rows.log_gone.append((side.id,))
            elif side.body is None:
                self._rows.access_gone.append((side.kind, side.id))
            else:
                self._rows.access.append((side.kind, side.id, side.body))

    def _repeats(
        self, unit: frames.Submit, laid: Laid, first: int, last: int, at: datetime, now: int,
        numbers: "array[int]", marks: "array[int]",
    ) -> int:  # fmt: skip
        """Handle those of the unit's events, from `first` up to `last`, that merely repeat firing alerts, until one does
        not. Gives how many."""
        before, outlines = self._state.position, unit.outlines
        done, facts = self._engine.repeats(outlines, laid, first, last, unit.namespace, at, self._batch)
        if done:
            end = first + done
            kinds = [outlines.kinds[kind] for kind in set(outlines.kind[first:end])]
            types = {type for _, type, _, _ in kinds}
            namespaces = {namespace or unit.namespace for namespace, _, _, _ in kinds}
            between = []
            for fact in facts:
                sealed = seal_envelope((fact.namespace, "engine", None))
                between.append((fact.position, sealed, fact.body, digest(sealed, fact.body)))
                types.add(fact.type)
            self._segment.add_inputs(
                before + 1, now, laid, first, end, unit.contents[32 * first : 32 * end], between,
                sorted(types), sorted(namespaces), numbers[first:end], marks[first:end],
            )  # fmt: skip
        return done

    def say(self, sayings: Sequence[frames.Saying]) -> None:
        """Work told this. It goes into no journal, and nothing is decided by it."""
        rows, sizes = self._rows, dict[str, int]()
        progress: dict[tuple[str, str, int], frames.Saying] = {}
        for one in sayings:
            self._told[(one.namespace, one.run)] = None
            sizes.setdefault(one.run, 0)
            if one.done is None:
                rows.log.append((one.run, one.step, one.attempt, one.at, one.stream, one.text))
                sizes[one.run] += size_of(one.text)
            else:
                progress[(one.run, one.step, one.attempt)] = one
        rows.progress += [(*key, one.at, one.done or 0.0, one.text) for key, one in progress.items()]
        now = self._clock.now()
        rows.log_sizes += [(run, size, 0, now) for run, size in sizes.items()]

    def tick(self, number: int) -> None:
        """Time has passed, and a timer is due."""
        now = self._clock.now()
        at = instant(max(now, microseconds(self._state.now)))
        body = events.encode(
            {
                "specversion": "1.0",
                "id": f"tick-{self._state.position + 1}-{number}",
                "source": "/oncue/clock",
                "type": "oncue.clock.advanced",
                "time": at,
            }
        )
        self._input(events.decode(body), self._own("default", "clock", None, body), now)

    def _own(self, namespace: str, origin: str, actor: str | None, body: bytes, person: str | None = None) -> Input:
        """An input that did not come in a unit. It counts as seen from now on."""
        unit = self._intake.unit(0, namespace, origin, actor, [body], person=person)
        numbers, marks = array("Q", unit.numbers), array("I", unit.marks)
        if self._dedup.judge(numbers, marks) is None:
            self._fresh += numbers
        envelope = seal_input(namespace, origin, actor, person)
        return Input(body, envelope, namespace, origin, actor, person, numbers[0], marks[0], unit.contents)

    def _input(self, event: events.Event, one: Input, now: int) -> tuple[Reply | None, str | None]:
        """Have the engine handle an input: the reply if it is a command, and why it could not be handled."""
        state, body = self._state, one.body
        at = self._instant(now)
        if at < state.now:
            at = state.now
            now = microseconds(at)
        where = event.namespace or one.namespace
        try:
            derived, reply = self._engine.process(
                event, body, one.namespace, one.origin, one.actor, at, self._batch, one.person
            )
        except Poison as poison:
            self._add(one, state.position, now, REJECTED, event.type, where)
            self._rows.letters.append((where, one.origin, "event.poison", str(poison), now, state.position, body))
            log.warning("poison event", event_id=event.id, event_type=event.type, reason=str(poison))
            return None, str(poison)
        position = derived[0].position - 1 if derived else state.position
        self._add(one, position, now, INPUT, event.type, where)
        kept = event.type.startswith("oncue.") and event.type not in _QUIET
        if kept or any(fact.indexed for fact in derived):
            self._rows.facts.append(input_fact_row(event, body, where, position, now))
        self._facts(derived, position, now)
        if event.type == "oncue.sample":
            sample = msgspec.json.decode(event.data, type=Sample)
            self._rows.samples.extend(sample_rows(sample, where, now))
        elif event.type in STEERING:
            self._config = True
        return reply, None

    def _instant(self, now: int) -> datetime:
        if now != self._now:
            self._now, self._at = now, instant(now)
        return self._at

    def _facts(self, derived: list[Derived], input_position: int, now: int) -> None:
        for one in derived:
            envelope = seal_envelope((one.namespace, "engine", None))
            content = digest(envelope, one.body)
            self._segment.add(one.position, now, DERIVED, envelope, one.body, content, one.type, one.namespace)
            if not one.indexed:
                continue
            self._rows.facts.append(fact_row(one, input_position, now))
            of = None if one.kind in schema.MANY else one.kind
            self._rows.refs.extend((kind, id, one.position, of) for kind, id in one.refs)
            self._newest[(one.kind, one.id)] = one.position
            if one.kind == "manifest":
                self._config = True

    def _add(self, one: Input, position: int, now: int, flags: int, type: str, namespace: str) -> None:
        self._segment.add_input(
            position, now, flags, one.envelope, one.body, one.content, type, namespace, one.number, one.mark
        )

    def _unreadable(self, unit: frames.Submit, index: int, body: bytes, now: int, answer: frames.Answer) -> None:
        """What the edge let through and should not have."""
        code, detail = "event.malformed", "not a CloudEvent in structured mode"
        self._rows.letters.append((unit.namespace, unit.origin, code, detail, now, None, body))
        answer.rejected.append((index, code, detail))

    def _conflict(self, one: Input, type: str, namespace: str, now: int) -> None:
        """An id that came before with other bytes: journaled as evidence, not handled."""
        state = self._state
        state.position += 1
        now = max(now, microseconds(state.now))
        self._segment.add(state.position, now, CONFLICT, one.envelope, one.body, one.content, type, namespace)

    def _redrive(self, one: Input, now: int) -> Reply:
        """Journal the command, then try the letter again as a new input."""
        event = events.decode(one.body)
        self._input(event, one, now)
        asked = msgspec.json.decode(event.data)
        letter = schema.dead_letter.c
        with self._reading.connect() as connection:
            row = connection.execute(
                select(schema.dead_letter).where(letter.id == asked.get("id"), letter.namespace == one.namespace)
            ).first()
        if row is None or row.redriven_at is not None or row.id in self._redriving:
            return Reply("dead_letter.not_found", str(asked.get("id")))
        try:
            again = events.decode(row.body)
            row.body.decode()  # what is not read as an attribute has not been looked at
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Reply("event.malformed", str(error))
        if row.position is None and again.type.startswith("oncue."):
            # Refused at the edge because only OnCue may say this. What it would do nobody has been permitted to do.
            return Reply("event.type_reserved", f"type: {again.type[:100]}")
        own = self._own(row.namespace, row.origin, one.actor, row.body, one.person)
        if again.type in hidden.GIVEN and (refused := self._written_down(again, own, ())) is not None:
            return refused
        _, poison = self._input(again, own, now)
        self._rows.redriven.append((now, row.id))
        self._redriving.add(row.id)
        if poison is not None:
            return Reply("event.poison", poison)
        self.accepted += 1
        return Reply(data={"id": row.id, "position": f"0-{self._state.position}"})

    # the end of it

    @property
    def hot_rows(self) -> int:
        """How many it changes."""
        return len(self._batch.hot)

    def made(self, events_so_far: int, behind: dict[str, Alert], hot_too: bool) -> Made:
        """The batch, whole. Entities are encoded here, once, however often they changed.

        `behind` are the alerts whose hot rows earlier batches changed and did not write. With `hot_too` they are written
        now, and those of this batch; otherwise the segment keeps them, so that a restart finds them.
        """
        rows, batch = self._rows, self._batch
        gone: list[str] = []
        effects: list[tuple[str, str, bytes]] = []
        for (kind, id), (entity, live) in batch.entities.items():
            row = entity_row(kind, id, entity, live, self._newest.get((kind, id)))
            rows.entities.append(row)
            if kind == "effect":
                effects.append((id, entity.state, row[-1]))
            elif kind == "alert":
                rows.hot_gone.append((id,))
                gone.append(id)
        hot = batch.hot
        if gone:
            hot = {id: alert for id, alert in hot.items() if ("alert", id) not in batch.entities}
        sealed = None
        if hot_too or not len(self._segment):
            rows.hot += [
                hot_row(alert) for id, alert in {**behind, **hot}.items() if ("alert", id) not in batch.entities
            ]
            rows.hot_all = True
            gone, hot = [*behind], {}
        else:
            sealed = sealed_hot(gone, hot.values())
        for (kind, key), value in batch.cells.items():
            if value is None:
                rows.cells_gone.append((kind, key))
                if kind == hidden.CELL:
                    self._forget(key)
            else:
                rows.cells.append((kind, key, _pack_cell(value)))
        segment = self._segment.close(events_so_far, sealed) if len(self._segment) else None
        return Made(segment, rows, self._after(effects), hot, gone)

    def _forget(self, id: str) -> None:
        """Nothing holds this input any more: its row goes, or is not written if this batch has it."""
        self._rows.access = [row for row in self._rows.access if row[:2] != (hidden.ROW, id)]
        self._rows.access_gone.append((hidden.ROW, id))

    def rollback(self) -> None:
        """State is as before the batch."""
        self._batch.rollback(self._state)
        self._state.position, self._state.now = self._start
        self._dedup.forget(self._fresh)
        self._redriving.difference_update(id for _, id in self._rows.redriven)

    def committed(self) -> None:
        """The commit is on the disk."""
        self._dedup.keep(self._segment.last_recorded_at)
        self._redriving.difference_update(id for _, id in self._rows.redriven)

    def _after(self, effects: list[tuple[str, str, bytes]]) -> After:
        access = any(row[0] != hidden.ROW for row in (*self._rows.access, *self._rows.access_gone))
        return After(self._state.position, access, self._config, effects, list(self._told), self._rows.facts)
