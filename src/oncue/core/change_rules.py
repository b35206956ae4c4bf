"""Rules for the changes of a namespace: who must agree at least, whatever a change itself asks for.

Whoever may write a change names those who agree to it. Rules are configuration, which others write: their stages are added to
those of the change, and are part of its plan.
"""

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from oncue.core.approval import ApprovalSpec
from oncue.core.change import Change
from oncue.core.change_spec import ChangeRuleSpec, RiskLevel
from oncue.core.config_edit import ConfigEdit
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest

if TYPE_CHECKING:
    from oncue.core.state import State

KIND: Final = "ChangeRule"
ORDER: Final[tuple[RiskLevel, ...]] = ("low", "medium", "high", "very_high")
ALWAYS_OPEN: Final = frozenset({"Change"})
"""Kinds that no rule protects: to draft a change changes nothing."""
_UNSAFE: Final = re.compile(r"[^a-z0-9_]")
_NAME_LIMIT: Final = 60


class ChangeRules:
    """The rules in force."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, ChangeRuleSpec]] = {}

    def rebuild(self, state: "State") -> None:
        """Take everything from the manifests."""
        self._of = {}
        for manifest in state.manifests.values():
            if manifest.kind == KIND:
                self.put(manifest)

    def put(self, manifest: Manifest) -> None:
        """The rule counts, in place of one of its name."""
        self._of.setdefault(manifest.namespace, {})[manifest.name] = msgspec.convert(manifest.spec, ChangeRuleSpec)

    def drop(self, manifest: Manifest) -> None:
        """It counts no more."""
        self._of.get(manifest.namespace, {}).pop(manifest.name, None)

    def of(self, namespace: str) -> list[tuple[str, ChangeRuleSpec]]:
        """Those of the namespace, by name."""
        return sorted(self._of.get(namespace, {}).items(), key=lambda one: one[0])


def stages(state: "State", change: Change, level: RiskLevel) -> tuple[ApprovalSpec, ...]:
    """Who must agree to the change if it is so risky: its own stages, then those of rules that ask for more.

    An emergency is approved in one stage, so what a rule asks for there stands in the place of the change's own.
    """
    own = () if change.type == "standard" else tuple(change.spec.approvals)
    more = tuple(_more(state, change, level, own))
    if change.type == "emergency" and more:
        return tuple(_more(state, change, level, ()))
    return (*own, *more)


def unmet(state: "State", change: Change) -> list[ApprovalSpec]:
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


def protecting(state: "State", namespace: str) -> list[tuple[str, ChangeRuleSpec]]:
    """The rules by which the configuration of the namespace is changed by changes alone, with their names."""
    return [(name, rule) for name, rule in state.change_rules.of(namespace) if rule.configuration == "by_change"]


def require_open(state: "State", edits: Sequence[ConfigEdit]) -> None:
    """What is not by a change must not need one. Raises `Refusal` manifest.protected."""
    for namespace in dict.fromkeys(edit.namespace for edit in edits):
        for name, rule in protecting(state, namespace):
            open_kinds = {*rule.open_kinds, *ALWAYS_OPEN}
            those = [edit for edit in edits if edit.namespace == namespace and edit.kind not in open_kinds]
            closed = [edit.id for edit in those if edit.alters(state.manifests.get(edit.id))]
            if closed:
                more = f" and {len(closed) - 3} more" if len(closed) > 3 else ""
                raise Refusal(
                    "manifest.protected", f"{', '.join(closed[:3])}{more}: the {KIND} {name} protects {namespace}"
                )


def _more(state: "State", change: Change, level: RiskLevel, given: tuple[ApprovalSpec, ...]) -> Iterator[ApprovalSpec]:
    known = list(given)
    for name, rule in state.change_rules.of(change.namespace):
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
