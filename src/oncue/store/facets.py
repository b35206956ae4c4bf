"""Facets of alerts: how many of those that filters find have each value, over all of them and not a page.

Three scans that may run beside each other; each reads what it groups by and no more, so that 100,000 alerts take a fraction
of a second. They need not agree to the last alert while events come in.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select, func, or_, select

from oncue.store.queries import Filters, conditions_of, is_acknowledged, is_quiet, quiet_part
from oncue.store.schema import alert_hot, entity

MOST: Final = 20
"""Values of one field that are told; the commonest."""
COMMON: Final = ("severity", "namespace", "service", "type")

_REASONS: Final = re.compile(rb'\{"reason":"([^"\\]+)"').findall


class Facet(msgspec.Struct, frozen=True):
    """A value, and how many have it."""

    value: str
    count: int


class Facets(msgspec.Struct, kw_only=True):
    """What is common among alerts: of each field the 20 commonest values, the commonest first."""

    total: int
    state: list[Facet]
    """`firing` for those that call somebody, `acknowledged`, `quiet` and `resolved`: each alert in one of them."""
    severity: list[Facet]
    namespace: list[Facet]
    service: list[Facet]
    resource: list[Facet]
    type: list[Facet]
    quiet: list[Facet]
    """Reasons for quiet; an alert with several counts for each."""


class Told(msgspec.Struct, frozen=True):
    """Alerts that are quiet or acknowledged, or both."""

    quiet: int
    acknowledged: int
    """Firing, and not quiet."""
    reasons: Counter[str]


def common(connection: Connection, filters: Filters, conditions: Sequence[Any]) -> dict[str, Counter[str]]:
    """How many have each state, severity, namespace, service and type."""
    columns = [entity.c[name] for name in ("state", *COMMON)]
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("state", *COMMON)}
    statement = _about(select(*columns, func.count()), filters, conditions)
    for *values, count in connection.execute(statement.group_by(*columns)):
        for field, value in zip(counts, values, strict=True):
            if value:
                counts[field][value] += count
    return counts


def resources(connection: Connection, filters: Filters, conditions: Sequence[Any]) -> list[Facet]:
    """The resources that have most of them."""
    count = func.count().label("n")
    statement = _about(select(entity.c.resource, count), filters, conditions)
    statement = statement.where(entity.c.resource.is_not(None)).group_by(entity.c.resource)
    rows = connection.execute(statement.order_by(count.desc(), entity.c.resource).limit(MOST))
    return [Facet(*row) for row in rows]


def told(connection: Connection, filters: Filters, conditions: Sequence[Any]) -> Told:
    """How many of those that fire are quiet, for which reasons, or else acknowledged."""
    columns = [is_acknowledged().label("acknowledged"), quiet_part().label("part")]
    statement = _about(select(*columns, func.count()), filters, conditions)
    statement = statement.where(entity.c.state == "firing", or_(is_quiet(), is_acknowledged())).group_by(*columns)
    quiet = acknowledged = 0
    reasons: Counter[str] = Counter()
    for _, part, count in connection.execute(statement):
        found = _REASONS(part)
        if found:
            quiet += count
        else:
            acknowledged += count
        for reason in dict.fromkeys(found):
            reasons[reason.decode()] += count
    return Told(quiet, acknowledged, reasons)


def joined(counts: dict[str, Counter[str]], busiest: list[Facet], heard: Told) -> Facets:
    """The three answers in one."""
    states = counts["state"]
    loud = max(0, states["firing"] - heard.quiet - heard.acknowledged)
    state = Counter(firing=loud, acknowledged=heard.acknowledged, quiet=heard.quiet, resolved=states["resolved"])
    fields = {name: _ordered(counts[name]) for name in COMMON}
    return Facets(
        total=states.total(), state=_ordered(state), resource=busiest, quiet=_ordered(heard.reasons), **fields
    )


def _ordered(counts: Counter[str]) -> list[Facet]:
    known = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [Facet(value, count) for value, count in known if count > 0][:MOST]


def _about(statement: Select[Any], filters: Filters, conditions: Sequence[Any]) -> Select[Any]:
    source: Any = entity
    if filters.since is not None:
        source = entity.outerjoin(alert_hot, alert_hot.c.id == entity.c.id)
    asked = conditions_of(filters, repeats=True)
    return statement.select_from(source).where(entity.c.kind == "alert", *asked, *conditions)
