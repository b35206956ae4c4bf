"""Reads dead letters."""

from typing import Any

from sqlalchemy import Connection, false, or_, select

from oncue.store.queries import Filters, cursor_of, micros, position_of, type_is
from oncue.store.schema import dead_letter


def dead_letters(connection: Connection, filters: Filters) -> tuple[list[Any], str | None]:
    """A page of dead letters, newest first: rows of the table."""
    conditions: list[Any] = []
    if filters.namespace:
        conditions.append(dead_letter.c.namespace.in_(filters.namespace))
    if filters.visible is not None:
        conditions.append(dead_letter.c.namespace.in_(sorted(filters.visible)))
    if filters.type:
        conditions.append(or_(*(type_is(dead_letter.c.code, wanted) for wanted in filters.type)))
    if filters.state:
        states = {"waiting": dead_letter.c.redriven_at.is_(None), "redriven": dead_letter.c.redriven_at.is_not(None)}
        conditions.append(or_(*(states[state] for state in filters.state if state in states), false()))
    if filters.since is not None:
        conditions.append(dead_letter.c.at >= micros(filters.since))
    if filters.until is not None:
        conditions.append(dead_letter.c.at <= micros(filters.until))
    if filters.q:
        conditions.append(dead_letter.c.detail.icontains(filters.q, autoescape=True))
    if filters.cursor is not None:
        conditions.append(dead_letter.c.id < position_of(filters.cursor))
    rows = connection.execute(
        select(dead_letter).where(*conditions).order_by(dead_letter.c.id.desc()).limit(filters.limit + 1)
    ).all()
    following = cursor_of(rows[filters.limit - 1].id) if len(rows) > filters.limit else None
    return list(rows[: filters.limit]), following


def dead_letter_of(connection: Connection, id: int) -> Any | None:
    """The dead letter's row; None if there is none."""
    return connection.execute(select(dead_letter).where(dead_letter.c.id == id)).one_or_none()
