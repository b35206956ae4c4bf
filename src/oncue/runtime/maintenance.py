"""What the writer does when nothing waits: checkpoints, snapshots, compaction, retention, keeping the log of writes short.

Retention is that of the journal, of samples, and of what work told (`store/step_log.py`), each by rules of its own.

A snapshot is the whole state at a position, the starting point for replay once older segments have gone. Retention never
removes a segment younger than the oldest snapshot that stays, so replay always has a start.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from oncue import __version__
from oncue.core.state import State
from oncue.runtime import snapshot as snapshots
from oncue.runtime.parent import environment_of_child
from oncue.store import compaction, schema, signed_note, standing, step_log
from oncue.store.database import is_postgresql
from oncue.store.writer import Unavailable, Writer

log = structlog.get_logger()

DAY_US: Final = 86_400_000_000
CHECKPOINT_S: Final = 60.0
DRAW_S: Final = 60.0
"""How long the last few facts may stay undrawn."""
SAYINGS_S: Final = 60.0
"""How long what work told may be more, or older, than it should."""
SNAPSHOTS_KEPT: Final = 8


class Maintenance:
    """Runs in the writer's thread; each piece is short, so that events do not wait on it."""

    def __init__(
        self, state: State, writer: Writer, reading: SqlEngine, key: Ed25519PrivateKey, *,
        max_age_days: float, max_size_gb: float, minute_days: float, hour_days: float, address: str,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:  # fmt: skip
        self._state = state
        self._writer = writer
        self._reading = reading
        self._key = key
        self._address = address if is_postgresql(address) else str(Path(address).absolute())
        self._taking: subprocess.Popen[bytes] | None = None
        self._taken = (
            Path(tempfile.gettempdir() if is_postgresql(address) else address).absolute().with_name("snapshot.new")
        )
        self._now_us = now_us
        self._max_age_us = int(max_age_days * DAY_US)
        self._max_size = int(max_size_gb * 1e9)
        self._sample_us = {60: int(minute_days * DAY_US), 3600: int(hour_days * DAY_US)}
        self._checkpoint_at = 0.0
        self._checkpointed = writer.batch
        self._slow_at = time.monotonic() + 30.0
        self._draw_at = 0.0
        self._sayings_at = 0.0
        self._compacted = 0
        """Position up to which there is nothing left to merge."""

    def idle(self) -> bool:
        """One round: whether another is wanted at the next pause.

        What cannot be read, or begun, is put off: events must not wait for it, nor end with it.
        """
        try:
            return self._round()
        except (OperationalError, OSError) as error:
            log.warning("maintenance put off", reason=str(error))
            return False

    def _round(self) -> bool:
        self._writer.driver.relieve(1)
        self.finish()
        now = time.monotonic()
        if now - self._checkpoint_at >= CHECKPOINT_S and self._writer.batch != self._checkpointed:
            self._checkpoint_at = now
            self.checkpoint()
        if now >= self._slow_at:
            self._slow_at = now + 600.0
            self.snapshot_if_due()
            self.retain()
        return self.forget_sayings() or self.draw() or self.compact()

    def forget_sayings(self) -> bool:
        """Drop what work told too long ago, or of one run too much. Whether there may be more."""
        now = time.monotonic()
        if now < self._sayings_at:
            return False
        with self._reading.connect() as connection:
            statements, more = step_log.too_old(connection, self._now_us() - step_log.KEPT_US)
            if not statements:
                statements = step_log.too_much(connection)
                more = bool(statements)
        if not statements or not self._write(*statements):
            self._sayings_at = now + SAYINGS_S
            return False
        return more

    def draw(self) -> bool:
        """Draw what held of services from the facts that are not drawn yet. Whether there may be more."""
        now = time.monotonic()
        if now < self._draw_at:
            return False
        with self._reading.connect() as connection:
            known = standing.reach(connection)
            found = standing.drawn(connection, known)
        self._draw_at = now if found.more else now + DRAW_S
        if found.upto == known.position:
            return False
        progress = (standing.NAME, found.upto, known.first_position, known.first_at)
        return self._write((standing.INSERT, found.rows), (standing.MOVE_ON, [progress])) and found.more

    def checkpoint(self) -> str | None:
        """Sign the head of the chain. Gives the note; None if there is nothing to sign, or it cannot be kept now."""
        writer = self._writer
        if writer.batch == 0:
            return None
        signed = signed_note.checkpoint(self._state.identity.journal_id, writer.batch, writer.head, self._key)
        if self._run(
            "INSERT INTO checkpoint (batch, position, at, note) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(writer.batch, self._state.position, self._now_us(), signed)],
        ):
            self._checkpointed = writer.batch
            return signed
        return None

    def seal(self, subject: str, digest: bytes) -> str:
        """Sign for evidence about the subject: what has this SHA-256 was put together here. May be asked in any thread."""
        return signed_note.seal(self._state.identity.journal_id, subject, digest, self._key)

    @property
    def public_key(self) -> bytes:
        """Of what signs, 32 bytes."""
        return signed_note.raw_key(self._key.public_key())

    def snapshot_if_due(self) -> None:
        """A snapshot a day, and one at each version of the engine."""
        with self._reading.connect() as connection:
            newest = connection.execute(
                select(schema.snapshot.c.at, schema.snapshot.c.engine).order_by(schema.snapshot.c.position.desc())
            ).first()
        now = self._now_us()
        if newest is None or now - newest.at >= DAY_US or newest.engine != __version__:
            self.begin()

    def begin(self) -> None:
        """Have a snapshot made in another process; `finish` keeps it when it is ready."""
        if self._taking is None:
            self._taken.unlink(missing_ok=True)
            self._taking = subprocess.Popen(  # noqa: S603 - this program
                [sys.executable, "-m", "oncue.runtime.snapshot", self._address, str(self._taken)],
                env=environment_of_child(),
                stdin=subprocess.DEVNULL,
            )

    def finish(self) -> None:
        """Keep the snapshot that was begun, if it is ready. One that failed is begun again when it is next due."""
        if self._taking is None or self._taking.poll() is None:
            return
        code, self._taking = self._taking.returncode, None
        if code != 0:
            log.warning("snapshot failed", exit_code=code)
            return
        self._keep(msgspec.msgpack.decode(self._taken.read_bytes(), type=snapshots.Snapshot))
        self._taken.unlink()

    def snapshot(self) -> None:
        """Keep the whole state as it is now, at once."""
        self._keep(snapshots.of(self._state.position, self._state.dump()))

    def _keep(self, one: snapshots.Snapshot) -> None:
        if self._run(
            "INSERT INTO snapshot (position, at, engine, hash, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(one.position, self._now_us(), __version__, one.hash, one.body)],
        ):
            log.info("snapshot taken", position=one.position, size=one.size)

    def compact(self) -> bool:
        """Merge the next small segments. Whether there may be more to merge."""
        with self._reading.connect() as connection:
            run = compaction.next_run(connection, self._compacted, self._now_us())
            self._compacted = run.after
            if run.batches[0] == run.batches[1]:
                return False
            try:
                row = compaction.merged(connection, run)
            except (zstandard.ZstdError, ValueError, msgspec.DecodeError) as error:
                # It stays as it is, for verification to name it.
                log.warning("a segment cannot be read", batches=run.batches, reason=str(error))
                self._compacted = connection.execute(
                    select(schema.segment.c.last_position).where(schema.segment.c.batch == run.batches[1])
                ).scalar_one()
                return True
        return self._write((compaction.DELETE, [run.batches]), (compaction.INSERT, [row]))

    def retain(self) -> None:
        """Remove what is older, or more, than retention allows. What a live incident or alert tells stays in its row."""
        segment, snapshot = schema.segment.c, schema.snapshot.c
        now = self._now_us()
        with self._reading.connect() as connection:
            positions = list(connection.execute(select(snapshot.position).order_by(snapshot.position)).scalars())
            old = connection.execute(
                select(func.max(segment.last_position)).where(segment.last_recorded_at < now - self._max_age_us)
            ).scalar()
            limit = self._beyond_size(connection)
            hot_batch = select(schema.journal.c.hot_batch).scalar_subquery()
            written = connection.execute(
                select(func.max(segment.last_position)).where(segment.batch <= hot_batch)
            ).scalar()
        # What later segments hold of hot rows is nowhere else yet.
        cut = min(max(old or 0, limit or 0), written or 0)
        start = max((position for position in positions if position <= cut), default=0)
        if start:
            self._trim(start)
            if len(positions) > SNAPSHOTS_KEPT:
                self._run("DELETE FROM snapshot WHERE position < ?", [(start,)])
        elif cut and (not positions or positions[0] > cut):
            log.info("retention waits for a snapshot", wanted=cut)
            if not positions:
                self.begin()
        for step_s, age_us in self._sample_us.items():
            self._run("DELETE FROM sample WHERE step_s = ? AND at < ?", [(step_s, now - age_us)])
        self._forget_standing(now - self._sample_us[3600])

    def _forget_standing(self, before: int) -> None:
        """What held of services is of use as long as their readings are; a day more or less does not matter."""
        with self._reading.connect() as connection:
            known = standing.reach(connection)
            if before - known.first_at < DAY_US:
                return
            first = connection.execute(
                select(func.min(schema.standing.c.position)).where(schema.standing.c.at >= before)
            ).scalar()
        progress = (standing.NAME, known.position, first or known.position + 1, before)
        self._write((standing.TRIM, [(before,)]), (standing.MOVE_ON, [progress]))

    def _beyond_size(self, connection: Any) -> int | None:
        segment = schema.segment.c
        stored = func.length(segment.head) + func.length(segment.body) + func.length(segment.ids)
        total = connection.execute(select(func.sum(stored))).scalar() or 0
        if total <= self._max_size:
            return None
        over = total - self._max_size
        for row in connection.execute(
            select(segment.last_position, stored.label("size")).order_by(segment.first_position)
        ):
            over -= row.size
            if over <= 0:
                return int(row.last_position)
        return None

    def _trim(self, position: int) -> None:
        """Drop what lies before `position`; the chain's rows stay, so that it still verifies."""
        self._run("DELETE FROM segment WHERE last_position <= ?", [(position,)])
        self._run("DELETE FROM fact WHERE position <= ?", [(position,)])
        self._run("DELETE FROM fact_ref WHERE position <= ?", [(position,)])
        log.info("retention removed the oldest", up_to=position)

    def _run(self, sql: str, rows: list[tuple[Any, ...]]) -> bool:
        return self._write((sql, rows))

    def _write(self, *statements: tuple[str, Sequence[tuple[Any, ...]]]) -> bool:
        """Whether it could be written; if not, the next round tries again. Raises `SyncFailed`."""
        mark = "?" if self._writer.driver.dialect.name == "sqlite" else "%s"
        try:
            self._writer.write(*[(sql.replace("?", mark), rows) for sql, rows in statements])
        except Unavailable as error:
            log.warning("maintenance put off", reason=str(error))
            return False
        return True
