"""Rules for the changes of a namespace: who must agree at least, whatever a change itself asks for.

Whoever may write a change names those who agree to it. Rules are configuration, which others write: their stages are added to
those of the change, and are part of its plan.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

import msgspec

from oncue.core.approval import ApprovalSpec
from oncue.core.change import Change
from oncue.core.change_spec import ChangeRuleSpec, RiskLevel
from oncue.core.config_edit import ConfigEdit
from oncue.core.errors import Refusal
from oncue.core.state import State

KIND: Final = "ChangeRule"
ORDER: Final[tuple[RiskLevel, ...]] = ("low", "medium", "high", "very_high")
ALWAYS_OPEN: Final = frozenset({"Change"})
"""Kinds that no rule protects: to draft a change changes nothing."""
_UNSAFE: Final = re.compile(r"[^a-z0-9_]")
_NAME_LIMIT: Final = 60


def stages(state: State, change: Change, level: RiskLevel) -> tuple[ApprovalSpec, ...]:
    """Who must agree to the change if it is so risky: its own stages, then those of rules that ask for more.

    An emergency is approved in one stage, so what a rule asks for there stands in the place of the change's own.
    """
    own = () if change.type == "standard" else tuple(change.spec.approvals)
    more = tuple(_more(state, change, level, own))
    if change.type == "emergency" and more:
        return tuple(_more(state, change, level, ()))
    return (*own, *more)


def unmet(state: State, change: Change) -> list[ApprovalSpec]:
    """What rules ask for by now that the plan of the change does not have."""
    if change.plan is None or change.risk is None:
        return []
    return list(_more(state, change, change.risk.level, change.plan.approvals))


def said(stages: Iterable[ApprovalSpec]) -> str:
    """Stages for people."""
    return "; ".join(f"{one.stage}: {one.quorum} of {', '.join(one.by)}" for one in stages)


def check(spec: ChangeRuleSpec) -> None:
    """What a schema cannot say. Raises `Refusal` manifest.invalid."""
    if KIND in spec.open_kinds:
        raise Refusal("manifest.invalid", f"open_kinds: whoever may edit a {KIND} alone could take the protection away")
    teams = [by for stage in spec.approvals for by in stage.by if by.startswith("team:")]
    if teams and "Team" in spec.open_kinds:
        raise Refusal(
            "manifest.invalid", f"open_kinds: whoever may edit a Team alone could make themselves one of {teams[0]}"
        )


def protecting(state: State, namespace: str) -> list[tuple[str, ChangeRuleSpec]]:
    """The rules by which the configuration of the namespace is changed by changes alone, with their names."""
    return [(name, rule) for name, rule in _rules(state, namespace) if rule.configuration == "by_change"]


def require_open(state: State, edits: Iterable[ConfigEdit]) -> None:
    """What is not by a change must not need one. Raises `Refusal` manifest.protected."""
    altering: dict[str, list[ConfigEdit]] = {}
    for edit in edits:
        if edit.kind not in ALWAYS_OPEN and edit.alters(state.manifests.get(edit.id)):
            altering.setdefault(edit.namespace, []).append(edit)
    for namespace, those in altering.items():
        for name, rule in protecting(state, namespace):
            closed = [edit.id for edit in those if edit.kind not in rule.open_kinds]
            if closed:
                more = f" and {len(closed) - 3} more" if len(closed) > 3 else ""
                raise Refusal(
                    "manifest.protected", f"{', '.join(closed[:3])}{more}: the {KIND} {name} protects {namespace}"
                )


def _more(state: State, change: Change, level: RiskLevel, given: tuple[ApprovalSpec, ...]) -> Iterator[ApprovalSpec]:
    known = list(given)
    for name, rule in _rules(state, change.namespace):
        if not _holds_for(rule, change, level):
            continue
        for stage in rule.approvals:
            if not any(_does_for(one, stage) for one in known):
                added = msgspec.structs.replace(stage, stage=_called(name, stage, known))
                known.append(added)
                yield added


def _holds_for(rule: ChangeRuleSpec, change: Change, level: RiskLevel) -> bool:
    """Whether the change is of those that the rule is about: what is to alter the configuration that it protects always is."""
    if change.configuration and rule.configuration == "by_change":
        return True
    return change.type in rule.types and ORDER.index(level) >= ORDER.index(rule.min_risk)


def _does_for(one: ApprovalSpec, other: ApprovalSpec) -> bool:
    """Whether who agrees in one stage would have to agree in the other just as well."""
    return set(one.by) <= set(other.by) and one.quorum >= other.quorum


def _called(rule: str, stage: ApprovalSpec, known: list[ApprovalSpec]) -> str:
    name = f"rule_{_UNSAFE.sub('_', rule)}_{stage.stage}"[:_NAME_LIMIT]
    return unused(name, [one.stage for one in known])


def unused(name: str, known: Collection[str]) -> str:
    """A name for a stage that none of the `known` ones has: decisions are counted by it, and whoever writes a change calls its own
    stages as they like."""
    numbered = (f"{name}_{number}" for number in itertools.count(2))
    return next(one for one in itertools.chain([name], numbered) if one not in known)


def _rules(state: State, namespace: str) -> Iterator[tuple[str, ChangeRuleSpec]]:
    # few, and looked for only where a change is planned, or rules are edited
    prefix = f"{KIND}/{namespace}/"
    for id in sorted(id for id in state.manifests if id.startswith(prefix)):
        yield id.removeprefix(prefix), msgspec.convert(state.manifests[id].spec, ChangeRuleSpec)
