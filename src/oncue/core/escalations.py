"""Escalations: who is told of an incident, and when, until someone acknowledges it.

An incident calls those whom the policies of its alerts name, else its service's or its owner's escalation policy, else the
owner's channels. A policy's levels are told one after the other, by timers that are part of state: each step is one input's
doing, so it happens once, whatever restarts in between, and after an absence one step is taken, not all that were missed.

    acknowledged   it stops; after the policy's timeout it begins again
    quiet          while all that fires is quiet it holds, and goes on when something is heard
    resolved       it ends, and what had not left is called off
    unreachable    where no channel of a level can be reached, the next one is told at once
"""

from datetime import timedelta
from typing import Final

import msgspec

from oncue.core import event as events
from oncue.core import notify, outbox
from oncue.core.addressing import Delivery, deliveries, escalation_of
from oncue.core.alert import Alert
from oncue.core.contact import EscalationPolicySpec
from oncue.core.duration import seconds_of
from oncue.core.errors import Refusal
from oncue.core.escalation import Branch, Escalation, Level, branches_of, fitting
from oncue.core.incident import Incident
from oncue.core.manifest import Manifest
from oncue.core.severity import RANK
from oncue.core.tx import Tx

TO_THE_SAME: Final = ("escalated", "steady", "snooze_over", "new_alerts", "again", "update_due")
"""Reasons of what those are told who were told before."""
SHORTEST_S: Final = 1.0
"""No level waits less."""


def tell(tx: Tx, incident: Incident, alert: Alert | None, reason: str, named: tuple[str, ...] = ()) -> None:
    """People are to hear of the incident, which was touched: those told before, or whom `named` and its owner say."""
    if reason == "resolved":
        notify.end(tx, incident)
    elif reason in TO_THE_SAME and incident.told:
        notify.those_told(tx, incident, alert, reason, _onwards(tx, incident, alert, reason))
    elif reason != "steady":
        _begin(tx, incident, alert, reason, named)


def heard(tx: Tx, incident: Incident) -> None:
    """Not all that fires in the incident may be quiet any more: then what was held goes on. Nothing if nothing was."""
    held = any(tx.state.escalations[id].state == "held" for id in incident.escalations)
    if held and incident.state == "open" and not _quiet(tx, incident):
        tx.touch(incident)
        _onwards(tx, incident, None, "audible")
        tx.save("incident", incident)


def _onwards(tx: Tx, incident: Incident, alert: Alert | None, reason: str) -> tuple[str, ...]:
    """Something new is heard: what was held goes on with the level that it was at, and a higher priority may have other
    levels. Gives the channels that were told.
    """
    told: tuple[str, ...] = ()
    for one in live_of(tx, incident):
        if one.state == "held":
            tx.touch(one)
            one.state, one.level = "running", max(0, one.level - 1)
            told += _step(tx, one, incident, alert or _headline(tx, one, incident), reason, told)
        elif reason == "escalated" and one.state in ("running", "exhausted"):
            number = fitting(one.branches, incident.priority, tx.now)
            if number != one.branch:
                tx.touch(one)
                one.branch = number
                told += _restart(tx, one, incident, alert, reason, told)
    return told


# beginning


def _begin(tx: Tx, incident: Incident, alert: Alert | None, reason: str, named: tuple[str, ...]) -> None:
    """Call whom the incident concerns. Nobody is told twice for it, though several ways lead to them."""
    direct: list[str] = []
    policies: dict[str, Manifest] = {}
    for addressee in named or default(tx, incident, incident.owner):
        policy = escalation_of(tx.state, incident.namespace, addressee)
        if policy is not None:
            policies[policy.name] = policy
        else:
            direct.append(addressee)
    live = {one.policy.partition("@")[0]: one for one in live_of(tx, incident)}
    told: tuple[str, ...] = ()
    for policy in policies.values():
        known = live.get(f"{policy.namespace}/{policy.name}")
        if known is not None:
            tx.touch(known)
            told += _restart(tx, known, incident, alert, reason, told)
        else:
            told += _start(tx, incident, alert, reason, policy, but=told)
    if direct or not policies:
        _directly(tx, incident, alert, reason, tuple(direct), bool(policies), told)
    if incident.state == "acknowledged":
        for one in live_of(tx, incident):
            _rest(tx, one)


def default(tx: Tx, incident: Incident, owner: str | None) -> tuple[str, ...]:
    """Whom it concerns where no policy names anyone: its service's escalation policy, or its owner."""
    service = tx.state.policies.service(incident.namespace, incident.service) if incident.service is not None else None
    if service is not None and service.escalation is not None:
        return (f"escalation:{service.escalation}",)
    return (owner,) if owner else ()


