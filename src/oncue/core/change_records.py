"""What happens to change records: a change begins, ends, or lapses; what it expects is quiet meanwhile, and is heard when
that is over. What has to do with a change is for `recent_changes`.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

from oncue.core import suppress
from oncue.core.change_record import ChangeRecord, ChangeState, Outcome, Pointer, number
from oncue.core.errors import Refusal
from oncue.core.silence import Matcher, check_matchers
from oncue.core.state import State
from oncue.core.tx import Tx

LIVE: Final = timedelta(hours=24)
"""How long a change that is over is looked at."""
MOST: Final = 5_000
"""Live records of a namespace; beyond that the oldest that is over is looked at no more."""
LASTS_S: Final = 3600.0
"""How long a change runs unless it says otherwise and its end is not reported."""
LONGEST_S: Final = 7 * 86400.0
GRACE_S: Final = 300.0
"""How long after its end what a change expects is quiet unless it says otherwise."""
LONGEST_GRACE_S: Final = 86400.0
OWN: Final = "change:"
"""What the source of a record begins with that a `Change` keeps."""
PLACES: Final = 100
POINTERS: Final = 10

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Wanted(msgspec.Struct, kw_only=True):
    """A change has begun, or with `ended_at` has been made: the data of `oncue.command.change_record.start`."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    key: Name | None = None
    """What the reporter calls it; one that runs already under this key is brought up to date. None for its own id."""
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "change"
    by: Name | None = None
    resources: Annotated[list[Name], msgspec.Meta(max_length=PLACES)] = []
    services: Annotated[list[Name], msgspec.Meta(max_length=PLACES)] = []
    links: Annotated[list[Pointer], msgspec.Meta(max_length=POINTERS)] = []
    expects: list[Matcher] = []
    grace_s: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_GRACE_S)] = GRACE_S
    lasts_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_S)] = LASTS_S
    started_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    ended_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    outcome: Outcome = "succeeded"
    """How it ended, if it did."""
    source: str = ""
    here: bool = False
    """Whether only alerts of these resources and services are expected."""
    at_most_s: dict[str, float] = {}
    """How long each of them may last, by its type."""


class Finish(msgspec.Struct, kw_only=True):
    """A change is over: the data of `oncue.command.change_record.finish`."""

    change_record: str
    """Its id, or its key."""
    outcome: Outcome = "succeeded"


def start(tx: Tx, namespace: str, wanted: Wanted) -> ChangeRecord:
    """Write a change down. Raises `Refusal` silence.invalid for expectations that would match everything, request.invalid."""
    if wanted.expects:
        check_matchers(tuple(wanted.expects))
    if not wanted.resources and not wanted.services:
        raise Refusal("request.invalid", "name what is changed: resources or services")
    running = _running(tx, namespace, wanted)
    expected = running is not None and running.expecting
    began = _past(tx, wanted.started_at)
    if running is None:
        record = _new(tx, namespace, wanted, began)
        _make_room(tx, namespace)
    else:
        record = running
        tx.touch(record)
        record.title, record.kind = wanted.title, wanted.kind
        record.resources, record.services = _unique(wanted.resources), _unique(wanted.services)
        record.links, record.expects, record.grace_s = tuple(wanted.links), tuple(wanted.expects), wanted.grace_s
        record.until = tx.now + timedelta(seconds=wanted.lasts_s)
        record.expecting = bool(record.expects)
    if wanted.ended_at is not None:
        _over(tx, record, wanted.outcome, max(_past(tx, wanted.ended_at), record.started_at))
    else:
        _changed(tx, record, "started" if running is None else "updated", expected)
    return record


def _new(tx: Tx, namespace: str, wanted: Wanted, began: datetime) -> ChangeRecord:
    id = f"CR-{tx.count('change_record')}"
    return ChangeRecord(
        id=id, namespace=namespace, key=wanted.key or id, title=wanted.title, kind=wanted.kind, state="running",
        by=wanted.by or tx.actor, source=wanted.source or tx.actor, resources=_unique(wanted.resources),
        services=_unique(wanted.services), links=tuple(wanted.links), expects=tuple(wanted.expects),
        grace_s=wanted.grace_s, started_at=began, until=max(began, tx.now) + timedelta(seconds=wanted.lasts_s),
        ended_at=None, updated_at=tx.now, expecting=bool(wanted.expects), here=wanted.here, at_most_s=wanted.at_most_s,
    )  # fmt: skip


