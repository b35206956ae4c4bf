"""Inhibition: while one alert fires, others that only follow from it call nobody.

As Alertmanager's `inhibit_rules` have it: an alert that the rule's target matches is quiet while one fires that its source
matches and whose `equal` labels have the same values; a label that both lack is equal. An alert that both sides match is
not inhibited by one of which that is true as well, so no alert inhibits itself.

A rule may follow the topology besides: see `downstream`.

Which alerts a rule concerns is kept per rule and values of the equal labels, so that an alert costs a look-up and not a
comparison with all others. All of that follows from the rows, in whatever order they are read.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from oncue.core import downstream
from oncue.core.alert import Alert, Quiet
from oncue.core.downstream import Spread
from oncue.core.manifest import InhibitionSpec
from oncue.core.silence import Matcher, all_match, check_matchers, exact, value_of

if TYPE_CHECKING:
    from oncue.core.state import State
    from oncue.core.tx import Tx

KIND: Final = "Inhibition"
REASONS: Final = ("inhibited", "downstream_of")
"""What an alert that a rule makes quiet is quiet as, without and with `downstream`; `by` is the other alert."""
BY_ALERTS: Final = (*REASONS, "duplicate")
"""Reasons that are there because another alert is."""
TRIED: Final = 20
"""Alerts that might inhibit one, of which is asked whether they rest on it themselves."""
_LOOKED_UP: Final = (*BY_ALERTS, "throttled")
"""Reasons whose alerts are looked up by what gives them."""


class Rule(msgspec.Struct, frozen=True, eq=False):
    """An inhibition, ready to be compared."""

    id: str
    """`namespace/name`."""
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]
    downstream: int
    """Over how many hops of the topology, 0 for a rule that does not follow it."""


class Part(msgspec.Struct, frozen=True):
    """What an alert is to a rule."""

    rule: Rule
    values: tuple[str, ...]
    """Of the equal labels."""
    is_source: bool
    is_target: bool
    node: str = ""
    """Which the alert is about, for a rule along the topology."""

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """Of the group."""
        return self.rule.id, self.values


class Group:
    """The firing alerts that one rule concerns and whose equal labels agree. Lists are sorted."""

    __slots__ = ("both", "sources", "targets")

    def __init__(self) -> None:
        self.sources: list[str] = []
        """That the source alone matches."""
        self.both: list[str] = []
        """That both sides match: sources of what is a target only."""
        self.targets: list[str] = []


class Found(msgspec.Struct, frozen=True):
    """What inhibits an alert."""

    by: str
    """The other alert."""
    reason: str
    """One of `REASONS`."""
    detail: str


class _Filed:
    """Rules by one thing that must be so for one of their sides to match."""

    __slots__ = ("by_value", "rest")

    def __init__(self) -> None:
        self.by_value: dict[str, dict[str, list[Rule]]] = {}
        self.rest: list[Rule] = []

    def put(self, rules: list[tuple[Rule, tuple[Matcher, ...]]]) -> None:
        """File each rule under what the fewest others ask for."""
        asked = Counter(one for _, matchers in rules for one in dict.fromkeys(exact(matchers)))
        for rule, matchers in rules:
            rarest = min(exact(matchers), key=lambda one: (asked[one], one), default=None)
            if rarest is None:
                self.rest.append(rule)
            else:
                name, value = rarest
                self.by_value.setdefault(name, {}).setdefault(value, []).append(rule)

    def candidates(self, alert: Alert) -> Iterable[Rule]:
        yield from self.rest
        for name, values in self.by_value.items():
            yield from values.get(value_of(alert, name), ())


class Inhibitions:
    """All rules, and which firing alerts they concern."""

    def __init__(self) -> None:
        self.by_id: dict[str, Rule] = {}
        self._filed: dict[str, tuple[_Filed, _Filed]] = {}
        """Namespace to rules by source, and by target."""
        self._groups: dict[tuple[str, tuple[str, ...]], Group] = {}
        self._spreads: dict[tuple[str, tuple[str, ...]], Spread] = {}
        """Of rules along the topology, in the place of groups."""
        self.along: frozenset[str] = frozenset()
        """Namespaces with rules along the topology."""
        self._parts: dict[str, tuple[Part, ...]] = {}
        """Alert to what it is to the rules; only those to which it is something."""
        self._held: dict[str, dict[str, None]] = {}
        """What makes quiet to the alerts that say so themselves: an alert, or a throttle's key."""

    def rebuild(self, state: "State") -> None:
        """Take everything from the rows."""
        self.by_id, self._filed, self._groups, self._spreads, self._parts, self._held = {}, {}, {}, {}, {}, {}
        of: dict[str, list[Rule]] = {}
        for id in sorted(state.manifests):
            manifest = state.manifests[id]
            if manifest.kind == KIND:
                spec = msgspec.convert(manifest.spec, InhibitionSpec)
                rule = Rule(
                    f"{manifest.namespace}/{manifest.name}", spec.source, spec.target, tuple(spec.equal),
                    spec.downstream or 0,
                )  # fmt: skip
                self.by_id[rule.id] = rule
                of.setdefault(manifest.namespace, []).append(rule)
        for namespace, rules in of.items():
            by_source, by_target = self._filed[namespace] = (_Filed(), _Filed())
            by_source.put([(rule, rule.source) for rule in rules])
            by_target.put([(rule, rule.target) for rule in rules])
        self.along = frozenset(namespace for namespace, rules in of.items() if any(rule.downstream for rule in rules))
        for id in sorted(state.alerts):
            alert = state.alerts[id]
            self.note(alert, ())
            if self.by_id and alert.state == "firing" and (parts := self.parts_of(state, alert)):
                self.enroll(id, parts)

    def note(self, alert: Alert, before: tuple[Quiet, ...]) -> bool:
        """The alert's reasons for quiet were these, and may have been given others. Gives whether that matters here."""
        return self._move(alert.id, _givers(before), _givers(alert.quiet))

    def forget(self, alert: Alert) -> bool:
        """The alert is gone. Gives whether it said that anything inhibits it."""
        return self._move(alert.id, _givers(alert.quiet), ())

    def _move(self, alert: str, was: tuple[str, ...], now: tuple[str, ...]) -> bool:
        if was == now:
            return False
        for by in was:
            held = self._held[by]
            del held[alert]
            if not held:
                del self._held[by]
        for by in now:
            self._held.setdefault(by, {})[alert] = None
        return True

    def held(self, by: str) -> list[str]:
        """The alerts that say that they are quiet by this: an alert, or a throttle's key."""
        return sorted(self._held.get(by, ()))

    def parts_of(self, state: "State", alert: Alert) -> tuple[Part, ...]:
        """What a firing alert is to the rules, in the order of their ids."""
        filed = self._filed.get(alert.namespace)
        if filed is None:
            return ()
        sides: dict[str, tuple[Rule, list[bool]]] = {}
        for side, matchers_of in enumerate((_source, _target)):
            for rule in filed[side].candidates(alert):
                if all_match(matchers_of(rule), alert):
                    sides.setdefault(rule.id, (rule, [False, False]))[1][side] = True
        node = None
        if sides and alert.namespace in self.along:
            node = state.topology.node_for(alert.namespace, alert.resource, alert.service)
        return tuple(
            Part(
                rule, tuple(value_of(alert, name) for name in rule.equal), is_source, is_target,
                node.id if node is not None and rule.downstream else "",
            )
            for _, (rule, (is_source, is_target)) in sorted(sides.items())
            if node is not None or not rule.downstream
        )  # fmt: skip

    def known(self, alert: str) -> tuple[Part, ...]:
        """What the alert was to the rules when it was last looked at."""
        return self._parts.get(alert, ())

    def group(self, part: Part) -> Group:
        """The alerts that this part puts an alert among."""
        return self._groups[part.key]

    def spread(self, part: Part) -> Spread:
        """As `group`, of a rule along the topology."""
        return self._spreads[part.key]

    def enroll(self, alert: str, parts: tuple[Part, ...]) -> None:
        """The alert, which is in no group, is this to the rules."""
        self._parts[alert] = parts
        for part in parts:
            if part.rule.downstream:
                spread = self._spreads.setdefault(part.key, Spread())
                spread.put(alert, part.node, is_source=part.is_source, is_target=part.is_target)
                continue
            group = self._groups.setdefault(part.key, Group())
            for row in _rows(group, part):
                insort(row, alert)

    def withdraw(self, alert: str) -> None:
        """The alert is nothing to any rule."""
        for part in self._parts.pop(alert, ()):
            if part.rule.downstream:
                spread = self._spreads[part.key]
                if spread.drop(alert, part.node, is_source=part.is_source, is_target=part.is_target):
                    del self._spreads[part.key]
                continue
            group = self._groups[part.key]
            for row in _rows(group, part):
                del row[bisect_left(row, alert)]
            if not (group.sources or group.both or group.targets):
                del self._groups[part.key]


