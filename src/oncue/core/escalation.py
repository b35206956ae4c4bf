"""The escalation: an incident on its way through an escalation policy, level by level, until someone acknowledges.

It holds the policy as it was when it began: who changes a policy changes what comes after.
"""

from datetime import datetime
from typing import Literal

import msgspec

from oncue.core.contact import EscalationLevel, EscalationPolicySpec
from oncue.core.duration import seconds
from oncue.core.wall_clock import covers

EscalationState = Literal["running", "held", "acknowledged", "exhausted", "ended"]


class Level(msgspec.Struct, frozen=True):
    """Who is told, and how long they have."""

    tell: tuple[str, ...]
    wait_s: float | None
    """None if nothing comes after it."""


class Branch(msgspec.Struct, frozen=True):
    """The levels for some priorities, or some hours."""

    levels: tuple[Level, ...]
    repeat: int = 0
    priorities: tuple[str, ...] = ()
    during: str | None = None

    def fits(self, priority: str, now: datetime) -> bool:
        """Whether it is for an incident of this priority whose escalation begins now."""
        return (not self.priorities or priority in self.priorities) and covers(self.during, now)


class Escalation(msgspec.Struct, kw_only=True, gc=False):
    """An escalation's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    namespace: str
    incident: str
    policy: str
    """`namespace/name@generation`; or, of someone who is told by several ways without a policy, the addressee."""
    branches: tuple[Branch, ...]
    """The policy's, as they were when it began; the last one is for all that fits no other."""
    branch: int
    """The one that it goes by."""
    state: EscalationState
    """`running`; `held`: all that fires is quiet; `acknowledged`; `exhausted`: all were told, and nobody acknowledged;
    `ended`."""
    why: str
    """The reason for which the first level was told."""
    alert: str | None = None
    """The alert with which it began."""
    level: int = 0
    """The number of the level told last, from 1 on."""
    cycle: int = 0
    """How often all levels had been told before."""
    next_at: datetime | None = None
    """When the next level is told."""
    begun_at: datetime
    updated_at: datetime
    then: str | None = None
    """The policy that goes on after this one, by name."""
    before: tuple[str, ...] = ()
    """Policies that went before this one, by name."""
    acknowledge_timeout_s: float | None = None
    missed: tuple[str, ...] = ()
    """Who is told of a missed target."""
    targets: dict[str, tuple[float | None, float | None]] = {}
    """Priority -> seconds until someone is to have acknowledged, and until it is to be over."""
    pending: tuple[str, ...] = ()
    """Notifications that are under way, or wait for their time: they are called off when someone acknowledges."""
    reached: bool = False
    """Whether the present level was told by at least one channel."""
    ended_by: str | None = None
    """`resolved`, `merged`, or the policy that goes on."""
    position: str = ""

    @property
    def levels(self) -> tuple[Level, ...]:
        """Those that it goes by."""
        return self.branches[self.branch].levels


def branches_of(spec: EscalationPolicySpec) -> tuple[Branch, ...]:
    """A policy's branches, in the order in which they are tried."""
    found = [
        Branch(
            _levels(branch.levels),
            spec.repeat if branch.repeat is None else branch.repeat,
            tuple(branch.priorities),
            branch.during,
        )
        for branch in spec.branches
    ]
    return (*found, Branch(_levels(spec.levels), spec.repeat))


def _levels(levels: list[EscalationLevel]) -> tuple[Level, ...]:
    return tuple(Level(tuple(level.tell), seconds(level.wait)) for level in levels)


def fitting(branches: tuple[Branch, ...], priority: str, now: datetime) -> int:
    """Which of the branches is for an incident of this priority now."""
    return next(number for number, branch in enumerate(branches) if branch.fits(priority, now))
