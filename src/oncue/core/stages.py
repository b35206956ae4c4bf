"""The stages that an event goes through: what it asks for, what becomes of the alert, and what policies do about it.

normalise -> detect -> shape -> deduplicate -> suppress -> correlate -> prioritise -> respond
"""

from collections.abc import Iterable

from oncue.core import (
    change_events,
    correlate,
    deduplicate,
    detect,
    incidents,
    mirror_news,
    monitors,
    respond,
    shape,
    shaping,
    suppress,
    workflow,
)
from oncue.core import event as events
from oncue.core.alert import Alert
from oncue.core.conditions.finding import Finding
from oncue.core.normalise import Seen
from oncue.core.shaped import otherwise
from oncue.core.tx import Tx


def event(tx: Tx, seen: Seen) -> None:
    """A producer's event, a monitor's reading or a change of a monitor's state."""
    change_events.take(tx, seen)
    if (seen.namespace, seen.type) in tx.state.waits:
        workflow.event_came(tx, seen)
    if seen.namespace in tx.state.mirrors:
        mirror_news.heard(tx, seen)
    repeated = _heard(tx, shaping.shaped(tx, seen))
    if seen.namespace in tx.state.exports.by_home:
        for there in tx.state.exports.abroad(tx.state, seen):
            foreign(tx, there, repeated)
    if seen.origin.startswith("monitor:") and seen.event.severity is not None:
        monitor = seen.origin.removeprefix("monitor:")
        monitors.found(tx, monitor, seen.fingerprint, seen.event.severity, seen.event.title)


def foreign(tx: Tx, seen: Seen, repeated: bool) -> None:
    """An event that another namespace shares with this one. Policies decide about it here, and only if one of them asks
    for an alert there is one. What merely repeats itself at home is nothing new here, but for an alert that is yet to be.
    """
    seen = shaping.shaped(tx, seen)
    if repeated and seen.signal == "problem" and not detect.asks_for_alert(tx, seen):
        windows = _judged(tx, seen)
        if windows:
            _windows(tx, seen, windows, None)
    else:
        _heard(tx, seen, anew=not repeated)


def _heard(tx: Tx, seen: Seen, *, anew: bool = True) -> bool:
    """`anew` says whether it is news to policies that ask for no alert, if there is none that it repeats. Gives whether the
    event merely repeated what was known.
    """
    state = tx.state
    if seen.signal == "problem":
        alert = state.alert_of.get((seen.namespace, seen.fingerprint))
        if alert is not None and alert.state == "firing" and alert.event_severity == seen.severity:
            deadline = events.instant(seen.event.endsat) if seen.event.endsat is not None else None
            silent = tx.now - alert.last_seen_at
            deduplicate.repeat(tx, alert, deadline)
            if silent >= deduplicate.AGAIN:
                correlate.again(tx, alert)
            if (alert.shaped is not None or seen.shaped is not None) and otherwise(alert.shaped, seen.shaped):
                _reshape(tx, seen, alert)
            if seen.origin.startswith("monitor:") and seen.event.title not in (None, alert.title):
                _reword(tx, seen, alert)
            findings = _judged(tx, seen)
            if findings:
                _windows(tx, seen, findings, alert)
            return True
        _problem(tx, seen, anew=anew)
    elif seen.signal == "recovery":
        _recovery(tx, seen)
    else:
        met = detect.immediate(tx, seen)
        windows = _judged(tx, seen)
        findings = [finding for finding in met if respond.guard(tx, finding, seen)]
        alert = None
        if any(finding.policy.alert is not None for finding in findings):
            alert = _raise_shaped(tx, seen, _shapers(findings))
        for finding in findings:
            respond.respond(tx, finding, seen, alert)
        if windows:
            _windows(tx, seen, windows, None)
    return False


def _judged(tx: Tx, seen: Seen) -> list[Finding]:
    """What the conditions over time make of the event. Of which there were windows for too many keys is said."""
    findings = detect.windowed(tx, seen)
    for finding in findings:
        if finding.outcome == "unjudged":
            detail = f"there are windows for too many keys; {finding.key} and others are not judged"
            respond.decide(tx, finding, seen, "blocked", "keys_full", detail)
    return findings


def _reword(tx: Tx, seen: Seen, alert: Alert) -> None:
    """A monitor finds the same thing otherwise than before. What a policy worded stays as it has it."""
    known = tx.state.policies.by_id
    ids = [id for version in alert.policies if (id := version.rpartition("@")[0]) in known]
    shapes = [known[id].on(seen, tx.now).alert for id in ids]
    if not any(one is not None and (one.title or one.description or one.runbook) for one in shapes):
        deduplicate.reword(tx, alert, shape.draft(tx, seen, []))
        suppress.reworded(tx, alert)


def _reshape(tx: Tx, seen: Seen, alert: Alert) -> None:
    """Policies of the stage `shape` leave the event otherwise than the firing alert has it. Those that shaped the alert
    do so again; nothing is responded.
    """
    known = tx.state.policies.by_id
    ids = [id for version in alert.policies if (id := version.rpartition("@")[0]) in known]
    again = [Finding(known[id].on(seen, tx.now), "held", seen.resource) for id in ids if known[id].about_event]
    was = suppress.Before(alert.service, alert.severity, incidents.counts(tx, alert))
    asked = shape.draft(tx, seen, again)
    deduplicate.reshape(tx, alert, asked)
    suppress.raised(tx, alert, "severity_changed", asked, was)


