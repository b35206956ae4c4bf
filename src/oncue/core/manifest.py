"""Manifests: configuration as documents with one schema each.

`apiVersion: oncue/v1`, `kind`, `metadata`, `spec`. Unknown keys are refused, with a suggestion. The structs here and in
the modules of the concepts are the schema: the API, the CLI, the console and the engine read the same ones.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.duration import Duration

API_VERSION: Final = "oncue/v1"

Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$", description="Lower-case letters, digits, dots and hyphens"
    ),
]


class Metadata(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """Who a manifest is."""

    name: Name
    namespace: Name | None = None
    """None takes the namespace of whoever applies it; `default` for an administrator."""
    labels: dict[str, str] = {}
    owner: str | None = None
    review_by: str | None = None
    description: str | None = None


class Spec(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What every kind's spec has in common: unknown keys are refused."""


# Policy: sense -> decide -> respond


class Match(Spec, kw_only=True, frozen=True):
    """Which events a policy looks at. All that is given must hold. Indexed, except for `where`."""

    types: list[str] = []
    """Exact types, or globs with `*`."""
    severities: list[str] = []
    labels: dict[str, str | list[str]] = {}
    resources: list[str] = []
    """Exact, or globs with `*`."""
    services: list[str] = []
    sources: list[str] = []
    where: str | None = None
    """CEL, evaluated for candidates only."""


class Condition(Spec, kw_only=True, frozen=True, rename={"for_": "for"}):
    """What must hold over time. Give one of `for`, `count`, or a threshold (`value` with `fire_above` or `fire_below`);
    a threshold may be combined with `for`."""

    for_: Duration | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None
    within: Duration | None = None
    by: list[str] = []
    """CEL expressions that make the key; the event's resource if none is given."""
    value: str | None = None
    fire_above: float | None = None
    clear_below: float | None = None
    fire_below: float | None = None
    clear_above: float | None = None


class AlertShape(Spec, kw_only=True, frozen=True):
    """How a policy shapes the alert. Strings may hold `${CEL}`."""

    severity: Literal["info", "warning", "minor", "major", "critical"] | None = None
    title: str | None = None
    description: str | None = None
    runbook: str | None = None
    fingerprint: str | None = None
    resource: str | None = None
    service: str | None = None
    labels: dict[str, str] = {}
    ttl: Duration | None = None


class Notify(Spec, kw_only=True, frozen=True):
    """Whom to tell. Give one. `escalation: owner` is the owner of the affected service."""

    escalation: Literal["owner"] | None = None
    team: str | None = None
    channel: str | None = None


