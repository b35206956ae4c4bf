"""What the database tells about how the server is: what happened lately, and the ages of what should be young."""

from datetime import datetime

import msgspec
from sqlalchemy import Connection, func, select

from oncue.store.schema import dead_letter, entity, fact, journal, segment, snapshot

LETTERS = 10_000
"""Dead letters that are looked at, the newest; more are not told apart."""
NAMED = 5
"""Of those that fail, so many are named."""
LOOKED_AT = 100
"""Facts of a type that are looked at for names, the newest."""


class _About(msgspec.Struct, frozen=True):
    policy: str | None = None
    uses: str | None = None


class _Fact(msgspec.Struct):
    data: _About = _About()


class Condition(msgspec.Struct, frozen=True):
    """See `oncue.sdk.itself.Itself`. Instants are microseconds since 1970 UTC."""

    dead_letters_new: int
    dead_letters_waiting: int
    facts: dict[str, int]
    """Facts and own inputs of that time, by type, of those that were asked for."""
    named: dict[str, list[str]]
    """By type, the policies or actions that the newest of these facts are about."""
    monitors_failing: list[str]
    monitors_failing_count: int
    snapshot_at: int
    """Of the newest snapshot, or of the journal's beginning."""
    oldest_at: int | None
    """Of the oldest segment; None while there is none."""
    escalation_due_at: datetime | None = None
    """When the next level of an escalation is, or was, to be told, of that which is first; None if none waits."""


def condition(connection: Connection, now_us: int, recent_us: int, types: tuple[str, ...]) -> Condition:
    """How it is at this instant, and what happened in the time before it."""
    since = now_us - recent_us
    newest = (
        select(dead_letter.c.at)
        .where(dead_letter.c.redriven_at.is_(None))
        .order_by(dead_letter.c.id.desc())
        .limit(LETTERS)
        .subquery()
    )
    waiting, fresh = connection.execute(
        select(func.count(), func.count().filter(newest.c.at >= since)).select_from(newest)
    ).one()
    first = connection.execute(
        select(segment.c.first_position).where(segment.c.last_recorded_at >= since).order_by(segment.c.last_recorded_at)
        .limit(1)
    ).scalar()  # fmt: skip
    facts = {}
    if first is not None:
        counted = select(fact.c.type, func.count()).where(
            fact.c.type.in_(types), fact.c.position >= first, fact.c.recorded_at >= since
        )
        facts = {row[0]: row[1] for row in connection.execute(counted.group_by(fact.c.type))}
    named = {type: _names(connection, type, first) for type in facts if first is not None}
    failing = (entity.c.kind == "monitor", entity.c.state == "failing")
    count = connection.execute(select(func.count()).select_from(entity).where(*failing)).scalar() or 0
    some = connection.execute(select(entity.c.id).where(*failing).order_by(entity.c.id).limit(NAMED)).scalars()
    began = connection.execute(select(func.min(journal.c.created_at))).scalar()
    return Condition(
        dead_letters_new=fresh,
        dead_letters_waiting=waiting,
        facts=facts,
        named={type: names for type, names in named.items() if names},
        monitors_failing=list(some) if count else [],
        monitors_failing_count=count,
        snapshot_at=connection.execute(select(func.max(snapshot.c.at))).scalar() or began or now_us,
        oldest_at=connection.execute(
            select(segment.c.first_recorded_at).order_by(segment.c.first_position).limit(1)
        ).scalar(),
        escalation_due_at=_escalation_due_at(connection),
    )


def _escalation_due_at(connection: Connection) -> datetime | None:
    """Only escalations that have not ended are live, so there are few."""
    live = select(entity.c.body).where(entity.c.kind == "escalation", entity.c.live, entity.c.state != "exhausted")
    due = [msgspec.json.decode(body, type=_Due).next_at for body in connection.execute(live).scalars()]
    return min((at for at in due if at is not None), default=None)


class _Due(msgspec.Struct):
    next_at: datetime | None = None


def _names(connection: Connection, type: str, first: int) -> list[str]:
    newest = (
        select(fact.c.body).where(fact.c.type == type, fact.c.position >= first).order_by(fact.c.position.desc())
        .limit(LOOKED_AT)
    )  # fmt: skip
    about = [msgspec.json.decode(body, type=_Fact).data for body in connection.execute(newest).scalars()]
    return list(dict.fromkeys(name for one in about if (name := one.policy or one.uses) is not None))[:NAMED]
