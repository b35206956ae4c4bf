"""Conditions over time, slow and obvious: every event of a key is kept for ever, and all is worked out from that list.

A reference says, for one key and one condition, at which inputs it fires and clears. It shares nothing with the engine but
the words of a condition. Instants are microseconds. An input is told to it by `pass_to` (time goes on to its instant) and, if
it is an event of this key, `come`.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

from oncue.core.duration import seconds


def us(duration: str) -> int:
    """A duration in microseconds."""
    return round(seconds(duration) * 1_000_000)


@dataclass(frozen=True)
class Happened:
    """An event of the key."""

    at: int
    type: str
    value: float
    late: bool = False
    condition: dict[str, Any] = field(default_factory=dict)
    """The condition with the numbers that counted when it came."""


@dataclass
class Reference:
    """What one key's condition does. `said` is (instant of the input, `fires` or `clears`), in order."""

    condition: dict[str, Any]
    events: list[Happened] = field(default_factory=list)
    fired: bool = False
    said: list[tuple[int, str]] = field(default_factory=list)

    def pass_to(self, now: int) -> None:
        """Time goes on to `now`: whatever time alone does happens, in its order."""

    def come(self, event: Happened) -> None:
        """The event comes, at its instant."""
        raise NotImplementedError

    def hear(self, event: Happened, condition: dict[str, Any] | None) -> None:
        """The event comes, and these numbers count from now on; None if an override takes it from the policy."""
        if condition is None:
            if self.fired:
                self.clear(event.at)
            self.forget()
            return
        if not self.ignores(event):
            self.condition = condition
        self.come(replace(event, condition=condition))

    def ignores(self, event: Happened) -> bool:
        """Whether the event does not count at all."""
        return False

    def forget(self) -> None:
        """As if nothing had come."""
        self.events = []

    def fire(self, at: int) -> None:
        """It begins to hold."""
        self.fired = True
        self.said.append((at, "fires"))

    def clear(self, at: int) -> None:
        """It ceases to hold."""
        self.fired = False
        self.said.append((at, "clears"))

    def crosses(self, figure: float, condition: dict[str, Any] | None = None) -> bool:
        """Beyond the limit."""
        condition = condition or self.condition
        above, below = condition.get("fire_above"), condition.get("fire_below")
        return figure > above if above is not None else figure < below

    def back(self, figure: float) -> bool:
        """Behind the limit that clears, which is the one that fires if none is given."""
        if "clear_below" in self.condition:
            return bool(figure < self.condition["clear_below"])
        if "clear_above" in self.condition:
            return bool(figure > self.condition["clear_above"])
        return not self.crosses(figure)


