"""What speaks against a change: how its targets are, what else is being done to them, whether its plan still holds."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final

from oncue.core import change_calendar, change_plan, change_rules
from oncue.core.asking import Asked
from oncue.core.change import Change, ChangePlan
from oncue.core.change_record import ChangeRecord, number
from oncue.core.changed_alerts import places_of
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, holds, naming
from oncue.core.state import State
from oncue.core.topology import Node

UPSTREAM: Final = 3
"""How far upstream of a target incidents, and how far around it other changes, speak against changing it."""
THAT: Final = ("targets",)
"""What `preconditions.that` sees besides what every expression does."""
NAMED: Final = 5
"""How many of what is alike are named."""


def of_plan(state: State, change: Change, plan: ChangePlan) -> list[str]:
    """Why what was agreed to is no longer what would be done. Its targets are frozen: what fits as well by now is none."""
    try:
        workflows = change_plan.workflows_of(state, change)
    except Refusal as refusal:
        return [f"{refusal.code}: {refusal.detail}"]
    found, fits = gone(state, change, plan, plan.targets), frozenset(change_plan.eligible(state, change))
    known = (name for name in plan.targets if state.topology.node(change.namespace, name) is not None)
    left = [name for name in known if name not in fits]
    if left:
        found.append(f"{_named(left)}: no longer among the targets that it may have")
    found += [
        f"the workflow {name} is not what it was when this was planned"
        for name, version in plan.workflows.items()
        if workflows.get(name) != version
    ]
    found += change_plan.config_stale(state, change)
    if more := change_rules.unmet(state, change):
        found.append(f"rules of {change.namespace} ask for more by now: {change_rules.said(more)}")
    return found


def gone(state: State, change: Change, plan: ChangePlan, targets: Iterable[str]) -> list[str]:
    """Which of these targets the catalogue knew when this was planned, and does not know now."""
    left = [
        name for name in targets if name not in plan.unknown and state.topology.node(change.namespace, name) is None
    ]
    return [f"{_named(left)}: no longer in the catalogue"] if left else []


def of_calendar(state: State, change: Change, now: datetime) -> list[str]:
    """Why it is not the time."""
    calendar = change.calendar
    frozen = change_calendar.freeze(state, change.namespace, calendar, now)
    if frozen is not None:
        return [frozen_by(frozen)]
    opening = change_calendar.opening(state, change.namespace, calendar, now)
    if opening is None:
        return [change_calendar.never(state, change.namespace, calendar)]
    if opening.starts_at > now:
        return [f"the calendar {calendar} opens at {opening.starts_at:%Y-%m-%d %H:%M} UTC"]
    return []


def frozen_by(frozen: change_calendar.Frozen) -> str:
    """A freeze in words."""
    return f"{frozen.title} ({frozen.calendar}): nothing is changed before {frozen.ends_at:%Y-%m-%d %H:%M} UTC"


def of_targets(state: State, change: Change, plan: ChangePlan, targets: Iterable[str]) -> list[str]:
    """Why these targets should not be changed now. What is broken is why glass is: it then speaks against nothing."""
    wanted, found = change.spec.preconditions, list[str]()
    targets, broken = list(targets), change.glass is not None
    if wanted.healthy and not broken:
        firing = [name for name in targets if any(True for _ in _firing(state, change, name))]
        if firing:
            found.append(f"alerts fire on {_named(firing)}")
    if wanted.no_incidents and not broken:
        ids = sorted({id for name in targets for id in _incidents(state, change, name, wanted.no_incidents)})
        if ids:
            found.append(f"{_named(ids)}: {' or '.join(wanted.no_incidents)}, on a target or on what it needs")
    if wanted.alone:
        others = sorted({id for name in targets for id in _others(state, change, name)})
        if others:
            found.append(f"{_named(others)} {'runs' if len(others) == 1 else 'run'} there, or next to it")
    if wanted.owner_free and not broken and (theirs := _busy_with(state, change)):
        found.append(f"{change.keeper} is busy with {_named(theirs)}")
    if wanted.that is not None:
        all_of_them = list(plan.targets)
        given = {"targets": all_of_them, "inputs": {**change.inputs, "targets": all_of_them}}
        scope = naming(THAT).activation(given, Asked(state, change.namespace))
        try:
            if not holds(wanted.that, scope):
                found.append(f"{wanted.that} is false")
        except Failed as failure:
            found.append(str(failure))
    return found


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _firing(state: State, change: Change, target: str) -> Iterator[str]:
    """Incidents in which alerts fire on the target, that someone is called for."""
    for where in places_of(state, change.namespace, target):
        yield from state.failing.get(where, ())


def _incidents(state: State, change: Change, target: str, priorities: Collection[str]) -> Iterator[str]:
    def on(places: Iterable[str]) -> Iterator[str]:
        for where in places:
            for id in state.failing.get(where, ()):
                if state.incidents[id].priority in priorities:
                    yield id

    yield from on(places_of(state, change.namespace, target))
    node = state.topology.node(change.namespace, target)
    if node is not None:
        for step in state.topology.walk(node, up=True, hops=UPSTREAM):
            yield from on(step.node.places)


def _later(change: Change, record: ChangeRecord) -> bool:
    """Whether it is of a change that began after this one did."""
    return change.record is not None and record.here and number(record.id) > number(change.record)


def _busy_with(state: State, change: Change) -> list[str]:
    """Changes of the same person that run; of two that do, the one that began later waits."""
    found = []
    for _, other in sorted(state.changes.items()):
        record = state.change_records.get(other.record or "")
        same = change.keeper is not None and (other.keeper, other.namespace) == (change.keeper, change.namespace)
        if same and other.state == "implement" and other is not change and record and not _later(change, record):
            found.append(f"{other.id} ({other.title})")
    return found


def _others(state: State, change: Change, target: str) -> Iterator[str]:
    """Change records that run on the target or around it, but its own. Of two changes that run, the one that began later
    waits. Of OnCue's own configuration others can report nothing."""

    def on(name: str, node: Node | None) -> Iterator[str]:
        names = node.called if node is not None else (name,)
        for called in names:
            for kind in ("resource", "service"):
                for id in state.changed.at((change.namespace, kind, called)):
                    record = state.change_records[id]
                    known = record.here or not change.configuration
                    if known and record.state == "running" and id != change.record and not _later(change, record):
                        yield (
                            f"{record.key} ({record.title})"
                            if record.key.startswith("CHG-")
                            else f"{id} ({record.title})"
                        )

    node = state.topology.node(change.namespace, target)
    yield from on(target, node)
    if node is not None:
        for up in (True, False):
            for step in state.topology.walk(node, up=up, hops=1):
                yield from on(step.node.name, step.node)
