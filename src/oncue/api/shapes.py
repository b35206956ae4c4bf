"""What the API answers where it is not an entity of `core`: read models, for the OpenAPI document and its clients."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from oncue.core.incident import Incident
from oncue.core.manifest import Manifest, SAPDatabase
from oncue.core.monitor import MonitorState
from oncue.core.policy import PolicyStats
from oncue.core.respond import Decision


class EventRecord(msgspec.Struct, kw_only=True):
    """One record of the journal."""

    position: str
    recorded_at: datetime
    id: str
    type: str
    source: str
    namespace: str
    origin: str
    """The source, monitor, worker or API through which it came."""
    actor: str | None
    """Who sent it, or asked for it; null of facts, whose command says so."""
    person: str | None = None
    """The person who sent it, with a token of theirs or without."""
    derived: bool
    """A fact of the engine's own."""
    rejected: bool
    severity: str | None = None
    resource: str | None = None
    service: str | None = None
    title: str | None = None
    time: str | None = None
    event: dict[str, Any]
    """The CloudEvent as it is stored."""


class Fact(msgspec.Struct, kw_only=True):
    """What the engine derived, and from what."""

    position: str
    recorded_at: datetime
    type: str
    namespace: str
    kind: str
    id: str
    """Of the entity it is about."""
    input_position: str
    cause_position: str
    actor: str | None = None
    """Of what happened to a run: who asked for it, by a command. Told by timelines and explanations; null if nobody did."""
    event: dict[str, Any]


class DecisionRecord(Decision, kw_only=True):
    """A decision, and where it stands in the journal."""

    position: str
    recorded_at: datetime


class StoryNode(msgspec.Struct, kw_only=True):
    """One thing of a story: an event, a fact, or what did not happen."""

    id: str
    kind: Literal["input", "fact", "decision", "near_miss", "quiet"]
    position: str | None
    at: datetime
    type: str
    title: str
    about_kind: str | None = None
    about_id: str | None = None
    outcome: str | None = None
    reason: str | None = None
    detail: str | None = None
    severity: str | None = None


