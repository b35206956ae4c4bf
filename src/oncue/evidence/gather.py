"""Reads the evidence of a change from the store: which records concern it, these with their leaves, the chain between.

Each function is a query of its own, short enough for one transaction; what a change of 2,000 targets has is read in pieces.
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Select, and_, or_, select, tuple_, union

from oncue.core.change import Change
from oncue.core.change_record import ChangeRecord
from oncue.core.errors import Refusal
from oncue.evidence.bundle import LINKS_LIMIT, RECORDS_LIMIT, Leaf, Proven, Stretch
from oncue.store import schema
from oncue.store.journal import LEAF_RECORDS, Record, leaves, merkle_path, stamp, stamps
from oncue.store.journal_reader import JournalReader
from oncue.store.json_text import json_text
from oncue.store.queries import entity_body, micros

FOLLOWING_S: Final = 3600
"""How long after a change ended alerts on its targets count as having followed."""
FOLLOWED_LIMIT: Final = 1_000
"""Facts of alerts, and of incidents, that are given."""
RUNS_LIMIT: Final = 2_000
"""Runs that a change's run has begun."""
ALERTS: Final = tuple(
    f"oncue.alert.{what}" for what in ("fired", "reopened", "severity_changed", "quieted", "audible", "resolved")
)
"""Facts of alerts that are given."""
INPUTS: Final = ("oncue.effect.result",)
COMMANDS: Final = (
    "oncue.command.change.",
    "oncue.command.approval.",
    "oncue.command.run.",
    "oncue.command.step.",
    "oncue.command.ticket.",
)
"""Inputs that are given, beside facts: what people asked for, and what workers reported. Others tell of more than the change."""
_SOME: Final = 500
"""Names in one statement."""

_segment, _chain, _checkpoint, _fact, _ref = (
    schema.segment.c, schema.chain.c, schema.checkpoint.c, schema.fact.c, schema.fact_ref.c,
)  # fmt: skip


class Concerned(NamedTuple):
    """Positions of the records that concern a change, and what was too much."""

    positions: list[int]
    left_out: list[str]


def concerned(connection: Connection, change: Change) -> Concerned:
    """The records that concern a change. Raises `Refusal` evidence.too_large, evidence.erased."""
    found: set[int] = set()
    left_out: list[str] = []
    for kind, id in (("change", change.id), ("ticket", change.ticket), ("change_record", change.record)):
        if id is not None:
            found |= _about(connection, change.namespace, kind, id)
    runs = [change.run] if change.run is not None else []
    for run in runs:  # which grows on the way
        of_run = _about(connection, change.namespace, "run", run)
        found |= of_run
        if len(found) > RECORDS_LIMIT:
            raise Refusal("evidence.too_large", f"{change.id} has more than {RECORDS_LIMIT} records")
        if len(runs) < RUNS_LIMIT:
            runs += [one for one in _begun_by(connection, run, of_run) if one not in runs]
        else:
            left_out = [f"runs beyond the first {RUNS_LIMIT}"]
    for id in _approvals(connection, change, runs):
        found |= _about(connection, change.namespace, "approval", id)
    followed, more = _followed(connection, change)
    found |= _inputs(connection, change.namespace, found) | followed
    if len(found) > RECORDS_LIMIT:
        raise Refusal("evidence.too_large", f"{change.id} has more than {RECORDS_LIMIT} records")
    oldest = connection.execute(select(_segment.first_position).order_by(_segment.first_position).limit(1)).scalar()
    first = _first(connection, change)
    if oldest is None or first is None or first < oldest:
        raise Refusal("evidence.erased", f"the beginning of {change.id} is past retention")
    return Concerned(sorted(found), [*left_out, *more])


def _first(connection: Connection, change: Change) -> int | None:
    """Position of the fact by which it began; None if that is gone."""
    where = (_fact.kind == "change", _fact.id == change.id, _fact.type == "oncue.change.created")
    found: int | None = connection.execute(select(_fact.position).where(*where)).scalar()
    return found


def _about(connection: Connection, namespace: str, kind: str, id: str) -> set[int]:
    """Positions of facts about an entity, or that concern it, in the namespace."""
    about = select(_fact.position).where(_fact.kind == kind, _fact.id == id)
    concern = select(_ref.position).where(_ref.kind == kind, _ref.id == id)
    positions = union(about, concern).subquery()
    statement = (
        select(_fact.position)
        .join(positions, positions.c.position == _fact.position)
        .where(_fact.namespace == namespace)
        .limit(RECORDS_LIMIT + 1)
    )
    return set(connection.execute(statement).scalars())


