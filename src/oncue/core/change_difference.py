"""What differs between two plans of a change: targets, waves, steps, and each term that people agree to.

Two plans have the same hash if nothing that is `agreed` differs between them, and only then.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from oncue.core.change import Change


class Difference(msgspec.Struct, frozen=True):
    """One thing that is otherwise."""

    part: str
    """`targets`, `waves`, `steps`, `inputs`, `workflows`, or a term by its name, as `window`."""
    what: Literal["added", "removed", "changed"]
    name: str | None
    """Of the target, wave, step, input or workflow; None where there is one, or where their order is meant."""
    before: Any = None
    after: Any = None
    agreed: bool = True
    """Whether it is part of what people agree to."""


_Term = Callable[[Change], Any]

_TERMS: Final[dict[str, _Term]] = {
    "title": lambda one: one.title,
    "type": lambda one: one.type,
    "not_before": lambda one: one.not_before,
    "input_schema": lambda one: one.spec.inputs,
    "max_parallel": lambda one: one.spec.waves.max_parallel,
    "max_failures": lambda one: one.spec.waves.max_failures,
    "gate": lambda one: one.spec.waves.gate,
    "wave_bake": lambda one: one.spec.waves.bake,
    "bake": lambda one: one.spec.bake,
    "window": lambda one: one.spec.window,
    "approvals": lambda one: list(_planned(one).approvals),
    "preconditions": lambda one: one.spec.preconditions,
    "expects": lambda one: one.spec.expects,
    "on_failure": lambda one: one.spec.on_failure,
    "timeout": lambda one: one.spec.timeout,
    "configuration": lambda one: list(one.configuration),
    "force": lambda one: one.force,
    "review": lambda one: one.spec.review,
}
"""What is agreed to, beside targets, steps, inputs and workflows."""
_BESIDE: Final[dict[str, _Term]] = {
    "reason": lambda one: one.reason,
    "deadline": lambda one: one.deadline_at,
    "template": lambda one: one.template,
    "owner": lambda one: one.spec.owner,
    "max_risk": lambda one: one.spec.max_risk,
}
"""What may be otherwise without another plan."""


def between(before: Change, after: Change) -> list[Difference]:
    """What the change has otherwise than it had before; both are planned."""
    found = [*_targets(before, after), *_waves(before, after), *_steps(before, after)]
    found += _named("inputs", before.inputs, after.inputs)
    found += _named("workflows", _planned(before).workflows, _planned(after).workflows)
    for terms, agreed in ((_TERMS, True), (_BESIDE, False)):
        found += _terms(terms, before, after, agreed=agreed)
    return found


def _planned(change: Change) -> Any:
    if change.plan is None:
        raise AssertionError(change.id)
    return change.plan


def _targets(before: Change, after: Change) -> Iterator[Difference]:
    was, now = _planned(before).targets, _planned(after).targets
    yield from (Difference("targets", "added", name) for name in now if name not in set(was))
    yield from (Difference("targets", "removed", name) for name in was if name not in set(now))


def _waves(before: Change, after: Change) -> Iterator[Difference]:
    was, now = ({wave.name: list(wave.targets) for wave in _planned(one).waves} for one in (before, after))
    yield from _named("waves", was, now)


def _steps(before: Change, after: Change) -> Iterator[Difference]:
    was, now = ({step.id: msgspec.to_builtins(step) for step in one.spec.steps} for one in (before, after))
    yield from _named("steps", was, now)
    common = ([id for id in was if id in now], [id for id in now if id in was])
    if common[0] != common[1]:
        yield Difference("steps", "changed", None, *common)


def _named(part: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Of what has names: what came, what went, what is otherwise."""
    for name, value in before.items():
        if name not in after:
            yield Difference(part, "removed", name, value)
        elif after[name] != value:
            yield Difference(part, "changed", name, value, after[name])
    yield from (Difference(part, "added", name, None, value) for name, value in after.items() if name not in before)


def _terms(terms: Mapping[str, _Term], before: Change, after: Change, *, agreed: bool) -> Iterator[Difference]:
    for part, of in terms.items():
        was, now = msgspec.to_builtins(of(before)), msgspec.to_builtins(of(after))
        if was != now:
            yield Difference(part, "changed", None, was, now, agreed)
