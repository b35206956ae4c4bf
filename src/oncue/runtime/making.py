"""One batch in the making: what the writer's loop has the engine decide, as records and rows for one commit.

Nothing here is on the disk yet. If the commit fails, `rollback` puts state back to where the batch began.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import select

from oncue.core import event as events
from oncue.core.command import Reply
from oncue.core.engine import Engine, Poison
from oncue.core.normalise import Sample
from oncue.core.state import State
from oncue.core.tx import Batch, Derived
from oncue.runtime import frames
from oncue.runtime.clock import Clock, instant, microseconds
from oncue.runtime.dedup import Dedup, pack
from oncue.runtime.rows import entity_row, fact_row, hot_row, input_fact_row, sample_rows
from oncue.store import schema
from oncue.store.journal import CONFLICT, DERIVED, INPUT, REJECTED, Record, merkle_root, record_leaf, seal_envelope
from oncue.store.writer import Rows, Segment

log = structlog.get_logger()

_pack_cell: Final = msgspec.msgpack.Encoder().encode


_QUIET: Final = frozenset({"oncue.sample", "oncue.clock.advanced", "oncue.heartbeat.received"})
"""Inputs of our own that are looked up only if they caused something."""


class After(msgspec.Struct):
    """What a commit changed that others wait for."""

    position: int
    access_changed: bool
    config_changed: bool
    effects: list[Any]
    """Effects that were saved, as (id, JSON of the effect, state)."""


class Making:
    """One batch in the making."""

    def __init__(self, state: State, engine: Engine, dedup: Dedup, clock: Clock, reading: SqlEngine) -> None:
        self._state = state
        self._engine = engine
        self._dedup = dedup
        self._clock = clock
        self._reading = reading
        self._batch = Batch()
        self._start = (state.position, state.now)
        self._records: list[Record] = []
        self._leaves: list[bytes] = []
        self._numbers: list[int] = []
        self._marks: list[int] = []
        self._types: dict[str, None] = {}
        self._namespaces: dict[str, None] = {}
        self._newest: dict[tuple[str, str], int] = {}
        self._rows = Rows()
        self.accepted = 0
        self.duplicates = 0
        self.rejected = 0
        self._config = False
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
        answer = frames.Answer(unit.seq)
        rejected: list[tuple[int, str, str]] = []
        replies: list[Any] = []
        envelope = seal_envelope((unit.namespace, unit.origin, unit.actor))
        decode, repeat, dedup, state = events.decode, self._engine.repeat, self._dedup, self._state
        at = self._instant(now)
        for index, body in enumerate(unit.bodies):
            try:
                event = decode(body)
            except msgspec.DecodeError as error:
                self._rows.letters.append((unit.namespace, unit.origin, "event.malformed", str(error), now, None, body))
                rejected.append((index, "event.malformed", str(error)))
                continue
            namespace = event.namespace or unit.namespace
            number = dedup.hash(namespace, event.source, event.id)
            verdict, mark = dedup.judge(number, body)
            if verdict != "new":
                answer.duplicates += 1
                if verdict == "conflict":
                    self._unhandled(CONFLICT, envelope, body, event.type, namespace, number, mark, now)
                continue
            derived = repeat(event, unit.namespace, unit.origin, at, self._batch) if at >= state.now else None
            if derived is not None:
                answer.accepted += 1
                position = state.position - len(derived)
                self._add(Record(position, now, INPUT, envelope, body), event.type, namespace)
                self._numbers.append(number)
                self._marks.append(mark)
                self._facts(derived, position, now)
                continue
            if event.type == "oncue.command.dead_letter.redrive":
                replies.append(self._redrive(event, envelope, body, unit, number, mark, now))
                answer.accepted += 1
                continue
            reply, poison = self._input(
                event, body, envelope, unit.namespace, unit.origin, unit.actor, number, mark, now
            )
            if poison is not None:
                rejected.append((index, "event.poison", poison))
            else:
                answer.accepted += 1
                if reply is not None or unit.urgent:
                    replies.append(reply)
        for side in unit.side:
            if side.body is None:
                self._rows.access_gone.append((side.kind, side.id))
            else:
                self._rows.access.append((side.kind, side.id, side.body))
        answer.rejected = rejected
        answer.replies = [msgspec.to_builtins(reply) for reply in replies] if replies else None
        answer.position = self._state.position
        self.accepted += answer.accepted
        self.duplicates += answer.duplicates
        self.rejected += len(rejected)
        return answer

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
        event = events.decode(body)
        envelope = seal_envelope(("default", "clock", None))
        key = self._dedup.hash("default", event.source, event.id)
        _, mark = self._dedup.judge(key, body)
        self._input(event, body, envelope, "default", "clock", None, key, mark, now)

    def _input(
        self, event: events.Event, body: bytes, envelope: bytes, namespace: str, origin: str, actor: str | None,
        number: int, mark: int, now: int,
    ) -> tuple[Reply | None, str | None]:  # fmt: skip
        state = self._state
        at = self._instant(now)
        if at < state.now:
            at = state.now
            now = microseconds(at)
        try:
            derived, reply = self._engine.process(event, body, namespace, origin, actor, at, self._batch)
        except Poison as poison:
            position = state.position
            self._add(Record(position, now, REJECTED, envelope, body), event.type, event.namespace or namespace)
            self._numbers.append(number)
            self._marks.append(mark)
            letter = (event.namespace or namespace, origin, "event.poison", str(poison), now, position, body)
            self._rows.letters.append(letter)
            log.warning("poison event", event_id=event.id, event_type=event.type, reason=str(poison))
            return None, str(poison)
        position = derived[0].position - 1 if derived else state.position
        where = event.namespace or namespace
        self._add(Record(position, now, INPUT, envelope, body), event.type, where)
        self._numbers.append(number)
        self._marks.append(mark)
        kept = event.type.startswith("oncue.") and event.type not in _QUIET
        if kept or any(one.indexed for one in derived):
            self._rows.facts.append(input_fact_row(event, body, where, position, now))
        self._facts(derived, position, now)
        if event.type == "oncue.sample":
            sample = msgspec.json.decode(event.data, type=Sample)
            self._rows.samples.extend(sample_rows(sample, where, now))
        elif event.type == "oncue.config.applied":
            self._config = True
        return reply, None

    def _instant(self, now: int) -> datetime:
        if now != self._now:
            self._now, self._at = now, instant(now)
        return self._at

    def _facts(self, derived: list[Derived], input_position: int, now: int) -> None:
        for one in derived:
            envelope = seal_envelope((one.namespace, "engine", None))
            self._add(Record(one.position, now, DERIVED, envelope, one.body), one.type, one.namespace)
            if not one.indexed:
                continue
            self._rows.facts.append(fact_row(one, input_position, now))
            self._rows.refs.extend((kind, id, one.position) for kind, id in one.refs)
            self._newest[(one.kind, one.id)] = one.position

    def _add(self, record: Record, type: str, namespace: str) -> None:
        self._records.append(record)
        self._leaves.append(record_leaf(record))
        self._types[type] = None
        self._namespaces[namespace] = None

    def _unhandled(
        self, flag: int, envelope: bytes, body: bytes, type: str, namespace: str, number: int, mark: int, now: int
    ) -> None:
        state = self._state
        state.position += 1
        now = max(now, microseconds(state.now))
        self._add(Record(state.position, now, flag, envelope, body), type, namespace)
        self._numbers.append(number)
        self._marks.append(mark)

    def _redrive(
        self, event: events.Event, envelope: bytes, body: bytes, unit: frames.Submit, number: int, mark: int, now: int
    ) -> Reply:
        """Journal the command, then try the letter again as a new input."""
        self._input(event, body, envelope, unit.namespace, unit.origin, unit.actor, number, mark, now)
        asked = msgspec.json.decode(event.data)
        letter = schema.dead_letter.c
        with self._reading.connect() as connection:
            row = connection.execute(
                select(schema.dead_letter).where(letter.id == asked.get("id"), letter.namespace == unit.namespace)
            ).first()
        if row is None or row.redriven_at is not None:
            return Reply("dead_letter.not_found", str(asked.get("id")))
        try:
            again = events.decode(row.body)
        except msgspec.DecodeError as error:
            return Reply("event.malformed", str(error))
        key = self._dedup.hash(again.namespace or row.namespace, again.source, again.id)
        _, second = self._dedup.judge(key, row.body)
        sealed = seal_envelope((row.namespace, row.origin, unit.actor))
        _, poison = self._input(again, row.body, sealed, row.namespace, row.origin, unit.actor, key, second, now)
        self._rows.redriven.append((now, row.id))
        if poison is not None:
            return Reply("event.poison", poison)
        self.accepted += 1
        return Reply(data={"id": row.id, "position": f"0-{self._state.position}"})

    # the end of it

    def segment(self, events_so_far: int) -> Segment | None:
        """The journal's part; None if nothing was journaled."""
        if not self._records:
            return None
        ids, digests = pack(self._numbers, self._marks)
        return Segment(
            records=self._records, root=merkle_root(self._leaves), inputs=len(self._numbers), types=list(self._types),
            namespaces=list(self._namespaces), ids=ids, digests=digests, events=events_so_far + len(self._numbers),
        )  # fmt: skip

    def has_rows(self) -> bool:
        """Whether there is anything to write beside the journal."""
        rows = self._rows
        return bool(rows.letters or rows.access or rows.access_gone)

    def rows(self) -> Rows:
        """Everything to write beside the journal. Entities are encoded here, once, however often they changed."""
        rows, batch = self._rows, self._batch
        for (kind, id), (entity, live) in batch.entities.items():
            rows.entities.append(entity_row(kind, id, entity, live, self._newest.get((kind, id))))
            if kind == "alert":
                rows.hot_gone.append((id,))
        for id, alert in batch.hot.items():
            if ("alert", id) not in batch.entities:
                rows.hot.append(hot_row(alert))
        for (kind, key), value in batch.cells.items():
            if value is None:
                rows.cells_gone.append((kind, key))
            else:
                rows.cells.append((kind, key, _pack_cell(value)))
        return rows

    def rollback(self) -> None:
        """The commit failed: state is as before the batch."""
        self._batch.rollback(self._state)
        self._state.position, self._state.now = self._start
        self._dedup.forget()

    def committed(self) -> None:
        """The commit is on the disk."""
        self._dedup.keep(self._records[-1].recorded_at if self._records else 0)

    def after(self) -> After:
        """What others wait for."""
        effects = [
            (id, entity.state, events.encode(entity))
            for (kind, id), (entity, _) in self._batch.entities.items()
            if kind == "effect"
        ]
        return After(self._state.position, bool(self._rows.access or self._rows.access_gone), self._config, effects)
