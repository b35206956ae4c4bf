"""Manifests: configuration as documents with one schema each.

`apiVersion: oncue/v1`, `kind`, `metadata`, `spec`. Unknown keys are refused, with a suggestion. The structs here and in
the modules of the concepts are the schema: the API, the CLI, the console and the engine read the same ones.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.change_record import ChangeSpec
from oncue.core.change_spec import ChangeCalendarSpec, ChangeRuleSpec, ChangeTemplateSpec, PlannedChangeSpec
from oncue.core.condition import Condition, Match
from oncue.core.contact import Addressee, ChannelSpec, EscalationPolicySpec, PersonSpec, TeamSpec, TimeTargets
from oncue.core.duration import Duration
from oncue.core.export import ExportSpec
from oncue.core.lookup import LookupSpec
from oncue.core.mirror import TicketMirrorSpec
from oncue.core.objective import Objective
from oncue.core.override import Override
from oncue.core.prioritise import Priority, PriorityMatrixSpec
from oncue.core.shaped import Links, ShapeSet
from oncue.core.silence import Matcher
from oncue.core.spec import Name, Spec
from oncue.core.subscription import SubscriptionSpec
from oncue.core.ticket import TicketType
from oncue.core.workflow_spec import WorkflowSpec

API_VERSION: Final = "oncue/v1"

RUNBOOK: Final = "runbook:"
"""What a text that names a `Runbook` begins with."""

Called = Annotated[str, msgspec.Meta(min_length=1, max_length=255, description="A name as events write it")]
Targets = Annotated[list[Called], msgspec.Meta(max_length=1000)]

Host = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}$", description="A name or an address")]


class Metadata(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """Who a manifest is."""

    name: Name
    namespace: Name | None = None
    """None takes the namespace of whoever applies it; `default` for an administrator."""
    labels: dict[str, str] = {}
    """For people and for searching; values are text."""
    owner: str | None = None
    """`team:name` or `user:name`: who answers for it."""
    review_by: str | None = None
    """A date, as 2027-05-01, by which someone should look whether it is still right."""
    description: str | None = None
    """What it is for."""


# Policy: sense -> decide -> respond


class Throttle(Spec, kw_only=True, frozen=True):
    """How many alerts call people within a time. The others are quiet (`throttled`), and are heard one after the other as
    there is room, if they still fire then."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    """How many."""
    within: Duration
    """The sliding time."""
    by: Annotated[list[str], msgspec.Meta(max_length=8)] = []
    """Labels, or fields as in a matcher, for whose values it counts apart, as `service`; by default it counts all."""


class AlertShape(Spec, kw_only=True, frozen=True):
    """How a policy shapes the alert. Strings may hold `${CEL}`."""

    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    title: str | None = None
    description: str | None = None
    runbook: str | None = None
    fingerprint: str | None = None
    """What makes two problems the same alert; by default resource and check. The recovery of one of them ends it."""
    resource: str | None = None
    service: str | None = None
    labels: dict[str, str] = {}
    links: Links = []
    ttl: Duration | None = None
    """It is over when it has not been repeated for so long."""
    wait: Duration | None = None
    """How long nobody is told, because it usually resolves by itself; what the policy does otherwise, it does at once."""
    throttle: Throttle | None = None
    """How many of the alerts that it shapes call people within a time."""
    late_after: Duration | None = None
    """How much older than its arrival an event's own `time` may be before it is late; 10m if it is not given."""


class Notify(Spec, kw_only=True, frozen=True):
    """Whom to tell. Give one. `escalation: owner` is the owner of the affected service."""

    escalation: Name | None = None
    """The name of an escalation policy, or `owner`."""
    team: str | None = None
    """A team's name: by its escalation policy, or all its channels."""
    channel: str | None = None
    """A channel's name."""


