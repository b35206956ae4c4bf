"""Commands of those who work on incidents: open and edit them, who does what, tasks, checklists, status updates, links,
problems, reviews, handovers. A part of `command.COMMANDS`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core import change_records, checklists, handling, handovers, problems, reviews, status_updates, tasks
from oncue.core.checklist import Mark
from oncue.core.errors import Refusal
from oncue.core.handling import Severity
from oncue.core.incident import CauseOf, Incident, Part
from oncue.core.normalise import Seen
from oncue.core.prioritise import Priority
from oncue.core.problem import ProblemState
from oncue.core.silence import Matcher
from oncue.core.task import Task, TaskState
from oncue.core.tx import Tx

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Text = Annotated[str, msgspec.Meta(max_length=20_000)]
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Audience = Annotated[
    list[Annotated[str, msgspec.Meta(pattern=r"^(team|channel):[^\s:]{1,63}$")]], msgspec.Meta(max_length=100)
]


class Open(msgspec.Struct, kw_only=True):
    """An incident is to be opened without an alert."""

    title: Title
    description: Text = ""
    severity: Severity = "major"
    service: Named | None = None
    resource: Named | None = None


class Edit(msgspec.Struct, kw_only=True):
    """An incident is to be otherwise. What is left out stays."""

    incident: str
    title: Title | None = None
    description: Text | None = None
    severity: Severity | None = None
    priority: Priority | None = None
    note: Text | None = None
    cause: CauseOf | None = None
    take_back: list[Literal["title", "severity", "priority"]] = []
    reason: Text = ""


class Take(msgspec.Struct, kw_only=True):
    """Someone is to have a part in an incident; None takes them off."""

    incident: str
    name: Named
    role: Part | None = "responder"


class AddLink(msgspec.Struct, kw_only=True):
    """An incident has to do with something."""

    incident: str
    target: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s]{1,2000}|[A-Za-z][A-Za-z0-9-]{0,20}-[0-9]{1,18})$")]
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""


class DropLink(msgspec.Struct, kw_only=True):
    """A link is to go."""

    incident: str
    target: str


class NewTask(msgspec.Struct, kw_only=True):
    """Someone is to do something for an incident. With `action` it is one of its review, and outlives it."""

    incident: str
    title: Title
    description: Text = ""
    assignee: Named | None = None
    due_at: Instant | None = None
    action: bool = False


class ChangeTask(msgspec.Struct, kw_only=True):
    """A task is to be otherwise. What is left out stays; "" takes the assignee away, null the due time."""

    task: str
    title: Title | None = None
    description: Text | None = None
    assignee: str | None = None
    due_at: Instant | msgspec.UnsetType | None = msgspec.UNSET


class TurnTask(msgspec.Struct, kw_only=True):
    """A task is done, cancelled, or open again."""

    task: str
    state: TaskState
    reason: Text = ""


class AddChecklist(msgspec.Struct, kw_only=True):
    """An incident is to have the steps of a runbook."""

    incident: str
    runbook: str


class MarkStep(msgspec.Struct, kw_only=True):
    """A step of a checklist, counted from 1, is done, skipped, or open again."""

    checklist: str
    step: int
    state: Mark
    reason: Text = ""


class Update(msgspec.Struct, kw_only=True):
    """Stakeholders are to hear how an incident stands."""

    incident: str
    text: Text | None = None
    template: str | None = None
    audience: Audience | None = None
    next_update_in_s: float | None = None
    """0 promises none; None keeps the period."""


class Promise(msgspec.Struct, kw_only=True):
    """When stakeholders are to hear of an incident again."""

    incident: str
    next_update_in_s: float
    """0 takes the promise back."""


class NewProblem(msgspec.Struct, kw_only=True):
    """A problem is to be written."""

    title: Title
    description: Text = ""
    workaround: Text = ""
    root_cause: Text = ""
    service: Named | None = None
    resource: Named | None = None
    matchers: list[Matcher] = []
    incident: str | None = None
    """Its alerts are known again."""


class ChangeProblem(msgspec.Struct, kw_only=True):
    """A problem is to be otherwise. What is left out stays."""

    problem: str
    title: Title | None = None
    description: Text | None = None
    workaround: Text | None = None
    root_cause: Text | None = None
    assignee: str | None = None
    matchers: list[Matcher] | None = None
    forget_alerts: bool = False


class MoveProblem(msgspec.Struct, kw_only=True):
    """A problem is to go on."""

    problem: str
    state: ProblemState


class PutProblem(msgspec.Struct, kw_only=True):
    """An incident comes from a problem, or does not."""

    problem: str
    incident: str


class BeginReview(msgspec.Struct, kw_only=True):
    """The review of an incident is to begin, with what the journal has of it."""

    incident: str
    title: str
    service: str | None
    priority: str
    drawn: dict[str, Any]


class WriteReview(msgspec.Struct, kw_only=True):
    """Sections of a review."""

    review: str
    sections: dict[str, Text]


class OnReview(msgspec.Struct):
    """A review is meant."""

    review: str


class NewHandover(msgspec.Struct, kw_only=True):
    """A shift hands over, with what state and journal have."""

    team: str | None
    since: Instant
    until: Instant
    drawn: dict[str, Any]
    notes: Text = ""


class NoteHandover(msgspec.Struct, kw_only=True):
    """Notes of a handover."""

    handover: str
    notes: Text


class ConfirmHandover(msgspec.Struct, kw_only=True):
    """The next shift has it."""

    handover: str
    remark: Text = ""


# look-ups


def _live(tx: Tx, seen: Seen, kind: str, id: str) -> Any:
    """The live entity in the command's namespace. Raises `Refusal` KIND.not_found."""
    found = tx.state.entities[kind].get(id)
    if found is None or found.namespace != seen.namespace:
        raise Refusal(f"{kind}.not_found", f"{id} is not there, or does not change any more")
    return found


