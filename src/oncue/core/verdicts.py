"""What someone says of an alert or an incident over what events say of it: that it is dealt with, or that it is over.

People say so by commands, runs by their steps; `tx.actor` is who.
"""

from oncue.core import deduplicate, detect, incidents, suppress
from oncue.core.alert import Alert
from oncue.core.incident import CauseOf, Incident
from oncue.core.tx import Tx


def acknowledge_alert(tx: Tx, alert: Alert) -> None:
    """Someone works on what the firing alert says."""
    tx.touch(alert)
    alert.acknowledged_by, alert.acknowledged_at = tx.actor, tx.now
    deduplicate.changed(tx, alert, "oncue.alert.acknowledged")


def unacknowledge_alert(tx: Tx, alert: Alert) -> None:
    """Nobody works on it any more."""
    tx.touch(alert)
    alert.acknowledged_by = alert.acknowledged_at = None
    deduplicate.changed(tx, alert, "oncue.alert.unacknowledged")


def resolve_alert(tx: Tx, alert: Alert) -> None:
    """The firing alert is over: if it is reported again, it fires again."""
    detect.recovered(tx, alert.namespace, alert.fingerprint)
    deduplicate.resolve(tx, alert, tx.actor)
    suppress.settle_these(tx, suppress.ended(tx, alert, by_hand=True))


def resolve_incident(tx: Tx, incident: Incident, note: str, cause: CauseOf | None) -> None:
    """The incident is over, and so are its alerts: one that is reported again comes back, and brings it back.

    Raises `Refusal` incident.state if it is over already.
    """
    incidents.resolve(tx, incident, note, cause)
    inhibited: list[str] = []
    for id in sorted(tx.state.members[incident.id]):
        alert = tx.state.alerts[id]
        if not alert.counts:
            continue
        if alert.state == "firing":
            detect.recovered(tx, alert.namespace, alert.fingerprint)
            deduplicate.resolve(tx, alert, tx.actor)
        inhibited += suppress.ended(tx, alert, by_hand=True)
    suppress.settle_these(tx, inhibited)
