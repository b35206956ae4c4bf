"""Turns what the engine changed into rows of the store."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec

from oncue.core import event as events
from oncue.core.alert import Alert
from oncue.core.event import Event
from oncue.core.normalise import Sample
from oncue.core.state import State
from oncue.core.tx import Derived
from oncue.runtime.clock import microseconds
from oncue.store import hot
from oncue.store.schema import PARTS

_encode: Final = msgspec.json.Encoder().encode
_sorted: Final = msgspec.json.Encoder(order="sorted").encode

_CREATED: Final = ("first_seen_at", "opened_at", "started_at", "created_at", "starts_at", "at", "updated_at")
_UPDATED: Final = ("updated_at", "ended_at", "at")


@cache
def _fields(kind: Any, names: tuple[str, ...]) -> tuple[str, ...]:
    """Which of these fields such entities have."""
    return tuple(name for name in names if hasattr(kind, name))


def _time(entity: Any, names: tuple[str, ...]) -> int:
    for name in _fields(entity.__class__, names):
        value = getattr(entity, name)
        if isinstance(value, datetime):
            return microseconds(value)
    return 0


def entity_row(kind: str, id: str, entity: Any, live: bool, position: int | None) -> tuple[Any, ...]:
    """A row of `entity`. `position` is that of the newest fact about it in this batch, if there is one."""
    if position is None:
        own: str = getattr(entity, "position", "")
        position = int(own.partition("-")[2]) if own else getattr(entity, "request_position", 0)
    return (
        kind,
        id,
        live,
        entity.namespace,
        getattr(entity, "state", "") if kind not in PARTS else None,
        getattr(entity, "severity", None),
        getattr(entity, "type", None) or getattr(entity, "kind", None) or getattr(entity, "workflow", None),
        getattr(entity, "resource", None),
        getattr(entity, "service", None),
        _time(entity, _CREATED),
        _time(entity, _UPDATED),
        position if kind not in PARTS else None,
        _encode(entity),
    )


def hot_row(alert: Alert) -> tuple[str, int, int, int | None, int, int]:
    """A row of `alert_hot`."""
    deadline = microseconds(alert.deadline_at) if alert.deadline_at is not None else None
    last_seen = microseconds(alert.last_seen_at)
    updated = last_seen if alert.updated_at is alert.last_seen_at else microseconds(alert.updated_at)
    return (alert.id, alert.count, last_seen, deadline, updated, int(alert.position.partition("-")[2]))


def sealed_hot(gone: list[str], alerts: Iterable[Alert]) -> bytes:
    """The hot rows of these alerts, and the alerts whose whole row is written, as a segment keeps them."""
    return hot.seal((gone, [(a.id, a.count, a.last_seen_at, a.deadline_at, a.updated_at, a.position) for a in alerts]))


def lay_over(state: State, rows: Iterable[hot.HotRow]) -> None:
    """Bring loaded alerts up to date with their hot rows."""
    for row in rows:
        alert = state.alerts.get(row.id)
        if alert is not None:
            alert.count = row.count
            alert.last_seen_at = row.last_seen_at
            alert.deadline_at = row.deadline_at
            alert.updated_at = row.updated_at
            alert.position = row.position


def fact_row(fact: Derived, input_position: int, at: int) -> tuple[Any, ...]:
    """A row of `fact` for one of OnCue's own."""
    return (
        fact.position, fact.type, fact.namespace, fact.kind, fact.id, at, input_position, fact.cause_position,
        fact.severity, fact.resource, fact.service, fact.body,
    )  # fmt: skip


def input_fact_row(event: Event, body: bytes, namespace: str, position: int, at: int) -> tuple[Any, ...]:
    """A row of `fact` for an input that caused something."""
    return (
        position, event.type, namespace, "", event.id, at, position, _cause(event, position), event.severity,
        event.resource or event.subject, event.service, body,
    )  # fmt: skip


def _cause(event: Event, position: int) -> int:
    """Results name the fact that asked for them; ids of our own hold their position."""
    parts = (event.causationid or "").split("-")
    return int(parts[2]) if len(parts) == 4 and parts[0] == "oc" and parts[2].isdecimal() else position


def series_name(namespace: str, resource: str, metric: str, labels: dict[str, str]) -> str:
    """The text that names a series of samples: a JSON array of namespace, resource, metric and labels."""
    return _sorted([namespace, resource, metric, labels]).decode()


def sample_rows(sample: Sample, namespace: str, now: int) -> list[tuple[str, int, int, int, float, float, float]]:
    """Rows of `sample`: each reading, rolled up per minute and per hour."""
    try:
        at = events.instant(sample.at)
    except ValueError:
        at = None
    us = min(microseconds(at), now) if at is not None else now
    rows = []
    for reading in sample.readings:
        labels = {**sample.labels, **reading.labels}
        series = series_name(namespace, reading.resource or sample.resource, reading.metric, labels)
        for step_s in (60, 3600):
            start = us - us % (step_s * 1_000_000)
            rows.append((series, step_s, start, 1, reading.value, reading.value, reading.value))
    return rows