class StoryEdge(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """That one thing caused another, or kept it from happening."""

    from_: str
    to: str
    kind: Literal["caused", "asked", "prevented"]


class Story(msgspec.Struct, kw_only=True):
    """What an event caused, and what it did not."""

    root: str
    nodes: list[StoryNode]
    edges: list[StoryEdge]
    truncated: bool


class PolicyView(msgspec.Struct, kw_only=True):
    """A policy and how it fares."""

    id: str
    namespace: str
    name: str
    generation: int
    mode: str
    description: str | None
    owner: str | None
    labels: dict[str, str]
    spec: dict[str, Any]
    stats: PolicyStats
    updated_at: datetime
    applied_by: str


class ServiceView(msgspec.Struct, kw_only=True):
    """A service and how it is."""

    id: str
    namespace: str
    name: str
    description: str | None
    owner: str | None
    criticality: str
    severity: str
    """The worst of its firing alerts that are not quiet; `clear` if there is none."""
    alerts_firing: int
    incidents_open: int
    manifest: Manifest | None = None


class MetricView(msgspec.Struct, kw_only=True):
    """What a monitor reads."""

    metric: str
    label: str
    """What people call it."""
    unit: str
    """Of its values; empty if they have none."""


class MonitorView(msgspec.Struct, kw_only=True):
    """A monitor and how it is."""

    manifest: Manifest | None
    state: MonitorState | None
    resource: str | None = None
    """What its readings are about; None if it cannot work."""
    metrics: list[MetricView] = []
    """What monitors of its type read."""


SAPState = Literal["GREEN", "YELLOW", "RED", "GRAY", "unknown"]


class SAPInstanceView(msgspec.Struct, kw_only=True):
    """An instance of a SAP system, as it was declared and as it is."""

    name: str
    """The resource of its alerts: what its monitors call it, else as SAP writes it, `host_SID_NN`."""
    host: str
    number: str
    features: list[str]
    start_priority: str | None
    declared: bool
    """Whether the SAPSystem names it; else the system itself lists it."""
    state: SAPState
    """The worst in the newest minute of readings by a `sap.system` monitor; gray is stopped. `unknown` if there is no monitor,
    if its readings are old, or if the system does not list the instance."""
    seen_at: datetime | None
    """The beginning of that minute; None if there never was one."""
    severity: str = "clear"
    """The worst of its firing alerts that are not quiet."""
    alerts_firing: int = 0


class SAPSystemView(msgspec.Struct, kw_only=True):
    """A SAP system, as it was declared and as it is."""

    id: str
    namespace: str
    name: str
    sid: str
    description: str | None
    tier: str | None
    role: str | None
    owner: str | None
    service: str | None
    database: SAPDatabase | None
    severity: str = "clear"
    """The worst of the firing alerts about the system or its instances that are not quiet."""
    alerts_firing: int = 0
    instances: list[SAPInstanceView]
    """Those that are declared, in their order; then those that only the system lists."""
    monitors: list[str]
    """Names of the monitors that ask it, by their SID."""
    manifest: Manifest


class ListeningView(msgspec.Struct, kw_only=True):
    """How a source is that has a socket of its own."""

    address: str
    """As `udp://0.0.0.0:5514`."""
    state: Literal["starting", "listening", "overloaded", "failing"]
    """`overloaded` while messages are lost because more come than can be taken."""
    detail: str | None
    since: datetime
    connections: int
    """Open at present."""
    lost: int
    """Messages that were dropped since the worker started."""


class SourceView(msgspec.Struct, kw_only=True):
    """A source and what came through it since the server started."""

    id: str
    namespace: str
    name: str
    type: str
    path: str
    """Where senders send to."""
    description: str | None
    configured: bool
    """From a manifest; the endpoints of the protocols are there without one."""
    accepted: int
    duplicates: int
    rejected: int
    rate_per_minute: float
    last_event_at: datetime | None
    last_error: str | None
    last_error_at: datetime | None
    listening: ListeningView | None = None
    """Of a source that has a socket of its own."""


class SourceType(msgspec.Struct, kw_only=True):
    """What the `type` of a Source may be: one for each format that senders speak, plugins included."""

    type: str
    summary: str
    """What it takes, and how its senders authenticate."""
    settings: dict[str, Any]
    """The JSON Schema of the manifest's `with`."""
    problem: str | None = None
    """Why it cannot be used: its plugin does not load."""


class DeadLetter(msgspec.Struct, kw_only=True):
    """Input that was refused or that the engine could not process, kept for a redrive."""

    id: int
    namespace: str
    origin: str
    code: str
    detail: str
    at: datetime
    position: str | None
    redriven_at: datetime | None
    state: Literal["waiting", "redriven"]
    body: str
    """As text; bytes that are not UTF-8 are shown escaped."""


class Bucket(msgspec.Struct, kw_only=True):
    """A minute."""

    at: datetime
    inputs: int
    events: int


class Funnel(msgspec.Struct, kw_only=True):
    """How much noise became how few calls, in the last 24 hours."""

    events: int
    alerts: int
    incidents: int
    notifications: int


class FailedPolicy(msgspec.Struct, kw_only=True):
    """A policy that should have done something within the last 24 hours, and could not, or not wholly."""

    policy: str
    """`namespace/name`."""
    failed: int
    """How often."""
    last_at: datetime
    detail: str
    """Why, the last time."""


class Now(msgspec.Struct, kw_only=True):
    """One glance at what is wrong."""

    at: datetime
    position: str
    incidents_by_priority: dict[str, int]
    alerts_by_severity: dict[str, int]
    alerts_quiet: int
    incidents: list[Incident]
    """The open ones by priority, then age, at most 20."""
    rate: list[Bucket]
    funnel: Funnel
    runs_active: int
    monitors_failing: int
    dead_letters: int
    policies_failed: list[FailedPolicy]
    """The last one first."""


class Point(msgspec.Struct, kw_only=True):
    """One interval of a series."""

    at: datetime
    count: int
    mean: float
    min: float
    max: float


class Series(msgspec.Struct, kw_only=True):
    """A series of samples."""

    series: str
    namespace: str
    resource: str
    metric: str
    labels: dict[str, str]
    step_s: int
    points: list[Point]


class Explanation(msgspec.Struct, kw_only=True):
    """Why a thing is as it is, in sentences, and the facts they rest on."""

    kind: str
    id: str
    namespace: str
    summary: str
    reasons: list[str]
    decisions: list[DecisionRecord]
    facts: list[Fact]


class Mail(msgspec.Struct, kw_only=True):
    """A mail in the local mailbox."""

    id: str
    at: datetime
    sender: str
    to: list[str]
    subject: str
    text: str | None = None
    html: str | None = None


class OutsideView(msgspec.Struct, kw_only=True):
    """Whether something outside notices when this server falls silent: the dead-man ping."""

    state: Literal["ok", "warn", "fail"]
    seen: str
    """How it stands, in words."""
    hint: str
    """What to do about it; empty if nothing is to be done."""
    set_up: bool
    host: str | None = None
    """Where it goes; the path is a credential."""
    every_s: float | None = None
    last_success_at: datetime | None = None
    """When the outside last took it that all is well, since the worker started."""
    last_error_at: datetime | None = None


class ItselfView(msgspec.Struct, kw_only=True):
    """Who watches this server."""

    outside: OutsideView
    monitors: list[MonitorView]
    """Those of the service that the monitor of the type `oncue` belongs to, in the namespace default."""


class Change(msgspec.Struct, kw_only=True):
    """What applying a manifest does."""

    id: str
    change: Literal["created", "updated", "unchanged", "deleted", "absent"]
    generation: int | None
    diff: list[str] = []
    """Unified, between the canonical YAML-like JSON of both."""


class Applied(msgspec.Struct, kw_only=True):
    """What was, or in a dry run would be, applied."""

    dry_run: bool
    changes: list[Change]
    warnings: list[str] = []
    proposed: str | None = None
    """The change that was drafted to do it, if it was only proposed."""


class LogLine(msgspec.Struct, kw_only=True):
    """A line that the work of a step told. Secrets in it are masked."""

    sequence: int
    """Ever higher; `after` takes it."""
    at: datetime
    """When it was told."""
    step: str
    """The step's address."""
    attempt: int
    stream: str
    """`out` or `err` of a program; empty for the action's own words."""
    text: str


class StepProgress(msgspec.Struct, kw_only=True):
    """How far an attempt was, by its newest word."""

    step: str
    attempt: int
    at: datetime
    done: float
    """From 0 to 1."""
    text: str
    """What is being done."""


class RunLog(msgspec.Struct, kw_only=True):
    """A part of what the work of a run told."""

    items: list[LogLine]
    next: int | None
    """`after` of the part that follows; null at the end as it is now."""
    progress: list[StepProgress]
    """Of every attempt that told any, the newest word first."""
    left_out: int
    """Lines, the oldest, that went because the run had more than is kept."""


class ActionFailure(msgspec.Struct, kw_only=True):
    """What an action may fail with."""

    code: str
    meaning: str
    transient: bool
    """Whether another try may help."""


class ActionView(msgspec.Struct, kw_only=True):
    """What a step may `use`: the actions that come with OnCue, the engine's own, and those of other packages."""

    name: str
    summary: str
    description: str
    inputs: dict[str, Any]
    """The JSON Schema of the step's `with`."""
    outputs: dict[str, Any]
    """The JSON Schema of its result."""
    effect_classes: list[str]
    """What a crash in the middle may mean: all that its inputs can make of it. Empty for what the engine does itself."""
    errors: list[ActionFailure]
    """Beside those that any action may fail with."""
    package: str
    version: str
    problem: str | None = None
    """Why it cannot be used: its plugin does not load."""