def _givers(quiet: tuple[Quiet, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason.by for reason in quiet if reason.reason in _LOOKED_UP))


def _source(rule: Rule) -> tuple[Matcher, ...]:
    return rule.source


def _target(rule: Rule) -> tuple[Matcher, ...]:
    return rule.target


def _rows(group: Group, part: Part) -> list[list[str]]:
    rows = [group.targets] if part.is_target else []
    if part.is_source:
        rows.append(group.both if part.is_target else group.sources)
    return rows


def check(spec: InhibitionSpec) -> None:
    """Refuse a side that matches everything. Raises `Refusal` silence.invalid."""
    check_matchers(spec.source)
    check_matchers(spec.target)


def reconfigure(tx: "Tx") -> None:
    """Rules were applied or deleted, and the manifests say so already."""
    tx.afterwards("", _rebuild)
    tx.state.inhibitions.rebuild(tx.state)


def _rebuild(state: "State", _: str) -> None:
    state.inhibitions.rebuild(state)


def follow(tx: "Tx", alert: Alert) -> list[str]:
    """The alert has begun, changed or ended. Gives the alerts whose being inhibited may be otherwise now."""
    inhibitions = tx.state.inhibitions
    if not inhibitions.by_id:
        return []
    before = inhibitions.known(alert.id)
    now = inhibitions.parts_of(tx.state, alert) if alert.state == "firing" else ()
    if before == now:
        return []
    tx.afterwards("", _rebuild)
    touched: dict[str, None] = {}
    if any(part.is_source and part not in now for part in before):
        touched.update(dict.fromkeys(inhibitions.held(alert.id)))
    inhibitions.withdraw(alert.id)
    if now:
        inhibitions.enroll(alert.id, now)
    for part in now:
        if part.is_source and part not in before:
            if part.rule.downstream:
                touched.update(dict.fromkeys(_below(tx, alert, part)))
                continue
            group = inhibitions.group(part)
            there = len(group.sources) + (len(group.both) if part.is_target else 0)
            if there == 1:
                touched.update(dict.fromkeys(group.targets))
            elif there <= TRIED:  # those before may rest on the target, so that they do not make it quiet
                touched.update((id, None) for id in group.targets if not rests(tx.state.alerts[id]))
    touched.pop(alert.id, None)
    return sorted(touched)


