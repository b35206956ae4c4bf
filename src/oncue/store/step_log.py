"""What work told while it was under way: lines of steps, and how far each attempt said that it was.

It is for people. Nothing is decided by it, so it is no event, no part of the engine's state, and in no journal: replay
neither reads nor makes it. The writer writes it beside the journal with its next commit; it goes by age, by how much a run
has, and by run.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from oncue.store.schema import run_log, step_log, step_progress

LINE_COST: Final = 32
"""Bytes that a line counts beside those of its text, so that empty ones are bounded, too."""
RUN_LIMIT: Final = 1024 * 1024
"""Bytes that a run keeps."""
KEPT_US: Final = 30 * 86_400_000_000
"""How long a line is kept."""
AT_ONCE: Final = 5_000
"""Lines that go in one transaction of maintenance."""
PROGRESS_LIMIT: Final = 1_000
NEWEST: Final = 500
"""Lines of a run among which each step's last word is looked for."""

FORGET_LINES: Final = "DELETE FROM step_log WHERE sequence <= ? AND at < ?"
FORGET_PROGRESS: Final = "DELETE FROM step_progress WHERE at < ?"
FORGET_SIZES: Final = "DELETE FROM run_log WHERE at < ?"
TRIM: Final = "DELETE FROM step_log WHERE run = ? AND sequence <= ?"
TRIMMED: Final = "UPDATE run_log SET size = size - ?, left_out = left_out + ? WHERE run = ?"

Statement = tuple[str, Sequence[tuple[Any, ...]]]


def size_of(text: str) -> int:
    """Bytes that a line counts."""
    return len(text.encode()) + LINE_COST


class Line(NamedTuple):
    """A row of `step_log`."""

    sequence: int
    step: str
    attempt: int
    at: int
    stream: str
    text: str


class Progress(NamedTuple):
    """A row of `step_progress`."""

    step: str
    attempt: int
    at: int
    done: float
    text: str


class Part(msgspec.Struct, frozen=True):
    """A part of a run's log."""

    lines: list[Line]
    progress: list[Progress]
    """Of every attempt that told any, the newest word first."""
    left_out: int
    """Lines, the oldest, that went because the run had too many."""
    more: bool
    """Whether lines follow those of this part."""


def part(connection: Connection, run: str, step: str | None, attempt: int | None, after: int, limit: int) -> Part:
    """The lines that follow `after`, in order, of one step or attempt if it is named."""
    lines = select(*(step_log.c[name] for name in Line._fields)).where(
        step_log.c.run == run, step_log.c.sequence > after
    )
    told = select(*(step_progress.c[name] for name in Progress._fields)).where(step_progress.c.run == run)
    if step is not None:
        lines, told = lines.where(step_log.c.step == step), told.where(step_progress.c.step == step)
    if attempt is not None:
        lines, told = lines.where(step_log.c.attempt == attempt), told.where(step_progress.c.attempt == attempt)
    rows = connection.execute(lines.order_by(step_log.c.sequence).limit(limit + 1)).all()
    newest = connection.execute(told.order_by(step_progress.c.at.desc()).limit(PROGRESS_LIMIT)).all()
    left_out = connection.execute(select(run_log.c.left_out).where(run_log.c.run == run)).scalar()
    return Part(
        [Line(*row) for row in rows[:limit]], [Progress(*row) for row in newest], left_out or 0, len(rows) > limit
    )


def last_words(connection: Connection, run: str) -> dict[str, Line | Progress]:
    """What each step told last, a line or progress, by its address; as far as it is among the run's newest lines."""
    lines = select(*(step_log.c[name] for name in Line._fields)).where(step_log.c.run == run)
    told = select(*(step_progress.c[name] for name in Progress._fields)).where(step_progress.c.run == run)
    newest_line = step_log.c.sequence.desc()
    words: list[Line | Progress] = [Line(*row) for row in connection.execute(lines.order_by(newest_line).limit(NEWEST))]
    words += [Progress(*row) for row in connection.execute(told.order_by(step_progress.c.at.desc()).limit(NEWEST))]
    return {one.step: one for one in sorted(words, key=lambda one: one.at)}


def too_old(connection: Connection, before: int) -> tuple[list[Statement], bool]:
    """What removes what was told before an instant, at most `AT_ONCE` lines, and whether more will be left."""
    lines = select(step_log.c.sequence).where(step_log.c.at < before).order_by(step_log.c.sequence)
    oldest = list(connection.execute(lines.limit(AT_ONCE)).scalars())
    if oldest:
        return [(FORGET_LINES, [(oldest[-1], before)])], True
    stale = select(func.count()).select_from(run_log).where(run_log.c.at < before)
    told = select(func.count()).select_from(step_progress).where(step_progress.c.at < before)
    if connection.execute(stale).scalar() or connection.execute(told).scalar():
        return [(FORGET_PROGRESS, [(before,)]), (FORGET_SIZES, [(before,)])], False
    return [], False


def too_much(connection: Connection, limit: int = RUN_LIMIT) -> list[Statement]:
    """What removes the oldest lines of one run that has more than the limit, and says so of it; nothing if none has."""
    run = connection.execute(select(run_log.c.run).where(run_log.c.size > limit).limit(1)).scalar()
    if run is None:
        return []
    size, kept, cut, lines = 0, 0, 0, 0
    # Newest first: what fits stays. Whatever the books say, afterwards they are those of what is there.
    newest = select(step_log.c.sequence, step_log.c.text).where(step_log.c.run == run)
    for row in connection.execute(newest.order_by(step_log.c.sequence.desc())):
        size += size_of(row.text)
        if cut or size > limit:
            cut, lines = cut or row.sequence, lines + 1
        else:
            kept = size
    booked = connection.execute(select(run_log.c.size).where(run_log.c.run == run)).scalar_one()
    return [(TRIM, [(run, cut)]), (TRIMMED, [(booked - kept, lines, run)])]
