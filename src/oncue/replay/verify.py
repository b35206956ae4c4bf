"""Replay equals history: feed the journaled inputs through the engine again and compare every derived record.

Starts at the beginning, or at the oldest snapshot where retention has removed it. Recorded rejections are honoured: what
was not handled then is not handled now. At the end the folded state must equal the live rows, byte for byte.
"""

from collections import deque
from pathlib import Path
from typing import Final, Literal

import msgspec
import zstandard
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from oncue import __version__
from oncue.core import event as events
from oncue.core.engine import Engine, Poison, Started
from oncue.core.errors import Refusal
from oncue.core.state import Identity, State
from oncue.core.tx import Batch, Derived
from oncue.runtime.clock import instant
from oncue.runtime.recovery import read_state
from oncue.store import schema
from oncue.store.database import Origin, hold, read_origin, reading_engine
from oncue.store.journal import Record, open_envelope, seal_envelope
from oncue.store.journal_reader import JournalReader
from oncue.store.revision import FILE_NAME, check

EXIT: Final = {"reproduced": 0, "differs": 1, "erased": 2, "other_version": 3}


_DAMAGE: Final = (zstandard.ZstdError, msgspec.DecodeError, ValueError, TypeError, OverflowError)
"""What reading a journal that was changed comes upon."""


class Outcome(msgspec.Struct):
    """What replay found."""

    result: Literal["reproduced", "differs", "erased", "other_version"]
    detail: str
    inputs: int = 0
    derived: int = 0
    first: int = 0
    last: int = 0
    position: int | None = None
    """Where history and replay part."""

    @property
    def exit_code(self) -> int:
        """0 reproduced, 1 differs, 2 inputs erased, 3 derived by another engine version."""
        return EXIT[self.result]


def verify(data: Path) -> Outcome:
    """Replay the journal in a data directory and compare. Reads only; a running server is not disturbed."""
    path = data / FILE_NAME
    if not path.is_file():
        return Outcome("erased", f"there is no journal in {data}")
    try:
        check(path)
    except Refusal as refusal:
        return Outcome("erased", f"{refusal.code}: {refusal.detail}")
    engine = reading_engine(str(path), 1)
    try:
        with engine.connect() as connection:
            hold(connection)
            replaying = _Replay(connection)
            try:
                return replaying.run()
            except _DAMAGE as error:
                return replaying.unreadable(error)
    except SQLAlchemyError as error:
        return Outcome("erased", f"the database cannot be read: {error.__cause__ or error}")
    finally:
        engine.dispose()


