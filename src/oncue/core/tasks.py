"""What happens to tasks: they are set, given to someone, done, cancelled, taken up again.

A task is live while it is open, or its incident is not closed; so an action of a review stays until it is done.
"""

from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.task import Task, TaskState
from oncue.core.tx import Tx

MOST: Final = 200
"""Tasks of one incident."""


def create(
    tx: Tx, incident: Incident, title: str, description: str, assignee: str | None, due_at: datetime | None
) -> Task:
    """Set a task for the incident. Raises `Refusal` incident.full."""
    if len(incident.tasks) >= MOST:
        raise Refusal("incident.full", f"{incident.id} has {MOST} tasks")
    task = write(tx, incident.id, incident.namespace, incident.service, "task", title, description, assignee, due_at)
    tx.touch(incident)
    incident.tasks = (*incident.tasks, task.id)
    incident.updated_at = tx.now
    tx.save("incident", incident)
    return task


def write(
    tx: Tx, incident: str, namespace: str, service: str | None, kind: Literal["task", "action"], title: str,
    description: str, assignee: str | None, due_at: datetime | None,
) -> Task:  # fmt: skip
    """A new task about an incident, by its id: that of an action may be closed."""
    task = Task(
        id=f"TSK-{tx.count('task')}", namespace=namespace, incident=incident, kind=kind, title=title,
        description=description, state="open", assignee=assignee or None,
        due_at=due_at.astimezone(UTC) if due_at is not None else None, service=service, created_by=tx.actor,
        created_at=tx.now, updated_at=tx.now,
    )  # fmt: skip
    _fact(tx, task, "oncue.task.created")
    return task


def change(
    tx: Tx, task: Task, title: str | None, description: str | None, assignee: str | None,
    due_at: datetime | msgspec.UnsetType | None,
) -> None:  # fmt: skip
    """Change what is given; "" takes the assignee away, None the due time. Raises `Refusal` task.state unless it is open."""
    if task.state != "open":
        raise Refusal("task.state", f"{task.id} is {task.state}")
    tx.touch(task)
    if title is not None:
        task.title = title
    if description is not None:
        task.description = description
    if assignee is not None:
        task.assignee = assignee or None
    if not isinstance(due_at, msgspec.UnsetType):
        task.due_at = due_at.astimezone(UTC) if due_at is not None else None
    _fact(tx, task, "oncue.task.updated")


def turn(tx: Tx, task: Task, to: TaskState, reason: str) -> None:
    """It is done, cancelled, or open again. Raises `Refusal` task.state if it is that already."""
    if task.state == to:
        raise Refusal("task.state", f"{task.id} is {to} already")
    tx.touch(task)
    task.state, task.reason = to, reason
    task.ended_by, task.ended_at = (tx.actor, tx.now) if to != "open" else (None, None)
    kind = "reopened" if to == "open" else to
    _fact(tx, task, f"oncue.task.{kind}")


def carry(tx: Tx, into: Incident, other: Incident) -> None:
    """The tasks of the other incident are this one's. Both were touched."""
    for id in other.tasks:
        task = tx.state.tasks.get(id)
        if task is not None:
            tx.touch(task)
            task.incident = into.id
            _fact(tx, task, "oncue.task.updated")
    into.tasks = tuple(dict.fromkeys((*into.tasks, *other.tasks)))


def rest(tx: Tx, incident: Incident) -> None:
    """The incident closes: what of its tasks has ended is settled for good."""
    for id in incident.tasks:
        task = tx.state.tasks.get(id)
        if task is not None and task.state != "open":
            tx.save("task", task, live=False)


def _fact(tx: Tx, task: Task, type: str) -> None:
    task.updated_at = tx.now
    tx.fact(type, "task", task, refs=(("incident", task.incident),), service=task.service)
    tx.save("task", task, live=task.state == "open" or task.incident in tx.state.incidents)
