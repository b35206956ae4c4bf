"""What the engine starts from: its state, read back from rows, and the ids that it recognises."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from oncue.core.alert import Alert
from oncue.core.state import Identity, State
from oncue.runtime.clock import instant
from oncue.runtime.dedup import HORIZON_US, Dedup
from oncue.runtime.rows import lay_over
from oncue.store import schema
from oncue.store.database import Origin, live_rows, reading_engine
from oncue.store.hot import newer


def state_in(connection: Connection, origin: Origin) -> State:
    """The engine's state in a database that stands at `origin`."""
    state = State(Identity(origin.journal_id, origin.incarnation, origin.partition))
    read_state(connection, state)
    state.position = origin.cursor
    state.now = instant(origin.recorded_at)
    return state


def read_state(connection: Connection, state: State) -> None:
    """Read the rows of a database into an empty state."""
    rows = live_rows(connection)
    state.load([row for row in rows.entities if row[0] in state.entities], rows.cells, rows.runs)
    lay_over(state, rows.hot)


def load_state(address: str, origin: Origin) -> State:
    """The engine's state from its rows."""
    reading = reading_engine(address, 1)
    with reading.connect() as connection:
        state = state_in(connection, origin)
    reading.dispose()
    return state


def load_behind(address: str, state: State) -> dict[str, Alert]:
    """The alerts whose rows in `alert_hot` are still behind what segments hold, and must be written in time."""
    reading = reading_engine(address, 1)
    with reading.connect() as connection:
        changed = newer(connection)
    reading.dispose()
    return {id: state.alerts[id] for id in changed if id in state.alerts}


def load_dedup(address: str, now: int) -> Dedup:
    """The ids of the newest events."""
    dedup = Dedup()
    segment = schema.segment.c
    reading = reading_engine(address, 1)
    with reading.connect() as connection:
        newest: list[Any] = []
        count = 0
        query = select(segment.ids, segment.digests, segment.inputs).order_by(segment.batch.desc())
        for row in connection.execute(query.where(segment.last_recorded_at > now - HORIZON_US)).yield_per(256):
            newest.append(row)
            count += row.inputs
            if count >= 1_000_000:
                break
    reading.dispose()
    for row in reversed(newest):
        dedup.load(row.ids, row.digests)
    return dedup
