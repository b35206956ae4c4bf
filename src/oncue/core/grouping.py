"""Correlation rules by configuration: alerts whose named labels or fields agree belong together, and how far the topology
may reach for some alerts.

They follow from the manifests, in whatever order those are read. What a rule and values stand for is one of an incident's
subjects, as its service is: so an incident that goes on for another one stands for it, too.
"""

from typing import TYPE_CHECKING, Final

import msgspec

from oncue.core.alert import Alert
from oncue.core.duration import seconds
from oncue.core.manifest import CorrelationRuleSpec
from oncue.core.silence import Filed, Matcher, all_match, check_matchers, value_of

if TYPE_CHECKING:
    from oncue.core.state import State

KIND: Final = "CorrelationRule"
SUBJECTS: Final = 100
"""What an incident stands for at the most; further values join nothing."""


class Rule(msgspec.Struct, frozen=True):
    """A correlation rule, ready to be used."""

    id: str
    """`namespace/name`."""
    matchers: tuple[Matcher, ...]
    by: tuple[str, ...]
    within_s: float
    reach: int | None

    @property
    def name(self) -> str:
        """Without the namespace."""
        return self.id.partition("/")[2]

    def subject(self, alert: Alert) -> str | None:
        """What the alert is about by this rule; None if it lacks one of the values, or the rule has none."""
        values = [value_of(alert, name) for name in self.by]
        if not values or not all(values):
            return None
        return f"rule:{self.name}:{msgspec.json.encode(values).decode()}"

    def spoken(self, alert: Alert) -> str:
        """The evidence in words."""
        return f"by the rule {self.name}: the same {', '.join(f'{name} {value_of(alert, name)}' for name in self.by)}"


class Groupings:
    """The correlation rules in force."""

    def __init__(self) -> None:
        self.by_id: dict[str, Rule] = {}
        self._filed = Filed()

    def rebuild(self, state: "State") -> None:
        """Take everything from the manifests."""
        self.by_id, self._filed = {}, Filed()
        for manifest in state.manifests.values():
            if manifest.kind == KIND:
                spec = msgspec.convert(manifest.spec, CorrelationRuleSpec)
                id = f"{manifest.namespace}/{manifest.name}"
                self.by_id[id] = Rule(id, spec.matchers, tuple(spec.by), seconds(spec.within), spec.reach)
                self._filed.put(id, manifest.namespace, spec.matchers)

    def rules_for(self, alert: Alert) -> list[Rule]:
        """Those that are for the alert, by name."""
        if not self.by_id:
            return []
        found = (self.by_id[id] for id in self._filed.candidates(alert))
        return [rule for rule in found if all_match(rule.matchers, alert)]


def check(spec: CorrelationRuleSpec) -> None:
    """Raises `Refusal` silence.invalid for matchers that match everything."""
    check_matchers(spec.matchers)