class RunRef(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """A workflow to run, with its inputs. Strings may hold `${CEL}`."""

    workflow: str
    """Its name, in the policy's namespace."""
    with_: dict[str, Any] = {}
    """The workflow's inputs."""


class TicketSpec(Spec, kw_only=True, frozen=True):
    """A ticket to write. Strings may hold `${CEL}`. A policy has one for each incident: what fires again while it is not
    closed is a comment on it, and what returns opens it again."""

    type: TicketType = "incident"
    title: str | None = None
    """By default the alert's."""
    description: str | None = None
    """By default what happened, in a sentence."""


class Response(Spec, kw_only=True, frozen=True):
    """One response of a policy. Give one."""

    run: RunRef | None = None
    ticket: TicketSpec | None = None
    change: ChangeSpec | None = None
    """What happened is a change: incidents that begin soon after name it."""


class MaxRuns(Spec, kw_only=True, frozen=True):
    """At most `count` firings within a time."""

    count: Annotated[int, msgspec.Meta(ge=1)]
    within: Duration
    """The sliding window."""


class Limits(Spec, kw_only=True, frozen=True):
    """Bounds on what a policy may do, per key."""

    cooldown: Duration | None = None
    """How long after it fired it does not fire again."""
    max_runs: MaxRuns | None = None
    """How often it may fire."""


class Concurrency(Spec, kw_only=True, frozen=True):
    """What a policy does when it fires while a run of its own is under way for the same key."""

    by: list[str] = []
    """CEL expressions that make the key; the policy's own key if none is given."""
    when_busy: Literal["queue", "skip", "restart", "parallel"] = "queue"
    """`queue`: it waits until the run has ended; `skip`: it does nothing; `restart`: it stops the run and starts anew;
    `parallel`: it starts another."""
    max_queued: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    """How many may wait for a key; what fires then does nothing."""


class PolicySpec(Spec, kw_only=True, frozen=True, rename={"set_": "set"}):
    """Sense, decide, respond."""

    description: str | None = None
    """What it is for; told to whoever is notified."""
    mode: Literal["active", "observe"] = "active"
    """`observe` decides and records, and does nothing."""
    stage: Literal["shape", "respond"] = "respond"
    """`shape` sets what an event has, before alerts are made and other policies look at it."""
    priority: Annotated[int, msgspec.Meta(ge=-1000, le=1000)] = 0
    """Of the stage `shape`: the lower goes first, then the name."""
    match: Match
    """Sense: which events it looks at."""
    set_: ShapeSet | None = None
    """Of the stage `shape`: what it sets."""
    condition: Condition | None = None
    """What must hold over time before it fires; without one, every matching event fires it."""
    only_during: str | None = None
    """Hours outside of which it does nothing, and says so, as in `Mon-Fri 08:00-18:00 Europe/Berlin`."""
    skip_when: list[str] = []
    """CEL guards; if one is true, the policy does nothing, and says so."""
    alert: AlertShape | None = None
    """How it shapes the alert that a problem makes anyway."""
    notify: Notify | None = None
    """Whom to tell, instead of the owner of the service."""
    respond: list[Response] = []
    """What to do: workflows to run, tickets to write."""
    limits: Limits | None = None
    """How often it may do it."""
    concurrency: Concurrency | None = None
    """What it does while runs that it started are under way; without it, it starts others beside them."""
    overrides: Annotated[list[Override], msgspec.Meta(max_length=1000)] = []
    """What it has otherwise for some of its events, or at some hours; of those that fit, the most precise one counts."""


# Landscape and people


class ServiceSpec(Spec, kw_only=True, frozen=True):
    """What people depend on."""

    description: str | None = None
    """What people use it for."""
    owner: str | None = None
    """`team:name`; the default addressee of its incidents."""
    criticality: Literal["low", "medium", "high", "critical"] = "medium"
    """The impact half of an incident's priority."""
    resources: list[str] = []
    """Resources that belong to it: exact, or globs with `*`."""
    labels: dict[str, str | list[str]] = {}
    """Events whose labels match belong to it, too."""
    depends_on: Targets = []
    """Resources, by name or alias, and services that it needs; `service:name` and `resource:name` say which is meant."""
    audience: Annotated[list[Addressee], msgspec.Meta(max_length=100)] = []
    """Who hears the status updates of its incidents, besides those who work on them."""
    escalation: Name | None = None
    """The escalation policy of its incidents; by default that of the team that owns it."""
    targets: dict[Priority, TimeTargets] = {}
    """How fast its incidents are to be taken up and over; by default as the escalation policy says."""
    objective: Objective | None = None
    """How much of the time it is to be available."""


class ResourceSpec(Spec, kw_only=True, frozen=True):
    """A part of the landscape: a machine, a database, a queue, a network, an application. Alerts about it are found by
    its name or an alias; along its dependencies they are put together, and causes are told from symptoms."""

    type: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$")] = "resource"
    """What it is, as `host`, `database`, `switch`: a word of yours."""
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """What people call it."""
    aliases: Annotated[list[Called], msgspec.Meta(max_length=50)] = []
    """What else events call it, exactly as they write it."""
    depends_on: Targets = []
    """What it needs: resources by name or alias, or services. What is not there yet may come later."""
    runs_on: Targets = []
    """What carries it: an application's host, a host's hypervisor."""
    part_of: Targets = []
    """What it is a part of: a cluster, a rack, a network."""
    criticality: Literal["low", "medium", "high", "critical"] | None = None
    """How much it matters; by default as much as the services that need it."""
    owner: str | None = None
    """`team:name`: who looks after it."""
    service: Name | None = None
    """The service that it provides; its alerts are that service's."""
    labels: dict[str, str] = {}
    """For people and for rules."""


class RunbookStep(Spec, kw_only=True, frozen=True):
    """One step of a runbook. People do it, and tick it."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    """What to do."""
    text: Annotated[str, msgspec.Meta(max_length=5000)] = ""
    """How, and how to see that it is done."""
    link: Annotated[str, msgspec.Meta(pattern=r"^(https?://|/)[^\s]{1,1000}$")] | None = None
    """Where more is said."""
    workflow: str | None = None
    """The name of a workflow that does it."""


class RunbookSpec(Spec, kw_only=True, frozen=True):
    """What to do about something, step by step. Where an alert's `runbook` is `runbook:name`, its incident has the steps
    as a checklist."""

    description: Annotated[str, msgspec.Meta(max_length=5000)] | None = None
    """When it is the right one."""
    steps: Annotated[list[RunbookStep], msgspec.Meta(min_length=1, max_length=100)]
    """In the order in which people take them."""


class StatusTemplateSpec(Spec, kw_only=True, frozen=True):
    """A text for status updates. It may hold `${CEL}` over `incident`."""

    description: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    """When to use it."""
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=10000)]
    """As in `We look into ${incident.title}.`"""


class ThresholdMatch(Spec, kw_only=True, frozen=True):
    """Which readings a threshold is for; all that is given must fit. `*` stands for any text."""

    resource: str | None = None
    """What the readings are about."""
    instance: str | None = None
    """Which of several, as the mount point of a disk."""
    labels: dict[str, str] = {}
    """The reading's, or the monitor's."""


class Threshold(Spec, kw_only=True, frozen=True):
    """Limits on one metric of a monitor. With `below: true` a low value is bad.

    Of several on the same metric, each reading is judged by the most precise one that fits it: the one with the most
    exact conditions, then the most conditions with `*`, then one with hours.
    """

    metric: str
    """As the monitor's page lists them."""
    match: ThresholdMatch | None = None
    """Readings that it is for; None is all."""
    hours: str | None = None
    """When it holds, as in `Mon-Fri 08:00-18:00 Europe/Berlin`; None is always."""
    warning: float | None = None
    minor: float | None = None
    major: float | None = None
    critical: float | None = None
    below: bool = False
    """Whether a low value is bad."""
    hysteresis: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    """How far back inside the limit the value must come to clear."""
    readings: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """Consecutive readings before a change of state."""
    runbook: str | None = None
    """What to do about it, for its alerts; an address or a sentence. By default the monitor's."""


class MonitorSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """An active probe."""

    uses: str
    """One of the reference of monitors, as `host.cpu`, `http` or `sql`, or of a plugin."""
    every: Duration = "30s"
    """How often; of a heartbeat: how often it must come."""
    timeout: Duration = "10s"
    """Of one probe."""
    resource: str | None = None
    """What its events are about; by default what the monitor says, as this machine."""
    service: str | None = None
    """The service that its alerts affect."""
    labels: dict[str, str] = {}
    """Given to its samples and events."""
    with_: dict[str, Any] = {}
    """What the monitor takes; credentials as `secret://name`."""
    thresholds: list[Threshold] = []
    """Limits on its metrics; the most precise one that fits a reading and the hour counts."""
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """Failed probes in a row that are forgiven before the alarm."""
    grace: Duration = "30s"
    """Heartbeats: how late one may be."""
    severity: Literal["warning", "minor", "major", "critical"] = "major"
    """Of a probe that fails or a heartbeat that stays away."""
    runbook: str | None = None
    """What to do about its alerts; an address or a sentence."""


class SourceSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """Receives events from outside in some format, at `/in/{name}` or at the endpoint of its protocol."""

    type: str
    """What the sender speaks, as `json`, `github` or `cloudevents`: one of the reference of sources, or of a plugin."""
    description: str | None = None
    """Who sends here."""
    service: str | None = None
    """For events that name none."""
    labels: dict[str, str] = {}
    """Added to events that lack them."""
    with_: dict[str, Any] = {}
    """What the source takes."""
    routing_key: str | None = None
    """PagerDuty: `secret://name` of the 32-character key that senders use."""


class MaintenanceWindowSpec(Spec, kw_only=True, frozen=True):
    """When alerts that match call nobody, for someone works on it. Give `ends_at` or `duration`; `duration` with `rrule`."""

    description: str | None = None
    """What is done then; shown on the alerts that it makes quiet."""
    matchers: tuple[Matcher, ...]
    """All must hold; as in a silence."""
    starts_at: str
    """As 2027-05-01T22:00, on the wall clock of `zone`, or with an offset. Of `rrule` the first beginning, if it is one."""
    ends_at: str | None = None
    """As `starts_at`; of a window that is open once."""
    duration: Duration | None = None
    """How long it is open, in real time."""
    rrule: str | None = None
    """When it opens again, as RFC 5545 has it: `FREQ=WEEKLY;BYDAY=SA`."""
    zone: str = "UTC"
    """Whose wall clock is meant, as Europe/Berlin."""
    remind_before: Duration | None = None
    """How long before it closes its owner is reminded, or whoever applied it. By default 15m or a tenth of it, whichever is
    shorter; with `rrule` not at all."""


class InhibitionSpec(Spec, kw_only=True, frozen=True):
    """While an alert fires that `source` matches, those that `target` matches and whose `equal` labels agree call nobody.
    With `downstream` they must also be about something that needs what the source is about."""

    description: str | None = None
    """Why one makes the others uninteresting."""
    source: tuple[Matcher, ...]
    """All must hold for the alert that inhibits."""
    target: tuple[Matcher, ...]
    """All must hold for the alerts that are inhibited. One that both match is not inhibited by one that both match."""
    equal: list[str] = []
    """Labels, or fields as in a matcher. One that both lack is equal."""
    downstream: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    """Over how many hops of the topology the target may need the source. Alerts are then quiet as `downstream_of`, and one
    that both match may make others quiet that both match."""


class CorrelationRuleSpec(Spec, kw_only=True, frozen=True):
    """Which alerts belong together, beyond what the topology says, or how far that may reach for them. Give `by`, `reach`
    or both."""

    description: str | None = None
    """Why they belong together."""
    matchers: tuple[Matcher, ...]
    """Alerts that it is for; all must hold, as in a silence."""
    by: Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]], msgspec.Meta(max_length=10)] = []
    """Labels, or fields as in a matcher: alerts in which all of them have the same values are one incident."""
    within: Duration = "15m"
    """How long after the incident's newest alert another one joins it."""
    reach: Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None
    """How many steps along the topology are looked at for such an alert; 0 puts it together with nothing around it."""


