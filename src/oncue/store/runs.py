"""Reads runs with their steps, and what they wait for."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, select

from oncue.core.approval import Approval
from oncue.core.effect import Effect
from oncue.core.run import Definition, Run, Step
from oncue.store.schema import entity

STEPS_LIMIT: Final = 1_000
"""Steps that are given at once."""

_step: Final = msgspec.json.Decoder(Step).decode
_definition: Final = msgspec.json.Decoder(Definition).decode
_effect: Final = msgspec.json.Decoder(Effect).decode


def steps_of(connection: Connection, run: str, after: str = "", limit: int = STEPS_LIMIT) -> list[Step]:
    """Steps of a run in the order of their addresses, from the one after `after` on."""
    rows = connection.execute(
        select(entity.c.body)
        .where(entity.c.kind == "step", entity.c.id > f"{run}/{after}", entity.c.id < f"{run}0")
        .order_by(entity.c.id)
        .limit(limit)
    ).scalars()
    return [_step(body) for body in rows]


def active_steps(connection: Connection, runs: Sequence[str]) -> dict[str, list[Step]]:
    """Of each of these runs the steps that are not over, a few."""
    found: dict[str, list[Step]] = {}
    for run in runs:
        rows = connection.execute(
            select(entity.c.body)
            .where(
                entity.c.kind == "step", entity.c.id > f"{run}/", entity.c.id < f"{run}0",
                entity.c.state.in_(("running", "waiting", "validating")),
            )
            .order_by(entity.c.id)
            .limit(20)
        ).scalars()  # fmt: skip
        found[run] = [_step(body) for body in rows]
    return found


def definition_of(connection: Connection, run: Run) -> Definition | None:
    """The version of the workflow that the run goes by."""
    body = connection.execute(
        select(entity.c.body).where(entity.c.kind == "definition", entity.c.id == run.version)
    ).scalar_one_or_none()
    return _definition(body) if body is not None else None


def effects_of(connection: Connection, ids: Sequence[str]) -> dict[str, Effect]:
    """These effects, by id."""
    rows = connection.execute(
        select(entity.c.body).where(and_(entity.c.kind == "effect", entity.c.id.in_(list(ids)[:STEPS_LIMIT])))
    ).scalars()
    return {one.id: one for one in map(_effect, rows)}


def approvals_of(connection: Connection, run: str) -> list[Approval]:
    """The approvals that a run asked for, and that are not decided."""
    rows: Any = connection.execute(
        select(entity.c.body)
        .where(entity.c.kind == "approval", entity.c.live)
        .order_by(entity.c.position.desc())
        .limit(5_000)
    ).scalars()
    found = [msgspec.json.decode(body, type=Approval) for body in rows]
    return [one for one in found if one.run == run]
