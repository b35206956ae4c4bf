"""Escalations: whom an incident has called, and who is next; calling more people by hand, and being called again."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter
from sqlalchemy import Connection

from oncue.api.alerts import Reason
from oncue.api.context import Ctx, Who
from oncue.api.entities import commanded, found
from oncue.api.guard import require
from oncue.api.params import Listing, Narrowing, json_response, listing, page_response, visible
from oncue.core.addressing import deliveries
from oncue.core.contact import EscalationPolicySpec
from oncue.core.duration import Duration, length_s, seconds_of
from oncue.core.errors import Refusal
from oncue.core.escalation import Escalation, branches_of, fitting
from oncue.core.incident import Incident
from oncue.core.manifest import Manifest
from oncue.core.prioritise import Priority
from oncue.core.state import Identity, State
from oncue.store.queries import concerning, entities
from oncue.store.queries import manifests as manifests_of

REACHING: Final = ("Channel", "EscalationPolicy", "Person", "Team")
"""Kinds that say who is reached."""


class Calling(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to call; without `to`, the next level of what is under way."""

    to: str | None = None
    """`user:name`, `team:name`, `channel:name` or `escalation:name`."""
    reason: str | None = None


class IncidentSnooze(msgspec.Struct, forbid_unknown_fields=True):
    """Until when nobody is told. Give one."""

    until: datetime | None = None
    """An instant."""
    length: str | None = None
    """From now on, as `1h`."""
    reason: str | None = None
    remind_before: Duration | None = None
    """How long before its end you are reminded; by default 15m or a tenth of it, whichever is shorter; 0s for not at all."""


class PlannedDelivery(msgspec.Struct):
    """One channel that is told."""

    channel: str
    to: str
    at: datetime
    """When; people's own rules may make it later than the level."""


class PlannedLevel(msgspec.Struct):
    """One level, as it would be told."""

    level: int
    cycle: int
    at: datetime
    tell: tuple[str, ...]
    ways: list[PlannedDelivery]
    missing: str = ""
    """What keeps some of them from being told."""


class EscalationPlan(msgspec.Struct):
    """Who would be told when, of an incident that opens at an instant and that nobody acknowledges."""

    policy: str
    priority: str
    at: datetime
    branch: int
    """Which branch of the policy is taken, from 0; the last one is its own levels."""
    steps: list[PlannedLevel]
    then: str | None = None
    """The policy that goes on after the last one."""


PRIORITY = Annotated[Priority, QueryParameter(description="Of the incident")]
AT = Annotated[str | None, QueryParameter(description="When it opens, RFC 3339; now if not given")]


@get("/escalations", opt={"permission": "incident:read"})
async def list_escalations(ctx: Ctx, who: Who, narrowing: Narrowing) -> Response[Listing[Escalation]]:
    """Escalations, the last changed first; `state` is `running`, `held`, `acknowledged`, `exhausted` or `ended`."""
    shown = visible(narrowing, who, "incident:read")
    return page_response(await ctx.queries.run(partial(entities, kind="escalation", filters=shown)))


@get("/incidents/{incident_id:str}/escalations", opt={"permission": "incident:read"})
async def list_incident_escalations(ctx: Ctx, who: Who, incident_id: str) -> Response[Listing[Escalation]]:
    """The escalations of an incident, the last changed first: by which policy it goes, how far it is, what is next."""
    await found(ctx, who, "incident", incident_id, "incident:read")
    return listing(await ctx.queries.run(partial(_escalations_of, incident=incident_id)), None)


@post("/incidents/{incident_id:str}/escalate", status_code=200, opt={"permission": "incident:acknowledge"})
async def escalate_incident(ctx: Ctx, who: Who, incident_id: str, data: Calling | None = None) -> Response[Incident]:
    """Have the next level called now, or whom you name. It stays acknowledged if it is."""
    given = {"to": data.to if data is not None else None}
    return await commanded(ctx, who, "incident", incident_id, "escalate", "incident:acknowledge", given)


@post("/incidents/{incident_id:str}/unacknowledge", status_code=200, opt={"permission": "incident:acknowledge"})
async def unacknowledge_incident(
    ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None
) -> Response[Incident]:
    """Say that nobody works on it any more: people are called again."""
    given = {"reason": data.reason} if data is not None and data.reason else {}
    return await commanded(ctx, who, "incident", incident_id, "unacknowledge", "incident:acknowledge", given)


