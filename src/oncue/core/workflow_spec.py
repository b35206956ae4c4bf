"""Workflows as they are written: steps, and how they hold together.

A step has one form, by the member that it gives: an action (`uses`), a workflow of its own (`run`), steps (`steps`, with
`for_each` once for each item), `parallel`, `switch`, `try`, a `wait`, an approval (`approvals`), an event (`emit`) or
variables (`set`). Its id is unique in the workflow.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.core.approval import ApprovalSpec
from oncue.core.contact import Addressee
from oncue.core.duration import Duration
from oncue.core.self_service import SelfService
from oncue.core.spec import Name, Spec, StepId
from oncue.core.trigger import TRIGGERS_LIMIT, Trigger

ITEMS_LIMIT: Final = 100_000
"""Items that a `for_each` takes."""
PARALLEL_LIMIT: Final = 1_000
"""How many of them are worked on at the same time."""
DEPTH_LIMIT: Final = 16
"""How deep steps may lie in each other."""

Steps = Annotated[list["StepSpec"], msgspec.Meta(min_length=1, max_length=200)]
Labels = Annotated[
    dict[
        Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$")],
        Annotated[str, msgspec.Meta(min_length=1, max_length=200)],
    ],
    msgspec.Meta(max_length=8),
]
Share = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,3}%$", description="A share, as 10%")]


class Retry(Spec, kw_only=True, frozen=True):
    """How often and when to try again."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    """The first one included."""
    initial: Duration = "2s"
    """Before the second attempt: at least 100ms."""
    factor: Annotated[float, msgspec.Meta(ge=1.0, le=100.0)] = 2.0
    """By which each wait is longer than the one before."""
    max_delay: Duration = "5m"
    """The longest wait."""
    jitter: bool = False
    """Whether each wait is shortened by up to a half, so that what failed together does not come back together."""
    errors: list[str] = []
    """Error codes worth another attempt; empty means all that say they are passing."""


class SubRun(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """Another workflow of the namespace, run as a step. Its outputs are the step's result."""

    workflow: Name
    """Its name."""
    with_: dict[str, Any] = {}
    """Its inputs. Strings may hold `${CEL}`."""
    detached: bool = False
    """Whether the step is over as soon as the run has begun, and what becomes of the run is its own affair."""


class ForEach(Spec, kw_only=True, frozen=True, rename={"as_": "as"}):
    """The step's `steps` once for each item."""

    items: str | list[Any]
    """CEL that gives a list, or the list itself."""
    as_: StepId = "item"
    """What expressions call the item. `index` is its number, from 0."""
    key: str | None = None
    """CEL over the item: what it is called in addresses and on pages; by default the item itself if it is a text, else its
    number."""
    max_parallel: Annotated[int, msgspec.Meta(ge=1, le=PARALLEL_LIMIT)] = 1
    """How many are worked on at the same time."""
    max_failures: Annotated[int, msgspec.Meta(ge=0)] | Share = 0
    """How many may fail, or what share of them; with one more no other is begun, and the step fails."""


class Case(Spec, kw_only=True, frozen=True):
    """Steps for one case of a `switch`."""

    when: str | None = None
    """CEL; the first case for which it is true is taken. The last one may do without."""
    steps: Steps
    """What is done then."""


class WaitEvent(Spec, kw_only=True, frozen=True):
    """An event that a run waits for. All that is given must fit."""

    types: Annotated[list[str], msgspec.Meta(min_length=1, max_length=50)]
    """Its type is exactly one of these."""
    resource: str | None = None
    """What it is about. May hold `${CEL}`. With it, many runs may wait for the same types at no cost."""
    where: str | None = None
    """CEL over `event` and what the run knows."""


class Wait(Spec, kw_only=True, frozen=True, rename={"for_": "for"}):
    """What the run waits for: give `for`, `until` or `event`."""

    for_: Duration | None = None
    """So long."""
    until: str | None = None
    """CEL that gives an instant; one that has passed is no wait."""
    event: WaitEvent | None = None
    """An event. It is the step's result. One that came since the run began counts, too."""
    timeout: Duration | None = None
    """How long it waits for the event; by default as long as the run may take."""
    on_timeout: Literal["fail", "continue"] = "fail"
    """Whether the step fails then, or is over as `timed_out`."""


Phase = Literal["before", "during", "after"]


