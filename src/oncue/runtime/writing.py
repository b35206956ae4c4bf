"""The single-writer loop: takes what has queued, has the engine decide, commits once, then answers.

It runs in a thread of its own, beside the process's event loop. A unit (one request's events) is accepted or refused
whole. If the commit fails, state goes back to where the batch began, every unit of it is refused with store.unavailable,
and the loop tries the store again after a pause; reads go on meanwhile.

While little waits, a batch is decided, committed, answered. Under load the commit is left to a second thread, and the next
batch is decided meanwhile; it is undone if that commit fails, and is itself committed only after it.

What work tells of itself goes along with the next batch, or alone if there is none, and waits for a store that fails.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import msgspec
import structlog
from sqlalchemy import Engine as SqlEngine

from oncue.core.alert import Alert
from oncue.core.engine import Engine
from oncue.core.state import State
from oncue.runtime import frames
from oncue.runtime.clock import Clock, microseconds
from oncue.runtime.dedup import Dedup
from oncue.runtime.intake import Intake
from oncue.runtime.making import After, Made, Making
from oncue.store.writer import FULL_PAGES, OWED_PAGES, Unavailable, Writer

log = structlog.get_logger()

BATCH_EVENTS: Final = 500
BATCH_S: Final = 0.02
ASIDE_EVENTS: Final = 200
"""Waiting events from which on a commit is left to the second thread: below, handing over costs more than it saves."""
HOT_AT_ONCE: Final = 8
"""Hot rows that are written with their batch; when more are behind, they are held in segments and written in a pause: each
lies in a page of its own, which the commit would have to write, too."""
RELIEF_S: Final = 0.02
"""Between two looks whether the log of writes has been moved."""
HOT_EVERY_S: Final = 1.0
"""How long hot rows may stay behind while there is no pause."""
PAUSE_S: Final = 0.05
"""Without work, from which on it is a pause: between requests that follow each other closely nothing waits, either."""
IDLE_OVERDUE_S: Final = 30.0
SAYINGS: Final = 500_000
"""Lines that wait for a store that cannot be written: more than a full worker's attempts may tell. Beyond it the oldest go."""
REST_S: Final = 1.0
"""After which runs that stand still are laid to rest; it may take twice as long."""
REST_AT_ONCE: Final = 16
REST_SHARE: Final = 0.3
"""Of the time that a batch took, how much may be spent on that before the next one; `REST_LEAST_S` in any case. It must keep up with
runs that begin as fast as they can: what is let lie leaves holes in memory, twice as large as what rests."""
REST_LEAST_S: Final = 0.002
PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
QUEUE_BYTES: Final = 256 * 1024 * 1024

Done = Callable[[frames.Answer], None]


class Work(msgspec.Struct):
    """A unit that waits, and whom to answer."""

    unit: frames.Submit | frames.Dead
    done: Done
    events: int
    size: int
    """Bytes."""


class InFlight(msgspec.Struct):
    """A batch whose commit is under way in the second thread."""

    turn: int
    making: Making
    made: Made
    works: list[Work]
    answers: list[frames.Answer]
    sayings: list[frames.Saying]
    commit: "Future[float]"
    """Seconds it took."""


class Counters(msgspec.Struct):
    """What the engine counts of itself, for /metrics and `oncue doctor`."""

    events_accepted: int = 0
    events_duplicate: int = 0
    events_rejected: int = 0
    commits: int = 0
    commit_seconds: float = 0.0
    busy_seconds: float = 0.0
    commit_failures: int = 0
    overloads: int = 0


