"""The form of a test file: what is given, and what is expected of it.

One YAML document of kind `Test` in a file that ends in `.test.yaml`. It is read like a manifest, and never applied.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.duration import Duration, length_s
from oncue.core.manifest import API_VERSION, Metadata
from oncue.core.prioritise import Priority
from oncue.core.run import RunState, StepState
from oncue.core.spec import Name
from oncue.manifests import Parsed, Problem
from oncue.manifests.document import Path_
from oncue.manifests.shape import Misfit, misfits

KIND: Final = "Test"
SUFFIX: Final = ".test.yaml"

Times = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Severity = Literal["clear", "info", "warning", "minor", "major", "critical"]
State = Literal["firing", "resolved"]


class Part(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """What all parts of a test have in common: unknown keys are refused."""


class Outcome(Part, kw_only=True, frozen=True):
    """What an action comes to."""

    result: Any = None
    """What it gives: what `result` is in the step's `outputs`."""
    error: str | None = None
    """It fails with this code, as `http.status` or `timeout`."""
    transient: bool = False
    """The failure may pass: the step is tried again, if its `retry` says so."""
    nothing_done: bool = False
    """The failure is from before anything was done: a rollback leaves the step out."""


class Repeat(Part, kw_only=True, frozen=True):
    """The event comes more than once, each time as a new one."""

    every: Duration
    """From one to the next."""
    times: Times
    """The first one included."""


class Sample(Part, kw_only=True, frozen=True):
    """A monitor reads a value."""

    metric: str
    """Policies see a reading as an event of this type."""
    value: float
    """Expressions see it as `event.data.value`."""
    resource: str
    """What was looked at."""
    monitor: str = "test"
    """The monitor's name; it need not be there."""
    unit: str | None = None
    """Of the value, for people."""
    service: str | None = None
    """What it concerns; without it, the catalogue of services decides."""
    labels: dict[str, str] = {}
    """Of the reading."""


class Which(Part, kw_only=True, frozen=True):
    """Those alerts of which all that is given holds."""

    resource: str | None = None
    check: str | None = None
    title: str | None = None


class WhichIncident(Part, kw_only=True, frozen=True):
    """Those open incidents of which all that is given holds; with nothing, all of them."""

    service: str | None = None
    title: str | None = None
    priority: Priority | None = None


Reason = Literal[
    "first", "repeat", "again", "new_alerts", "escalated", "not_acknowledged", "unreachable", "acknowledgement_lapsed",
    "target_missed", "called", "audible", "steady", "snooze_over", "update_due", "resolved", "bundle", "message",
]  # fmt: skip


class Silence(Part, kw_only=True, frozen=True, rename={"for_": "for"}):
    """Someone silences what has these labels or fields."""

    matchers: dict[str, str]
    """Label or field (`resource`, `severity`, `check`, ...) to the value that it must have; all of them."""
    for_: Duration
    """How long, from now on."""


class StartRun(Part, kw_only=True, frozen=True):
    """Someone starts a workflow."""

    workflow: str
    """Its name."""
    inputs: dict[str, Any] = {}
    """What it takes."""
    by: str = "user:tester"
    """Who."""


class CancelRuns(Part, kw_only=True, frozen=True):
    """Someone cancels the runs of a workflow that are under way."""

    workflow: str
    """Its name."""
    rollback: bool = False
    """Whether what they did is undone."""
    at_once: bool = False
    """Whether they end without what is under `finally`, or in the middle of that."""
    by: str = "user:tester"
    """Who."""


class Decide(Part, kw_only=True, frozen=True):
    """Someone decides about the approvals that are asked for."""

    decision: Literal["approve", "reject"]
    by: str
    """Who, as `user:basis-1`."""
    step: str | None = None
    """Address of the step that asks; every one unless it is given."""


class ExpectedAlert(Part, kw_only=True, frozen=True):
    """An alert; only what is given is compared."""

    namespace: str | None = None
    title: str | None = None
    severity: Severity | None = None
    state: State | None = None
    resource: str | None = None
    service: str | None = None
    check: str | None = None
    labels: dict[str, str] | None = None
    """Those it has at least."""
    quiet: list[str] | None = None
    """Its reasons for quiet, all of them: `silenced`, `maintenance`, `inhibited`, ..."""
    count: Count | None = None
    at: Duration | None = None
    """When it was first seen."""
    resolved_at: Duration | None = None