class OutboundAllowSpec(Spec, kw_only=True, frozen=True):
    """An exception to the guard on outbound connections."""

    host: str
    """A name, an address or a CIDR range."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """None allows every port."""
    expires: str | None = None
    """A date or an instant after which it allows nothing."""
    reason: str | None = None
    """Why it is needed."""


class SAPInstance(Spec, kw_only=True, frozen=True):
    """One instance of a SAP system."""

    host: Host
    """As the system itself calls it."""
    number: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}$")]
    """The instance number, in quotes: `"00"`."""
    features: Annotated[
        list[Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]], msgspec.Meta(max_length=32)
    ] = []
    """What it does, as SAPControl says it: `ABAP`, `MESSAGESERVER`, `ENQUE`, `HDB` and so on."""
    start_priority: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3})?$")] | None = None
    """Lower ones start first and stop last; in quotes: `"0.5"`."""
    http_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """Of its start service; by default 5NN13."""
    https_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    """Of its start service; by default 5NN14."""

    @property
    def key(self) -> tuple[str, str]:
        """The same for the same instance, whether its host is written with its domain or without."""
        host = self.host.lower()
        address = ":" in host or host.replace(".", "").isdigit()
        return (host if address else host.partition(".")[0], self.number)


class SAPDatabase(Spec, kw_only=True, frozen=True):
    """The database that a SAP system keeps its data in."""

    type: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{2,20}$")]
    """As the profile parameter dbms/type has it: `hdb` is HANA."""
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """Of HANA, the tenant's."""
    host: Host | None = None
    """Where it answers."""
    instance: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{2}$")] | None = None
    """Of HANA: the instance number, in quotes."""


