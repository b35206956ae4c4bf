"""Respond: what a policy that fired does, within its guardrails, and a record of why it did or did not.

Every decision is a fact: `oncue.policy.fired`, `oncue.policy.blocked` or `oncue.policy.failed`, with the version that
decided and a reason.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from oncue.core import change_records, concurrency, incidents, notify, pauses, shaping, tickets, wall_clock, workflow
from oncue.core.alert import Alert
from oncue.core.change_record import ChangeSpec, Pointer
from oncue.core.conditions.finding import Finding
from oncue.core.detect import carried, present
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.expression import Failed, holds, render, spoken
from oncue.core.incident import Incident
from oncue.core.manifest import Response
from oncue.core.normalise import Seen
from oncue.core.override import label
from oncue.core.pause import EVERYWHERE
from oncue.core.policy import Policy, PolicyStats, stats_with
from oncue.core.shape import addressees
from oncue.core.ticket import Ticket
from oncue.core.tx import Tx
from oncue.core.window import Window, instants, micros, owner_of, packed, span, window_key


class Decision(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a policy decided about an event, and why."""

    id: str
    namespace: str
    policy: str
    generation: int
    event: str
    event_position: str
    key: str
    outcome: str
    """`fired`, `blocked`, or `failed`: it should have responded and could not, or not wholly."""
    reason: str
    """`matched`, or what stopped it: `guard_blocked`, `observe_only`, `outside_hours`, `override_off`, `cooldown`, `max_runs`,
    `keys_full` (there are windows for too many keys), `busy`, `queued`, `queue_full`, `resolved_meanwhile` (while it was
    queued), `paused` (its runs were not started; tickets were), `depth`, `error`; or
    `response_failed`, or `shape_failed`: a text of its `alert` did not evaluate. `runs`, `tickets` and `change_records` are
    what was done nevertheless."""
    detail: str = ""
    values: dict[str, Any] = {}
    alert: str | None = None
    incident: str | None = None
    runs: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()
    change_records: tuple[str, ...] = ()
    override: str | None = None
    """The policy's override that counted; none if the policy is as it is without."""
    also_fitted: tuple[str, ...] = ()
    """Overrides that fitted as well, and are less precise."""
    home: str | None = None
    """The namespace that the event is at home in, where that is another one, which shares it."""


class Done(msgspec.Struct):
    """The ids of what a response has begun or written."""

    runs: list[str] = []
    tickets: list[str] = []
    change_records: list[str] = []


def guard(tx: Tx, finding: Finding, seen: Seen) -> bool:
    """Whether the policy may shape and respond at all: not only observing, within its hours, and no `skip_when` holds."""
    policy = finding.policy
    if policy.off:
        decide(tx, finding, seen, "blocked", "override_off", f"mode: off in override {policy.override}")
        return False
    if policy.hours is not None and not policy.hours.cover(tx.now.astimezone(wall_clock.zone(policy.hours.zone))):
        decide(tx, finding, seen, "blocked", "outside_hours", f"only_during: {policy.spec.only_during}")
        return False
    for text in policy.skip_when:
        try:
            if holds(text, seen.scope):
                decide(tx, finding, seen, "blocked", "guard_blocked", f"skip_when: {text}")
                return False
        except Failed as failure:
            decide(tx, finding, seen, "blocked", "error", f"skip_when: {failure}")
            return False
    if policy.observe:
        decide(tx, finding, seen, "blocked", "observe_only", "mode: observe")
        return False
    return True