def _begun_by(connection: Connection, run: str, positions: Iterable[int]) -> list[str]:
    """Runs that steps of this one began: in the pass of an input that also led to some of these facts about it."""
    found: dict[str, None] = {}
    begins = _fact.type.in_(("oncue.run.started", "oncue.run.queued"))
    for some in _pieces(sorted(positions)):
        inputs = select(_fact.input_position).where(_fact.position.in_(some)).distinct()
        rows = connection.execute(
            select(_fact.id)
            .where(_fact.input_position.in_(inputs), _fact.kind == "run", begins)
            .where(json_text(_fact.body, "data", "parent").startswith(f"{run}/", autoescape=True))
        )
        found.update(dict.fromkeys(rows.scalars()))
    return list(found)


def _approvals(connection: Connection, change: Change, runs: Sequence[str]) -> list[str]:
    """Of its plan, and of gates within its runs."""
    found: dict[str, None] = {}
    whose = [("change", change.id), *(("run", run) for run in runs)]
    for some in _pieces(whose):
        rows = connection.execute(
            select(_fact.id)
            .select_from(schema.fact.join(schema.fact_ref, _ref.position == _fact.position))
            .where(tuple_(_ref.kind, _ref.id).in_(list(some)), _ref.of == "approval")
            .distinct()
        )
        found.update(dict.fromkeys(rows.scalars()))
    return list(found)


def _inputs(connection: Connection, namespace: str, positions: Iterable[int]) -> set[int]:
    """Inputs that led to these facts, of which the whole concerns the change. What the engine itself reports of a worker that
    was lost is of no namespace."""
    found: set[int] = set()
    commands = and_(_fact.namespace == namespace, or_(*(_fact.type.startswith(one) for one in COMMANDS)))
    for some in _pieces(sorted(positions)):
        inputs = select(_fact.input_position).where(_fact.position.in_(some)).distinct()
        found |= set(
            connection.execute(
                select(_fact.position).where(_fact.position.in_(inputs), or_(_fact.type.in_(INPUTS), commands))
            ).scalars()
        )
    return found


def _followed(connection: Connection, change: Change) -> tuple[set[int], list[str]]:
    """Facts of alerts on its targets from its beginning until an hour after its end, and of the incidents that name it."""
    if change.began_at is None or change.plan is None:
        return set(), []
    when = _while(connection, change.began_at, change.ended_at)
    left_out = []
    alerts: set[int] = set()
    for some in _pieces(change.plan.targets):
        about = select(_fact.position).where(
            _fact.type.in_(ALERTS), when, _fact.namespace == change.namespace, _fact.resource.in_(some)
        )
        alerts |= _bounded(connection, about)
    if len(alerts) > FOLLOWED_LIMIT:
        alerts = set(sorted(alerts)[:FOLLOWED_LIMIT])
        left_out.append(f"facts about alerts beyond the first {FOLLOWED_LIMIT}")
    row = entity_body(connection, "change_record", change.record or "")
    named = msgspec.json.decode(row[1], type=ChangeRecord).incidents if row is not None else ()
    about = select(_fact.position).where(
        and_(_fact.kind == "incident", _fact.id.in_(named), _fact.namespace == change.namespace)
    )
    incidents = _bounded(connection, about)
    if len(incidents) > FOLLOWED_LIMIT:
        incidents = set(sorted(incidents)[:FOLLOWED_LIMIT])
        left_out.append(f"facts about incidents beyond the first {FOLLOWED_LIMIT}")
    return alerts | incidents, left_out


def _while(connection: Connection, began: datetime, ended: datetime | None) -> Any:
    """SQL: a fact of the time from one instant until an hour after the other. Positions are what it is found by."""
    since = connection.execute(
        select(_segment.first_position)
        .where(_segment.last_recorded_at >= micros(began))
        .order_by(_segment.last_recorded_at)
        .limit(1)
    ).scalar()
    found = and_(_fact.position >= (since or 0), _fact.recorded_at >= micros(began))
    if ended is None:
        return found
    at = micros(ended) + FOLLOWING_S * 1_000_000
    until = connection.execute(
        select(_segment.last_position)
        .where(_segment.last_recorded_at >= at)
        .order_by(_segment.last_recorded_at)
        .limit(1)
    ).scalar()
    return and_(found, _fact.recorded_at <= at, *([] if until is None else [_fact.position <= until]))