@post("/incidents/{incident_id:str}/snooze", status_code=200, opt={"permission": "alert:snooze"})
async def snooze_incident(ctx: Ctx, who: Who, incident_id: str, data: IncidentSnooze) -> Response[Incident]:
    """Have nobody told of anything that fires in it until then; who was told before hears of it once, if it goes on."""
    if (data.until is None) == (data.length is None):
        raise Refusal("request.invalid", "give until or length")
    until = data.until
    if until is None:
        try:
            until = datetime.now(UTC) + timedelta(seconds=length_s(data.length or ""))
        except ValueError as error:
            raise Refusal("request.invalid", f"length: {error}") from error
    given = {
        "until": until,
        "reason": data.reason or "",
        "by": who.person,
        "remind_before_s": seconds_of(data.remind_before),
    }
    return await commanded(ctx, who, "incident", incident_id, "snooze", "alert:snooze", given)


@post("/incidents/{incident_id:str}/unsnooze", status_code=200, opt={"permission": "alert:snooze"})
async def unsnooze_incident(ctx: Ctx, who: Who, incident_id: str, data: Reason | None = None) -> Response[Incident]:
    """Take the snooze of the whole incident back: what fires in it is heard again."""
    given = {"reason": data.reason} if data is not None and data.reason else {}
    return await commanded(ctx, who, "incident", incident_id, "unsnooze", "alert:snooze", given)


@get("/escalation-policies/{namespace:str}/{name:str}/plan", opt={"permission": "manifest:read"})
async def plan_escalation(
    ctx: Ctx, who: Who, namespace: str, name: str, priority: PRIORITY = "P1", at: AT = None
) -> Response[EscalationPlan]:
    """Who would be told when, of an incident of this priority that opens then and that nobody acknowledges."""
    require(who, "manifest:read", namespace)
    opens_at = _instant(at)
    manifests = await ctx.queries.run(partial(_reaching, namespace=namespace))
    return json_response(msgspec.json.encode(planned(manifests, namespace, name, priority, opens_at)))


def planned(manifests: list[Manifest], namespace: str, name: str, priority: Priority, at: datetime) -> EscalationPlan:
    """The plan, by the same rules as the engine's. Raises `Refusal` manifest.not_found."""
    state = State(Identity("plan"))
    for one in manifests:
        state.manifests[one.id] = one
    policy = state.manifests.get(f"EscalationPolicy/{namespace}/{name}")
    if policy is None:
        raise Refusal("manifest.not_found", f"EscalationPolicy {name} in {namespace}")
    spec = msgspec.convert(policy.spec, EscalationPolicySpec)
    branches = branches_of(spec)
    number = fitting(branches, priority, at)
    branch, steps, now = branches[number], [], at
    for cycle in range(branch.repeat + 1):
        for index, level in enumerate(branch.levels):
            to, missing = deliveries(state, namespace, level.tell, now, important=priority in ("P1", "P2"))
            ways = [PlannedDelivery(one.channel.name, one.to, now + timedelta(seconds=one.after_s)) for one in to]
            steps.append(PlannedLevel(index + 1, cycle, now, level.tell, sorted(ways, key=lambda way: way.at), missing))
            first_s = min((one.after_s for one in to), default=0.0)
            now += timedelta(seconds=first_s + (level.wait_s or 0.0)) if to else timedelta(0)
    version = f"{namespace}/{name}@{policy.generation}"
    return EscalationPlan(version, priority, at, number, steps, spec.then)


def _reaching(connection: Connection, namespace: str) -> list[Manifest]:
    bodies = [body for kind in REACHING for body in manifests_of(connection, kind, frozenset({namespace}))]
    return [msgspec.json.decode(body, type=Manifest) for body in bodies]


def _instant(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal("request.invalid", f"at: {text!r} is no instant; write 2027-05-01T03:00:00Z") from error
    if at.tzinfo is None:
        raise Refusal("request.invalid", "at: it has no offset; write 2027-05-01T03:00:00Z")
    return at.astimezone(UTC)


def _escalations_of(connection: Connection, incident: str) -> list[bytes]:
    return concerning(connection, "incident", [incident], "escalation")


HANDLERS = [
    list_escalations,
    list_incident_escalations,
    escalate_incident,
    unacknowledge_incident,
    snooze_incident,
    unsnooze_incident,
    plan_escalation,
]
