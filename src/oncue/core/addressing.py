"""Whom an addressee means: the channels that reach it, and when.

An addressee is `channel:name`, `team:name`, `user:name` or `escalation:name`, in the namespace of what it is about. A team
is told by its channels, or, without any, by telling its members; a person by their own rules; an escalation policy by its
first level. A name that nothing has is said, and does not keep the others from being told.
"""

from datetime import datetime
from typing import Any

import msgspec

from oncue.core import wall_clock
from oncue.core.contact import EscalationPolicySpec, PersonSpec, TeamSpec
from oncue.core.duration import seconds
from oncue.core.manifest import Manifest
from oncue.core.state import State


class Delivery(msgspec.Struct, frozen=True):
    """One channel that is to be told."""

    channel: Manifest
    to: str
    """The addressee that led there; of a team's members, the member."""
    after_s: float = 0.0
    """How long from now."""


def deliveries(
    state: State, namespace: str, tell: tuple[str, ...], now: datetime, *, important: bool
) -> tuple[list[Delivery], str]:
    """The channels that reach these addressees, each once and as soon as any of them wants it; and what is missing.

    `important` is what cannot wait: people have other ways for it, and no quiet hours.
    """
    found: dict[str, Delivery] = {}
    missing = ""
    for addressee in tell:
        kind, _, name = addressee.partition(":")
        some, problem = _KINDS.get(kind, _nobody)(state, namespace, name, now, important)
        missing = missing or problem
        for one in some:
            known = found.get(one.channel.id)
            if known is None or one.after_s < known.after_s:
                found[one.channel.id] = one
    return list(found.values()), missing


def escalation_of(state: State, namespace: str, addressee: str) -> Manifest | None:
    """The escalation policy by which the addressee wants to be told of incidents; None if it has none."""
    kind, _, name = addressee.partition(":")
    if kind == "escalation":
        return state.manifests.get(f"EscalationPolicy/{namespace}/{name}")
    team = state.manifests.get(f"Team/{namespace}/{name}") if kind == "team" else None
    policy = msgspec.convert(team.spec, TeamSpec).escalation if team is not None else None
    return state.manifests.get(f"EscalationPolicy/{namespace}/{policy}") if policy is not None else None


_Found = tuple[list[Delivery], str]


def _channel(state: State, namespace: str, name: str, now: datetime, important: bool) -> _Found:
    channel = state.manifests.get(f"Channel/{namespace}/{name}")
    if channel is None:
        return [], f"there is no channel {name} in {namespace}"
    return [Delivery(channel, f"channel:{name}")], ""


def _team(state: State, namespace: str, name: str, now: datetime, important: bool) -> _Found:
    team = state.manifests.get(f"Team/{namespace}/{name}")
    if team is None:
        return [], f"there is no team {name} in {namespace}"
    spec = msgspec.convert(team.spec, TeamSpec)
    members = () if spec.channels else spec.members
    found: list[Delivery] = []
    missing = "" if spec.channels or members else f"team {name} has no channels"
    for channel in spec.channels:
        some, problem = _channel(state, namespace, channel, now, important)
        found += [Delivery(one.channel, f"team:{name}") for one in some]
        missing = missing or problem
    for member in members:
        some, problem = _user(state, namespace, member, now, important)
        found += some
        missing = missing or problem
    return found, missing


def _user(state: State, namespace: str, name: str, now: datetime, important: bool) -> _Found:
    person = state.manifests.get(f"Person/{namespace}/{name}")
    if person is None:
        return [], f"no Person {name} in {namespace} says how to reach user:{name}"
    spec = msgspec.convert(person.spec, PersonSpec)
    quiet_s = 0.0 if important or spec.quiet_hours is None else wall_clock.left_s(spec.quiet_hours, now)
    found: list[Delivery] = []
    missing = ""
    for rung in (spec.important if important else ()) or spec.default:
        some, problem = _channel(state, namespace, rung.channel, now, important)
        found += [Delivery(one.channel, f"user:{name}", quiet_s + seconds(rung.after)) for one in some]
        missing = missing or problem
    return found, missing


def _escalation(state: State, namespace: str, name: str, now: datetime, important: bool) -> _Found:
    policy = state.manifests.get(f"EscalationPolicy/{namespace}/{name}")
    if policy is None:
        return [], f"there is no escalation policy {name} in {namespace}"
    first = msgspec.convert(policy.spec, EscalationPolicySpec).levels[0]
    return deliveries(state, namespace, tuple(first.tell), now, important=important)


def _nobody(state: State, namespace: str, name: str, now: datetime, important: bool) -> _Found:
    return [], "an addressee begins with user:, team:, channel: or escalation:"


_KINDS: Any = {"channel": _channel, "team": _team, "user": _user, "escalation": _escalation}
