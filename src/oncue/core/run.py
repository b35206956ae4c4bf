"""Runs: one execution of a workflow each, and its steps. State folded from events, never re-executed code.

A run, each of its steps and each version of a workflow that a run pins are rows of their own, so that what a step changes
costs what that step weighs, however long the run is.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from oncue.core.workflow_spec import WorkflowSpec

RunState = Literal[
    "queued", "running", "paused", "rolling_back", "succeeded", "failed", "cancelled", "rolled_back", "rollback_failed"
]
Wants = Literal["", "cancel", "fail", "undo"]
StepState = Literal[
    "running",
    "waiting",
    "validating",
    "succeeded",
    "approved",
    "timed_out",
    "skipped",
    "failed",
    "rejected",
    "failed_validation",
    "unknown",
    "cancelled",
]

OVER: Final = frozenset({"succeeded", "failed", "cancelled", "rolled_back"})
"""States in which a run has ended."""
UNDOING: Final = frozenset({"rolling_back", "rollback_failed"})
"""States in which a run is being undone, which nothing but a person cuts short."""
ACTIVE: Final = frozenset({"running", "waiting", "validating"})
"""States in which a step is not over."""
WELL: Final = frozenset({"succeeded", "approved", "timed_out", "skipped"})
"""States in which a step is over, and the next one may begin."""


class Compensation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What undoes a step: noted down when the step begins."""

    inputs: Any = None
    """Resolved; None while they need the step's own result."""
    missing: str | None = None
    """Why they are not known."""
    labels: dict[str, str] = {}
    """What a worker must say of itself to be given it."""