def incident_of(tx: Tx, seen: Seen, id: str) -> Incident:
    """An incident that is not closed. Raises `Refusal` incident.not_found."""
    incident = tx.state.incidents.get(id)
    if incident is None or incident.namespace != seen.namespace:
        raise Refusal("incident.not_found", f"{id} is not there, or is closed")
    return incident


# incidents


def _open(tx: Tx, seen: Seen, asked: Open) -> Any:
    return handling.opened(
        tx, seen.namespace, asked.title, asked.description, asked.severity, asked.service, asked.resource
    )


def _edit(tx: Tx, seen: Seen, asked: Edit) -> Any:
    incident = incident_of(tx, seen, asked.incident)
    wanted = handling.Changes(
        title=asked.title, description=asked.description, severity=asked.severity, priority=asked.priority,
        note=asked.note, cause=asked.cause, take_back=tuple(dict.fromkeys(asked.take_back)),
    )  # fmt: skip
    handling.edit(tx, incident, wanted, asked.reason)
    return incident


def _take(tx: Tx, seen: Seen, asked: Take) -> Any:
    incident = incident_of(tx, seen, asked.incident)
    handling.respond(tx, incident, asked.name, asked.role)
    return incident


def _link(tx: Tx, seen: Seen, asked: AddLink) -> Any:
    incident = incident_of(tx, seen, asked.incident)
    handling.link(tx, incident, asked.target, asked.title)
    return incident


def _unlink(tx: Tx, seen: Seen, asked: DropLink) -> Any:
    incident = incident_of(tx, seen, asked.incident)
    handling.unlink(tx, incident, asked.target)
    return incident


def _update(tx: Tx, seen: Seen, asked: Update) -> Any:
    incident = incident_of(tx, seen, asked.incident)
    audience = tuple(dict.fromkeys(asked.audience)) if asked.audience is not None else None
    return status_updates.post(tx, incident, asked.text, asked.template, audience, asked.next_update_in_s)


def _promise(tx: Tx, seen: Seen, asked: Promise) -> Any:
    incident = incident_of(tx, seen, asked.incident)
    status_updates.promise(tx, incident, asked.next_update_in_s)
    return incident


# tasks and checklists


def _new_task(tx: Tx, seen: Seen, asked: NewTask) -> Any:
    if asked.action:
        review = _live(tx, seen, "review", asked.incident)
        return reviews.act(tx, review, asked.title, asked.description, asked.assignee, asked.due_at)
    incident = incident_of(tx, seen, asked.incident)
    return tasks.create(tx, incident, asked.title, asked.description, asked.assignee, asked.due_at)


def _change_task(tx: Tx, seen: Seen, asked: ChangeTask) -> Any:
    task: Task = _live(tx, seen, "task", asked.task)
    tasks.change(tx, task, asked.title, asked.description, asked.assignee, asked.due_at)
    return task


def _turn_task(tx: Tx, seen: Seen, asked: TurnTask) -> Any:
    task: Task = _live(tx, seen, "task", asked.task)
    tasks.turn(tx, task, asked.state, asked.reason)
    return task


def _add_checklist(tx: Tx, seen: Seen, asked: AddChecklist) -> Any:
    return checklists.attach(tx, incident_of(tx, seen, asked.incident), asked.runbook)


def _mark_step(tx: Tx, seen: Seen, asked: MarkStep) -> Any:
    checklist = _live(tx, seen, "checklist", asked.checklist)
    checklists.mark(tx, checklist, asked.step, asked.state, asked.reason)
    return checklist


# problems


def _new_problem(tx: Tx, seen: Seen, asked: NewProblem) -> Any:
    incident = incident_of(tx, seen, asked.incident) if asked.incident is not None else None
    return problems.create(
        tx, seen.namespace, asked.title, asked.description, asked.workaround, asked.root_cause, asked.service,
        asked.resource, tuple(asked.matchers), incident,
    )  # fmt: skip