def _directly(
    tx: Tx, incident: Incident, alert: Alert | None, reason: str, tell: tuple[str, ...], reached: bool,
    but: tuple[str, ...],
) -> None:  # fmt: skip
    """Tell those who have no escalation policy, except the channels `but`."""
    to, missing = _ways(tx, incident, tell)
    if not to:
        if not reached:
            no_owner = (
                f"{incident.service} has no owner" if incident.service else "no service is known, so it has no owner"
            )
            notify.skip(tx, incident.namespace, incident.id, "no_addressee", missing or no_owner)
        return
    outside(tx, incident, alert, reason, tell, [one for one in to if _name(one) not in but])


def outside(
    tx: Tx, incident: Incident, alert: Alert | None, reason: str, tell: tuple[str, ...], to: list[Delivery],
    details: tuple[tuple[str, str], ...] = (),
) -> None:  # fmt: skip
    """Tell these, to whom `tell` led, outside of any level. The caller touched the incident.

    What waits for its time must be called off when someone acknowledges, or at the end: that takes an escalation.
    """
    notify.tell(tx, incident, alert, reason, [one for one in to if not one.after_s], details=details)
    later = [one for one in to if one.after_s]
    if not later:
        return
    one = next(iter(live_of(tx, incident)), None)
    new = one is None
    if one is None:
        one = _new(tx, incident, alert, reason, ", ".join(tell), (Branch((Level(tell, None),)),), 0)
        one.level = 1
    tx.touch(one)
    sent = notify.tell(tx, incident, alert, reason, later, escalation=one.id, details=details)
    one.pending = (*one.pending, *(effect.id for effect in sent))
    tx.save("escalation", one)
    if new:
        _report(tx, one, "oncue.escalation.began")
        if incident.state == "acknowledged":
            _rest(tx, one)


def _start(
    tx: Tx, incident: Incident, alert: Alert | None, reason: str, policy: Manifest, *, before: tuple[str, ...] = (),
    pending: tuple[str, ...] = (), but: tuple[str, ...] = (),
) -> tuple[str, ...]:  # fmt: skip
    """Begin with a policy; what is `pending` of the one before is this one's. Gives the channels that were told."""
    spec = msgspec.convert(policy.spec, EscalationPolicySpec)
    branches = branches_of(spec)
    version = f"{policy.namespace}/{policy.name}@{policy.generation}"
    one = _new(tx, incident, alert, reason, version, branches, fitting(branches, incident.priority, tx.now))
    one.then, one.before, one.pending = spec.then, before, pending
    one.acknowledge_timeout_s = seconds_of(spec.acknowledge_timeout)
    one.missed = tuple(spec.missed)
    one.targets = {
        priority: (seconds_of(target.respond), seconds_of(target.resolve)) for priority, target in spec.targets.items()
    }
    _report(tx, one, "oncue.escalation.began")
    return _step(tx, one, incident, alert, reason, but)


def _new(
    tx: Tx, incident: Incident, alert: Alert | None, why: str, policy: str, branches: tuple[Branch, ...], branch: int
) -> Escalation:
    one = Escalation(
        id=tx.new_id("esc"), namespace=incident.namespace, incident=incident.id, policy=policy, branches=branches,
        branch=branch, state="running", why=why, alert=alert.id if alert is not None else None, begun_at=tx.now,
        updated_at=tx.now,
    )  # fmt: skip
    incident.escalations = (*incident.escalations, one.id)
    tx.save("escalation", one)
    return one


