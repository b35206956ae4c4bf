"""All mutation of state goes through here, so that one input can be undone without a trace.

A `Tx` spans one input and keeps before-images. If the engine raises, `rollback` restores them. If it does not, `take`
moves what changed into the batch that the writer commits; if that commit fails, the batch's own log undoes it all.
Nested containers of entities are replaced, never changed in place; that is what makes a shallow copy a before-image.
"""

import hashlib
from collections import deque
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from oncue.core.config_edit import ConfigEdits
from oncue.core.state import State
from oncue.core.timer import Timer

SOURCE: Final = "/oncue/engine"

Configure = Callable[["Tx", ConfigEdits], list[dict[str, Any]]]

_MISSING: Final[Any] = object()
_AFTERWARDS: Final[Any] = object()
_HOT: Final[Any] = object()


class Fact(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """An event of OnCue's own, as a CloudEvent in structured mode. It carries the changed entity's state."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime
    datacontenttype: str
    namespace: str
    severity: str | None = None
    resource: str | None = None
    service: str | None = None
    causationid: str
    correlationid: str
    data: Any


class Derived(msgspec.Struct, frozen=True, gc=False):
    """A record that an input caused: what the journal stores and what look-ups need."""

    position: int
    type: str
    namespace: str
    kind: str
    """Of the entity it is about."""
    id: str
    cause_position: int
    refs: tuple[tuple[str, str], ...]
    """Other entities it concerns, as (kind, id)."""
    severity: str | None
    resource: str | None
    service: str | None
    body: bytes
    event_id: str
    indexed: bool = True
    """Whether it can be looked up by what it is about; the journal has it either way."""


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The event that is being handled: what its facts name as their cause."""

    event_id: str
    correlation: str
    position: int
    depth: int = 0
    requester: str | None = None
    """Who sent it, or asked for the run that says so, `user:name`: what it leads to they have asked for as well."""
    hands: tuple[str, ...] = ()
    """Who else stands behind that run: they have asked for it as much."""


class Batch:
    """What a run of inputs changed: the rows for one commit, and the way back."""

    def __init__(self) -> None:
        self.entities: dict[tuple[str, str], tuple[Any, bool]] = {}
        """(kind, id) -> (entity, whether it is still live)."""
        self.cells: dict[tuple[str, str], Any] = {}
        """(kind, key) -> cell, None if it is gone."""
        self.hot: dict[str, Any] = {}
        """Alerts of which only count and times changed."""
        self.undo: list[tuple[Any, Any, Any]] = []

    def keep_hot(self, alert: Any) -> None:
        """The alert's count and times are about to change, and nothing else: its narrow row will be written."""
        self.hot[alert.id] = alert
        self.undo.append((_HOT, alert, (alert.count, alert.last_seen_at, alert.deadline_at)))

    def rollback(self, state: State) -> None:
        """Put `state` back to where the batch began, but for its position and time, which the caller keeps."""
        _undo(self.undo, state)


def _undo(log: list[tuple[Any, Any, Any]], state: State) -> None:
    afterwards: dict[tuple[str, int], tuple[str, Any]] = {}
    for where, key, before in reversed(log):
        if where is _HOT:
            key.count, key.last_seen_at, key.deadline_at = before
        elif where is _AFTERWARDS:
            afterwards[(key, id(before))] = (key, before)
        elif where is None:
            for field in before.__struct_fields__:
                setattr(key, field, getattr(before, field))
        elif where is state.timers:
            if before is None:
                state.timers.by_key.pop(key, None)
            else:
                state.timers.put(before)
        elif before is _MISSING:
            where.pop(key, None)
        else:
            where[key] = before
    for manifest_id, rebuild in sorted(afterwards.values(), key=_of_all):
        rebuild(state, manifest_id)
    log.clear()


def _of_all(one: tuple[str, Any]) -> bool:
    """Whether it rebuilds from all manifests: after what each of them is for is as it was."""
    return one[0] == ""


_BASE32: Final = "234567abcdefghijklmnopqrstuvwxyz"
"""The digits of RFC 4648's base 32, in lower case, and in the order in which texts sort."""
_PAIRS: Final = [high + low for high in _BASE32 for low in _BASE32]
"""Ten bits as two digits."""

_encode: Final = msgspec.json.Encoder().encode


class Tx:
    """One input's changes. Reused from input to input; `begin` starts the next."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.now: datetime = state.now
        self.cause = Cause("", "", 0)
        self.actor = "system"
        self.owner: str | None = None
        """Who answers for the token with which the command was given."""
        self.derived: list[Derived] = []
        self.queue: deque[tuple[Derived, Cause]] = deque()
        """Facts and emitted events that wait to re-enter at the front."""
        self.entities: dict[tuple[str, str], tuple[Any, bool]] = {}
        self.cells: dict[tuple[str, str], Any] = {}
        self.hot: dict[str, Any] = {}
        self.undo: list[tuple[Any, Any, Any]] = []
        self.configure: Configure | None = None
        """Takes configuration that was agreed to. The engine gives it: what takes configuration starts runs, and what runs do lies
        below that."""
        self._touched: set[int] = set()
        self._ids = 0
        self._number, self._numbered = _number(0), 0
        """What ids of a position begin with, and the position."""
        self._timers = 0
        self._before = (state.position, state.now)
        who = state.identity
        self._journal = f"{who.journal_id}/{who.incarnation}/{who.partition}/"
        self._hashed = hashlib.blake2b(self._journal.encode(), digest_size=4).copy
        self._named = f"oc-{who.partition}-"

    def begin(self, now: datetime, cause: Cause, actor: str | None) -> None:
        """Start an input at `now`, whose own record has `cause.position`."""
        state = self.state
        self._before = (state.position, state.now)
        state.position = cause.position
        state.now = now
        self.now = now
        self.cause = cause
        self.actor = actor or "system"
        self.owner = None
        self.derived = []
        self._ids = 0
        self._timers = 0

    def take(self, batch: Batch) -> None:
        """The input went well: its changes join the batch."""
        if self.hot:
            batch.hot.update(self.hot)
            self.hot = {}
        if self.entities:
            batch.entities.update(self.entities)
            self.entities = {}
        if self.cells:
            batch.cells.update(self.cells)
            self.cells = {}
        if self.undo:
            batch.undo += self.undo
            self.undo = []
        if self._touched:
            self._touched.clear()

    def rollback(self) -> None:
        """The input went wrong: nothing of it remains but the position that its own record takes."""
        _undo(self.undo, self.state)
        self.state.position, self.state.now = self._before
        self.derived = []
        self.queue.clear()
        self.entities, self.cells, self.hot = {}, {}, {}
        self._touched.clear()

    def savepoint(self) -> tuple[Any, ...]:
        """Where this input stands, for `back_to` or `go_on`. What changes from here on is kept apart, so that a savepoint
        costs the same however much has changed before."""
        stands = (
            len(self.undo), len(self.derived), len(self.queue), self.entities, self.cells, self.hot, self._touched,
            self._ids, self._timers, self.state.position,
        )  # fmt: skip
        self.entities, self.cells, self.hot, self._touched = {}, {}, {}, set()
        return stands

    def go_on(self, savepoint: tuple[Any, ...]) -> None:
        """What this input did since then stays."""
        _, _, _, entities, cells, hot, touched, _, _, _ = savepoint
        entities.update(self.entities)
        cells.update(self.cells)
        hot.update(self.hot)
        touched |= self._touched
        self.entities, self.cells, self.hot, self._touched = entities, cells, hot, touched

    def back_to(self, savepoint: tuple[Any, ...]) -> None:
        """Undo what this input did since then."""
        undo, derived, queue, self.entities, self.cells, self.hot, self._touched, self._ids, self._timers, position = (
            savepoint
        )
        since, self.undo[undo:] = self.undo[undo:], []
        _undo(since, self.state)
        del self.derived[derived:]
        while len(self.queue) > queue:
            self.queue.pop()
        self.state.position = position

    # entities and cells

    def touch(self, entity: Any) -> None:
        """Keep the entity's before-image, once per input; call it before changing a field."""
        key = id(entity)
        if key not in self._touched:
            self._touched.add(key)
            self.undo.append((None, entity, entity.__copy__()))

    def touch_hot(self, alert: Any) -> None:
        """`touch` for a repeat: only the alert's narrow row will be written."""
        self.undo.append((None, alert, alert.__copy__()))
        self.hot[alert.id] = alert

    def save(self, kind: str, entity: Any, live: bool = True) -> None:
        """The entity is new or has changed. One that is no longer live leaves the state; its row remains."""
        rows = self.state.entities.get(kind)
        if rows is not None:
            if live:
                if entity.id not in rows:
                    self.set(rows, entity.id, entity)
                    self._touched.add(id(entity))  # it is gone if this is undone, and needs no before-image
            elif entity.id in rows:
                self.unset(rows, entity.id)
        self.entities[(kind, entity.id)] = (entity, live)

    def cell(self, kind: str, key: str, value: Any) -> None:
        """Set a cell; None removes it. Cells are replaced, never changed in place."""
        rows = self.state.cells[kind]
        if value is None:
            if key in rows:
                self.unset(rows, key)
                self.cells[(kind, key)] = None
        else:
            self.set(rows, key, value)
            self.cells[(kind, key)] = value

    def set(self, rows: MutableMapping[Any, Any], key: Any, value: Any) -> None:
        """`rows[key] = value`, with a way back."""
        self.undo.append((rows, key, rows.get(key, _MISSING)))
        rows[key] = value

    def unset(self, rows: MutableMapping[Any, Any], key: Any) -> None:
        """`del rows[key]`, with a way back; nothing if it is not there."""
        if key in rows:
            self.undo.append((rows, key, rows.pop(key)))

    def afterwards(self, manifest_id: str, rebuild: Callable[[State, str], None]) -> None:
        """If this input is undone, call `rebuild(state, manifest_id)` when all rows are as they were."""
        self.undo.append((_AFTERWARDS, manifest_id, rebuild))

    # time

    def timer(self, key: str, due_at: datetime) -> None:
        """Set the timer of this key; it replaces the one that the key has. Raises `OverflowError` for an instant that no row
        can hold, so that the input fails and not the commit of all."""
        if due_at.tzinfo is not UTC:
            due_at = due_at.astimezone(UTC)
        timers = self.state.timers
        self.undo.append((timers, key, timers.by_key.get(key)))
        timer = Timer(key, due_at, self.state.position, self._timers)
        self._timers += 1
        timers.put(timer)
        self.cells[("timer", key)] = timer

    def timer_after(self, key: str, delay_s: float) -> None:
        """Set the timer of this key to `delay_s` seconds from now."""
        self.timer(key, self.now + timedelta(seconds=delay_s))

    def cancel(self, key: str) -> None:
        """Drop the timer of this key, if there is one."""
        timers = self.state.timers
        before = timers.by_key.get(key)
        if before is not None:
            self.undo.append((timers, key, before))
            timers.drop(key)
            self.cells[("timer", key)] = None

    # names

    def new_id(self, prefix: str) -> str:
        """An id that the same input always gives: the position, so that ids sort as what they name began, and then of a hash
        of journal, incarnation, partition, position and index as much as makes 16 digits.

        What is written together lies together: with ids in no order, each row of a batch would be in a page of its own.
        """
        bits = int.from_bytes(self.digest(10), "big")
        if self._numbered != self.cause.position:
            self._numbered = self.cause.position
            self._number = _number(self._numbered)
        digits = "".join([_PAIRS[bits >> shift & 1023] for shift in range(70, -1, -10)])
        return f"{prefix}-{self._number}{digits[len(self._number) :]}"

    def digest(self, size: int) -> bytes:
        """Bytes that the same input always gives, and no other."""
        text = f"{self._journal}{self.cause.position}/{self._ids}"
        self._ids += 1
        return hashlib.blake2b(text.encode(), digest_size=size).digest()

    def count(self, counter: str) -> int:
        """The next number of a counter, from 1."""
        number: int = self.state.cells["counter"].get(counter, 0) + 1
        self.cell("counter", counter, number)
        return number

    # facts

    def go_on_telling(
        self, correlation: str, depth: int, requester: str | None = None, hands: tuple[str, ...] = ()
    ) -> None:
        """What follows belongs to a story that began before: facts and events have its correlation, and lie as deep in it as
        what it goes on from. Whoever has more to say of the input itself puts `cause` back."""
        self.cause = Cause(self.cause.event_id, correlation, self.cause.position, depth, requester, hands)

    def asked_by(self, requester: str | None, hands: tuple[str, ...] = ()) -> Cause:
        """What follows this person has asked for: they sent what it comes of, or asked for the run that does it. Gives the
        `cause` to put back after it."""
        before = self.cause
        self.cause = msgspec.structs.replace(before, requester=requester, hands=hands)
        return before

    def fact(
        self,
        type: str,
        kind: str,
        entity: Any,
        *,
        id: str | None = None,
        namespace: str | None = None,
        refs: tuple[tuple[str, str], ...] = (),
        severity: str | None = None,
        resource: str | None = None,
        service: str | None = None,
        indexed: bool = True,
    ) -> Derived:
        """Derive an event of OnCue's own; it carries the entity as it is now.

        Entities with a `position` field get the fact's cursor in it.
        """
        self.state.position = position = self.state.position + 1
        about = id if id is not None else entity.id
        where = namespace if namespace is not None else entity.namespace
        if hasattr(entity, "position"):
            entity.position = f"{self.state.identity.partition}-{position}"
        fact = Fact(
            specversion="1.0",
            id=self._event_id(position),
            source=SOURCE,
            datacontenttype="application/json",
            type=type,
            subject=about,
            time=self.now,
            namespace=where,
            severity=severity,
            resource=resource,
            service=service,
            causationid=self.cause.event_id,
            correlationid=self.cause.correlation,
            data=entity,
        )
        return self._derive(
            Derived(
                position, type, where, kind, about, self.cause.position, refs, severity, resource, service,
                _encode(fact), fact.id, indexed,
            )
        )  # fmt: skip

    def emit(self, document: dict[str, Any], refs: tuple[tuple[str, str], ...] = ()) -> Derived:
        """Derive an event that a workflow emits: not one of OnCue's own, it re-enters like one from outside."""
        self.state.position = position = self.state.position + 1
        event_id = self._event_id(position)
        whole = {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            **document,
            "time": self.now,
            "causationid": self.cause.event_id,
            "correlationid": self.cause.correlation,
        }
        return self._derive(
            Derived(
                position, document["type"], document["namespace"], "event", event_id, self.cause.position, refs,
                document.get("severity"), document.get("resource"), document.get("service"), _encode(whole), event_id,
            )
        )  # fmt: skip

    def _derive(self, derived: Derived) -> Derived:
        self.derived.append(derived)
        wanted = self.state.policies.wants(derived.namespace, derived.type)
        if derived.kind == "event" or wanted or (derived.namespace, derived.type) in self.state.waits:
            cause = Cause(
                derived.event_id,
                self.cause.correlation,
                derived.position,
                self.cause.depth + 1,
                self.cause.requester,
                self.cause.hands,
            )
            self.queue.append((derived, cause))
        return derived

    def _event_id(self, position: int) -> str:
        check = self._hashed()
        check.update(b"%d" % position)
        return f"{self._named}{position}-{check.hexdigest()}"


def _number(position: int) -> str:
    """A position as text that sorts as positions do: how many digits it has, and the digits."""
    digits = ""
    while position:
        position, low = divmod(position, 32)
        digits = _BASE32[low] + digits
    return _BASE32[len(digits)] + digits