class SAPSystemSpec(Spec, kw_only=True, frozen=True):
    """A SAP system: what it is for, and what it consists of. Its name is its SID in lower case.

    Its monitors find it by the SID, and report instances that differ from those declared here.
    """

    sid: Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{2}$")]
    """The system's id, as `PRD`."""
    description: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    """What people should know of it."""
    tier: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] | None = None
    """`production`, `test`, `development` or a word of yours."""
    role: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    """What it is for, as `erp` or `bw`."""
    owner: str | None = None
    """`team:name`: who looks after it."""
    service: str | None = None
    """The service that it provides."""
    instances: Annotated[list[SAPInstance], msgspec.Meta(min_length=1, max_length=500)]
    """All of them, wherever they run."""
    database: SAPDatabase | None = None
    """Left out where it is not known."""


KINDS: Final[dict[str, type[Spec]]] = {
    "Policy": PolicySpec,
    "Workflow": WorkflowSpec,
    "Service": ServiceSpec,
    "Resource": ResourceSpec,
    "Team": TeamSpec,
    "Runbook": RunbookSpec,
    "StatusTemplate": StatusTemplateSpec,
    "Channel": ChannelSpec,
    "Person": PersonSpec,
    "EscalationPolicy": EscalationPolicySpec,
    "Monitor": MonitorSpec,
    "Source": SourceSpec,
    "MaintenanceWindow": MaintenanceWindowSpec,
    "Inhibition": InhibitionSpec,
    "Lookup": LookupSpec,
    "CorrelationRule": CorrelationRuleSpec,
    "PriorityMatrix": PriorityMatrixSpec,
    "Export": ExportSpec,
    "Subscription": SubscriptionSpec,
    "TicketMirror": TicketMirrorSpec,
    "OutboundAllow": OutboundAllowSpec,
    "SAPSystem": SAPSystemSpec,
    "ChangeTemplate": ChangeTemplateSpec,
    "ChangeCalendar": ChangeCalendarSpec,
    "ChangeRule": ChangeRuleSpec,
    "Change": PlannedChangeSpec,
}


class Manifest(msgspec.Struct, kw_only=True):
    """An accepted version of a manifest: the entity that the engine keeps. `spec` is the document's, as given."""

    id: str
    """`Kind/namespace/name`."""
    kind: str
    namespace: str
    name: str
    generation: int
    hash: str
    """SHA-256 over the canonical JSON of labels, owner and spec."""
    labels: dict[str, str]
    owner: str | None
    review_by: str | None
    description: str | None
    spec: Any
    text: str | msgspec.UnsetType = msgspec.UNSET
    """The document as its author wrote it, comments included, where that says more than the data does."""
    applied_by: str
    updated_at: datetime
    deleted: bool = False
    position: str = ""
