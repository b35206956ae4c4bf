"""Checks what a schema cannot: expressions compile, names exist, members hold together.

Each check yields findings with the path of what they concern. Errors keep a manifest out; warnings are doubts, above all
about what may be applied elsewhere.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

from oncue.core import change_records, grouping, lookup, maintenance, mirrors, objective
from oncue.core.change_record import ChangeSpec
from oncue.core.change_spec import ChangeCalendarSpec, ChangeRuleSpec, ChangeTemplateSpec, PlannedChangeSpec
from oncue.core.condition import Condition
from oncue.core.contact import (
    ChannelSpec,
    EscalationPolicySpec,
    PersonSpec,
    TeamSpec,
)
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.export import ExportSpec
from oncue.core.lookup import LookupSpec
from oncue.core.manifest import (
    CorrelationRuleSpec,
    InhibitionSpec,
    MaintenanceWindowSpec,
    MonitorSpec,
    Notify,
    OutboundAllowSpec,
    PolicySpec,
    SAPSystemSpec,
    ServiceSpec,
    SourceSpec,
    StatusTemplateSpec,
    Threshold,
)
from oncue.core.mirror import TicketMirrorSpec
from oncue.core.prioritise import NAME as PRIORITY_MATRIX
from oncue.core.prioritise import PriorityMatrixSpec
from oncue.core.silence import check_matchers
from oncue.core.spec import Spec
from oncue.core.subscription import SubscriptionSpec
from oncue.core.threshold import tied
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests import conditions
from oncue.manifests.calling import escalation_findings, person_findings, target_findings
from oncue.manifests.changes import calendar_findings, change_findings, rule_findings, template_findings
from oncue.manifests.document import Path_
from oncue.manifests.expressions import compiles, templates
from oncue.manifests.finding import Finding, hours_findings, past_findings, positive_findings
from oncue.manifests.overrides import override_findings
from oncue.manifests.plugins import credentials, fits, uses
from oncue.manifests.selectors import selector_findings
from oncue.manifests.stages import stage_findings
from oncue.manifests.workflows import workflow_findings
from oncue.sdk import registry
from oncue.sdk.source import Checked

ENGINE_MONITORS: Final = ("heartbeat",)
"""Monitors that the engine does itself."""


_LEVELS: Final = ("warning", "minor", "major", "critical")
_CREDENTIAL: Final = re.compile(r"(password|passwd|token|secret|api_?key|private_?key)$", re.IGNORECASE)


def findings(spec: Spec) -> Iterator[Finding]:
    """Everything in a spec that does not hold together by itself."""
    check = _CHECKS.get(type(spec))
    if check is not None:
        yield from check(spec)


def name_findings(name: str, spec: Spec) -> Iterator[Finding]:
    """A SAP system is called as SAP calls it, so that whoever knows its SID finds it; a namespace has one priority matrix."""
    if isinstance(spec, PriorityMatrixSpec) and name != PRIORITY_MATRIX:
        yield Finding(("metadata", "name"), f"{name!r}: a namespace has one matrix; write {PRIORITY_MATRIX}")
    if isinstance(spec, SAPSystemSpec) and name != spec.sid.lower():
        yield Finding(("metadata", "name"), f"{name!r} is not the SID {spec.sid}; write {spec.sid.lower()}")


def owner_findings(owner: str | None, path: Path_) -> Iterator[Finding]:
    """An owner is `team:name` or `user:name`."""
    if owner is not None and not re.fullmatch(r"(team|user):[^\s:]+", owner):
        yield Finding(path, f"{owner!r} is no owner; write team:NAME or user:NAME")


def review_findings(review_by: str | None, path: Path_) -> Iterator[Finding]:
    """A review is due on a date."""
    if review_by is None:
        return
    try:
        date.fromisoformat(review_by)
    except ValueError:
        yield Finding(path, f"{review_by!r} is not a date; write 2027-05-01")


# Policy


def _policy(spec: PolicySpec) -> Iterator[Finding]:
    match = spec.match
    yield from selector_findings(match, ("match",))
    if match == type(match)():
        yield Finding(("match",), "it is empty: the policy looks at every event", level="warning")
    yield from _timing(spec)
    for index, guard in enumerate(spec.skip_when):
        yield from compiles(guard, ("skip_when", index), "bool")
    if spec.alert is not None:
        yield from templates(spec.alert, ("alert",))
        if spec.alert.throttle is not None:
            yield from positive_findings(spec.alert.throttle.within, ("alert", "throttle", "within"))
    yield from override_findings(spec)
    yield from stage_findings(spec)
    yield from templates(spec.set_, ("set",))
    for index, override in enumerate(spec.overrides):
        yield from templates(override.alert, ("overrides", index, "alert"))
    if spec.notify is not None:
        yield from _notify(spec.notify)
    for index, response in enumerate(spec.respond):
        path: Path_ = ("respond", index)
        if sum(one is not None for one in (response.run, response.ticket, response.change)) != 1:
            yield Finding(path, "give exactly one of run, ticket and change")
        if response.change is not None:
            yield from _change(response.change, (*path, "change"))
        yield from templates(response, path)
    active = spec.mode == "active" and spec.stage == "respond"
    if active and spec.alert is None and spec.notify is None and not spec.respond:
        yield Finding((), "it has no alert, notify or respond: it decides, and nothing follows", level="warning")


def _change(spec: ChangeSpec, path: Path_) -> Iterator[Finding]:
    yield from positive_findings(spec.lasts, (*path, "lasts"))
    if spec.lasts is not None and seconds(spec.lasts) > change_records.LONGEST_S:
        yield Finding((*path, "lasts"), f"it is more than {change_records.LONGEST_S / 86400:.0f} days")
    if spec.lasts is not None and spec.state != "started":
        yield Finding((*path, "lasts"), "only what is started lasts", level="warning")
    if spec.state == "finished" and spec.key is None:
        yield Finding(
            (*path, "state"),
            "without a key nothing that runs is found: a change of its own is written",
            level="warning",
        )


def _timing(spec: PolicySpec) -> Iterator[Finding]:
    """Conditions over time, hours, and what happens while a run is under way."""
    if spec.condition is not None:
        yield from (Finding(("condition", *path), detail) for path, detail in conditions.faults(spec.condition))
        yield from _expressions(spec.condition)
    if spec.concurrency is not None:
        for index, key in enumerate(spec.concurrency.by):
            yield from compiles(key, ("concurrency", "by", index))
        if not any(response.run is not None for response in spec.respond):
            yield Finding(("concurrency",), "it has no run: there is nothing that could be under way", level="warning")
    if spec.only_during is not None:
        yield from hours_findings(spec.only_during, ("only_during",))


def _expressions(condition: Condition) -> Iterator[Finding]:
    for index, key in enumerate(condition.by):
        yield from compiles(key, ("condition", "by", index))
    for form in conditions.EXPRESSIONS:
        yield from compiles(getattr(condition, form), ("condition", form))
    for form in ("sequence", "all", "any"):
        for index, step in enumerate(getattr(condition, form) or ()):
            yield from compiles(step.where, ("condition", form, index, "where"), "bool")


def _notify(notify: Notify) -> Iterator[Finding]:
    given = [member for member in (notify.escalation, notify.team, notify.channel) if member is not None]
    if len(given) != 1:
        yield Finding(("notify",), "give exactly one of escalation, team and channel")


# Landscape, people, sensing


def _service(spec: ServiceSpec) -> Iterator[Finding]:
    yield from owner_findings(spec.owner, ("owner",))
    yield from target_findings(spec.targets)
    if spec.objective is not None and (wrong := objective.check(spec.objective)) is not None:
        yield Finding(("objective", "window"), wrong)


def _status_template(spec: StatusTemplateSpec) -> Iterator[Finding]:
    yield from templates(spec.text, ("text",))


def _team(spec: TeamSpec) -> Iterator[Finding]:
    if not spec.channels and not spec.members and spec.escalation is None:
        yield Finding((), "it has no channels, members or escalation policy: nobody can be told", level="warning")


def _channel(spec: ChannelSpec) -> Iterator[Finding]:
    yield from uses(spec.type, registry.NOTIFIERS, (), ("type",), "manifest.invalid")
    yield from fits(spec.type, registry.NOTIFIERS, spec.with_, ("with",))
    yield from credentials(spec.with_, ("with",))


def _ticket_mirror(spec: TicketMirrorSpec) -> Iterator[Finding]:
    yield from uses(spec.system, registry.ITSM, (), ("system",), "manifest.invalid")
    yield from fits(spec.system, registry.ITSM, spec.with_, ("with",))
    yield from credentials(spec.with_, ("with",))
    yield from compiles(spec.when, ("when",), "bool", mirrors.NAMES)
    yield from positive_findings(spec.poll, ("poll",))
    if spec.inbound_states and not spec.inbound:
        yield Finding(("inbound_states",), "they say nothing without `inbound: true`")


def _monitor(spec: MonitorSpec) -> Iterator[Finding]:
    yield from uses(spec.uses, registry.MONITORS, ENGINE_MONITORS, ("uses",), "manifest.invalid")
    yield from fits(spec.uses, registry.MONITORS, spec.with_, ("with",))
    yield from credentials(spec.with_, ("with",))
    if seconds(spec.every) < 1:
        yield Finding(("every",), "it must be at least 1s")
    yield from positive_findings(spec.timeout, ("timeout",))
    for index, threshold in enumerate(spec.thresholds):
        yield from _threshold(threshold, ("thresholds", index))
    yield from _ties(spec.thresholds)


def _threshold(threshold: Threshold, path: Path_) -> Iterator[Finding]:
    if threshold.hours is not None:
        yield from hours_findings(threshold.hours, (*path, "hours"))
    levels = [(name, limit) for name in _LEVELS if (limit := getattr(threshold, name)) is not None]
    if not levels:
        yield Finding(path, f"give a limit for at least one of {', '.join(_LEVELS)}")
    for (milder, mild), (worse, bad) in pairwise(levels):
        if (bad >= mild) if threshold.below else (bad <= mild):
            order = "below" if threshold.below else "above"
            yield Finding((*path, worse), f"{worse} ({bad:g}) must be {order} {milder} ({mild:g})")


def _ties(thresholds: list[Threshold]) -> Iterator[Finding]:
    sound = [
        (index, one)
        for index, one in enumerate(thresholds)
        if one.hours is None or not any(hours_findings(one.hours, ("hours",)))
    ]
    for later, one in sound:
        for earlier, other in sound:
            if earlier < later and tied(other, one):
                detail = (
                    f"it is as precise as thresholds[{earlier}], and a reading may fit both; add a condition to one"
                )
                yield Finding(("thresholds", later), detail)
                break


def _source(spec: SourceSpec) -> Iterator[Finding]:
    yield from uses(spec.type, registry.SOURCES, (), ("type",), "manifest.invalid")
    found = list(fits(spec.type, registry.SOURCES, spec.with_, ("with",)))
    yield from found
    if not found and spec.type in registry.names(registry.SOURCES):
        source = registry.source(spec.type)
        if isinstance(source, Checked):
            yield from (Finding(("with", *path), detail) for path, detail in source.faults(spec.with_))
    yield from credentials(spec.with_, ("with",))
    if spec.routing_key is not None and not spec.routing_key.startswith("secret://"):
        yield Finding(("routing_key",), "write a reference, secret://NAME, after `oncue secret set NAME`")


def _window(spec: MaintenanceWindowSpec) -> Iterator[Finding]:
    try:
        maintenance.check(spec)
    except Refusal as refusal:
        matchers = refusal.code == "silence.invalid"
        yield Finding(
            ("matchers",) if matchers else (), refusal.detail, "manifest.invalid" if matchers else refusal.code
        )
    else:
        yield from past_findings(spec, ())


def _lookup(spec: LookupSpec) -> Iterator[Finding]:
    try:
        lookup.check(spec)
    except Refusal as refusal:
        yield Finding(("rows",), refusal.detail)


def _inhibition(spec: InhibitionSpec) -> Iterator[Finding]:
    for name, side in (("source", spec.source), ("target", spec.target)):
        try:
            check_matchers(side)
        except Refusal as refusal:
            yield Finding((name,), refusal.detail)


def _correlation(spec: CorrelationRuleSpec) -> Iterator[Finding]:
    try:
        grouping.check(spec)
    except Refusal as refusal:
        yield Finding(("matchers",), refusal.detail)
    if not spec.by and spec.reach is None:
        yield Finding((), "give by, reach or both")
    yield from positive_findings(spec.within, ("within",))


_OURS: Final = ("ce-", "webhook-", "oncue-", "content-", "transfer-")
"""Beginnings of headers that a delivery sets itself."""


def _subscription(spec: SubscriptionSpec) -> Iterator[Finding]:
    yield from selector_findings(spec.match, ("match",))
    if spec.events == "facts":
        for index, pattern in enumerate(spec.match.types):
            if not pattern.startswith(("oncue.", "*", "?")):
                detail = f"{pattern!r} is no fact of OnCue's; write `events: inputs` for what comes from outside"
                yield Finding(("match", "types", index), detail, level="warning")
    webhook = spec.webhook
    if webhook is None:
        if spec.paused:
            yield Finding(("paused",), "only what is sent to a webhook can be paused; a stream is read by its consumer")
        return
    yield from positive_findings(webhook.timeout, ("webhook", "timeout"))
    for name, value in webhook.headers.items():
        path: Path_ = ("webhook", "headers", name)
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", name):
            yield Finding(path, f"{name!r} is no name of a header")
        elif name.lower().startswith(_OURS) or name.lower() in ("host", "connection"):
            yield Finding(path, "the delivery sets this header itself")
        elif not all(" " <= character <= "~" for character in value):
            yield Finding(path, "its value must be printable ASCII")
        elif name.lower() == "authorization" and not value.startswith("secret://"):
            detail = "this looks like a credential in clear text; write secret://NAME after `oncue secret set NAME`"
            yield Finding(path, detail, level="warning")
    if not webhook.secrets:
        yield Finding(("webhook",), "without `secrets` the consumer cannot know who sends", level="warning")


def _export(spec: ExportSpec) -> Iterator[Finding]:
    yield from selector_findings(spec.match, ("match",))
    for index, pattern in enumerate(spec.match.types):
        if pattern.startswith("oncue."):
            detail = f"{pattern!r} is a fact of OnCue's; only events from outside can be shared"
            yield Finding(("match", "types", index), detail)
    if spec.match == type(spec.match)():
        yield Finding(("match",), "it is empty: every event of the namespace is shared", level="warning")


def _outbound(spec: OutboundAllowSpec) -> Iterator[Finding]:
    if "/" in spec.host:
        try:
            network = ipaddress.ip_network(spec.host)
        except ValueError as error:
            yield Finding(("host",), str(error))
        else:
            if network.prefixlen == 0:
                yield Finding(("host",), "this allows every address", level="warning")
    elif not re.fullmatch(r"[A-Za-z0-9.:_-]+", spec.host):
        yield Finding(("host",), f"{spec.host!r} is not a name, an address or a CIDR range")
    if spec.expires is not None:
        try:
            datetime.fromisoformat(spec.expires)
        except ValueError:
            yield Finding(("expires",), f"{spec.expires!r} is not a date or an instant; write 2027-05-01T00:00:00Z")


def _sap_system(spec: SAPSystemSpec) -> Iterator[Finding]:
    yield from owner_findings(spec.owner, ("owner",))
    seen: dict[tuple[str, str], int] = {}
    for index, one in enumerate(spec.instances):
        first = seen.setdefault(one.key, index)
        if first != index:
            detail = f"instances[{first}] is the instance {one.number} of {one.host} already"
            yield Finding(("instances", index), detail)


# Shared


_CHECKS: Final[dict[type[Spec], Callable[[Any], Iterator[Finding]]]] = {
    PolicySpec: _policy,
    WorkflowSpec: workflow_findings,
    ServiceSpec: _service,
    TeamSpec: _team,
    StatusTemplateSpec: _status_template,
    ChannelSpec: _channel,
    TicketMirrorSpec: _ticket_mirror,
    PersonSpec: person_findings,
    EscalationPolicySpec: escalation_findings,
    MonitorSpec: _monitor,
    SourceSpec: _source,
    OutboundAllowSpec: _outbound,
    MaintenanceWindowSpec: _window,
    InhibitionSpec: _inhibition,
    LookupSpec: _lookup,
    CorrelationRuleSpec: _correlation,
    SubscriptionSpec: _subscription,
    ExportSpec: _export,
    SAPSystemSpec: _sap_system,
    ChangeTemplateSpec: template_findings,
    ChangeCalendarSpec: calendar_findings,
    ChangeRuleSpec: rule_findings,
    PlannedChangeSpec: change_findings,
}