class Sliding(Reference):
    """`count`, `rate`, `avg`, `min`, `max`, `sum`, `p95`: all events of the window, at every instant that matters."""

    passed: int = 0

    @property
    def form(self) -> str:
        return next(f for f in ("count", "rate", "avg", "min", "max", "sum", "p95") if f in self.condition)

    def leaves(self, event: Happened) -> int:
        within = us(self.condition["within"])
        if self.form == "count" and self.condition["count"] <= 32:  # tests have no overrides across this
            return event.at + within
        slot = math.ceil(within / 20)
        return (event.at // slot + 21) * slot

    def inside(self, now: int) -> list[float]:
        if self.form == "p95" and any(event.condition for event in self.events):
            return [self.margin(event) for event in self.events if self.leaves(event) > now]
        return [event.value for event in self.events if self.leaves(event) > now]

    def margin(self, event: Happened) -> float:
        """Where a value lies between the limits of its own moment: 1 beyond the one that fires, -1 behind the other."""
        limits = {**event.condition}
        if "clear_below" not in limits and "clear_above" not in limits:
            beyond = self.crosses(event.value, limits)
            return (1.0 if beyond else -1.0) * (1 if "fire_above" in limits else -1)
        back = event.value < limits["clear_below"] if "clear_below" in limits else event.value > limits["clear_above"]
        side = 1.0 if self.crosses(event.value, limits) else -1.0 if back else 0.0
        return side * (1 if "fire_above" in limits else -1)

    def figure(self, values: list[float]) -> float:
        if self.form == "count":
            return len(values)
        if self.form == "rate":
            return len(values) * us(self.condition["rate"]["per"]) / us(self.condition["within"])
        if self.form == "avg":
            return sum(values) / len(values)
        if self.form == "p95":
            return sorted(values)[math.ceil(0.95 * len(values)) - 1]
        return {"min": min, "max": max, "sum": sum}[self.form](values)

    def crosses(self, figure: float, condition: dict[str, Any] | None = None) -> bool:
        if self.form == "p95" and condition is None and any(event.condition for event in self.events):
            return figure > 0 if "fire_above" in self.condition else figure < 0
        return figure >= self.condition["count"] if self.form == "count" else super().crosses(figure, condition)

    def back(self, figure: float) -> bool:
        if self.form == "p95" and any(event.condition for event in self.events):
            return figure < 0 if "fire_above" in self.condition else figure > 0
        return super().back(figure)

    def pass_to(self, now: int) -> None:
        since, self.passed = self.passed, now
        for instant in sorted({self.leaves(event) for event in self.events}):
            if self.fired and since < instant <= now:
                values = self.inside(instant)
                if len(values) < self.condition.get("min_count", 1) or self.back(self.figure(values)):
                    self.clear(now)

    def come(self, event: Happened) -> None:
        self.events.append(event)
        values = self.inside(event.at)
        figure = self.figure(values)
        if self.fired:
            if self.back(figure) or len(values) < self.condition.get("min_count", 1):
                self.clear(event.at)
        elif len(values) >= self.condition.get("min_count", 1) and self.crosses(figure):
            self.fire(event.at)


class Level(Reference):
    """`value`, with `for`: since when the newest events have all been beyond the limit."""

    def unbroken_since(self) -> int | None:
        began = None
        for event in self.events:
            beyond = self.crosses(event.value, event.condition)
            began = (began if began is not None else event.at) if beyond else None
        return began

    def pass_to(self, now: int) -> None:
        began = self.unbroken_since()
        if (
            not self.fired
            and began is not None
            and "for" in self.condition
            and now >= began + us(self.condition["for"])
        ):
            self.fire(now)

    def come(self, event: Happened) -> None:
        if self.fired:
            if self.back(event.value):
                self.clear(event.at)
                self.events = []
            return
        self.events.append(event)
        if self.crosses(event.value) and "for" not in self.condition:
            self.fire(event.at)
        self.pass_to(event.at)


class Absent(Reference):
    """`absent`: how long ago the newest event that was not late came."""

    def pass_to(self, now: int) -> None:
        signs = [event.at for event in self.events if not event.late]
        if signs and not self.fired and now >= max(signs) + us(self.condition["absent"]):
            self.fire(now)
        if signs and self.fired and now >= max(signs) + us(self.condition["forget_after"]):
            self.clear(now)
            self.events = []

    def ignores(self, event: Happened) -> bool:
        return event.late

    def come(self, event: Happened) -> None:
        self.events.append(event)
        if self.fired and not event.late:
            self.clear(event.at)


class Together(Reference):
    """`all`, `any`: which of the selectors have an event in the window."""

    fired_at: int = 0

    def there(self, now: int) -> int:
        types = [match["types"][0] for match in self.condition.get("all") or self.condition["any"]]
        within = us(self.condition["within"])
        return sum(any(event.type == type and event.at > now - within for event in self.events) for type in types)

    def holds(self, now: int) -> bool:
        needed = len(self.condition["all"]) if "all" in self.condition else self.condition.get("at_least", 1)
        return self.there(now) >= needed

    def pass_to(self, now: int) -> None:
        ends = sorted(event.at + us(self.condition["within"]) for event in self.events)
        if self.fired and any(
            instant <= now and not self.holds(instant) for instant in ends if instant > self.fired_at
        ):
            self.clear(now)

    def come(self, event: Happened) -> None:
        self.events.append(event)
        if not self.fired and self.holds(event.at):
            self.fire(event.at)
            self.fired_at = event.at
        elif self.fired and not self.holds(event.at):
            self.clear(event.at)


class InOrder(Reference):
    """`sequence`: whether events can be chosen that came in this order within the time."""

    def runs(self, types: list[str]) -> bool:
        """Whether a run of these types ends with the newest event."""
        within = us(self.condition["within"])

        def reaches(step: int, index: int) -> list[int]:
            """Where runs of the first `step + 1` types that end with this event began."""
            if self.events[index].type != types[step]:
                return []
            if step == 0:
                return [self.events[index].at]
            return [began for earlier in range(index) for began in reaches(step - 1, earlier)]

        now = self.events[-1].at
        return any(now - began < within for began in reaches(len(types) - 1, len(self.events) - 1))

    def pass_to(self, now: int) -> None:
        if self.fired and now >= self.completed_at + us(self.condition["within"]):
            self.clear(now)

    def come(self, event: Happened) -> None:
        self.events.append(event)
        if self.runs([step["types"][0] for step in self.condition["sequence"]]):
            self.events = []
            self.completed_at = event.at
            if not self.fired:
                self.fire(event.at)


class Without(InOrder):
    """`sequence` whose last step must not come."""

    waits_since: int | None = None

    def forget(self) -> None:
        self.events, self.waits_since = [], None

    def pass_to(self, now: int) -> None:
        if not self.fired and self.waits_since is not None and now >= self.waits_since + us(self.condition["within"]):
            self.fire(now)

    def come(self, event: Happened) -> None:
        *first, last = [step["types"][0] for step in self.condition["sequence"]]
        if self.waits_since is not None:
            if event.type == last:
                self.waits_since, self.events = None, []
                if self.fired:
                    self.clear(event.at)
            return
        self.events.append(event)
        if self.runs(first):
            self.waits_since, self.events = event.at, []


class Throttle(Reference):
    """`first`, `once_after`, `accumulate`: the events of the present tumbling window."""

    ends: int = 0

    def pass_to(self, now: int) -> None:
        if self.events and now >= self.ends:
            self.events = []
            if "once_after" in self.condition:
                self.said.append((now, "fires"))

    def come(self, event: Happened) -> None:
        if not self.events:
            self.ends = event.at + us(self.condition.get("once_after") or self.condition["within"])
        self.events.append(event)
        if len(self.events) <= self.condition.get("first", 0):
            self.said.append((event.at, "fires"))
        if len(self.events) >= self.condition.get("accumulate", 100_001):
            self.said.append((event.at, "fires"))
            self.events = []


class NewValue(Reference):
    """`new_value`: when each value was last seen, and when the key was."""

    def pass_to(self, now: int) -> None:
        if self.events and now >= self.events[-1].at + us(self.condition["within"]):
            self.events = []

    def come(self, event: Happened) -> None:
        within, learn = us(self.condition["within"]), us(self.condition.get("learn", "0s"))
        known = any(before.value == event.value and before.at > event.at - within for before in self.events)
        if self.events and not known and event.at >= self.events[0].at + learn:
            self.said.append((event.at, "fires"))
        self.events.append(event)


class OwnLasting(Reference):
    """`for`, on the event's own alert: whether it fires. `b` is its recovery."""

    def pass_to(self, now: int) -> None:
        if not self.fired and self.events and now >= self.events[0].at + us(self.condition["for"]):
            self.fire(now)

    def come(self, event: Happened) -> None:
        if event.type != "b":
            self.events.append(event)
            self.pass_to(event.at)
            return
        self.events = []
        if self.fired:
            self.clear(event.at)


class OwnCount(Reference):
    """`count`, on the event's own alert: whether it fires. `b` is its recovery, which only ends the alert."""

    def come(self, event: Happened) -> None:
        if event.type == "b":
            if self.fired:
                self.clear(event.at)
            return
        self.events.append(event)
        inside = [before for before in self.events if before.at > event.at - us(self.condition["within"])]
        if not self.fired and len(inside) >= self.condition["count"]:
            self.fire(event.at)


def numbers_for(
    condition: dict[str, Any], overrides: list[dict[str, Any]], type: str, resource: str, minute: str
) -> dict[str, Any] | None:
    """The condition for an event at `minute` of the day, as `03:01`; None if the override that counts is off.

    All overrides are tried; those that fit are ordered by how many exact conditions they state, then whether by hours.
    """
    best: tuple[int, bool] = (-1, False)
    found: dict[str, Any] = {}
    for override in overrides:
        match = override.get("match", {})
        if type not in match.get("types", [type]) or resource not in match.get("resources", [resource]):
            continue
        if "during" in override:
            first, _, after = override["during"].removeprefix("daily ").partition("-")
            if not first <= minute < after:
                continue
        rank = (len(match), "during" in override)
        if rank > best:
            best, found = rank, override
    return None if found.get("mode") == "off" else {**condition, **found.get("condition", {})}


def reference_of(condition: dict[str, Any]) -> Reference:
    """The reference that judges this condition."""
    if "sequence" in condition:
        return (Without if condition["sequence"][-1].get("not") else InOrder)(condition)
    kinds: dict[str, type[Reference]] = {
        "value": Level, "absent": Absent, "all": Together, "any": Together, "first": Throttle, "once_after": Throttle,
        "accumulate": Throttle, "new_value": NewValue,
    }  # fmt: skip
    return next((kinds[name] for name in condition if name in kinds), Sliding)(condition)
