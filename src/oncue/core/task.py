"""A task: something that one person is to do for an incident. An action is a task of its review, and outlives it."""

from datetime import datetime
from typing import Literal

import msgspec

TaskState = Literal["open", "done", "cancelled"]


class Task(msgspec.Struct, kw_only=True):
    """A task's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    """`TSK-` and a number, counted per journal."""
    namespace: str
    incident: str
    kind: Literal["task", "action"]
    """`task`: while the incident lasts; `action`: so that it does not come again."""
    title: str
    description: str
    state: TaskState
    assignee: str | None
    due_at: datetime | None
    service: str | None
    """The incident's."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None
    reason: str = ""
    """Why it was cancelled, or taken up again."""
    position: str = ""