def _restart(
    tx: Tx, one: Escalation, incident: Incident, alert: Alert | None, reason: str, but: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """From the first level on. The caller touched both. Gives the channels that were told."""
    one.state, one.level, one.cycle, one.why = "running", 0, 0, reason
    if alert is not None:
        one.alert = alert.id
    return _step(tx, one, incident, alert, reason, but)


# going on


def due(tx: Tx, one: Escalation) -> None:
    """Nobody acknowledged in time: the next level is told."""
    incident = tx.state.incidents[one.incident]
    tx.touch(one)
    tx.touch(incident)
    if _all_quiet(tx, one, incident):
        one.state, one.next_at = "held", None
        _report(tx, one, "oncue.escalation.held")
        return
    go_on(tx, one, incident, "not_acknowledged")
    tx.save("incident", incident)


def go_on(tx: Tx, one: Escalation, incident: Incident, reason: str) -> None:
    """The level after the present one, the first one again, the policy that goes on, or nothing. The caller touched both."""
    if _goes_on(tx, one, incident, reason):
        _step(tx, one, incident, _headline(tx, one, incident), reason)
    else:
        _exhaust(tx, one, incident)


def _goes_on(tx: Tx, one: Escalation, incident: Incident, reason: str) -> bool:
    """Whether there is a level to tell next, which may be the first one again."""
    branch = one.branches[one.branch]
    if one.level < len(branch.levels):
        return True
    if one.cycle >= branch.repeat:
        return False
    if reason == "unreachable" and not any(_ways(tx, incident, level.tell)[0] for level in branch.levels):
        return False  # nobody is there to be told, however often it begins again
    one.level, one.cycle = 0, one.cycle + 1
    return True


def _step(
    tx: Tx, one: Escalation, incident: Incident, alert: Alert | None, reason: str, but: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Tell the next level, except the channels `but`; where it leads to nobody, the one after it. Gives the channels that
    have been told.
    """
    while not (to := _level(tx, one, incident, alert, reason, but)):
        reason = "unreachable"
        if not _goes_on(tx, one, incident, reason):
            return _exhaust(tx, one, incident)
        alert = _headline(tx, one, incident)
    return tuple(_name(way) for way in to if not way.after_s)


def _level(
    tx: Tx, one: Escalation, incident: Incident, alert: Alert | None, reason: str, but: tuple[str, ...]
) -> list[Delivery]:
    """Tell the next level. Gives whom it leads to."""
    level = one.levels[one.level]
    to, missing = _ways(tx, incident, level.tell)
    one.level += 1
    one.reached = False
    one.updated_at = tx.now
    first_s = min((way.after_s for way in to), default=0.0)
    one.next_at = None
    tx.cancel(f"escalation.due/{one.id}")
    if level.wait_s is not None and to:
        # Where all of them are asleep, the time to answer begins when they are told.
        one.next_at = tx.now + timedelta(seconds=first_s + max(level.wait_s, SHORTEST_S))
        tx.timer(f"escalation.due/{one.id}", one.next_at)
    now = [way for way in to if _name(way) not in but]
    told = notify.tell(tx, incident, alert, reason, now, escalation=one.id, details=_standing(one, incident, to))
    one.reached = len(told) < len(to)  # what a bundle tells, or was told by another way, is told
    one.pending = (*(id for id in one.pending if id in tx.state.effects), *(sent.id for sent in told))
    if not to:
        notify.skip(
            tx, incident.namespace, incident.id, "no_addressee", f"level {one.level} of {one.policy}: {missing}"
        )
    _report(tx, one, "oncue.escalation.level_told")
    return to


def _name(way: Delivery) -> str:
    return f"{way.channel.namespace}/{way.channel.name}"


def _standing(one: Escalation, incident: Incident, to: list[Delivery]) -> tuple[tuple[str, str], ...]:
    """Which level it is, and who else was told."""
    again = f", round {one.cycle + 1}" if one.cycle else ""
    rows = [("Escalation", f"{one.policy}: level {one.level} of {len(one.levels)}{again}")]
    if one.next_at is not None and one.level < len(one.levels):
        after = ", ".join(one.levels[one.level].tell)
        rows.append(("Unless acknowledged", f"{after} at {events.said(one.next_at)}"))
    now = {_name(way) for way in to}
    others = [channel for channel in incident.told if channel not in now]
    if others:
        rows.append(("Told before", ", ".join(others)))
    return tuple(rows)


def _exhaust(tx: Tx, one: Escalation, incident: Incident) -> tuple[str, ...]:
    """All levels were told: the policy that goes on, or nothing. Gives the channels that were told."""
    tx.cancel(f"escalation.due/{one.id}")
    one.next_at = None
    then = _following(tx, one)
    if then is None:
        one.state = "exhausted"
        _report(tx, one, "oncue.escalation.exhausted")
        return ()
    alert, pending, one.pending = _headline(tx, one, incident), one.pending, ()
    _end(tx, one, incident, f"{then.namespace}/{then.name}")
    before = (*one.before, _policy_name(one))
    known = next((other for other in live_of(tx, incident) if _policy_name(other) == then.name), None)
    if known is not None:  # someone called for it sooner
        tx.touch(known)
        known.before, known.pending = tuple(dict.fromkeys((*known.before, *before))), (*known.pending, *pending)
        if known.state == "exhausted":
            return _restart(tx, known, incident, alert, "not_acknowledged")
        tx.save("escalation", known)
        return ()
    return _start(tx, incident, alert, "not_acknowledged", then, before=before, pending=pending)


def _following(tx: Tx, one: Escalation) -> Manifest | None:
    """The policy that goes on after this one, if it is there and did not go before."""
    then = tx.state.manifests.get(f"EscalationPolicy/{one.namespace}/{one.then}") if one.then is not None else None
    return then if then is not None and then.name not in (*one.before, _policy_name(one)) else None


def _policy_name(one: Escalation) -> str:
    return one.policy.partition("/")[2].partition("@")[0]


def _headline(tx: Tx, one: Escalation, incident: Incident) -> Alert | None:
    """The alert to speak of: the one with which it began while that fires, else the worst that does."""
    first = tx.state.alerts.get(one.alert or "")
    if first is not None and _heard(first) and first.incident == incident.id:
        return first
    return worst(tx, incident)


def _all_quiet(tx: Tx, one: Escalation, incident: Incident) -> bool:
    first = tx.state.alerts.get(one.alert or "")
    if first is not None and _heard(first) and first.incident == incident.id:
        return False
    return _quiet(tx, incident)


def _quiet(tx: Tx, incident: Incident) -> bool:
    alerts = tx.state.alerts
    firing = [alerts[id] for id in tx.state.members.get(incident.id, ()) if alerts[id].state == "firing"]
    return bool(firing) and all(alert.quiet for alert in firing)


def _heard(alert: Alert) -> bool:
    return alert.state == "firing" and not alert.quiet


def _ways(tx: Tx, incident: Incident, tell: tuple[str, ...]) -> tuple[list[Delivery], str]:
    important = incident.priority in notify.IMPORTANT
    return deliveries(tx.state, incident.namespace, tell, tx.now, important=important)


# what people and incidents do


def acknowledged(tx: Tx, incident: Incident) -> None:
    """Someone works on it: nobody else is called, for as long as the policies allow."""
    for one in live_of(tx, incident):
        tx.touch(one)
        _call_off(tx, one, f"{incident.id} was acknowledged")
        _rest(tx, one)


def _rest(tx: Tx, one: Escalation) -> None:
    """Someone works on the incident: nobody else is called. Nothing if it rests already."""
    if one.state == "acknowledged":
        return
    tx.touch(one)
    one.state, one.next_at = "acknowledged", None
    tx.cancel(f"escalation.due/{one.id}")
    if one.acknowledge_timeout_s is not None:
        one.next_at = tx.now + timedelta(seconds=max(one.acknowledge_timeout_s, SHORTEST_S))
        tx.timer(f"escalation.lapse/{one.id}", one.next_at)
    _report(tx, one, "oncue.escalation.acknowledged")


def snoozed(tx: Tx, incident: Incident) -> None:
    """Someone wants quiet about all of it for a while: what has not left is called off."""
    for one in live_of(tx, incident):
        tx.touch(one)
        _call_off(tx, one, f"{incident.id} was snoozed")
        tx.save("escalation", one)


def taken_back(tx: Tx, incident: Incident, reason: str) -> None:
    """Nobody works on it any more: it begins again. The caller touched the incident."""
    told: tuple[str, ...] = ()
    for one in live_of(tx, incident):
        if one.state == "acknowledged":
            tx.touch(one)
            tx.cancel(f"escalation.lapse/{one.id}")
            if _all_quiet(tx, one, incident):
                one.state, one.level, one.cycle, one.next_at = "held", 0, 0, None
                _report(tx, one, "oncue.escalation.held")
            else:
                told += _restart(tx, one, incident, _headline(tx, one, incident), reason, told)


def ended(tx: Tx, incident: Incident, by: str) -> None:
    """The incident is over, or part of another: what has not left is called off. The caller touched the incident."""
    for one in live_of(tx, incident):
        tx.touch(one)
        _end(tx, one, incident, by)


def merged(tx: Tx, into: Incident, other: Incident) -> None:
    """What called people for the other incident goes on for this one, unless this one's own does. Both were touched."""
    own = {one.policy.partition("@")[0] for one in live_of(tx, into)}
    for one in live_of(tx, other):
        tx.touch(one)
        if into.state == "acknowledged" or one.policy.partition("@")[0] in own:
            _end(tx, one, other, "merged")
            continue
        one.incident = into.id
        other.escalations = tuple(id for id in other.escalations if id != one.id)
        into.escalations = (*into.escalations, one.id)
        if one.state == "acknowledged":
            tx.cancel(f"escalation.lapse/{one.id}")
            one.next_at = None
            one.state = "exhausted"
        _report(tx, one, "oncue.escalation.moved")


def split(tx: Tx, home: Incident, part: Incident) -> None:
    """What calls people for an incident does so for the part of it that is one of its own now: it stands where it stood,
    and calls nobody twice. The part was touched.
    """
    for known in live_of(tx, home):
        one = msgspec.structs.replace(
            known, id=tx.new_id("esc"), incident=part.id, pending=(), alert=None, begun_at=tx.now
        )
        part.escalations = (*part.escalations, one.id)
        if one.next_at is not None:
            timer = "lapse" if one.state == "acknowledged" else "due"
            tx.timer(f"escalation.{timer}/{one.id}", one.next_at)
        _report(tx, one, "oncue.escalation.began")


def by_hand(tx: Tx, incident: Incident, to: str | None) -> None:
    """Someone wants the next level told now, or someone else. Raises `Refusal` escalation.none where there is no next
    level, escalation.no_addressee if nobody is reached.
    """
    if to is not None:
        policy = escalation_of(tx.state, incident.namespace, to)
        ways, missing = _ways(tx, incident, (to,))
        if not ways:
            raise Refusal("escalation.no_addressee", missing)
        tx.touch(incident)
        if policy is not None and incident.state == "open":
            _begin(tx, incident, worst(tx, incident), "called", (to,))
        else:
            outside(tx, incident, worst(tx, incident), "called", (to,), ways)
        return
    live = live_of(tx, incident)
    one = next((one for one in live if one.level < len(one.levels) or _following(tx, one) is not None), None)
    if one is None:
        raise Refusal("escalation.none", f"{incident.id} has no escalation with a further level; name whom to tell")
    tx.touch(incident)
    tx.touch(one)
    state, next_at = one.state, one.next_at
    if one.level >= len(one.levels):
        _exhaust(tx, one, incident)
    else:
        one.state = "running"
        _step(tx, one, incident, _headline(tx, one, incident), "called")
    if state != "acknowledged":
        if one.state != "ended":
            tx.save("escalation", one)
        return
    if one.state != "ended":
        one.state, one.next_at = state, next_at
        tx.cancel(f"escalation.due/{one.id}")
        tx.save("escalation", one)
    for other in live_of(tx, incident):
        _rest(tx, other)


def worst(tx: Tx, incident: Incident) -> Alert | None:
    """The worst of its alerts that are heard; None if none is."""
    alerts = tx.state.alerts
    heard = [alerts[id] for id in tx.state.members.get(incident.id, ()) if _heard(alerts[id])]
    return max(heard, key=lambda alert: (RANK[alert.severity], alert.id), default=None)


def missed(tx: Tx, incident: Incident, detail: str) -> None:
    """A target was missed: those are told whom the policies name for it, else the last level. The caller touched it."""
    details = (("Target", detail),)
    live = live_of(tx, incident)
    if _quiet(tx, incident):
        notify.skip(tx, incident.namespace, incident.id, "quiet", f"{detail}; all that fires is quiet")
        return
    alert = _headline(tx, live[0], incident) if live else worst(tx, incident)
    tell: tuple[str, ...] = ()
    for one in live:
        tell += one.missed or one.levels[-1].tell
    tell = tuple(dict.fromkeys(tell))
    ways, _ = deliveries(tx.state, incident.namespace, tell, tx.now, important=True)
    if ways:
        outside(tx, incident, alert, "target_missed", tell, ways, details)
    elif incident.told:
        notify.those_told(tx, incident, alert, "target_missed", details=details)
    else:
        _begin(tx, incident, alert, "target_missed", ())


# ending


def _call_off(tx: Tx, one: Escalation, reason: str) -> None:
    """What waits for its time, or for another try, is wanted no more; what is leaving leaves."""
    for id in one.pending:
        effect = tx.state.effects.get(id)
        if effect is not None and effect.not_before_at > tx.now:
            outbox.cancel(tx, effect, reason)
    one.pending = ()


def _end(tx: Tx, one: Escalation, incident: Incident, by: str) -> None:
    """It is over: what is pending of it is called off."""
    tx.cancel(f"escalation.due/{one.id}")
    tx.cancel(f"escalation.lapse/{one.id}")
    _call_off(tx, one, f"{incident.id}: {by}")
    one.state, one.ended_by, one.next_at = "ended", by, None
    incident.escalations = tuple(id for id in incident.escalations if id != one.id)
    _report(tx, one, "oncue.escalation.ended", live=False)


def live_of(tx: Tx, incident: Incident) -> list[Escalation]:
    """The incident's escalations that have not ended."""
    return [tx.state.escalations[id] for id in incident.escalations]


def _report(tx: Tx, one: Escalation, type: str, live: bool = True) -> None:
    one.updated_at = tx.now
    tx.fact(type, "escalation", one, refs=(("incident", one.incident),))
    tx.save("escalation", one, live)