def respond(tx: Tx, finding: Finding, seen: Seen, alert: Alert | None) -> None:
    """Do what the policy says, unless its limits forbid."""
    policy = finding.policy
    incident = tx.state.incidents.get(alert.incident or "") if alert is not None else None
    spec = policy.spec
    if (spec.respond or (spec.notify is not None and incident is None)) and not _within_limits(
        tx, finding, seen, alert, incident
    ):
        return
    if alert is not None and any(reason.reason != "transient_wait" for reason in alert.quiet):
        quiet = ", ".join(f"{reason.reason} by {reason.by}" for reason in alert.quiet)
        decide(tx, finding, seen, "blocked", alert.quiet[0].reason, quiet, alert=alert)
        return
    lane = None
    runs = any(response.run is not None for response in spec.respond)
    if spec.concurrency is not None and runs and pauses.holding(tx, policy.namespace) is None:
        try:
            lane = concurrency.lane_of(finding, seen)
        except Failed as failure:
            decide(tx, finding, seen, "blocked", "error", f"concurrency: {failure}", alert=alert, incident=incident)
            return
        if (refused := concurrency.admit(tx, finding, seen, alert, lane)) is not None:
            decide(tx, finding, seen, "blocked", *refused, alert=alert, incident=incident)
            return
    _act(tx, finding, seen, alert, incident, lane)


def resume(tx: Tx, lane: str) -> None:
    """A run has ended: what waited for that starts, one after the other, until one of them is under way."""
    policy = tx.state.policies.by_id.get(owner_of(lane)[0])
    while policy is not None and (waited := concurrency.leave(tx, lane)) is not None:
        key, window = waited
        finding = Finding(policy, "met", key, window)
        seen = shaping.shaped(tx, carried(tx, finding))
        finding = present(tx, finding, seen)
        alert = tx.state.alerts.get(window.alert or "")
        if window.alert is not None and (alert is None or alert.state != "firing"):
            decide(tx, finding, seen, "blocked", "resolved_meanwhile", f"{window.alert} is resolved", alert=alert)
        elif guard(tx, finding, seen):
            _act(tx, finding, seen, alert, tx.state.incidents.get(alert.incident or "") if alert else None, lane)


def _act(
    tx: Tx, finding: Finding, seen: Seen, alert: Alert | None, incident: Incident | None, lane: str | None
) -> None:  # fmt: skip
    policy, spec = finding.policy, finding.policy.spec
    done = Done()
    problems: list[str] = []
    scope = _scope(finding, seen, alert, incident) if spec.respond else None
    held = pauses.holding(tx, policy.namespace) if any(one.run is not None for one in spec.respond) else None
    for response in spec.respond:
        if held is not None and response.run is not None:
            continue
        try:
            _one(tx, policy, response, seen, scope, alert, incident, done, lane)
        except Failed as failure:
            problems.append(str(failure))
        except Refusal as refusal:
            problems.append(f"{refusal.code}: {refusal.detail}")
    if spec.notify is not None and incident is None and (tell := addressees(spec.notify)):
        title = alert.title if alert is not None else f"{policy.name}: {seen.type} on {seen.resource}"
        details = [["Policy", policy.version], ["Event", seen.event_id], ["Resource", seen.resource]]
        unreached = notify.message(tx, policy.namespace, tell, title, spec.description or "", details)
        if unreached:
            problems.append(f"notify: {unreached}")
    if lane is not None:
        concurrency.enter(tx, lane, done.runs)
    outcome, reason = ("failed", "response_failed") if problems else ("fired", "matched")
    if held is not None and not problems:
        where = "everywhere" if held.id == EVERYWHERE else f"in {held.id}"
        outcome, reason = "blocked", "paused"
        problems.append(f"{held.by} paused automatic runs {where} until {_instant(held.until)}: {held.reason}")
    decide(
        tx, finding, seen, outcome, reason, "; ".join(problems), alert=alert,
        incident=incident, done=done,
    )  # fmt: skip


def _scope(finding: Finding, seen: Seen, alert: Alert | None, incident: Incident | None) -> Any:
    window, context = finding.window, {}
    if alert is not None:
        context["alert"] = workflow.plain(alert)
    if incident is not None:
        context["incident"] = workflow.plain(incident)
    value, limit = (window.value, window.limit) if window else (None, None)
    return seen.scope_with(value=value, limit=limit, **context)


