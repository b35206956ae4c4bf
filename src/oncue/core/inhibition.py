"""Inhibition: while one alert fires, others that only follow from it call nobody.

As Alertmanager's `inhibit_rules` have it: an alert that the rule's target matches is quiet while one fires that its source
matches and whose `equal` labels have the same values; a label that both lack is equal. An alert that both sides match is
not inhibited by one of which that is true as well, so no alert inhibits itself.

Which alerts a rule concerns is kept per rule and values of the equal labels, so that an alert costs a look-up and not a
comparison with all others. All of that follows from the rows, in whatever order they are read.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from oncue.core.alert import Alert, Quiet
from oncue.core.manifest import InhibitionSpec
from oncue.core.silence import Matcher, all_match, check_matchers, exact, value_of

if TYPE_CHECKING:
    from oncue.core.state import State
    from oncue.core.tx import Tx

KIND: Final = "Inhibition"


class Rule(msgspec.Struct, frozen=True, eq=False):
    """An inhibition, ready to be compared."""

    id: str
    """`namespace/name`."""
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


class Part(msgspec.Struct, frozen=True):
    """What an alert is to a rule."""

    rule: Rule
    values: tuple[str, ...]
    """Of the equal labels."""
    is_source: bool
    is_target: bool

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
        self._parts: dict[str, tuple[Part, ...]] = {}
        """Alert to what it is to the rules; only those to which it is something."""
        self._held: dict[str, dict[str, None]] = {}
        """Alert to those that it inhibits, as they say themselves."""

    def rebuild(self, state: "State") -> None:
        """Take everything from the rows."""
        self.by_id, self._filed, self._groups, self._parts, self._held = {}, {}, {}, {}, {}
        of: dict[str, list[Rule]] = {}
        for id in sorted(state.manifests):
            manifest = state.manifests[id]
            if manifest.kind == KIND:
                spec = msgspec.convert(manifest.spec, InhibitionSpec)
                rule = Rule(f"{manifest.namespace}/{manifest.name}", spec.source, spec.target, tuple(spec.equal))
                self.by_id[rule.id] = rule
                of.setdefault(manifest.namespace, []).append(rule)
        for namespace, rules in of.items():
            by_source, by_target = self._filed[namespace] = (_Filed(), _Filed())
            by_source.put([(rule, rule.source) for rule in rules])
            by_target.put([(rule, rule.target) for rule in rules])
        for id in sorted(state.alerts):
            alert = state.alerts[id]
            self.note(alert, ())
            if self.by_id and alert.state == "firing" and (parts := self.parts_of(alert)):
                self.enroll(id, parts)

    def note(self, alert: Alert, before: tuple[Quiet, ...]) -> bool:
        """The alert's reasons for quiet were these, and may have been given others. Gives whether that matters here."""
        return self._move(alert.id, _inhibitors(before), _inhibitors(alert.quiet))

    def forget(self, alert: Alert) -> bool:
        """The alert is gone. Gives whether it said that anything inhibits it."""
        return self._move(alert.id, _inhibitors(alert.quiet), ())

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
        """The alerts that say that this one inhibits them."""
        return sorted(self._held.get(by, ()))

    def parts_of(self, alert: Alert) -> tuple[Part, ...]:
        """What a firing alert is to the rules, in the order of their ids."""
        filed = self._filed.get(alert.namespace)
        if filed is None:
            return ()
        sides: dict[str, tuple[Rule, list[bool]]] = {}
        for side, matchers_of in enumerate((_source, _target)):
            for rule in filed[side].candidates(alert):
                if all_match(matchers_of(rule), alert):
                    sides.setdefault(rule.id, (rule, [False, False]))[1][side] = True
        return tuple(
            Part(rule, tuple(value_of(alert, name) for name in rule.equal), is_source, is_target)
            for _, (rule, (is_source, is_target)) in sorted(sides.items())
        )

    def known(self, alert: str) -> tuple[Part, ...]:
        """What the alert was to the rules when it was last looked at."""
        return self._parts.get(alert, ())

    def group(self, part: Part) -> Group:
        """The alerts that this part puts an alert among."""
        return self._groups[part.key]

    def enroll(self, alert: str, parts: tuple[Part, ...]) -> None:
        """The alert, which is in no group, is this to the rules."""
        self._parts[alert] = parts
        for part in parts:
            group = self._groups.setdefault(part.key, Group())
            for row in _rows(group, part):
                insort(row, alert)

    def withdraw(self, alert: str) -> None:
        """The alert is nothing to any rule."""
        for part in self._parts.pop(alert, ()):
            group = self._groups[part.key]
            for row in _rows(group, part):
                del row[bisect_left(row, alert)]
            if not (group.sources or group.both or group.targets):
                del self._groups[part.key]


def _inhibitors(quiet: tuple[Quiet, ...]) -> tuple[str, ...]:
    return tuple(reason.by for reason in quiet if reason.reason == "inhibited")


def _source(rule: Rule) -> tuple[Matcher, ...]:
    return rule.source


def _target(rule: Rule) -> tuple[Matcher, ...]:
    return rule.target


def _rows(group: Group, part: Part) -> list[list[str]]:
    rows = [group.targets] if part.is_target else []
    if part.is_source:
        rows.append(group.both if part.is_target else group.sources)
    return rows


def check(*sides: tuple[Matcher, ...]) -> None:
    """Refuse a side that matches everything. Raises `Refusal` silence.invalid."""
    for side in sides:
        check_matchers(side)


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
    now = inhibitions.parts_of(alert) if alert.state == "firing" else ()
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
            group = inhibitions.group(part)
            first = len(group.sources) == 1 if not part.is_target else len(group.sources) + len(group.both) == 1
            if first:
                touched.update(dict.fromkeys(group.targets))
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
    present = next((reason.by for reason in alert.quiet if reason.reason == "inhibited"), None)
    first: Found | None = None
    for part in inhibitions.known(alert.id):
        if not part.is_target:
            continue
        group, detail = inhibitions.group(part), f"rule {part.rule.id}"
        rows = [row for row in (group.sources, () if part.is_source else group.both) if row]
        if present is not None and any(_is_in(row, present) for row in rows):
            return Found(present, detail)
        if first is None and rows:
            first = Found(min(row[0] for row in rows), detail)
    return first


def _is_in(row: Sequence[str], id: str) -> bool:
    place = bisect_left(row, id)
    return place < len(row) and row[place] == id