def _problem(tx: Tx, seen: Seen, *, anew: bool = True) -> None:
    """An alert begins, returns or changes, unless a condition over time holds it back."""
    asking = [finding for finding in detect.immediate(tx, seen) if anew or finding.policy.alert is not None]
    findings = [finding for finding in asking if respond.guard(tx, finding, seen)]
    windows = _judged(tx, seen)
    own = [w for w in windows if w.policy.about_event]
    met = [w for w in own if w.outcome == "met" and respond.guard(tx, w, seen)]
    held = [w for w in own if w.outcome == "held" and w.policy.alert is not None and respond.guard(tx, w, seen)]
    holding = [w for w in own if w.outcome == "waiting" and w.policy.alert is not None and not w.policy.observe]
    shapers = _shapers((*findings, *met, *held))
    alert = None
    if (holding or seen.is_foreign) and not any(finding.policy.alert is not None for finding in shapers):
        for finding in holding:
            if finding.began:
                detail = "the alert is held until its condition is met"
                respond.decide(tx, finding, seen, "blocked", "window_not_met", detail)
    else:
        alert = _raise_shaped(tx, seen, shapers)
    for finding in (*findings, *met):
        respond.respond(tx, finding, seen, alert)
    others = [w for w in windows if not w.policy.about_event]
    if others:
        _windows(tx, seen, others, alert)


def met(tx: Tx, seen: Seen, findings: list[Finding], counted: Alert | None = None) -> None:
    """A condition over time has been met: its alert, if it makes one, and what it does."""
    for finding in findings:
        if not respond.guard(tx, finding, seen):
            continue
        alert = None
        unasked = seen.signal == "problem" and finding.policy.about_event and not seen.is_foreign
        if finding.policy.alert is not None or unasked:
            alert = _raise_shaped(tx, seen, [finding], counted)
            if not finding.policy.about_event:
                detect.remember_alert(tx, finding, alert.id)
        respond.respond(tx, finding, seen, alert)


def _raise_shaped(tx: Tx, seen: Seen, shapers: list[Finding], counted: Alert | None = None) -> Alert:
    asked = shape.draft(tx, seen, shapers)
    known = tx.state.alert_of.get((asked.namespace, asked.fingerprint))
    was = None if known is None else suppress.Before(known.service, known.severity, incidents.counts(tx, known))
    alert, transition = deduplicate.raise_alert(tx, asked, counted)
    suppress.raised(tx, alert, transition, asked, was)
    for finding, detail in asked.faults:
        respond.decide(tx, finding, seen, "failed", "shape_failed", detail, alert=alert)
    return alert


def _windows(tx: Tx, seen: Seen, findings: list[Finding], alert: Alert | None) -> None:
    for finding in findings:
        if finding.outcome == "met":
            met(tx, seen, [finding], alert)
        elif finding.outcome == "cleared":
            cleared(tx, finding)
        elif finding.outcome == "held" and finding.window is not None and finding.window.alert is not None:
            own = tx.state.alerts.get(finding.window.alert)
            if own is not None and own is not alert and own.state == "firing":
                deduplicate.repeat(tx, own, None)


def cleared(tx: Tx, finding: Finding) -> None:
    """A condition over time holds no more: the alert that it raised is over."""
    alert = tx.state.alerts.get((finding.window.alert if finding.window is not None else None) or "")
    if alert is not None and alert.state == "firing":
        resolve(tx, alert, "condition")


def _recovery(tx: Tx, seen: Seen) -> None:
    alert = tx.state.alert_of.get((seen.namespace, seen.fingerprint))
    if alert is not None and alert.state == "firing":
        resolve(tx, alert, "recovery")
    else:
        detect.recovered(tx, seen.namespace, seen.fingerprint)
    shaped = [tx.state.alerts[id] for id in tx.state.ended_by.get((seen.namespace, seen.fingerprint), ())]
    for other in (*shape.renamed(tx, seen), *shaped):
        if other.state == "firing":
            resolve(tx, other, "recovery")
    for finding in detect.immediate(tx, seen):
        if respond.guard(tx, finding, seen):
            respond.respond(tx, finding, seen, None)
    windows = _judged(tx, seen)
    if windows:
        _windows(tx, seen, windows, None)


def resolve(tx: Tx, alert: Alert, by: str) -> None:
    """What the firing alert is about is over; `by` says how that is known."""
    detect.recovered(tx, alert.namespace, alert.fingerprint)
    deduplicate.resolve(tx, alert, by)
    suppress.settle_these(tx, suppress.ended(tx, alert))


def fact(tx: Tx, seen: Seen) -> None:
    """One of OnCue's own facts, for the policies that name its type, and runs that wait for it. Facts make no alert by
    themselves."""
    if (seen.namespace, seen.type) in tx.state.waits:
        workflow.event_came(tx, seen)
    for finding in detect.immediate(tx, seen):
        if respond.guard(tx, finding, seen):
            alert = _raise_shaped(tx, seen, [finding]) if finding.policy.alert is not None else None
            respond.respond(tx, finding, seen, alert)
    windows = _judged(tx, seen)
    if windows:
        _windows(tx, seen, windows, None)


def _shapers(findings: Iterable[Finding]) -> list[Finding]:
    """Those that have a say in the event's one alert, in the order in which they have it."""
    said = [one for one in findings if one.policy.alert is not None or one.policy.spec.notify is not None]
    return sorted(said, key=lambda finding: finding.policy.id)
