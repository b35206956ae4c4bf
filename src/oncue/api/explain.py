"""Why a thing is as it is: in sentences, with the decisions and facts they rest on."""

from functools import partial
from typing import Any, Final

import msgspec
from litestar import Response, get

from oncue.access.roles import Principal, allowed
from oncue.api.context import Context, Ctx, Who
from oncue.api.entities import facts_json
from oncue.api.events import decision_json
from oncue.api.params import json_response
from oncue.api.run_why import Waits, why
from oncue.api.runs import detail_of
from oncue.api.shapes import Explanation
from oncue.core.condition import MAX_KEYS
from oncue.core.errors import Refusal
from oncue.core.event import said
from oncue.core.normalise import EXPORTED
from oncue.core.policy import PolicyStats
from oncue.store.queries import DECISIONS, Filters, cells, decisions, entity_bodies, entity_body, timeline

READ: Final = {
    "alert": "alert:read",
    "incident": "incident:read",
    "run": "run:read",
    "ticket": "ticket:read",
    "silence": "silence:read",
    "effect": "run:read",
    "monitor": "manifest:read",
    "policy": "manifest:read",
}
"""Kinds that can be explained, and the permission to read them."""


@get("/explain/{kind:str}/{id:path}", opt={"permission": "decision:read"})
async def explain(ctx: Ctx, who: Who, kind: str, id: str) -> Response[Explanation]:
    """Why an alert called or did not, why a run does not move, what a policy saw: kinds alert, incident, run, ticket,
    silence, effect, monitor, policy."""
    permission = READ.get(kind)
    if permission is None:
        raise Refusal("request.invalid", f"kind: {kind[:60]!r} is none of {', '.join(READ)}")
    id = id.lstrip("/")
    namespace, thing = await _thing(ctx, who, kind, id, permission)
    if not allowed(who, "decision:read", namespace):
        raise Refusal("access.denied", f"It needs the permission decision:read in the namespace {namespace}")
    if kind == "policy":
        rows, _ = await ctx.queries.run(partial(decisions, filters=Filters(limit=50), policy=id))
        stats = await ctx.queries.run(partial(cells, kind="policy_stats", keys=[id]))
        thing["stats"] = msgspec.msgpack.decode(stats[id], type=PolicyStats) if id in stats else PolicyStats()
    else:
        rows = await ctx.queries.run(partial(timeline, kind=kind, id=id, before=None, limit=200))
    decided = [row for row in rows if row.type in DECISIONS]
    summary, reasons = _SPOKEN[kind](thing)
    if kind == "incident":
        bodies = await ctx.queries.run(partial(entity_bodies, kind="escalation", ids=thing.get("escalations") or []))
        reasons += [_called(msgspec.json.decode(body)) for body in bodies]
    for row in decided:
        data = msgspec.json.decode(decision_json(row))
        reasons.append(
            f"Policy {data['policy']}@{data['generation']} {data['outcome']}: {data['reason']}"
            + (f" ({data['detail']})" if data["detail"] else "")
            + _overridden(data)
            + (f", about an event that the namespace {data['home']} shares" if data.get("home") else "")
        )
    body = {
        "kind": kind,
        "id": id,
        "namespace": namespace,
        "summary": summary,
        "reasons": reasons,
        "decisions": [msgspec.Raw(decision_json(row)) for row in decided],
        "facts": [msgspec.Raw(one) for one in await facts_json(ctx, rows)],
    }
    return json_response(msgspec.json.encode(body))


def _overridden(decision: dict[str, Any]) -> str:
    """Which override of the policy counted, of those that fitted."""
    others = decision.get("also_fitted") or ()
    also = f", and before {', '.join(others)}, which fitted too" if others else ""
    return f", by its override {decision['override']}{also}" if decision.get("override") else ""


async def _thing(ctx: Context, who: Principal, kind: str, id: str, permission: str) -> tuple[str, dict[str, Any]]:
    stored = ("manifest", f"Policy/{id}") if kind == "policy" else (kind, id)
    row = await ctx.queries.run(partial(entity_body, kind=stored[0], id=stored[1]))
    if row is None or not allowed(who, permission, row[0]):
        code = {"policy": "manifest.not_found", "effect": "run.not_found"}.get(kind, f"{kind}.not_found")
        raise Refusal(code, id[:200])
    found: dict[str, Any] = msgspec.json.decode(row[1])
    if kind == "run":
        run = await ctx.queries.run(partial(detail_of, body=row[1]))
        found["steps"] = msgspec.to_builtins(run.steps[:STEPS])
        found["waits"] = (await why(ctx, run)).waits
    return row[0], found


