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

from oncue.core.effect import Effect, spoken_labels
from oncue.runtime import frames
from oncue.runtime.clock import Clock, microseconds
from oncue.runtime.lane import Lane, Waiting

GRACE_S: Final = 30.0
LOOK_S: Final = 60.0
"""Between two looks at what is due, at the most."""
ENDED: Final = 256
"""Leases that are over and still known of, at the most, beside as many as run."""
LOSSES: Final = 5
"""Workers that one attempt may lose."""
SHARES: Final = {"action": 2, "notifier": 4, "channel": 16, "itsm": 8, "mirror": 16}
"""What part of a worker's slots may be taken by all actions, by all that one notifier sends, by one channel, by all ticket
mirrors of one kind of system, and by one of them: a half, a quarter, a sixteenth, an eighth, a sixteenth; one slot at the
least."""
ACTIONS: Final = ("action", "")
"""The lane of all actions."""
_Labels = tuple[tuple[str, str], ...]
_Lanes = dict[tuple[tuple[str, str], _Labels], Lane]
_Uses = tuple[tuple[str, str], ...]
"""What an effect takes a share of: rows of `SHARES`, and of which; the last one names its lane."""

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
    uses: _Uses
    expires: float
    """Monotonic seconds."""
    leased_at: int
    """Microseconds since 1970 UTC."""


def _uses(effect: Effect) -> _Uses:
    if effect.kind == "action":
        return (ACTIONS,)
    if effect.kind == "itsm":
        return (("itsm", effect.uses), ("mirror", str(effect.payload.get("mirror"))))
    return (("notifier", effect.uses), ("channel", str(effect.payload.get("channel"))))


def _labels(effect: Effect) -> _Labels:
    return tuple(sorted(effect.labels.items())) if effect.labels else ()