def note(tx: "Tx", alert: Alert, before: tuple[Quiet, ...]) -> None:
    """The alert's reasons for quiet were these before."""
    if tx.state.inhibitions.note(alert, before):
        tx.afterwards("", _rebuild)


def forget(tx: "Tx", alert: Alert) -> None:
    """The alert is gone, and with it that something inhibited it."""
    if tx.state.inhibitions.forget(alert):
        tx.afterwards("", _rebuild)


def inhibitor(tx: "Tx", alert: Alert) -> Found | None:
    """What inhibits the firing alert: what did so before if it still does, else the first by its id."""
    inhibitions = tx.state.inhibitions
    present = next((reason.by for reason in alert.quiet if reason.reason in REASONS), None)
    first: Found | None = None
    for part in inhibitions.known(alert.id):
        if not part.is_target:
            continue
        if part.rule.downstream:
            for found in _above(tx, alert, part):
                if (first is None or found.by == present) and not rests_on(tx, found.by, alert):
                    first = first or found
                    if found.by == present:
                        return found
            continue
        group, detail = inhibitions.group(part), f"rule {part.rule.id}"
        rows = [row for row in (group.sources, () if part.is_source else group.both) if row]
        if present is not None and any(_is_in(row, present) for row in rows) and not rests_on(tx, present, alert):
            return Found(present, "inhibited", detail)
        if first is None:
            able = [next((id for id in row[:TRIED] if not rests_on(tx, id, alert)), None) for row in rows]
            by = min((id for id in able if id is not None), default=None)
            first = Found(by, "inhibited", detail) if by is not None else None
    return first


def rests(alert: Alert) -> tuple[str, ...]:
    """The alerts because of which this one is quiet."""
    return tuple(one.by for one in alert.quiet if one.reason in BY_ALERTS) if alert.quiet else ()


def loud(tx: "Tx", alert: Alert) -> list[str]:
    """Alerts that this one may inhibit, and that none inhibits."""
    inhibitions, found = tx.state.inhibitions, dict[str, None]()
    for part in inhibitions.known(alert.id):
        if part.is_source:
            there = _below(tx, alert, part) if part.rule.downstream else inhibitions.group(part).targets
            found.update((id, None) for id in there if not rests(tx.state.alerts[id]))
    return sorted(found)


def rests_on(tx: "Tx", by: str, alert: Alert) -> bool:
    """Whether the alert `by` is this one, or is quiet because of it, over however many others: of those that would be quiet
    because of each other all round, one is to be heard.
    """
    resting, seen = [by], {by}
    while resting:
        id = resting.pop()
        if id == alert.id:
            return True
        one = tx.state.alerts.get(id)
        others = rests(one) if one is not None else ()
        resting += [other for other in others if other not in seen]
        seen.update(others)
    return False


def _above(tx: "Tx", alert: Alert, part: Part) -> Iterator[Found]:
    topology, rule = tx.state.topology, part.rule
    node = topology.node(alert.namespace, part.node)
    assert node is not None
    for cause in downstream.causes(topology, tx.state.inhibitions.spread(part), node, rule.downstream):
        yield Found(cause.alert, "downstream_of", f"{cause.way}; rule {rule.id}")


def _below(tx: "Tx", alert: Alert, part: Part) -> Iterator[str]:
    topology = tx.state.topology
    node = topology.node(alert.namespace, part.node)
    assert node is not None
    return downstream.effects(topology, tx.state.inhibitions.spread(part), node, part.rule.downstream)


def _is_in(row: Sequence[str], id: str) -> bool:
    place = bisect_left(row, id)
    return place < len(row) and row[place] == id
