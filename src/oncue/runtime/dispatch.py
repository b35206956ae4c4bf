"""Hands effects to workers: leases, their expiry, and what a lost worker leaves behind.

Lives in the event loop of the engine's process. It decides nothing about an effect but who tries it now. What hangs must
not keep others waiting: no more than a share of a worker's slots goes to actions, to one way of notifying, or to one
channel, so that people are told while workflows wait for an hour or the mail relay for a minute. A lease that runs out, or whose worker is gone, passes to the next worker under a new token, unless the work may not be done twice and
had begun; then the engine is told that its outcome is unknown. Work whose worker is lost again and again may be what ends it:
then it fails, so that others are not held up for ever.
"""

import asyncio
import heapq
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import msgspec

from oncue.core.effect import Effect
from oncue.runtime import frames
from oncue.runtime.clock import Clock, microseconds

GRACE_S: Final = 30.0
LOSSES: Final = 5
"""Workers that one attempt may lose."""
SHARES: Final = {"action": 2, "notifier": 4, "channel": 16, "itsm": 8, "mirror": 16}
"""What part of a worker's slots may be taken by all actions, by all that one notifier sends, by one channel, by all ticket
mirrors of one kind of system, and by one of them: a half, a quarter, a sixteenth, an eighth, a sixteenth; one slot at the
least."""
ACTIONS: Final = ("action", "")
"""The lane of all actions."""
_Taken = dict[int, Counter[tuple[str, str]]]
"""By worker, how much it has in hand of each share."""

_decode: Final = msgspec.json.Decoder(Effect).decode


class Handle(Protocol):
    """Something that will happen, and can be called off."""

    def cancel(self) -> None: ...


def _new_token() -> str:
    return secrets.token_hex(8)


def _call_later(delay_s: float, what: Callable[[], None]) -> Handle:
    return asyncio.get_running_loop().call_later(delay_s, what)


class Lease(msgspec.Struct):
    """An effect in a worker's hands."""

    token: str
    effect: str
    attempt: int
    worker: "Worker"
    expires: float
    """Monotonic seconds."""
    leased_at: int
    """Microseconds since 1970 UTC."""


def _uses(effect: Effect) -> tuple[tuple[str, str], ...]:
    """What an effect takes a share of: rows of `SHARES`, and of which; the last one names its lane."""
    if effect.kind == "action":
        return (ACTIONS,)
    if effect.kind == "itsm":
        return (("itsm", effect.uses), ("mirror", str(effect.payload.get("mirror"))))
    return (("notifier", effect.uses), ("channel", str(effect.payload.get("channel"))))


class Worker:
    """A connected worker: how many more effects it takes, and how to reach it."""

    def __init__(self, name: str, send: Callable[[frames.Frame], None]) -> None:
        self.name = name
        self.slots = 0
        self.send = send


