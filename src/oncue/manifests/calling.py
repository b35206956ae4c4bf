"""Checks of what says who is called: escalation policies, people, targets."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from oncue.core import hours
from oncue.core.contact import EscalationLevel, EscalationPolicySpec, PersonSpec, TimeTargets
from oncue.core.duration import seconds, seconds_of
from oncue.core.prioritise import Priority
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding, hours_findings, positive_findings


def escalation_findings(spec: EscalationPolicySpec) -> Iterator[Finding]:
    """What of an escalation policy does not hold together; branches that are never taken are doubts."""
    yield from _waits(spec.levels, ("levels",))
    seen: list[tuple[list[Priority], str | None]] = []
    for index, branch in enumerate(spec.branches):
        path: Path_ = ("branches", index)
        yield from _waits(branch.levels, (*path, "levels"))
        if branch.during is not None:
            yield from hours_findings(branch.during, (*path, "during"))
        for priorities, during in seen:
            covered = not priorities or (bool(branch.priorities) and set(branch.priorities) <= set(priorities))
            if covered and during in (None, branch.during):
                yield Finding(
                    path, "a branch before it fits whatever this one does: it is never taken", level="warning"
                )
        seen.append((branch.priorities, branch.during))
    yield from positive_findings(spec.acknowledge_timeout, ("acknowledge_timeout",))
    yield from target_findings(spec.targets)


def target_findings(targets: Mapping[Any, TimeTargets]) -> Iterator[Finding]:
    """What of response and resolution targets does not hold together."""
    for priority, target in targets.items():
        path: Path_ = ("targets", priority)
        yield from positive_findings(target.respond, (*path, "respond"))
        yield from positive_findings(target.resolve, (*path, "resolve"))
        if target.respond is None and target.resolve is None:
            yield Finding(path, "give respond, resolve or both")
        elif (seconds_of(target.resolve) or inf) < (seconds_of(target.respond) or 0.0):
            yield Finding((*path, "resolve"), "it is to be over before anyone is to have acknowledged it")


def _waits(levels: list[EscalationLevel], path: Path_) -> Iterator[Finding]:
    for index, level in enumerate(levels):
        if seconds(level.wait) < 1:
            yield Finding((*path, index, "wait"), "it must be at least 1s")


def person_findings(spec: PersonSpec) -> Iterator[Finding]:
    """What of a person's ways does not hold together."""
    if spec.quiet_hours is not None:
        unreadable = list(hours_findings(spec.quiet_hours, ("quiet_hours",)))
        yield from unreadable
        if not unreadable and hours.parse(spec.quiet_hours).always:
            yield Finding(("quiet_hours",), "they are all of the week: what can wait would never be told in time")
    for member in ("default", "important"):
        seen: set[str] = set()
        for index, rung in enumerate(getattr(spec, member)):
            if rung.channel in seen:
                yield Finding((member, index, "channel"), f"{rung.channel} is told already", level="warning")
            seen.add(rung.channel)
