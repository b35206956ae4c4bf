"""Runs that have not ended. Most of them stand still, for days: those rest, packed, and cost a few hundred bytes each.

What rests is a way to keep rows, and nothing that a decision can see: whoever asks for a run gets it awake, with its steps,
its waits and its timers where they always are. Whoever keeps the state says when runs may be laid to rest; nobody has to.
"""

import heapq
import zlib
from collections import OrderedDict
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from oncue.core.run import Run, Step
from oncue.core.timer import Timer
from oncue.core.waiting import EventWait

if TYPE_CHECKING:
    from oncue.core.state import State

STEPS_LIMIT: Final = 32
"""Steps up to which a run rests: one that has more is waited for too long when it wakes."""
LASTING_OF_RUN: Final = ("run.deadline", "run.stuck", "run.queue")
LASTING_OF_STEP: Final = ("run.wait", "run.look")
LASTING: Final = LASTING_OF_RUN + LASTING_OF_STEP
"""Timers of runs and of steps that may be due much later."""
MOVING: Final = ("run.go", "run.undo", "run.admit")
"""Timers of a run that is about to move."""
VOID_LIMIT: Final = 1_000
"""How many entries of runs that have woken may lie about, beside as many as there are runs that rest."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_RANK: Final = 20
_HEAD: Final = _RANK + 4
_NEVER: Final = b"\xff" * _RANK
_WINDOW: Final = -13
"""A raw deflate stream that looks back 8 KiB."""

_entities: Final = msgspec.json.Decoder(tuple[Run, list[Step]])
_cells: Final = msgspec.msgpack.Decoder(tuple[dict[str, EventWait], list[Timer]])


class Rows(msgspec.Struct, frozen=True):
    """All that a run consists of in the live state, but for what is its workflow's."""

    run: Run
    steps: list[Step]
    waits: dict[str, EventWait]
    """By the steps' ids."""
    timers: list[Timer]

    def content(self) -> bytes:
        """They are encoded as the store encodes them: what comes back is what a restart would read."""
        entities = msgspec.json.encode((self.run, self.steps))
        return len(entities).to_bytes(4, "big") + entities + msgspec.msgpack.encode((self.waits, self.timers))

    def rank(self) -> bytes:
        """When the first of its timers fires among others; `_NEVER` if it has none."""
        if not self.timers:
            return _NEVER
        return _rank(min(self.timers, key=lambda timer: (timer.due_at, timer.created, timer.index)))


def _rows(content: bytes) -> Rows:
    end = 4 + int.from_bytes(content[:4], "big")
    return Rows(*_entities.decode(content[4:end]), *_cells.decode(content[end:]))


def _rank(timer: Timer) -> bytes:
    """Sorts as timers fire: by (due_at, created, index)."""
    return _instant(timer.due_at) + timer.created.to_bytes(8, "big") + timer.index.to_bytes(4, "big")


