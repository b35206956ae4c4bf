"""What people ask for: each command is an event with an actor, answered with a value or a refusal."""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core import (
    approvals,
    changes,
    configure,
    correlate,
    enrichment,
    expression,
    incidents,
    link,
    mirrors,
    notify,
    operators,
    pauses,
    requests,
    silences,
    snooze,
    subscriptions,
    suppress,
    tickets,
    verdicts,
    work,
    workflow,
)
from oncue.core.alert import Alert
from oncue.core.config_edit import ConfigEdits
from oncue.core.errors import Refusal
from oncue.core.incident import CauseOf, Incident
from oncue.core.normalise import Seen
from oncue.core.severity import RANK
from oncue.core.ticket import CloseCode, Target, TicketState, TicketType
from oncue.core.tx import Tx


class OnAlert(msgspec.Struct):
    """An alert is meant."""

    alert: str
    reason: str | None = None


class OnIncident(msgspec.Struct):
    """An incident is meant."""

    incident: str
    reason: str | None = None


class Ending(msgspec.Struct):
    """An incident is over."""

    incident: str
    reason: str | None = None
    note: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    """How it ended."""
    cause: CauseOf | None = None


class Merge(msgspec.Struct):
    """Incidents are to become one."""

    incident: str
    """The one that goes on."""
    incidents: list[str]
    """Those that become part of it."""
    reason: str | None = None


class Duplicate(msgspec.Struct):
    """An alert is about the same thing as another."""

    alert: str
    of: str
    """The other alert, which fires."""
    reason: str = ""


class MoveAlerts(msgspec.Struct):
    """Alerts are to leave an incident."""

    incident: str
    alerts: list[str]
    to: str | None = None
    """Another incident; None leaves them on their own."""
    reason: str | None = None


class Split(msgspec.Struct):
    """Some alerts of an incident are to be one of their own."""

    incident: str
    alerts: list[str]
    reason: str | None = None


class Assign(msgspec.Struct):
    """Someone is to have it."""

    assignee: str | None
    """None for nobody."""
    incident: str = ""
    ticket: str = ""


class Escalate(msgspec.Struct):
    """More people are to be called."""

    incident: str
    to: str | None = None
    """`user:name`, `team:name`, `channel:name` or `escalation:name`; None for the next level of what is under way."""


class OnChannel(msgspec.Struct):
    """A channel is meant, by its name."""

    channel: str


class Remark(msgspec.Struct):
    """Something is to be said."""

    text: str
    incident: str = ""
    ticket: str = ""


class NewTicket(msgspec.Struct):
    """A ticket is to be written."""

    title: str
    type: TicketType = "incident"
    description: str = ""
    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    service: str | None = None
    resource: str | None = None
    incident: str | None = None
    change: str | None = None


class Move(msgspec.Struct):
    """A ticket is to go on; with `close_code` and `resolution` it says how it ended."""

    ticket: str
    state: TicketState
    close_code: CloseCode | None = None
    resolution: Annotated[str, msgspec.Meta(max_length=20_000)] = ""


class LinkTicket(msgspec.Struct):
    """A ticket has to do with something."""

    ticket: str
    target: Target
    title: Annotated[str, msgspec.Meta(max_length=300)] = ""


class UnlinkTicket(msgspec.Struct):
    """A ticket's link is to go."""

    ticket: str
    target: str


class EndSilence(msgspec.Struct):
    """A silence is to end."""

    silence: str


class StartRun(msgspec.Struct):
    """A workflow is to run."""

    workflow: str
    inputs: dict[str, Any] = {}
    incident: str | None = None
    requester: str | None = None
    """Who asks for it, `user:name`; the actor if it is not said."""
    may: tuple[str, ...] | None = None
    """As in `Run`."""


def _alert(tx: Tx, seen: Seen, id: str) -> Alert:
    alert = tx.state.alerts.get(id)
    if alert is None or alert.namespace != seen.namespace:
        raise Refusal("alert.not_found", id)
    if alert.state != "firing":
        raise Refusal("alert.resolved", f"{id} was resolved by {alert.resolved_by}")
    return alert


_incident: Final = work.incident_of


def _ticket(tx: Tx, seen: Seen, id: str) -> Any:
    ticket = tx.state.tickets.get(id)
    if ticket is None or ticket.namespace != seen.namespace:
        raise Refusal("ticket.not_found", f"{id} is not there, or is closed")
    return ticket


def _acknowledge_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    verdicts.acknowledge_alert(tx, alert)
    return alert


def _unacknowledge_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    verdicts.unacknowledge_alert(tx, alert)
    return alert


