"""Reads runs with their steps, and what they wait for."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, bindparam, select

from oncue.core import last_steps
from oncue.core.approval import Approval
from oncue.core.effect import Effect
from oncue.core.gate import Gate
from oncue.core.run import ACTIVE, Definition, Run, Step
from oncue.core.waiting import EventWait
from oncue.store.json_text import json_text
from oncue.store.prepared import Prepared
from oncue.store.queries import FactRow, cells, entity_body, facts_where
from oncue.store.schema import entity, fact, fact_ref

STEPS_LIMIT: Final = 1_000
"""Steps that are given at once."""
ACTIVE_LIMIT: Final = 20
"""Steps under way that are given at once."""

_step: Final = msgspec.json.Decoder(Step).decode
_definition: Final = msgspec.json.Decoder(Definition).decode
_gate: Final = msgspec.msgpack.Decoder(Gate).decode
_event_wait: Final = msgspec.msgpack.Decoder(EventWait).decode
_effect: Final = msgspec.json.Decoder(Effect).decode
_approval: Final = msgspec.json.Decoder(Approval).decode


_STEPS: Final = Prepared(
    select(entity.c.body)
    .where(entity.c.kind == "step", entity.c.id > bindparam("after"), entity.c.id < bindparam("end"))
    .order_by(entity.c.id)
    .limit(bindparam("limit"))
)


def steps_of(connection: Connection, run: str, after: str = "", limit: int = STEPS_LIMIT) -> list[Step]:
    """Steps of a run in the order of their addresses, from the one after `after` on."""
    rows = _STEPS.rows(connection, after=f"{run}/{after}", end=f"{run}0", limit=limit)
    return [_step(body) for (body,) in rows]


def outermost_of(connection: Connection, run: str) -> list[Step]:
    """The steps of a run that lie in no other, and belong to none."""
    rows = connection.execute(
        select(entity.c.body).where(
            entity.c.kind == "step", entity.c.id > f"{run}/", entity.c.id < f"{run}0",
            *(~entity.c.id.contains(sign) for sign in ("[", "~")), ~entity.c.id.like("%/%/%"),
        )
    ).scalars()  # fmt: skip
    return [_step(body) for body in rows]


def active_steps(connection: Connection, run: str) -> list[Step]:
    """The run's steps that are not over, a few."""
    rows = connection.execute(
        select(entity.c.body)
        .where(
            entity.c.kind == "step", entity.c.id > f"{run}/", entity.c.id < f"{run}0",
            json_text(entity.c.body, "state").in_(sorted(ACTIVE)),
        )
        .order_by(entity.c.id)
        .limit(ACTIVE_LIMIT)
    ).scalars()  # fmt: skip
    return [_step(body) for body in rows]


def put_off(connection: Connection, run: Run) -> list[Step]:
    """The run's steps that are to be tried again when it goes on, a few."""
    rows = connection.execute(
        select(entity.c.body)
        .where(
            entity.c.kind == "step", entity.c.id > f"{run.id}/", entity.c.id < f"{run.id}0",
            json_text(entity.c.body, "again_by").is_not(None),
        )
        .order_by(entity.c.id)
        .limit(ACTIVE_LIMIT)
    ).scalars()  # fmt: skip
    return [step for step in map(_step, rows) if last_steps.put_off(run, step)]


def definition_of(connection: Connection, run: Run) -> Definition | None:
    """The version of the workflow that the run goes by."""
    row = entity_body(connection, "definition", run.version)
    return _definition(row[1]) if row is not None else None


def gate_of(connection: Connection, run: Run) -> Gate | None:
    """The runs that count together with this one; None where nothing limits it, or it is over."""
    if run.gate is None:
        return None
    body = cells(connection, "gate", [run.gate]).get(run.gate)
    return _gate(body) if body is not None else None


def event_waits_of(connection: Connection, steps: Sequence[Step]) -> dict[str, EventWait]:
    """The events that these steps wait for, by the step's id."""
    keys = [one.id for one in steps if one.uses == "wait" and one.awaits != "time"]
    return {key: _event_wait(body) for key, body in cells(connection, "wait", keys).items()} if keys else {}


def effects_of(connection: Connection, ids: Sequence[str]) -> dict[str, Effect]:
    """These effects, by id."""
    rows = connection.execute(
        select(entity.c.body).where(and_(entity.c.kind == "effect", entity.c.id.in_(list(ids)[:STEPS_LIMIT])))
    ).scalars()
    return {one.id: one for one in map(_effect, rows)}


_ENDS: Final = ("retrying", "succeeded", "failed", "unknown", "cancelled")


def attempts_of(connection: Connection, run: str, steps: Sequence[str] | None, limit: int) -> list[FactRow]:
    """Facts that an attempt of an action for one of these steps is over, or for any, the newest first."""
    concern = select(fact_ref.c.position).where(fact_ref.c.kind == "run", fact_ref.c.id == run)
    return facts_where(
        connection,
        fact.c.position.in_(concern),
        fact.c.type.in_([f"oncue.effect.{end}" for end in _ENDS]),
        *([json_text(fact.c.body, "data", "step").in_(list(steps))] if steps is not None else []),
        limit=limit,
        newest_first=True,
    )


def approvals_of(connection: Connection, ids: Sequence[str]) -> dict[str, Approval]:
    """These approvals, by id."""
    rows = connection.execute(
        select(entity.c.body).where(and_(entity.c.kind == "approval", entity.c.id.in_(list(ids)[:STEPS_LIMIT])))
    ).scalars()
    return {one.id: one for one in map(_approval, rows)}