class Step(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """One unit of a run. Mutable: only the engine changes it, through `Tx.touch`.

    Its address is the path of the steps that it lies in, with the key of the item it is for: `others[host-1]/check`. An
    item of a `for_each` is a step, too: `others[host-1]`. What looks whether a step brought about what it should is
    `clean~validate`, what undoes it `clean~rollback`; what is looked at before it begins, and while it runs, has rows of its
    own, `clean~before` and `clean~during`.
    """

    id: str
    """`run/address`."""
    run: str
    namespace: str
    address: str
    node: str
    """The step's id in the workflow."""
    uses: str
    """The action, or the form: `steps`, `for_each`, `item`, `parallel`, `switch`, `try`, `wait`, `approval`, `run`, `emit`,
    `set`."""
    state: StepState
    reason: str | None = None
    """Why it is in this state, if that needs saying: `if` was false, error code and text, next try."""
    attempt: int = 0
    inputs: Any = None
    """Resolved `with`; secrets stay references."""
    result: Any = None
    """Of `~before`: what was found by validations that compare it with what they find later, by their number."""
    outputs: dict[str, Any] = {}
    error_code: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    next_try_at: datetime | None = None
    effect: str | None = None
    """The effect that is or was last under way for it."""
    awaits: str | None = None
    """What it waits for, for people: `event volume.resized`, `approval AP-...`, `run run-...`."""
    ended_in: int = 0
    """Position at which it ended: what undoes steps goes through them backwards."""
    # steps that hold others
    block: str = ""
    """Which of its steps are run: the number of a case, `catch`, `finally`; empty for those it begins with."""
    at: int = 0
    """How many of the block's steps have begun, or how many items."""
    under_way: int = 0
    """How many of them are not over: of `parallel` and `for_each`."""
    failures: int = 0
    total: int = 0
    """Items, or branches."""
    item: Any = None
    """Of an item: the item."""
    index: int = 0
    failed_at: str | None = None
    """Address of the step that failed in it."""
    # what follows it
    held: int = 0
    """How many of its validations hold already; the next one is looked at."""
    looks: int = 0
    """How often it was looked whether it brought about what it should."""
    well: int = 0
    """How many looks in a row found that it did."""
    ill: int = 0
    """How many looks found that it did not."""
    validate_until: datetime | None = None
    """Until when that may take."""
    holding_since: datetime | None = None
    """Since when what should hold after it does, while it must last."""
    compensation: Compensation | None = None
    nothing_done: bool = False
    """Of one that failed: whether it is known of every attempt that it changed nothing, so that there is nothing to undo."""
    undone: bool = False
    """Whether what it did was undone, or someone said so."""
    settled: str | None = None
    """Who said so though nothing undid it, and why."""
    copied_from: str | None = None
    """The run whose result it has."""
    again_by: str | None = None
    """Who had it tried again, beside another branch of its `parallel` that failed as well: it is when that goes on."""


class Items(msgspec.Struct, frozen=True):
    """What a `for_each` goes through: a cell by the step's id, written once."""

    items: list[Any]
    keys: list[str]
    """What each is called, no two alike."""


class Retried(msgspec.Struct, frozen=True):
    """Steps that people had tried again although the try before may have changed something: a cell by the run's id."""

    addresses: list[str]


class UndoneFor(msgspec.Struct, frozen=True):
    """Why a run is undone whose rollback has stopped: a cell by the run's id, as long as it stands there."""

    reason: str | None


class AskedAgain(msgspec.Struct, frozen=True):
    """An ask that was rejected, and is asked again."""

    said: str
    """Who rejected it last, and why."""
    by: str
    """Who has it asked again."""
    why: str
    times: int
    """How often it was rejected."""


class Rejected(msgspec.Struct, frozen=True):
    """The asks of a run that were rejected and are asked again, by address: a cell by the run's id."""

    of: dict[str, AskedAgain]


class Pins(msgspec.Struct, frozen=True):
    """The versions of the workflows that a run's steps run, at whatever depth: a cell by the run's id."""

    of: dict[str, str]
    """Content hash by name."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a run that a step waits for: a cell by the step's id, there until the step has taken it."""

    run: str
    state: RunState
    reason: str | None
    outputs: dict[str, Any]
    rejected_by: str | None = None
    """Who rejected what was asked in it, if somebody did."""


class Story(msgspec.Struct, frozen=True):
    """The runs that one event has led to, whatever lay in between: a cell by the event's correlation, while any of them is
    under way."""

    started: int
    under_way: int


class Run(msgspec.Struct, kw_only=True, gc=False):
    """A run's present state. Mutable: only the engine changes it, through `Tx.touch`."""

    id: str
    namespace: str
    workflow: str
    version: str
    """Content hash of the definition that this run pins."""
    state: RunState
    reason: str | None = None
    inputs: dict[str, Any] = {}
    trigger: dict[str, Any] = {}
    """`{kind: policy|event|schedule|manual|request|run|fork, policy?, trigger?, planned_at?, event?, alert?, actor?, request?, lane?,
    run?, step?, hands?}`."""
    requester: str | None = None
    """Who asked for it, whatever started it in between: `user:name`. They never approve anything of it."""
    may: tuple[str, ...] | None = None
    """Of the permissions that acts within OnCue need, those that whoever asked for it held then, and the run above it; None
    for no such bound."""
    variables: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    created_at: datetime
    started_at: datetime | None = None
    updated_at: datetime
    ended_at: datetime | None = None
    deadline_at: datetime | None = None
    incident: str | None = None
    alert: str | None = None
    service: str | None = None
    resource: str | None = None
    priority: int = 3
    gate: str | None = None
    """Where it is counted while it is under way, or waits to be."""
    parent: str | None = None
    """The step that runs it: `run/address`."""
    depth: int = 0
    """How many runs lie above it."""
    forked_from: str | None = None
    story: str = ""
    """Correlation of the event that led to it: what it does belongs to that."""
    hops: int = 0
    """How many facts and events of OnCue's own lay between."""
    failed_at: str | None = None
    """Address of the step that failed."""
    agenda: tuple[str, ...] = ()
    """Addresses of what is to go on; more than one input's worth, or put off by a pause."""
    paused_by: str | None = None
    paused_at: datetime | None = None
    wants: Wants = ""
    """What becomes of it when it has been rolled back. While it is running: what becomes of it when it has done what is done in
    any case, for it was stopped; `undo` if it is cancelled and undone."""
    undoing: str | None = None
    """Address of the step that is being undone."""
    undo_within: str | None = None
    """Address of the item to which undoing is limited; None for all."""
    stuck: bool = False
    """Whether an alert says that it stands still."""
    tickets: tuple[str, ...] = ()
    """Tickets that it wrote, which note how it ends."""
    position: str = ""

    @property
    def behind(self) -> tuple[str, ...]:
        """Who besides its requester stands behind it: whoever started it, and had a hand in the change that it carries out."""
        those = (self.trigger.get("actor"), *self.trigger.get("hands", ()))
        return tuple(one for one in those if one not in (None, self.requester))


class Definition(msgspec.Struct, kw_only=True):
    """A version of a workflow: what runs pin. There as long as a run of it is under way; its row remains."""

    id: str
    """SHA-256 over the canonical JSON of what the workflow is."""
    namespace: str
    workflow: str
    spec: WorkflowSpec
    updated_at: datetime
