"""Status updates: what stakeholders are told of an incident, and the promise of the next one.

The audience is that of the incident's service unless the update names another. A promised update that does not come is
brought to the mind of whoever speaks to stakeholders, else commands, else has the incident, by their own ways; if they have
none, of those who were told of the incident: once when it is due and again after each further period, until an update is
sent, the promise is taken back, or the incident ends.
"""

from datetime import timedelta
from typing import Final

import msgspec

from oncue.core import escalations, expression, incidents, notify, workflow
from oncue.core.addressing import deliveries
from oncue.core.errors import Refusal
from oncue.core.incident import Incident, UpdatePlan
from oncue.core.manifest import ServiceSpec, StatusTemplateSpec
from oncue.core.status_update import StatusUpdate
from oncue.core.tx import Tx

SHORTEST_S: Final = 60.0
LONGEST_S: Final = 7 * 86400.0
TEXT: Final = 20_000
"""Characters of an update's text."""


def post(
    tx: Tx, incident: Incident, text: str | None, template: str | None, audience: tuple[str, ...] | None,
    next_in_s: float | None,
) -> StatusUpdate:  # fmt: skip
    """Tell stakeholders how the incident stands; `next_in_s` promises the next update, 0 takes the promise back, None keeps
    the period. Raises `Refusal` status_template.not_found, expression.failed, request.invalid.
    """
    said = _rendered(tx, incident, template) if template is not None else text or ""
    if not said.strip():
        raise Refusal("request.invalid", "say something, or name a template")
    if len(said) > TEXT:
        raise Refusal("request.invalid", f"the text has {len(said)} characters; at most {TEXT} are taken")
    was = incident.updates
    every_s = next_in_s if next_in_s is not None else was.every_s if was is not None else 0.0
    _check(every_s)
    tell = audience if audience is not None else audience_of(tx, incident)
    tx.touch(incident)
    _promise(tx, incident, every_s)
    title = f"{incident.title}: status update"
    details = [["Incident", incident.id], ["Priority", incident.priority], ["State", incident.state]]
    if incident.service is not None:
        details.append(["Service", incident.service])
    if incident.updates is not None:
        details.append(["Next update", f"{incident.updates.due_at:%Y-%m-%d %H:%M} UTC"])
    unreached = notify.message(tx, incident.namespace, tell, title, said, details) if tell else "it has no audience"
    update = StatusUpdate(
        id=tx.new_id("su"), namespace=incident.namespace, incident=incident.id, text=said, template=template,
        by=tx.actor, at=tx.now, state=incident.state, severity=incident.severity, priority=incident.priority,
        service=incident.service, audience=tell, unreached=unreached,
        next_at=incident.updates.due_at if incident.updates is not None else None,
    )  # fmt: skip
    tx.fact(
        "oncue.incident.status_updated", "status_update", update, refs=(("incident", incident.id),),
        severity=incident.severity, resource=incident.resource, service=incident.service,
    )  # fmt: skip
    tx.save("status_update", update)
    incident.updated_at = tx.now
    tx.save("incident", incident)
    return update


def _rendered(tx: Tx, incident: Incident, template: str) -> str:
    manifest = tx.state.manifests.get(f"StatusTemplate/{incident.namespace}/{template}")
    if manifest is None:
        raise Refusal("status_template.not_found", f"{template} in {incident.namespace}")
    scope = expression.activation({"incident": workflow.plain(incident)})
    text = msgspec.convert(manifest.spec, StatusTemplateSpec).text
    try:
        return expression.spoken(expression.render(text, scope))
    except expression.Failed as failure:
        raise Refusal("expression.failed", f"template {template}: {failure}") from failure


def audience_of(tx: Tx, incident: Incident) -> tuple[str, ...]:
    """Who hears of incidents of its service."""
    manifest = tx.state.manifests.get(f"Service/{incident.namespace}/{incident.service}")
    return tuple(msgspec.convert(manifest.spec, ServiceSpec).audience) if manifest is not None else ()


def promise(tx: Tx, incident: Incident, every_s: float) -> None:
    """The next update comes within `every_s` seconds; 0 promises none. Raises `Refusal` request.invalid."""
    _check(every_s)
    tx.touch(incident)
    _promise(tx, incident, every_s)
    incidents.report(tx, incident, "oncue.incident.update_promised")


def _check(every_s: float) -> None:
    if every_s and not SHORTEST_S <= every_s <= LONGEST_S:
        raise Refusal("request.invalid", "the next update may be promised for a minute to a week from now")


def _promise(tx: Tx, incident: Incident, every_s: float) -> None:
    if not every_s or incident.state == "resolved":
        incidents.promise_nothing(tx, incident)
        return
    incident.updates = UpdatePlan(every_s, tx.now + timedelta(seconds=every_s), tx.actor)
    tx.timer(f"incident.update/{incident.id}", incident.updates.due_at)


def due(tx: Tx, incident: Incident) -> None:
    """A promised update has not come: those who work on the incident are reminded, or those who were told of it."""
    plan = incident.updates
    if plan is None:
        return
    tx.touch(incident)
    next_at = tx.now + timedelta(seconds=plan.every_s)
    incident.updates = msgspec.structs.replace(plan, due_at=next_at, missed=plan.missed + 1)
    tx.timer(f"incident.update/{incident.id}", next_at)
    incidents.report(tx, incident, "oncue.incident.update_due")
    at_work = _at_work(incident)
    to, _ = deliveries(tx.state, incident.namespace, at_work, tx.now, important=True)
    if to:
        escalations.outside(tx, incident, None, "update_due", at_work, to)
    else:
        escalations.tell(tx, incident, None, "update_due")
    tx.save("incident", incident)


def _at_work(incident: Incident) -> tuple[str, ...]:
    """Who speaks to stakeholders, else who commands, else who has it: as addressees, if they have ways of their own."""
    for role in ("communications", "commander"):
        found = [one.name for one in incident.responders if one.role == role]
        if found:
            return tuple(f"user:{name.removeprefix('user:')}" for name in found)
    names = dict.fromkeys(name.removeprefix("user:") for name in (incident.assignee, incident.acknowledged_by) if name)
    return tuple(f"user:{name}" for name in names)
