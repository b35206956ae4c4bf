"""The risk of a change, from what is known: each factor with its points and why, so that nobody has to believe a number."""

from datetime import datetime
from typing import Final

import msgspec

from oncue.core import plan as plans
from oncue.core import recurrence
from oncue.core.change import Change, ChangePlan, CloseCode, Factor, History, Risk
from oncue.core.change_calendar import KIND
from oncue.core.change_spec import ChangeCalendarSpec, RiskLevel
from oncue.core.state import State
from oncue.core.tx import Tx
from oncue.core.workflow_spec import WorkflowSpec

LEVELS: Final[tuple[tuple[int, RiskLevel], ...]] = ((70, "very_high"), (45, "high"), (20, "medium"), (0, "low"))
"""From how many points on."""
_CRITICAL: Final = {"critical": 25, "high": 18, "medium": 8, "low": 0}
REACH: Final = 3
"""How far what needs the targets is counted."""
MOST: Final = 20
"""Points of a factor that grows, at most."""
REMEMBERED: Final = 20
"""Outcomes of a template, or of a target, that are remembered."""
WORKING: Final = range(8, 18)
"""Hours of a working day."""


def of(state: State, change: Change, plan: ChangePlan, at: datetime) -> Risk:
    """The risk of making it at this time."""
    found = [
        _criticality(state, change, plan),
        _reach(state, change, plan),
        _waves(plan),
        _undoing(change),
        _template(state, change),
        _targets(state, change, plan),
        _time(state, change, at),
    ]
    if change.type == "emergency":
        found.append(Factor("type", 10, "an emergency: there was less time to look at it"))
    factors = tuple(sorted((one for one in found if one is not None), key=lambda one: (-one.points, one.name)))
    score = min(100, sum(one.points for one in factors))
    return Risk(score, next(level for least, level in LEVELS if score >= least), factors)


def with_rules(risk: Risk, said: str) -> Risk:
    """The same risk, with a word about what rules of the namespace ask for because of it, which weighs nothing."""
    factor = Factor("approvals", 0, f"it asks for less than the namespace's rules do, which add {said}")
    return msgspec.structs.replace(risk, factors=(*risk.factors, factor))


def _criticality(state: State, change: Change, plan: ChangePlan) -> Factor | None:
    worst, where = 0, ""
    for name in plan.targets:
        node = state.topology.node(change.namespace, name)
        if node is None:
            continue
        near = [node, *(step.node for step in state.topology.walk(node, up=False, hops=1))]
        for one in near:
            points = _CRITICAL.get(one.criticality or "", 0)
            if points > worst:
                worst, where = points, f"{one.name} is of {one.criticality} criticality"
    return Factor("criticality", worst, where) if worst else None


def _reach(state: State, change: Change, plan: ChangePlan) -> Factor | None:
    reached: set[str] = set()
    for name in plan.targets:
        node = state.topology.node(change.namespace, name)
        if node is not None:
            reached.update(step.node.id for step in state.topology.needing(node, up=False, hops=REACH))
    many = len(reached)
    if not many:
        return None
    said = f"{many} resources or services need what is changed" if many > 1 else "one thing needs what is changed"
    return Factor("reach", min(MOST, 2 + many), said)


def _waves(plan: ChangePlan) -> Factor | None:
    many, first = len(plan.targets), len(plan.waves[0].targets)
    if many < 2 or first * 5 <= many:
        return None
    points = 15 if len(plan.waves) == 1 else 6
    return Factor("waves", points, f"{first} of {many} targets are changed at once, before anything is known")


def _undoing(change: Change) -> Factor | None:
    if change.configuration:
        return None
    acts = [node for node in plans.compiled(WorkflowSpec(steps=change.spec.steps)).nodes.values() if node.spec.uses]
    final = [node.id for node in acts if node.spec.irreversible]
    if final:
        return Factor("undoing", MOST, f"{', '.join(final)} cannot be undone")
    if acts and all(node.spec.rollback is None for node in acts):
        return Factor("undoing", 12, "no step says what undoes it")
    if acts and not any(plans.looks(node.spec, "after") for node in acts):
        return Factor("undoing", 6, "no step is validated, so a failure shows late")
    return None


def _share(outcomes: str) -> int:
    bad = sum(one in "ub" for one in outcomes) * 2 + outcomes.count("i")
    return round(MOST * bad / (2 * len(outcomes)))


def _template(state: State, change: Change) -> Factor | None:
    if change.template is None:
        return Factor("history", 8, "it has a plan of its own, which was never tried")
    known: History | None = state.cells["change_history"].get(f"template/{change.namespace}/{change.template}")
    if known is None:
        return Factor("history", 6, f"{change.template} was never tried before")
    points = _share(known.outcomes)
    ill = sum(one != "s" for one in known.outcomes)
    return (
        Factor("history", points, f"{ill} of the last {len(known.outcomes)} by {change.template} were not successful")
        if points
        else None
    )


def _targets(state: State, change: Change, plan: ChangePlan) -> Factor | None:
    rows = state.cells["change_history"]
    ill = [
        name
        for name in plan.targets
        if (known := rows.get(f"target/{change.namespace}/{name}")) is not None and known.outcomes[-1] in "ub"
    ]
    if not ill:
        return None
    more = f" and {len(ill) - 3} more" if len(ill) > 3 else ""
    return Factor("targets", min(15, 5 + len(ill)), f"the last change of {', '.join(ill[:3])}{more} was not successful")


def _time(state: State, change: Change, at: datetime) -> Factor | None:
    zone = "UTC"
    window = change.spec.window
    manifest = state.manifests.get(f"{KIND}/{change.namespace}/{window.calendar}") if window is not None else None
    if manifest is not None:
        windows = msgspec.convert(manifest.spec, ChangeCalendarSpec).windows
        zone = windows[0].zone if windows else zone
    local = at.astimezone(recurrence.zone_of(zone))
    if local.weekday() >= 5 or local.hour not in WORKING:
        return None
    return Factor("time", 8, f"it begins in working hours, {local:%A %H:%M} {zone}")


def remember(tx: Tx, change: Change) -> None:
    """What became of it, for those that come after it."""
    if change.close_code is None or change.plan is None:
        return
    letter = _LETTERS[change.close_code]
    keys = [f"target/{change.namespace}/{name}" for name in change.plan.targets if name not in change.plan.unknown]
    if change.template is not None:
        keys.append(f"template/{change.namespace}/{change.template}")
    for key in keys:
        known: History | None = tx.state.cells["change_history"].get(key)
        outcomes = (known.outcomes if known is not None else "") + letter
        tx.cell("change_history", key, History(outcomes[-REMEMBERED:]))


_LETTERS: Final[dict[CloseCode, str]] = {
    "successful": "s", "successful_with_issues": "i", "unsuccessful": "u", "backed_out": "b",
}  # fmt: skip