class Worker:
    """A connected worker: how many more effects it takes, what it has in hand, and how to reach it."""

    def __init__(
        self, name: str, send: Callable[[frames.Frame], None], labels: dict[str, str], connected_at: int
    ) -> None:
        self.name = name
        self.connected_at = connected_at
        """Microseconds since 1970 UTC."""
        self.labels = labels
        """What it says of itself."""
        self.slots = 0
        self.send = send
        self.leases = 0
        self.in_hand: Counter[tuple[str, str]] = Counter()
        """How much of each share."""
        self.heard = 0.0
        """When it last said that it is there, in monotonic seconds."""

    @property
    def described(self) -> str:
        """Its name and labels."""
        return f"{self.name} ({spoken_labels(self.labels) or 'no labels'})"

    def has(self, labels: _Labels) -> bool:
        """Whether it says all this of itself."""
        return all(self.labels.get(name) == value for name, value in labels)

    def has_room(self, uses: _Uses) -> bool:
        """Whether it has a slot for what takes these shares."""
        total = self.slots + self.leases
        return self.slots > 0 and all(self.in_hand[one] < max(1, total // SHARES[one[0]]) for one in uses)


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
        self._due: _Lanes = {}
        """What waits: all actions that ask for the same labels, or a channel's notifications."""
        self._apart: _Lanes = {}
        """What waits for labels that no connected worker has: not looked at before one connects."""
        self._tidied_at = 0.0
        """When `_apart` was last rid of what is not wanted any more, in monotonic seconds."""
        self._starts: list[tuple[int, str, int]] = []
        """What may not wait for ever, by when its time to be taken is over."""
        self._ends: list[tuple[float, str]] = []
        """When leases expire, by the monotonic clock, and their tokens; those that are over are passed by."""
        self._leases: dict[str, Lease] = {}
        self._by_effect: dict[str, Lease] = {}
        self._workers: dict[int, Worker] = {}
        self._handle: Handle | None = None
        self._looks_at = 0.0
        """When `_handle` has it look again, in monotonic seconds."""
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
        because its own channel or notifier has enough in hand, or no worker has its labels, is not meant.
        """
        oldest, now = 0.0, self._clock.now()
        for (share, labels), row in (self._due if self._workers else self._apart).items():
            if (one := row.oldest(now)) is None:
                continue
            uses = _uses(self._bodies[one.id][0])
            able = [worker for worker in self._workers.values() if worker.has(labels)]
            speaking = [worker for worker in able if not self._silent_s(worker)]
            free = [worker for worker in speaking if worker.slots > 0]
            if share != ACTIONS and free:
                overdue = any(worker.has_room(uses) for worker in free)
            else:
                overdue = bool(able) or not self._workers
            if overdue:
                oldest = max(oldest, (now - one.due) / 1e6)
        return oldest

    @property
    def workers(self) -> dict[str, float]:
        """The connected workers, and for how many seconds each has said nothing."""
        now = self._monotonic()
        return {worker.name: round(max(0.0, now - worker.heard), 1) for worker in self._workers.values()}

    def held(self, ids: Iterable[str]) -> list[frames.Held]:
        """In whose hands these effects are, and what keeps those from being taken that nobody has. Left out is what is over,
        and what waits for its time.
        """
        now, found = self._clock.now(), []
        for id in ids:
            effect, lease = self._bodies[id][0] if id in self._bodies else None, self._by_effect.get(id)
            if lease is not None:
                until = now + int((lease.expires - self._monotonic()) * 1e6)
                silent_s = self._silent_s(lease.worker)
                found.append(
                    frames.Held(id, lease.attempt, lease.worker.name, lease.leased_at, until, silent_s=silent_s)
                )
            elif effect is not None and microseconds(effect.not_before_at) <= now:
                found.append(self._lacking(effect))
        return found

    def working(self) -> list[frames.Working]:
        """The connected workers by name, and what each has in hand."""
        now, monotonic = self._clock.now(), self._monotonic()
        taken: dict[int, list[frames.Taken]] = {id(worker): [] for worker in self._workers.values()}
        for lease in sorted(self._leases.values(), key=lambda one: (one.leased_at, one.effect)):
            effect, until = self._bodies[lease.effect][0], now + int((lease.expires - monotonic) * 1e6)
            taken[id(lease.worker)].append(
                frames.Taken(
                    effect.id, effect.namespace, effect.uses, lease.attempt, effect.run, effect.step, lease.leased_at, until
                )
            )  # fmt: skip
        return [
            frames.Working(
                worker.name, worker.labels, worker.connected_at, now - int((monotonic - worker.heard) * 1e6),
                bool(self._silent_s(worker)), worker.slots, taken[id(worker)],
            )
            for worker in sorted(self._workers.values(), key=lambda one: one.name)
        ]  # fmt: skip

    def _silent_s(self, worker: Worker) -> float:
        """For how long a worker has said nothing that should have; 0 of one that speaks."""
        silent_s = self._monotonic() - worker.heard
        return silent_s if silent_s > frames.SILENT_S else 0.0

    def _lacking(self, effect: Effect) -> frames.Held:
        """What keeps an effect that is in nobody's hands from being taken."""
        uses, labels = _uses(effect), _labels(effect)
        held = frames.Held(effect.id, effect.attempt)
        able = [worker for worker in self._workers.values() if worker.has(labels)]
        speaking = [worker for worker in able if not self._silent_s(worker)]
        if not self._workers:
            held.lacks = "worker"
        elif not able:
            held.lacks, held.connected = "labels", [worker.described for worker in self._workers.values()]
        elif not speaking:
            held.lacks, held.silent_s = "word", min(map(self._silent_s, able))
        elif not any(worker.slots > 0 for worker in speaking):
            held.lacks, held.under_way = "slot", sum(worker.leases for worker in speaking)
        elif not any(worker.has_room(uses) for worker in speaking):
            held.lacks, held.under_way = "share", max(sum(worker.in_hand[one] for worker in speaking) for one in uses)
        return held

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
                lease = self._by_effect.get(id)
                if lease is not None:
                    self._release(lease)
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
                self._release(lease)
            if known is None or known[0].attempt != effect.attempt:
                self._losses.pop(id, None)
                self._queue(effect, microseconds(effect.not_before_at))
        self._go()

    def offer(
        self, connection: int, name: str, slots: int, send: Callable[[frames.Frame], None], labels: dict[str, str]
    ) -> None:
        """A worker that says this of itself can take up to `slots` effects now."""
        if (worker := self._workers.get(connection)) is None:
            worker = self._workers[connection] = Worker(name, send, labels, self._clock.now())
            self._part()
        worker.slots = slots
        worker.heard = self._monotonic()
        self._go()

    def gone(self, connection: int) -> None:
        """A connection has ended, perhaps a worker's."""
        worker = self._workers.pop(connection, None)
        if worker is None:
            return
        for lease in [lease for lease in self._leases.values() if lease.worker is worker]:
            self._losses[lease.effect] += 1
            self._end(lease)
        self._part()
        self._go()

    def _lease(self, worker: Worker, effect: Effect, uses: _Uses, now: int, monotonic: float) -> Lease:
        expires = monotonic + effect.timeout_s + GRACE_S
        lease = Lease(self._token(), effect.id, effect.attempt, worker, uses, expires, now)
        self._leases[lease.token] = self._by_effect[effect.id] = lease
        heapq.heappush(self._ends, (expires, lease.token))
        worker.slots -= 1
        worker.leases += 1
        for one in uses:
            worker.in_hand[one] += 1
        return lease

    def _release(self, lease: Lease) -> None:
        del self._leases[lease.token]
        del self._by_effect[lease.effect]
        lease.worker.leases -= 1
        for one in lease.uses:
            lease.worker.in_hand[one] -= 1
        if len(self._ends) > 2 * len(self._leases) + ENDED:
            self._ends = [end for end in self._ends if end[1] in self._leases]
            heapq.heapify(self._ends)

    def _end(self, lease: Lease) -> None:
        self._release(lease)
        known = self._bodies.get(lease.effect)
        if known is None:
            return
        effect = known[0]
        if _has_begun(effect) or self._losses[effect.id] >= LOSSES:
            self._lost(effect, "worker.lost")
        else:
            self._queue(effect, self._clock.now())

    def _queue(self, effect: Effect, due: int) -> None:
        lane = _uses(effect)[-1], _labels(effect)
        if (row := self._due.get(lane) or self._apart.get(lane)) is None:
            row = self._lanes(lane[1])[lane] = Lane(self._waits)
        row.add(Waiting(effect.priority, due, effect.id, effect.attempt))
        if effect.start_within_s is not None:
            until = microseconds(effect.not_before_at) + int(effect.start_within_s * 1e6)
            heapq.heappush(self._starts, (until, effect.id, effect.attempt))

    def _lanes(self, labels: _Labels) -> _Lanes:
        """Where what asks for these labels waits."""
        return self._due if any(worker.has(labels) for worker in self._workers.values()) else self._apart

    def _part(self) -> None:
        """Set apart what no connected worker has the labels of, and take back what one has."""
        lanes, now = {**self._due, **self._apart}, self._clock.now()
        self._due, self._apart, self._tidied_at = {}, {}, self._monotonic()
        for lane, row in lanes.items():
            row.head(now)
            if row:
                self._lanes(lane[1])[lane] = row

    def _waits(self, id: str, attempt: int) -> bool:
        """Whether this attempt is still wanted, and in nobody's hands."""
        known = self._bodies.get(id)
        return known is not None and known[0].attempt == attempt and id not in self._by_effect

    def _go(self) -> None:
        """Hand out what is due, and look again when the next is."""
        now = self._clock.now()
        monotonic = self._monotonic()
        while self._ends and (self._ends[0][0] <= monotonic or self._ends[0][1] not in self._leases):
            _, token = heapq.heappop(self._ends)
            lease = self._leases.get(token)
            if lease is not None:
                lease.worker.send(frames.Cancel([token]))
                self._end(lease)
        while self._starts and self._starts[0][0] <= now:
            _, id, attempt = heapq.heappop(self._starts)
            if self._waits(id, attempt):
                effect = self._bodies.pop(id)[0]
                self._lost(effect, "timeout.start")
        batches: dict[int, list[tuple[str, bytes, bool]]] = {}
        speaking = [(n, worker) for n, worker in self._workers.items() if not self._silent_s(worker)]
        heads = [(one, lane) for lane, row in self._due.items() if (one := row.head(now)) is not None]
        heapq.heapify(heads)
        while heads and any(worker.slots > 0 for _, worker in speaking):
            one, lane = heapq.heappop(heads)
            effect, body = self._bodies[one.id]
            uses = _uses(effect)
            number = next((n for n, worker in speaking if worker.has_room(uses) and worker.has(lane[1])), None)
            if number is None:
                continue  # its lane waits until something ends
            lease = self._lease(self._workers[number], effect, uses, now, monotonic)
            batches.setdefault(number, []).append((lease.token, body, one.id in self._handed))
            self._handed.add(one.id)
            row = self._due[lane]
            row.pop()
            if (following := row.head(now)) is not None:
                heapq.heappush(heads, (following, lane))
        self._due = {lane: row for lane, row in self._due.items() if row}
        for number, items in batches.items():
            self._workers[number].send(frames.Leased(items))
        self._schedule(now, monotonic)

    def _schedule(self, now: int, monotonic: float) -> None:
        """Look again when there is something to do; sooner does no harm."""
        pause_s = LOOK_S
        if any(worker.slots > 0 for worker in self._workers.values()):
            # What is due and has no room waits for something to end, which is told.
            for row in self._due.values():
                if (due := row.next_due) is not None and due > now:
                    pause_s = min(pause_s, (due - now) / 1e6)
        if self._starts:
            pause_s = min(pause_s, max(0.0, (self._starts[0][0] - now) / 1e6))
        if self._ends:
            pause_s = min(pause_s, self._ends[0][0] - monotonic)
        if self._handle is not None:
            if monotonic < self._looks_at <= monotonic + pause_s:
                return
            self._handle.cancel()
        self._looks_at = monotonic + pause_s
        self._handle = self._later(pause_s, self._look)

    def _look(self) -> None:
        self._handle = None
        if self._monotonic() - self._tidied_at >= LOOK_S:
            self._part()
        self._go()


def _has_begun(effect: Effect) -> bool:
    """Whether it must not be done again, for it may have been."""
    return effect.effect_class == "at-most-once" and effect.started_token is not None


def lost(effect: Effect, code: str, *, handed: bool = True) -> dict[str, Any]:
    """The result of work that is not handed out (again): `worker.lost`, or `timeout.start` if nobody could take it. What was
    never `handed` to anyone is known to have changed nothing.
    """
    if code == "timeout.start":
        which = f"no worker with {spoken_labels(effect.labels)}" if effect.labels else "no worker"
        outcome, detail = "failed", f"{which} had room for it within {effect.start_within_s:g} s"
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