def _resolve_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    verdicts.resolve_alert(tx, alert)
    return alert


def _snooze_alert(tx: Tx, seen: Seen, asked: snooze.Wanted) -> Any:
    alert = _alert(tx, seen, asked.alert)
    snooze.snooze(tx, alert, asked)
    return alert


def _unsnooze_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    snooze.unsnooze(tx, alert)
    return alert


def _enrich_alert(tx: Tx, seen: Seen, asked: enrichment.Wanted) -> Any:
    """Of one that is over more may be found out, too, as long as it could still return."""
    alert = tx.state.alerts.get(asked.alert)
    if alert is None or alert.namespace != seen.namespace:
        raise Refusal("alert.not_found", f"{asked.alert} is not there, or was over long ago")
    enrichment.enrich(tx, alert, asked, tx.actor)
    return alert


def _duplicate_alert(tx: Tx, seen: Seen, asked: Duplicate) -> Any:
    alert = _alert(tx, seen, asked.alert)
    suppress.duplicate(tx, alert, _alert(tx, seen, asked.of), asked.reason[: snooze.REASON_LIMIT])
    return alert


def _distinct_alert(tx: Tx, seen: Seen, asked: OnAlert) -> Any:
    alert = _alert(tx, seen, asked.alert)
    suppress.distinct(tx, alert)
    return alert


def _on_incident(change: Callable[[Tx, Incident], None]) -> Callable[[Tx, Seen, OnIncident], Any]:
    def run(tx: Tx, seen: Seen, asked: OnIncident) -> Any:
        incident = _incident(tx, seen, asked.incident)
        change(tx, incident)
        return incident

    return run


def _reopen_incident(tx: Tx, seen: Seen, asked: OnIncident) -> Any:
    """It was not over: whom it concerns is called again."""
    incident = _incident(tx, seen, asked.incident)
    incidents.reopen(tx, incident)
    suppress.call_again(tx, incident)
    return incident


def _resolve_incident(tx: Tx, seen: Seen, asked: Ending) -> Any:
    incident = _incident(tx, seen, asked.incident)
    verdicts.resolve_incident(tx, incident, asked.note or asked.reason or "", asked.cause)
    return incident


def _assign_incident(tx: Tx, seen: Seen, asked: Assign) -> Any:
    incident = _incident(tx, seen, asked.incident)
    incidents.assign(tx, incident, asked.assignee)
    return incident


def _escalate_incident(tx: Tx, seen: Seen, asked: Escalate) -> Any:
    incident = _incident(tx, seen, asked.incident)
    incidents.escalate(tx, incident, asked.to)
    return incident


def _snooze_incident(tx: Tx, seen: Seen, asked: snooze.WantedAll) -> Any:
    """All its alerts that fire call nobody for a while."""
    incident = _incident(tx, seen, asked.incident)
    snooze.snooze_all(tx, incident, asked)
    return incident


def _test_channel(tx: Tx, seen: Seen, asked: OnChannel) -> Any:
    manifest = tx.state.manifests.get(f"Channel/{seen.namespace}/{asked.channel}")
    if manifest is None:
        raise Refusal("manifest.not_found", f"Channel {asked.channel} in {seen.namespace}")
    return {"id": notify.test(tx, manifest).id}


def _use_link(tx: Tx, seen: Seen, asked: link.Use) -> Any:
    incident = _incident(tx, seen, asked.incident)
    link.use(tx, incident, asked)
    return incident


def _comment_incident(tx: Tx, seen: Seen, asked: Remark) -> Any:
    return incidents.comment(tx, _incident(tx, seen, asked.incident), asked.text, tx.actor)


def _merge_incidents(tx: Tx, seen: Seen, asked: Merge) -> Any:
    into = _incident(tx, seen, asked.incident)
    others = [_incident(tx, seen, id) for id in dict.fromkeys(asked.incidents)]
    incidents.merge(tx, into, others, asked.reason or "")
    return into


def _move_alerts(tx: Tx, seen: Seen, asked: MoveAlerts) -> Any:
    home = _incident(tx, seen, asked.incident)
    to = _incident(tx, seen, asked.to) if asked.to is not None else None
    incidents.move(tx, home, _members(tx, home, asked.alerts), to, asked.reason or "")
    return to if to is not None else home


def _unsnooze_incident(tx: Tx, seen: Seen, asked: OnIncident) -> Any:
    incident = _incident(tx, seen, asked.incident)
    snooze.unsnooze_all(tx, incident)
    return incident