def _alert(alert: dict[str, Any]) -> tuple[str, list[str]]:
    summary = (
        f"{alert['title']}: {alert['severity']}, {alert['state']}, seen {_times(alert['count'])} since "
        f"{alert['first_seen_at']}."
    )
    reasons = [f"Raised by the event {alert.get('event_id') or '?'} of type {alert.get('type') or '?'}."]
    if str(alert.get("source")).startswith(EXPORTED):
        home = alert["source"].removeprefix(EXPORTED)
        reasons.append(
            f"The event is at home in the namespace {home}, which shares it; what is done here leaves it alone."
        )
    crossing = alert.get("crossing") or {}
    if crossing.get("value") is not None and crossing.get("limit") is not None:
        unit = f" {crossing['unit']}" if crossing.get("unit") else ""
        reasons.append(f"The value was {crossing['value']:g}{unit}, the limit is {crossing['limit']:g}{unit}.")
    for quiet in alert.get("quiet") or ():
        until = f" until {quiet['until']}" if quiet.get("until") else ""
        why = f" ({quiet['detail']})" if quiet.get("detail") else ""
        reasons.append(f"It calls no one: {quiet['reason']} by {quiet['by']} since {quiet['since']}{until}{why}.")
    for name, one in ((alert.get("shaped") or {}).get("values") or {}).items():
        was = f"; it was {one['was']}" if one["was"] is not None else ""
        reasons.append(f"Its {name.replace('.', ' ', 1)} was set to {one['value']} by the policy {one['by']}{was}.")
    reasons += _found_out(alert.get("enriched") or {})
    if alert.get("policies"):
        reasons.append(f"Shaped by {', '.join(alert['policies'])}.")
    if alert.get("incident"):
        reasons.append(f"It belongs to {alert['incident']}.")
    if alert.get("acknowledged_by"):
        reasons.append(f"Acknowledged by {alert['acknowledged_by']} at {alert['acknowledged_at']}.")
    if alert["state"] == "resolved":
        reasons.append(f"Resolved by {alert.get('resolved_by')} at {alert.get('resolved_at')}.")
    elif alert.get("deadline_at"):
        reasons.append(f"It resolves by itself at {alert['deadline_at']} unless it is repeated.")
    return summary, reasons


def _found_out(enriched: dict[str, Any]) -> list[str]:
    """What was added to an alert after it began, and who or which run added it."""
    found = [
        f"{name}={one['value']} was added by {one['by']} at {one['at']}"
        + (f"; the alert itself says {one['beneath']}." if one.get("beneath") else ".")
        for what in ("labels", "annotations")
        for name, one in (enriched.get(what) or {}).items()
    ]
    found += [f"{one['by']} linked {one['url']} at {one['at']}." for one in enriched.get("links") or ()]
    return found + [f"{one['by']} found out at {one['at']}: {one['text']}" for one in enriched.get("notes") or ()]


def _called(one: dict[str, Any]) -> str:
    levels = one["branches"][one["branch"]]["levels"]
    said = f"By {one['policy']} level {one['level']} of {len(levels)} was told"
    state = {
        "held": "; it is held, for all that fires is quiet",
        "acknowledged": "; it stopped when someone acknowledged",
        "exhausted": "; everybody was told, and nobody acknowledged",
    }.get(one["state"], "")
    if one["state"] == "running" and one["next_at"] is not None and one["level"] < len(levels):
        state = f"; {', '.join(levels[one['level']]['tell'])} follows at {one['next_at']} unless someone acknowledges"
    return f"{said}{state}."


def _incident(incident: dict[str, Any]) -> tuple[str, list[str]]:
    summary = f"{incident['id']}, {incident['title']}: {incident['priority']}, {incident['state']}."
    reasons = [f"Priority: {incident['priority_reason']}"]
    reasons.append(f"{incident['alerts_firing']} of its {incident['alerts_total']} alerts fire.")
    if incident.get("owner"):
        reasons.append(f"Its service is owned by {incident['owner']}, who is told.")
    elif not incident.get("escalations") and not incident.get("told"):
        reasons.append("No owner is known, so only policies say whom to tell.")
    told, unheard = incident.get("told", []), incident.get("unheard", {})
    if told:
        names = [f"{name}, which nothing has reached yet" if name in unheard else name for name in told]
        reasons.append(f"Told: {'; '.join(names)}.")
    if incident.get("acknowledged_by"):
        reasons.append(f"Acknowledged by {incident['acknowledged_by']} at {incident['acknowledged_at']}.")
    if incident.get("resolved_by"):
        reasons.append(f"Resolved by {incident['resolved_by']} at {incident['resolved_at']}.")
    return summary, reasons