class Validate(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """What must hold after the step, before it, or while it runs. It is looked at again and again until it does, or the time
    is up; while the step runs, until that is over."""

    when: Phase | Annotated[list[Phase], msgspec.Meta(min_length=1, max_length=3)] = "after"
    """`before`: the step is not begun before it holds, and fails if it does not; `during`: it must hold as long as the step runs,
    which otherwise is stopped, and fails; `after`: the step is not over before it holds. Several of them look each time."""

    repeat: StepId | None = None
    """A step before this one, where it lies or around that, whose action is called again to look; one that was left out is not, and
    nobody can say. Give this or `uses`; with neither, `that` is evaluated as it is."""
    uses: str | None = None
    """An action that looks."""
    with_: dict[str, Any] = {}
    """What the action takes."""
    that: str
    """CEL over `result`, over `outputs` of the step that is repeated, and over `baseline`: what `result` was before the step
    began. One that speaks of `baseline` is not judged before the step, only measured; it is null if that could not be done."""
    every: Duration = "10s"
    """How long between looks: at least 100ms."""
    within: Duration = "1m"
    """How long it may take until it holds."""
    lasting: Duration | None = None
    """How long it must hold without a break."""
    no_data: Literal["fail", "wait", "pass"] = "wait"
    """What a look counts as that could not be made: `wait` looks again."""
    success_limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """How many looks in a row must find that it holds."""
    failure_limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    """With how many looks that find that it does not hold the validation has failed; without, it may take as long as `within`,
    and one look is enough while the step runs."""
    inconclusive: str | None = None
    """CEL, looked at where `that` does not hold: if this does, nobody can say, and the run pauses for a person."""


class Rollback(Spec, kw_only=True, frozen=True, rename={"with_": "with"}):
    """What undoes a step. It must do no harm if the step did nothing, or if it is done twice."""

    uses: str
    """An action."""
    with_: dict[str, Any] = {}
    """What it takes. Noted down when the step begins; what needs the step's own result, when it ends."""
    timeout: Duration = "5m"
    """Of one attempt."""
    retry: Retry = msgspec.field(default_factory=Retry)
    """How often and when to try again."""
    validate: Validate | None = None
    """What must hold after it; the step is not undone before it does."""


class StepSpec(
    Spec,
    kw_only=True,
    frozen=True,
    rename={"if_": "if", "with_": "with", "set_": "set", "try_": "try", "finally_": "finally"},
):
    """One step of a workflow. Give one of `uses`, `run`, `steps`, `parallel`, `switch`, `try`, `wait`, `approvals`, `emit`
    and `set`."""

    id: StepId
    """Its name, once in the workflow."""
    title: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """What people call it."""
    if_: str | None = None
    """CEL; the step is skipped if it is false."""
    uses: str | None = None
    """The action, as `http.request`."""
    with_: dict[str, Any] = {}
    """What the action takes. Strings may hold `${CEL}`."""
    run: SubRun | None = None
    """Another workflow."""
    steps: Steps | None = None
    """Steps in sequence; with `for_each` once for each item."""
    for_each: ForEach | None = None
    """Items for which `steps` are run."""
    parallel: Steps | None = None
    """Steps at the same time. One with `steps` of its own is a branch of several."""
    switch: Annotated[list[Case], msgspec.Meta(min_length=1, max_length=50)] | None = None
    """Cases, of which the first that fits is taken; none is skipped over."""
    try_: Steps | None = None
    """Steps whose failure `catch` takes."""
    catch: Steps | None = None
    """What is done when `try` has failed; `error` says how: `step`, `code`, `detail`."""
    finally_: Steps | None = None
    """What is done in any case. When the run is stopped it may take ten minutes, with those beside it; those around it have their own."""
    wait: Wait | None = None
    """A time or an event."""
    approvals: Annotated[list[ApprovalSpec], msgspec.Meta(min_length=1, max_length=10)] | None = None
    """Who must agree before it goes on: stages, one after the other."""
    ask: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    """What they are asked. May hold `${CEL}`."""
    emit: dict[str, Any] | None = None
    """An event: `type`, and what else `event.emit` takes."""
    set_: dict[str, Any] | None = None
    """Variables, for later expressions to see as `vars.NAME`. Strings may hold `${CEL}`."""
    outputs: dict[str, str] = {}
    """Name to CEL over `result`: what later steps see as `steps.ID.outputs.NAME`."""
    timeout: Duration = "1m"
    """Of one attempt of an action."""
    labels: Labels | None = None
    """What a worker must say of itself to be given the action, as `{site: east}`; so of what looks whether it had its effect, and
    of what undoes it. Values may hold `${CEL}`. Without, those of the workflow."""
    start_within: Duration | None = None
    """How long an attempt may wait for a worker that has room; then it fails with `timeout.start`."""
    heartbeat: Duration | None = None
    """How long an attempt may tell nothing, no line and no progress, before it is stopped as hanging, with
    `timeout.heartbeat`."""
    retry: Retry | None = None
    """How often and when an action is tried again that failed; without it, a failure is final."""
    validate: Validate | Annotated[list[Validate], msgspec.Meta(min_length=1, max_length=10)] | None = None
    """What must hold after it, before it, or while it runs: the step is not over before it does. Several are looked at one
    after the other."""
    on_failed_validation: Literal["fail", "continue"] = "fail"
    """Whether the step's failing to bring about what it should ends the run."""
    rollback: Rollback | None = None
    """What undoes it: an action, or another workflow with `run`, whatever that did. It is not called if the other run did not begin, or
    was rolled back itself; before it is, that run is over."""
    irreversible: bool = False
    """Whether nothing can undo it: a rollback that comes to it stops and asks."""
    on_failure: Literal["fail", "continue"] = "fail"
    """Whether the run fails with the step, or goes on."""


class OnFailure(Spec, kw_only=True, frozen=True):
    """What is done when the run has failed."""

    rollback: Literal["none", "all", "item", "batch"] = "none"
    """`all` undoes what was done, the last thing first; `item` what was done for the item of a `for_each` that the step lies in
    that failed, `batch` what was done for the outermost item around it. Outside of items, those undo all."""
    pause: bool = False
    """Whether it waits for a person first, who retries, skips, rolls back or gives it up."""
    pause_for: Duration | None = None
    """With `pause`: how long it waits for a person; then it is undone as `rollback` says. Without, it waits until someone
    comes."""
    notify: Annotated[list[Addressee], msgspec.Meta(max_length=20)] = []
    """Who is told."""


class RunConcurrency(Spec, kw_only=True, frozen=True):
    """What happens when the workflow is to run while it runs already."""

    by: Annotated[list[str], msgspec.Meta(max_length=8)] = []
    """CEL over `inputs`: for each value of these it counts apart; without, it counts all runs."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """How many may be under way."""
    when_busy: Literal["queue", "reject", "restart"] = "queue"
    """`queue`: it waits; `reject`: it is refused; `restart`: those under way are cancelled. One that is being undone is not: the
    last one that came waits for that."""
    max_queued: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    """How many may wait; beyond that it is refused."""
    queue_timeout: Duration | None = None
    """How long it may wait before it is given up."""


class RunRate(Spec, kw_only=True, frozen=True):
    """How often the workflow may begin."""

    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    """How many times at most."""
    within: Duration
    """The sliding time."""
    by: Annotated[list[str], msgspec.Meta(max_length=8)] = []
    """CEL over `inputs`, for whose values it counts apart."""


class WorkflowSpec(Spec, kw_only=True, frozen=True):
    """Steps, and what holds for a run of them."""

    description: str | None = None
    """What it does."""
    inputs: dict[str, Any] = {}
    """JSON Schema of the inputs, checked before a run starts: type, enum, const, bounds, lengths, pattern (RE2), items,
    properties and required. Any other rule is refused here."""
    outputs: dict[str, str] = {}
    """Name to CEL: what a run gives to the run that started it."""
    timeout: Duration = "1h"
    """Of the whole run, waits and approvals included; a pause does not count."""
    concurrency: RunConcurrency | None = None
    """What happens when it is to run while it runs already; without it, the runs go beside each other."""
    rate: RunRate | None = None
    """How often it may begin; what comes too often is refused."""
    priority: Annotated[int, msgspec.Meta(ge=1, le=5)] = 3
    """Of runs that wait for one another, and of steps that wait for a worker, the lower number goes first. A run within a run is
    as urgent as the one that started it, if that is more."""
    labels: Labels = {}
    """What a worker must say of itself to be given the actions of steps that have no labels of their own. Values may hold `${CEL}`
    over `inputs` and `now`."""
    triggers: Annotated[list[Trigger], msgspec.Meta(max_length=TRIGGERS_LIMIT)] = []
    """What starts it by itself, besides policies, people and other runs."""
    identity: Literal["viewer", "responder", "operator"] = "operator"
    """As which role its runs act within OnCue, on alerts, silences, incidents and tickets. A run that a person asked for acts
    within what that person may, too."""
    self_service: SelfService | None = None
    """Who else may ask for it to run, and how; without it, whoever may start runs."""
    steps: Steps
    """In the order in which they run."""
    on_failure: OnFailure = msgspec.field(default_factory=OnFailure)
    """What is done when a run has failed."""
    stuck_after: Duration = "1h"
    """How long a run may stand still, without a person or a time that it waits for, before that is an alert. Work that tells lines or
    progress goes on, as a worker says every minute."""