class Dispatcher:
    """The effects that wait, and the leases that run."""

    def __init__(
        self, clock: Clock, lost: Callable[[Effect, str], None], *,
        later: Callable[[float, Callable[[], None]], Handle] | None = None,
        monotonic: Callable[[], float] = time.monotonic, token: Callable[[], str] = _new_token,
    ) -> None:  # fmt: skip
        """`lost` is told of an effect that is given up, and why, `worker.lost` or `timeout.start`. `later` calls back after so many
        seconds; the running event loop's `call_later` unless given."""
        self._clock = clock
        self._lost = lost
        self._later = later or _call_later
        self._monotonic = monotonic
        self._token = token
        self._bodies: dict[str, tuple[Effect, bytes]] = {}
        self._due: dict[tuple[str, str], list[tuple[int, str, int]]] = {}
        """What waits, by lane: all actions, or a channel's notifications."""
        self._starts: list[tuple[int, str, int]] = []
        """What may not wait for ever, by when its time to be taken is over."""
        self._leases: dict[str, Lease] = {}
        self._by_effect: dict[str, Lease] = {}
        self._workers: dict[int, Worker] = {}
        self._handle: Handle | None = None
        self._losses: Counter[str] = Counter()
        """Workers that were lost while they had a pending effect's present attempt."""
        self._handed: set[str] = set()
        """Pending effects that a worker had before, or may have had before this process began."""

    def handed(self, id: str) -> bool:
        """Whether a worker had the pending effect before, or may have had it before this process began."""
        return id in self._handed

    @property
    def pending(self) -> int:
        """Effects that have no final result."""
        return len(self._bodies)

    @property
    def overdue_s(self) -> float:
        """For how many seconds the effect that has waited the longest could have been taken, and was not. What waits
        because its own channel or notifier has enough in hand is not meant.
        """
        oldest, taken = 0.0, self._taken()
        free = [number for number, worker in self._workers.items() if worker.slots > 0]
        for lane, row in self._due.items():
            while row:
                due, id, attempt = row[0]
                if self._waits(id, attempt):
                    uses = _uses(self._bodies[id][0])
                    if lane != ACTIONS and free and not any(self._room(n, taken, uses) for n in free):
                        break
                    oldest = max(oldest, (self._clock.now() - due) / 1e6)
                    break
                heapq.heappop(row)
        return oldest

    @property
    def workers(self) -> list[str]:
        """Names of the connected workers."""
        return [worker.name for worker in self._workers.values()]

    def held(self, ids: Iterable[str]) -> list[frames.Held]:
        """In whose hands these effects are, and what keeps those from being taken that nobody has. Left out is what is over,
        and what waits for its time.
        """
        now, taken = self._clock.now(), self._taken()
        found = []
        for id in ids:
            effect, lease = self._bodies[id][0] if id in self._bodies else None, self._by_effect.get(id)
            if lease is not None:
                until = now + int((lease.expires - self._monotonic()) * 1e6)
                found.append(frames.Held(id, lease.attempt, lease.worker.name, lease.leased_at, until))
            elif effect is not None and microseconds(effect.not_before_at) <= now:
                lacks, under_way = self._lacking(taken, _uses(effect))
                found.append(frames.Held(id, effect.attempt, lacks=lacks, under_way=under_way))
        return found

    def _lacking(self, taken: _Taken, uses: tuple[tuple[str, str], ...]) -> tuple[frames.Lacks, int]:
        """What keeps what takes these shares from being taken, and how much is under way there."""
        if not self._workers:
            return "worker", 0
        free = [number for number, worker in self._workers.items() if worker.slots > 0]
        if not free:
            return "slot", len(self._leases)
        if any(self._room(number, taken, uses) for number in free):
            return "", 0
        return "share", max(sum(in_hand[one] for in_hand in taken.values()) for one in uses)

    def recover(self, items: list[tuple[str, str, bytes]]) -> None:
        """Effects that an earlier process left: (id, state, JSON). Which of them workers had is not known."""
        self._handed.update(id for id, _, _ in items)
        self.changed(items)

    def changed(self, items: list[tuple[str, str, bytes]]) -> None:
        """Effects were saved: (id, state, JSON)."""
        for id, state, body in items:
            if state != "pending":
                self._bodies.pop(id, None)
                self._handed.discard(id)
                self._losses.pop(id, None)
                lease = self._by_effect.pop(id, None)
                if lease is not None:
                    del self._leases[lease.token]
                    if state == "cancelled":
                        lease.worker.send(frames.Cancel([lease.token]))
                continue
            effect = _decode(body)
            known = self._bodies.get(id)
            self._bodies[id] = (effect, body)
            lease = self._by_effect.get(id)
            if lease is not None and lease.attempt == effect.attempt:
                continue
            if lease is not None:
                self._by_effect.pop(id)
                del self._leases[lease.token]
            if known is None or known[0].attempt != effect.attempt:
                self._losses.pop(id, None)
                self._queue(effect, microseconds(effect.not_before_at))
        self._go()

    def offer(self, connection: int, name: str, slots: int, send: Callable[[frames.Frame], None]) -> None:
        """A worker can take up to `slots` effects now."""
        worker = self._workers.setdefault(connection, Worker(name, send))
        worker.slots = slots
        self._go()

    def gone(self, connection: int) -> None:
        """A worker's connection has ended."""
        worker = self._workers.pop(connection, None)
        for lease in [lease for lease in self._leases.values() if lease.worker is worker]:
            self._losses[lease.effect] += 1
            self._end(lease)
        self._go()

    def _end(self, lease: Lease) -> None:
        del self._leases[lease.token]
        self._by_effect.pop(lease.effect, None)
        known = self._bodies.get(lease.effect)
        if known is None:
            return
        effect = known[0]
        if _has_begun(effect) or self._losses[effect.id] >= LOSSES:
            self._lost(effect, "worker.lost")
        else:
            self._queue(effect, self._clock.now())

    def _queue(self, effect: Effect, due: int) -> None:
        heapq.heappush(self._due.setdefault(_uses(effect)[-1], []), (due, effect.id, effect.attempt))
        if effect.start_within_s is not None:
            until = microseconds(effect.not_before_at) + int(effect.start_within_s * 1e6)
            heapq.heappush(self._starts, (until, effect.id, effect.attempt))

    def _waits(self, id: str, attempt: int) -> bool:
        """Whether this attempt is still wanted, and in nobody's hands."""
        known = self._bodies.get(id)
        return known is not None and known[0].attempt == attempt and id not in self._by_effect

    def _go(self) -> None:
        """Hand out what is due, and look again when the next is."""
        now = self._clock.now()
        monotonic = self._monotonic()
        for lease in [lease for lease in self._leases.values() if lease.expires <= monotonic]:
            lease.worker.send(frames.Cancel([lease.token]))
            self._end(lease)
        while self._starts and self._starts[0][0] <= now:
            _, id, attempt = heapq.heappop(self._starts)
            if self._waits(id, attempt):
                effect = self._bodies.pop(id)[0]
                self._lost(effect, "timeout.start")
        batches: dict[int, list[tuple[str, bytes, bool]]] = {}
        taken = self._taken()
        heads = [(row[0][0], lane) for lane, row in self._due.items() if row and row[0][0] <= now]
        heapq.heapify(heads)
        while heads and any(worker.slots > 0 for worker in self._workers.values()):
            _, lane = heapq.heappop(heads)
            row = self._due[lane]
            _, id, attempt = row[0]
            if self._waits(id, attempt):
                known = self._bodies[id]
                uses = _uses(known[0])
                number = next((n for n in self._workers if self._room(n, taken, uses)), None)
                if number is None:
                    continue  # its lane waits until something ends
                worker = self._workers[number]
                lease = Lease(self._token(), id, attempt, worker, monotonic + known[0].timeout_s + GRACE_S, now)
                self._leases[lease.token] = self._by_effect[id] = lease
                worker.slots -= 1
                taken[number].update(uses)
                batches.setdefault(number, []).append((lease.token, known[1], id in self._handed))
                self._handed.add(id)
            heapq.heappop(row)
            if row and row[0][0] <= now:
                heapq.heappush(heads, (row[0][0], lane))
        self._due = {lane: row for lane, row in self._due.items() if row}
        for number, items in batches.items():
            self._workers[number].send(frames.Leased(items))
        self._schedule(now, monotonic)

    def _taken(self) -> _Taken:
        """What is in each worker's hands, by what it takes a share of."""
        taken: _Taken = {number: Counter() for number in self._workers}
        numbers = {id(worker): number for number, worker in self._workers.items()}
        for lease in self._leases.values():
            known = self._bodies.get(lease.effect)
            number = numbers.get(id(lease.worker))
            if known is not None and number is not None:
                taken[number].update(_uses(known[0]))
        return taken

    def _room(self, number: int, taken: _Taken, uses: tuple[tuple[str, str], ...]) -> bool:
        """Whether the worker has a slot for what takes these shares."""
        free, in_hand = self._workers[number].slots, taken[number]
        total = free + sum(count for (share, _), count in in_hand.items() if share != "channel")
        return free > 0 and all(in_hand[one] < max(1, total // SHARES[one[0]]) for one in uses)

    def _schedule(self, now: int, monotonic: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        waits: list[float] = []
        if any(worker.slots > 0 for worker in self._workers.values()):
            # What is due and has no room waits for something to end, which is told.
            waits += [(row[0][0] - now) / 1e6 for row in self._due.values() if row[0][0] > now]
        if self._starts:
            waits.append(max(0.0, (self._starts[0][0] - now) / 1e6))
        if self._leases:
            waits.append(max(0.0, min(lease.expires for lease in self._leases.values()) - monotonic))
        if waits:
            self._handle = self._later(min(*waits, 60.0), self._go)


def _has_begun(effect: Effect) -> bool:
    """Whether it must not be done again, for it may have been."""
    return effect.effect_class == "at-most-once" and effect.started_token is not None


def lost(effect: Effect, code: str, *, handed: bool = True) -> dict[str, Any]:
    """The result of work that is not handed out (again): `worker.lost`, or `timeout.start` if nobody could take it. What was
    never `handed` to anyone is known to have changed nothing.
    """
    if code == "timeout.start":
        outcome, detail = "failed", f"no worker had room for it within {effect.start_within_s:g} s"
    elif _has_begun(effect):
        outcome, detail = "unknown", "the worker was lost while it did this; whether it was done is not known"
    else:
        outcome, detail = "failed", f"{LOSSES} workers were lost while they did this; it may be what ends them"
    return {
        "effect": effect.id,
        "attempt": effect.attempt,
        "outcome": outcome,
        "error_code": code,
        "detail": detail,
        "transient": code == "timeout.start",
        **({} if handed else {"nothing_done": True}),
    }