def _change_problem(tx: Tx, seen: Seen, asked: ChangeProblem) -> Any:
    problem = _live(tx, seen, "problem", asked.problem)
    problems.change(
        tx, problem, asked.title, asked.description, asked.workaround, asked.root_cause, asked.assignee,
        tuple(asked.matchers) if asked.matchers is not None else None, asked.forget_alerts,
    )  # fmt: skip
    return problem


def _move_problem(tx: Tx, seen: Seen, asked: MoveProblem) -> Any:
    problem = _live(tx, seen, "problem", asked.problem)
    problems.transition(tx, problem, asked.state)
    return problem


def _put_problem(tx: Tx, seen: Seen, asked: PutProblem) -> Any:
    problem = _live(tx, seen, "problem", asked.problem)
    problems.put(tx, problem, incident_of(tx, seen, asked.incident))
    return problem


def _take_problem(tx: Tx, seen: Seen, asked: PutProblem) -> Any:
    problem = _live(tx, seen, "problem", asked.problem)
    problems.take(tx, problem, incident_of(tx, seen, asked.incident))
    return problem


# reviews and handovers


def _begin_review(tx: Tx, seen: Seen, asked: BeginReview) -> Any:
    incident = tx.state.incidents.get(asked.incident)
    if incident is not None and (incident.namespace != seen.namespace or incident.state != "resolved"):
        raise Refusal("incident.state", f"{asked.incident} is {incident.state}; a review begins when it is over")
    return reviews.begin(
        tx, seen.namespace, asked.incident, asked.title, asked.service, asked.priority, asked.drawn
    )  # fmt: skip


def _write_review(tx: Tx, seen: Seen, asked: WriteReview) -> Any:
    review = _live(tx, seen, "review", asked.review)
    reviews.write(tx, review, asked.sections)
    return review


def _publish_review(tx: Tx, seen: Seen, asked: OnReview) -> Any:
    review = _live(tx, seen, "review", asked.review)
    reviews.publish(tx, review)
    return review


def _withdraw_review(tx: Tx, seen: Seen, asked: OnReview) -> Any:
    review = _live(tx, seen, "review", asked.review)
    reviews.withdraw(tx, review)
    return review


def _new_handover(tx: Tx, seen: Seen, asked: NewHandover) -> Any:
    return handovers.create(tx, seen.namespace, asked.team, asked.since, asked.until, asked.drawn, asked.notes)


def _note_handover(tx: Tx, seen: Seen, asked: NoteHandover) -> Any:
    handover = _live(tx, seen, "handover", asked.handover)
    handovers.note(tx, handover, asked.notes)
    return handover


def _confirm_handover(tx: Tx, seen: Seen, asked: ConfirmHandover) -> Any:
    handover = _live(tx, seen, "handover", asked.handover)
    handovers.confirm(tx, handover, asked.remark)
    return handover


# changes in the landscape


def _start_change(tx: Tx, seen: Seen, asked: change_records.Wanted) -> Any:
    return change_records.start(tx, seen.namespace, asked)


def _finish_change(tx: Tx, seen: Seen, asked: change_records.Finish) -> Any:
    return change_records.finish(tx, seen.namespace, asked)


COMMANDS: Final[dict[str, tuple[type[Any], Callable[[Tx, Seen, Any], Any]]]] = {
    "oncue.command.incident.open": (Open, _open),
    "oncue.command.incident.edit": (Edit, _edit),
    "oncue.command.incident.respond": (Take, _take),
    "oncue.command.incident.link": (AddLink, _link),
    "oncue.command.incident.unlink": (DropLink, _unlink),
    "oncue.command.incident.update": (Update, _update),
    "oncue.command.incident.promise": (Promise, _promise),
    "oncue.command.task.create": (NewTask, _new_task),
    "oncue.command.task.change": (ChangeTask, _change_task),
    "oncue.command.task.turn": (TurnTask, _turn_task),
    "oncue.command.checklist.add": (AddChecklist, _add_checklist),
    "oncue.command.checklist.mark": (MarkStep, _mark_step),
    "oncue.command.problem.create": (NewProblem, _new_problem),
    "oncue.command.problem.change": (ChangeProblem, _change_problem),
    "oncue.command.problem.transition": (MoveProblem, _move_problem),
    "oncue.command.problem.put": (PutProblem, _put_problem),
    "oncue.command.problem.take": (PutProblem, _take_problem),
    "oncue.command.review.begin": (BeginReview, _begin_review),
    "oncue.command.review.write": (WriteReview, _write_review),
    "oncue.command.review.publish": (OnReview, _publish_review),
    "oncue.command.review.withdraw": (OnReview, _withdraw_review),
    "oncue.command.handover.create": (NewHandover, _new_handover),
    "oncue.command.handover.note": (NoteHandover, _note_handover),
    "oncue.command.handover.confirm": (ConfirmHandover, _confirm_handover),
    "oncue.command.change_record.start": (change_records.Wanted, _start_change),
    "oncue.command.change_record.finish": (change_records.Finish, _finish_change),
}
"""Type of the event -> (its data, what it does)."""
