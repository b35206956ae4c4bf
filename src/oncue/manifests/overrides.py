"""Whether the overrides of a policy hold together: what each may give, which are tied, and which can never count."""

from collections.abc import Iterator

import msgspec

from oncue.core import hours
from oncue.core.expression import is_glob
from oncue.core.manifest import PolicySpec
from oncue.core.override import FIELDS, LISTS, Override, Stated, apart, label, like, may_meet, merged, precision, stated
from oncue.core.policy import form_of
from oncue.manifests import conditions
from oncue.manifests.document import Path_
from oncue.manifests.finding import Finding, hours_findings


def override_findings(spec: PolicySpec) -> Iterator[Finding]:
    """Everything about the overrides that does not hold together. Templates are looked at elsewhere."""
    sound: list[int] = []
    for index, override in enumerate(spec.overrides):
        path: Path_ = ("overrides", index)
        found = [] if override.during is None else list(hours_findings(override.during, (*path, "during")))
        yield from found
        if not found:
            sound.append(index)
        yield from _numbers(spec, override, path)
        if override.alert is not None and spec.alert is None:
            yield Finding((*path, "alert"), "the policy has no alert that it could change; give it one, as alert: {}")
    names: set[str] = set()
    for index, override in enumerate(spec.overrides):
        if override.name is not None and override.name in names:
            yield Finding(("overrides", index, "name"), f"there is another override {override.name}")
        names.add(override.name or "")
    ranked = [_Ranked(spec, index) for index in sound]
    yield from _ties(ranked)
    yield from _dead(spec, ranked)


def _numbers(spec: PolicySpec, override: Override, path: Path_) -> Iterator[Finding]:
    given = override.condition
    if given is None:
        return
    path = (*path, "condition")
    if spec.condition is None:
        yield Finding(path, "the policy has no condition whose numbers it could change")
        return
    own = list(conditions.faults(spec.condition))
    if own:
        return
    form = form_of(spec.condition)
    may = FIELDS.get(form, ())
    wrong = False
    for field in msgspec.structs.fields(given):
        if getattr(given, field.name) is not None and field.encode_name not in may:
            wrong = True
            what = f"an override of {form} may give {', '.join(may)}" if may else f"{form} has no numbers to override"
            yield Finding((*path, field.encode_name), f"{field.encode_name} cannot be overridden here; {what}")
    with_it = merged(spec.condition, given)
    if not wrong and with_it is not None:
        yield from (Finding((*path, *where), detail) for where, detail in conditions.faults(with_it))


class _Ranked:
    """An override, and what it is compared by."""

    def __init__(self, spec: PolicySpec, index: int) -> None:
        self.index = index
        self.override = spec.overrides[index]
        self.label = label(spec.overrides, index)
        self.stated = stated(self.override.match)
        self.rank = precision(self.override)
        exact = self.stated.get("resources", ())
        self.resources = () if any(map(is_glob, exact)) else exact
        """Those that it names, if it names some and nothing else fits it."""


def _rivals(ranked: list[_Ranked]) -> Iterator[tuple[_Ranked, _Ranked]]:
    """Each with each earlier one that may fit the same event as far as their resources show."""
    named: dict[str, list[_Ranked]] = {}
    others: list[_Ranked] = []
    earlier: list[_Ranked] = []
    for one in ranked:
        if one.resources:
            alike = {rival.index: rival for resource in one.resources for rival in named.get(resource, ())}
            rivals = [*alike.values(), *others]
            for resource in one.resources:
                named.setdefault(resource, []).append(one)
        else:
            rivals = list(earlier)
            others.append(one)
        earlier.append(one)
        for rival in sorted(rivals, key=lambda rival: rival.index):
            yield one, rival


def _ties(ranked: list[_Ranked]) -> Iterator[Finding]:
    said: set[int] = set()
    for one, rival in _rivals(ranked):
        if one.index in said or one.rank != rival.rank:
            continue
        if may_meet((rival.override.during, rival.stated), (one.override.during, one.stated)):
            said.add(one.index)
            detail = (
                f"it is as precise as {rival.label}, and an event may fit both; "
                "add a condition to one, or keep their hours apart"
            )
            yield Finding(("overrides", one.index), detail, "policy.override_tied")


def _dead(spec: PolicySpec, ranked: list[_Ranked]) -> Iterator[Finding]:
    """Overrides that can never count, or at hours at which the policy does nothing."""
    own = stated(spec.match)
    why: dict[int, str] = {}
    for one in ranked:
        apart_in = next((n for n in one.stated.keys() & own.keys() if apart(n, one.stated[n], own[n])), None)
        if apart_in is not None:
            why[one.index] = f"the policy's own match takes no event with such {apart_in}"
        elif _asleep(spec, one.override):
            why[one.index] = f"the policy does nothing outside of {spec.only_during}"
    for one, rival in _rivals(ranked):
        above, below = (one, rival) if one.rank > rival.rank else (rival, one)
        if above.rank == below.rank or below.index in why or not _always(above.override, below.override):
            continue
        if _covers(above.stated, below.stated, own):
            why[below.index] = f"{above.label} is more precise, and fits whenever this one does"
    for one in ranked:
        if one.index in why:
            detail = f"{one.label} can never win: {why[one.index]}"
            yield Finding(("overrides", one.index), detail, "policy.override_dead", "warning")


def _asleep(spec: PolicySpec, override: Override) -> bool:
    if override.during is None or spec.only_during is None or any(hours_findings(spec.only_during, ("only_during",))):
        return False
    return not hours.parse(override.during).overlap(hours.parse(spec.only_during))


def _always(above: Override, override: Override) -> bool:
    """Whether its hours hold whenever those of the other one do, as far as is certain."""
    return above.during is None or above.during == override.during


def _covers(above: Stated, wanted: Stated, own: Stated) -> bool:
    return all(
        any(_within(name, side[name], texts) for side in (wanted, own) if name in side) for name, texts in above.items()
    )


def _within(name: str, some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    if name not in LISTS:
        return set(some) <= set(others)
    return all(any(like(other, one) for other in others) for one in some)