def _split_incident(tx: Tx, seen: Seen, asked: Split) -> Any:
    home = _incident(tx, seen, asked.incident)
    alerts = _members(tx, home, asked.alerts)
    impact = correlate.impact_of(tx, max(alerts, key=lambda alert: (RANK[alert.severity], alert.id)))
    return incidents.split(tx, home, alerts, impact, asked.reason or "")


def _members(tx: Tx, home: Incident, ids: list[str]) -> list[Alert]:
    """The named alerts, which must be live and in the incident. Raises `Refusal` incident.not_member, request.invalid."""
    if not ids:
        raise Refusal("request.invalid", "name the alerts")
    for id in ids:
        if id not in tx.state.members[home.id]:
            raise Refusal("incident.not_member", f"{id} is not in {home.id}, or was over long ago")
    return [tx.state.alerts[id] for id in dict.fromkeys(ids)]


def _create_ticket(tx: Tx, seen: Seen, asked: NewTicket) -> Any:
    incident = _incident(tx, seen, asked.incident) if asked.incident else None
    ticket = tickets.create(
        tx, namespace=seen.namespace, type=asked.type, title=asked.title, description=asked.description,
        opened_by=tx.actor, severity=asked.severity, priority=asked.priority, service=asked.service,
        resource=asked.resource, incident=asked.incident, change=asked.change,
    )  # fmt: skip
    if incident is not None:
        incidents.link(tx, incident, ticket=ticket.id)
    return ticket


def _comment_ticket(tx: Tx, seen: Seen, asked: Remark) -> Any:
    return tickets.comment(tx, _ticket(tx, seen, asked.ticket), asked.text, tx.actor)


def _move_ticket(tx: Tx, seen: Seen, asked: Move) -> Any:
    ticket = _ticket(tx, seen, asked.ticket)
    tickets.transition(tx, ticket, asked.state, asked.close_code, asked.resolution)
    return ticket


def _link_ticket(tx: Tx, seen: Seen, asked: LinkTicket) -> Any:
    ticket = _ticket(tx, seen, asked.ticket)
    tickets.link(tx, ticket, asked.target, asked.title)
    return ticket


def _unlink_ticket(tx: Tx, seen: Seen, asked: UnlinkTicket) -> Any:
    ticket = _ticket(tx, seen, asked.ticket)
    tickets.unlink(tx, ticket, asked.target)
    return ticket


def _assign_ticket(tx: Tx, seen: Seen, asked: Assign) -> Any:
    ticket = _ticket(tx, seen, asked.ticket)
    tickets.assign(tx, ticket, asked.assignee)
    return ticket


def _set_silence(tx: Tx, seen: Seen, asked: silences.Wanted) -> Any:
    return silences.put(tx, asked, seen.namespace)


def _expire_silence(tx: Tx, seen: Seen, asked: EndSilence) -> Any:
    silence = tx.state.silences.get(asked.silence)
    if silence is None or silence.namespace != seen.namespace:
        raise Refusal("silence.not_found", asked.silence)
    silences.expire(tx, silence)
    return silence


def _start_run(tx: Tx, seen: Seen, asked: StartRun) -> Any:
    manifest = tx.state.manifests.get(f"Workflow/{seen.namespace}/{asked.workflow}")
    if manifest is None:
        raise Refusal("workflow.not_found", f"{asked.workflow} in {seen.namespace}")
    incident = _incident(tx, seen, asked.incident) if asked.incident else None
    trigger: dict[str, Any] = {"kind": "manual", "actor": tx.actor}
    if tx.owner is not None:
        trigger["hands"] = [tx.owner]
    return workflow.start(
        tx, manifest, asked.inputs, trigger, incident=incident, requester=asked.requester, may=asked.may
    )


def _configure(tx: Tx, seen: Seen, asked: ConfigEdits) -> Any:
    return configure.apply(tx, asked)