def finish(tx: Tx, namespace: str, asked: Finish, *, own: bool = False) -> ChangeRecord:
    """A change is over; that of a `Change` only that itself ends. Raises `Refusal` change_record.not_found, change_record.over."""
    record = tx.state.change_records.get(asked.change_record) or _newest(tx, namespace, asked.change_record)
    if record is None or record.namespace != namespace:
        raise Refusal("change_record.not_found", asked.change_record[:200])
    if record.source.startswith(OWN) and not own:
        raise Refusal(
            "change_record.over", f"{record.id} is that of {record.key}, which ends it itself; cancel that change"
        )
    if record.state not in ("running", "lapsed"):
        raise Refusal("change_record.over", f"{record.id} is {record.state}")
    tx.touch(record)
    _over(tx, record, asked.outcome, tx.now)
    return record


def reported(tx: Tx, namespace: str, wanted: Wanted, ended: bool) -> ChangeRecord:
    """An event tells of a change: that it has begun, or that it has `ended`, of which the beginning may not be known.

    What an event expects is not believed: whoever may send events could make alerts quiet.
    """
    wanted = msgspec.structs.replace(wanted, expects=[])
    record = _running(tx, namespace, wanted) if ended else None
    if record is None:
        return start(tx, namespace, wanted)
    tx.touch(record)
    _over(tx, record, wanted.outcome, max(_past(tx, wanted.ended_at), record.started_at))
    return record


def due(tx: Tx, id: str) -> None:
    """Its time is up: it lapses, what it expects is heard again, or it matters no more."""
    record = tx.state.change_records.get(id)
    if record is None:
        return
    tx.touch(record)
    if record.state == "running":
        _over(tx, record, "lapsed", tx.now)
    elif record.expecting and _calm_at(record) <= tx.now:
        record.expecting = False
        _changed(tx, record, "settled")
    else:
        _forget(tx, record)


def _over(tx: Tx, record: ChangeRecord, state: ChangeState, at: datetime) -> None:
    """It ended, or its end came to be known. It was touched."""
    record.state, record.ended_at = state, at
    record.expecting = bool(record.expects) and _calm_at(record) > tx.now
    _changed(tx, record, "lapsed" if state == "lapsed" else "finished")


def _changed(tx: Tx, record: ChangeRecord, what: str, expected: bool = False) -> None:
    record.updated_at = tx.now
    _fact(tx, record, what)
    tx.timer(f"change_record.due/{record.id}", _next_at(record))
    if record.expects or expected:
        matchers = record.expects if record.expecting else None
        suppress.settle_for(tx, tx.state.changed.expecting, record.id, record.namespace, matchers)


def _next_at(record: ChangeRecord) -> datetime:
    if record.state == "running":
        return record.until
    return _calm_at(record) if record.expecting else _ended(record) + LIVE


def _calm_at(record: ChangeRecord) -> datetime:
    return _ended(record) + timedelta(seconds=record.grace_s)


def _ended(record: ChangeRecord) -> datetime:
    assert record.ended_at is not None
    return record.ended_at


def _forget(tx: Tx, record: ChangeRecord) -> None:
    """It matters no more to what begins now; its row stays. It was touched."""
    tx.cancel(f"change_record.due/{record.id}")
    tx.afterwards("", _refile)
    tx.state.changed.drop(record.id)
    tx.save("change_record", record, live=False)


def _make_room(tx: Tx, namespace: str) -> None:
    if len(tx.state.change_records) < MOST:
        return
    own = [one for one in tx.state.change_records.values() if one.namespace == namespace and not one.expecting]
    over = [one for one in own if one.state != "running"]
    if len(own) >= MOST:
        oldest = min(over or own, key=lambda one: number(one.id))
        tx.touch(oldest)
        _forget(tx, oldest)


def _fact(tx: Tx, record: ChangeRecord, what: str) -> None:
    resource = record.resources[0] if record.resources else None
    service = record.services[0] if record.services else None
    tx.fact(f"oncue.change_record.{what}", "change_record", record, resource=resource, service=service)
    _keep(tx, record)


def _keep(tx: Tx, record: ChangeRecord) -> None:
    tx.save("change_record", record)
    tx.afterwards("", _refile)
    tx.state.changed.put(record)


def _refile(state: State, _: str) -> None:
    state.file_changes()


def _running(tx: Tx, namespace: str, wanted: Wanted) -> ChangeRecord | None:
    """The one that is brought up to date. Nobody else writes to the record of a planned change, nor that to another's."""
    record = _newest(tx, namespace, wanted.key) if wanted.key is not None else None
    return record if record is not None and record.state == "running" and record.here == wanted.here else None


def _newest(tx: Tx, namespace: str, key: str) -> ChangeRecord | None:
    ids = tx.state.changed.of(namespace, key)
    return tx.state.change_records[ids[-1]] if ids else None


def _past(tx: Tx, at: datetime | None) -> datetime:
    """The instant in UTC, if it has been; else now."""
    return tx.now if at is None else min(at.astimezone(UTC), tx.now)


def _unique(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
