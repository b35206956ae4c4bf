"""What is left of the objectives of services, for the monitor `service.objective`: reckoned from the database at each asking."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import Connection, func, select

from oncue.core.availability import SECOND
from oncue.core.errors import Refusal
from oncue.core.objective import Budget
from oncue.sdk import ActionError
from oncue.store.availability import budget_of, course_of, declared
from oncue.store.queries import Queries
from oncue.store.schema import journal

STALE_S: Final = 120.0
"""The pulse is journaled every half minute. If nothing was for so long, OnCue is not well, and does not know how others
are: what seemed to go on may have ended."""


class Objectives:
    """Asks; changes nothing."""

    def __init__(self, database: Queries, now_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._database = database
        self._now_us = now_us

    async def budget(self, namespace: str, service: str) -> Budget:
        """The budget as of now. Raises `ActionError` objective.missing, objective.unknown."""
        look = partial(budget, namespace=namespace, service=service, now=self._now_us())
        try:
            return await self._database.run(look)
        except Refusal as refusal:
            raise ActionError("objective.unknown", f"{refusal.code}: {refusal.detail}") from refusal


def budget(connection: Connection, namespace: str, service: str, now: int) -> Budget:
    """The budget as of `now`, microseconds since 1970 UTC. Raises as `Objectives.budget` does."""
    recorded_at = connection.execute(select(func.max(journal.c.recorded_at))).scalar() or 0
    if now - recorded_at > STALE_S * SECOND:
        raise ActionError("objective.unknown", f"nothing was journaled for {(now - recorded_at) // SECOND} s")
    found = declared(connection, namespace, service)
    if found is None or found[1] is None:
        what = "there is no such service" if found is None else "it has no objective"
        raise ActionError("objective.missing", f"{namespace}/{service}: {what}")
    objective = found[1]
    return budget_of(course_of(connection, namespace, service, objective.counts, now), objective)
