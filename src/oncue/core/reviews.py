"""What happens to reviews: they are drafted, written, published; their actions stay open until they are done.

A published review stays live for `MENDED`, so that it can be taken back to a draft and mended; then it is settled.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from oncue.core import tasks
from oncue.core.errors import Refusal
from oncue.core.expression import stored
from oncue.core.review import SECTIONS, Review
from oncue.core.task import Task
from oncue.core.tx import Tx

MENDED: Final = timedelta(days=30)
ACTIONS: Final = 100
"""Actions of one review."""


def begin(
    tx: Tx, namespace: str, incident: str, title: str, service: str | None, priority: str, drawn: dict[str, Any]
) -> Review:
    """Begin the review of an incident, which may be closed. Raises `Refusal` review.state if it has one."""
    if incident in tx.state.reviews:
        raise Refusal("review.state", f"{incident} has a review")
    review = Review(
        id=incident, namespace=namespace, incident=incident, title=title, service=service, priority=priority,
        state="draft", drawn=stored(drawn), summary="", impact="", causes="", went_well="", went_badly="", lessons="",
        actions=(), created_by=tx.actor, created_at=tx.now, updated_at=tx.now,
    )  # fmt: skip
    _fact(tx, review, "oncue.review.created")
    return review


def write(tx: Tx, review: Review, sections: dict[str, str]) -> None:
    """Write some of its sections. Raises `Refusal` review.state once it is published, request.invalid for no section."""
    _must_be_draft(review)
    unknown = sorted(set(sections) - set(SECTIONS))
    if unknown or not sections:
        raise Refusal("request.invalid", f"{', '.join(unknown) or 'nothing'}: a review has {', '.join(SECTIONS)}")
    tx.touch(review)
    for name in SECTIONS:
        if name in sections:
            setattr(review, name, sections[name])
    _fact(tx, review, "oncue.review.updated")


def act(
    tx: Tx, review: Review, title: str, description: str, assignee: str | None, due_at: datetime | None
) -> Task:  # fmt: skip
    """Decide on something to be done so that it does not come again. Raises `Refusal` incident.full."""
    if len(review.actions) >= ACTIONS:
        raise Refusal("incident.full", f"the review of {review.incident} has {ACTIONS} actions")
    task = tasks.write(
        tx, review.incident, review.namespace, review.service, "action", title, description, assignee, due_at
    )
    tx.touch(review)
    review.actions = (*review.actions, task.id)
    _fact(tx, review, "oncue.review.updated")
    return task


def publish(tx: Tx, review: Review) -> None:
    """It is for all to read. Raises `Refusal` review.state if it is published."""
    _must_be_draft(review)
    tx.touch(review)
    review.state = "published"
    review.published_by, review.published_at = tx.actor, tx.now
    tx.timer(f"review.settle/{review.id}", tx.now + MENDED)
    _fact(tx, review, "oncue.review.published")


def withdraw(tx: Tx, review: Review) -> None:
    """It is a draft again. Raises `Refusal` review.state unless it is published."""
    if review.state != "published":
        raise Refusal("review.state", f"the review of {review.incident} is a draft")
    tx.touch(review)
    review.state = "draft"
    review.published_by = review.published_at = None
    tx.cancel(f"review.settle/{review.id}")
    _fact(tx, review, "oncue.review.updated")


def settle(tx: Tx, id: str) -> None:
    """It was published long ago, and changes no more."""
    review = tx.state.reviews.get(id)
    if review is not None and review.state == "published":
        tx.save("review", review, live=False)


def _must_be_draft(review: Review) -> None:
    if review.state != "draft":
        raise Refusal("review.state", f"the review of {review.incident} is published; take it back to change it")


def _fact(tx: Tx, review: Review, type: str) -> None:
    review.updated_at = tx.now
    tx.fact(type, "review", review, refs=(("incident", review.incident),), service=review.service)
    tx.save("review", review)