class ExpectedNotification(Part, kw_only=True, frozen=True):
    """Somebody is told; only what is given is compared."""

    to: str | None = None
    """The channel's name."""
    reason: Reason | None = None
    title: str | None = None
    at: Duration | None = None


class ExpectedIncident(Part, kw_only=True, frozen=True):
    """An incident; only what is given is compared."""

    namespace: str | None = None
    title: str | None = None
    service: str | None = None
    resource: str | None = None
    severity: Severity | None = None
    priority: Literal["P1", "P2", "P3", "P4", "P5"] | None = None
    state: Literal["open", "acknowledged", "resolved", "closed"] | None = None
    alerts_total: Count | None = None
    at: Duration | None = None


class ExpectedRun(Part, kw_only=True, frozen=True):
    """A run of a workflow; only what is given is compared."""

    workflow: str | None = None
    state: RunState | None = None
    inputs: dict[str, Any] | None = None
    """Those it has at least."""
    outputs: dict[str, Any] | None = None
    """Those it has at least."""
    steps: dict[str, StepState] | None = None
    """Address of a step, as `others[host-1]/check`, to its state: those it has at least."""
    order: list[str] | None = None
    """Addresses of steps in the order in which they begin: those it has at least."""
    never: list[str] | None = None
    """Addresses of steps of which none has begun."""
    at: Duration | None = None


class ExpectedTicket(Part, kw_only=True, frozen=True):
    """A ticket; only what is given is compared."""

    type: Literal["incident", "change", "request", "problem"] | None = None
    title: str | None = None
    state: Literal["new", "in_progress", "resolved", "closed"] | None = None
    severity: Severity | None = None
    at: Duration | None = None


class ExpectedChangeRecord(Part, kw_only=True, frozen=True):
    """A change on record; only what is given is compared."""

    title: str | None = None
    kind: str | None = None
    by: str | None = None
    state: Literal["running", "succeeded", "failed", "cancelled", "lapsed"] | None = None
    resources: list[str] | None = None
    """All of them."""
    services: list[str] | None = None
    """All of them."""
    at: Duration | None = None
    """When it began."""


class ExpectedDecision(Part, kw_only=True, frozen=True):
    """That a policy fired, or did not and why; only what is given is compared."""

    policy: str | None = None
    """Its name."""
    outcome: Literal["fired", "blocked", "failed"] | None = None
    reason: str | None = None
    at: Duration | None = None


Any_ = Literal["any"]


class Expected(Part, kw_only=True, frozen=True):
    """All that has happened so far, and nothing else. `any` for what is not looked at."""

    alerts: list[ExpectedAlert] | Any_ = []
    """Each alert that there has been, those that have resolved included."""
    notifications: list[ExpectedNotification] | Any_ = []
    """Each message to each channel."""
    runs: list[ExpectedRun] | Any_ = []
    """Each run of a workflow."""
    tickets: list[ExpectedTicket] | Any_ = []
    """Each ticket."""
    incidents: list[ExpectedIncident] | Any_ = "any"
    """Each incident; not looked at unless it is given."""
    change_records: list[ExpectedChangeRecord] | Any_ = "any"
    """Each change on record; not looked at unless it is given."""
    decisions: list[ExpectedDecision] = []
    """Those there are at least."""


class Given(Part, kw_only=True, frozen=True):
    """One thing that happens. Give one of `event`, `sample`, `heartbeat`, `acknowledge`, `take`, `run`, `decide`, `cancel`,
    `unreachable`, `resolve`, `silence`, `expect`."""

    at: Duration | None = None
    """Since the start; the time of what stands before it if not given. It may not lie before that."""
    event: dict[str, Any] | None = None
    """A CloudEvent: `type`, and what it has of `severity`, `resource`, `check`, `data`, ...; `labels` may be a mapping."""
    repeat: Repeat | None = None
    """With `event`."""
    sample: Sample | None = None
    """A monitor reads a value."""
    heartbeat: str | None = None
    """The heartbeat monitor of this name hears a beat. It is missed only if it has been heard before."""
    acknowledge: Which | None = None
    """Someone acknowledges these alerts."""
    take: WhichIncident | None = None
    """Someone acknowledges these incidents: nobody else is called."""
    run: StartRun | None = None
    """Someone starts a workflow."""
    decide: Decide | None = None
    """Someone approves, or does not."""
    cancel: CancelRuns | None = None
    """Someone cancels runs."""
    unreachable: str | None = None
    """From now on this channel cannot be reached."""
    resolve: Which | None = None
    """Someone resolves these alerts by hand."""
    silence: Silence | None = None
    """Someone wants quiet."""
    expect: Expected | None = None
    """What must have happened by then."""


