"""What a policy looks at, and what must hold over time: the part of its manifest that judges events.

What each condition means at its boundaries is in the reference of conditions; `conditions` does it.
"""

from typing import Annotated, Final

import msgspec

from oncue.core.duration import Duration

MAX_KEYS: Final = 10_000
"""How many keys a policy may have windows for, unless it says otherwise."""


class Clause(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What these have in common: unknown keys are refused."""


class Match(Clause, kw_only=True, frozen=True):
    """Which events a policy looks at. All that is given must hold. Indexed, except for `where`."""

    types: list[str] = []
    """Exact types, or globs with `*`."""
    severities: list[str] = []
    """Any of these; an event without a severity matches none."""
    labels: dict[str, str | list[str]] = {}
    """Each label must have the value, or one of the values."""
    resources: list[str] = []
    """Exact, or globs with `*`."""
    services: list[str] = []
    """Exact, or globs with `*`."""
    sources: list[str] = []
    """CloudEvents' `source`: exact, or globs with `*`."""
    where: str | None = None
    """CEL, evaluated for candidates only."""


class SequenceStep(Match, kw_only=True, frozen=True, rename={"not_": "not"}):
    """One step of a sequence: a selector within the policy's own."""

    not_: bool = False
    """For the last step: that it does not come."""


Number = Annotated[str, msgspec.Meta(min_length=1, description="CEL that gives a number")]


class Rate(Clause, kw_only=True, frozen=True):
    """Events per time."""

    per: Duration
    """The unit of time that limits are in: with `1m`, `fire_above: 30` is more than 30 a minute."""


class Condition(Clause, kw_only=True, frozen=True, rename={"for_": "for"}):
    """What must hold over time. Give one of `for`, `count`, `value`, `avg`, `min`, `max`, `sum`, `p95`, `rate`, `absent`,
    `sequence`, `all`, `any`, `first`, `once_after`, `accumulate` and `new_value`; `value` may be combined with `for`.
    What each means at its boundaries is in the reference of conditions."""

    for_: Duration | None = None
    """How long it must hold without a break."""
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """So many events within `within`."""
    value: Number | None = None
    """CEL that gives a number, compared with each event."""
    avg: Number | None = None
    """CEL; the mean of its values within `within` is compared."""
    min: Number | None = None
    """CEL; the least of its values within `within` is compared."""
    max: Number | None = None
    """CEL; the greatest of its values within `within` is compared."""
    sum: Number | None = None
    """CEL; the sum of its values within `within` is compared."""
    p95: Number | None = None
    """CEL; the value that 95 % of its values within `within` do not exceed is compared."""
    rate: Rate | None = None
    """Events per time, over `within`."""
    absent: Duration | None = None
    """It holds for a key of which no event has come for so long."""
    sequence: Annotated[list[SequenceStep], msgspec.Meta(min_length=2, max_length=8)] | None = None
    """Events that must come in this order within `within`."""
    all: Annotated[list[Match], msgspec.Meta(min_length=2, max_length=8)] | None = None
    """Selectors that must each have had an event within `within`, in whatever order."""
    any: Annotated[list[Match], msgspec.Meta(min_length=2, max_length=8)] | None = None
    """Selectors of which `at_least` must have had an event within `within`."""
    first: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    """So many events are let through, then none until `within` is over since the first of them."""
    once_after: Duration | None = None
    """The first event waits so long; then it fires once, for all that came meanwhile."""
    accumulate: Annotated[int, msgspec.Meta(ge=2, le=100_000)] | None = None
    """It fires when so many events have come within `within` of the first of them, and counts anew."""
    new_value: str | None = None
    """CEL; it fires when its value has not been seen for this key within `within`."""
    within: Duration | None = None
    """The length of the window."""
    by: list[str] = []
    """CEL expressions that make the key; the event's resource if none is given."""
    fire_above: float | None = None
    """It holds once the value is above."""
    clear_below: float | None = None
    """And until the value is below this again; `fire_above` if it is not given."""
    fire_below: float | None = None
    """It holds once the value is below."""
    clear_above: float | None = None
    """And until the value is above this again; `fire_below` if it is not given."""
    min_count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    """With `avg`, `min`, `max`, `sum`, `p95`: with fewer values it does not hold."""
    at_least: Annotated[int, msgspec.Meta(ge=1, le=8)] | None = None
    """With `any`; 1 if it is not given."""
    keys: Annotated[list[str], msgspec.Meta(max_length=100_000)] = []
    """With `absent`: the keys that are expected; without them, each key is expected from its first event on."""
    forget_after: Duration | None = None
    """With `absent` without `keys`: when a key that stays away is expected no more; `30d` if it is not given."""
    learn: Duration | None = None
    """With `new_value`: for how long after a key's first event its values are only learned."""
    max_keys: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = MAX_KEYS
    """How many keys may have a window; events of further keys are not judged, and the policy says so."""
