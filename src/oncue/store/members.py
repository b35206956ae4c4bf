"""The alerts of incidents, by their memberships."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from oncue.core.incident import Incident
from oncue.store.queries import LIMIT, entity_bodies
from oncue.store.schema import entity

EARLY: Final = 100
"""Incidents whose first alerts are kept."""


def of(incident: str) -> tuple[Any, ...]:
    """The incident's memberships, which are called after it."""
    return entity.c.kind == "membership", entity.c.id >= f"{incident}/", entity.c.id < f"{incident}0"


def alerts_of(connection: Connection, incident: Incident, *, first: bool = False, most: int = LIMIT) -> list[bytes]:
    """The alerts of an incident, at most `most`: those that joined it last first, or with `first` those that joined it
    first."""
    return _alerts(connection, _memberships(connection, incident, most, first=first))


class Early:
    """The alerts that joined large incidents first. Who looks at an incident asks for them again and again, and they stay the
    same: their memberships are kept, and looked up by their keys, which does not take longer the larger the incident is.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[str]] = {}

    def of(self, connection: Connection, incident: Incident) -> list[bytes]:
        """As `alerts_of` with `first`."""
        kept = self._kept.get(incident.id)
        if kept is not None:
            there = select(func.count()).where(entity.c.kind == "membership", entity.c.id.in_(kept), _stays(incident))
            if connection.execute(there).scalar_one() == len(kept):
                return _alerts(connection, kept)
        found = _memberships(connection, incident, LIMIT, first=True)
        if len(found) == LIMIT:
            if len(self._kept) >= EARLY:
                self._kept.clear()
            self._kept[incident.id] = found
        return _alerts(connection, found)


def _memberships(connection: Connection, incident: Incident, most: int, *, first: bool) -> list[str]:
    order = entity.c.position if first else entity.c.position.desc()
    asked = select(entity.c.id).where(*of(incident.id), _stays(incident)).order_by(order).limit(most)
    return list(connection.execute(asked).scalars())


def _stays(incident: Incident) -> ColumnElement[bool]:
    # Rows written before the state was kept have none; their bodies say it.
    unsaid = and_(entity.c.state == "", func.instr(entity.c.body, b'"left_at":null') > 0)
    stays = or_(entity.c.state == "member", unsaid)
    if incident.merged_into is not None:
        stays = or_(stays, func.instr(entity.c.body, b'"rule":"merge"') > 0)
    return stays


def _alerts(connection: Connection, memberships: list[str]) -> list[bytes]:
    return entity_bodies(connection, "alert", [id.partition("/")[2] for id in memberships])