def _instant(at: datetime) -> bytes:
    return ((at - _EPOCH) // _MICROSECOND).to_bytes(8, "big")


class _Kin:
    """Runs of the same version of a workflow have most of their bytes in common: those of the first one that rests."""

    __slots__ = ("common", "resting")

    def __init__(self, common: bytes) -> None:
        self.common = common
        self.resting = 0


class Runs(MutableMapping[str, Run]):
    """Runs that have not ended, by id."""

    def __init__(self, state: "State") -> None:
        self.turn = 0
        """Counted up by whoever lays runs to rest; a run that is asked for belongs to the present one."""
        self.resting_bytes = 0
        """What those that rest take, but for what look-ups need."""
        self._state = state
        self._awake: dict[str, Run] = {}
        self._packs: dict[str, bytes] = {}
        """Run -> rank of its first timer, number of its kin, compressed rows."""
        self._asked: OrderedDict[str, int] = OrderedDict()
        """Run that is awake -> the turn in which it was last asked for, the oldest first."""
        self._due: list[bytes] = []
        """A heap of rank and id of what rests. Of those that have woken void entries may lie about."""
        self._kin: dict[int, _Kin] = {}
        self._kin_of: dict[str, int] = {}
        """Version of a workflow -> its number in `_kin`."""
        self._kins = 0

    @property
    def resting(self) -> int:
        """How many rest."""
        return len(self._packs)

    # as a mapping

    def __getitem__(self, id: str) -> Run:
        run = self._awake.get(id)
        if run is None:
            run = self._wake(id)
        self._asked[id] = self.turn
        self._asked.move_to_end(id)
        return run

    def __setitem__(self, id: str, run: Run) -> None:
        self._awake[id] = run
        self._asked[id] = self.turn
        self._asked.move_to_end(id)

    def __delitem__(self, id: str) -> None:
        if id in self._packs:
            self._wake(id)
        del self._awake[id]
        self._asked.pop(id, None)

    def __contains__(self, id: object) -> bool:
        return id in self._awake or id in self._packs

    def __iter__(self) -> Iterator[str]:
        yield from [*self._awake, *self._packs]

    def __len__(self) -> int:
        return len(self._awake) + len(self._packs)

    def awake(self) -> dict[str, Run]:
        """Those that do not rest."""
        return dict(self._awake)

    # rest

    def rest(self, before: int, limit: int) -> int:
        """Lay runs to rest that nobody has asked for since the turn `before`, at most `limit` of them. Gives how many were
        looked at.

        What is not committed may have to be undone, and names rows: no turn from `before` back may be open.
        """
        looked = 0
        while looked < limit and self._asked:
            id = next(iter(self._asked))
            if self._asked[id] >= before:
                break
            del self._asked[id]
            looked += 1
            self._lay_down(id)
        return looked

    def _lay_down(self, id: str) -> None:
        state = self._state
        steps = state.steps_of.get(id, {})
        moving = any(f"{what}/{id}" in state.timers.by_key for what in MOVING)
        if len(steps) > STEPS_LIMIT or moving:
            return
        rows = self._collect(id, steps)
        rank = rows.rank()
        if rank[:8] <= _instant(state.now):
            return
        self._put(rows, rank)
        del self._awake[id]
        for step in rows.steps:
            del state.entities["step"][step.id]
        state.steps_of.pop(id, None)
        for key in rows.waits:
            del state.cells["wait"][key]
        for timer in rows.timers:
            state.timers.drop(timer.key)

    def _collect(self, id: str, steps: dict[str, Step]) -> Rows:
        state = self._state
        run = self._awake[id]
        keys = [f"{what}/{id}" for what in LASTING_OF_RUN]
        keys += [f"{what}/{step.id}" for step in steps.values() for what in LASTING_OF_STEP]
        timers = [timer for key in keys if (timer := state.timers.by_key.get(key)) is not None]
        return Rows(run, list(steps.values()), {key: state.cells["wait"][key] for key in state.waits_of(run)}, timers)

    def _put(self, rows: Rows, rank: bytes) -> None:
        content, version = rows.content(), rows.run.version
        number = self._kin_of.get(version)
        if number is None:
            self._kins += 1
            number = self._kin_of[version] = self._kins
            self._kin[number] = _Kin(content)
        kin = self._kin[number]
        kin.resting += 1
        press = zlib.compressobj(6, zlib.DEFLATED, _WINDOW, 5, zlib.Z_DEFAULT_STRATEGY, kin.common)
        packed = press.compress(content) + press.flush()
        self._packs[rows.run.id] = rank + number.to_bytes(4, "big") + packed
        self.resting_bytes += _HEAD + len(packed)
        if rank != _NEVER:
            heapq.heappush(self._due, rank + rows.run.id.encode())
            if len(self._due) > 2 * len(self._packs) + VOID_LIMIT:
                self._due = [entry for entry in self._due if self._stands(entry)]
                heapq.heapify(self._due)

    def _unpacked(self, pack: bytes) -> Rows:
        kin = self._kin[int.from_bytes(pack[_RANK:_HEAD], "big")]
        return _rows(zlib.decompressobj(_WINDOW, kin.common).decompress(pack[_HEAD:]))

    def rows(self) -> Iterator[Rows]:
        """The rows of all that rest, without waking them."""
        return map(self._unpacked, self._packs.values())

    def _wake(self, id: str) -> Run:
        pack = self._packs.pop(id)
        self.resting_bytes -= len(pack)
        rows, state = self._unpacked(pack), self._state
        number = int.from_bytes(pack[_RANK:_HEAD], "big")
        kin = self._kin[number]
        kin.resting -= 1
        if not kin.resting:
            del self._kin[number], self._kin_of[rows.run.version]
        self[id] = rows.run
        state.steps_of[id] = {step.address: step for step in rows.steps}
        for step in rows.steps:
            state.entities["step"][step.id] = step
        state.cells["wait"].update(rows.waits)
        for timer in rows.timers:
            state.timers.put(timer)
        return rows.run

    # time

    def next_at(self) -> datetime | None:
        """When the first timer of one that rests is due; None if none has any."""
        if not self._first():
            return None
        return _EPOCH + timedelta(microseconds=int.from_bytes(self._due[0][:8], "big"))

    def wake_next(self, until: datetime, timer: Timer | None) -> bool:
        """Wake the one whose timer fires next, if it is due by then and fires before `timer`. Gives whether there was one."""
        if not self._due or self._due[0][:8] > _instant(until) or not self._first():
            return False
        entry = self._due[0]
        if entry[:8] > _instant(until) or (timer is not None and entry[:_RANK] > _rank(timer)):
            return False
        heapq.heappop(self._due)
        self._wake(entry[_RANK:].decode())
        return True

    def _first(self) -> bool:
        """Whether there is one, at the top of the heap."""
        while self._due and not self._stands(self._due[0]):
            heapq.heappop(self._due)
        return bool(self._due)

    def _stands(self, entry: bytes) -> bool:
        return self._packs.get(entry[_RANK:].decode(), b"")[:_RANK] == entry[:_RANK]
