"""Changes as they are written: what is done to which targets, in which waves, when, with whose consent, and what undoes it.

A `ChangeTemplate` says how a kind of change is made. A change takes one, or brings its own, and says what for.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.approval import ApprovalSpec
from oncue.core.contact import Addressee
from oncue.core.duration import Duration
from oncue.core.prioritise import Priority
from oncue.core.spec import Name, Spec
from oncue.core.workflow_spec import Share, StepSpec

ChangeType = Literal["standard", "normal", "emergency"]
"""`standard`: agreed to once and for all, by whoever applied the template; `normal`: approved each time; `emergency`: approved
by one stage, and reviewed in any case."""
RiskLevel = Literal["low", "medium", "high", "very_high"]
TARGETS_LIMIT: Final = 2_000
"""Targets of a change."""
RESERVED: Final = frozenset({"waves", "gate", "clear", "targets", "bake", "bake_end"})
"""Ids of the steps that a change has of its own."""

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class ChangeTargets(Spec, kw_only=True, frozen=True):
    """What is changed: what is named, and every resource that fits all of the rest. It is looked up when the change is
    submitted, and stays as it was found."""

    names: Annotated[list[_Text], msgspec.Meta(max_length=TARGETS_LIMIT)] = []
    """Resources or services, known or not."""
    labels: dict[str, list[str]] = {}
    """Label to values, of which a resource has one."""
    type: str | None = None
    """Of the resource, as `host`."""
    service: Name | None = None
    """The service that the resource provides."""
    at_most: Annotated[int, msgspec.Meta(ge=1, le=TARGETS_LIMIT)] = 500
    """If there are more, the change is refused."""


class Waves(Spec, kw_only=True, frozen=True):
    """In how many goes the targets are changed. A wave begins when the one before is over and well."""

    canary: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    """Targets of a wave before all others."""
    then: Annotated[int, msgspec.Meta(ge=1)] | Share = "100%"
    """How many targets the next wave has, or what share of all."""
    growth: Annotated[float, msgspec.Meta(ge=1.0, le=10.0)] = 1.0
    """By which each further wave is larger than the one before."""
    spread_by: str | None = None
    """A label of resources, as `zone`: each wave takes its targets from as many of its values as it can."""
    max_parallel: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    """How many targets of a wave are worked on at the same time."""
    max_failures: Annotated[int, msgspec.Meta(ge=0)] | Share = 0
    """How many targets of a wave may fail, or what share of them."""
    gate: Annotated[list[ApprovalSpec], msgspec.Meta(max_length=10)] = []
    """Who must agree before each wave but the first."""
    bake: Duration | None = None
    """How long the targets of a wave must then stay well before the next one begins."""


class ChangeWindow(Spec, kw_only=True, frozen=True):
    """When it may be made."""

    calendar: Name
    """A `ChangeCalendar`."""
    on_close: Literal["finish_wave_then_pause", "pause", "rollback", "continue"] = "finish_wave_then_pause"
    """What becomes of a change that is not through when the window closes. One that is paused goes on when the next one opens."""


class Times(Spec, kw_only=True, frozen=True):
    """A period, once or again and again. Give `ends_at` or `duration`; `duration` with `rrule`."""

    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """What it is: `Sunday night`, `year-end closing`."""
    starts_at: str
    """As 2027-05-01T22:00, on the wall clock of `zone`, or with an offset. Of `rrule` the first beginning, if it is one."""
    ends_at: str | None = None
    """As `starts_at`; of one that is only once."""
    duration: Duration | None = None
    """How long it lasts, in real time."""
    rrule: str | None = None
    """When it is again, as RFC 5545 has it: `FREQ=WEEKLY;BYDAY=SU`."""
    zone: str = "UTC"
    """Whose wall clock is meant, as Europe/Berlin."""


class ChangeCalendarSpec(Spec, kw_only=True, frozen=True):
    """When changes may be made: within its windows, and never within its freezes."""

    description: str | None = None
    """Whose calendar it is."""
    windows: Annotated[list[Times], msgspec.Meta(max_length=100)] = []
    """When; without any, at any time that is not frozen."""
    freezes: Annotated[list[Times], msgspec.Meta(max_length=100)] = []
    """When nothing is changed. Only broken glass passes over them."""
    for_all: bool = False
    """Whether its freezes hold for every change of the namespace, and not only for those that name it."""


class ChangeRuleSpec(Spec, kw_only=True, frozen=True):
    """Who must at least agree to the changes of a namespace, whomever those ask themselves."""

    description: str | None = None
    """Why."""
    types: Annotated[list[ChangeType], msgspec.Meta(min_length=1, max_length=3)] = msgspec.field(
        default_factory=lambda: ["normal", "emergency"]
    )
    """For which changes it holds. Those of type `standard` are agreed to with their template, unless you name them."""
    min_risk: RiskLevel = "low"
    """For changes that are at least so risky."""
    configuration: Literal["open", "by_change"] = "open"
    """`by_change`: manifests of the namespace are taken only by a change that these people agreed to. `oncue apply --propose` drafts
    one. A `Change` itself can always be applied."""
    open_kinds: Annotated[list[str], msgspec.Meta(max_length=50)] = []
    """Kinds that can be applied without, as MaintenanceWindow; never ChangeRule, nor Team if a team is asked."""
    approvals: Annotated[list[ApprovalSpec], msgspec.Meta(min_length=1, max_length=10)]
    """Stages that are added to those of the change, unless one of those asks the same people, or some of them. Of an emergency,
    which is approved in one stage, they take the place of its own."""


class Preconditions(Spec, kw_only=True, frozen=True):
    """What must hold before it begins, and before each wave."""

    healthy: bool = True
    """No alert fires on a target that a person is called for."""
    no_incidents: list[Priority] = msgspec.field(default_factory=lambda: ["P1", "P2"])
    """No incident of these priorities is open on a target, or on what it needs."""
    alone: bool = True
    """No other change runs on a target, or on what it needs or is needed by."""
    owner_free: bool = True
    """No other change runs whose `owner` is the same person. A team is never busy."""
    that: str | None = None
    """CEL over `targets` and `inputs`."""


class Expected(Spec, kw_only=True, frozen=True):
    """Alerts that the change may cause on its targets: they call nobody while it runs."""

    types: Annotated[list[_Text], msgspec.Meta(min_length=1, max_length=50)]
    """Of their events."""
    at_most: Duration = "30m"
    """How long each of them may last; one that lasts longer calls people."""


class ChangeFailure(Spec, kw_only=True, frozen=True):
    """What is done when the change has failed."""

    rollback: Literal["none", "target", "wave", "all"] = "all"
    """What is undone: of the target that failed last, of its wave, or of all."""
    pause: bool = False
    """Whether it stands still first, so that this is seen and told; with `rollback: none` until a person decides."""
    notify: Annotated[list[Addressee], msgspec.Meta(max_length=20)] = []
    """Who is told."""


class ChangeTemplateSpec(Spec, kw_only=True, frozen=True):
    """How a change is made."""

    description: str | None = None
    """What it does."""
    type: ChangeType = "normal"
    """How it is agreed to."""
    inputs: dict[str, Any] = {}
    """JSON Schema of what whoever wants it gives, as for a workflow."""
    targets: ChangeTargets = msgspec.field(default_factory=ChangeTargets)
    """What may be changed by it. A change may name fewer."""
    steps: Annotated[list[StepSpec], msgspec.Meta(min_length=1, max_length=200)]
    """What is done to each target, which expressions call `target`. As in a workflow: with `validate` and `rollback`."""
    waves: Waves = msgspec.field(default_factory=Waves)
    preconditions: Preconditions = msgspec.field(default_factory=Preconditions)
    window: ChangeWindow | None = None
    """When it may be made; without it, at any time."""
    approvals: Annotated[list[ApprovalSpec], msgspec.Meta(max_length=10)] = []
    """Who must agree: stages, one after the other. Whoever wants it never counts."""
    bake: Duration | None = None
    """How long all targets must stay well at the end."""
    expects: Annotated[list[Expected], msgspec.Meta(max_length=20)] = []
    """Alerts that it may cause."""
    on_failure: ChangeFailure = msgspec.field(default_factory=ChangeFailure)
    timeout: Duration = "8h"
    """Of the whole, waits and approvals included; a pause does not count."""
    review: Literal["always", "on_failure", "never"] = "on_failure"
    """When a person looks back on it before it is closed. An emergency change always is."""
    max_risk: RiskLevel = "very_high"
    """A change that is riskier than this goes back to whoever wants it."""
    owner: Addressee | None = None
    """Who is told what becomes of it. A person is busy with one change at a time: `preconditions.owner_free`."""


class PlannedChangeSpec(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """One change that is wanted. Give `template`, or `plan`."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    """What people call it; by default the template's description, or its name."""
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]
    """Why it is wanted."""
    template: Name | None = None
    """A `ChangeTemplate` of the namespace."""
    plan: ChangeTemplateSpec | None = None
    """How it is made, if there is no template for it."""
    with_: dict[str, Any] = {}
    """Its inputs."""
    targets: Annotated[list[_Text], msgspec.Meta(max_length=TARGETS_LIMIT)] = []
    """Fewer targets than the template has: each must be one of those."""
    start_at: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    """Not before this instant, as 2027-05-01T22:00:00Z."""
    deadline: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    """If it has not begun by this instant, it is cancelled, be it still a draft. One that a manifest brings after that is
    cancelled at once."""
    submit: bool = True
    """Whether it is submitted at once; otherwise it stays a draft until someone does."""