def _run(run: dict[str, Any]) -> tuple[str, list[str]]:
    state = run["state"].replace("_", " ")
    summary = f"Run of {run['workflow']}: {state}" + (f", {run['reason']}." if run.get("reason") else ".")
    reasons = [_begun(run["trigger"])]
    for step in run["steps"]:
        said = f"Step {step['address']} ({step['uses']}): {step['state'].replace('_', ' ')}"
        if step["uses"] == "approval" and (by := (step.get("outputs") or {}).get("by")):
            said += f" by {', '.join(by)}"
        if step.get("attempt"):
            said += f", attempt {step['attempt']}"
        if step.get("reason"):
            said += f": {step['reason']}"
        if step.get("next_try_at"):
            said += f"; next try at {step['next_try_at']}"
        reasons.append(said + ".")
    reasons += [_waiting(one) for one in run["waits"] if one.code != "over"]
    return summary, reasons


def _waiting(one: Waits) -> str:
    since = f" since {one.leased_at}" if one.leased_at is not None and one.silent_s is None else ""
    return f"It waits: {f'step {one.step}: ' if one.step else ''}{one.what}{since}."


def _begun(trigger: dict[str, Any]) -> str:
    """What started a run, in a sentence."""
    kind, actor = trigger.get("kind"), trigger.get("actor")
    on = f" on the event {trigger['event']}" if trigger.get("event") else ""
    if kind == "policy":
        return f"Started by the policy {trigger['policy']}{on}."
    if kind == "event":
        return f"Started by its trigger {trigger['trigger']}{on}."
    if kind == "schedule":
        return f"Started by its schedule {trigger['trigger']}, planned for {trigger['planned_at']}."
    if kind == "request":
        return f"Started by the request {trigger['request']} of {actor}."
    if kind == "run":
        return f"Started by the step {trigger['step']} of {trigger['run']}."
    if kind == "fork":
        return f"Run anew by {actor} from the step {trigger['step']} of {trigger['run']} on."
    return f"Started by {actor or 'the engine'}{on}."


def _ticket(ticket: dict[str, Any]) -> tuple[str, list[str]]:
    reasons = [f"Written by {ticket['opened_by']} at {ticket['opened_at']}."]
    if ticket.get("incident"):
        reasons.append(f"It is about {ticket['incident']}.")
    return f"{ticket['id']}, {ticket['title']}: {ticket['state']}.", reasons


def _silence(silence: dict[str, Any]) -> tuple[str, list[str]]:
    shown = ", ".join(
        f"{one['name']}{'=' if one['is_equal'] else '!='}{'~' if one['is_regex'] else ''}{one['value']}"
        for one in silence["matchers"]
    )
    reasons = [f"{silence['created_by']} says: {silence['comment']}", f"It matches {shown}."]
    return f"Silence from {silence['starts_at']} to {silence['ends_at']}: {silence['state']}.", reasons


def _effect(effect: dict[str, Any]) -> tuple[str, list[str]]:
    summary = f"{effect['kind']} by {effect['uses']}: {effect['state']}, attempt {effect['attempt']}."
    reasons = [effect["reason"]] if effect.get("reason") else []
    if effect["state"] == "pending":
        reasons.append(f"Not before {effect['not_before_at']}; at most {effect['max_attempts']} attempts.")
    return summary, reasons


def _monitor(monitor: dict[str, Any]) -> tuple[str, list[str]]:
    reasons = [monitor["detail"]] if monitor.get("detail") else []
    if monitor.get("error_code"):
        reasons.append(f"The probe itself does not work: {monitor['error_code']}.")
    return f"Monitor {monitor['id']} ({monitor['uses']}): {monitor['state']} since {monitor['since']}.", reasons


def _policy(policy: dict[str, Any]) -> tuple[str, list[str]]:
    stats: PolicyStats = policy["stats"]
    summary = f"Policy {policy['namespace']}/{policy['name']}@{policy['generation']}: fired {_times(stats.fired)}, blocked {stats.blocked}, failed {stats.failed}."
    misses = [
        f"Near miss at {said(miss.at)}: {miss.reason} ({miss.detail}), event {miss.event}."
        for miss in stats.near_misses
    ]
    if stats.unjudged:
        limit = (policy["spec"].get("condition") or {}).get("max_keys", MAX_KEYS)
        misses.insert(
            0, f"{stats.unjudged} events were not judged: there were windows for too many keys (max_keys {limit})."
        )
    return summary, misses


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


_SPOKEN: Final = {
    "alert": _alert,
    "incident": _incident,
    "run": _run,
    "ticket": _ticket,
    "silence": _silence,
    "effect": _effect,
    "monitor": _monitor,
    "policy": _policy,
}

STEPS: Final = 100
"""Steps of a run that are told."""

HANDLERS = [explain]