class WriterLoop:
    """Owns state, engine and writer; nothing else in the process touches them while it runs."""

    def __init__(
        self, state: State, writer: Writer, dedup: Dedup, intake: Intake, clock: Clock, reading: SqlEngine, *,
        behind: dict[str, Alert], events_so_far: int, queue_events: int, after_commit: Callable[[After], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.state = state
        self.counters = Counters()
        self.problem: str | None = None
        """Why the store cannot be written at present; None when it can."""
        self._engine = Engine(state)
        self._writer = writer
        self._dedup = dedup
        self._intake = intake
        self._clock = clock
        self._reading = reading
        self._events = events_so_far
        self._queue_events = queue_events
        self._after = after_commit
        self._monotonic = monotonic
        self._urgent: deque[Work] = deque()
        self._normal: deque[Work] = deque()
        self._sayings: deque[frames.Saying] = deque(maxlen=SAYINGS)
        self._queued = 0
        self._queued_bytes = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._failures = 0
        self._retry_at = 0.0
        self._ticks = 0
        self._idle_work: list[Callable[[], None]] = []
        self._aside = ThreadPoolExecutor(1, "commit")
        self._in_flight: InFlight | None = None
        self._behind = behind
        """Alerts whose hot rows are behind what segments hold."""
        self._redriving: set[int] = set()
        self._hot_at = 0.0
        self._busy_at = 0.0
        self._idle_at = monotonic()
        self._turn = 0
        """Counts the batches."""
        self._marks = (0, 0)
        """Turns that were over some time ago, and less long ago."""
        self._marked_at = monotonic()

    # from other threads

    def submit(self, units: Sequence[frames.Submit | frames.Dead], done: Done) -> None:
        """Queue units; `done` is called, in the loop's thread, after the commit or refusal of each."""
        refused: list[frames.Answer] = []
        down = self.problem is not None and self._monotonic() < self._retry_at
        with self._lock:
            for unit in units:
                urgent, size, weight = _measure(unit)
                if down and not urgent:
                    pause_s = max(1.0, self._retry_at - self._monotonic())
                    refused.append(_refused(unit, "store.unavailable", self.problem or "", pause_s))
                elif not urgent and self._is_full(size, weight):
                    self.counters.overloads += 1
                    refused.append(_refused(unit, "ingest.overloaded", f"{self._queued} events wait", 1.0))
                else:
                    self._queued += size
                    self._queued_bytes += weight
                    (self._urgent if urgent else self._normal).append(Work(unit, done, size, weight))
        if len(refused) < len(units):
            self._wake.set()
        for answer in refused:
            done(answer)

    def say(self, sayings: Sequence[frames.Saying]) -> None:
        """Queue what work told: it is written with what is submitted after it, or before."""
        with self._lock:
            self._sayings += sayings
        self._wake.set()

    def _is_full(self, size: int, weight: int) -> bool:
        return self._queued + size > self._queue_events or self._queued_bytes + weight > QUEUE_BYTES

    def stop(self) -> None:
        """Finish what has queued, then end `run`."""
        self._stopping = True
        self._wake.set()

    def retry_now(self) -> None:
        """Try a store that was unavailable again at once."""
        self._retry_at = 0.0
        self._wake.set()

    def resume(self) -> None:
        """Let `run` be called again after it ended."""
        self._stopping = False

    def when_idle(self, work: Callable[[], None]) -> None:
        """Have `work` done in the loop's thread in the next pause: compaction, snapshots, checkpoints.

        If there is none for `IDLE_OVERDUE_S`, an instant in which nothing waits must do.
        """
        self._idle_work.append(work)
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Events in the queue."""
        return self._queued

    # the thread

    def run(self) -> None:
        """Work until `stop`. Anything that is not a refusal of the store ends it: the process must restart."""
        while True:
            wait_s = self._wait_s()
            if wait_s > 0 and not self._waits:
                wait_s = min(wait_s, self._catch_up())
                if self._stopping and self._in_flight is None:
                    return
                if self._rest(REST_LEAST_S):
                    continue
                if self._idle_work:
                    pause_s = self._until_pause_s()
                    if pause_s <= 0 or self._monotonic() - self._idle_at > IDLE_OVERDUE_S:
                        self._idle_at = self._monotonic()
                        self._idle_work.pop(0)()
                        continue
                    wait_s = min(wait_s, pause_s)
                self._wake.wait(wait_s)
            self._wake.clear()
            if self.problem is not None and self._monotonic() < self._retry_at:
                if self._stopping:
                    self._refuse(self._normal)
                    self._refuse(self._urgent)
                    return
                self._refuse(self._normal)
                time.sleep(min(0.05, max(0.0, self._retry_at - self._monotonic())))
                continue
            if self.problem is not None and not self._probe():
                continue
            if self._waits or self._timer_due():
                began = self._monotonic()
                self._batch()
                self._rest(max(REST_LEAST_S, REST_SHARE * (self._monotonic() - began)))

    def _rest(self, for_s: float) -> bool:
        """Lay runs to rest that have stood still for a while. Gives whether there are more."""
        now = self._monotonic()
        if now - self._marked_at > REST_S:
            self._marks, self._marked_at = (self._marks[1], self._turn + 1), now
        before = self._marks[0] if self._in_flight is None else min(self._marks[0], self._in_flight.turn)
        while self.state.runs.rest(before, REST_AT_ONCE) == REST_AT_ONCE:
            if self._monotonic() - now > for_s:
                return True
        return False

    @property
    def _waits(self) -> bool:
        return bool(self._urgent or self._normal or self._sayings)

    def _wait_s(self) -> float:
        at = self.state.next_at()
        if at is None:
            return 1.0
        return min(1.0, (microseconds(at) - self._clock.now()) / 1e6)

    def _timer_due(self) -> bool:
        at = self.state.next_at()
        return at is not None and microseconds(at) <= self._clock.now()

    def _next(self) -> Work | None:
        with self._lock:
            queue = self._urgent or self._normal
            if not queue:
                return None
            work = queue.popleft()
            self._queued -= work.events
            self._queued_bytes -= work.size
            return work

    def _next_sayings(self) -> list[frames.Saying]:
        """What was told before the units that were taken is among it."""
        if not self._sayings:
            return []
        with self._lock:
            taken = list(self._sayings)
            self._sayings.clear()
        return taken

    def _put_back(self, sayings: list[frames.Saying]) -> None:
        with self._lock:
            self._sayings = deque([*sayings, *self._sayings], maxlen=SAYINGS)

    def _refuse(self, queue: deque[Work]) -> None:
        with self._lock:
            works = list(queue)
            queue.clear()
            self._queued -= sum(work.events for work in works)
            self._queued_bytes -= sum(work.size for work in works)
        for work in works:
            work.done(_refused(work.unit, "store.unavailable", self.problem or "", self._pause_s()))

    def _pause_s(self) -> float:
        return PAUSES_S[min(self._failures, len(PAUSES_S)) - 1] if self._failures else PAUSES_S[0]

    def _batch(self) -> None:
        if self._urgent and not self._settle():
            return
        began = self._monotonic()
        self._turn += 1
        self.state.runs.turn = self._turn
        making = Making(
            self.state, self._engine, self._dedup, self._intake, self._clock, self._reading, self._redriving
        )
        works: list[Work] = []
        answers: list[frames.Answer] = []
        size = 0
        while size < BATCH_EVENTS and self._monotonic() - began < BATCH_S:
            work = self._next()
            if work is None:
                break
            works.append(work)
            answers.append(making.unit(work.unit))
            size += work.events
        sayings = self._next_sayings()
        if sayings:
            making.say(sayings)
        if self._timer_due():
            self._ticks += 1
            making.tick(self._ticks)
        self.counters.busy_seconds += self._monotonic() - began
        if not self._settle(making, works, sayings):
            return
        began = self._busy_at = self._monotonic()
        behind = len(self._behind) + making.hot_rows
        hot_too = behind <= HOT_AT_ONCE or not (works or sayings) or began - self._hot_at > HOT_EVERY_S
        if hot_too:
            self._hot_at = began
        made = making.made(self._events, self._behind, hot_too)
        self.counters.busy_seconds += self._monotonic() - began
        if self._queued >= ASIDE_EVENTS:
            self._in_flight = InFlight(
                self._turn, making, made, works, answers, sayings, self._aside.submit(self._commit, made)
            )
            return
        try:
            seconds = self._commit(made)
        except Unavailable as failure:
            making.rollback()
            self._put_back(sayings)
            self._failed(str(failure), works)
        else:
            self._committed(making, made, works, answers, seconds)

    def _commit(self, made: Made) -> float:
        began = self._monotonic()
        if made.segment is not None or made.rows.any():
            self._writer.commit(made.segment, made.rows)
        return self._monotonic() - began

    def _settle(
        self,
        next_making: Making | None = None,
        next_works: Sequence[Work] = (),
        next_sayings: Sequence[frames.Saying] = (),
    ) -> bool:
        """Wait for the commit that is under way. If it failed, so has what was decided after it."""
        flight, self._in_flight = self._in_flight, None
        if flight is None:
            return True
        try:
            seconds = flight.commit.result()
        except Unavailable as failure:
            if next_making is not None:
                next_making.rollback()
            flight.making.rollback()
            self._put_back([*flight.sayings, *next_sayings])
            self._failed(str(failure), [*flight.works, *next_works])
            return False
        self._committed(flight.making, flight.made, flight.works, flight.answers, seconds)
        return True

    def _committed(
        self, making: Making, made: Made, works: list[Work], answers: list[frames.Answer], seconds: float
    ) -> None:
        counters = self.counters
        counters.commit_seconds += seconds
        counters.commits += 1
        counters.events_accepted += making.accepted
        counters.events_duplicate += making.duplicates
        counters.events_rejected += making.rejected
        making.committed()
        self._failures = 0
        if made.segment is not None:
            self._events = made.segment.events
        for id in made.hot_gone:
            self._behind.pop(id, None)
        self._behind.update(made.hot)
        for work, answer in zip(works, answers, strict=True):
            work.done(answer)
        self._after(made.after)
        self._writer.driver.relieve(FULL_PAGES)

    def _catch_up(self) -> float:
        """Nothing waits: no commit stays under way, and, if the pause lasts, no hot row behind and no long log of writes.

        Gives how many seconds the loop may sleep.
        """
        if not self._settle() or self.problem is not None:
            return 1.0
        owes = self._writer.driver.owes()
        if not self._behind and not owes:
            return 1.0
        pause_s = self._until_pause_s()
        if pause_s > 0 and not self._stopping:
            return pause_s
        if self._behind:
            self._batch()
        elif self._writer.driver.relieve(OWED_PAGES):
            return RELIEF_S
        return 0.0

    def _until_pause_s(self) -> float:
        """Seconds until it counts as a pause that nothing waits; none are left if it does already."""
        return PAUSE_S - (self._monotonic() - self._busy_at)

    def _probe(self) -> bool:
        """Whether the store can be written again. Asked even if nothing waits, so that readiness comes back by itself."""
        try:
            self._writer.probe()
        except Unavailable as failure:
            self._failed(str(failure), [])
            return False
        log.info("store available again")
        self.problem = None  # the next commit shows whether it holds: until then the pauses go on growing
        return True

    def _failed(self, reason: str, works: list[Work]) -> None:
        self._failures += 1
        self.counters.commit_failures += 1
        pause_s = self._pause_s()
        self._retry_at = self._monotonic() + pause_s
        if self.problem is None:
            log.error("store unavailable", reason=reason)
        self.problem = reason
        for work in works:
            work.done(_refused(work.unit, "store.unavailable", reason, max(1.0, pause_s)))


def _measure(unit: frames.Submit | frames.Dead) -> tuple[bool, int, int]:
    """(whether it is urgent, its events, their bytes)."""
    if isinstance(unit, frames.Submit):
        return unit.urgent, len(unit), len(unit.text)
    return False, len(unit.letters), sum(len(letter[3]) for letter in unit.letters)


def _refused(unit: frames.Submit | frames.Dead, code: str, detail: str, retry_after_s: float) -> frames.Answer:
    return frames.Answer(unit.seq, error=(code, detail), retry_after_s=retry_after_s)
