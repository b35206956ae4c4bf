"""Whom to reach, and how: teams, channels, people, and the escalation policies that call them one after the other.

Kinds of manifest, as those of `manifest`.
"""

from typing import Annotated, Any

import msgspec

from oncue.core.duration import Duration
from oncue.core.prioritise import Priority
from oncue.core.spec import Name, Spec

Addressee = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(user|team|channel):[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$",
        description="Whom to tell: `user:name` the way that the person wants, `team:name`, or `channel:name`",
    ),
]
Addressees = Annotated[list[Addressee], msgspec.Meta(min_length=1, max_length=50)]


class TeamSpec(Spec, kw_only=True, frozen=True):
    """People who own services, and the channels that reach them."""

    description: str | None = None
    """What the team does."""
    members: list[str] = []
    """Names of users."""
    channels: list[str] = []
    """Names of channels; all of them are told. A team without channels is told by telling its members."""
    escalation: Name | None = None
    """The escalation policy of the incidents that are the team's; without one its channels are told once."""


class ChannelSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """A way to tell someone."""

    type: str
    """A notifier: `email`, `webhook`, `apprise`, or one from a plugin."""
    with_: dict[str, Any] = {}
    """What the notifier takes; credentials as `secret://name`."""
    failover: Annotated[list[Name], msgspec.Meta(max_length=10)] = []
    """Channels that are told instead when this one cannot be reached, the first that can."""
    links: bool = True
    """Whether whoever reads it may acknowledge and snooze by a link in the message, without signing in."""


class Rung(Spec, kw_only=True, frozen=True):
    """One way to tell a person, and how long after the first."""

    channel: Name
    after: Duration = "0s"
    """It is used if the incident has not been acknowledged by then."""


class PersonSpec(Spec, kw_only=True, frozen=True):
    """How a person wants to be told. The manifest's name is what `user:name` says."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """What people call them."""
    default: Annotated[list[Rung], msgspec.Meta(min_length=1, max_length=10)]
    """What can wait: P3 and below."""
    important: Annotated[list[Rung], msgspec.Meta(max_length=10)] = []
    """What cannot: P1, P2, and missed targets; by default as all else."""
    quiet_hours: str | None = None
    """When they are told of nothing that can wait, as in `daily 22:00-07:00 Europe/Berlin`: it waits for the end."""


class EscalationLevel(Spec, kw_only=True, frozen=True):
    """Who is told, and how long they have."""

    tell: Addressees
    """All of them at once."""
    wait: Duration = "5m"
    """How long the incident may stay unacknowledged before the next level is told."""


Levels = Annotated[list[EscalationLevel], msgspec.Meta(min_length=1, max_length=20)]
Repeats = Annotated[int, msgspec.Meta(ge=0, le=50)]


class EscalationBranch(Spec, kw_only=True, frozen=True):
    """Other levels for some incidents, or for some hours. All that is given must fit."""

    priorities: list[Priority] = []
    """Of these incidents; empty is all."""
    during: str | None = None
    """Hours in which the escalation begins, as in `Mon-Fri 08:00-18:00 Europe/Berlin`."""
    levels: Levels
    repeat: Repeats | None = None
    """By default as the policy says."""


class TimeTargets(Spec, kw_only=True, frozen=True):
    """How fast an incident is to be dealt with, counted from when it opened. A missed target is told even of an
    incident that someone works on."""

    respond: Duration | None = None
    """Until someone has acknowledged it."""
    resolve: Duration | None = None
    """Until it is over."""


class EscalationPolicySpec(Spec, kw_only=True, frozen=True):
    """Who is told of an incident, one level after the other, until someone acknowledges it.

    An incident goes by the policy as it was when its escalation began.
    """

    description: str | None = None
    """When it is the one to name."""
    levels: Levels
    """The first one is told at once."""
    repeat: Repeats = 0
    """How often it begins again with the first level if nobody acknowledges."""
    branches: Annotated[list[EscalationBranch], msgspec.Meta(max_length=20)] = []
    """The first one that fits has its own levels, instead of those above."""
    then: Name | None = None
    """Another escalation policy, which goes on where this one has told everybody and nobody acknowledged."""
    acknowledge_timeout: Duration | None = None
    """How long after it was acknowledged an incident may go on before it begins again with the first level."""
    targets: dict[Priority, TimeTargets] = {}
    """How fast incidents are to be taken up and over, where their service does not say."""
    missed: Annotated[list[Addressee], msgspec.Meta(max_length=50)] = []
    """Who is told of a missed target; by default the last level."""
