"""Unreached: incidents of which nobody could be told, when the configuration comes to say whom to tell."""

import msgspec

from oncue.core import correlate, escalations, suppress, targets
from oncue.core.addressing import deliveries, escalation_of
from oncue.core.contact import EscalationPolicySpec
from oncue.core.incident import Incident
from oncue.core.tx import Tx

SAYS: frozenset[str] = frozenset({"Service", "Resource", "Team", "Person", "Channel", "EscalationPolicy", "Policy"})
"""Kinds of manifests by which people come to be told."""


def look(tx: Tx, namespaces: set[str]) -> None:
    """The configuration of these has changed: who is to hear of what is open there, and has not, is told now."""
    for id in sorted(tx.state.incidents):
        incident = tx.state.incidents[id]
        if incident.namespace in namespaces and incident.state == "open" and not incident.told:
            _call(tx, incident)


def _call(tx: Tx, incident: Incident) -> None:
    alert = escalations.worst(tx, incident)
    if alert is None or incident.escalations:
        return
    owner = incident.owner or correlate.owner_of(tx, alert)
    named = suppress.named(tx, incident) or escalations.default(tx, incident, owner)
    if not any(_leads_somewhere(tx, incident, one) for one in named):
        return
    tx.touch(incident)
    incident.owner = owner
    escalations.tell(tx, incident, alert, "first", named)
    targets.reckon(tx, incident)
    tx.save("incident", incident)


def _leads_somewhere(tx: Tx, incident: Incident, addressee: str) -> bool:
    """Whether the addressee, or any level of the escalation policy that it has, means any channel."""
    tell: tuple[str, ...] = (addressee,)
    policy = escalation_of(tx.state, incident.namespace, addressee)
    if policy is not None:
        spec = msgspec.convert(policy.spec, EscalationPolicySpec)
        tell = tuple(one for level in spec.levels for one in level.tell)
    return bool(deliveries(tx.state, incident.namespace, tell, tx.now, important=True)[0])