class RunRef(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """A workflow to run, with its inputs. Strings may hold `${CEL}`."""

    workflow: str
    with_: dict[str, Any] = {}


class TicketSpec(Spec, kw_only=True, frozen=True):
    """A ticket to write. Strings may hold `${CEL}`."""

    type: Literal["incident", "change", "request", "problem"] = "incident"
    title: str | None = None
    description: str | None = None


class Response(Spec, kw_only=True, frozen=True):
    """One response of a policy. Give one."""

    run: RunRef | None = None
    ticket: TicketSpec | None = None


class MaxRuns(Spec, kw_only=True, frozen=True):
    """At most `count` firings within a time."""

    count: Annotated[int, msgspec.Meta(ge=1)]
    within: Duration


class Limits(Spec, kw_only=True, frozen=True):
    """Bounds on what a policy may do, per key."""

    cooldown: Duration | None = None
    max_runs: MaxRuns | None = None


class PolicySpec(Spec, kw_only=True, frozen=True):
    """Sense, decide, respond."""

    description: str | None = None
    mode: Literal["active", "observe"] = "active"
    match: Match
    condition: Condition | None = None
    skip_when: list[str] = []
    alert: AlertShape | None = None
    notify: Notify | None = None
    respond: list[Response] = []
    limits: Limits | None = None


# Workflow


class Retry(Spec, kw_only=True, frozen=True):
    """How often and when to try again."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    initial: Duration = "2s"
    factor: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)] = 2.0
    max_delay: Duration = "5m"
    errors: list[str] = []


class StepSpec(Spec, kw_only=True, frozen=True, rename={"if_": "if", "with_": "with"}):
    """One step of a workflow."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    uses: str
    with_: dict[str, Any] = {}
    if_: str | None = None
    outputs: dict[str, str] = {}
    """Name to CEL over `result`."""
    timeout: Duration = "1m"
    retry: Retry | None = None
    on_failure: Literal["fail", "continue"] = "fail"


class WorkflowSpec(Spec, kw_only=True, frozen=True):
    """Steps in sequence."""

    description: str | None = None
    inputs: dict[str, Any] = {}
    """JSON Schema of the inputs."""
    timeout: Duration = "1h"
    steps: Annotated[list[StepSpec], msgspec.Meta(min_length=1, max_length=200)]


# Landscape and people


class ServiceSpec(Spec, kw_only=True, frozen=True):
    """What people depend on."""

    description: str | None = None
    owner: str | None = None
    """`team:name`; the default addressee of its incidents."""
    criticality: Literal["low", "medium", "high", "critical"] = "medium"
    resources: list[str] = []
    """Resources that belong to it: exact, or globs with `*`."""
    labels: dict[str, str | list[str]] = {}
    """Events whose labels match belong to it, too."""


class TeamSpec(Spec, kw_only=True, frozen=True):
    """People who own services, and the channels that reach them."""

    description: str | None = None
    members: list[str] = []
    channels: list[str] = []


class ChannelSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """A way to tell someone."""

    type: str
    """A notifier: `email`, `webhook`, `apprise`, or one from a plugin."""
    with_: dict[str, Any] = {}


class Threshold(Spec, kw_only=True, frozen=True):
    """Limits on one metric of a monitor. With `below: true` a low value is bad."""

    metric: str
    warning: float | None = None
    minor: float | None = None
    major: float | None = None
    critical: float | None = None
    below: bool = False
    hysteresis: Annotated[float, msgspec.Meta(ge=0.0)] = 0.0
    """How far back inside the limit the value must come to clear."""
    readings: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """Consecutive readings before a change of state."""


class MonitorSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """An active probe."""

    uses: str
    """`host.cpu`, `host.memory`, `host.disk`, `host.load`, `host.process`, `http`, `heartbeat`, or from a plugin."""
    every: Duration = "30s"
    timeout: Duration = "10s"
    resource: str | None = None
    service: str | None = None
    labels: dict[str, str] = {}
    with_: dict[str, Any] = {}
    thresholds: list[Threshold] = []
    retries: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """Failed probes in a row that are forgiven before the alarm."""
    grace: Duration = "30s"
    """Heartbeats: how late one may be."""
    severity: Literal["warning", "minor", "major", "critical"] = "major"
    """Of a probe that fails or a heartbeat that stays away."""


class SourceSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """Receives events from outside in some format, at `/in/{name}` or at the endpoint of its protocol."""

    type: str
    """`cloudevents`, `alertmanager`, `pagerduty`, or from a plugin."""
    description: str | None = None
    service: str | None = None
    labels: dict[str, str] = {}
    with_: dict[str, Any] = {}
    routing_key: str | None = None
    """PagerDuty: `secret://name` of the 32-character key that senders use."""


class OutboundAllowSpec(Spec, kw_only=True, frozen=True):
    """An exception to the guard on outbound connections."""

    host: str
    """A name, an address or a CIDR range."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    expires: str | None = None
    reason: str | None = None


KINDS: Final[dict[str, type[Spec]]] = {
    "Policy": PolicySpec,
    "Workflow": WorkflowSpec,
    "Service": ServiceSpec,
    "Team": TeamSpec,
    "Channel": ChannelSpec,
    "Monitor": MonitorSpec,
    "Source": SourceSpec,
    "OutboundAllow": OutboundAllowSpec,
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
    applied_by: str
    updated_at: datetime
    deleted: bool = False
    position: str = ""
