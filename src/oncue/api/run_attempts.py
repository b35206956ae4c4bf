"""What the attempts at a step came to, and what was found when it was looked whether it had its effect: read from the journal."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.api.context import Ctx, Who
from oncue.api.entities import found
from oncue.api.params import json_response
from oncue.core.effect import Effect, EffectResult
from oncue.core.validation import LOOK
from oncue.store import runs as reading
from oncue.store.journal_reader import JournalReader
from oncue.store.queries import FactRow, instant

SHOWN: Final = 50
"""Attempts at one step that are given: the newest."""
SHOWN_OF_RUN: Final = 500
"""Of all steps of a run."""


class StepAttempt(msgspec.Struct, kw_only=True):
    """One attempt of an action that is over."""

    step: str
    """The step's address."""
    look: bool
    """Whether it was a look whether the step had its effect."""
    attempt: int
    state: Literal["succeeded", "failed", "unknown", "cancelled"]
    started_at: datetime | None
    """Null of one that no worker reported."""
    ended_at: datetime
    worker: str | None = None
    error_code: str | None = None
    reason: str | None = None
    """What went wrong, in words."""
    next_try_at: datetime | None = None
    """When the attempt after it was to begin; null of the last one."""
    result: Any = None
    """What a look found."""


class StepAttempts(msgspec.Struct, kw_only=True):
    """Attempts at a step, or at all steps of a run, the oldest first."""

    items: list[StepAttempt]
    more: bool
    """Whether there were earlier ones, which are left out."""


class _Said(msgspec.Struct):
    data: EffectResult


class _Told(msgspec.Struct):
    data: Effect


@get("/runs/{run_id:str}/attempts", opt={"permission": "run:read"})
async def get_run_attempts(
    ctx: Ctx,
    who: Who,
    run_id: str,
    step: Annotated[
        str | None,
        QueryParameter(max_length=500, description="Only of the step at this address, as `others[host-1]/check`"),
    ] = None,
) -> Response[StepAttempts]:
    """What the attempts at a step came to, and what was found when it was looked whether it had its effect; the newest 50, or the
    newest 500 of all steps."""
    await found(ctx, who, "run", run_id, "run:read")
    return json_response(msgspec.json.encode(await ctx.queries.run(partial(_attempts, run=run_id, step=step))))


def _attempts(connection: Connection, run: str, step: str | None) -> StepAttempts:
    those, limit = ((step, step + LOOK), SHOWN) if step is not None else (None, SHOWN_OF_RUN)
    rows = reading.attempts_of(connection, run, those, limit + 1)
    journal = JournalReader(connection)
    return StepAttempts(items=[_attempt(journal, row) for row in reversed(rows[:limit])], more=len(rows) > limit)


def _attempt(journal: JournalReader, row: FactRow) -> StepAttempt:
    effect = msgspec.json.decode(row.body, type=_Told).data
    retrying = effect.state == "pending"
    made = StepAttempt(
        step=(effect.step or "").removesuffix(LOOK),
        look=(effect.step or "").endswith(LOOK), attempt=effect.attempt - retrying,
        state="failed" if effect.state == "pending" else effect.state, started_at=None, ended_at=instant(row.recorded_at),
        reason=effect.reason, next_try_at=effect.not_before_at if retrying else None,
    )  # fmt: skip
    said = _reported(journal, row.input_position, effect.id)
    if said is not None:
        made.started_at = made.ended_at - timedelta(milliseconds=said.duration_ms)
        made.worker, made.error_code = said.worker or None, said.error_code
        made.reason = said.detail if said.error_code else None
        made.result = said.result if made.look else None
    return made


def _reported(journal: JournalReader, position: int, effect: str) -> EffectResult | None:
    """What a worker reported at this position of the effect; None where something else ended it."""
    record = journal.record(position)
    if record is None:
        return None
    try:
        said = msgspec.json.decode(record.body, type=_Said).data
    except msgspec.ValidationError:
        return None
    return said if said.effect == effect else None


HANDLERS = [get_run_attempts]
