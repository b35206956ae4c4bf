"""Suppress: reasons for quiet. Nothing is dropped: a quiet alert stays visible, with its reasons.

This is the one place where an alert's reasons are brought up to date, and where it begins or ceases to be heard. Some
reasons follow from other things (a silence, a window, another alert) and are worked out at each look; the others are kept
on the alert until they are taken back or their time is over. When the last reason ends and the alert still fires, it is
correlated, and people are told then. A reason that begins for an alert in an incident is shown, and from then on nobody
is told anything about that alert.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from oncue.core import (
    changed_alerts,
    correlate,
    deduplicate,
    escalations,
    flapping,
    incidents,
    inhibition,
    maintenance,
    recent_changes,
    targets,
    throttling,
)
from oncue.core.alert import Alert, Quiet
from oncue.core.deduplicate import Transition, changed
from oncue.core.errors import Refusal
from oncue.core.incident import Incident
from oncue.core.severity import RANK
from oncue.core.shape import Draft, addressees
from oncue.core.silence import Filed, Matcher, Silence, all_match
from oncue.core.state import State
from oncue.core.tx import Tx

KEPT: Final = ("flapping", "snoozed", "transient_wait", "late", "duplicate", "throttled")
"""Reasons that are kept on the alert, in the order in which they are shown."""
TIMED: Final = (*KEPT, "expected_by_change")
"""Reasons that may have an end of their own."""
_WAITS: Final = ("flapping", "transient_wait", "late")
"""Those of them that end if nothing more is heard."""
OPEN: Final = ("open", "acknowledged")
"""States of an incident that is not over."""
LATE_HOLDS: Final = timedelta(minutes=2)
"""How long a late problem must go on before people are told, unless it is reported in time before."""


# what happens to an alert


class Before(msgspec.Struct, frozen=True):
    """What of an alert matters after an event has changed it."""

    service: str | None
    severity: str
    counted: bool
    """Whether it counted as firing in an incident."""


def raised(tx: Tx, alert: Alert, transition: Transition, asked: Draft, was: Before | None) -> None:
    """An event has raised the alert, or reported it again; `was` is how it was before, None for a new one."""
    if transition == "repeat":
        if has(alert, "late") is not None:
            _still_late(tx, alert, asked)
            settle(tx, alert, asked.tell, newly=True)
        return
    counted, was_quiet = was is not None and was.counted, bool(alert.quiet)
    if was is not None:
        incidents.refile(tx, alert, was.service, counted=counted)
    others = inhibition.follow(tx, alert)
    if was_quiet or asked.wait is not None or asked.late is not None:
        _wait(tx, alert, transition, asked)
        _still_late(tx, alert, asked)
        if (wait := has(alert, "throttled")) is not None and wait.by not in throttling.keys(tx, alert):
            take_back(tx, alert, "throttled")
    worse = was is None or transition == "reopened" or RANK[alert.severity] > RANK[was.severity]
    audible = settle(tx, alert, asked.tell, newly=worse or was_quiet, counted=counted)
    if transition == "reopened":
        if not counted and (not audible or alert.severity == "info"):
            correlate.stay(tx, alert)
        _flaps(tx, alert, begins=True)
    settle_these(tx, others)


def _wait(tx: Tx, alert: Alert, transition: Transition, asked: Draft) -> None:
    """A wait begins with the alert, and ends early when its policy has no more to do with it."""
    if asked.wait is None:
        take_back(tx, alert, "transient_wait")
    elif transition != "severity_changed":
        by, wait_s = asked.wait
        keep(tx, alert, Quiet("transient_wait", by, tx.now, tx.now + timedelta(seconds=wait_s)))


def _still_late(tx: Tx, alert: Alert, asked: Draft) -> None:
    """What came late has yet to prove that it still holds; what came in time has."""
    if asked.late is None:
        take_back(tx, alert, "late")
        return
    if has(alert, "late") is None:
        detail = f"it came {asked.late.total_seconds():.0f} s after its own time"
        keep(tx, alert, Quiet("late", asked.event_id, tx.now, tx.now + LATE_HOLDS, detail))
    # Not a severity: so the next report is no mere repeat, and is looked at here.
    tx.touch(alert)
    alert.event_severity = ""
    tx.save("alert", alert)


def _flaps(tx: Tx, alert: Alert, *, begins: bool) -> None:
    """It returned or resolved. That it begins to flap is told with its return, and then no more until it is steady."""
    share = flapping.rate(alert.turns)
    known = has(alert, "flapping")
    if known is None and not (begins and share >= flapping.HIGH):
        return
    detail = f"{share:.0f} % of its last {flapping.STATES} states were changes"
    since = known.since if known is not None else tx.now
    keep(tx, alert, Quiet("flapping", "oncue", since, flapping.steady_at(alert), detail))


def reworded(tx: Tx, alert: Alert) -> None:
    """The firing alert is described otherwise: what looks at its title is about it now, or no more."""
    others, was_quiet, before = inhibition.follow(tx, alert), bool(alert.quiet), inhibition.rests(alert)
    if look(tx, alert) and was_quiet:
        settle(tx, alert, newly=True)
    _freed(tx, alert, before)
    settle_these(tx, others)


def ended(tx: Tx, alert: Alert, *, by_hand: bool = False) -> list[str]:
    """It has resolved. While it flaps, it stays in its incident; else the incident resolves with its last one.

    What someone resolves by hand is dealt with: it flaps no more. Gives the alerts that were quiet because of it, for
    `settle_these`.
    """
    if by_hand:
        tx.touch(alert)
        flapping.forget(alert)
        if has(alert, "flapping") is not None:
            take_back(tx, alert, "flapping")
            _forget_in_time(tx, alert)
    for reason in ("transient_wait", "late", "duplicate", "throttled"):
        take_back(tx, alert, reason)
    _flaps(tx, alert, begins=False)
    others = [*inhibition.follow(tx, alert), *tx.state.inhibitions.held(alert.id)]
    if not alert.counts:
        incidents.left(tx, alert)
    return others


def duplicate(tx: Tx, alert: Alert, of: Alert, why: str) -> None:
    """Someone says that both firing alerts are about the same thing: the other one is enough as long as it fires.
    Raises `Refusal` alert.duplicate.
    """
    if inhibition.rests_on(tx, of.id, alert):
        same = of is alert
        detail = "it is the same alert" if same else f"{of.id} is itself quiet because of {alert.id}"
        raise Refusal("alert.duplicate", detail)
    by = f" ({why})" if why else ""
    keep(tx, alert, Quiet("duplicate", of.id, tx.now, None, f"{tx.actor} said so{by}"))


def distinct(tx: Tx, alert: Alert) -> None:
    """The firing alert is no duplicate: whoever it concerns is told of it."""
    before = inhibition.rests(alert)
    take_back(tx, alert, "duplicate")
    settle(tx, alert, newly=True)
    _freed(tx, alert, before)


def room_again(tx: Tx, cell: str) -> None:
    """There may be room in a throttle: as many as that are heard, in the order in which they fired. Who is quiet for
    something else besides, or calls nobody, waits no more and takes up no room.
    """
    room = throttling.room(tx, cell)
    for alert in throttling.waiting(tx, cell):
        if not room:
            break
        take_back(tx, alert, "throttled")
        settle(tx, alert, newly=True)
        room = throttling.room(tx, cell)


def throttled_otherwise(tx: Tx, policy: str) -> None:
    """The policy throttles otherwise than before, or is gone: it begins anew, with who waits."""
    for cell in throttling.cells(tx, policy):
        throttling.drop(tx, cell)
        for alert in throttling.waiting(tx, cell):
            take_back(tx, alert, "throttled")
            settle(tx, alert, newly=True)


def time_over(tx: Tx, alert: Alert) -> None:
    """The time of a reason that is kept on the alert is over: who waited for that is told."""
    over = [one for one in alert.quiet if one.reason in KEPT and one.until is not None and one.until <= tx.now]
    names = [one.reason for one in over]
    _become(tx, alert, tuple(one for one in alert.quiet if one not in over))
    if alert.state == "resolved":
        if "flapping" in names:
            _steady(tx, alert)
        return
    incident = _known_in(tx, alert)
    reason = "snooze_over" if "snoozed" in names else "steady" if "flapping" in names else None
    audible = settle(tx, alert, newly=True, say=reason is None)
    if not audible or incident is None or reason is None or alert.severity == "info":
        return
    if reason == "snooze_over" and _woke_already(tx, incident, [one.until for one in over]):
        return
    _tell(tx, incident, alert, reason)


def _woke_already(tx: Tx, incident: Incident, ends: list[datetime | None]) -> bool:
    """Whether the whole incident was snoozed until then, and people have heard that it goes on."""
    if incident.woke_at in ends:
        return True
    if incident.snoozed_until in ends:
        tx.touch(incident)
        incident.woke_at, incident.snoozed_until = incident.snoozed_until, None
    return False


def _steady(tx: Tx, alert: Alert) -> None:
    """It flaps no more, and does not fire."""
    incident = _known_in(tx, alert)
    incidents.left(tx, alert)
    if incident is not None and incident.state in OPEN and look(tx, alert):
        _tell(tx, incident, alert, "steady")
    _forget_in_time(tx, alert)


def _forget_in_time(tx: Tx, alert: Alert) -> None:
    """The time to forget the resolved alert may have passed while it flapped."""
    assert alert.resolved_at is not None
    forget_at = alert.resolved_at + timedelta(seconds=deduplicate.REOPEN_S)
    tx.timer(f"alert.forget/{alert.id}", max(tx.now, forget_at))


def _tell(tx: Tx, incident: Incident, alert: Alert, reason: str) -> None:
    tx.touch(incident)
    escalations.tell(tx, incident, alert, reason, _told(tx, alert))
    tx.save("incident", incident)


def named(tx: Tx, incident: Incident) -> tuple[str, ...]:
    """Whom the policies that shaped its alerts want told, as they are now."""
    found = [one for id in sorted(tx.state.members[incident.id]) for one in _told(tx, tx.state.alerts[id])]
    return tuple(dict.fromkeys(found))


def call_again(tx: Tx, incident: Incident) -> None:
    """A person has reopened the incident: those are called whom it concerns. Which was touched."""
    escalations.tell(tx, incident, None, "repeat", named(tx, incident))
    targets.reckon(tx, incident)
    tx.save("incident", incident)


# looking


def settle(
    tx: Tx,
    alert: Alert,
    tell: tuple[str, ...] | None = None,
    *,
    newly: bool = False,
    counted: bool = True,
    say: bool = True,
) -> bool:
    """Bring a firing alert's reasons up to date. Gives whether it has none.

    If the last of them ends here, or with `newly`, it is heard: put into an incident, and people told. `tell` names whom
    the policies want told; None has the policies asked that shaped the alert. `counted` is false for an alert that
    returns, and does not count yet in the incident that it was in. Without `say`, the caller tells of an alert that people
    know of.
    """
    before = inhibition.rests(alert)
    audible = _settle(tx, alert, tell, newly=newly, counted=counted, say=say)
    _freed(tx, alert, before)
    return audible


def _freed(tx: Tx, alert: Alert, before: tuple[str, ...]) -> None:
    """The alert may rest on others than before: then those are looked at again that it did not make quiet for that."""
    if before and not set(before) <= set(inhibition.rests(alert)):
        settle_these(tx, inhibition.loud(tx, alert))


def _settle(
    tx: Tx, alert: Alert, tell: tuple[str, ...] | None, *, newly: bool, counted: bool, say: bool
) -> bool:  # fmt: skip
    newly = newly or bool(alert.quiet)
    if not look(tx, alert):
        return False
    if alert.severity == "info":
        return True
    incident = _known_in(tx, alert)
    if incident is not None and counted:
        correlate.weigh(tx, incident, alert, say=say)
        if newly:
            _heard(tx, alert)
            correlate.concern(tx, incident, alert, _told(tx, alert) if tell is None else tell)
    elif newly:
        if (wait := throttling.full(tx, alert)) is not None:
            keep(tx, alert, wait)
            return False
        throttling.take(tx, alert)
        _heard(tx, alert)
        correlate.join(tx, alert, _told(tx, alert) if tell is None else tell)
    return True


def _heard(tx: Tx, alert: Alert) -> None:
    tx.touch(alert)
    changed_alerts.hear(tx, alert, tx.now)
    tx.save("alert", alert)


def _known_in(tx: Tx, alert: Alert) -> Incident | None:
    """The incident that it belongs to, if that is not over: people know of it."""
    incident = tx.state.incidents.get(alert.incident or "")
    return incident if incident is not None and incident.state in OPEN else None


def settle_all(tx: Tx, namespace: str) -> None:
    """Rules of what makes quiet have changed: look again at all that fires there."""
    settle_these(tx, [id for id, alert in tx.state.alerts.items() if alert.namespace == namespace])


def policies_changed(tx: Tx, policies: set[str]) -> None:
    """These policies have changed: look again at what one of them suppressed."""
    reasons = [
        id
        for id, alert in tx.state.alerts.items()
        if any(one.reason == "suppressed" and one.by in policies for one in alert.quiet)
    ]
    settle_these(tx, reasons)


def settle_for(tx: Tx, filed: Filed, by: str, namespace: str, matchers: tuple[Matcher, ...] | None) -> None:
    """What makes quiet by this id has begun or changed, or ended with None: look again at those that it is about."""
    tx.afterwards("", _refile)
    if matchers is None:
        filed.drop(by)
    else:
        filed.put(by, namespace, matchers)
    about = [
        id
        for id, alert in tx.state.alerts.items()
        if alert.state == "firing"
        and alert.namespace == namespace
        and (any(reason.by == by for reason in alert.quiet) or (matchers is not None and all_match(matchers, alert)))
    ]
    settle_these(tx, about)


def _refile(state: State, _: str) -> None:
    state.file_quiet()


def settle_these(tx: Tx, ids: list[str]) -> None:
    """What makes these alerts quiet may be otherwise: look again at those that fire."""
    for id in sorted(set(ids)):
        alert = tx.state.alerts.get(id)
        if alert is not None and alert.state == "firing":
            settle(tx, alert)


def look(tx: Tx, alert: Alert) -> bool:
    """Bring the alert's reasons for quiet up to date. Gives whether it has none."""
    state = tx.state
    expecting = state.changed.expecting
    shut = alert.shaped.quiet_by if alert.shaped is not None else None
    if not (alert.quiet or shut or state.silencing or state.closing or state.inhibitions.by_id or expecting):
        return True
    before = {(reason.reason, reason.by): reason for reason in alert.quiet}
    now: list[Quiet] = []

    def add(reason: str, by: str, until: datetime | None, detail: str) -> None:
        known = before.get((reason, by))
        now.append(Quiet(reason, by, known.since if known is not None else tx.now, until, detail))

    for silence in silenced_by(tx, alert):
        add("silenced", silence.id, silence.ends_at, silence.comment)
    for window in maintenance.covering(state.cells["maintenance"], state.closing, alert):
        add("maintenance", window.id, window.until, window.description)
    if (found := inhibition.inhibitor(tx, alert)) is not None:
        add(found.reason, found.by, None, found.detail)
    for record in recent_changes.expected_by(state, alert) if expecting else ():
        until = None
        if (at_most_s := record.at_most_s.get(alert.type)) is not None:
            until = (alert.fired_at or tx.now) + timedelta(seconds=at_most_s)
        if until is None or until > tx.now:
            add("expected_by_change", record.id, until, record.title)
    if shut is not None and (policy := state.policies.by_id.get(shut)) is not None and policy.quietens:
        add("suppressed", shut, None, policy.spec.description or "")
    _become(tx, alert, (*now, *(reason for reason in alert.quiet if reason.reason in KEPT and _holds(state, reason))))
    return not alert.quiet