def _one(
    tx: Tx, policy: Policy, response: Response, seen: Seen, scope: Any, alert: Alert | None,
    incident: Incident | None, done: Done, lane: str | None,
) -> None:  # fmt: skip
    if response.run is not None:
        manifest = tx.state.manifests.get(f"Workflow/{policy.namespace}/{response.run.workflow}")
        if manifest is None:
            raise Refusal("workflow.not_found", f"{response.run.workflow} in {policy.namespace}")
        trigger: dict[str, Any] = {"kind": "policy", "policy": policy.version, "event": seen.event_id}
        if policy.trigger is not None:
            trigger = {"kind": "event", "trigger": policy.trigger, "event": seen.event_id}
        if alert is not None:
            trigger["alert"] = alert.id
        if lane is not None:
            trigger["lane"] = lane
        run = workflow.start(
            tx, manifest, render(response.run.with_, scope), trigger, alert=alert, incident=incident, event=seen
        )
        done.runs.append(run.id)
    if response.change is not None:
        done.change_records.append(_change(tx, policy, response.change, seen, scope))
    if response.ticket is not None:
        wanted = response.ticket
        title = spoken(render(wanted.title, scope)) if wanted.title else None
        described = spoken(render(wanted.description, scope)) if wanted.description else _account(seen, alert)
        by = f"policy:{policy.id}"
        if incident is not None and (there := _written_for(tx, incident, by)) is not None:
            if there.state == "resolved":
                tickets.transition(tx, there, "in_progress")
            tickets.comment(tx, there, described, by)
            done.tickets.append(there.id)
            return
        ticket = tickets.create(
            tx, namespace=policy.namespace, type=wanted.type,
            title=title or (alert.title if alert else f"{seen.type} on {seen.resource}"), description=described,
            opened_by=by, severity=alert.severity if alert else seen.severity,
            priority=incident.priority if incident else None, service=seen.service, resource=seen.resource,
            incident=incident.id if incident else None,
        )  # fmt: skip
        done.tickets.append(ticket.id)
        if incident is not None:
            incidents.link(tx, incident, ticket=ticket.id)


def _change(tx: Tx, policy: Policy, spec: ChangeSpec, seen: Seen, scope: Any) -> str:
    """Write down that the event is a change, or belongs to one. Gives its id. Raises `Failed`, `Refusal` request.invalid."""

    def said(text: str | None, limit: int) -> str | None:
        return spoken(render(text, scope)).strip()[:limit] or None if text is not None else None

    def names(texts: list[str]) -> list[str]:
        return [name for text in texts if (name := said(text, 255)) is not None]

    url = said(spec.link, 2000)
    if url is not None and not url.startswith(("http://", "https://")):
        raise Refusal("request.invalid", f"{url[:100]!r} is no link")
    resources, services = names(spec.resources), names(spec.services)
    if not resources and not services:
        resources, services = [seen.resource[:255]], [seen.service[:255]] if seen.service is not None else []
    over = spec.state != "started"
    wanted = change_records.Wanted(
        title=said(spec.title, 300) or (seen.event.title or f"{seen.type} on {seen.resource}")[:300],
        key=said(spec.key, 255), kind=said(spec.kind, 60) or "change", by=said(spec.by, 255) or seen.event.source[:255],
        resources=resources, services=services, links=[Pointer(url)] if url is not None else [],
        lasts_s=seconds(spec.lasts) if spec.lasts is not None else change_records.LASTS_S,
        ended_at=tx.now if over else None, outcome=spec.outcome, source=f"policy:{policy.id}",
    )  # fmt: skip
    return change_records.reported(tx, policy.namespace, wanted, over).id


def _written_for(tx: Tx, incident: Incident, by: str) -> Ticket | None:
    """The ticket that is open for this incident, written by `by`."""
    known = (tx.state.tickets.get(id) for id in incident.tickets)
    return next((ticket for ticket in known if ticket is not None and ticket.opened_by == by), None)


def _account(seen: Seen, alert: Alert | None) -> str:
    if alert is None:
        return f"Event {seen.event_id} of type {seen.type} on {seen.resource}."
    parts = [f"{alert.title} ({alert.severity}) on {alert.resource}, since {_instant(alert.first_seen_at)}."]
    if alert.crossing is not None and alert.crossing.value is not None and alert.crossing.limit is not None:
        parts.append(f"Value {alert.crossing.value:g}, limit {alert.crossing.limit:g}.")
    if "description" in alert.annotations:
        parts.append(alert.annotations["description"])
    return " ".join(parts)


