"""The alerts of incidents, by their memberships.

A membership is called after its incident and its alert, and alerts are called after the position at which they began. So the
newest of a large incident, or its first, are one end of a stretch of the table: to read them does not take longer the larger
the incident is.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from oncue.core.incident import Incident
from oncue.store.queries import LIMIT, entity_bodies, written_bodies
from oncue.store.schema import entity


def memberships_of(connection: Connection, incident: str) -> list[bytes]:
    """Why alerts are in the incident, also of those that left it: of the alerts that began last, last first."""
    asked = select(entity.c.body).where(*_of(incident)).order_by(entity.c.id.desc()).limit(LIMIT)
    return list(connection.execute(asked).scalars())


def alerts_of(connection: Connection, incident: Incident, *, first: bool = False, most: int = LIMIT) -> list[bytes]:
    """The alerts of an incident, at most `most`: those that began last first, or with `first` those that began first."""
    return entity_bodies(connection, "alert", _alerts(connection, incident, most, first=first))


def first_of(connection: Connection, incident: Incident) -> list[bytes]:
    """As `alerts_of` with `first`, but without what their repeats changed since: that is only counted."""
    ids = _alerts(connection, incident, LIMIT, first=True)
    found = written_bodies(connection, "alert", ids)
    return [found[id] for id in ids if id in found]


def _of(incident: str) -> tuple[Any, ...]:
    return entity.c.kind == "membership", entity.c.id >= f"{incident}/", entity.c.id < f"{incident}0"


def _alerts(connection: Connection, incident: Incident, most: int, *, first: bool) -> list[str]:
    order = entity.c.id if first else entity.c.id.desc()
    asked = select(entity.c.id).where(*_of(incident.id), _stays(incident)).order_by(order).limit(most)
    return [id.partition("/")[2] for id in connection.execute(asked).scalars()]


def _stays(incident: Incident) -> ColumnElement[bool]:
    # Rows written before the state was kept have none; their bodies say it.
    unsaid = and_(entity.c.state == "", func.instr(entity.c.body, b'"left_at":null') > 0)
    stays = or_(entity.c.state == "member", unsaid)
    if incident.merged_into is not None:
        stays = or_(stays, func.instr(entity.c.body, b'"rule":"merge"') > 0)
    return stays