COMMANDS: Final[dict[str, tuple[type[Any], Callable[[Tx, Seen, Any], Any]]]] = {
    "oncue.command.alert.acknowledge": (OnAlert, _acknowledge_alert),
    "oncue.command.alert.unacknowledge": (OnAlert, _unacknowledge_alert),
    "oncue.command.alert.resolve": (OnAlert, _resolve_alert),
    "oncue.command.alert.enrich": (enrichment.Wanted, _enrich_alert),
    "oncue.command.alert.snooze": (snooze.Wanted, _snooze_alert),
    "oncue.command.alert.unsnooze": (OnAlert, _unsnooze_alert),
    "oncue.command.alert.duplicate": (Duplicate, _duplicate_alert),
    "oncue.command.alert.distinct": (OnAlert, _distinct_alert),
    "oncue.command.incident.acknowledge": (OnIncident, _on_incident(incidents.acknowledge)),
    "oncue.command.incident.unacknowledge": (OnIncident, _on_incident(incidents.unacknowledge)),
    "oncue.command.incident.escalate": (Escalate, _escalate_incident),
    "oncue.command.incident.snooze": (snooze.WantedAll, _snooze_incident),
    "oncue.command.incident.unsnooze": (OnIncident, _unsnooze_incident),
    "oncue.command.incident.resolve": (Ending, _resolve_incident),
    "oncue.command.incident.reopen": (OnIncident, _reopen_incident),
    "oncue.command.incident.close": (OnIncident, _on_incident(incidents.close)),
    "oncue.command.incident.assign": (Assign, _assign_incident),
    "oncue.command.incident.comment": (Remark, _comment_incident),
    "oncue.command.incident.merge": (Merge, _merge_incidents),
    "oncue.command.incident.move": (MoveAlerts, _move_alerts),
    "oncue.command.incident.split": (Split, _split_incident),
    "oncue.command.channel.test": (OnChannel, _test_channel),
    "oncue.command.pause.begin": (pauses.Wanted, lambda tx, seen, asked: pauses.begin(tx, seen.namespace, asked)),
    "oncue.command.pause.end": (pauses.Over, lambda tx, seen, asked: pauses.end(tx, seen.namespace, asked)),
    "oncue.command.link.use": (link.Use, _use_link),
    "oncue.command.ticket.create": (NewTicket, _create_ticket),
    "oncue.command.ticket.comment": (Remark, _comment_ticket),
    "oncue.command.ticket.transition": (Move, _move_ticket),
    "oncue.command.ticket.assign": (Assign, _assign_ticket),
    "oncue.command.ticket.link": (LinkTicket, _link_ticket),
    "oncue.command.ticket.unlink": (UnlinkTicket, _unlink_ticket),
    "oncue.command.mirror.retry": (mirrors.Retry, mirrors.retry),
    "oncue.command.silence.set": (silences.Wanted, _set_silence),
    "oncue.command.silence.expire": (EndSilence, _expire_silence),
    "oncue.command.run.start": (StartRun, _start_run),
    "oncue.command.run.cancel": (operators.Cancel, operators.cancel),
    "oncue.command.run.pause": (operators.OnRun, operators.pause),
    "oncue.command.run.resume": (operators.OnRun, operators.resume),
    "oncue.command.run.retry": (operators.OnStep, operators.retry),
    "oncue.command.run.skip": (operators.Skip, operators.skip),
    "oncue.command.run.fork": (operators.Fork, operators.fork),
    "oncue.command.request.ask": (requests.Ask, requests.ask),
    "oncue.command.request.withdraw": (requests.Withdraw, requests.withdraw),
    "oncue.command.approval.decide": (
        approvals.Decide,
        lambda tx, seen, asked: approvals.decide(tx, seen.namespace, asked),
    ),
    "oncue.command.approval.delegate": (
        approvals.Delegate,
        lambda tx, seen, asked: approvals.delegate(tx, seen.namespace, asked),
    ),
    "oncue.command.subscription.pause": (subscriptions.OnSubscription, subscriptions.pause),
    "oncue.command.subscription.resume": (subscriptions.OnSubscription, subscriptions.resume),
    "oncue.command.subscription.seek": (subscriptions.Seek, subscriptions.seek),
    "oncue.command.subscription.acknowledge": (subscriptions.Acknowledge, subscriptions.acknowledge),
    "oncue.command.subscription.redrive": (subscriptions.Redrive, subscriptions.redrive),
    "oncue.command.subscription.test": (subscriptions.OnSubscription, subscriptions.test),
    subscriptions.PROGRESSED: (subscriptions.Reports, subscriptions.progressed),
    "oncue.config.applied": (ConfigEdits, _configure),
    **changes.COMMANDS,
    **work.COMMANDS,
}
"""Type of the event -> (its data, what it does)."""


class Reply(msgspec.Struct):
    """What a command is answered with."""

    code: str | None = None
    detail: str = ""
    data: Any = None


def handle(tx: Tx, seen: Seen) -> Reply:
    """Carry out a command. A refusal leaves nothing behind: commands check before they change anything."""
    shape, run = COMMANDS[seen.type]
    try:
        asked = expression.decoded(seen.event.data, shape)
    except msgspec.DecodeError as error:
        return Reply("request.invalid", str(error))
    try:
        return Reply(data=msgspec.to_builtins(run(tx, seen, asked)))
    except Refusal as refusal:
        return Reply(refusal.code, refusal.detail)