class Case(Part, kw_only=True, frozen=True):
    """One story."""

    name: str
    """What it is about, in a sentence."""
    given: list[Given]
    """What happens, in the order of time."""
    until: Duration | None = None
    """Since the start: when it is judged. With the last thing that happens if not given."""
    actions: dict[str, Outcome] = {}
    """As those of the file, which they go before."""
    expect: Expected | None = None
    """At the end."""


class Story(Part, kw_only=True, frozen=True):
    """The spec of a test file."""

    manifests: list[str] = msgspec.field(default_factory=lambda: ["."])
    """Files, or directories of them, seen from where the test file is."""
    namespace: Name = "default"
    """Of manifests and events that name none."""
    start: str = "2026-03-02T09:00:00Z"
    """The instant of 0s; RFC 3339. A Monday morning."""
    actions: dict[str, Outcome] = {}
    """Action (`http.request`), or `workflow/step` with the step's id or address, to what it comes to; of a look of `validate`
    `workflow/step~validate`, of one before the step or while it runs `workflow/step~before~validate` and
    `workflow/step~during~validate`, of a rollback `workflow/step~rollback`. The others succeed and give nothing."""
    cases: Annotated[list[Case], msgspec.Meta(min_length=1)]
    """The stories. Each has an engine of its own; none knows of the others."""


_ONE: Final = (
    "event",
    "sample",
    "heartbeat",
    "acknowledge",
    "take",
    "run",
    "decide",
    "cancel",
    "unreachable",
    "resolve",
    "silence",
    "expect",
)


def check(parsed: Parsed) -> tuple[Story | None, str, list[Problem]]:
    """The test if it can be taken, its name, and everything that is wrong with it."""
    value = parsed.value
    if not isinstance(value, dict) or value.get("kind") != KIND:
        return None, "", [problem(parsed, Misfit(("kind",), f"a test file holds documents of kind {KIND}"))]
    wrong = [
        Misfit((key,), f"{key} is not known here")
        for key in value
        if key not in ("apiVersion", "kind", "metadata", "spec")
    ]
    if value.get("apiVersion") != API_VERSION:
        wrong.append(Misfit(("apiVersion",), f"write apiVersion: {API_VERSION}"))
    wrong += misfits(value.get("metadata", {}), Metadata, ("metadata",), parsed.plain)
    wrong += misfits(value.get("spec", {}), Story, ("spec",), parsed.plain)
    if not wrong:
        test = msgspec.convert(value["spec"], Story)
        wrong = _senseless(test)
        if not wrong:
            return test, value["metadata"]["name"], []
    return None, "", [problem(parsed, one) for one in wrong]


def _senseless(test: Story) -> list[Misfit]:
    """What the schema cannot say."""
    wrong: list[Misfit] = []
    try:
        start = msgspec.convert(test.start, datetime)
        if start.tzinfo is None:
            raise msgspec.ValidationError("no time zone")
    except msgspec.ValidationError:
        wrong.append(Misfit(("spec", "start"), f"{test.start!r} is not an instant such as 2026-03-02T09:00:00Z"))
    for number, case in enumerate(test.cases):
        path: Path_ = ("spec", "cases", number)
        before = 0.0
        for index, given in enumerate(case.given):
            here: Path_ = (*path, "given", index)
            named = [name for name in _ONE if getattr(given, name) is not None]
            if len(named) != 1:
                wrong.append(Misfit(here, f"give one of {', '.join(_ONE)}, not {' and '.join(named) or 'none'}"))
            if given.repeat is not None and given.event is None:
                wrong.append(Misfit((*here, "repeat"), "only an event repeats"))
            at = length_s(given.at) if given.at is not None else before
            if at < before:
                wrong.append(Misfit((*here, "at"), f"{given.at} lies before what stands before it"))
            before = at
        if case.until is not None and length_s(case.until) < before:
            wrong.append(Misfit((*path, "until"), f"{case.until} lies before the last thing that happens"))
        if case.expect is None and not any(given.expect for given in case.given):
            wrong.append(Misfit(path, "it expects nothing; write expect"))
    return wrong


def problem(parsed: Parsed, misfit: Misfit) -> Problem:
    """What is wrong, with its place in the test file."""
    place = parsed.place(misfit.path)
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in misfit.path).lstrip(".")
    return Problem("test.invalid", misfit.detail, path=dotted, file=parsed.file, line=place.line, column=place.column)
