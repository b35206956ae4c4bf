"""What several manifests say that does not go together: doubts about pairs, each named with the other one.

Only what is certain is said: a policy that gives an alert a severity, where another one that meets every event which it meets gives
another. What overlaps for some events alone is the business of whoever writes it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from oncue.core.condition import Match
from oncue.core.contact import EscalationPolicySpec
from oncue.core.manifest import KINDS, InhibitionSpec, PolicySpec
from oncue.core.policy import covers
from oncue.core.recursion import runs_of, way_back
from oncue.core.spec import Spec
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding

_SHAPED: Final = ("severity", "title", "description", "runbook", "fingerprint", "resource", "service")
"""Members of `alert` of which one alert has one."""
_PAIRS_LIMIT: Final = 2_000
"""Policies that shape alerts, of one namespace, beyond which pairs are not looked at."""


class Given(msgspec.Struct, frozen=True):
    """A manifest as far as others may contradict it."""

    index: int
    namespace: str
    name: str
    spec: Spec


def contradictions(given: Sequence[tuple[str, str, str, Any]]) -> Iterator[tuple[int, Finding]]:
    """(index, what is doubtful or wrong there), of manifests that are each sound: (kind, namespace, name, spec)."""
    for here in _by_namespace(_read(given, ("Policy", "Inhibition", "EscalationPolicy", "Workflow"))):
        for find in _FINDERS:
            yield from find(here)


def recursions(
    given: Sequence[tuple[str, str, str, Any]], known: Sequence[tuple[str, str, str, Any]]
) -> Iterator[tuple[int, Finding]]:
    """(index, which step it is by), of the workflows that run themselves, with those that are `known` in between."""
    own = {(kind, namespace, name) for kind, namespace, name, _ in given}
    others = [one for one in known if one[:3] not in own]
    for here in _by_namespace(_read([*given, *others], ("Workflow",))):
        yield from ((index, finding) for index, finding in _recursions(here) if index < len(given))


def _read(given: Sequence[tuple[str, str, str, Any]], kinds: Sequence[str]) -> list[Given]:
    return [
        Given(index, namespace, name, msgspec.convert(spec, KINDS[kind]))
        for index, (kind, namespace, name, spec) in enumerate(given)
        if kind in kinds
    ]


def _by_namespace(read: list[Given]) -> Iterator[list[Given]]:
    for namespace in sorted({one.namespace for one in read}):
        yield sorted((one for one in read if one.namespace == namespace), key=lambda one: one.name)


def _shapes(here: list[Given]) -> Iterator[tuple[int, Finding]]:
    """Of two policies that shape the same alert, the one whose name comes later has the say."""
    shaping = [
        one
        for one in here
        if isinstance(one.spec, PolicySpec) and one.spec.alert is not None and one.spec.mode == "active"
    ]
    if len(shaping) > _PAIRS_LIMIT:
        return
    for place, first in enumerate(shaping):
        for second in shaping[place + 1 :]:
            yield from _clash(first, second)


def _clash(first: Given, second: Given) -> Iterator[tuple[int, Finding]]:
    one, other = first.spec, second.spec
    assert isinstance(one, PolicySpec)
    assert isinstance(other, PolicySpec)
    if one.condition != other.condition or one.only_during != other.only_during or one.skip_when != other.skip_when:
        return
    if not includes(other.match, one.match):
        return
    for member, mine, theirs in _members(one, other):
        if mine != theirs:
            detail = (
                f"it has no effect: Policy {second.name} meets every event that this one meets, says {theirs!r} there, "
                "and has the last word, for its name comes later"
            )
            yield first.index, Finding(("spec", "alert", *member), detail, "policy.contradicted", "warning")


def _members(one: PolicySpec, other: PolicySpec) -> Iterator[tuple[Path_, str, str]]:
    mine, theirs = one.alert, other.alert
    assert mine is not None
    assert theirs is not None
    for name in _SHAPED:
        before, after = getattr(mine, name), getattr(theirs, name)
        if before is not None and after is not None:
            yield (name,), before, after
    for label in sorted(mine.labels.keys() & theirs.labels.keys()):
        yield ("labels", label), mine.labels[label], theirs.labels[label]


def includes(wide: Match, narrow: Match) -> bool:
    """Whether `wide` certainly meets every event that `narrow` meets."""
    if wide.where is not None and wide.where != narrow.where:
        return False
    if wide.types and not (narrow.types and all(covers(wide.types, type) for type in narrow.types)):
        return False
    for member in ("severities", "resources", "services", "sources"):
        asked, given = getattr(wide, member), getattr(narrow, member)
        if asked and not (given and set(given) <= set(asked)):
            return False
    return all(
        name in narrow.labels and set(_values(narrow.labels[name])) <= set(_values(wanted))
        for name, wanted in wide.labels.items()
    )


def _values(wanted: str | list[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else wanted


def _inhibitions(here: list[Given]) -> Iterator[tuple[int, Finding]]:
    """Two rules that make each other's sources quiet."""
    rules = [one for one in here if isinstance(one.spec, InhibitionSpec) and one.spec.downstream is None]
    for place, first in enumerate(rules):
        for second in rules[place + 1 :]:
            one, other = first.spec, second.spec
            assert isinstance(one, InhibitionSpec)
            assert isinstance(other, InhibitionSpec)
            if set(one.source) == set(other.target) and set(one.target) == set(other.source):
                detail = f"Inhibition {second.name} is the other way round: where both fire, neither calls anyone"
                yield first.index, Finding(("spec",), detail, "policy.contradicted", "warning")


def _circles(here: list[Given]) -> Iterator[tuple[int, Finding]]:
    """Escalation policies that lead to themselves."""
    then = {one.name: one.spec.then for one in here if isinstance(one.spec, EscalationPolicySpec)}
    for one in here:
        if not isinstance(one.spec, EscalationPolicySpec):
            continue
        path, following = [one.name], one.spec.then
        while following is not None and following not in path:
            path.append(following)
            following = then.get(following)
        if following == one.name:
            detail = f"it leads to itself: {' -> '.join([*path, one.name])}"
            yield one.index, Finding(("spec", "then"), detail, "escalation.cyclic")


def _recursions(here: list[Given]) -> Iterator[tuple[int, Finding]]:
    """Workflows that run themselves, whatever lies in between."""
    specs = {one.name: one.spec for one in here if isinstance(one.spec, WorkflowSpec)}
    runs = {name: runs_of(spec) for name, spec in specs.items()}

    def names(workflow: str) -> list[str]:
        return [reference.name for reference in runs.get(workflow, ())]

    for one in here:
        for reference in runs[one.name] if isinstance(one.spec, WorkflowSpec) else ():
            way = way_back(names, reference.name, one.name)
            if way is not None:
                detail = f"it runs itself: {' -> '.join([one.name, *way])}"
                yield one.index, Finding(reference.path, detail, "workflow.cyclic")


_FINDERS: Final[tuple[Callable[[list[Given]], Iterator[tuple[int, Finding]]], ...]] = (
    _shapes,
    _inhibitions,
    _circles,
    _recursions,
)