def _holds(state: State, kept: Quiet) -> bool:
    """A duplicate of an alert that has ended speaks for itself; other reasons hold until they are taken back."""
    other = state.alerts.get(kept.by) if kept.reason == "duplicate" else None
    return kept.reason != "duplicate" or (other is not None and other.state == "firing")


def silenced_by(tx: Tx, alert: Alert) -> list[Silence]:
    """Active silences that hold for the alert, in the order of their ids."""
    silences = tx.state.silences
    candidates = tx.state.silencing.candidates(alert)
    return [silences[id] for id in candidates if all_match(silences[id].matchers, alert)]


def _told(tx: Tx, alert: Alert) -> tuple[str, ...]:
    """Whom the policies that shaped the alert want told, as they are now."""
    found: list[str] = []
    for version in alert.policies:
        policy = tx.state.policies.by_id.get(version.rpartition("@")[0])
        if policy is not None and policy.spec.notify is not None:
            found += addressees(policy.spec.notify)
    return tuple(found)


# reasons that are kept on the alert


def has(alert: Alert, reason: str) -> Quiet | None:
    """Its reason of this name that is kept on it."""
    return next((one for one in alert.quiet if one.reason == reason), None)


def keep(tx: Tx, alert: Alert, reason: Quiet) -> None:
    """Give the alert a reason of its own, one of `KEPT`; it takes the place of the one that it has of this name."""
    others = [one for one in alert.quiet if one.reason != reason.reason]
    first = [one for one in others if one.reason not in KEPT]
    kept = sorted([reason, *(one for one in others if one.reason in KEPT)], key=lambda one: KEPT.index(one.reason))
    _become(tx, alert, (*first, *kept))