def _bounded(connection: Connection, about: Select[Any]) -> set[int]:
    return set(connection.execute(about.order_by(_fact.position).limit(FOLLOWED_LIMIT + 1)).scalars())


def _pieces(names: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (names[at : at + _SOME] for at in range(0, len(names), _SOME))


class Read(NamedTuple):
    """Some of the records, with their leaves."""

    items: list[Proven]
    records: list[Record]
    leaves: list[Leaf]
    left: list[int]
    """Positions that are still to be read."""


def records(connection: Connection, positions: list[int]) -> Read:
    """The records of the first batches among these positions, which are sorted: those of one segment. Raises `Refusal`
    evidence.erased."""
    bounds = connection.execute(
        select(_segment.last_position).where(
            _segment.first_position <= positions[0], _segment.last_position >= positions[0]
        )
    ).scalar()
    if bounds is None:
        raise Refusal("evidence.erased", f"the record at {positions[0]} is past retention")
    here = [one for one in positions if one <= bounds]
    rows = connection.execute(
        select(_chain.batch, _chain.first_position, _chain.last_position)
        .where(_chain.last_position >= here[0], _chain.first_position <= here[-1])
        .order_by(_chain.batch)
    ).all()
    known = {
        one.position: one for one in JournalReader(connection).records(rows[0].first_position, rows[-1].last_position)
    }
    found = Read([], [], [], positions[len(here) :])
    for row in rows:
        wanted = [one for one in here if row.first_position <= one <= row.last_position]
        if not wanted:
            continue
        batch = [known[position] for position in range(row.first_position, row.last_position + 1)]
        found.leaves.extend(_leaves(row.batch, batch, wanted))
        for position in wanted:
            record = known[position]
            found.records.append(record)
            found.items.append(Proven(position, base64.b64encode(record.envelope).decode(), record.body.decode()))
    return found


def _leaves(batch: int, records: list[Record], wanted: list[int]) -> Iterable[Leaf]:
    first = records[0].position
    rows = [stamp(one) for one in records]
    all_of_batch = leaves(first, stamps(rows))
    for index in dict.fromkeys((position - first) // LEAF_RECORDS for position in wanted):
        at = index * LEAF_RECORDS
        shown = [(recorded_at, flags, content.hex()) for recorded_at, flags, content in rows[at : at + LEAF_RECORDS]]
        path: Any = merkle_path(all_of_batch, index)
        yield Leaf(batch, first + at, shown, path)


def newest(connection: Connection) -> int:
    """The newest batch of which there is a checkpoint; 0 if there is none."""
    return connection.execute(select(_checkpoint.batch).order_by(_checkpoint.batch.desc()).limit(1)).scalar() or 0


def chain(connection: Connection, batches: list[int]) -> list[Stretch]:
    """Links from these batches, which are sorted, up to signed checkpoints. Raises `Refusal` evidence.too_large."""
    last = newest(connection)
    if last - batches[0] < LINKS_LIMIT:
        return [_stretch(connection, batches[0], last)]
    ends: list[tuple[int, int]] = []
    for batch in batches:
        if ends and batch <= ends[-1][1]:
            continue
        end = connection.execute(
            select(_checkpoint.batch).where(_checkpoint.batch >= batch).order_by(_checkpoint.batch).limit(1)
        ).scalar_one()
        ends.append((batch, end))
    if sum(end - begin + 1 for begin, end in ends) > 10 * LINKS_LIMIT:
        raise Refusal("evidence.too_large", f"it would take more than {10 * LINKS_LIMIT} links of the chain")
    return [_stretch(connection, begin, end) for begin, end in ends]


def _stretch(connection: Connection, begin: int, end: int) -> Stretch:
    rows = connection.execute(select(schema.chain).where(_chain.batch.between(begin, end)).order_by(_chain.batch)).all()
    note = connection.execute(select(_checkpoint.note).where(_checkpoint.batch == end)).scalar_one()
    links = [(row.batch, row.first_position, row.last_position, row.root.hex()) for row in rows]
    return Stretch(rows[0].prev_hash.hex(), links, note)


def journal_id(connection: Connection) -> str:
    """Which journal it is."""
    found: str = connection.execute(select(schema.journal.c.journal_id)).scalar_one()
    return found