class _Replay:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._versions: dict[str, None] = {}
        self._expected: deque[Derived] = deque()
        self._expected_at = 0
        self._outcome = Outcome("reproduced", "every derived event was reproduced")
        self._state_at: State | None = None

    def run(self) -> Outcome:
        origin = read_origin(self._connection)
        if origin is None:
            return Outcome("erased", "the database has no journal")
        state = State(Identity(origin.journal_id, origin.incarnation, origin.partition))
        self._state_at, outcome = state, self._outcome
        outcome.last = origin.cursor
        if origin.cursor == 0:
            return outcome
        first = self._connection.execute(
            select(schema.segment.c.first_position).order_by(schema.segment.c.first_position)
        ).scalar()
        if first is None or first > 1:
            refused = self._from_snapshot(state, first, origin)
            if refused is not None:
                return refused
        outcome.first = state.position + 1
        engine, batch = Engine(state), Batch()
        for record in JournalReader(self._connection).records(state.position + 1, origin.cursor):
            problem = self._gap(state, record) or self._record(engine, batch, record, outcome)
            if problem is not None:
                return self._differs(outcome, record.position, problem)
        if self._expected:
            return self._differs(outcome, self._expected[0].position, "history ends before what replay derives")
        problem = self._state(state, origin)
        return self._differs(outcome, origin.cursor, problem) if problem is not None else outcome

    def _from_snapshot(self, state: State, first: int | None, origin: Origin) -> Outcome | None:
        erased = (first or origin.cursor + 1) - 1
        row = self._connection.execute(
            select(schema.snapshot).where(schema.snapshot.c.position >= erased).order_by(schema.snapshot.c.position)
        ).first()
        if row is None:
            return Outcome("erased", f"inputs 1 to {erased} are erased, and no snapshot stands in for them")
        state.restore(zstandard.decompress(row.body))
        if state.digest() != row.hash:
            return Outcome("differs", f"the snapshot at {row.position} was changed", position=row.position)
        self._versions[row.engine] = None
        return None

    def _gap(self, state: State, record: Record) -> str | None:
        """Whether a record is missing before this one."""
        due = self._expected[0].position if self._expected else state.position + 1
        return None if record.position == due else f"the record at {due} is missing"

    def _record(self, engine: Engine, batch: Batch, record: Record, outcome: Outcome) -> str | None:
        if record.derived:
            return self._compare(record, outcome)
        if self._expected:
            return f"replay derives {self._expected[0].type} at {self._expected[0].position}; history does not"
        state = engine.state
        outcome.inputs += 1
        at = instant(record.recorded_at)
        if record.rejected:
            state.position = record.position
            state.now = at
            return None
        event = events.decode(record.body)
        if event.type == "oncue.engine.started":
            self._versions[msgspec.json.decode(event.data, type=Started).engine] = None
        of = open_envelope(record.envelope)
        try:
            derived, _ = engine.process(event, record.body, of.namespace, of.origin, of.actor, at, batch, of.person)
        except Poison as poison:
            return f"replay cannot handle the input: {poison}"
        self._expected = deque(derived)
        batch.undo.clear()
        batch.entities.clear()
        batch.cells.clear()
        batch.hot.clear()
        self._expected_at = record.recorded_at
        return None

    def _compare(self, record: Record, outcome: Outcome) -> str | None:
        if not self._expected:
            return "history has a derived event that replay does not derive"
        expected = self._expected.popleft()
        outcome.derived += 1
        if expected.body != record.body:
            return f"{expected.type} is derived with other content"
        if record.envelope != seal_envelope((expected.namespace, "engine", None)):
            return f"{expected.type} is derived in another namespace"
        return None if record.recorded_at == self._expected_at else f"{expected.type} has another time"

    def _state(self, state: State, origin: Origin) -> str | None:
        live = State(state.identity)
        read_state(self._connection, live)
        live.position, live.now = origin.cursor, instant(origin.recorded_at)
        if live.dump() == state.dump():
            return None
        derived, read = state.rows(), live.rows()
        for kind, rows in derived.entities.items():
            for id in sorted({**rows, **read.entities[kind]}):
                if rows.get(id) != read.entities[kind].get(id):
                    return f"the live row of {kind} {id} is not what the journal says"
        for kind, named in derived.cells.items():
            for key in sorted({**named, **read.cells[kind]}):
                if named.get(key) != read.cells[kind].get(key):
                    return f"the live {kind} {key} is not what the journal says"
        return "the live timers are not what the journal says"

    def unreadable(self, error: Exception) -> Outcome:
        """History cannot be read on from where `run` came to."""
        reached = self._state_at.position + 1 if self._state_at is not None else 0
        due = self._expected[0].position if self._expected else reached
        self._outcome.result, self._outcome.position = "differs", due
        self._outcome.detail = f"from {due} on, the journal or what it left cannot be read: {error}"
        return self._outcome

    def _differs(self, outcome: Outcome, position: int, problem: str) -> Outcome:
        outcome.position = position
        others = [version for version in self._versions if version != __version__]
        if others:
            outcome.result = "other_version"
            outcome.detail = (
                f"derived by engine {', '.join(others)}, replayed by {__version__}: at {position}, {problem}"
            )
        else:
            outcome.result, outcome.detail = "differs", f"at {position}: {problem}"
        return outcome