def take_back(tx: Tx, alert: Alert, reason: str) -> None:
    """The reason of this name, which is kept on the alert, holds no more. What that means is for `settle`."""
    _become(tx, alert, tuple(one for one in alert.quiet if one.reason != reason))


def excuse(tx: Tx, absence: timedelta) -> None:
    """OnCue was down for so long, and could not have heard what it waits for. What people snoozed, they meant by the clock."""
    for id in sorted(tx.state.alerts):
        alert = tx.state.alerts[id]
        if any(one.reason in _WAITS for one in alert.quiet):
            waits = [
                msgspec.structs.replace(one, until=one.until + absence)
                if one.reason in _WAITS and one.until is not None
                else one
                for one in alert.quiet
            ]
            _become(tx, alert, tuple(waits))


def _become(tx: Tx, alert: Alert, quiet: tuple[Quiet, ...]) -> None:
    if quiet == alert.quiet:
        return
    was_audible = not alert.quiet
    tx.touch(alert)
    before, alert.quiet = alert.quiet, quiet
    inhibition.note(tx, alert, before)
    due = min((one.until for one in quiet if one.reason in TIMED and one.until is not None), default=None)
    timer = f"quiet.end/{alert.id}"
    known = tx.state.timers.by_key.get(timer)
    if due is None:
        tx.cancel(timer)
    elif known is None or known.due_at != due:
        tx.timer(timer, due)
    if alert.state == "firing" and was_audible:
        changed(tx, alert, "oncue.alert.quieted")
    elif alert.state == "firing" and not quiet:
        changed(tx, alert, "oncue.alert.audible")
    else:
        changed(tx, alert, "oncue.alert.updated")