def _instant(at: datetime) -> str:
    """As people read it: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _within_limits(tx: Tx, finding: Finding, seen: Seen, alert: Alert | None, incident: Incident | None) -> bool:
    policy = finding.policy
    longest = max(policy.cooldown_s, policy.max_runs_within_s)
    if not longest:
        return True
    cell = window_key(f"{policy.id}#limits", finding.key)
    window, now = tx.state.windows.get(cell) or Window(), micros(tx.now)
    times = [at for at in instants(window.times) if at > now - span(longest)]
    if policy.cooldown_s and times and now - times[-1] < span(policy.cooldown_s):
        since = (now - times[-1]) / 1_000_000
        detail = f"fired {since:.0f} s ago; cooldown is {policy.cooldown_s:g} s"
        decide(tx, finding, seen, "blocked", "cooldown", detail, alert=alert, incident=incident)
        return False
    recent = [at for at in times if at > now - span(policy.max_runs_within_s)] if policy.max_runs else []
    if policy.max_runs and len(recent) >= policy.max_runs:
        detail = f"{len(recent)} within {policy.max_runs_within_s:g} s; at most {policy.max_runs}"
        decide(tx, finding, seen, "blocked", "max_runs", detail, alert=alert, incident=incident)
        return False
    keep = [*times, now][-max(policy.max_runs, 1) :]
    tx.cell("window", cell, Window(times=packed(keep)))
    tx.timer_after(f"window.limits/{cell}", longest)
    return True


def limits_over(tx: Tx, cell: str) -> None:
    """Nothing in the limits' window matters any more."""
    tx.cell("window", cell, None)


def decide(
    tx: Tx, finding: Finding, seen: Seen, outcome: str, reason: str, detail: str = "", *,
    alert: Alert | None = None, incident: Incident | None = None,
    done: Done | None = None,
) -> None:  # fmt: skip
    """Record a policy's decision."""
    policy, window = finding.policy, finding.window
    values = {}
    if window is not None and window.value is not None:
        values = {"value": window.value, "limit": window.limit}
    decision = Decision(
        id=tx.new_id("de"), namespace=policy.namespace, policy=policy.id, generation=policy.generation,
        event=seen.event_id, event_position=f"{tx.state.identity.partition}-{seen.position}", key=finding.key,
        outcome=outcome, reason=reason, detail=detail[:1000], values=values,
        alert=alert.id if alert else None, incident=incident.id if incident else None,
        runs=tuple(done.runs) if done else (), tickets=tuple(done.tickets) if done else (),
        change_records=tuple(done.change_records) if done else (),
        override=policy.override, also_fitted=_also_fitted(tx, policy, seen),
        home=seen.home if seen.is_foreign else None,
    )  # fmt: skip
    refs: list[tuple[str, str]] = [("policy", policy.id)]
    if alert is not None:
        refs.append(("alert", alert.id))
    if incident is not None:
        refs.append(("incident", incident.id))
    tx.fact(
        f"oncue.policy.{outcome}", "decision", decision, refs=tuple(refs), resource=seen.resource, service=seen.service
    )
    stats: PolicyStats = tx.state.cells["policy_stats"].get(policy.id) or PolicyStats()
    if outcome == "fired":
        stats = stats_with(stats, fired=stats.fired + 1, last_fired_at=tx.now)
    elif outcome == "failed":
        stats = stats_with(stats, failed=stats.failed + 1)
    else:
        stats = stats_with(stats, blocked=stats.blocked + 1)
    tx.cell("policy_stats", policy.id, stats)


def _also_fitted(tx: Tx, policy: Policy, seen: Seen) -> tuple[str, ...]:
    whole = tx.state.policies.by_id.get(policy.id)
    if whole is None or whole.overrides is None:
        return ()
    fitting = [label(whole.spec.overrides, number - 1) for number in whole.overrides.fitting(seen, tx.now)]
    return tuple(one for one in fitting if one != policy.override)[:10]
